/**
 * The report as it is published: `schema: "pgnetflow.report/1"`. Names are stable; additions are allowed. Sizes are
 * bytes, times are microseconds (`_us`) or ISO 8601 timestamps (`_at`), absent facts are null.
 */
export const REPORT_SCHEMA = 'pgnetflow.report/1';

export interface FlowRecord {
  bytes: number;
  messages: number;
  reads: number;
  writes: number;
}

/** One number for each direction; bytes unless its name says otherwise. */
export interface BytesRecord {
  R: number;
  S: number;
}

export interface EndpointRecord {
  address: string;
  port: number;
}

export interface TlsRecord {
  /** `TLSv1.3`; null when the handshake did not come to its end. */
  protocol: string | null;
  /** As OpenSSL names it. */
  cipher: string | null;
  /** Of the leg's `bytes_in`: neither protocol bytes nor `own_in`. */
  overhead_in: number;
  overhead_out: number;
  /** Records of application data whose plaintext was passed on; null where their number is not certain. */
  records_in: number | null;
  /** Those that the kernel has taken. */
  records_out: number | null;
}

/** Records of application data on each leg; null without TLS of our own, and where their number is not certain. */
export interface TlsRecordsRecord {
  client: number | null;
  server: number | null;
}

export interface LegRecord {
  /** Of the socket: with TLS, what it adds included. */
  bytes_in: number;
  /** Taken by the kernel. */
  bytes_out: number;
  reads: number;
  writes: number;
  /** Of these, those that the kernel did not take at once: each may have been several socket operations. */
  deferred: number;
  /** Our end of its TCP connection; null of a Unix-domain socket, and of one that was never made. */
  local: EndpointRecord | null;
  /** The other end: a balancer's, if there is one between. */
  remote: EndpointRecord | null;
  /** Bytes of this leg that pgnetflow swallowed or made itself, such as an SSLRequest and its answer. */
  own_in: number;
  own_out: number;
  /** What TLS adds in both directions; null on a leg without TLS, or with TLS that is not ours (`encrypted`). */
  tls: TlsRecord | null;
}

export interface TimeRecord {
  started_at: string;
  /** First request byte seen until last reply byte handed on; null while the statement is open. */
  duration_us: number | null;
  /** The same; while the statement is open, its time so far. */
  elapsed_us: number;
  /** First request byte seen until first reply byte seen; null without a reply. */
  first_byte_us: number | null;
  /** First reply byte seen until last reply byte handed on, without `client_wait_us`. */
  streaming_us: number | null;
  /** The client did not take what the server sent. */
  client_stall_us: number;
  /** The server did not take what the client sent. */
  server_stall_us: number;
  /** The server had answered all it could, and waited for the client's next message. */
  client_wait_us: number;
}

/**
 * Whether the kernel's count agrees. `ok`: equal, to the byte and to the operation. `explained`: not equal, or not
 * comparable, for reasons that are told. `mismatch`: not equal, and nothing explains it. `unchecked`: nothing to compare
 * with.
 */
export type Verdict = 'ok' | 'explained' | 'mismatch' | 'unchecked';

/** Why a verdict is not `ok`. */
export interface KernelCauseRecord {
  /** One of the table in docs/kernel.md. */
  code: string;
  /** The socket that it is about; null when it is about the session or the recording. */
  leg: 'client' | 'server' | 'backend' | null;
  /** What the socket's owner reads, or what it writes; null when it is about both. */
  direction: 'in' | 'out' | null;
  /** In words, figures included. */
  text: string;
  figures: Record<string, number>;
}

/** `tcp_info` of a socket when it was last looked at; null what the method does not know. */
export interface TcpRecord {
  bytes_sent: number | null;
  bytes_acked: number | null;
  bytes_received: number | null;
  bytes_retrans: number | null;
  segs_out: number | null;
  segs_in: number | null;
  data_segs_out: number | null;
  data_segs_in: number | null;
  /** Segments. */
  retransmits: number | null;
  rtt_us: number | null;
  busy_us: number | null;
  rwnd_limited_us: number | null;
  sndbuf_limited_us: number | null;
}

/** One socket as the kernel saw it; `in` and `out`, reads and writes are those of the process that owns it. */
export interface KernelSocketRecord {
  verdict: Verdict;
  pid: number | null;
  process: string | null;
  opened_at: string | null;
  closed_at: string | null;
  /** In its life, as far as that is known. */
  bytes_in: number | null;
  bytes_out: number | null;
  /** Operations that moved bytes, as far as they were seen; null when the method does not see operations. */
  reads: number | null;
  writes: number | null;
  /** Bytes moved by these operations. */
  seen_in: number;
  seen_out: number;
  /** Time in these operations; null when the method does not know it. */
  read_us: number | null;
  write_us: number | null;
  tcp: TcpRecord | null;
}

/** The counts of one direction of a session side by side; null what nobody has counted. */
export interface KernelCountsRecord {
  messages: number;
  /** Of the proxy, as it counts them itself and as the kernel does. */
  reads: number;
  kernel_reads: number | null;
  writes: number;
  kernel_writes: number | null;
  /** Of the PostgreSQL backend: its reads of R, its writes of S. */
  backend_operations: number | null;
  tls_records: TlsRecordsRecord;
  /** TCP data segments on each leg, and those of them that were sent again. */
  segments: { client: number | null; server: number | null };
  retransmits: { client: number | null; server: number | null };
}

export interface SessionKernelRecord {
  verdict: Verdict;
  causes: KernelCauseRecord[];
  /** The proxy's own sockets, and that of the backend if it is on the same machine; null when not seen. */
  client: KernelSocketRecord | null;
  server: KernelSocketRecord | null;
  backend: KernelSocketRecord | null;
  /** Null when no socket of the session was seen. */
  counts: { R: KernelCountsRecord; S: KernelCountsRecord } | null;
}

/** Operations that the kernel saw for one direction of a statement. */
export interface KernelOperationsRecord {
  /** That moved its bytes only. */
  operations: number;
  /** Of runs that moved bytes of others as well. */
  shared: number;
  /** Time in the former; null when the method does not know it. */
  us: number | null;
}

export interface StatementKernelRecord {
  verdict: Verdict;
  /** Codes. */
  causes: string[];
  /** The proxy's writes to the server (R) and reads from it (S). */
  proxy: { R: KernelOperationsRecord; S: KernelOperationsRecord } | null;
  /** The backend's reads (R) and writes (S). */
  backend: { R: KernelOperationsRecord; S: KernelOperationsRecord } | null;
}

/** How a count of the kernel's was taken. */
export interface KernelHelperRecord {
  method: string | null;
  /** By what the method counted, where it has a choice. */
  events: string | null;
  tool: string | null;
  /** Of the operating system's kernel, as `uname -r` says it. */
  kernel_version: string | null;
  /** `gone`: it ended without a word. */
  state: 'attached' | 'detached' | 'gone';
  attached_at: string | null;
  detached_at: string | null;
  detach_reason: string | null;
  /** Records that the tool could not write. */
  lost: number;
}

/** A number of sessions or statements for each verdict. */
export type VerdictsRecord = Record<Verdict, number>;

/** What stands behind all verdicts of a report. */
export interface KernelCertificateRecord {
  helpers: KernelHelperRecord[];
  lost: number;
  /** Lines that could not be read, and the first few of them. */
  damaged: number;
  damaged_lines: { line: number; problem: string }[];
  /** Records of sockets that no record has introduced. */
  orphans: number;
  /** Sockets seen that belong to no session of the report: cancel requests, health checks. */
  other_sockets: number;
  /** Sockets that were forgotten because there were too many. */
  forgotten_sockets: number;
  /** Percent of the sockets' bytes in operations that the kernel saw, rounded down; null without bytes. */
  coverage: { client: number | null; server: number | null; backend: number | null };
  sessions: VerdictsRecord;
  statements: VerdictsRecord;
  /** Sessions that are not listed in the report, and so have no verdict. */
  unlisted_sessions: number;
}

export interface PartRecord {
  tag: string | null;
  rows: number | null;
  S: { bytes: number };
}

export interface StatementRecord {
  seq: number;
  kind: 'query' | 'execute' | 'copy_in' | 'copy_out' | 'copy_both' | 'function' | 'prepare';
  query: string | null;
  /** Length of the whole text in bytes. */
  query_bytes: number | null;
  query_truncated: boolean;
  fingerprint: string | null;
  outcome: 'ok' | 'error' | 'cancelled' | 'aborted' | 'open';
  sqlstate: string | null;
  tag: string | null;
  rows: number | null;
  /** Round trips that began with it. */
  roundtrips: number;
  /** Execute messages of an extended-protocol statement. */
  fetches: number;
  /** One per SQL command of a Query that has several; empty otherwise. */
  parts: PartRecord[];
  /** How many SQL commands completed; `parts` holds at most 64 of them. */
  completions: number;
  R: FlowRecord;
  S: FlowRecord;
  /**
   * Where its bytes stand in the streams of the server leg's socket, own bytes and those of TLS included; in the order of
   * the stream, more than one range when bytes of others stand between. Null where that is not known.
   */
  stream: { R: RangeRecord[] | null; S: RangeRecord[] | null };
  /** Null where they are not known: without TLS, and when the statement was not alone on its session. */
  tls_records: { R: TlsRecordsRecord; S: TlsRecordsRecord } | null;
  /** What the kernel's own count says of it; null until it has been asked. */
  kernel: StatementKernelRecord | null;
  time: TimeRecord;
}

/** Offsets in a stream of bytes, from 0: the first of the range, and the first behind it. */
export type RangeRecord = [from: number, to: number];

/** What one account of a session holds: bytes as `R` and `S`, and the other figures of a flow beside them. */
export interface AccountRecord extends BytesRecord {
  messages: BytesRecord;
  reads: BytesRecord;
  writes: BytesRecord;
}

export interface AccountsRecord {
  /** All statements, those that were not kept included. */
  statement: AccountRecord;
  startup: AccountRecord;
  async: AccountRecord;
  control: AccountRecord;
  opaque: AccountRecord;
}

export interface DroppedRecord {
  statements: number;
  R: FlowRecord;
  S: FlowRecord;
}

/** Who a session is: what a line about one of its statements needs to name it. */
export interface SessionIdentity {
  /** Where the client connected to, as the line at the start has it; null for a session without a listener. */
  listener: string | null;
  /** The server that this listener leads to, as the user named it: also of a session that never reached it. */
  upstream: string | null;
  client: EndpointRecord;
  /** Null for a session that never reached the server. */
  server: EndpointRecord | null;
  backend_pid: number | null;
  user: string | null;
  database: string | null;
  application_name: string | null;
}

/** What an open session does, in the words of pg_stat_activity. */
export interface ActivityRecord {
  state: 'starting' | 'active' | 'idle' | 'idle in transaction' | 'idle in transaction (aborted)';
  /** Whom it waits for, and to do what. */
  wait_event: 'ClientRead' | 'ClientWrite' | 'ServerRead' | 'ServerWrite';
  /** `seq` of the statement that the server is answering; null when it owes nothing. */
  statement: number | null;
  /** Null outside of a transaction. */
  xact_started_at: string | null;
  /** When the client last spoke, or had been answered. */
  changed_at: string;
}

export interface SessionRecord extends SessionIdentity {
  id: number;
  /** The balancer on whose connection the client came, as its PROXY protocol header said; null without. */
  via: EndpointRecord | null;
  /** `3.0`, `3.2`; null before the StartupMessage. */
  protocol: string | null;
  /** `passthrough`: client and server spoke TLS with each other, so that all bytes are `opaque`; null otherwise. */
  encrypted: 'passthrough' | null;
  /** `off`: relayed unread, by `--accounting off`, so that all bytes are `opaque` and there are no statements. */
  accounting: 'on' | 'off';
  /** It is a session of pgnetflow's console: all of its bytes are own bytes. */
  console: boolean;
  /** What it does; null of one that has ended. */
  activity: ActivityRecord | null;
  server_version: string | null;
  started_at: string;
  ended_at: string | null;
  end_reason:
    | 'terminate'
    | 'client_closed'
    | 'server_closed'
    | 'login_failed'
    | 'aborted'
    | 'refused'
    | 'shutdown'
    | null;
  end_detail: string | null;
  R: FlowRecord;
  S: FlowRecord;
  accounts: AccountsRecord;
  wire: { client: LegRecord; server: LegRecord };
  /** Read from one side and not (yet) taken by the other. */
  undelivered: BytesRecord;
  /** The sum of the accounts equals the bytes relayed, and these equal the bytes of both sockets. */
  balanced: boolean;
  /** What does not add up, a sentence each; empty when `balanced`. */
  imbalances: string[];
  /** What the kernel's own count says of it. */
  kernel: SessionKernelRecord;
  time: {
    /** The sum of the next two. */
    duration_us: number;
    /** It was the server's turn. */
    active_us: number;
    /** The server had answered all it could, and waited for the client's next message. */
    idle_us: number;
    /** Of this: in a transaction, while the server owed nothing. */
    idle_in_transaction_us: number;
    client_stall_us: number;
    server_stall_us: number;
    /** Of `idle_us`: within statements. */
    client_wait_us: number;
  };
  /** How often the client had the turn, sent what must be answered, and waited. A log-in is one. */
  roundtrips: number;
  /** Transactions that have ended, those of single statements included. */
  transactions: number;
  statement_count: number;
  statements: StatementRecord[];
  /** Statements that were not kept, added up. */
  dropped: DroppedRecord;
}

export interface QuantilesRecord {
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

/** How many calls were at most each of the bounds of `BUCKETS` in fingerprint_record.ts. */
export interface HistogramsRecord {
  duration_us: number[];
  S_bytes: number[];
}

/**
 * Cumulative figures of the statements with one fingerprint. The last one may have none: it holds what was folded
 * away, so that the figures of all add up to those of all statements.
 */
export interface FingerprintRecord {
  /** 16 hexadecimal digits; null for what was folded away. */
  fingerprint: string | null;
  /**
   * The text without its constants; in angle brackets a name for what has no text; null for what was folded away, and
   * with `--query-text none`. A `…` at its end stands for what is left out.
   */
  query: string | null;
  /** How many times a fingerprint was folded into this record; 0 for one that has a fingerprint. */
  folded: number;
  /** Executions. */
  calls: number;
  /** Statements that prepared the text, or described it, and executed nothing. */
  prepares: number;
  /** Calls and prepares that the server answered with an error, a cancel included. */
  errors: number;
  /** Calls and prepares by how they ended. */
  outcomes: { ok: number; error: number; cancelled: number; aborted: number; open: number };
  rows: number;
  roundtrips: number;
  R: FlowRecord;
  S: FlowRecord;
  /** Duration of all calls. */
  total_us: number;
  /** Per call; null without calls. */
  mean_us: number | null;
  /** Duration of all prepares. */
  prepare_us: number;
  /** Of `total_us` and `prepare_us`: from the first request byte to the first reply byte. */
  first_byte_us: number;
  client_stall_us: number;
  server_stall_us: number;
  client_wait_us: number;
  /** Of the calls, within 1 % (`max` is exact). */
  duration_us: QuantilesRecord;
  R_bytes: QuantilesRecord;
  S_bytes: QuantilesRecord;
  /** When the first byte of the first statement, and the last byte of the last one, moved. */
  first_at: string | null;
  last_at: string | null;
  /** Only where it is asked for, as metrics do. */
  histograms?: HistogramsRecord;
}

/** Why a backend did not react to a cancel request: docs/diagnose.md. */
export interface CancelDiagnosisRecord {
  at: string;
  pid: number;
  verdict: string;
  sentence: string;
  advice: string;
  facts: string[];
}

export interface CancelRecord {
  /** Null when no session of ours has, or had, that key. */
  session: number | null;
  /** The one being answered when the request came; null when there was none. */
  statement: number | null;
  /** Where the request came in, and the server that it was for. */
  listener: string | null;
  upstream: string | null;
  client: EndpointRecord;
  via: EndpointRecord | null;
  requested_at: string;
  /** When the server had closed the connection that carried the request; null when it could not be delivered. */
  delivered_at: string | null;
  /** Between these two. */
  delivery_us: number | null;
  outcome: 'cancelled' | 'finished_first' | 'no_effect' | 'session_gone' | 'unknown_key';
  /** From the request until the server's SQLSTATE 57014 was read; null without. */
  effect_us: number | null;
  /** What the server still sent for that statement after the request; null without a statement. */
  bytes_after: number | null;
  /** Why it could not be delivered. */
  error: string | null;
  /** Null when it took effect in time, and when nobody could look at the backend. */
  diagnosis: CancelDiagnosisRecord | null;
}

/** What the sessions of one user in one database have moved, those that are not listed included. */
export interface SessionSumRecord {
  /** Both null for sessions that never said who they are, and for what was added up because there were too many. */
  database: string | null;
  user: string | null;
  sessions: number;
  /** Of these, those that have not ended. */
  open: number;
  statements: number;
  transactions: number;
  roundtrips: number;
  R: FlowRecord;
  S: FlowRecord;
  time: {
    active_us: number;
    idle_us: number;
    idle_in_transaction_us: number;
    client_stall_us: number;
    server_stall_us: number;
  };
}

/** A relay thread that ended before pgnetflow did, or did not answer when it stopped. */
export interface LostThreadRecord {
  /** From 1. */
  thread: number;
  at: string;
  reason: string;
  /** What the report has of its figures: all, those that it told last, or none. */
  figures: 'complete' | 'last_known' | 'none';
}

export interface ReportRecord {
  schema: typeof REPORT_SCHEMA;
  version: string;
  started_at: string;
  ended_at: string;
  /** When the cumulative figures were 0: before `started_at` where they were kept in a state file. */
  stats_since: string;
  totals: { R: FlowRecord; S: FlowRecord };
  /** By database and user; adds up to `totals`. */
  databases: SessionSumRecord[];
  sessions: SessionRecord[];
  statements: FingerprintRecord[];
  cancels: CancelRecord[];
  /** Turned away because a limit was reached; the connections are in no other figure. */
  refused: { connections: number; cancels: number };
  /** Their sessions were lost with them. */
  lost_threads: LostThreadRecord[];
  /** The certificate of the kernel's count; null when nobody counted. */
  kernel: KernelCertificateRecord | null;
  /** Sessions that were not kept, added up; `unbalanced` counts those whose books did not balance. */
  dropped: {
    sessions: number;
    unbalanced: number;
    statements: number;
    R: FlowRecord;
    S: FlowRecord;
    cancels: number;
  };
}
