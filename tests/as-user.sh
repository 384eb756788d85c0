#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# tests/as-user.sh [-u USER] COMMAND... - run a command as an unprivileged user who can run containers
#
# As root it makes what such a user needs: the user itself (with subordinate ids; removed again at the end if it was made here), access to /dev/fuse
# and /dev/net/tun, /run/user/UID, and, in mount and pid namespaces of its own, a cgroup2 mount with a delegated subtree. Nothing of
# that outlives the command, also no process. As anybody else it runs the command as it is. The exit status is the command's.
set -u -o pipefail

user=dhow-test
while getopts u: option; do
	case $option in u) user=$OPTARG ;; *) exit 2 ;; esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || { sed -n '4,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }

if [ "$(id -u)" != 0 ]; then exec "$@"; fi

say() { echo "as-user: $*" >&2; }

# ---- root, outside: user, ranges, devices, cgroup ----
if [ "${AS_USER_STAGE:-}" != inside ]; then
	made=
	if ! id -u "$user" >/dev/null 2>&1; then
		useradd -m -s /bin/bash "$user" || { say "cannot make the user $user"; exit 2; }
		made=1
	fi
	for file in /etc/subuid /etc/subgid; do
		touch "$file"
		grep -q "^$user:" "$file" && continue
		awk -F: -v user="$user" '{ end = $2 + $3; if (end > start) start = end } END { if (start < 100000) start = 100000
			print user ":" start ":65536" }' "$file" >"/tmp/as-user.$$" && cat "/tmp/as-user.$$" >>"$file"
		rm -f "/tmp/as-user.$$"
	done
	[ -e /dev/fuse ] || mknod /dev/fuse c 10 229 2>/dev/null
	mkdir -p /dev/net && { [ -e /dev/net/tun ] || mknod /dev/net/tun c 10 200 2>/dev/null; }
	chmod 666 /dev/fuse /dev/net/tun 2>/dev/null || say "cannot open /dev/fuse and /dev/net/tun to everybody"

	top=/sys/fs/cgroup
	[ "$(stat -fc %T $top 2>/dev/null)" = cgroup2fs ] || top=/sys/fs/cgroup/unified
	private=
	if [ "$(stat -fc %T $top 2>/dev/null)" != cgroup2fs ]; then # a machine with version 1 only: the tree of version 2 is there all the same
		private=$(mktemp -d /run/as-user.XXXXXX)
		mount -t cgroup2 none "$private" 2>/dev/null && top=$private || { rmdir "$private"; private= top=; }
	fi
	cgroup=
	if [ -n "$top" ] && mkdir -p "$top/as-user.$$/user/run" 2>/dev/null; then
		cgroup=$top/as-user.$$
		for directory in "$cgroup" "$cgroup/user"; do
			for controller in cpu cpuset io memory pids; do
				grep -qw $controller "$directory/cgroup.controllers" && echo "+$controller" >"$directory/cgroup.subtree_control"
			done
		done 2>/dev/null
		for directory in "$cgroup/user" "$cgroup/user/run"; do
			chown "$user" "$directory" "$directory"/cgroup.{procs,subtree_control,threads}
		done
	else
		say "no cgroup2 tree here: limits cannot be tried"
	fi
	( # in the cgroup from here on
		[ -z "$cgroup" ] || echo $BASHPID >"$cgroup/user/run/cgroup.procs"
		AS_USER_STAGE=inside exec unshare --mount --pid --fork --kill-child --propagation private "$0" -u "$user" "$@"
	)
	status=$?
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ -z "$cgroup" ] && break
		find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null
		[ -d "$cgroup" ] && sleep 0.1 || break
	done
	[ -z "$private" ] || { umount "$private"; rmdir "$private"; }
	if [ -n "$made" ]; then
		userdel -r "$user" >/dev/null 2>&1 || say "the user $user is left"
	fi
	exit $status
fi

# ---- root, inside the namespaces: mounts, then the user ----
unset AS_USER_STAGE
uid=$(id -u "$user") gid=$(id -g "$user")
mount -t proc proc /proc || { say "cannot mount /proc"; exit 2; }
if [ "$(stat -fc %T /sys/fs/cgroup)" != cgroup2fs ]; then
	umount -R -l /sys/fs/cgroup 2>/dev/null
	mount -t cgroup2 none /sys/fs/cgroup || say "cannot mount cgroup2"
fi
mkdir -p "/run/user/$uid" && mount -t tmpfs -o "mode=700,uid=$uid,gid=$gid" tmpfs "/run/user/$uid"
# the build is used from where it is, also below a folder that the user may not enter
here=$PWD
if ! setpriv --reuid "$uid" --regid "$gid" --init-groups test -x "$here"; then
	mkdir -p /run/dhow-source && mount --bind "$here" /run/dhow-source && cd /run/dhow-source || exit 2
fi
mount --make-rshared /
setpriv --reuid "$uid" --regid "$gid" --init-groups env -i HOME="$(getent passwd "$user" | cut -d: -f6)" USER="$user" LOGNAME="$user" \
	SHELL=/bin/bash PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin XDG_RUNTIME_DIR="/run/user/$uid" TERM="${TERM:-dumb}" \
	LANG=C.UTF-8 BUILD="${BUILD:-build}" ${CI:+CI="$CI"} ${KEEP:+KEEP="$KEEP"} ${ROUNDS:+ROUNDS="$ROUNDS"} "$@"
