#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# options of run and create: what they do, and what they say when they cannot
load lib

R="run --rm --network none"

refused() { # PART ARG...: run fails with 125, and the message has PART
	local part=$1
	shift
	run_fails 125 $R "$@" $IMAGE true || return 1
	has "$err" "$part"
}

@test "CDI devices come from JSON and YAML, with their variables and mounts" {
	mkdir cdi more
	echo content >"$T/file"
	cat >cdi/one.yaml <<-EOF
		# a device
		cdiVersion: "0.5.0"
		kind: vendor.com/class
		devices:
		- name: one
		  containerEdits:
		    deviceNodes:
		    - {path: /dev/one, hostPath: /dev/null, permissions: rw}
		    env: [ONE=1]
		- name: hooked
		  containerEdits:
		    hooks:
		    - hookName: createContainer
		      path: /bin/true
		containerEdits:
		  env:
		    - ALL=yes   # for all
		  mounts:
		  - hostPath: $T/file
		    containerPath: /vendor/file
		    options: [ro]
	EOF
	printf '{"cdiVersion":"0.5.0","kind":"vendor.com/class","devices":[{"name":"two","containerEdits":{"env":["TWO=2"]}}]}' >more/two.json
	run_ok --cdi-spec-dir cdi --cdi-spec-dir more $R --device vendor.com/class=one --device vendor.com/class=two $IMAGE \
		sh -c 'echo $ONE $TWO $ALL; cat /vendor/file; test -c /dev/one && echo node'
	eq "$out" $'1 2 yes\ncontent\nnode'
	run_fails 125 --cdi-spec-dir cdi $R --device vendor.com/class=three $IMAGE true
	has "$err" "vendor.com/class=three"
	run_fails 125 --cdi-spec-dir cdi $R --device vendor.com/class=hooked $IMAGE true
	has "$err" hooks
	printf 'kind: [\n' >more/broken.yaml
	run_fails 125 --cdi-spec-dir more $R --device vendor.com/class=one $IMAGE true
	has "$err" broken.yaml
	run_ok --cdi-spec-dir more $R --device vendor.com/class=two $IMAGE sh -c 'echo $TWO'
	eq "$out" 2
	refused nvidia.com/gpu=all --gpus all
}

@test "user namespaces: each way gives its map" {
	local first
	first=$(awk -F: -v n="$(id -un)" '$1 == n { print $2; exit }' /etc/subuid)
	map() { # WANT ARG...
		local want=$1
		shift
		run_ok $R "$@" $IMAGE awk '{print $1 ":" $2 ":" $3}' /proc/self/uid_map || return 1
		eq "$(tr '\n' ' ' <<<"$out")" "$want "
	}
	map "0:$first:100" --userns auto:size=100
	map "0:$first:7 7:$(id -u):1 8:$((first + 7)):2" --userns keep-id:uid=7,gid=7,size=10
	map "0:$first:10" --uidmap u0:1:10 --gidmap g0:1:10
	map "0:$(id -u):1 1:$first:3" --uidmap 0:0:4
	map "0:$first:1 9:$(id -u):1" --uidmap 0:1:1 --uidmap 9:@$(id -u):1 --gidmap 0:1:1
	run_ok $R --subuidname "$(id -un)" $IMAGE cat /proc/self/uid_map
	has "$out" "$first"
	refused "root" --subuidname root
	refused "no root" --uidmap 5:0:1
	refused "size=5" --userns keep-id:uid=7,gid=7,size=5
	refused "uidmapping=0:1:1" --userns auto:uidmapping=0:1:1
	refused "bogus" --userns bogus
	refused "1:x" --uidmap 1:x
	refused "--userns" --uidmap 0:0:1 --userns keep-id
	refused "--userns" --subuidname "$(id -un)" --userns auto
}

@test "users and groups of the host and of the command line are in the files" {
	run_ok $R --hostuser "$(id -un)" $IMAGE grep -c "^$(id -un):" /etc/passwd
	eq "$out" 1
	refused nobody-at-all --hostuser nobody-at-all
	run_ok $R --userns keep-id --passwd-entry "x:*:$(id -u):$(id -g)::/y:/bin/sh" $IMAGE sh -c 'id -un; echo $HOME'
	eq "$out" $'x\n/y'
	# the caller's home is that of the container when it is mounted there
	mkdir -p "$W/home"
	run_ok $R --userns keep-id -w /tmp $IMAGE sh -c 'echo $HOME'
	eq "$out" /tmp
	home=$(getent passwd "$(id -u)" | cut -d: -f6)
	run_ok $R --userns keep-id -v "$W/home:$home" $IMAGE sh -c 'echo $HOME'
	eq "$out" "$home"
	refused keep-groups --group-add keep-groups --group-add 5
}

@test "limits: hosts, pairs that contradict each other, devices" {
	run_ok $R --ulimit nofile=100:200 $IMAGE sh -c 'ulimit -n; ulimit -Hn'
	eq "$out" $'100\n200'
	run_ok $R --ulimit host $IMAGE sh -c 'ulimit -n'
	eq "$out" "$(ulimit -n)"
	refused "nofile=5" --ulimit host --ulimit nofile=5
	refused "nofiles=5" --ulimit nofiles=5
	refused "2:1" --ulimit nofile=2:1
	refused "/dev/null:1mb" --device-read-bps /dev/null:1mb
	refused "10mb" --device-write-bps "$(lsblk -pnro NAME | head -1):x"
	refused "--cpu-quota" --cpus 1 --cpu-quota 5000
	refused "--memory" --memory-swap 5g
	refused "cgroup v2" --memory-swappiness 5
	refused "--ip" --ip 10.0.0.1
}

@test "--security-opt: each kind works, or is named" {
	run_ok $R --security-opt proc-opts=hidepid=2 $IMAGE grep " /proc " /proc/mounts
	has "$out" hidepid=
	run_ok $R --security-opt 'unmask=/proc/*' $IMAGE sh -c 'grep " /proc/" /proc/mounts || echo none'
	eq "$out" none
	run_ok $R --security-opt mask=/www $IMAGE ls /www
	eq "$out" ""
	run_ok $R --security-opt no-new-privileges $IMAGE grep NoNewPrivs /proc/self/status
	eq "$out" $'NoNewPrivs:\t1'
	refused "foo=1" --security-opt proc-opts=foo=1
	refused "secomp" --security-opt secomp=unconfined
	refused "relative" --security-opt mask=relative
	refused AppArmor --security-opt apparmor=strict
	refused SELinux --security-opt label=type:x_t
}

@test "a required container is started first" {
	run_ok create --name $C-db --network none $IMAGE sleep 1000
	run_ok $R --requires $C-db $IMAGE true
	is_state $C-db running
	refused nobody --requires nobody
}

@test "chrootdirs have the files of names, too" {
	run_ok run --rm --chrootdirs /srv/root $IMAGE sh -c 'ls /srv/root/etc; cmp /etc/hosts /srv/root/etc/hosts'
	eq "$out" $'hostname\nhosts\nresolv.conf'
	refused "srv" --chrootdirs srv
}

@test "systemd's file systems get the size that was asked for" {
	run_ok $R --systemd=always --shm-size-systemd 5m $IMAGE grep " /run " /proc/mounts
	has "$out" size=5120k
	refused "--systemd=always" --shm-size-systemd 5m
}

@test "the environment: merged, taken away, from the host, from files" {
	run_ok $R --env-merge 'PATH=/x:${PATH}' $IMAGE sh -c 'echo $PATH'
	eq "$out" /x:/bin
	run_ok $R --unsetenv-all $IMAGE /bin/sh -c 'echo $PATH'
	has "$out" /usr/bin
	printf '# note\nA=1 2\n  B="q"\nHOME_OF\nC=\n' >env
	HOME_OF=me run_ok $R --env-file env $IMAGE sh -c 'echo "$A|$B|$HOME_OF|$C|"'
	eq "$out" '1 2|"q"|me||'
	http_proxy=http://p run_ok $R $IMAGE sh -c 'echo $http_proxy'
	eq "$out" http://p
	http_proxy=http://p run_ok $R --http-proxy=false $IMAGE sh -c 'echo $http_proxy'
	eq "$out" ""
	printf 'A B=1\n' >env
	refused "line 1" --env-file env
	refused "'=x'" -e =x
}

@test "odds and ends: personality, umask, time zone, entry point, files of ids" {
	run_ok $R --personality LINUX32 $IMAGE uname -m
	eq "$out" i686
	run_ok $R --umask 0077 $IMAGE sh -c umask
	eq "$out" 0077
	run_ok $R --entrypoint '["sh","-c","echo $0"]' $IMAGE word
	eq "$out" word
	run_ok run -d --network none --name $C --cidfile id --pidfile pid --conmon-pidfile mpid $IMAGE sleep 1000
	eq "$(cat id)" "$out"
	kill -0 "$(cat pid)" "$(cat mpid)"
	refused "'id'" --cidfile id || refused "id" --cidfile id
	refused Mars --tz Mars/Olympus
	refused "'99'" --umask 99
	refused "no such" --cap-add NO_SUCH
	refused "--entrypoint" --entrypoint '["sh"'
}

@test "commands of other engines that make no sense here say why" {
	run_fails 125 machine start
	has "$err" "virtual machine"
	run_fails 125 container checkpoint x
	has "$err" "only root"
	run_fails 125 --runtime crun ps
	has "$err" "--runtime"
	run_fails 125 swarm init
	has "$err" "one machine"
}

@test "a clone is like its original, with other limits, name and image if they are given" {
	run_ok create --name $C --network none -e A=1 -v v:/d --cidfile id $IMAGE sh -c 'echo "$A $(ls -d /d)"'
	run_ok container clone $C
	run_ok start -a $C-clone
	eq "$out" "1 /d"
	run_ok container clone --memory 64m $C limited
	run_ok inspect --format "{{.HostConfig.Memory}}" limited
	eq "$out" 67108864
	run_ok container clone --run $C other
	run_ok container exists other
	run_fails 125 container clone --name x $C y
	has "$err" "exclude each other"
	run_fails 125 container clone --force $C z
	has "$err" "--destroy"
	run_ok container clone --destroy $C last
	run_exits 1 container exists $C
	run_fails 125 container clone nobody-has-this
	has "$err" nobody-has-this
}

@test "container runlabel: the command of a label, and nothing but dhow's" {
	cat >Dockerfile <<-EOF
		FROM $IMAGE
		LABEL RUN="/usr/bin/podman run --rm --name NAME --network none -e N=\\\${NAME} -e I=\\\${IMAGE} \\\${OPT1} IMAGE echo"
		LABEL show="podman run -v \\\${PWD}:/d \\\${OPT2} IMAGE \\\${HOME}" sleep="docker run -d --name NAME --network none IMAGE sleep 1000"
		LABEL program="/bin/rm -rf /" unshare="podman unshare rm" quote="podman run 'x" again="podman container runlabel run IMAGE"
	EOF
	run_ok build -q -t labels .
	run_ok container runlabel --display --name me --opt2="a  b" show labels more
	eq "$out" "command: $DHOW run -v $PWD:/d a b localhost/labels:latest more"
	run_ok container runlabel --display program labels
	eq "$out" "command: /bin/rm -rf /"
	run_ok container runlabel -q run labels one two
	eq "$out" "one two"
	run_ok container runlabel --name $C sleep labels
	has "$out" "run -d --name $C --network none localhost/labels:latest sleep 1000"
	run_fails 125 container runlabel --name $C sleep labels
	run_ok container runlabel --replace --name $C sleep labels
	run_fails 125 container runlabel nosuch labels
	has "$err" "cannot find the value of label: nosuch in image: labels"
	run_fails 125 container runlabel program labels
	has "$err" "its program '/bin/rm' is not dhow"
	for label in unshare again; do
		run_fails 125 container runlabel $label labels
		has "$err" "none of containers"
	done
	run_fails 125 container runlabel quote labels
	has "$err" "no end"
}
