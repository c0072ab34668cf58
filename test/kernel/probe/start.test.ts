import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, it } from 'node:test';
import type { Machine } from '../../../src/kernel/probe/machine.ts';
import type { Events } from '../../../src/kernel/probe/record.ts';
import { startProducer } from '../../../src/kernel/probe/start.ts';
import { temporaryDirectory } from '../../support/programs.ts';

/** Seems to have all that fentry and kprobes need. */
const SEEMING: Machine = {
  platform: 'linux',
  isRoot: true,
  kernel: '5.15.0',
  exists: (file) => !file.includes('/events/sock/'),
  read: (file) =>
    file.endsWith('kallsyms')
      ? '0 T register_kprobe\n0 T register_ftrace_direct\n'
      : 'tcp_sendmsg\ntcp_recvmsg\n',
  argumentsOf: () => ['sk', 'msg', 'len', 'nonblock', 'flags', 'addr_len'],
  version: () => 'bpftrace v0.17.0',
};

const PATH = process.env['PATH'];

/** A bpftrace that attaches nothing, ends at once, and fails with scripts whose name has `refused` in it. */
function pretendBpftrace(refused: string): void {
  const folder = temporaryDirectory();
  const file = path.join(folder, 'bpftrace');
  writeFileSync(
    file,
    String.raw`#!/bin/sh
case "$*" in *${refused}*) echo "ERROR: no such function" >&2; exit 1 ;; esac
echo "$*" >"$0.arguments"
printf '%s\n' '{"type": "printf", "data": "begin\n"}'
`,
  );
  chmodSync(file, 0o755);
  process.env['PATH'] = `${folder}:${PATH}`;
}

/** What it was started with, once it has ended. */
async function start(events: Events | 'auto') {
  const said: string[] = [];
  const attached: unknown[] = [];
  let tellDeath = (_reason: string): void => undefined;
  const died = new Promise<string>((resolve) => (tellDeath = resolve));
  const wanted = { filter: { proxyPort: 6432, serverPort: null, pid: 4711 }, interval: 1000, events };
  const sink = {
    attached: (kind?: Events) => attached.push(kind),
    record: () => undefined,
    died: (reason: string) => tellDeath(reason),
  };
  const producer = await startProducer('bpftrace', SEEMING, wanted, sink, (text) => said.push(text));
  await died;
  const [folder = ''] = process.env['PATH']!.split(':');
  const line = readFileSync(path.join(folder, 'bpftrace.arguments'), 'utf8').trim();
  return { said, attached, events: producer.events, script: path.basename(line.replace(/ \d.*/, '')), line };
}

describe('bpftrace', () => {
  afterEach(() => {
    process.env['PATH'] = PATH;
  });

  it('counts by the best events of this kernel', async () => {
    pretendBpftrace('nothing');
    const { said, attached, events, script, line } = await start('auto');
    assert.deepEqual([said, attached, events], [[], ['fentry'], 'fentry']);
    assert.equal(script, 'netflow_fentry.bt');
    assert.match(line, / 6432 0 4711$/);
  });

  it('counts by the next ones, and says why, when it cannot attach the best', async () => {
    pretendBpftrace('fentry');
    const { said, attached, script, line } = await start('auto');
    assert.deepEqual(said, ['fentry: bpftrace cannot attach its probes: ERROR: no such function']);
    assert.deepEqual(attached, ['kprobes']);
    assert.equal(script, 'netflow_kprobes.bt');
    assert.match(line, / 6432 0 4711 4$/, 'the place of the argument flags, before Linux 5.19');
  });

  it('counts by what is asked for, or not at all', async () => {
    pretendBpftrace('fentry');
    await assert.rejects(start('fentry'), {
      code: 'PROBE_NOT_STARTED',
      message: 'bpftrace cannot attach its probes: ERROR: no such function',
    });
  });

  it('says the last reason when it can attach none', async () => {
    pretendBpftrace('netflow');
    await assert.rejects(start('auto'), { code: 'PROBE_NOT_STARTED' });
  });
});
