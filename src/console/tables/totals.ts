import type { SessionSumRecord } from '../../report/model.ts';
import { type Column, consoleTable, milliseconds } from '../table.ts';

const count = (
  name: string,
  help: string,
  of: (row: SessionSumRecord) => number,
): Column<SessionSumRecord> => ({
  name,
  type: 'int8',
  help,
  value: of,
});
const time = (
  name: string,
  help: string,
  of: (row: SessionSumRecord) => number,
): Column<SessionSumRecord> => ({
  name,
  type: 'float8',
  help,
  value: (row) => milliseconds(of(row)),
});

export const TOTALS_VIEW = consoleTable<SessionSumRecord>({
  name: 'totals',
  isView: true,
  help: 'One row for each database and user: what all their sessions have moved, those that are not kept included',
  of: ({ report }) => report.databases,
  columns: [
    {
      name: 'datname',
      type: 'name',
      help: 'database; null for sessions that never named one, and for what was added up',
      value: ({ database }) => database,
    },
    { name: 'usename', type: 'name', help: 'user', value: ({ user }) => user },
    count('sessions', 'sessions, ended ones included', ({ sessions }) => sessions),
    count('open_sessions', 'of these, those that have not ended', ({ open }) => open),
    count('statements', 'statements begun', ({ statements }) => statements),
    count('transactions', 'transactions that have ended', ({ transactions }) => transactions),
    count('roundtrips', 'round trips', ({ roundtrips }) => roundtrips),
    count('bytes_received', 'protocol bytes that the server has received (R)', ({ R }) => R.bytes),
    count('bytes_sent', 'protocol bytes that the server has sent (S)', ({ S }) => S.bytes),
    count('messages_received', 'messages that the server has received', ({ R }) => R.messages),
    count('messages_sent', 'messages that the server has sent', ({ S }) => S.messages),
    time('active_time', "milliseconds in which it was the server's turn", (row) => row.time.active_us),
    time('idle_time', "milliseconds in which it was the client's turn", (row) => row.time.idle_us),
    time(
      'idle_in_transaction_time',
      'of these, milliseconds within a transaction',
      (row) => row.time.idle_in_transaction_us,
    ),
    time(
      'client_stall_time',
      'milliseconds in which clients did not take what the server had sent',
      (row) => row.time.client_stall_us,
    ),
    time(
      'server_stall_time',
      'milliseconds in which the server did not take what clients had sent',
      (row) => row.time.server_stall_us,
    ),
  ],
});
