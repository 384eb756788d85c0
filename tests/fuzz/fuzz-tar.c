/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/fuzz-tar.c - any bytes as a layer: nothing outside the directory changes, nothing crashes
 *
 * The first byte chooses the form of the layer. The tree is made and removed again in each round, on the memory file system that
 * every Linux has. A canary beside it must stay what it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/path.h"
#include "storage/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char trash_path[] = "/dev/shm/dhow-fuzz-tar-XXXXXX";

static void remove_trash(void)
{
	cleanup_fd int fd = open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	path_remove_tree(fd, trash_path + strlen("/dev/shm/"));
}

static int open_trash(void)
{
	if (mkdtemp(trash_path) == NULL)
		abort();
	atexit(remove_trash);
	int fd = open(trash_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || mkdirat(fd, "in", 0700) < 0 || mkdirat(fd, "canary", 0700) < 0)
		abort();
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int trash_fd = -1;
	struct unpack_result result = UNPACK_RESULT_INIT;
	struct unpack_limits limits;
	struct stat before, after;
	struct err err;

	if (size == 0)
		return 0;
	if (trash_fd < 0)
		trash_fd = open_trash();
	cleanup_fd int in_fd = openat(trash_fd, "in", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mkdirat(in_fd, "tree", 0755) < 0 && errno != EEXIST)
		abort();
	if (fstatat(trash_fd, "canary", &before, 0) < 0)
		abort();

	cleanup_fd int tree_fd = openat(in_fd, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_fd int tar_fd = memfd_create("tar", MFD_CLOEXEC);
	if (tree_fd < 0 || tar_fd < 0 || fd_write_full(tar_fd, data + 1, size - 1) < 0 ||
	    lseek(tar_fd, 0, SEEK_SET) < 0)
		abort();

	unpack_limits_default(&limits);
	limits.max_bytes = 1 << 20;
	limits.max_entries = 1000;
	if (unpack_tar(tar_fd, tree_fd, data[0] & 1 ? LAYER_SINGLE : LAYER_MAPPED, &limits, &result,
		       &err) == 0)
		unpack_result_release(&result);

	if (fstatat(trash_fd, "canary", &after, 0) < 0 ||
	    before.st_ctim.tv_sec != after.st_ctim.tv_sec ||
	    before.st_ctim.tv_nsec != after.st_ctim.tv_nsec)
		abort();
	path_remove_tree(in_fd, "tree");
	return 0;
}
