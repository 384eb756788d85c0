/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-fd.c - descriptors
 */
#include "unit.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/fd.h"

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static bool is_cloexec(int fd)
{
	return fcntl(fd, F_GETFD) & FD_CLOEXEC;
}

static void test_ownership(void **state)
{
	int number;
	int kept;

	{
		cleanup_fd int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		cleanup_fd int other = fd_dup(fd);

		assert_true(other >= 3 && is_cloexec(other));
		number = fd;
		kept = TAKE_FD(other);
		assert_int_equal(other, -1);
	}
	assert_false(is_open(number));
	assert_true(is_open(kept));
	errno = ENOENT;
	fd_close(&kept);
	fd_close(&kept);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(kept, -1);
	assert_int_equal(fd_dup(-1), -EBADF);
}

static void test_flags(void **state)
{
	cleanup_fd int fd = open("/dev/null", O_RDONLY);

	assert_int_equal(fd_set_cloexec(fd, true), 0);
	assert_true(is_cloexec(fd));
	assert_int_equal(fd_set_cloexec(fd, false), 0);
	assert_false(is_cloexec(fd));
	assert_int_equal(fd_set_nonblock(fd, true), 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fd_set_nonblock(fd, false), 0);
	assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fd_set_cloexec(-1, true), -EBADF);
	assert_int_equal(fd_set_nonblock(-1, true), -EBADF);
}

/* More than a pipe holds goes through a non-blocking one. */
static void test_whole_transfers(void **state)
{
	size_t size = 300000;
	cleanup_free char *data = xmalloc(size);
	cleanup_free char *got = xmalloc(size);
	int fds[2];
	pid_t pid;

	for (size_t i = 0; i < size; i++)
		data[i] = (char)(i * 7);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(fd_set_nonblock(fds[1], true), 0);
	assert_int_equal(fd_set_nonblock(fds[0], true), 0);
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		_exit(fd_write_full(fds[1], data, size) == 0 ? 0 : 1);
	}
	close(fds[1]);
	assert_int_equal(fd_read_full(fds[0], got, size - 1), size - 1);
	assert_int_equal(fd_read_full(fds[0], got + size - 1, 100), 1);
	assert_memory_equal(got, data, size);
	waitpid(pid, NULL, 0);
	close(fds[0]);
	assert_int_equal(fd_read_full(-1, got, 1), -EBADF);
	assert_int_equal(fd_write_full(-1, got, 1), -EBADF);
}

static void test_limits_of_reading(void **state)
{
	static const struct {
		size_t size, limit;
		int status;
	} rows[] = {
		{ 0, 0, 0 },	       { 1, 0, -EFBIG },	   { 10, 10, 0 },
		{ 11, 10, -EFBIG },    { 4096, 4096, 0 },	   { 4097, 4096, -EFBIG },
		{ 20000, 1 << 20, 0 }, { 20000, SIZE_MAX / 4, 0 },
	};
	struct unit_dir dir = unit_dir_make();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_strbuf struct strbuf buf = STRBUF_INIT;
		cleanup_fd int fd =
			openat(dir.fd, "file", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		int fds[2];

		assert_int_equal(ftruncate(fd, (off_t)rows[i].size), 0);
		strbuf_adds(&buf, "old");
		assert_int_equal(fd_read_file(dir.fd, "file", &buf, rows[i].limit), rows[i].status);
		if (rows[i].status == 0)
			assert_int_equal(buf.length, rows[i].size + 3);
		assert_memory_equal(buf.data, "old", 3);

		/* a pipe does not tell its size */
		assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
		strbuf_clear(&buf);
		strbuf_grow(&buf, rows[i].size);
		memset(buf.data, 'x', rows[i].size);
		assert_int_equal(fd_write_full(fds[1], buf.data, rows[i].size), 0);
		close(fds[1]);
		strbuf_clear(&buf);
		assert_int_equal(fd_read_all(fds[0], &buf, rows[i].limit), rows[i].status);
		close(fds[0]);
	}
	unit_dir_remove(&dir);
}

static void test_odd_files(void **state)
{
	struct unit_dir dir = unit_dir_make();
	cleanup_strbuf struct strbuf buf = STRBUF_INIT;

	unit_write(dir.fd, "file", "text");
	assert_int_equal(symlinkat("file", dir.fd, "link"), 0);
	assert_int_equal(mkfifoat(dir.fd, "fifo", 0600), 0);
	assert_int_equal(mkdirat(dir.fd, "dir", 0700), 0);
	assert_int_equal(fd_read_file(dir.fd, "missing", &buf, 100), -ENOENT);
	assert_int_equal(fd_read_file(dir.fd, "link", &buf, 100), -ELOOP);
	assert_int_equal(fd_read_file(dir.fd, "fifo", &buf, 100), -EINVAL); /* and does not hang */
	assert_int_equal(fd_read_file(dir.fd, "dir", &buf, 100), -EISDIR);
	assert_int_equal(buf.length, 0);
	assert_int_equal(fd_read_file(AT_FDCWD, "/proc/self/stat", &buf, 4096), 0);
	assert_true(buf.length > 0);

	assert_int_equal(fd_write_file(dir.fd, "file", "new"), 0);
	assert_int_equal(fd_write_file(dir.fd, "missing", "new"), -ENOENT);
	assert_int_equal(fd_write_file(dir.fd, "link", "new"), -ELOOP);
	strbuf_clear(&buf);
	assert_int_equal(fd_read_file(dir.fd, "file", &buf, 100), 0);
	assert_string_equal(buf.data, "newt");
	unit_dir_remove(&dir);
}

static void test_stdio_and_close_from(void **state)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct stat st;

		close(0);
		close(2);
		if (fd_ensure_stdio() != 0 || !is_open(0) || !is_open(2) || is_cloexec(0))
			_exit(1);
		if (fstat(0, &st) < 0 || !S_ISCHR(st.st_mode))
			_exit(2);
		for (int i = 0; i < 20; i++)
			(void)!dup(0);
		fd_close_from(5);
		if (!is_open(3) || !is_open(4) || is_open(5) || is_open(20))
			_exit(3);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

static void test_passing(void **state)
{
	int pair[2];
	int sent[3];
	int got[4];
	char data[16];
	char zero = '\0';

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	for (int i = 0; i < 3; i++)
		sent[i] = open("/dev/null", O_RDONLY);

	assert_int_equal(fd_send(pair[0], "hello", 5, sent, 3), 0);
	assert_int_equal(fd_receive(pair[1], data, sizeof(data), got, 4), 5);
	assert_memory_equal(data, "hello", 5);
	for (int i = 0; i < 3; i++) {
		assert_true(got[i] >= 0 && is_cloexec(got[i]));
		fd_close(&got[i]);
	}
	assert_int_equal(got[3], -1);

	/* more than there is room for are closed */
	{
		int before = dup(0);
		int after;

		close(before);
		assert_int_equal(fd_send(pair[0], &zero, 1, sent, 3), 0);
		assert_int_equal(fd_receive(pair[1], data, sizeof(data), got, 1), 1);
		assert_true(is_open(got[0]));
		fd_close(&got[0]);
		after = dup(0);
		assert_int_equal(after, before);
		close(after);
	}

	assert_int_equal(fd_send(pair[0], "x", 1, NULL, 0), 0);
	assert_int_equal(fd_receive(pair[1], data, sizeof(data), got, 2), 1);
	assert_int_equal(got[0], -1);
	assert_int_equal(fd_send(pair[0], "", 0, sent, 1), -EINVAL);

	close(pair[1]);
	assert_int_equal(fd_send(pair[0], "x", 1, NULL, 0), -EPIPE);
	assert_int_equal(fd_receive(pair[0], data, sizeof(data), NULL, 0), 0);
	close(pair[0]);
	for (int i = 0; i < 3; i++)
		close(sent[i]);
}

static void test_sealed(void **state)
{
	char data[8];
	int fd = fd_sealed("unit", "sealed", 6);

	assert_true(fd >= 0 && is_cloexec(fd));
	assert_int_equal(fd_read_full(fd, data, sizeof(data)), 6);
	assert_memory_equal(data, "sealed", 6);
	assert_int_equal(fd_write_full(fd, "x", 1), -EPERM);
	assert_int_equal(ftruncate(fd, 0), -1);
	close(fd);
}

static void test_waiting(void **state)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(fd_wait_readable(fds[0], 0), 0);
	assert_int_equal(fd_wait_readable(fds[0], 5), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(fd_wait_readable(fds[0], 0), 1);
	assert_int_equal(fd_wait_readable(fds[0], INT64_MAX), 1);
	assert_int_equal(fd_wait_readable(fds[0], -1), 1);
	close(fds[1]);
	assert_int_equal(fd_wait_readable(fds[0], -1), 1);
	close(fds[0]);
	assert_int_equal(fd_wait_readable(fds[0], -1), -EBADF);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_ownership),	cmocka_unit_test(test_flags),
	cmocka_unit_test(test_whole_transfers), cmocka_unit_test(test_limits_of_reading),
	cmocka_unit_test(test_odd_files),	cmocka_unit_test(test_stdio_and_close_from),
	cmocka_unit_test(test_passing),		cmocka_unit_test(test_sealed),
	cmocka_unit_test(test_waiting),
};
UNIT_MAIN(tests)
