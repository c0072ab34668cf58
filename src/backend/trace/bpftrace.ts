import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { GuardedTool } from '../../kernel/guarded_tool.ts';
import { packageFolder } from '../../package_version.ts';
import type { Target } from './cluster.ts';
import { TraceError } from './trace_error.ts';

const PROGRAM = 'bpftrace';
const NOBODY = 0;

/** What bpftrace's own limits are set to: the longest text, and pages of its buffer per processor. */
const LIMITS = { BPFTRACE_STRLEN: '200', BPFTRACE_MAX_STRLEN: '200', BPFTRACE_PERF_RB_PAGES: '1024' };

const TRACEFS = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];

/**
 * Refuses when the kernel would.
 *
 * @returns the name and version of the tracer
 * @throws {TraceError} `TRACE_NO_TRACEFS`, `TRACE_NOT_ROOT`, `TRACE_NO_BPFTRACE`
 */
export function requireBpftrace(): string {
  if (process.platform !== 'linux') {
    throw new TraceError('TRACE_NO_TRACEFS', 'only Linux can trace processes this way');
  }
  if (process.geteuid?.() !== 0) {
    const message = 'tracing needs root, as the kernel lets nobody else: run it with sudo';
    throw new TraceError('TRACE_NOT_ROOT', message);
  }
  if (!TRACEFS.some((folder) => existsSync(path.join(folder, 'events', 'syscalls')))) {
    const message = 'tracefs is not mounted: mount -t tracefs tracefs /sys/kernel/tracing';
    throw new TraceError('TRACE_NO_TRACEFS', message);
  }
  try {
    return execFileSync(PROGRAM, ['--version'], { encoding: 'utf8' }).trim();
  } catch (cause) {
    const message = 'bpftrace does not run here: install the package bpftrace (0.17 or later)';
    throw new TraceError('TRACE_NO_BPFTRACE', message, { cause });
  }
}

/** In the script each stands at the beginning of a line of its own. */
const ATTACH_POINT = /^(?:BEGIN|END|(?:uprobe|uretprobe|tracepoint|interval):\S+)$/gm;

/** A running probes/fsync.bt. */
export class Bpftrace {
  /** Resolves with how it ended; taking the probes off takes the kernel seconds. */
  readonly closed: Promise<string>;
  readonly #tool: GuardedTool;
  readonly #expected: number;
  /** How many probes it has found something for; null until it says so. */
  #attached: number | null = null;

  private constructor(tool: GuardedTool, expected: number, onLine: (line: string) => void) {
    this.#tool = tool;
    this.#expected = expected;
    createInterface({ input: tool.stdout.setEncoding('latin1') }).on('line', (line) => {
      this.#attached ??= attachedProbes(line);
      // It goes on without what it has not found.
      if (this.#attached !== null && this.#attached < this.#expected) this.stop();
      else onLine(line);
    });
    this.closed = tool.ended();
  }

  /** @param onLine is told each line of its output, as Latin-1 */
  static async start(target: Target, onLine: (line: string) => void): Promise<Bpftrace> {
    const program = script(target);
    const pids = [target.pid, target.all ? target.postmaster : NOBODY].map(String);
    const tool = await GuardedTool.start(
      PROGRAM,
      ['-B', 'line', '-f', 'json', '-e', program, ...pids],
      LIMITS,
    );
    return new Bpftrace(tool, program.match(ATTACH_POINT)?.length ?? 0, onLine);
  }

  /** Asks it to write what it has and to end. */
  stop(): void {
    this.#tool.signal('SIGINT');
  }

  /** Why it has ended, when nobody asked it to. */
  problem(): TraceError {
    if (this.#attached !== null && this.#attached < this.#expected) {
      const message =
        `${this.#expected - this.#attached} of ${this.#expected} probes have no function in the server's program: ` +
        'PostgreSQL 13 or later, with its exported names, is needed';
      return new TraceError('TRACE_NO_SYMBOL', message);
    }
    const said = this.#tool.stderr.replace(/^.*RLIMIT_MEMLOCK.*\n/m, '').trim();
    return new TraceError(
      'TRACE_NOT_ATTACHED',
      `bpftrace could not trace: ${said || 'it ended without a word'}`,
    );
  }
}

/** By its process and not by its name the program is found in containers, and when an upgrade has replaced it. */
function script({ postmaster }: Target): string {
  const text = readFileSync(path.join(packageFolder(), 'probes', 'fsync.bt'), 'utf8');
  return text.replaceAll(':POSTGRES:', `:/proc/${postmaster}/exe:`);
}

function attachedProbes(line: string): number | null {
  const found = /^\{"type": "attached_probes", "data": \{"probes": (\d+)\}\}/.exec(line);
  return found === null ? null : Number(found[1]);
}
