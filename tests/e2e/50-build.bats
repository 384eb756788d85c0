#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# build: Dockerfiles, contexts, cache, stages, mounts, results, failures
load lib

dockerfile() { # text on stdin, BASE is the small image
	mkdir -p "$T/x"
	sed "s|BASE|$IMAGE|" >"$T/x/Dockerfile"
}
build() { run_ok build "$@" "$T/x"; }
build_fails() { local code=$1; shift; run_fails "$code" build "$@" "$T/x"; }
inside() { local image=$1; shift; run_ok run --rm --network none "$image" "$@"; }
cached() { eq "$(grep -c 'Using cache' <<<"$out")" "$1"; }

@test "an image of every instruction runs, and its configuration says what was written" {
	mkdir -p "$T/x"
	echo in >"$T/x/in"
	dockerfile <<'E'
ARG base=BASE
FROM $base AS one
ENV A=1 B="two words"
ARG given=default
LABEL l=$given
WORKDIR /w
RUN echo "$A $given" >f && pwd >>f
COPY --chmod=640 --chown=7:8 in /copied/
EXPOSE 80 53/udp
VOLUME /vol
STOPSIGNAL INT
USER 9
HEALTHCHECK --interval=1m CMD true
ENTRYPOINT ["cat"]
CMD ["/w/f"]
E
	build -t $C --build-arg given=g
	inside $C
	eq "$out" $'1 g\n/w'
	run_ok run --rm --network none --entrypoint stat $C -c '%a %u:%g' /copied/in
	eq "$out" '640 7:8'
	run_ok image inspect --format '{{.Config.Labels.l}} {{.Config.User}} {{.Config.StopSignal}} {{.Config.WorkingDir}}' $C
	eq "$out" 'g 9 INT /w'
	run_ok rmi -f $C
}

@test "an unchanged step is a hit, also when a file was touched; changed content, mode or command is none" {
	dockerfile <<'E'
FROM BASE
COPY f /f
RUN echo x >/x
ENV a=b
E
	echo 1 >"$T/x/f"
	build
	local id=${out##*$'\n'}
	build
	cached 3
	eq "${out##*$'\n'}" "$id"
	touch -d 2001-02-03 "$T/x/f"
	build
	cached 3
	chmod 600 "$T/x/f"
	build
	cached 0
	echo 2 >"$T/x/f"
	build
	cached 0
	build --no-cache
	cached 0
	run_ok builder prune -f
	build
	run_ok rmi -f $C
	run_ok image prune -f --build-cache
	build
	cached 0
}

@test "a failing RUN gives its status, names file, line and command, and leaves no container and no image" {
	dockerfile <<'E'
FROM BASE

RUN echo before; exit 7
E
	build_fails 7 -t $C
	has "$out" before
	has "$err" 'Dockerfile:3: RUN echo before; exit 7'
	has "$err" 'exit status 7'
	run_exits 1 image exists $C
	run_ok ps -aq
	eq "$out" ''
}

@test "stages: only what is needed is built, independent ones at the same time" {
	dockerfile <<'E'
FROM BASE AS a
RUN sleep 1; echo a >/f
FROM BASE AS b
RUN sleep 1; echo b >/f
FROM BASE AS c
RUN sleep 1; echo c >/f
FROM BASE AS unused
RUN exit 3
FROM BASE
COPY --from=a /f /a
COPY --from=b /f /b
COPY --from=2 /f /c
E
	local start=${EPOCHREALTIME/./}
	build -t $C --no-cache
	[ $((${EPOCHREALTIME/./} - start)) -lt 2700000 ]
	inside $C cat /a /b /c
	eq "$out" $'a\nb\nc'
	build_fails 125 --target nobody
	has "$err" nobody
	build_fails 3 --target unused
	run_ok rmi -f $C
}

@test "mounts of RUN: bind, cache, tmpfs, secret; nothing of them is in the image" {
	dockerfile <<'E'
FROM BASE AS one
RUN echo stage >/s
FROM BASE
ARG n
RUN --mount=type=bind,source=d,target=/b --mount=type=bind,from=one,source=/s,target=/s cat /b/f /s >/seen; ! touch /b/new
RUN --mount=type=cache,target=/keep,uid=3,mode=0755 echo $n >>/keep/log; cat /keep/log >>/seen; stat -c '%u %a' /keep >>/seen
RUN --mount=type=secret,id=s,target=/run/secret,mode=0440,uid=5 stat -c '%a %u' /run/secret >>/seen; wc -c </run/secret >>/seen
RUN --mount=type=tmpfs,target=/t touch /t/x
E
	mkdir -p "$T/x/d"
	echo content >"$T/x/d/f"
	echo needle-9f2 >"$T/secret"
	build -t $C --build-arg n=first --secret "id=s,src=$T/secret"
	build -t $C --build-arg n=second --secret "id=s,src=$T/secret"
	inside $C sh -c 'cat /seen; ls -d /b /s /keep /t /run/secret 2>/dev/null || :'
	eq "$out" $'content\nstage\nfirst\nsecond\n3 755\n440 5\n11'
	run_ok unshare sh -c "! grep -rq needle-9f2 '$W/store'"
	echo changed >"$T/x/d/f"
	build -t $C --build-arg n=second --secret "id=s,src=$T/secret"
	inside $C head -1 /seen
	eq "$out" changed
	run_ok rmi -f $C
}

@test "no instruction reaches a file outside of the context, a stage or the image" {
	canary
	ln -s "$K" "$T/k"
	mkdir -p "$T/x/d"
	ln -sfn "$K" "$T/x/link"
	ln -sfn ../k "$T/x/up"
	ln -sfn "$K/secret" "$T/x/d/inner"
	local line
	for line in 'COPY link /x' 'COPY up /x' 'COPY link/secret /x' 'ADD link /x' 'COPY d /x' 'COPY l*k /x' \
		"COPY $K/secret /x" 'COPY ../k/secret /x' 'RUN --mount=type=bind,source=link,target=/m cat /m/secret >/x' \
		"RUN ln -s $K /out\\nCOPY Dockerfile /out/written" "RUN ln -s $K /out\\nWORKDIR /out/dir"; do
		printf "FROM BASE\\n$line\\n" | dockerfile
		dhow build -t $C "$T/x" >"$T/log" 2>&1 || continue
		dhow run --rm --network none $C sh -c 'cat /x /x/* 2>/dev/null' >>"$T/log" 2>&1 || :
		hasnt "$(<"$T/log")" "$token"
	done
	canary_holds
	ln -sfn "$K/secret" "$T/x/Containerfile"
	capture dhow build "$T/x"
	hasnt "$out$err" "$token"
	rm "$T/x/Containerfile"
	ln -sfn "$K/secret" "$T/x/.dockerignore"
	capture dhow build "$T/x"
	hasnt "$out$err" "$token"
}

@test "Ctrl-C and kill -9 end a build with all its processes; the next one works" {
	dockerfile <<'E'
FROM BASE
RUN echo kept >/kept
RUN --mount=type=secret,id=s echo started; exec sleep 45678
E
	echo needle-7c1 >"$T/secret"
	local signal
	for signal in INT KILL; do
		start_background "$DHOW" --root "$W/store" --runroot "$XDG_RUNTIME_DIR/e2e-${W##*/}" build --secret "id=s,src=$T/secret" -t $C "$T/x"
		wait_for 20 grep -q started "$T/background.out"
		kill -$signal $pid
		wait_for 10 not_running 45678
		run_exits 1 image exists $C
	done
	sed -i 's/exec sleep 45678/true/' "$T/x/Dockerfile"
	build --secret "id=s,src=$T/secret" -t $C
	cached 1
	eq "$(grep -rls needle-7c1 "$XDG_RUNTIME_DIR/e2e-${W##*/}")" ''
	wait_for 5 nothing_staged
	run_ok rmi -f $C
}
not_running() { ! grep -qsxzF "$1" /proc/[0-9]*/cmdline; }
nothing_staged() { dhow volume prune -f >/dev/null; [ -z "$(find "$W/store/tmp" -mindepth 1 -maxdepth 1 -name 'build*')" ]; }

@test "contexts: stdin, a tar on stdin, -f elsewhere, a second one by name; what the ignore file says does not exist" {
	dockerfile <<'E'
FROM BASE
COPY . /all
E
	mkdir -p "$T/x/sub" "$T/more"
	touch "$T/x/a.log" "$T/x/keep.log" "$T/x/sub/b.tmp"
	printf '*.log\n!keep.log\n**/*.tmp\n' >"$T/x/.dockerignore"
	build -t $C
	inside $C sh -c 'cd /all; find . -type f | sort'
	eq "$out" $'./.dockerignore\n./Dockerfile\n./keep.log'
	tar -C "$T/x" -cz . | dhow build -q -t $C-tar -
	inside $C-tar ls /all/keep.log
	echo "FROM $IMAGE" | dhow build -q -t $C-in -
	echo more >"$T/more/m"
	printf 'FROM %s\nCOPY --from=other m /m\n' "$IMAGE" >"$T/D"
	build -q -t $C-f -f "$T/D" --build-context other="$T/more"
	inside $C-f cat /m
	eq "$out" more
	run_ok rmi -f $C $C-tar $C-in $C-f
}

@test "steps that change nothing, or the same again, make an image that runs; mount points leave nothing" {
	dockerfile <<'E'
FROM BASE
RUN true
RUN --mount=type=cache,target=/a/b/c true
RUN echo 1 >/f; touch -d @1 /f /
RUN rm /f; touch -d @1 /
RUN echo 1 >/f; touch -d @1 /f /
E
	build -t $C
	inside $C sh -c 'cat /f; ls -d /a 2>/dev/null || :'
	eq "$out" 1
	run_ok rmi -f $C
}

@test "a step that failed is shown with the lines around it" {
	dockerfile <<'E'
FROM BASE
RUN echo one && \
    exit 3
E
	build_fails 3
	has "$err" '>>> RUN echo one'
	has "$err" '   1 |     FROM'
}

@test "ADD unpacks archives with their owners; COPY does not" {
	mkdir -p "$T/x" "$T/tree"
	echo in >"$T/tree/f"
	tar -C "$T/tree" --owner=5 --group=6 -czf "$T/x/a.tgz" f
	dockerfile <<'E'
FROM BASE
ADD a.tgz /a/
COPY a.tgz /c/
E
	build -t $C
	inside $C sh -c 'cat /a/f; stat -c %u:%g /a/f; ls /c'
	eq "$out" $'in\n5:6\na.tgz'
	run_ok rmi -f $C
}

@test "--squash keeps deletions; --output writes the files; --timestamp makes the same image twice" {
	dockerfile <<'E'
FROM BASE
RUN echo 1 >/one; rm /etc/group
RUN echo 2 >/two; rm /one; mkdir /d
E
	build -q --squash -t $C --timestamp 1000
	local id=$out
	build -q --squash -t $C --timestamp 1000 --no-cache
	eq "$out" "$id"
	inside $C sh -c 'cat /two; ls /one /etc/group 2>&1; stat -c %Y /two'
	eq "$(sed -n 1p <<<"$out")" 2
	has "$out" '/one: No such'
	has "$out" '/etc/group: No such'
	eq "$(tail -1 <<<"$out")" 1000
	run_ok image inspect --format '{{len .RootFS.Layers}}' $C
	eq "$out" 2
	printf 'FROM scratch\nCOPY --from=%s /etc/passwd /p/\n' "$IMAGE" | dockerfile
	build -q -o "$T/files"
	[ -s "$T/files/p/passwd" ]
	[ -O "$T/files/p/passwd" ]
	build -q -o type=tar,dest="$T/out.tar"
	has "$(tar tf "$T/out.tar")" p/passwd
	run_ok rmi -f $C
}

@test "what is wrong is said before anything runs, with its line" {
	printf 'FROM BASE\nRUN echo ran\n\nCOPPY a b\n' | dockerfile
	build_fails 125
	has "$err" 'Dockerfile:4'
	has "$err" COPY
	hasnt "$out" ran
	printf 'FROM BASE\nRUN --mount=type=cash,target=/x true\n' | dockerfile
	build_fails 125
	has "$err" cache
	: >"$T/x/Dockerfile"
	build_fails 125
	rm "$T/x/Dockerfile"
	build_fails 125
	has "$err" "$T/x"
	build_fails 125 --secret id=a,src=/no/such
	run_fails 125 build --provenance=true "$T/x"
	has "$err" provenance
}
