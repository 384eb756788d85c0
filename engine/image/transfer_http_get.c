/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_http_get.c - one small document in memory, with a limit
 */
#include "engine/image/transfer_http.h"

#include "base/alloc.h"

struct document {
	struct strbuf *body;
	size_t limit_bytes;
};

static int document_begin(struct http_request *request, long status, int64_t content_length)
{
	struct document *document = request->arg;

	strbuf_clear(document->body);
	if (content_length > (int64_t)document->limit_bytes) {
		request->final = true;
		return err_set(&request->err, ERR_LIMIT,
			       "registry '%s' sends a document of more than %zu bytes",
			       request->registry->name, document->limit_bytes);
	}
	return 0;
}

static int document_body(struct http_request *request, const void *data, size_t length)
{
	struct document *document = request->arg;

	if (document->body->length + length > document->limit_bytes) {
		request->final = true;
		return err_set(&request->err, ERR_LIMIT,
			       "registry '%s' sends a document of more than %zu bytes",
			       request->registry->name, document->limit_bytes);
	}
	strbuf_add(document->body, data, length);
	return 0;
}

/* rest or url */
static int get(struct http *http, struct registry *registry, const char *rest, const char *url,
	       const char *accept, size_t limit_bytes, struct strbuf *ret_body,
	       char **ret_content_type, char **ret_link, struct err *err)
{
	struct document document = { ret_body, limit_bytes };
	struct http_request request = {
		.registry = registry,
		.rest = xstrdup_null(rest),
		.absolute_url = xstrdup_null(url),
		.accept = accept,
		.upload_fd = -1,
		.begin = document_begin,
		.body = document_body,
		.arg = &document,
		.error_body = STRBUF_INIT,
	};
	bool ok = false;

	strbuf_clear(ret_body);
	http_request_start(http, &request);
	while (request.state != HTTP_DONE)
		http_step(http, NULL, 0, 1000);
	ok = request.ok;
	if (ok && ret_content_type != NULL)
		*ret_content_type = TAKE_PTR(request.content_type);
	if (ok && ret_link != NULL)
		*ret_link = TAKE_PTR(request.link);
	if (!ok)
		*err = request.err;
	http_request_release(&request);
	return ok ? 0 : -1;
}

int http_get(struct http *http, struct registry *registry, const char *rest, const char *accept,
	     size_t limit_bytes, struct strbuf *ret_body, char **ret_content_type, char **ret_link,
	     struct err *err)
{
	return get(http, registry, rest, NULL, accept, limit_bytes, ret_body, ret_content_type,
		   ret_link, err);
}

int http_get_url(struct http *http, struct registry *registry, const char *url, size_t limit_bytes,
		 struct strbuf *ret_body, struct err *err)
{
	return get(http, registry, NULL, url, NULL, limit_bytes, ret_body, NULL, NULL, err);
}
