/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/proc.c - find and read the processes of a container
 *
 * Without a cgroup the members are found by looking at all processes of the machine that we may look at: what is in the pid namespace of
 * the init, and what descends from a member. The second finds processes in nested pid namespaces, and those of a container that
 * shares the pid namespace of somebody else, which the first cannot tell.
 */
#include "engine/container/proc.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "engine/container/life.h"
#include "rootless/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROC_FILE_LIMIT	     (64U << 10)
#define PROC_ARGUMENTS_LIMIT (32U << 10)
#define PROC_DEPTH_MAX	     64 /* levels of pid namespaces; the kernel has 32 */
#define PROC_STAT_FIELDS     24

void proc_release(struct proc *proc)
{
	free(proc->groups);
	free(proc->command);
	free(proc->arguments);
	proc->groups = NULL;
	proc->command = proc->arguments = NULL;
}

void proc_list_release(struct proc_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		proc_release(&list->items[i]);
	free(list->items);
	*list = (struct proc_list){ NULL, 0 };
}

/* The next number behind blanks; *at moves on. False at the end of the line. */
static bool next_number(char **at, int64_t *ret)
{
	char *start = *at + strspn(*at, " \t");
	char *end = start + strcspn(start, " \t\n");
	char after = *end;
	int status;

	if (end == start)
		return false;
	*end = '\0';
	status = parse_i64(start, ret);
	*end = after;
	*at = end;
	return status == 0;
}

bool proc_parse_stat(char *text, struct proc *proc)
{
	/* the command may have any bytes, brackets too: it ends at the last one */
	char *open = strchr(text, '(');
	char *close = strrchr(text, ')');
	int64_t fields[PROC_STAT_FIELDS + 1] = { 0 };

	if (open == NULL || close == NULL || close < open || close[1] != ' ' || close[2] == '\0')
		return false;
	char *at = close + 3;

	/* the third is the state; some of the later ones do not fit int64_t, but none of these */
	for (int i = 4; i <= PROC_STAT_FIELDS; i++) {
		if (!next_number(&at, &fields[i]))
			return false;
	}
	free(proc->command);
	proc->command = xstrndup(open + 1, (size_t)(close - open - 1));
	proc->state = close[2];
	proc->parent_pid = (pid_t)fields[4];
	proc->terminal = (int)fields[7];
	proc->user_ticks = (uint64_t)fields[14];
	proc->system_ticks = (uint64_t)fields[15];
	proc->priority = (long)fields[18];
	proc->nice = (long)fields[19];
	proc->threads = (long)fields[20];
	proc->start_ticks = (uint64_t)fields[22];
	proc->virtual_bytes = (uint64_t)fields[23];
	proc->resident_bytes = (uint64_t)fields[24] * (uint64_t)sysconf(_SC_PAGESIZE);
	return true;
}

/* Number depth (from 1) of a line of NSpid and its like, 0 when there are fewer. */
static pid_t number_at(char *line, size_t depth)
{
	int64_t number = 0;

	for (size_t i = 0; i < depth; i++) {
		if (!next_number(&line, &number))
			return 0;
	}
	return (pid_t)number;
}

static void parse_ids(char *line, uint32_t ids[2])
{
	for (int i = 0; i < 2; i++) {
		int64_t id;

		if (next_number(&line, &id))
			ids[i] = (uint32_t)id;
	}
}

static void parse_groups(char *line, struct proc *proc)
{
	int64_t id;

	free(proc->groups);
	proc->groups = NULL;
	proc->group_count = 0;
	while (next_number(&line, &id)) {
		proc->groups = xreallocarray(proc->groups, proc->group_count + 1, sizeof(uint32_t));
		proc->groups[proc->group_count++] = (uint32_t)id;
	}
}

static void parse_status_line(char *line, size_t depth, struct proc *proc)
{
	static const char *const sets[] = {
		[PROC_CAP_INHERITABLE] = "CapInh:", [PROC_CAP_PERMITTED] = "CapPrm:",
		[PROC_CAP_EFFECTIVE] = "CapEff:",   [PROC_CAP_BOUNDING] = "CapBnd:",
		[PROC_CAP_AMBIENT] = "CapAmb:",
	};
	size_t key_length = strcspn(line, ":");
	char *value = line + key_length + (line[key_length] != '\0');
	int64_t number;

	if (str_after(line, "Uid:") != NULL)
		parse_ids(value, proc->uids);
	else if (str_after(line, "Gid:") != NULL)
		parse_ids(value, proc->gids);
	else if (str_after(line, "Groups:") != NULL)
		parse_groups(value, proc);
	else if (str_after(line, "NSpid:") != NULL)
		proc->inner_pid = number_at(value, depth);
	else if (str_after(line, "NSpgid:") != NULL)
		proc->inner_group = number_at(value, depth);
	else if (str_after(line, "NSsid:") != NULL)
		proc->inner_session = number_at(value, depth);
	else if (str_after(line, "Seccomp:") != NULL && next_number(&value, &number))
		proc->seccomp = (int)number;
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		if (str_after(line, sets[i]) != NULL)
			proc->capabilities[i] = strtoull(value, NULL, 16);
	}
}

bool proc_parse_status(char *text, size_t depth, struct proc *proc)
{
	bool any = false;

	for (char *line = text; *line != '\0';) {
		char *end = line + strcspn(line, "\n");
		bool last = *end == '\0';

		*end = '\0';
		any |= str_after(line, "Uid:") != NULL;
		parse_status_line(line, depth, proc);
		if (last)
			break;
		line = end + 1;
	}
	return any;
}

/* /proc files say that they have 0 bytes, and are regular. 1, or 0 when the process is gone or not ours to look at. */
static int read_proc_file(int dir_fd, const char *name, size_t limit, struct strbuf *text)
{
	cleanup_fd int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	strbuf_clear(text);
	if (fd < 0)
		return 0;
	strbuf_grow(text, limit);
	length = fd_read_full(fd, text->data, limit);
	if (length < 0)
		return 0;
	text->length = (size_t)length;
	text->data[length] = '\0';
	return 1;
}

/* NUL between the words becomes a blank. */
static char *join_arguments(const struct strbuf *text, const struct proc *proc)
{
	struct strbuf joined = STRBUF_INIT;
	size_t length = text->length;

	while (length > 0 && text->data[length - 1] == '\0')
		length--;
	if (length == 0)
		return xasprintf("[%s]", proc->command);
	for (size_t i = 0; i < length; i++)
		strbuf_addc(&joined, text->data[i] != '\0' ? text->data[i] : ' ');
	return strbuf_take(&joined);
}

/* 1, or 0 when it is gone. */
static int proc_read(pid_t pid, size_t depth, bool with_arguments, struct proc *ret_proc)
{
	cleanup_free char *path = xasprintf("/proc/%d", (int)pid);
	cleanup_fd int dir_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct proc proc = { .pid = pid };

	if (dir_fd < 0)
		return 0;
	if (read_proc_file(dir_fd, "stat", PROC_FILE_LIMIT, &text) == 0 ||
	    !proc_parse_stat(text.data, &proc) ||
	    read_proc_file(dir_fd, "status", PROC_FILE_LIMIT, &text) == 0 ||
	    !proc_parse_status(text.data, depth, &proc)) {
		proc_release(&proc);
		return 0;
	}
	if (with_arguments) {
		read_proc_file(dir_fd, "cmdline", PROC_ARGUMENTS_LIMIT, &text);
		proc.arguments = join_arguments(&text, &proc);
	}
	*ret_proc = proc;
	return 1;
}

static void list_add(struct proc_list *list, const struct proc *proc_take)
{
	list->items = xreallocarray(list->items, list->count + 1, sizeof(*list->items));
	list->items[list->count++] = *proc_take;
}

/* How many pid namespaces see this process: the words of NSpid. 0 when it is gone. */
static size_t namespace_depth(pid_t pid)
{
	cleanup_free char *path = xasprintf("/proc/%d", (int)pid);
	cleanup_fd int dir_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	size_t depth = 0;
	int64_t number;

	if (dir_fd < 0 || read_proc_file(dir_fd, "status", PROC_FILE_LIMIT, &text) == 0)
		return 0;
	char *line = strstr(text.data, "\nNSpid:");

	if (line == NULL)
		return 1; /* a kernel without it: one level is all that can be told */
	for (line += strlen("\nNSpid:"); depth < PROC_DEPTH_MAX && next_number(&line, &number);)
		depth++;
	return depth;
}

static bool same_namespace(const char *pid_text, const struct stat *init_namespace)
{
	cleanup_free char *path = xasprintf("/proc/%s/ns/pid", pid_text);
	struct stat st;

	return stat(path, &st) == 0 && st.st_ino == init_namespace->st_ino &&
	       st.st_dev == init_namespace->st_dev;
}

/* One process of the machine: who its parent is, and whether it is of the container. */
struct candidate {
	pid_t pid, parent_pid;
	bool member;
};

static int list_candidates(pid_t init, struct candidate **ret_items, size_t *ret_count,
			   struct err *err)
{
	DIR *dir = opendir("/proc");
	cleanup_free char *init_path = xasprintf("/proc/%d/ns/pid", (int)init);
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	struct stat init_namespace, ours;
	struct candidate *items = NULL;
	size_t count = 0;

	if (dir == NULL)
		return err_sys(err, errno, "cannot list processes");
	/* in a namespace that is ours too it tells nothing */
	bool own = stat(init_path, &init_namespace) == 0 && stat("/proc/self/ns/pid", &ours) == 0 &&
		   init_namespace.st_ino != ours.st_ino;

	for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		struct proc proc = { 0 };
		uint32_t pid;

		if (parse_u32(entry->d_name, &pid) < 0)
			continue;
		cleanup_free char *path = xasprintf("/proc/%s/stat", entry->d_name);

		if (read_proc_file(AT_FDCWD, path, PROC_FILE_LIMIT, &text) == 0 ||
		    !proc_parse_stat(text.data, &proc))
			continue;
		proc_release(&proc);
		items = xreallocarray(items, count + 1, sizeof(*items));
		items[count++] = (struct candidate){
			.pid = (pid_t)pid,
			.parent_pid = proc.parent_pid,
			.member = (pid_t)pid == init ||
				  (own && same_namespace(entry->d_name, &init_namespace)),
		};
	}
	closedir(dir);
	*ret_items = items;
	*ret_count = count;
	return 0;
}

static void add_descendants(struct candidate *items, size_t count)
{
	for (bool changed = true; changed;) {
		changed = false;
		for (size_t i = 0; i < count; i++) {
			for (size_t j = 0; !items[i].member && j < count; j++) {
				if (items[j].member && items[j].pid == items[i].parent_pid)
					items[i].member = changed = true;
			}
		}
	}
}

static int members_by_namespace(pid_t init, pid_t **ret_pids, struct err *err)
{
	cleanup_free struct candidate *items = NULL;
	size_t count = 0;
	int members = 0;

	if (list_candidates(init, &items, &count, err) < 0)
		return -1;
	add_descendants(items, count);
	pid_t *pids = xcalloc(count + 1, sizeof(*pids));

	for (size_t i = 0; i < count; i++) {
		if (items[i].member)
			pids[members++] = items[i].pid;
	}
	*ret_pids = pids;
	return members;
}

/* Number of pids, yours; -1. */
static int members(const struct container *container, pid_t **ret_pids, struct err *err)
{
	cleanup_free char *path = container_cgroup_path(container);
	struct cgroup cgroup = CGROUP_INIT;
	int count = -1;

	if (path != NULL && cgroup_open(path, &cgroup, err) > 0)
		count = cgroup_pids(&cgroup, ret_pids, err);
	cgroup_release(&cgroup);
	return count > 0 ? count : members_by_namespace(container->state.pid, ret_pids, err);
}

static int by_age(const void *a_, const void *b_)
{
	const struct proc *a = a_, *b = b_;

	if (a->start_ticks != b->start_ticks)
		return a->start_ticks < b->start_ticks ? -1 : 1;
	return a->pid < b->pid ? -1 : a->pid > b->pid;
}

int proc_list_read(const struct container *container, bool with_arguments,
		   struct proc_list *ret_list, struct err *err)
{
	cleanup_proc_list struct proc_list list = { NULL, 0 };
	cleanup_free pid_t *pids = NULL;
	size_t depth = namespace_depth(container->state.pid);
	int count = members(container, &pids, err);

	if (count < 0)
		return -1;
	for (int i = 0; i < count; i++) {
		struct proc proc;

		if (proc_read(pids[i], depth, with_arguments, &proc) > 0)
			list_add(&list, &proc);
	}
	if (list.count > 0)
		qsort(list.items, list.count, sizeof(*list.items), by_age);
	*ret_list = list;
	list = (struct proc_list){ NULL, 0 };
	return 0;
}
