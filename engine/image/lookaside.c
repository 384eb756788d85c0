/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/lookaside.c - signatures in a directory: BASE/REPOSITORY@sha256=HEX/signature-1, -2, ...
 *
 * A web server that serves BASE is a storage for everybody. The files are read in one piece and looked at by the helper only.
 */
#include "engine/image/registries_d.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "base/record.h"
#include "engine/image/signature.h"

#define NUMBER_MAX 10000

static char *directory_of(const char *base, const char *repository, const struct digest *digest)
{
	return xasprintf("%s/%s@sha256=%s", base, repository, digest_hex(digest));
}

int lookaside_read(const char *directory, const struct image_ref *ref, const struct digest *digest,
		   json_t *list, struct err *err)
{
	cleanup_free char *path = directory_of(directory, ref->path, digest);
	cleanup_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return err_sys(err, errno, "cannot open the signatures in '%s'", path);
	for (size_t i = 1; json_array_size(list) < SIGNATURES_MAX; i++) {
		cleanup_free char *name = xasprintf("signature-%zu", i);
		cleanup_strbuf struct strbuf data = STRBUF_INIT, text = STRBUF_INIT;
		int status = fd_read_file(fd, name, &data, SIGNATURE_MAX_BYTES);
		json_t *json;

		if (status == -ENOENT)
			break;
		if (status < 0)
			return err_sys(err, -status, "cannot read signature '%s/%s'", path, name);
		base64_encode(data.data, data.length, &text);
		json = json_object();
		json_put_string(json, "kind", "blob");
		json_put_string(json, "data", text.data);
		json_array_append_new(list, json);
	}
	return 0;
}

int lookaside_write(const char *directory, const char *repository, const struct digest *digest,
		    const void *data, size_t length, char **ret_path, struct err *err)
{
	cleanup_free char *path = directory_of(directory, repository, digest);
	cleanup_fd int fd = path_make_dirs(path, 0755);

	if (fd < 0)
		return err_sys(err, -fd, "cannot make directory '%s'", path);
	for (size_t i = 1; i < NUMBER_MAX; i++) {
		cleanup_free char *name = xasprintf("signature-%zu", i);

		if (faccessat(fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		if (record_publish_raw(fd, name, data, length, 0644,
				       RECORD_DURABLE | RECORD_EXCLUSIVE, err) == 0) {
			if (ret_path != NULL)
				*ret_path = xasprintf("%s/%s", path, name);
			return 0;
		}
		/* somebody else has written one meanwhile: the next number */
		if (err->kind != ERR_EXISTS)
			return err_wrap(err, "cannot write a signature into '%s'", path);
	}
	return err_set(err, ERR_LIMIT, "there are too many signatures in '%s'", path);
}
