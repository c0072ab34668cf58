// Writes the documentation that is made from tables in the source (build first): docs/configuration.md, and the table
// of CSV columns between its marks in docs/report.md. With --check it changes nothing and fails when they are stale.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { format, resolveConfig } from 'prettier';
import { csvColumnsTable } from '../dist/src/report/document.js';
import { configurationDocument } from '../dist/src/settings/document.js';

const folder = path.join(import.meta.dirname, '..', 'docs');
const BEGIN = '<!-- csv columns: made by `npm run docs` from src/report/csv_columns.ts -->';
const END = '<!-- end of csv columns -->';

function withColumns(text) {
  const from = text.indexOf(BEGIN);
  const to = text.indexOf(END);
  if (from < 0 || to < from) throw new Error('docs/report.md has lost the marks around its CSV columns');
  return `${text.slice(0, from)}${BEGIN}\n\n${csvColumnsTable()}\n\n${text.slice(to)}`;
}

const pages = { 'configuration.md': () => configurationDocument(), 'report.md': withColumns };

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
