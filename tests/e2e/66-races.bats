#!/usr/bin/env bats
# slow
# SPDX-License-Identifier: Apache-2.0
# the long ones of 65-confined.bats: every place, and races of many rounds (ROUNDS=N: other than 500)
load lib
load confined

@test "links in the image in the place of what the engine mounts lead nowhere" {
	canary
	local name kind
	for name in dev proc sys etc/hosts etc/resolv.conf etc/hostname etc/passwd run/secrets; do
		for kind in link fifo; do
			rm -rf root
			mkdir -p "root/$(dirname $name)"
			if [ $kind = link ]; then ln -s "$K/dir" "root/$name"; else mkfifo "root/$name"; fi
			make_image hostile "$plain"
			echo value >"$T/value"
			capture timeout 20 "$DHOW" --root "$W/store" --runroot "$XDG_RUNTIME_DIR/e2e-${W##*/}" \
				$R -v "$T/value:/run/secrets/x" --hostuser "$(id -un)" localhost/hostile \
				sh -c 'echo broken >/etc/passwd; echo broken >/etc/hosts; cat /dev/secret /proc/secret /run/secrets/file; true'
			[ "$status" != 124 ] || complain "it hangs on $name as a $kind"
			canary_holds
		done
	done
}

@test "no working directory leads out of the container" {
	canary
	local i dir
	run_ok run -d --name $C --network none $IMAGE sh -c 'mkdir /links; ln -s /proc/self/fd /links/fd; ln -s /proc/1/cwd /links/cwd; sleep 1000'
	for dir in /proc/self/fd/{3..20} /proc/1/cwd /proc/self/root /proc/1/root /links/cwd /links/fd/{3..9}; do
		capture dhow $R -w "$dir" $IMAGE sh -c "cat ../../../../../..$K/secret .$K/secret; cd ../../../..; cat .$K/secret"
		canary_holds
		capture dhow exec -w "$dir" $C sh -c "cat ../../../../../..$K/secret .$K/secret; cd ../../../..; cat .$K/secret"
		canary_holds
	done
}

@test "targets of mounts that are exchanged for links meanwhile lead nowhere" {
	need_probe
	canary
	local i
	run_ok volume create v
	run_ok run -d --name $C --network none -v v:/v -v "$W/probe:/probe" $IMAGE \
		sh -c "mkdir -p /v/a/b /v/real && ln -s $K /v/trap && mv /v/a /v/x && ln -s /v/x /v/a; exec /probe swap /v/x /v/trap"
	for i in $(seq "${ROUNDS:-500}"); do
		capture dhow $R -v v:/v -v w:/v/x/b -v w2:/v/x/dir $IMAGE sh -c 'echo new >/v/x/b/file; echo new >/v/x/dir/file'
	done
	canary_holds
	[ ! -e "$K/b" ] || complain "a mount point was made outside"
}

@test "many entries of a container whose shell is the engine leave the engine as it is" {
	need_probe
	mkdir -p root/bin
	cp "$(command -v busybox)" root/bin/busybox
	ln -s busybox root/bin/sh
	ln -s busybox root/bin/cat
	ln -s /proc/self/exe root/bin/engine
	make_image self "$plain"
	local before i
	before=$(sha256sum <"$DHOW")
	run_ok run -d --name $C --network none localhost/self sh -c 'while :; do for p in /proc/[0-9]*; do echo x >$p/exe; cat $p/environ >/dev/null; done 2>/dev/null; done'
	for i in $(seq "${ROUNDS:-500}"); do capture dhow exec $C /bin/engine --version; done
	eq "$(sha256sum <"$DHOW")" "$before"
}

@test "cp keeps to the container while it exchanges directories for links" {
	need_probe
	canary
	local i
	echo mine >mine
	run_ok run -d --name $C --network none -v "$W/probe:/probe" $IMAGE \
		sh -c "mkdir -p /d/real && echo inside >/d/real/secret && ln -s $K /d/trap && exec /probe swap /d/real /d/trap"
	for i in $(seq "${ROUNDS:-500}"); do
		rm -rf got
		capture dhow cp $C:/d/real/secret got
		[ ! -e got ] || hasnt "$(cat got)" "$token"
		capture dhow cp mine $C:/d/real/program
		canary_holds
	done
}

@test "what a removal that was killed has left is removed by the next command" {
	command -v strace >/dev/null || skip "strace is not installed"
	run_ok run --name $C --network none $IMAGE touch /a /b /c /d /e
	# killed in the middle of its deletions
	capture strace -f -qq -o /dev/null -e trace=unlinkat -e inject=unlinkat:signal=KILL:when=8 "$DHOW" --root "$W/store" --runroot "$XDG_RUNTIME_DIR/e2e-${W##*/}" rm $C
	run_exits 1 container exists $C
	left=$(ls -d "$W"/store/tmp/rm-*) || complain "it was not killed in time"
	run_ok run --rm --network none $IMAGE true
	wait_for 5 not_there "$left"
}
not_there() { ! [ -e "$1" ]; }
