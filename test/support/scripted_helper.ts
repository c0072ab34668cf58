// A kernel helper that does what it is told on the probe socket, and tells the truth about a proxy's sessions: what the
// proxy itself has counted.
import { once } from 'node:events';
import net from 'node:net';
import { after } from 'node:test';
import type { EndpointRecord, ReportRecord, SessionRecord } from '../../src/report/model.ts';
import { until } from './until.ts';

const end = ({ address, port }: EndpointRecord): string => `${address}:${port}`;

interface Told {
  readonly sock: string;
  readonly local: string;
  readonly remote: string;
  readonly sent: number;
  readonly received: number;
  readonly sends: number;
  readonly reads: number;
}

export class ScriptedHelper {
  readonly #socket: net.Socket;
  readonly #lines: string[] = [];
  #begun = '';
  /** All that it has written. */
  written = '';

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.setEncoding('utf8').on('data', (text: string) => {
      const lines = (this.#begun + text).split('\n');
      this.#begun = lines.pop()!;
      this.#lines.push(...lines);
    });
  }

  /** Connects, and writes its first record. */
  static async attach(path: string): Promise<ScriptedHelper> {
    const socket = net.connect(path);
    after(() => socket.destroy());
    await once(socket, 'connect');
    const helper = new ScriptedHelper(socket);
    helper.write({
      type: 'attach',
      schema: 'pgnetflow.probe/1',
      method: 'bpftrace',
      tool: 'scripted',
      kernel: '6.1.0',
      at: new Date().toISOString(),
      clock_us: 0,
    });
    return helper;
  }

  write(...records: object[]): void {
    for (const record of records) {
      const line = `${JSON.stringify(record)}\n`;
      this.written += line;
      this.#socket.write(line);
    }
  }

  end(): void {
    this.#socket.end();
  }

  /** Resolves when the connection is closed. */
  async gone(): Promise<void> {
    await until(() => this.#socket.closed, 'the end of the connection');
  }

  /** The next thing that the proxy says. */
  async said(): Promise<object> {
    await until(() => this.#lines.length > 0, 'a word of the proxy');
    const said: unknown = JSON.parse(this.#lines.shift()!);
    if (typeof said !== 'object' || said === null) throw new Error(`the proxy said ${String(said)}`);
    return said;
  }

  /** Waits until it is asked to flush. @returns the token */
  async asked(): Promise<number> {
    const said = await this.said();
    if (!('type' in said && said.type === 'flush' && 'token' in said && typeof said.token === 'number'))
      throw new Error(`asked for a flush, got ${JSON.stringify(said)}`);
    return said.token;
  }

  /** Tells of all sockets of the sessions what the proxy has counted, with a run for each change of direction. */
  tellSessions({ sessions }: ReportRecord, what: 'open' | 'nothing'): void {
    for (const session of sessions) {
      for (const { sock, local, remote } of socketsOf(session))
        this.write({ type: 'open', sock, local, remote, clock_us: 1, sent: 0, received: 0 });
      if (what === 'nothing') continue;
      this.#tellRuns(session);
    }
  }

  closeSessions({ sessions }: ReportRecord): void {
    for (const session of sessions) {
      for (const { sock, sent, received } of socketsOf(session))
        this.write({ type: 'close', sock, clock_us: 9, sent, received });
    }
  }

  /** Startup and the one statement behind it, which has the last of each stream; operations are the statement's own. */
  #tellRuns(session: SessionRecord): void {
    const [statement] = session.statements;
    for (const { sock, sent, received, sends, reads } of socketsOf(session)) {
      const requests = sock.startsWith('server') ? sent : received;
      const replies = sock.startsWith('server') ? received : sent;
      const [R, S] = [statement!.R.bytes, statement!.S.bytes];
      const [into, outOf] = sock.startsWith('server') ? ['send', 'recv'] : ['recv', 'send'];
      const [intoOps, outOfOps] = sock.startsWith('server') ? [sends, reads] : [reads, sends];
      this.write(
        { type: 'run', sock, dir: into, from: 0, bytes: requests - R, ops: intoOps - 1 },
        { type: 'run', sock, dir: outOf, from: 0, bytes: replies - S, ops: outOfOps - 1 },
        { type: 'run', sock, dir: into, from: requests - R, bytes: R, ops: 1 },
        { type: 'run', sock, dir: outOf, from: replies - S, bytes: S, ops: 1 },
      );
    }
  }
}

/** The proxy's two sockets, and the backend's as it must be. */
function socketsOf({ id, wire: { client, server } }: SessionRecord): Told[] {
  const [near, far] = [end(server.local!), end(server.remote!)];
  return [
    {
      sock: `client ${id}`,
      local: end(client.local!),
      remote: end(client.remote!),
      sent: client.bytes_out,
      received: client.bytes_in,
      sends: client.writes,
      reads: client.reads,
    },
    {
      sock: `server ${id}`,
      local: near,
      remote: far,
      sent: server.bytes_out,
      received: server.bytes_in,
      sends: server.writes,
      reads: server.reads,
    },
    {
      sock: `backend ${id}`,
      local: far,
      remote: near,
      sent: server.bytes_in,
      received: server.bytes_out,
      sends: server.reads,
      reads: server.writes,
    },
  ];
}
