# SPDX-License-Identifier: Apache-2.0
#
# tests/e2e/41-bad-registry.bats - registries that lie, stall, break off and ask for what is not theirs

load lib
load registry

prepare_file() {
	export LAYOUT=$W/layout CA=$W/ca MANIFEST
	command -v openssl python3 >/dev/null || return 0
	two_layers "$LAYOUT"
	make_ca "$CA"
	mkdir -p "$W/trust"
	cp "$CA/ca.crt" "$W/trust"
}
setup() {
	need openssl && need python3
	T=$W/t$BATS_TEST_NUMBER
	mkdir -p "$T"
	cd "$T"
	: >"$XDG_CONFIG_HOME/containers/registries.conf"
	bad_registry "$LAYOUT"
	insecure "$BAD"
}
teardown() {
	local pid
	for pid in "${background[@]}"; do kill -9 "$pid" 2>/dev/null || :; done
	dhow rmi -f "$BAD/x" >/dev/null 2>&1 || :
}
good_twin() {
	bad_mode ok
	run_ok pull -q "$BAD/x"
	[[ $out =~ ^[0-9a-f]{64}$ ]]
	dhow rmi "$BAD/x" >/dev/null
}

@test "wrong bytes of a layer, a configuration, a manifest are refused, and nothing of it stays" {
	local mode
	for mode in tamper config diffid diffid-order diffid-count index-other; do
		bad_mode "$mode"
		pull_fails "$BAD/x" || complain "mode $mode"
	done
	bad_mode manifest
	pull_fails "$BAD/x@$MANIFEST"
	good_twin
}

@test "a layer that is cut off, too short, too long or endless is refused" {
	local mode
	for mode in truncate short long long-chunked endless size-large size-small size-negative size-huge; do
		bad_mode "$mode"
		pull_fails "$BAD/x" || complain "mode $mode"
	done
	good_twin
}

@test "digests that are none are refused before anything is asked for" {
	local mode
	for mode in digest-path digest-short digest-long digest-upper digest-md5 digest-empty digest-percent \
		digest-query digest-newline config-digest-path; do
		bad_mode "$mode"
		pull_fails "$BAD/x" || complain "mode $mode"
	done
	eq "$(requests blobs)" 0
}

@test "ambiguous and monstrous manifests are refused" {
	local mode
	for mode in both type type-inside twice schema1 large deep no-json artifact layers-many index-index \
		manifest-endless error-endless; do
		bad_mode "$mode"
		pull_fails "$BAD/x" || complain "mode $mode"
	done
	eq "$(requests "$(sed 's/.*://' <<<"$MANIFEST")")" 0
}

@test "what a server says is shown without its control bytes" {
	bad_mode denied
	pull_fails "$BAD/x"
	has "$err" '\x1b'
	hasnt "$err" $'\e'
}

@test "layers from somewhere else: urls are not even looked at, foreign layers are refused" {
	bad_mode urls
	run_ok pull -q "$BAD/x"
	dhow rmi "$BAD/x" >/dev/null
	bad_mode foreign
	pull_fails "$BAD/x"
	eq "$(requests '^B')" 0
}

@test "a redirect is followed without the password, never from https to http, never for ever" {
	bad_mode auth-redirect
	run_ok pull -q --creds user:s3cret "$BAD/x"
	[ "$(requests '^B .*blobs')" -gt 0 ]
	eq "$(requests '^B .* [^-]*$')" 0
	dhow rmi "$BAD/x" >/dev/null
	local mode
	for mode in redirect-loop redirect-file redirect-user; do
		bad_mode "$mode"
		pull_fails --creds user:s3cret "$BAD/x" || complain "mode $mode"
	done

	bad_registry "$LAYOUT" "$CA/server.crt" "$CA/server.key"
	for mode in redirect-b redirect-http auth-redirect; do
		bad_mode "$mode"
		pull_fails --cert-dir "$W/trust" --creds user:s3cret "$BAD/x" || complain "mode $mode"
	done
	eq "$(requests '^B')" 0
}

@test "a token is asked for over https only, and the password goes nowhere else" {
	local mode
	for mode in realm-http realm-file realm-redirect auth-evil-token; do
		bad_mode "$mode"
		pull_fails --creds user:s3cret "$BAD/x" || complain "mode $mode"
		hasnt "$err" s3cret
	done
	bad_mode auth-token
	run_ok pull -q --creds user:s3cret "$BAD/x"
	dhow rmi "$BAD/x" >/dev/null

	bad_registry "$LAYOUT" "$CA/server.crt" "$CA/server.key"
	for mode in realm-http realm-own-http realm-file; do
		bad_mode "$mode"
		pull_fails --cert-dir "$W/trust" --creds user:s3cret "$BAD/x" || complain "mode $mode"
	done
	printf 'default login user password s3cret\n' >"$T/.netrc"
	chmod 600 "$T/.netrc"
	HOME=$T bad_mode auth-basic
	HOME=$T run_fails 125 pull -q --cert-dir "$W/trust" "$BAD/x"
	eq "$(requests '^B')" 0
	eq "$(requests 'Basic')" 0
	bad_mode auth-token
	run_ok pull -q --cert-dir "$W/trust" --creds user:s3cret "$BAD/x"
}

@test "what may pass is tried again, with the parts that are there" {
	bad_mode fail 1
	run_ok pull -q --retry 2 --retry-delay 50ms "$BAD/x"
	dhow rmi "$BAD/x" >/dev/null
	bad_mode fail 1000
	pull_fails --retry 1 --retry-delay 50ms "$BAD/x"
	has "$err" 503
	bad_mode cut
	run_ok pull -q --retry 1 --retry-delay 50ms "$BAD/x"
	# each time a tenth is left
	[ "$(requests 'bytes=')" -ge 2 ]
	dhow rmi "$BAD/x" >/dev/null
	bad_mode no-range
	run_ok pull -q --retry 1 --retry-delay 50ms "$BAD/x"
}

@test "a broken pull is resumed by the next one; rotten parts are found out" {
	bad_mode truncate
	pull_fails "$BAD/x"
	bad_mode ok
	: >"$T/bad/log"
	run_ok pull -q "$BAD/x"
	# the configuration again, and the rest of the layer
	eq "$(requests blobs)" 2
	eq "$(requests 'bytes=')" 1
	dhow rmi "$BAD/x" >/dev/null
	bad_mode truncate
	pull_fails "$BAD/x"
	local part
	part=$(ls -S "$W"/store/tmp/*.partial | head -1) # the layer: the configuration may have broken off, too
	printf X | dd of="$part" bs=1 seek=1000 conv=notrunc status=none
	bad_mode ok
	run_ok pull -q "$BAD/x"
}

@test "Ctrl-C and kill -9 during a slow download leave nothing that is seen, and no process" {
	local signal
	bad_mode slow
	for signal in INT TERM KILL; do
		: >"$T/bad/log"
		start_background "$DHOW" --root "$W/store" --runroot "$XDG_RUNTIME_DIR/e2e-${W##*/}" pull -q "$BAD/x"
		local command=$pid
		wait_for 10 grep -q blobs "$T/bad/log"
		sleep 0.2
		kill "-$signal" "$command"
		wait_for 5 gone "$command"
		eq "$(names)" ""
	done
	good_twin
	eq "$(find "$W/store/tmp" -mindepth 1 ! -name lock)" ""
}
