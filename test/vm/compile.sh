#!/bin/sh
# Compiles a SystemTap script to a kernel module for the kernel of the virtual machine, natively, in its folder.
#
#   compile.sh FOLDER SCRIPT MODULE.ko [ARGUMENT…]      (root)
#
# Arguments are the script's; a path among them is one in the folder.
#
# SystemTap finds no symbols of the kernel: it looks for the file System.map where Debian's package of debug information
# has none. With KERNEL_SYMBOLS=yes there is a link to it.
#
# The first time it takes minutes, for SystemTap looks at all tracepoints; it remembers them in the folder's /root.
#
# An emulated CPU may stand still while it holds a lock that the other one waits for: MAXTRYLOCK and STP_NO_OVERLOAD keep
# SystemTap from skipping a probe for that after a millisecond, and from giving up.
set -eu

folder=$1 script=$2 module=$3
shift 3
release=$(basename "$(echo "$folder"/usr/lib/modules/*)")
name=$(basename "$module" .ko)
place=$(mktemp -d "$folder/tmp/compile.XXXXXX")
trap 'rm -rf "$place"' EXIT
trap 'exit 1' INT TERM HUP

cp "$script" "$place/$name.stp"
unshare --mount --pid --fork --kill-child chroot "$folder" sh -eu -c '
  mount -t proc proc /proc
  cd "$1" && release=$2 name=$3
  shift 3
  if [ "${KERNEL_SYMBOLS:-no}" = yes ]; then
    mkdir -p /usr/lib/debug/boot
    mount -t tmpfs tmpfs /usr/lib/debug/boot
    ln -s "/usr/lib/debug/lib/modules/$release/System.map" "/usr/lib/debug/boot/System.map-$release"
  fi
  export HOME=/root
  exec stap -w -DMAXTRYLOCK=20000 -DSTP_NO_OVERLOAD -r "$release" -p4 -m "$name" "$name.stp" "$@"
' sh "/tmp/$(basename "$place")" "$release" "$name" "$@" >/dev/null
mv "$place/$name.ko" "$module"
