// However the demo ends, it leaves no process and no file.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { leftovers, scratchDirectory, until, untilNothingIsLeft } from '../embedded/scratch.ts';
import { startDemo } from './demo_process.ts';

/** Enough that the insert and each copy take a while. */
const MANY = ['--rows', '230003'];

describe('pgnetflow demo', () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    it(`ends in the middle of the insert on ${signal}`, async () => {
      const scratch = scratchDirectory();
      const demo = startDemo(scratch, MANY);
      await demo.printed('query: create table');
      demo.child.kill(signal);
      assert.equal(await demo.ended(), 1);
      assert.match(demo.output.stderr, new RegExp(`\npgnetflow: interrupted by ${signal}; [^\n]+\n$`));
      assert.deepEqual(await leftovers(scratch), []);
    });
  }

  it('ends in the middle of a pipe on Ctrl-C', async () => {
    const scratch = scratchDirectory();
    const demo = startDemo(scratch, MANY);
    await demo.printed('query: copy t from stdin');
    demo.child.kill('SIGINT');
    assert.equal(await demo.ended(), 1);
    assert.doesNotMatch(demo.output.stdout, /-END-/);
    assert.deepEqual(await leftovers(scratch), []);
  });

  it('ends while PostgreSQL is being started on Ctrl-C', async () => {
    const scratch = scratchDirectory();
    const demo = startDemo(scratch, MANY);
    await until(
      async () => readdirSync(scratch).length > 0,
      async () => 'no directory appeared',
    );
    demo.child.kill('SIGINT');
    assert.equal(await demo.ended(), 1);
    assert.equal(demo.output.stdout, '');
    assert.deepEqual(await leftovers(scratch), []);
  });

  it('ends at once on a second Ctrl-C, and what is left goes soon after', async () => {
    const scratch = scratchDirectory();
    const demo = startDemo(scratch, MANY);
    await demo.printed('query: create table');
    demo.child.kill('SIGINT');
    demo.child.kill('SIGTERM');
    assert.equal(await demo.ended(), 1);
    await untilNothingIsLeft(scratch);
  });

  it('ends when nobody reads standard output any more', async () => {
    const scratch = scratchDirectory();
    const demo = startDemo(scratch, MANY);
    await demo.printed('query: drop table');
    demo.child.stdout.destroy();
    assert.equal(await demo.ended(), 1);
    assert.match(
      demo.output.stderr,
      /\npgnetflow: cannot write to standard output \([^\n]*EPIPE\); stopped\n$/,
    );
    assert.deepEqual(await leftovers(scratch), []);
  });

  it('ends when PostgreSQL dies', async () => {
    const scratch = scratchDirectory();
    const demo = startDemo(scratch, MANY);
    await demo.printed('query: create table');
    const postmaster = (await leftovers(scratch)).find((line) => /\/postgres -D /.test(line));
    process.kill(Number(postmaster?.split(':')[0]), 'SIGQUIT');
    assert.equal(await demo.ended(), 1);
    assert.match(demo.output.stderr, /\npgnetflow: the experiment broke off: [^\n]+\n$/);
    assert.deepEqual(await leftovers(scratch), []);
  });

  it('says what is wrong with the programs it was told to use', async () => {
    const scratch = scratchDirectory();
    const demo = startDemo(scratch, ['--bin-dir', path.join(scratch, 'bin')]);
    await once(demo.child, 'exit');
    assert.equal(await demo.ended(), 1);
    assert.match(
      demo.output.stderr,
      /^pgnetflow: \S+\/bin\/postgres does not run here: [^\n]+ENOENT[^\n]*\n$/,
    );
    assert.deepEqual(await leftovers(scratch), []);
  });
});
