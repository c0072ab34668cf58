import { DamagedLine } from '../../kernel/records.ts';
import { parseMessage, recordOfMessage } from './bpftrace_line.ts';
import { isType, type Kind, LAYOUTS, UNKNOWN_YET, withoutCut } from './layouts.ts';
import type { TraceRecord } from './record.ts';

/**
 * Reads a line of a recording: a record by name, as `--json` and probes/fsync.stp print them, or one that bpftrace printed
 * for probes/fsync.bt.
 *
 * @param line its bytes as Latin-1
 * @returns null for a blank line, for what bpftrace says about itself, and for a type of record that is not known
 * @throws {DamagedLine} when it is no record, or lacks something
 */
export function parseLine(line: string): TraceRecord | null {
  if (line.trim() === '') return null;
  const message = parseMessage(line);
  if (message.data !== undefined) return recordOfMessage(message);
  const record: object = JSON.parse(Buffer.from(line, 'latin1').toString('utf8'));
  return checked(message.type, { ...record });
}

function checked(type: unknown, given: Record<string, unknown>): TraceRecord | null {
  if (typeof type !== 'string' || !isType(type)) return null;
  const record: Record<string, unknown> = { ...UNKNOWN_YET[type], ...given };
  for (const [name, kind] of LAYOUTS[type]) {
    const value = record[name];
    if (!hasKind(value, kind)) throw new DamagedLine(`its ${type} has a wrong ${name}`);
    if (kind === 'text') record[name] = withoutCut(String(value));
  }
  // Its fields are those that its type has.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return record as unknown as TraceRecord;
}

function hasKind(value: unknown, kind: Kind): boolean {
  if (kind === 'text') return typeof value === 'string';
  if (kind === 'flag') return typeof value === 'boolean';
  return typeof value === 'number' || (kind === 'statement' && value === null);
}
