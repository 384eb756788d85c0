/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/secrets.c - the secrets of a container: its variables, and what inspect tells
 */
#include "engine/container/secrets.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "engine/container/record.h"
#include "storage/secret.h"

#include <fcntl.h>

json_t *container_secrets(const struct container *container)
{
	json_t *list = json_array();
	size_t i;
	json_t *item;

	json_array_foreach (json_object_get(container->create, KEY_SECRETS), i, item) {
		json_t *shown = json_object();

		json_put_string(shown, "Name", json_get_string(item, "", KEY_NAME, NULL));
		json_put_string(shown, "ID", json_get_string(item, "", KEY_ID, NULL));
		json_put_int(shown, "UID", json_get_int(item, 0, KEY_SECRET_UID, NULL));
		json_put_int(shown, "GID", json_get_int(item, 0, KEY_SECRET_GID, NULL));
		json_put_int(shown, "Mode", json_get_int(item, 0, KEY_SECRET_MODE, NULL));
		json_array_append_new(list, shown);
	}
	return list;
}

static int add_variable(const struct container *container, const json_t *item, size_t number,
			json_t *environment, struct err *err)
{
	const char *target = json_get_string(item, "", KEY_SECRET_TARGET, NULL);
	cleanup_free char *path = xasprintf(DIR_SECRETS "/%zu", number);
	cleanup_secret_data struct strbuf text = STRBUF_INIT;
	cleanup_fd int fd =
		path_open_beneath(container->dir_fd, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);

	strbuf_addf(&text, "%s=", target);
	int status = fd < 0 ? fd : fd_read_all(fd, &text, text.length + SECRET_BYTES_MAX);

	if (status < 0)
		return err_sys(err, -status, "cannot read the secret for the variable '%s'",
			       target);
	json_array_append_new(environment, json_text(text.data));
	return 0;
}

int container_add_secret_variables(const struct container *container, json_t *config,
				   struct err *err)
{
	json_t *process = json_object_get(config, "process");
	json_t *environment = json_object_get(process, "env");
	size_t i;
	json_t *item;

	json_array_foreach (json_object_get(container->create, KEY_SECRETS), i, item) {
		if (!str_equal(json_get_string(item, "", KEY_SECRET_TYPE, NULL), "env"))
			continue;
		if (!json_is_array(environment)) {
			environment = json_array();
			json_put(process, "env", environment);
		}
		if (add_variable(container, item, i, environment, err) < 0)
			return -1;
	}
	return 0;
}
