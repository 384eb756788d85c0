/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/push_registry.c - send an image to a registry
 *
 * Layers that have no blob in the wanted form are compressed while they are sent. So there are up to three rounds, each of them one run of
 * libexec/dhow/transfer:
 *
 *	1. all blobs are known, here or by memory (layer_packed.h): they and the manifest are sent, and this is the only round, unless
 *	2. a layer was never compressed so, or the registry lacks a blob that is only remembered: their tars are made by a child, which
 *	   hands one pipe after the other to transfer; what comes out is remembered
 *	3. as 1
 *
 * Nothing is written to the disk for it but the manifest, and links to blobs.
 */
#include "engine/image/push_private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "engine/image/pull_private.h"
#include "engine/image/sign.h"
#include "storage/layer_make.h"
#include "storage/layer_packed.h"

#define ROUNDS_MAX 5

struct target {
	struct image_ref ref;
	const json_t *source; /* the registry, as a request has it */
};

/* ---- what is known about blobs --------------------------------------------------------------------------------------- */

static char *place_of(const struct image_ref *ref)
{
	return xasprintf("%s/%s", ref->registry, ref->path);
}

/* Another repository of the registry that has the layers, or had them. "" when none is known; yours. */
static char *mount_source(const struct image *image, const struct image_ref *target)
{
	for (size_t i = 0; i < image->digests.count; i++) {
		cleanup_image_ref struct image_ref ref = { 0 };
		struct err ignored; /* then it is no hint */

		if (image_ref_parse(image->digests.items[i], &ref, &ignored) == 0 &&
		    str_equal_null(ref.registry, target->registry) &&
		    !str_equal(ref.path, target->path))
			return xstrdup(ref.path);
	}
	return xstrdup("");
}

/* Where a blob was pushed to before, in this registry; "" when nowhere. Yours. */
static char *known_place(struct push *push, const struct digest *diff_id, const struct digest *blob,
			 const struct image_ref *target)
{
	cleanup_layer_packed struct layer_packed packed = { .places = STRV_INIT };

	if (layer_packed_find_blob(push->engine->store, diff_id, blob, &packed) == 0)
		return NULL;
	for (size_t i = packed.places.count; i-- > 0;) {
		const char *path = str_after(packed.places.items[i], target->registry);

		if (path != NULL && *path == '/' && !str_equal(path + 1, target->path))
			return xstrdup(path + 1);
	}
	return NULL;
}

static json_t *blobs_of(struct push *push, const struct layout_image *image,
			const struct image_ref *target)
{
	json_t *list = json_array();
	const json_t *layer;
	size_t i;

	json_array_foreach (json_object_get(image->json, "layers"), i, layer) {
		cleanup_free char *from = NULL;
		json_t *entry = json_object();
		struct digest blob;

		if (i < push->image->layer_count &&
		    digest_parse(json_get_string(layer, "", "digest", NULL), &blob) == 0)
			from = known_place(push, &push->image->layers[i].diff_id, &blob, target);
		json_put_string(entry, "digest", json_get_string(layer, "", "digest", NULL));
		if (from != NULL)
			json_put_string(entry, "from", from);
		json_array_append_new(list, entry);
	}
	json_array_append(list, json_at(image->json, "config", "digest", NULL));
	return list;
}

/* The registry has all of it now: the next push of the same layers to another repository can say so. */
static void note_places(struct push *push, const struct layout_image *image,
			const struct image_ref *target)
{
	cleanup_free char *place = place_of(target);
	const json_t *layer;
	size_t i;

	json_array_foreach (json_object_get(image->json, "layers"), i, layer) {
		struct layer_packed packed = {
			.level = -1,
			.bytes = (uint64_t)json_get_int(layer, 0, "size", NULL),
			.places = STRV_INIT,
		};

		if (i >= push->image->layer_count ||
		    digest_parse(json_get_string(layer, "", "digest", NULL), &packed.blob) < 0)
			continue;
		strv_add(&packed.places, place);
		layer_packed_note(push->engine->store, &push->image->layers[i].diff_id, &packed);
		strv_release(&packed.places);
	}
}

/* ---- requests -------------------------------------------------------------------------------------------------------- */

static int new_request(struct push *push, const struct target *target, const struct layout *layout,
		       json_t **ret_push, json_t **ret_request, struct err *err)
{
	cleanup_free char *path =
		xasprintf("%s/tmp/%s", push->engine->store->root_path, layout->staging.name);
	json_t *json = json_object();

	json_put(json, "path", json_text(path));
	if (pull_request(push->engine, "push", json_deep_copy(target->source),
			 &push->opts->registry, ret_request, err) < 0) {
		json_decref(json);
		return -1;
	}
	json_put(*ret_request, "push", json);
	*ret_push = json;
	return 0;
}

/* 1 all is there, the manifest too; 0 blobs are missing, their digests are in absent; -1 */
static int send_all(struct push *push, const struct target *target, const struct layout *layout,
		    const struct layout_image *image, const struct sign_made *signatures,
		    struct strv *absent, struct err *err)
{
	cleanup_free char *mount = mount_source(push->image, &target->ref);
	struct pull_result result = { .tags = STRV_INIT, .missing = STRV_INIT };
	cleanup_json json_t *request = NULL;
	const struct image_ref *ref = &target->ref;
	json_t *json = NULL;
	int status;

	if (new_request(push, target, layout, &json, &request, err) < 0)
		return -1;
	json_put_string(json, "manifest", image->manifest.text);
	json_put_string(json, "mediaType", image->media_type);
	json_put_string(json, "tag", push_tag(ref));
	json_put_string(json, "mountFrom", mount);
	if (signatures->attachments != NULL)
		json_put(json, "attachments", json_incref(signatures->attachments));
	json_put(json, "blobs", blobs_of(push, image, ref));
	status = pull_run(push->engine, request, push->progress, push->progress_arg, &result, err);
	if (status == 0)
		strv_add_all(absent, &result.missing);
	status = status < 0 ? -1 : result.missing.count == 0;
	pull_result_release(&result);
	if (status > 0)
		note_places(push, image, ref);
	return status;
}

/* ---- layers that have to be made ------------------------------------------------------------------------------------- */

/* In the child: one descriptor after the other, each written to its end. */
static void __attribute__((noreturn))
feed(struct push *push, const struct layout_pending_list *list, int socket_fd)
{
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t i = 0; i < list->count; i++) {
		const struct layout_pending *item = &list->items[i];
		struct err err;
		int pair[2];
		int status;

		if (item->fd >= 0) {
			if (lseek(item->fd, 0, SEEK_SET) < 0 ||
			    fd_send(socket_fd, "t", 1, &item->fd, 1) < 0)
				_exit(1);
			continue;
		}
		if (pipe2(pair, O_CLOEXEC) < 0)
			_exit(1);
		(void)fcntl(pair[1], F_SETPIPE_SZ, 1 << 20);
		status = fd_send(socket_fd, "t", 1, &pair[0], 1);
		close(pair[0]);
		if (status < 0)
			_exit(1);
		/* what comes out is compared with the layer's digest: a failure is seen there */
		if (layer_tar(push->engine->store, &item->diff_id, pair[1], &err) < 0)
			debug("%s", err.msg);
		close(pair[1]);
	}
	_exit(0);
}

static int start_feeder(struct push *push, const struct layout_pending_list *list, int *ret_fd,
			struct child *ret_child, struct err *err)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, errno, "cannot talk to 'transfer'");
	pid = fork();
	if (pid == 0) {
		close(pair[1]);
		feed(push, list, pair[0]);
	}
	close(pair[0]);
	if (pid < 0) {
		err_sys(err, errno, "cannot start a process that reads layers");
		close(pair[1]);
		return -1;
	}
	*ret_child = (struct child){ pid, -1 };
	*ret_fd = pair[1];
	return 0;
}

static json_t *make_list(const struct layout_pending_list *list)
{
	json_t *json = json_array();

	for (size_t i = 0; i < list->count; i++) {
		json_t *entry = json_object();

		json_put_string(entry, "kind", list->items[i].kind);
		json_put_int(entry, "level", list->items[i].level);
		json_put_string(entry, "diffId", list->items[i].diff_id.text);
		json_array_append_new(json, entry);
	}
	return json;
}

static void note_made(struct push *push, const struct target *target,
		      const struct layout_pending_list *list, const struct pull_result *result)
{
	cleanup_free char *place = place_of(&target->ref);

	for (size_t i = 0; i < list->count; i++) {
		struct layer_packed packed = {
			.kind = (char *)list->items[i].kind,
			.level = list->items[i].level,
			.blob = result->made[i].digest,
			.bytes = result->made[i].bytes,
			.annotations = result->made[i].annotations,
			.places = STRV_INIT,
		};

		if (!digest_is_set(&packed.blob))
			continue;
		strv_add(&packed.places, place);
		layer_packed_note(push->engine->store, &list->items[i].diff_id, &packed);
		strv_release(&packed.places);
	}
}

/* Compress and send what is on the list. What came to its end is remembered, also when something else failed. */
static int send_pending(struct push *push, const struct target *target, const struct layout *layout,
			const struct layout_pending_list *list, struct err *err)
{
	struct pull_result result = { .tags = STRV_INIT, .missing = STRV_INIT };
	cleanup_json json_t *request = NULL;
	cleanup_child struct child child = CHILD_INIT;
	cleanup_fd int feed_fd = -1;
	json_t *json = NULL;
	int status;

	if (new_request(push, target, layout, &json, &request, err) < 0 ||
	    start_feeder(push, list, &feed_fd, &child, err) < 0)
		return -1;
	json_put(json, "make", make_list(list));
	result.made = xcalloc(list->count + 1, sizeof(*result.made));
	result.made_count = list->count;
	status = pull_run_with(push->engine, request, &feed_fd, 1, push->progress,
			       push->progress_arg, &result, err);
	note_made(push, target, list, &result);
	pull_result_release(&result);
	return status;
}

/* ---- rounds ---------------------------------------------------------------------------------------------------------- */

/* 1 done, 0 another round, -1 */
static int one_round(struct push *push, const struct target *target, struct layout *layout,
		     struct strv *absent, struct layout_image *image, struct sign_made *signatures,
		     struct err *err)
{
	struct layout_pending_list pending = { NULL, 0 };
	struct layout_opts opts = push->layout;
	int status;

	opts.pending = &pending;
	opts.absent = absent;
	status = layout_add(push->engine, layout, push->image, &opts, image, err);
	if (status == 0 && pending.count > 0) {
		status = send_pending(push, target, layout, &pending, err);
		strv_clear(absent);
	} else if (status == 0 && digest_is_set(&target->ref.digest) &&
		   !digest_equal(&target->ref.digest, &image->manifest)) {
		status = err_set(err, ERR_USAGE, "the image has the digest '%s', not '%s'",
				 image->manifest.text, target->ref.digest.text);
	} else if (status == 0) {
		/* all but the manifest may be there by now: nobody sees an image that could not be signed */
		if (!digest_equal(&signatures->manifest, &image->manifest))
			status = sign_make(push->engine, &push->opts->sign, &target->ref,
					   &image->manifest, NULL, signatures, err);
		if (status == 0)
			status = send_all(push, target, layout, image, signatures, absent, err);
	}
	layout_pending_release(&pending);
	return status;
}

/* A layer that is compressed on its way cannot be sent again from its middle: the round is tried again. */
static bool may_go_on(const struct push *push, const struct err *err, int64_t tries)
{
	return err->kind == ERR_UNAVAILABLE && tries < push->opts->registry.retry;
}

static int send_image(struct push *push, const struct target *target, struct err *err)
{
	cleanup_strv struct strv absent = STRV_INIT;
	cleanup_sign_made struct sign_made signatures = SIGN_MADE_INIT;
	struct layout_image image = { .json = NULL };
	struct layout layout = LAYOUT_INIT;
	int64_t tries = 0;
	int status;

	if (layout_new(push->engine, &layout, err) < 0)
		return -1;
	for (int round = 0;; round++) {
		layout_image_release(&image);
		status = one_round(push, target, &layout, &absent, &image, &signatures, err);
		if (status > 0)
			break;
		if (status < 0 && !may_go_on(push, err, tries++))
			break;
		if (status == 0 && round >= ROUNDS_MAX) {
			status = err_set(err, ERR_UNAVAILABLE,
					 "registry '%s' loses what it has been sent",
					 target->ref.registry);
			break;
		}
	}
	*push->ret_digest = image.manifest;
	layout_image_release(&image);
	layout_release(push->engine, &layout);
	return status < 0 ? -1 : sign_store(&signatures, NULL, err);
}

int push_to_registry(struct push *push, const char *text, struct err *err)
{
	struct target target = { .source = NULL };
	json_t *source = NULL;
	int status;

	if (push_read_form(push, true, err) < 0)
		return -1;
	status = push_target(push->engine, text, &push->opts->registry, &target.ref, &source, err);
	target.source = source;
	if (status == 0)
		status = send_image(push, &target, err);
	json_decref(source);
	image_ref_release(&target.ref);
	return status;
}
