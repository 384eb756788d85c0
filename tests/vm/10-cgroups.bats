# SPDX-License-Identifier: Apache-2.0
#
# Limits, pause, stats and the other things of cgroups, for a user who has logged in: this runs in a session, which is not delegated to the user.

load ../e2e/lib

# the container's cgroup, as a path
cgroup_of() { echo "/sys/fs/cgroup$(dhow inspect --format '{{.State.CgroupPath}}' "$1")"; }
own_cgroup() { sed -n 's/^0:://p' /proc/self/cgroup; }
started() { run_ok run -d --name "$C" --network none "$@"; }

@test "a container of a login session gets a scope from the user's systemd, and the session keeps its processes" {
	has "$(own_cgroup)" "session-"
	started "$IMAGE" sleep 100
	has "$(cgroup_of "$C")" "/user.slice/user-1000.slice/user@1000.service/user.slice/dhow-"
	has "$(systemctl --user list-units --type=scope --no-legend)" "dhow-"
	has "$(own_cgroup)" "session-"
	run_ok rm -f -t 0 "$C"
	wait_for 5 no_scope
}
no_scope() { [ -z "$(systemctl --user list-units --type=scope --all --no-legend 'dhow-*')" ]; }

@test "memory, swap, cpus, pids and weights are written where the kernel reads them" {
	started --memory 64m --memory-swap 100m --memory-reservation 32m --cpus 0.5 --cpu-shares 512 --pids-limit 55 --cpuset-cpus 1 \
		--cgroup-conf memory.high=60000000 "$IMAGE" sleep 100
	cd "$(cgroup_of "$C")"
	eq "$(cat memory.max)" 67108864
	eq "$(cat memory.swap.max)" $((36 * 1024 * 1024))
	eq "$(cat memory.low)" 33554432
	eq "$(cat cpu.max)" "50000 100000"
	eq "$(cat cpu.weight)" 20
	eq "$(cat pids.max)" 55
	eq "$(cat cpuset.cpus)" 1
	eq "$(cat memory.high)" 59998208
}

@test "a container that wants too much memory is killed, and its state says so" {
	run_exits 137 run --name "$C" --network none --memory 32m --memory-swap 32m "$IMAGE" sh -c 'tail /dev/zero'
	run_ok inspect --format '{{.State.OOMKilled}} {{.State.ExitCode}} {{.State.Status}}' "$C"
	eq "$out" "true 137 exited"
}

@test "one process of several is killed for its memory: the container goes on, and the state says nothing of an end" {
	started --memory 32m --memory-swap 32m "$IMAGE" sh -c 'tail /dev/zero; echo survived; sleep 100'
	wait_for 20 log_has "$C" survived
	is_state "$C" running
}

@test "a fork bomb stops at the limit of processes" {
	started --pids-limit 20 "$IMAGE" sh -c '(i=0; while [ $i -lt 60 ]; do sleep 100 & i=$((i+1)); done); echo over; sleep 100'
	wait_for 20 log_has "$C" over
	cd "$(cgroup_of "$C")"
	[ "$(sed -n 's/^max //p' pids.events)" -ge 1 ]
	[ "$(cat pids.current)" -le 20 ]
}

@test "cpus bounds what a busy loop gets" {
	started --cpus 0.2 "$IMAGE" sh -c 'while :; do :; done'
	cd "$(cgroup_of "$C")"
	local from to begin end
	read -r _ from <cpu.stat
	begin=${EPOCHREALTIME/./}
	sleep 5
	read -r _ to <cpu.stat
	end=${EPOCHREALTIME/./}
	[ $((to - from)) -lt $(((end - begin) * 35 / 100)) ] || complain "$((to - from)) us of $((end - begin))"
	[ "$(sed -n 's/^nr_throttled //p' cpu.stat)" -gt 3 ]
}

@test "io limits and weights of the disk are there, and writing is slowed" {
	local disk
	disk=$(stat -c '%Hd:%Ld' /var/tmp)
	started --device-write-bps /dev/vda:1mb --device-read-iops /dev/vda:500 -v "$T:/data" "$IMAGE" sh -c \
		'dd if=/dev/zero of=/data/file bs=64k count=48 conv=fsync 2>/data/dd; echo over; sleep 100'
	eq "$(cat "$(cgroup_of "$C")/io.max")" "$disk rbps=max wbps=1048576 riops=500 wiops=max"
	local begin=$SECONDS
	wait_for 30 log_has "$C" over
	[ $((SECONDS - begin)) -ge 2 ] || complain "3 MB were written in $((SECONDS - begin)) s"
}

@test "pause stops the processes, ps and inspect say it, unpause lets them go on; stop works on a paused one" {
	started "$IMAGE" sh -c 'while :; do echo tick; sleep 0.1; done'
	wait_for 5 log_has "$C" tick
	run_ok pause "$C"
	is_state "$C" paused
	eq "$(cat "$(cgroup_of "$C")/cgroup.freeze")" 1
	run_ok ps --format '{{.Status}}'
	has "$out" Paused
	local lines
	lines=$(dhow logs "$C" | wc -l)
	sleep 1
	eq "$(dhow logs "$C" | wc -l)" "$lines"
	run_fails 125 exec "$C" true
	run_ok unpause "$C"
	is_state "$C" running
	sleep 1
	[ "$(dhow logs "$C" | wc -l)" -gt "$lines" ]
	run_ok pause "$C"
	run_ok rm -f -t 0 "$C"
}

@test "stats shows what the cgroup counts" {
	started --memory 100m --cpus 0.5 "$IMAGE" sh -c 'head -c 20000000 /dev/zero | tail >/dev/null; echo ready; while :; do :; done'
	wait_for 30 log_has "$C" ready
	run_ok stats --no-stream --format '{{.Name}} {{.PIDs}} {{.MemUsage}}' "$C"
	has "$out" "$C 1 "
	has "$out" "/ 104.9MB"
	run_ok stats --no-stream --no-reset --format json "$C"
	local cpu
	cpu=$(jq -r '.[0].cpu_percent // .[0].CPU' <<<"$out" | tr -d '%')
	awk -v cpu="$cpu" 'BEGIN { exit !(cpu > 20 && cpu < 80) }' || complain "cpu $cpu %"
	run_ok stats --no-stream
	has "$out" "$C"
}

@test "update changes the limits of a running container, and they stay for the next start" {
	started --memory 64m --pids-limit 50 "$IMAGE" sleep 100
	run_ok update --memory 96m --cpus 0.3 --pids-limit 77 "$C"
	eq "$(cat "$(cgroup_of "$C")/memory.max")" 100663296
	eq "$(cat "$(cgroup_of "$C")/cpu.max")" "30000 100000"
	eq "$(cat "$(cgroup_of "$C")/pids.max")" 77
	run_ok restart -t 0 "$C"
	eq "$(cat "$(cgroup_of "$C")/memory.max")" 100663296
	eq "$(cat "$(cgroup_of "$C")/pids.max")" 77
}

@test "exec goes into the container's cgroup, from the session and from a unit, and is bound by its limits" {
	started --memory 64m --memory-swap 64m --pids-limit 50 "$IMAGE" sleep 100
	run_ok exec "$C" sh -c 'cat /proc/self/cgroup; cat /sys/fs/cgroup/pids.max'
	has "$out" "0::/"
	hasnt "$out" ".."
	has "$out" 50
	run_exits 137 exec "$C" tail /dev/zero
	is_state "$C" running
	capture systemd-run --user --quiet --wait --pipe "$DHOW" --root "$W/store" --runroot "$XDG_RUNTIME_DIR/e2e-${W##*/}" exec "$C" cat /proc/self/cgroup
	eq "$out" "0::/"
}

@test "--cgroup-parent: a slice of the user's" {
	started --cgroup-parent app-test.slice "$IMAGE" sleep 100
	has "$(cgroup_of "$C")" "/app.slice/app-test.slice/dhow-"
	systemctl --user is-active app-test.slice
}

@test "--cgroups=disabled makes none, and refuses limits" {
	started --cgroups disabled "$IMAGE" sleep 100
	local pid
	pid=$(dhow inspect --format '{{.State.Pid}}' "$C")
	has "$(cat "/proc/$pid/cgroup")" "session-"
	run_ok ps --format '{{.Names}} {{.Status}}'
	has "$out" "$C Up"
	run_ok stats --no-stream "$C"
	has "$out" "$C"
	run_fails 125 pause "$C"
	has "$err" cgroup
	run_fails 125 run --rm --network none --cgroups disabled --memory 10m "$IMAGE" true
	has "$err" --memory
}

@test "--cgroups=no-conmon leaves the monitor where it was, the container has its own" {
	started --cgroups no-conmon --memory 50m "$IMAGE" sleep 100
	has "$(cgroup_of "$C")" "dhow-"
	eq "$(cat "$(cgroup_of "$C")/memory.max")" 52428800
	local monitor
	monitor=$(dhow inspect --format '{{.State.ConmonPid}}' "$C")
	hasnt "$(cat "/proc/$monitor/cgroup")" "dhow-"
}

# in a unit of the user's: PROPERTY ARGS of dhow
in_unit() {
	local property=$1
	shift
	unit="u$BATS_TEST_NUMBER-$RANDOM"
	systemd-run --user --quiet --unit "$unit" $property "$DHOW" --root "$W/store" --runroot "$XDG_RUNTIME_DIR/e2e-${W##*/}" "$@"
}
unit_ended() { [ "$(systemctl --user show -P ActiveState "$unit")" = inactive ]; }
# all that serves a container is here
all_in() { # CGROUP
	local name pids
	for name in slirp4netns fuse-overlayfs dhow-monitor; do
		pids=$(pgrep -f -u "$UID" "^$name") || complain "there is no $name" || return 1
		has "$(cat "/proc/${pids%%$'\n'*}/cgroup")" "$1" || return 1
	done
}

@test "--cgroups=split in a delegated unit keeps all in the unit, and ends with it" {
	in_unit -pDelegate=yes --storage-driver fuse-overlayfs run --name "$C" --cgroups split --memory 50m "$IMAGE" sleep 100
	wait_for 20 is_state "$C" running
	has "$(cgroup_of "$C")" "/app.slice/$unit.service/"
	eq "$(cat "$(cgroup_of "$C")/memory.max")" 52428800
	all_in "$unit.service/supervisor"
	systemctl --user stop "$unit"
	wait_for 12 is_state "$C" exited
}

@test "in a plain unit the container has a scope too, and does not end with the unit when it was detached" {
	in_unit '' --storage-driver fuse-overlayfs run -d --name "$C" --memory 50m "$IMAGE" sh -c 'while sleep 1; do ls /bin >/dev/null && echo alive; done'
	wait_for 20 is_state "$C" running
	wait_for 20 unit_ended
	has "$(cgroup_of "$C")" "/user.slice/dhow-"
	eq "$(cat "$(cgroup_of "$C")/memory.max")" 52428800
	all_in "/user.slice/dhow-"
	local lines
	lines=$(dhow logs "$C" | wc -l)
	sleep 3
	[ "$(dhow logs "$C" | wc -l)" -gt "$lines" ]
	is_state "$C" running
}

@test "a stop of the unit that has started a container in the foreground stops the container" {
	in_unit '' run --name "$C" --network none "$IMAGE" sh -c 'trap "echo ended; exit 0" TERM; echo begun; while sleep 0.1; do :; done'
	wait_for 20 log_has "$C" begun
	systemctl --user stop "$unit"
	wait_for 12 is_state "$C" exited
	log_has "$C" ended
}

@test "--cgroup-manager=cgroupfs in a delegated scope makes directories only" {
	capture systemd-run --user --quiet --scope -p Delegate=yes bash -c 'mkdir /sys/fs/cgroup$(sed -n "s/^0:://p" /proc/self/cgroup)/me
		echo $$ >/sys/fs/cgroup$(sed -n "s/^0:://p" /proc/self/cgroup)/me/cgroup.procs; exec "$@"' bash \
		"$DHOW" --root "$W/store" --runroot "$XDG_RUNTIME_DIR/e2e-${W##*/}" --cgroup-manager cgroupfs run --rm --network none --memory 50m "$IMAGE" cat /sys/fs/cgroup/memory.max
	eq "$out" 52428800
}

@test "twenty containers at once each get their scope" {
	local i
	for i in 1 2 3 4 5 6 7 8 9 10; do
		dhow run -d --name "many$i" --network none --memory 20m "$IMAGE" sleep 100 >/dev/null &
	done
	wait
	eq "$(dhow ps -q | wc -l)" 10
	for i in 1 5 10; do eq "$(cat "$(cgroup_of "many$i")/memory.max")" 20971520; done
	run_ok rm -fa -t 0
	wait_for 10 no_scope
}
