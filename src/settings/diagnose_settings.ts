import { onOrOff, path } from './choice.ts';
import { resolveSettings, type Sources } from './resolve.ts';
import { integer, type Settings, type Values, setting } from './setting.ts';
import { UsageError } from './usage_error.ts';

/** Linux has no larger pid (PID_MAX_LIMIT). */
const MAX_PID = 4_194_304;

/** The settings of `pgnetflow diagnose`, in the order of the help. Flags only: `--report` is another for the proxy. */
export const DIAGNOSE_SETTINGS = {
  session: setting('optional', {
    group: 'Backend',
    placeholder: 'ID',
    unit: 'none',
    describe: 'Instead of PID: the backend of this session of a running proxy, as --report has it',
    default: null,
    parse: integer(1, Number.MAX_SAFE_INTEGER),
  }),
  report: setting('optional', {
    group: 'Backend',
    placeholder: 'FILE',
    unit: 'file',
    describe:
      'A JSON report of that proxy; kill -USR1 has a proxy with --report json --report-file PATH write it',
    default: null,
    parse: path,
  }),
  connect: setting('optional', {
    group: 'Facts',
    placeholder: 'URL',
    unit: 'name',
    describe:
      'Ask the server, too, at this postgres:// URL: wait event, query, blockers. PGHOST and its like will do as well, ' +
      'and keep a password out of the list of processes',
    default: null,
    parse: postgresUrl,
  }),
  samples: setting('value', {
    group: 'Facts',
    placeholder: 'N',
    unit: 'none',
    describe: 'How many times to look, 100 ms apart',
    default: '5',
    parse: integer(1, 1000),
  }),
  'no-stack': setting('switch', {
    group: 'Facts',
    placeholder: '',
    unit: 'none',
    describe:
      'Leave the user stack out: eu-stack stops the backend for milliseconds, gdb for up to a second, twice',
    default: 'false',
    parse: onOrOff,
  }),
  json: setting('switch', {
    group: 'Facts',
    placeholder: '',
    unit: 'none',
    describe: 'Print JSON, for programs',
    default: 'false',
    parse: onOrOff,
  }),
} as const satisfies Settings;

/** Whose backend to look at. */
export type DiagnoseTarget =
  | { readonly kind: 'pid'; readonly pid: number }
  | { readonly kind: 'session'; readonly session: number; readonly reportFile: string };

export type DiagnoseSettings = Values<typeof DIAGNOSE_SETTINGS> & { readonly target: DiagnoseTarget };

/**
 * Reads the settings of `pgnetflow diagnose` from the command line.
 *
 * @throws {UsageError} naming what is wrong, and where
 */
export function readDiagnoseSettings(
  flags: Sources['flags'] & { readonly _: readonly (string | number)[] },
): DiagnoseSettings {
  const settings = resolveSettings(DIAGNOSE_SETTINGS, { flags, environment: {}, config: null });
  return { ...settings, target: readTarget(flags._[1], settings) };
}

function readTarget(
  pid: string | number | undefined,
  settings: Values<typeof DIAGNOSE_SETTINGS>,
): DiagnoseTarget {
  const { session, report: reportFile } = settings;
  if (pid !== undefined) {
    if (session !== null) throw new UsageError('PID and --session both name a backend; leave one out');
    return { kind: 'pid', pid: readPid(String(pid)) };
  }
  if (session === null)
    throw new UsageError('no backend is named; give its PID, or --session ID --report FILE');
  if (reportFile === null)
    throw new UsageError('--session needs --report FILE, a JSON report of the proxy whose session it is');
  return { kind: 'session', session, reportFile };
}

function readPid(text: string): number {
  try {
    return integer(1, MAX_PID)(text);
  } catch (error) {
    throw new UsageError(`PID: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The URL may hold a password: never repeat it in a message. */
function postgresUrl(text: string): string {
  if (!/^postgres(ql)?:\/\//i.test(text) || !URL.canParse(text)) throw new Error('is no postgres:// URL');
  return text;
}
