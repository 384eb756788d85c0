#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# images as archives and directories: save, load, pull and run from them
load lib

prepare_file() {
	dhow run --name made --network none $IMAGE sh -c 'echo made >/made; rm /etc/group' &&
		dhow commit made localhost/made:1 >/dev/null && dhow rm made >/dev/null
}

@test "a committed image comes back from every format, with its id and its layers" {
	local id digest format
	id=$(dhow image inspect --format '{{.Id}}' made:1) digest=$(dhow image inspect --format '{{.Digest}}' made:1)
	for format in oci-archive oci-dir docker-dir docker-archive; do
		run_ok save --format $format -o "$T/$format" made:1
		run_ok rmi -f made:1
		run_ok load -q -i "$T/$format"
		has "$out" "Loaded image: "
		run_ok image inspect --format '{{.Id}} {{.Digest}}' $id
		# docker's archive has no manifest: it gets a new one
		[ $format = docker-archive ] || eq "$out" "$id $digest"
		run_ok tag $id made:1
		run_ok run --rm --network none made:1 sh -c 'cat /made; ls /etc/group 2>/dev/null; :'
		eq "$out" made
	done
}

@test "two saves are the same bytes" {
	for format in docker-archive oci-archive; do
		run_ok save --format $format -o "$T/1" made:1
		sleep 1
		run_ok save --format $format -o "$T/2" made:1
		cmp "$T/1" "$T/2"
	done
}

@test "a delta lacks the layers of the image that it leaves out, and loads where they are" {
	local id other=("$DHOW" --root "$W/other" --runroot "$XDG_RUNTIME_DIR/e2e-${W##*/}-other")
	dhow run --name $C --network none $IMAGE sh -c 'echo more >/more'
	dhow commit -q $C more:1
	id=$(dhow image inspect --format '{{.Id}}' more:1)
	run_fails 125 save --except $IMAGE -o "$T/x.tar" more:1
	has "$err" "oci-archive and oci-dir"
	run_fails 125 save --format oci-archive --except no-such-image -o "$T/x.tar" more:1
	[ ! -e "$T/x.tar" ]
	for format in oci-archive oci-dir; do
		run_ok save --format $format -o "$T/whole" more:1
		run_ok save --format $format --except $IMAGE -o "$T/delta" more:1
		[ "$(du -s --apparent-size "$T/delta" | cut -f1)" -lt $(($(du -s --apparent-size "$T/whole" | cut -f1) / 4)) ]
		if "${other[@]}" load -q -i "$T/delta" 2>"$T/said"; then complain "a delta loaded alone"; fi
		has "$(cat "$T/said")" "--except"
		eq "$("${other[@]}" images -aq)" ""
		dhow save --format $format -o "$T/base" $IMAGE
		"${other[@]}" load -q -i "$T/base"
		"${other[@]}" load -q -i "$T/delta"
		eq "$("${other[@]}" run --rm --network none more:1 cat /more)" more
		eq "$("${other[@]}" image inspect --format '{{.Id}}' more:1)" "$id"
		"${other[@]}" rmi -af >/dev/null
		rm -rf "$T/whole" "$T/delta" "$T/base"
	done
	"${other[@]}" system reset -f >/dev/null
}

@test "skopeo reads what save writes, and podman's names are in it" {
	need skopeo
	run_ok save -o "$T/docker.tar" made:1
	run_ok save --format oci-archive -o "$T/oci.tar" made:1
	for source in docker-archive:$T/docker.tar oci-archive:$T/oci.tar; do
		capture skopeo inspect --raw --config "$source"
		eq "$status" 0
		eq "$(sha256sum <"$T/out" | cut -d' ' -f1)" "$(dhow image inspect --format '{{.Id}}' made:1)"
	done
	eq "$(tar -xOf "$T/docker.tar" manifest.json | jq -r '.[0].RepoTags[0]')" localhost/made:1
	eq "$(tar -xOf "$T/docker.tar" repositories | jq -r '."localhost/made" | keys[0]')" 1
}

@test "hostile archives are refused by name, and touch nothing" {
	canary
	python3 - "$T" "$K" <<'PY'
import hashlib, io, json, sys, tarfile
top, canary = sys.argv[1:]
def make(name, files, links={}):
    tar = tarfile.open(top + "/" + name, "w")
    for path, target in links.items():
        item = tarfile.TarInfo(path)
        item.type, item.linkname = tarfile.SYMTYPE, target
        tar.addfile(item)
    for path, data in files.items():
        item = tarfile.TarInfo(path)
        item.size = len(data)
        tar.addfile(item, io.BytesIO(data))
    tar.close()
layer = io.BytesIO(); tarfile.open(fileobj=layer, mode="w").close()
layer = layer.getvalue()
config = json.dumps({"os": "linux", "architecture": "amd64", "config": {}, "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]}}).encode()
entry = lambda c, l: json.dumps([{"Config": c, "RepoTags": ["evil:1"], "Layers": [l]}]).encode()
make("wrong-diffid", {"c.json": config, "l.tar": layer, "manifest.json": entry("c.json", "l.tar")})
make("path-out", {"manifest.json": entry("../../../../.." + canary + "/secret", "l.tar"), "l.tar": layer})
make("link-out", {"c.json": config, "manifest.json": entry("c.json", "l.tar")}, {"l.tar": canary + "/secret"})
make("no-list", {"manifest.json": b"{}"})
make("deep", {"manifest.json": b"[" * 100000})
make("index", {"index.json": json.dumps({"manifests": [{"digest": "sha256:../../x", "size": 1}]}).encode(), "oci-layout": b"{}"})
make("no-blob", {"index.json": json.dumps({"schemaVersion": 2, "manifests": [{"digest": "sha256:" + "1" * 64, "size": 1}]}).encode(), "oci-layout": b"{}"})
PY
	for name in wrong-diffid path-out link-out no-list deep index no-blob; do
		run_fails 125 load -q -i "$T/$name"
		run_fails 125 pull -q "docker-archive:$T/$name"
	done
	canary_holds
	run_ok images -q --filter reference=evil
	eq "$out" ""
	eq "$(ls "$W/store/tmp" | grep -vc '^lock$\|partial$')" 0
}

@test "an archive whose configuration lies about a layer is refused, and what is true in it loads" {
	run_ok save -o "$T/true.tar" made:1
	python3 - "$T" <<'PY'
import hashlib, json, io, sys, tarfile
top = sys.argv[1]
old = tarfile.open(top + "/true.tar")
files = {m.name: old.extractfile(m).read() for m in old if m.isfile()}
manifest = json.loads(files["manifest.json"])
config = json.loads(files.pop(manifest[0]["Config"]))
# the layers the wrong way round: each is a layer of the image, none is where the configuration says
config["rootfs"]["diff_ids"].reverse()
manifest[0]["Config"] = "lie.json"
files["manifest.json"], files["lie.json"] = json.dumps(manifest).encode(), json.dumps(config).encode()
new = tarfile.open(top + "/lie.tar", "w")
for name, data in files.items():
    item = tarfile.TarInfo(name)
    item.size = len(data)
    new.addfile(item, io.BytesIO(data))
new.close()
PY
	run_ok rmi -f made:1
	run_fails 125 load -q -i "$T/lie.tar"
	hasnt "$(dhow images -a --format '{{.Repository}}')" made
	eq "$(find "$W/store/tmp" -mindepth 1 -maxdepth 1 ! -name lock)" ""
	run_ok load -q -i "$T/true.tar"
	run_ok run --rm --network none made:1 cat /made
	eq "$out" made
	run_ok system check
}

@test "a layer of zstd that begins with a frame to skip is no plain tar" {
	need zstd
	run_ok save -o "$T/plain.tar" made:1
	mkdir x && tar -xf plain.tar -C x
	local layer
	for layer in $(jq -r '.[0].Layers[]' x/manifest.json); do
		{ printf '\x50\x2a\x4d\x18\x04\x00\x00\x00skip'; zstd -q -c "x/$layer"; } >packed && mv packed "x/$layer"
	done
	tar -cf packed.tar -C x $(ls x)
	run_ok rmi -f made:1
	run_ok load -q -i packed.tar
	run_ok run --rm --network none made:1 cat /made
	eq "$out" made
	run_ok load -q -i plain.tar
}

@test "run takes an image from an archive by its transport" {
	run_ok save --format oci-archive -o "$T/oci.tar" made:1
	run_ok run --rm --network none "oci-archive:$T/oci.tar:localhost/made:1" cat /made
	eq "$out" made
	run_fails 125 run --rm "oci-archive:$T/oci.tar:no-such" true
	has "$err" no-such
}

@test "image tree shows the layers, and what stands on an image" {
	run_ok image tree made:1
	has "$out" "Tags:     [localhost/made:1]"
	eq "$(grep -c 'ID: .* Size: ' <<<"$out")" 2
	[[ $out == *"Top Layer of: "*"$IMAGE"* ]]
	run_ok image tree --whatrequires $IMAGE
	has "$out" "Top Layer of: [localhost/made:1]"
	run_fails 125 image tree no-such
}
