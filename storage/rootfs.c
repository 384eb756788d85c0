/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/rootfs.c - what a root file system is made of
 *
 * rootfs_prepare() looks at each layer once (one system call) and remembers where it is; it opens nothing that is opened again
 * inside (rootfs_private.h). The mode and owner of the root directory come from upper/, so it gets those of the topmost
 * layer when it is made.
 */
#include "storage/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"
#include "base/path.h"
#include "storage/rootfs_private.h"

#define EMPTY_DIR "cache/empty"

void rootfs_release(struct rootfs *rootfs)
{
	for (size_t i = 0; i < rootfs->place_count; i++)
		free(rootfs->places[i].path);
	free(rootfs->places);
	free(rootfs->lowers);
	fd_close(&rootfs->fs_fd);
	fd_close(&rootfs->server_fd);
	fd_close(&rootfs->log_fd);
	if (rootfs->store != NULL)
		staging_discard(rootfs->store, &rootfs->copy);
	*rootfs = (struct rootfs)ROOTFS_INIT;
}

/* ---- maps ---- */

/* True when part gives every id that it has the same host id as whole. */
static bool is_part_of(const struct idmap *part, const struct idmap *whole)
{
	for (size_t i = 0; i < part->count; i++) {
		uint32_t inside = part->entries[i].inside;
		uint32_t left = part->entries[i].count;
		uint32_t outside = part->entries[i].outside;

		while (left > 0) {
			const struct idmap_entry *entry = NULL;
			uint32_t skip;
			uint32_t step;

			for (size_t k = 0; k < whole->count && entry == NULL; k++) {
				const struct idmap_entry *candidate = &whole->entries[k];

				if (inside >= candidate->inside &&
				    inside - candidate->inside < candidate->count)
					entry = candidate;
			}
			if (entry == NULL)
				return false;
			skip = inside - entry->inside;
			if (entry->outside + skip != outside)
				return false;
			step = entry->count - skip < left ? entry->count - skip : left;
			inside += step;
			outside += step;
			left -= step;
		}
	}
	return true;
}

static int compare_maps(struct store *store, const struct rootfs_request *request,
			struct rootfs *rootfs, bool *ret_single, struct err *err)
{
	const struct idmaps *maps;

	if (store_idmaps(store, &maps, err) < 0)
		return -1;
	*ret_single = maps->single;
	if (request->container_maps != NULL)
		rootfs->map_ids = !is_part_of(&request->container_maps->uid, &maps->uid) ||
				  !is_part_of(&request->container_maps->gid, &maps->gid);
	return 0;
}

/* ---- layers ---- */

static int find_lower(struct store *store, struct rootfs *rootfs, const struct digest *diff_id,
		      struct rootfs_lower *lower, struct stat *ret_st, struct err *err)
{
	int root_fd = store->root_fd;
	const char *root_path = store->root_path;
	size_t next = 0;
	int place;

	snprintf(lower->path, sizeof(lower->path), "layers/sha256/%s/diff", digest_hex(diff_id));
	while (root_fd < 0 || fstatat(root_fd, lower->path, ret_st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (root_fd >= 0 && errno != ENOENT)
			return err_sys(err, errno, "cannot inspect layer '%.19s'", diff_id->text);
		if (next == store->additional_roots.count) {
			err_set(err, ERR_NOT_FOUND, "layer '%.19s' is not in the store",
				diff_id->text);
			return err_hint(err, "Pull the image again.");
		}
		root_fd = store->additional_fds[next];
		root_path = store->additional_roots.items[next++];
	}
	if (!S_ISDIR(ret_st->st_mode))
		return err_set(err, ERR_CORRUPT, "layer '%.19s' is damaged: it is not a directory",
			       diff_id->text);
	place = rootfs_place_add(rootfs, root_fd, root_path, err);
	if (place < 0)
		return -1;
	lower->place = (size_t)place;
	return 0;
}

/* Owners are metadata in some layers, or could be: look at each. */
static int check_form(struct store *store, struct rootfs *rootfs, const struct digest *diff_id,
		      bool single, struct err *err)
{
	struct layer_meta meta;
	int found = layer_find(store, diff_id, &meta, err);

	if (found < 0)
		return -1;
	if (found == 0)
		return err_set(err, ERR_NOT_FOUND, "layer '%.19s' is not in the store",
			       diff_id->text);
	layer_meta_release(&meta);
	if (meta.form == LAYER_SINGLE)
		rootfs->single = true;
	if (meta.form == LAYER_MAPPED && single) {
		err_set(err, ERR_NOT_FOUND,
			"layer '%.19s' was unpacked with subordinate ids, and there are none now",
			diff_id->text);
		return err_hint(err, "Add a range to /etc/subuid and /etc/subgid, or pull the "
				     "image again.");
	}
	return 0;
}

/*
 * A layer can be there twice (two steps of a build that changed nothing make the same one), and an overlay refuses a directory that it has
 * already. All that the lower one shows or hides, the upper one shows or hides too: the upper one is enough.
 */
static bool is_there_above(const struct rootfs_request *request, size_t index)
{
	for (size_t i = index + 1; i < request->diff_id_count; i++)
		if (digest_equal(&request->diff_ids[i], &request->diff_ids[index]))
			return true;
	return false;
}

static int add_layers(struct store *store, const struct rootfs_request *request,
		      struct rootfs *rootfs, bool single, struct stat *ret_top, struct err *err)
{
	bool check_forms = single || layer_any_single(store);

	rootfs->lowers = xcalloc(request->diff_id_count, sizeof(*rootfs->lowers));
	/* topmost first */
	for (size_t i = request->diff_id_count; i-- > 0;) {
		const struct digest *diff_id = &request->diff_ids[i];
		struct stat st;

		if (is_there_above(request, i))
			continue;
		if (check_forms && check_form(store, rootfs, diff_id, single, err) < 0)
			return -1;
		if (find_lower(store, rootfs, diff_id, &rootfs->lowers[rootfs->lower_count],
			       rootfs->lower_count == 0 ? ret_top : &st, err) < 0)
			return -1;
		rootfs->lower_count++;
	}
	return 0;
}

static int add_directory(struct rootfs *rootfs, int dir_fd, const char *path, const char *below,
			 struct stat *ret_st, struct err *err)
{
	int place = rootfs_place_add(rootfs, dir_fd, path, err);

	if (place < 0)
		return -1;
	if (fstat(dir_fd, ret_st) < 0)
		return err_sys(err, errno, "cannot inspect directory '%s'",
			       rootfs->places[place].path);
	rootfs->lowers =
		xreallocarray(rootfs->lowers, rootfs->lower_count + 1, sizeof(*rootfs->lowers));
	rootfs->lowers[rootfs->lower_count].place = (size_t)place;
	snprintf(rootfs->lowers[rootfs->lower_count].path,
		 sizeof(rootfs->lowers[rootfs->lower_count].path), "%s", below);
	rootfs->lower_count++;
	return 0;
}

/* Overlays want a layer below upper/, and two without it. */
static int add_empty(struct store *store, struct rootfs *rootfs, struct stat *ret_st,
		     struct err *err)
{
	cleanup_fd int fd = store_open_dir(store, EMPTY_DIR, true, err);

	if (fd < 0)
		return -1;
	if (fchmod(fd, 0755) < 0)
		return err_sys(err, errno, "cannot set the mode of '%s/%s'", store->root_path,
			       EMPTY_DIR);
	return add_directory(rootfs, fd, NULL, ".", ret_st, err);
}

/* ---- the container's directory ---- */

/* A volatile mount leaves incompat/volatile/dirty in the work directory, which forbids a second mount. What we cannot remove the mount reports. */
static void clear_incompat(int dir_fd)
{
	static const char work[] = ROOTFS_WORK_DIR "/work";
	cleanup_fd int work_fd = -1;

	/* the kernel makes it with mode 000 */
	if (fchmodat(dir_fd, work, 0700, 0) < 0)
		return;
	work_fd = path_open_beneath(dir_fd, work, O_RDONLY | O_DIRECTORY, 0);
	if (work_fd >= 0)
		path_remove_tree(work_fd, "incompat");
}

struct owner_change {
	int dir_fd;
	const struct stat *st;
};

static int change_owner(void *arg, struct err *err)
{
	const struct owner_change *change = arg;

	if (fchownat(change->dir_fd, ROOTFS_UPPER_DIR, change->st->st_uid, change->st->st_gid,
		     AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "cannot set the owner of directory '%s'",
			       ROOTFS_UPPER_DIR);
	return 0;
}

/* The image's / belongs to somebody else than its root: legal, and rare enough to start a process for. */
static int give_upper_away(struct store *store, int dir_fd, const struct stat *top, struct err *err)
{
	struct stat inside = *top;
	struct owner_change change = { dir_fd, &inside };
	const struct idmaps *maps;

	if (store_idmaps(store, &maps, err) < 0)
		return -1;
	if (maps->single || userns_is_inside())
		return change_owner(&change, err);
	if (idmap_to_inside(&maps->uid, top->st_uid, &inside.st_uid) == 0 ||
	    idmap_to_inside(&maps->gid, top->st_gid, &inside.st_gid) == 0)
		return 0;
	return userns_run(maps, change_owner, &change, err);
}

static int make_upper(struct store *store, int dir_fd, const struct stat *top, struct err *err)
{
	if (mkdirat(dir_fd, ROOTFS_WORK_DIR, 0700) < 0) {
		if (errno != EEXIST)
			return err_sys(err, errno, "cannot make directory '%s' of the container",
				       ROOTFS_WORK_DIR);
		clear_incompat(dir_fd);
	}
	if (mkdirat(dir_fd, ROOTFS_UPPER_DIR, 0700) < 0) {
		if (errno != EEXIST)
			return err_sys(err, errno, "cannot make directory '%s' of the container",
				       ROOTFS_UPPER_DIR);
		return 0;
	}
	if (fchmodat(dir_fd, ROOTFS_UPPER_DIR, top->st_mode & 07777, 0) < 0)
		return err_sys(err, errno, "cannot set the mode of directory '%s'",
			       ROOTFS_UPPER_DIR);
	if (top->st_uid != geteuid() || top->st_gid != getegid())
		return give_upper_away(store, dir_fd, top, err);
	return 0;
}

static int set_upper(struct store *store, const struct rootfs_request *request,
		     struct rootfs *rootfs, const struct stat *top, struct err *err)
{
	int place;

	if (rootfs->read_only)
		return 0;
	if (make_upper(store, request->container_dir_fd, top, err) < 0)
		return -1;
	place = rootfs_place_add(rootfs, request->container_dir_fd, NULL, err);
	if (place < 0)
		return -1;
	rootfs->upper_place = (size_t)place;
	rootfs->upper_path = ROOTFS_UPPER_DIR;
	rootfs->work_path = ROOTFS_WORK_DIR;
	return 0;
}

/* ---- the copy ---- */

static int set_copy(struct store *store, const struct rootfs_request *request,
		    struct rootfs *rootfs, struct err *err)
{
	int dir_fd = request->container_dir_fd;
	int place;

	if (rootfs->read_only) {
		if (staging_new(store, "view", &rootfs->copy, err) < 0)
			return -1;
		rootfs->store = store;
		dir_fd = rootfs->copy.dir_fd;
	}
	if (rootfs_vfs_copy(store, rootfs, dir_fd, request->container_maps, err) < 0)
		return -1;
	place = rootfs_place_add(rootfs, dir_fd, NULL, err);
	if (place < 0)
		return -1;
	rootfs->kind = ROOTFS_DIRECTORY;
	rootfs->upper_place = (size_t)place;
	rootfs->directory_path = ROOTFS_COPY_DIR;
	return 0;
}

static int set_plain_directory(const struct rootfs_request *request, struct rootfs *rootfs,
			       struct err *err)
{
	int place = rootfs_place_add(rootfs, request->directory_fd, NULL, err);

	if (place < 0)
		return -1;
	rootfs->kind = ROOTFS_DIRECTORY;
	rootfs->upper_place = (size_t)place;
	rootfs->directory_path = ".";
	/* the user's own directory has the owners that the user sees */
	rootfs->map_ids = false;
	return 0;
}

static int prepare(struct store *store, const struct rootfs_request *request, struct rootfs *rootfs,
		   struct err *err)
{
	struct stat top;
	struct stat empty;
	bool single = false;

	if (request->directory_fd >= 0 && !request->directory_overlay)
		return set_plain_directory(request, rootfs, err);

	if (compare_maps(store, request, rootfs, &single, err) < 0)
		return -1;
	if (request->directory_fd >= 0) {
		rootfs->map_ids = false;
		if (add_directory(rootfs, request->directory_fd, NULL, ".", &top, err) < 0)
			return -1;
	} else if (add_layers(store, request, rootfs, single, &top, err) < 0) {
		return -1;
	}
	if (rootfs->lower_count == 0 && add_empty(store, rootfs, &top, err) < 0)
		return -1;
	if (rootfs_choose(store, rootfs, err) < 0)
		return -1;
	if (rootfs->read_only && request->diff_id_count == 0 && request->directory_fd < 0) {
		/* two times the same empty directory is no overlay */
		rootfs->kind = ROOTFS_DIRECTORY;
		rootfs->upper_place = rootfs->lowers[0].place;
		rootfs->directory_path = ".";
		return 0;
	}
	if (rootfs->driver == STORAGE_DRIVER_VFS)
		return set_copy(store, request, rootfs, err);

	if (rootfs->read_only && rootfs->lower_count == 1 &&
	    rootfs->driver == STORAGE_DRIVER_OVERLAY && add_empty(store, rootfs, &empty, err) < 0)
		return -1;
	if (set_upper(store, request, rootfs, &top, err) < 0)
		return -1;
	if (rootfs->driver == STORAGE_DRIVER_FUSE_OVERLAYFS)
		return rootfs_fuse_start(store, rootfs, err);
	return 0;
}

int rootfs_prepare(struct store *store, const struct rootfs_request *request,
		   struct rootfs *ret_rootfs, struct err *err)
{
	cleanup_rootfs struct rootfs rootfs = ROOTFS_INIT;

	rootfs.read_only = request->container_dir_fd < 0;
	rootfs.volatile_upper = request->volatile_upper;
	if (prepare(store, request, &rootfs, err) < 0)
		return err_wrap(err, "cannot prepare the root file system");
	*ret_rootfs = rootfs;
	rootfs = (struct rootfs)ROOTFS_INIT;
	return 0;
}

/* ---- inside ---- */

bool rootfs_mount_is_early(const struct rootfs *rootfs)
{
	return rootfs->kind == ROOTFS_DIRECTORY;
}

int rootfs_begin(struct rootfs *rootfs, struct err *err)
{
	if (rootfs->kind != ROOTFS_LAYERS || rootfs->driver != STORAGE_DRIVER_OVERLAY ||
	    rootfs->fs_fd >= 0)
		return 0;
	return rootfs_overlay_begin(rootfs, err);
}

static int clone_directory(const struct rootfs *rootfs, struct err *err)
{
	const struct rootfs_place *place = &rootfs->places[rootfs->upper_place];
	cleanup_fd int place_fd = rootfs_place_open(place, err);
	cleanup_fd int dir_fd = -1;
	int mount_fd;

	if (place_fd < 0)
		return -1;
	if (!str_equal(rootfs->directory_path, ".")) {
		dir_fd = rootfs_open_below(place, place_fd, rootfs->directory_path, err);
		if (dir_fd < 0)
			return -1;
	} else {
		dir_fd = TAKE_FD(place_fd);
	}
	mount_fd = sys_open_tree(
		dir_fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	return mount_fd < 0 ? err_sys(err, errno, "cannot use directory '%s' as root", place->path)
			    : mount_fd;
}

int rootfs_mount(struct rootfs *rootfs, struct err *err)
{
	if (rootfs->kind == ROOTFS_DIRECTORY)
		return clone_directory(rootfs, err);
	if (rootfs->driver == STORAGE_DRIVER_FUSE_OVERLAYFS)
		return rootfs_fuse_mount(rootfs, err);
	if (rootfs_begin(rootfs, err) < 0)
		return -1;
	return rootfs_overlay_mount(rootfs, err);
}
