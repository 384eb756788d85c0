/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/mount_ids.c - mounts with ids of their own (`idmap`)
 *
 * Files on disk of id N are those of the container's id N, whatever its map is. The kernel lets only who is root where the file system was
 * mounted make such a mount, so it is made by the caller, before the container exists, with the user namespace that was made ahead for it; the init
 * gets the descriptor. A plain user is root of no file system of the host: it works in a user namespace whose own file systems are mounted (a
 * container in a container, `dhow unshare`) and for root.
 */
#include "engine/runtime/plan.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mount.h>

bool runtime_plan_wants_ids(const struct runtime_plan *plan)
{
	for (size_t i = 0; i < plan->op_count; i++)
		if (plan->ops[i].map_ids)
			return true;
	return false;
}

static int refused(const struct op *op, int errno_value, struct err *err)
{
	switch (errno_value) {
	case EPERM:
		err_set(err, ERR_UNSUPPORTED,
			"cannot map the ids of '%s' (idmap): the kernel lets only who is root "
			"where "
			"its file system was mounted do that",
			op->source);
		break;
	case EINVAL:
		err_set(err, ERR_UNSUPPORTED,
			"cannot map the ids of '%s' (idmap): its file system cannot do that",
			op->source);
		break;
	default:
		return err_sys(err, errno_value, "cannot map the ids of '%s' (idmap)", op->source);
	}
	return err_hint(err,
			"Use the option 'U', which gives the files to the container's user, or "
			"--userns=keep-id.");
}

static int map_ids(struct op *op, int userns_fd, struct err *err)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns_fd };
	unsigned recursive = op->recursive ? AT_RECURSIVE : 0;
	cleanup_fd int fd = sys_open_tree(AT_FDCWD, op->source,
					  OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive);

	if (fd < 0 && errno != EPERM)
		return err_sys(err, errno, "cannot bind '%s' on '%s'", op->source, op->target);
	if (fd < 0 || sys_mount_setattr(fd, "", AT_EMPTY_PATH | recursive, &attr, sizeof(attr)) < 0)
		return refused(op, errno, err);
	op->fd = TAKE_FD(fd);
	return 0;
}

int runtime_plan_map_ids(struct runtime_plan *plan, int userns_fd, struct err *err)
{
	if (userns_fd < 0)
		userns_fd = plan->namespaces[NAMESPACE_USER].join_fd;
	for (size_t i = 0; i < plan->op_count; i++) {
		struct op *op = &plan->ops[i];

		if (!op->map_ids)
			continue;
		if (userns_fd < 0)
			return err_set(err, ERR_USAGE,
				       "cannot map the ids of '%s' (idmap): the container has the "
				       "user namespace of the host",
				       op->source);
		if (map_ids(op, userns_fd, err) < 0)
			return -1;
	}
	return 0;
}

void runtime_plan_map_root(struct runtime_plan *plan, const char *path)
{
	for (size_t i = 0; i < plan->op_count; i++) {
		struct op *op = &plan->ops[i];

		if (op->kind != OP_ROOT)
			continue;
		free(op->source);
		op->source = xstrdup(path);
		op->map_ids = op->recursive = true;
	}
}
