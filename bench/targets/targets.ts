import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../src/embedded/port.ts';
import type { Child, Children } from '../children.ts';
import type { Endpoint } from '../model.ts';
import { findProgram, programVersion } from '../programs.ts';
import { connectAndAsk } from '../workloads/connect.ts';
import { haproxy } from './haproxy.ts';
import { pgnetflow, socketPipe } from './node.ts';
import { pgbouncer, pgbouncerLargeBuffer } from './pgbouncer.ts';
import type { Relay } from './target.ts';

/** The server itself, which everything is compared with. */
export const DIRECT = 'direct';

const READY_TIMEOUT_MS = 10_000;
const LOOK_EVERY_MS = 20;
/** User and group of `nobody`. */
const NOBODY = { uid: 65534, gid: 65534 };

/** What can be measured besides {@link DIRECT}; another one is another entry. */
export function relays(profile: string | null): readonly Relay[] {
  return [pgnetflow(profile), haproxy, pgbouncer, pgbouncerLargeBuffer, socketPipe];
}

/** A running way to PostgreSQL. */
export interface Target {
  readonly name: string;
  /** How it is set up, with its version. */
  readonly about: string;
  readonly endpoint: Endpoint;
  /** Null for the server itself. */
  readonly pid: number | null;
}

/** The reason why a relay cannot be measured here; null when it can. */
export function missing(relay: Relay): string | null {
  if (relay.program === null || findProgram(relay.program) !== null) return null;
  return `${relay.program} is not installed (Debian's package ${relay.debianPackage})`;
}

/**
 * Starts a relay and resolves when a client gets an answer through it.
 *
 * @throws with what it printed when it ends or does not answer in time
 */
export async function startRelay(
  relay: Relay,
  upstream: Endpoint,
  children: Children,
  directory: string,
): Promise<Target> {
  const endpoint = { host: '127.0.0.1', port: await freePort() };
  const own = path.join(directory, relay.name);
  mkdirSync(own);
  chmodSync(own, 0o755);
  for (const [name, content] of Object.entries(relay.files?.(endpoint, upstream) ?? {})) {
    writeFileSync(path.join(own, name), content);
  }
  const program = relay.program === null ? process.execPath : findProgram(relay.program)!;
  const identity = relay.refusesRoot === true && process.getuid?.() === 0 ? NOBODY : {};
  const child = await children.start(relay.name, program, relay.args(endpoint, upstream, own), {
    cwd: own,
    ...identity,
  });
  await answers(child, endpoint);
  const version = relay.program === null ? '' : `${programVersion(program, relay.versionFlag)}, `;
  return { name: relay.name, about: `${version}${relay.about}`, endpoint, pid: child.pid };
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
