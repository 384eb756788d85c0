# SPDX-License-Identifier: Apache-2.0
# slow
#
# tests/e2e/42-stalled-registry.bats - a server that sends one byte per second

load lib
load registry

prepare_file() {
	export LAYOUT=$W/layout
	two_layers "$LAYOUT"
}

@test "a server that stalls does not hold a pull for ever" {
	bad_registry "$LAYOUT"
	insecure "$BAD"
	bad_mode drip
	local start=$SECONDS
	pull_fails "$BAD/x"
	[ $((SECONDS - start)) -lt 90 ]
	has "$err" "too slow"
}
