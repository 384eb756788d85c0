/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/create_namespaces.c - --userns, --pid, --ipc, --uts, --cgroupns, and what they join
 *
 * A container has a user namespace of its own. A namespace of another container belongs to that container's user namespace, so whoever
 * joins one joins the other too: --pid container:x implies --userns container:x. Two different containers cannot be joined at once for that reason.
 */
#include "engine/container/create.h"

#include "base/err.h"
#include "base/parse.h"
#include "engine/container/record.h"
#include "rootless/account.h"

#include <string.h>
#include <unistd.h>

/* Add {"type", "path"} to linux.namespaces; path NULL: a new one. */
static void spec_namespace(struct create *create, const char *type, const char *path)
{
	json_t *linux_object = create_spec_object(create, "linux");
	json_t *list = json_object_get(linux_object, "namespaces");
	json_t *item = json_object();

	if (list == NULL) {
		list = json_array();
		json_put(linux_object, "namespaces", list);
	}
	json_put_string(item, "type", type);
	if (path != NULL)
		json_put_string(item, "path", path);
	json_array_append_new(list, item);
}

/* Note that the namespace of that kind is the one of a container; start fills in the path. */
static int namespace_join(struct create *create, const char *kind, const char *name,
			  struct err *err)
{
	cleanup_container struct container *other = NULL;
	json_t *joins = json_object_get(create->record, KEY_JOINS);

	if (container_get(create->engine, name, &other, err) < 0)
		return err_wrap(err, "cannot join the %s namespace", kind);

	const char *ipc = json_get_string(other->create, "shareable", "asked", "ipc", NULL);
	if (str_equal(kind, "ipc") && (str_equal(ipc, "private") || str_equal(ipc, "none"))) {
		err_set(err, ERR_DENIED,
			"cannot join the ipc namespace of container '%s': it is not shareable",
			name);
		return err_hint(err, "Make that container with --ipc shareable, or without --ipc.");
	}

	const char *user = json_get_string(joins, NULL, "user", NULL);
	if (user != NULL && !str_equal(user, other->id.text))
		return err_set(err, ERR_UNSUPPORTED,
			       "cannot join namespaces of two containers: they belong to different "
			       "user namespaces");
	if (create->own_maps || create->keep_id)
		return err_set(err, ERR_USAGE,
			       "cannot join the %s namespace of container '%s' together with "
			       "--userns or --uidmap: it belongs to that "
			       "container's user namespace",
			       kind, name);
	json_put_string(joins, "user", other->id.text);
	json_put_string(joins, kind, other->id.text);
	return 0;
}

/* One of pid, ipc, uts, cgroup: private (new), host (none), container:NAME, ns:PATH. */
static int namespace_mode(struct create *create, const char *option, const char *kind,
			  const char *spec_type, const char *mode, struct err *err)
{
	const char *name;

	if (str_is_empty(mode) || str_equal(mode, "private")) {
		spec_namespace(create, spec_type, NULL);
		return 0;
	}
	if (str_equal(mode, "host"))
		return 0;
	if ((name = str_after(mode, "container:")) != NULL)
		return namespace_join(create, kind, name, err);
	if ((name = str_after(mode, "ns:")) != NULL && *name == '/') {
		spec_namespace(create, spec_type, name);
		return 0;
	}
	err_set(err, ERR_USAGE, "invalid %s '%s'", option, mode);
	return err_hint(err, "Use private, host, container:NAME or ns:PATH.");
}

/* "uid=1,gid=2,size=3" of keep-id: and auto: */
struct userns_words {
	uint32_t uid, gid, size;
};

static int userns_words(const char *mode, const char *text, struct userns_words *words,
			struct err *err)
{
	cleanup_strv struct strv items = STRV_INIT;

	if (*text == '\0')
		return 0;
	strv_split(&items, text, ',');
	for (size_t i = 0; i < items.count; i++) {
		const char *value;
		uint32_t *target = NULL;

		if ((value = str_after(items.items[i], "uid=")) != NULL &&
		    str_equal(mode, "keep-id"))
			target = &words->uid;
		else if ((value = str_after(items.items[i], "gid=")) != NULL &&
			 str_equal(mode, "keep-id"))
			target = &words->gid;
		else if ((value = str_after(items.items[i], "size=")) != NULL)
			target = &words->size;
		if (str_after(items.items[i], "uidmapping=") != NULL ||
		    str_after(items.items[i], "gidmapping=") != NULL) {
			err_set(err, ERR_UNSUPPORTED, "cannot use '%s' in --userns '%s:%s'",
				items.items[i], mode, text);
			return err_hint(err, "Say --uidmap and --gidmap in place of --userns.");
		}
		if (target == NULL || parse_id(value, target) < 0) {
			err_set(err, ERR_USAGE, "invalid --userns '%s:%s'", mode, text);
			return err_hint(err, str_equal(mode, "keep-id")
						     ? "Use keep-id[:uid=N,gid=N,size=N]."
						     : "Use auto[:size=N].");
		}
	}
	return 0;
}

/* The caller's home is the container's when it is mounted there, as podman has it. */
static bool mounts_path(const struct container_create_opts *opts, const char *path)
{
	const struct strv *const lists[] = { &opts->volumes, &opts->mounts };
	static const char *const before[] = { ":", "dst=", "target=", "destination=" };

	for (size_t list = 0; list < ARRAY_SIZE(lists); list++)
		for (size_t i = 0; i < lists[list]->count; i++)
			for (size_t k = 0; k < ARRAY_SIZE(before); k++) {
				const char *item = lists[list]->items[i];
				cleanup_free char *want = xasprintf("%s%s", before[k], path);
				const char *at = strstr(item, want);

				if (at != NULL && strchr(":,", at[strlen(want)]) != NULL)
					return true;
			}
	return false;
}

/* An account for the caller, so that tools inside find a name and a home. */
static void keep_id_account(struct create *create, uint32_t uid, uint32_t gid)
{
	json_t *runtime = json_object_get(create->record, KEY_RUNTIME);
	cleanup_account struct account account = ACCOUNT_INIT;
	struct err ignored = { 0 }; /* a user without an account gets a made-up name */
	bool known = account_find_own(&account, &ignored) > 0;
	const char *name = known ? account.name : "user";
	cleanup_free char *user = xasprintf("%u:%u", uid, gid);

	if (create->opts->user == NULL)
		json_put_string(runtime, KEY_USER, user);
	if (create->opts->passwd == 0)
		return;
	const char *cwd = json_get_string(create->spec, "/", "process", "cwd", NULL);
	bool has_home = known && mounts_path(create->opts, account.home);
	cleanup_free char *entry =
		xasprintf("%s:*:%u:%u:%s:%s:/bin/sh", name, uid, gid, known ? account.gecos : name,
			  has_home ? account.home : cwd);
	cleanup_free char *group = xasprintf("%s:x:%u:%s", name, gid, name);

	json_put_string(runtime, KEY_PASSWD_ENTRY, entry);
	json_put_string(runtime, KEY_GROUP_ENTRY, group);
}

/* Host ranges that containers made with --userns=auto have. */
static int auto_taken(struct create *create, struct idmap *taken, struct err *err)
{
	cleanup_container_list struct container_list list = { NULL, 0 };

	if (container_list(create->engine, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++) {
		const char *map = json_get_string(list.items[i]->create, NULL, KEY_UID_MAP, NULL);
		struct idmap parsed = { NULL, 0 };

		if (map == NULL ||
		    !json_get_bool(list.items[i]->create, false, "usernsAuto", NULL) ||
		    idmap_parse(map, &parsed) < 0)
			continue;
		for (size_t k = 0; k < parsed.count; k++)
			idmap_add(taken, 0, parsed.entries[k].outside, parsed.entries[k].count);
		free(parsed.entries);
	}
	return 0;
}

static int userns_auto(struct create *create, const struct id_ranges *ranges, uint32_t size,
		       struct err *err)
{
	struct idmap taken = { NULL, 0 };
	int rc = auto_taken(create, &taken, err);

	if (rc == 0)
		rc = idmap_plan_auto(ranges, size == 0 ? 1024 : size, &taken, &create->maps, err);
	free(taken.entries);
	json_put_bool(create->record, "usernsAuto", true);
	return rc;
}

/* Somebody has to be root of the namespace: mounts and owners are made in his name. */
static int userns_custom(struct create *create, const struct id_ranges *ranges, struct err *err)
{
	const struct container_create_opts *opts = create->opts;
	uint32_t host;

	if (idmap_plan_custom(ranges, &opts->uidmap, &opts->gidmap, &create->maps, err) < 0)
		return -1;
	if (idmap_to_host(&create->maps.uid, 0, &host) == 1 &&
	    idmap_to_host(&create->maps.gid, 0, &host) == 1)
		return 0;
	err_set(err, ERR_USAGE,
		"cannot use --uidmap and --gidmap: the container would have no root, user and "
		"group "
		"0");
	return err_hint(err, "Map the container id 0, too, for example with --uidmap 0:1:1.");
}

/* keep-id:size=N: the container has the ids below N only. */
static int userns_size(struct create *create, const struct userns_words *words, struct err *err)
{
	struct idmap *maps[] = { &create->maps.uid, &create->maps.gid };

	if (words->size == 0)
		return 0;
	if (words->size <= words->uid || words->size <= words->gid)
		return err_set(
			err, ERR_USAGE,
			"invalid --userns 'keep-id' with size=%u: the ids %u and %u that are "
			"kept must be below it",
			words->size, words->uid, words->gid);
	for (size_t k = 0; k < ARRAY_SIZE(maps); k++) {
		size_t kept = 0;

		for (size_t i = 0; i < maps[k]->count; i++) {
			struct idmap_entry entry = maps[k]->entries[i];

			if (entry.inside >= words->size)
				continue;
			if (entry.count > words->size - entry.inside)
				entry.count = words->size - entry.inside;
			maps[k]->entries[kept++] = entry;
		}
		maps[k]->count = kept;
	}
	return 0;
}

/*
 * --subuidname, --subgidname: the ranges of a name, without the caller's own id. newuidmap maps only the caller's, so the name must be the
 * caller's.
 */
static int userns_named(struct create *create, const char *mode, struct err *err)
{
	const struct container_create_opts *opts = create->opts;
	const char *uid_name = opts->subuidname != NULL ? opts->subuidname : opts->subgidname;
	const char *gid_name = opts->subgidname != NULL ? opts->subgidname : uid_name;
	const struct id_ranges *own;

	if (opts->uidmap.count + opts->gidmap.count > 0 ||
	    (*mode != '\0' && !str_equal(mode, "private")))
		return err_set(err, ERR_USAGE,
			       "--subuidname and --subgidname cannot be used together with %s",
			       *mode != '\0' && !str_equal(mode, "private")
				       ? "--userns"
				       : "--uidmap or --gidmap");
	if (store_id_ranges(create->engine->store, &own, err) < 0)
		return -1;
	if (!str_equal(uid_name, own->user_name) || !str_equal(gid_name, own->user_name)) {
		err_set(err, ERR_UNSUPPORTED, "cannot use the ranges of '%s': only root may",
			str_equal(uid_name, own->user_name) ? gid_name : uid_name);
		return err_hint(err, "Your own are those of '%s'.", own->user_name);
	}
	create->own_maps = true;
	return idmap_plan_nomap(own, &create->maps, err);
}

/* --userns, --uidmap, --gidmap, --subuidname */
static int userns(struct create *create, struct err *err)
{
	const struct container_create_opts *opts = create->opts;
	const char *mode = opts->userns != NULL ? opts->userns : "";
	const char *rest;
	const struct id_ranges *ranges;

	if (opts->subuidname != NULL || opts->subgidname != NULL)
		return userns_named(create, mode, err);
	if (opts->uidmap.count + opts->gidmap.count > 0 && *mode != '\0' &&
	    !str_equal(mode, "private"))
		return err_set(err, ERR_USAGE,
			       "--uidmap and --gidmap cannot be used together with --userns=%s",
			       mode);
	if (*mode == '\0' && opts->uidmap.count + opts->gidmap.count == 0)
		return 0;
	if (str_equal(mode, "host") ||
	    (str_equal(mode, "private") && opts->uidmap.count + opts->gidmap.count == 0))
		return 0; /* the caller's default map, as everywhere */
	if ((rest = str_after(mode, "container:")) != NULL)
		return namespace_join(create, "user", rest, err);
	if ((rest = str_after(mode, "ns:")) != NULL) {
		spec_namespace(create, "user", rest);
		return 0;
	}
	if (store_id_ranges(create->engine->store, &ranges, err) < 0)
		return -1;

	struct userns_words words = { getuid(), getgid(), 0 };
	create->own_maps = true;
	if (opts->uidmap.count + opts->gidmap.count > 0)
		return userns_custom(create, ranges, err);
	if (str_equal(mode, "nomap"))
		return idmap_plan_nomap(ranges, &create->maps, err);
	if ((rest = str_after(mode, USERNS_KEEP_ID)) != NULL && (*rest == '\0' || *rest == ':')) {
		if (userns_words(USERNS_KEEP_ID, *rest == ':' ? rest + 1 : "", &words, err) < 0)
			return -1;
		create->keep_id = true;
		keep_id_account(create, words.uid, words.gid);
		if (idmap_plan_keep_id(ranges, words.uid, words.gid, &create->maps, err) < 0)
			return -1;
		return userns_size(create, &words, err);
	}
	if ((rest = str_after(mode, "auto")) != NULL && (*rest == '\0' || *rest == ':')) {
		if (userns_words("auto", *rest == ':' ? rest + 1 : "", &words, err) < 0)
			return -1;
		return userns_auto(create, ranges, words.size, err);
	}
	err_set(err, ERR_USAGE, "invalid --userns '%s'", mode);
	return err_hint(err, "Use host, private, keep-id[:uid=N,gid=N], auto[:size=N], nomap, "
			     "container:NAME or ns:PATH.");
}

static void record_maps(struct create *create)
{
	if (!create->own_maps)
		return;
	cleanup_free char *uid_map = idmap_format(&create->maps.uid);
	cleanup_free char *gid_map = idmap_format(&create->maps.gid);

	json_put_string(create->record, KEY_UID_MAP, uid_map);
	json_put_string(create->record, KEY_GID_MAP, gid_map);
}

/* Another OCI runtime needs the maps in config.json; our own takes them from the record. */
static int spec_maps(struct create *create, struct err *err)
{
	const struct idmaps *maps = &create->maps;

	if (!create->own_maps && store_idmaps(create->engine->store, &maps, err) < 0)
		return -1;
	for (int kind = 0; kind < 2; kind++) {
		const struct idmap *map = kind == 0 ? &maps->uid : &maps->gid;
		json_t *list = json_array();

		for (size_t i = 0; i < map->count; i++) {
			json_t *item = json_object();

			json_put_int(item, "containerID", map->entries[i].inside);
			json_put_int(item, "hostID", map->entries[i].outside);
			json_put_int(item, "size", map->entries[i].count);
			json_array_append_new(list, item);
		}
		json_put(create_spec_object(create, "linux"),
			 kind == 0 ? "uidMappings" : "gidMappings", list);
	}
	return 0;
}

static int groups_and_users(struct create *create, struct err *err)
{
	const struct container_create_opts *opts = create->opts;
	json_t *runtime = json_object_get(create->record, KEY_RUNTIME);
	json_t *host_users = json_array();

	if (strv_contains(&opts->group_add, "keep-groups")) {
		if (opts->group_add.count > 1)
			return err_set(err, ERR_USAGE,
				       "the '--group-add keep-groups' option is not allowed with "
				       "any other "
				       "--group-add options");
		json_put_bool(runtime, KEY_KEEP_GROUPS, true);
		json_put(runtime, KEY_GROUP_ADD, json_array());
	}
	if (opts->passwd_entry != NULL)
		json_put_string(runtime, KEY_PASSWD_ENTRY, opts->passwd_entry);
	if (opts->group_entry != NULL)
		json_put_string(runtime, KEY_GROUP_ENTRY, opts->group_entry);
	json_put(runtime, KEY_HOST_USERS, host_users);
	for (size_t i = 0; i < opts->hostuser.count; i++) {
		cleanup_account struct account account = ACCOUNT_INIT;
		int found = account_find(opts->hostuser.items[i], &account, err);

		if (found < 0)
			return -1;
		if (found == 0)
			return err_set(err, ERR_NOT_FOUND,
				       "invalid --hostuser '%s': there is no such user on the host",
				       opts->hostuser.items[i]);
		cleanup_free char *line =
			xasprintf("%s:*:%u:%u:%s:%s:%s", account.name, account.uid, account.gid,
				  account.gecos, account.home, account.shell);
		json_array_append_new(host_users, json_text(line));
	}
	return 0;
}

static int hostname(struct create *create, struct err *err)
{
	const char *text = create->opts->hostname;
	bool host_uts = str_equal_null(create->opts->uts, "host");

	if (text != NULL) {
		size_t length = strspn(
			text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._");

		if (length == 0 || text[length] != '\0' || length > 64) {
			err_set(err, ERR_USAGE, "invalid --hostname of %zu characters",
				strlen(text));
			return err_hint(
				err, "A host name has 1 to 64 letters, digits, '-', '.' and '_'.");
		}
		if (host_uts)
			return err_set(err, ERR_USAGE,
				       "--hostname cannot be used together with --uts=host");
		create->hostname = xstrdup(text);
	} else if (host_uts) {
		char host[65] = "localhost";

		gethostname(host, sizeof(host) - 1);
		create->hostname = xstrdup(host);
	} else {
		create->hostname = xstrndup(create->id.text, OBJECT_ID_SHORT);
	}
	if (!host_uts &&
	    str_after(create->opts->uts != NULL ? create->opts->uts : "", "container:") == NULL)
		json_put_string(create->spec, "hostname", create->hostname);
	return 0;
}

/* --requires: containers that start before this one. They exist already, so nobody can wait for himself. */
static int requires(struct create *create, struct err *err)
{
	json_t *list = json_array();

	json_put(create->record, KEY_REQUIRES, list);
	for (size_t i = 0; i < create->opts->requires.count; i++) {
		cleanup_container struct container *other = NULL;

		if (container_get(create->engine, create->opts->requires.items[i], &other, err) < 0)
			return err_wrap(err, "cannot use --requires '%s'",
					create->opts->requires.items[i]);
		json_array_append_new(list, json_string(other->id.text));
	}
	return 0;
}

int create_namespaces(struct create *create, struct err *err)
{
	const struct container_create_opts *opts = create->opts;
	const char *ipc = opts->ipc;

	if (userns(create, err) < 0 || groups_and_users(create, err) < 0 ||
	    hostname(create, err) < 0 || requires(create, err) < 0)
		return -1;
	/* All of ours can be joined by the same user, so podman's words for that mean private; none is private without /dev/shm. */
	if (ipc != NULL && (str_equal(ipc, "shareable") || str_equal(ipc, "none")))
		ipc = "private";
	if (namespace_mode(create, "--pid", "pid", "pid", opts->pid, err) < 0 ||
	    namespace_mode(create, "--ipc", "ipc", "ipc", ipc, err) < 0 ||
	    namespace_mode(create, "--uts", "uts", "uts", opts->uts, err) < 0 ||
	    namespace_mode(create, "--cgroupns", "cgroup", "cgroup", opts->cgroupns, err) < 0)
		return -1;
	spec_namespace(create, "mount", NULL);

	json_t *network_joins = json_object_get(create->record, KEY_JOINS);
	switch (create->network.kind) {
	case NETWORK_HOST:
		break;
	case NETWORK_CONTAINER:
		if (namespace_join(create, "network", create->network.argument, err) < 0)
			return -1;
		break;
	case NETWORK_PATH:
		spec_namespace(create, "network", create->network.argument);
		break;
	default:
		spec_namespace(create, "network", NULL);
		break;
	}
	if (json_object_get(network_joins, "user") == NULL) {
		spec_namespace(create, "user", NULL);
		if (spec_maps(create, err) < 0)
			return -1;
	}
	record_maps(create);
	return 0;
}
