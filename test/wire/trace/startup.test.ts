import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { serialize } from 'pg-protocol';
import { bytes, message, untyped } from '../../support/bytes.ts';
import { keptTrace } from '../../support/tracing.ts';

describe('a packet without a type byte:', () => {
  for (const [name, packet, line] of [
    ['SSLRequest', serialize.requestSsl(), 'F\t8\tSSLRequest\t 1234 5679'],
    ['GSSENCRequest', bytes('00000008 04d21630'), 'F\t8\tGSSENCRequest\t 1234 5680'],
    ['CancelRequest', serialize.cancel(4711, 42), 'F\t16\tCancelRequest\t 1234 5678 4711 <4 bytes>'],
    [
      'CancelRequest of protocol 3.2',
      untyped('04d2162e 00001267', '5a'.repeat(32)),
      'F\t44\tCancelRequest\t 1234 5678 4711 <32 bytes>',
    ],
    [
      'StartupMessage',
      untyped('00030002 "user" 00 "alice" 00 "options" 00 00 00'),
      'F\t29\tStartupMessage\t 3 2 "user" "alice" "options" ""',
    ],
    [
      'StartupMessage without its final NUL',
      untyped('00030000 "user" 00 "alice" 00'),
      'F\t19\tStartupMessage\t 3 0 "user" "alice" ...(malformed, 0 bytes left)',
    ],
    [
      'StartupMessage that ends within a value',
      untyped('00030000 "user" 00 "al"'),
      'F\t15\tStartupMessage\t 3 0 "user" "al" ...(malformed, 0 bytes left)',
    ],
    ['StartupMessage of protocol 2', untyped('00020000 "secret"'), 'F\t14\tStartupMessage\t 2 0 <6 bytes>'],
    [
      'CancelRequest without a key',
      bytes('00000008 04d2162e'),
      'F\t8\tCancelRequest\t 1234 5678 ...(malformed, 0 bytes left)',
    ],
    ['a packet too short for a code', bytes('00000007 000300'), 'F\t7\tUnknown message\t <3 bytes>'],
    ['an empty packet', bytes(''), 'F\t0\tUnknown message\t <0 bytes>'],
  ] as const) {
    test(name, () => {
      const { tracer, lines } = keptTrace();
      tracer.startup(packet);
      assert.deepEqual(lines, [line]);
    });
  }

  test('of which only the first bytes are looked at', () => {
    const { tracer, lines } = keptTrace(16);
    tracer.startup(untyped('00030000 "user" 00 "alice-with-a-long-name" 00 00'));
    assert.deepEqual(lines, ['F\t37\tStartupMessage\t 3 0 "user" "alice-w" ...(17 bytes more)']);
  });
});

test('behind a StartupMessage of protocol 2 nothing is traced, for it would be misread', () => {
  const { tracer, lines } = keptTrace();
  tracer.startup(untyped('00020000', '00'.repeat(288)));
  const query = message('Q', '"select 1" 00');
  tracer.fromClient(query, 0, query.length);
  tracer.fromServer(query, 0, query.length);
  assert.equal(lines.length, 1);
});
