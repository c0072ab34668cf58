/** The measurement could not be finished. The message says why, and what to do. */
export class BenchError extends Error {
  readonly code = 'PGNETFLOW_BENCH';

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BenchError';
  }
}
