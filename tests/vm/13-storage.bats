# SPDX-License-Identifier: Apache-2.0
#
# Layers on the machine's own kernel, which is older than those that take the layers of an overlay one by one

load ../e2e/lib

@test "the kernel's own overlay is used, and tells what has changed" {
	run_ok info --format '{{.Store.GraphDriverName}}'
	eq "$out" overlay
	run_ok run --name "$C" --network none "$IMAGE" sh -c 'grep " / / " /proc/self/mountinfo; echo new >/new; rm /etc/passwd'
	has "$out" " - overlay "
	run_ok diff "$C"
	has "$out" "A /new"
	has "$out" "D /etc/passwd"
	run_ok commit -q "$C" changed
	run_ok run --rm --network none changed sh -c 'cat /new; ls /etc/passwd; true'
	has "$out" new
	has "$err" /etc/passwd
}

@test "other id maps work, by fuse-overlayfs" {
	run_ok run --rm --network none --userns keep-id "$IMAGE" sh -c 'id -u; stat -c %u /bin; cat /proc/self/mountinfo'
	eq "$(sed -n 1p <<<"$out")" 1000
	eq "$(sed -n 2p <<<"$out")" 0
	has "$out" " - fuse "
}
