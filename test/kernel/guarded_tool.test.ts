import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { after, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { GuardedTool } from '../../src/kernel/guarded_tool.ts';
import { until } from '../support/until.ts';

async function firstLine(output: Readable): Promise<string> {
  const [line]: string[] = await once(createInterface({ input: output }), 'line');
  return line!;
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function killedAfterwards(pid: number): void {
  after(() => {
    if (runs(pid)) process.kill(pid, 'SIGKILL');
  });
}

describe('a tool that ends with us', () => {
  it('is at its end when it was killed, though a program that it has started holds its output open', async () => {
    const tool = await GuardedTool.start('/bin/sh', ['-c', 'sleep 1000 & echo $!; wait']);
    const started = Number(await firstLine(tool.stdout));
    killedAfterwards(started);
    tool.signal('SIGKILL');
    assert.equal(await tool.ended(), 'was ended by SIGKILL');
    await until(() => !runs(started), 'the end of what it has started');
  });

  it('does not outlive us when we are killed', async () => {
    const module = pathToFileURL(path.join(import.meta.dirname, '../../src/kernel/guarded_tool.js')).href;
    const script = `
      import { GuardedTool } from ${JSON.stringify(module)};
      const tool = await GuardedTool.start('/bin/sh', ['-c', 'echo $$; exec sleep 1000']);
      tool.stdout.pipe(process.stdout);`;
    const us = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const pid = Number(await firstLine(us.stdout));
    killedAfterwards(pid);
    us.kill('SIGKILL');
    await until(() => !runs(pid), 'the end of the tool');
  });
});
