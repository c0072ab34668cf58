import { choice, onOrOff, path } from './choice.ts';
import { resolveSettings, type Sources } from './resolve.ts';
import { type Settings, type Values, integer, seconds, setting } from './setting.ts';
import { UsageError } from './usage_error.ts';

/** Longest time that a timer of Node can be trusted with. */
const A_DAY_S = 86_400;
const MAX_PID = 4_194_304;

/** The settings of `pgnetflow probe`, in the order of the help. */
export const PROBE_SETTINGS = {
  'proxy-port': setting('optional', {
    group: 'What is counted',
    placeholder: 'PORT',
    unit: 'none',
    describe: 'Sockets with this local port: the client legs of a proxy that listens there',
    default: null,
    parse: integer(1, 65_535),
  }),
  'server-port': setting('optional', {
    group: 'What is counted',
    placeholder: 'PORT',
    unit: 'none',
    describe:
      'Sockets with this local or remote port: those of PostgreSQL, and of all that are connected to it',
    default: null,
    parse: integer(1, 65_535),
  }),
  pid: setting('optional', {
    group: 'What is counted',
    placeholder: 'PID',
    unit: 'none',
    describe: 'Sockets that this process uses',
    default: null,
    parse: integer(1, MAX_PID),
  }),
  method: setting('value', {
    group: 'How',
    placeholder: 'METHOD',
    unit: 'name',
    describe: 'stap, bpftrace, ss, or auto: the first of these that works here',
    default: 'auto',
    parse: choice(['auto', 'stap', 'bpftrace', 'ss']),
  }),
  events: setting('value', {
    group: 'How',
    placeholder: 'EVENTS',
    unit: 'name',
    describe:
      'What bpftrace counts by: tracepoints, fentry, kprobes, or auto: the first of these that works here',
    default: 'auto',
    parse: choice(['auto', 'tracepoints', 'fentry', 'kprobes']),
  }),
  interval: setting('value', {
    group: 'How',
    placeholder: 'SECONDS',
    unit: 'seconds',
    describe: 'How often ss looks',
    default: '0.2',
    parse: seconds(A_DAY_S),
  }),
  duration: setting('optional', {
    group: 'How',
    placeholder: 'SECONDS',
    unit: 'seconds',
    describe: 'End after this time; without it, on Ctrl-C',
    default: null,
    parse: seconds(A_DAY_S),
  }),
  to: setting('value', {
    group: 'Output',
    placeholder: 'SOCKET',
    unit: 'file',
    describe: "The proxy's --probe-socket; - is standard output",
    default: '-',
    parse: path,
  }),
  check: setting('switch', {
    group: 'Output',
    placeholder: '',
    unit: 'none',
    describe: 'Say which methods work here, what the others lack and what to do about it, and end',
    default: 'false',
    parse: onOrOff,
  }),
} as const satisfies Settings;

export type ProbeSettings = Values<typeof PROBE_SETTINGS>;

/**
 * Reads the settings of `pgnetflow probe` from flags and environment.
 *
 * @throws {UsageError} naming what is wrong, and where
 */
export function readProbeSettings(
  flags: Sources['flags'],
  environment: Sources['environment'],
): ProbeSettings {
  const settings = resolveSettings(PROBE_SETTINGS, { flags, environment, config: null });
  const { check, pid, method, events } = settings;
  if (!check && settings['proxy-port'] === null && settings['server-port'] === null && pid === null) {
    throw new UsageError('nothing to count; give --proxy-port, --server-port or --pid');
  }
  if (events !== 'auto' && method !== 'bpftrace')
    throw new UsageError('--events is for bpftrace only; give --method bpftrace as well');
  return settings;
}
