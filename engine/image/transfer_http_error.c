/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_http_error.c - what went wrong with a request, in words for people, and whether it may pass
 *
 * Texts of servers are shown, because "manifest unknown" helps; escaped and cut, because they come from a stranger (R11).
 */
#include "engine/image/transfer_http.h"

#include <string.h>

#include "base/json.h"

/* What the server says about it, for people: its JSON error message, else nothing. */
static void add_server_text(const struct http_request *request, struct strbuf *out)
{
	struct err ignored; /* no JSON: then there is no text */
	cleanup_json json_t *json = NULL;
	const json_t *first = NULL;
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (request->error_body.length == 0)
		return;
	json = json_parse(request->error_body.data, request->error_body.length, "answer", &ignored);
	if (json == NULL)
		return;
	first = json_array_get(json_at(json, "errors", NULL), 0);
	strbuf_add_escaped(&text, json_get_string(first, json_get_string(json, "", "details", NULL),
						  "message", NULL));
	if (text.length > 256)
		strbuf_truncate(&text, 256);
	if (text.length > 0)
		strbuf_addf(out, ": %s", text.data);
}

/* Who answered, for messages: the registry, or the host that it sent us to. */
void http_add_server_name(const struct http_request *request, struct strbuf *out)
{
	struct origin origin = { 0 };

	if (request->own_origin || !origin_parse(request->url, &origin)) {
		strbuf_addf(out, "registry '%s'", request->registry->name);
		return;
	}
	strbuf_adds(out, "server '");
	strbuf_add_escaped(out, origin.host);
	strbuf_addf(out, ":%s'", origin.port);
	origin_release(&origin);
}

void http_set_status_error(struct http_request *request)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_strbuf struct strbuf server = STRBUF_INIT;
	long status = request->status;
	enum err_kind kind = status >= 500 || status == 429 ? ERR_UNAVAILABLE : ERR_FAILED;

	http_add_server_name(request, &server);
	add_server_text(request, &text);
	if (status == 404)
		err_set(&request->err, ERR_NOT_FOUND, "%s does not have it%s", server.data,
			text.data);
	else if (status == 401)
		err_set(&request->err, ERR_AUTH, "%s wants authentication%s", server.data,
			text.data);
	else if (status == 403)
		err_set(&request->err, ERR_DENIED, "%s denies access%s", server.data, text.data);
	else if (status == 429)
		err_set(&request->err, kind, "%s says that there were too many requests%s",
			server.data, text.data);
	else
		err_set(&request->err, kind, "%s answers with status %ld%s", server.data, status,
			text.data);
}

static bool is_certificate_error(CURLcode code)
{
	return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_ISSUER_ERROR ||
	       code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CERTPROBLEM;
}

void http_set_curl_error(struct http_request *request, CURLcode code)
{
	cleanup_strbuf struct strbuf server = STRBUF_INIT;
	struct err *err = &request->err;
	long os_errno = 0;

	http_add_server_name(request, &server);
	curl_easy_getinfo(request->easy, CURLINFO_OS_ERRNO, &os_errno);
	if (is_certificate_error(code)) {
		long result = 0;

		curl_easy_getinfo(request->easy, CURLINFO_SSL_VERIFYRESULT, &result);
		/* curl leaves 1 there when the chain is good and the name is not */
		bool other_name = result == 0 || result == 1;

		err_set(err, ERR_DENIED, "the certificate of %s is not trusted: %s", server.data,
			other_name     ? "it is for another name"
			: result == 10 ? "it has expired"
			: result == 18 ? "it is self-signed"
				       : "unknown certificate authority");
		if (other_name || result == 10)
			return;
		err_hint(
			err,
			"Put the certificate of its authority into ~/.config/containers/certs.d/%s/"
			"ca.crt.",
			request->registry->name);
		return;
	}
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		err_set(err, ERR_UNAVAILABLE, "cannot find the address of %s", server.data);
		return;
	case CURLE_COULDNT_CONNECT:
		if (os_errno != 0)
			err_sys(err, (int)os_errno, "cannot connect to %s", server.data);
		else
			err_set(err, ERR_UNAVAILABLE, "cannot connect to %s", server.data);
		err->kind = ERR_UNAVAILABLE;
		return;
	case CURLE_OPERATION_TIMEDOUT:
		err_set(err, ERR_UNAVAILABLE, "%s is too slow or does not answer", server.data);
		return;
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		err_set(err, ERR_UNAVAILABLE, "%s broke the connection off", server.data);
		return;
	case CURLE_SSL_CONNECT_ERROR:
		err_set(err, ERR_UNAVAILABLE, "cannot speak TLS with %s", server.data);
		err_hint(err, "If it has none, declare it insecure in registries.conf.");
		return;
	case CURLE_WRITE_ERROR:
		err_set(err, ERR_LIMIT, "%s sends an endless error message", server.data);
		return;
	case CURLE_UNSUPPORTED_PROTOCOL:
		err_set(err, ERR_DENIED, "%s is not reached by https", server.data);
		return;
	default:
		err_set(err, ERR_UNAVAILABLE, "cannot talk to %s: %s", server.data,
			curl_easy_strerror(code));
	}
}

bool http_status_may_pass(long status)
{
	return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
	       status == 504;
}

bool http_error_may_pass(CURLcode code)
{
	return code == CURLE_OPERATION_TIMEDOUT || code == CURLE_PARTIAL_FILE ||
	       code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR || code == CURLE_GOT_NOTHING ||
	       code == CURLE_HTTP2 || code == CURLE_HTTP2_STREAM;
}
