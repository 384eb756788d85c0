#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Quadlet: units for containers become services
load lib

QUADLET=$REPO/${BUILD:-build}/libexec/dhow/quadlet
unit() { mkdir -p "$T/units" && cat >"$T/units/$1"; }
quadlet() { QUADLET_UNIT_DIRS=${dirs:-$T/units} capture "$QUADLET" -user -dryrun; }
service() { awk -v n="---$1---" '$0 == n {on = 1; next} /^---.*---$/ {on = 0} on' <<<"$out"; }
key() { service "$1" | sed -n "s/^$2=//p"; }
verify() { # of all services that were made
	command -v systemd-analyze >/dev/null || return 0
	mkdir -p "$T/made"
	QUADLET_UNIT_DIRS=$T/units capture "$QUADLET" -user "$T/made"
	eq "$status" 0
	[ -S "$XDG_RUNTIME_DIR/bus" ] || [ -d "$XDG_RUNTIME_DIR" ] || return 0
	capture systemd-analyze verify --user --man=no "$T"/made/*.service
	[ "$status" = 0 ] || complain "systemd-analyze does not like it"
	hasnt "$err" "ignoring"
}

@test "every key of a container becomes an option of run, and systemd accepts the service" {
	unit web.container <<-E
		[Unit]
		After=db.container local-fs.target
		[Container]
		Image=$IMAGE
		ContainerName=w
		Exec=sh -c "echo \$HOME; sleep 5" \\
		  last
		AddCapability=NET_RAW SYS_TIME
		DropCapability=all
		Annotation=a=b "c=d e"
		AddHost=h:10.0.0.1
		Environment=A=b "C=d \"e\""
		EnvironmentFile=./env
		EnvironmentHost=yes
		ExposeHostPort=80
		Group=5
		User=7
		HealthCmd=true
		HealthInterval=3s
		HealthOnFailure=kill
		HostName=box
		Label=x=y
		LogDriver=k8s-file
		LogOpt=max-size=1m
		Mask=/a:/b
		Unmask=ALL
		Memory=64m
		Network=none
		NoNewPrivileges=true
		Notify=healthy
		PidsLimit=20
		PublishPort=8080:80
		ReadOnly=true
		ReadOnlyTmpfs=false
		ReloadSignal=HUP
		RunInit=true
		SeccompProfile=./s.json
		Secret=s,type=env
		ShmSize=1m
		StopSignal=INT
		StopTimeout=3
		Sysctl=net.ipv4.ip_forward=1
		Timezone=local
		Tmpfs=/t
		Ulimit=nofile=5:6
		UserNS=keep-id
		Volume=./data:/data:ro
		Mount=type=bind,src=./m,dst=/m
		WorkingDir=/w
		AutoUpdate=registry
		PodmanArgs=--cpus 1 "--annotation=x=y z"
		GlobalArgs=--log-level debug
		[Service]
		Restart=always
		WatchdogSec=30
	E
	unit db.container <<<$'[Container]\nImage=x\n'
	quadlet
	eq "$status" 0
	local x w
	x=$(key web.service ExecStart)
	for w in "--log-level debug run --name w --replace --rm --cgroups=split --sdnotify=healthy -d" "--network none" "--user 7:5" \
		"--env-file $T/units/env" "-v $T/units/data:/data:ro" "--mount type=bind,source=$T/units/m,dst=/m" "--cap-add NET_RAW --cap-add SYS_TIME" \
		"--annotation a=b --annotation \"c=d e\"" '--env A=b --env "C=d \"e\""' "--env-host" "--expose 80" "--health-on-failure kill" \
		"--label io.containers.autoupdate=registry" "--security-opt mask=/a:/b" "--security-opt=no-new-privileges" "--read-only " \
		"--read-only-tmpfs=false" "--init" "--sysctl net.ipv4.ip_forward=1" "--tz local" "--userns keep-id" '--cpus 1 "--annotation=x=y z"' \
		"$IMAGE sh -c \"echo \$HOME; sleep 5\" last"; do
		has "$x" "$w"
	done
	has "$(key web.service After)" "db.service local-fs.target"
	has "$(key web.service ExecReload)" "kill --signal HUP w"
	has "$(key web.service Environment)" PODMAN_SYSTEMD_UNIT=%n
	eq "$(key web.service WatchdogSec) $(key web.service Delegate)" "30 yes"
	verify
}

@test "units refer to each other: the services that they need come first, under the names that they give" {
	unit d.volume <<<$'[Volume]\nVolumeName=data\nUser=5\nDevice=/srv\nType=bind\nOptions=ro\n'
	unit 'many@.volume' <<<$'[Volume]\n'
	unit i.image <<<$'[Image]\nImage=example.com/i:1\nTLSVerify=false\n'
	unit b.build <<<$'[Build]\nImageTag=localhost/b\nFile=./ctx/F\nSetWorkingDirectory=file\nVolume=d.volume:/d\n'
	unit a.container <<<$'[Container]\nImage=b.build\nVolume=d.volume:/d\nVolume=many@x.volume:/m\nMount=type=image,source=i.image,dst=/i\n'
	unit n.container <<<$'[Container]\nImage=i.image\nNetwork=a.container\nServiceName=front\n'
	quadlet
	eq "$status" 0
	has "$(key d-volume.service ExecStart)" "volume create --ignore --opt device=/srv --opt type=bind --opt o=uid=5,ro data"
	has "$(service d-volume.service)" "RequiresMountsFor=/srv"
	has "$(key i-image.service ExecStart)" "image pull --tls-verify=false example.com/i:1"
	has "$(key b-build.service ExecStart)" "build --tag localhost/b --file $T/units/ctx/F -v data:/d ."
	eq "$(key b-build.service WorkingDirectory)" "$T/units/ctx"
	has "$(key a.service ExecStart)" "-v data:/d -v systemd-many_x:/m --mount type=image,source=example.com/i:1,dst=/i localhost/b"
	has "$(key a.service Requires)" "many-volume@x.service"
	has "$(key many-volume@.service ExecStart)" "systemd-many_%i"
	has "$(key front.service ExecStart)" "--network container:systemd-a"
	has "$(key front.service Requires)" "a.service"
	verify
}

@test "drop-ins of all levels, in the order of their names; the first folder wins; subfolders; instances" {
	unit web-blue.container <<<$'[Container]\nImage=one\nLabel=a=1\n'
	mkdir -p "$T"/units/{container.d,web-.container.d,web-blue.container.d,sub} "$T/more/web-blue.container.d"
	echo $'[Container]\nLabel=b=2' >"$T/units/container.d/20.conf"
	echo $'[Container]\nLabel=c=3' >"$T/units/web-.container.d/10.conf"
	echo $'[Container]\nImage=two' >"$T/units/web-blue.container.d/30.conf"
	echo $'[Container]\nLabel=d=4' >"$T/more/web-blue.container.d/40.conf"
	echo $'[Container]\nLabel=e=5' >"$T/more/web-blue.container.d/10.conf"
	echo $'[Container]\nImage=sub' >"$T/units/sub/s.container"
	echo $'[Container]\nImage=not' >"$T/more/s.container"
	unit 'many@.container' <<<$'[Container]\nImage=x\n[Install]\nWantedBy=default.target\n'
	ln -s many@.container "$T/units/many@7.container"
	dirs=$T/units:$T/more quadlet
	eq "$status" 0
	# 10.conf of the folder for this very name counts, not the one for web-
	has "$(key web-blue.service ExecStart)" "--label a=1 --label e=5 --label b=2 --label d=4 two"
	has "$(key s.service ExecStart)" " sub"
	has "$(key many@7.service ExecStart)" "--name systemd-%p_%i"
	QUADLET_UNIT_DIRS=$T/units:$T/more "$QUADLET" -user "$T"
	[ -L "$T/default.target.wants/many@7.service" ]
	[ ! -e "$T/default.target.wants/many@.service" ]
}

@test "what is wrong is said with file and line, and the other units are made" {
	unit good.container <<<$'[Container]\nImage=x\n'
	unit key.container <<<$'[Container]\nImage=x\nRedOnly=true\n'
	unit section.container <<<$'[Container]\nImage=x\n[Instal]\nWantedBy=x\n'
	unit value.container <<<$'[Container]\nImage=x\nReadOnly=perhaps\n'
	unit quote.container <<<$'[Container]\nImage=x\nExec=sh "-c\n'
	unit type.container <<<$'[Container]\nImage=x\n[Service]\nType=forking\n'
	unit group.container <<<$'[Container]\nImage=x\nGroup=5\n'
	unit text.container <<<$'hello\n'
	unit p.pod <<<$'[Pod]\n'
	unit k.kube <<<$'[Kube]\n'
	unit in.container <<<$'[Container]\nImage=x\nPod=p.pod\n'
	unit b.build <<<$'[Build]\nImageTag=x\n'
	head -c 1100000 /dev/zero >"$T/units/zero.container"
	mkfifo "$T/units/fifo.container"
	quadlet
	eq "$status" 1
	has "$err" "key.container:3: RedOnly: [Container] has no such key, did you mean ReadOnly?"
	has "$err" "section.container:4: WantedBy: a .container has no section [Instal], did you mean [Install]?"
	has "$err" "value.container:3: ReadOnly: invalid value 'perhaps'"
	has "$err" "quote.container:3: Exec: a quote has no end"
	has "$err" "type.container:4: Type:"
	has "$err" "group.container:3: Group:"
	has "$err" "text.container:1: "
	has "$err" "p.pod: .pod units are not supported"
	has "$err" "k.kube: .kube units are not supported"
	has "$err" "in.container:3: Pod:"
	has "$err" "b.build: SetWorkingDirectory:"
	has "$err" "zero.container: "
	has "$err" "fifo.container: it is no regular file"
	eq "$(grep -c '^---' <<<"$out")" 1
	has "$out" "---good.service---"
	QUADLET_UNIT_DIRS=/no/such/folder capture "$QUADLET" -user -dryrun
	eq "$status$out$err" 0
	capture "$QUADLET" -nonsense
	eq "$status" 1
	capture "$QUADLET" -user
	eq "$status" 1
}

@test "the command of a service makes, replaces and removes the container" {
	unit $C.container <<-E
		[Container]
		Image=$IMAGE
		Exec=sleep 1000
		Network=none
		Environment="G=hello  there"
		StopTimeout=0
		CgroupsMode=enabled
		GlobalArgs=--root $W/store --runroot $XDG_RUNTIME_DIR/e2e-${W##*/}
	E
	quadlet
	eq "$status" 0
	local start stop
	start=$(key $C.service ExecStart) stop=$(key $C.service ExecStop)
	start=${start//%N/$C} stop=${stop//%N/$C}
	capture bash -c "$start"
	eq "$status" 0
	eq "$(dhow exec systemd-$C sh -c 'echo "$G"')" "hello  there"
	PODMAN_SYSTEMD_UNIT=$C.service capture bash -c "$start"
	eq "$status" 0
	eq "$(dhow inspect --format '{{index .Config.Labels "PODMAN_SYSTEMD_UNIT"}}' systemd-$C)" "$C.service"
	capture bash -c "$stop"
	eq "$status" 0
	run_exits 1 container exists systemd-$C
}

@test "what make install gives systemd: the generator by its name, and units that it accepts" {
	mkdir -p "$T/libexec" "$T/gen"
	"$REPO/units/install.sh" "$T" /usr "$(dirname "$QUADLET")"
	[ -x "$T/usr/lib/systemd/user-generators/dhow-user-generator" ]
	unit a.container <<<$'[Container]\nImage=x\n'
	QUADLET_UNIT_DIRS=$T/units capture "$T/usr/lib/systemd/user-generators/dhow-user-generator" "$T/gen" "$T/gen" "$T/gen"
	eq "$status" 0
	has "$(<"$T/gen/a.service")" "After=dhow-wait-online.service"
	! grep -r @BINDIR@ "$T/usr" || complain "a place is left open"
	command -v systemd-analyze >/dev/null || return 0
	sed -i "s|/usr/bin/dhow|$DHOW|" "$T"/usr/lib/systemd/user/*.service
	capture systemd-analyze verify --user --man=no "$T"/usr/lib/systemd/user/*
	[ "$status" = 0 ] || complain "systemd-analyze does not like it"
}

@test "a background container without lingering: one warning on a terminal, none elsewhere" {
	[ -d /run/systemd/system ] || skip "systemd does not run here"
	[ ! -e "/var/lib/systemd/linger/$USER" ] || skip "this user lingers"
	need script
	capture script -qec "$DHOW --root $W/store --runroot $XDG_RUNTIME_DIR/e2e-${W##*/} run -d --network none $IMAGE sleep 9" /dev/null
	has "$out" 'loginctl enable-linger'
	capture script -qec "$DHOW --root $W/store --runroot $XDG_RUNTIME_DIR/e2e-${W##*/} run -d --network none $IMAGE sleep 9" /dev/null
	hasnt "$out" linger
	run_ok run -d --network none $IMAGE sleep 9
	eq "$err" ""
}
