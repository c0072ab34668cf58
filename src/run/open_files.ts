import { readFileSync } from 'node:fs';
import { PROXY_DEFAULTS, type ProxyOptions } from '../proxy/options.ts';

/** Node's own, listeners, outputs, the report. */
const OTHER_FILES = 50;
/** The client's connection and the server's. */
const FILES_PER_SESSION = 2;
const FILES_PER_CANCEL = 2;
/** What cancel requests have for themselves, though sessions could use it. */
const SHARE_OF_CANCELS = 1 / 40;
const SHARE_OF_RESERVE = 1 / 4;

type Room = Pick<ProxyOptions, 'maxConnections' | 'maxCancels' | 'reserve'>;

/** As much of what is wanted as so many open files allow: better refused in words than cut off by the system. */
export function roomWithin(files: number, wanted: Omit<Room, 'reserve'>): Room {
  const free = Math.max(files - OTHER_FILES, 0);
  const reserve = Math.min(PROXY_DEFAULTS.reserve, Math.floor(free * SHARE_OF_RESERVE));
  const forCancels = Math.max(Math.floor((free * SHARE_OF_CANCELS) / FILES_PER_CANCEL), 1);
  const sure = Math.min(wanted.maxCancels, forCancels);
  const forSessions = Math.floor((free - reserve - sure * FILES_PER_CANCEL) / FILES_PER_SESSION);
  const maxConnections = Math.max(Math.min(wanted.maxConnections, forSessions), 1);
  const left = Math.floor((free - reserve - maxConnections * FILES_PER_SESSION) / FILES_PER_CANCEL);
  return { maxConnections, reserve, maxCancels: Math.min(wanted.maxCancels, Math.max(left, sure)) };
}

/** Files that this process may open; Node has raised the soft limit to the hard one. Infinity where it is not known. */
export function openFilesLimit(): number {
  try {
    const found = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    return found === null ? Infinity : Number(found[1]);
  } catch {
    // No Linux.
    return Infinity;
  }
}
