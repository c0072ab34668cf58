#!/bin/sh
# The first process of the virtual machine: brings it up, runs what /mnt/experiments names, powers it off. Whatever happens, the
# machine ends: when this script does, the kernel panics, and is told to end the machine then.
postgres=$(echo /usr/lib/postgresql/*/bin)
export PATH=/mnt/bin:$postgres:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LC_ALL=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev 2>/dev/null
mount -t debugfs debugfs /sys/kernel/debug
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /run
# bpftrace names files that way.
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
mkdir -p /dev/shm && mount -t tmpfs tmpfs /dev/shm
mount -t virtiofs -o ro checkout /srv
ip link set lo up

mkdir -p /mnt/results
while read -r experiment; do
  sh "/mnt/$experiment.sh" >"/mnt/results/$experiment.log" 2>&1
  echo $? >"/mnt/results/$experiment.status"
done </mnt/experiments
sync
echo o >/proc/sysrq-trigger
# The machine powers off while this waits.
sleep 60
