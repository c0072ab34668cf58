import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../src/embedded/port.ts';
import type { CertificateFiles } from '../certificate.ts';
import type { Child, Children } from '../children.ts';
import type { Endpoint } from '../model.ts';
import { findProgram, programVersion } from '../programs.ts';
import { connectAndAsk } from '../workloads/connect.ts';
import { haproxy } from './haproxy.ts';
import { pgnetflow, socketPipe } from './node.ts';
import { pgbouncer, pgbouncerLargeBuffer, pgbouncerTls } from './pgbouncer.ts';
import type { Relay, TlsLegs } from './target.ts';

/** The server itself, which everything is compared with. */
export const DIRECT = 'direct';

const READY_TIMEOUT_MS = 10_000;
const LOOK_EVERY_MS = 20;
/** User and group of `nobody`. */
const NOBODY = { uid: 65534, gid: 65534 };

/** What can be measured besides {@link DIRECT}; another one is another entry. */
export function relays(profile: string | null): readonly Relay[] {
  return [...pgnetflow(profile), haproxy, pgbouncer, pgbouncerLargeBuffer, pgbouncerTls, socketPipe].toSorted(
    (one, other) => Number(one.tls !== undefined) - Number(other.tls !== undefined),
  );
}

/** A running way to PostgreSQL. */
export interface Target {
  readonly name: string;
  /** How it is set up, with its version. */
  readonly about: string;
  readonly endpoint: Endpoint;
  /** Null for the server itself. */
  readonly pid: number | null;
  /** The legs on which it speaks TLS. Null: on none; the server itself takes either kind of client. */
  readonly tls: TlsLegs | null;
}

/** Where a workload in the clear, or one over TLS, meets a target; null when it has no part in it. */
export function endpointFor(target: Target, overTls: boolean): Endpoint | null {
  if (target.name === DIRECT) return { ...target.endpoint, tls: overTls };
  if ((target.tls !== null) !== overTls) return null;
  return { ...target.endpoint, tls: target.tls?.client ?? false };
}

/** The reason why a relay cannot be measured here; null when it can. */
export function missing(relay: Relay, certificate: CertificateFiles | null): string | null {
  if (relay.program !== null && findProgram(relay.program) === null)
    return `${relay.program} is not installed (Debian's package ${relay.debianPackage})`;
  if (relay.tls !== undefined && certificate === null)
    return "openssl is not installed (Debian's package openssl), so there is no certificate";
  return null;
}

/**
 * Starts a relay and resolves when a client gets an answer through it.
 *
 * @throws with what it printed when it ends or does not answer in time
 */
export async function startRelay(
  relay: Relay,
  upstream: Endpoint,
  certificate: CertificateFiles | null,
  children: Children,
  directory: string,
): Promise<Target> {
  const listen = { host: '127.0.0.1', port: await freePort(), tls: relay.tls?.client ?? false };
  const own = path.join(directory, relay.name);
  const plan = { listen, upstream, directory: own, certificate };
  mkdirSync(own);
  chmodSync(own, 0o755);
  for (const [name, content] of Object.entries(relay.files?.(plan) ?? {})) {
    writeFileSync(path.join(own, name), content);
  }
  const program = relay.program === null ? process.execPath : findProgram(relay.program)!;
  const identity = relay.refusesRoot === true && process.getuid?.() === 0 ? NOBODY : {};
  const child = await children.start(relay.name, program, relay.args(plan), { cwd: own, ...identity });
  await answers(child, listen);
  const version = relay.program === null ? '' : `${programVersion(program, relay.versionFlag)}, `;
  const { name, about, tls = null } = relay;
  return { name, about: `${version}${about}`, endpoint: listen, pid: child.pid, tls };
}

async function answers(child: Child, endpoint: Endpoint): Promise<void> {
  const giveUpMs = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    try {
      await connectAndAsk(endpoint);
      return;
    } catch (error) {
      const ended = child.process.exitCode !== null || child.process.signalCode !== null;
      if (ended || performance.now() > giveUpMs) {
        const how = ended ? 'ended at its start' : 'does not answer';
        throw new Error(`${child.name} ${how}: ${child.lastWords() || String(error)}`, { cause: error });
      }
      await delay(LOOK_EVERY_MS);
    }
  }
}
