// What it costs to keep a session's books, in memory, without sockets: `npm run bench:micro`.
import { Session } from '../../src/session/session.ts';
import { StartupPacketReader } from '../../src/wire/startup_packet.ts';
import { table, threeDigits } from '../markdown.ts';
import { EXCHANGES, GREETING, type Turn } from './conversations.ts';
import { measureCost } from './cost.ts';
import { int32 } from './messages.ts';

/** As `pgnetflow proxy` has them. */
const LIMITS = { maxQueryBytes: 4096, maxStatementsKept: 200 };

let finished = 0;
const observer = {
  statementFinished: (): void => {
    finished += 1;
  },
  protocolViolated: (): void => {
    throw new Error('a message that cannot be');
  },
};

const rows: string[][] = [];
for (const { name, before, turns, messages } of EXCHANGES) {
  let now = 1;
  const session = startedSession(now);
  const take = ({ from, bytes }: Turn): void => {
    now += 0.05;
    if (from === 'client') {
      session.fromClient(bytes, 0, bytes.length, now);
      session.wroteToServer();
      session.handedToServer(now);
    } else {
      session.fromServer(bytes, 0, bytes.length, now);
      session.wroteToClient();
      session.handedToClient(now);
    }
  };
  for (const turn of before) take(turn);
  finished = 0;
  let statements = 0;
  const { ns, heapBytes } = await measureCost((times) => {
    statements += times;
    for (let time = 0; time < times; time += 1) for (const turn of turns) take(turn);
  });
  const { bookedBytes, protocolBytes } = session;
  if (finished !== statements || bookedBytes.R !== protocolBytes.R || bookedBytes.S !== protocolBytes.S) {
    throw new Error('the books are wrong');
  }
  rows.push([
    name,
    `${messages}`,
    threeDigits(ns),
    threeDigits(ns / messages),
    threeDigits(heapBytes),
    threeDigits(heapBytes / messages),
  ]);
}
const head = [
  'select 1',
  'messages',
  'ns/statement',
  'ns/message',
  'heap bytes/statement',
  'heap bytes/message',
];
process.stdout.write(`# Session, Node ${process.versions.node}\n\n${table(head, rows)}\n`);

/** A session behind its first ReadyForQuery. */
function startedSession(now: number): Session {
  const session = new Session(1, { address: '127.0.0.1', port: 1 }, LIMITS, observer, now);
  const body = Buffer.concat([int32(196_608), Buffer.from('user\0postgres\0\0')]);
  const bytes = Buffer.concat([int32(body.length + 4), body]);
  const { packet } = new StartupPacketReader().read(bytes, 0, bytes.length);
  if (packet?.kind !== 'startup_message') throw new Error('not a StartupMessage');
  session.start(packet, 1, Buffer.alloc(0), now);
  session.wroteToServer();
  session.fromServer(GREETING, 0, GREETING.length, now);
  session.wroteToClient();
  session.handedToClient(now);
  return session;
}
