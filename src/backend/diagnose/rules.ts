import type { ActivityRow } from './activity_rows.ts';
import { Evidence } from './evidence.ts';
import type { Facts, NoBackend } from './facts.ts';

/** What is the matter with a backend. */
export interface Judgement {
  /** The name of a rule, or of what is no backend: docs/diagnose.md lists them. */
  readonly verdict: string;
  /** One sentence. */
  readonly sentence: string;
  /** What to do, and what not. */
  readonly advice: string;
}

interface Rule {
  readonly verdict: string;
  readonly when: (evidence: Evidence) => boolean;
  readonly says: (evidence: Evidence) => string;
  readonly advises: (evidence: Evidence) => string;
}

/** What a crash of one backend means to all others: the postmaster resets shared memory (postmaster.c). */
const NEVER =
  'Never kill -9 it: the server would end every session and recover from a crash before it takes new ones.';

/** The calls that wait for a disk, or whatever stands for it. */
const FILE_CALLS = [
  'pread64',
  'pwrite64',
  'preadv',
  'pwritev',
  'fsync',
  'fdatasync',
  'sync_file_range',
  'syncfs',
  'fallocate',
  'ftruncate',
  'openat',
  'unlink',
  'unlinkat',
  'copy_file_range',
  'io_uring_enter',
];

/**
 * The verdicts, the surest first: the first rule that holds gives it. What the kernel says of the process comes before
 * what the server says, for a backend that was stopped in pg_sleep() still shows that as its wait event.
 */
export const RULES: readonly Rule[] = [
  {
    verdict: 'zombie',
    when: ({ last }) => 'ZX'.includes(last.state),
    says: () => 'It has ended, and its parent, the postmaster, has not collected it.',
    advises: () =>
      'Nothing can be done to it any more, and it holds nothing. Look at the postmaster: is that stopped, or stuck?',
  },
  {
    verdict: 'traced',
    when: ({ samples }) => samples.every(({ state, tracerPid }) => state === 't' && tracerPid !== 0),
    says: ({ last }) => `A debugger or tracer, process ${last.tracerPid}, holds it stopped.`,
    advises: (evidence) =>
      `Detach that process (ps -p ${evidence.last.tracerPid} names it); the backend then${takes(evidence)}. ${NEVER}`,
  },
  {
    verdict: 'stopped',
    when: (evidence) => evidence.always('T'),
    says: (evidence) =>
      `It is stopped by a signal (SIGSTOP, SIGTSTP), so it runs nothing${and(evidence, 'waits until it goes on')}.`,
    advises: (evidence) =>
      `Let it go on with kill -CONT ${evidence.facts.pid}; it${takes(evidence)}. Before that neither cancel nor terminate ` +
      `can reach it. ${NEVER}`,
  },
  {
    verdict: 'uninterruptible_io',
    when: (evidence) => evidence.always('D'),
    says: (evidence) =>
      `Every sample found it in uninterruptible sleep${inCall(evidence)}: the kernel waits for a device or a file ` +
      'system, and delivers no signal until that answers.',
    advises: () =>
      'Look at the storage (dmesg, iostat -x, the server of an NFS mount): cancel and terminate take effect once it ' +
      `answers, and nothing does before. ${NEVER} Not even that would reach it now.`,
  },
  {
    verdict: 'signal_blocked',
    when: ({ blockedRequests }) => blockedRequests.length > 0,
    says: ({ blockedRequests }) =>
      `SIG${blockedRequests.join(' and SIG')} was sent to it and is blocked: its code does not let it in.`,
    advises: () =>
      'The innermost functions of the user stack say which code blocks it: PostgreSQL itself does so for moments ' +
      `only, an extension or a library may do so for ever. ${NEVER}`,
  },
  {
    verdict: 'client_not_reading',
    when: (evidence) =>
      evidence.waitsForClientTo === 'take' ||
      (evidence.mostly('S') && evidence.inFunction('secure_write')) ||
      // What anybody may see: it sleeps amid a statement, and what it has sent is not taken.
      (evidence.call === null &&
        evidence.waitEvent === null &&
        evidence.always('S') &&
        evidence.title !== '' &&
        !evidence.title.startsWith('idle') &&
        (evidence.queuedForClient ?? 0) > 0 &&
        evidence.takenByClient === 0),
    says: (evidence) =>
      `It waits for its ${evidence.clientName} to take what it has sent${taken(evidence)}${queued(evidence)}.`,
    advises: ({ facts }) =>
      'Look at that client: is it stopped, busy, or reading slowly? If it is a proxy, look at the client behind it. A ' +
      'cancel may go unheeded until that takes more; ' +
      `pg_terminate_backend(${facts.pid}) ends the session at once. ${NEVER}`,
  },
  {
    verdict: 'waits_for_lock',
    when: (evidence) =>
      evidence.waitType === 'Lock' ||
      /(^| )waiting$/.test(evidence.title) ||
      (evidence.mostly('S') && evidence.inFunction('ProcSleep')),
    says: (evidence) => `It waits for a lock${ofKind(evidence)}${heldBy(evidence)}.`,
    advises: ({ blockers }) =>
      `${blockers.length > 0 ? `End what holds it: pg_cancel_backend, or pg_terminate_backend for a session that is idle in a transaction (${pids(blockers)}).` : 'select pg_blocking_pids(PID) names what holds it; --connect shows them here.'} ` +
      'The one that waits heeds cancel and terminate.',
  },
  {
    verdict: 'waits_for_standby',
    when: (evidence) =>
      evidence.waitEvent === 'SyncRep' ||
      /waiting for [\da-f]+\/[\da-f]+$/.test(evidence.title) ||
      evidence.inFunction('SyncRepWaitForLSN'),
    says: () =>
      'Its transaction is committed here, and it waits until a synchronous standby has confirmed that.',
    advises: () =>
      'Look at the standbys (pg_stat_replication, synchronous_standby_names). A cancel ends the wait, not the commit.',
  },
  {
    verdict: 'sleeping',
    when: (evidence) =>
      evidence.waitEvent === 'PgSleep' || (evidence.mostly('S') && evidence.inFunction('pg_sleep')),
    says: () => 'It sleeps in pg_sleep().',
    advises: () => 'It does what it was told, and heeds cancel and terminate at once.',
  },
  {
    verdict: 'spins',
    when: (evidence) =>
      evidence.waitEvent === 'SpinDelay' || evidence.inFunction('perform_spin_delay', 's_lock'),
    says: () => 'It waits for a spinlock, which whoever has it should hold for a few instructions only.',
    advises: () =>
      'Find the holder: a backend that is stopped, or that the system does not let run (too many busy processes for ' +
      `too few cores). No signal is heeded meanwhile. ${NEVER}`,
  },
  {
    verdict: 'waits_for_lwlock',
    when: (evidence) =>
      evidence.waitType === 'LWLock' ||
      (evidence.mostly('S') &&
        evidence.inFunction('LWLockAcquire', 'LWLockWaitForVar', 'LWLockAcquireOrWait')) ||
      // Semaphores are how LWLocks wait (lwlock.c), and little else does.
      evidence.inCall('futex', 'semop', 'semtimedop'),
    says: (evidence) =>
      `It waits for a lock on shared memory${ofKind(evidence)}, which another process of the server holds.`,
    advises: () =>
      'Find the holder: diagnose the other backends that have not moved, those stopped or in I/O first. No signal is ' +
      `heeded meanwhile. ${NEVER}`,
  },
  {
    verdict: 'waits_for_workers',
    when: (evidence) =>
      ['ExecuteGather', 'ParallelFinish', 'BgworkerShutdown', 'BgWorkerShutdown'].includes(
        evidence.waitEvent ?? '',
      ) ||
      (evidence.inFunction(
        'WaitForParallelWorkersToFinish',
        'WaitForParallelWorkersToExit',
        'ExecGather',
        'ExecGatherMerge',
      ) &&
        evidence.mostly('S')),
    says: ({ workers }) =>
      `It waits for its parallel workers${workers.length > 0 ? `: ${workers.map(named).join('; ')}` : ''}.`,
    advises: ({ workers }) =>
      `Diagnose the workers${workers.length > 0 ? ` (${pids(workers)})` : ''}: the one that hangs is the cause. Cancel and ` +
      `terminate are heeded here, but the statement ends only when the workers have. ${NEVER}`,
  },
  {
    verdict: 'waits_for_condition',
    when: (evidence) =>
      evidence.waitType === 'IPC' ||
      (evidence.mostly('S') && evidence.inFunction('ConditionVariableSleep', 'ConditionVariableTimedSleep')),
    says: (evidence) => `It waits for another process of the server${ofKind(evidence)}.`,
    advises: ({ workers }) =>
      `Diagnose ${workers.length > 0 ? `its workers (${pids(workers)}), then ` : ''}the process that should wake it. A cancel is heeded ` +
      `unless the code around the wait holds it off; terminate is the next thing to try. ${NEVER}`,
  },
  {
    verdict: 'idle_in_transaction',
    when: (evidence) =>
      evidence.activity.startsWith('idle in transaction') &&
      evidence.mostly('S') &&
      evidence.waitsForClientTo !== 'take',
    says: (evidence) =>
      `It waits for its ${evidence.clientName} amid a transaction, and keeps the locks of that${evidence.activity.includes('aborted') ? '; the transaction has failed' : ''}.`,
    advises: ({ facts }) =>
      'No statement runs, so there is nothing to cancel: have the client commit, or end the session with ' +
      `pg_terminate_backend(${facts.pid}); idle_in_transaction_session_timeout does so by itself.`,
  },
  {
    verdict: 'idle',
    when: (evidence) =>
      evidence.activity === 'idle' && evidence.mostly('S') && evidence.waitsForClientTo !== 'take',
    says: (evidence) => `It is idle: it waits for the next statement of its ${evidence.clientName}.`,
    advises: ({ facts }) =>
      `There is nothing to cancel; pg_terminate_backend(${facts.pid}) ends the session. If the client says that it waits for an answer, that ` +
      'was sent already: look at the network, and at any proxy between.',
  },
  {
    verdict: 'waits_for_client_data',
    when: (evidence) => evidence.waitsForClientTo === 'send',
    says: (evidence) =>
      `It waits for its ${evidence.clientName} to send more, amid a statement (COPY FROM STDIN).`,
    advises: ({ facts }) =>
      'Look at that client. A cancel is heeded only once more has come; ' +
      `pg_terminate_backend(${facts.pid}) ends the session at once.`,
  },
  {
    verdict: 'background_idle',
    when: (evidence) =>
      evidence.waitType === 'Activity' ||
      (evidence.ownProcess !== null &&
        evidence.waitType === null &&
        evidence.mostly('S') &&
        !evidence.inCall(...FILE_CALLS)),
    says: (evidence) =>
      `It is ${evidence.ownProcess === null ? "a process of the server's own" : `the server's ${evidence.ownProcess}`}, and waits for work${ofKind(evidence)}.`,
    advises: () =>
      'Nothing is to be done. It runs no statement of a client; that of a session has its pid in pg_stat_activity.',
  },
  {
    verdict: 'waits_for_io',
    when: (evidence) => evidence.waitType === 'IO' || evidence.inCall(...FILE_CALLS),
    says: (evidence) => `It waits for a file${inCall(evidence)}${ofKind(evidence)}.`,
    advises: () =>
      `Look at the storage (iostat -x, dmesg). A cancel is heeded when the call returns. ${NEVER}`,
  },
  {
    verdict: 'computing',
    when: (evidence) =>
      evidence.mostly('R') &&
      evidence.entersKernel !== true &&
      evidence.waits === 0 &&
      evidence.userSeconds >= evidence.systemSeconds,
    says: (evidence) =>
      `It computes without ever waiting: ${howMany(evidence, 'R')} found it running its own code${cpu(evidence)}${evidence.entersKernel === null ? '' : ', none in a system call'}.`,
    advises: () =>
      'A cancel is heeded at the next CHECK_FOR_INTERRUPTS; code that has none (a C function of an extension, a ' +
      'library that it calls) heeds neither cancel nor terminate before it returns. The user stack says which code: ' +
      `look twice whether it moves. ${NEVER}`,
  },
  {
    verdict: 'working',
    when: (evidence) => evidence.mostly('R') || new Set(evidence.samples.map(({ state }) => state)).size > 1,
    says: (evidence) => `It works: ${howMany(evidence, 'R')} found it running${cpu(evidence)}.`,
    advises: () =>
      'A cancel is heeded at the next CHECK_FOR_INTERRUPTS, within moments as a rule. If it is not, diagnose again ' +
      `with more samples, as root. ${NEVER}`,
  },
  {
    verdict: 'waiting',
    when: (evidence) => evidence.waitEvent !== null || evidence.call !== null,
    says: (evidence) =>
      `It sleeps${inCall(evidence)}${evidence.waitEvent === null ? '' : `, waiting for${ofKind(evidence)}`}.`,
    advises: () =>
      "The stack and the wait event (in the table of the manual's section “The Cumulative Statistics System”) say for what. Try cancel, then " +
      `terminate. ${NEVER}`,
  },
];

/** What to say when no rule holds. */
const UNDETERMINED: Pick<Judgement, 'verdict' | 'advice'> = {
  verdict: 'undetermined',
  advice:
    "Run it as root, or as the server's user, and with --connect: the list of what could not be had says what each " +
    `would add. ${NEVER}`,
};

/** What stands for a process that is no backend. */
const NO_BACKEND: Readonly<Record<NoBackend['kind'], (facts: NoBackend) => Omit<Judgement, 'verdict'>>> = {
  gone: ({ pid }) => ({
    sentence: `No process has the pid ${pid}: it has ended, or runs on another host or in another container.`,
    advice: 'Compare with pg_stat_activity on the host of the server.',
  }),
  hidden: ({ pid }) => ({
    sentence: `There is a process ${pid}, but this user may not look at it (/proc is mounted with hidepid).`,
    advice: "Run it as root, or as the server's user.",
  }),
  postmaster: ({ pid }) => ({
    sentence: `Process ${pid} is the postmaster, which starts all processes of a PostgreSQL server and runs no statement.`,
    advice:
      `Diagnose one of its children: ps --ppid ${pid} names them, pg_stat_activity says which one runs what. ` +
      'Signals to the postmaster stop the server.',
  }),
  not_a_backend: ({ pid, name }) => ({
    sentence: `Process ${pid} (${name ?? 'without a name'}) is no PostgreSQL backend.`,
    advice: 'Take the pid from pg_stat_activity, or from backend_pid in a report.',
  }),
  another: ({ pid }) => ({
    sentence: `Process ${pid} did not begin when the session did: it is another backend, and that of the session has ended or runs elsewhere.`,
    advice: 'Take a new report: kill -USR1 has the proxy write one.',
  }),
};

/** Verdicts on which one would cancel or terminate. */
const TEMPTING: ReadonlySet<string> = new Set(['computing', 'working', 'waiting']);

/** The verdict over what was found out. */
export function judge(facts: Facts): Judgement {
  if (facts.kind !== 'backend') return { verdict: facts.kind, ...NO_BACKEND[facts.kind](facts) };
  const evidence = new Evidence(facts);
  const rule = RULES.find(({ when }) => when(evidence));
  if (rule === undefined) return { ...UNDETERMINED, sentence: 'What could be found out does not say why.' };
  const { ownProcess } = evidence;
  const advice =
    ownProcess !== null && TEMPTING.has(rule.verdict) ? leaveAlone(ownProcess) : rule.advises(evidence);
  return { verdict: rule.verdict, sentence: rule.says(evidence), advice };
}

/** Whatever is the matter with it: all sessions need it. */
function leaveAlone(kind: string): string {
  return `It is the server's ${kind}, which all sessions need: neither cancel nor terminate it. ${NEVER}`;
}

// ------------------------------------------------------------------- parts of sentences

function takes({ ignoredRequests }: Evidence): string {
  return ignoredRequests.length === 0
    ? ' goes on where it was'
    : ` takes the pending SIG${ignoredRequests.join(' and SIG')} at once`;
}

function and({ ignoredRequests }: Evidence, what: string): string {
  return ignoredRequests.length === 0 ? '' : `; SIG${ignoredRequests.join(' and SIG')} was sent and ${what}`;
}

function inCall({ call }: Evidence): string {
  return call === null ? '' : ` in ${call.text}`;
}

function ofKind({ waitType, waitEvent }: Evidence): string {
  return waitType === null ? '' : ` (${waitType}${waitEvent === null ? '' : `: ${waitEvent}`})`;
}

function heldBy({ blockers }: Evidence): string {
  return blockers.length === 0 ? '' : ` that is held by ${blockers.map(named).join('; ')}`;
}

function pids(rows: readonly ActivityRow[]): string {
  return rows.map(({ pid }) => pid).join(', ');
}

/** `4242 (idle in transaction, "update t …")` */
function named({ pid, state, wait_event: event, query }: ActivityRow): string {
  const facts = [state, event, query === null || query === '' ? null : `"${query}"`];
  return `${pid} (${facts.filter((fact) => fact !== null).join(', ')})`;
}

function queued({ queuedForClient }: Evidence): string {
  return queuedForClient === null ? '' : `: ${queuedForClient} bytes are queued`;
}

function taken({ takenByClient, seconds }: Evidence): string {
  if (takenByClient === null || seconds === 0) return '';
  return takenByClient === 0
    ? `, and it took nothing in ${seconds.toFixed(1)} s`
    : `, and it took ${takenByClient} bytes in ${seconds.toFixed(1)} s`;
}

function cpu({ cpuSeconds, seconds }: Evidence): string {
  return seconds === 0 ? '' : `, ${cpuSeconds.toFixed(2)} s of CPU in ${seconds.toFixed(2)} s`;
}

function howMany({ samples }: Evidence, state: string): string {
  return `${samples.filter((sample) => sample.state === state).length} of ${samples.length} samples`;
}
