import type { KernelCauseRecord, Verdict } from '../report/model.ts';

type Figures = Readonly<Record<string, number>>;

interface CauseKind {
  /** The verdict of what has this cause and no worse one. */
  readonly verdict: Exclude<Verdict, 'ok'>;
  /** When it is given, for the documentation. */
  readonly describe: string;
  /** Its figures in words. */
  readonly text: (figures: Figures) => string;
}

function figure(figures: Figures, name: string): number {
  return figures[name] ?? 0;
}

function bytesOf(figures: Figures, name = 'bytes'): string {
  return `${figure(figures, name)} bytes`;
}

function differ(what: string): (figures: Figures) => string {
  return (figures) => {
    const [kernel, ours] = [figure(figures, 'kernel'), figure(figures, 'ours')];
    const by = kernel > ours ? `${kernel - ours} more` : `${ours - kernel} fewer`;
    return `the kernel counts ${kernel} ${what}, the report ${ours}: ${by}`;
  };
}

/** Everything that keeps a verdict from being `ok`, told once: text, JSON and documentation are made from this. */
export const CAUSES = {
  bytes_differ: {
    verdict: 'mismatch',
    describe: 'the bytes of a socket differ, and nothing below explains it',
    text: differ('bytes'),
  },
  operations_differ: {
    verdict: 'mismatch',
    describe: "the proxy's reads or writes differ, and nothing below explains it",
    text: differ('operations'),
  },
  gap: {
    verdict: 'mismatch',
    describe: 'the records of a socket leave out bytes, though none was reported lost and no line is damaged',
    text: (f) =>
      `the kernel's records leave out ${bytesOf(f)} from offset ${figure(f, 'at')}, and say nothing of a loss`,
  },
  contradiction: {
    verdict: 'mismatch',
    describe:
      'records of a socket contradict each other: a run begins before the last one ended, a total shrinks',
    text: (f) =>
      `the kernel's records contradict each other: one says offset ${figure(f, 'at')} where others are at ${figure(f, 'expected')}`,
  },
  statement_differs: {
    verdict: 'mismatch',
    describe:
      "a statement's own runs hold another number of reads or writes than the report says, and nothing explains it",
    text: (f) => `statement ${figure(f, 'statement')}: ${differ('operations')(f)}`,
  },
  range_differs: {
    verdict: 'mismatch',
    describe: "a statement's range in the stream is not as long as its bytes: the report contradicts itself",
    text: (f) =>
      `statement ${figure(f, 'statement')}: its range holds ${bytesOf(f, 'range')}, its account ${bytesOf(f)}`,
  },
  tls_records: {
    verdict: 'explained',
    describe:
      "TLS of pgnetflow's own: the report counts reads and writes of plaintext, the kernel those of ciphertext. Bytes are compared",
    text: (f) =>
      `TLS: the kernel counts ${figure(f, 'kernel')} operations on ciphertext, the report ${figure(f, 'ours')} on plaintext` +
      ('records' in f ? `, in ${figure(f, 'records')} records` : ''),
  },
  partial_writes: {
    verdict: 'explained',
    describe: 'the kernel did not take some writes at once (`deferred`), and took them in several operations',
    text: (f) =>
      `${figure(f, 'deferred')} of ${figure(f, 'ours')} writes were not taken at once: the kernel took them in ${figure(f, 'kernel')} operations`,
  },
  untaken_writes: {
    verdict: 'explained',
    describe:
      'no more writes than were not taken at once (`deferred`) are missing: they still waited, or the connection broke',
    text: (f) =>
      `${figure(f, 'ours') - figure(f, 'kernel')} of ${figure(f, 'ours')} writes were not taken: they still waited, or the connection broke`,
  },
  undelivered: {
    verdict: 'explained',
    describe:
      'the kernel took a part of a write before the connection broke; the report counts the whole of it as `undelivered`',
    text: (f) =>
      `the kernel took ${figure(f, 'kernel') - figure(f, 'ours')} bytes of ${bytesOf(f, 'undelivered')} that the report counts as undelivered`,
  },
  backend_unread: {
    verdict: 'explained',
    describe: 'the backend read less than was written to it: it had gone, or its socket was closed',
    text: (f) => `the backend did not read ${bytesOf(f)} of what was written to it`,
  },
  backend_unreceived: {
    verdict: 'explained',
    describe: 'the backend wrote more than the proxy read: the connection was closed first',
    text: (f) => `${bytesOf(f)} that the backend wrote were not read any more`,
  },
  attached_late: {
    verdict: 'explained',
    describe:
      'bytes had moved before the helper attached, whose operations it has not seen; or it does not know how many (no figure then)',
    text: (f) =>
      'bytes' in f
        ? `the helper attached late: it has not seen how ${bytesOf(f)} moved`
        : 'the helper attached late, and does not know how many bytes had moved',
  },
  reattached: {
    verdict: 'explained',
    describe: 'bytes moved while one helper had gone and the next had not attached yet',
    text: (f) => `${bytesOf(f)} moved while no helper was attached`,
  },
  detached_early: {
    verdict: 'explained',
    describe: 'the helper detached before the session ended',
    text: (f) => `the helper detached early: it has not seen ${bytesOf(f)}`,
  },
  lost_records: {
    verdict: 'explained',
    describe: 'bytes are left out, and the helper said that it has lost records',
    text: (f) => `${bytesOf(f)} are missing, for the helper has lost ${figure(f, 'lost')} records`,
  },
  damaged_lines: {
    verdict: 'explained',
    describe: 'bytes are left out, and lines of the recording could not be read',
    text: (f) => `${bytesOf(f)} are missing, and ${figure(f, 'damaged')} lines could not be read`,
  },
  no_attach: {
    verdict: 'explained',
    describe:
      'the recording does not begin with `attach`: its beginning is missing, and its clock tells no time',
    text: () => 'the recording does not begin with an attach record: its beginning is missing',
  },
  no_detach: {
    verdict: 'explained',
    describe: 'the recording does not end with `detach`: the helper died, or its end is missing',
    text: () => 'the recording does not end with a detach record: the helper died, or its end is missing',
  },
  no_close: {
    verdict: 'explained',
    describe:
      'no record tells the end of a socket whose session has ended: all its bytes were seen, or a backend may have left the last ones unread',
    text: () => 'no record tells the end of this socket: something could have followed',
  },
  not_flushed: {
    verdict: 'explained',
    describe: 'the helper did not write in time what it still had',
    text: (f) => `the helper did not answer in time: ${bytesOf(f)} are missing`,
  },
  orphan_records: {
    verdict: 'explained',
    describe:
      'a socket of the session was not seen, and there are records of sockets that no `open` introduces',
    text: (f) =>
      `${figure(f, 'records')} records are of sockets that no record introduces: a socket of this session may be one`,
  },
  sockets_forgotten: {
    verdict: 'explained',
    describe: 'a socket of the session was not seen, and sockets were forgotten, for there were too many',
    text: (f) => `${figure(f, 'sockets')} sockets were forgotten, for there were too many`,
  },
  still_open: {
    verdict: 'explained',
    describe: 'the session is open: the two counts were not taken at the same moment',
    text: differ('bytes so far'),
  },
  totals_only: {
    verdict: 'explained',
    describe: 'the method knows totals only: bytes are compared as far as it looked, operations are not',
    text: (f) => `the method sees no operations; it saw ${bytesOf(f, 'kernel')} of ${figure(f, 'ours')}`,
  },
  shared_run: {
    verdict: 'explained',
    describe:
      'of statements: a run holds bytes of others as well (pipelining, asynchronous messages), so its operations belong to none of them alone',
    text: (f) => `${figure(f, 'shared')} operations moved bytes of others as well`,
  },
  runs_folded: {
    verdict: 'explained',
    describe: 'of statements: the runs were too many to be kept one by one, only their sum is known',
    text: () => 'the runs were too many to be kept one by one',
  },
  no_helper: {
    verdict: 'unchecked',
    describe: 'nobody asked the kernel',
    text: () => 'nobody asked the kernel: pgnetflow probe was not attached',
  },
  unix_socket: {
    verdict: 'unchecked',
    describe: 'it is a Unix-domain socket: the kernel counts TCP',
    text: () => 'it is a Unix-domain socket: the kernel counts TCP',
  },
  socket_not_seen: {
    verdict: 'unchecked',
    describe: 'no record is of this socket',
    text: () => 'no record of the kernel is of this socket',
  },
  stream_unknown: {
    verdict: 'unchecked',
    describe:
      "of statements: the report does not know where the statement's bytes stand in the stream (`stream`)",
    text: () => 'the report does not know where its bytes stand in the stream',
  },
} as const satisfies Record<string, CauseKind>;

export type CauseCode = keyof typeof CAUSES;

export interface Cause extends KernelCauseRecord {
  code: CauseCode;
}

/** Whom or what a cause is about. */
export type About = Pick<KernelCauseRecord, 'leg' | 'direction'>;

export function cause(
  code: CauseCode,
  figures: Figures = {},
  about: About = { leg: null, direction: null },
): Cause {
  const kind: CauseKind = CAUSES[code];
  return { code, ...about, text: kind.text(figures), figures: { ...figures } };
}

/** The verdict on one thing that has these causes; `ok` without any. */
export function verdictOf(codes: Iterable<CauseCode>): Verdict {
  let worst: Verdict = 'ok';
  for (const code of codes) {
    const { verdict } = CAUSES[code];
    if (RANK[verdict] > RANK[worst]) worst = verdict;
  }
  return worst;
}

const RANK: Readonly<Record<Verdict, number>> = { ok: 0, explained: 1, unchecked: 2, mismatch: 3 };
