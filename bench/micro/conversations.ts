import { int16, int32, message } from './messages.ts';

/** One statement as a client and a server exchange it: what each sends at once, in turns. */
export interface Exchange {
  readonly name: string;
  /** What goes before it, once. */
  readonly before: readonly Turn[];
  readonly turns: readonly Turn[];
  /** Messages in `turns`. */
  readonly messages: number;
}

export interface Turn {
  readonly from: 'client' | 'server';
  readonly bytes: Buffer;
}

const SQL = 'select 1\0';
const NO_FORMATS_NO_VALUES = Buffer.concat([int16(0), int16(0), int16(0)]);
const rowDescription = message(
  'T',
  int16(1),
  '?column?\0',
  int32(0),
  int16(0),
  int32(23),
  int16(4),
  int32(-1),
  int16(0),
);
const dataRow = message('D', int16(1), int32(1), '1');
const commandComplete = message('C', 'SELECT 1\0');
const readyForQuery = message('Z', 'I');

/** What authentication by trust ends with. */
export const GREETING = Buffer.concat([message('R', int32(0)), readyForQuery]);

/** `select 1` in the three protocols of pgbench. */
export const EXCHANGES: readonly Exchange[] = [
  exchange('simple', [message('Q', SQL)], [rowDescription, dataRow, commandComplete, readyForQuery]),
  exchange(
    'extended',
    [
      message('P', '\0', SQL, int16(0)),
      message('B', '\0\0', NO_FORMATS_NO_VALUES),
      message('D', 'P\0'),
      message('E', '\0', int32(0)),
      message('S'),
    ],
    [message('1'), message('2'), rowDescription, dataRow, commandComplete, readyForQuery],
  ),
  exchange(
    'prepared',
    [
      message('B', '\0P_0\0', NO_FORMATS_NO_VALUES),
      message('D', 'P\0'),
      message('E', '\0', int32(0)),
      message('S'),
    ],
    [message('2'), rowDescription, dataRow, commandComplete, readyForQuery],
    [
      { from: 'client', bytes: Buffer.concat([message('P', 'P_0\0', SQL, int16(0)), message('S')]) },
      { from: 'server', bytes: Buffer.concat([message('1'), readyForQuery]) },
    ],
  ),
];

function exchange(
  name: string,
  requests: readonly Buffer[],
  replies: readonly Buffer[],
  before: readonly Turn[] = [],
): Exchange {
  return {
    name,
    before,
    turns: [
      { from: 'client', bytes: Buffer.concat(requests) },
      { from: 'server', bytes: Buffer.concat(replies) },
    ],
    messages: requests.length + replies.length,
  };
}
