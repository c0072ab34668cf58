import type {
  AccountRecord,
  FlowRecord,
  KernelSocketRecord,
  LegRecord,
  ReportRecord,
  SessionKernelRecord,
  SessionRecord,
  StatementRecord,
  TlsRecord,
} from '../../src/report/model.ts';
import { notCounted } from '../../src/report/not_counted.ts';

export function flow(bytes = 0, messages = 0, reads = 0, writes = 0): FlowRecord {
  return { bytes, messages, reads, writes };
}

export function account(R: FlowRecord = flow(), S: FlowRecord = flow()): AccountRecord {
  return {
    R: R.bytes,
    S: S.bytes,
    messages: { R: R.messages, S: S.messages },
    reads: { R: R.reads, S: S.reads },
    writes: { R: R.writes, S: S.writes },
  };
}

export function sum(flows: readonly FlowRecord[]): FlowRecord {
  const total = flow();
  for (const { bytes, messages, reads, writes } of flows) {
    total.bytes += bytes;
    total.messages += messages;
    total.reads += reads;
    total.writes += writes;
  }
  return total;
}

function leg(bytes_in: number, bytes_out: number): LegRecord {
  return {
    bytes_in,
    bytes_out,
    reads: 0,
    writes: 0,
    deferred: 0,
    local: null,
    remote: null,
    own_in: 0,
    own_out: 0,
    tls: null,
  };
}

function tls(
  cipher: string,
  [overhead_in, overhead_out]: readonly [number, number],
  [records_in, records_out]: readonly [number | null, number | null],
): TlsRecord {
  return {
    protocol: cipher.startsWith('TLS_') ? 'TLSv1.3' : 'TLSv1.2',
    cipher,
    overhead_in,
    overhead_out,
    records_in,
    records_out,
  };
}

export function statement(fields: Partial<StatementRecord> = {}): StatementRecord {
  return {
    seq: 1,
    kind: 'query',
    query: 'select 1',
    query_bytes: 8,
    query_truncated: false,
    fingerprint: null,
    outcome: 'ok',
    sqlstate: null,
    tag: 'SELECT 1',
    rows: 1,
    roundtrips: 1,
    stream: { R: null, S: null },
    tls_records: null,
    kernel: null,
    fetches: 0,
    parts: [],
    completions: 1,
    R: flow(14, 1, 1, 1),
    S: flow(66, 4, 1, 1),
    time: {
      started_at: '2013-10-15T08:00:01.000Z',
      duration_us: 850,
      elapsed_us: 850,
      first_byte_us: 800,
      streaming_us: 50,
      client_stall_us: 0,
      server_stall_us: 0,
      client_wait_us: 0,
    },
    ...fields,
  };
}

/** A session whose flows are the sum of its accounts and statements. */
export function session(
  fields: Partial<SessionRecord> = {},
  accounts: Partial<Record<'startup' | 'async' | 'control' | 'opaque', AccountRecord>> = {},
): SessionRecord {
  const statements = fields.statements ?? [];
  const dropped = fields.dropped ?? { statements: 0, R: flow(), S: flow() };
  const ofStatements = {
    R: sum([...statements.map(({ R }) => R), dropped.R]),
    S: sum([...statements.map(({ S }) => S), dropped.S]),
  };
  const all = {
    statement: account(ofStatements.R, ofStatements.S),
    startup: accounts.startup ?? account(),
    async: accounts.async ?? account(),
    control: accounts.control ?? account(),
    opaque: accounts.opaque ?? account(),
  };
  const total = (direction: 'R' | 'S'): FlowRecord =>
    sum(
      Object.values(all).map((one) =>
        flow(one[direction], one.messages[direction], one.reads[direction], one.writes[direction]),
      ),
    );
  const R = total('R');
  const S = total('S');
  return {
    id: 1,
    listener: '0.0.0.0:6432',
    upstream: 'db1:1921',
    client: { address: '172.16.3.39', port: 37961 },
    via: null,
    server: { address: '172.16.3.150', port: 1921 },
    backend_pid: 4242,
    user: 'postgres',
    database: 'digoal',
    application_name: 'psql',
    protocol: '3.0',
    encrypted: null,
    accounting: 'on',
    console: false,
    activity: null,
    server_version: '15.10',
    started_at: '2013-10-15T08:00:00.000Z',
    ended_at: '2013-10-15T08:00:09.000Z',
    end_reason: 'terminate',
    end_detail: null,
    R,
    S,
    accounts: all,
    wire: {
      client: leg(R.bytes, S.bytes),
      server: leg(S.bytes, R.bytes),
    },
    undelivered: { R: 0, S: 0 },
    balanced: true,
    imbalances: [],
    kernel: notCounted(),
    time: {
      duration_us: 9_000_000,
      active_us: 5_000_000,
      idle_us: 4_000_000,
      idle_in_transaction_us: 0,
      client_stall_us: 0,
      server_stall_us: 0,
      client_wait_us: 0,
    },
    roundtrips: 1 + statements.length,
    transactions: statements.length,
    statement_count: statements.length + dropped.statements,
    statements,
    dropped,
    ...fields,
  };
}

export function report(
  sessions: SessionRecord[],
  dropped: Partial<ReportRecord['dropped']> = {},
): ReportRecord {
  const folded = {
    sessions: 0,
    unbalanced: 0,
    statements: 0,
    R: flow(),
    S: flow(),
    cancels: 0,
    ...dropped,
  };
  return {
    schema: 'pgnetflow.report/1',
    version: '0.1.0',
    started_at: '2013-10-15T08:00:00.000Z',
    ended_at: '2013-10-15T08:00:10.000Z',
    stats_since: '2013-10-15T08:00:00.000Z',
    totals: {
      R: sum([...sessions.map(({ R }) => R), folded.R]),
      S: sum([...sessions.map(({ S }) => S), folded.S]),
    },
    databases: [],
    sessions,
    statements: [],
    cancels: [],
    refused: { connections: 0, cancels: 0 },
    lost_threads: [],
    kernel: null,
    dropped: folded,
  };
}

function socket(fields: Partial<KernelSocketRecord>): KernelSocketRecord {
  return {
    verdict: 'ok',
    pid: 4711,
    process: 'node',
    opened_at: '2013-10-15T08:00:00.000Z',
    closed_at: '2013-10-15T08:00:09.000Z',
    bytes_in: 186,
    bytes_out: 574_210_654,
    reads: 6,
    writes: 70_108,
    seen_in: 186,
    seen_out: 574_210_654,
    read_us: 61,
    write_us: 290_000,
    tcp: null,
    ...fields,
  };
}

function sampleKernel(): SessionKernelRecord {
  return {
    verdict: 'explained',
    causes: [
      {
        code: 'partial_writes',
        leg: 'client',
        direction: 'out',
        text: '3 of 70107 writes were not taken at once: the kernel took them in 70108 operations',
        figures: { kernel: 70_108, ours: 70_107, deferred: 3 },
      },
    ],
    client: socket({
      verdict: 'explained',
      tcp: {
        bytes_sent: 574_210_655,
        bytes_acked: 574_210_655,
        bytes_received: 187,
        bytes_retrans: 0,
        segs_out: 35_110,
        segs_in: 17_011,
        data_segs_out: 35_102,
        data_segs_in: 6,
        retransmits: 2,
        rtt_us: 211,
        busy_us: 3_700_000,
        rwnd_limited_us: 3_600_000,
        sndbuf_limited_us: 0,
      },
    }),
    server: socket({ bytes_in: 574_210_654, bytes_out: 186, reads: 70_102, writes: 7 }),
    backend: socket({ pid: 4242, process: 'postgres', reads: 6, writes: 70_100 }),
    counts: {
      R: {
        messages: 5,
        reads: 6,
        kernel_reads: 6,
        writes: 7,
        kernel_writes: 7,
        backend_operations: 6,
        tls_records: { client: 5, server: null },
        segments: { client: 6, server: null },
        retransmits: { client: null, server: null },
      },
      S: {
        messages: 1_000_028,
        reads: 70_102,
        kernel_reads: 70_102,
        writes: 70_107,
        kernel_writes: 70_108,
        backend_operations: 70_100,
        tls_records: { client: 70_107, server: 70_102 },
        segments: { client: 35_102, server: null },
        retransmits: { client: 2, server: null },
      },
    },
  };
}

const STARTUP = account(flow(84, 1, 1, 1), flow(413, 15, 2, 2));

/** Has one of everything: the goldens are made of it. */
export function sample(): ReportRecord {
  const copyOut = statement({
    seq: 2,
    kind: 'copy_out',
    tls_records: { R: { client: 1, server: null }, S: { client: 70_103, server: 70_099 } },
    query: 'copy t to stdout',
    query_bytes: 16,
    tag: 'COPY 1000000',
    rows: 1_000_000,
    R: flow(22, 1, 1, 2),
    S: flow(574_210_048, 1_000_003, 70_096, 70_101),
    time: {
      started_at: '2013-10-15T08:00:02.000Z',
      duration_us: 4_196_000,
      elapsed_us: 4_196_000,
      first_byte_us: 1200,
      streaming_us: 4_194_800,
      client_stall_us: 3_900_000,
      server_stall_us: 0,
      client_wait_us: 0,
    },
  });
  const several = statement({
    seq: 3,
    query: 'update t set a = 1;\nselect\t1, \'é\' -- "two" commands',
    query_bytes: 52,
    query_truncated: true,
    completions: 2,
    parts: [
      { tag: 'UPDATE 1', rows: 1, S: { bytes: 14 } },
      { tag: 'SELECT 1', rows: 1, S: { bytes: 66 } },
    ],
    R: flow(58, 1, 1, 1),
    S: flow(86, 5, 1, 1),
  });
  const first = session(
    { id: 1, statements: [statement({ fingerprint: '3af1' }), copyOut, several] },
    {
      startup: STARTUP,
      async: account(flow(), flow(41, 1, 1, 1)),
      control: account(flow(5, 1, 1, 1), flow()),
    },
  );
  first.time.client_stall_us = 3_900_000;
  first.via = { address: '172.16.3.7', port: 40_000 };
  first.wire.client.tls = tls('TLS_AES_256_GCM_SHA384', [2219, 1_553_807], [5, 70_107]);
  first.wire.server.tls = tls('ECDHE-RSA-AES128-GCM-SHA256', [2_030_723, 1741], [70_102, null]);
  first.kernel = sampleKernel();
  copyOut.kernel = {
    verdict: 'explained',
    causes: ['partial_writes'],
    proxy: {
      R: { operations: 2, shared: 0, us: 11 },
      S: { operations: 70_096, shared: 0, us: 311_000 },
    },
    backend: {
      R: { operations: 1, shared: 0, us: 9 },
      S: { operations: 70_095, shared: 1, us: null },
    },
  };

  const copyIn = statement({
    seq: 1,
    kind: 'copy_in',
    query: '=copy t from stdin',
    query_bytes: 18,
    outcome: 'open',
    tag: null,
    rows: 611,
    completions: 0,
    R: flow(3_104_768, 611, 379, 379),
    S: flow(21, 1, 1, 1),
    time: {
      started_at: '2013-10-15T08:00:07.000Z',
      duration_us: null,
      elapsed_us: 3_000_000,
      first_byte_us: 900,
      streaming_us: null,
      client_stall_us: 0,
      server_stall_us: 2_050_000,
      client_wait_us: 310_000,
    },
  });
  const second = session(
    {
      id: 2,
      listener: '/run/pgnetflow/.s.PGSQL.6433',
      upstream: '/var/run/postgresql/.s.PGSQL.5432',
      client: { address: '2001:db8::39', port: 37962 },
      server: { address: '/var/run/postgresql/.s.PGSQL.5432', port: 0 },
      user: 'o"hara\n----------END----------',
      database: 'shop, main',
      application_name: null,
      ended_at: null,
      end_reason: null,
      statements: [copyIn],
      dropped: { statements: 7, R: flow(98, 7, 7, 7), S: flow(462, 28, 7, 7) },
      balanced: false,
      imbalances: ['R: client bytes_in - own_in 3104953 is not bytes relayed 3104950, off by 3'],
    },
    { startup: STARTUP, opaque: account(flow(3, 0, 0, 0), flow()) },
  );
  second.time.server_stall_us = 2_050_000;
  second.time.client_wait_us = 310_000;

  const refused = session(
    {
      id: 3,
      client: { address: '172.16.3.40', port: 50_123 },
      server: null,
      backend_pid: null,
      user: null,
      database: null,
      application_name: null,
      protocol: null,
      server_version: null,
      end_reason: 'refused',
      end_detail: 'connect ECONNREFUSED 172.16.3.150:1921',
    },
    { startup: account(flow(84, 1, 1, 0), flow()) },
  );
  refused.undelivered.R = 84;
  refused.wire.server.bytes_out = 0;

  return {
    ...report([first, second, refused], {
      sessions: 2,
      unbalanced: 0,
      statements: 4,
      R: flow(224, 6, 6, 6),
      S: flow(1090, 46, 8, 8),
      cancels: 1,
    }),
    databases: [
      {
        database: 'digoal',
        user: 'postgres',
        sessions: 3,
        open: 0,
        statements: 5,
        transactions: 5,
        roundtrips: 7,
        R: flow(224, 6, 6, 6),
        S: flow(1090, 46, 8, 8),
        time: {
          active_us: 5_000_000,
          idle_us: 4_000_000,
          idle_in_transaction_us: 0,
          client_stall_us: 0,
          server_stall_us: 0,
        },
      },
    ],
    statements: [
      {
        fingerprint: '3af1',
        query: 'select $1',
        folded: 0,
        calls: 1,
        prepares: 0,
        errors: 0,
        outcomes: { ok: 1, error: 0, cancelled: 0, aborted: 0, open: 0 },
        rows: 1,
        roundtrips: 1,
        R: flow(14, 1, 1, 1),
        S: flow(66, 4, 1, 1),
        total_us: 850,
        mean_us: 850,
        prepare_us: 0,
        first_byte_us: 800,
        client_stall_us: 0,
        server_stall_us: 0,
        client_wait_us: 0,
        duration_us: { p50: 850, p95: 850, p99: 850, max: 850 },
        R_bytes: { p50: 14, p95: 14, p99: 14, max: 14 },
        S_bytes: { p50: 66, p95: 66, p99: 66, max: 66 },
        first_at: '2013-10-15T08:00:01.000Z',
        last_at: '2013-10-15T08:00:01.001Z',
      },
    ],
    refused: { connections: 13, cancels: 1 },
    kernel: {
      helpers: [
        {
          method: 'bpftrace',
          events: null,
          tool: 'bpftrace v0.17.0',
          kernel_version: '6.1.0-18-amd64',
          state: 'gone',
          attached_at: '2013-10-15T07:59:59.000Z',
          detached_at: null,
          detach_reason: null,
          lost: 0,
        },
        {
          method: 'bpftrace',
          events: 'fentry',
          tool: 'bpftrace v0.17.0',
          kernel_version: '6.1.0-18-amd64',
          state: 'detached',
          attached_at: '2013-10-15T08:00:06.000Z',
          detached_at: '2013-10-15T08:00:10.000Z',
          detach_reason: 'signal',
          lost: 2,
        },
      ],
      lost: 2,
      damaged: 1,
      damaged_lines: [{ line: 23, problem: 'it is no JSON' }],
      orphans: 3,
      other_sockets: 5,
      forgotten_sockets: 0,
      coverage: { client: 99.99, server: 100, backend: null },
      sessions: { ok: 0, explained: 1, mismatch: 0, unchecked: 2 },
      statements: { ok: 0, explained: 1, mismatch: 0, unchecked: 3 },
      unlisted_sessions: 2,
    },
    cancels: [
      {
        session: 1,
        statement: 3,
        listener: '0.0.0.0:6432',
        upstream: 'db1:1921',
        client: { address: '172.16.3.39', port: 37998 },
        via: { address: '172.16.3.7', port: 40001 },
        requested_at: '2013-10-15T08:00:04.000Z',
        delivered_at: '2013-10-15T08:00:04.023Z',
        delivery_us: 23_000,
        outcome: 'cancelled',
        effect_us: 1211,
        bytes_after: 113,
        error: null,
        diagnosis: null,
      },
      {
        session: 1,
        statement: 2,
        listener: '0.0.0.0:6432',
        upstream: 'db1:1921',
        client: { address: '172.16.3.39', port: 37999 },
        via: null,
        requested_at: '2013-10-15T08:00:05.000Z',
        delivered_at: null,
        delivery_us: null,
        outcome: 'no_effect',
        effect_us: null,
        bytes_after: 4_194_304,
        error: 'connect ECONNREFUSED 172.16.3.150:1921',
        diagnosis: null,
      },
      {
        session: 1,
        statement: 2,
        listener: '0.0.0.0:6432',
        upstream: 'db1:1921',
        client: { address: '172.16.3.39', port: 38000 },
        via: null,
        requested_at: '2013-10-15T08:00:05.500Z',
        delivered_at: '2013-10-15T08:00:05.507Z',
        delivery_us: 7000,
        outcome: 'no_effect',
        effect_us: null,
        bytes_after: 0,
        error: null,
        diagnosis: {
          at: '2013-10-15T08:00:10.512Z',
          pid: 4242,
          verdict: 'stopped',
          sentence: 'It is stopped by a signal.',
          advice: 'Let it go on with kill -CONT 4242.',
          facts: [
            'postgres: o"hara shop\n----------END---------- 172.16.3.39(37961) COPY',
            'samples: 5 × T (stopped)',
          ],
        },
      },
    ],
  };
}
