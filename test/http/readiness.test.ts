import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Readiness } from '../../src/http/readiness.ts';
import { embeddedServer } from '../support/servers.ts';
import { fatalError } from '../../src/wire/encode.ts';
import { fakeServer, freePort, type Peer } from '../support/peers.ts';
import { acceptTls, UPSTREAM_TLS } from '../support/tls_peers.ts';
import { server } from '../support/messages.ts';

const timeout = 20_000;

async function answerOne(accepting: Promise<Peer>, answer: Buffer): Promise<void> {
  const peer = await accepting;
  await peer.receive(1);
  peer.send(answer);
}

/** A server that answers one StartupMessage so. */
async function answering(answer: Buffer): Promise<Readiness> {
  const upstream = await fakeServer();
  void answerOne(upstream.accept(), answer);
  return new Readiness([{ address: upstream.address, tls: null }]);
}

describe('whether a server answers', { timeout }, () => {
  it('is found out of a real one', async () => {
    const { host, port } = await embeddedServer();
    const [state] = await new Readiness([{ address: { host, port }, tls: null }]).states();
    assert.deepEqual(state, { upstream: `${host}:${port}`, ready: true, why: 'it answers' });
  });

  it('is no where nobody listens', async () => {
    const port = await freePort();
    const [state] = await new Readiness([{ address: { host: '127.0.0.1', port }, tls: null }]).states();
    assert.equal(state?.ready, false);
    assert.match(state.why, /connection refused/);
  });

  it('is no while it starts up, and yes of one that only refuses this log-in', async () => {
    const [starting] = await (
      await answering(fatalError('57P03', 'the database system is starting up'))
    ).states();
    assert.deepEqual([starting?.ready, starting?.why], [false, '57P03 the database system is starting up']);
    const [refusing] = await (await answering(fatalError('28000', 'no entry in pg_hba.conf'))).states();
    assert.equal(refusing?.ready, true);
  });

  it('is no of something else than PostgreSQL', async () => {
    const [state] = await (await answering(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'))).states();
    assert.deepEqual([state?.ready, state?.why], [false, 'the answer is not that of PostgreSQL']);
  });

  it('is asked over TLS where sessions go over TLS', async () => {
    const upstream = await fakeServer();
    const accepted = answerOne(acceptTls(upstream), server.authenticationOk());
    const [state] = await new Readiness([{ address: upstream.address, tls: UPSTREAM_TLS }]).states();
    await accepted;
    assert.equal(state?.ready, true);
  });

  it('is asked once a second, however many ask, and each server once', async () => {
    const upstream = await fakeServer();
    const accepted = answerOne(upstream.accept(), server.authenticationOk());
    const one = { address: upstream.address, tls: null };
    const readiness = new Readiness([one, one]);
    const all = await Promise.all(Array.from({ length: 101 }, () => readiness.states()));
    await accepted;
    assert.equal(upstream.connections, 1);
    assert.ok(all.every((states) => states === all[0] && states.length === 1 && states[0]!.ready));
  });
});
