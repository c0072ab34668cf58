/** How an argument is shown. `fd` is a descriptor of the process, `ms` a time of which -1 has no end. */
type Argument = readonly [name: string, register: number, kind: 'fd' | 'count' | 'ms' | 'pointer'];

const FD: Argument = ['fd', 0, 'fd'];
const MOVES_BYTES: readonly Argument[] = [FD, ['bytes', 2, 'count']];
const AT_OFFSET: readonly Argument[] = [...MOVES_BYTES, ['offset', 3, 'count']];
const VECTORS: readonly Argument[] = [FD, ['buffers', 2, 'count']];
const EPOLL: readonly Argument[] = [
  ['epfd', 0, 'fd'],
  ['maxevents', 2, 'count'],
  ['timeout', 3, 'ms'],
];

const POLL: readonly Argument[] = [
  ['fds', 1, 'count'],
  ['timeout', 2, 'ms'],
];

type Call = readonly [name: string, x64: number | null, arm64: number | null, args?: readonly Argument[]];

/**
 * The system calls in which a backend can hang: name, number on x86_64 and on arm64 (null: not there), arguments
 * worth showing. Source: arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h.
 */
const CALLS: readonly Call[] = [
  ['read', 0, 63, MOVES_BYTES],
  ['write', 1, 64, MOVES_BYTES],
  ['open', 2, null],
  ['close', 3, 57, [FD]],
  ['poll', 7, null, POLL],
  ['mmap', 9, 222, [['bytes', 1, 'count']]],
  ['munmap', 11, 215, [['bytes', 1, 'count']]],
  ['pread64', 17, 67, AT_OFFSET],
  ['pwrite64', 18, 68, AT_OFFSET],
  ['readv', 19, 65, VECTORS],
  ['writev', 20, 66, VECTORS],
  ['select', 23, null],
  ['msync', 26, 227],
  ['madvise', 28, 233],
  ['pause', 34, null],
  ['nanosleep', 35, 101],
  ['connect', 42, 203, [FD]],
  ['accept', 43, 202, [FD]],
  ['sendto', 44, 206, MOVES_BYTES],
  ['recvfrom', 45, 207, MOVES_BYTES],
  ['sendmsg', 46, 211, [FD]],
  ['recvmsg', 47, 212, [FD]],
  ['wait4', 61, 260],
  ['semop', 65, 193],
  ['fcntl', 72, 25, [FD]],
  ['flock', 73, 32, [FD]],
  ['fsync', 74, 82, [FD]],
  ['fdatasync', 75, 83, [FD]],
  ['ftruncate', 77, 46, [FD]],
  ['rename', 82, null],
  ['unlink', 87, null],
  ['rt_sigsuspend', 130, 133],
  ['futex', 202, 98, [['address', 0, 'pointer']]],
  ['restart_syscall', 219, 128],
  ['semtimedop', 220, 192],
  ['clock_nanosleep', 230, 115],
  ['epoll_wait', 232, null, EPOLL],
  ['openat', 257, 56],
  ['unlinkat', 263, 35],
  ['pselect6', 270, 72],
  ['ppoll', 271, 73, [['fds', 1, 'count']]],
  ['sync_file_range', 277, 84, [FD]],
  ['epoll_pwait', 281, 22, EPOLL],
  ['fallocate', 285, 47, [FD]],
  ['preadv', 295, 69, VECTORS],
  ['pwritev', 296, 70, VECTORS],
  ['syncfs', 306, 267, [FD]],
  ['renameat2', 316, 276],
  ['getrandom', 318, 278],
  ['copy_file_range', 326, 285, [FD]],
  ['io_uring_enter', 426, 426, [FD]],
  ['epoll_pwait2', 441, 441, EPOLL.slice(0, 2)],
];

const TABLES: Readonly<Record<string, ReadonlyMap<number, Call>>> = {
  x64: new Map(CALLS.flatMap((call) => (call[1] === null ? [] : [[call[1], call]]))),
  arm64: new Map(CALLS.flatMap((call) => (call[2] === null ? [] : [[call[2], call]]))),
};

/**
 * Where a process is: in a system call, in its own code (`running`), or asleep in the kernel for another reason, such
 * as a page fault (`none`).
 */
export type SystemCall =
  | { readonly kind: 'running' | 'none' }
  | {
      readonly kind: 'call';
      readonly number: number;
      /** As in the table; `syscall 999` for another. */
      readonly name: string;
      /** `epoll_wait(epfd 5, maxevents 1, no timeout)` */
      readonly text: string;
      /** The descriptor that it works on; null without one. */
      readonly fd: number | null;
    };

/**
 * @param text of `/proc/PID/syscall`
 * @param arch as `process.arch` has it; of others than x64 and arm64 only the number is shown
 * @returns null when the text is not what Linux writes
 */
export function parseSystemCall(text: string, arch: string): SystemCall | null {
  const words = text.trim().split(/\s+/);
  if (words[0] === 'running') return { kind: 'running' };
  const number = Number(words[0]);
  if (words[0] === '' || !Number.isInteger(number)) return null;
  if (number < 0) return { kind: 'none' };
  const registers = words.slice(1, 7);
  if (registers.length < 6 || !registers.every((word) => /^0x[\da-f]+$/i.test(word))) return null;
  const call = TABLES[arch]?.get(number);
  if (call === undefined)
    return { kind: 'call', number, name: `syscall ${number}`, text: `syscall ${number}`, fd: null };
  const [name, , , args = []] = call;
  const fd = args.find(([, , kind]) => kind === 'fd');
  const shown = args.map(([label, register, kind]) => show(label, kind, registers[register]!));
  return {
    kind: 'call',
    number,
    name,
    text: `${name}(${shown.join(', ')})`,
    fd: fd === undefined ? null : int32(registers[fd[1]]!),
  };
}

function show(label: string, kind: Argument[2], word: string): string {
  if (kind === 'pointer') return `${label} ${word}`;
  if (kind === 'count') return `${label} ${BigInt.asIntN(64, BigInt(word))}`;
  const value = int32(word);
  if (kind === 'fd') return `${label} ${value}`;
  return value < 0 ? 'no timeout' : `${label} ${value} ms`;
}

/** The upper half of a register that carries an int is anything. */
function int32(word: string): number {
  return Number(BigInt.asIntN(32, BigInt(word)));
}
