import { setTimeout } from 'node:timers/promises';

/** How often sessions are asked. */
const INTERVAL_MS = 20;

/**
 * Ends sessions as they come to rest, until none is left.
 *
 * @param plane counts the sessions that are left
 * @param endThoseAtRest asks those that are idle outside of a transaction to end; called again and again
 * @param until gives it up: the sessions that are left go on
 */
export async function endAsTheyRest(
  plane: { readonly openSessions: number },
  endThoseAtRest: () => void,
  until: AbortSignal,
): Promise<void> {
  while (plane.openSessions > 0 && !until.aborted) {
    endThoseAtRest();
    await setTimeout(INTERVAL_MS, undefined, { signal: until }).catch(() => undefined);
  }
}
