import { statSync } from 'node:fs';
import { isIPv4, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Address } from '../relay/address.ts';

export const LISTEN_PORT = 6432;
export const POSTGRES_PORT = 5432;
export const HTTP_PORT = 6480;

const LOCALHOST = '127.0.0.1';

/**
 * Where to listen: `host:port`, `:port` or `port` (on 127.0.0.1), `host` (port 6432), `[::1]:port`, `*:port` (all
 * interfaces), or the absolute path of a Unix-domain socket. Port 0 is any free one.
 *
 * @throws {Error} saying what is wrong, to be put behind the name of the setting
 */
export function parseListenAddress(text: string): Address {
  if (text.startsWith('/')) return { path: text };
  const { host, port } = splitHostPort(text, LISTEN_PORT);
  return { host: host === '*' ? allInterfaces() : host, port: parsePort(port, 0) };
}

/**
 * Where to answer HTTP: as for listening, port 6480 unless given, and no Unix-domain socket.
 *
 * @throws {Error} saying what is wrong, to be put behind the name of the setting
 */
export function parseHttpAddress(text: string): { readonly host: string; readonly port: number } {
  if (text.startsWith('/')) throw new Error(`"${text}": HTTP is answered over TCP only; give host:port`);
  const { host, port } = splitHostPort(text, HTTP_PORT);
  return { host: host === '*' ? allInterfaces() : host, port: parsePort(port, 0) };
}

/** Whether an address to listen on can be reached from this host only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/**
 * Where PostgreSQL listens: as for listening but without `*`, port 5432 unless given; a directory stands for the
 * socket `.s.PGSQL.5432` in it; of a `postgres://` URL the host and the port count.
 *
 * @throws {Error} saying what is wrong, to be put behind the name of the setting
 */
export function parseUpstreamAddress(text: string): Address {
  if (text.startsWith('/')) return { path: socketIn(text, POSTGRES_PORT) };
  if (/^postgres(ql)?:\/\//i.test(text)) return parseUrl(text);
  const { host, port } = splitHostPort(text, POSTGRES_PORT);
  if (host === '*') throw new Error('cannot connect to *; name a host');
  return { host, port: parsePort(port, 1) };
}

function splitHostPort(text: string, defaultPort: number): { host: string; port: string } {
  const bracketed = /^\[(.*)\](?::(.*))?$/.exec(text);
  if (bracketed !== null) {
    const host = bracketed[1]!;
    if (!isIPv6(host)) throw new Error(`"${host}" is no IPv6 address`);
    return { host, port: bracketed[2] ?? String(defaultPort) };
  }
  if (isIPv6(text))
    throw new Error(`"${text}": put the IPv6 address in brackets, as in [::1]:${defaultPort}`);
  if (/^\d+$/.test(text)) return { host: LOCALHOST, port: text };
  const colon = text.lastIndexOf(':');
  const host = colon < 0 ? text : text.slice(0, colon);
  const port = colon < 0 ? String(defaultPort) : text.slice(colon + 1);
  if (!/^[\w.*-]*$/.test(host) || (host.includes('*') && host !== '*')) {
    throw new Error(`"${text}" is neither host:port nor the absolute path of a socket`);
  }
  return { host: host === '' ? LOCALHOST : host, port };
}

function parsePort(text: string, least: 0 | 1): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < least || port > 65_535) {
    throw new Error(`"${text}" is no port; ports are ${least} to 65535`);
  }
  return port;
}

function parseUrl(text: string): Address {
  // The URL may hold a password: never repeat it in a message.
  if (!URL.canParse(text)) throw new Error('the postgres:// URL cannot be read; give one host and its port');
  const url = new URL(text);
  const port = parsePort(url.searchParams.get('port') ?? (url.port || String(POSTGRES_PORT)), 1);
  const host = url.searchParams.get('host') ?? decodeURIComponent(url.hostname);
  if (host.startsWith('/')) return { path: socketIn(host, port) };
  if (host.includes(',')) throw new Error('the postgres:// URL names several hosts; give one');
  return { host: host === '' ? LOCALHOST : host.replace(/^\[(.*)\]$/, '$1'), port };
}

/** As libpq does: the socket of a directory has a fixed name. */
function socketIn(path: string, port: number): string {
  const isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  return isDirectory ? `${path.replace(/\/+$/, '')}/.s.PGSQL.${port}` : path;
}

/** `::` takes IPv4 as well, but cannot be listened on where IPv6 is turned off. */
function allInterfaces(): string {
  const addresses = Object.values(networkInterfaces()).flat();
  return addresses.some((entry) => entry?.family === 'IPv6') ? '::' : '0.0.0.0';
}
