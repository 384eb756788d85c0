/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/top.c - the processes of a container as a table
 *
 * One row of top_columns is one column: its names, its title, and the function that makes the text. Columns are asked for in podman's
 * words, or as options of ps; those are translated, because ps itself would be a program of the container (R6).
 */
#include "engine/processes.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "engine/container/life.h"
#include "engine/container/proc.h"
#include "engine/container/top.h"
#include "engine/runtime.h"
#include "engine/runtime/user.h"
#include "rootless/rootless.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S       1000000000
#define MAP_FILE_LIMIT (64U << 10)
/* what the kernel shows for an id that a namespace has not */
#define OVERFLOW_ID 65534

void top_table_release(struct top_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		strv_release(&table->rows[i]);
	free(table->rows);
	strv_release(&table->titles);
	table->rows = NULL;
	table->count = 0;
}

static void top_context_release(struct top_context *top)
{
	free(top->uid_map.entries);
	free(top->gid_map.entries);
	strbuf_release(&top->passwd);
	strbuf_release(&top->group);
	strbuf_release(&top->host_passwd);
	strbuf_release(&top->host_group);
	proc_list_release(&top->list);
}
#define cleanup_top_context __attribute__((cleanup(top_context_release)))

/* "inside outside count" lines, as this process sees them. */
static void read_map(pid_t pid, const char *file, struct idmap *map)
{
	cleanup_free char *path = xasprintf("/proc/%d/%s", (int)pid, file);
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	uint32_t inside, outside, count;

	if (fd < 0 || fd_read_all(fd, &text, MAP_FILE_LIMIT) < 0)
		return;
	for (const char *line = text.data;
	     sscanf(line, " %" SCNu32 " %" SCNu32 " %" SCNu32, &inside, &outside, &count) == 3;) {
		idmap_add(map, inside, outside, count);
		line = strchr(line, '\n');
		if (line == NULL)
			break;
		line++;
	}
}

/* Accounts of the container, by its own files; of the host's. Without them ids are shown. */
static void read_accounts(struct top_context *top, pid_t pid)
{
	cleanup_free char *path = xasprintf("/proc/%d/root", (int)pid);
	cleanup_fd int root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_fd int host_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct err ignored; /* numbers are shown then */

	if (root_fd >= 0) {
		(void)account_file_read(root_fd, "etc/passwd", &top->passwd, &ignored);
		(void)account_file_read(root_fd, "etc/group", &top->group, &ignored);
	}
	if (host_fd >= 0) {
		(void)account_file_read(host_fd, "etc/passwd", &top->host_passwd, &ignored);
		(void)account_file_read(host_fd, "etc/group", &top->host_group, &ignored);
	}
}

static char *user_name(const struct strbuf *passwd, uint32_t uid)
{
	cleanup_free char *text = xstrdup(passwd->data);
	struct passwd_line line;

	for (char *cursor = text; passwd_next(&cursor, &line);) {
		if (line.uid == uid)
			return xstrdup(line.name);
	}
	return xasprintf("%" PRIu32, uid);
}

static char *group_name(const struct strbuf *group, uint32_t gid)
{
	cleanup_free char *text = xstrdup(group->data);
	struct group_line line;

	for (char *cursor = text; group_next(&cursor, &line);) {
		if (line.gid == gid)
			return xstrdup(line.name);
	}
	return xasprintf("%" PRIu32, gid);
}

static uint32_t inside(const struct idmap *map, uint32_t outside)
{
	uint32_t id = OVERFLOW_ID;

	(void)idmap_to_inside(map, outside, &id);
	return id;
}

/* ---- texts of columns ---- */

static char *text_user(const struct top_context *top, const struct proc *proc)
{
	return user_name(&top->passwd, inside(&top->uid_map, proc->uids[PROC_ID_EFFECTIVE]));
}

static char *text_ruser(const struct top_context *top, const struct proc *proc)
{
	return user_name(&top->passwd, inside(&top->uid_map, proc->uids[PROC_ID_REAL]));
}

static char *text_huser(const struct top_context *top, const struct proc *proc)
{
	return user_name(&top->host_passwd, proc->uids[PROC_ID_EFFECTIVE]);
}

static char *text_group(const struct top_context *top, const struct proc *proc)
{
	return group_name(&top->group, inside(&top->gid_map, proc->gids[PROC_ID_EFFECTIVE]));
}

static char *text_rgroup(const struct top_context *top, const struct proc *proc)
{
	return group_name(&top->group, inside(&top->gid_map, proc->gids[PROC_ID_REAL]));
}

static char *text_hgroup(const struct top_context *top, const struct proc *proc)
{
	return group_name(&top->host_group, proc->gids[PROC_ID_EFFECTIVE]);
}

static char *text_uid(const struct top_context *top, const struct proc *proc)
{
	return xasprintf("%" PRIu32, inside(&top->uid_map, proc->uids[PROC_ID_EFFECTIVE]));
}

static char *text_gid(const struct top_context *top, const struct proc *proc)
{
	return xasprintf("%" PRIu32, inside(&top->gid_map, proc->gids[PROC_ID_EFFECTIVE]));
}

static char *text_groups(const struct top_context *top, const struct proc *proc)
{
	cleanup_strv struct strv names = STRV_INIT;

	for (size_t i = 0; i < proc->group_count; i++)
		strv_add_take(&names,
			      group_name(&top->group, inside(&top->gid_map, proc->groups[i])));
	return strv_join(&names, ",");
}

static char *text_hgroups(const struct top_context *top, const struct proc *proc)
{
	cleanup_strv struct strv names = STRV_INIT;

	for (size_t i = 0; i < proc->group_count; i++)
		strv_add_take(&names, group_name(&top->host_group, proc->groups[i]));
	return strv_join(&names, ",");
}

static char *text_pid(const struct top_context *top, const struct proc *proc)
{
	return xasprintf("%d", (int)proc->inner_pid);
}

static char *text_hpid(const struct top_context *top, const struct proc *proc)
{
	return xasprintf("%d", (int)proc->pid);
}

static char *text_ppid(const struct top_context *top, const struct proc *proc)
{
	for (size_t i = 0; i < top->list.count; i++) {
		if (top->list.items[i].pid == proc->parent_pid)
			return xasprintf("%d", (int)top->list.items[i].inner_pid);
	}
	return xstrdup("0");
}

static char *text_pgid(const struct top_context *top, const struct proc *proc)
{
	return xasprintf("%d", (int)proc->inner_group);
}

static char *text_sid(const struct top_context *top, const struct proc *proc)
{
	return xasprintf("%d", (int)proc->inner_session);
}

static double seconds(uint64_t ticks)
{
	return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static double elapsed_s(const struct top_context *top, const struct proc *proc)
{
	double elapsed = top->boot_s - seconds(proc->start_ticks);

	return elapsed > 0 ? elapsed : 0;
}

static char *text_pcpu(const struct top_context *top, const struct proc *proc)
{
	double elapsed = elapsed_s(top, proc);
	double used = seconds(proc->user_ticks + proc->system_ticks);

	return xasprintf(top->like_ps ? "%.1f" : "%.3f", elapsed > 0 ? used / elapsed * 100 : 0.0);
}

/* "[[DD-]HH:]MM:SS" as ps has it; hours are always there in a TIME. */
static char *clock_text(uint64_t total_s, bool hours)
{
	unsigned days = (unsigned)(total_s / 86400), rest = (unsigned)(total_s % 86400);

	if (days > 0)
		return xasprintf("%u-%02u:%02u:%02u", days, rest / 3600, rest / 60 % 60, rest % 60);
	if (hours || rest >= 3600)
		return xasprintf("%02u:%02u:%02u", rest / 3600, rest / 60 % 60, rest % 60);
	return xasprintf("%02u:%02u", rest / 60, rest % 60);
}

/* As Go prints a duration: "1h2m3.5s", "20ms", "0s". */
char *top_duration(double duration_s)
{
	uint64_t ns = (uint64_t)(duration_s * NS_PER_S);
	uint64_t s = ns / NS_PER_S;
	struct strbuf out = STRBUF_INIT;
	char fraction[32];

	if (ns == 0)
		return xstrdup("0s");
	if (s == 0) {
		const struct {
			uint64_t unit;
			const char *name;
		} units[] = { { 1000000, "ms" }, { 1000, "\xc2\xb5s" }, { 1, "ns" } };

		for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
			if (ns >= units[i].unit)
				return xasprintf("%g%s", (double)ns / (double)units[i].unit,
						 units[i].name);
		}
	}
	if (s >= 3600)
		strbuf_addf(&out, "%" PRIu64 "h", s / 3600);
	if (s >= 60)
		strbuf_addf(&out, "%" PRIu64 "m", s / 60 % 60);
	strbuf_addf(&out, "%" PRIu64, s % 60);
	if (ns % NS_PER_S != 0) {
		int length = snprintf(fraction, sizeof(fraction), ".%09" PRIu64, ns % NS_PER_S);

		while (length > 1 && fraction[length - 1] == '0')
			fraction[--length] = '\0';
		strbuf_adds(&out, fraction);
	}
	strbuf_addc(&out, 's');
	return strbuf_take(&out);
}

static char *text_etime(const struct top_context *top, const struct proc *proc)
{
	double elapsed = elapsed_s(top, proc);

	return top->like_ps ? clock_text((uint64_t)elapsed, false) : top_duration(elapsed);
}

static char *text_time(const struct top_context *top, const struct proc *proc)
{
	double used = seconds(proc->user_ticks + proc->system_ticks);

	return top->like_ps ? clock_text((uint64_t)used, true) : top_duration(used);
}

static char *text_stime(const struct top_context *top, const struct proc *proc)
{
	time_t start = time(NULL) - (time_t)elapsed_s(top, proc);
	struct tm parts;
	char text[32];

	/* the time zone of the host: nothing of the container is read for it */
	localtime_r(&start, &parts);
	strftime(text, sizeof(text), time(NULL) - start < 86400 ? "%H:%M" : "%b%d", &parts);
	return xstrdup(text);
}

static char *text_tty(const struct top_context *top, const struct proc *proc)
{
	unsigned major_number = major((dev_t)proc->terminal);
	unsigned minor_number = minor((dev_t)proc->terminal);

	if (proc->terminal == 0)
		return xstrdup("?");
	if (major_number >= 136 && major_number <= 143)
		return xasprintf("pts/%u", minor_number + (major_number - 136) * 256);
	if (major_number == 4)
		return minor_number < 64 ? xasprintf("tty%u", minor_number)
					 : xasprintf("ttyS%u", minor_number - 64);
	return xasprintf("%u:%u", major_number, minor_number);
}

static char *text_comm(const struct top_context *top, const struct proc *proc)
{
	return xstrdup(proc->command);
}

static char *text_args(const struct top_context *top, const struct proc *proc)
{
	return xstrdup(proc->arguments);
}

static char *text_state(const struct top_context *top, const struct proc *proc)
{
	return xasprintf("%c", proc->state);
}

static char *text_nice(const struct top_context *top, const struct proc *proc)
{
	return xasprintf("%ld", proc->nice);
}

static char *text_pri(const struct top_context *top, const struct proc *proc)
{
	/* as ps -o pri has it: the greater the sooner */
	return xasprintf("%ld", 39 - proc->priority);
}

static char *text_nlwp(const struct top_context *top, const struct proc *proc)
{
	return xasprintf("%ld", proc->threads);
}

static char *text_vsz(const struct top_context *top, const struct proc *proc)
{
	return xasprintf("%" PRIu64, proc->virtual_bytes / 1024);
}

static char *text_rss(const struct top_context *top, const struct proc *proc)
{
	return xasprintf("%" PRIu64, proc->resident_bytes / 1024);
}

static char *text_pmem(const struct top_context *top, const struct proc *proc)
{
	double total = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);

	return xasprintf("%.1f", (double)proc->resident_bytes / total * 100);
}

static char *text_seccomp(const struct top_context *top, const struct proc *proc)
{
	static const char *const modes[] = { "disabled", "strict", "filter" };

	return xstrdup(proc->seccomp >= 0 && (size_t)proc->seccomp < ARRAY_SIZE(modes)
			       ? modes[proc->seccomp]
			       : "unknown");
}

static char *text_label(const struct top_context *top, const struct proc *proc)
{
	cleanup_free char *path = xasprintf("/proc/%d/attr/current", (int)proc->pid);
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct strbuf text = STRBUF_INIT;

	if (fd < 0 || fd_read_all(fd, &text, 4096) < 0 || text.length == 0) {
		strbuf_release(&text);
		return xstrdup("?");
	}
	text.data[strcspn(text.data, "\n")] = '\0';
	return strbuf_take(&text);
}

/* "full", "none", or names without CAP_ */
static char *capability_text(uint64_t set)
{
	cleanup_strv struct strv names = STRV_INIT;
	int last = capability_last();
	uint64_t full = last < 63 ? (UINT64_C(1) << (last + 1)) - 1 : UINT64_MAX;

	if (set == 0)
		return xstrdup("none");
	if ((set & full) == full)
		return xstrdup("full");
	for (int i = 0; i <= last; i++) {
		const char *name = capability_name(i);

		if (name != NULL && (set & UINT64_C(1) << i) != 0)
			strv_add(&names, str_after(name, "CAP_") != NULL ? name + 4 : name);
	}
	return strv_join(&names, ",");
}

#define CAPABILITY_COLUMN(function, set)                                                           \
	static char *function(const struct top_context *top, const struct proc *proc)              \
	{                                                                                          \
		return capability_text(proc->capabilities[set]);                                   \
	}
CAPABILITY_COLUMN(text_capamb, PROC_CAP_AMBIENT)
CAPABILITY_COLUMN(text_capbnd, PROC_CAP_BOUNDING)
CAPABILITY_COLUMN(text_capeff, PROC_CAP_EFFECTIVE)
CAPABILITY_COLUMN(text_capinh, PROC_CAP_INHERITABLE)
CAPABILITY_COLUMN(text_capprm, PROC_CAP_PERMITTED)

const struct top_column top_columns[] = {
	{ "args", "%a", "command,cmd", "COMMAND", text_args },
	{ "capamb", "", "", "AMBIENT CAPS", text_capamb },
	{ "capbnd", "", "", "BOUNDING CAPS", text_capbnd },
	{ "capeff", "", "", "EFFECTIVE CAPS", text_capeff },
	{ "capinh", "", "", "INHERITED CAPS", text_capinh },
	{ "capprm", "", "", "PERMITTED CAPS", text_capprm },
	{ "comm", "%c", "ucmd,ucomm", "COMMAND", text_comm },
	{ "etime", "%t", "", "ELAPSED", text_etime },
	{ "gid", "", "egid", "GID", text_gid },
	{ "group", "%G", "egroup", "GROUP", text_group },
	{ "groups", "", "", "GROUPS", text_groups },
	{ "hgroup", "", "", "HGROUP", text_hgroup },
	{ "hgroups", "", "", "HGROUPS", text_hgroups },
	{ "hpid", "", "", "HPID", text_hpid },
	{ "huser", "", "", "HUSER", text_huser },
	{ "label", "", "", "LABEL", text_label },
	{ "nice", "%n", "ni", "NI", text_nice },
	{ "nlwp", "", "thcount", "NLWP", text_nlwp },
	{ "pcpu", "%C", "%cpu", "%CPU", text_pcpu },
	{ "pgid", "%r", "pgrp", "PGID", text_pgid },
	{ "pid", "%p", "tgid", "PID", text_pid },
	{ "pmem", "", "%mem", "%MEM", text_pmem },
	{ "ppid", "%P", "", "PPID", text_ppid },
	{ "pri", "", "", "PRI", text_pri },
	{ "rgroup", "%g", "", "RGROUP", text_rgroup },
	{ "rss", "", "rssize,rsz", "RSS", text_rss },
	{ "ruser", "%u", "", "RUSER", text_ruser },
	{ "seccomp", "", "", "SECCOMP", text_seccomp },
	{ "sid", "", "sess,session", "SID", text_sid },
	{ "state", "", "s,stat", "STATE", text_state },
	{ "stime", "", "start_time,bsdstart,start", "STIME", text_stime },
	{ "time", "%x", "cputime", "TIME", text_time },
	{ "tty", "%y", "tt,tname", "TTY", text_tty },
	{ "uid", "", "euid", "UID", text_uid },
	{ "user", "%U", "euser,uname", "USER", text_user },
	{ "vsz", "%z", "vsize", "VSZ", text_vsz },
	{ NULL, NULL, NULL, NULL, NULL },
};

void container_top_columns(struct strv *ret_names)
{
	for (const struct top_column *column = top_columns; column->name != NULL; column++)
		strv_add(ret_names, column->name);
}

static int read_context(const struct container *container, struct top_context *top, struct err *err)
{
	pid_t pid = container->state.pid;
	cleanup_fd int init_fd = container_open_init(container);
	struct timespec boot;

	if (!container_is_up(container) || init_fd < 0)
		return container_state_improper(container, "list the processes of", err);
	read_map(pid, "uid_map", &top->uid_map);
	read_map(pid, "gid_map", &top->gid_map);
	read_accounts(top, pid);
	if (proc_list_read(container, true, &top->list, err) < 0)
		return -1;
	clock_gettime(CLOCK_BOOTTIME, &boot);
	top->boot_s = (double)boot.tv_sec + (double)boot.tv_nsec / NS_PER_S;
	return 0;
}

int container_top(struct engine *engine, const struct container *container,
		  const struct strv *columns, struct top_table *ret_table, struct err *err)
{
	cleanup_top_context struct top_context top = TOP_CONTEXT_INIT;
	cleanup_free const struct top_column **chosen = NULL;
	size_t count = 0;

	(void)engine;
	*ret_table = (struct top_table){ STRV_INIT, NULL, 0 };
	if (top_choose(columns, &chosen, &count, &top.like_ps, err) < 0 ||
	    read_context(container, &top, err) < 0)
		return -1;

	ret_table->rows = xcalloc(top.list.count + 1, sizeof(*ret_table->rows));
	ret_table->count = top.list.count;
	for (size_t i = 0; i < count; i++) {
		strv_add(&ret_table->titles, chosen[i]->title);
		for (size_t j = 0; j < top.list.count; j++)
			strv_add_take(&ret_table->rows[j],
				      chosen[i]->text(&top, &top.list.items[j]));
	}
	return 0;
}
