import { recordsFromOverhead } from '../wire/tls_records.ts';
import type { Flow } from './account.ts';

/** Bytes of a leg's socket so far. */
export interface SocketPosition {
  readonly in: number;
  readonly out: number;
}

/** Records of application data on one leg; null where their number is not certain. */
export interface TlsRecordCounts {
  readonly in: number | null;
  readonly out: number | null;
}

/** @param tls of the leg; null without */
export function positionOf(
  tls: { readonly socketIn: number; readonly socketOut: number } | null,
): SocketPosition | null {
  return tls === null ? null : { in: tls.socketIn, out: tls.socketOut };
}

/**
 * The records between two positions, if only the bytes of one statement stand there.
 *
 * @param flows the statement's: what was read from this leg, and what was written to it
 */
export function recordsBetween(
  from: SocketPosition | null,
  to: SocketPosition | null,
  tls: { readonly recordOverhead: number | null } | null,
  flows: { readonly in: Flow; readonly out: Flow },
): TlsRecordCounts | null {
  if (from === null || to === null || tls === null) return null;
  const { recordOverhead } = tls;
  if (recordOverhead === null) return { in: null, out: null };
  const derive = (bytes: number, plain: number): number | null =>
    recordsFromOverhead(plain, bytes - plain, recordOverhead, 'none');
  const into = derive(to.in - from.in, flows.in.bytes);
  return {
    // Each record is one read.
    in: into === flows.in.reads ? into : null,
    out: derive(to.out - from.out, flows.out.bytes),
  };
}
