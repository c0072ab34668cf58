import { type CollectOptions, collectFacts } from './collect.ts';
import { type DiagnosisRecord, diagnosisRecord } from './record.ts';

/** There is no /proc as Linux has it. */
export class NoProcError extends Error {
  readonly code = 'PGNETFLOW_NO_PROC';

  constructor(platform: NodeJS.Platform) {
    super(`diagnose reads /proc, which ${platform} does not have: run it on the server's host, under Linux`);
    this.name = 'NoProcError';
  }
}

/** The verdicts that say nothing about a backend: it could not be looked at. */
const NO_VERDICT = new Set(['gone', 'hidden', 'postmaster', 'not_a_backend', 'another', 'undetermined']);

/** Whether it says what is the matter with a backend. */
export function isVerdict({ verdict }: DiagnosisRecord): boolean {
  return !NO_VERDICT.has(verdict);
}

/**
 * Looks at a PostgreSQL backend from outside and says why it does not react. Takes about as long as its samples.
 *
 * @throws {NoProcError} on any other system than Linux
 */
export async function diagnose(pid: number, options: CollectOptions): Promise<DiagnosisRecord> {
  if (process.platform !== 'linux') throw new NoProcError(process.platform);
  return diagnosisRecord(await collectFacts(pid, options));
}
