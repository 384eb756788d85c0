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

# the tree once more, with one file changed
second_version() {
	[ ! -e "$W/2.tar" ] || return 0
	head -c 20000 /dev/urandom >"$W/tree/a/f200"
	tar -C "$W/tree" --owner=0 --group=0 --format=pax --xattrs -cf "$W/2.tar" .
	run_ok import -q "$W/2.tar" localhost/v2:1
	run_ok push -q --compression-format zstd:chunked v1:1 localhost:$P/v:1
	run_ok push -q --compression-format zstd:chunked v2:1 localhost:$P/v:2
}
# bytes of blobs that the registry has sent since mark
mark() { wc -l <"$W/chunked.log" >"$W/mark"; }
fetched() { tail -n +$(($(cat "$W/mark") + 1)) "$W/chunked.log" | grep '"GET /v2/.*/blobs/' | sed 's/.*HTTP[^"]*" //' | awk '{ sum += $2 } END { print sum + 0 }'; }
pulled_layer() { dhow --root "$T/store" image inspect --format '{{index .RootFS.Layers 0}}' "$1"; }

@test "of a second version only the changed file is fetched, and the layer is right" {
	ready
	second_version
	run_ok --root "$T/store" pull -q localhost:$P/v:1
	mark
	run_ok --root "$T/store" pull -q localhost:$P/v:2
	[ "$(fetched)" -lt 200000 ] || complain "$(fetched) bytes were fetched"
	eq "$(pulled_layer localhost:$P/v:2)" "$(dhow image inspect --format '{{index .RootFS.Layers 0}}' v2:1)"
	run_ok --root "$T/store" system check
	[ -n "$(find "$T/store/layers" -path '*/a/f200' -exec cmp -s {} "$W/tree/a/f200" \; -print)" ] || complain "no layer has the changed file"
	# the blob is not here: a push to the registry that has it needs none, another place and save fetch it
	mark
	run_ok --root "$T/store" push -q --digestfile "$T/again" localhost:$P/v:2 localhost:$P/again:2
	eq "$(cat "$T/again")" "$(dhow --root "$T/store" image inspect --format '{{.Digest}}' localhost:$P/v:2)"
	[ "$(fetched)" -lt 100000 ] || complain "$(fetched) bytes were fetched"
	run_ok --root "$T/store" save -q --format oci-archive -o "$T/v2.tar" localhost:$P/v:2
	run_ok --root "$T/other" load -q -i "$T/v2.tar"
	eq "$(dhow --root "$T/other" image inspect --format '{{.Digest}}' localhost:$P/v:2)" "$(cat "$T/again")"
	mark
	run_ok --root "$T/store" pull -q localhost:$P/v:2
	[ "$(fetched)" = 0 ] || complain "$(fetched) bytes were fetched"
	dhow --root "$T/store" rmi -a -f >/dev/null
	dhow --root "$T/other" rmi -a -f >/dev/null
}

@test "a table that lies costs a plain pull, never a wrong layer" {
	ready
	second_version
	local way
	for way in checksum position split table digest; do
		"$REPO/tests/e2e/chunked.py" http://localhost:$P/v2/v 2 $way || return 1
		run_ok --root "$T/store" pull -q localhost:$P/v:1
		run_ok --root "$T/store" pull -q localhost:$P/v:$way
		eq "$(pulled_layer localhost:$P/v:$way)" "$(dhow image inspect --format '{{index .RootFS.Layers 0}}' v2:1)"
		run_ok --root "$T/store" system check
		run_ok --root "$T/store" rmi -f -a
		eq "$(find "$T/store/tmp" -mindepth 1 -maxdepth 1 ! -name lock)" ""
	done
}

@test "a local layer that is not what it was costs a plain pull" {
	ready
	second_version
	run_ok --root "$T/store" pull -q localhost:$P/v:1
	# another content of the same size: its digest differs, so it is fetched
	find "$T/store/layers" -path '*/a/f1[0-9]' -exec sh -c 'head -c 20000 /dev/urandom >"$1"' _ {} \;
	run_ok --root "$T/store" pull -q localhost:$P/v:2
	eq "$(pulled_layer localhost:$P/v:2)" "$(dhow image inspect --format '{{index .RootFS.Layers 0}}' v2:1)"
	run_ok --root "$T/store" rmi -f localhost:$P/v:1
	run_ok --root "$T/store" system check
	dhow --root "$T/store" rmi -a -f >/dev/null
}
