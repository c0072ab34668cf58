import { setTimeout as delay } from 'node:timers/promises';
import type { Sink } from '../export/sink.ts';
import { stdoutSink } from '../export/stdout_sink.ts';
import type { Proxy } from '../proxy/proxy.ts';
import type { ReportRecord } from '../report/model.ts';
import { createLogger } from '../run/logger.ts';
import { writeReport } from '../run/report_output.ts';
import { Signals } from '../run/signals.ts';
import type { DemoSettings } from '../settings/demo_settings.ts';
import { DemoClient } from './client.ts';
import { DemoError } from './demo_error.ts';
import { type Counted, runExperiment } from './experiment.ts';
import { explain } from './explain.ts';
import { findings } from './findings.ts';
import { type Laboratory, openLaboratory } from './laboratory.ts';
import { ProgressLine } from './progress.ts';
import { requireSpace } from './space.ts';
import { describeStage } from './stage.ts';
import { Story, tellsStory } from './story.ts';

/** Closing a connection takes two round trips on this machine. */
const SESSIONS_END_MS = 10_000;
const LOOK_EVERY_MS = 5;

/**
 * The life of `pgnetflow demo`: a PostgreSQL, a proxy before it, the experiment, the report; and nothing left of it,
 * however it ends.
 *
 * @throws when the experiment or its report could not be finished, was interrupted, or a finding does not hold
 */
export async function demo(settings: DemoSettings): Promise<void> {
  const signals = new Signals();
  const interruption = new AbortController();
  const interrupt = (message: string): void => interruption.abort(new DemoError(message));
  void signals
    .stopRequested({ dump: () => undefined, hangUp: null })
    .then((signal) => interrupt(`interrupted by ${signal}; nothing is left running`));
  try {
    await perform(settings, interruption.signal, interrupt);
  } catch (error) {
    throw interruption.signal.aborted ? interruption.signal.reason : error;
  } finally {
    signals.release();
  }
}

async function perform(
  settings: DemoSettings,
  interrupted: AbortSignal,
  interrupt: (message: string) => void,
): Promise<void> {
  const { report: format, 'report-file': file } = settings;
  forgetOtherServers(process.env);
  const startedMs = performance.now();
  let laboratory: Laboratory | null = null;
  const progress = new ProgressLine(process.stderr, () =>
    describeStage(laboratory?.proxy.report() ?? null, performance.now() - startedMs),
  );
  const stdout = beside(progress, stdoutSink());
  const story = tellsStory(format, file)
    ? new Story(stdout, ({ message }) => interrupt(`cannot write to standard output (${message}); stopped`))
    : null;
  progress.start();

  let result: { counted: Counted; report: ReportRecord };
  try {
    laboratory = await openLaboratory({
      binDir: settings['bin-dir'],
      onStatement: (session, statement) => story?.block(session, statement),
      log: createLogger('warn'),
    });
    await requireSpace(laboratory.server.dataDirectory, settings.rows);
    await progress.aside(tellWhere(laboratory));
    result = await untilInterrupted(interrupted, experimentIn(laboratory, settings.rows));
  } catch (error) {
    const log = await laboratory?.server.log().catch(() => '');
    throw explain(error, log ?? '');
  } finally {
    progress.stop();
    await laboratory?.close();
  }

  const { counted, report } = result;
  const found = findings(report, counted);
  const tell = async (): Promise<void> => {
    await writeReport(report, format, file, stdout);
    story?.findings(found);
    await story?.flush();
  };
  await untilInterrupted(interrupted, tell());
  const wrong = found.filter(({ holds }) => !holds).map(({ sentence }) => sentence);
  if (wrong.length > 0) {
    throw new DemoError(`a defect of pgnetflow, please report it with this output: ${wrong.join(' ')}`);
  }
}

/** What a shell says about a user's own servers (PGOPTIONS, PGSSLNEGOTIATION, …) is not meant for this one. */
function forgetOtherServers(environment: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(environment)) if (/^PG(?!NETFLOW_)/.test(name)) delete environment[name];
}

function tellWhere({ port, server }: Laboratory): () => Promise<void> {
  const { host, version, dataDirectory } = server;
  const line =
    `pgnetflow listens on ${host}:${port} and forwards to ${host}:${server.port}, ` +
    `a PostgreSQL ${version} in ${dataDirectory}\n`;
  return async () => {
    process.stderr.write(line);
  };
}

async function experimentIn(
  { server, proxy, port }: Laboratory,
  rows: number,
): Promise<{ counted: Counted; report: ReportRecord }> {
  const { host, user, database } = server;
  // A client that has lost its connection may leave a COPY waiting for ever.
  const { promise: lost, reject: onLost } = withReject();
  const connect = (name: string): Promise<DemoClient> =>
    DemoClient.connect({ host, port, user, database }, name, onLost);
  const counted = await Promise.race([runExperiment(rows, connect), lost]);
  await allEnded(proxy);
  return { counted, report: proxy.stop() };
}

/** The clients have closed their connections; the proxy hears of it a moment later. */
async function allEnded(proxy: Proxy): Promise<void> {
  const giveUpMs = performance.now() + SESSIONS_END_MS;
  while (proxy.openSessions > 0 && performance.now() < giveUpMs) await delay(LOOK_EVERY_MS);
}

function withReject(): { promise: Promise<never>; reject: (error: Error) => void } {
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<never>((_resolve, rejectIt) => {
    reject = rejectIt;
  });
  return { promise, reject };
}

/** What the task brings, or the signal's reason as soon as it is aborted. */
async function untilInterrupted<T>(signal: AbortSignal, task: Promise<T>): Promise<T> {
  const { promise, reject } = withReject();
  const onAbort = (): void => reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort);
  try {
    return await Promise.race([task, promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** The sink, with the progress line off the screen while it writes. */
function beside(progress: ProgressLine, sink: Sink): Sink {
  return {
    get written() {
      return sink.written;
    },
    write: (pieces) => progress.aside(() => sink.write(pieces)),
    close: () => sink.close(),
  };
}
