#!/bin/sh
# Has SystemTap compile what `pgnetflow probe --method stap` will, natively, in the folder of the virtual machine: the machine
# finds it in the cache of the folder's /root.
#
#   warm.sh FOLDER CHECKOUT OPTION…      (root)
#
# The names in a script hold its path, so CHECKOUT is where the machine has it: at /srv. SystemTap numbers a script's functions
# in an order that differs from run to run, and takes the outcome for another script then. So it is done several times;
# what is not found nevertheless is compiled in the machine, which takes two minutes there.
set -eu

folder=$1 checkout=$2
shift 2
release=$(basename "$(echo "$folder"/usr/lib/modules/*)")
unshare --mount --pid --fork --kill-child sh -eu -c '
  folder=$1 checkout=$2 release=$3
  shift 3
  mount --bind "$checkout" "$folder/srv"
  mount -t proc proc "$folder/proc"
  export HOME=/root
  for _ in 1 2 3 4 5 6; do
    chroot "$folder" stap -w "$@" -r "$release" -p4 /srv/probes/netflow.stp
  done
' sh "$folder" "$checkout" "$release" "$@" >/dev/null
