// A directory for a test's temporary files, and what is left there.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { after } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

const PATIENCE_MS = 30_000;

/** A new directory that everyone may write to, as /tmp itself; removed after the tests. */
export function scratchDirectory(): string {
  const directory = mkdtempSync('/tmp/pgn-');
  chmodSync(directory, 0o1777);
  after(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** The files in a directory and the processes that work there or were told its name. */
export async function leftovers(directory: string): Promise<string[]> {
  const found = readdirSync(directory);
  for (const pid of otherProcesses()) {
    const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (commandLine.includes(directory) || workingDirectory(pid).startsWith(directory)) {
      found.push(`${pid}: ${commandLine.replaceAll('\0', ' ')}`);
    }
  }
  return found;
}

/** None where there is no /proc. */
function otherProcesses(): string[] {
  const names = existsSync('/proc') ? readdirSync('/proc') : [];
  return names.filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
}

function workingDirectory(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return ''; // it has just ended, or is another user's
  }
}

export async function untilNothingIsLeft(directory: string): Promise<void> {
  await until(
    async () => (await leftovers(directory)).length === 0,
    async () => `left behind: ${(await leftovers(directory)).join('\n')}`,
  );
}

/** Waits for what tells nobody when it happens. */
export async function until(holds: () => Promise<boolean>, complaint: () => Promise<string>): Promise<void> {
  const giveUpMs = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > giveUpMs) assert.fail(await complaint());
    await delay(10);
  }
}
