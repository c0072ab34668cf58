import type { ConsoleTable } from './table.ts';

// All names are schema-qualified: whoever shadows functions or types by search_path or pg_temp gains nothing.

/** The setting that holds the rows of a table, in the server's session. */
export function settingOf({ name, isView }: ConsoleTable): string {
  return isView ? `pgnetflow.${name}` : `pgnetflow.show_${name}`;
}

/** A query of the rows of a table, run by the server itself over what that setting holds. */
export function sourceOf(table: ConsoleTable): string {
  const columns = table.columns.map(({ name, type }) => `${quoted(name)} pg_catalog.${type}`);
  return (
    `SELECT * FROM pg_catalog.json_to_recordset(pg_catalog.current_setting('${settingOf(table)}', true)::pg_catalog.json)` +
    ` AS t(${columns.join(', ')})`
  );
}

/** Makes the views of a session, with comments on all columns. */
export function createViews(views: ReadonlyMap<string, ConsoleTable>): string {
  const commands: string[] = [];
  for (const [name, table] of views) {
    const view = `pg_temp.${name}`;
    commands.push(`CREATE TEMPORARY VIEW ${name} AS ${sourceOf(table)}`);
    // For roles that the client takes on; it is visible in this session only.
    commands.push(`GRANT SELECT ON ${view} TO PUBLIC`);
    commands.push(`COMMENT ON VIEW ${view} IS ${literal(table.help)}`);
    for (const { name: column, help } of table.columns)
      commands.push(`COMMENT ON COLUMN ${view}.${quoted(column)} IS ${literal(help)}`);
  }
  return commands.join(';\n');
}

/** Puts the sources of views in front of a query, for servers on which there can be no views. Null: it takes none there. */
export function withSources(query: string, views: ReadonlyMap<string, ConsoleTable>): string | null {
  const sources = [...views].map(([name, table]) => `${name} AS (${sourceOf(table)})`).join(', ');
  const found = QUERY_BEGINS.exec(query);
  if (found === null) return null;
  const [beginning, , verb] = found;
  const before = query.slice(0, beginning.length - verb!.length);
  const behind = query.slice(beginning.length);
  const recursive = /^\s+recursive\b/i.exec(behind)?.[0];
  if (/^with$/i.test(verb!)) {
    return recursive === undefined
      ? `${before}WITH ${sources}, ${behind}`
      : `${before}WITH RECURSIVE ${sources}, ${behind.slice(recursive.length)}`;
  }
  return `${before}WITH ${sources} ${verb}${behind}`;
}

const SPACE = String.raw`(?:\s|--[^\n]*\n|/\*(?:[^*]|\*(?!/))*\*/)*`;
/** EXPLAIN with its options, in parentheses or bare. Other parentheses begin a query. */
const EXPLAIN = String.raw`explain\b${SPACE}(?:\((?!${SPACE}(?:select|with|table|values|\())[^()]*\)${SPACE}|(?:analyze|analyse|verbose)\b${SPACE})*`;
/**
 * What may stand before a query: nothing, EXPLAIN, COPY (, DECLARE … CURSOR FOR, CREATE TABLE … AS, PREPARE … AS. A query may begin
 * with parentheses that do not hold the whole of it.
 */
const QUERY_BEGINS = new RegExp(
  String.raw`^(${SPACE}(?:${EXPLAIN})?(?:copy\s*\(\s*|declare\b[^;]*?\bfor\s+|(?:create|prepare)\b[^;]*?\bas\s+)?)` +
    String.raw`(\(|(?:select|with|table|values|insert|update|delete|merge)\b)`,
  'i',
);

/** A statement that fails with an error of ours, in whichever protocol it is run. */
export function failing(sqlstate: string, message: string, hint: string): string {
  const raise =
    `BEGIN RAISE EXCEPTION USING ERRCODE = ${literal(sqlstate)}, MESSAGE = ${literal(message)}, ` +
    `HINT = ${literal(hint)}; END`;
  return `DO LANGUAGE plpgsql ${literal(raise)}`;
}

const SEES_ALL = "pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')";
/**
 * Who the current role is: whether it may see all, and if not, whose privileges it has. Behind what it is given, by which the
 * answer is known: no client can have made it.
 */
export const VIEWER_QUERY =
  `SELECT $1::pg_catalog.text, ${SEES_ALL}, CASE WHEN ${SEES_ALL} THEN NULL ELSE ` +
  '(SELECT pg_catalog.json_agg(r.rolname)::pg_catalog.text FROM pg_catalog.pg_roles r ' +
  "WHERE pg_catalog.pg_has_role(current_user, r.oid, 'USAGE')) END";

/** Takes the name of a setting and its value, until the session sets it again. It does not send the value back. */
export const SET_QUERY = 'SELECT pg_catalog.set_config($1, $2, false) IS NULL';

function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

export function literal(text: string): string {
  // Without a backslash the meaning does not depend on standard_conforming_strings.
  const escaped = text.replaceAll("'", "''");
  return escaped.includes('\\') ? `E'${escaped.replaceAll('\\', '\\\\')}'` : `'${escaped}'`;
}
