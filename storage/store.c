/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/store.c - open the store and its directories
 *
 * The path of an open store that was there before is short: open and look at both roots, one statfs, and for a writer one
 * look into tmp/. A path that the user gave may lead through symlinks (people put their store on a larger disk); what it ends at
 * must be a directory of ours that nobody else can write, and is 0700 from then on (R26). Below the root no link is followed.
 */
#include "storage/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "storage/staging.h"

static const char *const storage_driver_names[] = {
	[STORAGE_DRIVER_AUTO] = "auto",
	[STORAGE_DRIVER_OVERLAY] = "overlay",
	[STORAGE_DRIVER_FUSE_OVERLAYFS] = "fuse-overlayfs",
	[STORAGE_DRIVER_VFS] = "vfs",
};
NAME_TABLE(storage_driver, STORAGE_DRIVER_COUNT)

/* what a fresh store has; everything else is made when it is needed */
static const char *const skeleton[] = { "images",
					"images/blobs/sha256",
					"images/records",
					"images/names",
					"layers/sha256",
					"containers",
					"names",
					"volumes",
					"tmp" };

/* Make the directories of an absolute path, links followed, 0700. 0 or -errno. */
static int make_parents(const char *path)
{
	cleanup_free char *copy = xstrdup(path);

	for (char *slash = strchr(copy + 1, '/');; slash = strchr(slash + 1, '/')) {
		if (slash != NULL)
			*slash = '\0';
		if (mkdir(copy, 0700) < 0 && errno != EEXIST) {
			/* a parent that is there need not be writable, or even visible */
			int status = -errno;
			struct stat st;

			if (stat(copy, &st) < 0)
				return status;
		}
		if (slash == NULL)
			return 0;
		*slash = '/';
	}
}

/* A directory of ours with wider permissions is narrowed when it is new or a store already. */
static int narrow_root(int fd, const char *path, const char *what, struct err *err)
{
	struct stat marker;
	struct stat self;

	if (fstat(fd, &self) < 0)
		return err_sys(err, errno, "cannot inspect %s '%s'", what, path);
	/* two links: no directory inside, so nothing that others rely upon */
	if (self.st_nlink > 2 && fstatat(fd, "images", &marker, AT_SYMLINK_NOFOLLOW) < 0 &&
	    fstatat(fd, "containers", &marker, AT_SYMLINK_NOFOLLOW) < 0) {
		err_set(err, ERR_DENIED, "%s '%s' is open to other users", what, path);
		return err_hint(err, "Run `chmod 700 %s`, or choose another directory.", path);
	}
	if (fchmod(fd, 0700) < 0)
		return err_sys(err, errno, "cannot make %s '%s' private", what, path);
	return 0;
}

/*
 * Open a root, made when make. 1 and fd, 0 there is none, -1.
 */
static int open_root(const char *path, const char *what, bool make, int *ret_fd, bool *ret_made,
		     struct err *err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	bool made = false;

	if (fd < 0 && errno == ENOENT && !make)
		return 0;
	if (fd < 0 && errno == ENOENT) {
		int status = make_parents(path);

		if (status < 0) {
			err_sys(err, -status, "cannot make %s '%s'", what, path);
			return err_hint(err, "Choose another directory with --root or --runroot.");
		}
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		made = true;
	}
	if (fd < 0)
		return err_sys(err, errno, "cannot open %s '%s'", what, path);

	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot inspect %s '%s'", what, path);
	if (st.st_uid != geteuid()) {
		err_set(err, ERR_DENIED, "%s '%s' belongs to another user (id %u)", what, path,
			st.st_uid);
		return err_hint(err, "Choose a directory of your own.");
	}
	if ((st.st_mode & 022) != 0 || (make && (st.st_mode & 077) != 0)) {
		if (narrow_root(fd, path, what, err) < 0)
			return -1;
	}
	*ret_fd = TAKE_FD(fd);
	if (ret_made != NULL)
		*ret_made = made;
	return 1;
}

static char *absolute_path(const char *path, struct err *err)
{
	cleanup_strbuf struct strbuf clean = STRBUF_INIT;
	cleanup_free char *whole = NULL;

	if (*path == '\0') {
		err_set(err, ERR_USAGE, "the path of the store is empty");
		return NULL;
	}
	if (*path == '/') {
		whole = xstrdup(path);
	} else {
		cleanup_free char *cwd = getcwd(NULL, 0);

		if (cwd == NULL) {
			err_sys(err, errno, "cannot find the working directory for path '%s'",
				path);
			return NULL;
		}
		whole = xasprintf("%s/%s", cwd, path);
	}
	/* ".." is left to the kernel: behind a symlink it means something else */
	if (strstr(whole, "/..") != NULL)
		return TAKE_PTR(whole);
	path_clean(&clean, whole);
	return strbuf_take(&clean);
}

static char *default_root(struct err *err)
{
	const char *data = getenv("XDG_DATA_HOME");
	const char *home = getenv("HOME");

	if (data != NULL && *data == '/')
		return xasprintf("%s/dhow", data);
	if (home != NULL && *home == '/')
		return xasprintf("%s/.local/share/dhow", home);
	err_set(err, ERR_USAGE, "cannot choose a place for images: HOME is not set");
	err_hint(err, "Set HOME, or give --root DIR.");
	return NULL;
}

static bool is_private_directory(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
	       (st.st_mode & 077) == 0;
}

/* XDG_RUNTIME_DIR may be another user's after su, or be left over from a session that ended. */
static char *default_run_root(void)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	cleanup_free char *by_uid = xasprintf("/run/user/%u", geteuid());

	if (runtime != NULL && *runtime == '/' && is_private_directory(runtime))
		return xasprintf("%s/dhow", runtime);
	if (is_private_directory(by_uid))
		return xasprintf("%s/dhow", by_uid);
	return xasprintf("/tmp/dhow-%u", geteuid());
}

/* Below /tmp others can put a link or a directory of theirs in our place (R26). */
static int check_run_root(const struct store *store, struct err *err)
{
	struct stat st;
	struct stat opened;

	if (store->run_fd < 0)
		return 0;
	if (lstat(store->run_path, &st) < 0 || fstat(store->run_fd, &opened) < 0)
		return err_sys(err, errno, "cannot inspect runtime directory '%s'",
			       store->run_path);
	if (S_ISLNK(st.st_mode) || st.st_ino != opened.st_ino || st.st_dev != opened.st_dev) {
		err_set(err, ERR_DENIED, "runtime directory '%s' is a symbolic link",
			store->run_path);
		return err_hint(err, "Set XDG_RUNTIME_DIR, or give --runroot DIR.");
	}
	return 0;
}

static int make_skeleton(struct store *store, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(skeleton); i++) {
		cleanup_fd int fd = path_make_dirs_beneath(store->root_fd, skeleton[i], 0700);

		if (fd < 0)
			return err_sys(err, -fd, "cannot make directory '%s/%s'", store->root_path,
				       skeleton[i]);
	}
	/* later syncs of records need their directories to be there after a power cut */
	if (fsync(store->root_fd) < 0)
		return err_sys(err, errno, "cannot sync store '%s'", store->root_path);
	return 0;
}

static void open_additional(struct store *store)
{
	size_t count = store->additional_roots.count;

	if (count == 0)
		return;
	store->additional_fds = xcalloc(count, sizeof(int));
	for (size_t i = 0; i < count; i++) {
		const char *path = store->additional_roots.items[i];
		int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0)
			debug("cannot open additional store '%s', ignoring: %s", path,
			      strerror(errno));
		store->additional_fds[i] = fd;
	}
}

static int open_roots(struct store *store, bool for_writing, struct err *err)
{
	struct statfs fs;
	int found = open_root(store->root_path, "store", for_writing, &store->root_fd, NULL, err);

	if (found < 0)
		return -1;
	if (open_root(store->run_path, "runtime directory", for_writing, &store->run_fd, NULL,
		      err) < 0)
		return -1;
	if (check_run_root(store, err) < 0)
		return -1;
	if (found == 0)
		return 0;

	if (fstatfs(store->root_fd, &fs) < 0)
		return err_sys(err, errno, "cannot inspect store '%s'", store->root_path);
	store->read_only = (fs.f_flags & ST_RDONLY) != 0;
	return 0;
}

int store_open(const struct store_options *options, struct store **ret_store, struct err *err)
{
	cleanup_store struct store *store = xcalloc(1, sizeof(*store));
	cleanup_free char *root = NULL;
	cleanup_free char *run_root = NULL;

	store->root_fd = -1;
	store->run_fd = -1;
	store->driver = options->driver;
	root = options->root != NULL ? xstrdup(options->root) : default_root(err);
	if (root == NULL)
		return -1;
	store->root_path = absolute_path(root, err);
	if (store->root_path == NULL)
		return -1;
	run_root = options->run_root != NULL ? xstrdup(options->run_root) : default_run_root();
	store->run_path = absolute_path(run_root, err);
	if (store->run_path == NULL)
		return -1;
	if (options->additional_roots != NULL)
		strv_copy(&store->additional_roots, options->additional_roots);

	if (open_roots(store, options->for_writing, err) < 0)
		return -1;
	open_additional(store);

	if (options->for_writing && !store->read_only) {
		int status = staging_collect(store);

		if (status == -ENOENT && make_skeleton(store, err) < 0)
			return -1;
	}
	*ret_store = TAKE_PTR(store);
	return 0;
}

void store_free(struct store *store)
{
	if (store == NULL)
		return;
	fd_close(&store->root_fd);
	fd_close(&store->run_fd);
	for (size_t i = 0; i < store->additional_roots.count && store->additional_fds != NULL; i++)
		fd_close(&store->additional_fds[i]);
	free(store->additional_fds);
	strv_release(&store->additional_roots);
	free(store->root_path);
	free(store->run_path);
	if (store->ranges != NULL)
		id_ranges_release(store->ranges);
	free(store->ranges);
	if (store->maps != NULL)
		idmaps_release(store->maps);
	free(store->maps);
	free(store);
}

static int open_below(int root_fd, const char *root_path, const char *path, bool make,
		      struct err *err)
{
	int fd;

	if (root_fd < 0)
		return err_set(err, ERR_NOT_FOUND, "directory '%s' does not exist", root_path);
	fd = path_open_beneath(root_fd, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -ENOENT && make)
		fd = path_make_dirs_beneath(root_fd, path, 0700);
	if (fd == -ENOENT)
		return err_set(err, ERR_NOT_FOUND, "directory '%s/%s' does not exist", root_path,
			       path);
	if (fd < 0)
		return err_sys(err, -fd, "cannot open directory '%s/%s'", root_path, path);
	return fd;
}

int store_open_dir(struct store *store, const char *path, bool make, struct err *err)
{
	return open_below(store->root_fd, store->root_path, path, make, err);
}

int store_list_dir(struct store *store, const char *path, struct strv *ret_names, struct err *err)
{
	int fd = store->root_fd >= 0 ? store_open_dir(store, path, false, err) : -1;
	struct dirent *entry = NULL;

	/* a store without it has nothing of that kind */
	if (store->root_fd < 0 || (fd < 0 && err->kind == ERR_NOT_FOUND))
		return 0;

	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (dir == NULL) {
		fd_close(&fd);
		return -1;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.')
			strv_add(ret_names, entry->d_name);
	}
	closedir(dir);
	return 0;
}

int store_open_run_dir(struct store *store, const char *path, bool make, struct err *err)
{
	return open_below(store->run_fd, store->run_path, path, make, err);
}

int store_sync(struct store *store, struct err *err)
{
	if (syncfs(store->root_fd) < 0)
		return err_sys(err, errno, "cannot write store '%s' to the disk", store->root_path);
	return 0;
}

int store_id_ranges(struct store *store, const struct id_ranges **ret_ranges, struct err *err)
{
	if (store->ranges == NULL) {
		cleanup_free struct id_ranges *ranges = xcalloc(1, sizeof(*ranges));

		if (idmap_ranges_load(store->run_fd, NULL, ranges, err) < 0)
			return -1;
		store->ranges = TAKE_PTR(ranges);
	}
	*ret_ranges = store->ranges;
	return 0;
}

int store_idmaps(struct store *store, const struct idmaps **ret_maps, struct err *err)
{
	if (store->maps == NULL) {
		cleanup_free struct idmaps *maps = xcalloc(1, sizeof(*maps));
		const struct id_ranges *ranges;

		if (store_id_ranges(store, &ranges, err) < 0)
			return -1;
		if (idmap_plan_default(ranges, maps, err) < 0)
			return -1;
		store->maps = TAKE_PTR(maps);
	}
	*ret_maps = store->maps;
	return 0;
}

/* what the child of store_remove_tree() is told */
struct tree_name {
	int dir_fd;
	const char *name;
};

static int remove_inside(void *arg, struct err *err)
{
	const struct tree_name *tree = arg;
	int status = path_remove_tree(tree->dir_fd, tree->name);

	return status < 0 ? err_sys(err, -status, "cannot remove '%s'", tree->name) : 0;
}

int store_remove_tree(struct store *store, int dir_fd, const char *name, struct err *err)
{
	int status = path_remove_tree(dir_fd, name);
	struct tree_name tree = { dir_fd, name };
	const struct idmaps *maps;

	if (status == 0)
		return 0;
	if ((status != -EACCES && status != -EPERM) || userns_is_inside())
		return err_sys(err, -status, "cannot remove '%s'", name);
	if (store_idmaps(store, &maps, err) < 0)
		return err_wrap(err, "cannot remove '%s'", name);
	return userns_run(maps, remove_inside, &tree, err);
}
