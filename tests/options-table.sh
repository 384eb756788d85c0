#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/options-table.sh DHOW - docs/options.md from the tables of the program and the lists of names in tests/options
set -eu -o pipefail
here=$(dirname "$0")

cat <<'HEAD'
# Commands and options for containers, volumes, secrets and the system

Made by `make docs` from the tables of the program itself; do not edit. Every command and option of podman and docker is here: it *works*, or
it is *refused* by name with the reason that stands beside it. Commands with two names (`ps`, `container ls`) stand here under the first.
Options that dhow alone has are in `dhow COMMAND --help`.
HEAD
"$1" __options | awk -F'\t' '
	FNR == NR && FILENAME != "-" {
		if ($0 ~ /^#/ || $0 == "") next
		n = split($0, word, " ")
		path = word[1]
		for (i = 2; i <= n && word[i] !~ /^-/; i++) path = path " " word[i]
		known[path] = 1
		if (i <= n) known[path " " word[i]] = 1
		next
	}
	{
		name = $1 " --" $2
		text = $5
		gsub(/\|/, "\\|", text)
		gsub(/</, "\\&lt;", text)
		if ($2 == "-") {
			if (!($1 in known) && $4 != "refused") { shown = 0; next }
			if ($4 == "refused") { none = none "| `" $1 "` | " text " |\n"; next }
			# the same command under another name
			shown = !(text in seen) || seen[text] == $1
			seen[text] = $1
			if (shown) printf "\n## %s\n\n%s.\n\n| option | | |\n|---|---|---|\n", $1, text
			next
		}
		if ($1 == "-" && !globals++) {
			printf "\n## Before every command\n\n| option | | |\n|---|---|---|\n"
			shown = 1
		}
		if (shown && (name in known))
			printf "| `%s--%s` | %s | %s |\n", ($3 != "-" ? "-" $3 ", " : ""), $2, $4, text
	}
	END { printf "\n## Commands that are refused\n\n| command | why |\n|---|---|\n%s", none }
' <(cat "$here/options/podman.list" "$here/options/docker.list" "$here/options/buildah.list") -
