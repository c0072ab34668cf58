import { escapeLine } from '../../report/escape.ts';
import type { Filterable } from '../../report/filter.ts';
import { formatBytes, formatDuration } from '../../report/units.ts';
import type { PageCancel, PageFingerprint, PageSession, SessionSumRecord } from '../page_model.ts';
import { type Content, element } from './dom.ts';
import { flowBar } from './flow_bar.ts';

/** One column of a view. */
export interface Column<Row> {
  readonly name: string;
  /** Its meaning, its unit, and what it means when it rises. */
  readonly help: string;
  /** What rows are ordered by. */
  readonly value: (row: Row) => number | string;
  /** What is shown; the value unless given. `largest` is the largest one-way flow of all rows. */
  readonly cell?: (row: Row, largest: number) => Content;
  readonly className?: string;
}

interface Flows {
  readonly R: { readonly bytes: number };
  readonly S: { readonly bytes: number };
}

export function bothBytes({ R, S }: Flows): number {
  return R.bytes + S.bytes;
}

function text<Row>(name: string, help: string, of: (row: Row) => string | null, className = ''): Column<Row> {
  const shown = (row: Row): string => escapeLine(of(row) ?? '') || '–';
  return { name, help, value: (row) => of(row) ?? '', cell: shown, className };
}

function count<Row>(name: string, help: string, of: (row: Row) => number): Column<Row> {
  return { name, help, value: of, cell: (row) => of(row).toLocaleString('en'), className: 'number' };
}

function time<Row>(name: string, help: string, of: (row: Row) => number | null): Column<Row> {
  const cell = (row: Row): string => {
    const us = of(row);
    return us === null ? '–' : formatDuration(us);
  };
  return { name, help, value: (row) => of(row) ?? -1, cell, className: 'number' };
}

function flow<Row extends Flows>(): Column<Row> {
  return {
    name: 'received ◂ bytes ▸ sent',
    help: 'Protocol bytes the server received (left) and sent (right). A long bar to the right is what leaves over the network: select fewer columns or rows.',
    value: bothBytes,
    cell: ({ R, S }, largest) => flowBar(R, S, largest),
  };
}

function stalls<Row>(of: (row: Row) => { client_stall_us: number; server_stall_us: number }): Column<Row>[] {
  return [
    time(
      'client stall',
      'Time in which the client did not take what the server sent. When it rises, look at the client and its network.',
      (row) => of(row).client_stall_us,
    ),
    time(
      'server stall',
      'Time in which the server did not take what the client sent. When it rises, the server is slow to take data, as in a COPY.',
      (row) => of(row).server_stall_us,
    ),
  ];
}

const ROUNDTRIPS =
  'How often the client sent and waited. When it rises and the statements do not, clients fetch in small pieces; on a slow network each costs its latency.';

export const SESSION_COLUMNS: readonly Column<PageSession>[] = [
  {
    name: 'session',
    help: 'Number of the session since pgnetflow started. Choose it for details.',
    value: ({ id }) => id,
    className: 'number link',
  },
  text('database', 'Database that the client asked for.', ({ database }) => database),
  text('user', 'User that the client logged in as.', ({ user }) => user),
  text('application', 'application_name, as the client calls itself.', (row) => row.application_name),
  text('client', 'Address and port of the client.', ({ client }) => `${client.address}:${client.port}`),
  text('state', 'What it does, in the words of pg_stat_activity; how it ended, if it has.', stateOf),
  text(
    'waits for',
    'ClientRead: for the client to send. ClientWrite: for it to take. Server…: for the server.',
    ({ wait }) => wait,
  ),
  flow(),
  count('statements', 'Statements of the session, those under way included.', (row) => row.statement_count),
  count('round trips', ROUNDTRIPS, ({ roundtrips }) => roundtrips),
  time('active', "Time in which it was the server's turn.", (row) => row.time.active_us),
  ...stalls<PageSession>((row) => row.time),
  time(
    'idle in tx',
    'Time idle within a transaction. When it rises, locks are held for nothing.',
    (row) => row.time.idle_in_transaction_us,
  ),
  time(
    'running',
    'Time of the statement under way, so far.',
    ({ current }) => current?.time.elapsed_us ?? null,
  ),
  text(
    'statement',
    'The statement under way, as its normal form.',
    ({ current }) => current?.query ?? null,
    'text',
  ),
];

function stateOf({ state, end_reason }: PageSession): string {
  return state ?? `ended: ${end_reason ?? 'unknown'}`;
}

export const STATEMENT_COLUMNS: readonly Column<PageFingerprint>[] = [
  {
    name: 'statement',
    help: 'The normal form: the text without its constants. Choose it for details.',
    value: ({ query, summary }) => query ?? summary,
    className: 'text link',
  },
  flow(),
  count('calls', 'Executions.', ({ calls }) => calls),
  count('rows', 'Rows sent, or taken.', ({ rows }) => rows),
  {
    name: 'bytes / call',
    help: 'Bytes sent per call, on average. When it rises, the result has grown, in rows or in width.',
    value: ({ calls, S }) => (calls === 0 ? 0 : S.bytes / calls),
    cell: ({ calls, S }) => (calls === 0 ? '–' : formatBytes(S.bytes / calls)),
    className: 'number',
  },
  time('time', 'Duration of all calls together.', ({ total_us }) => total_us),
  time('p50', 'Half of the calls take no longer.', ({ duration_us }) => duration_us.p50),
  time('p95', '95 of 100 calls take no longer.', ({ duration_us }) => duration_us.p95),
  time('p99', '99 of 100 calls take no longer.', ({ duration_us }) => duration_us.p99),
  count('round trips', ROUNDTRIPS, ({ roundtrips }) => roundtrips),
  ...stalls<PageFingerprint>((row) => row),
  count(
    'errors',
    'Calls and prepares that the server answered with an error, a cancel included.',
    ({ errors }) => errors,
  ),
];

export const DATABASE_COLUMNS: readonly Column<SessionSumRecord>[] = [
  text('database', 'Database that clients asked for.', ({ database }) => database),
  text('user', 'User that clients logged in as.', ({ user }) => user),
  flow(),
  count('open', 'Sessions that have not ended.', ({ open }) => open),
  count(
    'sessions',
    'Sessions that have begun. When it rises faster than the work, clients connect for each piece of it: use a pool.',
    ({ sessions }) => sessions,
  ),
  count('statements', 'Statements of all of them.', ({ statements }) => statements),
  count('transactions', 'Transactions that have ended.', ({ transactions }) => transactions),
  count('round trips', ROUNDTRIPS, ({ roundtrips }) => roundtrips),
  time('active', "Time in which it was the server's turn.", (row) => row.time.active_us),
  time(
    'idle in tx',
    'Time idle within a transaction. When it rises, locks are held for nothing.',
    (row) => row.time.idle_in_transaction_us,
  ),
  ...stalls<SessionSumRecord>((row) => row.time),
];

export const CANCEL_COLUMNS: readonly Column<PageCancel>[] = [
  text('requested', 'When the request came in.', ({ requested_at }) => requested_at.slice(11, 23)),
  text('client', 'Who asked.', ({ client }) => `${client.address}:${client.port}`),
  count('session', 'Session that was meant; 0 if nobody has that key.', ({ session }) => session ?? 0),
  count(
    'statement',
    'Its statement that was being answered; 0 if there was none.',
    ({ statement }) => statement ?? 0,
  ),
  text('outcome', 'cancelled: it took effect. no_effect: the statement goes on.', ({ outcome }) => outcome),
  time(
    'effect',
    'From the request until the server said that it cancelled. When it rises, backends are slow to react.',
    ({ effect_us }) => effect_us,
  ),
  {
    name: 'sent after',
    help: 'Bytes that the server still sent for that statement.',
    value: ({ bytes_after }) => bytes_after ?? -1,
    cell: ({ bytes_after }) => (bytes_after === null ? '–' : formatBytes(bytes_after)),
    className: 'number',
  },
  text('diagnosis', 'Why the backend did not react: docs/diagnose.md.', ({ diagnosis }) => diagnosis),
];

/** What a filter can ask of a session. */
export function ofSession(row: PageSession): Filterable {
  const { user, database, application_name, client, current, R, S, time: times } = row;
  return {
    texts: {
      user,
      db: database,
      app: application_name,
      client: client.address,
      state: stateOf(row),
      query: current?.query ?? null,
    },
    amounts: {
      bytes: R.bytes + S.bytes,
      received: R.bytes,
      sent: S.bytes,
      statements: row.statement_count,
      roundtrips: row.roundtrips,
      active: times.active_us,
      stall: times.client_stall_us + times.server_stall_us,
      time: current?.time.elapsed_us ?? 0,
    },
  };
}

export function ofStatement({ query, summary, R, S, ...row }: PageFingerprint): Filterable {
  return {
    texts: { query: query ?? 'all others', summary, fingerprint: row.fingerprint },
    amounts: {
      bytes: R.bytes + S.bytes,
      received: R.bytes,
      sent: S.bytes,
      calls: row.calls,
      rows: row.rows,
      roundtrips: row.roundtrips,
      errors: row.errors,
      time: row.total_us,
      p95: row.duration_us.p95,
      stall: row.client_stall_us + row.server_stall_us,
    },
  };
}

export function ofDatabase({ database, user, R, S, ...row }: SessionSumRecord): Filterable {
  return {
    texts: { db: database, user },
    amounts: {
      bytes: R.bytes + S.bytes,
      received: R.bytes,
      sent: S.bytes,
      sessions: row.sessions,
      statements: row.statements,
      roundtrips: row.roundtrips,
    },
  };
}

export function ofCancel({ client, outcome }: PageCancel): Filterable {
  return { texts: { client: client.address, outcome }, amounts: {} };
}

/** A cell that opens the details of its row. */
export function link(label: string, open: () => void): HTMLElement {
  const anchor = element('a', '', escapeLine(label));
  anchor.href = '#detail';
  anchor.addEventListener('click', (event) => {
    event.preventDefault();
    open();
  });
  return anchor;
}
