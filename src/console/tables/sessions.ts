import { isIP } from 'node:net';
import type { SessionRecord, StatementRecord } from '../../report/model.ts';
import { type Column, consoleTable, HIDDEN, type Look, maySee, milliseconds } from '../table.ts';

/** A session, as far as the viewer may see it. */
interface SessionRow {
  readonly session: SessionRecord;
  readonly isVisible: boolean;
  /** The statement that the server is answering. */
  readonly statement: StatementRecord | null;
}

function rowsOf({ report, viewer }: Look, matches: (session: SessionRecord) => boolean): SessionRow[] {
  return report.sessions.filter(matches).map((session) => ({
    session,
    isVisible: maySee(viewer, session),
    statement: session.statements.find(({ seq }) => seq === session.activity?.statement) ?? null,
  }));
}

/** Null where it may not be seen. */
function visible<Value>(of: (row: SessionRow) => Value): (row: SessionRow) => Value | null {
  return (row) => (row.isVisible ? of(row) : null);
}

/** PostgreSQL has no address for a client on a Unix-domain socket. */
function addressOf(address: string): string | null {
  return isIP(address) === 0 ? null : address;
}

const WHO: readonly Column<SessionRow>[] = [
  {
    name: 'session',
    type: 'int8',
    help: 'number of the session, as in the report; what KILL SESSION and CANCEL SESSION take',
    value: ({ session }) => session.id,
  },
  {
    name: 'pid',
    type: 'int4',
    help: 'process id of its backend: joins with pg_stat_activity',
    value: ({ session }) => session.backend_pid,
  },
  { name: 'datname', type: 'name', help: 'database', value: ({ session }) => session.database },
  { name: 'usename', type: 'name', help: 'user, as it logged in', value: ({ session }) => session.user },
  {
    name: 'application_name',
    type: 'text',
    help: 'application_name, as it was last set',
    value: ({ session }) => session.application_name,
  },
  {
    name: 'client_addr',
    type: 'inet',
    help: 'address of the client, behind a balancer the one that this has told; null over a Unix-domain socket',
    value: visible(({ session }) => addressOf(session.client.address)),
  },
  {
    name: 'client_port',
    type: 'int4',
    help: 'port of the client; -1 over a Unix-domain socket',
    value: visible(({ session }) => (session.client.port === 0 ? -1 : session.client.port)),
  },
  {
    name: 'backend_start',
    type: 'timestamptz',
    help: 'when the client came',
    value: visible(({ session }) => session.started_at),
  },
];

const MOVED: readonly Column<SessionRow>[] = [
  {
    name: 'bytes_received',
    type: 'int8',
    help: 'protocol bytes that the server has received in this session (R)',
    value: ({ session }) => session.R.bytes,
  },
  {
    name: 'bytes_sent',
    type: 'int8',
    help: 'protocol bytes that the server has sent in this session (S)',
    value: ({ session }) => session.S.bytes,
  },
  {
    name: 'roundtrips',
    type: 'int8',
    help: 'how often the client has sent something and waited for the answer',
    value: ({ session }) => session.roundtrips,
  },
  {
    name: 'client_stall_time',
    type: 'float8',
    help: 'milliseconds in which the client did not take what the server had sent: it, or its network, is slow',
    value: ({ session }) => milliseconds(session.time.client_stall_us),
  },
  {
    name: 'server_stall_time',
    type: 'float8',
    help: 'milliseconds in which the server did not take what the client had sent',
    value: ({ session }) => milliseconds(session.time.server_stall_us),
  },
];

export const ACTIVITY = consoleTable<SessionRow>({
  name: 'activity',
  isView: true,
  help: 'One row for each open session: what it does now, and what it has moved',
  of: (look) => rowsOf(look, ({ ended_at: endedAt }) => endedAt === null),
  columns: [
    ...WHO,
    {
      name: 'xact_start',
      type: 'timestamptz',
      help: 'when its transaction began; null outside of one',
      value: visible(({ session }) => session.activity?.xact_started_at ?? null),
    },
    {
      name: 'query_start',
      type: 'timestamptz',
      help: 'when the first byte of the statement that the server is answering was seen',
      value: visible(({ statement }) => statement?.time.started_at ?? null),
    },
    {
      name: 'state_change',
      type: 'timestamptz',
      help: 'when the client last spoke, or had been answered',
      value: visible(({ session }) => session.activity?.changed_at ?? null),
    },
    {
      name: 'wait_event_type',
      type: 'text',
      help: 'Client or Server: whom it waits for',
      value: visible(({ session }) =>
        session.activity?.wait_event.startsWith('C') === true ? 'Client' : 'Server',
      ),
    },
    {
      name: 'wait_event',
      type: 'text',
      help:
        'ClientRead: for the next message of the client; ServerRead: for the answer of the server; ClientWrite: the client ' +
        'does not take what was sent to it; ServerWrite: the server does not',
      value: visible(({ session }) => session.activity?.wait_event ?? null),
    },
    {
      name: 'state',
      type: 'text',
      help: 'as in pg_stat_activity; starting: it logs in',
      value: visible(({ session }) => session.activity?.state ?? null),
    },
    {
      name: 'query',
      type: 'text',
      help: 'text of the statement that the server is answering; null when it owes no answer',
      value: ({ statement, isVisible }) => (isVisible ? (statement?.query ?? null) : HIDDEN),
    },
    {
      name: 'query_bytes_received',
      type: 'int8',
      help: 'bytes of that statement that the server has received so far',
      value: ({ statement }) => statement?.R.bytes ?? null,
    },
    {
      name: 'query_bytes_sent',
      type: 'int8',
      help: 'bytes of that statement that the server has sent so far',
      value: ({ statement }) => statement?.S.bytes ?? null,
    },
    ...MOVED,
    {
      name: 'is_console',
      type: 'bool',
      help: 'it is a session of this console, whose bytes are in no figure',
      value: ({ session }) => session.console,
    },
    {
      name: 'upstream',
      type: 'text',
      help: 'the server that its listener leads to',
      value: ({ session }) => session.upstream,
    },
  ],
});

export const SESSIONS = consoleTable<SessionRow>({
  name: 'sessions',
  isView: true,
  help: 'One row for each session, open or ended, that is kept: what it has moved, and how it ended',
  of: (look) => rowsOf(look, ({ console: isConsole }) => !isConsole),
  columns: [
    ...WHO,
    {
      name: 'ended_at',
      type: 'timestamptz',
      help: 'when it ended; null while it is open',
      value: visible(({ session }) => session.ended_at),
    },
    {
      name: 'end_reason',
      type: 'text',
      help: 'terminate, client_closed, server_closed, login_failed, aborted, refused or shutdown',
      value: visible(({ session }) => session.end_reason),
    },
    {
      name: 'end_detail',
      type: 'text',
      help: 'one sentence more about its end, such as the error that was met',
      value: visible(({ session }) => session.end_detail),
    },
    {
      name: 'statements',
      type: 'int8',
      help: 'statements that it has begun',
      value: ({ session }) => session.statement_count,
    },
    {
      name: 'transactions',
      type: 'int8',
      help: 'transactions that have ended, those of single statements included',
      value: ({ session }) => session.transactions,
    },
    ...MOVED,
    {
      name: 'messages_received',
      type: 'int8',
      help: 'protocol messages that the server has received',
      value: ({ session }) => session.R.messages,
    },
    {
      name: 'messages_sent',
      type: 'int8',
      help: 'protocol messages that the server has sent',
      value: ({ session }) => session.S.messages,
    },
    {
      name: 'active_time',
      type: 'float8',
      help: "milliseconds in which it was the server's turn",
      value: ({ session }) => milliseconds(session.time.active_us),
    },
    {
      name: 'idle_time',
      type: 'float8',
      help: "milliseconds in which it was the client's turn",
      value: ({ session }) => milliseconds(session.time.idle_us),
    },
    {
      name: 'idle_in_transaction_time',
      type: 'float8',
      help: 'of these, milliseconds within a transaction',
      value: ({ session }) => milliseconds(session.time.idle_in_transaction_us),
    },
    {
      name: 'balanced',
      type: 'bool',
      help: 'its books add up to what its sockets moved; it must be true',
      value: ({ session }) => session.balanced,
    },
  ],
});

/** A COPY that is under way. */
interface CopyRow extends SessionRow {
  readonly copy: StatementRecord;
}

export const COPIES = consoleTable<CopyRow>({
  name: 'copies',
  isView: true,
  help: 'One row for each COPY or replication stream that is under way',
  of: (look) =>
    rowsOf(look, ({ ended_at: endedAt }) => endedAt === null).flatMap((row) => {
      const copies = row.session.statements.filter(
        ({ kind, outcome }) => kind.startsWith('copy') && outcome === 'open',
      );
      return copies.map((copy) => ({ ...row, copy }));
    }),
  columns: [
    ...WHO.slice(0, 5),
    {
      name: 'command',
      type: 'text',
      help: 'COPY FROM (the client sends), COPY TO (the server sends) or COPY BOTH (replication)',
      value: ({ copy }) =>
        ({ copy_in: 'COPY FROM', copy_out: 'COPY TO' })[copy.kind as string] ?? 'COPY BOTH',
    },
    {
      name: 'bytes_processed',
      type: 'int8',
      help: 'bytes that the copying side has sent so far, framing included',
      value: ({ copy }) => (copy.kind === 'copy_in' ? copy.R.bytes : copy.S.bytes),
    },
    {
      name: 'tuples_processed',
      type: 'int8',
      help: 'rows seen so far, of a COPY TO in text or CSV format; null where they cannot be counted yet',
      value: ({ copy }) => copy.rows,
    },
    {
      name: 'duration',
      type: 'float8',
      help: 'milliseconds since its first byte',
      value: ({ copy }) => milliseconds(copy.time.elapsed_us),
    },
    {
      name: 'client_stall_time',
      type: 'float8',
      help: 'milliseconds in which the client held it up: it did not take what was sent to it',
      value: ({ copy }) => milliseconds(copy.time.client_stall_us),
    },
    {
      name: 'client_wait_time',
      type: 'float8',
      help: 'milliseconds in which the client held it up: it had sent nothing',
      value: ({ copy }) => milliseconds(copy.time.client_wait_us),
    },
    {
      name: 'server_stall_time',
      type: 'float8',
      help: 'milliseconds in which the server held it up: it did not take what was sent to it',
      value: ({ copy }) => milliseconds(copy.time.server_stall_us),
    },
    {
      name: 'query',
      type: 'text',
      help: 'its text',
      value: ({ copy, isVisible }) => (isVisible ? copy.query : HIDDEN),
    },
  ],
});

export const LEDGER = consoleTable<
  SessionRecord & { readonly account: string; readonly R1: number; readonly S1: number }
>({
  name: 'ledger',
  help: 'Five rows for each session: what each account holds. Their sum is what its sockets moved',
  of: ({ report }) =>
    report.sessions
      .filter(({ console: isConsole }) => !isConsole)
      .flatMap((session) =>
        Object.entries(session.accounts).map(([account, { R, S }]) => ({
          ...session,
          account,
          R1: R,
          S1: S,
        })),
      ),
  columns: [
    { name: 'session', type: 'int8', help: 'number of the session', value: ({ id }) => id },
    {
      name: 'account',
      type: 'text',
      help: 'statement, startup, async, control or opaque',
      value: ({ account }) => account,
    },
    { name: 'bytes_received', type: 'int8', help: 'bytes booked to it (R)', value: ({ R1 }) => R1 },
    { name: 'bytes_sent', type: 'int8', help: 'bytes booked to it (S)', value: ({ S1 }) => S1 },
    {
      name: 'balanced',
      type: 'bool',
      help: 'the books of the session add up',
      value: ({ balanced }) => balanced,
    },
  ],
});
