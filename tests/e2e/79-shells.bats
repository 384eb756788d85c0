#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# completion in real shells, as typed at a terminal
load lib

prepare_file() {
	mkdir "$W/bin"
	printf '#!/bin/sh\nexec "%s" --root "%s" --runroot "%s" "$@"\n' "$DHOW" "$W/store" "$XDG_RUNTIME_DIR/e2e-${W##*/}" >"$W/bin/dhow"
	chmod 755 "$W/bin/dhow"
	dhow volume create my-volume >/dev/null
}
# a terminal of its own with that shell, which has been told of the completion
terminal() { # SHELL
	need tmux
	need "$1"
	dhow create --name cold-box --network none $IMAGE true >/dev/null
	dhow run -d --name warm-box --network none $IMAGE sleep 1000 >/dev/null
	export LC_ALL=C.UTF-8 TERM=xterm PATH=$W/bin:$PATH HOME=$T XDG_CONFIG_HOME=$T XDG_DATA_HOME=$T HISTFILE=/dev/null
	TMUX_SOCKET=$T/tmux
	mkdir -p files
	touch files/archive.tar
	local start
	case $1 in
	bash) start='bash --norc --noprofile' ;;
	zsh) start='zsh -f' ;;
	fish) start='fish --no-config' ;;
	esac
	tmux -S "$TMUX_SOCKET" -f /dev/null new-session -d -x 120 -y 30 "cd $T; exec $start" 3>&- 4>&-
	case $1 in
	bash) keys ". $REPO/completions/dhow.bash; PS1='> '; bind 'set bell-style none'; clear" Enter ;;
	zsh) keys "autoload -Uz compinit; compinit -D -u; . $REPO/completions/dhow.zsh; PS1='> '; clear" Enter ;;
	fish) keys "function fish_prompt; echo '> '; end; source $REPO/completions/dhow.fish; clear" Enter ;;
	esac
	wait_for 10 on_screen '^> ?$'
}
tmux_() { tmux -S "$TMUX_SOCKET" "$@" 3>&- 4>&-; }
keys() { tmux_ send-keys "$@"; }
on_screen() { tmux_ capture-pane -p | grep -qE -- "$1"; }
teardown() {
	[ -z "${TMUX_SOCKET:-}" ] || tmux_ kill-server 2>/dev/null || :
	dhow rm -a -f -t 0 >/dev/null 2>&1 || :
}
# typed, then Tab: the line becomes another one
becomes() { # TYPED LINE
	keys -l "$1"
	keys Tab
	wait_for 5 on_screen "^> $2( |\$)" || { tmux_ capture-pane -p; false; }
	keys C-u
	keys C-l
}
# typed, then Tab twice: a list that has one and has not the other
lists() { # TYPED PATTERN NOT
	keys -l "$1"
	keys Tab
	sleep 0.3
	keys Tab
	wait_for 5 on_screen "$2" || { tmux_ capture-pane -p; false; }
	! on_screen "$3"
	keys C-c
	keys C-l
}
all_of_it() {
	becomes "dhow attac" "dhow attach"
	becomes "dhow container attac" "dhow container attach"
	becomes "dhow run --hostna" "dhow run --hostname"
	becomes "dhow run --pull=nev" "dhow run --pull=never"
	becomes "dhow run --log-driver journ" "dhow run --log-driver journald"
	becomes "dhow start co" "dhow start cold-box"
	becomes "dhow stop wa" "dhow stop warm-box"
	becomes "dhow rmi localhost/sm" "dhow rmi localhost/small:latest"
	becomes "dhow volume rm my" "dhow volume rm my-volume"
	becomes "dhow load -i files/arch" "dhow load -i files/archive.tar"
	lists "dhow rm " "cold-box" "no-such-thing"
	lists "dhow volume " "prune" "cold-box"
	# what does not run cannot be stopped
	keys -l "dhow stop co"
	keys Tab
	sleep 0.5
	on_screen '^> dhow stop co *$'
}

@test "bash completes commands, options, values, containers by state, images, volumes and files" {
	terminal bash
	all_of_it
}
@test "zsh does" {
	terminal zsh
	all_of_it
}
@test "fish does" {
	terminal fish
	all_of_it
}
