/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/program.c - identity, limits, capabilities, filter, execve
 *
 * The order, and why:
 *
 *	who	passwd and group are read while we may read everything
 *	session, terminal, working directory, keyring, kernel settings		need privileges of root in the container
 *	streams and descriptors		then limits, which could forbid to open or move one
 *	ready	the conversation with the command line: before the ids, see prepare()
 *	ids	the bounding set before them (needs CAP_SETPCAP), the other sets after them
 *	command	is looked for as the user
 *	death signal	the kernel forgets it when ids change
 *	filter	last: without no_new_privs it needs CAP_SYS_ADMIN, which is held until execve gives the program its sets. execve
 *		makes those from the bounding, inheritable and ambient sets alone, so nothing of it is left (capabilities(7))
 */
#include "engine/runtime/program.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "engine/runtime/capabilities.h"
#include "engine/runtime/procfs.h"
#include "engine/runtime/program_find.h"
#include "engine/runtime/user.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define PIPEFS_MAGIC	0x50495045
#define FIRST_FREE_FD	3
#define CAP_BIT(number) (UINT64_C(1) << (number))

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

/* ---- session and terminal ---- */

static int start_session(int terminal_fd, struct err *err)
{
	/* fails only when we lead one already */
	setsid();
	if (terminal_fd >= 0 && ioctl(terminal_fd, TIOCSCTTY, 0) < 0)
		return err_sys(err, errno, "cannot take the container's terminal");
	return 0;
}

/*
 * Keys of the caller's session stay outside (R8). The kernel lets a user have some hundred keys: when they are used up, a container whose
 * filter forbids the keyring's calls is as safe without one of its own.
 */
static int join_keyring(const struct program *program, struct err *err)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0) >= 0 || errno == ENOSYS)
		return 0;
	/* EPERM, EACCES: a filter of an outer container forbids keyrings to all of us */
	if (errno == EPERM || errno == EACCES)
		return 0;
	if (errno == EDQUOT && program->seccomp != NULL)
		return 0;

	err_sys(err, errno, "cannot make a session keyring for the container");
	return err_hint(err, "Raise kernel.keys.maxkeys, or end some containers.");
}

/* ---- working directory ---- */

static int check_inside(const char *cwd, struct err *err)
{
	char path[PATH_MAX];

	/* the system call says "(unreachable)" for a directory outside of the root; the C library's getcwd would walk */
	if (syscall(SYS_getcwd, path, sizeof(path)) > 0 && path[0] == '/')
		return 0;
	return err_set(err, ERR_CANNOT_RUN,
		       "cannot use '%s' as the working directory: it is outside of the container",
		       cwd);
}

/* 0, -errno */
static int enter_directory(int root_fd, const struct program *program)
{
	cleanup_fd int fd = path_open_in_root(root_fd, program->cwd, O_PATH | O_DIRECTORY, 0);

	if (fd == -ENOENT && program->create_cwd)
		fd = path_make_dirs_in_root(root_fd, program->cwd, 0755, NULL);
	if (fd < 0)
		return fd;
	return fchdir(fd) < 0 ? -errno : 0;
}

static int change_directory(int root_fd, const struct program *program, bool *ret_again,
			    struct err *err)
{
	cleanup_strbuf struct strbuf shown = STRBUF_INIT;
	int r;

	if (str_equal(program->cwd, "/"))
		r = fchdir(root_fd) < 0 ? -errno : 0;
	else
		r = enter_directory(root_fd, program);

	/* a directory that only the user may enter (FUSE, NFS): once more after the change of ids */
	if (ret_again != NULL && (r == -EACCES || r == -EPERM)) {
		*ret_again = true;
		return 0;
	}
	strbuf_add_escaped(&shown, program->cwd);
	if (r == -ENOENT)
		return err_set(err, ERR_CANNOT_RUN, "workdir \"%s\" does not exist on container",
			       shown.data);
	if (r == -ENOTDIR)
		return err_set(
			err, ERR_CANNOT_RUN,
			"cannot use '%s' as the working directory: it is not a directory in the "
			"container",
			shown.data);
	if (r < 0) {
		err_sys(err, -r, "cannot use '%s' as the working directory", shown.data);
		err->kind = ERR_CANNOT_RUN;
		return -1;
	}
	return check_inside(shown.data, err);
}

/* ---- settings that are written to procfs (R3) ---- */

static int write_own_proc(int proc_fd, const char *file, const char *text)
{
	cleanup_free char *path = xasprintf("self/%s", file);

	return procfs_write(proc_fd, path, text);
}

static int set_oom_score(const struct program *program, int proc_fd, struct err *err)
{
	if (!program->has_oom_score_adj)
		return 0;

	cleanup_free char *text = xasprintf("%d", program->oom_score_adj);
	int r = write_own_proc(proc_fd, "oom_score_adj", text);
	if (r == -EACCES || r == -EPERM) {
		err_set(err, ERR_DENIED,
			"cannot set the OOM score adjustment to %d: only root may make it less "
			"than that of dhow itself",
			program->oom_score_adj);
		return -1;
	}
	if (r < 0)
		return err_sys(err, -r, "cannot set the OOM score adjustment to %d",
			       program->oom_score_adj);
	return 0;
}

static int set_label(const struct program *program, int proc_fd, struct err *err)
{
	int r = 0;

	if (program->apparmor_profile != NULL &&
	    !str_equal(program->apparmor_profile, "unconfined")) {
		cleanup_free char *text = xasprintf("exec %s", program->apparmor_profile);

		r = write_own_proc(proc_fd, "attr/apparmor/exec", text);
		if (r < 0)
			return err_sys(err, -r, "cannot use the AppArmor profile '%s'",
				       program->apparmor_profile);
	}
	if (program->selinux_label != NULL) {
		r = write_own_proc(proc_fd, "attr/exec", program->selinux_label);
		if (r < 0)
			return err_sys(err, -r, "cannot use the SELinux label '%s'",
				       program->selinux_label);
	}
	return 0;
}

bool program_needs_proc(const struct program *program)
{
	return program->has_oom_score_adj || program->apparmor_profile != NULL ||
	       program->selinux_label != NULL;
}

int program_write_proc(const struct program *program, int proc_fd, struct err *err)
{
	if (set_oom_score(program, proc_fd, err) < 0)
		return -1;
	return set_label(program, proc_fd, err);
}

/* ---- scheduling, limits ---- */

static int set_scheduling(const struct program *program, struct err *err)
{
	struct sched_param param = { 0 };

	if (program->has_io_priority &&
	    syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, program->io_priority) < 0)
		return err_sys(err, errno, "cannot set the I/O priority");
	if (program->has_scheduler &&
	    (sched_setscheduler(0, program->scheduler_policy, &param) < 0 ||
	     setpriority(PRIO_PROCESS, 0, program->nice) < 0))
		return err_sys(err, errno, "cannot set the scheduler");
	if (program->has_personality && personality(program->personality) < 0)
		return err_sys(err, errno, "cannot set the personality");
	if (program->umask >= 0)
		umask((mode_t)program->umask);
	return 0;
}

static int set_limits(const struct program *program, struct err *err)
{
	for (int i = 0; i < (int)RLIM_NLIMITS; i++) {
		const struct rlimit_plan *plan = &program->rlimits[i];

		if (!plan->is_set || setrlimit((__rlimit_resource_t)i, &plan->limit) == 0)
			continue;
		if (errno != EPERM)
			return err_sys(err, errno, "cannot set the limit %s", rlimit_name(i));

		struct rlimit own = { 0, 0 };
		getrlimit((__rlimit_resource_t)i, &own);
		err_set(err, ERR_DENIED,
			"cannot set the hard limit %s to %llu: that of the user is %llu",
			rlimit_name(i), (unsigned long long)plan->limit.rlim_max,
			(unsigned long long)own.rlim_max);
		return err_hint(err, "Ask for less, or raise the user's limit in "
				     "/etc/security/limits.conf.");
	}
	return 0;
}

/* ---- descriptors ---- */

static int move_up(int *fd, int lowest)
{
	int moved = fcntl(*fd, F_DUPFD_CLOEXEC, lowest);

	if (moved < 0)
		return -errno;
	*fd = moved;
	return 0;
}

/* A pipe of ours belongs to the caller: the user of the container must be able to open it again as /dev/stdout. */
static void give_pipe(int fd, uid_t uid)
{
	struct statfs fs;

	/* never a file or FIFO of the host's (R4) */
	if (fstatfs(fd, &fs) == 0 && fs.f_type == PIPEFS_MAGIC && fchown(fd, uid, (gid_t)-1) < 0)
		debug("cannot give a pipe to user %u, ignoring: %s", uid, strerror(errno));
}

static int arrange_fds(struct program_run *run, const struct identity *identity, struct err *err)
{
	const struct program *program = run->program;
	int count = program->preserve_numbers ? 0 : (int)program->preserved_fd_count;
	int free_from = FIRST_FREE_FD + count;
	int streams[3];
	cleanup_free int *sources = xcalloc((size_t)count + 1, sizeof(int));
	int r = 0;

	/* everything that is still needed goes above the places that will be filled */
	for (size_t i = 0; i < ARRAY_SIZE(run->kept_fds); i++) {
		if (run->kept_fds[i] != NULL && *run->kept_fds[i] >= 0 && r == 0)
			r = move_up(run->kept_fds[i], free_from);
	}
	for (int i = 0; i < 3 && r == 0; i++) {
		streams[i] = run->terminal_fd >= 0 ? run->terminal_fd : run->stdio_fds[i];
		r = move_up(&streams[i], free_from);
	}
	for (int i = 0; i < count && r == 0; i++) {
		sources[i] = program->preserved_fds[i];
		r = move_up(&sources[i], free_from);
	}
	if (r < 0)
		return err_sys(err, -r, "cannot arrange the descriptors of the container");

	for (int i = 0; i < 3; i++) {
		if (identity->uid != 0 && run->terminal_fd < 0)
			give_pipe(streams[i], identity->uid);
		if (dup2(streams[i], i) < 0)
			return err_sys(err, errno, "cannot pass stream %d to the container", i);
	}
	for (int i = 0; i < count; i++) {
		if (dup2(sources[i], FIRST_FREE_FD + i) < 0)
			return err_sys(err, errno, "cannot pass descriptor %d to the container",
				       FIRST_FREE_FD + i);
	}

	/* R5: nothing else lives through execve */
	if (sys_close_range((unsigned)free_from, ~0U, CLOSE_RANGE_CLOEXEC) < 0) {
		/* before Linux 5.11 */
		for (int fd = free_from; fd < 4096; fd++)
			fcntl(fd, F_SETFD, FD_CLOEXEC);
	}
	for (size_t i = 0; program->preserve_numbers && i < program->preserved_fd_count; i++) {
		if (fcntl(program->preserved_fds[i], F_SETFD, 0) < 0)
			return err_sys(err, errno, "cannot pass descriptor %d to the container",
				       program->preserved_fds[i]);
	}
	return 0;
}

/* ---- ids and capabilities ---- */

static int id_failed(const char *what, uint32_t id, struct err *err)
{
	if (errno != EINVAL)
		return err_sys(err, errno, "cannot become %s %u", what, id);

	err_set(err, ERR_CANNOT_RUN,
		"cannot run as %s %u: this id is not mapped in the container's user namespace",
		what, id);
	return err_hint(err, "Take a smaller id, or give the user more subordinate ids in "
			     "/etc/subuid and /etc/subgid.");
}

static int set_groups(const struct program *program, const struct identity *identity,
		      struct err *err)
{
	if (program->keep_groups)
		return 0;
	if (setgroups(identity->group_count, identity->groups) == 0)
		return 0;

	/* a user namespace of one id: the kernel forbids setgroups there, the caller's groups stay and are nobody's inside */
	if (errno == EPERM && identity->group_count == 0)
		return 0;
	if (errno == EPERM) {
		err_set(err, ERR_CANNOT_RUN,
			"cannot set supplementary groups: they need subordinate ids");
		return err_hint(err, "Add ranges for the user to /etc/subuid and /etc/subgid.");
	}
	for (size_t i = 0; errno == EINVAL && i < identity->group_count; i++) {
		if (setgroups(1, &identity->groups[i]) < 0)
			return id_failed("group", identity->groups[i], err);
	}
	return err_sys(err, errno, "cannot set the supplementary groups");
}

static int set_identity(const struct program *program, const struct identity *identity,
			struct err *err)
{
	const uint64_t *sets = program->capabilities;
	uint64_t held = program->no_new_privileges ? 0 : CAP_BIT(CAP_SYS_ADMIN);
	int r = capabilities_bound(sets[CAPABILITY_BOUNDING]);

	if (r < 0)
		return err_sys(err, -r, "cannot limit the capabilities");
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return err_sys(err, errno, "cannot keep capabilities");
	if (set_groups(program, identity, err) < 0)
		return -1;
	if (setresgid(identity->gid, identity->gid, identity->gid) < 0)
		return id_failed("group", identity->gid, err);
	if (setresuid(identity->uid, identity->uid, identity->uid) < 0)
		return id_failed("user", identity->uid, err);

	r = capabilities_set(sets[CAPABILITY_EFFECTIVE] | held, sets[CAPABILITY_PERMITTED] | held,
			     sets[CAPABILITY_INHERITABLE]);
	if (r == 0)
		/* the kernel has no ambient capability that is not inheritable: those cannot be granted (runtime specification) */
		r = capabilities_ambient(sets[CAPABILITY_AMBIENT] & sets[CAPABILITY_INHERITABLE] &
					 sets[CAPABILITY_PERMITTED]);
	if (r < 0)
		return err_sys(err, -r, "cannot set the capabilities");
	return 0;
}

/* ---- all ---- */

static void reset_signals(void)
{
	sigset_t none;

	/* execve does it for handlers; what the caller's shell ignored (nohup, "&") must not stay so. Nobody ignores real-time signals. */
	for (int i = 1; i < SIGSYS + 1; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int resolve_identity(int root_fd, const struct program *program,
			    struct identity *ret_identity, struct err *err)
{
	struct identity_request request = {
		.user = program->user,
		.uid = program->uid,
		.gid = program->gid,
		.gids = &program->additional_gids,
		.group_add = &program->group_add,
	};

	return identity_resolve(root_fd, &request, ret_identity, err);
}

static int prepare(struct program_run *run, int root_fd, struct identity *identity, struct err *err)
{
	const struct program *program = run->program;
	bool directory_later = false;

	if (resolve_identity(root_fd, program, identity, err) < 0 ||
	    start_session(run->terminal_fd, err) < 0 ||
	    change_directory(root_fd, program, &directory_later, err) < 0 ||
	    join_keyring(program, err) < 0 || set_scheduling(program, err) < 0)
		return -1;
	if (run->terminal_fd >= 0 && fchown(run->terminal_fd, identity->uid, (gid_t)-1) < 0)
		debug("cannot give the terminal to user %u, ignoring: %s", identity->uid,
		      strerror(errno));

	if (arrange_fds(run, identity, err) < 0 || set_limits(program, err) < 0)
		return -1;
	/* a change of ids makes us not dumpable, and the helper of the network has to look at /proc/PID/ns until it is ready */
	if (run->ready != NULL && run->ready(run->arg, err) < 0)
		return -1;
	if (set_identity(program, identity, err) < 0)
		return -1;
	if (!directory_later)
		return 0;

	/* root_fd may have been where a preserved descriptor is now */
	cleanup_fd int again_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return change_directory(again_fd, program, NULL, err);
}

int program_run(struct program_run *run, struct err *err)
{
	const struct program *program = run->program;
	struct identity identity = IDENTITY_INIT;
	cleanup_strv struct strv env = STRV_INIT;
	cleanup_free char *file = NULL;
	int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root_fd < 0)
		return err_sys(err, errno, "cannot open the root directory of the container");
	if (prepare(run, root_fd, &identity, err) < 0)
		return -1;

	strv_copy(&env, &program->env);
	if (program->set_home && strv_env_get(&env, "HOME") == NULL)
		strv_env_set(&env, "HOME", identity.home);
	if (program->args.count == 0)
		return err_set(err, ERR_NO_COMMAND, "cannot run the container: it has no command");

	file = program_find(program->args.items[0], strv_env_get(&env, "PATH"), err);
	if (file == NULL)
		return -1;

	if (run->dies_with_parent)
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	reset_signals();
	if (program->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(err, errno, "cannot forbid new privileges");
	if (run->filter != NULL && run->filter->code != NULL) {
		int r = seccomp_filter_apply(run->filter);

		if (r < 0)
			return err_sys(err, -r, "cannot put the seccomp filter in force");
	}
	execve(file, strv_argv(&program->args), strv_argv(&env));
	return program_exec_failed(file, errno, err);
}
