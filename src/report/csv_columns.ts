import type { FlowRecord, SessionRecord, StatementRecord, TlsRecord } from './model.ts';

/** What a row of the CSV report books: a statement, an account of a session, or what was not kept one by one. */
export interface CsvRow {
  /** Null for the sessions that were not kept. */
  readonly session: SessionRecord | null;
  readonly kind: StatementRecord['kind'] | 'startup' | 'async' | 'control' | 'opaque' | 'dropped';
  readonly statement: StatementRecord | null;
  /** Statements in this row. */
  readonly statements: number;
  readonly R: FlowRecord;
  readonly S: FlowRecord;
}

export type CsvValue = string | number | boolean | null;

export interface CsvColumn {
  readonly name: string;
  readonly unit: string;
  readonly describe: string;
  readonly value: (row: CsvRow) => CsvValue;
}

const TEXT = 'text';
const COUNT = 'count';
const BYTES = 'bytes';
const MICROSECONDS = 'µs';
const TIMESTAMP = 'ISO 8601, UTC';

function column(name: string, unit: string, describe: string, value: CsvColumn['value']): CsvColumn {
  return { name, unit, describe, value };
}

function ofSession(
  name: string,
  unit: string,
  describe: string,
  value: (session: SessionRecord) => CsvValue,
): CsvColumn {
  return column(name, unit, describe, ({ session }) => (session === null ? null : value(session)));
}

function ofStatement(
  name: string,
  unit: string,
  describe: string,
  value: (statement: StatementRecord) => CsvValue,
): CsvColumn {
  return column(name, unit, describe, ({ statement }) => (statement === null ? null : value(statement)));
}

/** TLS of one leg: of the whole session, and the same in each of its rows. */
function tlsColumns(leg: 'client' | 'server'): CsvColumn[] {
  const of = (name: string, unit: string, describe: string, value: (tls: TlsRecord) => CsvValue): CsvColumn =>
    ofSession(`${leg}_tls_${name}`, unit, describe, ({ wire }) => {
      const { tls } = wire[leg];
      return tls === null ? null : value(tls);
    });
  const all = 'in the whole session: the same in each of its rows';
  return [
    of('protocol', TEXT, `version of TLS with the ${leg}; empty without`, ({ protocol }) => protocol),
    of('cipher', TEXT, `cipher of TLS with the ${leg}, as OpenSSL names it`, ({ cipher }) => cipher),
    of(
      'overhead_in',
      BYTES,
      `bytes that TLS added to what was read from the ${leg}, ${all}`,
      (tls) => tls.overhead_in,
    ),
    of(
      'overhead_out',
      BYTES,
      `bytes that TLS added to what was written to the ${leg}, ${all}`,
      (tls) => tls.overhead_out,
    ),
  ];
}

/** Records of application data in the whole session. */
function recordColumns(leg: 'client' | 'server'): CsvColumn[] {
  const of = (direction: 'in' | 'out', what: string): CsvColumn =>
    ofSession(
      `${leg}_tls_records_${direction}`,
      COUNT,
      `TLS records of application data ${what} the ${leg}, in the whole session: the same in each of its rows; ` +
        'empty where not known',
      ({ wire }) => wire[leg].tls?.[`records_${direction}`] ?? null,
    );
  return [of('in', 'read from'), of('out', 'written to')];
}

/** The columns of the CSV report, in their order. */
export const CSV_COLUMNS: readonly CsvColumn[] = [
  ofSession('session', 'id', 'the session; empty for sessions that were not kept', ({ id }) => id),
  ofSession(
    'client_address',
    TEXT,
    "the client's address; the path of the socket for a Unix-domain connection",
    ({ client }) => client.address,
  ),
  ofSession(
    'client_port',
    'port',
    "the client's port; 0 for a Unix-domain connection",
    ({ client }) => client.port,
  ),
  ofSession(
    'via_address',
    TEXT,
    "the balancer's address; empty for a client that came without one",
    ({ via }) => via?.address ?? null,
  ),
  ofSession('via_port', 'port', "the balancer's port", ({ via }) => via?.port ?? null),
  ofSession('listener', TEXT, 'where the client connected to: host:port or a path', (s) => s.listener),
  ofSession('upstream', TEXT, 'the server that the listener leads to, as it was named', (s) => s.upstream),
  ofSession(
    'server_address',
    TEXT,
    "the server's address or socket path; empty for a session that never reached it",
    ({ server }) => server?.address ?? null,
  ),
  ofSession(
    'server_port',
    'port',
    "the server's port; 0 for a Unix-domain connection",
    ({ server }) => server?.port ?? null,
  ),
  ofSession(
    'backend_pid',
    'process id',
    'the PostgreSQL backend, as it told the client',
    ({ backend_pid }) => backend_pid,
  ),
  ofSession('user', TEXT, 'the user that the client named', ({ user }) => user),
  ofSession(
    'database',
    TEXT,
    "the database that the client named, or else the user's name",
    (s) => s.database,
  ),
  ofSession(
    'application_name',
    TEXT,
    'as the server last reported it, or else as the client gave it',
    (s) => s.application_name,
  ),
  ofSession('session_started_at', TIMESTAMP, 'when the client connected', ({ started_at }) => started_at),
  ofSession(
    'session_ended_at',
    TIMESTAMP,
    'when both connections had gone; empty while open',
    ({ ended_at }) => ended_at,
  ),
  ofSession('end_reason', TEXT, 'why the session ended; empty while open', ({ end_reason }) => end_reason),
  ofSession('balanced', 'true or false', "the session's books balance", ({ balanced }) => balanced),
  ofSession('kernel_verdict', TEXT, "whether the kernel's count agrees", ({ kernel }) => kernel.verdict),
  ...tlsColumns('client'),
  ...tlsColumns('server'),
  column(
    'kind',
    TEXT,
    'the kind of statement, or the account of the session that the row holds: `startup`, `async`, `control`, ' +
      '`opaque`; `dropped` is what was not kept one by one',
    ({ kind }) => kind,
  ),
  column(
    'statements',
    COUNT,
    'statements in this row: 1 for a statement, 0 for an account, any number for `dropped`',
    ({ statements }) => statements,
  ),
  ofStatement('seq', 'number', "the statement's place in its session, from 1", ({ seq }) => seq),
  ofStatement(
    'query',
    TEXT,
    'its SQL, as much as was kept; empty when it was not seen',
    ({ query }) => query,
  ),
  ofStatement('query_bytes', BYTES, 'length of the whole SQL', ({ query_bytes }) => query_bytes),
  ofStatement('query_truncated', 'true or false', '`query` is not the whole SQL', (s) => s.query_truncated),
  ofStatement('fingerprint', TEXT, 'same for statements that differ in literals only', (s) => s.fingerprint),
  ofStatement('outcome', TEXT, '`ok`, `error`, `cancelled`, `aborted` or `open`', ({ outcome }) => outcome),
  ofStatement('sqlstate', TEXT, 'the code of its error', ({ sqlstate }) => sqlstate),
  ofStatement('tag', TEXT, 'its last command tag', ({ tag }) => tag),
  ofStatement('rows', COUNT, 'rows returned or affected, of the last command', ({ rows }) => rows),
  ofStatement('roundtrips', COUNT, 'round trips that began with it', ({ roundtrips }) => roundtrips),
  ofStatement('fetches', COUNT, 'Execute messages', ({ fetches }) => fetches),
  ofStatement('completions', COUNT, 'SQL commands that completed', ({ completions }) => completions),
  ofStatement('started_at', TIMESTAMP, 'when its first byte was seen', ({ time }) => time.started_at),
  ofStatement(
    'duration_us',
    MICROSECONDS,
    'first request byte seen until last reply byte handed on; empty while open',
    ({ time }) => time.duration_us,
  ),
  ofStatement(
    'first_byte_us',
    MICROSECONDS,
    'first request byte seen until first reply byte seen',
    ({ time }) => time.first_byte_us,
  ),
  ofStatement(
    'streaming_us',
    MICROSECONDS,
    'first reply byte seen until last reply byte handed on, without `client_wait_us`',
    ({ time }) => time.streaming_us,
  ),
  ofStatement(
    'client_stall_us',
    MICROSECONDS,
    'the client did not take what the server sent',
    ({ time }) => time.client_stall_us,
  ),
  ofStatement(
    'server_stall_us',
    MICROSECONDS,
    'the server did not take what the client sent',
    ({ time }) => time.server_stall_us,
  ),
  column('R_bytes', BYTES, 'protocol bytes from client to server', ({ R }) => R.bytes),
  column('R_messages', COUNT, 'protocol messages from client to server', ({ R }) => R.messages),
  column('R_reads', COUNT, 'socket reads from the client that moved bytes', ({ R }) => R.reads),
  column('R_writes', COUNT, 'socket writes to the server that moved bytes', ({ R }) => R.writes),
  column('S_bytes', BYTES, 'protocol bytes from server to client', ({ S }) => S.bytes),
  column('S_messages', COUNT, 'protocol messages from server to client', ({ S }) => S.messages),
  column('S_reads', COUNT, 'socket reads from the server that moved bytes', ({ S }) => S.reads),
  column('S_writes', COUNT, 'socket writes to the client that moved bytes', ({ S }) => S.writes),
  ofSession('kernel_causes', TEXT, 'why the verdict is not `ok`: codes, separated by blanks', ({ kernel }) =>
    [...new Set(kernel.causes.map(({ code }) => code))].join(' '),
  ),
  ofStatement(
    'statement_kernel_verdict',
    TEXT,
    "whether the kernel's count of the statement agrees; empty when it was not asked",
    ({ kernel }) => kernel?.verdict ?? null,
  ),
  ofStatement(
    'kernel_R_proxy',
    COUNT,
    "the proxy's writes to the server that moved bytes of this statement only, as the kernel counts",
    ({ kernel }) => kernel?.proxy?.R.operations ?? null,
  ),
  ofStatement(
    'kernel_S_proxy',
    COUNT,
    "the proxy's reads from the server, likewise",
    ({ kernel }) => kernel?.proxy?.S.operations ?? null,
  ),
  ofStatement(
    'kernel_R_backend',
    COUNT,
    "the PostgreSQL backend's reads, likewise; empty when it was not seen",
    ({ kernel }) => kernel?.backend?.R.operations ?? null,
  ),
  ofStatement(
    'kernel_S_backend',
    COUNT,
    "the PostgreSQL backend's writes, likewise",
    ({ kernel }) => kernel?.backend?.S.operations ?? null,
  ),
  ...recordColumns('client'),
  ...recordColumns('server'),
  ofStatement(
    'tls_records_R_client',
    COUNT,
    'TLS records of application data in which the client sent the statement; empty where not known',
    ({ tls_records }) => tls_records?.R.client ?? null,
  ),
  ofStatement(
    'tls_records_R_server',
    COUNT,
    'those in which it went to the server',
    ({ tls_records }) => tls_records?.R.server ?? null,
  ),
  ofStatement(
    'tls_records_S_client',
    COUNT,
    'those in which the client got the answer',
    ({ tls_records }) => tls_records?.S.client ?? null,
  ),
  ofStatement(
    'tls_records_S_server',
    COUNT,
    'those in which the server sent the answer',
    ({ tls_records }) => tls_records?.S.server ?? null,
  ),
  ofStatement(
    'client_wait_us',
    MICROSECONDS,
    "the server had answered all it could, and waited for the client's next message",
    ({ time }) => time.client_wait_us,
  ),
];
