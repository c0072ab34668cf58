import { TITLE_PREFIX } from '../process_kind.ts';

/** What PostgreSQL writes over its command line (ps_status.c; `update_process_title`), which everybody may read. */
export interface ProcessTitle {
  /** All of it: `postgres: alice shop 10.0.0.7(5099) idle`. */
  readonly text: string;
  /** Whom it serves; null for a process of the server's own. */
  readonly client: TitleClient | null;
  /** `idle`, `idle in transaction`, `SELECT`, `UPDATE waiting`, …; empty when it does not say. */
  readonly activity: string;
}

export interface TitleClient {
  /** An address, a host name, or `[local]` for a Unix-domain socket. */
  readonly host: string;
  /** 0 for a Unix-domain socket. */
  readonly port: number;
}

/**
 * The client and the activity stand last, behind names that may hold blanks: the last `host(port)` or `[local]` that
 * is a word of its own divides them. Hosts have no blanks, nor parentheses.
 */
const CLIENT = /^.* (?:(\[local\])|([^\s()]+)\((\d{1,5})\))(?: (.*))?$/s;

/** @returns null when it is not a title: the postmaster has none, nor has any other program */
export function parseProcessTitle(cmdline: string): ProcessTitle | null {
  const text = cmdline.replace(/[\0\s]+$/, '').replaceAll('\0', ' ');
  if (!text.startsWith(TITLE_PREFIX)) return null;
  const found = CLIENT.exec(text);
  if (found === null) return { text, client: null, activity: '' };
  const [, local, host, port, activity] = found;
  const client = local === undefined ? { host: host!, port: Number(port) } : { host: local, port: 0 };
  return { text, client, activity: activity ?? '' };
}
