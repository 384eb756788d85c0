/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/kernel/memory-file-has-an-end.c - a memory file sealed against growth takes writes up to its size and refuses the rest without a
 * signal; so a helper may log as much as it likes
 */
#include "tests/kernel/belief.h"

#include <sys/mman.h>

int main(void)
{
	char text[64] = "x";
	int fd = memfd_create("belief", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	BELIEVE(fd >= 0 && ftruncate(fd, 100) == 0);
	BELIEVE(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) == 0);
	BELIEVE(write(fd, text, sizeof(text)) == (ssize_t)sizeof(text));
	/* over the end: a part or nothing, then nothing */
	ssize_t size = write(fd, text, sizeof(text));
	BELIEVE(size == 100 - (ssize_t)sizeof(text) || (size < 0 && errno == EPERM));
	BELIEVE(lseek(fd, 0, SEEK_END) == 100);
	BELIEVE(write(fd, text, 1) < 0 && errno == EPERM);
	return 0;
}
