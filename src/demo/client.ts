import type { Readable, Writable } from 'node:stream';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';

/** Where to connect to, and as whom. */
export interface ClientAddress {
  readonly host: string;
  readonly port: number;
  readonly user?: string;
  readonly database?: string;
  readonly password?: string;
  /** No TLS unless given. */
  readonly ssl?: pg.ClientConfig['ssl'];
}

/** One session of the experiment: what psql is in the original. */
export class DemoClient {
  readonly #client: pg.Client;

  private constructor(client: pg.Client) {
    this.#client = client;
  }

  /**
   * @param name becomes the session's `application_name`
   * @param onLost called when the connection breaks; what was under way may never end then
   */
  static async connect(
    address: ClientAddress,
    name: string,
    onLost: (error: Error) => void,
  ): Promise<DemoClient> {
    const client = new pg.Client({ ssl: false, ...address, application_name: name });
    client.on('error', onLost);
    await client.connect();
    return new DemoClient(client);
  }

  /** What it has logged in with, which may come from ~/.pgpass; null when there is none. */
  get password(): string | null {
    const { password } = this.#client;
    return typeof password === 'string' ? password : null;
  }

  async query(sql: string): Promise<void> {
    await this.#client.query(sql);
  }

  copyOut(sql: string): Readable {
    return this.#client.query(copyTo(sql));
  }

  copyIn(sql: string): Writable {
    return this.#client.query(copyFrom(sql));
  }

  /** As `\q`. Resolves when the connection is closed on both sides. */
  close(): Promise<void> {
    return this.#client.end();
  }
}
