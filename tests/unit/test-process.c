/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-process.c - children and helpers
 */
#include "unit.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "base/strv.h"

/* Run a script by /bin/sh with more settings from spawn. */
static int run_script(struct spawn spawn, const char *script, struct strbuf *out,
		      struct strbuf *error_out)
{
	cleanup_strv struct strv argv = STRV_INIT;
	struct err err;
	int status = -1;

	strv_add(&argv, "sh");
	strv_add(&argv, "-c");
	strv_add(&argv, script);
	spawn.path = "/bin/sh";
	spawn.argv = &argv;
	if (process_run(&spawn, out, error_out, &status, &err) < 0)
		fail_msg("%s", err.msg);
	return status;
}

static void test_exit_status(void **state)
{
	struct spawn spawn = SPAWN_INIT;

	assert_int_equal(run_script(spawn, "exit 0", NULL, NULL), 0);
	assert_int_equal(run_script(spawn, "exit 7", NULL, NULL), 7);
	assert_int_equal(run_script(spawn, "kill -9 $$", NULL, NULL), 137);
}

static void test_output(void **state)
{
	struct spawn spawn = SPAWN_INIT;
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	cleanup_strbuf struct strbuf error_out = STRBUF_INIT;

	run_script(spawn, "echo out; echo err >&2; echo again", &out, &error_out);
	assert_string_equal(out.data, "out\nagain\n");
	assert_string_equal(error_out.data, "err\n");

	/* a flood of both at once is cut, and does not stop the child */
	strbuf_clear(&out);
	strbuf_clear(&error_out);
	assert_int_equal(
		run_script(spawn,
			   "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2; exit 5", &out,
			   &error_out),
		5);
	assert_int_equal(out.length, PROCESS_OUTPUT_LIMIT_BYTES);
	assert_int_equal(error_out.length, PROCESS_OUTPUT_LIMIT_BYTES);
}

static void test_clean_environment(void **state)
{
	struct spawn spawn = SPAWN_INIT;
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	cleanup_strv struct strv env = STRV_INIT;

	setenv("SECRET_OF_OURS", "1", 1);
	setenv("HOME", "/nowhere", 1);
	run_script(spawn, "echo \"$SECRET_OF_OURS,$HOME,$LANG\"", &out, NULL);
	assert_string_equal(out.data, ",/nowhere,C.UTF-8\n");

	strbuf_clear(&out);
	strv_add(&env, "GIVEN=yes");
	spawn.env = &env;
	run_script(spawn, "echo \"$GIVEN,$HOME\"", &out, NULL);
	assert_string_equal(out.data, "yes,\n");
}

/* Those that are kept come as 3, 4, ... in their order, whatever numbers they had; nothing else comes. */
static void test_descriptors(void **state)
{
	struct spawn spawn = SPAWN_INIT;
	struct unit_dir dir = unit_dir_make();
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	int fds[4];
	int leak = open("/dev/null", O_RDONLY); /* no O_CLOEXEC */

	for (int i = 0; i < 4; i++) {
		char name[2] = { (char)('a' + i), '\0' };

		unit_write(dir.fd, name, name);
		fds[i] = openat(dir.fd, name, O_RDONLY | O_CLOEXEC);
	}
	spawn.keep_fds = (const int[]){ fds[3], fds[0], fds[2] };
	spawn.keep_fd_count = 3;
	spawn.stdin_fd = fds[1];
	run_script(spawn, "cat <&0; cat <&3; cat <&4; cat <&5; echo; ls /proc/$$/fd | tr '\\n' ' '",
		   &out, NULL);
	/* dash may keep one of its own, ls reads the list of its parent */
	assert_memory_equal(out.data, "bdac\n0 1 2 3 4 5 ", 17);
	assert_null(strstr(out.data + 17, "6 "));

	/* sources that sit where others are to go */
	strbuf_clear(&out);
	{
		int status;
		pid_t pid = fork();

		if (pid == 0) {
			dup3(fds[0], 103, O_CLOEXEC);
			dup3(fds[1], 104, O_CLOEXEC);
			dup3(103, 4, O_CLOEXEC);
			dup3(104, 3, O_CLOEXEC);
			lseek(3, 0, SEEK_SET);
			lseek(4, 0, SEEK_SET);
			spawn = (struct spawn)SPAWN_INIT;
			spawn.keep_fds = (const int[]){ 4, 3 };
			spawn.keep_fd_count = 2;
			run_script(spawn, "cat <&3; cat <&4", &out, NULL);
			_exit(str_equal(out.data, "ab") ? 0 : 1);
		}
		waitpid(pid, &status, 0);
		assert_int_equal(status, 0);
	}
	close(leak);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	unit_dir_remove(&dir);
}

static void test_signals_are_reset(void **state)
{
	struct spawn spawn = SPAWN_INIT;
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	sigset_t set;
	sigset_t after;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* a shell blocks them while it forks: it is replaced */
	run_script(spawn, "exec grep -E 'Sig(Blk|Ign)' /proc/self/status", &out, NULL);
	assert_string_equal(out.data, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");

	/* ours are as they were */
	sigprocmask(SIG_SETMASK, NULL, &after);
	assert_true(sigismember(&after, SIGTERM));
	assert_true(signal(SIGUSR1, SIG_DFL) == SIG_IGN);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	signal(SIGPIPE, SIG_DFL);
}

static void test_session(void **state)
{
	struct spawn spawn = SPAWN_INIT;

	/* field 6 is the session; the parentheses of the name are cut off with field 2 */
	spawn.new_session = true;
	assert_int_equal(run_script(spawn,
				    "set -- $(sed 's/.*)//' /proc/$$/stat); test \"$4\" = $$", NULL,
				    NULL),
			 0);
	spawn.new_session = false;
	assert_int_equal(run_script(spawn,
				    "set -- $(sed 's/.*)//' /proc/$$/stat); test \"$4\" = $$", NULL,
				    NULL),
			 1);
}

static struct child start_sleep(int death_signal, int stdout_fd)
{
	struct spawn spawn = SPAWN_INIT;
	struct child child = CHILD_INIT;
	cleanup_strv struct strv argv = STRV_INIT;
	struct err err;

	strv_add(&argv, "sleep");
	strv_add(&argv, "1000");
	spawn.path = "sleep";
	spawn.argv = &argv;
	spawn.death_signal = death_signal;
	spawn.stdout_fd = stdout_fd;
	if (process_spawn(&spawn, &child, &err) < 0)
		fail_msg("%s", err.msg);
	return child;
}

static void test_release_kills_and_reaps(void **state)
{
	struct child child = start_sleep(0, -1);
	pid_t pid = child.pid;
	int64_t start_time = process_start_time(pid);
	int fd;

	assert_true(start_time > 0);
	assert_true(fcntl(child.pid_fd, F_GETFD) & FD_CLOEXEC);
	fd = process_open(pid, (uint64_t)start_time);
	assert_true(fd >= 0);
	assert_int_equal(process_signal(fd, 0), 0);
	/* the number alone means nothing */
	assert_int_equal(process_open(pid, (uint64_t)start_time + 1), -ESRCH);

	child_release(&child);
	assert_int_equal(child.pid, 0);
	assert_int_equal(child.pid_fd, -1);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(process_signal(fd, SIGKILL), -ESRCH);
	assert_int_equal(process_open(pid, (uint64_t)start_time), -ESRCH);
	assert_int_equal(process_start_time(pid), -ESRCH);
	close(fd);
	child_release(&child);
	assert_int_equal(child_wait(&child, NULL), -ECHILD);
	assert_int_equal(process_open(0, 0), -ESRCH);
	assert_int_equal(process_open(-1, 0), -ESRCH);
}

static void test_wait_and_disown(void **state)
{
	struct child child = start_sleep(0, -1);
	pid_t pid = child.pid;
	int status;

	assert_int_equal(process_signal(child.pid_fd, SIGTERM), 0);
	assert_int_equal(child_wait(&child, &status), 0);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	assert_int_equal(child.pid, 0);

	child = start_sleep(0, -1);
	pid = child.pid;
	child_disown(&child);
	child_release(&child);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void test_death_signal(void **state)
{
	int fds[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		start_sleep(SIGKILL, fds[1]);
		_exit(0);
	}
	close(fds[1]);
	waitpid(pid, NULL, 0);
	/* the grandchild holds the other end until it dies */
	assert_int_equal(read(fds[0], &byte, 1), 0);
	close(fds[0]);
}

static void test_missing_programs(void **state)
{
	static const struct {
		const char *path;
		enum err_kind kind;
	} rows[] = {
		{ "no-such-program-here", ERR_UNSUPPORTED },
		{ "/nonexistent/program", ERR_UNSUPPORTED },
		{ "/etc/passwd", ERR_DENIED },
		{ "/etc", ERR_DENIED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct spawn spawn = SPAWN_INIT;
		struct child child = CHILD_INIT;
		cleanup_strv struct strv argv = STRV_INIT;
		struct err err;

		strv_add(&argv, "x");
		spawn.path = rows[i].path;
		spawn.argv = &argv;
		assert_int_equal(process_spawn(&spawn, &child, &err), -1);
		assert_int_equal(err.kind, rows[i].kind);
		assert_non_null(strstr(err.msg, rows[i].path));
		assert_int_equal(strlen(err.hint) > 0, rows[i].kind == ERR_UNSUPPORTED);
		/* it was reaped */
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
		assert_int_equal(errno, ECHILD);
	}
}

static void test_find_program(void **state)
{
	struct unit_dir dir = unit_dir_make();
	cleanup_free char *old_path = xstrdup_null(getenv("PATH"));
	cleanup_free char *expected = xasprintf("%s/mine", dir.path);
	char *path = NULL;

	unit_write(dir.fd, "mine", "");
	assert_int_equal(mkdirat(dir.fd, "sh", 0755), 0);
	setenv("PATH", dir.path, 1);
	assert_int_equal(process_find_program("mine", &path), 0); /* not executable */
	assert_int_equal(fchmodat(dir.fd, "mine", 0755, 0), 0);
	assert_int_equal(process_find_program("mine", &path), 1);
	assert_string_equal(path, expected);
	free(path);
	/* a directory of that name is no program; the system's folders come after PATH */
	assert_int_equal(process_find_program("sh", &path), 1);
	assert_true(str_ends_with(path, "bin/sh"));
	free(path);
	assert_int_equal(process_find_program(expected, &path), 1);
	free(path);
	assert_int_equal(process_find_program("", &path), 0);
	/* the current folder is not searched, whatever PATH says */
	assert_int_equal(fchdir(dir.fd), 0);
	setenv("PATH", "::.", 1);
	assert_int_equal(process_find_program("mine", &path), 0);
	setenv("PATH", old_path, 1);
	assert_int_equal(chdir("/"), 0);
	unit_dir_remove(&dir);
}

static void test_libexec_dir(void **state)
{
	/* beside the program, for a build that is not installed */
	assert_true(str_ends_with(process_libexec_dir(), "/libexec/dhow"));
	assert_ptr_equal(process_libexec_dir(), process_libexec_dir());
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_exit_status),
	cmocka_unit_test(test_output),
	cmocka_unit_test(test_clean_environment),
	cmocka_unit_test(test_descriptors),
	cmocka_unit_test(test_signals_are_reset),
	cmocka_unit_test(test_session),
	cmocka_unit_test(test_release_kills_and_reaps),
	cmocka_unit_test(test_wait_and_disown),
	cmocka_unit_test(test_death_signal),
	cmocka_unit_test(test_missing_programs),
	cmocka_unit_test(test_find_program),
	cmocka_unit_test(test_libexec_dir),
};
UNIT_MAIN(tests)
