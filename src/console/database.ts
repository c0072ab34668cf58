import type { StartupPacket } from '../wire/startup_packet.ts';

type StartupMessage = Extract<StartupPacket, { kind: 'startup_message' }>;

/** The virtual database. */
const CONSOLE = 'pgnetflow';

export interface ConsoleNames {
  /** Where the server logs those in who name no other database. */
  readonly database: string;
  /** Another name of the console; null: none. */
  readonly alias: string | null;
}

/**
 * The database in which the server is to log a console session in: that of `-d pgnetflow/DATABASE`, or the one given.
 *
 * @returns null when the client wants an ordinary session
 */
export function consoleDatabase(
  { parameters, protocolMajor }: StartupMessage,
  { database: byDefault, alias }: ConsoleNames,
): string | null {
  const database = parameters.get('database');
  if (database === undefined || protocolMajor !== 3) return null;
  if (database === CONSOLE || database === alias) return byDefault;
  return database.startsWith(`${CONSOLE}/`) ? database.slice(CONSOLE.length + 1) : null;
}

/** The StartupMessage with another database, all else as the client has sent it. */
export function withDatabase(packet: Buffer, database: string): Buffer {
  const parts: Buffer[] = [packet.subarray(0, 8)];
  let at = 8;
  for (;;) {
    const nameEnd = packet.indexOf(0, at);
    if (nameEnd <= at) break;
    const valueEnd = packet.indexOf(0, nameEnd + 1);
    if (valueEnd < 0) break;
    if (packet.toString('latin1', at, nameEnd) === 'database')
      parts.push(packet.subarray(at, nameEnd + 1), Buffer.from(`${database}\0`));
    else parts.push(packet.subarray(at, valueEnd + 1));
    at = valueEnd + 1;
  }
  parts.push(packet.subarray(at));
  const changed = Buffer.concat(parts);
  changed.writeInt32BE(changed.length);
  return changed;
}
