# SPDX-License-Identifier: Apache-2.0
#
# Units of the user's systemd: made by `generate systemd` and by Quadlet, restarted, stopped, logged; and a restart policy. What stays enabled at the
# end is looked at by 20-after-reboot.bats, so this works in the user's own store.

bats_require_minimum_version 1.5.0

setup_file() {
	export PATH=/usr/local/bin:$PATH
	/dhow/tests/make-image.sh "$HOME/small"
	dhow pull -q "oci:$HOME/small:latest" >"$HOME/id"
	dhow tag "$(tail -1 "$HOME/id")" localhost/small:latest
	mkdir -p ~/.config/systemd/user ~/.config/containers/systemd
}
within() { # SECONDS COMMAND...
	local end=$((SECONDS + $1 + 1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || { echo "still not true: $*"; systemctl --user --no-pager status '*web*' '*new*' 2>&1 | tail -30; return 1; }
		sleep 0.2
	done
}
running() { [ "$(dhow inspect --format '{{.State.Status}}' "$1" 2>/dev/null)" = running ]; }
in_journal() { journalctl --user -q --no-pager "${@:2}" 2>/dev/null | grep -q "$1"; }
other_pid() { local pid; pid=$(dhow inspect --format '{{.State.Pid}}' "$1" 2>/dev/null) && [ -n "$pid" ] && [ "$pid" != 0 ] && [ "$pid" != "$2" ]; }

@test "a generated unit (--new) starts, is notified, logs to the journal, and comes back when its container is killed" {
	dhow create --name new --network none --log-driver journald --memory 60m localhost/small sh -c 'trap "exit 0" TERM; echo begun; while :; do sleep 0.2; done'
	(cd ~/.config/systemd/user && dhow generate systemd --new --files --name --restart-sec 1 --restart-policy always new)
	dhow rm new
	systemctl --user daemon-reload
	systemctl --user enable --now container-new
	within 30 running new
	[ "$(systemctl --user is-active container-new)" = active ]
	within 20 in_journal begun CONTAINER_NAME=new
	[[ $(cat "/sys/fs/cgroup$(dhow inspect --format '{{.State.CgroupPath}}' new)/memory.max") = 62914560 ]]
	local pid
	pid=$(dhow inspect --format '{{.State.Pid}}' new)
	kill -9 "$pid"
	within 30 other_pid new "$pid"
	within 10 running new
}

@test "the unit stops cleanly: the container handles its signal, nothing is left, systemd is content" {
	local begin=$SECONDS
	systemctl --user stop container-new
	[ $((SECONDS - begin)) -lt 20 ]
	run ! dhow container exists new
	[ "$(systemctl --user show -P Result container-new)" = success ]
	[ -z "$(systemctl --user list-units --no-legend --all 'dhow-*.scope')" ]
	systemctl --user start container-new
	within 20 running new
}

@test "a generated unit for a container that stays: start, kill, stop" {
	dhow create --name web --network none localhost/small sh -c 'trap "exit 0" TERM; echo begun; while :; do sleep 0.2; done'
	(cd ~/.config/systemd/user && dhow generate systemd --files --name --restart-sec 1 web)
	systemctl --user daemon-reload
	systemctl --user enable --now container-web
	within 20 running web
	[ "$(systemctl --user is-active container-web)" = active ]
	local pid
	pid=$(dhow inspect --format '{{.State.Pid}}' web)
	kill -9 "$pid"
	within 30 other_pid web "$pid"
	systemctl --user stop container-web
	run ! running web
	[ "$(systemctl --user show -P Result container-web)" = success ]
	systemctl --user start container-web
	within 20 running web
}

@test "a container with a restart policy comes back when it is killed, with a growing delay" {
	dhow run -d --name always --network none --restart always localhost/small sh -c 'trap "exit 0" TERM; while :; do sleep 0.2; done'
	local pid
	pid=$(dhow inspect --format '{{.State.Pid}}' always)
	kill -9 "$pid"
	within 20 other_pid always "$pid"
	[ "$(dhow inspect --format '{{.RestartCount}}' always)" -ge 1 ]
	dhow run -d --name stopped --network none --restart unless-stopped localhost/small sleep 1000
	dhow stop -t 0 stopped
	systemctl --user enable dhow-restart
}

@test "a Quadlet unit: found by the generator, started, restarted, logged, and bound by its limits" {
	cat >~/.config/containers/systemd/quad.container <<'UNIT'
[Unit]
Description=from a Quadlet file
[Container]
ContainerName=quad
Image=localhost/small:latest
Network=none
LogDriver=journald
Exec=sh -c 'trap "exit 0" TERM; echo quad begun; while :; do sleep 0.2; done'
PodmanArgs=--memory=70m
[Service]
Restart=always
RestartSec=1
[Install]
WantedBy=default.target
UNIT
	systemctl --user daemon-reload
	systemctl --user start quad.service
	within 30 running quad
	within 20 in_journal 'quad begun' CONTAINER_NAME=quad
	[[ $(cat "/sys/fs/cgroup$(dhow inspect --format '{{.State.CgroupPath}}' quad)/memory.max") = 73400320 ]]
	local pid
	pid=$(dhow inspect --format '{{.State.Pid}}' quad)
	kill -9 "$pid"
	within 30 other_pid quad "$pid"
	systemctl --user stop quad
	run ! dhow container exists quad
	[ "$(systemctl --user show -P Result quad)" = success ]
}
