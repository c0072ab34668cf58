import path from 'node:path';
import { parseArgs } from 'node:util';

export const USAGE = `usage: npm run bench -- [options]

  --quick             small sizes and two rounds: about a minute
  --only NAME,…       these workloads, or those whose names begin so; default: all
  --targets NAME,…    these targets, or those whose names begin so, besides direct; default: all that are installed
  --rounds N          rounds; default: 5, with --quick 2
  --minutes N         start no further round of a workload once its share of so many minutes is used up, but run two
                      of each; default: 20
  --json FILE         write all samples there, and what there is after each workload
  --document FILE     write the figures between the marks of a Markdown file; default for a full run of everything:
                      docs/performance.md; none: nowhere
  --pg-bin DIRECTORY  measure this PostgreSQL; default: the embedded one
  --profile DIRECTORY write a CPU profile of pgnetflow there
  --list              name the workloads and targets
  --help
`;

const DOCUMENT = 'docs/performance.md';

export interface Options {
  readonly only: readonly string[];
  readonly targets: readonly string[];
  readonly rounds: number;
  readonly minutes: number;
  /** Of the work of a full run. */
  readonly size: number;
  readonly json: string | null;
  readonly document: string | null;
  readonly pgBin: string | null;
  readonly profile: string | null;
  readonly show: 'usage' | 'list' | null;
}

/** @throws for arguments that are not known */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      targets: { type: 'string', default: '' },
      rounds: { type: 'string' },
      minutes: { type: 'string', default: '20' },
      json: { type: 'string' },
      document: { type: 'string' },
      'pg-bin': { type: 'string' },
      profile: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const rounds = Number(values.rounds ?? (values.quick ? 2 : 5));
  const minutes = Number(values.minutes);
  const isWhole = !values.quick && values.only === '' && values.targets === '';
  const document = values.document ?? (isWhole ? DOCUMENT : 'none');
  if (!(minutes > 0)) throw new Error('--minutes takes a number above 0');
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds takes a number from 1 on');
  return {
    only: names(values.only),
    targets: names(values.targets),
    rounds,
    minutes,
    size: values.quick ? 1 / 10 : 1,
    json: values.json ?? null,
    document: document === 'none' ? null : document,
    pgBin: values['pg-bin'] ?? null,
    profile: values.profile === undefined ? null : path.resolve(values.profile),
    show: values.help ? 'usage' : values.list ? 'list' : null,
  };
}

/**
 * Those that are named in `wanted`, or whose names begin so where nothing is named just that; all of them when nothing
 * is wanted.
 *
 * @throws when a wanted name fits none
 */
export function choose<T extends { readonly name: string }>(
  all: readonly T[],
  wanted: readonly string[],
): readonly T[] {
  for (const start of wanted) {
    if (all.some(({ name }) => name.startsWith(start))) continue;
    throw new Error(`"${start}" is none of: ${all.map(({ name }) => name).join(', ')}`);
  }
  const isMeant = (name: string, start: string): boolean =>
    all.some((one) => one.name === start) ? name === start : name.startsWith(start);
  return wanted.length === 0 ? all : all.filter(({ name }) => wanted.some((start) => isMeant(name, start)));
}

function names(list: string): string[] {
  return list.split(',').filter((name) => name !== '');
}
