/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootless/userns.c - work as root of a user namespace of one's own
 *
 * userns_run():   parent                           child (clone: NEWUSER | NEWNS, a copy of memory)
 *                 write the maps, send one byte -> become uid 0 there, make mounts private
 *                 read the result               <- function(), one write of the result
 *
 * The child dies with its parent. PR_SET_PDEATHSIG is forgotten whenever ids change, so it is set again after that.
 *
 * userns_enter(): the process unshares itself; its maps must come from outside, so a child that was forked before writes them.
 */
#include "rootless/rootless.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"
#include "base/parse.h"
#include "base/process.h"
#include "base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SYSCTL_LIMIT 64
#define MAP_LIMIT    (64U << 10)
#define STATUS_LIMIT (64U << 10)

/* what the child tells */
struct userns_result {
	int value;
	struct err err;
};
_Static_assert(sizeof(struct userns_result) < PIPE_BUF, "it is one write");

/* ---- why not ------------------------------------------------------------------------------------------------------- */

static bool sysctl_is(const char *path, const char *value)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (fd_read_file(AT_FDCWD, path, &text, SYSCTL_LIMIT) < 0)
		return false;

	text.data[strcspn(text.data, "\n")] = '\0';
	return str_equal(text.data, value);
}

/* one setting of the system that forbids user namespaces */
struct userns_obstacle {
	const char *path;
	const char *value;
	const char *reason;
	const char *cure; /* NULL: hint_apparmor() */
};
static const struct userns_obstacle userns_obstacles[] = {
	{ "/proc/sys/kernel/unprivileged_userns_clone", "0",
	  "kernel.unprivileged_userns_clone is 0", "sysctl -w kernel.unprivileged_userns_clone=1" },
	{ "/proc/sys/user/max_user_namespaces", "0", "user.max_user_namespaces is 0",
	  "sysctl -w user.max_user_namespaces=28633" },
	{ "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
	  "AppArmor restricts them (kernel.apparmor_restrict_unprivileged_userns is 1)", NULL },
};

/* The profile that is installed with us lets us, and only us; a program that runs in its build folder has none. */
static void hint_apparmor(struct err *err)
{
	cleanup_strbuf struct strbuf profile = STRBUF_INIT;
	const char *helpers = process_libexec_dir();
	size_t length = strlen(helpers);

	if (str_ends_with(helpers, "/libexec/dhow"))
		length -= strlen("/libexec/dhow");
	strbuf_addf(&profile, "%.*s/share/dhow/apparmor", (int)length, helpers);
	if (access(profile.data, R_OK) == 0)
		err_hint(err,
			 "Run as root: cp %s /etc/apparmor.d/dhow && apparmor_parser -r "
			 "/etc/apparmor.d/dhow",
			 profile.data);
	else
		err_hint(err,
			 "Run as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0");
}

static bool seccomp_is_on(void)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (fd_read_file(AT_FDCWD, "/proc/self/status", &text, STATUS_LIMIT) < 0)
		return false;

	const char *line = strstr(text.data, "\nSeccomp:\t");
	return line != NULL && line[sizeof("\nSeccomp:\t") - 1] == '2';
}

/* True when a setting of the system forbids it, and err says so. */
static bool explain_obstacle(struct err *err)
{
	for (size_t i = 0; i < sizeof(userns_obstacles) / sizeof(userns_obstacles[0]); i++) {
		const struct userns_obstacle *obstacle = &userns_obstacles[i];

		if (!sysctl_is(obstacle->path, obstacle->value))
			continue;
		err_set(err, ERR_UNSUPPORTED, "cannot make a user namespace: %s", obstacle->reason);
		if (obstacle->cure != NULL)
			err_hint(err, "Run as root: %s", obstacle->cure);
		else
			hint_apparmor(err);
		return true;
	}
	return false;
}

int userns_explain(int errno_value, struct err *err)
{
	if (explain_obstacle(err))
		return -1;

	switch (errno_value) {
	case ENOSPC:
	case EUSERS:
		err_set(err, ERR_UNSUPPORTED,
			"cannot make a user namespace: there are too many, or they are nested too "
			"deep");
		return err_hint(err, "Run as root: sysctl -w user.max_user_namespaces=28633");
	case EINVAL:
		err_set(err, ERR_UNSUPPORTED,
			"cannot make a user namespace: this kernel was built without them");
		return err_hint(err, "Use a kernel with CONFIG_USER_NS.");
	case EPERM:
	case EACCES:
		err_sys(err, errno_value, "cannot make a user namespace");
		if (seccomp_is_on())
			return err_hint(
				err,
				"A seccomp filter is in force: in a docker or podman "
				"container start that with --security-opt seccomp=unconfined.");
		return err_hint(err, "A chroot, a container or a security module forbids it; user "
				     "namespaces cannot be made inside a chroot.");
	default:
		return err_sys(err, errno_value, "cannot make a user namespace");
	}
}

/* ---- both ways ----------------------------------------------------------------------------------------------------- */

/* In the namespace, when its maps are there. Supplementary groups stay: they are the caller's rights to the host's files. */
static int become_root(const struct idmaps *maps, struct err *err)
{
	uint32_t host_id;

	/* a map without 0 leaves the overflow id, with all capabilities: enough for our functions */
	if (idmap_to_host(&maps->gid, 0, &host_id) == 1 && setresgid(0, 0, 0) < 0)
		return err_sys(err, errno, "cannot become group 0 of a new user namespace");
	if (idmap_to_host(&maps->uid, 0, &host_id) == 1 && setresuid(0, 0, 0) < 0)
		return err_sys(err, errno, "cannot become user 0 of a new user namespace");

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		int mount_errno = errno;

		/* AppArmor lets it be made, without a capability in it */
		if (mount_errno == EPERM || mount_errno == EACCES) {
			if (explain_obstacle(err))
				return -1;
		}
		return err_sys(err, mount_errno,
			       "cannot make the mounts of a new namespace private");
	}

	return 0;
}

static ssize_t read_byte(int fd)
{
	char byte;

	return fd_read_full(fd, &byte, 1);
}

/* ---- run ----------------------------------------------------------------------------------------------------------- */

static void die_with_parent(int go_fd)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);

	/* the parent may be gone already: then the write end of the pipe is closed */
	if (read_byte(go_fd) != 1)
		_exit(0);
}

static void __attribute__((noreturn))
run_child(const struct idmaps *maps, int (*function)(void *arg, struct err *err), void *arg,
	  int go_fd, int result_fd)
{
	struct userns_result result = { .value = -1 };

	die_with_parent(go_fd);
	if (become_root(maps, &result.err) == 0) {
		die_with_parent(go_fd);
		result.value = function(arg, &result.err);
	}
	fd_write_full(result_fd, &result, sizeof(result));
	_exit(0);
}

static int receive_result(int result_fd, pid_t pid, struct err *err)
{
	struct userns_result result;
	ssize_t size = fd_read_full(result_fd, &result, sizeof(result));
	int wait_status = 0;

	while (waitpid(pid, &wait_status, 0) < 0)
		if (errno != EINTR)
			break;

	if (size != (ssize_t)sizeof(result)) {
		if (WIFSIGNALED(wait_status))
			return err_set(err, ERR_FAILED,
				       "the process in the user namespace was killed by signal %d",
				       WTERMSIG(wait_status));
		return err_set(
			err, ERR_FAILED,
			"the process in the user namespace ended without a result (status %d)",
			WEXITSTATUS(wait_status));
	}
	if (result.value < 0)
		*err = result.err;
	return result.value < 0 ? -1 : result.value;
}

static int make_pipe(int *ret_read_fd, int *ret_write_fd, struct err *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, errno, "cannot make a pipe");

	*ret_read_fd = fds[0];
	*ret_write_fd = fds[1];
	return 0;
}

int userns_run(const struct idmaps *maps, int (*function)(void *arg, struct err *err), void *arg,
	       struct err *err)
{
	cleanup_fd int go_read_fd = -1;
	cleanup_fd int go_write_fd = -1;
	cleanup_fd int result_read_fd = -1;
	cleanup_fd int result_write_fd = -1;

	if (make_pipe(&go_read_fd, &go_write_fd, err) < 0 ||
	    make_pipe(&result_read_fd, &result_write_fd, err) < 0)
		return -1;

	/* fork() with namespaces; nothing in this single-threaded program needs what the library adds to fork */
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWNS | SIGCHLD, NULL, NULL,
				   NULL, NULL);
	if (pid < 0)
		return userns_explain(errno, err);

	if (pid == 0) {
		fd_close(&go_write_fd);
		run_child(maps, function, arg, go_read_fd, result_write_fd);
	}

	fd_close(&go_read_fd);
	fd_close(&result_write_fd);
	if (idmap_write(pid, maps, err) < 0) {
		fd_close(&go_write_fd);
		kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		return -1;
	}
	/* two bytes: one for before and one for after the change of ids; a child that died is seen below */
	fd_write_full(go_write_fd, "gg", 2);
	return receive_result(result_read_fd, pid, err);
}

/* ---- run in another one ---------------------------------------------------------------------------------------------- */

static int join(const void *how, struct err *err)
{
	int pid_fd = *(const int *)how;

	/* the container may not look into our memory, whatever it gets hold of */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (setns(pid_fd, CLONE_NEWUSER | CLONE_NEWNS) < 0 &&
	    /* its user namespace is ours */
	    (errno != EINVAL || setns(pid_fd, CLONE_NEWNS) < 0))
		return err_sys(err, errno, "cannot enter the namespaces of the container");
	/* without id 0 in the map we stay who we are, with all capabilities */
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		debug("the namespace of the container has no id 0");
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	return 0;
}

/* Run it in a child that enters by its own way first. */
static int run_entered(int (*enter)(const void *how, struct err *err), const void *how,
		       int (*function)(void *arg, struct err *err), void *arg, struct err *err)
{
	cleanup_fd int result_read_fd = -1;
	cleanup_fd int result_write_fd = -1;

	if (make_pipe(&result_read_fd, &result_write_fd, err) < 0)
		return -1;
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(err, errno, "cannot start a process");
	if (pid == 0) {
		struct userns_result result = { .value = -1 };

		if (enter(how, &result.err) == 0)
			result.value = function(arg, &result.err);
		fd_write_full(result_write_fd, &result, sizeof(result));
		_exit(0);
	}
	fd_close(&result_write_fd);
	return receive_result(result_read_fd, pid, err);
}

int userns_run_in(int pid_fd, int (*function)(void *arg, struct err *err), void *arg,
		  struct err *err)
{
	return run_entered(join, &pid_fd, function, arg, err);
}

struct own_userns {
	int userns_fd;
	const struct idmaps *maps;
};

static int join_own(const void *how, struct err *err)
{
	const struct own_userns *own = how;

	if (setns(own->userns_fd, CLONE_NEWUSER) < 0 || unshare(CLONE_NEWNS) < 0)
		return err_sys(err, errno, "cannot join a user namespace");
	if (become_root(own->maps, err) < 0)
		return -1;
	/* the change of ids has taken this back */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	return 0;
}

int userns_run_fd(int userns_fd, const struct idmaps *maps,
		  int (*function)(void *arg, struct err *err), void *arg, struct err *err)
{
	const struct own_userns own = { userns_fd, maps };

	return run_entered(join_own, &own, function, arg, err);
}

/* ---- enter --------------------------------------------------------------------------------------------------------- */

static void __attribute__((noreturn))
enter_helper(const struct idmaps *maps, pid_t target, int go_fd, int result_fd)
{
	struct userns_result result = { .value = -1 };

	if (read_byte(go_fd) != 1)
		_exit(0);

	result.value = idmap_write(target, maps, &result.err);
	fd_write_full(result_fd, &result, sizeof(result));
	_exit(0);
}

int userns_enter(const struct idmaps *maps, struct err *err)
{
	cleanup_fd int go_read_fd = -1;
	cleanup_fd int go_write_fd = -1;
	cleanup_fd int result_read_fd = -1;
	cleanup_fd int result_write_fd = -1;

	if (make_pipe(&go_read_fd, &go_write_fd, err) < 0 ||
	    make_pipe(&result_read_fd, &result_write_fd, err) < 0)
		return -1;

	pid_t target = getpid();
	pid_t helper = fork();
	if (helper < 0)
		return err_sys(err, errno, "cannot start a process");

	if (helper == 0) {
		fd_close(&go_write_fd);
		enter_helper(maps, target, go_read_fd, result_write_fd);
	}

	fd_close(&result_write_fd);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) {
		userns_explain(errno, err);
		fd_close(&go_write_fd);
		while (waitpid(helper, NULL, 0) < 0 && errno == EINTR)
			;
		return -1;
	}
	fd_write_full(go_write_fd, "g", 1);
	if (receive_result(result_read_fd, helper, err) < 0)
		return -1;

	return become_root(maps, err);
}

bool userns_is_inside(void)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	uint64_t total = 0;

	if (geteuid() != 0 || fd_read_file(AT_FDCWD, "/proc/self/uid_map", &text, MAP_LIMIT) < 0)
		return false;

	cleanup_strv struct strv lines = STRV_INIT;
	strv_split(&lines, text.data, '\n');
	for (size_t i = 0; i < lines.count; i++) {
		unsigned inside, outside, count;

		if (sscanf(lines.items[i], "%u %u %u", &inside, &outside, &count) == 3)
			total += count;
	}
	return total > 1;
}
