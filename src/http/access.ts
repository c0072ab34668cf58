import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

/** Why a request is refused. */
export interface Refusal {
  readonly status: 401 | 403;
  readonly message: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Who may look.
 *
 * Without a token the server listens on loopback only, so that a browser on this host is the one way in from outside: a page
 * of somebody else's, under a name whose address was changed to 127.0.0.1 (DNS rebinding). Such a request names that
 * somebody's host; an address cannot be changed so. With a token no name matters: a browser never sends a token to a
 * host that it was not given for.
 */
export class Access {
  readonly #token: Buffer | null;
  readonly #host: string;

  /** @param host where the server listens, as its user wrote it */
  constructor(token: string | null, host: string) {
    this.#token = token === null ? null : digest(token);
    this.#host = host.toLowerCase();
  }

  /** Null: it may pass. */
  refusal(headers: IncomingHttpHeaders): Refusal | null {
    if (this.#token !== null) return this.#hasToken(headers.authorization) ? null : UNAUTHORIZED;
    return this.#isOurs(headers.host ?? '') ? null : WRONG_HOST;
  }

  #hasToken(authorization = ''): boolean {
    const [, scheme = '', credentials = ''] = /^(\w+) +(\S+)$/.exec(authorization) ?? [];
    if (/^bearer$/i.test(scheme)) return this.#matches(credentials);
    if (!/^basic$/i.test(scheme)) return false;
    // What a browser asks its user for: the token is the password, the user's name does not matter.
    const pair = Buffer.from(credentials, 'base64').toString();
    return this.#matches(pair.slice(pair.indexOf(':') + 1));
  }

  #matches(token: string): boolean {
    return this.#token !== null && timingSafeEqual(digest(token), this.#token);
  }

  #isOurs(header: string): boolean {
    const host = hostOf(header);
    return host !== null && (host === 'localhost' || host === this.#host || isIP(host) !== 0);
  }
}

const UNAUTHORIZED: Refusal = {
  status: 401,
  message: 'this needs the token of --http-token: as a Bearer token, or as the password of any user',
  headers: { 'www-authenticate': 'Basic realm="pgnetflow", charset="UTF-8"' },
};

const WRONG_HOST: Refusal = {
  status: 403,
  message:
    'the Host header names another host: use an address, localhost or the name in --http; or set --http-token, with which any name does',
  headers: {},
};

/** The host in a Host header, lower case, without brackets; null when it is none. */
function hostOf(header: string): string | null {
  const found = /^(?:\[([^\]]+)\]|([^:[\]@/\s]+))(?::\d{1,5})?$/.exec(header);
  return found === null ? null : (found[1] ?? found[2]!).toLowerCase();
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
