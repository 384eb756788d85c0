/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rootless/host_ask.c - run libexec/dhow/host and take its answer
 *
 * The answer is its standard output; a failure comes as struct err on descriptor 3.
 */
#include "rootless/host_ask.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "base/strv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* what libraries of the host look at: the user's bus, and where NSS's helpers are found */
static void host_environment(struct strv *env)
{
	static const char *const names[] = { "PATH", "HOME", "USER", "XDG_RUNTIME_DIR",
					     "DBUS_SESSION_BUS_ADDRESS" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = getenv(names[i]);

		if (value != NULL)
			strv_addf(env, "%s=%s", names[i], value);
	}
	strv_add(env, "LANG=C.UTF-8");
}

int host_ask(const struct strv *words, struct strbuf *answer, struct err *err)
{
	cleanup_free char *program = xasprintf("%s/host", process_libexec_dir());
	cleanup_strv struct strv argv = STRV_INIT;
	cleanup_strv struct strv env = STRV_INIT;
	cleanup_fd int read_fd = -1;
	cleanup_fd int write_fd = -1;
	struct err told = { 0 };
	int fds[2];
	int status;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, errno, "cannot make a pipe");
	read_fd = fds[0];
	write_fd = fds[1];
	strv_add(&argv, "dhow-host");
	strv_add_all(&argv, words);
	host_environment(&env);

	struct spawn spawn = SPAWN_INIT;
	spawn.path = program;
	spawn.argv = &argv;
	spawn.env = &env;
	spawn.keep_fds = &write_fd;
	spawn.keep_fd_count = 1;
	spawn.stderr_fd = STDERR_FILENO;
	spawn.death_signal = SIGKILL;
	if (process_run(&spawn, answer, NULL, &status, err) < 0) {
		if (err->kind == ERR_UNSUPPORTED)
			err->kind = ERR_UNAVAILABLE;
		return -1;
	}
	fd_close(&write_fd);
	if (err_receive(read_fd, &told) == 1) {
		*err = told;
		return -1;
	}
	if (status != 0)
		return err_set(err, ERR_UNAVAILABLE, "'%s %s' ended with status %d", program,
			       words->items[0], status);
	return 0;
}
