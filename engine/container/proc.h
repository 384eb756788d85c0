/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/proc.h - processes as /proc tells them (private to engine/container)
 *
 * A process is read through one descriptor of its directory, so that all numbers are of the same process (R25).
 */
#ifndef ENGINE_CONTAINER_PROC_H
#define ENGINE_CONTAINER_PROC_H

#include "engine/container.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum proc_capability_set {
	PROC_CAP_INHERITABLE,
	PROC_CAP_PERMITTED,
	PROC_CAP_EFFECTIVE,
	PROC_CAP_BOUNDING,
	PROC_CAP_AMBIENT,
	PROC_CAP_COUNT
};
enum proc_id { PROC_ID_REAL, PROC_ID_EFFECTIVE };

struct proc {
	/* as the host sees them */
	pid_t pid, parent_pid;
	uint32_t uids[2], gids[2]; /* by enum proc_id */
	uint32_t *groups;
	size_t group_count;
	/* as the container sees them; 0: it does not */
	pid_t inner_pid, inner_group, inner_session;

	char *command;	 /* at most 15 bytes */
	char *arguments; /* joined by blanks; of a kernel thread or a zombie "[command]" */
	char state;
	int terminal; /* device number, 0: none */
	long priority, nice;
	long threads;
	uint64_t user_ticks, system_ticks, start_ticks;
	uint64_t virtual_bytes, resident_bytes;
	uint64_t capabilities[PROC_CAP_COUNT];
	int seccomp; /* 0 off, 1 strict, 2 filter */
};
void proc_release(struct proc *proc);

struct proc_list {
	struct proc *items;
	size_t count;
};
void proc_list_release(struct proc_list *list);
#define cleanup_proc_list __attribute__((cleanup(proc_list_release)))

/** All processes of a running container, oldest first. @param with_arguments  read the command lines too */
int proc_list_read(const struct container *container, bool with_arguments,
		   struct proc_list *ret_list, struct err *err);

/* parsers of single files; text is changed. True when it was well-formed. */
bool proc_parse_stat(char *text, struct proc *proc);
/** @param depth  of the container's pid namespace: how many numbers NSpid has for its init */
bool proc_parse_status(char *text, size_t depth, struct proc *proc);

#endif
