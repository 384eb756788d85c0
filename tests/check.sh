#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/check.sh [--all] [FILE...] - run the tests; the last line is "N passed, N failed, N skipped"
#
# Without FILE: includes, unit tests, fuzz corpora, kernel beliefs and the e2e files, all as an unprivileged user (tests/as-user.sh). With
# --all also the files marked "# slow" in their second line, and the unit tests built with ASan and UBSan. KEEP=1 leaves the work folder.
set -u -o pipefail

cd "$(dirname "$0")/.."
export BUILD=${BUILD:-build}
if [ "$(id -u)" = 0 ]; then # what only root can make, then all the rest as a user
	case "$*" in
	'' | --all | *debian* | *real*) tests/make-debian.sh "$BUILD/debian.tar" || echo "# no Debian: the cases that run it are skipped" ;;
	esac
	case "$*" in
	'' | --all | *real*)
		tests/make-debian.sh "$BUILD/debian-make.tar" gcc,libc6-dev,make,nodejs ||
			echo "# no Debian with a compiler: the cases that run it are skipped"
		;;
	esac
	case "$*" in
	--all | *package*) tests/make-debian.sh "$BUILD/debian-base.tar" ca-certificates || echo "# no Debian: the package is not tried" ;;
	esac
	exec tests/as-user.sh -u dhow-test tests/check.sh "$@"
fi
all=
[ "${1:-}" != --all ] || { all=1; shift; }

passed=0 failed=0 skipped=0
results=$(mktemp)
trap 'rm -f "$results"' EXIT

count() { # PASSED FAILED SKIPPED
	passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}
one() { # NAME COMMAND...: a check that passes or fails as a whole
	local name=$1
	shift
	if "$@" >"$results" 2>&1; then
		count 1 0 0
	else
		count 0 1 0
		echo "not ok $name"
		tail -40 "$results" | sed 's/^/# /'
	fi
}
cmocka() { # PROGRAM: its cases
	local name=${1##*/} status=0
	timeout 300 "$1" >"$results" 2>&1 || status=$?
	local ok not_ok skip
	ok=$(grep -c '^\[       OK \]' "$results")
	skip=$(grep -c '^\[  SKIPPED \] [^0-9]' "$results")
	not_ok=$(grep -c '^\[  FAILED  \] [^0-9]' "$results")
	not_ok=$((not_ok / 2 + not_ok % 2)) # each is named where it failed and at the end
	[ $status = 0 ] || [ "$not_ok" -gt 0 ] || not_ok=1
	grep -q 'ERROR: .*Sanitizer\|runtime error:' "$results" && [ "$not_ok" = 0 ] && not_ok=1
	[ $((ok + not_ok + skip)) -gt 0 ] || not_ok=1 # a program without a case is a failure
	count "$ok" "$not_ok" "$skip"
	if [ "$not_ok" -gt 0 ]; then
		echo "not ok $name (status $status)"
		grep -v '^\[ RUN\|^\[       OK' "$results" | tail -40 | sed 's/^/# /'
	fi
}
bats_file() { # FILE
	local status=0
	timeout 1200 bats --tap "$1" >"$results" 2>&1 </dev/null || status=$?
	local ok not_ok skip
	skip=$(grep -c '^ok [0-9]* .*# skip' "$results")
	ok=$(($(grep -c '^ok [0-9]' "$results") - skip))
	not_ok=$(grep -c '^not ok [0-9]' "$results")
	[ $status = 0 ] || [ "$not_ok" -gt 0 ] || not_ok=1
	count "$ok" "$not_ok" "$skip"
	if [ "$not_ok" -gt 0 ]; then
		echo "# $1 (status $status)"
		grep '^not ok' "$results"
		grep -v '^ok \|^not ok' "$results" | tail -60
	fi
	grep '^ok [0-9]* .*# skip' "$results" | sed 's/^ok [0-9]*/skipped/'
}

started=$SECONDS
tell() { echo "# $* ($((SECONDS - started)) s)"; }

if [ $# -gt 0 ]; then
	for file; do
		case $file in
		*.bats) bats_file "$file" ;;
		*) cmocka "$BUILD/tests/unit/$(basename "$file" .c)" ;;
		esac
	done
else
	tell "direction of includes"
	one "direction of includes" tests/check-includes.sh
	tell "unit tests"
	for program in "$BUILD"/tests/unit/test-*; do [ -x "$program" ] && cmocka "$program"; done
	if [ -n "$all" ]; then
		tell "unit tests with ASan and UBSan"
		for program in "$BUILD"-san/tests/unit/test-*; do [ -x "$program" ] && cmocka "$program"; done
	fi
	tell "fuzz corpora"
	for program in "$BUILD"/tests/fuzz/fuzz-*; do
		[ -x "$program" ] && one "corpus of ${program##*fuzz-}" "$program" "tests/fuzz/corpus/${program##*fuzz-}"
	done
	tell "beliefs about the kernel"
	for program in "$BUILD"/tests/kernel/*; do [ -x "$program" ] && one "belief ${program##*/}" "$program"; done
	tell "behaviour"
	for file in tests/e2e/*.bats; do
		[ -z "$all" ] && sed -n 2p "$file" | grep -q '^# slow' && continue
		tell "$file"
		bats_file "$file"
	done
fi

tell "done"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
