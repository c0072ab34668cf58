// SystemTap as `pgnetflow probe` runs it, played by a shell script: what it is asked for, and what becomes of its ends.
// npm run test:stap has the real one.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import type { Filter, SocketRecord } from '../../../src/kernel/probe/record.ts';
import { StapProducer, missed, stapGist } from '../../../src/kernel/probe/stap.ts';
import { patienceNeeded } from '../../../src/kernel/probe/start.ts';
import { temporaryDirectory } from '../../support/programs.ts';
import { until } from '../../support/until.ts';

const FILTER: Filter = { proxyPort: 6432, serverPort: 5432, pid: null };
const OPEN = '{"type":"open","sock":"0x1","clock_us":1}';
/** There is such a folder in /sys/module on every Linux. */
const noModules = existsSync('/sys/module/kernel') ? false : 'no /sys/module: this is not Linux';
const READY = '{"type":"ready","module":"kernel","clock_us":2}';
const NO_SYMBOLS = 'WARNING: Kernel function symbol table missing [man warning::symbols]';

/** Plays SystemTap; what it is to remove is in the file `removed`. @returns the folder where it works */
function play(stap: string): string {
  const folder = temporaryDirectory();
  const staprun = 'echo "$*" >removed';
  for (const [name, script] of Object.entries({ stap, staprun })) {
    const file = path.join(folder, name);
    writeFileSync(file, `#!/bin/sh\ncd ${folder}\n${script}\n`);
    chmodSync(file, 0o755);
  }
  const { PATH } = process.env;
  process.env['PATH'] = `${folder}:${PATH}`;
  after(() => (process.env['PATH'] = PATH));
  return folder;
}

/** What the sink was told, in its order. */
class Told {
  readonly told: (string | SocketRecord)[] = [];
  attached(): void {
    this.told.push('attached');
  }
  record(record: SocketRecord): void {
    this.told.push(record);
  }
  died(reason: string): void {
    this.told.push(`died: ${reason}`);
  }
  get types(): string[] {
    return this.told.map((one) => (typeof one === 'string' ? one : one.type));
  }
}

describe('SystemTap under the command', () => {
  it('may take the module from its cache, and goes on when it misses something', async () => {
    const folder = play(`echo "$*" >asked; echo '${READY}'; exec sleep 1000`);
    const producer = await StapProducer.start('SystemTap 5.6', FILTER, new Told());
    await producer.stop();
    const asked = readFileSync(path.join(folder, 'asked'), 'utf8');
    assert.match(asked, /-G proxy_port=6432 -G server_port=5432 -G target_pid=0 \S+netflow\.stp$/m);
    assert.doesNotMatch(asked, /(^| )-m/, 'a module with a name of its own is compiled each time');
    for (const option of ['-DMAXACTION=', '-DMAXTRYLOCK=', '-DSTP_NO_OVERLOAD', '--suppress-handler-errors'])
      assert.ok(asked.includes(option), option);
  });

  it('tells that it is attached before any record, and of sockets only', async () => {
    play(`echo '${OPEN}'; echo nonsense; echo '${READY}'; exec sleep 1000`);
    const sink = new Told();
    const producer = await StapProducer.start('SystemTap 5.6', FILTER, sink);
    await producer.stop();
    assert.deepEqual(sink.types, ['attached', 'open']);
  });

  it('tells what it has missed when it is asked to end, before that is over', async () => {
    play(
      `trap 'echo "WARNING: Number of errors: 2, skipped probes: 3" >&2; exit' TERM
echo '${READY}'; while :; do sleep 0.01; done`,
    );
    const sink = new Told();
    const producer = await StapProducer.start('SystemTap 5.6', FILTER, sink);
    await producer.stop();
    assert.deepEqual(
      sink.told.map((one) => (typeof one !== 'string' && one.type === 'lost' ? one.count : one)),
      ['attached', 5],
    );
  });

  it('leaves no module when its reader dies', { skip: noModules }, async () => {
    const folder = play(
      `echo '${NO_SYMBOLS}' >&2; echo '${READY}'; read -r line <go
echo 'WARNING: /usr/bin/staprun exited with signal: 9 (Killed)' >&2
echo 'Pass 5: run failed.  [man error::pass5]' >&2; exit 1`,
    );
    execFileSync('mkfifo', [path.join(folder, 'go')]);
    const sink = new Told();
    await StapProducer.start('SystemTap 5.6', FILTER, sink);
    writeFileSync(path.join(folder, 'go'), 'go\n');
    await until(() => sink.told.length === 2, 'its death');
    assert.equal(
      sink.told[1],
      'died: stap ended with status 1: WARNING: /usr/bin/staprun exited with signal: 9 (Killed); ' +
        'Pass 5: run failed.  [man error::pass5]',
    );
    assert.equal(readFileSync(path.join(folder, 'removed'), 'utf8'), '-d kernel\n');
  });

  it('says why it does not start, and removes nothing then', async () => {
    const folder = play(
      `echo '${NO_SYMBOLS}' >&2; echo 'semantic error: no debuginfo' >&2; echo 'Pass 2: analysis failed.' >&2; exit 1`,
    );
    await assert.rejects(StapProducer.start('SystemTap 5.6', FILTER, new Told()), {
      code: 'PROBE_NOT_STARTED',
      message: 'SystemTap cannot run its script: semantic error: no debuginfo',
    });
    assert.equal(existsSync(path.join(folder, 'removed')), false);
  });

  it('is known to take its time to start', () => {
    assert.match(patienceNeeded('stap') ?? '', /compiles .* minutes .* Ctrl-C/);
    assert.deepEqual([patienceNeeded('bpftrace'), patienceNeeded('ss')], [null, null]);
  });
});

describe('what SystemTap says', () => {
  it('counts probes that failed, probes that were skipped and output that was dropped', () => {
    const said = `WARNING: Number of errors: 2, skipped probes: 101
WARNING: There were 7 transport failures. Try stap -s to increase the buffer size from 16.`;
    assert.equal(missed(said), 110);
    assert.equal(missed(NO_SYMBOLS), 0);
  });

  it('is told without what it always says', () => {
    assert.equal(stapGist(`${NO_SYMBOLS}\n`), '');
    assert.equal(stapGist(`${NO_SYMBOLS}\nsomething else\n`), 'something else');
  });
});
