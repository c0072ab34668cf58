// A client that asks far faster than the server answers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { client, server } from '../support/messages.ts';
import { onlySession, openSession } from '../support/proxies.ts';
import { until, untilStill } from '../support/until.ts';

const QUERIES = 100_003;

test(
  'a client that is owed ten thousand answers waits until it has some, and gets them all',
  { timeout: 20_000 },
  async () => {
    const { proxy, client: asking, server: answering } = await openSession({ maxQueryBytes: 0 });
    const query = client.query('');
    const answer = Buffer.concat([server.emptyQuery(), server.ready()]);
    const before = answering.receivedBytes;
    asking.digest();
    answering.digest();
    asking.send(Buffer.alloc(QUERIES * query.length, query));

    const begun = (): number => proxy.proxy.report().sessions[0]!.statement_count;
    const held = await untilStill(begun);
    // What one read brings beyond the limit is on the books as well.
    assert.ok(held > 10_000 && held < 10_001 + (2 * 65_536) / query.length, `${held} statements begun`);

    let answered = 0;
    while (answered < QUERIES) {
      await until(() => answering.receivedBytes - before >= (answered + 1) * query.length, 'the next query');
      const received = Math.floor((answering.receivedBytes - before) / query.length);
      answering.send(Buffer.alloc((received - answered) * answer.length, answer));
      answered = received;
    }
    const expected = QUERIES * answer.length;
    await until(() => asking.receivedBytes >= expected, 'all answers');
    asking.send(client.terminate());
    asking.end();
    answering.end();
    const session = onlySession(await proxy.settled());
    assert.equal(session.statement_count, QUERIES);
    assert.equal(session.accounts.statement.R, QUERIES * query.length);
    assert.equal(session.accounts.statement.S, expected);
  },
);

test(
  'Syncs amid a COPY, which nobody answers, do not keep its client waiting',
  { timeout: 20_000 },
  async () => {
    const { proxy, client: asking, server: answering } = await openSession();
    const query = client.query('copy t from stdin');
    const syncs = Buffer.alloc(14_009 * client.sync().length, client.sync());
    const before = answering.receivedBytes;
    asking.send(query, syncs, client.copyDone());
    await until(() => answering.receivedBytes > before + query.length, 'what the proxy has read');
    await untilStill(() => answering.receivedBytes);
    answering.send(server.copyIn());
    const all = query.length + syncs.length + client.copyDone().length;
    await until(() => answering.receivedBytes === before + all, 'the end of the data');
    answering.send(server.complete('COPY 0'), server.ready());
    await asking.receive(server.copyIn().length + server.complete('COPY 0').length + server.ready().length);
    asking.send(client.terminate());
    asking.end();
    answering.end();
    const session = onlySession(await proxy.settled());
    assert.equal(session.end_reason, 'terminate');
    const [{ kind, outcome } = {}] = session.statements;
    assert.deepEqual([kind, outcome], ['copy_in', 'ok']);
  },
);
