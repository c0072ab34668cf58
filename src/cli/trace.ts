import type { ArgumentsCamelCase, Argv } from 'yargs';
import { readTraceSettings, TRACE_SETTINGS } from '../settings/trace_settings.ts';
import { type Command, group } from './group.ts';
import { declareSettings } from './options.ts';

const NAME = 'trace';
const WHAT = 'fsync';

/** `pgnetflow trace fsync`. */
export function traceCommand() {
  return group(NAME, 'Trace the fsyncs of PostgreSQL processes, by statement (trace fsync)', fsyncCommand());
}

function fsyncCommand(): Command {
  return {
    command: WHAT,
    describe: 'fsyncs, opens and SLRU page writes, each booked to a statement',
    builder: (builder: Argv): Argv =>
      declareSettings(
        builder.usage(
          `$0 ${NAME} ${WHAT} --pid PID | --session ID | --all [flags]\n\nWhich statement, and which process, ` +
            'waits for fsync, opens files and writes pages of the commit log and the other SLRUs. Needs root and ' +
            'bpftrace; docs/trace_fsync.md explains each figure.',
        ),
        `${NAME} ${WHAT}`,
        TRACE_SETTINGS,
      )
        .example(`$0 ${NAME} ${WHAT} --all`, 'all processes of the only server here, until Ctrl-C')
        .example(`$0 ${NAME} ${WHAT} --pid 4711 --duration 10`, 'one backend, for ten seconds')
        .example(`$0 ${NAME} ${WHAT} --session 7 --statement-log FILE`, "a backend by the proxy's session"),
    handler: async (flags: ArgumentsCamelCase): Promise<void> => {
      const settings = readTraceSettings(flags);
      // Only here: no other command of this kind needs the client library that this brings in.
      const { traceFsync } = await import('../backend/trace/run.ts');
      await traceFsync(settings);
    },
  };
}
