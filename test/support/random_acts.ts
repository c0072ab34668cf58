// The acts that random conversations are made of: each adds messages with their owners to a story.
import fc from 'fast-check';
import { client as c, server as s } from './messages.ts';
import { C, type Expected, type Line, type OwnerName, S } from './story.ts';

/** Writes a story act by act; hands out the sequence numbers of its statements. */
export class Author {
  readonly lines: Line[] = [];
  readonly statements: Expected[] = [];
  /** Prepared statements by name. */
  readonly prepared = new Map<string, string>();
  /** Within one, nothing fails: an error would close the portals that are still to be fetched from. */
  inTransaction = false;

  begin(expected: Expected): number {
    this.statements.push(expected);
    return this.statements.length;
  }

  add(...lines: Line[]): void {
    this.lines.push(...lines);
  }

  ready(owner: OwnerName): Line {
    return S(owner, s.ready(this.inTransaction ? 'T' : 'I'));
  }
}

export type Act = (author: Author) => void;
type Mutable = { -readonly [Field in keyof Expected]: Expected[Field] };

const rows = fc.array(fc.string({ maxLength: 12 }), { maxLength: 6 });
const sql = fc.string({ maxLength: 30 }).map((text) => `select ${text.replaceAll('\0', '')}`);
const sqlstate = fc.constantFrom('22012', '42601', '57014', '40001');
/** More than is looked at of an error's body. */
const LONG = 'it failed. '.repeat(150);
const errorOf = (state: string): Buffer => s.error(state, 'ERROR', state === '40001' ? LONG : 'it failed');
const outcomeOf = (state: string): 'cancelled' | 'error' => (state === '57014' ? 'cancelled' : 'error');

const simpleQuery = fc
  .tuple(sql, fc.array(rows, { minLength: 1, maxLength: 3 }), fc.option(sqlstate))
  .map(([query, parts, state]): Act => (author) => {
    const failure = author.inTransaction ? null : state;
    const last = `SELECT ${parts.at(-1)!.length}`;
    const seq = author.begin({
      kind: 'query',
      query,
      completions: parts.length,
      tag: last,
      outcome: failure === null ? 'ok' : outcomeOf(failure),
    });
    author.add(C(seq, c.query(query)));
    for (const part of parts) {
      author.add(S(seq, s.rowDescription()), ...part.map((row) => S(seq, s.dataRow(row))));
      author.add(S(seq, s.complete(`SELECT ${part.length}`)));
    }
    if (failure !== null) author.add(S(seq, errorOf(failure)));
    author.add(author.ready(seq));
  });

/** One execution within a pipeline. */
interface Execution {
  readonly query: string;
  readonly rows: readonly string[];
  readonly describe: 'portal' | 'statement' | 'nothing';
  readonly close: boolean;
  readonly flush: boolean;
  readonly empty: boolean;
  readonly name: string;
  readonly portal: string;
}

const execution: fc.Arbitrary<Execution> = fc.record({
  query: sql,
  rows,
  describe: fc.constantFrom('portal', 'statement', 'nothing'),
  close: fc.boolean(),
  flush: fc.boolean(),
  empty: fc.boolean(),
  name: fc.constantFrom('', '', 'a', 'b'),
  portal: fc.constantFrom('', '', 'p'),
});

/** A request and the replies to it; `execution` is what its statement must look like. */
interface Step {
  readonly request: Line;
  readonly replies: Line[];
  readonly execution: Mutable;
}

/** The steps of an execution. */
function executionSteps(author: Author, seq: number, e: Execution, expected: Mutable): Step[] {
  const steps: Step[] = [];
  const step = (owner: OwnerName, request: Buffer, ...replies: Buffer[]): void => {
    steps.push({
      request: C(owner, request),
      replies: replies.map((reply) => S(owner, reply)),
      execution: expected,
    });
  };
  step(seq, c.parse(e.name, e.query), s.parseComplete());
  // The server refuses to redefine a name, so a name is closed before it is used again.
  if (e.name !== '' && author.prepared.has(e.name)) {
    const [parse] = steps.splice(0);
    step('control', c.close('S', e.name), s.closeComplete());
    steps.push(parse!);
  }
  if (e.describe === 'statement') {
    step(seq, c.describe('S', e.name), s.parameterDescription(), s.rowDescription());
  }
  if (e.flush) step(seq, c.flush());
  step(seq, c.bind(e.portal, e.name), s.bindComplete());
  if (e.describe === 'portal') step(seq, c.describe('P', e.portal), s.noData());
  if (e.empty) step(seq, c.execute(e.portal), s.emptyQuery());
  else {
    const data = e.rows.map((row) => s.dataRow(row));
    step(seq, c.execute(e.portal), ...data, s.complete(`SELECT ${e.rows.length}`));
  }
  if (e.flush) step(seq, c.flush());
  if (e.close || e.portal !== '') step(seq, c.close('P', e.portal), s.closeComplete());
  return steps;
}

const pipeline = fc
  .tuple(
    fc.array(execution, { minLength: 1, maxLength: 7 }),
    fc.option(fc.nat(200)),
    sqlstate,
    fc.integer({ min: 0, max: 9 }),
  )
  .map(([executions, failAt, state, deferred]): Act => (author) => {
    const steps: Step[] = [];
    for (const e of executions) {
      const expected: Mutable = {
        kind: 'execute',
        query: e.query,
        rows: e.empty ? null : e.rows.length,
        outcome: 'ok',
      };
      const seq = author.begin(expected);
      steps.push(...executionSteps(author, seq, e, expected));
      if (e.name !== '') author.prepared.set(e.name, e.query);
    }
    const seq = author.statements.length;
    const fails = author.inTransaction || failAt === null ? -1 : failableStep(steps, failAt);
    author.add(...steps.map(({ request }) => request), C(seq, c.sync()));
    const answered = fails < 0 ? steps : steps.slice(0, fails);
    author.add(...answered.flatMap(({ replies }) => replies));
    if (fails >= 0) {
      const failed = steps[fails]!;
      author.add(S(failed.request.owner, errorOf(state)));
      settleFailure(steps, fails, state);
      // Names that were defined behind the error are not; the next pipeline starts with names of its own.
      author.prepared.clear();
    } else if (deferred === 0 && !author.inTransaction) {
      // A deferred constraint fails at the commit that the Sync is.
      author.add(S(seq, errorOf(state)));
      const last = steps.at(-1)!.execution;
      last.outcome = outcomeOf(state);
      last.sqlstate = state;
    }
    author.add(author.ready(seq));
  });

/** A step that is answered, and so can fail; -1 when the number is beyond the pipeline's end. */
function failableStep(steps: readonly Step[], failAt: number): number {
  if (failAt >= steps.length) return -1;
  return steps.findIndex(({ replies }, index) => index >= failAt && replies.length > 0);
}

/** What the statements of a pipeline look like after a failure of one of its steps. */
function settleFailure(steps: readonly Step[], fails: number, state: string): void {
  const { owner } = steps[fails]!.request;
  for (const [index, step] of steps.entries()) {
    const expected = step.execution;
    const executed = steps.some(
      (other, at) => at < fails && other.execution === step.execution && isExecute(other.request),
    );
    if (!executed) delete expected.rows;
    if (index >= fails && !executed) expected.outcome = 'aborted';
    if (step.request.owner === owner && owner !== 'control') {
      expected.outcome = outcomeOf(state);
      expected.sqlstate = state;
    }
  }
}

function isExecute(line: Line): boolean {
  return line.bytes[0] === 0x45;
}

const copyOut = fc
  .tuple(rows, fc.boolean(), fc.option(sqlstate))
  .map(([data, extended, state]): Act => (author) => {
    const failure = author.inTransaction ? null : state;
    const tag = `COPY ${data.length}`;
    const seq = author.begin({
      kind: 'copy_out',
      tag: failure === null ? tag : null,
      outcome: failure === null ? 'ok' : outcomeOf(failure),
    });
    beginCopy(author, seq, 'copy t to stdout', extended);
    if (extended) author.add(C(seq, c.sync()));
    author.add(S(seq, s.copyOut()), ...data.map((row) => S(seq, s.copyData(row))));
    if (failure === null) author.add(S(seq, s.copyDone()), S(seq, s.complete(tag)));
    else author.add(S(seq, errorOf(failure)));
    author.add(author.ready(seq));
  });

function beginCopy(author: Author, seq: number, query: string, extended: boolean): void {
  if (!extended) {
    author.add(C(seq, c.query(query)));
    return;
  }
  author.add(C(seq, c.parse('', query)), C(seq, c.bind('', '')), C(seq, c.execute()));
  author.add(S(seq, s.parseComplete()), S(seq, s.bindComplete()));
}

/** Copy data, with what else is legal between it. */
const copyData = fc
  .array(fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom(null, undefined)), { maxLength: 6 })
  // Ahead of the first data, and of the invitation, nothing tells that a Flush or Sync is meant for a COPY.
  .map((pieces) => (typeof pieces[0] === 'string' ? pieces : ['first', ...pieces]));

/** A string is a CopyData message, null a Flush, undefined a Sync, which gets no answer within a COPY. */
function copyLine(seq: number, data: string | null | undefined): Line {
  if (data === null) return C(seq, c.flush());
  return C(seq, data === undefined ? c.sync() : c.copyData(data));
}

const copyIn = fc
  .tuple(copyData, fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean())
  .map(([data, extended, syncAhead, gaveUp, behindEnd]): Act => (author) => {
    const fail = gaveUp && !author.inTransaction;
    const seq = author.begin({ kind: 'copy_in', outcome: fail ? 'cancelled' : 'ok' });
    beginCopy(author, seq, 'copy t from stdin', extended);
    // Many clients send the Sync with the Execute; it is read within the COPY.
    if (extended && syncAhead) author.add(C(seq, c.sync()));
    author.add(S(seq, s.copyIn()), ...data.map((piece) => copyLine(seq, piece)));
    author.add(C(seq, fail ? c.copyFail('no') : c.copyDone()));
    const outcome = S(seq, fail ? s.error('57014') : s.complete(`COPY ${data.length}`));
    if (extended && behindEnd) author.add(outcome, C(seq, c.sync()));
    else if (extended) author.add(C(seq, c.sync()), outcome);
    else author.add(outcome);
    author.add(author.ready(seq));
  });

/** A COPY that fails at a row while the client goes on sending. */
const copyInFailingAtRow = fc
  .tuple(rows, rows, fc.boolean(), fc.boolean())
  .map(([before, behind, extended, gaveUp]): Act => (author) => {
    if (author.inTransaction) return;
    const seq = author.begin({ kind: 'copy_in', outcome: 'error', sqlstate: '22P02' });
    beginCopy(author, seq, 'copy t from stdin', extended);
    author.add(S(seq, s.copyIn()), C(seq, c.copyData('bad')), ...before.map((row) => copyLine(seq, row)));
    author.add(S(seq, s.error('22P02')));
    if (!extended) author.add(author.ready(seq));
    author.add(...behind.map((row) => copyLine(seq, row)), C(seq, gaveUp ? c.copyFail('x') : c.copyDone()));
    if (extended) author.add(C(seq, c.sync()), author.ready(seq));
  });

/** A COPY that is refused; the client has sent its data without waiting for the invitation. */
const copyInRefused = fc.tuple(rows, fc.boolean()).map(([data, extended]): Act => (author) => {
  if (author.inTransaction) return;
  const seq = author.begin({ outcome: 'error', sqlstate: '42P01' });
  if (extended) author.add(C(seq, c.parse('', 'copy nix')), C(seq, c.bind('', '')), C(seq, c.execute()));
  else author.add(C(seq, c.query('copy nix from stdin')));
  author.add(...data.map((row) => copyLine(seq, row)), C(seq, c.copyDone()));
  if (extended) author.add(C(seq, c.sync()));
  author.add(S(seq, s.error('42P01')), author.ready(seq));
});

/** Several COPYs in one Query, each waiting for its invitation. */
const copiesInOneQuery = fc
  .array(fc.tuple(fc.boolean(), rows), { minLength: 2, maxLength: 4 })
  .map((copies): Act => (author) => {
    const query = copies.map(([into]) => (into ? 'copy t from stdin' : 'copy t to stdout')).join(';');
    const seq = author.begin({ query, outcome: 'ok', completions: copies.length });
    author.add(C(seq, c.query(query)));
    for (const [into, data] of copies) {
      const lines = data.map((row) => (into ? C : S)(seq, into ? c.copyData(row) : s.copyData(row)));
      if (into) author.add(S(seq, s.copyIn()), ...lines, C(seq, c.copyDone()));
      else author.add(S(seq, s.copyOut()), ...lines, S(seq, s.copyDone()));
      author.add(S(seq, s.complete(`COPY ${data.length}`)));
    }
    author.add(author.ready(seq));
  });

/** A COPY FROM STDIN amid a pipeline: other executions before and behind it, one Sync for all. */
const copyInAmidPipeline = rows.map((data): Act => (author) => {
  const first = author.begin({ kind: 'execute', query: 'select 1', outcome: 'ok' });
  author.add(C(first, c.parse('', 'select 1')), C(first, c.bind('', '')), C(first, c.execute()));
  author.add(S(first, s.parseComplete()), S(first, s.bindComplete()), S(first, s.complete('SELECT 0')));
  const copy = author.begin({ kind: 'copy_in', outcome: 'ok' });
  beginCopy(author, copy, 'copy t from stdin', true);
  author.add(C(copy, c.flush()), S(copy, s.copyIn()));
  author.add(...data.map((row) => copyLine(copy, row)), C(copy, c.copyDone()));
  author.add(S(copy, s.complete(`COPY ${data.length}`)));
  const last = author.begin({ kind: 'execute', query: 'select 2', outcome: 'ok' });
  author.add(C(last, c.parse('', 'select 2')), C(last, c.bind('', '')), C(last, c.execute()));
  author.add(C(last, c.sync()));
  author.add(S(last, s.parseComplete()), S(last, s.bindComplete()), S(last, s.complete('SELECT 0')));
  author.add(author.ready(last));
});

/** Replication: either side may end it first. */
const copyBoth = fc.tuple(copyData, rows, fc.boolean()).map(([data, wal, serverFirst]): Act => (author) => {
  if (author.inTransaction) return;
  const seq = author.begin({ kind: 'copy_both', outcome: 'ok', tag: 'START_STREAMING' });
  author.add(C(seq, c.query('START_REPLICATION 0/0')), S(seq, s.copyBoth()));
  for (const piece of data) if (typeof piece === 'string') author.add(C(seq, c.copyData(piece)));
  author.add(...wal.map((piece) => S(seq, s.copyData(piece))));
  const ends = [S(seq, s.copyDone()), C(seq, c.copyDone())];
  author.add(...(serverFirst ? ends : ends.toReversed()));
  author.add(S(seq, s.complete('COPY 0')), S(seq, s.complete('START_STREAMING')), author.ready(seq));
});

const prepareThenExecute = fc
  .tuple(sql, fc.integer({ min: 1, max: 4 }))
  .map(([query, times]): Act => (author) => {
    const prepare = author.begin({ kind: 'prepare', query, outcome: 'ok', fetches: 0 });
    const name = `p${prepare}`;
    author.add(C(prepare, c.parse(name, query)), C(prepare, c.describe('S', name)), C(prepare, c.sync()));
    author.add(
      S(prepare, s.parseComplete()),
      S(prepare, s.parameterDescription()),
      S(prepare, s.noData()),
      author.ready(prepare),
    );
    for (let turn = 0; turn < times; turn += 1) {
      const seq = author.begin({ kind: 'execute', query, outcome: 'ok', fetches: 1 });
      author.add(C(seq, c.bind('', name)), C(seq, c.execute()), C(seq, c.sync()));
      author.add(S(seq, s.bindComplete()), S(seq, s.complete('INSERT 0 1')), author.ready(seq));
    }
  });

const functionCall = fc.boolean().map((failing): Act => (author) => {
  const fail = failing && !author.inTransaction;
  const seq = author.begin({ kind: 'function', query: null, outcome: fail ? 'error' : 'ok' });
  author.add(
    C(seq, c.functionCall(957)),
    S(seq, fail ? s.error('42883') : s.functionResult()),
    author.ready(seq),
  );
});

const syncAlone = fc.constant<Act>((author) => {
  author.add(C('control', c.sync()), author.ready('control'));
});

const simpleActs = fc.oneof(
  simpleQuery,
  pipeline,
  copyOut,
  copyIn,
  copyInFailingAtRow,
  copyInRefused,
  copiesInOneQuery,
  copyInAmidPipeline,
  copyBoth,
  prepareThenExecute,
  functionCall,
  syncAlone,
);

/** A transaction whose portal is fetched from piece by piece, with other acts between, and closed or read to its end. */
const fetches = fc
  .tuple(fc.array(fc.array(simpleActs, { maxLength: 2 }), { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([between, close]): Act => (author) => {
    const command = (query: string, tag: string): void => {
      const seq = author.begin({ kind: 'query', query, tag, outcome: 'ok' });
      author.inTransaction = query === 'begin';
      author.add(C(seq, c.query(query)), S(seq, s.complete(tag)), author.ready(seq));
    };
    command('begin', 'BEGIN');
    const portal = `f${author.statements.length}`;
    const seq = author.begin({ kind: 'execute', fetches: between.length + (close ? 0 : 1), outcome: 'ok' });
    author.add(C(seq, c.parse('', 'select')), C(seq, c.bind(portal, '')));
    author.add(S(seq, s.parseComplete()), S(seq, s.bindComplete()));
    for (const [piece, acts] of between.entries()) {
      author.add(C(seq, c.execute(portal, 1)), C(seq, c.sync()));
      author.add(S(seq, s.dataRow(`${piece}`)), S(seq, s.suspended()), author.ready(seq));
      for (const act of acts) act(author);
    }
    if (close) {
      author.add(C(seq, c.close('P', portal)), C('control', c.sync()));
      author.add(S(seq, s.closeComplete()), author.ready('control'));
    } else {
      author.add(C(seq, c.execute(portal, 1)), C(seq, c.sync()));
      author.add(S(seq, s.complete('SELECT 1')), author.ready(seq));
    }
    command('commit', 'COMMIT');
  });

export const anyAct: fc.Arbitrary<Act> = fc.oneof({ arbitrary: simpleActs, weight: 9 }, fetches);
