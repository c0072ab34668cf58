#!/bin/sh
# Runs probes for real: in a virtual machine of its own, whose kernel may be probed, with PostgreSQL, the built proxy of
# this checkout and real clients; then compares the kernel's figures with the proxy's report, and what was traced of fsyncs
# with what the server counted. There are three systems: Debian forky, for SystemTap; Debian bookworm with its own kernel,
# 6.1, and with that of bullseye, 5.10, for bpftrace: these are older than the tracepoints of netflow.bt.
#
#   npm run test:stap                        (root; minutes, the first time some more, and 5 GB of disk)
#   npm run test:stap -- --keep FOLDER       leaves report, recording and logs in FOLDER
#   npm run test:stap -- --only netflow      runs one of these three: netflow, fsync, probe_bpftrace; may be repeated
#   npm run test:stap -- --only probe_stap   runs what takes longer, where SystemTap has to compile in the machine: probe_stap,
#                                            probe_ends
#   npm run test:stap -- --overhead          measures what netflow.stp and fsync.stp cost instead
#   UPDATE_GOLDEN=1 npm run test:stap        makes them the golden files of the ordinary tests
#   npm run test:kernels                     runs `pgnetflow probe --method bpftrace` with all kinds of events that the kernel
#                                            has, on bookworm with both kernels (1 GB of disk each)
#   npm run test:stap -- --only probe_events does so on forky
#
# The systems are kept in PGNETFLOW_VM_CACHE (default: ~/.cache/pgnetflow-vm); remove one to build it anew.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
checkout=$(cd "$here/../.." && pwd)
cache=${PGNETFLOW_VM_CACHE:-$HOME/.cache/pgnetflow-vm}
name=forky
experiments=
keep=
while [ $# -gt 0 ]; do
  case $1 in
    --keep) keep=$2 && shift ;;
    --system)
      case $2 in
        forky | bookworm | bookworm-5.10) name=$2 ;;
        *) echo "run.sh: --system $2: there are forky, bookworm and bookworm-5.10" >&2; exit 2 ;;
      esac
      shift
      ;;
    --only) experiments="$experiments $2" && shift ;;
    --overhead) experiments='overhead overhead_fsync' ;;
    *) echo "run.sh: $1 is no option; there are --keep FOLDER, --system, --only and --overhead" >&2; exit 2 ;;
  esac
  shift
done
case $name in
  forky)
    there_are='netflow fsync probe_stap probe_bpftrace probe_ends probe_events overhead overhead_fsync' needed_mb=6000
    # In the others SystemTap compiles in the machine when its cache does not help: up to half an hour on a busy host.
    experiments=${experiments:-netflow fsync probe_bpftrace}
    ;;
  *)
    there_are=probe_events needed_mb=1500
    experiments=${experiments:-probe_events}
    ;;
esac
for experiment in $experiments; do
  case " $there_are " in
    *" $experiment "*) ;;
    *) echo "run.sh: --only $experiment: on $name there are $there_are" >&2; exit 2 ;;
  esac
done

missing=
need() {
  command -v "$1" >/dev/null || missing="$missing
  $2"
}
[ "$(id -u)" = 0 ] || missing="
  root: to build the machine's system and to share it with the machine"
need qemu-system-x86_64 'qemu-system-x86_64 (Debian: qemu-system-x86)'
need debootstrap 'debootstrap'
need unshare 'unshare and setsid (Debian: util-linux)'
need apt-get 'apt-get, with a Debian mirror it knows or PGNETFLOW_VM_MIRROR'
[ -x /usr/libexec/virtiofsd ] || [ -x /usr/lib/qemu/virtiofsd ] || missing="$missing
  virtiofsd (Debian 12: qemu-system-common; later: virtiofsd)"
[ "$(uname -m)" = x86_64 ] || missing="$missing
  an x86_64 machine"
if [ -n "$missing" ]; then
  echo "the virtual machine needs:$missing" >&2
  exit 1
fi

mkdir -p "$cache"
system=$cache/$name
free_mb=$(df -m --output=avail "$cache" | tail -n 1)
if [ ! -d "$system" ] && [ "$free_mb" -lt $needed_mb ]; then
  echo "the virtual machine needs $needed_mb MB of disk in $cache (PGNETFLOW_VM_CACHE); there are $free_mb MB" >&2
  exit 1
fi

work=$(mktemp -d "$cache/run.XXXXXX")
child=
cleanup() {
  if [ -n "$child" ]; then
    kill -- "-$child" 2>/dev/null || true
    wait "$child" || true
  fi
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

# Each step is a process group, so that it can be ended with all that it has started; and in the background, for only a
# shell that waits takes a signal at once.
step() {
  echo "$1 ..." >&2
  shift
  setsid "$@" &
  child=$!
  if wait "$child"; then child=; else exit 1; fi
}

[ -d "$system" ] ||
  step "building the machine's system in $system" flock "$cache/lock" "$here/build.sh" "$name" "$system"

compile() {
  script=$1 module=$2
  shift 2
  step "compiling probes/$script.stp" \
    "$here/compile.sh" "$system" "$checkout/probes/$script.stp" "$work/$module.ko" "$@"
}
warmed=no
warm() {
  [ $warmed = no ] || return 0
  options=$(node --input-type=module \
    -e "import { STAP_OPTIONS } from '$checkout/dist/src/kernel/probe/stap.js'; console.log(...STAP_OPTIONS)")
  # shellcheck disable=SC2086 # a list of words
  step 'having SystemTap compile what pgnetflow probe will' "$here/warm.sh" "$system" "$checkout" $options
  warmed=yes
}
cp "$here/guest.sh" "$work"
for experiment in $experiments; do
  case $experiment in
    fsync | overhead_fsync)
      # The server's pids are known only in the machine.
      set -- /usr/lib/postgresql/18/bin/postgres 0 0
      export KERNEL_SYMBOLS=yes
      compile fsync fsync "$@"
      unset KERNEL_SYMBOLS
      [ $experiment = overhead_fsync ] || compile fsync fsync_tracepoints "$@"
      ;;
    probe_stap | probe_ends) warm ;;
    probe_bpftrace) ;;
    probe_events)
      # The system's own Node is too old for pgnetflow.
      mkdir -p "$work/bin"
      cp "$(node -p process.execPath)" "$work/bin/node"
      ;;
    *) compile netflow netflow ;;
  esac
  cp "$here/$experiment.sh" "$work"
  echo "$experiment" >>"$work/experiments"
done
step 'running the experiments in the machine' "$here/boot.sh" "$system" "$checkout" "$work"

[ -z "$keep" ] || { mkdir -p "$keep" && cp -R "$work"/results/. "$work"/*.log "$keep"; }
for experiment in $experiments; do
  if [ "$(cat "$work/results/$experiment.status" 2>/dev/null)" != 0 ]; then
    tail -n 40 "$work/console.log" "$work/results/"*.log >&2
    echo "$experiment.sh failed in the machine; these are its last words" >&2
    exit 1
  fi
done
status=0
for experiment in $experiments; do
  case $experiment in
    netflow) node "$checkout/dist/test/vm/main.js" "$work/results" || status=1 ;;
    fsync) node "$checkout/dist/test/vm/fsync_main.js" "$work/results" || status=1 ;;
    probe_stap | probe_bpftrace)
      node "$checkout/dist/test/vm/probe_main.js" "$work/results" "${experiment#probe_}" || status=1
      ;;
    probe_events) node "$checkout/dist/test/vm/probe_events_main.js" "$work/results" || status=1 ;;
    probe_ends) echo "$experiment: as it should be" ;;
    overhead | overhead_fsync) cat "$work/results/$experiment" ;;
  esac
done
exit $status
