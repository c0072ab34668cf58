import { CANCEL_REQUEST, GSSENC_REQUEST, SSL_REQUEST } from '../startup_packet.ts';
import { type Field, type Format, int16, int32, secret } from './fields.ts';

const version = [int16, int16];

/** Names and values up to an empty name, which is not printed, as in libpq. */
const parameters: Field = (body) => {
  while (!body.endOfList()) {
    body.string();
    body.string();
  }
};

/** Packets without a type byte by the request code that stands where a StartupMessage has its version. */
const requests: ReadonlyMap<number, Format> = new Map([
  [CANCEL_REQUEST, { name: 'CancelRequest', fields: [...version, int32, secret] }],
  [SSL_REQUEST, { name: 'SSLRequest', fields: version }],
  [GSSENC_REQUEST, { name: 'GSSENCRequest', fields: version }],
]);

const startupMessage: Format = { name: 'StartupMessage', fields: [...version, parameters] };
/** Another version of the protocol: it lays out its StartupMessage differently, and what follows too. */
export const otherStartupMessage: Format = { name: 'StartupMessage', fields: [...version, secret] };
const unknown: Format = { name: 'Unknown message', fields: [secret] };

/** How to print a packet without a type byte, given as a whole. */
export function startupFormat(packet: Buffer): Format {
  if (packet.length < 8) return unknown;
  const code = packet.readUInt32BE(4);
  return requests.get(code) ?? (code >>> 16 === 3 ? startupMessage : otherStartupMessage);
}
