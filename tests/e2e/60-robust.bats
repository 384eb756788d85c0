#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# what must hold when things go wrong: races, kill -9, damaged records, full and read-only disks
load lib

@test "fifty runs at once all work and leave nothing" {
	local i pids=() bad=0
	for i in {1..50}; do dhow run --rm --network none $IMAGE echo "run-$i" >"$T/o$i" 2>"$T/e$i" & pids+=($!); done
	for i in {1..50}; do wait "${pids[i - 1]}" || { bad=$((bad + 1)); cat "$T/e$i"; }; done
	eq $bad 0
	for i in {1..50}; do eq "$(cat "$T/o$i")" "run-$i"; done
	run_ok ps -aq
	eq "$out" ""
	eq "$(ls "$W/store/containers" | wc -l)" 0
	eq "$(ls -A "$W/store/names" | grep -vc '^\.lock$')" 0
}

@test "of twenty racers for one name exactly one wins" {
	local i pids=() won=0
	for i in {1..20}; do dhow create --name $C $IMAGE true >"$T/o$i" 2>"$T/e$i" & pids+=($!); done
	for i in {1..20}; do wait "${pids[i - 1]}" && won=$((won + 1)) || has "$(cat "$T/e$i")" "already in use"; done
	eq $won 1
	run_ok ps -aq
	eq "$(wc -l <<<"$out")" 1
}

@test "kill -9 of run at any moment leaves a store that works" {
	local i
	for i in {1..25}; do
		start_background dhow run --name $C-$i --network none $IMAGE true
		sleep "0.00$((i % 10))"
		kill -9 "$pid" 2>/dev/null || :
		wait "$pid" 2>/dev/null || :
	done
	run_ok ps -a
	run_ok rm -a -f -t 0
	run_ok ps -aq
	eq "$out" ""
	for i in {1..25}; do run_ok run --rm --name $C-$i --network none $IMAGE true; done
}

@test "kill -9 of the monitor ends the container, and it can be removed" {
	run_ok run -d --name $C $IMAGE sleep 1000
	run_ok inspect --format '{{.State.ConmonPid}} {{.State.Pid}}' $C
	local monitor=${out% *} init=${out#* }
	kill -9 "$monitor"
	wait_for 10 gone "$init"
	wait_for 10 is_state $C exited
	run_ok rm $C
}

@test "a damaged record of one container leaves the others usable, and can be removed" {
	run_ok run -d --name good $IMAGE sleep 1000
	local kind file
	for kind in truncate flip remove directory; do
		run_ok create --name bad $IMAGE true
		local id=$out
		file=$W/store/containers/$id/create.json
		case $kind in
		truncate) truncate -s 20 "$file" ;;
		flip) printf X | dd of="$file" bs=1 seek=100 conv=notrunc status=none ;;
		remove) rm "$file" ;;
		directory) rm "$file"; mkdir "$file" ;;
		esac
		run_ok ps -a --format '{{.Names}} {{.State}}'
		has "$out" "good running"
		run_ok exec good echo alive
		run_ok rm -f "$id"
		run_ok ps -aq --no-trunc
		hasnt "$out" "$id"
		run_ok create --name bad $IMAGE true # the name is free again
		run_ok rm bad
	done
}

@test "the runtime folder may be lost: containers are stopped, not broken" {
	run_ok create --name $C $IMAGE sh -c 'echo data >/kept'
	run_ok start -a $C
	rm -rf "$XDG_RUNTIME_DIR/e2e-${W##*/}"
	run_ok ps -a --format '{{.Names}} {{.State}}'
	has "$out" "$C exited"
	run_ok start $C
	wait_for 10 is_state $C exited
}

@test "a pid in a record that belongs to somebody else by now harms nobody" {
	run_ok run -d --name $C $IMAGE sleep 1000
	run_ok inspect --format '{{.Id}} {{.State.ConmonPid}} {{.State.Pid}}' $C
	local id monitor init
	read -r id monitor init <<<"$out"
	kill -9 "$monitor" "$init"
	wait_for 10 gone "$init"
	start_background sleep 1000
	sed -i "s/\"pid\":$init/\"pid\":$pid/" "$W/store/containers/$id/run" 2>/dev/null || :
	capture dhow stop -t 0 $C
	capture dhow kill $C
	capture dhow rm -f $C
	kill -0 "$pid"
	run_ok ps -aq
	eq "$out" ""
}

@test "a store that cannot be written is named in one clear error" {
	mkdir "$T/store"
	chmod 500 "$T/store"
	capture "$DHOW" --root "$T/store/sub" run --rm $IMAGE true
	[ "$status" = 125 ]
	has "$err" "$T/store"
	eq "$(wc -l <<<"$err" | tr -d ' ')" "$(grep -c '' <<<"$err")"
}

@test "nothing is left when the last container is gone" {
	unused_port
	run_ok run -d --name $C -p 127.0.0.1:$port:80 $IMAGE
	run_ok inspect --format '{{.State.ConmonPid}}' $C
	local monitor=$out
	run_ok exec -d $C sleep 500
	run_ok rm -f -t 0 $C
	wait_for 10 gone "$monitor"
	wait_for 10 eval "! (exec 5<>/dev/tcp/127.0.0.1/$port) 2>/dev/null"
	! pgrep -f "$W/store" || complain "a process is left"
	! grep -q "$W" /proc/self/mountinfo || complain "a mount is left"
}

@test "containers that are made at the same time never fail over a made-up name" {
	# of 4096 names two racers in ten rounds of twenty draw the same one in about every third run of this case
	local i
	for i in {1..200}; do
		{ dhow create $IMAGE true >/dev/null 2>>"$T/failed" || echo "status $?" >>"$T/failed"; } &
		[ $((i % 20)) != 0 ] || wait
	done
	eq "$(cat "$T/failed")" ""
	run_ok ps -aq
	eq "$(wc -l <<<"$out")" 200
}

@test "a pull into a full disk is one clear error, and makes room again" {
	mkdir "$T/tree" "$T/small"
	head -c 24M /dev/urandom >"$T/tree/big"
	tar -C "$T/tree" -cf "$T/big.tar" big
	"$REPO/tests/tar-image.sh" "$T/big.tar" "$T/layout"
	capture dhow unshare sh -c "mount -t tmpfs -o size=16m small '$T/small' &&
		{ '$DHOW' --root '$T/small/store' --runroot '$T/run' pull -q 'oci:$T/layout:latest'; echo status \$?; du -sk '$T/small'; }"
	has "$err" "no space left"
	has "$out" "status 125"
	[ "$(awk '/small/ { print $1 }' <<<"$out")" -lt 1000 ] || complain "something is left"
}
