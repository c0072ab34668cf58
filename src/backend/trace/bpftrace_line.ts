import { DamagedLine } from '../../kernel/records.ts';
import { isType, type Kind, LAYOUTS, UNKNOWN_YET, withoutCut } from './layouts.ts';
import type { TraceRecord } from './record.ts';

/** A message of `bpftrace -f json`. */
export interface BpftraceMessage {
  readonly type: unknown;
  readonly data: unknown;
}

/**
 * What a line of `bpftrace -f json` holds.
 *
 * @param line its bytes as Latin-1: bpftrace cuts texts between bytes, not characters
 * @throws {DamagedLine} when it is no JSON object with a type
 */
export function parseMessage(line: string): BpftraceMessage {
  let value: unknown;
  try {
    // bpftrace 0.17 writes a byte above 127 in a way of its own.
    value = JSON.parse(line.replace(/\\uffffff([89a-f][0-9a-f])/g, String.raw`\u00$1`));
  } catch {
    throw new DamagedLine('it is no JSON');
  }
  if (typeof value !== 'object' || value === null || !('type' in value)) {
    throw new DamagedLine('it is no object with a type');
  }
  return { data: undefined, ...value };
}

/**
 * Makes a record of what bpftrace says when it runs probes/fsync.bt.
 *
 * @returns null for what it says about itself, and for a type of record that is not known
 * @throws {DamagedLine} when the record lacks something
 */
export function recordOfMessage({ type, data }: BpftraceMessage): TraceRecord | null {
  if (type === 'printf') {
    if (typeof data !== 'string') throw new DamagedLine('its printf has no text');
    return parseFields(data);
  }
  if (type !== 'lost_events') return null;
  const events: unknown = typeof data === 'object' && data !== null ? Reflect.get(data, 'events') : null;
  if (typeof events !== 'number') throw new DamagedLine('it does not say how many events were lost');
  return { type: 'lost', count: events };
}

function parseFields(data: string): TraceRecord | null {
  const [type = ''] = data.split(' ', 1);
  if (!isType(type)) return null;
  const record: Record<string, unknown> = { type, ...UNKNOWN_YET[type] };
  let rest = data.slice(type.length + 1);
  for (const [name, kind] of LAYOUTS[type]) {
    const [word] = rest.split(' ', 1);
    const text = kind === 'text' ? rest : word!;
    const value = parseValue(text, kind);
    if (value === undefined) throw new DamagedLine(`its ${type} has a wrong ${name}`);
    record[name] = value;
    rest = rest.slice(text.length + 1);
  }
  // Its fields are those that its type has.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return record as unknown as TraceRecord;
}

/** @returns undefined when it is no such value */
function parseValue(text: string, kind: Kind): unknown {
  if (kind === 'text') return withoutCut(Buffer.from(text, 'latin1').toString('utf8'));
  if (!/^-?\d{1,19}$/.test(text)) return undefined;
  const number = Number(text);
  if (kind === 'us') return Math.round(number / 1000);
  if (kind === 'statement') return number === 0 ? null : number;
  return kind === 'flag' ? number === 1 : number;
}
