/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/profile.c - the default profile (R8): capabilities, masked and read-only paths
 *
 * The filter of system calls is in seccomp_default.c. Nothing else of the project writes any of this down.
 */
#include "engine/runtime.h"

#include <linux/capability.h>
#include <stdio.h>
#include <unistd.h>

static const int default_capabilities[] = {
	CAP_CHOWN,   CAP_DAC_OVERRIDE,	   CAP_FOWNER,	   CAP_FSETID,
	CAP_KILL,    CAP_NET_BIND_SERVICE, CAP_SETFCAP,	   CAP_SETGID,
	CAP_SETPCAP, CAP_SETUID,	   CAP_SYS_CHROOT,
};

void profile_capabilities(struct strv *ret_names)
{
	for (size_t i = 0; i < ARRAY_SIZE(default_capabilities); i++)
		strv_add(ret_names, capability_name(default_capabilities[i]));
	strv_sort(ret_names);
}

/* what docker and podman hide, together: state, control and measurements of the host */
static const char *const masked_paths[] = {
	"/proc/acpi",	     "/proc/asound",	"/proc/interrupts",
	"/proc/kcore",	     "/proc/keys",	"/proc/latency_stats",
	"/proc/sched_debug", "/proc/scsi",	"/proc/timer_list",
	"/proc/timer_stats", "/sys/dev/block",	"/sys/devices/virtual/powercap",
	"/sys/firmware",     "/sys/fs/selinux",
};

/* Temperatures tell what other containers do. One directory per processor, on machines that have them at all. */
static void add_thermal_paths(struct strv *paths)
{
	static const char format[] = "/sys/devices/system/cpu/cpu%ld/thermal_throttle";
	long count = sysconf(_SC_NPROCESSORS_CONF);
	char path[sizeof(format) + 20];

	snprintf(path, sizeof(path), format, 0L);
	if (access(path, F_OK) < 0)
		return;
	for (long i = 0; i < count; i++) {
		snprintf(path, sizeof(path), format, i);
		strv_add(paths, path);
	}
}

void profile_masked_paths(struct strv *ret_paths)
{
	for (size_t i = 0; i < ARRAY_SIZE(masked_paths); i++)
		strv_add(ret_paths, masked_paths[i]);
	add_thermal_paths(ret_paths);
}

void profile_read_only_paths(struct strv *ret_paths)
{
	static const char *const paths[] = { "/proc/asound", "/proc/bus", "/proc/fs",
					     "/proc/irq",    "/proc/sys", "/proc/sysrq-trigger" };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		strv_add(ret_paths, paths[i]);
}
