#!/bin/sh
# In the virtual machine: `pgnetflow probe --method bpftrace` with its records in a file, and attached to a proxy.
set -eux

. /srv/test/vm/probe.sh
to_file bpftrace
to_proxy bpftrace
