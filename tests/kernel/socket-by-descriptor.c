/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/kernel/socket-by-descriptor.c - a unix socket can be bound and reached through /proc/self/fd, whatever the length of the real path; so the
 * path of a store may be longer than a socket address
 */
#include "tests/kernel/belief.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define LONG_NAME 200

int main(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char trash[32], name[LONG_NAME + 1];

	memset(name, 'x', LONG_NAME);
	name[LONG_NAME] = '\0';
	make_trash(trash);
	int trash_fd = open(trash, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	BELIEVE(trash_fd >= 0 && mkdirat(trash_fd, name, 0700) == 0);
	int dir_fd = openat(trash_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	BELIEVE(dir_fd >= 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/sock", dir_fd);
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	BELIEVE(server >= 0 && bind(server, (void *)&address, sizeof(address)) == 0);
	BELIEVE(listen(server, 1) == 0);

	int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	BELIEVE(client >= 0 && connect(client, (void *)&address, sizeof(address)) == 0);

	unlinkat(dir_fd, "sock", 0);
	unlinkat(trash_fd, name, AT_REMOVEDIR);
	rmdir(trash);
	return 0;
}
