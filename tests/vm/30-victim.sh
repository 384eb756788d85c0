#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/vm/30-victim.sh - pulls and loads images for ever; the host cuts the power. "done NAME ID" says what was acknowledged.
#
# Each image has a layer of its own, so each is work for the whole way: fetch, unpack, publish. A load and a pull run side by side. Whoever is
# interrupted in the middle is looked at by 40-after-cut.bats.
set -u
export PATH=/usr/local/bin:$PATH
work=$HOME/victim
mkdir -p "$work"
cd "$work" || exit 1

layout() { # NAME: an image with its own bytes and their sum
	rm -rf "root-$1"
	mkdir -p "root-$1/data"
	head -c 3000000 /dev/urandom >"root-$1/data/file"
	(cd "root-$1/data" && sha256sum file >sum)
	for i in $(seq 1 30); do echo "$1 $i" >"root-$1/data/small$i"; done
	tar -C "root-$1" --owner=0 --group=0 --numeric-owner -cf "$1.tar" .
	/dhow/tests/tar-image.sh "$1.tar" "layout-$1"
	rm -rf "root-$1" "$1.tar"
}
victim() { # KIND
	local n name
	for n in $(seq 1 40); do
		name=$1$n
		layout "$name"
		if [ "$1" = pull ]; then
			dhow pull -q "oci:layout-$name:latest" >"$name.id" || { echo "failed $name"; continue; }
			dhow tag "$(tail -1 "$name.id")" "localhost/$name:v" || { echo "failed tag $name"; continue; }
		else
			sed -i "s|ref.name\":\"latest\"|ref.name\":\"localhost/$name:v\"|" "layout-$name/index.json"
			tar -C "layout-$name" -cf "$name.oci.tar" .
			dhow load -q -i "$name.oci.tar" >"$name.id" || { echo "failed $name"; continue; }
		fi
		echo "done $name"
		rm -rf "layout-$name" "$name.oci.tar"
	done
}
victim pull &
victim load &
wait
