/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-user.c - passwd and group of images, and what --user means (R6, R7)
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/path.h"
#include "engine/runtime/user.h"

static char root_path[] = "/tmp/test-user-XXXXXX";
static int root_fd;

static void put(const char *name, const char *text)
{
	unlinkat(root_fd, name, 0);
	int fd = openat(root_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_full(fd, text, strlen(text)), 0);
	close(fd);
}

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "broken\n"
			     "nouid:x::5::/x:/bin/sh\n"
			     "hex:x:0x10:5::/x:/bin/sh\n"
			     "1000:x:0:0:trap:/trap:/bin/sh\n"
			     "app:x:1000:1000::/home/app:/bin/sh\n"
			     "other:x:1000:7::/other:/bin/sh\n"
			     "-1:x:0:0::/:/bin/sh\n"
			     "short:x:7:8\n"
			     "last:x:9:10::/last:/bin/sh";
static const char group[] = "root:x:0:\nwheel:x:10:app,root\nextra:x:99:app\napp2:x:98:apple\n"
			    "1234:x:0:\napp:x:1000:\n";

static int setup(void **state)
{
	assert_non_null(mkdtemp(root_path));
	root_fd = open(root_path, O_RDONLY | O_DIRECTORY);
	assert_int_equal(mkdirat(root_fd, "etc", 0755), 0);
	return 0;
}

static int teardown(void **state)
{
	int tmp_fd = open("/tmp", O_RDONLY | O_DIRECTORY);

	path_remove_tree(tmp_fd, root_path + strlen("/tmp/"));
	close(tmp_fd);
	close(root_fd);
	return 0;
}

struct user_case {
	const char *user;
	int uid, gid; /* -1: refused */
	const char *groups, *home;
};

static void users_are_exact_or_refused(void **state)
{
	static const struct user_case cases[] = {
		{ "root", 0, 0, "10", "/root" },
		{ "0", 0, 0, "10", "/root" },
		{ "app", 1000, 1000, "10 99", "/home/app" },
		/* a number is never a name, also when there is an account of that name */
		{ "1000", 1000, 1000, "10 99", "/home/app" },
		{ "app:wheel", 1000, 10, "", "/home/app" },
		{ "app:0", 1000, 0, "", "/home/app" },
		{ "app:1234", 1000, 1234, "", "/home/app" },
		{ "4000:wheel", 4000, 10, "", "/" },
		{ "4000", 4000, 0, "", "/" },
		{ "4294967294", INT32_MAX, 0, "", "/" }, /* compared as unsigned below */
		{ "short", 7, 8, "", "/" },
		{ "last", 9, 10, "", "/last" },
		{ "4294967295", -1, 0, NULL, NULL },
		{ "4294967296", -1, 0, NULL, NULL },
		{ "18446744073709551616", -1, 0, NULL, NULL },
		{ "nobody", -1, 0, NULL, NULL },
		{ "hex", -1, 0, NULL, NULL },
		{ "nouid", -1, 0, NULL, NULL },
		{ "+1", -1, 0, NULL, NULL },
		{ "01", -1, 0, NULL, NULL },
		{ "0x1", -1, 0, NULL, NULL },
		{ "1 ", -1, 0, NULL, NULL },
		{ " 1", -1, 0, NULL, NULL },
		{ "1:", -1, 0, NULL, NULL },
		{ ":1", -1, 0, NULL, NULL },
		{ "1:1:1", -1, 0, NULL, NULL },
		{ "", -1, 0, NULL, NULL },
		{ "app:nogroup", -1, 0, NULL, NULL },
		{ "app:00", -1, 0, NULL, NULL },
		{ "1\n", -1, 0, NULL, NULL },
	};

	put("etc/passwd", passwd);
	put("etc/group", group);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct identity_request request = { .user = cases[i].user };
		struct identity identity = IDENTITY_INIT;
		struct err err = { 0 };
		int r = identity_resolve(root_fd, &request, &identity, &err);

		if (cases[i].uid < 0) {
			if (r == 0)
				fail_msg("'%s' is taken as %u", cases[i].user, identity.uid);
			assert_int_equal(err.kind, ERR_CANNOT_RUN);
			continue;
		}
		if (r < 0)
			fail_msg("'%s': %s", cases[i].user, err.msg);
		char groups[100] = "";
		for (size_t j = 0; j < identity.group_count; j++)
			snprintf(groups + strlen(groups), sizeof(groups) - strlen(groups), "%s%u",
				 j > 0 ? " " : "", identity.groups[j]);
		if (cases[i].uid == INT32_MAX)
			assert_int_equal(identity.uid, 4294967294U);
		else
			assert_int_equal(identity.uid, cases[i].uid);
		assert_int_equal(identity.gid, cases[i].gid);
		assert_string_equal(groups, cases[i].groups);
		assert_string_equal(identity.home, cases[i].home);
		identity_release(&identity);
	}
}

static void groups_are_added_by_name_and_number(void **state)
{
	struct strv add = STRV_INIT;
	struct identity_request request = { .user = "0", .group_add = &add };
	struct identity identity = IDENTITY_INIT;
	struct err err;

	put("etc/passwd", passwd);
	put("etc/group", group);
	strv_add(&add, "extra");
	strv_add(&add, "4321");
	assert_int_equal(identity_resolve(root_fd, &request, &identity, &err), 0);
	assert_int_equal(identity.group_count, 3);
	identity_release(&identity);

	strv_add(&add, "nothere");
	assert_int_equal(identity_resolve(root_fd, &request, &identity, &err), -1);
	assert_non_null(strstr(err.msg, "nothere"));
	strv_release(&add);
}

static void odd_files_do_no_harm(void **state)
{
	struct identity_request by_number = { .user = "0" };
	struct identity_request by_name = { .user = "app" };
	struct identity identity = IDENTITY_INIT;
	struct err err;

	for (int kind = 0; kind < 5; kind++) {
		unlinkat(root_fd, "etc/passwd", 0);
		unlinkat(root_fd, "etc/group", 0);
		switch (kind) {
		case 0:
			break; /* nothing there */
		case 1:
			assert_int_equal(mkfifoat(root_fd, "etc/passwd", 0666), 0);
			break;
		case 2: {
			int fd = openat(root_fd, "etc/passwd", O_WRONLY | O_CREAT, 0644);
			assert_int_equal(ftruncate(fd, 10LL << 30), 0);
			close(fd);
			break;
		}
		case 3:
			assert_int_equal(symlinkat("/dev/zero", root_fd, "etc/passwd"), 0);
			break;
		case 4:
			assert_int_equal(symlinkat("passwd", root_fd, "etc/passwd"), 0);
			break;
		}
		assert_int_equal(identity_resolve(root_fd, &by_number, &identity, &err), 0);
		assert_string_equal(identity.home, "/");
		identity_release(&identity);
		assert_int_equal(identity_resolve(root_fd, &by_name, &identity, &err), -1);
		assert_int_equal(err.kind, ERR_CANNOT_RUN);
	}
}

static void numbers_of_the_configuration_hold_without_user(void **state)
{
	struct strv gids = STRV_INIT;
	struct identity_request request = { .uid = 1000, .gid = 55, .gids = &gids };
	struct identity identity = IDENTITY_INIT;
	struct err err;

	put("etc/passwd", passwd);
	put("etc/group", group);
	strv_add(&gids, "5");
	assert_int_equal(identity_resolve(root_fd, &request, &identity, &err), 0);
	assert_int_equal(identity.uid, 1000);
	assert_int_equal(identity.gid, 55);
	assert_int_equal(identity.group_count, 1);
	assert_string_equal(identity.home, "/home/app");
	identity_release(&identity);
	strv_release(&gids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_are_exact_or_refused),
		cmocka_unit_test(groups_are_added_by_name_and_number),
		cmocka_unit_test(odd_files_do_no_harm),
		cmocka_unit_test(numbers_of_the_configuration_hold_without_user),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
