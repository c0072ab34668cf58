// The scripts for kernels before Linux 6.3, made from probes/netflow.bt: what happens there to an operation happens here,
// only how it is noticed is another. Each replacement fails when the text that it replaces is not there.

/** @returns {Record<string, string>} text of each script by name */
export function probeVariants(netflow) {
  const counting = edited(netflow, LATE_START);
  return {
    'netflow_fentry.bt': edited(counting, FENTRY),
    'netflow_kprobes.bt': edited(counting, KPROBES),
  };
}

/** @param edits what is replaced, how often it is there, and by what */
function edited(text, edits) {
  return edits.reduce((result, [old, times, replacement]) => {
    const parts = result.split(old);
    if (parts.length !== times + 1)
      throw new Error(`probes/netflow.bt has ${parts.length - 1} times instead of ${times}: ${old}`);
    return parts.join(replacement);
  }, text);
}

const HOW_TRACEPOINTS = `\
 * How: sock:sock_send_length and sock:sock_recv_length (Linux 6.3) fire once for each send and receive. Operations in
 * one direction`;

const NOT_SEEN =
  ' * Cost: docs/probe.md has measurements. Not seen: splice(2) out of a socket. Memory: four maps, each bounded by';

const NOT_SEEN_BELOW_SOCKETS = `\
 * Cost: docs/probe.md has measurements. Not seen: splice(2) out of a socket; before Linux 6.5 also sendfile(2) and
 * splice(2) into one; and both directions of kernel TLS, which has functions of its own. Memory: maps, each bounded by`;

/**
 * These probes take the kernel some time to attach, one after the other. A socket that was opened while only its sends were
 * seen would miss receives.
 */
const LATE_START = [
  [NOT_SEEN, 1, NOT_SEEN_BELOW_SOCKETS],
  [
    `\
  /* Told once all probes are attached, for nothing is printed before. */
  printf("begin\\n");
`,
    1,
    `\
  /* bpftrace neither clears nor prints before all probes are attached; until then no socket is opened. */
  @attaching[(uint64)0] = (uint64)1;
  clear(@attaching);
  printf("begin\\n");
`,
  ],
  [
    `\
    if ($run.0 != $ports) {
`,
    2,
    `\
    if ($run.0 != $ports) {
      if (@attaching[(uint64)0] == 1) {
        return;
      }
`,
  ],
  [
    ` *   @phase       which of the two batches go to, and how far the other one is
`,
    1,
    ` *   @phase       which of the two batches go to, and how far the other one is
 *   @attaching   1 until all probes are attached
`,
  ],
  ['args->family == 10', 2, '$sk->__sk_common.skc_family == 10'],
  ['(uint64)args->ret', 2, '(uint64)retval'],
];

const named = (name) => [
  [
    ' * netflow.bt: what TCP sockets send and receive, counted in the kernel.\n',
    1,
    ` * ${name}: what TCP sockets send and receive, counted in the kernel.\n *\n * Made by \`npm run docs\` from netflow.bt, which is for Linux 6.3 and later.\n`,
  ],
];

const FENTRY = [
  ...named('netflow_fentry.bt'),
  [' netflow.bt PROXY_PORT', 1, ' netflow_fentry.bt PROXY_PORT'],
  [
    HOW_TRACEPOINTS,
    1,
    `\
 * How: tcp_sendmsg and tcp_recvmsg are seen as they return (fentry: x86 since Linux 5.5, arm64 since 6.4). Where the
 * kernel preempts itself it may leave one out, which it counts (recursion_misses in /proc/PID/fdinfo). Operations in
 * one direction`,
  ],
  [
    `\
tracepoint:sock:sock_send_length
/args->ret > 0 && args->protocol == 6/
`,
    1,
    `\
kretfunc:tcp_sendmsg
/retval > 0/
`,
  ],
  [
    `\
tracepoint:sock:sock_recv_length
/args->ret > 0 && args->protocol == 6 && (args->flags & 0x2002) == 0/
`,
    1,
    `\
kretfunc:tcp_recvmsg
/retval > 0 && (args->flags & 0x2002) == 0/
`,
  ],
];

/** Whoever enters again has returned, so a call that is still there was missed; it counts if its socket was watched. */
const entered = (map, indent) =>
  [
    `$missed = ${map}[tid];`,
    'if ($missed.0 != 0 && @run[$missed.0].0 != 0 && $missed.1 > @run[$missed.0].3) {',
    '  printf("lost 1\\n");',
    '}',
    `${map}[tid] = ((uint64)arg0, nsecs / 1000);`,
  ]
    .map((line) => `${indent}${line}\n`)
    .join('');

const KPROBES = [
  ...named('netflow_kprobes.bt'),
  [
    ' * USAGE: bpftrace -B line -f json netflow.bt PROXY_PORT SERVER_PORT PID     (0: not given)\n',
    1,
    ` * USAGE: bpftrace -B line -f json netflow_kprobes.bt PROXY_PORT SERVER_PORT PID FLAGS     (0: not given)
 *
 * FLAGS is the place of tcp_recvmsg's argument flags, from 0: 3 since Linux 5.19, and 4 before, when there was one more;
 * kernels of vendors differ, and \`pgnetflow probe\` looks it up in BTF.
`,
  ],
  [
    HOW_TRACEPOINTS,
    1,
    `\
 * How: kprobes keep which socket a thread has called tcp_sendmsg or tcp_recvmsg for, return probes take it from there.
 * The kernel has a fixed number of return probes, so it misses returns when too many threads wait in one function; the
 * thread's next call shows that, and that is told. Operations in
 * one direction`,
  ],
  [
    ` *   close SOCK OPENED TIME SEQ ...    SEQ: one more than the last run's; counters
`,
    1,
    ` *   close SOCK OPENED TIME SEQ ...    SEQ: one more than the last run's; counters
 *   lost COUNT                        calls whose return was missed
`,
  ],
  [
    ` *   @attaching   1 until all probes are attached
`,
    1,
    ` *   @attaching   1 until all probes are attached
 *   @sending[THREAD], @receiving[THREAD]   SOCK and time of the call that it is in
`,
  ],
  [
    `\
tracepoint:sock:sock_send_length
/args->ret > 0 && args->protocol == 6/
{
  $sk = (struct sock *)args->sk;
  $key = (uint64)args->sk;
`,
    1,
    `\
kprobe:tcp_sendmsg
{
${entered('@sending', '  ')}\
}

kretprobe:tcp_sendmsg
{
  $call = @sending[tid];
  delete(@sending[tid]);
  if ($call.0 == 0 || (int32)retval <= 0) {
    return;
  }
  $key = $call.0;
  $sk = (struct sock *)$key;
`,
  ],
  [
    `\
tracepoint:sock:sock_recv_length
/args->ret > 0 && args->protocol == 6 && (args->flags & 0x2002) == 0/
{
  $sk = (struct sock *)args->sk;
  $key = (uint64)args->sk;
`,
    1,
    `\
kprobe:tcp_recvmsg
{
  $flags = arg3;
  if ($4 == 4) {
    $flags = arg4;
  }
  if (($flags & 0x2002) == 0) {
${entered('@receiving', '    ')}\
  }
}

kretprobe:tcp_recvmsg
{
  $call = @receiving[tid];
  delete(@receiving[tid]);
  if ($call.0 == 0 || (int32)retval <= 0) {
    return;
  }
  $key = $call.0;
  $sk = (struct sock *)$key;
`,
  ],
  ['(struct tcp_sock *)args->sk;', 2, '(struct tcp_sock *)$key;'],
];
