/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_http.c - the HTTP client of the fetcher
 *
 * A request goes through tries. A try is one curl easy handle; what it ends with decides: done, a redirect (a new try at another
 * URL), 401 (wait for an authorization, then a new try), something that may pass (wait, then a new try), or a failure. A
 * try that made progress gives the count of failures back: a server that cuts every connection half way only costs time.
 */
#include "engine/image/transfer_http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/parse.h"

#define REDIRECTS_MAX	   10
#define ERROR_BODY_MAX	   (64U << 10)
#define CONNECT_TIMEOUT_S  30L
#define LOW_SPEED_BYTES	   512L
#define RETRY_AFTER_MAX_MS 60000
#define RETRY_DELAY_MAX_MS 60000

#define RECEIVE_BUFFER_BYTES (512L << 10)
#define UPLOAD_BUFFER_BYTES  (1L << 20)
#define CONNECTIONS_PER_HOST 8L
#define TRY_AUTH_MAX	     2
#define HEADER_MAX	     8192

struct http {
	CURLM *multi;
	struct http_settings settings;
	struct http_request *requests; /* all that are not done */
};

int64_t http_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct http *http_new(const struct http_settings *settings)
{
	struct http *http = xcalloc(1, sizeof(*http));

	http->settings = *settings;
	http->multi = curl_multi_init();
	if (http->multi == NULL)
		abort();
	curl_multi_setopt(http->multi, CURLMOPT_MAX_HOST_CONNECTIONS, CONNECTIONS_PER_HOST);
	return http;
}

void http_free(struct http *http)
{
	if (http == NULL)
		return;
	while (http->requests != NULL)
		http_request_cancel(http, http->requests);
	curl_multi_cleanup(http->multi);
	free(http);
}

/* ---- what the server sends ------------------------------------------------------------------------------------------ */

/* The value of a header line if it has this name; yours. */
static char *header_value(const char *line, size_t length, const char *name)
{
	size_t name_length = strlen(name);

	if (length <= name_length || strncasecmp(line, name, name_length) != 0 ||
	    line[name_length] != ':')
		return NULL;
	line += name_length + 1;
	length -= name_length + 1;
	while (length > 0 && (*line == ' ' || *line == '\t')) {
		line++;
		length--;
	}
	while (length > 0 && strchr(" \t\r\n", line[length - 1]) != NULL)
		length--;
	return xstrndup(line, length);
}

static void keep_header(char **member, char *value)
{
	if (value == NULL)
		return;
	free(*member);
	*member = value;
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
	struct http_request *request = arg;
	size_t length = size * count;
	char *value = NULL;

	if (length > HEADER_MAX)
		return length;
	if (length > 5 && strncmp(data, "HTTP/", 5) == 0) {
		/* a further answer on this connection: forget the headers of the one before */
		free(request->content_type);
		free(request->challenge);
		free(request->link);
		free(request->location);
		free(request->digest);
		request->content_type = request->challenge = request->link = NULL;
		request->location = request->digest = NULL;
		return length;
	}
	value = header_value(data, length, "content-type");
	if (value != NULL)
		value[strcspn(value, "; \t")] = '\0';
	keep_header(&request->content_type, value);
	keep_header(&request->link, header_value(data, length, "link"));
	keep_header(&request->location, header_value(data, length, "location"));
	keep_header(&request->digest, header_value(data, length, "docker-content-digest"));

	value = header_value(data, length, "www-authenticate");
	if (value != NULL && request->challenge != NULL) {
		char *both = xasprintf("%s, %s", request->challenge, value);

		free(value);
		value = both;
	}
	keep_header(&request->challenge, value);

	value = header_value(data, length, "retry-after");
	if (value != NULL) {
		uint32_t seconds = 0;

		if (parse_u32(value, &seconds) == 0)
			request->retry_after_ms = (int64_t)seconds * 1000;
		free(value);
	}
	return length;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct http_request *request = arg;
	size_t length = size * count;
	curl_off_t content_length = -1;

	if (request->status == 0)
		curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &request->status);
	if (request->status < 200 || request->status > 299) {
		/* the text of an error, or of a redirect */
		if (request->error_body.length + length > ERROR_BODY_MAX)
			return CURL_WRITEFUNC_ERROR;
		strbuf_add(&request->error_body, data, length);
		return length;
	}
	if (!request->began) {
		request->began = true;
		curl_easy_getinfo(request->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T,
				  &content_length);
		if (request->begin != NULL &&
		    request->begin(request, request->status, content_length) < 0)
			return CURL_WRITEFUNC_ERROR;
	}
	request->progress = true;
	if (request->body == NULL) /* of an upload: what the server says to it is of no interest */
		return length;
	if (request->body(request, data, length) < 0)
		return CURL_WRITEFUNC_ERROR;
	return length;
}

static size_t on_upload(char *data, size_t size, size_t count, void *arg)
{
	struct http_request *request = arg;
	uint64_t left = request->upload_bytes - request->upload_at;
	size_t room = size * count;
	ssize_t got;

	if (request->produce != NULL) {
		got = request->produce(request, data, room);
		if (got < 0) {
			request->final = request->began = true;
			return CURL_READFUNC_ABORT;
		}
	} else if (left == 0) {
		return 0;
	} else {
		if (left < room)
			room = (size_t)left;
		do {
			got = pread(request->upload_fd, data, room, (off_t)request->upload_at);
		} while (got < 0 && errno == EINTR);
		if (got < 0 || (got == 0 && room > 0))
			return CURL_READFUNC_ABORT;
	}
	request->upload_at += (uint64_t)got;
	if (request->uploaded != NULL)
		request->uploaded(request, request->upload_at);
	return (size_t)got;
}

/* ---- a try ---------------------------------------------------------------------------------------------------------- */

static void set_tls(CURL *easy, const struct http_request *request)
{
	const struct registry *registry = request->registry;

	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (registry->insecure) {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	} else {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	}
	if (registry->extra_ca.length > 0) {
		struct curl_blob blob = { .data = registry->extra_ca.data,
					  .len = registry->extra_ca.length,
					  .flags = CURL_BLOB_NOCOPY };

		/* beside the system's, which are in the hashed directory */
		curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
		curl_easy_setopt(easy, CURLOPT_CAPATH, "/etc/ssl/certs");
	}
	if (request->own_origin && registry->client_cert != NULL) {
		curl_easy_setopt(easy, CURLOPT_SSLCERT, registry->client_cert);
		curl_easy_setopt(easy, CURLOPT_SSLKEY, registry->client_key);
	}
}

static void add_header(struct http_request *request, const char *text)
{
	struct curl_slist *list = curl_slist_append(request->headers, text);

	if (list == NULL)
		abort();
	request->headers = list;
}

static void set_headers(CURL *easy, struct http_request *request)
{
	const char *authorization = request->own_authorization;

	if (request->accept != NULL) {
		cleanup_free char *accept = xasprintf("Accept: %s", request->accept);

		add_header(request, accept);
	}
	if (request->own_origin && request->token_url == NULL)
		authorization = request->registry->authorization;
	if (request->upload_type != NULL) {
		cleanup_free char *type = xasprintf("Content-Type: %s", request->upload_type);

		add_header(request, type);
		add_header(request, "Expect:");
	}
	if (authorization != NULL) {
		cleanup_free char *header = xasprintf("Authorization: %s", authorization);

		add_header(request, header);
		explicit_bzero(header, strlen(header));
	}
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->headers);
}

static void set_method(CURL *easy, struct http_request *request)
{
	if (request->post_fields != NULL) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->post_fields);
	} else if (request->method == NULL) {
		return;
	} else if (str_equal(request->method, "HEAD")) {
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	} else if (str_equal(request->method, "POST")) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 0L);
		curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, "");
	} else {
		request->upload_at = 0;
		curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER_BYTES);
		/* a size that nobody knows: in chunks */
		if (request->produce == NULL)
			curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE,
					 (curl_off_t)request->upload_bytes);
		if (!str_equal(request->method, "PUT"))
			curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
		curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_upload);
		curl_easy_setopt(easy, CURLOPT_READDATA, request);
	}
}

static void start_try(struct http *http, struct http_request *request)
{
	CURL *easy = curl_easy_init();
	bool may_http = request->registry->insecure;

	if (easy == NULL)
		abort();
	request->easy = easy;
	request->status = 0;
	request->began = request->progress = false;
	request->retry_after_ms = 0;
	request->generation = request->registry->generation;
	request->state = HTTP_ACTIVE;
	strbuf_clear(&request->error_body);
	if (request->prepare != NULL)
		request->prepare(request);

	curl_easy_setopt(easy, CURLOPT_URL, request->url);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, may_http ? "https,http" : "https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "dhow/" DHOW_VERSION);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, LOW_SPEED_BYTES);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)http->settings.stall_timeout_s);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, RECEIVE_BUFFER_BYTES);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, request);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
	set_method(easy, request);
	if (request->range_from > 0) {
		char range[48];

		if (request->range_to > 0)
			snprintf(range, sizeof(range), "%llu-%llu",
				 (unsigned long long)request->range_from,
				 (unsigned long long)request->range_to - 1);
		else
			snprintf(range, sizeof(range), "%llu-",
				 (unsigned long long)request->range_from);
		curl_easy_setopt(easy, CURLOPT_RANGE, range);
	}
	set_tls(easy, request);
	set_headers(easy, request);
	if (curl_multi_add_handle(http->multi, easy) != CURLM_OK)
		abort();
}

static void end_try(struct http *http, struct http_request *request)
{
	if (request->easy != NULL) {
		curl_multi_remove_handle(http->multi, request->easy);
		curl_easy_cleanup(request->easy);
		request->easy = NULL;
	}
	curl_slist_free_all(request->headers);
	request->headers = NULL;
}

static void unlink_request(struct http *http, struct http_request *request)
{
	struct http_request **link = &http->requests;

	while (*link != NULL && *link != request)
		link = &(*link)->next;
	if (*link == request)
		*link = request->next;
	request->next = NULL;
}

static void finish(struct http *http, struct http_request *request, bool ok)
{
	end_try(http, request);
	unlink_request(http, request);
	request->state = HTTP_DONE;
	request->ok = ok;
	if (request->done != NULL)
		request->done(request);
}

void http_request_start(struct http *http, struct http_request *request)
{
	free(request->url);
	request->url = request->token_url != NULL ? xstrdup(request->token_url)
		       : request->absolute_url != NULL
			       ? xstrdup(request->absolute_url)
			       : registry_url(request->registry, request->rest);
	request->own_origin = registry_owns_url(request->registry, request->url);
	request->redirects = request->failures = request->auth_tries = 0;
	request->ok = request->final = false;
	request->next = http->requests;
	http->requests = request;
	start_try(http, request);
}

void http_request_cancel(struct http *http, struct http_request *request)
{
	end_try(http, request);
	unlink_request(http, request);
	request->state = HTTP_DONE;
	request->ok = false;
}

void http_request_release(struct http_request *request)
{
	free(request->rest);
	free(request->token_url);
	if (request->post_fields != NULL)
		explicit_bzero(request->post_fields, strlen(request->post_fields));
	free(request->post_fields);
	if (request->own_authorization != NULL)
		explicit_bzero(request->own_authorization, strlen(request->own_authorization));
	free(request->own_authorization);
	free(request->content_type);
	free(request->link);
	free(request->location);
	free(request->digest);
	free(request->absolute_url);
	free(request->url);
	free(request->challenge);
	strbuf_release(&request->error_body);
}

/* ---- the end of a try ----------------------------------------------------------------------------------------------- */

/* Something that may pass: wait and try again, or give up with request->err. */
static void retry_or_fail(struct http *http, struct http_request *request, bool may_pass)
{
	const struct http_settings *settings = &http->settings;
	int64_t delay_ms = settings->retry_delay_ms;

	if (request->progress)
		request->failures = 0;
	if (!may_pass || request->final || request->once || request->failures >= settings->retry) {
		finish(http, request, false);
		return;
	}
	for (unsigned i = 0; settings->retry_delay_grows && i < request->failures; i++)
		delay_ms = delay_ms * 2 > RETRY_DELAY_MAX_MS ? RETRY_DELAY_MAX_MS : delay_ms * 2;
	request->failures++;
	if (request->retry_after_ms > delay_ms)
		delay_ms = request->retry_after_ms > RETRY_AFTER_MAX_MS ? RETRY_AFTER_MAX_MS
									: request->retry_after_ms;
	end_try(http, request);
	/* from the top: a URL that we were sent to may be too old by then */
	if (request->token_url == NULL && request->absolute_url == NULL) {
		free(request->url);
		request->url = registry_url(request->registry, request->rest);
		request->own_origin = true;
		request->redirects = 0;
	}
	request->state = HTTP_WAIT_RETRY;
	request->retry_at_ms = http_now_ms() + delay_ms;
}

static void redirect(struct http *http, struct http_request *request)
{
	cleanup_strbuf struct strbuf server = STRBUF_INIT;
	struct origin from = { 0 }, to = { 0 };
	char *target = NULL;

	http_add_server_name(request, &server);
	curl_easy_getinfo(request->easy, CURLINFO_REDIRECT_URL, &target);
	if (target == NULL || !origin_parse(target, &to)) {
		err_set(&request->err, ERR_CORRUPT, "%s redirects to nowhere", server.data);
	} else if (++request->redirects > REDIRECTS_MAX) {
		err_set(&request->err, ERR_LIMIT, "%s redirects more than %d times", server.data,
			REDIRECTS_MAX);
	} else if (request->token_url != NULL) {
		/* it was asked with a password: it must answer itself */
		err_set(&request->err, ERR_DENIED, "the token server of %s redirects", server.data);
	} else if (origin_parse(request->url, &from) && str_equal(from.scheme, "https") &&
		   str_equal(to.scheme, "http")) {
		err_set(&request->err, ERR_DENIED, "%s redirects from https to http", server.data);
	} else {
		char *url = xstrdup(target);

		end_try(http, request);
		free(request->url);
		request->url = url;
		request->own_origin = registry_owns_url(request->registry, url);
		origin_release(&from);
		origin_release(&to);
		start_try(http, request);
		return;
	}
	origin_release(&from);
	origin_release(&to);
	finish(http, request, false);
}

static void unauthorized(struct http *http, struct http_request *request)
{
	struct registry *registry = request->registry;
	bool outdated = request->generation != registry->generation;

	if (request->token_url != NULL || !request->own_origin ||
	    request->auth_tries >= TRY_AUTH_MAX) {
		http_set_status_error(request);
		finish(http, request, false);
		return;
	}
	if (!outdated)
		request->auth_tries++;
	end_try(http, request);
	request->state = HTTP_WAIT_AUTH;
	registry->auth_failed = false;
	/* another request may have been told the same a moment ago */
	if (!registry->token_pending && !outdated) {
		bool had_one = registry->authorization != NULL;

		if (had_one && strncmp(registry->authorization, "Basic ", 6) == 0) {
			err_set(&request->err, ERR_AUTH,
				"registry '%s' refuses authentication: invalid user name or "
				"password",
				registry->name);
			finish(http, request, false);
			return;
		}
		auth_handle(http, registry, request->challenge);
	}
}

/* An insecure registry that does not speak TLS: it is asked by http from now on. */
static bool fall_back_to_http(struct http *http, struct http_request *request, CURLcode code)
{
	struct registry *registry = request->registry;

	/* found out by another request while this one was on its way */
	bool known = registry->plain_http && strncmp(request->url, "https:", 6) == 0;

	if (!registry->insecure || (registry->scheme_known && !known) || !request->own_origin ||
	    request->token_url != NULL)
		return false;
	if (code != CURLE_SSL_CONNECT_ERROR && code != CURLE_COULDNT_CONNECT &&
	    code != CURLE_GOT_NOTHING && code != CURLE_RECV_ERROR)
		return false;
	registry->scheme_known = registry->plain_http = true;
	end_try(http, request);
	free(request->url);
	request->url = registry_url(registry, request->rest);
	start_try(http, request);
	return true;
}

static void try_ended(struct http *http, struct http_request *request, CURLcode code)
{
	curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &request->status);
	if (request->status > 0 && request->own_origin)
		request->registry->scheme_known = true;

	/* our own callbacks said no, and why */
	if ((code == CURLE_WRITE_ERROR || code == CURLE_ABORTED_BY_CALLBACK) && request->began) {
		retry_or_fail(http, request, !request->final);
		return;
	}
	if (code != CURLE_OK) {
		if (fall_back_to_http(http, request, code))
			return;
		http_set_curl_error(request, code);
		retry_or_fail(http, request,
			      http_error_may_pass(code) ||
				      (code == CURLE_COULDNT_CONNECT && request->range_from > 0));
		return;
	}
	if (request->status >= 300 && request->status < 400) {
		redirect(http, request);
	} else if (request->status == 401) {
		unauthorized(http, request);
	} else if (request->status < 200 || request->status > 299) {
		http_set_status_error(request);
		retry_or_fail(http, request, http_status_may_pass(request->status));
	} else if (!request->began && request->begin != NULL &&
		   request->begin(request, request->status, 0) < 0) {
		/* an empty body: begin() was not called yet */
		retry_or_fail(http, request, !request->final);
	} else {
		finish(http, request, true);
	}
}

/* ---- the loop -------------------------------------------------------------------------------------------------------- */

/* Requests whose time has come, or whose authorization. Returns how long the next one waits, at most limit_ms. */
static int wake_requests(struct http *http, int limit_ms)
{
	int64_t now = http_now_ms();

again:
	for (struct http_request *request = http->requests; request != NULL;
	     request = request->next) {
		struct registry *registry = request->registry;

		if (request->state == HTTP_WAIT_RETRY) {
			if (request->retry_at_ms <= now) {
				start_try(http, request);
				limit_ms = 0;
			} else if (request->retry_at_ms - now < limit_ms)
				limit_ms = (int)(request->retry_at_ms - now);
		} else if (request->state == HTTP_WAIT_AUTH && !registry->token_pending) {
			if (registry->auth_failed) {
				request->err = registry->auth_err;
				finish(http, request, false);
				limit_ms = 0; /* the caller wants to know */
				goto again;
			}
			start_try(http, request);
			limit_ms = 0;
		}
	}
	return limit_ms;
}

void http_step(struct http *http, struct curl_waitfd *fds, unsigned fd_count, int timeout_ms)
{
	int running = 0, left = 0;
	CURLMsg *message = NULL;

	timeout_ms = wake_requests(http, timeout_ms);
	curl_multi_perform(http->multi, &running);
	while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
		struct http_request *request = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request);
		try_ended(http, request, message->data.result);
		timeout_ms = 0; /* what it ended may let the caller go on */
	}
	curl_multi_poll(http->multi, fds, fd_count, timeout_ms, NULL);
}
