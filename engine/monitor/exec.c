/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/monitor/exec.c - the command line's side of the monitor: execute it, listen for it, connect to it
 *
 * monitor_exec() runs in a fork of the command line that is going to be the monitor, between runtime_clone() and the end of its old self.
 * It allocates, which is allowed: the process is single-threaded.
 */
#include "engine/monitor.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "base/kernel.h"
#include "base/process.h"
#include "base/strv.h"
#include "engine/monitor/monitor_args.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MONITOR_BACKLOG 64

static void add_member(struct strv *argv, const struct monitor_arg *arg,
		       const struct monitor_config *config)
{
	const char *member = (const char *)config + arg->offset;
	const char *text;
	int64_t number = 0;
	int word;

	switch (arg->kind) {
	case ARG_TEXT:
		memcpy(&text, member, sizeof(text));
		if (text != NULL)
			strv_addf(argv, "%s=%s", arg->key, text);
		return;
	case ARG_INT64:
		memcpy(&number, member, sizeof(number));
		break;
	case ARG_BOOL:
		number = *(const bool *)member;
		break;
	case ARG_INT:
	case ARG_UINT32:
		memcpy(&word, member, sizeof(word));
		number = arg->kind == ARG_INT ? word : (int64_t)(uint32_t)word;
		break;
	}
	/* a missing word is 0 */
	if (number > 0)
		strv_addf(argv, "%s=%" PRId64, arg->key, number);
}

static void monitor_argv(const struct monitor_config *config, const struct monitor_fds *fds,
			 struct strv *argv)
{
	static const struct monitor_arg args[] = MONITOR_ARGS;
	uint64_t mask = 0;

	strv_add(argv, "dhow-monitor");
	strv_add(argv, config->container_id);
	for (size_t i = 0; i < ARRAY_SIZE(args); i++)
		add_member(argv, &args[i], config);
	for (size_t i = 0; i < MONITOR_FD_COUNT; i++) {
		int fd;

		memcpy(&fd, (const char *)fds + i * sizeof(int), sizeof(fd));
		if (fd >= 0)
			mask |= 1ULL << i;
	}
	strv_addf(argv, MONITOR_ARG_FDS "=%" PRIu64, mask);
	if (config->dhow_args == NULL)
		return;
	strv_add(argv, "--");
	for (const char *const *arg = config->dhow_args; *arg != NULL; arg++)
		strv_add(argv, *arg);
}

/* What the command line needs to find its files; nothing else of the user's environment lives as long as a container. */
static void monitor_environment(struct strv *env)
{
	static const char *const names[] = {
		"PATH",
		"HOME",
		"USER",
		"LANG",
		"XDG_DATA_HOME",
		"XDG_RUNTIME_DIR",
		"XDG_CONFIG_HOME",
		"DBUS_SESSION_BUS_ADDRESS",
		"CONTAINERS_CONF",
		"NOTIFY_SOCKET", /* a restart has a new main process */
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = getenv(names[i]);

		if (value != NULL)
			strv_addf(env, "%s=%s", names[i], value);
	}
}

/* Bring the descriptors to their places, /dev/null to 0, 1 and 2, and close all else. */
static int arrange(const struct monitor_fds *fds)
{
	int sources[MONITOR_FD_COUNT];
	int null_fd;

	/* out of the way first: a source may be in the place of another one's target */
	for (size_t i = 0; i < MONITOR_FD_COUNT; i++) {
		memcpy(&sources[i], (const char *)fds + i * sizeof(int), sizeof(int));
		if (sources[i] < 0)
			continue;
		sources[i] = fcntl(sources[i], F_DUPFD, MONITOR_FD_FIRST + (int)MONITOR_FD_COUNT);
		if (sources[i] < 0)
			return -errno;
	}
	for (size_t i = 0; i < MONITOR_FD_COUNT; i++) {
		int target = MONITOR_FD_FIRST + (int)i;

		if (sources[i] < 0)
			close(target);
		else if (dup2(sources[i], target) < 0)
			return -errno;
	}
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd < 0)
		return -errno;
	for (int fd = 0; fd < MONITOR_FD_FIRST; fd++) {
		if (dup2(null_fd, fd) < 0)
			return -errno;
	}
	fd_close_from(MONITOR_FD_FIRST + (int)MONITOR_FD_COUNT);
	return 0;
}

int monitor_exec(const struct monitor_config *config, const struct monitor_fds *fds)
{
	cleanup_free char *path = xasprintf("%s/monitor", process_libexec_dir());
	cleanup_strv struct strv argv = STRV_INIT;
	cleanup_strv struct strv env = STRV_INIT;
	int status;

	monitor_argv(config, fds, &argv);
	monitor_environment(&env);
	status = arrange(fds);
	if (status < 0)
		return status;

	execve(path, strv_argv(&argv), strv_argv(&env));
	return -errno;
}

/* The address of a socket by the descriptor of its directory: a path of any length would not fit. */
static int socket_address(int run_dir_fd, const char *name, struct sockaddr_un *ret)
{
	char directory[PROC_FD_PATH_MAX];
	int length;

	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	fd_proc_path(run_dir_fd, directory);
	length = snprintf(ret->sun_path, sizeof(ret->sun_path), "%s/%s", directory, name);
	return length > 0 && (size_t)length < sizeof(ret->sun_path) ? 0 : -ENAMETOOLONG;
}

int monitor_listen(int run_dir_fd, const char *name)
{
	cleanup_fd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;
	int status;

	if (fd < 0)
		return -errno;
	status = socket_address(run_dir_fd, name, &address);
	if (status < 0)
		return status;

	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		/* of the run before: its monitor is gone or going */
		if (errno != EADDRINUSE)
			return -errno;
		if (unlinkat(run_dir_fd, name, 0) < 0 && errno != ENOENT)
			return -errno;
		if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
			return -errno;
	}
	if (listen(fd, MONITOR_BACKLOG) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int monitor_connect(int run_dir_fd, const char *name)
{
	cleanup_fd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;
	int status;

	if (fd < 0)
		return -errno;
	status = socket_address(run_dir_fd, name, &address);
	if (status < 0)
		return status;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return TAKE_FD(fd);
}
