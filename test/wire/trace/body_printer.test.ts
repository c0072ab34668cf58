import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { message } from '../../support/bytes.ts';
import { traceOf } from '../../support/tracing.ts';

describe('of a body of which only the first bytes are looked at, the trace shows', () => {
  for (const [name, type, body, looked, shown] of [
    ['a whole string that fits', 'C', '"SELECT 1" 00', 9, ' "SELECT 1"'],
    ['the beginning of a string', 'C', '"SELECT 1" 00', 6, ' "SELECT" ...(3 bytes more)'],
    ['a string without its NUL', 'C', '"SELECT 1" 00', 8, ' "SELECT 1" ...(1 bytes more)'],
    ['whole characters of a string', 'C', '"aé" 00', 2, ' "a" ...(3 bytes more)'],
    ['the first of two strings', 'S', '"a" 00 "b" 00', 2, ' "a" "" ...(2 bytes more)'],
    ['a number only when it is whole', 'A', '00000007 "c" 00 "p" 00', 3, ' ...(8 bytes more)'],
    ['the beginning of a value', 'D', '0001 00000004 "abcd"', 8, ` 1 4 'ab' ...(2 bytes more)`],
    ['the length of a value', 'D', '0001 00000004 "abcd"', 6, ` 1 4 '' ...(4 bytes more)`],
    ['the NULLs before', 'D', '0002 ffffffff 00000001 "x"', 8, ' 2 -1 ...(5 bytes more)'],
    ['a part of a list', 't', '0003 00000001 00000002 00000003', 10, ' 3 1 2 ...(4 bytes more)'],
    ['the beginning of COPY data', 'd', '"abcdef"', 4, ` 'abcd' ...(2 bytes more)`],
    ['the fields of an error', 'E', '"SERROR" 00 "C42601" 00 00', 10, ' S "ERROR" C "42" ...(5 bytes more)'],
    ['a secret by its whole length', 'K', '00001267 "0123456789"', 6, ' 4711 <10 bytes>'],
    [
      'a list too long for its body as cut, for nobody looked',
      't',
      'ffff 00000001',
      5,
      ' 65535 ...(4 bytes more)',
    ],
    [
      'a length that cannot be as malformed',
      'D',
      '0001 80000000 "abcd"',
      8,
      ' 1 -2147483648 ...(malformed, 4 bytes left)',
    ],
    ['nothing, when nothing is looked at', 'C', '"SELECT 1" 00', 0, ' "" ...(9 bytes more)'],
  ] as const) {
    test(name, () => {
      const [line] = traceOf('B', [message(type, body)], looked);
      assert.equal(line?.split('\t')[3], shown);
    });
  }
});

describe('of a malformed body the trace shows what it can and a mark:', () => {
  for (const [name, type, body, shown] of [
    ['an empty body', 'Z', '', ' ...(malformed, 0 bytes left)'],
    ['half a number', 'D', '00', ' ...(malformed, 1 bytes left)'],
    ['a string without its end', 'C', '"SELECT"', ' "SELECT" ...(malformed, 0 bytes left)'],
    ['fewer fields than announced', 'D', 'ffff 00000001 "x"', ` 65535 1 'x' ...(malformed, 0 bytes left)`],
    [
      'a value longer than the body',
      'D',
      '0001 7fffffff "x"',
      ` 1 2147483647 'x' ...(malformed, 0 bytes left)`,
    ],
    ['more than the fields', 'Z', '49 0102', ' I ...(malformed, 2 bytes left)'],
    ['a body where none belongs', 'n', '"??"', ' ...(malformed, 2 bytes left)'],
    [
      'two billion options of which none is there',
      'v',
      '00030000 7fffffff',
      ' 196608 2147483647 "" ...(malformed, 0 bytes left)',
    ],
    ['a negative number of options', 'v', '00030000 ffffffff', ' 196608 -1'],
    ['a list of mechanisms without its end', 'R', '0000000a "X" 00', ' "X" "" ...(malformed, 0 bytes left)'],
    ['an error without its final NUL', 'E', '"SERROR" 00', ' S "ERROR" ...(malformed, 0 bytes left)'],
    [
      'an error with bytes behind its final NUL',
      'E',
      '00 "x"',
      String.raw` \x00 ...(malformed, 1 bytes left)`,
    ],
  ] as const) {
    test(name, () => {
      const [line] = traceOf('B', [message(type, body)]);
      assert.equal(line?.split('\t')[3], shown);
    });
  }
});
