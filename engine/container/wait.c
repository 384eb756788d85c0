/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/wait.c - wait until a container is in one of some conditions
 *
 * The end is told by the monitor, starts and removals by inotify on the container's directory; only what nothing tells (paused, health) is
 * looked at again after an interval.
 */
#include "engine/container/life.h"

#include "base/err.h"
#include "base/fd.h"
#include "engine/container/record.h"
#include "engine/health.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const wait_condition_names[] = {
	[WAIT_STOPPED] = "stopped", [WAIT_EXITED] = "exited",	    [WAIT_RUNNING] = "running",
	[WAIT_CREATED] = "created", [WAIT_PAUSED] = "paused",	    [WAIT_REMOVING] = "removing",
	[WAIT_HEALTHY] = "healthy", [WAIT_UNHEALTHY] = "unhealthy",
};
NAME_TABLE(wait_condition, WAIT_CONDITION_COUNT)

#define BIT(condition)	    (1U << (condition))
#define ENDED		    (BIT(WAIT_STOPPED) | BIT(WAIT_EXITED))
#define HEALTH		    (BIT(WAIT_HEALTHY) | BIT(WAIT_UNHEALTHY))
#define CODE_UNKNOWN	    (-1)
#define INTERVAL_DEFAULT_MS 250

static bool is_removed(const struct container *container)
{
	struct stat st;

	return fstat(container->dir_fd, &st) == 0 && st.st_nlink == 0;
}

static bool health_holds(const struct container *container, unsigned conditions)
{
	if (!(conditions & HEALTH))
		return false;
	enum health_status status = container_health_status(container);

	return (conditions & BIT(WAIT_HEALTHY) && status == HEALTH_HEALTHY) ||
	       (conditions & BIT(WAIT_UNHEALTHY) && status == HEALTH_UNHEALTHY);
}

/* True when a condition holds; *ret_code is what wait prints. */
static bool holds(const struct container *container, unsigned conditions, int32_t *ret_code)
{
	*ret_code = CODE_UNKNOWN;
	switch (container->state.status) {
	case CONTAINER_EXITED:
		*ret_code = container->state.exit_code;
		return conditions & ENDED;
	case CONTAINER_CREATED:
		return conditions & BIT(WAIT_CREATED);
	case CONTAINER_RUNNING:
		return conditions & BIT(WAIT_RUNNING) || health_holds(container, conditions);
	case CONTAINER_PAUSED:
		return conditions & BIT(WAIT_PAUSED);
	case CONTAINER_INITIALIZED:
	case CONTAINER_DAMAGED:
	case CONTAINER_STATUS_COUNT:
		break;
	}
	return false;
}

static int open_watch(const struct container *container, struct err *err)
{
	cleanup_fd int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char path[PROC_FD_PATH_MAX];

	fd_proc_path(container->dir_fd, path);
	if (fd < 0 ||
	    inotify_add_watch(fd, path, IN_MOVED_TO | IN_DELETE | IN_MOVE_SELF | IN_DELETE_SELF) <
		    0)
		return err_sys(err, errno, "cannot watch container '%s'", container->name);
	return TAKE_FD(fd);
}

static void drain_watch(int watch_fd)
{
	char events[4096] __attribute__((aligned(8)));

	while (read(watch_fd, events, sizeof(events)) > 0)
		;
}

/* Something may have changed: 1 the end was told, 0 look again, -1. */
static int wait_for_change(int watch_fd, int *connection_fd, int64_t interval_ms,
			   struct attach_exit *exit, struct err *err)
{
	struct pollfd fds[] = { { .fd = watch_fd, .events = POLLIN },
				{ .fd = *connection_fd, .events = POLLIN } };
	int ready = poll(fds, 2, interval_ms > INT32_MAX ? INT32_MAX : (int)interval_ms);

	if (ready < 0 && errno != EINTR)
		return err_sys(err, errno, "cannot wait");
	if (ready > 0 && fds[0].revents != 0)
		drain_watch(watch_fd);
	if (ready > 0 && fds[1].revents != 0) {
		enum end_result result = container_wait_end(*connection_fd, 0, exit);

		if (result != END_TIMEOUT)
			fd_close(connection_fd);
		return result == END_TOLD;
	}
	return 0;
}

int container_wait(struct engine *engine, struct container *container, unsigned conditions,
		   int64_t interval_ms, int32_t *ret_exit_code, struct err *err)
{
	cleanup_fd int watch_fd = -1;
	cleanup_fd int connection_fd = -1;

	if (conditions & HEALTH && json_object_get(container->create, KEY_HEALTH) == NULL)
		return err_set(
			err, ERR_STATE,
			"cannot wait for the health of container '%s': it has no health check",
			container->name);
	watch_fd = open_watch(container, err);
	if (watch_fd < 0)
		return -1;
	if (interval_ms <= 0)
		interval_ms = INTERVAL_DEFAULT_MS;

	for (;;) {
		struct attach_exit exit;
		int told;

		if (container_refresh(container, err) < 0)
			return -1;
		if (holds(container, conditions, ret_exit_code))
			return 0;
		if (is_removed(container)) {
			*ret_exit_code = CODE_UNKNOWN;
			return 0;
		}
		if (connection_fd < 0 && container_is_up(container)) {
			connection_fd = container_connect(engine, container, err);
			if (connection_fd == -1)
				return -1;
			if (connection_fd < 0)
				connection_fd = -1;
		}
		/* the interval matters only for what is not told */
		told = wait_for_change(watch_fd, &connection_fd,
				       connection_fd >= 0 &&
						       !(conditions & (BIT(WAIT_PAUSED) | HEALTH))
					       ? -1
					       : interval_ms,
				       &exit, err);
		if (told < 0)
			return -1;
		if (told > 0 && conditions & ENDED) {
			*ret_exit_code = exit.exit_code;
			return 0;
		}
	}
}
