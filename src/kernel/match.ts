import type { EndpointRecord, ReportRecord, SessionRecord } from '../report/model.ts';
import { endOf, socketKey } from './address.ts';
import type { KernelLedger } from './ledger.ts';
import type { SocketLife } from './socket_life.ts';

export type LegName = 'client' | 'server' | 'backend';

export type SessionSockets = Readonly<Record<LegName, SocketLife | null>>;

/** Two clocks of one machine, one of which may have been set since. */
const CLOCK_SLACK_MS = 2000;

interface Ends {
  readonly local: EndpointRecord | null;
  readonly remote: EndpointRecord | null;
}

/** The ends of a session's two connections. */
export interface SessionEnds {
  readonly client: Ends | null;
  readonly server: Ends | null;
}

/** Names of all sockets that sessions have, those that their backends would have on this machine included. */
export function socketsOf(sessions: Iterable<SessionEnds>): ReadonlySet<string> {
  const names = new Set<string>();
  for (const ends of sessions) for (const [, key] of keysOf(ends)) names.add(key);
  return names;
}

/** Names of a session's TCP sockets: the proxy's own two, and the other end of that towards the server. */
function* keysOf({ client, server }: SessionEnds): Generator<[leg: LegName, key: string]> {
  if (client !== null && client.local !== null && client.remote !== null)
    yield ['client', socketKey(endOf(client.local), endOf(client.remote))];
  if (server === null || server.local === null || server.remote === null) return;
  const [local, remote] = [endOf(server.local), endOf(server.remote)];
  yield ['server', socketKey(local, remote)];
  yield ['backend', socketKey(remote, local)];
}

interface Pair {
  readonly session: SessionRecord;
  readonly leg: LegName;
  readonly life: SocketLife;
  /** Milliseconds between their beginnings. */
  readonly apart: number;
}

/**
 * Finds the sockets of each session: same ends, alive at the same time. Ends come again after a while; of several
 * sockets a session gets the one that began nearest to it, and no socket is given twice.
 */
export function matchSockets(report: ReportRecord, ledger: KernelLedger): Map<SessionRecord, SessionSockets> {
  const found = new Map<SessionRecord, Record<LegName, SocketLife | null>>();
  const pairs: Pair[] = [];
  for (const session of report.sessions) {
    found.set(session, { client: null, server: null, backend: null });
    const from = Date.parse(session.started_at);
    const to = Date.parse(session.ended_at ?? report.ended_at);
    for (const [leg, key] of keysOf(session.wire)) {
      for (const life of ledger.socketsOf(key)) {
        if (!overlaps(life, from, to)) continue;
        pairs.push({ session, leg, life, apart: Math.abs((life.openedAt ?? from) - from) });
      }
    }
  }
  const given = new Set<SocketLife>();
  for (const { session, leg, life } of pairs.toSorted((a, b) => a.apart - b.apart)) {
    const sockets = found.get(session)!;
    if (sockets[leg] !== null || given.has(life)) continue;
    sockets[leg] = life;
    given.add(life);
  }
  return found;
}

function overlaps({ openedAt, closedAt }: SocketLife, from: number, to: number): boolean {
  return (
    (openedAt === null || openedAt <= to + CLOCK_SLACK_MS) &&
    (closedAt === null || closedAt >= from - CLOCK_SLACK_MS)
  );
}
