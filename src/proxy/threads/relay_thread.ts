import pino from 'pino';
import { inSlices } from '../../collector/slices.ts';
import { Networks } from '../../relay/networks.ts';
import { listenOn } from '../../relay/listener.ts';
import { tlsContext, type TlsContext } from '../../relay/tls_context.ts';
import { formatAddress } from '../../relay/address.ts';
import { WHOLE } from '../../report/figures.ts';
import type { ReportRecord } from '../../report/model.ts';
import { statementLine } from '../../report/statement_line.ts';
import { SteadyClock } from '../../report/steady_clock.ts';
import { atOnce, type Steps } from '../../report/steps.ts';
import type { ControlPlane, Delivery, FoundElsewhere, SoughtSession } from '../control.ts';
import { Counts } from '../counts.ts';
import { DataPlane } from '../data_plane.ts';
import type { BackendDiagnoser, ConnectionOptions, ListenerOptions, ProxyOptions } from '../options.ts';
import { traceTap } from '../trace_tap.ts';
import { Errands } from './errands.ts';
import { sendFigures } from './figures_mail.ts';
import { LineBatches } from './line_batches.ts';
import {
  type Diagnosis,
  type FoundSomewhere,
  type FromThread,
  LAST,
  type PlainPair,
  type ThreadStart,
  type ToThread,
} from './mail.ts';

/** A data plane in a thread of its own: what it asks of the control plane, and what that asks of it, goes by mail. */
export class RelayThread {
  readonly #start: ThreadStart;
  readonly #send: (mail: FromThread) => void;
  readonly #lines: LineBatches;
  readonly #options: ProxyOptions;
  readonly #plane: DataPlane;
  readonly #control: ControlPlane;
  readonly #clock = new SteadyClock();
  readonly #inquiries = new Errands<ReportRecord | null>();
  readonly #searches = new Errands<FoundSomewhere | null>();
  readonly #diagnoses = new Errands<Diagnosis>();
  /** What connections are told, by pair. */
  readonly #pairs: ConnectionOptions[];
  readonly #listeners: { close(): void }[] = [];

  constructor(start: ThreadStart, send: (mail: FromThread) => void) {
    this.#start = start;
    this.#send = send;
    const counts = new Counts(start.cells, start.thread);
    this.#lines = new LineBatches(counts, (lines) => send({ kind: 'lines', lines }));
    this.#options = this.#optionsOf(start);
    this.#control = this.#controlPlane();
    this.#plane = new DataPlane(this.#options, { counts, threads: start.threads }, this.#control);
    this.#pairs = start.pairs.map((pair) => this.#connectionOptions(pair));
    this.#clock.followSystem();
  }

  /** Begins to accept clients. */
  async listen(): Promise<void> {
    const { doors, pairs } = this.#start;
    for (const { pair, address, listener, descriptor } of doors) {
      const { upstream, proxyProtocolFrom } = pairs[pair]!;
      const door = {
        address,
        balancers: new Networks(proxyProtocolFrom),
        entrance: { listener, upstream: formatAddress(upstream) },
      };
      const listening = await listenOn(
        descriptor,
        (socket) => this.#plane.accept(socket, { ...door, options: this.#pairs[pair]! }),
        (error) => this.#plane.notAccepted(error),
      );
      this.#listeners.push(listening);
    }
    this.#send({ kind: 'listening' });
  }

  receive(mail: ToThread): void {
    switch (mail.kind) {
      case 'inquire':
        void inSlices(this.#answer(mail.id, mail.extent));
        break;
      case 'report':
        this.#inquiries.done(mail.id, mail.report);
        break;
      case 'find':
        this.#send({ kind: 'found', id: mail.id, where: this.#plane.find(mail.sought) });
        break;
      case 'found':
        this.#searches.done(mail.id, mail.where);
        break;
      case 'delivered':
        this.#plane.delivered(mail.request, mail.delivery);
        break;
      case 'make_room':
        this.#plane.cutOffSilent();
        break;
      case 'diagnosed':
        this.#diagnoses.done(mail.id, mail.diagnosis);
        break;
      case 'renew_tls':
        for (const [at, pair] of mail.pairs.entries()) this.#pairs[at] = this.#connectionOptions(pair);
        break;
      case 'drain':
        this.#stopListening();
        this.#plane.endThoseAtRest();
        break;
      case 'end':
        this.#end();
        break;
    }
  }

  /** Something is wrong with the program: nothing here can be trusted to go on, but what was counted is told. */
  fail(error: unknown): never {
    const message = error instanceof Error ? error.message : String(error);
    try {
      this.#plane.abort(`its relay thread failed: ${message}`);
      atOnce(this.#answer(LAST, WHOLE));
      this.#lines.flush();
    } finally {
      this.#send({ kind: 'failed', message });
    }
    process.exit(1);
  }

  #stopListening(): void {
    for (const listener of this.#listeners.splice(0)) listener.close();
  }

  #end(): void {
    this.#stopListening();
    this.#plane.end();
    atOnce(this.#answer(LAST, WHOLE));
    this.#lines.flush();
    this.#plane.close();
    this.#send({ kind: 'ended' });
  }

  *#answer(id: number, extent: Extract<ToThread, { kind: 'inquire' }>['extent']): Steps<void> {
    const figures = yield* this.#plane.figures(extent);
    yield* sendFigures(figures, (piece) => this.#send({ kind: 'figures', id, piece }));
  }

  #optionsOf({ options, logLevel, statementLines, trace }: ThreadStart): ProxyOptions {
    const lines = this.#lines;
    return {
      // Earlier figures are added up in the main thread.
      state: null,
      ...options,
      log: pino(
        { level: logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime },
        { write: (line: string) => lines.log(line) },
      ),
      ...(statementLines && {
        onStatement: (session, statement) =>
          lines.statement(statementLine(session, statement, this.#clock, options.queryText)),
      }),
      ...(trace && { tap: (session) => traceTap(session, (line) => lines.trace(line)) }),
    };
  }

  #controlPlane(): ControlPlane {
    const send = this.#send;
    const diagnose: BackendDiagnoser['diagnose'] = (backend) =>
      new Promise((resolve, reject) => {
        const id = this.#diagnoses.begin((diagnosis) => {
          if (diagnosis !== null && 'failed' in diagnosis) reject(new Error(diagnosis.failed));
          else resolve(diagnosis);
        });
        send({ kind: 'diagnose', id, backend });
      });
    return {
      collector: {
        inquire: (inquiry) =>
          new Promise((resolve, reject) => {
            const id = this.#inquiries.begin((report) => {
              if (report === null) reject(new Error('the figures cannot be had'));
              else resolve(report);
            });
            send({ kind: 'inquire', id, inquiry });
          }),
      },
      diagnose: this.#start.diagnoses ? diagnose : null,
      others:
        this.#start.threads === 1
          ? null
          : {
              find: (sought, found) => this.#find(sought, found),
              makeRoom: () => send({ kind: 'make_room' }),
            },
    };
  }

  #find(sought: SoughtSession, found: (where: FoundElsewhere | null) => void): void {
    const id = this.#searches.begin((where) => {
      if (where?.kind !== 'open') {
        found(where);
        return;
      }
      const { thread, request } = where;
      const delivered = (delivery: Delivery): void =>
        this.#send({ kind: 'delivered', thread, request, delivery });
      found({ kind: 'open', delivered });
    });
    const { client, via, entrance } = sought.origin;
    // A Buffer is sent with all of the memory that it is a part of.
    const plain = { ...sought, key: Uint8Array.from(sought.key), origin: { client, via, entrance } };
    this.#send({ kind: 'find', id, sought: plain });
  }

  #connectionOptions(pair: PlainPair): ConnectionOptions {
    const { log, tap, console: options } = this.#options;
    return {
      ...withTls(pair),
      log,
      ...(tap !== undefined && { tap }),
      console:
        options === null
          ? null
          : { ...options, collector: this.#control.collector, servers: this.#start.servers },
    };
  }
}

function withTls(pair: PlainPair): ListenerOptions {
  const { clientTls, upstreamTls } = pair;
  return {
    ...pair,
    clientTls:
      clientTls === null || clientTls === 'passthrough'
        ? clientTls
        : { ...clientTls, context: contextOf(clientTls.files) },
    upstreamTls: upstreamTls === null ? null : { ...upstreamTls, context: contextOf(upstreamTls.files) },
  };
}

function contextOf(files: NonNullable<TlsContext['files']>): TlsContext {
  const pem = Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, Buffer.from(bytes)]));
  return { current: tlsContext(pem), files };
}
