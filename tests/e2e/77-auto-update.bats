#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# auto-update: services with a newer image are restarted, and set back when that fails
load lib
load registry

# a service manager whose restart runs what $T/restart holds
manager() {
	mkdir -p "$T/bin"
	cat >"$T/bin/systemctl" <<-E
		#!/bin/bash
		echo "\$*" >>"$T/asked"
		case "\$*" in *" restart "*) PODMAN_SYSTEMD_UNIT=\${!#} bash "$T/restart" >>"$T/restarted" 2>&1 || { echo "Job for \${!#} failed." >&2; exit 1; } ;; esac
	E
	chmod 755 "$T/bin/systemctl"
	export PATH=$T/bin:$PATH DBUS_SESSION_BUS_ADDRESS=unix:path=$T/bus
	cat >"$T/restart" <<-E
		"$DHOW" --root "$W/store" --runroot "$XDG_RUNTIME_DIR/e2e-${W##*/}" run -d --replace --name $C --rm --network none \\
			--label io.containers.autoupdate=${1} $NAME sh -c 'test ! -e /broken || exit 1; sleep 1000'
		sleep 0.3
		"$DHOW" --root "$W/store" --runroot "$XDG_RUNTIME_DIR/e2e-${W##*/}" exec $C true
	E
	: >"$T/asked"
	PODMAN_SYSTEMD_UNIT=$C.service bash "$T/restart" >/dev/null
}
another() { # NAME COMMAND: a newer image of this name
	dhow create --name builder --network none "$IMAGE" sh -c "$2" >/dev/null
	dhow start -a builder
	dhow commit -q builder "$1" >/dev/null
	dhow rm builder >/dev/null
}
updated() { dhow auto-update --format '{{.Unit}} {{.ContainerName}} {{.Policy}} {{.Updated}}' "$@" 2>"$T/said"; }

@test "local: nothing new is false, a dry run says pending, an update restarts the service once" {
	NAME=localhost/local:1
	dhow tag "$IMAGE" $NAME
	manager local
	eq "$(updated)" "$C.service $C local false"
	another $NAME 'echo new >/news'
	eq "$(updated --dry-run)" "$C.service $C local pending"
	eq "$(<"$T/asked")" ""
	eq "$(updated)" "$C.service $C local true"
	has "$(<"$T/asked")" "restart $C.service"
	eq "$(dhow exec $C cat /news)" new
	eq "$(updated)" "$C.service $C local false"
	run_ok auto-update
	has "$out" "UNIT"
	has "$out" "UPDATED"
	run_ok auto-update --format json
	eq "$(jq -r '.[0].Image' <<<"$out")" $NAME
}

@test "a service that does not come up again is set back; without --rollback it is not" {
	NAME=localhost/local:2
	dhow tag "$IMAGE" $NAME
	manager local
	local id
	id=$(dhow inspect --format '{{.Image}}' $C)
	another $NAME 'touch /broken'
	eq "$(updated)" "$C.service $C local rolled back"
	has "$(<"$T/said")" "Warning: '$C.service' runs with the image that it had again"
	eq "$(dhow inspect --format '{{.Image}}' $C)" "$id"
	eq "$(dhow image inspect --format '{{.Id}}' $NAME)" "$id"
	another $NAME 'touch /broken'
	run_fails 125 auto-update --rollback=false --format '{{.Updated}}'
	eq "$out" failed
}

@test "registry: the registry's answer counts, without a pull in a dry run" {
	need docker-registry
	need skopeo
	unused_port
	registry_start r $port
	insecure localhost:$port
	NAME=localhost:$port/web:1
	dhow push -q --tls-verify=false "$IMAGE" docker://$NAME
	dhow pull -q --tls-verify=false $NAME >/dev/null
	manager registry
	eq "$(updated --tls-verify=false)" "$C.service $C registry false"
	another localhost/new 'echo new >/news'
	dhow push -q --tls-verify=false localhost/new docker://$NAME
	local id
	id=$(dhow image inspect --format '{{.Id}}' $NAME)
	eq "$(updated --dry-run)" "$C.service $C registry pending"
	eq "$(dhow image inspect --format '{{.Id}}' $NAME)" "$id"
	eq "$(updated)" "$C.service $C registry true"
	eq "$(dhow exec $C cat /news)" new
	registry_stop
	run_fails 125 auto-update
	has "$err" "cannot update container '$C'"
}

@test "what cannot be updated is said by name: no service, no registry, a wrong policy, no systemd" {
	NAME=localhost/local:4
	dhow tag "$IMAGE" $NAME
	manager local
	run_ok run -d --name no-unit --network none --label io.containers.autoupdate=local $NAME sleep 100
	run_ok run -d --name wrong --network none --label io.containers.autoupdate=sometimes $NAME sleep 100
	PODMAN_SYSTEMD_UNIT=x.service run_ok run -d --name no-registry --network none --label io.containers.autoupdate=registry $NAME sleep 100
	run_ok run -d --name off --network none --label io.containers.autoupdate=disabled $NAME sleep 100
	run_fails 125 auto-update --format '{{.ContainerName}} {{.Updated}}'
	has "$err" "cannot update container 'no-unit': it belongs to no service"
	has "$err" "cannot update container 'wrong': invalid io.containers.autoupdate 'sometimes'"
	has "$err" "cannot update container 'no-registry': image '$NAME' comes from no registry"
	hasnt "$out" "off"
	has "$out" "$C false"
	dhow rm -f -t 0 no-unit wrong no-registry >/dev/null
	another $NAME 'echo new >/news'
	export -n DBUS_SESSION_BUS_ADDRESS
	rm "$T/bin/systemctl"
	run_fails 125 auto-update
	has "$err" "service manager"
}
