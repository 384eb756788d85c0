/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/seccomp_file.c - profile files in docker's format
 *
 * They differ from OCI's linux.seccomp in what depends on the container: a rule holds for some architectures, capabilities or kernels only
 * (includes, excludes), and architectures are given as a map from each to its sub-architectures.
 */
#include "engine/runtime.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "engine/runtime/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/utsname.h>

/* as docker's files name this machine, and as libseccomp does */
#if defined(__x86_64__)
#define NATIVE_ARCH  "amd64"
#define NATIVE_TOKEN "SCMP_ARCH_X86_64"
#elif defined(__aarch64__)
#define NATIVE_ARCH  "arm64"
#define NATIVE_TOKEN "SCMP_ARCH_AARCH64"
#elif defined(__i386__)
#define NATIVE_ARCH  "x86"
#define NATIVE_TOKEN "SCMP_ARCH_X86"
#elif defined(__arm__)
#define NATIVE_ARCH  "arm"
#define NATIVE_TOKEN "SCMP_ARCH_ARM"
#elif defined(__riscv)
#define NATIVE_ARCH  "riscv64"
#define NATIVE_TOKEN "SCMP_ARCH_RISCV64"
#elif defined(__s390x__)
#define NATIVE_ARCH  "s390x"
#define NATIVE_TOKEN "SCMP_ARCH_S390X"
#elif defined(__powerpc64__)
#define NATIVE_ARCH  "ppc64le"
#define NATIVE_TOKEN "SCMP_ARCH_PPC64LE"
#endif

static bool contains_text(const json_t *list, const char *text)
{
	size_t i;
	json_t *item;

	json_array_foreach (list, i, item) {
		if (json_is_string(item) && str_equal(json_string_value(item), text))
			return true;
	}
	return false;
}

/* "4.8" against what runs */
static bool kernel_is_at_least(const char *version)
{
	struct utsname name;
	char *end, *own_end;

	if (uname(&name) < 0)
		return false;
	unsigned long major = strtoul(version, &end, 10);
	unsigned long minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
	unsigned long own_major = strtoul(name.release, &own_end, 10);
	unsigned long own_minor = *own_end == '.' ? strtoul(own_end + 1, NULL, 10) : 0;

	return own_major > major || (own_major == major && own_minor >= minor);
}

/* all capabilities of the list are there */
static bool has_all(const json_t *list, const struct strv *capabilities)
{
	size_t i;
	json_t *item;

	json_array_foreach (list, i, item) {
		if (!json_is_string(item) || !strv_contains(capabilities, json_string_value(item)))
			return false;
	}
	return true;
}

static bool has_any(const json_t *list, const struct strv *capabilities)
{
	size_t i;
	json_t *item;

	json_array_foreach (list, i, item) {
		if (json_is_string(item) && strv_contains(capabilities, json_string_value(item)))
			return true;
	}
	return false;
}

static bool rule_holds(const json_t *rule, const struct strv *capabilities)
{
	const json_t *includes = json_object_get(rule, "includes");
	const json_t *excludes = json_object_get(rule, "excludes");
	const json_t *arches = json_object_get(includes, "arches");
	const char *kernel = json_get_string(includes, NULL, "minKernel", NULL);

	if (json_array_size(arches) > 0 && !contains_text(arches, NATIVE_ARCH))
		return false;
	if (!has_all(json_object_get(includes, "caps"), capabilities))
		return false;
	if (kernel != NULL && !kernel_is_at_least(kernel))
		return false;
	if (contains_text(json_object_get(excludes, "arches"), NATIVE_ARCH) ||
	    has_any(json_object_get(excludes, "caps"), capabilities))
		return false;
	kernel = json_get_string(excludes, NULL, "minKernel", NULL);
	return kernel == NULL || !kernel_is_at_least(kernel);
}

static json_t *copy_rule(const json_t *rule)
{
	static const char *const keys[] = { "names", "action", "errnoRet", "args" };
	json_t *copy = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		json_t *value = json_object_get(rule, keys[i]);

		if (value != NULL && !json_is_null(value))
			json_put(copy, keys[i], json_incref(value));
	}
	/* the first format had one name per rule */
	const char *name = json_get_string(rule, NULL, "name", NULL);
	if (name != NULL && json_object_get(copy, "names") == NULL)
		json_put(copy, "names", json_pack("[s]", name));
	return copy;
}

static json_t *read_architectures(const json_t *file)
{
	json_t *list = json_object_get(file, "architectures");
	size_t i;
	json_t *item;

	if (json_array_size(list) > 0)
		return json_incref(list);

	json_array_foreach (json_object_get(file, "archMap"), i, item) {
		if (!str_equal(json_get_string(item, "", "architecture", NULL), NATIVE_TOKEN))
			continue;
		list = json_pack("[s]", NATIVE_TOKEN);
		json_array_extend(list, json_object_get(item, "subArchitectures"));
		return list;
	}
	return json_pack("[s]", NATIVE_TOKEN);
}

static json_t *convert(const json_t *file, const struct strv *capabilities)
{
	static const char *const keys[] = { "defaultAction", "defaultErrnoRet", "flags",
					    "listenerPath" };
	json_t *profile = json_object();
	json_t *rules = json_array();
	size_t i;
	json_t *rule;

	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		json_t *value = json_object_get(file, keys[i]);

		if (value != NULL && !json_is_null(value))
			json_put(profile, keys[i], json_incref(value));
	}
	json_put(profile, "architectures", read_architectures(file));
	json_array_foreach (json_object_get(file, "syscalls"), i, rule) {
		if (rule_holds(rule, capabilities))
			json_array_append_new(rules, copy_rule(rule));
	}
	json_put(profile, "syscalls", rules);
	return profile;
}

json_t *seccomp_profile_parse(const char *text, size_t length, const struct strv *capabilities,
			      struct err *err)
{
	cleanup_json json_t *file = json_parse(text, length, "seccomp profile", err);

	if (file == NULL)
		return NULL;
	if (!json_is_object(file)) {
		err_set(err, ERR_USAGE, "cannot use the seccomp profile: it is no JSON object");
		return NULL;
	}
	json_t *profile = convert(file, capabilities);
	if (seccomp_profile_check(profile, err) < 0) {
		json_decref(profile);
		return NULL;
	}
	return profile;
}

json_t *seccomp_profile_load(const char *path, const struct strv *capabilities, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	int r = fd_read_file(AT_FDCWD, path, &text, JSON_LIMIT_BYTES);
	json_t *profile;

	if (r < 0) {
		err_sys(err, -r, "cannot read the seccomp profile '%s'", path);
		return NULL;
	}
	profile = seccomp_profile_parse(text.data, text.length, capabilities, err);
	if (profile == NULL)
		err_wrap(err, "cannot load '%s'", path);
	return profile;
}
