/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/working.c - working containers: made, opened, written
 *
 * create.json has one more member:
 *
 *	working		{"config": the image's document, "annotations", "docker": bool, "baseLayers": n, "baseHistory": n,
 *			"layers": [{"diffId", "blob", "bytes", "mediaType"}]}; {} of one that was only just made
 *
 * and its member layers, which every reader of containers knows, has the layers of the steps too: so they are mounted, and kept.
 */
#include "engine/working.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/record.h"
#include "base/strbuf.h"
#include "engine/container/record.h"

#include <string.h>

#define FILE_WORKING_LOCK "working.lock"
#define DIFF_ID		  "diffId"
#define NAME_SUFFIX	  "working-container"
#define NAME_ATTEMPTS_MAX 1000

void working_close(struct working *working)
{
	container_free(working->container);
	image_new_release(&working->image);
	fd_close(&working->lock_fd);
	*working = (struct working)WORKING_INIT;
}

/* ---- the record ---- */

static int read_layer(const json_t *item, struct image_new *image)
{
	struct image_new_layer layer = {
		.bytes = (uint64_t)json_get_int(item, 0, "bytes", NULL),
		.media_type = (char *)(uintptr_t)json_get_string(item, "", "mediaType", NULL),
	};

	if (digest_parse(json_get_string(item, "", DIFF_ID, NULL), &layer.diff_id) < 0 ||
	    digest_parse(json_get_string(item, "", "blob", NULL), &layer.blob) < 0)
		return -1;
	image_new_append_layer(image, &layer);
	return 0;
}

/* As the last step left it. */
static int read_saved(struct working *working, const json_t *saved, struct err *err)
{
	struct image_new *image = &working->image;
	const json_t *annotations = json_object_get(saved, "annotations");
	const json_t *item;
	size_t i;

	image->config = json_deep_copy(json_object_get(saved, "config"));
	if (json_is_object(annotations))
		image->annotations = json_deep_copy(annotations);
	image->docker = json_get_bool(saved, false, "docker", NULL);
	working->base_layer_count = (size_t)json_get_int(saved, 0, "baseLayers", NULL);
	working->base_history_count = (size_t)json_get_int(saved, 0, "baseHistory", NULL);
	json_array_foreach (json_object_get(saved, KEY_LAYERS), i, item) {
		if (read_layer(item, image) < 0)
			return err_set(err, ERR_CORRUPT,
				       "the record of the working container '%s' is damaged",
				       working->container->name);
	}
	if (working->base_layer_count > image->layer_count)
		working->base_layer_count = image->layer_count;
	return 0;
}

/* As it was made: like its image. */
static int read_new(struct working *working, struct err *err)
{
	const struct container *container = working->container;
	cleanup_image struct image *base = NULL;
	int found = 0;

	if (*container->image_manifest != '\0') {
		found = image_find_id(working->engine->store, container->image_manifest, &base,
				      err);
		if (found == 0)
			err_set(err, ERR_NOT_FOUND, "its image '%s' is not in the store",
				container->image_name);
		if (found <= 0)
			return -1;
	}
	if (image_new_from(working->engine, base, &working->image, err) < 0)
		return -1;
	working->base_layer_count = working->image.layer_count;
	working->base_history_count =
		json_array_size(json_object_get(working->image.config, "history"));
	return 0;
}

int working_look(struct engine *engine, const struct container *container,
		 struct working *ret_working, struct err *err)
{
	struct working working = { .engine = engine, .lock_fd = -1 };
	const json_t *saved = json_object_get(container->create, KEY_WORKING);
	int status;

	if (saved == NULL) {
		err_set(err, ERR_STATE, "container '%s' is no working container",
			container->name ?: container->id.text);
		return err_hint(err, "Make one with `dhow builder from IMAGE`.");
	}
	working.container = (struct container *)(uintptr_t)container;
	status = json_is_object(json_object_get(saved, "config")) ? read_saved(&working, saved, err)
								  : read_new(&working, err);
	working.container = NULL;
	if (status < 0) {
		image_new_release(&working.image);
		return err_wrap(err, "cannot use the working container '%s'", container->name);
	}
	*ret_working = working;
	return 0;
}

int working_open(struct engine *engine, const char *text, struct working *ret_working,
		 struct err *err)
{
	cleanup_container struct container *container = NULL;
	cleanup_fd int lock_fd = -1;

	if (container_get(engine, text, &container, err) < 0)
		return -1;
	lock_fd = lock_take(container->dir_fd, FILE_WORKING_LOCK, true, err);
	if (lock_fd < 0)
		return -1;
	/* who had the lock may have changed it, or removed it */
	container_free(container);
	container = NULL;
	if (container_get(engine, text, &container, err) < 0 ||
	    working_look(engine, container, ret_working, err) < 0)
		return -1;
	ret_working->container = TAKE_PTR(container);
	ret_working->lock_fd = TAKE_FD(lock_fd);
	return 0;
}

int working_save(struct working *working, struct err *err)
{
	const struct image_new *image = &working->image;
	struct container *container = working->container;
	json_t *saved = json_object();
	json_t *list = json_array();
	json_t *diff_ids = json_array();

	json_put(saved, "config", json_incref(image->config));
	if (image->annotations != NULL)
		json_put(saved, "annotations", json_incref(image->annotations));
	json_put_bool(saved, "docker", image->docker);
	json_put_int(saved, "baseLayers", (int64_t)working->base_layer_count);
	json_put_int(saved, "baseHistory", (int64_t)working->base_history_count);
	for (size_t i = 0; i < image->layer_count; i++) {
		const struct image_new_layer *layer = &image->layers[i];
		json_t *item = json_object();

		json_put_string(item, DIFF_ID, layer->diff_id.text);
		json_put_string(item, "blob", layer->blob.text);
		json_put_int(item, "bytes", (int64_t)layer->bytes);
		json_put_string(item, "mediaType", layer->media_type);
		json_array_append_new(list, item);
		json_array_append_new(diff_ids, json_string(layer->diff_id.text));
	}
	json_put(saved, KEY_LAYERS, list);
	json_put(container->create, KEY_WORKING, saved);
	json_put(container->create, KEY_LAYERS, diff_ids);
	if (record_write_json(container->dir_fd, FILE_CREATE, RECORD_KIND_CONTAINER,
			      RECORD_VERSION_CONTAINER, container->create, 0, err) < 0)
		return err_wrap(err, "cannot write the record of the working container '%s'",
				container->name);
	return 0;
}

/* ---- making one ---- */

/* The last part of an image's name: "web" of "registry/team/web:1.2@sha256:..." */
static char *stem(const char *image_text)
{
	const char *start = strrchr(image_text, '/');
	cleanup_free char *name = NULL;

	start = start != NULL ? start + 1 : image_text;
	if (*start == '\0' || *start == ':' || *start == '@')
		return xstrdup("image");
	name = xstrndup(start, strcspn(start, "@"));
	name[strcspn(name, ":")] = '\0';
	return TAKE_PTR(name);
}

static bool is_hexadecimal(const char *text)
{
	return text[strspn(text, "0123456789abcdef")] == '\0' && strlen(text) >= 8;
}

/* An id says nothing: the name of the image that it means. */
static char *stem_of(struct engine *engine, const char *image_text)
{
	cleanup_free char *name = stem(image_text);
	cleanup_image struct image *image = NULL;
	struct err ignored = { 0 }; /* then it is called after what was typed */

	if (is_hexadecimal(name) && image_resolve(engine, image_text, &image, &ignored) > 0 &&
	    image->names.count > 0)
		return stem(image->names.items[0]);
	return TAKE_PTR(name);
}

static int choose_name(struct engine *engine, const char *text, unsigned *number, char **ret_name,
		       struct err *err)
{
	for (; *number < NAME_ATTEMPTS_MAX; (*number)++) {
		cleanup_container struct container *other = NULL;
		cleanup_free char *name =
			*number == 0 ? xasprintf("%s" NAME_SUFFIX, text)
				     : xasprintf("%s" NAME_SUFFIX "-%u", text, *number);
		int found = container_find(engine, name, &other, err);

		if (found < 0)
			return -1;
		if (found == 0) {
			free(*ret_name);
			*ret_name = TAKE_PTR(name);
			return 0;
		}
	}
	return err_set(err, ERR_EXISTS, "there are more than %d working containers of one image",
		       NAME_ATTEMPTS_MAX);
}

static int make(struct engine *engine, const char *image_text,
		const struct container_create_opts *opts, progress_function progress,
		void *progress_arg, struct container **ret_container, struct err *err)
{
	/* what steps are to have is read from the command line again; the container itself never runs */
	struct container_create_opts own = {
		.pull = opts->pull,
		.cidfile = opts->cidfile,
		.command_line = opts->command_line,
		.name = opts->name,
		.image_volume = (char *)(uintptr_t) "ignore",
		.http_proxy = 0,
		.passwd = 1,
		.sig_proxy = 1,
		.read_only_tmpfs = 1,
		.no_healthcheck = true,
		.working = true,
	};
	cleanup_strv struct strv argv = STRV_INIT, network = STRV_INIT;
	cleanup_free char *text = NULL;
	cleanup_free char *name = NULL;
	unsigned number = 0;
	int status;

	strv_add(&argv, "/bin/sh");
	strv_add(&network, "none");
	own.network = network;
	if (!str_is_empty(opts->name))
		return container_create(engine, image_text, &argv, &own, progress, progress_arg,
					ret_container, err);
	if (str_equal(image_text, "scratch")) {
		text = xstrdup("");
	} else {
		cleanup_free char *of_image = stem_of(engine, image_text);

		text = xasprintf("%s-", of_image);
	}
	do {
		if (choose_name(engine, text, &number, &name, err) < 0)
			return -1;
		own.name = name;
		*err = (struct err){ 0 };
		status = container_create(engine, image_text, &argv, &own, progress, progress_arg,
					  ret_container, err);
		number++;
		/* somebody may have been faster with the name */
	} while (status < 0 && err->kind == ERR_EXISTS && own.cidfile == NULL &&
		 number < NAME_ATTEMPTS_MAX);
	return status;
}

int working_create(struct engine *engine, const char *image_text,
		   const struct container_create_opts *opts, const char *format,
		   progress_function progress, void *progress_arg, struct container **ret_container,
		   struct err *err)
{
	cleanup_container struct container *container = NULL;
	cleanup_working struct working working = WORKING_INIT;
	bool docker = format != NULL && str_equal(format, "docker");

	if (format != NULL && !docker && !str_equal(format, "oci"))
		return err_set(err, ERR_USAGE, "invalid --format '%s': it is oci or docker",
			       format);
	if (container_check_opts(engine, opts, err) < 0)
		return -1;
	if (make(engine, image_text, opts, progress, progress_arg, &container, err) < 0)
		return -1;
	if (working_open(engine, container->id.text, &working, err) < 0)
		return -1;
	working.image.docker = docker;
	if (working_save(&working, err) < 0)
		return -1;
	*ret_container = TAKE_PTR(container);
	return 0;
}
