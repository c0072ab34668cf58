import { serialize } from 'pg-protocol';

/** A message of any type, byte for byte. */
export function message(type: string, ...body: (string | Buffer | number[])[]): Buffer {
  const bytes = Buffer.concat(body.map((part) => (Buffer.isBuffer(part) ? part : Buffer.from(part))));
  const header = Buffer.alloc(5);
  header.write(type, 'latin1');
  header.writeInt32BE(bytes.length + 4, 1);
  return Buffer.concat([header, bytes]);
}

/** Frontend messages. Where pg-protocol has an encoder, that is used: it shares no code with what is tested. */
export const client = {
  startup: (parameters: Record<string, string> = { user: 'alice', database: 'shop' }): Buffer =>
    serialize.startup(parameters),
  sslRequest: (): Buffer => serialize.requestSsl(),
  gssencRequest: (): Buffer => Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30]),
  cancel: (processId: number, key: Buffer): Buffer => {
    const packet = Buffer.alloc(12 + key.length);
    packet.writeInt32BE(packet.length, 0);
    packet.writeInt32BE(80877102, 4);
    packet.writeInt32BE(processId, 8);
    key.copy(packet, 12);
    return packet;
  },
  password: (text: string): Buffer => serialize.password(text),
  query: (sql: string): Buffer => serialize.query(sql),
  parse: (name: string, text: string): Buffer => serialize.parse({ name, text, types: [] }),
  bind: (portal: string, statement: string, values: string[] = []): Buffer =>
    serialize.bind({ portal, statement, values }),
  describe: (type: 'S' | 'P', name = ''): Buffer => serialize.describe({ type, name }),
  execute: (portal = '', rows = 0): Buffer => serialize.execute({ portal, rows }),
  close: (type: 'S' | 'P', name = ''): Buffer => serialize.close({ type, name }),
  sync: (): Buffer => serialize.sync(),
  flush: (): Buffer => serialize.flush(),
  terminate: (): Buffer => serialize.end(),
  copyData: (text: string): Buffer => serialize.copyData(Buffer.from(text)),
  copyDone: (): Buffer => serialize.copyDone(),
  copyFail: (reason: string): Buffer => serialize.copyFail(reason),
  functionCall: (oid: number): Buffer => message('F', int32(oid), [0, 0, 0, 0, 0, 0]),
};

/** Backend messages. */
export const server = {
  authenticationOk: (): Buffer => message('R', int32(0)),
  parameterStatus: (name: string, value: string): Buffer => message('S', `${name}\0${value}\0`),
  backendKeyData: (processId: number, key: Buffer): Buffer => message('K', int32(processId), key),
  ready: (status: 'I' | 'T' | 'E' = 'I'): Buffer => message('Z', status),
  rowDescription: (column = 'c'): Buffer => message('T', int16(1), `${column}\0`, Buffer.alloc(18)),
  noData: (): Buffer => message('n'),
  parameterDescription: (): Buffer => message('t', int16(0)),
  dataRow: (value: string): Buffer => message('D', int16(1), int32(Buffer.byteLength(value)), value),
  complete: (tag: string): Buffer => message('C', `${tag}\0`),
  emptyQuery: (): Buffer => message('I'),
  suspended: (): Buffer => message('s'),
  parseComplete: (): Buffer => message('1'),
  bindComplete: (): Buffer => message('2'),
  closeComplete: (): Buffer => message('3'),
  error: (sqlstate: string, severity = 'ERROR', text = 'it failed'): Buffer =>
    message('E', `S${severity}\0V${severity}\0C${sqlstate}\0M${text}\0\0`),
  notice: (): Buffer => message('N', 'SNOTICE\0VNOTICE\0C00000\0Mhear\0\0'),
  notification: (channel: string): Buffer => message('A', int32(42), `${channel}\0payload\0`),
  copyIn: (): Buffer => message('G', [0], int16(1), int16(0)),
  copyOut: (): Buffer => message('H', [0], int16(1), int16(0)),
  copyBoth: (): Buffer => message('W', [0], int16(0)),
  copyData: (text: string): Buffer => message('d', text),
  copyDone: (): Buffer => message('c'),
  functionResult: (): Buffer => message('V', int32(4), int32(7)),
};

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
