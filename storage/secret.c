/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/secret.c - make, find, read and remove secrets
 *
 * Readers take no lock: they read the link of a name, then the directory of its id. When that went away in between, the secret was replaced or
 * removed, and the link is read again.
 */
#include "storage/secret.h"

#include "base/digest.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/record.h"
#include "storage/image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRETS_DIR    "secrets"
#define NAMES_DIR      "names"
#define META_FILE      "meta"
#define DATA_FILE      "data"
#define LOCK_FILE      "lock"
#define RECORD_KIND    "secret"
#define RECORD_VERSION 1
/* how often a reader follows a name that is being replaced all the time */
#define FOLLOW_TRIES  16
#define FILE_NAME_MAX 255

void secret_free(struct secret *secret)
{
	if (secret == NULL)
		return;
	free(secret->name);
	free(secret->driver);
	strv_release(&secret->labels);
	free(secret);
}

void secret_list_release(struct secret_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		secret_free(list->items[i]);
	free(list->items);
	*list = (struct secret_list){ NULL, 0 };
}

void secret_wipe(struct strbuf *data)
{
	if (data->size > 0)
		explicit_bzero(data->data, data->size);
	strbuf_release(data);
}

bool secret_name_is_valid(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length > SECRET_NAME_MAX)
		return false;
	for (const char *at = name; *at != '\0';) {
		size_t sequence = utf8_sequence(at);

		if (sequence == 0 || (unsigned char)*at < 0x20 || *at == 0x7f ||
		    strchr("/=,", *at) != NULL)
			return false;
		at += sequence;
	}
	return true;
}

/* An id is a name in a path: exactly 25 hexadecimal digits. */
static bool id_is_valid(const char *text)
{
	return strlen(text) == SECRET_ID_LENGTH && object_id_is_prefix(text);
}

static int check_create(const struct secret_create_opts *opts, size_t size, struct err *err)
{
	if (!secret_name_is_valid(opts->name)) {
		cleanup_strbuf struct strbuf shown = STRBUF_INIT;

		strbuf_add_escaped(&shown, opts->name);
		err_set(err, ERR_USAGE, "secret name '%s' is not valid", shown.data);
		return err_hint(err,
				"Names have 1 to %d bytes, and no '/', '=', ',' or control bytes.",
				SECRET_NAME_MAX);
	}
	if (opts->driver != NULL && !str_equal(opts->driver, SECRET_DRIVER_FILE)) {
		err_set(err, ERR_UNSUPPORTED, "cannot use the secret driver '%s'", opts->driver);
		return err_hint(
			err,
			"The driver is \"file\": drivers that run programs are not supported.");
	}
	if (opts->driver_options != NULL && opts->driver_options->count > 0)
		return err_set(
			err, ERR_UNSUPPORTED,
			"cannot use the driver option '%s': the driver \"file\" has no options",
			opts->driver_options->items[0]);
	if (size == 0 || size > SECRET_BYTES_MAX)
		return err_set(
			err, ERR_USAGE,
			"cannot create secret '%s': it has %zu bytes, and 1 to %d are allowed",
			opts->name, size, SECRET_BYTES_MAX);
	return 0;
}

/* ---- directories ---- */

struct secret_dirs {
	int secrets_fd, names_fd;
};
#define SECRET_DIRS_INIT                                                                           \
	{                                                                                          \
		-1, -1                                                                             \
	}

static void dirs_release(struct secret_dirs *dirs)
{
	fd_close(&dirs->secrets_fd);
	fd_close(&dirs->names_fd);
}
#define cleanup_dirs __attribute__((cleanup(dirs_release)))

/* 1, 0: there is no secret yet, -1. */
static int dirs_open(struct store *store, bool make, struct secret_dirs *ret_dirs, struct err *err)
{
	cleanup_dirs struct secret_dirs dirs = SECRET_DIRS_INIT;

	if (make && store->read_only)
		return err_set(err, ERR_DENIED, "cannot change secrets: store '%s' is read-only",
			       store->root_path);
	dirs.names_fd = store_open_dir(store, SECRETS_DIR "/" NAMES_DIR, make, err);
	if (dirs.names_fd >= 0)
		dirs.secrets_fd = store_open_dir(store, SECRETS_DIR, false, err);
	if (dirs.names_fd < 0 || dirs.secrets_fd < 0)
		return !make && err->kind == ERR_NOT_FOUND ? 0 : -1;

	*ret_dirs = dirs;
	dirs = (struct secret_dirs)SECRET_DIRS_INIT;
	return 1;
}

/* Name of the link of a name; yours. */
static char *link_name(const char *name)
{
	char *escaped = name_escape(name);

	if (strlen(escaped) <= FILE_NAME_MAX)
		return escaped;
	free(escaped);
	return NULL;
}

/* 1 and the id, or 0. */
static int read_link(int names_fd, const char *link, char id[SECRET_ID_LENGTH + 1])
{
	char text[SECRET_ID_LENGTH + 2];
	ssize_t length = readlinkat(names_fd, link, text, sizeof(text) - 1);

	if (length < 0)
		return 0;
	text[length] = '\0';
	if (!id_is_valid(text))
		return 0;
	memcpy(id, text, SECRET_ID_LENGTH + 1);
	return 1;
}

/* ---- record ---- */

static json_t *secret_to_json(const struct secret *secret)
{
	json_t *body = json_object();

	json_put_string(body, "id", secret->id);
	json_put_string(body, "name", secret->name);
	json_put_string(body, "driver", secret->driver);
	json_put_strv(body, "labels", &secret->labels);
	json_put_int(body, "createdNs", secret->created_ns);
	json_put_int(body, "updatedNs", secret->updated_ns);
	return body;
}

/* 1; 0 when there is no such directory any more. */
static int secret_load(const struct secret_dirs *dirs, const char *id, const char *name,
		       struct secret **ret_secret, struct err *err)
{
	cleanup_fd int dir_fd =
		openat(dirs->secrets_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_secret struct secret *secret = xcalloc(1, sizeof(*secret));
	cleanup_json json_t *body = NULL;
	struct err damage; /* the others are still of use (P7) */

	if (dir_fd < 0) {
		if (errno == ENOENT)
			return 0;
		return err_sys(err, errno, "cannot open secret '%s'", name);
	}
	memcpy(secret->id, id, SECRET_ID_LENGTH + 1);
	secret->name = xstrdup(name);
	if (record_read_json(dir_fd, META_FILE, RECORD_KIND, RECORD_VERSION, &body, &damage) <= 0 ||
	    json_get_strv(body, "labels", &secret->labels) < 0)
		secret->damaged = true;
	secret->driver = xstrdup(json_get_string(body, SECRET_DRIVER_FILE, "driver", NULL));
	secret->created_ns = json_get_int(body, 0, "createdNs", NULL);
	secret->updated_ns = json_get_int(body, 0, "updatedNs", NULL);
	*ret_secret = TAKE_PTR(secret);
	return 1;
}

static int load_by_name(const struct secret_dirs *dirs, const char *name,
			struct secret **ret_secret, struct err *err)
{
	cleanup_free char *link = link_name(name);
	char id[SECRET_ID_LENGTH + 1];

	for (int i = 0; link != NULL && i < FOLLOW_TRIES; i++) {
		if (read_link(dirs->names_fd, link, id) == 0)
			return 0;
		int found = secret_load(dirs, id, name, ret_secret, err);

		if (found != 0)
			return found;
	}
	return 0;
}

/* Names of all links, sorted. */
static int list_links(const struct secret_dirs *dirs, struct strv *ret_links, struct err *err)
{
	cleanup_fd int fd = openat(dirs->names_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (dir == NULL)
		return err_sys(err, errno, "cannot list secrets");
	fd = -1; /* the stream's */
	for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		if (entry->d_name[0] != '.')
			strv_add(ret_links, entry->d_name);
	}
	closedir(dir);
	strv_sort(ret_links);
	return 0;
}

static int list_secrets(const struct secret_dirs *dirs, struct secret_list *ret_list,
			struct err *err)
{
	cleanup_secret_list struct secret_list list = { NULL, 0 };
	cleanup_strv struct strv links = STRV_INIT;

	if (list_links(dirs, &links, err) < 0)
		return -1;
	list.items = xcalloc(links.count + 1, sizeof(*list.items));
	for (size_t i = 0; i < links.count; i++) {
		cleanup_free char *name = name_unescape(links.items[i]);
		int found =
			name != NULL ? load_by_name(dirs, name, &list.items[list.count], err) : 0;

		if (found < 0)
			return -1;
		list.count += found > 0;
	}
	*ret_list = list;
	list = (struct secret_list){ NULL, 0 };
	return 0;
}

int secret_list(struct store *store, struct secret_list *ret_list, struct err *err)
{
	cleanup_dirs struct secret_dirs dirs = SECRET_DIRS_INIT;

	*ret_list = (struct secret_list){ NULL, 0 };
	int found = dirs_open(store, false, &dirs, err);

	return found > 0 ? list_secrets(&dirs, ret_list, err) : found;
}

static int find_by_id(const struct secret_dirs *dirs, const char *prefix,
		      struct secret **ret_secret, struct err *err)
{
	cleanup_secret_list struct secret_list list = { NULL, 0 };
	struct secret **match = NULL;

	if (list_secrets(dirs, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++) {
		if (str_after(list.items[i]->id, prefix) == NULL)
			continue;
		if (match != NULL)
			return err_set(err, ERR_AMBIGUOUS,
				       "more than one secret has an id that starts with '%s'",
				       prefix);
		match = &list.items[i];
	}
	if (match == NULL)
		return 0;
	*ret_secret = TAKE_PTR(*match);
	return 1;
}

int secret_find(struct store *store, const char *text, struct secret **ret_secret, struct err *err)
{
	cleanup_dirs struct secret_dirs dirs = SECRET_DIRS_INIT;
	int found = dirs_open(store, false, &dirs, err);

	if (found <= 0)
		return found;
	found = secret_name_is_valid(text) ? load_by_name(&dirs, text, ret_secret, err) : 0;
	if (found != 0 || strlen(text) > SECRET_ID_LENGTH || !object_id_is_prefix(text))
		return found;
	return find_by_id(&dirs, text, ret_secret, err);
}

int secret_get(struct store *store, const char *text, struct secret **ret_secret, struct err *err)
{
	int found = secret_find(store, text, ret_secret, err);

	if (found != 0)
		return found < 0 ? -1 : 0;
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;

	strbuf_add_escaped(&shown, text);
	return err_set(err, ERR_NOT_FOUND, "no secret with name or id \"%s\": no such secret",
		       shown.data);
}

/* ---- make and remove ---- */

/* Under the lock: what a crash left, or what its name was taken from. */
static int remove_unnamed(struct store *store, const struct secret_dirs *dirs, struct err *err)
{
	cleanup_strv struct strv links = STRV_INIT;
	cleanup_strv struct strv named = STRV_INIT;
	cleanup_strv struct strv lost = STRV_INIT;
	cleanup_fd int fd = openat(dirs->secrets_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char id[SECRET_ID_LENGTH + 1];

	if (list_links(dirs, &links, err) < 0)
		return -1;
	for (size_t i = 0; i < links.count; i++) {
		if (read_link(dirs->names_fd, links.items[i], id) > 0)
			strv_add(&named, id);
	}
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (dir == NULL)
		return err_sys(err, errno, "cannot list secrets");
	fd = -1; /* the stream's */
	for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		if (id_is_valid(entry->d_name) && !strv_contains(&named, entry->d_name))
			strv_add(&lost, entry->d_name);
	}
	closedir(dir);
	for (size_t i = 0; i < lost.count; i++) {
		if (store_remove_tree(store, dirs->secrets_fd, lost.items[i], err) < 0)
			return -1;
	}
	return 0;
}

static struct secret *secret_new(const struct secret_create_opts *opts, int64_t created_ns)
{
	struct secret *secret = xcalloc(1, sizeof(*secret));
	struct object_id id;

	object_id_new(&id);
	memcpy(secret->id, id.text, SECRET_ID_LENGTH);
	secret->name = xstrdup(opts->name);
	secret->driver = xstrdup(SECRET_DRIVER_FILE);
	if (opts->labels != NULL)
		strv_add_all(&secret->labels, opts->labels);
	secret->updated_ns = time_now_ns();
	secret->created_ns = created_ns != 0 ? created_ns : secret->updated_ns;
	return secret;
}

static int stage(struct store *store, const struct secret *secret, const void *data, size_t size,
		 const struct secret_dirs *dirs, struct err *err)
{
	struct staging staging = STAGING_INIT;
	cleanup_json json_t *body = secret_to_json(secret);

	if (staging_new(store, "secret", &staging, err) < 0)
		return -1;
	if (record_publish_raw(staging.dir_fd, DATA_FILE, data, size, 0600, RECORD_DURABLE, err) <
		    0 ||
	    record_write_json(staging.dir_fd, META_FILE, RECORD_KIND, RECORD_VERSION, body,
			      RECORD_DURABLE, err) < 0 ||
	    staging_publish(store, &staging, dirs->secrets_fd, secret->id, false, err) < 0) {
		staging_discard(store, &staging);
		return -1;
	}
	if (fsync(dirs->secrets_fd) < 0)
		return err_sys(err, errno, "cannot write secret '%s' to the disk", secret->name);
	return 0;
}

/* The name leads to the new id from now on, whatever it led to before. */
static int take_name(const struct secret_dirs *dirs, const struct secret *secret, struct err *err)
{
	cleanup_free char *link = link_name(secret->name);
	cleanup_free char *temporary = xasprintf(".tmp-%s", secret->id);

	if (symlinkat(secret->id, dirs->names_fd, temporary) < 0)
		return err_sys(err, errno, "cannot name secret '%s'", secret->name);
	if (renameat(dirs->names_fd, temporary, dirs->names_fd, link) < 0) {
		err_sys(err, errno, "cannot name secret '%s'", secret->name);
		unlinkat(dirs->names_fd, temporary, 0);
		return -1;
	}
	if (fsync(dirs->names_fd) < 0)
		return err_sys(err, errno, "cannot write the name of secret '%s' to the disk",
			       secret->name);
	return 0;
}

int secret_create(struct store *store, const struct secret_create_opts *opts, const void *data,
		  size_t size, struct secret **ret_secret, struct err *err)
{
	cleanup_dirs struct secret_dirs dirs = SECRET_DIRS_INIT;
	cleanup_secret struct secret *old = NULL;

	if (check_create(opts, size, err) < 0 || dirs_open(store, true, &dirs, err) < 0)
		return -1;
	cleanup_free char *link = link_name(opts->name);

	if (link == NULL)
		return err_set(err, ERR_USAGE, "secret name '%s' is too long", opts->name);
	cleanup_fd int lock_fd = lock_take(dirs.secrets_fd, LOCK_FILE, true, err);

	if (lock_fd < 0 || remove_unnamed(store, &dirs, err) < 0)
		return -1;
	int found = load_by_name(&dirs, opts->name, &old, err);

	if (found < 0)
		return -1;
	if (found > 0 && opts->ignore && !opts->replace) {
		*ret_secret = TAKE_PTR(old);
		return 0;
	}
	if (found > 0 && !opts->replace) {
		err_set(err, ERR_EXISTS, "cannot create secret '%s': secret name in use, it exists",
			opts->name);
		return err_hint(err, "Say --replace to change it.");
	}
	cleanup_secret struct secret *secret = secret_new(opts, old != NULL ? old->created_ns : 0);

	if (stage(store, secret, data, size, &dirs, err) < 0 || take_name(&dirs, secret, err) < 0)
		return -1;
	if (old != NULL && store_remove_tree(store, dirs.secrets_fd, old->id, err) < 0)
		return err_wrap(err, "cannot remove the secret that was replaced");
	*ret_secret = TAKE_PTR(secret);
	return 0;
}

int secret_read(struct store *store, const struct secret *secret, struct strbuf *data,
		struct err *err)
{
	cleanup_dirs struct secret_dirs dirs = SECRET_DIRS_INIT;
	cleanup_free char *path = xasprintf("%s/" DATA_FILE, secret->id);
	int found = dirs_open(store, false, &dirs, err);

	if (found < 0)
		return -1;
	cleanup_fd int fd =
		found > 0 ? path_open_beneath(dirs.secrets_fd, path,
					      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0)
			  : -ENOENT;
	int status = fd < 0 ? fd : fd_read_all(fd, data, SECRET_BYTES_MAX);

	if (status == -ENOENT)
		return err_set(err, ERR_NOT_FOUND, "secret '%s' is gone: no such secret",
			       secret->name);
	if (status < 0)
		return err_sys(err, -status, "cannot read secret '%s'", secret->name);
	if (data->length == 0)
		return err_set(err, ERR_CORRUPT, "secret '%s' is damaged: it is empty",
			       secret->name);
	return 0;
}

int secret_remove(struct store *store, const struct secret *secret, struct err *err)
{
	cleanup_dirs struct secret_dirs dirs = SECRET_DIRS_INIT;
	cleanup_free char *link = link_name(secret->name);
	char id[SECRET_ID_LENGTH + 1];

	if (dirs_open(store, true, &dirs, err) < 0)
		return -1;
	cleanup_fd int lock_fd = lock_take(dirs.secrets_fd, LOCK_FILE, true, err);

	if (lock_fd < 0)
		return -1;
	if (read_link(dirs.names_fd, link, id) == 0 || !str_equal(id, secret->id))
		return err_set(err, ERR_NOT_FOUND,
			       "no secret with name or id \"%s\": no such secret", secret->name);
	if (unlinkat(dirs.names_fd, link, 0) < 0 || fsync(dirs.names_fd) < 0)
		return err_sys(err, errno, "cannot remove secret '%s'", secret->name);
	return store_remove_tree(store, dirs.secrets_fd, secret->id, err);
}
