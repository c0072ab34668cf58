import type { CancelRecord, FingerprintRecord } from '../../report/model.ts';
import { type Column, consoleTable, HIDDEN, type Look, maySeeAll, milliseconds } from '../table.ts';

interface StatementRow extends FingerprintRecord {
  readonly isVisible: boolean;
  readonly since: string;
}

const time = (
  name: string,
  help: string,
  of: (row: FingerprintRecord) => number | null,
): Column<StatementRow> => ({
  name,
  type: 'float8',
  help,
  value: (row) => {
    const us = of(row);
    return us === null ? null : milliseconds(us);
  },
});

const count = (
  name: string,
  help: string,
  of: (row: FingerprintRecord) => number | null,
): Column<StatementRow> => ({
  name,
  type: 'int8',
  help,
  value: of,
});

/** Per call, or null without calls. */
const each = (sum: number, { calls }: FingerprintRecord): number | null =>
  calls === 0 ? null : Math.round(sum / calls);

export const STATEMENTS = consoleTable<StatementRow>({
  name: 'statements',
  isView: true,
  help: 'One row for each normalized statement: cumulative figures of all its executions, by all users',
  // They are those of all users together: who may not see others' texts sees none.
  of: function* ({ report, viewer }: Look) {
    for (const row of report.statements)
      yield { ...row, isVisible: maySeeAll(viewer), since: report.stats_since };
  },
  columns: [
    {
      name: 'fingerprint',
      type: 'text',
      help: '16 hexadecimal digits, the same for statements that differ in constants only; null for what was added up',
      value: ({ fingerprint, isVisible }) => (isVisible ? fingerprint : null),
    },
    {
      name: 'query',
      type: 'text',
      help: 'the text without its constants; (other) for what was added up',
      value: ({ query, isVisible, fingerprint }) =>
        fingerprint === null ? '(other)' : isVisible ? query : HIDDEN,
    },
    count('calls', 'executions', ({ calls }) => calls),
    count(
      'prepares',
      'statements that prepared or described it, and executed nothing',
      ({ prepares }) => prepares,
    ),
    count(
      'errors',
      'calls and prepares that the server answered with an error, cancels included',
      ({ errors }) => errors,
    ),
    count('rows', 'rows returned or affected', ({ rows }) => rows),
    count(
      'roundtrips',
      'round trips that began with it; many more than pages or jobs: somebody asks row by row',
      ({ roundtrips }) => roundtrips,
    ),
    count('bytes_received', 'bytes that the server has received for it (R)', ({ R }) => R.bytes),
    count('bytes_sent', 'bytes that the server has sent for it (S): the egress bill', ({ S }) => S.bytes),
    count('messages_received', 'messages that the server has received for it', ({ R }) => R.messages),
    count('messages_sent', 'messages that the server has sent for it', ({ S }) => S.messages),
    count('mean_bytes_sent', 'bytes sent per call', (row) => each(row.S.bytes, row)),
    count('p95_bytes_sent', '95 of 100 calls sent no more bytes, within 1 %', ({ calls, S_bytes: bytes }) =>
      calls === 0 ? null : bytes.p95,
    ),
    count('bytes_per_row', 'bytes sent per row', ({ S, rows }) =>
      rows === 0 ? null : Math.round(S.bytes / rows),
    ),
    time(
      'total_time',
      'milliseconds of all calls, from the first request byte to the last reply byte',
      (row) => row.total_us,
    ),
    time('mean_time', 'milliseconds per call', ({ mean_us: mean }) => mean),
    time(
      'p50_time',
      'half of the calls took no longer, milliseconds within 1 %',
      ({ calls, duration_us: all }) => (calls === 0 ? null : all.p50),
    ),
    time(
      'p95_time',
      '95 of 100 calls took no longer, milliseconds within 1 %',
      ({ calls, duration_us: all }) => (calls === 0 ? null : all.p95),
    ),
    time(
      'p99_time',
      '99 of 100 calls took no longer, milliseconds within 1 %',
      ({ calls, duration_us: all }) => (calls === 0 ? null : all.p99),
    ),
    time('max_time', 'milliseconds of the longest call', ({ calls, duration_us: all }) =>
      calls === 0 ? null : all.max,
    ),
    time(
      'first_byte_time',
      'milliseconds from the first request byte to the first reply byte: the server',
      (row) => row.first_byte_us,
    ),
    time(
      'client_stall_time',
      'milliseconds in which clients did not take what was sent: they, or their network',
      (row) => row.client_stall_us,
    ),
    time(
      'server_stall_time',
      'milliseconds in which the server did not take what clients had sent',
      (row) => row.server_stall_us,
    ),
    time(
      'client_wait_time',
      'milliseconds within statements in which the server waited for the client',
      (row) => row.client_wait_us,
    ),
    {
      name: 'first_seen',
      type: 'timestamptz',
      help: 'when its first byte moved',
      value: ({ first_at: at }) => at,
    },
    {
      name: 'last_seen',
      type: 'timestamptz',
      help: 'when its last byte moved',
      value: ({ last_at: at }) => at,
    },
    {
      name: 'stats_since',
      type: 'timestamptz',
      help: 'when the figures were 0',
      value: ({ since }) => since,
    },
  ],
});

export const CANCELS = consoleTable<CancelRecord & { readonly isVisible: boolean }>({
  name: 'cancels',
  isView: true,
  help: 'One row for each of the latest cancel requests: what became of it',
  of: ({ report, viewer }) =>
    report.cancels.map((cancel) => ({
      ...cancel,
      isVisible: viewer.seesAll && cancel.upstream === viewer.upstream,
    })),
  columns: [
    {
      name: 'session',
      type: 'int8',
      help: 'the session it was for; null when no session has, or had, its key',
      value: ({ session }) => session,
    },
    {
      name: 'statement',
      type: 'int8',
      help: 'number of the statement that was being answered; null when none was',
      value: ({ statement }) => statement,
    },
    {
      name: 'client',
      type: 'text',
      help: 'where it came from',
      value: ({ client, isVisible }) => (isVisible ? `${client.address}:${client.port}` : null),
    },
    { name: 'requested_at', type: 'timestamptz', help: 'when it came', value: ({ requested_at: at }) => at },
    {
      name: 'delivered_at',
      type: 'timestamptz',
      help: 'when the server had taken it; null when it could not be delivered',
      value: ({ delivered_at: at }) => at,
    },
    {
      name: 'outcome',
      type: 'text',
      help: 'cancelled, finished_first, no_effect, session_gone or unknown_key',
      value: ({ outcome }) => outcome,
    },
    {
      name: 'effect_time',
      type: 'float8',
      help: "milliseconds until the server's error 57014 was read; null without",
      value: ({ effect_us: us }) => (us === null ? null : milliseconds(us)),
    },
    {
      name: 'bytes_after',
      type: 'int8',
      help: 'what the server still sent for the statement after the request',
      value: ({ bytes_after: bytes }) => bytes,
    },
    { name: 'error', type: 'text', help: 'why it could not be delivered', value: ({ error }) => error },
    {
      name: 'diagnosis',
      type: 'text',
      help: 'why the backend did not react, if it did not',
      value: ({ diagnosis, isVisible }) => (isVisible ? (diagnosis?.sentence ?? null) : null),
    },
  ],
});
