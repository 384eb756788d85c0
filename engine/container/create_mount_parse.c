/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/create_mount_parse.c - the words of mounts, and the grammars of -v and --tmpfs
 *
 * All end in one struct create_mount; --mount is in create_mount_long.c. Option words of a mount are in one table: what they add to the OCI
 * options, and what excludes them. Words that dhow cannot carry out are refused by name.
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
	free(mount->upper_path);
	free(mount->work_path);
	image_free(mount->image);
	free(mount->mount_point);
	strv_release(&mount->options);
	strv_release(&mount->labels);
	strv_release(&mount->tmpfs_options);
	strv_release(&mount->volume_options);
	*mount = (struct create_mount){ 0 };
}

int create_mount_destination(struct create_mount *mount, const char *text, const char *whole,
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

static int set_path(char **path, const char *text, const char *whole, struct err *err)
{
	if (text[0] != '/')
		return err_set(err, ERR_USAGE, "invalid path '%s' in '%s': it must be absolute",
			       text, whole);
	free(*path);
	*path = xstrdup(text);
	return 1;
}

/* O: what is written goes to a layer of the container's, or to directories that the user names. */
static int overlay_word(struct create_mount *mount, const char *word, const char *whole,
			struct err *err)
{
	const char *value;

	if ((value = str_after(word, "upperdir=")) != NULL)
		return set_path(&mount->upper_path, value, whole, err);
	if ((value = str_after(word, "workdir=")) != NULL)
		return set_path(&mount->work_path, value, whole, err);
	if (!str_equal(word, "O"))
		return 0;
	mount->overlay = true;
	return 1;
}

int create_mount_word(struct create_mount *mount, const char *word, const char *whole,
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
	if (str_equal(word, "U")) {
		mount->change_owner = true;
		return 1;
	}
	if (str_equal(word, "idmap")) {
		strv_add(&mount->options, word);
		return 1;
	}
	if (str_after(word, "idmap=") != NULL) {
		err_set(err, ERR_UNSUPPORTED,
			"cannot mount '%s' with '%s': ids are mapped as the container's are", whole,
			word);
		return err_hint(err, "Say 'idmap' alone, and the map with --userns or --uidmap.");
	}
	return overlay_word(mount, word, whole, err);
}

bool create_mount_has_propagation(const struct strv *options)
{
	static const char *const words[] = { "private", "rprivate", "shared",	  "rshared",
					     "slave",	"rslave",   "unbindable", "runbindable" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strv_contains(options, words[i]))
			return true;
	return false;
}

/* What excludes what, once all words are known. */
static int check_words(const struct create_mount *mount, const char *whole, struct err *err)
{
	if (mount->overlay && strv_contains(&mount->options, "idmap"))
		return err_set(err, ERR_USAGE, "'O' and 'idmap' in '%s' exclude each other", whole);
	if (!mount->overlay && (mount->upper_path != NULL || mount->work_path != NULL))
		return err_set(err, ERR_USAGE,
			       "'upperdir' and 'workdir' in '%s' need the option 'O'", whole);
	if ((mount->upper_path == NULL) != (mount->work_path == NULL))
		return err_set(err, ERR_USAGE, "'upperdir' and 'workdir' in '%s' need each other",
			       whole);
	if (mount->overlay && mount->change_owner)
		return err_set(err, ERR_USAGE,
			       "the options 'O' and 'U' in '%s' exclude each other: an overlay "
			       "leaves the directory below it as it is",
			       whole);
	const char *propagation = NULL;
	for (size_t i = 0; i < mount->options.count; i++) {
		const struct strv one = { &mount->options.items[i], 1, 1 };

		if (!create_mount_has_propagation(&one))
			continue;
		if (propagation != NULL && !str_equal(propagation, mount->options.items[i]))
			return err_set(err, ERR_USAGE,
				       "the options '%s' and '%s' in '%s' exclude each other",
				       propagation, mount->options.items[i], whole);
		propagation = mount->options.items[i];
	}
	if (mount->overlay && mount->subpath != NULL)
		return err_set(err, ERR_USAGE,
			       "the option 'O' and a subpath in '%s' exclude each other", whole);
	return 0;
}

int create_mount_finish(struct create_mount *mount, const char *whole, struct err *err)
{
	struct strv *options = &mount->options;

	if (!strv_contains(options, "bind") && !strv_contains(options, "rbind"))
		strv_add(options, "rbind");
	if (!create_mount_has_propagation(options))
		strv_add(options, "rprivate");
	if (str_equal(mount->type, "volume")) {
		if (!strv_contains(options, "suid") && !strv_contains(options, "nosuid"))
			strv_add(options, "nosuid");
		if (!strv_contains(options, "dev") && !strv_contains(options, "nodev"))
			strv_add(options, "nodev");
	}
	strv_add(options, mount->read_only ? "ro" : "rw");
	return check_words(mount, whole, err);
}

int create_mount_source(struct create *create, struct create_mount *mount, const char *text,
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
		rc = create_mount_destination(&mount, parts.items[parts.count == 1 ? 0 : 1], text,
					      err);
	if (rc == 0 && parts.count > 1 && (parts.items[0][0] == '/' || parts.items[0][0] == '.')) {
		free(mount.type);
		mount.type = xstrdup("bind");
		rc = create_mount_source(create, &mount, parts.items[0], true, err);
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
				     : create_mount_word(&mount, words.items[i], text, err);
			if (rc == 0)
				rc = err_set(err, ERR_USAGE, "invalid option '%s' in --volume '%s'",
					     words.items[i], text);
		}
	}
	if (rc < 0 || create_mount_finish(&mount, text, err) < 0) {
		create_mount_release(&mount);
		return -1;
	}
	*ret_mount = mount;
	return 0;
}

int create_tmpfs_word(struct create_mount *mount, const char *word, const char *whole,
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
		mount->no_copy = str_equal(word, "notmpcopyup");
		return 0;
	}
	if (str_equal(word, "U") || str_equal(word, "chown")) {
		mount->change_owner = true;
		return 0;
	}
	if (str_equal(word, "noswap")) {
		strv_add(&mount->options, word);
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

void create_tmpfs_finish(struct create_mount *mount)
{
	bool copies = str_equal(mount->type, "tmpfs") && !mount->no_copy;

	static const char *const words[] = { "nosuid", "nodev" };
	static const char *const opposites[] = { "suid", "dev" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strv_contains(&mount->options, opposites[i]) &&
		    !strv_contains(&mount->options, words[i]))
			strv_add(&mount->options, words[i]);
	if (copies)
		strv_add(&mount->options, "tmpcopyup");
	for (size_t i = 0; i < mount->options.count; i++)
		if (str_after(mount->options.items[i], "mode=") != NULL)
			return;
	/* a new tmpfs has it anyway; said, it would win over the mode that the image's directory has */
	if (!copies)
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
	int rc = create_mount_destination(&mount, destination, text, err);

	(void)create;
	if (colon != NULL)
		strv_split(&words, colon + 1, ',');
	for (size_t i = 0; i < words.count && rc == 0; i++)
		if (words.items[i][0] != '\0')
			rc = create_tmpfs_word(&mount, words.items[i], text, err);
	if (rc < 0) {
		create_mount_release(&mount);
		return -1;
	}
	create_tmpfs_finish(&mount);
	*ret_mount = mount;
	return 0;
}
