# SPDX-License-Identifier: Apache-2.0
#
# The journald driver, and `logs` that reads it back

load ../e2e/lib

lines() { run_ok run -d --name "$1" --network none --log-driver journald "$IMAGE" sh -c "$2"; }

@test "logs gives back what is in the journal: both streams, pieces of lines, in their order" {
	lines "$C" 'echo one; echo two >&2; printf three; sleep 0.3; echo " and more"; echo four'
	run_ok wait "$C"
	run_ok logs "$C"
	eq "$out" $'one\nthree and more\nfour'
	eq "$err" two
}

@test "logs of a container that has just ended has all of it" {
	local i
	for i in 1 2 3; do
		run_ok run --rm=false --name "$C-$i" --network none --log-driver journald "$IMAGE" sh -c 'seq 1 200'
		run_ok logs "$C-$i"
		eq "$(wc -l <<<"$out")" 200
		eq "$(tail -n 1 <<<"$out")" 200
	done
}

@test "--tail, --since, --until, -t and -n" {
	lines "$C" 'echo a; sleep 2; echo b; sleep 2; echo c'
	run_ok wait "$C"
	run_ok logs --tail 1 "$C"
	eq "$out" c
	run_ok logs --tail 2 "$C"
	eq "$out" $'b\nc'
	run_ok logs --tail 0 "$C"
	eq "$out" ""
	run_ok logs -t "$C"
	local second
	second=$(sed -n '2s/ .*//p' <<<"$out")
	run_ok logs --since "$second" "$C"
	eq "$out" $'b\nc'
	run_ok logs --until "$second" "$C"
	has "$out" a
	hasnt "$out" c
	run_ok logs -n --tail 1 "$C"
	eq "$out" "$C c"
}

@test "-f follows until the container ends, and loses no line" {
	lines "$C" 'for i in $(seq 1 50); do echo "line $i"; sleep 0.05; done; echo last'
	run_ok logs -f "$C"
	eq "$(wc -l <<<"$out")" 51
	eq "$(tail -n 1 <<<"$out")" last
}

@test "several containers, one in the journal and one in a file, are merged in time order" {
	# each waits for the line of the other
	run_ok run -d --name "$C-1" --network none --log-driver journald -v "$T:/s" "$IMAGE" sh -c \
		'echo j1; touch /s/1; until [ -e /s/2 ]; do sleep 0.1; done; echo j3; sleep 0.1; touch /s/3'
	run_ok run -d --name "$C-2" --network none -v "$T:/s" "$IMAGE" sh -c \
		'until [ -e /s/1 ]; do sleep 0.1; done; echo f2; sleep 0.1; touch /s/2; until [ -e /s/3 ]; do sleep 0.1; done; echo f4'
	run_ok logs -f -n "$C-1" "$C-2"
	eq "$out" "$C-1 j1
$C-2 f2
$C-1 j3
$C-2 f4"
}

@test "the entries have podman's fields, and journalctl does not show the mark of the end among them" {
	lines "$C" 'echo here'
	run_ok wait "$C"
	run_ok logs "$C"
	capture journalctl -q --no-pager -o json "CONTAINER_NAME=$C"
	eq "$(jq -r .MESSAGE <<<"$out")" here
	eq "$(jq -r .CONTAINER_ID_FULL <<<"$out")" "$(dhow inspect --format '{{.Id}}' "$C")"
	eq "$(jq -r .PRIORITY <<<"$out")" 6
}
