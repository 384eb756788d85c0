/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-plan.c - configurations to plans, printed; no privilege is needed
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "engine/runtime.h"
#include "engine/runtime/plan.h"

/* a small configuration; parts of it are replaced by the cases */
static const char base_text[] =
	"{\"ociVersion\":\"1.0.2\",\"process\":{\"args\":[\"true\"],\"cwd\":\"/"
	"\",\"env\":[\"A=1\"]},"
	"\"root\":{\"path\":\".\"},\"linux\":{\"namespaces\":[{\"type\":\"user\"},{\"type\":"
	"\"pid\"},"
	"{\"type\":\"mount\"},{\"type\":\"network\"},{\"type\":\"ipc\"},{\"type\":\"uts\"}],"
	"\"uidMappings\":[{\"containerID\":0,\"hostID\":1000,\"size\":1}],"
	"\"gidMappings\":[{\"containerID\":0,\"hostID\":1000,\"size\":1}]}}";

/* change is an object that is merged into the configuration, two levels deep */
static struct runtime_plan *make(const char *change, const struct runtime_extra *extra,
				 struct err *err)
{
	json_t *config = json_parse(base_text, strlen(base_text), "base", err);
	json_t *more = json_loads(change, 0, NULL);
	struct runtime_plan *plan = NULL;
	int dir_fd = open("/", O_RDONLY | O_DIRECTORY);

	assert_non_null(config);
	if (more == NULL)
		fail_msg("the case is no JSON: %s", change);
	for (void *i = json_object_iter(more); i != NULL; i = json_object_iter_next(more, i)) {
		json_t *old = json_object_get(config, json_object_iter_key(i));
		json_t *new = json_object_iter_value(i);

		if (json_is_object(old) && json_is_object(new))
			json_object_update(old, new);
		else
			json_object_set(config, json_object_iter_key(i), new);
	}
	if (runtime_plan_new(config, dir_fd, NULL, NULL, extra, &plan, err) < 0)
		plan = NULL;
	close(dir_fd);
	json_decref(config);
	json_decref(more);
	return plan;
}

static void configurations_become_operations(void **state)
{
	static const struct {
		const char *change;
		const char *lines; /* that the print has */
	} cases[] = {
		{ "{}",
		  "new user namespace\nnew pid namespace\nnew network namespace\nnew ipc "
		  "namespace\nnew uts namespace\nnew mount namespace\nloopback\nroot from . on "
		  "/\ndevices on /dev\nenter on /\nuser 0:0\n" },
		{ "{\"hostname\":\"web\"}", "hostname web\n" },
		{ "{\"mounts\":[{\"destination\":\"/"
		  "proc\",\"type\":\"proc\",\"source\":\"proc\"}]}",
		  "filesystem proc from proc on /proc\n" },
		{ "{\"mounts\":[{\"destination\":\"data//x/../y\",\"source\":\"/src\",\"options\":"
		  "[\"rbind\",\"ro\",\"nosuid\"]}]}",
		  "bind from /src on /data/y recursive ro nosuid\n" },
		{ "{\"mounts\":[{\"destination\":\"/d\",\"source\":\"/"
		  "s\",\"options\":[\"bind\",\"ro\","
		  "\"rw\"]}]}",
		  "bind from /s on /d\n" },
		{ "{\"mounts\":[{\"destination\":\"/d\",\"source\":\"/s\",\"options\":[\"rbind\","
		  "\"rro\",\"rslave\"]}]}",
		  "bind from /s on /d recursive all-ro rslave\n" },
		{ "{\"mounts\":[{\"destination\":\"/"
		  "t\",\"type\":\"tmpfs\",\"options\":[\"size=1m\","
		  "\"mode=700\",\"noexec\",\"tmpcopyup\"]}]}",
		  "filesystem tmpfs on /t noexec size=1m mode=700 copy-up\n" },
		{ "{\"mounts\":[{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\"}]}",
		  "filesystem cgroup2 on /sys/fs/cgroup\n" },
		{ "{\"root\":{\"path\":\".\",\"readonly\":true}}",
		  "root-read-only on /\nenter on /\n" },
		{ "{\"linux\":{\"sysctl\":{\"net.ipv4.ip_forward\":\"1\"}}}",
		  "sysctl 1 on net/ipv4/ip_forward\n" },
		{ "{\"linux\":{\"sysctl\":{\"net/ipv4/conf/eth0.1/forwarding\":\"1\"}}}",
		  "sysctl 1 on net/ipv4/conf/eth0.1/forwarding\n" },
		{ "{\"linux\":{\"maskedPaths\":[\"/proc/kcore\"],\"readonlyPaths\":[\"/proc/"
		  "sys\"]}}",
		  "read-only on /proc/sys\nmask on /proc/kcore\n" },
		{ "{\"linux\":{\"devices\":[{\"path\":\"/dev/fuse\",\"type\":\"c\",\"major\":10,"
		  "\"minor\":229}]}}",
		  "device on /dev/fuse c 10:229\n" },
		{ "{\"process\":{\"terminal\":true}}", "console on /dev/console\n" },
		{ "{\"process\":{\"user\":{\"uid\":7,\"gid\":8}}}", "user 7:8\n" },
		{ "{\"process\":{\"capabilities\":{\"bounding\":[\"CAP_KILL\"]}}}",
		  "bounding 0000000000000020\n" },
		{ "{\"process\":{\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":1,\"hard\":2}]}"
		  "}",
		  "limit RLIMIT_NOFILE 1 2\n" },
		{ "{\"process\":{\"args\":[\"a b\",\"\\n\"]}}", "run a b \\x0a\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = { 0 };
		struct runtime_plan *plan = make(cases[i].change, NULL, &err);

		if (plan == NULL)
			fail_msg("%s: %s", cases[i].change, err.msg);
		char *text = runtime_plan_print(plan);
		if (strstr(text, cases[i].lines) == NULL)
			fail_msg("%s gives\n%s", cases[i].change, text);
		free(text);
		runtime_plan_free(plan);
	}
}

static void what_cannot_be_done_is_named(void **state)
{
	static const struct {
		const char *change, *word;
	} cases[] = {
		{ "{\"ociVersion\":\"2.0\"}", "2.0" },
		{ "{\"process\":null}", "process" },
		{ "{\"process\":{\"args\":\"true\"}}", "args" },
		{ "{\"process\":{\"cwd\":\"relative\"}}", "relative" },
		{ "{\"process\":{\"user\":{\"uid\":-1}}}", "uid" },
		{ "{\"process\":{\"user\":{\"uid\":4294967295}}}", "uid" },
		{ "{\"process\":{\"user\":{\"uid\":\"0\"}}}", "uid" },
		{ "{\"process\":{\"user\":{\"additionalGids\":[4294967296]}}}", "additionalGids" },
		{ "{\"process\":{\"capabilities\":{\"bounding\":[\"CAP_X\"]}}}", "CAP_X" },
		{ "{\"process\":{\"rlimits\":[{\"type\":\"RLIMIT_X\",\"soft\":1,\"hard\":2}]}}",
		  "RLIMIT_X" },
		{ "{\"process\":{\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":3,\"hard\":2}]}}",
		  "RLIMIT_CPU" },
		{ "{\"process\":{\"oomScoreAdj\":5000}}", "oomScoreAdj" },
		{ "{\"hostname\":\"a b\"}", "a b" },
		{ "{\"hostname\":\"a\\nb\"}", "\\x0a" },
		{ "{\"linux\":{\"namespaces\":[{\"type\":\"pid\"}]}}", "mount namespace" },
		{ "{\"linux\":{\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"x\"}]}}", "'x'" },
		{ "{\"linux\":{\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"pid\"},{\"type\":"
		  "\"pid\"}]}}",
		  "twice" },
		{ "{\"linux\":{\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"network\",\"path\":"
		  "\"/proc/self/ns/uts\"}]}}",
		  "no network namespace" },
		{ "{\"linux\":{\"uidMappings\":[]}}", "uidMappings" },
		{ "{\"linux\":{\"uidMappings\":[{\"containerID\":0,\"hostID\":-1,\"size\":1}]}}",
		  "uidMappings" },
		{ "{\"linux\":{\"intelRdt\":{\"closID\":\"x\"}}}", "intelRdt" },
		{ "{\"linux\":{\"sysctl\":{\"vm.swappiness\":\"1\"}}}", "vm.swappiness" },
		{ "{\"linux\":{\"sysctl\":{\"kernel.shm_rmid_forced\":\"1\",\"kernel.core_"
		  "pattern\":"
		  "\"x\"}}}",
		  "kernel.core_pattern" },
		{ "{\"linux\":{\"sysctl\":{\"net.ipv4.../x\":\"1\"}}}", "net.ipv4" },
		{ "{\"linux\":{\"sysctl\":{\"net..x\":\"1\"}}}", "net..x" },
		{ "{\"linux\":{\"sysctl\":{\"kernel.shmmax+x\":\"1\"}}}", "shmmax+x" },
		{ "{\"linux\":{\"namespaces\":[{\"type\":\"mount\"}],\"sysctl\":{\"net.core."
		  "somaxconn\":"
		  "\"1\"}}}",
		  "net.core.somaxconn" },
		{ "{\"mounts\":[{\"destination\":\"/proc\",\"source\":\"/"
		  "x\",\"options\":[\"bind\"]}]}",
		  "/proc" },
		{ "{\"mounts\":[{\"destination\":\"/proc/self/attr\",\"type\":\"tmpfs\"}]}",
		  "/proc/self/attr" },
		{ "{\"mounts\":[{\"destination\":\"/x/../proc\",\"type\":\"tmpfs\"}]}", "/proc" },
		{ "{\"mounts\":[{\"destination\":\"/\",\"type\":\"tmpfs\"}]}", "'/'" },
		{ "{\"mounts\":[{\"destination\":\"/d\",\"source\":\"/"
		  "s\",\"options\":[\"bind\",\"zz\"]}]}",
		  "zz" },
		{ "{\"mounts\":[{\"destination\":\"/d\",\"source\":\"/"
		  "s\",\"options\":[\"bind\",\"sync\"]}]}",
		  "sync" },
		{ "{\"mounts\":[{\"destination\":\"/d\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","
		  "\"options\":[\"idmap\"]}]}",
		  "idmap" },
		{ "{\"linux\":{\"maskedPaths\":[\"relative\"]}}", "maskedPaths" },
		{ "{\"linux\":{\"devices\":[{\"path\":\"/dev/x\",\"type\":\"z\"}]}}", "'z'" },
		{ "{\"linux\":{\"seccomp\":{\"defaultAction\":\"X\"}}}", "'X'" },
		{ "{\"linux\":{\"rootfsPropagation\":\"x\"}}", "rootfsPropagation" },
		{ "{\"root\":{\"path\":\"no/such/dir\"}}", "no/such/dir" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = { 0 };
		struct runtime_plan *plan = make(cases[i].change, NULL, &err);

		if (plan != NULL)
			fail_msg("taken: %s", cases[i].change);
		if (strstr(err.msg, cases[i].word) == NULL)
			fail_msg("%s: '%s' does not name '%s'", cases[i].change, err.msg,
				 cases[i].word);
	}
}

static void extras_are_planned(void **state)
{
	struct runtime_extra extra = RUNTIME_EXTRA_INIT;
	struct err err;

	extra.user = xstrdup("app:wheel");
	extra.init_path = xstrdup("/usr/bin/init");
	extra.passwd_entry = xstrdup("me:x:1:1::/:/bin/sh");
	struct runtime_plan *plan = make("{}", &extra, &err);
	assert_non_null(plan);
	char *text = runtime_plan_print(plan);
	assert_non_null(strstr(text, "accounts on /etc\nbind from /usr/bin/init on /run/.dhow-init "
				     "ro nosuid nodev\n"));
	assert_non_null(strstr(text, "user app:wheel\n"));
	assert_non_null(strstr(text, "run /run/.dhow-init -- true\n"));
	free(text);
	runtime_plan_free(plan);
	runtime_extra_release(&extra);
}

/* the search is a bisection */
static void mount_options_are_sorted(void **state)
{
	for (size_t i = 1; plan_mount_option_name(i) != NULL; i++)
		assert_true(strcmp(plan_mount_option_name(i - 1), plan_mount_option_name(i)) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(configurations_become_operations),
		cmocka_unit_test(what_cannot_be_done_is_named),
		cmocka_unit_test(extras_are_planned),
		cmocka_unit_test(mount_options_are_sorted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
