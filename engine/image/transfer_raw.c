/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_raw.c - documents and blobs as they are, without an image made of them
 *
 * For what is passed on or read by somebody else: the members of a manifest list, and artifacts. A document is believed to be what its digest
 * says; the blobs that a manifest names are checked like those of an image, by size and digest, here and in the supervisor.
 */
#include "engine/image/transfer_fetcher.h"

#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "storage/sha256.h"

static const char *wanted_name(const struct fetcher *fetcher)
{
	const json_t *source = fetcher->transfer->source;
	const char *digest = json_get_string(source, "", "digest", NULL);

	return *digest != '\0' ? digest : json_get_string(source, "", "tag", NULL);
}

/* One job per blob that the manifest names. */
static int fetch_blobs(struct fetcher *fetcher, const struct manifest *manifest, bool layers,
		       struct err *err)
{
	cleanup_free struct job *jobs = xcalloc(manifest->item_count + 1, sizeof(*jobs));
	size_t count = 0;

	jobs[count++] = (struct job){ .descriptor = &manifest->config, .is_raw = true };
	for (size_t i = 0; layers && i < manifest->item_count; i++) {
		const struct descriptor *item = &manifest->items[i];
		bool known = false;

		for (size_t k = 0; k < count; k++)
			known |= digest_equal(&jobs[k].descriptor->digest, &item->digest);
		if (!known)
			jobs[count++] = (struct job){ .descriptor = item, .is_raw = true };
	}
	return jobs_run(fetcher, jobs, count, err);
}

int fetch_raw(struct fetcher *fetcher, struct work *result, struct err *err)
{
	const char *depth = json_get_string(fetcher->transfer->json, "", "depth", NULL);
	const char *wanted = wanted_name(fetcher);
	cleanup_free char *rest = xasprintf("manifests/%s", wanted);
	cleanup_free char *what = xasprintf("manifest '%s'", wanted);
	cleanup_free char *content_type = NULL;
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_manifest struct manifest manifest = { 0 };
	struct descriptor top = { .bytes = 0 };
	struct digest asked;

	if (http_get(fetcher->http, fetcher->registry, rest, MANIFEST_ACCEPT, JSON_LIMIT_BYTES,
		     &text, &content_type, NULL, err) < 0)
		return -1;
	top.bytes = text.length;
	sha256_of(text.data, text.length, &top.digest);
	if (digest_parse(wanted, &asked) == 0 && !digest_equal(&asked, &top.digest))
		return err_set(err, ERR_CORRUPT, "%s is not what was asked for: its digest is '%s'",
			       what, top.digest.text);
	if (manifest_parse(text.data, text.length, content_type, what, &manifest, err) < 0)
		return -1;
	if (!manifest.is_index && !str_equal(depth, "top") &&
	    fetch_blobs(fetcher, &manifest, str_equal(depth, "all"), err) < 0)
		return -1;
	if (job_store(fetcher, &top, &text, err) < 0)
		return -1;
	result->blob = top.digest;
	return 0;
}

int check_manifest(struct fetcher *fetcher, struct work *result, struct err *err)
{
	struct http_request request = {
		.registry = fetcher->registry,
		.method = "HEAD",
		.rest = xasprintf("manifests/%s", wanted_name(fetcher)),
		.accept = MANIFEST_ACCEPT,
		.error_body = STRBUF_INIT,
		.upload_fd = -1,
	};
	bool ok;

	http_request_start(fetcher->http, &request);
	while (request.state != HTTP_DONE)
		http_step(fetcher->http, NULL, 0, 1000);
	ok = request.ok;
	if (!ok)
		*err = request.err;
	/* not every registry says it */
	if (!ok || request.digest == NULL || digest_parse(request.digest, &result->blob) < 0)
		result->blob = (struct digest){ "" };
	http_request_release(&request);
	return ok ? 0 : -1;
}
