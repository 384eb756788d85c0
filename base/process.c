/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/process.c - children that are killed and reaped, helpers that are started clean
 *
 * A child is made by clone(CLONE_VM | CLONE_VFORK): it borrows our memory until it executes, so starting one costs the same
 * however large we are, and it reports a failure by writing it into our variable. Until then it must not allocate, lock or
 * touch state of the C library; everything that needs this (search, argv, environment) is done before. posix_spawn works
 * alike but gives neither a pidfd nor a death signal.
 */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "base/strv.h"

#define SYSTEM_PATH  "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define KEEP_FDS_MAX 64
#define FIRST_KEPT   3

void child_release(struct child *child)
{
	int saved_errno = errno;

	if (child->pid > 0) {
		/* not reaped yet, so the number is still ours */
		kill(child->pid, SIGKILL);
		child_wait(child, NULL);
	}
	fd_close(&child->pid_fd);
	errno = saved_errno;
}

int child_wait(struct child *child, int *ret_wait_status)
{
	int wait_status;
	pid_t pid;

	if (child->pid <= 0)
		return -ECHILD;
	do
		pid = waitpid(child->pid, &wait_status, 0);
	while (pid < 0 && errno == EINTR);
	if (pid < 0)
		return -errno;

	child_disown(child);
	if (ret_wait_status != NULL)
		*ret_wait_status = wait_status;
	return 0;
}

void child_disown(struct child *child)
{
	child->pid = 0;
	fd_close(&child->pid_fd);
}

/* --- finding programs --- */

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* Search the absolute directories of a list with colons. */
static char *search(const char *dirs, const char *name)
{
	cleanup_strv struct strv list = STRV_INIT;

	strv_split(&list, dirs, ':');
	for (size_t i = 0; i < list.count; i++) {
		cleanup_free char *path = NULL;

		if (list.items[i][0] != '/')
			continue;
		path = xasprintf("%s/%s", list.items[i], name);
		if (is_program(path))
			return TAKE_PTR(path);
	}
	return NULL;
}

int process_find_program(const char *name, char **ret_path)
{
	const char *path_env = getenv("PATH");
	char *path = NULL;

	if (str_is_empty(name))
		return 0;
	if (strchr(name, '/') != NULL) {
		if (!is_program(name))
			return 0;
		*ret_path = xstrdup(name);
		return 1;
	}

	if (path_env != NULL)
		path = search(path_env, name);
	if (path == NULL)
		path = search(SYSTEM_PATH, name);
	if (path == NULL)
		return 0;
	*ret_path = path;
	return 1;
}

/* --- starting --- */

/* All that the child needs, made before it exists; it writes only `failed`. */
struct start {
	const struct spawn *spawn;
	const char *path;
	char *const *argv;
	char *const *env;
	pid_t parent_pid;
	int failed;
};

/* Move fd out of the way of the places 0..end-1; -1 with errno. */
static int move_above(int fd, int end)
{
	return fd < end ? fcntl(fd, F_DUPFD_CLOEXEC, end) : fd;
}

/* Runs in the child, in the memory of the parent. */
static int place_fds(const struct spawn *spawn)
{
	const int stdio[FIRST_KEPT] = { spawn->stdin_fd, spawn->stdout_fd, spawn->stderr_fd };
	int from[FIRST_KEPT + KEEP_FDS_MAX];
	int count = FIRST_KEPT + (int)spawn->keep_fd_count;

	/* first all out of the way, then each to its place, so that no one is overwritten before it was moved */
	for (int i = 0; i < count; i++) {
		int fd = i < FIRST_KEPT ? stdio[i] : spawn->keep_fds[i - FIRST_KEPT];

		if (fd < 0 && i < FIRST_KEPT)
			fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		from[i] = fd < 0 ? -1 : move_above(fd, count);
		if (from[i] < 0)
			return fd < 0 && i >= FIRST_KEPT ? -EBADF : -errno;
	}
	for (int i = 0; i < count; i++) {
		if (dup2(from[i], i) < 0)
			return -errno;
	}
	/* also what we inherited without O_CLOEXEC from our own parent */
	fd_close_from(count);
	return 0;
}

/* It never returns, so a sanitizer would leave marks of its frame on the stack of the parent. */
static int __attribute__((no_sanitize_address)) run_child(void *context)
{
	struct start *start = context;
	const struct spawn *spawn = start->spawn;
	/* SIG_DFL, no flags, no mask: all members of the kernel's struct are 0, in whatever order */
	static const unsigned long by_default[8] = { 0 };
	sigset_t none;
	int status;

	/* handlers first, while all signals are blocked: one of ours must not run here */
	/* by system call, since the C library refuses the two that it keeps for itself, and those may come ignored too */
	for (int number = 1; number < NSIG; number++)
		syscall(SYS_rt_sigaction, number, by_default, NULL, NSIG / 8);

	if (spawn->new_session && setsid() < 0)
		goto failed;
	if (spawn->join_userns_fd >= 0 && setns(spawn->join_userns_fd, CLONE_NEWUSER) < 0)
		goto failed;
	status = place_fds(spawn);
	if (status < 0) {
		errno = -status;
		goto failed;
	}
	if (spawn->death_signal != 0) {
		if (prctl(PR_SET_PDEATHSIG, (unsigned long)spawn->death_signal, 0, 0, 0) < 0)
			goto failed;
		/* the parent may be gone already, then nobody would send it */
		if (getppid() != start->parent_pid)
			_exit(1);
	}

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(start->path, start->argv, start->env);
failed:
	start->failed = errno;
	_exit(127);
}

static void add_from_env(struct strv *env, const char *name, const char *fallback)
{
	const char *value = getenv(name);

	if (value == NULL)
		value = fallback;
	if (value != NULL)
		strv_addf(env, "%s=%s", name, value);
}

static void make_clean_env(struct strv *env)
{
	add_from_env(env, "PATH", SYSTEM_PATH);
	add_from_env(env, "HOME", NULL);
	add_from_env(env, "USER", NULL);
	add_from_env(env, "XDG_RUNTIME_DIR", NULL);
	strv_add(env, "LANG=C.UTF-8");
}

/* Clone and wait until the child has executed or failed. 0 or -errno. */
static int start_child(struct start *start, struct child *ret_child)
{
	/* on our own stack: we do not run until the child has left it */
	char stack[32 * 1024] __attribute__((aligned(64)));
	sigset_t all;
	sigset_t before;
	int pid_fd = -1;
	pid_t pid;
	int saved_errno;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = clone(run_child, stack + sizeof(stack),
		    CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, start, &pid_fd);
	saved_errno = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid < 0)
		return -saved_errno;

	*ret_child = (struct child){ pid, pid_fd };
	if (start->failed != 0) {
		child_wait(ret_child, NULL);
		return -start->failed;
	}
	return 0;
}

static int fail_missing(const char *name, struct err *err)
{
	err_set(err, ERR_UNSUPPORTED, "cannot run program '%s': there is no such program", name);
	return err_hint(err, "Install the package that has '%s'.", name);
}

int process_spawn(const struct spawn *spawn, struct child *ret_child, struct err *err)
{
	cleanup_strv struct strv clean_env = STRV_INIT;
	cleanup_free char *found_path = NULL;
	struct start start = { .spawn = spawn, .path = spawn->path, .parent_pid = getpid() };
	int status;

	if (spawn->keep_fd_count > KEEP_FDS_MAX)
		BUG("%zu descriptors for '%s'", spawn->keep_fd_count, spawn->path);
	if (strchr(spawn->path, '/') == NULL) {
		if (process_find_program(spawn->path, &found_path) == 0)
			return fail_missing(spawn->path, err);
		start.path = found_path;
	}
	if (spawn->env == NULL)
		make_clean_env(&clean_env);
	start.argv = strv_argv(spawn->argv);
	start.env = strv_argv(spawn->env != NULL ? spawn->env : &clean_env);

	status = start_child(&start, ret_child);
	if (status == -ENOENT || status == -ENOTDIR)
		return fail_missing(start.path, err);
	if (status < 0)
		return err_sys(err, -status, "cannot run program '%s'", start.path);
	return 0;
}

/* --- running --- */

struct output {
	/* -1: at end */
	int fd;
	struct strbuf *text;
	size_t room;
};

static void read_some(struct output *output)
{
	char data[16384];
	ssize_t got = read(output->fd, data, sizeof(data));
	size_t keep;

	if (got < 0 && errno == EINTR)
		return;
	if (got <= 0) {
		fd_close(&output->fd);
		return;
	}
	keep = (size_t)got < output->room ? (size_t)got : output->room;
	strbuf_add(output->text, data, keep);
	output->room -= keep;
}

/* Read both until their ends, whichever has something. */
static int read_outputs(struct output outputs[2])
{
	while (outputs[0].fd >= 0 || outputs[1].fd >= 0) {
		/* poll ignores negative descriptors */
		struct pollfd poll_fds[2] = {
			{ .fd = outputs[0].fd, .events = POLLIN },
			{ .fd = outputs[1].fd, .events = POLLIN },
		};

		if (poll(poll_fds, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		for (int i = 0; i < 2; i++) {
			if (poll_fds[i].revents != 0)
				read_some(&outputs[i]);
		}
	}
	return 0;
}

/* A pipe whose reading end goes into output and whose other end is for the child; nothing when text is NULL. */
static int open_output(struct output *output, struct strbuf *text, int *ret_write_fd)
{
	int fds[2];

	*output = (struct output){ .fd = -1, .text = text, .room = PROCESS_OUTPUT_LIMIT_BYTES };
	if (text == NULL)
		return 0;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	output->fd = fds[0];
	*ret_write_fd = fds[1];
	return 0;
}

int process_run(const struct spawn *spawn, struct strbuf *out, struct strbuf *error_out,
		int *ret_status, struct err *err)
{
	cleanup_child struct child child = CHILD_INIT;
	cleanup_fd int out_fd = -1;
	cleanup_fd int error_fd = -1;
	struct output outputs[2];
	struct spawn with_pipes = *spawn;
	int status;
	int wait_status;

	status = open_output(&outputs[0], out, &out_fd);
	if (status == 0) {
		status = open_output(&outputs[1], error_out, &error_fd);
		if (status < 0)
			fd_close(&outputs[0].fd);
	}
	if (status < 0)
		return err_sys(err, -status, "cannot make a pipe for program '%s'", spawn->path);
	if (out_fd >= 0)
		with_pipes.stdout_fd = out_fd;
	if (error_fd >= 0)
		with_pipes.stderr_fd = error_fd;

	status = process_spawn(&with_pipes, &child, err);
	/* ours would keep the pipes from ending */
	fd_close(&out_fd);
	fd_close(&error_fd);
	if (status < 0) {
		fd_close(&outputs[0].fd);
		fd_close(&outputs[1].fd);
		return -1;
	}

	status = read_outputs(outputs);
	fd_close(&outputs[0].fd);
	fd_close(&outputs[1].fd);
	if (status == 0)
		status = child_wait(&child, &wait_status);
	if (status < 0)
		return err_sys(err, -status, "cannot wait for program '%s'", spawn->path);

	*ret_status =
		WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
	return 0;
}

/* --- other processes --- */

int64_t process_start_time(pid_t pid)
{
	cleanup_strbuf struct strbuf stat_text = STRBUF_INIT;
	char path[sizeof("/proc/2147483647/stat") + 12];
	const char *field;
	uint64_t start_time;
	size_t length;
	char number[24];
	int status;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	status = fd_read_file(AT_FDCWD, path, &stat_text, 4096);
	if (status < 0)
		return status == -ENOENT ? -ESRCH : status;

	/* field 2 is the name in parentheses, which may hold anything, also blanks and parentheses */
	field = strrchr(stat_text.data, ')');
	for (int i = 2; field != NULL && i < 22; i++) {
		field = strchr(field, ' ');
		if (field != NULL)
			field++;
	}
	if (field == NULL)
		return -EINVAL;
	length = strspn(field, "0123456789");
	if (length == 0 || length >= sizeof(number))
		return -EINVAL;
	memcpy(number, field, length);
	number[length] = '\0';
	if (parse_u64(number, &start_time) < 0 || start_time > INT64_MAX)
		return -EINVAL;
	return (int64_t)start_time;
}

int process_open(pid_t pid, uint64_t start_time)
{
	cleanup_fd int fd = -1;
	int64_t found;

	if (pid <= 0)
		return -ESRCH;
	fd = sys_pidfd_open(pid, 0);
	if (fd < 0)
		return errno == EINVAL ? -ESRCH : -errno;

	/*
	 * After the pidfd: if the process that it means were gone and the number taken by another one, that one would have
	 * started later than the time we look for.
	 */
	found = process_start_time(pid);
	if (found < 0)
		return (int)found;
	return (uint64_t)found == start_time ? TAKE_FD(fd) : -ESRCH;
}

int process_signal(int pid_fd, int signal_number)
{
	return sys_pidfd_send_signal(pid_fd, signal_number, NULL, 0) < 0 ? -errno : 0;
}

/* --- our own programs --- */

#define HELPERS "libexec/dhow"

/* Put the folder of helpers that belongs to the program at path into it. */
static void find_helpers(char *path, size_t size)
{
	char *slash = strrchr(path, '/');
	size_t length;

	if (slash == NULL || slash == path)
		goto installed;
	*slash = '\0';
	if (str_ends_with(path, "/" HELPERS))
		return;
	if (str_ends_with(path, "/bin"))
		*strrchr(path, '/') = '\0';
	length = strlen(path);
	if (length + sizeof("/" HELPERS) > size)
		goto installed;
	memcpy(path + length, "/" HELPERS, sizeof("/" HELPERS));
	return;
installed:
	memcpy(path, DHOW_LIBEXEC_DIR, sizeof(DHOW_LIBEXEC_DIR));
}

const char *process_libexec_dir(void)
{
	/* where the running program lies does not change: computed once, and borrowed by everybody */
	static char path[PATH_MAX];
	ssize_t length;

	if (path[0] != '\0')
		return path;
	length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	path[length > 0 ? length : 0] = '\0';
	/* a sealed copy in memory has no folder: the original said where it was before it started the copy */
	if (str_after(path, "/memfd:") != NULL) {
		const char *told = getenv(PROCESS_LIBEXEC_ENV);

		if (told != NULL && told[0] == '/' && strlen(told) < sizeof(path)) {
			memcpy(path, told, strlen(told) + 1);
			return path;
		}
		path[0] = '\0';
	}
	find_helpers(path, sizeof(path));
	return path;
}
