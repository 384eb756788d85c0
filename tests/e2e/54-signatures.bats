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
storage() { echo "$SIGS/$1@${2/:/=}"; } # PATH DIGEST

@test "signedBy: what skopeo signed comes in; unsigned, another's and moved signatures do not" {
	sk_push "$REG/a:1" --sign-by ann@a.test
	sk_push "$REG/eve:1" --sign-by eve@a.test
	sk_push "$REG/none:1"
	demand "$(by ann)"
	run_ok pull -q "$REG/a:1"
	eq "$(names)" "$REG/a:1 "
	run_ok pull -q "$REG/a@$MANIFEST"
	pull_denied "$REG/none:1" "has not the signature" "there is none"
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
pull_denied() { # REF WORD...
	local ref=$1 word
	shift
	dhow rmi -f "$ref" >/dev/null 2>&1 || :
	run_fails 125 pull -q "$ref" || return 1
	for word in "$ref" signature "$@"; do has "$err" "$word" || return 1; done
	hasnt " $(names)" " $ref "
}
