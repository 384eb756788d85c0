#!/usr/bin/env bats
# slow
# SPDX-License-Identifier: Apache-2.0
# docs/options.md is what the program says now
load lib

@test "docs/options.md is as make docs makes it" {
	"$REPO/tests/options-table.sh" "$DHOW" >now
	diff -u "$REPO/docs/options.md" now
}
