/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootless/host_ask.h - libexec/dhow/host, which asks the host's libraries (private to rootless)
 *
 * dhow is one file without shared libraries, because loading them costs more than most commands. What needs them is rare and asked for by running
 * this program:
 *
 *	host ranges OWNER		libsubid: lines "uid START COUNT", "gid START COUNT"
 *	host account NAME|NUMBER	NSS: a line of passwd(5), or nothing
 *	host scope PID,... SLICE NAME	the user's systemd: makes NAME.scope with these processes in it (0: one of its own, which waits
 *					for the first in the container's cgroup); the path of its cgroup
 *	host journal ID SINCE UNTIL TAIL MODE	the journal: see journal.h
 *	host attach PID UNIT BELOW	the user's systemd: moves the process to the unit's cgroup or one below it
 */
#ifndef ROOTLESS_HOST_ASK_H
#define ROOTLESS_HOST_ASK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct strbuf;
struct strv;

/** Run it with these words, append what it answers. ERR_UNAVAILABLE: it is not installed; else the failure it tells. */
int host_ask(const struct strv *words, struct strbuf *answer, struct err *err);

/* the answers, in the program */

/* process ids as systemd wants them */
struct pid_list {
	uint32_t *items;
	size_t count;
};

int host_ranges(const char *owner, struct strbuf *answer, struct err *err);
/** Path of the scope's cgroup once all are in it, yours, or NULL with err (ERR_UNAVAILABLE: nobody answers). */
char *host_scope(const struct pid_list *pids, const char *slice, const char *name, struct err *err);
/** ID, SINCE and UNTIL (microseconds, 0: unset), TAIL (-1: all), "now", "ended" or "follow". */
int host_journal(char *const *words, struct err *err);
int host_attach(pid_t pid, const char *unit, const char *below, struct err *err);

#endif
