import { escapeLine } from '../report/escape.ts';

/** Something that the user wrote is wrong: a flag, a variable, a line of the configuration file. One line. */
export class UsageError extends Error {
  readonly code = 'PGNETFLOW_USAGE';

  constructor(message: string) {
    super(escapeLine(message));
    this.name = 'UsageError';
  }
}
