/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/update.c - `update`: change the limits, the restart policy and the health check of containers
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "cli/rows.h"
#include "cli/select.h"

struct update_opts {
	struct container_create_opts create;
	bool latest;
};

static int update_one(struct cli *cli, struct container *container, void *arg, struct err *err)
{
	const struct update_opts *opts = arg;

	return container_update(cli->engine, container, &opts->create, err);
}

static int update_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct update_opts *opts = opts_;
	const struct select_request request = { .args = args, .latest = opts->latest };

	return select_each(cli, &request, update_one, opts, err);
}

#define T struct container_create_opts
static const struct opt changed_rows[] = {
	OPT_STRING('m', "memory", T, memory, "SIZE", "limit of memory; 0: none"),
	OPT_STRING(0, "memory-reservation", T, memory_reservation, "SIZE",
		   "memory that is not taken away"),
	OPT_STRING(0, "memory-swap", T, memory_swap, "SIZE", "limit of memory and swap"),
	OPT_REFUSED_VALUE(0, "memory-swappiness", "cgroup v2 has nothing like it"),
	OPT_STRING(0, "cpus", T, cpus, "N", "number of CPUs, with a fraction; 0: no limit"),
	OPT_STRING(0, "cpuset-cpus", T, cpuset_cpus, "LIST", "these CPUs only"),
	OPT_STRING(0, "cpuset-mems", T, cpuset_mems, "LIST", "these memory nodes only"),
	OPT_UINT(0, "cpu-period", T, cpu_period, "MICROSECONDS", "period of --cpu-quota"),
	OPT_INT(0, "cpu-quota", T, cpu_quota, "MICROSECONDS", "time of the CPUs in a period"),
	OPT_UINT('c', "cpu-shares", T, cpu_shares, "N", "weight of its CPU time"),
	OPT_STRING(0, "pids-limit", T, pids_limit, "N", "number of processes, -1: no limit"),
	OPT_STRING(0, "blkio-weight", T, blkio_weight, "N", "weight of its input and output"),
	OPT_LIST(0, "blkio-weight-device", T, blkio_weight_device, "DEVICE:N",
		 "the same for one device"),
	OPT_LIST(0, "device-read-bps", T, device_read_bps, "DEVICE:RATE", "bytes per second"),
	OPT_LIST(0, "device-read-iops", T, device_read_iops, "DEVICE:RATE", "reads per second"),
	OPT_LIST(0, "device-write-bps", T, device_write_bps, "DEVICE:RATE", "bytes per second"),
	OPT_LIST(0, "device-write-iops", T, device_write_iops, "DEVICE:RATE", "writes per second"),
	OPT_STRING(0, "restart", T, restart, "POLICY",
		   "start again: no, on-failure[:N], always, unless-stopped"),
	OPT_WORDS(0, "ulimit", T, ulimit, "NAME=SOFT[:HARD]",
		  "limit of a process, from the next start on"),
	OPT_LIST('e', "env", T, env, "NAME[=VALUE]", "set a variable, from the next start on"),
	OPT_LIST(0, "unsetenv", T, unset_env, "NAME",
		 "take a variable away, from the next start on"),
	OPT_ROWS(health_rows),
	OPT_REFUSED_VALUE(0, "cpu-rt-period", "cgroup v2 has no real-time scheduling"),
	OPT_REFUSED_VALUE(0, "cpu-rt-runtime", "cgroup v2 has no real-time scheduling"),
	OPT_REFUSED_VALUE(0, "kernel-memory", "cgroup v2 has no limit of kernel memory"),
	OPT_END
};

static const struct opt update_opts[] = {
	OPT_INCLUDE(struct update_opts, create, struct container_create_opts, changed_rows),
	OPT_FLAG('l', "latest", struct update_opts, latest, "the container created last"), OPT_END
};

const struct cmd cmd_update = {
	.paths = { "update", "container update" },
	.synopsis = "CONTAINER [CONTAINER...]",
	.help = "Change limits, restart policy and health check of containers",
	.section = SECTION_RUN,
	.max_args = -1,
	.complete = COMPLETE_CONTAINERS,
	.needs = NEEDS_WRITING,
	.opts = update_opts,
	.opts_size = sizeof(struct update_opts),
	.run = update_run,
};
