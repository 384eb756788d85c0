/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/kernel/ofd-lock-query.c - an open-file-description lock lives as long as the last descriptor of it, also across fork, and F_OFD_GETLK
 * tells that it is held without taking it; so liveness is a lock
 */
#include "tests/kernel/belief.h"

static struct flock whole_file(short type)
{
	return (struct flock){ .l_type = type, .l_whence = SEEK_SET };
}

static int is_held(const char *path)
{
	struct flock lock = whole_file(F_WRLCK);
	int fd = open(path, O_RDWR | O_CLOEXEC);

	BELIEVE(fd >= 0);
	BELIEVE(fcntl(fd, F_OFD_GETLK, &lock) == 0);
	close(fd);
	return lock.l_type != F_UNLCK;
}

int main(void)
{
	char trash[32], path[64];
	int go[2];

	make_trash(trash);
	snprintf(path, sizeof(path), "%s/alive", trash);
	BELIEVE(pipe2(go, O_CLOEXEC) == 0);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	BELIEVE(fd >= 0);
	BELIEVE(!is_held(path));

	struct flock lock = whole_file(F_WRLCK);
	BELIEVE(fcntl(fd, F_OFD_SETLK, &lock) == 0);
	BELIEVE(is_held(path));

	pid_t pid = fork();
	if (pid == 0) {
		char byte;

		close(go[1]);
		_exit(read(go[0], &byte, 1) == 0 ? 0 : 1);
	}
	/* the child has it now, alone */
	close(fd);
	BELIEVE(is_held(path));
	close(go[1]);
	BELIEVE(wait_for(pid) == 0);
	BELIEVE(!is_held(path));
	unlink(path);
	rmdir(trash);
	return 0;
}
