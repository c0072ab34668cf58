import type {
  ActivityRecord,
  FingerprintRecord,
  FlowRecord,
  ReportRecord,
  SessionSumRecord,
} from '../report/model.ts';
import { BUCKETS } from '../report/fingerprint_record.ts';
import type { Description, Sample } from './exposition.ts';

/** One metric about the whole proxy. */
interface ProxyMetric extends Description {
  readonly type: 'counter' | 'gauge' | 'info';
  /** The labels of its samples, for the documentation. */
  readonly labels: readonly string[];
  readonly samples: (report: ReportRecord) => readonly Sample[];
}

/** One metric of each exported statement. */
interface StatementMetric extends Description {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: (record: FingerprintRecord) => number;
}

type Direction = 'R' | 'S';

const DIRECTIONS = [
  ['R', 'received', 'received by the server'],
  ['S', 'sent', 'sent by the server'],
] as const;

const TIMES = [
  ['active', 'active_us', "It was the server's turn."],
  ['idle', 'idle_us', "It was the client's turn."],
  [
    'idle_in_transaction',
    'idle_in_transaction_us',
    'Of the idle time: within a transaction, so that its locks were held.',
  ],
  ['client_stall', 'client_stall_us', 'The client did not take what the server sent.'],
  ['server_stall', 'server_stall_us', 'The server did not take what the client sent.'],
] as const;

const seconds = (us: number): number => us / 1_000_000;

/** Of the totals of each direction. */
function flowMetrics(): ProxyMetric[] {
  return DIRECTIONS.flatMap(([direction, name, words]) => {
    const of = (figure: keyof FlowRecord) => (report: ReportRecord) => [
      { value: report.totals[direction][figure] },
    ];
    const common = { type: 'counter', unit: null, labels: [] } as const;
    return [
      {
        ...common,
        name: `pgnetflow_${name}_bytes`,
        unit: 'bytes' as const,
        help: `Protocol bytes ${words}, of all sessions.`,
        samples: of('bytes'),
      },
      {
        ...common,
        name: `pgnetflow_${name}_messages`,
        help: `Protocol messages ${words}, of all sessions.`,
        samples: of('messages'),
      },
      {
        ...common,
        name: `pgnetflow_${name}_reads`,
        help: `Socket reads that brought bytes ${words}.`,
        samples: of('reads'),
      },
      {
        ...common,
        name: `pgnetflow_${name}_writes`,
        help: `Socket writes that handed on bytes ${words}.`,
        samples: of('writes'),
      },
    ];
  });
}

const STATES = [
  'starting',
  'active',
  'idle',
  'idle in transaction',
  'idle in transaction (aborted)',
] as const satisfies ActivityRecord['state'][];

/** Metrics of the whole proxy, from a report. */
export const PROXY_METRICS: readonly ProxyMetric[] = [
  ...flowMetrics(),
  {
    name: 'pgnetflow_open_sessions',
    type: 'gauge',
    unit: null,
    labels: ['state'],
    help: 'Sessions that have not ended, by what they do, in the words of pg_stat_activity.',
    samples: ({ sessions }) =>
      STATES.map((state) => ({
        labels: { state },
        value: sessions.filter(({ activity }) => activity?.state === state).length,
      })),
  },
  {
    name: 'pgnetflow_sessions',
    type: 'counter',
    unit: null,
    labels: [],
    help: 'Sessions that have begun.',
    samples: ({ sessions, dropped }) => [{ value: sessions.length + dropped.sessions }],
  },
  {
    name: 'pgnetflow_unbalanced_sessions',
    type: 'gauge',
    unit: null,
    labels: [],
    help: 'Sessions whose books do not add up. Anything but 0 is a defect of pgnetflow: please report it.',
    samples: ({ sessions, dropped }) => [
      { value: dropped.unbalanced + sessions.filter(({ balanced }) => !balanced).length },
    ],
  },
  {
    name: 'pgnetflow_folded_sessions',
    type: 'counter',
    unit: null,
    labels: [],
    help: 'Ended sessions that are not kept one by one (--max-sessions-kept); the totals hold their figures.',
    samples: ({ dropped }) => [{ value: dropped.sessions }],
  },
  {
    name: 'pgnetflow_folded_statements',
    type: 'counter',
    unit: null,
    labels: [],
    help: 'How often a normalized statement was added to the others for lack of room (--max-fingerprints).',
    samples: ({ statements }) => [{ value: statements.at(-1)?.folded ?? 0 }],
  },
  {
    name: 'pgnetflow_cancels',
    type: 'counter',
    unit: null,
    labels: [],
    help: 'Cancel requests that have come in.',
    samples: ({ cancels, dropped }) => [{ value: cancels.length + dropped.cancels }],
  },
  {
    name: 'pgnetflow_refused',
    type: 'counter',
    unit: null,
    labels: ['what'],
    help: 'Clients and cancel requests turned away because a limit was reached (--max-connections, --max-cancels).',
    samples: ({ refused }) => Object.entries(refused).map(([what, value]) => ({ labels: { what }, value })),
  },
  {
    name: 'pgnetflow_lost_threads',
    type: 'counter',
    unit: null,
    labels: [],
    help: 'Relay threads that ended before pgnetflow did. Anything but 0 is a defect of pgnetflow: please report it.',
    samples: ({ lost_threads }) => [{ value: lost_threads.length }],
  },
  {
    name: 'pgnetflow_kernel_sessions',
    type: 'gauge',
    unit: null,
    labels: ['verdict'],
    help: "Listed sessions by what the kernel's own count says of them; without a helper there are none.",
    samples: ({ kernel }) =>
      Object.entries(kernel?.sessions ?? {}).map(([verdict, value]) => ({ labels: { verdict }, value })),
  },
  {
    name: 'pgnetflow_build',
    type: 'info',
    unit: null,
    labels: ['version'],
    help: 'The version of pgnetflow that runs.',
    samples: ({ version }) => [{ labels: { version }, value: 1 }],
  },
];

/** One metric of the sessions of each database and user. */
interface DatabaseMetric extends Description {
  readonly type: 'counter' | 'gauge';
  readonly value: (sum: SessionSumRecord) => number;
}

/** Metrics of the sessions of each database and user, those that have ended included. They add up to the totals. */
export const DATABASE_METRICS: readonly DatabaseMetric[] = [
  {
    name: 'pgnetflow_database_open_sessions',
    type: 'gauge',
    unit: null,
    help: 'Sessions that have not ended.',
    value: ({ open }) => open,
  },
  {
    name: 'pgnetflow_database_sessions',
    type: 'counter',
    unit: null,
    help: 'Sessions that have begun.',
    // One that has not said yet who it is will be counted where it belongs.
    value: ({ database, sessions, open }) => (database === null ? sessions - open : sessions),
  },
  {
    name: 'pgnetflow_database_statements',
    type: 'counter',
    unit: null,
    help: 'Statements, those under way included.',
    value: ({ statements }) => statements,
  },
  {
    name: 'pgnetflow_database_transactions',
    type: 'counter',
    unit: null,
    help: 'Transactions that have ended, those of single statements included.',
    value: ({ transactions }) => transactions,
  },
  {
    name: 'pgnetflow_database_roundtrips',
    type: 'counter',
    unit: null,
    help: 'How often the client sent and waited. When it rises and the statements do not, clients fetch in small pieces.',
    value: ({ roundtrips }) => roundtrips,
  },
  ...DIRECTIONS.flatMap(([direction, name, words]): DatabaseMetric[] => [
    {
      name: `pgnetflow_database_${name}_bytes`,
      type: 'counter',
      unit: 'bytes',
      help: `Protocol bytes ${words}.`,
      value: (sum) => sum[direction].bytes,
    },
    {
      name: `pgnetflow_database_${name}_messages`,
      type: 'counter',
      unit: null,
      help: `Protocol messages ${words}.`,
      value: (sum) => sum[direction].messages,
    },
  ]),
  ...TIMES.map(([name, figure, help]): DatabaseMetric => ({
    name: `pgnetflow_database_${name}_seconds`,
    type: 'counter',
    unit: 'seconds',
    help,
    value: ({ time }) => seconds(time[figure]),
  })),
];

function flowFigure(direction: Direction, figure: keyof FlowRecord): StatementMetric['value'] {
  return (record) => record[direction][figure];
}

/** Metrics of each exported statement, from its cumulative figures. Each is a counter. */
export const STATEMENT_METRICS: readonly StatementMetric[] = [
  {
    name: 'pgnetflow_statement_calls',
    unit: null,
    help: 'Executions.',
    value: ({ calls }) => calls,
  },
  {
    name: 'pgnetflow_statement_prepares',
    unit: null,
    help: 'Statements that prepared or described the text, and executed nothing.',
    value: ({ prepares }) => prepares,
  },
  ...(['ok', 'error', 'cancelled', 'aborted', 'open'] as const).map((outcome): StatementMetric => ({
    name: 'pgnetflow_statement_outcomes',
    unit: null,
    help: 'Executions and prepares by how they ended. aborted: never answered.',
    labels: { outcome },
    value: ({ outcomes }) => outcomes[outcome],
  })),
  {
    name: 'pgnetflow_statement_roundtrips',
    unit: null,
    help: 'Round trips that began with it. More than one of a call: it is fetched in pieces.',
    value: ({ roundtrips }) => roundtrips,
  },
  {
    name: 'pgnetflow_statement_rows',
    unit: null,
    help: 'Rows sent, or taken, as the command tags say.',
    value: ({ rows }) => rows,
  },
  ...DIRECTIONS.flatMap(([direction, name, words]): StatementMetric[] => [
    {
      name: `pgnetflow_statement_${name}_bytes`,
      unit: 'bytes',
      help: `Protocol bytes ${words}.`,
      value: flowFigure(direction, 'bytes'),
    },
    {
      name: `pgnetflow_statement_${name}_messages`,
      unit: null,
      help: `Protocol messages ${words}.`,
      value: flowFigure(direction, 'messages'),
    },
  ]),
  {
    name: 'pgnetflow_statement_time_seconds',
    unit: 'seconds',
    help: 'Duration of the executions: from the first request byte seen to the last reply byte handed on.',
    value: ({ total_us }) => seconds(total_us),
  },
  {
    name: 'pgnetflow_statement_prepare_time_seconds',
    unit: 'seconds',
    help: 'Duration of the prepares.',
    value: ({ prepare_us }) => seconds(prepare_us),
  },
  {
    name: 'pgnetflow_statement_first_byte_seconds',
    unit: 'seconds',
    help: 'Of the duration: until the first reply byte. When it rises, the server takes longer to begin.',
    value: ({ first_byte_us }) => seconds(first_byte_us),
  },
  {
    name: 'pgnetflow_statement_client_stall_seconds',
    unit: 'seconds',
    help: 'The client did not take what the server sent. When it rises, look at the client and its network.',
    value: ({ client_stall_us }) => seconds(client_stall_us),
  },
  {
    name: 'pgnetflow_statement_server_stall_seconds',
    unit: 'seconds',
    help: 'The server did not take what the client sent. When it rises, the server is slow to take data, as in a COPY.',
    value: ({ server_stall_us }) => seconds(server_stall_us),
  },
  {
    name: 'pgnetflow_statement_client_wait_seconds',
    unit: 'seconds',
    help: "The server had answered all it could, and waited for the client's next message within the statement.",
    value: ({ client_wait_us }) => seconds(client_wait_us),
  },
];

/** One histogram of the calls of each exported statement. */
export interface StatementHistogram extends Description {
  /** In the unit of the metric. */
  readonly bounds: readonly number[];
  /** How many calls were at most each of them. */
  readonly counts: (record: FingerprintRecord) => readonly number[];
  /** Of all calls; null where that is not known. */
  readonly sum: ((record: FingerprintRecord) => number) | null;
}

export const STATEMENT_HISTOGRAMS: readonly StatementHistogram[] = [
  {
    name: 'pgnetflow_statement_duration_seconds',
    unit: 'seconds',
    help: 'Duration of each call; bounds are met within 1 %.',
    bounds: BUCKETS.duration_us.map(seconds),
    counts: ({ histograms }) => histograms?.duration_us ?? BUCKETS.duration_us.map(() => 0),
    sum: ({ total_us }) => seconds(total_us),
  },
  {
    name: 'pgnetflow_statement_call_sent_bytes',
    unit: 'bytes',
    help: 'Protocol bytes sent by the server for each call; bounds are met within 1 %.',
    bounds: BUCKETS.S_bytes,
    counts: ({ histograms }) => histograms?.S_bytes ?? BUCKETS.S_bytes.map(() => 0),
    // Those of prepares are in S.bytes, too.
    sum: null,
  },
];

/** How much of a text the info metric holds. */
export const MAX_QUERY_CHARACTERS = 256;

export const STATEMENT_INFO: Description = {
  name: 'pgnetflow_statement',
  unit: null,
  help: `The normal form of each exported statement, without its constants, and cut after ${MAX_QUERY_CHARACTERS} characters.`,
};
