import { createHash } from 'node:crypto';

/** The only form a fingerprint has; anything else that claims to be one must not become a label. */
export const FINGERPRINT = /^[0-9a-f]{16}$/;

/**
 * The first 64 bits of the SHA-256 of a normal form, as 16 lower-case hexadecimal digits: the same on every machine,
 * in every process and release that normalizes alike.
 *
 * It is a hash of our own text and not PostgreSQL's parse tree (libpg-query): that one costs a dependency with a
 * WebAssembly parser and 12 to 77 µs for a text, knows one major version's grammar, cannot parse a text that is cut
 * off, and returns the text of an error, which quotes a literal, where a fingerprint should be. Ours cannot fail. It
 * tells apart what a parser would not: `<>` and `!=`, a name that is quoted for no reason.
 */
export function fingerprint(normalText: string): string {
  return createHash('sha256').update(normalText).digest('hex').slice(0, 16);
}
