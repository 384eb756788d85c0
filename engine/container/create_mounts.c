/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/create_mounts.c - all mounts of a container, in the order in which they are made
 *
 * The system's (/proc, /dev ...) come first, then the files that dhow writes, then the user's sorted by depth, so that a mount below
 * another one's target lands in it. A destination has one owner: a -v wins over a volume of the image.
 */
#include "engine/container/create.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/path.h"
#include "engine/container/record.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

json_t *create_spec_object(struct create *create, const char *key)
{
	json_t *object = json_object_get(create->spec, key);

	if (object == NULL) {
		object = json_object();
		json_put(create->spec, key, object);
	}
	return object;
}

void create_spec_mount(struct create *create, const char *destination, const char *type,
		       const char *source, const struct strv *options)
{
	json_t *list = json_object_get(create->spec, "mounts");
	json_t *item = json_object();

	if (list == NULL) {
		list = json_array();
		json_put(create->spec, "mounts", list);
	}
	json_put_string(item, "destination", destination);
	json_put_string(item, "type", type);
	json_put_string(item, "source", source);
	json_put_strv(item, "options", options);
	json_array_append_new(list, item);
}

static void system_mount(struct create *create, const char *destination, const char *type,
			 const char *words)
{
	cleanup_strv struct strv options = STRV_INIT;

	strv_split(&options, words, ',');
	create_spec_mount(create, destination, type, type, &options);
}

static bool is_planned(const struct create *create, const char *destination)
{
	for (size_t i = 0; i < create->mount_count; i++)
		if (str_equal(create->mounts[i].destination, destination))
			return true;
	return false;
}

/* Mounts that every container has; the user may have his own there. */
static int system_mounts(struct create *create, struct err *err)
{
	const struct container_create_opts *opts = create->opts;
	uint64_t shm_bytes = 65536000;
	uint32_t tty_gid;

	if (opts->shm_size != NULL &&
	    (parse_bytes(opts->shm_size, &shm_bytes) < 0 || opts->shm_size[0] == '-'))
		return err_set(err, ERR_USAGE,
			       "invalid --shm-size '%s': it must be a size such as 64m",
			       opts->shm_size);

	if (!is_planned(create, "/proc")) {
		cleanup_free char *words =
			xasprintf("nosuid,noexec,nodev%s%s", create->proc_options ? "," : "",
				  create->proc_options ?: "");
		system_mount(create, "/proc", "proc", words);
	}
	if (!is_planned(create, "/dev"))
		system_mount(create, "/dev", "tmpfs",
			     "nosuid,noexec,strictatime,mode=755,size=65536k");
	if (!is_planned(create, "/sys"))
		system_mount(create, "/sys", "sysfs",
			     create->privileged ? "nosuid,noexec,nodev,rw"
						: "nosuid,noexec,nodev,ro");
	if (!is_planned(create, "/dev/pts")) {
		const struct idmaps *maps = &create->maps;
		struct err ignored = { 0 }; /* without maps gid 5 is simply not asked for */

		if (!create->own_maps && store_idmaps(create->engine->store, &maps, &ignored) < 0)
			maps = &create->maps;
		system_mount(create, "/dev/pts", "devpts",
			     idmap_to_host(&maps->gid, 5, &tty_gid) > 0
				     ? "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"
				     : "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620");
	}
	bool host_ipc = str_equal_null(opts->ipc, "host");
	/* with the host's ipc namespace the runtime shows the host's, if there is one */
	if (!is_planned(create, "/dev/mqueue"))
		system_mount(create, "/dev/mqueue", "mqueue", "nosuid,noexec,nodev");
	if (!is_planned(create, "/sys/fs/cgroup"))
		system_mount(create, "/sys/fs/cgroup", "cgroup",
			     create->privileged || create->systemd
				     ? "rprivate,nosuid,noexec,nodev,relatime,rw"
				     : "rprivate,nosuid,noexec,nodev,relatime,ro");
	if (!is_planned(create, "/dev/shm") && !str_equal_null(opts->ipc, "none")) {
		cleanup_free char *words = xasprintf("nosuid,noexec,nodev,mode=1777,size=%llu",
						     (unsigned long long)shm_bytes);

		if (host_ipc)
			system_mount(create, "/dev/shm", "bind", "rbind,nosuid,noexec,nodev");
		else
			system_mount(create, "/dev/shm", "tmpfs", words);
	}
	json_put_int(create->record, "shmSize", (int64_t)shm_bytes);
	return 0;
}

/* Bind mounts of the host's own directory need it as their source. */
static void fix_bind_sources(struct create *create)
{
	size_t i;
	json_t *item;

	json_array_foreach (json_object_get(create->spec, "mounts"), i, item)
		if (str_equal(json_get_string(item, "", "source", NULL), "bind"))
			json_put_string(item, "source",
					json_get_string(item, "", "destination", NULL));
}

/* /etc/hosts and its friends: files of the container's directory that start writes. */
static int file_mounts(struct create *create, struct err *err)
{
	const struct strv *roots = &create->opts->chroot_dirs;

	static const struct {
		const char *key, *file, *destination;
	} files[] = { { KEY_HOSTS, FILE_HOSTS, "/etc/hosts" },
		      { KEY_RESOLV, FILE_RESOLV, "/etc/resolv.conf" },
		      { KEY_HOSTNAME, FILE_HOSTNAME, "/etc/hostname" } };
	json_t *network = json_object_get(create->record, KEY_NETWORK);
	cleanup_strv struct strv options = STRV_INIT;

	for (size_t i = 0; i < roots->count; i++)
		if (roots->items[i][0] != '/')
			return err_set(err, ERR_USAGE,
				       "invalid --chrootdirs '%s': it must be an absolute path in "
				       "the container",
				       roots->items[i]);
	strv_split(&options, "bind,rprivate,rw,nosuid,nodev", ',');
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		json_t *on = json_object_get(network, files[i].key);

		if (is_planned(create, files[i].destination) || on == NULL || json_is_null(on) ||
		    json_is_false(on)) {
			json_put(network, files[i].key, i == 2 ? json_null() : json_false());
			continue;
		}
		cleanup_free char *source =
			xasprintf("%s/containers/%s/%s", create->engine->store->root_path,
				  create->id.text, files[i].file);
		create_spec_mount(create, files[i].destination, "bind", source, &options);
		/* programs that change their root find the files there, too */
		for (size_t k = 0; k < roots->count; k++) {
			cleanup_free char *whole =
				xasprintf("%s%s", roots->items[k], files[i].destination);
			cleanup_strbuf struct strbuf clean = STRBUF_INIT;

			path_clean(&clean, whole);
			create_spec_mount(create, clean.data, "bind", source, &options);
		}
	}
	return 0;
}

#define ZONEINFO_DIR "/usr/share/zoneinfo"

/* --tz: a zone of the host's data base, or the host's own, becomes /etc/localtime. */
static int time_zone(struct create *create, struct err *err)
{
	const char *zone = create->opts->tz;
	cleanup_strv struct strv options = STRV_INIT;
	cleanup_free char *source = NULL;
	cleanup_fd int zone_fd = -1;

	if (zone == NULL)
		return 0;
	if (str_equal(zone, "local")) {
		source = realpath("/etc/localtime", NULL);
	} else {
		cleanup_fd int dir_fd = open(ZONEINFO_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);

		zone_fd = path_open_in_root(dir_fd, zone, O_PATH, 0);
		struct stat st;
		if (zone_fd >= 0 && fstat(zone_fd, &st) == 0 && S_ISREG(st.st_mode) &&
		    strstr(zone, "..") == NULL)
			source = xasprintf("%s/%s", ZONEINFO_DIR, zone);
	}
	if (source == NULL) {
		err_set(err, ERR_USAGE, "invalid --tz '%s': the host knows no such time zone",
			zone);
		return err_hint(err, access(ZONEINFO_DIR, F_OK) < 0
					     ? "Install the package tzdata."
					     : "Use a name such as Europe/Lisbon, or local.");
	}
	strv_split(&options, "bind,rprivate,ro,nosuid,nodev", ',');
	create_spec_mount(create, "/etc/localtime", "bind", source, &options);
	return 0;
}

static bool is_same(const struct create_mount *a, const struct create_mount *b)
{
	cleanup_free char *a_options = strv_join(&a->options, ",");
	cleanup_free char *b_options = strv_join(&b->options, ",");

	return str_equal(a->type, b->type) && a->source != NULL && b->source != NULL &&
	       str_equal(a->source, b->source) && str_equal(a_options, b_options) &&
	       a->read_only == b->read_only && a->no_copy == b->no_copy &&
	       a->overlay == b->overlay && a->change_owner == b->change_owner &&
	       a->subpath == NULL && b->subpath == NULL;
}

int create_add_mount(struct create *create, struct create_mount *mount_take, struct err *err)
{
	for (size_t i = 0; i < create->mount_count; i++) {
		if (!str_equal(create->mounts[i].destination, mount_take->destination))
			continue;
		/* said twice, meant once */
		if (is_same(&create->mounts[i], mount_take)) {
			create_mount_release(mount_take);
			return 0;
		}
		err_set(err, ERR_USAGE,
			"two mounts have the destination '%s': duplicate mount destination",
			mount_take->destination);
		create_mount_release(mount_take);
		return -1;
	}
	create->mounts =
		xreallocarray(create->mounts, create->mount_count + 1, sizeof(*create->mounts));
	create->mounts[create->mount_count++] = *mount_take;
	return 0;
}

/* Scripts put their lists of options together: the same one twice is one, as podman has it. */
static bool was_given_before(const struct strv *texts, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (str_equal(texts->items[i], texts->items[index]))
			return true;
	}
	return false;
}

static int user_mounts(struct create *create, struct err *err)
{
	static const struct {
		size_t offset;
		int (*parse)(struct create *, const char *, struct create_mount *, struct err *);
	} kinds[] = { { offsetof(struct container_create_opts, volumes), create_parse_volume },
		      { offsetof(struct container_create_opts, mounts), create_parse_mount },
		      { offsetof(struct container_create_opts, tmpfs), create_parse_tmpfs } };

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		const struct strv *texts =
			(const struct strv *)((const char *)create->opts + kinds[k].offset);

		for (size_t i = 0; i < texts->count; i++) {
			struct create_mount mount;

			if (was_given_before(texts, i))
				continue;
			int rc = kinds[k].parse(create, texts->items[i], &mount, err);
			if (rc < 0 || (rc == 0 && create_add_mount(create, &mount, err) < 0))
				return -1;
		}
	}
	return 0;
}

/* --volumes-from NAME[:ro|rw|z]: the mounts and volumes of another container. */
static int volumes_from(struct create *create, const char *text, struct err *err)
{
	cleanup_container struct container *other = NULL;
	const char *colon = strchr(text, ':');
	cleanup_free char *name =
		colon == NULL ? xstrdup(text) : xstrndup(text, (size_t)(colon - text));
	cleanup_strv struct strv words = STRV_INIT;
	bool read_only = false;
	size_t i;
	json_t *item;

	if (colon != NULL)
		strv_split(&words, colon + 1, ',');
	for (size_t k = 0; k < words.count; k++) {
		if (!str_equal(words.items[k], "ro") && !str_equal(words.items[k], "rw") &&
		    !str_equal(words.items[k], "z"))
			return err_set(err, ERR_USAGE,
				       "invalid option '%s' in --volumes-from '%s': use ro or rw",
				       words.items[k], text);
		read_only |= str_equal(words.items[k], "ro");
	}
	if (container_get(create->engine, name, &other, err) < 0)
		return err_wrap(err, "cannot take volumes");

	json_array_foreach (json_object_get(other->create, KEY_MOUNTS), i, item) {
		const char *type = json_get_string(item, "", "Type", NULL);
		const char *destination = json_get_string(item, "", "Destination", NULL);
		bool volume = str_equal(type, "volume");
		struct create_mount mount = { .options = STRV_INIT };

		if ((!volume && !str_equal(type, "bind")) || is_planned(create, destination))
			continue;
		mount.type = xstrdup(type);
		mount.destination = xstrdup(destination);
		mount.source = xstrdup(json_get_string(item, "", volume ? "Name" : "Source", NULL));
		mount.read_only = read_only || !json_get_bool(item, true, "RW", NULL);
		strv_split(&mount.options,
			   volume ? "rbind,rprivate,nosuid,nodev" : "rbind,rprivate", ',');
		strv_add(&mount.options, mount.read_only ? "ro" : "rw");
		if (create_add_mount(create, &mount, err) < 0)
			return -1;
	}
	return 0;
}

/* VOLUME of the image: an anonymous volume, a tmpfs, or nothing. */
static int image_volumes(struct create *create, struct err *err)
{
	const char *mode =
		create->opts->image_volume != NULL ? create->opts->image_volume : "anonymous";
	const char *path;
	json_t *value;

	if (!str_equal(mode, "bind") && !str_equal(mode, "anonymous") &&
	    !str_equal(mode, "tmpfs") && !str_equal(mode, "ignore"))
		return err_set(err, ERR_USAGE,
			       "invalid --image-volume '%s': use anonymous, tmpfs or ignore", mode);
	if (str_equal(mode, "ignore"))
		return 0;
	json_object_foreach (json_object_get(create->image_process, "Volumes"), path, value) {
		struct create_mount mount;
		cleanup_strbuf struct strbuf clean = STRBUF_INIT;

		if (path[0] != '/')
			return err_set(err, ERR_CORRUPT,
				       "the volume '%s' of the image is no absolute path", path);
		path_clean(&clean, path);
		if (is_planned(create, clean.data))
			continue;
		int rc = str_equal(mode, "tmpfs")
				 ? create_parse_tmpfs(create, clean.data, &mount, err)
				 : create_parse_volume(create, clean.data, &mount, err);
		if (rc < 0 || create_add_mount(create, &mount, err) < 0)
			return err_wrap(err, "in the volumes of the image");
	}
	return 0;
}

static int add_tmpfs(struct create *create, const char *text, struct err *err)
{
	struct create_mount mount;

	if (create_parse_tmpfs(create, text, &mount, err) < 0)
		return -1;
	if (is_planned(create, mount.destination)) {
		create_mount_release(&mount);
		return 0;
	}
	return create_add_mount(create, &mount, err);
}

static int extra_tmpfs(struct create *create, struct err *err)
{
	static const char *const read_only[] = { "/tmp:mode=1777", "/run:mode=755",
						 "/var/tmp:mode=1777" };
	static const char *const systemd[] = { "/run:mode=755", "/run/lock:mode=755",
					       "/tmp:mode=1777", "/var/log/journal:mode=755" };

	const char *size = create->opts->shm_size_systemd;
	uint64_t bytes = 0;

	if (create->opts->read_only && create->opts->read_only_tmpfs != 0)
		for (size_t i = 0; i < ARRAY_SIZE(read_only); i++)
			if (add_tmpfs(create, read_only[i], err) < 0)
				return -1;
	if (size != NULL && (parse_bytes(size, &bytes) < 0 || bytes == 0))
		return err_set(err, ERR_USAGE,
			       "invalid --shm-size-systemd '%s': it must be a size such as 64m",
			       size);
	if (size != NULL && !create->systemd)
		return err_set(err, ERR_USAGE,
			       "--shm-size-systemd needs a container that runs systemd: "
			       "--systemd=always makes one");
	for (size_t i = 0; create->systemd && i < ARRAY_SIZE(systemd); i++) {
		cleanup_free char *text = size == NULL ? xstrdup(systemd[i])
						       : xasprintf("%s,size=%llu", systemd[i],
								   (unsigned long long)bytes);

		if (add_tmpfs(create, text, err) < 0)
			return -1;
	}
	return 0;
}

static size_t path_depth(const char *path)
{
	size_t depth = 0;

	for (; *path != '\0'; path++)
		depth += *path == '/';
	return depth;
}

static int compare_depth(const void *a, const void *b)
{
	const struct create_mount *left = a, *right = b;
	size_t left_depth = path_depth(left->destination),
	       right_depth = path_depth(right->destination);

	if (left_depth != right_depth)
		return left_depth < right_depth ? -1 : 1;
	return strcmp(left->destination, right->destination);
}

int create_mounts(struct create *create, struct err *err)
{
	if (user_mounts(create, err) < 0 || create_cdi_mounts(create, err) < 0 ||
	    create_secrets(create, err) < 0)
		return -1;
	for (size_t i = 0; i < create->opts->volumes_from.count; i++)
		if (volumes_from(create, create->opts->volumes_from.items[i], err) < 0)
			return -1;
	if (image_volumes(create, err) < 0 || extra_tmpfs(create, err) < 0 ||
	    system_mounts(create, err) < 0)
		return -1;
	fix_bind_sources(create);
	if (file_mounts(create, err) < 0 || time_zone(create, err) < 0 ||
	    create_devices(create, err) < 0)
		return -1;
	if (create->mount_count > 1)
		qsort(create->mounts, create->mount_count, sizeof(*create->mounts), compare_depth);
	return 0;
}
