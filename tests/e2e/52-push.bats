#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# push to a real registry, login and logout
load lib
load registry

prepare_file() {
	local port
	export CA=$W/ca REG REG_TLS
	command -v docker-registry skopeo htpasswd openssl >/dev/null || return 0
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
	insecure "$REG"
	dhow run --name made --network none $IMAGE sh -c 'echo made >/made; rm /etc/group' &&
		dhow commit made localhost/made:1 >/dev/null && dhow rm made >/dev/null
}
clean_file() { registry_stop; }

@test "a committed image is pushed compressed, and comes back the same; a second push has the same digest" {
	need docker-registry && need skopeo
	local id
	id=$(dhow image inspect --format '{{.Id}}' made:1)
	run_ok push --digestfile "$T/digest" made:1 "$REG/made:1"
	eq "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REG/made:1")" "$(cat "$T/digest")"
	run_ok push -q --digestfile "$T/digest2" made:1 "docker://$REG/made:2"
	eq "$out$err" ""
	cmp "$T/digest" "$T/digest2"
	run_ok rmi -f made:1
	run_ok pull -q "$REG/made:1"
	eq "$out" "$id"
	run_ok run --rm --network none "$REG/made:1" sh -c 'cat /made; ls /etc/group 2>/dev/null; :'
	eq "$out" made
	# what was pulled is pushed with the digest that it had
	run_ok push -q --digestfile "$T/digest3" "$REG/made:1" "$REG/other:1"
	cmp "$T/digest" "$T/digest3"
	run_ok tag "$id" localhost/made:1
}

# lines of the logging registry's log since it was emptied
sent() { grep -cE "\"(PATCH|PUT) [^ ]*/blobs/uploads/" "$W/logged.log" || true; }

@test "what was compressed once is not compressed and not sent again: same tag, second tag, other repository, pull" {
	need docker-registry
	local port reg diff
	unused_port
	reg=localhost:$port
	NO_ACCESS_LOG=false registry_start logged "$port"
	insecure "$reg"
	run_ok push -q made:1 "$reg/a:1"
	[ "$(sent)" -ge 2 ]
	# one HEAD for each of two layers and the configuration, and the manifest
	: >"$W/logged.log"
	run_ok push -q made:1 "$reg/a:1"
	eq "$(sent)" 0
	run_ok push -q made:1 "$reg/a:2"
	eq "$(sent)" 0
	: >"$W/logged.log"
	run_ok push -q made:1 "$reg/b:1"
	# the configuration is no layer: it is sent
	eq "$(sent)" 1
	grep -q '"POST [^ ]*mount=sha256:[0-9a-f]*&from=a' "$W/logged.log"
	# and the layers of the pushed image are those that are here
	: >"$W/logged.log"
	run_ok pull -q --policy always "$reg/a:2"
	eq "$(grep -c 'GET [^ ]*/blobs/' "$W/logged.log" || true)" 0
	# a registry that has lost them gets them again, though nobody but it knew
	find "$W/logged" -name data -path '*blobs*' -delete
	find "$W/logged" -name link -path '*_layers*' -delete
	run_ok push -q made:1 "$reg/a:3"
	run_ok rmi -f "$reg/a:2"
	run_ok pull -q --policy always "$reg/a:3"
	run_ok run --rm --network none "$reg/a:3" cat /made
	eq "$out" made
}

@test "a push that was killed at any moment leaves nothing, and the next one is whole" {
	need docker-registry && need skopeo
	local i
	dhow run --name noise --network none $IMAGE sh -c 'dd if=/dev/urandom of=/noise bs=1M count=24 2>/dev/null' &&
		dhow commit -q noise localhost/noise:1 >/dev/null && dhow rm noise >/dev/null
	for i in 1 2 3 4 5 6; do
		"$DHOW" --root "$W/store" --runroot "$XDG_RUNTIME_DIR/e2e-${W##*/}" push -q noise:1 "$REG/noise:$i" >/dev/null 2>&1 3>&- 4>&- &
		sleep "0.0$((i * 3))"
		kill -9 $! 2>/dev/null || true
		wait $! 2>/dev/null || true
	done
	run_ok push -q --digestfile "$T/digest" noise:1 "$REG/noise:last"
	skopeo --insecure-policy copy -q --src-tls-verify=false "docker://$REG/noise:last" "dir:$T/noise"
	run_ok images -q
	# what the killed ones had staged is collected by the next command that writes
	run_ok rmi noise:1
	eq "$(find "$W/store/tmp" -mindepth 1 -maxdepth 1 ! -name lock | wc -l)" 0
}

@test "push as oci, v2s2, gzip and zstd is what skopeo reads" {
	need docker-registry && need skopeo
	local format
	for format in "--format oci" "--format v2s2" "--compression-format zstd" "--compression-format gzip --compression-level 9"; do
		run_ok push -q $format made:1 "$REG/form:1"
		skopeo --insecure-policy copy -q --src-tls-verify=false "docker://$REG/form:1" "oci:$T/oci:x"
		run_ok run --rm --network none --pull always "$REG/form:1" cat /made
		eq "$out" made
	done
	run_fails 125 push --format v2s2 --compression-format zstd --force-compression made:1 "$REG/form:1"
	run_fails 125 push --compression-level 99 --compression-format gzip made:1 "$REG/form:1"
	run_fails 125 push --format nonsense made:1 "$REG/form:1"
	run_fails 125 push --sign-by x made:1 "$REG/form:1"
}

@test "login asks the registry, keeps a private file that skopeo reads, and logout empties it" {
	need docker-registry && need skopeo && need htpasswd
	export REGISTRY_AUTH_FILE=$T/auth.json
	run_fails 125 login -u tester -p wrong --cert-dir "$W/trust" "$REG_TLS"
	has "$err" "$REG_TLS"
	[ ! -e "$T/auth.json" ]
	printf '%s\n' 'p4ss:w0rd%$' >"$T/pw"
	run_in_file "$T/pw" login -u tester --password-stdin --cert-dir "$W/trust" "$REG_TLS"
	eq "$out" "Login Succeeded!"
	eq "$(stat -c %a "$T/auth.json")" 600
	hasnt "$err" 'p4ss'
	run_ok login --get-login "$REG_TLS"
	eq "$out" tester
	run_ok push -q --cert-dir "$W/trust" made:1 "$REG_TLS/in:1"
	skopeo inspect --cert-dir "$W/trust" --authfile "$T/auth.json" "docker://$REG_TLS/in:1" >/dev/null
	run_ok logout "$REG_TLS"
	run_fails 125 push -q --cert-dir "$W/trust" made:1 "$REG_TLS/in:2"
	run_fails 125 logout "$REG_TLS"
	run_fails 125 login -u tester "$REG_TLS"
	echo '{' >"$T/auth.json"
	run_in_file "$T/pw" login -u tester --password-stdin --cert-dir "$W/trust" "$REG_TLS" && return 1
	has "$err" auth.json
}
run_in_file() {
	local file=$1
	shift
	last="$*" status=0
	dhow "$@" <"$file" >"$T/out" 2>"$T/err" || status=$?
	out=$(cat "$T/out") err=$(cat "$T/err")
	[ "$status" = 0 ]
}

@test "push --all-tags sends each tag of the repository, and of no other" {
	local tag
	for tag in 1 2 third; do run_ok tag $IMAGE $REG/team/all:$tag; done
	run_ok tag $IMAGE $REG/team/other:9
	run_ok push -q --all-tags --tls-verify=false $REG/team/all
	eq "$(curl -s http://$REG/v2/team/all/tags/list | jq -r '.tags | sort | join(" ")')" "1 2 third"
	eq "$(curl -s -o /dev/null -w '%{http_code}' http://$REG/v2/team/other/tags/list)" 404
	run_ok push -q -a --tls-verify=false team/all
	run_fails 125 push -q -a $REG/team/all:1
	has "$err" "it names one already"
	run_fails 125 push -q -a $REG/team/nothing
	has "$err" "no image has a name in repository"
	run_fails 125 push -q -a $REG/team/all $REG/team/more
	has "$err" "no other destination"
	run_ok tag $IMAGE localhost/team/all:1
	run_fails 125 push -q -a team/all
	has "$err" "is both"
	for tag in $REG/team/all:1 $REG/team/all:2 $REG/team/all:third $REG/team/other:9 localhost/team/all:1; do
		run_ok untag $IMAGE $tag
	done
}
