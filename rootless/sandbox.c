/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootless/sandbox.c - give up everything that a parser of hostile bytes does not need (R14)
 *
 * The order matters: descriptors first, while any system call may still be made; the root before Landlock, which would
 * not allow it; capabilities after the root, which needs one; seccomp last, because it allows none of the other steps.
 */
#include "rootless/sandbox.h"
#include "rootless/sandbox_steps.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/kernel.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define SANDBOX_FDS_MAX 1024

/* owners, modes and special files of a tree that is unpacked */
static const int file_capabilities[] = { CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FOWNER,
					 CAP_FSETID, CAP_MKNOD,	       CAP_SETFCAP };

static int compare_fds(const void *a, const void *b)
{
	int left = *(const int *)a;
	int right = *(const int *)b;

	return (left > right) - (left < right);
}

/* ---- descriptors ---------------------------------------------------------------------------------------------------- */

static int close_others(const struct sandbox *sandbox, struct err *err)
{
	size_t count =
		3 + sandbox->write_dir_count + sandbox->read_dir_count + sandbox->keep_fd_count;
	cleanup_free int *kept = xcalloc(count, sizeof(*kept));
	size_t n = 0;

	for (int fd = 0; fd < 3; fd++)
		kept[n++] = fd;
	for (size_t i = 0; i < sandbox->write_dir_count; i++)
		kept[n++] = sandbox->write_dir_fds[i];
	for (size_t i = 0; i < sandbox->read_dir_count; i++)
		kept[n++] = sandbox->read_dir_fds[i];
	for (size_t i = 0; i < sandbox->keep_fd_count; i++)
		kept[n++] = sandbox->keep_fds[i];
	qsort(kept, count, sizeof(*kept), compare_fds);
	if (kept[0] < 0)
		BUG("a sandbox was given descriptor %d", kept[0]);

	for (size_t i = 0; i < count; i++) {
		unsigned first = (unsigned)kept[i] + 1;
		unsigned last = i + 1 < count ? (unsigned)kept[i + 1] - 1 : ~0U;

		/* equal neighbours and adjacent ones leave no gap */
		if (i + 1 < count && kept[i + 1] <= kept[i] + 1)
			continue;
		if (sys_close_range(first, last, 0) < 0)
			return err_sys(err, errno, "cannot close the other files of a sandbox");
	}
	return 0;
}

/* ---- root and capabilities ------------------------------------------------------------------------------------------ */

static int change_root(const struct sandbox *sandbox, struct err *err)
{
	if (!sandbox->change_root)
		return 0;

	if (sandbox->write_dir_count == 0)
		BUG("a sandbox that changes its root needs a directory");
	if (fchdir(sandbox->write_dir_fds[0]) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return err_sys(err, errno, "cannot make a directory the root of a sandbox");

	return 0;
}

static int drop_capabilities(const struct sandbox *sandbox, struct err *err)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data) < 0)
		return err_sys(err, errno, "cannot read the capabilities of a sandbox");

	uint32_t wanted[_LINUX_CAPABILITY_U32S_3] = { 0, 0 };
	for (size_t i = 0; sandbox->allow_files && i < ARRAY_SIZE(file_capabilities); i++)
		wanted[CAP_TO_INDEX(file_capabilities[i])] |= CAP_TO_MASK(file_capabilities[i]);

	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		data[i].effective &= wanted[i];
		data[i].permitted &= wanted[i];
		data[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &header, data) < 0)
		return err_sys(err, errno, "cannot drop the capabilities of a sandbox");

	return 0;
}

/* ---- resources ------------------------------------------------------------------------------------------------------ */

/* never above the hard limit that is there already */
static int lower_limit(int resource, rlim_t value, const char *word, struct err *err)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) < 0)
		return err_sys(err, errno, "cannot read the limit of %s", word);
	if (limit.rlim_max < value)
		value = limit.rlim_max;

	limit.rlim_cur = limit.rlim_max = value;
	if (setrlimit(resource, &limit) < 0)
		return err_sys(err, errno, "cannot limit %s of a sandbox", word);

	return 0;
}

static int lower_limits(const struct sandbox *sandbox, struct err *err)
{
	if (lower_limit(RLIMIT_CORE, 0, "core files", err) < 0 ||
	    lower_limit(RLIMIT_NOFILE, SANDBOX_FDS_MAX, "open files", err) < 0)
		return -1;
	if (!sandbox->allow_threads && lower_limit(RLIMIT_NPROC, 0, "processes", err) < 0)
		return -1;
	if (sandbox->file_limit_bytes != 0 &&
	    lower_limit(RLIMIT_FSIZE, sandbox->file_limit_bytes, "file size", err) < 0)
		return -1;
	if (sandbox->memory_limit_bytes != 0)
		return lower_limit(RLIMIT_AS, sandbox->memory_limit_bytes, "memory", err);
	return 0;
}

/* ---- the way in ----------------------------------------------------------------------------------------------------- */

int sandbox_enter(const struct sandbox *sandbox, struct err *err)
{
	if (close_others(sandbox, err) < 0)
		return -1;

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(err, errno, "cannot protect a sandbox from being traced");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(err, errno, "cannot give up new privileges for a sandbox");

	if (change_root(sandbox, err) < 0 || sandbox_landlock(sandbox, err) < 0 ||
	    drop_capabilities(sandbox, err) < 0 || lower_limits(sandbox, err) < 0)
		return -1;
	return sandbox_seccomp(sandbox, err);
}
