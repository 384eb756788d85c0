/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-volume.c - volumes: made once, found, damaged, removed; content of an image copied in
 */
#include "storage-unit.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "storage/volume.h"

static void test_names(void **state)
{
	static const char *const good[] = { "a", "0", "data", "my_vol.1-x", "A.b" };
	static const char *const bad[] = {
		"", ".", "..", ".a", "-a", "_a", "a/b", "a b", "a\n", "ä"
	};
	char name[258];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(volume_name_is_valid(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(volume_name_is_valid(bad[i]));
	memset(name, 'a', sizeof(name));
	name[256] = '\0';
	assert_false(volume_name_is_valid(name));
	name[255] = '\0';
	assert_true(volume_name_is_valid(name));
}

static void test_create_find_remove(void **state)
{
	struct unit_store unit = unit_store_make();
	cleanup_volume struct volume *volume = NULL;
	struct volume *none = NULL;
	struct volume_list list = { NULL, 0 };
	struct strv labels = STRV_INIT;
	struct strv options = STRV_INIT;
	struct err err;
	char path[160];
	int fd;

	strv_add(&labels, "a=b");
	strv_add(&options, "type=tmpfs");
	ok(volume_create(unit.store, "db", &labels, &options, false, &volume, &err));
	snprintf(path, sizeof(path), "%s/volumes/db/_data", unit.root);
	assert_string_equal(volume->mount_point, path);
	assert_true(volume->needs_copy_up);
	assert_int_equal(access(path, F_OK), 0);
	volume_free(volume);

	assert_int_equal(ok(volume_find(unit.store, "db", false, &volume, &err)), 1);
	assert_string_equal(volume->driver, "local");
	assert_string_equal(volume->labels.items[0], "a=b");
	assert_string_equal(volume->options.items[0], "type=tmpfs");
	assert_true(volume->created_ns > 0);
	assert_false(volume->anonymous);
	assert_true(volume->needs_copy_up);
	fd = ok(volume_open(unit.store, volume, &err));
	close(fd);
	fd = ok(volume_lock(unit.store, "db", &err));
	close(fd);
	volume_free(volume);
	ok(volume_set_copied(unit.store, "db", &err));
	assert_int_equal(ok(volume_find(unit.store, "db", false, &volume, &err)), 1);
	assert_false(volume->needs_copy_up);

	assert_int_equal(volume_create(unit.store, "db", NULL, NULL, false, &none, &err), -1);
	assert_int_equal(err.kind, ERR_EXISTS);
	assert_int_equal(volume_create(unit.store, "../x", NULL, NULL, false, &none, &err), -1);
	assert_int_equal(err.kind, ERR_USAGE);
	assert_int_equal(volume_find(unit.store, "../x", false, &none, &err), 0);
	assert_int_equal(volume_find(unit.store, "d", false, &none, &err), 0);
	volume_free(volume);
	assert_int_equal(ok(volume_find(unit.store, "d", true, &volume, &err)), 1);
	volume_free(volume);
	ok(volume_create(unit.store, "dc", NULL, NULL, false, &volume, &err));
	assert_int_equal(volume_find(unit.store, "d", true, &none, &err), -1);
	assert_int_equal(err.kind, ERR_AMBIGUOUS);
	volume_free(volume);
	ok(volume_create(unit.store, NULL, NULL, NULL, true, &volume, &err));
	assert_int_equal(strlen(volume->name), 64);

	ok(volume_list(unit.store, &list, &err));
	assert_int_equal(list.count, 3);
	volume_list_release(&list);
	ok(volume_remove(unit.store, "db", &err));
	assert_int_equal(volume_remove(unit.store, "db", &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	assert_int_equal(volume_lock(unit.store, "db", &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	assert_int_equal(unit_count(unit.store->root_fd, "tmp"), 1); /* the lock */
	strv_release(&labels);
	strv_release(&options);
	unit_store_remove(&unit);
}

static void test_one_of_many_wins(void **state)
{
	struct unit_store unit = unit_store_make();
	struct volume *volume = NULL;
	unsigned winners = 0;
	struct err err;
	int go[2];

	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	for (int i = 0; i < 20; i++) {
		if (fork() != 0)
			continue;
		close(go[1]);
		fd_wait_readable(go[0], -1);
		if (volume_create(unit.store, "x", NULL, NULL, false, &volume, &err) == 0)
			_exit(0);
		_exit(err.kind == ERR_EXISTS ? 1 : 2);
	}
	close(go[1]);
	for (int i = 0; i < 20; i++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
		winners += WEXITSTATUS(status) == 0;
	}
	assert_int_equal(winners, 1);
	assert_int_equal(unit_count(unit.store->root_fd, "tmp"), 1);
	close(go[0]);
	unit_store_remove(&unit);
}

static void damage(int dir_fd, const char *path, int kind)
{
	char byte = 'X';
	int fd;

	if (kind == 3) {
		assert_int_equal(unlinkat(dir_fd, path, 0), 0);
		assert_int_equal(mkdirat(dir_fd, path, 0700), 0);
		return;
	}
	if (kind == 4) {
		assert_int_equal(unlinkat(dir_fd, path, 0), 0);
		return;
	}
	fd = openat(dir_fd, path, O_RDWR);
	if (kind == 0)
		assert_int_equal(ftruncate(fd, 0), 0);
	else if (kind == 1)
		assert_int_equal(ftruncate(fd, 40), 0);
	else
		assert_int_equal(pwrite(fd, &byte, 1, 40), 1);
	close(fd);
}

static void test_a_damaged_record_stops_nothing_else(void **state)
{
	for (int kind = 0; kind < 5; kind++) {
		struct unit_store unit = unit_store_make();
		struct volume_list list = { NULL, 0 };
		struct volume *volume = NULL;
		struct err err;

		ok(volume_create(unit.store, "bad", NULL, NULL, false, &volume, &err));
		volume_free(volume);
		ok(volume_create(unit.store, "good", NULL, NULL, false, &volume, &err));
		volume_free(volume);
		damage(unit.store->root_fd, "volumes/bad/meta", kind);

		ok(volume_list(unit.store, &list, &err));
		assert_int_equal(list.count, 2);
		assert_true(list.items[0]->damaged);
		assert_false(list.items[0]->needs_copy_up);
		assert_false(list.items[1]->damaged);
		close(ok(volume_open(unit.store, list.items[0], &err)));
		volume_list_release(&list);
		ok(volume_remove(unit.store, "bad", &err));
		assert_int_equal(volume_find(unit.store, "bad", false, &volume, &err), 0);
		unit_store_remove(&unit);
	}
}

/* ---- copy ---- */

static void make_source(int fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000, .tv_nsec = 5 } };
	int file_fd;
	int socket_fd;

	unit_write(fd, "file", "content");
	assert_int_equal(fchmodat(fd, "file", 04751, 0), 0);
	file_fd = openat(fd, "file", O_RDONLY);
	assert_int_equal(fsetxattr(file_fd, "user.kept", "v", 1, 0), 0);
	assert_int_equal(fsetxattr(file_fd, "user.overlay.origin", "v", 1, 0), 0);
	close(file_fd);
	assert_int_equal(linkat(fd, "file", fd, "second", 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", fd, "link"), 0);
	assert_int_equal(mkfifoat(fd, "fifo", 0600), 0);
	assert_int_equal(mkdirat(fd, "dir", 0750), 0);
	assert_int_equal(symlinkat("..", fd, "dir/up"), 0);
	assert_int_equal(mkdirat(fd, "dir/deep", 0700), 0);
	unit_write(fd, "dir/deep/x", "");
	assert_int_equal(linkat(fd, "file", fd, "dir/third", 0), 0);

	file_fd = openat(fd, "sparse", O_RDWR | O_CREAT, 0600);
	assert_int_equal(ftruncate(file_fd, 64 << 20), 0);
	assert_int_equal(pwrite(file_fd, "middle", 6, 32 << 20), 6);
	close(file_fd);

	socket_fd = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/socket", fd);
	assert_int_equal(bind(socket_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(socket_fd);

	assert_int_equal(utimensat(fd, "file", old, 0), 0);
	assert_int_equal(utimensat(fd, "link", old, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(utimensat(fd, "dir", old, 0), 0);
}

static struct stat look(int fd, const char *path)
{
	struct stat st;

	if (fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail_msg("%s: %s", path, strerror(errno));
	return st;
}

static void test_copy_keeps_what_can_be_kept(void **state)
{
	struct unit_dir dir = unit_dir_make();
	char text[32] = "";
	struct stat st;
	struct err err;
	int source_fd;
	int data_fd;
	int fd;

	assert_int_equal(mkdirat(dir.fd, "source", 0751), 0);
	assert_int_equal(mkdirat(dir.fd, "data", 0700), 0);
	source_fd = openat(dir.fd, "source", O_RDONLY | O_DIRECTORY);
	data_fd = openat(dir.fd, "data", O_PATH | O_DIRECTORY);
	make_source(source_fd);
	ok(volume_copy_up(source_fd, data_fd, &err));

	assert_int_equal(look(data_fd, ".").st_mode & 07777, 0751);
	st = look(data_fd, "file");
	assert_int_equal(st.st_mode, S_IFREG | 04751);
	assert_int_equal(st.st_nlink, 3);
	assert_int_equal(st.st_mtim.tv_sec, 1000);
	assert_int_equal(st.st_mtim.tv_nsec, 5);
	assert_int_equal(look(data_fd, "second").st_ino, st.st_ino);
	assert_int_equal(look(data_fd, "dir/third").st_ino, st.st_ino);
	fd = openat(data_fd, "file", O_RDONLY);
	assert_int_equal(read(fd, text, sizeof(text)), 7);
	assert_string_equal(text, "content");
	assert_int_equal(fgetxattr(fd, "user.kept", text, sizeof(text)), 1);
	assert_int_equal(fgetxattr(fd, "user.overlay.origin", text, sizeof(text)), -1);
	close(fd);

	assert_int_equal(readlinkat(data_fd, "link", text, sizeof(text)), 11);
	assert_int_equal(look(data_fd, "link").st_mtim.tv_sec, 1000);
	assert_true(S_ISFIFO(look(data_fd, "fifo").st_mode));
	assert_int_equal(look(data_fd, "dir").st_mode, S_IFDIR | 0750);
	assert_int_equal(look(data_fd, "dir").st_mtim.tv_sec, 1000);
	look(data_fd, "dir/deep/x");
	assert_true(S_ISLNK(look(data_fd, "dir/up").st_mode));
	assert_int_equal(fstatat(data_fd, "socket", &st, AT_SYMLINK_NOFOLLOW), -1);

	st = look(data_fd, "sparse");
	assert_int_equal(st.st_size, 64 << 20);
	assert_true(st.st_blocks * 512 < 1 << 20);
	fd = openat(data_fd, "sparse", O_RDONLY);
	memset(text, 0, sizeof(text));
	assert_int_equal(pread(fd, text, 6, 32 << 20), 6);
	assert_string_equal(text, "middle");
	close(fd);
	close(source_fd);
	close(data_fd);
	unit_dir_remove(&dir);
}

static void test_a_volume_with_content_is_left_alone(void **state)
{
	struct unit_dir dir = unit_dir_make();
	struct err err;
	int source_fd;
	int data_fd;

	assert_int_equal(mkdirat(dir.fd, "source", 0700), 0);
	assert_int_equal(mkdirat(dir.fd, "data", 0700), 0);
	unit_write(dir.fd, "source/file", "theirs");
	unit_write(dir.fd, "data/file", "mine");
	source_fd = openat(dir.fd, "source", O_RDONLY | O_DIRECTORY);
	data_fd = openat(dir.fd, "data", O_RDONLY | O_DIRECTORY);
	ok(volume_copy_up(source_fd, data_fd, &err));
	assert_int_equal(look(data_fd, "file").st_size, 4);
	close(source_fd);
	close(data_fd);
	unit_dir_remove(&dir);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_names),
	cmocka_unit_test(test_create_find_remove),
	cmocka_unit_test(test_one_of_many_wins),
	cmocka_unit_test(test_a_damaged_record_stops_nothing_else),
	cmocka_unit_test(test_copy_keeps_what_can_be_kept),
	cmocka_unit_test(test_a_volume_with_content_is_left_alone),
};
UNIT_MAIN(tests)
