import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { diagnosisRecord } from '../../../src/backend/diagnose/record.ts';
import { factsInShort, renderDiagnosis } from '../../../src/backend/diagnose/render.ts';
import { asStranger, CALLS, QUEUED, recorded } from './recorded.ts';

const lock = {
  title: 'UPDATE waiting',
  stack: ['epoll_wait', 'WaitEventSetWait', 'WaitLatch', 'ProcSleep'],
  activity: { wait_event_type: 'Lock', wait_event: 'transactionid', query: 'update t\n  set a = 2' },
  blockers: [{ pid: 11316, state: 'idle in transaction', query: `update t set a = '${'x'.repeat(200)}'` }],
  workers: [{ pid: 4243 }],
};

describe('a diagnosis in text', () => {
  it('has verdict and advice first, then the facts, in lines of less than 80 columns where they can be broken', () => {
    const text = renderDiagnosis(
      diagnosisRecord(recorded({ title: 'COPY', call: CALLS.client, clientEvents: '1c', ss: QUEUED })),
    );
    const labels = text.split('\n').map((line) => line.slice(0, 12).trim());
    assert.deepEqual(
      labels.filter((label) => label !== ''),
      [
        'verdict',
        'advice',
        'process',
        'samples',
        'call',
        'descriptor',
        'kernel',
        'signals',
        'client',
        'tcp',
        'not known',
      ],
    );
    assert.match(text, /\ncall {8}epoll_wait\(epfd 5, maxevents 1, no timeout\)\n/);
    assert.match(text, /\ndescriptor {2}5 = epoll \{4: IN, 9: IN, 8: OUT\}\n/);
    assert.match(text, /8 = socket 127\.0\.0\.1:42083 - 127\.0\.0\.1:33664 ESTABLISHED\n/);
    assert.match(text, /3\.9MiB queued for the client \(3\.9MiB not sent\)/);
    for (const line of text.split('\n')) assert.ok(line.length < 80, line);
  });

  it('names blockers and workers with what they do, long statements cut', () => {
    const text = renderDiagnosis(diagnosisRecord(recorded(lock)));
    assert.match(text, /\nserver says active, Lock: transactionid, "update t set a = 2"\n/);
    assert.match(text, /\nblocked by {2}11316: idle in transaction, /);
    assert.match(text, /x…"\n/);
    assert.match(text, /\nworker {6}4243: active, no wait event, "select 1"\n/);
    assert.match(
      text,
      /\nuser stack {2}epoll_wait < WaitEventSetWait < WaitLatch < ProcSleep <\n? +PortalRun/,
    );
    assert.match(text, /\(the same before\n? *and\n? *after\)\n/);
  });

  it('lists what could not be had, each with its reason', () => {
    const text = renderDiagnosis(diagnosisRecord(asStranger(recorded({ title: 'idle' }))));
    for (const fact of ['call', 'wchan', 'descriptors', 'kernel_stack', 'user_stacks', 'activity']) {
      assert.match(text, new RegExp(`^(not known {3}| {12})${fact}: not permitted to this user$`, 'm'));
    }
  });

  it('lets no name or query forge a line of it', () => {
    const forged = "x'\nverdict     idle\u001b[2J";
    const record = diagnosisRecord(recorded({ ...lock, title: forged, activity: { query: forged } }));
    const text = renderDiagnosis(record);
    assert.equal(text.match(/^verdict/gm)?.length, 1);
    assert.ok(!text.includes('\u001b'));
    for (const line of factsInShort(record)) assert.doesNotMatch(line, /\p{Cc}/u);
  });

  it('of no backend is the verdict alone', () => {
    const text = renderDiagnosis(diagnosisRecord({ kind: 'gone', pid: 4242, name: null }));
    assert.match(text, /^verdict {5}gone\n {12}No process has the pid 4242/);
    assert.deepEqual(factsInShort(diagnosisRecord({ kind: 'gone', pid: 4242, name: null })), []);
  });
});

describe('a diagnosis in short', () => {
  it('is what it was judged by, a line each, and what is missing', () => {
    assert.deepEqual(factsInShort(diagnosisRecord(asStranger(recorded({ title: 'COPY', ss: QUEUED })))), [
      'postgres: alice shop 127.0.0.1(33664) COPY',
      'samples: 5 × S (sleeping) in 404 ms; CPU 0 ms own + 0 ms kernel; switches 0 voluntary, 0 not',
      'signals: pending none; blocked URG',
      'tcp: ESTAB, 3.9MiB queued for the client (3.9MiB not sent), 0B taken meanwhile, 0 retransmits, window shut 1.70s of 1.70s',
      'not known: call, wchan, descriptors, kernel_stack, user_stacks, activity',
    ]);
  });
});

describe('a diagnosis in JSON', () => {
  it('has times since the first sample, and null for what could not be had', () => {
    const { facts } = diagnosisRecord(
      asStranger(
        recorded({ states: 'RRR', userTicksPerSample: 10, systemTicksPerSample: 1, switchesPerSample: 7 }),
      ),
    );
    assert.deepEqual(facts!.samples[2], {
      at_ms: 202,
      state: 'R',
      call: null,
      wchan: null,
      user_ms: 200,
      system_ms: 20,
      voluntary_switches: 14,
      involuntary_switches: 0,
    });
    assert.deepEqual(
      [facts!.descriptors, facts!.kernel_stack, facts!.activity, facts!.blockers],
      [null, null, null, null],
    );
  });

  it('has no column of the server that is not documented', () => {
    const activity = Object.assign({ state: 'active' }, { client_hostname: 'secret' });
    const record = diagnosisRecord(recorded({ activity }));
    assert.ok(!JSON.stringify(record).includes('secret'));
  });
});
