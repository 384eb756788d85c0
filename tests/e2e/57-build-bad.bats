#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# build: mistakes in Dockerfiles, large ones, floods, several builders at once, equal bytes
load lib

# Each line: the second line of a Dockerfile | what the error says | what the hint says
mistakes() {
	cat <<'E'
RUM x|unknown instruction 'RUM'|Did you mean RUN?
RUN|RUN requires at least one argument|
RUN --mout=type=bind x|RUN has no flag '--mout'|Did you mean '--mount'?
RUN --mount=type=bnd,target=/x x|'type=bnd' is not possible|Did you mean type=bind?
RUN --mount=type=cache,tagret=/x x|has no option 'tagret'|Did you mean 'target'?
RUN --mount=type=bind,source=../../etc,target=/m ls|'../../etc' was not found in the build context|
RUN --mount=type=bind,source=nope,target=/m ls|'nope' was not found in the build context|
RUN --mount=type=secret,id=no,required=true x|the secret 'no' is required and was not given|Add --secret id=no,src=FILE.
RUN --network=hots x|default, none or host is wanted|
RUN --security=insecure x|is not allowed|--cap-add
RUN --device=x y|--device is not supported|
RUN <<E|unterminated heredoc 'E'|Add a line that has only 'E' in it.
COPY a|COPY requires at least two arguments|
COPY --form=x a b|COPY has no flag '--form'|Did you mean '--from'?
COPY --chmod=9x f /|'9x' is no mode|octal digits
COPY nothere /|'nothere' was not found in the build context|
COPY ../../etc/passwd /|was not found in the build context|
COPY ${x f /|'}' is missing|
ADD|ADD requires at least two arguments|
ADD --checksum=x http://a/b /|--checksum=x is no digest|
ADD https://example.com/r.git#--upload-pack=x /|#--upload-pack=x|
ARG|ARG requires at least one argument|
ENV|ENV requires at least one argument|
ENV a|'a' has no value|must be quoted
ENV a=b c|'c' has no value|must be quoted
ENV a="b|a quote that is not closed|
LABEL a|'a' has no value|
EXPOSE|EXPOSE requires at least one argument|
EXPOSE 99999|'99999' is no port|PORT/udp
HEALTHCHECK|requires CMD and a command, or NONE|
HEALTHCHECK CDM x|requires CMD and a command, or NONE|
HEALTHCHECK --intervl=3s CMD x|has no flag '--intervl'|Did you mean '--interval'?
HEALTHCHECK --interval=x CMD x|is no duration|
MAINTAINER|requires exactly one argument|
ONBUILD|ONBUILD requires an instruction|
ONBUILD FROM x|ONBUILD FROM is not allowed|
ONBUILD RUM x|unknown instruction 'RUM'|Did you mean RUN?
SHELL /bin/sh|in JSON form|
STOPSIGNAL SIGFOO|there is no signal 'SIGFOO'|
USER|requires exactly one argument|
VOLUME|VOLUME requires at least one argument|
WORKDIR|requires exactly one argument|
FROM|FROM requires either one or three arguments|Write FROM IMAGE
FROM x AZ y|FROM requires either one or three arguments|
FROM x AS 1y|invalid name for the stage|A name starts with a letter
FROM ${U}|is empty after expansion|
E
}

@test "a mistake in any instruction is told with file, line and what was expected, before anything runs" {
	: >f
	while IFS='|' read -r line wanted hint; do
		printf 'FROM %s\n%s\n' "$IMAGE" "$line" >D
		run_fails 125 build -f D .
		has "$err" "D:2: "
		has "$err" "$wanted"
		has "$err" "$hint"
		hasnt "$out" COMMIT
	done < <(mistakes)
	printf 'RUN x\n' >D
	run_fails 125 build -f D .
	has "$err" "D:1: RUN cannot come before the first FROM"
	: >D
	run_fails 125 build -f D .
	has "$err" "no instructions"
}

@test "an ignore file and a Dockerfile that are links do not lead out of the context" {
	mkdir c
	echo "secret" >outside
	ln -s ../outside c/.dockerignore
	ln -s ../outside c/Dockerfile
	run_fails 125 build c
	hasnt "$err" secret
}

@test "a cache id with dots stays a name in the store" {
	printf 'FROM %s\nRUN --mount=type=cache,id=../../../up,target=/c touch /c/x\n' "$IMAGE" >D
	run_ok build -f D .
	eq "$(find "$W/store" -name up)" ""
}

@test "a heredoc of megabytes and a Dockerfile of ten, and one that is too large" {
	{
		printf 'FROM %s\nCOPY <<E /big\n' "$IMAGE"
		yes 'a line of a heredoc' | head -c 2000000
		printf '\nE\nRUN <<E\n'
		yes ': a line of a script' | head -c 300000
		printf '\nwc -c </big\nE\n'
	} >D
	run_ok build -f D .
	has "$out" 2000001
	{ echo "FROM $IMAGE"; yes '# a comment' | head -c 10000000; printf '\nRUN echo end\n'; } >D
	run_ok build -f D .
	has "$out" end
	{ echo "FROM $IMAGE"; yes '# a comment' | head -c 17000000; } >D
	run_fails 125 build -f D .
	has "$err" "larger than 16 MiB"
}

@test "two hundred stages" {
	{
		echo "FROM $IMAGE AS s0"
		for i in $(seq 1 199); do printf 'FROM s%d AS s%d\nENV N=%d\n' $((i - 1)) "$i" "$i"; done
		echo 'RUN echo last $N'
	} >D
	run_ok build -f D .
	has "$out" "last 199"
}

@test "a flood of output costs no memory" {
	printf 'FROM %s\nRUN yes | head -c 100000000\n' "$IMAGE" >D
	start_background "$DHOW" --root "$W/store" --runroot "$XDG_RUNTIME_DIR/e2e-${W##*/}" build --no-cache -f D .
	wait_for 20 test -s background.out
	grep VmHWM "/proc/$pid/status" >peak
	wait "$pid"
	[ "$(wc -c <background.out)" -gt 100000000 ]
	[ "$(awk '{ print $2 }' peak)" -lt 65536 ] || complain "$(cat peak)"
}

@test "two builds of one tag at once both work, and the tag is one of theirs" {
	for n in 1 2; do
		printf 'FROM %s\nRUN sleep 0.3; echo %s >/n\n' "$IMAGE" $n >"D$n"
		start_background "$DHOW" --root "$W/store" --runroot "$XDG_RUNTIME_DIR/e2e-${W##*/}" build -q -t both -f "D$n" .
		eval "pid$n=$pid"
	done
	wait "$pid1" && wait "$pid2"
	run_ok run --rm both cat /n
	[[ $out == [12] ]]
}

@test "two builds in two stores with --timestamp have the same digest" {
	echo f >f
	printf 'FROM %s\nCOPY f /f\nRUN date >/dev/null; echo x >/x; mkdir /d; touch /d/y\nWORKDIR /w\nLABEL a=b\n' "$IMAGE" >D
	other() { "$DHOW" --root "$W/other" --runroot "$XDG_RUNTIME_DIR/e2e-${W##*/}-b" "$@" 3>&- 4>&-; }
	other tag "$(other pull -q "oci:$W/small:latest" | tail -1)" "$IMAGE"
	for option in --timestamp --source-date-epoch; do
		one=$(dhow build -q --no-cache "$option" 1700000000 --rewrite-timestamp -f D .)
		sleep 1.1
		touch f
		eq "$(other build -q --no-cache "$option" 1700000000 --rewrite-timestamp -f D .)" "$one"
		eq "$(other image inspect --format '{{.Digest}}' "$one")" "$(dhow image inspect --format '{{.Digest}}' "$one")"
	done
	other unshare rm -rf "$W/other/layers" "$W/other/tmp"
}

@test "a directory is a base: FROM the name of a build context" {
	mkdir -p base/etc c
	echo one >base/etc/x
	ln -s x base/etc/l
	printf 'FROM root\nCOPY --from=%s / /\nRUN cat /etc/l\n' "$IMAGE" >c/Dockerfile
	run_ok build --build-context root=base c
	has "$out" one
	echo two >base/etc/x
	run_ok build --build-context root=base c
	has "$out" two
}
