/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/stop.c - stop: a signal, some time, SIGKILL
 *
 * The connection to the monitor is made before the signal, so that the end cannot be missed. A first process that has no handler for the
 * stop signal will not end by it (the kernel protects process 1 of a pid namespace): that is said as soon as waiting has
 * begun, with the cure, and not after the time is over (U17); who wants that does not wait for it either.
 */
#include "engine/container/life.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/parse.h"
#include "base/process.h"
#include "engine/container/record.h"
#include "engine/container/restart.h"
#include "engine/events.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STOP_TIMEOUT_DEFAULT_S 10
/* a program that was just started gets this long to install its handler before anything is said */
#define HANDLER_GRACE_MS 100
/* after SIGKILL: the kernel has to tear everything down */
#define KILL_WAIT_MS 30000

/* Whether process pid handles the signal itself; true when that cannot be read. */
static bool has_handler(pid_t pid, int signal_number)
{
	cleanup_free char *path = xasprintf("/proc/%d/status", pid);
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	const char *line;

	if (fd_read_file(AT_FDCWD, path, &text, 65536) < 0)
		return true;
	line = strstr(text.data, "\nSigCgt:");
	if (line == NULL)
		return true;
	return strtoull(line + strlen("\nSigCgt:"), NULL, 16) >> (signal_number - 1) & 1;
}

static void warn_no_handler(struct engine *engine, const struct container *container,
			    int signal_number, const struct container_stop_opts *opts)
{
	const char *signal_text = signal_name(signal_number);
	cleanup_free char *when = opts->unhandled == STOP_UNHANDLED_KILL
					  ? xstrdup("now")
					  : xasprintf("in %" PRId64 " s", opts->time_s);

	engine_warn(engine,
		    "the first process of container %s has no handler for SIG%s and will be killed "
		    "%s; use --init, --stop-signal%s",
		    container->name, signal_text == NULL ? "?" : signal_text, when,
		    opts->unhandled == STOP_UNHANDLED_KILL ? "" : " or stop --unhandled=kill");
}

/* The signal was sent: wait until the end is told, or the time is over, or waiting is seen to be for nothing. */
static enum end_result wait_for_end(struct engine *engine, struct container *container, int fd,
				    int signal_number, const struct container_stop_opts *opts,
				    bool *ret_in_vain)
{
	int64_t timeout_ms = opts->time_s > INT64_MAX / 1000 ? -1 : opts->time_s * 1000;
	struct attach_exit exit;
	enum end_result result;

	*ret_in_vain = false;
	if (timeout_ms >= 0 && timeout_ms <= HANDLER_GRACE_MS)
		return container_wait_end(fd, timeout_ms, &exit);
	result = container_wait_end(fd, HANDLER_GRACE_MS, &exit);
	if (result != END_TIMEOUT)
		return result;
	if (signal_number != SIGKILL && !has_handler(container->state.pid, signal_number)) {
		warn_no_handler(engine, container, signal_number, opts);
		*ret_in_vain = opts->unhandled == STOP_UNHANDLED_KILL;
		if (*ret_in_vain)
			return END_TIMEOUT;
	}
	return container_wait_end(fd, timeout_ms < 0 ? -1 : timeout_ms - HANDLER_GRACE_MS, &exit);
}

static int end_by_force(struct container *container, int connection_fd, int pid_fd, struct err *err)
{
	struct attach_exit exit;

	process_signal(pid_fd, SIGKILL);
	if (container_wait_end(connection_fd, KILL_WAIT_MS, &exit) == END_TIMEOUT)
		return err_set(err, ERR_TIMEOUT, "container '%s' does not end", container->name);
	return 0;
}

/* A frozen process acts on nothing but SIGKILL. */
static void thaw(struct container *container)
{
	cleanup_free char *path = container_cgroup_path(container);
	struct cgroup cgroup = CGROUP_INIT;
	struct err err = { 0 }; /* then it will be killed, frozen as it is */

	if (path != NULL && cgroup_open(path, &cgroup, &err) > 0)
		cgroup_freeze(&cgroup, false, &err);
	cgroup_release(&cgroup);
}

/* Shown as `stopping` as long as this is open. A failure is no reason not to stop it; who is second is shown by the first one's. */
static int show_stopping(const struct container *container)
{
	struct err err = { 0 };
	int fd = alive_take(container->dir_fd, FILE_STOPPING, &err);

	if (fd == -1)
		debug("cannot show that the container is being stopped, ignoring: %s", err.msg);
	return fd < 0 ? -1 : fd;
}

static int stop_running(struct engine *engine, struct container *container,
			const struct container_stop_opts *opts, struct err *err)
{
	int signal_number = opts->signal != 0 ? opts->signal
					      : (int)json_get_int(container->create, SIGTERM,
								  KEY_STOP, KEY_SIGNAL, NULL);
	cleanup_fd int connection_fd = container_connect(engine, container, err);
	cleanup_fd int pid_fd = container_open_init(container);
	cleanup_fd int stopping_fd = -1;
	struct attach_exit exit;
	bool in_vain;

	if (connection_fd == -1)
		return -1;
	if (connection_fd < 0) {
		/* the socket was lost with the runtime directory, or the end is being told this moment */
		if (pid_fd >= 0) {
			process_signal(pid_fd, SIGKILL);
			fd_wait_readable(pid_fd, KILL_WAIT_MS);
		}
		return 0;
	}
	if (pid_fd < 0 || opts->time_s == 0) {
		if (pid_fd >= 0)
			return end_by_force(container, connection_fd, pid_fd, err);
		container_wait_end(connection_fd, KILL_WAIT_MS, &exit);
		return 0;
	}

	stopping_fd = show_stopping(container);
	process_signal(pid_fd, signal_number);
	if (container->state.status == CONTAINER_PAUSED)
		thaw(container);
	if (wait_for_end(engine, container, connection_fd, signal_number, opts, &in_vain) !=
	    END_TIMEOUT)
		return 0;
	if (!in_vain)
		engine_warn(engine,
			    "StopSignal SIG%s failed to stop container %s in %" PRId64
			    " seconds, resorting to SIGKILL",
			    signal_name(signal_number) ? signal_name(signal_number) : "?",
			    container->name, opts->time_s);
	return end_by_force(container, connection_fd, pid_fd, err);
}

/* A start holds the container's lock until it is running or has failed. What `init` has prepared is given up. */
static int wait_for_start(struct engine *engine, struct container *container, struct err *err)
{
	cleanup_fd int lock_fd = lock_take(container->dir_fd, FILE_LOCK, true, err);

	if (lock_fd < 0 || container_refresh(container, err) < 0)
		return -1;
	if (container->state.status != CONTAINER_INITIALIZED)
		return 0;
	if (container_end_prepared(engine, container, err) < 0)
		return -1;
	return container_refresh(container, err);
}

int container_stop(struct engine *engine, struct container *container,
		   const struct container_stop_opts *opts, struct err *err)
{
	struct container_stop_opts own = *opts;
	struct err ignored = { 0 }; /* leftovers are looked for again by rm and by the next start */

	if (container->create == NULL)
		return err_set(err, ERR_CORRUPT,
			       "cannot stop container '%s': its record is damaged",
			       container->id.text);
	/* first, so that a restart by its policy is not made or is seen here */
	if (restart_stop(container, err) < 0 || container_refresh(container, err) < 0)
		return -1;
	if (container->state.status == CONTAINER_INITIALIZED &&
	    wait_for_start(engine, container, err) < 0)
		return err_wrap(err, "cannot stop container '%s'", container->name);
	if (!container_is_up(container)) {
		container_kill_orphan(container);
		return container_refresh(container, err);
	}

	if (own.time_s < 0)
		own.time_s = json_get_int(container->create, STOP_TIMEOUT_DEFAULT_S, KEY_STOP,
					  KEY_TIMEOUT_S, NULL);
	if (stop_running(engine, container, &own, err) < 0)
		return err_wrap(err, "cannot stop container '%s'", container->name);
	event_container(engine, container, EVENT_STOP);

	cleanup_fd int lock_fd = lock_try(container->dir_fd, FILE_LOCK, true, &ignored);
	if (lock_fd >= 0 && !alive_is_held(container->dir_fd, FILE_ALIVE))
		container_cleanup(engine, container, false, &ignored);
	return container_refresh(container, err);
}
