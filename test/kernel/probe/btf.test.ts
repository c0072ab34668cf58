import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { argumentsIn } from '../../../src/kernel/probe/btf.ts';
import { BTF, thisMachine } from '../../../src/kernel/probe/machine.ts';

/** A type: its kind, the offset of its name, its number of members, what it refers to, and what follows. */
type Type = readonly [kind: number, name: number, members: number, refers: number, rest?: readonly number[]];

const NAMES = ['', 'tcp_recvmsg', 'sk', 'nonblock', 'flags', 'int'];

function offsetOf(name: string): number {
  return Buffer.from(NAMES.slice(0, NAMES.indexOf(name)).join('\0')).length + 1;
}

/** As the kernel writes it, in words of one byte order. */
function btf(types: readonly Type[], little = true): Buffer {
  const strings = Buffer.from(`${NAMES.join('\0')}\0`);
  const words = types.flatMap(([kind, name, members, refers, rest = []]) => [
    name,
    ((kind << 24) | members) >>> 0,
    refers,
    ...rest,
  ]);
  const buffer = Buffer.alloc(24 + 4 * words.length);
  const write = (value: number, at: number): void => {
    if (little) buffer.writeUInt32LE(value, at);
    else buffer.writeUInt32BE(value, at);
  };
  if (little) buffer.writeUInt16LE(0xeb9f);
  else buffer.writeUInt16BE(0xeb9f);
  for (const [at, value] of [24, 0, 4 * words.length, 4 * words.length, strings.length].entries())
    write(value, 4 + 4 * at);
  for (const [at, value] of words.entries()) write(value, 24 + 4 * at);
  return Buffer.concat([buffer, strings]);
}

const INT: Type = [1, offsetOf('int'), 0, 4, [0x01000020]];
const STRUCT: Type = [4, 0, 2, 8, [1, 1, 0, 2, 1, 32]];
const PROTOTYPE: Type = [13, 0, 3, 1, [offsetOf('sk'), 1, offsetOf('nonblock'), 1, offsetOf('flags'), 1]];
/** Its number of members is its linkage. */
const FUNCTION: Type = [12, offsetOf('tcp_recvmsg'), 1, 3];

describe('the arguments of a function', () => {
  for (const little of [true, false]) {
    it(`are read out of the kernel’s types, ${little ? 'little' : 'big'} end first`, () => {
      const types = btf([INT, STRUCT, PROTOTYPE, FUNCTION], little);
      assert.deepEqual(argumentsIn(types, 'tcp_recvmsg'), ['sk', 'nonblock', 'flags']);
      assert.equal(argumentsIn(types, 'tcp_sendmsg'), null);
    });
  }

  it('may come after the function', () => {
    const types = btf([[12, offsetOf('tcp_recvmsg'), 1, 2], PROTOTYPE]);
    assert.deepEqual(argumentsIn(types, 'tcp_recvmsg'), ['sk', 'nonblock', 'flags']);
  });

  it('are not guessed when a type of a kind that came later is among them', () => {
    assert.equal(argumentsIn(btf([INT, [31, 0, 0, 0], PROTOTYPE, FUNCTION]), 'tcp_recvmsg'), null);
  });

  it('are not found in something else', () => {
    assert.equal(argumentsIn(Buffer.alloc(64), 'tcp_recvmsg'), null);
  });

  it('are known of the running kernel', { skip: thisMachine().exists(BTF) !== true && `no ${BTF}` }, () => {
    const names = argumentsIn(readFileSync(BTF), 'tcp_recvmsg');
    assert.deepEqual(names?.slice(0, 3), ['sk', 'msg', 'len']);
    assert.ok(names.includes('flags'));
  });
});
