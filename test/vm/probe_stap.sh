#!/bin/sh
# In the virtual machine: `pgnetflow probe --method stap` with its records in a file, and `--method auto`, which chooses it,
# attached to a proxy. SystemTap finds what warm.sh has compiled, or compiles itself.
set -eux

. /srv/test/vm/probe.sh
with_cache
$pgnetflow probe --check
to_file stap
to_proxy stap auto
