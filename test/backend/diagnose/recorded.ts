// Facts as they were recorded from real backends of PostgreSQL 15 and 18 on Linux 6.18, x86_64: the texts of the
// system go through the decoders, so that a story is told from what the kernel wrote to what is said about it.
import assert from 'node:assert/strict';
import type { ActivityRow } from '../../../src/backend/diagnose/activity_rows.ts';
import { findClient, pickTcpInfo } from '../../../src/backend/diagnose/client_socket.ts';
import { parseDescriptor, parseSockets } from '../../../src/backend/diagnose/descriptors.ts';
import { type Fact, absent, known } from '../../../src/backend/diagnose/fact.ts';
import type { BackendFacts, Sample } from '../../../src/backend/diagnose/facts.ts';
import { parseStatus } from '../../../src/backend/diagnose/process_status.ts';
import { parseProcessTitle } from '../../../src/backend/diagnose/process_title.ts';
import { parseUserStack } from '../../../src/backend/diagnose/stack_text.ts';
import { parseSystemCall } from '../../../src/backend/diagnose/system_calls.ts';

const STATUS = `Name:	postgres
State:	S (sleeping)
TracerPid:	0
SigQ:	0/96365
SigPnd:	0000000000000000
ShdPnd:	0000000000000000
SigBlk:	0000000000400000
SigIgn:	0000000001701800
SigCgt:	0000000020006287
voluntary_ctxt_switches:	2
nonvoluntary_ctxt_switches:	26
`;

const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   9: 0100007F:A463 0100007F:8380 01 003ECC00:00000000 04:00000000 00000000 65534        0 9834619 2 0000000000000000 20 4 30 10 -1
`;

/** The two epoll sets of a backend: that of its latch, and that of its latch and its client's socket. */
const LATCH_SET =
  'pos:\t0\ntfd:        4 events:       19 data: 1  pos:0 ino:1 sdev:f\ntfd:        9 events:       19 data: 2  pos:0 ino:1 sdev:10\n';
const clientSet = (events: string): string =>
  `${LATCH_SET}tfd:        8 events:       ${events} data: 3  pos:0 ino:96107b sdev:9\n`;

const SS = {
  idle: 'ESTAB 0 0 127.0.0.1:42083 127.0.0.1:33664 ts sack bbr bytes_sent:410 bytes_acked:410 bytes_received:84',
  full:
    'ESTAB 0 4115456 127.0.0.1:42083 127.0.0.1:33664 timer:(persist,032ms,1) ts sack bbr rto:208 backoff:2 ' +
    'bytes_sent:136602 bytes_acked:136602 bytes_received:140 busy:1704ms rwnd_limited:1704ms(100.0%) notsent:4115456',
};

const MAIN =
  'PortalRun\n#5  0x0000564fa495761d\n#6  0x0000564fa4958359 PostgresMain\n#7  0x0000564fa4630976 main';

/** Waits as /proc/PID/syscall has them. */
export const CALLS = {
  latch: '232 0xa 0x564fe1403f98 0x1 0xffffffff 0xffffffffffffffff 0x0 0x7ffcdcf77fc8 0x7fc801f28ef3',
  client: '232 0x5 0x564fe146da70 0x1 0xffffffff 0xffffffffffffffff 0x0 0x7ffcdcf78538 0x7fc801f28ef3',
  futex: '202 0x7fc7f6c00038 0x80 0x0 0x0 0x0 0x0 0x7ffcdcf78538 0x7fc801f28ef3',
  fsync: '74 0x7 0x0 0x0 0x0 0x0 0x0 0x7ffcdcf78538 0x7fc801f28ef3',
  sendto: '44 0x8 0x564fe1403f98 0x2000 0x0 0x0 0x0 0x7ffcdcf78538 0x7fc801f28ef3',
  running: 'running',
} as const;

export interface Recording {
  readonly title?: string;
  /** One letter per sample. */
  readonly states?: string;
  readonly call?: string;
  readonly clientEvents?: '19' | '1c';
  readonly status?: Readonly<Record<string, string>>;
  readonly userTicksPerSample?: number;
  readonly systemTicksPerSample?: number;
  readonly switchesPerSample?: number;
  /** Innermost first. */
  readonly stack?: readonly string[];
  readonly ss?: readonly [string, string];
  readonly activity?: Partial<ActivityRow>;
  readonly blockers?: readonly Partial<ActivityRow>[];
  readonly workers?: readonly Partial<ActivityRow>[];
}

export function row(fields: Partial<ActivityRow>): ActivityRow {
  return {
    pid: 4242,
    backend_type: 'client backend',
    usename: 'alice',
    datname: 'shop',
    application_name: 'psql',
    state: 'active',
    wait_event_type: null,
    wait_event: null,
    query: 'select 1',
    leader_pid: null,
    ...fields,
  };
}

/** What root finds out about process 4242; without an activity the server was not asked. */
export function recorded(recording: Recording): BackendFacts {
  const title = parseProcessTitle(`postgres: alice shop 127.0.0.1(33664) ${recording.title ?? 'SELECT'}\0\0`);
  const sockets = parseSockets(TCP.replace('A463', (42083).toString(16).toUpperCase()), '');
  const descriptors = known([
    parseDescriptor(4, 'pipe:[9834602]', '', sockets),
    parseDescriptor(5, 'anon_inode:[eventpoll]', clientSet(recording.clientEvents ?? '19'), sockets),
    parseDescriptor(7, '/var/lib/postgresql/base/5/16384', '', sockets),
    parseDescriptor(8, 'socket:[9834619]', '', sockets),
    parseDescriptor(9, 'anon_inode:[signalfd]', '', sockets),
    parseDescriptor(10, 'anon_inode:[eventpoll]', LATCH_SET, sockets),
  ]);
  const client = findClient(title, descriptors);
  assert.ok(client.known && client.value !== null);
  const { value: socket } = client;
  const [before, after] = (recording.ss ?? [SS.idle, SS.idle]).map((line) => pickTcpInfo(line, socket));
  assert.ok(before?.known && after?.known);
  const stack: Fact<readonly string[]> =
    recording.stack === undefined
      ? absent('eu-stack is not installed; gdb is not installed')
      : known(
          parseUserStack(
            recording.stack.map((name, at) => `#${at}  0x0000564f ${name}`).join('\n') + `\n#9  0x1 ${MAIN}`,
          ),
        );
  const { activity } = recording;
  return {
    kind: 'backend',
    pid: 4242,
    title,
    startedAtMs: Date.parse('2026-11-21T13:30:00Z'),
    samples: Array.from(recording.states ?? 'SSSSS').map((state, at) => sampleOf(recording, state, at)),
    stacks: [stack, stack],
    descriptors,
    client,
    tcp: known([before.value, after.value]),
    activity:
      activity === undefined
        ? absent('no server was named')
        : known({
            backend: row(activity),
            blockers: (recording.blockers ?? []).map(row),
            workers: (recording.workers ?? []).map(row),
          }),
  };
}

function sampleOf(recording: Recording, state: string, at: number): Sample {
  const changed = Object.entries(recording.status ?? {}).reduce(
    (text, [field, value]) => text.replace(new RegExp(`^${field}:.*$`, 'm'), `${field}:\t${value}`),
    STATUS,
  );
  const status = parseStatus(changed);
  assert.ok(status !== null);
  const call = parseSystemCall(recording.call ?? (state === 'R' ? CALLS.running : CALLS.latch), 'x64');
  assert.ok(call !== null);
  return {
    atMs: at * 101,
    state,
    userTicks: 7 + at * (recording.userTicksPerSample ?? 0),
    systemTicks: 3 + at * (recording.systemTicksPerSample ?? 0),
    voluntarySwitches: status.voluntarySwitches + at * (recording.switchesPerSample ?? 0),
    involuntarySwitches: status.involuntarySwitches,
    signals: status.signals,
    tracerPid: status.tracerPid,
    call: 'Tt'.includes(state) ? absent('a stopped process is in no system call') : known(call),
    wchan: known('do_epoll_wait'),
    kernelStack: known(['do_epoll_wait', 'do_syscall_64']),
  };
}

/** What an ordinary user finds out about it: nothing that needs to be its owner. */
export function asStranger(facts: BackendFacts): BackendFacts {
  const no = absent('not permitted to this user');
  return {
    ...facts,
    samples: facts.samples.map((sample) => ({ ...sample, call: no, wchan: no, kernelStack: no })),
    stacks: [no, no],
    descriptors: no,
    activity: no,
  };
}

export const QUEUED: readonly [string, string] = [SS.full, SS.full];
export const QUEUED_AND_MOVING: readonly [string, string] = [
  SS.full.replace('bytes_acked:136602', 'bytes_acked:100000'),
  SS.full,
];
