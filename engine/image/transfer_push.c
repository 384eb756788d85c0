/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_push.c - an image to a registry
 *
 * Blobs first: what the registry has is not sent, what it has in another repository is mounted, the rest is uploaded in one piece. The
 * manifest is the last, so nobody sees half an image. All is read from a layout (layout.h) whose directory is the only thing of the
 * store that this process can see.
 */
#include "engine/image/transfer_fetcher.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"

#define TOLD_EACH_MS 100

struct push {
	struct fetcher *fetcher;
	const json_t *request;	   /* its member "push" */
	const struct digest *blob; /* that is being sent */
	int64_t told_at_ms;
};

static void on_uploaded(struct http_request *request, uint64_t bytes)
{
	struct push *push = request->arg;
	int64_t now = http_now_ms();

	if (now - push->told_at_ms < TOLD_EACH_MS)
		return;
	push->told_at_ms = now;
	event_progress("bytes", push->blob, "done", bytes);
}

/* Run to the end; 0 or -1 with its err. */
static int run(struct push *push, struct http_request *request, struct err *err)
{
	request->registry = push->fetcher->registry;
	request->arg = push;
	http_request_start(push->fetcher->http, request);
	while (request->state != HTTP_DONE)
		http_step(push->fetcher->http, NULL, 0, 1000);
	if (!request->ok)
		*err = request->err;
	return request->ok ? 0 : -1;
}

#define REQUEST(method_, rest_)                                                                    \
	{                                                                                          \
		.method = (method_), .rest = (rest_), .error_body = STRBUF_INIT, .upload_fd = -1   \
	}

/* 1 the registry has it, 0 not, -1 */
static int is_there(struct push *push, const char *rest, const char *accept, struct err *err)
{
	struct http_request request = REQUEST("HEAD", xstrdup(rest));
	int status;

	request.accept = accept;
	status = run(push, &request, err);
	if (status == 0)
		status = 1;
	else if (request.status == 404)
		status = 0;
	http_request_release(&request);
	return status;
}

/* "/v2/...", or a whole URL, as the registry says where to go on; yours, or NULL. */
static char *resolve_location(const struct registry *registry, const char *location)
{
	cleanup_free char *base = registry_url(registry, "");
	struct origin origin = { 0 };
	char *path;

	if (location == NULL)
		return NULL;
	if (*location != '/') {
		bool good = origin_parse(location, &origin);

		origin_release(&origin);
		return good ? xstrdup(location) : NULL;
	}
	/* behind "https://" comes the host, and then the path */
	path = strchr(strstr(base, "//") + 2, '/');
	return xasprintf("%.*s%s", (int)(path - base), base, location);
}

/* Ask for an upload, or for a mount from another repository: 1 it is there now, 0 go on at *ret_url, -1 */
static int begin_upload(struct push *push, const struct digest *digest, char **ret_url,
			struct err *err)
{
	const char *from = json_get_string(push->request, "", "mountFrom", NULL);
	char *rest = *from != '\0'
			     ? xasprintf("blobs/uploads/?mount=%s&from=%s", digest->text, from)
			     : xstrdup("blobs/uploads/");
	struct http_request request = REQUEST("POST", rest);
	int status = run(push, &request, err);

	if (status == 0 && request.status == 201)
		status = 1;
	else if (status == 0) {
		*ret_url = resolve_location(push->fetcher->registry, request.location);
		if (*ret_url == NULL)
			status = err_set(err, ERR_CORRUPT,
					 "registry '%s' does not say where to upload to",
					 push->fetcher->registry->name);
	}
	http_request_release(&request);
	return status;
}

static int open_blob(struct push *push, const struct digest *digest, uint64_t *ret_bytes,
		     struct err *err)
{
	cleanup_free char *path = xasprintf("blobs/sha256/%s", digest_hex(digest));
	int fd = path_open_beneath(push->fetcher->source_dir_fd, path, O_RDONLY, 0);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, fd < 0 ? -fd : EIO, "cannot open blob '%s'", digest->text);
	*ret_bytes = (uint64_t)st.st_size;
	return fd;
}

static int upload(struct push *push, const struct digest *digest, int fd, uint64_t bytes,
		  struct err *err)
{
	struct http_request request = REQUEST("PUT", NULL);
	cleanup_free char *url = NULL;
	int status = begin_upload(push, digest, &url, err);

	if (status != 0)
		return status;
	request.absolute_url =
		xasprintf("%s%cdigest=%s", url, strchr(url, '?') != NULL ? '&' : '?', digest->text);
	request.upload_fd = fd;
	request.upload_bytes = bytes;
	request.upload_type = "application/octet-stream";
	request.uploaded = on_uploaded;
	request.once = true;
	status = run(push, &request, err);
	http_request_release(&request);
	return status;
}

static bool may_pass(const struct err *err)
{
	return err->kind == ERR_UNAVAILABLE;
}

static int push_blob(struct push *push, const struct digest *digest, struct err *err)
{
	cleanup_free char *rest = xasprintf("blobs/%s", digest->text);
	cleanup_fd int fd = -1;
	uint64_t bytes = 0;
	int status = is_there(push, rest, NULL, err);

	if (status < 0)
		return -1;
	if (status > 0) {
		event_progress("skipped", digest, "total", 0);
		return 0;
	}
	fd = open_blob(push, digest, &bytes, err);
	if (fd < 0)
		return -1;
	push->blob = digest;
	event_progress("start", digest, "total", bytes);
	/* a broken upload begins anew, session and all */
	for (uint32_t try = 0;; try++) {
		status = upload(push, digest, fd, bytes, err);
		if (status >= 0 || try >= push->fetcher->transfer->retry || !may_pass(err))
			break;
		usleep((useconds_t)push->fetcher->transfer->retry_delay_ms * 1000);
	}
	if (status < 0)
		return err_wrap(err, "cannot upload blob '%.19s'", digest->text);
	event_progress("done", digest, "total", bytes);
	return 0;
}

static int push_manifest(struct push *push, const struct digest *digest, struct err *err)
{
	const char *tag = json_get_string(push->request, "", "tag", NULL);
	struct http_request request = REQUEST("PUT", xasprintf("manifests/%s", tag));
	cleanup_fd int fd = open_blob(push, digest, &request.upload_bytes, err);
	int status = -1;

	request.upload_fd = fd;
	request.upload_type = json_get_string(push->request, "", "mediaType", NULL);
	if (fd >= 0) {
		event_text("text", "Writing manifest to image destination");
		status = run(push, &request, err);
		if (status < 0)
			err_wrap(err, "cannot upload the manifest");
	}
	http_request_release(&request);
	return status;
}

int push_image(struct fetcher *fetcher, struct err *err)
{
	struct push push = { .fetcher = fetcher,
			     .request = json_at(fetcher->transfer->json, "push", NULL) };
	const json_t *item;
	struct digest digest;
	size_t i;

	json_array_foreach (json_object_get(push.request, "blobs"), i, item) {
		if (digest_parse(json_string_value(item) ?: "", &digest) < 0)
			return err_set(err, ERR_USAGE, "the request has a wrong digest");
		if (push_blob(&push, &digest, err) < 0)
			return -1;
	}
	if (digest_parse(json_get_string(push.request, "", "manifest", NULL), &digest) < 0)
		return err_set(err, ERR_USAGE, "the request has no manifest");
	return push_manifest(&push, &digest, err);
}

/* The registry's own answer to these credentials. */
int check_login(struct fetcher *fetcher, struct err *err)
{
	struct push push = { .fetcher = fetcher };
	struct http_request request = REQUEST(NULL, xstrdup(""));
	int status = run(&push, &request, err);

	http_request_release(&request);
	return status;
}
