#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# every command and option that podman and docker have for containers, volumes, secrets and the system works, or is refused with a reason
load lib

# commands that are on their way: their rows appear in the tables when they do
later='^(system service)( |$)'

@test "no option of podman, docker or buildah is unknown" {
	dhow __options >all
	awk -F'\t' -f "$REPO/tests/options/missing.awk" all "$REPO/tests/options/podman.list" "$REPO/tests/options/docker.list" \
		"$REPO/tests/options/buildah.list" | sort -u >missing
	run ! grep -vE "$later" missing
}

@test "what is refused has a reason" {
	dhow __options | awk -F'\t' '$4 == "refused" && length($5) < 8' >short
	eq "$(cat short)" ""
	dhow __options | awk -F'\t' 'NF != 5' >odd
	eq "$(cat odd)" ""
}
