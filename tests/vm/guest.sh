#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/vm/guest.sh - what the virtual machine of tests/vm.sh does after it has booted: the files that /dhow/stage names, as `user`
#
# Its output goes to the host. `user` lingers, and is logged in by PAM as ssh would do it: bats runs in a session, not below the user's systemd.
# The last line is "vm: end", then the machine is switched off; a stage "cut" waits for the host to do that the hard way.
set -u -o pipefail

say() { echo "vm: $*"; }
as_user() { su -l user -c "cd /dhow && BUILD=build XDG_RUNTIME_DIR=/run/user/1000 STAGE_FILES=/dhow/stage.d $*" </dev/null; }

# as installed, for units that start at boot
if [ ! -e /usr/local/bin/dhow ]; then
	mkdir -p /usr/local/libexec/dhow /usr/lib/systemd/user-generators
	cp /dhow/build/libexec/dhow/* /usr/local/libexec/dhow/
	cp /dhow/build/dhow /dhow/build/dhow-runtime /usr/local/bin/
	[ ! -e /usr/local/libexec/dhow/quadlet ] || ln -s /usr/local/libexec/dhow/quadlet /usr/lib/systemd/user-generators/dhow-user-generator
fi

read -r -a files </dhow/stage
until systemctl -q is-active user@1000.service; do sleep 0.2; done
[ ! -d /sys/fs/cgroup/system.slice ] || say "booted in $(cut -d' ' -f1 /proc/uptime) s, kernel $(uname -r)"
for file in "${files[@]}"; do
	say "file $file"
	case $file in
	*.bats) as_user "timeout 1800 bats --tap tests/vm/$file" 2>&1 || say "bats of $file: status $?" ;;
	*) as_user "tests/vm/$file" 2>&1 ;;
	esac
done
say end
case " ${files[*]} " in
*cut*) exec sleep infinity ;;
*) systemctl --no-block poweroff ;;
esac
