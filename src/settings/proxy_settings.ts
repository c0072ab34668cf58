import { PROXY_DEFAULTS } from '../proxy/options.ts';
import { REPORT_FORMATS } from '../report/render.ts';
import { LISTEN_PORT, parseListenAddress, parseUpstreamAddress } from './address.ts';
import { choice, onOrOff, path } from './choice.ts';
import { readConfigFile } from './config_file.ts';
import { parseNetwork } from './network.ts';
import { type Sources, resolveSettings } from './resolve.ts';
import { type Settings, type Values, integer, seconds, setting } from './setting.ts';
import { checkTlsSettings, TLS_SETTINGS } from './tls_settings.ts';
import { UsageError } from './usage_error.ts';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** Longest time that a timer of Node can be trusted with, and longer than anyone would wait. */
const A_DAY_S = 86_400;

/** The settings of `pgnetflow proxy`, in the order of the help. */
export const PROXY_SETTINGS = {
  listen: setting('list', {
    group: 'Connections',
    placeholder: 'ADDRESS',
    unit: 'address',
    describe:
      'Where to listen: host:port, :port (on 127.0.0.1), [::1]:port, *:port (all interfaces) or /path/to/socket; ' +
      'port 0 is any free one. May be repeated',
    default: `127.0.0.1:${LISTEN_PORT}`,
    parse: parseListenAddress,
  }),
  upstream: setting('required', {
    group: 'Connections',
    placeholder: 'ADDRESS',
    unit: 'address',
    describe:
      'Where PostgreSQL listens: host:port, host, /path/to/socket, a directory with the socket .s.PGSQL.5432, or a ' +
      'postgres:// URL, of which the host and the port count',
    default: null,
    parse: parseUpstreamAddress,
  }),
  'proxy-protocol-from': setting('list', {
    group: 'Connections',
    placeholder: 'NETWORK',
    unit: 'network',
    describe:
      'Load balancers: connections from these addresses must begin with a PROXY protocol header (version 1 or 2), ' +
      'those of others must not. An address, a network such as 10.0.0.0/8, or unix for Unix-domain sockets. May be ' +
      'repeated',
    default: null,
    parse: parseNetwork,
  }),
  'connect-timeout': setting('value', {
    group: 'Connections',
    placeholder: 'SECONDS',
    unit: 'seconds',
    describe: 'How long a connection to PostgreSQL may take to open',
    default: `${PROXY_DEFAULTS.connectTimeoutMs / 1000}`,
    parse: seconds(A_DAY_S),
  }),
  'startup-timeout': setting('value', {
    group: 'Connections',
    placeholder: 'SECONDS',
    unit: 'seconds',
    describe: 'How long a client may take to say who it is',
    default: `${PROXY_DEFAULTS.startupTimeoutMs / 1000}`,
    parse: seconds(A_DAY_S),
  }),
  'cancel-timeout': setting('value', {
    group: 'Connections',
    placeholder: 'SECONDS',
    unit: 'seconds',
    describe:
      'How long a cancel request may take, from its arrival until PostgreSQL has closed its connection',
    default: `${PROXY_DEFAULTS.cancelTimeoutMs / 1000}`,
    parse: seconds(A_DAY_S),
  }),
  ...TLS_SETTINGS,
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
    describe: 'Append a line per protocol message to a file, data and SQL included',
    default: null,
    parse: path,
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

/** Where the configuration file is; the one setting that cannot be in it. */
export const CONFIG_SETTING = setting('optional', {
  group: 'General',
  placeholder: 'FILE',
  unit: 'file',
  describe:
    'A YAML file with these settings by their long names; flags and environment variables come before it',
  default: null,
  parse: path,
});

export const PROXY_FLAGS = { ...PROXY_SETTINGS, config: CONFIG_SETTING } as const satisfies Settings;

export type ProxySettings = Values<typeof PROXY_SETTINGS>;

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
  const config = file === null ? null : readConfigFile(file, Object.keys(PROXY_SETTINGS));
  const settings = resolveSettings(PROXY_SETTINGS, { flags, environment, config });
  checkProxySettings(settings);
  return settings;
}

/**
 * Standard output takes one kind of thing: text for people, or one machine-readable thing.
 *
 * @throws {UsageError} naming the way out
 */
function checkProxySettings(settings: ProxySettings): void {
  checkTlsSettings(settings);
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
