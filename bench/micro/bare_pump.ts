import { UnreadReplyBooks } from '../../src/proxy/session_books.ts';
import { Throttle } from '../../src/proxy/throttle.ts';
import type { Piece } from './piece.ts';
import { pumpPiece } from './pump.ts';

/** The relay in memory without books: what `--accounting off` leaves. */
export const barePump: readonly Piece[] = [
  pumpPiece(
    'accounting off',
    (session, to) => new UnreadReplyBooks(session, null, new Throttle(session, to)),
  ),
];
