#!/bin/sh
# In the virtual machine: the ends of `pgnetflow probe --method stap`. Whoever is killed, nothing is left: no process and
# no module. Leaves what the command said in /mnt/results/ends_*.log.
set -eux

. /srv/test/vm/probe.sh
with_cache

# Its status becomes $status.
begin_probe() {
  log=/mnt/results/ends_$1.log
  $pgnetflow probe --method stap --server-port 5432 >/tmp/ends.ndjson 2>$log &
  probe=$!
}
ended() {
  status=0
  wait $probe || status=$?
}
last_record() { tail -n 1 /tmp/ends.ndjson; }

# ---- SystemTap's process that reads from the module ----
begin_probe stapio
attached $log
kill -KILL "$(pgrep -x stapio)"
ended
[ $status = 1 ]
last_record | grep '"type":"detach".*"reason":"stap ended with status 1'
nothing_left

# ---- SystemTap ----
begin_probe stap
attached $log
kill -KILL "$(pgrep -x stap)"
ended
[ $status = 1 ]
last_record | grep '"type":"detach".*"reason":"stap was ended by SIGKILL'
nothing_left

# ---- the command ----
begin_probe command
attached $log
kill -KILL $probe
ended
[ $status = 137 ]
until nothing_left; do :; done

# ---- Ctrl-C while SystemTap compiles, for it finds nothing that it has compiled before ----
mkdir /tmp/nothing
export SYSTEMTAP_DIR=/tmp/nothing TMPDIR=/tmp/compiling
mkdir $TMPDIR
begin_probe compile
until pgrep -x cc1 >/dev/null; do kill -0 $probe; done
grep 'SystemTap compiles' $log
kill -INT $probe
ended
[ $status = 0 ]
until nothing_left && ! pgrep -x cc1; do :; done
[ -z "$(ls $TMPDIR)" ]
unset TMPDIR

# ---- an ordinary user ----
if $postgres $pgnetflow probe --method stap --server-port 5432 2>/mnt/results/ends_user.log; then exit 1; fi
grep 'stap does not work here: only root may do it (sudo pgnetflow probe' /mnt/results/ends_user.log
