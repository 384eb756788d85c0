# SPDX-License-Identifier: Apache-2.0
#
# auto-update of a Quadlet unit under the real systemd: a newer image is taken, and given up when the unit does not become healthy with it

bats_require_minimum_version 1.5.0

setup_file() {
	export PATH=/usr/local/bin:$PATH
	dhow image exists localhost/small || {
		/dhow/tests/make-image.sh "$HOME/small"
		dhow tag "$(dhow pull -q "oci:$HOME/small:latest" | tail -1)" localhost/small:latest
	}
	mkdir -p ~/.config/containers/systemd
	version first ok
	cat >~/.config/containers/systemd/fresh.container <<'UNIT'
[Container]
ContainerName=fresh
Image=localhost/fresh:latest
Network=none
LogDriver=journald
AutoUpdate=local
Exec=sh -c 'trap "exit 0" TERM; cat /version; while :; do sleep 0.2; done'
HealthCmd=grep -q ok /state
HealthInterval=1s
HealthRetries=2
Notify=healthy
[Service]
TimeoutStartSec=40
Restart=no
UNIT
	systemctl --user daemon-reload
}
teardown_file() {
	systemctl --user stop fresh || :
	rm -f ~/.config/containers/systemd/fresh.container
	systemctl --user daemon-reload
}
# the image, with a word for the version and one for the health check
version() { # VERSION STATE
	dhow rm -f -t 0 make >/dev/null 2>&1 || :
	dhow run --name make --network none localhost/small sh -c "echo $1 >/version; echo $2 >/state"
	dhow commit -q make localhost/fresh:latest
	dhow rm make >/dev/null
}
shows() { [ "$(dhow exec fresh cat /version)" = "$1" ]; }

@test "the unit is ready when its container is healthy" {
	systemctl --user start fresh
	[ "$(dhow inspect --format '{{.State.Health.Status}}' fresh)" = healthy ]
	shows first
	[[ $(dhow auto-update --dry-run --format '{{.Unit}} {{.Updated}}') == "fresh.service false" ]]
}

@test "a newer image is taken" {
	version second ok
	[[ $(dhow auto-update --dry-run --format '{{.Unit}} {{.Updated}}') == "fresh.service pending" ]]
	shows first
	[[ $(dhow auto-update --format '{{.Unit}} {{.Updated}}') == "fresh.service true" ]]
	shows second
	[ "$(systemctl --user is-active fresh)" = active ]
}

@test "one that does not become healthy is given up: the unit runs with the image that it had" {
	version third bad
	run dhow auto-update --format '{{.Unit}} {{.Updated}}'
	echo "$output"
	[[ $output == *"fresh.service rolled back"* ]]
	shows second
	[ "$(systemctl --user is-active fresh)" = active ]
	[ "$(dhow inspect --format '{{.State.Health.Status}}' fresh)" = healthy ]
}

@test "journald has podman's fields, and the unit's" {
	local entry
	entry=$(journalctl --user -q --no-pager -o json -n 1 CONTAINER_NAME=fresh MESSAGE=second)
	[ "$(jq -r .CONTAINER_ID_FULL <<<"$entry" | wc -c)" = 65 ]
	[ "$(jq -r ._SYSTEMD_USER_UNIT <<<"$entry")" = fresh.service ]
}
