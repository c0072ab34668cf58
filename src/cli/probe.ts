import type { ArgumentsCamelCase, Argv } from 'yargs';
import { probe } from '../run/probe.ts';
import { PROBE_SETTINGS, readProbeSettings } from '../settings/probe_settings.ts';
import { declareSettings } from './options.ts';

const NAME = 'probe';

/** `pgnetflow probe`. */
export function probeCommand() {
  return {
    command: NAME,
    describe: 'Let the kernel count what the connections move',
    builder: (builder: Argv): Argv =>
      declareSettings(
        builder.usage(
          '$0 probe [--proxy-port PORT] [--server-port PORT] [--pid PID] [flags]\n\nWrites what the kernel counts on ' +
            "these sockets as one JSON object per line, to standard output or to a proxy's --probe-socket.",
        ),
        NAME,
        PROBE_SETTINGS,
      )
        .example('$0 probe --check', 'what works on this machine')
        // A longer command would be wrapped, and could not be copied.
        .example('sudo $0 probe --server-port 5432 > out.ndjson', 'a server and its clients on this machine')
        .example('sudo $0 probe --pid 4711 --to /run/probe.sock', 'for a running proxy')
        .example('$0 probe --proxy-port 6432 --server-port 5432', 'both legs of a proxy; root sees more')
        .example('$0 probe --method ss --pid 4711 --duration 10', 'without privileges')
        .epilogue(
          'Each flag has an environment variable (--server-port is PGNETFLOW_SERVER_PORT). Records: probes/README.md.\n' +
            'Signals: SIGINT, SIGTERM: write what is pending and end; SIGUSR1: write it and go on.',
        ),
    handler: async (flags: ArgumentsCamelCase): Promise<void> => {
      await probe(readProbeSettings(flags, process.env));
    },
  };
}
