/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-registries.c - where names lead to, by registries.conf
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "engine/image/registries.h"

static char dir[] = "/tmp/test-registries.XXXXXX";

static struct registries *load(const char *text, struct err *err)
{
	cleanup_free char *path = xasprintf("%s/registries.conf", dir);
	FILE *file = fopen(path, "w");
	struct registries *registries = NULL;

	fputs(text, file);
	fclose(file);
	return registries_load(path, &registries, err) < 0 ? NULL : registries;
}

/* "registry/path registry/path!" with '!' for insecure ones, or the error's kind */
static char *endpoints(const struct registries *registries, const char *name, int tls_verify)
{
	cleanup_image_ref struct image_ref ref = { 0 };
	struct endpoint_list list = { NULL, 0 };
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct err err;

	assert_int_equal(image_ref_parse(name, &ref, &err), 0);
	if (registries_endpoints(registries, &ref, tls_verify, &list, &err) < 0)
		return xstrdup(err_kind_name(err.kind));
	for (size_t i = 0; i < list.count; i++)
		strbuf_addf(&out, "%s%s/%s%s", i > 0 ? " " : "", list.items[i].registry,
			    list.items[i].path, list.items[i].insecure ? "!" : "");
	endpoint_list_release(&list);
	return strbuf_take(&out);
}

#define CONFIG                                                                                     \
	"[[registry]]\nlocation = \"plain.test\"\ninsecure = true\n"                               \
	"[[registry]]\nlocation = \"plain.test/tls\"\n"                                            \
	"[[registry]]\nlocation = \"no.test\"\nblocked = true\n"                                   \
	"[[registry]]\nprefix = \"old.test/lib\"\nlocation = \"new.test:5000/more\"\n"             \
	"[[registry.mirror]]\nlocation = \"m1.test/x\"\ninsecure = true\n"                         \
	"[[registry.mirror]]\nlocation = \"m2.test\"\npull-from-mirror = \"digest-only\"\n"        \
	"[[registry.mirror]]\nlocation = \"m3.test\"\npull-from-mirror = \"tag-only\"\n"           \
	"[[registry]]\nprefix = \"*.wild.test\"\ninsecure = true\n"                                \
	"[[registry]]\nprefix = \"*.moved.test\"\nlocation = \"here.test/all\"\n"                  \
	"[[registry]]\nprefix = \"docker.io/library\"\nlocation = \"hub.test/lib\"\n"

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
	const char *name;
	int tls_verify;
	const char *endpoints;
} cases[] = {
	{ "other.test/a/b:1", -1, "other.test/a/b" },
	{ "other.test/a/b:1", 0, "other.test/a/b!" },
	{ "plain.test/a", -1, "plain.test/a!" },
	{ "plain.test/a", 1, "plain.test/a" },
	{ "plain.test:5000/a", -1, "plain.test:5000/a" },
	{ "plain.test/tls/a", -1, "plain.test/tls/a" },
	{ "plain.test/tlsx/a", -1, "plain.test/tlsx/a!" },
	{ "no.test/a", -1, "denied" },
	{ "old.test/lib/a:1", -1, "m1.test/x/a! m3.test/a new.test:5000/more/a" },
	{ "old.test/lib/a@" DIGEST, -1, "m1.test/x/a! m2.test/a new.test:5000/more/a" },
	{ "old.test/library/a", -1, "old.test/library/a" },
	{ "a.wild.test/x", -1, "a.wild.test/x!" },
	{ "a.b.wild.test/x", -1, "a.b.wild.test/x!" },
	{ "wild.test/x", -1, "wild.test/x" },
	{ "a.moved.test:1/x/y", -1, "a.moved.test:1/x/y" },
	{ "a.moved.test/x/y", -1, "here.test/all/x/y" },
	{ "docker.io/alpine", -1, "hub.test/lib/alpine" },
	{ "docker.io/me/alpine", -1, "docker.io/me/alpine" },
};

static void names_lead_to_endpoints(void **state)
{
	struct err err;
	cleanup_registries struct registries *registries = load(CONFIG, &err);

	if (registries == NULL)
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cleanup_free char *got = endpoints(registries, cases[i].name, cases[i].tls_verify);

		if (!str_equal(got, cases[i].endpoints))
			fail_msg("'%s' leads to '%s', wanted '%s'", cases[i].name, got,
				 cases[i].endpoints);
	}
}

static char *expand(const struct registries *registries, const char *name, bool hub)
{
	cleanup_image_ref struct image_ref ref = { 0 };
	cleanup_strv struct strv names = STRV_INIT;
	struct err err;

	assert_int_equal(image_ref_parse(name, &ref, &err), 0);
	if (registries_expand(registries, &ref, hub, &names, &err) < 0)
		return xasprintf("%s (%s)", err.msg, err.hint);
	return strv_join(&names, " ");
}

static void short_names_are_expanded(void **state)
{
	struct err err;
	cleanup_registries struct registries *none = load("", &err);
	cleanup_free char *refused = expand(none, "x:1", false);
	cleanup_free char *hub = expand(none, "x:1", true);

	assert_non_null(strstr(refused, "no unqualified-search registries"));
	assert_non_null(strstr(refused, "docker.io/library/x:1"));
	assert_string_equal(hub, "docker.io/library/x:1");

	cleanup_registries struct registries *some =
		load("unqualified-search-registries = ['a.test', 'docker.io']\n"
		     "[aliases]\n'nick' = 'b.test/c/d'\n",
		     &err);
	cleanup_free char *all = expand(some, "x", false);
	cleanup_free char *nick = expand(some, "nick:7", false);

	assert_string_equal(all, "a.test/x:latest docker.io/library/x:latest");
	assert_string_equal(nick, "b.test/c/d:7");

	cleanup_registries struct registries *strict =
		load("unqualified-search-registries = ['a.test', 'b.test']\n"
		     "short-name-mode = 'enforcing'\n",
		     &err);
	cleanup_free char *ambiguous = expand(strict, "x", true);

	assert_non_null(strstr(ambiguous, "may mean several"));

	cleanup_registries struct registries *old =
		load("[registries.search]\nregistries = ['s.test']\n"
		     "[registries.insecure]\nregistries = ['i.test']\n"
		     "[registries.block]\nregistries = ['b.test']\n",
		     &err);
	cleanup_free char *searched = expand(old, "x", false);
	cleanup_free char *insecure = endpoints(old, "i.test/x", -1);
	cleanup_free char *blocked = endpoints(old, "b.test/x", -1);

	assert_string_equal(searched, "s.test/x:latest");
	assert_string_equal(insecure, "i.test/x!");
	assert_string_equal(blocked, "denied");
}

static void wrong_files_are_errors(void **state)
{
	static const char *const wrong[] = {
		"registry = 1",
		"[[registry]]\ninsecure = true",
		"[[registry]]\nprefix = 'a.test'",
		"[[registry]]\nlocation = 'https://a.test'",
		"[[registry]]\nlocation = 'a.test'\n[[registry.mirror]]\ninsecure = true",
		"[[registry]]\nlocation = 'a.test'\n[[registry.mirror]]\nlocation = 'b.test'\n"
		"pull-from-mirror = 'never'",
		"unqualified-search-registries = 'a.test'",
		"unqualified-search-registries = ['https://a.test']",
		"short-name-mode = 'perhaps'",
		"[aliases]\nx = 'y'",
		"[aliases]\nx = 'a.test/y:1'",
		"[aliases]\nx = 'a.test/Y'",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct err err = { 0 };

		if (load(wrong[i], &err) != NULL)
			fail_msg("accepted: %s", wrong[i]);
		assert_non_null(strstr(err.msg, "registries.conf"));
	}
}

static void test_unknown_keys(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "short-name-mode = 'disabled'\nserch = ['a.test']",
		  "registries.conf:2': unknown key 'serch'" },
		{ "[[registry]]\nlocation = 'a.test'\n\n  insecur = true",
		  "registries.conf:4': unknown key 'insecur' of a registry" },
		{ "[[registry]]\nlocation = 'a.test'\n[[registry.mirror]]\nlocation = "
		  "'b.test'\nblocked = true",
		  "registries.conf:5': unknown key 'blocked' of a mirror" },
		{ "[[registry]]\nlocation = 'a.test'\n[[registry.miror]]\nlocation = 'b.test'",
		  "registries.conf:3': unknown key 'miror' of a registry" },
		{ "[[registry]]\nlocation = 'a.test'\nblocked = 'yes'",
		  "registries.conf:3': 'blocked' of a registry is neither" },
		{ "[registries.serch]\nregistries = ['a.test']",
		  "registries.conf:1': unknown key 'serch' of registries" },
		{ "[registries.search]\nregistry = ['a.test']",
		  "registries.conf:2': unknown key 'registry'" },
	};
	struct registries *registries;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		err = (struct err){ 0 };
		if (load(rows[i].text, &err) != NULL)
			fail_msg("accepted: %s", rows[i].text);
		if (strstr(err.msg, rows[i].says) == NULL)
			fail_msg("'%s' lacks '%s'", err.msg, rows[i].says);
	}
	/* other engines' */
	registries = load("credential-helpers = ['containers-auth.json']\n", &err);
	assert_non_null(registries);
	registries_free(registries);
}

static int set_up(void **state)
{
	if (mkdtemp(dir) == NULL)
		return -1;
	/* the drop-ins and aliases of the user who runs this are none of our business */
	setenv("HOME", dir, 1);
	setenv("XDG_CONFIG_HOME", dir, 1);
	setenv("XDG_CACHE_HOME", dir, 1);
	return 0;
}

static int tear_down(void **state)
{
	cleanup_free char *path = xasprintf("%s/registries.conf", dir);

	unlink(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_lead_to_endpoints),
		cmocka_unit_test(short_names_are_expanded),
		cmocka_unit_test(wrong_files_are_errors),
		cmocka_unit_test(test_unknown_keys),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
