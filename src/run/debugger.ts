import { askForDump } from './dump_signal.ts';

/** Options of Node that open its debugger. */
const OPENING = /^--inspect([-_](brk|wait))?(=|$)/;

/**
 * Closes Node's debugger, unless it was asked for: then a SIGUSR1 has opened it before that could be taken, and wanted
 * a dump.
 */
export function closeUnwantedDebugger(): void {
  const options = [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(/\s+/)];
  if (!process.features.inspector || options.some((option) => OPENING.test(option))) return;
  const { close, url } = process.getBuiltinModule('node:inspector');
  if (url() === undefined) return;
  close();
  askForDump();
}
