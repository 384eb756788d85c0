/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/life.c - find and watch the processes of a running container
 */
#include "engine/container/life.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/process.h"
#include "base/record.h"
#include "engine/container/record.h"
#include "engine/container/start.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* an orphan dies at once: this is for a kernel under load */
#define ORPHAN_WAIT_MS 5000

bool container_is_up(const struct container *container)
{
	return container->state.pid > 0 && (container->state.status == CONTAINER_RUNNING ||
					    container->state.status == CONTAINER_PAUSED);
}

int container_open_init(const struct container *container)
{
	int fd;

	if (container->state.pid <= 0)
		return -1;
	fd = process_open(container->state.pid, container->state.start_ticks);
	return fd < 0 ? -1 : fd;
}

int container_connect(struct engine *engine, const struct container *container, struct err *err)
{
	cleanup_fd int run_fd = container_open_run_dir(engine, container, false, err);
	int fd;

	if (run_fd < 0)
		return err->kind == ERR_NOT_FOUND ? -2 : -1;
	fd = monitor_connect(run_fd, SOCKET_ATTACH);
	if (fd == -ENOENT || fd == -ECONNREFUSED)
		return -2;
	if (fd < 0)
		return err_sys(err, -fd, "cannot connect to the monitor of container '%s'",
			       container->name);
	return fd;
}

char *container_pid_file(const struct engine *engine, const struct container *container)
{
	const char *asked = json_get_string(container->create, NULL, KEY_CONMON_PID_FILE, NULL);

	return asked != NULL ? xstrdup(asked)
			     : xasprintf("%s/" RUN_CONTAINERS "/%s/" FILE_MONITOR_PID,
					 engine->store->run_path, container->id.text);
}

int container_hello(int connection_fd, const struct attach_hello *hello)
{
	char packet[1 + sizeof(*hello)] = { ATTACH_HELLO };

	memcpy(packet + 1, hello, sizeof(*hello));
	if (send(connection_fd, packet, sizeof(packet), MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

enum end_result container_wait_end(int connection_fd, int64_t timeout_ms,
				   struct attach_exit *ret_exit)
{
	int64_t deadline_ms = timeout_ms < 0 ? 0 : now_ms() + timeout_ms;
	/* longer packets carry output, which was not asked for */
	char packet[1 + sizeof(*ret_exit)];

	for (;;) {
		int64_t left_ms = timeout_ms < 0 ? -1 : deadline_ms - now_ms();
		ssize_t got;

		if (timeout_ms >= 0 && left_ms < 0)
			left_ms = 0;
		if (fd_wait_readable(connection_fd, left_ms) == 0)
			return END_TIMEOUT;
		got = recv(connection_fd, packet, sizeof(packet), 0);
		if (got < 0 && (errno == EINTR || errno == ECONNRESET))
			continue; /* after a reset what was sent before can still be read */
		if (got <= 0)
			return END_GONE;
		if (packet[0] == ATTACH_EXIT && got == sizeof(packet)) {
			memcpy(ret_exit, packet + 1, sizeof(*ret_exit));
			return END_TOLD;
		}
	}
}

char *container_cgroup_path(const struct container *container)
{
	cleanup_json json_t *run = NULL;
	struct err err = { 0 }; /* without a record there is no cgroup that we know */

	if (record_read_json(container->dir_fd, FILE_RUN, RECORD_KIND_RUN, RECORD_VERSION_RUN, &run,
			     &err) <= 0)
		return NULL;
	return xstrdup_null(json_get_string(run, NULL, "cgroup", NULL));
}

int container_state_improper(const struct container *container, const char *what, struct err *err)
{
	return err_set(
		err, ERR_STATE,
		"can only %s running containers. %s is in state %s: container state improper", what,
		container->id.text, container_state_name(&container->state));
}

/* An init of ours has a mount namespace of its own: a process that has our own one only has the number and, after a reboot, the time. */
static bool has_own_mounts(pid_t pid)
{
	cleanup_free char *path = xasprintf("/proc/%d/ns/mnt", pid);
	struct stat ours;
	struct stat its;

	return stat("/proc/self/ns/mnt", &ours) == 0 && stat(path, &its) == 0 &&
	       ours.st_ino != its.st_ino;
}

void container_kill_orphan(const struct container *container)
{
	cleanup_json json_t *run = NULL;
	struct err err = { 0 }; /* no record, no process that we could know */
	cleanup_fd int pid_fd = -1;

	if (faccessat(container->dir_fd, FILE_EXIT, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
	    record_read_json(container->dir_fd, FILE_RUN, RECORD_KIND_RUN, RECORD_VERSION_RUN, &run,
			     &err) <= 0)
		return;
	pid_t pid = (pid_t)json_get_int(run, 0, "pid", NULL);

	pid_fd = process_open(pid, (uint64_t)json_get_int(run, 0, "startTicks", NULL));
	if (pid_fd < 0 || !has_own_mounts(pid))
		return;
	process_signal(pid_fd, SIGKILL);
	fd_wait_readable(pid_fd, ORPHAN_WAIT_MS);
}
