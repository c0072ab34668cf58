import { randomUUID } from 'node:crypto';
import type { Collector } from '../collector/collector.ts';
import type { Leg } from '../relay/leg.ts';
import type { Alteration, RelayEnd } from '../relay/relay.ts';
import type { ReportRecord } from '../report/model.ts';
import type { Session } from '../session/session.ts';
import { decodeBackendKeyData, decodeParameterStatus } from '../wire/backend_bodies.ts';
import { HEADER_BYTES } from '../wire/framer.ts';
import { Backend, Frontend } from '../wire/message_types.ts';
import { fatalError } from '../wire/encode.ts';
import { endOfString } from '../wire/text.ts';
import { type Command, readCommand } from './commands.ts';
import { HiddenExchange, type HiddenStatement, type Outcome } from './exchange.ts';
import { Fifo } from './fifo.ts';
import { jsonOf } from './json.ts';
import { MessageReader } from './message_reader.ts';
import { PendingReplies } from './pending_replies.ts';
import {
  createViews,
  failing,
  SET_QUERY,
  settingOf,
  sourceOf,
  VIEWER_QUERY,
  withSources,
} from './sources.ts';
import type { ConsoleTable, ShownSetting, Viewer } from './table.ts';
import { VIEWED } from './tables.ts';

export interface ConsoleOptions {
  readonly collector: Collector;
  /** What SHOW CONFIG tells. */
  readonly settings: readonly ShownSetting[];
  /** Servers that sessions are with. */
  readonly servers: number;
}

/** Prepared statements of a client whose tables are remembered; those of a client that has more are refreshed all. */
const MAX_PREPARED = 10_000;
/** What may wait to be looked at before the client is not read from. */
const MAX_INBOX_BYTES = 256 * 1024;
/** Answers that the server may owe before the client is not read from. */
const MAX_OWED = 10_000;

/**
 * What has come from the client: a message, or of one that is too long to be read its first piece, or a further one; or the end
 * of all it sends.
 */
interface Incoming {
  readonly kind: 'message' | 'large' | 'piece' | 'end';
  readonly bytes: Buffer;
}

const END: Incoming = { kind: 'end', bytes: Buffer.alloc(0) };

type Tables = ReadonlyMap<string, ConsoleTable>;
const NO_TABLES: Tables = new Map();

/**
 * A session of the console: an ordinary session with the server, in which pgnetflow's figures can be asked for.
 *
 * The server does all the work. A command of ours is sent to it as a query over a setting of the session that holds the figures
 * as JSON; the views are made of the same queries. Before a statement that names one of them, hidden statements put the
 * figures of the moment there. So both protocols, cursors, COPY, formats and errors are the server's own.
 *
 * All bytes of both connections are pgnetflow's own: to look at the figures does not change them.
 */
export class Console {
  readonly #session: Session;
  readonly #client: Leg;
  readonly #server: Leg;
  readonly #options: ConsoleOptions;
  readonly #onEnd: (end: RelayEnd) => void;
  readonly #pending = new PendingReplies();
  readonly #fromClient: MessageReader;
  readonly #fromServer: MessageReader;
  /** Messages of the client that are still to be looked at: in order, and one at a time. */
  readonly #inbox = new Fifo<Incoming>();
  #inboxBytes = 0;
  #isReading = false;
  /** What each side is to get at one go: the client for one read from the server, the server for what has come at once. */
  readonly #outbox: { client: Buffer[]; server: Buffer[] } = { client: [], server: [] };
  #unwritten = { client: 0, server: 0 };
  readonly #isPaused = { client: true, server: false };
  #phase: 'login' | 'setup' | 'open' = 'login';
  /** Whether there are views; without, their sources are put in front of queries. */
  #hasViews = false;
  /** The client has sent messages of the extended protocol without a Sync. */
  #isPipelining = false;
  /** Of the client's prepared statements, those that read tables of ours. */
  readonly #prepared = new Map<string, Tables>();
  /** All that this session has ever named: what an EXECUTE may read. */
  readonly #named = new Map<string, ConsoleTable>();
  /** Within one transaction the figures stay the same. */
  #snapshot: ReportRecord | null = null;
  /** The message that the server sends answers pgnetflow itself. */
  #isHidden = false;
  #hasTerminated = false;
  #end: RelayEnd | null = null;

  constructor(
    session: Session,
    legs: { readonly client: Leg; readonly server: Leg },
    options: ConsoleOptions,
    onEnd: (end: RelayEnd) => void,
    alteration: Alteration | null,
  ) {
    this.#session = session;
    this.#client = legs.client;
    this.#server = legs.server;
    this.#options = options;
    this.#onEnd = onEnd;
    session.isConsole = true;
    this.#fromClient = new MessageReader({
      message: (_type, bytes) => this.#take({ kind: 'message', bytes }),
      large: (_type, bytes) => this.#take({ kind: 'large', bytes }),
      piece: (bytes) => this.#take({ kind: 'piece', bytes }),
      violated: () => this.stop(),
    });
    this.#fromServer = new MessageReader({
      message: (type, bytes) => this.#replied(type, bytes),
      large: (type, piece) => this.#replied(type, piece),
      piece: (piece) => this.#passToClient(piece),
      violated: () => this.stop(),
    });
    this.#watchClient();
    this.#watchServer(alteration);
  }

  /** Begins with the StartupMessage, and what the client has sent behind it. */
  start(startup: Buffer, rest: Buffer): void {
    this.#write('server', startup);
    if (rest.length > 0) this.#fromClient.read(Buffer.from(rest));
    this.#throttle();
  }

  /** Breaks both connections. */
  stop(): void {
    this.#client.destroy();
    this.#server.destroy();
  }

  /** Closes both connections, once the client could have read the last that was written to it. */
  retire(): void {
    this.#client.linger();
    this.#server.close();
  }

  /** Nothing is under way, of the client's or of pgnetflow's own. */
  get atRest(): boolean {
    return this.#phase === 'open' && this.#pending.empty && !this.#isReading;
  }

  get hasTerminated(): boolean {
    return this.#hasTerminated;
  }

  // --------------------------------------------------------------------- connections

  #watchClient(): void {
    this.#client.listener = {
      read: (chunk, bytes) => {
        this.#book();
        this.#fromClient.read(Buffer.from(chunk.subarray(0, bytes)));
        this.#throttle();
        return true;
      },
      ended: () => {
        this.#end ??= { by: 'client', error: null };
        this.#take(END);
      },
      closed: (error) => {
        this.#closed('client', error);
        if (error === null) this.#server.close();
        else this.#server.reset();
      },
    };
  }

  #watchServer(alteration: Alteration | null): void {
    const read = (chunk: Buffer): void => {
      this.#book();
      this.#fromServer.read(chunk);
      this.#flush('client');
      this.#throttle();
    };
    this.#server.listener = {
      read: (chunk, bytes) => {
        const copy = Buffer.from(chunk.subarray(0, bytes));
        read(alteration === null || alteration.done ? copy : alteration.take(copy));
        return true;
      },
      ended: () => {
        this.#end ??= { by: 'server', error: null };
        this.#client.end();
      },
      closed: (error) => {
        this.#pending.abandon();
        this.#closed('server', error);
        this.#client.linger();
      },
    };
  }

  #closed(by: 'client' | 'server', error: NodeJS.ErrnoException | null): void {
    this.#book();
    this.#end ??= { by, error };
    if (this.#client.closed && this.#server.closed) this.#onEnd(this.#end);
  }

  #write(to: 'client' | 'server', bytes: Buffer): void {
    const leg = to === 'client' ? this.#client : this.#server;
    if (leg.unwritable || bytes.length === 0) return;
    this.#unwritten[to] += 1;
    const taken = (): void => {
      this.#unwritten[to] -= 1;
      this.#book();
      this.#throttle();
    };
    if (leg.write(bytes, taken)) taken();
    else this.#throttle();
  }

  /** Reads from each side as long as what has come from it goes on. */
  #throttle(): void {
    const { client, server } = this.#unwritten;
    const hasTooMuch = this.#inboxBytes > MAX_INBOX_BYTES || this.#pending.owed > MAX_OWED;
    this.#pause('client', server > 0 || hasTooMuch);
    this.#pause('server', client > 0);
  }

  #pause(side: 'client' | 'server', isPaused: boolean): void {
    if (this.#isPaused[side] === isPaused) return;
    this.#isPaused[side] = isPaused;
    const leg = side === 'client' ? this.#client : this.#server;
    if (isPaused) leg.pause();
    else leg.resume();
  }

  #flush(to: 'client' | 'server'): void {
    const outbox = this.#outbox[to];
    if (outbox.length === 0) return;
    this.#outbox[to] = [];
    this.#write(to, outbox.length === 1 ? outbox[0]! : Buffer.concat(outbox));
  }

  /** Nothing that passes here is anybody's traffic. */
  #book(): void {
    for (const leg of Object.values(this.#session.wire)) {
      leg.ownIn = leg.in;
      leg.ownOut = leg.out;
    }
  }

  // ------------------------------------------------------------------ what the server says

  #replied(type: number, message: Buffer): void {
    this.#learn(type, message);
    const exchange = this.#pending.received(type, message);
    if (this.#phase === 'login') {
      if (type !== Backend.ReadyForQuery) {
        this.#outbox.client.push(message);
        return;
      }
      this.#phase = 'setup';
      void this.#setUp(message);
      return;
    }
    this.#isHidden =
      exchange instanceof HiddenExchange && !(type === Backend.ErrorResponse && exchange.isInPipeline);
    this.#passToClient(message);
  }

  #passToClient(bytes: Buffer): void {
    if (!this.#isHidden) this.#outbox.client.push(bytes);
  }

  /** What the report tells of any session. */
  #learn(type: number, message: Buffer): void {
    const { facts } = this.#session;
    if (type === Backend.ReadyForQuery) {
      facts.transactionStatus = statusOf(message[HEADER_BYTES]);
      if (facts.transactionStatus === 'I') this.#snapshot = null;
    } else if (type === Backend.BackendKeyData) {
      facts.backendKey = decodeBackendKeyData(message, HEADER_BYTES, message.length);
    } else if (type === Backend.ParameterStatus) {
      const parameter = decodeParameterStatus(message, HEADER_BYTES, message.length);
      if (parameter?.name === 'server_version') facts.serverVersion = parameter.value;
      if (parameter?.name === 'application_name') facts.applicationName = parameter.value;
    }
  }

  /** Makes the views before the client hears that the server is ready. */
  async #setUp(ready: Buffer): Promise<void> {
    await this.#makeViews();
    this.#phase = 'open';
    this.#outbox.client.push(ready);
    this.#flush('client');
    this.#readOn();
  }

  async #makeViews(): Promise<void> {
    const { bytes, outcome } = HiddenExchange.beginScript(createViews(VIEWED), this.#pending);
    this.#write('server', bytes);
    this.#hasViews = (await outcome).error === null;
  }

  // ------------------------------------------------------------------ what the client says

  #take(incoming: Incoming): void {
    if (this.#phase === 'login') {
      if (incoming.kind === 'end') this.#server.end();
      else this.#write('server', incoming.bytes);
      return;
    }
    this.#inbox.push(incoming);
    this.#inboxBytes += incoming.bytes.length;
    this.#readOn();
  }

  /** Looks at the messages one after the other: a hidden statement must be answered before the next is sent. */
  #readOn(): void {
    if (this.#isReading || this.#phase !== 'open') return;
    this.#isReading = true;
    void this.#readAll();
  }

  async #readAll(): Promise<void> {
    for (let next = this.#inbox.shift(); next !== undefined; next = this.#inbox.shift()) {
      this.#inboxBytes -= next.bytes.length;
      await this.#passOn(next);
      if (this.#inbox.length === 0) this.#flush('server');
      this.#throttle();
    }
    this.#isReading = false;
  }

  async #passOn({ kind, bytes }: Incoming): Promise<void> {
    switch (kind) {
      case 'message':
        await this.#pass(bytes);
        break;
      case 'large':
        this.#send(bytes[0]!, bytes);
        break;
      case 'piece':
        // Its first byte is payload, whatever it looks like.
        this.#outbox.server.push(bytes);
        break;
      case 'end':
        this.#flush('server');
        this.#server.end();
        break;
    }
  }

  async #pass(message: Buffer): Promise<void> {
    const type = message[0]!;
    switch (type) {
      case Frontend.Query:
        await this.#query(message);
        return;
      case Frontend.Parse:
        await this.#parse(message);
        return;
      case Frontend.Bind:
        await this.#refresh(this.#prepared.get(statementOf(message)) ?? NO_TABLES);
        break;
      case Frontend.Close:
        if (message[HEADER_BYTES] === 0x53) this.#prepared.delete(stringAt(message, HEADER_BYTES + 1));
        break;
      case Frontend.Terminate:
        this.#hasTerminated = true;
        break;
      default:
        break;
    }
    this.#send(type, message);
  }

  #send(type: number, message: Buffer): void {
    if (type === Frontend.Sync) this.#isPipelining = false;
    else if (PIPELINED.has(type)) this.#isPipelining = true;
    this.#pending.sent(type);
    this.#outbox.server.push(message);
  }

  async #query(message: Buffer): Promise<void> {
    const text = stringAt(message, HEADER_BYTES);
    const { sql, tables } = await this.#translate(text);
    await this.#refresh(tables);
    this.#send(Frontend.Query, sql === text ? message : queryMessage(sql));
    if (/\bdiscard\s+(?:all|temp)/i.test(text)) this.#hasViews = false;
  }

  async #parse(message: Buffer): Promise<void> {
    const name = stringAt(message, HEADER_BYTES);
    const textAt = HEADER_BYTES + name.length + 1;
    const text = stringAt(message, textAt);
    const { sql, tables } = await this.#translate(text);
    if (tables.size === 0) this.#prepared.delete(name);
    else if (this.#prepared.size < MAX_PREPARED) this.#prepared.set(name, tables);
    if (sql === text) {
      this.#send(Frontend.Parse, message);
      return;
    }
    const types = message.subarray(message.indexOf(0, textAt) + 1);
    const body = Buffer.concat([Buffer.from(`${name}\0${sql}\0`, 'latin1'), types]);
    this.#send(Frontend.Parse, framed(Frontend.Parse, body));
  }

  /** What the server is asked instead, and the tables that this reads. */
  async #translate(text: string): Promise<{ readonly sql: string; readonly tables: Tables }> {
    const command = readCommand(text);
    switch (command.kind) {
      case 'show':
        return { sql: sourceOf(command.table), tables: new Map([[settingOf(command.table), command.table]]) };
      case 'refused':
        return { sql: failing(command.sqlstate, command.message, command.hint), tables: NO_TABLES };
      case 'signal':
        return { sql: await this.#signal(command), tables: NO_TABLES };
      case 'sql':
        break;
    }
    return this.#translateSql(text, command.views);
  }

  #translateSql(text: string, views: Tables): { readonly sql: string; readonly tables: Tables } {
    if (views.size === 0)
      return { sql: text, tables: /^\s*execute\b/i.test(text) ? new Map(this.#named) : NO_TABLES };
    for (const [name, table] of views) this.#named.set(name, table);
    if (this.#hasViews) return { sql: text, tables: views };
    const sql = withSources(text, views);
    if (sql !== null) return { sql, tables: views };
    const [name] = views.keys();
    return {
      sql: failing(
        '0A000',
        `${name} can only be read by a query on this server, which takes no temporary views (a standby, or no TEMPORARY privilege)`,
        `Use SELECT ... FROM ${name}, or SHOW ${name!.replace('netflow_', '').toUpperCase()}.`,
      ),
      tables: NO_TABLES,
    };
  }

  /** The server's own function, as the user who asks: its rules decide. */
  async #signal({ how, session: id }: Extract<Command, { kind: 'signal' }>): Promise<string> {
    const verb = how.toUpperCase();
    const { sessions } = await this.#options.collector.inquire({
      maxAgeMs: 0,
      statements: 'open',
      fingerprints: false,
    });
    const session = sessions.find((one) => one.id === id && one.ended_at === null);
    const hint = 'SELECT session, pid, usename, query FROM netflow_activity lists them.';
    if (session === undefined || session.backend_pid === null)
      return failing('22023', `there is no open session ${id} with a backend`, hint);
    if (session.upstream !== this.#session.entrance?.upstream) {
      const where = `${verb} SESSION reaches the server of this console only, and session ${id} is with ${session.upstream}`;
      return failing('0A000', where, `Open a console through a listener of that server.`);
    }
    const does = how === 'cancel' ? 'pg_cancel_backend' : 'pg_terminate_backend';
    return `SELECT pg_catalog.${does}(${session.backend_pid}) AS ${does}`;
  }

  /** Puts the figures of the moment where the server will read them. */
  async #refresh(tables: Tables): Promise<void> {
    // In a failed transaction everything is an error, and the client is to see its own.
    if (tables.size === 0 || this.#session.facts.transactionStatus === 'E') return;
    const viewer = await this.#viewer();
    if (viewer === null) return;
    const isAlone = this.#session.facts.transactionStatus === 'I' && !this.#isPipelining;
    const report = (this.#snapshot ??= await this.#options.collector.inquire({
      maxAgeMs: 0,
      statements: 'open',
      // What the transaction asks for later is of this moment, too.
      fingerprints: !isAlone || [...tables.values()].some(({ name }) => name === 'statements'),
    }));
    if (isAlone) this.#snapshot = null;
    const { settings } = this.#options;
    const statements: HiddenStatement[] = [];
    for (const table of tables.values()) {
      const json = await jsonOf(table.rows({ report, viewer, settings }));
      statements.push({ sql: SET_QUERY, values: [settingOf(table), json] });
    }
    await this.#exchange(statements);
  }

  /** Asked anew each time, for SET ROLE and SET SESSION AUTHORIZATION change it. Null: it cannot be asked. */
  async #viewer(): Promise<Viewer | null> {
    // In a parameter, which pg_stat_activity does not show.
    const proof = randomUUID();
    const { rows, error } = await this.#exchange([{ sql: VIEWER_QUERY, values: [proof] }]);
    if (error !== null) return this.#isPipelining ? null : this.#viewerWith(false, []);
    const [proved, seesAll, roles] = rows[0] ?? [];
    if (rows.length !== 1 || proved !== proof) {
      // A pipeline that has failed skips the question, and what it is asked for; a server that has gone answers nothing.
      const isSkipped = rows.length === 0 && (this.#isPipelining || this.#server.unwritable);
      if (!isSkipped) this.#loseStep();
      return null;
    }
    return this.#viewerWith(seesAll === 't', roleNames(roles ?? '[]'));
  }

  #viewerWith(seesAll: boolean, roles: readonly string[]): Viewer {
    const upstream = this.#session.entrance?.upstream ?? null;
    return { seesAll, roles: new Set(roles), upstream, isOnlyServer: this.#options.servers === 1 };
  }

  /** What came as an answer to pgnetflow's own question answers another one: nobody knows any more what is whose. */
  #loseStep(): void {
    this.#session.endDetail = 'the console has lost track of which answer belongs to which request';
    this.#write('client', fatalError('08P01', this.#session.endDetail));
    this.#client.linger();
    this.#server.destroy();
  }

  async #exchange(statements: readonly HiddenStatement[]): Promise<Outcome> {
    if (this.#server.unwritable) return { rows: [], error: 'the connection is closed' };
    const { bytes, outcome } = HiddenExchange.begin(statements, this.#isPipelining, this.#pending);
    this.#outbox.server.push(bytes);
    this.#flush('server');
    return outcome;
  }
}

/** Messages behind which a Sync is still to come. */
const PIPELINED: ReadonlySet<number> = new Set<number>([
  Frontend.Parse,
  Frontend.Bind,
  Frontend.Describe,
  Frontend.Execute,
  Frontend.Close,
]);

function statusOf(byte: number | undefined): 'I' | 'T' | 'E' | null {
  const status = String.fromCharCode(byte ?? 0);
  return status === 'I' || status === 'T' || status === 'E' ? status : null;
}

function roleNames(json: string): string[] {
  const names: unknown = JSON.parse(json);
  return Array.isArray(names) ? names.map(String) : [];
}

/** The text from there to its zero byte, a character for each byte: what is put into it is ASCII, in whatever encoding it is. */
function stringAt(message: Buffer, at: number): string {
  const end = endOfString(message, at, message.length);
  return message.toString('latin1', at, end < 0 ? message.length : end);
}

/** The prepared statement that a Bind names, behind its portal. */
function statementOf(bind: Buffer): string {
  const portalEnd = bind.indexOf(0, HEADER_BYTES);
  return portalEnd < 0 ? '' : stringAt(bind, portalEnd + 1);
}

function framed(type: number, body: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = type;
  header.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([header, body]);
}

function queryMessage(sql: string): Buffer {
  return framed(Frontend.Query, Buffer.from(`${sql}\0`, 'latin1'));
}
