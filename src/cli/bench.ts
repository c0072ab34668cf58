import type { ArgumentsCamelCase, Argv } from 'yargs';
import { BENCH_COPY_SETTINGS, readBenchCopySettings } from '../settings/bench_copy_settings.ts';
import { type Command, group } from './group.ts';
import { declareSettings } from './options.ts';

const NAME = 'bench';
const WHAT = 'copy';

/** `pgnetflow bench copy`. */
export function benchCommand() {
  return group(
    NAME,
    'What pgnetflow costs before your own server, and who waits for whom (bench copy)',
    copyCommand(),
  );
}

function copyCommand(): Command {
  return {
    command: WHAT,
    describe: 'Copies straight and through a proxy, in turns',
    builder: (builder: Argv): Argv =>
      declareSettings(
        builder.usage(
          '$0 bench copy [flags]\n\nCopies from a server of yours to nowhere, straight and through a proxy of its own in ' +
            'turns, and prints the throughput of both and who waited for whom. Reads only: in read-only transactions.',
        ),
        `${NAME} ${WHAT}`,
        BENCH_COPY_SETTINGS,
      )
        .example(
          '$0 bench copy --connect postgres://me@db1/shop',
          '256 MiB that the server makes up, five times',
        )
        .example('$0 bench copy --query "table orders" --rows 1000000', 'rows of your own')
        .epilogue(
          'Each flag has an environment variable (--rows is PGNETFLOW_ROWS). Client and proxy run on this machine: run it ' +
            'where the clients are, or where the server is, and compare.',
        ),
    handler: async (flags: ArgumentsCamelCase): Promise<void> => {
      const settings = readBenchCopySettings(flags, process.env);
      // Only here: no other command needs the client library that this brings in.
      const { benchCopy } = await import('../bench/copy.ts');
      await benchCopy(settings);
    },
  };
}
