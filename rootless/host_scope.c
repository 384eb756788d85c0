/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootless/host_scope.c - ask the user's systemd for a scope, or to move a process
 *
 * Part of libexec/dhow/host. One call of StartTransientUnit on the user's bus makes a scope with Delegate=yes that the process is put into. systemd
 * moves it, even out of a login session, where the user may not move processes. The answer comes before the work is done, so the process's
 * cgroup is looked at until it is the scope.
 *
 * libsystemd is loaded on demand: only starts with this manager need it. Its functions are declared here, because its headers
 * need not be installed where dhow is built; they are stable since systemd 221.
 */
#include "rootless/cgroup_parts.h"
#include "rootless/host_ask.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/strbuf.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SYSTEMD_SERVICE	 "org.freedesktop.systemd1"
#define SYSTEMD_OBJECT	 "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER	 "org.freedesktop.systemd1.Manager"
#define CALL_TIMEOUT_US	 25000000ULL
#define ENTER_TIMEOUT_MS 5000
#define ENTER_LOOK_US	 20000ULL
#define KEEP_TIMEOUT_MS	 30000

struct sd_bus;
struct sd_bus_message;
/* the public layout of sd_bus_error */
struct bus_error {
	const char *name;
	const char *message;
	int need_free;
};

/* the functions of libsystemd that are used */
struct bus_library {
	int (*open_user)(struct sd_bus **ret);
	struct sd_bus *(*unref)(struct sd_bus *bus);
	int (*new_call)(struct sd_bus *bus, struct sd_bus_message **ret, const char *service,
			const char *object, const char *interface, const char *member);
	int (*append)(struct sd_bus_message *message, const char *types, ...);
	int (*open_container)(struct sd_bus_message *message, char type, const char *contents);
	int (*close_container)(struct sd_bus_message *message);
	int (*append_array)(struct sd_bus_message *message, char type, const void *data,
			    size_t size);
	int (*call)(struct sd_bus *bus, struct sd_bus_message *message, uint64_t timeout_us,
		    struct bus_error *error, struct sd_bus_message **reply);
	struct sd_bus_message *(*message_unref)(struct sd_bus_message *message);
	void (*error_free)(struct bus_error *error);
	int (*wait)(struct sd_bus *bus, uint64_t timeout_us);
	int (*process)(struct sd_bus *bus, struct sd_bus_message **ret);
};

/* name and place of a function */
struct bus_symbol {
	const char *name;
	size_t offset;
};
#define BUS_SYMBOL(symbol, member)                                                                 \
	{                                                                                          \
		symbol, offsetof(struct bus_library, member)                                       \
	}
static const struct bus_symbol bus_symbols[] = {
	BUS_SYMBOL("sd_bus_open_user", open_user),
	BUS_SYMBOL("sd_bus_unref", unref),
	BUS_SYMBOL("sd_bus_message_new_method_call", new_call),
	BUS_SYMBOL("sd_bus_message_append", append),
	BUS_SYMBOL("sd_bus_message_open_container", open_container),
	BUS_SYMBOL("sd_bus_message_close_container", close_container),
	BUS_SYMBOL("sd_bus_message_append_array", append_array),
	BUS_SYMBOL("sd_bus_call", call),
	BUS_SYMBOL("sd_bus_message_unref", message_unref),
	BUS_SYMBOL("sd_bus_error_free", error_free),
	BUS_SYMBOL("sd_bus_wait", wait),
	BUS_SYMBOL("sd_bus_process", process),
};

static int load_library(struct bus_library *bus, struct err *err)
{
	void *library = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);

	if (library == NULL) {
		err_set(err, ERR_UNAVAILABLE, "cannot ask systemd for a scope: %s", dlerror());
		return err_hint(err, "Install the package libsystemd0 (or systemd-libs), or use "
				     "--cgroup-manager=cgroupfs.");
	}
	for (size_t i = 0; i < ARRAY_SIZE(bus_symbols); i++) {
		void *symbol = dlsym(library, bus_symbols[i].name);

		if (symbol == NULL)
			return err_set(err, ERR_UNAVAILABLE,
				       "cannot ask systemd for a scope: libsystemd has no '%s'",
				       bus_symbols[i].name);
		/* copied as bytes: ISO C has no cast from an object to a function pointer */
		memcpy((char *)bus + bus_symbols[i].offset, &symbol, sizeof(symbol));
	}
	return 0;
}

/* what is wanted of systemd */
struct wish {
	const struct pid_list *pids;
	const char *unit;
	const char *slice; /* NULL: move the process to the cgroup below of the unit */
	const char *below;
};

/* The property (name, variant of an array of numbers). */
static int append_pids(const struct bus_library *bus, struct sd_bus_message *message,
		       const struct pid_list *pids)
{
	int r = bus->open_container(message, 'r', "sv");

	if (r >= 0)
		r = bus->append(message, "s", "PIDs");
	if (r >= 0)
		r = bus->open_container(message, 'v', "au");
	if (r >= 0)
		r = bus->append_array(message, 'u', pids->items,
				      pids->count * sizeof(*pids->items));
	if (r >= 0)
		r = bus->close_container(message);
	return r >= 0 ? bus->close_container(message) : r;
}

static int fill_call(const struct bus_library *bus, struct sd_bus_message *message,
		     const struct wish *wish)
{
	cleanup_free char *description = xasprintf("dhow container %s", wish->unit);
	int r = bus->append(message, "ss", wish->unit, "fail");

	if (r >= 0)
		r = bus->open_container(message, 'a', "(sv)");
	if (r >= 0)
		r = bus->append(message, "(sv)(sv)(sv)(sv)", "Description", "s", description,
				"Slice", "s", wish->slice, "Delegate", "b", 1, "CollectMode", "s",
				"inactive-or-failed");
	if (r >= 0)
		r = append_pids(bus, message, wish->pids);
	if (r >= 0)
		r = bus->close_container(message);
	/* the array of other units is empty */
	return r >= 0 ? bus->append(message, "a(sa(sv))", 0) : r;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int call_once(const struct bus_library *bus, struct sd_bus *connection,
		     const struct wish *wish, struct bus_error *error)
{
	struct sd_bus_message *message = NULL;
	struct sd_bus_message *reply = NULL;
	int r = bus->new_call(connection, &message, SYSTEMD_SERVICE, SYSTEMD_OBJECT,
			      SYSTEMD_MANAGER,
			      wish->slice != NULL ? "StartTransientUnit" : "AttachProcessesToUnit");

	if (r >= 0 && wish->slice != NULL)
		r = fill_call(bus, message, wish);
	else if (r >= 0)
		r = bus->append(message, "ssau", wish->unit, wish->below, 1, wish->pids->items[0]);
	if (r >= 0)
		r = bus->call(connection, message, CALL_TIMEOUT_US, error, &reply);
	bus->message_unref(reply);
	bus->message_unref(message);
	return r;
}

static int call_systemd(const struct bus_library *bus, struct sd_bus *connection,
			const struct wish *wish, struct err *err)
{
	struct bus_error error = { NULL, NULL, 0 };
	int64_t deadline = now_ms() + ENTER_TIMEOUT_MS;
	const char *unit = wish->unit;
	int r;

	/* the scope of a run that has just ended is there until systemd has seen that it is empty */
	for (;;) {
		r = call_once(bus, connection, wish, &error);
		if (r >= 0 || error.name == NULL || strstr(error.name, "UnitExists") == NULL ||
		    now_ms() > deadline)
			break;
		bus->error_free(&error);
		error = (struct bus_error){ NULL, NULL, 0 };
		usleep(ENTER_LOOK_US);
	}

	if (r < 0) {
		cleanup_strbuf struct strbuf said = STRBUF_INIT;
		bool nobody = error.name != NULL && (strstr(error.name, "ServiceUnknown") != NULL ||
						     strstr(error.name, "Spawn") != NULL);

		if (error.message != NULL)
			strbuf_add_escaped(&said, error.message);
		if (nobody)
			err_set(err, ERR_UNAVAILABLE, "cannot ask systemd for scope '%s': %s", unit,
				said.data);
		else if (said.length > 0)
			err_set(err, ERR_FAILED, "cannot %s '%s': systemd says: %s",
				wish->slice != NULL ? "make scope" : "move a process into", unit,
				said.data);
		else
			err_sys(err, -r, "cannot ask systemd for scope '%s'", unit);
	}
	bus->error_free(&error);
	return r < 0 ? -1 : 0;
}

/* The unit's cgroup when the process is in it, yours; ret_gone when there is no such process. */
static char *unit_path_of(pid_t pid, const char *unit, bool *ret_gone)
{
	cleanup_free char *ending = xasprintf("/%s", unit);
	/* one that keeps the scope goes on by itself */
	cleanup_free char *inner = xasprintf("/%s/" SCOPE_MONITOR, unit);
	cleanup_free char *own = cgroup_path_of(pid);

	*ret_gone = own == NULL;
	if (own != NULL && str_ends_with(own, inner))
		own[strlen(own) - strlen("/" SCOPE_MONITOR)] = '\0';
	return own != NULL && str_ends_with(own, ending) ? TAKE_PTR(own) : NULL;
}

/* systemd moves them one after the other, in any order, and until the last has come the scope cannot be divided. */
static char *all_entered(const struct pid_list *pids, const char *unit)
{
	char *path = NULL;

	for (size_t i = pids->count; i-- > 0;) {
		bool gone;

		free(path);
		path = unit_path_of((pid_t)pids->items[i], unit, &gone);
		if (path == NULL && (i == 0 || !gone))
			return NULL;
	}
	return path;
}

/* The unit's cgroup once all are in it; systemd's signals on the bus are the occasions to look. */
static char *wait_entered(const struct bus_library *bus, struct sd_bus *connection,
			  const struct pid_list *pids, const char *unit, struct err *err)
{
	int64_t deadline = now_ms() + ENTER_TIMEOUT_MS;

	do {
		char *path = all_entered(pids, unit);

		if (path != NULL)
			return path;
		while (bus->process(connection, NULL) > 0)
			;
		if (bus->wait(connection, ENTER_LOOK_US) < 0)
			break;
	} while (now_ms() < deadline);

	err_set(err, ERR_TIMEOUT, "could not enter scope '%s' within %d s", unit,
		ENTER_TIMEOUT_MS / 1000);
	err_hint(err, "`systemctl --user status %s` may tell why.", unit);
	return NULL;
}

static int open_bus(struct bus_library *bus, struct sd_bus **ret_connection, struct err *err)
{
	if (load_library(bus, err) < 0)
		return -1;

	int r = bus->open_user(ret_connection);
	if (r >= 0)
		return 0;
	err_sys(err, -r, "cannot reach the bus of the user's systemd");
	err->kind = ERR_UNAVAILABLE;
	return err_hint(err, "Log in through systemd, or use --cgroup-manager=cgroupfs.");
}

/*
 * A scope is made around a process. When nobody of ours shall be in it, a child is, beside the container's cgroup (a cgroup with controllers for its
 * children has no processes of its own), until there is somebody in that.
 */
static void __attribute__((noreturn)) keep_scope(const char *name)
{
	cleanup_free char *ending = xasprintf("/%s.scope", name);
	int64_t deadline = now_ms() + KEEP_TIMEOUT_MS;
	struct err ignored; /* nobody listens */
	cleanup_fd int root_fd = cgroup_root_fd(&ignored);
	cleanup_free char *own = NULL;
	struct cgroup container = CGROUP_INIT;

	for (; now_ms() < deadline; usleep(ENTER_LOOK_US)) {
		free(own);
		own = cgroup_own_path();
		if (own != NULL && str_ends_with(own, ending))
			break;
	}

	cleanup_free char *monitor = xasprintf("%s/" SCOPE_MONITOR, own + 1);
	cleanup_free char *procs = xasprintf("%s/cgroup.procs", monitor);
	cleanup_free char *child = xasprintf("%s/" SCOPE_CHILD, own);
	if (mkdirat(root_fd, monitor, 0755) == 0)
		fd_write_file(root_fd, procs, "0");
	for (; now_ms() < deadline; usleep(ENTER_LOOK_US)) {
		if (container.dir_fd < 0 && cgroup_open(child, &container, &ignored) <= 0)
			continue;
		if (cgroup_read_key(&container, "cgroup.events", "populated") == 1)
			break;
	}
	_exit(0);
}

static pid_t fork_keeper(const char *name)
{
	pid_t pid = fork();

	if (pid == 0) {
		/* whoever asked waits for the end of our output */
		close(STDOUT_FILENO);
		close_range(STDERR_FILENO + 1, ~0U, 0);
		keep_scope(name);
	}
	return pid;
}

char *host_scope(const struct pid_list *pids, const char *slice, const char *name, struct err *err)
{
	struct bus_library bus;
	struct sd_bus *connection = NULL;
	cleanup_free char *unit = xasprintf("%s.scope", name);
	uint32_t keeper = 0;
	const struct pid_list keepers = { &keeper, 1 };

	if (open_bus(&bus, &connection, err) < 0)
		return NULL;
	if (pids->items[0] == 0) {
		pid_t pid = fork_keeper(name);

		if (pid < 0) {
			err_sys(err, errno, "cannot start a process for scope '%s'", unit);
			return NULL;
		}
		keeper = (uint32_t)pid;
		pids = &keepers;
	}

	const struct wish wish = { .pids = pids, .unit = unit, .slice = slice };
	char *path = NULL;
	if (call_systemd(&bus, connection, &wish, err) == 0)
		path = wait_entered(&bus, connection, pids, unit, err);
	if (path == NULL && keeper > 0)
		kill((pid_t)keeper, SIGKILL);
	bus.unref(connection);
	return path;
}

int host_attach(pid_t pid, const char *unit, const char *below, struct err *err)
{
	uint32_t number = (uint32_t)pid;
	const struct pid_list pids = { &number, 1 };
	const struct wish wish = { .pids = &pids, .unit = unit, .below = below };
	struct bus_library bus;
	struct sd_bus *connection = NULL;

	if (open_bus(&bus, &connection, err) < 0)
		return -1;

	int status = call_systemd(&bus, connection, &wish, err);

	bus.unref(connection);
	return status;
}
