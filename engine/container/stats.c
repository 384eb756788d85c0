/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/stats.c - what a running container uses, by cgroup v2 and /proc
 *
 * Each number is looked for in the cgroup first. Controllers that the user does not have leave no file there; then the processes are asked,
 * which is less: what has ended is missing. The caller is told, so that it can tell the user (U58). Memory is what docker shows: without the part
 * of the page cache that is dropped first when memory is short.
 */
#include "engine/processes.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "engine/container/life.h"
#include "engine/container/proc.h"
#include "rootless/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STATS_FILE_LIMIT (1U << 20)
#define NS_PER_S	 INT64_C(1000000000)
#define NS_PER_US	 1000

/* Call function for each line of a file below dir_fd; nothing when it cannot be read. False then. */
static bool each_line(int dir_fd, const char *name,
		      void (*function)(const char *line, struct container_stats *stats),
		      struct container_stats *stats)
{
	cleanup_fd int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_strv struct strv lines = STRV_INIT;

	if (fd < 0 || fd_read_all(fd, &text, STATS_FILE_LIMIT) < 0)
		return false;
	strv_split(&lines, text.data, '\n');
	for (size_t i = 0; i < lines.count; i++)
		function(lines.items[i], stats);
	return true;
}

/* The number behind a word, 0 when it is not there. */
static uint64_t number_after(const char *text, const char *word)
{
	const char *at = strstr(text, word);
	uint64_t number;

	if (at == NULL)
		return 0;
	at += strlen(word);
	at += strspn(at, " \t");
	cleanup_free char *digits = xstrndup(at, strspn(at, "0123456789"));

	return parse_u64(digits, &number) == 0 ? number : 0;
}

/* "8:0 rbytes=1 wbytes=2 rios=..." */
static void add_block_line(const char *line, struct container_stats *stats)
{
	stats->block_in_bytes += number_after(line, " rbytes=");
	stats->block_out_bytes += number_after(line, " wbytes=");
}

/* "read_bytes: 1" and "write_bytes: 2" of /proc/PID/io */
static void add_io_line(const char *line, struct container_stats *stats)
{
	if (str_after(line, "read_bytes:") != NULL)
		stats->block_in_bytes += number_after(line, "read_bytes:");
	else if (str_after(line, "write_bytes:") != NULL)
		stats->block_out_bytes += number_after(line, "write_bytes:");
}

/* "  eth0: bytes packets errs drop fifo frame compressed multicast bytes ..." */
static void add_network_line(const char *line, struct container_stats *stats)
{
	const char *colon = strchr(line, ':');
	cleanup_strv struct strv words = STRV_INIT;
	uint64_t numbers[9] = { 0 };
	size_t count = 0;

	if (colon == NULL || strncmp(line + strspn(line, " "), "lo:", 3) == 0)
		return;
	strv_split(&words, colon + 1, ' ');
	for (size_t i = 0; i < words.count && count < ARRAY_SIZE(numbers); i++) {
		if (*words.items[i] != '\0' && parse_u64(words.items[i], &numbers[count]) == 0)
			count++;
	}
	stats->network_in_bytes += numbers[0];
	stats->network_out_bytes += numbers[8];
}

/* In the host's network the numbers are the host's: nothing is shown. */
static void read_network(pid_t pid, struct container_stats *stats)
{
	cleanup_free char *namespace_path = xasprintf("/proc/%d/ns/net", (int)pid);
	cleanup_free char *path = xasprintf("/proc/%d/net/dev", (int)pid);
	struct stat its, ours;

	if (stat(namespace_path, &its) == 0 && stat("/proc/self/ns/net", &ours) == 0 &&
	    its.st_ino != ours.st_ino)
		each_line(AT_FDCWD, path, add_network_line, stats);
}

static bool read_cpu(const struct cgroup *cgroup, struct container_stats *stats)
{
	int64_t usage_us = cgroup_read_key(cgroup, "cpu.stat", "usage_usec");
	int64_t system_us = cgroup_read_key(cgroup, "cpu.stat", "system_usec");

	if (usage_us < 0)
		return false;
	stats->cpu_ns = (uint64_t)usage_us * NS_PER_US;
	stats->cpu_system_ns = system_us > 0 ? (uint64_t)system_us * NS_PER_US : 0;
	return true;
}

static bool read_memory(const struct cgroup *cgroup, struct container_stats *stats)
{
	int64_t current = cgroup_read_number(cgroup, "memory.current");
	int64_t cache = cgroup_read_key(cgroup, "memory.stat", "inactive_file");
	int64_t max = cgroup_read_number(cgroup, "memory.max");

	if (max > 0 && (uint64_t)max < stats->memory_limit_bytes)
		stats->memory_limit_bytes = (uint64_t)max;
	if (current < 0)
		return false;
	stats->memory_bytes = (uint64_t)(cache > 0 && cache < current ? current - cache : current);
	return true;
}

static void add_pss_line(const char *line, struct container_stats *stats)
{
	if (str_after(line, "Pss_Anon:") != NULL)
		stats->memory_bytes += number_after(line, "Pss_Anon:") * 1024;
	else if (str_after(line, "Pss_Shmem:") != NULL)
		stats->memory_bytes += number_after(line, "Pss_Shmem:") * 1024;
}

static void add_rss_line(const char *line, struct container_stats *stats)
{
	if (str_after(line, "RssAnon:") != NULL)
		stats->memory_bytes += number_after(line, "RssAnon:") * 1024;
	else if (str_after(line, "RssShmem:") != NULL)
		stats->memory_bytes += number_after(line, "RssShmem:") * 1024;
}

static void add_process(const struct proc *proc, struct container_stats *stats)
{
	cleanup_free char *path = xasprintf("/proc/%d", (int)proc->pid);
	cleanup_fd int dir_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	const uint64_t tick_ns = (uint64_t)(NS_PER_S / sysconf(_SC_CLK_TCK));

	if (stats->cpu_of_processes) {
		stats->cpu_ns += (proc->user_ticks + proc->system_ticks) * tick_ns;
		stats->cpu_system_ns += proc->system_ticks * tick_ns;
	}
	if (dir_fd < 0)
		return;
	/* memory that several share is counted once by the first; who may not look at that counts it each time */
	if (stats->memory_of_processes && !each_line(dir_fd, "smaps_rollup", add_pss_line, stats))
		each_line(dir_fd, "status", add_rss_line, stats);
	if (stats->block_of_processes)
		each_line(dir_fd, "io", add_io_line, stats);
}

static int read_processes(const struct container *container, bool count_them,
			  struct container_stats *stats, struct err *err)
{
	cleanup_proc_list struct proc_list list = { NULL, 0 };

	if (proc_list_read(container, false, &list, err) < 0)
		return -1;
	if (count_them)
		stats->pids = list.count;
	for (size_t i = 0; i < list.count; i++)
		add_process(&list.items[i], stats);
	return 0;
}

static int64_t boot_time_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static double percent(uint64_t used_ns, int64_t span_ns)
{
	return span_ns > 0 ? (double)used_ns / (double)span_ns * 100 : 0;
}

static void derive(const struct container *container, const struct container_stats *before,
		   struct container_stats *stats)
{
	/* the start of its init: does not depend on the clock of the wall being right all the time */
	int64_t started_ns =
		(int64_t)container->state.start_ticks * (NS_PER_S / sysconf(_SC_CLK_TCK));

	stats->time_ns = boot_time_ns();
	stats->up_ns = stats->time_ns > started_ns ? stats->time_ns - started_ns : 0;
	stats->cpu_average_percent = percent(stats->cpu_ns, stats->up_ns);
	stats->cpu_percent = stats->cpu_average_percent;
	/* processes that have ended may leave less than before */
	if (before != NULL)
		stats->cpu_percent =
			percent(stats->cpu_ns > before->cpu_ns ? stats->cpu_ns - before->cpu_ns : 0,
				stats->time_ns - before->time_ns);
}

int container_stats(struct engine *engine, const struct container *container,
		    const struct container_stats *before, struct container_stats *ret_stats,
		    struct err *err)
{
	cleanup_free char *path = container_cgroup_path(container);
	cleanup_fd int init_fd = container_open_init(container);
	struct cgroup cgroup = CGROUP_INIT;
	struct container_stats stats = { 0 };
	int64_t pids = -1;
	struct err ignored; /* no cgroup: the processes tell */

	(void)engine;
	if (!container_is_up(container) || init_fd < 0)
		return container_state_improper(container, "show the statistics of", err);
	stats.memory_limit_bytes =
		(uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	if (path != NULL && cgroup_open(path, &cgroup, &ignored) > 0)
		pids = cgroup_read_number(&cgroup, "pids.current");
	stats.cpu_of_processes = !read_cpu(&cgroup, &stats);
	stats.memory_of_processes = !read_memory(&cgroup, &stats);
	stats.block_of_processes =
		cgroup.dir_fd < 0 || !each_line(cgroup.dir_fd, "io.stat", add_block_line, &stats);
	cgroup_release(&cgroup);
	stats.pids = pids > 0 ? (uint64_t)pids : 0;
	read_network(container->state.pid, &stats);
	if ((stats.cpu_of_processes || stats.memory_of_processes || stats.block_of_processes ||
	     pids < 0) &&
	    read_processes(container, pids < 0, &stats, err) < 0)
		return -1;
	derive(container, before, &stats);
	*ret_stats = stats;
	return 0;
}
