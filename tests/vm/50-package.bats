# SPDX-License-Identifier: Apache-2.0
#
# From the package to a running Quadlet service, by the steps of docs/units.md. The machine has installed the package (tests/vm/guest.sh), and this is a
# user who has never had dhow.

bats_require_minimum_version 1.5.0

within() { # SECONDS COMMAND...
	local end=$((SECONDS + $1 + 1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || { echo "still not true: $*"; return 1; }
		sleep 0.2
	done
}
answers() { [ "$(busybox wget -q -O - http://127.0.0.1:8080/)" = hello ]; }

@test "1: the package's dhow is the one that is there, and doctor has nothing to cure" {
	[ "$(command -v dhow)" = /usr/bin/dhow ]
	run dhow system doctor
	echo "$output"
	[ "$status" = 0 ]
}

@test "2: a unit is checked and installed" {
	/dhow/tests/make-image.sh "$HOME/small"
	dhow tag "$(dhow pull -q "oci:$HOME/small:latest" | tail -1)" localhost/small:latest
	cat >"$BATS_TEST_TMPDIR/web.container" <<'UNIT'
[Unit]
Description=A web server

[Container]
Image=localhost/small:latest
PublishPort=8080:80
Volume=web-data.volume:/data
Exec=sh -c 'echo hello >/data/index.html; exec httpd -f -p 80 -h /data'
HealthCmd=wget -q -O /dev/null http://127.0.0.1
HealthInterval=1s
Notify=healthy
AutoUpdate=local

[Service]
Restart=always

[Install]
WantedBy=default.target
UNIT
	echo "[Volume]" >"$BATS_TEST_TMPDIR/web-data.volume"
	cd "$BATS_TEST_TMPDIR"
	dhow quadlet install web.container web-data.volume
}

@test "3: it starts, is healthy, answers, logs, and stops" {
	systemctl --user start web.service
	[ "$(systemctl --user is-active web)" = active ]
	within 20 answers
	journalctl --user -q --no-pager -u web.service | grep -q .
	systemctl --user restart web.service
	within 20 answers
	systemctl --user stop web.service
	[ -z "$(dhow ps -q)" ]
	systemctl --user start web.service
}

@test "4: the nightly update can be enabled, and finds nothing new" {
	systemctl --user enable --now dhow-auto-update.timer
	[[ $(dhow auto-update --dry-run --format '{{.Unit}} {{.Updated}}') == "web.service false" ]]
}
