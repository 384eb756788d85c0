/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/test-sandbox.c - what a sandboxed child can and cannot do, by doing it
 *
 * Every case is a child of its own: it enters the sandbox, tries one thing and tells by its exit status. Landlock cases accept
 * success on kernels that have none.
 */
#include "rootless/sandbox.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

/* exit statuses of a child; a signal is 128 + its number */
enum { DONE = 0, REFUSED = 1, SETUP_FAILED = 9 };

struct trial {
	const char *name;
	struct sandbox sandbox;
	bool with_dir; /* write_dir_fds is the trash directory */
	int (*act)(int dir_fd);
	int expected;
	bool by_landlock;
};

static int try_open_passwd(int dir_fd)
{
	int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

	return fd >= 0 ? DONE : errno == EACCES ? REFUSED : SETUP_FAILED;
}

static int try_write_inside(int dir_fd)
{
	int fd = openat(dir_fd, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, "x", 1) != 1 || mkdirat(dir_fd, "sub", 0700) < 0 ||
	    linkat(dir_fd, "file", dir_fd, "sub/link", 0) < 0 ||
	    symlinkat("/etc", dir_fd, "sub/sym") < 0 || fchmod(fd, 0644) < 0 ||
	    ftruncate(fd, 0) < 0)
		return REFUSED;
	return DONE;
}

static int try_write_outside(int dir_fd)
{
	int fd = openat(dir_fd, "../outside", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	return fd >= 0 ? DONE : REFUSED;
}

static int try_mkdir(int dir_fd)
{
	return mkdirat(dir_fd, "never", 0700) == 0 ? DONE : REFUSED;
}

static int try_socket(int dir_fd)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 ? DONE : REFUSED;
}

static int try_packet_socket(int dir_fd)
{
	return socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 ? DONE
	       : errno == EAFNOSUPPORT				    ? REFUSED
								    : SETUP_FAILED;
}

static int try_exec(int dir_fd)
{
	char *argv[] = { (char *)(uintptr_t) "true", NULL };

	execv("/bin/true", argv);
	return REFUSED;
}

static int try_fork(int dir_fd)
{
	return fork() >= 0 ? DONE : REFUSED;
}

static void *thread_main(void *arg)
{
	return arg;
}

static int try_thread(int dir_fd)
{
	pthread_t thread;
	int value = 0;

	if (pthread_create(&thread, NULL, thread_main, &value) != 0)
		return REFUSED;
	return pthread_join(thread, NULL) == 0 ? DONE : REFUSED;
}

static int try_stdio(int dir_fd)
{
	/* buffers, fstat, time, memory and an ordinary end */
	char *memory = malloc(8U << 20);
	FILE *out = fdopen(dup(STDOUT_FILENO), "w");

	if (memory == NULL || out == NULL)
		return REFUSED;
	memset(memory, 1, 8U << 20);
	free(memory);
	return fclose(out) == 0 ? DONE : REFUSED;
}

static int try_much_memory(int dir_fd)
{
	void *memory =
		mmap(NULL, 1U << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory != MAP_FAILED ? DONE : errno == ENOMEM ? REFUSED : SETUP_FAILED;
}

static int try_code(int dir_fd)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory != MAP_FAILED ? DONE : errno == EACCES ? REFUSED : SETUP_FAILED;
}

static int try_unshare(int dir_fd)
{
	return unshare(CLONE_NEWUSER) == 0 ? DONE : REFUSED;
}

static int try_abort(int dir_fd)
{
	abort();
}

static int try_kill_parent(int dir_fd)
{
	return kill(getppid(), 0) == 0 ? DONE : REFUSED;
}

static int try_big_file(int dir_fd)
{
	int fd = openat(dir_fd, "big", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	return fd >= 0 && ftruncate(fd, 1 << 20) == 0 ? DONE : REFUSED;
}

static int try_other_fd(int dir_fd)
{
	/* 57 is opened by the parent of all cases and given to none */
	return fcntl(57, F_GETFD) >= 0 ? DONE : REFUSED;
}

#define KILLED (128 + SIGSYS)
static const struct trial trials[] = {
	{ "a parser uses memory and stdio", {}, false, try_stdio, DONE, false },
	{ "no file can be opened", {}, false, try_open_passwd, REFUSED, false },
	{ "no file outside can be opened",
	  { .allow_files = true },
	  true,
	  try_open_passwd,
	  REFUSED,
	  true },
	{ "a tree can be written", { .allow_files = true }, true, try_write_inside, DONE, false },
	{ "its parent cannot", { .allow_files = true }, true, try_write_outside, REFUSED, true },
	{ "no directory without allow_files", {}, true, try_mkdir, KILLED, false },
	{ "no socket", {}, false, try_socket, KILLED, false },
	{ "a TCP socket with allow_network",
	  { .allow_network = true },
	  false,
	  try_socket,
	  DONE,
	  false },
	{ "no other family", { .allow_network = true }, false, try_packet_socket, REFUSED, false },
	{ "no program",
	  { .allow_files = true, .allow_network = true },
	  true,
	  try_exec,
	  KILLED,
	  false },
	{ "no process", {}, false, try_fork, KILLED, false },
	{ "no process with threads", { .allow_threads = true }, false, try_fork, KILLED, false },
	{ "a thread with allow_threads",
	  { .allow_threads = true },
	  false,
	  try_thread,
	  DONE,
	  false },
	{ "memory has a limit",
	  { .memory_limit_bytes = 256U << 20 },
	  false,
	  try_much_memory,
	  REFUSED,
	  false },
	{ "no new code", {}, false, try_code, REFUSED, false },
	{ "no namespace", {}, false, try_unshare, KILLED, false },
	{ "abort works", {}, false, try_abort, 128 + SIGABRT, false },
	{ "no signal to others", {}, false, try_kill_parent, KILLED, false },
	{ "files have a limit",
	  { .allow_files = true, .file_limit_bytes = 4096 },
	  true,
	  try_big_file,
	  128 + SIGXFSZ,
	  false },
	{ "descriptors that were not given are closed", {}, false, try_other_fd, REFUSED, false },
};

static int run_trial(const struct trial *trial, int dir_fd)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct sandbox sandbox = trial->sandbox;
		struct err err;

		if (trial->with_dir) {
			sandbox.write_dir_fds = &dir_fd;
			sandbox.write_dir_count = 1;
		}
		if (sandbox_enter(&sandbox, &err) < 0) {
			dprintf(STDERR_FILENO, "%s\n", err.msg);
			_exit(SETUP_FAILED);
		}
		_exit(trial->act(dir_fd));
	}

	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void test_trials(void **state)
{
	char dir[] = "/tmp/test-sandbox-XXXXXX";
	bool landlock = sys_landlock_create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 2;

	assert_non_null(mkdtemp(dir));
	int top_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(top_fd, "tree", 0700), 0);
	int dir_fd = openat(top_fd, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir_fd >= 0);
	assert_int_equal(dup2(STDERR_FILENO, 57), 57);

	size_t failed = 0;
	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		int status = run_trial(&trials[i], dir_fd);

		if (status == trials[i].expected || (trials[i].by_landlock && !landlock))
			continue;
		print_error("%s: got %d, expected %d\n", trials[i].name, status,
			    trials[i].expected);
		failed++;
	}

	static const char *const files[] = { "tree/sub/link", "tree/sub/sym", "tree/file",
					     "tree/big", "outside" };
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlinkat(top_fd, files[i], 0);
	unlinkat(top_fd, "tree/sub", AT_REMOVEDIR);
	unlinkat(top_fd, "tree", AT_REMOVEDIR);
	assert_int_equal(rmdir(dir), 0);
	close(top_fd);
	close(dir_fd);
	close(57);
	assert_int_equal(failed, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_trials) };

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
