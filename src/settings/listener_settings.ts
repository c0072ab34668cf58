import { LISTENER_DEFAULTS } from '../proxy/options.ts';
import { LISTEN_PORT, parseListenAddress, parseUpstreamAddress } from './address.ts';
import type { ListenerEntry } from './naming.ts';
import { parseNetwork } from './network.ts';
import { seconds, setting, type Settings, type Values, wholeSecondsOrNever } from './setting.ts';
import { TLS_SETTINGS } from './tls_settings.ts';

/** Longest time that a timer of Node can be trusted with, and longer than anyone would wait. */
const A_DAY_S = 86_400;
/** Of Linux: TCP_KEEPIDLE. */
const MAX_KEEPALIVE_S = 32_767;

/** The settings that each listener may have of its own, in the order of the help. */
export const LISTENER_SETTINGS = {
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
    default: `${LISTENER_DEFAULTS.connectTimeoutMs / 1000}`,
    parse: seconds(A_DAY_S),
  }),
  'startup-timeout': setting('value', {
    group: 'Connections',
    placeholder: 'SECONDS',
    unit: 'seconds',
    describe: 'How long a client may take to say who it is',
    default: `${LISTENER_DEFAULTS.startupTimeoutMs / 1000}`,
    parse: seconds(A_DAY_S),
  }),
  'cancel-timeout': setting('value', {
    group: 'Connections',
    placeholder: 'SECONDS',
    unit: 'seconds',
    describe:
      'How long a cancel request may take, from its arrival until PostgreSQL has closed its connection',
    default: `${LISTENER_DEFAULTS.cancelTimeoutMs / 1000}`,
    parse: seconds(A_DAY_S),
  }),
  'tcp-keepalive': setting('value', {
    group: 'Connections',
    placeholder: 'SECONDS',
    unit: 'seconds',
    describe:
      'After how long a silence the kernel asks whether the other end of a TCP connection is still there, ten times, a ' +
      'second apart, on both legs; 0 leaves it to the kernel, which as a rule waits for two hours',
    default: `${LISTENER_DEFAULTS.tcpKeepaliveMs / 1000}`,
    parse: wholeSecondsOrNever(MAX_KEEPALIVE_S),
  }),
  ...TLS_SETTINGS,
} as const satisfies Settings;

/** Where clients come in, the server that this leads to, and how. */
export type ListenerSettings = Values<typeof LISTENER_SETTINGS> & { readonly entry: ListenerEntry | null };
