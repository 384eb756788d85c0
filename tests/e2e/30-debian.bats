#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# a real image from a real registry, with TLS and a password: Debian with nginx and python3
load lib

DEBIAN=$REPO/${BUILD:-build}/debian.tar # made by tests/make-debian.sh

prepare_file() {
	[ -s "$DEBIAN" ] && command -v docker-registry skopeo htpasswd openssl >/dev/null || return 0
	export PORT
	PORT=$((25000 + RANDOM % 2000))
	while (exec 5<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; do PORT=$((PORT + 1)); done
	mkdir "$W/certs"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
		-keyout "$W/server.key" -out "$W/certs/ca.crt" 2>/dev/null
	htpasswd -Bbn ann 'pass:w0rd%$' >"$W/htpasswd" 2>/dev/null
	cat >"$W/registry.yml" <<END
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $W/registry}}
http: {addr: "localhost:$PORT", tls: {certificate: $W/certs/ca.crt, key: $W/server.key}}
auth: {htpasswd: {realm: test, path: $W/htpasswd}}
END
	docker-registry serve "$W/registry.yml" >"$W/registry.log" 2>&1 3>&- 4>&- &
	echo $! >"$W/registry.pid"
	wait_for 10 eval "(exec 5<>/dev/tcp/127.0.0.1/$PORT) 2>/dev/null"
	"$REPO/tests/tar-image.sh" "$DEBIAN" "$W/debian"
	skopeo --insecure-policy copy -q --dest-cert-dir "$W/certs" --dest-creds 'ann:pass:w0rd%$' "oci:$W/debian:latest" "docker://localhost:$PORT/debian:web"
	rm -rf "$W/debian"
}
clean_file() { [ ! -e "$W/registry.pid" ] || kill "$(cat "$W/registry.pid")"; }
setup_image() {
	[ -s "$DEBIAN" ] || skip "there is no $DEBIAN: tests/make-debian.sh makes it, as root"
	need docker-registry
	need skopeo
	NAME=localhost:$PORT/debian:web
}

@test "without the password and with an unknown certificate the pull says why" {
	setup_image
	run_fails 125 pull -q --cert-dir "$W/certs" --creds ann:t0psecret $NAME
	has "$err" "$NAME"
	hasnt "$err" t0psecret
	run_fails 125 pull -q --creds 'ann:pass:w0rd%$' $NAME
	has "$err" "certificate"
	run_ok images -q --filter reference=$NAME
	eq "$out" ""
}

@test "the image is pulled over TLS with a password; progress goes to stderr, the id to stdout" {
	setup_image
	run_ok pull --cert-dir "$W/certs" --creds 'ann:pass:w0rd%$' $NAME
	[[ $out =~ ^[0-9a-f]{64}$ ]] || complain "not an id"
	run_ok image exists $NAME
	run_ok image inspect --format '{{.Architecture}} {{.Os}}' $NAME
	eq "$out" "$(dpkg --print-architecture) linux"
}

@test "python3 runs in it" {
	setup_image
	run_ok run --rm --pull never $NAME python3 -c 'import os; print(sum(range(10)), os.getuid())'
	eq "$out" "45 0"
}

@test "nginx serves from it on a published port, with its own users and setuid programs in order" {
	setup_image
	unused_port
	run_ok run -d --pull never --name $C -p $port:80 $NAME nginx -g 'daemon off;'
	wait_for 20 eval "curl -sf http://127.0.0.1:$port/ >$T/page"
	grep -q 'Welcome to nginx' "$T/page"
	run_ok exec $C sh -c 'stat -c %U:%a /usr/bin/su /var/log/nginx | sort'
	eq "$out" $'root:4755\nroot:755'
	run_ok ps --format '{{.Ports}}'
	eq "$out" "0.0.0.0:$port->80/tcp"
	run_ok stop -t 5 $C
	run_ok inspect --format '{{.State.ExitCode}}' $C
	eq "$out" 0
}
