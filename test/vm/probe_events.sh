#!/bin/sh
# In the virtual machine: `pgnetflow probe --method bpftrace` as it comes, which takes the best events of this kernel, and
# with each other kind of events forced, all at the same time, while real clients work. Leaves report.json and, of each,
# its records (events_EVENTS.ndjson) and what it said in /mnt/results, and in `events` the kinds, the best first.
set -eux

results=/mnt/results
. /srv/test/vm/load.sh
mount -t tracefs tracefs /sys/kernel/tracing

kinds='fentry kprobes'
case $(uname -r) in 5.10.*) kinds=kprobes ;; esac # bpftrace 0.17 does not do the other here
[ ! -e /sys/kernel/tracing/events/sock/sock_send_length ] || kinds="tracepoints $kinds"
pgnetflow='node /srv/dist/src/cli/main.js'
$pgnetflow probe --check

begin

# To compile and attach takes a while: what it says is waited for, and then kept by another process.
attached() {
  while read -r line; do
    echo "$line" >>"$1"
    case $line in *Tracing*) cat >>"$1" & return ;; esac
  done
  return 1
}

probes=
for kind in $kinds; do
  events=$kind
  [ -n "$probes" ] || events=auto
  mkfifo /tmp/$kind.said
  $pgnetflow probe --method bpftrace --events $events --proxy-port 6432 --server-port 5432 \
    >/tmp/$kind.ndjson 2>/tmp/$kind.said &
  probes="$probes $!"
  attached $results/events_$kind.log </tmp/$kind.said
  grep -q "\"events\":\"$kind\"" /tmp/$kind.ndjson
done

work
end_proxy

for probe in $probes; do
  kill -TERM $probe
  wait $probe
done
for kind in $kinds; do cp /tmp/$kind.ndjson $results/events_$kind.ndjson; done
echo $kinds >$results/events
end_server
