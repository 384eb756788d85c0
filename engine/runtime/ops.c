/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/ops.c - the table of operations, and runtime_plan_print()
 */
#include "engine/runtime/init.h"

#include "base/err.h"
#include "base/kernel.h"
#include "base/strbuf.h"

#include <sys/mount.h>

struct op_class {
	const char *name;
	int (*prepare)(struct init *init, struct op *op, struct err *err);
	int (*apply)(struct init *init, struct op *op, struct err *err);
};

static const struct op_class op_classes[OP_KIND_COUNT] = {
	[OP_LOOPBACK] = { "loopback", loopback_prepare, NULL },
	[OP_HOSTNAME] = { "hostname", hostname_prepare, NULL },
	[OP_DOMAINNAME] = { "domainname", domainname_prepare, NULL },
	[OP_ROOT] = { "root", root_prepare, root_apply },
	[OP_COPY_UP] = { "copy-up", NULL, copy_up_apply },
	[OP_ACCOUNTS] = { "accounts", NULL, accounts_apply },
	[OP_MARKS] = { "marks", NULL, marks_apply },
	[OP_FILESYSTEM] = { "filesystem", filesystem_prepare, filesystem_apply },
	[OP_VIEW] = { "view", view_prepare, view_apply },
	[OP_BIND] = { "bind", bind_prepare, bind_apply },
	[OP_REMOUNT] = { "remount", NULL, remount_apply },
	[OP_DEVICES] = { "devices", devices_prepare, devices_apply },
	[OP_DEVICE] = { "device", device_prepare, device_apply },
	[OP_FIFO] = { "fifo", NULL, fifo_apply },
	[OP_CONSOLE] = { "console", NULL, console_apply },
	[OP_SYSCTL] = { "sysctl", NULL, sysctl_apply },
	[OP_MASK] = { "mask", mask_prepare, mask_apply },
	[OP_READ_ONLY] = { "read-only", NULL, read_only_apply },
	[OP_ROOT_READ_ONLY] = { "root-read-only", NULL, root_read_only_apply },
	[OP_ENTER] = { "enter", NULL, enter_apply },
};

const char *op_kind_name(enum op_kind kind)
{
	return op_classes[kind].name;
}

int ops_prepare(struct init *init, struct err *err)
{
	for (size_t i = 0; i < init->plan->op_count; i++) {
		struct op *op = &init->plan->ops[i];
		const struct op_class *class = &op_classes[op->kind];

		if (class->prepare != NULL && class->prepare(init, op, err) < 0)
			return -1;
	}
	return 0;
}

int ops_apply(struct init *init, struct err *err)
{
	for (size_t i = 0; i < init->plan->op_count; i++) {
		struct op *op = &init->plan->ops[i];
		const struct op_class *class = &op_classes[op->kind];

		if (class->apply != NULL && class->apply(init, op, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- print ---- */

static const struct {
	uint64_t bit;
	const char *name;
} attribute_names[] = {
	{ MOUNT_ATTR_RDONLY, "ro" },
	{ MOUNT_ATTR_NOSUID, "nosuid" },
	{ MOUNT_ATTR_NODEV, "nodev" },
	{ MOUNT_ATTR_NOEXEC, "noexec" },
	{ MOUNT_ATTR_NOATIME, "noatime" },
	{ MOUNT_ATTR_STRICTATIME, "strictatime" },
	{ MOUNT_ATTR_NODIRATIME, "nodiratime" },
};

static void print_attributes(struct strbuf *out, const char *before, uint64_t attributes)
{
	for (size_t i = 0; i < ARRAY_SIZE(attribute_names); i++) {
		if (attributes & attribute_names[i].bit)
			strbuf_addf(out, " %s%s", before, attribute_names[i].name);
	}
}

static void print_propagation(struct strbuf *out, const struct mount_flags *flags)
{
	const char *name = flags->propagation == MS_SHARED	 ? "shared"
			   : flags->propagation == MS_SLAVE	 ? "slave"
			   : flags->propagation == MS_UNBINDABLE ? "unbindable"
								 : NULL;

	if (name != NULL)
		strbuf_addf(out, " %s%s", flags->propagation_recursive ? "r" : "", name);
}

static void print_op(struct strbuf *out, const struct op *op)
{
	strbuf_adds(out, op_classes[op->kind].name);
	if (op->value != NULL) {
		strbuf_addc(out, ' ');
		strbuf_add_escaped(out, op->value);
	}
	if (op->source != NULL) {
		strbuf_adds(out, " from ");
		strbuf_add_escaped(out, op->source);
	}
	if (op->target != NULL) {
		strbuf_adds(out, " on ");
		strbuf_add_escaped(out, op->target);
	}
	if (op->is_device)
		strbuf_addf(out, " %c %u:%u", op->is_block ? 'b' : 'c', op->major, op->minor);
	if (op->recursive)
		strbuf_adds(out, " recursive");
	print_attributes(out, "", op->flags.set);
	print_attributes(out, "not-", op->flags.clear & ~(uint64_t)MOUNT_ATTR__ATIME);
	print_attributes(out, "all-", op->flags.recursive_set);
	print_propagation(out, &op->flags);
	for (size_t i = 0; i < op->data.count; i++) {
		strbuf_addc(out, ' ');
		strbuf_add_escaped(out, op->data.items[i]);
	}
	if (op->copy_up)
		strbuf_adds(out, " copy-up");
	strbuf_addc(out, '\n');
}

static void print_program(struct strbuf *out, const struct program *program)
{
	static const char *const sets[CAPABILITY_SETS] = { "effective", "permitted", "inheritable",
							   "bounding", "ambient" };

	if (program->user != NULL) {
		strbuf_adds(out, "user ");
		strbuf_add_escaped(out, program->user);
		strbuf_addc(out, '\n');
	} else {
		strbuf_addf(out, "user %u:%u\n", program->uid, program->gid);
	}
	for (int i = 0; i < CAPABILITY_SETS; i++)
		strbuf_addf(out, "%s %016llx\n", sets[i],
			    (unsigned long long)program->capabilities[i]);
	for (int i = 0; i < (int)RLIM_NLIMITS; i++) {
		const struct rlimit *limit = &program->rlimits[i].limit;

		if (program->rlimits[i].is_set)
			strbuf_addf(out, "limit %s %llu %llu\n", rlimit_name(i),
				    (unsigned long long)limit->rlim_cur,
				    (unsigned long long)limit->rlim_max);
	}
	if (program->no_new_privileges)
		strbuf_adds(out, "no-new-privileges\n");
	if (program->seccomp != NULL)
		strbuf_adds(out, "seccomp\n");
	if (program->terminal)
		strbuf_adds(out, "terminal\n");
	strbuf_adds(out, "directory ");
	strbuf_add_escaped(out, program->cwd);
	strbuf_adds(out, "\nrun");
	for (size_t i = 0; i < program->args.count; i++) {
		strbuf_addc(out, ' ');
		strbuf_add_escaped(out, program->args.items[i]);
	}
	strbuf_addc(out, '\n');
}

char *runtime_plan_print(const struct runtime_plan *plan)
{
	struct strbuf out = STRBUF_INIT;

	for (int kind = 0; kind < NAMESPACE_COUNT; kind++) {
		const struct namespace_plan *namespace = &plan->namespaces[kind];

		if (namespace->fresh)
			strbuf_addf(&out, "new %s namespace\n", namespace_infos[kind].name);
		else if (namespace->join_fd >= 0)
			strbuf_addf(&out, "join %s namespace\n", namespace_infos[kind].name);
	}
	for (size_t i = 0; i < plan->op_count; i++)
		print_op(&out, &plan->ops[i]);
	print_program(&out, &plan->program);
	return strbuf_take(&out);
}
