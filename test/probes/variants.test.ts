import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { SCRIPTS } from '../../src/kernel/probe/bpftrace.ts';
import { EVENTS } from '../../src/kernel/probe/events.ts';
import { thisMachine } from '../../src/kernel/probe/machine.ts';
import { chooseEvents } from '../../src/kernel/probe/start.ts';
import { methodMissing } from '../support/probing.ts';

/** In the source tree: the built tests run from dist/test. */
const ROOT = path.join(import.meta.dirname, '..', '..', '..');
const script = (name: string): string => path.join(ROOT, 'probes', name);
const read = (name: string): string => readFileSync(script(name), 'utf8');

/** The probes of a script, without what they do. */
function probesOf(name: string): string[] {
  return [...read(name).matchAll(/^(?:BEGIN|\w+:[\w:]+)$/gm)].map(([probe]) => probe);
}

/** What the script does with an operation, once it knows its socket and its size. */
function countingOf(name: string): string[] {
  return [...read(name).matchAll(/^ {4}\$us = nsecs[^]*?^}$/gm)].map(([text]) =>
    text
      .replaceAll('args->family', '$sk->__sk_common.skc_family')
      .replaceAll('args->ret', 'retval')
      .replaceAll('args->sk', '$key')
      .replaceAll(/ {6}if \(@attaching[^}]*}\n/g, ''),
  );
}

describe('the scripts for kernels before 6.3', () => {
  it('look at the functions that move the bytes of TCP', () => {
    const rest = ['tracepoint:tcp:tcp_destroy_sock', 'interval:ms:100'];
    const functions = ['tcp_sendmsg', 'tcp_recvmsg'];
    const fentry = functions.map((name) => `kretfunc:${name}`);
    assert.deepEqual(probesOf('netflow_fentry.bt'), ['BEGIN', ...fentry, ...rest]);
    const kprobes = functions.flatMap((name) => [`kprobe:${name}`, `kretprobe:${name}`]);
    assert.deepEqual(probesOf('netflow_kprobes.bt'), ['BEGIN', ...kprobes, ...rest]);
  });

  for (const name of ['netflow_fentry.bt', 'netflow_kprobes.bt']) {
    it(`count as netflow.bt does: ${name}`, () => {
      const expected = countingOf('netflow.bt');
      assert.equal(expected.length, 2);
      assert.deepEqual(countingOf(name), expected);
      assert.doesNotMatch(read(name), /args->(ret|family|protocol)|sock_(send|recv)_length/);
    });
  }
});

describe('a script', { skip: methodMissing('bpftrace') }, () => {
  const { stdout: help } = spawnSync('bpftrace', ['--help'], { encoding: 'utf8' });
  // Newer ones attach the probes then, older ones only compile them; but those of fentry only where they can be attached.
  const dry = /--dry-run/.test(help) ? '--dry-run' : '-d';
  const usable = chooseEvents('auto', thisMachine());
  for (const events of EVENTS) {
    const compiles = usable.includes(events) || (dry === '-d' && events !== 'fentry');
    it(
      `is one for the bpftrace of this machine: ${events}`,
      { skip: !compiles && `no ${events} here` },
      () => {
        const file = script(SCRIPTS[events]);
        const { status, stderr } = spawnSync('bpftrace', [dry, file, '6432', '5432', '0', '3'], {
          encoding: 'utf8',
          maxBuffer: 2 ** 28,
        });
        assert.equal(status, 0, stderr);
      },
    );
  }
});
