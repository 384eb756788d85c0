/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/capabilities.c - names of capabilities, and the five sets of a process
 *
 * The names are of the kernel's header. The kernel may know fewer (then the others cannot be given) or more (those are dropped from the
 * bounding set as well, because dropping goes on until the kernel says that there is none of that number).
 */
#include "engine/runtime/capabilities.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "engine/runtime.h"

#include <ctype.h>
#include <errno.h>
#include <linux/capability.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *const capability_names[] = {
	[CAP_CHOWN] = "CAP_CHOWN",
	[CAP_DAC_OVERRIDE] = "CAP_DAC_OVERRIDE",
	[CAP_DAC_READ_SEARCH] = "CAP_DAC_READ_SEARCH",
	[CAP_FOWNER] = "CAP_FOWNER",
	[CAP_FSETID] = "CAP_FSETID",
	[CAP_KILL] = "CAP_KILL",
	[CAP_SETGID] = "CAP_SETGID",
	[CAP_SETUID] = "CAP_SETUID",
	[CAP_SETPCAP] = "CAP_SETPCAP",
	[CAP_LINUX_IMMUTABLE] = "CAP_LINUX_IMMUTABLE",
	[CAP_NET_BIND_SERVICE] = "CAP_NET_BIND_SERVICE",
	[CAP_NET_BROADCAST] = "CAP_NET_BROADCAST",
	[CAP_NET_ADMIN] = "CAP_NET_ADMIN",
	[CAP_NET_RAW] = "CAP_NET_RAW",
	[CAP_IPC_LOCK] = "CAP_IPC_LOCK",
	[CAP_IPC_OWNER] = "CAP_IPC_OWNER",
	[CAP_SYS_MODULE] = "CAP_SYS_MODULE",
	[CAP_SYS_RAWIO] = "CAP_SYS_RAWIO",
	[CAP_SYS_CHROOT] = "CAP_SYS_CHROOT",
	[CAP_SYS_PTRACE] = "CAP_SYS_PTRACE",
	[CAP_SYS_PACCT] = "CAP_SYS_PACCT",
	[CAP_SYS_ADMIN] = "CAP_SYS_ADMIN",
	[CAP_SYS_BOOT] = "CAP_SYS_BOOT",
	[CAP_SYS_NICE] = "CAP_SYS_NICE",
	[CAP_SYS_RESOURCE] = "CAP_SYS_RESOURCE",
	[CAP_SYS_TIME] = "CAP_SYS_TIME",
	[CAP_SYS_TTY_CONFIG] = "CAP_SYS_TTY_CONFIG",
	[CAP_MKNOD] = "CAP_MKNOD",
	[CAP_LEASE] = "CAP_LEASE",
	[CAP_AUDIT_WRITE] = "CAP_AUDIT_WRITE",
	[CAP_AUDIT_CONTROL] = "CAP_AUDIT_CONTROL",
	[CAP_SETFCAP] = "CAP_SETFCAP",
	[CAP_MAC_OVERRIDE] = "CAP_MAC_OVERRIDE",
	[CAP_MAC_ADMIN] = "CAP_MAC_ADMIN",
	[CAP_SYSLOG] = "CAP_SYSLOG",
	[CAP_WAKE_ALARM] = "CAP_WAKE_ALARM",
	[CAP_BLOCK_SUSPEND] = "CAP_BLOCK_SUSPEND",
	[CAP_AUDIT_READ] = "CAP_AUDIT_READ",
	[38] = "CAP_PERFMON",
	[39] = "CAP_BPF",
	[40] = "CAP_CHECKPOINT_RESTORE",
};

#define CAPABILITY_COUNT ((int)ARRAY_SIZE(capability_names))

int capability_parse(const char *name)
{
	if (strncasecmp(name, "CAP_", 4) == 0)
		name += 4;

	for (int i = 0; i < CAPABILITY_COUNT; i++) {
		if (strcasecmp(name, capability_names[i] + 4) == 0)
			return i;
	}
	return -1;
}

const char *capability_name(int number)
{
	return number >= 0 && number < CAPABILITY_COUNT ? capability_names[number] : NULL;
}

int capability_last(void)
{
	static int known_last = -1; /* it is asked in loops */

	if (known_last < 0) {
		int last = CAPABILITY_COUNT - 1;

		while (last > 0 && prctl(PR_CAPBSET_READ, last, 0, 0, 0) < 0)
			last--;
		known_last = last;
	}
	return known_last;
}

int capabilities_from_json(const json_t *list, uint64_t *ret, struct err *err)
{
	uint64_t set = 0;
	size_t i;
	json_t *item;

	json_array_foreach (list, i, item) {
		const char *name = json_string_value(item);
		int number = name != NULL ? capability_parse(name) : -1;

		if (number < 0)
			return err_set(err, ERR_USAGE,
				       "cannot use the configuration: unknown capability '%s'",
				       name != NULL ? name : "(not a string)");
		set |= UINT64_C(1) << number;
	}
	*ret = set;
	return 0;
}

int capabilities_bound(uint64_t bounding)
{
	/* 64 is more than the kernel can ever have in its two words; EINVAL ends the list */
	for (int i = 0; i < 64; i++) {
		if (bounding & (UINT64_C(1) << i))
			continue;
		if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0)
			return errno == EINVAL ? 0 : -errno;
	}
	return 0;
}

/* Bits that the kernel does not know cannot be permitted. */
static uint64_t known(uint64_t set)
{
	return set & ((UINT64_C(2) << capability_last()) - 1);
}

int capabilities_set(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	permitted = known(permitted);
	effective &= permitted;
	inheritable = known(inheritable);
	for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		data[i].effective = (uint32_t)(effective >> (32 * i));
		data[i].permitted = (uint32_t)(permitted >> (32 * i));
		data[i].inheritable = (uint32_t)(inheritable >> (32 * i));
	}
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int capabilities_ambient(uint64_t ambient)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;

	for (int i = 0; i < CAPABILITY_COUNT; i++) {
		if (!(ambient & (UINT64_C(1) << i)))
			continue;
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0 && errno != EINVAL)
			return -errno;
	}
	return 0;
}
