#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# looking at containers: top, stats, events, health; secrets; what the store takes on the disk
load lib

@test "top shows ids and names as the container sees them, and runs nothing in it" {
	run_ok run -d --name $C --network none -u 1234 $IMAGE sh -c 'sleep 777 & exec sleep 1000'
	wait_for 10 top_has $C "sleep 777"
	run_ok top $C
	[[ $out =~ ^USER\ +PID\ +PPID\ +%CPU\ +ELAPSED\ +TTY\ +TIME\ +COMMAND ]]
	[[ $out =~ 1234\ +1\ +0\  ]]
	run_ok top $C pid ppid args hpid
	[[ $out =~ $'\n1 '\ +0\ +sleep\ 1000\ +$(dhow inspect --format '{{.State.Pid}}' $C) ]]
	run_ok top $C -eo pid,comm
	[[ $out =~ ^PID\ +COMMAND$'\n1 '\ +sleep ]]
	run_fails 125 top $C nonsense
	has "$err" nonsense
	run_fails 125 top $C -Z
	run_ok stop -t 0 $C
	run_fails 125 top $C
	has "$err" "state improper"
}
top_has() { [[ $(dhow top "$1") == *"$2"* ]]; }

@test "a process cannot steer the terminal of top by its name" {
	run_ok run -d --name $C --network none $IMAGE sh -c 'sleep 1000; :' $'a\033[31m'
	run_ok top $C args
	has "$out" '\x1b[31m'
	hasnt "$out" $'\033'
}

@test "stats counts processes, and says when they are all that it has" {
	run_ok run -d --name $C --network none $IMAGE sleep 1000
	run_ok stats --no-stream --format json $C
	eq "$(jq -r '.[0].name' <<<"$out")" $C
	eq "$(jq -r '.[0].pids' <<<"$out")" 1
	run_ok stats --no-stream --format '{{.Name}} {{.PIDs}}'
	eq "$out" "$C 1"
	run_ok stop -t 0 $C
	run_ok stats --no-stream --format '{{.Name}}'
	eq "$out" ""
}

@test "a secret is a file with owner and mode, or a variable, and in no record" {
	printf 'Zq7-needle' >"$T/s"
	run_ok secret create $C "$T/s"
	[[ $out =~ ^[0-9a-f]{25}$ ]]
	run_fails 125 secret create $C "$T/s"
	run_ok run --rm --network none --secret $C $IMAGE sh -c "cat /run/secrets/$C; stat -c ' %u:%g:%a' /run/secrets/$C"
	eq "$out" "Zq7-needle 0:0:444"
	run_ok run --rm --network none --secret $C,target=/etc/t,uid=7,gid=8,mode=400 $IMAGE stat -c %u:%g:%a /etc/t
	eq "$out" 7:8:400
	run_ok run -d --name $C --network none --secret $C,type=env,target=PW $IMAGE sleep 1000
	run_ok secret rm $C
	run_ok exec $C sh -c 'echo $PW'
	eq "$out" Zq7-needle
	run_ok inspect $C
	hasnt "$out" Zq7
	! grep -rq Zq7 "$W/store/containers/"*/*.json || complain "the secret is in a record"
	run_fails 125 run --rm --secret $C $IMAGE true
	run_fails 125 run --rm --secret $C,type=x $IMAGE true
	run_fails 125 secret rm $C
}

@test "a health check goes from starting to healthy to unhealthy, with its log" {
	run_ok run -d --name $C --network none --health-cmd 'echo looked; test -e /tmp/ok' --health-retries 2 --health-interval disable $IMAGE sleep 1000
	run_ok inspect --format '{{.State.Health.Status}}' $C
	eq "$out" starting
	run_exits 1 healthcheck run $C
	run_ok exec $C touch /tmp/ok
	run_ok healthcheck run $C
	run_ok ps --format '{{.Status}}'
	has "$out" "(healthy)"
	run_ok wait --condition healthy $C
	run_ok exec $C rm /tmp/ok
	run_exits 1 healthcheck run $C
	run_exits 1 healthcheck run $C
	run_ok inspect $C
	eq "$(jq -c '.[0].State.Health | [.Status, .FailingStreak, (.Log | length), .Log[-1].ExitCode, .Log[-1].Output]' <<<"$out")" '["unhealthy",2,4,1,"looked\n"]'
	run_ok ps -q --filter health=unhealthy
	[ -n "$out" ] || complain "the filter finds nothing"
	run_ok events --stream=false --filter container=$C --filter event=health_status --format '{{.HealthStatus}}'
	eq "$out" $'healthy\nunhealthy'
	run_ok restart -t 0 $C
	run_ok inspect --format '{{.State.Health.Status}} {{.State.Health.FailingStreak}}' $C
	eq "$out" "starting 0"
}

@test "a check that hangs is killed, and on-failure acts" {
	run_ok run -d --name $C --network none --health-cmd 'echo slow; sleep 1000' --health-timeout 1s --health-retries 1 --health-on-failure kill $IMAGE sleep 1000
	run_exits 1 healthcheck run $C
	run_ok inspect --format '{{.State.Status}} {{.State.ExitCode}}' $C
	eq "$out" "exited 137"
	run_fails 125 run --rm --health-interval 3s $IMAGE true
	has "$err" "--health-interval"
	run_fails 125 run --rm --health-cmd x --health-retries 0 $IMAGE true
}

@test "events go to who follows, and filters choose" {
	start_background dhow events --since "$(date +%s)" --filter type=secret --filter secret=$C --format '{{.Status}} {{.Name}}'
	printf x >"$T/s"
	run_ok secret create $C "$T/s"
	run_ok secret rm $C
	wait_for 10 grep -qx "remove $C" "$T/background.out"
	eq "$(cat "$T/background.out")" "create $C"$'\n'"remove $C"
	run_ok events --stream=false --since 1h --until 0s --format json
	eq "$(tail -1 <<<"$out" | jq -r .Type)" secret
	run_fails 125 events --filter nonsense=1
	run_fails 125 events --since yesterday
}

@test "system df adds up to what du says, and prune says what was had back" {
	run_ok run --name $C --network none -v $C:/v $IMAGE sh -c 'head -c 3000000 /dev/zero >/x; head -c 5000000 /dev/zero >/v/y; mkdir -m 700 /z; chown 5 /z'
	run_ok system df --format '{{.RawSize}}'
	local sum=$(($(tr '\n' + <<<"$out")0)) disk
	disk=$(dhow unshare du -sB1 "$W/store" | cut -f1)
	((sum <= disk && sum * 100 >= disk * 98)) || complain "df says $sum, du says $disk"
	run_ok system df -v
	has "$out" "Local Volumes space usage:"
	local before=$disk
	run_ok system prune -f --volumes
	has "$out" "Deleted Containers"
	disk=$(dhow unshare du -sB1 "$W/store" | cut -f1)
	((before - disk > 8000000)) || complain "only $((before - disk)) bytes were freed"
	# what it says is what the disk got back, within 1 %
	local said=$(awk '/Total reclaimed space: /{ sub(/MB$/, "", $4); print int($4 * 1000000) }' <<<"$out") had=$((before - disk))
	((said * 100 >= had * 99 && said * 100 <= had * 101)) || complain "prune says $said, the disk got $had"
}

@test "ps -s says what the disk says" {
	run_ok run --name $C --network none $IMAGE sh -c 'head -c 3000001 /dev/urandom >/x; mkdir -p /d/e; for i in 1 2 3 4 5 6 7 8 9; do echo $i >/d/e/$i; done; chown 5 /d'
	local said disk id
	id=$(dhow inspect --format '{{.Id}}' $C)
	said=$(dhow ps -a -s --filter name=$C --format json | jq '.[0].Size.rwSize')
	disk=$(dhow unshare du -sB1 "$W/store/containers/$id/upper" | cut -f1)
	((said * 100 >= disk * 99 && said * 100 <= disk * 101)) || complain "ps says $said, du says $disk"
}

@test "prune says what will go before it asks" {
	run_ok volume create $C-v
	run_ok create --name $C --network none -v $C-used:/v $IMAGE true
	dhow tag $IMAGE localhost/only:1
	printf 'FROM %s\nENV x=%s\n' $IMAGE $C >Dockerfile
	run_ok build -q -t $C-image .
	run_ok volume prune </dev/null
	has "$out" "The following volumes will be removed:"$'\n'"$C-v"
	hasnt "$out" "$C-used"
	run_ok volume exists $C-v
	run_ok container prune </dev/null
	has "$out" "  $C"
	run_ok image prune -a </dev/null
	has "$out" "  localhost/$C-image:latest"
	run_ok system prune -a --volumes </dev/null
	for what in "container " "  $C" "volume $C-v" "volume $C-used" "localhost/$C-image:latest"; do has "$out" "$what"; done
	run_ok container exists $C
	run_ok rmi $C-image
}

@test "ps remembers what does not run, and is never wrong because of it" {
	local i index="$XDG_RUNTIME_DIR/e2e-${W##*/}/container-index"
	for i in $(seq 40); do run_ok create --name $C-$i --network none -p $((20000 + i)):80 $IMAGE sleep $i; done
	run_ok ps -a
	local first=$out
	sleep 2.1 # a directory that changed a moment ago is read again
	run_ok ps -a --format '{{.ID}} {{.Ports}} {{.Command}} {{.Names}} {{.State}}'
	local texts=$out
	[ -s "$index" ] || complain "there is no index"
	# from the index; from the records; by the long way, which a filter takes
	run_ok ps -a --format '{{.ID}} {{.Ports}} {{.Command}} {{.Names}} {{.State}}'
	eq "$out" "$texts"
	run_ok ps -a --filter status=created --format '{{.ID}} {{.Ports}} {{.Command}} {{.Names}} {{.State}}'
	eq "$out" "$texts"
	# each change is seen at once
	run_ok rename $C-7 $C-seven
	run_ok start $C-8
	run_ok rm $C-9
	run_ok create --name $C-41 --network none $IMAGE sleep 41
	run_ok ps -a --format '{{.Names}} {{.State}}'
	has "$out" "$C-seven created"
	has "$out" "$C-8 running"
	hasnt "$out" "$C-9 "
	has "$out" "$C-41 created"
	run_ok kill $C-8
	run_ok wait $C-8
	run_ok ps -a --format '{{.Names}} {{.Status}}'
	has "$out" "$C-8 Exited (137)"
	# damage is no news
	run_ok ps -a --format '{{.Names}}'
	texts=$out
	for i in 20 100 3000; do
		printf '%032d' 7 | dd of="$index" bs=1 seek=$i conv=notrunc status=none
		run_ok ps -a --format '{{.Names}}'
		eq "$out" "$texts"
	done
	run_ok rm -fa
}

@test "a container has the marks that programs look for, and an image none of them" {
	run_ok run --name $C --network none $IMAGE sh -c 'test -e /run/.containerenv && readlink /etc/mtab'
	eq "$out" /proc/mounts
	run_ok diff $C
	hasnt "$out" containerenv
	hasnt "$out" mtab
	run_ok run --rm --network none --privileged --name $C-2 $IMAGE grep name= /run/.containerenv
	has "$out" "name=\"$C-2\""
	# not into a directory of the host
	mkdir "$T/run" "$T/etc"
	run_ok run --rm --network none --no-hosts -v "$T/run:/run" -v "$T/etc:/etc" $IMAGE true
	[ ! -e "$T/run/.containerenv" ] || complain "the host's directory was written to"
	[ ! -L "$T/etc/mtab" ] || complain "the host's directory was written to"
	run_ok --noout run --rm --network none $IMAGE echo hi
	eq "$out" ""
	run_ok --out "$T/o" run --rm --network none $IMAGE echo hi
	eq "$(cat "$T/o")" hi
	run_fails 125 --events-backend journald ps
}

@test "wait, start and filters answer as scripts expect" {
	run_ok create --name $C --network none $IMAGE sleep 1000
	run_ok wait $C
	eq "$out" 0
	run_ok run -d --name $C-up --network none --restart always $IMAGE sleep 1000
	run_ok start --all
	eq "$out" "$(dhow inspect --format '{{.Id}}' $C)"
	run_ok ps -a --filter restart-policy=no --format '{{.Names}}'
	eq "$out" $C
	run_fails 125 start --filter restart-policy=nonsense
	has "$err" nonsense
	run_fails 125 kill -s 0 $C-up
	has "$err" "invalid signal: 0"
}

@test "who asks for networks hears that there are none, and why one cannot be made" {
	run_ok network ls --format '{{.Name}}'
	eq "$out" ""
	run_exits 1 network exists podman
	run_ok network prune -f
	run_fails 125 network create $C
	has "$err" slirp4netns
	run ! dhow network inspect $C
}

@test "templates find what JSON leaves out, print times as podman does, and keep their tabs" {
	run_ok create --name $C --network none -v "$T:/host" $IMAGE
	eq "$(dhow inspect -f '{{if .State.Health}}y{{else}}none{{end}} {{range .Mounts}}[{{.Name}}{{.Type}}]{{end}}' $C)" "none [bind]"
	run_fails 125 inspect -f '{{.State.Health.Status}}' $C
	[[ $(dhow inspect -f '{{.Created}}' $C) =~ ^[0-9-]{10}\ [0-9:.]+\ \+0000\ UTC$ ]]
	[[ $(dhow inspect -f '{{json .Created}}' $C) =~ ^\"[0-9-]{10}T[0-9:.]+Z\"$ ]]
	eq "$(dhow image inspect -f '{{.Config.User}}|{{.Config.Volumes}}|{{.Config.Healthcheck}}' $IMAGE)" "|map[]|<no value>"
	eq "$(dhow ps -a --format '{{.Names}}\t{{.State}}' --filter name=$C)" "$C"$'\t'created
	eq "$(dhow ps -a --noheading --format 'table {{.Names}}\t{{.Image}}x' --filter name=$C | tr -s ' ' _)" "${C}_$(dhow ps -a --format '{{.Image}}x' --filter name=$C)"
	eq "$(dhow version --format '{{.Version}} {{.Server.Version}} {{.Client.Version}}' | tr ' ' '\n' | sort -u | wc -l)" 1
	run_ok rm $C
}

@test "sentences and statuses that scripts know" {
	run_ok run -d --name $C --network none $IMAGE sleep 1000
	run_fails 125 cp "$T/none" $C:/tmp
	eq "$(head -1 <<<"$err")" "Error: \"$T/none\" could not be found on the host: no such file or directory"
	echo x >"$T/x"
	run_fails 125 cp "$T/x" $C:/none/
	eq "$(head -1 <<<"$err")" "Error: \"/none/\" could not be found on container $C: no such file or directory"
	! dhow cp - $C:/tmp <"$T/x" 2>"$T/e" || false
	has "$(cat "$T/e")" "source must be a (compressed) tar archive when copying from stdin"
	run_fails 125 cp $C:/etc/passwd /dev/null
	has "$err" 'invalid destination: "/dev/null" must be a directory or a regular file'
	run_fails 2 rm $C
	has "$err" "cannot be removed without force: container state improper"
	run_ok create --name $C.2 --network container:$C $IMAGE /no/such
	run_fails 125 start $C.2
	id=$(dhow inspect -f '{{.Id}}' $C.2)
	run_ok rm -f -t 0 --depend $C
	has "$out" "$id"
	run_ok volume create $C.v
	run_fails 125 volume create $C.v
	has "$err" "volume with name $C.v already exists: volume already exists"
	run_ok run --rm --network none -v $C.v:/v -v $C.v:/v $IMAGE true
	run_fails 125 run --rm --network none -v $C.v:/v -v "$T:/v" $IMAGE true
	has "$err" "duplicate mount destination"
	run_ok volume rm $C.v
	run_fails 125 kill -s -BOGUS x
	eq "$(head -1 <<<"$err")" "Error: invalid signal: -BOGUS"
}
