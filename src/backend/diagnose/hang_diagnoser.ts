import { networkInterfaces } from 'node:os';
import type { BackendDiagnoser, HungBackend } from '../../proxy/options.ts';
import type { CancelDiagnosis } from '../../session/cancel.ts';
import type { Endpoint } from '../../session/leg_totals.ts';

const SAMPLES = 5;

/** Looks at the backends of the proxy's sessions, where they are on this host. */
export class HangDiagnoser implements BackendDiagnoser {
  readonly #giveUp = new AbortController();
  #current: Promise<unknown> = Promise.resolve();

  /**
   * Why a backend does not react; null when it cannot be looked at from here. The server is not asked, for the proxy
   * has no password; of the programs that stop the backend only the quickest is used.
   */
  async diagnose({
    processId: pid,
    server,
    sessionStartedAt,
  }: HungBackend): Promise<Omit<CancelDiagnosis, 'at'> | null> {
    if (process.platform !== 'linux' || !isOnThisHost(server)) return null;
    // Only here: most proxies never look at a backend.
    const [{ diagnose, isVerdict }, { factsInShort }] = await Promise.all([
      import('./diagnose.ts'),
      import('./render.ts'),
    ]);
    const looking = diagnose(pid, {
      samples: SAMPLES,
      stack: 'quick',
      connect: null,
      startedBetweenMs: [Date.parse(sessionStartedAt), Date.now()],
      signal: this.#giveUp.signal,
    });
    this.#current = looking.catch(() => undefined);
    const record = await looking;
    // A pooler's number, or that of a container's process: no process of ours.
    if (record.facts === null || this.#giveUp.signal.aborted) return null;
    const { verdict, sentence, advice } = record;
    const hint = isVerdict(record) ? '' : ` (sudo pgnetflow diagnose ${pid})`;
    return { pid, verdict, sentence, advice: advice + hint, facts: factsInShort(record) };
  }

  async close(): Promise<void> {
    this.#giveUp.abort();
    await this.#current;
  }
}

/** Over a Unix-domain socket, or at an address of this host. */
export function isOnThisHost({ address, port }: Endpoint): boolean {
  if (port === 0) return true;
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  const own = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  return plain.startsWith('127.') || own.some((entry) => entry.address === plain);
}
