#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# signatures: what policy.json demands, in both directions with skopeo
load lib
load registry

gpg_key() { # NAME [EXPIRE]: its public half is $W/NAME.asc
	gpg --batch --quiet --passphrase '' --quick-gen-key "$1@a.test" rsa2048 sign "${2:-never}" 2>/dev/null
	gpg --armor --export "$1@a.test" >"$W/$1.asc"
}
prepare_file() {
	local port
	export REG GNUPGHOME=$W/gnupg SIGS=$W/sigs LAYOUT=$W/layout MANIFEST
	command -v docker-registry skopeo gpg openssl >/dev/null || return 0
	mkdir -m 700 "$GNUPGHOME"
	gpg_key ann
	gpg_key eve
	echo 'pass word' >"$W/pass"
	python3 "$REPO/tests/e2e/sigstore_key.py" "$W/cosign" 'pass word'
	python3 "$REPO/tests/e2e/sigstore_key.py" "$W/other" 'pass word'
	two_layers "$LAYOUT"
	unused_port
	REG=localhost:$port
	registry_start plain "$port"
	insecure "$REG"
	mkdir -p "$SIGS" "$XDG_CONFIG_HOME/containers/registries.d"
	cat >"$XDG_CONFIG_HOME/containers/registries.d/test.yaml" <<-E
		docker:
		  $REG:
		    lookaside: file://$SIGS
		    use-sigstore-attachments: true
	E
}
clean_file() {
	registry_stop
	gpgconf --homedir "$W/gnupg" --kill all 2>/dev/null || :
}
setup() {
	need docker-registry && need skopeo && need gpg
	T=$W/t$BATS_TEST_NUMBER
	mkdir -p "$T"
	cd "$T"
}
teardown() {
	local pid
	for pid in "${background[@]}"; do kill -9 "$pid" 2>/dev/null || :; done
	rm -f "$XDG_CONFIG_HOME/containers/policy.json"
	dhow rmi -f $(names) >/dev/null 2>&1 || :
}

sk() { skopeo --insecure-policy --registries.d "$XDG_CONFIG_HOME/containers/registries.d" "$@" 3>&- 4>&-; }
sk_push() { # REF [OPTION...]
	local ref=$1
	shift
	sk copy -q --dest-tls-verify=false "$@" "oci:$LAYOUT:latest" "docker://$ref"
}
demand() { # REQUIREMENTS: of all that comes from the registry
	printf '{"default":[{"type":"insecureAcceptAnything"}],"transports":{"docker":{"%s":[%s]}}}' "$REG" "$1" \
		>"$XDG_CONFIG_HOME/containers/policy.json"
}
by() { # NAME [IDENTITY]
	printf '{"type":"signedBy","keyType":"GPGKeys","keyPath":"%s"%s}' "$W/$1.asc" "${2:+,\"signedIdentity\":$2}"
}
cosigned() { # NAME [MORE]
	printf '{"type":"sigstoreSigned","keyPath":"%s"%s}' "$W/$1.pub" "${2:+,$2}"
}
pull_denied() { # REF WORD...
	local ref=$1 word
	shift
	dhow rmi -f "$ref" >/dev/null 2>&1 || :
	run_fails 125 pull -q "$ref" || return 1
	for word in "$ref" signature "$@"; do has "$err" "$word" || return 1; done
	hasnt " $(names)" " $ref "
}
storage() { echo "$SIGS/$1@${2/:/=}"; } # PATH DIGEST

@test "signedBy: what skopeo signed comes in; unsigned, another's and moved signatures do not" {
	sk_push "$REG/a:1" --sign-by ann@a.test
	sk_push "$REG/eve:1" --sign-by eve@a.test
	sk_push "$REG/none:1"
	demand "$(by ann)"
	run_ok pull -q "$REG/a:1"
	eq "$(names)" "$REG/a:1 "
	run_ok pull -q "$REG/a@$MANIFEST"
	pull_denied "$REG/none:1" "lacks a signature" "there is none"
	pull_denied "$REG/eve:1" "no key that the policy names"
	# another tag, another repository
	sk_push "$REG/a:2"
	pull_denied "$REG/a:2" "it is for '$REG/a:1'"
	sk_push "$REG/copy:1"
	mkdir -p "$(storage copy "$MANIFEST")"
	cp "$(storage a "$MANIFEST")"/signature-1 "$(storage copy "$MANIFEST")"
	pull_denied "$REG/copy:1" "it is for '$REG/a:1'"
	# both must hold
	demand "$(by ann),$(by eve)"
	pull_denied "$REG/a:1" "no key that the policy names"
	sk copy -q --src-tls-verify=false --dest-tls-verify=false --sign-by eve@a.test "docker://$REG/a:1" "docker://$REG/a:1"
	run_ok pull -q "$REG/a:1"
	# no file of a check stays
	eq "$(find "$W/store/tmp" -mindepth 1 -maxdepth 1 -name 'gpg*')" ""
}

@test "push --sign-by: skopeo and dhow accept it; nothing is sent when it cannot be signed" {
	run_ok pull -q "oci:$LAYOUT:latest"
	local id=$out fingerprint
	fingerprint=$(gpg --list-keys --with-colons ann@a.test | awk -F: '$1 == "fpr" { print $10; exit }')
	run_ok push -q --sign-by "$fingerprint" --digestfile "$T/digest" "$id" "$REG/by/dhow:1"
	local file
	file=$(storage by/dhow "$(cat "$T/digest")")/signature-1
	skopeo inspect --raw --tls-verify=false "docker://$REG/by/dhow:1" >"$T/manifest.json"
	has "$(skopeo standalone-verify "$T/manifest.json" "$REG/by/dhow:1" "$fingerprint" "$file")" "Signature verified"
	demand "$(by ann)"
	skopeo --policy "$XDG_CONFIG_HOME/containers/policy.json" --registries.d "$XDG_CONFIG_HOME/containers/registries.d" \
		copy -q --src-tls-verify=false "docker://$REG/by/dhow:1" "dir:$T/dir"
	run_ok pull -q "$REG/by/dhow:1"
	# a second signature is another file
	run_ok push -q --sign-by eve@a.test "$id" "$REG/by/dhow:1"
	[ -e "${file%1}2" ]
	demand "$(by ann),$(by eve)"
	run_ok pull -q "$REG/by/dhow:1"
	run_fails 125 push -q --sign-by nobody@a.test "$id" "$REG/by/nobody:1"
	has "$err" "no such secret key"
	run_fails 125 push -q --sign-by ann@a.test "$id" "dir:$T/dir2"
	has "$err" "only images in registries are signed"
	run ! skopeo inspect --tls-verify=false "docker://$REG/by/nobody:1"
	# what skopeo signs by itself, from a file
	skopeo standalone-sign "$T/manifest.json" "$REG/alone:1" "$fingerprint" -o "$T/sig" >/dev/null
	sk_push "$REG/alone:1"
	demand "$(by ann)"
	pull_denied "$REG/alone:1"
	mkdir -p "$(storage alone "$(cat "$T/digest")")"
	cp "$T/sig" "$(storage alone "$(cat "$T/digest")")/signature-1"
	run_ok pull -q "$REG/alone:1"
}

@test "expired, revoked, forged and broken signatures are none" {
	sk_push "$REG/b:1" --sign-by ann@a.test
	local dir
	dir=$(storage b "$MANIFEST")
	cp "$dir/signature-1" "$T/good"
	demand "$(by ann)"
	local file word
	head -c 3000 /dev/urandom >"$T/random"
	: >"$T/empty"
	gpg --batch -o "$T/plain" -u ann@a.test -d "$T/good" 2>/dev/null
	gpg --batch -o "$T/cleartext" -u ann@a.test --clearsign "$T/plain"
	gpg --batch -o "$T/armored" -u ann@a.test --armor --sign "$T/plain"
	gpg --batch -o "$T/detached" -u ann@a.test --detach-sign "$T/plain"
	gpg --batch -o "$T/literal" --store "$T/plain"
	gpg --batch -o "$T/two" -u ann@a.test -u ann@a.test -u eve@a.test --sign "$T/plain"
	gpg --batch -o "$T/sha1" -u ann@a.test --digest-algo SHA1 --sign "$T/plain"
	sed 's/atomic container signature/cosign container image signature/' "$T/plain" >"$T/kind.txt"
	sed 's/"critical":{/"critical":{"more":1,/' "$T/plain" >"$T/more.txt"
	sed 's/sha256:./sha256:X/' "$T/plain" >"$T/digest.txt"
	sed "s/$MANIFEST/sha256:$(sha256sum <"$T/plain" | cut -d' ' -f1)/" "$T/plain" >"$T/manifest.txt"
	sed 's/}$/,"critical":{}}/' "$T/plain" >"$T/twice.txt"
	head -c 200000 /dev/zero >"$T/zeros.txt"
	for file in kind more digest manifest twice zeros; do
		gpg --batch -o "$T/$file" -u ann@a.test --sign "$T/$file.txt"
	done
	cp "$T/good" "$T/cut" && truncate -s -20 "$T/cut"
	cp "$T/good" "$T/changed" && printf X | dd of="$T/changed" bs=1 seek=$(($(stat -c %s "$T/good") / 2)) conv=notrunc status=none
	head -c 300000 /dev/zero >"$T/large"
	for file in random empty cleartext armored detached literal two sha1 kind more digest manifest twice zeros cut changed large; do
		cp "$T/$file" "$dir/signature-1"
		pull_denied "$REG/b:1" || complain "signature: $file"
	done
	# a good one behind bad ones is found
	cp "$T/good" "$dir/signature-2"
	cp "$T/random" "$dir/signature-1"
	run_ok pull -q "$REG/b:1"
	rm "$dir/signature-2"
	# thousands: the first ones are looked at, and that takes no time
	rm "$dir/signature-1"
	python3 -c 'import os, sys
for n in range(1, 3001): os.link(sys.argv[1], f"{sys.argv[2]}/signature-{n}")' "$T/random" "$dir"
	local start=$SECONDS
	pull_denied "$REG/b:1" "signature 1: it is no signature"
	[ $((SECONDS - start)) -lt 60 ]
	rm -r "$dir"
}

@test "signatures of keys that are expired or revoked are none" {
	gpg_key gone
	gpg_key old seconds=6
	local expired=$((SECONDS + 8))
	sk_push "$REG/old:1" --sign-by old@a.test
	sk_push "$REG/gone:1" --sign-by gone@a.test
	demand "$(by gone)"
	run_ok pull -q "$REG/gone:1"
	local fingerprint
	fingerprint=$(gpg --list-keys --with-colons gone@a.test | awk -F: '$1 == "fpr" { print $10; exit }')
	sed 's/^:-----/-----/' "$GNUPGHOME/openpgp-revocs.d/$fingerprint.rev" | gpg --batch --quiet --import 2>/dev/null
	gpg --armor --export gone@a.test >"$W/gone.asc"
	pull_denied "$REG/gone:1"
	[ $SECONDS -ge $expired ] || sleep $((expired - SECONDS))
	demand "$(by old)"
	pull_denied "$REG/old:1" "it is not good"
}

@test "sigstoreSigned: signed by us; unsigned, another's and moved ones are refused" {
	run_ok pull -q "oci:$LAYOUT:latest"
	local id=$out key
	for key in cosign other; do
		run_ok push -q --sign-by-sigstore-private-key "$W/$key.private" --sign-passphrase-file "$W/pass" "$id" "$REG/s/$key:1"
	done
	run_ok push -q "$id" "$REG/s/none:1"
	demand "$(cosigned cosign)"
	run_ok pull -q "$REG/s/cosign:1"
	pull_denied "$REG/s/other:1" "no key that the policy names"
	pull_denied "$REG/s/none:1" "there is none"
	# moved: the whole repository as it is, under another name and another tag
	local tag=${MANIFEST/:/-}.sig
	sk copy -q --src-tls-verify=false --dest-tls-verify=false "docker://$REG/s/cosign:$tag" "docker://$REG/s/moved:$tag"
	sk_push "$REG/s/moved:1"
	sk_push "$REG/s/cosign:2"
	pull_denied "$REG/s/moved:1" "it is for '$REG/s/cosign:1'"
	pull_denied "$REG/s/cosign:2" "it is for '$REG/s/cosign:1'"
	demand "$(cosigned cosign '"signedIdentity":{"type":"matchRepository"}')"
	run_ok pull -q "$REG/s/cosign:2"
	pull_denied "$REG/s/moved:1"
	# a second signature is added to the first
	run_ok push -q --sign-by-sigstore-private-key "$W/other.private" --sign-passphrase-file "$W/pass" "$id" "$REG/s/cosign:1"
	demand "$(cosigned cosign),$(cosigned other)"
	run_ok pull -q "$REG/s/cosign:1"
	# what openssl says of it, as any other program would
	skopeo inspect --raw --tls-verify=false "docker://$REG/s/cosign:$tag" >"$T/attached"
	curl -sf "http://$REG/v2/s/cosign/blobs/$(jq -r '.layers[0].digest' "$T/attached")" >"$T/payload"
	jq -r '.layers[0].annotations["dev.cosignproject.cosign/signature"]' "$T/attached" | base64 -d >"$T/signature"
	openssl dgst -sha256 -verify "$W/cosign.pub" -signature "$T/signature" "$T/payload"
	# without a word in registries.d neither writing nor reading
	sed -i 's/attachments: true/attachments: false/' "$XDG_CONFIG_HOME/containers/registries.d/test.yaml"
	demand "$(cosigned cosign)"
	pull_denied "$REG/s/cosign:1" "there is none"
	run_fails 125 push -q --sign-by-sigstore-private-key "$W/other.private" --sign-passphrase-file "$W/pass" "$id" "$REG/s/cosign:1"
	has "$err" use-sigstore-attachments
	sed -i 's/attachments: false/attachments: true/' "$XDG_CONFIG_HOME/containers/registries.d/test.yaml"
	# keys and passphrases that are none
	echo wrong >"$T/wrong"
	run_fails 125 push -q --sign-by-sigstore-private-key "$W/cosign.private" --sign-passphrase-file "$T/wrong" "$id" "$REG/s/x:1"
	has "$err" "passphrase is wrong"
	run_fails 125 push -q --sign-by-sigstore-private-key "$W/cosign.pub" --sign-passphrase-file "$W/pass" "$id" "$REG/s/x:1"
	run_fails 125 push -q --sign-by-sigstore-private-key "$W/cosign.private" "$id" "$REG/s/x:1"
	printf 'privateKeyFile: %s\nprivateKeyPassphraseFile: %s\n' "$W/cosign.private" "$W/pass" >"$T/parameters"
	run_ok push -q --sign-by-sigstore "$T/parameters" "$id" "$REG/s/parameters:1"
	run_ok pull -q "$REG/s/parameters:1"
	echo 'rekorURL: https://rekor.test' >>"$T/parameters"
	run_fails 125 push -q --sign-by-sigstore "$T/parameters" "$id" "$REG/s/x:1"
	has "$err" rekorURL
	cp "$W/ann.asc" "$W/wrong.pub"
	demand "$(cosigned wrong)"
	run_fails 125 pull -q "$REG/s/cosign:1"
	has "$err" "a key of the policy cannot be used"
	demand "$(cosigned missing)"
	run_fails 125 pull -q "$REG/s/cosign:1"
	has "$err" missing.pub
}

rekor_bundle() { # SIGNATURE-FILE PAYLOAD-FILE KEY: the bundle, signed by $T/rekor.plain
	local body payload
	body=$(jq -cn --arg hash "$(sha256sum <"$2" | cut -d' ' -f1)" --arg signature "$(base64 -w0 <"$1")" --arg key "$(base64 -w0 <"$3")" \
		'{apiVersion: "0.0.1", kind: "hashedrekord", spec: {data: {hash: {algorithm: "sha256", value: $hash}}, signature: {content: $signature, publicKey: {content: $key}}}}' |
		base64 -w0)
	payload=$(jq -cnS --arg body "$body" '{body: $body, integratedTime: 1700000000, logID: "c0d23d6ad406973f", logIndex: 12345}')
	printf %s "$payload" >"$T/canonical"
	openssl dgst -sha256 -sign "$T/rekor.plain" -out "$T/set" "$T/canonical"
	jq -cn --argjson payload "$payload" --arg set "$(base64 -w0 <"$T/set")" '{SignedEntryTimestamp: $set, Payload: $payload}'
}
attach_bundle() { # BUNDLE REPOSITORY: into the attachment that is there
	local tag=${MANIFEST/:/-}.sig
	jq -c --arg bundle "$1" '.layers[0].annotations["dev.sigstore.cosign/bundle"] = $bundle' "$T/attached" >"$T/with"
	curl -sf -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' --data-binary "@$T/with" "http://$REG/v2/$2/manifests/$tag"
}

@test "sigstoreSigned with a key of Rekor: its timestamp must be there, good, and about this signature" {
	run_ok pull -q "oci:$LAYOUT:latest"
	python3 "$REPO/tests/e2e/sigstore_key.py" "$T/rekor" x
	run_ok push -q --sign-by-sigstore-private-key "$W/cosign.private" --sign-passphrase-file "$W/pass" "$out" "$REG/r:1"
	skopeo inspect --raw --tls-verify=false "docker://$REG/r:${MANIFEST/:/-}.sig" >"$T/attached"
	curl -sf "http://$REG/v2/r/blobs/$(jq -r '.layers[0].digest' "$T/attached")" >"$T/payload"
	jq -r '.layers[0].annotations["dev.cosignproject.cosign/signature"]' "$T/attached" | base64 -d >"$T/signature"
	demand "$(cosigned cosign "\"rekorPublicKeyPath\":\"$T/rekor.pub\"")"
	pull_denied "$REG/r:1" "timestamp is missing"
	local good
	good=$(rekor_bundle "$T/signature" "$T/payload" "$W/cosign.pub")
	attach_bundle "$good" r
	run_ok pull -q "$REG/r:1"
	attach_bundle "$(rekor_bundle "$T/signature" "$T/payload" "$W/other.pub")" r
	pull_denied "$REG/r:1" "about another signature"
	attach_bundle "$(rekor_bundle "$T/payload" "$T/payload" "$W/cosign.pub")" r
	pull_denied "$REG/r:1" "about another signature"
	attach_bundle "$(rekor_bundle "$T/signature" "$T/signature" "$W/cosign.pub")" r
	pull_denied "$REG/r:1" "about another signature"
	attach_bundle "$(jq -c '.Payload.logIndex = 12346' <<<"$good")" r
	pull_denied "$REG/r:1" "signed by no key"
	attach_bundle "$(jq -c '.SignedEntryTimestamp = "AAAA"' <<<"$good")" r
	pull_denied "$REG/r:1" "signed by no key"
	attach_bundle 'no json' r
	pull_denied "$REG/r:1" "expected form"
	attach_bundle "$good" r
	demand "$(cosigned cosign "\"rekorPublicKeyPath\":\"$W/other.pub\"")"
	pull_denied "$REG/r:1" "signed by no key"
	demand '{"type":"sigstoreSigned","fulcio":{"caPath":"/x","oidcIssuer":"x","subjectEmail":"x"},"rekorPublicKeyPath":"/x"}'
	run_fails 125 pull -q "$REG/r:1"
	has "$err" fulcio
}

@test "identities: another name for a mirror, a directory, a repository" {
	sk_push "$REG/up/a:1" --sign-by ann@a.test --sign-identity vendor.test/a:1
	demand "$(by ann)"
	pull_denied "$REG/up/a:1" "it is for 'vendor.test/a:1'"
	demand "$(by ann "{\"type\":\"remapIdentity\",\"prefix\":\"$REG/up\",\"signedPrefix\":\"vendor.test\"}")"
	run_ok pull -q "$REG/up/a:1"
	demand "$(by ann '{"type":"exactReference","dockerReference":"vendor.test/a:1"}')"
	run_ok pull -q "$REG/up/a:1"
	demand "$(by ann '{"type":"exactReference","dockerReference":"vendor.test/a:2"}')"
	pull_denied "$REG/up/a:1"
	demand "$(by ann '{"type":"exactRepository","dockerRepository":"vendor.test/a"}')"
	run_ok pull -q "$REG/up/a:1"
	# skopeo takes the signature along into a directory
	sk copy -q --src-tls-verify=false "docker://$REG/up/a:1" "dir:$T/dir"
	[ -s "$T/dir/signature-1" ]
	printf '{"default":[%s]}' "$(by ann '{"type":"exactRepository","dockerRepository":"vendor.test/a"}')" >"$XDG_CONFIG_HOME/containers/policy.json"
	run_ok pull -q "dir:$T/dir"
	run_ok load -q -i "$T/dir"
	printf '{"default":[%s]}' "$(by ann)" >"$XDG_CONFIG_HOME/containers/policy.json"
	run_fails 125 pull -q "dir:$T/dir"
	run_fails 125 pull -q "oci:$LAYOUT:latest"
	has "$err" "lacks a signature"
	skopeo --insecure-policy copy -q "oci:$LAYOUT:latest" "docker-archive:$T/a.tar"
	run_fails 125 load -q -i "$T/a.tar"
	has "$err" "there is none in it"
	run_fails 125 load -q -i "$LAYOUT"
	has "$err" "there is none in it"
	rm "$T/dir/signature-1"
	printf '{"default":[%s]}' "$(by ann '{"type":"exactRepository","dockerRepository":"vendor.test/a"}')" >"$XDG_CONFIG_HOME/containers/policy.json"
	run_fails 125 pull -q "dir:$T/dir"
	has "$err" "there is none"
}

@test "signatures from a web server; and where none can be written" {
	need python3
	sk_push "$REG/w:1" --sign-by ann@a.test
	unused_port
	start_background python3 -m http.server --bind 127.0.0.1 --directory "$SIGS" "$port"
	wait_for 10 curl -sf -o /dev/null "http://127.0.0.1:$port/"
	cp "$XDG_CONFIG_HOME/containers/registries.d/test.yaml" "$T/before"
	printf 'docker:\n  %s/w:\n    lookaside: http://127.0.0.1:%s\n' "$REG" "$port" >"$XDG_CONFIG_HOME/containers/registries.d/w.yaml"
	demand "$(by ann)"
	run_ok pull -q "$REG/w:1"
	run_fails 125 push -q --sign-by ann@a.test "$REG/w:1"
	has "$err" "cannot be written"
	kill "$pid"
	wait_for 10 gone "$pid"
	dhow rmi -f "$REG/w:1" >/dev/null
	run_fails 125 pull -q --retry 0 "$REG/w:1"
	printf 'docker:\n  %s/w:\n    lookasid: x\n' "$REG" >"$XDG_CONFIG_HOME/containers/registries.d/w.yaml"
	run_fails 125 pull -q "$REG/w:1"
	has "$err" "w.yaml" && has "$err" lookasid
	printf 'docker:\n  %s:\n    lookaside: http://x.test\n' "$REG" >"$XDG_CONFIG_HOME/containers/registries.d/w.yaml"
	run_fails 125 pull -q "$REG/w:1"
	has "$err" "another file"
	rm "$XDG_CONFIG_HOME/containers/registries.d/w.yaml"
}

@test "image sign: what is in a registry, with all images of an index" {
	sk_push "$REG/i:1"
	run_ok image sign --sign-by ann@a.test "docker://$REG/i:1"
	eq "$out" "$(storage i "$MANIFEST")/signature-1"
	demand "$(by ann)"
	run_ok pull -q "$REG/i:1"
	jq -c --slurpfile m <(skopeo inspect --raw --tls-verify=false "docker://$REG/i:1") -n --arg digest "$MANIFEST" --arg arch "$(dpkg --print-architecture)" --argjson size "$(skopeo inspect --raw --tls-verify=false "docker://$REG/i:1" | wc -c)" \
		'{schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $digest, size: $size, platform: {os: "linux", architecture: $arch}}]}' >"$T/index"
	curl -sf -X PUT -H 'Content-Type: application/vnd.oci.image.index.v1+json' --data-binary "@$T/index" "http://$REG/v2/i/manifests/index"
	pull_denied "$REG/i:index" "it is for '$REG/i:1'"
	run_ok image sign --all --sign-by ann@a.test -d "$T/else" "$REG/i:index"
	eq "$(wc -l <<<"$out")" 2
	[ -s "$T/else/i@sha256=$(sha256sum <"$T/index" | cut -d' ' -f1)/signature-1" ]
	# a signature of the index is enough: it names the image by digest
	cp -r "$T/else/i@sha256=$(sha256sum <"$T/index" | cut -d' ' -f1)" "$SIGS/"
	run_ok pull -q "$REG/i:index"
	run_fails 125 image sign --sign-by nobody@a.test "$REG/i:1"
	run_fails 125 image sign "$REG/i:1"
	run_fails 125 image sign --sign-by ann@a.test "$REG/no:1"
}

@test "image trust set, add and show" {
	run_ok image trust show
	eq "$(wc -l <<<"$out")" 2
	run_ok image trust set -t reject default
	run_ok image trust add "$REG/a" --key "$W/ann.asc"
	run_ok image trust add other.test/c -k "$W/cosign.pub"
	has "$out" registries.d
	run_ok image trust show
	has "$(tr -s ' ' <<<"$out")" "all default reject"
	has "$(tr -s ' ' <<<"$out")" "repository $REG/a signed ann@a.test file://$SIGS"
	has "$(tr -s ' ' <<<"$out")" "repository other.test/c sigstoreSigned N/A"
	run_ok image trust show --json "$REG/a"
	eq "$(jq -r '.[].gpg_id' <<<"$out")" ann@a.test
	skopeo --policy "$XDG_CONFIG_HOME/containers/policy.json" copy -q "oci:$LAYOUT:latest" "dir:$T/no" 2>"$T/skopeo.err" && false
	has "$(cat "$T/skopeo.err")" rejected
	sk_push "$REG/a:1" --sign-by ann@a.test
	run_ok pull -q "$REG/a:1"
	run_fails 125 pull -q "$REG/elsewhere:1"
	has "$err" "rejected by policy"
	run_ok image trust set -t accept "$REG"
	sk_push "$REG/elsewhere:1"
	run_ok pull -q "$REG/elsewhere:1"
	run_ok image trust set -f "$W/ann.asc" -f "$W/eve.asc" "$REG/both"
	eq "$(jq '.transports.docker["'"$REG"'/both"] | length' "$XDG_CONFIG_HOME/containers/policy.json")" 2
	cp "$XDG_CONFIG_HOME/containers/policy.json" "$T/before"
	run_fails 125 image trust set -t signedBy "$REG/x"
	run_fails 125 image trust set -f "$W/cosign.pub" "$REG/x"
	run_fails 125 image trust set -t accept -f "$W/ann.asc" "$REG/x"
	run_fails 125 image trust add "$REG/x" --key /etc/hostname
	run_fails 125 image trust add "$REG/x" --key "$W/ann.asc" --key "$W/cosign.pub"
	run_fails 125 image trust add "$REG/x" --identity ann@a.test --issuer https://x.test
	cmp "$T/before" "$XDG_CONFIG_HOME/containers/policy.json"
	run_fails 125 image trust show nothing.test
	run_ok image trust show --raw
	cmp "$T/out" "$T/before"
	echo '{"default":[{"type":"new"}]}' >"$XDG_CONFIG_HOME/containers/policy.json"
	run_fails 125 image trust show
	run_fails 125 image trust set -t accept default
	rm -f "$XDG_CONFIG_HOME"/containers/registries.d/dhow-*
}
