import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backend, backendNames, Frontend, frontendNames } from '../../src/wire/message_types.ts';

function letters(types: Record<string, number>): string {
  return String.fromCharCode(...Object.values(types).toSorted((a, b) => a - b));
}

test('all message types of the manual are there, each byte once', () => {
  assert.equal(letters(Frontend), 'BCDEFHPQSXcdfp');
  assert.equal(letters(Backend), '123ACDEGHIKNRSTVWZcdnstv');
});

test('a type byte has its name, by direction', () => {
  assert.equal(frontendNames[0x44], 'Describe');
  assert.equal(backendNames[0x44], 'DataRow');
  assert.equal(frontendNames[0x5a], undefined);
  assert.equal(backendNames[0xff], undefined);
});
