import { Parser } from 'pg-protocol/dist/parser.js';

/** A message as pg-protocol, which shares no code with pgnetflow, understands it; fields that tests look at. */
export interface ParsedMessage {
  readonly name: string;
  readonly length: number;
  readonly severity?: string;
  readonly code?: string;
  readonly message?: string;
  readonly detail?: string;
  readonly text?: string;
  readonly parameterName?: string;
  readonly parameterValue?: string;
}

/** All backend messages that pg-protocol finds in a stream cut into pieces. */
export function parseAll(pieces: Iterable<Buffer>): ParsedMessage[] {
  const parser = new Parser();
  const messages: ParsedMessage[] = [];
  // The parser keeps the buffers that it is given, and writes to them.
  for (const piece of pieces) parser.parse(Buffer.from(piece), (parsed) => messages.push(parsed));
  return messages;
}
