// A client that has gone while pgnetflow does not read from it: its backend ends as soon as if it had been connected directly.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import pg from 'pg';
import { client } from '../support/messages.ts';
import { testProxy } from '../support/proxies.ts';
import { embeddedServer, olderThan } from '../support/servers.ts';
import { until, untilStill } from '../support/until.ts';

const server = await embeddedServer();
const skip = olderThan(14, server, 'client_connection_check_interval');

const SLEEP = client.query('select pg_sleep(3600)');
const WAITING: Readonly<Record<string, Buffer>> = {
  'ten thousand answers are owed': Buffer.concat(
    Array.from({ length: 12_007 }, () => client.query('select 1')),
  ),
  'the server reads no more': Buffer.concat(
    Array.from({ length: 211 }, () => client.query(`select '${'x'.repeat(100_003)}'`)),
  ),
};

describe('the backend of a client that broke its connection ends within its statement', { skip }, () => {
  for (const [why, waiting] of Object.entries(WAITING)) {
    it(`while ${why}`, { timeout: 30_000 }, async () => {
      const observer = new pg.Client({
        host: server.host,
        port: server.port,
        user: server.user,
        database: 'postgres',
      });
      await observer.connect();
      const backends = async (): Promise<number> => {
        const { rows } = await observer.query<{ n: number }>(
          "select count(*)::int n from pg_stat_activity where application_name = 'gone' and state = 'active'",
        );
        return rows[0]!.n;
      };
      const proxy = await testProxy({ host: server.host, port: server.port });
      const alice = await proxy.connect();
      const startup = { user: server.user, database: 'postgres', application_name: 'gone' };
      alice.send(client.startup({ ...startup, client_connection_check_interval: '100ms' }), SLEEP, waiting);
      await until(async () => (await backends()) === 1, 'the statement');
      await untilStill(() => alice.sentBytes, 31);
      alice.reset();
      await until(async () => (await backends()) === 0, 'its end');
      const { sessions } = await proxy.settled();
      assert.deepEqual(
        sessions.map(({ end_reason: reason }) => reason),
        ['aborted'],
      );
      await observer.end();
    });
  }
});
