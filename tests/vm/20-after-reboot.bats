# SPDX-License-Identifier: Apache-2.0
#
# After a reboot: what 12-units.bats has left enabled runs again, for a lingering user, before anybody has logged in

bats_require_minimum_version 1.5.0

setup_file() { export PATH=/usr/local/bin:$PATH; }
within() { # SECONDS COMMAND...
	local end=$((SECONDS + $1 + 1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || { echo "still not true: $*"; dhow ps -a; systemctl --user --no-pager --failed; return 1; }
		sleep 0.2
	done
}
running() { [ "$(dhow inspect --format '{{.State.Status}}' "$1" 2>/dev/null)" = running ]; }

@test "the generated units run" {
	within 60 running new
	within 20 running web
	[ "$(systemctl --user is-active container-new)" = active ]
	[ "$(systemctl --user is-active container-web)" = active ]
}

@test "the Quadlet unit runs" {
	within 60 running quad
}

@test "what has the restart policy always runs again, what was stopped does not" {
	within 60 running always
	run ! running stopped
}

@test "logs has what was written before the reboot and after it" {
	dhow logs new >/dev/null
	[ "$(journalctl --user -q --no-pager -o cat CONTAINER_NAME=new | grep -c begun)" -ge 2 ]
}

@test "nothing of before the reboot is taken for running: all that is told to run has processes" {
	local pid
	for pid in $(dhow ps --format '{{.Pid}}'); do [ -d "/proc/$pid" ]; done
	dhow stop -a -t 2
	[ -z "$(dhow ps -q)" ]
}
