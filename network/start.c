/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network/start.c - the table of modes, and the life of a helper that is the same for all
 *
 * Modes without a row need no helper: none, host, and those that join a namespace which somebody else connected.
 */
#include "network/driver.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"

#include <stdlib.h>
#include <unistd.h>

static const struct network_driver *const network_drivers[NETWORK_KIND_COUNT] = {
	[NETWORK_DEFAULT] = &network_driver_slirp,
	[NETWORK_PRIVATE] = &network_driver_slirp,
	[NETWORK_SLIRP4NETNS] = &network_driver_slirp,
};

void network_handle_release(struct network_handle *handle)
{
	if (handle == NULL)
		return;

	child_disown(&handle->helper);
	fd_close(&handle->ready_fd);
	fd_close(&handle->error_fd);
	free(handle->api_path);
	*handle = (struct network_handle)NETWORK_HANDLE_INIT;
}

void network_abort(struct network_handle *handle)
{
	if (handle == NULL)
		return;

	child_release(&handle->helper);
	if (handle->api_path != NULL)
		unlink(handle->api_path);
	network_handle_release(handle);
}

/* Ports of a container that shares a network are published by the owner of that network, or they are open anyway. */
static int check_no_ports(const struct network_request *request, struct err *err)
{
	if (request->ports->count == 0 || request->mode->kind == NETWORK_HOST ||
	    request->mode->kind == NETWORK_NONE)
		return 0;

	err_set(err, ERR_USAGE, "cannot publish ports with network '%s'",
		network_kind_name((int)request->mode->kind));
	return err_hint(err, "Publish them where the network is made.");
}

int network_start(const struct network_request *request, struct network_handle *ret_handle,
		  struct err *err)
{
	const struct network_driver *driver = network_drivers[request->mode->kind];
	struct network_handle handle = NETWORK_HANDLE_INIT;

	if (driver == NULL) {
		if (check_no_ports(request, err) < 0)
			return -1;
	} else if (driver->start(request, &handle, err) < 0) {
		network_abort(&handle);
		return -1;
	}
	*ret_handle = handle;
	return 0;
}

int network_connect(const struct network_request *request, struct network_handle *handle,
		    struct err *err)
{
	const struct network_driver *driver = network_drivers[request->mode->kind];

	if (driver != NULL && driver->connect(request, handle, err) < 0) {
		network_abort(handle);
		return -1;
	}
	handle->is_connected = true;
	return 0;
}

int network_finish(const struct network_request *request, struct network_handle *handle,
		   int ended_fd, struct err *err)
{
	const struct network_driver *driver = network_drivers[request->mode->kind];

	if (!handle->is_connected)
		BUG("a network is finished that was not connected");
	if (driver != NULL && driver->finish(request, handle, ended_fd, err) < 0) {
		network_abort(handle);
		return -1;
	}
	return 0;
}
