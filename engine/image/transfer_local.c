/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_local.c - images in a local directory: an OCI layout (oci:), or the plain files of dir:
 *
 * They are as untrusted as a registry: everything below the directory is opened without following links (R1).
 */
#include "engine/image/transfer_fetcher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"

static int open_file(int dir_fd, const char *path)
{
	cleanup_fd int fd = path_open_beneath(dir_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? TAKE_FD(fd) : -EINVAL;
}

int local_read(struct fetcher *fetcher, const char *path, size_t limit_bytes, struct strbuf *ret,
	       struct err *err)
{
	const char *dir = json_get_string(fetcher->transfer->source, "", "path", NULL);
	cleanup_fd int fd = open_file(fetcher->source_dir_fd, path);
	int status = fd < 0 ? fd : fd_read_all(fd, ret, limit_bytes);

	if (status == -EFBIG)
		return err_set(err, ERR_LIMIT, "'%s/%s' has more than %zu bytes", dir, path,
			       limit_bytes);
	if (status == -ENOENT)
		return err_set(err, ERR_NOT_FOUND, "'%s' has no file '%s'", dir, path);
	if (status < 0)
		return err_sys(err, -status, "cannot read '%s/%s'", dir, path);
	return 0;
}

int local_open(struct fetcher *fetcher, const struct digest *digest, struct err *err)
{
	const char *dir = json_get_string(fetcher->transfer->source, "", "path", NULL);
	cleanup_free char *path = xasprintf(
		"%s%s", fetcher->source_is_layout ? "blobs/sha256/" : "", digest_hex(digest));
	int fd = open_file(fetcher->source_dir_fd, path);

	if (fd == -ENOENT && !fetcher->source_is_layout) {
		/* a manifest that a list names */
		cleanup_free char *member = xasprintf("%s.manifest.json", path);

		fd = open_file(fetcher->source_dir_fd, member);
	}
	if (fd == -ENOENT) {
		err_set(err, ERR_NOT_FOUND, "'%s' has no blob '%s'", dir, digest->text);
		return err_hint(err, "If it was saved with --except, load the image first whose "
				     "layers it leaves out.");
	}
	if (fd < 0)
		return err_sys(err, -fd, "cannot open '%s/%s'", dir, path);
	return fd;
}

/* The entry of index.json that is meant: by its name, or the only one. */
static int choose_entry(const struct manifest *index, const char *dir, const char *name,
			const char *digest, const struct descriptor **ret_entry, struct err *err)
{
	const struct descriptor *found = NULL;

	for (size_t i = 0; *digest != '\0' && i < index->item_count; i++) {
		if (str_equal(index->items[i].digest.text, digest)) {
			*ret_entry = &index->items[i];
			return 0;
		}
	}

	for (size_t i = 0; i < index->item_count; i++) {
		const struct descriptor *item = &index->items[i];

		if (*name != '\0' && (item->ref_name == NULL || !str_equal(item->ref_name, name)))
			continue;
		if (found != NULL && *name == '\0') {
			err_set(err, ERR_AMBIGUOUS, "'%s' has more than one image", dir);
			return err_hint(err, "Name one: oci:%.150s:NAME.", dir);
		}
		found = item;
	}
	if (found == NULL)
		return err_set(err, ERR_NOT_FOUND,
			       *name != '\0' ? "'%s' has no image '%s'" : "'%s' has no image", dir,
			       name);
	*ret_entry = found;
	return 0;
}

int local_top(struct fetcher *fetcher, struct strbuf *ret_text, char **ret_content_type,
	      struct err *err)
{
	const json_t *source = fetcher->transfer->source;
	const char *dir = json_get_string(source, "", "path", NULL);
	cleanup_manifest struct manifest index = { 0 };
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	const struct descriptor *entry = NULL;
	cleanup_free char *path = NULL;

	if (!fetcher->source_is_layout)
		return local_read(fetcher, "manifest.json", JSON_LIMIT_BYTES, ret_text, err);
	if (local_read(fetcher, "index.json", JSON_LIMIT_BYTES, &text, err) < 0 ||
	    manifest_parse(text.data, text.length, MEDIA_OCI_INDEX, "index.json", &index, err) <
		    0 ||
	    choose_entry(&index, dir, json_get_string(source, "", "name", NULL),
			 json_get_string(source, "", "digest", NULL), &entry, err) < 0)
		return -1;
	path = xasprintf("blobs/sha256/%s", digest_hex(&entry->digest));
	if (local_read(fetcher, path, JSON_LIMIT_BYTES, ret_text, err) < 0)
		return -1;
	if (*entry->media_type != '\0')
		*ret_content_type = xstrdup(entry->media_type);
	return 0;
}
