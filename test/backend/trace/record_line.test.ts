import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseLine } from '../../../src/backend/trace/record_line.ts';
import { DamagedLine } from '../../../src/kernel/records.ts';

const printed = (data: string): string => asLatin1({ type: 'printf', data });

/** A line as it is read: its bytes as Latin-1. */
function asLatin1(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('latin1');
}

describe('a line of bpftrace', () => {
  const cases: [what: string, line: string, record: unknown][] = [
    [
      'says that all probes are attached',
      printed('attach 12454625428577 pgnetflow.fsync/1'),
      { type: 'attach', at_us: 12454625429, schema: 'pgnetflow.fsync/1' },
    ],
    [
      'has a title with blanks in it',
      printed('process 2000 4711 postgres: alice shop 127.0.0.1(54758) initializing'),
      {
        type: 'process',
        at_us: 2,
        pid: 4711,
        title: 'postgres: alice shop 127.0.0.1(54758) initializing',
      },
    ],
    [
      'has a query of several lines and quotes',
      printed('statement 2000 4711 3 select "a\\b"\n\t, 1'),
      { type: 'statement', at_us: 2, pid: 4711, statement: 3, query: 'select "a\\b"\n\t, 1' },
    ],
    [
      'ends a statement',
      printed('end 2000 4711 3 1'),
      { type: 'end', at_us: 2, pid: 4711, statement: 3, state: 1 },
    ],
    [
      'has an fsync that failed, outside any statement',
      printed('fsync 2000 4711 0 1999 -5 7 1'),
      {
        type: 'fsync',
        at_us: 2,
        pid: 4711,
        statement: null,
        duration_us: 2,
        result: -5,
        fd: 7,
        transient: true,
        path: null,
      },
    ],
    [
      'has the path that was opened',
      printed('open 2000 4711 1 1000 -1 pg_tblspc/with blank'),
      {
        type: 'open',
        at_us: 2,
        pid: 4711,
        statement: 1,
        duration_us: 1,
        result: -1,
        path: 'pg_tblspc/with blank',
      },
    ],
    [
      'has a page of an SLRU',
      printed('slru_write 2000 23 0 58000 8192 7 6 147456 8192'),
      {
        type: 'slru_write',
        at_us: 2,
        pid: 23,
        statement: null,
        duration_us: 58,
        result: 8192,
        fd: 7,
        slru: 6,
        offset: 147456,
        size: 8192,
        path: null,
      },
    ],
    ['counts what was lost', '{"type": "lost_events", "data": {"events": 23}}', { type: 'lost', count: 23 }],
    ['may be about bpftrace itself', '{"type": "attached_probes", "data": {"probes": 16}}', null],
    ['may be empty', '', null],
    ['may be of a type that is not known', printed('sneeze 2000 4711'), null],
  ];
  for (const [what, line, record] of cases) {
    it(what, () => assert.deepEqual(parseLine(line), record));
  }

  const damages: [what: string, line: string, problem: string][] = [
    ['lacks a field', printed('fsync 2000 4711 0 1999 -5'), 'its fsync has a wrong fd'],
    ['has a word for a number', printed('exit soon 4711'), 'its exit has a wrong at_us'],
    ['breaks off', printed('exit 2000 4711').slice(0, -3), 'it is no JSON'],
    ["is another program's", 'hello', 'it is no JSON'],
    ['is JSON, and no record', '[]', 'it is no object with a type'],
    ['has a printf without text', '{"type": "printf", "data": 1}', 'its printf has no text'],
    [
      'does not say how much was lost',
      '{"type": "lost_events", "data": {}}',
      'it does not say how many events were lost',
    ],
    ['lacks a field by name', '{"type":"exit","at_us":2}', 'its exit has a wrong pid'],
    ['has a text for a number', '{"type":"lost","count":"1"}', 'its lost has a wrong count'],
  ];
  for (const [what, line, problem] of damages) {
    it(`is damaged when it ${what}`, () => {
      assert.throws(
        () => parseLine(line),
        (error) => error instanceof DamagedLine && error.message === problem,
      );
    });
  }

  it('may be of a type by name that is not known', () => {
    assert.equal(parseLine('{"type":"summary","lost":0}'), null);
  });

  it('writes a byte above 127 in a way of its own', () => {
    const line = String.raw`{"type": "printf", "data": "statement 1000 1 1 t\uffffffc3\uffffffa4g \\uffffffc3"}`;
    const record = parseLine(line);
    assert.ok(record?.type === 'statement');
    assert.equal(record.query.slice(0, 3), 'täg');
  });

  it('may end in the middle of a character', () => {
    const bytes = Buffer.from('{"type": "printf", "data": "statement 1000 1 1 ta€"}').toString('latin1');
    const record = parseLine(bytes.replace(/..(?="\})/, ''));
    const read = { type: 'statement', at_us: 1, pid: 1, statement: 1, query: 'ta' };
    assert.deepEqual(record, read);
    assert.deepEqual(parseLine(asLatin1({ ...read, query: 'ta\uFFFD' })), read);
  });

  it('is read back from what is published', () => {
    const record = parseLine(printed('statement 2000 4711 5 täg'));
    assert.deepEqual(parseLine(asLatin1(record)), record);
  });

  it('may be anything at all', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), fc.string().map(printed)), (line) => {
        try {
          const record = parseLine(line);
          assert.ok(record === null || typeof record.type === 'string');
        } catch (error) {
          assert.ok(error instanceof DamagedLine, String(error));
        }
      }),
    );
  });
});
