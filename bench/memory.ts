import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { PROXY_DEFAULTS } from '../src/proxy/options.ts';
import { openFilesLimit, roomWithin } from '../src/run/open_files.ts';
import { MeasuredProxy } from '../test/soak/measured_proxy.ts';
import {
  copyingIn,
  copyingOut,
  holding,
  type Memory,
  type Scenario,
  sending,
} from '../test/soak/scenarios.ts';
import { server as encode } from '../test/support/messages.ts';
import type { Endpoint } from './model.ts';

/** What one of the scenarios of `npm run soak` did to the memory of a proxy of its own. */
export type MemoryFigures = { readonly name: string; readonly about: string } & (
  | Extract<Memory, { kind: 'flat' }>
  | (Extract<Memory, { kind: 'sessions' }> & { readonly wanted: number })
  | { readonly kind: 'failed'; readonly reason: string }
);

interface Plan {
  readonly name: string;
  readonly about: string;
  readonly scenario: Scenario;
  /** Sessions wanted; null: it runs before PostgreSQL, with one session. */
  readonly sessions: number | null;
}

const GB = 1e9;

/** What is measured of memory, in the order of the report. */
export function memoryPlans(size: number): readonly Plan[] {
  const bytes = 10 * GB * size;
  const statements = 1_000_000 * size;
  const flat = { sessions: null };
  const { maxConnections: most } = roomWithin(openFilesLimit(), PROXY_DEFAULTS);
  const idle = (wanted: number): Plan => ({
    name: `memory-idle-${wanted}`,
    about: `${wanted} idle sessions, after one statement each, before a server that does nothing`,
    scenario: holding(Math.min(wanted, most)),
    sessions: wanted,
  });
  return [
    {
      ...flat,
      name: 'memory-copy-out',
      about: `${bytes / GB} GB of COPY to the client`,
      scenario: copyingOut(bytes),
    },
    {
      ...flat,
      name: 'memory-copy-in',
      about: `${bytes / GB} GB of COPY to the server`,
      scenario: copyingIn(bytes),
    },
    {
      ...flat,
      name: 'memory-statements',
      about: `${statements} statements in one session, each with a text of its own`,
      scenario: sending(statements),
    },
    idle(1000),
    idle(10_000),
  ];
}

/** Never fails: what goes wrong is in the figures. */
export async function measureMemory(
  { name, about, scenario, sessions }: Plan,
  postgres: Endpoint,
): Promise<MemoryFigures> {
  try {
    const run = async (upstream: Endpoint): Promise<Memory> => {
      const proxy = await MeasuredProxy.start(upstream);
      try {
        return (await scenario(proxy)).memory;
      } finally {
        proxy.stop();
      }
    };
    const memory = sessions === null ? await run(postgres) : await withIdleServer(run);
    return memory.kind === 'flat'
      ? { name, about, ...memory }
      : { name, about, ...memory, wanted: sessions ?? memory.sessions };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { name, about, kind: 'failed', reason };
  }
}

/** PostgreSQL itself would need a process for each session. */
async function withIdleServer<T>(use: (server: Endpoint) => Promise<T>): Promise<T> {
  const greeting = Buffer.concat([encode.authenticationOk(), encode.ready()]);
  const file = fileURLToPath(new URL('../test/support/idle_server.js', import.meta.url));
  const child = fork(file, [greeting.toString('base64')]);
  try {
    const [port]: unknown[] = await once(child, 'message');
    return await use({ host: '127.0.0.1', port: Number(port) });
  } finally {
    child.disconnect();
  }
}
