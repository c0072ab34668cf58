// Clients of the console of a proxy.
import { after } from 'node:test';
import pg from 'pg';
import type { Target } from './programs.ts';

/** A client of node-postgres; closed when the test ends. */
export async function connectAs(
  target: Target,
  options: { readonly user?: string; readonly database?: string } = {},
): Promise<pg.Client> {
  const { host, port } = target;
  const client = new pg.Client({ host, port, user: 'postgres', database: 'postgres', ...options });
  client.on('error', () => undefined);
  await client.connect();
  after(() => client.end().catch(() => undefined));
  return client;
}

/** The same, in the console. */
export async function enterConsole(
  target: Target,
  options: { readonly user?: string; readonly database?: string } = {},
): Promise<pg.Client> {
  return connectAs(target, { database: 'pgnetflow', ...options });
}

/** The rows of a query, as objects. */
export async function rowsOf(
  client: pg.Client,
  text: string,
  values: unknown[] = [],
): Promise<Record<string, unknown>[]> {
  const { rows } = await client.query<Record<string, unknown>>(text, values);
  return rows;
}
