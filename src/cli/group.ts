import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { UsageError } from '../settings/usage_error.ts';

/** What a command of one file is. */
export interface Command {
  readonly command: string;
  readonly describe: string;
  readonly builder: (builder: Argv) => Argv;
  readonly handler: (flags: ArgumentsCamelCase) => Promise<void>;
}

/** A command that is nothing without one of its own: `trace` with `trace fsync`. */
export function group(
  name: string,
  describe: string,
  only: Command,
): CommandModule & { readonly command: string } {
  return {
    command: name,
    describe,
    builder: (builder: Argv): Argv =>
      builder.command({ ...only }).command(
        '$0',
        false,
        (rest) => rest,
        ({ _: [, given] }) => {
          const problem = given === undefined ? `${name} what?` : `unknown ${name} "${given}";`;
          throw new UsageError(
            `${problem} give pgnetflow ${name} ${only.command} (pgnetflow ${name} ${only.command} --help explains)`,
          );
        },
      ),
    handler: (): void => undefined,
  };
}
