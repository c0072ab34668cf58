import yargs, { type Argv } from 'yargs';
import { packageVersion } from '../package_version.ts';
import { describeError } from '../run/describe_error.ts';
import { BENCH_COPY_SETTINGS } from '../settings/bench_copy_settings.ts';
import { CROSSCHECK_SETTINGS } from '../settings/crosscheck_settings.ts';
import { DEMO_SETTINGS } from '../settings/demo_settings.ts';
import { DIAGNOSE_SETTINGS } from '../settings/diagnose_settings.ts';
import { nearest } from '../settings/nearest.ts';
import { PROBE_SETTINGS } from '../settings/probe_settings.ts';
import { PROXY_SETTINGS } from '../settings/proxy_settings.ts';
import { TRACE_SETTINGS } from '../settings/trace_settings.ts';
import { UsageError } from '../settings/usage_error.ts';
import { benchCommand } from './bench.ts';
import { crosscheckCommand } from './crosscheck.ts';
import { demoCommand } from './demo.ts';
import { diagnoseCommand } from './diagnose.ts';
import { probeCommand } from './probe.ts';
import { proxyCommand } from './proxy.ts';
import { spellOutSwitches } from './switches.ts';
import { traceCommand } from './trace.ts';

const TABLES = [
  PROXY_SETTINGS,
  PROBE_SETTINGS,
  DIAGNOSE_SETTINGS,
  DEMO_SETTINGS,
  BENCH_COPY_SETTINGS,
  TRACE_SETTINGS,
  CROSSCHECK_SETTINGS,
];

const FINE = 0;
const FAILED = 1;
const WRONG_USAGE = 2;

/** Help is no wider. */
const MAX_WIDTH = 110;

/** Runs a command line and resolves with the exit status; what went wrong is one line on standard error. */
export async function runProgram(args: readonly string[]): Promise<number> {
  // A reader that has gone (`| head`) is no error; whoever writes what matters sees the error itself.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  try {
    await commandLine(spellOutSwitches(args, TABLES)).parseAsync();
    return FINE;
  } catch (error) {
    const problem = asUsageError(error) ?? error;
    process.stderr.write(`pgnetflow: ${describeError(problem)}\n`);
    return problem instanceof UsageError ? WRONG_USAGE : FAILED;
  }
}

function commandLine(args: readonly string[]): Argv {
  // One file per command; a new one is entered here.
  const commands = [
    proxyCommand(),
    probeCommand(),
    diagnoseCommand(),
    demoCommand(),
    benchCommand(),
    traceCommand(),
    crosscheckCommand(),
  ];
  const names = commands.map(({ command }) => command);
  const program = yargs([...args])
    .scriptName('pgnetflow')
    .usage('$0 COMMAND\n\nKeeps the books of the network between PostgreSQL clients and servers.')
    .locale('en')
    .parserConfiguration({
      // Values stay as they were written, names as they are documented.
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'strip-aliased': true,
      // --no-stack is a flag of its own.
      'boolean-negation': false,
    })
    .command(
      '$0',
      false,
      (builder) => builder,
      ({ _: [given] }) => {
        throw new UsageError(commandProblem(given, names));
      },
    );
  for (const command of commands) program.command(command);
  return program
    .epilogue('pgnetflow COMMAND --help explains the command. Exit status: 0 fine, 1 failed, 2 wrong usage.')
    .version(packageVersion())
    .help()
    .wrap(Math.min(process.stdout.columns ?? MAX_WIDTH, MAX_WIDTH))
    .exitProcess(false)
    .fail(false);
}

/** What yargs itself finds wrong, in our words. */
function asUsageError(error: unknown): UsageError | null {
  if (!(error instanceof Error) || error.name !== 'YError') return null;
  return new UsageError(
    error.message.replace(/^Not enough arguments following: (\S+)$/, '--$1: has no value'),
  );
}

function commandProblem(given: string | number | undefined, names: readonly string[]): string {
  if (given === undefined) return `no command; give ${names.join(' or ')} (pgnetflow --help explains)`;
  const meant = nearest(String(given), names);
  return `unknown command "${given}"; ${meant === null ? 'pgnetflow --help lists them' : `did you mean ${meant}?`}`;
}
