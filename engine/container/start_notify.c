/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/container/start_notify.c - what a service manager has given us: the socket it listens to, and sockets that it has opened
 *
 * NOTIFY_SOCKET is the monitor's. With --sdnotify=container the container gets one of its own, in a directory that only holds
 * this; what it says there the monitor passes on. Sockets (LISTEN_FDS) are preserved descriptors and three variables.
 */
#include "engine/container/start.h"

#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "engine/container/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define NOTIFY_DIRECTORY "notify"
#define NOTIFY_NAME	 "notify.sock"
#define NOTIFY_INSIDE	 "/run/notify"

/* One variable of the program's environment, in place of what it was. */
static void set_env(json_t *config, const char *name, const char *value)
{
	json_t *process = json_object_get(config, "process");
	json_t *env = json_object_get(process, "env");
	cleanup_free char *word = xasprintf("%s=%s", name, value);
	size_t length = strlen(name) + 1;

	if (!json_is_array(env)) {
		env = json_array();
		json_put(process, "env", env);
	}
	for (size_t i = json_array_size(env); i-- > 0;) {
		const char *old = json_string_value(json_array_get(env, i));

		if (old != NULL && strncmp(old, word, length) == 0)
			json_array_remove(env, i);
	}
	json_array_append_new(env, json_string(word));
}

static int connect_manager(const char *path, struct start *start)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(path);
	cleanup_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (length >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
		return -EINVAL;
	memcpy(address.sun_path, path, length);
	if (path[0] == '@') /* an abstract one: its name has no end */
		address.sun_path[0] = '\0';
	if (connect(fd, (const struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) < 0)
		return -errno;
	start->notify_fd = TAKE_FD(fd);
	return 0;
}

static void mount_directory(struct start *start)
{
	json_t *mounts = json_object_get(start->config, "mounts"), *mount = json_object();
	static const char *const words[] = {
		"bind", "ro", "nosuid", "nodev", "noexec", "rprivate"
	};
	cleanup_free char *source = xasprintf("%s/" NOTIFY_DIRECTORY, start->run_path);
	json_t *options = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		json_array_append_new(options, json_string(words[i]));
	json_put_string(mount, "destination", NOTIFY_INSIDE);
	json_put_string(mount, "type", "bind");
	json_put_string(mount, "source", source);
	json_put(mount, "options", options);
	if (!json_is_array(mounts)) {
		mounts = json_array();
		json_put(start->config, "mounts", mounts);
	}
	json_array_append_new(mounts, mount);
}

static int listen_to_container(struct start *start, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char directory[PROC_FD_PATH_MAX];

	if (fd < 0)
		return err_sys(err, errno, "cannot make a socket");
	if (mkdirat(start->run_fd, NOTIFY_DIRECTORY, 0755) < 0 && errno != EEXIST)
		return err_sys(err, errno, "cannot make the directory of its notification socket");
	cleanup_fd int dir_fd = openat(start->run_fd, NOTIFY_DIRECTORY,
				       O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	/* whoever runs in the container may speak, whatever the caller's umask */
	if (dir_fd < 0 || fchmod(dir_fd, 0755) < 0 ||
	    (unlinkat(dir_fd, NOTIFY_NAME, 0) < 0 && errno != ENOENT))
		return err_sys(err, errno, "cannot make the directory of its notification socket");
	fd_proc_path(dir_fd, directory);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/" NOTIFY_NAME, directory);
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    fchmodat(dir_fd, NOTIFY_NAME, 0777, 0) < 0)
		return err_sys(err, errno, "cannot make its notification socket");
	mount_directory(start);
	set_env(start->config, "NOTIFY_SOCKET", NOTIFY_INSIDE "/" NOTIFY_NAME);
	start->notify_listen_fd = TAKE_FD(fd);
	return 0;
}

static void pass_sockets(struct start *start)
{
	cleanup_free char *count = xasprintf("%u", start->opts->listen_fd_count);

	set_env(start->config, "LISTEN_PID", "1");
	set_env(start->config, "LISTEN_FDS", count);
	if (start->opts->listen_fd_names != NULL)
		set_env(start->config, "LISTEN_FDNAMES", start->opts->listen_fd_names);
}

int start_open_notify(struct start *start, struct err *err)
{
	const char *mode =
		json_get_string(start->container->create, "container", KEY_SDNOTIFY, NULL);
	const char *path = getenv("NOTIFY_SOCKET");
	int status;

	if (start->opts->listen_fd_count > 0)
		pass_sockets(start);
	if (str_is_empty(path) || str_equal(mode, "ignore"))
		return 0;
	status = connect_manager(path, start);
	if (status < 0) {
		/* a shell that has inherited the variable of a service that is gone */
		engine_warn(start->engine,
			    "cannot talk to the service manager at NOTIFY_SOCKET '%s', ignoring: "
			    "%s",
			    path, strerror(-status));
		return 0;
	}
	if (str_equal(mode, "container")) {
		start->notify = NOTIFY_CONTAINER;
		return listen_to_container(start, err);
	}
	start->notify = str_equal(mode, "healthy") ? NOTIFY_HEALTHY : NOTIFY_STARTED;
	return 0;
}
