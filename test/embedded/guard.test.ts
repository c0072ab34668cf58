import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { serverOf, startOwner } from './owning.ts';
import { leftovers, scratchDirectory, until, untilNothingIsLeft } from './scratch.ts';

const needsProc = process.platform !== 'linux' && 'reads /proc';

test(
  'a SIGKILL of the owner leaves no process, no directory and no shared memory',
  { skip: needsProc },
  async () => {
    const scratch = scratchDirectory();
    const owner = startOwner({ scratch, ending: 'wait' });
    const server = await serverOf(owner);
    const maps = await readFile(`/proc/${server.pid}/maps`, 'utf8');
    const posix = /\/dev\/shm\/PostgreSQL\.\d+/.exec(maps)?.[0] ?? '';
    const [, systemV = ''] = /(\d+) +\/SYSV/.exec(maps) ?? [];
    assert.ok(existsSync(posix), maps);
    assert.ok((await systemVSegments()).includes(systemV), maps);

    owner.kill('SIGKILL');
    await untilNothingIsLeft(scratch);
    assert.equal(existsSync(posix), false);
    assert.equal((await systemVSegments()).includes(systemV), false);
  },
);

/** The ids of the System V shared memory segments of this machine. */
async function systemVSegments(): Promise<(string | undefined)[]> {
  const table = await readFile('/proc/sysvipc/shm', 'utf8');
  return table.split('\n').map((row) => row.trim().split(/ +/)[1]);
}

test('a SIGKILL of the owner during initdb leaves nothing', async () => {
  const scratch = scratchDirectory();
  const owner = startOwner({ scratch, ending: 'wait' });
  const begun = () =>
    readdirSync(scratch).some((name) => existsSync(path.join(scratch, name, 'data', 'base')));
  await until(
    async () => begun(),
    async () => 'initdb does not begin',
  );
  owner.kill('SIGKILL');
  await untilNothingIsLeft(scratch);
});

test('a SIGKILL of the owner at any moment of the start leaves nothing', async () => {
  const scratch = scratchDirectory();
  for (const ms of [31, 61, 89, 113, 151]) {
    const owner = startOwner({ scratch, ending: 'wait' });
    setTimeout(() => owner.kill('SIGKILL'), ms);
    await once(owner, 'exit');
  }
  await untilNothingIsLeft(scratch);
});

for (const [ending, status] of [
  ['exit', 7],
  ['throw', 1],
  ['idle', 0],
] as const) {
  test(`an owner that ends without stop() leaves nothing: ${ending}`, async () => {
    const scratch = scratchDirectory();
    const owner = startOwner({ scratch, ending });
    const exited = once(owner, 'exit');
    await serverOf(owner);
    assert.deepEqual(await exited, [status, null]);
    await untilNothingIsLeft(scratch);
  });
}

test(
  'a Ctrl-C at the terminal, which reaches the whole process group, ends only the owner',
  { skip: needsProc },
  async () => {
    const scratch = scratchDirectory();
    const owner = startOwner({ scratch, ending: 'wait' });
    const server = await serverOf(owner);
    const processes = await leftovers(scratch);
    const groups = await Promise.all(processes.map((line) => processGroup(line.split(':')[0] ?? '')));
    assert.ok(groups.includes(String(server.pid)), `${server.pid} leads no group: ${groups.join(' ')}`);
    assert.equal(groups.includes(await processGroup(String(process.pid))), false);
    owner.kill('SIGINT');
    await untilNothingIsLeft(scratch);
  },
);

/** Field 5 of /proc/PID/stat; the name in field 2 may hold spaces, but ends with the last parenthesis. */
async function processGroup(pid: string): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2];
}
