import { Tracer } from '../../src/wire/trace/tracer.ts';

/** A tracer whose lines are kept, without their first two columns. */
export function keptTrace(maxBodyBytes?: number): { tracer: Tracer; lines: string[] } {
  const lines: string[] = [];
  const tracer = new Tracer({
    sessionId: 7,
    timestamp: () => 'now',
    write: (line) => lines.push(line.replace(/^now\t7\t/, '')),
    ...(maxBodyBytes === undefined ? {} : { maxBodyBytes }),
  });
  return { tracer, lines };
}

/** The lines of typed messages of one side. */
export function traceOf(sender: 'F' | 'B', messages: readonly Buffer[], maxBodyBytes?: number): string[] {
  const { tracer, lines } = keptTrace(maxBodyBytes);
  for (const message of messages) {
    if (sender === 'F') tracer.fromClient(message, 0, message.length);
    else tracer.fromServer(message, 0, message.length);
  }
  return lines;
}
