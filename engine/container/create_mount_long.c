/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/create_mount_long.c - the grammar of --mount: type=KIND,KEY=VALUE,...
 *
 * One table says which keys each type has; a key that the type does not have is refused by name. Keys without a value are on.
 */
#include "engine/container/create.h"

#include "base/err.h"
#include "base/parse.h"

#include <glob.h>
#include <string.h>

enum mount_type {
	MOUNT_BIND = 1 << 0,
	MOUNT_VOLUME = 1 << 1,
	MOUNT_TMPFS = 1 << 2,
	MOUNT_RAMFS = 1 << 3,
	MOUNT_DEVPTS = 1 << 4,
	MOUNT_IMAGE = 1 << 5,
	MOUNT_GLOB = 1 << 6,
	MOUNT_DIRECTORIES = MOUNT_BIND | MOUNT_VOLUME | MOUNT_GLOB,
	MOUNT_ALL = (1 << 7) - 1,
};

static const struct {
	const char *name;
	enum mount_type type;
} mount_types[] = {
	{ "bind", MOUNT_BIND },	  { "volume", MOUNT_VOLUME }, { "tmpfs", MOUNT_TMPFS },
	{ "ramfs", MOUNT_RAMFS }, { "devpts", MOUNT_DEVPTS }, { "image", MOUNT_IMAGE },
	{ "glob", MOUNT_GLOB },
};

/* what is being read */
struct mount_request {
	struct create_mount *mount;
	char *source;
	const char *whole;
	enum mount_type type;
};

static int get_bool(const struct mount_request *request, const char *key, const char *value,
		    bool *ret_value, struct err *err)
{
	*ret_value = true;
	if (value == NULL || parse_bool(value, ret_value) == 0)
		return 0;
	return err_set(err, ERR_USAGE,
		       "invalid value '%s' of '%s' in --mount '%s': it must be true or false",
		       value, key, request->whole);
}

static int key_type(struct mount_request *request, const char *key, const char *value,
		    struct err *err)
{
	return 0; /* was read first */
}

static int key_source(struct mount_request *request, const char *key, const char *value,
		      struct err *err)
{
	if (str_is_empty(value))
		return err_set(err, ERR_USAGE, "the key '%s' in --mount '%s' needs a value", key,
			       request->whole);
	free(request->source);
	request->source = xstrdup(value);
	return 0;
}

static int key_destination(struct mount_request *request, const char *key, const char *value,
			   struct err *err)
{
	return create_mount_destination(request->mount, value != NULL ? value : "", request->whole,
					err);
}

static int key_read_only(struct mount_request *request, const char *key, const char *value,
			 struct err *err)
{
	bool on;

	if (get_bool(request, key, value, &on, err) < 0)
		return -1;
	request->mount->read_only = str_equal(key, "ro") || str_equal(key, "readonly") ? on : !on;
	return 0;
}

static int key_propagation(struct mount_request *request, const char *key, const char *value,
			   struct err *err)
{
	cleanup_strv struct strv words = STRV_INIT;

	strv_add(&words, value != NULL ? value : "");
	if (!create_mount_has_propagation(&words)) {
		err_set(err, ERR_USAGE, "invalid value '%s' of '%s' in --mount '%s'",
			words.items[0], key, request->whole);
		return err_hint(err, "Use private, shared, slave, unbindable, or one of them with "
				     "an 'r' before it.");
	}
	strv_add(&request->mount->options, value);
	return 0;
}

static int key_nonrecursive(struct mount_request *request, const char *key, const char *value,
			    struct err *err)
{
	bool on;

	if (get_bool(request, key, value, &on, err) < 0)
		return -1;
	strv_add(&request->mount->options, on ? "bind" : "rbind");
	return 0;
}

/* docker's word for what is mounted below */
static int key_recursive(struct mount_request *request, const char *key, const char *value,
			 struct err *err)
{
	static const struct {
		const char *value, *option;
	} words[] = { { "enabled", "rbind" },
		      { "disabled", "bind" },
		      { "writable", "rbind" },
		      { "readonly", "rro" } };

	for (size_t i = 0; value != NULL && i < ARRAY_SIZE(words); i++) {
		if (!str_equal(value, words[i].value))
			continue;
		strv_add(&request->mount->options, words[i].option);
		return 0;
	}
	err_set(err, ERR_USAGE, "invalid value '%s' of '%s' in --mount '%s'",
		value != NULL ? value : "", key, request->whole);
	return err_hint(err, "Use enabled, disabled, writable or readonly.");
}

/* As z and Z: dhow gives processes no label of SELinux, so files need none. */
static int key_relabel(struct mount_request *request, const char *key, const char *value,
		       struct err *err)
{
	if (value != NULL && (str_equal(value, "shared") || str_equal(value, "private")))
		return 0;
	return err_set(err, ERR_USAGE,
		       "invalid value '%s' of 'relabel' in --mount '%s': use shared or private",
		       value != NULL ? value : "", request->whole);
}

static int key_no_copy(struct mount_request *request, const char *key, const char *value,
		       struct err *err)
{
	return get_bool(request, key, value, &request->mount->no_copy, err);
}

static int key_subpath(struct mount_request *request, const char *key, const char *value,
		       struct err *err)
{
	if (str_is_empty(value))
		return err_set(err, ERR_USAGE, "the key '%s' in --mount '%s' needs a value", key,
			       request->whole);
	free(request->mount->subpath);
	request->mount->subpath = xstrdup(value);
	return 0;
}

static int key_owner(struct mount_request *request, const char *key, const char *value,
		     struct err *err)
{
	return get_bool(request, key, value, &request->mount->change_owner, err);
}

static int key_label(struct mount_request *request, const char *key, const char *value,
		     struct err *err)
{
	strv_add(&request->mount->labels, value != NULL ? value : "");
	return 0;
}

static int key_option(struct mount_request *request, const char *key, const char *value,
		      struct err *err)
{
	strv_add(&request->mount->volume_options, value != NULL ? value : "");
	return 0;
}

static int key_driver(struct mount_request *request, const char *key, const char *value,
		      struct err *err)
{
	if (value != NULL && str_equal(value, "local"))
		return 0;
	return err_set(err, ERR_UNSUPPORTED,
		       "cannot use '%s' as '%s' in --mount '%s': the only driver is local",
		       value != NULL ? value : "", key, request->whole);
}

/* A word for other systems: on Linux there is one view of a file, and it is consistent. */
static int key_consistency(struct mount_request *request, const char *key, const char *value,
			   struct err *err)
{
	static const char *const words[] = { "default", "consistent", "cached", "delegated" };

	for (size_t i = 0; value != NULL && i < ARRAY_SIZE(words); i++)
		if (str_equal(value, words[i]))
			return 0;
	return err_set(err, ERR_USAGE,
		       "invalid value '%s' of 'consistency' in --mount '%s': use consistent, "
		       "cached or delegated",
		       value != NULL ? value : "", request->whole);
}

static int key_max(struct mount_request *request, const char *key, const char *value,
		   struct err *err)
{
	uint32_t number;

	if (value == NULL || parse_u32(value, &number) < 0)
		return err_set(err, ERR_USAGE,
			       "invalid value '%s' of 'max' in --mount '%s': a number is wanted",
			       value != NULL ? value : "", request->whole);
	strv_addf(&request->mount->options, "max=%u", number);
	return 0;
}

static const struct mount_key {
	const char *name;
	unsigned types;
	int (*read)(struct mount_request *request, const char *key, const char *value,
		    struct err *err);
} mount_keys[] = {
	{ "type", MOUNT_ALL, key_type },
	{ "source", MOUNT_DIRECTORIES | MOUNT_IMAGE, key_source },
	{ "src", MOUNT_DIRECTORIES | MOUNT_IMAGE, key_source },
	{ "from", MOUNT_IMAGE, key_source },
	{ "destination", MOUNT_ALL, key_destination },
	{ "dst", MOUNT_ALL, key_destination },
	{ "target", MOUNT_ALL, key_destination },
	{ "ro", MOUNT_ALL, key_read_only },
	{ "readonly", MOUNT_ALL, key_read_only },
	{ "rw", MOUNT_ALL, key_read_only },
	{ "readwrite", MOUNT_ALL, key_read_only },
	{ "bind-propagation", MOUNT_DIRECTORIES, key_propagation },
	{ "propagation", MOUNT_DIRECTORIES, key_propagation },
	{ "bind-nonrecursive", MOUNT_DIRECTORIES, key_nonrecursive },
	{ "bind-recursive", MOUNT_BIND, key_recursive },
	{ "relabel", MOUNT_DIRECTORIES, key_relabel },
	{ "volume-nocopy", MOUNT_VOLUME, key_no_copy },
	{ "nocopy", MOUNT_VOLUME, key_no_copy },
	{ "volume-subpath", MOUNT_VOLUME, key_subpath },
	{ "image-subpath", MOUNT_IMAGE, key_subpath },
	{ "subpath", MOUNT_VOLUME | MOUNT_IMAGE, key_subpath },
	{ "U", MOUNT_DIRECTORIES | MOUNT_TMPFS, key_owner },
	{ "chown", MOUNT_DIRECTORIES | MOUNT_TMPFS, key_owner },
	{ "volume-label", MOUNT_VOLUME, key_label },
	{ "volume-opt", MOUNT_VOLUME, key_option },
	{ "volume-driver", MOUNT_VOLUME, key_driver },
	{ "consistency", MOUNT_ALL, key_consistency },
	{ "max", MOUNT_DEVPTS, key_max },
};

/* 1 taken, 0 no key of this type, -1 */
static int read_key(struct mount_request *request, const char *item, struct err *err)
{
	const char *equal = strchr(item, '=');
	cleanup_free char *key =
		equal == NULL ? xstrdup(item) : xstrndup(item, (size_t)(equal - item));

	for (size_t i = 0; i < ARRAY_SIZE(mount_keys); i++) {
		if (!str_equal(key, mount_keys[i].name) || !(mount_keys[i].types & request->type))
			continue;
		return mount_keys[i].read(request, key, equal == NULL ? NULL : equal + 1, err) < 0
			       ? -1
			       : 1;
	}
	return 0;
}

static int read_item(struct mount_request *request, const char *item, struct err *err)
{
	int rc = read_key(request, item, err);

	if (rc == 0 && (request->type & (MOUNT_TMPFS | MOUNT_RAMFS | MOUNT_DEVPTS)))
		return create_tmpfs_word(request->mount, item, request->whole, err);
	if (rc == 0 && (request->type & MOUNT_DIRECTORIES))
		rc = create_mount_word(request->mount, item, request->whole, err);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	return err_set(err, ERR_USAGE, "invalid key '%s' in --mount '%s' of type %s", item,
		       request->whole, request->mount->type);
}

static int need(const struct mount_request *request, const char *value, const char *key,
		struct err *err)
{
	if (!str_is_empty(value))
		return 0;
	return err_set(err, ERR_USAGE, "invalid --mount '%s': the key '%s' is missing",
		       request->whole, key);
}

/* Every file of the host that the pattern names, in the directory target, or where it is on the host. */
static int add_glob(struct create *create, const struct mount_request *request, struct err *err)
{
	glob_t found = { 0 };
	int rc = glob(request->source, GLOB_NOSORT, NULL, &found);

	if (rc != 0) {
		globfree(&found);
		return err_set(err, ERR_NOT_FOUND,
			       "cannot mount '%s': nothing on the host is named '%s'",
			       request->whole, request->source);
	}
	rc = 0;
	for (size_t i = 0; i < found.gl_pathc && rc == 0; i++) {
		const char *path = found.gl_pathv[i];
		const char *slash = strrchr(path, '/');
		const char *base = slash != NULL ? slash + 1 : path;
		struct create_mount mount = { .type = xstrdup("bind"),
					      .read_only = request->mount->read_only,
					      .change_owner = request->mount->change_owner };
		cleanup_free char *target =
			request->mount->destination == NULL
				? xstrdup(path)
				: xasprintf("%s/%s", request->mount->destination, base);

		strv_add_all(&mount.options, &request->mount->options);
		if (create_mount_destination(&mount, target, request->whole, err) < 0 ||
		    create_mount_source(create, &mount, path, false, err) < 0 ||
		    create_mount_finish(&mount, request->whole, err) < 0) {
			create_mount_release(&mount);
			rc = -1;
		} else {
			rc = create_add_mount(create, &mount, err);
		}
	}
	globfree(&found);
	return rc;
}

static int finish_image(struct create *create, struct mount_request *request, struct err *err)
{
	struct create_mount *mount = request->mount;

	if (need(request, request->source, "source", err) < 0)
		return -1;
	if (image_pull(create->engine, request->source, &create->opts->pull, NULL, NULL,
		       &mount->image, err) < 0)
		return err_wrap(err, "cannot mount '%s'", request->whole);
	mount->source = TAKE_PTR(request->source);
	strv_add(&mount->options, "nosuid");
	strv_add(&mount->options, "nodev");
	strv_add(&mount->options, mount->read_only ? "ro" : "rw");
	return 0;
}

static int finish_volume(struct mount_request *request, struct err *err)
{
	struct create_mount *mount = request->mount;

	mount->anonymous = str_is_empty(request->source);
	if (!mount->anonymous && !volume_name_is_valid(request->source)) {
		err_set(err, ERR_USAGE, "invalid volume name '%s' in --mount '%s'", request->source,
			request->whole);
		return err_hint(err, "A directory of the host is of type=bind.");
	}
	mount->source = mount->anonymous ? NULL : TAKE_PTR(request->source);
	return create_mount_finish(mount, request->whole, err);
}

/* 0, 1 added already, -1 */
static int finish(struct create *create, struct mount_request *request, struct err *err)
{
	struct create_mount *mount = request->mount;

	if (request->type == MOUNT_GLOB) {
		if (need(request, request->source, "source", err) < 0 ||
		    add_glob(create, request, err) < 0)
			return -1;
		create_mount_release(mount);
		return 1;
	}
	if (need(request, mount->destination, "destination", err) < 0)
		return -1;
	switch (request->type) {
	case MOUNT_BIND:
		if (need(request, request->source, "source", err) < 0 ||
		    create_mount_source(create, mount, request->source, false, err) < 0)
			return -1;
		return create_mount_finish(mount, request->whole, err);
	case MOUNT_VOLUME:
		return finish_volume(request, err);
	case MOUNT_IMAGE:
		return finish_image(create, request, err);
	default:
		mount->source = xstrdup(mount->type);
		if (mount->read_only)
			strv_add(&mount->options, "ro");
		if (request->type != MOUNT_DEVPTS)
			create_tmpfs_finish(mount);
		return 0;
	}
}

static int find_type(const char *text, const struct strv *items, const char **ret_name,
		     enum mount_type *ret_type, struct err *err)
{
	const char *name = "volume";

	for (size_t i = 0; i < items->count; i++)
		if (str_after(items->items[i], "type=") != NULL)
			name = str_after(items->items[i], "type=");
	for (size_t i = 0; i < ARRAY_SIZE(mount_types); i++) {
		if (!str_equal(name, mount_types[i].name))
			continue;
		*ret_name = mount_types[i].name;
		*ret_type = mount_types[i].type;
		return 0;
	}
	if (str_equal(name, "artifact") || str_equal(name, "cluster") || str_equal(name, "npipe"))
		return err_set(err, ERR_UNSUPPORTED,
			       "cannot mount '%s': there are no mounts of "
			       "type '%s' here",
			       text, name);
	err_set(err, ERR_USAGE, "invalid mount type '%s' in --mount '%s'", name, text);
	return err_hint(err, "Use bind, volume, tmpfs, ramfs, devpts, image or glob.");
}

int create_parse_mount(struct create *create, const char *text, struct create_mount *ret_mount,
		       struct err *err)
{
	struct create_mount mount = { .options = STRV_INIT };
	struct mount_request request = { .mount = &mount, .whole = text };
	cleanup_strv struct strv items = STRV_INIT;
	const char *name = NULL;
	int rc = 0;

	strv_split(&items, text, ',');
	if (find_type(text, &items, &name, &request.type, err) < 0)
		return -1;
	mount.type = xstrdup(name);
	mount.read_only = request.type == MOUNT_IMAGE;
	for (size_t i = 0; i < items.count && rc == 0; i++)
		if (items.items[i][0] != '\0')
			rc = read_item(&request, items.items[i], err);
	if (rc == 0)
		rc = finish(create, &request, err);
	free(request.source);
	if (rc < 0)
		create_mount_release(&mount);
	else if (rc == 0)
		*ret_mount = mount;
	return rc;
}
