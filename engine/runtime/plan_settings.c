/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/plan_settings.c - config.json's devices, sysctls, masked and read-only paths
 *
 * A kernel parameter is set only when the container has a namespace of its own that the parameter belongs to (R10); all others
 * would change the host and are refused by name.
 */
#include "engine/runtime/plan.h"

#include "base/err.h"
#include "base/json.h"
#include "base/path.h"
#include "base/strbuf.h"

/* ---- devices ---- */

static int read_device(struct runtime_plan *plan, const json_t *device, struct err *err)
{
	cleanup_strbuf struct strbuf path = STRBUF_INIT;
	const char *text, *type;

	if (plan_get_text(device, "path", &text, err) < 0 ||
	    plan_get_text(device, "type", &type, err) < 0)
		return -1;
	if (text == NULL || *text != '/' || type == NULL)
		return err_set(
			err, ERR_USAGE,
			"cannot use the configuration: a device needs an absolute path and a type");
	path_clean(&path, text);

	bool is_char = str_equal(type, "c") || str_equal(type, "u");
	bool is_fifo = str_equal(type, "p");
	if (!is_char && !is_fifo && !str_equal(type, "b"))
		return err_set(err, ERR_USAGE, "cannot make device '%s': unknown type '%s'",
			       path.data, type);

	struct op *op = plan_add_op(plan, is_fifo ? OP_FIFO : OP_DEVICE, path.data);
	int64_t major = json_get_int(device, -1, "major", NULL);
	int64_t minor = json_get_int(device, -1, "minor", NULL);
	if (!is_fifo && (major < 0 || minor < 0 || major > UINT32_MAX || minor > UINT32_MAX))
		return err_set(err, ERR_USAGE,
			       "cannot make device '%s': it needs a major and a minor number",
			       path.data);

	op->is_device = !is_fifo;
	op->is_block = !is_char && !is_fifo;
	op->major = (uint32_t)major;
	op->minor = (uint32_t)minor;
	op->has_mode = json_is_integer(json_object_get(device, "fileMode"));
	op->mode = (uint32_t)json_get_int(device, 0666, "fileMode", NULL) & 07777;
	op->uid = (uint32_t)json_get_int(device, 0, "uid", NULL);
	op->gid = (uint32_t)json_get_int(device, 0, "gid", NULL);
	return 0;
}

int plan_devices(struct runtime_plan *plan, const json_t *config, struct err *err)
{
	size_t i;
	json_t *device;

	json_array_foreach (json_at(config, "linux", "devices", NULL), i, device) {
		if (read_device(plan, device, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- sysctls ---- */

struct sysctl_family {
	const char *name; /* with '.' at the end: all that start so */
	enum namespace_kind namespace;
};

static const struct sysctl_family sysctl_families[] = {
	{ "kernel.msgmax", NAMESPACE_IPC },   { "kernel.msgmnb", NAMESPACE_IPC },
	{ "kernel.msgmni", NAMESPACE_IPC },   { "kernel.sem", NAMESPACE_IPC },
	{ "kernel.shmall", NAMESPACE_IPC },   { "kernel.shmmax", NAMESPACE_IPC },
	{ "kernel.shmmni", NAMESPACE_IPC },   { "kernel.shm_rmid_forced", NAMESPACE_IPC },
	{ "fs.mqueue.", NAMESPACE_IPC },      { "net.", NAMESPACE_NETWORK },
	{ "kernel.hostname", NAMESPACE_UTS }, { "kernel.domainname", NAMESPACE_UTS },
};

/* Letters, digits and -_ in parts between dots. "/" separates when an interface has a dot in its name. */
static bool sysctl_name_is_valid(const char *name)
{
	bool part_is_empty = true;

	if (strnlen(name, NAME_MAX) >= NAME_MAX)
		return false;
	for (; *name != '\0'; name++) {
		bool is_separator = *name == '.' || *name == '/';

		if (is_separator && part_is_empty)
			return false;
		if (!is_separator && !(*name >= 'a' && *name <= 'z') &&
		    !(*name >= 'A' && *name <= 'Z') && !(*name >= '0' && *name <= '9') &&
		    *name != '_' && *name != '-')
			return false;
		part_is_empty = is_separator;
	}
	return !part_is_empty;
}

/* "net.ipv4.ip_forward" and "net/ipv4/conf/eth0.1/x" (the first separator decides) as a path below /proc/sys */
static char *sysctl_path(const char *name)
{
	char *path = xstrdup(name);
	const char *first = strpbrk(name, "./");
	bool dots = first == NULL || *first == '.';

	for (char *c = path; *c != '\0'; c++) {
		if (dots && (*c == '.' || *c == '/'))
			*c = *c == '.' ? '/' : '.';
	}
	return path;
}

static const struct sysctl_family *find_family(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(sysctl_families); i++) {
		cleanup_free char *family = sysctl_path(sysctl_families[i].name);
		bool is_prefix = str_ends_with(family, "/");

		if (is_prefix ? str_after(path, family) != NULL : str_equal(path, family))
			return &sysctl_families[i];
	}
	return NULL;
}

static int read_sysctl(struct runtime_plan *plan, const char *name, const json_t *value,
		       struct err *err)
{
	if (!sysctl_name_is_valid(name)) {
		cleanup_strbuf struct strbuf shown = STRBUF_INIT;

		strbuf_add_escaped(&shown, name);
		return err_set(err, ERR_USAGE, "cannot set sysctl '%s': this is no name of one",
			       shown.data);
	}
	if (!json_is_string(value))
		return err_set(err, ERR_USAGE, "cannot set sysctl '%s': its value is not a string",
			       name);

	cleanup_free char *path = sysctl_path(name);
	if (strstr(path, "..") != NULL)
		return err_set(err, ERR_USAGE, "cannot set sysctl '%s': this is no name of one",
			       name);
	const struct sysctl_family *family = find_family(path);
	if (family == NULL) {
		err_set(err, ERR_USAGE,
			"cannot set sysctl '%s': it belongs to the host, not to a container", name);
		return err_hint(err, "Only kernel.msg*, kernel.sem, kernel.shm*, fs.mqueue.* and "
				     "net.* can be set for a container.");
	}

	const struct namespace_plan *namespace = &plan->namespaces[family->namespace];
	if (!namespace->fresh) {
		err_set(err, ERR_USAGE,
			"cannot set sysctl '%s': the container has no %s namespace of its own",
			name, namespace_infos[family->namespace].name);
		return err_hint(err, "Give the container a private one, or leave the sysctl out.");
	}

	struct op *op = plan_add_op(plan, OP_SYSCTL, path);
	op->value = xstrdup(json_string_value(value));
	return 0;
}

int plan_sysctls(struct runtime_plan *plan, const json_t *config, struct err *err)
{
	json_t *sysctls = json_at(config, "linux", "sysctl", NULL);

	for (void *i = json_object_iter(sysctls); i != NULL;
	     i = json_object_iter_next(sysctls, i)) {
		if (read_sysctl(plan, json_object_iter_key(i), json_object_iter_value(i), err) < 0)
			return -1;
	}
	return 0;
}

/* ---- masked and read-only paths ---- */

static int read_paths(struct runtime_plan *plan, const json_t *paths, const char *key,
		      enum op_kind kind, struct err *err)
{
	size_t i;
	json_t *item;

	json_array_foreach (paths, i, item) {
		const char *path = json_string_value(item);

		if (path == NULL || *path != '/' || strnlen(path, PATH_MAX) >= PATH_MAX)
			return err_set(
				err, ERR_USAGE,
				"cannot use the configuration: '%s' must hold absolute paths", key);
		plan_add_op(plan, kind, path)->optional = true;
	}
	return 0;
}

int plan_paths(struct runtime_plan *plan, const json_t *config, struct err *err)
{
	if (read_paths(plan, json_at(config, "linux", "readonlyPaths", NULL), "readonlyPaths",
		       OP_READ_ONLY, err) < 0)
		return -1;
	return read_paths(plan, json_at(config, "linux", "maskedPaths", NULL), "maskedPaths",
			  OP_MASK, err);
}
