import { consoleTable, type ConsoleTable } from './table.ts';
import { PGBOUNCER_TABLES, SETTINGS_VIEW } from './tables/pgbouncer.ts';
import { ACTIVITY, COPIES, LEDGER, SESSIONS } from './tables/sessions.ts';
import { CANCELS, STATEMENTS } from './tables/statements.ts';
import { TOTALS_VIEW } from './tables/totals.ts';

/** Views, each also behind SHOW unless PgBouncer has something else of that name. */
const VIEWS: readonly ConsoleTable[] = [
  ACTIVITY,
  SESSIONS,
  STATEMENTS,
  TOTALS_VIEW,
  COPIES,
  CANCELS,
  SETTINGS_VIEW,
];

/** What can be asked of the console. */
const OURS: readonly ConsoleTable[] = [ACTIVITY, SESSIONS, STATEMENTS, COPIES, CANCELS, LEDGER];

interface HelpRow {
  readonly command: string;
  readonly help: string;
}

const HELP = consoleTable<HelpRow>({
  name: 'help',
  help: 'This list',
  of: () => COMMANDS,
  columns: [
    { name: 'command', type: 'text', help: 'what to type', value: ({ command }) => command },
    { name: 'description', type: 'text', help: 'what it does', value: ({ help }) => help },
  ],
});

/** The tables behind SHOW, by their names in lower case. */
export const SHOWN: ReadonlyMap<string, ConsoleTable> = new Map(
  [...OURS, ...PGBOUNCER_TABLES, HELP].map((table) => [table.name, table]),
);

/** The views, by their names. */
export const VIEWED: ReadonlyMap<string, ConsoleTable> = new Map(
  VIEWS.map((table) => [`netflow_${table.name}`, table]),
);

const COMMANDS: readonly HelpRow[] = [
  ...[...SHOWN.values()].map(({ name, help }) => ({ command: `SHOW ${name.toUpperCase()}`, help })),
  ...[...VIEWED].map(([name, { help }]) => ({ command: `SELECT … FROM ${name}`, help })),
  {
    command: 'CANCEL SESSION n',
    help: 'Cancels what a session runs, as pg_cancel_backend does, by its rules',
  },
  { command: 'KILL SESSION n', help: 'Ends a session, as pg_terminate_backend does, by its rules' },
  { command: 'anything else', help: 'Is SQL, and goes to the server' },
];
