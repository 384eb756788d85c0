/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/protect.c - our own program file, out of reach of the container (R5, CVE-2019-5736)
 *
 * Until execve a process in the container is ours, and /proc/PID/exe is our file; an entry point "#!/proc/self/exe" even runs it again inside. Who
 * is root in a user namespace has the rights of the user who made it, so the file is in danger only when this user may write to it: an
 * installed dhow belongs to the system's root and needs nothing. A dhow in somebody's home directory goes on from a sealed copy in memory.
 */
#include "engine/runtime.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"
#include "base/process.h"
#include "base/strbuf.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

/* R26: a file that only others can change cannot be changed from a container either */
static bool is_in_danger(int exe_fd, const struct stat *st)
{
	struct statvfs fs;

	/* a sealed copy, or a file on a disk that nobody can write to */
	if (fstatvfs(exe_fd, &fs) == 0 && (fs.f_flag & ST_RDONLY))
		return false;
	if (st->st_uid == geteuid())
		return true;
	return faccessat(AT_FDCWD, "/proc/self/exe", W_OK, AT_EACCESS) == 0;
}

/* 1 when this process runs from a sealed memfd already */
static bool is_sealed(int exe_fd)
{
	int seals = fcntl(exe_fd, F_GET_SEALS);

	return seals >= 0 && (seals & F_SEAL_WRITE);
}

static int make_copy(int exe_fd, off_t size)
{
	cleanup_fd int fd = memfd_create("dhow", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	off_t done = 0;

	/* before Linux 6.3 there is no such flag, and all can be executed */
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("dhow", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	while (done < size) {
		ssize_t sent = sendfile(fd, exe_fd, &done, (size_t)(size - done));

		if (sent < 0)
			return -errno;
		if (sent == 0)
			return -EIO;
	}
	if (fchmod(fd, 0555) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int runtime_protect_self(char **argv, struct err *err)
{
	cleanup_fd int exe_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (exe_fd < 0 || fstat(exe_fd, &st) < 0)
		return err_sys(err, errno, "cannot inspect our own program");
	if (!is_in_danger(exe_fd, &st) || is_sealed(exe_fd))
		return 0;

	/* the copy has no place on the disk: where our helpers are must be known before */
	if (setenv(PROCESS_LIBEXEC_ENV, process_libexec_dir(), 1) < 0)
		return err_sys(err, errno, "cannot start from a copy of our own program");
	cleanup_fd int copy_fd = make_copy(exe_fd, st.st_size);
	if (copy_fd < 0)
		return err_sys(err, -copy_fd, "cannot make a copy of our own program in memory");

	execveat(copy_fd, "", argv, environ, AT_EMPTY_PATH);
	return err_sys(err, errno, "cannot start from a copy of our own program");
}
