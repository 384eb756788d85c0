/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/image_name.c - which image a name means
 *
 * names/ESCAPED is a record whose body is the manifest digest, a newline and the name. The name is in it because a long name does
 * not fit into a file name: then the file has its beginning and a hash, and a reader compares.
 */
#include "storage/image_private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/record.h"
#include "storage/store.h"

#define RECORD_KIND    "image-name"
#define RECORD_VERSION 1

/* record_publish_raw() makes names of its own beside it, so less than NAME_MAX */
#define FILE_NAME_LENGTH_MAX 240
#define FILE_NAME_HEAD	     200

void image_names_release(struct image_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->items[i].name);
	free(names->items);
	names->items = NULL;
	names->count = 0;
}

void image_names_add(struct image_names *names, const char *name, const struct digest *manifest)
{
	/* room doubles at each power of two */
	if ((names->count & (names->count - 1)) == 0)
		names->items =
			xreallocarray(names->items, names->count * 2 + 1, sizeof(*names->items));
	names->items[names->count].name = xstrdup(name);
	names->items[names->count].manifest = *manifest;
	names->count++;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct image_name *)a)->name, ((const struct image_name *)b)->name);
}

void image_names_sort(struct image_names *names)
{
	if (names->count > 1)
		qsort(names->items, names->count, sizeof(*names->items), compare_names);
}

const struct image_name *image_names_find(const struct image_names *names, const char *name)
{
	const struct image_name key = { .name = (char *)name };

	if (names->count == 0)
		return NULL;
	return bsearch(&key, names->items, names->count, sizeof(*names->items), compare_names);
}

/* FNV-1a; a clash is noticed, because the record holds the name */
static uint64_t hash_name(const char *name)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * 0x100000001b3ULL;
	return hash;
}

char *image_name_file(const char *name)
{
	cleanup_free char *escaped = name_escape(name);

	if (strlen(escaped) <= FILE_NAME_LENGTH_MAX)
		return TAKE_PTR(escaped);
	/* "%~" is in no escaped name */
	return xasprintf("%.*s%%~%016" PRIx64, FILE_NAME_HEAD, escaped, hash_name(name));
}

int image_name_read_file(int names_fd, const char *file, char **ret_name,
			 struct digest *ret_manifest, struct err *err)
{
	cleanup_strbuf struct strbuf body = STRBUF_INIT;
	int found = record_read(names_fd, file, RECORD_KIND, RECORD_VERSION, &body, NULL, err);
	char *name;

	if (found <= 0)
		return found;
	name = memchr(body.data, '\n', body.length);
	if (name != NULL)
		*name++ = '\0';
	if (name == NULL || strlen(name) != body.length - (size_t)(name - body.data) ||
	    digest_parse(body.data, ret_manifest) < 0)
		return err_set(err, ERR_CORRUPT, "record '%s' is damaged", file);
	*ret_name = xstrdup(name);
	return 1;
}

int image_name_read(int names_fd, const char *name, struct digest *ret_manifest, struct err *err)
{
	cleanup_free char *file = image_name_file(name);
	cleanup_free char *found_name = NULL;
	struct digest manifest;
	int found = image_name_read_file(names_fd, file, &found_name, &manifest, err);

	if (found < 0)
		return err_wrap(err, "cannot look up image name '%s'", name);
	if (found == 0 || !str_equal(found_name, name))
		return 0;
	*ret_manifest = manifest;
	return 1;
}

int image_name_write(struct store *store, const char *name, const struct digest *manifest,
		     struct err *err)
{
	cleanup_fd int names_fd = store_open_dir(store, IMAGE_NAMES_DIR, true, err);
	cleanup_free char *file = image_name_file(name);
	cleanup_free char *body = xasprintf("%s\n%s", manifest->text, name);
	struct err first;

	if (names_fd < 0)
		return -1;
	if (record_write(names_fd, file, RECORD_KIND, RECORD_VERSION, body, strlen(body),
			 RECORD_DURABLE, &first) == 0)
		return 0;
	if (image_drop_directory(store, names_fd, file) &&
	    record_write(names_fd, file, RECORD_KIND, RECORD_VERSION, body, strlen(body),
			 RECORD_DURABLE, &first) == 0)
		return 0;
	*err = first;
	return err_wrap(err, "cannot write image name '%s' in '%s/%s'", name, store->root_path,
			IMAGE_NAMES_DIR);
}

int image_name_remove(struct store *store, int names_fd, const char *name, struct err *err)
{
	cleanup_free char *file = image_name_file(name);

	if (unlinkat(names_fd, file, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno == EISDIR)
		return store_remove_tree(store, names_fd, file, err);
	return err_sys(err, errno, "cannot take name '%s' away", name);
}
