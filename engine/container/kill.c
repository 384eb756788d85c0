/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/kill.c - a signal for the first process of a container
 */
#include "engine/container/life.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/process.h"
#include "engine/container/record.h"
#include "engine/container/restart.h"
#include "engine/events.h"

#include <signal.h>

/* SIGKILL is acknowledged when the end is on record, so that the next command sees it. */
#define END_WAIT_MS 10000

int container_send_signal(struct engine *engine, struct container *container, int signal_number,
			  struct err *err)
{
	cleanup_fd int connection_fd = -1;
	cleanup_fd int pid_fd = -1;
	struct attach_exit exit;
	int status;

	if (container_refresh(container, err) < 0)
		return -1;
	pid_fd = container_is_up(container) ? container_open_init(container) : -1;
	if (pid_fd < 0)
		return container_state_improper(container, "kill", err);

	if (signal_number == SIGKILL) {
		connection_fd = container_connect(engine, container, err);
		if (connection_fd == -1)
			return -1;
	}
	status = process_signal(pid_fd, signal_number);
	if (status < 0)
		return err_sys(err, -status, "cannot send signal %d to container '%s'",
			       signal_number, container->name);
	event_container(engine, container, EVENT_KILL);
	if (connection_fd >= 0)
		container_wait_end(connection_fd, END_WAIT_MS, &exit);
	return 0;
}

/* What ends it is meant to end it: podman's rule for any signal, docker's for these. */
static bool means_end(const struct container *container, int signal_number)
{
	return signal_number == SIGKILL || signal_number == SIGTERM || signal_number == SIGINT ||
	       signal_number == SIGQUIT ||
	       signal_number ==
		       json_get_int(container->create, SIGTERM, KEY_STOP, KEY_SIGNAL, NULL);
}

int container_kill(struct engine *engine, struct container *container, int signal_number,
		   struct err *err)
{
	if (container_refresh(container, err) < 0)
		return -1;
	if (container_is_up(container) && means_end(container, signal_number) &&
	    restart_stop(container, err) < 0)
		return -1;
	return container_send_signal(engine, container, signal_number, err);
}
