import type { Inquiry } from '../../collector/collector.ts';
import type { PlainTotals } from '../../account/statement_totals.ts';
import type { ClockOrigin } from '../../clock.ts';
import type { Address } from '../../relay/address.ts';
import type { ClientTls } from '../../relay/client_tls.ts';
import type { TlsFileContents } from '../../relay/tls_context.ts';
import type { UpstreamTls } from '../../relay/upstream_tls.ts';
import type { Figures, ReportExtent } from '../../report/figures.ts';
import type { ReportRecord, SessionRecord, StatementRecord } from '../../report/model.ts';
import type { StatementLine } from '../../report/statement_line.ts';
import type { CancelDiagnosis } from '../../session/cancel.ts';
import type { Delivery, FoundSession, SoughtSession } from '../control.ts';
import type { HungBackend, ListenerOptions, ProxyOptions } from '../options.ts';

/** Options as data: what is no data the thread makes itself, or asks for by mail, and what only the report needs is not sent. */
export type PlainOptions = Omit<
  ProxyOptions,
  'log' | 'onStatement' | 'tap' | 'diagnose' | 'statementBudget' | 'state'
>;

export interface PlainPair extends Omit<ListenerOptions, 'clientTls' | 'upstreamTls'> {
  readonly clientTls: PlainTls<ClientTls> | 'passthrough' | null;
  readonly upstreamTls: PlainTls<UpstreamTls> | null;
}

/** TLS with the files in place of the context that is made of them. */
export type PlainTls<Tls> = Omit<Tls, 'context'> & { readonly files: TlsFileContents };

/** Where a thread listens: one of the addresses of a pair. */
export interface PlainDoor {
  readonly pair: number;
  readonly address: Address;
  /** As the user wrote it, with port 0 resolved. */
  readonly listener: string;
  readonly descriptor: number;
}

/** What a thread is started with. */
export interface ThreadStart {
  readonly clock: ClockOrigin;
  readonly cells: Int32Array;
  readonly thread: number;
  readonly threads: number;
  readonly options: PlainOptions;
  readonly pairs: readonly PlainPair[];
  readonly doors: readonly PlainDoor[];
  readonly logLevel: string;
  readonly diagnoses: boolean;
  readonly statementLines: boolean;
  readonly trace: boolean;
  /** How many servers the proxy has, told apart by how the user wrote them. */
  readonly servers: number;
}

/** A piece of the figures: what it has comes behind what came before. */
export interface FiguresPiece {
  readonly sessions?: readonly SessionRecord[];
  /** More statements of the last session. */
  readonly moreStatements?: readonly StatementRecord[];
  readonly totals?: readonly PlainTotals[];
  readonly rest?: Pick<Figures, 'databases' | 'cancels' | 'refused' | 'dropped'> & {
    readonly other: PlainTotals | null;
  };
}

/** From the main thread to a relay thread. */
export type ToThread =
  | { readonly kind: 'inquire'; readonly id: number; readonly extent: ReportExtent }
  | { readonly kind: 'report'; readonly id: number; readonly report: ReportRecord | null }
  | { readonly kind: 'find'; readonly id: number; readonly sought: SoughtSession }
  | { readonly kind: 'found'; readonly id: number; readonly where: FoundSomewhere | null }
  | { readonly kind: 'delivered'; readonly request: number; readonly delivery: Delivery }
  | { readonly kind: 'make_room' }
  | { readonly kind: 'diagnosed'; readonly id: number; readonly diagnosis: Diagnosis }
  | { readonly kind: 'renew_tls'; readonly pairs: readonly PlainPair[] }
  /** Accept nobody any more, and end the sessions that are at rest. */
  | { readonly kind: 'drain' }
  | { readonly kind: 'end' };

/** A session in another thread. */
export type FoundSomewhere = FoundSession & { readonly thread: number };

export type Diagnosis = Omit<CancelDiagnosis, 'at'> | { readonly failed: string } | null;

/** From a relay thread to the main thread. */
export type FromThread =
  | { readonly kind: 'listening' }
  | { readonly kind: 'figures'; readonly id: number; readonly piece: FiguresPiece }
  | { readonly kind: 'inquire'; readonly id: number; readonly inquiry: Inquiry }
  | { readonly kind: 'find'; readonly id: number; readonly sought: SoughtSession }
  | { readonly kind: 'found'; readonly id: number; readonly where: FoundSession | null }
  | {
      readonly kind: 'delivered';
      readonly thread: number;
      readonly request: number;
      readonly delivery: Delivery;
    }
  | { readonly kind: 'make_room' }
  | { readonly kind: 'diagnose'; readonly id: number; readonly backend: HungBackend }
  | { readonly kind: 'lines'; readonly lines: Lines }
  /** Its last figures are here. */
  | { readonly kind: 'ended' }
  /** Something is wrong with the program: the sessions of this thread are lost, and its last figures are here. */
  | { readonly kind: 'failed'; readonly message: string };

/** The number of the inquiry for the last figures of a thread. */
export const LAST = 0;

/** What a thread has to say since it last did, in order. */
export interface Lines {
  readonly log: readonly string[];
  readonly statements: readonly StatementLine[];
  readonly trace: readonly string[];
  /** Statements and trace lines that had to be left out, for those before them were not taken. */
  readonly dropped: number;
}
