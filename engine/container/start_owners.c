/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/start_owners.c - U: a tree is given to the container's user once, and that is remembered
 *
 * Other engines walk the whole tree at each start, and people with a million files wait. Here a mark in the store's cache/owners tells that
 * the tree, known by device, inode and birth, was given to these ids; the next start looks at the tree's own directory and at the mark,
 * and at nothing below. A mark is written after the walk, and does not count when the directory has another owner now.
 *
 * Who the container's user is stands in the image's passwd: it is read once per container (the file `owner` in its directory keeps
 * it), by mounting the image in the process that walks.
 */
#include "engine/container/start.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/kernel.h"
#include "base/parse.h"
#include "base/path.h"
#include "engine/container/record.h"
#include "engine/container/tree.h"
#include "storage/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_OWNER  "owner"
#define DIR_MARKS   "cache/owners"
#define MARK_LENGTH 64

struct ids {
	uint32_t uid, gid;
};

struct owner_tree {
	int fd;
	const char *shown; /* path or volume, borrowed */
	char mark[96];	   /* name of its mark; "" when it cannot be known again */
};

struct owners {
	struct start *start;
	const char *user; /* NULL: inside is known */
	struct rootfs rootfs;
	struct ids *inside; /* shared with the child */
	struct owner_tree *trees;
	size_t tree_count;
};

/* ---- who ---- */

/* "1000:1000" and nobody at all need no passwd. */
static bool ids_from_text(const char *text, struct ids *ret_ids)
{
	cleanup_strv struct strv parts = STRV_INIT;

	if (text == NULL) {
		*ret_ids = (struct ids){ 0, 0 };
		return true;
	}
	strv_split(&parts, text, ':');
	return parts.count == 2 && parse_id(parts.items[0], &ret_ids->uid) == 0 &&
	       parse_id(parts.items[1], &ret_ids->gid) == 0;
}

static bool ids_remembered(const struct start *start, struct ids *ret_ids)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	return fd_read_file(start->container->dir_fd, FILE_OWNER, &text, MARK_LENGTH) == 0 &&
	       ids_from_text(text.data, ret_ids);
}

static void write_text(int dir_fd, const char *name, const struct ids *ids)
{
	cleanup_free char *text = xasprintf("%u:%u", ids->uid, ids->gid);
	cleanup_fd int fd =
		openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : fd_write_full(fd, text, strlen(text));

	/* the next start does the work again */
	if (r < 0)
		debug("cannot remember an owner: %s", strerror(-r));
}

/* ---- trees ---- */

/* A name that no other directory ever has; "" on a file system that does not know when a file was born. */
static void mark_name(struct owner_tree *tree)
{
	struct statx st;

	tree->mark[0] = '\0';
	if (statx(tree->fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &st) < 0 ||
	    !(st.stx_mask & STATX_BTIME))
		return;
	(void)snprintf(tree->mark, sizeof(tree->mark), "%x-%x-%llx-%llx.%x", st.stx_dev_major,
		       st.stx_dev_minor, (unsigned long long)st.stx_ino,
		       (unsigned long long)st.stx_btime.tv_sec, st.stx_btime.tv_nsec);
}

static int open_tree_of(struct start *start, const json_t *item, struct owner_tree *tree,
			struct err *err)
{
	const char *name = json_get_string(item, NULL, KEY_VOLUME, NULL);
	cleanup_volume struct volume *volume = NULL;

	tree->shown = name != NULL ? name : json_get_string(item, "", KEY_PATH, NULL);
	if (name == NULL) {
		tree->fd = open(tree->shown, O_PATH | O_CLOEXEC);
		if (tree->fd < 0)
			return err_sys(err, errno, "cannot open '%s'", tree->shown);
	} else {
		int found = volume_find(start->engine->store, name, false, &volume, err);

		if (found <= 0)
			return found < 0 ? -1
					 : err_set(err, ERR_NOT_FOUND, "volume '%s' was removed",
						   name);
		tree->fd = volume_open(start->engine->store, volume, err);
		if (tree->fd < 0)
			return -1;
	}
	mark_name(tree);
	return 0;
}

static bool is_marked(const struct owner_tree *tree, int marks_fd, const struct ids *host)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct ids marked;
	struct stat st;

	return tree->mark[0] != '\0' && marks_fd >= 0 &&
	       fd_read_file(marks_fd, tree->mark, &text, MARK_LENGTH) == 0 &&
	       ids_from_text(text.data, &marked) && marked.uid == host->uid &&
	       marked.gid == host->gid && fstat(tree->fd, &st) == 0 && st.st_uid == host->uid &&
	       st.st_gid == host->gid;
}

static int to_host(const struct start *start, const struct ids *inside, struct ids *ret_host,
		   struct err *err)
{
	if (idmap_to_host(&start->maps.uid, inside->uid, &ret_host->uid) == 1 &&
	    idmap_to_host(&start->maps.gid, inside->gid, &ret_host->gid) == 1)
		return 0;
	return err_set(err, ERR_USAGE,
		       "cannot give a volume to user %u and group %u: the container has no such "
		       "ids",
		       inside->uid, inside->gid);
}

/* ---- in the user namespace of the store ---- */

static int resolve(struct owners *owners, struct err *err)
{
	if (owners->user == NULL)
		return 0;
	cleanup_fd int root_fd = rootfs_mount(&owners->rootfs, err);

	if (root_fd < 0)
		return -1;
	return runtime_identity(root_fd, owners->user, &owners->inside->uid, &owners->inside->gid,
				err);
}

static int change(void *arg, struct err *err)
{
	struct owners *owners = arg;
	const struct idmaps *maps;
	struct ids host, own;

	if (resolve(owners, err) < 0 || to_host(owners->start, owners->inside, &host, err) < 0 ||
	    store_idmaps(owners->start->engine->store, &maps, err) < 0)
		return -1;
	if (idmap_to_inside(&maps->uid, host.uid, &own.uid) != 1 ||
	    idmap_to_inside(&maps->gid, host.gid, &own.gid) != 1)
		return err_set(err, ERR_UNSUPPORTED,
			       "cannot give a volume to user %u: the id %u of the host is not in "
			       "your ranges",
			       owners->inside->uid, host.uid);
	for (size_t i = 0; i < owners->tree_count; i++)
		if (tree_change_owner(owners->trees[i].fd, own.uid, own.gid, err) < 0)
			return err_wrap(err, "cannot give '%s' to the container's user",
					owners->trees[i].shown);
	return 0;
}

/* ---- all ---- */

static int prepare_image(struct owners *owners, struct err *err)
{
	struct start *start = owners->start;
	const json_t *create = start->container->create;
	const char *directory = json_get_string(create, NULL, KEY_ROOTFS, KEY_PATH, NULL);
	cleanup_free struct digest *layers = NULL;
	cleanup_fd int directory_fd = -1;
	struct rootfs_request request = { .directory_fd = -1, .container_dir_fd = -1 };

	if (directory != NULL) {
		directory_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (directory_fd < 0)
			return err_sys(err, errno, "cannot open '%s'", directory);
		request.directory_fd = directory_fd;
	} else if (container_parse_layers(json_object_get(create, KEY_LAYERS), &layers,
					  &request.diff_id_count, err) < 0) {
		return -1;
	}
	request.diff_ids = layers;
	return rootfs_prepare(start->engine->store, &request, &owners->rootfs, err);
}

/* A tmpfs is made with its owner. */
static void give_tmpfs(struct start *start, const char *destination, const struct ids *inside)
{
	size_t i;
	json_t *mount;

	json_array_foreach (json_object_get(start->config, "mounts"), i, mount) {
		json_t *options = json_object_get(mount, "options");
		cleanup_free char *uid = xasprintf("uid=%u", inside->uid);
		cleanup_free char *gid = xasprintf("gid=%u", inside->gid);

		if (!str_equal(json_get_string(mount, "", "destination", NULL), destination) ||
		    !json_is_array(options))
			continue;
		json_array_append_new(options, json_string(uid));
		json_array_append_new(options, json_string(gid));
	}
}

static int change_all(struct owners *owners, const json_t *list, struct err *err)
{
	struct start *start = owners->start;
	struct ids known = { 0, 0 }, host;
	struct err ignored = { 0 };
	bool is_known = ids_from_text(start->extra.user, &known) || ids_remembered(start, &known);
	cleanup_fd int marks_fd = store_open_dir(start->engine->store, DIR_MARKS, true, &ignored);
	const struct idmaps *maps;
	const json_t *item;
	size_t i;

	if (is_known && to_host(start, &known, &host, err) < 0)
		return -1;
	owners->trees = xcalloc(json_array_size(list), sizeof(*owners->trees));
	json_array_foreach (list, i, item) {
		struct owner_tree *tree = &owners->trees[owners->tree_count];

		if (json_object_get(item, KEY_VOLUME) == NULL &&
		    json_object_get(item, KEY_PATH) == NULL)
			continue;
		if (open_tree_of(start, item, tree, err) < 0)
			return -1;
		if (is_known && is_marked(tree, marks_fd, &host))
			fd_close(&tree->fd);
		else
			owners->tree_count++;
	}
	*owners->inside = known;
	if (!is_known || owners->tree_count > 0) {
		owners->user = is_known ? NULL : start->extra.user;
		if ((!is_known && prepare_image(owners, err) < 0) ||
		    store_idmaps(start->engine->store, &maps, err) < 0 ||
		    userns_run(maps, change, owners, err) < 0 ||
		    to_host(start, owners->inside, &host, err) < 0)
			return -1;
	}
	if (!is_known)
		write_text(start->container->dir_fd, FILE_OWNER, owners->inside);
	for (i = 0; i < owners->tree_count && marks_fd >= 0; i++)
		if (owners->trees[i].mark[0] != '\0')
			write_text(marks_fd, owners->trees[i].mark, &host);
	json_array_foreach (list, i, item)
		if (json_object_get(item, KEY_VOLUME) == NULL &&
		    json_object_get(item, KEY_PATH) == NULL)
			give_tmpfs(start, json_get_string(item, "", KEY_DESTINATION, NULL),
				   owners->inside);
	return 0;
}

int start_change_owners(struct start *start, struct err *err)
{
	const json_t *list = json_at(start->container->create, KEY_RUNTIME, KEY_OWNERS, NULL);
	struct owners owners = { .start = start, .rootfs = ROOTFS_INIT };

	if (json_array_size(list) == 0)
		return 0;
	owners.inside = mmap(NULL, sizeof(*owners.inside), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (owners.inside == MAP_FAILED)
		return err_sys(err, errno, "cannot share memory");

	int rc = change_all(&owners, list, err);

	for (size_t i = 0; i < owners.tree_count; i++)
		fd_close(&owners.trees[i].fd);
	free(owners.trees);
	rootfs_release(&owners.rootfs);
	munmap(owners.inside, sizeof(*owners.inside));
	return rc;
}
