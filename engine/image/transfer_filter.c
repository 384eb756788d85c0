/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_filter.c - compress or decompress one blob, hashing what comes out (R14)
 *
 * Decompression reads what somebody else wrote, so it is done in the sandbox, which sees two descriptors and nothing else. The same input
 * always makes the same output: a layer that is pushed twice has one digest.
 */
#include "engine/image/transfer_private.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/json.h"
#include "engine/image/pack.h"
#include "rootless/sandbox.h"
#include "storage/sha256.h"
#include "storage/unpack_inflate.h"

#define FD_INPUT     TRANSFER_EXTRA_FD
#define FD_OUTPUT    (TRANSFER_EXTRA_FD + 1)
#define BUFFER_BYTES (1U << 20)
#define RATIO_LIMIT  250

static int run_pack(enum pack_kind kind, int level, struct digest *ret, struct err *err)
{
	struct packer *packer = packer_new(kind, level, dup(FD_INPUT));
	cleanup_free unsigned char *data = xmalloc(BUFFER_BYTES);
	struct digest input;
	uint64_t bytes = 0;
	ssize_t got;

	while ((got = packer_read(packer, data, BUFFER_BYTES, err)) > 0) {
		int status = fd_write_full(FD_OUTPUT, data, (size_t)got);

		if (status < 0) {
			got = err_sys(err, -status, "cannot write the compressed layer");
			break;
		}
	}
	packer_result(packer, &input, ret, &bytes);
	packer_free(packer);
	return got < 0 ? -1 : 0;
}

static int run_inflate(struct digest *ret, struct err *err)
{
	struct inflate_result result = { .reader_gone = false };

	if (inflate_run(FD_INPUT, FD_OUTPUT, UNPACK_DETECT, RATIO_LIMIT, &result, err) < 0)
		return -1;
	digest_from_bytes(result.diff_id, ret);
	return 0;
}

static int run(const struct transfer_request *request, struct digest *ret, struct err *err)
{
	const char *mode = json_get_string(request->json, "", "mode", NULL);
	const int keep[] = { FD_INPUT, FD_OUTPUT, TRANSFER_EVENT_FD };
	const struct sandbox sandbox = {
		.keep_fds = keep,
		.keep_fd_count = ARRAY_SIZE(keep),
		.allow_threads = true,
	};
	int level = (int)json_get_int(request->json, PACK_LEVEL_DEFAULT, "level", NULL);

	sha256_free(sha256_new());
	if (sandbox_enter(&sandbox, err) < 0)
		return err_wrap(err, "cannot confine the filter");
	if (str_equal(mode, "inflate"))
		return run_inflate(ret, err);
	if (pack_kind_parse(mode) >= 0)
		return run_pack((enum pack_kind)pack_kind_parse(mode), level, ret, err);
	return err_set(err, ERR_USAGE, "the request has the unknown mode '%s'", mode);
}

int filter_main(const struct transfer_request *request)
{
	static const struct digest none = { "" };
	struct digest digest;
	struct err err = { 0 };
	sigset_t set;

	/* nothing is staged here: a signal may end us */
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	if (run(request, &digest, &err) < 0) {
		event_error(&err);
		return 1;
	}
	event_result(&digest, &none, 0);
	return 0;
}
