/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_push.c - an image to a registry
 *
 * Blobs first, several at a time: what the registry has is not sent, what it has in another repository is mounted, the rest is uploaded.
 * The manifest is the last, so nobody sees half an image.
 *
 *	ASK (is it there?) -> BEGIN (or mount) -> SEND -> DONE			a blob that is known, read from the layout
 *		       BEGIN -> SEND -> COMMIT -> DONE				one that is made while it is sent
 *
 * The digest of a layer that still has to be compressed is known when its last byte has gone: so it is sent as it is made, and named at the
 * end, in COMMIT, if what came in was the layer that it should be (R12). Its tar comes from dhow over a socket, one pipe for each, in their
 * order, so one such layer is in work at a time; it keeps all processors busy by itself (pack.h). All other bytes are read from a layout
 * (layout.h) whose directory is the only thing of the store that this process can see.
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
#include "engine/image/pack.h"

#define TOLD_EACH_MS 100
#define FD_FEED	     TRANSFER_EXTRA_FD
#define STEP_MS	     1000
#define BLOBS_MAX    4096

enum upload_step { STEP_ASK, STEP_BEGIN, STEP_SEND, STEP_COMMIT, STEP_DONE };

struct push {
	struct fetcher *fetcher;
	const json_t *request; /* its member "push" */
	bool missing;	       /* a blob is neither here nor there */
};

/* One blob on its way. */
struct upload {
	struct push *push;
	enum upload_step step;
	struct digest digest; /* of one that is made: the diffID, and its own when it is sent */
	const json_t *make;   /* how it is made; NULL: it is a file of the layout */
	uint32_t number;      /* of what is made: its place in the request */
	const char *mount_from;
	int fd;
	uint64_t bytes;
	struct packer *packer;
	char *url; /* where the upload goes on */
	uint32_t tries;
	int64_t not_before_ms, told_at_ms;
	struct http_request request;
	bool requested;
	bool missing; /* done with, but it is not there */
};

/* ---- small requests -------------------------------------------------------------------------------------------------- */

/* Run to the end; 0 or -1 with its err. */
static int run(struct fetcher *fetcher, struct http_request *request, struct err *err)
{
	request->registry = fetcher->registry;
	http_request_start(fetcher->http, request);
	while (request->state != HTTP_DONE)
		http_step(fetcher->http, NULL, 0, STEP_MS);
	if (!request->ok)
		*err = request->err;
	return request->ok ? 0 : -1;
}

#define REQUEST(method_, rest_)                                                                    \
	{                                                                                          \
		.method = (method_), .rest = (rest_), .error_body = STRBUF_INIT, .upload_fd = -1   \
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

static int open_blob(struct push *push, const struct digest *digest, uint64_t *ret_bytes,
		     struct err *err)
{
	cleanup_free char *path = xasprintf("blobs/sha256/%s", digest_hex(digest));
	int fd = path_open_beneath(push->fetcher->source_dir_fd, path, O_RDONLY, 0);
	struct stat st;

	if (fd == -ENOENT)
		return err_set(err, ERR_NOT_FOUND, "there is no blob '%s'", digest->text);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, fd < 0 ? -fd : EIO, "cannot open blob '%s'", digest->text);
	*ret_bytes = (uint64_t)st.st_size;
	return fd;
}

/* ---- one blob -------------------------------------------------------------------------------------------------------- */

static void on_uploaded(struct http_request *request, uint64_t bytes)
{
	struct upload *upload = request->arg;
	int64_t now = http_now_ms();

	if (now - upload->told_at_ms < TOLD_EACH_MS)
		return;
	upload->told_at_ms = now;
	event_progress("bytes", &upload->digest, "done", bytes);
}

static ssize_t on_produce(struct http_request *request, void *data, size_t size)
{
	struct upload *upload = request->arg;

	return packer_read(upload->packer, data, size, &request->err);
}

static void upload_end_request(struct upload *upload)
{
	if (!upload->requested)
		return;
	if (upload->request.state != HTTP_DONE)
		http_request_cancel(upload->push->fetcher->http, &upload->request);
	http_request_release(&upload->request);
	upload->requested = false;
}

static void upload_release(struct upload *upload)
{
	upload_end_request(upload);
	packer_free(upload->packer);
	upload->packer = NULL;
	fd_close(&upload->fd);
	free(upload->url);
	upload->url = NULL;
}

/* The next tar that dhow sends, and what compresses it. */
static int start_packer(struct upload *upload, struct err *err)
{
	const char *kind = json_get_string(upload->make, "", "kind", NULL);
	int level = (int)json_get_int(upload->make, PACK_LEVEL_DEFAULT, "level", NULL);
	int number = pack_kind_parse(kind);
	int fds[1] = { -1 };
	char byte;

	if (number < 0)
		return err_set(err, ERR_USAGE, "the request has the unknown kind '%s'", kind);
	if (fd_receive(FD_FEED, &byte, 1, fds, 1) != 1 || fds[0] < 0)
		return err_set(err, ERR_FAILED, "layer '%.19s' could not be read",
			       upload->digest.text);
	packer_free(upload->packer);
	upload->packer = packer_new((enum pack_kind)number, level, fds[0]);
	return 0;
}

static char *with_digest(const struct upload *upload)
{
	return xasprintf("%s%cdigest=%s", upload->url, strchr(upload->url, '?') != NULL ? '&' : '?',
			 upload->digest.text);
}

static int prepare_send(struct upload *upload, struct http_request *request, struct err *err)
{
	request->upload_type = "application/octet-stream";
	request->uploaded = on_uploaded;
	request->once = true;
	if (upload->make != NULL) {
		request->method = "PATCH";
		request->absolute_url = xstrdup(upload->url);
		request->produce = on_produce;
		return start_packer(upload, err);
	}
	request->method = "PUT";
	request->absolute_url = with_digest(upload);
	request->upload_fd = upload->fd;
	request->upload_bytes = upload->bytes;
	return 0;
}

/* Send the request of the step that it is at. */
static int upload_ask(struct upload *upload, struct err *err)
{
	struct http_request *request = &upload->request;

	*request = (struct http_request)REQUEST(NULL, NULL);
	request->registry = upload->push->fetcher->registry;
	request->arg = upload;
	upload->requested = true;
	switch (upload->step) {
	case STEP_ASK:
		request->method = "HEAD";
		request->rest = xasprintf("blobs/%s", upload->digest.text);
		break;
	case STEP_BEGIN:
		request->method = "POST";
		request->rest = upload->make == NULL && *upload->mount_from != '\0'
					? xasprintf("blobs/uploads/?mount=%s&from=%s",
						    upload->digest.text, upload->mount_from)
					: xstrdup("blobs/uploads/");
		break;
	case STEP_SEND:
		if (prepare_send(upload, request, err) < 0) {
			request->state = HTTP_DONE;
			return -1;
		}
		break;
	default:
		request->method = "PUT";
		request->absolute_url = with_digest(upload);
		request->upload_type = "application/octet-stream";
		request->once = true;
	}
	http_request_start(upload->push->fetcher->http, request);
	return 0;
}

/* ---- what the registry says ------------------------------------------------------------------------------------------ */

static void upload_done(struct upload *upload, const char *event)
{
	event_progress(event, &upload->digest, "total", upload->bytes);
	upload->step = STEP_DONE;
}

/* Neither here nor there: its bytes have to be made, and dhow knows how. */
static int upload_missing(struct upload *upload)
{
	upload->missing = true;
	upload_done(upload, "missing");
	return 0;
}

static int asked(struct upload *upload, struct err *err)
{
	const struct http_request *request = &upload->request;

	if (request->ok) {
		upload_done(upload, "skipped");
		return 0;
	}
	if (request->status != 404) {
		*err = request->err;
		return -1;
	}
	upload->fd = open_blob(upload->push, &upload->digest, &upload->bytes, err);
	/* its digest is remembered: perhaps it can be mounted from where it is */
	if (upload->fd < 0 && err->kind == ERR_NOT_FOUND && *upload->mount_from == '\0')
		return upload_missing(upload);
	if (upload->fd < 0 && err->kind != ERR_NOT_FOUND)
		return -1;
	upload->step = STEP_BEGIN;
	event_progress("start", &upload->digest, "total", upload->bytes);
	return 0;
}

static int begun(struct upload *upload, struct err *err)
{
	const struct http_request *request = &upload->request;

	if (!request->ok) {
		*err = request->err;
		return -1;
	}
	if (request->status == 201) {
		upload_done(upload, "skipped");
		return 0;
	}
	if (upload->make == NULL && upload->fd < 0)
		return upload_missing(upload);
	free(upload->url);
	upload->url = resolve_location(request->registry, request->location);
	if (upload->url == NULL)
		return err_set(err, ERR_CORRUPT, "registry '%s' does not say where to upload to",
			       request->registry->name);
	if (upload->make != NULL)
		event_progress("start", &upload->digest, "total", 0);
	upload->step = STEP_SEND;
	return 0;
}

/* All of a layer that was made has been sent: is it the right one, and what is it called? */
static int made(struct upload *upload, struct err *err)
{
	struct digest input;
	char *next = resolve_location(upload->request.registry, upload->request.location);

	if (next != NULL) {
		free(upload->url);
		upload->url = next;
	}
	struct digest wanted = upload->digest;
	packer_result(upload->packer, &input, &upload->digest, &upload->bytes);
	if (!digest_equal(&input, &wanted)) {
		err_set(err, ERR_CORRUPT,
			"layer '%.19s' is not what it was: its tar is '%.19s' now", wanted.text,
			input.text);
		return err_hint(err, "Build or pull the image again.");
	}
	upload->step = STEP_COMMIT;
	return 0;
}

static int sent(struct upload *upload, struct err *err)
{
	const struct transfer_request *transfer = upload->push->fetcher->transfer;

	if (upload->request.ok && upload->make != NULL && upload->step == STEP_SEND)
		return made(upload, err);
	if (upload->request.ok) {
		if (upload->make != NULL)
			event_made(upload->number, &upload->digest, upload->bytes,
				   packer_annotations(upload->packer));
		upload_done(upload, "done");
		return 0;
	}
	*err = upload->request.err;
	/* a broken upload begins anew, session and all; what is made comes through a pipe, and dhow begins anew with it */
	if (upload->make != NULL || upload->tries >= transfer->retry ||
	    err->kind != ERR_UNAVAILABLE)
		return err_wrap(err, "cannot upload blob '%.19s'", upload->digest.text);
	upload->tries++;
	upload->not_before_ms = http_now_ms() + transfer->retry_delay_ms;
	upload->step = STEP_BEGIN;
	return 0;
}

static int upload_answered(struct upload *upload, struct err *err)
{
	int status = upload->step == STEP_ASK	  ? asked(upload, err)
		     : upload->step == STEP_BEGIN ? begun(upload, err)
						  : sent(upload, err);

	upload_end_request(upload);
	return status;
}

/* ---- all blobs ------------------------------------------------------------------------------------------------------- */

static int run_uploads(struct push *push, struct upload *uploads, size_t count, struct err *err)
{
	for (;;) {
		size_t done = 0, active = 0;
		bool making = false;

		for (size_t i = 0; i < count; i++) {
			struct upload *upload = &uploads[i];

			if (upload->step == STEP_DONE) {
				done++;
				continue;
			}
			if (active >= push->fetcher->transfer->parallel ||
			    (upload->make != NULL && making))
				continue;
			active++;
			making = making || upload->make != NULL;
			if (!upload->requested && http_now_ms() >= upload->not_before_ms &&
			    upload_ask(upload, err) < 0)
				return -1;
		}
		if (done == count)
			return 0;
		http_step(push->fetcher->http, NULL, 0, active > 0 ? STEP_MS / 10 : 0);
		for (size_t i = 0; i < count; i++) {
			if (uploads[i].requested && uploads[i].request.state == HTTP_DONE &&
			    upload_answered(&uploads[i], err) < 0)
				return -1;
		}
	}
}

/* An entry of "blobs" is a digest, or {"digest": D, "from": another repository that has it}. */
static int read_blob(struct upload *upload, const json_t *item, struct err *err)
{
	const char *text = json_string_value(item) ?: json_get_string(item, "", "digest", NULL);

	upload->mount_from = json_get_string(
		item, json_get_string(upload->push->request, "", "mountFrom", NULL), "from", NULL);
	if (digest_parse(text, &upload->digest) < 0)
		return err_set(err, ERR_USAGE, "the request has a wrong digest");
	return 0;
}

static int read_make(struct upload *upload, const json_t *item, uint32_t number, struct err *err)
{
	upload->make = item;
	upload->number = number;
	upload->step = STEP_BEGIN;
	upload->mount_from = "";
	if (digest_parse(json_get_string(item, "", "diffId", NULL), &upload->digest) < 0)
		return err_set(err, ERR_USAGE, "the request has a wrong digest");
	return 0;
}

static int push_blobs(struct push *push, struct err *err)
{
	const json_t *blobs = json_object_get(push->request, "blobs");
	const json_t *make = json_object_get(push->request, "make");
	size_t count = json_array_size(blobs) + json_array_size(make);
	cleanup_free struct upload *uploads = NULL;
	const json_t *item;
	int status = 0;
	size_t i;

	if (count > BLOBS_MAX)
		return err_set(err, ERR_USAGE, "the request has too many blobs");
	uploads = xcalloc(count + 1, sizeof(*uploads));
	for (i = 0; i < count; i++) {
		uploads[i].push = push;
		uploads[i].fd = -1;
	}
	/* what has to be made takes longest */
	json_array_foreach (make, i, item)
		status = status < 0 ? -1 : read_make(&uploads[i], item, (uint32_t)i, err);
	json_array_foreach (blobs, i, item)
		status =
			status < 0 ? -1 : read_blob(&uploads[json_array_size(make) + i], item, err);
	if (status == 0)
		status = run_uploads(push, uploads, count, err);
	for (i = 0; i < count; i++) {
		push->missing |= uploads[i].step == STEP_DONE && uploads[i].missing;
		upload_release(&uploads[i]);
	}
	return status;
}

int upload_blob(struct fetcher *fetcher, const struct digest *digest, int fd, uint64_t bytes,
		struct err *err)
{
	struct http_request ask = REQUEST("HEAD", xasprintf("blobs/%s", digest->text));
	struct http_request begin = REQUEST("POST", xstrdup("blobs/uploads/"));
	struct http_request send = REQUEST("PUT", NULL);
	struct upload upload = { .digest = *digest };
	int status = run(fetcher, &ask, err);
	bool is_there = status == 0;

	if (!is_there && ask.status == 404)
		status = run(fetcher, &begin, err);
	if (status == 0 && !is_there) {
		upload.url = resolve_location(fetcher->registry, begin.location);
		if (upload.url == NULL)
			status = err_set(err, ERR_CORRUPT,
					 "registry '%s' does not say where to upload to",
					 fetcher->registry->name);
	}
	if (upload.url != NULL) {
		send.absolute_url = with_digest(&upload);
		send.upload_fd = fd;
		send.upload_bytes = bytes;
		send.upload_type = "application/octet-stream";
		send.once = true;
		status = run(fetcher, &send, err);
	}
	http_request_release(&ask);
	http_request_release(&begin);
	http_request_release(&send);
	free(upload.url);
	return status;
}

int upload_manifest(struct fetcher *fetcher, const char *tag, const char *media_type, int fd,
		    uint64_t bytes, struct err *err)
{
	struct http_request request = REQUEST("PUT", xasprintf("manifests/%s", tag));
	int status;

	request.upload_fd = fd;
	request.upload_bytes = bytes;
	request.upload_type = media_type;
	status = run(fetcher, &request, err);
	http_request_release(&request);
	return status;
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
		status = run(push->fetcher, &request, err);
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
	const char *manifest = json_get_string(push.request, "", "manifest", NULL);
	struct digest digest;

	if (push_blobs(&push, err) < 0)
		return -1;
	/* the blobs only: dhow does not know yet what the manifest will say */
	if (*manifest == '\0' || push.missing)
		return 0;
	if (digest_parse(manifest, &digest) < 0)
		return err_set(err, ERR_USAGE, "the request has no manifest");
	if (push_manifest(&push, &digest, err) < 0)
		return -1;
	const json_t *list = json_object_get(push.request, "attachments");

	return list != NULL ? push_attachments(fetcher, &digest, list, err) : 0;
}

/* The registry's own answer to these credentials. */
int check_login(struct fetcher *fetcher, struct err *err)
{
	struct http_request request = REQUEST(NULL, xstrdup(""));
	int status = run(fetcher, &request, err);

	http_request_release(&request);
	return status;
}
