/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/create_cdi.c - devices by name (CDI): --device vendor.com/class=name, --gpus
 *
 * Vendors describe devices in files of JSON or YAML in /etc/cdi and /var/run/cdi (--cdi-spec-dir: elsewhere): what of nodes, mounts and
 * variables a container needs for one. A later directory wins over an earlier one. The files belong to the machine or the user, and
 * are trusted as the command line is; no image can name one. All edits are gathered before anything is planned, and the steps for
 * variables, mounts and devices take what is theirs.
 */
#include "engine/container/create.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/yaml.h"
#include "engine/container/record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define SPEC_LIMIT_BYTES (4U << 20)
#define GPU_KIND	 "nvidia.com/gpu"

bool create_cdi_is_name(const char *text)
{
	const char *slash = strchr(text, '/'), *equal = strchr(text, '=');

	return text[0] != '/' && slash != NULL && equal != NULL && slash < equal && slash != text &&
	       equal[1] != '\0';
}

/* ---- files ---- */

static json_t *read_spec(int dir_fd, const char *name, const char *shown, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	int rc = fd_read_file(dir_fd, name, &text, SPEC_LIMIT_BYTES);

	if (rc < 0) {
		err_sys(err, -rc, "cannot read '%s'", shown);
		return NULL;
	}
	cleanup_free char *what = xasprintf("'%s'", shown);
	return str_ends_with(name, ".json") ? json_parse(text.data, text.length, what, err)
					    : yaml_parse(text.data, text.length, what, err);
}

/* The edits of a device in one file: its own, and those for all of that file. */
static void find_in_spec(const json_t *spec, const char *name, json_t **ret_edits)
{
	const char *equal = strchr(name, '=');
	cleanup_free char *kind = xstrndup(name, (size_t)(equal - name));
	const json_t *device;
	size_t i;

	if (!str_equal(json_get_string(spec, "", "kind", NULL), kind))
		return;
	json_array_foreach (json_object_get(spec, "devices"), i, device) {
		json_t *edits = json_object_get(device, "containerEdits");
		json_t *common = json_object_get(spec, "containerEdits");

		if (!str_equal(json_get_string(device, "", "name", NULL), equal + 1))
			continue;
		json_decref(*ret_edits);
		*ret_edits = json_array();
		if (json_is_object(edits))
			json_array_append(*ret_edits, edits);
		if (json_is_object(common))
			json_array_append(*ret_edits, common);
	}
}

static int find_in_directory(const char *path, const char *name, json_t **ret_edits,
			     struct err *err)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	struct err broken = { 0 };

	if (dir == NULL)
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : err_sys(err, errno, "cannot read the CDI directory '%s'", path);
	while ((entry = readdir(dir)) != NULL) {
		if (!str_ends_with(entry->d_name, ".json") &&
		    !str_ends_with(entry->d_name, ".yaml") && !str_ends_with(entry->d_name, ".yml"))
			continue;
		cleanup_free char *shown = xasprintf("%s/%s", path, entry->d_name);
		cleanup_json json_t *spec = read_spec(dirfd(dir), entry->d_name, shown, &broken);

		if (spec != NULL)
			find_in_spec(spec, name, ret_edits);
	}
	closedir(dir);
	/* a file that is broken matters when the device is found nowhere else */
	if (*ret_edits == NULL && broken.msg[0] != '\0') {
		*err = broken;
		return -1;
	}
	return 0;
}

/* New reference: the edits of a device. */
static json_t *find_device(const struct strv *dirs, const char *name, struct err *err)
{
	json_t *edits = NULL;

	for (size_t i = 0; i < dirs->count; i++) {
		if (find_in_directory(dirs->items[i], name, &edits, err) < 0) {
			json_decref(edits);
			err_wrap(err, "cannot add device '%s'", name);
			return NULL;
		}
	}
	if (edits != NULL)
		return edits;

	cleanup_free char *searched = strv_join(dirs, ", ");
	err_set(err, ERR_NOT_FOUND, "cannot add device '%s': no CDI file describes it", name);
	err_hint(err, "Looked in %s.", searched);
	return NULL;
}

/* ---- edits ---- */

static int check_edits(const json_t *edits, const char *name, struct err *err)
{
	if (json_array_size(json_object_get(edits, "hooks")) > 0) {
		err_set(err, ERR_UNSUPPORTED,
			"cannot add device '%s': its CDI file wants hooks, programs of the host "
			"that "
			"run for a container",
			name);
		return err_hint(err, "Make the file without hooks (nvidia-ctk cdi generate "
				     "--disable-hook=all).");
	}
	if (json_object_get(edits, "intelRdt") != NULL)
		return err_set(err, ERR_UNSUPPORTED,
			       "cannot add device '%s': a plain user may not change resctrl", name);
	return 0;
}

static int add_name(struct create *create, const struct strv *dirs, const char *name,
		    struct err *err)
{
	cleanup_json json_t *found = find_device(dirs, name, err);
	json_t *edits;
	size_t i;

	if (found == NULL)
		return -1;
	if (create->cdi == NULL)
		create->cdi = json_array();
	json_array_foreach (found, i, edits) {
		bool known = false;
		size_t k;
		json_t *other;

		if (check_edits(edits, name, err) < 0)
			return -1;
		/* two devices of one file have the common edits once */
		json_array_foreach (create->cdi, k, other)
			known |= json_equal(other, edits);
		if (!known)
			json_array_append(create->cdi, edits);
	}
	return 0;
}

int create_cdi(struct create *create, struct err *err)
{
	const struct container_create_opts *opts = create->opts;
	cleanup_strv struct strv dirs = STRV_INIT;

	strv_add_all(&dirs, &create->engine->options.cdi_spec_dirs);
	if (dirs.count == 0) {
		strv_add(&dirs, "/etc/cdi");
		strv_add(&dirs, "/var/run/cdi");
	}
	for (size_t i = 0; i < opts->devices.count; i++)
		if (create_cdi_is_name(opts->devices.items[i]) &&
		    add_name(create, &dirs, opts->devices.items[i], err) < 0)
			return -1;
	for (size_t i = 0; i < opts->gpus.count; i++) {
		const char *text = opts->gpus.items[i];
		cleanup_free char *name =
			create_cdi_is_name(text)
				? xstrdup(text)
				: xasprintf(GPU_KIND "=%s", str_after(text, "device=") ?: text);

		if (add_name(create, &dirs, name, err) < 0)
			return err_wrap(err, "cannot use --gpus '%s'", text);
	}
	return 0;
}

int create_cdi_env(struct create *create, struct err *err)
{
	json_t *edits;
	size_t i;

	json_array_foreach (create->cdi, i, edits) {
		cleanup_strv struct strv env = STRV_INIT;

		if (json_get_strv(edits, "env", &env) < 0)
			return err_set(err, ERR_CORRUPT, "a CDI file has an 'env' that is no list");
		for (size_t k = 0; k < env.count; k++)
			if (create_env_add(&create->env, env.items[k], err) < 0)
				return err_wrap(err, "in a CDI file");
	}
	return 0;
}

static int add_mount(struct create *create, const json_t *item, struct err *err)
{
	const char *source = json_get_string(item, "", "hostPath", NULL);
	const char *target = json_get_string(item, "", "containerPath", NULL);
	struct create_mount mount = { .type = xstrdup("bind"), .hidden = true };
	cleanup_strv struct strv words = STRV_INIT;
	int rc = json_get_strv(item, "options", &words);

	if (rc < 0)
		rc = err_set(err, ERR_CORRUPT, "the options of the mount on '%s' are no list",
			     target);
	if (rc == 0)
		rc = create_mount_destination(&mount, target, target, err);
	if (rc == 0)
		rc = create_mount_source(create, &mount, source, false, err);
	for (size_t i = 0; rc == 0 && i < words.count; i++) {
		int taken = create_mount_word(&mount, words.items[i], target, err);

		if (taken == 0)
			err_set(err, ERR_USAGE, "unknown option '%s' of the mount on '%s'",
				words.items[i], target);
		rc = taken > 0 ? 0 : -1;
	}
	if (rc == 0)
		rc = create_mount_finish(&mount, target, err);
	if (rc < 0) {
		create_mount_release(&mount);
		return err_wrap(err, "in a CDI file");
	}
	return create_add_mount(create, &mount, err);
}

int create_cdi_mounts(struct create *create, struct err *err)
{
	json_t *edits, *item;
	size_t i, k;

	json_array_foreach (create->cdi, i, edits)
		json_array_foreach (json_object_get(edits, "mounts"), k, item)
			if (add_mount(create, item, err) < 0)
				return -1;
	return 0;
}

static int add_node(struct create *create, const json_t *item, struct err *err)
{
	const char *path = json_get_string(item, "", "path", NULL);
	const char *source = json_get_string(item, path, "hostPath", NULL);
	const char *rights = json_get_string(item, "rwm", "permissions", NULL);
	struct stat st;

	if (path[0] != '/' || source[0] != '/' || strspn(rights, "rwm") != strlen(rights))
		return err_set(err, ERR_CORRUPT, "a CDI file has a wrong device node '%s'", path);
	if (stat(source, &st) < 0)
		return err_sys(err, errno, "cannot add device '%s'", source);
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(err, ERR_USAGE, "cannot add device '%s': it is no device", source);
	create_device_mount(create, source, path, rights);
	return 0;
}

int create_cdi_devices(struct create *create, struct err *err)
{
	json_t *runtime = json_object_get(create->record, KEY_RUNTIME);
	json_t *edits, *item;
	size_t i, k;

	json_array_foreach (create->cdi, i, edits) {
		json_array_foreach (json_object_get(edits, "deviceNodes"), k, item)
			if (add_node(create, item, err) < 0)
				return -1;
		json_array_foreach (json_object_get(edits, "additionalGids"), k, item) {
			cleanup_free char *gid =
				xasprintf("%lld", (long long)json_integer_value(item));

			json_array_append_new(json_object_get(runtime, KEY_GROUP_ADD),
					      json_string(gid));
		}
	}
	return 0;
}
