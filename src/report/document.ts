import { CSV_COLUMNS } from './csv_columns.ts';

/** The table of CSV columns in `docs/report.md`. */
export function csvColumnsTable(): string {
  const rows = CSV_COLUMNS.map(({ name, unit, describe }) => `| \`${name}\` | ${unit} | ${describe} |`);
  return ['| column | unit | what it holds |', '| --- | --- | --- |', ...rows].join('\n');
}
