import type { ArgumentsCamelCase, Argv } from 'yargs';
import { PROXY_FLAGS, readProxySettings } from '../settings/proxy_settings.ts';
import { declareSettings } from './options.ts';

const NAME = 'proxy';

/** `pgnetflow proxy`. */
export function proxyCommand() {
  return {
    command: NAME,
    describe: 'Stand between clients and a PostgreSQL server, and keep the books',
    builder: (builder: Argv): Argv =>
      declareSettings(
        builder.usage(
          '$0 proxy --upstream ADDRESS [flags]\n\nPoint clients at --listen instead of the server.',
        ),
        NAME,
        PROXY_FLAGS,
      )
        .example('$0 proxy --upstream 127.0.0.1:5432', 'then: psql -h 127.0.0.1 -p 6432')
        .example('$0 proxy --upstream /var/run/postgresql --live', 'a block per statement, as it ends')
        .example('$0 proxy --upstream db1 --report json', 'for programs')
        .epilogue(
          'Each flag has an environment variable (--max-query-bytes is PGNETFLOW_MAX_QUERY_BYTES) and a key of the ' +
            'same name in the --config file. A flag comes before the variable, the variable before the file.\n' +
            'Signals: SIGINT, SIGTERM: write the report and end; SIGUSR1: write it and go on; SIGHUP: reopen ' +
            'statement log and trace, read certificates again.',
        ),
    handler: async (flags: ArgumentsCamelCase): Promise<void> => {
      const settings = readProxySettings(flags, process.env);
      // Only here: other commands need nothing of it, and who may open few files can open it in two steps.
      const { serve } = await import('../run/serve.ts');
      const { HangDiagnoser } = await import('../backend/diagnose/hang_diagnoser.ts');
      await serve(settings, new HangDiagnoser());
    },
  };
}
