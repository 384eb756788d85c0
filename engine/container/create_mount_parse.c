/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/create_mount_parse.c - the grammars of -v, --mount and --tmpfs
 *
 * All three end in one struct create_mount. Option words of a mount are in one table: what they add to the OCI options, and what excludes
 * them. Words that dhow cannot carry out are refused by name.
 */
#include "engine/container/create.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

void create_mount_release(struct create_mount *mount)
{
	free(mount->type);
	free(mount->source);
	free(mount->destination);
	free(mount->subpath);
	free(mount->mount_point);
	strv_release(&mount->options);
	*mount = (struct create_mount){ 0 };
}

static int destination_set(struct create_mount *mount, const char *text, const char *whole,
			   struct err *err)
{
	cleanup_strbuf struct strbuf clean = STRBUF_INIT;

	if (text[0] != '/') {
		err_set(err, ERR_USAGE, "invalid container path '%s' in '%s'", text, whole);
		return err_hint(err, "The path in the container must be absolute.");
	}
	path_clean(&clean, text);
	if (str_equal(clean.data, "/"))
		return err_set(err, ERR_USAGE,
			       "invalid container path '/' in '%s': the root cannot be replaced",
			       whole);
	free(mount->destination);
	mount->destination = strbuf_take(&clean);
	return 0;
}

/* Words that are mount options of their own, and pass as they are. */
static const char *const plain_words[] = { "ro",	 "rw",		"rbind",      "bind",
					   "exec",	 "noexec",	"suid",	      "nosuid",
					   "dev",	 "nodev",	"private",    "rprivate",
					   "shared",	 "rshared",	"slave",      "rslave",
					   "unbindable", "runbindable", "noatime",    "relatime",
					   "nodiratime", "strictatime", "norelatime", "sync",
					   "async" };

static bool is_plain_word(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(plain_words); i++)
		if (str_equal(word, plain_words[i]))
			return true;
	return false;
}

/* One option word of -v or --mount; 1 taken, 0 unknown, -1 refused. */
static int mount_word(struct create_mount *mount, const char *word, const char *whole,
		      struct err *err)
{
	if (str_equal(word, "ro") || str_equal(word, "rw")) {
		mount->read_only = str_equal(word, "ro");
		return 1;
	}
	if (is_plain_word(word)) {
		strv_add(&mount->options, word);
		return 1;
	}
	/* relabelling is for SELinux, which labels nothing of ours: there is nothing to do, as podman has it on such machines */
	if (str_equal(word, "z") || str_equal(word, "Z"))
		return 1;
	if (str_equal(word, "copy") || str_equal(word, "nocopy")) {
		if (!str_equal(mount->type, "volume"))
			return err_set(err, ERR_USAGE,
				       "'%s' in '%s' is for volumes, and this is a bind mount",
				       word, whole);
		mount->no_copy = str_equal(word, "nocopy");
		return 1;
	}
	if (str_equal(word, "U") || str_equal(word, "O") || str_equal(word, "idmap") ||
	    str_after(word, "idmap=") != NULL || str_after(word, "upperdir=") != NULL ||
	    str_after(word, "workdir=") != NULL)
		return err_set(err, ERR_UNSUPPORTED,
			       "cannot mount '%s': the option '%s' is not supported", whole, word);
	return 0;
}

static bool has_propagation(const struct strv *options)
{
	static const char *const words[] = { "private", "rprivate", "shared",	  "rshared",
					     "slave",	"rslave",   "unbindable", "runbindable" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strv_contains(options, words[i]))
			return true;
	return false;
}

/* What every bind or volume mount has unless the user said otherwise. */
static void bind_defaults(struct create_mount *mount)
{
	struct strv *options = &mount->options;

	if (!strv_contains(options, "bind") && !strv_contains(options, "rbind"))
		strv_add(options, "rbind");
	if (!has_propagation(options))
		strv_add(options, "rprivate");
	if (str_equal(mount->type, "volume")) {
		if (!strv_contains(options, "suid") && !strv_contains(options, "nosuid"))
			strv_add(options, "nosuid");
		if (!strv_contains(options, "dev") && !strv_contains(options, "nodev"))
			strv_add(options, "nodev");
	}
	strv_add(options, mount->read_only ? "ro" : "rw");
}

/* A host path must exist; a relative one counts from the current folder. */
static int bind_source(struct create *create, struct create_mount *mount, const char *text,
		       bool may_create, struct err *err)
{
	char *real = realpath(text, NULL);

	if (real == NULL && errno == ENOENT && may_create && text[0] == '/' &&
	    create->engine->options.as_docker) {
		/* docker makes a missing folder: six reports say that scripts count on it */
		cleanup_fd int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		cleanup_fd int made_fd = path_make_dirs_in_root(root_fd, text, 0755, NULL);

		if (made_fd >= 0)
			real = realpath(text, NULL);
	}
	if (real == NULL) {
		int saved = errno;

		err_sys(err, saved, "cannot mount '%s' on '%s'", text, mount->destination);
		return err_hint(err,
				saved == ENOENT
					? "Make the folder first, or use a volume name without '/'."
					: "");
	}
	free(mount->source);
	mount->source = real;
	return 0;
}

int create_parse_volume(struct create *create, const char *text, struct create_mount *ret_mount,
			struct err *err)
{
	cleanup_strv struct strv parts = STRV_INIT;
	struct create_mount mount = { .type = xstrdup("volume"), .options = STRV_INIT };
	int rc = 0;

	strv_split(&parts, text, ':');
	if (parts.count > 3 || (parts.count > 1 && parts.items[0][0] == '\0'))
		rc = err_set(err, ERR_USAGE,
			     "invalid --volume '%s': it must be [SOURCE:]PATH[:OPTIONS]", text);
	if (rc == 0)
		rc = destination_set(&mount, parts.items[parts.count == 1 ? 0 : 1], text, err);
	if (rc == 0 && parts.count > 1 && (parts.items[0][0] == '/' || parts.items[0][0] == '.')) {
		free(mount.type);
		mount.type = xstrdup("bind");
		rc = bind_source(create, &mount, parts.items[0], true, err);
	} else if (rc == 0 && parts.count > 1) {
		mount.source = xstrdup(parts.items[0]);
		if (!volume_name_is_valid(mount.source)) {
			err_set(err, ERR_USAGE, "invalid volume name '%s'", mount.source);
			rc = err_hint(err, "A name has letters, digits, '_', '.' and '-'; a path "
					   "starts with '/' or './'.");
		}
	} else if (rc == 0) {
		mount.anonymous = true;
	}
	if (rc == 0 && parts.count == 3) {
		cleanup_strv struct strv words = STRV_INIT;

		strv_split(&words, parts.items[2], ',');
		for (size_t i = 0; i < words.count && rc >= 0; i++) {
			rc = words.items[i][0] == '\0'
				     ? 1
				     : mount_word(&mount, words.items[i], text, err);
			if (rc == 0)
				rc = err_set(err, ERR_USAGE, "invalid option '%s' in --volume '%s'",
					     words.items[i], text);
		}
	}
	if (rc < 0) {
		create_mount_release(&mount);
		return -1;
	}
	bind_defaults(&mount);
	*ret_mount = mount;
	return 0;
}

/* size=, mode= ... of a tmpfs. */
static int tmpfs_word(struct create_mount *mount, const char *word, const char *whole,
		      struct err *err)
{
	const char *value;
	uint64_t bytes;
	mode_t mode;
	uint32_t id;

	if ((value = str_after(word, "size=")) != NULL ||
	    (value = str_after(word, "tmpfs-size=")) != NULL) {
		if (str_ends_with(value, "%")) {
			strv_addf(&mount->options, "size=%s", value);
			return 0;
		}
		if (parse_bytes(value, &bytes) < 0 || bytes == 0)
			return err_set(err, ERR_USAGE,
				       "invalid size '%s' in '%s': use a number such as 64m", value,
				       whole);
		strv_addf(&mount->options, "size=%llu", (unsigned long long)bytes);
		return 0;
	}
	if ((value = str_after(word, "mode=")) != NULL ||
	    (value = str_after(word, "tmpfs-mode=")) != NULL) {
		if (parse_mode(value, &mode) < 0)
			return err_set(
				err, ERR_USAGE,
				"invalid mode '%s' in '%s': use an octal number such as 1777",
				value, whole);
		strv_addf(&mount->options, "mode=%o", mode);
		return 0;
	}
	if (((value = str_after(word, "uid=")) != NULL ||
	     (value = str_after(word, "gid=")) != NULL)) {
		if (parse_id(value, &id) < 0)
			return err_set(err, ERR_USAGE, "invalid id '%s' in '%s'", value, whole);
		strv_add(&mount->options, word);
		return 0;
	}
	if ((value = str_after(word, "nr_inodes=")) != NULL && *value != '\0') {
		strv_add(&mount->options, word);
		return 0;
	}
	if (str_equal(word, "notmpcopyup") || str_equal(word, "tmpcopyup")) {
		mount->copy_up = str_equal(word, "tmpcopyup");
		if (mount->copy_up)
			return err_set(err, ERR_UNSUPPORTED,
				       "cannot mount '%s': the option 'tmpcopyup' is not supported",
				       whole);
		return 0;
	}
	if (str_equal(word, "ro") || str_equal(word, "rw"))
		mount->read_only = str_equal(word, "ro");
	if (is_plain_word(word)) {
		strv_add(&mount->options, word);
		return 0;
	}
	return err_set(err, ERR_USAGE, "invalid option '%s' in '%s'", word, whole);
}

static void tmpfs_defaults(struct create_mount *mount)
{
	static const char *const words[] = { "nosuid", "nodev" };
	static const char *const opposites[] = { "suid", "dev" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strv_contains(&mount->options, opposites[i]) &&
		    !strv_contains(&mount->options, words[i]))
			strv_add(&mount->options, words[i]);
	for (size_t i = 0; i < mount->options.count; i++)
		if (str_after(mount->options.items[i], "mode=") != NULL)
			return;
	strv_add(&mount->options, "mode=1777");
}

int create_parse_tmpfs(struct create *create, const char *text, struct create_mount *ret_mount,
		       struct err *err)
{
	struct create_mount mount = { .type = xstrdup("tmpfs"),
				      .source = xstrdup("tmpfs"),
				      .options = STRV_INIT };
	const char *colon = strchr(text, ':');
	cleanup_free char *destination =
		colon == NULL ? xstrdup(text) : xstrndup(text, (size_t)(colon - text));
	cleanup_strv struct strv words = STRV_INIT;
	int rc = destination_set(&mount, destination, text, err);

	(void)create;
	if (colon != NULL)
		strv_split(&words, colon + 1, ',');
	for (size_t i = 0; i < words.count && rc == 0; i++)
		if (words.items[i][0] != '\0')
			rc = tmpfs_word(&mount, words.items[i], text, err);
	if (rc < 0) {
		create_mount_release(&mount);
		return -1;
	}
	tmpfs_defaults(&mount);
	*ret_mount = mount;
	return 0;
}

/* KEY[=VALUE] of --mount that all types share; 1 taken, 0 not one of these, -1. */
static int mount_key(struct create_mount *mount, const char *item, char **source, const char *whole,
		     struct err *err)
{
	const char *equal = strchr(item, '=');
	cleanup_free char *key =
		equal == NULL ? xstrdup(item) : xstrndup(item, (size_t)(equal - item));
	const char *value = equal == NULL ? "" : equal + 1;
	bool on = true;

	if (str_equal(key, "type"))
		return 1;
	if (str_equal(key, "source") || str_equal(key, "src") || str_equal(key, "from")) {
		free(*source);
		*source = xstrdup(value);
		return 1;
	}
	if (str_equal(key, "destination") || str_equal(key, "dst") || str_equal(key, "target"))
		return destination_set(mount, value, whole, err) < 0 ? -1 : 1;
	if (str_equal(key, "ro") || str_equal(key, "readonly") || str_equal(key, "rw")) {
		if (equal != NULL && parse_bool(value, &on) < 0)
			return err_set(err, ERR_USAGE,
				       "invalid value '%s' of '%s' in --mount '%s': it must be "
				       "true or false",
				       value, key, whole);
		mount->read_only = str_equal(key, "rw") ? !on : on;
		return 1;
	}
	if (str_equal(key, "bind-propagation") || str_equal(key, "propagation")) {
		if (!is_plain_word(value) ||
		    !has_propagation(
			    &(struct strv){ (char *[]){ (char *)(uintptr_t)value, NULL }, 1, 1 }))
			return err_set(err, ERR_USAGE, "invalid propagation '%s' in --mount '%s'",
				       value, whole);
		strv_add(&mount->options, value);
		return 1;
	}
	if (str_equal(key, "bind-nonrecursive")) {
		strv_add(&mount->options, "bind");
		return 1;
	}
	if (str_equal(key, "relabel"))
		return 1; /* as z and Z: without SELinux there is no label to set */
	if (str_equal(key, "volume-nocopy") || str_equal(key, "nocopy")) {
		mount->no_copy = true;
		return 1;
	}
	if (str_equal(key, "subpath") || str_equal(key, "volume-subpath")) {
		mount->subpath = xstrdup(value);
		return 1;
	}
	if (str_equal(key, "consistency"))
		return 1; /* a word for other operating systems that says nothing on Linux, where all views are consistent */
	return 0;
}

int create_parse_mount(struct create *create, const char *text, struct create_mount *ret_mount,
		       struct err *err)
{
	struct create_mount mount = { .options = STRV_INIT };
	cleanup_strv struct strv items = STRV_INIT;
	cleanup_free char *source = NULL;
	const char *type = "volume";
	int rc = 0;

	strv_split(&items, text, ',');
	for (size_t i = 0; i < items.count; i++)
		if (str_after(items.items[i], "type=") != NULL)
			type = str_after(items.items[i], "type=");
	if (!str_equal(type, "bind") && !str_equal(type, "volume") && !str_equal(type, "tmpfs") &&
	    !str_equal(type, "devpts") && !str_equal(type, "ramfs")) {
		if (str_equal(type, "image") || str_equal(type, "glob") ||
		    str_equal(type, "artifact"))
			return err_set(err, ERR_UNSUPPORTED,
				       "cannot mount '%s': mounts of type '%s' are not supported",
				       text, type);
		err_set(err, ERR_USAGE, "invalid mount type '%s' in --mount '%s'", type, text);
		return err_hint(err, "Use bind, volume, tmpfs, ramfs or devpts.");
	}
	mount.type = xstrdup(type);
	bool tmpfs =
		str_equal(type, "tmpfs") || str_equal(type, "ramfs") || str_equal(type, "devpts");

	for (size_t i = 0; i < items.count && rc >= 0; i++) {
		if (items.items[i][0] == '\0')
			continue;
		rc = mount_key(&mount, items.items[i], &source, text, err);
		if (rc == 0 && tmpfs)
			rc = tmpfs_word(&mount, items.items[i], text, err) < 0 ? -1 : 1;
		else if (rc == 0)
			rc = mount_word(&mount, items.items[i], text, err);
		if (rc == 0)
			rc = err_set(err, ERR_USAGE, "invalid key '%s' in --mount '%s'",
				     items.items[i], text);
	}
	if (rc >= 0 && mount.destination == NULL)
		rc = err_set(err, ERR_USAGE,
			     "invalid --mount '%s': the key 'destination' is missing", text);
	if (rc >= 0 && str_equal(type, "bind"))
		rc = str_is_empty(source)
			     ? err_set(err, ERR_USAGE,
				       "invalid --mount '%s': the key 'source' is missing", text)
			     : bind_source(create, &mount, source, false, err);
	if (rc >= 0 && str_equal(type, "volume")) {
		mount.anonymous = str_is_empty(source);
		if (!mount.anonymous && !volume_name_is_valid(source))
			rc = err_set(err, ERR_USAGE, "invalid volume name '%s' in --mount '%s'",
				     source, text);
		mount.source = mount.anonymous ? NULL : TAKE_PTR(source);
	}
	if (rc < 0) {
		create_mount_release(&mount);
		return -1;
	}
	if (tmpfs) {
		mount.source = xstrdup(type);
		if (mount.read_only)
			strv_add(&mount.options, "ro");
		if (!str_equal(type, "devpts"))
			tmpfs_defaults(&mount);
	} else {
		bind_defaults(&mount);
	}
	*ret_mount = mount;
	return 0;
}
