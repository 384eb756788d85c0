/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootless/idmap_write.c - give a fresh user namespace its maps
 *
 * newuidmap and newgidmap are set-uid programs that check the ranges and write /proc/PID/uid_map and gid_map. They take 1 to 2 ms
 * each, nearly all of it in the loader and NSS, so both run at once, and the caller may work meanwhile (start, finish).
 * They are started with vfork and an absolute path: the parent has touched little memory, and a search costs more than the start.
 *
 * Without a helper: a process that holds CAP_SETUID in its own namespace (real root, root of a container) writes any map of ids
 * that it has; everybody may map the own id alone, after giving up setgroups (user_namespaces(7)).
 *
 * What a helper says on stderr goes into a pipe. It fits: both say one line. When one fails, the causes that people meet
 * are looked at one by one, the most likely last.
 */
#include "rootless/rootless.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "rootless/account.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define HELPER_TEXT_LIMIT 4096
/* three numbers of ten digits and their separators */
#define MAP_LINE_MAX 36
#define NUMBER_MAX   11

struct map_kind {
	const char *word;
	const char *program;
	const char *program_path; /* where every distribution has it */
	const char *map_file;
	const char *subid_path;
	const char *capability;
	int capability_number;
};
static const struct map_kind map_uid = { "user",    "newuidmap",   "/usr/bin/newuidmap",
					 "uid_map", "/etc/subuid", "cap_setuid",
					 CAP_SETUID };
static const struct map_kind map_gid = { "group",   "newgidmap",   "/usr/bin/newgidmap",
					 "gid_map", "/etc/subgid", "cap_setgid",
					 CAP_SETGID };

/* ---- by hand ------------------------------------------------------------------------------------------------------- */

static bool has_capability(int number)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data) < 0)
		return false;

	return data[CAP_TO_INDEX(number)].effective & CAP_TO_MASK(number);
}

static bool is_own_id(const struct idmap *map, uint32_t own_id)
{
	return map->count == 1 && map->entries[0].count == 1 && map->entries[0].outside == own_id;
}

static int write_proc(pid_t pid, const char *file, const char *text)
{
	/* "/proc/" number "/setgroups" */
	char path[6 + NUMBER_MAX + 11 + 1];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	return fd_write_file(AT_FDCWD, path, text);
}

static int write_by_hand(const struct map_kind *kind, pid_t pid, const struct idmap *map,
			 struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	for (size_t i = 0; i < map->count; i++)
		strbuf_addf(&text, "%u %u %u\n", map->entries[i].inside, map->entries[i].outside,
			    map->entries[i].count);

	int r = write_proc(pid, kind->map_file, text.data);
	if (r == 0)
		return 0;

	cleanup_free char *shown = idmap_format(map);
	err_sys(err, -r, "cannot map the %s ids '%s' of a new user namespace", kind->word, shown);
	if (r == -EPERM)
		return err_hint(
			err,
			"These ids must all be mapped in the user namespace that dhow runs in.");
	return -1;
}

/* ---- by helper ----------------------------------------------------------------------------------------------------- */

/* argv of a helper and the room for its numbers, prepared before vfork */
struct helper_args {
	char **argv;
	char *text;
};

static void helper_args_release(struct helper_args *args)
{
	free(args->argv);
	free(args->text);
}

static void helper_args_make(const struct map_kind *kind, pid_t pid, const struct idmap *map,
			     struct helper_args *args)
{
	size_t number_count = 1 + 3 * map->count;

	args->argv = xcalloc(1 + number_count + 1, sizeof(*args->argv));
	args->text = xcalloc(number_count, NUMBER_MAX + 1);

	const char *name = kind->program;
	args->argv[0] = (char *)(uintptr_t)name; /* execve does not write to it */
	for (size_t i = 0; i < number_count; i++) {
		const struct idmap_entry *entry = i > 0 ? &map->entries[(i - 1) / 3] : NULL;
		uint32_t number = entry == NULL	     ? (uint32_t)pid
				  : (i - 1) % 3 == 0 ? entry->inside
				  : (i - 1) % 3 == 1 ? entry->outside
						     : entry->count;
		char *place = args->text + i * (NUMBER_MAX + 1);

		snprintf(place, NUMBER_MAX + 1, "%u", number);
		args->argv[1 + i] = place;
	}
}

struct helper_exec {
	const char *path;
	char *const *argv;
	int error_fd, null_fd;
	int failed; /* errno */
};

/* In borrowed memory: nothing but system calls. */
static int helper_child(void *arg)
{
	struct helper_exec *helper = arg;
	static char *const environment[] = { NULL };

	if (dup2(helper->null_fd, STDIN_FILENO) >= 0 && dup2(helper->null_fd, STDOUT_FILENO) >= 0 &&
	    dup2(helper->error_fd, STDERR_FILENO) >= 0)
		execve(helper->path, helper->argv, environment);
	helper->failed = errno;
	return 127;
}

/* pid, or -1 with errno */
static pid_t helper_exec(const char *path, char *const *argv, int error_fd, int null_fd)
{
	struct helper_exec helper = { path, argv, error_fd, null_fd, 0 };
	pid_t pid = process_borrow(helper_child, &helper);

	if (pid > 0 && helper.failed == 0)
		return pid;

	if (pid > 0)
		waitpid(pid, NULL, 0);
	errno = pid < 0 ? -pid : helper.failed;
	return -1;
}

static int helper_missing(const struct map_kind *kind, struct err *err)
{
	err_set(err, ERR_UNSUPPORTED, "cannot map subordinate %s ids: the program '%s' is missing",
		kind->word, kind->program);
	return err_hint(err, "Install the package uidmap (Debian, Ubuntu) or shadow-utils (Fedora, "
			     "openSUSE: shadow).");
}

static int helper_start(const struct map_kind *kind, pid_t pid, const struct idmap *map,
			pid_t *ret_pid, int *ret_error_fd, struct err *err)
{
	__attribute__((cleanup(helper_args_release))) struct helper_args args = { NULL, NULL };
	cleanup_fd int read_fd = -1;
	cleanup_fd int write_fd = -1;
	cleanup_fd int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int pipe_fds[2];

	if (null_fd < 0)
		return err_sys(err, errno, "cannot open '/dev/null'");
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_sys(err, errno, "cannot make a pipe for '%s'", kind->program);

	read_fd = pipe_fds[0];
	write_fd = pipe_fds[1];
	helper_args_make(kind, pid, map, &args);

	pid_t helper = helper_exec(kind->program_path, args.argv, write_fd, null_fd);
	if (helper < 0 && errno == ENOENT) {
		cleanup_free char *found = NULL;

		if (process_find_program(kind->program, &found) != 1)
			return helper_missing(kind, err);
		helper = helper_exec(found, args.argv, write_fd, null_fd);
	}
	if (helper < 0)
		return err_sys(err, errno, "cannot start '%s'", kind->program);

	*ret_pid = helper;
	*ret_error_fd = TAKE_FD(read_fd);
	return 0;
}

static void helper_end(pid_t *pid, int *error_fd)
{
	if (*pid > 0) {
		kill(*pid, SIGKILL);
		waitpid(*pid, NULL, 0);
		*pid = 0;
	}
	fd_close(error_fd);
}

/* ---- why a helper failed -------------------------------------------------------------------------------------------- */

/* 1 when the program itself cannot gain privilege, and err says so */
static int explain_program(const struct map_kind *kind, struct err *err)
{
	cleanup_free char *found = NULL;
	const char *path = kind->program_path;
	struct stat st;

	if (stat(path, &st) < 0) {
		if (process_find_program(kind->program, &found) != 1 || stat(found, &st) < 0)
			return 0;
		path = found;
	}

	bool set_uid = (st.st_mode & S_ISUID) && st.st_uid == 0;
	if (!set_uid && getxattr(path, "security.capability", NULL, 0) <= 0) {
		err_set(err, ERR_UNSUPPORTED,
			"cannot map subordinate %s ids: '%s' is neither set-uid root nor has the "
			"file "
			"capability %s",
			kind->word, path, kind->capability);
		err_hint(err, "Run as root: setcap %s=ep %s (or: chmod u+s %s)", kind->capability,
			 path, path);
		return 1;
	}

	struct statvfs fs;
	if (statvfs(path, &fs) == 0 && (fs.f_flag & ST_NOSUID)) {
		err_set(err, ERR_UNSUPPORTED,
			"cannot map subordinate %s ids: '%s' is on a file system that is mounted "
			"nosuid",
			kind->word, path);
		err_hint(err,
			 "Remount it with the option suid, or run dhow outside of the sandbox that "
			 "mounted it so.");
		return 1;
	}
	return 0;
}

static int explain_failure(const struct map_kind *kind, int wait_status, const char *said,
			   struct err *err)
{
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) {
		err_set(err, ERR_UNSUPPORTED,
			"cannot map subordinate %s ids: this process may not gain privileges "
			"(no_new_privs is set), so '%s' has none",
			kind->word, kind->program);
		return err_hint(
			err, "Start dhow outside of the service (NoNewPrivileges=yes), sandbox or "
			     "container that forbids it.");
	}
	if (explain_program(kind, err) == 1)
		return -1;

	if (WIFSIGNALED(wait_status))
		return err_set(err, ERR_FAILED,
			       "cannot map subordinate %s ids: '%s' was killed by signal %d",
			       kind->word, kind->program, WTERMSIG(wait_status));

	err_set(err, ERR_UNSUPPORTED, "cannot map subordinate %s ids: %s", kind->word,
		*said != '\0' ? said : "the helper failed without a word");

	cleanup_account struct account account = ACCOUNT_INIT;
	struct err ignored = { 0 }; /* it would only have given the hint a name */
	bool known = account_find_own(&account, &ignored) > 0;

	if (known && kind == &map_gid && account.gid != getgid())
		return err_hint(err,
				"Your group is %u, but only your primary group %u can be mapped: "
				"run dhow in a session of that group.",
				getgid(), account.gid);
	return err_hint(err, "Check that %s gives '%s' these ids.", kind->subid_path,
			known ? account.name : "this user");
}

static int helper_finish(const struct map_kind *kind, pid_t *pid, int *error_fd, struct err *err)
{
	int wait_status;

	if (*pid == 0)
		return 0;

	pid_t waited;
	do
		waited = waitpid(*pid, &wait_status, 0);
	while (waited < 0 && errno == EINTR);

	if (waited < 0)
		return err_sys(err, errno, "cannot wait for '%s'", kind->program);

	*pid = 0;
	if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0) {
		fd_close(error_fd);
		return 0;
	}

	cleanup_strbuf struct strbuf raw = STRBUF_INIT;
	cleanup_strbuf struct strbuf said = STRBUF_INIT;
	fd_read_all(*error_fd, &raw, HELPER_TEXT_LIMIT);
	fd_close(error_fd);
	raw.data[strcspn(raw.data, "\n")] = '\0';
	strbuf_add_escaped(&said, raw.data);
	return explain_failure(kind, wait_status, said.data, err);
}

/* ---- both ---------------------------------------------------------------------------------------------------------- */

static int start_one(const struct map_kind *kind, pid_t pid, const struct idmap *map,
		     uint32_t own_id, pid_t *ret_pid, int *ret_error_fd, struct err *err)
{
	if (geteuid() == 0 && has_capability(kind->capability_number))
		return write_by_hand(kind, pid, map, err);

	if (is_own_id(map, own_id)) {
		if (kind == &map_gid) {
			int r = write_proc(pid, "setgroups", "deny");

			if (r < 0)
				return err_sys(err, -r,
					       "cannot forbid setgroups in a new user namespace");
		}
		return write_by_hand(kind, pid, map, err);
	}
	return helper_start(kind, pid, map, ret_pid, ret_error_fd, err);
}

int idmap_write_start(pid_t pid, const struct idmaps *maps, struct idmap_writer *ret_writer,
		      struct err *err)
{
	struct idmap_writer writer = { 0, 0, -1, -1 };

	if (start_one(&map_uid, pid, &maps->uid, geteuid(), &writer.uid_pid, &writer.uid_error_fd,
		      err) < 0 ||
	    start_one(&map_gid, pid, &maps->gid, getegid(), &writer.gid_pid, &writer.gid_error_fd,
		      err) < 0) {
		helper_end(&writer.uid_pid, &writer.uid_error_fd);
		return -1;
	}
	*ret_writer = writer;
	return 0;
}

int idmap_write_finish(struct idmap_writer *writer, const struct idmaps *maps, struct err *err)
{
	/* the maps are in the arguments of the helpers; a caller that changed them meanwhile has a bug */
	if (maps->uid.count == 0 || maps->gid.count == 0)
		BUG("maps without entries");

	int r = helper_finish(&map_uid, &writer->uid_pid, &writer->uid_error_fd, err);
	if (r == 0)
		r = helper_finish(&map_gid, &writer->gid_pid, &writer->gid_error_fd, err);
	if (r < 0) {
		helper_end(&writer->uid_pid, &writer->uid_error_fd);
		helper_end(&writer->gid_pid, &writer->gid_error_fd);
	}
	return r;
}

int idmap_write(pid_t pid, const struct idmaps *maps, struct err *err)
{
	struct idmap_writer writer;

	if (idmap_write_start(pid, maps, &writer, err) < 0)
		return -1;
	return idmap_write_finish(&writer, maps, err);
}
