#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# mounts: overlays, owners, images, globs, file systems in memory
load lib

R="run --rm --network none"

make_tree() {
	mkdir -p "$T/tree/sub"
	echo old >"$T/tree/file"
	echo deep >"$T/tree/sub/file"
}

@test "O shows a directory of the host and keeps what is written to the container" {
	make_tree
	run_ok $R -v "$T/tree:/d:O" $IMAGE sh -c 'cat /d/file; echo new >/d/file; rm /d/sub/file; cat /d/file'
	eq "$out" $'old\nnew'
	eq "$(cat "$T/tree/file" "$T/tree/sub/file")" $'old\ndeep'
	run_ok $R -v "$T/tree:/d:O" $IMAGE cat /d/file
	eq "$out" old
	run_ok create --name $C -v "$T/tree:/d:O" $IMAGE sh -c 'cat /d/mine; echo again >/d/mine'
	run_exits 0 start -a $C
	run_ok start -a $C
	eq "$out" again
}

@test "O writes to the directories that upperdir and workdir name" {
	make_tree
	mkdir "$T/up" "$T/work"
	run_ok $R -v "$T/tree:/d:O,upperdir=$T/up,workdir=$T/work" $IMAGE sh -c 'echo here >/d/new'
	eq "$(cat "$T/up/new")" here
	run_fails 125 $R -v "$T/tree:/d:O,upperdir=$T/up" $IMAGE true
	has "$err" workdir
	run_fails 125 $R -v "$T/tree:/d:O,U" $IMAGE true
	has "$err" "exclude each other"
}

@test "O takes a volume, and works with keep-id" {
	run_ok volume create v
	run_ok $R -v v:/d $IMAGE sh -c 'echo one >/d/f'
	run_ok $R --userns keep-id -v v:/d:O $IMAGE sh -c 'cat /d/f'
	eq "$out" one
	make_tree
	run_ok $R --userns keep-id -v "$T/tree:/d:O" $IMAGE sh -c 'echo two >/d/file; cat /d/file; stat -c %u /d/file'
	eq "$out" "two
$(id -u)"
}

@test "U gives a tree to the container's user, whoever that is" {
	make_tree
	run_ok $R -u 1000:1000 -v "$T/tree:/d:U" $IMAGE sh -c 'stat -c %u:%g /d /d/file /d/sub/file; touch /d/mine'
	eq "$out" $'1000:1000\n1000:1000\n1000:1000'
	run_ok $R -u nobody -v "$T/tree:/d:U" $IMAGE stat -c %u:%g /d /d/sub/file
	eq "$out" $'65534:65534\n65534:65534'
	run_ok $R --userns auto -v "$T/tree:/d:U" $IMAGE stat -c %u:%g /d /d/mine
	eq "$out" $'0:0\n0:0'
	run_ok $R -v "$T/tree:/d:U" $IMAGE true
	eq "$(stat -c %u:%g "$T/tree/mine")" "$(id -u):$(id -g)"
	run_ok $R -u 7:8 -v v:/d:U --mount type=tmpfs,dst=/t,U=true $IMAGE sh -c 'touch /d/a /t/a && stat -c %u:%g /d /t'
	eq "$out" $'7:8\n7:8'
}

@test "U walks a tree once: the second start makes no call per file" {
	need strace
	make_tree
	for i in $(seq 500); do : >"$T/tree/$i"; done
	run_ok $R -u 65534:65534 -v "$T/tree:/d:U" $IMAGE true
	run_ok unshare chown 0:0 "$T/tree/sub/file"
	local way
	for way in U rw; do
		strace -qq -o "$T/trace.$way" "$DHOW" --root "$W/store" --runroot "$XDG_RUNTIME_DIR/e2e-${W##*/}" \
			$R -u 65534:65534 -v "$T/tree:/d:$way" $IMAGE true
	done
	# nobody was sent to walk, and the command itself makes a handful of calls more
	eq "$(grep -cE '^(clone|fork|vfork)' "$T/trace.U")" "$(grep -cE '^(clone|fork|vfork)' "$T/trace.rw")"
	[ "$(wc -l <"$T/trace.U")" -lt $(($(wc -l <"$T/trace.rw") + 60)) ] || complain "$(wc -l "$T"/trace.*)"
	eq "$(stat -c %u "$T/tree/sub/file")" "$(id -u)"
	run_ok $R -u 5:5 -v "$T/tree:/d:U" $IMAGE stat -c %u /d/sub/file /d/500
	eq "$out" $'5\n5'
}

@test "an image is mounted read-only, writable, or in part" {
	run_ok $R --mount type=image,source=$IMAGE,destination=/i $IMAGE cat /i/www/index.html
	eq "$out" hello
	run_exits 1 $R --mount type=image,source=$IMAGE,destination=/i $IMAGE touch /i/x
	run_ok $R --mount type=image,source=$IMAGE,destination=/i,rw=true $IMAGE touch /i/x
	run_ok $R --mount type=image,source=$IMAGE,destination=/i,subpath=/www $IMAGE ls /i
	eq "$out" index.html
	run_fails 125 $R --mount type=image,source=$IMAGE,destination=/i,subpath=/nowhere $IMAGE true
	has "$err" /nowhere
}

@test "a glob mounts all that it names" {
	make_tree
	mkdir "$T/trunk"
	run_ok $R --mount "type=glob,src=$T/tr*,dst=/g,ro" $IMAGE ls /g
	eq "$out" $'tree\ntrunk'
	run_fails 125 $R --mount "type=glob,src=$T/none*,dst=/g" $IMAGE true
	has "$err" "none*"
}

@test "a tmpfs has the image's files, unless that is not wanted" {
	run_ok $R --tmpfs /www $IMAGE sh -c 'cat /www/index.html; touch /www/x; stat -c %a /www'
	eq "$out" $'hello\n755'
	run_ok $R --tmpfs /www:notmpcopyup $IMAGE sh -c 'ls /www; stat -c %a /www'
	eq "$out" 1777
	run_ok $R --tmpfs /www:mode=700,size=1m $IMAGE sh -c 'cat /www/index.html; stat -c %a /www'
	eq "$out" $'hello\n700'
	run_ok $R --mount type=tmpfs,dst=/etc,notmpcopyup $IMAGE ls /etc
	eq "$out" $'hostname\nhosts\nmtab\nresolv.conf'
	run_ok $R --mount type=ramfs,dst=/r --mount type=devpts,dst=/p,max=3 $IMAGE sh -c 'grep -cE " /[rp] " /proc/mounts'
	eq "$out" 2
}

@test "wrong words in mounts are named with what is right" {
	make_tree
	run_fails 125 $R -v "$T/tree:/d:rx" $IMAGE true
	has "$err" "'rx'"
	# a plain user is root of no file system of the host
	run_fails 125 $R -v "$T/tree:/d:idmap" $IMAGE true
	has "$err" "cannot map the ids of '$T/tree' (idmap)"
	has "$err" "Use the option 'U'"
	run_fails 125 $R --rootfs "$T/tree:idmap" true
	has "$err" "cannot map the ids of '$T/tree' (idmap)"
	run_fails 125 $R -v "$T/tree:/d:O,idmap" $IMAGE true
	has "$err" "exclude each other"
	run_fails 125 $R --mount type=tmpfs,dst=/t,subpath=/x $IMAGE true
	has "$err" subpath
	run_fails 125 $R --mount type=bind,src="$T/tree",dst=/t,propagation=loud $IMAGE true
	has "$err" "'loud'"
	run_fails 125 $R --mount type=bind,src="$T/tree",dst=/t,ro=perhaps $IMAGE true
	has "$err" "'perhaps'"
	run_fails 125 $R --mount type=disk,dst=/t $IMAGE true
	has "$err" "'disk'"
	run_fails 125 $R --tmpfs /t:mode=9 $IMAGE true
	has "$err" "'9'"
	run_fails 125 $R -v "$T/tree/file:/d:O" $IMAGE true
	has "$err" "no directory"
	run_fails 125 $R -v "$T/tree:/d" --tmpfs /d $IMAGE true
	has "$err" "/d"
}

@test "a volume of type tmpfs is bounded, and empty in each container" {
	run_ok volume create --opt type=tmpfs --opt device=tmpfs --opt o=size=2m v
	run_ok $R -v v:/d $IMAGE sh -c 'touch /d/x; grep " /d " /proc/mounts'
	has "$out" size=2048k
	run_ok $R -v v:/d $IMAGE ls /d
	eq "$out" ""
	run_fails 125 volume create --opt type=nfs w
	has "$err" "type=nfs"
	run_fails 125 $R -v "$T:/d:shared,private" $IMAGE true
	has "$err" "exclude each other"
}

@test "idmap: where we are root of the file system, files have on disk the ids that they have in the container" {
	dhow save -qo "$T/image.tar" $IMAGE
	cat >"$T/nested" <<'EOF'
set -e
mount -t tmpfs t "$1"; mkdir "$1/src"; touch "$1/src/file"; chown 5:5 "$1/src/file"
nested() { "$DHOW" --root "$1/store" --runroot "$1/run" "${@:2}"; }
nested "$1" load -qi "$2" >&2
run="run --rm --network none --uidmap 0:10:100"
nested "$1" $run -v "$1/src:/s" localhost/small stat -c %u:%g /s/file
nested "$1" $run -v "$1/src:/s:idmap" localhost/small stat -c %u:%g /s/file
nested "$1" $run --mount "type=bind,src=$1/src,dst=/s,idmap" localhost/small touch /s/made
stat -c %u:%g "$1/src/made"
EOF
	mkdir "$T/place"
	out=$(DHOW=$DHOW dhow unshare bash "$T/nested" "$T/place" "$T/image.tar")
	eq "$out" $'65534:65534\n5:5\n0:0'
}
