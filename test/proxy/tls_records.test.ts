// The records of TLS as the report tells them, and as they were on the wire: with scripted ends that put each statement
// into records of their own, in each version and suite.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { createSecureContext } from 'node:tls';
import type { LegRecord, ReportRecord, SessionRecord } from '../../src/report/model.ts';
import { Command } from '../support/command.ts';
import { assertConserved } from '../support/conservation.ts';
import { client, server } from '../support/messages.ts';
import { fakeServer, type Peer } from '../support/peers.ts';
import { temporaryDirectory } from '../support/programs.ts';
import { greeting, onlySession } from '../support/proxies.ts';
import { pour, randomOf } from '../support/stream.ts';
import {
  acceptTls,
  authority,
  certificate,
  connectTls,
} from '../support/tls_peers.ts';
import { countOf, recordedWire, recordsOfPieces } from '../support/tls_wire.ts';
import { until } from '../support/until.ts';

const timeout = 60_000;
const MB = 1024 * 1024;
const SMALL = 61;

const SUITES = [
  ['TLSv1.3', 'TLS_AES_256_GCM_SHA384'],
  ['TLSv1.3', 'TLS_AES_128_GCM_SHA256'],
  ['TLSv1.3', 'TLS_CHACHA20_POLY1305_SHA256'],
  ['TLSv1.2', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
  ['TLSv1.2', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
  ['TLSv1.2', 'ECDHE-ECDSA-CHACHA20-POLY1305'],
  ['TLSv1.2', 'ECDHE-ECDSA-AES256-SHA'],
] as const;

/** A request that is answered, of so many bytes of text each. */
async function exchange(ends: { client: Peer; server: Peer }, asked: number, answered: number): Promise<void> {
  const query = client.query('q'.repeat(asked));
  const answer = Buffer.concat([
    server.rowDescription(),
    server.dataRow('v'.repeat(answered)),
    server.complete('SELECT 1'),
    server.ready(),
  ]);
  ends.client.send(query);
  await ends.server.receive(query.length);
  ends.server.send(answer);
  await ends.client.receive(answer.length);
}

/** A COPY to or from the client, of so many bytes. */
async function copy(
  ends: { client: Peer; server: Peer },
  from: 'client' | 'server',
  bytes: number,
): Promise<void> {
  const to = from === 'client' ? 'server' : 'client';
  const opening = from === 'client' ? server.copyIn() : server.copyOut();
  const query = client.query('copy');
  const end = Buffer.concat([server.complete('COPY 1'), server.ready()]);
  ends.client.send(query);
  await ends.server.receive(query.length);
  ends.server.send(opening);
  await ends.client.receive(opening.length);
  const sent = await pour(ends[from], bytes, 5);
  ends[from].send(client.copyDone());
  await ends[to].receive(sent.sent + client.copyDone().length);
  ends.server.send(end);
  await ends.client.receive(end.length);
}

function assertLeg(
  session: SessionRecord,
  name: 'client' | 'server',
  wire: Awaited<ReturnType<typeof recordedWire>>,
  keys: string,
): void {
  const leg: LegRecord = session.wire[name];
  assert.ok(leg.tls !== null);
  const { cipher, records_in, records_out } = leg.tls;
  const { forth, back } = wire.records(keys, cipher!);
  const [into, outOf] = name === 'client' ? [forth, back] : [back, forth];
  const counted = [records_in, records_out];
  const passed = [countOf(into, 'application_data'), countOf(outOf, 'application_data')];
  const [R, S] = name === 'client' ? (['in', 'out'] as const) : (['out', 'in'] as const);
  if (/-SHA$/.test(cipher!)) {
    assert.deepEqual(counted, [null, null]);
    for (const { tls_records } of session.statements)
      assert.deepEqual([tls_records?.R[name], tls_records?.S[name]], [null, null]);
    return;
  }
  assert.deepEqual(counted, passed, `${name}: records in and out`);
  if (!cipher!.startsWith('TLS_')) {
    // What the report books outside of statements: the log-in, one record each way, and Terminate.
    const of = (direction: 'R' | 'S'): number =>
      session.statements.reduce((sum, { tls_records }) => sum + tls_records![direction][name]!, 0);
    const counts = { in: passed[0]!, out: passed[1]! };
    assert.deepEqual([of('R') + 2, of('S') + 1], [counts[R], counts[S]], `${name}: the statements' records`);
    return;
  }
  const directions = { in: into, out: outOf };
  for (const [direction, records] of [
    ['R', directions[R]],
    ['S', directions[S]],
  ] as const) {
    const startup = direction === 'R' ? client.startup().length : greeting.length;
    const pieces = [startup, ...session.statements.map((statement) => statement[direction].bytes)];
    assert.deepEqual(
      session.statements.map(({ tls_records }) => tls_records?.[direction][name]),
      recordsOfPieces(records, pieces).slice(1),
      `${name}: records of the statements, ${direction}`,
    );
  }
}

describe('the report', () => {
  for (const [version, cipher] of SUITES) {
    it(`tells the records of ${version} with ${cipher} as they were on the wire`, { timeout }, async () => {
      const folder = temporaryDirectory();
      const [keyLog, reportFile] = [path.join(folder, 'keys'), path.join(folder, 'report.json')];
      const upstream = await fakeServer();
      const onServerLeg = await recordedWire(upstream.address);
      assert.ok('port' in onServerLeg.address);
      const proxy = new Command(
        [
          ['proxy', '--listen', '127.0.0.1:0', '--upstream', `127.0.0.1:${onServerLeg.address.port}`],
          ['--tls-cert', certificate.certFile, '--tls-key', certificate.keyFile],
          ['--upstream-tls', 'verify-ca', '--upstream-ca', authority.certFile],
          ['--report', 'json', '--report-file', reportFile],
        ].flat(),
        { NODE_OPTIONS: `--tls-keylog=${keyLog}` },
      );
      const port = await proxy.listening();
      const onClientLeg = await recordedWire({ host: '127.0.0.1', port });
      const choice = { minVersion: version, maxVersion: version, ciphers: cipher } as const;
      const secureContext = createSecureContext({ cert: certificate.cert, key: certificate.key, ...choice });

      const near = await connectTls(onClientLeg.address, choice);
      near.send(client.startup());
      const far = await acceptTls(upstream, { secureContext });
      await far.receive(client.startup().length);
      far.send(greeting);
      await near.receive(greeting.length);
      const ends = { client: near, server: far };
      const random = randomOf(7);
      for (let turn = 0; turn < SMALL; turn += 1) await exchange(ends, random(300), random(3000));
      // Lengths around that of a full record, and of a chunk.
      for (const bytes of [16_000, 16_384, 20_000, 65_536, 70_001]) await exchange(ends, bytes, bytes);
      await copy(ends, 'server', 5 * MB);
      await copy(ends, 'client', 5 * MB);
      near.send(client.terminate());
      await far.receive(client.terminate().length);
      near.end();
      far.end();
      await until(() => near.closed && far.closed, 'the ends');
      proxy.kill('SIGTERM');
      const { status, stderr } = await proxy.finished();
      assert.equal(status, 0, stderr);

      const report: ReportRecord = JSON.parse(readFileSync(reportFile, 'utf8'));
      assertConserved(report);
      const session = onlySession(report);
      assert.deepEqual([session.wire.client.tls?.cipher, session.wire.server.tls?.cipher], [cipher, cipher]);
      assert.equal(session.statements.length, SMALL + 5 + 2);
      const keys = readFileSync(keyLog, 'utf8');
      assertLeg(session, 'client', onClientLeg, keys);
      assertLeg(session, 'server', onServerLeg, keys);
    });
  }
});
