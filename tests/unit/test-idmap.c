/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-idmap.c - plans of id maps as tables; and, where the user has ranges, maps that are really written
 */
#include "rootless/rootless.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ids of the user in all plans */
#define OWN 1000

/* "100000:65536,300000:10" are the ranges; plan is what to call */
static void make_ranges(const char *uid, const char *gid, struct id_ranges *ranges)
{
	*ranges = (struct id_ranges){ .own_uid = OWN, .own_gid = OWN };
	ranges->user_name = xstrdup("ann");
	assert_int_equal(idmap_parse(uid, &ranges->uid), 0);
	assert_int_equal(idmap_parse(gid, &ranges->gid), 0);
}

static void check_map(const struct idmap *map, const char *expected, const char *what)
{
	cleanup_free char *text = idmap_format(map);

	if (!str_equal(text, expected))
		print_error("%s\n", what);
	assert_string_equal(text, expected);
}

#define RANGE "0:100000:65536"
#define TWO   "0:100000:10,0:200000:20"

static void test_default(void **state)
{
	static const struct {
		const char *uid, *gid, *uid_map, *gid_map;
		bool single;
	} cases[] = {
		{ RANGE, RANGE, "0:1000:1,1:100000:65536", "0:1000:1,1:100000:65536", false },
		{ TWO, RANGE, "0:1000:1,1:100000:10,11:200000:20", "0:1000:1,1:100000:65536",
		  false },
		{ "", "", "0:1000:1", "0:1000:1", true },
	};
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct id_ranges ranges;
		cleanup_idmaps struct idmaps maps = IDMAPS_INIT;

		make_ranges(cases[i].uid, cases[i].gid, &ranges);
		assert_int_equal(idmap_plan_default(&ranges, &maps, &err), 0);
		check_map(&maps.uid, cases[i].uid_map, cases[i].uid);
		check_map(&maps.gid, cases[i].gid_map, cases[i].gid);
		assert_int_equal(maps.single, cases[i].single);
		id_ranges_release(&ranges);
	}
}

static void test_keep_id(void **state)
{
	static const struct {
		const char *ranges;
		uint32_t inside;
		const char *map;
	} cases[] = {
		{ RANGE, 1000, "0:100000:1000,1000:1000:1,1001:101000:64536" },
		{ RANGE, 0, "0:1000:1,1:100000:65536" },
		{ RANGE, 1, "0:100000:1,1:1000:1,2:100001:65535" },
		{ RANGE, 65536, "0:100000:65536,65536:1000:1" },
		/* an id above all ranges leaves a gap */
		{ RANGE, 100000, "0:100000:65536,100000:1000:1" },
		{ RANGE, 4294967294U, "0:100000:65536,4294967294:1000:1" },
		{ TWO, 15, "0:100000:10,10:200000:5,15:1000:1,16:200005:15" },
		{ TWO, 10, "0:100000:10,10:1000:1,11:200000:20" },
	};
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct id_ranges ranges;
		cleanup_idmaps struct idmaps maps = IDMAPS_INIT;

		make_ranges(cases[i].ranges, RANGE, &ranges);
		assert_int_equal(idmap_plan_keep_id(&ranges, cases[i].inside, 0, &maps, &err), 0);
		check_map(&maps.uid, cases[i].map, cases[i].ranges);
		id_ranges_release(&ranges);
	}
}

static void test_nomap(void **state)
{
	struct id_ranges ranges;
	cleanup_idmaps struct idmaps maps = IDMAPS_INIT;
	struct err err;

	make_ranges(TWO, RANGE, &ranges);
	assert_int_equal(idmap_plan_nomap(&ranges, &maps, &err), 0);
	check_map(&maps.uid, "0:100000:10,10:200000:20", "nomap");
	check_map(&maps.gid, "0:100000:65536", "nomap");
	id_ranges_release(&ranges);
}

static void test_plans_need_ranges(void **state)
{
	struct id_ranges ranges;
	struct idmaps maps;
	const struct idmap none = { NULL, 0 };
	struct err err;

	make_ranges("", "", &ranges);
	assert_int_equal(idmap_plan_keep_id(&ranges, 0, 0, &maps, &err), -1);
	assert_int_equal(err.kind, ERR_UNSUPPORTED);
	assert_non_null(strstr(err.hint, "usermod"));
	assert_int_equal(idmap_plan_nomap(&ranges, &maps, &err), -1);
	assert_int_equal(err.kind, ERR_UNSUPPORTED);
	assert_int_equal(idmap_plan_auto(&ranges, 10, &none, &maps, &err), -1);
	assert_int_equal(err.kind, ERR_UNSUPPORTED);
	id_ranges_release(&ranges);
}

static void test_auto(void **state)
{
	static const struct {
		const char *ranges, *taken;
		uint32_t size;
		const char *map; /* NULL: no place */
	} cases[] = {
		{ RANGE, "", 1024, "0:100000:1024" },
		{ RANGE, "0:100000:1024", 1024, "0:101024:1024" },
		{ RANGE, "0:101024:1024,0:100000:1024", 1024, "0:102048:1024" },
		/* a gap that is too small, then one that fits */
		{ RANGE, "0:100000:10,0:100015:10,0:100125:10", 100, "0:100025:100" },
		{ RANGE, "", 65536, "0:100000:65536" },
		{ RANGE, "", 65537, NULL },
		{ RANGE, "0:165535:1", 65536, NULL },
		{ TWO, "0:100000:10", 20, "0:200000:20" },
		{ TWO, "0:100005:1,0:200000:1", 20, NULL },
		{ TWO, "", 20, "0:200000:20" },
	};
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct id_ranges ranges;
		struct idmaps taken = IDMAPS_INIT;
		cleanup_idmaps struct idmaps maps = IDMAPS_INIT;

		make_ranges(cases[i].ranges, cases[i].ranges, &ranges);
		assert_int_equal(idmap_parse(cases[i].taken, &taken.uid), 0);
		int r = idmap_plan_auto(&ranges, cases[i].size, &taken.uid, &maps, &err);
		if (cases[i].map == NULL) {
			assert_int_equal(r, -1);
			assert_int_equal(err.kind, ERR_LIMIT);
		} else {
			assert_int_equal(r, 0);
			check_map(&maps.uid, cases[i].map, cases[i].taken);
			check_map(&maps.gid, cases[i].map, cases[i].taken);
		}
		idmaps_release(&taken);
		id_ranges_release(&ranges);
	}
}

/* items are separated by blanks; NULL map: refused */
static const struct {
	const char *uid, *gid, *uid_map, *gid_map;
} custom_cases[] = {
	{ "0:1:1000", "0:1:1000", "0:100000:1000", "0:100000:1000" },
	{ "0:1:1000", "", "0:100000:1000", "0:100000:1000" },
	{ "", "0:1:1000", "0:100000:1000", "0:100000:1000" },
	{ "1000:0:1", "", "1000:1000:1", "1000:1000:1" },
	{ "1000:0", "", "1000:1000:1", "1000:1000:1" },
	{ "0:1:1000 1000:0:1", "0:1:1", "0:100000:1000,1000:1000:1", "0:100000:1" },
	/* a slice over the own id and the range is two lines */
	{ "0:0:3", "", "0:1000:1,1:100000:2", "0:1000:1,1:100000:2" },
	/* real host ids */
	{ "5:@100007:2", "", "5:100007:2", "5:100007:2" },
	{ "5:@1000", "", "5:1000:1", "5:1000:1" },
	/* added to the default: its owners of these ids step back */
	{ "+5:@100007:2", "", "0:1000:1,1:100000:4,7:100006:1,10:100009:65527,5:100007:2",
	  "0:1000:1,1:100000:4,7:100006:1,10:100009:65527,5:100007:2" },
	{ "+u70000:1", "", "0:1000:1,2:100001:65535,70000:100000:1", "0:1000:1,1:100000:65536" },
	{ "+u70000:1", "0:0:1", "0:1000:1,2:100001:65535,70000:100000:1", "0:1000:1" },
	{ "g0:1:1", "", "0:1000:1,1:100000:65536", "0:100000:1" },
	/* wrong words */
	{ "0", "", NULL, NULL },
	{ "", "0:1:1:1", NULL, NULL },
	{ "0:1:0", "", NULL, NULL },
	{ "-1:1:1", "", NULL, NULL },
	{ "0x1:1:1", "", NULL, NULL },
	{ "4294967295:1:1", "", NULL, NULL },
	{ "4294967290:1:6", "", NULL, NULL },
	{ "0:1:4294967296", "", NULL, NULL },
	{ "++0:1:1", "", NULL, NULL },
	{ ":1:1", "", NULL, NULL },
	/* not the user's */
	{ "0:@0:1", "", NULL, NULL },
	{ "0:65537:1", "", NULL, NULL },
	{ "0:1:65537", "", NULL, NULL },
	{ "0:@99999:2", "", NULL, NULL },
	{ "0:@165535:2", "", NULL, NULL },
	/* twice */
	{ "0:1:2 1:5:1", "", NULL, NULL },
	{ "0:1:2 5:2:1", "", NULL, NULL },
};

static void split_words(const char *text, struct strv *words)
{
	if (*text != '\0')
		strv_split(words, text, ' ');
}

static void test_custom(void **state)
{
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(custom_cases); i++) {
		struct id_ranges ranges;
		cleanup_idmaps struct idmaps maps = IDMAPS_INIT;
		cleanup_strv struct strv uid = STRV_INIT;
		cleanup_strv struct strv gid = STRV_INIT;

		make_ranges(RANGE, RANGE, &ranges);
		split_words(custom_cases[i].uid, &uid);
		split_words(custom_cases[i].gid, &gid);
		int r = idmap_plan_custom(&ranges, &uid, &gid, &maps, &err);
		if ((r == 0) != (custom_cases[i].uid_map != NULL))
			print_error("'%s' '%s'\n", custom_cases[i].uid, custom_cases[i].gid);
		if (custom_cases[i].uid_map == NULL) {
			assert_int_equal(r, -1);
			assert_int_equal(err.kind, ERR_USAGE);
		} else {
			assert_int_equal(r, 0);
			check_map(&maps.uid, custom_cases[i].uid_map, custom_cases[i].uid);
			check_map(&maps.gid, custom_cases[i].gid_map, custom_cases[i].uid);
		}
		id_ranges_release(&ranges);
	}
}

/* a real host range that runs over two subordinate ranges which are neighbours on the host but not in the pool */
static void test_custom_neighbours(void **state)
{
	struct id_ranges ranges;
	cleanup_idmaps struct idmaps maps = IDMAPS_INIT;
	cleanup_strv struct strv items = STRV_INIT;
	const struct strv none = STRV_INIT;
	struct err err;

	make_ranges("0:100010:10,0:100000:10", "0:100010:10,0:100000:10", &ranges);
	strv_add(&items, "0:@100005:10");
	assert_int_equal(idmap_plan_custom(&ranges, &items, &none, &maps, &err), 0);
	check_map(&maps.uid, "0:100005:5,5:100010:5", "neighbours");
	id_ranges_release(&ranges);
}

static void test_lookup(void **state)
{
	struct idmaps maps = IDMAPS_INIT;
	uint32_t id = 7;

	assert_int_equal(idmap_parse("1:100000:10,0:1000:1,20:5:1", &maps.uid), 0);
	assert_int_equal(idmap_to_host(&maps.uid, 0, &id), 1);
	assert_int_equal(id, 1000);
	assert_int_equal(idmap_to_host(&maps.uid, 10, &id), 1);
	assert_int_equal(id, 100009);
	assert_int_equal(idmap_to_host(&maps.uid, 11, &id), 0);
	assert_int_equal(id, 100009);
	assert_int_equal(idmap_to_inside(&maps.uid, 100009, &id), 1);
	assert_int_equal(id, 10);
	assert_int_equal(idmap_to_inside(&maps.uid, 4, &id), 0);
	assert_int_equal(idmap_contiguous(&maps.uid), 11);
	idmaps_release(&maps);
}

static void test_parse(void **state)
{
	static const char *const bad[] = {
		"0",
		"0:1",
		",",
		"0:1:1,",
		"0:1:0",
		"4294967295:0:1",
		"a:1:1",
		"0:1:1 ",
		" 0:1:1",
		"0::1",
		"0:1:4294967296",
		"4294967294:0:2",
		"0:-1:1",
		"0:1:1:1",
		"0:4294967294:2",
	};
	static const char *const good[] = { "", "0:1000:1", "0:1000:1,1:100000:65536",
					    "4294967294:4294967294:1" };
	struct idmap map;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_true(idmap_parse(bad[i], &map) < 0);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct idmaps maps = IDMAPS_INIT;

		assert_int_equal(idmap_parse(good[i], &maps.uid), 0);
		check_map(&maps.uid, good[i], good[i]);
		idmaps_release(&maps);
	}
}

/* ---- on this system ------------------------------------------------------------------------------------------------- */

/* what a child in the namespace saw */
static int see_ids(void *arg, struct err *err)
{
	if (getuid() != 0 || getgid() != 0)
		return err_set(err, ERR_STATE, "uid %u gid %u", getuid(), getgid());
	*(int *)arg = 1; /* in a copy of memory: the caller must not see it */
	return 42;
}

static int fail_so(void *arg, struct err *err)
{
	err_set(err, ERR_IN_USE, "no room for '%s'", (const char *)arg);
	return err_hint(err, "Go away.");
}

static int die(void *arg, struct err *err)
{
	abort();
}

static int chown_file(void *arg, struct err *err)
{
	/* an id that only a full map has */
	if (fchown(*(int *)arg, 33, 33) < 0)
		return err_set(err, ERR_DENIED, "cannot chown");
	return 0;
}

static bool load_maps(struct id_ranges *ranges, struct idmaps *maps)
{
	struct err err;

	if (idmap_ranges_load(-1, NULL, ranges, &err) < 0 ||
	    idmap_plan_default(ranges, maps, &err) < 0) {
		print_error("%s\n", err.msg);
		return false;
	}
	return true;
}

static void test_run(void **state)
{
	struct id_ranges ranges;
	cleanup_idmaps struct idmaps maps = IDMAPS_INIT;
	struct err err = { 0 };
	int touched = 0;

	assert_true(load_maps(&ranges, &maps));
	int r = userns_run(&maps, see_ids, &touched, &err);
	if (r < 0 && err.kind == ERR_UNSUPPORTED) {
		print_message("no user namespaces here: %s\n", err.msg);
		id_ranges_release(&ranges);
		skip();
	}
	if (r < 0)
		print_error("%s\n", err.msg);
	assert_int_equal(r, 42);
	assert_int_equal(touched, 0);

	assert_int_equal(userns_run(&maps, fail_so, (void *)(uintptr_t) "ann", &err), -1);
	assert_int_equal(err.kind, ERR_IN_USE);
	assert_string_equal(err.msg, "no room for 'ann'");
	assert_string_equal(err.hint, "Go away.");

	assert_int_equal(userns_run(&maps, die, NULL, &err), -1);
	assert_non_null(strstr(err.msg, "signal 6"));

	char path[] = "/tmp/test-idmap-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	/* without a name: the directory is sticky, and it will be somebody else's file */
	unlink(path);
	r = userns_run(&maps, chown_file, &fd, &err);
	uint32_t host;
	if (idmap_to_host(&maps.uid, 33, &host) == 1) {
		struct stat st;

		assert_int_equal(r, 0);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_uid, host);
	} else {
		assert_int_equal(r, -1);
	}
	close(fd);
	id_ranges_release(&ranges);
}

static void test_write_explains(void **state)
{
	struct id_ranges ranges;
	cleanup_idmaps struct idmaps maps = IDMAPS_INIT;
	struct idmaps foreign = IDMAPS_INIT;
	struct err err = { 0 };
	int unused = 0;

	assert_true(load_maps(&ranges, &maps));
	if (geteuid() == 0 || userns_run(&maps, see_ids, &unused, &err) < 0) {
		id_ranges_release(&ranges);
		skip();
	}
	/* ids that nobody gave to this user */
	idmap_add(&foreign.uid, 0, 3000000000U, 10);
	idmap_add(&foreign.gid, 0, 3000000000U, 10);
	assert_int_equal(userns_run(&foreign, see_ids, &unused, &err), -1);
	assert_int_equal(err.kind, ERR_UNSUPPORTED);
	assert_non_null(strstr(err.msg, "newuidmap"));
	assert_true(err.hint[0] != '\0');
	idmaps_release(&foreign);
	id_ranges_release(&ranges);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_keep_id),
		cmocka_unit_test(test_nomap),
		cmocka_unit_test(test_plans_need_ranges),
		cmocka_unit_test(test_auto),
		cmocka_unit_test(test_custom),
		cmocka_unit_test(test_custom_neighbours),
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_write_explains),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
