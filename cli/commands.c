/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/commands.c - all commands: a new one is its own file and one line here
 *
 * Within a section of --help and within the help of a noun they stand in this order.
 */
#include "cli/commands.h"

#include <stddef.h>

extern const struct cmd cmd_attach, cmd_create, cmd_exec, cmd_kill, cmd_pause, cmd_pull, cmd_rename,
	cmd_restart, cmd_rm, cmd_run, cmd_start, cmd_stop, cmd_unpause;
extern const struct cmd cmd_container_cleanup, cmd_container_exists, cmd_image_exists, cmd_tag,
	cmd_unshare, cmd_untag, cmd_volume_create, cmd_volume_exists, cmd_volume_rm;

const struct noun nouns[] = {
	{ "container", "Manage containers" },
	{ "image", "Manage images" },
	{ "volume", "Manage volumes" },
	{ "system", "Look at this installation" },
	{ NULL, NULL },
};

const struct cmd *const commands[] = { &cmd_run,
				       &cmd_create,
				       &cmd_start,
				       &cmd_stop,
				       &cmd_restart,
				       &cmd_kill,
				       &cmd_pause,
				       &cmd_unpause,
				       &cmd_exec,
				       &cmd_attach,
				       &cmd_rename,
				       &cmd_rm,
				       &cmd_pull,
				       &cmd_tag,
				       &cmd_untag,
				       &cmd_unshare,
				       &cmd_container_cleanup,
				       &cmd_container_exists,
				       &cmd_image_exists,
				       &cmd_volume_create,
				       &cmd_volume_exists,
				       &cmd_volume_rm,
				       NULL };
