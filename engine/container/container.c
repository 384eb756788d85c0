/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/container.c - load containers from their records, find and list them
 *
 * No lock is taken and no process is started: a container that is removed while it is being read is as good as not there. A name
 * is a symlink names/ESCAPED-NAME whose target is the id: it is read with readlink only, never followed, and cannot be
 * half written. A record that cannot be read makes a damaged container, which is listed and can be removed (P7).
 */
#include "engine/container.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "base/record.h"
#include "engine/container/record.h"
#include "engine/container/state.h"
#include "storage/image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <string.h>
#include <sys/stat.h>

void container_free(struct container *container)
{
	if (container == NULL)
		return;
	free(container->name);
	json_decref(container->create);
	fd_close(&container->dir_fd);
	free(container);
}

void container_list_release(struct container_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		container_free(list->items[i]);
	free(list->items);
	*list = (struct container_list){ NULL, 0 };
}

void container_borrow(struct container *container)
{
	const json_t *create = container->create;

	container->image_name = json_get_string(create, "", KEY_IMAGE, KEY_NAME, NULL);
	container->image_id = json_get_string(create, "", KEY_IMAGE, KEY_ID, NULL);
	container->image_manifest = json_get_string(create, "", KEY_IMAGE, KEY_MANIFEST, NULL);
}

/* Fill what is borrowed from the record. */
static void container_set_create(struct container *container, json_t *create_take)
{
	container->create = create_take;
	container->name = xstrdup(json_get_string(create_take, "", KEY_NAME, NULL));
	container_borrow(container);
	container->created_ns = json_get_int(create_take, 0, KEY_CREATED_NS, NULL);
	container->remove_at_exit = json_get_bool(create_take, false, KEY_REMOVE, NULL);
	container->terminal = json_get_bool(create_take, false, KEY_TERMINAL, NULL);
	container->interactive = json_get_bool(create_take, false, KEY_INTERACTIVE, NULL);
}

int container_load(int containers_fd, const char *id, struct container **ret_container,
		   struct err *err)
{
	cleanup_container struct container *container = xcalloc(1, sizeof(*container));

	container->image_name = container->image_id = container->image_manifest = "";
	container->dir_fd = -1;
	if (object_id_parse(id, &container->id) < 0)
		return 0;

	container->dir_fd =
		openat(containers_fd, id, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (container->dir_fd < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return 0;
		return err_sys(err, errno, "cannot open container '%s'", id);
	}

	json_t *create = NULL;
	struct err damage = { 0 };
	int found = record_read_json(container->dir_fd, FILE_CREATE, RECORD_KIND_CONTAINER,
				     RECORD_VERSION_CONTAINER, &create, &damage);
	if (found <= 0) {
		struct stat st;

		/* removed meanwhile: its directory has no link any more */
		if (found == 0 && fstat(container->dir_fd, &st) == 0 && st.st_nlink == 0)
			return 0;
		debug("container '%s' is damaged: %s", id,
		      found < 0 ? damage.msg : "its record is missing");
		container->state.status = CONTAINER_DAMAGED;
	} else {
		container_set_create(container, create);
		if (container_refresh(container, err) < 0)
			return -1;
	}

	*ret_container = TAKE_PTR(container);
	return 1;
}

int container_open_dir(struct engine *engine, bool make, struct err *err)
{
	if (engine->store->root_fd < 0 && !make)
		return err_set(err, ERR_NOT_FOUND, "there is no store at '%s'",
			       engine->store->root_path);
	return store_open_dir(engine->store, "containers", make, err);
}

/* Call visit for each id in containers/; 0 goes on, anything else ends it and is returned. */
static int container_each_id(struct engine *engine,
			     int (*visit)(void *arg, int containers_fd, const char *id,
					  struct err *err),
			     void *arg, struct err *err)
{
	cleanup_fd int containers_fd = container_open_dir(engine, false, err);
	if (containers_fd < 0)
		return err->kind == ERR_NOT_FOUND ? 0 : -1;

	int dup_fd = fcntl(containers_fd, F_DUPFD_CLOEXEC, 3);
	DIR *dir = dup_fd < 0 ? NULL : fdopendir(dup_fd);
	if (dir == NULL) {
		int saved = errno;

		fd_close(&dup_fd);
		return err_sys(err, saved, "cannot list the containers");
	}

	int result = 0;
	for (struct dirent *entry; result == 0 && (entry = readdir(dir)) != NULL;) {
		struct object_id id;

		if (object_id_parse(entry->d_name, &id) == 0)
			result = visit(arg, containers_fd, entry->d_name, err);
	}
	closedir(dir);
	return result;
}

/* 1 and the id, 0 there is no such name. */
static int container_name_lookup(struct engine *engine, const char *name, struct object_id *ret_id,
				 struct err *err)
{
	if (engine->store->root_fd < 0)
		return 0;
	cleanup_fd int names_fd = store_open_dir(engine->store, "names", false, err);
	if (names_fd < 0)
		return err->kind == ERR_NOT_FOUND ? 0 : -1;

	return container_name_read(names_fd, name, ret_id);
}

int container_name_read(int names_fd, const char *name, struct object_id *ret_id)
{
	cleanup_free char *escaped = name_escape(name);
	char target[DIGEST_HEX + 2];

	ssize_t length = readlinkat(names_fd, escaped, target, sizeof(target) - 1);
	if (length < 0)
		return 0;
	target[length] = '\0';
	return object_id_parse(target, ret_id) == 0 ? 1 : 0;
}

struct prefix_search {
	const char *prefix;
	struct object_id found;
	int matches;
};

static int prefix_visit(void *arg, int containers_fd, const char *id, struct err *err)
{
	struct prefix_search *search = arg;

	(void)containers_fd;
	(void)err;
	if (str_after(id, search->prefix) == NULL)
		return 0;
	search->matches++;
	return object_id_parse(id, &search->found) < 0 || search->matches > 1 ? 1 : 0;
}

int container_find(struct engine *engine, const char *text, struct container **ret_container,
		   struct err *err)
{
	struct object_id id;
	int found =
		container_name_is_valid(text) ? container_name_lookup(engine, text, &id, err) : 0;
	if (found < 0)
		return -1;

	if (found == 0 && !object_id_is_prefix(text))
		return 0;

	cleanup_fd int containers_fd = container_open_dir(engine, false, err);
	if (containers_fd < 0)
		return err->kind == ERR_NOT_FOUND ? 0 : -1;

	if (found > 0) {
		int loaded = container_load(containers_fd, id.text, ret_container, err);

		if (loaded != 0)
			return loaded;
		if (!object_id_is_prefix(text))
			return 0; /* a name whose container is gone: a crash between two steps of rm */
	}
	if (object_id_parse(text, &id) == 0)
		return container_load(containers_fd, id.text, ret_container, err);

	struct prefix_search search = { .prefix = text };
	if (container_each_id(engine, prefix_visit, &search, err) < 0)
		return -1;
	if (search.matches == 0)
		return 0;
	if (search.matches > 1) {
		err_set(err, ERR_AMBIGUOUS,
			"more than one container has an id that starts with '%s'", text);
		return err_hint(err, "Type more digits of the id, or the name.");
	}
	return container_load(containers_fd, search.found.text, ret_container, err);
}

int container_get(struct engine *engine, const char *text, struct container **ret_container,
		  struct err *err)
{
	int found = container_find(engine, text, ret_container, err);

	if (found < 0)
		return -1;
	if (found == 0) {
		cleanup_strbuf struct strbuf escaped = STRBUF_INIT;

		strbuf_add_escaped(&escaped, text);
		return err_set(err, ERR_NOT_FOUND,
			       "no container with name or ID \"%s\" found: no such container",
			       escaped.data);
	}
	return 0;
}

static int container_compare(const void *a, const void *b)
{
	const struct container *left = *(struct container *const *)a;
	const struct container *right = *(struct container *const *)b;

	if (left->created_ns != right->created_ns)
		return left->created_ns < right->created_ns ? -1 : 1;
	return strcmp(left->id.text, right->id.text);
}

struct list_build {
	struct container_list *list;
	size_t size;
};

static int list_visit(void *arg, int containers_fd, const char *id, struct err *err)
{
	struct list_build *build = arg;
	struct container *container = NULL;
	int found = container_load(containers_fd, id, &container, err);

	if (found <= 0)
		return found;
	if (build->list->count == build->size) {
		build->size = build->size * 2 + 16;
		build->list->items =
			xreallocarray(build->list->items, build->size, sizeof(*build->list->items));
	}
	build->list->items[build->list->count++] = container;
	return 0;
}

int container_list(struct engine *engine, struct container_list *ret_list, struct err *err)
{
	cleanup_container_list struct container_list list = { NULL, 0 };
	struct list_build build = { .list = &list };

	if (container_each_id(engine, list_visit, &build, err) < 0)
		return -1;

	if (list.count > 1)
		qsort(list.items, list.count, sizeof(*list.items), container_compare);
	*ret_list = list;
	list = (struct container_list){ NULL, 0 };
	return 0;
}

bool container_is_working(const struct container *container)
{
	return json_object_get(container->create, KEY_WORKING) != NULL;
}

bool container_is_idle(const struct container *container)
{
	return (container->state.status == CONTAINER_CREATED ||
		container->state.status == CONTAINER_EXITED) &&
	       !container_is_working(container);
}

int container_find_latest(struct engine *engine, struct container **ret_container, struct err *err)
{
	cleanup_container_list struct container_list list = { NULL, 0 };

	if (container_list(engine, &list, err) < 0)
		return -1;
	for (size_t i = list.count; i-- > 0;) {
		if (container_is_working(list.items[i]))
			continue;
		*ret_container = list.items[i];
		list.items[i] = NULL;
		return 1;
	}
	return 0;
}

/* Names or ids of all containers that a test likes. */
static int container_collect(struct engine *engine,
			     bool (*test)(const struct container *, const void *), const void *arg,
			     struct strv *ret_ids, struct err *err)
{
	cleanup_container_list struct container_list list = { NULL, 0 };

	if (container_list(engine, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++)
		if (test(list.items[i], arg))
			strv_add(ret_ids, list.items[i]->id.text);
	return 0;
}

static bool uses_image(const struct container *container, const void *manifest)
{
	const char *text = ((const struct digest *)manifest)->text;
	size_t i;
	json_t *view;

	json_array_foreach (json_at(container->create, KEY_RUNTIME, KEY_VIEWS, NULL), i, view)
		if (str_equal(json_get_string(view, "", KEY_MANIFEST, NULL), text))
			return true;
	return str_equal(container->image_manifest, text);
}

int container_uses_image(struct engine *engine, const struct digest *manifest, struct strv *ret_ids,
			 struct err *err)
{
	return container_collect(engine, uses_image, manifest, ret_ids, err);
}

static bool uses_volume(const struct container *container, const void *name)
{
	size_t i;
	json_t *item;

	json_array_foreach (json_object_get(container->create, KEY_MOUNTS), i, item)
		if (str_equal(json_get_string(item, "", "Name", NULL), name))
			return true;
	return false;
}

int container_uses_volume(struct engine *engine, const char *volume, struct strv *ret_ids,
			  struct err *err)
{
	return container_collect(engine, uses_volume, volume, ret_ids, err);
}

bool container_name_is_valid(const char *name)
{
	size_t length =
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	return length > 0 && name[length] == '\0' && length <= 240 &&
	       strchr("_.-", name[0]) == NULL;
}
