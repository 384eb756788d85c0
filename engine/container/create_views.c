/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/create_views.c - what start does for a mount besides what config.json says
 *
 * An overlay on a directory (O) and an image are file systems that storage makes when the container starts: the record says of what, and
 * config.json only where and with which flags. U is noted, too: whom the tree has to belong to is known when the image is mounted.
 */
#include "engine/container/create.h"

#include "base/err.h"
#include "engine/container/record.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static json_t *runtime_list(struct create *create, const char *key)
{
	json_t *runtime = json_object_get(create->record, KEY_RUNTIME);
	json_t *list = json_object_get(runtime, key);

	if (list == NULL) {
		list = json_array();
		json_put(runtime, key, list);
	}
	return list;
}

/* Flags stay; what is about binding has no meaning for a file system of its own. */
static void view_options(const struct create_mount *mount, struct strv *options)
{
	for (size_t i = 0; i < mount->options.count; i++)
		if (!str_equal(mount->options.items[i], "bind") &&
		    !str_equal(mount->options.items[i], "rbind"))
			strv_add(options, mount->options.items[i]);
}

static const char *directory_of(const struct create_mount *mount)
{
	return mount->mount_point != NULL ? mount->mount_point : mount->source;
}

/* Directories that the user named: a plain overlay, whose place is not ours. */
static int named_overlay(struct create *create, const struct create_mount *mount, struct err *err)
{
	cleanup_strv struct strv options = STRV_INIT;

	if (strchr(directory_of(mount), ':') != NULL)
		return err_set(
			err, ERR_UNSUPPORTED,
			"cannot put an overlay with an 'upperdir' on '%s': its name has a ':'",
			directory_of(mount));
	view_options(mount, &options);
	strv_addf(&options, "lowerdir=%s", directory_of(mount));
	strv_addf(&options, "upperdir=%s", mount->upper_path);
	strv_addf(&options, "workdir=%s", mount->work_path);
	strv_add(&options, "userxattr");
	create_spec_mount(create, mount->destination, "overlay", "overlay", &options);
	return 0;
}

static int view(struct create *create, const struct create_mount *mount, struct err *err)
{
	cleanup_strv struct strv options = STRV_INIT;
	json_t *item = json_object();
	struct stat st;

	if (mount->image == NULL && (stat(directory_of(mount), &st) < 0 || !S_ISDIR(st.st_mode))) {
		json_decref(item);
		return err_set(err, ERR_USAGE, "cannot put an overlay on '%s': it is no directory",
			       mount->source);
	}
	json_array_append_new(runtime_list(create, KEY_VIEWS), item);
	json_put_string(item, KEY_DESTINATION, mount->destination);
	json_put_bool(item, KEY_READ_ONLY, mount->read_only);
	if (mount->subpath != NULL)
		json_put_string(item, KEY_SUBPATH, mount->subpath);
	if (mount->image != NULL) {
		json_t *layers = json_array();

		for (size_t i = 0; i < mount->image->layer_count; i++)
			json_array_append_new(layers,
					      json_string(mount->image->layers[i].diff_id.text));
		json_put(item, KEY_LAYERS, layers);
		json_put_string(item, KEY_MANIFEST, mount->image->manifest.text);
	} else {
		json_put_string(item, KEY_PATH, directory_of(mount));
	}
	view_options(mount, &options);
	create_spec_mount(create, mount->destination, "overlay", mount->source, &options);
	return 1;
}

/* 1 when the mount is in config.json by that */
int create_view(struct create *create, const struct create_mount *mount, struct err *err)
{
	if (mount->change_owner) {
		json_t *item = json_object();

		json_array_append_new(runtime_list(create, KEY_OWNERS), item);
		json_put_string(item, KEY_DESTINATION, mount->destination);
		if (str_equal(mount->type, "volume"))
			json_put_string(item, KEY_VOLUME, mount->source);
		else if (str_equal(mount->type, "bind"))
			json_put_string(item, KEY_PATH, mount->source);
	}
	if (mount->upper_path != NULL)
		return named_overlay(create, mount, err) < 0 ? -1 : 1;
	return mount->overlay || mount->image != NULL ? view(create, mount, err) : 0;
}
