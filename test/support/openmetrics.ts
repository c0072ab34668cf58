// Metrics as others read them: Debian's python3-prometheus-client and promtool.
import { existsSync } from 'node:fs';
import { run, succeed } from './programs.ts';

/** Debian's, whatever other Python there is. */
const PYTHON = '/usr/bin/python3';
const PROMTOOL = '/usr/bin/promtool';

export const prometheusClientMissing: string | false =
  !existsSync('/usr/lib/python3/dist-packages/prometheus_client') &&
  "Debian's package python3-prometheus-client is not installed";

export const promtoolMissing: string | false =
  !existsSync(PROMTOOL) && "Debian's package prometheus, with promtool, is not installed";

export interface ParsedFamily {
  readonly name: string;
  readonly type: string;
  readonly unit: string;
  readonly samples: readonly {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
  }[];
}

const PARSE = `
import json, sys
if sys.argv[1] == 'openmetrics':
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
else:
    from prometheus_client.parser import text_string_to_metric_families as parse
print(json.dumps([{'name': f.name, 'type': f.type, 'unit': f.unit, 'samples':
    [{'name': s.name, 'labels': s.labels, 'value': s.value} for s in f.samples]} for f in parse(sys.stdin.read())]))
`;

/** The metrics of a text, as the client library of Prometheus for Python reads it, which is strict. */
export async function parsedByPython(
  text: string,
  format: 'openmetrics' | 'prometheus',
): Promise<ParsedFamily[]> {
  const output = await succeed(PYTHON, ['-c', PARSE, format], {
    env: { LC_ALL: 'C.UTF-8' },
    input: text,
  });
  return JSON.parse(output);
}

/** What promtool finds wrong with a text in Prometheus' format; empty: nothing. */
export async function promtoolProblems(text: string): Promise<string> {
  const { stdout, stderr } = await run(PROMTOOL, ['check', 'metrics'], { env: {}, input: text });
  return `${stdout}${stderr}`;
}

/** The value of one series; undefined if there is none. */
export function valueOf(
  families: readonly ParsedFamily[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const wanted = Object.entries(labels);
  return families
    .flatMap(({ samples }) => samples)
    .find(
      (sample) => sample.name === name && wanted.every(([label, value]) => sample.labels[label] === value),
    )?.value;
}

/** The sum over all series of a name. */
export function sumOf(families: readonly ParsedFamily[], name: string): number {
  return families
    .flatMap(({ samples }) => samples)
    .filter((sample) => sample.name === name)
    .reduce((sum, { value }) => sum + value, 0);
}
