#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# tests/check-includes.sh - prove the direction of includes
#
# A folder uses only what stands left of it: base < rootless < storage, network < engine < cli; storage and network do not
# know each other; units is used by cli only. From outside a folder only its doors are included: files directly in it. Every header compiles alone.
# Runs in the top folder of the source, as `make check-includes`. CC names the compiler.

set -u
CC=${CC:-cc}
failed=0

grep -H -n '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' \
	base/*.[ch] units/*.[ch] rootless/*.[ch] storage/*.[ch] network/*.[ch] cli/*.[ch] engine/*.[ch] engine/*/*.[ch] 2>/dev/null |
awk '
BEGIN {
	may["base"] = "base"
	may["units"] = "base units"
	may["rootless"] = "base rootless"
	may["storage"] = "base rootless storage"
	may["network"] = "base rootless network"
	may["engine"] = "base rootless storage network engine"
	may["cli"] = "base rootless storage network engine cli units"
}
{
	split($0, part, ":")
	file = part[1]
	split($0, quoted, "\"")
	target = quoted[2]
	from = file; sub(/\/.*/, "", from)
	to = target; sub(/\/.*/, "", to)
	if (index(target, "/") == 0 || !(to in may)) {
		printf "%s:%s: \"%s\" is not a path from the top folder\n", file, part[2], target
		bad = 1
	} else if (index(" " may[from] " ", " " to " ") == 0) {
		printf "%s:%s: %s must not use %s (\"%s\")\n", file, part[2], from, to, target
		bad = 1
	} else if (from != to && target ~ /\/.*\//) {
		printf "%s:%s: \"%s\" is private to %s\n", file, part[2], target, to
		bad = 1
	}
}
END { exit bad }
' || failed=1

for header in base/*.h units/*.h rootless/*.h storage/*.h network/*.h engine/*.h engine/*/*.h cli/*.h; do
	[ -f "$header" ] || continue
	printf '#include "%s"\n' "$header" |
		$CC -std=gnu11 -D_GNU_SOURCE -I. -include base/banned.h -Wall -Wextra -Werror -Wno-unused-parameter \
			-fsyntax-only -x c - || {
		echo "$header: does not compile alone"
		failed=1
	}
done

[ $failed -eq 0 ] && echo "includes: all in the right direction, all headers compile alone"
exit $failed
