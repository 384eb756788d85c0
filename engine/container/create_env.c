/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/create_env.c - the environment of the container
 *
 * In this order, later ones win: defaults, proxies of the host, --env-host, the image, --unsetenv(-all), --env-file, --env, --env-merge. A
 * name without '=' takes the host's value when the user wrote it (and is left out when the host has none); in an image it is dropped (R16).
 */
#include "engine/container/create.h"

#include "base/err.h"
#include "base/fd.h"

#include <fcntl.h>
#include <string.h>

#define DEFAULT_PATH	 "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define FILE_LIMIT_BYTES (4U << 20)

extern char **environ;

static const char *const proxy_names[] = { "http_proxy", "https_proxy", "ftp_proxy", "no_proxy",
					   "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY" };

static void env_defaults(struct strv *env, const struct create *create)
{
	strv_env_set(env, "PATH", DEFAULT_PATH);
	/* a name that systemd and others know for containers made by an OCI engine */
	strv_env_set(env, "container", "oci");
	if (create->opts->tty)
		strv_env_set(env, "TERM", "xterm");
}

static void env_proxies(struct strv *env)
{
	for (size_t i = 0; i < ARRAY_SIZE(proxy_names); i++) {
		const char *value = getenv(proxy_names[i]);

		if (!str_is_empty(value))
			strv_env_set(env, proxy_names[i], value);
	}
}

/* One word of the user's: NAME=VALUE, NAME, or a pattern NAME* that takes all of the host's that start so. */
int create_env_add(struct strv *env, const char *text, struct err *err)
{
	const char *equal = strchr(text, '=');
	size_t length = strlen(text);

	if (*text == '\0' || equal == text)
		return err_set(err, ERR_USAGE,
			       "invalid environment variable '%s': the name is empty", text);
	if (equal != NULL) {
		strv_env_put(env, text);
		return 0;
	}
	if (text[length - 1] == '*') {
		for (char **item = environ; *item != NULL; item++)
			if (strncmp(*item, text, length - 1) == 0 && strchr(*item, '=') != NULL)
				strv_env_put(env, *item);
		return 0;
	}
	if (getenv(text) != NULL)
		strv_env_set(env, text, getenv(text));
	else
		strv_env_unset(env, text);
	return 0;
}

int create_env_file(const char *path, struct strv *env, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_strv struct strv lines = STRV_INIT;
	int rc = fd_read_file(AT_FDCWD, path, &text, FILE_LIMIT_BYTES);

	if (rc < 0)
		return err_sys(err, -rc, "cannot read the environment file '%s'", path);
	if (memchr(text.data, '\0', text.length) != NULL)
		return err_set(err, ERR_USAGE, "the environment file '%s' holds a NUL byte", path);

	/* docker's grammar: no quotes, no escapes, blanks of the value are kept, '#' only at the start of a line */
	strv_split(&lines, text.data, '\n');
	for (size_t i = 0; i < lines.count; i++) {
		char *line = lines.items[i] + strspn(lines.items[i], " \t");
		size_t length = strlen(line);

		if (length > 0 && line[length - 1] == '\r')
			line[length - 1] = '\0';
		if (*line == '\0' || *line == '#')
			continue;
		size_t name = strcspn(line, "=");
		if (memchr(line, ' ', name) != NULL || memchr(line, '\t', name) != NULL)
			return err_set(err, ERR_USAGE,
				       "invalid line %zu of the environment file '%s': the name "
				       "has a blank",
				       i + 1, path);
		if (create_env_add(env, line, err) < 0)
			return err_wrap(err, "in line %zu of the environment file '%s'", i + 1,
					path);
	}
	return 0;
}

/* --env-merge NAME=text with ${NAME} of what is there by then. */
static int env_merge(struct strv *env, const char *text, struct err *err)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	const char *equal = strchr(text, '=');

	if (equal == NULL || equal == text)
		return err_set(err, ERR_USAGE, "invalid --env-merge '%s': it must be NAME=VALUE",
			       text);
	for (const char *p = text; *p != '\0'; p++) {
		const char *end = p > equal && p[0] == '$' && p[1] == '{' ? strchr(p, '}') : NULL;

		if (end == NULL) {
			strbuf_addc(&out, *p);
			continue;
		}
		cleanup_free char *name = xstrndup(p + 2, (size_t)(end - p - 2));
		strbuf_adds(&out, strv_env_get(env, name) ?: "");
		p = end;
	}
	strv_env_put(env, out.data);
	return 0;
}

static int env_from_image(struct strv *env, const struct create *create, struct err *err)
{
	cleanup_strv struct strv items = STRV_INIT;

	if (json_get_strv(create->image_process, "Env", &items) < 0)
		return err_set(err, ERR_CORRUPT,
			       "the environment of image '%s' is no list of strings",
			       create->image->config.text);
	for (size_t i = 0; i < items.count; i++)
		if (strchr(items.items[i], '=') != NULL && items.items[i][0] != '=')
			strv_env_put(env, items.items[i]);
	return 0;
}

int create_env(struct create *create, struct err *err)
{
	const struct container_create_opts *opts = create->opts;
	struct strv *env = &create->env;

	env_defaults(env, create);
	if (opts->http_proxy != 0)
		env_proxies(env);
	if (opts->env_host)
		for (char **item = environ; *item != NULL; item++)
			if (strchr(*item, '=') != NULL && **item != '=')
				strv_env_put(env, *item);
	if (!opts->unset_env_all && env_from_image(env, create, err) < 0)
		return -1;
	for (size_t i = 0; i < opts->unset_env.count; i++)
		strv_env_unset(env, opts->unset_env.items[i]);

	for (size_t i = 0; i < opts->env_files.count; i++)
		if (create_env_file(opts->env_files.items[i], env, err) < 0)
			return -1;
	for (size_t i = 0; i < opts->env.count; i++)
		if (create_env_add(env, opts->env.items[i], err) < 0)
			return err_wrap(err, "in --env");
	for (size_t i = 0; i < opts->env_merge.count; i++)
		if (env_merge(env, opts->env_merge.items[i], err) < 0)
			return -1;

	if (create_cdi_env(create, err) < 0)
		return -1;
	if (strv_env_get(env, "HOSTNAME") == NULL && create->hostname != NULL)
		strv_env_set(env, "HOSTNAME", create->hostname);
	json_put_strv(create_spec_object(create, "process"), "env", env);
	return 0;
}
