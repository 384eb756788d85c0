# SPDX-License-Identifier: Apache-2.0
#
# tests/e2e/40-pull.bats - pull from a real registry: names, TLS, passwords, platforms, policies, mirrors

load lib
load registry

prepare_file() {
	local port name arch
	export LAYOUT=$W/layout CA=$W/ca REG REG_TLS MANIFEST
	command -v docker-registry skopeo htpasswd openssl >/dev/null || return 0
	two_layers "$LAYOUT"
	make_ca "$CA"
	mkdir -p "$W/trust"
	cp "$CA/ca.crt" "$W/trust"
	htpasswd -Bbn tester 'p4ss:w0rd%$' >"$W/htpasswd" 2>/dev/null
	unused_port
	REG=localhost:$port
	registry_start plain "$port"
	unused_port
	REG_TLS=localhost:$port
	registry_start tls "$port" "$CA/server.crt" "$CA/server.key" "$W/htpasswd"
	for name in one two; do push "$LAYOUT" "$REG/$name:latest" --preserve-digests; done
	push "$LAYOUT" "$REG_TLS/one:latest" --preserve-digests --dest-creds 'tester:p4ss:w0rd%$'
	insecure "$REG"
}
clean_file() { registry_stop; }
setup() {
	need docker-registry && need skopeo && need htpasswd && need openssl
	T=$W/t$BATS_TEST_NUMBER
	mkdir -p "$T"
	cd "$T"
	cp "$XDG_CONFIG_HOME/containers/registries.conf" "$T/registries.conf"
}
teardown() {
	local pid
	for pid in "${background[@]}"; do kill -9 "$pid" 2>/dev/null || :; done
	cp "$T/registries.conf" "$XDG_CONFIG_HOME/containers/registries.conf"
	dhow images -a -q --no-trunc | sort -u | while read -r pid; do
		dhow image inspect --format '{{.RepoTags}}' "$pid" | grep -q localhost/small || dhow rmi -f "$pid"
	done >/dev/null 2>&1 || :
}
@test "pull by tag, by digest and by short name; the id alone is on stdout" {
	run_ok pull "$REG/one"
	[[ $out =~ ^[0-9a-f]{64}$ ]]
	local id=$out
	has "$err" "$REG/one:latest"
	run_ok pull -q "$REG/one@$MANIFEST"
	eq "$out$err" "$id"
	run_ok image inspect --format '{{.Digest}} {{.RepoTags}} {{index .RepoDigests 0}}' one
	eq "$out" "$MANIFEST [$REG/one:latest] $REG/one@$MANIFEST"
	run_fails 125 pull -q "$REG/one@sha256:$(printf '0%.0s' {1..64})"
	has "$err" "unknown"
}

@test "unknown images, unknown tags and impossible names are one clear error each" {
	run_fails 125 pull -q "$REG/none"
	has "$err" "$REG/none:latest"
	has "$err" "manifest unknown"
	run_fails 125 pull -q "$REG/one:none"
	has "$err" "$REG/one:none"
	run_fails 125 pull -q "$REG/UPPER"
	has "$err" lowercase
	run_fails 125 pull -q ""
	run_fails 125 pull -q localhost:1/x
	has "$err" "connection refused"
	run_fails 125 pull -q no-such-short-name
	has "$err" "docker.io/library/no-such-short-name:latest"
	run_fails 125 pull -q oci:$T/none
	run_fails 125 pull -q docker-daemon:x
	has "$err" docker-daemon
	eq "$(names)" ""
}

@test "TLS: only the right authority, the right name and the right time are trusted" {
	local creds='tester:p4ss:w0rd%$'
	run_fails 125 pull -q --creds "$creds" "$REG_TLS/one"
	has "$err" "certificate"
	has "$err" "unknown certificate authority"
	run_ok pull -q --creds "$creds" --cert-dir "$W/trust" "$REG_TLS/one"
	mkdir -p "$XDG_CONFIG_HOME/containers/certs.d/$REG_TLS"
	cp "$CA/ca.crt" "$XDG_CONFIG_HOME/containers/certs.d/$REG_TLS"
	run_ok pull -q --creds "$creds" "$REG_TLS/one"
	mkdir "$T/empty"
	run_fails 125 pull -q --creds "$creds" --cert-dir "$T/empty" "$REG_TLS/one"
	run_ok pull -q --creds "$creds" --cert-dir "$T/empty" --tls-verify=false "$REG_TLS/one"
	run_fails 125 pull -q --tls-verify=true "$REG/one"
	rm "$XDG_CONFIG_HOME/containers/registries.conf"
	run_fails 125 pull -q "$REG/one"
	run_ok pull -q --tls-verify=false "$REG/one"
}

@test "TLS: a certificate for another name and one that has expired are refused" {
	bad_registry "$LAYOUT" "$CA/other.crt" "$CA/other.key"
	run_fails 125 pull -q --cert-dir "$W/trust" "$BAD/x"
	has "$err" "another name"
	bad_registry "$LAYOUT" "$CA/expired.crt" "$CA/expired.key"
	run_fails 125 pull -q --cert-dir "$W/trust" "$BAD/x"
	has "$err" "expired"
	eq "$(names)" ""
}

@test "passwords: --creds, auth files, the longest key wins, a helper; wrong ones are not shown" {
	local good bad
	good=$(printf 'tester:p4ss:w0rd%%$' | base64 -w0)
	bad=$(printf 'tester:wrong-one' | base64 -w0)
	local trust=(--cert-dir "$W/trust")
	run_fails 125 pull -q "${trust[@]}" "$REG_TLS/one"
	has "$err" "authentication"
	run_fails 125 pull -q "${trust[@]}" --creds tester:wrong-one "$REG_TLS/one"
	has "$err" "$REG_TLS/one"
	hasnt "$err" wrong-one
	printf '{"auths":{"%s":{"auth":"%s"}}}' "$REG_TLS" "$good" >"$T/auth.json"
	run_ok pull -q "${trust[@]}" --authfile "$T/auth.json" "$REG_TLS/one"
	REGISTRY_AUTH_FILE=$T/auth.json run_ok pull -q "${trust[@]}" "$REG_TLS/one"
	printf '{"auths":{"%s":{"auth":"%s"},"%s/one":{"auth":"%s"}}}' "$REG_TLS" "$bad" "$REG_TLS" "$good" >"$T/two.json"
	run_ok pull -q "${trust[@]}" --authfile "$T/two.json" "$REG_TLS/one"
	run_fails 125 pull -q "${trust[@]}" --authfile "$T/two.json" "$REG_TLS/two"
	run_fails 125 pull -q "${trust[@]}" --authfile "$T/none.json" "$REG_TLS/one"
	has "$err" none.json
	echo '{"auths"' >"$T/broken.json"
	run_fails 125 pull -q "${trust[@]}" --authfile "$T/broken.json" "$REG_TLS/one"
	has "$err" broken.json

	mkdir "$T/bin"
	printf '%s\n' '#!/bin/sh' 'read server' "printf '{\"Username\":\"tester\",\"Secret\":\"%s\"}' 'p4ss:w0rd%\$'" >"$T/bin/docker-credential-test"
	chmod 755 "$T/bin/docker-credential-test"
	printf '{"credHelpers":{"%s":"test"}}' "$REG_TLS" >"$T/helper.json"
	PATH=$T/bin:$PATH run_ok pull -q "${trust[@]}" --authfile "$T/helper.json" "$REG_TLS/one"
	printf '{"credHelpers":{"%s":"../bin/x"}}' "$REG_TLS" >"$T/helper.json"
	run_fails 125 pull -q "${trust[@]}" --authfile "$T/helper.json" "$REG_TLS/one"
}

@test "an index: this machine's platform, another one, one that it lacks" {
	local arch other
	arch=$(uname -m | sed 's/x86_64/amd64/;s/aarch64/arm64/')
	[ "$arch" = arm64 ] && other=amd64 || other=arm64
	bad_registry "$LAYOUT"
	insecure "$BAD"
	bad_mode index
	run_ok pull -q "$BAD/x"
	eq "$err" ""
	run_ok image inspect --format '{{.Architecture}} {{len .RepoDigests}}' "$BAD/x"
	eq "$out" "$arch 2"
	run_fails 125 pull -q --platform linux/s390x "$BAD/x"
	has "$err" "linux/s390x"
	has "$err" "linux/$arch"
	run_fails 125 pull -q --platform 'linux/../x' "$BAD/x"
	bad_mode ok
	run_ok pull -q --arch "$other" "$BAD/x"
	has "$err" "linux/$other"
}

@test "policies: never, missing, newer, always" {
	bad_registry "$LAYOUT"
	insecure "$BAD"
	run_fails 125 pull -q --policy never "$BAD/x"
	eq "$(requests .)" 0
	run_ok pull -q --policy missing "$BAD/x"
	local all
	all=$(requests .)
	run_ok pull -q --policy missing "$BAD/x"
	eq "$(requests .)" "$all"
	# what has not changed costs one request
	run_ok pull -q --policy always "$BAD/x"
	eq "$(requests .)" $((all + 1))
	eq "$(requests '^A HEAD /v2/x/manifests/latest')" 1
	# what is not whole any more is fetched, and nothing that is here
	rm -r "$W/store/layers/sha256/$(dhow image inspect --format '{{index .RootFS.Layers 1}}' "$BAD/x" | cut -d: -f2)"
	run_ok pull -q --policy always "$BAD/x"
	eq "$(requests '^A GET /v2/x/blobs')" 3
	run_ok system check
	bad_mode missing
	run_ok pull -q --policy newer "$BAD/x"
	run_fails 125 pull -q --policy always "$BAD/x"
	run_fails 125 pull -q --policy sometimes "$BAD/x"
}

@test "short names: aliases, search registries in their order, drop-in files" {
	printf '%s\n' "unqualified-search-registries = ['localhost:1', '$REG']" '[[registry]]' "location = '$REG'" \
		'insecure = true' '[aliases]' "nick = '$REG/two'" >"$XDG_CONFIG_HOME/containers/registries.conf"
	run_ok pull -q nick
	eq "$(names)" "$REG/two:latest "
	run_ok image inspect nick
	run_ok pull -q --retry 0 one
	eq "$(names)" "$REG/one:latest $REG/two:latest "
	run_fails 125 pull -q --retry 0 none
	has "$err" "localhost:1/none"
	has "$err" "$REG/none"
	mkdir "$XDG_CONFIG_HOME/containers/registries.conf.d"
	printf '[aliases]\nother = "%s/one"\n' "$REG" >"$XDG_CONFIG_HOME/containers/registries.conf.d/9.conf"
	run_ok pull -q other
	rm -r "$XDG_CONFIG_HOME/containers/registries.conf.d"
	echo 'this is not [ toml' >"$XDG_CONFIG_HOME/containers/registries.conf"
	run_fails 125 pull -q "$REG/one"
	has "$err" "registries.conf:1:"
}

at_terminal() { # INPUT ARG...: dhow at a terminal at which that is typed
	local input=$1
	shift
	last="at a terminal: $*"
	out=$(script -qec "$(printf '%q ' "$DHOW" --root "$W/store" --runroot "$XDG_RUNTIME_DIR/e2e-${W##*/}" "$@"); echo status \$?" /dev/null < <(printf "$input"; sleep 2) | tr -d '\r')
	status=$(tail -1 <<<"${out#*status }")
}

@test "short names: a user at a terminal says which of several is meant, once" {
	export XDG_CACHE_HOME=$T/cache
	local conf=$XDG_CONFIG_HOME/containers/registries.conf aliases=$T/cache/containers/short-name-aliases.conf
	short_names() { printf '%s\n' "short-name-mode = '$1'" "unqualified-search-registries = ['localhost:1', '$REG']" '[[registry]]' "location = '$REG'" 'insecure = true' >"$conf"; }
	short_names enforcing
	run_fails 125 pull -q one
	has "$err" "short-name-mode is enforcing"
	# none is chosen, and nothing is remembered
	at_terminal '0\nx\n3\n' pull -q one
	eq "$status" 125
	has "$out" "none was chosen"
	at_terminal '1\n' pull -q --retry 0 one
	eq "$status" 125
	[ ! -e "$aliases" ]
	at_terminal '7\n2\n' pull -q one:latest
	eq "$status" 0
	has "$out" "2  $REG/one:latest"
	eq "$(names)" "$REG/one:latest "
	eq "$(cat "$aliases")" "[aliases]
  \"one\" = \"$REG/one\""
	run_ok pull -q --policy always one
	short_names permissive
	at_terminal '2\n' pull -q two
	eq "$status" 0
	eq "$(grep -c "$REG" "$aliases")" 2
	# nobody is asked where several are tried in turn
	short_names disabled
	rm "$aliases"
	at_terminal '' pull -q --retry 0 --policy always two
	eq "$status" 0
	[ ! -e "$aliases" ]
}

@test "mirrors come first, the registry last; blocked ones are refused; prefixes are rewritten" {
	bad_registry "$LAYOUT"
	printf '%s\n' '[[registry]]' 'prefix = "mirrored.test/lib"' "location = '$REG'" 'insecure = true' \
		'[[registry.mirror]]' 'location = "localhost:1"' \
		'[[registry.mirror]]' "location = '$BAD'" 'insecure = true' \
		'[[registry]]' 'location = "blocked.test"' 'blocked = true' \
		'[[registry]]' 'prefix = "*.wild.test"' "location = '$REG'" 'insecure = true' >"$XDG_CONFIG_HOME/containers/registries.conf"
	run_ok pull -q --retry 0 mirrored.test/lib/one
	eq "$(names)" "mirrored.test/lib/one:latest "
	eq "$(requests '/v2/one/manifests/latest')" 1
	bad_mode missing
	run_ok pull -q --retry 0 mirrored.test/lib/two
	run_fails 125 pull -q blocked.test/x/y
	has "$err" "blocked"
	run_ok pull -q any.wild.test/one
	# credentials of the command line are for the registry that was named, not for its mirrors
	bad_mode auth-basic
	run_ok pull -q --retry 0 --creds a:b mirrored.test/lib/one
	eq "$(requests ' Basic ')" 0
}

@test "all tags" {
	push "$LAYOUT" "$REG/tags:a" --preserve-digests
	push "$LAYOUT" "$REG/tags:b" --preserve-digests
	run_ok pull -q --all-tags "$REG/tags"
	eq "$(names)" "$REG/tags:a $REG/tags:b "
	run_fails 125 pull -q --all-tags "$REG/tags:a"
	run_fails 125 pull -q --all-tags "$REG/none"
}

@test "a local layout, as a whole and by name; links out of it are not followed" {
	run_ok pull -q "oci:$LAYOUT:latest"
	run_ok pull -q "oci:$LAYOUT"
	run_fails 125 pull -q "oci:$LAYOUT:none"
	canary
	cp -r "$LAYOUT" "$T/evil"
	rm "$T/evil/index.json"
	ln -s "$K/secret" "$T/evil/index.json"
	run_fails 125 pull -q "oci:$T/evil"
	canary_holds
}

@test "two pulls of one image at the same time both end well" {
	local a b
	dhow pull -q "$REG/one" >"$T/a" 2>&1 &
	a=$!
	dhow pull -q "$REG/one" >"$T/b" 2>&1 &
	b=$!
	wait "$a"
	wait "$b"
	eq "$(cat "$T/a")" "$(cat "$T/b")"
}
