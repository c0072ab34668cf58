import { withoutSecrets } from '../../account/secrets.ts';
import type { Activity, ActivityRow } from './activity_rows.ts';
import { type Fact, absent, known } from './fact.ts';

/** How to ask the server: a URL, or libpq's PG… variables. */
export type Connect = { readonly kind: 'url'; readonly url: string } | { readonly kind: 'environment' };

const CONNECT_TIMEOUT_MS = 2000;
const QUERY_TIMEOUT_MS = 2000;

/** The server's clock and ours may be read at different moments of one start. */
const SAME_START_MS = 5000;

/** By way of JSON, for versions have different columns. */
const QUERY = `
  with blockers as (select unnest(pg_blocking_pids($1)) as pid)
  select '{"leader_pid": null}'::jsonb || to_jsonb(a) as row,
    extract(epoch from a.backend_start)::float8 * 1000 as started_at_ms,
    case when a.pid = $1 then 'backend'
      when a.pid in (select pid from blockers) then 'blocker'
      else 'worker' end as role
  from pg_stat_activity a
  where a.pid = $1 or a.pid in (select pid from blockers) or (to_jsonb(a)->>'leader_pid')::int = $1
  order by a.pid`;

interface Found {
  readonly row: ActivityRow;
  /** Null to whom may not see it. */
  readonly started_at_ms: number | null;
  readonly role: 'backend' | 'blocker' | 'worker';
}

/**
 * What the server says of a backend: state, wait event, query, what blocks it, its workers.
 *
 * @param startedAtMs when the process began: a backend of another server may have the same pid
 */
export async function readActivity(
  pid: number,
  startedAtMs: number,
  connect: Connect | null,
): Promise<Fact<Activity>> {
  if (connect === null) return absent('no server was named (--connect URL, or PGHOST and its like)');
  // Only here: nobody else needs the client library.
  const { default: pg } = await import('pg');
  let client: InstanceType<typeof pg.Client> | null = null;
  try {
    client = new pg.Client({
      ...(connect.kind === 'url' && { connectionString: connect.url }),
      application_name: 'pgnetflow diagnose',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
      statement_timeout: QUERY_TIMEOUT_MS,
    });
    client.on('error', () => undefined);
    await client.connect();
    const { rows } = await client.query<Found>(QUERY, [pid]);
    return pickActivity(pid, startedAtMs, rows.map(withoutPasswords));
  } catch (error) {
    return absent(`the server could not be asked: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    // Not waited for: a server that hangs does not close either.
    client?.end().catch(() => undefined);
  }
}

function withoutPasswords(found: Found): Found {
  const { row } = found;
  return { ...found, row: { ...row, query: row.query === null ? null : withoutSecrets(row.query) } };
}

function pickActivity(pid: number, startedAtMs: number, rows: readonly Found[]): Fact<Activity> {
  const own = rows.find(({ role }) => role === 'backend');
  if (own === undefined) return absent(`that server has no backend ${pid}`);
  if (own.row.query === '<insufficient privilege>' || own.started_at_ms === null)
    return absent('that user may not see it (grant pg_read_all_stats, or be its owner)');
  if (Math.abs(own.started_at_ms - startedAtMs) > SAME_START_MS)
    return absent(`that server has a backend ${pid} too, but it is another process`);
  const of = (role: Found['role']): ActivityRow[] =>
    rows.filter((row) => row.role === role).map(({ row }) => row);
  return known({ backend: own.row, blockers: of('blocker'), workers: of('worker') });
}
