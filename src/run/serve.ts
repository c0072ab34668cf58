import { setTimeout as sleep } from 'node:timers/promises';
import { isatty } from 'node:tty';
import type { Logger } from 'pino';
import { type Sink, Turns } from '../export/sink.ts';
import { stdoutSink } from '../export/stdout_sink.ts';
import {
  type BackendDiagnoser,
  type ListenerStart,
  PROXY_DEFAULTS,
  type ProxyOptions,
} from '../proxy/options.ts';
import { escapeLine } from '../report/escape.ts';
import { WHOLE } from '../report/figures.ts';
import type { ReportRecord } from '../report/model.ts';
import { formatAddress } from '../relay/address.ts';
import type { ListenerSettings } from '../settings/listener_settings.ts';
import type { ProxySettings } from '../settings/proxy_settings.ts';
import type { HttpServer } from '../http/server.ts';
import { describeError } from './describe_error.ts';
import { createLogger } from './logger.ts';
import { Outputs } from './outputs.ts';
import { checkReportFile, writeReport } from './report_output.ts';
import { openFilesLimit, roomWithin } from './open_files.ts';
import { type RunningProxy, startWorkers } from './running_proxy.ts';
import { Signals } from './signals.ts';
import { StateFile } from './state_file.ts';
import { TlsFiles } from './tls_files.ts';
import type { Witness } from './witness.ts';

/** How long a second signal leaves a report that is not written yet. */
const HURRY_MS = 2000;

interface ListenerParts {
  readonly settings: ListenerSettings;
  readonly tls: TlsFiles;
}

interface Parts {
  readonly state: StateFile | null;
  readonly outputs: Outputs;
  readonly proxy: RunningProxy;
  readonly http: HttpServer | null;
  readonly witness: Witness | null;
}

/**
 * The life of `pgnetflow proxy`: opens the outputs, starts the proxy, says where it listens, dumps the report when
 * signalled, and ends with the last report on SIGINT or SIGTERM.
 *
 * @param diagnoser looks at the backends of cancel requests that have no effect
 * @throws when it cannot start, or when the last report is not where it should be
 */
export async function serve(settings: ProxySettings, diagnoser: BackendDiagnoser): Promise<void> {
  const log = createLogger(settings['log-level']);
  const signals = new Signals();
  process.on('uncaughtException', (error) => die(error, log));
  try {
    await run(settings, diagnoser, log, signals);
  } catch (error) {
    // Whoever catches this prints one line; the stack is here for those who ask for it.
    log.debug({ err: error }, 'failed');
    throw error;
  } finally {
    signals.release();
  }
}

async function run(
  settings: ProxySettings,
  diagnoser: BackendDiagnoser,
  log: Logger,
  signals: Signals,
): Promise<void> {
  // Once it has gone, nobody can tell any more.
  const hasTerminal = isatty(0) || isatty(2);
  await checkReportFile(settings['report-file']);
  const listeners = settings.listeners.map((one) => ({ settings: one, tls: new TlsFiles(one) }));
  const stdout = stdoutSink();
  const { state, outputs, proxy, http, witness } = await open(settings, listeners, stdout, diagnoser, log);

  const dumps = new Turns();
  const write = (report: ReportRecord, to: Pick<Sink, 'write'> = stdout): Promise<void> =>
    writeReport(report, settings.report, settings['report-file'], to);
  const figures = (): Promise<ReportRecord> => proxy.collector.inquire({ maxAgeMs: 0, ...WHOLE });
  const dumpNow = async (): Promise<void> => {
    try {
      await dumps.next(async () =>
        write(witness === null ? await figures() : await witness.testifyTo(figures)),
      );
    } catch (error) {
      log.error(describeError(error));
    }
  };

  // While it drains, a second signal ends that; behind it, it hurries the last report.
  const drained = new AbortController();
  let isDraining = false;
  let hurry = (): void => undefined;
  const hurried = new Promise<void>((resolve) => (hurry = resolve));
  const stopped = signals.stopRequested({
    dump: () => void dumpNow(),
    again: () => (isDraining ? drained.abort() : hurry()),
    hangUp:
      outputs.reopenable || listeners.some(({ tls }) => tls.any)
        ? () => {
            outputs.reopen();
            for (const { tls } of listeners) tls.reload(log);
            proxy.renewTls(startsOf(listeners));
          }
        : hasTerminal
          ? null
          : () =>
              log.info('SIGHUP is ignored: there is no file to reopen, and no terminal that could be gone'),
  });
  for (const { listens, upstream } of proxy.pairs) {
    const where = listens.map(formatAddress).join(', ');
    process.stderr.write(
      `${escapeLine(`pgnetflow listens on ${where} and forwards to ${formatAddress(upstream)}`)}\n`,
    );
  }

  if (http !== null) process.stderr.write(`pgnetflow answers at ${http.url}\n`);

  const signal = await stopped;
  log.debug({ signal }, 'stopping');
  const drainMs = settings['drain-timeout'];
  if (signal === 'SIGTERM' && drainMs > 0 && proxy.openSessions > 0) {
    isDraining = true;
    http?.drain();
    await drain(proxy, drainMs, drained, log);
    isDraining = false;
  }
  http?.stop();
  const last = await proxy.stop();
  state?.stop();
  const kept = state?.save(() => proxy.stateText());
  const diagnosed = diagnoser.close();
  // First of all, whatever becomes of the other outputs; on standard output behind what waits for it.
  const reported = dumps.next(async () => {
    const report =
      witness === null
        ? last
        : await Promise.race([witness.testifyAtLast(last), hurried.then(() => witness.testifyAtOnce(last))]);
    await write(report, {
      write: async (pieces) => {
        await outputs.drainStdout();
        await stdout.write(pieces);
      },
    });
  });
  void hurried.then(() => endAtOnce(reported));
  const settled = [
    ...(await Promise.allSettled([reported, diagnosed, kept])),
    ...(await Promise.allSettled([outputs.close()])),
  ];
  const problems = settled.flatMap((one): unknown[] => (one.status === 'rejected' ? [one.reason] : []));
  state?.release();
  if (problems.length === 0) return;
  const problem = problems.map(describeError).join('; ');
  if (outputs.stdoutIsStuck) fail(problem);
  throw problems.length === 1 ? problems[0] : new AggregateError(problems, problem);
}

/** Opens what the settings ask for, or nothing: what was open by then is closed again, the last first. */
async function open(
  settings: ProxySettings,
  listeners: readonly ListenerParts[],
  stdout: Sink,
  diagnoser: BackendDiagnoser,
  log: Logger,
): Promise<Parts> {
  const undo: (() => unknown)[] = [];
  try {
    const file = settings['state-file'];
    const state = file === null ? null : await StateFile.open(file, log);
    undo.unshift(() => state?.release());
    const outputs = await Outputs.open(settings, stdout, log);
    undo.unshift(() => outputs.close());
    const proxy = await startWorkers(
      {
        ...proxyOptions(settings, outputs, diagnoser, log),
        state: state?.loaded ?? null,
        listeners: startsOf(listeners),
      },
      settings.workers,
      outputs.lines,
    );
    undo.unshift(() => proxy.stop());
    await state?.saveRegularly(() => proxy.stateText());
    const http = await openHttp(settings, listeners, proxy, log);
    undo.unshift(() => http?.stop());
    const witness = await openWitness(settings['probe-socket'], proxy, log);
    return { state, outputs, proxy, http, witness };
  } catch (error) {
    for (const close of undo) await close();
    throw error;
  }
}

/** Lets sessions come to the end of their transactions, for so long, or until it is given up. */
async function drain(
  proxy: RunningProxy,
  drainMs: number,
  until: AbortController,
  log: Logger,
): Promise<void> {
  const began = performance.now();
  log.info(`draining: ${proxy.openSessions} sessions, for ${drainMs / 1000} s at most (--drain-timeout)`);
  const timer = setTimeout(() => until.abort(), drainMs);
  await proxy.drain(until.signal);
  clearTimeout(timer);
  const seconds = Math.round(performance.now() - began) / 1000;
  const left = proxy.openSessions;
  if (left === 0) log.info(`drained in ${seconds} s`);
  else log.warn(`${left} sessions were not done after ${seconds} s, and are ended`);
}

/** On a second signal: ends the process as soon as the report is written, or it is clear that nobody takes it. */
async function endAtOnce(reported: Promise<void>): Promise<never> {
  const problem = await Promise.race([
    reported.then(() => null, describeError),
    sleep(HURRY_MS, `the report is lost: nobody took it within ${HURRY_MS / 1000} seconds`),
  ]);
  if (problem !== null) fail(problem);
  process.exit(1);
}

/** Ends the process without waiting for standard output. */
function fail(problem: string): never {
  process.stderr.write(`pgnetflow: ${problem}\n`);
  process.exit(1);
}

async function openWitness(path: string | null, proxy: RunningProxy, log: Logger): Promise<Witness | null> {
  if (path === null) return null;
  // Only here: no other proxy needs what this brings in.
  const { Witness: Kernel } = await import('./witness.ts');
  return Kernel.open(path, proxy, log);
}

async function openHttp(
  settings: ProxySettings,
  listeners: readonly ListenerParts[],
  proxy: RunningProxy,
  log: Logger,
): Promise<HttpServer | null> {
  const { http: address, 'http-token': token, 'metrics-statements': metricsStatements } = settings;
  if (address === null) return null;
  // Only here: no other proxy needs what this brings in.
  const { HttpServer: Server } = await import('../http/server.ts');
  return Server.start({
    ...address,
    token,
    metricsStatements,
    tls: listeners.map(({ tls }) => tls.certificate).find((context) => context !== null) ?? null,
    upstreams: listeners.map((one) => ({ address: one.settings.upstream, tls: one.tls.upstream })),
    collector: proxy.collector,
    log,
  });
}

function startsOf(listeners: readonly ListenerParts[]): ListenerStart[] {
  return listeners.map(({ settings, tls }) => listenerOptions(settings, tls));
}

function listenerOptions(settings: ListenerSettings, tls: TlsFiles): ListenerStart {
  return {
    listen: settings.listen,
    upstream: settings.upstream,
    proxyProtocolFrom: settings['proxy-protocol-from'],
    clientTls: tls.client,
    upstreamTls: tls.upstream,
    connectTimeoutMs: settings['connect-timeout'],
    startupTimeoutMs: settings['startup-timeout'],
    cancelTimeoutMs: settings['cancel-timeout'],
    tcpKeepaliveMs: settings['tcp-keepalive'],
  };
}

function proxyOptions(
  settings: ProxySettings,
  outputs: Outputs,
  diagnoser: BackendDiagnoser,
  log: Logger,
): Omit<ProxyOptions, 'state'> {
  const { onStatement, tap } = outputs;
  return {
    accounting: settings.accounting,
    maxQueryBytes: settings['max-query-bytes'],
    queryText: settings['query-text'],
    maxStatementsKept: settings['max-statements-kept'],
    maxStatementsInAll: settings['max-statements-in-all'],
    maxSessionsKept: settings['max-sessions-kept'],
    maxFingerprints: settings['max-fingerprints'],
    ...room(settings, log),
    console:
      settings['console-database'] === 'off'
        ? null
        : {
            database: settings['console-database'],
            alias: settings['console-alias'],
            settings: settings.written,
          },
    diagnoseAfterMs: settings['diagnose-after'],
    diagnose: (backend) => diagnoser.diagnose(backend),
    log,
    ...(onStatement !== null && { onStatement }),
    ...(tap !== null && { tap }),
  };
}

/** How many connections and cancel requests are taken at a time, which may be fewer than the settings say. */
function room(settings: ProxySettings, log: Logger): ReturnType<typeof roomWithin> {
  const { 'max-connections': maxConnections, 'max-cancels': maxCancels } = settings;
  const files = openFilesLimit();
  const within = roomWithin(files, { maxConnections, maxCancels });
  // The default is more than most need.
  if (within.maxConnections < maxConnections && maxConnections !== PROXY_DEFAULTS.maxConnections)
    log.warn(
      `${files} open files (ulimit -n) are enough for ${within.maxConnections} connections and ${within.maxCancels} cancel requests at a time, not for --max-connections ${maxConnections}; raise that limit`,
    );
  return within;
}

/** A defect: say so in one line and end, for nothing can be trusted any more. */
function die(error: unknown, log: Logger): void {
  log.debug({ err: error }, 'uncaught');
  fail(`internal error: ${describeError(error)}`);
}
