/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/record.h - the words of create.json (private to engine/container)
 *
 * create.json is a record (base/record.h) of kind RECORD_KIND_CONTAINER whose body is one JSON object. Create writes it whole; start,
 * stop, exec, logs, ps and inspect read it; only rename and update write it again. What the OCI configuration can say is in config.json
 * beside it and not repeated here. A member that is missing has the value that is said in brackets, so that a reader never fails on it.
 * Members that only inspect and ps show may be added freely.
 *
 *	id, name			text
 *	argv				the program and its arguments, entrypoint included
 *	labels				{NAME: VALUE}
 *	mounts				the user's mounts and volumes as `inspect` shows them: [{"Type", "Name", "Source", "Destination", "RW", ...}]
 *	asked				options that only `inspect` shows, as they were asked for
 *	createdNs			nanoseconds since 1970
 *	image				{"name", "id", "manifest"}: text, "" with --rootfs
 *	layers				diffIDs "sha256:...", lowest first [none]
 *	rootfs				{"path": absolute directory, "overlay": bool}: --rootfs [null]
 *	uidMap, gidMap			idmap_format() text; [null: the default maps of the user]
 *	joins				{"network"|"pid"|"ipc"|"uts"|"user"|"cgroup": ID of a container}: start puts the path of the
 *					namespace of its init into config.json's linux.namespaces before the plan is made [{}]
 *	requires			IDs of containers that start first [none]
 *	terminal, interactive, remove, removeImage	bool [false]
 *	detachKeys			text [null: ctrl-p,ctrl-q]
 *	timeoutS			--timeout [0: none]
 *	cidFile, pidFile, conmonPidFile	absolute paths [null]
 *	runtime				struct runtime_extra, what config.json cannot say:
 *	  user				"NAME|UID[:GROUP|GID]" [null: config's numbers]
 *	  groupAdd			texts
 *	  keepGroups, setHome, createCwd	bool [false]
 *	  marks				bool: /run/.containerenv and /etc/mtab are made [false]
 *	  passwdEntry, groupEntry	whole lines [null]
 *	  hostUsers			passwd lines
 *	  initPath			--init: absolute path of the init on the host [null]
 *	  copyUps			[{"volume": name, "destination": path in the container}]: volumes that take the image's content if they
 *					are new; start asks the volume itself whether it still wants that
 *	  views				file systems that storage makes for a mount of config.json: [{"destination", "readOnly", "subpath" [null],
 *					and "layers", "manifest" (an image) or "path" (what an overlay lies on)}]
 *	  owners			mounts whose tree is given to the container's user (U): [{"destination", "path" | "volume" | none: a tmpfs}]
 *	network				what --network and its friends say:
 *	  mode				text for network_parse() ["" : the default]. container:ID is in joins too
 *	  ports				[{"hostIp": text|null, "hostPort": n, "containerPort": n, "range": n, "protocol": "tcp"}]; free host ports
 *					are chosen by create
 *	  dns, dnsSearch, dnsOptions, addHosts	texts
 *	  hosts				start writes containers/ID/hosts, which config.json mounts on /etc/hosts [false]
 *	  hostsFile			base file of it [null]
 *	  resolv			the same for containers/ID/resolv.conf [false]
 *	  hostname			start writes containers/ID/hostname with this name [null: it does not]. Also the name in hosts
 *	log				{"driver": log_driver name, "path": absolute path of the file [null: containers/ID/log], "maxBytes": n [0:
 *					no limit], "maxFiles": n [1]}
 *	stop				{"signal": n [15], "timeoutS": n [10]}
 *	restart				{"policy": "no"|"on-failure"|"always"|"unless-stopped", "max": n [0: no limit]}
 *	sdnotify			"container"|"conmon"|"healthy"|"ignore" ["container"]
 *	secrets				[{"id", "name", "type": "mount"|"env", "target", "uid", "gid", "mode"}]; the bytes of the N-th are in secrets/N [none]
 *	health				the health check, see engine/health.h [none]
 *	cgroup				{"mode": "enabled"|"disabled"|"no-conmon"|"split" ["enabled"], "parent": text [null]}
 *	working				of a working container: the image in the making (engine/build/working.c) [none: it is not one]
 *	limits				struct cgroup_limits: pidsMax [2048], pidsDefault bool [true when pidsMax is missing], memoryMax, memorySwapMax,
 *					memoryLow, cpuQuotaUs, cpuPeriodUs, cpuWeight, ioWeight [-1: unset], cpusetCpus, cpusetMems
 *					[null], files ["file=value"]
 */
#ifndef ENGINE_CONTAINER_RECORD_H
#define ENGINE_CONTAINER_RECORD_H

#define RECORD_KIND_CONTAINER	 "container"
#define RECORD_VERSION_CONTAINER 1

/* names in containers/ID */
#define FILE_CREATE   "create.json"
#define FILE_CONFIG   "config.json"
#define FILE_ALIVE    "alive"
#define FILE_STOPPING "stopping"
#define FILE_LOCK     "lock"
#define FILE_RUN      "run"
#define FILE_EXIT     "exit"
#define FILE_LOG      "log"
#define FILE_HOSTS    "hosts"
#define FILE_RESOLV   "resolv.conf"
#define FILE_HOSTNAME "hostname"

/* below the runtime directory: RUN_CONTAINERS/ID, with the attach socket and the network helper's files */
#define RUN_CONTAINERS	 "containers"
#define FILE_MONITOR_PID "conmon.pid"
#define SOCKET_ATTACH	 "attach"
#define DIR_EXEC	 "exec" /* detached exec sessions: a record {"pid", "startTicks"} by id */

/* records of the monitor, engine/monitor.h */
#define RECORD_KIND_RUN	    "container-run"
#define RECORD_KIND_EXEC    "container-exec"
#define RECORD_VERSION_EXEC 1
#define RECORD_KIND_EXIT    "container-exit"
#define RECORD_VERSION_RUN  1
#define RECORD_VERSION_EXIT 1

/* top level */
#define KEY_ID		    "id"
#define KEY_NAME	    "name"
#define KEY_ARGV	    "argv"
#define KEY_LABELS	    "labels"
#define KEY_MOUNTS	    "mounts"
#define KEY_ASKED	    "asked"
#define KEY_MANIFEST	    "manifest"
#define KEY_CREATED_NS	    "createdNs"
#define KEY_IMAGE	    "image"
#define KEY_LAYERS	    "layers"
#define KEY_ROOTFS	    "rootfs"
#define KEY_UID_MAP	    "uidMap"
#define KEY_GID_MAP	    "gidMap"
#define KEY_JOINS	    "joins"
#define KEY_REQUIRES	    "requires"
#define KEY_TERMINAL	    "terminal"
#define KEY_INTERACTIVE	    "interactive"
#define KEY_REMOVE	    "remove"
#define KEY_REMOVE_IMAGE    "removeImage"
#define KEY_DETACH_KEYS	    "detachKeys"
#define KEY_TIMEOUT_S	    "timeoutS"
#define KEY_CID_FILE	    "cidFile"
#define KEY_PID_FILE	    "pidFile"
#define KEY_CONMON_PID_FILE "conmonPidFile"
#define KEY_RUNTIME	    "runtime"
#define KEY_NETWORK	    "network"
#define KEY_LOG		    "log"
#define KEY_STOP	    "stop"
#define KEY_RESTART	    "restart"
#define KEY_SDNOTIFY	    "sdnotify"
#define KEY_CGROUP	    "cgroup"
#define KEY_SECRETS	    "secrets"
#define KEY_HEALTH	    "health"
#define KEY_LIMITS	    "limits"
#define KEY_WORKING	    "working"

/* of rootfs, log, stop, restart, cgroup */
#define KEY_PATH      "path"
#define KEY_OVERLAY   "overlay"
#define KEY_IDMAP     "idmap"
#define KEY_DRIVER    "driver"
#define KEY_MAX_BYTES "maxBytes"
#define KEY_MAX_FILES "maxFiles"
#define KEY_TAG	      "tag"
#define KEY_SIGNAL    "signal"
#define KEY_POLICY    "policy"
#define KEY_MAX	      "max"
#define KEY_MODE      "mode"
#define KEY_PARENT    "parent"

/* of runtime */
#define KEY_USER	 "user"
#define KEY_GROUP_ADD	 "groupAdd"
#define KEY_KEEP_GROUPS	 "keepGroups"
#define KEY_SET_HOME	 "setHome"
#define KEY_CREATE_CWD	 "createCwd"
#define KEY_MARKS	 "marks"
#define KEY_PASSWD_ENTRY "passwdEntry"
#define KEY_GROUP_ENTRY	 "groupEntry"
#define KEY_HOST_USERS	 "hostUsers"
#define KEY_INIT_PATH	 "initPath"
#define KEY_COPY_UPS	 "copyUps"
#define KEY_VOLUME	 "volume"
#define KEY_DESTINATION	 "destination"
#define KEY_VIEWS	 "views"
#define KEY_OWNERS	 "owners"
#define KEY_SUBPATH	 "subpath"
#define KEY_READ_ONLY	 "readOnly"

/* of secrets, besides id and name */
#define KEY_SECRET_TYPE	  "type"
#define KEY_SECRET_TARGET "target"
#define KEY_SECRET_UID	  "uid"
#define KEY_SECRET_GID	  "gid"
#define KEY_SECRET_MODE	  "mode"

/* of network */
#define KEY_PORTS	   "ports"
#define KEY_HOST_IP	   "hostIp"
#define KEY_HOST_PORT	   "hostPort"
#define KEY_CONTAINER_PORT "containerPort"
#define KEY_RANGE	   "range"
#define KEY_PROTOCOL	   "protocol"
#define KEY_DNS		   "dns"
#define KEY_DNS_SEARCH	   "dnsSearch"
#define KEY_DNS_OPTIONS	   "dnsOptions"
#define KEY_ADD_HOSTS	   "addHosts"
#define KEY_HOSTS	   "hosts"
#define KEY_HOSTS_FILE	   "hostsFile"
#define KEY_RESOLV	   "resolv"
#define KEY_HOSTNAME	   "hostname"

/* of limits */
#define KEY_PIDS_MAX	    "pidsMax"
#define KEY_PIDS_DEFAULT    "pidsDefault"
#define KEY_MEMORY_MAX	    "memoryMax"
#define KEY_MEMORY_SWAP_MAX "memorySwapMax"
#define KEY_MEMORY_LOW	    "memoryLow"
#define KEY_CPU_QUOTA_US    "cpuQuotaUs"
#define KEY_CPU_PERIOD_US   "cpuPeriodUs"
#define KEY_CPU_WEIGHT	    "cpuWeight"
#define KEY_IO_WEIGHT	    "ioWeight"
#define KEY_CPUSET_CPUS	    "cpusetCpus"
#define KEY_CPUSET_MEMS	    "cpusetMems"
#define KEY_FILES	    "files"

#endif
