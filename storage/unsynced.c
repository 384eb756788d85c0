/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/unsynced.c - objects that are visible before they are on the disk
 */
#include "storage/unsynced.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/kernel.h"
#include "base/strbuf.h"

#define MARK_NAME "user.dhow.boot"
/* "0f1e2d3c-..." */
#define BOOT_ID_LENGTH 36
#define BOOT_ID_FILE   "/proc/sys/kernel/random/boot_id"

/* 0 and the text, or -errno. */
static int boot_id(char ret_id[BOOT_ID_LENGTH + 1])
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	int status = fd_read_file(AT_FDCWD, BOOT_ID_FILE, &text, 4096);

	if (status < 0)
		return status;
	if (text.length < BOOT_ID_LENGTH)
		return -EIO;
	memcpy(ret_id, text.data, BOOT_ID_LENGTH);
	ret_id[BOOT_ID_LENGTH] = '\0';
	return 0;
}

int unsynced_mark(int fd)
{
	char id[BOOT_ID_LENGTH + 1];

	if (boot_id(id) == 0 && fsetxattr(fd, MARK_NAME, id, BOOT_ID_LENGTH, 0) == 0)
		return 0;
	return syncfs(fd) < 0 ? -errno : 0;
}

void unsynced_clear(int dir_fd, const char *name)
{
	cleanup_fd int fd =
		openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	/* a mark that stays costs a look at the records after the next boot, no more */
	if (fd >= 0)
		fremovexattr(fd, MARK_NAME);
}

bool unsynced_is_lost(int dir_fd, const char *name)
{
	cleanup_fd int fd =
		openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	char id[BOOT_ID_LENGTH + 1];
	char mark[BOOT_ID_LENGTH + 1];

	if (fd < 0)
		return false;
	if (fgetxattr(fd, MARK_NAME, mark, sizeof(mark)) != BOOT_ID_LENGTH)
		return false;
	if (boot_id(id) < 0)
		return false;
	return memcmp(id, mark, BOOT_ID_LENGTH) != 0;
}
