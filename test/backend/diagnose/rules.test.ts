import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { absent } from '../../../src/backend/diagnose/fact.ts';
import type { BackendFacts } from '../../../src/backend/diagnose/facts.ts';
import { judge, RULES } from '../../../src/backend/diagnose/rules.ts';
import { asStranger, CALLS, QUEUED, QUEUED_AND_MOVING, recorded, type Recording } from './recorded.ts';

const HELD = {
  pid: 11316,
  state: 'idle in transaction',
  wait_event_type: 'Client',
  wait_event: 'ClientRead',
};
const PENDING_INT = { ShdPnd: '0000000000000002' };

/** What root found out, what is said, and what is said to a user who may see only what anybody may. */
const STORIES: readonly {
  readonly name: string;
  readonly recording: Recording;
  readonly verdict: string;
  readonly says: RegExp;
  readonly advises?: RegExp;
  readonly toStranger: string;
}[] = [
  {
    name: 'a SIGSTOPped one, in whatever it was: its wait event is an old one',
    recording: { states: 'TTTTT', activity: { wait_event_type: 'Timeout', wait_event: 'PgSleep' } },
    verdict: 'stopped',
    says: /stopped by a signal .* runs nothing\.$/,
    advises: /kill -CONT 4242; it goes on where it was\./,
    toStranger: 'stopped',
  },
  {
    name: 'a SIGSTOPped one that was cancelled: the signal waits',
    recording: { states: 'TTTTT', status: PENDING_INT },
    verdict: 'stopped',
    says: /SIGINT was sent and waits until it goes on\.$/,
    advises: /takes the pending SIGINT at once/,
    toStranger: 'stopped',
  },
  {
    name: 'one that a debugger holds',
    recording: { states: 'ttttt', status: { TracerPid: '777' } },
    verdict: 'traced',
    says: /process 777, holds it stopped/,
    advises: /ps -p 777/,
    toStranger: 'traced',
  },
  {
    name: 'one that has ended and was not collected',
    recording: { states: 'ZZZZZ' },
    verdict: 'zombie',
    says: /has ended/,
    toStranger: 'zombie',
  },
  {
    name: 'one in an fsync that does not come back',
    recording: {
      states: 'DDDDD',
      call: CALLS.fsync,
      activity: { wait_event_type: 'IO', wait_event: 'WALSync' },
    },
    verdict: 'uninterruptible_io',
    says: /in fsync\(fd 7\)/,
    advises: /dmesg/,
    toStranger: 'uninterruptible_io',
  },
  {
    name: 'one that has blocked the signal by which it was cancelled',
    recording: { states: 'RRRRR', status: { ...PENDING_INT, SigBlk: '0000000000004002' } },
    verdict: 'signal_blocked',
    says: /^SIGINT was sent to it and is blocked/,
    toStranger: 'signal_blocked',
  },
  {
    name: 'one whose client does not read, by its wait event',
    recording: {
      title: 'COPY',
      activity: { wait_event_type: 'Client', wait_event: 'ClientWrite' },
      ss: QUEUED,
    },
    verdict: 'client_not_reading',
    says: /client 127\.0\.0\.1:33664 to take what it has sent, and it took nothing in 0\.4 s: 4115456 bytes are queued\.$/,
    advises: /pg_terminate_backend\(4242\)/,
    toStranger: 'client_not_reading',
  },
  {
    name: 'one whose client does not read, by the epoll set in which it waits for room',
    recording: { title: 'COPY', call: CALLS.client, clientEvents: '1c', ss: QUEUED },
    verdict: 'client_not_reading',
    says: /4115456 bytes are queued/,
    toStranger: 'client_not_reading',
  },
  {
    name: 'one whose client reads slowly',
    recording: { title: 'COPY', call: CALLS.client, clientEvents: '1c', ss: QUEUED_AND_MOVING },
    verdict: 'client_not_reading',
    says: /and it took 36602 bytes in 0\.4 s/,
    toStranger: 'undetermined',
  },
  {
    name: 'one that waits in send() itself',
    recording: { call: CALLS.sendto, ss: QUEUED },
    verdict: 'client_not_reading',
    says: /to take what it has sent/,
    toStranger: 'client_not_reading',
  },
  {
    name: 'one whose client does not read, by its stack',
    recording: { call: CALLS.latch, stack: ['epoll_wait', 'WaitEventSetWait', 'secure_write'] },
    verdict: 'client_not_reading',
    says: /0 bytes are queued/,
    toStranger: 'undetermined',
  },
  {
    name: 'one that waits for a lock, as the server says, with the holder and what that did',
    recording: {
      title: 'UPDATE waiting',
      activity: { wait_event_type: 'Lock', wait_event: 'transactionid' },
      blockers: [{ ...HELD, query: 'update t set a = 2' }],
    },
    verdict: 'waits_for_lock',
    says: /\(Lock: transactionid\) that is held by 11316 \(idle in transaction, ClientRead, "update t set a = 2"\)\.$/,
    advises: /pg_terminate_backend .* \(11316\)/,
    toStranger: 'waits_for_lock',
  },
  {
    name: 'one that waits for a lock, as its title says',
    recording: { title: 'UPDATE waiting' },
    verdict: 'waits_for_lock',
    says: /^It waits for a lock\.$/,
    advises: /pg_blocking_pids/,
    toStranger: 'waits_for_lock',
  },
  {
    name: 'one that waits for a lock, as its stack says',
    recording: {
      stack: ['epoll_wait', 'WaitEventSetWait', 'WaitLatch', 'ProcSleep', '??', 'LockAcquireExtended'],
    },
    verdict: 'waits_for_lock',
    says: /a lock/,
    toStranger: 'undetermined',
  },
  {
    name: 'one that waits for a standby, as its title says',
    recording: { title: 'COMMIT waiting for 0/1A2B3C8' },
    verdict: 'waits_for_standby',
    says: /committed here/,
    toStranger: 'waits_for_standby',
  },
  {
    name: 'one in pg_sleep(), as the server says',
    recording: { activity: { wait_event_type: 'Timeout', wait_event: 'PgSleep' } },
    verdict: 'sleeping',
    says: /pg_sleep/,
    toStranger: 'undetermined',
  },
  {
    name: 'one in pg_sleep(), as its stack says',
    recording: { stack: ['epoll_wait', 'WaitEventSetWait', 'WaitLatch', 'pg_sleep'] },
    verdict: 'sleeping',
    says: /pg_sleep/,
    toStranger: 'undetermined',
  },
  {
    name: 'one that waits for a spinlock',
    recording: { stack: ['clock_nanosleep', 'pg_usleep', 'perform_spin_delay', 's_lock'] },
    verdict: 'spins',
    says: /spinlock/,
    toStranger: 'undetermined',
  },
  {
    name: 'one that waits for an LWLock, as the server says',
    recording: { call: CALLS.futex, activity: { wait_event_type: 'LWLock', wait_event: 'WALWrite' } },
    verdict: 'waits_for_lwlock',
    says: /\(LWLock: WALWrite\)/,
    toStranger: 'undetermined',
  },
  {
    name: 'one that waits for an LWLock, by the semaphore on which it sleeps',
    recording: { call: CALLS.futex },
    verdict: 'waits_for_lwlock',
    says: /lock on shared memory/,
    toStranger: 'undetermined',
  },
  {
    name: 'one that waits for its parallel workers, with what they do',
    recording: {
      activity: { wait_event_type: 'IPC', wait_event: 'ExecuteGather' },
      workers: [
        { pid: 4243, wait_event_type: 'IO', wait_event: 'DataFileRead', query: 'select count(*) from t' },
      ],
    },
    verdict: 'waits_for_workers',
    says: /workers: 4243 \(active, DataFileRead, "select count\(\*\) from t"\)\.$/,
    advises: /Diagnose the workers \(4243\)/,
    toStranger: 'undetermined',
  },
  {
    name: 'the one that could not be killed in 2018: a condition variable under a parallel index scan',
    recording: {
      stack: [
        '__epoll_wait_nocancel',
        'WaitEventSetWait',
        'ConditionVariableSleep',
        '_bt_parallel_seize',
        '_bt_first',
      ],
    },
    verdict: 'waits_for_condition',
    says: /waits for another process/,
    toStranger: 'undetermined',
  },
  {
    name: 'an idle one',
    recording: { title: 'idle', call: CALLS.client },
    verdict: 'idle',
    says: /next statement of its client 127\.0\.0\.1:33664/,
    toStranger: 'idle',
  },
  {
    name: 'one that is idle in a transaction',
    recording: { title: 'idle in transaction', call: CALLS.client },
    verdict: 'idle_in_transaction',
    says: /keeps the locks of that\.$/,
    toStranger: 'idle_in_transaction',
  },
  {
    name: 'one that is idle in a failed transaction',
    recording: { title: 'idle in transaction (aborted)', call: CALLS.client },
    verdict: 'idle_in_transaction',
    says: /has failed\.$/,
    toStranger: 'idle_in_transaction',
  },
  {
    name: 'one amid a COPY FROM STDIN of which the client sends no more',
    recording: { title: 'COPY', call: CALLS.client },
    verdict: 'waits_for_client_data',
    says: /COPY FROM STDIN/,
    toStranger: 'undetermined',
  },
  {
    name: 'a process of the server without work',
    recording: { activity: { wait_event_type: 'Activity', wait_event: 'CheckpointerMain' } },
    verdict: 'background_idle',
    says: /CheckpointerMain/,
    toStranger: 'undetermined',
  },
  {
    name: 'one that waits for its disk now and then',
    recording: { states: 'DSDDS', call: CALLS.fsync },
    verdict: 'waits_for_io',
    says: /in fsync\(fd 7\)/,
    toStranger: 'working',
  },
  {
    name: 'one in an endless loop',
    recording: { states: 'RRRRR', userTicksPerSample: 10 },
    verdict: 'computing',
    says: /5 of 5 samples .* 0\.40 s of CPU in 0\.40 s, none in a system call/,
    advises: /CHECK_FOR_INTERRUPTS/,
    toStranger: 'computing',
  },
  {
    name: 'one that works in the kernel for the most part',
    recording: { states: 'RRRRR', userTicksPerSample: 2, systemTicksPerSample: 7 },
    verdict: 'working',
    says: /5 of 5 samples/,
    toStranger: 'working',
  },
  {
    name: 'one that works and waits by turns',
    recording: { states: 'RSRSR', userTicksPerSample: 3, switchesPerSample: 23 },
    verdict: 'working',
    says: /3 of 5 samples/,
    toStranger: 'working',
  },
  {
    name: 'one that waits for something for which there is no rule',
    recording: { activity: { wait_event_type: 'BufferPin', wait_event: 'BufferPin' } },
    verdict: 'waiting',
    says: /in epoll_wait\(epfd 10, maxevents 1, no timeout\), waiting for \(BufferPin: BufferPin\)/,
    toStranger: 'undetermined',
  },
];

describe('the verdict on', () => {
  for (const { name, recording, verdict, says, advises } of STORIES) {
    it(`${name} is ${verdict}`, () => {
      const found = judge(recorded(recording));
      assert.equal(found.verdict, verdict);
      assert.match(found.sentence, says);
      assert.match(found.sentence, /^[A-Z].*\.$/);
      if (advises !== undefined) assert.match(found.advice, advises);
    });
  }

  for (const { name, recording, toStranger } of STORIES) {
    it(`${name} is ${toStranger} to a user who may not look closely`, () => {
      assert.equal(judge(asStranger(recorded(recording))).verdict, toStranger);
    });
  }

  it('one sample is a verdict, too', () => {
    const { verdict, sentence } = judge(recorded({ states: 'R' }));
    assert.equal(verdict, 'computing');
    assert.doesNotMatch(sentence, /of CPU in/);
  });

  for (const kind of ['gone', 'hidden', 'postmaster', 'not_a_backend', 'another'] as const) {
    it(`what is ${kind} says so`, () => {
      const found = judge({ kind, pid: 4242, name: 'bash' });
      assert.equal(found.verdict, kind);
      assert.match(found.sentence, /4242/);
    });
  }
});

const FACTS = ['call', 'wchan', 'kernelStack', 'stacks', 'descriptors', 'client', 'tcp', 'activity'] as const;

/** As if these could not be had. */
function without(facts: BackendFacts, missing: ReadonlySet<string>): BackendFacts {
  const no = absent('not permitted to this user');
  const pick = <T>(name: (typeof FACTS)[number], value: T): T | typeof no => (missing.has(name) ? no : value);
  return {
    ...facts,
    samples: facts.samples.map((sample) => ({
      ...sample,
      call: pick('call', sample.call),
      wchan: pick('wchan', sample.wchan),
      kernelStack: pick('kernelStack', sample.kernelStack),
    })),
    stacks: facts.stacks.map((stack) => pick('stacks', stack)),
    descriptors: pick('descriptors', facts.descriptors),
    client: pick('client', facts.client),
    tcp: pick('tcp', facts.tcp),
    activity: pick('activity', facts.activity),
  };
}

/** What the kernel tells everybody decides these: nothing that is missing can change them. */
const SURE = new Set(['stopped', 'traced', 'zombie', 'uninterruptible_io', 'signal_blocked']);

describe('the rules', () => {
  it('give a verdict whatever could not be had, and keep those that everybody may know', () => {
    const names = new Set([...RULES.map(({ verdict }) => verdict), 'undetermined']);
    fc.assert(
      fc.property(fc.constantFrom(...STORIES), fc.subarray([...FACTS]), ({ recording, verdict }, missing) => {
        const found = judge(without(recorded(recording), new Set(missing)));
        assert.ok(names.has(found.verdict));
        if (SURE.has(verdict)) assert.equal(found.verdict, verdict);
      }),
    );
  });

  it('are each told by a story', () => {
    const told = new Set(STORIES.map(({ verdict }) => verdict));
    assert.deepEqual(
      RULES.map(({ verdict }) => verdict).filter((verdict) => !told.has(verdict)),
      [],
    );
  });

  it('are each explained in docs/diagnose.md, in their order', () => {
    const file = path.join(import.meta.dirname, '..', '..', '..', '..', 'docs', 'diagnose.md');
    const table = /## VERDICTS\n([\s\S]*?)\n## /.exec(readFileSync(file, 'utf8'));
    assert.ok(table !== null);
    const documented = [...table[1]!.matchAll(/^\| `(\w+)`/gm)].map((found) => found[1]);
    const own = ['undetermined', 'gone', 'hidden', 'postmaster', 'not_a_backend', 'another'];
    assert.deepEqual(documented, [...RULES.map(({ verdict }) => verdict), ...own]);
  });

  it('never advise kill -9', () => {
    for (const { recording } of STORIES) {
      const { advice } = judge(recorded(recording));
      assert.doesNotMatch(advice.replace('Never kill -9', ''), /kill -9|SIGKILL/);
    }
  });
});

describe("a process of the server's own", () => {
  const titled = (text: string, recording: Recording): ReturnType<typeof judge> =>
    judge({ ...recorded(recording), title: { text, client: null, activity: '' } });

  for (const kind of ['checkpointer', 'autovacuum launcher', 'walwriter']) {
    it(`is left alone without anybody asking the server: the ${kind} that waits for work`, () => {
      const { verdict, advice } = titled(`postgres: ${kind}`, { call: CALLS.latch });
      assert.equal(verdict, 'background_idle');
      assert.match(advice, /^Nothing is to be done\. .* pid in pg_stat_activity\.$/);
    });

    it(`is neither cancelled nor terminated when it works: the ${kind}`, () => {
      const { advice } = titled(`postgres: ${kind}`, { states: 'RRRRR', userTicksPerSample: 10 });
      assert.match(advice, new RegExp(`the server's ${kind}, .*neither cancel nor terminate`));
    });
  }

  it('is none that works for others: an autovacuum worker can be cancelled', () => {
    const { verdict } = titled('postgres: autovacuum worker shop', {
      states: 'RRRRR',
      userTicksPerSample: 10,
    });
    assert.equal(verdict, 'computing');
  });
});
