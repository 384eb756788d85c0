#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run: exit statuses, streams, identity, the default profile
load lib

@test "the exit status is the command's; 125, 126 and 127 say who failed" {
	run_ok run --rm $IMAGE true
	run_exits 3 run --rm $IMAGE sh -c 'exit 3'
	run_fails 127 run --rm $IMAGE no-such-command
	has "$err" no-such-command
	run_fails 126 run --rm $IMAGE /etc/passwd
	has "$err" "permission denied"
	run_fails 125 run --rm --no-such-option $IMAGE true
	has "$err" "unknown flag: --no-such-option"
	run_fails 125 run --rm --pull=never localhost/none true
	has "$err" localhost/none
	run_ok ps -aq
	eq "$out" ""
}

@test "stdout and stderr stay apart, stdin passes through whole" {
	run_ok run --rm $IMAGE sh -c 'echo one; echo two >&2'
	eq "$out" one
	eq "$err" two
	head -c 3M /dev/urandom >"$T/in"
	dhow run --rm -i $IMAGE cat <"$T/in" | cmp - "$T/in"
}

@test "a detached container is listed, logged, entered, stopped and removed" {
	run_ok run -d --name $C $IMAGE sh -c 'echo up; exec sleep 1000'
	[[ $out =~ ^[0-9a-f]{64}$ ]]
	wait_for 10 log_has $C up
	run_ok ps --format '{{.Names}} {{.State}} {{.Image}}'
	eq "$out" "$C running $IMAGE"
	run_ok exec $C sh -c 'echo $((6 * 7))'
	eq "$out" 42
	run_exits 9 exec $C sh -c 'exit 9'
	run_ok stop -t 0 $C
	run_ok inspect --format '{{.State.Status}} {{.State.ExitCode}}' $C
	eq "$out" "exited 137"
	run_ok rm $C
	run_fails 125 inspect $C
}

@test "what a container may do is pinned: capabilities, filter, masks, descriptors, groups" {
	run_ok run --rm $IMAGE sh -c 'grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/self/status; id; ls /proc/self/fd | wc -l; ls /dev | sort | tr "\n" " "'
	eq "$out" "CapInh:	0000000000000000
CapPrm:	00000000800405fb
CapEff:	00000000800405fb
CapBnd:	00000000800405fb
CapAmb:	0000000000000000
NoNewPrivs:	0
Seccomp:	2
uid=0(root) gid=0(root)
4
core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero "
	run_ok run --rm -u 1234 $IMAGE sh -c 'grep -E "^Cap(Prm|Eff|Amb)" /proc/self/status'
	eq "$out" "CapPrm:	0000000000000000
CapEff:	0000000000000000
CapAmb:	0000000000000000"
	run_ok run --rm $IMAGE sh -c 'for f in /proc/kcore /proc/keys /proc/timer_list; do head -c1 $f 2>/dev/null; done; touch /proc/sys/x /sys/x 2>/dev/null || echo ro; echo 1 2>/dev/null >/proc/sys/kernel/core_pattern || echo no'
	eq "$out" "ro
no"
}

@test "exec has the container's profile and no more" {
	run_ok run -d --name $C --cap-drop all $IMAGE sleep 1000
	run_ok exec $C grep -E '^Cap|Seccomp:' /proc/self/status
	eq "$(cut -f2 <<<"$out" | tr '\n' ' ')" "0000000000000000 0000000000000000 0000000000000000 0000000000000000 0000000000000000 2 "
	run_ok exec $C sh -c 'ls /proc/self/fd | wc -l'
	eq "$out" 4
}

@test "ids are exact: nothing is wrapped or cut" {
	local user
	for user in -1 4294967295 4294967296 0x1 1e3 "1 " " 1" 1:4294967296 +1 70000; do
		capture dhow run --rm --network none "--user=$user" $IMAGE id -u
		[ "$status" != 0 ] || complain "the user '$user' ran as $out"
	done
	run_ok run --rm -u 65534 $IMAGE id -u
	eq "$out" 65534
}

@test "a terminal has our size and the exit status comes back" {
	need script
	local got
	got=$(script -qec "stty rows 31 cols 97; $DHOW --root $W/store --runroot $XDG_RUNTIME_DIR/e2e-${W##*/} run --rm -it $IMAGE sh -c 'stty size; exit 5'; echo status \$?" /dev/null < <(sleep 5))
	eq "$(tr -d '\r' <<<"$got")" $'31 97\nstatus 5'
}

@test "a published port answers, and a port in use is named" {
	unused_port
	run_ok run -d --name $C -p 127.0.0.1:$port:80 $IMAGE
	wait_for 10 eval "(exec 5<>/dev/tcp/127.0.0.1/$port) 2>/dev/null"
	exec 7<>/dev/tcp/127.0.0.1/$port
	printf 'GET / HTTP/1.0\r\n\r\n' >&7
	has "$(cat <&7)" hello
	exec 7>&-
	run_ok port $C
	eq "$out" "80/tcp -> 127.0.0.1:$port"
	run_fails 125 run --rm -p 127.0.0.1:$port:80 $IMAGE true
	has "$err" "$port"
}

@test "the host's loopback is out of reach unless it is asked for" {
	need python3
	unused_port
	mkdir "$T/www"; echo private >"$T/www/page"
	start_background python3 -m http.server --directory "$T/www" --bind 127.0.0.1 $port
	wait_for 10 eval "(exec 5<>/dev/tcp/127.0.0.1/$port) 2>/dev/null"
	run_exits 1 run --rm $IMAGE sh -c "printf 'GET /page HTTP/1.0\r\n\r\n' | nc -w 2 10.0.2.2 $port"
	hasnt "$out" private
	run_ok run --rm --network slirp4netns:allow_host_loopback=true $IMAGE sh -c "printf 'GET /page HTTP/1.0\r\n\r\n' | nc -w 5 10.0.2.2 $port"
	has "$out" private
}

@test "a network helper that dies after the program was started ends the container, and is said" {
	mkdir bin
	# the real one makes device and route, and is gone before it is ready
	cat >bin/slirp4netns <<-EOF
		#!/bin/bash
		exec 9>/dev/null
		$(command -v slirp4netns) "\${@/--ready-fd=3/--ready-fd=9}" 3>&- &
		sleep 0.5
		kill \$!
		echo 'no sandbox for me' >&2
		exit 1
	EOF
	chmod 755 bin/slirp4netns
	PATH=$T/bin:$PATH run_fails 125 run --name $C $IMAGE sleep 60
	has "$err" "slirp4netns: no sandbox for me"
	eq "$(dhow ps -a --format '{{.State}}')" created
	run_ok start $C
	eq "$(dhow ps --format '{{.State}}')" running
	run_ok rm -f -t 0 $C
}

@test "options after the image belong to the command" {
	run_ok run --rm $IMAGE echo --rm -e X=1 --name y
	eq "$out" "--rm -e X=1 --name y"
}
