import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import os from 'node:os';
import { createInterface } from 'node:readline';
import { DamagedLine } from '../../kernel/records.ts';
import { BEGINNING, FSYNC_RECORDS, notWanted, unreadable } from '../../run/input_file.ts';
import { Signals } from '../../run/signals.ts';
import type { TraceSettings } from '../../settings/trace_settings.ts';
import { UsageError } from '../../settings/usage_error.ts';
import { TraceBooks } from './books.ts';
import { Bpftrace, requireBpftrace } from './bpftrace.ts';
import type { ServerCounts } from './check.ts';
import { descriptorPath, findTarget, type Target, titles } from './cluster.ts';
import { InOrder } from './in_order.ts';
import { TransientPaths } from './paths.ts';
import { type ProxyBooks, readReport, readStatementLog } from './proxy_files.ts';
import { ProxyStatements } from './proxy_statements.ts';
import { FSYNC_SCHEMA, type TraceRecord } from './record.ts';
import { parseLine } from './record_line.ts';
import { ServerStatistics } from './server_counts.ts';
import { summarize } from './summary.ts';
import { renderTrace } from './text.ts';
import { TraceError } from './trace_error.ts';

/**
 * The life of `pgnetflow trace fsync`: traces until it is told to end, the duration is over, or the traced process
 * ends; then reports on standard output.
 *
 * @throws {TraceError} when nothing can be traced
 */
export async function traceFsync(settings: TraceSettings): Promise<void> {
  const { json, records: file } = settings;
  const out = new Output(json);
  if (file !== null) {
    await readRecords(file, out);
    return out.finish({ proxy: await proxyStatements(settings), before: null, after: null });
  }
  const tracer = requireBpftrace();
  const target = findTarget(await chosenPid(settings), settings.all);
  const statistics = await connect(settings, target);
  try {
    const before = (await statistics?.read()) ?? null;
    if (!(await trace(settings, target, tracer, out))) return;
    const after = (await statistics?.read().catch(toldAs('the end of the trace'))) ?? null;
    await out.finish({ proxy: await proxyStatements(settings), before, after });
  } finally {
    await statistics?.close();
  }
}

/** Gathers records, prints them as they come if they are asked for, and the report at the end. */
class Output {
  readonly #books = new TraceBooks();
  readonly #paths = new TransientPaths();
  readonly #json: boolean;
  #lines = 0;
  #epochUs = epochUs();
  readonly #ordered = new InOrder((record) => this.#take(this.#paths.complete(record)));

  constructor(json: boolean) {
    this.#json = json;
  }

  /**
   * Reads the next line; one that cannot be read is in the report.
   *
   * @param line its bytes as Latin-1
   */
  read(line: string): TraceRecord | null {
    this.#lines += 1;
    try {
      return parseLine(line);
    } catch (error) {
      if (!(error instanceof DamagedLine)) throw error;
      this.#books.addDamaged(this.#lines, error.message);
      return null;
    }
  }

  add(record: TraceRecord): void {
    this.#ordered.add(record);
  }

  /** Waits until all is handed to whoever reads. */
  async finish(rest: {
    proxy: ProxyStatements | null;
    before: ServerCounts | null;
    after: ServerCounts | null;
  }): Promise<void> {
    this.#ordered.end();
    const summary = summarize({ books: this.#books, epochUs: this.#epochUs, ...rest });
    const text = this.#json ? `${JSON.stringify(summary)}\n` : renderTrace(summary);
    if (!process.stdout.write(text)) await once(process.stdout, 'drain');
  }

  #take(record: TraceRecord): void {
    this.#books.add(record);
    if (record.type === 'attach' && record.at !== undefined) {
      this.#epochUs = Date.parse(record.at) * 1000 - record.at_us;
    }
    if (this.#json && record.type !== 'tick') process.stdout.write(`${JSON.stringify(record)}\n`);
  }
}

/** What makes microseconds since 1970 of CLOCK_MONOTONIC, the clock of the kernel's tracers and of Node's hrtime. */
function epochUs(): number {
  const steadyUs = Number(process.hrtime.bigint() / 1000n);
  return (performance.timeOrigin + performance.now()) * 1000 - steadyUs;
}

/** @returns false when it was interrupted before anything was traced */
async function trace(settings: TraceSettings, target: Target, tracer: string, out: Output): Promise<boolean> {
  const signals = new Signals();
  const end = new AbortController();
  const ended = once(end.signal, 'abort');
  const interrupted = new AbortController();
  interrupted.signal.addEventListener('abort', () => end.abort('it was interrupted'));
  void signals
    .stopRequested({ dump: () => undefined, hangUp: null })
    .then((signal) => interrupted.abort(signal));
  const attached = new AbortController();
  const bpftrace = await Bpftrace.start(target, (line) => {
    const record = out.read(line);
    if (record === null) return;
    if (record.type === 'attach') attached.abort(record.at_us);
    if (record.type === 'exit' && record.pid === target.pid) end.abort('the traced process has ended');
    out.add(withMore(record, target, tracer));
  });
  void bpftrace.closed.then(() => end.abort('bpftrace has ended'));
  let timer: NodeJS.Timeout | undefined;
  try {
    await Promise.race([once(attached.signal, 'abort'), ended]);
    if (attached.signal.aborted) {
      // What its processes are is known before they do anything.
      const atUs = Number(attached.signal.reason);
      for (const [pid, title] of titles(target)) out.add({ type: 'process', at_us: atUs, pid, title });
      process.stderr.write(`${describe(target)}. Tracing… Ctrl-C to end.\n`);
      if (settings.duration !== null)
        timer = setTimeout(() => end.abort('the time is over'), settings.duration);
      await ended;
    }
    bpftrace.stop();
    await bpftrace.closed;
  } finally {
    clearTimeout(timer);
    signals.release();
  }
  if (!attached.signal.aborted) {
    if (!interrupted.signal.aborted) throw bpftrace.problem();
    const signal = String(interrupted.signal.reason);
    process.stderr.write(`pgnetflow: interrupted by ${signal} before it had attached: nothing was traced\n`);
    return false;
  }
  return true;
}

/** The record with what is known only here, and only now. */
function withMore(record: TraceRecord, target: Target, tracer: string): TraceRecord {
  if (record.type === 'attach') return { ...record, ...attachDetails(target, tracer, record.at_us) };
  if ((record.type === 'fsync' || record.type === 'fdatasync') && !record.transient) {
    return { ...record, path: descriptorPath(record.pid, record.fd, target.dataDirectory) };
  }
  return record;
}

function attachDetails(target: Target, tracer: string, atUs: number): object {
  const { binary, version, postmaster, pid, all } = target;
  return {
    at: new Date((epochUs() + atUs) / 1000).toISOString(),
    method: 'bpftrace',
    tool: tracer,
    kernel: os.release(),
    binary,
    server_version: version,
    filter: { pid: all ? null : pid, postmaster },
  };
}

function describe({ version, binary, postmaster, pid, all }: Target): string {
  const whom = all ? `all processes of postmaster ${postmaster}` : `process ${pid}`;
  return `PostgreSQL ${version} (${binary}), ${whom}`;
}

/** The process that the user has named, by itself or by a proxy's session. */
async function chosenPid(settings: TraceSettings): Promise<number | null> {
  const { pid, session: id, all } = settings;
  if (id === null) {
    if (pid === null && !all) throw new UsageError('nothing to trace: give --pid PID, --session ID or --all');
    return pid;
  }
  if (pid !== null) throw new UsageError('--session names a process already: leave out --pid');
  const books = await proxyBooks(settings);
  if (books === null)
    throw new UsageError("--session needs the proxy's --report FILE or --statement-log FILE");
  const session = books.sessions.findLast((one) => one.id === id);
  if (session === undefined || session.backendPid === null || session.hasEnded) {
    const problem =
      session === undefined ? 'is not in it' : session.hasEnded ? 'has ended by then' : 'has no backend';
    const message = `session ${id} ${problem}: have the proxy write it anew (SIGUSR1), or take --pid`;
    throw new TraceError('TRACE_BAD_REPORT', message);
  }
  return session.backendPid;
}

async function proxyStatements(settings: TraceSettings): Promise<ProxyStatements | null> {
  const books = await proxyBooks(settings);
  return books === null ? null : new ProxyStatements(books.statements);
}

async function proxyBooks(settings: TraceSettings): Promise<ProxyBooks | null> {
  const { report, 'statement-log': log } = settings;
  if (report !== null && log !== null) {
    throw new UsageError('--report and --statement-log say the same: leave one out');
  }
  if (report !== null) return readReport(report);
  return log === null ? null : readStatementLog(log);
}

/** Asks only who was named: by --connect, or by the variables that libpq's programs take. */
async function connect({ connect: url }: TraceSettings, target: Target): Promise<ServerStatistics | null> {
  const isNamed = url !== null || ['PGHOST', 'PGHOSTADDR', 'PGPORT'].some((name) => process.env[name]);
  return isNamed ? ServerStatistics.connect(url, target) : null;
}

async function readRecords(file: string, out: Output): Promise<void> {
  const input = file === '-' ? process.stdin : createReadStream(file);
  // Ctrl-C is for the tracer before the pipe, too: what it still tells is read. A second one ends us.
  const toTracer = (): undefined => undefined;
  if (file === '-') process.once('SIGINT', toTracer);
  input.setEncoding('latin1');
  let count = 0;
  let beginning = '';
  try {
    for await (const line of createInterface({ input })) {
      if (beginning.length < BEGINNING) beginning += `${line}\n`;
      const record = out.read(line);
      if (record === null) continue;
      if (record.type === 'attach' && record.schema !== FSYNC_SCHEMA) {
        const problem = `its schema is "${record.schema}", not "${FSYNC_SCHEMA}"`;
        throw notWanted(file, FSYNC_RECORDS, beginning, problem);
      }
      count += 1;
      out.add(record);
    }
  } catch (cause) {
    throw unreadable(file, FSYNC_RECORDS, cause);
  } finally {
    process.off('SIGINT', toTracer);
  }
  if (count === 0) throw notWanted(file, FSYNC_RECORDS, beginning, `it has no record of ${FSYNC_SCHEMA}`);
}

/** Says what is missing, and goes on without it: what was traced is not lost. */
function toldAs(when: string): (error: Error) => null {
  return (error) => {
    process.stderr.write(`pgnetflow: at ${when}: ${error.message}\n`);
    return null;
  };
}
