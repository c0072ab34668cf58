import path from 'node:path';
import { parseArgs } from 'node:util';

export const USAGE = `usage: npm run bench -- [options]

  --quick             small sizes and two rounds: about a minute
  --only NAME,…       workloads whose names begin so; default: all
  --targets NAME,…    targets whose names begin so, besides direct; default: all that are installed
  --rounds N          rounds; default: 6, with --quick 2
  --json FILE         write all samples there
  --pg-bin DIRECTORY  measure this PostgreSQL; default: the embedded one
  --profile DIRECTORY write a CPU profile of pgnetflow there
  --list              name the workloads and targets
  --help
`;

export interface Options {
  readonly only: readonly string[];
  readonly targets: readonly string[];
  readonly rounds: number;
  /** Of the work of a full run. */
  readonly size: number;
  readonly json: string | null;
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
      json: { type: 'string' },
      'pg-bin': { type: 'string' },
      profile: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const rounds = Number(values.rounds ?? (values.quick ? 2 : 6));
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds takes a number from 1 on');
  return {
    only: names(values.only),
    targets: names(values.targets),
    rounds,
    size: values.quick ? 1 / 10 : 1,
    json: values.json ?? null,
    pgBin: values['pg-bin'] ?? null,
    profile: values.profile === undefined ? null : path.resolve(values.profile),
    show: values.help ? 'usage' : values.list ? 'list' : null,
  };
}

/**
 * Those whose names begin with one of `wanted`; all of them when nothing is wanted.
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
  return wanted.length === 0 ? all : all.filter(({ name }) => wanted.some((start) => name.startsWith(start)));
}

function names(list: string): string[] {
  return list.split(',').filter((name) => name !== '');
}
