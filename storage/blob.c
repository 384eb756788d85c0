/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/blob.c - blobs of the OCI layout, whole or in the making
 *
 * A blob is written to tmp/blob-HEX.partial, which is its own lock: whoever wants to write takes it, so a second fetcher waits for
 * the first and then finds the blob in its place. The caller checks the digest before it publishes (R12).
 */
#include "storage/image_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/path.h"
#include "storage/store.h"
#include "storage/unsynced.h"

/* "blob-", 64 digits, ".partial" */
#define PARTIAL_NAME_MAX (sizeof("blob-.partial") + DIGEST_HEX)
#define BLOB_PATH_MAX	 (sizeof(BLOBS_DIR "/") + DIGEST_HEX)

static void partial_name(const struct digest *digest, char name[PARTIAL_NAME_MAX])
{
	snprintf(name, PARTIAL_NAME_MAX, "blob-%s.partial", digest_hex(digest));
}

static void blob_path(const struct digest *digest, char path[BLOB_PATH_MAX])
{
	snprintf(path, BLOB_PATH_MAX, BLOBS_DIR "/%s", digest_hex(digest));
}

/* fd of a regular file, or -errno. */
static int open_in(int root_fd, const char *path)
{
	cleanup_fd int fd = -1;
	struct stat st;

	if (root_fd < 0)
		return -ENOENT;
	fd = path_open_beneath(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? TAKE_FD(fd) : -EISDIR;
}

int blob_open(struct store *store, const struct digest *digest, struct err *err)
{
	char path[BLOB_PATH_MAX];
	int fd;

	blob_path(digest, path);
	fd = open_in(store->root_fd, path);
	for (size_t i = 0; fd == -ENOENT && i < store->additional_roots.count; i++)
		fd = open_in(store->additional_fds[i], path);
	if (fd == -ENOENT)
		return err_set(err, ERR_NOT_FOUND, "blob '%s' is not in the store", digest->text);
	if (fd == -EISDIR)
		return err_set(err, ERR_CORRUPT, "blob '%s' is damaged: it is not a regular file",
			       digest->text);
	if (fd < 0)
		return err_sys(err, -fd, "cannot open blob '%s'", digest->text);
	return fd;
}

bool blob_exists(struct store *store, const struct digest *digest)
{
	char path[BLOB_PATH_MAX];
	int fd;

	blob_path(digest, path);
	fd = open_in(store->root_fd, path);
	if (fd >= 0) {
		close(fd);
		return !unsynced_is_lost(store->root_fd, path) || image_refers(store, digest);
	}
	for (size_t i = 0; fd < 0 && i < store->additional_roots.count; i++)
		fd = open_in(store->additional_fds[i], path);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

int blob_read(struct store *store, const struct digest *digest, struct strbuf *ret_data,
	      struct err *err)
{
	cleanup_fd int fd = blob_open(store, digest, err);
	int status;

	if (fd < 0)
		return -1;
	strbuf_clear(ret_data);
	status = fd_read_all(fd, ret_data, JSON_LIMIT_BYTES);
	if (status == -EFBIG)
		return err_set(err, ERR_LIMIT, "blob '%s' is larger than %u bytes", digest->text,
			       JSON_LIMIT_BYTES);
	if (status < 0)
		return err_sys(err, -status, "cannot read blob '%s'", digest->text);
	return 0;
}

/* 1 opened, 0 complete by now, 2 somebody else has it (only without wait), -1 */
static int partial_open(struct store *store, const struct digest *digest, bool wait,
			struct blob_partial *ret_partial, struct err *err)
{
	cleanup_fd int tmp_fd = store_open_dir(store, "tmp", true, err);
	char name[PARTIAL_NAME_MAX];
	cleanup_fd int fd = -1;
	off_t end;

	if (tmp_fd < 0)
		return -1;
	partial_name(digest, name);
	fd = wait ? lock_take(tmp_fd, name, true, err) : lock_try(tmp_fd, name, true, err);
	if (fd == -2)
		return 2;
	if (fd < 0)
		return err_wrap(err, "cannot store blob '%s' in '%s/tmp'", digest->text,
				store->root_path);
	if (blob_exists(store, digest)) {
		unlinkat(tmp_fd, name, 0);
		return 0;
	}
	end = lseek(fd, 0, SEEK_END);
	if (end < 0)
		return err_sys(err, errno, "cannot inspect the part of blob '%s' that is there",
			       digest->text);
	*ret_partial = (struct blob_partial){
		.fd = TAKE_FD(fd),
		.lock_fd = -1,
		.have_bytes = (uint64_t)end,
		.digest = *digest,
	};
	return 1;
}

int blob_partial_open(struct store *store, const struct digest *digest,
		      struct blob_partial *ret_partial, struct err *err)
{
	return partial_open(store, digest, true, ret_partial, err);
}

int blob_partial_try(struct store *store, const struct digest *digest,
		     struct blob_partial *ret_partial, struct err *err)
{
	return partial_open(store, digest, false, ret_partial, err);
}

void blob_partial_offer(struct store *store, const struct digest *digest, int fd)
{
	struct err ignored; /* then it is copied */
	cleanup_fd int tmp_fd = store_open_dir(store, "tmp", true, &ignored);
	char name[PARTIAL_NAME_MAX], path[PROC_FD_PATH_MAX];

	if (tmp_fd < 0 || blob_exists(store, digest) || fchmod(fd, 0600) < 0)
		return;
	partial_name(digest, name);
	fd_proc_path(fd, path);
	if (linkat(AT_FDCWD, path, tmp_fd, name, AT_SYMLINK_FOLLOW) < 0)
		debug("blob '%s' is copied", digest->text);
}

int blob_partial_publish(struct store *store, struct blob_partial *partial, bool durable,
			 struct err *err)
{
	cleanup_fd int tmp_fd = store_open_dir(store, "tmp", true, err);
	cleanup_fd int blobs_fd = -1;
	char name[PARTIAL_NAME_MAX];
	int status;

	if (tmp_fd < 0)
		return -1;
	blobs_fd = store_open_dir(store, BLOBS_DIR, true, err);
	if (blobs_fd < 0)
		return -1;

	status = durable ? (fsync(partial->fd) < 0 ? -errno : 0) : unsynced_mark(partial->fd);
	if (status < 0) {
		/* what the disk refused must not be taken for whole by a retry */
		blob_partial_close(store, partial, true);
		return err_sys(err, -status, "cannot write blob '%s' to the disk",
			       partial->digest.text);
	}
	partial_name(&partial->digest, name);
	status = renameat(tmp_fd, name, blobs_fd, digest_hex(&partial->digest));
	if (status < 0 && image_drop_directory(store, blobs_fd, digest_hex(&partial->digest)))
		status = renameat(tmp_fd, name, blobs_fd, digest_hex(&partial->digest));
	if (status < 0)
		return err_sys(err, errno, "cannot move blob '%s' to its place",
			       partial->digest.text);
	if (durable && fsync(blobs_fd) < 0)
		return err_sys(err, errno, "cannot sync directory '%s/%s'", store->root_path,
			       BLOBS_DIR);
	fd_close(&partial->fd);
	fd_close(&partial->lock_fd);
	return 0;
}

void blob_partial_close(struct store *store, struct blob_partial *partial, bool discard)
{
	if (partial->fd < 0)
		return;
	if (discard) {
		struct err ignored; /* it is collected later */
		cleanup_fd int tmp_fd = store_open_dir(store, "tmp", false, &ignored);
		char name[PARTIAL_NAME_MAX];

		partial_name(&partial->digest, name);
		if (tmp_fd >= 0)
			unlinkat(tmp_fd, name, 0);
	}
	fd_close(&partial->fd);
	fd_close(&partial->lock_fd);
}

int blob_put(struct store *store, const struct digest *digest, const void *data, size_t length,
	     struct err *err)
{
	struct blob_partial partial = BLOB_PARTIAL_INIT;
	int status = blob_partial_open(store, digest, &partial, err);

	if (status <= 0)
		return status;
	status = ftruncate(partial.fd, 0) < 0 || lseek(partial.fd, 0, SEEK_SET) < 0 ? -errno : 0;
	if (status == 0)
		status = fd_write_full(partial.fd, data, length);
	if (status < 0) {
		blob_partial_close(store, &partial, true);
		return err_sys(err, -status, "cannot write blob '%s' in '%s/tmp'", digest->text,
			       store->root_path);
	}
	if (blob_partial_publish(store, &partial, false, err) < 0) {
		blob_partial_close(store, &partial, true);
		return -1;
	}
	return 0;
}

void blob_set_synced(struct store *store, const struct digest *digest)
{
	char path[BLOB_PATH_MAX];

	blob_path(digest, path);
	unsynced_clear(store->root_fd, path);
}
