import { CachingCollector, type FiguresSource } from '../collector/collector.ts';
import { inSlices } from '../collector/slices.ts';
import { stateOf } from '../collector/state.ts';
import { packageVersion } from '../package_version.ts';
import { type Figures, type ReportExtent, WHOLE } from '../report/figures.ts';
import type { ReportRecord } from '../report/model.ts';
import { type Heading, mergedReport } from '../report/report_record.ts';
import { SteadyClock } from '../report/steady_clock.ts';
import { atOnce, type Steps } from '../report/steps.ts';
import type { Address } from '../relay/address.ts';
import type { Session } from '../session/session.ts';
import { Counts } from './counts.ts';
import { DataPlane } from './data_plane.ts';
import { Doors } from './doors.ts';
import { endAsTheyRest } from './drain.ts';
import {
  type ListenerOptions,
  listenersOf,
  PROXY_DEFAULTS,
  type ProxyOptions,
  type ProxyStart,
} from './options.ts';

/**
 * Starts a proxy.
 *
 * @throws {ListenError} when an address cannot be listened on; nothing is left open then
 */
export async function startProxy(start: ProxyStart): Promise<Proxy> {
  const proxy = new Proxy({ ...PROXY_DEFAULTS, ...start }, listenersOf(start));
  await proxy.listen();
  return proxy;
}

/** A proxy that relays in the thread that it is started in: the control plane, and one data plane, which it calls directly. */
export class Proxy implements FiguresSource {
  readonly #options: ProxyOptions;
  readonly #heading: Heading;
  /** Where readers get figures while it runs. */
  readonly collector = new CachingCollector(this);
  readonly #plane: DataPlane;
  readonly #doors: Doors;
  #stopFollowing: (() => void) | null = null;
  /** Once it has stopped: its last figures, and the report that is made of them. */
  #last: Figures | null = null;
  #final: ReportRecord | null = null;

  constructor(options: ProxyOptions, pairs: readonly ListenerOptions[]) {
    const clock = new SteadyClock();
    const { maxFingerprints, queryText, diagnose = null } = options;
    this.#options = options;
    this.#heading = {
      version: packageVersion(),
      clock,
      startedAt: clock.now(),
      statsSince: options.state?.statsSince ?? null,
      texts: queryText,
      maxFingerprints,
    };
    this.#doors = new Doors(pairs);
    const place = { counts: new Counts(Counts.cells(1), 0), threads: 1 };
    this.#plane = new DataPlane(options, place, { collector: this.collector, diagnose, others: null });
  }

  /** Where it listens, in the order of the options; port 0 is resolved. */
  get addresses(): Address[] {
    return this.#doors.addresses;
  }

  /** Which of these addresses lead to which server. */
  get pairs(): Doors['pairs'] {
    return this.#doors.pairs;
  }

  /** Sessions that have not ended. */
  get openSessions(): number {
    return this.#plane.openSessions;
  }

  /** The sessions that a report would list. */
  sessions(): Iterable<Session> {
    return this.#plane.sessions();
  }

  /** @throws {ListenError} when an address cannot be listened on; nothing is left open then */
  async listen(): Promise<void> {
    const { console: options, log, tap } = this.#options;
    await this.#doors.open(
      {
        log,
        ...(tap !== undefined && { tap }),
        console:
          options === null ? null : { ...options, collector: this.collector, servers: this.#doors.servers },
      },
      (socket, door) => this.#plane.accept(socket, door),
      (error) => this.#plane.notAccepted(error),
    );
    this.#stopFollowing = this.#heading.clock.followSystem();
  }

  /** The books as they stand, in one go: all sessions wait for it. */
  report(extent: ReportExtent = WHOLE): ReportRecord {
    return atOnce(this.#report(extent));
  }

  /** The books as they stand, put together between the bytes that pass. */
  figures(extent: ReportExtent): Promise<ReportRecord> {
    return inSlices(this.#report(extent));
  }

  /** Contexts are taken from the options as connections need them. */
  renewTls(): void {
    // Whoever read them anew has exchanged them there.
  }

  /**
   * Stops listening, and ends each session as soon as it is idle outside of a transaction.
   *
   * @param until gives it up: the sessions that are left go on
   * @returns resolves once no session is left, or it was given up
   */
  async drain(until: AbortSignal): Promise<void> {
    this.#doors.close();
    await endAsTheyRest(this, () => this.#plane.endThoseAtRest(), until);
  }

  /** Stops listening, ends all sessions, and returns the final report. Further calls return the same one. */
  stop(): ReportRecord {
    return (this.#final ??= this.#stop());
  }

  *#report(extent: ReportExtent): Steps<ReportRecord> {
    const threads = [...this.#earlier, yield* this.#plane.figures(extent)];
    return yield* mergedReport({ ...this.#heading, histograms: extent.histograms === true }, threads);
  }

  /** Cumulative figures as a state file keeps them. */
  stateText(): Promise<string> {
    return inSlices(this.#stateText());
  }

  *#stateText(): Steps<string> {
    const live = this.#last ?? (yield* this.#plane.figures({ statements: 'open', fingerprints: true }));
    const threads = [...this.#earlier, live];
    return yield* stateOf(this.#heading, threads);
  }

  /** What earlier processes have counted, as of a thread that has ended. */
  get #earlier(): readonly Figures[] {
    const { state } = this.#options;
    return state === null ? [] : [state.figures];
  }

  #stop(): ReportRecord {
    this.#doors.close();
    this.#stopFollowing?.();
    this.#plane.end();
    this.#last = atOnce(this.#plane.figures(WHOLE));
    this.#plane.close();
    return atOnce(mergedReport(this.#heading, [...this.#earlier, this.#last]));
  }
}
