#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/vm.sh [FILE...] - run tests/vm/*.bats in a virtual machine with a real systemd; the last line is "N passed, N failed, N skipped"
#
# For what a user without a systemd of his own and without controllers cannot try: limits, pause, scopes, units, the journal, a reboot, a power cut.
# qemu needs no rights and no KVM. The disk is made once, as root, by tests/vm/make-disk.sh in $DHOW_VM_CACHE, or /var/cache/dhow/vm, or
# $XDG_CACHE_HOME/dhow/vm; what is written to it in a run is thrown away.
#
# The machine is booted once for each stage: the files whose names begin with the same digit. So 1x is the first boot, 2x finds what 1x left, as after a
# reboot. A file that is no .bats is a victim: the power is cut while it runs, and the next stage looks at what is left. FILEs choose stages.
# Lines "ok" and "not ok" of TAP are counted. KEEP=1 keeps the work folder, VM_TIMEOUT (s) is for one boot.
#
# To work on one file: STAY=DIRECTORY leaves the machine on after the first stage, with its work in DIRECTORY. AGAIN=DIRECTORY then runs FILEs in it,
# with the programs and tests as they are now; FILTER='a regex' chooses cases. `echo off >DIRECTORY/again.in` ends it.
set -u -o pipefail

cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
cache=${DHOW_VM_CACHE:-}
if [ -z "$cache" ]; then
	cache=/var/cache/dhow/vm
	[ "$(id -u)" = 0 ] || [ -e "$cache/stamp" ] || cache=${XDG_CACHE_HOME:-$HOME/.cache}/dhow/vm
fi
qemu=qemu-system-$(uname -m)
for program in "$qemu" qemu-img mke2fs; do
	command -v "$program" >/dev/null || { echo "vm: $program is missing: apt-get install qemu-system-x86 qemu-utils e2fsprogs" >&2; exit 2; }
done
tests/vm/make-disk.sh "$cache" || exit 2

work=${AGAIN:-${STAY:-}}
if [ -n "$work" ]; then mkdir -p "$work"; else work=$(mktemp -d "${TMPDIR:-/var/tmp}/dhow-vm.XXXXXX"); fi
qemu_pid=
finish() {
	[ -z "${STAY:-}${AGAIN:-}" ] || return
	[ -z "$qemu_pid" ] || kill -9 "$qemu_pid" 2>/dev/null
	[ -n "${KEEP:-}" ] && echo "# kept: $work" || rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

started=$SECONDS
tell() { echo "# $* ($((SECONDS - started)) s)"; }
passed=0 failed=0 skipped=0 expected=0
fail() { failed=$((failed + 1)); echo "not ok $*"; }

# ---- the two disks ----
[ -n "${AGAIN:-}" ] || qemu-img create -q -f qcow2 -b "$cache/disk.img" -F raw "$work/root.qcow2" || exit 2
rm -rf "$work/tree"
mkdir -p "$work/tree/build/libexec/dhow" "$work/stage.d"
cp "$BUILD"/dhow "$BUILD"/dhow-runtime "$work/tree/build/"
cp "$BUILD"/libexec/dhow/* "$work/tree/build/libexec/dhow/"
cp -r tests units "$work/tree/"
cp --parents rootless/apparmor.in "$work/tree/" # for units/install.sh
strip "$work"/tree/build/dhow* "$work"/tree/build/libexec/dhow/* 2>/dev/null
# the package for the stage that installs it
add_package() { # FILES...
	rm -rf "$work/tree/packages"
	[[ $1 == 5* ]] || return 0
	mkdir -p "$work/package/libexec" "$work/tree/packages"
	cp "$BUILD"/dhow "$BUILD"/dhow-runtime "$work/package/"
	cp -r "$BUILD/libexec" "$work/package/"
	BUILD=$work/package tests/deb/make.sh 0 >/dev/null && cp "$work"/package/dhow_*.deb "$work/tree/packages/"
}
make_second_disk() { # STAGE FILES...
	echo "$*" >"$work/tree/stage"
	echo "${FILTER:-}" >"$work/tree/filter"
	[ -z "${STAY:-}${AGAIN:-}" ] || touch "$work/tree/stay"
	rm -rf "$work/tree/stage.d"
	cp -r "$work/stage.d" "$work/tree/"
	add_package "$@" || fail "there is no package to install"
	chmod -R a+rX "$work/tree"
	truncate -s 0 "$work/second.img"
	truncate -s 96M "$work/second.img"
	mke2fs -q -t ext4 -E root_owner=0:0 -d "$work/tree" "$work/second.img"
}

# ---- one boot ----
accel=tcg,thread=multi
[ -w /dev/kvm ] && accel=kvm
boot() { # OUTPUT
	: >"$1"
	[ -p "$work/again.in" ] || mkfifo "$work/again.in" "$work/again.out" || exit 2
	# as real: a disk with a cache that is written when the guest says so. qcow2 keeps tables in memory until then, so a cut loses what was not synced.
	"$qemu" -machine q35 -accel "$accel" -cpu max -smp 2 -m 1536 -nodefaults -display none -no-reboot \
		-kernel "$cache/kernel" -initrd "$cache/initrd" -append "root=/dev/vda rw console=ttyS0 quiet systemd.show_status=0 panic=1 mitigations=off" \
		-drive "file=$work/root.qcow2,if=virtio,format=qcow2,cache=writeback,discard=unmap" \
		-drive "file=$work/second.img,if=virtio,format=raw,readonly=on" \
		-device virtio-serial -chardev "file,id=out,path=$1,append=on" -device virtserialport,chardev=out,name=dhow \
		-chardev "pipe,id=again,path=$work/again" -device virtserialport,chardev=again,name=again \
		-object rng-random,filename=/dev/urandom,id=rng -device virtio-rng-pci,rng=rng \
		-serial "file:$work/console" </dev/null >"$work/qemu.log" 2>&1 &
	qemu_pid=$!
}
has_line() { grep -q "^vm: $1" "$2" 2>/dev/null; }
wait_off() { # OUTPUT: until the machine has switched itself off
	local end=$((SECONDS + ${VM_TIMEOUT:-900}))
	while kill -0 "$qemu_pid" 2>/dev/null; do
		[ $SECONDS -lt $end ] || { fail "the machine did not end in time"; kill -9 "$qemu_pid"; break; }
		sleep 0.5
	done
	wait "$qemu_pid" 2>/dev/null
	qemu_pid=
	has_line end "$1" || { fail "the machine ended early"; tail -5 "$work/qemu.log"; tail -30 "$work/console"; }
}
cut_power() { # OUTPUT: while a victim is at work
	local end=$((SECONDS + ${VM_TIMEOUT:-900}))
	until [ "$(grep -c '^done ' "$1" 2>/dev/null)" -ge 6 ] || [ $SECONDS -ge $end ]; do sleep 0.2; done
	sleep "$((RANDOM % 3)).$((RANDOM % 10))"
	kill -9 "$qemu_pid"
	wait "$qemu_pid" 2>/dev/null
	qemu_pid=
	grep '^done ' "$1" >"$work/stage.d/done"
	tell "the power is cut, $(wc -l <"$work/stage.d/done") things were acknowledged"
	[ -s "$work/stage.d/done" ] || { fail "nothing was acknowledged before the cut"; tail -30 "$1"; }
}
count() { # OUTPUT
	local output=$1 ok not_ok skip plan
	skip=$(grep -c '^ok [0-9]* .*# skip' "$output")
	ok=$(($(grep -c '^ok [0-9]' "$output") - skip))
	not_ok=$(grep -c '^not ok [0-9]' "$output")
	plan=$(awk -F'\\.\\.' '/^1\.\.[0-9]+\r?$/ { sum += $2 } END { print sum + 0 }' "$output")
	[ $((ok + skip + not_ok)) -ge "$plan" ] || fail "$((plan - ok - skip - not_ok)) cases did not run"
	passed=$((passed + ok)) failed=$((failed + not_ok)) skipped=$((skipped + skip))
	if [ "$not_ok" -gt 0 ]; then grep -v '^ok ' "$output"; else grep '^vm: [^e]' "$output" | sed 's/^/# /'; fi
	grep '^ok [0-9]* .*# skip' "$output" | sed 's/^ok [0-9]*/skipped/'
}

# ---- work on one file ----
wait_end() { # OUTPUT
	local end=$((SECONDS + ${VM_TIMEOUT:-900}))
	until has_line end "$1"; do
		[ $SECONDS -lt $end ] || { fail "the files did not end in time"; break; }
		sleep 0.2
	done
}
if [ -n "${AGAIN:-}" ]; then
	make_second_disk "${@##*/}"
	: >"$work/stage"
	echo go >"$work/again.in"
	wait_end "$work/stage"
	cat "$work/stage"
	exit
fi
if [ -n "${STAY:-}" ]; then
	make_second_disk "${@##*/}"
	boot "$work/stage"
	wait_end "$work/stage"
	cat "$work/stage"
	echo "# the machine stays: process $qemu_pid"
	exit
fi

# ---- the stages ----
[ $# -gt 0 ] || set -- tests/vm/[0-9]*
for digit in 1 2 3 4 5 6 7 8 9; do
	files=() victim=
	for file; do
		file=${file##*/}
		[[ $file == "$digit"* ]] || continue
		files+=("$file")
		[[ $file == *.bats ]] || victim=1
	done
	[ ${#files[@]} -gt 0 ] || continue
	output=$work/stage$digit
	tell "boot $digit: ${files[*]}"
	make_second_disk "${files[@]}"
	boot "$output"
	if [ -n "$victim" ]; then cut_power "$output"; else wait_off "$output"; fi
	count "$output"
done

tell "done"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
