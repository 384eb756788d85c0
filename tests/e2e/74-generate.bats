#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# generate systemd: units for containers, and systemd's own opinion of them
load lib

key() { sed ':a;/\\$/{N;s/\\\n//;ba}' <<<"$out" | sed -n "s/^$1=//p"; }
verify() {
	command -v systemd-analyze >/dev/null || return 0
	printf '%s\n' "$out" >"$T/$1"
	capture systemd-analyze verify --user --man=no "$T/$1"
	[ "$status" = 0 ] || complain "systemd-analyze does not like it"
}

@test "a unit for the container that is there follows the monitor by its process id" {
	run_ok create --name $C --network none $IMAGE sleep 1000
	run_ok generate systemd --name --stop-timeout 3 $C
	has "$(key ExecStart)" " start $C"
	has "$(key ExecStop)" "-t 3 $C"
	eq "$(key Type) $(key TimeoutStopSec)" "forking 63"
	local file
	file=$(key PIDFile)
	verify container-$C.service
	run_ok start $C
	kill -0 "$(<"$file")" || complain "$file does not hold a process id"
	eq "$(<"$file")" "$(dhow inspect --format '{{.State.ConmonPid}}' $C)"
}

@test "--new makes the container by the command line that made it, quoted for systemd" {
	run_ok create --name=$C --restart always -it -l 'note=a "b" $w 50%' --network none $IMAGE sh -c 'echo $A;'
	run_ok generate systemd --new --name $C
	local line
	line=$(key ExecStart)
	has "$line" " run "
	has "$line" '"note=a \"b\" $$w 50%%"'
	has "$line" '"echo $$A;"'
	has "$line" "--replace"
	hasnt "$line" "--restart"
	eq "$(key Restart) $(key Type) $(key NotifyAccess)" "always notify all"
	verify container-$C.service
	run_ok generate systemd --template --name $C
	has "$(key ExecStart)" "--name $C-%i"
}

@test "--files, --format json, and what it refuses" {
	run_ok create --name $C --network none $IMAGE true
	run_ok generate systemd --files --name --container-prefix box --separator _ $C
	eq "$out" "$T/box_$C.service"
	grep -q '^ExecStart=' "$out"
	run_ok generate systemd --format json --name $C
	eq "$(jq -r 'keys[0]' <<<"$out")" container-$C
	run_fails 125 generate systemd --restart-policy sometimes $C
	has "$err" sometimes
	run_fails 125 generate systemd --pod-prefix x $C
	run_fails 125 generate systemd no-such
}
