/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/create.c - container_create(): plan, check, apply
 *
 * All options are read and checked before anything is made. Then, in this order, so that a crash leaves nothing that needs repair: volumes (a
 * new volume that nobody uses is visible and can be removed), a staging directory with both records, the name, and the rename that publishes the
 * container. Name and rename happen under the lock of names/, and a name whose container is not there belongs to nobody.
 */
#include "engine/container/create.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/lock.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/record.h"
#include "engine/container/depend.h"
#include "engine/container/record.h"
#include "engine/container/state.h"
#include "engine/events.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OCI_VERSION "1.2.0"

#define NAME_ATTEMPTS_MAX 100

void create_release(struct create *create)
{
	for (size_t i = 0; i < create->mount_count; i++)
		create_mount_release(&create->mounts[i]);
	free(create->mounts);
	image_free(create->image);
	json_decref(create->image_config);
	json_decref(create->image_process);
	free(create->rootfs_path);
	free(create->name);
	free(create->hostname);
	strv_release(&create->argv);
	strv_release(&create->env);
	strv_release(&create->capabilities);
	idmaps_release(&create->maps);
	network_mode_release(&create->network);
	port_mappings_release(&create->ports);
	json_decref(create->cdi);
	json_decref(create->record);
	json_decref(create->spec);
}

/* ---- what it is made of ---- */

/* --rootfs DIR[:O|:idmap] */
static int create_from_directory(struct create *create, const char *text, struct err *err)
{
	size_t length = strlen(text);
	struct stat st;

	create->rootfs_overlay = str_ends_with(text, ":O");
	bool map_ids = str_ends_with(text, ":idmap");
	cleanup_free char *path = xstrndup(text, create->rootfs_overlay ? length - 2
						 : map_ids		? length - strlen(":idmap")
									: length);
	create->rootfs_path = realpath(path, NULL);
	if (create->rootfs_path == NULL || stat(create->rootfs_path, &st) < 0)
		return err_sys(err, errno, "cannot use '%s' as the root file system", path);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_USAGE,
			       "cannot use '%s' as the root file system: it is no directory", path);

	json_t *rootfs = json_object();
	json_put_string(rootfs, KEY_PATH, create->rootfs_path);
	json_put_bool(rootfs, KEY_OVERLAY, create->rootfs_overlay);
	if (map_ids)
		json_put_bool(rootfs, KEY_IDMAP, true);
	json_put(create->record, KEY_ROOTFS, rootfs);
	create->image_process = json_object();
	return 0;
}

static int create_from_image(struct create *create, const char *text, progress_function progress,
			     void *progress_arg, struct err *err)
{
	json_t *layers = json_array();

	json_put(create->record, KEY_LAYERS, layers);
	if (create->opts->working)
		json_put(create->record, KEY_WORKING, json_object());
	if (create->opts->working && str_equal(text, "scratch")) {
		create->image_process = json_object();
		return 0;
	}
	if (image_pull(create->engine, text, &create->opts->pull, progress, progress_arg,
		       &create->image, err) < 0)
		return -1;
	if (image_config(create->engine->store, create->image, &create->image_config, err) < 0)
		return -1;

	json_t *process = json_object_get(create->image_config, "config");
	create->image_process = json_is_object(process) ? json_incref(process) : json_object();
	for (size_t i = 0; i < create->image->layer_count; i++)
		json_array_append_new(layers, json_string(create->image->layers[i].diff_id.text));
	return 0;
}

static void record_image(struct create *create, const char *text)
{
	const struct image *image = create->image;
	json_t *object = json_object();

	/* the name the user would type again: a name of the image that fits, or its first one */
	const char *name = image != NULL && image->names.count > 0 ? image->names.items[0] : "";
	for (size_t i = 0; image != NULL && i < image->names.count; i++) {
		size_t typed = strlen(text);
		const char *candidate = image->names.items[i];
		size_t length = strlen(candidate);

		if (length >= typed && strstr(candidate, text) != NULL)
			name = candidate;
	}
	json_put_string(object, KEY_NAME, name);
	json_put_string(object, KEY_ID, image != NULL ? digest_hex(&image->config) : "");
	json_put_int(create->record, "imageSize", image != NULL ? (int64_t)image->size_bytes : 0);
	json_put_string(object, KEY_MANIFEST, image != NULL ? image->manifest.text : "");
	json_put(create->record, KEY_IMAGE, object);
}

/* What only inspect shows: the options as they were asked for. */
static void record_asked(struct create *create)
{
	const struct container_create_opts *opts = create->opts;
	const struct {
		const char *key;
		const struct strv *list;
	} lists[] = { { "volumes", &opts->volumes },
		      { "tmpfs", &opts->tmpfs },
		      { "capAdd", &opts->cap_add },
		      { "capDrop", &opts->cap_drop },
		      { "dns", &opts->dns },
		      { "dnsSearch", &opts->dns_search },
		      { "dnsOptions", &opts->dns_option },
		      { "addHost", &opts->add_host },
		      { "groupAdd", &opts->group_add },
		      { "securityOpt", &opts->security_opt },
		      { "volumesFrom", &opts->volumes_from },
		      { "network", &opts->network },
		      { "commandLine", &opts->command_line } };
	const struct {
		const char *key, *text;
	} texts[] = { { "userns", opts->userns },     { "pid", opts->pid },
		      { "ipc", opts->ipc },	      { "uts", opts->uts },
		      { "cgroupns", opts->cgroupns }, { "tz", opts->tz },
		      { "user", opts->user },	      { "workdir", opts->workdir } };
	json_t *asked = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		json_put_strv(asked, lists[i].key, lists[i].list);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (texts[i].text != NULL)
			json_put_string(asked, texts[i].key, texts[i].text);
	json_put_bool(asked, "privileged", opts->privileged);
	json_put_bool(asked, "readOnly", opts->read_only);
	json_put_bool(asked, "publishAll", opts->publish_all);
	json_put_bool(asked, "init", opts->init);
	json_put_bool(asked, "detach", opts->detach);
	json_put_bool(asked, "passwd", opts->passwd != 0);
	json_put(create->record, KEY_ASKED, asked);
}

static void spec_root(struct create *create)
{
	json_t *root = json_object();

	json_put_string(create->spec, "ociVersion", OCI_VERSION);
	json_put_string(root, "path", create->rootfs_path != NULL ? create->rootfs_path : "rootfs");
	json_put_bool(root, "readonly", create->opts->read_only);
	json_put(create->spec, "root", root);
}

int create_plan(struct create *create, const struct strv *argv, struct err *err)
{
	create->privileged = create->opts->privileged;
	if (create_cdi(create, err) < 0 || create_process(create, argv, err) < 0 ||
	    create_network_mode(create, err) < 0 || create_namespaces(create, err) < 0 ||
	    create_network(create, err) < 0 || create_env(create, err) < 0 ||
	    create_security(create, err) < 0 || create_mounts(create, err) < 0 ||
	    create_limits(create, err) < 0 || create_life(create, err) < 0 ||
	    create_health(create, err) < 0)
		return -1;
	spec_root(create);
	record_asked(create);
	return 0;
}

/* ---- making it ---- */

struct made_volumes {
	struct strv names;
};

/* volume create --opt type=tmpfs --opt o=WORDS: the words are those of --tmpfs. */
static int volume_tmpfs(struct create_mount *mount, const struct volume *volume, struct err *err)
{
	struct create_mount words = { .type = xstrdup("tmpfs"), .no_copy = true };
	cleanup_strv struct strv items = STRV_INIT;
	int rc = 0;

	for (size_t i = 0; i < volume->options.count; i++)
		if (str_after(volume->options.items[i], "o=") != NULL)
			strv_split(&items, str_after(volume->options.items[i], "o="), ',');
	for (size_t i = 0; i < items.count && rc == 0; i++)
		rc = create_tmpfs_word(&words, items.items[i], volume->name, err);
	if (rc == 0) {
		create_tmpfs_finish(&words);
		strv_copy(&mount->tmpfs_options, &words.options);
		strv_add(&mount->tmpfs_options, mount->read_only ? "ro" : "rw");
	}
	create_mount_release(&words);
	return rc < 0 ? err_wrap(err, "in the options of volume '%s'", volume->name) : 0;
}

static int apply_volume(struct create *create, struct create_mount *mount, struct strv *made,
			struct err *err)
{
	struct store *store = create->engine->store;
	cleanup_volume struct volume *volume = NULL;
	int found = mount->anonymous ? 0 : volume_find(store, mount->source, false, &volume, err);

	if (found < 0)
		return -1;
	if (found == 0) {
		if (volume_create(store, mount->source, &mount->labels, &mount->volume_options,
				  mount->anonymous, &volume, err) == 0)
			strv_add(made, volume->name);
		else if (err->kind != ERR_EXISTS ||
			 volume_find(store, mount->source, false, &volume, err) <= 0)
			return err_wrap(err, "cannot mount volume '%s' on '%s'",
					mount->source ? mount->source : "", mount->destination);
	}
	free(mount->source);
	mount->source = xstrdup(volume->name);
	mount->mount_point = xstrdup(volume->mount_point);
	if (strv_contains(&volume->options, "type=tmpfs")) {
		mount->is_tmpfs = true;
		mount->copy_up = false;
		return volume_tmpfs(mount, volume, err);
	}
	if (mount->subpath != NULL) {
		cleanup_fd int data_fd = volume_open(store, volume, err);
		if (data_fd < 0)
			return -1;
		cleanup_fd int sub_fd = path_open_in_root(data_fd, mount->subpath, O_PATH, 0);
		if (sub_fd < 0)
			return err_sys(err, -sub_fd, "cannot mount '%s' of volume '%s'",
				       mount->subpath, volume->name);
	}
	mount->copy_up = volume->needs_copy_up && !mount->no_copy && mount->subpath == NULL;
	return 0;
}

/* inspect's view of one mount. */
static json_t *mount_json(const struct create_mount *mount)
{
	json_t *item = json_object();
	bool volume = str_equal(mount->type, "volume");
	cleanup_strv struct strv shown = STRV_INIT;
	const char *propagation = "rprivate";

	for (size_t i = 0; i < mount->options.count; i++) {
		const char *word = mount->options.items[i];

		if (strstr(word, "private") != NULL || strstr(word, "shared") != NULL ||
		    strstr(word, "slave") != NULL)
			propagation = word;
		else if (!str_equal(word, "rw") && !str_equal(word, "ro"))
			strv_add(&shown, word);
	}
	json_put_string(item, "Type", mount->type);
	if (volume)
		json_put_string(item, "Name", mount->source);
	json_put_string(item, "Source", volume ? mount->mount_point : mount->source);
	json_put_string(item, "Destination", mount->destination);
	json_put_string(item, "Driver", volume ? "local" : "");
	json_put_string(item, "Mode", "");
	json_put_strv(item, "Options", &shown);
	json_put_bool(item, "RW", !mount->read_only);
	json_put_string(item, "Propagation", propagation);
	if (mount->anonymous)
		json_put_bool(item, "Anonymous", true);
	if (mount->overlay)
		json_put_bool(item, "Overlay", true);
	return item;
}

static size_t mount_depth(const json_t *mount)
{
	const char *path = json_get_string(mount, "", "destination", NULL);
	size_t depth = 0;

	for (; *path != '\0'; path++)
		depth += *path == '/';
	return depth;
}

/* A directory before what is in it, else as they came: /etc of the user's before our /etc/hosts. */
static void sort_mounts(json_t *spec)
{
	json_t *list = json_object_get(spec, "mounts");
	json_t *sorted = json_array();
	size_t left = json_array_size(list), i;

	for (size_t depth = 0; left > 0; depth++) {
		json_t *mount;

		json_array_foreach (list, i, mount) {
			if (mount_depth(mount) != depth)
				continue;
			json_array_append(sorted, mount);
			left--;
		}
	}
	json_put(spec, "mounts", sorted);
}

static int apply_mounts(struct create *create, struct strv *made, struct err *err)
{
	json_t *shown = json_array(), *copy_ups = json_array();

	json_put(create->record, KEY_MOUNTS, shown);
	json_put(json_object_get(create->record, KEY_RUNTIME), KEY_COPY_UPS, copy_ups);
	for (size_t i = 0; i < create->mount_count; i++) {
		struct create_mount *mount = &create->mounts[i];
		bool volume = str_equal(mount->type, "volume");

		if (volume && apply_volume(create, mount, made, err) < 0)
			return -1;
		int viewed = create_view(create, mount, err);
		if (viewed < 0)
			return -1;
		cleanup_free char *source =
			!volume ? xstrdup(mount->source)
			: mount->subpath == NULL
				? xstrdup(mount->mount_point)
				: xasprintf("%s/%s", mount->mount_point, mount->subpath);
		if (viewed == 0 && mount->is_tmpfs)
			create_spec_mount(create, mount->destination, "tmpfs", "tmpfs",
					  &mount->tmpfs_options);
		else if (viewed == 0)
			create_spec_mount(create, mount->destination, volume ? "bind" : mount->type,
					  source, &mount->options);
		if (!mount->hidden &&
		    (volume || mount->image != NULL || str_equal(mount->type, "bind")))
			json_array_append_new(shown, mount_json(mount));
		if (mount->copy_up && volume) {
			json_t *item = json_object();

			json_put_string(item, KEY_VOLUME, mount->source);
			json_put_string(item, KEY_DESTINATION, mount->destination);
			json_array_append_new(copy_ups, item);
		}
	}
	sort_mounts(create->spec);
	return 0;
}

static int name_taken(const struct create *create, const struct object_id *owner, struct err *err)
{
	err_set(err, ERR_EXISTS,
		"the container name \"%s\" is already in use by %s. You have to remove that "
		"container to be able to reuse that name: that name is already in use",
		create->name, owner->text);
	return err_hint(err, "Or choose another name, or use --replace.");
}

/* 1 and the owner when a living name is there. A name whose container is gone does not count. */
static int name_owner(struct create *create, struct object_id *ret_owner, struct err *err)
{
	cleanup_fd int names_fd = store_open_dir(create->engine->store, "names", true, err);
	if (names_fd < 0)
		return -1;
	if (container_name_read(names_fd, create->name, ret_owner) == 0)
		return 0;
	cleanup_fd int containers_fd = container_open_dir(create->engine, true, err);
	if (containers_fd < 0)
		return -1;
	return faccessat(containers_fd, ret_owner->text, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Take the name and publish the container, both or none. */
static int apply_publish(struct create *create, struct staging *staging, struct err *err)
{
	struct store *store = create->engine->store;
	cleanup_free char *escaped = name_escape(create->name);
	cleanup_fd int names_fd = store_open_dir(store, "names", true, err);
	if (names_fd < 0)
		return -1;
	cleanup_fd int containers_fd = store_open_dir(store, "containers", true, err);
	if (containers_fd < 0)
		return -1;
	cleanup_fd int lock_fd = lock_take(names_fd, ".lock", true, err);
	if (lock_fd < 0)
		return -1;

	struct object_id owner;
	if (container_name_read(names_fd, create->name, &owner) > 0) {
		if (faccessat(containers_fd, owner.text, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return name_taken(create, &owner, err);
		unlinkat(names_fd, escaped, 0); /* left by a crash */
	}
	if (symlinkat(create->id.text, names_fd, escaped) < 0)
		return err_sys(err, errno, "cannot take the name '%s'", create->name);
	if (!create->opts->rm && path_sync(names_fd, ".") < 0)
		debug("cannot sync the names");
	if (staging_publish(store, staging, containers_fd, create->id.text, !create->opts->rm,
			    err) < 0) {
		unlinkat(names_fd, escaped, 0);
		return -1;
	}
	return 0;
}

static int apply_records(struct create *create, int dir_fd, struct err *err)
{
	unsigned flags = create->opts->rm ? 0 : RECORD_DURABLE;
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	json_print(create->spec, 0, &text);
	if (record_publish_raw(dir_fd, FILE_CONFIG, text.data, text.length, 0600, flags, err) < 0 ||
	    record_write_json(dir_fd, FILE_CREATE, RECORD_KIND_CONTAINER, RECORD_VERSION_CONTAINER,
			      create->record, flags, err) < 0)
		return err_wrap(err, "cannot write the records of container '%s'", create->name);
	return 0;
}

/* The file must not exist: two containers must not fight for it. */
static int apply_cid_file(const struct create *create, struct err *err)
{
	const char *path = json_get_string(create->record, NULL, KEY_CID_FILE, NULL);

	if (path == NULL)
		return 0;
	cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0644);
	if (fd < 0 && errno == EEXIST) {
		err_set(err, ERR_EXISTS, "the container id file '%s' exists", path);
		return err_hint(err, "Another container may have written it: remove the file or "
				     "choose another one.");
	}
	int rc = fd < 0 ? -errno : fd_write_full(fd, create->id.text, strlen(create->id.text));
	if (rc < 0)
		return err_sys(err, -rc, "cannot write the container id file '%s'", path);
	return 0;
}

/* A name that the user chose is taken or not; one that we made up is made up again when somebody was faster. */
static int apply_named(struct create *create, struct staging *staging, struct err *err)
{
	bool made_up = str_is_empty(create->opts->name);

	for (int attempt = 0;; attempt++) {
		if (apply_records(create, staging->dir_fd, err) < 0)
			return -1;
		if (apply_publish(create, staging, err) == 0)
			return 0;
		if (!made_up || err->kind != ERR_EXISTS || attempt >= NAME_ATTEMPTS_MAX)
			return -1;
		*err = (struct err){ 0 };
		free(create->name);
		create->name = create_random_name(create->engine);
		json_put_string(create->record, KEY_NAME, create->name);
	}
}

static int create_apply(struct create *create, struct err *err)
{
	struct store *store = create->engine->store;
	struct staging staging = STAGING_INIT;
	cleanup_strv struct strv made = STRV_INIT;
	struct err ignored = { 0 }; /* the first failure is the one to tell */
	const char *cid_file = json_get_string(create->record, NULL, KEY_CID_FILE, NULL);

	if (apply_cid_file(create, err) < 0)
		return -1;
	if (apply_mounts(create, &made, err) < 0 ||
	    staging_new(store, "container", &staging, err) < 0)
		goto undo;
	if (create_apply_secrets(create, staging.dir_fd, err) < 0 || depend_note(create, err) < 0 ||
	    apply_named(create, &staging, err) < 0)
		goto undo;
	return 0;

undo:
	staging_discard(store, &staging);
	for (size_t i = 0; i < made.count; i++)
		volume_remove(store, made.items[i], &ignored);
	if (cid_file != NULL)
		unlink(cid_file);
	return -1;
}

static int create_name(struct create *create, struct err *err)
{
	const char *name = create->opts->name;
	struct object_id owner;

	if (name == NULL || *name == '\0') {
		create->name = create_random_name(create->engine);
		return 0;
	}
	if (!container_name_is_valid(name)) {
		cleanup_strbuf struct strbuf escaped = STRBUF_INIT;

		strbuf_add_escaped(&escaped, name);
		err_set(err, ERR_USAGE, "invalid container name '%s'", escaped.data);
		return err_hint(err, "A name starts with a letter or digit and has letters, "
				     "digits, '_', '.' and '-' only.");
	}
	create->name = xstrdup(name);
	int taken = name_owner(create, &owner, err);
	if (taken <= 0)
		return taken;
	if (!create->opts->replace)
		return name_taken(create, &owner, err);

	cleanup_container struct container *old = NULL;
	struct container_rm_opts rm = { .force = true, .volumes = true, .stop.time_s = -1 };
	if (container_find(create->engine, owner.text, &old, err) > 0 &&
	    container_remove(create->engine, old, &rm, err) < 0)
		return err_wrap(err, "cannot replace container '%s'", name);
	return 0;
}

int container_check_opts(struct engine *engine, const struct container_create_opts *opts,
			 struct err *err)
{
	__attribute__((cleanup(create_release))) struct create create = {
		.engine = engine,
		.opts = opts,
		.record = json_object(),
		.spec = json_object(),
		.image_process = json_object(),
		.name = xstrdup("check"),
	};
	cleanup_strv struct strv argv = STRV_INIT;

	if (opts->pull.policy != NULL && pull_policy_parse(opts->pull.policy) < 0)
		return err_set(err, ERR_USAGE,
			       "invalid pull policy '%s': it is always, missing, never or newer",
			       opts->pull.policy);
	object_id_new(&create.id);
	strv_add(&argv, "/check");
	json_put(create.record, KEY_RUNTIME, json_object());
	json_put(create.record, KEY_JOINS, json_object());
	return create_plan(&create, &argv, err);
}

int container_create(struct engine *engine, const char *image_text, const struct strv *argv,
		     const struct container_create_opts *opts, progress_function progress,
		     void *progress_arg, struct container **ret_container, struct err *err)
{
	__attribute__((cleanup(create_release))) struct create create = {
		.engine = engine,
		.opts = opts,
		.record = json_object(),
		.spec = json_object(),
	};
	struct create *plan = &create;

	object_id_new(&plan->id);
	json_put_string(plan->record, KEY_ID, plan->id.text);
	json_put(plan->record, KEY_RUNTIME, json_object());
	json_put_bool(json_object_get(plan->record, KEY_RUNTIME), KEY_MARKS, true);
	json_put(plan->record, KEY_JOINS, json_object());
	if (opts->replace && str_is_empty(opts->name))
		return err_set(err, ERR_USAGE,
			       "--replace needs --name: it says which container is replaced");
	if (create_name(plan, err) < 0)
		return -1;
	int rc = opts->rootfs ? create_from_directory(plan, image_text, err)
			      : create_from_image(plan, image_text, progress, progress_arg, err);
	if (rc < 0)
		return -1;
	json_put_string(plan->record, KEY_NAME, plan->name);
	json_put_int(plan->record, KEY_CREATED_NS, time_now_ns());
	record_image(plan, image_text);
	if (create_plan(plan, argv, err) < 0 || create_apply(plan, err) < 0)
		return -1;

	cleanup_fd int containers_fd = container_open_dir(engine, false, err);
	if (containers_fd < 0)
		return -1;
	rc = container_load(containers_fd, plan->id.text, ret_container, err);
	if (rc == 0)
		return err_set(err, ERR_NOT_FOUND,
			       "container '%s' was removed while it was being created", plan->name);
	if (rc < 0)
		return -1;
	event_container(engine, *ret_container, EVENT_CREATE);
	return 0;
}
