// How TLS begins on either leg, and how it fails.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { client, server } from '../support/messages.ts';
import { Authority, contextOf } from '../support/certificates.ts';
import type { Address } from '../../src/relay/address.ts';
import { connectTo, fakeServer, type Peer, socketPath } from '../support/peers.ts';
import { greeting, onlySession, testProxy, refusalOf } from '../support/proxies.ts';
import {
  acceptDirectTls,
  acceptTls,
  authority,
  certificate,
  CLIENT_TLS,
  connectTls,
  encrypt,
  openPassthrough,
  openTlsPair,
  UPSTREAM_TLS,
} from '../support/tls_peers.ts';
import { until } from '../support/until.ts';

const timeout = 20_000;
const N = Buffer.from('N');
const BOTH = { clientTls: CLIENT_TLS, upstreamTls: UPSTREAM_TLS };
const ALPN = { ALPNProtocols: ['postgresql'] };

describe('TLS with the client', () => {
  test('follows GSSENCRequest and SSLRequest on one connection', { timeout }, async () => {
    const upstream = await fakeServer();
    const proxy = await testProxy(upstream.address, { clientTls: CLIENT_TLS });
    const raw = await proxy.connect();
    raw.send(client.gssencRequest());
    assert.equal((await raw.receive(1)).toString(), 'N');
    raw.send(client.sslRequest());
    assert.equal((await raw.receive(1)).toString(), 'S');
    const alice = await encrypt(raw);
    alice.send(client.startup());
    const bob = await upstream.accept();
    bob.send(greeting);
    await alice.receive(greeting.length);
    alice.end();
    bob.end();
    const { wire } = onlySession(await proxy.settled());
    assert.deepEqual([wire.client.own_in, wire.client.own_out], [16, 2]);
  });

  test('begins at once when the client does not ask (direct TLS)', { timeout }, async () => {
    const upstream = await fakeServer();
    const proxy = await testProxy(upstream.address, { clientTls: CLIENT_TLS });
    const alice = await encrypt(await proxy.connect(), ALPN);
    alice.send(client.startup());
    const bob = await upstream.accept();
    bob.send(greeting);
    await alice.receive(greeting.length);
    alice.end();
    bob.end();
    const { wire, R } = onlySession(await proxy.settled());
    assert.deepEqual([wire.client.own_in, wire.client.own_out], [0, 0]);
    assert.equal(wire.client.bytes_in - (wire.client.tls?.overhead_in ?? 0), R.bytes);
  });

  test('is refused to direct TLS without ALPN', { timeout }, async () => {
    const proxy = await testProxy((await fakeServer()).address, { clientTls: CLIENT_TLS });
    const alice = await encrypt(await proxy.connect());
    await until(() => alice.closed || alice.ended, 'the end');
    alice.destroy();
    const session = onlySession(await proxy.settled());
    assert.equal(session.end_reason, 'refused');
    assert.match(session.end_detail ?? '', /direct TLS without the ALPN protocol "postgresql"/);
  });

  test('is demanded by require, of a StartupMessage but not of a cancel request', { timeout }, async () => {
    const upstream = await fakeServer();
    const proxy = await testProxy(upstream.address, { clientTls: { ...CLIENT_TLS, mode: 'require' } });
    const alice = await proxy.connect();
    alice.send(client.startup());
    const error = await refusalOf(alice);
    assert.deepEqual([error['S'], error['C']], ['FATAL', '28000']);
    assert.match(error['M'] ?? '', /requires TLS.*sslmode=require/);
    await proxy.settled();
    assert.equal(upstream.connections, 0);
    const { client: carol, server: bob } = await openTlsPair(proxy, upstream, {
      client: true,
      server: false,
    });
    carol.end();
    bob.end();
    const canceller = await proxy.connect();
    canceller.send(client.cancel(1, Buffer.alloc(4)));
    const carrier = await upstream.accept();
    await carrier.receive(16);
    carrier.end();
    await canceller.receiveAll();
    await proxy.settled();
  });

  test('is neither offered nor demanded over a Unix-domain socket', { timeout }, async () => {
    const upstream = await fakeServer();
    const listen = [{ path: socketPath() }];
    const proxy = await testProxy(upstream.address, {
      listen,
      clientTls: { ...CLIENT_TLS, mode: 'require' },
    });
    const alice = await proxy.connect();
    alice.send(client.sslRequest());
    assert.deepEqual(await alice.receive(1), N);
    alice.send(client.startup());
    const bob = await upstream.accept();
    bob.send(greeting);
    await alice.receive(greeting.length);
    alice.end();
    bob.end();
    await proxy.settled();
  });

  test('that is no TLS, or never comes to an end, is booked as refused', { timeout }, async () => {
    const proxy = await testProxy((await fakeServer()).address, {
      clientTls: CLIENT_TLS,
      startupTimeoutMs: 300,
    });
    const CASES: readonly [Buffer, boolean, RegExp][] = [
      [
        Buffer.from('no handshake at all, but long enough for a record'),
        false,
        /TLS handshake with the client failed/,
      ],
      [Buffer.from([0x16, 3, 1]), false, /no startup packet within 0.3 s: the TLS handshake did not end/],
      [Buffer.from([0x16, 3, 1]), true, /the client closed the connection during the TLS handshake/],
    ];
    for (const [bytes, closes, detail] of CASES) {
      const alice = await proxy.connect();
      alice.send(client.sslRequest());
      await alice.receive(1);
      alice.send(bytes);
      if (closes) alice.end();
      await until(() => alice.closed || alice.ended, 'the end');
      alice.end();
      const { sessions } = await proxy.settled();
      assert.equal(sessions.at(-1)!.end_reason, 'refused');
      assert.match(sessions.at(-1)!.end_detail ?? '', detail);
    }
  });

  test('asks for a certificate when told to, and lets in who has a good one', { timeout }, async () => {
    const upstream = await fakeServer();
    const context = contextOf(certificate, authority);
    const proxy = await testProxy(upstream.address, {
      clientTls: { ...CLIENT_TLS, context, verifyClients: true },
    });
    const own = authority.issue('alice');
    const foreign = new Authority('somebody else').issue('alice');
    for (const [shown, detail] of [
      [{}, /did not return a certificate/],
      [{ cert: foreign.cert, key: foreign.key }, /certificate is not accepted/],
    ] as const) {
      const alice = await connectTls(proxy.address, shown);
      await until(() => alice.closed || alice.ended, 'the end');
      alice.destroy();
      const { sessions } = await proxy.settled();
      assert.equal(sessions.at(-1)!.end_reason, 'refused');
      assert.match(sessions.at(-1)!.end_detail ?? '', detail);
    }
    const alice = await connectTls(proxy.address, { cert: own.cert, key: own.key });
    alice.send(client.startup());
    const bob = await upstream.accept();
    bob.send(greeting);
    await alice.receive(greeting.length);
    alice.end();
    bob.end();
    await proxy.settled();
  });

  test('has no version older than 1.2', { timeout }, async () => {
    const proxy = await testProxy((await fakeServer()).address, { clientTls: CLIENT_TLS });
    const raw = await proxy.connect();
    raw.send(client.sslRequest());
    await raw.receive(1);
    const options = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    const alice = await encrypt(raw, options);
    assert.ok(alice.error !== undefined);
    assert.equal(onlySession(await proxy.settled()).end_reason, 'refused');
  });

  test('carries the error when the server cannot be reached', { timeout }, async () => {
    const upstream = await fakeServer();
    upstream.close();
    const proxy = await testProxy(upstream.address, { clientTls: CLIENT_TLS });
    const alice = await connectTls(proxy.address);
    alice.send(client.startup());
    assert.equal((await refusalOf(alice))['C'], '57P03');
    const { wire } = onlySession(await proxy.settled());
    assert.ok(wire.client.own_out > 1);
  });
});

describe('TLS with the server', () => {
  for (const [answer, mode, outcome] of [
    [N, 'prefer', 'clear'],
    [N, 'require', /has no TLS, which --upstream-tls require demands/],
    [server.error('53300'), 'prefer', 'again'],
    [server.error('53300'), 'require', /answered the request for TLS with an error/],
    [Buffer.from('Sx'), 'require', /unencrypted data behind its answer/],
    [null, 'require', /closed the connection when asked for TLS/],
  ] as const) {
    const said = answer === null ? 'closing' : JSON.stringify(answer.toString('latin1', 0, 2));
    test(`that answers ${said} to ${mode}`, { timeout }, async () => {
      const upstream = await fakeServer();
      const proxy = await testProxy(upstream.address, {
        upstreamTls: { ...UPSTREAM_TLS, mode, verifyAuthority: false },
      });
      const alice = await proxy.connect();
      alice.send(client.startup());
      let bob = await upstream.accept();
      assert.deepEqual(await bob.receive(8), client.sslRequest());
      if (answer === null) bob.end();
      else bob.send(answer);
      if (outcome === 'again') {
        bob = await upstream.accept();
      }
      if (typeof outcome === 'string') {
        assert.deepEqual(await bob.receive(client.startup().length), client.startup());
        bob.send(greeting);
        await alice.receive(greeting.length);
        alice.end();
        bob.end();
      } else {
        const error = await refusalOf(alice);
        assert.equal(error['C'], '57P03');
        assert.match(error['M'] ?? '', outcome);
        assert.match(error['M'] ?? '', /at 127\.0\.0\.1:\d+/);
      }
      const { wire } = onlySession(await proxy.settled());
      assert.equal(wire.server.own_out, outcome === 'again' ? 0 : 8);
    });
  }

  test('that fails is no reason for prefer to give up', { timeout }, async () => {
    const upstream = await fakeServer();
    const proxy = await testProxy(upstream.address, {
      upstreamTls: { ...UPSTREAM_TLS, mode: 'prefer', verifyAuthority: false },
    });
    const alice = await proxy.connect();
    alice.send(client.startup());
    const bad = await upstream.accept();
    await bad.receive(8);
    bad.send(Buffer.from('S'), Buffer.from('but this is no handshake, as anybody can see'));
    bad.end();
    const bob = await upstream.accept();
    assert.deepEqual(await bob.receive(client.startup().length), client.startup());
    bob.send(greeting);
    await alice.receive(greeting.length);
    alice.end();
    bob.end();
    const { wire } = onlySession(await proxy.settled());
    assert.equal(wire.server.tls, null);
  });

  test('never answers: the time for connecting bounds it', { timeout }, async () => {
    const upstream = await fakeServer();
    const proxy = await testProxy(upstream.address, { upstreamTls: UPSTREAM_TLS, connectTimeoutMs: 200 });
    const alice = await proxy.connect();
    alice.send(client.startup());
    assert.match((await refusalOf(alice))['M'] ?? '', /no answer in time/);
    await proxy.settled();
  });

  test('is direct, with ALPN and the name of the host', { timeout }, async () => {
    const upstream = await fakeServer();
    const port = 'port' in upstream.address ? upstream.address.port : 0;
    const tls = { ...UPSTREAM_TLS, mode: 'verify-full', negotiation: 'direct' } as const;
    const proxy = await testProxy({ host: 'localhost', port }, { upstreamTls: tls });
    const alice = await proxy.connect();
    alice.send(client.startup());
    const seen: (string | null)[] = [];
    const bob = await acceptDirectTls(upstream, {
      ...ALPN,
      SNICallback: (name, done) => {
        seen.push(name);
        done(null);
      },
    });
    await bob.receive(client.startup().length);
    assert.deepEqual(seen, ['localhost']);
    bob.send(greeting);
    await alice.receive(greeting.length);
    alice.end();
    bob.end();
    const { wire } = onlySession(await proxy.settled());
    assert.deepEqual([wire.server.own_in, wire.server.own_out], [0, 0]);
  });

  for (const [mode, holds] of [
    ['verify-ca', true],
    ['verify-full', false],
  ] as const) {
    test(`with a certificate for another host: ${mode}`, { timeout }, async () => {
      const upstream = await fakeServer();
      const proxy = await testProxy(upstream.address, { upstreamTls: { ...UPSTREAM_TLS, mode } });
      const alice = await proxy.connect();
      alice.send(client.startup());
      const secureContext = contextOf(authority.issue('db.example', ['DNS:db.example'])).current;
      const bob = await acceptTls(upstream, { secureContext });
      if (holds) {
        await bob.receive(client.startup().length);
        bob.send(greeting);
        await alice.receive(greeting.length);
        alice.end();
      } else {
        assert.match((await refusalOf(alice))['M'] ?? '', /certificate is not for "127.0.0.1"/);
      }
      bob.end();
      await proxy.settled();
    });
  }

  test('carries cancel requests, however they came in', { timeout }, async () => {
    const upstream = await fakeServer();
    const proxy = await testProxy(upstream.address, BOTH);
    const packet = client.cancel(4711, Buffer.alloc(32, 7));
    const comers: readonly ((address: Address) => Promise<Peer>)[] = [
      connectTo,
      connectTls,
      async (address) => encrypt(await connectTo(address), ALPN),
    ];
    for (const come of comers) {
      const canceller = await come(proxy.address);
      canceller.send(packet);
      const carrier = await acceptTls(upstream);
      assert.deepEqual(await carrier.receive(packet.length), packet);
      carrier.end();
      await canceller.receiveAll();
      canceller.end();
    }
    const { cancels } = await proxy.settled();
    assert.deepEqual(
      cancels.map(({ error }) => error),
      [null, null, null],
    );
  });
});

describe('TLS passed through', () => {
  for (const direct of [false, true]) {
    test(`${direct ? 'begun at once' : 'asked for'}: reaches the server unchanged`, { timeout }, async () => {
      const upstream = await fakeServer();
      const proxy = await testProxy(upstream.address, { clientTls: 'passthrough' });
      const { client: alice, server: bob } = await openPassthrough(
        proxy,
        upstream,
        direct ? 'direct' : 'asked',
      );
      alice.end();
      bob.end();
      const session = onlySession(await proxy.settled());
      assert.equal(session.encrypted, 'passthrough');
      assert.equal(session.accounts.opaque.R, session.wire.client.bytes_in);
      assert.equal(session.accounts.opaque.S, session.wire.server.bytes_in);
    });
  }
});
