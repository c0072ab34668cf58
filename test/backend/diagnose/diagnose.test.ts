// Backends of a real server, looked at from outside.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, readFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import type { CollectOptions } from '../../../src/backend/diagnose/collect.ts';
import { diagnose } from '../../../src/backend/diagnose/diagnose.ts';
import { parseStat, parseStatus } from '../../../src/backend/diagnose/process_status.ts';
import type { DiagnosisRecord } from '../../../src/backend/diagnose/record.ts';
import { temporaryDirectory } from '../../support/programs.ts';
import { until } from '../../support/until.ts';
import { embeddedServer } from '../../support/servers.ts';
import { Backends, hangingDebugger } from './stuck.ts';

const notLinux = process.platform !== 'linux' && 'diagnose needs Linux';
const notRoot = process.getuid?.() !== 0 && 'needs root, to become another user';

const missing = (program: string): string | false =>
  folderOf(program) === undefined && `${program} is not installed`;

const backends = await Backends.of(await embeddedServer());
const idlePid = await backends.idle();
const asked = { kind: 'url', url: backends.url } as const;

function look(pid: number, options: Partial<CollectOptions> = {}): Promise<DiagnosisRecord> {
  return diagnose(pid, {
    samples: 3,
    stack: 'none',
    connect: asked,
    startedBetweenMs: null,
    signal: null,
    ...options,
  });
}

const why = ({ absent }: DiagnosisRecord, fact: string): string | undefined =>
  absent.find((one) => one.fact === fact)?.why;

const stateOf = (pid: number): string | undefined =>
  parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.state;

describe('a backend, looked at from outside,', { skip: notLinux }, () => {
  it('that was stopped and cancelled says so, and is as it was afterwards', async () => {
    const pid = await backends.stopped();
    await until(() => stateOf(pid) === 'T', 'the stop');
    await backends.cancel(pid);
    const found = await look(pid, { stack: 'any' });
    assert.equal(found.verdict, 'stopped');
    assert.match(found.sentence, /SIGINT was sent/);
    assert.match(why(found, 'user_stacks') ?? '', /SIGSTOP of a tracer/);
    const status = parseStatus(readFileSync(`/proc/${pid}/status`, 'utf8'));
    assert.deepEqual(status?.signals.pending, ['INT']);
    assert.equal(stateOf(pid), 'T');
  });

  it('whose client does not read says so, with that client and what waits for it', async () => {
    const { pid, socket } = await backends.notRead();
    const found = await look(pid);
    assert.equal(found.verdict, 'client_not_reading');
    assert.ok(found.sentence.includes(`127.0.0.1:${socket.localPort}`), found.sentence);
    assert.equal(found.facts!.client, `127.0.0.1:${socket.localPort}`);
    if (missing('ss') !== false) return;
    assert.ok(found.facts!.tcp!.send_queue > 0);
    assert.match(found.sentence, new RegExp(`: ${found.facts!.tcp!.send_queue} bytes are queued\\.$`));
  });

  it('in pg_sleep() says so', async () => {
    assert.equal((await look(await backends.sleeping())).verdict, 'sleeping');
  });

  it('that waits for a lock names who holds it', async () => {
    const { waiting, holding } = await backends.locked();
    const found = await look(waiting);
    assert.equal(found.verdict, 'waits_for_lock');
    assert.match(
      found.sentence,
      new RegExp(`held by ${holding} \\(idle in transaction, .*update t set a = 23`),
    );
    assert.deepEqual(
      found.facts!.blockers!.map(({ pid, state }) => [pid, state]),
      [[holding, 'idle in transaction']],
    );
    // Without asking the server, too.
    const unasked = await look(waiting, { connect: null });
    assert.equal(unasked.verdict, 'waits_for_lock');
    assert.match(why(unasked, 'activity') ?? '', /--connect/);
  });

  it('in an endless loop says so', async () => {
    const found = await look(await backends.computing(), { connect: null });
    assert.equal(found.verdict, 'computing');
  });

  it('that is idle says so, asked or not', async () => {
    const pid = await backends.idle();
    for (const connect of [asked, null]) assert.equal((await look(pid, { connect })).verdict, 'idle');
  });

  it('that is idle in a transaction says so, asked or not', async () => {
    const pid = await backends.idleInTransaction();
    for (const connect of [asked, null])
      assert.equal((await look(pid, { connect })).verdict, 'idle_in_transaction');
  });

  it('that waits for the data of a COPY says so', async () => {
    const { client, pid } = await backends.session();
    client.query('create temp table c (a int)').catch(() => undefined);
    const { default: copy } = await import('pg-copy-streams');
    const stream = client.query(copy.from('copy c from stdin'));
    stream.on('error', () => undefined);
    await backends.untilWaiting(pid, 'ClientRead');
    await until(async () => (await look(pid, { samples: 1 })).verdict !== 'idle', 'the COPY to begin');
    assert.equal((await look(pid)).verdict, 'waits_for_client_data');
  });

  it('tells its system call, and what that waits for', async (t) => {
    const found = await look(await backends.idle());
    if (found.facts!.samples[0]!.call === null) return t.skip(why(found, 'call'));
    for (const { call } of found.facts!.samples)
      assert.match(call ?? '', /^epoll_p?wait\(epfd \d+, maxevents 1, no timeout\)$/);
    const [set, ...watched] = found.facts!.descriptors!;
    assert.match(set!.what, /^epoll \{.*IN.*\}$/);
    assert.ok(watched.some(({ what }) => what.endsWith(`${found.facts!.client} ESTABLISHED`)));
    return undefined;
  });

  for (const [program, stack] of [
    ['eu-stack', 'quick'],
    ['gdb', 'any'],
  ] as const) {
    it(
      `shows the functions that it is in, by ${program}, and goes on`,
      { skip: missing(program) },
      async (t) => {
        const pid = await backends.sleeping();
        const found = await withOnly(program, () => look(pid, { stack, connect: null }));
        const [before, later] = found.facts!.user_stacks;
        if (before === null || later === null) return t.skip(why(found, 'user_stacks'));
        assert.ok(before!.includes('pg_sleep'), String(before));
        assert.deepEqual(before, later);
        assert.equal(found.verdict, 'sleeping');
        await until(() => stateOf(pid) === 'S', 'it to go on');
        return undefined;
      },
    );
  }

  it('is let go on when the program that looks at its stack hangs', async () => {
    const pid = await backends.sleeping();
    const folder = temporaryDirectory();
    hangingDebugger(folder, path.join(folder, 'begun'));
    const found = await withPath(folder, () => look(pid, { stack: 'quick', connect: null }));
    assert.match(why(found, 'user_stacks') ?? '', /eu-stack took longer than 3 s and was killed/);
    await until(() => stateOf(pid) === 'S', 'it to go on');
    assert.ok(found.facts!.samples.every(({ state }) => state !== 'T'));
  });

  it('of another server is not mistaken for the one that was meant', async () => {
    const pid = await backends.idle();
    const past = Date.now() - 3_600_000;
    const found = await look(pid, { startedBetweenMs: [past, past + 1000] });
    assert.deepEqual([found.verdict, found.facts], ['another', null]);
  });

  it('without eu-stack, gdb and ss says which programs are missing', async () => {
    const found = await withPath('/nonexistent', () => look(idlePid, { stack: 'any', connect: null }));
    assert.equal(why(found, 'user_stacks'), 'eu-stack is not installed; gdb is not installed');
    assert.equal(why(found, 'tcp'), 'ss is not installed');
    assert.equal(found.verdict, 'idle');
  });

  it('of which the server cannot be asked says why', async () => {
    for (const [url, reason] of [
      ['postgres://postgres@127.0.0.1:1/postgres', /ECONNREFUSED/],
      [backends.url.replace(/\w+$/, 'nosuch'), /database "nosuch" does not exist/],
    ] as const) {
      const found = await look(idlePid, { connect: { kind: 'url', url } });
      assert.match(why(found, 'activity') ?? '', reason);
      assert.equal(found.verdict, 'idle');
    }
  });

  it('of another server than the one that is asked is not described by a namesake', async () => {
    const other = await embeddedServer();
    const found = await look(idlePid, {
      connect: { kind: 'url', url: `postgres://postgres@${other.host}:${other.port}/postgres` },
    });
    assert.match(why(found, 'activity') ?? '', /that server has no backend/);
  });

  it('of which the server tells its owner only says so', async () => {
    const { client } = await backends.session();
    await client.query('create role mallory login');
    const pid = await backends.sleeping();
    const url = backends.url.replace('postgres@', 'mallory@');
    const found = await look(pid, { connect: { kind: 'url', url } });
    assert.match(why(found, 'activity') ?? '', /pg_read_all_stats/);
  });

  it(
    'to a user who is neither root nor its owner shows what anybody may see, and says why not the rest',
    { skip: notRoot },
    async (t) => {
      const main = path.join(import.meta.dirname, '..', '..', '..', 'src', 'cli', 'main.js');
      const child = spawn(process.execPath, [main, 'diagnose', String(idlePid), '--json', '--samples', '2'], {
        uid: 1,
        gid: 1,
        env: { PATH: process.env['PATH'] },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (text) => (stdout += String(text)));
      child.stderr.on('data', (text) => (stderr += String(text)));
      await once(child, 'close');
      if (/EACCES|Cannot find module/.test(stderr)) return t.skip('another user may not read this checkout');
      const found: DiagnosisRecord = JSON.parse(stdout);
      assert.equal(found.verdict, 'idle');
      for (const fact of ['call', 'descriptors', 'kernel_stack']) {
        assert.match(why(found, fact) ?? '', /not permitted to this user \(root may/, fact);
      }
      assert.match(why(found, 'user_stacks') ?? '', /denied|not permitted|not installed/i);
      assert.equal(found.facts!.client === null, false);
      return undefined;
    },
  );

  it('is told from a process that is none, and from one that is not there', async () => {
    const found = await look(process.pid);
    assert.deepEqual([found.verdict, found.facts], ['not_a_backend', null]);
    const child = spawn('true');
    await once(child, 'close');
    assert.equal((await look(child.pid!)).verdict, 'gone');
  });

  it('is told from the postmaster and the processes of the server itself, and these by name', async () => {
    const postmaster = await look(backends.server.pid);
    assert.deepEqual([postmaster.verdict, postmaster.facts], ['postmaster', null]);
    assert.match(postmaster.sentence, /^Process \d+ is the postmaster/);
    assert.match(postmaster.advice, new RegExp(`ps --ppid ${backends.server.pid} `));
    const children = readFileSync(
      `/proc/${backends.server.pid}/task/${backends.server.pid}/children`,
      'utf8',
    );
    const named: string[] = [];
    for (const pid of children.trim().split(' ').map(Number)) {
      const title = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      const [, kind] = /^postgres: (checkpointer|background writer|walwriter)/.exec(title) ?? [];
      if (kind === undefined) continue;
      named.push(kind);
      const { verdict, sentence, advice } = await look(pid);
      // At this moment it may have something to do.
      const says = verdict === 'background_idle' ? sentence : advice;
      assert.ok(says.includes(`the server's ${kind}`), `${verdict}: ${sentence} ${advice}`);
    }
    assert.deepEqual(named.toSorted(), ['background writer', 'checkpointer', 'walwriter']);
  });

  it('given up amid the samples shows those that there are', async () => {
    const giveUp = new AbortController();
    const looking = look(idlePid, { samples: 1000, signal: giveUp.signal });
    giveUp.abort();
    const { length } = (await looking).facts!.samples;
    assert.ok(length >= 1 && length < 1000);
  });
});

/** The folder of the path that has a program. */
function folderOf(program: string): string | undefined {
  return (process.env['PATH'] ?? '').split(':').find((folder) => {
    try {
      accessSync(path.join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** With a path on which only this program is. */
function withOnly<T>(program: string, act: () => Promise<T>): Promise<T> {
  const folder = temporaryDirectory();
  symlinkSync(path.join(folderOf(program)!, program), path.join(folder, program));
  return withPath(folder, act);
}

async function withPath<T>(folder: string, act: () => Promise<T>): Promise<T> {
  const before = process.env['PATH'];
  process.env['PATH'] = folder;
  try {
    return await act();
  } finally {
    process.env['PATH'] = before;
  }
}
