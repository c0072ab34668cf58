import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { decodeCommandTag, decodeParameterStatus } from '../../src/wire/backend_bodies.ts';
import { Framer, prefixTable } from '../../src/wire/framer.ts';
import { Backend } from '../../src/wire/message_types.ts';
import { cutAt, typed } from '../support/bytes.ts';
import { parseAll } from '../support/pg_protocol.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 20 }).map((value) => value.replaceAll('\0', ''));
const value = fc.option(fc.uint8Array({ maxLength: 30 }));

function int(bytes: 2 | 4, number: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeIntBE(number, 0, bytes);
  return buffer;
}

function row(values: readonly (Uint8Array | null)[]): Buffer {
  const columns = values.map((column) => {
    return column === null ? int(4, -1) : Buffer.concat([int(4, column.length), column]);
  });
  return Buffer.concat([int(2, values.length), ...columns]);
}

/** Of these pg-protocol shows one shared object, with a length that may be wrong. */
const WITHOUT_BODY = new Set([
  'parseComplete',
  'bindComplete',
  'closeComplete',
  'noData',
  'portalSuspended',
  'emptyQuery',
  'copyDone',
]);

/** What a server may send, with whole bodies. */
const anyMessage = fc
  .oneof(
    fc.array(value, { maxLength: 5 }).map((values) => [Backend.DataRow, row(values)] as const),
    fc.uint8Array({ maxLength: 100 }).map((data) => [Backend.CopyData, Buffer.from(data)] as const),
    text.map((tag) => [Backend.CommandComplete, Buffer.from(`${tag}\0`)] as const),
    fc
      .tuple(text, text)
      .map((pair) => [Backend.ParameterStatus, Buffer.from(`${pair.join('\0')}\0`)] as const),
    text.map((reason) => [Backend.ErrorResponse, Buffer.from(`SERROR\0C42601\0M${reason}\0\0`)] as const),
    fc.constantFrom('I', 'T', 'E').map((status) => [Backend.ReadyForQuery, Buffer.from(status)] as const),
    fc
      .constantFrom(
        Backend.ParseComplete,
        Backend.BindComplete,
        Backend.CloseComplete,
        Backend.NoData,
        Backend.PortalSuspended,
        Backend.EmptyQueryResponse,
        Backend.CopyDone,
      )
      .map((type) => [type, Buffer.alloc(0)] as const),
  )
  .map(([type, body]) => typed(type, body));

/** The framer's messages, with what the decoders make of them, in the words of pg-protocol. */
function scan(pieces: Iterable<Buffer>): object[] {
  const found: object[] = [];
  const framer = new Framer(
    {
      message: (type, bodyLength, buffer, from, to) => {
        const length = bodyLength + 4;
        if (type === Backend.CommandComplete) {
          // The tag is ASCII, whatever the client_encoding: it is compared byte by byte.
          const { tag } = decodeCommandTag(buffer, from, to);
          found.push({ length, text: Buffer.from(tag, 'latin1').toString() });
        } else if (type === Backend.ParameterStatus) {
          const parameter = decodeParameterStatus(buffer, from, to);
          found.push({ length, parameterName: parameter?.name, parameterValue: parameter?.value });
        } else {
          found.push({ length });
        }
      },
      run: () => assert.fail('no type comes in runs'),
      more: () => assert.fail('all bodies are asked for'),
      violation: () => assert.fail('all lengths are possible'),
      opaque: () => assert.fail('all messages are valid'),
    },
    prefixTable(new Map(), 100_000),
  );
  for (const piece of pieces) framer.scan(piece, 0, piece.length);
  assert.ok(framer.atBoundary);
  return found;
}

test('an independent parser finds the same messages in the same pieces', () => {
  fc.assert(
    fc.property(fc.array(anyMessage, { maxLength: 20 }), fc.array(fc.nat(2_000)), (messages, cuts) => {
      const stream = Buffer.concat(messages);
      const pieces = cutAt(
        stream,
        cuts.map((cut) => cut % (stream.length + 1)),
      );
      const parsed = parseAll(pieces).map(({ name, length, text: tag, parameterName, parameterValue }) => {
        if (name === 'commandComplete') return { length, text: tag };
        if (name === 'parameterStatus') return { length, parameterName, parameterValue };
        return { length: WITHOUT_BODY.has(name) ? 4 : length };
      });
      assert.deepEqual(scan(pieces), parsed);
    }),
    { numRuns: 500 },
  );
});
