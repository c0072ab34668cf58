import type { ArgumentsCamelCase, Argv } from 'yargs';
import { spaceNeeded } from '../demo/space.ts';
import { formatBytes } from '../report/units.ts';
import { DEMO_SETTINGS, readDemoSettings } from '../settings/demo_settings.ts';
import { declareSettings } from './options.ts';

const NAME = 'demo';

/** `pgnetflow demo`. */
export function demoCommand() {
  return {
    command: NAME,
    describe: 'Show the figures of a small experiment with a throw-away PostgreSQL',
    builder: (builder: Argv): Argv =>
      declareSettings(
        builder.usage(
          '$0 demo [flags]\n\nStarts a throw-away PostgreSQL and a proxy before it, fills a table, copies it into ' +
            'itself twice and to nowhere once, and reports what moved. Leaves nothing behind.',
        ),
        NAME,
        DEMO_SETTINGS,
      )
        .example('$0 demo', 'the whole of it, in less than a minute')
        .example('$0 demo --rows 10000', 'in a few seconds')
        .example('$0 demo --report json > demo.json', 'for programs')
        .epilogue(
          `Disk space in the temporary directory (TMPDIR): ${formatBytes(spaceNeeded(1_000_000))} for 1000000 rows, ` +
            `${formatBytes(spaceNeeded(10_000_000))} for ten times as many; given back at the end.\n` +
            'Each flag has an environment variable (--rows is PGNETFLOW_ROWS). Ctrl-C ends it at any time.',
        ),
    handler: async (flags: ArgumentsCamelCase): Promise<void> => {
      const settings = readDemoSettings(flags, process.env);
      // Only here: no other command needs the client library that this brings in.
      const { demo } = await import('../demo/run.ts');
      await demo(settings);
    },
  };
}
