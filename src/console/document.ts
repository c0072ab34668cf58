import type { ConsoleTable } from './table.ts';
import { SHOWN, VIEWED } from './tables.ts';

/** The tables of docs/console.md: each view and each command with its columns. */
export function consoleReference(): string {
  const views = [...VIEWED].map(([name, table]) => section(`\`${name}\``, table));
  const shown = [...SHOWN.values()].map((table) => section(`\`SHOW ${table.name.toUpperCase()}\``, table));
  return ['## Views', ...views, '## Commands', ...shown].join('\n\n');
}

function section(title: string, { help, columns }: ConsoleTable): string {
  const rows = columns.map(
    (column) => `| \`${column.name}\` | ${column.type} | ${escapeCell(column.help)} |`,
  );
  return `### ${title}\n\n${help}.\n\n| column | type | what it holds |\n| - | - | - |\n${rows.join('\n')}`;
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('*', '\\*');
}

/** A script for psql that makes the views foreign tables of another database. */
export function foreignTablesScript(): string {
  const tables = [...VIEWED].map(([name, { columns }]) => {
    const list = columns.map((column) => `  ${column.name} ${column.type}`);
    return `create foreign table netflow.${name} (\n${list.join(',\n')}\n) server netflow options (schema_name 'pg_temp');`;
  });
  return `${SCRIPT_HEAD}\n${tables.join('\n\n')}\n`;
}

const SCRIPT_HEAD = `-- The figures of a running pgnetflow in a database of yours, to be joined, kept and charted there.
-- Made by \`npm run docs\` from src/console/tables/. Run it with psql in that database, as a superuser:
--
--   psql -v host=127.0.0.1 -v port=6432 -v user=monitor -v password=secret -d metrics -f pgnetflow_fdw.sql
--
-- host and port are those of pgnetflow. The user logs in at the server behind it; a member of pg_monitor sees all.
-- Each query takes the figures of the moment: select * from netflow.netflow_statements order by bytes_sent desc limit 10;
\\set ON_ERROR_STOP on

create extension if not exists postgres_fdw;
create schema netflow;
create server netflow foreign data wrapper postgres_fdw
  options (host :'host', port :'port', dbname 'pgnetflow', updatable 'false');
create user mapping for current_user server netflow options (user :'user', password :'password');
`;
