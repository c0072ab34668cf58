import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { TextCache } from '../../src/account/text_cache.ts';

suite('TextCache', () => {
  test('forgets what was not asked for while two generations filled', () => {
    const cache = new TextCache<number>(3, 1000);
    cache.set('used', 1);
    cache.set('unused', 2);
    for (let text = 0; text < 23; text += 1) {
      cache.set(`text ${text}`, text);
      assert.equal(cache.get('used'), 1);
    }
    assert.equal(cache.get('unused'), undefined);
  });

  test('holds no more texts and characters than two generations may', () => {
    const cache = new TextCache<number>(7, 101);
    const texts = Array.from({ length: 97 }, (_, index) => `${index}`.padEnd(index % 40, '.'));
    for (const text of texts) cache.set(text, 1);
    // Asking moves texts between the generations, so what is held is counted by asking once, the latest first.
    let held = 0;
    for (const text of texts.toReversed()) if (cache.get(text) !== undefined) held += text.length;
    assert.ok(held > 0 && held <= 2 * 101, `${held} characters`);
  });

  test('does not remember a text that is longer than a generation may be', () => {
    const cache = new TextCache<number>(7, 5);
    cache.set('a', 1);
    cache.set('longer', 2);
    assert.equal(cache.get('longer'), undefined);
    assert.equal(cache.get('a'), 1);
  });

  test('finds a text that was asked for last without hashing it, and no other of its length', () => {
    const cache = new TextCache<number>(7, 100);
    cache.set('select a', 1);
    assert.equal(cache.getRecent('select a'), 1);
    assert.equal(cache.getRecent('select b'), undefined);
    cache.set('select b', 2);
    assert.equal(cache.getRecent('select a'), undefined);
    assert.equal(cache.get('select a'), 1);
    assert.equal(cache.getRecent('select a'), 1);
  });

  test('takes a new value for a known text', () => {
    const cache = new TextCache<number>(2, 100);
    cache.set('a', 1);
    cache.set('a', 2);
    assert.equal(cache.getRecent('a'), 2);
    assert.equal(cache.get('a'), 2);
  });
});
