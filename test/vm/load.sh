# In the virtual machine, read by its experiments: PostgreSQL, the proxy before it, and real clients. The report of the proxy
# is /mnt/results/report.json.
#
#   begin        starts both, and a session that is there before the kernel counts
#   work         has clients work; the early session ends here, too
#   end_proxy    then
#   end_server

rows=${ROWS:-50000}
export PGUSER=postgres PGDATABASE=postgres PGHOST=127.0.0.1

postgres='setpriv --reuid postgres --regid postgres --clear-groups'

begin() {
  # Both unprivileged.
  mkdir /tmp/pg && chown postgres /tmp/pg
  $postgres initdb -D /tmp/pg/data --no-sync -A trust -U postgres >/dev/null
  cat >>/tmp/pg/data/postgresql.conf <<CONF
listen_addresses = '127.0.0.1, ::1'
unix_socket_directories = ''
fsync = off
CONF
  $postgres pg_ctl -D /tmp/pg/data -l /tmp/pg/log -w start >/dev/null

  $postgres node /srv/dist/src/cli/main.js proxy --listen 127.0.0.1:6432 --upstream 127.0.0.1:5432 \
    --report json >/mnt/results/report.json 2>/mnt/results/proxy.log &
  proxy=$!
  until grep -q "listens on" /mnt/results/proxy.log; do kill -0 $proxy; done

  mkfifo /tmp/early
  psql -p 6432 -qAt </tmp/early >/mnt/results/early.out &
  early=$!
  exec 3>/tmp/early
  echo "select 'before';" >&3
  until grep -q before /mnt/results/early.out; do :; done
}

work() {
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
}

end_proxy() {
  kill -TERM $proxy
  wait $proxy || true
}

end_server() {
  $postgres pg_ctl -D /tmp/pg/data -m fast stop >/dev/null
}
