import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import net from 'node:net';
import path from 'node:path';
import { setImmediate as immediately } from 'node:timers/promises';
import { after, describe, it } from 'node:test';
import { pino } from 'pino';
import { startProxy } from '../../src/proxy/proxy.ts';
import { type Address, formatAddress } from '../../src/relay/address.ts';
import { type Listener, listen } from '../../src/relay/listener.ts';
import { fatalError } from '../../src/wire/encode.ts';
import { root } from './dockerfile.ts';

const LOCALHOST = { host: '127.0.0.1', port: 0 };
/** AuthenticationSASL with SCRAM-SHA-256. */
const SASL = Buffer.from('R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0', 'latin1');

interface Health {
  readonly code: number;
  readonly says: string;
}

/** Runs the script as the image does: with the environment to tell it where. */
function check(environment: NodeJS.ProcessEnv, ...words: string[]): Promise<Health> {
  const script = path.join(root, 'scripts', 'healthcheck.js');
  return new Promise((resolve) => {
    const env = { PATH: process.env['PATH'], ...environment };
    const child = execFile(process.execPath, [script, ...words], { env }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, says: stdout + stderr });
    });
  });
}

/** A server that answers the StartupMessage and waits for the client to leave, as PostgreSQL does. */
async function server(answer: (socket: net.Socket) => void): Promise<Address> {
  const sockets = new Set<net.Socket>();
  const listener: Listener = await listen(LOCALHOST, (socket) => {
    sockets.add(socket);
    socket.once('data', () => answer(socket));
    socket.on('error', () => undefined);
    socket.on('end', () => socket.end());
    socket.resume();
  });
  after(() => {
    listener.close();
    for (const socket of sockets) socket.destroy();
  });
  return listener.address;
}

/** A real proxy before such a server. */
async function proxyBefore(upstream: Address): Promise<Awaited<ReturnType<typeof startProxy>>> {
  const proxy = await startProxy({
    listen: [LOCALHOST],
    upstream,
    maxSessionsKept: 10,
    maxStatementsKept: 10,
    maxQueryBytes: 100,
    connectTimeoutMs: 10_000,
    startupTimeoutMs: 10_000,
    cancelTimeoutMs: 10_000,
    log: pino({ level: 'silent' }),
  });
  after(() => proxy.stop());
  return proxy;
}

async function checkThroughProxy(upstream: Address): Promise<Health> {
  const proxy = await proxyBefore(upstream);
  return check({ PGNETFLOW_LISTEN: proxy.addresses.map(formatAddress).join(', ') });
}

/** An address at which nobody listens. */
async function closedPort(): Promise<Address> {
  const listener = await listen(LOCALHOST, () => undefined);
  listener.close();
  return listener.address;
}

describe('scripts/healthcheck.js', { concurrency: true }, () => {
  it('is healthy when PostgreSQL asks for a password through the proxy, and leaves balanced books', async () => {
    const proxy = await proxyBefore(await server((socket) => socket.write(SASL)));
    const { code, says } = await check({ PGNETFLOW_LISTEN: proxy.addresses.map(formatAddress).join(',') });
    assert.equal(code, 0, says);
    assert.match(says, /^healthy: 127\.0\.0\.1:\d+: PostgreSQL answers\n$/);
    while (proxy.openSessions > 0) await immediately();
    const [session] = proxy.stop().sessions;
    assert.equal(session?.application_name, 'pgnetflow_healthcheck');
    assert.equal(session.end_detail, null, 'no connection was reset');
    assert.equal(session.balanced, true);
  });

  it('is healthy when PostgreSQL refuses the user: it is there and answers', async () => {
    const upstream = await server((socket) => socket.end(fatalError('28000', 'no pg_hba.conf entry for …')));
    const { code, says } = await checkThroughProxy(upstream);
    assert.equal(code, 0, says);
    assert.match(says, /28000 no pg_hba\.conf entry/);
  });

  it('is unhealthy when the proxy is there and PostgreSQL is not', async () => {
    const { code, says } = await checkThroughProxy(await closedPort());
    assert.equal(code, 1, says);
    assert.match(says, /^unhealthy: .*57P03/);
  });

  it('is unhealthy while PostgreSQL starts up, however its answer is cut into chunks', async () => {
    const upstream = await server((socket) => {
      socket.setNoDelay();
      const answer = fatalError('57P03', 'the database system is starting up');
      const send = (at: number): void => {
        if (at === answer.length) socket.end();
        else socket.write(answer.subarray(at, at + 1), () => setImmediate(send, at + 1));
      };
      send(0);
    });
    const { code, says } = await checkThroughProxy(upstream);
    assert.equal(code, 1, says);
    assert.match(says, /^unhealthy: .*57P03 the database system is starting up\n$/);
  });

  it('is unhealthy when PostgreSQL is silent', async () => {
    const { code, says } = await checkThroughProxy(await server(() => undefined));
    assert.equal(code, 1, says);
    assert.match(says, /no answer within 4 s/);
  });

  it('is unhealthy when no proxy listens, at an address that it is given', async () => {
    const { code, says } = await check({}, formatAddress(await closedPort()));
    assert.equal(code, 1, says);
    assert.match(says, /^unhealthy: .*ECONNREFUSED/);
  });

  it('is unhealthy when something else than PostgreSQL answers', async () => {
    const other = await server((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const { code, says } = await check({}, formatAddress(other));
    assert.equal(code, 1, says);
    assert.match(says, /not that of PostgreSQL/);
  });
});
