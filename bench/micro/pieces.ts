import { ledger } from './ledger.ts';
import type { Piece } from './piece.ts';
import { pump } from './pump.ts';
import { queue } from './queue.ts';
import { scanner } from './scanner.ts';
import { session } from './session.ts';

/** The hot pieces, in the order of the report; another one is another entry. */
export const PIECES: readonly Piece[] = [...scanner, ...queue, ...session, ...ledger, ...pump];
