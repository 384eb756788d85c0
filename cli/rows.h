/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/rows.h - tables of options that several commands share, and their defaults
 */
#ifndef CLI_ROWS_H
#define CLI_ROWS_H

#include "cli/opt.h"
#include "engine/container.h"
#include "engine/image.h"

/** For struct image_pull_opts: how a registry is reached, and that with how often it is tried. Part of pull_rows. */
extern const struct opt registry_access_rows[];
extern const struct opt registry_rows[];
/** For struct image_pull_opts; without --policy and --all-tags, which have other names elsewhere. */
extern const struct opt pull_rows[];
#define PULL_DEFAULTS                                                                              \
	{                                                                                          \
		.tls_verify = TRI_UNSET, .retry = 3                                                \
	}
/** Words of enum pull_policy, for completion. */
extern const char *const pull_policy_words[];

/** For struct container_create_opts: what create and run have in common. */
extern const struct opt create_rows[];
extern const struct cmd cmd_run, cmd_create;
/** For the same struct: the limits (cpu_memory_rows is part of limit_rows) and the health check, which update can change too. */
extern const struct opt cpu_memory_rows[];
extern const struct opt limit_rows[];
extern const struct opt health_rows[];
/** For the same struct, step_rows.c: what the steps of `build` and `builder` run with. */
extern const struct opt step_rows[];
#define CREATE_DEFAULTS                                                                            \
	{                                                                                          \
		.pull = PULL_DEFAULTS, .http_proxy = 1, .sig_proxy = 1, .read_only_tmpfs = 1,      \
		.passwd = 1                                                                        \
	}

#endif
