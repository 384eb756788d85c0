#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# what can go wrong, provoked for real: each failure has its message and its hint, and `system doctor` tells those of the host before `run` does
load lib

prepare_file() { dhow volume create vol >/dev/null; }
the_row() { # SETUP COMMAND STATUS MESSAGE HINT, in a folder of its own
	local setup=$1 command=$2 want=$3 message=$4 hint=$5 status=0 said
	mkdir -p "$T/row/config/containers" && cd "$T/row" || return 1
	(
		export XDG_CONFIG_HOME=$T/row/config
		[ "$setup" = - ] || eval "$setup"
		eval "$command"
	) >out 2>err </dev/null || status=$?
	said=$(grep -A1 "^Error: " err || :)
	message=${message//\$IMAGE/$IMAGE} message=${message//\$USER/$USER}
	[ "$status" = "$want" ] || echo "$command: exit status $status, not $want: $(cat err)"
	[[ ${said%%$'\n'*} == *"$message"* ]] || echo "$command: '$message' is not in: $said"
	[[ $said == *"$hint"* ]] || echo "$command: the hint '$hint' is not in: $said"
	cd "$T" && rm -rf row
}

@test "a hundred failures and their messages" {
	dhow volume create vol >/dev/null 2>&1 || :
	dhow run --name dead "$IMAGE" true
	dhow run -d --name alive "$IMAGE" sleep 1000 >/dev/null
	local setup command want message hint count=0
	while IFS=$'\t' read -r setup command want message hint; do
		[[ $setup != \#* && -n $command ]] || continue
		count=$((count + 1))
		the_row "$setup" "$command" "$want" "$message" "$hint" </dev/null
	done <"$REPO/tests/failures.tsv" >"$T/wrong"
	eq "$(cat "$T/wrong")" ""
	[ "$count" -ge 100 ]
}

# ---- hosts: each runs dhow with the words behind it ----
old_slirp() {
	mkdir -p bin
	printf '#!/bin/sh\necho slirp4netns version 0.4.3\necho unrecognized option >&2\nexit 1\n' >bin/slirp4netns
	chmod 755 bin/slirp4netns
	PATH=$PWD/bin:$PATH dhow "$@"
}
no_privileges() { setpriv --no-new-privs "$DHOW" "${store[@]}" "$@"; }
no_namespaces() { unshare -r sh -c 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"' - "$DHOW" "${store[@]}" "$@"; }
covered() { # WHAT BY COMMAND...
	unshare -r -m sh -c 'mount --bind "$2" "$1" && shift 2 && exec "$@"' - "$@"
}
# root of a namespace has no subordinate ids: a store of its own, with the image in it
no_tun() {
	local own=(--root "$T/own" --runroot "$XDG_RUNTIME_DIR/own-${W##*/}")
	[ -d own ] || unshare -r "$DHOW" "${own[@]}" pull -q "oci:$W/small:latest" | tail -1 |
		xargs -I{} unshare -r "$DHOW" "${own[@]}" tag {} "$IMAGE"
	covered /dev/net/tun /dev/null "$DHOW" "${own[@]}" "$@"
}
subuid() { # LINES COMMAND...
	printf "${1//\$USER/$USER}" >lines
	shift
	covered /etc/subuid lines unshare -U --map-user="$(id -u)" --map-group="$(id -g)" "$DHOW" "${store[@]}" "$@"
}
read_only_store() {
	mkdir -p mounted
	unshare -r -m sh -c 'mount -t tmpfs -o ro none mounted && exec "$@"' - "$DHOW" --root "$PWD/mounted/store" "$@"
}
no_home() { env -u HOME -u XDG_DATA_HOME "$DHOW" --runroot "$XDG_RUNTIME_DIR/own-${W##*/}" "$@"; }
foreign_store() { "$DHOW" --root /etc "$@"; }

@test "what keeps a host from running containers is told by the doctor before run tells it" {
	local host message hint words
	store=(--root "$W/store" --runroot "$XDG_RUNTIME_DIR/e2e-${W##*/}")
	unshare -r -m true 2>/dev/null || skip "unshare cannot make namespaces here"
	while IFS=$'\t' read -r host message hint; do
		[[ $host != \#* && -n $host ]] || continue
		message=${message//\$USER/$USER} hint=${hint//\$USER/$USER}
		read -ra words <<<"$host"
		status=0
		"${words[@]}" run --rm "$IMAGE" true >out 2>err </dev/null || status=$?
		[ "$status" = 125 ] || echo "$host: run ends with $status"
		[[ $(cat err) == *"$message"* ]] || echo "$host: run does not say '$message': $(cat err)"
		[[ $(cat err) == *"$hint"* ]] || echo "$host: run does not hint '$hint': $(cat err)"
		status=0
		"${words[@]}" system doctor -q >out 2>err </dev/null || status=$?
		[ "$status" = 1 ] || echo "$host: doctor ends with $status"
		[[ $(grep ^fail out) == *"$message"* ]] || echo "$host: doctor does not say '$message': $(cat out err)"
		[[ $(grep ^fail out) == *"$hint"* ]] || echo "$host: doctor does not say the cure '$hint': $(cat out err)"
	done <"$REPO/tests/hosts.tsv" >wrong
	eq "$(cat wrong)" ""
}

@test "a host that works is told so, as lines and as JSON; nothing is left" {
	run_ok system doctor
	has "$out" "ok    start: a container starts and ends (--network=none)"
	hasnt "$out" "fail"
	run_ok system doctor --format json
	[ "$(jq -r '[.[] | select(.level == "fail")] | length' <<<"$out")" = 0 ]
	[ "$(jq -r '.[] | select(.check == "user namespaces") | .level' <<<"$out")" = ok ]
	eq "$(dhow ps -aq)" ""
	eq "$(ls "$XDG_RUNTIME_DIR/e2e-${W##*/}" | grep doctor || :)" ""
	run_fails 125 system doctor --format yaml
	has "$err" "it can be json"
}

@test "config check: file and line of what is wrong, and of what is not read" {
	mkdir -p config/containers/registries.conf.d
	export XDG_CONFIG_HOME=$PWD/config
	run_ok config check -q
	printf 'unqualified-search-registries = ["a.example"]\n\n[[registry]]\nlocation = "https://x"\n' >config/containers/registries.conf
	run_exits 1 config check
	has "$out" "config/containers/registries.conf:4: a location is 'host[:port][/path]'"
	printf 'short-name-mode = "disabled"\ncredential-helpers = ["x"]\n' >config/containers/registries.conf
	run_ok config check
	has "$out" "config/containers/registries.conf:2: warning: dhow does not read 'credential-helpers'"
	printf '[[registry]]\nlocation = \n' >config/containers/registries.conf.d/a.conf
	run_exits 1 config check
	has "$out" "registries.conf.d/a.conf:2: "
	rm -r config/containers/registries*
	printf '{\n "default": [{"type": "insecureAcceptAnything"}],\n "transports": {"docker": {"x.example": [{"type": "odd"}]}}\n}\n' >config/containers/policy.json
	run_exits 1 config check
	has "$out" "config/containers/policy.json:3: "
	printf '{\n "default": [,\n' >config/containers/policy.json
	run_exits 1 config check
	has "$out" "config/containers/policy.json:2: "
	rm config/containers/policy.json
	printf '{"auths": {\n "x.example": {"auth": "!"}}}' >config/containers/auth.json
	run_exits 1 config check --format json
	[ "$(jq -r '.[] | select(.level == "fail") | .line' <<<"$out")" = 2 ]
	has "$out" "chmod 600"
	rm config/containers/auth.json
	printf '[engine]\nruntime = "crun"\n' >config/containers/containers.conf
	run_ok config check
	has "$out" "containers.conf:1: warning: dhow does not read what is set in [engine]"
}

@test "config check FILE: what it is, its content tells; what cannot be told is an error" {
	printf '{"defaultAction": "SCMP_ACT_WRONG"}' >p.json
	run_exits 1 config check p.json
	has "$out" "unknown defaultAction 'SCMP_ACT_WRONG'"
	printf '{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]}' >p.json
	run_ok config check p.json
	echo '{}' >what.json
	run_fails 125 config check what.json
	has "$err" "cannot tell what 'what.json' is"
	run_fails 125 config check nosuch.json
	has "$err" "there is no file 'nosuch.json'"
}
