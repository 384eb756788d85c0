#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# what hostile images and programs try, against files of the user's that no container may touch
load lib
load confined

@test "no working directory leads out of the container" {
	canary
	local dir
	for dir in /proc/self/fd/3 /proc/self/fd/7 /proc/1/cwd /proc/1/root; do
		capture dhow $R -w "$dir" $IMAGE sh -c "cat ../../../../../..$K/secret .$K/secret"
		canary_holds
	done
}

@test "a volume on a link stays in the container" {
	canary
	mkdir root
	ln -s "$K/dir" root/data
	make_image linked '{"Env":["PATH=/bin"],"Cmd":["sh"],"Volumes":{"/data":{}}}'
	capture dhow $R localhost/linked sh -c 'echo new >/data/file; cat /data/file'
	canary_holds
	capture dhow $R -v v:/data localhost/linked sh -c 'echo new >/data/file; cat /data/file'
	canary_holds
}

@test "volumes go to no place of the kernel's" {
	local target
	for target in /proc /proc/self /proc/1/root /proc/self/fd; do
		run_fails 125 $R -v v:$target $IMAGE true
		has "$err" "$target"
	done
	run_ok $R -v v:/dev/pts $IMAGE true
	run_ok $R -v v:/dev $IMAGE true
}

@test "a container whose shell is /proc/self/exe cannot change the engine, and gets no descriptors" {
	canary
	need_probe
	local before i
	before=$(sha256sum <"$DHOW")
	make_image self "$plain"
	ln -s /proc/self/exe root/bin/engine
	cp "$W/probe" root/bin/probe
	make_image self "$plain"
	run_ok run -d --name $C --network none localhost/self sh -c 'while :; do for p in /proc/[0-9]*; do echo x >$p/exe; cat $p/environ >/dev/null; done 2>/dev/null; done'
	for i in $(seq 20); do capture dhow exec $C /bin/engine --version; done
	hasnt "$out" dhow
	eq "$(sha256sum <"$DHOW")" "$before"
	run_ok exec $C /bin/probe self
	eq "$out" $'securebits 0\ndumpable 1\nfd 0\nfd 1\nfd 2'
	run_ok $R localhost/self /bin/probe self
	eq "$out" $'securebits 0\ndumpable 1\nfd 0\nfd 1\nfd 2'
}

@test "nothing of a trojan image is run by commands that only look" {
	need_probe
	canary
	local name
	mkdir -p root/bin root/lib root/usr/lib/gconv root/etc
	cp "$W/probe" root/bin/trojan
	for name in sh ps tar cat ls id cp busybox main newuidmap slirp4netns git; do ln -s trojan root/bin/$name; done
	for name in libnss_files.so.2 libc.so.6 libnss_compat.so.2; do cp "$W/probe" root/lib/$name; done
	cp "$W/probe" root/usr/lib/gconv/UTF-16.so
	printf 'passwd: files compat\n' >root/etc/nsswitch.conf
	echo inside >root/file
	make_image trojan '{"Env":["PATH=/bin"],"Cmd":["main"]}'
	run_ok run -d --name $C --network none localhost/trojan
	run_ok top $C
	run_ok stats --no-stream $C
	run_ok cp $C:/file out
	run_ok cp out $C:/in
	run_ok diff $C
	run_ok export -o tar $C
	run_ok commit $C localhost/copied
	run_ok inspect $C
	run_ok logs $C
	tar tf tar >list
	eq "$(grep -E '^(\./)?ran-' list)" ""
	canary_holds
}

@test "users by number are numbers, whatever the image calls them" {
	mkdir -p root/etc
	printf 'root:x:0:0::/:/bin/sh\n1000:x:0:0::/:/bin/sh\nbad:x:4294967295:0::/:/bin/sh\n' >root/etc/passwd
	printf 'root:x:0:\n7:x:0:\n' >root/etc/group
	make_image odd "$plain"
	run_ok $R -u 1000:7 localhost/odd id -u
	eq "$out" 1000
	run_ok $R -u 1000:7 localhost/odd id -g
	eq "$out" 7
	capture dhow $R -u bad localhost/odd id -u
	[ "$status" != 0 ] || complain "user bad is $out"
	run_fails 125 $R -h $'a\nb' localhost/odd true
	run_ok $R -e HOME=$'/a\nroot:x:0' localhost/odd sh -c 'cat /etc/passwd'
	eq "$(wc -l <<<"$out")" 3
}

@test "the default profile denies what it has to, called and not read" {
	need_probe
	local way
	for way in "" "-u 1234"; do
		run_ok $R $way -v "$W/probe:/probe" $IMAGE /probe calls
		eq "$out" done
	done
	run_ok run -d --name $C --network none -v "$W/probe:/probe" $IMAGE sleep 1000
	run_ok exec $C /probe calls
	eq "$out" done
	run_ok exec -u 1234 $C /probe calls
	eq "$out" done
	run_ok $R -t -v "$W/probe:/probe" $IMAGE /probe calls
	eq "$(tr -d '\r' <<<"$out")" done
}

@test "cgroups, sysctls and masks cannot be written to or seen" {
	run_ok $R $IMAGE sh -c 'for f in /sys/fs/cgroup/cgroup.procs /proc/sys/kernel/hostname /proc/sys/vm/drop_caches /proc/sysrq-trigger /sys/power/state; do
		[ ! -e $f ] || { echo 1 >$f; } 2>/dev/null && [ -e $f ] && echo "$f"; done; mkdir /sys/fs/cgroup/x 2>/dev/null && echo made; true'
	eq "$out" ""
}

@test "metadata of an image chooses nothing: the configuration is that of a plain image" {
	need python3
	make_image one "$plain"
	make_image two '{"Env":["PATH=/bin","SECRET","AWS*","*","=x"],"Cmd":["sh"],"Labels":{"run.oci.keep_original_groups":"1","io.podman.annotations.privileged":"true","io.podman.annotations.seccomp":"unconfined","io.containers.capabilities":"SYS_ADMIN","org.systemd.property.TasksMax":"1","run.oci.handler":"krun","io.podman.annotations.userns":"host"}}'
	export SECRET=leaked AWS_KEY=leaked
	run_ok create --name one --hostname h --network none localhost/one
	run_ok create --name two --hostname h --network none localhost/two
	python3 - "$W/store/containers" "$(dhow inspect --format '{{.Id}}' one)" "$(dhow inspect --format '{{.Id}}' two)" >differences <<-'EOF'
		import json, sys
		texts = []
		for number in sys.argv[2:]:
		    c = json.load(open(f"{sys.argv[1]}/{number}/config.json"))
		    c.pop("annotations", None)
		    texts.append(json.dumps(c, sort_keys=True).replace(number, "ID").replace(number[:12], "ID"))
		print("same" if texts[0] == texts[1] else texts)
	EOF
	eq "$(cat differences)" same
	run_ok $R localhost/two sh -c 'echo "$SECRET$AWS_KEY"; cat /proc/self/environ'
	hasnt "$out" leaked
}

@test "shared memory and logs have an end" {
	run_ok $R $IMAGE sh -c 'dd if=/dev/zero of=/dev/shm/x bs=1M count=200 2>/dev/null; [ $(stat -c %s /dev/shm/x) -le 67108864 ] && echo bounded'
	eq "$out" bounded
	run_ok run -d --name $C --network none --log-opt max-size=100k $IMAGE sh -c 'yes "a line that is written again and again"'
	sleep 2
	run_ok stop -t 0 $C
	[ "$(du -sk "$W/store/containers" | cut -f1)" -lt 3000 ] || complain "the log has $(du -sk "$W/store/containers")"
}
