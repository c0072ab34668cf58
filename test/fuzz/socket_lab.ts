import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { pino } from 'pino';
import { type Proxy, startProxy } from '../../src/proxy/proxy.ts';
import { resetSocket } from '../../src/relay/reset.ts';
import type { FlowRecord, ReportRecord } from '../../src/report/model.ts';
import { type StartupPacket, StartupPacketReader } from '../../src/wire/startup_packet.ts';
import type { Chunk } from '../support/story.ts';
import { type Conversation, type Ending, piecesOf, streamOf } from './conversation.ts';
import { ScriptedPeer } from './scripted_peer.ts';

const PATIENCE_MS = 10_000;

/** A proxy with a scripted peer on each side, for one conversation after the other. */
export class SocketLab {
  readonly #proxy: Proxy;
  readonly #upstream: net.Server;
  #accepted: ScriptedPeer[] = [];

  private constructor(proxy: Proxy, upstream: net.Server) {
    this.#proxy = proxy;
    this.#upstream = upstream;
    upstream.on('connection', (socket) => this.#accepted.push(new ScriptedPeer(socket)));
  }

  static async open(): Promise<SocketLab> {
    const upstream = net.createServer({ allowHalfOpen: true, noDelay: true });
    upstream.listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    const proxy = await startProxy({
      listen: [{ host: '127.0.0.1', port: 0 }],
      upstream: { host: '127.0.0.1', port: portOf(upstream.address()) },
      // Few of everything, so that most is folded, and its sums must hold.
      maxSessionsKept: 3,
      maxStatementsKept: 7,
      maxFingerprints: 23,
      startupTimeoutMs: PATIENCE_MS,
      log: pino({ level: 'silent' }),
    });
    return new SocketLab(proxy, upstream);
  }

  close(): void {
    const report = this.#proxy.stop();
    this.#upstream.close();
    assertBalanced(report);
  }

  /** Lets two peers have a conversation; what one sends must reach the other, and the books must say so. */
  async check(conversation: Conversation): Promise<void> {
    this.#accepted = [];
    const before = this.#proxy.report().totals;
    const client = await this.#connect();
    const requests = streamOf(conversation, 'client');
    try {
      const packet = firstPacket(requests);
      if (packet?.kind !== 'startup_message') {
        await refused(client, requests);
        assert.equal(this.#accepted.length, 0, 'nothing reaches the server');
      } else if (requests.length > 0 && conversation.chunks[0]!.bytes.length < packet.packet.length) {
        // A start-up packet whose length lies takes in what comes behind it.
        client.socket.end(requests);
        await this.#serverOf(client);
      } else {
        await this.#converse(client, conversation, before);
      }
    } finally {
      client.socket.destroy();
      for (const { socket } of this.#accepted) socket.destroy();
    }
    await this.#untilOver();
    assertBalanced(this.#proxy.report());
  }

  async #converse(
    client: ScriptedPeer,
    conversation: Conversation,
    before: ReportRecord['totals'],
  ): Promise<void> {
    const { waits, ending } = conversation;
    const [first, ...rest] = startupWhole(conversation);
    client.socket.write(first!.bytes);
    const server = await this.#serverOf(client);
    const sent = { client: first!.bytes.length, server: 0 };
    for (const [turn, { from, bytes }] of rest.entries()) {
      const [source, target] = from === 'client' ? [client, server] : [server, client];
      source.socket.write(bytes);
      sent[from] += bytes.length;
      if (waits[turn % waits.length]!) {
        await target.until(() => target.receivedBytes >= sent[from], `${from}'s piece ${turn}`);
      }
    }
    const orderly = !ending.endsWith('resets');
    if (orderly) {
      await server.until(() => server.receivedBytes >= sent.client, 'the last of the client');
      await client.until(() => client.receivedBytes >= sent.server, 'the last of the server');
    }
    end(client, server, ending);
    await client.until(() => client.closed, 'the end at the client');
    await server.until(() => server.closed, 'the end at the server');
    await this.#untilOver();
    const requests = streamOf(conversation, 'client');
    const replies = streamOf(conversation, 'server');
    const { totals } = this.#proxy.report();
    for (const [name, stream, received, booked] of [
      ['requests', requests, server.received, gain(totals.R, before.R)],
      ['replies', replies, client.received, gain(totals.S, before.S)],
    ] as const) {
      // A server that never said a word: the client is told so.
      if (name === 'replies' && booked === 0 && received.includes('C57P03')) continue;
      assert.ok(received.equals(stream.subarray(0, received.length)), `${name}: not what was sent`);
      assert.ok(booked >= received.length && booked <= stream.length, `${name}: ${booked} booked`);
      if (orderly) assert.deepEqual([received.length, booked], [stream.length, stream.length], name);
    }
  }

  async #connect(): Promise<ScriptedPeer> {
    const [address] = this.#proxy.addresses;
    assert.ok(address !== undefined && 'port' in address);
    const socket = net.connect({ ...address, allowHalfOpen: true });
    const client = new ScriptedPeer(socket);
    await once(socket, 'connect');
    return client;
  }

  async #serverOf(client: ScriptedPeer): Promise<ScriptedPeer> {
    const patience = performance.now() + PATIENCE_MS;
    while (this.#accepted.length === 0) {
      assert.ok(performance.now() < patience && !client.closed, 'the server is dialled');
      await setImmediate();
    }
    return this.#accepted[0]!;
  }

  async #untilOver(): Promise<void> {
    const patience = performance.now() + PATIENCE_MS;
    while (this.#proxy.openSessions > 0) {
      assert.ok(performance.now() < patience, 'a session never ends');
      await setImmediate();
    }
  }
}

function end(client: ScriptedPeer, server: ScriptedPeer, ending: Ending): void {
  switch (ending) {
    case 'client ends':
    case 'server ends': {
      const [first, second] = ending === 'client ends' ? [client, server] : [server, client];
      second.socket.once('end', () => second.socket.end());
      first.socket.end();
      return;
    }
    case 'both end':
      client.socket.end();
      server.socket.end();
      return;
    case 'client resets':
      resetSocket(client.socket);
      server.socket.once('end', () => server.socket.end());
      return;
    case 'server resets':
      resetSocket(server.socket);
      client.socket.once('end', () => client.socket.end());
      return;
  }
}

/** The client is told why at most, and the connection is closed. */
async function refused(client: ScriptedPeer, requests: Buffer): Promise<void> {
  client.socket.end(requests);
  await client.until(() => client.closed || client.ended, 'a refusal');
  const { received } = client;
  const type = received.toString('latin1', 0, 1);
  assert.ok(received.length === 0 || 'EN'.includes(type), `answered with ${received.toString('hex')}`);
}

function firstPacket(requests: Buffer): StartupPacket | null {
  const { packet } = new StartupPacketReader().read(requests, 0, requests.length);
  return packet?.kind === 'invalid' ? null : packet;
}

/** The pieces, but the StartupMessage in one: the server exists from then on. */
function startupWhole(conversation: Conversation): Chunk[] {
  const [first, ...chunks] = conversation.chunks;
  return [first!, ...piecesOf({ ...conversation, chunks })];
}

function gain(now: FlowRecord, before: FlowRecord): number {
  return now.bytes - before.bytes;
}

function assertBalanced(report: ReportRecord): void {
  for (const session of report.sessions) assert.deepEqual(session.imbalances, []);
  assert.equal(report.dropped.unbalanced, 0, 'books that do not balance');
}

function portOf(address: ReturnType<net.Server['address']>): number {
  assert.ok(address !== null && typeof address === 'object');
  return address.port;
}
