import type { Arguments, Argv, Options } from 'yargs';
import { nearest } from '../settings/nearest.ts';
import type { Setting, Settings } from '../settings/setting.ts';
import { UsageError } from '../settings/usage_error.ts';

/**
 * Declares the flags of a table of settings, and refuses any other.
 *
 * @param operands names of what the command takes besides flags
 */
export function declareSettings(
  builder: Argv,
  command: string,
  settings: Settings,
  operands: readonly string[] = [],
): Argv {
  for (const [name, setting] of Object.entries(settings)) builder.option(name, option(setting));
  return builder.check((argv) => refuseUnknown(argv, command, Object.keys(settings), operands), false);
}

function option(setting: Setting<unknown>): Options {
  const { kind, group, unit } = setting;
  const withUnit = ['bytes', 'seconds', 'statements', 'sessions', 'rows'].includes(unit) ? ` ${unit}` : '';
  const isSwitch = kind === 'switch';
  return {
    group: `${group}:`,
    describe: kind === 'required' ? `${setting.describe} (required)` : setting.describe,
    // Not yargs's boolean: that takes --live=yes for false.
    ...(!isSwitch && { requiresArg: true }),
    // Not yargs's own default: that would look like a flag that was given.
    ...(setting.default !== null && !isSwitch && { defaultDescription: `${setting.default}${withUnit}` }),
  };
}

function refuseUnknown(
  argv: Arguments,
  command: string,
  names: readonly string[],
  operands: readonly string[],
): true {
  const known = [...names, 'help', 'version'];
  const explained = `pgnetflow ${command} --help lists the flags`;
  for (const name of Object.keys(argv)) {
    if (name === '_' || name === '$0' || known.includes(name)) continue;
    const meant = nearest(name, known);
    const dashes = name.length === 1 ? '-' : '--';
    throw new UsageError(
      `unknown flag ${dashes}${name}; ${meant === null ? explained : `did you mean --${meant}?`}`,
    );
  }
  const extra = argv._[command.split(' ').length + operands.length];
  if (extra !== undefined) {
    const takes = operands.length === 0 ? 'flags only' : `${operands.join(' ')} and flags`;
    throw new UsageError(`unexpected "${extra}": ${command} takes ${takes}; ${explained}`);
  }
  return true;
}
