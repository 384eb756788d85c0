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
mkdir -p "$root"/{bin,etc,tmp,www,root,proc,sys,dev} "$layout/blobs/sha256"
cp "$busybox" "$root/bin/busybox"
for applet in $("$busybox" --list); do [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"; done
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$root/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
chmod 1777 "$root/tmp"
printf '%s\n' "$page" >"$root/www/index.html"

blob() { # FILE: into the layout; prints its digest
	local digest
	digest=$(sha256sum <"$1" | cut -d' ' -f1)
	cp "$1" "$layout/blobs/sha256/$digest"
	echo "sha256:$digest"
}
size() { stat -c %s "$1"; }

architecture=$(dpkg --print-architecture)
tar -C "$root" --sort=name --mtime=@1700000000 --owner=0 --group=0 --numeric-owner -cf "$work/layer.tar" .
diff_id=sha256:$(sha256sum <"$work/layer.tar" | cut -d' ' -f1)
gzip -n <"$work/layer.tar" >"$work/layer.tar.gz"
layer=$(blob "$work/layer.tar.gz")
cat >"$work/config" <<END
{"created":"2023-11-14T22:13:20Z","architecture":"$architecture","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":["httpd","-f","-p","80","-h","/www"],"ExposedPorts":{"80/tcp":{}}},"rootfs":{"type":"layers","diff_ids":["$diff_id"]},"history":[{"created":"2023-11-14T22:13:20Z","created_by":"tests/make-image.sh"}]}
END
config=$(blob "$work/config")
cat >"$work/manifest" <<END
{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"$config","size":$(size "$work/config")},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"$layer","size":$(size "$work/layer.tar.gz")}]}
END
manifest=$(blob "$work/manifest")
echo '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
cat >"$layout/index.json" <<END
{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"$manifest","size":$(size "$work/manifest"),"annotations":{"org.opencontainers.image.ref.name":"latest"}}]}
END
