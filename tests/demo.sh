#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/demo.sh - what `make demo` shows: an image, a web page from a container on a published port, ps, timings
#
# As root it runs itself as an unprivileged user that it makes and removes (tests/as-user.sh); it leaves nothing behind.
set -eu -o pipefail

cd "$(dirname "$0")/.."
if [ "$(id -u)" = 0 ]; then exec tests/as-user.sh -u dhow-demo tests/demo.sh; fi

work=$(mktemp -d)
dhow() { "$PWD/${BUILD:-build}/dhow" --root "$work/store" --runroot "${XDG_RUNTIME_DIR:-$work}/dhow-demo" "$@"; }
finish() {
	dhow rm -a -f -t 0 >/dev/null 2>&1 || :
	dhow rmi -a -f >/dev/null 2>&1 || :
	dhow unshare rm -rf "$work/store" 2>/dev/null || :
	rm -rf "$work" "${XDG_RUNTIME_DIR:-$work}/dhow-demo"
}
trap finish EXIT
step() { printf '\n\033[1m$ %s\033[0m\n' "$*"; }
timed() { # the command as it is, and how long it took
	local start end
	step "$*"
	start=$(date +%s%N)
	"$@"
	end=$(date +%s%N)
	printf '(%d.%02d ms)\n' $(((end - start) / 1000000)) $(((end - start) / 10000 % 100))
}
free_port() {
	local port=8080
	while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
	echo "$port"
}

echo "dhow runs as $(id -un) (uid $(id -u)), with no daemon and no root."
tests/make-image.sh "$work/image"
timed dhow pull -q "oci:$work/image:latest" | tee "$work/pulled"
id=$(grep -E '^[0-9a-f]{64}$' "$work/pulled")
dhow tag "$id" localhost/base:latest
mkdir "$work/web"
echo "<h1>Hello from a dhow container</h1>" >"$work/web/index.html"
printf 'FROM localhost/base\nRUN mkdir -p /www/more && date >/www/more/built\nCOPY index.html /www/\n' >"$work/web/Dockerfile"
timed dhow build -t localhost/demo "$work/web"
timed dhow build -q -t localhost/demo "$work/web"
timed dhow images
timed dhow run --rm localhost/demo echo "one container, made, run and removed"
timed dhow run --rm --network none localhost/demo true

port=$(free_port)
timed dhow run -d --name web -p "127.0.0.1:$port:80" localhost/demo
step "curl http://127.0.0.1:$port/"
for _ in {1..100}; do
	if exec 3<>"/dev/tcp/127.0.0.1/$port" && printf 'GET / HTTP/1.0\r\n\r\n' >&3 && cat <&3 >"$work/page" && grep -q Hello "$work/page"; then break; fi
	sleep 0.05
done 2>/dev/null
sed '1,/^\r*$/d' "$work/page"
grep -q 'Hello from a dhow container' "$work/page" || { echo "the page did not arrive" >&2; exit 1; }
timed dhow ps
timed dhow exec web id
timed dhow stop -t 1 web
timed dhow rm web
timed dhow rmi localhost/demo localhost/base
printf '\nIt pulled an image, built another one on it, ran three containers in user namespaces of %s, served a page through a\npublished port, and removed everything again.\n' "$(id -un)"
