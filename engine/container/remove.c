/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/remove.c - remove and rename
 *
 * A container vanishes with one rename into tmp/: from then on nobody finds it, and what a crash leaves there is collected by a
 * later command. The name goes before, under the lock of names/, and only when it still stands for this container.
 */
#include "engine/container.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/path.h"
#include "base/process.h"
#include "base/record.h"
#include "engine/container/depend.h"
#include "engine/container/record.h"
#include "engine/container/state.h"
#include "engine/events.h"
#include "storage/image.h"
#include "storage/volume.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The name of a damaged container is not in its record: look for the one that stands for its id. */
static char *name_by_id(int names_fd, const struct object_id *id)
{
	cleanup_fd int fd = openat(names_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	char *found = NULL;

	if (dir == NULL)
		return NULL;
	(void)TAKE_FD(fd);
	for (struct dirent *entry; found == NULL && (entry = readdir(dir)) != NULL;) {
		cleanup_free char *name = name_unescape(entry->d_name);
		struct object_id owner;

		if (name != NULL && container_name_read(names_fd, name, &owner) > 0 &&
		    str_equal(owner.text, id->text))
			found = xstrdup(name);
	}
	closedir(dir);
	return found;
}

static int release_name(struct store *store, const struct container *container, struct err *err)
{
	cleanup_fd int names_fd = store_open_dir(store, "names", true, err);
	if (names_fd < 0)
		return -1;
	cleanup_fd int lock_fd = lock_take(names_fd, ".lock", true, err);
	if (lock_fd < 0)
		return -1;
	cleanup_free char *name = container->name != NULL ? xstrdup(container->name)
							  : name_by_id(names_fd, &container->id);
	struct object_id owner;

	if (name == NULL || container_name_read(names_fd, name, &owner) == 0 ||
	    !str_equal(owner.text, container->id.text))
		return 0;
	cleanup_free char *escaped = name_escape(name);
	if (unlinkat(names_fd, escaped, 0) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot give up the name '%s'", name);
	return 0;
}

/* Volumes that nobody else uses: the anonymous ones of this container. */
static void remove_anonymous_volumes(struct engine *engine, const struct strv *names)
{
	for (size_t i = 0; i < names->count; i++) {
		cleanup_strv struct strv users = STRV_INIT;
		struct err err = {
			0
		}; /* a volume that stays is seen in `volume ls`; the container is gone */

		if (container_uses_volume(engine, names->items[i], &users, &err) == 0 &&
		    users.count == 0)
			volume_remove(engine->store, names->items[i], &err);
	}
}

static void anonymous_volumes(const struct container *container, struct strv *names)
{
	size_t i;
	json_t *item;

	json_array_foreach (json_object_get(container->create, KEY_MOUNTS), i, item)
		if (json_get_bool(item, false, "Anonymous", NULL))
			strv_add(names, json_get_string(item, "", "Name", NULL));
}

/* A damaged container may still run: its monitor's records are enough to end it. */
static int kill_damaged(const struct container *container, struct err *err)
{
	struct container_state state;

	container_state_read(container->dir_fd, &state);
	if (state.pid <= 0)
		return 0;
	cleanup_fd int pid_fd = process_open(state.pid, state.start_ticks);
	if (pid_fd < 0)
		return 0;
	process_signal(pid_fd, SIGKILL);
	if (fd_wait_readable(pid_fd, 5000) <= 0)
		return err_set(err, ERR_TIMEOUT, "container '%s' does not end", container->id.text);
	return 0;
}

static int ensure_stopped(struct engine *engine, struct container *container,
			  const struct container_rm_opts *opts, struct err *err)
{
	if (container->create == NULL)
		return kill_damaged(container, err);
	if (container_refresh(container, err) < 0)
		return -1;
	enum container_status status = container->state.status;

	if (status != CONTAINER_RUNNING && status != CONTAINER_PAUSED &&
	    status != CONTAINER_INITIALIZED)
		return 0;
	if (!opts->force)
		return err_set(
			err, ERR_STATE,
			"cannot remove container %s as it is %s - running or paused containers "
			"cannot be removed without force: container state improper",
			container->id.text, container_state_name(&container->state));
	if (status == CONTAINER_PAUSED && container_pause(engine, container, false, err) < 0)
		return -1;
	return container_stop(engine, container, &opts->stop, err);
}

/* Those that need it go first, or it stays. */
static int check_dependents(struct engine *engine, const struct container *container,
			    const struct container_rm_opts *opts, struct err *err)
{
	cleanup_strv struct strv ids = STRV_INIT;

	if (depend_list(engine, container, &ids, err) < 0)
		return -1;
	for (size_t i = 0; opts->depend && i < ids.count; i++) {
		cleanup_container struct container *other = NULL;
		int found = container_find(engine, ids.items[i], &other, err);

		if (found < 0 || (found > 0 && container_remove(engine, other, opts, err) < 0))
			return -1;
		if (found > 0 && opts->ret_dependents != NULL)
			strv_add(opts->ret_dependents, ids.items[i]);
	}
	if (opts->depend || ids.count == 0)
		return 0;
	cleanup_free char *list = strv_join(&ids, " ");

	err_set(err, ERR_EXISTS,
		"container %s has dependent containers which must be removed before it: %s",
		container->id.text, list);
	return err_hint(err, "Remove these first, or use rm --depend.");
}

int container_remove(struct engine *engine, struct container *container,
		     const struct container_rm_opts *opts, struct err *err)
{
	struct store *store = engine->store;
	cleanup_strv struct strv volumes = STRV_INIT;
	const char *what = container->name != NULL ? container->name : container->id.text;

	if (check_dependents(engine, container, opts, err) < 0)
		return -1;

	if (ensure_stopped(engine, container, opts, err) < 0)
		return -1;
	if (opts->volumes || container->remove_at_exit)
		anonymous_volumes(container, &volumes);

	cleanup_fd int lock_fd = lock_take(container->dir_fd, FILE_LOCK, true, err);
	if (lock_fd < 0) {
		struct stat st;

		/* removed by somebody else meanwhile: what was wanted is so */
		if (fstat(container->dir_fd, &st) == 0 && st.st_nlink == 0)
			return 0;
		return err_wrap(err, "cannot remove container '%s'", what);
	}
	if (alive_is_held(container->dir_fd, FILE_ALIVE) && !opts->force)
		return err_set(err, ERR_STATE,
			       "cannot remove container '%s': it was started meanwhile", what);

	struct err ignored = {
		0
	}; /* leftovers of the last run are not worth keeping the container for */
	if (container->create != NULL)
		container_cleanup(engine, container, false, &ignored);
	if (release_name(store, container, err) < 0)
		return err_wrap(err, "cannot remove container '%s'", what);

	cleanup_fd int containers_fd = container_open_dir(engine, true, err);
	if (containers_fd < 0)
		return -1;
	int removed = store_remove_entry(store, containers_fd, container->id.text, err);
	if (removed < 0)
		return err_wrap(err, "cannot remove container '%s'", what);
	if (removed == 0)
		return 0;
	const char *cid_file = json_get_string(container->create, NULL, KEY_CID_FILE, NULL);
	if (cid_file != NULL)
		unlink(cid_file);
	remove_anonymous_volumes(engine, &volumes);
	if (container->create != NULL)
		event_container(engine, container, EVENT_REMOVE);
	return 0;
}

int container_rename(struct engine *engine, struct container *container, const char *new_name,
		     struct err *err)
{
	struct store *store = engine->store;
	struct object_id owner;

	if (container->create == NULL)
		return err_set(err, ERR_CORRUPT,
			       "cannot rename container '%s': its record is damaged",
			       container->id.text);
	if (!container_name_is_valid(new_name)) {
		cleanup_strbuf struct strbuf escaped = STRBUF_INIT;

		strbuf_add_escaped(&escaped, new_name);
		err_set(err, ERR_USAGE, "invalid container name '%s'", escaped.data);
		return err_hint(err, "A name starts with a letter or digit and has letters, "
				     "digits, '_', '.' and '-' only.");
	}
	cleanup_fd int names_fd = store_open_dir(store, "names", true, err);
	if (names_fd < 0)
		return -1;
	cleanup_fd int containers_fd = container_open_dir(engine, true, err);
	if (containers_fd < 0)
		return -1;
	cleanup_fd int names_lock_fd = lock_take(names_fd, ".lock", true, err);
	if (names_lock_fd < 0)
		return -1;
	cleanup_free char *escaped_new = name_escape(new_name),
			  *escaped_old = name_escape(container->name);

	if (container_name_read(names_fd, new_name, &owner) > 0) {
		if (faccessat(containers_fd, owner.text, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return err_set(err, ERR_EXISTS,
				       "the container name \"%s\" is already in use by %s: that "
				       "name is already in use",
				       new_name, owner.text);
		unlinkat(names_fd, escaped_new, 0); /* left by a crash */
	}
	cleanup_fd int lock_fd = lock_take(container->dir_fd, FILE_LOCK, true, err);
	if (lock_fd < 0)
		return -1;
	if (symlinkat(container->id.text, names_fd, escaped_new) < 0)
		return err_sys(err, errno, "cannot take the name '%s'", new_name);

	/* The record decides; between the two steps both names find the container. */
	cleanup_json json_t *record = json_copy(container->create);
	json_put_string(record, KEY_NAME, new_name);
	if (record_write_json(container->dir_fd, FILE_CREATE, RECORD_KIND_CONTAINER,
			      RECORD_VERSION_CONTAINER, record, RECORD_DURABLE, err) < 0) {
		unlinkat(names_fd, escaped_new, 0);
		return -1;
	}
	unlinkat(names_fd, escaped_old, 0);
	free(container->name);
	container->name = xstrdup(new_name);
	event_container(engine, container, EVENT_RENAME);
	return 0;
}
