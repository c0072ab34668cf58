import { onOrOff, path } from './choice.ts';
import { resolveSettings, type Sources } from './resolve.ts';
import { integer, seconds, type Settings, type Values } from './setting.ts';

const MAX_PID = 4_194_304;
const MAX_SESSION = 999_999_999_999;
const DAY_SECONDS = 86_400;

const WHAT = { group: 'What to trace' };
const HOW = { group: 'What to report' };

/** The settings of `pgnetflow trace fsync`, in the order of the help. Flags only: `--report` is another for the proxy. */
export const TRACE_SETTINGS = {
  session: {
    kind: 'optional',
    ...WHAT,
    placeholder: 'ID',
    unit: 'none',
    describe: "The backend of this session of a proxy's --report or --statement-log",
    default: null,
    parse: integer(1, MAX_SESSION),
  },
  pid: {
    kind: 'optional',
    ...WHAT,
    placeholder: 'PID',
    unit: 'none',
    describe: 'This process; the postmaster means all of its server',
    default: null,
    parse: integer(1, MAX_PID),
  },
  all: {
    kind: 'switch',
    ...WHAT,
    placeholder: '',
    unit: 'none',
    describe:
      'All processes of the server (of --pid or --session; of the only one that runs here otherwise), checkpointer ' +
      'and walwriter included',
    default: 'false',
    parse: onOrOff,
  },
  duration: {
    kind: 'optional',
    ...WHAT,
    placeholder: 'SECONDS',
    unit: 'seconds',
    describe: 'How long; until Ctrl-C, or until the process ends, unless given',
    default: null,
    parse: seconds(DAY_SECONDS),
  },
  records: {
    kind: 'optional',
    ...WHAT,
    placeholder: 'FILE',
    unit: 'file',
    describe:
      'Trace nothing, read records that were written before (--json, or probes/fsync.* by hand); - is stdin',
    default: null,
    parse: path,
  },
  report: {
    kind: 'optional',
    ...HOW,
    placeholder: 'FILE',
    unit: 'file',
    describe: "A proxy's JSON report, read at the end: names the sessions and statements there",
    default: null,
    parse: path,
  },
  'statement-log': {
    kind: 'optional',
    ...HOW,
    placeholder: 'FILE',
    unit: 'file',
    describe: "The same from a proxy's statement log, which is written as statements end",
    default: null,
    parse: path,
  },
  connect: {
    kind: 'optional',
    ...HOW,
    placeholder: 'URL',
    unit: 'address',
    describe:
      'Check against pg_stat_slru and the transaction ids that were consumed; taken from PGHOST, PGPORT, … when ' +
      'these are set',
    default: null,
    parse: path,
  },
  json: {
    kind: 'switch',
    ...HOW,
    placeholder: '',
    unit: 'none',
    describe: 'One JSON object per line: each record as it comes, the summary last',
    default: 'false',
    parse: onOrOff,
  },
} as const satisfies Settings;

export type TraceSettings = Values<typeof TRACE_SETTINGS>;

/**
 * Reads the settings of `pgnetflow trace fsync` from flags.
 *
 * @throws {UsageError} naming what is wrong
 */
export function readTraceSettings(flags: Sources['flags']): TraceSettings {
  return resolveSettings(TRACE_SETTINGS, { flags, environment: {}, config: null });
}
