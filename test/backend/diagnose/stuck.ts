// Backends of a real server that do not react, each in its own way; all end when the test does.
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { after } from 'node:test';
import pg from 'pg';
import type { PostgresServer } from '../../../src/embedded/postgres.ts';
import { client } from '../../support/messages.ts';
import { until } from '../../support/until.ts';

/** A server's sessions, and how the server itself sees them. */
export class Backends {
  readonly server: PostgresServer;
  readonly url: string;
  readonly #observer: pg.Client;

  private constructor(server: PostgresServer, observer: pg.Client) {
    this.server = server;
    this.url = `postgres://${server.user}@${server.host}:${server.port}/${server.database}`;
    this.#observer = observer;
  }

  static async of(server: PostgresServer): Promise<Backends> {
    const backends = new Backends(server, await connected(server));
    await backends.#observer.query('create table t as select 1 as a');
    return backends;
  }

  async session(): Promise<{ readonly client: pg.Client; readonly pid: number }> {
    const one = await connected(this.server);
    return { client: one, pid: Number(Reflect.get(one, 'processID')) };
  }

  /** A session that runs a statement which does not end. */
  async running(sql: string, waitEvent: string | null): Promise<number> {
    const { client: one, pid } = await this.session();
    one.query(sql).catch(() => undefined);
    await this.untilWaiting(pid, waitEvent);
    return pid;
  }

  async idle(): Promise<number> {
    const { pid } = await this.session();
    await this.untilWaiting(pid, 'ClientRead');
    return pid;
  }

  async idleInTransaction(sql = 'select 1'): Promise<number> {
    const { client: one, pid } = await this.session();
    await one.query(`begin; ${sql}`);
    await this.untilWaiting(pid, 'ClientRead');
    return pid;
  }

  /** One waits for a lock that the other holds. */
  async locked(): Promise<{ readonly waiting: number; readonly holding: number }> {
    const holding = await this.idleInTransaction('update t set a = 23');
    return { holding, waiting: await this.running('update t set a = 29', 'transactionid') };
  }

  sleeping(): Promise<number> {
    return this.running('select pg_sleep(600)', 'PgSleep');
  }

  computing(): Promise<number> {
    return this.running('do $$ begin loop end loop; end $$', null);
  }

  async stopped(): Promise<number> {
    const pid = await this.sleeping();
    process.kill(pid, 'SIGSTOP');
    after(() => goOn(pid));
    return pid;
  }

  /** A client that asks for far more than fits on the way, and takes nothing. */
  async notRead(port = this.server.port): Promise<{ readonly pid: number; readonly socket: Socket }> {
    const socket = connect(port, this.server.host);
    after(() => socket.destroy());
    socket.on('error', () => undefined);
    socket.pause();
    const sql = "copy (select repeat('x', 997) from generate_series(1, 100003)) to stdout";
    // Nobody reads the answers, so nobody waits for them: the server does everything in order.
    socket.write(
      Buffer.concat([
        client.startup({ user: this.server.user, database: this.server.database }),
        client.query(sql),
      ]),
    );
    let pid = 0;
    await until(async () => {
      const { rows } = await this.#observer.query<{ pid: number }>(
        "select pid from pg_stat_activity where query = $1 and wait_event = 'ClientWrite'",
        [sql],
      );
      pid = rows[0]?.pid ?? 0;
      return pid !== 0;
    }, 'the server to wait for room');
    return { pid, socket };
  }

  async cancel(pid: number): Promise<void> {
    await this.#observer.query('select pg_cancel_backend($1)', [pid]);
  }

  /** Waits until the server says that the backend waits for this; null: for nothing, amid a statement. */
  async untilWaiting(pid: number, event: string | null): Promise<void> {
    await until(
      async () => {
        const { rows } = await this.#observer.query<{ state: string; wait_event: string | null }>(
          'select state, wait_event from pg_stat_activity where pid = $1',
          [pid],
        );
        const [row] = rows;
        return row?.wait_event === event && (event !== null || row.state === 'active');
      },
      `backend ${pid} to wait for ${event ?? 'nothing'}`,
    );
  }
}

/** Makes an `eu-stack` that has stopped the process when `begun` is there, and does not come back. */
export function hangingDebugger(folder: string, begun: string): void {
  const script = `#!/bin/sh
for pid; do :; done
kill -STOP "$pid"
: >'${begun}'
while :; do /bin/sleep 1; done
`;
  writeFileSync(path.join(folder, 'eu-stack'), script, { mode: 0o755 });
}

/** Takes a SIGSTOP back. */
export function goOn(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT');
  } catch {
    // It has ended.
  }
}

async function connected({ host, port, user, database }: PostgresServer): Promise<pg.Client> {
  const one = new pg.Client({ host, port, user, database });
  // The server ends before its sessions do.
  one.on('error', () => undefined);
  await one.connect();
  return one;
}
