import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { readCorpus, serialize } from './corpus.ts';
import { fuzz } from './fuzz.ts';
import { checkInMemory } from './in_memory.ts';
import { SocketLab } from './socket_lab.ts';

const SECONDS = 20;

describe('a conversation in which the books were once wrong', async () => {
  const lab = await SocketLab.open();
  after(() => lab.close());
  const corpus = readCorpus();
  assert.ok(corpus.length > 0);
  for (const { file, about, conversation } of corpus) {
    it(`${about} (${file})`, async () => {
      checkInMemory(conversation);
      checkInMemory({ ...conversation, pieces: [1] });
      await lab.check(conversation);
    });
  }
});

describe('random conversations, valid and mutated', () => {
  it(`pass unchanged with books that balance, in memory and over sockets, for ${SECONDS} s`, async (t) => {
    const seed = Math.floor(Math.random() * 1e9);
    t.diagnostic(`seed ${seed}`);
    const failure = await fuzz(seed, SECONDS, () => undefined);
    if (failure === null) return;
    const { where, conversation, error } = failure;
    const repeat = `npm run fuzz -- --seconds 0 --seed ${failure.seed}`;
    assert.fail(`${where}: ${error.message}\n${repeat}\n${serialize(error.message, conversation)}`);
  });
});
