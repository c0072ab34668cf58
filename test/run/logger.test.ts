import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import pino from 'pino';
import { humanLine } from '../../src/run/logger.ts';

function logged(write: (log: pino.Logger) => void): string {
  const lines: string[] = [];
  write(
    pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, { write: (line) => lines.push(line) }),
  );
  return lines.map(humanLine).join('');
}

describe('the log on a terminal', () => {
  it('has a line per message', () => {
    const text = logged((log) =>
      log.warn({ session: 7, code: 'ECONNRESET' }, 'the client has gone\nquery: x'),
    );
    assert.match(text, /^\d{4}-\S+Z WARN the client has gone\\nquery: x session=7 code="ECONNRESET"\n$/);
  });

  it('shows the stack of an error below it', () => {
    const text = logged((log) => log.error({ err: new Error('lost') }, 'failed'));
    assert.match(text, /^\S+ ERROR failed\nError: lost\n {4}at /);
  });
});
