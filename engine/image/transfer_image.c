/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_image.c - from a manifest to all that it names
 *
 * Index, manifest and configuration come first, one after the other: each is checked before anything that it names is asked for.
 * Then all layers at once, as many at a time as the request allows.
 */
#include "engine/image/transfer_fetcher.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "storage/sha256.h"

static void digest_of(const struct strbuf *text, struct digest *ret)
{
	cleanup_sha256 struct sha256 *hash = sha256_new();

	sha256_update(hash, text->data, text->length);
	sha256_final_digest(hash, ret);
}

/* The image's own manifest: the top document, or the one of an index that serves the platform. */
static int find_manifest(struct fetcher *fetcher, const struct manifest *top, const char *what,
			 struct manifest *ret_manifest, struct strbuf *ret_text,
			 struct descriptor *ret_descriptor, struct err *err)
{
	const struct descriptor *item = NULL;
	cleanup_free char *content_type = NULL;
	cleanup_free char *item_what = NULL;

	if (manifest_choose(top, &fetcher->transfer->platform, what, &item, err) < 0)
		return -1;
	item_what = xasprintf("manifest '%s'", item->digest.text);
	if (job_document(fetcher, item, ret_text, &content_type, err) < 0)
		return err_wrap(err, "cannot fetch %s", item_what);
	if (content_type == NULL && *item->media_type != '\0')
		content_type = xstrdup(item->media_type);
	if (manifest_parse(ret_text->data, ret_text->length, content_type, item_what, ret_manifest,
			   err) < 0)
		return -1;
	if (ret_manifest->is_index)
		return err_set(err, ERR_UNSUPPORTED, "%s is an index in an index", item_what);
	if (*item->media_type != '\0' && !str_equal(item->media_type, ret_manifest->media_type))
		return err_set(err, ERR_CORRUPT, "%s is not of the kind that its index says",
			       item_what);
	*ret_descriptor = (struct descriptor){ .digest = item->digest, .bytes = item->bytes };
	return 0;
}

/* One job per blob. The same blob twice is one job, but it can only have one diffID. */
static int plan_layers(const struct manifest *manifest, const struct digest *diff_ids, size_t limit,
		       struct job *jobs, size_t *ret_count, const char *what, struct err *err)
{
	size_t count = 0;

	for (size_t i = 0; i < limit; i++) {
		const struct descriptor *layer = &manifest->items[i];
		bool known = false;

		for (size_t k = 0; k < count && !known; k++) {
			if (!digest_equal(&jobs[k].descriptor->digest, &layer->digest))
				continue;
			known = true;
			if (!digest_equal(&jobs[k].diff_id, &diff_ids[i]) ||
			    jobs[k].descriptor->bytes != layer->bytes)
				return err_set(
					err, ERR_CORRUPT,
					"%s names layer '%s' twice, with a different content", what,
					layer->digest.text);
		}
		if (known)
			continue;
		jobs[count++] = (struct job){
			.descriptor = layer,
			.is_layer = true,
			.diff_id = diff_ids[i],
		};
	}
	*ret_count = count;
	return 0;
}

static int fetch_layers(struct fetcher *fetcher, const struct manifest *manifest,
			const json_t *config, const char *what, struct err *err)
{
	cleanup_free struct digest *diff_ids = NULL;
	cleanup_free struct job *jobs = xcalloc(manifest->item_count + 1, sizeof(*jobs));
	int64_t wanted = fetcher->transfer->layer_limit;
	size_t limit = manifest->item_count;
	size_t count = 0;

	if (wanted >= 0 && (uint64_t)wanted < limit)
		limit = (size_t)wanted;
	if (config_diff_ids(config, manifest->item_count, what, &diff_ids, err) < 0 ||
	    plan_layers(manifest, diff_ids, limit, jobs, &count, what, err) < 0)
		return -1;
	if (manifest->item_count > MANIFEST_LAYERS_WARN)
		event_text("warning", "%s has %zu layers; other engines take no more than %d", what,
			   manifest->item_count, MANIFEST_LAYERS_WARN);
	if (jobs_plan(fetcher, diff_ids, limit, err) < 0)
		return -1;
	return jobs_run(fetcher, jobs, count, err);
}

int image_documents_find(struct fetcher *fetcher, struct image_documents *ret, struct err *err)
{
	cleanup_manifest struct manifest chosen = { 0 };
	cleanup_strbuf struct strbuf text = STRBUF_INIT, chosen_text = STRBUF_INIT;
	cleanup_free char *content_type = NULL;
	struct descriptor descriptor = { .bytes = 0 };
	struct digest digest;

	if (fetch_top(fetcher, &text, &content_type, err) < 0 ||
	    manifest_parse(text.data, text.length, content_type, "the manifest", &ret->top, err) <
		    0)
		return -1;
	digest_of(&text, &digest);
	if (!ret->top.is_index) {
		ret->manifest = digest;
		return 0;
	}
	if (find_manifest(fetcher, &ret->top, "the index", &chosen, &chosen_text, &descriptor,
			  err) < 0)
		return -1;
	ret->manifest = descriptor.digest;
	ret->index = digest;
	return 0;
}

int fetch_image(struct fetcher *fetcher, const struct strbuf *top_text, const char *content_type,
		const char *what, const struct digest *wanted, struct digest *ret_manifest,
		struct digest *ret_index, struct err *err)
{
	cleanup_manifest struct manifest top = { 0 }, chosen = { 0 };
	cleanup_strbuf struct strbuf config_text = STRBUF_INIT, chosen_text = STRBUF_INIT;
	cleanup_json json_t *config = NULL;
	const struct manifest *manifest = &top;
	struct descriptor top_descriptor = { .bytes = top_text->length };
	struct descriptor chosen_descriptor = { .bytes = 0 };

	digest_of(top_text, &top_descriptor.digest);
	if (digest_is_set(wanted) && !digest_equal(wanted, &top_descriptor.digest))
		return err_set(err, ERR_CORRUPT, "%s is not what was asked for: its digest is '%s'",
			       what, top_descriptor.digest.text);
	if (manifest_parse(top_text->data, top_text->length, content_type, what, &top, err) < 0)
		return -1;
	if (top.is_index) {
		if (find_manifest(fetcher, &top, what, &chosen, &chosen_text, &chosen_descriptor,
				  err) < 0)
			return -1;
		manifest = &chosen;
	}
	if (manifest_check_image(manifest, what, err) < 0)
		return -1;
	if (job_document(fetcher, &manifest->config, &config_text, NULL, err) < 0)
		return err_wrap(err, "cannot fetch the configuration");
	config =
		json_parse(config_text.data, config_text.length, "configuration of the image", err);
	if (config == NULL)
		return -1;

	/* the documents go into the store when all that they name is there: nothing of a bad image stays to be believed */
	if (fetch_layers(fetcher, manifest, config, what, err) < 0 ||
	    job_store(fetcher, &manifest->config, &config_text, err) < 0 ||
	    (top.is_index && job_store(fetcher, &chosen_descriptor, &chosen_text, err) < 0) ||
	    job_store(fetcher, &top_descriptor, top_text, err) < 0)
		return -1;

	*ret_manifest = top.is_index ? chosen_descriptor.digest : top_descriptor.digest;
	*ret_index = (struct digest){ "" };
	if (top.is_index)
		*ret_index = top_descriptor.digest;
	return 0;
}
