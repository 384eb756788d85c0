# SPDX-License-Identifier: Apache-2.0
#
# awk -F'\t' -f missing.awk OPTIONS LIST... - print what LIST has and OPTIONS (of `dhow __options`) lacks

FNR == NR {
	if ($2 == "-") {
		command[$1] = $4
	} else {
		option[$1 " --" $2] = 1
		if ($3 != "-")
			letter[$1 " -" $3] = 1
	}
	next
}
/^#/ || /^$/ { next }
{
	count = split($0, word, " ")
	path = word[1]
	for (i = 2; i <= count && word[i] !~ /^-/; i++)
		path = path " " word[i]
	# a refused command takes its options and the commands below it with it
	refused = 0
	above = path
	while (1) {
		if (command[above] == "refused")
			refused = 1
		if (!match(above, / [^ ]*$/))
			break
		above = substr(above, 1, RSTART - 1)
	}
	if (refused)
		next
	if (path != "-" && !(path in command)) {
		if (i > count)
			print path
		next
	}
	if (i <= count && !((path " " word[i]) in option))
		print path " " word[i]
	if (i + 1 == count && !((path " " word[count]) in letter))
		print path " " word[count] " (" word[i] ")"
}
