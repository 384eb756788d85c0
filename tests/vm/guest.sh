#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/vm/guest.sh - what the virtual machine of tests/vm.sh does after it has booted: the files that /dhow/stage names, as `user`
#
# Its output goes to the host. `user` lingers, and is logged in by PAM as ssh would do it: bats runs in a session, not below the user's systemd.
# The last line is "vm: end", then the machine is switched off; a stage "cut" waits for the host to do that the hard way.
set -u -o pipefail

say() { echo "vm: $*"; }
user=user
as_user() { su -l $user -c "cd /dhow && BUILD=build XDG_RUNTIME_DIR=/run/user/$(id -u $user) STAGE_FILES=/dhow/stage.d $*" </dev/null; }

# as installed, for units that start at boot; each time what has changed
install_new() {
	mkdir -p /usr/local/libexec/dhow
	cp -u --remove-destination /dhow/build/libexec/dhow/* /usr/local/libexec/dhow/
	cp -u --remove-destination /dhow/build/dhow /dhow/build/dhow-runtime /usr/local/bin/
	/dhow/units/install.sh '' /usr/local /usr/local/libexec/dhow
}
# by the package, on a machine and for a user that have had no dhow
install_package() {
	rm -rf /usr/local/bin/dhow* /usr/local/libexec/dhow /usr/local/lib/systemd /usr/local/share/dhow
	dpkg -i /dhow/packages/dhow_*.deb
	user=other
	loginctl enable-linger other
}
run_files() {
	local file files filter
	read -r -a files </dhow/stage
	read -r filter </dhow/filter
	for file in "${files[@]}"; do
		say "file $file"
		case $file in
		*.bats) as_user "timeout 1800 bats --tap ${filter:+-f ${filter@Q}} tests/vm/$file" 2>&1 || say "bats of $file: status $?" ;;
		*) as_user "tests/vm/$file" 2>&1 ;;
		esac
	done
	say end
}

# this file must not be in use while the disk that it came from is changed
if [ -e /dhow/stay ] && [ "$0" != /run/guest.sh ]; then
	cp "$0" /run/guest.sh
	exec bash /run/guest.sh
fi
if [ -d /dhow/packages ]; then install_package; else install_new; fi
until systemctl -q is-active "user@$(id -u $user).service"; do sleep 0.2; done
[ ! -d /sys/fs/cgroup/system.slice ] || say "booted in $(cut -d' ' -f1 /proc/uptime) s, kernel $(uname -r)"
run_files
if [ -e /dhow/stay ]; then
	while read -r word; do
		[ "$word" = go ] || break
		umount -l /dhow
		blockdev --flushbufs /dev/vdb
		mount -o ro /dev/vdb /dhow || break
		install_new
		run_files
	done </dev/virtio-ports/again
fi
case $(cat /dhow/stage) in
*cut*) exec sleep infinity ;;
*) systemctl --no-block poweroff ;;
esac
