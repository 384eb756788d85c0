/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/sync.c - the conversation between the command line and the init of a container
 *
 * The protocol is in sync.h. The parent's calls close its copy of the child's end first: the last copy must be I's, so that its end is seen.
 */
#include "engine/runtime/sync.h"

#include "base/err.h"
#include "base/fd.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

int runtime_sync_new(struct runtime_sync *ret_sync, struct err *err)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return err_sys(err, errno, "cannot make a socket to the container's init");
	*ret_sync = (struct runtime_sync){ .parent_fd = fds[0], .child_fd = fds[1] };
	return 0;
}

static ssize_t receive(int fd, void *data, size_t size)
{
	ssize_t length;

	do
		length = recv(fd, data, size, 0);
	while (length < 0 && errno == EINTR);
	return length;
}

static int send_word(int fd, char what)
{
	ssize_t length;

	do
		length = send(fd, &what, 1, MSG_NOSIGNAL);
	while (length < 0 && errno == EINTR);
	return length < 0 ? -errno : 0;
}

/* Read what I says: a word, 0 at its end, -1 with its err. */
static int hear(struct runtime_sync *sync, struct err *err)
{
	struct err said;
	ssize_t length = receive(sync->parent_fd, &said, sizeof(said));

	if (length < 0 && errno != ECONNRESET)
		return err_sys(err, errno, "cannot hear from the container's init");
	if (length <= 0)
		return 0;
	if (length == 1)
		return *(const char *)&said;
	if (length != sizeof(said) || said.kind < 0 || said.kind >= ERR_KIND_COUNT)
		return err_set(err, ERR_FAILED, "cannot understand the container's init");

	/* it comes from a process that the image may have got hold of */
	said.msg[sizeof(said.msg) - 1] = '\0';
	said.hint[sizeof(said.hint) - 1] = '\0';
	*err = said;
	return -1;
}

static int say(struct runtime_sync *sync, char what, struct err *err)
{
	fd_close(&sync->child_fd);
	if (send_word(sync->parent_fd, what) == 0)
		return 0;

	/* I is gone: what it said before is the reason */
	if (hear(sync, err) >= 0)
		err_set(err, ERR_FAILED, "the container's init ended before its time");
	return -1;
}

int runtime_sync_mapped(struct runtime_sync *sync, struct err *err)
{
	return say(sync, SYNC_MAPPED, err);
}

static int wait_for_word(struct runtime_sync *sync, char what, struct err *err)
{
	fd_close(&sync->child_fd);

	int word = hear(sync, err);
	if (word == what)
		return 0;
	if (word >= 0)
		err_set(err, ERR_FAILED, "the container's init ended before its time");
	return -1;
}

int runtime_sync_wait_created(struct runtime_sync *sync, struct err *err)
{
	return wait_for_word(sync, SYNC_CREATED, err);
}

int runtime_sync_hooked(struct runtime_sync *sync, struct err *err)
{
	return say(sync, SYNC_HOOKED, err);
}

int runtime_sync_wait_ready(struct runtime_sync *sync, struct err *err)
{
	return wait_for_word(sync, SYNC_READY, err);
}

int runtime_sync_go(struct runtime_sync *sync, struct err *err)
{
	return say(sync, SYNC_GO, err);
}

int runtime_sync_end(struct runtime_sync *sync, struct err *err)
{
	int status = say(sync, SYNC_END, err);

	fd_close(&sync->parent_fd);
	return status;
}

int runtime_sync_result(struct runtime_sync *sync, struct err *err)
{
	int word;

	fd_close(&sync->child_fd);
	do
		word = hear(sync, err);
	while (word == SYNC_READY);

	fd_close(&sync->parent_fd);
	if (word > 0)
		return err_set(err, ERR_FAILED, "cannot understand the container's init");
	return word;
}

int sync_child_wait(int child_fd, char what, struct err *err)
{
	char word;
	ssize_t length;

	/* C may say that maps are written also where I has not to wait for them, because it joined a user namespace */
	do
		length = receive(child_fd, &word, 1);
	while (length == 1 && word == SYNC_MAPPED && what != SYNC_MAPPED);

	/* nobody is left to report to */
	if (length == 0)
		_exit(1);
	if (length < 0)
		return err_sys(err, errno, "cannot hear from dhow");
	if (word != what)
		return err_set(err, ERR_FAILED, "cannot understand dhow");
	return 0;
}

int sync_child_say(int child_fd, char what, struct err *err)
{
	int r = send_word(child_fd, what);

	return r < 0 ? err_sys(err, -r, "cannot report to dhow") : 0;
}
