/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/depend.c - containers that need others
 */
#include "engine/container/depend.h"

#include "base/err.h"
#include "base/fd.h"
#include "engine/container/record.h"
#include "engine/container/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIR_DEPENDENTS "dependents"

/* Ids of all that a record names. */
static void needed_ids(const json_t *record, struct strv *ids)
{
	const char *kind;
	json_t *value;

	json_get_strv(record, KEY_REQUIRES, ids);
	json_object_foreach (json_object_get(record, KEY_JOINS), kind, value) {
		const char *id = json_string_value(value);

		if (id != NULL && !strv_contains(ids, id))
			strv_add(ids, id);
	}
}

static int note_one(int containers_fd, const char *needed, const char *id, struct err *err)
{
	cleanup_free char *path = xasprintf("%s/" DIR_DEPENDENTS, needed);

	if (mkdirat(containers_fd, path, 0700) < 0 && errno != EEXIST)
		return err_sys(err, errno, "cannot depend on container '%.12s'", needed);
	cleanup_fd int dir_fd =
		openat(containers_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	cleanup_fd int fd =
		dir_fd < 0 ? -1 : openat(dir_fd, id, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_sys(err, errno, "cannot depend on container '%.12s'", needed);
	return 0;
}

int depend_note(struct create *create, struct err *err)
{
	cleanup_strv struct strv ids = STRV_INIT;

	needed_ids(create->record, &ids);
	if (ids.count == 0)
		return 0;
	cleanup_fd int containers_fd = container_open_dir(create->engine, false, err);

	if (containers_fd < 0)
		return -1;
	for (size_t i = 0; i < ids.count; i++) {
		if (note_one(containers_fd, ids.items[i], create->id.text, err) < 0)
			return -1;
	}
	return 0;
}

static bool needs(int containers_fd, const char *id, const struct container *needed)
{
	cleanup_container struct container *other = NULL;
	cleanup_strv struct strv ids = STRV_INIT;
	struct err ignored; /* one that cannot be read needs nothing any more */

	if (container_load(containers_fd, id, &other, &ignored) <= 0)
		return false;
	needed_ids(other->create, &ids);
	return strv_contains(&ids, needed->id.text);
}

int depend_list(struct engine *engine, const struct container *container, struct strv *ret_ids,
		struct err *err)
{
	cleanup_fd int fd = openat(container->dir_fd, DIR_DEPENDENTS,
				   O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return 0;
	cleanup_fd int containers_fd = container_open_dir(engine, false, err);
	if (containers_fd < 0)
		return -1;
	DIR *dir = fdopendir(fd);
	if (dir == NULL)
		return err_sys(err, errno, "cannot see what depends on container '%s'",
			       container->id.text);
	(void)TAKE_FD(fd);
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		if (entry->d_name[0] != '.' && needs(containers_fd, entry->d_name, container))
			strv_add(ret_ids, entry->d_name);
	}
	closedir(dir);
	return 0;
}
