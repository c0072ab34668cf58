import type { Settings } from '../settings/setting.ts';
import { isOnOrOff } from '../settings/choice.ts';

/**
 * Gives each switch that stands without a value its own, so that yargs does not take the operand behind it for one:
 * `--json report.json` is `--json=true report.json`, and `--json false` stays as it is. Behind `--` there are operands only.
 */
export function spellOutSwitches(args: readonly string[], tables: readonly Settings[]): string[] {
  const switches = new Set(
    tables.flatMap((table) =>
      Object.entries(table).flatMap(([name, { kind }]) => (kind === 'switch' ? [`--${name}`] : [])),
    ),
  );
  const operandsFrom = args.includes('--') ? args.indexOf('--') : args.length;
  return args.map((arg, at) => {
    if (at >= operandsFrom) return arg;
    const next = args[at + 1];
    const hasOperandBehind = next !== undefined && !next.startsWith('--') && !isOnOrOff(next);
    return switches.has(arg) && hasOperandBehind ? `${arg}=true` : arg;
  });
}
