import type { Piece } from './piece.ts';

/** The hot pieces, in the order of the report; another one is another entry. */
const FAMILIES: readonly (() => Promise<readonly Piece[]>)[] = [
  async () => (await import('./scanner.ts')).scanner,
  async () => (await import('./queue.ts')).queue,
  async () => (await import('./session.ts')).session,
  async () => (await import('./ledger.ts')).ledger,
  async () => (await import('./pump.ts')).pump,
  async () => (await import('./bare_pump.ts')).barePump,
];

/** @throws when one of them cannot be loaded */
export async function loadPieces(): Promise<readonly Piece[]> {
  return (await Promise.all(FAMILIES.map((load) => load()))).flat();
}

/** Those that can be loaded: an older commit has not all that today's benchmark measures. */
export async function loadKnownPieces(): Promise<readonly Piece[]> {
  const families = await Promise.allSettled(FAMILIES.map((load) => load()));
  return families.flatMap((family) => (family.status === 'fulfilled' ? family.value : []));
}
