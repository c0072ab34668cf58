#!/bin/sh
# In the virtual machine: SIGUSR1 has `pgnetflow probe --method stap` write what is pending of 3000 sockets, in one go.
set -eux

. /srv/test/vm/probe.sh
results=/mnt/results
connections=1500
with_cache
ulimit -n 10000

attach --method stap --server-port 5999
# One request and one answer on each: two runs of each socket, the last of which is pending.
node -e '
const net = require("node:net");
let answers = 0;
const server = net.createServer((socket) => socket.once("data", () => socket.write("ab")));
server.listen(5999, "127.0.0.1", 4096, () => {
  for (let n = 0; n < Number(process.argv[1]); n += 1)
    net.connect(5999, "127.0.0.1", function () { this.write("c"); }).once("data", () => {
      answers += 1;
      if (answers === Number(process.argv[1])) console.log("answered");
    });
});' $connections >/tmp/answered &
load=$!
until grep -q answered /tmp/answered; do kill -0 $load; done
runs() { grep -c '"type":"run"' /tmp/probe.ndjson; }
[ "$(runs)" -lt $((3 * connections)) ]
kill -USR1 $probe
until [ "$(runs)" -ge $((4 * connections)) ]; do kill -0 $probe; done
kill -KILL $load
kill -INT $probe
wait $probe
[ "$(runs)" = $((4 * connections)) ]
tail -n 1 /tmp/probe.ndjson | grep '"type":"detach".*"lost":0,"reason":"signal"'
nothing_left
