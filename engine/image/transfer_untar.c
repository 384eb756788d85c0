/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_untar.c - unpack an archive into a directory: cp, import, volume import (R14, R22)
 *
 * The two sandboxed children of storage/unpack.h do it. This process moves the bytes from the archive to the first of them, in the kernel
 * where that is possible, and reads none.
 */
#include "engine/image/transfer_private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/json.h"
#include "storage/store.h"
#include "storage/unpack.h"

#define PUMP_BYTES  (1U << 20)
#define FD_ARCHIVE  TRANSFER_EXTRA_FD
#define FD_CONTROL  (TRANSFER_EXTRA_FD + 1)
#define MAX_ENTRIES 20000000

/* By hand, where the archive comes from something that splice does not know. 0, or -errno of the reading side. */
static int pump_copy(int from_fd, int to_fd)
{
	cleanup_free char *buffer = xmalloc(PUMP_BYTES);

	for (;;) {
		ssize_t got = read(from_fd, buffer, PUMP_BYTES);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : 0;
		/* the reader may be content or have failed: unpack_finish() tells */
		if (fd_write_full(to_fd, buffer, (size_t)got) < 0)
			return 0;
	}
}

static int pump(int from_fd, int to_fd)
{
	for (;;) {
		ssize_t moved = splice(from_fd, NULL, to_fd, NULL, PUMP_BYTES, SPLICE_F_MOVE);

		if (moved > 0 || (moved < 0 && errno == EINTR))
			continue;
		if (moved == 0 || errno == EPIPE)
			return 0;
		return errno == EINVAL ? pump_copy(from_fd, to_fd) : -errno;
	}
}

static int receive_target(int fds[2], struct err *err)
{
	char byte;
	ssize_t got = fd_receive(FD_CONTROL, &byte, 1, fds, 2);

	if (got != 1 || fds[0] < 0)
		return err_set(err, ERR_INTERRUPTED, "the unpacking was given up");
	return 0;
}

static bool get_id(const struct transfer_request *request, const char *key, uint32_t *ret)
{
	int64_t value = json_get_int(request->json, -1, key, NULL);

	*ret = (uint32_t)value;
	return value >= 0 && value < UINT32_MAX;
}

static int unpack(const struct transfer_request *request, const struct idmaps *maps, int target_fd,
		  int pid_fd, struct unpack_result *ret, struct err *err)
{
	struct unpacker unpacker = UNPACKER_INIT;
	struct unpack_limits limits;
	struct unpack_plain plain = {
		.userns_pid_fd = pid_fd,
		.replace_kind = json_get_bool(request->json, false, "replaceKind", NULL),
		.private_files = json_get_bool(request->json, false, "private", NULL),
	};
	uint32_t uid, gid;
	/* owners are those of the namespace, or there is one id only and fuse-overlayfs shows the rest */
	bool single = maps->single && pid_fd < 0;
	int status;

	if (get_id(request, "uid", &uid))
		plain.uid = &uid;
	if (get_id(request, "gid", &gid))
		plain.gid = &gid;
	unpack_limits_default(&limits);
	limits.max_entries = MAX_ENTRIES;
	limits.plain = &plain;
	if (unpack_start(target_fd, single ? LAYER_SINGLE : LAYER_MAPPED, single ? NULL : maps,
			 UNPACK_DETECT, &limits, &unpacker, err) < 0)
		return -1;
	status = pump(FD_ARCHIVE, unpacker.input_fd);
	if (status < 0) {
		unpack_abort(&unpacker);
		return err_sys(err, -status, "cannot read the archive");
	}
	return unpack_finish(&unpacker, ret, err);
}

int untar_main(const struct transfer_request *request, struct store *store)
{
	static const struct digest none = { "" };
	struct unpack_result result = UNPACK_RESULT_INIT;
	const struct idmaps *maps;
	int fds[2] = { -1, -1 };
	struct err err = { 0 };
	sigset_t set;

	/* nothing is staged here: a signal may end us, and our children with us */
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	fd_set_cloexec(FD_ARCHIVE, true);
	fd_set_cloexec(FD_CONTROL, true);
	if (store_idmaps(store, &maps, &err) < 0 || receive_target(fds, &err) < 0 ||
	    unpack(request, maps, fds[0], fds[1], &result, &err) < 0) {
		event_error(&err);
		return 1;
	}
	if (result.skipped_devices > 0)
		event_text("warning", "the archive has %llu device nodes, which are left out",
			   (unsigned long long)result.skipped_devices);
	unpack_result_release(&result);
	event_result(&none, &none, 0);
	return 0;
}
