#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# the manual: every command and option has a text, every page is sound, and what pages say is there
load lib

prepare_file() { "$REPO/docs/man/make.sh" "$DHOW" "$W/man" 2>"$W/man.missing" || :; }

@test "every command has a text and an example, every text a command" {
	eq "$(cat "$W/man.missing")" ""
	[ -s "$W/man/man1/dhow-run.1" ] && [ -s "$W/man/man5/dhow-storage.5" ]
	eq "$(cat "$W/man/man1/dhow-container-rm.1")" ".so man1/dhow-rm.1"
}

@test "a command without a text, a text without a command and a wrong reference are told, and make fails" {
	cp -r "$REPO/docs/man" pages
	sed -i -e 's/^# wait$/# wiat/' -e 's/^> create start exec rm$/> create strat/' pages/container.txt
	capture pages/make.sh "$DHOW" made
	[ "$status" != 0 ]
	has "$err" "no text for the command 'wait'"
	has "$err" "tells of 'wiat', which is no command"
	has "$err" "refers to dhow-strat"
}

@test "each option of each command is in its page" {
	dhow __manual | awk -F'\t' '
		$1 == "command" { page = $2 == "-" ? "dhow" : "dhow-" $2; gsub(/ /, "-", page) }
		$1 == "option" { print page, $3 }' >all
	[ "$(wc -l <all)" -gt 500 ]
	while read -r page name; do
		grep -qE "^\.It (Fl . , )?Fl -$name( |\$)" "$W/man/man1/$page.1" || echo "$page --$name"
	done <all >missing
	eq "$(cat missing)" ""
}

@test "pages are sound mdoc" {
	command -v mandoc >/dev/null || skip "no mandoc"
	for page in "$W"/man/man?/*; do
		[[ $(head -1 "$page") == .so* ]] || echo "$page"
	done >pages
	# references are looked up in the machine's manual, where these pages are not: the next case does that
	xargs  mandoc -T lint <pages 2>/dev/null | grep -v 'referenced manual not found' >found || :
	eq "$(cat found)" ""
}

@test "references between pages lead to a page" {
	grep -h '^\.Xr dhow\|^\.It Xr dhow' "$W"/man/man?/* | sed 's/^\.It //' | sort -u >refs
	while read -r _ name section _; do
		[ -e "$W/man/man$section/$name.$section" ] || echo "$name($section)"
	done <refs >missing
	eq "$(cat missing)" ""
}

@test "options that pages tell of are options" {
	dhow __manual | awk -F'\t' '$1 == "option" { print $3; if ($2 != "-") print $2 }' | sort -u >known
	echo help >>known
	cat "$REPO"/docs/man/dhow-*.[57] "$REPO/docs/man/dhow.1.in" | grep -oE '\<Fl (Fl )?-?[a-z-]+' | sed -E 's/^Fl (Fl )?-?//' | sort -u >told
	grep -vxFf known told >unknown || :
	eq "$(cat unknown)" ""
	# in the texts: --name
	cat "$REPO"/docs/man/*.txt | grep -oE -- '(^|[ (])--[a-z][a-z-]+' | sed -E 's/.*--//' | sort -u >told
	grep -vxFf known told >unknown || :
	eq "$(cat unknown)" ""
}
