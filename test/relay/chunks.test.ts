import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { SharedChunks } from '../../src/relay/chunks.ts';

function read(chunks: SharedChunks, text: string): Buffer {
  return chunks.take(chunks.input.write(text, 'latin1'));
}

suite('Shared chunks', () => {
  test('hold what was read while the next is read', () => {
    const chunks = new SharedChunks(8);
    const first = read(chunks, 'first');
    chunks.input.write('second', 'latin1');
    assert.equal(first.toString('latin1'), 'first');
  });

  test('use one chunk over and over, with one view for each length', () => {
    const chunks = new SharedChunks(8);
    const first = read(chunks, 'first');
    assert.equal(read(chunks, 'again'), first);
    assert.equal(first.toString('latin1'), 'again');
    assert.equal(read(chunks, 'more').buffer, first.buffer);
    assert.equal(read(chunks, 'all of it').toString('latin1'), 'all of i');
  });

  test('leave a chunk to whoever still uses it, and use another one', () => {
    const chunks = new SharedChunks(8);
    const kept = read(chunks, 'kept');
    chunks.leave();
    assert.equal(read(chunks, 'next').toString('latin1'), 'next');
    assert.equal(kept.toString('latin1'), 'kept');
  });
});
