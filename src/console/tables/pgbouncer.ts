// The commands that PgBouncer has, with its columns first, in its order and of its types, so that exporters and dashboards made
// for it work unchanged (PgBouncer 1.18, src/admin.c and src/stats.c). What has no counterpart here is 0, or null.
import { packageVersion } from '../../package_version.ts';
import type { ReportRecord, SessionRecord, SessionSumRecord } from '../../report/model.ts';
import { type Column, consoleTable, groupBy, type Look, maySee } from '../table.ts';

/** What the sessions of one database have moved. */
interface DatabaseRow {
  readonly database: string;
  readonly transactions: number;
  readonly statements: number;
  readonly R: number;
  readonly S: number;
  readonly transactionUs: number;
  readonly activeUs: number;
  readonly roundtrips: number;
  readonly clientStallUs: number;
  readonly serverStallUs: number;
  /** Seconds since all figures were 0. */
  readonly uptime: number;
}

function uptimeOf({ stats_since: from, ended_at: to }: ReportRecord): number {
  return Math.max((Date.parse(to) - Date.parse(from)) / 1000, 0.001);
}

function addUp(database: string, rows: readonly SessionSumRecord[], uptime: number): DatabaseRow {
  const sum = (of: (row: SessionSumRecord) => number): number =>
    rows.reduce((total, row) => total + of(row), 0);
  return {
    database,
    transactions: sum((row) => row.transactions),
    statements: sum((row) => row.statements),
    R: sum((row) => row.R.bytes),
    S: sum((row) => row.S.bytes),
    transactionUs: sum(({ time }) => time.active_us + time.idle_in_transaction_us),
    activeUs: sum(({ time }) => time.active_us),
    roundtrips: sum((row) => row.roundtrips),
    clientStallUs: sum(({ time }) => time.client_stall_us),
    serverStallUs: sum(({ time }) => time.server_stall_us),
    uptime,
  };
}

function databaseRows({ report }: Look): DatabaseRow[] {
  const byName = groupBy(report.databases, ({ database }) => database ?? '(other)');
  const uptime = uptimeOf(report);
  return [...byName].map(([name, rows]) => addUp(name, rows, uptime));
}

const numeric = <Row>(name: string, help: string, value: (row: Row) => number): Column<Row> => ({
  name,
  type: 'numeric',
  help,
  value,
});
const int4 = <Row>(name: string, help: string, value: (row: Row) => number | null): Column<Row> => ({
  name,
  type: 'int4',
  help,
  value,
});
const text = <Row>(name: string, help: string, value: (row: Row) => string | null): Column<Row> => ({
  name,
  type: 'text',
  help,
  value,
});

const FIGURES: readonly (readonly [name: string, help: string, of: (row: DatabaseRow) => number])[] = [
  ['xact_count', 'transactions that have ended', (row) => row.transactions],
  ['query_count', 'statements', (row) => row.statements],
  ['received', 'bytes received from clients', (row) => row.R],
  ['sent', 'bytes sent to clients', (row) => row.S],
  ['xact_time', 'microseconds in transactions', (row) => row.transactionUs],
  ['query_time', "microseconds in which it was the server's turn", (row) => row.activeUs],
  ['wait_time', '0: no client waits for a server connection here', () => 0],
];

const perSecond = (of: (row: DatabaseRow) => number, row: DatabaseRow): number =>
  Math.round(of(row) / row.uptime);
/** Of times PgBouncer's averages are for each transaction or statement, of all else for each second. */
const average =
  (name: string, of: (row: DatabaseRow) => number) =>
  (row: DatabaseRow): number => {
    const by = name === 'xact_time' ? row.transactions : name === 'query_time' ? row.statements : null;
    if (by === null) return perSecond(of, row);
    return by === 0 ? 0 : Math.round(of(row) / by);
  };

const DATABASE = text<DatabaseRow>('database', 'database', ({ database }) => database);
const OURS: readonly Column<DatabaseRow>[] = [
  { name: 'roundtrips', type: 'int8', help: 'round trips', value: ({ roundtrips }) => roundtrips },
  {
    name: 'client_stall_time',
    type: 'float8',
    help: 'milliseconds in which clients did not take what the server had sent',
    value: ({ clientStallUs }) => clientStallUs / 1000,
  },
  {
    name: 'server_stall_time',
    type: 'float8',
    help: 'milliseconds in which the server did not take what clients had sent',
    value: ({ serverStallUs }) => serverStallUs / 1000,
  },
];
const shortName = (name: string): string => (name === 'received' ? 'recv' : name);
const longName = (name: string): string => (name === 'received' || name === 'sent' ? `bytes_${name}` : name);

const STATS = consoleTable<DatabaseRow>({
  name: 'stats',
  help: 'Totals and averages by database, since pgnetflow started; as in PgBouncer',
  of: databaseRows,
  columns: [
    DATABASE,
    ...FIGURES.map(([name, help, of]) => numeric(`total_${name}`, help, of)),
    ...FIGURES.map(([name, help, of]) =>
      numeric(`avg_${shortName(name)}`, `average: ${help}`, average(name, of)),
    ),
    numeric(
      'total_requests',
      'statements, as PgBouncer before 1.8 called them',
      ({ statements }) => statements,
    ),
    ...OURS,
  ],
});

const STATS_TOTALS = consoleTable<DatabaseRow>({
  name: 'stats_totals',
  help: 'Totals by database; as in PgBouncer',
  of: databaseRows,
  columns: [DATABASE, ...FIGURES.map(([name, help, of]) => numeric(longName(name), help, of)), ...OURS],
});

const STATS_AVERAGES = consoleTable<DatabaseRow>({
  name: 'stats_averages',
  help: 'Averages by database; as in PgBouncer, but since pgnetflow started',
  of: databaseRows,
  columns: [DATABASE, ...FIGURES.map(([name, help, of]) => numeric(longName(name), help, average(name, of)))],
});

interface TotalRow {
  readonly name: string;
  readonly value: number;
}

const TOTALS = consoleTable<TotalRow>({
  name: 'totals',
  help: 'All databases together, a row for each figure; as in PgBouncer',
  of: ({ report }) => {
    const all = addUp('', report.databases, uptimeOf(report));
    return [
      ...FIGURES.map(([name, , of]) => ({ name: `total_${name}`, value: of(all) })),
      ...FIGURES.map(([name, , of]) => ({ name: `avg_${shortName(name)}`, value: average(name, of)(all) })),
      { name: 'roundtrips', value: all.roundtrips },
    ];
  },
  columns: [text('name', 'figure', ({ name }) => name), numeric('value', 'its value', ({ value }) => value)],
});

/** One end of a session: its client, or its connection to the server. */
interface SocketRow {
  readonly session: SessionRecord;
  readonly leg: 'client' | 'server';
  readonly isVisible: boolean;
}

function socketRows(leg: SocketRow['leg']) {
  return ({ report, viewer }: Look): SocketRow[] =>
    report.sessions
      .filter(({ ended_at: endedAt, server }) => endedAt === null && (leg === 'client' || server !== null))
      .map((session) => ({ session, leg, isVisible: maySee(viewer, session) }));
}

const utc = (timestamp: string): string => `${timestamp.slice(0, 19).replace('T', ' ')} UTC`;
const socketName = ({ session: { id } }: SocketRow, leg: 'client' | 'server'): string => `${leg}-${id}`;

const SOCKET_COLUMNS: readonly Column<SocketRow>[] = [
  text('type', 'C: client, S: server', ({ leg }) => (leg === 'client' ? 'C' : 'S')),
  text('user', 'user', ({ session }) => session.user),
  text('database', 'database', ({ session }) => session.database),
  text(
    'state',
    'active; of a connection to the server idle when the server owes no answer',
    ({ session, leg }) => (leg === 'server' && session.activity?.state === 'idle' ? 'idle' : 'active'),
  ),
  text('addr', 'address of the other end', ({ session, leg, isVisible }) =>
    isVisible ? (leg === 'client' ? session.client.address : (session.server?.address ?? null)) : null,
  ),
  int4('port', 'port of the other end', ({ session, leg, isVisible }) =>
    isVisible ? (leg === 'client' ? session.client.port : (session.server?.port ?? null)) : null,
  ),
  text('local_addr', 'our address', ({ session, leg }) => session.wire[leg].local?.address ?? null),
  int4('local_port', 'our port', ({ session, leg }) => session.wire[leg].local?.port ?? null),
  text('connect_time', 'when the client came', ({ session }) => utc(session.started_at)),
  text('request_time', 'when the turn changed last', ({ session }) =>
    utc(session.activity?.changed_at ?? session.started_at),
  ),
  int4('wait', '0: no client waits for a server connection here', () => 0),
  int4('wait_us', '0', () => 0),
  int4('close_needed', '0', () => 0),
  text('ptr', 'name of this connection', (row) => socketName(row, row.leg)),
  text('link', 'name of the other connection of the session', (row) =>
    socketName(row, row.leg === 'client' ? 'server' : 'client'),
  ),
  int4('remote_pid', 'process id of the backend', ({ session, leg }) =>
    leg === 'server' ? session.backend_pid : 0,
  ),
  text('tls', 'protocol and cipher of TLS; empty without', ({ session, leg }) => {
    const { tls } = session.wire[leg];
    return tls === null ? '' : `${tls.protocol ?? ''}/${tls.cipher ?? ''}`;
  }),
  text('application_name', 'application_name', ({ session }) => session.application_name),
  { name: 'session', type: 'int8', help: 'number of the session', value: ({ session }) => session.id },
  {
    name: 'bytes_in',
    type: 'int8',
    help: 'bytes read from this socket',
    value: ({ session, leg }) => session.wire[leg].bytes_in,
  },
  {
    name: 'bytes_out',
    type: 'int8',
    help: 'bytes written to this socket',
    value: ({ session, leg }) => session.wire[leg].bytes_out,
  },
];

const CLIENTS = consoleTable<SocketRow>({
  name: 'clients',
  help: 'One row for each client; as in PgBouncer',
  of: socketRows('client'),
  columns: SOCKET_COLUMNS,
});

const SERVERS = consoleTable<SocketRow>({
  name: 'servers',
  help: 'One row for each connection to a server; as in PgBouncer',
  of: socketRows('server'),
  columns: SOCKET_COLUMNS,
});

interface PoolRow {
  readonly database: string | null;
  readonly user: string | null;
  readonly sessions: readonly SessionRecord[];
}

function poolRows({ report }: Look): PoolRow[] {
  const open = report.sessions.filter(({ ended_at: endedAt, user }) => endedAt === null && user !== null);
  const pools = groupBy(open, ({ database, user }) => JSON.stringify([database, user]));
  return [...pools.values()].map((sessions) => ({
    database: sessions[0]!.database,
    user: sessions[0]!.user,
    sessions,
  }));
}

const none = (name: string): Column<PoolRow> => int4(name, '0', () => 0);

const POOLS = consoleTable<PoolRow>({
  name: 'pools',
  help: 'One row for each database and user with open sessions; as in PgBouncer. Each session has its own server connection',
  of: poolRows,
  columns: [
    text('database', 'database', ({ database }) => database),
    text('user', 'user', ({ user }) => user),
    int4('cl_active', 'clients', ({ sessions }) => sessions.length),
    none('cl_waiting'),
    none('cl_active_cancel_req'),
    none('cl_waiting_cancel_req'),
    int4(
      'sv_active',
      'server connections whose server owes an answer',
      ({ sessions }) => sessions.filter(({ activity }) => activity?.state === 'active').length,
    ),
    none('sv_active_cancel'),
    none('sv_being_canceled'),
    int4(
      'sv_idle',
      'server connections whose client has the turn',
      ({ sessions }) => sessions.filter(({ activity }) => activity?.state.startsWith('idle') === true).length,
    ),
    none('sv_used'),
    none('sv_tested'),
    int4(
      'sv_login',
      'server connections that log in',
      ({ sessions }) => sessions.filter(({ activity }) => activity?.state === 'starting').length,
    ),
    none('maxwait'),
    none('maxwait_us'),
    text('pool_mode', 'session', () => 'session'),
  ],
});

interface ListRow {
  readonly list: string;
  readonly items: number;
}

const LISTS = consoleTable<ListRow>({
  name: 'lists',
  help: 'How many there are of what; as in PgBouncer',
  of: (look) => {
    const { sessions, databases } = look.report;
    const open = sessions.filter(({ ended_at: endedAt }) => endedAt === null);
    const servers = open.filter(({ server }) => server !== null);
    const idle = servers.filter(({ activity }) => activity?.state.startsWith('idle') === true).length;
    const distinct = (names: readonly (string | null)[]): number => new Set(names).size;
    return Object.entries({
      databases: distinct(databases.map(({ database }) => database)),
      users: distinct(databases.map(({ user }) => user)),
      pools: poolRows(look).length,
      free_clients: 0,
      used_clients: open.length,
      login_clients: open.filter(({ activity }) => activity?.state === 'starting').length,
      free_servers: idle,
      used_servers: servers.length - idle,
      dns_names: 0,
      dns_zones: 0,
      dns_queries: 0,
      dns_pending: 0,
    }).map(([list, items]) => ({ list, items }));
  },
  columns: [text('list', 'what', ({ list }) => list), int4('items', 'how many', ({ items }) => items)],
});

interface UpstreamRow {
  readonly name: string;
  readonly host: string | null;
  readonly port: number;
  readonly open: number;
}

const DATABASES = consoleTable<UpstreamRow>({
  name: 'databases',
  help: 'One row for each database that sessions have named; as in PgBouncer',
  of: ({ report }) =>
    [...groupBy(report.databases, ({ database }) => database)].flatMap(([name, rows]) => {
      if (name === null) return [];
      const upstream = report.sessions.find(({ database }) => database === name)?.upstream ?? null;
      const port = Number(/:(\d+)$/.exec(upstream ?? '')?.[1] ?? 0);
      const open = rows.reduce((sum, row) => sum + row.open, 0);
      return [{ name, host: upstream?.replace(/:\d+$/, '') ?? null, port, open }];
    }),
  columns: [
    text('name', 'database', ({ name }) => name),
    text('host', 'where its server is; null when no session of it is kept', ({ host }) => host),
    int4('port', 'port of its server', ({ port }) => port),
    text('database', 'database', ({ name }) => name),
    text('force_user', 'null', () => null),
    int4('pool_size', '0: there is no pool', () => 0),
    int4('min_pool_size', '0', () => 0),
    int4('reserve_pool', '0', () => 0),
    text('pool_mode', 'session', () => 'session'),
    int4('max_connections', '0: --max-connections is for all databases together', () => 0),
    int4('current_connections', 'open sessions', ({ open }) => open),
    int4('paused', '0', () => 0),
    int4('disabled', '0', () => 0),
  ],
});

const USERS = consoleTable<{ readonly user: string }>({
  name: 'users',
  help: 'One row for each user that has come; as in PgBouncer',
  of: ({ report }) =>
    [...new Set(report.databases.map(({ user }) => user))].flatMap((user) =>
      user === null ? [] : [{ user }],
    ),
  columns: [text('name', 'user', ({ user }) => user), text('pool_mode', 'session', () => 'session')],
});

const CONFIG = consoleTable<Look['settings'][number]>({
  name: 'config',
  help: 'The settings of pgnetflow; as in PgBouncer',
  of: ({ settings, viewer }) => (viewer.seesAll ? settings : []),
  columns: [
    text('key', 'name of the setting', ({ name }) => name),
    text('value', 'its value', ({ value }) => value),
    text('default', 'what it is unless given', (setting) => setting.default),
    text('changeable', 'no: settings are read at the start', () => 'no'),
  ],
});

export const SETTINGS_VIEW = consoleTable<Look['settings'][number]>({
  name: 'settings',
  isView: true,
  help: 'The settings of pgnetflow; no rows for whoever may not see all',
  of: ({ settings, viewer }) => (viewer.seesAll ? settings : []),
  columns: [
    text('name', 'name of the setting', ({ name }) => name),
    text('setting', 'its value', ({ value }) => value),
    text('boot_val', 'what it is unless given', (setting) => setting.default),
  ],
});

const VERSION = consoleTable<string>({
  name: 'version',
  help: 'The version of pgnetflow',
  of: () => [`pgnetflow ${packageVersion()}`],
  columns: [text('version', 'name and version', (version) => version)],
});

export const PGBOUNCER_TABLES = [
  STATS,
  STATS_TOTALS,
  STATS_AVERAGES,
  TOTALS,
  CLIENTS,
  SERVERS,
  POOLS,
  LISTS,
  DATABASES,
  USERS,
  CONFIG,
  VERSION,
] as const;
