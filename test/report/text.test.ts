import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { END_LINE, renderText } from '../../src/report/text.ts';
import { TABLE_WIDTH } from '../../src/report/table.ts';
import { assertGolden } from '../golden.ts';
import { strictLines } from './lines.ts';
import type { SessionRecord, StatementRecord } from '../../src/report/model.ts';
import { flow, report, sample, session, statement } from './sample.ts';

const render = (...args: Parameters<typeof renderText>): string => [...renderText(...args)].join('');

describe('the text report', () => {
  it('shows a report with one of everything', () => {
    assertGolden('report.txt', render(sample()));
  });

  it('has nothing to list without sessions', () => {
    assert.deepEqual(render(report([])).split('\n'), [
      END_LINE,
      '',
      'total R: 0 bytes (0B), 0 messages, 0 reads, 0 writes',
      'total S: 0 bytes (0B), 0 messages, 0 reads, 0 writes',
      'sessions: 0, unbalanced: 0',
      '',
    ]);
  });

  it('prints the sessions in the lines that scripts parse, the largest first', () => {
    const flowLine =
      /^-(?<letter>[RS])-from:(?<from>.+):\d+-to:(?<to>.+):\d+, pkgs:\d+, Kbytes:(?<kib>\d+), pkgs\/s:\d+, Kbytes\/s:\d+$/;
    const lines = render(sample())
      .split('\n')
      .filter((line) => /^-[RS]-/.test(line));
    const found = lines.map((line) => flowLine.exec(line)?.groups);
    assert.deepEqual(
      found.map((groups) => [groups?.['letter'], groups?.['kib']]),
      [
        ['S', '560752'],
        ['R', '0'],
        ['R', '3032'],
        ['S', '0'],
        ['R', '0'],
      ],
    );
  });

  it('keeps its tables under 120 columns, whatever the names', () => {
    const long = session({
      id: 123_456,
      client: { address: '2001:0db8:85a3:0000:0000:8a2e:0370:7334', port: 65_535 },
      user: 'u'.repeat(63),
      database: 'd'.repeat(63),
      balanced: false,
      statements: [statement({ seq: 123_456, kind: 'copy_both', query: 'select '.repeat(100) })],
    });
    const lines = render(report([long])).split('\n');
    const table = lines.filter((line) => !line.startsWith('-'));
    assert.ok(
      table.every((line) => Array.from(line).length <= TABLE_WIDTH),
      table.join('\n'),
    );
  });

  it('puts equal statements of a session on one line, added up', () => {
    const fetch = (seq: number, fields: Partial<StatementRecord> = {}): StatementRecord =>
      statement({ seq, query: 'fetch 100 from c', query_bytes: 16, rows: 100, S: flow(1000), ...fields });
    const many = Array.from({ length: 23 }, (_, at) => fetch(at + 2));
    const failed = fetch(30, { outcome: 'error', rows: null, S: flow(90) });
    const declare = statement({ seq: 1, query: 'declare c cursor for t', S: flow(20) });
    const sessions = [
      session({ statements: [declare, ...many, failed] }),
      session({ id: 2, statements: [fetch(7)] }),
    ];
    const lines = render(report(sessions)).split('\n');
    const from = lines.indexOf('statements, equal ones of a session on one line, by bytes (4)');
    assert.deepEqual(
      lines.slice(from + 1, from + 6).map((line) => line.trim().split(/ +/).slice(0, 8).join(' ')),
      [
        'session seq times kind outcome rows R S',
        '1 2 23 query ok 2300 322B 22KiB',
        '2 7 1 query ok 100 14B 1.0KiB',
        '1 30 1 query error - 14B 90B',
        '1 1 1 query ok 1 14B 20B',
      ],
    );
    assert.match(lines[from + 2]!, / 20ms +0 +0 +0 fetch 100 from c$/);
  });

  it('leaves the kernel out when nobody asked it', () => {
    const header = (text: string): string =>
      text.split('\n').find((line) => line.startsWith('session client'))!;
    assert.match(header(render(sample())), / books +kernel$/);
    const { kernel: _, ...rest } = sample();
    assert.match(header(render({ ...rest, kernel: null })), / books$/);
  });

  it('names the door of a session where it is not that of the one above', () => {
    const through = (listener: string): SessionRecord => session({ listener });
    const lines = render(report([through('a:1'), through('a:1'), through('b:2'), through('a:1')])).split(
      '\n',
    );
    const doors = lines.filter((line) => line.includes('through '));
    assert.deepEqual(
      doors.map((line) => line.trim()),
      ['through a:1 to db1:1921', 'through b:2 to db1:1921', 'through a:1 to db1:1921'],
    );
    const same = render(report([through('a:1'), through('a:1')]));
    assert.ok(!same.includes('through '), 'there is one only');
  });

  it('lets no name or query forge a line', () => {
    const evil = fc.oneof(
      fc.constant('\n----------END----------'),
      fc.constant('\u2028-S-from:1.2.3.4:5-to:6.7.8.9:10, pkgs:1, Kbytes:1, pkgs/s:1, Kbytes/s:1'),
      fc.string({ unit: 'binary' }),
      fc.string({
        unit: fc.constantFrom('\n', '\r', '\u0085', '\u2028', '\v', '\f', '\u001C', '-', 'q', ' '),
      }),
    );
    fc.assert(
      fc.property(evil, evil, evil, (user, query, detail) => {
        const plain = (text: string, end: string | null): string =>
          render(
            report([session({ user: text, end_detail: end, statements: [statement({ query: text })] })]),
          );
        const expected = strictLines(plain('x', 'x'));
        for (const name of [user, query]) {
          const lines = strictLines(plain(name, detail));
          assert.equal(lines.length, expected.length);
          assert.equal(lines.filter((line) => line === END_LINE).length, 1);
          assert.deepEqual(
            lines.filter((line) => /^-[RS]-/.test(line)),
            expected.filter((line) => /^-[RS]-/.test(line)),
          );
        }
      }),
    );
  });
});
