import type { BodyPrinter } from './body_printer.ts';
import type { Format } from './fields.ts';

/** Who sent a message: the frontend or the backend, by the letters of PQtrace. */
export type Sender = 'F' | 'B';

/**
 * One message as libpq's PQtrace prints it without time stamps (src/interfaces/libpq/fe-trace.c of PostgreSQL 18):
 * sender, value of the length field, name, fields. With these differences: passwords, SASL and GSS data, salts and
 * cancel keys are shown as their number of bytes (`<32 bytes>`), and so is the body of a message that is not known;
 * control characters in strings are shown as `\xNN`, as PQtrace does in values; what is wrong with a body, or was not
 * looked at, stands at the end of the line.
 */
export function printMessage(sender: Sender, length: number, format: Format, body: BodyPrinter): string {
  for (const field of format.fields) field(body);
  const fields = body.finish();
  const separator = format.fields.length > 0 || fields !== '' ? '\t' : '';
  return `${sender}\t${length}\t${format.name}${separator}${fields}`;
}
