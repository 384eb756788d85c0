/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/commit.c - an image of a container's changes
 *
 * The upper directory becomes a layer on top of the image's (storage/layer_make.h); the configuration is the image's with what
 * the container was created with. Secrets and proxies of the host, which are in the environment of the running program, are not
 * taken over (R18).
 */
#include "engine/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "engine/container/life.h"
#include "engine/container/record.h"
#include "engine/container/tree.h"
#include "engine/events.h"
#include "storage/layer_make.h"

#define CONFIG_LIMIT_BYTES (16U << 20)

struct commit {
	struct engine *engine;
	struct container *container;
	const struct container_commit_opts *opts;
	struct image_new image;
	int64_t now_ns;
	bool has_layer; /* a layer was made */
};

/* ---- configuration --------------------------------------------------------------------------------------------------- */

/* config.json as it is on the disk: without the variables of secrets. */
static int read_spec(const struct container *container, json_t **ret_spec, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	int status = fd_read_file(container->dir_fd, FILE_CONFIG, &text, CONFIG_LIMIT_BYTES);

	if (status < 0)
		return err_sys(err, -status, "cannot read the configuration of container '%s'",
			       container->name);
	*ret_spec = json_parse_limited(text.data, text.length, CONFIG_LIMIT_BYTES,
				       "container configuration", err);
	return *ret_spec != NULL ? 0 : -1;
}

/* What the engine or the host put into the environment. */
static bool is_from_outside(const char *item)
{
	static const char *const names[] = { "container=", "HOSTNAME=", "HOME=", "TERM=" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (str_after(item, names[i]) != NULL)
			return true;
	}
	return strcasestr(item, "_proxy=") != NULL &&
	       strchr(item, '=') > strcasestr(item, "_proxy");
}

static void set_env(json_t *config, const json_t *spec)
{
	cleanup_strv struct strv env = STRV_INIT, of_container = STRV_INIT;

	json_get_strv(config, "Env", &env);
	json_get_strv(json_at(spec, "process", NULL), "env", &of_container);
	for (size_t i = 0; i < of_container.count; i++) {
		cleanup_free char *name =
			xstrndup(of_container.items[i], strcspn(of_container.items[i], "="));

		if (!is_from_outside(of_container.items[i]) || strv_env_get(&env, name) != NULL)
			strv_env_put(&env, of_container.items[i]);
	}
	json_put_strv(config, "Env", &env);
}

static void set_command(json_t *config, const json_t *create)
{
	cleanup_strv struct strv argv = STRV_INIT, entrypoint = STRV_INIT, cmd = STRV_INIT;
	bool is_prefix = true;

	json_get_strv(create, KEY_ARGV, &argv);
	json_get_strv(create, "entrypoint", &entrypoint);
	for (size_t i = 0; i < entrypoint.count; i++)
		is_prefix = is_prefix && i < argv.count &&
			    str_equal(argv.items[i], entrypoint.items[i]);
	for (size_t i = is_prefix ? entrypoint.count : 0; i < argv.count; i++)
		strv_add(&cmd, argv.items[i]);
	if (is_prefix && entrypoint.count > 0)
		json_put_strv(config, "Entrypoint", &entrypoint);
	else
		json_object_del(config, "Entrypoint");
	if (cmd.count > 0)
		json_put_strv(config, "Cmd", &cmd);
	else
		json_object_del(config, "Cmd");
}

static void set_volumes(json_t *config, const json_t *create)
{
	json_t *volumes = json_object_get(config, "Volumes");
	const json_t *item;
	size_t i;

	if (!json_is_object(volumes)) {
		json_put(config, "Volumes", json_object());
		volumes = json_object_get(config, "Volumes");
	}
	json_array_foreach (json_object_get(create, KEY_MOUNTS), i, item) {
		const char *destination = json_get_string(item, "", "Destination", NULL);

		if (*destination != '\0')
			json_put(volumes, destination, json_object());
	}
}

static int set_config(struct commit *commit, struct err *err)
{
	const struct container_commit_opts *opts = commit->opts;
	const json_t *create = commit->container->create;
	json_t *document = commit->image.config;
	const char *user = json_get_string(create, NULL, KEY_RUNTIME, KEY_USER, NULL);
	cleanup_json json_t *spec = NULL;
	char created[TIME_TEXT_MAX];
	json_t *config;

	if (read_spec(commit->container, &spec, err) < 0)
		return -1;
	if (!json_is_object(json_object_get(document, "config")))
		json_put(document, "config", json_object());
	config = json_object_get(document, "config");
	set_env(config, spec);
	set_command(config, create);
	if (user != NULL)
		json_put_string(config, "User", user);
	json_put_string(config, "WorkingDir", json_get_string(spec, "/", "process", "cwd", NULL));
	if (json_object_size(json_object_get(create, KEY_LABELS)) > 0)
		json_object_set(config, "Labels", json_object_get(create, KEY_LABELS));
	if (opts->include_volumes)
		set_volumes(config, create);
	if (opts->config_file != NULL &&
	    image_config_merge_file(config, opts->config_file, err) < 0)
		return -1;
	time_format_rfc3339(commit->now_ns, created);
	json_put_string(document, "created", created);
	if (opts->author != NULL)
		json_put(document, "author", json_text(opts->author));
	if (opts->message != NULL && commit->image.docker)
		json_put(document, "comment", json_text(opts->message));
	for (size_t i = 0; i < opts->changes.count; i++) {
		if (image_change(document, opts->changes.items[i], err) < 0)
			return -1;
	}
	return 0;
}

/* ---- layers ---------------------------------------------------------------------------------------------------------- */

struct whole {
	struct commit *commit;
	struct rootfs rootfs;
};

static int open_whole(void *context, struct err *err)
{
	struct whole *whole = context;
	cleanup_fd int mount_fd = rootfs_mount(&whole->rootfs, err);
	int fd;

	if (mount_fd < 0)
		return -1;
	fd = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, errno, "cannot open the root file system") : fd;
}

/* All layers of the image give way to one; made's parts are freed. */
static void be_one_layer(struct commit *commit, struct layer_made *made)
{
	image_new_clear_layers(&commit->image);
	image_new_add_layer(&commit->image, made);
	commit->has_layer = true;
	layer_meta_release(&made->meta);
}

/* There is no upper directory (vfs, --rootfs): all files become one layer. */
static int add_whole(struct commit *commit, const struct strv *drop, struct err *err)
{
	cleanup_idmaps struct idmaps maps = IDMAPS_INIT;
	struct whole whole = { .commit = commit, .rootfs = ROOTFS_INIT };
	const struct layer_source source = {
		.open = open_whole,
		.open_context = &whole,
		.drop = drop,
	};
	struct layer_made made;
	int status;

	if (container_read_maps(commit->engine, commit->container, &maps, err) < 0 ||
	    container_prepare_rootfs(commit->engine, commit->container, &maps, false, &whole.rootfs,
				     err) < 0)
		return -1;
	status = layer_make(commit->engine->store, &source, &made, err);
	rootfs_release(&whole.rootfs);
	if (status < 0)
		return -1;
	be_one_layer(commit, &made);
	return 0;
}

static int squash(struct commit *commit, struct err *err)
{
	cleanup_free struct digest *diff_ids =
		xcalloc(commit->image.layer_count + 1, sizeof(*diff_ids));
	struct layer_made made;

	for (size_t i = 0; i < commit->image.layer_count; i++)
		diff_ids[i] = commit->image.layers[i].diff_id;
	if (image_squash(commit->engine, diff_ids, commit->image.layer_count, NULL, &made, err) < 0)
		return -1;
	be_one_layer(commit, &made);
	return 0;
}

static int add_layer(struct commit *commit, struct err *err)
{
	struct strv drop = STRV_INIT;
	const struct layer_source source = {
		.parent_fd = commit->container->dir_fd,
		.name = "upper",
		.drop = container_engine_paths(&drop),
	};
	struct layer_made made;
	struct stat st;
	int status;

	if (fstatat(source.parent_fd, source.name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		status = layer_make(commit->engine->store, &source, &made, err);
		if (status == 0) {
			image_new_add_layer(&commit->image, &made);
			commit->has_layer = true;
			layer_meta_release(&made.meta);
			status = commit->opts->squash ? squash(commit, err) : 0;
		}
	} else if (json_get_string(commit->container->create, NULL, KEY_ROOTFS, KEY_PATH, NULL) ==
			   NULL &&
		   fstatat(source.parent_fd, "rootfs", &st, AT_SYMLINK_NOFOLLOW) < 0) {
		/* it was never started */
		status = commit->opts->squash && commit->image.layer_count > 0 ? squash(commit, err)
									       : 0;
	} else {
		status = add_whole(commit, &drop, err);
	}
	strv_release(&drop);
	return status;
}

static void add_history(struct commit *commit)
{
	cleanup_strv struct strv argv = STRV_INIT;

	json_get_strv(commit->container->create, KEY_ARGV, &argv);
	cleanup_free char *command = strv_join(&argv, " ");
	image_new_add_history(&commit->image, commit->now_ns, command, commit->opts->message,
			      commit->opts->author, !commit->has_layer);
}

/* ---- the verb -------------------------------------------------------------------------------------------------------- */

static int find_base(struct commit *commit, struct err *err)
{
	const struct container *container = commit->container;
	cleanup_image struct image *base = NULL;
	int found = 0;

	if (*container->image_manifest != '\0') {
		found = image_find_id(commit->engine->store, container->image_manifest, &base, err);
		if (found < 0)
			return -1;
		if (found == 0)
			return err_set(err, ERR_NOT_FOUND, "its image '%s' is not in the store",
				       container->image_name);
	}
	if (image_new_from(commit->engine, base, &commit->image, err) < 0)
		return -1;
	commit->image.docker = false;
	if (commit->opts->format == NULL || str_equal(commit->opts->format, "oci"))
		return 0;
	if (!str_equal(commit->opts->format, "docker"))
		return err_set(err, ERR_USAGE, "invalid --format '%s': it is oci or docker",
			       commit->opts->format);
	commit->image.docker = true;
	return 0;
}

static int run(struct commit *commit, const char *name, struct image **ret_image, struct err *err)
{
	bool paused = false;
	int status;

	if (find_base(commit, err) < 0)
		return -1;
	if (name != NULL) {
		char *full = image_name_complete(commit->engine, name, err);

		if (full == NULL)
			return -1;
		strv_add_take(&commit->image.names, full);
	}
	if (set_config(commit, err) < 0)
		return -1;
	if (commit->opts->pause && container_is_up(commit->container) &&
	    commit->container->state.status == CONTAINER_RUNNING) {
		if (container_pause(commit->engine, commit->container, true, err) < 0)
			return -1;
		paused = true;
	}
	status = add_layer(commit, err);
	if (paused) {
		struct err of_thaw = { 0 };

		if (container_pause(commit->engine, commit->container, false, &of_thaw) < 0)
			engine_warn(commit->engine, "%s", of_thaw.msg);
	}
	if (status < 0)
		return -1;
	add_history(commit);
	return image_publish(commit->engine, &commit->image, ret_image, err);
}

int container_commit(struct engine *engine, struct container *container, const char *name,
		     const struct container_commit_opts *opts, struct image **ret_image,
		     struct err *err)
{
	struct commit commit = {
		.engine = engine, .container = container, .opts = opts, .now_ns = time_now_ns()
	};
	int status;

	if (container->create == NULL)
		return err_set(err, ERR_CORRUPT, "cannot commit container '%s': it is damaged",
			       container->id.text);
	status = run(&commit, name, ret_image, err);
	image_new_release(&commit.image);
	if (status < 0)
		return err_wrap(err, "cannot commit container '%s'", container->name);
	event_container(engine, container, EVENT_COMMIT);
	return 0;
}
