#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# files in and out: commit, diff, export, import, cp, mount, volume export and import
load lib

@test "diff tells what was added, changed and deleted, for a container and for an image" {
	run_ok run --name $C --network none $IMAGE sh -c 'echo x >/new; rm /etc/group; mkdir /d; touch /d/f'
	run_ok diff $C
	eq "$(grep -v ' /etc$' <<<"$out")" $'A /d\nA /d/f\nD /etc/group\nA /new'
	run_ok commit $C $C
	run_ok diff --format json $C
	eq "$(jq -c .deleted <<<"$out")" '["/etc/group"]'
	run_ok image diff $C
	eq "$(grep -v ' /etc$' <<<"$out")" $'A /d\nA /d/f\nD /etc/group\nA /new'
	run_ok image diff $IMAGE $C
	has "$out" 'D /new'
	run_fails 125 diff no-such
	run_ok rmi -f $C
}

@test "commit keeps whiteouts and owners, takes no secret, and the same content is the same layer" {
	echo Zq8-needle | run_in secret create $C -
	run_ok run --name $C --network none --secret $C,type=env,target=PW $IMAGE \
		sh -c 'rm /etc/group; echo x >/own; chown 12:34 /own; touch -d @1000 /own / /etc'
	run_ok commit -a me -m why --change 'ENV X="a b"' --change 'CMD ["cat","/own"]' --iidfile "$T/iid" $C $C:1
	eq "sha256:$out" "$(cat "$T/iid")"
	run_ok commit $C $C:2
	eq "$(dhow image inspect --format '{{index .RootFS.Layers 1}}' $C:1)" "$(dhow image inspect --format '{{index .RootFS.Layers 1}}' $C:2)"
	run_ok run --rm --network none $C:1
	eq "$out" x
	run_ok run --rm --network none $C:1 sh -c 'stat -c %u:%g /own; echo "$X"; ls /etc/group 2>&1; echo "[$PW]"'
	has "$out" $'12:34\na b\nls: '
	has "$out" '[]'
	! grep -rq Zq8-needle "$W/store/images" "$W/store/layers"
	run_fails 125 commit --change 'NONSENSE x' $C $C:3
	has "$err" NONSENSE
	run_fails 125 commit -f nonsense $C
	run_ok rmi -f $C:1 $C:2
}
run_in() { capture_in "$@"; [ "$status" = 0 ] || complain "exit status $status"; }
capture_in() { status=0 last="$*"; dhow "$@" >"$T/out" 2>"$T/err" || status=$?; out=$(cat "$T/out") err=$(cat "$T/err"); }

@test "commit --squash makes one layer" {
	run_ok run --name $C --network none $IMAGE sh -c 'rm /etc/group; echo x >/own'
	run_ok commit --squash $C $C
	eq "$(dhow image inspect --format '{{len .RootFS.Layers}}' $C)" 1
	run_ok run --rm --network none $C sh -c 'cat /own; ls /etc/group 2>/dev/null; :'
	eq "$out" x
	run_ok rmi -f $C
}

@test "export is a tar of the file system, without what is mounted in it" {
	mkdir "$T/v"
	echo inner >"$T/v/inner"
	run_ok run -d --name $C --network none -v "$T/v:/v" $IMAGE sh -c 'echo x >/own; chown 12:34 /own; sleep 1000'
	wait_for 10 dhow exec $C test -e /own
	run_ok export -o "$T/run.tar" $C
	run_ok stop -t 0 $C
	run_ok export -o "$T/stop.tar" $C
	for tar in run stop; do
		has "$(tar --numeric-owner -tvf "$T/$tar.tar" own)" '12/34'
		eq "$(tar -tf "$T/$tar.tar" | grep -c '^v/')" 1
	done
	run_fails 125 export -o "$T/none/such" $C
}
