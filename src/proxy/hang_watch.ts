import type { Cancel } from '../session/cancel.ts';
import type { CancelLedger } from '../session/cancel_ledger.ts';
import type { Session } from '../session/session.ts';
import type { Statement } from '../session/statement.ts';
import type { SteadyClock } from '../report/steady_clock.ts';
import type { BackendDiagnoser, ProxyOptions } from './options.ts';

/**
 * Has the backend looked at of each statement that goes on although it was to be cancelled: once per statement, one
 * backend at a time.
 */
export class HangWatch {
  readonly #options: Pick<ProxyOptions, 'diagnoseAfterMs' | 'log'>;
  readonly #diagnose: BackendDiagnoser['diagnose'] | null;
  readonly #ledger: CancelLedger;
  readonly #clock: SteadyClock;
  /** The statements that are watched, or were looked at; null when their time is over. */
  readonly #watched = new Map<Statement, NodeJS.Timeout | null>();
  #turn: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(
    options: Pick<ProxyOptions, 'diagnoseAfterMs' | 'log'>,
    diagnose: BackendDiagnoser['diagnose'] | null,
    ledger: CancelLedger,
    clock: SteadyClock,
  ) {
    this.#options = options;
    this.#diagnose = diagnose;
    this.#ledger = ledger;
    this.#clock = clock;
  }

  /** A request to cancel a statement was delivered. */
  watch(session: Session, statement: Statement, cancel: Cancel): void {
    const { diagnoseAfterMs } = this.#options;
    const diagnose = this.#diagnose;
    if (diagnose === null || diagnoseAfterMs === 0 || this.#watched.has(statement)) return;
    // It may have been heeded by now.
    if (cancel.outcome !== 'no_effect') return;
    const timer = setTimeout(() => {
      this.#watched.set(statement, null);
      this.#turn = this.#turn.then(() => this.#look(diagnose, session, statement, cancel));
    }, diagnoseAfterMs);
    this.#watched.set(statement, timer);
  }

  /** A statement's figures are final. */
  statementFinished(statement: Statement): void {
    if (this.#watched.size === 0) return;
    clearTimeout(this.#watched.get(statement) ?? undefined);
    this.#watched.delete(statement);
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#watched.values()) clearTimeout(timer ?? undefined);
    this.#watched.clear();
  }

  async #look(
    diagnose: BackendDiagnoser['diagnose'],
    session: Session,
    statement: Statement,
    cancel: Cancel,
  ): Promise<void> {
    const { backendKey } = session.facts;
    const { server } = session;
    if (this.#stopped || cancel.outcome !== 'no_effect') return;
    if (backendKey === null || server === null) return;
    const { log } = this.#options;
    const name = `session ${session.id}: statement ${statement.seq} goes on although it was to be cancelled`;
    try {
      const found = await diagnose({
        processId: backendKey.processId,
        server,
        sessionStartedAt: this.#clock.timestamp(session.startedAt),
      });
      if (found === null || this.#stopped) return;
      this.#ledger.diagnosed(statement, { ...found, at: this.#clock.now() });
      log.warn({ session: session.id, pid: found.pid, verdict: found.verdict }, `${name}: ${found.sentence}`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.warn({ session: session.id }, `${name}; its backend could not be looked at: ${reason}`);
    }
  }
}
