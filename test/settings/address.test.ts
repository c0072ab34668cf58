import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { parseHttpAddress, parseListenAddress, parseUpstreamAddress } from '../../src/settings/address.ts';

describe('an address to listen on', () => {
  it('is written in any of these ways', () => {
    const cases = [
      ['127.0.0.1:6432', { host: '127.0.0.1', port: 6432 }],
      ['localhost:0', { host: 'localhost', port: 0 }],
      [':7000', { host: '127.0.0.1', port: 7000 }],
      ['7000', { host: '127.0.0.1', port: 7000 }],
      ['0.0.0.0', { host: '0.0.0.0', port: 6432 }],
      ['[::1]:7000', { host: '::1', port: 7000 }],
      ['[::]', { host: '::', port: 6432 }],
      ['/tmp/.s.PGSQL.6432', { path: '/tmp/.s.PGSQL.6432' }],
    ] as const;
    for (const [text, expected] of cases) assert.deepEqual(parseListenAddress(text), expected, text);
  });

  it('is every interface for *', () => {
    const address = parseListenAddress('*:7000');
    assert.ok('host' in address && ['::', '0.0.0.0'].includes(address.host));
  });

  it('is refused with a reason', () => {
    const cases = [
      ['host:', /"" is no port/],
      ['host:65536', /"65536" is no port; ports are 0 to 65535/],
      ['host:-1', /"-1" is no port/],
      ['::1', /brackets, as in \[::1\]:6432/],
      ['::1:7000', /brackets/],
      ['[::1', /neither host:port nor/],
      ['[nowhere]:1', /"nowhere" is no IPv6 address/],
      ['socket/path', /neither host:port nor the absolute path of a socket/],
      ['*x:1', /neither/],
    ] as const;
    for (const [text, reason] of cases) assert.throws(() => parseListenAddress(text), reason, text);
  });
});

describe('an address to answer HTTP at', () => {
  it('has a port of its own, and is no Unix-domain socket', () => {
    assert.deepEqual(parseHttpAddress('10.1.2.3'), { host: '10.1.2.3', port: 6480 });
    assert.deepEqual(parseHttpAddress(':0'), { host: '127.0.0.1', port: 0 });
    assert.throws(() => parseHttpAddress('/tmp/socket'), /"\/tmp\/socket": HTTP is answered over TCP only/);
  });
});

describe('the address of the server', () => {
  it('is written in any of these ways', () => {
    const cases = [
      ['db1', { host: 'db1', port: 5432 }],
      ['db1.example.com:5433', { host: 'db1.example.com', port: 5433 }],
      [':5433', { host: '127.0.0.1', port: 5433 }],
      ['[2001:db8::1]', { host: '2001:db8::1', port: 5432 }],
      ['/no/such/.s.PGSQL.5433', { path: '/no/such/.s.PGSQL.5433' }],
      ['postgres://db1', { host: 'db1', port: 5432 }],
      ['postgresql://me:secret@db1:5433/shop?sslmode=disable', { host: 'db1', port: 5433 }],
      ['postgres://[::1]:5433/', { host: '::1', port: 5433 }],
      ['postgres:///shop', { host: '127.0.0.1', port: 5432 }],
      ['postgres:///shop?host=/no/such.sock', { path: '/no/such.sock' }],
      ['postgres://%2Fno%2Fsuch.sock/shop', { path: '/no/such.sock' }],
    ] as const;
    for (const [text, expected] of cases) assert.deepEqual(parseUpstreamAddress(text), expected, text);
  });

  it('is the socket in a directory, as libpq has it', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'pgnetflow-'));
    try {
      assert.deepEqual(parseUpstreamAddress(folder), { path: path.join(folder, '.s.PGSQL.5432') });
      assert.deepEqual(parseUpstreamAddress(`${folder}/`), { path: path.join(folder, '.s.PGSQL.5432') });
      assert.deepEqual(parseUpstreamAddress(`postgres:///?host=${folder}&port=5433`), {
        path: path.join(folder, '.s.PGSQL.5433'),
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('is refused with a reason that holds no password', () => {
    const cases = [
      ['*:5432', /name a host/],
      ['db1:0', /ports are 1 to 65535/],
      ['postgres://me:secret@a:1,b:2/', /one host/],
      ['postgres://me:secret@a,b/', /several hosts/],
      ['postgres://me:secret@a:99999/', /one host/],
    ] as const;
    for (const [text, reason] of cases) {
      assert.throws(
        () => parseUpstreamAddress(text),
        (error: unknown) =>
          error instanceof Error && reason.test(error.message) && !error.message.includes('secret'),
        text,
      );
    }
  });
});
