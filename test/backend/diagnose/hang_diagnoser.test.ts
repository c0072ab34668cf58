import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { describe, it } from 'node:test';
import { HangDiagnoser, isOnThisHost } from '../../../src/backend/diagnose/hang_diagnoser.ts';

const notLinux = process.platform !== 'linux' && 'diagnose needs Linux';

describe('a server', () => {
  for (const [address, port] of [
    ['127.0.0.1', 5432],
    ['127.8.0.1', 5432],
    ['::ffff:127.0.0.1', 5432],
    ['/var/run/postgresql/.s.PGSQL.5432', 0],
  ] as const) {
    it(`at ${address} is on this host`, () => assert.equal(isOnThisHost({ address, port }), true));
  }

  it('at an address of one of our interfaces is on this host', () => {
    const own = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
    assert.ok(own.length > 0);
    for (const { address } of own) assert.equal(isOnThisHost({ address, port: 5432 }), true);
  });

  for (const address of ['192.0.2.7', '2001:db8::7', 'unknown']) {
    it(`at ${address} is not`, () => assert.equal(isOnThisHost({ address, port: 5432 }), false));
  }
});

describe('a backend', { skip: notLinux }, () => {
  const sessionStartedAt = new Date().toISOString();
  const local = { address: '127.0.0.1', port: 5432 };

  it('of another host is not looked for here', async () => {
    const server = { address: '192.0.2.7', port: 5432 };
    const found = await new HangDiagnoser().diagnose({ processId: process.pid, server, sessionStartedAt });
    assert.equal(found, null);
  });

  it('whose number is that of another program here, as behind a pooler, has no diagnosis', async () => {
    const found = await new HangDiagnoser().diagnose({
      processId: process.pid,
      server: local,
      sessionStartedAt,
    });
    assert.equal(found, null);
  });

  it('is not told about once the proxy has stopped', async () => {
    const diagnoser = new HangDiagnoser();
    const looking = diagnoser.diagnose({ processId: process.pid, server: local, sessionStartedAt });
    await diagnoser.close();
    assert.equal(await looking, null);
  });
});
