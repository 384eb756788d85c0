/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootless/host_scope.c - ask the user's systemd for a scope
 *
 * Part of libexec/dhow/host. One call of StartTransientUnit on the user's bus: a scope with Delegate=yes that the process is put into. systemd
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
#include "base/strbuf.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SYSTEMD_SERVICE	 "org.freedesktop.systemd1"
#define SYSTEMD_OBJECT	 "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER	 "org.freedesktop.systemd1.Manager"
#define CALL_TIMEOUT_US	 25000000ULL
#define ENTER_TIMEOUT_MS 5000
#define ENTER_LOOK_US	 20000ULL
#define SCOPE_PROPERTIES 5

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

static int fill_call(const struct bus_library *bus, struct sd_bus_message *message, pid_t pid,
		     const char *unit, const char *slice)
{
	cleanup_free char *description = xasprintf("dhow container %s", unit);

	/* properties are (name, variant); the last array, of other units, is empty */
	return bus->append(message, "ssa(sv)a(sa(sv))", unit, "fail", SCOPE_PROPERTIES,
			   "Description", "s", description, "Slice", "s", slice, "Delegate", "b", 1,
			   "CollectMode", "s", "inactive-or-failed", "PIDs", "au", 1, (uint32_t)pid,
			   0);
}

static int call_systemd(const struct bus_library *bus, struct sd_bus *connection, pid_t pid,
			const char *unit, const char *slice, struct err *err)
{
	struct sd_bus_message *message = NULL;
	struct sd_bus_message *reply = NULL;
	struct bus_error error = { NULL, NULL, 0 };

	int r = bus->new_call(connection, &message, SYSTEMD_SERVICE, SYSTEMD_OBJECT,
			      SYSTEMD_MANAGER, "StartTransientUnit");
	if (r >= 0)
		r = fill_call(bus, message, pid, unit, slice);
	if (r >= 0)
		r = bus->call(connection, message, CALL_TIMEOUT_US, &error, &reply);

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
			err_set(err, ERR_FAILED, "cannot make scope '%s': systemd says: %s", unit,
				said.data);
		else
			err_sys(err, -r, "cannot ask systemd for scope '%s'", unit);
	}
	bus->error_free(&error);
	bus->message_unref(reply);
	bus->message_unref(message);
	return r < 0 ? -1 : 0;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The process's cgroup once it is the unit's; systemd's signals on the bus are the occasions to look. */
static char *wait_entered(const struct bus_library *bus, struct sd_bus *connection, pid_t pid,
			  const char *unit, struct err *err)
{
	cleanup_free char *ending = xasprintf("/%s", unit);
	int64_t deadline = now_ms() + ENTER_TIMEOUT_MS;

	do {
		cleanup_free char *own = cgroup_path_of(pid);

		if (own != NULL && str_ends_with(own, ending))
			return TAKE_PTR(own);
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

char *host_scope(pid_t pid, const char *slice, const char *name, struct err *err)
{
	struct bus_library bus;
	struct sd_bus *connection = NULL;
	cleanup_free char *unit = xasprintf("%s.scope", name);

	if (load_library(&bus, err) < 0)
		return NULL;

	int r = bus.open_user(&connection);
	if (r < 0) {
		err_sys(err, -r, "cannot reach the bus of the user's systemd");
		err->kind = ERR_UNAVAILABLE;
		err_hint(err, "Log in through systemd, or use --cgroup-manager=cgroupfs.");
		return NULL;
	}

	char *path = NULL;
	if (call_systemd(&bus, connection, pid, unit, slice, err) == 0)
		path = wait_entered(&bus, connection, pid, unit, err);
	bus.unref(connection);
	return path;
}
