/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/unpack.c - start the two children of a layer, and find out what became of it
 *
 * unpack_start() forks the inflate child, then the writer child, which makes itself a user namespace and waits for its
 * maps. Both close what is not theirs and enter the sandbox before they read the first byte. Each sends one report through a
 * pipe of its own when it has finished; a report that does not come means that the child crashed or was killed.
 *
 * Whose failure is the true cause? When the writer stops, the inflate child finds its pipe closed: then the writer is to
 * blame. When the inflate child stops, the writer sees a tar that is cut short: then the inflate child is to blame.
 */
#include "storage/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"
#include "rootless/rootless.h"
#include "rootless/sandbox.h"
#include "storage/unpack_inflate.h"

#define PIPE_BYTES (1 << 20)
/* a zstd window of 128 MiB, what it needs beside it, and our own image with its libraries */
#define MEMORY_BYTES (512ULL << 20)
/* names of implied directories that a report may carry */
#define IMPLIED_BYTES (1U << 20)

#if defined(__SANITIZE_ADDRESS__)
#define MEMORY_LIMIT 0 /* the sanitizer reserves terabytes of address space */
#else
#define MEMORY_LIMIT MEMORY_BYTES
#endif

static const char *const unpack_compression_names[] = {
	[UNPACK_NONE] = "uncompressed", [UNPACK_GZIP] = "gzip", [UNPACK_ZSTD] = "zstd",
	[UNPACK_BZIP2] = "bzip2",	[UNPACK_XZ] = "xz",	[UNPACK_DETECT] = "detect",
};
NAME_TABLE(unpack_compression, UNPACK_COMPRESSION_COUNT)

void unpack_limits_default(struct unpack_limits *limits)
{
	*limits = (struct unpack_limits){
		.free_space_floor_bytes = 128ULL << 20,
		.free_inode_floor = 1000,
		.ratio_limit = 250,
		.max_entries = 1000000,
	};
}

void unpack_result_release(struct unpack_result *result)
{
	strv_release(&result->implied);
}

/* --- reports --- */

/* What a child sends; when it failed a struct err follows, else implied_bytes of names, each with its NUL. */
struct report {
	int32_t status;
	uint32_t reader_gone;
	uint32_t implied_bytes;
	unsigned char diff_id[32];
	uint64_t compressed_bytes, tar_bytes, diff_bytes, file_count;
	uint64_t skipped_devices, dropped_xattrs;
};

static void __attribute__((noreturn))
send_report(int fd, const struct report *report, const char *implied, const struct err *err)
{
	int r = fd_write_full(fd, report, sizeof(*report));

	if (r == 0 && report->status < 0)
		r = err_send(fd, err);
	else if (r == 0)
		r = fd_write_full(fd, implied, report->implied_bytes);
	/* nothing of the parent's copy is to be flushed or cleaned up here */
	_exit(r == 0 ? 0 : 1);
}

static int read_implied(int fd, size_t bytes, struct strv *ret_implied)
{
	cleanup_free char *names = xmalloc(bytes + 1);

	if (fd_read_full(fd, names, bytes) != (ssize_t)bytes)
		return -1;
	names[bytes] = '\0';
	for (size_t at = 0; at < bytes; at += strlen(names + at) + 1)
		strv_add(ret_implied, names + at);
	return 0;
}

/* 1 read, 0 the child ended without (or its report makes no sense); on a failed status err is filled. */
static int read_report(int fd, struct report *ret_report, struct strv *ret_implied, struct err *err)
{
	if (fd_read_full(fd, ret_report, sizeof(*ret_report)) != (ssize_t)sizeof(*ret_report))
		return 0;
	if (ret_report->status < 0)
		return err_receive(fd, err) == 1;
	if (ret_report->implied_bytes > IMPLIED_BYTES)
		return 0;
	return ret_report->implied_bytes == 0 ||
	       read_implied(fd, ret_report->implied_bytes, ret_implied) == 0;
}

static int fail_crashed(const char *who, int wait_status, struct err *err)
{
	if (!WIFSIGNALED(wait_status))
		return err_set(err, ERR_FAILED, "%s of layer ended with status %d", who,
			       WEXITSTATUS(wait_status));

	int signal_number = WTERMSIG(wait_status);
	err_set(err, ERR_FAILED, "%s of layer was killed by signal %d (%s)", who, signal_number,
		strsignal(signal_number));
	if (signal_number == SIGKILL)
		return err_hint(err, "The system may be short of memory.");
	return err_hint(err, "The layer may be an attack on the unpacker; nothing of it was kept.");
}

/* --- children --- */

struct pipes {
	int input_read, input_write;
	int tar_read, tar_write;
	int inflate_read, inflate_write; /* reports */
	int writer_read, writer_write;
	int ready_read, ready_write; /* the writer has its user namespace */
	int go_read, go_write;	     /* and now its maps */
};
#define PIPES_INIT                                                                                 \
	{                                                                                          \
		-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1                                     \
	}

static void pipes_release(struct pipes *pipes)
{
	int *all = (int *)pipes;

	for (size_t i = 0; i < sizeof(*pipes) / sizeof(int); i++)
		fd_close(&all[i]);
}
#define cleanup_pipes __attribute__((cleanup(pipes_release)))

static int make_pipe(int *ret_read, int *ret_write, int bytes, struct err *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, errno, "cannot make a pipe");
	*ret_read = fds[0];
	*ret_write = fds[1];
	/* smaller ones work too: the user may have used up his share of pipe memory */
	if (bytes > 0)
		(void)fcntl(fds[1], F_SETPIPE_SZ, bytes);
	return 0;
}

static int make_pipes(struct pipes *pipes, struct err *err)
{
	if (make_pipe(&pipes->input_read, &pipes->input_write, PIPE_BYTES, err) < 0 ||
	    make_pipe(&pipes->tar_read, &pipes->tar_write, PIPE_BYTES, err) < 0 ||
	    make_pipe(&pipes->inflate_read, &pipes->inflate_write, 0, err) < 0 ||
	    make_pipe(&pipes->writer_read, &pipes->writer_write, 0, err) < 0 ||
	    make_pipe(&pipes->ready_read, &pipes->ready_write, 0, err) < 0)
		return -1;
	return make_pipe(&pipes->go_read, &pipes->go_write, 0, err);
}

/* The parent alone decides what Ctrl-C means; and what it prints, unless somebody is looking for a fault. */
static void calm_child(void)
{
	/* no handler of the parent runs here */
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);

	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd < 0)
		return;
	dup2(null_fd, STDIN_FILENO);
	dup2(null_fd, STDOUT_FILENO);
	if (debug_get_level() < DEBUG_DEBUG)
		dup2(null_fd, STDERR_FILENO);
}

static void __attribute__((noreturn))
inflate_child(const struct pipes *pipes, enum unpack_compression compression,
	      const struct unpack_limits *limits)
{
	const int keep[] = { pipes->input_read, pipes->tar_write, pipes->inflate_write };
	const struct sandbox sandbox = {
		.keep_fds = keep,
		.keep_fd_count = ARRAY_SIZE(keep),
		.memory_limit_bytes = MEMORY_LIMIT,
	};
	struct report report = { .status = -1 };
	struct inflate_result result = { .reader_gone = false };
	struct err err;

	calm_child();
	if (sandbox_enter(&sandbox, &err) == 0)
		report.status = inflate_run(pipes->input_read, pipes->tar_write, compression,
					    limits->ratio_limit, &result, &err);
	memcpy(report.diff_id, result.diff_id, sizeof(report.diff_id));
	report.compressed_bytes = result.compressed_bytes;
	report.tar_bytes = result.tar_bytes;
	report.reader_gone = result.reader_gone;
	/* the writer sees the end of the tar only when we exit: our report is there before its */
	send_report(pipes->inflate_write, &report, NULL, &err);
}

/* In the writer child: the user namespace of a container. */
static int join_userns(const struct pipes *pipes, int pid_fd, struct err *err)
{
	/* EINVAL: it is ours */
	if (setns(pid_fd, CLONE_NEWUSER) < 0 && errno != EINVAL)
		return err_sys(err, errno, "cannot enter the user namespace of the container");
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		debug("the user namespace of the container has no id 0");
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	(void)fd_write_full(pipes->ready_write, "n", 1); /* no maps are to be written */
	return 0;
}

/* In the writer child: a user namespace, whose maps the parent writes meanwhile. */
static int enter_userns(const struct pipes *pipes, enum layer_form form,
			const struct unpack_plain *plain, struct err *err)
{
	char made = 'y';
	char go;

	if (plain != NULL && plain->userns_pid_fd >= 0)
		return join_userns(pipes, plain->userns_pid_fd, err);
	/* newuidmap looks at who owns /proc/PID, which is root for a process that is not dumpable */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	if (unshare(CLONE_NEWUSER) < 0) {
		if (form == LAYER_MAPPED)
			return userns_explain(errno, err);
		made = 'n'; /* in single form only file capabilities need it */
	}
	if (fd_write_full(pipes->ready_write, &made, 1) < 0 ||
	    fd_read_full(pipes->go_read, &go, 1) != 1)
		return err_set(err, ERR_FAILED, "the unpacker was given up");
	if (made == 'n')
		return 0;
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return err_sys(err, errno, "cannot become root of a user namespace");
	/* forgotten at each change of ids */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	return 0;
}

static void __attribute__((noreturn))
writer_child(struct pipes *pipes, int diff_dir_fd, enum layer_form form,
	     const struct unpack_limits *limits)
{
	const int keep[] = { pipes->tar_read, pipes->writer_write };
	const struct sandbox sandbox = {
		.write_dir_fds = &diff_dir_fd,
		.write_dir_count = 1,
		.keep_fds = keep,
		.keep_fd_count = ARRAY_SIZE(keep),
		.memory_limit_bytes = MEMORY_LIMIT,
		.allow_files = true,
	};
	struct report report = { .status = -1 };
	struct unpack_result result = UNPACK_RESULT_INIT;
	cleanup_strbuf struct strbuf implied = STRBUF_INIT;
	struct err err;

	calm_child();
	/* else the death of the parent would not be seen here, nor that of the inflate child */
	fd_close(&pipes->go_write);
	fd_close(&pipes->tar_write);
	if (enter_userns(pipes, form, limits->plain, &err) == 0 &&
	    sandbox_enter(&sandbox, &err) == 0)
		report.status =
			unpack_tar(pipes->tar_read, diff_dir_fd, form, limits, &result, &err);
	for (size_t i = 0; i < result.implied.count; i++) {
		size_t size = strlen(result.implied.items[i]) + 1;
		if (implied.length + size <= IMPLIED_BYTES)
			strbuf_add(&implied, result.implied.items[i], size);
	}
	report.implied_bytes = (uint32_t)implied.length;
	report.tar_bytes = result.tar_bytes;
	report.diff_bytes = result.diff_bytes;
	report.file_count = result.file_count;
	report.skipped_devices = result.skipped_devices;
	report.dropped_xattrs = result.dropped_xattrs;
	send_report(pipes->writer_write, &report, implied.data, &err);
}

/* 1 in the child, 0 in the parent. */
static int fork_child(struct child *ret_child, struct err *err)
{
	sigset_t all, before;

	/* no handler of the parent may run in the child: calm_child() unblocks them */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	/* fork and not a bare clone: the caller's libraries may have threads, and the C library then sets its locks right */
	pid_t pid = fork();
	int fork_errno = errno;
	if (pid == 0)
		return 1;
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid < 0)
		return err_sys(err, fork_errno, "cannot start the unpacker");
	*ret_child = (struct child){ pid, sys_pidfd_open(pid, 0) };
	return 0;
}

/* Write the maps of the writer child, and let it go on. */
static int map_writer(struct pipes *pipes, pid_t pid, const struct idmaps *maps, struct err *err)
{
	cleanup_idmaps struct idmaps own = IDMAPS_INIT;
	char made;

	/* closed, so that the end of the child is seen */
	fd_close(&pipes->ready_write);
	if (fd_read_full(pipes->ready_read, &made, 1) != 1)
		return 0; /* its report says why */

	if (maps == NULL) {
		idmap_add(&own.uid, 0, geteuid(), 1);
		idmap_add(&own.gid, 0, getegid(), 1);
		own.single = true;
		maps = &own;
	}
	if (made == 'y' && idmap_write(pid, maps, err) < 0)
		return -1;
	(void)fd_write_full(pipes->go_write, "g", 1); /* a dead child is found by unpack_finish() */
	return 0;
}

static int start_children(struct unpacker *unpacker, struct pipes *pipes, int diff_dir_fd,
			  enum layer_form form, const struct idmaps *maps,
			  enum unpack_compression compression, const struct unpack_limits *limits,
			  struct err *err)
{
	int in_child = fork_child(&unpacker->inflate, err);
	if (in_child == 1)
		inflate_child(pipes, compression, limits);
	if (in_child < 0)
		return -1;

	in_child = fork_child(&unpacker->writer, err);
	if (in_child == 1)
		writer_child(pipes, diff_dir_fd, form, limits);
	if (in_child < 0)
		return -1;

	fd_close(&pipes->input_read);
	fd_close(&pipes->tar_read);
	fd_close(&pipes->tar_write);
	fd_close(&pipes->inflate_write);
	fd_close(&pipes->writer_write);
	return map_writer(pipes, unpacker->writer.pid, maps, err);
}

int unpack_start(int diff_dir_fd, enum layer_form form, const struct idmaps *maps,
		 enum unpack_compression compression, const struct unpack_limits *limits,
		 struct unpacker *ret_unpacker, struct err *err)
{
	cleanup_pipes struct pipes pipes = PIPES_INIT;
	struct unpacker unpacker = UNPACKER_INIT;

	if (make_pipes(&pipes, err) < 0 ||
	    start_children(&unpacker, &pipes, diff_dir_fd, form, form == LAYER_MAPPED ? maps : NULL,
			   compression, limits, err) < 0) {
		unpack_abort(&unpacker);
		return err_wrap(err, "cannot unpack layer");
	}

	unpacker.input_fd = TAKE_FD(pipes.input_write);
	unpacker.inflate_result_fd = TAKE_FD(pipes.inflate_read);
	unpacker.writer_result_fd = TAKE_FD(pipes.writer_read);
	*ret_unpacker = unpacker;
	return 0;
}

/* --- the end --- */

static int judge(struct unpacker *unpacker, struct unpack_result *ret_result, struct err *err)
{
	struct unpack_result result = UNPACK_RESULT_INIT;
	struct report inflate = { .status = -1 };
	struct report writer = { .status = -1 };
	struct err inflate_err, writer_err;
	int inflate_status = 0;
	int writer_status = 0;

	int inflate_told =
		read_report(unpacker->inflate_result_fd, &inflate, &result.implied, &inflate_err);
	int writer_told =
		read_report(unpacker->writer_result_fd, &writer, &result.implied, &writer_err);
	child_wait(&unpacker->inflate, &inflate_status);
	child_wait(&unpacker->writer, &writer_status);

	if (inflate_told && writer_told && inflate.status == 0 && writer.status == 0) {
		digest_from_bytes(inflate.diff_id, &result.diff_id);
		result.compressed_bytes = inflate.compressed_bytes;
		result.tar_bytes = inflate.tar_bytes;
		result.diff_bytes = writer.diff_bytes;
		result.file_count = writer.file_count;
		result.skipped_devices = writer.skipped_devices;
		result.dropped_xattrs = writer.dropped_xattrs;
		*ret_result = result;
		return 0;
	}

	strv_release(&result.implied);
	if (!inflate_told)
		return fail_crashed("the decompressor", inflate_status, err);
	if (inflate.status < 0 && !inflate.reader_gone) {
		*err = inflate_err;
		return -1;
	}
	if (!writer_told)
		return fail_crashed("the unpacker", writer_status, err);
	*err = writer.status < 0 ? writer_err : inflate_err;
	return -1;
}

int unpack_finish(struct unpacker *unpacker, struct unpack_result *ret_result, struct err *err)
{
	fd_close(&unpacker->input_fd);
	int r = judge(unpacker, ret_result, err);
	unpack_abort(unpacker);
	return r;
}

void unpack_abort(struct unpacker *unpacker)
{
	child_release(&unpacker->inflate);
	child_release(&unpacker->writer);
	fd_close(&unpacker->input_fd);
	fd_close(&unpacker->inflate_result_fd);
	fd_close(&unpacker->writer_result_fd);
}
