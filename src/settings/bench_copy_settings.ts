import { onOrOff } from './choice.ts';
import { resolveSettings, type Sources } from './resolve.ts';
import { integer, type Settings, type Values } from './setting.ts';
import { UsageError } from './usage_error.ts';

/** Rows of 1 KiB: 256 MiB per COPY. */
const DEFAULT_ROWS = 262_144;

/** The settings of `pgnetflow bench copy`, in the order of the help. */
export const BENCH_COPY_SETTINGS = {
  connect: {
    kind: 'optional',
    group: 'Server',
    placeholder: 'URL',
    unit: 'address',
    describe:
      'The server, postgres://user@host:port/database?sslmode=…; what is not in it comes from PGHOST, PGPORT, PGUSER, ' +
      'PGPASSWORD, PGDATABASE, PGSSLMODE and ~/.pgpass, where a password belongs',
    default: null,
    parse: postgresUrl,
  },
  query: {
    kind: 'optional',
    group: 'Load',
    placeholder: 'SELECT',
    unit: 'sql',
    describe: 'What to copy. Rows of 1 KiB that the server makes up unless given',
    default: null,
    parse: oneQuery,
  },
  rows: {
    kind: 'value',
    group: 'Load',
    placeholder: 'N',
    unit: 'rows',
    describe: 'Copy no more than that at a time',
    default: `${DEFAULT_ROWS}`,
    parse: integer(1, 1_000_000_000),
  },
  rounds: {
    kind: 'value',
    group: 'Load',
    placeholder: 'N',
    unit: 'rounds',
    describe: 'How often to copy, straight and through pgnetflow each, in turns',
    default: '5',
    parse: integer(1, 100),
  },
  json: {
    kind: 'switch',
    group: 'Results',
    placeholder: '',
    unit: 'none',
    describe: 'Print the figures as JSON',
    default: 'false',
    parse: onOrOff,
  },
} as const satisfies Settings;

export type BenchCopySettings = Values<typeof BENCH_COPY_SETTINGS>;

/**
 * Reads the settings of `pgnetflow bench copy` from flags and environment.
 *
 * @throws {UsageError} naming what is wrong, and where
 */
export function readBenchCopySettings(
  flags: Sources['flags'],
  environment: Sources['environment'],
): BenchCopySettings {
  return resolveSettings(BENCH_COPY_SETTINGS, { flags, environment, config: null });
}

function postgresUrl(text: string): string {
  // It may hold a password: never repeat it in a message.
  if (!/^postgres(ql)?:\/\//.test(text) || !URL.canParse(text))
    throw new UsageError('is no postgres:// URL that can be read');
  return text;
}

/** It becomes part of a COPY, and must not end that. */
function oneQuery(text: string): string {
  const query = text.trim().replace(/;\s*$/, '');
  if (!/^(select|with|table|values)\b/i.test(query))
    throw new UsageError('is no SELECT, WITH, TABLE or VALUES');
  return query;
}
