#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# called by the name docker: what CI runners, editors and deploy tools call, and what they parse
load lib

prepare_file() {
	ln -s "$DHOW" "$W/docker"
	dhow tag $IMAGE docker.io/library/tool:1
}
docker() { "$W/docker" --root "$W/store" --runroot "$XDG_RUNTIME_DIR/e2e-${W##*/}" "$@" 3>&- 4>&-; }
docker_ok() {
	capture docker "$@"
	[ "$status" = 0 ] || complain "exit status $status, wanted 0"
}
docker_fails() { # CODE PART ARG...
	local want=$1 part=$2
	shift 2
	capture docker "$@"
	[ "$status" = "$want" ] || complain "exit status $status, wanted $want"
	has "$err" "$part"
}

@test "versions: what tools ask before they do anything" {
	docker_ok version --format '{{.Server.APIVersion}}'
	[[ $out =~ ^1\.[0-9]+$ ]]
	docker_ok version --format '{{.Client.APIVersion}}'
	[[ $out =~ ^1\.[0-9]+$ ]]
	docker_ok version --format '{{json .Server.Version}}'
	[[ $out =~ ^\"[0-9]+\.[0-9]+\.[0-9]+\"$ ]]
	docker_ok version -f '{{.Server.Os}}/{{.Server.Arch}}'
	has "$out" linux/
	docker_ok version --format '{{json .}}'
	eq "$(jq -r '.Client.ApiVersion' <<<"$out")" "$(jq -r '.Server.ApiVersion' <<<"$out")"
	docker_ok --version
	[[ $out =~ ^Docker\ version\ [0-9]+\.[0-9]+\.[0-9]+,\ build\ [^\ ]+$ ]]
	docker_ok info --format '{{.OSType}} {{.NCPU}} {{.CgroupVersion}} {{.Swarm.LocalNodeState}} {{.ServerVersion}}'
	[[ $out =~ ^linux\ [0-9]+\ 2\ inactive\ [0-9.]+$ ]]
	docker_ok info --format '{{json .SecurityOptions}}'
	has "$out" name=rootless
	docker_ok info --format '{{json .}}'
	eq "$(jq -r .DockerRootDir <<<"$out")" "$W/store"
}

@test "a CI runner: labels, a container that waits, exec, its state and ports, and away with it" {
	docker_ok ps --all --quiet --no-trunc --filter label=f00
	eq "$out" ""
	docker_ok create --name ${C}_job --label f00 --workdir /tmp --network none -e HOME=/github/home -e CI=true \
		-v "$T/work":/__w -v "$T/missing/dir":/data --entrypoint tail tool:1 -f /dev/null
	local id=$out
	[[ $id =~ ^[0-9a-f]{64}$ ]]
	[ -d "$T/missing/dir" ] || complain "the missing source of a bind mount was not made"
	docker_ok start "$id"
	docker_ok ps --all --filter id="$id" --filter status=running --no-trunc --format '{{.ID}} {{.Status}}'
	[[ $out =~ ^$id\ Up\  ]]
	docker_ok inspect --format '{{range .Config.Env}}{{println .}}{{end}}' "$id"
	has "$out" CI=true
	docker_ok inspect --format='{{if .Config.Healthcheck}}{{print .State.Health.Status}}{{end}}' "$id"
	eq "$out" ""
	docker_ok port "$id"
	docker_ok exec -i --workdir /__w -e STEP=1 "$id" sh -e -c 'echo $STEP $PWD'
	eq "$out" "1 /__w"
	capture docker exec -i "$id" sh -c 'exit 3'
	eq "$status" 3
	docker_ok inspect --type=container -f '{{.Name}} {{.Image}} {{.State.Status}} {{.State.Running}} {{.HostConfig.RestartPolicy.Name}}' "$id"
	[[ $out =~ ^/${C}_job\ sha256:[0-9a-f]{64}\ running\ true\ no$ ]]
	docker_ok ps --all --quiet --no-trunc --filter label=f00
	eq "$out" "$id"
	docker_ok rm --force "$id"
	docker_fails 1 "No such container: $id" rm "$id"
	docker_ok rm -f "$id"
}

@test "a build server: a container as the caller's user with the work folder, top, stop, remove with volumes" {
	docker_ok inspect -f . tool:1
	eq "$out" .
	docker_ok run -t -d -u "0:0" -w "$T" -v "$T:$T:rw,z" -e X=y --network none tool:1 cat
	local id=$out
	docker_ok top "$id" -eo pid,comm
	[[ $out =~ cat ]]
	docker_ok stop --time=1 "$id"
	docker_ok rm -f --volumes "$id"
	docker_fails 1 "No such object: $id" inspect -f . "$id"
}

@test "an editor: JSON a line, types, filters by label, the members that it reads" {
	docker_ok run --sig-proxy=false -a STDOUT -a STDERR --network none --mount "type=bind,source=$T,target=/workspaces/x" \
		-l devcontainer.local_folder=/x -l devcontainer.metadata='[{"a":1}]' --entrypoint /bin/sh tool:1 -c 'echo Container started'
	eq "$out" "Container started"
	docker_ok run -d --name $C --network none -l devcontainer.local_folder=/x tool:1 sleep 1000
	docker_ok ps -q -a --filter label=devcontainer.local_folder=/x --filter status=running
	eq "$(wc -l <<<"$out")" 1
	docker_ok container ls -a --no-trunc --format '{{json .}}'
	eq "$(wc -l <<<"$out")" 2
	eq "$(head -1 <<<"$out" | jq -r .Names)" $C # the newest first
	eq "$(head -1 <<<"$out" | jq -r '[.Labels, .Command, .Image, .State, .LocalVolumes] | join("|")')" \
		'devcontainer.local_folder=/x|"sleep 1000"|tool:1|running|0'
	[[ $(head -1 <<<"$out" | jq -r .CreatedAt) =~ ^[0-9-]{10}\ [0-9:]{8}\ \+0000\ UTC$ ]]
	docker_ok ps --format '{{.Label "devcontainer.local_folder"}}'
	eq "$out" /x
	docker_ok image ls --no-trunc --format '{{json .}}'
	eq "$(jq -r 'select(.Repository == "tool") | .Tag' <<<"$out")" 1
	[[ $(jq -r 'select(.Repository == "tool") | .ID' <<<"$out") =~ ^sha256: ]]
	docker_ok inspect --type image tool:1
	eq "$(jq -r '.[0].RepoTags | index("tool:1") != null' <<<"$out")" true
	eq "$(jq -r '.[0].Config.User' <<<"$out")" ""
	[[ $(jq -r '.[0].Id' <<<"$out") =~ ^sha256:[0-9a-f]{64}$ ]]
	docker_ok volume create data-1
	docker_ok volume create data-1
	docker_ok volume ls --format '{{json .}}'
	eq "$(jq -r .Name <<<"$out")" data-1
	docker_ok context ls --format '{{json .}}'
	eq "$(jq -r '.Name, .Current' <<<"$out" | tr '\n' ' ')" "default true "
	docker_ok context show
	eq "$out" default
	docker_ok context inspect --format '{{.Endpoints.docker.Host}}'
	docker_ok context use default
}

@test "a deploy tool: detached with a policy, by name and by service, logs, prune" {
	docker_ok run --detach --restart unless-stopped --name web-app-1 --network none --env A=b --log-opt max-size=10m --label service=app \
		--label role=web tool:1 sh -c 'echo ready; sleep 1000'
	docker_ok ps --filter 'name=^web-app-1$' --quiet
	[[ $out =~ ^[0-9a-f]{12}$ ]]
	docker_ok container ls --all --filter 'name=^web-app-1$' --format '{{.Names}}'
	eq "$out" web-app-1
	docker_ok ps --latest --format '{{.Names}}' --filter label=service=app --filter label=role=web --filter status=running --filter status=restarting
	eq "$out" web-app-1
	docker_ok inspect --format '{{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}}' web-app-1
	eq "$out" running
	docker_ok inspect -f '{{.HostConfig.RestartPolicy.Name}}' web-app-1
	eq "$out" unless-stopped
	wait_for 5 app_is_ready
	docker_ok logs web-app-1 --since 10m --tail 10
	eq "$out" ready
	docker_ok rename web-app-1 web-app-1_replaced
	docker_ok stop -t 0 web-app-1_replaced
	docker_ok container prune --force --filter label=service=app
	docker_ok image prune --force --filter label=service=app
	docker_ok ps -aq
	eq "$out" ""
}
app_is_ready() { [[ $(docker logs web-app-1) == *ready* ]]; }

@test "tables and headings are docker's" {
	docker_ok run -d --name $C --network none tool:1 sh -c 'sleep 1000; echo a very long command'
	docker_ok ps
	[[ $out =~ ^'CONTAINER ID   IMAGE     COMMAND                  CREATED'\ +STATUS\ +PORTS\ +NAMES ]]
	has "$out" '"sh -c '"'"'sleep 1000;…"' || has "$out" '"sh -c sleep 1000; e…"'
	docker_ok images
	[[ $out =~ ^REPOSITORY\ +TAG\ +'IMAGE ID'\ +CREATED\ +SIZE ]]
	docker_ok ps --format 'table {{.ID}}\t{{.Names}}'
	has "$out" "CONTAINER ID   NAMES"
}

@test "exit statuses and messages that scripts look for" {
	docker_fails 1 "No such container: nope" stop nope
	docker_fails 1 "No such container: nope" exec nope true
	docker_fails 1 "No such container: nope" logs nope
	docker_fails 1 "No such image: nope" rmi nope
	docker_fails 1 "No such object: nope" inspect nope
	eq "$out" "[]"
	docker_fails 125 "unknown flag" ps --no-such-flag
	docker_ok run -d --name $C --network none tool:1 sleep 1000
	docker_fails 125 "is already in use" run -d --name $C --network none tool:1 true
	docker_fails 127 "" run --rm --network none tool:1 no-such-program
	docker_fails 126 "" run --rm --network none tool:1 /etc
	docker_ok run --rm --network none tool:1 true
	eq "$err" ""
}

@test "what belongs to other machines and to swarm is refused by name" {
	local noun
	for noun in swarm stack service node plugin trust; do docker_fails 1 "'$noun' is not supported" $noun ls; done
	docker_fails 1 "this machine only" context create other --docker host=tcp://1.2.3.4
	docker_fails 1 "does not exist" context use other
	DOCKER_HOST=tcp://1.2.3.4:2375 docker_fails 125 DOCKER_HOST ps
	DOCKER_CONTEXT=other docker_fails 125 "context 'other'" ps
	DOCKER_HOST=unix:///var/run/docker.sock DOCKER_CONTEXT=default DOCKER_BUILDKIT=1 DOCKER_TLS_VERIFY='' docker_ok ps -q
	DOCKER_HOST=tcp://1.2.3.4:2375 docker_ok --context default ps -q
	DOCKER_CONTENT_TRUST=1 docker_fails 1 DOCKER_CONTENT_TRUST images
	docker_ok -D -l error --config "$T" -H unix:///x ps -q
	DOCKER_DEFAULT_PLATFORM=linux/s390x docker_fails 125 "" run --rm --pull never --network none tool:1 true
	DOCKER_DEFAULT_PLATFORM=linux/s390x docker_ok ps -q
	DOCKER_HOST=tcp://1.2.3.4:2375 run_ok ps -q # only the name docker speaks for docker's variables
}

@test "builders: setup scripts find one that runs, and are told that there is no other" {
	docker_ok buildx version
	[[ $out =~ [[:space:]]v[0-9]+\.[0-9]+\.[0-9]+ ]]
	docker_ok buildx ls
	has "$out" "default*"
	docker_ok buildx ls --format '{{.Name}} {{.Status}}'
	eq "$out" "default running"
	docker_ok buildx ls --format json
	eq "$(jq -r .Driver <<<"$out")" docker
	docker_ok buildx inspect --bootstrap
	has "$out" "Status:           running"
	docker_ok buildx use default
	docker_fails 1 'no builder "other" found' buildx use other
	docker_fails 1 "there is one builder, 'default'" buildx create --name other --use
	docker_fails 1 "there is one builder, 'default'" buildx rm other
	docker_fails 1 "'compose' is not supported: it asks a server" compose up -d
}

@test "small things that scripts say: volume create --name, inspect --type network, rm -f of nothing, steps of no date" {
	docker_ok volume create --name vol
	eq "$out" vol
	docker_ok volume inspect --format '{{.Name}}' vol
	eq "$out" vol
	docker_fails 125 "exclude each other" volume create --name vol other
	docker_ok volume rm -f vol never
	eq "$out" $'vol\nnever'
	docker_fails 1 "network bridge not found" inspect --type network bridge
	docker_ok history --format json tool:1
	eq "$(jq -rs '.[0] | keys | join(" ")' <<<"$out")" "Comment CreatedAt CreatedBy CreatedSince ID Size"
	hasnt "$out" sha256:
	hasnt "$out" "56 years"
	docker_ok history --no-trunc --format '{{.ID}}' tool:1
	[[ $out =~ ^(\<missing\>|sha256:[0-9a-f]{64}) ]]
}
