#!/bin/sh
# Boots the virtual machine and waits for its end.
#
#   boot.sh FOLDER CHECKOUT WORK      (root)
#
# FOLDER is its root and CHECKOUT its /srv, both read-only; WORK is its /mnt, where it runs guest.sh and leaves its
# results. All of it is software emulation: KVM is not needed, and not used, so that every machine runs the same.
# The machine is bound to end: guest.sh powers it off, a panic ends it, and so does the time limit.
set -eu

folder=$1 checkout=$2 work=$3
limit_s=${PGNETFLOW_VM_LIMIT_S:-2400}

for virtiofsd in /usr/libexec/virtiofsd /usr/lib/qemu/virtiofsd; do
  [ ! -x "$virtiofsd" ] || break
done

sockets=$(mktemp -d)
pids=
cleanup() {
  # shellcheck disable=SC2086 # a list of numbers
  [ -z "$pids" ] || { kill $pids 2>/dev/null || true; wait $pids || true; }
  rm -rf "$sockets"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

share() {
  case $virtiofsd in
    /usr/lib/qemu/*) "$virtiofsd" --socket-path="$sockets/$1" -o source="$2" -o cache=always ;;
    *) "$virtiofsd" --socket-path="$sockets/$1" --shared-dir "$2" --cache always ;;
  esac >"$work/virtiofsd-$1.log" 2>&1 &
  pids="$pids $!"
  until [ -S "$sockets/$1" ]; do
    kill -0 $! || { cat "$work/virtiofsd-$1.log" >&2; exit 1; }
  done
  devices="$devices -chardev socket,id=$1,path=$sockets/$1 -device vhost-user-fs-pci,chardev=$1,tag=$1"
}

devices=
share system "$folder"
share checkout "$checkout"
share work "$work"

kernel=$(echo "$folder"/boot/vmlinuz-*)
# Where virtiofs is a module, the initial RAM disk that build.sh has made mounts the root.
grep -q '^CONFIG_VIRTIO_FS=y' "$folder"/boot/config-* ||
  devices="$devices -initrd $(echo "$folder"/boot/initrd.img-*)"
# shellcheck disable=SC2086 # a list of words
timeout "$limit_s" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 3G \
  -object memory-backend-memfd,id=memory,size=3G,share=on -numa node,memdev=memory \
  -nodefaults -no-user-config -display none -no-reboot -serial "file:$work/console.log" $devices \
  -kernel "$kernel" -append 'rootfstype=virtiofs root=system boot=virtiofs ro console=ttyS0 quiet panic=-1 init=/bin/sh -- -c "mount -t virtiofs work /mnt; exec sh /mnt/guest.sh"' &
machine=$!
pids="$pids $machine"
wait "$machine"
