import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import type { ReportRecord } from '../../src/report/model.ts';
import { runCommand } from '../support/command.ts';
import { readRecording, socketsOf } from '../support/probe_recording.ts';
import { judge } from '../vm/judge.ts';

/** In the source tree: the built tests run from dist/test. What `UPDATE_GOLDEN=1 npm run test:stap` has left. */
const GOLDEN = path.join(import.meta.dirname, '..', '..', '..', 'test', 'golden', 'kernel');

const report: ReportRecord = JSON.parse(readFileSync(path.join(GOLDEN, 'report.json'), 'utf8'));
const probe = readFileSync(path.join(GOLDEN, 'probe.ndjson'), 'utf8');
const lines = probe.trimEnd().split('\n');
const sessionOf = (query: string) => {
  const found = report.sessions.find(({ statements }) => statements.some((one) => one.query === query));
  assert.ok(found, query);
  return found;
};

describe('a recording of netflow.stp', () => {
  it('has the figures of the report, to the byte and to the read, on all sockets of every session', () => {
    assert.deepEqual(judge(report, probe), []);
    assert.ok(report.sessions.length >= 11);
  });

  it('makes the report trustworthy: each session and statement agrees, or it is said why not', async () => {
    const files = ['report.json', 'probe.ndjson'].map((name) => path.join(GOLDEN, name));
    const { status, stdout, stderr } = await runCommand(['crosscheck', ...files]);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /counted by stap \(SystemTap 5\.6\)/);
    assert.match(stdout, /sessions: 12 ok, 2 explained, 0 mismatch, 0 unchecked/);
    assert.match(stdout, /statements: 51 ok, 2 explained, 0 mismatch, 0 unchecked/);
  });

  it('tells a COPY as one run on each socket, in pieces', () => {
    const { server, backend } = socketsOf(sessionOf('copy t to stdout'), readRecording(probe));
    assert.ok(backend.send.ops > 100 && backend.send.runs < backend.send.ops / 10);
    assert.equal(server.recv.end, backend.send.end);
  });

  it('tells where the streams of a session stood that was there before it', () => {
    const { client, server, backend } = socketsOf(sessionOf("select 'after';"), readRecording(probe));
    for (const socket of [client, server, backend]) {
      for (const stream of [socket.send, socket.recv]) {
        assert.ok(stream.from > 0 && stream.end > stream.from);
        assert.equal(stream.closedAt, stream.end);
      }
    }
  });

  it('names IPv6 ends as the format says', () => {
    const ends = readRecording(probe).sockets.filter(({ local }) => local === '[::1]:5432');
    assert.equal(ends.length, 1);
    assert.match(ends[0]!.remote, /^\[::1\]:\d+$/);
  });

  it('may have the ports of a session twice, for they are taken again when it has ended', () => {
    const { client, server } = report.sessions.find(({ id }) => id === 5)!.wire;
    const text = (end: typeof client.local): string => `${end!.address}:${end!.port}`;
    const ends = [
      [client.local, client.remote],
      [server.local, server.remote],
      [server.remote, server.local],
    ] as const;
    const earlier = ends.flatMap(([local, remote], at) => {
      const common = { sock: `earlier ${at}`, clock_us: 1, sent: 0, received: 0 };
      const ports = { pid: 23, comm: '', local: text(local), remote: text(remote) };
      return [
        { type: 'open', ...common, ...ports },
        { type: 'close', ...common },
      ].map((line) => JSON.stringify(line));
    });
    assert.deepEqual(judge(report, lines.toSpliced(1, 0, ...earlier).join('\n')), []);
  });

  it('is found wrong when any one of its runs is left out', () => {
    const runs = lines.flatMap((line, index) => (line.includes('"type":"run"') ? [index] : []));
    for (let i = 0; i < runs.length; i += 23) {
      assert.notDeepEqual(judge(report, lines.toSpliced(runs[i]!, 1).join('\n')), [], lines[runs[i]!]);
    }
  });

  it('is found wrong when the report says a byte more', () => {
    const altered = structuredClone(report);
    altered.sessions[0]!.wire.server.bytes_in += 1;
    assert.equal(judge(altered, probe).length, 2, 'the proxy’s socket and the backend’s');
  });
});
