/** How often a socket that is not read from is asked whether its other end is still there. */
const ASK_EVERY_MS = 500;

/** To ask one takes some 10 µs; so many may keep the others waiting. */
const ASKED_AT_ONCE = 64;

/** A socket that may not be read from. */
export interface Unread {
  /** Finds out whether its other end is gone. @returns false when it is read from again, or closed: it need not be asked any more */
  ask(): boolean;
}

const all = new Set<Unread>();
let timer: NodeJS.Timeout | null = null;

/**
 * Asks, for as long as a socket is not read from, whether its other end is still there: of a socket that it does not
 * read, libuv hears nothing, not even a reset. While all are read from, nothing runs.
 */
export function askWhileUnread(socket: Unread): void {
  all.add(socket);
  timer ??= setInterval(() => askFrom([...all]), ASK_EVERY_MS).unref();
}

function askFrom(waiting: readonly Unread[]): void {
  for (const each of waiting.slice(0, ASKED_AT_ONCE)) if (!each.ask()) all.delete(each);
  const rest = waiting.slice(ASKED_AT_ONCE);
  if (rest.length > 0) setImmediate(() => askFrom(rest));
  else if (all.size === 0 && timer !== null) {
    clearInterval(timer);
    timer = null;
  }
}
