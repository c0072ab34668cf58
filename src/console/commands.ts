import type { ConsoleTable } from './table.ts';
import { SHOWN, VIEWED } from './tables.ts';

/** What a client of the console asks for. */
export type Command =
  /** SQL for the server; these views are named in it. */
  | { readonly kind: 'sql'; readonly views: ReadonlyMap<string, ConsoleTable> }
  | { readonly kind: 'show'; readonly table: ConsoleTable }
  | { readonly kind: 'signal'; readonly how: 'cancel' | 'kill'; readonly session: number }
  /** It means nothing here. */
  | { readonly kind: 'refused'; readonly sqlstate: string; readonly message: string; readonly hint: string };

const NO_VIEWS: ReadonlyMap<string, ConsoleTable> = new Map();
const SQL: Command = { kind: 'sql', views: NO_VIEWS };

const SYNTAX_ERROR = '42601';
const FEATURE_NOT_SUPPORTED = '0A000';

/** Commands of PgBouncer's console that are about its pools. */
const POOL_COMMANDS =
  /^(?:pause|resume|reconnect|reload|suspend|shutdown|enable|disable|wait_close|kill_client|kill)\b/i;

/** Reads one text. Nothing but texts that are ours as a whole is taken for a command: all else is SQL. */
export function readCommand(text: string): Command {
  const command = withoutEnd(text.trimStart());
  const shown = /^show\s+(\w+)$/i.exec(command)?.[1]?.toLowerCase();
  if (shown !== undefined) return readShow(shown);
  const signal = /^(cancel|kill)\s+session\s+(\d{1,15})$/i.exec(command);
  if (signal !== null)
    return {
      kind: 'signal',
      how: /^c/i.test(signal[1]!) ? 'cancel' : 'kill',
      session: Number(signal[2]),
    };
  if (/^(?:cancel|kill)\s+session\b/i.test(command)) {
    const verb = command.slice(0, command.search(/\s/)).toUpperCase();
    return {
      kind: 'refused',
      sqlstate: SYNTAX_ERROR,
      message: `${verb} SESSION takes the number of a session`,
      hint: `For example: ${verb} SESSION 7. The numbers are in netflow_activity.session.`,
    };
  }
  const pool = POOL_COMMANDS.exec(command);
  if (pool !== null) {
    return {
      kind: 'refused',
      sqlstate: FEATURE_NOT_SUPPORTED,
      message: `${pool[0].toUpperCase()} has no meaning here: pgnetflow has no pool of server connections`,
      hint: 'SHOW HELP lists the commands; KILL SESSION n ends a session.',
    };
  }
  const views = viewsIn(text);
  return views.size === 0 ? SQL : { kind: 'sql', views };
}

/** Without the spaces and semicolons at its end. A pattern would look at each run of spaces from each of them. */
function withoutEnd(text: string): string {
  let end = text.length;
  while (end > 0 && /[\s;]/.test(text[end - 1]!)) end -= 1;
  return text.slice(0, end);
}

/** SHOW of a name that is not ours is the server's, unless it looks like a slip of the pen. */
function readShow(name: string): Command {
  const table = SHOWN.get(name);
  if (table !== undefined) return { kind: 'show', table };
  const nearest = [...SHOWN.keys()].find((known) => isSlip(name, known));
  if (nearest === undefined) return SQL;
  return {
    kind: 'refused',
    sqlstate: SYNTAX_ERROR,
    message: `there is no SHOW ${name.toUpperCase()}`,
    hint: `Did you mean SHOW ${nearest.toUpperCase()}? SHOW HELP lists the commands.`,
  };
}

/** Views that a text names, wherever: to name one in a comment costs a look at the figures. */
function viewsIn(text: string): ReadonlyMap<string, ConsoleTable> {
  if (!/netflow_/i.test(text)) return NO_VIEWS;
  const found = new Map<string, ConsoleTable>();
  for (const [name] of text.matchAll(/netflow_\w+/gi)) {
    const table = VIEWED.get(name.toLowerCase());
    if (table !== undefined) found.set(name.toLowerCase(), table);
  }
  return found;
}

/** One letter is missing, too many, another one, or has changed places with its neighbour. */
function isSlip(text: string, meant: string): boolean {
  if (Math.abs(text.length - meant.length) > 1 || meant.length < 5) return false;
  let at = 0;
  while (at < text.length && text[at] === meant[at]) at += 1;
  const [restOfText, restOfMeant] = [text.slice(at), meant.slice(at)];
  return (
    restOfText.slice(1) === restOfMeant ||
    restOfText === restOfMeant.slice(1) ||
    restOfText.slice(1) === restOfMeant.slice(1) ||
    (restOfText[0] === restOfMeant[1] &&
      restOfText[1] === restOfMeant[0] &&
      restOfText.slice(2) === restOfMeant.slice(2))
  );
}
