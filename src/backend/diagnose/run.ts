import type { Connect } from './activity.ts';
import { diagnose, isVerdict } from './diagnose.ts';
import type { DiagnosisRecord } from './record.ts';
import { renderDiagnosis } from './render.ts';
import type { DiagnoseSettings, DiagnoseTarget } from '../../settings/diagnose_settings.ts';
import { sessionBackend } from './session_backend.ts';

/** The process could not be looked at; what was found out is on standard output. */
export class NoVerdictError extends Error {
  readonly code = 'PGNETFLOW_NO_VERDICT';

  constructor(sentence: string) {
    super(sentence);
    this.name = 'NoVerdictError';
  }
}

/**
 * The life of `pgnetflow diagnose`: looks, prints what it has found to standard output, and fails when there was
 * nothing to look at.
 *
 * @param environment for libpq's variables
 */
export async function runDiagnose(settings: DiagnoseSettings, environment: NodeJS.ProcessEnv): Promise<void> {
  const giveUp = new AbortController();
  const stop = (): void => giveUp.abort();
  // A debugger that ends with us in the middle could leave the backend stopped.
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, stop);
  const record = await look(settings.target, {
    samples: settings.samples,
    stack: settings['no-stack'] ? 'none' : 'any',
    connect: connectOf(settings.connect, environment),
    signal: giveUp.signal,
  });
  const text = settings.json ? `${JSON.stringify(record, null, 2)}\n` : renderDiagnosis(record);
  await new Promise<void>((resolve) => process.stdout.write(text, () => resolve()));
  if (giveUp.signal.aborted) throw new NoVerdictError('interrupted: not all was looked at');
  if (!isVerdict(record)) throw new NoVerdictError(record.sentence);
}

async function look(
  target: DiagnoseTarget,
  options: Omit<Parameters<typeof diagnose>[1], 'startedBetweenMs'>,
): Promise<DiagnosisRecord> {
  if (target.kind === 'pid') return diagnose(target.pid, { ...options, startedBetweenMs: null });
  const { pid, startedBetweenMs } = await sessionBackend(target.session, target.reportFile);
  return diagnose(pid, { ...options, startedBetweenMs });
}

/** libpq's variables count when one of them says where, or as whom. */
function connectOf(url: string | null, environment: NodeJS.ProcessEnv): Connect | null {
  if (url !== null) return { kind: 'url', url };
  const names = ['PGHOST', 'PGPORT', 'PGUSER', 'PGDATABASE'];
  return names.some((name) => (environment[name] ?? '') !== '') ? { kind: 'environment' } : null;
}
