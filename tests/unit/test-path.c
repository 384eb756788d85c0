/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-path.c - anchored paths, with openat2 and without
 *
 * The tree has a secret beside the root, and links of all kinds that try to reach it. The same tables run over both ways
 * of resolving, so they also prove that the two agree.
 */
#include "unit.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/strbuf.h"

struct place {
	struct unit_dir dir;
	int root_fd;
};

static void make_link(int dir_fd, const char *name, const char *target)
{
	assert_int_equal(symlinkat(target, dir_fd, name), 0);
}

static void make_dir(int dir_fd, const char *name)
{
	assert_int_equal(mkdirat(dir_fd, name, 0755), 0);
}

static struct place make_place(void)
{
	struct place place = { .dir = unit_dir_make() };
	int root;
	char name[16];

	unit_write(place.dir.fd, "secret", "secret");
	make_dir(place.dir.fd, "root");
	root = openat(place.dir.fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	make_dir(root, "dir");
	make_dir(root, "dir/sub");
	unit_write(root, "file", "file");
	unit_write(root, "secret", "inner");
	unit_write(root, "dir/file", "dir/file");
	make_link(root, "link", "file");
	make_link(root, "abs", "/dir/file");
	make_link(root, "dirlink", "dir");
	make_link(root, "up", "../secret");
	make_link(root, "upup", "../../../../../../secret");
	make_link(root, "absup", "/../secret");
	make_link(root, "dir/sub/deep", "../../../../dir/file");
	make_link(root, "self", "self");
	make_link(root, "dangling", "dir/new");
	make_link(root, "dangling-dir", "/made/by/link");
	make_link(root, "loop-a", "loop-b/x");
	make_link(root, "loop-b", "loop-a/x");
	make_link(root, "to-root", "/");
	make_link(root, "to-dot", ".");
	/* a chain of 45: chain44 is 45 links away from the file, chain39 is 40 */
	make_link(root, "chain0", "file");
	for (int i = 1; i < 45; i++) {
		char target[16];

		snprintf(name, sizeof(name), "chain%d", i);
		snprintf(target, sizeof(target), "chain%d", i - 1);
		make_link(root, name, target);
	}
	place.root_fd = root;
	return place;
}

static void remove_place(struct place *place)
{
	close(place->root_fd);
	unit_dir_remove(&place->dir);
}

/* The start of what the file has, or "" when it is a directory. */
static void assert_content(int fd, const char *expected)
{
	char data[32] = "";
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	if (!S_ISDIR(st.st_mode))
		assert_true(read(fd, data, sizeof(data) - 1) >= 0);
	assert_string_equal(data, expected);
}

static const struct {
	const char *path;
	int flags;
	/* the content, or NULL when it must fail */
	const char *in_root;
	int in_root_status;
	const char *beneath;
	int beneath_status;
} open_rows[] = {
	{ "file", O_RDONLY, "file", 0, "file", 0 },
	{ "./dir/./file", O_RDONLY, "dir/file", 0, "dir/file", 0 },
	{ "dir//file", O_RDONLY, "dir/file", 0, "dir/file", 0 },
	{ "dir/sub/../file", O_RDONLY, "dir/file", 0, "dir/file", 0 },
	{ "dir/../file", O_RDONLY, "file", 0, "file", 0 },
	{ ".", O_RDONLY, "", 0, "", 0 },
	{ "dir/", O_RDONLY, "", 0, "", 0 },
	{ "dir/sub/..", O_RDONLY, "", 0, "", 0 },
	{ "dir", O_RDONLY | O_DIRECTORY, "", 0, "", 0 },
	/* leaving */
	{ "..", O_RDONLY, "", 0, NULL, -EXDEV },
	{ "../secret", O_RDONLY, "inner", 0, NULL, -EXDEV },
	{ "dir/../../secret", O_RDONLY, "inner", 0, NULL, -EXDEV },
	{ "/", O_RDONLY, "", 0, NULL, -EXDEV },
	{ "/file", O_RDONLY, "file", 0, NULL, -EXDEV },
	{ "/../../secret", O_RDONLY, "inner", 0, NULL, -EXDEV },
	/* links */
	{ "link", O_RDONLY, "file", 0, NULL, -ELOOP },
	{ "abs", O_RDONLY, "dir/file", 0, NULL, -ELOOP },
	{ "dirlink/file", O_RDONLY, "dir/file", 0, NULL, -ELOOP },
	{ "dirlink/", O_RDONLY, "", 0, NULL, -ELOOP },
	{ "dirlink/.", O_RDONLY, "", 0, NULL, -ELOOP },
	{ "dirlink/../file", O_RDONLY, "file", 0, NULL, -ELOOP },
	{ "up", O_RDONLY, "inner", 0, NULL, -ELOOP },
	{ "upup", O_RDONLY, "inner", 0, NULL, -ELOOP },
	{ "absup", O_RDONLY, "inner", 0, NULL, -ELOOP },
	{ "dir/sub/deep", O_RDONLY, "dir/file", 0, NULL, -ELOOP },
	{ "to-root/file", O_RDONLY, "file", 0, NULL, -ELOOP },
	{ "to-dot/to-dot/to-dot/file", O_RDONLY, "file", 0, NULL, -ELOOP },
	{ "self", O_RDONLY, NULL, -ELOOP, NULL, -ELOOP },
	{ "loop-a", O_RDONLY, NULL, -ELOOP, NULL, -ELOOP },
	{ "chain39", O_RDONLY, "file", 0, NULL, -ELOOP },
	{ "chain40", O_RDONLY, NULL, -ELOOP, NULL, -ELOOP },
	{ "chain44", O_RDONLY, NULL, -ELOOP, NULL, -ELOOP },
	{ "link", O_RDONLY | O_NOFOLLOW, NULL, -ELOOP, NULL, -ELOOP },
	{ "dirlink", O_RDONLY | O_NOFOLLOW | O_DIRECTORY, NULL, -ENOTDIR, NULL, -ENOTDIR },
	{ "dirlink/", O_RDONLY | O_NOFOLLOW, "", 0, NULL, -ELOOP },
	{ "dirlink/file", O_RDONLY | O_NOFOLLOW, "dir/file", 0, NULL, -ELOOP },
	{ "dangling", O_RDONLY, NULL, -ENOENT, NULL, -ELOOP },
	/* what is not there or not so */
	{ "", O_RDONLY, NULL, -ENOENT, NULL, -ENOENT },
	{ "missing", O_RDONLY, NULL, -ENOENT, NULL, -ENOENT },
	{ "missing/file", O_RDONLY, NULL, -ENOENT, NULL, -ENOENT },
	{ "file/", O_RDONLY, NULL, -ENOTDIR, NULL, -ENOTDIR },
	{ "file/..", O_RDONLY, NULL, -ENOTDIR, NULL, -ENOTDIR },
	{ "file/x", O_RDONLY, NULL, -ENOTDIR, NULL, -ENOTDIR },
	{ "file", O_RDONLY | O_DIRECTORY, NULL, -ENOTDIR, NULL, -ENOTDIR },
	{ "link", O_RDONLY | O_DIRECTORY, NULL, -ENOTDIR, NULL, -ELOOP },
	{ "dir", O_WRONLY, NULL, -EISDIR, NULL, -EISDIR },
	{ "file", O_WRONLY | O_CREAT | O_EXCL, NULL, -EEXIST, NULL, -EEXIST },
	{ "link", O_WRONLY | O_CREAT | O_EXCL, NULL, -EEXIST, NULL, -EEXIST },
	{ "dangling", O_WRONLY | O_CREAT | O_EXCL, NULL, -EEXIST, NULL, -EEXIST },
};

static void assert_open(int fd, const char *content, int status)
{
	if (content == NULL) {
		assert_int_equal(fd, status);
		return;
	}
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_content(fd, content);
	close(fd);
}

static void test_open(void **state)
{
	struct place place = make_place();

	for (size_t i = 0; i < ARRAY_SIZE(open_rows); i++) {
		const char *path = open_rows[i].path;
		int flags = open_rows[i].flags;

		assert_open(path_open_in_root(place.root_fd, path, flags, 0600),
			    open_rows[i].in_root, open_rows[i].in_root_status);
		assert_open(path_open_beneath(place.root_fd, path, flags, 0600),
			    open_rows[i].beneath, open_rows[i].beneath_status);
	}
	remove_place(&place);
}

static void test_lengths(void **state)
{
	struct place place = make_place();
	cleanup_strbuf struct strbuf path = STRBUF_INIT;

	while (path.length < 4090)
		strbuf_adds(&path, "./");
	strbuf_adds(&path, "file");
	assert_true(path.length < 4096);
	assert_open(path_open_in_root(place.root_fd, path.data, O_RDONLY, 0), "file", 0);
	while (path.length < 4096)
		strbuf_addc(&path, '/');
	assert_open(path_open_in_root(place.root_fd, path.data, O_RDONLY, 0), NULL, -ENAMETOOLONG);
	assert_open(path_open_beneath(place.root_fd, path.data, O_RDONLY, 0), NULL, -ENAMETOOLONG);
	strbuf_clear(&path);
	for (int i = 0; i < 256; i++)
		strbuf_addc(&path, 'n');
	assert_open(path_open_in_root(place.root_fd, path.data, O_RDONLY, 0), NULL, -ENAMETOOLONG);
	remove_place(&place);
}

static void test_path_descriptors(void **state)
{
	struct place place = make_place();
	struct stat st;
	int fd;

	/* the link itself */
	fd = path_open_in_root(place.root_fd, "up", O_PATH | O_NOFOLLOW, 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	close(fd);
	fd = path_open_beneath(place.root_fd, "up", O_PATH | O_NOFOLLOW, 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	close(fd);
	/* or where it leads, never a link */
	fd = path_open_in_root(place.root_fd, "up", O_PATH, 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(st.st_size, 5);
	close(fd);
	assert_int_equal(path_open_beneath(place.root_fd, "up", O_PATH, 0), -ELOOP);
	remove_place(&place);
}

static void test_creating(void **state)
{
	struct place place = make_place();
	struct stat st;
	int fd;

	fd = path_open_in_root(place.root_fd, "/dir/made", O_WRONLY | O_CREAT | O_EXCL, 0640);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(fstatat(place.root_fd, "dir/made", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	/* through a link that leads nowhere yet, and stays inside */
	fd = path_open_in_root(place.root_fd, "dangling", O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(fstatat(place.root_fd, "dir/new", &st, 0), 0);
	fd = path_open_beneath(place.root_fd, "dir/two", O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	close(fd);
	fd = path_open_beneath(place.root_fd, "dir", O_TMPFILE | O_RDWR, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(path_open_in_root(place.root_fd, "missing/new", O_WRONLY | O_CREAT, 0600),
			 -ENOENT);
	assert_int_equal(path_open_in_root(place.root_fd, "dir/", O_WRONLY | O_CREAT, 0600),
			 -EISDIR);
	remove_place(&place);
}

static void test_magic_links(void **state)
{
	cleanup_fd int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	/* /proc/self is a plain link; what is behind exe, root and cwd is not reached */
	fd = path_open_in_root(proc_fd, "self/status", O_RDONLY, 0);
	assert_true(fd >= 0);
	close(fd);
	assert_true(path_open_in_root(proc_fd, "self/exe", O_RDONLY, 0) < 0);
	assert_true(path_open_in_root(proc_fd, "self/root/etc", O_RDONLY, 0) < 0 ||
		    path_open_in_root(proc_fd, "self/root/etc/passwd", O_RDONLY, 0) < 0);
	assert_true(path_open_beneath(proc_fd, "self/status", O_RDONLY, 0) == -ELOOP);
}

static void test_making_dirs(void **state)
{
	static const struct {
		const char *path;
		int made;
		/* where the last one must be then */
		const char *at;
		int beneath_status;
	} rows[] = {
		{ "dir/sub", 0, "dir/sub", 0 },
		{ "a/b/c", 3, "a/b/c", 0 },
		{ "a/b/d/", 1, "a/b/d", 0 },
		{ "/absolute/x", 2, "absolute/x", -EXDEV },
		{ "dirlink/y", 1, "dir/y", -ELOOP },
		{ "../../out", 1, "out", -EXDEV },
		{ "dangling-dir/z", 4, "made/by/link/z", -ELOOP },
		{ "new/../other", 2, "other", 0 },
		{ ".", 0, ".", 0 },
		{ "/", 0, ".", -EXDEV },
	};
	struct place place = make_place();
	int made;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct stat want;
		struct stat got;
		int fd = path_make_dirs_in_root(place.root_fd, rows[i].path, 0750, &made);

		assert_true(fd >= 0);
		assert_int_equal(made, rows[i].made);
		assert_int_equal(fstat(fd, &got), 0);
		assert_int_equal(fstatat(place.root_fd, rows[i].at, &want, 0), 0);
		assert_int_equal(got.st_ino, want.st_ino);
		close(fd);

		fd = path_make_dirs_beneath(place.root_fd, rows[i].path, 0750);
		if (rows[i].beneath_status < 0) {
			assert_int_equal(fd, rows[i].beneath_status);
			continue;
		}
		assert_true(fd >= 0);
		assert_int_equal(fstat(fd, &got), 0);
		assert_int_equal(got.st_ino, want.st_ino);
		close(fd);
	}
	{
		int fd = path_make_dirs_beneath(place.root_fd, "fresh/one", 0750);
		struct stat st;

		/* it can be read and synced */
		assert_true(fd >= 0);
		assert_int_equal(fsync(fd), 0);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0750);
		close(fd);
	}
	assert_int_equal(path_make_dirs_in_root(place.root_fd, "file/x", 0755, NULL), -ENOTDIR);
	assert_int_equal(path_make_dirs_in_root(place.root_fd, "self/x", 0755, NULL), -ELOOP);
	assert_int_equal(path_make_dirs_beneath(place.root_fd, "dangling-dir/q", 0755), -ELOOP);
	/* nothing came to be beside the root */
	assert_int_equal(faccessat(place.dir.fd, "out", F_OK, 0), -1);
	remove_place(&place);
}

static void test_parent(void **state)
{
	static const struct {
		const char *path, *parent, *name;
	} rows[] = {
		{ "/dir/file", "dir", "file" },
		{ "dir/file", "dir", "file" },
		{ "/new", ".", "new" },
		{ "new", ".", "new" },
		{ "dirlink/new/", "dir", "new" },
		{ "/dir/sub/../x", "dir", "x" },
		{ "/../../x", ".", "x" },
		{ "../../x", ".", "x" },
		{ "/up", ".", "up" },
		{ "/", NULL, NULL },
		{ ".", NULL, NULL },
		{ "", NULL, NULL },
		{ "..", NULL, NULL },
		{ "dir/..", NULL, NULL },
	};
	struct place place = make_place();
	cleanup_strbuf struct strbuf buf = STRBUF_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *name = NULL;
		int fd = path_open_parent_in_root(place.root_fd, rows[i].path, &buf, &name);
		struct stat want;
		struct stat got;

		if (rows[i].parent == NULL) {
			assert_int_equal(fd, -EINVAL);
			assert_null(name);
			continue;
		}
		assert_true(fd >= 0);
		assert_string_equal(name, rows[i].name);
		assert_int_equal(fstat(fd, &got), 0);
		assert_int_equal(fstatat(place.root_fd, rows[i].parent, &want, 0), 0);
		assert_int_equal(got.st_ino, want.st_ino);
		close(fd);
	}
	{
		const char *name;
		int fd = path_open_parent_in_root(place.root_fd, "/dir//sub/x", &buf, &name);

		assert_string_equal(buf.data, "/dir/sub/x");
		close(fd);
		assert_int_equal(path_open_parent_in_root(place.root_fd, "/missing/x", &buf, &name),
				 -ENOENT);
		assert_int_equal(path_open_parent_in_root(place.root_fd, "/file/x", &buf, &name),
				 -ENOTDIR);
	}
	remove_place(&place);
}

/* Somebody exchanges a directory with a link to the outside while we resolve: never the secret. */
static void test_swapped_while_resolving(void **state)
{
	struct place place = make_place();
	pid_t pid;

	make_dir(place.root_fd, "swap");
	unit_write(place.root_fd, "swap/secret", "inner");
	make_link(place.root_fd, "swap2", "..");
	pid = fork();
	if (pid == 0) {
		for (;;) {
			if (renameat2(place.root_fd, "swap", place.root_fd, "swap2",
				      RENAME_EXCHANGE) < 0)
				_exit(1);
		}
	}
	for (int i = 0; i < 3000; i++) {
		int fd = path_open_in_root(place.root_fd, "swap/secret", O_RDONLY, 0);

		if (fd >= 0) {
			assert_content(fd, "inner");
			close(fd);
		}
		fd = path_open_beneath(place.root_fd, "swap/secret", O_RDONLY, 0);
		if (fd >= 0) {
			assert_content(fd, "inner");
			close(fd);
		}
		fd = path_open_in_root(place.root_fd, "dir/sub/../../swap/../swap2/secret",
				       O_RDONLY, 0);
		if (fd >= 0) {
			assert_content(fd, "inner");
			close(fd);
		}
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	remove_place(&place);
}

static void test_components(void **state)
{
	static const struct {
		const char *name;
		bool ok;
	} rows[] = {
		{ "a", true },	{ "...", true }, { ".a", true },   { "a b\n", true }, { "", false },
		{ ".", false }, { "..", false }, { "a/b", false }, { "/", false },
	};
	char name[300];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(path_is_component(rows[i].name), rows[i].ok);
	memset(name, 'n', sizeof(name));
	name[255] = '\0';
	assert_true(path_is_component(name));
	name[255] = 'n';
	name[256] = '\0';
	assert_false(path_is_component(name));
}

static void test_clean(void **state)
{
	static const struct {
		const char *path, *clean;
	} rows[] = {
		{ "a//b/./c/../d", "a/b/d" },
		{ "/a/../../b", "/b" },
		{ "/", "/" },
		{ "", "." },
		{ ".", "." },
		{ "./", "." },
		{ "..", ".." },
		{ "../..", "../.." },
		{ "a/..", "." },
		{ "a/../..", ".." },
		{ "/..", "/" },
		{ "///a///", "/a" },
		{ "../a/../b", "../b" },
		{ "/...", "/..." },
		{ "a/./", "a" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_strbuf struct strbuf out = STRBUF_INIT;

		path_clean(&out, rows[i].path);
		assert_string_equal(out.data, rows[i].clean);
	}
}

static void test_sync(void **state)
{
	struct place place = make_place();

	assert_int_equal(path_sync(place.root_fd, "file"), 0);
	assert_int_equal(path_sync(place.root_fd, "dir"), 0);
	assert_int_equal(path_sync(place.root_fd, "."), 0);
	assert_int_equal(path_sync(place.root_fd, "link"), -ELOOP);
	assert_int_equal(path_sync(place.root_fd, "missing"), -ENOENT);
	remove_place(&place);
}

static int with_openat2(void **state)
{
	path_set_openat2(true);
	return 0;
}

static int without_openat2(void **state)
{
	path_set_openat2(false);
	return 0;
}

#define BOTH_WAYS(function)                                                                        \
	{ #function " with openat2", function, with_openat2, with_openat2, NULL },                 \
	{                                                                                          \
#function " without openat2", function, without_openat2, with_openat2, NULL        \
	}

static const struct CMUnitTest tests[] = {
	BOTH_WAYS(test_open),
	BOTH_WAYS(test_lengths),
	BOTH_WAYS(test_path_descriptors),
	BOTH_WAYS(test_creating),
	BOTH_WAYS(test_magic_links),
	BOTH_WAYS(test_making_dirs),
	BOTH_WAYS(test_parent),
	BOTH_WAYS(test_swapped_while_resolving),
	cmocka_unit_test(test_components),
	cmocka_unit_test(test_clean),
	cmocka_unit_test(test_sync),
};
UNIT_MAIN(tests)
