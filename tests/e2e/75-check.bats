#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# system check and system reset
load lib
load registry

prepare_file() {
	local port
	command -v docker-registry >/dev/null || return 0
	unused_port
	export REG=localhost:$port
	registry_start plain "$port"
	insecure "$REG"
	dhow push -q $IMAGE "$REG/small:1"
}
clean_file() { registry_stop; }

# the only layer of the image, and its blob
parts() {
	LAYER=$(dhow image inspect --format '{{index .RootFS.Layers 0}}' "$1")
	LAYER=$W/store/layers/sha256/${LAYER#*:}
	BLOB=$(find "$W/store/images/blobs/sha256" -type f -printf '%s %p\n' | sort -n | tail -1)
	BLOB=${BLOB#* }
}
spoil() { printf x | dd of="$1" bs=1 seek="${2:-3000}" conv=notrunc 2>/dev/null; }
change_tree() { dhow unshare sh -c 'f=$(find "$1/diff" -type f -size +10k | head -1); printf x | dd of="$f" bs=1 seek=99 conv=notrunc 2>/dev/null' - "$LAYER"; }

@test "a good store: nothing is said, status 0, nothing is left in tmp" {
	run_ok system check
	eq "$out" ""
	run_ok system check --quick
	eq "$out" ""
	eq "$(find "$W/store/tmp" -mindepth 1 ! -name lock | wc -l)" 0
}

@test "a changed file and a missing tree are found, and healed from the blob; --quick does not read contents" {
	parts $IMAGE
	change_tree
	run_ok system check --quick
	run_fails 125 system check
	has "$out" "files of it were changed"
	has "$err" "damage detected"
	has "$err" "--repair"
	run_ok system check --repair
	has "$out" "healed from its blob"
	run_ok system check
	eq "$out" ""
	dhow unshare rm -rf "$LAYER"
	run_fails 125 system check --quick
	has "$out" "missing"
	run_ok system check -q -r
	run_ok run --rm --network none $IMAGE true
	run_ok system check
}

@test "a damaged blob is fetched from the registry; without one the image is named, and removed by repair" {
	need docker-registry
	run_ok pull -q --policy always "$REG/small:1"
	run_ok untag $IMAGE $IMAGE
	parts "$REG/small:1"
	spoil "$BLOB"
	change_tree
	run_fails 125 system check
	has "$out" "blob sha256"
	# nobody answers: all stays as it is, since a container uses it
	registry_stop
	run_ok create --name user "$REG/small:1" true
	run_fails 125 system check --repair
	has "$out" "a container uses it"
	run_ok image exists "$REG/small:1"
	registry_start plain "${REG#*:}"
	run_ok system check --repair
	has "$out" "healed from its registry"
	run_ok system check
	eq "$out" ""
	run_ok run --rm --network none "$REG/small:1" true
	# now for good
	registry_stop
	spoil "$BLOB"
	run_ok system check --force
	has "$out" "container"
	has "$out" "removed"
	run_exits 1 image exists "$REG/small:1"
	run_fails 125 inspect user
}

@test "what was built is checked by its own tar, a damaged record is named, and the others stay" {
	run_ok pull -q "oci:$W/small:latest"
	run_ok tag "$out" $IMAGE
	dhow run --name b --network none $IMAGE sh -c 'echo built >/built'
	run_ok commit -q b localhost/built
	run_ok rm b
	run_ok system check
	local top
	top=$(dhow image inspect --format '{{index .RootFS.Layers 1}}' built)
	dhow unshare sh -c 'echo other >"$1"' - "$W/store/layers/sha256/${top#*:}/diff/built"
	run_fails 125 system check
	has "$out" "it is sha256:"
	run_ok system check --repair
	has "$out" "localhost/built:latest: removed"
	run_ok image exists $IMAGE
	run_fails 125 system check --max nonsense
}

@test "reset asks, and removes all; the store is as new" {
	run_ok create --name c $IMAGE true
	run_ok volume create v
	printf 'n\n' >"$T/n"
	has "$(dhow system reset <"$T/n" 2>&1)" "all volumes"
	run_ok container exists c
	run_ok system reset --force
	run_ok ps -aq
	eq "$out" ""
	run_ok images -q
	eq "$out" ""
	run_ok volume ls -q
	eq "$out" ""
	run_ok pull -q "oci:$W/small:latest"
	run_ok run --rm --network none "$out" true
}
