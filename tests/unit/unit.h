/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/unit.h - what every unit test starts with
 *
 * The headers that cmocka wants before its own, a main() that takes a test's name (or a pattern) as argument, and a
 * directory that is empty at the start of a test and gone at its end.
 */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"

#define UNIT_MAIN(tests)                                                                           \
	int main(int argc, char **argv)                                                            \
	{                                                                                          \
		if (argc > 1)                                                                      \
			cmocka_set_test_filter(argv[1]);                                           \
		return cmocka_run_group_tests_name(argv[0], tests, NULL, NULL);                    \
	}

struct unit_dir {
	char path[64];
	int fd;
};

static inline struct unit_dir unit_dir_make(void)
{
	struct unit_dir dir = { .path = "/tmp/dhow-unit-XXXXXX" };

	assert_non_null(mkdtemp(dir.path));
	dir.fd = open(dir.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir.fd >= 0);
	return dir;
}

static inline void unit_dir_remove(struct unit_dir *dir)
{
	close(dir->fd);
	dir->fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(path_remove_tree(dir->fd, dir->path + strlen("/tmp/")), 0);
	close(dir->fd);
}

static inline void unit_write(int dir_fd, const char *name, const char *text)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

#endif
