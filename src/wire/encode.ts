/** The few messages that pgnetflow sends of its own accord. */
import { SSL_REQUEST } from './startup_packet.ts';

/** Answer to SSLRequest and GSSENCRequest: not here, go on in the clear. */
export const REFUSE_ENCRYPTION: Buffer = Buffer.from('N');

/** Answer to SSLRequest: the handshake may begin. */
export const ACCEPT_ENCRYPTION: Buffer = Buffer.from('S');

/** Asks a server for TLS. */
export const SSL_REQUEST_PACKET: Buffer = sslRequest();

const PROTOCOL_3_0 = 0x0003_0000;

function sslRequest(): Buffer {
  const packet = Buffer.alloc(8);
  packet.writeInt32BE(8);
  packet.writeInt32BE(SSL_REQUEST, 4);
  return packet;
}

/** A StartupMessage of protocol 3.0. */
export function startupMessage(parameters: Readonly<Record<string, string>>): Buffer {
  const body = Buffer.from(`${Object.entries(parameters).flat().join('\0')}\0\0`);
  const header = Buffer.alloc(8);
  header.writeInt32BE(header.length + body.length, 0);
  header.writeInt32BE(PROTOCOL_3_0, 4);
  return Buffer.concat([header, body]);
}

/**
 * An ErrorResponse of severity FATAL, as the server sends it before it closes a connection.
 *
 * @param sqlstate five characters (appendix A of the manual)
 */
export function fatalError(sqlstate: string, message: string, detail?: string): Buffer {
  const fields = ['SFATAL', 'VFATAL', `C${sqlstate}`, `M${message}`];
  if (detail !== undefined) fields.push(`D${detail}`);
  const body = Buffer.from(`${fields.join('\0')}\0\0`);
  const header = Buffer.alloc(5);
  header[0] = 0x45;
  header.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([header, body]);
}
