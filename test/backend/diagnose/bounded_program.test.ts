import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runBounded } from '../../../src/backend/diagnose/bounded_program.ts';
import { known } from '../../../src/backend/diagnose/fact.ts';

const patient = { timeoutMs: 60_000, signal: null };
const FOR_EVER = ['-c', 'while :; do sleep 1; done'];

describe('a program that is bounded', () => {
  it('gives what it prints', async () => {
    assert.deepEqual(await runBounded('echo', ['twenty-three'], patient), known('twenty-three\n'));
  });

  it('is absent by name when it is not installed', async () => {
    const found = await runBounded('pgnetflow-no-such-program', [], patient);
    assert.ok(!found.known);
    assert.match(found.why, /^pgnetflow-no-such-program is not installed(, or this user may not run it)?$/);
  });

  it('is absent with its own words when it fails', async () => {
    const found = await runBounded('sh', ['-c', 'echo; echo not today >&2; exit 3'], patient);
    assert.deepEqual(found, { known: false, why: 'sh: not today' });
  });

  it('is absent with its status when it fails without a word', async () => {
    assert.deepEqual(await runBounded('sh', ['-c', 'exit 3'], patient), {
      known: false,
      why: 'sh: ended with status 3',
    });
  });

  it('counts although it failed when what it printed is useful', async () => {
    const found = await runBounded(
      'sh',
      ['-c', 'echo half; exit 1'],
      patient,
      undefined,
      (text) => text !== '',
    );
    assert.deepEqual(found, known('half\n'));
  });

  it('is killed when its time is over, and has gone when that is told', async () => {
    const told: string[] = [];
    const found = await runBounded('sh', FOR_EVER, { timeoutMs: 100, signal: null }, () =>
      told.push('killed'),
    );
    assert.deepEqual(found, { known: false, why: 'sh took longer than 0.1 s and was killed' });
    assert.deepEqual(told, ['killed']);
  });

  it('is killed when nobody waits any more, and not begun after that', async () => {
    const giveUp = new AbortController();
    const running = runBounded('sh', FOR_EVER, { timeoutMs: 60_000, signal: giveUp.signal });
    giveUp.abort();
    assert.deepEqual(await running, { known: false, why: 'sh given up' });
    const late = await runBounded('echo', [], { timeoutMs: 60_000, signal: giveUp.signal });
    assert.deepEqual(late, { known: false, why: 'echo: given up' });
  });

  it('does not learn where debug information could be fetched from', async () => {
    process.env['DEBUGINFOD_URLS'] = 'http://127.0.0.1:1';
    try {
      assert.deepEqual(await runBounded('sh', ['-c', 'echo "<$DEBUGINFOD_URLS>"'], patient), known('<>\n'));
    } finally {
      delete process.env['DEBUGINFOD_URLS'];
    }
  });
});
