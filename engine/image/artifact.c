/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/artifact.c - the artifacts of the store
 *
 *	artifacts/index.json	the list of them: descriptors of manifests, with names
 *	artifacts/blobs/sha256/	what they name
 *
 * The index is the truth, replaced with one rename under the lock; blobs are there before it names them, and go after it has forgotten them, so
 * that a crash leaves blobs without a name at most, which the next change removes.
 */
#include "engine/image/artifact.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/record.h"
#include "base/strbuf.h"
#include "engine/image/list.h"
#include "engine/image/manifest.h"
#include "engine/image/push_private.h"
#include "storage/copy_tree.h"

#define DIR_NAME   "artifacts"
#define BLOBS_NAME "artifacts/blobs/sha256"
#define REF_NAME   "org.opencontainers.image.ref.name"
#define TITLE	   "org.opencontainers.image.title"
#define CREATED	   "org.opencontainers.image.created"
#define PREFIX_MIN 3

struct shelf {
	int dir_fd, blobs_fd, lock_fd;
	json_t *index;
};
#define SHELF_INIT                                                                                 \
	{                                                                                          \
		-1, -1, -1, NULL                                                                   \
	}

static void shelf_release(struct shelf *shelf)
{
	fd_close(&shelf->dir_fd);
	fd_close(&shelf->blobs_fd);
	fd_close(&shelf->lock_fd);
	json_decref(shelf->index);
}
#define cleanup_shelf __attribute__((cleanup(shelf_release)))

static json_t *entries(const struct shelf *shelf)
{
	return json_object_get(shelf->index, "manifests");
}

static int shelf_open(struct engine *engine, bool for_writing, struct shelf *shelf, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	int status = -ENOENT;

	shelf->dir_fd = store_open_dir(engine->store, DIR_NAME, for_writing, err);
	if (shelf->dir_fd < 0 && (for_writing || err->kind != ERR_NOT_FOUND))
		return -1;
	if (for_writing) {
		shelf->blobs_fd = store_open_dir(engine->store, BLOBS_NAME, true, err);
		if (shelf->blobs_fd < 0)
			return -1;
		shelf->lock_fd = lock_take(shelf->dir_fd, "lock", true, err);
		if (shelf->lock_fd < 0)
			return -1;
	} else if (shelf->dir_fd >= 0) {
		shelf->blobs_fd =
			path_open_beneath(shelf->dir_fd, "blobs/sha256", O_RDONLY | O_DIRECTORY, 0);
	}
	if (shelf->dir_fd >= 0)
		status = fd_read_file(shelf->dir_fd, "index.json", &text, JSON_LIMIT_BYTES);
	if (status == -ENOENT) {
		shelf->index = json_object();
		json_put_int(shelf->index, "schemaVersion", 2);
		json_put_string(shelf->index, "mediaType", MEDIA_OCI_INDEX);
		json_put(shelf->index, "manifests", json_array());
		return 0;
	}
	if (status < 0)
		return err_sys(err, -status, "cannot read the list of artifacts");
	shelf->index = json_parse(text.data, text.length, "list of artifacts", err);
	if (shelf->index == NULL)
		return -1;
	if (!json_is_array(entries(shelf)))
		return err_set(err, ERR_CORRUPT, "the list of artifacts is damaged");
	return 0;
}

static int read_manifest(const struct shelf *shelf, const char *digest_text, struct manifest *ret,
			 struct strbuf *text, struct err *err)
{
	struct digest digest;
	int status;

	if (digest_parse(digest_text, &digest) < 0)
		return err_set(err, ERR_CORRUPT, "the list of artifacts has a wrong digest");
	strbuf_clear(text);
	status = fd_read_file(shelf->blobs_fd, digest_hex(&digest), text, JSON_LIMIT_BYTES);
	if (status < 0)
		return err_sys(err, -status, "cannot read manifest '%s'", digest_text);
	return manifest_parse(text->data, text->length, NULL, "manifest of the artifact", ret, err);
}

/* Blobs that no artifact names. The lock is held. */
static void sweep(const struct shelf *shelf)
{
	cleanup_strv struct strv needed = STRV_INIT;
	int fd = fd_dup(shelf->blobs_fd);
	DIR *dir;
	const json_t *entry;
	size_t i;

	json_array_foreach (entries(shelf), i, entry) {
		const char *digest = json_get_string(entry, "", "digest", NULL);
		cleanup_manifest struct manifest manifest = { 0 };
		cleanup_strbuf struct strbuf text = STRBUF_INIT;
		struct err ignored; /* of one that is damaged nothing is removed: nothing at all */

		if (read_manifest(shelf, digest, &manifest, &text, &ignored) < 0) {
			fd_close(&fd);
			return;
		}
		strv_add(&needed, digest);
		strv_add(&needed, manifest.config.digest.text);
		for (size_t k = 0; k < manifest.item_count; k++)
			strv_add(&needed, manifest.items[k].digest.text);
	}
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir == NULL) {
		fd_close(&fd);
		return;
	}
	rewinddir(dir);
	for (const struct dirent *file; (file = readdir(dir)) != NULL;) {
		struct digest digest;

		if (digest_from_hex(file->d_name, &digest) == 0 &&
		    !strv_contains(&needed, digest.text))
			unlinkat(shelf->blobs_fd, file->d_name, 0);
	}
	closedir(dir);
	record_sweep(shelf->blobs_fd);
	record_sweep(shelf->dir_fd);
}

static int shelf_save(struct shelf *shelf, struct err *err)
{
	static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	json_print(shelf->index, 0, &text);
	if (text.length > JSON_LIMIT_BYTES)
		return err_set(err, ERR_LIMIT, "there are too many artifacts");
	if (record_publish_raw(shelf->dir_fd, "oci-layout", version, strlen(version), 0600, 0,
			       err) < 0 ||
	    record_publish_raw(shelf->dir_fd, "index.json", text.data, text.length, 0600,
			       RECORD_DURABLE, err) < 0)
		return -1;
	sweep(shelf);
	return 0;
}

/* ---- names ----------------------------------------------------------------------------------------------------------- */

static const char *name_of(const json_t *entry)
{
	return json_get_string(entry, "", "annotations", REF_NAME, NULL);
}

static json_t *find_name(const struct shelf *shelf, const char *name, size_t *ret_number)
{
	json_t *entry;
	size_t i;

	json_array_foreach (entries(shelf), i, entry) {
		if (!str_equal(name_of(entry), name))
			continue;
		*ret_number = i;
		return entry;
	}
	return NULL;
}

/* A digest, or the beginning of one: 1, 0, -1 several */
static int find_digest(const struct shelf *shelf, const char *text, json_t **ret_entry,
		       size_t *ret_number, struct err *err)
{
	const char *hex = str_after(text, "sha256:") ?: text;
	json_t *entry, *found = NULL;
	size_t i;

	if (!object_id_is_prefix(hex) || strlen(hex) < PREFIX_MIN)
		return 0;
	json_array_foreach (entries(shelf), i, entry) {
		const char *digest = json_get_string(entry, "", "digest", NULL);

		if (str_after(str_after(digest, "sha256:") ?: "", hex) == NULL)
			continue;
		if (found != NULL && !str_equal(json_get_string(found, "", "digest", NULL), digest))
			return err_set(err, ERR_AMBIGUOUS,
				       "artifact '%s' is the beginning of several digests", text);
		found = entry;
		*ret_number = i;
	}
	*ret_entry = found;
	return found != NULL;
}

static int find(struct engine *engine, const struct shelf *shelf, const char *text,
		json_t **ret_entry, size_t *ret_number, struct err *err)
{
	struct err not_a_name;
	cleanup_free char *name = image_name_complete(engine, text, &not_a_name);
	int found = find_digest(shelf, text, ret_entry, ret_number, err);

	if (found != 0)
		return found < 0 ? -1 : 0;
	*ret_entry = name != NULL ? find_name(shelf, name, ret_number) : NULL;
	if (*ret_entry == NULL)
		return err_set(err, ERR_NOT_FOUND, "%s: artifact does not exist", text);
	return 0;
}

/* The name means this manifest from now on. */
static void put_entry(struct shelf *shelf, const json_t *descriptor, const char *name)
{
	json_t *entry = json_deep_copy(descriptor);
	json_t *annotations = json_object();
	size_t number = 0;

	json_put(annotations, REF_NAME, json_text(name));
	json_put(entry, "annotations", annotations);
	if (find_name(shelf, name, &number) != NULL)
		json_array_remove(entries(shelf), number);
	json_array_append_new(entries(shelf), entry);
}

/* ---- verbs ----------------------------------------------------------------------------------------------------------- */

int artifact_add(struct engine *engine, const char *text, const struct strv *files,
		 const struct artifact_add_opts *opts, struct digest *ret_digest, struct err *err)
{
	cleanup_free char *name = image_name_complete(engine, text, err);
	cleanup_shelf struct shelf shelf = SHELF_INIT;
	cleanup_manifest struct manifest base = { 0 };
	cleanup_strbuf struct strbuf base_text = STRBUF_INIT;
	cleanup_json json_t *descriptor = NULL;
	json_t *present;
	size_t number = 0;

	if (name == NULL)
		return -1;
	if (opts->append && opts->replace)
		return err_set(err, ERR_USAGE, "--append and --replace exclude each other");
	if (opts->append && opts->form.type != NULL)
		return err_set(err, ERR_USAGE,
			       "--type cannot be changed by --append: the artifact has one");
	if (shelf_open(engine, true, &shelf, err) < 0)
		return -1;
	present = find_name(&shelf, name, &number);
	if (present != NULL && !opts->append && !opts->replace) {
		err_set(err, ERR_EXISTS, "cannot add artifact '%s': the name is in use", name);
		return err_hint(err, "Use --append to add to it, or --replace.");
	}
	if (present == NULL && opts->append)
		return err_set(err, ERR_NOT_FOUND, "%s: artifact does not exist", name);
	if (opts->append && read_manifest(&shelf, json_get_string(present, "", "digest", NULL),
					  &base, &base_text, err) < 0)
		return -1;
	descriptor = artifact_make(shelf.blobs_fd, files, &opts->form, base.json, NULL, err);
	if (descriptor == NULL)
		return err_wrap(err, "cannot add artifact '%s'", name);
	put_entry(&shelf, descriptor, name);
	if (shelf_save(&shelf, err) < 0)
		return err_wrap(err, "cannot add artifact '%s'", name);
	return digest_parse(json_get_string(descriptor, "", "digest", NULL), ret_digest);
}

static json_t *describe(const struct shelf *shelf, const json_t *entry, struct err *err)
{
	const char *digest = json_get_string(entry, "", "digest", NULL);
	cleanup_manifest struct manifest manifest = { 0 };
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	json_t *object;
	int64_t created = 0, bytes = 0;

	if (read_manifest(shelf, digest, &manifest, &text, err) < 0)
		return NULL;
	parse_time(json_get_string(manifest.json, "", "annotations", CREATED, NULL), &created);
	for (size_t i = 0; i < manifest.item_count; i++)
		bytes += (int64_t)manifest.items[i].bytes;
	object = json_object();
	json_put(object, "Manifest", json_incref(manifest.json));
	json_put_string(object, "Name", name_of(entry));
	json_put_string(object, "Digest", digest);
	json_put_int(object, "Size", bytes);
	json_put_int(object, "Created", created);
	return object;
}

json_t *artifact_list(struct engine *engine, struct err *err)
{
	cleanup_shelf struct shelf shelf = SHELF_INIT;
	json_t *list;
	const json_t *entry;
	size_t i;

	if (shelf_open(engine, false, &shelf, err) < 0)
		return NULL;
	list = json_array();
	json_array_foreach (entries(&shelf), i, entry) {
		struct err one;
		json_t *object = describe(&shelf, entry, &one);

		if (object != NULL)
			json_array_append_new(list, object);
		else
			engine_warn(engine, "artifact '%s': %s, ignoring it", name_of(entry),
				    one.msg);
	}
	return list;
}

json_t *artifact_inspect(struct engine *engine, const char *text, struct err *err)
{
	cleanup_shelf struct shelf shelf = SHELF_INIT;
	json_t *entry = NULL;
	size_t number = 0;

	if (shelf_open(engine, false, &shelf, err) < 0 ||
	    find(engine, &shelf, text, &entry, &number, err) < 0)
		return NULL;
	return describe(&shelf, entry, err);
}

int artifact_rm(struct engine *engine, const char *text, struct strv *ret_digests, struct err *err)
{
	cleanup_shelf struct shelf shelf = SHELF_INIT;
	json_t *entry = NULL;
	size_t number = 0;

	if (shelf_open(engine, true, &shelf, err) < 0)
		return -1;
	if (text != NULL) {
		if (find(engine, &shelf, text, &entry, &number, err) < 0)
			return -1;
		strv_add(ret_digests, json_get_string(entry, "", "digest", NULL));
		json_array_remove(entries(&shelf), number);
	} else {
		size_t i;

		json_array_foreach (entries(&shelf), i, entry)
			strv_add(ret_digests, json_get_string(entry, "", "digest", NULL));
		json_array_clear(entries(&shelf));
	}
	return shelf_save(&shelf, err);
}

/* ---- registries ------------------------------------------------------------------------------------------------------ */

static int link_fetched(struct engine *engine, const struct shelf *shelf,
			const struct digest *digest, struct strv *fetched, struct err *err)
{
	static const struct copy_options plain = { .replace = true };
	cleanup_fd int fd = blob_open(engine->store, digest, err);
	char link[PROC_FD_PATH_MAX];

	if (fd < 0)
		return -1;
	strv_add(fetched, digest->text);
	fd_proc_path(fd, link);
	if (fsync(fd) == 0 &&
	    (linkat(AT_FDCWD, link, shelf->blobs_fd, digest_hex(digest), AT_SYMLINK_FOLLOW) == 0 ||
	     errno == EEXIST))
		return 0;
	return copy_file(fd, shelf->blobs_fd, digest_hex(digest), &plain, err);
}

static int take_fetched(struct engine *engine, struct shelf *shelf, const struct digest *digest,
			const char *name, struct strv *fetched, struct err *err)
{
	cleanup_manifest struct manifest manifest = { 0 };
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_json json_t *descriptor = json_object();
	const char *type;

	if (blob_read(engine->store, digest, &text, err) < 0 ||
	    manifest_parse(text.data, text.length, NULL, "manifest of the artifact", &manifest,
			   err) < 0)
		return -1;
	if (manifest.is_index)
		return err_set(err, ERR_UNSUPPORTED, "it is a list of images, no artifact");
	if (link_fetched(engine, shelf, digest, fetched, err) < 0 ||
	    link_fetched(engine, shelf, &manifest.config.digest, fetched, err) < 0)
		return -1;
	for (size_t i = 0; i < manifest.item_count; i++) {
		if (link_fetched(engine, shelf, &manifest.items[i].digest, fetched, err) < 0)
			return -1;
	}
	json_put(descriptor, "mediaType", json_text(manifest.media_type));
	json_put_string(descriptor, "digest", digest->text);
	json_put_int(descriptor, "size", (int64_t)text.length);
	type = json_get_string(manifest.json, NULL, "artifactType", NULL);
	if (type != NULL)
		json_put(descriptor, "artifactType", json_text(type));
	if (fsync(shelf->blobs_fd) < 0)
		return err_sys(err, errno, "cannot write to the disk");
	put_entry(shelf, descriptor, name);
	return shelf_save(shelf, err);
}

int artifact_pull(struct engine *engine, const char *text, const struct image_pull_opts *opts,
		  progress_function progress, void *progress_arg, struct digest *ret_digest,
		  struct err *err)
{
	cleanup_shelf struct shelf shelf = SHELF_INIT;
	cleanup_image_ref struct image_ref ref = { 0 };
	cleanup_strv struct strv fetched = STRV_INIT;
	cleanup_free char *repository = NULL;
	cleanup_free char *name = NULL;
	struct err ignored; /* what cannot be removed now is collected later */
	int status;

	if (image_ref_parse(text, &ref, err) < 0)
		return -1;
	if (list_fetch(engine, text, "all", opts, progress, progress_arg, ret_digest, &repository,
		       err) < 0)
		return err_wrap(err, "cannot pull artifact '%s'", text);
	name = digest_is_set(&ref.digest)
		       ? xasprintf("%s@%s", repository, ref.digest.text)
		       : xasprintf("%s:%s", repository, ref.tag != NULL ? ref.tag : "latest");
	status = shelf_open(engine, true, &shelf, err);
	if (status == 0)
		status = take_fetched(engine, &shelf, ret_digest, name, &fetched, err);
	image_drop_blobs(engine->store, &fetched, &ignored);
	return status < 0 ? err_wrap(err, "cannot pull artifact '%s'", text) : 0;
}

/* Its blobs get names in a layout of their own, so that nobody can take them away meanwhile. */
static int fill_layout(const struct shelf *shelf, struct layout *layout,
		       const struct manifest *manifest, const struct digest *self, struct err *err)
{
	for (size_t i = 0; i < manifest->item_count + 2; i++) {
		const struct digest *digest = i == 0   ? self
					      : i == 1 ? &manifest->config.digest
						       : &manifest->items[i - 2].digest;
		cleanup_fd int fd = openat(shelf->blobs_fd, digest_hex(digest),
					   O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

		if (fd < 0)
			return err_sys(err, errno, "cannot open blob '%s'", digest->text);
		if (layout_link_blob(layout, fd, digest, err) < 0)
			return -1;
	}
	return 0;
}

int artifact_push(struct engine *engine, const char *text, const struct image_push_opts *opts,
		  progress_function progress, void *progress_arg, struct digest *ret_digest,
		  struct err *err)
{
	cleanup_shelf struct shelf shelf = SHELF_INIT;
	cleanup_manifest struct manifest manifest = { 0 };
	cleanup_strbuf struct strbuf document = STRBUF_INIT;
	cleanup_image_ref struct image_ref target = { 0 };
	cleanup_json json_t *source = NULL;
	struct layout layout = LAYOUT_INIT;
	struct layout_image image = { .json = NULL };
	struct push_send_request request = {
		.opts = opts,
		.layout = &layout,
		.image = &image,
		.progress = progress,
		.progress_arg = progress_arg,
	};
	json_t *entry = NULL;
	size_t number = 0;
	int status;

	if (shelf_open(engine, false, &shelf, err) < 0 ||
	    find(engine, &shelf, text, &entry, &number, err) < 0 ||
	    read_manifest(&shelf, json_get_string(entry, "", "digest", NULL), &manifest, &document,
			  err) < 0 ||
	    digest_parse(json_get_string(entry, "", "digest", NULL), &image.manifest) < 0 ||
	    push_target(engine, name_of(entry), &opts->registry, &target, &source, err) < 0 ||
	    layout_new(engine, &layout, err) < 0)
		return err_wrap(err, "cannot push artifact '%s'", text);
	image.bytes = document.length;
	image.media_type = manifest.media_type;
	image.json = manifest.json;
	request.source = source;
	request.tag = push_tag(&target);
	status = fill_layout(&shelf, &layout, &manifest, &image.manifest, err);
	if (status == 0)
		status = push_send(engine, &request, err);
	layout_release(engine, &layout);
	if (status < 0)
		return err_wrap(err, "cannot push artifact '%s'", text);
	*ret_digest = image.manifest;
	return 0;
}

/* ---- extract --------------------------------------------------------------------------------------------------------- */

/* A title comes from whoever made the artifact: it is the name of one file in the directory, or nothing. */
static bool is_file_name(const char *title)
{
	return *title != '\0' && strchr(title, '/') == NULL && !str_equal(title, ".") &&
	       !str_equal(title, "..");
}

static int extract_one(const struct shelf *shelf, const struct descriptor *layer, int target_fd,
		       const char *name, struct err *err)
{
	uint32_t uid = geteuid(), gid = getegid();
	const struct copy_options options = { .replace = true, .uid = &uid, .gid = &gid };
	cleanup_fd int fd = openat(shelf->blobs_fd, digest_hex(&layer->digest),
				   O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return err_sys(err, errno, "cannot open blob '%s'", layer->digest.text);
	if (copy_file(fd, target_fd, name, &options, err) < 0)
		return -1;
	/* in the store it was private */
	if (fchmodat(target_fd, name, 0644, 0) < 0)
		return err_sys(err, errno, "cannot make '%s' readable", name);
	return 0;
}

static int extract_into(const struct shelf *shelf, const struct manifest *manifest,
			const struct artifact_extract_opts *opts, const char *path, bool is_dir,
			struct err *err)
{
	cleanup_free char *parent = xstrdup(path);
	char *slash = is_dir ? NULL : strrchr(parent, '/');
	const char *file = slash != NULL ? slash + 1 : parent;
	cleanup_fd int dir_fd = -1;
	size_t count = 0;

	if (slash != NULL)
		*slash = '\0';
	dir_fd = open(is_dir		? path
		      : slash == NULL	? "."
		      : slash == parent ? "/"
					: parent,
		      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return err_sys(err, errno, "cannot open the directory of '%s'", path);
	for (size_t i = 0; i < manifest->item_count; i++) {
		const struct descriptor *layer = &manifest->items[i];
		const char *title = json_get_string(
			json_array_get(json_object_get(manifest->json, "layers"), i), "",
			"annotations", TITLE, NULL);
		cleanup_free char *name = NULL;

		if ((opts->title != NULL && !str_equal(opts->title, title)) ||
		    (opts->digest != NULL && !str_equal(opts->digest, layer->digest.text)))
			continue;
		if (++count > 1 && !is_dir)
			return err_set(err, ERR_USAGE,
				       "the artifact has several files: '%s' must be a directory",
				       path);
		if (is_dir && *title != '\0' && !is_file_name(title)) {
			cleanup_strbuf struct strbuf shown = STRBUF_INIT;

			strbuf_add_escaped(&shown, title);
			err_set(err, ERR_CORRUPT, "'%.100s' is no name of a file", shown.data);
			return err_hint(err, "Extract it by --digest to a path that you choose.");
		}
		name = !is_dir		? xstrdup(file)
		       : *title != '\0' ? xstrdup(title)
					: xasprintf("sha256-%s", digest_hex(&layer->digest));
		if (extract_one(shelf, layer, dir_fd, name, err) < 0)
			return -1;
	}
	if (count == 0)
		return err_set(err, ERR_NOT_FOUND, "the artifact has no such file");
	return 0;
}

int artifact_extract(struct engine *engine, const char *text, const char *path,
		     const struct artifact_extract_opts *opts, struct err *err)
{
	cleanup_shelf struct shelf shelf = SHELF_INIT;
	cleanup_manifest struct manifest manifest = { 0 };
	cleanup_strbuf struct strbuf document = STRBUF_INIT;
	json_t *entry = NULL;
	size_t number = 0;
	struct stat st;
	bool is_dir = stat(path, &st) == 0 && S_ISDIR(st.st_mode);

	if (opts->title != NULL && opts->digest != NULL)
		return err_set(err, ERR_USAGE, "--title and --digest exclude each other");
	if (str_ends_with(path, "/") && !is_dir)
		return err_set(err, ERR_NOT_FOUND, "there is no directory '%s'", path);
	if (shelf_open(engine, false, &shelf, err) < 0 ||
	    find(engine, &shelf, text, &entry, &number, err) < 0 ||
	    read_manifest(&shelf, json_get_string(entry, "", "digest", NULL), &manifest, &document,
			  err) < 0 ||
	    extract_into(&shelf, &manifest, opts, path, is_dir, err) < 0)
		return err_wrap(err, "cannot extract artifact '%s'", text);
	return 0;
}
