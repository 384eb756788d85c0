/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/output.c - results that are no image: --squash and --output
 */
#include "engine/build/publish.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "engine/image/untar.h"
#include "rootless/rootless.h"
#include "storage/copy_tree.h"
#include "storage/layer.h"
#include "storage/layer_make.h"
#include "storage/rootfs.h"
#include "storage/tar_write.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- --squash ---- */

struct merge {
	const int *diff_fds; /* lowest first */
	size_t count;
	int target_fd;
};

static int merge_inside(void *arg, struct err *err)
{
	static const struct copy_options options = { .as_layer = true, .keep_marks = true };
	const struct merge *merge = arg;

	for (size_t i = 0; i < merge->count; i++) {
		cleanup_fd int diff_fd =
			openat(merge->diff_fds[i], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (diff_fd < 0)
			return err_sys(err, errno, "cannot open a layer");
		if (copy_tree(diff_fd, merge->target_fd, &options, err) < 0)
			return -1;
	}
	return 0;
}

static int merge_layers(struct build *build, struct state *state, struct staging *staging,
			struct layer_made *ret_made, struct err *err)
{
	struct store *store = build->engine->store;
	size_t first = state->base_layer_count;
	size_t count = state->image.layer_count - first;
	cleanup_free int *fds = xcalloc(count + 1, sizeof(*fds));
	struct merge merge = { .diff_fds = fds, .target_fd = -1 };
	const struct layer_source source = {
		.parent_fd = staging->dir_fd,
		.name = "upper",
		.take = true,
		.latest_mtime_s = build->has_timestamp ? &build->timestamp_s : NULL,
	};
	const struct idmaps *maps;
	int status = store_idmaps(store, &maps, err);

	if (status == 0 && mkdirat(staging->dir_fd, "upper", 0755) < 0)
		status = err_sys(err, errno, "cannot make a directory in the store");
	cleanup_fd int target_fd =
		openat(staging->dir_fd, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	merge.target_fd = target_fd;
	if (status == 0 && target_fd < 0)
		status = err_sys(err, errno, "cannot open a directory in the store");
	for (; status == 0 && merge.count < count; merge.count++) {
		fds[merge.count] = layer_open_diff(
			store, &state->image.layers[first + merge.count].diff_id, err);
		if (fds[merge.count] < 0) {
			status = -1;
			break;
		}
	}
	if (status == 0)
		status = userns_run(maps, merge_inside, &merge, err);
	if (status == 0)
		status = layer_make(store, &source, ret_made, err);
	for (size_t i = 0; i < merge.count; i++)
		fd_close(&fds[i]);
	return status;
}

/* One entry of the history for all that this build did. */
static void squash_history(struct state *state, const struct layer_made *made)
{
	json_t *history = json_object_get(state->image.config, "history");

	while (json_array_size(history) > state->base_history_count)
		json_array_remove(history, json_array_size(history) - 1);
	for (size_t i = state->base_layer_count; i < state->image.layer_count; i++)
		free(state->image.layers[i].media_type);
	state->image.layer_count = state->base_layer_count;
	image_new_add_layer(&state->image, made);
	image_new_add_history(&state->image, state->created_ns, "/bin/sh -c #(nop) squashed", NULL,
			      NULL, false);
}

int publish_merge(struct build *build, struct state *state, struct err *err)
{
	struct staging staging = STAGING_INIT;
	struct layer_made made;

	if (staging_new(build->engine->store, "squash", &staging, err) < 0)
		return -1;
	int status = merge_layers(build, state, &staging, &made, err);

	staging_discard(build->engine->store, &staging);
	if (status < 0)
		return err_wrap(err, "cannot squash the layers");
	squash_history(state, &made);
	layer_meta_release(&made.meta);
	return 0;
}

int publish_squash(struct build *build, struct state *state, struct err *err)
{
	return state->image.layer_count < state->base_layer_count + 2
		       ? 0
		       : publish_merge(build, state, err);
}

/* ---- --output ---- */

struct output {
	char *type, *dest;
};

static void output_release(struct output *output)
{
	free(output->type);
	free(output->dest);
}
#define cleanup_output __attribute__((cleanup(output_release)))

/* "type=local,dest=DIR", a path alone, or "-" */
static int output_parse(const char *text, struct output *output, struct err *err)
{
	cleanup_strv struct strv words = STRV_INIT;

	if (strchr(text, '=') == NULL) {
		output->type = xstrdup(str_equal(text, "-") ? "tar" : "local");
		output->dest = xstrdup(text);
		return 0;
	}
	strv_split(&words, text, ',');
	for (size_t i = 0; i < words.count; i++) {
		const char *value;
		char **target;

		if ((value = str_after(words.items[i], "type=")) != NULL)
			target = &output->type;
		else if ((value = str_after(words.items[i], "dest=")) != NULL ||
			 (value = str_after(words.items[i], "destination=")) != NULL)
			target = &output->dest;
		else
			return err_set(err, ERR_USAGE, "invalid --output '%s': unknown key '%s'",
				       text, words.items[i]);
		free(*target);
		*target = xstrdup(value);
	}
	if (output->type == NULL)
		return err_set(err, ERR_USAGE, "invalid --output '%s': it has no type", text);
	if (!str_equal(output->type, "local") && !str_equal(output->type, "tar")) {
		err_set(err, ERR_UNSUPPORTED, "--output type=%s is not supported", output->type);
		return err_hint(err,
				"Use type=local or type=tar; an image is written with dhow save.");
	}
	if (output->dest == NULL && str_equal(output->type, "tar"))
		output->dest = xstrdup("-");
	if (output->dest == NULL)
		return err_set(err, ERR_USAGE, "invalid --output '%s': it has no dest", text);
	return 0;
}

struct tar_output {
	struct rootfs *rootfs;
	int output_fd;
	const int64_t *latest_mtime_s;
};

static int tar_inside(void *arg, struct err *err)
{
	struct tar_output *job = arg;
	cleanup_fd int mount_fd = rootfs_mount(job->rootfs, err);
	const struct tar_tree_options options = { .latest_mtime_s = job->latest_mtime_s };

	if (mount_fd < 0)
		return -1;
	cleanup_fd int root_fd = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return err_sys(err, errno, "cannot open the result");
	struct tar_writer *writer = tar_writer_new(tar_sink_fd, &job->output_fd);
	int status = tar_writer_add_tree(writer, root_fd, &options, NULL, err);

	if (status == 0)
		status = tar_writer_finish(writer, err);
	tar_writer_free(writer);
	return status;
}

static int write_tar(struct build *build, struct state *state, int output_fd, struct err *err)
{
	cleanup_free struct digest *layers = state_layers(state);
	cleanup_rootfs struct rootfs rootfs = ROOTFS_INIT;
	const struct rootfs_request request = {
		.diff_ids = layers,
		.diff_id_count = state->image.layer_count,
		.directory_fd = -1,
		.container_dir_fd = -1,
	};
	struct tar_output job = { .rootfs = &rootfs,
				  .output_fd = output_fd,
				  .latest_mtime_s =
					  build->has_timestamp ? &build->timestamp_s : NULL };
	const struct idmaps *maps;

	if (rootfs_prepare(build->engine->store, &request, &rootfs, err) < 0 ||
	    store_idmaps(build->engine->store, &maps, err) < 0)
		return -1;
	return userns_run(maps, tar_inside, &job, err);
}

static int output_tar(struct build *build, struct state *state, const char *dest, struct err *err)
{
	bool to_stdout = str_equal(dest, "-");
	cleanup_fd int fd =
		to_stdout ? fd_dup(STDOUT_FILENO)
			  : open(dest, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0644);

	if (fd < 0)
		return err_sys(err, to_stdout ? -fd : errno, "cannot write '%s'", dest);
	if (to_stdout && isatty(fd))
		return err_set(err, ERR_USAGE, "refusing to write an archive to a terminal");
	return write_tar(build, state, fd, err);
}

/* The files are the user's own: an archive goes through the unpacker, which makes them so. */
static int output_local(struct build *build, struct state *state, const char *dest, struct err *err)
{
	struct staging staging = STAGING_INIT;
	int status = 0;

	if (mkdir(dest, 0755) < 0 && errno != EEXIST)
		return err_sys(err, errno, "cannot make directory '%s'", dest);
	cleanup_fd int dir_fd = open(dest, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return err_sys(err, errno, "cannot write to '%s'", dest);
	if (staging_new(build->engine->store, "output", &staging, err) < 0)
		return -1;
	cleanup_fd int fd = openat(staging.dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		status = err_sys(err, errno, "cannot make a file in the store");
	if (status == 0)
		status = write_tar(build, state, fd, err);
	if (status == 0 && lseek(fd, 0, SEEK_SET) < 0)
		status = err_sys(err, errno, "cannot read the result");
	if (status == 0) {
		const struct untar_request request = { .archive_fd = fd, .uid = 0, .gid = 0 };

		status = untar_into(build->engine, &request, dir_fd, err);
	}
	staging_discard(build->engine->store, &staging);
	return status < 0 ? err_wrap(err, "cannot write the files to '%s'", dest) : 0;
}

int publish_outputs(struct build *build, struct state *state, struct err *err)
{
	for (size_t i = 0; i < build->opts->outputs.count; i++) {
		cleanup_output struct output output = { NULL, NULL };
		const char *text = build->opts->outputs.items[i];

		if (output_parse(text, &output, err) < 0)
			return -1;
		int status = str_equal(output.type, "tar")
				     ? output_tar(build, state, output.dest, err)
				     : output_local(build, state, output.dest, err);
		if (status < 0)
			return -1;
	}
	return 0;
}

int publish_check_outputs(struct build *build, struct err *err)
{
	for (size_t i = 0; i < build->opts->outputs.count; i++) {
		cleanup_output struct output output = { NULL, NULL };

		if (output_parse(build->opts->outputs.items[i], &output, err) < 0)
			return -1;
	}
	return 0;
}
