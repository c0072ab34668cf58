import { type Bounds, runBounded } from './bounded_program.ts';
import { type Fact, absent, mapFact } from './fact.ts';
import { parseUserStack } from './stack_text.ts';

/**
 * The programs that can print a stack, the one that holds the process for the shortest time first. None may load what
 * the user has configured, nor fetch debug information from the network (their environment has no DEBUGINFOD_URLS)
 * while the backend stands still.
 */
const EU_STACK = {
  program: 'eu-stack',
  timeoutMs: 3000,
  args: (pid: number) => ['-1', '-n', '64', '-p', String(pid)],
};
const GDB = {
  program: 'gdb',
  timeoutMs: 10_000,
  args: (pid: number) => [
    '-nx',
    '-nh',
    '-batch',
    '-iex',
    'set auto-load no',
    '-iex',
    'set debuginfod enabled off',
    // Its own symbols are read before it is stopped, not while; those of its libraries cannot be.
    `/proc/${pid}/exe`,
    '-p',
    String(pid),
    '-ex',
    'bt 64',
  ],
};

export type StackPrograms = 'none' | 'quick' | 'any';

/**
 * The functions that the process is in, innermost first. It is stopped for that by ptrace(2), for some milliseconds
 * with eu-stack, for a second or so with gdb.
 *
 * @param programs `quick`: eu-stack only
 */
export async function readUserStack(
  pid: number,
  programs: StackPrograms,
  signal: Bounds['signal'],
): Promise<Fact<readonly string[]>> {
  if (programs === 'none') return absent('not asked for');
  const reasons: string[] = [];
  for (const { program, timeoutMs, args } of programs === 'quick' ? [EU_STACK] : [EU_STACK, GDB]) {
    const output = await runBounded(
      program,
      args(pid),
      { timeoutMs, signal },
      () => letGoOn(pid),
      // A stack that cannot be followed to its end is better than none.
      (text) => parseUserStack(text).length > 0,
    );
    const stack = mapFact(output, parseUserStack);
    if (stack.known && stack.value.length > 0) return stack;
    reasons.push(stack.known ? `${program} printed no stack` : stack.why);
    // What the one may not do, or has no time for, the other has neither.
    if (!stack.known && !stack.why.endsWith('is not installed')) break;
  }
  return absent(reasons.join('; '));
}

/**
 * A tracer that is killed lets its process go, but the SIGSTOP by which it attached may be under way still, and would
 * stop the process for good. SIGCONT takes that back, and does nothing to one that runs.
 */
function letGoOn(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT');
  } catch {
    // It has ended, or it is not ours: then we could not have attached to it.
  }
}
