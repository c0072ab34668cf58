import type { BodyPrinter } from './body_printer.ts';
import { type Field, type Format, secret, string } from './fields.ts';

/** What the client may send next, for the four messages of type `p` look alike. */
const passwordMessage: Format = { name: 'PasswordMessage', fields: [secret] };
const gssResponse: Format = { name: 'GSSResponse', fields: [secret] };
const saslInitialResponse: Format = {
  name: 'SASLInitialResponse',
  fields: [
    string,
    (body) => {
      if (body.int32() !== -1) body.secret();
    },
  ],
};
const saslResponse: Format = { name: 'SASLResponse', fields: [secret] };

/** A message of type `p` that nothing asked for. */
export const unexpectedResponse: Format = { name: 'UnknownAuthenticationResponse', fields: [secret] };

/** Names of SASL mechanisms; the empty one behind the last is printed too, as in libpq. */
const mechanisms: Field = (body) => {
  while (body.string() > 0);
};

/** A request of the server, and the client's response to it. */
interface Authentication extends Format {
  readonly response: Format;
}

function request(name: string, fields: readonly Field[], response = unexpectedResponse): Authentication {
  return { name, fields, response };
}

/** Authentication messages by the number that tells them apart (AUTH_REQ_* of src/include/libpq/protocol.h). */
const authentications: ReadonlyMap<number, Authentication> = new Map([
  [0, request('AuthenticationOk', [])],
  [2, request('AuthenticationKerberosV5', [])],
  [3, request('AuthenticationCleartextPassword', [], passwordMessage)],
  [5, request('AuthenticationMD5Password', [secret], passwordMessage)],
  [7, request('AuthenticationGSS', [], gssResponse)],
  [8, request('AuthenticationGSSContinue', [secret], gssResponse)],
  [9, request('AuthenticationSSPI', [], gssResponse)],
  [10, request('AuthenticationSASL', [mechanisms], saslInitialResponse)],
  [11, request('AuthenticationSASLContinue', [secret], saslResponse)],
  [12, request('AuthenticationSASLFinal', [secret])],
]);

/** Reads from an Authentication body which of them it is. */
export function authenticationFormat(body: BodyPrinter): Authentication {
  const code = body.unprintedInt32();
  if (body.stopped) return request('Authentication', []);
  return authentications.get(code) ?? request(`Unknown authentication message ${code}`, [secret]);
}
