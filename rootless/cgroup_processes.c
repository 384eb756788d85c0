/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootless/cgroup_processes.c - what happens in a cgroup: numbers, pids, freeze, end
 *
 * Changes of state are waited for with poll on cgroup.events, never by looking again and again. Removing a cgroup kills all that is in it
 * first (cgroup.kill, Linux 5.14), then the cgroups that the container made in it, innermost first.
 */
#include "rootless/cgroup_parts.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/strbuf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define FILE_LIMIT	 (64U << 10)
#define PROCS_LIMIT	 (4U << 20)
#define DESTROY_MS	 10000
#define FREEZE_MS	 5000
#define CGROUP_DEPTH_MAX 64

/* ---- reading -------------------------------------------------------------------------------------------------------- */

int64_t cgroup_read_number(const struct cgroup *cgroup, const char *file)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	int64_t number;

	if (cgroup->dir_fd < 0 || fd_read_file(cgroup->dir_fd, file, &text, FILE_LIMIT) < 0)
		return -1;

	text.data[strcspn(text.data, "\n")] = '\0';
	if (str_equal(text.data, "max"))
		return INT64_MAX;
	return parse_i64(text.data, &number) == 0 ? number : -1;
}

static int64_t read_key(int dir_fd, const char *file, const char *key)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (dir_fd < 0 || fd_read_file(dir_fd, file, &text, FILE_LIMIT) < 0)
		return -1;

	cleanup_strv struct strv lines = STRV_INIT;
	strv_split(&lines, text.data, '\n');
	for (size_t i = 0; i < lines.count; i++) {
		const char *rest = str_after(lines.items[i], key);
		int64_t number;

		if (rest != NULL && *rest == ' ' && parse_i64(rest + 1, &number) == 0)
			return number;
	}
	return -1;
}

int64_t cgroup_read_key(const struct cgroup *cgroup, const char *file, const char *key)
{
	return read_key(cgroup->dir_fd, file, key);
}

/* Call visit for every cgroup below, children before parents; dir_fd is theirs only for the call. */
static int walk(int dir_fd, int depth,
		int (*visit)(int parent_fd, const char *name, int fd, void *arg), void *arg)
{
	if (depth > CGROUP_DEPTH_MAX)
		return -ELOOP;

	int list_fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (list_fd < 0)
		return -errno;

	DIR *list = fdopendir(list_fd);
	if (list == NULL) {
		fd_close(&list_fd);
		return -ENOMEM;
	}

	int result = 0;
	const struct dirent *entry;
	while ((entry = readdir(list)) != NULL) {
		if (entry->d_type != DT_DIR || str_equal(entry->d_name, ".") ||
		    str_equal(entry->d_name, ".."))
			continue;

		cleanup_fd int fd = openat(dir_fd, entry->d_name,
					   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			continue;
		int r = walk(fd, depth + 1, visit, arg);
		if (r == 0)
			r = visit(dir_fd, entry->d_name, fd, arg);
		if (r < 0 && result == 0)
			result = r;
	}
	closedir(list);
	return result;
}

struct pid_list {
	pid_t *pids;
	size_t count;
};

static int add_pids(int dir_fd, struct pid_list *list)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	int r = fd_read_file(dir_fd, "cgroup.procs", &text, PROCS_LIMIT);

	/* a threaded cgroup has no list of its own: its processes are in that of the domain */
	if (r < 0)
		return r == -EOPNOTSUPP || r == -ENODEV || r == -ENOENT ? 0 : r;

	cleanup_strv struct strv lines = STRV_INIT;
	strv_split(&lines, text.data, '\n');
	for (size_t i = 0; i < lines.count; i++) {
		int32_t pid;

		if (parse_i32(lines.items[i], &pid) < 0 || pid <= 0)
			continue;
		list->pids = xreallocarray(list->pids, list->count + 1, sizeof(*list->pids));
		list->pids[list->count++] = pid;
	}
	return 0;
}

static int visit_pids(int parent_fd, const char *name, int fd, void *arg)
{
	return add_pids(fd, arg);
}

int cgroup_pids(const struct cgroup *cgroup, pid_t **ret_pids, struct err *err)
{
	struct pid_list list = { NULL, 0 };
	int r = 0;

	if (cgroup->dir_fd >= 0) {
		r = walk(cgroup->dir_fd, 0, visit_pids, &list);
		if (r == 0)
			r = add_pids(cgroup->dir_fd, &list);
	}
	if (r < 0) {
		free(list.pids);
		return err_sys(err, -r, "cannot list the processes of cgroup '%s'", cgroup->path);
	}
	*ret_pids = list.pids;
	return (int)list.count;
}

/* ---- waiting for events --------------------------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Until key of cgroup.events has the value: 1, 0 too late, -errno (the cgroup is gone: -ENODEV or -ENOENT). */
static int wait_event(int dir_fd, const char *key, int64_t value, int timeout_ms)
{
	cleanup_fd int events_fd = openat(dir_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	if (events_fd < 0)
		return -errno;

	int64_t deadline = now_ms() + timeout_ms;
	for (;;) {
		if (read_key(dir_fd, "cgroup.events", key) == value)
			return 1;

		int64_t left = deadline - now_ms();
		if (left <= 0)
			return 0;

		/* the kernel marks a change with POLLPRI until the file is read again through this descriptor */
		char ignored[256];
		struct pollfd poll_fd = { .fd = events_fd, .events = POLLPRI };
		if (poll(&poll_fd, 1, (int)left) < 0 && errno != EINTR)
			return -errno;
		if (pread(events_fd, ignored, sizeof(ignored), 0) < 0)
			return -errno;
	}
}

/* ---- freeze --------------------------------------------------------------------------------------------------------- */

int cgroup_freeze(const struct cgroup *cgroup, bool freeze, struct err *err)
{
	const char *word = freeze ? "pause" : "resume";

	if (cgroup->dir_fd < 0) {
		err_set(err, ERR_UNSUPPORTED, "cannot %s: the container has no cgroup", word);
		return err_hint(err, "It was started where no cgroup was delegated to the user.");
	}

	int r = cgroup_write(cgroup->dir_fd, "cgroup.freeze", freeze ? "1" : "0");
	if (r == 0)
		r = wait_event(cgroup->dir_fd, "frozen", freeze ? 1 : 0, FREEZE_MS);
	if (r < 0)
		return err_sys(err, -r, "cannot %s cgroup '%s'", word, cgroup->path);
	if (r == 0) {
		/* a process that cannot be stopped now is no reason to stay half frozen */
		cgroup_write(cgroup->dir_fd, "cgroup.freeze", freeze ? "0" : "1");
		return err_set(err, ERR_TIMEOUT, "could not %s cgroup '%s' within %d s", word,
			       cgroup->path, FREEZE_MS / 1000);
	}
	return 0;
}

bool cgroup_is_frozen(const char *path)
{
	struct err ignored; /* what cannot be opened is not frozen */
	struct cgroup cgroup = CGROUP_INIT;

	if (path == NULL || cgroup_open(path, &cgroup, &ignored) != 1)
		return false;

	bool frozen = read_key(cgroup.dir_fd, "cgroup.events", "frozen") == 1;
	cgroup_release(&cgroup);
	return frozen;
}

/* ---- destroy -------------------------------------------------------------------------------------------------------- */

static int visit_remove(int parent_fd, const char *name, int fd, void *arg)
{
	return unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

/* Before Linux 5.14 there is no cgroup.kill: frozen processes cannot fork while they are killed one by one. */
static void kill_by_pids(const struct cgroup *cgroup)
{
	struct err ignored; /* the caller looks at what is left */
	pid_t *pids = NULL;

	cgroup_write(cgroup->dir_fd, "cgroup.freeze", "1");
	int count = cgroup_pids(cgroup, &pids, &ignored);
	for (int i = 0; i < count; i++)
		if (pids[i] != getpid())
			kill(pids[i], SIGKILL);
	if (count >= 0)
		free(pids);
	cgroup_write(cgroup->dir_fd, "cgroup.freeze", "0");
}

static int remove_tree(const struct cgroup *cgroup, struct err *err)
{
	int r = walk(cgroup->dir_fd, 0, visit_remove, NULL);

	if (r == 0) {
		cleanup_fd int parent_fd =
			openat(cgroup->dir_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (parent_fd < 0)
			return errno == ENOENT || errno == ENODEV
				       ? 0
				       : err_sys(err, errno,
						 "cannot open the parent of cgroup '%s'",
						 cgroup->path);
		if (unlinkat(parent_fd, strrchr(cgroup->path, '/') + 1, AT_REMOVEDIR) < 0 &&
		    errno != ENOENT)
			r = -errno;
	}
	return r == 0 ? 0 : err_sys(err, -r, "cannot remove cgroup '%s'", cgroup->path);
}

int cgroup_destroy(const char *path, struct err *err)
{
	struct cgroup cgroup = CGROUP_INIT;
	const char *name = strrchr(path, '/');

	if (name == NULL || name[1] == '\0')
		return err_set(err, ERR_USAGE, "invalid cgroup '%s'", path);

	int r = cgroup_open(path, &cgroup, err);
	if (r <= 0)
		return r;

	/* nearly always it is empty already, and one rmdir is all */
	r = 1;
	if (read_key(cgroup.dir_fd, "cgroup.events", "populated") == 1) {
		if (cgroup_write(cgroup.dir_fd, "cgroup.kill", "1") < 0)
			kill_by_pids(&cgroup);
		r = wait_event(cgroup.dir_fd, "populated", 0, DESTROY_MS);
	}
	if (r == 0)
		r = err_set(err, ERR_TIMEOUT,
			    "could not remove cgroup '%s': processes in it do not die within %d s",
			    path, DESTROY_MS / 1000);
	else
		r = remove_tree(&cgroup, err);
	cgroup_release(&cgroup);
	return r;
}
