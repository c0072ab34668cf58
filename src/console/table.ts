import type { ReportRecord, SessionIdentity } from '../report/model.ts';

/** Types of columns: counters are int8, times float8 milliseconds, moments timestamptz. */
export type SqlType =
  'bool' | 'int4' | 'int8' | 'float8' | 'numeric' | 'text' | 'name' | 'inet' | 'timestamptz';

export type SqlValue = string | number | boolean | null;

/** A column, told once: the view, its comment in `\d+`, SHOW and the documentation are made from this. */
export interface Column<Row> {
  readonly name: string;
  readonly type: SqlType;
  readonly help: string;
  readonly value: (row: Row) => SqlValue;
}

/** Who looks, and so what may be seen: asked of the server, as pg_stat_activity asks it. */
export interface Viewer {
  /** Member of `pg_read_all_stats`, as those of `pg_monitor` are, or superuser. */
  readonly seesAll: boolean;
  /** Roles whose privileges the current role has. */
  readonly roles: ReadonlySet<string>;
  /** The server that has said so, which knows nothing of the roles of another. */
  readonly upstream: string | null;
  /** There is no other. */
  readonly isOnlyServer: boolean;
}

/** What the rows of a table are made from. */
export interface Look {
  readonly report: ReportRecord;
  readonly viewer: Viewer;
  readonly settings: readonly ShownSetting[];
}

/** A setting as `SHOW CONFIG` has it. */
export interface ShownSetting {
  readonly name: string;
  readonly value: string;
  readonly default: string;
}

/** What can be asked of the console: by its name behind SHOW, and as a view `netflow_NAME` if it is one. */
export interface ConsoleTable {
  /** Lower case, `_` between words. */
  readonly name: string;
  readonly isView: boolean;
  readonly help: string;
  readonly columns: readonly { readonly name: string; readonly type: SqlType; readonly help: string }[];
  /** One object for each row, by column names, ready for JSON; each is made when it is asked for. */
  rows(look: Look): Iterable<Record<string, SqlValue>>;
}

/** Ties a table's columns to what its rows are made of. */
export function consoleTable<Row>(definition: {
  readonly name: string;
  readonly isView?: boolean;
  readonly help: string;
  readonly columns: readonly Column<Row>[];
  readonly of: (look: Look) => Iterable<Row>;
}): ConsoleTable {
  const { name, isView = false, help, columns, of } = definition;
  return {
    name,
    isView,
    help,
    columns,
    *rows(look) {
      for (const row of of(look))
        yield Object.fromEntries(columns.map((column) => [column.name, column.value(row)]));
    },
  };
}

export const HIDDEN = '<insufficient privilege>';

/** Whether what a session does, and its texts, may be seen: one's own, and that of roles one has the privileges of. */
export function maySee(
  { seesAll, roles, upstream: own }: Viewer,
  { user, upstream }: Pick<SessionIdentity, 'user' | 'upstream'>,
): boolean {
  return upstream === own && (seesAll || (user !== null && roles.has(user)));
}

/** Whether what is told of all users together may be seen. */
export function maySeeAll({ seesAll, isOnlyServer }: Viewer): boolean {
  return seesAll && isOnlyServer;
}

export function milliseconds(us: number): number {
  return us / 1000;
}

/** Items by what they have in common, in the order in which they first come. */
export function groupBy<Item, Key>(items: readonly Item[], keyOf: (item: Item) => Key): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
