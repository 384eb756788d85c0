/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/config.h - are the files of configuration as they should be?
 *
 * The files are those that other engines have, too: registries.conf with its drop-ins, policy.json, auth files, seccomp profiles. They are read by
 * the same functions as a pull or a start reads them, so what is found here is what would fail there. Besides that: keys that dhow does not read,
 * and files (containers.conf, storage.conf) that it never reads, because whoever wrote them believes that they hold.
 */
#ifndef ENGINE_CONFIG_H
#define ENGINE_CONFIG_H

#include <stdbool.h>

struct err;

struct config_finding {
	const char *file;
	unsigned line; /* 0: the whole file */
	bool warning;  /* nothing fails because of it, but it has no effect */
	const char *text;
	const char *hint; /* "" */
};
typedef void (*config_report)(void *arg, const struct config_finding *finding);

/** One file that was looked at, also when nothing was found: for those who want to know what is read. */
typedef void (*config_visit)(void *arg, const char *file, const char *kind);

struct config_check {
	config_report report;
	config_visit visit; /* may be NULL */
	void *arg;
};

/** All files in the usual places that are there. The number of findings that are no warnings. */
int config_check_all(const struct config_check *check);
/** One file; what it is, its name and content tell. The same number, or -1: it cannot be read, or nobody knows what it is. */
int config_check_file(const struct config_check *check, const char *path, struct err *err);

#endif
