import { path } from './choice.ts';
import { PROXY_SETTINGS } from './proxy_settings.ts';
import { resolveSettings, type Sources } from './resolve.ts';
import { integer, type Settings, type Values } from './setting.ts';

/** The experiment numbers its rows with an SQL `int`. */
const MAX_ROWS = 2_147_483_647;

/** The settings of `pgnetflow demo`, in the order of the help. */
export const DEMO_SETTINGS = {
  rows: {
    kind: 'value',
    group: 'Experiment',
    placeholder: 'N',
    unit: 'rows',
    describe: 'Rows to insert; the table grows to four times as many',
    default: '1000000',
    parse: integer(1, MAX_ROWS),
  },
  'bin-dir': {
    kind: 'optional',
    group: 'Experiment',
    placeholder: 'DIRECTORY',
    unit: 'file',
    describe:
      'Where the programs initdb and postgres of an installed PostgreSQL are. The one that npm has installed with ' +
      'pgnetflow unless given',
    default: null,
    parse: path,
  },
  report: {
    ...PROXY_SETTINGS.report,
    describe: PROXY_SETTINGS.report.describe.replace(', and on SIGUSR1', ''),
  },
  'report-file': PROXY_SETTINGS['report-file'],
} as const satisfies Settings;

export type DemoSettings = Values<typeof DEMO_SETTINGS>;

/**
 * Reads the settings of `pgnetflow demo` from flags and environment.
 *
 * @throws {UsageError} naming what is wrong, and where
 */
export function readDemoSettings(flags: Sources['flags'], environment: Sources['environment']): DemoSettings {
  return resolveSettings(DEMO_SETTINGS, { flags, environment, config: null });
}
