import type { BodyPrinter } from './body_printer.ts';

/** Prints one field of a body. */
export type Field = (body: BodyPrinter) => void;

/** How a message is printed. */
export interface Format {
  readonly name: string;
  readonly fields: readonly Field[];
}

export const byte: Field = (body) => void body.byte();
export const int16: Field = (body) => void body.int16();
export const int32: Field = (body) => void body.int32();
export const string: Field = (body) => void body.string();
/** A column or parameter: its length and bytes, or NULL. */
export const value: Field = (body) => body.value();
/** All bytes that are left. */
export const rest: Field = (body) => body.rest();
/** The number of bytes that are left. */
export const secret: Field = (body) => body.secret();

/** A count of two bytes and so many fields. */
export function listOf(field: Field): Field {
  return (body) => repeat(body.int16(), field, body);
}

/** A count of four bytes and so many fields. */
export function longListOf(field: Field): Field {
  return (body) => repeat(body.int32(), field, body);
}

/** Several fields as one. */
export function group(...fields: readonly Field[]): Field {
  return (body) => {
    for (const field of fields) field(body);
  };
}

function repeat(times: number, field: Field, body: BodyPrinter): void {
  for (let left = times; left > 0 && !body.stopped; left -= 1) field(body);
}
