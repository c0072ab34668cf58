import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { EndlessLine, RecordReader, type RecordSink } from '../../src/kernel/record_reader.ts';
import { DamagedLine, parseRecord, type ProbeRecord, UnknownSchema } from '../../src/kernel/records.ts';

const README = path.join(import.meta.dirname, '..', '..', '..', 'probes', 'README.md');

class Kept implements RecordSink {
  readonly records: ProbeRecord[] = [];
  readonly damages: string[] = [];

  enter(record: ProbeRecord): void {
    this.records.push(record);
  }

  damaged(line: number, problem: string): void {
    this.damages.push(`${line}: ${problem}`);
  }
}

function readAll(chunks: readonly Buffer[]): Kept {
  const kept = new Kept();
  const reader = new RecordReader(kept);
  for (const chunk of chunks) reader.read(chunk);
  reader.end();
  return kept;
}

describe('a record', () => {
  it('is read as the description of the format shows it', () => {
    const [, example] = /```\n(\{"type":"attach"[^`]*)```/.exec(readFileSync(README, 'utf8'))!;
    const { records, damages } = readAll([Buffer.from(example!)]);
    assert.deepEqual(damages, []);
    assert.deepEqual(
      records.map(({ type }) => type),
      ['attach', 'open', 'run', 'run', 'close', 'detach'],
    );
    assert.deepEqual(records[0], {
      type: 'attach',
      method: 'bpftrace',
      events: 'fentry',
      tool: 'bpftrace v0.17.0',
      kernel: '6.1.0-18-amd64',
      at: Date.parse('2026-11-21T13:00:00.000Z'),
      clockUs: 81_230_411,
    });
    assert.deepEqual(records[2], {
      type: 'run',
      sock: '0xffff8881066d2300',
      dir: 'send',
      from: 0,
      bytes: 84,
      ops: 1,
      lastUs: 81_231_007,
      us: null,
    });
  });

  it('of a helper that says no more than it must is read, too', () => {
    const record = parseRecord(
      '{"type":"attach","schema":"pgnetflow.probe/1","at":"2026-11-21T13:00:00Z","clock_us":1}',
    );
    assert.ok(record?.type === 'attach');
    assert.deepEqual([record.method, record.events, record.tool], [null, null, null]);
  });

  it('of an unknown type is ignored, and so are unknown fields', () => {
    assert.equal(parseRecord('{"type":"weather","clock_us":"mild"}'), null);
    assert.deepEqual(parseRecord('{"type":"lost","count":3,"clock_us":9,"mood":{}}'), {
      type: 'lost',
      count: 3,
    });
  });

  const damages: [string, string][] = [
    ['{"type":"run"', 'it is no JSON'],
    ['[]', 'it is no JSON object'],
    ['null', 'it is no JSON object'],
    ['{"sock":"a"}', '"type" is no text'],
    ['{"type":"lost","count":-1}', '"count" is no whole number from 0 on'],
    ['{"type":"lost","count":1.5}', '"count" is no whole number from 0 on'],
    ['{"type":"lost","count":"3"}', '"count" is no whole number from 0 on'],
    ['{"type":"lost","count":9007199254740993}', '"count" is no whole number from 0 on'],
    ['{"type":"run","sock":"a","dir":"up","from":0,"bytes":1,"ops":1}', '"dir" is neither "send" nor "recv"'],
    [
      '{"type":"run","sock":"a","dir":"send","from":0,"bytes":1,"ops":2}',
      'each operation of a run moves at least a byte',
    ],
    [
      '{"type":"attach","schema":"pgnetflow.probe/1","at":"noon","clock_us":1}',
      '"at" is no ISO 8601 timestamp',
    ],
    ['{"type":"close","sock":"a","clock_us":1,"tcp":7}', '"tcp" is no object'],
  ];
  for (const [line, problem] of damages) {
    it(`is damaged: ${line}`, () => {
      assert.throws(
        () => parseRecord(line),
        (error) => error instanceof DamagedLine && error.message === problem,
      );
    });
  }

  it('of another format ends the reading', () => {
    const line = '{"type":"attach","schema":"pgnetflow.probe/2","at":"2026-11-21T13:00:00Z","clock_us":1}';
    assert.throws(() => parseRecord(line), UnknownSchema);
    assert.throws(() => readAll([Buffer.from(`${line}\n`)]), /reads pgnetflow\.probe\/1/);
  });
});

describe('the reader of records', () => {
  const line = (count: number): string => `{"type":"lost","count":${count},"note":"größer"}`;

  it('does not care how the bytes come', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(99)),
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
        (counts, sizes) => {
          const bytes = Buffer.from(counts.map((count) => `${line(count)}\n`).join(''));
          const chunks: Buffer[] = [];
          for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
            const size = sizes[turn % sizes.length]!;
            chunks.push(bytes.subarray(at, at + size));
            at += size;
          }
          const { records, damages } = readAll(chunks);
          assert.deepEqual(damages, []);
          assert.deepEqual(
            records,
            counts.map((count) => ({ type: 'lost', count })),
          );
        },
      ),
    );
  });

  it('survives anything, and names the lines that it cannot read', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (chunks) => {
        readAll(chunks.map((chunk) => Buffer.from(chunk)));
      }),
    );
    const { records, damages } = readAll([Buffer.from(`${line(1)}\n\nrubbish\n${line(2)}\n{"type":"ru`)]);
    assert.equal(records.length, 2);
    assert.deepEqual(damages, ['3: it is no JSON', '5: it is no JSON']);
  });

  it('gives up a line that does not end as soon as it is too long, and names it', () => {
    const mib = 1024 * 1024;
    const endless = (error: unknown): boolean =>
      error instanceof EndlessLine && error.message.startsWith('line 2 has more than 1048576 characters');
    const whole = Buffer.from(`${line(7)}\n${'x'.repeat(mib + 1)}\n`);
    assert.throws(() => readAll([whole]), endless);
    const kept = new Kept();
    const reader = new RecordReader(kept);
    reader.read(Buffer.from(`${line(7)}\n${'x'.repeat(mib)}`));
    assert.throws(() => reader.read(Buffer.from('x')), endless);
    assert.deepEqual([kept.records.length, kept.damages], [1, []]);
    // As long as it may be it is only damaged.
    assert.deepEqual(readAll([Buffer.from('x'.repeat(mib))]).damages, ['1: it is no JSON']);
  });
});
