# SPDX-License-Identifier: Apache-2.0
#
# After the power was cut while 30-victim.sh pulled and loaded: what was acknowledged is complete and byte-exact, the rest is not seen, all goes on

bats_require_minimum_version 1.5.0

setup_file() { export PATH=/usr/local/bin:$PATH; }

@test "every image that was acknowledged is there and has all its bytes" {
	local name count=0
	while read -r _ name; do
		dhow image exists "localhost/$name:v" || { echo "$name is lost"; return 1; }
		dhow image mount "localhost/$name:v" >/dev/null 2>&1 || :
		dhow create --name "look-$name" "localhost/$name:v" sh >/dev/null
		dhow export "look-$name" >"$BATS_TEST_TMPDIR/$name.tar"
		mkdir "$BATS_TEST_TMPDIR/$name"
		tar -C "$BATS_TEST_TMPDIR/$name" -xf "$BATS_TEST_TMPDIR/$name.tar" --exclude='dev/*' 2>/dev/null || :
		(cd "$BATS_TEST_TMPDIR/$name/data" && sha256sum -c --quiet sum) || { echo "$name is damaged"; return 1; }
		[ "$(ls "$BATS_TEST_TMPDIR/$name/data" | wc -l)" = 32 ] || { echo "$name lacks files"; return 1; }
		[ "$(cat "$BATS_TEST_TMPDIR/$name/data/small30")" = "$name 30" ]
		dhow rm "look-$name" >/dev/null
		rm -rf "${BATS_TEST_TMPDIR:?}/$name"*
		count=$((count + 1))
	done </dhow/stage.d/done
	[ "$count" -gt 0 ]
}

@test "no image is seen that cannot be used" {
	local id
	for id in $(dhow images -aq --no-trunc | sort -u); do
		dhow create --name "try" "$id" sh >/dev/null || { echo "$id cannot be used"; return 1; }
		dhow export try >/dev/null || { echo "$id is damaged"; return 1; }
		dhow rm try >/dev/null
	done
}

@test "work goes on without repair: the same images again, and prune removes what was left half done" {
	cd "$HOME/victim"
	local layout name ref
	for layout in layout-*; do
		# what the cut has done to the victim's own files says nothing about dhow
		ref=$(jq -er '.manifests[0].annotations["org.opencontainers.image.ref.name"]' "$layout/index.json" 2>/dev/null) || continue
		name=${layout#layout-}
		dhow pull -q "oci:$layout:$ref" >/dev/null || { echo "$name cannot be pulled again"; return 1; }
	done
	dhow system prune -f >/dev/null
	dhow run --rm --network none localhost/small true
	[ -z "$(find ~/.local/share/dhow*/tmp -mindepth 1 -maxdepth 1 ! -name '*.partial' ! -name lock 2>/dev/null)" ]
}
