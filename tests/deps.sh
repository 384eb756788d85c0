#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# tests/deps.sh [--test] - install what building and running dhow needs, on Debian 12 or 13, as root
#
# With --test also what `make check` uses (`make lint` and `make fuzz` want clang and clang-format besides, one case of the package lintian). Does nothing when all of it is there already.

set -eu

build='gcc make pkg-config libc6-dev libjansson-dev libseccomp-dev libsubid-dev libarchive-dev libcurl4-openssl-dev
	libssl-dev libzstd-dev libbz2-dev liblzma-dev zlib1g-dev libgpgme-dev libsodium-dev libcap-dev libncurses-dev'
run='uidmap fuse-overlayfs slirp4netns ca-certificates iproute2 busybox-static gpg'
test='libcmocka-dev bats mandoc tmux strace docker-registry skopeo mmdebstrap apache2-utils openssl curl python3 jq procps
	bsdutils zstd attr gpg-agent dpkg-dev zsh fish'

# the fast inflate is written for these two
case $(dpkg --print-architecture) in
amd64 | arm64) build="$build libisal-dev" ;;
esac

packages="$build $run"
[ "${1:-}" != --test ] || packages="$packages $test"

missing=
for package in $packages; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] ||
		missing="$missing $package"
done
if [ -z "$missing" ]; then
	echo "deps: everything is installed"
	exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
	echo "deps: only root can install:$missing" >&2
	exit 1
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update
# shellcheck disable=SC2086 # a list of words
apt-get install -y --no-install-recommends $missing
