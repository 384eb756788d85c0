/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network/slirp.c - slirp4netns: a TCP/IP stack in a process of the user's, sandboxed (R24)
 *
 * Life: started when the maps of the container's user namespace are written, beside the mounts, or before there is a container. It opens
 * the namespaces, makes the tap device inside with address and, last, the default route, goes into its sandbox (own mount namespace with /etc
 * and /run only, seccomp, no capabilities), writes a byte to the ready descriptor, and serves until the exit descriptor has an event.
 *
 * Once the route is there, packets wait in the queue of the tap device for the helper to serve. So the program need not wait for the sandbox,
 * which is a third of the helper's start, unless ports are to be published: then all is awaited.
 *
 * Ports are asked for through its API socket, one connection for one request, answered while it does nothing else. The
 * socket is named through /proc/self/fd, because the path of a container's directory may exceed the 108 bytes of a socket address.
 *
 * A minimum version (R24) is demanded for free: --target-type came with 1.2.0, an older program refuses the option. Only then, when the
 * start has failed already, is it asked for its version. What it says goes into a memory file of fixed size: it logs
 * every request, and a container must not be able to fill anything by that.
 */
#include "network/driver.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SLIRP_PROGRAM	  "slirp4netns"
#define SLIRP_VERSION_MIN "1.2.0"
#define SLIRP_TAP	  "tap0"
#define SLIRP_SOCKET	  "slirp4netns.sock"
#define READY_TIMEOUT_MS  20000
#define API_TIMEOUT_MS	  10000
#define NAMESPACE_LOOK_MS 1
#define API_ANSWER_LIMIT  4096
#define SAID_BYTES	  4096
#define SAID_LINES_MAX	  3
#define VERSION_LIMIT	  1024

/* /proc/PID/net/route: a line an IPv4 route, with the default's destination */
#define ROUTE_FILE_LIMIT    65536
#define ROUTE_DEFAULT_START "\n" SLIRP_TAP "\t00000000\t"
#define ROUTE_LOOK_MS	    1

/* descriptors of the helper, in the order of keep_fds; the namespace's may be missing, the directory is the last */
enum { HELPER_READY_FD = 3, HELPER_EXIT_FD, HELPER_NETNS_FD };
#define HELPER_FDS_MAX 4

/* ---- start ---------------------------------------------------------------------------------------------------------- */

/* a file that can be written up to its size and no further */
static int said_file(struct err *err)
{
	cleanup_fd int fd = memfd_create("dhow-network", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, SAID_BYTES) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) < 0)
		return err_sys(err, errno, "cannot make a memory file for '%s'", SLIRP_PROGRAM);

	return TAKE_FD(fd);
}

static bool has_namespace_fds(const struct network_request *request)
{
	return request->userns_fd >= 0 && request->netns_fd >= 0;
}

static void build_argv(const struct network_request *request, struct strv *argv)
{
	int dir_fd = has_namespace_fds(request) ? HELPER_NETNS_FD + 1 : HELPER_EXIT_FD + 1;
	const struct network_mode *mode = request->mode;

	strv_add(argv, SLIRP_PROGRAM);
	strv_add(argv, "--configure");
	strv_addf(argv, "--mtu=%u", mode->mtu);
	strv_add(argv, "--enable-sandbox");
	strv_add(argv, "--enable-seccomp");
	strv_add(argv, "--target-type=netns");
	if (!mode->allow_host_loopback)
		strv_add(argv, "--disable-host-loopback");
	/* a kernel without IPv6 has no setting for the helper to write, and it would give up */
	if (mode->enable_ipv6 && access("/proc/sys/net/ipv6", F_OK) == 0)
		strv_add(argv, "--enable-ipv6");
	strv_addf(argv, "--cidr=%s", mode->cidr);
	if (mode->outbound_addr != NULL)
		strv_addf(argv, "--outbound-addr=%s", mode->outbound_addr);
	if (mode->outbound_addr6 != NULL)
		strv_addf(argv, "--outbound-addr6=%s", mode->outbound_addr6);
	strv_addf(argv, "--ready-fd=%d", HELPER_READY_FD);
	strv_addf(argv, "--exit-fd=%d", HELPER_EXIT_FD);
	if (request->ports->count > 0)
		strv_addf(argv, "--api-socket=/proc/self/fd/%d/%s", dir_fd, SLIRP_SOCKET);
	if (has_namespace_fds(request)) {
		strv_add(argv, "--netns-type=path");
		strv_addf(argv, "/proc/self/fd/%d", HELPER_NETNS_FD);
	} else {
		strv_addf(argv, "%d", request->pid);
	}
	strv_add(argv, SLIRP_TAP);
}

static int check_ports(const struct port_mappings *ports, struct err *err)
{
	for (size_t i = 0; i < ports->count; i++) {
		const struct port_mapping *port = &ports->items[i];

		if (port->protocol == PORT_SCTP)
			return err_set(err, ERR_UNSUPPORTED,
				       "cannot publish sctp port %u: slirp4netns forwards tcp and "
				       "udp only",
				       port->container_port);
		if (port->host_ip != NULL && strchr(port->host_ip, ':') != NULL) {
			err_set(err, ERR_UNSUPPORTED,
				"cannot publish port %u on '%s': slirp4netns forwards IPv4 "
				"addresses only",
				port->container_port, port->host_ip);
			return err_hint(err, "Publish it on an IPv4 address.");
		}
		if (port->host_port == 0)
			BUG("port %u has no host port", port->container_port);
	}
	return port_check_privilege(ports, err);
}

/*
 * The init may still be on its way into its network namespace: wait until it has one that is not ours. The helper would try to join
 * the host's, and fail.
 */
static int wait_namespace(pid_t pid, struct err *err)
{
	const struct timespec pause = { .tv_nsec = NAMESPACE_LOOK_MS * 1000000L };
	struct stat own, other;
	char path[sizeof("/proc//ns/net") + 11];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	if (stat("/proc/self/ns/net", &own) < 0)
		return err_sys(err, errno, "cannot inspect the network namespace of the host");

	for (int waited_ms = 0; waited_ms < READY_TIMEOUT_MS; waited_ms += NAMESPACE_LOOK_MS) {
		if (stat(path, &other) < 0) {
			if (errno == ENOENT || errno == ESRCH)
				return err_set(err, ERR_STATE,
					       "cannot start the network: the container has ended");
			/* it may not be looked at before its first instructions */
			if (errno != EACCES)
				return err_sys(
					err, errno,
					"cannot inspect the network namespace of the container");
		} else if (other.st_ino != own.st_ino || other.st_dev != own.st_dev) {
			return 0;
		}
		nanosleep(&pause, NULL);
	}
	return err_set(
		err, ERR_TIMEOUT,
		"cannot start the network: the container has no network namespace after %d s",
		READY_TIMEOUT_MS / 1000);
}

static int version_text(struct strbuf *text, struct err *err)
{
	cleanup_strv struct strv argv = STRV_INIT;
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct spawn spawn = SPAWN_INIT;
	int status;

	strv_add(&argv, SLIRP_PROGRAM);
	strv_add(&argv, "--version");
	spawn.path = SLIRP_PROGRAM;
	spawn.argv = &argv;
	if (process_run(&spawn, &out, NULL, &status, err) < 0)
		return -1;
	out.data[strcspn(out.data, "\n")] = '\0';
	strbuf_add_escaped(text, out.data);
	return 0;
}

static int missing(struct err *err)
{
	err_wrap(err, "cannot start the network");
	if (err->kind == ERR_UNSUPPORTED)
		err_hint(err, "Install the package slirp4netns, or use --network none or host.");
	return -1;
}

static int too_old(const char *version, struct err *err)
{
	err_set(err, ERR_UNSUPPORTED, "cannot start the network: '%s' is older than %s", version,
		SLIRP_VERSION_MIN);
	return err_hint(err, "Install slirp4netns %s or newer, or use --network none or host.",
			SLIRP_VERSION_MIN);
}

int network_probe(char **ret_version, struct err *err)
{
	cleanup_strbuf struct strbuf version = STRBUF_INIT;

	if (version_text(&version, err) < 0)
		return missing(err);

	/* "slirp4netns version 1.2.0": 0 and 1.0, 1.1 are too old */
	const char *number = strstr(version.data, "version ");

	number = number != NULL ? number + strlen("version ") : "";
	if (*number == '0' || str_after(number, "1.0") != NULL || str_after(number, "1.1") != NULL)
		return too_old(version.data, err);
	*ret_version = xstrdup(number);
	return 0;
}

static int slirp_start(const struct network_request *request, struct network_handle *handle,
		       struct err *err)
{
	cleanup_strv struct strv argv = STRV_INIT;
	cleanup_fd int ready_fd = -1;
	int pipe_fds[2];

	if (check_ports(request->ports, err) < 0)
		return -1;
	if (!has_namespace_fds(request) && wait_namespace(request->pid, err) < 0)
		return -1;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_sys(err, errno, "cannot make a pipe for '%s'", SLIRP_PROGRAM);

	handle->ready_fd = pipe_fds[0];
	ready_fd = pipe_fds[1];
	if (request->log_fd < 0) {
		handle->error_fd = said_file(err);
		if (handle->error_fd < 0)
			return -1;
	}
	if (request->ports->count > 0) {
		/* one of the last start may be left */
		unlinkat(request->run_dir_fd, SLIRP_SOCKET, 0);
		handle->api_path = xasprintf("%s/%s", request->run_dir_path, SLIRP_SOCKET);
	}

	build_argv(request, &argv);
	int keep_fds[HELPER_FDS_MAX] = { ready_fd, request->exit_fd };
	size_t keep_fd_count = 2;
	struct spawn spawn = SPAWN_INIT;

	if (has_namespace_fds(request)) {
		spawn.join_userns_fd = request->userns_fd;
		keep_fds[keep_fd_count++] = request->netns_fd;
	}
	if (request->ports->count > 0)
		keep_fds[keep_fd_count++] = request->run_dir_fd;
	spawn.path = SLIRP_PROGRAM;
	spawn.argv = &argv;
	spawn.stderr_fd = request->log_fd >= 0 ? request->log_fd : handle->error_fd;
	spawn.keep_fds = keep_fds;
	spawn.keep_fd_count = keep_fd_count;
	spawn.new_session = true;
	if (process_spawn(&spawn, &handle->helper, err) < 0)
		return missing(err);
	handle->helper_pid = handle->helper.pid;
	return 0;
}

/* ---- why it did not start --------------------------------------------------------------------------------------------- */

/* lines that it says on every start */
static bool is_noise(const char *line)
{
	static const char *const starts[] = {
		"sent tapfd",	  "received tapfd", "WARNING: Support for",
		"Starting slirp", "apifd event",    "api_handler:",
		"child failed",	  "parent failed",  "waitpid"
	};

	for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
		if (str_after(line, starts[i]) != NULL)
			return true;
	return *line == '\0' || *line == '*';
}

static void read_said(int error_fd, struct strbuf *out)
{
	char text[SAID_BYTES + 1];
	ssize_t size = error_fd >= 0 ? pread(error_fd, text, SAID_BYTES, 0) : 0;
	size_t used = 0;

	text[size > 0 ? size : 0] = '\0';
	cleanup_strv struct strv lines = STRV_INIT;
	strv_split(&lines, text, '\n');
	for (size_t i = 0; i < lines.count && used < SAID_LINES_MAX; i++) {
		if (is_noise(lines.items[i]))
			continue;
		if (used++ > 0)
			strbuf_adds(out, "; ");
		strbuf_add_escaped(out, lines.items[i]);
	}
}

static int explain_end(struct network_handle *handle, struct err *err)
{
	cleanup_strbuf struct strbuf said = STRBUF_INIT;

	read_said(handle->error_fd, &said);
	if (strstr(said.data, "unrecognized option") != NULL) {
		cleanup_strbuf struct strbuf version = STRBUF_INIT;
		struct err ignored; /* the version makes the message better, no more */

		if (version_text(&version, &ignored) < 0 || version.length == 0)
			strbuf_adds(&version, SLIRP_PROGRAM);
		return too_old(version.data, err);
	}

	err_set(err, ERR_FAILED, "cannot start the network: slirp4netns: %s",
		said.length > 0 ? said.data : "it ended before it was ready");
	if (strstr(said.data, "/dev/net/tun") != NULL || strstr(said.data, "TUNSETIFF") != NULL) {
		err->kind = ERR_UNSUPPORTED;
		return err_hint(
			err,
			"Run as root: modprobe tun; and see that /dev/net/tun may be opened by "
			"all users.");
	}
	if (strstr(said.data, "resolv.conf") != NULL)
		return err_hint(
			err, "/etc/resolv.conf must not lead to a place outside of /etc and /run.");
	return -1;
}

/* ---- ready ---------------------------------------------------------------------------------------------------------- */

static int not_ready(struct err *err)
{
	return err_set(err, ERR_TIMEOUT,
		       "cannot start the network: slirp4netns is not ready after %d s",
		       READY_TIMEOUT_MS / 1000);
}

/* The ready descriptor has something to read. */
static int take_ready(struct network_handle *handle, struct err *err)
{
	char byte;

	/* end of file: the helper was the only writer, and is gone */
	if (fd_read_full(handle->ready_fd, &byte, 1) != 1)
		return explain_end(handle, err);

	fd_close(&handle->ready_fd);
	return 0;
}

static int wait_ready(struct network_handle *handle, int ended_fd, struct err *err)
{
	struct pollfd poll_fds[] = { { .fd = handle->ready_fd, .events = POLLIN },
				     { .fd = ended_fd, .events = POLLIN } };
	int r;

	do
		r = poll(poll_fds, ARRAY_SIZE(poll_fds), READY_TIMEOUT_MS);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_sys(err, errno, "cannot wait for '%s'", SLIRP_PROGRAM);
	if (r == 0)
		return not_ready(err);
	/* it ends with those who need it, and then that is no failure */
	if (poll_fds[1].revents != 0)
		return 0;
	return take_ready(handle, err);
}

static bool has_route(pid_t pid)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	char path[sizeof("/proc//net/route") + 11];

	snprintf(path, sizeof(path), "/proc/%d/net/route", pid);
	return fd_read_file(AT_FDCWD, path, &text, ROUTE_FILE_LIMIT) == 0 && text.data != NULL &&
	       strstr(text.data, ROUTE_DEFAULT_START) != NULL;
}

static int wait_route(const struct network_request *request, struct network_handle *handle,
		      struct err *err)
{
	for (int waited_ms = 0; waited_ms < READY_TIMEOUT_MS; waited_ms += ROUTE_LOOK_MS) {
		if (has_route(request->pid))
			return 0;

		int r = fd_wait_readable(handle->ready_fd, ROUTE_LOOK_MS);
		if (r < 0)
			return err_sys(err, -r, "cannot wait for '%s'", SLIRP_PROGRAM);
		if (r > 0)
			return take_ready(handle, err);
	}
	return not_ready(err);
}

/* ---- ports ---------------------------------------------------------------------------------------------------------- */

static int api_connect(int run_dir_fd, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval timeout = { .tv_sec = API_TIMEOUT_MS / 1000 };
	cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_sys(err, errno, "cannot make a socket");

	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", run_dir_fd,
		 SLIRP_SOCKET);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (void *)&address, sizeof(address)) < 0)
		return err_sys(err, errno, "cannot reach slirp4netns to publish ports");

	return TAKE_FD(fd);
}

/* One request and its answer. 0 done, 1 refused, -1. */
static int api_add(int run_dir_fd, const struct port_mapping *port, uint16_t offset,
		   const char *guest_address, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_strbuf struct strbuf answer = STRBUF_INIT;
	cleanup_json json_t *request = json_object();
	json_t *arguments = json_object();

	json_put_string(request, "execute", "add_hostfwd");
	json_put_string(arguments, "proto", port_protocol_name((int)port->protocol));
	json_put_string(arguments, "host_addr", port->host_ip != NULL ? port->host_ip : "0.0.0.0");
	json_put_int(arguments, "host_port", port->host_port + offset);
	json_put_string(arguments, "guest_addr", guest_address);
	json_put_int(arguments, "guest_port", port->container_port + offset);
	json_put(request, "arguments", arguments);
	json_print(request, 0, &text);

	cleanup_fd int fd = api_connect(run_dir_fd, err);
	if (fd < 0)
		return -1;

	int r = fd_write_full(fd, text.data, text.length);
	if (r < 0)
		return err_sys(err, -r, "cannot ask slirp4netns to publish a port");
	if (shutdown(fd, SHUT_WR) < 0)
		return err_sys(err, errno, "cannot ask slirp4netns to publish a port");

	r = fd_read_all(fd, &answer, API_ANSWER_LIMIT);
	if (r < 0)
		return err_sys(err, r == -EAGAIN ? ETIMEDOUT : -r,
			       "cannot read the answer of slirp4netns");

	cleanup_json json_t *document =
		json_parse(answer.data, answer.length, "answer of slirp4netns", err);
	if (document == NULL)
		return -1;
	return json_at(document, "return", NULL) != NULL ? 0 : 1;
}

/* The helper does not tell the reason, so look for it. */
static int explain_refusal(const struct port_mapping *port, uint16_t offset, struct err *err)
{
	uint16_t host_port = (uint16_t)(port->host_port + offset);
	int r = port_try_bind(port->host_ip, host_port, port->protocol);

	if (r < 0)
		return port_explain(port, host_port, -r, err);

	/* it was somebody who has gone since, or a reason of the helper's own */
	err_set(err, ERR_UNAVAILABLE, "could not publish %s port %u on %s: slirp4netns refused it",
		port_protocol_name((int)port->protocol), host_port,
		port->host_ip != NULL ? port->host_ip : "0.0.0.0");
	return err_hint(err, "Try again; another program may have held the port for a moment.");
}

static int publish(const struct network_request *request, struct err *err)
{
	for (size_t i = 0; i < request->ports->count; i++) {
		const struct port_mapping *port = &request->ports->items[i];

		for (uint32_t offset = 0; offset < port->range; offset++) {
			int r = api_add(request->run_dir_fd, port, (uint16_t)offset,
					request->mode->address, err);

			if (r < 0)
				return -1;
			if (r > 0)
				return explain_refusal(port, (uint16_t)offset, err);
		}
	}
	return 0;
}

static int slirp_connect(const struct network_request *request, struct network_handle *handle,
			 struct err *err)
{
	/* without descriptors it comes back to /proc/PID for its sandbox; IPv6 addresses come by themselves, later than all this */
	if (request->ports->count == 0 && has_namespace_fds(request))
		return wait_route(request, handle, err);
	if (wait_ready(handle, -1, err) < 0)
		return -1;
	if (publish(request, err) < 0)
		return -1;

	/* nobody asks it anything any more: a socket in the file system would only be one more way in */
	if (handle->api_path != NULL)
		unlinkat(request->run_dir_fd, SLIRP_SOCKET, 0);
	return 0;
}

static int slirp_finish(const struct network_request *request, struct network_handle *handle,
			int ended_fd, struct err *err)
{
	return handle->ready_fd < 0 ? 0 : wait_ready(handle, ended_fd, err);
}

const struct network_driver network_driver_slirp = { slirp_start, slirp_connect, slirp_finish };
