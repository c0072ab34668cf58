#!/bin/sh
# In the virtual machine: what fsync.stp costs a load that commits, as ratios of its transactions per second with the probe
# and without, of pairs, whose order alternates. The files are in memory: an fsync costs nothing there but the call.
set -eux

results=/mnt/results
pairs=11
export PGUSER=postgres PGDATABASE=postgres PGHOST=127.0.0.1 PGPORT=5433
postgres='setpriv --reuid postgres --regid postgres --clear-groups'

mkdir /tmp/commits && chown postgres /tmp/commits
$postgres initdb -D /tmp/commits/data --no-sync -A trust -U postgres >/dev/null
$postgres pg_ctl -D /tmp/commits/data -l /tmp/commits/log -w \
  -o "-c port=$PGPORT -c fsync=on -c autovacuum=off -c checkpoint_timeout=1d -k ''" start >/dev/null
pgbench -qi -s 1 -I dtgp >/dev/null 2>&1
postmaster=$(head -n 1 /tmp/commits/data/postmaster.pid)

tps() { pgbench -n -N -T 6 | sed -n 's/^tps = \([0-9.]*\).*/\1/p'; }
without() { tps; }
with() {
  staprun /mnt/fsync.ko traced_pid="$postmaster" parent_pid="$postmaster" >/tmp/fsync.ndjson 2>>$results/staprun.log &
  probe=$!
  until grep -q '"type":"open"' /tmp/fsync.ndjson; do
    kill -0 $probe
    psql -qAtc 'select 1' >/dev/null
  done
  tps
  kill -TERM $probe
  wait $probe || true
}

tps >/dev/null
for pair in $(seq $pairs); do
  if [ $((pair % 2)) = 1 ]; then
    one=$(without) && other=$(with)
  else
    other=$(with) && one=$(without)
  fi
  echo "$one $other" >>$results/tps
done
$postgres pg_ctl -D /tmp/commits/data -m fast stop >/dev/null

node -e '
const pairs = fs.readFileSync("/mnt/results/tps", "utf8").trim().split("\n").map((line) => line.split(" ").map(Number));
const ratios = pairs.map(([without, having]) => having / without).toSorted((a, b) => a - b);
console.log(`pgbench -N, one client: transactions per second x ${ratios.map((ratio) => ratio.toFixed(2)).join(", ")}`);
' >$results/overhead_fsync
