/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/system_reset.c - `system reset`: remove everything that the store has
 *
 * No damage needs this; it is for who wants the space, or an empty machine. What cannot be removed in the usual way is removed as a tree, so
 * it works on a store that is damaged, too.
 */
#include "cli/cmd.h"

#include "base/err.h"
#include "base/strbuf.h"
#include "cli/confirm.h"
#include "engine/container.h"

#include <stdio.h>

struct system_reset_opts {
	bool force;
};

static bool user_agrees(const struct cli *cli)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	strbuf_addf(&text,
		    "WARNING! This will remove:\n"
		    "\t- all containers, running ones too\n"
		    "\t- all images\n"
		    "\t- all volumes, with their data\n"
		    "\t- all secrets and caches\n"
		    "of '%s'\n",
		    cli->engine->store->root_path);
	return confirm(text.data);
}

static int remove_containers(struct engine *engine, struct err *err)
{
	static const struct container_rm_opts remove = {
		.force = true, .ignore = true, .depend = true, .volumes = true, .stop.time_s = 0
	};
	cleanup_container_list struct container_list list = { NULL, 0 };

	if (container_list(engine, &list, err) < 0)
		return -1;
	for (size_t i = list.count; i-- > 0;) {
		if (container_remove(engine, list.items[i], &remove, err) < 0 &&
		    err->kind != ERR_NOT_FOUND && err->kind != ERR_CORRUPT)
			return -1;
	}
	return 0;
}

static int reset_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	/* tmp last: what is being removed lies there */
	static const char *const parts[] = { "containers", "names",   "images", "layers", "volumes",
					     "networks",   "secrets", "events", "cache",  "tmp" };
	const struct system_reset_opts *opts = opts_;
	struct store *store = cli->engine->store;

	if (!opts->force && !user_agrees(cli))
		return 0;
	if (remove_containers(cli->engine, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (store_remove_tree(store, store->root_fd, parts[i], err) < 0 &&
		    err->kind != ERR_NOT_FOUND)
			return err_wrap(err, "cannot remove '%s/%s'", store->root_path, parts[i]);
	}
	return 0;
}

static const struct opt reset_opts[] = {
	OPT_FLAG('f', "force", struct system_reset_opts, force, "do not ask"), OPT_END
};

const struct cmd cmd_system_reset = {
	.paths = { "system reset" },
	.synopsis = "",
	.help = "Remove all containers, images, volumes and secrets",
	.section = SECTION_NONE,
	.needs = NEEDS_WRITING,
	.opts = reset_opts,
	.opts_size = sizeof(struct system_reset_opts),
	.run = reset_run,
};
