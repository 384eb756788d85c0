/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/attach.c - `attach`, and the attached part of run and start
 */
#include "cli/attach.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "cli/select.h"

#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

int attach_stream_parse(const char *name)
{
	if (strcasecmp(name, "stdin") == 0)
		return ATTACH_STREAM_STDIN;
	if (strcasecmp(name, "stdout") == 0)
		return ATTACH_STREAM_STDOUT;
	return strcasecmp(name, "stderr") == 0 ? ATTACH_STREAM_STDERR : -1;
}

unsigned attach_streams(const struct strv *names, bool interactive)
{
	unsigned streams = 0;

	for (size_t i = 0; i < names->count; i++)
		streams |= (unsigned)attach_stream_parse(names->items[i]);
	if (names->count == 0)
		streams = ATTACH_STREAM_STDOUT | ATTACH_STREAM_STDERR;
	/* `-a stdin` does not open the container's stdin: -i does, and then it is meant */
	if (interactive && names->count == 0)
		streams |= ATTACH_STREAM_STDIN;
	return interactive ? streams : streams & ~(unsigned)ATTACH_STREAM_STDIN;
}

/* Size of the terminal that this process has, zeros without one. */
static void terminal_size(uint16_t *rows, uint16_t *columns)
{
	static const int fds[] = { STDOUT_FILENO, STDIN_FILENO, STDERR_FILENO };
	struct winsize size;

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		if (ioctl(fds[i], TIOCGWINSZ, &size) == 0 && size.ws_row > 0) {
			*rows = size.ws_row;
			*columns = size.ws_col;
			return;
		}
	}
	*rows = 0;
	*columns = 0;
}

int attach_running(struct cli *cli, struct container *container, struct attach_session *session,
		   int connection_fd, struct err *err)
{
	const struct container_attach_opts opts = {
		.connection_fd = connection_fd,
		.stdin_on = session->streams & ATTACH_STREAM_STDIN,
		.stdout_on = session->streams & ATTACH_STREAM_STDOUT,
		.stderr_on = session->streams & ATTACH_STREAM_STDERR,
		.sig_proxy = session->sig_proxy,
		.detach_keys = session->detach_keys,
		.terminal = session->terminal,
		.cleanup = session->cleanup,
	};
	int32_t exit_code = 0;

	switch (container_attach(cli->engine, container, &opts, &exit_code, err)) {
	case ATTACH_ENDED:
		return exit_code & 0xff;
	case ATTACH_DETACHED:
		session->detached = true;
		return 0;
	case ATTACH_BROKEN:
		return err_set(err, ERR_FAILED,
			       "lost the connection to container '%s': its monitor was killed",
			       container->name != NULL ? container->name : container->id.text);
	default:
		return -1;
	}
}

int attach_start(struct cli *cli, struct container *container, struct attach_session *session,
		 struct err *err)
{
	struct container_start_opts start = {
		.attach = true,
		.attach_stdin = session->streams & ATTACH_STREAM_STDIN,
		.attach_stdout = session->streams & ATTACH_STREAM_STDOUT,
		.attach_stderr = session->streams & ATTACH_STREAM_STDERR,
		.preserved_fds = session->preserved_fds,
		.preserved_fd_count = session->preserved_fd_count,
		.preserve_numbers = session->preserve_numbers,
		.listen_fd_count = session->listen_fd_count,
		.listen_fd_names = session->listen_fd_names,
	};
	int connection_fd = -1;

	if (session->terminal) {
		terminal_size(&start.rows, &start.columns);
		if ((session->streams & ATTACH_STREAM_STDIN) && !isatty(STDIN_FILENO))
			engine_warn(cli->engine,
				    "the input is not a terminal: --tty and --interactive may not "
				    "work as expected");
	}
	if (container_start(cli->engine, container, &start, &connection_fd, err) < 0)
		return -1;
	/* container_attach() owns the connection from here on */
	return attach_running(cli, container, session, connection_fd, err);
}

struct attach_opts {
	bool latest, no_stdin;
	char *detach_keys;
	int sig_proxy;
};

static int attach_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct attach_opts *opts = opts_;
	cleanup_container struct container *container = NULL;

	if (select_one(cli, args, opts->latest, &container, err) < 0)
		return -1;
	if (container->state.status != CONTAINER_RUNNING)
		return err_set(err, ERR_STATE,
			       "you can only attach to running containers: container '%s' is %s",
			       args->count > 0 ? args->items[0] : container->name,
			       container_state_name(&container->state));

	struct attach_session session = {
		.streams = ATTACH_STREAM_STDOUT | ATTACH_STREAM_STDERR,
		.terminal = container->terminal,
		.sig_proxy = opts->sig_proxy != 0,
		.detach_keys = opts->detach_keys,
	};

	if (container->interactive && !opts->no_stdin)
		session.streams |= ATTACH_STREAM_STDIN;
	return attach_running(cli, container, &session, -1, err);
}

static const struct opt attach_opts[] = {
	OPT_FLAG('l', "latest", struct attach_opts, latest, "the container created last"),
	OPT_FLAG(0, "no-stdin", struct attach_opts, no_stdin, "do not pass stdin on"),
	OPT_STRING(0, "detach-keys", struct attach_opts, detach_keys, "KEYS",
		   "keys that detach (ctrl-p,ctrl-q)"),
	OPT_TRI(0, "sig-proxy", struct attach_opts, sig_proxy, "pass signals on to the program"),
	OPT_END
};

const struct cmd cmd_attach = {
	.paths = { "attach", "container attach" },
	.synopsis = "CONTAINER",
	.help = "Attach to a running container",
	.section = SECTION_RUN,
	.max_args = 1,
	.complete = COMPLETE_RUNNING,
	.needs = NEEDS_WRITING,
	.opts = attach_opts,
	.opts_size = sizeof(struct attach_opts),
	.defaults = &(const struct attach_opts){ .sig_proxy = 1 },
	.run = attach_run,
};
