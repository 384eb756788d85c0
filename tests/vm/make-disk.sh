#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/vm/make-disk.sh DIRECTORY - make the machine that tests/vm.sh boots: DIRECTORY/disk.img (ext4), kernel and initrd. As root.
#
# It is Debian of the release and from the mirror that apt uses here, with what dhow needs to run and nothing of dhow itself: that comes on a second
# disk, which the only unit of ours in here mounts (tests/vm/guest.sh goes on from there). An existing disk is kept while this file is as it was.
set -eu -o pipefail

directory=$1
stamp=$(cat "$0" "${0%/*}/../mirror.bash" | sha256sum)
[ "$(cat "$directory/stamp" 2>/dev/null)" != "$stamp" ] || exit 0
[ "$(id -u)" = 0 ] || { echo "make-disk: only root can make the disk; afterwards everybody who may read it can run it" >&2; exit 1; }
for program in mmdebstrap mke2fs; do
	command -v $program >/dev/null || { echo "make-disk: $program is missing: apt-get install mmdebstrap e2fsprogs" >&2; exit 1; }
done
. "${0%/*}/../mirror.bash"

packages=systemd-sysv,dbus-user-session,libpam-systemd,udev,kmod,linux-image-cloud-amd64,initramfs-tools
packages+=,uidmap,fuse-overlayfs,slirp4netns,ca-certificates,iproute2,busybox-static,libjansson4,libsubid4,libcurl4,libarchive13,libgpgme11,libcap2,libsodium23,libncursesw6
packages+=,bats,jq,procps,attr,zstd,strace,bsdutils,python3-minimal
case $(dpkg --print-architecture) in amd64) packages+=,libisal2 ;; esac

mkdir -p "$directory"
work=$(mktemp -d "$directory/new.XXXXXX")
# interrupted, mmdebstrap may leave mounts of the host's in there: what is below them is not ours
trap 'umount -R -q "$work"/root/{proc,sys,dev} 2>/dev/null; rm -rf --one-file-system "$work"' EXIT
chmod 755 "$work" # the root of the disk gets this mode
root=$work/root
# a small initrd, made once: modules are loaded by an emulated processor
initrd='mkdir -p "$1/etc/initramfs-tools/conf.d"; printf "MODULES=list\nCOMPRESS=gzip\n" >"$1/etc/initramfs-tools/conf.d/dhow"
	printf "virtio_pci\nvirtio_blk\next4\n" >"$1/etc/initramfs-tools/modules"'
mmdebstrap --quiet --variant=minbase --dpkgopt=force-unsafe-io --dpkgopt=force-confold --essential-hook="$initrd" --include=$packages \
	"${options[@]}" "$codename" "$root" "$uri" </dev/null

in_root() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
in_root useradd -m -u 1000 -s /bin/bash user
in_root useradd -m -u 1001 -s /bin/bash other
mkdir -p "$root/var/lib/systemd/linger" "$root/var/log/journal" "$root/etc/systemd/system/user@.service.d" "$root/dhow"
touch "$root/var/lib/systemd/linger/user"
echo dhow-vm >"$root/etc/hostname"
printf '127.0.0.1 localhost dhow-vm\n' >"$root/etc/hosts"
printf '/dev/vda / ext4 defaults 0 1\n' >"$root/etc/fstab"
# what the hint of dhow says when a controller is missing
printf '[Service]\nDelegate=cpu cpuset io memory pids\n' >"$root/etc/systemd/system/user@.service.d/delegate.conf"
cat >"$root/etc/systemd/system/dhow-vm.service" <<'UNIT'
[Unit]
Description=the tests of dhow
[Service]
ExecStart=/bin/sh -c 'until [ -e /dev/virtio-ports/dhow ] && [ -b /dev/vdb ]; do sleep 0.2; done; mount -o ro /dev/vdb /dhow; exec /dhow/tests/vm/guest.sh >/dev/virtio-ports/dhow 2>&1'
[Install]
WantedBy=multi-user.target
UNIT
in_root systemctl -q enable dhow-vm.service
# an emulated processor has better things to do
in_root systemctl -q mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
	systemd-timesyncd.service systemd-binfmt.service systemd-update-utmp.service systemd-pstore.service getty.target
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}

cp "$root"/boot/vmlinuz-* "$work/kernel"
cp "$root"/boot/initrd.img-* "$work/initrd"
rm -rf "$root"/boot/initrd* "$root"/boot/vmlinuz*
truncate -s 4G "$work/disk.img"
mke2fs -q -t ext4 -E lazy_itable_init=1,nodiscard -d "$root" "$work/disk.img"
chmod 644 "$work/kernel" "$work/initrd" "$work/disk.img"
mv "$work/kernel" "$work/initrd" "$work/disk.img" "$directory/"
echo "$stamp" >"$directory/stamp"
