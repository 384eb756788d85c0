/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/download.c - ask libexec/dhow/transfer for a file by URL
 */
#include "engine/image/download.h"

#include "base/err.h"
#include "base/json.h"
#include "engine/image/pull_private.h"

int download_url(struct engine *engine, const char *url, int output_fd, struct err *err)
{
	static const struct image_pull_opts plain = { .tls_verify = -1, .retry = 3 };
	cleanup_json json_t *request = NULL;
	json_t *source = json_object();
	const int fds[] = { output_fd };
	struct pull_result result = { .tags = STRV_INIT };

	json_put_string(source, "kind", "url");
	json_put(source, "url", json_text(url));
	if (pull_request(engine, "get", source, &plain, &request, err) < 0)
		return -1;
	return pull_run_with(engine, request, fds, ARRAY_SIZE(fds), NULL, NULL, &result, err);
}
