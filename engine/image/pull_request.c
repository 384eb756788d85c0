/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/image/pull_request.c - the request for libexec/dhow/transfer: endpoints, credentials, certificates, platform
 */
#include "engine/image/pull_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "engine/image/auth.h"
#include "engine/image/transfer.h"

static const char *const proxy_names[] = {
	"https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy",
	"ALL_PROXY",   "no_proxy",    "NO_PROXY",
};

int pull_platform(const struct image_pull_opts *opts, struct platform *ret, bool *ret_explicit,
		  struct err *err)
{
	struct platform platform = { 0 };

	if (opts->platform != NULL) {
		if (opts->os != NULL || opts->arch != NULL || opts->variant != NULL)
			return err_set(err, ERR_USAGE,
				       "--platform cannot be used together with --os, --arch and "
				       "--variant");
		*ret_explicit = true;
		return platform_parse(opts->platform, ret, err);
	}
	*ret_explicit = opts->os != NULL || opts->arch != NULL || opts->variant != NULL;
	platform_here(&platform);
	/* another architecture has another variant */
	const char *architecture = opts->arch != NULL ? opts->arch : platform.architecture;
	const char *variant = opts->variant != NULL ? opts->variant
			      : opts->arch != NULL  ? ""
						    : platform.variant;
	cleanup_free char *text = xasprintf("%s/%s%s%s", opts->os != NULL ? opts->os : platform.os,
					    architecture, *variant != '\0' ? "/" : "", variant);

	platform_release(&platform);
	return platform_parse(text, ret, err);
}

static json_t *cert_dirs(const struct image_pull_opts *opts, const char *registry)
{
	cleanup_strv struct strv dirs = STRV_INIT;

	if (opts->cert_dir != NULL) {
		strv_add(&dirs, opts->cert_dir);
	} else {
		cleanup_free char *below = xasprintf("containers/certs.d/%s", registry);

		strv_add_take(&dirs, user_config_path(below));
		strv_addf(&dirs, "/etc/containers/certs.d/%s", registry);
		strv_addf(&dirs, "/etc/docker/certs.d/%s", registry);
	}
	return json_from_strv(&dirs);
}

static int add_endpoint(json_t *list, const struct endpoint *endpoint, bool is_mirror,
			const struct image_pull_opts *opts, struct err *err)
{
	struct image_pull_opts mirror_opts = *opts;
	struct credentials credentials = { 0 };
	json_t *json = json_object();

	/* --creds are for the registry that was named, not for a mirror of it */
	mirror_opts.creds = NULL;
	if (credentials_find(is_mirror ? &mirror_opts : opts, endpoint->registry, endpoint->path,
			     &credentials, err) < 0) {
		json_decref(json);
		return -1;
	}
	json_put_string(json, "registry", endpoint->registry);
	json_put_string(json, "path", endpoint->path);
	json_put_bool(json, "insecure", endpoint->insecure);
	json_put(json, "username", json_text(credentials.username ?: ""));
	json_put(json, "password", json_text(credentials.password ?: ""));
	json_put(json, "identityToken", json_text(credentials.identity_token ?: ""));
	json_put(json, "certDirs", cert_dirs(opts, endpoint->registry));
	json_array_append_new(list, json);
	credentials_release(&credentials);
	return 0;
}

json_t *pull_store_request(const struct engine *engine)
{
	json_t *json = json_object();

	json_put_string(json, "root", engine->store->root_path);
	json_put_string(json, "runRoot", engine->store->run_path);
	json_put_strv(json, "additionalRoots", &engine->store->additional_roots);
	return json;
}

static json_t *proxy_request(void)
{
	json_t *json = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(proxy_names); i++) {
		const char *value = getenv(proxy_names[i]);

		if (!str_is_empty(value))
			json_put(json, proxy_names[i], json_text(value));
	}
	return json;
}

static int add_retries(json_t *request, const struct image_pull_opts *opts, struct err *err)
{
	int64_t delay_ns = 0;

	json_put_int(request, "retry", opts->retry < 0 ? TRANSFER_RETRY_DEFAULT : opts->retry);
	if (opts->retry_delay == NULL)
		return 0;
	if (parse_duration(opts->retry_delay, &delay_ns) < 0)
		return err_set(err, ERR_USAGE,
			       "invalid --retry-delay '%s': it is a duration such as 2s",
			       opts->retry_delay);
	json_put_int(request, "retryDelayMs", delay_ns / 1000000);
	json_put_bool(request, "retryDelayGrows", false);
	return 0;
}

int pull_request(const struct engine *engine, const char *op, json_t *source_take,
		 const struct image_pull_opts *opts, json_t **ret_request, struct err *err)
{
	cleanup_json json_t *request = json_object();
	json_t *platform_json = json_object();
	struct platform platform = { 0 };
	bool explicit_platform = false;

	json_put_string(request, "op", op);
	json_put(request, "source", source_take);
	json_put(request, "store", pull_store_request(engine));
	json_put(request, "proxy", proxy_request());
	json_put(request, "platform", platform_json);
	if (pull_platform(opts, &platform, &explicit_platform, err) < 0)
		return -1;
	json_put(platform_json, "os", json_text(platform.os));
	json_put(platform_json, "architecture", json_text(platform.architecture));
	json_put(platform_json, "variant", json_text(platform.variant));
	platform_release(&platform);
	if (add_retries(request, opts, err) < 0)
		return -1;
	*ret_request = TAKE_PTR(request);
	return 0;
}

int pull_registry_source(const struct registries *registries, const struct image_ref *ref,
			 const struct image_pull_opts *opts, json_t **ret_source, struct err *err)
{
	struct endpoint_list endpoints = { NULL, 0 };
	cleanup_json json_t *source = json_object();
	json_t *list = json_array();
	int status = registries_endpoints(registries, ref, opts->tls_verify, &endpoints, err);

	json_put_string(source, "kind", "registry");
	json_put_string(source, "tag", ref->tag != NULL ? ref->tag : "latest");
	json_put_string(source, "digest", ref->digest.text);
	json_put(source, "endpoints", list);
	for (size_t i = 0; i < endpoints.count && status == 0; i++)
		status =
			add_endpoint(list, &endpoints.items[i], i + 1 < endpoints.count, opts, err);
	endpoint_list_release(&endpoints);
	if (status < 0)
		return -1;
	*ret_source = TAKE_PTR(source);
	return 0;
}

int pull_registry_itself(const struct registries *registries, const struct image_ref *ref,
			 const struct image_pull_opts *opts, json_t **ret_source, struct err *err)
{
	json_t *list;

	if (pull_registry_source(registries, ref, opts, ret_source, err) < 0)
		return -1;
	/* mirrors come first, and nobody writes to them */
	list = json_object_get(*ret_source, "endpoints");
	while (json_array_size(list) > 1)
		json_array_remove(list, 0);
	return 0;
}
