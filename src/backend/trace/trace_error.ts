/** Why processes cannot be traced. The codes are stable; the message says what to do. */
export type TraceErrorCode =
  /** The kernel lets only root trace. */
  | 'TRACE_NOT_ROOT'
  /** This is no Linux, or its tracing file system is not mounted. */
  | 'TRACE_NO_TRACEFS'
  /** bpftrace is not installed. */
  | 'TRACE_NO_BPFTRACE'
  /** bpftrace has ended before all probes were attached. */
  | 'TRACE_NOT_ATTACHED'
  /** The server's binary lacks a function that is to be traced. */
  | 'TRACE_NO_SYMBOL'
  /** No process has that pid. */
  | 'TRACE_NO_PROCESS'
  /** That process is none of PostgreSQL's. */
  | 'TRACE_NOT_POSTGRES'
  /** No server, or more than one, to choose from. */
  | 'TRACE_WHICH_SERVER'
  /** The proxy's report or statement log does not know the session. */
  | 'TRACE_BAD_REPORT'
  /** The server that --connect names cannot be asked, or is another one. */
  | 'TRACE_BAD_CONNECTION';

export class TraceError extends Error {
  override readonly name = 'TraceError';
  readonly code: TraceErrorCode;

  constructor(code: TraceErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
