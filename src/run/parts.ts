import type { Logger } from 'pino';
import type { ProxyOptions, Tap } from '../proxy/options.ts';
import { startProxy } from '../proxy/proxy.ts';
import type { Address } from '../relay/address.ts';
import type { ReportRecord } from '../report/model.ts';
import type { Session } from '../session/session.ts';

/** A proxy that runs. */
export interface RunningProxy {
  /** Where it listens, with the ports that were picked. */
  readonly addresses: readonly Address[];
  /** The books as they stand. */
  report(): ReportRecord;
  /** Stops listening, takes the report with the sessions that are still open, closes everything. */
  stop(): ReportRecord | Promise<ReportRecord>;
}

/** A trace that is being written. */
export interface OpenTrace {
  tap(session: Session): Tap;
  close(): Promise<void>;
}

/** What the commands are put together from; tests put others in. */
export interface Parts {
  startProxy(options: ProxyOptions): Promise<RunningProxy>;
  openTraceFile(path: string, log: Logger): OpenTrace | Promise<OpenTrace>;
}

/** The real ones. */
export const PARTS: Parts = {
  startProxy,
  openTraceFile: () => Promise.reject(new Error('--trace is not part of this build yet')),
};
