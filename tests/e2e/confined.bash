# SPDX-License-Identifier: Apache-2.0
#
# tests/e2e/confined.bash - what the files about hostile images share:   load lib; load confined
#
#   need_probe              skip without the program of probe.c ($W/probe, made in prepare_file)
#   make_image NAME CONFIG  an image of the files in ./root; $plain is a CONFIG

R="run --rm --network none"

prepare_file() {
	command -v cc >/dev/null || return 0
	cc -D_GNU_SOURCE -static -no-pie -O1 -o "$W/probe" "$REPO/tests/e2e/probe.c"
}
need_probe() { [ -x "$W/probe" ] || skip "there is no C compiler"; }

make_image() { # NAME CONFIG: from ./root, which has busybox unless it has a bin already
	if [ ! -e root/bin ]; then
		mkdir -p root/bin root/tmp
		cp "$(command -v busybox)" root/bin/busybox
		local applet
		for applet in sh cat ls id sleep touch mkdir ln dd yes true stat readlink; do ln -s busybox "root/bin/$applet"; done
	fi
	tar -C root --owner=0 --group=0 --numeric-owner -cf layer.tar .
	rm -rf layout
	"$REPO/tests/tar-image.sh" layer.tar layout "$2" || return 1
	dhow tag "$(dhow pull -q "oci:$PWD/layout:latest" | tail -1)" "localhost/$1:latest"
}
plain='{"Env":["PATH=/bin"],"Cmd":["sh"]}'
