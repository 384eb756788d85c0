/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/plan_mounts.c - config.json's mounts as operations
 *
 * Options are words of the runtime specification (flags, propagation) or belong to the file system (tmpfs: mode=, size= ...). All words of
 * the specification are in one table, from which `features` lists them too.
 */
#include "engine/runtime/plan.h"

#include "base/err.h"
#include "base/json.h"
#include "base/kernel.h"
#include "base/path.h"
#include "base/strbuf.h"

#include <sys/mount.h>

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

enum option_kind {
	OPTION_SET,
	OPTION_CLEAR,
	OPTION_ATIME, /* one value of a field */
	OPTION_RECURSIVE_SET,
	OPTION_RECURSIVE_CLEAR,
	OPTION_RECURSIVE_ATIME,
	OPTION_PROPAGATION,
	OPTION_RECURSIVE_PROPAGATION,
	OPTION_FILESYSTEM, /* a flag of the file system, not of its mount */
	OPTION_BIND,
	OPTION_RECURSIVE_BIND,
	OPTION_REMOUNT,
	OPTION_COPY_UP,
	OPTION_NOTHING, /* what the kernel does anyway */
};

struct mount_option {
	const char *name;
	enum option_kind kind;
	uint64_t value;
};

static const struct mount_option mount_options[] = {
	{ "async", OPTION_NOTHING, 0 },
	{ "atime", OPTION_ATIME, MOUNT_ATTR_RELATIME },
	{ "bind", OPTION_BIND, 0 },
	{ "defaults", OPTION_NOTHING, 0 },
	{ "dev", OPTION_CLEAR, MOUNT_ATTR_NODEV },
	{ "diratime", OPTION_CLEAR, MOUNT_ATTR_NODIRATIME },
	{ "dirsync", OPTION_FILESYSTEM, 0 },
	{ "exec", OPTION_CLEAR, MOUNT_ATTR_NOEXEC },
	{ "iversion", OPTION_FILESYSTEM, 0 },
	{ "lazytime", OPTION_FILESYSTEM, 0 },
	{ "loud", OPTION_NOTHING, 0 },
	{ "mand", OPTION_FILESYSTEM, 0 },
	{ "noatime", OPTION_ATIME, MOUNT_ATTR_NOATIME },
	{ "nodev", OPTION_SET, MOUNT_ATTR_NODEV },
	{ "nodiratime", OPTION_SET, MOUNT_ATTR_NODIRATIME },
	{ "noexec", OPTION_SET, MOUNT_ATTR_NOEXEC },
	{ "noiversion", OPTION_NOTHING, 0 },
	{ "nolazytime", OPTION_NOTHING, 0 },
	{ "nomand", OPTION_NOTHING, 0 },
	{ "norelatime", OPTION_NOTHING, 0 },
	{ "nostrictatime", OPTION_NOTHING, 0 },
	{ "nosuid", OPTION_SET, MOUNT_ATTR_NOSUID },
	{ "nosymfollow", OPTION_SET, MOUNT_ATTR_NOSYMFOLLOW },
	{ "private", OPTION_PROPAGATION, MS_PRIVATE },
	{ "ratime", OPTION_RECURSIVE_ATIME, MOUNT_ATTR_RELATIME },
	{ "rbind", OPTION_RECURSIVE_BIND, 0 },
	{ "rdev", OPTION_RECURSIVE_CLEAR, MOUNT_ATTR_NODEV },
	{ "rdiratime", OPTION_RECURSIVE_CLEAR, MOUNT_ATTR_NODIRATIME },
	{ "relatime", OPTION_ATIME, MOUNT_ATTR_RELATIME },
	{ "remount", OPTION_REMOUNT, 0 },
	{ "rexec", OPTION_RECURSIVE_CLEAR, MOUNT_ATTR_NOEXEC },
	{ "rnoatime", OPTION_RECURSIVE_ATIME, MOUNT_ATTR_NOATIME },
	{ "rnodev", OPTION_RECURSIVE_SET, MOUNT_ATTR_NODEV },
	{ "rnodiratime", OPTION_RECURSIVE_SET, MOUNT_ATTR_NODIRATIME },
	{ "rnoexec", OPTION_RECURSIVE_SET, MOUNT_ATTR_NOEXEC },
	{ "rnorelatime", OPTION_NOTHING, 0 },
	{ "rnostrictatime", OPTION_NOTHING, 0 },
	{ "rnosuid", OPTION_RECURSIVE_SET, MOUNT_ATTR_NOSUID },
	{ "rnosymfollow", OPTION_RECURSIVE_SET, MOUNT_ATTR_NOSYMFOLLOW },
	{ "ro", OPTION_SET, MOUNT_ATTR_RDONLY },
	{ "rprivate", OPTION_RECURSIVE_PROPAGATION, MS_PRIVATE },
	{ "rrelatime", OPTION_RECURSIVE_ATIME, MOUNT_ATTR_RELATIME },
	{ "rro", OPTION_RECURSIVE_SET, MOUNT_ATTR_RDONLY },
	{ "rrw", OPTION_RECURSIVE_CLEAR, MOUNT_ATTR_RDONLY },
	{ "rshared", OPTION_RECURSIVE_PROPAGATION, MS_SHARED },
	{ "rslave", OPTION_RECURSIVE_PROPAGATION, MS_SLAVE },
	{ "rstrictatime", OPTION_RECURSIVE_ATIME, MOUNT_ATTR_STRICTATIME },
	{ "rsuid", OPTION_RECURSIVE_CLEAR, MOUNT_ATTR_NOSUID },
	{ "rsymfollow", OPTION_RECURSIVE_CLEAR, MOUNT_ATTR_NOSYMFOLLOW },
	{ "runbindable", OPTION_RECURSIVE_PROPAGATION, MS_UNBINDABLE },
	/* no wish to clear anything: the mount is as writable as its source, as other runtimes have it */
	{ "rw", OPTION_NOTHING, MOUNT_ATTR_RDONLY },
	{ "shared", OPTION_PROPAGATION, MS_SHARED },
	{ "silent", OPTION_NOTHING, 0 },
	{ "slave", OPTION_PROPAGATION, MS_SLAVE },
	{ "strictatime", OPTION_ATIME, MOUNT_ATTR_STRICTATIME },
	{ "suid", OPTION_CLEAR, MOUNT_ATTR_NOSUID },
	{ "symfollow", OPTION_CLEAR, MOUNT_ATTR_NOSYMFOLLOW },
	{ "sync", OPTION_FILESYSTEM, 0 },
	{ "tmpcopyup", OPTION_COPY_UP, 0 },
	{ "unbindable", OPTION_PROPAGATION, MS_UNBINDABLE },
};

#define MOUNT_OPTION_COUNT (sizeof(mount_options) / sizeof(mount_options[0]))

const char *plan_mount_option_name(size_t index)
{
	return index < MOUNT_OPTION_COUNT ? mount_options[index].name : NULL;
}

/* The table is sorted. */
static const struct mount_option *find_option(const char *name)
{
	size_t low = 0;
	size_t high = MOUNT_OPTION_COUNT;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(name, mount_options[middle].name);

		if (order == 0)
			return &mount_options[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* what one mount asks for, until its kind is known */
struct mount_request {
	const char *destination, *source, *type;
	bool bind, recursive, remount, copy_up, map_ids;
	struct mount_flags flags;
	struct strv data;
	const char *filesystem_flag; /* the last of those, for a message */
};

static void add_flag(struct mount_request *request, const struct mount_option *option)
{
	struct mount_flags *flags = &request->flags;

	switch (option->kind) {
	case OPTION_SET:
		flags->set |= option->value;
		flags->clear &= ~option->value;
		break;
	case OPTION_CLEAR:
		flags->clear |= option->value;
		flags->set &= ~option->value;
		break;
	case OPTION_ATIME:
		flags->set = (flags->set & ~(uint64_t)MOUNT_ATTR__ATIME) | option->value;
		flags->clear |= MOUNT_ATTR__ATIME;
		break;
	case OPTION_RECURSIVE_SET:
		flags->recursive_set |= option->value;
		flags->recursive_clear &= ~option->value;
		break;
	case OPTION_RECURSIVE_CLEAR:
		flags->recursive_clear |= option->value;
		flags->recursive_set &= ~option->value;
		break;
	case OPTION_RECURSIVE_ATIME:
		flags->recursive_set =
			(flags->recursive_set & ~(uint64_t)MOUNT_ATTR__ATIME) | option->value;
		flags->recursive_clear |= MOUNT_ATTR__ATIME;
		break;
	case OPTION_PROPAGATION:
	case OPTION_RECURSIVE_PROPAGATION:
		flags->propagation = option->value;
		flags->propagation_recursive = option->kind == OPTION_RECURSIVE_PROPAGATION;
		break;
	case OPTION_FILESYSTEM:
		strv_add(&request->data, option->name);
		request->filesystem_flag = option->name;
		break;
	case OPTION_BIND:
		request->bind = true;
		break;
	case OPTION_RECURSIVE_BIND:
		request->bind = request->recursive = true;
		break;
	case OPTION_REMOUNT:
		request->remount = true;
		break;
	case OPTION_COPY_UP:
		request->copy_up = true;
		break;
	case OPTION_NOTHING:
		/* a later rw takes an earlier ro back */
		flags->set &= ~option->value;
		break;
	}
}

static int read_options(struct mount_request *request, const json_t *options, struct err *err)
{
	size_t i;
	json_t *item;

	json_array_foreach (options, i, item) {
		const char *text = json_string_value(item);
		const struct mount_option *option;

		if (text == NULL)
			return err_set(err, ERR_USAGE,
				       "cannot use the mount on '%s': an option is not a string",
				       request->destination);

		option = find_option(text);
		if (option != NULL) {
			add_flag(request, option);
		} else if (str_equal(text, "idmap") || str_equal(text, "ridmap")) {
			request->map_ids = true;
		} else if (*text != '\0') {
			strv_add(&request->data, text);
		}
	}
	return 0;
}

static int check_destination(const char *destination, struct err *err)
{
	if (strnlen(destination, PATH_MAX) >= PATH_MAX)
		return err_set(err, ERR_LIMIT, "cannot mount: a destination has more than %d bytes",
			       PATH_MAX);
	return 0;
}

/* Only procfs goes on /proc and below, apart from the few files that other programs put there on purpose (R2). */
static int check_bind_on_proc(const struct mount_request *request, const char *destination,
			      struct err *err)
{
	static const char *const allowed[] = {
		"/proc/cpuinfo", "/proc/diskstats", "/proc/loadavg",
		"/proc/meminfo", "/proc/stat",	    "/proc/swaps",
		"/proc/uptime",	 "/proc/slabinfo",  "/proc/sys",
		"/proc/bus",	 "/proc/fs",	    "/proc/irq",
		"/proc/asound",	 "/proc/acpi",	    "/proc/sysrq-trigger",
	};

	if (str_equal(destination, "/proc")) {
		/* the host's /proc is one, too */
		if (request->bind && request->source != NULL && str_equal(request->source, "/proc"))
			return 0;
		return err_set(err, ERR_USAGE,
			       "cannot mount '%s' on '/proc': only a proc file system goes there",
			       request->source != NULL ? request->source : request->type);
	}
	if (str_after(destination, "/proc/") == NULL)
		return 0;

	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
		if (str_equal(destination, allowed[i]))
			return 0;
	}
	return err_set(err, ERR_USAGE, "cannot mount on '%s': it is inside of /proc", destination);
}

static int add_bind(struct runtime_plan *plan, struct mount_request *request,
		    const char *destination, struct err *err)
{
	if (request->source == NULL)
		return err_set(err, ERR_USAGE, "cannot bind on '%s': it has no source",
			       destination);
	if (request->filesystem_flag != NULL)
		return err_set(err, ERR_USAGE,
			       "cannot bind '%s' on '%s' with '%s': that is an option of file "
			       "systems, not of "
			       "bind mounts",
			       request->source, destination, request->filesystem_flag);
	if (request->data.count > 0)
		return err_set(err, ERR_USAGE, "cannot bind '%s' on '%s': unknown option '%s'",
			       request->source, destination, request->data.items[0]);
	if (request->copy_up)
		return err_set(err, ERR_USAGE,
			       "cannot bind '%s' on '%s' with 'tmpcopyup': that is for tmpfs",
			       request->source, destination);

	struct op *op = plan_add_op(plan, OP_BIND, destination);
	op->source = xstrdup(request->source);
	op->flags = request->flags;
	op->recursive = request->recursive;
	op->map_ids = request->map_ids;
	return 0;
}

static int add_filesystem(struct runtime_plan *plan, struct mount_request *request,
			  const char *destination, struct err *err)
{
	const char *type = request->type;

	if (type == NULL || *type == '\0')
		return err_set(err, ERR_USAGE, "cannot mount on '%s': it has no type", destination);
	/* R10: never a version 1 hierarchy, whose release_agent runs on the host */
	if (str_equal(type, "cgroup"))
		type = "cgroup2";
	if (request->copy_up && !str_equal(type, "tmpfs"))
		return err_set(err, ERR_USAGE,
			       "cannot mount '%s' on '%s' with 'tmpcopyup': that is for tmpfs",
			       type, destination);
	if (str_equal(type, "sysfs") && !str_equal(destination, "/sys"))
		return err_set(err, ERR_USAGE, "cannot mount sysfs on '%s': it goes on '/sys'",
			       destination);

	if (request->map_ids)
		return err_set(err, ERR_USAGE,
			       "cannot mount '%s' on '%s' with 'idmap': a new file system has the "
			       "container's ids anyway",
			       type, destination);

	struct op *op = plan_add_op(plan, OP_FILESYSTEM, destination);
	op->value = xstrdup(type);
	op->source = xstrdup_null(request->source);
	op->flags = request->flags;
	op->copy_up = request->copy_up;
	strv_copy(&op->data, &request->data);
	return 0;
}

/* Storage makes the file system; the configuration says where and with which flags. */
static int add_view(struct runtime_plan *plan, const struct mount_request *request,
		    const struct runtime_view *view, struct err *err)
{
	if (check_bind_on_proc(request, view->destination, err) < 0)
		return -1;

	struct op *op = plan_add_op(plan, OP_VIEW, view->destination);
	op->source = xstrdup_null(request->source);
	op->flags = request->flags;
	op->view = view;
	return 0;
}

static int add_mount(struct runtime_plan *plan, struct mount_request *request, struct err *err)
{
	cleanup_strbuf struct strbuf destination = STRBUF_INIT;

	/* relative destinations are relative to "/" (runtime specification, mounts) */
	if (request->destination[0] != '/')
		strbuf_addc(&destination, '/');
	path_clean(&destination, request->destination);
	if (destination.length > 1 && destination.data[0] == '/' && destination.data[1] == '/')
		memmove(destination.data, destination.data + 1, destination.length--);
	if (str_equal(destination.data, "/") && !request->remount)
		return err_set(err, ERR_USAGE,
			       "cannot mount on '/': the root file system is there");

	if (request->flags.propagation != 0 && request->flags.propagation != MS_PRIVATE)
		plan->wants_propagation = true;

	if (request->remount) {
		struct op *op = plan_add_op(plan, OP_REMOUNT, destination.data);

		op->flags = request->flags;
		return 0;
	}
	for (size_t i = 0; i < plan->extra->view_count; i++) {
		if (str_equal(plan->extra->views[i].destination, destination.data))
			return add_view(plan, request, &plan->extra->views[i], err);
	}
	if (request->type != NULL && str_equal(request->type, "bind"))
		request->bind = true;
	bool is_proc = !request->bind && request->type != NULL && str_equal(request->type, "proc");
	if (!is_proc && check_bind_on_proc(request, destination.data, err) < 0)
		return -1;

	return request->bind ? add_bind(plan, request, destination.data, err)
			     : add_filesystem(plan, request, destination.data, err);
}

static int read_mount(struct runtime_plan *plan, const json_t *mount, struct err *err)
{
	struct mount_request request = { .data = STRV_INIT };
	int r;

	if (plan_get_text(mount, "destination", &request.destination, err) < 0 ||
	    plan_get_text(mount, "source", &request.source, err) < 0 ||
	    plan_get_text(mount, "type", &request.type, err) < 0)
		return -1;
	if (str_is_empty(request.destination))
		return err_set(err, ERR_USAGE, "cannot use a mount: it has no destination");
	if (check_destination(request.destination, err) < 0)
		return -1;
	if (json_array_size(json_object_get(mount, "uidMappings")) > 0 ||
	    json_array_size(json_object_get(mount, "gidMappings")) > 0)
		return err_set(
			err, ERR_UNSUPPORTED,
			"cannot mount on '%s' with uidMappings: the kernel lets only the owner of "
			"a file system "
			"map its ids",
			request.destination);

	r = read_options(&request, json_object_get(mount, "options"), err);
	if (r == 0)
		r = add_mount(plan, &request, err);
	strv_release(&request.data);
	return r;
}

int plan_mounts(struct runtime_plan *plan, const json_t *config, struct err *err)
{
	const json_t *mounts = json_object_get(config, "mounts");
	size_t i;
	json_t *mount;

	if (mounts != NULL && !json_is_null(mounts) && !json_is_array(mounts))
		return err_set(err, ERR_USAGE, "cannot use the configuration: 'mounts' is no list");

	json_array_foreach (mounts, i, mount) {
		if (read_mount(plan, mount, err) < 0)
			return -1;
	}
	return 0;
}
