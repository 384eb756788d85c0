/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/export.c - the root file system as tar
 */
#include "engine/files.h"

#include "base/err.h"
#include "engine/container/tree.h"
#include "engine/events.h"
#include "storage/tar_write.h"

static int write_tree(void *arg, const struct container_tree *tree, struct err *err)
{
	/* in single form fuse-overlayfs shows the owners: nothing is left to be read from attributes */
	const struct tar_tree_options options = { .form = LAYER_MAPPED };
	struct tar_writer *writer = tar_writer_new(tar_sink_fd, arg);
	int status = tar_writer_add_tree(writer, tree->root_fd, &options, NULL, err);

	if (status == 0)
		status = tar_writer_finish(writer, err);
	tar_writer_free(writer);
	return status;
}

int container_export(struct engine *engine, struct container *container, int output_fd,
		     struct err *err)
{
	if (container_tree_run(engine, container, 0, write_tree, &output_fd, err) < 0)
		return err_wrap(err, "cannot export container '%s'", container->name);
	event_container(engine, container, EVENT_EXPORT);
	return 0;
}
