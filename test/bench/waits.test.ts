import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { copyStatement } from '../../src/bench/copy.ts';
import { summarizeCopies } from '../../src/bench/figures.ts';
import { renderBenchCopy } from '../../src/bench/text.ts';
import { splitWaits, type Waits } from '../../src/bench/waits.ts';
import type { StatementRecord } from '../../src/report/model.ts';
import { session, statement } from '../report/sample.ts';

function timed(duration: number, firstByte: number, clientStall: number): StatementRecord['time'] {
  return {
    started_at: '2026-11-21T00:00:00.000Z',
    duration_us: duration,
    elapsed_us: duration,
    first_byte_us: firstByte,
    streaming_us: duration - firstByte,
    client_stall_us: clientStall,
    server_stall_us: 0,
    client_wait_us: 0,
  };
}

const ping = (firstByte: number): StatementRecord => statement({ time: timed(firstByte + 5, firstByte, 0) });
const copy = (time: StatementRecord['time'], fields: Partial<StatementRecord> = {}): StatementRecord =>
  statement({ kind: 'copy_out', query: 'copy t to stdout', time, ...fields });

describe('who waited for whom', () => {
  it('is told by the first byte, the fastest ping and the stalls, and adds up to the duration', () => {
    const statements = [ping(300), ping(200), ping(250), copy(timed(10_000, 1200, 4000))];
    assert.deepEqual(splitWaits(session({ statements })), [
      { duration_us: 10_000, server_us: 1000, network_us: 200, client_us: 4000, streaming_us: 4800 },
    ]);
  });

  it('is never less than nothing: a COPY may be answered faster than any ping', () => {
    const statements = [ping(300), copy(timed(500, 100, 499))];
    assert.deepEqual(splitWaits(session({ statements })), [
      { duration_us: 500, server_us: 0, network_us: 100, client_us: 400, streaming_us: 0 },
    ]);
  });

  it('leaves out what failed, and cannot be told without a ping', () => {
    const failed = copy(timed(500, 100, 0), { outcome: 'error' });
    assert.deepEqual(splitWaits(session({ statements: [ping(1), failed] })), []);
    assert.throws(() => splitWaits(session({ statements: [failed] })), /no select 1/);
  });
});

describe('the COPY that is measured', () => {
  it('is bounded, whatever the query', () => {
    assert.equal(
      copyStatement(null, 7),
      "copy (select repeat('x', 1023) from generate_series(1, 7)) to stdout",
    );
    assert.equal(
      copyStatement('table t -- all', 7),
      'copy (select * from (table t -- all\n) as query limit 7) to stdout',
    );
  });
});

describe('the figures', () => {
  const once = { bytes: 1000, clientCpuSeconds: 0.5, proxyCpuSeconds: null };
  const circumstances = {
    version: '0.1.0',
    node: '20',
    server_version: '18.4',
    statement: 'copy (table "a\x1bb") to stdout',
    rows: 10,
    balanced: true,
  };
  const waits: Waits = { duration_us: 5, server_us: 1, network_us: 1, client_us: 1, streaming_us: 2 };
  const rounds = [1, 2, 4].map((seconds) => ({
    direct: { ...once, seconds: 0.5 },
    through: { ...once, seconds, proxyCpuSeconds: 0.25 },
  }));

  it('compare within each round, and show the waits of the median round', () => {
    const slow = { ...waits, duration_us: 900 };
    const fast = { ...waits, duration_us: 3 };
    const record = summarizeCopies(circumstances, rounds, [slow, waits, fast]);
    assert.deepEqual(record.ratio, { median: 0.25, lowest: 0.125, highest: 0.5 });
    assert.deepEqual(record.through_bytes_per_s, { median: 500, lowest: 250, highest: 1000 });
    assert.equal(record.proxy_cpu_s_per_gb.median, 250_000);
    assert.equal(record.waits, waits);
  });

  it('are printed without control characters, and name a client that is the limit itself', () => {
    const text = renderBenchCopy({ ...summarizeCopies(circumstances, rounds, [waits]), tiny: false });
    assert.match(text, /^copy \(table "a\\x1bb"\) to stdout\n10 rows, 1\.0KiB; 3 rounds/);
    assert.match(text, /\nspeed, straight = 1 +0\.25 +0\.13 +0\.50\n/);
    assert.match(text, /The client used 1\.00 of a CPU with nothing between/);
    assert.doesNotMatch(text, /UNBALANCED|mean nothing/);
    for (const line of text.split('\n')) assert.ok(line.length < 90, line);
  });

  it('of less than 16 MiB are called meaningless, and no more is concluded from them', () => {
    const ofBytes = (bytes: number): string =>
      renderBenchCopy(
        summarizeCopies(
          circumstances,
          rounds.map(({ direct, through }) => ({
            direct: { ...direct, bytes },
            through: { ...through, bytes },
          })),
          [waits],
        ),
      );
    const tiny = ofBytes(2 ** 24 - 1);
    assert.match(tiny, /these figures mean nothing\.\nCopy more: more --rows/);
    assert.doesNotMatch(tiny, /it is the limit itself/);
    assert.doesNotMatch(ofBytes(2 ** 24), /mean nothing/);
  });
});
