/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-lock.c - locks between processes
 *
 * A child tells by one byte on a pipe that it has the lock and is ended by closing the other pipe or by SIGKILL: no test
 * waits for a time to pass.
 */
#include "unit.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/lock.h"

struct holder {
	pid_t pid;
	int go_fd;
};

typedef int (*take_function)(int dir_fd, struct err *err);

static int take_exclusive(int dir_fd, struct err *err)
{
	return lock_take(dir_fd, "lock", true, err);
}

static int take_shared(int dir_fd, struct err *err)
{
	return lock_take(dir_fd, "lock", false, err);
}

static int take_alive(int dir_fd, struct err *err)
{
	return alive_take(dir_fd, "lock", err);
}

/* Start a process that holds it; returns when it does. */
static struct holder hold(int dir_fd, take_function take)
{
	struct holder holder;
	int ready[2];
	int go[2];
	char byte;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	holder.pid = fork();
	if (holder.pid == 0) {
		struct err err;
		int fd = take(dir_fd, &err);

		close(go[1]);
		if (fd < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		_exit(read(go[0], &byte, 1) == 0 ? 0 : 1);
	}
	close(ready[1]);
	close(go[0]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	holder.go_fd = go[1];
	return holder;
}

static void end(struct holder *holder)
{
	int status;

	close(holder->go_fd);
	assert_int_equal(waitpid(holder->pid, &status, 0), holder->pid);
	assert_int_equal(status, 0);
}

static void test_who_excludes_whom(void **state)
{
	static const struct {
		take_function held;
		bool exclusive, gets_it;
	} rows[] = {
		{ take_exclusive, true, false },
		{ take_exclusive, false, false },
		{ take_shared, true, false },
		{ take_shared, false, true },
	};
	struct unit_dir dir = unit_dir_make();
	struct err err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct holder holder = hold(dir.fd, rows[i].held);
		int fd = lock_try(dir.fd, "lock", rows[i].exclusive, &err);

		if (rows[i].gets_it)
			assert_true(fd >= 0);
		else
			assert_int_equal(fd, -2);
		fd_close(&fd);
		end(&holder);
		fd = lock_try(dir.fd, "lock", true, &err);
		assert_true(fd >= 0);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		close(fd);
	}
	unit_dir_remove(&dir);
}

static void test_waits(void **state)
{
	struct unit_dir dir = unit_dir_make();
	struct holder holder = hold(dir.fd, take_exclusive);
	pid_t pid = fork();
	struct err err;
	int status;

	if (pid == 0) {
		close(holder.go_fd);
		_exit(lock_take(dir.fd, "lock", true, &err) >= 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	end(&holder);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	unit_dir_remove(&dir);
}

static void test_kill_frees_it(void **state)
{
	struct unit_dir dir = unit_dir_make();
	struct holder holder = hold(dir.fd, take_exclusive);
	struct err err;
	int fd;

	kill(holder.pid, SIGKILL);
	fd = lock_take(dir.fd, "lock", true, &err);
	assert_true(fd >= 0);
	close(fd);
	close(holder.go_fd);
	waitpid(holder.pid, NULL, 0);
	unit_dir_remove(&dir);
}

/* The directory of the object went away and came again while somebody waited: the lock is of the new file. */
static void test_file_was_replaced(void **state)
{
	struct unit_dir dir = unit_dir_make();
	struct holder holder = hold(dir.fd, take_exclusive);
	struct stat named;
	struct stat held;
	struct err err;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		int fd;

		close(holder.go_fd);
		fd = lock_take(dir.fd, "lock", true, &err);
		_exit(fd >= 0 && fstat(fd, &held) == 0 && fstatat(dir.fd, "lock", &named, 0) == 0 &&
				      held.st_ino == named.st_ino
			      ? 0
			      : 1);
	}
	unlinkat(dir.fd, "lock", 0);
	unit_write(dir.fd, "lock", "");
	end(&holder);
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	unit_dir_remove(&dir);
}

static void test_alive(void **state)
{
	struct unit_dir dir = unit_dir_make();
	struct holder holder;
	struct err err;
	int fd;

	assert_false(alive_is_held(dir.fd, "lock"));
	unit_write(dir.fd, "lock", "");
	assert_false(alive_is_held(dir.fd, "lock"));

	holder = hold(dir.fd, take_alive);
	assert_true(alive_is_held(dir.fd, "lock"));
	assert_true(alive_is_held(dir.fd, "lock"));
	assert_int_equal(alive_take(dir.fd, "lock", &err), -2);
	/* who may only read it can ask too, and opening and closing it takes nothing away */
	assert_int_equal(fchmodat(dir.fd, "lock", 0400, 0), 0);
	assert_true(alive_is_held(dir.fd, "lock"));
	assert_int_equal(fchmodat(dir.fd, "lock", 0600, 0), 0);

	kill(holder.pid, SIGKILL);
	waitpid(holder.pid, NULL, 0);
	close(holder.go_fd);
	assert_false(alive_is_held(dir.fd, "lock"));

	fd = alive_take(dir.fd, "lock", &err);
	assert_true(fd >= 0);
	/* of the open file, not of the process: our own question sees it as well */
	assert_true(alive_is_held(dir.fd, "lock"));
	close(fd);
	assert_false(alive_is_held(dir.fd, "lock"));
	unit_dir_remove(&dir);
}

static void test_failures(void **state)
{
	struct unit_dir dir = unit_dir_make();
	struct err err;

	assert_int_equal(symlinkat("elsewhere", dir.fd, "lock"), 0);
	assert_int_equal(lock_take(dir.fd, "lock", true, &err), -1);
	assert_int_equal(lock_try(dir.fd, "lock", true, &err), -1);
	assert_int_equal(alive_take(dir.fd, "lock", &err), -1);
	assert_false(alive_is_held(dir.fd, "lock"));
	assert_int_equal(lock_take(dir.fd, "no/lock", true, &err), -1);
	assert_non_null(strstr(err.msg, "'no/lock'"));
	unit_dir_remove(&dir);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_who_excludes_whom),
	cmocka_unit_test(test_waits),
	cmocka_unit_test(test_kill_frees_it),
	cmocka_unit_test(test_file_was_replaced),
	cmocka_unit_test(test_alive),
	cmocka_unit_test(test_failures),
};
UNIT_MAIN(tests)
