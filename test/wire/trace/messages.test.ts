import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { serialize } from 'pg-protocol';
import { backendNames, frontendNames } from '../../../src/wire/message_types.ts';
import { backendFormats, frontendFormats } from '../../../src/wire/trace/message_fields.ts';
import { message } from '../../support/bytes.ts';
import { keptTrace, traceOf } from '../../support/tracing.ts';

test('every message of the manual has a format of its name', () => {
  for (const [names, formats] of [
    [frontendNames, frontendFormats],
    [backendNames, backendFormats],
  ] as const) {
    const expected = names.map((name, type) => {
      return name ?? `Unknown message: ${type.toString(16).padStart(2, '0')}`;
    });
    assert.deepEqual(
      formats.map((format) => format.name),
      expected,
    );
  }
});

describe('a message of the frontend, as pg-protocol writes it:', () => {
  for (const [line, encoded] of [
    ['F\t13\tQuery\t "select 1"', serialize.query('select 1')],
    [
      'F\t26\tParse\t "s" "select $1" 2 23 25',
      serialize.parse({ name: 's', text: 'select $1', types: [23, 25] }),
    ],
    [
      `F\t29\tBind\t "p" "s" 2 0 0 2 1 'x' -1 1 0`,
      serialize.bind({ portal: 'p', statement: 's', values: ['x', null] }),
    ],
    ['F\t7\tDescribe\t S "s"', serialize.describe({ type: 'S', name: 's' })],
    ['F\t6\tClose\t P ""', serialize.close({ type: 'P' })],
    ['F\t10\tExecute\t "p" 17', serialize.execute({ portal: 'p', rows: 17 })],
    ['F\t4\tFlush', serialize.flush()],
    ['F\t4\tSync', serialize.sync()],
    ['F\t4\tTerminate', serialize.end()],
    [String.raw`F${'\t'}9${'\t'}CopyData${'\t'} '1\x09\N\x0a'`, serialize.copyData(Buffer.from('1\t\\N\n'))],
    ['F\t4\tCopyDone', serialize.copyDone()],
    ['F\t12\tCopyFail\t "no more"', serialize.copyFail('no more')],
  ] as const) {
    test(line.split('\t')[2] ?? '', () => {
      assert.deepEqual(traceOf('F', [encoded]), [line]);
    });
  }

  test('FunctionCall, which pg-protocol cannot write', () => {
    const call = message('F', '000000b1', '0001 0001', '0002 00000001 "x" ffffffff', '0001');
    assert.deepEqual(traceOf('F', [call]), [`F\t25\tFunctionCall\t 177 1 1 2 1 'x' -1 1`]);
  });
});

describe('a message of the backend:', () => {
  for (const [type, body, line] of [
    ['1', '', 'B\t4\tParseComplete'],
    ['2', '', 'B\t4\tBindComplete'],
    ['3', '', 'B\t4\tCloseComplete'],
    ['A', '00000007 "c" 00 "p" 00', 'B\t12\tNotificationResponse\t 7 "c" "p"'],
    ['C', '"SELECT 3" 00', 'B\t13\tCommandComplete\t "SELECT 3"'],
    ['D', '0003 00000001 "1" ffffffff 00000000', `B\t19\tDataRow\t 3 1 '1' -1 0 ''`],
    [
      'E',
      '"SERROR" 00 "C42601" 00 00',
      String.raw`B${'\t'}19${'\t'}ErrorResponse${'\t'} S "ERROR" C "42601" \x00`,
    ],
    ['G', '00 0002 0000 0001', String.raw`B${'\t'}11${'\t'}CopyInResponse${'\t'} \x00 2 0 1`],
    ['H', '01 0001 0001', String.raw`B${'\t'}9${'\t'}CopyOutResponse${'\t'} \x01 1 1`],
    ['W', '00 0000', String.raw`B${'\t'}7${'\t'}CopyBothResponse${'\t'} \x00 0`],
    ['I', '', 'B\t4\tEmptyQueryResponse'],
    ['K', '00001267 cafebabe', 'B\t12\tBackendKeyData\t 4711 <4 bytes>'],
    ['N', '"SNOTICE" 00 00', String.raw`B${'\t'}13${'\t'}NoticeResponse${'\t'} S "NOTICE" \x00`],
    ['S', '"TimeZone" 00 "UTC" 00', 'B\t17\tParameterStatus\t "TimeZone" "UTC"'],
    [
      'T',
      '0001 "a" 00 00004001 0002 00000017 0004 ffffffff 0001',
      'B\t26\tRowDescription\t 1 "a" 16385 2 23 4 -1 1',
    ],
    ['V', '00000001 "x"', `B\t9\tFunctionCallResponse\t 1 'x'`],
    ['V', 'ffffffff', 'B\t8\tFunctionCallResponse\t -1'],
    ['Z', '54', 'B\t5\tReadyForQuery\t T'],
    ['c', '', 'B\t4\tCopyDone'],
    ['d', '"x" 0a', String.raw`B${'\t'}6${'\t'}CopyData${'\t'} 'x\x0a'`],
    ['n', '', 'B\t4\tNoData'],
    ['s', '', 'B\t4\tPortalSuspended'],
    ['t', '0002 00000017 00000019', 'B\t14\tParameterDescription\t 2 23 25'],
    ['v', '00030000 00000001 "_pq_.x" 00', 'B\t19\tNegotiateProtocolVersion\t 196608 1 "_pq_.x"'],
    ['?', '"what" 00', 'B\t9\tUnknown message: 3f\t <5 bytes>'],
  ] as const) {
    test(line, () => {
      assert.deepEqual(traceOf('B', [message(type, body)]), [line]);
    });
  }
});

describe('authentication shows names and lengths, no secret:', () => {
  for (const [name, request, response, lines] of [
    ['none', '00000000', null, ['B\t8\tAuthenticationOk']],
    [
      'password',
      '00000003',
      serialize.password('crumpet'),
      ['B\t8\tAuthenticationCleartextPassword', 'F\t12\tPasswordMessage\t <8 bytes>'],
    ],
    [
      'MD5',
      '00000005 01020304',
      serialize.password('md5abc'),
      ['B\t12\tAuthenticationMD5Password\t <4 bytes>', 'F\t11\tPasswordMessage\t <7 bytes>'],
    ],
    [
      'GSS',
      '00000007',
      message('p', '"token"'),
      ['B\t8\tAuthenticationGSS', 'F\t9\tGSSResponse\t <5 bytes>'],
    ],
    [
      'GSS, next step',
      '00000008 "challenge"',
      message('p', '"token"'),
      ['B\t17\tAuthenticationGSSContinue\t <9 bytes>', 'F\t9\tGSSResponse\t <5 bytes>'],
    ],
    ['SSPI', '00000009', message('p', '"x"'), ['B\t8\tAuthenticationSSPI', 'F\t5\tGSSResponse\t <1 bytes>']],
    [
      'SASL',
      '0000000a "SCRAM-SHA-256-PLUS" 00 "SCRAM-SHA-256" 00 00',
      serialize.sendSASLInitialResponseMessage('SCRAM-SHA-256', 'n,,n=,r=secret'),
      [
        'B\t42\tAuthenticationSASL\t "SCRAM-SHA-256-PLUS" "SCRAM-SHA-256" ""',
        'F\t36\tSASLInitialResponse\t "SCRAM-SHA-256" 14 <14 bytes>',
      ],
    ],
    [
      'SASL without an initial response',
      '0000000a "X" 00 00',
      message('p', '"X" 00 ffffffff'),
      ['B\t11\tAuthenticationSASL\t "X" ""', 'F\t10\tSASLInitialResponse\t "X" -1'],
    ],
    [
      'SASL, next step',
      '0000000b "r=secret"',
      serialize.sendSCRAMClientFinalMessage('p=secret'),
      ['B\t16\tAuthenticationSASLContinue\t <8 bytes>', 'F\t12\tSASLResponse\t <8 bytes>'],
    ],
    ['SASL, last step', '0000000c "v=secret"', null, ['B\t16\tAuthenticationSASLFinal\t <8 bytes>']],
    ['Kerberos 5', '00000002', null, ['B\t8\tAuthenticationKerberosV5']],
    [
      'one of the future',
      '00000063 "secret"',
      null,
      ['B\t14\tUnknown authentication message 99\t <6 bytes>'],
    ],
    [
      'a request too short to say which',
      '0000',
      null,
      ['B\t6\tAuthentication\t ...(malformed, 2 bytes left)'],
    ],
  ] as const) {
    test(name, () => {
      const { tracer, lines: traced } = keptTrace();
      const asked = message('R', request);
      tracer.fromServer(asked, 0, asked.length);
      if (response !== null) tracer.fromClient(response, 0, response.length);
      assert.deepEqual(traced, lines);
      assert.doesNotMatch(traced.join(''), /secret|token|crumpet/);
    });
  }

  test('a response that nothing asked for, or a second one', () => {
    const line = 'F\t12\tUnknownAuthenticationResponse\t <8 bytes>';
    assert.deepEqual(traceOf('F', [serialize.password('crumpet'), serialize.password('crumpet')]), [
      line,
      line,
    ]);
  });
});
