# SPDX-License-Identifier: Apache-2.0
#
# docs/man/pages.awk - manual pages from what `dhow __manual` tells and the texts beside this file; make.sh calls it
#
#	awk -v out=DIR -f pages.awk TEXT... MANUAL dhow.1.in
#
# One page for each command and one for each noun, as mdoc(7); the other names of a command are pages that lead to it. Everything is
# read into arrays first. What has no text is named on stderr, and the exit status is 1: nothing that a user can type stays unexplained.

function complain(text) {
	print "manual: " text >"/dev/stderr"
	bad = 1
}

function escape(text) {
	gsub(/\\/, "\\e", text)
	return text
}

# One line of fill-mode text, or a macro
function emit(page, line) {
	if (line ~ /^[.']/) line = "\\&" line
	print line >page
}

# A text, folded; each sentence begins a line; names of pages become references, the dashes of options stay dashes.
function prose(page, text,    n, i, word, line, tail, parts) {
	n = split(escape(text), word, / +/)
	line = ""
	for (i = 1; i <= n; i++) {
		if (word[i] == "") continue
		if (word[i] ~ /^[(]?dhow[a-z-]*\([1-9]\)[.,;:)]*$/) {
			if (line != "") emit(page, line)
			line = ""
			parts = word[i]
			tail = parts
			sub(/^[^)]*\)/, "", tail)
			sub(/[(]/, " ", parts)
			sub(/[)].*/, "", parts)
			print ".Xr " parts (tail != "" ? " " tail : "") >page
			continue
		}
		sub(/^--/, "\\-\\-", word[i])
		sub(/^-/, "\\-", word[i])
		if (line != "" && length(line) + length(word[i]) > 76) {
			emit(page, line)
			line = ""
		}
		line = line (line != "" ? " " : "") word[i]
		if (word[i] ~ /[a-z)][.]$/) {
			emit(page, line)
			line = ""
		}
	}
	if (line != "") emit(page, line)
}

# Paragraphs that are separated by empty lines
function paragraphs(page, text,    n, i, part) {
	n = split(text, part, /\n\n+/)
	for (i = 1; i <= n; i++) {
		gsub(/\n/, " ", part[i])
		if (part[i] ~ /^ *$/) continue
		if (i > 1) print ".Pp" >page
		prose(page, part[i])
	}
}

function words_are_told(words, help,    n, i, word) {
	n = split(words, word, ", ")
	for (i = 1; i <= n; i++) if (index(help, word[i]) == 0) return 0
	return 1
}

function name_of(row,    f) { split(row, f, "\t"); return f[3] }

function options(page, path,    n, i, j, t, row, f, help) {
	n = split(option[path], row, "\n")
	for (i = 2; i <= n; i++) # by name
		for (j = i; j > 1 && name_of(row[j]) < name_of(row[j - 1]); j--) { t = row[j]; row[j] = row[j - 1]; row[j - 1] = t }
	print ".Bl -tag -width Ds" >page
	for (i = 1; i <= n; i++) {
		split(row[i], f, "\t")
		print ".It " (f[2] != "-" ? "Fl " f[2] " , " : "") "Fl -" f[3] (f[4] != "-" ? " Ar " escape(f[4]) : "") >page
		help = toupper(substr(f[7], 1, 1)) substr(f[7], 2)
		if (f[7] ~ /^[a-z]+[0-9:=\/]/) help = f[7]
		if (f[6] != "-" && !words_are_told(f[6], help)) help = help ": " f[6]
		if (f[5] != "-") help = help " (default " f[5] ")"
		if (help == "") complain("--" f[3] " of '" path "' has no text")
		prose(page, help ".")
	}
	print ".El" >page
}

function head(page, name, about) {
	print ".\\\" made by docs/man/make.sh: the text is in docs/man/*.txt, the options are in the program" >page
	print ".Dd " date >page
	print ".Dt " toupper(name) " 1\n.Os\n.Sh NAME\n.Nm " name "\n.Nd " tolower(substr(about, 1, 1)) substr(about, 2) >page
}

function see_also(page, names,    n, i, j, name, t) {
	n = split(names, name, " ")
	for (i = 1; i <= n; i++) if (!(name[i] in page_of)) complain("'" page "' refers to dhow-" name[i] ", which there is not")
	for (i = 2; i <= n; i++) for (j = i; j > 1 && name[j] < name[j - 1]; j--) { t = name[j]; name[j] = name[j - 1]; name[j - 1] = t }
	print ".Sh SEE ALSO\n.Xr dhow 1" (n > 0 ? " ," : "") >page
	for (i = 1; i <= n; i++) print ".Xr dhow-" name[i] " 1" (i < n ? " ," : "") >page
}

function dashed(path) { gsub(/ /, "-", path); return path }

function exit_statuses(page, path,    n, i, row, status, has) {
	print ".Sh EXIT STATUS\n.Bl -tag -width Ds" >page
	n = split(exits[path], row, "\n")
	for (i = 1; i <= n; i++) { status = row[i]; sub(/ .*/, "", status); has[status] = 1 }
	if (!(0 in has) && !("*" in has)) print ".It 0\nSuccess." >page
	for (i = 1; i <= n; i++) {
		status = row[i]; sub(/ .*/, "", status); sub(/^[^ ]* /, "", row[i])
		print ".It " (status == "*" ? "any" : status) >page
		prose(page, toupper(substr(row[i], 1, 1)) substr(row[i], 2) ".")
	}
	if (!(125 in has)) print ".It 125\nIt failed; standard error tells why." >page
	print ".El" >page
}

function command_page(path,    page, n, i, row, name, words) {
	name = "dhow-" dashed(path)
	page = out "/" name ".1"
	if (length(text[path]) < 20) complain("there is no text for the command '" path "': write one in docs/man/*.txt")
	if (examples[path] == "") complain("the command '" path "' has no example: write one in docs/man/*.txt")
	head(page, name, help[path])
	print ".Sh SYNOPSIS\n.Nm dhow " path >page
	if (option[path] != "") print ".Op Ar option ..." >page
	words = escape(synopsis[path])
	sub(/[]]$/, "\\\\\\&]", words) # else it counts as punctuation
	if (words != "-") print ".Ar " words >page
	n = split(also[path], row, "\n")
	print ".Sh DESCRIPTION" >page
	paragraphs(page, text[path])
	for (i = 1; i <= n; i++) print (i == 1 ? ".Pp\nOther names:\n" : "") ".Nm dhow " row[i] (i < n ? " ," : " .") >page
	if (option[path] != "") {
		print ".Sh OPTIONS" >page
		options(page, path)
	}
	exit_statuses(page, path)
	print ".Sh EXAMPLES\n.Bd -literal -offset indent" >page
	n = split(examples[path], row, "\n")
	for (i = 1; i <= n; i++) { sub(/^ +/, "", row[i]); emit(page, escape(row[i])) }
	print ".Ed" >page
	see_also(page, see[path])
	close(page)
	# the other names lead here
	n = split(also[path], row, "\n")
	for (i = 1; i <= n; i++) {
		page = out "/dhow-" dashed(row[i]) ".1"
		print ".so man1/" name ".1" >page
		close(page)
	}
}

function command_list(page, noun,    i, j, n, row, below) {
	print ".Bl -tag -width Ds" >page
	for (i = 1; i <= count; i++) {
		n = split(all[i] (also[all[i]] != "" ? "\n" also[all[i]] : ""), row, "\n")
		for (j = 1; j <= n; j++) {
			below = row[j]
			if (noun != "" && index(below, noun " ") != 1) continue
			print ".It Xr dhow-" dashed(row[j]) " 1" >page
			prose(page, help[all[i]] ".")
			break
		}
	}
	print ".El" >page
}

function noun_page(noun,    page) {
	page = out "/dhow-" noun ".1"
	head(page, "dhow-" noun, noun_help[noun])
	print ".Sh SYNOPSIS\n.Nm dhow " noun "\n.Ar COMMAND Op Ar option ...\n.Sh DESCRIPTION" >page
	prose(page, "These commands begin with this word; each has a page of its own.")
	command_list(page, noun)
	see_also(page, "")
	close(page)
}

FNR == 1 { file++; current = "" }
FILENAME ~ /\.txt$/ && /^# / { current = substr($0, 3); if (current !~ /^COMMAND /) known[current] = FILENAME; next }
FILENAME ~ /\.txt$/ {
	if (current == "" || current ~ /^COMMAND /) next
	if (/^% /) examples[current] = examples[current] (examples[current] != "" ? "\n" : "") substr($0, 3)
	else if (/^\? /) exits[current] = exits[current] (exits[current] != "" ? "\n" : "") substr($0, 3)
	else if (/^> /) see[current] = substr($0, 3)
	else text[current] = text[current] $0 "\n"
	next
}
FILENAME ~ /\.in$/ { template = template $0 "\n"; next }
{ n = split($0, field, "\t") }
field[1] == "command" {
	current = field[2]
	if (current != "-") all[++count] = current
	synopsis[current] = field[3]
	help[current] = field[4]
	page_of[dashed(current)] = 1
	next
}
field[1] == "also" { also[current] = also[current] (also[current] != "" ? "\n" : "") field[2]; page_of[dashed(field[2])] = 1; next }
field[1] == "example" { table_examples[current] = table_examples[current] (table_examples[current] != "" ? "\n" : "") field[2]; next }
field[1] == "option" { option[current] = option[current] (option[current] != "" ? "\n" : "") $0; next }
field[1] == "noun" { noun_help[field[2]] = field[3]; next }

END {
	for (path in known) if (!(path in help)) complain(known[path] " tells of '" path "', which is no command")
	for (i = 1; i <= count; i++) {
		path = all[i]
		if (table_examples[path] != "")
			examples[path] = table_examples[path] (examples[path] != "" ? "\n" examples[path] : "")
		command_page(path)
	}
	for (noun in noun_help) if (!(noun in help)) noun_page(noun)
	page = out "/dhow.1"
	n = split(template, line, "\n")
	for (i = 1; i < n; i++) {
		if (line[i] == "@OPTIONS@") options(page, "-")
		else if (line[i] == "@COMMANDS@") command_list(page, "")
		else {
			gsub(/@DATE@/, date, line[i])
			print line[i] >page
		}
	}
	close(page)
	exit bad
}
