/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-path_tree.c - trees of any shape are removed and measured
 */
#include "unit.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/fd.h"

static void make_dir(int dir_fd, const char *name, mode_t mode)
{
	assert_int_equal(mkdirat(dir_fd, name, mode), 0);
}

static bool exists(int dir_fd, const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A chain of directories with a file in each; deeper than any path can say. */
static void make_chain(int dir_fd, const char *name, int depth)
{
	int at_fd;

	make_dir(dir_fd, name, 0700);
	at_fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < depth; i++) {
		int next_fd;

		unit_write(at_fd, "file", "x");
		make_dir(at_fd, "a-directory", 0700);
		make_dir(at_fd, "empty", 0700);
		next_fd = openat(at_fd, "a-directory", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next_fd >= 0);
		close(at_fd);
		at_fd = next_fd;
	}
	close(at_fd);
}

static void test_odd_names(void **state)
{
	struct unit_dir dir = unit_dir_make();

	assert_int_equal(path_remove_tree(dir.fd, "missing"), 0);
	assert_int_equal(path_remove_tree(dir.fd, "."), -EINVAL);
	assert_int_equal(path_remove_tree(dir.fd, ".."), -EINVAL);
	assert_int_equal(path_remove_tree(dir.fd, ""), -EINVAL);
	assert_int_equal(path_remove_tree(dir.fd, "a/b"), -EINVAL);
	unit_write(dir.fd, "file", "x");
	assert_int_equal(path_remove_tree(dir.fd, "file"), 0);
	assert_false(exists(dir.fd, "file"));
	unit_dir_remove(&dir);
}

static void test_links_are_not_followed(void **state)
{
	struct unit_dir dir = unit_dir_make();

	make_dir(dir.fd, "keep", 0700);
	unit_write(dir.fd, "keep/file", "x");
	make_dir(dir.fd, "tree", 0700);
	assert_int_equal(symlinkat("../keep", dir.fd, "tree/link"), 0);
	assert_int_equal(symlinkat("keep", dir.fd, "top-link"), 0);
	assert_int_equal(mkfifoat(dir.fd, "tree/fifo", 0600), 0);
	assert_int_equal(path_remove_tree(dir.fd, "tree"), 0);
	assert_int_equal(path_remove_tree(dir.fd, "top-link"), 0);
	assert_false(exists(dir.fd, "tree"));
	assert_false(exists(dir.fd, "top-link"));
	assert_true(exists(dir.fd, "keep/file"));
	unit_dir_remove(&dir);
}

static void test_deep(void **state)
{
	struct unit_dir dir = unit_dir_make();
	struct rlimit old;
	struct rlimit few;
	unsigned long long bytes = 0;

	make_chain(dir.fd, "tree", 3000);
	/* neither stack nor descriptors grow with the depth */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = 40;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(path_disk_usage(dir.fd, "tree", &bytes), 0);
	assert_true(bytes > 0);
	assert_int_equal(path_remove_tree(dir.fd, "tree"), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_false(exists(dir.fd, "tree"));
	unit_dir_remove(&dir);
}

static void test_wide(void **state)
{
	struct unit_dir dir = unit_dir_make();
	int fd;

	make_dir(dir.fd, "tree", 0700);
	fd = openat(dir.fd, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 1500; i++) {
		char name[32];

		snprintf(name, sizeof(name), "d%d", i);
		make_dir(fd, name, 0700);
		snprintf(name, sizeof(name), "d%d/f", i);
		unit_write(fd, name, "");
		snprintf(name, sizeof(name), "f%d", i);
		unit_write(fd, name, "");
	}
	close(fd);
	assert_int_equal(path_remove_tree(dir.fd, "tree"), 0);
	assert_false(exists(dir.fd, "tree"));
	unit_dir_remove(&dir);
}

/* Run a function as somebody without privilege; its result is the exit status. */
static int as_nobody(int (*function)(int dir_fd), int dir_fd)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (getuid() == 0 &&
		    (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0))
			_exit(99);
		_exit(function(dir_fd));
	}
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int remove_locked_tree(int dir_fd)
{
	int fd;

	if (mkdirat(dir_fd, "tree", 0700) < 0 || mkdirat(dir_fd, "tree/empty", 0) < 0 ||
	    mkdirat(dir_fd, "tree/full", 0700) < 0 || mkdirat(dir_fd, "tree/full/in", 0700) < 0 ||
	    mkdirat(dir_fd, "tree/ro", 0700) < 0)
		return 1;
	fd = openat(dir_fd, "tree/full/in/file", O_WRONLY | O_CREAT, 0);
	close(fd);
	fd = openat(dir_fd, "tree/ro/file", O_WRONLY | O_CREAT, 0);
	close(fd);
	if (fchmodat(dir_fd, "tree/full/in", 0, 0) < 0 || fchmodat(dir_fd, "tree/full", 0, 0) < 0 ||
	    fchmodat(dir_fd, "tree/ro", 0555, 0) < 0 || fchmodat(dir_fd, "tree", 0111, 0) < 0)
		return 2;
	if (path_remove_tree(dir_fd, "tree") != 0)
		return 3;
	return exists(dir_fd, "tree") ? 4 : 0;
}

static void test_modes_do_not_protect(void **state)
{
	struct unit_dir dir = unit_dir_make();

	assert_int_equal(fchmod(dir.fd, 0777), 0);
	assert_int_equal(as_nobody(remove_locked_tree, dir.fd), 0);
	unit_dir_remove(&dir);
}

static int remove_foreign_tree(int dir_fd)
{
	return path_remove_tree(dir_fd, "tree") == -EACCES ? 0 : 1;
}

/* What belongs to somebody else stays, is reported, and does not keep the rest from going. */
static void test_foreign_files(void **state)
{
	struct unit_dir dir = unit_dir_make();

	if (getuid() != 0) {
		unit_dir_remove(&dir);
		skip();
	}
	assert_int_equal(fchmod(dir.fd, 0777), 0);
	make_dir(dir.fd, "tree", 0700);
	make_dir(dir.fd, "tree/foreign", 0755);
	make_dir(dir.fd, "tree/empty-foreign", 0);
	unit_write(dir.fd, "tree/foreign/file", "x");
	unit_write(dir.fd, "tree/file", "x");
	assert_int_equal(fchownat(dir.fd, "tree", 65534, 65534, 0), 0);
	assert_int_equal(as_nobody(remove_foreign_tree, dir.fd), 0);
	assert_true(exists(dir.fd, "tree/foreign/file"));
	assert_false(exists(dir.fd, "tree/file"));
	assert_false(exists(dir.fd, "tree/empty-foreign"));
	unit_dir_remove(&dir);
}

static int write_map(const char *path, unsigned id)
{
	char text[32];

	snprintf(text, sizeof(text), "0 %u 1", id);
	return fd_write_file(AT_FDCWD, path, text);
}

/* In namespaces of its own: bind a directory into the tree, and try to remove the tree. */
static int remove_around_mount(const char *dir_path, bool openat2)
{
	unsigned uid = getuid();
	unsigned gid = getgid();
	unsigned long long bytes;
	int dir_fd;
	int status;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 ||
	    fd_write_file(AT_FDCWD, "/proc/self/setgroups", "deny") < 0 ||
	    write_map("/proc/self/uid_map", uid) < 0 || write_map("/proc/self/gid_map", gid) < 0)
		return 77;
	path_set_openat2(openat2);
	if (chdir(dir_path) < 0)
		return 1;
	/* without openat2 only another file system is told from this one */
	if (openat2 ? mount("home", "tree/in/mnt", NULL, MS_BIND, NULL) < 0
		    : mount("tmpfs", "tree/in/mnt", "tmpfs", 0, NULL) < 0)
		return 77;
	if (!openat2)
		unit_write(AT_FDCWD, "tree/in/mnt/precious", "x");
	dir_fd = open(".", O_RDONLY | O_DIRECTORY);
	if (path_disk_usage(dir_fd, "tree", &bytes) != 0)
		return 2;
	status = path_remove_tree(dir_fd, "tree");
	if (status != -EBUSY)
		return 3;
	return exists(dir_fd, "tree/in/mnt/precious") && !exists(dir_fd, "tree/file") ? 0 : 4;
}

static void test_mounts_are_not_entered(void **state)
{
	for (int openat2 = 0; openat2 < 2; openat2++) {
		struct unit_dir dir = unit_dir_make();
		int status;
		pid_t pid;

		make_dir(dir.fd, "home", 0700);
		unit_write(dir.fd, "home/precious", "x");
		make_dir(dir.fd, "tree", 0700);
		make_dir(dir.fd, "tree/in", 0700);
		make_dir(dir.fd, "tree/in/mnt", 0700);
		unit_write(dir.fd, "tree/file", "x");
		pid = fork();
		if (pid == 0)
			_exit(remove_around_mount(dir.path, openat2 != 0));
		waitpid(pid, &status, 0);
		assert_true(exists(dir.fd, "home/precious"));
		unit_dir_remove(&dir);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) == 77)
			skip();
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

/* Parts of the tree are carried out of it while it is removed: what is outside stays. */
static void test_moved_while_removing(void **state)
{
	struct unit_dir dir = unit_dir_make();

	make_dir(dir.fd, "outside", 0700);
	make_dir(dir.fd, "outside/precious", 0700);
	unit_write(dir.fd, "outside/precious/file", "x");
	for (int round = 0; round < 10; round++) {
		pid_t pid;

		make_chain(dir.fd, "tree", 60);
		pid = fork();
		if (pid == 0) {
			char from[1000] = "tree";

			/* the middle of the chain goes out, and comes back elsewhere, as long as there is one */
			for (int i = 0; i < 30; i++)
				strcat(from, "/a-directory");
			while (renameat(dir.fd, from, dir.fd, "outside/moved") == 0 &&
			       renameat(dir.fd, "outside/moved", dir.fd, from) == 0)
				;
			_exit(0);
		}
		/* any result: it may find that the tree is moved about */
		path_remove_tree(dir.fd, "tree");
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		assert_true(exists(dir.fd, "outside/precious/file"));
		assert_int_equal(path_remove_tree(dir.fd, "tree"), 0);
		path_remove_tree(dir.fd, "outside/moved");
	}
	unit_dir_remove(&dir);
}

static unsigned long long usage_of(int dir_fd, const char *name)
{
	unsigned long long bytes = 0;

	assert_int_equal(path_disk_usage(dir_fd, name, &bytes), 0);
	return bytes;
}

static void test_usage(void **state)
{
	struct unit_dir dir = unit_dir_make();
	char data[40000];
	struct stat st;
	unsigned long long empty;
	unsigned long long bytes;
	int fd;

	make_dir(dir.fd, "tree", 0700);
	make_dir(dir.fd, "tree/sub", 0700);
	empty = usage_of(dir.fd, "tree");
	memset(data, 'x', sizeof(data));
	fd = openat(dir.fd, "tree/sub/big", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, data, sizeof(data)), sizeof(data));
	assert_int_equal(fsync(fd), 0);
	assert_int_equal(fstat(fd, &st), 0);
	close(fd);
	assert_true(st.st_blocks * 512 >= (long)sizeof(data));
	bytes = usage_of(dir.fd, "tree");
	assert_int_equal(bytes, empty + (unsigned long long)st.st_blocks * 512);

	/* more names, links and holes cost nothing (but a directory may need another block) */
	for (int i = 0; i < 600; i++) {
		char name[32];

		snprintf(name, sizeof(name), "tree/sub/name%d", i);
		assert_int_equal(linkat(dir.fd, "tree/sub/big", dir.fd, name, 0), 0);
	}
	assert_true(usage_of(dir.fd, "tree") < bytes + (1 << 20));
	assert_int_equal(symlinkat("/usr", dir.fd, "tree/link"), 0);
	fd = openat(dir.fd, "tree/sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, 1 << 30), 0);
	close(fd);
	assert_true(usage_of(dir.fd, "tree") < bytes + (1 << 20));

	assert_true(usage_of(dir.fd, "tree/sub/big") == (unsigned long long)st.st_blocks * 512);
	assert_int_equal(path_disk_usage(dir.fd, "missing", &bytes), -ENOENT);
	unit_dir_remove(&dir);
}

static int with_openat2(void **state)
{
	path_set_openat2(true);
	return 0;
}

static int without_openat2(void **state)
{
	path_set_openat2(false);
	return 0;
}

#define BOTH_WAYS(function)                                                                        \
	{ #function " with openat2", function, with_openat2, with_openat2, NULL },                 \
	{                                                                                          \
#function " without openat2", function, without_openat2, with_openat2, NULL        \
	}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_odd_names),
	BOTH_WAYS(test_links_are_not_followed),
	BOTH_WAYS(test_deep),
	BOTH_WAYS(test_wide),
	BOTH_WAYS(test_modes_do_not_protect),
	BOTH_WAYS(test_foreign_files),
	cmocka_unit_test(test_mounts_are_not_entered),
	BOTH_WAYS(test_moved_while_removing),
	cmocka_unit_test(test_usage),
};
UNIT_MAIN(tests)
