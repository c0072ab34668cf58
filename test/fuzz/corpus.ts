// Conversations in which the books were once wrong, each in a file of test/corpus.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Conversation } from './conversation.ts';

const DIRECTORY = path.join(import.meta.dirname, '..', '..', '..', 'test', 'corpus');

/** A conversation as the line of JSON that a file of the corpus is. */
export function serialize(about: string, conversation: Conversation): string {
  const { chunks, ...rest } = conversation;
  return JSON.stringify({
    about,
    ...rest,
    chunks: chunks.map(({ from, bytes }) => [from, bytes.toString('hex')]),
  });
}

export interface CorpusEntry {
  readonly file: string;
  readonly about: string;
  readonly conversation: Conversation;
}

export function readCorpus(): CorpusEntry[] {
  return readdirSync(DIRECTORY)
    .toSorted()
    .map((file) => ({ file, ...parse(readFileSync(path.join(DIRECTORY, file), 'utf8')) }));
}

function parse(json: string): Omit<CorpusEntry, 'file'> {
  const value: unknown = JSON.parse(json);
  assert.ok(isEntry(value), `not an entry of the corpus: ${json.slice(0, 100)}`);
  const { about, chunks, ...rest } = value;
  return {
    about,
    conversation: {
      ...rest,
      chunks: chunks.map(([from, hex]) => ({ from, bytes: Buffer.from(hex, 'hex') })),
    },
  };
}

type Entry = Omit<Conversation, 'chunks'> & {
  readonly about: string;
  readonly chunks: readonly (readonly ['client' | 'server', string])[];
};

function isEntry(value: unknown): value is Entry {
  return (
    typeof value === 'object' && value !== null && 'about' in value && 'chunks' in value && 'waits' in value
  );
}
