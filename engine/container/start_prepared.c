/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/start_prepared.c - `init`: a start in two halves
 *
 * The first half is the walk of start.c up to the point where the container's init has mounted all and the network is there. The init then waits at
 * a socket in the runtime directory, as OCI's create has it, and the monitor waits with it; both live as long as each other. The
 * second half connects to both: go to the init, hello to the monitor. What neither half can have is descriptors of the caller: the
 * program's were fixed by the first.
 */
#include "engine/container/start.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/lock.h"
#include "engine/container/life.h"
#include "engine/container/record.h"
#include "engine/events.h"

#include <errno.h>
#include <unistd.h>

#define SOCKET_START "start"
/* the monitor has only to see that the init has ended */
#define END_WAIT_MS 5000

int start_open_wait(struct start *start, struct err *err)
{
	start->wait_fd = monitor_listen(start->run_fd, SOCKET_START);
	if (start->wait_fd < 0)
		return err_sys(err, -start->wait_fd,
			       "cannot make the socket that a start comes to");
	return 0;
}

/* Both ends: the init's and, if wanted, the monitor's. */
static int connect_both(struct start *start, bool monitor_too, struct err *err)
{
	start->run_fd = container_open_run_dir(start->engine, start->container, false, err);
	if (start->run_fd < 0)
		return -1;
	start->sync.parent_fd = monitor_connect(start->run_fd, SOCKET_START);
	if (start->sync.parent_fd < 0)
		return err_sys(err, -start->sync.parent_fd, "cannot connect to its init");
	if (!monitor_too)
		return 0;
	start->client.outer_fd = monitor_connect(start->run_fd, SOCKET_ATTACH);
	if (start->client.outer_fd < 0)
		return err_sys(err, -start->client.outer_fd, "cannot connect to its monitor");
	return 0;
}

int start_prepared(struct start *start, struct err *err)
{
	if (start->opts->preserved_fd_count > 0)
		return err_set(err, ERR_STATE,
			       "it is initialized already, so it cannot get more descriptors");
	if (connect_both(start, true, err) < 0 || start_send_hello(start, err) < 0)
		return -1;
	if (runtime_sync_go(&start->sync, err) < 0 || runtime_sync_result(&start->sync, err) < 0 ||
	    start_wait_started(start, err) < 0) {
		struct err ignored = { 0 }; /* what is left is looked for by the next start, too */
		struct attach_exit exit;

		/* its end of file says that the lock of the life is free */
		container_wait_end(start->client.outer_fd, END_WAIT_MS, &exit);
		container_cleanup(start->engine, start->container, false, &ignored);
		return -1;
	}
	unlinkat(start->run_fd, SOCKET_START, 0);
	return 0;
}

int container_end_prepared(struct engine *engine, struct container *container, struct err *err)
{
	struct start start = { .engine = engine,
			       .container = container,
			       .sync = RUNTIME_SYNC_INIT,
			       .run_fd = -1,
			       .client = { -1, -1 } };
	struct attach_exit exit;
	int status = connect_both(&start, true, err);

	if (status == 0)
		status = runtime_sync_end(&start.sync, err);
	if (status == 0 &&
	    container_wait_end(start.client.outer_fd, END_WAIT_MS, &exit) == END_TIMEOUT)
		status = err_set(err, ERR_TIMEOUT, "it does not end");
	fd_close(&start.sync.parent_fd);
	fd_close(&start.client.outer_fd);
	fd_close(&start.run_fd);
	if (status == 0)
		status = container_cleanup(engine, container, false, err);
	return status;
}

int container_init(struct engine *engine, struct container *container, struct err *err)
{
	static const struct container_start_opts init_only = { .init_only = true };

	if (container_start(engine, container, &init_only, NULL, err) < 0)
		return -1;
	event_container(engine, container, EVENT_INIT);
	return 0;
}
