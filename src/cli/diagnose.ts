import type { ArgumentsCamelCase, Argv } from 'yargs';
import { DIAGNOSE_SETTINGS, readDiagnoseSettings } from '../settings/diagnose_settings.ts';
import { declareSettings } from './options.ts';

const NAME = 'diagnose';

/** `pgnetflow diagnose`. */
export function diagnoseCommand() {
  return {
    command: NAME,
    describe: 'Say why a PostgreSQL backend on this host does not react',
    builder: (builder: Argv): Argv =>
      declareSettings(
        builder.usage(
          '$0 diagnose PID [flags]\n$0 diagnose --session ID --report FILE [flags]\n\n' +
            'Looks at a backend from outside (/proc, ss, eu-stack or gdb, and the server itself if told where it ' +
            'is), and says in one sentence what it waits for, and what to do. PID is as in pg_stat_activity.',
        ),
        NAME,
        DIAGNOSE_SETTINGS,
        ['PID'],
      )
        .example('sudo $0 diagnose 4242', 'root may look at everything')
        .example('PGHOST=/var/run/postgresql $0 diagnose 4242', 'wait event, query and blockers as well')
        .epilogue(
          'Nothing is changed in the backend; what could not be found out is listed with the reason. Exit status: 0 with a verdict, 1 when the ' +
            'process could not be looked at, 2 wrong usage. docs/diagnose.md explains the verdicts.',
        ),
    handler: async (flags: ArgumentsCamelCase): Promise<void> => {
      const settings = readDiagnoseSettings(flags);
      // Only here: no other command looks at backends by itself.
      const { runDiagnose } = await import('../backend/diagnose/run.ts');
      await runDiagnose(settings, process.env);
    },
  };
}
