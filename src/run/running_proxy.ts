import { availableParallelism } from 'node:os';
import type { Collector } from '../collector/collector.ts';
import type { ListenerStart, ProxyStart } from '../proxy/options.ts';
import { startProxy } from '../proxy/proxy.ts';
import type { OutputLines } from '../proxy/threads/relay_threads.ts';
import type { Address } from '../relay/address.ts';
import type { ReportRecord } from '../report/model.ts';

/** A proxy, whichever threads it relays in. */
export interface RunningProxy {
  /** Which addresses it listens on lead to which server. */
  readonly pairs: readonly { readonly listens: readonly Address[]; readonly upstream: Address }[];
  readonly collector: Collector;
  /** Sessions that have not ended. */
  readonly openSessions: number;
  /** Stops listening, and ends each session as soon as it is idle outside of a transaction, until it is given up. */
  drain(until: AbortSignal): Promise<void>;
  /** Cumulative figures, as a state file keeps them; when it has stopped, the last ones. */
  stateText(): Promise<string>;
  /** Stops listening, ends all sessions, and returns the final report. */
  stop(): ReportRecord | Promise<ReportRecord>;
  /** Certificates and keys were read anew. */
  renewTls(listeners: readonly ListenerStart[]): void;
}

export type RunningStart = Omit<ProxyStart, 'listen' | 'upstream'> & {
  readonly listeners: readonly ListenerStart[];
};

/**
 * Starts a proxy with so many relay threads. With one it relays in this thread: that is the least memory, and needs nothing of the
 * system that Node does not give.
 *
 * @throws {ListenError} when an address cannot be listened on; nothing is left open then
 */
export async function startWorkers(
  start: RunningStart,
  workers: number | 'auto',
  lines: OutputLines,
): Promise<RunningProxy> {
  const count = workers === 'auto' ? availableParallelism() : workers;
  if (count === 1) return startProxy(start);
  // Only here: a proxy of one thread needs none of it.
  const { startRelayThreads, ThreadsError } = await import('../proxy/threads/relay_threads.ts');
  try {
    return await startRelayThreads(start, count, lines);
  } catch (error) {
    if (!(error instanceof ThreadsError)) throw error;
    start.log.warn(`pgnetflow relays in one thread, not in ${count} (--workers): ${error.message}`);
    return startProxy(start);
  }
}
