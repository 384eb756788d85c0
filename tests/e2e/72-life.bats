#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# the life of a container without anybody watching: health checks, restarts, what ends them
load lib

health_is() { [ "$(dhow inspect --format '{{.State.Health.Status}}' "$1")" = "$2" ]; }
restarts_are() { [ "$(dhow inspect --format '{{.RestartCount}}' "$1")" -ge "$2" ]; }
pid_of() { dhow inspect --format '{{.State.Pid}}' "$1"; }
monitor_of() { dhow inspect --format '{{.State.ConmonPid}}' "$1"; }

@test "a health check runs by itself, and tells only changes" {
	run_ok run -d --name $C --network none --health-cmd 'echo x >>/tmp/runs; test -e /tmp/ok' --health-interval 200ms --health-retries 3 $IMAGE sleep 1000
	wait_for 10 health_is $C unhealthy
	run_ok exec $C touch /tmp/ok
	wait_for 10 health_is $C healthy
	run_ok ps --format '{{.Status}}'
	has "$out" "(healthy)"
	wait_for 10 runs_are $C 12
	run_ok events --stream=false --filter container=$C --filter event=health_status --format '{{.HealthStatus}}'
	eq "$out" $'unhealthy\nhealthy'
	run_ok inspect $C
	eq "$(jq '.[0].State.Health.Log | length' <<<"$out")" 5
	# its end is the end of the checks
	pid=$(pid_of $C)
	run_ok stop -t 0 $C
	gone "$pid"
	sleep 0.5
	! pgrep -u "$(id -u)" -f "healthcheck run --auto $(dhow inspect --format '{{.Id}}' $C)" || complain "a check lives on"
}
runs_are() { [ "$(dhow exec "$1" sh -c 'wc -l </tmp/runs')" -ge "$2" ]; }

@test "a check that hangs is not started twice, and ends with its time-out" {
	run_ok run -d --name $C --network none --health-cmd 'echo x >>/tmp/runs; sleep 1000' --health-timeout 1s --health-interval 100ms --health-retries 1 $IMAGE sleep 1000
	wait_for 10 health_is $C unhealthy
	run_ok exec $C sh -c 'ps | grep -c "[s]leep 1000$"'
	[ "$out" -le 2 ] || complain "checks pile up"
}

@test "the start-up check comes first, and restarts what does not start" {
	run_ok run -d --name $C --network none --health-cmd 'echo main >>/tmp/runs' --health-interval 200ms \
		--health-startup-cmd 'echo start >>/tmp/runs; [ $(wc -l </tmp/runs) -ge 3 ]' --health-startup-interval 200ms --health-startup-success 2 $IMAGE sleep 1000
	wait_for 10 health_is $C healthy
	run_ok exec $C head -n 5 /tmp/runs
	eq "$out" $'start\nstart\nstart\nstart\nmain'
	run_ok run -d --name $C-b --network none --health-cmd true --health-startup-cmd false --health-startup-interval 200ms --health-startup-retries 2 --stop-timeout 0 $IMAGE sleep 1000
	pid=$(pid_of $C-b)
	wait_for 20 gone "$pid"
	wait_for 20 is_state $C-b running
}

@test "what is done when it gets unhealthy: kill, stop, restart; with a policy a killed one runs again" {
	local unhealthy=(--network none --health-cmd false --health-interval 200ms --health-retries 1)
	run_ok run -d --name $C-k "${unhealthy[@]}" --health-on-failure kill $IMAGE sleep 1000
	run_ok run -d --name $C-s "${unhealthy[@]}" --health-on-failure stop --stop-timeout 0 --restart always $IMAGE sleep 1000
	run_ok run -d --name $C-r "${unhealthy[@]}" --health-on-failure restart --stop-timeout 0 $IMAGE sleep 1000
	pid=$(pid_of $C-r)
	run_ok run -d --name $C-p "${unhealthy[@]}" --health-on-failure kill --restart always $IMAGE sleep 1000
	wait_for 10 is_state $C-k exited
	wait_for 10 is_state $C-s exited
	wait_for 10 gone "$pid"
	wait_for 10 is_state $C-r running
	wait_for 10 restarts_are $C-p 1
	is_state $C-s exited
}

restart_events_are() { [ "$(dhow events --stream=false --filter "container=$1" --filter event=restart --format x | wc -l)" = "$2" ]; }

@test "on-failure:N, always, and no; stop, kill and rm end it" {
	run_ok run -d --name $C-a --network none --restart on-failure:2 $IMAGE sh -c 'echo try; exit 3'
	run_ok run -d --name $C-b --network none --restart on-failure $IMAGE sh -c 'echo try'
	run_ok run -d --name $C-c --network none --restart unless-stopped $IMAGE sh -c 'echo try; sleep 0.1'
	run_ok run -d --name $C-d --network none --restart always $IMAGE sleep 1000
	run_ok run -d --name $C-e --network none --restart always $IMAGE sleep 0.1
	wait_for 10 restarts_are $C-c 2
	wait_for 10 restarts_are $C-a 2
	sleep 1
	run_ok logs $C-a
	eq "$out" $'try\ntry\ntry'
	run_ok logs $C-b
	eq "$out" try
	run_ok inspect --format '{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}' $C-a
	eq "$out" "exited 3 2 2"
	run_ok stop -t 0 $C-c
	run_ok kill $C-d
	run_ok rm -f -t 0 $C-e
	sleep 1
	is_state $C-c exited
	is_state $C-d exited
	run_fails 125 inspect $C-e
	run_ok ps -aq --filter should-start=true
	eq "$out" ""
	# a start by the user begins anew
	run_ok start $C-a
	wait_for 10 restarts_are $C-a 2
	wait_for 5 restart_events_are $C-a 4 # each is told after it is counted
	run_fails 125 run --rm --restart always $IMAGE true
	has "$err" --restart
	run_fails 125 run -d --restart always:3 $IMAGE true
	run_fails 125 run -d --restart always --log-driver passthrough $IMAGE true
}

@test "the monitor may be killed: what should run is found and started" {
	run_ok run -d --name $C --network none --restart always $IMAGE sleep 1000
	pid=$(pid_of $C)
	kill -9 "$(monitor_of $C)"
	wait_for 10 gone "$pid"
	is_state $C exited
	run_ok ps -aq --no-trunc --filter should-start=true
	[ -n "$out" ] || complain "it is not found"
	run_ok start --all --filter should-start=true
	is_state $C running
	run_ok stop -t 0 $C
	run_ok start --all --filter restart-policy=always
	is_state $C running
	kill -9 "$(pid_of $C)"
	wait_for 10 restarts_are $C 1
	wait_for 10 is_state $C running
}

@test "a restart that fails is tried again" {
	run_ok run -d --name $C --network none --restart always $IMAGE sleep 1000
	local config
	config=$W/store/containers/$(dhow inspect --format '{{.Id}}' $C)/config.json
	mv "$config" "$T/config.json"
	kill -9 "$(pid_of $C)"
	sleep 0.6
	is_state $C exited
	mv "$T/config.json" "$config"
	wait_for 10 is_state $C running
}

@test "logs -f goes on over restarts, and ends with the last of them" {
	run_ok run -d --name $C --network none --restart on-failure:2 $IMAGE sh -c 'echo try; sleep 0.3; exit 1'
	capture timeout 20 "$DHOW" --root "$W/store" --runroot "$XDG_RUNTIME_DIR/e2e-${W##*/}" logs -f $C
	eq "$status:$out" $'0:try\ntry\ntry'
}

@test "who follows a log gets each line once, however often it is rotated" {
	run_ok run -d --name $C --network none --log-opt max-size=1mb --log-opt max-file=3 $IMAGE \
		sh -c 'echo begin; until [ -e /go ]; do sleep 0.1; done; seq 1 150000'
	start_background dhow logs -f $C
	wait_for 10 grep -q begin "$T/background.out"
	run_ok exec $C touch /go
	wait "$pid"
	seq 1 150000 | cmp - <(tail -n +2 "$T/background.out")
	run_ok logs --tail 2 $C
	eq "$out" $'149999\n150000'
	[ "$(du -sb "$W/store/containers/"*/log* | awk '{n += $1} END {print n}')" -le $((3 << 20)) ] || complain "the log is too long"
}

@test "the journal is written when there is one; what a log driver cannot do is said" {
	if [ -S /run/systemd/journal/socket ]; then
		run_ok run --name $C --network none --log-driver journald --log-opt tag=t $IMAGE echo hello
		run_fails 125 logs $C
		has "$err" journalctl
	else
		run_fails 125 run --network none --log-driver journald $IMAGE true
		has "$err" journald
	fi
	run_fails 125 run --network none --log-opt tag=x $IMAGE true
	has "$err" tag
	run_fails 125 run --network none --log-driver journald --log-opt 'tag={{.Nonsense}}' $IMAGE true
	has "$err" "{{.Nonsense}}"
}

listener() { # writes what comes to $NOTIFY into $T/notified
	need python3
	NOTIFY=$T/notify.sock
	cat >"$T/listen.py" <<-'PY'
	import socket, sys
	s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
	s.bind(sys.argv[1])
	while True:
	    text = s.recv(4096).decode()
	    with open(sys.argv[2], "a") as f: f.write(text.replace("\n", " ") + "\n")
	PY
	start_background python3 "$T/listen.py" "$NOTIFY" "$T/notified"
	wait_for 10 test -S "$NOTIFY"
}
told() { grep -q "$1" "$T/notified" 2>/dev/null; }

@test "the service manager is told: at the start, when a check says so, and after a restart" {
	listener
	export NOTIFY_SOCKET=$NOTIFY
	run_ok run -d --name $C-c --network none --sdnotify conmon --restart always $IMAGE sh -c 'echo "got $NOTIFY_SOCKET"; exec sleep 1000'
	wait_for 5 told "MAINPID=$(monitor_of $C-c) READY=1"
	run_ok logs $C-c
	eq "$out" "got "
	kill -9 "$(pid_of $C-c)"
	wait_for 5 restarts_are $C-c 1
	wait_for 5 is_state $C-c running
	wait_for 5 told "MAINPID=$(monitor_of $C-c) READY=1"
	: >"$T/notified"
	run_ok run -d --name $C-h --network none --sdnotify healthy --health-cmd 'test -e /tmp/ok' --health-interval 200ms $IMAGE sleep 1000
	wait_for 5 told "MAINPID=$(monitor_of $C-h)"
	wait_for 5 health_is $C-h unhealthy
	! told READY || complain "it is not ready"
	run_ok exec $C-h touch /tmp/ok
	wait_for 5 told READY=1
	run_ok run --rm --network none $IMAGE sh -c 'echo $NOTIFY_SOCKET; stat -c %F:%a $NOTIFY_SOCKET'
	eq "$out" $'/run/notify/notify.sock\nsocket:777'
	run_ok run --rm --network none --sdnotify ignore $IMAGE sh -c 'echo ${NOTIFY_SOCKET-none}'
	eq "$out" none
	run_fails 125 run --rm --sdnotify healthy $IMAGE true
	run_fails 125 run --rm --sdnotify sometimes $IMAGE true
	has "$err" sometimes
	NOTIFY_SOCKET=$T/nobody run_ok run --rm --network none $IMAGE true
	has "$err" nobody
}

@test "sockets of a service manager are descriptors from 3 on, for the process that they are meant for" {
	echo content >"$T/file"
	run_ok run --rm --network none $IMAGE sh -c 'echo ${LISTEN_FDS-none}'
	eq "$out" none
	status=0
	out=$(bash -c 'exec 3<"$1" 4<"$1"; shift; export LISTEN_FDS=2 LISTEN_PID=$$ LISTEN_FDNAMES=a:b; exec "$@"' - "$T/file" \
		"$DHOW" --root "$W/store" --runroot "$XDG_RUNTIME_DIR/e2e-${W##*/}" run --rm --network none $IMAGE \
		sh -c 'echo $LISTEN_FDS $LISTEN_PID $LISTEN_FDNAMES; cat <&3; cat <&4' 2>&1) || complain "$out"
	eq "$out" $'2 1 a:b\ncontent\ncontent'
	out=$(LISTEN_FDS=2 LISTEN_PID=1 dhow run --rm --network none $IMAGE sh -c 'echo ${LISTEN_FDS-none}')
	eq "$out" none
	status=0
	err=$(bash -c 'export LISTEN_FDS=99 LISTEN_PID=$$; exec "$@"' - "$DHOW" --root "$W/store" --runroot "$XDG_RUNTIME_DIR/e2e-${W##*/}" run --rm $IMAGE true 2>&1) || status=$?
	eq "$status" 125
	has "$err" LISTEN_FDS
}

@test "--cgroups=split puts the container below the cgroup of the caller" {
	local own
	own=$(sed -n 's/^0:://p' /proc/self/cgroup)
	[ -w "/sys/fs/cgroup$own/cgroup.procs" ] || skip "no delegated cgroup"
	run_ok run -d --name $C --network none --cgroups split $IMAGE sleep 1000
	eq "$(sed -n 's/^0:://p' "/proc/$(pid_of $C)/cgroup")" "$own/dhow-$(dhow inspect --format '{{.Id}}' $C)"
	eq "$(sed -n 's/^0:://p' "/proc/$(monitor_of $C)/cgroup")" "$own/supervisor"
	run_ok restart -t 0 $C
	run_ok rm -f -t 0 $C
	wait_for 5 rmdir "/sys/fs/cgroup$own/supervisor"
	run_fails 125 run --rm --cgroups split --cgroup-parent /x $IMAGE true
}

@test "update changes the policy and the check of a running container, and its environment from the next start on" {
	run_ok run -d --name $C --network none -e A=1 -e B=1 --ulimit nofile=100 $IMAGE sh -c 'echo A=$A B=${B-none}; ulimit -n; exec sleep 1000'
	run_ok update --restart on-failure:5 -e A=2 --unsetenv B --ulimit nofile=50 $C
	eq "$out" $C
	run_ok inspect --format '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}' $C
	eq "$out" "on-failure 5"
	kill -9 "$(pid_of $C)"
	wait_for 10 restarts_are $C 1
	wait_for 10 is_state $C running
	run_ok logs $C
	eq "$out" $'A=1 B=1\n100\nA=2 B=none\n50'
	run_ok update --restart no $C
	kill -9 "$(pid_of $C)"
	wait_for 10 is_state $C exited
	sleep 1
	is_state $C exited
	run_ok update --health-cmd 'test -e /tmp/ok' --health-interval 200ms --health-retries 1 $C
	run_ok start $C
	wait_for 10 health_is $C unhealthy
	run_ok update --health-cmd true $C
	wait_for 10 health_is $C healthy
	run_ok inspect --format '{{.Config.Healthcheck.Test}} {{.Config.Healthcheck.Interval}} {{.Config.Healthcheck.Retries}}' $C
	eq "$out" "[CMD-SHELL true] 200000000 1"
	run_ok update --no-healthcheck $C
	run_fails 125 healthcheck run $C
	run_ok update --health-cmd false --health-interval 200ms --health-on-failure kill --health-retries 2 $C
	wait_for 10 is_state $C exited
	run_fails 125 update --restart sometimes $C
	has "$err" sometimes
	run_fails 125 update --memory lots $C
	has "$err" lots
	run_fails 125 update --health-cmd x --no-healthcheck $C
	run_fails 125 update --memory-swappiness 3 $C
	has "$err" --memory-swappiness
	run_fails 125 update --restart no $C-none
	run_ok update --memory 64m --cpus 0.5 $C
	run_ok update --memory-swap 128m --pids-limit 77 $C
	run_ok inspect --format '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}}' $C
	eq "$out" "67108864 134217728 500000000 77"
	run_ok update --memory 0 --cpus 0 $C
	run_ok inspect --format '{{.HostConfig.Memory}} {{.HostConfig.CpuQuota}} {{.HostConfig.PidsLimit}}' $C
	eq "$out" "0 0 77"
}

@test "a container that others need stays until they are gone, and is started before them" {
	run_ok create --name $C-a --network none $IMAGE sleep 1000
	run_ok create --name $C-b --network none --requires $C-a $IMAGE sleep 1000
	run_ok create --name $C-c --network none --requires $C-b,$C-a $IMAGE sleep 1000
	run_ok start $C-c
	is_state $C-a running
	is_state $C-b running
	run_fails 125 rm -f -t 0 $C-a
	has "$err" "$(dhow inspect --format '{{.Id}}' $C-b)"
	run_ok stop -t 0 $C-a $C-b $C-c
	run_fails 125 rm $C-a $C-b
	run_ok rm $C-a $C-b $C-c
	eq "$out" "$C-c
$C-b
$C-a"
	run_ok create --name $C-a --network none $IMAGE sleep 1000
	run_ok run -d --name $C-b --network container:$C-a $IMAGE sleep 1000
	is_state $C-a running
	run_ok rm -f -t 0 --depend $C-a
	run_fails 125 inspect $C-b
	run_ok create --name $C-a $IMAGE true
	run_ok create --name $C-b --requires $C-a $IMAGE true
	run_ok container prune -f
	run_ok ps -aq
	eq "$out" ""
	run_fails 125 create --requires $C-none $IMAGE true
	has "$err" "$C-none"
}

@test "init prepares all but the program; start, stop and rm go on from there" {
	run_ok create --name $C --network none $IMAGE sh -c 'echo out; exit 3'
	run_ok init $C
	is_state $C initialized
	run_ok logs $C
	eq "$out" ""
	run_fails 125 init $C
	run_exits 3 start -a $C
	eq "$out" out
	run_ok init $C
	is_state $C initialized
	run_ok stop $C
	is_state $C created
	run_ok init $C
	run_ok rm -f -t 0 $C
	run_ok create --name $C --network none $IMAGE /no/such/program
	run_ok init $C
	run_fails 125 start $C
	is_state $C created
	run_ok create --name $C-k --network none $IMAGE sleep 1000
	run_ok init $C-k
	pkill -9 -u "$(id -u)" -f "^dhow-monitor $(dhow inspect --format '{{.Id}}' $C-k)"
	wait_for 5 is_state $C-k created
	run_ok start $C-k
	is_state $C-k running
	run_fails 125 init $C-k
	run_ok create --name $C-t --network none -t $IMAGE stty size
	run_ok init $C-t
	run_ok start $C-t
	wait_for 5 is_state $C-t exited
	run_ok events --stream=false --filter container=$C-t --format '{{.Status}}'
	eq "$out" $'create\ninit\nstart\ndied'
	wait_for 5 no_prepared
}
no_prepared() { ! pgrep -u "$(id -u)" -f "^dhow-monitor" >/dev/null || [ "$(dhow ps -q | wc -l)" = "$(pgrep -u "$(id -u)" -cf ^dhow-monitor)" ]; }

@test "many starts at once, and many deaths at once" {
	local i pids=()
	for i in $(seq 20); do
		dhow run -d --name $C-$i --network none --restart always --health-cmd true --health-interval 1s $IMAGE sleep 1000 >"$T/$i.out" 2>"$T/$i.err" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i" || complain "a start failed: $(cat "$T"/*.err)"; done
	eq "$(dhow ps -q | wc -l)" 20
	for i in $(seq 20); do kill -9 "$(pid_of $C-$i)"; done
	for i in $(seq 20); do
		wait_for 20 restarts_are $C-$i 1
		wait_for 20 is_state $C-$i running
	done
	run_ok rm -af -t 0
	wait_for 10 no_monitor
}
no_monitor() { ! pgrep -u "$(id -u)" -x monitor >/dev/null; }

@test "stop: a first process without a handler is said, and not waited for with --unhandled=kill; it is stopping meanwhile (U17)" {
	run_ok run -d --name $C --network none $IMAGE sleep 1000
	start_background dhow stop -t 100 $C
	wait_for 5 state_is $C "stopping false"
	eq "$(dhow ps --filter name=$C --format '{{.State}} {{.Status}}')" "stopping Stopping"
	eq "$(dhow ps -q --filter status=stopping | wc -l)" 1
	eq "$(dhow ps -q --filter status=running)" ""
	run_fails 125 start $C
	has "$err" "it is being stopped"
	# who stops it is killed: it runs as before
	pkill -9 -u "$(id -u)" -f "stop -t 100 $C"
	wait_for 5 state_is $C "running true"
	grep -q "has no handler for SIGTERM and will be killed in 100 s; use --init" "$T/background.err" || complain "it was not said"
	local begin=$SECONDS
	run_ok stop -t 100 --unhandled=kill $C
	has "$err" "will be killed now"
	[ $((SECONDS - begin)) -lt 50 ] || complain "it waited"
	# with a handler there is nothing to say; --signal takes the place of the container's own
	run_ok run -d --name $C-i --init --network none $IMAGE sleep 1000
	run_ok restart --signal INT $C-i
	run_ok stop --unhandled=kill $C-i
	eq "$err" ""
	run_fails 125 stop --signal NOSUCH $C
	run_fails 125 stop --unhandled never $C
}
state_is() { [ "$(dhow inspect --format '{{.State.Status}} {{.State.Running}}' "$1")" = "$2" ]; }
