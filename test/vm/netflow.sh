#!/bin/sh
# In the virtual machine: PostgreSQL, the proxy before it, and the kernel counting both, while real clients work.
# Leaves report.json, probe.ndjson and what the programs said on standard error in /mnt/results. What `pgnetflow probe`
# would write around the script's records is written here, for the script comes compiled.
set -eux

results=/mnt/results
. /srv/test/vm/load.sh

begin

# ---- the kernel counts ----
now() { printf '"at":"%s","clock_us":%s' "$(date -u +%Y-%m-%dT%H:%M:%S.%6NZ)" "$(sed 's/\.\(..\) .*/\10000/' /proc/uptime)"; }
tool=$(stap --version 2>&1 | sed -n 's/.*(version \([0-9.]*\).*/SystemTap \1/p')
echo "{\"type\":\"attach\",\"schema\":\"pgnetflow.probe/1\",\"method\":\"stap\",\"tool\":\"$tool\",\"kernel\":\"$(uname -r)\",$(now),\"filter\":{\"proxy_port\":6432,\"server_port\":5432}}" >/tmp/probe.ndjson
staprun /mnt/netflow.ko proxy_port=6432 server_port=5432 >>/tmp/probe.ndjson 2>$results/staprun.log &
probe=$!
until grep -q ready /tmp/probe.ndjson; do kill -0 $probe; done

work
end_proxy

echo 23 >/proc/systemtap/netflow/flush
until grep -q '"flushed","token":23' /tmp/probe.ndjson; do :; done
kill -TERM $probe
wait $probe || true
lost=$(sed -n 's/.*"type":"lost","count":\([0-9]*\).*/\1/p' /tmp/probe.ndjson | paste -sd+ | sed 's/^$/0/')
echo "{\"type\":\"detach\",$(now),\"lost\":$((lost)),\"reason\":\"signal\"}" >>/tmp/probe.ndjson
cp /tmp/probe.ndjson $results/probe.ndjson
end_server
