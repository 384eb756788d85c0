/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_signatures.c - the signatures of an image, for dhow to have them checked
 *
 * Which manifest a name means, and what signatures there are of it and of the index it was chosen from: files of a lookaside storage
 * (signature-1, -2, ...), the attachments of sigstore in the registry (a manifest with the tag sha256-HEX.sig), or the files beside a
 * manifest in dir:. Nothing is believed and nothing is stored here: dhow asks for the image by these digests afterwards.
 */
#include "engine/image/transfer_fetcher.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/json.h"
#include "engine/image/signature.h"
#include "storage/sha256.h"

#define INSTANCES_MAX 1000

struct collect {
	struct fetcher *fetcher;
	const json_t *request; /* its member "signatures" */
	size_t count, bytes;
};

/* False: no more are looked at. */
static bool may_add(struct collect *collect, size_t bytes)
{
	if (bytes > SIGNATURE_MAX_BYTES) {
		event_text("warning", "ignoring a signature of %zu bytes", bytes);
		return true;
	}
	if (collect->count >= SIGNATURES_MAX ||
	    collect->bytes + bytes > SIGNATURES_TOTAL_MAX_BYTES) {
		event_text("warning",
			   "the image has too many signatures: only the first %zu are "
			   "looked at",
			   collect->count);
		return false;
	}
	collect->count++;
	collect->bytes += bytes;
	return true;
}

static void add_blob(const struct strbuf *blob)
{
	cleanup_json json_t *json = json_object();
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	base64_encode(blob->data, blob->length, &text);
	json_put_string(json, "event", "signature");
	json_put_string(json, "kind", "blob");
	json_put_string(json, "data", text.data);
	event_json(json);
}

/* ---- files ------------------------------------------------------------------------------------------------------------ */

static int collect_directory(struct collect *collect, struct err *err)
{
	for (size_t i = 1;; i++) {
		cleanup_free char *name = xasprintf("signature-%zu", i);
		cleanup_strbuf struct strbuf blob = STRBUF_INIT;

		if (local_read(collect->fetcher, name, SIGNATURE_MAX_BYTES, &blob, err) < 0)
			return err->kind == ERR_NOT_FOUND ? 0 : -1;
		if (!may_add(collect, blob.length))
			return 0;
		add_blob(&blob);
	}
}

/* What stands behind the storage's URL is no registry: it gets no credentials of one. */
static int storage_init(const char *base, struct registry *ret, struct err *err)
{
	struct origin origin = { 0 };

	if (!origin_parse(base, &origin))
		return err_set(err, ERR_USAGE, "'%s' is no URL of signatures", base);
	*ret = (struct registry){
		.name = xasprintf("%s:%s", origin.host, origin.port),
		.path = xstrdup(""),
		.insecure = str_equal(origin.scheme, "http"),
		.extra_ca = STRBUF_INIT,
	};
	origin_release(&origin);
	return 0;
}

static int collect_lookaside(struct collect *collect, const struct digest *digest, struct err *err)
{
	const char *base = json_get_string(collect->request, "", "lookaside", NULL);
	struct registry storage = { 0 };
	int status = 0;

	if (*base == '\0')
		return 0;
	if (storage_init(base, &storage, err) < 0)
		return -1;
	for (size_t i = 1;; i++) {
		cleanup_free char *url =
			xasprintf("%s@sha256=%s/signature-%zu", base, digest_hex(digest), i);
		cleanup_strbuf struct strbuf blob = STRBUF_INIT;

		status = http_get_url(collect->fetcher->http, &storage, url, SIGNATURE_MAX_BYTES,
				      &blob, err);
		if (status < 0 && err->kind == ERR_NOT_FOUND)
			status = 0;
		else if (status == 0 && may_add(collect, blob.length)) {
			add_blob(&blob);
			continue;
		}
		break;
	}
	registry_release(&storage);
	return status < 0 ? err_wrap(err, "cannot fetch signatures from '%s'", base) : 0;
}

/* ---- attachments ------------------------------------------------------------------------------------------------------ */

/* One layer of the manifest is the payload of one signature; the signature itself is an annotation. */
static int collect_attachment(struct collect *collect, const json_t *layer, struct err *err)
{
	const char *text =
		json_get_string(layer, NULL, "annotations", SIGSTORE_SIGNATURE_ANNOTATION, NULL);
	const char *bundle =
		json_get_string(layer, "", "annotations", SIGSTORE_BUNDLE_ANNOTATION, NULL);
	cleanup_strbuf struct strbuf payload = STRBUF_INIT, encoded = STRBUF_INIT;
	cleanup_json json_t *json = json_object();
	cleanup_free char *rest = NULL;
	struct digest digest, got;

	if (!str_equal(json_get_string(layer, "", "mediaType", NULL),
		       SIGSTORE_PAYLOAD_MEDIA_TYPE) ||
	    text == NULL || digest_parse(json_get_string(layer, "", "digest", NULL), &digest) < 0)
		return 1;
	rest = xasprintf("blobs/%s", digest.text);
	if (http_get(collect->fetcher->http, collect->fetcher->registry, rest, NULL,
		     PAYLOAD_MAX_BYTES, &payload, NULL, NULL, err) < 0)
		return -1;
	sha256_of(payload.data, payload.length, &got);
	if (!digest_equal(&digest, &got))
		return err_set(err, ERR_CORRUPT, "the registry sends something else for '%s'",
			       digest.text);
	if (!may_add(collect, payload.length + strlen(text) + strlen(bundle)))
		return 0;
	base64_encode(payload.data, payload.length, &encoded);
	json_put_string(json, "event", "signature");
	json_put_string(json, "kind", "sigstore");
	json_put_string(json, "payload", encoded.data);
	json_put(json, "signature", json_text(text));
	json_put(json, "bundle", json_text(bundle));
	event_json(json);
	return 1;
}

int fetch_attachments(struct fetcher *fetcher, const struct digest *digest, json_t **ret_manifest,
		      struct err *err)
{
	cleanup_free char *rest = xasprintf("manifests/sha256-%s.sig", digest_hex(digest));
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (http_get(fetcher->http, fetcher->registry, rest, MEDIA_OCI_MANIFEST, JSON_LIMIT_BYTES,
		     &text, NULL, NULL, err) < 0)
		return err->kind == ERR_NOT_FOUND ? 0 : -1;
	*ret_manifest = json_parse(text.data, text.length, "manifest of signatures", err);
	return *ret_manifest != NULL ? 1 : -1;
}

static int collect_attachments(struct collect *collect, const struct digest *digest,
			       struct err *err)
{
	cleanup_json json_t *manifest = NULL;
	const json_t *layers;
	int status = 0;

	if (!json_get_bool(collect->request, false, "attachments", NULL))
		return 0;
	status = fetch_attachments(collect->fetcher, digest, &manifest, err);
	layers = json_object_get(manifest, "layers");
	for (size_t i = 0; status > 0 && i < json_array_size(layers); i++)
		status = collect_attachment(collect, json_array_get(layers, i), err);
	return status < 0 ? err_wrap(err, "cannot fetch signatures of sigstore") : 0;
}

/* ---- all -------------------------------------------------------------------------------------------------------------- */

static void tell_subject(const struct image_documents *documents)
{
	cleanup_json json_t *json = json_object();
	json_t *instances = json_array();

	json_put_string(json, "event", "subject");
	json_put_string(json, "manifest", documents->manifest.text);
	json_put_string(json, "index", documents->index.text);
	for (size_t i = 0; i < documents->top.item_count && i < INSTANCES_MAX; i++) {
		if (digest_is_set(&documents->index))
			json_array_append_new(instances,
					      json_text(documents->top.items[i].digest.text));
	}
	json_put(json, "instances", instances);
	event_json(json);
}

static int collect_of(struct collect *collect, const struct digest *digest, struct err *err)
{
	if (!digest_is_set(digest))
		return 0;
	if (collect->fetcher->registry == NULL)
		return 0;
	return collect_lookaside(collect, digest, err) < 0 ||
			       collect_attachments(collect, digest, err) < 0
		       ? -1
		       : 0;
}

int collect_signatures(struct fetcher *fetcher, struct err *err)
{
	struct collect collect = { .fetcher = fetcher,
				   .request =
					   json_at(fetcher->transfer->json, "signatures", NULL) };
	struct image_documents documents = { .top = { 0 } };
	int status = image_documents_find(fetcher, &documents, err);

	if (status == 0) {
		tell_subject(&documents);
		status = collect_of(&collect, &documents.manifest, err);
	}
	if (status == 0)
		status = collect_of(&collect, &documents.index, err);
	if (status == 0 && fetcher->registry == NULL && !fetcher->source_is_layout)
		status = collect_directory(&collect, err);
	manifest_release(&documents.top);
	return status;
}
