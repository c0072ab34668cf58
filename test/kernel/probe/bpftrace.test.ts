import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { type Socket, connect, createServer } from 'node:net';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { endpointText } from '../../../src/kernel/probe/endpoint.ts';
import type { LegRecord } from '../../../src/report/model.ts';
import { Command } from '../../support/command.ts';
import { libpqEnvironment, succeed, temporaryDirectory } from '../../support/programs.ts';
import {
  type Moved,
  type SocketSum,
  linesOf,
  methodMissing,
  startProbe,
  stopProbe,
  sumsOf,
} from '../../support/probing.ts';
import { proxyBefore } from '../../support/running_proxy.ts';
import { debianBinaries, debianMissing, embeddedServer } from '../../support/servers.ts';
import { until } from '../../support/until.ts';

/** Prime, and so are the sizes. */
const EXCHANGES = 23;
const REQUEST = Buffer.alloc(101, 'q');
const REPLY = Buffer.alloc(4099, 'r');

/** A connection over loopback whose application counts its own calls. */
class Conversation {
  readonly port: number;
  readonly client: Counting;
  readonly server: Counting;

  private constructor(port: number, client: Socket, server: Socket) {
    this.port = port;
    this.client = new Counting(client);
    this.server = new Counting(server);
  }

  static async begin(host = '127.0.0.1'): Promise<Conversation> {
    const listener = createServer({ noDelay: true }).listen(0, host === '127.0.0.1' ? host : '::');
    await once(listener, 'listening');
    const address = listener.address();
    assert.ok(address !== null && typeof address === 'object');
    const { port } = address;
    const accepted = once(listener, 'connection');
    const client = connect({ port, host, noDelay: true });
    const [server] = await accepted;
    listener.close();
    after(() => {
      client.destroy();
      server.destroy();
    });
    return new Conversation(port, client, server);
  }

  /** Ping-pong: a direction change on each socket with each message. */
  async exchange(times: number): Promise<void> {
    for (let time = 0; time < times; time++) {
      await this.client.send(REQUEST, this.server);
      await this.server.send(REPLY, this.client);
    }
  }

  async end(): Promise<void> {
    const closed = Promise.all([once(this.client.socket, 'close'), once(this.server.socket, 'close')]);
    this.client.socket.end();
    this.server.socket.end();
    await closed;
  }
}

/** Counts what the application does: a 'data' event is one read, a small write one write. */
class Counting {
  readonly socket: Socket;
  readonly local: string;
  readonly sent: Moved = { bytes: 0, ops: 0 };
  readonly recv: Moved = { bytes: 0, ops: 0 };

  constructor(socket: Socket) {
    this.socket = socket;
    const { localAddress = '', localPort = 0 } = socket;
    this.local = endpointText(localAddress, localPort);
    socket.on('data', ({ length }) => {
      this.recv.bytes += length;
      this.recv.ops += 1;
    });
  }

  async send(bytes: Buffer, receiver: Counting): Promise<void> {
    const awaited = receiver.recv.bytes + bytes.length;
    this.sent.bytes += bytes.length;
    this.sent.ops += 1;
    this.socket.write(bytes);
    while (receiver.recv.bytes < awaited) await once(receiver.socket, 'data');
  }
}

/** What the kernel takes only in part is one write of pgnetflow's and several operations: the leg has stalled then. */
function assertLeg({ send, recv }: SocketSum, leg: LegRecord, hasStalled: boolean): void {
  assert.deepEqual([recv.bytes, recv.ops, send.bytes], [leg.bytes_in, leg.reads, leg.bytes_out]);
  if (hasStalled) assert.ok(send.ops >= leg.writes, `${send.ops} operations, ${leg.writes} writes`);
  else assert.equal(send.ops, leg.writes);
}

function sumOf(sums: readonly SocketSum[], local: string): SocketSum {
  const found = sums.filter(({ open }) => open.local === local);
  assert.equal(found.length, 1, `one socket with the local address ${local}`);
  return found[0]!;
}

describe('bpftrace', { skip: methodMissing('bpftrace') }, () => {
  for (const host of ['127.0.0.1', '::1']) {
    it(`counts each operation and byte of a socket that is born under its eyes: ${host}`, async (context) => {
      const first = await Conversation.begin(host).catch(() => null);
      if (first === null) {
        context.skip(`nobody can listen on ${host}`);
        return;
      }
      const probe = await startProbe('--method', 'bpftrace', '--pid', String(process.pid));
      const conversation = await Conversation.begin(host);
      await conversation.exchange(EXCHANGES);
      await conversation.end();
      const lines = await stopProbe(probe);
      const sums = sumsOf(lines);
      for (const { local, sent, recv } of [conversation.client, conversation.server]) {
        const sum = sumOf(sums, local);
        assert.deepEqual([sum.open.sent, sum.open.received], [0, 0]);
        assert.deepEqual({ send: sum.send, recv: sum.recv }, { send: sent, recv });
        assert.equal(sum.send.ops, EXCHANGES);
        assert.ok(sum.close !== null, 'it was closed');
        assert.deepEqual([sum.close.sent, sum.close.received], [sent.bytes, recv.bytes]);
        assert.equal(sum.close.tcp?.['bytes_sent'], sent.bytes + (sum.close.tcp?.['bytes_retrans'] ?? 0));
        assert.equal(sum.open.pid, process.pid);
      }
      assert.equal(sumOf(sums, conversation.client.local).changes, 2 * EXCHANGES - 1);
    });
  }

  it('knows where the streams stood of a socket that is older than itself', async () => {
    const conversation = await Conversation.begin();
    await conversation.exchange(7);
    const before = [conversation.client, conversation.server].map(({ sent, recv }) => [
      sent.bytes,
      recv.bytes,
    ]);
    const probe = await startProbe('--method', 'bpftrace', '--server-port', String(conversation.port));
    await conversation.exchange(EXCHANGES);
    const sums = sumsOf(await stopProbe(probe));
    const found = [conversation.client, conversation.server].map(({ local }) => sumOf(sums, local));
    assert.deepEqual(
      found.map(({ open }) => [open.sent, open.received]),
      before,
    );
    for (const { send, recv, close } of found) {
      assert.deepEqual([send.ops, close], [EXCHANGES, null]);
      assert.ok(recv.ops >= EXCHANGES);
    }
    await conversation.end();
  });

  it('knows it without ports, too, of either side', async () => {
    const conversation = await Conversation.begin();
    await conversation.exchange(7);
    const probe = await startProbe('--method', 'bpftrace', '--pid', String(process.pid));
    await conversation.exchange(1);
    const sums = sumsOf(await stopProbe(probe));
    assert.deepEqual(
      [conversation.client, conversation.server].map(({ local }) => {
        const { open } = sumOf(sums, local);
        return [open.sent, open.received];
      }),
      [
        [7 * REQUEST.length, 7 * REPLY.length],
        [7 * REPLY.length, 7 * REQUEST.length],
      ],
    );
    await conversation.end();
  });

  it('writes what is pending when it is asked to, and tells nothing twice', async () => {
    const folder = temporaryDirectory();
    const file = path.join(folder, 'probe');
    const listener = createServer().listen(file);
    after(() => listener.close());
    await once(listener, 'listening');
    const arrived = once(listener, 'connection');
    const conversation = await Conversation.begin();
    const probe = await startProbe(
      '--method',
      'bpftrace',
      '--server-port',
      String(conversation.port),
      '--to',
      file,
    );
    const [reader]: Socket[] = await arrived;
    assert.ok(reader !== undefined);
    let text = '';
    reader.setEncoding('utf8').on('data', (more: string) => (text += more));
    for (const token of [2, 3, 5]) {
      await conversation.exchange(1);
      // A run of three operations: the third comes after the first flush has told of two.
      await conversation.client.send(REQUEST, conversation.server);
      reader.write(`${JSON.stringify({ type: 'flush', token })}\n`);
      while (!text.includes(`"flushed","token":${token}`)) await once(reader, 'data');
      const sums = sumsOf(linesOf(text.slice(0, text.lastIndexOf('\n') + 1)));
      for (const { local, sent, recv } of [conversation.client, conversation.server]) {
        const { send, recv: received } = sumOf(sums, local);
        assert.deepEqual({ send, recv: received }, { send: sent, recv });
      }
    }
    await conversation.end();
    const ended = once(reader, 'end');
    probe.kill('SIGTERM');
    await Promise.all([ended, probe.finished()]);
    const sums = sumsOf(linesOf(text));
    for (const { local, sent, recv } of [conversation.client, conversation.server]) {
      const { send, recv: received } = sumOf(sums, local);
      assert.deepEqual({ send, recv: received }, { send: sent, recv });
    }
    reader.destroy();
  });

  it('ends in the middle of conversations that do not rest, and has all up to there', async () => {
    const conversations = await Promise.all(Array.from({ length: 5 }, () => Conversation.begin()));
    const filter = ['--method', 'bpftrace', '--pid', String(process.pid)];
    const probe = await startProbe(...filter);
    const done = new AbortController();
    const talking = conversations.map(async (conversation) => {
      while (!done.signal.aborted) await conversation.exchange(1);
    });
    await until(() => conversations.every(({ client }) => client.sent.ops > 1000), 'many runs');
    const before = conversations.map(({ client, server }) => [client.sent.ops, server.sent.ops]);
    // Proves that nothing was lost.
    const sums = sumsOf(await stopProbe(probe));
    done.abort();
    await Promise.all(talking);
    for (const [index, { client, server }] of conversations.entries()) {
      for (const [side, { local }] of [client, server].entries()) {
        const told = sumOf(sums, local).send.ops;
        assert.ok(told >= before[index]![side]!, `${told} of ${before[index]![side]} operations were told`);
      }
    }
  });

  it('does not stay behind when the command is killed', async () => {
    const probe = await startProbe('--method', 'bpftrace', '--pid', String(process.pid));
    const children = readFileSync(`/proc/${probe.process.pid}/task/${probe.process.pid}/children`, 'utf8');
    const pids = children.trim().split(' ');
    assert.equal(pids.length, 2, 'bpftrace and its guard');
    probe.kill('SIGKILL');
    await probe.finished();
    await until(() => pids.every((pid) => !existsSync(`/proc/${pid}`)), 'the end of bpftrace and its guard');
  });

  it('says what it died of', async () => {
    const probe = await startProbe('--method', 'bpftrace', '--pid', String(process.pid));
    const children = readFileSync(`/proc/${probe.process.pid}/task/${probe.process.pid}/children`, 'utf8');
    const pid = children
      .trim()
      .split(' ')
      .find((one) => readFileSync(`/proc/${one}/comm`, 'utf8').startsWith('bpftrace'));
    process.kill(Number(pid), 'SIGKILL');
    const { status, stdout, stderr } = await probe.finished();
    assert.equal(status, 1);
    assert.equal(linesOf(stdout).at(-1)?.reason, 'bpftrace was ended by SIGKILL');
    assert.match(stderr, /pgnetflow: the kernel helper has ended: bpftrace was ended by SIGKILL\n$/);
  });

  it('ends well when nobody reads any more', async () => {
    const conversation = await Conversation.begin();
    const probe = await startProbe('--method', 'bpftrace', '--server-port', String(conversation.port));
    probe.process.stdout!.destroy();
    // Something must be written for the reader to be missed.
    await conversation.exchange(EXCHANGES);
    await conversation.end();
    const { status, stderr } = await probe.finished();
    assert.equal(status, 0, stderr);
  });
});

describe('bpftrace, beside a proxy', { skip: methodMissing('bpftrace') || debianMissing }, () => {
  it('counts the reads, writes and bytes that the report has of both legs', async () => {
    const server = await embeddedServer();
    const running = await proxyBefore(server);
    const probe = await startProbe(
      '--method',
      'bpftrace',
      '--proxy-port',
      String(running.port),
      '--server-port',
      String(server.port),
    );
    const env = libpqEnvironment(running);
    const program = (name: string): string => path.join(debianBinaries(), name);
    await succeed(program('pgbench'), ['-i', '-q', '-s', '1'], { env });
    await succeed(program('pgbench'), ['-n', '-S', '-c', '5', '-t', String(EXCHANGES)], { env });
    await succeed(program('psql'), ['-c', 'copy pgbench_accounts to stdout'], { env });
    const report = await running.settled();
    const sums = sumsOf(await stopProbe(probe));
    const legs = sums.filter(({ open }) => open.pid === process.pid);
    assert.equal(report.sessions.length, 8, 'pgbench -i, pgbench and its five clients, psql');
    for (const { wire, client, R, S, time } of report.sessions) {
      const clientLeg = sumOf(
        legs.filter(({ open }) => open.remote === `${client.address}:${client.port}`),
        `127.0.0.1:${running.port}`,
      );
      assertLeg(clientLeg, wire.client, time.client_stall_us > 0);
      const { close } = clientLeg;
      assert.deepEqual([close?.received, close?.sent], [wire.client.bytes_in, wire.client.bytes_out]);
      const serverLegs = legs.filter(
        ({ open, recv, send }) =>
          open.remote === `127.0.0.1:${server.port}` && recv.bytes === S.bytes && send.bytes === R.bytes,
      );
      assert.ok(serverLegs.length > 0, 'a server leg that moved as much');
      const counts = serverLegs.map(({ recv }) => recv.ops);
      const same = serverLegs[counts.indexOf(wire.server.reads)];
      assert.ok(same !== undefined, `${wire.server.reads} reads, the kernel has ${counts.join(' or ')}`);
      assertLeg(same, wire.server, time.server_stall_us > 0);
    }

    const sorted = (rows: readonly (readonly number[])[]) => rows.map((row) => row.join(' ')).toSorted();
    const backends = sums.filter(({ open }) => open.local === `127.0.0.1:${server.port}`);
    assert.deepEqual(
      sorted(backends.map(({ send, recv }) => [send.bytes, recv.bytes])),
      sorted(report.sessions.map(({ wire: { server: leg } }) => [leg.bytes_in, leg.bytes_out])),
      'what the backends sent is what the proxy read',
    );
    assert.ok(backends.every(({ open }) => open.comm === 'postgres'));
  });
});

it(
  'says in one line why it cannot start',
  { skip: methodMissing('bpftrace') === false && 'bpftrace works here' },
  async () => {
    const { status, stderr } = await new Command(['probe', '--method', 'bpftrace', '--pid', '1']).finished();
    assert.equal(status, 1);
    assert.match(stderr, /^pgnetflow: bpftrace does not work here: .+\n$/);
  },
);
