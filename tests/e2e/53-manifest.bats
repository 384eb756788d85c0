#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# manifest lists, artifacts and search, with a real registry
load lib
load registry

prepare_file() {
	local port
	export REG
	command -v docker-registry skopeo jq >/dev/null || return 0
	unused_port
	REG=localhost:$port
	registry_start plain "$port"
	insecure "$REG"
	two_layers "$W/two"
	push "$W/two" "$REG/two:1"
	# the same for another machine
	two_layers "$W/other"
	other_arch "$W/other"
	push "$W/other" "$REG/other:1"
}
clean_file() { registry_stop; }

# The image of the layout is for arm64 now, or for amd64 on arm64.
other_arch() {
	local dir=$1 arch config manifest size
	arch=arm64
	[ "$(uname -m)" != aarch64 ] || arch=amd64
	sed 's/"architecture":"[a-z0-9]*"/"architecture":"'$arch'"/' "$dir.work/config" >"$dir.work/config2"
	read -r config size <<<"$(blob_of "$dir" "$dir.work/config2")"
	jq -c --arg d "$config" --argjson s "$size" '.config.digest=$d | .config.size=$s' "$dir.work/manifest" >"$dir.work/manifest2"
	read -r manifest size <<<"$(blob_of "$dir" "$dir.work/manifest2")"
	jq -c --arg d "$manifest" --argjson s "$size" '.manifests[0].digest=$d | .manifests[0].size=$s' "$dir/index.json" >"$dir.work/index"
	cp "$dir.work/index" "$dir/index.json"
}
platforms() { jq -r '[.manifests[].platform | .os + "/" + .architecture] | sort | join(" ")' <<<"$1"; }
raw() { skopeo inspect --raw --tls-verify=false "docker://$1"; }

@test "a list of what the registry has costs one document; it goes whole to another repository, and into files" {
	need docker-registry && need skopeo && need jq
	run_ok manifest create --annotation a=b "lists/one:1" "docker://$REG/two:1"
	local id=$out
	run_ok manifest add --annotation c=d --os-version 7 --features sse4,avx lists/one:1 "$REG/other:1"
	eq "$out" "$id"
	# nothing was pulled
	hasnt "$(dhow images --format '{{.Repository}}')" "$REG/two"
	run_ok manifest inspect lists/one:1
	eq "$(platforms "$out")" "linux/amd64 linux/arm64"
	eq "$(jq -r '.annotations.a, .manifests[1].annotations.c, .manifests[1].platform["os.version"]' <<<"$out" | tr '\n' ' ')" "b d 7 "
	local document=$(jq -S . <<<"$out")
	run_ok manifest push --digestfile "$T/digest" lists/one:1 "$REG/lists/one:1"
	eq "$(raw "$REG/lists/one:1" | jq -S .)" "$document"
	eq "$(raw "$REG/lists/one:1" | sha256sum | cut -d' ' -f1)" "$(cut -d: -f2 "$T/digest")"
	skopeo copy --all -q --insecure-policy --src-tls-verify=false "docker://$REG/lists/one:1" "oci:$T/copy:x"
	run_ok manifest push -q lists/one:1 "oci-archive:$T/list.tar"
	skopeo copy --all -q --insecure-policy "oci-archive:$T/list.tar" "oci:$T/copy2:x"
	run_ok push -q lists/one:1 "dir:$T/dir"
	skopeo copy --all -q --insecure-policy --dest-tls-verify=false "dir:$T/dir" "docker://$REG/lists/from-dir:1"
	eq "$(raw "$REG/lists/from-dir:1" | jq -S .)" "$document"
	run_ok pull -q "dir:$T/dir"
	# the layers that were only passed on are not kept
	run_ok manifest rm lists/one:1
	has "$out" "Untagged: localhost/lists/one:1"
	run_exits 1 manifest exists lists/one:1
}

@test "a list of images that were made here: push sends all of it, the id stays, run takes its own platform" {
	need docker-registry && need skopeo && need jq
	local arch=arm64 id
	[ "$(uname -m)" != aarch64 ] || arch=amd64
	run_ok run --name "$C" --network none $IMAGE sh -c 'echo made >/made'
	run_ok commit -q "$C" localhost/mine:1
	run_ok manifest create mylist localhost/mine:1
	id=$out
	run_ok manifest add --arch $arch mylist "docker://$REG/two:1"
	eq "$out" "$id"
	run_ok run --rm --network none mylist cat /made
	eq "$out" made
	run_ok run --rm --network none --pull never "$id" cat /made
	run_fails 125 history mylist
	has "$err" "manifest list"
	# its members outlive their names
	run_ok rmi -f localhost/mine:1
	run_ok push -q mylist "$REG/lists/two:1"
	eq "$(platforms "$(raw "$REG/lists/two:1")")" "linux/amd64 linux/arm64"
	run_ok run --rm --network none "$REG/lists/two:1" cat /made
	eq "$out" made
	run_ok rmi -f "$REG/lists/two:1"
	run_ok run --rm --network none mylist cat /made
	run_ok manifest push -q --format v2s2 mylist "$REG/lists/v2s2:1"
	eq "$(raw "$REG/lists/v2s2:1" | jq -r .mediaType)" application/vnd.docker.distribution.manifest.list.v2+json
	run_ok manifest push -q --add-compression zstd --rm mylist "$REG/lists/zstd:1"
	eq "$(raw "$REG/lists/zstd:1" | jq '.manifests | length')" 4
	run_exits 1 manifest exists mylist
	run_ok rmi -f $(dhow images -q --filter dangling=true --no-trunc)
}

@test "images, inspect, tag, rmi and save know a list; what is no list is refused" {
	need docker-registry && need jq
	run_ok manifest create known "docker://$REG/two:1"
	local id=$out
	run_ok tag known localhost/known:2
	has "$(dhow images --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}')" "localhost/known:2 sha256:$id"
	run_ok inspect known
	eq "$(jq -r '.[0].Id + " " + .[0].ManifestType' <<<"$out")" "$id application/vnd.oci.image.index.v1+json"
	run_ok save -q --format oci-archive -o "$T/known.tar" known
	run_ok rmi localhost/known:2
	run_ok manifest exists known
	run_fails 125 manifest create known
	has "$err" "already in use"
	run_ok manifest create --amend known "docker://$REG/other:1"
	eq "$out" "$id"
	run_fails 125 manifest add $IMAGE "docker://$REG/two:1"
	has "$err" "no manifest list"
	run_fails 125 manifest rm $IMAGE
	run_fails 125 manifest remove known sha256:$(printf '%064d' 1)
	run_fails 125 manifest remove known nonsense
	run_fails 125 manifest annotate --annotation x known $(dhow manifest inspect known | jq -r '.manifests[0].digest')
	run_fails 125 manifest annotate --arch x --index known
	run_fails 125 manifest add known "$REG/nothing:1"
	run_fails 125 manifest inspect "$REG/nothing:1"
	run_fails 125 manifest add known known
	run_ok manifest annotate --index --annotation whole=yes --subject $IMAGE known
	run_ok manifest inspect known
	eq "$(jq -r '.annotations.whole + " " + .subject.digest' <<<"$out")" "yes $(dhow image inspect --format '{{.Digest}}' $IMAGE)"
	run_ok manifest rm -i known nothing-there
}

@test "two commands that change one list at the same time lose nothing" {
	need jq
	run_ok manifest create race
	local n pids=()
	for n in 1 2 3 4 5 6; do
		echo "$n" >"$T/file$n"
		dhow manifest add --artifact --artifact-type "x/$n" race "$T/file$n" >/dev/null &
		pids+=($!)
	done
	wait "${pids[@]}"
	run_ok manifest inspect race
	eq "$(jq -r '[.manifests[].artifactType] | sort | join(" ")' <<<"$out")" "x/1 x/2 x/3 x/4 x/5 x/6"
	run_ok manifest rm race
}

@test "artifacts: made of files, listed, pushed, pulled, extracted; skopeo takes them; titles are names, not paths" {
	need docker-registry && need skopeo && need jq
	head -c 9000000 /dev/urandom >"$T/big"
	echo '<html>' >"$T/page.html"
	run_ok artifact add --type application/x-test --annotation k=v "$REG/art:1" "$T/big" "$T/page.html"
	local digest=$out
	run_fails 125 artifact add "$REG/art:1" "$T/big"
	run_ok artifact inspect "$REG/art:1"
	eq "$(jq -r '.Manifest.layers[1].mediaType + " " + .Manifest.layers[1].annotations.k' <<<"$out")" "text/html; charset=utf-8 v"
	hasnt "$(dhow images --format '{{.Repository}}')" "$REG/art"
	run_ok artifact push -q --digestfile "$T/d" "$REG/art:1"
	eq "$(cat "$T/d")" "sha256:$digest"
	eq "$(raw "$REG/art:1" | sha256sum | cut -d' ' -f1)" "$digest"
	skopeo copy -q --insecure-policy --src-tls-verify=false --dest-tls-verify=false "docker://$REG/art:1" "docker://$REG/art:2"
	run_ok artifact rm "${digest:0:12}"
	eq "$out" "$digest"
	[ -z "$(ls "$W/store/artifacts/blobs/sha256")" ]
	run_ok artifact pull -q "$REG/art:2"
	eq "$out" "$digest"
	mkdir "$T/files"
	run_ok artifact extract "$REG/art:2" "$T/files"
	cmp "$T/big" "$T/files/big"
	run_ok artifact extract --title page.html "$REG/art:2" "$T/single"
	cmp "$T/page.html" "$T/single"
	run_fails 125 artifact extract "$REG/art:2" "$T/single"
	echo more >"$T/more"
	run_ok artifact add --append "$REG/art:2" "$T/more"
	eq "$(dhow artifact inspect "$REG/art:2" | jq '.Manifest.layers | length')" 3
	run_fails 125 artifact add --append "$REG/art:2" "$T/more"
	# a hostile one
	skopeo copy -q --insecure-policy --src-tls-verify=false "docker://$REG/art:1" "oci:$T/evil:x"
	local manifest size
	jq -c '.layers[0].annotations["org.opencontainers.image.title"]="../../escaped"' "$T/evil/blobs/sha256/$digest" >"$T/m"
	read -r manifest size <<<"$(blob_of "$T/evil" "$T/m")"
	jq -c --arg d "$manifest" --argjson s "$size" '.manifests[0].digest=$d | .manifests[0].size=$s' "$T/evil/index.json" >"$T/i"
	cp "$T/i" "$T/evil/index.json"
	skopeo copy -q --insecure-policy --dest-tls-verify=false "oci:$T/evil:x" "docker://$REG/evil:1"
	run_ok artifact pull -q "$REG/evil:1"
	run_fails 125 artifact extract "$REG/evil:1" "$T/files"
	[ ! -e "$T/../escaped" ] && [ ! -e "$T/escaped" ]
	run_ok artifact rm -a
	[ -z "$(find "$W/store/images/blobs" -size +8000k)" ]
	run_fails 125 artifact pull -q "$REG/nothing:1"
	run_ok artifact rm -i nothing
}

@test "search: a catalogue, tags, and one clear error" {
	need docker-registry && need jq
	run_ok search --format '{{.Name}}' "$REG/othe"
	eq "$out" "$REG/other"
	run_ok search --list-tags --format json "$REG/two"
	eq "$(jq -r '.[0].Tags[0]' <<<"$out")" 1
	run_ok search --limit 1 --format '{{.Name}}' "$REG/o"
	eq "$(wc -l <<<"$out")" 1
	run_fails 125 search localhost:1/x
	has "$err" "localhost:1"
	run_fails 125 search --filter color=red "$REG/x"
	run_fails 125 search word
	printf 'unqualified-search-registries = ["%s", "localhost:1"]\n' "$REG" >"$T/r.conf"
	cat "$XDG_CONFIG_HOME/containers/registries.conf" >>"$T/r.conf"
	CONTAINERS_REGISTRIES_CONF=$T/r.conf run_ok search --format '{{.Name}}' other
	eq "$out" "$REG/other"
	has "$err" "localhost:1"
}

@test "search asks an index for stars and descriptions" {
	need python3
	cat >"$T/hub.py" <<'PY'
import http.server, json, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"{}"
        if self.path.startswith("/v1/search"):
            body = json.dumps({"results": [
                {"name": "web", "description": "long " * 30, "star_count": 7, "is_official": True},
                {"name": "a/web", "description": "x", "star_count": 2, "is_automated": True}]}).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *a): pass
s = http.server.HTTPServer(("127.0.0.1", 0), H)
open(sys.argv[1], "w").write(str(s.server_port)); s.serve_forever()
PY
	start_background python3 "$T/hub.py" "$T/port"
	disown "$pid"
	wait_for 10 test -s "$T/port"
	local hub
	hub=localhost:$(cat "$T/port")
	run_ok search --tls-verify=false --compatible "$hub/web"
	has "$out" "$hub/web"
	has "$out" "[OK]"
	has "$out" "..."
	run_ok search --tls-verify=false --filter stars=3 --format '{{.Name}} {{.Stars}}' "$hub/web"
	eq "$out" "$hub/web 7"
	run_ok search --tls-verify=false --filter is-official=false --no-trunc --format '{{.Name}}' "$hub/web"
	eq "$out" "$hub/a/web"
}
