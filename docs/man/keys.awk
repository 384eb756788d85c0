# SPDX-License-Identifier: Apache-2.0
#
# docs/man/keys.awk UNIT-KEYS TABLES - the keys of Quadlet units as a part of dhow-unit(5), a list for each section
#
# What a key does is its option in the program's table (the lines "key" of dhow __manual), or a text of the file unit-keys.
function complain(text) { print "keys.awk: " text >"/dev/stderr"; bad = 1 }
# lines of a text, none longer than 78 bytes; none may begin as a macro does
function wrap(text,   out, line, word, n, i) {
	n = split(text, word, " ")
	for (i = 1; i <= n; i++) {
		if (line != "" && length(line) + length(word[i]) > 76) {
			out = out mdoc(line) "\n"
			line = ""
		}
		line = line (line != "" ? " " : "") word[i]
	}
	return out mdoc(line)
}
function mdoc(text) { gsub(/\\/, "\\e", text); gsub(/-/, "\\-", text); sub(/^[.']/, "\\\\&&", text); return text }

FNR == NR {
	if ($0 ~ /^#/) next
	text[$1] = $2
	next
}
$1 != "key" { next }
$2 != section {
	if (section != "") print ".El"
	section = $2
	print ".Ss Keys of the section " section
	print ".Bl -tag -width Ds"
}
{
	own = $2 " " $3
	what = own in text ? text[own] : text["all " $3]
	used[own] = used["all " $3] = 1
	if ($4 != "-") what = $4 "; " $5 "."
	else if (what == "") complain("no text for the key " $3 "= of [" $2 "]")
	print ".It Sy " $3 "="
	print wrap(what)
}
END {
	print ".El"
	for (name in text) if (!(name in used)) complain("a text for '" name "', which is no key that needs one")
	exit bad
}
