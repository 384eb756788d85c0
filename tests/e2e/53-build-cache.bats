#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# build: caches in registries
load lib
load registry

prepare_file() {
	local port
	export REG
	command -v docker-registry skopeo >/dev/null || return 0
	unused_port
	REG=localhost:$port
	registry_start plain "$port"
	insecure "$REG"
}
clean_file() { registry_stop; }

project() {
	mkdir -p "$T/x"
	echo text >"$T/x/f"
	sed "s|BASE|$IMAGE|" >"$T/x/Dockerfile" <<'E'
FROM BASE AS maker
RUN echo made >/made; date +%N >>/made
FROM BASE
COPY f /f
COPY --from=maker /made /made
ENV a=b
RUN cat /f /made >/both
WORKDIR /w
E
}
fresh() { # as on another machine
	dhow rmi -a -f >/dev/null
	dhow builder prune -f >/dev/null
	local id
	id=$(dhow pull -q "oci:$W/small:latest" | tail -1)
	dhow tag "$id" "$IMAGE"
}
pulled() { eq "$(grep -c 'Cache pulled from remote' <<<"$out")" "$1"; }

@test "on a fresh machine, an image that was pushed is the cache of its own build: no step runs, and the image is the same" {
	need docker-registry
	project
	run_ok build -t "$REG/app" "$T/x"
	local id=${out##*$'\n'}
	run_ok push -q "$REG/app"
	fresh
	run_ok build --cache-from "$REG/app" -t app "$T/x"
	pulled 6
	eq "${out##*$'\n'}" "$id"
	run_ok run --rm --network none app cat /f
	eq "$out" text
	run_ok build "$T/x"
	eq "$(grep -c 'Using cache' <<<"$out")" 6
	hasnt "$(dhow images --format '{{.Repository}}')" "$REG"
	run_ok push -q app "$REG/again"
}

@test "a step that changed runs on what the cache has; what the image lacks is built again" {
	need docker-registry
	project
	run_ok build -t "$REG/part" "$T/x"
	run_ok push -q "$REG/part"
	fresh
	sed -i 's/RUN cat/RUN echo new >\/new; cat/' "$T/x/Dockerfile"
	run_ok build --cache-from "$REG/part" -t app "$T/x"
	pulled 4
	fresh
	# the first stage's layer is in no image, and is wanted now
	sed -i 's|^COPY --from=maker .*|COPY --from=maker /made /etc/group /m/|; s|/made >/both|/m/made >/both|' "$T/x/Dockerfile"
	run_ok build --cache-from "$REG/part" -t app "$T/x"
	has "$out" "eginning again"
	run_ok run --rm --network none app ls /m
	eq "$out" $'group\nmade'
}

@test "--cache-to REPOSITORY has an image for each step, --cache-to type=registry one for all" {
	need docker-registry
	project
	run_ok build --cache-to "$REG/steps" --cache-to "type=registry,ref=$REG/all:1,mode=max" "$T/x"
	eq "$(grep -c 'Pushing cache' <<<"$out")" 6
	local name
	for name in "$REG/steps" "$REG/all:1" "type=registry,ref=$REG/all:1"; do
		fresh
		run_ok build --cache-from "$name" "$T/x"
		[ "$(grep -c 'Cache pulled' <<<"$out")" -ge 5 ]
		hasnt "$out" "eginning again"
		dhow run --rm --network none "${out##*$'\n'}" grep -q made /both
	done
	fresh
	run_ok build --cache-from "$REG/steps" --cache-to "$REG/steps" "$T/x"
	hasnt "$out" Pushing
}

@test "what is older than --cache-ttl is done anew; kinds of caches that are not there are refused by name" {
	project
	run_ok build "$T/x"
	run_ok build --cache-ttl 0s "$T/x"
	hasnt "$out" "Using cache"
	run_ok build --cache-ttl 1h "$T/x"
	has "$out" "Using cache"
	run_fails 125 build --cache-ttl soon "$T/x"
	run_fails 125 build --cache-from type=gha,scope=x "$T/x"
	has "$err" "type=gha"
	run_fails 125 build --cache-to type=local,dest=x "$T/x"
	has "$err" "type=local"
	run_fails 125 build --cache-to "type=registry,ref=localhost:1/x:y" "$T/x"
	has "$err" "localhost:1"
	run_ok build --cache-to "type=registry,ref=localhost:1/x:y,ignore-error=true" "$T/x"
	run_ok build --no-cache --cache-from localhost:1/x "$T/x"
}
