import type { ArgumentsCamelCase, Argv } from 'yargs';
import { CROSSCHECK_SETTINGS, readCrosscheckSettings } from '../settings/crosscheck_settings.ts';
import { declareSettings } from './options.ts';

const NAME = 'crosscheck';

/** `pgnetflow crosscheck`. */
export function crosscheckCommand() {
  return {
    command: NAME,
    describe: "Compare a report with the kernel's own count",
    builder: (builder: Argv): Argv =>
      declareSettings(
        builder.usage(
          '$0 crosscheck REPORT.json PROBE.ndjson [flags]\n\nREPORT.json is what pgnetflow proxy --report json wrote, ' +
            'PROBE.ndjson what pgnetflow probe wrote meanwhile; - is standard input, for one of them.',
        ),
        NAME,
        CROSSCHECK_SETTINGS,
        ['REPORT.json', 'PROBE.ndjson'],
      )
        .example('$0 crosscheck report.json probe.ndjson', 'a line per session, and the certificate')
        .example('zstd -dc probe.zst | $0 crosscheck report.json - --json', 'the report, for programs')
        .epilogue(
          'Exit status: 0 no session is a mismatch, 1 one is (with --strict: or could not be compared), or something failed, 2 wrong usage.',
        ),
    handler: async (flags: ArgumentsCamelCase): Promise<void> => {
      const settings = readCrosscheckSettings(flags, process.env);
      // Only here: no other command needs what this brings in.
      const { crosscheck } = await import('../run/crosscheck.ts');
      await crosscheck(settings);
    },
  };
}
