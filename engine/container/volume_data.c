/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/volume_data.c - the content of volumes as tar, out and in (R22)
 */
#include "engine/files.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "engine/image/untar.h"
#include "storage/tar_write.h"

struct work {
	int data_fd; /* O_PATH */
	int output_fd;
};

static int write_volume(void *arg, struct err *err)
{
	struct work *work = arg;
	const struct tar_tree_options options = { .form = LAYER_MAPPED, .with_root = true };
	struct tar_writer *writer = tar_writer_new(tar_sink_fd, &work->output_fd);
	int status = tar_writer_add_tree(writer, work->data_fd, &options, NULL, err);

	if (status == 0)
		status = tar_writer_finish(writer, err);
	tar_writer_free(writer);
	return status;
}

int volume_export(struct engine *engine, const struct volume *volume, int output_fd,
		  struct err *err)
{
	cleanup_fd int data_fd = volume_open(engine->store, volume, err);
	struct work work = { data_fd, output_fd };
	const struct idmaps *maps;
	int status;

	if (data_fd < 0 || store_idmaps(engine->store, &maps, err) < 0)
		return -1;
	status = userns_is_inside() ? write_volume(&work, err)
				    : userns_run(maps, write_volume, &work, err);
	return status < 0 ? err_wrap(err, "cannot export volume '%s'", volume->name) : 0;
}

int volume_import(struct engine *engine, const struct volume *volume, int archive_fd,
		  struct err *err)
{
	cleanup_fd int data_fd = volume_open(engine->store, volume, err);
	const struct untar_request request = {
		.archive_fd = archive_fd, .uid = -1, .gid = -1, .replace_kind = true
	};

	/* what is in it now is meant: no image fills it at its first use */
	if (data_fd < 0 || volume_set_copied(engine->store, volume->name, err) < 0)
		return -1;
	if (untar_into(engine, &request, data_fd, err) < 0)
		return err_wrap(err, "cannot import into volume '%s'", volume->name);
	return 0;
}
