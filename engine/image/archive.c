/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/archive.c - what is in an archive of images
 *
 *	tmp/archive-X/a/	as it was unpacked, all files the user's own
 *	tmp/archive-X/l/	the layout, made for docker's kind
 */
#include "engine/image/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "base/record.h"
#include "base/strbuf.h"
#include "engine/image/manifest.h"
#include "engine/image/untar.h"
#include "storage/sha256.h"
#include "storage/unpack.h"

#define HASH_BYTES (1U << 20)
#define ITEMS_MAX  4096

void archive_release(struct engine *engine, struct archive *archive)
{
	for (size_t i = 0; i < archive->count; i++)
		strv_release(&archive->items[i].names);
	free(archive->items);
	free(archive->path);
	staging_discard(engine->store, &archive->staging);
	*archive = (struct archive)ARCHIVE_INIT;
}

static struct archive_item *add_item(struct archive *archive, const struct digest *manifest)
{
	struct archive_item *item = NULL;

	for (size_t i = 0; i < archive->count && item == NULL; i++) {
		if (digest_equal(&archive->items[i].manifest, manifest))
			item = &archive->items[i];
	}
	if (item != NULL)
		return item;
	archive->items = xreallocarray(archive->items, archive->count + 1, sizeof(*archive->items));
	item = &archive->items[archive->count++];
	*item = (struct archive_item){ .manifest = *manifest };
	return item;
}

/* A file of the archive; links lead nowhere but into it. fd or -errno. */
static int open_file(int dir_fd, const char *path)
{
	cleanup_fd int fd = path_open_in_root(dir_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? TAKE_FD(fd) : -EINVAL;
}

/* 1 read, 0 there is none, -1 */
static int read_json(int dir_fd, const char *path, json_t **ret, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_fd int fd = open_file(dir_fd, path);
	cleanup_free char *what = xasprintf("'%.100s' of the archive", path);
	int status = fd < 0 ? fd : fd_read_all(fd, &text, JSON_LIMIT_BYTES);

	if (status == -ENOENT)
		return 0;
	if (status < 0)
		return err_sys(err, -status, "cannot read %s", what);
	*ret = json_parse(text.data, text.length, what, err);
	return *ret != NULL ? 1 : -1;
}

/* ---- layouts --------------------------------------------------------------------------------------------------------- */

static int read_index(const json_t *index, struct archive *archive, struct err *err)
{
	const json_t *entry;
	size_t i;

	if (json_array_size(json_object_get(index, "manifests")) > ITEMS_MAX)
		return err_set(err, ERR_LIMIT, "there are too many images");
	json_array_foreach (json_object_get(index, "manifests"), i, entry) {
		const json_t *annotations = json_object_get(entry, "annotations");
		const char *name =
			json_get_string(annotations, NULL, "io.containerd.image.name", NULL);
		struct archive_item *item;
		struct digest digest;

		if (digest_parse(json_get_string(entry, "", "digest", NULL), &digest) < 0)
			return err_set(err, ERR_CORRUPT, "index.json has an incorrect digest");
		if (name == NULL)
			name = json_get_string(annotations, NULL,
					       "org.opencontainers.image.ref.name", NULL);
		item = add_item(archive, &digest);
		if (name != NULL)
			strv_add(&item->names, name);
	}
	if (archive->count == 0)
		return err_set(err, ERR_NOT_FOUND, "there is no image in it");
	return 0;
}

int archive_open_layout(const char *path, struct archive *ret_archive, struct err *err)
{
	cleanup_fd int dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_json json_t *index = NULL;
	int found;

	*ret_archive = (struct archive)ARCHIVE_INIT;
	if (dir_fd < 0)
		return err_sys(err, errno, "cannot open directory '%s'", path);
	found = read_json(dir_fd, "index.json", &index, err);
	if (found <= 0)
		return found < 0
			       ? -1
			       : err_set(err, ERR_NOT_FOUND, "'%s' has no file 'index.json'", path);
	ret_archive->path = xstrdup(path);
	return read_index(index, ret_archive, err);
}

/* ---- docker's archives ----------------------------------------------------------------------------------------------- */

struct convert {
	int from_fd;  /* a/ */
	int to_fd;    /* l/ */
	int blobs_fd; /* l/blobs/sha256 */
	struct archive *archive;
	json_t *entries; /* of index.json */
};

static int hash_file(int fd, struct digest *ret, uint64_t *ret_bytes, struct err *err)
{
	cleanup_sha256 struct sha256 *hash = sha256_new();
	cleanup_free char *buffer = xmalloc(HASH_BYTES);
	uint64_t bytes = 0;
	ssize_t got;

	while ((got = fd_read_full(fd, buffer, HASH_BYTES)) > 0) {
		sha256_update(hash, buffer, (size_t)got);
		bytes += (uint64_t)got;
	}
	if (got < 0)
		return err_sys(err, (int)-got, "cannot read the archive");
	sha256_final_digest(hash, ret);
	*ret_bytes = bytes;
	return 0;
}

static enum unpack_compression compression_of(int fd)
{
	char start[UNPACK_MAGIC_BYTES];
	ssize_t got = pread(fd, start, sizeof(start), 0);

	return got > 0 ? unpack_detect(start, (size_t)got) : UNPACK_NONE;
}

/* docker has no name for zstd */
static const char *layer_type(enum unpack_compression compression)
{
	if (compression == UNPACK_GZIP)
		return MEDIA_DOCKER_LAYER ".gzip";
	return compression == UNPACK_ZSTD ? MEDIA_OCI_LAYER "+zstd" : MEDIA_DOCKER_LAYER;
}

/*
 * A layer that is a plain tar has its diffID for a digest, and the configuration tells that: what it says is checked when the layer is
 * unpacked. Else the file must be read: 1 known, 0 not.
 */
static int digest_is_known(int fd, const char *diff_id, struct digest *ret, uint64_t *ret_bytes)
{
	struct stat st;

	if (diff_id == NULL || digest_parse(diff_id, ret) < 0 || fstat(fd, &st) < 0 ||
	    st.st_size < UNPACK_MAGIC_BYTES || compression_of(fd) != UNPACK_NONE)
		return 0;
	*ret_bytes = (uint64_t)st.st_size;
	return 1;
}

/*
 * A file becomes a blob: its descriptor is new.
 * @param diff_id  of a layer, as the configuration says; or NULL
 */
static int add_blob(struct convert *convert, const char *path, const char *media_type,
		    const char *diff_id, json_t **ret_descriptor, struct err *err)
{
	cleanup_fd int fd = open_file(convert->from_fd, path);
	char link[PROC_FD_PATH_MAX];
	struct digest digest;
	uint64_t bytes = 0;

	if (fd < 0)
		return err_set(err, ERR_CORRUPT, "the archive lacks '%.200s'", path);
	if (digest_is_known(fd, diff_id, &digest, &bytes) == 0 &&
	    hash_file(fd, &digest, &bytes, err) < 0)
		return -1;
	fd_proc_path(fd, link);
	if (linkat(AT_FDCWD, link, convert->blobs_fd, digest_hex(&digest), AT_SYMLINK_FOLLOW) < 0 &&
	    errno != EEXIST)
		return err_sys(err, errno, "cannot make a file in the store");
	if (media_type == NULL)
		media_type = layer_type(compression_of(fd));
	*ret_descriptor = json_object();
	json_put_string(*ret_descriptor, "mediaType", media_type);
	json_put_int(*ret_descriptor, "size", (int64_t)bytes);
	json_put_string(*ret_descriptor, "digest", digest.text);
	return 0;
}

static int add_manifest(struct convert *convert, const json_t *manifest, struct digest *ret,
			struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	json_t *entry = json_object();

	json_print(manifest, 0, &text);
	sha256_of(text.data, text.length, ret);
	json_put_string(entry, "mediaType", MEDIA_DOCKER_MANIFEST);
	json_put_int(entry, "size", (int64_t)text.length);
	json_put_string(entry, "digest", ret->text);
	json_array_append_new(convert->entries, entry);
	return record_publish_raw(convert->blobs_fd, digest_hex(ret), text.data, text.length, 0600,
				  0, err);
}

/* One object of manifest.json. */
static int convert_one(struct convert *convert, const json_t *object, struct err *err)
{
	cleanup_json json_t *manifest = json_object();
	cleanup_json json_t *image = NULL;
	const json_t *diff_ids = NULL;
	cleanup_strv struct strv layers = STRV_INIT;
	const char *config_path = json_get_string(object, "", "Config", NULL);
	json_t *config = NULL, *descriptor = NULL;
	json_t *list = json_array();
	struct digest digest;

	json_put_int(manifest, "schemaVersion", 2);
	json_put_string(manifest, "mediaType", MEDIA_DOCKER_MANIFEST);
	if (*config_path == '\0' || json_get_strv(object, "Layers", &layers) < 0 ||
	    layers.count > MANIFEST_LAYERS_MAX) {
		json_decref(list);
		return err_set(err, ERR_CORRUPT, "manifest.json of the archive makes no sense");
	}
	if (add_blob(convert, config_path, MEDIA_DOCKER_CONFIG, NULL, &config, err) < 0) {
		json_decref(list);
		return -1;
	}
	json_put(manifest, "config", config);
	json_put(manifest, "layers", list);
	if (read_json(convert->from_fd, config_path, &image, err) < 0)
		return -1;
	diff_ids = json_at(image, "rootfs", "diff_ids", NULL);
	for (size_t i = 0; i < layers.count; i++) {
		if (add_blob(convert, layers.items[i], NULL,
			     json_string_value(json_array_get(diff_ids, i)), &descriptor, err) < 0)
			return -1;
		json_array_append_new(list, descriptor);
	}
	if (add_manifest(convert, manifest, &digest, err) < 0)
		return -1;
	json_get_strv(object, "RepoTags", &add_item(convert->archive, &digest)->names);
	return 0;
}

static int convert_all(struct convert *convert, const json_t *list, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_json json_t *index = json_object();
	const json_t *object;
	size_t i;

	if (json_array_size(list) == 0 || json_array_size(list) > ITEMS_MAX)
		return err_set(err, ERR_CORRUPT, "manifest.json of the archive names no image");
	convert->entries = json_array();
	json_put(index, "manifests", convert->entries);
	json_put_int(index, "schemaVersion", 2);
	json_array_foreach (list, i, object) {
		if (convert_one(convert, object, err) < 0)
			return -1;
	}
	json_print(index, 0, &text);
	return record_publish_raw(convert->to_fd, "index.json", text.data, text.length, 0600, 0,
				  err);
}

static int convert_docker(struct archive *archive, int from_fd, const json_t *list, struct err *err)
{
	cleanup_fd int to_fd = path_make_dirs_beneath(archive->staging.dir_fd, "l", 0700);
	cleanup_fd int blobs_fd =
		path_make_dirs_beneath(archive->staging.dir_fd, "l/blobs/sha256", 0700);
	struct convert convert = { from_fd, to_fd, blobs_fd, archive, NULL };

	if (to_fd < 0 || blobs_fd < 0)
		return err_sys(err, to_fd < 0 ? -to_fd : -blobs_fd,
			       "cannot make a directory in the store");
	return convert_all(&convert, list, err);
}

/* ---- unpacked -------------------------------------------------------------------------------------------------------- */

static int look_into(struct engine *engine, struct archive *archive, int dir_fd, struct err *err)
{
	cleanup_json json_t *index = NULL, *list = NULL;
	const char *below = "a";
	int status = read_json(dir_fd, "index.json", &index, err);

	if (status > 0) {
		status = read_index(index, archive, err);
	} else if (status == 0 && (status = read_json(dir_fd, "manifest.json", &list, err)) > 0) {
		below = "l";
		status = json_is_array(list) ? convert_docker(archive, dir_fd, list, err)
					     : err_set(err, ERR_CORRUPT,
						       "manifest.json of the archive is no list");
	} else if (status == 0) {
		err_set(err, ERR_CORRUPT,
			"the archive has no images: there is neither index.json "
			"nor manifest.json in it");
		status = err_hint(err, "A root file system is what `import` takes.");
	}
	archive->path =
		xasprintf("%s/tmp/%s/%s", engine->store->root_path, archive->staging.name, below);
	return status < 0 ? -1 : 0;
}

int archive_open(struct engine *engine, int archive_fd, struct archive *ret_archive,
		 struct err *err)
{
	const struct untar_request request = {
		.archive_fd = archive_fd, .uid = -1, .gid = -1, .private_files = true
	};
	cleanup_fd int dir_fd = -1;

	*ret_archive = (struct archive)ARCHIVE_INIT;
	if (staging_new(engine->store, "archive", &ret_archive->staging, err) < 0)
		return -1;
	dir_fd = path_make_dirs_beneath(ret_archive->staging.dir_fd, "a", 0700);
	if (dir_fd < 0)
		return err_sys(err, -dir_fd, "cannot make a directory in the store");
	if (untar_into(engine, &request, dir_fd, err) < 0)
		return -1;
	return look_into(engine, ret_archive, dir_fd, err);
}
