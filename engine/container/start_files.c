/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/start_files.c - the files that a container gets from us, and the place of its log
 *
 * hosts, resolv.conf and hostname are in the container's directory and mounted from there by config.json. They are written anew by each
 * start, because addresses and the host's name servers change. Not by rename: a start that dies half way is followed by another one or by none.
 */
#include "engine/container/start.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "engine/container/record.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FILE_MODE 0644

static int write_file(struct start *start, const char *name, const struct strbuf *text,
		      struct err *err)
{
	cleanup_fd int fd =
		openat(start->container->dir_fd, name,
		       O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	int status;

	/* the container's users read it, whatever the caller's umask */
	if (fd < 0 || fchmod(fd, FILE_MODE) < 0)
		return err_sys(err, errno, "cannot make its file '%s'", name);
	status = fd_write_full(fd, text->data, text->length);
	if (status < 0)
		return err_sys(err, -status, "cannot write its file '%s'", name);
	return 0;
}

static int write_hosts(struct start *start, const json_t *network, const char *hostname,
		       struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_strv struct strv extra = STRV_INIT;
	cleanup_free char *host_gateway = network_host_gateway(&start->mode);
	const struct hosts_request request = {
		.hostname = hostname,
		.name = start->container->name,
		.address = network_address(&start->mode),
		.extra = &extra,
		.host_gateway = host_gateway,
		.base_path = json_get_string(network, NULL, KEY_HOSTS_FILE, NULL),
	};

	json_get_strv(network, KEY_ADD_HOSTS, &extra);
	if (hosts_file(&request, &text, err) < 0)
		return -1;
	return write_file(start, FILE_HOSTS, &text, err);
}

static int write_resolv(struct start *start, const json_t *network, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_strv struct strv servers = STRV_INIT;
	cleanup_strv struct strv searches = STRV_INIT;
	cleanup_strv struct strv options = STRV_INIT;
	const struct resolv_request request = {
		.servers = &servers,
		.searches = &searches,
		.options = &options,
		.mode = &start->mode,
	};

	json_get_strv(network, KEY_DNS, &servers);
	json_get_strv(network, KEY_DNS_SEARCH, &searches);
	json_get_strv(network, KEY_DNS_OPTIONS, &options);
	if (resolv_file(&request, &text, err) < 0)
		return -1;
	return write_file(start, FILE_RESOLV, &text, err);
}

int start_write_files(struct start *start, struct err *err)
{
	const json_t *network = json_object_get(start->container->create, KEY_NETWORK);
	const char *hostname = json_get_string(network, NULL, KEY_HOSTNAME, NULL);

	if (json_get_bool(network, false, KEY_HOSTS, NULL) &&
	    write_hosts(start, network, hostname, err) < 0)
		return -1;
	if (json_get_bool(network, false, KEY_RESOLV, NULL) &&
	    write_resolv(start, network, err) < 0)
		return -1;
	if (hostname != NULL) {
		cleanup_strbuf struct strbuf text = STRBUF_INIT;

		strbuf_addf(&text, "%s\n", hostname);
		if (write_file(start, FILE_HOSTNAME, &text, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- log ---- */

static const char *const log_driver_names[] = {
	[LOG_K8S_FILE] = "k8s-file",	   [LOG_JSON_FILE] = "json-file",
	[LOG_JOURNALD] = "journald",	   [LOG_NONE] = "none",
	[LOG_PASSTHROUGH] = "passthrough", [LOG_PASSTHROUGH_TTY] = "passthrough-tty",
};
NAME_TABLE(log_driver, LOG_DRIVER_COUNT)

/* The file that --log-opt path names: its directory must be there, and it must be possible to write. */
static int open_log_path(struct start *start, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *directory = NULL;

	if (slash == NULL || slash[1] == '\0')
		return err_set(err, ERR_USAGE, "its log path '%s' names no file", path);
	directory = slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
	start->log_dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (start->log_dir_fd < 0)
		return err_sys(err, errno, "cannot open the directory '%s' of its log", directory);
	start->log_name = xstrdup(slash + 1);

	cleanup_fd int fd = openat(start->log_dir_fd, start->log_name,
				   O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW |
					   O_NONBLOCK | O_NOCTTY,
				   0600);
	if (fd < 0)
		return err_sys(err, errno, "cannot write its log '%s'", path);
	return 0;
}

/* Each entry of the journal has what podman's has, so that the same `journalctl CONTAINER_NAME=web` finds it. */
static char *journal_fields(const struct container *container)
{
	const char *tag = json_get_string(container->create, NULL, KEY_LOG, KEY_TAG, NULL);
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	strbuf_addf(&text, "CONTAINER_ID=%.*s\nCONTAINER_ID_FULL=%s\nCONTAINER_NAME=%s\n",
		    OBJECT_ID_SHORT, container->id.text, container->id.text, container->name);
	if (tag != NULL)
		strbuf_addf(&text, "CONTAINER_TAG=%s\n", tag);
	strbuf_addf(&text, "SYSLOG_IDENTIFIER=%s\n", tag != NULL ? tag : container->name);
	return strbuf_take(&text);
}

static int open_journal(struct start *start, struct err *err)
{
	static const struct sockaddr_un address = { .sun_family = AF_UNIX,
						    .sun_path = MONITOR_JOURNAL_PATH };
	cleanup_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		err_sys(err, errno, "cannot write to the journal at '%s'", MONITOR_JOURNAL_PATH);
		return err_hint(err, "Is systemd-journald running? --log-driver k8s-file needs "
				     "nobody.");
	}
	start->log_dir_fd = TAKE_FD(fd);
	start->journal_fields = journal_fields(start->container);
	return 0;
}

int start_open_log(struct start *start, struct err *err)
{
	const json_t *log = json_object_get(start->container->create, KEY_LOG);
	const char *name = json_get_string(log, "k8s-file", KEY_DRIVER, NULL);
	const char *path = json_get_string(log, NULL, KEY_PATH, NULL);
	int driver = log_driver_parse(name);

	if (driver < 0)
		return err_set(err, ERR_CORRUPT, "its log driver '%s' is unknown", name);
	start->log_driver = (enum log_driver)driver;
	if (driver == LOG_JOURNALD)
		return open_journal(start, err);
	if (driver != LOG_K8S_FILE && driver != LOG_JSON_FILE)
		return 0;
	if (path != NULL)
		return open_log_path(start, path, err);
	/* the monitor has the container's directory anyway */
	start->log_name = xstrdup(FILE_LOG);
	return 0;
}
