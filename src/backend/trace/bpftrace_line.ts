import type { TraceRecord } from './record.ts';

/** A field that takes the rest of the line. */
const TEXT = 'text';
const US = 'us';
const INTEGER = 'integer';
/** A statement's number; 0 is none. */
const STATEMENT = 'statement';
const FLAG = 'flag';

type Kind = typeof TEXT | typeof US | typeof INTEGER | typeof STATEMENT | typeof FLAG;
type Fields = readonly (readonly [name: string, kind: Kind])[];

const MOMENT: Fields = [['at_us', US]];
const OF_PROCESS: Fields = [...MOMENT, ['pid', INTEGER]];
const OPERATION: Fields = [...OF_PROCESS, ['statement', STATEMENT]];
const TIMED: Fields = [...OPERATION, ['duration_us', US], ['result', INTEGER]];
const SYNC: Fields = [...TIMED, ['fd', INTEGER], ['transient', FLAG]];

/** The fields of each record of probes/fsync.bt, in their order. */
const LAYOUTS: Readonly<Record<TraceRecord['type'], Fields>> = {
  attach: [...MOMENT, ['schema', TEXT]],
  process: [...OF_PROCESS, ['title', TEXT]],
  statement: [...OF_PROCESS, ['statement', INTEGER], ['query', TEXT]],
  end: [...OF_PROCESS, ['statement', INTEGER], ['state', INTEGER]],
  fsync: SYNC,
  fdatasync: SYNC,
  open: [...TIMED, ['path', TEXT]],
  slru_write: [...TIMED, ['fd', INTEGER], ['slru', INTEGER], ['offset', INTEGER], ['size', INTEGER]],
  slru_new: [...OPERATION, ['slru', INTEGER]],
  exit: OF_PROCESS,
  tick: MOMENT,
  lost: [['count', INTEGER]],
  detach: MOMENT,
};

/** What is filled in later, from other records and from /proc. */
const UNKNOWN_YET: Readonly<Partial<Record<TraceRecord['type'], object>>> = {
  fsync: { path: null },
  fdatasync: { path: null },
  slru_write: { path: null },
};

/**
 * Reads a line that `bpftrace -f json` prints for probes/fsync.bt.
 *
 * @param line its bytes as Latin-1: bpftrace cuts texts between bytes, not characters
 * @returns null for a line that is none of the script's
 */
export function parseBpftraceLine(line: string): TraceRecord | null {
  const message = parseObject(line.replace(/\\uffffff([89a-f][0-9a-f])/g, String.raw`\u00$1`));
  if (message === null) return null;
  const { type, data } = message;
  if (type === 'lost_events' && typeof data === 'object' && data !== null && 'events' in data) {
    return { type: 'lost', count: Number(data.events) };
  }
  return type === 'printf' && typeof data === 'string' ? parseFields(data) : null;
}

function parseFields(data: string): TraceRecord | null {
  const [type = ''] = data.split(' ', 1);
  if (!isType(type)) return null;
  const record: Record<string, unknown> = { type, ...UNKNOWN_YET[type] };
  let rest = data.slice(type.length + 1);
  for (const [name, kind] of LAYOUTS[type]) {
    const [word] = rest.split(' ', 1);
    const text = kind === TEXT ? rest : word!;
    const value = parseValue(text, kind);
    if (value === undefined) return null;
    record[name] = value;
    rest = rest.slice(text.length + 1);
  }
  // Its fields are those that its type has.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return record as unknown as TraceRecord;
}

function isType(text: string): text is TraceRecord['type'] {
  return Object.hasOwn(LAYOUTS, text);
}

/** @returns undefined when it is no such value */
function parseValue(text: string, kind: Kind): unknown {
  if (kind === TEXT) return withoutCut(Buffer.from(text, 'latin1').toString('utf8'));
  if (!/^-?\d{1,19}$/.test(text)) return undefined;
  const number = Number(text);
  if (kind === US) return Math.round(number / 1000);
  if (kind === STATEMENT) return number === 0 ? null : number;
  return kind === FLAG ? number === 1 : number;
}

/** Texts are cut between bytes, not characters. */
function withoutCut(text: string): string {
  return text.replace(/\uFFFD+$/, '');
}

function parseObject(line: string): { type: unknown; data: unknown } | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && 'type' in value && 'data' in value ? value : null;
  } catch {
    return null;
  }
}

/**
 * Reads a line of records by name, as `--json` and probes/fsync.stp print them.
 *
 * @returns null for a line that is no such record
 */
export function parseRecordLine(line: string): TraceRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null || !('type' in value)) return null;
  const { type } = value;
  if (typeof type !== 'string' || !isType(type)) return null;
  const record: Record<string, unknown> = { ...UNKNOWN_YET[type], ...value };
  for (const [name, kind] of LAYOUTS[type]) {
    const text = record[name];
    if (kind === TEXT && typeof text === 'string') record[name] = withoutCut(text);
  }
  const fits = LAYOUTS[type].every(([name, kind]) => hasKind(record[name], kind));
  // Its fields are those that its type has.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return fits ? (record as unknown as TraceRecord) : null;
}

function hasKind(value: unknown, kind: Kind): boolean {
  if (kind === TEXT) return typeof value === 'string';
  if (kind === FLAG) return typeof value === 'boolean';
  return typeof value === 'number' || (kind === STATEMENT && value === null);
}
