-- The figures of a running pgnetflow in a database of yours, to be joined, kept and charted there.
-- Made by `npm run docs` from src/console/tables/. Run it with psql in that database, as a superuser:
--
--   psql -v host=127.0.0.1 -v port=6432 -v user=monitor -v password=secret -d metrics -f pgnetflow_fdw.sql
--
-- host and port are those of pgnetflow. The user logs in at the server behind it; a member of pg_monitor sees all.
-- Each query takes the figures of the moment: select * from netflow.netflow_statements order by bytes_sent desc limit 10;
\set ON_ERROR_STOP on

create extension if not exists postgres_fdw;
create schema netflow;
create server netflow foreign data wrapper postgres_fdw
  options (host :'host', port :'port', dbname 'pgnetflow', updatable 'false');
create user mapping for current_user server netflow options (user :'user', password :'password');

create foreign table netflow.netflow_activity (
  session int8,
  pid int4,
  datname name,
  usename name,
  application_name text,
  client_addr inet,
  client_port int4,
  backend_start timestamptz,
  xact_start timestamptz,
  query_start timestamptz,
  state_change timestamptz,
  wait_event_type text,
  wait_event text,
  state text,
  query text,
  query_bytes_received int8,
  query_bytes_sent int8,
  bytes_received int8,
  bytes_sent int8,
  roundtrips int8,
  client_stall_time float8,
  server_stall_time float8,
  is_console bool,
  upstream text
) server netflow options (schema_name 'pg_temp');

create foreign table netflow.netflow_sessions (
  session int8,
  pid int4,
  datname name,
  usename name,
  application_name text,
  client_addr inet,
  client_port int4,
  backend_start timestamptz,
  ended_at timestamptz,
  end_reason text,
  end_detail text,
  statements int8,
  transactions int8,
  bytes_received int8,
  bytes_sent int8,
  roundtrips int8,
  client_stall_time float8,
  server_stall_time float8,
  messages_received int8,
  messages_sent int8,
  active_time float8,
  idle_time float8,
  idle_in_transaction_time float8,
  balanced bool
) server netflow options (schema_name 'pg_temp');

create foreign table netflow.netflow_statements (
  fingerprint text,
  query text,
  calls int8,
  prepares int8,
  errors int8,
  rows int8,
  roundtrips int8,
  bytes_received int8,
  bytes_sent int8,
  messages_received int8,
  messages_sent int8,
  mean_bytes_sent int8,
  p95_bytes_sent int8,
  bytes_per_row int8,
  total_time float8,
  mean_time float8,
  p50_time float8,
  p95_time float8,
  p99_time float8,
  max_time float8,
  first_byte_time float8,
  client_stall_time float8,
  server_stall_time float8,
  client_wait_time float8,
  first_seen timestamptz,
  last_seen timestamptz,
  stats_since timestamptz
) server netflow options (schema_name 'pg_temp');

create foreign table netflow.netflow_totals (
  datname name,
  usename name,
  sessions int8,
  open_sessions int8,
  statements int8,
  transactions int8,
  roundtrips int8,
  bytes_received int8,
  bytes_sent int8,
  messages_received int8,
  messages_sent int8,
  active_time float8,
  idle_time float8,
  idle_in_transaction_time float8,
  client_stall_time float8,
  server_stall_time float8
) server netflow options (schema_name 'pg_temp');

create foreign table netflow.netflow_copies (
  session int8,
  pid int4,
  datname name,
  usename name,
  application_name text,
  command text,
  bytes_processed int8,
  tuples_processed int8,
  duration float8,
  client_stall_time float8,
  client_wait_time float8,
  server_stall_time float8,
  query text
) server netflow options (schema_name 'pg_temp');

create foreign table netflow.netflow_cancels (
  session int8,
  statement int8,
  client text,
  requested_at timestamptz,
  delivered_at timestamptz,
  outcome text,
  effect_time float8,
  bytes_after int8,
  error text,
  diagnosis text
) server netflow options (schema_name 'pg_temp');

create foreign table netflow.netflow_settings (
  name text,
  setting text,
  boot_val text
) server netflow options (schema_name 'pg_temp');
