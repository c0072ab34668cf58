#!/bin/sh
# In the virtual machine: what the probe costs, as ratios. Each round does the same work with no probe, with a probe
# whose ports are nobody's, and with a probe that counts it. Prints the median of the rounds' ratios.
set -eux

results=/mnt/results
rounds=5
export PGUSER=postgres PGDATABASE=postgres PGHOST=127.0.0.1
postgres='setpriv --reuid postgres --regid postgres --clear-groups'

mkdir /tmp/pg && chown postgres /tmp/pg
$postgres initdb -D /tmp/pg/data --no-sync -A trust -U postgres >/dev/null
$postgres pg_ctl -D /tmp/pg/data -l /tmp/pg/log -o '-c fsync=off -k ""' -w start >/dev/null
pgbench -qi -s 1 -I dtgp >/dev/null 2>&1
psql -qc "create table t as select g, repeat('x', 1000) from generate_series(1, 20000) g"

now_ms() { date +%s%3N; }
measure() {
  began=$(now_ms)
  pgbench -n -S -M prepared -t 500 >/dev/null
  middle=$(now_ms)
  for _ in 1 2; do psql -qc 'copy t to stdout' >/dev/null; done
  echo "$1 $((middle - began)) $(($(now_ms) - middle))" >>/tmp/times
}
probe() {
  staprun /mnt/netflow.ko server_port="$1" >/tmp/probe.ndjson 2>>$results/staprun.log &
  probe=$!
  until grep -q ready /tmp/probe.ndjson; do kill -0 $probe; done
}
unprobe() {
  kill -TERM $probe
  wait $probe || true
}

measure warm-up
for _ in $(seq $rounds); do
  measure none
  probe 1; measure others; unprobe
  probe 5432; measure counted; unprobe
done
cp /tmp/times $results/times
$postgres pg_ctl -D /tmp/pg/data -m fast stop >/dev/null

node -e '
const rows = fs.readFileSync("/tmp/times", "utf8").trim().split("\n").map((line) => line.split(" "));
const of = (name, column) => rows.filter(([first]) => first === name).map((row) => Number(row[column]));
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
for (const [work, column] of [["pgbench -S -M prepared, one client", 1], ["COPY TO STDOUT of 1 KB rows", 2]])
  for (const name of ["others", "counted"]) {
    const base = of("none", column);
    const ratios = of(name, column).map((value, round) => value / base[round]);
    console.log(`${work}, ${name}: time x ${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`);
  }
' >$results/overhead
