/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/changes.c - what changed in files: of a container, of a layer, between two images
 *
 * Two ways. The upper directory of an overlay (or a layer) already is the list of changes: each entry is looked up in a view of the
 * layers below, to tell what was added from what was changed. Where there is no such directory, two whole trees are compared.
 *
 * Both run in a child that mounts the views; the answer comes back in a memory file, each change as a letter, a path and a NUL.
 */
#include "engine/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "engine/container/record.h"
#include "engine/container/tree.h"
#include "storage/layer.h"
#include "storage/rootfs.h"

/* R13: a list of a million paths is no answer */
#define ANSWER_LIMIT_BYTES (256U << 20)

void file_changes_release(struct file_changes *changes)
{
	for (size_t i = 0; i < changes->count; i++)
		free(changes->items[i].path);
	free(changes->items);
	*changes = (struct file_changes){ NULL, 0 };
}

/* ---- in the child: walking ------------------------------------------------------------------------------------------- */

struct walk {
	int new_fd, old_fd; /* roots; old_fd -1: there is nothing below */
	bool marks;	    /* the new tree has whiteouts and opaque directories */
	const struct strv *skip;
	struct strbuf out;
};

static void report(struct walk *walk, char kind, const char *path)
{
	strbuf_addf(&walk->out, "%c/%s", kind, path);
	strbuf_addc(&walk->out, '\0');
}

static bool is_skipped(const struct walk *walk, const char *path)
{
	/* what fuse-overlayfs makes to mark an opaque directory */
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;

	if (walk->marks && (str_equal(name, ".wh..wh..opq") || str_equal(name, ".wh..opq")))
		return true;
	return walk->skip != NULL && strv_contains(walk->skip, path);
}

static int old_stat(const struct walk *walk, const char *path, struct stat *st)
{
	cleanup_fd int fd = -1;

	if (walk->old_fd < 0)
		return -ENOENT;
	fd = path_open_beneath(walk->old_fd, path, O_PATH | O_NOFOLLOW, 0);
	if (fd == -ELOOP) {
		/* the last component is a link, or one on the way: then it is no such path */
		const char *slash = strrchr(path, '/');
		cleanup_free char *dir =
			slash != NULL ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
		cleanup_fd int dir_fd =
			path_open_beneath(walk->old_fd, dir, O_PATH | O_DIRECTORY, 0);

		if (dir_fd < 0)
			return -ENOENT;
		return fstatat(dir_fd, slash != NULL ? slash + 1 : path, st, AT_SYMLINK_NOFOLLOW) <
				       0
			       ? -errno
			       : 0;
	}
	if (fd < 0)
		return fd == -ENOTDIR ? -ENOENT : fd;
	return fstat(fd, st) < 0 ? -errno : 0;
}

static bool differs(const struct stat *a, const struct stat *b)
{
	if (a->st_mode != b->st_mode || a->st_uid != b->st_uid || a->st_gid != b->st_gid ||
	    a->st_rdev != b->st_rdev)
		return true;
	if (a->st_mtim.tv_sec != b->st_mtim.tv_sec)
		return true;
	/* times of layers are whole seconds: of a copy too, whatever the file system keeps */
	if (a->st_mtim.tv_nsec != b->st_mtim.tv_nsec && a->st_mtim.tv_nsec != 0 &&
	    b->st_mtim.tv_nsec != 0)
		return true;
	return !S_ISDIR(a->st_mode) && a->st_size != b->st_size;
}

/* Sorted names of a directory; none when it cannot be read. */
static int read_names(int root_fd, const char *path, struct strv *names, struct err *err)
{
	int fd = path_open_beneath(root_fd, *path != '\0' ? path : ".", O_RDONLY | O_DIRECTORY, 0);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	if (dir == NULL) {
		fd_close(&fd);
		if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
			return 0;
		return err_sys(err, fd < 0 ? -fd : errno, "cannot read directory '/%s'", path);
	}
	while ((entry = readdir(dir)) != NULL) {
		if (!str_equal(entry->d_name, ".") && !str_equal(entry->d_name, ".."))
			strv_add(names, entry->d_name);
	}
	closedir(dir);
	if (names->count > 0)
		strv_sort(names);
	return 0;
}

static char *join(const char *dir, const char *name)
{
	return *dir != '\0' ? xasprintf("%s/%s", dir, name) : xstrdup(name);
}

/* What the older tree has in a directory and the newer one has not. */
static int report_missing(struct walk *walk, const char *dir, const struct strv *present,
			  struct err *err)
{
	cleanup_strv struct strv names = STRV_INIT;

	if (walk->old_fd < 0)
		return 0;
	if (read_names(walk->old_fd, dir, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		cleanup_free char *path = join(dir, names.items[i]);

		if (!strv_contains(present, names.items[i]) && !is_skipped(walk, path))
			report(walk, 'D', path);
	}
	return 0;
}

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

static bool is_opaque(int root_fd, const char *path)
{
	static const char *const marks[] = { "user.overlay.opaque", "user.fuseoverlayfs.opaque" };
	cleanup_fd int fd = path_open_beneath(root_fd, path, O_RDONLY | O_DIRECTORY, 0);
	char value;

	for (size_t i = 0; fd >= 0 && i < ARRAY_SIZE(marks); i++) {
		if (fgetxattr(fd, marks[i], &value, 1) == 1 && value == 'y')
			return true;
	}
	return false;
}

/* One entry that is no directory, or a directory that is reported for itself. True when it was reported. */
static bool report_entry(struct walk *walk, const char *path, const struct stat *st,
			 const struct stat *old, bool is_old)
{
	if (!is_old) {
		report(walk, 'A', path);
		return true;
	}
	if (walk->marks && !S_ISDIR(st->st_mode)) {
		report(walk, 'C', path);
		return true;
	}
	if (differs(st, old)) {
		report(walk, 'C', path);
		return true;
	}
	return false;
}

static int walk_directory(struct walk *walk, const char *dir, bool old_is_directory, int depth,
			  bool *ret_reported, struct err *err);

/* True in *ret_reported when something in it was. */
static int walk_entry(struct walk *walk, int dir_fd, const char *name, const char *path, int depth,
		      bool *ret_reported, struct err *err)
{
	struct stat st, old;
	bool is_old, inner = false, said;
	size_t start = walk->out.length;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "cannot inspect '/%s'", path);
	is_old = old_stat(walk, path, &old) == 0;
	if (walk->marks && is_whiteout(&st)) {
		if (is_old) {
			report(walk, 'D', path);
			*ret_reported = true;
		}
		return 0;
	}
	/* the engine makes it where it is missing, to mount on: by itself it is no change of the user's */
	said = !(walk->skip != NULL && str_equal(path, "run")) &&
	       report_entry(walk, path, &st, &old, is_old);
	if (S_ISDIR(st.st_mode) &&
	    walk_directory(walk, path, is_old && S_ISDIR(old.st_mode), depth + 1, &inner, err) < 0)
		return -1;
	if (inner && !said) {
		/* a directory is changed by what changed in it: it is said before that */
		cleanup_strbuf struct strbuf rest = STRBUF_INIT;

		strbuf_add(&rest, walk->out.data + start, walk->out.length - start);
		strbuf_truncate(&walk->out, start);
		report(walk, is_old ? 'C' : 'A', path);
		strbuf_add(&walk->out, rest.data, rest.length);
	}
	*ret_reported = *ret_reported || said || inner;
	return 0;
}

#define DEPTH_MAX 2048

static int walk_directory(struct walk *walk, const char *dir, bool old_is_directory, int depth,
			  bool *ret_reported, struct err *err)
{
	cleanup_strv struct strv names = STRV_INIT;
	cleanup_fd int dir_fd = path_open_beneath(walk->new_fd, *dir != '\0' ? dir : ".",
						  O_RDONLY | O_DIRECTORY, 0);
	size_t start = walk->out.length;

	if (dir_fd < 0)
		return err_sys(err, -dir_fd, "cannot read directory '/%s'", dir);
	if (depth > DEPTH_MAX)
		return err_set(err, ERR_LIMIT, "directories are more than %d deep", DEPTH_MAX);
	if (walk->out.length > ANSWER_LIMIT_BYTES)
		return err_set(err, ERR_LIMIT, "there are too many changes");
	if (read_names(walk->new_fd, dir, &names, err) < 0)
		return -1;
	if (old_is_directory && (!walk->marks || is_opaque(walk->new_fd, *dir ? dir : ".")) &&
	    report_missing(walk, dir, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		cleanup_free char *path = join(dir, names.items[i]);

		if (!is_skipped(walk, path) &&
		    walk_entry(walk, dir_fd, names.items[i], path, depth, ret_reported, err) < 0)
			return -1;
	}
	*ret_reported = *ret_reported || walk->out.length > start;
	return 0;
}

/* ---- in the child: views --------------------------------------------------------------------------------------------- */

struct compare {
	struct rootfs *old_rootfs, *new_rootfs; /* to be mounted, or NULL */
	int new_dir_fd; /* O_PATH of the upper directory or layer, when there is no new_rootfs */
	const struct strv *skip;
	int answer_fd;
};

static int open_view(struct rootfs *rootfs, struct err *err)
{
	cleanup_fd int mount_fd = rootfs_mount(rootfs, err);
	int fd;

	if (mount_fd < 0)
		return -1;
	fd = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, errno, "cannot open the layers") : fd;
}

static int compare_inside(void *arg, struct err *err)
{
	const struct compare *compare = arg;
	cleanup_fd int old_fd = -1;
	cleanup_fd int new_fd = -1;
	struct walk walk = { .skip = compare->skip, .marks = compare->new_rootfs == NULL };
	bool reported = false;
	int status;

	strbuf_init(&walk.out);
	if (compare->old_rootfs != NULL && (old_fd = open_view(compare->old_rootfs, err)) < 0)
		return -1;
	if (compare->new_rootfs != NULL)
		new_fd = open_view(compare->new_rootfs, err);
	else
		new_fd = openat(compare->new_dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (new_fd < 0)
		return compare->new_rootfs != NULL
			       ? -1
			       : err_sys(err, errno, "cannot open the changed files");
	walk.new_fd = new_fd;
	walk.old_fd = old_fd;
	if (walk_directory(&walk, "", true, 0, &reported, err) < 0) {
		strbuf_release(&walk.out);
		return -1;
	}
	status = fd_write_full(compare->answer_fd, walk.out.data, walk.out.length);
	strbuf_release(&walk.out);
	return status < 0 ? err_sys(err, -status, "cannot write the list of changes") : 0;
}

/* ---- outside --------------------------------------------------------------------------------------------------------- */

static int read_answer(int fd, struct file_changes *ret, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct file_changes changes = { NULL, 0 };
	size_t size = 0;
	int status = lseek(fd, 0, SEEK_SET) < 0 ? -errno : 0;

	if (status == 0)
		status = fd_read_all(fd, &text, 2 * (size_t)ANSWER_LIMIT_BYTES);
	if (status < 0)
		return err_sys(err, -status, "cannot read the list of changes");
	for (const char *at = text.data; at < text.data + text.length; at += strlen(at) + 1) {
		if (changes.count == size) {
			size = size > 0 ? size * 2 : 64;
			changes.items = xreallocarray(changes.items, size, sizeof(*changes.items));
		}
		changes.items[changes.count++] = (struct file_change){ *at, xstrdup(at + 1) };
	}
	*ret = changes;
	return 0;
}

static int run_compare(struct engine *engine, struct compare *compare, struct file_changes *ret,
		       struct err *err)
{
	cleanup_fd int answer_fd = memfd_create("changes", MFD_CLOEXEC);
	const struct idmaps *maps;
	int status;

	if (answer_fd < 0)
		return err_sys(err, errno, "cannot make a list of changes");
	compare->answer_fd = answer_fd;
	if (store_idmaps(engine->store, &maps, err) < 0)
		return -1;
	status = userns_is_inside() ? compare_inside(compare, err)
				    : userns_run(maps, compare_inside, compare, err);
	return status < 0 ? -1 : read_answer(answer_fd, ret, err);
}

/* A view without an upper directory; 0 when there are no layers. */
static int prepare_view(struct engine *engine, const struct digest *layers, size_t count,
			struct rootfs *rootfs, struct err *err)
{
	const struct rootfs_request request = {
		.diff_ids = layers,
		.diff_id_count = count,
		.directory_fd = -1,
		.container_dir_fd = -1,
	};

	return count == 0 ? 0 : (rootfs_prepare(engine->store, &request, rootfs, err) < 0 ? -1 : 1);
}

static int changes_of_container(struct engine *engine, struct container *container,
				struct file_changes *ret, struct err *err)
{
	cleanup_rootfs struct rootfs old_rootfs = ROOTFS_INIT;
	cleanup_rootfs struct rootfs new_rootfs = ROOTFS_INIT;
	cleanup_idmaps struct idmaps maps = IDMAPS_INIT;
	cleanup_free struct digest *layers = NULL;
	cleanup_fd int upper_fd = -1;
	cleanup_strv struct strv skip = STRV_INIT;
	struct compare compare = { .skip = container_engine_paths(&skip) };
	size_t count = 0;
	int status;

	if (json_get_string(container->create, NULL, KEY_ROOTFS, KEY_PATH, NULL) != NULL)
		return err_set(
			err, ERR_UNSUPPORTED,
			"it has no image to compare with: it runs on a directory (--rootfs)");
	if (container_read_layers(container, &layers, &count, err) < 0)
		return -1;
	upper_fd = path_open_beneath(container->dir_fd, "upper", O_PATH | O_DIRECTORY, 0);
	if (upper_fd < 0 && faccessat(container->dir_fd, "rootfs", F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
		*ret = (struct file_changes){ NULL, 0 }; /* it was never started */
		return 0;
	}
	status = prepare_view(engine, layers, count, &old_rootfs, err);
	if (status < 0)
		return -1;
	compare.old_rootfs = status > 0 ? &old_rootfs : NULL;
	compare.new_dir_fd = upper_fd;
	if (upper_fd < 0) {
		if (container_read_maps(engine, container, &maps, err) < 0 ||
		    container_prepare_rootfs(engine, container, &maps, false, &new_rootfs, err) < 0)
			return -1;
		compare.new_rootfs = &new_rootfs;
	}
	return run_compare(engine, &compare, ret, err);
}

int container_changes(struct engine *engine, struct container *container,
		      struct file_changes *ret_changes, struct err *err)
{
	if (container->create == NULL)
		return err_set(err, ERR_CORRUPT, "container '%s' is damaged", container->id.text);
	if (changes_of_container(engine, container, ret_changes, err) < 0)
		return err_wrap(err, "cannot compare container '%s' with its image",
				container->name);
	return 0;
}

static struct digest *layers_of(const struct image *image)
{
	struct digest *layers = xcalloc(image->layer_count + 1, sizeof(*layers));

	for (size_t i = 0; i < image->layer_count; i++)
		layers[i] = image->layers[i].diff_id;
	return layers;
}

static int changes_of_image(struct engine *engine, const struct image *image,
			    const struct image *base, struct file_changes *ret, struct err *err)
{
	cleanup_rootfs struct rootfs old_rootfs = ROOTFS_INIT;
	cleanup_rootfs struct rootfs new_rootfs = ROOTFS_INIT;
	cleanup_free struct digest *layers = layers_of(image);
	cleanup_free struct digest *base_layers = base != NULL ? layers_of(base) : NULL;
	cleanup_fd int top_fd = -1;
	struct compare compare = { .new_dir_fd = -1 };
	size_t below = image->layer_count > 0 ? image->layer_count - 1 : 0;
	int status;

	*ret = (struct file_changes){ NULL, 0 };
	if (image->layer_count == 0)
		return 0;
	status = prepare_view(engine, base != NULL ? base_layers : layers,
			      base != NULL ? base->layer_count : below, &old_rootfs, err);
	if (status < 0)
		return -1;
	compare.old_rootfs = status > 0 ? &old_rootfs : NULL;
	if (base != NULL) {
		if (prepare_view(engine, layers, image->layer_count, &new_rootfs, err) < 0)
			return -1;
		compare.new_rootfs = &new_rootfs;
	} else {
		top_fd = layer_open_diff(engine->store, &layers[below], err);
		if (top_fd < 0)
			return -1;
		compare.new_dir_fd = top_fd;
	}
	return run_compare(engine, &compare, ret, err);
}

int image_changes(struct engine *engine, const struct image *image, const struct image *base,
		  struct file_changes *ret_changes, struct err *err)
{
	if (changes_of_image(engine, image, base, ret_changes, err) < 0)
		return err_wrap(err, "cannot compare image '%.19s'", image->config.text);
	return 0;
}
