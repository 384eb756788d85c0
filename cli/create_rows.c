/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/create_rows.c - the options that create and run share
 *
 * The engine takes struct container_create_opts as it is filled here and checks every text; whatever it cannot carry on this
 * machine it refuses with the reason. What no part of dhow carries is a row here that says why.
 */
#include "cli/rows.h"

#define T struct container_create_opts

const char *const pull_policy_words[] = {
	[PULL_MISSING] = "missing", [PULL_ALWAYS] = "always",	[PULL_NEVER] = "never",
	[PULL_NEWER] = "newer",	    [PULL_POLICY_COUNT] = NULL,
};

static const char *const image_volume_words[] = { "anonymous", "bind", "tmpfs", "ignore", NULL };
static const char *const restart_words[] = { "no", "on-failure", "always", "unless-stopped", NULL };
static const char *const log_driver_words[] = { "k8s-file", "json-file",   "journald",
						"none",	    "passthrough", "passthrough-tty",
						NULL };
static const char *const cgroups_words[] = { "enabled", "disabled", "no-conmon", "split", NULL };
static const char *const systemd_words[] = { "true", "false", "always", NULL };
static const char *const sdnotify_words[] = { "container", "conmon", "healthy", "ignore", NULL };
static const char *const network_words[] = { "none", "host", "slirp4netns", "private", NULL };
static const char *const userns_words[] = { "host", "keep-id", "auto", "nomap", NULL };
static const char *const namespace_words[] = { "private", "host", NULL };
static const char *const ipc_words[] = { "private", "host", "shareable", "none", NULL };

static const struct opt who_rows[] = {
	OPT_STRING(0, "name", T, name, "NAME", "name of the container"),
	OPT_STRING_GIVEN(0, "entrypoint", T, entrypoint, has_entrypoint, "PROGRAM",
			 "program, or a JSON list, in place of the image's entrypoint"),
	OPT_STRING('u', "user", T, user, "USER[:GROUP]", "who runs the program"),
	OPT_STRING('w', "workdir", T, workdir, "DIR", "where the program starts"),
	OPT_STRING('h', "hostname", T, hostname, "NAME", "name of the host inside"),
	OPT_LIST('l', "label", T, labels, "NAME=VALUE", "label the container"),
	OPT_LIST(0, "label-file", T, label_files, "FILE", "labels from the lines of a file"),
	OPT_LIST(0, "annotation", T, annotations, "NAME=VALUE", "annotate the container"),
	OPT_STRING(0, "cidfile", T, cidfile, "FILE", "write the id to a file"),
	OPT_STRING(0, "pidfile", T, pidfile, "FILE", "write the process id to a file"),
	OPT_STRING(0, "conmon-pidfile", T, conmon_pidfile, "FILE",
		   "write the monitor's process id to a file"),
	OPT_FLAG(0, "replace", T, replace, "remove a container that has this name first"),
	OPT_FLAG(0, "rm", T, rm, "remove the container when it ends"),
	OPT_REFUSED_VALUE(0, "pod", "there are no pods"),
	OPT_WORDS(0, "requires", T, requires, "CONTAINER", "start these containers first"),
	OPT_REFUSED_VALUE(0, "pod-id-file", "there are no pods"),
	OPT_REFUSED_VALUE(0, "domainname", "say --hostname with the whole name"),
	OPT_REFUSED_VALUE(0, "init-ctr", "there are no init containers"),
	OPT_REFUSED_VALUE(0, "runtime", "containers are started by dhow itself"),
	OPT_REFUSED_VALUE(0, "isolation", "that is for Windows"),
	OPT_REFUSED(0, "use-api-socket", "there is no server whose socket could be passed on"),
	OPT_END
};

static const struct opt image_option_rows[] = {
	OPT_INCLUDE(T, pull, struct image_pull_opts, pull_rows),
	OPT_STRING_OF(0, "pull", T, pull.policy, "POLICY", pull_policy_words,
		      "when to pull the image: missing, always, never, newer"),
	OPT_FLAG(0, "rootfs", T, rootfs, "the first argument is a directory, not an image"),
	OPT_STRING_OF(0, "image-volume", T, image_volume, "KIND", image_volume_words,
		      "what becomes of the image's volumes: bind, tmpfs, ignore"),
	OPT_END
};

static const struct opt environment_rows[] = {
	OPT_LIST('e', "env", T, env, "NAME[=VALUE]", "set a variable, or pass the caller's on"),
	OPT_LIST(0, "env-file", T, env_files, "FILE", "variables from the lines of a file"),
	OPT_LIST(0, "env-merge", T, env_merge, "NAME=VALUE",
		 "set a variable, with ${NAME} of the image in it"),
	OPT_FLAG(0, "env-host", T, env_host, "pass all of the caller's variables on"),
	OPT_LIST(0, "unsetenv", T, unset_env, "NAME", "leave out this variable of the image"),
	OPT_FLAG(0, "unsetenv-all", T, unset_env_all, "leave out the image's variables"),
	OPT_TRI(0, "http-proxy", T, http_proxy, "pass the proxy variables on"),
	OPT_STRING(0, "tz", T, tz, "ZONE", "time zone, or \"local\""),
	OPT_STRING(0, "umask", T, umask, "MODE", "file mode creation mask"),
	OPT_ALIAS("timezone", "tz"),
	OPT_END
};

static const struct opt stream_rows[] = {
	OPT_FLAG('i', "interactive", T, interactive, "keep stdin open"),
	OPT_FLAG('t', "tty", T, tty, "give the program a terminal"),
	OPT_WORDS('a', "attach", T, attach, "STREAM", "attach only to stdin, stdout, stderr"),
	OPT_STRING_OF(0, "log-driver", T, log_driver, "DRIVER", log_driver_words,
		      "where the output is kept: k8s-file, json-file, journald, none, passthrough"),
	OPT_LIST(0, "log-opt", T, log_opt, "NAME=VALUE", "max-size, max-file, path, tag"),
	OPT_END
};

static const struct opt file_rows[] = {
	OPT_LIST('v', "volume", T, volumes, "[SOURCE:]TARGET[:OPTIONS]",
		 "mount a directory or a volume"),
	OPT_LIST(0, "mount", T, mounts, "type=KIND,...", "mount, said in full"),
	OPT_LIST(0, "tmpfs", T, tmpfs, "TARGET[:OPTIONS]", "mount a file system in memory"),
	OPT_LIST(0, "volumes-from", T, volumes_from, "CONTAINER[:OPTIONS]",
		 "mount what another container has"),
	OPT_LIST(0, "secret", T, secrets, "SECRET[,OPTION...]", "pass a secret in"),
	OPT_LIST(0, "device", T, devices, "HOST[:TARGET[:MODE]]", "add a device of the host"),
	OPT_LIST(0, "chrootdirs", T, chroot_dirs, "DIR",
		 "keep /etc/hosts and the like for a change of root, too"),
	OPT_FLAG(0, "read-only", T, read_only, "make the root file system read-only"),
	OPT_TRI(0, "read-only-tmpfs", T, read_only_tmpfs,
		"with --read-only: /run, /tmp, /var/tmp can be written"),
	OPT_STRING(0, "shm-size", T, shm_size, "SIZE", "size of /dev/shm"),
	OPT_STRING(0, "shm-size-systemd", T, shm_size_systemd, "SIZE",
		   "size of the file systems that systemd wants"),
	OPT_STRING(0, "hosts-file", T, hosts_file, "FILE", "what /etc/hosts starts from"),
	OPT_REFUSED_VALUE(0, "storage-opt", "a size limit for one container cannot be kept"),
	OPT_REFUSED_VALUE(0, "volume-driver", "volumes are local directories"),
	OPT_END
};

static const struct opt namespace_rows[] = {
	OPT_STRING_OF(0, "userns", T, userns, "MODE", userns_words,
		      "user namespace: host, keep-id, auto, nomap, container:NAME"),
	OPT_STRING_OF(0, "pid", T, pid, "MODE", namespace_words,
		      "process namespace: private, host, container:NAME"),
	OPT_STRING_OF(0, "ipc", T, ipc, "MODE", ipc_words,
		      "IPC namespace: private, host, shareable, none, container:NAME"),
	OPT_STRING_OF(0, "uts", T, uts, "MODE", namespace_words,
		      "host name namespace: private, host, container:NAME"),
	OPT_STRING_OF(0, "cgroupns", T, cgroupns, "MODE", namespace_words,
		      "cgroup namespace: private, host"),
	OPT_WORDS(0, "uidmap", T, uidmap, "INSIDE:OUTSIDE[:COUNT]", "map user ids"),
	OPT_WORDS(0, "gidmap", T, gidmap, "INSIDE:OUTSIDE[:COUNT]", "map group ids"),
	OPT_STRING(0, "subuidname", T, subuidname, "NAME", "take the ranges of this name"),
	OPT_STRING(0, "subgidname", T, subgidname, "NAME", "take the group ranges of this name"),
	OPT_WORDS(0, "group-add", T, group_add, "GROUP", "add a group, or keep-groups"),
	OPT_WORDS(0, "hostuser", T, hostuser, "USER", "add an account of the host"),
	OPT_STRING(0, "passwd-entry", T, passwd_entry, "LINE", "line for /etc/passwd"),
	OPT_STRING(0, "group-entry", T, group_entry, "LINE", "line for /etc/group"),
	OPT_END
};

/* slirp4netns gives every container the same address in a network of its own */
#define NO_NETWORK "it needs a network with a name, and slirp4netns has none"

static const struct opt network_rows[] = {
	OPT_LIST_OF(0, "network", T, network, "MODE", network_words,
		    "none, host, slirp4netns[:OPTION,...], container:NAME, ns:PATH"),
	OPT_ALIAS("net", "network"),
	OPT_WORDS('p', "publish", T, publish, "[[IP:]PORT:]PORT[/PROTOCOL]",
		  "publish a port or a range of ports"),
	OPT_WORDS(0, "expose", T, expose, "PORT[/PROTOCOL]", "a port that -P publishes, too"),
	OPT_FLAG('P', "publish-all", T, publish_all, "publish all exposed ports"),
	OPT_REFUSED_VALUE(0, "network-alias", NO_NETWORK),
	OPT_ALIAS("net-alias", "network-alias"),
	OPT_WORDS(0, "add-host", T, add_host, "NAME:IP", "add a line to /etc/hosts"),
	OPT_WORDS(0, "dns", T, dns, "IP", "ask this name server"),
	OPT_WORDS(0, "dns-search", T, dns_search, "DOMAIN", "search names in this domain"),
	OPT_WORDS(0, "dns-option", T, dns_option, "OPTION", "option of resolv.conf"),
	OPT_ALIAS("dns-opt", "dns-option"),
	OPT_FLAG(0, "no-hosts", T, no_hosts, "leave the image's /etc/hosts alone"),
	OPT_FLAG(0, "no-hostname", T, no_hostname, "leave the image's /etc/hostname alone"),
	OPT_REFUSED_VALUE(0, "ip", NO_NETWORK),
	OPT_REFUSED_VALUE(0, "ip6", NO_NETWORK),
	OPT_REFUSED_VALUE(0, "mac-address", NO_NETWORK),
	OPT_REFUSED_VALUE(0, "link", "give both containers one network"),
	OPT_REFUSED_VALUE(0, "link-local-ip", "there are no link-local addresses to choose"),
	OPT_END
};

static const struct opt privilege_rows[] = {
	OPT_WORDS(0, "cap-add", T, cap_add, "CAPABILITY", "add a capability"),
	OPT_WORDS(0, "cap-drop", T, cap_drop, "CAPABILITY", "take a capability away"),
	OPT_LIST(0, "security-opt", T, security_opt, "OPTION",
		 "no-new-privileges, seccomp=FILE, mask=PATH, unmask=PATH and others"),
	OPT_REFUSED_VALUE(0, "device-cgroup-rule",
			  "a plain user may not change the device rules of a cgroup"),
	OPT_WORDS(0, "gpus", T, gpus, "GPU", "add GPUs"),
	OPT_FLAG(0, "privileged", T, privileged, "all that the caller has, and nothing masked"),
	OPT_STRING(0, "seccomp-policy", T, seccomp_policy, "POLICY",
		   "only default: an image does not choose its own"),
	OPT_END
};

const struct opt cpu_memory_rows[] = {
	OPT_STRING('m', "memory", T, memory, "SIZE", "limit of memory; 0: none"),
	OPT_STRING(0, "memory-swap", T, memory_swap, "SIZE", "limit of memory and swap"),
	OPT_UINT(0, "cpu-period", T, cpu_period, "MICROSECONDS", "period of --cpu-quota"),
	OPT_INT(0, "cpu-quota", T, cpu_quota, "MICROSECONDS", "time of the CPUs in a period"),
	OPT_UINT('c', "cpu-shares", T, cpu_shares, "N", "weight of its CPU time"),
	OPT_STRING(0, "cpuset-cpus", T, cpuset_cpus, "LIST", "these CPUs only"),
	OPT_STRING(0, "cpuset-mems", T, cpuset_mems, "LIST", "these memory nodes only"),
	OPT_END
};

/* those that `update` changes */
const struct opt limit_rows[] = {
	OPT_ROWS(cpu_memory_rows),
	OPT_STRING(0, "memory-reservation", T, memory_reservation, "SIZE",
		   "memory that is not taken away"),
	OPT_REFUSED_VALUE(0, "memory-swappiness", "cgroup v2 has nothing like it"),
	OPT_STRING(0, "cpus", T, cpus, "N", "number of CPUs, with a fraction; 0: no limit"),
	OPT_STRING(0, "pids-limit", T, pids_limit, "N", "number of processes, -1: no limit"),
	OPT_STRING(0, "blkio-weight", T, blkio_weight, "N", "weight of its input and output"),
	OPT_LIST(0, "blkio-weight-device", T, blkio_weight_device, "DEVICE:N",
		 "the same for one device"),
	OPT_LIST(0, "device-read-bps", T, device_read_bps, "DEVICE:RATE", "bytes per second"),
	OPT_LIST(0, "device-read-iops", T, device_read_iops, "DEVICE:RATE", "reads per second"),
	OPT_LIST(0, "device-write-bps", T, device_write_bps, "DEVICE:RATE", "bytes per second"),
	OPT_LIST(0, "device-write-iops", T, device_write_iops, "DEVICE:RATE", "writes per second"),
	OPT_REFUSED_VALUE(0, "cpu-rt-period", "cgroup v2 has no real-time scheduling"),
	OPT_REFUSED_VALUE(0, "cpu-rt-runtime", "cgroup v2 has no real-time scheduling"),
	OPT_REFUSED_VALUE(0, "kernel-memory", "cgroup v2 has no limit of kernel memory"),
	OPT_END
};

static const struct opt resource_rows[] = {
	OPT_WORDS(0, "ulimit", T, ulimit, "NAME=SOFT[:HARD]", "limit of a process"),
	OPT_WORDS(0, "sysctl", T, sysctl, "NAME=VALUE", "kernel parameter of a namespace"),
	OPT_WORDS(0, "cgroup-conf", T, cgroup_conf, "FILE=VALUE", "write a file of the cgroup"),
	OPT_STRING_OF(0, "cgroups", T, cgroups, "MODE", cgroups_words,
		      "whether it has a cgroup: enabled, disabled, no-conmon, split"),
	OPT_STRING(0, "cgroup-parent", T, cgroup_parent, "PATH", "cgroup to be below"),
	OPT_ROWS(limit_rows),
	OPT_STRING(0, "oom-score-adj", T, oom_score_adj, "N", "-1000 to 1000"),
	OPT_REFUSED(0, "oom-kill-disable", "cgroup v2 has nothing like it"),
	OPT_STRING(0, "personality", T, personality, "NAME", "execution domain: LINUX32"),
	OPT_REFUSED_VALUE(0, "rdt-class", "a plain user may not change resctrl"),
	OPT_REFUSED_VALUE(0, "cpu-count", "that is for Windows"),
	OPT_REFUSED_VALUE(0, "cpu-percent", "that is for Windows"),
	OPT_REFUSED_VALUE(0, "io-maxbandwidth", "that is for Windows"),
	OPT_REFUSED_VALUE(0, "io-maxiops", "that is for Windows"),
	OPT_END
};

static const struct opt life_rows[] = {
	OPT_FLAG(0, "init", T, init, "a small init that passes signals on and reaps"),
	OPT_STRING(0, "init-path", T, init_path, "FILE", "the init to use"),
	OPT_STRING_OF(0, "systemd", T, systemd, "MODE", systemd_words,
		      "prepare what systemd wants: true, false, always"),
	OPT_STRING_OF(0, "sdnotify", T, sdnotify, "MODE", sdnotify_words,
		      "who says READY to systemd: container, conmon, healthy, ignore"),
	OPT_STRING_OF(0, "restart", T, restart, "POLICY", restart_words,
		      "start again: no, on-failure[:N], always, unless-stopped"),
	OPT_STRING(0, "stop-signal", T, stop_signal, "SIGNAL", "signal that asks it to end"),
	OPT_STRING(0, "stop-timeout", T, stop_timeout, "SECONDS", "wait so long before SIGKILL"),
	OPT_UINT(0, "timeout", T, timeout_s, "SECONDS", "kill it after this time"),
	OPT_END
};

const struct opt health_rows[] = {
	OPT_STRING(0, "health-cmd", T, health_cmd, "COMMAND", "command that looks if it is well"),
	OPT_STRING(0, "health-interval", T, health_interval, "DURATION", "time between checks"),
	OPT_STRING(0, "health-retries", T, health_retries, "N", "failures until it is unhealthy"),
	OPT_STRING(0, "health-timeout", T, health_timeout, "DURATION", "time for one check"),
	OPT_STRING(0, "health-start-period", T, health_start_period, "DURATION",
		   "time in which failures do not count"),
	OPT_STRING(0, "health-on-failure", T, health_on_failure, "ACTION",
		   "none, kill, restart, stop"),
	OPT_STRING(0, "health-log-destination", T, health_log_destination, "PLACE",
		   "local, a directory, or events_logger"),
	OPT_STRING(0, "health-max-log-count", T, health_max_log_count, "N", "results to keep"),
	OPT_STRING(0, "health-max-log-size", T, health_max_log_size, "BYTES", "length of a result"),
	OPT_STRING(0, "health-startup-cmd", T, health_startup_cmd, "COMMAND",
		   "command that looks if it has started"),
	OPT_STRING(0, "health-startup-interval", T, health_startup_interval, "DURATION",
		   "time between its checks"),
	OPT_STRING(0, "health-startup-timeout", T, health_startup_timeout, "DURATION",
		   "time for one of them"),
	OPT_STRING(0, "health-startup-retries", T, health_startup_retries, "N",
		   "failures until it is restarted"),
	OPT_STRING(0, "health-startup-success", T, health_startup_success, "N",
		   "successes until it has started"),
	OPT_FLAG(0, "no-healthcheck", T, no_healthcheck, "do not use the image's check"),
	OPT_ALIAS("healthcheck-command", "health-cmd"),
	OPT_ALIAS("healthcheck-interval", "health-interval"),
	OPT_ALIAS("healthcheck-retries", "health-retries"),
	OPT_ALIAS("healthcheck-start-period", "health-start-period"),
	OPT_ALIAS("healthcheck-timeout", "health-timeout"),
	OPT_REFUSED_VALUE(0, "health-start-interval",
			  "say --health-startup-cmd and --health-startup-interval"),
	OPT_END
};

const struct opt create_rows[] = { OPT_ROWS(who_rows),	       OPT_ROWS(image_option_rows),
				   OPT_ROWS(environment_rows), OPT_ROWS(stream_rows),
				   OPT_ROWS(file_rows),	       OPT_ROWS(namespace_rows),
				   OPT_ROWS(network_rows),     OPT_ROWS(privilege_rows),
				   OPT_ROWS(resource_rows),    OPT_ROWS(life_rows),
				   OPT_ROWS(health_rows),      OPT_END };
