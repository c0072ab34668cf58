import type { Session } from '../session/session.ts';
import { Tracer } from '../wire/trace/tracer.ts';
import type { Tap } from './options.ts';

/** Writes a line for each message of a session. */
export function traceTap(session: Session, write: (line: string) => void): Tap {
  return new Tracer({ sessionId: session.id, timestamp: () => new Date().toISOString(), write });
}
