/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/list_push.c - a manifest list to a registry
 *
 * The images first, each by its digest, then the list by its tag: nobody can find a list whose images are not there. An image that the
 * repository has already is not even looked for here: a list of what a registry has is pushed back to it by one small document.
 */
#include "engine/image/list.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "engine/events.h"
#include "engine/image/push_private.h"

struct list_target {
	struct engine *engine;
	const struct list_push_request *request;
	json_t *source; /* the one endpoint */
};

static bool is_there(void *arg, const struct digest *digest)
{
	const struct list_target *target = arg;
	struct pull_result result = { .tags = STRV_INIT };
	cleanup_json json_t *request = NULL;
	json_t *source = json_copy(target->source);
	struct err ignored; /* whatever it is, the image is sent, and then it is said */

	json_put_string(source, "digest", digest->text);
	return pull_request(target->engine, "head", source, &target->request->opts->registry,
			    &request, &ignored) == 0 &&
	       pull_run(target->engine, request, NULL, NULL, &result, &ignored) == 0;
}

static int send_all(const struct list_target *target, const struct layout *layout,
		    const struct layout_list *list, const struct image_ref *name, struct err *err)
{
	struct push_send_request request = {
		.opts = target->request->opts,
		.layout = layout,
		.source = target->source,
		.progress = target->request->progress,
		.progress_arg = target->request->progress_arg,
	};

	for (size_t i = 0; i < list->count; i++) {
		request.image = &list->members[i];
		request.tag = list->members[i].manifest.text;
		if (push_send(target->engine, &request, err) < 0)
			return err_wrap(err, "cannot push image '%.19s' of the list", request.tag);
	}
	request.image = &list->self;
	request.tag = push_tag(name);
	return push_send(target->engine, &request, err);
}

int list_push(struct engine *engine, const struct list_push_request *request, const char *text,
	      struct digest *ret_digest, struct err *err)
{
	cleanup_image_ref struct image_ref name = { 0 };
	cleanup_json json_t *source = NULL;
	struct list_target target = { .engine = engine, .request = request };
	struct push form = { .engine = engine, .opts = request->opts };
	struct list_layout_request filling = {
		.list = request->list,
		.opts = &form.layout,
		.registry = &request->opts->registry,
		.all = request->all,
		.add_compression = request->add_compression,
		.is_there = is_there,
		.arg = &target,
		.progress = request->progress,
		.progress_arg = request->progress_arg,
	};
	struct layout_list list = { 0 };
	struct layout layout = LAYOUT_INIT;
	int status;

	if (push_read_form(&form, true, err) < 0 ||
	    push_target(engine, text, &request->opts->registry, &name, &source, err) < 0)
		return -1;
	target.source = source;
	status = layout_new(engine, &layout, err);
	if (status == 0)
		status = layout_add_list(engine, &layout, &filling, &list, err);
	if (status == 0)
		status = send_all(&target, &layout, &list, &name, err);
	if (status == 0)
		*ret_digest = list.self.manifest;
	layout_list_release(&list);
	layout_release(engine, &layout);
	return status;
}

int manifest_list_push(struct engine *engine, const char *text, const char *destination,
		       const struct manifest_list_push_opts *opts, progress_function progress,
		       void *progress_arg, struct digest *ret_digest, struct err *err)
{
	static const char *const files[] = { "oci:", "oci-archive:", "docker-archive:", "dir:" };
	cleanup_image struct image *list = NULL;
	cleanup_strv struct strv ignored = STRV_INIT;
	struct list_push_request request = {
		.opts = &opts->push,
		.all = opts->all != 0,
		.add_compression = &opts->add_compression,
		.progress = progress,
		.progress_arg = progress_arg,
	};
	bool to_file = false;
	int status;
	int found = manifest_list_find(engine, text, &list, err);

	if (found < 0)
		return -1;
	if (found == 0)
		return err_set(err, ERR_NOT_FOUND, "there is no manifest list '%s'", text);
	request.list = list;
	if (destination == NULL)
		destination = list->names.count > 0 ? list->names.items[0] : text;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		to_file |= str_after(destination, files[i]) != NULL;
	if (to_file && opts->all == 0)
		return err_set(err, ERR_USAGE,
			       "--all=false is for a registry that has the images: '%s' has none",
			       destination);
	if (to_file && opts->add_compression.count > 0)
		return err_set(err, ERR_USAGE, "--add-compression is for registries");
	if (to_file) {
		status = image_push(engine, text, destination, &opts->push, progress, progress_arg,
				    ret_digest, err);
	} else {
		status = list_push(engine, &request,
				   str_after(destination, "docker://") ?: destination, ret_digest,
				   err);
		if (status < 0)
			err_wrap(err, "cannot push list '%s' to '%s'", text, destination);
		else
			event_image(engine, EVENT_PUSH, list->config.text, destination);
	}
	if (status == 0 && opts->remove)
		status = image_remove(engine->store, list, &ignored, err);
	return status;
}
