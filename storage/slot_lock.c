/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/slot_lock.c - many locks in one empty file
 */
#include "storage/slot_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/kernel.h"

/* off_t is signed, and l_start + l_len must fit */
#define SLOT_MASK 0x3fffffffffffffffULL

static struct flock slot_range(uint64_t slot, short type)
{
	return (struct flock){
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = (off_t)(slot & SLOT_MASK),
		.l_len = 1,
	};
}

int slot_lock_open(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

	return fd < 0 ? -errno : fd;
}

int slot_lock_take(int lock_fd, uint64_t slot, bool wait)
{
	struct flock range = slot_range(slot, F_WRLCK);
	int status;

	do
		status = fcntl(lock_fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &range);
	while (status < 0 && errno == EINTR);
	if (status == 0)
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}

bool slot_lock_is_held(int lock_fd, uint64_t slot)
{
	struct flock range = slot_range(slot, F_WRLCK);

	if (fcntl(lock_fd, F_OFD_GETLK, &range) < 0)
		return true; /* unknown: leave the object alone */
	return range.l_type != F_UNLCK;
}

uint64_t slot_of_digest(const struct digest *digest)
{
	char head[16];

	memcpy(head, digest_hex(digest), sizeof(head) - 1);
	head[sizeof(head) - 1] = '\0';
	return strtoull(head, NULL, 16);
}
