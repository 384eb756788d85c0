/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/secret.h"

#include "storage-unit.h"

#include <sys/wait.h>

static int create(struct store *store, const char *name, const char *text, struct err *err)
{
	const struct secret_create_opts opts = { .name = name };
	cleanup_secret struct secret *secret = NULL;

	return secret_create(store, &opts, text, strlen(text), &secret, err);
}

static void expect_text(struct store *store, const char *name, const char *text)
{
	cleanup_secret struct secret *secret = NULL;
	cleanup_secret_data struct strbuf data = STRBUF_INIT;
	struct err err;

	assert_int_equal(ok(secret_find(store, name, &secret, &err)), 1);
	ok(secret_read(store, secret, &data, &err));
	assert_string_equal(data.data, text);
}

static void test_create_and_find(void **state)
{
	struct unit_store unit = unit_store_make();
	cleanup_strv struct strv labels = STRV_INIT;
	const struct secret_create_opts opts = { .name = "db", .labels = &labels };
	cleanup_secret struct secret *made = NULL, *found = NULL;
	struct err err;
	struct stat st;

	(void)state;
	strv_add(&labels, "a=1");
	assert_int_equal(secret_find(unit.store, "db", &found, &err), 0);
	ok(secret_create(unit.store, &opts, "bytes", 5, &made, &err));
	assert_int_equal(strlen(made->id), SECRET_ID_LENGTH);
	expect_text(unit.store, "db", "bytes");
	expect_text(unit.store, made->id, "bytes");
	char prefix[4] = { made->id[0], made->id[1], made->id[2], 0 };

	expect_text(unit.store, prefix, "bytes");
	assert_int_equal(ok(secret_find(unit.store, "db", &found, &err)), 1);
	assert_string_equal(found->name, "db");
	assert_string_equal(found->labels.items[0], "a=1");
	cleanup_free char *path = xasprintf("secrets/%s/data", made->id);

	assert_int_equal(fstatat(unit.store->root_fd, path, &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	assert_int_equal(create(unit.store, "db", "x", &err), -1);
	assert_int_equal(err.kind, ERR_EXISTS);
	ok(secret_remove(unit.store, found, &err));
	assert_int_equal(secret_remove(unit.store, found, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	assert_int_equal(secret_get(unit.store, "db", &made, &err), -1);
	unit_store_remove(&unit);
}

static void test_replace_and_ignore(void **state)
{
	struct unit_store unit = unit_store_make();
	struct secret_create_opts opts = { .name = "s", .replace = true };
	cleanup_secret struct secret *first = NULL, *second = NULL, *third = NULL;
	struct err err;

	(void)state;
	ok(secret_create(unit.store, &opts, "one", 3, &first, &err));
	ok(secret_create(unit.store, &opts, "two", 3, &second, &err));
	assert_string_not_equal(first->id, second->id);
	assert_true(first->created_ns == second->created_ns);
	expect_text(unit.store, "s", "two");
	/* names, lock, and one */
	assert_int_equal(unit_count(unit.store->root_fd, "secrets"), 3);
	opts.replace = false;
	opts.ignore = true;
	ok(secret_create(unit.store, &opts, "three", 5, &third, &err));
	assert_string_equal(third->id, second->id);
	expect_text(unit.store, "s", "two");
	unit_store_remove(&unit);
}

static void test_names(void **state)
{
	static const char *const good[] = { "a",   "-x",   ".",	       "..", ".hidden",
					    "a b", "100%", "\xc3\xa9", "0",  "names" };
	static const char *const bad[] = { "", "a/b", "a=b", "a,b", "a\nb", "\xff", "a\x7f" };
	struct unit_store unit = unit_store_make();
	struct secret_list list;
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		ok(create(unit.store, good[i], good[i], &err));
		expect_text(unit.store, good[i], good[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(create(unit.store, bad[i], "x", &err), -1);
		assert_int_equal(err.kind, ERR_USAGE);
	}
	ok(secret_list(unit.store, &list, &err));
	assert_int_equal(list.count, ARRAY_SIZE(good));
	secret_list_release(&list);
	unit_store_remove(&unit);
}

static void test_sizes(void **state)
{
	struct unit_store unit = unit_store_make();
	const struct secret_create_opts opts = { .name = "big" };
	cleanup_secret struct secret *secret = NULL, *none = NULL;
	cleanup_free char *data = xcalloc(1, SECRET_BYTES_MAX + 1);
	cleanup_secret_data struct strbuf back = STRBUF_INIT;
	struct err err;

	(void)state;
	assert_int_equal(secret_create(unit.store, &opts, data, 0, &none, &err), -1);
	assert_int_equal(secret_create(unit.store, &opts, data, SECRET_BYTES_MAX + 1, &none, &err),
			 -1);
	assert_int_equal(err.kind, ERR_USAGE);
	ok(secret_create(unit.store, &opts, data, SECRET_BYTES_MAX, &secret, &err));
	ok(secret_read(unit.store, secret, &back, &err));
	assert_int_equal(back.length, SECRET_BYTES_MAX);
	unit_store_remove(&unit);
}

static void test_damage(void **state)
{
	struct unit_store unit = unit_store_make();
	struct secret_list list;
	struct err err;

	(void)state;
	ok(create(unit.store, "good", "g", &err));
	ok(create(unit.store, "bad", "b", &err));
	cleanup_secret struct secret *bad = NULL;

	ok(secret_get(unit.store, "bad", &bad, &err));
	cleanup_free char *meta = xasprintf("secrets/%s/meta", bad->id);

	unit_write(unit.store->root_fd, meta, "nonsense");
	/* a crash between directory and name, and a link that leads nowhere */
	mkdirat(unit.store->root_fd, "secrets/0123456789abcdef012345678", 0700);
	assert_int_equal(symlinkat("0123456789abcdef012345679", unit.store->root_fd,
				   "secrets/names/dangling"),
			 0);
	assert_int_equal(symlinkat("../../x", unit.store->root_fd, "secrets/names/strange"), 0);
	ok(secret_list(unit.store, &list, &err));
	assert_int_equal(list.count, 2);
	assert_true(list.items[0]->damaged);
	assert_false(list.items[1]->damaged);
	ok(secret_remove(unit.store, list.items[0], &err));
	secret_list_release(&list);
	ok(create(unit.store, "dangling", "d", &err));
	expect_text(unit.store, "dangling", "d");
	struct stat st;

	assert_int_equal(fstatat(unit.store->root_fd, "secrets/0123456789abcdef012345678", &st, 0),
			 -1);
	unit_store_remove(&unit);
}

/* twenty who make one name: exactly one wins */
static void test_racers(void **state)
{
	struct unit_store unit = unit_store_make();
	struct err err;
	int winners = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		if (fork() == 0) {
			struct store *store = unit_store_open(&unit, true);

			_exit(create(store, "one", "x", &err) == 0 ? 0
			      : err.kind == ERR_EXISTS		   ? 1
								   : 2);
		}
	}
	for (int i = 0; i < 20; i++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
		winners += WEXITSTATUS(status) == 0;
	}
	assert_int_equal(winners, 1);
	unit_store_remove(&unit);
}

static void test_drivers(void **state)
{
	struct unit_store unit = unit_store_make();
	cleanup_strv struct strv options = STRV_INIT;
	struct secret_create_opts opts = { .name = "s", .driver = "shell" };
	cleanup_secret struct secret *secret = NULL;
	struct err err;

	(void)state;
	assert_int_equal(secret_create(unit.store, &opts, "x", 1, &secret, &err), -1);
	assert_int_equal(err.kind, ERR_UNSUPPORTED);
	opts.driver = "file";
	strv_add(&options, "path=/x");
	opts.driver_options = &options;
	assert_int_equal(secret_create(unit.store, &opts, "x", 1, &secret, &err), -1);
	assert_int_equal(err.kind, ERR_UNSUPPORTED);
	unit_store_remove(&unit);
}

static void test_option(void **state)
{
	static const struct {
		const char *text, *source, *target;
		enum secret_use_type type;
		uint32_t uid, gid;
		mode_t mode;
	} good[] = {
		{ "s", "s", "/run/secrets/s", SECRET_USE_MOUNT, 0, 0, 0444 },
		{ "source=s", "s", "/run/secrets/s", SECRET_USE_MOUNT, 0, 0, 0444 },
		{ "s,target=t,uid=7,gid=8,mode=400", "s", "/run/secrets/t", SECRET_USE_MOUNT, 7, 8,
		  0400 },
		{ "s,type=mount,target=/etc/abs", "s", "/etc/abs", SECRET_USE_MOUNT, 0, 0, 0444 },
		{ "s,target=a/../../b", "s", "/run/b", SECRET_USE_MOUNT, 0, 0, 0444 },
		{ "s,type=env", "s", "s", SECRET_USE_ENV, 0, 0, 0444 },
		{ "type=env,source=s,target=PW", "s", "PW", SECRET_USE_ENV, 0, 0, 0444 },
	};
	static const char *const bad[] = {
		"",
		",",
		"type=env",
		"s,",
		"s,type=x",
		"s,type=env,type=env",
		"s,uid=-1",
		"s,uid=x",
		"s,mode=9",
		"s,type=env,uid=0",
		"s,x=1",
		"s,source=t",
		"s,target=",
		"s,target=/",
		"s,target=a/",
		"s,target=../..",
		"s,t",
		"s,type=env,target=A=B",
		"s,gid=4294967296",
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		cleanup_secret_use struct secret_use use = { 0 };

		ok(secret_parse_option(good[i].text, &use, &err));
		assert_string_equal(use.source, good[i].source);
		assert_string_equal(use.target, good[i].target);
		assert_int_equal(use.type, good[i].type);
		assert_int_equal(use.uid, good[i].uid);
		assert_int_equal(use.gid, good[i].gid);
		assert_int_equal(use.mode, good[i].mode);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct secret_use use = { 0 };

		if (secret_parse_option(bad[i], &use, &err) == 0)
			fail_msg("'%s' was not refused", bad[i]);
		secret_use_release(&use);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_create_and_find), cmocka_unit_test(test_replace_and_ignore),
	cmocka_unit_test(test_names),		cmocka_unit_test(test_sizes),
	cmocka_unit_test(test_damage),		cmocka_unit_test(test_racers),
	cmocka_unit_test(test_drivers),		cmocka_unit_test(test_option),
};

UNIT_MAIN(tests)
