/** The demonstration could not be finished. The message says why, and what to do. */
export class DemoError extends Error {
  readonly code = 'PGNETFLOW_DEMO';

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DemoError';
  }
}
