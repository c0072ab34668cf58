import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Access } from '../../src/http/access.ts';

const TOKEN = 'a-token-of-the-tests';

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

describe('who may look without a token', () => {
  const access = new Access(null, 'Netflow.internal');

  for (const host of [
    '127.0.0.1:6480',
    'localhost',
    'LOCALHOST:1',
    '[::1]:6480',
    '10.1.2.3',
    'netflow.internal:6480',
  ])
    it(`is who asks for ${host}`, () => assert.equal(access.refusal({ host }), null));

  for (const host of [
    'evil.example',
    'localhost.evil.example:6480',
    '127.0.0.1.evil.example',
    '',
    'a@localhost',
    '[::1].x',
    'localhost:6480:1',
  ])
    it(`is not who asks for "${host}", as a page of somebody else would`, () => {
      assert.equal(access.refusal({ host })?.status, 403);
    });

  it('is nobody who names no host at all', () => assert.equal(access.refusal({})?.status, 403));
});

describe('who may look with a token', () => {
  const access = new Access(TOKEN, '0.0.0.0');

  it('is who shows it as a Bearer token, or as the password of any user, for whatever host', () => {
    for (const authorization of [`Bearer ${TOKEN}`, `bearer  ${TOKEN}`, basic('', TOKEN), basic('me', TOKEN)])
      assert.equal(access.refusal({ authorization, host: 'any.example' }), null, authorization);
  });

  it('is nobody else, also on this host, and is asked for it', () => {
    const wrong = [
      undefined,
      '',
      TOKEN,
      `Bearer ${TOKEN}x`,
      `Bearer ${TOKEN.slice(1)}`,
      'Bearer',
      basic(TOKEN, ''),
      basic('me', ''),
      `Digest ${TOKEN}`,
    ];
    for (const authorization of wrong) {
      const refusal = access.refusal({
        host: '127.0.0.1',
        ...(authorization !== undefined && { authorization }),
      });
      assert.equal(refusal?.status, 401, authorization);
      assert.match(refusal.headers['www-authenticate'] ?? '', /^Basic /);
      assert.doesNotMatch(refusal.message, new RegExp(TOKEN));
    }
  });
});
