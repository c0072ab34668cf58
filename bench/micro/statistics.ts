/**
 * What the cumulative statistics cost for each statement that ends. A text that was seen before costs one look-up and
 * the adding up; a text that is new, as every one of a client that writes its constants into the SQL, is normalized
 * first; and past the limit new fingerprints fold others away.
 *
 * Run: npm run build && node dist/bench/micro/statistics.js
 */
import { normalize } from '../../src/account/normalize.ts';
import { DEFAULT_MAX_FINGERPRINTS, StatementStatistics } from '../../src/account/statistics.ts';
import { Statement } from '../../src/session/statement.ts';

const ROUNDS = 7;
const PER_ROUND = 100_000;

const select = (id: number): string => `SELECT abalance FROM pgbench_accounts WHERE aid = ${id};`;
const insert = (id: number): string =>
  `INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (7, 1, ${id}, -5, CURRENT_TIMESTAMP);`;

/** As it comes off the wire. */
function text(sql: string): string {
  return Buffer.from(sql).toString();
}

function statement(sql: string, spread: number): Statement {
  const finished = new Statement(1, 'query', { text: sql, bytes: sql.length, truncated: false });
  finished.R.bytes = sql.length + 6;
  finished.R.firstAt = 1000;
  finished.R.lastAt = 1000;
  finished.S.bytes = 61 + spread;
  finished.S.firstAt = 1000.1;
  finished.S.lastAt = 1000.1 + spread / 1000;
  finished.endedAt = 1000.2 + spread / 1000;
  finished.outcome = 'ok';
  return finished;
}

/** Nanoseconds of CPU time, garbage collection included, of one operation in the median round. */
function measure(prepare: (round: number) => () => void): number {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const run = prepare(round);
    const start = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(start);
    times.push(((user + system) * 1000) / PER_ROUND);
  }
  return times.toSorted((a, b) => a - b)[ROUNDS >> 1]!;
}

function recording(sqlOf: (index: number) => string, spreadOf: (index: number) => number): number {
  const statistics = new StatementStatistics({ maxFingerprints: DEFAULT_MAX_FINGERPRINTS }, 1);
  return measure((round) => {
    const statements = Array.from({ length: PER_ROUND }, (_, index) => {
      const number = round * PER_ROUND + index;
      return statement(sqlOf(number), spreadOf(number));
    });
    return () => {
      for (const one of statements) statistics.record(one);
    };
  });
}

function normalizing(sqlOf: (index: number) => string): number {
  return measure((round) => {
    const texts = Array.from({ length: PER_ROUND }, (_, index) => text(sqlOf(round * PER_ROUND + index)));
    return () => {
      let length = 0;
      for (const sql of texts) length += normalize(sql).length;
      if (length === 0) throw new Error('nothing was normalized');
    };
  });
}

const repeated = text(select(4711));
const several = Array.from({ length: 97 }, (_, index) => text(`${select(index)} -- ${index}`));
const cases: readonly (readonly [string, number])[] = [
  [`normalize a SELECT of ${select(100_000).length} characters`, normalizing(select)],
  [`normalize an INSERT of ${insert(100_000).length} characters`, normalizing(insert)],
  [
    'record: the same text, the same figures',
    recording(
      () => repeated,
      () => 0,
    ),
  ],
  [
    'record: the same text, other figures',
    recording(
      () => repeated,
      (index) => index % 1009,
    ),
  ],
  [
    'record: 97 texts in turn, other figures',
    recording(
      (index) => several[index % 97]!,
      (index) => index % 1009,
    ),
  ],
  [
    'record: a new text each time, a SELECT',
    recording(
      (index) => text(select(index)),
      (index) => index % 1009,
    ),
  ],
  [
    'record: a new text each time, an INSERT',
    recording(
      (index) => text(insert(index)),
      (index) => index % 1009,
    ),
  ],
  [
    'record: a new fingerprint each time, past the limit',
    recording(
      (index) => text(`select column_${index} from t`),
      (index) => index % 1009,
    ),
  ],
];

process.stdout.write(`CPU time, median of ${ROUNDS} rounds of ${PER_ROUND}, Node ${process.version}\n`);
for (const [name, ns] of cases) process.stdout.write(`${name.padEnd(56)} ${ns.toFixed(0).padStart(6)} ns\n`);
