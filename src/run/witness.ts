import type { Logger } from 'pino';
import type { SessionEnds } from '../kernel/match.ts';
import { ProbeSocket } from '../kernel/probe_socket.ts';
import { reconcile } from '../kernel/reconcile.ts';
import type { RunningProxy } from './running_proxy.ts';
import type { ReportRecord } from '../report/model.ts';
import { describeError } from './describe_error.ts';

/** The kernel as a witness of a running proxy: what a helper writes to `--probe-socket`. */
export class Witness {
  readonly #probe: ProbeSocket;

  private constructor(probe: ProbeSocket) {
    this.#probe = probe;
  }

  /** @throws {Error} when the socket cannot be listened on */
  static async open(path: string, proxy: RunningProxy, log: Logger): Promise<Witness> {
    const sessions = async (): Promise<SessionEnds[]> => {
      const report = await proxy.collector.inquire({ maxAgeMs: 0, statements: 'open', fingerprints: false });
      return report.sessions.map(({ wire }) => wire);
    };
    try {
      return new Witness(await ProbeSocket.open({ path, sessions, log }));
    } catch (cause) {
      throw new Error(`--probe-socket: ${describeError(cause)}`, { cause });
    }
  }

  /** A report of the proxy as it runs, with what the kernel says. */
  async testifyTo(report: () => Promise<ReportRecord>): Promise<ReportRecord> {
    await this.#probe.flush();
    return reconcile(await report(), this.#probe.ledger);
  }

  /** The last report, once the last records are there; takes no more. */
  async testifyAtLast(report: ReportRecord): Promise<ReportRecord> {
    await this.#probe.settle(report);
    this.#probe.close();
    return reconcile(report, this.#probe.ledger);
  }

  /** The last report without waiting for the last records. */
  testifyAtOnce(report: ReportRecord): ReportRecord {
    this.#probe.ledger.notFlushed();
    return reconcile(report, this.#probe.ledger);
  }
}
