/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/manifest.c - manifests, indexes and configurations, parsed once and strictly
 */
#include "engine/image/manifest.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"

static const char *const layer_types[] = {
	"application/vnd.oci.image.layer.v1.tar",
	"application/vnd.oci.image.layer.v1.tar+gzip",
	"application/vnd.oci.image.layer.v1.tar+zstd",
	"application/vnd.docker.image.rootfs.diff.tar",
	"application/vnd.docker.image.rootfs.diff.tar.gzip",
	"application/vnd.docker.image.rootfs.diff.tar.zstd",
};

static const struct {
	const char *media_type;
	bool is_index;
} manifest_types[] = {
	{ MEDIA_OCI_MANIFEST, false },
	{ MEDIA_OCI_INDEX, true },
	{ MEDIA_DOCKER_MANIFEST, false },
	{ MEDIA_DOCKER_LIST, true },
};

static void descriptor_release(struct descriptor *descriptor)
{
	free(descriptor->media_type);
	free(descriptor->ref_name);
	platform_release(&descriptor->platform);
	*descriptor = (struct descriptor){ 0 };
}

void manifest_release(struct manifest *manifest)
{
	free(manifest->media_type);
	descriptor_release(&manifest->config);
	for (size_t i = 0; i < manifest->item_count; i++)
		descriptor_release(&manifest->items[i]);
	free(manifest->items);
	json_decref(manifest->json);
	*manifest = (struct manifest){ 0 };
}

/* 1 manifest or index of a kind that we know, 0 something else. */
static bool find_type(const char *media_type, bool *ret_is_index)
{
	for (size_t i = 0; media_type != NULL && i < ARRAY_SIZE(manifest_types); i++) {
		if (str_equal(manifest_types[i].media_type, media_type)) {
			*ret_is_index = manifest_types[i].is_index;
			return true;
		}
	}
	return false;
}

static int descriptor_parse(const json_t *json, const char *what, struct descriptor *ret,
			    struct err *err)
{
	const json_t *size = json_at(json, "size", NULL);
	const char *digest = json_get_string(json, NULL, "digest", NULL);
	const json_t *platform = json_at(json, "platform", NULL);

	if (!json_is_object(json) || digest == NULL || digest_parse(digest, &ret->digest) < 0)
		return err_set(err, ERR_CORRUPT,
			       "%s has a descriptor without a correct sha256 digest", what);
	if (!json_is_integer(size) || json_integer_value(size) < 0)
		return err_set(err, ERR_CORRUPT, "%s has a descriptor without a correct size",
			       what);

	ret->bytes = (uint64_t)json_integer_value(size);
	ret->media_type = xstrdup(json_get_string(json, "", "mediaType", NULL));
	ret->annotations = json_at(json, "annotations", NULL);
	ret->ref_name = xstrdup_null(json_get_string(json, NULL, "annotations",
						     "org.opencontainers.image.ref.name", NULL));
	if (json_is_object(platform)) {
		ret->platform.os = xstrdup(json_get_string(platform, "", "os", NULL));
		ret->platform.architecture =
			xstrdup(json_get_string(platform, "", "architecture", NULL));
		ret->platform.variant = xstrdup(json_get_string(platform, "", "variant", NULL));
	}
	return 0;
}

static int items_parse(const json_t *array, const char *what, struct manifest *manifest,
		       struct err *err)
{
	size_t count = json_array_size(array);
	size_t limit = manifest->is_index ? MANIFEST_ITEMS_MAX : MANIFEST_LAYERS_MAX;

	if (!json_is_array(array))
		return err_set(err, ERR_CORRUPT, "%s has no list of %s", what,
			       manifest->is_index ? "manifests" : "layers");
	if (count > limit)
		return err_set(err, ERR_LIMIT, "%s has %zu %s, more than %zu", what, count,
			       manifest->is_index ? "manifests" : "layers", limit);

	manifest->items = xcalloc(count + 1, sizeof(*manifest->items));
	for (size_t i = 0; i < count; i++) {
		manifest->item_count = i + 1;
		if (descriptor_parse(json_array_get(array, i), what, &manifest->items[i], err) < 0)
			return -1;
	}
	return 0;
}

/* What kind of document it is: its own word and the server's must agree, and both must agree with what is in it. */
static int decide_type(const json_t *json, const char *content_type, const char *what,
		       struct manifest *manifest, struct err *err)
{
	const char *own = json_get_string(json, NULL, "mediaType", NULL);
	bool has_layers =
		json_at(json, "layers", NULL) != NULL || json_at(json, "config", NULL) != NULL;
	bool has_manifests = json_at(json, "manifests", NULL) != NULL;
	bool is_index = has_manifests;

	if (json_at(json, "fsLayers", NULL) != NULL || json_at(json, "signatures", NULL) != NULL ||
	    json_get_int(json, 2, "schemaVersion", NULL) == 1) {
		if (has_layers || has_manifests)
			return err_set(err, ERR_CORRUPT, "%s is of two kinds at once", what);
		err_set(err, ERR_UNSUPPORTED, "%s has the outdated schema version 1", what);
		return err_hint(err, "Push the image again with a tool of this decade.");
	}
	if (json_get_int(json, 0, "schemaVersion", NULL) != 2)
		return err_set(err, ERR_CORRUPT, "%s is no image manifest: schemaVersion is not 2",
			       what);
	if (has_layers == has_manifests)
		return err_set(err, ERR_CORRUPT,
			       has_layers ? "%s is ambiguous: it has layers and manifests"
					  : "%s has neither layers nor manifests",
			       what);
	if (json_at(json, "mediaType", NULL) != NULL && own == NULL)
		return err_set(err, ERR_CORRUPT, "%s has a mediaType that is no text", what);

	/* a server of plain files knows no better than application/json: then the document's own word counts */
	if (!find_type(content_type, &is_index))
		content_type = NULL;
	if (own != NULL && content_type != NULL && !str_equal(own, content_type))
		return err_set(err, ERR_CORRUPT,
			       "%s is ambiguous: it was sent as '%s' but says '%.80s'", what,
			       content_type, own);
	if (own != NULL && !find_type(own, &is_index))
		return err_set(err, ERR_UNSUPPORTED, "%s is of the unknown kind '%.80s'", what,
			       own);
	if (own == NULL)
		own = content_type;
	if (own == NULL)
		own = has_manifests ? MEDIA_OCI_INDEX : MEDIA_OCI_MANIFEST;

	find_type(own, &is_index);
	if (is_index != has_manifests)
		return err_set(err, ERR_CORRUPT, "%s is ambiguous: '%s' does not fit what is in it",
			       what, own);
	manifest->is_index = is_index;
	manifest->media_type = xstrdup(own);
	return 0;
}

int manifest_parse(const char *text, size_t length, const char *content_type, const char *what,
		   struct manifest *ret_manifest, struct err *err)
{
	cleanup_manifest struct manifest manifest = { 0 };

	manifest.json = json_parse(text, length, what, err);
	if (manifest.json == NULL)
		return -1;
	if (decide_type(manifest.json, content_type, what, &manifest, err) < 0)
		return -1;
	if (!manifest.is_index && descriptor_parse(json_at(manifest.json, "config", NULL), what,
						   &manifest.config, err) < 0)
		return -1;
	if (items_parse(json_at(manifest.json, manifest.is_index ? "manifests" : "layers", NULL),
			what, &manifest, err) < 0)
		return -1;

	*ret_manifest = manifest;
	manifest = (struct manifest){ 0 };
	return 0;
}

/* An entry of an index that is an image, not a signature or an attestation. */
static bool is_candidate(const struct descriptor *item)
{
	bool is_index = false;

	if (!find_type(item->media_type, &is_index))
		return str_equal(item->media_type, "");
	return !is_index;
}

int manifest_choose(const struct manifest *index, const struct platform *want, const char *what,
		    const struct descriptor **ret_item, struct err *err)
{
	cleanup_strbuf struct strbuf wanted = STRBUF_INIT, have = STRBUF_INIT;
	const struct descriptor *best = NULL, *only = NULL;
	size_t candidates = 0;
	int best_rank = 0;

	for (size_t i = 0; i < index->item_count; i++) {
		const struct descriptor *item = &index->items[i];
		int rank = 0;

		if (!is_candidate(item))
			continue;
		if (item->platform.os == NULL) {
			candidates++;
			only = item;
			continue;
		}
		if (str_equal(item->platform.os, "unknown"))
			continue;
		candidates++;
		strbuf_adds(&have, have.length > 0 ? ", " : "");
		platform_format(&item->platform, &have);
		rank = platform_rank(&item->platform, want);
		if (rank > best_rank) {
			best_rank = rank;
			best = item;
		}
	}
	if (best == NULL && candidates == 1)
		best = only;
	if (best == NULL) {
		cleanup_strbuf struct strbuf shown = STRBUF_INIT;

		platform_format(want, &wanted);
		strbuf_add_escaped(&shown, have.data);
		return err_set(err, ERR_NOT_FOUND, "%s has no image for platform '%s' (it has: %s)",
			       what, wanted.data, shown.length > 0 ? shown.data : "none");
	}
	*ret_item = best;
	return 0;
}

static int check_layer(const struct descriptor *layer, const char *what, struct err *err)
{
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(layer_types); i++) {
		if (str_equal(layer->media_type, layer_types[i]))
			return 0;
	}
	if (strstr(layer->media_type, "+encrypted") != NULL)
		return err_set(err, ERR_UNSUPPORTED, "%s has an encrypted layer", what);
	if (strstr(layer->media_type, "foreign") != NULL ||
	    strstr(layer->media_type, "nondistributable") != NULL)
		return err_set(err, ERR_UNSUPPORTED,
			       "%s has a layer that is to be fetched from somewhere else", what);
	strbuf_add_escaped(&shown, layer->media_type);
	return err_set(err, ERR_UNSUPPORTED, "%s has a layer of the unknown kind '%.100s'", what,
		       shown.data);
}

int manifest_check_image(const struct manifest *manifest, const char *what, struct err *err)
{
	const char *config = manifest->config.media_type;

	if (!str_equal(config, MEDIA_OCI_CONFIG) && !str_equal(config, MEDIA_DOCKER_CONFIG)) {
		cleanup_strbuf struct strbuf shown = STRBUF_INIT;

		strbuf_add_escaped(&shown, config);
		return err_set(err, ERR_UNSUPPORTED, "%s is an artifact of kind '%.100s', no image",
			       what, shown.data);
	}
	if (manifest->config.bytes > JSON_LIMIT_BYTES)
		return err_set(err, ERR_LIMIT, "%s has a configuration of more than %u bytes", what,
			       JSON_LIMIT_BYTES);
	for (size_t i = 0; i < manifest->item_count; i++) {
		if (check_layer(&manifest->items[i], what, err) < 0)
			return -1;
	}
	return 0;
}

int config_diff_ids(const json_t *config, size_t layer_count, const char *what,
		    struct digest **ret_ids, struct err *err)
{
	const json_t *array = json_at(config, "rootfs", "diff_ids", NULL);
	cleanup_free struct digest *ids = xcalloc(layer_count + 1, sizeof(*ids));

	if (json_array_size(array) != layer_count)
		return err_set(err, ERR_CORRUPT,
			       "%s does not fit its configuration: %zu layers there, %zu here",
			       what, json_array_size(array), layer_count);
	for (size_t i = 0; i < layer_count; i++) {
		const char *text = json_string_value(json_array_get(array, i));

		if (text == NULL || digest_parse(text, &ids[i]) < 0)
			return err_set(err, ERR_CORRUPT,
				       "%s has a configuration with an incorrect diffID", what);
	}
	*ret_ids = TAKE_PTR(ids);
	return 0;
}

void config_platform(const json_t *config, struct platform *ret)
{
	ret->os = xstrdup(json_get_string(config, "", "os", NULL));
	ret->architecture = xstrdup(json_get_string(config, "", "architecture", NULL));
	ret->variant = xstrdup(json_get_string(config, "", "variant", NULL));
}
