import fc from 'fast-check';
import { client as c, server as s } from './messages.ts';
import { C, type Expected, type Line, S, type Story } from './story.ts';

/** Writes a story act by act; hands out the sequence numbers of its statements. */
class Author {
  readonly lines: Line[] = [];
  readonly statements: Expected[] = [];
  /** Prepared statements by name. */
  readonly prepared = new Map<string, string>();

  begin(expected: Expected): number {
    this.statements.push(expected);
    return this.statements.length;
  }

  add(...lines: Line[]): void {
    this.lines.push(...lines);
  }
}

type Act = (author: Author) => void;
type Mutable = { -readonly [Field in keyof Expected]: Expected[Field] };

const rows = fc.array(fc.string({ maxLength: 12 }), { maxLength: 6 });
const sql = fc.string({ maxLength: 30 }).map((text) => `select ${text.replaceAll('\0', '')}`);
const sqlstate = fc.constantFrom('22012', '42601', '57014', '40001');
const outcomeOf = (state: string): 'cancelled' | 'error' => (state === '57014' ? 'cancelled' : 'error');

const simpleQuery = fc
  .tuple(sql, fc.array(rows, { minLength: 1, maxLength: 3 }), fc.option(sqlstate))
  .map(([query, parts, failure]): Act => (author) => {
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
    if (failure !== null) author.add(S(seq, s.error(failure)));
    author.add(S(seq, s.ready()));
  });

/** One execution within a pipeline. */
interface Execution {
  readonly query: string;
  readonly rows: readonly string[];
  readonly describe: boolean;
  readonly close: boolean;
  readonly name: string;
}

const execution: fc.Arbitrary<Execution> = fc.record({
  query: sql,
  rows,
  describe: fc.boolean(),
  close: fc.boolean(),
  name: fc.constantFrom('', '', 'a', 'b'),
});

/** Requests of an execution and the replies to them, one for one; a reply may be several messages. */
function executionLines(author: Author, seq: number, e: Execution): { request: Line; replies: Line[] }[] {
  const steps = [{ request: C(seq, c.parse(e.name, e.query)), replies: [S(seq, s.parseComplete())] }];
  // The server refuses to redefine a name, so a name is closed before it is used again.
  if (e.name !== '' && author.prepared.has(e.name)) {
    steps.unshift({
      request: C('control', c.close('S', e.name)),
      replies: [S('control', s.closeComplete())],
    });
  }
  steps.push({ request: C(seq, c.bind('', e.name)), replies: [S(seq, s.bindComplete())] });
  if (e.describe) steps.push({ request: C(seq, c.describe('P')), replies: [S(seq, s.rowDescription())] });
  steps.push({
    request: C(seq, c.execute()),
    replies: [...e.rows.map((row) => S(seq, s.dataRow(row))), S(seq, s.complete(`SELECT ${e.rows.length}`))],
  });
  if (e.close) steps.push({ request: C(seq, c.close('P')), replies: [S(seq, s.closeComplete())] });
  return steps;
}

const pipeline = fc
  .tuple(fc.array(execution, { minLength: 1, maxLength: 7 }), fc.option(fc.nat(200)), sqlstate)
  .map(([executions, failAt, state]): Act => (author) => {
    const steps: { request: Line; replies: Line[]; execution: Mutable }[] = [];
    for (const e of executions) {
      const expected: Mutable = {
        kind: 'execute',
        query: e.query,
        rows: e.rows.length,
        outcome: 'ok',
      };
      const seq = author.begin(expected);
      for (const step of executionLines(author, seq, e)) steps.push({ ...step, execution: expected });
      if (e.name !== '') author.prepared.set(e.name, e.query);
    }
    const fails = failAt !== null && failAt < steps.length ? failAt : -1;
    author.add(
      ...steps.map(({ request }) => request),
      C(executions.length === 0 ? 'control' : author.statements.length, c.sync()),
    );
    const answered = fails < 0 ? steps : steps.slice(0, fails);
    author.add(...answered.flatMap(({ replies }) => replies));
    if (fails >= 0) {
      const failed = steps[fails]!;
      author.add(S(failed.request.owner, s.error(state)));
      settleFailure(steps, fails, state);
      // Names that were defined behind the error are not; the next pipeline starts with names of its own.
      author.prepared.clear();
    }
    author.add(S(author.statements.length, s.ready()));
  });

/** What the statements of a pipeline look like after a failure of one of its steps. */
function settleFailure(
  steps: readonly { request: Line; replies: Line[]; execution: Mutable }[],
  fails: number,
  state: string,
): void {
  const { owner } = steps[fails]!.request;
  for (const [index, step] of steps.entries()) {
    const expected = step.execution;
    const executed = steps.some(
      (other, at) =>
        at < fails &&
        other.execution === step.execution &&
        other.replies.length > 0 &&
        isExecute(other.request),
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

const copyOut = rows.map((data): Act => (author) => {
  const tag = `COPY ${data.length}`;
  const seq = author.begin({ kind: 'copy_out', tag, rows: data.length, outcome: 'ok' });
  author.add(
    C(seq, c.query('copy t to stdout')),
    S(seq, s.copyOut()),
    ...data.map((row) => S(seq, s.copyData(row))),
  );
  author.add(S(seq, s.copyDone()), S(seq, s.complete(tag)), S(seq, s.ready()));
});

const copyIn = fc.tuple(rows, fc.boolean(), fc.boolean()).map(([data, extended, fail]): Act => (author) => {
  const seq = author.begin({ kind: 'copy_in', outcome: fail ? 'cancelled' : 'ok' });
  if (extended) {
    author.add(
      C(seq, c.parse('', 'copy t from stdin')),
      C(seq, c.bind('', '')),
      C(seq, c.execute()),
      C(seq, c.sync()),
    );
    author.add(S(seq, s.parseComplete()), S(seq, s.bindComplete()));
  } else {
    author.add(C(seq, c.query('copy t from stdin')));
  }
  author.add(S(seq, s.copyIn()), ...data.map((row) => C(seq, c.copyData(row))));
  author.add(C(seq, fail ? c.copyFail('no') : c.copyDone()));
  if (extended) author.add(C(seq, c.sync()));
  author.add(S(seq, fail ? s.error('57014') : s.complete(`COPY ${data.length}`)), S(seq, s.ready()));
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
      S(prepare, s.ready()),
    );
    for (let turn = 0; turn < times; turn += 1) {
      const seq = author.begin({ kind: 'execute', query, outcome: 'ok', fetches: 1 });
      author.add(C(seq, c.bind('', name)), C(seq, c.execute()), C(seq, c.sync()));
      author.add(S(seq, s.bindComplete()), S(seq, s.complete('INSERT 0 1')), S(seq, s.ready()));
    }
  });

const fetches = fc.integer({ min: 1, max: 4 }).map((pieces): Act => (author) => {
  const seq = author.begin({ kind: 'execute', fetches: pieces + 1, outcome: 'ok', tag: 'SELECT 1' });
  author.add(
    C(seq, c.parse('', 'select')),
    C(seq, c.bind('f', '')),
    S(seq, s.parseComplete()),
    S(seq, s.bindComplete()),
  );
  for (let piece = 0; piece < pieces; piece += 1) {
    author.add(C(seq, c.execute('f', 1)), C(seq, c.sync()));
    author.add(S(seq, s.dataRow(`${piece}`)), S(seq, s.suspended()), S(seq, s.ready('T')));
  }
  author.add(C(seq, c.execute('f', 1)), C(seq, c.sync()), S(seq, s.complete('SELECT 1')), S(seq, s.ready()));
});

const functionCall = fc.boolean().map((fail): Act => (author) => {
  const seq = author.begin({ kind: 'function', query: null, outcome: fail ? 'error' : 'ok' });
  author.add(
    C(seq, c.functionCall(957)),
    S(seq, fail ? s.error('42883') : s.functionResult()),
    S(seq, s.ready()),
  );
});

const syncAlone = fc.constant<Act>((author) => {
  author.add(C('control', c.sync()), S('control', s.ready()));
});

/** Valid conversations of any length, each message with its owner; replies may lag behind in all of them. */
export const randomStory: fc.Arbitrary<Story> = fc
  .array(
    fc.oneof(simpleQuery, pipeline, copyOut, copyIn, prepareThenExecute, fetches, functionCall, syncAlone),
    { minLength: 1, maxLength: 12 },
  )
  .map((acts) => {
    const author = new Author();
    for (const act of acts) act(author);
    return {
      name: 'a random story',
      lines: author.lines,
      statements: author.statements,
      repliesMayLag: true,
    };
  });
