#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# docs/man/make.sh DHOW DIR - write all manual pages into DIR/man1, man5, man7
#
# Pages of commands are made of the program's own tables and the texts in *.txt; dhow-*.[157] are written by hand. Exit status 1, and what
# is missing on stderr, when a command, an option or a key has no text.
set -eu

dhow=$1 out=$2 here=$(dirname "$0")
date='November 24, 2026'

rm -rf "$out/man1" "$out/man5" "$out/man7"
mkdir -p "$out/man1" "$out/man5" "$out/man7"
"$dhow" __manual >"$out/tables"
awk -v out="$out/man1" -v date="$date" -f "$here/pages.awk" "$here"/*.txt "$out/tables" "$here/dhow.1.in"
awk -F'\t' -f "$here/keys.awk" "$here/unit-keys" "$out/tables" >"$out/keys"
for page in "$here"/dhow-*.[157]; do
	sed -e "s/@DATE@/$date/" -e "/^@KEYS@/{
		r $out/keys
		d
	}" "$page" >"$out/man${page##*.}/${page##*/}"
done
rm -f "$out/tables" "$out/keys"
