/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_request.c - the request that dhow sends, read and checked
 *
 * It comes from our own program, so a wrong one is a bug of ours; it is checked all the same, because numbers from it become
 * time-outs and counts.
 */
#include "engine/image/transfer_private.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/strbuf.h"

void transfer_request_release(struct transfer_request *request)
{
	json_decref(request->json);
	platform_release(&request->platform);
	*request = (struct transfer_request){ 0 };
}

static int64_t number(const json_t *json, const char *key, int64_t fallback, int64_t max)
{
	int64_t value = json_get_int(json, fallback, key, NULL);

	if (value < 0)
		return fallback;
	return value > max ? max : value;
}

int transfer_request_read(int fd, struct transfer_request *ret, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	int status = fd_read_all(fd, &text, TRANSFER_REQUEST_MAX);
	json_t *json = NULL;

	if (status < 0)
		return err_sys(err, -status, "cannot read the request");
	json = json_parse(text.data, text.length, "request", err);
	explicit_bzero(text.data, text.length);
	if (json == NULL)
		return -1;

	*ret = (struct transfer_request){
		.json = json,
		.op = json_get_string(json, "", "op", NULL),
		.source = json_at(json, "source", NULL),
		.platform = {
			xstrdup(json_get_string(json, "linux", "platform", "os", NULL)),
			xstrdup(json_get_string(json, "", "platform", "architecture", NULL)),
			xstrdup(json_get_string(json, "", "platform", "variant", NULL)),
		},
		.retry = (uint32_t)number(json, "retry", TRANSFER_RETRY_DEFAULT, 1000),
		.parallel = (uint32_t)number(json, "parallel", TRANSFER_PARALLEL_DEFAULT,
					     TRANSFER_PARALLEL_MAX),
		.retry_delay_ms = number(json, "retryDelayMs", 1000, 3600 * 1000),
		.retry_delay_grows = json_get_bool(json, true, "retryDelayGrows", NULL),
		.layer_limit = json_get_int(json, -1, "layers", NULL),
		.stall_timeout_s =
			number(json, "stallTimeoutS", TRANSFER_STALL_DEFAULT_S, 24 * 3600),
	};
	if (ret->parallel == 0)
		ret->parallel = 1;
	if (ret->source == NULL)
		return err_set(err, ERR_USAGE, "the request has no source");
	return 0;
}
