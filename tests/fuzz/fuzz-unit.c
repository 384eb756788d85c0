/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/fuzz-unit.c - unit files and their way to a service: no crash, what is made can be read again, and what is not made was reported
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "units/quadlet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(void *arg, const struct unit_problem *problem)
{
	*(size_t *)arg += problem->level == UNIT_ERROR;
}

static void ignore_link(void *arg, const char *path, const char *target)
{
}

/* The first byte chooses the kind of the unit. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t problems = 0, again = 0;
	struct quadlet_set set = { .program = "/usr/bin/dhow", .report = count, .arg = &problems };
	struct quadlet *quadlet = xcalloc(1, sizeof(*quadlet));
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct unit copy = UNIT_INIT;

	quadlet->type = size > 0 ? data[0] % QUADLET_TYPE_COUNT : 0;
	quadlet->name = xasprintf("a@b.%s", quadlet_suffix(quadlet->type));
	quadlet->path = xasprintf("/d/%s", quadlet->name);
	quadlet->dir = xstrdup("/d");
	set.items = xmalloc(sizeof(*set.items));
	set.items[0] = quadlet;
	set.count = set.size = 1;
	if (size > 0)
		quadlet->failed = unit_read(&quadlet->unit, (const char *)data + 1, size - 1, "f",
					    count, &problems) < 0;
	quadlet_resolve(&set);
	if (quadlet_convert(&set, quadlet) < 0) {
		if (problems == 0)
			abort();
	} else {
		unit_print(&quadlet->made, &out);
		if (unit_read(&copy, out.data, out.length, "f", count, &again) < 0)
			abort();
		quadlet_links(quadlet, ignore_link, NULL);
	}
	unit_release(&copy);
	quadlet_set_release(&set);
	return 0;
}
