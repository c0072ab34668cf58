#!/bin/sh
# In the virtual machine: PostgreSQL, the proxy before it, and the kernel counting both, while real clients work.
# Leaves report.json, probe.ndjson and what the programs said on standard error in /mnt/results. What `pgnetflow probe`
# would write around the script's records is written here, for the script comes compiled.
set -eux

results=/mnt/results
rows=${ROWS:-50000}
export PGUSER=postgres PGDATABASE=postgres PGHOST=127.0.0.1

postgres='setpriv --reuid postgres --regid postgres --clear-groups'

# ---- the server and the proxy: both unprivileged ----
mkdir /tmp/pg && chown postgres /tmp/pg
$postgres initdb -D /tmp/pg/data --no-sync -A trust -U postgres >/dev/null
cat >>/tmp/pg/data/postgresql.conf <<CONF
listen_addresses = '127.0.0.1, ::1'
unix_socket_directories = ''
fsync = off
CONF
$postgres pg_ctl -D /tmp/pg/data -l /tmp/pg/log -w start >/dev/null

$postgres node /srv/dist/src/cli/main.js proxy --listen 127.0.0.1:6432 --upstream 127.0.0.1:5432 \
  --report json >$results/report.json 2>$results/proxy.log &
proxy=$!
until grep -q "listens on" $results/proxy.log; do kill -0 $proxy; done

# ---- a session from before the kernel counts ----
mkfifo /tmp/early
psql -p 6432 -qAt </tmp/early >$results/early.out &
early=$!
exec 3>/tmp/early
echo "select 'before';" >&3
until grep -q before $results/early.out; do :; done

# ---- the kernel counts ----
now() { printf '"at":"%s","clock_us":%s' "$(date -u +%Y-%m-%dT%H:%M:%S.%6NZ)" "$(sed 's/\.\(..\) .*/\10000/' /proc/uptime)"; }
tool=$(stap --version 2>&1 | sed -n 's/.*(version \([0-9.]*\).*/SystemTap \1/p')
echo "{\"type\":\"attach\",\"schema\":\"pgnetflow.probe/1\",\"method\":\"stap\",\"tool\":\"$tool\",\"kernel\":\"$(uname -r)\",$(now),\"filter\":{\"proxy_port\":6432,\"server_port\":5432}}" >/tmp/probe.ndjson
staprun /mnt/netflow.ko proxy_port=6432 server_port=5432 >>/tmp/probe.ndjson 2>$results/staprun.log &
probe=$!
until grep -q ready /tmp/probe.ndjson; do kill -0 $probe; done

# ---- the experiment ----
psql -p 6432 -qc 'drop table if exists t'
psql -p 6432 -q <<SQL
drop table if exists t;
create table t(id int, info text, crt_time timestamp);
insert into t select generate_series(1,$rows), md5(random()::text), clock_timestamp();
\dt+
SQL
for _ in 1 2; do
  psql -p 6432 -qc 'copy t to stdout' | psql -p 6432 -qc 'copy t from stdin'
done
pgbench -p 6432 -qi -s 1 -I dtg >/dev/null 2>&1
for mode in simple extended prepared; do
  pgbench -p 6432 -n -S -t 7 -M $mode >/dev/null
done
psql -h ::1 -p 5432 -qAtc 'select 1' >/dev/null
printf "select 'after';\n\\q\n" >&3

wait $early

# ---- the end ----
kill -TERM $proxy
wait $proxy || true
echo 23 >/proc/systemtap/netflow/flush
until grep -q '"flushed","token":23' /tmp/probe.ndjson; do :; done
kill -TERM $probe
wait $probe || true
lost=$(sed -n 's/.*"type":"lost","count":\([0-9]*\).*/\1/p' /tmp/probe.ndjson | paste -sd+ | sed 's/^$/0/')
echo "{\"type\":\"detach\",$(now),\"lost\":$((lost)),\"reason\":\"signal\"}" >>/tmp/probe.ndjson
cp /tmp/probe.ndjson $results/probe.ndjson
$postgres pg_ctl -D /tmp/pg/data -m fast stop >/dev/null
