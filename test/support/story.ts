import assert from 'node:assert/strict';
import type { Account } from '../../src/session/account.ts';
import { isBalanced } from '../../src/session/balance.ts';
import { type EndReason, Session } from '../../src/session/session.ts';
import type { Range, Statement } from '../../src/session/statement.ts';
import { StartupPacketReader } from '../../src/wire/startup_packet.ts';
import { client, server } from './messages.ts';

/** Whose a message is: the statement with that sequence number, or a fixed account. */
export type OwnerName = number | 'startup' | 'async' | 'control' | 'opaque';

/** One message, and whose it must be booked to. */
export interface Line {
  readonly from: 'client' | 'server';
  readonly bytes: Buffer;
  readonly owner: OwnerName;
  /** How many messages the bytes are; 0 for a part that goes on with one. */
  readonly messages: number;
}

/** The client sends a message. */
export const C = (owner: OwnerName, bytes: Buffer, messages = 1): Line => ({
  from: 'client',
  bytes,
  owner,
  messages,
});
/** The server sends a message. */
export const S = (owner: OwnerName, bytes: Buffer, messages = 1): Line => ({
  from: 'server',
  bytes,
  owner,
  messages,
});

/** What must be known of a statement besides its bytes. */
export type Expected = Partial<
  Pick<Statement, 'kind' | 'outcome' | 'sqlstate' | 'tag' | 'rows' | 'fetches' | 'completions'>
> & { readonly query?: string | null };

/** A conversation after its start-up, each message with its owner, and what its statements must look like. */
export interface Story {
  readonly name: string;
  readonly lines: readonly Line[];
  readonly statements: readonly Expected[];
  readonly end?: EndReason;
  /** Its replies may come later than told without any difference: no message of it is unasked for. */
  readonly repliesMayLag?: boolean;
}

/** How every conversation begins. */
export const OPENING: readonly Line[] = [
  C('startup', client.startup()),
  S('startup', server.authenticationOk()),
  S('startup', server.parameterStatus('server_version', '18.4')),
  S('startup', server.parameterStatus('application_name', 'shop')),
  S('startup', server.backendKeyData(4711, Buffer.from('key!'))),
  S('startup', server.ready()),
];

/** Bytes of one side in a row, as one read brought them. */
export interface Chunk {
  readonly from: 'client' | 'server';
  readonly bytes: Buffer;
}

/**
 * Relays chunks through a session as a relay does, with a clock that goes one millisecond a chunk.
 *
 * @param relayed called after each chunk, once the session has started
 */
export function relay(
  chunks: readonly Chunk[],
  end: EndReason | null = 'terminate',
  maxStatementsKept = 100,
  relayed: (session: Session) => void = () => undefined,
): Session {
  const observer = { statementFinished: () => undefined, protocolViolated: () => undefined };
  const limits = { maxQueryBytes: 1024, maxStatementsKept };
  let now = 1;
  const session = new Session(1, { address: '127.0.0.1', port: 1 }, limits, observer, now);
  const startup = new StartupPacketReader();
  let reads = 0;
  for (const { from, bytes } of chunks) {
    if (bytes.length === 0) continue;
    now += 1;
    const [source, destination] =
      from === 'client'
        ? [session.wire.client, session.wire.server]
        : [session.wire.server, session.wire.client];
    source.in += bytes.length;
    if (from === 'server') {
      session.fromServer(bytes, 0, bytes.length, now);
      session.wroteToClient();
      session.handedToClient(now);
    } else if (session.startup === null) {
      reads += 1;
      const { at, packet } = startup.read(bytes, 0, bytes.length);
      if (packet?.kind !== 'startup_message') continue;
      session.start(packet, reads, bytes.subarray(at), now);
      session.wroteToServer();
      session.handedToServer(now);
      destination.out += packet.packet.length + bytes.length - at;
      relayed(session);
      continue;
    } else {
      session.fromClient(bytes, 0, bytes.length, now);
      session.wroteToServer();
      session.handedToServer(now);
    }
    destination.out += bytes.length;
    relayed(session);
  }
  if (end !== null) session.end(end, now + 1);
  return session;
}

/** What must not depend on how a conversation was cut. */
export function ledger(session: Session): unknown {
  const { startup, async, control, opaque } = session.accounts;
  const flows = (account: Account): object => ({
    R: [account.R.bytes, account.R.messages],
    S: [account.S.bytes, account.S.messages],
  });
  return {
    fixed: { startup: flows(startup), async: flows(async), control: flows(control), opaque: flows(opaque) },
    statements: session.statements().map((statement) => ({
      ...flows(statement),
      seq: statement.seq,
      kind: statement.kind,
      query: statement.query?.text ?? null,
      outcome: statement.outcome,
      sqlstate: statement.sqlstate,
      tag: statement.tag,
      rows: statement.rows,
      fetches: statement.fetches,
      parts: statement.parts,
      ranges: { R: statement.ranges('R'), S: statement.ranges('S') },
    })),
    balanced: isBalanced(session),
    facts: session.facts.backendKey?.processId,
  };
}

/** Where the bytes of a statement stand in the streams of a conversation: neighbours are one range. */
function rangesOf(seq: number, from: 'client' | 'server', lines: readonly Line[]): Range[] {
  const ranges: Range[] = [];
  let at = 0;
  for (const line of lines.filter((other) => other.from === from)) {
    const to = at + line.bytes.length;
    const last = ranges.at(-1);
    if (line.owner === seq && last?.[1] === at) ranges[ranges.length - 1] = [last[0], to];
    else if (line.owner === seq) ranges.push([at, to]);
    at = to;
  }
  return ranges;
}

/** Asserts that each message of a story was booked to its owner, and that nothing else was booked. */
export function assertBooked(session: Session, story: Story, lines: readonly Line[]): void {
  const expected = new Map<string, { R: [number, number]; S: [number, number] }>();
  const actual = new Map<string, { R: [number, number]; S: [number, number] }>();
  for (const line of lines) {
    const flows = expected.get(String(line.owner)) ?? { R: [0, 0], S: [0, 0] };
    const flow = line.from === 'client' ? flows.R : flows.S;
    flow[0] += line.bytes.length;
    flow[1] += line.messages;
    expected.set(String(line.owner), flows);
  }
  const enter = (name: string, account: Account): void => {
    if (account.R.bytes + account.S.bytes === 0) return;
    actual.set(name, {
      R: [account.R.bytes, account.R.messages],
      S: [account.S.bytes, account.S.messages],
    });
  };
  for (const name of ['startup', 'async', 'control', 'opaque'] as const) enter(name, session.accounts[name]);
  const statements = session.statements();
  for (const statement of statements) enter(String(statement.seq), statement);
  const sorted = (map: typeof expected): unknown =>
    Object.fromEntries([...map].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  assert.deepEqual(sorted(actual), sorted(expected), `${story.name}: bytes and messages by owner`);
  assert.equal(statements.length, story.statements.length, `${story.name}: number of statements`);
  for (const [index, fields] of story.statements.entries()) {
    const statement = statements[index]!;
    for (const [field, value] of Object.entries(fields)) {
      const found: unknown =
        field === 'query' ? (statement.query?.text ?? null) : Reflect.get(statement, field);
      assert.deepEqual(found, value, `${story.name}: ${field} of statement ${index + 1}`);
    }
  }
  for (const { seq, ...statement } of statements.map((s) => ({
    seq: s.seq,
    R: s.ranges('R'),
    S: s.ranges('S'),
  }))) {
    const stands = { R: rangesOf(seq, 'client', lines), S: rangesOf(seq, 'server', lines) };
    assert.deepEqual(statement, stands, `${story.name}: where the bytes of statement ${seq} stand`);
  }
  assert.equal(isBalanced(session), true, `${story.name}: balanced`);
}

/** Consecutive lines of one side, joined: the fewest chunks that keep the order of the two sides. */
export function chunksOf(lines: readonly Line[]): Chunk[] {
  const chunks: { from: Chunk['from']; parts: Buffer[] }[] = [];
  for (const { from, bytes } of lines) {
    const last = chunks.at(-1);
    if (last?.from === from) last.parts.push(bytes);
    else chunks.push({ from, parts: [bytes] });
  }
  return chunks.map(({ from, parts }) => ({ from, bytes: Buffer.concat(parts) }));
}
