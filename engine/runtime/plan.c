/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/plan.c - from config.json to a plan
 *
 * Parses, checks, and orders. The order of operations is the contract of init.c:
 *
 *	loopback, names		need their namespaces only
 *	root			from here on paths of the container can be opened
 *	mounts			as listed; what is copied from the image comes before the mount that hides it
 *	/dev			devices and links, console
 *	sysctls			through our own procfs (R3)
 *	read-only, masks	last, because nothing may be mounted over them
 *	enter			pivot_root
 */
#include "engine/runtime/plan.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/kernel.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "engine/runtime/seccomp.h"

#include <errno.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

#define HOSTNAME_LIMIT 64 /* __NEW_UTS_LEN */

const struct namespace_info namespace_infos[NAMESPACE_COUNT] = {
	[NAMESPACE_USER] = { "user", CLONE_NEWUSER },
	[NAMESPACE_PID] = { "pid", CLONE_NEWPID },
	[NAMESPACE_NETWORK] = { "network", CLONE_NEWNET },
	[NAMESPACE_IPC] = { "ipc", CLONE_NEWIPC },
	[NAMESPACE_UTS] = { "uts", CLONE_NEWUTS },
	[NAMESPACE_TIME] = { "time", CLONE_NEWTIME },
	[NAMESPACE_CGROUP] = { "cgroup", CLONE_NEWCGROUP },
	[NAMESPACE_MOUNT] = { "mount", CLONE_NEWNS },
};

struct op *plan_add_op(struct runtime_plan *plan, enum op_kind kind, const char *target)
{
	/* doubles at each power of two */
	if ((plan->op_count & (plan->op_count - 1)) == 0) {
		size_t room = plan->op_count == 0 ? 1 : plan->op_count * 2;

		plan->ops = xreallocarray(plan->ops, room, sizeof(*plan->ops));
	}

	struct op *op = &plan->ops[plan->op_count++];
	*op = (struct op){ .kind = kind, .fd = -1, .data_fd = -1, .target = xstrdup_null(target) };
	return op;
}

/* Asked outside: in a user namespace that has no maps yet the kernel knows no id of ours. */
static bool owner_is_root(const struct runtime_plan *plan)
{
	uint32_t uid, gid;

	if (!plan->namespaces[NAMESPACE_USER].fresh)
		return true;
	return idmap_to_inside(&plan->maps.uid, geteuid(), &uid) == 1 && uid == 0 &&
	       idmap_to_inside(&plan->maps.gid, getegid(), &gid) == 1 && gid == 0;
}

/* ---- namespaces ---- */

static int join_namespace(struct namespace_plan *namespace, const struct namespace_info *info,
			  const char *path, struct err *err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return err_sys(err, errno, "cannot join the %s namespace '%s'", info->name, path);

	int kind = ioctl(fd, NS_GET_NSTYPE);
	if (kind < 0 || (unsigned long)kind != info->clone_flag)
		return err_set(err, ERR_USAGE,
			       "cannot join the %s namespace '%s': this is no %s namespace",
			       info->name, path, info->name);
	namespace->join_fd = TAKE_FD(fd);
	return 0;
}

static int read_namespace(struct runtime_plan *plan, const json_t *item, struct err *err)
{
	const char *type, *path;

	if (plan_get_text(item, "type", &type, err) < 0 ||
	    plan_get_text(item, "path", &path, err) < 0)
		return -1;

	for (int kind = 0; kind < NAMESPACE_COUNT; kind++) {
		struct namespace_plan *namespace = &plan->namespaces[kind];

		if (type == NULL || !str_equal(type, namespace_infos[kind].name))
			continue;
		if (namespace->fresh || namespace->join_fd >= 0)
			return err_set(err, ERR_USAGE,
				       "cannot use the configuration: namespace '%s' is given "
				       "twice",
				       type);
		if (str_is_empty(path)) {
			namespace->fresh = true;
			return 0;
		}
		return join_namespace(namespace, &namespace_infos[kind], path, err);
	}
	return err_set(err, ERR_USAGE, "cannot use the configuration: unknown namespace '%s'",
		       type != NULL ? type : "");
}

static int read_namespaces(struct runtime_plan *plan, const json_t *config, struct err *err)
{
	size_t i;
	json_t *item;

	json_array_foreach (json_at(config, "linux", "namespaces", NULL), i, item) {
		if (read_namespace(plan, item, err) < 0)
			return -1;
	}
	if (!plan->namespaces[NAMESPACE_MOUNT].fresh)
		return err_set(
			err, ERR_UNSUPPORTED,
			"cannot use the configuration: the container needs a mount namespace "
			"of its own");
	return 0;
}

static int read_map(const json_t *list, const char *key, struct idmap *map, struct err *err)
{
	size_t i;
	json_t *item;

	json_array_foreach (list, i, item) {
		int64_t inside = json_get_int(item, -1, "containerID", NULL);
		int64_t outside = json_get_int(item, -1, "hostID", NULL);
		int64_t size = json_get_int(item, -1, "size", NULL);

		if (inside < 0 || outside < 0 || size < 1 || inside + size > UINT32_MAX ||
		    outside + size > UINT32_MAX)
			return err_set(err, ERR_USAGE,
				       "cannot use the configuration: '%s' has an item that is "
				       "no range of ids",
				       key);
		idmap_add(map, (uint32_t)inside, (uint32_t)outside, (uint32_t)size);
	}
	if (map->count == 0 || map->count > IDMAP_ENTRIES_MAX)
		return err_set(err, ERR_USAGE,
			       "cannot use the configuration: '%s' must have 1 to %d items", key,
			       IDMAP_ENTRIES_MAX);
	return 0;
}

static int read_maps(struct runtime_plan *plan, const json_t *config, const struct idmaps *maps,
		     struct err *err)
{
	if (!plan->namespaces[NAMESPACE_USER].fresh)
		return 0;
	if (maps != NULL) {
		idmaps_copy(&plan->maps, maps);
		return 0;
	}
	if (read_map(json_at(config, "linux", "uidMappings", NULL), "uidMappings", &plan->maps.uid,
		     err) < 0)
		return -1;
	return read_map(json_at(config, "linux", "gidMappings", NULL), "gidMappings",
			&plan->maps.gid, err);
}

/* ---- names, root ---- */

static bool hostname_is_valid(const char *name)
{
	size_t length = strnlen(name, HOSTNAME_LIMIT + 1);

	if (length == 0 || length > HOSTNAME_LIMIT)
		return false;
	for (; *name != '\0'; name++) {
		if (!(*name >= 'a' && *name <= 'z') && !(*name >= 'A' && *name <= 'Z') &&
		    !(*name >= '0' && *name <= '9') && *name != '.' && *name != '-' && *name != '_')
			return false;
	}
	return true;
}

static int read_hostname(struct runtime_plan *plan, const json_t *config, const char *key,
			 enum op_kind kind, struct err *err)
{
	const char *name;

	if (plan_get_text(config, key, &name, err) < 0)
		return -1;
	if (str_is_empty(name))
		return 0;
	if (!hostname_is_valid(name)) {
		cleanup_strbuf struct strbuf shown = STRBUF_INIT;

		strbuf_add_escaped(&shown, name);
		return err_set(err, ERR_USAGE,
			       "cannot use '%s' as the %s: 1 to %d letters, digits, '.', '-', '_'",
			       shown.data, key, HOSTNAME_LIMIT);
	}
	if (!plan->namespaces[NAMESPACE_UTS].fresh)
		return err_set(err, ERR_USAGE,
			       "cannot set the %s '%s': the container has no uts namespace of its "
			       "own",
			       key, name);

	plan_add_op(plan, kind, NULL)->value = xstrdup(name);
	return 0;
}

static int read_root(struct runtime_plan *plan, const json_t *config, int bundle_fd,
		     struct err *err)
{
	static const struct {
		const char *name;
		uint64_t value;
	} propagations[] = {
		{ "private", MS_PRIVATE },	 { "rprivate", MS_PRIVATE },
		{ "slave", MS_SLAVE },		 { "rslave", MS_SLAVE },
		{ "shared", MS_SHARED },	 { "rshared", MS_SHARED },
		{ "unbindable", MS_UNBINDABLE },
	};
	const char *path;

	plan->root_read_only = json_get_bool(config, false, "root", "readonly", NULL);

	if (plan_get_text(json_object_get(config, "linux"), "rootfsPropagation", &path, err) < 0)
		return -1;
	if (!str_is_empty(path)) {
		for (size_t i = 0; i < ARRAY_SIZE(propagations); i++) {
			if (str_equal(path, propagations[i].name))
				plan->root_propagation = propagations[i].value;
		}
		if (plan->root_propagation == 0)
			return err_set(
				err, ERR_USAGE,
				"cannot use the configuration: unknown rootfsPropagation '%s'",
				path);
		plan->wants_propagation |= plan->root_propagation != MS_PRIVATE;
	}

	if (plan->rootfs != NULL) {
		plan_add_op(plan, OP_ROOT, "/");
		return 0;
	}
	if (plan_get_text(json_object_get(config, "root"), "path", &path, err) < 0)
		return -1;
	if (str_is_empty(path))
		return err_set(err, ERR_USAGE, "cannot use the configuration: it has no root.path");

	plan->root_fd = openat(bundle_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (plan->root_fd < 0)
		return err_sys(err, errno, "cannot open the root directory '%s'", path);
	plan_add_op(plan, OP_ROOT, "/")->source = xstrdup(path);
	return 0;
}

/* ---- what the caller adds ---- */

static void add_copy_ups(struct runtime_plan *plan, const struct runtime_extra *extra)
{
	for (size_t i = 0; i < extra->copy_up_count; i++)
		plan_add_op(plan, OP_COPY_UP, extra->copy_ups[i].destination)->data_fd =
			extra->copy_ups[i].data_fd;
}

static void add_init(struct runtime_plan *plan, const struct runtime_extra *extra)
{
	struct program *program = &plan->program;
	cleanup_strv struct strv args = STRV_INIT;

	if (extra->init_path == NULL)
		return;

	struct op *op = plan_add_op(plan, OP_BIND, "/run/.dhow-init");
	op->source = xstrdup(extra->init_path);
	op->flags.set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

	strv_add(&args, "/run/.dhow-init");
	strv_add(&args, "--");
	strv_add_all(&args, &program->args);
	strv_copy(&program->args, &args);
}

static void add_extra(struct program *program, const struct runtime_extra *extra)
{
	program->user = xstrdup_null(extra->user);
	strv_copy(&program->group_add, &extra->group_add);
	program->keep_groups = extra->keep_groups;
	program->set_home = extra->set_home;
	program->create_cwd = extra->create_cwd;
	program->cache_dir_fd = extra->cache_dir_fd;
	program->preserved_fds = extra->preserved_fds;
	program->preserved_fd_count = extra->preserved_fd_count;
	program->preserve_numbers = extra->preserve_numbers;
}

/* ---- what we do not carry out ---- */

static int refuse(const json_t *object, const char *where, const char *const *keys, struct err *err)
{
	for (; *keys != NULL; keys++) {
		const json_t *value = json_object_get(object, *keys);
		bool is_empty = value == NULL || json_is_null(value) ||
				(json_is_object(value) && json_object_size(value) == 0) ||
				(json_is_array(value) && json_array_size(value) == 0) ||
				(json_is_string(value) && json_string_length(value) == 0);

		if (!is_empty)
			return err_set(err, ERR_UNSUPPORTED,
				       "cannot use the configuration: '%s%s' is not supported",
				       where, *keys);
	}
	return 0;
}

static int refuse_unsupported(const json_t *config, struct err *err)
{
	static const char *const top[] = { "vm", "windows", "solaris", "zos", "freebsd", NULL };
	static const char *const in_linux[] = { "intelRdt",   "memoryPolicy", "netDevices",
						"mountLabel", "timeOffsets",  NULL };
	static const char *const in_hooks[] = { "createContainer", "startContainer", NULL };

	if (refuse(config, "", top, err) < 0 ||
	    refuse(json_object_get(config, "linux"), "linux.", in_linux, err) < 0)
		return -1;
	return refuse(json_object_get(config, "hooks"), "hooks.", in_hooks, err);
}

static int check_version(const json_t *config, struct err *err)
{
	const char *version;

	if (plan_get_text(config, "ociVersion", &version, err) < 0)
		return -1;
	if (version == NULL || str_after(version, "1.") == NULL)
		return err_set(err, ERR_UNSUPPORTED,
			       "cannot use the configuration: its ociVersion is '%s', not 1.x",
			       version != NULL ? version : "");
	return 0;
}

static int read_personality(struct program *program, const json_t *config, struct err *err)
{
	const json_t *personality = json_at(config, "linux", "personality", NULL);
	static const char *const keys[] = { "flags", NULL };
	const char *domain;

	if (personality == NULL || json_is_null(personality))
		return 0;
	if (plan_get_text(personality, "domain", &domain, err) < 0 ||
	    refuse(personality, "linux.personality.", keys, err) < 0)
		return -1;
	if (domain == NULL || (!str_equal(domain, "LINUX") && !str_equal(domain, "LINUX32")))
		return err_set(err, ERR_USAGE,
			       "cannot use the configuration: personality '%s' is neither LINUX "
			       "nor LINUX32",
			       domain != NULL ? domain : "");
	program->has_personality = true;
	program->personality = str_equal(domain, "LINUX32") ? PER_LINUX32 : PER_LINUX;
	return 0;
}

/* ---- all ---- */

/* The default devices come, unless the host's /dev is there. */
static bool wants_devices(const struct runtime_plan *plan)
{
	for (size_t i = 0; i < plan->op_count; i++) {
		const struct op *op = &plan->ops[i];

		if (op->kind == OP_BIND && str_equal(op->target, "/dev"))
			return false;
	}
	return true;
}

static int read_config(struct runtime_plan *plan, const json_t *config, int bundle_fd,
		       const struct idmaps *maps, struct err *err)
{
	const struct runtime_extra *extra = plan->extra;
	json_t *seccomp = json_at(config, "linux", "seccomp", NULL);

	if (check_version(config, err) < 0 || refuse_unsupported(config, err) < 0 ||
	    read_namespaces(plan, config, err) < 0 || read_maps(plan, config, maps, err) < 0 ||
	    plan_process(&plan->program, json_object_get(config, "process"), err) < 0 ||
	    read_personality(&plan->program, config, err) < 0)
		return -1;
	plan->owner_is_root = owner_is_root(plan);
	add_extra(&plan->program, extra);
	if (json_is_object(seccomp)) {
		if (seccomp_profile_check(seccomp, err) < 0)
			return -1;
		plan->program.seccomp = json_incref(seccomp);
	}
	if (plan->namespaces[NAMESPACE_NETWORK].fresh)
		plan_add_op(plan, OP_LOOPBACK, NULL);
	if (read_hostname(plan, config, "hostname", OP_HOSTNAME, err) < 0 ||
	    read_hostname(plan, config, "domainname", OP_DOMAINNAME, err) < 0 ||
	    read_root(plan, config, bundle_fd, err) < 0)
		return -1;
	add_copy_ups(plan, extra);
	if (plan_mounts(plan, config, err) < 0)
		return -1;
	if (extra->passwd_entry != NULL || extra->group_entry != NULL ||
	    extra->host_users.count > 0)
		plan_add_op(plan, OP_ACCOUNTS, "/etc");
	if (extra->container_env != NULL)
		plan_add_op(plan, OP_MARKS, "/run");
	add_init(plan, extra);
	if (wants_devices(plan))
		plan_add_op(plan, OP_DEVICES, "/dev");
	if (plan_devices(plan, config, err) < 0)
		return -1;
	if (plan->program.terminal)
		plan_add_op(plan, OP_CONSOLE, "/dev/console");
	if (plan_sysctls(plan, config, err) < 0 || plan_paths(plan, config, err) < 0)
		return -1;
	if (plan->root_read_only)
		plan_add_op(plan, OP_ROOT_READ_ONLY, "/");
	plan_add_op(plan, OP_ENTER, "/");
	return 0;
}

int runtime_plan_new(const json_t *config, int bundle_fd, struct rootfs *rootfs,
		     const struct idmaps *maps, const struct runtime_extra *extra,
		     struct runtime_plan **ret_plan, struct err *err)
{
	static const struct runtime_extra no_extra = RUNTIME_EXTRA_INIT;
	struct runtime_plan *plan = xcalloc(1, sizeof(*plan));

	for (int kind = 0; kind < NAMESPACE_COUNT; kind++)
		plan->namespaces[kind].join_fd = -1;
	plan->root_fd = -1;
	plan->rootfs = rootfs;
	plan->extra = extra != NULL ? extra : &no_extra;
	program_init(&plan->program);

	if (read_config(plan, config, bundle_fd, maps, err) < 0) {
		runtime_plan_free(plan);
		return -1;
	}
	*ret_plan = plan;
	return 0;
}

static void op_release(struct op *op)
{
	free(op->target);
	free(op->source);
	free(op->value);
	strv_release(&op->data);
	fd_close(&op->fd);
}

void runtime_plan_free(struct runtime_plan *plan)
{
	if (plan == NULL)
		return;

	for (int kind = 0; kind < NAMESPACE_COUNT; kind++)
		fd_close(&plan->namespaces[kind].join_fd);
	for (size_t i = 0; i < plan->op_count; i++)
		op_release(&plan->ops[i]);
	free(plan->ops);
	fd_close(&plan->root_fd);
	idmaps_release(&plan->maps);
	program_release(&plan->program);
	free(plan);
}

bool runtime_plan_terminal(const struct runtime_plan *plan)
{
	return plan->program.terminal;
}

const struct idmaps *runtime_plan_maps(const struct runtime_plan *plan)
{
	return plan->namespaces[NAMESPACE_USER].fresh ? &plan->maps : NULL;
}

bool runtime_plan_new_network(const struct runtime_plan *plan)
{
	return plan->namespaces[NAMESPACE_NETWORK].fresh;
}

void runtime_extra_release(struct runtime_extra *extra)
{
	free(extra->user);
	strv_release(&extra->group_add);
	free(extra->passwd_entry);
	free(extra->group_entry);
	strv_release(&extra->host_users);
	for (size_t i = 0; i < extra->copy_up_count; i++) {
		free(extra->copy_ups[i].destination);
		fd_close(&extra->copy_ups[i].data_fd);
	}
	free(extra->copy_ups);
	for (size_t i = 0; i < extra->view_count; i++) {
		free(extra->views[i].destination);
		free(extra->views[i].subpath);
	}
	free(extra->views);
	free(extra->preserved_fds);
	free(extra->init_path);
	free(extra->container_env);
	free(extra->seccomp_cache_dir);
	*extra = (struct runtime_extra)RUNTIME_EXTRA_INIT;
}
