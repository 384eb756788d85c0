/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/mount_parse.c - RUN --mount=type=...,KEY=VALUE,...
 *
 * One table says which key belongs to which types. Options that could make the host's file systems visible in another way (propagation,
 * devices) do not exist here (R20).
 */
#include "engine/build/build_private.h"

#include "base/alloc.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "base/suggest.h"

#include <string.h>

#define BIND   (1U << MOUNT_BIND)
#define CACHE  (1U << MOUNT_CACHE)
#define TMPFS  (1U << MOUNT_TMPFS)
#define SECRET (1U << MOUNT_SECRET)
#define SSH    (1U << MOUNT_SSH)
#define ALL    (BIND | CACHE | TMPFS | SECRET | SSH)

static const char *const type_names[] = {
	[MOUNT_BIND] = "bind",	   [MOUNT_CACHE] = "cache", [MOUNT_TMPFS] = "tmpfs",
	[MOUNT_SECRET] = "secret", [MOUNT_SSH] = "ssh",
};
static const char *const sharing_names[] = {
	[SHARING_SHARED] = "shared",
	[SHARING_PRIVATE] = "private",
	[SHARING_LOCKED] = "locked",
};

enum key_kind {
	KEY_TYPE,
	KEY_TARGET,
	KEY_SOURCE,
	KEY_FROM,
	KEY_ID,
	KEY_ENV,
	KEY_RW,
	KEY_RO,
	KEY_SHARING,
	KEY_MODE,
	KEY_UID,
	KEY_GID,
	KEY_SIZE,
	KEY_REQUIRED
};

static const struct {
	const char *name;
	enum key_kind kind;
	unsigned types;
} keys[] = {
	{ "type", KEY_TYPE, ALL },
	{ "target", KEY_TARGET, ALL },
	{ "dst", KEY_TARGET, ALL },
	{ "destination", KEY_TARGET, ALL },
	{ "source", KEY_SOURCE, BIND | CACHE },
	{ "src", KEY_SOURCE, BIND | CACHE },
	{ "from", KEY_FROM, BIND | CACHE },
	{ "id", KEY_ID, CACHE | SECRET | SSH },
	{ "env", KEY_ENV, SECRET },
	{ "rw", KEY_RW, BIND | CACHE },
	{ "readwrite", KEY_RW, BIND | CACHE },
	{ "ro", KEY_RO, BIND | CACHE },
	{ "readonly", KEY_RO, BIND | CACHE },
	{ "sharing", KEY_SHARING, CACHE },
	{ "mode", KEY_MODE, CACHE | SECRET | SSH | TMPFS },
	{ "uid", KEY_UID, CACHE | SECRET | SSH },
	{ "gid", KEY_GID, CACHE | SECRET | SSH },
	{ "size", KEY_SIZE, TMPFS },
	{ "required", KEY_REQUIRED, SECRET | SSH },
};

void run_mount_release(struct run_mount *mount)
{
	free(mount->target);
	free(mount->source);
	free(mount->from);
	free(mount->id);
	free(mount->env);
	build_source_release(&mount->bind);
	*mount = (struct run_mount){ 0 };
}

static int bad_value(const char *key, const char *value, const char *wanted, struct err *err)
{
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;

	strbuf_add_escaped(&shown, value);
	return err_set(err, ERR_USAGE, "--mount: '%s=%.100s' is not possible: %s", key, shown.data,
		       wanted);
}

static int find_word(const char *const *words, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++)
		if (str_equal(words[i], text))
			return (int)i;
	return -1;
}

static int set_flag(const char *key, const char *value, bool *ret, struct err *err)
{
	*ret = true;
	if (value != NULL && parse_bool(value, ret) < 0)
		return bad_value(key, value, "true or false is wanted", err);
	return 0;
}

static void set_text(char **text, const char *value)
{
	free(*text);
	*text = xstrdup(value);
}

static int set_key(struct run_mount *mount, enum key_kind kind, const char *key, const char *value,
		   struct err *err)
{
	bool flag;
	int word;

	if (value == NULL && kind != KEY_RW && kind != KEY_RO && kind != KEY_REQUIRED)
		return bad_value(key, "", "a value is wanted", err);
	switch (kind) {
	case KEY_TYPE:
		break;
	case KEY_TARGET:
		set_text(&mount->target, value);
		break;
	case KEY_SOURCE:
		set_text(&mount->source, value);
		break;
	case KEY_FROM:
		set_text(&mount->from, value);
		break;
	case KEY_ID:
		set_text(&mount->id, value);
		break;
	case KEY_ENV:
		if (*value == '\0' || strchr(value, '=') != NULL)
			return bad_value(key, value, "a name of a variable is wanted", err);
		set_text(&mount->env, value);
		break;
	case KEY_RW:
	case KEY_RO:
		if (set_flag(key, value, &flag, err) < 0)
			return -1;
		mount->writable = kind == KEY_RW ? flag : !flag;
		break;
	case KEY_REQUIRED:
		return set_flag(key, value, &mount->required, err);
	case KEY_SHARING:
		word = find_word(sharing_names, ARRAY_SIZE(sharing_names), value);
		if (word < 0)
			return bad_value(key, value, "shared, private or locked is wanted", err);
		mount->sharing = word;
		break;
	case KEY_MODE:
		if (parse_mode(value, &mount->mode) < 0)
			return bad_value(key, value, "octal digits are wanted", err);
		mount->has_mode = true;
		break;
	case KEY_UID:
	case KEY_GID:
		if (parse_id(value, kind == KEY_UID ? &mount->uid : &mount->gid) < 0)
			return bad_value(key, value, "a number is wanted", err);
		break;
	case KEY_SIZE:
		if (parse_bytes(value, &mount->size_bytes) < 0)
			return bad_value(key, value, "a size such as 64m is wanted", err);
		break;
	}
	return 0;
}

static int read_type(const struct strv *words, struct run_mount *mount, struct err *err)
{
	mount->type = MOUNT_BIND;
	for (size_t i = 0; i < words->count; i++) {
		const char *name = str_after(words->items[i], "type=");

		if (name == NULL)
			continue;
		int type = find_word(type_names, ARRAY_SIZE(type_names), name);
		if (type >= 0) {
			mount->type = type;
			continue;
		}
		struct suggest suggest = SUGGEST_INIT(name);
		for (size_t k = 0; k < ARRAY_SIZE(type_names); k++)
			suggest_candidate(&suggest, type_names[k]);
		bad_value("type", name, "bind, cache, tmpfs, secret or ssh is wanted", err);
		if (suggest.best != NULL)
			err_hint(err, "Did you mean type=%s?", suggest.best);
		return -1;
	}
	return 0;
}

static int read_word(struct run_mount *mount, const char *word, struct err *err)
{
	const char *equal = strchr(word, '=');
	cleanup_free char *name =
		equal != NULL ? xstrndup(word, (size_t)(equal - word)) : xstrdup(word);
	struct suggest suggest = SUGGEST_INIT(name);

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!(keys[i].types & (1U << mount->type)))
			continue;
		if (str_equal(keys[i].name, name))
			return set_key(mount, keys[i].kind, name, equal != NULL ? equal + 1 : NULL,
				       err);
		suggest_candidate(&suggest, keys[i].name);
	}
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;
	strbuf_add_escaped(&shown, name);
	err_set(err, ERR_USAGE, "--mount=type=%s has no option '%.60s'", type_names[mount->type],
		shown.data);
	if (suggest.best != NULL)
		err_hint(err, "Did you mean '%s'?", suggest.best);
	return -1;
}

static const struct secret *find_secret(const struct secret *list, size_t count, const char *id)
{
	for (size_t i = 0; i < count; i++)
		if (str_equal(list[i].id, id))
			return &list[i];
	return NULL;
}

static int finish_secret(struct build *build, struct run_mount *mount, struct err *err)
{
	if (mount->id == NULL && mount->target != NULL) {
		const char *slash = strrchr(mount->target, '/');

		set_text(&mount->id, slash != NULL ? slash + 1 : mount->target);
	}
	if (str_is_empty(mount->id))
		return err_set(err, ERR_USAGE, "--mount=type=secret needs an id or a target");
	mount->secret = find_secret(build->secrets, build->secret_count, mount->id);
	if (mount->secret == NULL && mount->required) {
		err_set(err, ERR_USAGE, "the secret '%s' is required and was not given", mount->id);
		return err_hint(err, "Add --secret id=%s,src=FILE.", mount->id);
	}
	if (mount->target == NULL && mount->env == NULL)
		mount->target = xasprintf("/run/secrets/%s", mount->id);
	if (!mount->has_mode)
		mount->mode = 0400;
	return 0;
}

static int finish_ssh(struct build *build, struct run_mount *mount, struct err *err)
{
	if (mount->id == NULL)
		set_text(&mount->id, "default");
	mount->secret = find_secret(build->ssh, build->ssh_count, mount->id);
	if (mount->secret == NULL && mount->required) {
		err_set(err, ERR_USAGE, "the ssh agent '%s' is required and was not given",
			mount->id);
		return err_hint(err, "Add --ssh %s.", mount->id);
	}
	if (mount->target == NULL)
		set_text(&mount->target, "/run/buildkit/ssh_agent.0");
	return 0;
}

int run_mount_parse(struct build *build, const struct stage *stage, const char *text,
		    struct run_mount *ret_mount, struct err *err)
{
	struct run_mount mount = { .type = MOUNT_BIND };
	cleanup_strv struct strv words = STRV_INIT;
	int status;

	strv_split(&words, text, ',');
	status = read_type(&words, &mount, err);
	mount.writable = mount.type == MOUNT_CACHE;
	for (size_t i = 0; status == 0 && i < words.count; i++)
		status = read_word(&mount, words.items[i], err);
	if (status == 0 && mount.type == MOUNT_SECRET)
		status = finish_secret(build, &mount, err);
	else if (status == 0 && mount.type == MOUNT_SSH)
		status = finish_ssh(build, &mount, err);
	else if (status == 0 && str_is_empty(mount.target))
		status = err_set(err, ERR_USAGE, "--mount=type=%s needs a target",
				 type_names[mount.type]);
	if (status == 0 && mount.target != NULL) {
		char *absolute = state_join_workdir(&stage->state, mount.target);

		free(mount.target);
		mount.target = absolute;
		if (str_equal(absolute, "/"))
			status = err_set(err, ERR_USAGE, "--mount cannot have the target '/'");
	}
	if (status == 0 && mount.type == MOUNT_CACHE && mount.id == NULL)
		mount.id = xstrdup(mount.target);
	if (status < 0) {
		run_mount_release(&mount);
		return -1;
	}
	*ret_mount = mount;
	return 0;
}
