/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/layer_make.c - a layer from a directory, and its tar again
 *
 * In the namespace: the directory comes into the staging place (rename or copy), what is not wanted goes, the tar writer walks it.
 * Its numbers come back in shared memory. Outside: lock, publish.
 */
#include "storage/layer_make.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "rootless/rootless.h"
#include "storage/copy_file.h"
#include "storage/copy_tree.h"
#include "storage/sha256.h"
#include "storage/store.h"
#include "storage/tar_write.h"

#define DIFF_DIR "diff"

/* what the child tells */
struct made {
	struct digest diff_id;
	uint64_t tar_bytes;
	struct tar_tree_counts counts;
};

struct make {
	const struct layer_source *source;
	int staging_fd;
	enum layer_form form;
	struct made *made; /* shared memory */
};

/* Run in a user namespace that has the owners of the files, unless we are in one. */
static int run_inside(struct store *store, int (*function)(void *arg, struct err *err), void *arg,
		      struct err *err)
{
	const struct idmaps *maps;

	if (userns_is_inside())
		return function(arg, err);
	if (store_idmaps(store, &maps, err) < 0)
		return -1;
	return userns_run(maps, function, arg, err);
}

static enum layer_form store_form(struct store *store, struct err *err)
{
	const struct idmaps *maps;

	if (store_idmaps(store, &maps, err) < 0)
		return LAYER_FORM_COUNT;
	return maps->single ? LAYER_SINGLE : LAYER_MAPPED;
}

/* ---- in the namespace ------------------------------------------------------------------------------------------------ */

static int open_source(const struct make *make, bool *ret_has_marks, struct err *err)
{
	const struct layer_source *source = make->source;
	int fd;

	*ret_has_marks = source->open == NULL;
	if (source->open != NULL)
		return source->open(source->open_context, err);
	fd = path_open_beneath(source->parent_fd, source->name, O_RDONLY | O_DIRECTORY, 0);
	return fd < 0 ? err_sys(err, -fd, "cannot open directory '%s'", source->name) : fd;
}

/* The tree is in the staging place afterwards: fd. */
static int place(const struct make *make, struct err *err)
{
	const struct layer_source *source = make->source;
	struct copy_options options = { .as_layer = false };
	cleanup_fd int source_fd = -1;
	cleanup_fd int diff_fd = -1;

	if (source->take) {
		if (renameat(source->parent_fd, source->name, make->staging_fd, DIFF_DIR) < 0)
			return err_sys(err, errno, "cannot take directory '%s'", source->name);
	} else if (mkdirat(make->staging_fd, DIFF_DIR, 0700) < 0) {
		return err_sys(err, errno, "cannot make a directory in the store");
	}
	diff_fd =
		openat(make->staging_fd, DIFF_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (diff_fd < 0)
		return err_sys(err, errno, "cannot open a directory in the store");
	if (!source->take) {
		source_fd = open_source(make, &options.keep_marks, err);
		if (source_fd < 0 || copy_tree(source_fd, diff_fd, &options, err) < 0)
			return -1;
	}
	return TAKE_FD(diff_fd);
}

static int drop_one(int diff_fd, const char *path, struct err *err)
{
	cleanup_free char *dir = xstrdup(path);
	char *slash = strrchr(dir, '/');
	const char *name = slash != NULL ? slash + 1 : dir;
	cleanup_fd int parent_fd = -1;
	struct timespec times[2];
	struct stat st;
	int status;

	if (slash != NULL)
		*slash = '\0';
	parent_fd =
		path_open_beneath(diff_fd, slash != NULL ? dir : ".", O_RDONLY | O_DIRECTORY, 0);
	/* a link or a file on the way: then it is not there */
	if (parent_fd < 0)
		return 0;
	if (fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || fstat(parent_fd, &st) < 0)
		return 0;
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	status = path_remove_tree(parent_fd, name);
	/* a second commit of the same files is the same layer */
	if (status == 0 && futimens(parent_fd, times) < 0)
		status = -errno;
	return status < 0 ? err_sys(err, -status, "cannot leave out '%s'", path) : 0;
}

struct hashing {
	struct sha256 *hash;
	uint64_t bytes;
};

static int hash_sink(void *context, const void *data, size_t size, struct err *err)
{
	struct hashing *hashing = context;

	sha256_update(hashing->hash, data, size);
	hashing->bytes += size;
	return 0;
}

/*
 * fuse-overlayfs has its own mark, which native overlay does not know: from now on both do. What it makes beside that goes,
 * because native overlay would show it; the directory's time stays, so that the tree makes the same tar again.
 */
static void note_opaque(void *context, int dir_fd)
{
	struct stat st;

	if (copy_set_opaque(dir_fd) < 0)
		debug("cannot mark an opaque directory again, ignoring");
	if (fstat(dir_fd, &st) == 0) {
		const struct timespec times[2] = { st.st_atim, st.st_mtim };
		int file = unlinkat(dir_fd, ".wh..wh..opq", 0);
		int device = unlinkat(dir_fd, ".wh..opq", 0);

		if (file == 0 || device == 0)
			(void)futimens(dir_fd, times);
	}
}

static int write_tar(int diff_fd, enum layer_form form, const int64_t *latest_mtime_s,
		     bool mark_opaque, tar_sink *sink, void *context,
		     struct tar_tree_counts *ret_counts, struct err *err)
{
	const struct tar_tree_options options = {
		.layer = true,
		.form = form,
		.latest_mtime_s = latest_mtime_s,
		.set_latest_mtime = true,
		.opaque = mark_opaque ? note_opaque : NULL,
	};
	struct tar_writer *writer = tar_writer_new(sink, context);
	int status = tar_writer_add_tree(writer, diff_fd, &options, ret_counts, err);

	if (status == 0)
		status = tar_writer_finish(writer, err);
	tar_writer_free(writer);
	return status;
}

static int make_inside(void *arg, struct err *err)
{
	const struct make *make = arg;
	const struct strv *drop = make->source->drop;
	cleanup_fd int diff_fd = place(make, err);
	cleanup_sha256 struct sha256 *hash = NULL;
	struct hashing hashing = { NULL, 0 };

	if (diff_fd < 0)
		return -1;
	for (size_t i = 0; drop != NULL && i < drop->count; i++) {
		if (drop_one(diff_fd, drop->items[i], err) < 0)
			return -1;
	}
	hash = hashing.hash = sha256_new();
	if (write_tar(diff_fd, make->form, make->source->latest_mtime_s, true, hash_sink, &hashing,
		      &make->made->counts, err) < 0)
		return -1;
	sha256_final_digest(hash, &make->made->diff_id);
	make->made->tar_bytes = hashing.bytes;
	return 0;
}

/* ---- outside --------------------------------------------------------------------------------------------------------- */

static int publish(struct store *store, struct staging *staging, const struct layer_meta *meta,
		   struct err *err)
{
	cleanup_fd int lock_fd = layer_lock(store, &meta->diff_id, err);

	return lock_fd < 0 ? -1 : layer_publish(store, staging, meta, err);
}

static int make_staged(struct store *store, struct make *make, struct staging *staging,
		       struct layer_made *ret, struct err *err)
{
	make->staging_fd = staging->dir_fd;
	make->form = store_form(store, err);
	if (make->form == LAYER_FORM_COUNT || run_inside(store, make_inside, make, err) < 0)
		return -1;
	*ret = (struct layer_made){
		.meta = {
			.diff_id = make->made->diff_id,
			.form = make->form,
			.diff_bytes = make->made->counts.bytes,
			.file_count = make->made->counts.entries,
			.created_ns = time_now_ns(),
		},
		.tar_bytes = make->made->tar_bytes,
		.empty = make->made->counts.entries == 0,
	};
	/* the tar is its own blob */
	strv_add(&ret->meta.blobs, ret->meta.diff_id.text);
	if (publish(store, staging, &ret->meta, err) == 0)
		return 0;
	layer_meta_release(&ret->meta);
	return -1;
}

int layer_make(struct store *store, const struct layer_source *source, struct layer_made *ret_made,
	       struct err *err)
{
	struct staging staging = STAGING_INIT;
	struct make make = { .source = source };
	int status;

	make.made = mmap(NULL, sizeof(*make.made), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (make.made == MAP_FAILED)
		return err_sys(err, errno, "cannot make a layer");
	if (staging_new(store, "layer", &staging, err) < 0)
		status = -1;
	else
		status = make_staged(store, &make, &staging, ret_made, err);
	staging_discard(store, &staging);
	munmap(make.made, sizeof(*make.made));
	return status < 0 ? err_wrap(err, "cannot make a layer") : 0;
}

/* ---- the tar again --------------------------------------------------------------------------------------------------- */

struct tar_job {
	int diff_fd; /* O_PATH */
	int output_fd;
	struct digest *ret_digest; /* shared memory, instead of output_fd; or NULL */
	enum layer_form form;
};

static int tar_inside(void *arg, struct err *err)
{
	struct tar_job *job = arg;
	cleanup_fd int diff_fd =
		openat(job->diff_fd, ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (diff_fd < 0)
		return err_sys(err, errno, "cannot open the layer's directory");
	if (job->ret_digest != NULL) {
		cleanup_sha256 struct sha256 *hash = sha256_new();
		struct hashing hashing = { .hash = hash };

		if (write_tar(diff_fd, job->form, NULL, false, hash_sink, &hashing, NULL, err) < 0)
			return -1;
		sha256_final_digest(hash, job->ret_digest);
		return 0;
	}
	return write_tar(diff_fd, job->form, NULL, false, tar_sink_fd, &job->output_fd, NULL, err);
}

/* The rest of a job: open the layer and run it in the namespace. */
static int run_tar_job(struct store *store, const struct digest *diff_id, struct tar_job *job,
		       struct err *err)
{
	cleanup_fd int diff_fd = layer_open_diff(store, diff_id, err);
	struct layer_meta meta = { 0 };
	int found;

	if (diff_fd < 0)
		return -1;
	found = layer_find(store, diff_id, &meta, err);
	if (found <= 0)
		return found < 0 ? -1
				 : err_set(err, ERR_NOT_FOUND, "layer '%.19s' is not in the store",
					   diff_id->text);
	job->diff_fd = diff_fd;
	job->form = meta.form;
	layer_meta_release(&meta);
	return run_inside(store, tar_inside, job, err);
}

int layer_tar(struct store *store, const struct digest *diff_id, int output_fd, struct err *err)
{
	struct tar_job job = { .output_fd = output_fd };

	if (run_tar_job(store, diff_id, &job, err) < 0)
		return err_wrap(err, "cannot write layer '%.19s' as tar", diff_id->text);
	return 0;
}

int layer_hash(struct store *store, const struct digest *diff_id, struct digest *ret_digest,
	       struct err *err)
{
	struct digest *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct tar_job job = { .output_fd = -1, .ret_digest = shared };
	int status;

	if (shared == MAP_FAILED)
		return err_sys(err, errno, "cannot read layer '%.19s'", diff_id->text);
	status = run_tar_job(store, diff_id, &job, err);
	if (status == 0)
		*ret_digest = *shared;
	munmap(shared, sizeof(*shared));
	return status < 0 ? err_wrap(err, "cannot read layer '%.19s'", diff_id->text) : 0;
}
