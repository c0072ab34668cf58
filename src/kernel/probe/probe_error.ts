export type ProbeErrorCode =
  | 'PROBE_NOT_POSSIBLE'
  | 'PROBE_NOT_STARTED'
  | 'PROBE_DIED'
  | 'PROBE_NO_PROXY'
  | 'PROBE_NO_OUTPUT'
  | 'PROBE_NO_PROCESS'
  | 'PROBE_REFUSED';

/** A helper that cannot count, or not any more. The message says why and what can be done. */
export class ProbeError extends Error {
  readonly code: ProbeErrorCode;

  constructor(code: ProbeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ProbeError';
    this.code = code;
  }
}
