import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { flowLines, formatEndpoint, statementBlock } from '../../src/report/flow_lines.ts';
import { strictLines } from './lines.ts';
import { flow, session, statement } from './sample.ts';

const SESSION = session();

describe('the lines of a flow', () => {
  it('are those of the SystemTap script that they come from', () => {
    const copy = statement({
      query: 'copy t to stdout',
      R: flow(100, 1, 1, 2),
      S: flow(560_752 * 1024, 1_000_000, 70_096, 3),
    });
    copy.time.duration_us = 1_293_402;
    assert.equal(
      statementBlock(SESSION, copy),
      [
        'query: copy t to stdout',
        '-S-from:172.16.3.150:1921-to:172.16.3.39:37961, pkgs:70096, Kbytes:560752, pkgs/s:54195, Kbytes/s:433548',
        '-R-from:172.16.3.39:37961-to:172.16.3.150:1921, pkgs:2, Kbytes:0, pkgs/s:1, Kbytes/s:0',
        '',
      ].join('\n'),
    );
  });

  it('leave out a direction without bytes', () => {
    const { client, server } = SESSION;
    assert.equal(flowLines({ client, server, R: flow(), S: flow(), us: 1 }).length, 0);
    assert.match(flowLines({ client, server, R: flow(1), S: flow(), us: 1 }).join('|'), /^-R-[^|]*$/);
  });

  it('have no rate over no time', () => {
    const { client, server } = SESSION;
    const [line] = flowLines({ client, server, R: flow(), S: flow(4096, 1, 3, 3), us: 0 });
    assert.match(line!, /pkgs:3, Kbytes:4, pkgs\/s:0, Kbytes\/s:0$/);
  });

  it('name every kind of endpoint', () => {
    const cases = [
      [{ address: '127.0.0.1', port: 5432 }, '127.0.0.1:5432'],
      [{ address: '::1', port: 5432 }, '[::1]:5432'],
      [{ address: '/tmp/.s.PGSQL.5432', port: 0 }, '/tmp/.s.PGSQL.5432:0'],
      [{ address: '/tmp/a\n-S-', port: 0 }, '/tmp/a\\n-S-:0'],
      [{ address: '', port: 0 }, '-:0'],
      [null, '-:0'],
    ] as const;
    for (const [endpoint, expected] of cases) assert.equal(formatEndpoint(endpoint), expected);
  });
});

describe('a live block', () => {
  it('keeps the line breaks of a query, and indents what follows them', () => {
    const block = statementBlock(
      SESSION,
      statement({ query: 'select 1\r\n  ,2\n----------END----------\nquery: x' }),
    );
    assert.deepEqual(block.split('\n').slice(0, 4), [
      'query: select 1',
      '    ,2',
      '  ----------END----------',
      '  query: x',
    ]);
  });

  it('says so when the text was cut, or is not known', () => {
    assert.match(statementBlock(SESSION, statement({ query_truncated: true })), /^query: select 1…\n/);
    assert.match(
      statementBlock(SESSION, statement({ kind: 'function', query: null })),
      /^query: \(no text: function\)\n/,
    );
  });

  it('has only lines of its own that begin like lines of a report', () => {
    const text = fc.string({
      unit: fc.oneof(
        fc.constantFrom(
          '\n',
          '\r',
          '\u0085',
          '\u2028',
          '\v',
          '\f',
          '-',
          'query: ',
          '-S-from:',
          '-'.repeat(10),
        ),
        fc.string({ unit: 'binary', maxLength: 3 }),
      ),
    });
    fc.assert(
      fc.property(text, (query) => {
        const lines = strictLines(statementBlock(SESSION, statement({ query })));
        assert.equal(lines.filter((line) => line.startsWith('query: ')).length, 1);
        assert.equal(lines.filter((line) => line.startsWith('-')).length, 2);
      }),
    );
  });
});
