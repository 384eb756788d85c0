#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# build: Dockerfiles as people write them, on a real Debian
load lib

WEB=$REPO/${BUILD:-build}/debian.tar       # both made by tests/make-debian.sh
MAKE=$REPO/${BUILD:-build}/debian-make.tar # with a compiler and node

prepare_file() {
	local name
	for name in web:$WEB make:$MAKE; do
		[ -s "${name#*:}" ] || continue
		dhow import -q "${name#*:}" "localhost/debian:${name%%:*}" >/dev/null
	done
}
base() { dhow image exists "localhost/debian:$1" || skip "there is no Debian: tests/make-debian.sh makes it, as root"; }
dockerfile() { cat >Dockerfile; }

@test "a site: nginx with its own pages and configuration" {
	base web
	mkdir site
	echo '<h1>hello</h1>' >site/index.html
	echo secret >site/notes.txt
	printf '**/notes.txt\n' >.dockerignore
	echo 'server { listen 8080; root /srv/site; location = /healthz { return 204; } }' >site.conf
	dockerfile <<'E'
# syntax=docker/dockerfile:1
FROM localhost/debian:web
LABEL org.opencontainers.image.title="site"
RUN rm -f /etc/nginx/sites-enabled/default && \
    ln -sf /dev/stdout /var/log/nginx/access.log && \
    ln -sf /dev/stderr /var/log/nginx/error.log
COPY site.conf /etc/nginx/conf.d/
COPY --chown=www-data:www-data site/ /srv/site/
EXPOSE 8080
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=30s CMD test -s /run/nginx.pid
CMD ["nginx", "-g", "daemon off;"]
E
	run_ok build -t $C .
	unused_port
	run_ok run -d --name $C -p $port:8080 $C
	wait_for 20 eval "curl -sf http://127.0.0.1:$port/ >page"
	eq "$(cat page)" '<h1>hello</h1>'
	eq "$(curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:$port/notes.txt)" 404
	run_ok exec $C stat -c %U /srv/site/index.html
	eq "$out" www-data
	run_ok logs $C
	has "$out" 'GET / HTTP'
	run_ok stop -t 5 $C
	run_ok inspect --format '{{.State.ExitCode}}' $C
	eq "$out" 0
}

@test "a Python program: packages from a local folder through a cache mount, a user of its own" {
	base web
	mkdir -p wheels/greet app
	echo 'def greet(who): return f"hello {who}"' >wheels/greet/__init__.py
	(cd wheels && python3 -m zipfile -c greet-1.0-py3-none-any.whl greet && rm -r greet)
	printf 'from greet import greet\nimport os, sys\nprint(greet(sys.argv[1]), os.getuid())\n' >app/main.py
	dockerfile <<'E'
FROM localhost/debian:web AS base
ENV PYTHONUNBUFFERED=1 PYTHONPATH=/opt/packages/greet-1.0-py3-none-any.whl
FROM base AS packages
RUN --mount=type=bind,source=wheels,target=/wheels --mount=type=cache,target=/root/.cache/packages <<EOF
#!/usr/bin/python3
import os, zipimport
cache = "/root/.cache/packages"
os.mkdir("/opt/packages")
for name in os.listdir("/wheels"):
    kept = os.path.join(cache, name)
    print("kept" if os.path.exists(kept) else "new", name)
    wheel = open(os.path.join("/wheels", name), "rb").read()
    for place in kept, "/opt/packages/" + name:
        open(place, "wb").write(wheel)
    zipimport.zipimporter(kept)
EOF
FROM base
RUN useradd --system --uid 999 app
WORKDIR /app
COPY --from=packages /opt/packages /opt/packages
COPY --link app/ .
USER app
ENTRYPOINT ["python3", "main.py"]
CMD ["world"]
E
	run_ok build -t $C .
	has "$out" "new greet-1.0"
	run_ok run --rm --network none $C
	eq "$out" "hello world 999"
	run_ok run --rm --network none $C you
	eq "$out" "hello you 999"
	echo '# changed' >>app/main.py
	run_ok build -t $C .
	eq "$(grep -c 'Using cache' <<<"$out")" 5
	run_ok build --no-cache-filter packages -t $C .
	has "$out" "kept greet-1.0"
	run_ok run --rm --network none --entrypoint sh $C -c 'ls /root/.cache /wheels 2>&1; id -un'
	has "$out" app
	hasnt "$out" whl
}

@test "a C program: compiled in one stage, alone in the other" {
	base make
	mkdir src
	printf '#include <stdio.h>\nint main(void) { printf("%%s\\n", VERSION); return 0; }\n' >src/main.c
	printf 'program: src/main.c\n\tgcc -static -O2 -DVERSION=\\"$(VERSION)\\" -o $@ $<\n' >Makefile
	dockerfile <<'E'
FROM localhost/debian:make AS build
ARG VERSION=unknown
WORKDIR /src
COPY Makefile ./
COPY src src
RUN make VERSION="$VERSION"

FROM scratch
COPY --from=build --chmod=755 /src/program /program
ENTRYPOINT ["/program"]
E
	run_ok build --build-arg VERSION=1.2 -t $C .
	run_ok run --rm --network none $C
	eq "$out" 1.2
	run_ok image inspect --format '{{len .RootFS.Layers}}' $C
	eq "$out" 1
	echo 'syntax error' >>src/main.c
	run_fails 2 build -t $C .
	has "$err" "src/main.c:3"
	has "$err" ">>> RUN make"
}

@test "a Node program: dependencies in a layer of their own" {
	base make
	mkdir -p vendor/left
	echo '{"name":"left","version":"1.0.0","main":"i.js"}' >vendor/left/package.json
	echo 'module.exports = (s, n) => s.padStart(n, ".")' >vendor/left/i.js
	echo '{"name":"web","dependencies":{"left":"file:vendor/left"}}' >package.json
	printf 'const left = require("left");\nrequire("http").createServer((q, r) => r.end(left("hi", 5))).listen(process.env.PORT);\n' >server.js
	printf 'node_modules\n.git\n' >.dockerignore
	dockerfile <<'E'
FROM localhost/debian:make
ENV NODE_ENV=production PORT=3000
WORKDIR /usr/src/app
COPY package.json ./
COPY vendor vendor
RUN node -e 'const d = require("./package.json").dependencies, fs = require("fs"); for (const n in d) fs.cpSync(d[n].slice(5), "node_modules/" + n, {recursive: true})'
COPY . .
EXPOSE $PORT
CMD ["node", "server.js"]
E
	run_ok build -t $C .
	unused_port
	run_ok run -d --init --name $C -p $port:3000 $C
	wait_for 20 eval "curl -sf http://127.0.0.1:$port/ >page"
	eq "$(cat page)" ...hi
	echo '//' >>server.js
	run_ok build -t $C .
	eq "$(grep -c 'Using cache' <<<"$out")" 5
}
