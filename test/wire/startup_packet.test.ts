import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { serialize } from 'pg-protocol';
import {
  MAX_STARTUP_PACKET_BYTES,
  type NotAStartupPacket,
  type StartupPacket,
  StartupPacketReader,
} from '../../src/wire/startup_packet.ts';
import { bytes, cutAt, splits, untyped } from '../support/bytes.ts';

type Read = StartupPacket | NotAStartupPacket;

/** Reads one packet from pieces; says how many bytes it took. */
function read(pieces: Iterable<Buffer>): { packet: Read | null; taken: number; pending: number } {
  const reader = new StartupPacketReader();
  let taken = 0;
  for (const piece of pieces) {
    const chunk = Buffer.concat([Buffer.from('??'), piece, Buffer.from('?')]);
    const { at, packet } = reader.read(chunk, 2, 2 + piece.length);
    chunk.fill(0xee);
    taken += at - 2;
    if (packet !== null) return { packet, taken, pending: reader.pending };
    assert.equal(at, 2 + piece.length, 'all is taken while the packet is incomplete');
    assert.equal(reader.pending, taken);
  }
  return { packet: null, taken, pending: reader.pending };
}

function startupMessage(packet: Read | null): Extract<StartupPacket, { kind: 'startup_message' }> {
  assert.ok(packet?.kind === 'startup_message');
  return packet;
}

const STARTUP_3_0 = untyped('0003 0000', '"user" 00 "alice" 00 "database" 00 "shop" 00 00');

describe('the start-up packet reader tells', () => {
  const cancel = (key: string): Buffer => untyped('04d2 162e', '00001267 # process 4711', key);
  for (const [name, packet, expected] of [
    ['SSLRequest', bytes('00000008 04d2 162f'), { kind: 'ssl_request' }],
    ['GSSENCRequest', bytes('00000008 04d2 1630'), { kind: 'gssenc_request' }],
    [
      'CancelRequest of protocol 3.0, with a key of 4 bytes',
      cancel('cafebabe'),
      { kind: 'cancel_request', processId: 4711, key: bytes('cafebabe') },
    ],
    [
      'CancelRequest of protocol 3.2, with a key of 32 bytes',
      cancel('5a'.repeat(32)),
      { kind: 'cancel_request', processId: 4711, key: Buffer.alloc(32, 0x5a) },
    ],
    [
      'CancelRequest with a key of 256 bytes, the longest there is',
      cancel('5a'.repeat(256)),
      { kind: 'cancel_request', processId: 4711, key: Buffer.alloc(256, 0x5a) },
    ],
    [
      'StartupMessage of protocol 3.0',
      STARTUP_3_0,
      {
        kind: 'startup_message',
        protocolMajor: 3,
        protocolMinor: 0,
        parameters: new Map([
          ['user', 'alice'],
          ['database', 'shop'],
        ]),
      },
    ],
    [
      'StartupMessage of protocol 3.2 with options of the protocol',
      untyped(
        '0003 0002',
        '"user" 00 "a" 00 "_pq_.command_tag" 00 "on" 00 "replication" 00 "database" 00 00',
      ),
      {
        kind: 'startup_message',
        protocolMajor: 3,
        protocolMinor: 2,
        parameters: new Map([
          ['user', 'a'],
          ['_pq_.command_tag', 'on'],
          ['replication', 'database'],
        ]),
      },
    ],
    [
      'StartupMessage of protocol 2.0, whose fields have other places',
      untyped('0002 0000', '00'.repeat(288)),
      { kind: 'startup_message', protocolMajor: 2, protocolMinor: 0, parameters: new Map() },
    ],
    [
      'StartupMessage without parameters',
      bytes('00000008 0003 0000'),
      { kind: 'startup_message', protocolMajor: 3, protocolMinor: 0, parameters: new Map() },
    ],
    [
      'SSLRequest with bytes behind it, which the server takes too',
      bytes('0000000a 04d2 162f "xx"'),
      { kind: 'ssl_request' },
    ],
  ] as const) {
    test(`${name}, however it is cut`, () => {
      const followed = Buffer.concat([packet, Buffer.from('next')]);
      for (const pieces of splits(followed)) {
        assert.deepEqual(read(pieces), { packet: { ...expected, packet }, taken: packet.length, pending: 0 });
      }
    });
  }

  test('several packets on one connection, one a call', () => {
    const reader = new StartupPacketReader();
    const chunk = Buffer.concat([bytes('00000008 04d2 1630 00000008 04d2 162f'), STARTUP_3_0]);
    const kinds: string[] = [];
    for (let at = 0; at < chunk.length;) {
      const step = reader.read(chunk, at, chunk.length);
      kinds.push(step.packet?.kind ?? 'incomplete');
      at = step.at;
    }
    assert.deepEqual(kinds, ['gssenc_request', 'ssl_request', 'startup_message']);
  });
});

describe('the start-up packet reader refuses, at the length field,', () => {
  for (const [name, length] of [
    ['0', 0],
    ['7, too short for a version', 7],
    ['10005, more than the server takes', MAX_STARTUP_PACKET_BYTES + 1],
    ['0x7fffffff', 0x7fffffff],
    ['0x80000000, negative as the server reads it', 0x80000000],
    ['0xffffffff', 0xffffffff],
  ] as const) {
    test(`a length of ${name}`, () => {
      const packet = Buffer.alloc(30, 'x');
      packet.writeUInt32BE(length);
      for (const pieces of splits(packet)) {
        assert.deepEqual(read(pieces), {
          packet: { kind: 'invalid', as: 'startup_packet', length },
          taken: 4,
          pending: 4,
        });
      }
    });
  }

  for (const [name, junk] of [
    ['HTTP', 'GET / HTTP/1.1\r\n\r\n'],
    ['SSH', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['the ClientHello of direct TLS', '\x16\x03\x01\x02\x00\x01\x00'],
  ] as const) {
    test(`junk: ${name}`, () => {
      assert.equal(read([Buffer.from(junk, 'latin1')]).packet?.kind, 'invalid');
    });
  }

  for (const [name, fields] of [
    ['without a process id', ['0000']],
    ['without a key', ['00001267']],
    ['with a key longer than 256 bytes', ['00001267', '5a'.repeat(257)]],
  ] as const) {
    test(`and a CancelRequest ${name}`, () => {
      const packet = untyped('04d2 162e', ...fields);
      const { length } = packet;
      assert.deepEqual(read([packet]).packet, { kind: 'invalid', as: 'cancel_request', length });
    });
  }
});

describe('the start-up packet reader takes what PostgreSQL takes', () => {
  // PostgreSQL 15 and 18 answer AuthenticationOk to 10004 bytes, and close the connection at 10005.
  for (const length of [9_999, 10_000, 10_001, MAX_STARTUP_PACKET_BYTES]) {
    test(`a packet of ${length} bytes`, () => {
      const packet = Buffer.alloc(length);
      const head = bytes('0003 0000 "user" 00 "alice" 00 "options" 00');
      packet.writeUInt32BE(length);
      packet.fill('o', 4, length - 2);
      head.copy(packet, 4);
      const { parameters } = startupMessage(read(cutAt(packet, [4, 5, 5_000])).packet);
      assert.equal(parameters.get('options')?.length, length - 4 - head.length - 2);
    });
  }

  for (const [name, packet, parameters] of [
    ['without the final NUL', untyped('0003 0000 "user" 00 "alice" 00'), [['user', 'alice']]],
    [
      'a value without its NUL',
      untyped('0003 0000 "user" 00 "alice" 00 "database" 00 "sh"'),
      [['user', 'alice']],
    ],
    ['a name without its NUL', untyped('0003 0000 "us"'), []],
    [
      'an empty value',
      untyped('0003 0000 "user" 00 00 "database" 00 "b" 00 00'),
      [
        ['user', ''],
        ['database', 'b'],
      ],
    ],
    ['bytes behind the final NUL', untyped('0003 0000 "user" 00 "a" 00 00 "more" 00'), [['user', 'a']]],
    [
      'a name twice: the last counts',
      untyped('0003 0000 "user" 00 "a" 00 "user" 00 "b" 00 00'),
      [['user', 'b']],
    ],
    [
      'a value that is no UTF-8: it stays told apart',
      untyped('0003 0000 "user" 00 e9 00 00'),
      [['user', '\u{10ffe9}']],
    ],
  ] as const) {
    test(`parameters: ${name}`, () => {
      assert.deepEqual([...startupMessage(read([packet]).packet).parameters], parameters);
    });
  }

  test('what an independent client writes', () => {
    assert.equal(read([serialize.requestSsl()]).packet?.kind, 'ssl_request');
    const startup = startupMessage(read([serialize.startup({ user: 'bob', database: 'd' })]).packet);
    assert.equal(startup.parameters.get('user'), 'bob');
    assert.equal(startup.parameters.get('database'), 'd');
    const cancel = read([serialize.cancel(17, -2)]).packet;
    assert.ok(cancel?.kind === 'cancel_request');
    assert.deepEqual([cancel.processId, cancel.key.toString('hex')], [17, 'fffffffe']);
  });
});

test('for any bytes in any pieces, the reader takes a packet or refuses it, and never more than the packet', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 60 }),
      fc.nat(80),
      fc.array(fc.nat(60)),
      (random, length, cuts) => {
        const stream = Buffer.from(random);
        if (stream.length >= 4) stream.writeUInt32BE(length);
        const whole = read([stream]);
        const inside = cuts.filter((cut) => cut <= stream.length);
        assert.deepEqual(read(cutAt(stream, inside)), whole);
        assert.ok(whole.taken <= Math.max(4, length));
        assert.equal(whole.packet === null, stream.length < 4 || (length >= 8 && stream.length < length));
      },
    ),
    { numRuns: 1000 },
  );
});

test('a length that is out of bounds stays so, whatever comes behind it, byte by byte', () => {
  const reader = new StartupPacketReader();
  const chunk = Buffer.from([1, 0, 0, 55, 0, 0, 0, 8, 0, 3, 0, 0]);
  for (let at = 0; at < chunk.length; at += 1) {
    const { packet } = reader.read(chunk, at, at + 1);
    assert.deepEqual(
      packet,
      at < 3 ? null : { kind: 'invalid', as: 'startup_packet', length: 0x01000037 },
      `byte ${at}`,
    );
  }
});
