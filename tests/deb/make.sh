#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/deb/make.sh VERSION - make Debian packages of what is built in $BUILD: dhow, and dhow-docker with the name docker
#
# What `make install` installs is put below /usr, with debug information in no file and manuals compressed; what it needs of other packages is found by
# dpkg-shlibdeps. Programs find their helpers by their own place, so nothing is built anew. The same sources make the same bytes: all
# times are the last commit's, or $SOURCE_DATE_EPOCH. The packages are left in $BUILD; their names are printed.
set -eu -o pipefail

cd "$(dirname "$0")/../.."
build=$(realpath "${BUILD:-build}")
for program in dpkg-shlibdeps dpkg-deb strip; do
	command -v $program >/dev/null || { echo "make-deb: $program is missing: apt-get install dpkg-dev binutils" >&2; exit 2; }
done

# between two releases a package is older than the next release, and newer than the package of an earlier commit
version=$1-1
commit=$(git -c safe.directory="$PWD" log -1 --format=%ct.%h 2>/dev/null) || commit=
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-${commit%.*}}
[ -n "$SOURCE_DATE_EPOCH" ] || SOURCE_DATE_EPOCH=$(stat -c %Y Makefile)
if [ -n "$commit" ] && ! git -c safe.directory="$PWD" describe --exact-match --match "v$1" >/dev/null 2>&1; then
	version=$1~git$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M).${commit#*.}-1
fi
maintainer="${DEBFULLNAME:-The dhow maintainers} <${DEBEMAIL:-maintainers@dhow.example}>"
arch=$(dpkg --print-architecture)

work=$build/deb
rm -rf "$work"
mkdir -p "$work/debian"

# ---- files ----
tree=$work/dhow
make --no-print-directory -s -o all install BUILD="$build" DESTDIR="$tree" PREFIX=/usr >/dev/null
chmod -R u=rwX,go=rX "$tree"
# where Debian wants them
mv "$tree/usr/share/zsh/site-functions" "$tree/usr/share/zsh/vendor-completions"
ln -sf ../../../libexec/dhow/quadlet "$tree/usr/lib/systemd/user-generators/dhow-user-generator"
programs=()
for program in "$tree"/usr/bin/* "$tree"/usr/libexec/dhow/*; do
	strip --strip-unneeded --remove-section=.comment --remove-section=.note "$program"
	programs+=("$program")
done
documents() { # TREE PACKAGE: what every package has
	local doc=$1/usr/share/doc/$2
	mkdir -p "$doc" "$1/DEBIAN"
	cp tests/deb/copyright "$doc/copyright"
	printf '%s (%s) unstable; urgency=medium\n\n  * Built from the sources of this version; their history is in git.\n\n -- %s  %s\n' \
		"$2" "$version" "$maintainer" "$(date -uR -d "@$SOURCE_DATE_EPOCH")" >"$doc/changelog.Debian"
	gzip -9n "$doc/changelog.Debian"
	install -D -m 644 "tests/deb/$2.overrides" "$1/usr/share/lintian/overrides/$2"
}
documents "$tree" dhow
cp README.md ARCHITECTURE.md docs/units.md "$tree/usr/share/doc/dhow"
find "$tree/usr/share/man" -type f -exec gzip -9n {} +
install -m 755 tests/deb/postinst tests/deb/postrm "$tree/DEBIAN"
install -m 644 tests/deb/triggers "$tree/DEBIAN"

# ---- what it needs ----
printf 'Source: dhow\nPackage: dhow\n' >"$work/debian/control" # dpkg-shlibdeps looks for one
depends=$(cd "$work" && dpkg-shlibdeps -O --ignore-missing-info "${programs[@]/#/-e}" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
[ -n "$depends" ] || { echo "make-deb: dpkg-shlibdeps finds no libraries" >&2; exit 1; }
# whoever mends one of these libraries must know that dhow has it inside
inside=$(dpkg-query -W -f '${source:Package} (= ${source:Version}), ' libc6-dev libjansson-dev libseccomp-dev libssl-dev | sed 's/, $//')

pack() { # TREE PACKAGE ARCHITECTURE FIELDS: description on standard input
	{
		printf 'Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: %s\n' "$2" "$version" "$3" "$maintainer"
		printf 'Installed-Size: %s\n' "$(du -sk --apparent-size --exclude=DEBIAN "$1" | cut -f1)"
		printf 'Section: admin\nPriority: optional\n%s\n' "$4"
		cat
	} >"$1/DEBIAN/control"
	(cd "$1" && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
	find "$1" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	dpkg-deb --root-owner-group -Zxz --build "$1" "$build/$2_${version}_$3.deb" >/dev/null
	echo "$build/$2_${version}_$3.deb"
}
rm -f "$build"/dhow_*.deb "$build"/dhow-docker_*.deb
pack "$tree" dhow "$arch" "Depends: $depends, uidmap, fuse-overlayfs, slirp4netns, ca-certificates
Recommends: dbus-user-session, gpg, iproute2
Suggests: dhow-docker, passt
Static-Built-Using: $inside" <<'END'
Description: daemonless, rootless container engine
 Runs, builds, pulls and pushes containers as an unprivileged user, with the
 commands, options and configuration files of podman and docker. There is no
 daemon, and nothing runs when no container runs.
 .
 Services of systemd are made from Quadlet units in the folder
 ~/.config/containers/systemd: files that end in .container, .volume, .image
 or .build.
END

docker=$work/dhow-docker
documents "$docker" dhow-docker
mkdir -p "$docker/usr/bin" "$docker/usr/share/man/man1"
ln -s dhow "$docker/usr/bin/docker"
ln -s dhow.1.gz "$docker/usr/share/man/man1/docker.1.gz"
for place in bash:bash-completion/completions/docker zsh:zsh/vendor-completions/_docker fish:fish/vendor_completions.d/docker.fish; do
	(exec -a docker "$build/dhow" completion "${place%%:*}") | install -D -m 644 /dev/stdin "$docker/usr/share/${place#*:}"
done
pack "$docker" dhow-docker all "Depends: dhow (>= $version)
Conflicts: docker.io, docker-cli, docker-ce-cli, podman-docker" <<'END'
Description: daemonless, rootless container engine - the name docker
 Makes dhow answer to the name docker. Called so, it follows docker where
 docker and podman differ: output, exit statuses, names of images.
END
