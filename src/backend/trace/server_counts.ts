import { Client } from 'pg';
import type { ServerCounts } from './check.ts';
import { isChildOf, type Target } from './cluster.ts';
import { TraceError } from './trace_error.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const SINCE_CHECKPOINTER_COUNTS = 18;

/** Asks a server for its own statistics; the connection stays open in between, and is idle. */
export class ServerStatistics {
  readonly #client: Client;
  readonly #hasCheckpointerCounts: boolean;

  private constructor(client: Client, target: Target) {
    this.#client = client;
    this.#hasCheckpointerCounts = Number(target.version) >= SINCE_CHECKPOINTER_COUNTS;
  }

  /**
   * @param url null for what the variables PGHOST, PGUSER, … say
   * @throws {TraceError} `TRACE_BAD_CONNECTION`
   */
  static async connect(url: string | null, target: Target): Promise<ServerStatistics> {
    const client = new Client({
      ...(url !== null && { connectionString: url }),
      application_name: 'pgnetflow trace',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    });
    client.on('error', () => undefined); // the next query says so
    try {
      await client.connect();
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      if (rows[0] !== undefined && isChildOf(rows[0].pid, target))
        return new ServerStatistics(client, target);
    } catch (cause) {
      throw bad(cause);
    }
    await client.end();
    const message = `--connect names another server than the one that is traced (postmaster ${target.postmaster})`;
    throw new TraceError('TRACE_BAD_CONNECTION', message);
  }

  /** @throws {TraceError} `TRACE_BAD_CONNECTION` */
  async read(): Promise<ServerCounts> {
    try {
      const ids = await this.#number('SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS n');
      const { rows } = await this.#client.query<{ name: string; blks_written: string }>(
        'SELECT name, blks_written FROM pg_stat_slru',
      );
      return {
        nextId: ids,
        slruWritten: new Map(rows.map(({ name, blks_written: pages }) => [name, Number(pages)])),
        checkpointerWritten: this.#hasCheckpointerCounts
          ? await this.#number('SELECT slru_written AS n FROM pg_stat_checkpointer')
          : null,
      };
    } catch (cause) {
      throw bad(cause);
    }
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => undefined);
  }

  async #number(query: string): Promise<number> {
    const { rows } = await this.#client.query<{ n: string }>(query);
    return Number(rows[0]?.n);
  }
}

function bad(cause: unknown): TraceError {
  const reason = cause instanceof Error ? cause.message || String(cause) : String(cause);
  return new TraceError('TRACE_BAD_CONNECTION', `cannot ask the server for its statistics: ${reason}`, {
    cause,
  });
}
