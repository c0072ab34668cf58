#!/bin/sh
# Builds a system of the virtual machine as a folder: a release of Debian with its kernel, PostgreSQL, and what its
# experiments need.
#
#   build.sh forky|bookworm|bookworm-5.10 FOLDER      (root; about 5, 1 and 1 GB; minutes)
#
# bookworm-5.10 is bookworm with the kernel of the release before it, whose bpftrace is too old.
#
# FOLDER appears only when all of it is there. The packages come from where this machine's own apt gets Debian's, with
# the same proxy settings; PGNETFLOW_VM_MIRROR names another mirror. Mounts and processes live in namespaces of their
# own, so that none outlives this script, however it ends.
set -eu

system=$1 folder=$2
building=$folder.building

suite=${system%-*} kernel_suite=
packages='kmod iproute2 procps bpftrace'
case $system in
  forky)
    packages="$packages linux-image-cloud-amd64 systemtap gcc libc6-dev make nodejs postgresql-18
      linux-headers-cloud-amd64 linux-image-cloud-amd64-dbg"
    ;;
  # Node comes from outside, for this release's is too old; it needs libstdc++.
  bookworm) packages="$packages linux-image-cloud-amd64 libstdc++6 postgresql-15" ;;
  bookworm-5.10)
    kernel_suite=bullseye
    packages="$packages linux-image-cloud-amd64/$kernel_suite libstdc++6 postgresql-15"
    ;;
  *) echo "build.sh: $system: there are forky, bookworm and bookworm-5.10" >&2; exit 2 ;;
esac

mirror=${PGNETFLOW_VM_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' \
  'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)}
if [ -z "$mirror" ]; then
  echo "build.sh: this machine's apt has no Debian mirror; name one with PGNETFLOW_VM_MIRROR" >&2
  exit 1
fi

# What apt says about proxies, debootstrap takes from the environment, and apt within the folder from a file.
settings=$(apt-config dump | grep -iE '^(Acquire::(http|https|ftp)::|Acquire::Check)' || true)
eval "$(apt-config shell http_proxy Acquire::http::Proxy https_proxy Acquire::https::Proxy)"
export http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}"
[ -n "$http_proxy" ] || unset http_proxy
[ -n "$https_proxy" ] || unset https_proxy

rm -rf "$building"
mkdir -p "$(dirname "$folder")"

# Debian's releases share one debootstrap script: that of sid is there even if debootstrap is older than the suite.
debootstrap --variant=minbase "$suite" "$building" "$mirror" /usr/share/debootstrap/scripts/sid

printf '%s\n' "$settings" >"$building/etc/apt/apt.conf.d/90host"
[ -z "$kernel_suite" ] || echo "deb $mirror $kernel_suite main" >"$building/etc/apt/sources.list.d/kernel.list"
for file in resolv.conf hosts; do
  [ ! -f "/etc/$file" ] || cat "/etc/$file" >"$building/etc/$file"
done
# Packages start no services here, and PostgreSQL makes no cluster of its own.
printf '#!/bin/sh\nexit 101\n' >"$building/usr/sbin/policy-rc.d"
chmod +x "$building/usr/sbin/policy-rc.d"
mkdir -p "$building/etc/postgresql-common"
echo 'create_main_cluster = false' >"$building/etc/postgresql-common/createcluster.conf"
# Where virtiofs is a module of the kernel, it is loaded, and the root mounted, from an initial RAM disk.
tools=$building/etc/initramfs-tools modules=$building/usr/share/initramfs-tools/modules.d
mkdir -p "$tools/conf.d" "$tools/scripts" "$modules"
echo 'MODULES=list' >"$tools/conf.d/vm"
printf '%s\n' virtio_pci virtiofs >"$modules/vm"
echo 'mountroot() { mount -t virtiofs system "$rootmnt"; }' >"$tools/scripts/virtiofs"

# shellcheck disable=SC2086 # a list of words
unshare --mount --pid --fork --kill-child chroot "$building" sh -eu -c '
  mount -t proc proc /proc
  export DEBIAN_FRONTEND=noninteractive LC_ALL=C
  apt-get update -q
  apt-get install -q -y --no-install-recommends "$@"
  apt-get clean
' sh $packages

rm -rf "$folder"
mv "$building" "$folder"
