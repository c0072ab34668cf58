// Writes the documentation that is made from tables in the source (build first): docs/configuration.md, and between their
// marks the CSV columns in docs/report.md and the causes in docs/kernel.md. With --check it changes nothing and fails when they are stale.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { format, resolveConfig } from 'prettier';
import { causesTable } from '../dist/src/kernel/document.js';
import { csvColumnsTable } from '../dist/src/report/document.js';
import { configurationDocument } from '../dist/src/settings/document.js';

const folder = path.join(import.meta.dirname, '..', 'docs');

/** Replaces what stands between two marks of a page. */
const between = (name, begin, end, table) => (text) => {
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`docs/${name} has lost the marks around its table`);
  return `${text.slice(0, from)}${begin}\n\n${table()}\n\n${text.slice(to)}`;
};

const pages = {
  'configuration.md': () => configurationDocument(),
  'report.md': between(
    'report.md',
    '<!-- csv columns: made by `npm run docs` from src/report/csv_columns.ts -->',
    '<!-- end of csv columns -->',
    csvColumnsTable,
  ),
  'kernel.md': between(
    'kernel.md',
    '<!-- causes: made by `npm run docs` from src/kernel/causes.ts -->',
    '<!-- end of causes -->',
    causesTable,
  ),
};

for (const [name, make] of Object.entries(pages)) {
  const file = path.join(folder, name);
  const old = readFileSync(file, { encoding: 'utf8', flag: 'a+' });
  const page = await format(make(old), { ...(await resolveConfig(file)), parser: 'markdown' });
  if (page === old) continue;
  if (process.argv.includes('--check')) {
    process.stderr.write(`docs/${name} is stale: npm run docs\n`);
    process.exitCode = 1;
  } else writeFileSync(file, page);
}
