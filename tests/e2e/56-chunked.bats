#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# zstd:chunked: layers with a table of contents
load lib
load registry

P=$((32000 + $$ % 1000))

prepare_file() {
	type docker-registry zstd python3 >/dev/null || return 0
	NO_ACCESS_LOG=false registry_start chunked $P
	echo $P >"$W/port"
	insecure localhost:$P
	mkdir -p "$W/tree/a/b"
	python3 - "$W/tree" <<'PY'
import os, sys
for i in range(400):
    open("%s/a/f%d" % (sys.argv[1], i), "wb").write(os.urandom(20000))
long = sys.argv[1] + "/a/b/" + "n" * 180
open(long, "wb").write(b"long name" * 1000)
os.link(long, sys.argv[1] + "/a/hard")
os.symlink("hard", sys.argv[1] + "/a/soft")
open(sys.argv[1] + "/a/empty", "w")
open(sys.argv[1] + "/a/zero", "wb").truncate(5000000)
PY
	tar -C "$W/tree" --owner=0 --group=0 --format=pax --xattrs -cf "$W/1.tar" .
	dhow import -q "$W/1.tar" localhost/v1:1
}
clean_file() { registry_stop; }
ready() {
	need docker-registry
	need zstd
	P=$(cat "$W/port")
}

@test "push writes a table that others can use; the same layer makes the same blob" {
	ready
	run_ok push -q --compression-format zstd:chunked v1:1 localhost:$P/v1:1
	capture "$REPO/tests/e2e/chunked.py" http://localhost:$P/v2/v1 1
	eq "$status" 0
	local diff_id=$out
	eq "$diff_id" "$(dhow image inspect --format '{{index .RootFS.Layers 0}}' v1:1)"
	run_ok push -q --compression-format zstd:chunked v1:1 localhost:$P/other:1
	eq "$(curl -s http://localhost:$P/v2/v1/manifests/1 | sha256sum)" "$(curl -s http://localhost:$P/v2/other/manifests/1 | sha256sum)"
	run_fails 125 push -q --compression-format zstd:chunked v1:1 "oci:$T/layout"
	has "$err" "is for registries"
}

@test "what is pulled of it is the layer, and is pushed with its digest" {
	ready
	local digest
	run_ok push -q --compression-format zstd:chunked --digestfile "$T/digest" v1:1 localhost:$P/whole:1
	digest=$(cat "$T/digest")
	run_ok --root "$T/store" pull -q localhost:$P/whole:1
	eq "$(dhow --root "$T/store" image inspect --format '{{.Digest}}' localhost:$P/whole:1)" "$digest"
	run_ok --root "$T/store" push -q --digestfile "$T/again" localhost:$P/whole:1 localhost:$P/again:1
	eq "$(cat "$T/again")" "$digest"
	dhow --root "$T/store" rmi -a -f >/dev/null
}
