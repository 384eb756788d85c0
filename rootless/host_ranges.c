/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootless/host_ranges.c - ask libsubid for subordinate ids
 *
 * Part of libexec/dhow/host. The library is found at run time: three versions of it are about.
 */
#include "rootless/host_ask.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/strbuf.h"

#include <dlfcn.h>
#include <stdio.h>

struct subid_kind {
	const char *word;
	const char *symbol;	/* libsubid since 4 */
	const char *old_symbol; /* libsubid 3 */
};
static const struct subid_kind subid_kinds[] = {
	{ "uid", "subid_get_uid_ranges", "get_subuid_ranges" },
	{ "gid", "subid_get_gid_ranges", "get_subgid_ranges" },
};

/* the ABI of libsubid 3, 4 and 5; declared here because the library is loaded on demand and its header may be missing */
struct subid_range_abi {
	unsigned long start;
	unsigned long count;
};
typedef int subid_get_fn(const char *owner, struct subid_range_abi **ranges);
typedef bool subid_init_fn(const char *program, FILE *log);

static const char *const subid_libraries[] = { "libsubid.so.5", "libsubid.so.4", "libsubid.so.3",
					       "libsubid.so" };

static int ask_libsubid(void *library, const struct subid_kind *kind, const char *owner,
			struct strbuf *answer, struct err *err)
{
	/* ISO C has no way from an object to a function pointer; POSIX demands that this one works */
	union {
		void *object;
		subid_get_fn *function;
	} get = { .object = dlsym(library, kind->symbol) };

	if (get.object == NULL)
		get.object = dlsym(library, kind->old_symbol);
	if (get.object == NULL)
		return err_set(err, ERR_UNSUPPORTED, "libsubid has no function '%s'", kind->symbol);

	cleanup_free struct subid_range_abi *list = NULL;
	int count = get.function(owner, &list);

	/* -1 says "no range" and "no such user" alike */
	for (int i = 0; i < count; i++)
		strbuf_addf(answer, "%s %lu %lu\n", kind->word, list[i].start, list[i].count);
	return 0;
}

/* Without this the library writes its complaints through a NULL stream. */
static void init_libsubid(void *library)
{
	union {
		void *object;
		subid_init_fn *function;
	} init = { .object = dlsym(library, "subid_init") };

	if (init.object == NULL)
		return;

	FILE *log = fopen("/dev/null", "we");
	if (log != NULL)
		init.function("dhow", log); /* stays open: the library keeps it */
}

static void *open_libsubid(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(subid_libraries); i++) {
		/* it stays loaded after the first time, and is initialized then: it keeps a copy of each name */
		bool known = dlopen(subid_libraries[i], RTLD_NOW | RTLD_NOLOAD) != NULL;
		void *library = dlopen(subid_libraries[i], RTLD_NOW | RTLD_LOCAL);

		if (library != NULL && !known)
			init_libsubid(library);
		if (library != NULL)
			return library;
	}
	return NULL;
}

int host_ranges(const char *owner, struct strbuf *answer, struct err *err)
{
	void *library = open_libsubid();

	if (library == NULL)
		return err_set(err, ERR_UNAVAILABLE, "libsubid cannot be loaded: %s", dlerror());
	for (size_t i = 0; i < ARRAY_SIZE(subid_kinds); i++) {
		if (ask_libsubid(library, &subid_kinds[i], owner, answer, err) < 0)
			return -1;
	}
	return 0;
}
