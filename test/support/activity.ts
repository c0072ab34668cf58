// What a real server is doing, as it says itself.
import pg from 'pg';
import type { PostgresServer } from '../../src/embedded/postgres.ts';
import { until } from './until.ts';

/** Waits until the server runs a statement with this text: a cancel request that comes before has no effect. */
export async function untilActive(
  { host, port, user, database }: PostgresServer,
  query: string,
): Promise<void> {
  const observer = new pg.Client({ host, port, user, database });
  await observer.connect();
  try {
    await until(async () => {
      const { rowCount } = await observer.query(
        "select from pg_stat_activity where state = 'active' and query = $1",
        [query],
      );
      return rowCount === 1;
    }, `the server to run ${query}`);
  } finally {
    await observer.end();
  }
}
