import { QUERY_TEXTS } from '../account/query_texts.ts';
import { PROXY_DEFAULTS } from '../proxy/options.ts';
import { REPORT_FORMATS } from '../report/render.ts';
import { HTTP_PORT, isLoopback, parseHttpAddress } from './address.ts';
import { choice, onOrOff, path } from './choice.ts';
import { readConfigFile } from './config_file.ts';
import { LISTENER_SETTINGS, type ListenerSettings } from './listener_settings.ts';
import { readListeners } from './listeners.ts';
import { type Sources, resolveSettings, type WrittenSetting, writtenSettings } from './resolve.ts';
import { type Settings, type Values, integer, secondsOrNever, setting } from './setting.ts';
import { UsageError } from './usage_error.ts';

export const ACCOUNTING = ['on', 'off'] as const;
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** Longer than anyone would wait. */
const A_DAY_S = 86_400;

/** So that nobody finds it by trying. */
const MIN_TOKEN_CHARACTERS = 16;

/** The settings that hold for all listeners together. */
const PROCESS_SETTINGS = {
  accounting: setting('value', {
    group: 'Results',
    placeholder: 'STATE',
    unit: 'name',
    describe:
      'on; off: relay without reading: the report has bytes, reads, writes and stalls of each session, and no statements',
    default: PROXY_DEFAULTS.accounting,
    parse: choice(ACCOUNTING),
  }),
  report: setting('value', {
    group: 'Results',
    placeholder: 'FORMAT',
    unit: 'name',
    describe: `What to write at the end, and on SIGUSR1: ${REPORT_FORMATS.join(', ')}`,
    default: 'text',
    parse: choice(REPORT_FORMATS),
  }),
  'report-file': setting('optional', {
    group: 'Results',
    placeholder: 'PATH',
    unit: 'file',
    describe: 'Where to write the report; the file is replaced as a whole. Standard output unless given',
    default: null,
    parse: path,
  }),
  live: setting('switch', {
    group: 'Results',
    placeholder: '',
    unit: 'none',
    describe: 'Print a block to standard output as each statement ends',
    default: 'false',
    parse: onOrOff,
  }),
  'statement-log': setting('optional', {
    group: 'Results',
    placeholder: 'PATH',
    unit: 'file',
    describe:
      'Append one JSON line per finished statement to a file, reopened on SIGHUP; - is standard output',
    default: null,
    parse: path,
  }),
  trace: setting('optional', {
    group: 'Results',
    placeholder: 'FILE',
    unit: 'file',
    describe: 'Append a line per protocol message to a file, reopened on SIGHUP; data and SQL included',
    default: null,
    parse: path,
  }),
  'probe-socket': setting('optional', {
    group: 'Results',
    placeholder: 'PATH',
    unit: 'file',
    describe:
      'Unix-domain socket on which to listen for pgnetflow probe, which lets the kernel count for itself; the report ' +
      'then holds its verdict on each session. Its directory must exist. Only the same user and root can connect',
    default: null,
    parse: path,
  }),
  'state-file': setting('optional', {
    group: 'Results',
    placeholder: 'PATH',
    unit: 'file',
    describe:
      'Keep cumulative figures in a file: saved every minute and at the end, gone on with at the next start. One process at a time',
    default: null,
    parse: path,
  }),
  'console-database': setting('value', {
    group: 'Results',
    placeholder: 'DATABASE',
    unit: 'name',
    describe:
      'The database in which the server logs in who asks for the database pgnetflow, the console; pgnetflow/NAME names ' +
      'another. off: there is no console, and pgnetflow is a database like any other',
    default: PROXY_DEFAULTS.console.database,
    parse: path,
  }),
  'console-alias': setting('optional', {
    group: 'Results',
    placeholder: 'DATABASE',
    unit: 'name',
    describe:
      'Another name of the console, for tools that were made for PgBouncer and always ask for the database pgbouncer',
    default: null,
    parse: path,
  }),
  http: setting('optional', {
    group: 'Results',
    placeholder: 'ADDRESS',
    unit: 'address',
    describe:
      `Where to answer HTTP: / is a live page for browsers, /metrics for Prometheus, /healthz, /readyz. host:port, :port (on 127.0.0.1) or host (port ${HTTP_PORT}); ` +
      'https when a listener has a certificate. Beyond this host only with --http-token',
    default: null,
    parse: parseHttpAddress,
  }),
  'http-token': setting('optional', {
    group: 'Results',
    placeholder: 'TOKEN',
    unit: 'token',
    describe:
      'Who asks by HTTP must show this: as a Bearer token, or as the password of any user. At least ' +
      `${MIN_TOKEN_CHARACTERS} characters; everybody on this host can read flags, so better in the variable or the file`,
    default: null,
    secret: true,
    parse: token,
  }),
  'metrics-statements': setting('value', {
    group: 'Results',
    placeholder: 'N',
    unit: 'fingerprints',
    describe:
      'Normalized statements with metrics of their own, the largest by bytes; one that has them keeps them, and all ' +
      'others are added up as "other"',
    default: '50',
    parse: integer(0, 2000),
  }),
  'diagnose-after': setting('value', {
    group: 'Results',
    placeholder: 'SECONDS',
    unit: 'seconds',
    describe:
      'How long a cancel request may have no effect, once it is delivered, before its backend is looked at, if that ' +
      'is on this host: the report says why it does not react. 0 is never',
    default: `${PROXY_DEFAULTS.diagnoseAfterMs / 1000}`,
    parse: secondsOrNever(A_DAY_S),
  }),
  workers: setting('value', {
    group: 'General',
    placeholder: 'N',
    unit: 'threads',
    describe:
      'Threads that relay; auto: one per core. Limits hold for all of them together. More than one need koffi, an ' +
      'optional package',
    default: '1',
    parse: (text) => (text === 'auto' ? text : integer(1, 128)(text)),
  }),
  'drain-timeout': setting('value', {
    group: 'General',
    placeholder: 'SECONDS',
    unit: 'seconds',
    describe:
      'How long SIGTERM leaves sessions: pgnetflow stops listening, ends each session when it is idle outside of a transaction, and after ' +
      'that time the rest; a second signal ends them at once. 0: all at once',
    default: '0',
    parse: secondsOrNever(A_DAY_S),
  }),
  'max-connections': setting('value', {
    group: 'Limits',
    placeholder: 'N',
    unit: 'connections',
    describe:
      'Clients at a time; a further one is refused with the error 53300. Each takes two open files: where ulimit -n ' +
      'allows fewer, that many are taken',
    default: `${PROXY_DEFAULTS.maxConnections}`,
    parse: integer(1, 1_000_000),
  }),
  'max-cancels': setting('value', {
    group: 'Limits',
    placeholder: 'N',
    unit: 'cancels',
    describe: 'Cancel requests under way at a time; a further one is not forwarded',
    default: `${PROXY_DEFAULTS.maxCancels}`,
    parse: integer(1, 1_000_000),
  }),
  'max-query-bytes': setting('value', {
    group: 'Limits',
    placeholder: 'BYTES',
    unit: 'bytes',
    describe: "How much of a statement's SQL is kept; 0 keeps none",
    default: `${PROXY_DEFAULTS.maxQueryBytes}`,
    parse: integer(0, 1_048_576),
  }),
  'query-text': setting('value', {
    group: 'Results',
    placeholder: 'HOW',
    unit: 'name',
    describe:
      'What of SQL texts is shown: raw, as they were sent, with passwords as ***; normalized, without constants; none. Holds for ' +
      'reports, the statement log, --live and the console; not for --trace',
    default: PROXY_DEFAULTS.queryText,
    parse: choice(QUERY_TEXTS),
  }),
  'max-statements-kept': setting('value', {
    group: 'Limits',
    placeholder: 'N',
    unit: 'statements',
    describe: 'Statements kept per session, the largest; the others are added up',
    default: `${PROXY_DEFAULTS.maxStatementsKept}`,
    parse: integer(0, 1_000_000),
  }),
  'max-statements-in-all': setting('value', {
    group: 'Limits',
    placeholder: 'N',
    unit: 'statements',
    describe: 'Statements kept of all sessions together, ended ones included; the smallest are added up',
    default: `${PROXY_DEFAULTS.maxStatementsInAll}`,
    parse: integer(0, 10_000_000),
  }),
  'max-sessions-kept': setting('value', {
    group: 'Limits',
    placeholder: 'N',
    unit: 'sessions',
    describe: 'Ended sessions kept for the report, the largest; the others are added up',
    default: `${PROXY_DEFAULTS.maxSessionsKept}`,
    parse: integer(0, 1_000_000),
  }),
  'max-fingerprints': setting('value', {
    group: 'Limits',
    placeholder: 'N',
    unit: 'fingerprints',
    describe:
      'Fingerprints (statements that differ in constants only) with cumulative figures of their own; those with ' +
      'fewest bytes are added up',
    default: `${PROXY_DEFAULTS.maxFingerprints}`,
    parse: integer(1, 100_000),
  }),
  'log-level': setting('value', {
    group: 'General',
    placeholder: 'LEVEL',
    unit: 'name',
    describe: `Least important log messages to write to standard error: ${LOG_LEVELS.join(', ')}`,
    default: 'info',
    parse: choice(LOG_LEVELS),
  }),
} as const satisfies Settings;

/** The settings of `pgnetflow proxy`, in the order of the help. */
export const PROXY_SETTINGS = {
  ...LISTENER_SETTINGS,
  ...PROCESS_SETTINGS,
} as const satisfies Settings;

/** Where the configuration file is; the one setting that cannot be in it. */
export const CONFIG_SETTING = setting('optional', {
  group: 'General',
  placeholder: 'FILE',
  unit: 'file',
  describe:
    'A YAML file with these settings by their long names, and with listeners, a list, for several servers; flags and ' +
    'environment variables come before it',
  default: null,
  parse: path,
});

export const PROXY_FLAGS = { ...PROXY_SETTINGS, config: CONFIG_SETTING } as const satisfies Settings;

export type ProxySettings = Values<typeof PROCESS_SETTINGS> & {
  /** At least one. */
  readonly listeners: readonly ListenerSettings[];
  /** All of them, for SHOW CONFIG. */
  readonly written: readonly WrittenSetting[];
};

/**
 * Reads the settings of `pgnetflow proxy` from flags, environment and configuration file.
 *
 * @throws {UsageError} naming what is wrong, and where
 */
export function readProxySettings(
  flags: Sources['flags'],
  environment: Sources['environment'],
): ProxySettings {
  const { config: file } = resolveSettings({ config: CONFIG_SETTING }, { flags, environment, config: null });
  const config = file === null ? null : readConfigFile(file, PROXY_SETTINGS, LISTENER_SETTINGS);
  const sources = { flags, environment, config };
  const listeners = readListeners(sources);
  const settings = resolveSettings(PROCESS_SETTINGS, sources);
  checkAccounting(settings);
  checkOutputs(settings);
  checkHttp(settings);
  return { ...settings, listeners, written: writtenSettings(PROXY_SETTINGS, sources) };
}

/**
 * Refuses to write down what is never read.
 *
 * @throws {UsageError} naming the way out
 */
function checkAccounting(settings: Values<typeof PROCESS_SETTINGS>): void {
  if (settings.accounting === 'on') return;
  const unused = (['live', 'statement-log', 'trace'] as const).find(
    (name) => settings[name] !== null && settings[name] !== false,
  );
  if (unused !== undefined)
    throw new UsageError(`--${unused} has nothing to write with --accounting off; leave one of them out`);
}

/**
 * Nobody on another host may look without a token.
 *
 * @throws {UsageError} naming the way out
 */
function checkHttp(settings: Values<typeof PROCESS_SETTINGS>): void {
  const { http, 'http-token': secret } = settings;
  if (http === null && secret !== null)
    throw new UsageError('--http-token has no use without --http ADDRESS; add that, or leave it out');
  if (http !== null && secret === null && !isLoopback(http.host)) {
    throw new UsageError(
      `--http ${http.host}:${http.port} can be reached from other hosts; add --http-token TOKEN (better as PGNETFLOW_HTTP_TOKEN), or use 127.0.0.1:${http.port}`,
    );
  }
}

/** @throws {Error} that does not repeat it */
function token(text: string): string {
  if (text.length < MIN_TOKEN_CHARACTERS || !/^[\x21-\x7e]+$/.test(text))
    throw new Error(
      `a token has at least ${MIN_TOKEN_CHARACTERS} characters, and only visible ones of ASCII`,
    );
  return text;
}

/**
 * Standard output takes one kind of thing: text for people, or one machine-readable thing.
 *
 * @throws {UsageError} naming the way out
 */
function checkOutputs(settings: Values<typeof PROCESS_SETTINGS>): void {
  const reportToStdout = settings.report !== 'none' && settings['report-file'] === null;
  if (settings['statement-log'] === '-') {
    if (settings.live)
      throw new UsageError('--statement-log - and --live both write to standard output; leave one out');
    if (reportToStdout) {
      throw new UsageError(
        '--statement-log - and the report both write to standard output; add --report-file PATH or --report none',
      );
    }
  }
  if (settings.live && reportToStdout && settings.report !== 'text') {
    throw new UsageError(
      `--live and --report ${settings.report} both write to standard output; add --report-file PATH`,
    );
  }
}
