/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/save.c - images as archives and directories
 *
 * The layout (layout.h) is what an OCI archive and directory have; the others are its blobs under other names. Owners and times are zero
 * in an archive, so that the same images give the same bytes.
 */
#include "engine/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "base/record.h"
#include "base/strbuf.h"
#include "engine/events.h"
#include "engine/image/layout.h"
#include "engine/image/list.h"
#include "storage/copy_tree.h"
#include "storage/tar_write.h"

static const char *const image_save_format_names[] = {
	[SAVE_DOCKER_ARCHIVE] = "docker-archive",
	[SAVE_OCI_ARCHIVE] = "oci-archive",
	[SAVE_OCI_DIR] = "oci-dir",
	[SAVE_DOCKER_DIR] = "docker-dir",
};
NAME_TABLE(image_save_format, SAVE_FORMAT_COUNT)

struct save {
	struct engine *engine;
	const struct image_save_request *request;
	struct layout layout;
	struct layout_image *images;
	struct strv *names; /* of each image, for the index */
};

/* Docker's archives have no lists: of one its image for this machine is in them. */
static int add_list(struct save *save, const struct image *list, const struct layout_opts *opts,
		    struct layout_image *ret, struct err *err)
{
	static const struct image_pull_opts plain = { .tls_verify = -1, .retry = -1 };
	const struct list_layout_request request = {
		.list = list, .opts = opts, .registry = &plain, .all = true
	};
	cleanup_image struct image *image = NULL;
	struct layout_list filled = { 0 };
	int status;

	if (save->request->format == SAVE_DOCKER_ARCHIVE) {
		if (list_choose(save->engine, list, &plain, NULL, NULL, &image, err) < 0)
			return -1;
		return layout_add(save->engine, &save->layout, image, opts, ret, err);
	}
	status = layout_add_list(save->engine, &save->layout, &request, &filled, err);
	if (status == 0) {
		*ret = filled.self;
		filled.self.json = NULL;
	}
	layout_list_release(&filled);
	return status;
}

static bool is_excepted(const struct save *save, const struct digest *diff_id)
{
	const struct image_save_request *request = save->request;

	for (size_t i = 0; i < request->except_count; i++)
		for (size_t k = 0; k < request->except[i]->layer_count; k++)
			if (digest_equal(&request->except[i]->layers[k].diff_id, diff_id))
				return true;
	return false;
}

/* The manifest still names them: who reads it looks for the layers in his store. */
static int leave_out(struct save *save, const struct image *image, const struct layout_image *saved,
		     struct err *err)
{
	const json_t *layers = json_object_get(saved->json, "layers");

	if (save->request->except_count == 0)
		return 0;
	if (digest_is_set(&image->list) || json_array_size(layers) != image->layer_count)
		return err_set(err, ERR_UNSUPPORTED,
			       "cannot leave out layers of a manifest list: save its images");
	for (size_t i = 0; i < image->layer_count; i++) {
		struct digest blob;

		if (!is_excepted(save, &image->layers[i].diff_id))
			continue;
		if (digest_parse(json_get_string(json_array_get(layers, i), "", "digest", NULL),
				 &blob) < 0)
			return err_set(err, ERR_CORRUPT,
				       "the manifest has a layer without a digest");
		if (unlinkat(save->layout.blobs_fd, digest_hex(&blob), 0) < 0 && errno != ENOENT)
			return err_sys(err, errno, "cannot leave out blob '%s'", blob.text);
	}
	return 0;
}

static int fill(struct save *save, struct err *err)
{
	const struct image_save_request *request = save->request;
	struct layout_opts opts = {
		.format = (enum layout_format)request->manifest,
		.compression = (enum layout_compression)request->compression,
		.force = request->force_compression,
		.level = (int)request->level,
	};

	if (request->format == SAVE_DOCKER_ARCHIVE)
		opts.compression = LAYOUT_PLAIN;
	if (request->format == SAVE_DOCKER_DIR && request->compress)
		opts.compression = LAYOUT_GZIP;
	for (size_t i = 0; i < request->count; i++) {
		const struct image *image = request->items[i].image;

		save->names[i] = request->items[i].names;
		if ((digest_is_set(&image->list)
			     ? add_list(save, image, &opts, &save->images[i], err)
			     : layout_add(save->engine, &save->layout, image, &opts,
					  &save->images[i], err)) < 0)
			return -1;
		if (leave_out(save, image, &save->images[i], err) < 0)
			return -1;
		if (request->ret_digest != NULL)
			*request->ret_digest = save->images[i].manifest;
	}
	return layout_write_index(&save->layout, save->images, save->names, request->count, err);
}

/* ---- archives -------------------------------------------------------------------------------------------------------- */

static int write_oci(struct save *save, struct tar_writer *writer, struct err *err)
{
	static const uint32_t root = 0;
	static const int64_t beginning = 0;
	const struct tar_tree_options options = {
		.form = LAYER_MAPPED, .uid = &root, .gid = &root, .latest_mtime_s = &beginning
	};

	return tar_writer_add_tree(writer, save->layout.staging.dir_fd, &options, NULL, err);
}

static int write_text(struct tar_writer *writer, const char *name, const json_t *json,
		      struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct tar_item item = { .name = name, .mode = S_IFREG | 0644 };

	json_print(json, 0, &text);
	strbuf_addc(&text, '\n');
	item.size = text.length;
	return tar_writer_add_data(writer, &item, text.data, err);
}

/* A blob under docker's name, unless it is in the archive already. */
static int write_blob(struct save *save, struct tar_writer *writer, struct strv *written,
		      const char *digest_text, const char *suffix, json_t *list, struct err *err)
{
	cleanup_free char *name = NULL;
	cleanup_fd int fd = -1;
	struct tar_item item = { .mode = S_IFREG | 0644 };
	struct digest digest;
	struct stat st;

	if (digest_parse(digest_text, &digest) < 0)
		return err_set(err, ERR_CORRUPT, "'%s' is no digest", digest_text);
	name = xasprintf("%s%s", digest_hex(&digest), suffix);
	if (list != NULL)
		json_array_append_new(list, json_string(name));
	if (strv_contains(written, name))
		return 0;
	strv_add(written, name);
	fd = openat(save->layout.blobs_fd, digest_hex(&digest), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot open blob '%s'", digest_text);
	item.name = name;
	item.size = (uint64_t)st.st_size;
	return tar_writer_add_fd(writer, &item, fd, err);
}

/* "repositories", which old programs read: {REPOSITORY: {TAG: LAYER}} */
static void add_repository(json_t *repositories, const char *name, const char *top)
{
	cleanup_free char *repository = xstrdup(name);
	char *slash = strrchr(repository, '/');
	char *colon = strrchr(slash != NULL ? slash : repository, ':');
	json_t *tags;

	if (colon == NULL || top == NULL)
		return;
	*colon = '\0';
	if (json_object_get(repositories, repository) == NULL)
		json_put(repositories, repository, json_object());
	tags = json_object_get(repositories, repository);
	json_put_string(tags, colon + 1, top);
}

static int write_docker_image(struct save *save, struct tar_writer *writer, size_t number,
			      struct strv *written, json_t *manifests, json_t *repositories,
			      struct err *err)
{
	const json_t *manifest = save->images[number].json;
	const struct strv *names = &save->names[number];
	const char *config = json_get_string(manifest, "", "config", "digest", NULL);
	json_t *entry = json_object();
	json_t *list = json_array();
	const json_t *layer;
	const char *top = NULL;
	size_t i;

	json_array_append_new(manifests, entry);
	json_put(entry, "Config", json_sprintf("%s.json", str_after(config, "sha256:") ?: config));
	if (names->count > 0)
		json_put_strv(entry, "RepoTags", names);
	else
		json_put(entry, "RepoTags", json_null());
	json_put(entry, "Layers", list);
	json_array_foreach (json_object_get(manifest, "layers"), i, layer) {
		top = json_get_string(layer, "", "digest", NULL);
		if (write_blob(save, writer, written, top, ".tar", list, err) < 0)
			return -1;
	}
	for (size_t k = 0; k < names->count; k++)
		add_repository(repositories, names->items[k],
			       top != NULL ? str_after(top, "sha256:") : NULL);
	return write_blob(save, writer, written, config, ".json", NULL, err);
}

static int write_docker(struct save *save, struct tar_writer *writer, struct err *err)
{
	cleanup_json json_t *manifests = json_array();
	cleanup_json json_t *repositories = json_object();
	cleanup_strv struct strv written = STRV_INIT;

	for (size_t i = 0; i < save->request->count; i++) {
		if (write_docker_image(save, writer, i, &written, manifests, repositories, err) < 0)
			return -1;
	}
	if (json_object_size(repositories) > 0 &&
	    write_text(writer, "repositories", repositories, err) < 0)
		return -1;
	return write_text(writer, "manifest.json", manifests, err);
}

static int write_archive(struct save *save, struct err *err)
{
	int fd = save->request->output_fd;
	struct tar_writer *writer = tar_writer_new(tar_sink_fd, &fd);
	int status = save->request->format == SAVE_OCI_ARCHIVE ? write_oci(save, writer, err)
							       : write_docker(save, writer, err);

	if (status == 0)
		status = tar_writer_finish(writer, err);
	tar_writer_free(writer);
	return status;
}

/* ---- directories ----------------------------------------------------------------------------------------------------- */

static int make_directory(const char *path, struct err *err)
{
	int fd;

	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return err_sys(err, errno, "cannot make directory '%s'", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, errno, "cannot open directory '%s'", path) : fd;
}

/* What the layout has, as files that are the user's alone. */
static const struct copy_options *own_options(uint32_t *uid, uint32_t *gid,
					      struct copy_options *options)
{
	*uid = geteuid();
	*gid = getegid();
	*options =
		(struct copy_options){ .replace = true, .keep_root = true, .uid = uid, .gid = gid };
	return options;
}

/* An index that is there keeps its other images: push adds to a layout. */
static int merge_index(struct save *save, int target_fd, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT, merged = STRBUF_INIT;
	cleanup_json json_t *there = NULL, *ours = NULL;
	const json_t *entry;
	json_t *list;
	size_t i;

	if (fd_read_file(target_fd, "index.json", &text, JSON_LIMIT_BYTES) < 0)
		return 0;
	there = json_parse(text.data, text.length, "'index.json' of the directory", err);
	strbuf_clear(&text);
	if (there == NULL ||
	    fd_read_file(save->layout.staging.dir_fd, "index.json", &text, JSON_LIMIT_BYTES) < 0)
		return -1;
	ours = json_parse(text.data, text.length, "index", err);
	list = json_object_get(ours, "manifests");
	json_array_foreach (json_object_get(there, "manifests"), i, entry) {
		const char *name = json_get_string(entry, "", "annotations",
						   "org.opencontainers.image.ref.name", NULL);
		bool replaced = false;

		for (size_t k = 0; k < save->request->count; k++)
			replaced |= strv_contains(&save->names[k], name) ||
				    str_equal(json_get_string(entry, "", "digest", NULL),
					      save->images[k].manifest.text);
		if (!replaced)
			json_array_append(list, (json_t *)entry);
	}
	json_print(ours, 0, &merged);
	return record_publish_raw(save->layout.staging.dir_fd, "index.json", merged.data,
				  merged.length, 0644, 0, err);
}

static int write_oci_directory(struct save *save, int target_fd, struct err *err)
{
	struct copy_options options;
	uint32_t uid, gid;

	if (merge_index(save, target_fd, err) < 0)
		return -1;
	return copy_tree(save->layout.staging.dir_fd, target_fd, own_options(&uid, &gid, &options),
			 err);
}

/* The manifests of a list's members have another name than blobs. */
static int rename_members(struct save *save, struct err *err)
{
	const json_t *item;
	size_t i;

	json_array_foreach (json_object_get(save->images[0].json, "manifests"), i, item) {
		struct digest digest;
		cleanup_free char *name = NULL;

		if (digest_parse(json_get_string(item, "", "digest", NULL), &digest) < 0)
			return err_set(err, ERR_CORRUPT, "the list has a member without a digest");
		name = xasprintf("%s.manifest.json", digest_hex(&digest));
		if (renameat(save->layout.blobs_fd, digest_hex(&digest), save->layout.blobs_fd,
			     name) < 0 &&
		    errno != ENOENT)
			return err_sys(err, errno, "cannot make '%s'", name);
	}
	return 0;
}

/* The files of dir: blobs by their digits, the manifest by its name. */
static int write_docker_directory(struct save *save, int target_fd, struct err *err)
{
	static const char version[] = "Directory Transport Version: 1.1\n";
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct copy_options options;
	uint32_t uid, gid;

	if (save->request->count != 1)
		return err_set(err, ERR_USAGE, "a directory of format docker-dir has one image");
	if (fd_read_file(save->layout.blobs_fd, digest_hex(&save->images[0].manifest), &text,
			 JSON_LIMIT_BYTES) < 0)
		return err_set(err, ERR_FAILED, "cannot read the manifest");
	unlinkat(save->layout.blobs_fd, digest_hex(&save->images[0].manifest), 0);
	if (rename_members(save, err) < 0)
		return -1;
	if (copy_tree(save->layout.blobs_fd, target_fd, own_options(&uid, &gid, &options), err) < 0)
		return -1;
	if (record_publish_raw(target_fd, "version", version, strlen(version), 0644, 0, err) < 0)
		return -1;
	return record_publish_raw(target_fd, "manifest.json", text.data, text.length, 0644, 0, err);
}

static int write_directory(struct save *save, struct err *err)
{
	cleanup_fd int target_fd = make_directory(save->request->path, err);

	if (target_fd < 0)
		return -1;
	return save->request->format == SAVE_OCI_DIR ? write_oci_directory(save, target_fd, err)
						     : write_docker_directory(save, target_fd, err);
}

int image_save(struct engine *engine, const struct image_save_request *request, struct err *err)
{
	struct save save = { .engine = engine, .request = request, .layout = LAYOUT_INIT };
	bool is_archive =
		request->format == SAVE_DOCKER_ARCHIVE || request->format == SAVE_OCI_ARCHIVE;
	int status;

	save.images = xcalloc(request->count + 1, sizeof(*save.images));
	save.names = xcalloc(request->count + 1, sizeof(*save.names));
	status = layout_new(engine, &save.layout, err);
	if (status == 0)
		status = fill(&save, err);
	if (status == 0)
		status = is_archive ? write_archive(&save, err) : write_directory(&save, err);
	for (size_t i = 0; i < request->count; i++) {
		layout_image_release(&save.images[i]);
		if (status == 0)
			event_image(engine, EVENT_SAVE, request->items[i].image->config.text,
				    request->name);
	}
	layout_release(engine, &save.layout);
	free(save.images);
	free(save.names);
	return status < 0 ? err_wrap(err, "cannot save images") : 0;
}
