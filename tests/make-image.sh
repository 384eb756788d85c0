#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/make-image.sh LAYOUT [PAGE] - make a small image from busybox-static as an OCI layout (tag latest), with tar, gzip and sha256sum only
#
# Its command serves /www on port 80. PAGE is the text of /www/index.html.
set -eu -o pipefail

layout=$1 page=${2:-hello}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
busybox=$(command -v busybox) || { echo "make-image: busybox is missing: install busybox-static" >&2; exit 1; }

root=$work/root
mkdir -p "$root"/{bin,etc,tmp,www,root,proc,sys,dev}
cp "$busybox" "$root/bin/busybox"
for applet in $("$busybox" --list); do [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"; done
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$root/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
chmod 1777 "$root/tmp"
printf '%s\n' "$page" >"$root/www/index.html"

tar -C "$root" --sort=name --mtime=@1700000000 --owner=0 --group=0 --numeric-owner -cf "$work/layer.tar" .
"$(dirname "$0")/tar-image.sh" "$work/layer.tar" "$layout" \
	'{"Env":["PATH=/bin"],"Cmd":["httpd","-f","-p","80","-h","/www"],"ExposedPorts":{"80/tcp":{}}}'
