# SPDX-License-Identifier: Apache-2.0
#
# tests/e2e/lib.bash - what every e2e file may use:   load lib
#
#   $DHOW             the program under test
#   $W                a folder of this file's own (KEEP=1 keeps it); $T one of this case's own below it
#   $IMAGE            a small image with busybox that is in the store of this file: localhost/small:latest
#   dhow ARG...       with the store of this file
#   run_ok ARG...     must exit 0; run_fails CODE ARG... must exit CODE and say something on stderr. Both set $out, $err, $status
#   has TEXT PART, hasnt TEXT PART, eq A B, wait_for SECONDS COMMAND...
#   canary            makes $K, files of the user's that no container may touch; canary_holds
#
# Each file has its own store; all its containers are removed after each case.

bats_require_minimum_version 1.5.0

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
DHOW=$REPO/${BUILD:-build}/dhow
IMAGE=localhost/small:latest

dhow() { "$DHOW" --root "$W/store" --runroot "$XDG_RUNTIME_DIR/e2e-${W##*/}" "$@" 3>&- 4>&-; }

setup_file() {
	export W XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}
	W=$(mktemp -d "${TMPDIR:-/var/tmp}/dhow-e2e.XXXXXX")
	chmod 755 "$W"
	mkdir -p "$W/config/containers"
	export XDG_CONFIG_HOME=$W/config
	"$REPO/tests/make-image.sh" "$W/small"
	local id
	id=$(dhow pull -q "oci:$W/small:latest" | tail -1)
	dhow tag "$id" "$IMAGE"
	declare -F prepare_file >/dev/null && prepare_file
	return 0
}
teardown_file() {
	dhow rm -a -f -t 0 >/dev/null 2>&1 || :
	declare -F clean_file >/dev/null && clean_file
	if [ -n "${KEEP:-}" ]; then echo "# kept: $W" >&3; return; fi
	rm -rf "$W" 2>/dev/null || dhow unshare rm -rf "$W/store" && rm -rf "$W"
	rm -rf "$XDG_RUNTIME_DIR/e2e-${W##*/}"
}
setup() {
	T=$W/t$BATS_TEST_NUMBER
	C=k$BATS_TEST_NUMBER # no hexadecimal digit: it begins no id
	mkdir -p "$T"
	cd "$T"
}
teardown() {
	local pid
	for pid in "${background[@]}"; do kill -9 "$pid" 2>/dev/null || :; done
	dhow rm -a -f -t 0 >/dev/null 2>&1 || :
	dhow volume rm -a -f >/dev/null 2>&1 || :
}

background=()
start_background() { # COMMAND...: sets $pid
	"$@" >"$T/background.out" 2>"$T/background.err" 3>&- 4>&- &
	pid=$!
	background+=("$pid")
}
complain() {
	echo "$*"
	echo "  last: ${last:-} -> ${status:-}"
	echo "  out: ${out:-}"
	echo "  err: ${err:-}"
	return 1
}
capture() {
	last="$*" status=0
	"$@" >"$T/out" 2>"$T/err" </dev/null || status=$?
	out=$(tr -d '\0' <"$T/out") err=$(tr -d '\0' <"$T/err")
}
run_ok() {
	capture dhow "$@"
	[ "$status" = 0 ] || complain "exit status $status, wanted 0"
}
run_exits() {
	local want=$1
	shift
	capture dhow "$@"
	[ "$status" = "$want" ] || complain "exit status $status, wanted $want"
}
run_fails() {
	run_exits "$@" || return 1
	[ -n "$err" ] || complain "it failed without a word"
}
has() { [[ $1 == *"$2"* ]] || complain "'$1' lacks '$2'"; }
hasnt() { [[ $1 != *"$2"* ]] || complain "'$1' has '$2'"; }
eq() { [ "$1" = "$2" ] || complain "'$1' is not '$2'"; }
wait_for() {
	local end=$((SECONDS + $1 + 1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || { complain "still not true: $*"; return 1; }
		sleep 0.05
	done
}
is_state() { [ "$(dhow inspect --format '{{.State.Status}}' "$1" 2>/dev/null)" = "$2" ]; }
log_has() { [[ $(dhow logs "$1" 2>&1) == *"$2"* ]]; }
gone() { ! kill -0 "$1" 2>/dev/null; }
unused_port() {
	port=$((20000 + RANDOM % 5000))
	while (exec 5<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
}
canary() {
	K=$T/canary
	mkdir -p "$K/dir"
	token="token-$RANDOM$RANDOM$RANDOM"
	echo "$token" >"$K/secret"
	echo keep >"$K/dir/file"
	mkfifo "$K/fifo"
	printf '#!/bin/sh\necho pwned >"%s/pwned"\n' "$K" >"$K/program"
	chmod 755 "$K/program"
	canary_sum=$(canary_state)
}
canary_state() { (cd "$K" && find . -printf '%p %m %U %G %s %n %C@\n' | sort && cat secret dir/file program) | sha256sum; }
canary_holds() {
	eq "$(canary_state)" "$canary_sum" || return 1
	hasnt "${out:-}${err:-}" "$token"
}
need() { command -v "$1" >/dev/null || skip "$1 is not installed"; }
