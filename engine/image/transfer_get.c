/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_get.c - fetch one URL into a file: import, ADD (R14, R17)
 *
 * In a child that has the network, the file, and nothing else. http and https only, and never from https to http; no credentials of any
 * kind; a server that stalls is given up.
 */
#include "engine/image/transfer_private.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "rootless/sandbox.h"

#define FD_OUTPUT     TRANSFER_EXTRA_FD
#define REDIRECTS_MAX 10L
#define AGENT	      "dhow/" DHOW_VERSION
#define READ_DIRS_MAX 16

static const char *const read_paths[] = {
	"/etc",
	"/usr",
	"/lib",
	"/lib64",
	"/run/systemd/resolve",
	"/run/NetworkManager",
	"/run/resolvconf",
};

struct get {
	uint64_t bytes;
	int write_errno;
};

static size_t write_body(char *data, size_t size, size_t count, void *arg)
{
	struct get *get = arg;
	int status = fd_write_full(FD_OUTPUT, data, size * count);

	get->write_errno = -status;
	get->bytes += size * count;
	return status < 0 ? 0 : size * count;
}

static int confine(struct err *err)
{
	const int keep[] = { FD_OUTPUT, TRANSFER_EVENT_FD };
	int read_fds[READ_DIRS_MAX];
	struct sandbox sandbox = {
		.read_dir_fds = read_fds,
		.keep_fds = keep,
		.keep_fd_count = ARRAY_SIZE(keep),
		.allow_network = true,
		.allow_threads = true,
	};

	for (size_t i = 0; i < ARRAY_SIZE(read_paths); i++) {
		int fd = open(read_paths[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd >= 0)
			read_fds[sandbox.read_dir_count++] = fd;
	}
	return sandbox_enter(&sandbox, err) < 0 ? err_wrap(err, "cannot confine the fetcher") : 0;
}

static void set_proxies(const struct transfer_request *request)
{
	const char *name = NULL;
	json_t *value = NULL;

	json_object_foreach (json_at(request->json, "proxy", NULL), name, value) {
		if (json_string_value(value) != NULL)
			setenv(name, json_string_value(value), 1);
	}
}

static void set_options(CURL *easy, const struct transfer_request *request, const char *url,
			struct get *get)
{
	bool is_https = strncasecmp(url, "https:", 6) == 0;

	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, is_https ? "https" : "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(easy, CURLOPT_MAXREDIRS, REDIRECTS_MAX);
	curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)request->stall_timeout_s);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, 30L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, AGENT);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, write_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, get);
}

static int fetch(const struct transfer_request *request, const char *url, struct err *err)
{
	struct get get = { 0 };
	CURL *easy = curl_easy_init();
	CURLcode code = CURLE_OUT_OF_MEMORY;
	long status = 0;

	if (easy != NULL) {
		set_options(easy, request, url, &get);
		code = curl_easy_perform(easy);
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_cleanup(easy);
	}
	if (code == CURLE_OK)
		return 0;
	if (code == CURLE_WRITE_ERROR && get.write_errno != 0)
		return err_sys(err, get.write_errno, "cannot write what was fetched");
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;
	strbuf_add_escaped(&shown, url);
	if (code == CURLE_HTTP_RETURNED_ERROR)
		return err_set(err, status == 404 ? ERR_NOT_FOUND : ERR_UNAVAILABLE,
			       "cannot fetch '%s': the server answers %ld", shown.data, status);
	return err_set(err, ERR_UNAVAILABLE, "cannot fetch '%s': %s", shown.data,
		       curl_easy_strerror(code));
}

int get_main(const struct transfer_request *request)
{
	static const struct digest none = { "" };
	const char *url = json_get_string(request->source, "", "url", NULL);
	struct err err = { 0 };
	sigset_t set;

	/* nothing is staged here: a signal may end us */
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	set_proxies(request);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		err_set(&err, ERR_FAILED, "cannot start the HTTP client");
	else if (confine(&err) == 0 && fetch(request, url, &err) == 0) {
		event_result(&none, &none, 0);
		return 0;
	}
	event_error(&err);
	return 1;
}
