/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/step_rows.c - the options of what the steps of builds run with: `build` and `builder from`
 */
#include "cli/rows.h"

static const char *const network_words[] = { "none", "host", "slirp4netns", "private", NULL };

#define T struct container_create_opts
const struct opt step_rows[] = {
	OPT_ROWS(cpu_memory_rows),
	OPT_LIST('v', "volume", T, volumes, "DIR:TARGET[:OPTIONS]",
		 "mount a directory in every step"),
	OPT_LIST(0, "device", T, devices, "HOST[:TARGET[:MODE]]", "add a device"),
	OPT_WORDS(0, "cap-add", T, cap_add, "CAPABILITY", "give steps a capability"),
	OPT_WORDS(0, "cap-drop", T, cap_drop, "CAPABILITY", "take a capability from steps"),
	OPT_LIST(0, "security-opt", T, security_opt, "OPTION", "seccomp=, label=, mask=, unmask="),
	OPT_WORDS(0, "group-add", T, group_add, "GROUP", "add a group"),
	OPT_LIST_OF(0, "network", T, network, "MODE", network_words,
		    "network of steps: none, host, slirp4netns, private"),
	OPT_ALIAS("net", "network"),
	OPT_LIST(0, "add-host", T, add_host, "NAME:IP", "line for /etc/hosts of steps"),
	OPT_WORDS(0, "dns", T, dns, "ADDRESS", "name server of steps"),
	OPT_WORDS(0, "dns-option", T, dns_option, "OPTION", "option of resolv.conf"),
	OPT_WORDS(0, "dns-search", T, dns_search, "DOMAIN", "search domain of resolv.conf"),
	OPT_WORDS(0, "ulimit", T, ulimit, "NAME=SOFT[:HARD]", "limit of steps"),
	OPT_STRING(0, "shm-size", T, shm_size, "SIZE", "size of /dev/shm"),
	OPT_STRING(0, "cgroup-parent", T, cgroup_parent, "PATH", "cgroup that steps are put below"),
	OPT_STRING(0, "cgroupns", T, cgroupns, "MODE", "cgroup namespace of steps"),
	OPT_STRING(0, "ipc", T, ipc, "MODE", "IPC namespace of steps"),
	OPT_STRING(0, "pid", T, pid, "MODE", "process namespace of steps"),
	OPT_STRING(0, "uts", T, uts, "MODE", "host name namespace of steps"),
	OPT_END
};
