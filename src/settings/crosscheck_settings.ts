import { onOrOff } from './choice.ts';
import { resolveSettings, type Sources } from './resolve.ts';
import { setting, type Settings, type Values } from './setting.ts';
import { UsageError } from './usage_error.ts';

/** The flags of `pgnetflow crosscheck`. */
export const CROSSCHECK_SETTINGS = {
  json: setting('switch', {
    group: 'Results',
    placeholder: '',
    unit: 'none',
    describe: "Print the report as JSON, with the kernel's part filled in",
    default: 'false',
    parse: onOrOff,
  }),
  strict: setting('switch', {
    group: 'Results',
    placeholder: '',
    unit: 'none',
    describe: 'Fail unless each session, and at least one, is ok or explained',
    default: 'false',
    parse: onOrOff,
  }),
} as const satisfies Settings;

export interface CrosscheckSettings extends Values<typeof CROSSCHECK_SETTINGS> {
  /** Paths; `-` is standard input. */
  readonly report: string;
  readonly probe: string;
}

/** @throws {UsageError} naming what is wrong */
export function readCrosscheckSettings(
  flags: Sources['flags'] & { readonly _: readonly (string | number)[] },
  environment: Sources['environment'],
): CrosscheckSettings {
  const [, report, probe] = flags._;
  const usage = 'give it as pgnetflow crosscheck REPORT.json PROBE.ndjson';
  if (report === undefined) throw new UsageError(`no report is named; ${usage}`);
  if (probe === undefined) throw new UsageError(`no recording of pgnetflow probe is named; ${usage}`);
  if (report === '-' && probe === '-')
    throw new UsageError('only one of REPORT.json and PROBE.ndjson can be standard input');
  const { json, strict } = resolveSettings(CROSSCHECK_SETTINGS, { flags, environment, config: null });
  return { report: String(report), probe: String(probe), json, strict };
}
