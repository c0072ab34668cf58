// What a kernel helper wrote (format `pgnetflow.probe/1`, probes/README.md), gathered by socket, and its comparison with
// the report of the proxy that it watched.
import type { EndpointRecord, LegRecord, SessionRecord } from '../../src/report/model.ts';

type Direction = 'send' | 'recv';

/** One direction of a socket, as its records tell it. */
export interface RecordedStream {
  /** Offset at which the records begin. */
  from: number;
  /** Offset behind the last run. */
  end: number;
  ops: number;
  runs: number;
  /** What the `close` record says; null without. */
  closedAt: number | null;
}

export interface RecordedSocket {
  pid: number;
  comm: string;
  local: string;
  remote: string;
  send: RecordedStream;
  recv: RecordedStream;
}

export interface Recording {
  sockets: RecordedSocket[];
  /** How many records of each type. */
  counts: Map<string, number>;
  /** What the records say against each other, a sentence each. */
  faults: string[];
}

interface Line {
  type: string;
  sock: string;
  pid: number;
  comm: string;
  local: string;
  remote: string;
  dir: Direction;
  from: number;
  bytes: number;
  ops: number;
  sent?: number;
  received?: number;
}

export function readRecording(text: string): Recording {
  const recording: Recording = { sockets: [], counts: new Map(), faults: [] };
  const open = new Map<string, RecordedSocket>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const record: Line = JSON.parse(line);
    recording.counts.set(record.type, (recording.counts.get(record.type) ?? 0) + 1);
    const fault = take(record, open, recording.sockets);
    if (fault !== null) recording.faults.push(`${fault}: ${line}`);
  }
  return recording;
}

function take(record: Line, open: Map<string, RecordedSocket>, sockets: RecordedSocket[]): string | null {
  if (record.type === 'open') {
    if (open.has(record.sock)) return 'opened twice';
    const { pid, comm, local, remote } = record;
    const socket = { pid, comm, local, remote, send: stream(record.sent), recv: stream(record.received) };
    open.set(record.sock, socket);
    sockets.push(socket);
    return null;
  }
  if (!['run', 'totals', 'close'].includes(record.type)) return null;
  const socket = open.get(record.sock);
  if (socket === undefined) return 'of a socket that was not opened';
  if (record.type === 'run') return goOn(socket[record.dir], record);
  const { sent, received } = record;
  if (record.type === 'close') {
    open.delete(record.sock);
    socket.send.closedAt = sent ?? null;
    socket.recv.closedAt = received ?? null;
  }
  return sent === socket.send.end && received === socket.recv.end ? null : 'not the sum of the runs';
}

function stream(from: number | undefined): RecordedStream {
  if (from === undefined) throw new Error('an open record without offsets');
  return { from, end: from, ops: 0, runs: 0, closedAt: null };
}

function goOn(of: RecordedStream, { from, bytes, ops }: Line): string | null {
  const fault = from === of.end ? null : `begins at ${from}, not at ${of.end}`;
  of.end = from + bytes;
  of.ops += ops;
  of.runs += 1;
  return fault;
}

/** The three sockets of a session whose server is on the same host. */
export interface SessionSockets {
  client: RecordedSocket;
  server: RecordedSocket;
  backend: RecordedSocket;
}

/**
 * A port may be taken again when its connection has ended: then the ends of two sessions are the same, one after the other.
 *
 * @throws {Error} when one was not recorded
 */
export function socketsOf(session: SessionRecord, { sockets }: Recording): SessionSockets {
  const { client, server } = session.wire;
  const found = <T>(what: string, socket: T | undefined): T => {
    if (socket === undefined) throw new Error(`session ${session.id}: no record of ${what}`);
    return socket;
  };
  const backends = sockets.filter(({ remote }) => isEnd(server.local, remote));
  const nth = backends.findIndex(({ pid }) => pid === session.backend_pid);
  const backend = found('its backend', backends[nth]);
  const servers = sockets.filter(({ local }) => isEnd(server.local, local));
  const clients = sockets.filter(
    ({ local, remote }) => isEnd(client.local, local) && isEnd(client.remote, remote),
  );
  const before = clients.filter((socket) => sockets.indexOf(socket) < sockets.indexOf(backend));
  return {
    client: found('its client leg', before.at(-1) ?? clients[0]),
    server: found('its server leg', servers[nth]),
    backend,
  };
}

function isEnd(end: EndpointRecord | null, text: string): boolean {
  return end !== null && text === `${end.address}:${end.port}`;
}

/** Where the kernel's figures of a session differ from the report's, a sentence each. */
export function differences(session: SessionRecord, recording: Recording): string[] {
  const { client, server, backend } = socketsOf(session, recording);
  const { wire } = session;
  return [
    ...legDifferences('client leg', client, wire.client),
    ...legDifferences('server leg', server, wire.server),
    ...unequal('backend, sent', backend.send.end, wire.server.bytes_in),
    ...unequal('backend, received', backend.recv.end, wire.server.bytes_out),
  ].map((sentence) => `session ${session.id}: ${sentence}`);
}

function legDifferences(name: string, { send, recv }: RecordedSocket, leg: LegRecord): string[] {
  const complete = send.from === 0 && recv.from === 0;
  return [
    ...unequal(`${name}, received`, recv.end, leg.bytes_in),
    ...unequal(`${name}, sent`, send.end, leg.bytes_out),
    ...(complete ? unequal(`${name}, reads`, recv.ops, leg.reads) : []),
  ];
}

function unequal(what: string, kernel: number, report: number): string[] {
  return kernel === report ? [] : [`${what}: the kernel says ${kernel}, the report ${report}`];
}
