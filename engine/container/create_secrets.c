/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/create_secrets.c - `--secret`: from the store into the container, and nowhere else (R18)
 *
 * create copies the bytes to containers/ID/secrets/N, as podman has it: the container keeps what it was made with, also when the secret is
 * replaced or removed. A file is bound read-only to its place. A variable is added to the environment when a program is started, so it is in no
 * record: not in create.json, config.json, inspect, commit. The copy of a mount belongs to the user that the option names.
 */
#include "engine/container/create.h"

#include "base/err.h"
#include "base/fd.h"
#include "engine/container/record.h"
#include "engine/container/secrets.h"
#include "rootless/rootless.h"
#include "storage/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRETS_MAX 256

/* A bind that inspect does not show. */
static int plan_mount(struct create *create, const struct secret_use *use, size_t number,
		      struct err *err)
{
	struct create_mount mount = {
		.type = xstrdup("bind"),
		.source = xasprintf("%s/containers/%s/" DIR_SECRETS "/%zu",
				    create->engine->store->root_path, create->id.text, number),
		.destination = xstrdup(use->target),
		.read_only = true,
		.hidden = true,
	};

	strv_split(&mount.options, "bind,rprivate,ro,nosuid,nodev,noexec", ',');
	return create_add_mount(create, &mount, err);
}

static json_t *secret_json(const struct secret *secret, const struct secret_use *use)
{
	json_t *item = json_object();

	json_put_string(item, KEY_ID, secret->id);
	json_put_string(item, KEY_NAME, secret->name);
	json_put_string(item, KEY_SECRET_TYPE, secret_use_type_name((int)use->type));
	json_put_string(item, KEY_SECRET_TARGET, use->target);
	if (use->type == SECRET_USE_MOUNT) {
		json_put_int(item, KEY_SECRET_UID, use->uid);
		json_put_int(item, KEY_SECRET_GID, use->gid);
		json_put_int(item, KEY_SECRET_MODE, use->mode);
	}
	return item;
}

int create_secrets(struct create *create, struct err *err)
{
	const struct strv *texts = &create->opts->secrets;
	json_t *list = json_array();

	if (texts->count == 0) {
		json_decref(list);
		return 0;
	}
	json_put(create->record, KEY_SECRETS, list);
	if (texts->count > SECRETS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d secrets", SECRETS_MAX);
	for (size_t i = 0; i < texts->count; i++) {
		cleanup_secret_use struct secret_use use = { 0 };
		cleanup_secret struct secret *secret = NULL;

		if (secret_parse_option(texts->items[i], &use, err) < 0 ||
		    secret_get(create->engine->store, use.source, &secret, err) < 0)
			return -1;
		json_array_append_new(list, secret_json(secret, &use));
		if (use.type == SECRET_USE_MOUNT && plan_mount(create, &use, i, err) < 0)
			return -1;
	}
	return 0;
}

struct owner {
	int fd;
	uid_t uid;
	gid_t gid;
};

static int change_owner(void *arg, struct err *err)
{
	const struct owner *owner = arg;

	if (fchown(owner->fd, owner->uid, owner->gid) < 0)
		return err_sys(err, errno, "cannot give a secret to user %u", (unsigned)owner->uid);
	return 0;
}

/*
 * Files that we make belong to the caller, who is root of most containers: then nothing has to be done, and no process is started. Otherwise the
 * owner is changed in the store's user namespace, where both the caller's id and every id of a container are mapped; in the container's own
 * the file's present owner may have no number.
 */
static int give_to_owner(struct create *create, const json_t *item, int fd, struct err *err)
{
	const struct idmaps *store_maps;
	const struct idmaps *maps = &create->maps;
	struct owner owner = { .fd = fd };
	uint32_t uid = (uint32_t)json_get_int(item, 0, KEY_SECRET_UID, NULL);
	uint32_t gid = (uint32_t)json_get_int(item, 0, KEY_SECRET_GID, NULL);
	uint32_t host_uid = 0, host_gid = 0;

	if (store_idmaps(create->engine->store, &store_maps, err) < 0)
		return -1;
	if (maps->uid.count == 0)
		maps = store_maps;
	if (idmap_to_host(&maps->uid, uid, &host_uid) == 0 ||
	    idmap_to_host(&maps->gid, gid, &host_gid) == 0 ||
	    idmap_to_inside(&store_maps->uid, host_uid, &owner.uid) == 0 ||
	    idmap_to_inside(&store_maps->gid, host_gid, &owner.gid) == 0)
		return err_set(err, ERR_USAGE,
			       "cannot give secret '%s' to %u:%u: the container has no such ids",
			       json_get_string(item, "", KEY_NAME, NULL), uid, gid);
	if (host_uid == getuid() && host_gid == getgid())
		return 0;
	return userns_run(store_maps, change_owner, &owner, err);
}

/* The environment is JSON on its way to the program. */
static bool is_text(const struct strbuf *data)
{
	const char *at = data->data;

	for (size_t length; (length = utf8_sequence(at)) > 0;)
		at += length;
	return at == data->data + data->length;
}

static int copy_secret(struct create *create, const json_t *item, int dir_fd, size_t number,
		       struct err *err)
{
	const char *name = json_get_string(item, "", KEY_NAME, NULL);
	bool is_env = str_equal(json_get_string(item, "", KEY_SECRET_TYPE, NULL), "env");
	mode_t mode = is_env ? 0600 : (mode_t)json_get_int(item, 0444, KEY_SECRET_MODE, NULL);
	cleanup_free char *file = xasprintf("%zu", number);
	cleanup_secret struct secret *secret = NULL;
	cleanup_secret_data struct strbuf data = STRBUF_INIT;

	/* by id: the one that was looked up, whatever has the name now */
	if (secret_get(create->engine->store, json_get_string(item, "", KEY_ID, NULL), &secret,
		       err) < 0 ||
	    secret_read(create->engine->store, secret, &data, err) < 0)
		return -1;
	if (is_env && !is_text(&data))
		return err_set(err, ERR_USAGE,
			       "secret '%s' cannot be a variable: it is no text in UTF-8", name);
	cleanup_fd int fd =
		openat(dir_fd, file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int status = fd < 0 ? -errno : fd_write_full(fd, data.data, data.length);

	/* the mode before the owner: who has given a file away may not change it */
	if (status == 0 && fchmod(fd, mode) < 0)
		status = -errno;
	if (status < 0)
		return err_sys(err, -status, "cannot copy secret '%s'", name);
	return is_env ? 0 : give_to_owner(create, item, fd, err);
}

int create_apply_secrets(struct create *create, int container_fd, struct err *err)
{
	const json_t *list = json_object_get(create->record, KEY_SECRETS);
	size_t i;
	json_t *item;

	if (json_array_size(list) == 0)
		return 0;
	if (mkdirat(container_fd, DIR_SECRETS, 0700) < 0)
		return err_sys(err, errno, "cannot make the directory of the secrets");
	cleanup_fd int dir_fd =
		openat(container_fd, DIR_SECRETS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir_fd < 0)
		return err_sys(err, errno, "cannot open the directory of the secrets");
	json_array_foreach (list, i, item) {
		if (copy_secret(create, item, dir_fd, i, err) < 0)
			return -1;
	}
	return 0;
}
