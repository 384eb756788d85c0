/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage/rootfs_fuse.c - fuse-overlayfs, outside the container
 *
 *	caller (prepare)        server                                   container's init (mount)
 *	fork ----------------->	own session, nothing inherited
 *				user namespace with the store's maps
 *				waits on the socket <------------------- opens /dev/fuse, makes the mount, sends the descriptor
 *				execs fuse-overlayfs -f /dev/fd/3 -----> end of file on the socket: it runs
 *				                                         looks at the root: the first answer of the server
 *
 * The kernel wants /dev/fuse to be opened in the user namespace of the mount; who reads from it then does not matter. libfuse
 * takes "/dev/fd/N" for a mount that is made already. What the server complains about goes to a memory file of one page that the
 * container's side reads when the mount does not answer. A server that is never asked sees the end of the socket and goes.
 */
#include "storage/rootfs_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/kernel.h"
#include "base/process.h"

#define PROGRAM	  "fuse-overlayfs"
#define LOG_BYTES 4096
/* where the server has its descriptors: the mount, then layers, upper and work */
#define SERVER_FUSE_FD	3
#define SERVER_FIRST_FD 4
#define CLEAN_DIR	"/sys"

bool rootfs_fuse_available(char **ret_path)
{
	cleanup_free char *path = NULL;

	if (access("/dev/fuse", R_OK | W_OK) < 0)
		return false;
	if (process_find_program(PROGRAM, &path) <= 0)
		return false;
	if (ret_path != NULL)
		*ret_path = TAKE_PTR(path);
	return true;
}

static int make_log(struct err *err)
{
	cleanup_fd int fd = memfd_create("fuse-overlayfs", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, LOG_BYTES) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) < 0)
		return err_sys(err, errno, "cannot make a memory file");
	return TAKE_FD(fd);
}

/* ---- the server ---- */

struct server {
	const struct rootfs *rootfs;
	const struct idmaps *maps;
	const char *program;
	int socket_fd;
	int *fds; /* layers topmost first, upper, work */
	size_t fd_count;
	bool clean; /* the container's directory is to be seen as CLEAN_DIR */
};

/* In the host's mount namespace, before anything is given up. */
static int open_directories(struct server *server, struct err *err)
{
	const struct rootfs *rootfs = server->rootfs;

	server->fds = xcalloc(rootfs->lower_count + 2, sizeof(*server->fds));
	for (size_t i = 0; i < rootfs->lower_count + 2; i++) {
		const char *const container_paths[] = { rootfs->upper_path, rootfs->work_path };
		bool is_lower = i < rootfs->lower_count;
		size_t index = is_lower ? rootfs->lowers[i].place : rootfs->upper_place;
		cleanup_fd int place_fd = -1;
		int fd;

		if (!is_lower && rootfs->read_only)
			break;
		place_fd = rootfs_place_open(&rootfs->places[index], err);
		if (place_fd < 0)
			return -1;
		fd = rootfs_open_below(&rootfs->places[index], place_fd,
				       is_lower ? rootfs->lowers[i].path
						: container_paths[i - rootfs->lower_count],
				       err);
		if (fd < 0)
			return -1;
		server->fds[server->fd_count++] = fd;
	}
	return 0;
}

/*
 * fuse-overlayfs makes paths of the descriptors that it is given, and then takes a ':' in that of upper/ for a separator. So
 * where there is one the container's directory is seen as CLEAN_DIR, in the server's own mount namespace; nothing that it uses is there.
 */
static int hide_colon(struct server *server, struct err *err)
{
	const struct rootfs *rootfs = server->rootfs;
	const char *path;

	if (rootfs->read_only)
		return 0;
	path = rootfs->places[rootfs->upper_place].path;
	if (strchr(path, ':') == NULL)
		return 0;
	if (userns_is_inside() &&
	    (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0))
		return err_sys(err, errno, "cannot make a mount namespace");
	if (mount(path, CLEAN_DIR, NULL, MS_BIND, NULL) < 0)
		return err_sys(err, errno, "cannot bind directory '%s'", path);
	server->clean = true;
	return 0;
}

/* "lowerdir=/proc/self/fd/4:...": descriptors, because a ':' in a path would end it */
static void add_options(const struct server *server, struct strbuf *options)
{
	const struct rootfs *rootfs = server->rootfs;

	for (size_t i = 0; i < rootfs->lower_count; i++)
		strbuf_addf(options, "%s/proc/self/fd/%zu", i == 0 ? "lowerdir=" : ":",
			    SERVER_FIRST_FD + i);
	if (server->clean)
		strbuf_addf(options, ",upperdir=" CLEAN_DIR "/%s,workdir=" CLEAN_DIR "/%s",
			    rootfs->upper_path, rootfs->work_path);
	else if (!rootfs->read_only)
		strbuf_addf(options, ",upperdir=/proc/self/fd/%zu,workdir=/proc/self/fd/%zu",
			    SERVER_FIRST_FD + rootfs->lower_count,
			    SERVER_FIRST_FD + rootfs->lower_count + 1);
	if (rootfs->volatile_upper && !rootfs->read_only)
		strbuf_adds(options, ",volatile");
	if (rootfs->single)
		strbuf_adds(options, ",xattr_permissions=2");
	/* nobody else changes the layers, so what the kernel knows stays true */
	strbuf_adds(options, ",timeout=3600");
}

/* Put every descriptor to its number and close all others. */
static int place_descriptors(const struct server *server, int fuse_fd, int log_fd, struct err *err)
{
	size_t count = server->fd_count + 1;
	int above = SERVER_FIRST_FD + (int)server->fd_count;
	cleanup_free int *sources = xcalloc(count, sizeof(*sources));
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(null_fd, 1) < 0 || dup2(log_fd, 2) < 0)
		return err_sys(err, errno, "cannot prepare " PROGRAM);
	sources[0] = fuse_fd;
	memcpy(sources + 1, server->fds, server->fd_count * sizeof(*sources));
	/* first out of the way of all targets */
	for (size_t i = 0; i < count; i++) {
		sources[i] = fcntl(sources[i], F_DUPFD_CLOEXEC, above);
		if (sources[i] < 0)
			return err_sys(err, errno, "cannot prepare " PROGRAM);
	}
	for (size_t i = 0; i < count; i++) {
		if (dup2(sources[i], SERVER_FUSE_FD + (int)i) < 0)
			return err_sys(err, errno, "cannot prepare " PROGRAM);
	}
	sys_close_range((unsigned)above, ~0U, CLOSE_RANGE_CLOEXEC);
	return 0;
}

static int exec_server(const struct server *server, int fuse_fd, int log_fd, struct err *err)
{
	cleanup_strbuf struct strbuf options = STRBUF_INIT;
	cleanup_strbuf struct strbuf mount_point = STRBUF_INIT;
	/* an error must still find its way, above all the numbers that are given away */
	int socket_fd =
		fcntl(server->socket_fd, F_DUPFD_CLOEXEC, SERVER_FIRST_FD + (int)server->fd_count);

	add_options(server, &options);
	strbuf_addf(&mount_point, "/dev/fd/%d", SERVER_FUSE_FD);
	if (socket_fd < 0 || place_descriptors(server, fuse_fd, log_fd, err) < 0)
		return socket_fd < 0 ? err_sys(err, errno, "cannot prepare " PROGRAM) : -1;

	char *const argv[] = { (char *)PROGRAM, (char *)"-f",	  (char *)"-o",
			       options.data,	mount_point.data, NULL };
	char *const env[] = { (char *)"PATH=/usr/local/bin:/usr/bin:/bin", (char *)"LANG=C.UTF-8",
			      NULL };

	if (chdir("/") == 0)
		execve(server->program, argv, env);
	err_sys(err, errno, "cannot execute '%s'", server->program);
	err_send(socket_fd, err);
	_exit(1);
}

/* Everything but the socket, the log and the three of /dev/null is closed. */
static void drop_descriptors(int *socket_fd, int *log_fd)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int above = *socket_fd > *log_fd ? *socket_fd + 1 : *log_fd + 1;

	if (above < 5)
		above = 5;
	*socket_fd = fcntl(*socket_fd, F_DUPFD_CLOEXEC, above);
	*log_fd = fcntl(*log_fd, F_DUPFD_CLOEXEC, above);
	for (int i = 0; null_fd >= 0 && i < 3; i++)
		dup2(null_fd, i);
	dup3(*socket_fd, 3, O_CLOEXEC);
	dup3(*log_fd, 4, O_CLOEXEC);
	*socket_fd = 3;
	*log_fd = 4;
	fd_close_from(5);
}

static int serve(struct server *server, int log_fd, struct err *err)
{
	int fuse_fd = -1;
	char byte;

	if (open_directories(server, err) < 0)
		return -1;
	if (!userns_is_inside() && userns_enter(server->maps, err) < 0)
		return -1;
	if (hide_colon(server, err) < 0)
		return -1;
	/* end of file: nobody wants the mount */
	if (fd_receive(server->socket_fd, &byte, 1, &fuse_fd, 1) != 1 || fuse_fd < 0)
		_exit(0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return exec_server(server, fuse_fd, log_fd, err);
}

static void __attribute__((noreturn)) run_server(struct server *server, int log_fd)
{
	struct err err;

	setsid();
	drop_descriptors(&server->socket_fd, &log_fd);
	serve(server, log_fd, &err);
	err_send(server->socket_fd, &err);
	_exit(1);
}

/* ---- the caller ---- */

/* Twice, so that it is nobody's child that must be waited for. Its process id, or -errno. */
static pid_t fork_server(struct server *server, int log_fd)
{
	cleanup_fd int read_fd = -1;
	cleanup_fd int write_fd = -1;
	pid_t server_pid = -1;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	read_fd = fds[0];
	write_fd = fds[1];

	pid_t pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		server_pid = fork();
		if (server_pid == 0)
			run_server(server, log_fd);
		_exit(fd_write_full(write_fd, &server_pid, sizeof(server_pid)) < 0);
	}
	fd_close(&write_fd);
	if (fd_read_full(read_fd, &server_pid, sizeof(server_pid)) != sizeof(server_pid) ||
	    server_pid < 0)
		server_pid = -EAGAIN;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return server_pid;
}

int rootfs_fuse_start(struct store *store, struct rootfs *rootfs, struct err *err)
{
	cleanup_free char *program = NULL;
	struct server server = { .rootfs = rootfs };
	cleanup_fd int mine_fd = -1;
	cleanup_fd int its_fd = -1;
	int fds[2];

	if (!rootfs_fuse_available(&program)) {
		err_set(err, ERR_UNSUPPORTED, "cannot use fuse-overlayfs: %s",
			access("/dev/fuse", R_OK | W_OK) < 0 ? "/dev/fuse cannot be opened"
							     : "it is not installed");
		return err_hint(err, "Install fuse-overlayfs and let the user open /dev/fuse.");
	}
	if (store_idmaps(store, &server.maps, err) < 0)
		return -1;
	rootfs->log_fd = make_log(err);
	if (rootfs->log_fd < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return err_sys(err, errno, "cannot make a socket");
	mine_fd = fds[0];
	its_fd = fds[1];
	server.program = program;
	server.socket_fd = its_fd;

	pid_t pid = fork_server(&server, rootfs->log_fd);
	if (pid < 0)
		return err_sys(err, -pid, "cannot start fuse-overlayfs");
	rootfs->server_pid = pid;
	rootfs->server_fd = TAKE_FD(mine_fd);
	return 0;
}

/* What errno says, and the last line that the server wrote. */
static int fail_server(const struct rootfs *rootfs, int errno_value, struct err *err)
{
	char text[LOG_BYTES + 1] = "";
	ssize_t length = pread(rootfs->log_fd, text, LOG_BYTES, 0);
	cleanup_strbuf struct strbuf line = STRBUF_INIT;
	const char *last;

	text[length > 0 ? length : 0] = '\0';
	for (char *end = text + strlen(text); end > text && end[-1] == '\n';)
		*--end = '\0';
	last = strrchr(text, '\n');
	last = last != NULL ? last + 1 : text;
	if (*last == '\0')
		return err_sys(err, errno_value, "cannot mount the layers with fuse-overlayfs");
	strbuf_add_escaped(&line, last);
	return err_sys(err, errno_value, "cannot mount the layers with fuse-overlayfs (%s)",
		       line.data);
}

static int make_mount(int fuse_fd, struct err *err)
{
	cleanup_fd int fs_fd = sys_fsopen("fuse", FSOPEN_CLOEXEC);
	char number[12];
	int mount_fd;

	snprintf(number, sizeof(number), "%d", fuse_fd);
	if (fs_fd < 0)
		return err_sys(err, errno, "cannot use FUSE");
	if (sys_fsconfig(fs_fd, FSCONFIG_SET_STRING, "source", "fuse-overlayfs", 0) < 0 ||
	    sys_fsconfig(fs_fd, FSCONFIG_SET_STRING, "fd", number, 0) < 0 ||
	    sys_fsconfig(fs_fd, FSCONFIG_SET_STRING, "rootmode", "40000", 0) < 0 ||
	    sys_fsconfig(fs_fd, FSCONFIG_SET_STRING, "user_id", "0", 0) < 0 ||
	    sys_fsconfig(fs_fd, FSCONFIG_SET_STRING, "group_id", "0", 0) < 0 ||
	    sys_fsconfig(fs_fd, FSCONFIG_SET_FLAG, "default_permissions", NULL, 0) < 0 ||
	    sys_fsconfig(fs_fd, FSCONFIG_SET_FLAG, "allow_other", NULL, 0) < 0 ||
	    sys_fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_sys(err, errno, "cannot make a FUSE mount");
	mount_fd = sys_fsmount(fs_fd, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOATIME);
	return mount_fd < 0 ? err_sys(err, errno, "cannot make a FUSE mount") : mount_fd;
}

int rootfs_fuse_mount(struct rootfs *rootfs, struct err *err)
{
	cleanup_fd int fuse_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	cleanup_fd int mount_fd = -1;
	struct err server_err;
	struct stat st;
	int status;

	if (fuse_fd < 0)
		return err_sys(err, errno, "cannot open '/dev/fuse'");
	mount_fd = make_mount(fuse_fd, err);
	if (mount_fd < 0)
		return -1;
	status = fd_send(rootfs->server_fd, "f", 1, &fuse_fd, 1);
	if (status < 0 && status != -EPIPE)
		return err_sys(err, -status, "cannot reach fuse-overlayfs");
	/* the mount must answer with an error, and not for ever wait, when the server dies */
	fd_close(&fuse_fd);

	status = err_receive(rootfs->server_fd, &server_err);
	if (status > 0) {
		*err = server_err;
		return err_wrap(err, "cannot start fuse-overlayfs");
	}
	if (status < 0)
		return err_sys(err, -status, "cannot start fuse-overlayfs");
	if (fstat(mount_fd, &st) < 0)
		return fail_server(rootfs, errno, err);
	return TAKE_FD(mount_fd);
}
