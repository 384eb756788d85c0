#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# files in and out: commit, diff, export, import, cp, mount, volume export and import
load lib

@test "diff tells what was added, changed and deleted, for a container and for an image" {
	run_ok run --name $C --network none $IMAGE sh -c 'echo x >/new; rm /etc/group; mkdir /d; touch /d/f'
	run_ok diff $C
	eq "$(grep -v ' /etc$' <<<"$out")" $'A /d\nA /d/f\nD /etc/group\nA /new'
	run_ok commit $C $C
	run_ok diff --format json $C
	eq "$(jq -c .deleted <<<"$out")" '["/etc/group"]'
	run_ok image diff $C
	eq "$(grep -v ' /etc$\| /run$' <<<"$out")" $'A /d\nA /d/f\nD /etc/group\nA /new'
	run_ok image diff $IMAGE $C
	has "$out" 'D /new'
	run_fails 125 diff no-such
	run_ok rmi -f $C
}

@test "commit keeps whiteouts and owners, takes no secret, and the same content is the same layer" {
	echo Zq8-needle | run_in secret create $C -
	run_ok run --name $C --network none --secret $C,type=env,target=PW $IMAGE \
		sh -c 'rm /etc/group; echo x >/own; chown 12:34 /own; touch -d @1000 /own / /etc'
	run_ok commit -a me -m why --change 'ENV X="a b"' --change 'CMD ["cat","/own"]' --iidfile "$T/iid" $C $C:1
	eq "sha256:$out" "$(cat "$T/iid")"
	sleep 1.1
	run_ok commit $C $C:2
	eq "$(dhow image inspect --format '{{index .RootFS.Layers 1}}' $C:1)" "$(dhow image inspect --format '{{index .RootFS.Layers 1}}' $C:2)"
	run_ok run --rm --network none $C:1
	eq "$out" x
	run_ok run --rm --network none $C:1 sh -c 'stat -c %u:%g /own; echo "$X"; ls /etc/group 2>&1; echo "[$PW]"'
	has "$out" $'12:34\na b\nls: '
	has "$out" '[]'
	! grep -rq Zq8-needle "$W/store/images" "$W/store/layers"
	run_fails 125 commit --change 'NONSENSE x' $C $C:3
	has "$err" NONSENSE
	run_fails 125 commit -f nonsense $C
	run_ok rmi -f $C:1 $C:2
}
run_in() { capture_in "$@"; [ "$status" = 0 ] || complain "exit status $status"; }
capture_in() { status=0 last="$*"; dhow "$@" >"$T/out" 2>"$T/err" || status=$?; out=$(cat "$T/out") err=$(cat "$T/err"); }

@test "commit --squash makes one layer" {
	run_ok run --name $C --network none $IMAGE sh -c 'rm /etc/group; echo x >/own'
	run_ok commit --squash $C $C
	eq "$(dhow image inspect --format '{{len .RootFS.Layers}}' $C)" 1
	run_ok run --rm --network none $C sh -c 'cat /own; ls /etc/group 2>/dev/null; :'
	eq "$out" x
	run_ok rmi -f $C
}

@test "export is a tar of the file system, without what is mounted in it" {
	mkdir "$T/v"
	echo inner >"$T/v/inner"
	run_ok run -d --name $C --network none -v "$T/v:/v" $IMAGE sh -c 'echo x >/own; chown 12:34 /own; sleep 1000'
	wait_for 10 dhow exec $C test -e /own
	run_ok export -o "$T/run.tar" $C
	run_ok stop -t 0 $C
	run_ok export -o "$T/stop.tar" $C
	for tar in run stop; do
		has "$(tar --numeric-owner -tvf "$T/$tar.tar" own)" '12/34'
		eq "$(tar -tf "$T/$tar.tar" | grep -c '^v/')" 1
	done
	run_fails 125 export -o "$T/none/such" $C
}

@test "cp keeps to the container: no link leads out, set-id bits and owners stay behind" {
	canary
	run_ok run --name $C --network none $IMAGE sh -c "mkdir /d; ln -s $K/secret /d/out; ln -s / /up; ln -s $K /dir
		echo x >/d/set; chmod 6755 /d/set; chown 12:34 /d/set"
	run_ok cp $C:/d "$T/d"
	eq "$(readlink "$T/d/out")" "$K/secret"
	eq "$(stat -c '%a %u' "$T/d/set")" "755 $(id -u)"
	run_ok cp $C:/up/d/set "$T/set"
	run_fails 125 cp $C:/d/out "$T/x"
	echo y >"$T/y"
	run_fails 125 cp "$T/y" $C:/dir/secret
	run_fails 125 cp "$T/y" $C:/d/set/
	run_ok cp "$T/y" $C:/d/out
	canary_holds
}

@test "cp replaces a directory by a file, or the other way round, only with --overwrite" {
	run_ok create --name $C --network none $IMAGE true
	mkdir -p "$T/a" "$T/b/a"
	echo file >"$T/file"
	run_ok cp "$T/a" $C:/tmp
	cp "$T/file" "$T/f" && mkdir "$T/m" && cp "$T/file" "$T/m/a"
	run_fails 125 cp "$T/m/." $C:/tmp
	has "$err" "cannot overwrite directory 'a'"
	run_ok cp --overwrite "$T/m/." $C:/tmp
	run_fails 125 cp "$T/a" $C:/tmp
	run_ok cp --overwrite "$T/a" $C:/tmp
	tar -C "$T/m" -cf "$T/m.tar" a
	run_in_file "$T/m.tar" 125 cp - $C:/tmp
	run_in_file "$T/m.tar" 0 cp --overwrite - $C:/tmp
	run_ok cp $C:/tmp/a "$T/out"
	eq "$(cat "$T/out")" file
}
run_in_file() {
	local file=$1 want=$2
	shift 2
	last="$*" status=0
	dhow "$@" <"$file" >"$T/out.txt" 2>"$T/err.txt" || status=$?
	err=$(cat "$T/err.txt")
	[ "$status" = "$want" ] || complain "exit status $status, wanted $want: $err"
}

@test "cp - unpacks in a sandbox: no name of the archive leads out of the directory" {
	canary
	python3 - "$T/evil.tar" "$K" <<'PY'
import io, sys, tarfile
tar = tarfile.open(sys.argv[1], "w")
def add(name, kind=tarfile.REGTYPE, link="", data=b"evil\n"):
    item = tarfile.TarInfo(name)
    item.type, item.linkname, item.size = kind, link, len(data) if kind == tarfile.REGTYPE else 0
    tar.addfile(item, io.BytesIO(data) if kind == tarfile.REGTYPE else None)
add("fine")
add("lnk", tarfile.SYMTYPE, sys.argv[2])
add("lnk/secret")
tar.close()
tar = tarfile.open(sys.argv[1] + ".up", "w")
add("../../../../../../../" + sys.argv[2] + "/up")
tar.close()
PY
	run_ok run -d --name $C --network none $IMAGE sleep 1000
	run_in_file "$T/evil.tar" 125 cp - $C:/tmp
	run_in_file "$T/evil.tar.up" 125 cp - $C:/tmp
	has "$err" "'..'"
	canary_holds
	run_ok exec $C cat /tmp/fine
	echo junk >"$T/junk"
	run_in_file "$T/junk" 125 cp - $C:/tmp
	run_in_file "$T/evil.tar" 125 cp - $C:/no/such
}

@test "cp reaches volumes of a running and of a stopped container, and keeps owners out of a stream" {
	run_ok run -d --name $C -v $C:/v --network none $IMAGE sleep 1000
	echo one >"$T/one"
	run_ok cp "$T/one" $C:/v/one
	run_ok stop -t 0 $C
	run_ok cp "$T/one" $C:/v/two
	run_ok run --rm -v $C:/v --network none $IMAGE sh -c 'chown 12:34 /v/one; cat /v/one /v/two'
	eq "$out" $'one\none'
	has "$(dhow cp $C:/v - | tar --numeric-owner -tv)" "12/34"
	# one lock for both: larger than a pipe, and in whatever order they come
	dhow cp $C:/v - | run_in_pipe cp -a=false - $C:/tmp
	head -c 3000000 /dev/urandom >"$T/large"
	run_ok cp "$T/large" $C:/v/large
	local i
	for i in 1 2 3 4 5; do { sleep 0.0$i; dhow cp $C:/v -; } | timeout 60 "$DHOW" --root "$W/store" --runroot "$XDG_RUNTIME_DIR/e2e-${W##*/}" cp -a=false - $C:/tmp; done
	dhow cp $C:/tmp/v/large - | tar -xO | cmp - "$T/large"
	has "$(dhow cp $C:/tmp/v/one - | tar --numeric-owner -tv)" "12/34"
}
run_in_pipe() { dhow "$@"; }

@test "import and volume import take compressed archives, and refuse what leads out" {
	canary
	mkdir -p "$T/root/etc" && echo note >"$T/root/etc/note"
	tar -C "$T/root" --owner=12 --group=34 -czf "$T/root.tgz" .
	run_ok import -m why --change 'CMD ["/x"]' "$T/root.tgz" $C:1
	run_ok image inspect --format '{{.Config.Cmd}} {{.Comment}} {{len .RootFS.Layers}}' $C:1
	eq "$out" '[/x] why 1'
	run_ok volume create $C
	run_ok volume import $C "$T/root.tgz"
	run_ok run --rm --network none -v $C:/v $IMAGE stat -c %u:%g /v/etc/note
	eq "$out" 12:34
	run_ok volume export -o "$T/v.tar" $C
	has "$(tar --numeric-owner -tvf "$T/v.tar" etc/note)" 12/34
	python3 - "$T/evil.tar" "$K" <<'PY'
import io, sys, tarfile
tar = tarfile.open(sys.argv[1], "w")
link = tarfile.TarInfo("lnk")
link.type, link.linkname = tarfile.SYMTYPE, sys.argv[2]
tar.addfile(link)
item = tarfile.TarInfo("lnk/secret")
item.size = 1
tar.addfile(item, io.BytesIO(b"x"))
tar.close()
PY
	run_fails 125 volume import $C "$T/evil.tar"
	run_fails 125 import "$T/evil.tar" $C:2
	head -c 100 "$T/root.tgz" >"$T/half.tgz"
	run_fails 125 import "$T/half.tgz" $C:2
	run_fails 125 image inspect $C:2
	canary_holds
	eq "$(ls "$W/store/tmp" | grep -vc '^lock$')" 0
	run_ok rmi -f $C:1
}

@test "mount works inside of unshare, and what was written is the container's" {
	run_ok create --name $C --network none $IMAGE cat /added
	run_fails 125 mount $C
	has "$err" unshare
	run_ok unshare sh -c 'd=$("$1" --root "$2" --runroot "$3" mount "$4") && echo new >"$d/added" && "$1" --root "$2" --runroot "$3" unmount "$4"' \
		sh "$DHOW" "$W/store" "$XDG_RUNTIME_DIR/e2e-${W##*/}" $C
	eq "$out" $C
	run_ok start -a $C
	eq "$out" new
}

@test "cp knows who is who with --userns=keep-id, running or not" {
	echo x >"$T/f"
	run_ok run -d --name $C --network none --userns keep-id $IMAGE sleep 1000
	local state
	for state in running stopped; do
		run_ok cp "$T/f" $C:/tmp/$state
		run_ok cp $C:/tmp/$state "$T/$state"
		eq "$(stat -c %u "$T/$state")" "$(id -u)"
		tar -C "$T" -cf "$T/f.tar" f
		run_in_file "$T/f.tar" 0 cp - $C:/tmp
		has "$(dhow cp $C:/tmp/f - | tar --numeric-owner -tv)" "$(id -u)/"
		run_ok stop -t 0 $C
	done
}

@test "an opaque directory of fuse-overlayfs is one for native overlay after commit" {
	need fuse-overlayfs
	dhow --storage-driver fuse-overlayfs run --name $C --network none $IMAGE sh -c 'rm -r /etc; mkdir /etc; echo x >/etc/x' ||
		skip "no fuse-overlayfs here"
	run_ok diff $C
	hasnt "$out" .wh.
	run_ok commit $C $C
	run_ok run --rm --network none $C sh -c 'ls -a /etc | grep -v "^\.\.*$\|hosts\|hostname\|resolv.conf\|mtab"'
	eq "$out" x
	run_ok save -o "$T/x.tar" $C
	run_ok rmi -f $C
	run_ok load -q -i "$T/x.tar"
	run_ok rmi -f $C
}

@test "a container that swaps links under cp gets nothing of the host, in both directions" {
	canary
	run_ok run -d --name $C --network none -v $C:/v $IMAGE sh -c "mkdir -p /v/real /v/a; echo inner >/v/real/secret
		while :; do rm -rf /v/a; ln -s $K /v/a; rm -rf /v/a; mkdir /v/a; echo inner >/v/a/secret; done"
	echo mine >"$T/mine"
	local i
	for i in $(seq 40); do
		dhow cp $C:/v/a/secret "$T/got" 2>/dev/null && { grep -q inner "$T/got" || [ ! -s "$T/got" ] || return 1; }
		dhow cp $C:/v "$T/tree" 2>/dev/null || :
		dhow cp "$T/mine" $C:/v/a/secret 2>/dev/null || :
		dhow cp "$T/mine" $C:/v/a/ 2>/dev/null || :
	done
	! grep -rq "$token" "$T/got" "$T/tree" 2>/dev/null
	canary_holds
}
