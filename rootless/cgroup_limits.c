/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootless/cgroup_limits.c - limits as lines of cgroup files
 *
 * Limits become a list of (file, value) first; the controllers they need are the parts of the names before the dot. So a
 * controller that is missing is found before anything was written, and named.
 */
#include "rootless/cgroup_parts.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/strbuf.h"

#include <errno.h>
#include <stdlib.h>

#define CPU_PERIOD_US	    100000
#define CONTROL_LIMIT	    4096
#define CONTROLLER_NAME_MAX 32

void cgroup_limits_release(struct cgroup_limits *limits)
{
	if (limits == NULL)
		return;

	free(limits->cpuset_cpus);
	free(limits->cpuset_mems);
	strv_release(&limits->files);
	*limits = (struct cgroup_limits)CGROUP_LIMITS_INIT;
}

/* one plain number: the file it goes to */
struct number_limit {
	const char *file;
	size_t offset;
};
#define NUMBER_LIMIT(file, member)                                                                 \
	{                                                                                          \
		file, offsetof(struct cgroup_limits, member)                                       \
	}
static const struct number_limit number_limits[] = {
	NUMBER_LIMIT("memory.max", memory_max_bytes),
	NUMBER_LIMIT("memory.swap.max", memory_swap_max_bytes),
	NUMBER_LIMIT("memory.low", memory_low_bytes),
	NUMBER_LIMIT("cpu.weight", cpu_weight),
	NUMBER_LIMIT("io.weight", io_weight),
};

static int64_t number_of(const struct cgroup_limits *limits, const struct number_limit *number)
{
	return *(const int64_t *)(const void *)((const char *)limits + number->offset);
}

bool cgroup_limits_any(const struct cgroup_limits *limits)
{
	for (size_t i = 0; i < ARRAY_SIZE(number_limits); i++)
		if (number_of(limits, &number_limits[i]) >= 0)
			return true;
	return limits->cpu_quota_us >= 0 || limits->cpu_period_us >= 0 ||
	       limits->cpuset_cpus != NULL || limits->cpuset_mems != NULL ||
	       limits->files.count > 0;
}

/* ---- the list ------------------------------------------------------------------------------------------------------- */

static void add_number(struct strv *lines, const char *file, int64_t value)
{
	if (value == INT64_MAX)
		strv_addf(lines, "%s=max", file);
	else if (value >= 0)
		strv_addf(lines, "%s=%jd", file, (intmax_t)value);
}

/* items "file=value" in the order they are written: memory before swap, whose limit may not be below */
static void make_lines(const struct cgroup_limits *limits, bool with_pids, struct strv *lines)
{
	if (with_pids)
		add_number(lines, "pids.max", limits->pids_max);
	for (size_t i = 0; i < ARRAY_SIZE(number_limits); i++)
		add_number(lines, number_limits[i].file, number_of(limits, &number_limits[i]));

	if (limits->cpu_quota_us >= 0 || limits->cpu_period_us >= 0) {
		int64_t period = limits->cpu_period_us > 0 ? limits->cpu_period_us : CPU_PERIOD_US;

		if (limits->cpu_quota_us >= 0 && limits->cpu_quota_us != INT64_MAX)
			strv_addf(lines, "cpu.max=%jd %jd", (intmax_t)limits->cpu_quota_us,
				  (intmax_t)period);
		else
			strv_addf(lines, "cpu.max=max %jd", (intmax_t)period);
	}
	if (limits->cpuset_cpus != NULL)
		strv_addf(lines, "cpuset.cpus=%s", limits->cpuset_cpus);
	if (limits->cpuset_mems != NULL)
		strv_addf(lines, "cpuset.mems=%s", limits->cpuset_mems);
	strv_add_all(lines, &limits->files);
}

/* The name before the first dot; "" for the files that every cgroup has. */
static void controller_of(const char *line, char name[CONTROLLER_NAME_MAX])
{
	size_t length = strcspn(line, ".=");

	if (length >= CONTROLLER_NAME_MAX)
		length = CONTROLLER_NAME_MAX - 1;
	memcpy(name, line, length);
	name[length] = '\0';
	if (str_equal(name, "cgroup"))
		name[0] = '\0';
}

/* ---- checks --------------------------------------------------------------------------------------------------------- */

/* files that move, kill or hand over processes are not settings */
static bool is_setting(const char *name, size_t length)
{
	static const char *const own[] = { "cgroup.max.depth", "cgroup.max.descendants" };

	if (length >= 7 && strncmp(name, "cgroup.", 7) == 0) {
		for (size_t i = 0; i < ARRAY_SIZE(own); i++)
			if (strlen(own[i]) == length && strncmp(name, own[i], length) == 0)
				return true;
		return false;
	}

	bool dot = false;
	for (size_t i = 0; i < length; i++) {
		char c = name[i];

		dot |= c == '.' && i > 0 && i + 1 < length;
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '_' || c == '-' || (c == '.' && i > 0)))
			return false;
	}
	return dot && length <= 64;
}

int cgroup_limits_check(const struct cgroup_limits *limits, struct err *err)
{
	for (size_t i = 0; i < limits->files.count; i++) {
		const char *item = limits->files.items[i];
		const char *value = strchr(item, '=');

		if (value != NULL && value[1] != '\0' && strchr(value, '\n') == NULL &&
		    is_setting(item, (size_t)(value - item)))
			continue;

		cleanup_strbuf struct strbuf shown = STRBUF_INIT;
		strbuf_add_escaped(&shown, item);
		err_set(err, ERR_USAGE, "invalid cgroup setting '%s'", shown.data);
		return err_hint(
			err,
			"Write FILE=VALUE with a file of a controller, such as memory.high=1G.");
	}
	return 0;
}

/* ---- controllers ---------------------------------------------------------------------------------------------------- */

static bool has_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	while (*text != '\0') {
		size_t part = strcspn(text, " \n");

		if (part == length && strncmp(text, word, length) == 0)
			return true;
		text += part;
		text += strspn(text, " \n");
	}
	return false;
}

static int controller_missing(const char *name, const char *line, struct err *err)
{
	cleanup_free char *file = xstrndup(line, strcspn(line, "="));

	err_set(err, ERR_UNSUPPORTED,
		"cannot set %s: the cgroup controller '%s' is not delegated to this user", file,
		name);
	return err_hint(err,
			"Run as root: mkdir -p /etc/systemd/system/user@.service.d; printf "
			"'[Service]\\nDelegate=cpu cpuset io memory pids\\n' > "
			"/etc/systemd/system/user@.service.d/delegate.conf; then log in again.");
}

static int enable_controller(int parent_fd, const char *name, const char *line, struct err *err)
{
	char text[1 + CONTROLLER_NAME_MAX];
	size_t length = strlen(name);

	text[0] = '+';
	memcpy(text + 1, name, length + 1);
	int r = cgroup_write(parent_fd, "cgroup.subtree_control", text);
	if (r == 0)
		return 0;
	if (r == -ENOENT || r == -EACCES || r == -EPERM)
		return controller_missing(name, line, err);

	err_sys(err, -r, "cannot enable the cgroup controller '%s'", name);
	if (r == -EBUSY)
		return err_hint(
			err,
			"The parent cgroup holds processes of its own: start dhow from a cgroup "
			"below it (systemd-run --user --scope dhow ...).");
	return -1;
}

/* Every controller of the lines is enabled for the children of parent_fd. */
static int enable_controllers(int parent_fd, const struct strv *lines, struct err *err)
{
	cleanup_strbuf struct strbuf there = STRBUF_INIT;
	cleanup_strbuf struct strbuf enabled = STRBUF_INIT;

	int r = fd_read_file(parent_fd, "cgroup.controllers", &there, CONTROL_LIMIT);
	if (r == 0)
		r = fd_read_file(parent_fd, "cgroup.subtree_control", &enabled, CONTROL_LIMIT);
	if (r < 0)
		return err_sys(err, -r, "cannot read the cgroup controllers");

	for (size_t i = 0; i < lines->count; i++) {
		char name[CONTROLLER_NAME_MAX];

		controller_of(lines->items[i], name);
		if (name[0] == '\0' || has_word(enabled.data, name))
			continue;
		if (!has_word(there.data, name))
			return controller_missing(name, lines->items[i], err);
		if (enable_controller(parent_fd, name, lines->items[i], err) < 0)
			return -1;
		strbuf_addf(&enabled, " %s", name);
	}
	return 0;
}

/* The default pids limit is a wish: is it possible here? */
static bool can_limit_pids(int parent_fd)
{
	struct strv lines = STRV_INIT;
	struct err ignored; /* it is the question */

	strv_add(&lines, "pids.max");
	bool can = enable_controllers(parent_fd, &lines, &ignored) == 0;
	strv_release(&lines);
	if (!can)
		debug("no default limit of processes, ignoring: %s", ignored.msg);
	return can;
}

static int write_line(int dir_fd, const char *line, struct err *err)
{
	size_t length = strcspn(line, "=");
	cleanup_free char *file = xstrndup(line, length);

	int r = cgroup_write(dir_fd, file, line + length + 1);
	if (r == 0)
		return 0;
	if (r == -ENOENT) {
		/* swap accounting may be off, weights need a scheduler that knows them */
		err_set(err, ERR_UNSUPPORTED, "cannot set %s: this kernel does not have it", file);
		return err_hint(err, "Leave the option out.");
	}
	if (r == -EINVAL || r == -ERANGE)
		return err_set(err, ERR_USAGE,
			       "cannot set %s to '%s': the kernel refuses the value", file,
			       line + length + 1);
	return err_sys(err, -r, "cannot set %s to '%s'", file, line + length + 1);
}

int cgroup_limits_apply(int parent_fd, int dir_fd, const struct cgroup_limits *limits,
			bool pids_is_default, struct err *err)
{
	cleanup_strv struct strv lines = STRV_INIT;
	/* no limit needs no controller */
	bool pids_optional = pids_is_default || limits->pids_max == INT64_MAX;
	bool with_pids = limits->pids_max >= 0 && (!pids_optional || can_limit_pids(parent_fd));

	make_lines(limits, with_pids, &lines);
	if (lines.count > 0 && enable_controllers(parent_fd, &lines, err) < 0)
		return -1;
	for (size_t i = 0; i < lines.count; i++)
		if (write_line(dir_fd, lines.items[i], err) < 0)
			return -1;
	return 0;
}
