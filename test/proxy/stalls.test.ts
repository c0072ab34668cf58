// Who waited for whom: the time in which one side did not take what the other had sent.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { client, server } from '../support/messages.ts';
import { assertBalanced, onlySession, openSession, statementOf } from '../support/proxies.ts';
import { pour } from '../support/stream.ts';
import { untilStill } from '../support/until.ts';

const timeout = 20_000;
const MB = 1024 * 1024;

for (const [slow, sender] of [
  ['client', 'server'],
  ['server', 'client'],
] as const) {
  test(
    `the time in which the ${slow} does not read is its stall, of the statement and of the session`,
    {
      timeout,
    },
    async () => {
      const { proxy, ...ends } = await openSession();
      const query = client.query('copy');
      const opening = slow === 'client' ? server.copyOut() : server.copyIn();
      ends.client.send(query);
      await ends.server.receive(query.length);
      ends.server.send(opening);
      await ends.client.receive(opening.length);

      ends[slow].digest();
      ends[slow].pause();
      const began = performance.now();
      const pouring = pour(ends[sender], 24 * MB, 3);
      await untilStill(() => ends[sender].sentBytes);
      const stalledAt = performance.now();
      await untilStill(() => ends[sender].sentBytes, 40);
      const stalledMs = performance.now() - stalledAt;

      // A stall that goes on is in the books already.
      const open = proxy.proxy.report().sessions[0]!;
      const name = slow === 'client' ? 'client_stall_us' : 'server_stall_us';
      const other = slow === 'client' ? 'server_stall_us' : 'client_stall_us';
      assert.ok(open.time[name] >= stalledMs * 1000, `${open.time[name]} µs of a stall of ${stalledMs} ms`);
      assertBalanced(open);
      const { duration_us, elapsed_us } = statementOf(open).time;
      assert.ok(duration_us === null && elapsed_us >= open.time[name], `${elapsed_us} µs so far`);

      ends[slow].resume();
      await pouring;
      if (slow === 'client') {
        ends.server.send(server.copyDone(), server.complete('COPY 1'), server.ready());
      } else {
        ends.client.send(client.copyDone());
        await untilStill(() => ends.server.receivedBytes);
        ends.server.send(server.complete('COPY 1'), server.ready());
      }
      const elapsedMs = performance.now() - began;
      ends.client.send(client.terminate());
      ends.client.end();
      ends.server.end();
      const session = onlySession(await proxy.settled());
      const statement = statementOf(session);
      assert.equal(statement.outcome, 'ok');
      assert.equal(session.end_reason, 'terminate');
      for (const { time } of [session, statement]) {
        assert.ok(time[name] >= stalledMs * 1000, `${time[name]} µs of a stall of ${stalledMs} ms`);
        assert.ok(time[name] <= (elapsedMs + 200) * 1000, `${time[name]} µs of ${elapsedMs} ms`);
        assert.ok(time[other] < 100_000, `${other} ${time[other]}`);
      }
      assert.equal(session.time[name], statement.time[name]);
      const { deferred, writes } = session.wire[slow];
      assert.ok(deferred > 0 && deferred <= writes, `${deferred} writes of ${writes} deferred`);
      assert.equal(session.wire[sender].deferred, 0);
      assert.deepEqual(session.undelivered, { R: 0, S: 0 });
    },
  );
}

test('a stall that the end of the proxy finds is in the final report', { timeout }, async () => {
  const { proxy, client: alice, server: bob } = await openSession();
  alice.send(client.query('select'));
  await bob.receive(client.query('select').length);
  alice.pause();
  void pour(bob, 24 * MB, 5);
  await untilStill(() => bob.sentBytes);
  const stalledAt = performance.now();
  await untilStill(() => bob.sentBytes, 20);
  const session = onlySession(proxy.proxy.stop());
  assertBalanced(session);
  assert.equal(session.end_reason, 'shutdown');
  assert.ok(session.time.client_stall_us >= (performance.now() - stalledAt) * 900);
  assert.equal(statementOf(session).time.client_stall_us, session.time.client_stall_us);
  assert.ok(session.undelivered.S > 0);
});
