let dump: (() => void) | null = null;
let isAsked = false;
let isTaken = false;

/**
 * Takes SIGUSR1 for the rest of the process's life. While nothing listens to it, Node opens its debugger, through which
 * anybody on the machine can run what they like in the process.
 */
export function takeDumpSignal(): void {
  if (isTaken) return;
  isTaken = true;
  process.on('SIGUSR1', askForDump);
}

/** Does what SIGUSR1 does. */
export function askForDump(): void {
  if (dump === null) isAsked = true;
  else dump();
}

/** What SIGUSR1 does from now on; at once, if it has come before there was anything to do. Null: nothing. */
export function onDumpSignal(action: (() => void) | null): void {
  takeDumpSignal();
  dump = action;
  if (action === null || !isAsked) return;
  isAsked = false;
  action();
}
