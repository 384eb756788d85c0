/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_fetcher.c - the half of transfer that has the network
 *
 * Before it reads the first byte from outside it reads certificates, loads its libraries, and enters the sandbox: the system's
 * configuration and libraries may be read (name service, certificates), no file may be written, no program executed. Then it
 * tries the endpoints in their order (mirrors come first) until one gives the image.
 */
#include "engine/image/transfer_fetcher.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "rootless/sandbox.h"
#include "storage/sha256.h"

#define ENDPOINTS_MAX 64
#define READ_DIRS_MAX 128
#define TAGS_MAX      100000
#define TAG_PAGES_MAX 1000

#if defined(__SANITIZE_ADDRESS__)
#define MEMORY_BYTES 0 /* the sanitizer reserves terabytes of address space */
#else
#define MEMORY_BYTES (1ULL << 30)
#endif

/* libraries, the resolver's files, certificates; what is missing is left out */
static const char *const read_paths[] = {
	"/etc",
	"/usr",
	"/lib",
	"/lib64",
	"/run/systemd/resolve",
	"/run/NetworkManager",
	"/run/resolvconf",
	"/run/nscd",
	"/var/lib/ca-certificates",
};

/* ---- confinement ------------------------------------------------------------------------------------------------------ */

static void add_read_path(int *fds, size_t *count, const char *path)
{
	int fd = *count < READ_DIRS_MAX ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd >= 0)
		fds[(*count)++] = fd;
}

static int confine(struct fetcher *fetcher, struct err *err)
{
	const json_t *endpoints = json_at(fetcher->transfer->source, "endpoints", NULL);
	int keep[4] = { fetcher->supervisor_fd, TRANSFER_EVENT_FD };
	bool is_push = str_equal(fetcher->transfer->op, "push");
	int read_fds[READ_DIRS_MAX];
	struct sandbox sandbox = {
		.read_dir_fds = read_fds,
		.keep_fds = keep,
		.keep_fd_count = 2,
		.memory_limit_bytes = MEMORY_BYTES,
		.allow_network = true,
		.allow_threads = true,
	};
	cleanup_free char *resolver = realpath("/etc/resolv.conf", NULL);

	/* brings layers that are to be pushed; for others it is no descriptor */
	if (is_push)
		keep[sandbox.keep_fd_count++] = TRANSFER_EXTRA_FD;
	if (fetcher->scratch_fd >= 0)
		keep[sandbox.keep_fd_count++] = fetcher->scratch_fd;
	if (fetcher->source_dir_fd >= 0)
		read_fds[sandbox.read_dir_count++] = fetcher->source_dir_fd;
	for (size_t i = 0; i < ARRAY_SIZE(read_paths); i++)
		add_read_path(read_fds, &sandbox.read_dir_count, read_paths[i]);
	if (resolver != NULL && strrchr(resolver, '/') > resolver) {
		*strrchr(resolver, '/') = '\0';
		add_read_path(read_fds, &sandbox.read_dir_count, resolver);
	}
	for (size_t i = 0; i < json_array_size(endpoints); i++) {
		const json_t *dirs = json_at(json_array_get(endpoints, i), "certDirs", NULL);

		for (size_t k = 0; k < json_array_size(dirs); k++)
			add_read_path(read_fds, &sandbox.read_dir_count,
				      json_string_value(json_array_get(dirs, k)));
	}
	if (sandbox_enter(&sandbox, err) < 0)
		return err_wrap(err, "cannot confine the fetcher");
	return 0;
}

/* proxies come in the request, not in the environment that others may look at (R18) */
static void set_proxies(const struct transfer_request *request)
{
	const json_t *proxies = json_at(request->json, "proxy", NULL);
	const char *name = NULL;
	json_t *value = NULL;

	json_object_foreach ((json_t *)proxies, name, value) {
		if (json_string_value(value) != NULL)
			setenv(name, json_string_value(value), 1);
	}
}

/* ---- tags -------------------------------------------------------------------------------------------------------------- */

char *next_page(const char *link, const char *word)
{
	const char *start = NULL, *end = NULL;

	if (link == NULL || *link != '<' || strstr(link, "rel=\"next\"") == NULL)
		return NULL;
	end = strchr(link, '>');
	start = strstr(link, word);
	if (end == NULL || start == NULL || start > end)
		return NULL;
	return xstrndup(start, (size_t)(end - start));
}

static int fetch_tags(struct fetcher *fetcher, struct err *err)
{
	cleanup_free char *page = xstrdup("tags/list?n=1000");
	size_t total = 0;

	for (size_t i = 0; page != NULL; i++) {
		cleanup_strbuf struct strbuf text = STRBUF_INIT;
		cleanup_json json_t *json = NULL;
		cleanup_free char *link = NULL;
		json_t *tags = NULL;

		if (i >= TAG_PAGES_MAX || total > TAGS_MAX)
			return err_set(err, ERR_LIMIT, "the list of tags does not end");
		if (http_get(fetcher->http, fetcher->registry, page, NULL, JSON_LIMIT_BYTES, &text,
			     NULL, &link, err) < 0)
			return -1;
		json = json_parse(text.data, text.length, "list of tags", err);
		if (json == NULL)
			return -1;
		tags = json_at(json, "tags", NULL);
		total += json_array_size(tags);
		/* in pieces, so that lines stay short */
		for (size_t at = 0; at < json_array_size(tags); at += 1000) {
			cleanup_json json_t *piece = json_array();

			for (size_t k = at; k < json_array_size(tags) && k < at + 1000; k++)
				json_array_append(piece, json_array_get(tags, k));
			event_tags(piece);
		}
		free(page);
		page = next_page(link, "tags/list");
	}
	return 0;
}

/* ---- images ------------------------------------------------------------------------------------------------------------ */

static int registry_top(struct fetcher *fetcher, struct strbuf *ret_text, char **ret_content_type,
			struct err *err)
{
	const json_t *source = fetcher->transfer->source;
	const char *digest = json_get_string(source, "", "digest", NULL);
	const char *tag = json_get_string(source, "", "tag", NULL);
	cleanup_free char *rest = xasprintf("manifests/%s", *digest != '\0' ? digest : tag);

	if (http_get(fetcher->http, fetcher->registry, rest, MANIFEST_ACCEPT, JSON_LIMIT_BYTES,
		     ret_text, ret_content_type, NULL, err) < 0) {
		if (err->kind == ERR_NOT_FOUND && strstr(err->msg, "unknown") == NULL)
			err_set(err, ERR_NOT_FOUND, "registry '%s': manifest unknown",
				fetcher->registry->name);
		return -1;
	}
	return 0;
}

int fetch_top(struct fetcher *fetcher, struct strbuf *ret_text, char **ret_content_type,
	      struct err *err)
{
	const char *wanted = json_get_string(fetcher->transfer->source, "", "digest", NULL);
	struct digest digest;

	if (fetcher->registry == NULL)
		return local_top(fetcher, ret_text, ret_content_type, err);
	if (registry_top(fetcher, ret_text, ret_content_type, err) < 0)
		return -1;
	sha256_of(ret_text->data, ret_text->length, &digest);
	if (*wanted != '\0' && !str_equal(wanted, digest.text))
		return err_set(err, ERR_CORRUPT,
			       "manifest '%s' is not what was asked for: its digest is '%s'",
			       wanted, digest.text);
	return 0;
}

static int fetch_from_registry(struct fetcher *fetcher, struct work *result, struct err *err)
{
	const json_t *source = fetcher->transfer->source;
	const char *tag = json_get_string(source, "", "tag", NULL);
	const char *digest_text = json_get_string(source, "", "digest", NULL);
	const char *wanted = *digest_text != '\0' ? digest_text : tag;
	cleanup_free char *what = xasprintf("manifest '%s'", wanted);
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_free char *content_type = NULL;
	struct digest digest = { "" };

	if (*digest_text != '\0' && digest_parse(digest_text, &digest) < 0)
		return err_set(err, ERR_USAGE, "'%s' is no digest", digest_text);
	if (registry_top(fetcher, &text, &content_type, err) < 0)
		return -1;
	return fetch_image(fetcher, &text, content_type, what, &digest, &result->blob,
			   &result->diff_id, err);
}

/* True when asking another endpoint may help. */
static bool may_try_next(const struct err *err)
{
	return err->kind != ERR_NO_SPACE && err->kind != ERR_INTERRUPTED;
}

static int ask_endpoint(struct fetcher *fetcher, struct work *result, struct err *err)
{
	const char *op = fetcher->transfer->op;

	if (str_equal(op, "tags"))
		return fetch_tags(fetcher, err);
	if (str_equal(op, "signatures"))
		return collect_signatures(fetcher, err);
	if (str_equal(op, "push"))
		return push_image(fetcher, err);
	if (str_equal(op, "login"))
		return check_login(fetcher, err);
	if (str_equal(op, "head"))
		return check_manifest(fetcher, result, err);
	if (str_equal(op, "search"))
		return search_registry(fetcher, err);
	if (str_equal(op, "fetch"))
		return fetch_raw(fetcher, result, err);
	return fetch_from_registry(fetcher, result, err);
}

/*
 * What a mirror lacks the next one has, or the registry itself: what is stored already is not fetched again, so it is only the blobs that are
 * missing which come from elsewhere. When nobody has it, the message has a part of each one that was asked.
 */
static int fetch_from_endpoints(struct fetcher *fetcher, struct registry *registries, size_t count,
				struct work *result, struct err *err)
{
	cleanup_strbuf struct strbuf tried = STRBUF_INIT;

	err_set(err, ERR_USAGE, "the request has no endpoint");
	for (size_t i = 0; i < count; i++) {
		fetcher->registry = &registries[i];
		result->endpoint = (uint32_t)i;
		if (ask_endpoint(fetcher, result, err) == 0)
			return 0;
		if (count == 1 || !may_try_next(err))
			return -1;
		strbuf_addf(&tried, "%s%s '%s/%s': %s", tried.length > 0 ? "; " : "",
			    i + 1 < count ? "mirror" : "registry", registries[i].name,
			    registries[i].path, err->msg);
		debug("%s", tried.data);
	}
	return count > 0 ? err_set(err, err->kind, "%s", tried.data) : -1;
}

static int fetch_local(struct fetcher *fetcher, struct work *result, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_free char *content_type = NULL;
	struct digest any = { "" };

	if (str_equal(fetcher->transfer->op, "signatures"))
		return collect_signatures(fetcher, err);
	if (local_top(fetcher, &text, &content_type, err) < 0)
		return -1;
	return fetch_image(fetcher, &text, content_type, "the manifest", &any, &result->blob,
			   &result->diff_id, err);
}

static int open_source(struct fetcher *fetcher, struct err *err)
{
	const json_t *source = fetcher->transfer->source;
	const char *kind = json_get_string(source, "", "kind", NULL);
	const char *path = json_get_string(source, "", "path", NULL);
	bool is_push = str_equal(fetcher->transfer->op, "push");

	fetcher->source_dir_fd = fetcher->scratch_fd = -1;
	if (is_push && json_at(fetcher->transfer->json, "push", "attachments", NULL) != NULL) {
		fetcher->scratch_fd = memfd_create("attachment", MFD_CLOEXEC);
		if (fetcher->scratch_fd < 0)
			return err_sys(err, errno, "cannot make room for signatures");
	}
	if (str_equal(kind, "registry") && !is_push)
		return 0;
	if (is_push)
		path = json_get_string(fetcher->transfer->json, "", "push", "path", NULL);
	fetcher->source_is_layout = str_equal(kind, "oci");
	fetcher->source_dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fetcher->source_dir_fd < 0)
		return err_sys(err, errno, "cannot open directory '%s'", path);
	return 0;
}

static int work(struct fetcher *fetcher, struct registry *registries, size_t count,
		struct work *result, struct err *err)
{
	const struct transfer_request *transfer = fetcher->transfer;
	const json_t *endpoints = json_at(transfer->source, "endpoints", NULL);
	const struct http_settings settings = {
		.retry = transfer->retry,
		.retry_delay_ms = transfer->retry_delay_ms,
		.retry_delay_grows = transfer->retry_delay_grows,
		.stall_timeout_s = transfer->stall_timeout_s,
	};
	int status = -1;

	if (open_source(fetcher, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (registry_init(&registries[i], json_array_get(endpoints, i), err) < 0)
			return -1;
	}
	/* it reads its configuration at the first use: no other file can be read later */
	set_proxies(transfer);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(err, ERR_FAILED, "cannot start the HTTP client");
	if (confine(fetcher, err) < 0)
		return -1;

	fetcher->http = http_new(&settings);
	status = fetcher->source_dir_fd >= 0 && count == 0
			 ? fetch_local(fetcher, result, err)
			 : fetch_from_endpoints(fetcher, registries, count, result, err);
	http_free(fetcher->http);
	return status;
}

int fetcher_main(const struct transfer_request *request, int supervisor_fd)
{
	size_t count = json_array_size(json_at(request->source, "endpoints", NULL));
	cleanup_free struct registry *registries = NULL;
	struct fetcher fetcher = { .transfer = request, .supervisor_fd = supervisor_fd };
	struct work result = { .kind = WORK_RESULT };

	if (count > ENDPOINTS_MAX)
		count = ENDPOINTS_MAX;
	registries = xcalloc(count + 1, sizeof(*registries));
	if (work(&fetcher, registries, count, &result, &result.err) < 0)
		result.kind = WORK_ERROR;
	for (size_t i = 0; i < count; i++)
		registry_release(&registries[i]);
	(void)send(supervisor_fd, &result, sizeof(result), MSG_NOSIGNAL);
	return result.kind == WORK_RESULT ? 0 : 1;
}
