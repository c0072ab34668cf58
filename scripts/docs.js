// Writes what is made from something else (build first). From tables in the source: docs/configuration.md, and between their
// marks the CSV columns in docs/report.md and the causes in docs/kernel.md. From probes/netflow.bt: the scripts for older
// kernels. With --check it changes nothing and fails when they are stale.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { format, resolveConfig } from 'prettier';
import { consoleReference, foreignTablesScript } from '../dist/src/console/document.js';
import { metricsReference } from '../dist/src/http/document.js';
import { causesTable } from '../dist/src/kernel/document.js';
import { csvColumnsTable } from '../dist/src/report/document.js';
import { configurationDocument } from '../dist/src/settings/document.js';
import { probeVariants } from './probe_variants.js';

const root = path.join(import.meta.dirname, '..');
const read = (name) => readFileSync(path.join(root, name), { encoding: 'utf8', flag: 'a+' });

/** Replaces what stands between two marks of a page. */
const between = (name, begin, end, table) => (text) => {
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${name} has lost the marks around its table`);
  return `${text.slice(0, from)}${begin}\n\n${table()}\n\n${text.slice(to)}`;
};

const pages = {
  'docs/configuration.md': () => configurationDocument(),
  'docs/report.md': between(
    'docs/report.md',
    '<!-- csv columns: made by `npm run docs` from src/report/csv_columns.ts -->',
    '<!-- end of csv columns -->',
    csvColumnsTable,
  ),
  'docs/kernel.md': between(
    'docs/kernel.md',
    '<!-- causes: made by `npm run docs` from src/kernel/causes.ts -->',
    '<!-- end of causes -->',
    causesTable,
  ),
  'docs/metrics.md': between(
    'docs/metrics.md',
    '<!-- metrics: made by `npm run docs` from src/http/metric_tables.ts -->',
    '<!-- end of metrics -->',
    metricsReference,
  ),
  'docs/console.md': between(
    'docs/console.md',
    '<!-- reference: made by `npm run docs` from src/console/tables/ -->',
    '<!-- end of reference -->',
    consoleReference,
  ),
};

function keep(name, text) {
  if (text === read(name)) return;
  if (process.argv.includes('--check')) {
    process.stderr.write(`${name} is stale: npm run docs\n`);
    process.exitCode = 1;
  } else writeFileSync(path.join(root, name), text);
}

for (const [name, make] of Object.entries(pages)) {
  const options = await resolveConfig(path.join(root, name));
  keep(name, await format(make(read(name)), { ...options, parser: 'markdown' }));
}
keep('examples/pgnetflow_fdw.sql', foreignTablesScript());
for (const [name, text] of Object.entries(probeVariants(read('probes/netflow.bt')))) {
  keep(`probes/${name}`, text);
}
