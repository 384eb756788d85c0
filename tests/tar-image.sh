#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/tar-image.sh FILE.tar LAYOUT [CONFIG-JSON] - an OCI layout (tag latest) with this tar file as its only layer
set -eu -o pipefail

tar=$1 layout=$2 config_json=${3:-'{"Env":["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["sh"]}'}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$layout/blobs/sha256"

blob() { # FILE: moved into the layout; prints its digest
	local digest
	digest=$(sha256sum <"$1" | cut -d' ' -f1)
	mv "$1" "$layout/blobs/sha256/$digest"
	echo "sha256:$digest"
}
size() { stat -c %s "$layout/blobs/sha256/${1#sha256:}"; }

diff_id=sha256:$(sha256sum <"$tar" | cut -d' ' -f1)
gzip -n1 <"$tar" >"$work/layer"
layer=$(blob "$work/layer")
printf '{"created":"2023-11-14T22:13:20Z","architecture":"%s","os":"linux","config":%s,"rootfs":{"type":"layers","diff_ids":["%s"]}}' \
	"$(dpkg --print-architecture)" "$config_json" "$diff_id" >"$work/config"
config=$(blob "$work/config")
type=application/vnd.oci.image
printf '{"schemaVersion":2,"mediaType":"%s.manifest.v1+json","config":{"mediaType":"%s.config.v1+json","digest":"%s","size":%s},"layers":[{"mediaType":"%s.layer.v1.tar+gzip","digest":"%s","size":%s}]}' \
	$type $type "$config" "$(size "$config")" $type "$layer" "$(size "$layer")" >"$work/manifest"
manifest=$(blob "$work/manifest")
echo '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
printf '{"schemaVersion":2,"manifests":[{"mediaType":"%s.manifest.v1+json","digest":"%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"latest"}}]}' \
	$type "$manifest" "$(size "$manifest")" >"$layout/index.json"
