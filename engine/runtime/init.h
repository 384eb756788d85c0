/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/init.h - the container's init before it becomes the program: state and operations (private to engine/runtime)
 */
#ifndef ENGINE_RUNTIME_INIT_H
#define ENGINE_RUNTIME_INIT_H

#include "engine/runtime/plan.h"

struct err;

/* descriptors of I; -1: not there */
struct init {
	struct runtime_plan *plan;
	const struct runtime_io *io;
	struct runtime_sync *sync;
	bool own_pids; /* nobody else is in the pid namespace */
	bool is_seen;  /* by processes that are not the caller's, before the program runs */
	int proc_fd;   /* procfs.h */
	int root_fd;   /* mount of the root file system */
	int dev_fd;    /* our own fresh tmpfs on /dev */
	int pts_fd;    /* mount of devpts on /dev/pts */
	int null_fd;   /* host's /dev/null */
	int mask_fd;   /* empty read-only tmpfs; attached once it was used */
	bool mask_is_attached;
	int terminal_fd; /* peer of the pty */
	int start_fd; /* listening socket of a container that is created first and started later */
	int device_fds[6]; /* clones of the default devices */
};

/** True when I joins a network namespace that was made ahead. */
bool runtime_brings_network(const struct runtime_plan *plan, const struct runtime_io *io);
/** Become the container's program; exits. */
void init_main(struct runtime_plan *plan, const struct runtime_io *io, struct runtime_sync *sync)
	__attribute__((noreturn));

/* ops.c: run through the table of kinds */
int ops_prepare(struct init *init, struct err *err);
int ops_apply(struct init *init, struct err *err);
const char *op_kind_name(enum op_kind kind);

/* one pair per kind of operation, see plan.h; all return 0 or -1 with err */
int root_prepare(struct init *init, struct op *op, struct err *err);
int root_apply(struct init *init, struct op *op, struct err *err);
int root_read_only_apply(struct init *init, struct op *op, struct err *err);
int enter_apply(struct init *init, struct op *op, struct err *err);
int filesystem_prepare(struct init *init, struct op *op, struct err *err);
int filesystem_apply(struct init *init, struct op *op, struct err *err);
int view_prepare(struct init *init, struct op *op, struct err *err);
int view_apply(struct init *init, struct op *op, struct err *err);
int bind_prepare(struct init *init, struct op *op, struct err *err);
int bind_apply(struct init *init, struct op *op, struct err *err);
int remount_apply(struct init *init, struct op *op, struct err *err);
int copy_up_apply(struct init *init, struct op *op, struct err *err);
int marks_apply(struct init *init, struct op *op, struct err *err);
int accounts_apply(struct init *init, struct op *op, struct err *err);
int devices_prepare(struct init *init, struct op *op, struct err *err);
int devices_apply(struct init *init, struct op *op, struct err *err);
int device_prepare(struct init *init, struct op *op, struct err *err);
int device_apply(struct init *init, struct op *op, struct err *err);
int fifo_apply(struct init *init, struct op *op, struct err *err);
int console_apply(struct init *init, struct op *op, struct err *err);
int mask_prepare(struct init *init, struct op *op, struct err *err);
int mask_apply(struct init *init, struct op *op, struct err *err);
int read_only_apply(struct init *init, struct op *op, struct err *err);
int loopback_prepare(struct init *init, struct op *op, struct err *err);
int hostname_prepare(struct init *init, struct op *op, struct err *err);
int domainname_prepare(struct init *init, struct op *op, struct err *err);
int sysctl_apply(struct init *init, struct op *op, struct err *err);

/* mounts.c */
/** What the flags ask for; a mount without a word about propagation is private, with all below it. 0 or -errno. */
int mount_apply_flags(const struct runtime_plan *plan, int mount_fd,
		      const struct mount_flags *flags);
/** Fills err: the options of the mount of source on target could not be set. */
int mount_flags_failed(int errno_value, const char *source, const char *target, struct err *err);

/* target.c */
enum target_kind { TARGET_DIRECTORY, TARGET_FILE };
/**
 * O_PATH fd of a path of the container, as the container sees it; made when it is not there. Its kind is checked.
 * /proc, /sys and /dev must be real directories (R2).
 */
int target_open(struct init *init, const char *path, enum target_kind kind, struct err *err);
/** Put a detached mount on target. 0 or -errno. */
int target_attach(int mount_fd, int target_fd);
/** The name in /dev, when path is directly below our own /dev; else NULL. */
const char *target_name_in_dev(const struct init *init, const char *path);

/* copy_tree.c */
/** Copy what is in from_fd (O_PATH directory) to the empty to_fd, with owners, modes, times and xattrs; links are not followed. 0 or -errno. */
int copy_up_tree(int from_fd, int to_fd);

/* terminal.c */
/**
 * A new pty: master sent through console_fd, peer returned. pts_fd is the mount of a devpts, or -1: /dev/ptmx.
 */
int terminal_new(int pts_fd, int console_fd, uint16_t rows, uint16_t columns, struct err *err);

#endif
