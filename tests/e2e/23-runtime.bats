#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# dhow-runtime: what other engines ask of it
load lib

bundle() { # CHANGE: a bundle in ./b whose config.json is changed by the jq-like python expression on c
	need python3
	mkdir -p b/rootfs/bin b/rootfs/proc
	cp "$(command -v busybox)" b/rootfs/bin/busybox
	ln -sf busybox b/rootfs/bin/sh
	python3 - "$1" <<-'EOF'
		import json, sys
		c = {"ociVersion": "1.0.2", "root": {"path": "rootfs"},
		     "process": {"args": ["/bin/sh", "-c", "echo ran"], "cwd": "/", "user": {"uid": 0, "gid": 0}},
		     "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
		     "linux": {"namespaces": [{"type": "user"}, {"type": "pid"}, {"type": "mount"}], "resources": {}}}
		exec(sys.argv[1])
		json.dump(c, open("b/config.json", "w"))
	EOF
}
runtime() { capture "${DHOW%/*}/dhow-runtime" --root "$T/state" "$@"; }

@test "createRuntime hooks see the host's root, later ones the container's" {
	printf '#!/bin/sh\nread -r state\npid=${state##*\\"pid\\":}; pid=${pid%%%%[,\\}]*}\n[ -d /proc/$pid/root/usr ] && where=host || where=container\necho "$1 $where" >>"%s/log"\n' "$T" >hook
	chmod 755 hook
	bundle "
for kind in ('prestart', 'createRuntime', 'poststart'):
    c.setdefault('hooks', {})[kind] = [{'path': '$T/hook', 'args': ['hook', kind], 'env': ['PATH=/bin:/usr/bin']}]"
	sed -i 's/echo ran/sleep 0.3; echo ran/' b/config.json
	runtime run -b b c
	eq "$status:$out" 0:ran
	eq "$(cat log)" $'prestart host\ncreateRuntime host\npoststart container'
}

@test "no limit is the largest number of 64 bits, and unknown keys are left alone" {
	bundle "c['process']['args'][2] = 'ulimit -c'; c['unknown'] = {'x': 1}
c['process']['rlimits'] = [{'type': 'RLIMIT_CORE', 'soft': 18446744073709551615, 'hard': 18446744073709551615}]"
	[ "$(ulimit -Hc)" = unlimited ] || skip "this user has no unlimited core files"
	runtime run -b b c
	eq "$status:$out" 0:unlimited
}

@test "what cannot be carried out is refused by name" {
	local change
	for change in "c['linux']['timeOffsets'] = {'monotonic': {'secs': 5}}" "c['linux']['resources']['memory'] = {'swappiness': 60}" \
		"c['linux']['resources']['rdma'] = {'mlx5': {'hcaHandles': 3}}" "c['linux']['intelRdt'] = {'closID': 'x'}" \
		"c['hooks'] = {'startContainer': [{'path': '/bin/true'}]}"; do
		bundle "$change"
		runtime run -b b c
		[ "$status" != 0 ] || complain "it ran with $change"
		[[ $err == *timeOffsets* || $err == *swappiness* || $err == *rdma* || $err == *intelRdt* || $err == *startContainer* ]] || complain "no key is named"
	done
	bundle "c['linux']['resources'] = {'memory': {'swappiness': 0, 'disableOOMKiller': False}, 'devices': [{'allow': False, 'access': 'rwm'}]}"
	runtime run -b b c
	eq "$status:$out" 0:ran
}
