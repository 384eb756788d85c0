#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# unit check finds what is wrong with units before systemd does; quadlet installs, lists, prints and removes them
load lib

unit() { mkdir -p "$T/units" && cat >"$T/units/$1"; }
setup() {
	T=$W/t$BATS_TEST_NUMBER
	mkdir -p "$T/bin" "$T/installed"
	export QUADLET_UNIT_DIRS=$T/installed PATH=$T/bin:$PATH XDG_CONFIG_HOME=$W/config
	cd "$T"
	# a service manager that writes down what it is asked
	cat >"$T/bin/systemctl" <<-E
		#!/bin/bash
		echo "\$*" >>"$T/asked"
		case "\$*" in
		*is-active*) [ -e "$T/active" ] || exit 3 ;;
		*show*) printf 'LoadState=loaded\nActiveState=active\nSubState=running\n\n' ;;
		esac
	E
	chmod 755 "$T/bin/systemctl"
	export DBUS_SESSION_BUS_ADDRESS=unix:path=$T/bus
}

@test "a good unit has no finding, with all keys that depend on each other" {
	mkdir -p "$T/units/data" && touch "$T/units/env"
	unit good.container <<-E
		[Container]
		Image=example.com/x:1
		AddCapability=NET_RAW SYS_TIME
		Annotation=a=b "c=d e"
		AddHost=h:10.0.0.1
		DNS=10.0.0.1
		Environment=A=b
		EnvironmentFile=./env
		ExposeHostPort=80
		Group=5
		User=7
		HealthCmd=true
		HealthInterval=3s
		HealthRetries=3
		HealthStartPeriod=3s
		HealthOnFailure=kill
		HealthStartupCmd=true
		HealthStartupInterval=1s
		HostName=box
		LogDriver=k8s-file
		LogOpt=max-size=1m
		Mask=/a:/b
		Unmask=ALL
		Memory=64m
		Network=slirp4netns:mtu=1500
		NoNewPrivileges=true
		Notify=healthy
		PidsLimit=20
		PublishPort=127.0.0.1:8080-8081:80-81/tcp
		ReadOnly=true
		ReadOnlyTmpfs=false
		RunInit=true
		ShmSize=1m
		StopSignal=INT
		StopTimeout=%i
		Sysctl=net.ipv4.ip_forward=1
		Tmpfs=/t:size=1m
		Ulimit=nofile=5:6
		UserNS=keep-id:uid=5
		Volume=./data:/data:ro
		Volume=named:/n
		WorkingDir=/w
		AutoUpdate=registry
		Pull=newer
		Retry=3
		RetryDelay=5s
		PodmanArgs=--cpus 1 "--annotation=x=y z"
		Exec=sh -c "echo %n \$X"
	E
	unit v.volume <<<$'[Volume]\nLabel=a=b\nDevice=tmpfs\nType=tmpfs\nOptions=size=1m\n'
	unit i.image <<<$'[Image]\nImage=example.com/x:1\nTLSVerify=false\nPolicy=newer\n'
	unit b.build <<<$'[Build]\nImageTag=localhost/x\nSetWorkingDirectory=unit\nForceRM=true\nPull=newer\nBuildArg=A=b\n'
	run_ok unit check units
	eq "$out" ""
}

@test "each bad value is found with file, line and key; the exit status is 1" {
	unit bad.container <<-E
		[Container]
		Image=UPPER
		RedOnly=true
		PublishPort=99999:80
		Memory=12q
		Volume=/no/such/folder:/x
		Volume=data.volume:/d
		IP=10.0.0.1
		UserNS=foo
		Ulimit=nofile=a
		Pull=sometimes
		LogDriver=syslog
		AddCapability=NONSENSE
		PodmanArgs=--frob
		ReadOnly=maybe
		Network=net.network
		HealthInterval=soon
	E
	unit net.network <<<'[Network]'
	run_exits 1 unit check units/bad.container
	local line=2 key
	for key in Image RedOnly PublishPort Memory Volume Volume IP UserNS Ulimit Pull LogDriver AddCapability PodmanArgs ReadOnly Network HealthInterval; do
		has "$out" "units/bad.container:$line: $key: "
		line=$((line + 1))
	done
	eq "$(cut -d: -f2 <<<"$out" | sort -n)" "$(cut -d: -f2 <<<"$out")"
	run_exits 1 unit check missing.container
	eq "$(wc -l <<<"$out")" 1
	run_fails 125 unit check
}

@test "quadlet: install checks, copies and lets systemd read; list, print, rm" {
	unit web.container <<<$'[Container]\nImage=example.com/x:1\n'
	unit bad.container <<<$'[Container]\n'
	run_ok quadlet install units/web.container
	eq "$out" "$T/installed/web.container"
	has "$(<"$T/asked")" daemon-reload
	run_fails 125 quadlet install units/web.container
	has "$err" --replace
	run_ok quadlet install --replace units/web.container
	run_fails 125 quadlet install units/bad.container
	has "$err" "bad.container: Image: it needs Image="
	[ ! -e "$T/installed/bad.container" ]
	run_fails 125 quadlet install https://example.com/x.container
	run_fails 125 quadlet install bin/systemctl
	run_ok quadlet list --format '{{.Name}} {{.UnitName}} {{.Status}} {{.App}}'
	eq "$out" "web.container web.service active/running "
	run_ok quadlet list --filter name=other --format json
	eq "$(jq length <<<"$out")" 0
	run_fails 125 quadlet list --filter size=3
	run_ok quadlet print web.container
	eq "$out" "$(<units/web.container)"
	touch "$T/active"
	run_fails 125 quadlet rm web.container
	has "$err" --force
	run_ok quadlet rm --force web.container
	has "$(<"$T/asked")" "stop web.service"
	eq "$out" web.container
	run_fails 125 quadlet rm web.container
	run_ok quadlet rm --ignore web.container
}

@test "quadlet: a folder is installed whole and goes with its last unit; without systemd it is a warning" {
	unit a.container <<<$'[Container]\nImage=example.com/x:1\nEnvironmentFile=./sub/env\n'
	mkdir units/sub && echo A=b >units/sub/env
	mv units shop
	run_ok quadlet install shop
	eq "$(<"$T/installed/shop/sub/env")" A=b
	eq "$(dhow quadlet list --format '{{.Name}} {{.App}}')" "a.container shop"
	rm "$T/bin/systemctl"
	export -n DBUS_SESSION_BUS_ADDRESS
	PATH=/usr/bin:/bin XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR run_ok quadlet rm -a
	has "$err" "Warning: systemd has not read its units again"
	eq "$(grep -c Warning <<<"$err")" 1
}
