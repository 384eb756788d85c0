#!/usr/bin/env bats
# slow
# SPDX-License-Identifier: Apache-2.0
# the Debian package, installed, used and removed in a fresh Debian
load lib

BASE=$REPO/${BUILD:-build}/debian-base.tar # made by tests/make-debian.sh: nothing but apt

prepare_file() {
	command -v dpkg-shlibdeps >/dev/null || return 0
	# a build folder of our own: what is in the other one may belong to somebody else
	mkdir "$W/build"
	cp -r "${DHOW%/*}"/{dhow,dhow-runtime,libexec} "$W/build"
	BUILD=$W/build "$REPO/tests/deb/make.sh" 0.1.0 >"$W/made"
}
setup_package() {
	need dpkg-shlibdeps
	DEB=$(grep '/dhow_' "$W/made")
	DOCKER_DEB=$(grep '/dhow-docker_' "$W/made")
}
# run a script as root of a machine of its own: what belongs to the system is the user namespace's, and a pivot makes it a real root, no chroot
fresh() { # SCRIPT
	[ -s "$BASE" ] || skip "there is no $BASE: tests/make-debian.sh makes it, as root"
	printf '%s\n' "$1" >script
	capture "$DHOW" unshare unshare --mount --pid --ipc --uts --fork --kill-child sh -ec '
		if [ ! -d "$1/root" ]; then
			mkdir "$1/root"
			tar -xf "$2" -C "$1/root" --exclude="./dev/*"
		fi
		cp "$3" "$4" "$1/root/root/"
		cp script "$1/root/root/script"
		cp -rT "$1/small" "$1/root/root/small"
		mount --bind "$1/root" "$1/root"
		cd "$1/root"
		mount -t proc proc proc
		mount --rbind /sys sys
		mount --rbind /dev dev
		mount -t tmpfs -o mode=755 none run
		mount -t tmpfs -o mode=1777 none tmp
		cat /etc/resolv.conf >etc/resolv.conf
		for conf in /etc/apt/apt.conf.d/*; do grep -q ^Acquire "$conf" && cat "$conf" >"etc/apt/apt.conf.d/${conf##*/}"; done
		printf "APT::Sandbox::User \"root\";\n" >etc/apt/apt.conf.d/99root
		mkdir -p .old
		pivot_root . .old
		umount -l .old
		exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive sh -e /root/script' - "$W" "$BASE" "$DEB" "$DOCKER_DEB"
}

@test "make deb makes two packages, and the same ones again" {
	setup_package
	sha256sum "$DEB" "$DOCKER_DEB" >sums
	BUILD=$W/build "$REPO/tests/deb/make.sh" 0.1.0 >again
	eq "$(cat again)" "$(cat "$W/made")"
	sha256sum --quiet -c sums
}

@test "it ships commands, helpers, manuals, completions, units and the generator, and depends on what they need" {
	setup_package
	dpkg-deb -c "$DEB" | awk '{ print $6 }' >files
	for file in bin/dhow bin/dhow-runtime libexec/dhow/{host,init,monitor,quadlet,signature,transfer,ui} \
		lib/systemd/user-generators/dhow-user-generator lib/systemd/user/dhow-{restart.service,auto-update.service,auto-update.timer} \
		share/man/man1/dhow{,-run,-build,-runtime}.1.gz share/man/man5/dhow-unit.5.gz share/dhow/apparmor \
		share/bash-completion/completions/dhow share/zsh/vendor-completions/_dhow share/fish/vendor_completions.d/dhow.fish; do
		grep -qxF "./usr/$file" files || complain "$file is not in the package"
	done
	depends=$(dpkg-deb -f "$DEB" Depends)
	for package in uidmap fuse-overlayfs slirp4netns libarchive libcurl libgpgme libncursesw6 libc6; do has "$depends" "$package"; done
}

@test "lintian has nothing to say" {
	setup_package
	need lintian
	capture lintian --no-cfg "$DEB" "$DOCKER_DEB"
	eq "$out" ""
}

@test "installed in a fresh Debian it runs containers as a user who was just made, by both names" {
	setup_package
	fresh '
		apt-get update -qq
		apt-get install -y -qq --no-install-recommends /root/dhow_*.deb /root/dhow-docker_*.deb >/root/log 2>&1 || { cat /root/log; exit 1; }
		useradd -m -s /bin/bash ann
		printf "ann:2000:60000\n" >/etc/subuid
		printf "ann:2000:60000\n" >/etc/subgid
		cp -r /root/small /home/ann/small
		chown -R ann /home/ann/small
		chmod 666 /dev/fuse 2>/dev/null || :
		su - ann -c "
			set -e
			mkdir -m 700 /tmp/ann
			export XDG_RUNTIME_DIR=/tmp/ann
			dhow --version
			dhow tag \$(dhow pull -q oci:small:latest) small
			dhow run --rm --network none small echo it runs
			docker run --rm --network none small echo it runs too
			dhow-runtime features | head -1
			mkdir -p units
			printf \"[Container]\nImage=small\n\" >units/web.container
			QUADLET_UNIT_DIRS=\$PWD/units /usr/lib/systemd/user-generators/dhow-user-generator -user -dryrun
			bash -c \". /usr/share/bash-completion/completions/docker; complete -p docker\"
		"'
	eq "$status:$err" 0:
	has "$out" "it runs"
	has "$out" "it runs too"
	has "$out" "ExecStart=/usr/bin/dhow run"
	has "$out" "complete -F _docker docker"
}

@test "the AppArmor profile is for an AppArmor that knows its rule, and comes when that comes" {
	setup_package
	fresh '
		ls /etc/apparmor.d/dhow 2>/dev/null && exit 1
		mkdir -p /etc/apparmor.d/abi
		touch /etc/apparmor.d/abi/4.0
		dpkg-trigger --by-package=apparmor /etc/apparmor.d/abi 2>/dev/null || dpkg-trigger --by-package=base-files /etc/apparmor.d/abi
		dpkg --configure --pending >/dev/null
		grep "^profile" /etc/apparmor.d/dhow'
	eq "$status:$out" '0:profile dhow /usr/{bin/dhow,bin/dhow-runtime,libexec/dhow/*} flags=(unconfined) {'
	if command -v apparmor_parser >/dev/null && [ -e /etc/apparmor.d/abi/4.0 ]; then
		apparmor_parser -Q -K -T "$W/root/etc/apparmor.d/dhow"
	fi
}

@test "removed, it leaves nothing behind but what users made" {
	setup_package
	fresh '
		apt-get purge -y -qq dhow dhow-docker >/root/log 2>&1 || { cat /root/log; exit 1; }
		find / -xdev -name "*dhow*" -not -path "/home/*" -not -path "/root/*" -not -path "/tmp/*" -not -path "/var/cache/*" -not -path "/var/log/*"'
	eq "$status:$out" 0:
}
