/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-rootfs.c - every driver, with the default maps and with others
 *
 * Each test is skipped where the machine has not what it needs: subordinate ids, /dev/fuse, fuse-overlayfs.
 */
#include "storage-unit.h"

#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "base/kernel.h"
#include "storage/rootfs.h"

static const struct idmaps *maps_of(struct store *store)
{
	const struct idmaps *maps;
	struct err err;

	ok(store_idmaps(store, &maps, &err));
	return maps;
}

/* ---- layers: what is in them is made as root of the namespace, as the unpacker does it ---- */

struct content {
	int dir_fd;
	const char *const
		*files; /* "+path", "-path" whiteout, "/path" directory, "!path" opaque directory */
	uid_t uid;	/* owner of all, as the image has it */
};

static int fill(void *arg, struct err *err)
{
	const struct content *content = arg;

	for (const char *const *file = content->files; *file != NULL; file++) {
		const char *path = *file + 1;
		int status = 0;
		int fd;

		switch (**file) {
		case '+':
			fd = openat(content->dir_fd, path, O_WRONLY | O_CREAT, 0640);
			status = fd < 0 || write(fd, path, strlen(path)) < 0;
			close(fd);
			break;
		case '-':
			status = mknodat(content->dir_fd, path, S_IFCHR, makedev(0, 0));
			break;
		case '/':
		case '!':
			status = mkdirat(content->dir_fd, path, 0755);
			if (**file == '!') {
				fd = openat(content->dir_fd, path, O_RDONLY);
				status |= fsetxattr(fd, "user.overlay.opaque", "y", 1, 0);
				close(fd);
			}
			break;
		}
		if (status != 0 || (**file != '-' && fchownat(content->dir_fd, path, content->uid,
							      content->uid, 0) < 0))
			return err_sys(err, errno, "cannot make '%s'", path);
	}
	return 0;
}

static void make_layer(struct store *store, unsigned number, const char *const *files, uid_t uid)
{
	struct digest diff_id = unit_digest(number);
	struct layer_meta meta = { .diff_id = diff_id, .form = LAYER_MAPPED };
	struct staging staging = STAGING_INIT;
	struct content content = { .files = files, .uid = uid };
	struct err err;

	ok(layer_stage(store, &diff_id, &staging, &err));
	content.dir_fd = openat(staging.dir_fd, "diff", O_RDONLY | O_DIRECTORY);
	ok(userns_run(maps_of(store), fill, &content, &err));
	close(content.dir_fd);
	ok(layer_publish(store, &staging, &meta, &err));
}

static const char *const lower_files[] = { "+a", "+b", "/d", "+d/old", "/o", "+o/hidden", NULL };
static const char *const upper_files[] = { "+a", "-b", "/d", "+d/new", "!o", "+o/shown", NULL };

/* ---- what the container does ---- */

struct visit {
	struct rootfs *rootfs;
	bool read_only;
	uid_t uid; /* owner of the files that we expect */
};

static int expect(struct err *err, bool right, const char *what)
{
	return right ? 0 : err_sys(err, errno, "%s", what);
}

static bool exists(int fd, const char *path)
{
	struct stat st;

	return fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int visit(void *arg, struct err *err)
{
	const struct visit *visit = arg;
	cleanup_fd int fd = rootfs_mount(visit->rootfs, err);
	cleanup_fd int file_fd = -1;
	struct stat st;

	if (fd < 0)
		return -1;
	if (expect(err, fstatat(fd, "a", &st, 0) == 0, "stat a") < 0)
		return -1;
	if (st.st_uid != visit->uid || st.st_gid != visit->uid)
		return err_set(err, ERR_FAILED, "owner of a is %u", st.st_uid);
	if ((st.st_mode & 07777) != 0640)
		return err_set(err, ERR_FAILED, "mode of a is %o", st.st_mode);
	if (expect(err, fstat(fd, &st) == 0 && st.st_uid == 0 && (st.st_mode & 07777) == 0755,
		   "root directory") < 0 ||
	    expect(err, !exists(fd, "b"), "whiteout") < 0 ||
	    expect(err, exists(fd, "d/old") && exists(fd, "d/new"), "merged directory") < 0 ||
	    expect(err, !exists(fd, "o/hidden") && exists(fd, "o/shown"), "opaque") < 0)
		return -1;
	if (visit->read_only)
		return 0;
	file_fd = openat(fd, "made", O_WRONLY | O_CREAT | O_EXCL, 0644);
	return expect(err,
		      file_fd >= 0 && fchown(file_fd, 5, 6) == 0 && write(file_fd, "x", 1) == 1 &&
			      fstat(file_fd, &st) == 0 && st.st_uid == 5 && st.st_gid == 6 &&
			      unlinkat(fd, "a", 0) == 0 && !exists(fd, "a") &&
			      renameat(fd, "d/old", fd, "d/older") == 0 &&
			      mkdirat(fd, "dir", 0755) == 0,
		      "change files");
}

/* The second time: what was changed is still so. */
static int visit_again(void *arg, struct err *err)
{
	const struct visit *visit = arg;
	cleanup_fd int fd = rootfs_mount(visit->rootfs, err);
	struct stat st;

	if (fd < 0)
		return -1;
	return expect(err,
		      fstatat(fd, "made", &st, 0) == 0 && st.st_uid == 5 && st.st_gid == 6 &&
			      !exists(fd, "a") && !exists(fd, "d/old") && exists(fd, "d/older") &&
			      exists(fd, "dir"),
		      "changes");
}

static bool have(const struct unit_store *unit, bool fuse)
{
	if (maps_of(unit->store)->single)
		return false;
	return !fuse || (access("/dev/fuse", R_OK | W_OK) == 0 &&
			 (access("/usr/bin/fuse-overlayfs", X_OK) == 0 ||
			  access("/usr/local/bin/fuse-overlayfs", X_OK) == 0));
}

enum maps_kind { MAPS_DEFAULT, MAPS_KEEP_ID, MAPS_NOMAP, MAPS_SMALL };

static void plan(struct store *store, enum maps_kind kind, struct idmaps *maps)
{
	const struct id_ranges *ranges;
	struct err err;

	ok(store_id_ranges(store, &ranges, &err));
	switch (kind) {
	case MAPS_DEFAULT:
		ok(idmap_plan_default(ranges, maps, &err));
		break;
	case MAPS_KEEP_ID:
		ok(idmap_plan_keep_id(ranges, ranges->own_uid, ranges->own_gid, maps, &err));
		break;
	case MAPS_NOMAP:
		ok(idmap_plan_nomap(ranges, maps, &err));
		break;
	case MAPS_SMALL:
		ok(idmap_plan_auto(ranges, 1024, &(struct idmap){ NULL, 0 }, maps, &err));
		break;
	}
}

static void run_with(enum storage_driver driver, enum maps_kind kind, enum rootfs_mount_api api,
		     bool is_volatile)
{
	struct unit_store unit = unit_store_make();
	struct digest layers[2] = { unit_digest(1), unit_digest(2) };
	struct idmaps maps = IDMAPS_INIT;
	struct rootfs_request request = { .diff_ids = layers,
					  .diff_id_count = 2,
					  .directory_fd = -1,
					  .volatile_upper = is_volatile,
					  .container_maps = &maps };
	struct visit visits = { .uid = 7 };
	struct rootfs rootfs = ROOTFS_INIT;
	struct err err;
	int container_fd;

	if (!have(&unit, driver == STORAGE_DRIVER_FUSE_OVERLAYFS)) {
		unit_store_remove(&unit);
		skip();
	}
	unit.store->driver = driver;
	make_layer(unit.store, 1, lower_files, 7);
	make_layer(unit.store, 2, upper_files, 7);
	plan(unit.store, kind, &maps);
	container_fd = ok(store_open_dir(unit.store, "containers/x y:z", true, &err));

	for (int round = 0; round < 4; round++) {
		request.container_dir_fd = round == 2 ? -1 : container_fd;
		ok(rootfs_prepare(unit.store, &request, &rootfs, &err));
		if (kind != MAPS_DEFAULT)
			assert_int_not_equal(rootfs.driver, STORAGE_DRIVER_OVERLAY);
		rootfs.api = api;
		visits.rootfs = &rootfs;
		visits.read_only = round == 2;
		ok(userns_run(&maps, round == 0 || round == 2 ? visit : visit_again, &visits,
			      &err));
		rootfs_release(&rootfs);
	}
	idmaps_release(&maps);
	close(container_fd);
	store_remove_tree(unit.store, unit.dir.fd, "data", &err);
	unit_store_remove(&unit);
}

static void test_overlay(void **state)
{
	run_with(STORAGE_DRIVER_OVERLAY, MAPS_DEFAULT, ROOTFS_API_FDS, false);
}

static void test_overlay_volatile_twice(void **state)
{
	run_with(STORAGE_DRIVER_OVERLAY, MAPS_DEFAULT, ROOTFS_API_FDS, true);
}

static void test_overlay_by_paths(void **state)
{
	run_with(STORAGE_DRIVER_OVERLAY, MAPS_DEFAULT, ROOTFS_API_PATHS, false);
}

static void test_overlay_by_mount(void **state)
{
	run_with(STORAGE_DRIVER_OVERLAY, MAPS_DEFAULT, ROOTFS_API_MOUNT, true);
}

static void test_fuse(void **state)
{
	run_with(STORAGE_DRIVER_FUSE_OVERLAYFS, MAPS_DEFAULT, ROOTFS_API_FDS, false);
}

static void test_fuse_keep_id(void **state)
{
	run_with(STORAGE_DRIVER_OVERLAY, MAPS_KEEP_ID, ROOTFS_API_FDS, false);
}

static void test_fuse_nomap(void **state)
{
	run_with(STORAGE_DRIVER_FUSE_OVERLAYFS, MAPS_NOMAP, ROOTFS_API_FDS, true);
}

static void test_fuse_small_map(void **state)
{
	run_with(STORAGE_DRIVER_FUSE_OVERLAYFS, MAPS_SMALL, ROOTFS_API_FDS, false);
}

static void test_vfs(void **state)
{
	run_with(STORAGE_DRIVER_VFS, MAPS_DEFAULT, ROOTFS_API_FDS, false);
}

static void test_vfs_keep_id(void **state)
{
	run_with(STORAGE_DRIVER_VFS, MAPS_KEEP_ID, ROOTFS_API_FDS, false);
}

/* ---- one id only ---- */

/* What a user without subordinate ids has. */
static void pretend_single(struct store *store)
{
	struct idmaps *maps = xcalloc(1, sizeof(*maps));

	idmap_add(&maps->uid, 0, getuid(), 1);
	idmap_add(&maps->gid, 0, getgid(), 1);
	maps->single = true;
	store->maps = maps;
}

static void make_single_layer(struct store *store, unsigned number)
{
	struct digest diff_id = unit_digest(number);
	struct layer_meta meta = { .diff_id = diff_id, .form = LAYER_SINGLE };
	struct staging staging = STAGING_INIT;
	struct err err;
	int fd;

	ok(layer_stage(store, &diff_id, &staging, &err));
	/* fuse-overlayfs wants the attribute on all when the top has it, and does not look for it when it has not */
	unit_write(staging.dir_fd, "diff/secret", "");
	fd = openat(staging.dir_fd, "diff/secret", O_RDONLY);
	assert_int_equal(fsetxattr(fd, "user.containers.override_stat", "0:0:0100751", 11, 0), 0);
	close(fd);
	fd = openat(staging.dir_fd, "diff", O_RDONLY);
	assert_int_equal(fsetxattr(fd, "user.containers.override_stat", "0:0:040755", 10, 0), 0);
	close(fd);
	ok(layer_publish(store, &staging, &meta, &err));
}

static int visit_single(void *arg, struct err *err)
{
	const struct visit *visit = arg;
	cleanup_fd int fd = rootfs_mount(visit->rootfs, err);
	cleanup_fd int file_fd = -1;
	struct stat st;

	if (fd < 0)
		return -1;
	if (expect(err, fstatat(fd, "secret", &st, 0) == 0 && (st.st_mode & 07777) == 0751,
		   "mode from the attribute") < 0)
		return -1;
	file_fd = openat(fd, "made", O_WRONLY | O_CREAT | O_EXCL, 0604);
	return expect(err,
		      file_fd >= 0 && fchmod(file_fd, 04711) == 0 && fstat(file_fd, &st) == 0 &&
			      (st.st_mode & 07777) == 04711,
		      "change a file");
}

static void test_single_id(void **state)
{
	struct unit_store unit = unit_store_make();
	struct digest layer = unit_digest(1);
	struct rootfs_request request = { .diff_ids = &layer,
					  .diff_id_count = 1,
					  .directory_fd = -1 };
	struct rootfs rootfs = ROOTFS_INIT;
	struct visit visits = { .rootfs = &rootfs };
	struct err err;

	if (!have(&unit, true)) {
		unit_store_remove(&unit);
		skip();
	}
	/* a layer that has subordinate owners is of no use without them, and it is said */
	make_layer(unit.store, 2, lower_files, 7);
	idmaps_release(unit.store->maps);
	free(unit.store->maps);
	pretend_single(unit.store);
	layer = unit_digest(2);
	request.container_dir_fd = ok(store_open_dir(unit.store, "containers/x", true, &err));
	assert_int_equal(rootfs_prepare(unit.store, &request, &rootfs, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	assert_non_null(strstr(err.hint, "/etc/subuid"));

	layer = unit_digest(1);
	make_single_layer(unit.store, 1);
	ok(rootfs_prepare(unit.store, &request, &rootfs, &err));
	assert_int_equal(rootfs.driver, STORAGE_DRIVER_FUSE_OVERLAYFS);
	assert_true(rootfs.single);
	ok(userns_run(unit.store->maps, visit_single, &visits, &err));
	rootfs_release(&rootfs);

	/* ranges came later: the layer is still good */
	idmaps_release(unit.store->maps);
	free(unit.store->maps);
	unit.store->maps = NULL;
	unit.store->driver = STORAGE_DRIVER_OVERLAY;
	ok(rootfs_prepare(unit.store, &request, &rootfs, &err));
	assert_int_equal(rootfs.driver, STORAGE_DRIVER_FUSE_OVERLAYFS);
	rootfs_release(&rootfs);
	close(request.container_dir_fd);
	store_remove_tree(unit.store, unit.dir.fd, "data", &err);
	unit_store_remove(&unit);
}

/* ---- */

static int count_layers(void *arg, struct err *err)
{
	const struct visit *visit = arg;
	cleanup_fd int fd = rootfs_mount(visit->rootfs, err);

	return fd < 0 ? -1 : (int)unit_count(fd, ".");
}

static void test_many_layers(void **state)
{
	static const enum rootfs_mount_api apis[] = { ROOTFS_API_FDS, ROOTFS_API_PATHS,
						      ROOTFS_API_MOUNT };
	struct unit_store unit = unit_store_make();
	struct digest layers[130];
	struct rootfs_request request = { .diff_ids = layers, .directory_fd = -1 };
	struct err err;

	if (!have(&unit, false)) {
		unit_store_remove(&unit);
		skip();
	}
	unit.store->driver = STORAGE_DRIVER_OVERLAY;
	for (unsigned i = 0; i < ARRAY_SIZE(layers); i++) {
		struct layer_meta meta = { .diff_id = unit_digest(i) };
		struct staging staging = STAGING_INIT;
		char name[32];

		layers[i] = meta.diff_id;
		ok(layer_stage(unit.store, &meta.diff_id, &staging, &err));
		snprintf(name, sizeof(name), "diff/f%u", i);
		unit_write(staging.dir_fd, name, "");
		ok(layer_publish(unit.store, &staging, &meta, &err));
	}
	for (size_t i = 0; i < ARRAY_SIZE(apis); i++) {
		static const size_t counts[] = { 0, 1, 2, 130 };

		for (size_t k = 0; k < 2 * ARRAY_SIZE(counts); k++) {
			struct rootfs rootfs = ROOTFS_INIT;
			struct visit visits = { .rootfs = &rootfs };
			char name[32];

			request.diff_id_count = counts[k / 2];
			snprintf(name, sizeof(name), "containers/%zu%zu", i, k);
			request.container_dir_fd =
				k % 2 ? -1 : ok(store_open_dir(unit.store, name, true, &err));
			ok(rootfs_prepare(unit.store, &request, &rootfs, &err));
			rootfs.api = apis[i];
			assert_int_equal(
				ok(userns_run(maps_of(unit.store), count_layers, &visits, &err)),
				counts[k / 2]);
			rootfs_release(&rootfs);
			fd_close(&request.container_dir_fd);
		}
	}
	store_remove_tree(unit.store, unit.dir.fd, "data", &err);
	unit_store_remove(&unit);
}

static void test_a_missing_layer_is_named(void **state)
{
	struct unit_store unit = unit_store_make();
	struct digest layer = unit_digest(9);
	struct rootfs_request request = {
		.diff_ids = &layer, .diff_id_count = 1, .directory_fd = -1, .container_dir_fd = -1
	};
	struct rootfs rootfs = ROOTFS_INIT;
	struct err err;

	assert_int_equal(rootfs_prepare(unit.store, &request, &rootfs, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	assert_non_null(strstr(err.msg, "layer 'sha256:"));
	unit_store_remove(&unit);
}

static void test_a_directory_as_root(void **state)
{
	for (int overlay = 0; overlay < 2; overlay++) {
		struct unit_store unit = unit_store_make();
		struct rootfs_request request = { .directory_overlay = overlay };
		struct rootfs rootfs = ROOTFS_INIT;
		struct visit visits = { .rootfs = &rootfs };
		struct err err;

		if (!have(&unit, false)) {
			unit_store_remove(&unit);
			skip();
		}
		assert_int_equal(mkdirat(unit.dir.fd, "my root", 0755), 0);
		unit_write(unit.dir.fd, "my root/file", "x");
		request.directory_fd = openat(unit.dir.fd, "my root", O_RDONLY | O_DIRECTORY);
		request.container_dir_fd =
			ok(store_open_dir(unit.store, "containers/x", true, &err));
		ok(rootfs_prepare(unit.store, &request, &rootfs, &err));
		assert_int_equal(rootfs_mount_is_early(&rootfs), !overlay);
		assert_int_equal(ok(userns_run(maps_of(unit.store), count_layers, &visits, &err)),
				 1);
		rootfs_release(&rootfs);
		close(request.directory_fd);
		close(request.container_dir_fd);
		store_remove_tree(unit.store, unit.dir.fd, "data", &err);
		unit_store_remove(&unit);
	}
}

static void test_the_driver_is_remembered(void **state)
{
	struct unit_store unit = unit_store_make();
	enum storage_driver first = STORAGE_DRIVER_AUTO;
	enum storage_driver second = STORAGE_DRIVER_AUTO;
	struct err err;

	if (!have(&unit, false)) {
		unit_store_remove(&unit);
		skip();
	}
	ok(rootfs_driver(unit.store, &first, &err));
	assert_int_not_equal(first, STORAGE_DRIVER_AUTO);
	assert_int_equal(faccessat(unit.store->run_fd, "storage-driver", F_OK, 0), 0);
	ok(rootfs_driver(unit.store, &second, &err));
	assert_int_equal(first, second);
	assert_int_equal(unit_count(unit.store->root_fd, "tmp"), 1);
	unit_store_remove(&unit);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_overlay),
	cmocka_unit_test(test_overlay_volatile_twice),
	cmocka_unit_test(test_overlay_by_paths),
	cmocka_unit_test(test_overlay_by_mount),
	cmocka_unit_test(test_fuse),
	cmocka_unit_test(test_fuse_keep_id),
	cmocka_unit_test(test_fuse_nomap),
	cmocka_unit_test(test_fuse_small_map),
	cmocka_unit_test(test_vfs),
	cmocka_unit_test(test_vfs_keep_id),
	cmocka_unit_test(test_single_id),
	cmocka_unit_test(test_many_layers),
	cmocka_unit_test(test_a_missing_layer_is_named),
	cmocka_unit_test(test_a_directory_as_root),
	cmocka_unit_test(test_the_driver_is_remembered),
};
UNIT_MAIN(tests)
