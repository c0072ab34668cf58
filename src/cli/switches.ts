import type { Settings } from '../settings/setting.ts';
import { isOnOrOff } from '../settings/choice.ts';

/**
 * Gives each switch that stands without a value its own, so that yargs does not take the operand behind it for one:
 * `--json report.json` is `--json=true report.json`, and `--json false` stays as it is.
 */
export function spellOutSwitches(args: readonly string[], tables: readonly Settings[]): string[] {
  const switches = new Set(
    tables.flatMap((table) =>
      Object.entries(table).flatMap(([name, { kind }]) => (kind === 'switch' ? [`--${name}`] : [])),
    ),
  );
  return args.map((arg, at) => {
    const next = args[at + 1];
    const hasOperandBehind = next !== undefined && !next.startsWith('--') && !isOnOrOff(next);
    return switches.has(arg) && hasOperandBehind ? `${arg}=true` : arg;
  });
}
