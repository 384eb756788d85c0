/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/transfer_registry.c - one registry: its address, credentials and certificates
 *
 * certs.d directories are read before the fetcher is confined: *.crt are authorities to trust besides the system's, NAME.cert and
 * NAME.key are a client certificate. The first directory that exists counts, as in other engines.
 */
#include "engine/image/transfer_http.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/strv.h"

#define CERTS_LIMIT_BYTES (4U << 20)

static const char *non_empty(const json_t *json, const char *key)
{
	const char *text = json_get_string(json, "", key, NULL);

	return *text != '\0' ? text : NULL;
}

static int add_authority(struct registry *registry, int dir_fd, const char *dir, const char *name,
			 struct err *err)
{
	cleanup_fd int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int status = fd < 0 ? -errno : fd_read_all(fd, &registry->extra_ca, CERTS_LIMIT_BYTES);

	if (status < 0)
		return err_sys(err, -status, "cannot read certificate '%s/%s'", dir, name);
	strbuf_addc(&registry->extra_ca, '\n');
	return 0;
}

static int add_client(struct registry *registry, int dir_fd, const char *dir, const char *name,
		      struct err *err)
{
	cleanup_free char *stem = xstrndup(name, strlen(name) - strlen(".cert"));
	cleanup_free char *key = xasprintf("%s.key", stem);

	if (faccessat(dir_fd, key, R_OK, 0) < 0)
		return err_sys(err, errno, "cannot read key '%s/%s' of certificate '%s'", dir, key,
			       name);
	if (registry->client_cert != NULL)
		return 0;
	registry->client_cert = xasprintf("%s/%s", dir, name);
	registry->client_key = xasprintf("%s/%s", dir, key);
	return 0;
}

/* 1 the directory is there and was read, 0 it is not there, -1 */
static int read_cert_dir(struct registry *registry, const char *path, struct err *err)
{
	DIR *dir = opendir(path);
	cleanup_strv struct strv names = STRV_INIT;
	struct dirent *entry = NULL;
	int status = 1;

	if (dir == NULL && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
		return 0;
	if (dir == NULL)
		return err_sys(err, errno, "cannot open directory '%s'", path);
	while ((entry = readdir(dir)) != NULL)
		strv_add(&names, entry->d_name);
	strv_sort(&names);
	for (size_t i = 0; i < names.count && status == 1; i++) {
		const char *name = names.items[i];

		if (str_ends_with(name, ".crt") &&
		    add_authority(registry, dirfd(dir), path, name, err) < 0)
			status = -1;
		else if (str_ends_with(name, ".cert") &&
			 add_client(registry, dirfd(dir), path, name, err) < 0)
			status = -1;
	}
	closedir(dir);
	return status;
}

int registry_init(struct registry *registry, const json_t *endpoint, struct err *err)
{
	const json_t *dirs = json_at(endpoint, "certDirs", NULL);

	*registry = (struct registry){
		.name = xstrdup(json_get_string(endpoint, "", "registry", NULL)),
		.path = xstrdup(json_get_string(endpoint, "", "path", NULL)),
		.insecure = json_get_bool(endpoint, false, "insecure", NULL),
		.username = non_empty(endpoint, "username"),
		.password = json_get_string(endpoint, "", "password", NULL),
		.identity_token = non_empty(endpoint, "identityToken"),
		.extra_ca = STRBUF_INIT,
	};
	for (size_t i = 0; i < json_array_size(dirs); i++) {
		const char *path = json_string_value(json_array_get(dirs, i));
		int status = path == NULL ? 0 : read_cert_dir(registry, path, err);

		if (status != 0)
			return status < 0 ? -1 : 0;
	}
	return 0;
}

void registry_release(struct registry *registry)
{
	free(registry->name);
	free(registry->path);
	strbuf_release(&registry->extra_ca);
	free(registry->client_cert);
	free(registry->client_key);
	if (registry->authorization != NULL)
		explicit_bzero(registry->authorization, strlen(registry->authorization));
	free(registry->authorization);
	*registry = (struct registry){ 0 };
}

char *registry_url(const struct registry *registry, const char *rest)
{
	/* Docker Hub's registry has another name than its images */
	const char *host =
		str_equal(registry->name, "docker.io") ? "registry-1.docker.io" : registry->name;

	/* without a path: the registry itself */
	return xasprintf("%s://%s/v2/%s%s%s", registry->plain_http ? "http" : "https", host,
			 registry->path, *registry->path != '\0' ? "/" : "", rest);
}

void origin_release(struct origin *origin)
{
	curl_free(origin->scheme);
	curl_free(origin->host);
	curl_free(origin->port);
	*origin = (struct origin){ 0 };
}

/* Scheme, host and port of a URL that we may fetch; a URL with a user in it is none. */
bool origin_parse(const char *url, struct origin *ret)
{
	CURLU *parsed = curl_url();
	bool good =
		parsed != NULL &&
		curl_url_set(parsed, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK &&
		curl_url_get(parsed, CURLUPART_SCHEME, &ret->scheme, 0) == CURLUE_OK &&
		curl_url_get(parsed, CURLUPART_HOST, &ret->host, 0) == CURLUE_OK &&
		curl_url_get(parsed, CURLUPART_PORT, &ret->port, CURLU_DEFAULT_PORT) == CURLUE_OK;

	curl_url_cleanup(parsed);
	if (good)
		good = str_equal(ret->scheme, "https") || str_equal(ret->scheme, "http");
	if (!good)
		origin_release(ret);
	return good;
}

static bool origin_equal(const struct origin *a, const struct origin *b)
{
	return str_equal(a->scheme, b->scheme) && strcasecmp(a->host, b->host) == 0 &&
	       str_equal(a->port, b->port);
}

bool registry_owns_url(const struct registry *registry, const char *url)
{
	cleanup_free char *own_url = registry_url(registry, "");
	struct origin own = { 0 }, other = { 0 };
	bool equal = origin_parse(own_url, &own) && origin_parse(url, &other) &&
		     origin_equal(&own, &other);

	origin_release(&own);
	origin_release(&other);
	return equal;
}
