// Did a change make a hot piece slower? `npm run bench:compare [-- [BASE] [--only WORD] [--pairs N] [--rounds N]]` builds
// BASE (a commit; default: the last one, or with a clean work tree the one before it) beside the work tree, lets both do
// today's micro-benchmarks in turns, and ends with 1 when one got 10 % worse, beyond the noise.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { hundredths, table, threeDigits } from '../markdown.ts';
import { spread } from '../statistics.ts';
import { judgeAllocation, judgeChange, TOLERANCE } from './judge.ts';
import { loadPieces } from './pieces.ts';
import { Side, SideError } from './side.ts';

/** In the source tree: this file runs from dist/bench/micro. */
const ROOT = path.join(import.meta.dirname, '..', '..', '..');
const CHILD = 'dist/bench/micro/child.js';

/** What both sides said of one piece. */
interface Figures {
  readonly before: number[];
  readonly after: number[];
  readonly allocated: { before: number; after: number };
  /** Why the base could not do it; null when it could. */
  unknown: string | null;
}

process.exitCode = await main();

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'string', default: '' },
      pairs: { type: 'string', default: '5' },
      rounds: { type: 'string', default: '7' },
    },
  });
  const [pairs, rounds] = [Number(values.pairs), Number(values.rounds)];
  const names = (await loadPieces()).map(({ name }) => name).filter((name) => name.includes(values.only));
  if (!(pairs >= 1) || !(rounds >= 1) || names.length === 0 || positionals.length > 1) {
    process.stderr.write('usage: npm run bench:compare -- [BASE] [--only WORD] [--pairs N] [--rounds N]\n');
    return 2;
  }
  const base = git('rev-parse', '--short', `${positionals[0] ?? defaultBase()}^{commit}`);
  const directory = mkdtempSync(path.join(os.tmpdir(), 'pgnetflow-compare-'));
  const tree = path.join(directory, 'base');
  const cleanUp = (): void => {
    git('worktree', 'remove', '--force', tree);
    rmSync(directory, { recursive: true, force: true });
  };
  git('worktree', 'add', '--detach', tree, base);
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const) {
    process.once(signal, () => {
      cleanUp();
      process.exit(128 + number);
    });
  }
  try {
    build(tree);
    const all = new Map(names.map((name): [string, Figures] => [name, noFigures()]));
    for (let pair = 1; pair <= pairs; pair += 1) {
      process.stderr.write(`pair ${pair} of ${pairs}\n`);
      await measurePair(tree, all, rounds);
    }
    return report(base, all);
  } finally {
    cleanUp();
  }
}

/** Compares what is not committed with what is; without such, the last commit with the one before. */
function defaultBase(): string {
  return git('status', '--porcelain') === '' ? 'HEAD~1' : 'HEAD';
}

/** The base's own sources, and the benchmark of today. */
function build(tree: string): void {
  rmSync(path.join(tree, 'bench'), { recursive: true, force: true });
  cpSync(path.join(ROOT, 'bench'), path.join(tree, 'bench'), { recursive: true });
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(tree, 'node_modules'));
  // The base need not know all that today's benchmark imports, as long as the hot pieces are there.
  execFileSync(path.join(ROOT, 'node_modules', '.bin', 'tsc'), ['--noCheck'], {
    cwd: tree,
    stdio: 'inherit',
  });
}

/**
 * Two fresh processes for each piece, so that no single compilation by V8 decides; rounds in turns, so that both meet the
 * same machine.
 */
async function measurePair(tree: string, all: ReadonlyMap<string, Figures>, rounds: number): Promise<void> {
  for (const [piece, figures] of all) {
    const before = new Side(path.join(tree, CHILD));
    const after = new Side(path.join(ROOT, CHILD));
    try {
      for (const side of [before, after]) await side.ask({ piece, what: 'make' });
      for (let round = 0; round < rounds; round += 1) {
        for (const side of round % 2 === 0 ? [before, after] : [after, before]) {
          const list = side === before ? figures.before : figures.after;
          list.push(await side.ask({ piece, what: 'time' }));
        }
      }
      // The least: a compilation in between allocates, too.
      const { allocated } = figures;
      allocated.before = Math.min(allocated.before, await before.ask({ piece, what: 'allocate' }));
      allocated.after = Math.min(allocated.after, await after.ask({ piece, what: 'allocate' }));
    } catch (error) {
      // What today's side cannot do is a failure.
      if (!(error instanceof SideError) || error.side === after) throw error;
      figures.unknown = error.message;
    } finally {
      before.end();
      after.end();
    }
  }
}

/** @returns exit status */
function report(base: string, all: ReadonlyMap<string, Figures>): number {
  let worse = 0;
  let unknown = 0;
  const rows = [...all].map(([name, { before, after, allocated, unknown: reason }]) => {
    if (reason !== null) {
      unknown += 1;
      return [name, '–', '–', '–', '–', '–', `not compared: ${base}: ${reason}`];
    }
    const time = judgeChange(before, after);
    const allocation = judgeAllocation(allocated.before, allocated.after);
    const isWorse = time.verdict === 'worse' || allocation === 'worse';
    if (isWorse) worse += 1;
    return [
      name,
      threeDigits(spread(before)!.median),
      threeDigits(spread(after)!.median),
      hundredths(time.ratio),
      `± ${(time.noise * 100).toFixed(0)} %`,
      `${allocated.before.toFixed(1)} → ${allocated.after.toFixed(1)}`,
      isWorse ? 'WORSE' : time.verdict === 'better' || allocation === 'better' ? 'better' : 'same',
    ];
  });
  const head = ['piece', `ns, ${base}`, 'ns, now', 'ratio', 'noise', 'bytes allocated', 'verdict'];
  const sum =
    `${worse} of ${all.size} got more than ${TOLERANCE * 100} % worse beyond the noise` +
    (unknown === 0 ? '.' : `; ${unknown} could not be compared.`);
  process.stdout.write(`${table(head, rows)}\n\nCPU time and memory per message, in turns. ${sum}\n`);
  return worse > 0 ? 1 : 0;
}

function noFigures(): Figures {
  return { before: [], after: [], allocated: { before: Infinity, after: Infinity }, unknown: null };
}

function git(...args: readonly string[]): string {
  return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}
