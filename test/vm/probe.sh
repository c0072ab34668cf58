# In the virtual machine, read by its experiments: `pgnetflow probe` attached to the load of load.sh. What it leaves is in
# the folder $results: report.json, probe.ndjson (of `to_file`), and what the programs said on standard error.
#
#   with_cache                  for SystemTap
#   to_file METHOD              its records in a file
#   to_proxy METHOD [ASKED]     its records in the proxy; the method is asked for as ASKED, or by its name

mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing
. /srv/test/vm/load.sh
ports='--proxy-port 6432 --server-port 5432'
pgnetflow='node /srv/dist/src/cli/main.js'

# What SystemTap has compiled: outside the machine (warm.sh), and in it. It wants to write there.
with_cache() {
  [ -d /tmp/.systemtap ] || cp -r /root/.systemtap /tmp
  export SYSTEMTAP_DIR=/tmp/.systemtap
}

# A backend may close its socket behind its client.
backends_gone() {
  until ! pgrep -f '^postgres: postgres postgres ' >/dev/null; do :; done
}

# Leaves the CPUs to SystemTap's compiler meanwhile. False when the command ends first.
attached() {
  tail -n +1 -f --pid=$probe $1 | grep -q Tracing
}

attach() {
  $pgnetflow probe "$@" >/tmp/probe.ndjson 2>$results/probe.log &
  probe=$!
  attached $results/probe.log
}

# Nothing of a tool that has ended is left in the kernel.
nothing_left() {
  ! lsmod | grep '^stap_' && ! pgrep -x 'stap|staprun|stapio|bpftrace'
}

to_file() {
  results=/mnt/results/$1_file && mkdir -p $results
  begin
  attach $ports --method $1
  work
  backends_gone
  end_proxy
  kill -INT $probe
  wait $probe
  cp /tmp/probe.ndjson $results
  nothing_left
  end_server
}

to_proxy() {
  results=/mnt/results/$1_proxy && mkdir -p $results
  mkdir -p /tmp/socket && chown postgres /tmp/socket
  begin --probe-socket /tmp/socket/probe
  attach $ports --method ${2:-$1} --to /tmp/socket/probe
  work
  backends_gone
  end_proxy
  # It goes with the proxy.
  wait $probe
  grep 'The proxy has gone' $results/probe.log
  nothing_left
  end_server
}
