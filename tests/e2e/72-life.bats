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
	run_ok run -d --name $C-b --network none --health-cmd true --health-startup-cmd false --health-startup-interval 200ms --health-startup-retries 2 $IMAGE sleep 1000
	pid=$(pid_of $C-b)
	wait_for 10 gone "$pid"
	wait_for 10 is_state $C-b running
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
	run_ok events --stream=false --filter container=$C-a --filter event=restart --format x
	eq "$out" $'x\nx\nx\nx'
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
	run_ok run -d --name $C --network none --log-opt max-size=1mb --log-opt max-file=3 $IMAGE sh -c 'sleep 0.3; seq 1 150000'
	run_ok logs -f $C
	eq "$(wc -l <<<"$out")" 150000
	eq "$(sed -n '1p;$p' <<<"$out")" $'1\n150000'
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
