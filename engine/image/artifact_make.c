/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/artifact_make.c - from files to the manifest of an artifact
 */
#include "engine/image/artifact.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/record.h"
#include "base/strbuf.h"
#include "engine/image/manifest.h"
#include "storage/sha256.h"

#define EMPTY_TYPE   "application/vnd.oci.empty.v1+json"
#define UNKNOWN_TYPE "application/vnd.unknown.artifact.v1"
#define TITLE	     "org.opencontainers.image.title"
#define CREATED	     "org.opencontainers.image.created"
#define SNIFF_BYTES  512
#define COPY_BYTES   (1U << 20)

/* ---- kinds ----------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *magic;
	size_t length;
	const char *type;
} magics[] = {
	{ "%PDF-", 5, "application/pdf" },
	{ "\x89PNG\x0d\x0a\x1a\x0a", 8, "image/png" },
	{ "\xff\xd8\xff", 3, "image/jpeg" },
	{ "GIF87a", 6, "image/gif" },
	{ "GIF89a", 6, "image/gif" },
	{ "\x1f\x8b\x08", 3, "application/x-gzip" },
	{ "PK\x03\x04", 4, "application/zip" },
	{ "\0asm", 4, "application/wasm" },
	{ "<?xml", 5, "text/xml; charset=utf-8" },
	{ "<!DOCTYPE HTML", 14, "text/html; charset=utf-8" },
	{ "<html", 5, "text/html; charset=utf-8" },
};

/* As browsers do it: by the first bytes. */
static const char *sniff(int fd)
{
	unsigned char data[SNIFF_BYTES];
	ssize_t got = pread(fd, data, sizeof(data), 0);

	for (size_t i = 0; got > 0 && i < ARRAY_SIZE(magics); i++) {
		if ((size_t)got >= magics[i].length &&
		    (magics[i].magic[0] == '<'
			     ? strncasecmp((char *)data, magics[i].magic, magics[i].length)
			     : memcmp(data, magics[i].magic, magics[i].length)) == 0)
			return magics[i].type;
	}
	for (ssize_t i = 0; i < got; i++) {
		if (data[i] < 0x20 && strchr("\t\n\f\r\x1b", data[i]) == NULL)
			return "application/octet-stream";
	}
	return "text/plain; charset=utf-8";
}

/* ---- blobs ----------------------------------------------------------------------------------------------------------- */

static json_t *descriptor(const char *media_type, const struct digest *digest, int64_t bytes)
{
	json_t *json = json_object();

	json_put(json, "mediaType", json_text(media_type));
	json_put_string(json, "digest", digest->text);
	json_put_int(json, "size", bytes);
	return json;
}

static json_t *put_text(int blobs_fd, const char *media_type, const struct strbuf *text,
			struct err *err)
{
	struct digest digest;

	sha256_of(text->data, text->length, &digest);
	if (record_publish_raw(blobs_fd, digest_hex(&digest), text->data, text->length, 0600,
			       RECORD_DURABLE, err) < 0)
		return NULL;
	return descriptor(media_type, &digest, (int64_t)text->length);
}

/* Hashed as it is written: what the user changes meanwhile does not matter. 0 or -errno */
static int copy_blob(int blobs_fd, int from_fd, int64_t *ret_bytes, struct digest *ret_digest)
{
	cleanup_fd int fd = openat(blobs_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	cleanup_sha256 struct sha256 *hash = sha256_new();
	cleanup_free char *buffer = xmalloc(COPY_BYTES);
	char link[PROC_FD_PATH_MAX];
	int64_t bytes = 0;
	ssize_t got;

	if (fd < 0)
		return -errno;
	while ((got = fd_read_full(from_fd, buffer, COPY_BYTES)) > 0) {
		int status = fd_write_full(fd, buffer, (size_t)got);

		if (status < 0)
			return status;
		sha256_update(hash, buffer, (size_t)got);
		bytes += got;
	}
	if (got < 0)
		return (int)got;
	sha256_final_digest(hash, ret_digest);
	fd_proc_path(fd, link);
	if (fsync(fd) < 0 ||
	    (linkat(AT_FDCWD, link, blobs_fd, digest_hex(ret_digest), AT_SYMLINK_FOLLOW) < 0 &&
	     errno != EEXIST) ||
	    fsync(blobs_fd) < 0)
		return -errno;
	*ret_bytes = bytes;
	return 0;
}

static json_t *add_file(int blobs_fd, const char *path, const struct artifact_form *form,
			struct err *err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	const char *slash = strrchr(path, '/');
	json_t *json, *annotations;
	struct digest digest;
	int64_t bytes = 0;
	struct stat st;
	int status;

	if (fd < 0 || fstat(fd, &st) < 0) {
		err_sys(err, errno, "cannot open '%s'", path);
		return NULL;
	}
	if (!S_ISREG(st.st_mode)) {
		err_set(err, ERR_USAGE, "'%s' is no regular file", path);
		return NULL;
	}
	status = copy_blob(blobs_fd, fd, &bytes, &digest);
	if (status < 0) {
		err_sys(err, -status, "cannot take file '%s' into the store", path);
		return NULL;
	}
	json = descriptor(form->layer_type != NULL ? form->layer_type : sniff(fd), &digest, bytes);
	annotations = json_object();
	for (size_t i = 0; i < form->layer_annotations.count; i++) {
		const char *item = form->layer_annotations.items[i];
		const char *equals = strchr(item, '=');

		if (equals != NULL) {
			cleanup_free char *name = xstrndup(item, (size_t)(equals - item));

			json_put(annotations, name, json_text(equals + 1));
		}
	}
	if (!form->exclude_titles && json_object_get(annotations, TITLE) == NULL)
		json_put(annotations, TITLE, json_text(slash != NULL ? slash + 1 : path));
	if (json_object_size(annotations) > 0)
		json_put(json, "annotations", annotations);
	else
		json_decref(annotations);
	return json;
}

/* ---- manifest -------------------------------------------------------------------------------------------------------- */

static json_t *config_descriptor(int blobs_fd, const struct artifact_form *form, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	const char *type = form->config_type;

	if (form->config == NULL) {
		strbuf_adds(&text, "{}");
		type = type != NULL ? type : EMPTY_TYPE;
	} else {
		int status = fd_read_file(AT_FDCWD, form->config, &text, JSON_LIMIT_BYTES);

		if (status < 0) {
			err_sys(err, -status, "cannot read --artifact-config '%s'", form->config);
			return NULL;
		}
		type = type != NULL ? type : MEDIA_OCI_CONFIG;
	}
	return put_text(blobs_fd, type, &text, err);
}

static bool has_title(const json_t *layers, const char *title)
{
	const json_t *item;
	size_t i;

	json_array_foreach (layers, i, item) {
		if (*title != '\0' &&
		    str_equal(json_get_string(item, "", "annotations", TITLE, NULL), title))
			return true;
	}
	return false;
}

/* All but the files; base stays as it was. */
static json_t *manifest_new(int blobs_fd, const struct artifact_form *form, const json_t *subject,
			    struct err *err)
{
	cleanup_json json_t *manifest = json_object();
	json_t *config = config_descriptor(blobs_fd, form, err);
	const char *type = form->type;

	if (config == NULL)
		return NULL;
	if (type == NULL && form->config == NULL)
		type = UNKNOWN_TYPE;
	json_put_int(manifest, "schemaVersion", 2);
	json_put_string(manifest, "mediaType", MEDIA_OCI_MANIFEST);
	if (type != NULL)
		json_put(manifest, "artifactType", json_text(type));
	json_put(manifest, "config", config);
	json_put(manifest, "layers", json_array());
	if (subject != NULL)
		json_put(manifest, "subject", json_deep_copy(subject));
	if (form->dated) {
		json_t *annotations = json_object();
		char created[TIME_TEXT_MAX];

		time_format_rfc3339(time_now_ns(), created);
		json_put_string(annotations, CREATED, created);
		json_put(manifest, "annotations", annotations);
	}
	return TAKE_PTR(manifest);
}

json_t *artifact_make(int blobs_fd, const struct strv *files, const struct artifact_form *form,
		      const json_t *base, const json_t *subject, struct err *err)
{
	cleanup_json json_t *manifest =
		base != NULL ? json_deep_copy(base) : manifest_new(blobs_fd, form, subject, err);
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	const char *type = json_get_string(manifest, NULL, "artifactType", NULL);
	json_t *result;

	if (manifest == NULL)
		return NULL;
	for (size_t i = 0; i < files->count; i++) {
		json_t *layers = json_object_get(manifest, "layers");
		json_t *layer = add_file(blobs_fd, files->items[i], form, err);

		if (layer == NULL)
			return NULL;
		if (has_title(layers, json_get_string(layer, "", "annotations", TITLE, NULL))) {
			json_decref(layer);
			err_set(err, ERR_EXISTS, "the artifact has a file '%s' already",
				files->items[i]);
			return NULL;
		}
		json_array_append_new(layers, layer);
	}
	json_print(manifest, 0, &text);
	result = put_text(blobs_fd, MEDIA_OCI_MANIFEST, &text, err);
	if (result != NULL && type != NULL)
		json_put(result, "artifactType", json_text(type));
	return result;
}
