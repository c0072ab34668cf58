import type { Events, Method, SocketRecord } from './record.ts';

/** Who is told. */
export interface ProducerSink {
  /**
   * All that happens from now on is counted; comes before any record.
   *
   * @param events where a method has several kinds
   */
  attached(events?: Events): void;
  record(record: SocketRecord): void;
  /** It has ended although nobody asked it to. Nothing comes after. */
  died(reason: string): void;
}

/** One way of letting the kernel count. */
export interface Producer {
  readonly method: Method;
  /** Name and version of the tool. */
  readonly tool: string;
  /** Where the method has several kinds of them. */
  readonly events?: Events;
  /** Resolves when all that had happened before the call has been recorded. */
  flush(): Promise<void>;
  /** Takes the probes off and resolves when the last record was told, what had been pending included. */
  stop(): Promise<void>;
}
