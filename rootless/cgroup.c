/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootless/cgroup.c - find, make, open and change cgroups
 *
 * cgroupfs:	parent				must be writable: it is delegated to the user
 *		 |- own cgroup			of the process that starts the container
 *		 `- NAME			of the container
 *
 * systemd:	SLICE/NAME.scope		made by the user's systemd, delegated to us
 *		 |- monitor			the calling process and its company, which systemd moved into the scope; nobody without company
 *		 `- container			of the container
 *
 * A process may only be born into or moved to another cgroup when the common ancestor may be written. From a login session this is
 * never so, hence the caller goes into the scope first, where all is the user's.
 */
#include "rootless/cgroup_parts.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define FILE_LIMIT    (64U << 10)
#define SYSTEMD_SLICE "user.slice"

static const char *const cgroup_manager_names[] = {
	[CGROUP_MANAGER_AUTO] = "auto",
	[CGROUP_MANAGER_SYSTEMD] = "systemd",
	[CGROUP_MANAGER_CGROUPFS] = "cgroupfs",
	[CGROUP_MANAGER_NONE] = "none",
};
NAME_TABLE(cgroup_manager, CGROUP_MANAGER_COUNT)

void cgroup_release(struct cgroup *cgroup)
{
	if (cgroup == NULL)
		return;

	free(cgroup->path);
	cgroup->path = NULL;
	fd_close(&cgroup->dir_fd);
}

int cgroup_write(int dir_fd, const char *file, const char *text)
{
	return fd_write_file(dir_fd, file, text);
}

/* ---- where we are --------------------------------------------------------------------------------------------------- */

int cgroup_root_fd(struct err *err)
{
	/* the second is the place on hybrid systems: no controllers, but kill and freeze work */
	static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		cleanup_fd int fd = open(places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		struct statfs fs;

		if (fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
			return TAKE_FD(fd);
	}
	err_set(err, ERR_UNSUPPORTED, "cannot use cgroups: there is no cgroup v2 file system");
	return err_hint(err, "Boot with the kernel parameter systemd.unified_cgroup_hierarchy=1.");
}

char *cgroup_own_path(void)
{
	return cgroup_path_of(getpid());
}

char *cgroup_path_of(pid_t pid)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	char file[64];

	snprintf(file, sizeof(file), "/proc/%d/cgroup", (int)pid);
	if (fd_read_file(AT_FDCWD, file, &text, FILE_LIMIT) < 0)
		return NULL;

	cleanup_strv struct strv lines = STRV_INIT;
	strv_split(&lines, text.data, '\n');
	for (size_t i = 0; i < lines.count; i++) {
		const char *path = str_after(lines.items[i], "0::");

		/* "/.." is a cgroup outside of the own cgroup namespace */
		if (path != NULL && *path == '/' && strstr(path, "/..") == NULL)
			return xstrdup(path);
	}
	return NULL;
}

/* Open a cgroup by its path below the mount; "/" is the mount itself. fd or -errno. */
static int open_path(int root_fd, const char *path, int flags)
{
	path += strspn(path, "/");
	return path_open_beneath(root_fd, *path != '\0' ? path : ".", flags | O_DIRECTORY, 0);
}

static bool may_write(int dir_fd)
{
	return faccessat(dir_fd, "cgroup.procs", W_OK, AT_EACCESS) == 0 &&
	       faccessat(dir_fd, ".", W_OK, AT_EACCESS) == 0;
}

/*
 * Below user@UID.service all may be written, but belongs to the user's systemd, which takes controllers away as it likes. What is in a unit is
 * ours: systemd makes no cgroups there, so somebody has whom it was delegated to.
 */
static bool is_of_systemd(const char *path)
{
	static const char *const units[] = { ".scope", ".service" };
	const char *manager = strstr(path, "/user@");
	const char *below = manager == NULL ? NULL : strstr(manager, ".service");

	if (below == NULL)
		return false;
	below += strlen(".service");
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		size_t length = strlen(units[i]);

		for (const char *at = below; (at = strstr(at, units[i])) != NULL; at += length) {
			if (at[length] == '\0' || at[length] == '/')
				return false;
		}
	}
	return true;
}

/* ---- parent --------------------------------------------------------------------------------------------------------- */

/* 1, 0 with err, -1 */
static int find_delegated(char **ret_path, struct err *err)
{
	cleanup_fd int root_fd = cgroup_root_fd(err);
	if (root_fd < 0)
		return 0;

	cleanup_free char *path = cgroup_own_path();
	if (path == NULL) {
		err_set(err, ERR_UNSUPPORTED,
			"cannot use cgroups: the own cgroup is not below the cgroup v2 file "
			"system");
		err_hint(err, "Start dhow in a cgroup that is delegated to the user.");
		return 0;
	}

	char *slash = strrchr(path, '/');
	slash[slash == path ? 1 : 0] = '\0';
	cleanup_fd int parent_fd = open_path(root_fd, path, O_RDONLY);
	if (parent_fd >= 0 && may_write(parent_fd) && !is_of_systemd(path)) {
		*ret_path = TAKE_PTR(path);
		return 1;
	}

	err_set(err, ERR_UNSUPPORTED, "cannot use cgroups: '%s' is not delegated to this user",
		path);
	err_hint(err, "Log in through systemd (XDG_RUNTIME_DIR must be set), or start dhow with: "
		      "systemd-run --user --scope dhow ...");
	return 0;
}

static int no_systemd(struct err *err)
{
	err_set(err, ERR_UNSUPPORTED,
		"cannot use cgroups: there is no bus of the user's systemd to ask for a scope");
	return err_hint(err, "Log in through systemd (loginctl enable-linger), or use "
			     "--cgroup-manager=cgroupfs.");
}

int cgroup_find_parent(enum cgroup_manager manager, char **ret_path, struct err *err)
{
	switch (manager) {
	case CGROUP_MANAGER_NONE:
		err_set(err, ERR_UNSUPPORTED, "cannot use cgroups: they are switched off");
		err_hint(err, "Leave out --cgroups=disabled.");
		return 0;
	case CGROUP_MANAGER_CGROUPFS:
		return find_delegated(ret_path, err);
	case CGROUP_MANAGER_SYSTEMD:
		if (!cgroup_systemd_is_there()) {
			no_systemd(err);
			return 0;
		}
		*ret_path = xstrdup(SYSTEMD_SLICE);
		return 1;
	default:
		if (find_delegated(ret_path, err) > 0)
			return 1;
		if (!cgroup_systemd_is_there())
			return 0;
		*ret_path = xstrdup(SYSTEMD_SLICE);
		return 1;
	}
}

bool cgroup_wants_scope(enum cgroup_manager manager, const char *parent)
{
	cleanup_free char *found = NULL;
	struct err ignored; /* it is the question */

	if (manager != CGROUP_MANAGER_AUTO)
		return manager == CGROUP_MANAGER_SYSTEMD;
	if (!cgroup_systemd_is_there())
		return false;
	if (parent != NULL)
		return str_ends_with(parent, ".slice") && strchr(parent, '/') == NULL;
	return find_delegated(&found, &ignored) <= 0;
}

/* ---- create --------------------------------------------------------------------------------------------------------- */

static int check_name(const char *name, struct err *err)
{
	if (path_is_component(name) && strchr(name, '.') == NULL && strpbrk(name, "\n\t ") == NULL)
		return 0;
	return err_set(err, ERR_USAGE, "invalid cgroup name '%s'", name);
}

/* a parent from the command line: only names that are plain at every step */
static int check_parent(const char *parent, struct err *err)
{
	cleanup_strv struct strv parts = STRV_INIT;

	strv_split(&parts, parent + strspn(parent, "/"), '/');
	for (size_t i = 0; i < parts.count; i++) {
		const char *part = parts.items[i];

		if (*part == '\0' && (i + 1 == parts.count))
			continue;
		if (!path_is_component(part) || str_after(part, "cgroup.") != NULL)
			return err_set(err, ERR_USAGE, "invalid parent cgroup '%s'", parent);
	}
	return 0;
}

/* NAME below an open parent, with its limits. Nothing is left behind on failure. */
static int make_child(int parent_fd, const char *parent, const char *name,
		      const struct cgroup_limits *limits, bool pids_is_default,
		      struct cgroup *ret_cgroup, struct err *err)
{
	bool exists = mkdirat(parent_fd, name, 0755) < 0;

	if (exists && errno != EEXIST)
		return err_sys(err, errno, "cannot make cgroup '%s' in '%s'", name, parent);

	cleanup_fd int dir_fd =
		openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir_fd < 0)
		return err_sys(err, errno, "cannot open cgroup '%s' in '%s'", name, parent);

	/* one that is left from a run that was killed may be taken over, but nobody joins strangers */
	const struct cgroup left = { NULL, dir_fd };
	if (exists && cgroup_read_key(&left, "cgroup.events", "populated") != 0) {
		err_set(err, ERR_IN_USE,
			"cannot make cgroup '%s' in '%s': there are processes in it", name, parent);
		return err_hint(err,
				"They are left from a container of that name: end them first.");
	}

	if (cgroup_limits_apply(parent_fd, dir_fd, limits, pids_is_default, err) < 0) {
		unlinkat(parent_fd, name, AT_REMOVEDIR);
		return -1;
	}

	size_t length = strlen(parent);
	while (length > 0 && parent[length - 1] == '/')
		length--;
	ret_cgroup->path = xasprintf("%s%.*s/%s", *parent == '/' || length == 0 ? "" : "/",
				     (int)length, parent, name);
	ret_cgroup->dir_fd = TAKE_FD(dir_fd);
	return 0;
}

static int create_below(const char *parent, const char *name, const struct cgroup_limits *limits,
			bool pids_is_default, struct cgroup *ret_cgroup, struct err *err)
{
	cleanup_fd int root_fd = cgroup_root_fd(err);
	if (root_fd < 0)
		return -1;
	if (check_parent(parent, err) < 0)
		return -1;

	cleanup_fd int parent_fd = open_path(root_fd, parent, O_RDONLY);
	if (parent_fd == -ENOENT)
		parent_fd = path_make_dirs_beneath(root_fd, parent + strspn(parent, "/"), 0755);
	if (parent_fd < 0) {
		int errno_value = -parent_fd;

		parent_fd = -1;
		err_sys(err, errno_value, "cannot open parent cgroup '%s'", parent);
		return err_hint(
			err, "The parent must be below a cgroup that is delegated to this user.");
	}
	return make_child(parent_fd, parent, name, limits, pids_is_default, ret_cgroup, err);
}

/* These, too. One that has ended is missed elsewhere. 0 or -errno. */
static int take_along(int dir_fd, const char *procs, const struct cgroup_company *company)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < company->count; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%d", (int)company->pids[i]);
		r = cgroup_write(dir_fd, procs, text);
		if (r == -ESRCH)
			r = 0;
	}
	return r;
}

/* The caller and its company into SCOPE/monitor, so that SCOPE holds no process and may enable controllers. */
static int enter_monitor(int scope_fd, const char *scope, const struct cgroup_company *company,
			 struct err *err)
{
	if (mkdirat(scope_fd, SCOPE_MONITOR, 0755) < 0 && errno != EEXIST)
		return err_sys(err, errno, "cannot make cgroup '%s' in '%s'", SCOPE_MONITOR, scope);

	/* "0" is the writing process */
	int r = cgroup_write(scope_fd, SCOPE_MONITOR "/cgroup.procs", "0");
	if (r == 0)
		r = take_along(scope_fd, SCOPE_MONITOR "/cgroup.procs", company);
	if (r < 0)
		return err_sys(err, -r, "cannot enter cgroup '%s' in '%s'", SCOPE_MONITOR, scope);
	return 0;
}

/* The scope, when the caller is in it already: a restart comes from the monitor of the run before. */
static char *own_scope(const char *name)
{
	cleanup_free char *own = cgroup_own_path();
	cleanup_free char *ending = xasprintf("/%s.scope/" SCOPE_MONITOR, name);

	if (own == NULL || !str_ends_with(own, ending))
		return NULL;
	own[strlen(own) - strlen("/" SCOPE_MONITOR)] = '\0';
	return TAKE_PTR(own);
}

int cgroup_create_scope(const char *slice, const char *name, const struct cgroup_limits *limits,
			bool pids_is_default, const struct cgroup_company *company,
			struct cgroup *ret_cgroup, struct err *err)
{
	if (check_name(name, err) < 0 || cgroup_limits_check(limits, err) < 0)
		return -1;
	if (!cgroup_systemd_is_there())
		return no_systemd(err);

	cleanup_free char *scope = own_scope(name);
	bool inside = scope != NULL;
	if (!inside)
		scope = cgroup_systemd_scope(company, slice != NULL ? slice : SYSTEMD_SLICE, name,
					     err);
	if (scope == NULL)
		return -1;

	cleanup_fd int root_fd = cgroup_root_fd(err);
	if (root_fd < 0)
		return -1;

	cleanup_fd int scope_fd = open_path(root_fd, scope, O_RDONLY);
	if (scope_fd < 0) {
		int errno_value = -scope_fd;

		scope_fd = -1;
		return err_sys(err, errno_value, "cannot open scope '%s'", scope);
	}
	if (!inside && company != NULL && enter_monitor(scope_fd, scope, company, err) < 0)
		return -1;
	return make_child(scope_fd, scope, SCOPE_CHILD, limits, pids_is_default, ret_cgroup, err);
}

int cgroup_attach(const struct cgroup *cgroup, pid_t pid, struct err *err)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", (int)pid);

	int r = cgroup_write(cgroup->dir_fd, "cgroup.procs", text);
	if (r == 0)
		return 0;
	/* the kernel wants rights at the ancestor of both cgroups, which no user has between two login sessions */
	if ((r == -EACCES || r == -EPERM) && cgroup_systemd_is_there() &&
	    cgroup_systemd_attach(pid, cgroup->path, err) == 0)
		return 0;
	err_sys(err, -r, "cannot enter cgroup '%s'", cgroup->path);
	return err_hint(err, "Call dhow from the login session or service that started the "
			     "container.");
}

/* no cgroup at all: fine when nothing was asked for */
static int create_nothing(const struct cgroup_limits *limits, bool pids_is_default,
			  struct cgroup *ret_cgroup, const struct err *reason, struct err *err)
{
	bool pids_wanted = limits->pids_max >= 0 && limits->pids_max != INT64_MAX;

	if (cgroup_limits_any(limits) || (pids_wanted && !pids_is_default)) {
		if (err != reason)
			*err = *reason;
		return err_wrap(err, "cannot set limits");
	}
	debug("no cgroup, ignoring: %s", reason->msg);
	*ret_cgroup = (struct cgroup)CGROUP_INIT;
	return 0;
}

int cgroup_create(enum cgroup_manager manager, const char *parent, const char *name,
		  const struct cgroup_limits *limits, bool pids_is_default,
		  struct cgroup *ret_cgroup, struct err *err)
{
	static const struct cgroup_company nobody = { NULL, 0 };
	cleanup_free char *found = NULL;

	if (check_name(name, err) < 0 || cgroup_limits_check(limits, err) < 0)
		return -1;

	if (manager == CGROUP_MANAGER_SYSTEMD)
		return cgroup_create_scope(parent, name, limits, pids_is_default, &nobody,
					   ret_cgroup, err);

	if (parent == NULL || manager == CGROUP_MANAGER_NONE) {
		struct err reason;
		int r = manager == CGROUP_MANAGER_NONE
				? cgroup_find_parent(manager, &found, &reason)
				: find_delegated(&found, &reason);

		if (r < 0) {
			*err = reason;
			return -1;
		}
		if (r == 0)
			return create_nothing(limits, pids_is_default, ret_cgroup, &reason, err);
		parent = found;
	}
	return create_below(parent, name, limits, pids_is_default, ret_cgroup, err);
}

/*
 * A process and all that it has started, in this order: what it starts meanwhile is born in the new place. One that has ended is missed elsewhere. A
 * kernel without the list of children: they stay, and only limits will miss them. 0 or -errno.
 */
static int move_family(int dir_fd, pid_t pid)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_strv struct strv children = STRV_INIT;
	char number[16], path[64];
	int r;

	snprintf(number, sizeof(number), "%d", (int)pid);
	r = cgroup_write(dir_fd, "cgroup.procs", number);
	if (r < 0)
		return r == -ESRCH ? 0 : r;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	if (fd_read_file(AT_FDCWD, path, &text, FILE_LIMIT) < 0)
		return 0;
	strv_split(&children, text.data, ' ');
	for (size_t i = 0; r >= 0 && i < children.count; i++) {
		int32_t child;

		if (parse_i32(children.items[i], &child) == 0 && child > 0)
			r = move_family(dir_fd, child);
	}
	return r;
}

/*
 * Make it, and go there with the helpers that we have started: a cgroup with controllers for its children has no processes. What else is in the
 * cgroup is none of ours. 0 or -errno.
 */
static int enter_child(int parent_fd, const char *name, const struct cgroup_company *company)
{
	cleanup_fd int dir_fd = -1;
	int r;

	if (mkdirat(parent_fd, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	dir_fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return -errno;
	r = move_family(dir_fd, getpid());
	for (size_t i = 0; r >= 0 && i < company->count; i++)
		r = move_family(dir_fd, company->pids[i]);
	return r;
}

int cgroup_split(const struct cgroup_company *company, char **ret_parent, struct err *err)
{
	static const char name[] = "/supervisor";
	cleanup_free char *own = cgroup_own_path();
	cleanup_fd int root_fd = cgroup_root_fd(err);

	if (root_fd < 0)
		return -1;
	if (own == NULL)
		return err_set(err, ERR_UNSUPPORTED, "cannot split the own cgroup: there is none");
	/* a restart comes from a monitor that is there already */
	if (str_ends_with(own, name)) {
		own[strlen(own) - strlen(name)] = '\0';
		*ret_parent = TAKE_PTR(own);
		return 0;
	}
	cleanup_fd int parent_fd = open_path(root_fd, own, O_RDONLY | O_DIRECTORY);
	if (parent_fd < 0)
		return err_sys(err, -parent_fd, "cannot open the own cgroup '%s'", own);
	int status = enter_child(parent_fd, name + 1, company);
	if (status < 0) {
		err_sys(err, -status, "cannot split the own cgroup '%s'", own);
		return err_hint(err, "It must be delegated: a unit of systemd says Delegate=yes.");
	}
	*ret_parent = TAKE_PTR(own);
	return 0;
}

int cgroup_open(const char *path, struct cgroup *ret_cgroup, struct err *err)
{
	cleanup_fd int root_fd = cgroup_root_fd(err);
	if (root_fd < 0)
		return -1;

	int dir_fd = open_path(root_fd, path, O_RDONLY);
	if (dir_fd == -ENOENT)
		return 0;
	if (dir_fd < 0)
		return err_sys(err, -dir_fd, "cannot open cgroup '%s'", path);

	ret_cgroup->path = xstrdup(path);
	ret_cgroup->dir_fd = dir_fd;
	return 1;
}

int cgroup_update(const struct cgroup *cgroup, const struct cgroup_limits *limits, struct err *err)
{
	if (cgroup->path == NULL) {
		err_set(err, ERR_UNSUPPORTED, "cannot change limits: the container has no cgroup");
		return err_hint(err, "It was started where no cgroup was delegated to the user.");
	}
	if (cgroup_limits_check(limits, err) < 0)
		return -1;

	cleanup_fd int parent_fd = openat(cgroup->dir_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent_fd < 0)
		return err_sys(err, errno, "cannot open the parent of cgroup '%s'", cgroup->path);

	return cgroup_limits_apply(parent_fd, cgroup->dir_fd, limits, false, err);
}
