# SPDX-License-Identifier: Apache-2.0
#
# tests/e2e/05-cli.bats - the command line: words, help, errors, completion, --format
load lib

completions() { dhow __complete "$@" | cut -f1 | grep -v '^:[0-9]*$' || :; }
directive() { dhow __complete "$@" | tail -1; }

@test "an unknown command is named, and the nearest one" {
	run_fails 125 rnu
	has "$err" "unrecognized command 'dhow rnu'"
	has "$err" "Did you mean 'dhow run'?"
	run_fails 125 container strat
	has "$err" "Did you mean 'dhow container start'?"
	run_fails 125 xyzzy
	has "$err" "'dhow --help' lists the commands"
}

@test "an unknown option is named, with the nearest one and where to look" {
	run_fails 125 run --nam x "$IMAGE"
	has "$err" "unknown flag: --nam"
	has "$err" "Did you mean '--name'?"
	has "$err" "See 'dhow run --help'"
	run_fails 125 ps -aX
	has "$err" "unknown shorthand flag: 'X' in -aX"
	run_fails 125 stop --time
	has "$err" "flag needs an argument: --time"
	run_fails 125 stop --time soon x
	has "$err" "invalid argument 'soon' for '-t, --time'"
	run_fails 125 ps --sort nonsense
	has "$err" "it can be created, command"
}

@test "what dhow does not carry is refused by name, with the reason" {
	run_fails 125 --remote ps
	has "$err" "--remote is not supported: dhow works by itself"
	run_fails 125 --url tcp://x ps
	has "$err" "--url is not supported"
	run_fails 125 run --cpu-rt-runtime 5 "$IMAGE" true
	has "$err" "--cpu-rt-runtime is not supported: cgroup v2"
	run_fails 125 run --storage-opt size=1G "$IMAGE" true
	has "$err" "--storage-opt is not supported"
	run_fails 125 --storage-opt size=1G ps
	has "$err" "additionalimagestore"
}

@test "too few and too many arguments are errors" {
	run_fails 125 run
	has "$err" "'run' requires at least 1 argument (IMAGE [COMMAND [ARG...]])"
	run_fails 125 rename a
	run_fails 125 rename a b c
	run_fails 125 ps x
	has "$err" "'ps' takes no arguments"
	run_fails 125 stop
	run_fails 125 stop -a x
	has "$err" "exclude each other"
}

@test "every command has its help, asked for in three ways" {
	local cmd count=0
	while IFS= read -r cmd; do
		[ -n "$cmd" ] || continue
		count=$((count + 1))
		run_ok "$cmd" --help
		has "$out" "Usage:"
		has "$out" "dhow $cmd"
	done < <(completions "" | grep -vx 'container\|image\|volume\|system')
	[ "$count" -gt 20 ] || complain "only $count commands"
	run_ok rm --help
	local help=$out
	run_ok help rm
	eq "$out" "$help"
	run_ok --help rm
	eq "$out" "$help"
}

@test "nouns list their commands, with and without --help" {
	local noun
	for noun in container image volume; do
		run_ok "$noun"
		has "$out" "Commands:"
		has "$out" "inspect"
		run_ok "$noun" --help
		has "$out" "Commands:"
	done
}

@test "--help goes to stdout and is no error, no command is one" {
	run_ok --help
	has "$out" "run"
	eq "$err" ""
	run_exits 125
	run_ok run --help
	has "$out" "--rm"
	has "$out" "-h, --hostname NAME"
	# -h is help where no option has that letter
	run_ok ps -h
	has "$out" "Usage:"
}

@test "--version, and the name that it was called by" {
	run_ok --version
	[[ $out =~ ^dhow\ version\ [0-9]+\.[0-9]+ ]] || complain "$out"
	local name
	for name in docker podman; do
		ln -s "$DHOW" "$T/$name"
		[[ $("$T/$name" --version) == "${name/docker/Docker} version "* ]] || complain "$name"
		[[ $("$T/$name" rnu 2>&1) == *"'$name rnu'"* ]] || complain "$name"
	done
}

@test "global options stand before the command, or behind it by their long name" {
	"$DHOW" --root "$T/other" --runroot "$T/run" images -q >"$T/a"
	"$DHOW" images -q --root="$T/other" --runroot "$T/run" >"$T/b"
	eq "$(cat "$T/a" "$T/b")" ""
	run_ok images -q
	[ -n "$out" ] || complain "no image"
	run_fails 125 --log-level loud ps
	has "$err" "trace"
}

@test "options after the image belong to the program, -- ends options" {
	run_ok run --rm "$IMAGE" echo --rm -x --nonsense
	eq "$out" "--rm -x --nonsense"
	run_ok run --rm -- "$IMAGE" echo -- x
	eq "$out" "-- x"
}

@test "an answer that cannot be written is an error" {
	local rc=0
	dhow images >/dev/full 2>"$T/err" || rc=$?
	eq "$rc" 125
	has "$(cat "$T/err")" "cannot write the output"
	rc=0
	"$DHOW" --help >&- 2>"$T/err" || rc=$?
	[ "$rc" = 125 ] || [ "$rc" = 0 ] || complain "exit status $rc"
}

@test "control bytes in what was typed do not reach the terminal" {
	run_fails 125 inspect $'a\e[31mb\nc'
	hasnt "$err" $'\e'
}

@test "--format: templates, tables, JSON, and their errors" {
	run_ok create --name "$C" --label k=v --label a.b=dot "$IMAGE" sh -c 'exit 0'
	local id=$out
	run_ok ps -a --format '{{.ID}} {{.Names}} {{.Label "k"}}'
	eq "$out" "${id:0:12} $C v"
	run_ok ps -a --no-trunc --format 'table {{.Names}}\t{{.ID}}'
	eq "$out" "NAMES       CONTAINER ID"$'\n'"$C         ${id}"
	run_ok ps -a --noheading --format 'table {{.Names}} {{.State}}'
	eq "$out" "$C         created"
	run_ok ps -a --format json
	has "$out" "\"Id\": \"$id\""
	run_ok inspect --format '{{json .Config.Cmd}} {{index .Config.Labels "a.b"}} {{len .Config.Cmd}}' "$C"
	eq "$out" '["sh","-c","exit 0"] dot 3'
	run_ok inspect --format '{{range $k, $v := .Config.Labels}}{{$k}}={{$v}};{{end}}{{if .State.Running}}up{{else}}down{{end}}' "$C"
	has "$out" "a.b=dot;k=v;"
	has "$out" "down"
	run_fails 125 inspect --format '{{.NoSuchField}}' "$C"
	has "$err" "NoSuchField"
	run_fails 125 ps -a --format '{{.NoSuchField}}'
	run_fails 125 inspect --format '{{' "$C"
	has "$err" "unclosed action"
}

@test "inspect prints what it found, and fails for the rest" {
	run_ok create --name "$C" "$IMAGE"
	run_fails 125 inspect "$C" "$C-none"
	has "$out" "\"Name\": \"$C\""
	has "$err" "no such object: \"$C-none\""
	run_fails 125 inspect --type container "$IMAGE"
	run_ok image inspect "$IMAGE"
}

@test "exit statuses of rm, rmi, volume rm and exists" {
	run_fails 1 rm "$C-none"
	run_fails 1 rmi "$C-none"
	run_fails 1 volume rm "$C-none"
	run_ok rm -f "$C-none"
	run_exits 1 container exists "$C-none"
	eq "$out$err" ""
	run_exits 1 image exists "$C-none"
	run_exits 1 volume exists "$C-none"
	run_ok image exists "$IMAGE"
	run_ok create --name "$C" "$IMAGE"
	run_ok container exists "$C"
}

@test "completion offers commands, options, words and objects" {
	run_ok create --name "$C" "$IMAGE"
	run_ok volume create "$C-v"
	has "$(completions ru)" run
	has "$(completions container ex)" exists
	has "$(completions run --na)" --name
	has "$(completions run --pull=a)" always
	has "$(completions run --pull a)" always
	has "$(completions run --rm loc)" "$IMAGE"
	has "$(completions rm k)" "$C"
	eq "$(completions volume rm "$C")" "$C-v"
	eq "$(completions rename "$C" "")" ""
	eq "$(completions stop "")" "" # nothing runs
	eq "$(directive run "$IMAGE" "")" ":0" # files: what follows is another program's
	eq "$(directive stop "")" ":4"
	eq "$(directive build --iidfile "")" ":0"
	eq "$(completions exec "")" ""
	eq "$(completions start "")" "$C"
	has "$(completions cp "")" "$C:"
	eq "$(directive cp "")" ":2"
	has "$(completions run --network container:)" "container:$C"
	has "$(completions run -v "")" "$C-v:"
	eq "$("$DHOW" __complete --root "$W/store" --runroot "$XDG_RUNTIME_DIR/e2e-${W##*/}" start "" | head -1 | cut -f1)" "$C"
	hasnt "$(dhow __completeNoDesc ru)" $'\t'
	dhow start "$C" >/dev/null
	eq "$(completions unpause "")" ""
	eq "$(completions rm "")" "$C"
	has "$(completions --root /x --log-level de)" debug || has "$(completions --log-level de)" ""
	has "$(completions help im)" images
}

@test "the completion files are what 'completion' prints, and bash can use them" {
	local shell
	for shell in bash zsh fish; do
		run_ok completion "$shell"
		eq "$out" "$(cat "$REPO/completions/dhow.$shell")"
	done
	run_fails 125 completion csh
	PATH=$(dirname "$DHOW"):$PATH bash -c '
		. "$1"
		COMP_LINE="dhow contai" COMP_POINT=${#COMP_LINE}; _dhow dhow contai dhow; echo "${COMPREPLY[@]}"
		COMP_LINE="dhow run --pull=mi" COMP_POINT=${#COMP_LINE}; _dhow dhow mi =; echo "${COMPREPLY[@]}"
	' bash "$REPO/completions/dhow.bash" >"$T/replies"
	eq "$(cat "$T/replies")" $'container\nmissing'
}

@test "unshare runs a program as root of the user namespace" {
	run_ok unshare id -u
	eq "$out" 0
	run_fails 127 unshare no-such-program
	run_fails 126 unshare /etc
}

@test "info and version have the members that scripts read" {
	run_ok info
	has "$out" "host:"
	run_ok info --format '{{.Host.Security.Rootless}} {{.Store.GraphDriverName}}'
	has "$out" "true "
	run_ok version --format '{{.Client.Version}}'
	[[ $out =~ ^[0-9]+\.[0-9]+ ]] || complain "$out"
	run_ok version --format json
	has "$out" '"OsArch"'
}

@test "no line of any --help is longer than 100 columns" {
	dhow __manual | awk -F'\t' '$1 == "command" && $2 != "-" { print $2 }' >paths
	[ "$(wc -l <paths)" -gt 100 ]
	while read -r path; do
		# shellcheck disable=SC2086 # words
		dhow $path --help </dev/null | awk -v path="$path" 'length($0) > 100 { print path ": " $0 }'
	done <paths >long
	eq "$(cat long)" ""
}
