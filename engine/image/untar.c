/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/untar.c - ask libexec/dhow/transfer to unpack an archive
 */
#include "engine/image/untar.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "engine/image/pull_private.h"

int untar_controlled(struct engine *engine, const struct untar_request *request, int control_fd,
		     struct err *err)
{
	cleanup_json json_t *json = json_object();
	cleanup_fd int control = control_fd;
	const int fds[] = { request->archive_fd, control_fd };
	struct pull_result result = { .tags = STRV_INIT };

	json_put_string(json, "op", "untar");
	json_put(json, "store", pull_store_request(engine));
	json_put(json, "source", json_object());
	json_put_int(json, "uid", request->uid);
	json_put_int(json, "gid", request->gid);
	json_put_bool(json, "replaceKind", request->replace_kind);
	json_put_bool(json, "private", request->private_files);
	return pull_run_with(engine, json, fds, ARRAY_SIZE(fds), NULL, NULL, &result, err);
}

int untar_send(int control_fd, int target_fd, int pid_fd, struct err *err)
{
	const int fds[] = { target_fd, pid_fd };
	int status = fd_send(control_fd, "t", 1, fds, pid_fd >= 0 ? 2 : 1);

	return status < 0 ? err_sys(err, -status, "cannot talk to 'transfer'") : 0;
}

int untar_into(struct engine *engine, const struct untar_request *request, int target_fd,
	       struct err *err)
{
	cleanup_fd int ours = -1;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, errno, "cannot talk to 'transfer'");
	ours = pair[0];
	if (untar_send(ours, target_fd, -1, err) < 0) {
		close(pair[1]);
		return -1;
	}
	return untar_controlled(engine, request, pair[1], err);
}
