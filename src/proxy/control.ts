import type { Collector } from '../collector/collector.ts';
import type { CancelOrigin } from '../session/cancel.ts';
import type { BackendDiagnoser } from './options.ts';

/** The session that a cancel request is for, as its key tells, and whom the request is from. Plain data. */
export interface SoughtSession {
  readonly processId: number;
  readonly key: Uint8Array;
  readonly origin: CancelOrigin;
  readonly requestedAt: number;
}

/**
 * Where a relay thread has found it. `open`: the thread has entered the request in its own books, by the number that it
 * says, and wants to be told what became of the delivery.
 */
export type FoundSession =
  { readonly kind: 'open'; readonly request: number } | { readonly kind: 'ended'; readonly session: number };

/** What became of the delivery of a cancel request. */
export interface Delivery {
  readonly deliveredAt: number | null;
  readonly error: string | null;
}

/** A session in another relay thread. */
export type FoundElsewhere =
  | { readonly kind: 'open'; readonly delivered: (delivery: Delivery) => void }
  | Extract<FoundSession, { kind: 'ended' }>;

/** What a relay thread asks of the rest of the process. No call waits for an answer. */
export interface ControlPlane {
  /** For the console: the figures of all threads. */
  readonly collector: Collector;
  /** Looks at backends; null: nobody does. */
  readonly diagnose: BackendDiagnoser['diagnose'] | null;
  /** Other relay threads; null: there are none. */
  readonly others: OtherThreads | null;
}

export interface OtherThreads {
  /** Looks for a session in the other threads. @param found called once, soon; with null when none has it */
  find(sought: SoughtSession, found: (where: FoundElsewhere | null) => void): void;
  /** Has the client cut off that has been silent for longest in another thread. */
  makeRoom(): void;
}
