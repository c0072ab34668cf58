#!/bin/sh
# In the virtual machine: PostgreSQL with fsync on, and fsync.stp watching all its processes, while they copy a database,
# commit, use up transaction ids and make a checkpoint; then one backend alone, while another commits, too. Leaves in
# /mnt/results, of each, fsync*.ndjson, what staprun said on standard error, and what the server itself counted.
set -eux

results=/mnt/results
ids=${IDS:-70000}
inserts=23
export PGUSER=postgres PGDATABASE=postgres PGHOST=127.0.0.1 PGPORT=5433

postgres='setpriv --reuid postgres --regid postgres --clear-groups'

mkdir /tmp/fsync && chown postgres /tmp/fsync
$postgres initdb -D /tmp/fsync/data --no-sync -A trust -U postgres >/dev/null
cat >>/tmp/fsync/data/postgresql.conf <<CONF
listen_addresses = '127.0.0.1'
port = $PGPORT
unix_socket_directories = ''
fsync = on
autovacuum = off
checkpoint_timeout = 1d
track_wal_io_timing = on
CONF
$postgres pg_ctl -D /tmp/fsync/data -l /tmp/fsync/log -w start >/dev/null
psql -qc checkpoint
postmaster=$(head -n 1 /tmp/fsync/data/postmaster.pid)

# Each backend opens files when it begins: the first of them to be told says that the functions are probed.
staprun /mnt/fsync.ko traced_pid="$postmaster" parent_pid="$postmaster" >/tmp/fsync.ndjson 2>$results/fsync_staprun.log &
probe=$!
until grep -q '"type":"open"' /tmp/fsync.ndjson; do
  kill -0 $probe
  psql -qAtc 'select 1' >/dev/null
done

# Backends say what they have counted at the latest when they end.
counts() {
  until [ "$(psql -qAtc "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()")" = 0 ]; do :; done
  psql -qAt <<SQL
select json_build_object(
  'version', current_setting('server_version'),
  'next_id', pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
  'wal_fsyncs', (select sum(fsyncs) from pg_stat_io where object = 'wal' and backend_type = 'client backend'),
  'slru_pages', (select sum(blks_written) from pg_stat_slru),
  'checkpointer_slru_pages', (select slru_written from pg_stat_checkpointer));
SQL
}
before=$(counts)

text=$(printf 'ä%.0s' $(seq 100))
psql -q <<SQL
create database copied strategy file_copy;
create table "nöt	\x""
ed" (i int);
create table noted (i int, info text);
SQL
for _ in $(seq $inserts); do echo "insert into noted values (1, '$text');"; done | psql -q
psql -qc "do \$\$ begin for i in 1..$ids loop perform txid_current(); commit; end loop; end \$\$"
psql -qc checkpoint

after=$(counts)
kill -TERM $probe
wait $probe || true
echo "{\"inserts\":$inserts,\"before\":$before,\"after\":$after}" >$results/fsync_server.json
cp /tmp/fsync.ndjson $results/fsync.ndjson

# ---- one backend alone, by a module that was compiled without the kernel's symbols ----
mkfifo /tmp/one
psql -qAt </tmp/one >/tmp/one.out &
one=$!
exec 3>/tmp/one
asked=0
# Has the backend do something, and waits until it is done; what it said last is `answer`.
ask() {
  asked=$((asked + 1))
  printf '%s;\n\\echo done %s\n' "$1" "$asked" >&3
  until grep -q "^done $asked$" /tmp/one.out; do kill -0 $one; done
  answer=$(tail -n 2 /tmp/one.out | head -n 1)
}
# It tells what it has counted when it is idle.
wal_fsyncs() {
  ask 'select pg_stat_force_next_flush()'
  ask "select sum(fsyncs) from pg_stat_get_backend_io(pg_backend_pid()) where object = 'wal'"
}
ask 'select pg_backend_pid()' && pid=$answer
staprun /mnt/fsync_tracepoints.ko traced_pid="$pid" >/tmp/one.ndjson 2>$results/fsync_one_staprun.log &
probe=$!
# It opens pg_control.
until grep -q '"type":"open"' /tmp/one.ndjson; do kill -0 $probe; ask 'select system_identifier from pg_control_system()'; done
wal_fsyncs && before=$answer
for _ in 1 2 3; do
  psql -qc "insert into noted values (2, 'by another')"
  ask "insert into noted values (3, 'by one')"
done
wal_fsyncs && after=$answer
printf '\\q\n' >&3
wait $one
until grep -q '"type":"exit"' /tmp/one.ndjson; do kill -0 $probe; done
kill -TERM $probe
wait $probe || true
echo "{\"pid\":$pid,\"wal_fsyncs\":$((after - before))}" >$results/fsync_one_server.json
cp /tmp/one.ndjson $results/fsync_one.ndjson
$postgres pg_ctl -D /tmp/fsync/data -m fast stop >/dev/null
