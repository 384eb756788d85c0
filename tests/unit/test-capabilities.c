/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-capabilities.c - names of capabilities, and the default profile as a snapshot (R8)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "engine/runtime.h"
#include "engine/runtime/capabilities.h"

static void names_go_both_ways(void **state)
{
	for (int i = 0; i <= 40; i++) {
		assert_non_null(capability_name(i));
		assert_int_equal(capability_parse(capability_name(i)), i);
		assert_int_equal(capability_parse(capability_name(i) + 4), i);
	}
	assert_int_equal(capability_parse("chown"), 0);
	assert_int_equal(capability_parse("cap_Chown"), 0);
	assert_int_equal(capability_parse("CAP_"), -1);
	assert_int_equal(capability_parse("ALL"), -1);
	assert_int_equal(capability_parse(""), -1);
	assert_null(capability_name(-1));
	assert_null(capability_name(64));
	assert_true(capability_last() >= 30);
}

static void lists_are_read(void **state)
{
	json_t *list = json_pack("[s, s]", "CAP_CHOWN", "CAP_KILL");
	json_t *bad = json_pack("[s, i]", "CAP_CHOWN", 1);
	uint64_t set = 7;
	struct err err;

	assert_int_equal(capabilities_from_json(list, &set, &err), 0);
	assert_int_equal(set, 0x21);
	assert_int_equal(capabilities_from_json(NULL, &set, &err), 0);
	assert_int_equal(set, 0);
	assert_int_equal(capabilities_from_json(bad, &set, &err), -1);
	assert_int_equal(err.kind, ERR_USAGE);
	json_decref(list);
	json_decref(bad);
}

static void the_default_profile_is_pinned(void **state)
{
	static const char wanted[] =
		"CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID CAP_KILL CAP_NET_BIND_SERVICE "
		"CAP_SETFCAP CAP_SETGID CAP_SETPCAP CAP_SETUID CAP_SYS_CHROOT";
	struct strv names = STRV_INIT;
	struct strv masked = STRV_INIT;
	struct strv read_only = STRV_INIT;

	profile_capabilities(&names);
	char *text = strv_join(&names, " ");
	assert_string_equal(text, wanted);
	free(text);

	profile_masked_paths(&masked);
	for (const char *const *path =
		     (const char *const[]){ "/proc/acpi", "/proc/asound", "/proc/interrupts",
					    "/proc/kcore", "/proc/keys", "/proc/latency_stats",
					    "/proc/sched_debug", "/proc/scsi", "/proc/timer_list",
					    "/proc/timer_stats", "/sys/devices/virtual/powercap",
					    "/sys/firmware", "/sys/fs/selinux", NULL };
	     *path != NULL; path++)
		assert_true(strv_contains(&masked, *path));

	profile_read_only_paths(&read_only);
	text = strv_join(&read_only, " ");
	assert_string_equal(text, "/proc/asound /proc/bus /proc/fs /proc/irq /proc/sys "
				  "/proc/sysrq-trigger");
	free(text);
	strv_release(&names);
	strv_release(&masked);
	strv_release(&read_only);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_go_both_ways),
		cmocka_unit_test(lists_are_read),
		cmocka_unit_test(the_default_profile_is_pinned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
