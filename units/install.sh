#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# units/install.sh DESTDIR PREFIX LIBEXECDIR - what the system's own programs read of dhow: the generator of Quadlet services and the units
# that come with dhow, for users' systemd; the profile for AppArmor
#
# systemd looks for both below /usr/lib and /usr/local/lib. They are installed, not enabled: `systemctl --user enable dhow-restart.service` does that.
# The profile is for machines that want one (dhow system doctor says so): it is copied from share/dhow to /etc/apparmor.d there.
set -eu
cd "$(dirname "$0")/systemd"
lib=$1$2/lib/systemd
mkdir -p "$lib/user" "$lib/user-generators"
for unit in *.service *.timer; do
	sed "s|@BINDIR@|$2/bin|" "$unit" >"$lib/user/$unit"
	chmod 644 "$lib/user/$unit"
done
ln -sf "$3/quadlet" "$lib/user-generators/dhow-user-generator"
mkdir -p "$1$2/share/dhow"
sed "s|@PREFIX@|$2|" ../../rootless/apparmor.in >"$1$2/share/dhow/apparmor"
chmod 644 "$1$2/share/dhow/apparmor"
