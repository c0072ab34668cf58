import type { Logger } from 'pino';
import { LiveOutput } from '../export/live.ts';
import { type Sink, Turns } from '../export/sink.ts';
import { StatementLog } from '../export/statement_log.ts';
import { stdoutSink } from '../export/stdout_sink.ts';
import type { BackendDiagnoser, ListenerStart, ProxyOptions } from '../proxy/options.ts';
import { type Proxy, startProxy } from '../proxy/proxy.ts';
import { escapeLine } from '../report/escape.ts';
import type { ReportRecord } from '../report/model.ts';
import { formatAddress } from '../relay/address.ts';
import type { ListenerSettings } from '../settings/listener_settings.ts';
import type { ProxySettings } from '../settings/proxy_settings.ts';
import { describeError } from './describe_error.ts';
import { createLogger } from './logger.ts';
import { checkReportFile, writeReport } from './report_output.ts';
import { openFilesLimit, sessionsWithin } from './open_files.ts';
import { Signals } from './signals.ts';
import { TlsFiles } from './tls_files.ts';
import { Trace } from './trace.ts';
import type { Witness } from './witness.ts';

/** What the proxy writes while it runs. */
interface Outputs {
  readonly statementLog: StatementLog | null;
  readonly live: LiveOutput | null;
  readonly trace: Trace | null;
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
  checkReportFile(settings['report-file']);
  const listeners = settings.listeners.map((one) => ({ settings: one, tls: new TlsFiles(one) }));
  const stdout = stdoutSink();
  const outputs = await openOutputs(settings, stdout, log);
  let proxy: Proxy;
  let witness: Witness | null;
  try {
    proxy = await startProxy({
      ...proxyOptions(settings, outputs, diagnoser, log),
      listeners: listeners.map(({ settings: one, tls }) => listenerOptions(one, tls)),
    });
    witness = await openWitness(settings['probe-socket'], proxy, log);
  } catch (error) {
    await closeOutputs(outputs);
    throw error;
  }

  const dumps = new Turns();
  const write = (report: ReportRecord): Promise<void> =>
    writeReport(report, settings.report, settings['report-file'], stdout);
  const dumpNow = async (): Promise<void> => {
    try {
      await dumps.next(async () =>
        write(witness === null ? proxy.report() : await witness.testifyTo(() => proxy.report())),
      );
    } catch (error) {
      log.error(describeError(error));
    }
  };

  const stopped = signals.stopRequested({
    dump: () => void dumpNow(),
    // Without a file to reopen or to read again, the terminal has gone: end as on SIGTERM.
    hangUp:
      outputs.statementLog === null && !listeners.some(({ tls }) => tls.any)
        ? null
        : () => {
            outputs.statementLog?.reopen();
            for (const { tls } of listeners) tls.reload(log);
          },
  });
  for (const { listens, upstream } of proxy.pairs) {
    const where = listens.map(formatAddress).join(', ');
    process.stderr.write(
      `${escapeLine(`pgnetflow listens on ${where} and forwards to ${formatAddress(upstream)}`)}\n`,
    );
  }

  log.debug({ signal: await stopped }, 'stopping');
  const report = proxy.stop();
  try {
    await diagnoser.close();
    await closeOutputs(outputs);
  } finally {
    await dumps.next(async () => write((await witness?.testifyAtLast(report)) ?? report));
  }
}

async function openWitness(path: string | null, proxy: Proxy, log: Logger): Promise<Witness | null> {
  if (path === null) return null;
  try {
    // Only here: no other proxy needs what this brings in.
    const { Witness: Kernel } = await import('./witness.ts');
    return await Kernel.open(path, proxy, log);
  } catch (error) {
    proxy.stop();
    throw error;
  }
}

async function openOutputs(settings: ProxySettings, stdout: Sink, log: Logger): Promise<Outputs> {
  const target = settings['statement-log'];
  const trace = settings.trace === null ? null : await Trace.open(settings.trace, log);
  const statementLog =
    target === null
      ? null
      : target === '-'
        ? StatementLog.toSink(stdout, log)
        : await openStatementLog(target, log);
  return { statementLog, trace, live: settings.live ? new LiveOutput(stdout, log) : null };
}

async function openStatementLog(path: string, log: Logger): Promise<StatementLog> {
  try {
    return await StatementLog.toFile(path, log);
  } catch (cause) {
    throw new Error(`cannot open the statement log: ${describeError(cause)}`, { cause });
  }
}

async function closeOutputs({ statementLog, live, trace }: Outputs): Promise<void> {
  const results = await Promise.allSettled([statementLog?.close(), live?.close(), trace?.close()]);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
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
  };
}

function proxyOptions(
  settings: ProxySettings,
  outputs: Outputs,
  diagnoser: BackendDiagnoser,
  log: Logger,
): ProxyOptions {
  const { statementLog, live, trace } = outputs;
  return {
    accounting: settings.accounting,
    maxQueryBytes: settings['max-query-bytes'],
    maxStatementsKept: settings['max-statements-kept'],
    maxStatementsInAll: settings['max-statements-in-all'],
    maxSessionsKept: settings['max-sessions-kept'],
    maxFingerprints: settings['max-fingerprints'],
    // Better refused in words than cut off by the system.
    maxConnections: Math.min(settings['max-connections'], sessionsWithin(openFilesLimit())),
    maxCancels: settings['max-cancels'],
    diagnoseAfterMs: settings['diagnose-after'],
    diagnose: (backend) => diagnoser.diagnose(backend),
    log,
    ...((statementLog !== null || live !== null) && {
      onStatement: (session, statement) => {
        statementLog?.write(session, statement);
        live?.write(session, statement);
      },
    }),
    ...(trace !== null && { tap: (session) => trace.tap(session) }),
  };
}

/** A defect: say so in one line and end, for nothing can be trusted any more. */
function die(error: unknown, log: Logger): void {
  log.debug({ err: error }, 'uncaught');
  process.stderr.write(`pgnetflow: internal error: ${describeError(error)}\n`);
  process.exit(1);
}
