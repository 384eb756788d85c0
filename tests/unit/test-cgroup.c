/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-cgroup.c - limits on a directory that looks like a cgroup, names that are refused, and, where one is delegated, a real one
 */
#include "rootless/cgroup.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "rootless/cgroup_parts.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void test_managers(void **state)
{
	for (int i = 0; i < CGROUP_MANAGER_COUNT; i++)
		assert_int_equal(cgroup_manager_parse(cgroup_manager_name(i)), i);
}

/* ---- limits --------------------------------------------------------------------------------------------------------- */

static void write_new(int dir_fd, const char *name, const char *text)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_full(fd, text, strlen(text)), 0);
	close(fd);
}

static void check_file(int dir_fd, const char *name, const char *expected)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	assert_int_equal(fd_read_file(dir_fd, name, &text, 4096), 0);
	assert_string_equal(text.data, expected);
}

static const char *const fake_files[] = { "cgroup.controllers", "cgroup.subtree_control",
					  "pids.max",		"memory.max",
					  "memory.swap.max",	"cpu.max",
					  "cpu.weight",		"cpuset.cpus",
					  "memory.high" };

/* a directory with the files of a cgroup that is parent and child at once */
static int fake_cgroup(char *path, const char *controllers, const char *enabled)
{
	assert_non_null(mkdtemp(path));
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(fake_files); i++)
		write_new(fd, fake_files[i], "");
	write_new(fd, "cgroup.controllers", controllers);
	write_new(fd, "cgroup.subtree_control", enabled);
	return fd;
}

static void remove_fake(int fd, const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(fake_files); i++)
		unlinkat(fd, fake_files[i], 0);
	close(fd);
	assert_int_equal(rmdir(path), 0);
}

static void test_limits(void **state)
{
	char path[] = "/tmp/test-cgroup-XXXXXX";
	int fd = fake_cgroup(path, "cpuset cpu memory pids\n", "cpu memory cpuset pids\n");
	struct cgroup_limits limits = CGROUP_LIMITS_INIT;
	struct err err;

	assert_false(cgroup_limits_any(&limits));
	limits.pids_max = 2048;
	assert_false(cgroup_limits_any(&limits));
	limits.memory_max_bytes = 64 << 20;
	limits.memory_swap_max_bytes = INT64_MAX;
	limits.cpu_quota_us = 50000;
	limits.cpu_weight = 200;
	limits.cpuset_cpus = xstrdup("0-1");
	strv_add(&limits.files, "memory.high=32M");
	assert_true(cgroup_limits_any(&limits));
	assert_int_equal(cgroup_limits_check(&limits, &err), 0);
	assert_int_equal(cgroup_limits_apply(fd, fd, &limits, true, &err), 0);
	check_file(fd, "pids.max", "2048");
	check_file(fd, "memory.max", "67108864");
	check_file(fd, "memory.swap.max", "max");
	check_file(fd, "cpu.max", "50000 100000");
	check_file(fd, "cpu.weight", "200");
	check_file(fd, "cpuset.cpus", "0-1");
	check_file(fd, "memory.high", "32M");

	/* a period alone leaves the quota open */
	limits.cpu_quota_us = -1;
	limits.cpu_period_us = 20000;
	write_new(fd, "cpu.max", "");
	assert_int_equal(cgroup_limits_apply(fd, fd, &limits, true, &err), 0);
	check_file(fd, "cpu.max", "max 20000");
	cgroup_limits_release(&limits);
	assert_int_equal(limits.pids_max, -1);
	remove_fake(fd, path);
}

static void test_missing_controller(void **state)
{
	char path[] = "/tmp/test-cgroup-XXXXXX";
	int fd = fake_cgroup(path, "cpu pids\n", "");
	struct cgroup_limits limits = CGROUP_LIMITS_INIT;
	struct err err;

	/* there but not enabled yet: it is enabled */
	limits.pids_max = 10;
	assert_int_equal(cgroup_limits_apply(fd, fd, &limits, false, &err), 0);
	check_file(fd, "cgroup.subtree_control", "+pids");

	limits.memory_max_bytes = 1 << 20;
	assert_int_equal(cgroup_limits_apply(fd, fd, &limits, false, &err), -1);
	assert_int_equal(err.kind, ERR_UNSUPPORTED);
	assert_non_null(strstr(err.msg, "'memory'"));
	assert_non_null(strstr(err.hint, "Delegate="));
	remove_fake(fd, path);

	/* the default limit of processes is done without, one that was asked for is not */
	char other[] = "/tmp/test-cgroup-XXXXXX";
	fd = fake_cgroup(other, "\n", "\n");
	limits.memory_max_bytes = -1;
	assert_int_equal(cgroup_limits_apply(fd, fd, &limits, true, &err), 0);
	check_file(fd, "pids.max", "");
	assert_int_equal(cgroup_limits_apply(fd, fd, &limits, false, &err), -1);
	limits.pids_max = INT64_MAX;
	assert_int_equal(cgroup_limits_apply(fd, fd, &limits, false, &err), 0);
	remove_fake(fd, other);
}

static void test_settings(void **state)
{
	static const char *const good[] = { "memory.high=1G", "io.max=8:0 rbps=1000",
					    "cgroup.max.depth=3", "hugetlb.2MB.max=0" };
	static const char *const bad[] = { "cgroup.procs=1",
					   "cgroup.kill=1",
					   "cgroup.subtree_control=+x",
					   "cgroup.freeze=1",
					   "../memory.max=1",
					   "memory.max",
					   "memory.max=",
					   "memory.max=1\n2",
					   "=1",
					   ".=1",
					   "memory=1",
					   "a/b.c=1",
					   "cgroup.threads=1",
					   "cgroup.type=threaded",
					   "" };
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct cgroup_limits limits = CGROUP_LIMITS_INIT;

		strv_add(&limits.files, good[i]);
		assert_int_equal(cgroup_limits_check(&limits, &err), 0);
		cgroup_limits_release(&limits);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct cgroup_limits limits = CGROUP_LIMITS_INIT;

		strv_add(&limits.files, bad[i]);
		if (cgroup_limits_check(&limits, &err) == 0)
			print_error("'%s'\n", bad[i]);
		assert_int_equal(cgroup_limits_check(&limits, &err), -1);
		assert_int_equal(err.kind, ERR_USAGE);
		cgroup_limits_release(&limits);
	}
}

static void test_names(void **state)
{
	static const char *const names[] = { "", ".", "..", "a/b", "a.scope", "a b" };
	static const char *const parents[] = { "../x", "a/../b", "a//b", "cgroup.procs", "/a/./b" };
	const struct cgroup_limits limits = CGROUP_LIMITS_INIT;
	struct cgroup cgroup = CGROUP_INIT;
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(cgroup_create(CGROUP_MANAGER_CGROUPFS, NULL, names[i], &limits,
					       true, &cgroup, &err),
				 -1);
		assert_int_equal(err.kind, ERR_USAGE);
	}
	for (size_t i = 0; i < ARRAY_SIZE(parents); i++) {
		assert_int_equal(cgroup_create(CGROUP_MANAGER_CGROUPFS, parents[i], "x", &limits,
					       true, &cgroup, &err),
				 -1);
		assert_true(err.kind == ERR_USAGE || err.kind == ERR_UNSUPPORTED);
	}
}

/* ---- a real one ----------------------------------------------------------------------------------------------------- */

static void enter(const struct cgroup *cgroup)
{
	assert_int_equal(cgroup_write(cgroup->dir_fd, "cgroup.procs", "0"), 0);
}

static void test_life(void **state)
{
	const struct cgroup_limits limits = CGROUP_LIMITS_INIT;
	struct cgroup cgroup = CGROUP_INIT, again = CGROUP_INIT;
	cleanup_free char *parent = NULL;
	char name[32];
	struct err err;
	int status;

	/* the tree of the whole system is not for tests */
	if (geteuid() == 0 || cgroup_find_parent(CGROUP_MANAGER_CGROUPFS, &parent, &err) != 1)
		skip();

	snprintf(name, sizeof(name), "test-%d", getpid());
	assert_int_equal(
		cgroup_create(CGROUP_MANAGER_CGROUPFS, NULL, name, &limits, true, &cgroup, &err),
		0);
	pid_t pid = fork();
	if (pid == 0) {
		enter(&cgroup);
		raise(SIGSTOP);
		pause();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);

	pid_t *pids = NULL;
	assert_int_equal(cgroup_pids(&cgroup, &pids, &err), 1);
	assert_int_equal(pids[0], pid);
	free(pids);

	assert_false(cgroup_is_frozen(cgroup.path));
	assert_int_equal(cgroup_freeze(&cgroup, true, &err), 0);
	assert_true(cgroup_is_frozen(cgroup.path));
	assert_int_equal(cgroup_freeze(&cgroup, false, &err), 0);
	assert_false(cgroup_is_frozen(cgroup.path));

	/* nobody joins the processes of another one */
	assert_int_equal(
		cgroup_create(CGROUP_MANAGER_CGROUPFS, NULL, name, &limits, true, &again, &err),
		-1);
	assert_int_equal(err.kind, ERR_IN_USE);

	/* what the container made in it goes too, and what is frozen dies as well */
	assert_int_equal(mkdirat(cgroup.dir_fd, "a", 0755), 0);
	assert_int_equal(mkdirat(cgroup.dir_fd, "a/b", 0755), 0);
	assert_int_equal(cgroup_freeze(&cgroup, true, &err), 0);
	assert_int_equal(cgroup_destroy(cgroup.path, &err), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(cgroup_open(cgroup.path, &again, &err), 0);
	assert_int_equal(cgroup_destroy(cgroup.path, &err), 0);
	cgroup_release(&cgroup);
}

static void test_nothing_delegated(void **state)
{
	struct cgroup_limits limits = CGROUP_LIMITS_INIT;
	struct cgroup cgroup = CGROUP_INIT;
	struct err err;

	/* no cgroup is fine as long as nothing is asked of it */
	limits.pids_max = 2048;
	assert_int_equal(
		cgroup_create(CGROUP_MANAGER_NONE, NULL, "x", &limits, true, &cgroup, &err), 0);
	assert_null(cgroup.path);
	assert_int_equal(cgroup.dir_fd, -1);
	assert_int_equal(
		cgroup_create(CGROUP_MANAGER_NONE, NULL, "x", &limits, false, &cgroup, &err), -1);
	assert_int_equal(err.kind, ERR_UNSUPPORTED);
	limits.memory_max_bytes = 1;
	assert_int_equal(
		cgroup_create(CGROUP_MANAGER_NONE, NULL, "x", &limits, true, &cgroup, &err), -1);
	assert_true(err.hint[0] != '\0');
	assert_int_equal(cgroup_read_number(&cgroup, "memory.current"), -1);
	assert_int_equal(cgroup_freeze(&cgroup, true, &err), -1);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_managers),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_missing_controller),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_nothing_delegated),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
