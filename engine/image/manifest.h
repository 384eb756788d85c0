/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/manifest.h - manifests, indexes and configurations, parsed once and strictly (private; R12)
 *
 * OCI image manifest and index, docker schema 2 manifest and list. A document that can be read in two ways is refused: both
 * `layers` and `manifests`, a mediaType that is not the one of the server, duplicate keys. `urls` of descriptors are not even read.
 */
#ifndef ENGINE_IMAGE_MANIFEST_H
#define ENGINE_IMAGE_MANIFEST_H

#include "base/digest.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct strbuf;

#define MANIFEST_LAYERS_WARN 127
#define MANIFEST_LAYERS_MAX  512
#define MANIFEST_ITEMS_MAX   4096

#define MEDIA_OCI_MANIFEST	"application/vnd.oci.image.manifest.v1+json"
#define MEDIA_OCI_INDEX		"application/vnd.oci.image.index.v1+json"
#define MEDIA_OCI_CONFIG	"application/vnd.oci.image.config.v1+json"
#define MEDIA_DOCKER_MANIFEST	"application/vnd.docker.distribution.manifest.v2+json"
#define MEDIA_DOCKER_LIST	"application/vnd.docker.distribution.manifest.list.v2+json"
#define MEDIA_DOCKER_CONFIG	"application/vnd.docker.container.image.v1+json"
#define MEDIA_DOCKER_MANIFEST_1 "application/vnd.docker.distribution.manifest.v1+json"
/* of a layer that is not compressed */
#define MEDIA_OCI_LAYER	   "application/vnd.oci.image.layer.v1.tar"
#define MEDIA_DOCKER_LAYER "application/vnd.docker.image.rootfs.diff.tar"

struct platform {
	char *os, *architecture, *variant; /* "" when unset; never NULL in a parsed one */
};
void platform_release(struct platform *platform);
/** "linux/arm/v7" */
void platform_format(const struct platform *platform, struct strbuf *out);
/** "OS", "OS/ARCH", "OS/ARCH/VARIANT" or "ARCH", with the usual other names ("x86_64", "aarch64", "armhf"). ERR_USAGE. */
int platform_parse(const char *text, struct platform *ret, struct err *err);
/** This machine's. */
void platform_here(struct platform *ret);
/** Replace other names of an architecture by Go's, and a missing variant of arm by v7. */
void platform_normalize(struct platform *platform);
/**
 * How well a platform serves one that is wanted: 0 not at all, higher is better. No variant wanted or had is fine; an arm machine runs
 * what was made for an older one.
 */
int platform_rank(const struct platform *have, const struct platform *want);

struct descriptor {
	struct digest digest;
	uint64_t bytes;
	char *media_type;
	struct platform platform;  /* of a manifest in an index; members NULL when there is none */
	char *ref_name;		   /* annotation org.opencontainers.image.ref.name, or NULL */
	const json_t *annotations; /* borrowed from the manifest's json; NULL: none */
};

struct manifest {
	bool is_index;
	char *media_type; /* what it is, also when the document does not say so itself */
	struct descriptor config;
	struct descriptor *items; /* layers, lowest first, or the manifests of an index */
	size_t item_count;
	json_t *json;
};
void manifest_release(struct manifest *manifest);
#define cleanup_manifest __attribute__((cleanup(manifest_release)))

/**
 * Parse and check. ERR_CORRUPT when it is not what it must be, ERR_UNSUPPORTED for kinds that we cannot use.
 * @param content_type  what the server or the descriptor says it is, or NULL
 * @param what          for messages: "manifest 'sha256:...'"
 */
int manifest_parse(const char *text, size_t length, const char *content_type, const char *what,
		   struct manifest *ret_manifest, struct err *err);
/** The entry of an index that serves the platform best. ERR_NOT_FOUND names those that there are. */
int manifest_choose(const struct manifest *index, const struct platform *want, const char *what,
		    const struct descriptor **ret_item, struct err *err);
/** Check that it is an image whose layers can be had: kinds of config and layers, their number, encrypted and foreign ones. */
int manifest_check_image(const struct manifest *manifest, const char *what, struct err *err);

/** The diffIDs of a configuration, one per layer: ERR_CORRUPT when the number differs. *ret_ids is the caller's to free. */
int config_diff_ids(const json_t *config, size_t layer_count, const char *what,
		    struct digest **ret_ids, struct err *err);
/** Platform of a configuration. */
void config_platform(const json_t *config, struct platform *ret);

#endif
