#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# build: checks of the Dockerfile, and how a build is shown
load lib

dockerfile() { # text on stdin, BASE is the small image
	mkdir -p "$T/x"
	sed "s|BASE|$IMAGE|" >"$T/x/Dockerfile"
}
found() { # RULE...: --check names these, and no others
	[ "$(sed -n 's/^WARNING: //p' <<<"$err" | sort -u | tr '\n' ' ')" = "$(printf '%s\n' "$@" | sort -u | tr '\n' ' ')" ] ||
		complain "wanted: $*"
}
on_terminal() { # ARG...: of build
	capture env TERM=xterm script -qec "$(printf '%q ' "$DHOW" --root "$W/store" --runroot "$XDG_RUNTIME_DIR/e2e-${W##*/}" build "$@" "$T/x")" /dev/null
	out=$(tr -d '\r' <<<"$out")
}

@test "--check finds what is seldom meant, says where, builds nothing, and exits with 1" {
	dockerfile <<'E'
ARG tag
FROM BASE AS Base
from --platform=linux/amd64 BASE as second
MAINTAINER me
ENV A b
ARG MY_TOKEN
RUN echo \

  more; exit 9
COPY secret /x
WORKDIR w
LABEL x=$FOO y=${BAR:-1} z=$A \$no='$no'
EXPOSE 80/TCP
CMD echo
CMD ["a"]
FROM --platform=$TARGETPLATFORM BASE$nope AS second
FROM scratch AS context
E
	echo secret >"$T/x/.dockerignore"
	run_exits 1 build --check "$T/x"
	found StageNameCasing ConsistentInstructionCasing FromPlatformFlagConstDisallowed MaintainerDeprecated \
		LegacyKeyValueFormat SecretsUsedInArgOrEnv NoEmptyContinuation CopyIgnoredFile WorkdirRelativePath \
		UndefinedVar ExposeProtoCasing JSONArgsRecommended MultipleInstructionsDisallowed DuplicateStageName \
		RedundantTargetPlatform UndefinedArgInFrom ReservedStageName
	has "$err" "undefined variable '\$FOO'"
	has "$err" "Dockerfile:12"
	hasnt "$err" "variable '\$no'"
	eq "$out" "Check complete, 17 warnings have been found!"
}

@test "--check has nothing to say about a good file; the directive check= skips rules and makes them errors" {
	dockerfile <<'E'
FROM BASE AS base
ARG v=1
ENV A=$v B=$PATH
FROM base
COPY . /
CMD ["a"]
E
	run_ok build --check "$T/x"
	eq "$out$err" "Check complete, no warnings found."
	printf '# check=error=true\nFROM BASE\nMAINTAINER x\n' | dockerfile
	run_fails 125 build "$T/x"
	has "$err" MaintainerDeprecated
	hasnt "$out" STEP
	printf '# check=skip=maintainerdeprecated;error=true\nFROM BASE\nMAINTAINER x\n' | dockerfile
	run_ok build "$T/x"
	printf '# check=skip=NoSuchRule\nFROM BASE\n' | dockerfile
	run_ok build "$T/x"
	has "$err" NoSuchRule
	printf '# check=nonsense\nFROM BASE\n' | dockerfile
	run_fails 125 build "$T/x"
}

@test "on a terminal, steps that run are drawn in place; of one that fails the last lines and the Dockerfile are shown" {
	need script
	dockerfile <<'E'
FROM BASE
RUN for i in 1 2 3 4 5 6 7; do echo "line $i"; sleep 0.1; done
RUN printf '\033[31mred\033[0m\n'; echo last >&2; exit 3
E
	on_terminal
	eq "$status" 3
	has "$out" $'\033[2m   | line 5'
	has "$out" $'STEP 2/3: RUN for i in 1 2 3 4 5 6 7; do echo "line $i"; sleep 0.1; done \033[2m('
	has "$out" $'\n   | red\n   | last\nDockerfile:3\n'
	# what was drawn is gone, and nothing of the terminal is changed
	hasnt "$out" $'\033[?25l'
	eq "$(grep -o $'\033\[?7l' <<<"$out" | wc -l)" "$(grep -o $'\033\[?7h' <<<"$out" | wc -l)"
	on_terminal --progress plain
	hasnt "$out" $'\033[?7l'
	has "$out" "--> Using cache"
}

@test "--progress and --logfile" {
	printf 'FROM BASE\nRUN echo said; echo wrong >&2\n' | dockerfile
	run_ok build --logfile "$T/log" "$T/x"
	eq "$out$err" ""
	has "$(cat "$T/log")" $'STEP 2/2: RUN echo said'
	has "$(cat "$T/log")" wrong
	run_ok build --no-cache --progress rawjson "$T/x"
	eq "$(wc -l <<<"$out")" 1
	eq "$(jq -rs '[.[].logs[]?.data | @base64d] | join("")' <<<"$err" | grep -c '^said$\|^wrong$')" 2
	eq "$(jq -rs '[.[].vertexes[]? | select(.completed)] | length' <<<"$err")" 1
	run_ok build --progress quiet "$T/x"
	eq "$out" "$(dhow build -q "$T/x")"
	run_fails 125 build --progress tty "$T/x"
	run_fails 125 build --progress odd "$T/x"
}
