/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_main.c - libexec/dhow/transfer: all bytes that come from outside
 *
 * Two processes. The fetcher has the network and nothing else; the supervisor has the store and no network. They are separated this
 * way round because the unpackers need user namespaces, whose maps are written by the setuid helpers newuidmap and newgidmap:
 * a process that gave up new privileges or execve could not start them, so the one that starts them must not be the one that
 * talks to the world. transfer_private.h has the protocol between them, transfer.h the one with dhow.
 */
#include "engine/image/transfer_private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "storage/store.h"

static int open_store(const struct transfer_request *request, struct store **ret_store,
		      struct err *err)
{
	cleanup_strv struct strv additional = STRV_INIT;
	struct store_options options = {
		.root = json_get_string(request->json, NULL, "store", "root", NULL),
		.run_root = json_get_string(request->json, NULL, "store", "runRoot", NULL),
		.additional_roots = &additional,
		.for_writing = true,
	};

	json_get_strv(json_at(request->json, "store", NULL), "additionalRoots", &additional);
	return store_open(&options, ret_store, err);
}

/* A layout that is dhow's own, in its store: its files may become blobs without being copied. fd, -1: it is none. */
static int open_own_layout(const struct transfer_request *request)
{
	cleanup_free char *path = NULL;

	if (!json_get_bool(request->source, false, "own", NULL))
		return -1;
	path = xasprintf("%s/blobs/sha256", json_get_string(request->source, "", "path", NULL));
	return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int start(struct err *err)
{
	int own_fd = -1;
	struct transfer_request request = { 0 };
	cleanup_store struct store *store = NULL;
	const struct idmaps *maps = NULL;
	size_t layer_limit = SIZE_MAX;
	int pair[2] = { -1, -1 };
	pid_t pid = 0;
	int status = -1;

	if (transfer_request_read(TRANSFER_REQUEST_FD, &request, err) < 0)
		return -1;
	close(TRANSFER_REQUEST_FD);
	if (open_store(&request, &store, err) < 0)
		goto out;
	/* looked up now, so that the fetcher's memory holds no half of it */
	if (store_idmaps(store, &maps, err) < 0)
		goto out;
	if (str_equal(request.op, "get")) {
		status = get_main(&request);
		goto out;
	}
	if (str_equal(request.op, "filter")) {
		status = filter_main(&request);
		goto out;
	}
	if (str_equal(request.op, "untar")) {
		status = untar_main(&request, store);
		goto out;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		err_sys(err, errno, "cannot start the fetcher");
		goto out;
	}
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		err_sys(err, errno, "cannot start the fetcher");
		goto out;
	}
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		_exit(fetcher_main(&request, pair[1]));
	}
	close(pair[1]);
	pair[1] = -1;
	if (request.layer_limit >= 0)
		layer_limit = (size_t)request.layer_limit;
	bool images = str_equal(request.op, "pull");
	own_fd = open_own_layout(&request);
	transfer_request_release(&request);
	status = supervisor_main(store, images, layer_limit, own_fd, pair[0], pid);
out:
	fd_close(&pair[0]);
	fd_close(&pair[1]);
	transfer_request_release(&request);
	return status;
}

int main(int argc, char **argv)
{
	sigset_t set;
	struct err err;
	int status = -1;

	if (fcntl(TRANSFER_REQUEST_FD, F_GETFD) < 0 || fcntl(TRANSFER_EVENT_FD, F_GETFD) < 0) {
		fprintf(stderr, "%s: this program is started by dhow\n",
			argc > 0 ? argv[0] : "transfer");
		return 125;
	}
	fd_ensure_stdio();
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL); /* the supervisor reads them from a descriptor */
	fd_set_cloexec(TRANSFER_REQUEST_FD, true);
	fd_set_cloexec(TRANSFER_EVENT_FD, true);

	status = start(&err);
	if (status < 0) {
		event_error(&err);
		return 1;
	}
	return status;
}
