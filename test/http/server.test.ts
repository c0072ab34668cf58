import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import net from 'node:net';
import { once } from 'node:events';
import { embeddedServer } from '../support/servers.ts';
import { ask, httpBefore } from '../support/http.ts';
import { connectAs } from '../support/console.ts';
import {
  parsedByPython,
  promtoolMissing,
  promtoolProblems,
  prometheusClientMissing,
  sumOf,
  valueOf,
} from '../support/openmetrics.ts';
import { proxyBefore } from '../support/running_proxy.ts';
import { authority, CLIENT_TLS } from '../support/tls_peers.ts';

const postgres = await embeddedServer();
const TOKEN = 'a-token-of-the-tests';
const timeout = 60_000;

async function busyProxy() {
  const running = await proxyBefore(postgres);
  const client = await connectAs(running);
  await client.query("select repeat('x', 100003)");
  for (let n = 0; n < 23; n += 1) await client.query(`select ${n} as "n"`);
  await client.query('select 1/0').catch(() => undefined);
  await client.end();
  await running.settled();
  return running;
}

describe('the metrics of a proxy before a real server', { timeout }, () => {
  it('are the figures of its report', { skip: prometheusClientMissing }, async () => {
    const { proxy } = await busyProxy();
    const server = await httpBefore(proxy.collector);
    const answer = await ask(`${server.url}metrics`);
    assert.equal(answer.status, 200);
    assert.equal(
      answer.headers['content-type'],
      'application/openmetrics-text; version=1.0.0; charset=utf-8',
    );
    const metrics = await parsedByPython(answer.body, 'openmetrics');
    const report = proxy.report();
    for (const [direction, name] of [
      ['R', 'received'],
      ['S', 'sent'],
    ] as const) {
      for (const figure of ['bytes', 'messages', 'reads', 'writes'] as const)
        assert.equal(valueOf(metrics, `pgnetflow_${name}_${figure}_total`), report.totals[direction][figure]);
      assert.equal(sumOf(metrics, `pgnetflow_database_${name}_bytes_total`), report.totals[direction].bytes);
    }
    assert.ok(report.statements.length >= 3);
    for (const statement of report.statements) {
      const of = (name: string, labels = {}): number | undefined =>
        valueOf(metrics, `pgnetflow_statement_${name}_total`, {
          fingerprint: statement.fingerprint ?? '',
          ...labels,
        });
      assert.equal(of('calls'), statement.calls);
      assert.equal(of('received_bytes'), statement.R.bytes);
      assert.equal(of('sent_bytes'), statement.S.bytes);
      assert.equal(of('roundtrips'), statement.roundtrips);
      assert.equal(of('outcomes', { outcome: 'error' }), statement.outcomes.error);
      assert.equal(of('time_seconds'), statement.total_us / 1_000_000);
      const bucket = (name: string, le: string): number | undefined =>
        valueOf(metrics, `pgnetflow_statement_${name}_bucket`, {
          fingerprint: statement.fingerprint ?? '',
          le,
        });
      assert.equal(bucket('duration_seconds', '+Inf'), statement.calls);
      assert.equal(bucket('duration_seconds', '60.0'), statement.calls);
      const atMost1024 = statement.S_bytes.max <= 1024 ? statement.calls : 0;
      assert.equal(bucket('call_sent_bytes', '1024.0'), atMost1024);
    }
    assert.equal(valueOf(metrics, 'pgnetflow_sessions_total'), 1);
    assert.equal(valueOf(metrics, 'pgnetflow_unbalanced_sessions'), 0);
    assert.equal(valueOf(metrics, 'pgnetflow_build_info', { version: report.version }), 1);
  });

  it(
    'have statements beyond --metrics-statements as one, and add up to the same',
    { skip: prometheusClientMissing },
    async () => {
      const { proxy } = await busyProxy();
      const server = await httpBefore(proxy.collector, { metricsStatements: 1 });
      const metrics = await parsedByPython((await ask(`${server.url}metrics`)).body, 'openmetrics');
      const { statements } = proxy.report();
      const name = 'pgnetflow_statement_sent_bytes_total';
      assert.equal(valueOf(metrics, name, { summary: 'SELECT' }), statements[0]!.S.bytes);
      assert.ok(valueOf(metrics, name, { fingerprint: 'other' })! > 0);
      assert.equal(
        sumOf(metrics, name),
        statements.reduce((sum, { S }) => sum + S.bytes, 0),
      );
    },
  );

  it(
    'have nothing that promtool would find wrong, in text for old scrapers',
    { skip: promtoolMissing },
    async () => {
      const { proxy } = await busyProxy();
      const server = await httpBefore(proxy.collector);
      const { body, headers } = await ask(`${server.url}metrics`, { accept: 'text/plain' });
      assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
      assert.equal(await promtoolProblems(body), '');
    },
  );

  it('hold no constant of any statement', async () => {
    const running = await proxyBefore(postgres);
    const client = await connectAs(running);
    await client.query("select 'my secret', 47114711");
    await client.query("select 'unfinished secret").catch(() => undefined);
    await client.end();
    await running.settled();
    const server = await httpBefore(running.proxy.collector);
    const { body } = await ask(`${server.url}metrics`);
    assert.match(body, /query="select \?, \?"/);
    assert.doesNotMatch(body, /secret|4711/);
  });

  it('stand any name that a client gives itself', { skip: prometheusClientMissing }, async () => {
    const running = await proxyBefore(postgres);
    const names = [
      '<script>alert(1)</script>',
      'a"b\\c\nd',
      '\u0001',
      '\u0002',
      '\u001b[2J\u202e',
      '}{=1,"#',
    ];
    for (const user of names) await connectAs(running, { user }).catch(() => undefined);
    await running.settled();
    const server = await httpBefore(running.proxy.collector);
    const metrics = await parsedByPython((await ask(`${server.url}metrics`)).body, 'openmetrics');
    const name = 'pgnetflow_database_sessions_total';
    assert.equal(sumOf(metrics, name), names.length);
    assert.equal(valueOf(metrics, name, { user: names[0]! }), 1);
    assert.equal(valueOf(metrics, name, { user: names[1]! }), 1);
    // Two that cannot be told apart in print.
    assert.equal(valueOf(metrics, name, { user: '\uFFFD' }), 2);
  });
});

describe('the HTTP server', { timeout }, () => {
  it('says whether the process lives, and whether the server answers', async () => {
    const { proxy } = await proxyBefore(postgres);
    const { host, port } = postgres;
    const upstreams = [{ address: { host, port }, tls: null }];
    const server = await httpBefore(proxy.collector, { upstreams });
    assert.deepEqual((await ask(`${server.url}healthz`)).body, 'ok\n');
    const ready = await ask(`${server.url}readyz`);
    assert.equal(ready.status, 200);
    assert.deepEqual(JSON.parse(ready.body), [
      { upstream: `${host}:${port}`, ready: true, why: 'it answers' },
    ]);
    const nobody = { address: { host: '127.0.0.1', port: 1 }, tls: null };
    const other = await httpBefore(proxy.collector, { upstreams: [...upstreams, nobody] });
    const unready = await ask(`${other.url}readyz`);
    assert.equal(unready.status, 503);
    assert.match(unready.body, /connection refused/);
    assert.equal((await ask(`${other.url}healthz`)).status, 200);
  });

  it('answers nobody without the token, with it anybody', async () => {
    const { proxy } = await proxyBefore(postgres);
    const server = await httpBefore(proxy.collector, { token: TOKEN });
    for (const path of ['', 'metrics', 'healthz', 'readyz', 'nowhere']) {
      const { status, body, headers } = await ask(`${server.url}${path}`);
      assert.equal(status, 401, path);
      assert.match(headers['www-authenticate'] ?? '', /^Basic/);
      assert.doesNotMatch(body, new RegExp(TOKEN));
    }
    const { status } = await ask(`${server.url}metrics`, {
      authorization: `Bearer ${TOKEN}`,
      host: 'proxy.example',
    });
    assert.equal(status, 200);
  });

  it('refuses a page of somebody else, whose name leads here', async () => {
    const { proxy } = await proxyBefore(postgres);
    const server = await httpBefore(proxy.collector);
    const { status, body } = await ask(`${server.url}metrics`, { host: 'evil.example' });
    assert.equal(status, 403);
    assert.doesNotMatch(body, /pgnetflow_/);
  });

  it('only reads', async () => {
    const { proxy } = await proxyBefore(postgres);
    const server = await httpBefore(proxy.collector);
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
      assert.equal((await ask(`${server.url}metrics`, { method })).status, 405, method);
    const head = await ask(`${server.url}metrics`, { method: 'HEAD' });
    assert.deepEqual([head.status, head.body], [200, '']);
    assert.equal((await ask(`${server.url}../../etc/passwd`)).status, 404);
    assert.equal((await ask(`${server.url}nowhere`)).status, 404);
  });

  it('speaks TLS with the certificate of a listener', async () => {
    const { proxy } = await proxyBefore(postgres);
    const server = await httpBefore(proxy.collector, { tls: CLIENT_TLS.context });
    assert.match(server.url, /^https:/);
    const { status } = await ask(`${server.url}healthz`, { ca: authority.cert });
    assert.equal(status, 200);
    // Who speaks in the clear is told nothing.
    await assert.rejects(ask(server.url.replace('https', 'http')));
    assert.equal((await ask(`${server.url}healthz`, { ca: authority.cert })).status, 200);
  });

  it('lives on whatever it is sent, and cuts off who asks for too much', async () => {
    const { proxy } = await proxyBefore(postgres);
    const server = await httpBefore(proxy.collector);
    const port = Number(new URL(server.url).port);
    for (const junk of [
      '\0\0\0\x08\x04\xd2\x16\x2f',
      'GET nonsense\r\n\r\n',
      `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
      'GET http://evil.example/metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n',
    ]) {
      const socket = net.connect(port, '127.0.0.1', () => socket.write(junk));
      let answer = '';
      socket.setEncoding('latin1').on('data', (text: string) => (answer += text));
      socket.on('error', () => undefined);
      await once(socket, 'close');
      assert.match(answer, /^HTTP\/1\.1 4\d\d /, junk.slice(0, 20));
    }
    assert.equal((await ask(`${server.url}healthz`)).status, 200);
  });

  it('takes a thousand scrapes at once: each gets all or nothing, and a session goes on meanwhile', async () => {
    const running = await busyProxy();
    const server = await httpBefore(running.proxy.collector);
    const client = await connectAs(running);
    const outcomes = { whole: 0, refused: 0 };
    const scrapes = Array.from({ length: 1000 }, async () => {
      try {
        const { status, body } = await ask(`${server.url}metrics`);
        assert.equal(status, 200);
        assert.ok(body.endsWith('# EOF\n'));
        outcomes.whole += 1;
      } catch (error) {
        assert.match(String(error), /ECONNRESET|EPIPE|socket hang up/);
        outcomes.refused += 1;
      }
    });
    for (let n = 0; n < 101; n += 1) await client.query('select 1');
    await Promise.all(scrapes);
    await client.end();
    assert.equal(outcomes.whole + outcomes.refused, 1000);
    assert.ok(outcomes.whole >= 100, JSON.stringify(outcomes));
    assert.equal((await ask(`${server.url}metrics`)).status, 200);
    await running.settled();
  });
});
