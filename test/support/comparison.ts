// Compares the proxy's books of a session with those of its client, which counts for itself.
import assert from 'node:assert/strict';
import type { PostgresServer } from '../../src/embedded/postgres.ts';
import type { SessionRecord } from '../../src/report/model.ts';
import { CountingClient } from './counting_client.ts';
import { client as c } from './messages.ts';
import { proxyBefore, type RunningProxy } from './running_proxy.ts';
import type { TestOptions } from './proxies.ts';

/** What a client does after its first ReadyForQuery. Says good-bye itself, or leaves that to the comparison. */
export type Script = (client: CountingClient, running: RunningProxy) => Promise<void>;

export interface Compared {
  readonly session: SessionRecord;
  readonly client: CountingClient;
}

/** @returns runs a script as the only session of a proxy, and compares the two sides' books before and after its end */
export function comparison(
  server: PostgresServer,
  options: TestOptions = {},
): (script: Script, parameters?: Record<string, string>) => Promise<Compared> {
  return async (script, parameters = {}) => {
    const running = await proxyBefore(server, options);
    const client = await CountingClient.connect(running, parameters);
    await script(client, running);
    const over = client.socket.destroyed;
    if (!over) {
      const [open] = running.proxy.report().sessions;
      assert.ok(open !== undefined);
      client.assertBooked(open);
      await client.end();
    }
    const [session] = (await running.settled()).sessions;
    assert.ok(session !== undefined);
    client.assertBooked(session);
    if (!over) assert.equal(session.end_reason, 'terminate');
    return { session, client };
  };
}

/** An execution of the extended protocol without its Sync. */
export function execution(sql: string, values: string[] = []): Buffer[] {
  return [c.parse('', sql), c.bind('', '', values), c.describe('P'), c.execute()];
}
