/* SPDX-License-Identifier: Apache-2.0 */
/*
 * units/quadlet_load.c - find and read Quadlet units and their drop-ins
 *
 * Folders are walked whole, links to folders too (but none twice). A drop-in of web-blue.container is a *.conf in a folder of one of
 * the names web-blue.container.d, web-.container.d, container.d; for an instance web@a.container those of its template count as
 * well. Of drop-ins with the same name the most special one counts, then the one whose folder is searched first.
 */
#include "units/quadlet.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "base/strbuf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 16

void quadlet_set_release(struct quadlet_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		struct quadlet *quadlet = set->items[i];

		free(quadlet->name);
		free(quadlet->path);
		free(quadlet->dir);
		free(quadlet->service);
		free(quadlet->object);
		unit_release(&quadlet->unit);
		unit_release(&quadlet->made);
		strv_release(&quadlet->words);
		strv_release(&quadlet->globals);
		free(quadlet->origins);
		free(quadlet);
	}
	free(set->items);
	strv_release(&set->dirs);
	strv_release(&set->drop_in_dirs);
	set->items = NULL;
	set->count = set->size = 0;
}

/* ---- folders ---------------------------------------------------------------------------------------------------------- */

/* Below .../users there is a folder for each uid: of those only the own one counts. */
static bool is_of_others(const char *parent, const char *name, bool user)
{
	char own[16];
	const char *c = name;

	if (!user)
		return str_equal(name, "users");
	if (!str_ends_with(parent, "/users"))
		return false;
	while (*c >= '0' && *c <= '9')
		c++;
	(void)snprintf(own, sizeof(own), "%u", getuid());
	return *c == '\0' && !str_equal(name, own);
}

static void add_dir(struct strv *dirs, const char *path, bool user, unsigned depth)
{
	cleanup_free char *real = realpath(path, NULL);
	cleanup_strv struct strv below = STRV_INIT;
	DIR *dir = real != NULL && depth < DEPTH_MAX ? opendir(real) : NULL;
	struct dirent *entry;

	if (dir == NULL)
		return;
	if (strv_contains(dirs, real)) {
		closedir(dir);
		return;
	}
	strv_add(dirs, real);
	while ((entry = readdir(dir)) != NULL) {
		struct stat st;

		if (entry->d_name[0] == '.' || str_ends_with(entry->d_name, ".d") ||
		    (entry->d_type != DT_DIR && entry->d_type != DT_LNK &&
		     entry->d_type != DT_UNKNOWN))
			continue;
		if (fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode) &&
		    !is_of_others(real, entry->d_name, user))
			strv_addf(&below, "%s/%s", real, entry->d_name);
	}
	closedir(dir);
	strv_sort(&below);
	for (size_t i = 0; i < below.count; i++)
		add_dir(dirs, below.items[i], user, depth + 1);
}

static char *config_dir(void)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (config != NULL && config[0] == '/')
		return xasprintf("%s/containers/systemd", config);
	return xasprintf("%s/.config/containers/systemd", home != NULL ? home : "");
}

char *quadlet_home(void)
{
	const char *asked = getenv("QUADLET_UNIT_DIRS");

	if (!str_is_empty(asked))
		return xstrndup(asked, strcspn(asked, ":"));
	return getuid() == 0 ? xstrdup("/etc/containers/systemd") : config_dir();
}

void quadlet_dirs(bool user, struct strv *dirs)
{
	const char *asked = getenv("QUADLET_UNIT_DIRS"), *runtime = getenv("XDG_RUNTIME_DIR");
	cleanup_strv struct strv paths = STRV_INIT;

	if (!str_is_empty(asked)) {
		strv_split(&paths, asked, ':');
	} else if (user) {
		if (runtime != NULL && runtime[0] == '/')
			strv_addf(&paths, "%s/containers/systemd", runtime);
		strv_add_take(&paths, config_dir());
		strv_addf(&paths, "/etc/containers/systemd/users/%u", getuid());
		strv_add(&paths, "/etc/containers/systemd/users");
		strv_addf(&paths, "/usr/share/containers/systemd/users/%u", getuid());
		strv_add(&paths, "/usr/share/containers/systemd/users");
	} else {
		strv_add(&paths, "/run/containers/systemd");
		strv_add(&paths, "/etc/containers/systemd");
		strv_add(&paths, "/usr/share/containers/systemd");
	}
	for (size_t i = 0; i < paths.count; i++) {
		if (paths.items[i][0] == '/')
			add_dir(dirs, paths.items[i], user, 0);
	}
}

/* ---- files ------------------------------------------------------------------------------------------------------------ */

static void report_file(struct quadlet_set *set, const char *path, const char *text)
{
	const struct unit_problem problem = { .level = UNIT_ERROR, .file = path, .text = text };

	set->report(set->arg, &problem);
}

/* A link to a unit is one: that is how instances and copies of a folder are made. */
static int read_file(struct quadlet_set *set, struct unit *unit, const char *path)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int status = fd < 0 ? -errno : fstat(fd, &st) < 0 ? -errno : 0;

	if (status == 0)
		status = S_ISREG(st.st_mode) ? fd_read_all(fd, &text, UNIT_BYTES_MAX) : -EINVAL;
	if (status < 0) {
		report_file(set, path,
			    status == -EFBIG	? "it is too long for a unit"
			    : status == -EINVAL ? "it is no regular file"
						: strerror(-status));
		return -1;
	}
	return unit_read(unit, text.data, text.length, path, set->report, set->arg);
}

static void add_drop_ins_of(const struct quadlet_set *set, const char *name, struct strv *names,
			    struct strv *paths)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < set->drop_in_dirs.count; i++) {
		const char *path = set->drop_in_dirs.items[i];
		const char *last = strrchr(path, '/') + 1;
		bool fits = strncmp(last, name, length) == 0 && str_equal(last + length, ".d");
		DIR *dir = fits ? opendir(path) : NULL;
		struct dirent *entry;

		while (dir != NULL && (entry = readdir(dir)) != NULL) {
			if (entry->d_name[0] == '.' || !str_ends_with(entry->d_name, ".conf") ||
			    strv_contains(names, entry->d_name))
				continue;
			strv_add(names, entry->d_name);
			/* sorted by the name of the file, which stands first */
			strv_addf(paths, "%s%c%s/%s", entry->d_name, '\1', path, entry->d_name);
		}
		if (dir != NULL)
			closedir(dir);
	}
}

static void read_drop_ins(struct quadlet_set *set, struct quadlet *quadlet)
{
	cleanup_strv struct strv names = STRV_INIT, paths = STRV_INIT;
	const char *suffix = quadlet_suffix(quadlet->type);
	cleanup_free char *stem =
		xstrndup(quadlet->name, strlen(quadlet->name) - strlen(suffix) - 1);
	char *at = strchr(stem, '@');

	add_drop_ins_of(set, quadlet->name, &names, &paths);
	if (at != NULL && at[1] != '\0') {
		cleanup_free char *template = xasprintf("%.*s@.%s", (int)(at - stem), stem, suffix);

		add_drop_ins_of(set, template, &names, &paths);
	}
	for (size_t i = strlen(stem); at == NULL && i-- > 1;) {
		if (stem[i] == '-' && stem[i + 1] != '\0') {
			cleanup_free char *name = xasprintf("%.*s-.%s", (int)i, stem, suffix);

			add_drop_ins_of(set, name, &names, &paths);
		}
	}
	add_drop_ins_of(set, suffix, &names, &paths);
	strv_sort(&paths);
	for (size_t i = 0; i < paths.count; i++) {
		if (read_file(set, &quadlet->unit, strchr(paths.items[i], '\1') + 1) < 0)
			quadlet->failed = true;
	}
}

static void put(struct quadlet_set *set, struct quadlet *quadlet)
{
	for (size_t i = 0; i < set->count; i++) {
		if (str_equal(set->items[i]->name, quadlet->name)) {
			struct quadlet_set old = { .items = xmalloc(sizeof(*old.items)),
						   .count = 1 };

			old.items[0] = set->items[i];
			quadlet_set_release(&old);
			set->items[i] = quadlet;
			return;
		}
	}
	if (set->count == set->size) {
		set->size = set->size > 0 ? set->size * 2 : 16;
		set->items = xreallocarray(set->items, set->size, sizeof(*set->items));
	}
	set->items[set->count++] = quadlet;
}

static void load(struct quadlet_set *set, const char *dir, const char *name)
{
	struct quadlet *quadlet = xcalloc(1, sizeof(*quadlet));

	quadlet->type = (enum quadlet_type)quadlet_type_of(name);
	quadlet->name = xstrdup(name);
	quadlet->dir = xstrdup(dir);
	quadlet->path = xasprintf("%s/%s", dir, name);
	quadlet->failed = read_file(set, &quadlet->unit, quadlet->path) < 0;
	read_drop_ins(set, quadlet);
	put(set, quadlet);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What stands in one folder: paths of units, and folders of drop-ins. */
static void list_dir(struct quadlet_set *set, const char *path, struct strv *units)
{
	DIR *dir = opendir(path);
	size_t first = units->count;
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		const char *name = entry->d_name;

		if (name[0] == '.')
			continue;
		if (str_ends_with(name, ".d"))
			strv_addf(&set->drop_in_dirs, "%s/%s", path, name);
		else if (quadlet_type_of(name) >= 0 && entry->d_type != DT_DIR)
			strv_addf(units, "%s/%s", path, name);
	}
	if (dir != NULL)
		closedir(dir);
	if (units->count > first)
		qsort(units->items + first, units->count - first, sizeof(char *), compare);
}

int quadlet_load_file(struct quadlet_set *set, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	cleanup_free char *parent = slash == NULL   ? xstrdup(".")
				    : slash == path ? xstrdup("/")
						    : xstrndup(path, (size_t)(slash - path));
	cleanup_free char *dir = realpath(parent, NULL);

	if (quadlet_type_of(name) < 0) {
		report_file(set, path,
			    "it is no Quadlet unit: these end in .container, .volume, .network, "
			    ".image or .build");
		return -1;
	}
	if (dir != NULL && !strv_contains(&set->dirs, dir)) {
		cleanup_strv struct strv units = STRV_INIT;

		list_dir(set, dir, &units);
		strv_add(&set->dirs, dir);
	}
	load(set, dir != NULL ? dir : parent, name);
	return 0;
}

void quadlet_load(struct quadlet_set *set)
{
	cleanup_strv struct strv units = STRV_INIT;

	/* all folders first: a drop-in may stand in any of them */
	for (size_t i = 0; i < set->dirs.count; i++)
		list_dir(set, set->dirs.items[i], &units);
	for (size_t i = 0; i < units.count; i++) {
		char *slash = strrchr(units.items[i], '/');
		bool known = false;

		*slash = '\0';
		for (size_t j = 0; j < set->count && !known; j++)
			known = str_equal(set->items[j]->name, slash + 1);
		if (!known)
			load(set, units.items[i], slash + 1);
	}
}
