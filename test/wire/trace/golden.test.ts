import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { StartupPacketReader } from '../../../src/wire/startup_packet.ts';
import { bytes } from '../../support/bytes.ts';
import { keptTrace } from '../../support/tracing.ts';

/** Traces by hand, and in `libpq` traces by libpq: `<name>.bytes` lists what passed, `<name>.trace` the lines. */
const golden = path.join(import.meta.dirname, '..', '..', '..', '..', 'test', 'golden', 'trace');

/** Traces a recorded connection: lines of `F` or `B` and bytes, in the order in which they passed. */
function traceRecording(listing: string): string[] {
  const { tracer, lines } = keptTrace();
  const reader = new StartupPacketReader();
  let started = false;
  let answersOwed = 0;
  for (const line of listing.split('\n')) {
    const chunk = /^[FB] /.test(line) ? bytes(line.slice(2)) : Buffer.alloc(0);
    let at = 0;
    if (line.startsWith('B')) {
      // The answer to a request for encryption is one byte, and no message.
      at = Math.min(answersOwed, chunk.length);
      answersOwed -= at;
      tracer.fromServer(chunk, at, chunk.length);
    } else if (line.startsWith('F')) {
      while (!started && at < chunk.length) {
        const step = reader.read(chunk, at, chunk.length);
        at = step.at;
        if (step.packet === null) continue;
        assert.ok(step.packet.kind !== 'invalid');
        tracer.startup(step.packet.packet);
        started = step.packet.kind === 'startup_message';
        if (step.packet.kind.endsWith('enc_request') || step.packet.kind === 'ssl_request') answersOwed += 1;
      }
      tracer.fromClient(chunk, at, chunk.length);
    }
  }
  return lines;
}

/** What libpq printed, as pgnetflow prints it: secrets as lengths, and no line about bytes that libpq left unread. */
function withoutSecrets(trace: string): string[] {
  const lines = trace.trimEnd().split('\n');
  return lines
    .filter((line) => !/^mismatched message length|^B\t1\tSSLResponse/.test(line))
    .map((line) => {
      const [sender, length, name] = line.split('\t');
      const secret = (before: number): string => ` <${Number(length) - 4 - before} bytes>`;
      switch (name) {
        case 'AuthenticationMD5Password':
          return `${line}\t${secret(4)}`;
        case 'AuthenticationSASLContinue':
        case 'AuthenticationSASLFinal':
          return `${sender}\t${length}\t${name}\t${secret(4)}`;
        case 'PasswordMessage':
        case 'SASLResponse':
          return `${sender}\t${length}\t${name}\t${secret(0)}`;
        case 'SASLInitialResponse':
          return line.replace(/ '.*'$/, secret('SCRAM-SHA-256'.length + 5));
        case 'BackendKeyData':
          return line.replace(/ -?\d+$/, secret(4));
        case undefined:
        default:
          return line;
      }
    });
}

function read(...parts: readonly string[]): string {
  return readFileSync(path.join(golden, ...parts), 'utf8');
}

function names(...folder: readonly string[]): string[] {
  const files = readdirSync(path.join(golden, ...folder)).toSorted();
  return files.filter((file) => file.endsWith('.bytes')).map((file) => path.basename(file, '.bytes'));
}

describe('the trace of a whole conversation:', () => {
  for (const name of names()) {
    test(name, () => {
      assert.deepEqual(traceRecording(read(`${name}.bytes`)), read(`${name}.trace`).trimEnd().split('\n'));
    });
  }
});

// Recorded with libpq of PostgreSQL 18 and 15, PQtrace and PQTRACE_SUPPRESS_TIMESTAMPS, against real servers.
describe('the trace is what libpq prints, but for secrets:', () => {
  for (const name of names('libpq')) {
    test(name, () => {
      // libpq knows the name AuthenticationOk, but reads that message on a path that does not trace.
      let ours = traceRecording(read('libpq', `${name}.bytes`)).filter(
        (line) => !line.endsWith('AuthenticationOk'),
      );
      let theirs = withoutSecrets(read('libpq', `${name}.trace`));
      if (name.endsWith('-15')) {
        // Nor did libpq 15 know StartupMessage, or trace the ReadyForQuery behind a FunctionCallResponse.
        ours = ours.filter((line, index) => {
          return !line.includes('StartupMessage') && !ours[index - 1]?.includes('FunctionCallResponse');
        });
        theirs = theirs.filter((line) => !line.includes('Unknown message'));
      }
      assert.deepEqual(ours, theirs);
    });
  }
});
