/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/step.h - a container for one RUN of a build (private to engine)
 *
 * Planned and started by the code of `run`, with the same profile (P2), but without a record, a name, a log and a monitor: the
 * calling process is its parent and waits for it, so it ends when the caller ends, however that happens, and `ps` never sees it.
 * Its files (upper/, work/, hosts ...) are in a staging directory of the caller, which is collected like any other when abandoned.
 */
#ifndef ENGINE_CONTAINER_STEP_H
#define ENGINE_CONTAINER_STEP_H

#include "base/digest.h"
#include "base/strv.h"
#include "engine/container.h"

#include <jansson.h>

struct err;

struct container_step {
	const struct container_create_opts
		*opts; /* network, limits, hosts, volumes: what the build's options say */
	const json_t *image_config;  /* the "config" object: Env, User, WorkingDir */
	const struct digest *layers; /* lowest first */
	size_t layer_count;
	const struct strv *argv;
	const struct object_id *id;
	int dir_fd;			    /* the staging directory */
	const char *dir_path;		    /* the same, absolute */
	const json_t *mounts;		    /* more OCI mounts, behind those of opts; or NULL */
	int stdin_fd, stdout_fd, stderr_fd; /* borrowed */
	bool terminal; /* opts->tty: the caller's terminal is passed on instead of these three */
};

/**
 * Run it and wait. The calling process must have no other children and leads a session of its own, unless the step has a
 * terminal.
 * @param ret_status   exit status of the program: 0 to 255, 128 + n for signal n
 * @param mount_points is appended: where something was mounted, without the leading '/': what is in upper/ only to be mounted on
 */
int container_step_run(struct engine *engine, const struct container_step *step, int *ret_status,
		       struct strv *mount_points, struct err *err);
/** What is left when the process that ran it was killed: the cgroup and the runtime directory. Quiet. */
void container_step_cleanup(struct engine *engine, const struct object_id *id);

#endif
