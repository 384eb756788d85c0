/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootless/sandbox_landlock.c - files and ports of a sandbox, by Landlock
 *
 * What a kernel knows depends on its ABI number: 1 (5.13) files, 2 (5.19) links and renames between directories, 3 (6.2) truncate,
 * 4 (6.7) TCP ports, 5 (6.10) ioctl of devices, 6 (6.12) signals and abstract sockets. Newer bits than the kernel's are left out. With
 * ABI 1 every link between directories fails, which layers need, so a sandbox that makes files goes without it there.
 */
#include "rootless/sandbox.h"
#include "rootless/sandbox_steps.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"

#include <errno.h>
#include <sys/stat.h>

#define ACCESS_FILE                                                                                \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |                              \
	 LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_TRUNCATE |                              \
	 LANDLOCK_ACCESS_FS_IOCTL_DEV)
#define ACCESS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define ACCESS_CHANGE                                                                              \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE |                             \
	 LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |                          \
	 LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |                              \
	 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_FIFO |                              \
	 LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER)
/* sockets and block devices are made by nobody */
#define ACCESS_ALL                                                                                 \
	(ACCESS_FILE | ACCESS_READ | ACCESS_CHANGE | LANDLOCK_ACCESS_FS_MAKE_SOCK |                \
	 LANDLOCK_ACCESS_FS_MAKE_BLOCK)

/* what an ABI adds, so what a kernel below it does not know */
struct landlock_level {
	int abi;
	uint64_t fs, net, scoped;
	const char *what;
};
static const struct landlock_level landlock_levels[] = {
	{ 2, LANDLOCK_ACCESS_FS_REFER, 0, 0, "links between directories" },
	{ 3, LANDLOCK_ACCESS_FS_TRUNCATE, 0, 0, "truncating files" },
	{ 4, 0, LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP, 0, "TCP ports" },
	{ 5, LANDLOCK_ACCESS_FS_IOCTL_DEV, 0, 0, "ioctl of devices" },
	{ 6, 0, 0, LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL,
	  "signals and abstract sockets" },
};

/* The bits of attr that this kernel knows. The first ABI that had all is 6. */
static void degrade(int abi, struct kernel_landlock_attr *attr)
{
	for (size_t i = 0; i < sizeof(landlock_levels) / sizeof(landlock_levels[0]); i++) {
		const struct landlock_level *level = &landlock_levels[i];

		if (abi >= level->abi)
			continue;
		attr->handled_access_fs &= ~level->fs;
		attr->handled_access_net &= ~level->net;
		attr->scoped &= ~level->scoped;
		debug("this kernel's Landlock (ABI %d) does not know %s: the sandbox goes without",
		      abi, level->what);
	}
}

static int allow_tree(int ruleset_fd, int fd, uint64_t access,
		      const struct kernel_landlock_attr *attr, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot inspect a directory of a sandbox");

	access &= attr->handled_access_fs;
	if (!S_ISDIR(st.st_mode))
		access &= ACCESS_FILE;

	struct landlock_path_beneath_attr rule = { .allowed_access = access, .parent_fd = fd };
	if (sys_landlock_add_rule(ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return err_sys(err, errno, "cannot allow a directory in a sandbox");

	return 0;
}

int sandbox_landlock(const struct sandbox *sandbox, struct err *err)
{
	int abi = sys_landlock_create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (abi < 1 || (abi < 2 && sandbox->allow_files)) {
		debug("this kernel has no usable Landlock: the sandbox goes without");
		return 0;
	}

	struct kernel_landlock_attr attr = {
		.handled_access_fs = ACCESS_ALL,
		.handled_access_net = LANDLOCK_ACCESS_NET_BIND_TCP,
		.scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL,
	};
	if (!sandbox->allow_network)
		attr.handled_access_net |= LANDLOCK_ACCESS_NET_CONNECT_TCP;
	degrade(abi, &attr);

	/* a kernel refuses members that it does not know unless they are zero, which degrade() made them */
	cleanup_fd int ruleset_fd = sys_landlock_create_ruleset(&attr, sizeof(attr), 0);
	if (ruleset_fd < 0)
		return err_sys(err, errno, "cannot make the file rules of a sandbox");

	uint64_t change = sandbox->allow_files ? ACCESS_READ | ACCESS_CHANGE
					       : ACCESS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE;
	for (size_t i = 0; i < sandbox->write_dir_count; i++)
		if (allow_tree(ruleset_fd, sandbox->write_dir_fds[i], change, &attr, err) < 0)
			return -1;
	uint64_t look = ACCESS_READ | (sandbox->allow_programs ? LANDLOCK_ACCESS_FS_EXECUTE : 0);
	for (size_t i = 0; i < sandbox->read_dir_count; i++)
		if (allow_tree(ruleset_fd, sandbox->read_dir_fds[i], look, &attr, err) < 0)
			return -1;

	if (sys_landlock_restrict_self(ruleset_fd, 0) < 0)
		return err_sys(err, errno, "cannot apply the file rules of a sandbox");

	return 0;
}
