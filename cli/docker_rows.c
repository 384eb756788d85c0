/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/docker_rows.c - rows of lists and inspected objects as docker prints them
 */
#include "cli/docker.h"

#include "base/alloc.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "cli/human.h"

#define NS_PER_S    INT64_C(1000000000)
#define COMMAND_MAX 20

char *docker_name(const char *name)
{
	const char *rest = str_after(name, "docker.io/");
	const char *path = rest != NULL ? str_after(rest, "library/") : NULL;

	return xstrdup(path != NULL ? path : rest != NULL ? rest : name);
}

/* "2026-11-24 09:16:19 +0000 UTC", as Go prints a time */
static json_t *go_time(int64_t ns)
{
	char text[TIME_TEXT_MAX];
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	/* without a fraction the text is date, T, time, Z */
	time_format_rfc3339(ns / NS_PER_S * NS_PER_S, text);
	strbuf_addf(&out, "%.10s %.8s +0000 UTC", text, strlen(text) > 19 ? text + 11 : "00:00:00");
	return json_text(out.data);
}

/* Quoted as Go does it, and short: 20 characters, the last of which says that there is more. */
static json_t *command_text(const char *command, bool no_trunc)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	size_t characters = 0;
	size_t end = 0;

	for (size_t i = 0; command[i] != '\0'; i++) {
		if (((unsigned char)command[i] & 0xc0) == 0x80)
			continue;
		if (characters++ == COMMAND_MAX - 1)
			end = i;
	}

	bool cut = !no_trunc && characters > COMMAND_MAX;
	size_t length = cut ? end : strlen(command);

	strbuf_addc(&out, '"');
	for (size_t i = 0; i < length; i++) {
		if (command[i] == '\n' || command[i] == '\t') {
			strbuf_adds(&out, command[i] == '\n' ? "\\n" : "\\t");
			continue;
		}
		if (command[i] == '"' || command[i] == '\\')
			strbuf_addc(&out, '\\');
		strbuf_addc(&out, command[i]);
	}
	strbuf_adds(&out, cut ? "\xe2\x80\xa6\"" : "\"");
	return json_text(out.data);
}

/* "a=b,c=d" */
static json_t *labels_text(const json_t *labels)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)labels, key, value)
		strbuf_addf(&out, "%s%s=%s", out.length > 0 ? "," : "", key,
			    json_string_value(value));
	return json_text(out.data);
}

static void put_copy(json_t *object, const char *key, const json_t *from, const char *from_key)
{
	json_t *value = json_object_get(from, from_key);

	json_put(object, key, value != NULL ? json_incref(value) : json_text(""));
}

static void put_name(json_t *object, const char *key, const char *name)
{
	cleanup_free char *shown = docker_name(name);

	json_put_string(object, key, shown);
}

json_t *docker_ps_row(const json_t *row, const json_t *summary, int64_t created_ns, bool no_trunc)
{
	static const char *const same[] = { "Mounts", "Names", "Networks",  "Ports",
					    "State",  "ID",    "RunningFor" };
	json_t *object = json_object();
	const json_t *command = json_object_get(summary, "Command");
	cleanup_strbuf struct strbuf words = STRBUF_INIT;
	const char *status = json_get_string(row, "", "Status", NULL);
	const char *since = json_get_string(row, "", "RunningFor", NULL);
	size_t i;
	json_t *word;

	json_array_foreach (command, i, word)
		strbuf_addf(&words, "%s%s", i > 0 ? " " : "", json_string_value(word));
	json_put(object, "Command", command_text(words.data, no_trunc));
	json_put(object, "CreatedAt", go_time(created_ns));
	put_name(object, "Image", json_get_string(row, "", "Image", NULL));
	json_put(object, "Labels", labels_text(json_object_get(summary, "Labels")));
	json_put_string(object, "LocalVolumes", "0");
	for (i = 0; i < ARRAY_SIZE(same); i++)
		put_copy(object, same[i], row, same[i]);
	json_put(object, "Platform", json_null());
	put_copy(object, "Size", row, "Size");
	if (str_equal(status, "Paused")) {
		cleanup_free char *up =
			xasprintf("Up %.*s (Paused)", (int)(strlen(since) - strlen(" ago")), since);

		json_put_string(object, "Status", strlen(since) > 4 ? up : status);
	} else {
		json_put_string(object, "Status", status);
	}
	return object;
}

json_t *docker_images_row(const json_t *row, bool digests, int64_t created_ns)
{
	json_t *object = json_object();
	char size[HUMAN_MAX];

	human_size((uint64_t)json_get_int(row, 0, "VirtualSizeBytes", NULL), size);
	json_put_string(object, "Containers", "N/A");
	json_put(object, "CreatedAt", go_time(created_ns));
	put_copy(object, "CreatedSince", row, "CreatedSince");
	json_put_string(object, "Digest",
			digests ? json_get_string(row, "<none>", "Digest", NULL) : "<none>");
	put_copy(object, "ID", row, "ID");
	put_name(object, "Repository", json_get_string(row, "<none>", "Repository", NULL));
	json_put_string(object, "SharedSize", "N/A");
	json_put_string(object, "Size", size);
	put_copy(object, "Tag", row, "Tag");
	json_put_string(object, "UniqueSize", "N/A");
	json_put_string(object, "VirtualSize", size);
	return object;
}

/* ---- inspect -------------------------------------------------------------------------------------------------------- */

static void prefix(json_t *object, const char *key, const char *before)
{
	const char *text = json_get_string(object, "", key, NULL);

	if (*text == '\0' || str_after(text, before) != NULL)
		return;

	cleanup_free char *whole = xasprintf("%s%s", before, text);

	json_put_string(object, key, whole);
}

static void rename_images(json_t *list)
{
	size_t i;
	json_t *item;

	json_array_foreach (list, i, item) {
		cleanup_free char *name = docker_name(json_string_value(item));

		json_array_set_new(list, i, json_text(name));
	}
}

static void put_missing(json_t *object, const char *key, json_t *value_take)
{
	if (json_object_get(object, key) == NULL)
		json_put(object, key, value_take);
	else
		json_decref(value_take);
}

/* Templates of docker's users name these members without looking whether they are there. */
static void fill_config(json_t *config)
{
	static const char *const texts[] = { "Hostname", "Domainname", "User", "Image",
					     "WorkingDir" };
	static const char *const flags[] = { "AttachStdin", "AttachStdout", "AttachStderr",
					     "Tty",	    "OpenStdin",    "StdinOnce" };
	static const char *const others[] = { "Env",	 "Cmd",	   "Entrypoint", "Volumes",
					      "OnBuild", "Labels", "Healthcheck" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		put_missing(config, texts[i], json_text(""));
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		put_missing(config, flags[i], json_false());
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		put_missing(config, others[i], json_null());
}

void docker_inspect_container(json_t *object)
{
	static const char *const private[] = { "PidMode", "UTSMode" };
	json_t *config = json_object_get(object, "Config");
	json_t *host = json_object_get(object, "HostConfig");
	cleanup_free char *log = NULL;

	json_t *state = json_object_get(object, "State");

	if (state != NULL)
		put_missing(state, "Health", json_null());
	prefix(object, "Name", "/");
	prefix(object, "Image", "sha256:");
	json_put_string(object, "Platform", "linux");
	log = xstrdup(json_get_string(host, "", "LogConfig", "Path", NULL));
	json_put_string(object, "LogPath", log);
	if (config != NULL) {
		put_name(config, "Image", json_get_string(config, "", "Image", NULL));
		fill_config(config);
	}
	/* to docker a namespace of its own is no mode, but the absence of one */
	for (size_t i = 0; host != NULL && i < ARRAY_SIZE(private); i++) {
		if (str_equal(json_get_string(host, "", private[i], NULL), "private"))
			json_put_string(host, private[i], "");
	}
	if (host != NULL) {
		cleanup_free char *mode =
			xstrdup(json_get_string(host, "private", "CgroupMode", NULL));

		json_put_string(host, "CgroupnsMode", mode);
	}
}

void docker_inspect_image(json_t *object)
{
	json_t *config = json_object_get(object, "Config");

	prefix(object, "Id", "sha256:");
	rename_images(json_object_get(object, "RepoTags"));
	rename_images(json_object_get(object, "RepoDigests"));
	if (config != NULL)
		fill_config(config);
}
