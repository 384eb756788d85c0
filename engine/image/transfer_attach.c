/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_attach.c - signatures of sigstore beside an image in a registry
 *
 * A manifest with the tag sha256-HEX.sig has one layer per signature: the payload is a blob, the signature an annotation. What is there
 * already stays. It is read, added to and written back; two writers at the same time can lose one of their signatures, as with every
 * other program, since a registry has no lock.
 */
#include "engine/image/transfer_fetcher.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/fd.h"
#include "base/json.h"
#include "engine/image/signature.h"
#include "storage/sha256.h"

#define CONFIG_TYPE "application/vnd.oci.image.config.v1+json"

/* Put bytes where an upload can read them. */
static int fill_scratch(struct fetcher *fetcher, const void *data, size_t length, struct err *err)
{
	int fd = fetcher->scratch_fd;

	if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0 ||
	    fd_write_full(fd, data, length) < 0)
		return err_sys(err, errno, "cannot keep what is to be uploaded");
	return 0;
}

static int send_blob(struct fetcher *fetcher, const void *data, size_t length,
		     struct digest *ret_digest, struct err *err)
{
	sha256_of(data, length, ret_digest);
	return fill_scratch(fetcher, data, length, err) < 0
		       ? -1
		       : upload_blob(fetcher, ret_digest, fetcher->scratch_fd, length, err);
}

static bool is_there(const json_t *layers, const struct digest *digest, const char *signature)
{
	for (size_t i = 0; i < json_array_size(layers); i++) {
		const json_t *layer = json_array_get(layers, i);

		if (str_equal(json_get_string(layer, "", "digest", NULL), digest->text) &&
		    str_equal(json_get_string(layer, "", "annotations",
					      SIGSTORE_SIGNATURE_ANNOTATION, NULL),
			      signature))
			return true;
	}
	return false;
}

static int add_layer(struct fetcher *fetcher, json_t *layers, const json_t *attachment,
		     struct err *err)
{
	const char *signature = json_get_string(attachment, "", "signature", NULL);
	const char *bundle = json_get_string(attachment, "", "bundle", NULL);
	cleanup_strbuf struct strbuf payload = STRBUF_INIT;
	json_t *layer, *annotations;
	struct digest digest;

	if (!base64_decode(json_get_string(attachment, "", "payload", NULL), &payload))
		return err_set(err, ERR_USAGE, "the request has a signature of nothing");
	if (send_blob(fetcher, payload.data, payload.length, &digest, err) < 0)
		return -1;
	if (is_there(layers, &digest, signature))
		return 0;
	layer = json_object();
	annotations = json_object();
	json_put_string(layer, "mediaType", SIGSTORE_PAYLOAD_MEDIA_TYPE);
	json_put_string(layer, "digest", digest.text);
	json_put_int(layer, "size", (int64_t)payload.length);
	json_put(layer, "annotations", annotations);
	json_put_string(annotations, SIGSTORE_SIGNATURE_ANNOTATION, signature);
	if (*bundle != '\0')
		json_put_string(annotations, SIGSTORE_BUNDLE_ANNOTATION, bundle);
	json_array_append_new(layers, layer);
	return 0;
}

/* The configuration of such a manifest says nothing but its layers once more. */
static int send_config(struct fetcher *fetcher, json_t *manifest, struct err *err)
{
	const json_t *layers = json_object_get(manifest, "layers");
	cleanup_json json_t *config = json_object();
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	json_t *rootfs = json_object(), *diff_ids = json_array(), *descriptor = json_object();
	struct digest digest;
	int status;

	json_put_string(config, "architecture", "");
	json_put_string(config, "os", "");
	json_put(config, "config", json_object());
	json_put(config, "rootfs", rootfs);
	json_put_string(rootfs, "type", "layers");
	json_put(rootfs, "diff_ids", diff_ids);
	for (size_t i = 0; i < json_array_size(layers); i++)
		json_array_append(diff_ids, json_object_get(json_array_get(layers, i), "digest"));
	json_print(config, 0, &text);
	status = send_blob(fetcher, text.data, text.length, &digest, err);
	json_put_string(descriptor, "mediaType", CONFIG_TYPE);
	json_put_string(descriptor, "digest", digest.text);
	json_put_int(descriptor, "size", (int64_t)text.length);
	json_put(manifest, "config", descriptor);
	return status;
}

int push_attachments(struct fetcher *fetcher, const struct digest *digest, const json_t *list,
		     struct err *err)
{
	cleanup_free char *tag = xasprintf("sha256-%s.sig", digest_hex(digest));
	cleanup_json json_t *manifest = NULL;
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	int found = fetch_attachments(fetcher, digest, &manifest, err);

	if (found < 0)
		return err_wrap(err, "cannot read the signatures that are there");
	if (found == 0 || !json_is_array(json_object_get(manifest, "layers"))) {
		json_decref(manifest);
		manifest = json_object();
		json_put_int(manifest, "schemaVersion", 2);
		json_put_string(manifest, "mediaType", MEDIA_OCI_MANIFEST);
		json_put(manifest, "layers", json_array());
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (add_layer(fetcher, json_object_get(manifest, "layers"), json_array_get(list, i),
			      err) < 0)
			return err_wrap(err, "cannot attach a signature");
	}
	if (send_config(fetcher, manifest, err) < 0)
		return err_wrap(err, "cannot attach a signature");
	json_print(manifest, 0, &text);
	if (fill_scratch(fetcher, text.data, text.length, err) < 0 ||
	    upload_manifest(fetcher, tag, MEDIA_OCI_MANIFEST, fetcher->scratch_fd, text.length,
			    err) < 0)
		return err_wrap(err, "cannot attach a signature");
	return 0;
}
