#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# builder: images made by hand, as buildah's users make them
load lib

clean_file() { dhow builder rm -a >/dev/null 2>&1 || :; }

from() { C=$(dhow builder from "$@") || complain "builder from $*"; }

@test "from, run, copy, config, commit make an image of one more layer" {
	echo text >f
	mkdir -p d/e && echo deep >d/e/g
	from "$IMAGE"
	eq "$C" small-working-container
	run_ok builder run "$C" sh -c 'echo made >/made; rm /etc/group'
	run_ok builder copy "$C" f d /in/
	run_ok builder config --cmd 'cat "/in/f"' --env A=b --workingdir /in --label l=1 --port 80 "$C"
	run_ok builder commit "$C" hand
	run_ok run --rm hand
	eq "$out" text
	run_ok run --rm hand sh -c 'cat /made /in/e/g; echo $A $PWD; ls /etc/group 2>/dev/null || echo gone'
	eq "$out" $'made\ndeep\nb /in\ngone'
	eq "$(dhow image inspect --format '{{len .RootFS.Layers}}' hand)" "$(($(dhow image inspect --format '{{len .RootFS.Layers}}' "$IMAGE") + 1))"
	run_ok builder rm "$C"
}

@test "the container stays after a commit, and goes with --rm" {
	from --name stays "$IMAGE"
	run_ok builder commit stays one
	run_ok builder run stays touch /more
	run_ok builder commit --rm stays two
	run_fails 125 builder run stays true
	run_ok run --rm two ls /more
}

@test "from scratch: nothing but what is copied; --from another working container" {
	from --name maker "$IMAGE"
	run_ok builder run maker sh -c 'echo x >/x; chmod 750 /x'
	from scratch
	eq "$C" working-container
	run_ok builder copy --chown 7:8 --from maker "$C" /x /dir/y
	run_ok builder commit "$C" tiny
	run_ok save -o t.tar tiny
	mkdir o && tar xf t.tar -C o
	eq "$(for l in o/*.tar o/*/layer.tar; do [ -f "$l" ] && tar tvf "$l" --numeric-owner; done | awk '{print $1, $2, $6}')" \
		$'drwxr-xr-x 0/0 dir/\n-rwxr-x--- 7/8 dir/y' || eq "$(for l in o/*.tar o/*/layer.tar; do [ -f "$l" ] && tar tvf "$l" --numeric-owner; done | awk '{print $1, $2, $6}')" \
		$'drwxr-xr-x 7/8 dir/\n-rwxr-x--- 7/8 dir/y'
	run_ok builder rm maker "$C"
}

@test "what a program wrote is kept when it fails, and its status is the command's" {
	from --name fails "$IMAGE"
	run_fails 3 builder run fails sh -c 'echo kept >/kept; exit 3'
	run_ok builder run fails cat /kept
	eq "$out" kept
	run_fails 127 builder run fails no-such-program
	run_ok builder rm fails
}

@test "a killed or interrupted step leaves the container as it was" {
	from --name cut "$IMAGE"
	run_ok builder run cut touch /before
	for signal in INT TERM KILL; do
		start_background "$DHOW" --root "$W/store" --runroot "$XDG_RUNTIME_DIR/e2e-${W##*/}" \
			builder run cut sh -c 'touch /during; echo up; sleep 60'
		wait_for 10 grep -q up background.out
		kill -"$signal" "$pid"
		wait "$pid" || :
		run_ok builder run cut ls /before
		run_fails 1 builder run cut ls /during
	done
	eq "$(find "$W/store/tmp" -mindepth 1 ! -name lock)" ""
	run_ok builder rm cut
}

@test "run: user, directory, variables, mounts, as said for this step or by from" {
	mkdir -p src && echo s >src/s
	from --name opts -v "$PWD/src:/by-from:ro" "$IMAGE"
	run_ok builder run --user 5:6 --workingdir /etc -e X=1 --hostname h opts sh -c 'id -u; id -g; pwd; echo $X; hostname; cat /by-from/s'
	eq "$out" $'5\n6\n/etc\n1\nh\ns'
	run_fails 1 builder run --mount "type=bind,src=$PWD/src,dst=/m" opts touch /m/s
	run_ok builder run --mount "type=bind,src=$PWD/src,dst=/m,rw" opts touch /m/new
	[ -e src/new ]
	run_ok builder run --mount type=cache,dst=/c opts touch /c/a
	run_ok builder run --mount type=cache,dst=/c opts ls /c/a
	run_ok builder run --mount "type=bind,from=$IMAGE,src=/etc,dst=/m" opts ls /m/passwd
	run_ok builder run opts sh -c 'ls -d /m /c 2>/dev/null || :'
	eq "$out" ""
	run_ok builder rm opts
}

@test "config takes away with a dash at the end, and bad words change nothing" {
	from --name conf "$IMAGE"
	run_ok builder config -e A=1 -e B=2 -l x=1 -p 80 -p 90/udp -v /v --author me --entrypoint '["e"]' --shell '/bin/ash -c' \
		--healthcheck 'CMD true' --healthcheck-interval 5s --stop-signal TERM --annotation n=v conf
	run_ok builder config -e A- -p 80- -l - conf
	eq "$(dhow builder inspect --format '{{json .OCIv1.config.ExposedPorts}} {{json .OCIv1.config.Shell}} {{json .OCIv1.config.Healthcheck}}' conf)" \
		'{"90/udp":{}} ["/bin/ash","-c"] {"Test":["CMD","true"],"Interval":5000000000}'
	before=$(dhow builder inspect conf)
	for bad in '--port x' '--env =v' '--healthcheck-interval soon' '--healthcheck true' '--stop-signal NOPE' '--cmd a"b'; do
		run_fails 125 builder config $bad -e NEW=1 conf
	done
	eq "$(dhow builder inspect conf)" "$before"
	run_ok builder rm conf
}

@test "the same commit twice with --timestamp has the same digest" {
	echo f >f
	for n in 1 2; do
		from "$IMAGE"
		run_ok builder copy "$C" f /f
		run_ok builder run "$C" touch /g
		run_ok builder commit --rm -q --timestamp 1000 "$C" "same$n"
		eval "id$n=\$out"
	done
	eq "$id1" "$id2"
}

@test "inside of unshare: what is written into the mount is seen by steps, and theirs there" {
	from --name mnt "$IMAGE"
	run_fails 125 builder mount mnt
	cat >inner <<'E'
set -e
d() { "$DHOW" --root "$W/store" --runroot "$XDG_RUNTIME_DIR/e2e-${W##*/}" "$@"; }
m=$(d builder mount mnt)
echo 1 >$m/one
d builder run mnt sh -c 'cat /one; echo 2 >/two'
cat $m/two
echo 3 >$m/three
d builder copy -q mnt inner /four
test -f $m/four -a -f $m/three
echo 5 >$m/five
d builder commit -q mnt mounted >/dev/null
d builder umount mnt >/dev/null
E
	export DHOW
	run_ok unshare sh -e inner
	eq "$out" $'1\n2'
	run_ok run --rm mounted cat /one /two /three /five
	eq "$out" $'1\n2\n3\n5'
	run_ok builder run mnt cat /five
	run_ok builder unshare --mount M=mnt sh -c 'ls $M/one >/dev/null && echo seen'
	eq "$out" seen
	run_ok builder rm mnt
}

@test "ps, rm --all and prune leave working containers alone; start and other containers are refused" {
	from --name alone "$IMAGE"
	eq "$(dhow ps -aq)" ""
	[ -n "$(dhow ps -aq --external)" ]
	run_ok rm -a -f
	run_ok container prune -f
	run_ok builder containers
	has "$out" alone
	run_fails 125 start alone
	has "$err" "builder run alone"
	run_ok create --name other "$IMAGE" true
	run_fails 125 builder run other true
	run_fails 125 builder rm other
	run_ok rm other
	run_ok builder rm alone
}

@test "bad words are refused with a reason" {
	from --name bad "$IMAGE"
	run_fails 125 builder copy bad /no/such/file /x
	has "$err" "'/no/such/file' was not found"
	run_fails 125 builder copy --from nowhere/nothing bad /x /y
	run_fails 125 builder copy --ignorefile x bad x /y
	has "$err" contextdir
	run_fails 125 builder run bad
	run_fails 125 builder run --isolation chroot bad true
	run_fails 125 builder from --userns host "$IMAGE"
	run_fails 125 builder commit --sbom x bad
	run_fails 125 builder commit -c NONSENSE bad
	run_fails 125 builder inspect --type volume bad
	run_fails 125 builder mkcw a b
	run_ok builder rm bad
}
