import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { FINGERPRINT, fingerprint } from '../../src/account/fingerprint.ts';
import { normalize } from '../../src/account/normalize.ts';

suite('Fingerprints', () => {
  test('do not change from one release to the next', () => {
    assert.equal(fingerprint(''), 'e3b0c44298fc1c14');
    assert.equal(fingerprint(normalize('SELECT 1')), 'e1c71d1661ae46e0');
  });

  test('have one form, whatever the text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => FINGERPRINT.test(fingerprint(text))));
  });

  test('of texts that differ in more than constants are different', () => {
    const texts = ['select 1', 'select 1, 2', 'select a', 'select "A"', 'select $1', 'select 1::int', ''];
    assert.equal(new Set(texts.map((text) => fingerprint(normalize(text)))).size, texts.length);
  });
});
