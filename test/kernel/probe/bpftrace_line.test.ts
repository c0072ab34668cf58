import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { gist } from '../../../src/kernel/probe/bpftrace.ts';
import { parseBpftraceLine } from '../../../src/kernel/probe/bpftrace_line.ts';
import type { SocketRecord } from '../../../src/kernel/probe/record.ts';
import { RunOrder } from '../../../src/kernel/probe/run_order.ts';

const GOLDEN = path.join(import.meta.dirname, '..', '..', '..', '..', 'test', 'golden', 'probe');
const RECORDING = readFileSync(path.join(GOLDEN, 'bpftrace-0.17.jsonl'), 'utf8');

describe('the output of bpftrace 0.17', () => {
  it('becomes the records of what two sockets did: 3 bytes there, 5 and 1 back, then thrice 7 there and 11 back', () => {
    const records: SocketRecord[] = [];
    const order = new RunOrder({ proxyPort: null, serverPort: 5999, pid: null }, (one) => records.push(one));
    for (const line of RECORDING.split('\n')) {
      const event = parseBpftraceLine(line);
      if (event === null || event.type === 'begin' || event.type === 'lost' || event.type === 'map') continue;
      for (const one of event.type === 'batches' ? event.batches : [event]) order.take(one, 0);
    }
    const told = (local: string) => {
      const open = records.find((one) => one.type === 'open' && one.local === local);
      assert.ok(open?.type === 'open');
      return records.flatMap((one) =>
        one.type === 'run' && one.sock === open.sock ? [[one.dir, one.from, one.bytes, one.ops]] : [],
      );
    };
    assert.deepEqual(told('127.0.0.1:5999'), [
      ['send', 0, 5, 1],
      ['recv', 0, 3, 1],
      ['send', 5, 1, 1],
      ['recv', 3, 7, 1],
      ['send', 6, 11, 1],
      ['recv', 10, 7, 1],
      ['send', 17, 11, 1],
      ['recv', 17, 7, 1],
      ['send', 28, 11, 1],
    ]);
    assert.deepEqual(told('127.0.0.1:46404'), [
      ['recv', 0, 5, 1],
      ['send', 0, 3, 1],
      ['recv', 5, 1, 1],
      ['send', 3, 7, 1],
      ['recv', 6, 11, 1],
      ['send', 10, 7, 1],
      ['recv', 17, 11, 1],
      ['send', 17, 7, 1],
      ['recv', 28, 11, 1],
    ]);
    const closes = records.flatMap((one) => (one.type === 'close' ? [`${one.sent} ${one.received}`] : []));
    assert.deepEqual(closes.toSorted(), ['24 39', '39 24']);
  });

  it('has the kernel’s addresses in maps as signed numbers', () => {
    const event = parseBpftraceLine(
      '{"type": "map", "data": {"@run": {"0": [0], "-131387265873472": [1,2]}}}',
    );
    assert.ok(event?.type === 'map');
    assert.deepEqual(
      [...event.entries],
      [
        ['0', [0]],
        ['ffff888104b089c0', [1, 2]],
      ],
    );
  });

  it('says how many lines it has lost', () => {
    assert.deepEqual(parseBpftraceLine('{"type": "lost_events", "data": {"events": 23}}'), {
      type: 'lost',
      count: 23,
    });
    assert.deepEqual(parseBpftraceLine(String.raw`{"type": "printf", "data": "lost 1\n"}`), {
      type: 'lost',
      count: 1,
    });
  });

  it('may hold a process’s name with blanks, quotes and bytes beyond ASCII', () => {
    const line = String.raw`{"type": "printf", "data": "open ff 7 1 5 1 1 1 1 1 1 1 0 1 1 1 1 4711 a \"b\" \uffffffc3\n"}`;
    const event = parseBpftraceLine(line);
    assert.ok(event?.type === 'open');
    assert.deepEqual([event.pid, event.comm], [4711, 'a "b" \u00c3']);
  });

  for (const line of [
    '',
    'Attaching 4 probes...',
    '{"type": "printf"}',
    '{"type": "printf", "data": "hm"}',
    '[1]',
  ]) {
    it(`is ignored where it is none of the script’s: ${JSON.stringify(line)}`, () => {
      assert.equal(parseBpftraceLine(line), null);
    });
  }
});

describe('what bpftrace complains of', () => {
  it('is told in one line, without its word about RLIMIT_MEMLOCK', () => {
    const stderr =
      "ERROR: Unknown error -1: couldn't set RLIMIT_MEMLOCK for bpftrace. If your program is not loading …\n" +
      'netflow.bt:45:1-5: ERROR: tracepoint not found: sock:sock_send_length\ntracepoint:sock:sock_send_length\n~~~~\n';
    assert.equal(gist(stderr), 'netflow.bt:45:1-5: ERROR: tracepoint not found: sock:sock_send_length');
    assert.equal(gist(''), '');
  });

  it('is told once', () => {
    const error = 'netflow_fentry.bt:56-58: ERROR: kfunc:tcp_sendmsg: BTF data not available';
    assert.equal(gist(`${error}\n${error}\n`), error);
  });
});
