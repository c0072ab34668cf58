import { isUtf8 } from 'node:buffer';

/** What would end a line or command a terminal: a trace has one line a message, whatever a client sends. */
const CONTROLS = /[\p{Cc}\u2028\u2029]/gu;
const UNPRINTABLE = /[^\x20-\x7e]/g;

/** `buffer[from, to)` as text; control characters, and all but ASCII when it is no UTF-8, become `\xNN`. */
export function escapeText(buffer: Buffer, from: number, to: number): string {
  if (!isUtf8(buffer.subarray(from, to))) return escapeBytes(buffer, from, to);
  return buffer.toString('utf8', from, to).replace(CONTROLS, (character) => {
    return Array.from(Buffer.from(character), hexadecimal).join('');
  });
}

/** `buffer[from, to)` byte by byte; what is no printable ASCII becomes `\xNN`. */
export function escapeBytes(buffer: Buffer, from: number, to: number): string {
  return buffer
    .toString('latin1', from, to)
    .replace(UNPRINTABLE, (character) => hexadecimal(character.charCodeAt(0)));
}

function hexadecimal(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`;
}
