/** What a descriptor of the process is. */
export type Descriptor = { readonly fd: number } & (
  | { readonly kind: 'socket'; readonly inode: number; readonly socket: Socket | null }
  | { readonly kind: 'epoll'; readonly watches: readonly Watch[] }
  | { readonly kind: 'pipe' | 'signalfd' | 'file' | 'other'; readonly path: string }
);

/** One descriptor in an epoll set, and what is waited for. */
export interface Watch {
  readonly fd: number;
  /** `IN`, `OUT`, …: those that can be asked for; ERR and HUP always are. */
  readonly events: readonly string[];
}

export type Socket =
  | {
      readonly family: 'tcp';
      readonly local: SocketAddress;
      readonly peer: SocketAddress;
      readonly state: string;
    }
  | { readonly family: 'unix'; readonly path: string };

export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

const EPOLL_EVENTS: readonly (readonly [bit: number, name: string])[] = [
  [0x1, 'IN'],
  [0x2, 'PRI'],
  [0x4, 'OUT'],
  [0x2000, 'RDHUP'],
];

/**
 * @param link what `/proc/PID/fd/FD` points to
 * @param fdinfo text of `/proc/PID/fdinfo/FD`, which is looked at for an epoll set
 */
export function parseDescriptor(
  fd: number,
  link: string,
  fdinfo: string,
  sockets: ReadonlyMap<number, Socket>,
): Descriptor {
  const socket = /^socket:\[(\d+)\]$/.exec(link);
  if (socket !== null) {
    const inode = Number(socket[1]);
    return { fd, kind: 'socket', inode, socket: sockets.get(inode) ?? null };
  }
  if (link === 'anon_inode:[eventpoll]') return { fd, kind: 'epoll', watches: parseEpoll(fdinfo) };
  if (link === 'anon_inode:[signalfd]') return { fd, kind: 'signalfd', path: link };
  if (link.startsWith('pipe:')) return { fd, kind: 'pipe', path: link };
  return { fd, kind: link.startsWith('/') ? 'file' : 'other', path: link };
}

function parseEpoll(fdinfo: string): Watch[] {
  return [...fdinfo.matchAll(/^tfd:\s*(\d+)\s+events:\s*([\da-f]+)/gm)].map(([, fd, mask]) => {
    const bits = Number.parseInt(mask!, 16);
    return {
      fd: Number(fd),
      events: EPOLL_EVENTS.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name),
    };
  });
}

const TCP_STATES: Readonly<Record<string, string>> = {
  '01': 'ESTABLISHED',
  '02': 'SYN_SENT',
  '03': 'SYN_RECV',
  '04': 'FIN_WAIT1',
  '05': 'FIN_WAIT2',
  '06': 'TIME_WAIT',
  '07': 'CLOSE',
  '08': 'CLOSE_WAIT',
  '09': 'LAST_ACK',
  '0A': 'LISTEN',
  '0B': 'CLOSING',
};

/** Sockets by inode, from the texts of `/proc/PID/net/tcp`, `tcp6` and `unix`. Addresses are those of a little-endian machine. */
export function parseSockets(tcp: string, unix: string): Map<number, Socket> {
  const sockets = new Map<number, Socket>();
  for (const line of tcp.split('\n')) {
    const [, local, peer, state, , , , , , inode] = line.trim().split(/\s+/);
    const from = parseAddress(local);
    const to = parseAddress(peer);
    if (from === null || to === null || state === undefined || Number(inode) === 0) continue;
    sockets.set(Number(inode), {
      family: 'tcp',
      local: from,
      peer: to,
      state: TCP_STATES[state.toUpperCase()] ?? state,
    });
  }
  for (const line of unix.split('\n')) {
    const found = /^[\da-f]+: \S+ \S+ \S+ \S+ \S+\s+(\d+)(?: (.*))?$/i.exec(line.trim());
    if (found !== null) sockets.set(Number(found[1]), { family: 'unix', path: found[2] ?? '' });
  }
  return sockets;
}

function parseAddress(text: string | undefined): SocketAddress | null {
  const found = /^([\dA-F]{8}|[\dA-F]{32}):([\dA-F]{4})$/i.exec(text ?? '');
  if (found === null) return null;
  // Each 32-bit word stands in the byte order of the machine.
  const bytes = found[1]!
    .match(/.{8}/g)!
    .flatMap((word) => Array.from(Buffer.from(word, 'hex').toReversed()));
  return { address: formatBytesOfAddress(bytes), port: Number.parseInt(found[2]!, 16) };
}

function formatBytesOfAddress(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join('.');
  const mapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  if (mapped) return bytes.slice(12).join('.');
  const groups = Array.from({ length: 8 }, (_, at) =>
    ((bytes[2 * at]! << 8) | bytes[2 * at + 1]!).toString(16),
  );
  // The URL parser knows how to shorten it (RFC 5952).
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/** `127.0.0.1:5432`, `[::1]:5432`. */
export function formatSocketAddress({ address, port }: SocketAddress): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** A descriptor in words: `socket 127.0.0.1:5432 - 127.0.0.1:33664 ESTABLISHED`, `epoll {8: OUT, 4: IN}`. */
export function describeDescriptor(descriptor: Descriptor): string {
  switch (descriptor.kind) {
    case 'socket':
      return describeSocket(descriptor.socket);
    case 'epoll':
      return `epoll {${descriptor.watches.map(describeWatch).join(', ')}}`;
    case 'signalfd':
      return 'signalfd (its latch)';
    case 'pipe':
      return `pipe ${descriptor.path.slice('pipe:'.length)}`;
    case 'file':
    case 'other':
      return descriptor.path;
    default:
      return descriptor satisfies never;
  }
}

function describeWatch({ fd, events }: Watch): string {
  return `${fd}: ${events.join('+') || 'none'}`;
}

function describeSocket(socket: Socket | null): string {
  if (socket === null) return 'socket of a kind or a network namespace that is not looked at';
  if (socket.family === 'unix') return `Unix-domain socket ${socket.path}`.trimEnd();
  return `socket ${formatSocketAddress(socket.local)} - ${formatSocketAddress(socket.peer)} ${socket.state}`;
}
