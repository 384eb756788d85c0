/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/healthcheck.c - `healthcheck run`: run the health check of a container once
 *
 * Exit status 0: healthy; 1: the check failed. The monitor calls it with --auto: then nothing is printed, and the exit status is the
 * monitor's (engine/monitor.h).
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "engine/container.h"
#include "engine/health.h"
#include "engine/monitor.h"

#include <stdio.h>

struct healthcheck_opts {
	bool automatic, ignore_result;
};

/* For the monitor: what it does next (engine/monitor.h). */
static int tell_monitor(const struct health_result *result, int status)
{
	if (result->in_startup)
		return CHECK_STARTUP;
	return status == 0 && result->status == HEALTH_HEALTHY ? CHECK_HEALTHY : CHECK_NOT_HEALTHY;
}

static int healthcheck_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct healthcheck_opts *opts = opts_;
	cleanup_container struct container *container = NULL;
	struct health_result result;

	if (container_get(cli->engine, args->items[0], &container, err) < 0)
		return opts->automatic && err->kind == ERR_NOT_FOUND ? CHECK_NOTHING : -1;
	int status = container_health_run(cli->engine, container, opts->automatic, &result, err);

	if (status < 0)
		return opts->automatic && err->kind == ERR_STATE ? CHECK_NOTHING : -1;
	if (opts->automatic)
		return tell_monitor(&result, status);
	if (status > 0)
		(void)printf("%s\n", health_status_name((int)result.status));
	return opts->ignore_result ? 0 : status;
}

static const struct opt healthcheck_opts[] = {
	{ OPT_ROW_(OPT_KIND_FLAG, 0, "auto", OPT_OFFSET(struct healthcheck_opts, automatic, bool),
		   NULL, "the monitor calls it"),
	  .hidden = true },
	OPT_FLAG(0, "ignore-result", struct healthcheck_opts, ignore_result,
		 "exit with 0 also when the check fails"),
	OPT_END
};

const struct cmd cmd_healthcheck_run = {
	.paths = { "healthcheck run", "container healthcheck run" },
	.synopsis = "CONTAINER",
	.help = "Run the health check of a container",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 1,
	.complete = COMPLETE_RUNNING,
	.needs = NEEDS_WRITING | NEEDS_SELF,
	.opts = healthcheck_opts,
	.opts_size = sizeof(struct healthcheck_opts),
	.run = healthcheck_run,
};
