const AUTHENTICATION = 0x52;
const NEGOTIATE_PROTOCOL_VERSION = 0x76;
/** Code of AuthenticationSASL, the message that lists the mechanisms. */
const SASL = 10;
const HEADER_BYTES = 5;
/** What comes before it, and itself, are much smaller than this; what is larger passes unread. */
const MAX_MESSAGE_BYTES = 4096;
const CHANNEL_BINDING = '-PLUS';

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Takes the mechanisms with channel binding (SCRAM-SHA-256-PLUS) out of the server's AuthenticationSASL.
 *
 * They bind a log-in to the TLS connection that carries it. A client in the clear has none, while our connection to
 * the server is encrypted; libpq does not only leave PLUS alone then, but takes the offer for an attack and gives up
 * (pg_SASL_init of src/interfaces/libpq/fe-auth.c).
 */
export class SaslOffer {
  #held: Buffer = NOTHING;
  /** Nothing more is altered. */
  done = false;

  /**
   * Takes what the server has sent.
   *
   * @returns what is to be passed on, in a buffer of its own; what is missing is held back, or was taken out
   */
  take(chunk: Buffer): Buffer {
    const bytes = Buffer.concat([this.#held, chunk]);
    let at = 0;
    while (bytes.length - at >= HEADER_BYTES) {
      const type = bytes[at];
      const end = at + 1 + bytes.readUInt32BE(at + 1);
      if (
        (type !== AUTHENTICATION && type !== NEGOTIATE_PROTOCOL_VERSION) ||
        end - at < HEADER_BYTES ||
        end - at > MAX_MESSAGE_BYTES
      )
        return this.#passAll(bytes);
      if (end > bytes.length) break;
      if (type === AUTHENTICATION) {
        const offer = withoutBinding(bytes.subarray(at, end));
        return this.#passAll(Buffer.concat([bytes.subarray(0, at), offer, bytes.subarray(end)]));
      }
      at = end;
    }
    this.#held = bytes.subarray(at);
    return bytes.subarray(0, at);
  }

  #passAll(bytes: Buffer): Buffer {
    this.done = true;
    this.#held = NOTHING;
    return bytes;
  }
}

/** The message without these mechanisms, if it is an offer and has others. */
function withoutBinding(message: Buffer): Buffer {
  const names = HEADER_BYTES + 4;
  if (message.length <= names || message.readInt32BE(HEADER_BYTES) !== SASL) return message;
  const offered = message.toString('latin1', names).split('\0');
  // An empty name ends the list; behind the last zero byte there is nothing.
  const kept = offered.filter((name) => !name.endsWith(CHANNEL_BINDING));
  if (kept.length === offered.length || kept[0] === '') return message;
  const altered = Buffer.concat([message.subarray(0, names), Buffer.from(kept.join('\0'), 'latin1')]);
  altered.writeInt32BE(altered.length - 1, 1);
  return altered;
}
