# SPDX-License-Identifier: Apache-2.0
#
# tests/e2e/registry.bash - registries for tests:   load lib; load registry
#
#   make_ca DIR                    ca.crt; certificates with keys: server (localhost), other (another name), expired
#   registry_start NAME PORT [CERT KEY [HTPASSWD]]   docker-registry on loopback, with its files below $W/NAME; in prepare_file
#                                  with NO_ACCESS_LOG=false $W/NAME.log has a line for each request
#   registry_stop                  all of them; in clean_file
#   push LAYOUT REF [OPTION...]    with skopeo, over http
#   two_layers DIR                 an OCI layout of two small layers, made by hand; sets $MANIFEST
#   bad_registry LAYOUT [CERT KEY] bad_registry.py; sets $BAD (localhost:PORT) and $THIEF. bad_mode MODE [N] changes it, requests
#                                  REGEX counts lines of its log
#   insecure HOST...               declares these insecure in registries.conf
#   names                          of the images that the case has pulled, in a line
#   pull_fails REF [OPTION...]     pull must exit 125, say why, and leave no image and no staging

make_ca() {
	local dir=$1
	mkdir -p "$dir"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=test CA' \
		-keyout "$dir/ca.key" -out "$dir/ca.crt" 2>/dev/null
	printf 'subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n' >"$dir/ext"
	printf 'subjectAltName=DNS:elsewhere.test\nextendedKeyUsage=serverAuth\n' >"$dir/ext-other"
	local name ext days
	for name in server:ext:30 other:ext-other:30 expired:ext:-1; do
		IFS=: read -r name ext days <<<"$name"
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=localhost' \
			-keyout "$dir/$name.key" -out "$dir/$name.csr" 2>/dev/null
		if [ "$days" = -1 ]; then
			# made valid for two days that are long over
			mkdir -p "$dir/db"
			: >"$dir/db/index"
			echo 01 >"$dir/db/serial"
			printf '%s\n' '[ca]' 'default_ca=x' '[x]' "database=$dir/db/index" "serial=$dir/db/serial" \
				"new_certs_dir=$dir/db" "certificate=$dir/ca.crt" "private_key=$dir/ca.key" \
				'default_md=sha256' 'policy=p' '[p]' 'commonName=supplied' >"$dir/ca.conf"
			openssl ca -batch -config "$dir/ca.conf" -startdate 20200101000000Z -enddate 20200103000000Z \
				-extfile "$dir/$ext" -in "$dir/$name.csr" -out "$dir/$name.crt" 2>/dev/null
		else
			openssl x509 -req -in "$dir/$name.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -CAcreateserial \
				-days "$days" -extfile "$dir/$ext" -out "$dir/$name.crt" 2>/dev/null
		fi
	done
}

registry_start() {
	local name=$1 port=$2 tls= auth= _
	[ $# -lt 4 ] || tls=", tls: {certificate: $3, key: $4}"
	[ $# -lt 5 ] || auth="auth: {htpasswd: {realm: test, path: $5}}"
	printf '%s\n' 'version: 0.1' "log: {level: error, accesslog: {disabled: ${NO_ACCESS_LOG:-true}}}" \
		"storage: {filesystem: {rootdirectory: $W/$name}}" \
		"http: {addr: \"localhost:$port\"$tls}" "$auth" >"$W/$name.yml"
	docker-registry serve "$W/$name.yml" >"$W/$name.log" 2>&1 </dev/null 3>&- 4>&- &
	echo $! >>"$W/registry.pids"
	for _ in {1..100}; do
		(exec 5<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return 0
		sleep 0.05
	done
	cat "$W/$name.log"
	return 1
}
registry_stop() {
	local pid
	for pid in $(cat "$W/registry.pids" 2>/dev/null); do kill "$pid" 2>/dev/null || :; done
}

push() {
	local from=$1 to=$2
	shift 2
	skopeo --insecure-policy copy -q --dest-tls-verify=false "$@" "oci:$from:latest" "docker://$to"
}

insecure() {
	local host
	for host; do
		printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$host"
	done >>"$XDG_CONFIG_HOME/containers/registries.conf"
}

blob_of() { # LAYOUT FILE: stores it, prints "DIGEST SIZE"
	local digest
	digest=$(sha256sum <"$2" | cut -d' ' -f1)
	cp "$2" "$1/blobs/sha256/$digest"
	echo "sha256:$digest $(stat -c %s "$2")"
}
two_layers() {
	local dir=$1 work=$1.work n digest size layers= diffs=
	local arch
	arch=$(uname -m | sed 's/x86_64/amd64/;s/aarch64/arm64/')
	mkdir -p "$dir/blobs/sha256" "$work"
	for n in 1 2; do
		mkdir -p "$work/$n"
		echo "layer $n" >"$work/$n/file$n"
		head -c 300000 /dev/urandom >"$work/$n/random$n"
		tar -C "$work/$n" --owner=0 --group=0 --numeric-owner -cf "$work/$n.tar" .
		gzip -n <"$work/$n.tar" >"$work/$n.gz"
		read -r digest size <<<"$(blob_of "$dir" "$work/$n.gz")"
		layers+=${layers:+,}'{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"'$digest'","size":'$size'}'
		diffs+=${diffs:+,}'"sha256:'$(sha256sum <"$work/$n.tar" | cut -d' ' -f1)'"'
	done
	printf '{"created":"2024-01-02T03:04:05Z","architecture":"%s","os":"linux","config":{"Cmd":["/x"]},"rootfs":{"type":"layers","diff_ids":[%s]}}' \
		"$arch" "$diffs" >"$work/config"
	read -r digest size <<<"$(blob_of "$dir" "$work/config")"
	printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%s},"layers":[%s]}' \
		"$digest" "$size" "$layers" >"$work/manifest"
	read -r digest size <<<"$(blob_of "$dir" "$work/manifest")"
	echo '{"imageLayoutVersion":"1.0.0"}' >"$dir/oci-layout"
	printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"latest"}}]}' \
		"$digest" "$size" >"$dir/index.json"
	MANIFEST=$digest
}

bad_registry() {
	local work=$T/bad
	need python3
	mkdir -p "$work"
	rm -f "$work/ports"
	: >"$work/log"
	bad_mode ok
	start_background python3 "$REPO/tests/e2e/bad_registry.py" "$1" "$work" "${@:2}"
	disown "$pid"
	wait_for 10 test -e "$work/ports" || { cat "$T/background.err"; return 1; }
	local a b
	read -r a b <"$work/ports"
	BAD=localhost:$a THIEF=127.0.0.1:$b
}
bad_mode() { echo "$*" >"$T/bad/mode.new" && mv "$T/bad/mode.new" "$T/bad/mode"; }
requests() { grep -cE "$1" "$T/bad/log" || :; }

# names of the images that a case has pulled (lib.bash has made two)
names() { dhow images -a --format '{{.Repository}}:{{.Tag}}' | grep -vxE 'localhost/(small|latest):latest' | sort | tr '\n' ' '; }
nothing_stays() {
	eq "$(names)" "" || return 1
	# parts of blobs may stay for a retry, everything else must be gone
	eq "$(find "$W/store/tmp" -mindepth 1 -maxdepth 1 ! -name '*.partial' ! -name lock)" ""
}
pull_fails() {
	run_fails 125 pull -q --retry 0 "$@" || return 1
	eq "$out" "" || return 1
	nothing_stays
}
