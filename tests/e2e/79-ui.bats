#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# the live view, in a real terminal of changing size
load lib

# a terminal of its own with a shell in it
terminal() { # COLUMNS LINES
	need tmux
	export LC_ALL=C.UTF-8
	TMUX_SOCKET=$T/tmux
	printf '#!/bin/sh\nexec "%s" --root "%s" --runroot "%s" "$@"\n' "$DHOW" "$W/store" "$XDG_RUNTIME_DIR/e2e-${W##*/}" >d
	chmod 755 d
	TERM=xterm tmux -S "$TMUX_SOCKET" -f /dev/null new-session -d -x "$1" -y "$2" 'bash --norc --noprofile' 3>&- 4>&-
	keys "PS1='\$ '; cd $T; stty -g >before" Enter
}
tmux_() { tmux -S "$TMUX_SOCKET" "$@" 3>&- 4>&-; }
keys() { tmux_ send-keys "$@"; }
screen() { tmux_ capture-pane -p; }
on_screen() { screen | grep -qE -- "$1"; }
shows() { # SECONDS PATTERN
	wait_for "$1" on_screen "$2" || { screen; false; }
}
gone() { wait_for 5 test -s after; }
teardown() {
	[ -z "${TMUX_SOCKET:-}" ] || tmux_ kill-server 2>/dev/null || :
	dhow rm -a -f -t 0 >/dev/null 2>&1 || :
}
two_containers() {
	dhow run -d --name web --network none $IMAGE sh -c 'echo it says hello; exec sleep 1000' >/dev/null
	dhow run -d --name sick --network none --health-cmd false --health-interval 1s --health-retries 1 $IMAGE sleep 1000 >/dev/null
}

@test "it shows containers, what they use and their health; a key shows the log; q ends it" {
	terminal 120 12
	two_containers
	keys "./d ui; echo status=\$?; stty -g >after" Enter
	shows 5 "dhow: 2 containers, 2 running"
	shows 5 unhealthy
	shows 5 '^web .*[0-9.]+% +[0-9.]+[kM]?B +Up'
	keys l
	shows 5 "log of web"
	shows 5 "it says hello"
	keys q
	shows 5 "s stop"
	keys q
	shows 5 "status=0"
	gone
	cmp before after
}

@test "restart and stop on keys, after a question" {
	terminal 100 10
	dhow run -d --name web --network none $IMAGE sh -c 'trap "exit 3" TERM; while :; do sleep 0.1; done' >/dev/null
	was=$(dhow inspect --format '{{.State.Pid}}' web)
	keys "./d top --all" Enter
	shows 5 "1 running"
	keys r
	shows 5 "restart web. y/n"
	keys n
	eq "$(dhow inspect --format '{{.State.Pid}}' web)" "$was"
	keys r y
	shows 15 "restart web: done"
	[ "$(dhow inspect --format '{{.State.Pid}}' web)" != "$was" ]
	keys s y
	shows 15 "stop web: done"
	shows 5 "Exited"
	eq "$(dhow inspect --format '{{.State.Running}}' web)" false
	keys a
	shows 5 "no containers"
}

@test "any size will do, and it may change at any time" {
	terminal 80 24
	two_containers
	keys "./d ui; echo status=\$?; stty -g >after" Enter
	shows 5 "2 running"
	for size in 40x5 10x3 3x2 1x1 200x50; do
		tmux_ resize-window -x "${size%x*}" -y "${size#*x}"
		sleep 0.3
	done
	shows 5 "localhost/small:latest"
	tmux_ resize-window -x 30 -y 6
	shows 5 "dhow: 2 containers"
	keys q
	gone
	cmp before after
}

@test "the terminal is as before whatever ends it: an interrupt, a signal, a hang-up" {
	terminal 80 10
	local signal
	for signal in TERM HUP QUIT; do
		rm -f after
		keys "./d ui; echo status=\$?; stty -g >after" Enter
		wait_for 5 pgrep -P "$(tmux_ list-panes -F '#{pane_pid}')" ui
		shows 5 "no containers"
		kill -$signal "$(pgrep -P "$(tmux_ list-panes -F '#{pane_pid}')" ui)"
		gone
		cmp before after
	done
	rm -f after
	keys "./d ui; echo status=\$?; stty -g >after" Enter
	shows 5 "no containers"
	keys C-c
	gone
	cmp before after
	shows 5 "status=130"
	# nothing of it is left
	eq "$(pgrep -f "$W/store.*stats" || :)" ""
}

@test "without a terminal, or with an unknown one, one clear error" {
	run_fails 125 ui
	has "$err" "the live view needs a terminal"
	run_fails 125 top --all web
	has "$err" "exclude each other"
	terminal 80 10
	keys "TERM=nonsense ./d ui; echo status=\$?" Enter
	shows 5 "the kind of terminal 'nonsense' is not known"
	shows 5 "status=125"
}
