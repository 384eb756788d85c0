#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/make-debian.sh FILE [PACKAGE,...] - make the root of a Debian with these packages (nginx-light and python3) as a tar file, from the
# mirror that apt uses here
#
# As root, since mmdebstrap then needs nothing else. An existing FILE is kept.
set -eu -o pipefail

file=$1 packages=${2:-nginx-light,python3-minimal}
[ ! -s "$file" ] || exit 0
. "${0%/*}/mirror.bash"
mkdir -p "$(dirname "$file")"
mmdebstrap --quiet --variant=minbase --dpkgopt=force-unsafe-io --include="$packages" "${options[@]}" "$codename" "${file%.tar}.new.tar" "$uri" </dev/null
mv "${file%.tar}.new.tar" "$file"
chmod 644 "$file"
