/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/clone.c - `container clone`: the container's own command line once more, with other limits and another name
 *
 * The record keeps the words that a container was made with; they are read again by the same tables, so a clone is what these words would make
 * now. It has the image of the original, even when its name has moved on. Relative paths count from the current folder, as they did.
 */
#include "cli/commands.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "cli/rows.h"

#include <stdio.h>

struct clone_opts {
	bool destroy, force, run;
	char *name;
	struct container_create_opts over; /* limits that differ */
};

/* What the words of a container mean. */
struct clone_source {
	const struct cmd *cmd;
	struct container_create_opts opts;
	struct global_opts global;
	struct strv args;
};

static int read_words(const struct container *container, struct clone_source *source,
		      struct err *err)
{
	json_t *asked = json_object_get(container->create, "asked");
	cleanup_strv struct strv words = STRV_INIT;
	cleanup_strv struct strv rest = STRV_INIT;
	const struct opt_set global = { global_rows, &source->global, false };
	struct opts_request request = { .sets = &global, .set_count = 1 };
	const struct noun *noun;
	const char *path;
	size_t used = 0;

	json_get_strv(asked, "commandLine", &words);
	if (words.count < 2)
		return err_set(err, ERR_UNSUPPORTED,
			       "cannot clone container '%s': its record has no command line",
			       container->name);
	request.words = words.items + 1;
	if (opts_parse(&request, &rest, &used, err) < 0)
		return -1;

	char *const *command = words.items + 1 + used;
	size_t length = commands_find(command, &source->cmd, &path, &noun);
	if (length == 0 || (source->cmd != &cmd_run && source->cmd != &cmd_create))
		return err_set(err, ERR_UNSUPPORTED,
			       "cannot clone container '%s': it was not made by run or create",
			       container->name);

	const struct opt_set sets[] = { { source->cmd->opts, &source->opts, false },
					{ global_rows, &source->global, true } };
	request = (struct opts_request){ .sets = sets, .set_count = 2, .words = command + length };
	opts_init(source->cmd->opts, &source->opts, source->cmd->opts_size, source->cmd->defaults);
	return opts_parse(&request, &source->args, NULL, err);
}

static void take_text(char **to, char **from)
{
	if (*from == NULL)
		return;
	free(*to);
	*to = TAKE_PTR(*from);
}

static void take_list(struct strv *to, const struct strv *from)
{
	if (from->count > 0)
		strv_copy(to, from);
}

/* The limits of the command line win; what belongs to one container only is not taken over. */
static void change(struct container_create_opts *opts, struct container_create_opts *over)
{
	char **const own[] = { &opts->cidfile, &opts->pidfile, &opts->conmon_pidfile };

	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		free(*own[i]);
		*own[i] = NULL;
	}
	opts->replace = false;
	/* --cpus and the pair it stands for exclude each other: the new one goes */
	if (over->cpus != NULL)
		opts->cpu_period = opts->cpu_quota = 0;
	if (over->cpu_period != 0 || over->cpu_quota != 0) {
		free(opts->cpus);
		opts->cpus = NULL;
	}
	opts->cpu_period = over->cpu_period != 0 ? over->cpu_period : opts->cpu_period;
	opts->cpu_quota = over->cpu_quota != 0 ? over->cpu_quota : opts->cpu_quota;
	opts->cpu_shares = over->cpu_shares != 0 ? over->cpu_shares : opts->cpu_shares;
	take_text(&opts->cpus, &over->cpus);
	take_text(&opts->cpuset_cpus, &over->cpuset_cpus);
	take_text(&opts->cpuset_mems, &over->cpuset_mems);
	take_text(&opts->memory, &over->memory);
	take_text(&opts->memory_reservation, &over->memory_reservation);
	take_text(&opts->memory_swap, &over->memory_swap);
	take_text(&opts->blkio_weight, &over->blkio_weight);
	take_list(&opts->blkio_weight_device, &over->blkio_weight_device);
	take_list(&opts->device_read_bps, &over->device_read_bps);
	take_list(&opts->device_write_bps, &over->device_write_bps);
}

static int make(struct cli *cli, const struct container *old, struct clone_source *source,
		struct clone_opts *opts, const struct strv *args, struct container **ret_container,
		struct err *err)
{
	cleanup_strv struct strv argv = STRV_INIT;
	char *name = args->count > 1 ? args->items[1] : opts->name;
	const char *image = args->count > 2	     ? args->items[2]
			    : *old->image_id != '\0' ? old->image_id
						     : source->args.items[0];

	change(&source->opts, &opts->over);
	free(source->opts.name);
	source->opts.name = name != NULL ? xstrdup(name) : xasprintf("%s-clone", old->name);
	for (size_t i = 1; i < source->args.count; i++)
		strv_add(&argv, source->args.items[i]);
	json_get_strv(json_object_get(old->create, "asked"), "commandLine",
		      &source->opts.command_line);

	int status = container_create(cli->engine, image, &argv, &source->opts, NULL, NULL,
				      ret_container, err);
	strv_release(&source->opts.command_line);
	return status;
}

static int clone_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	static const struct container_start_opts plain = { 0 };
	struct clone_opts *opts = opts_;
	cleanup_container struct container *old = NULL, *made = NULL;
	struct clone_source source = { .args = STRV_INIT, .global = global_defaults };
	struct container_rm_opts rm = { .force = opts->force, .stop.time_s = -1 };

	if (args->count > 1 && opts->name != NULL)
		return err_set(err, ERR_USAGE, "the name '%s' and --name '%s' exclude each other",
			       args->items[1], opts->name);
	if (opts->force && !opts->destroy)
		return err_set(err, ERR_USAGE, "--force needs --destroy");
	if (container_get(cli->engine, args->items[0], &old, err) < 0)
		return -1;
	if (old->create == NULL)
		return err_set(err, ERR_CORRUPT,
			       "cannot clone container '%s': its record is damaged", old->id.text);

	int status = read_words(old, &source, err);
	if (status == 0 && source.args.count == 0)
		status = err_set(err, ERR_CORRUPT,
				 "cannot clone container '%s': its command line "
				 "names no image",
				 old->name);
	if (status == 0)
		status = make(cli, old, &source, opts, args, &made, err);
	if (status == 0 && opts->destroy)
		status = container_remove(cli->engine, old, &rm, err);
	if (status == 0 && opts->run)
		status = container_start(cli->engine, made, &plain, NULL, err);
	if (status == 0)
		(void)printf("%s\n", made->id.text);
	if (source.cmd != NULL)
		opts_release(source.cmd->opts, &source.opts);
	opts_release(global_rows, &source.global);
	strv_release(&source.args);
	return status;
}

#define C struct clone_opts
static const struct opt clone_opts[] = {
	OPT_STRING(0, "name", C, name, "NAME", "name of the clone (NAME-clone)"),
	OPT_FLAG(0, "destroy", C, destroy, "remove the original"),
	OPT_FLAG('f', "force", C, force, "with --destroy: also when it runs"),
	OPT_FLAG(0, "run", C, run, "start the clone"),
	OPT_STRING(0, "cpus", C, over.cpus, "N", "number of CPUs, with a fraction"),
	OPT_INCLUDE(C, over, struct container_create_opts, cpu_memory_rows),
	OPT_STRING(0, "memory-reservation", C, over.memory_reservation, "SIZE",
		   "memory that is not taken away"),
	OPT_STRING(0, "blkio-weight", C, over.blkio_weight, "N", "weight of its input and output"),
	OPT_LIST(0, "blkio-weight-device", C, over.blkio_weight_device, "DEVICE:N",
		 "the same for one device"),
	OPT_LIST(0, "device-read-bps", C, over.device_read_bps, "DEVICE:RATE", "bytes per second"),
	OPT_LIST(0, "device-write-bps", C, over.device_write_bps, "DEVICE:RATE",
		 "bytes per second"),
	OPT_REFUSED_VALUE(0, "cpu-rt-period", "cgroup v2 has no real-time scheduling"),
	OPT_REFUSED_VALUE(0, "cpu-rt-runtime", "cgroup v2 has no real-time scheduling"),
	OPT_REFUSED_VALUE(0, "memory-swappiness", "cgroup v2 has nothing like it"),
	OPT_REFUSED_VALUE(0, "pod", "there are no pods"),
	OPT_END
};

const struct cmd cmd_container_clone = {
	.paths = { "container clone" },
	.synopsis = "CONTAINER [NAME [IMAGE]]",
	.help = "Make a container like another one",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = 3,
	.complete = COMPLETE_CONTAINERS,
	.complete_first_only = true,
	.needs = NEEDS_WRITING | NEEDS_SELF,
	.opts = clone_opts,
	.opts_size = sizeof(C),
	.run = clone_run,
};
