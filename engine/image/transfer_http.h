/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_http.h - the HTTP client of the fetcher (private; R17)
 *
 * Many requests at once on one curl multi handle. Redirects, authentication and retries are our own:
 *
 *	- protocols: https, and http only for a registry that was declared insecure; never from https to http
 *	- Authorization is made per request and goes to the registry's own origin (scheme, host, port) only; a new easy handle
 *	  per try, so nothing of one server can leak to another; no netrc, no cookies, no curl authentication
 *	- client certificates go to the registry's own origin only; its extra CAs are trusted wherever it redirects us
 *	- tokens are asked for over https (or at the insecure http registry itself)
 *
 * Calling sequence: http_new(), then per transfer http_request_start() and http_step() until request->state is HTTP_DONE.
 */
#ifndef ENGINE_IMAGE_TRANSFER_HTTP_H
#define ENGINE_IMAGE_TRANSFER_HTTP_H

#include "base/strbuf.h"
#include "engine/image/transfer_private.h"

#include <curl/curl.h>

struct http;
struct http_request;

/** A registry that we talk to: how to reach it, and what it has asked for so far. */
struct registry {
	char *name; /* as in the reference: "docker.io", "localhost:5000" */
	char *path; /* repository */
	bool insecure;
	const char *username, *password, *identity_token; /* borrowed from the request */
	struct strbuf extra_ca;				  /* PEM of certs.d */
	char *client_cert, *client_key;			  /* paths, or NULL */
	bool plain_http;				  /* found out: it speaks http */
	bool scheme_known;
	char *authorization; /* value of the header, or NULL */
	bool token_pending;  /* somebody is asking for one */
	unsigned generation; /* counts the values of authorization */
	struct err auth_err; /* why there is none */
	bool auth_failed;
};
int registry_init(struct registry *registry, const json_t *endpoint, struct err *err);
void registry_release(struct registry *registry);
/** "https://host:port/v2/PATH/" and rest; yours. */
char *registry_url(const struct registry *registry, const char *rest);
/** True when the URL has the registry's own scheme, host and port: only there go its credentials. */
bool registry_owns_url(const struct registry *registry, const char *url);
/** Scheme, host and port. */
struct origin {
	char *scheme, *host, *port;
};
/** Of an http or https URL that we may fetch; one with a user in it is none. */
bool origin_parse(const char *url, struct origin *ret);
void origin_release(struct origin *origin);

enum http_state { HTTP_ACTIVE, HTTP_WAIT_RETRY, HTTP_WAIT_AUTH, HTTP_DONE };

struct http_request {
	/* the caller's */
	struct registry *registry;
	char *rest;		 /* path below the repository; owned */
	char *token_url;	 /* set for requests to a token server instead; owned */
	char *post_fields;	 /* owned; NULL: GET */
	char *own_authorization; /* of a token request; owned */
	const char *accept;
	bool no_auth_retry;
	const char *
		method; /* "HEAD", "POST" (without a body), "PUT"; NULL: GET, or POST of post_fields */
	char *absolute_url; /* instead of rest: where an upload goes on; owned */
	int upload_fd;	    /* PUT: the body, from its start */
	uint64_t upload_bytes;
	const char *upload_type;					/* its Content-Type */
	void (*uploaded)(struct http_request *request, uint64_t bytes); /* so far; may be NULL */
	/* instead of upload_fd: the next bytes of a body whose size nobody knows yet; 0 at its end, -1 with request->err set */
	ssize_t (*produce)(struct http_request *request, void *data, size_t size);
	bool once; /* an upload is not tried again by itself: its session is gone */
	/* called before each try; sets range_from */
	void (*prepare)(struct http_request *request);
	/* status is 2xx: look at headers; -1 with request->err set ends the request */
	int (*begin)(struct http_request *request, long status, int64_t content_length);
	/* body bytes of a 2xx answer; -1 with request->err set ends the request */
	int (*body)(struct http_request *request, const void *data, size_t length);
	void (*done)(struct http_request *request); /* may be NULL */
	void *arg;
	uint64_t range_from; /* 0: the whole */
	uint64_t range_to;   /* the byte behind the last; 0: to the end. With range_from only */
	unsigned retries;    /* -1: as the transfer says */
	/* the client's */
	enum http_state state;
	bool ok;       /* when done */
	bool final;    /* err must not be retried */
	bool progress; /* this try gave bytes */
	struct err err;
	long status;
	char *content_type; /* without parameters */
	char *link;	    /* Link header */
	char *location;	    /* Location header */
	char *digest;	    /* Docker-Content-Digest header */
	uint64_t upload_at;
	char *url;	 /* where it is now */
	bool own_origin; /* url is the registry's */
	unsigned redirects, failures, auth_tries, generation;
	int64_t retry_at_ms, retry_after_ms;
	struct strbuf error_body;
	char *challenge;
	bool began;
	CURL *easy;
	struct curl_slist *headers;
	struct http_request *next;
};
void http_request_release(struct http_request *request);

struct http_settings {
	uint32_t retry;
	int64_t retry_delay_ms, stall_timeout_s;
	bool retry_delay_grows;
};
struct http *http_new(const struct http_settings *settings);
void http_free(struct http *http);
void http_request_start(struct http *http, struct http_request *request);
/** Take it back, whatever it is doing. */
void http_request_cancel(struct http *http, struct http_request *request);
/** Work, and wait at most timeout_ms for one of these descriptors or the network. */
void http_step(struct http *http, struct curl_waitfd *fds, unsigned fd_count, int timeout_ms);
/** One small document: runs until it is there. -1 with err. */
int http_get(struct http *http, struct registry *registry, const char *rest, const char *accept,
	     size_t limit_bytes, struct strbuf *ret_body, char **ret_content_type, char **ret_link,
	     struct err *err);
/** The same of any URL; registry says how far it is trusted. */
int http_get_url(struct http *http, struct registry *registry, const char *url, size_t limit_bytes,
		 struct strbuf *ret_body, struct err *err);
int64_t http_now_ms(void);

/* transfer_http_error.c: fill request->err, and tell whether another try may help */

void http_set_status_error(struct http_request *request);
void http_set_curl_error(struct http_request *request, CURLcode code);
bool http_status_may_pass(long status);
bool http_error_may_pass(CURLcode code);
/** Who answered: "registry 'a.test'", or "server 'HOST:PORT'" where the registry sent us. */
void http_add_server_name(const struct http_request *request, struct strbuf *out);

/* transfer_auth.c */

/** A 401 came with this challenge: make registry->authorization, at once or by a token request that is started. */
void auth_handle(struct http *http, struct registry *registry, const char *challenge);
/** One challenge of a WWW-Authenticate header, for tests and fuzzing. */
struct challenge {
	char *scheme; /* lower case */
	char *realm, *service, *scope, *error;
};
/** The first challenge of this scheme in the header: true and filled. */
bool challenge_parse(const char *header, const char *scheme, struct challenge *ret);
void challenge_release(struct challenge *challenge);

#endif
