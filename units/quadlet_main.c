/* SPDX-License-Identifier: Apache-2.0 */
/*
 * units/quadlet_main.c - libexec/dhow/quadlet: the generator that systemd calls
 *
 *	quadlet [-user] [-dryrun] [-v] [-no-kmsg-log] [-version] NORMAL-DIR [EARLY-DIR LATE-DIR]
 *
 * systemd starts it at boot, at login and at daemon-reload, and reads what it wrote into NORMAL-DIR. A broken unit is reported and
 * left out; the others are made, and the exit status is 1. With -dryrun the services are printed, and nothing is written.
 */
#include "units/quadlet.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct generator {
	bool user, dry_run, verbose, no_kernel_log;
	const char *dir;
	int dir_fd, log_fd;
	bool failed;
};

/* ---- messages --------------------------------------------------------------------------------------------------------- */

static void say(const struct generator *generator, const char *text)
{
	cleanup_strbuf struct strbuf line = STRBUF_INIT;

	strbuf_addf(&line, "dhow-quadlet[%d]: %s\n", (int)getpid(), text);
	(void)fd_write_full(STDERR_FILENO, line.data, line.length);
	if (generator->log_fd >= 0)
		(void)fd_write_full(generator->log_fd, line.data, line.length);
}

static void report(void *arg, const struct unit_problem *problem)
{
	struct generator *generator = arg;
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (problem->level != UNIT_ERROR)
		strbuf_adds(&text, "Warning: ");
	unit_problem_place(problem, &text);
	strbuf_add_escaped(&text, problem->text);
	say(generator, text.data);
	generator->failed |= problem->level == UNIT_ERROR;
}

static void fail(struct generator *generator, const char *what, const char *path, int errno_value)
{
	cleanup_free char *text = xasprintf("%s '%s': %s", what, path, strerror(errno_value));

	say(generator, text);
	generator->failed = true;
}

/* ---- writing ---------------------------------------------------------------------------------------------------------- */

static void add_link(void *arg, const char *path, const char *target)
{
	struct generator *generator = arg;
	const char *slash = strchr(path, '/');
	cleanup_free char *dir = slash != NULL ? xstrndup(path, (size_t)(slash - path)) : NULL;
	int status = symlinkat(target, generator->dir_fd, path);

	if (status < 0 && errno == ENOENT && dir != NULL) {
		status = mkdirat(generator->dir_fd, dir, 0755);
		if (status == 0)
			status = symlinkat(target, generator->dir_fd, path);
	} else if (status < 0 && errno == EEXIST) {
		(void)unlinkat(generator->dir_fd, path, 0);
		status = symlinkat(target, generator->dir_fd, path);
	}
	if (status < 0)
		fail(generator, "cannot make the link", path, errno);
}

static void write_service(struct generator *generator, const struct quadlet *quadlet,
			  const struct strbuf *text)
{
	cleanup_fd int fd = openat(generator->dir_fd, quadlet->service,
				   O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	int status = fd < 0 ? -errno : fd_write_full(fd, text->data, text->length);

	if (status < 0)
		fail(generator, "cannot write the unit", quadlet->service, -status);
	else
		quadlet_links(quadlet, add_link, generator);
}

static void make(struct generator *generator, struct quadlet_set *set, struct quadlet *quadlet)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (quadlet_convert(set, quadlet) < 0)
		return;
	if (generator->dry_run)
		(void)printf("---%s---\n", quadlet->service);
	strbuf_addf(&text, "# Made by dhow from %s\n\n", quadlet->path);
	unit_print(&quadlet->made, &text);
	if (generator->verbose) {
		cleanup_free char *line = xasprintf("%s makes %s", quadlet->path, quadlet->service);

		say(generator, line);
	}
	if (generator->dry_run)
		(void)printf("%s\n", text.data);
	else
		write_service(generator, quadlet, &text);
	/* memory that the next one uses again costs less than new one */
	unit_release(&quadlet->made);
	strv_release(&quadlet->words);
}

/* ---- the call --------------------------------------------------------------------------------------------------------- */

/* Options as the generator of podman has them: with one dash or two. */
static int read_words(struct generator *generator, int argc, char **argv)
{
	int i = 1;

	for (; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++) {
		const char *word = argv[i] + 1 + (argv[i][1] == '-');

		if (str_equal(word, "user")) {
			generator->user = true;
		} else if (str_equal(word, "dryrun")) {
			generator->dry_run = true;
		} else if (str_equal(word, "v")) {
			generator->verbose = true;
		} else if (str_equal(word, "no-kmsg-log")) {
			generator->no_kernel_log = true;
		} else if (str_equal(word, "version")) {
			(void)puts(DHOW_VERSION);
			return 1;
		} else if (str_equal(word, "h") || str_equal(word, "help")) {
			(void)puts(
				"usage: quadlet [-user] [-dryrun] [-v] [-no-kmsg-log] [-version] "
				"DIR [EARLY-DIR LATE-DIR]");
			return 1;
		} else {
			cleanup_free char *text = xasprintf("unknown option '%s'", argv[i]);

			say(generator, text);
			return -1;
		}
	}
	generator->dir = i < argc ? argv[i] : NULL;
	if (generator->dir == NULL && !generator->dry_run) {
		say(generator, "the folder for units is missing: quadlet [-user] DIR, or -dryrun");
		return -1;
	}
	return 0;
}

/* dhow stands two folders above this program, or in bin/ there: build/libexec/dhow/quadlet, /usr/libexec/dhow/quadlet. */
static char *find_program(void)
{
	char own[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);
	const char *asked = getenv("PODMAN");

	/* units of podman may be tried with the one or the other by this variable */
	if (asked != NULL && asked[0] == '/')
		return xstrdup(asked);
	for (int i = 0; length > 0 && i < 3; i++) {
		while (length > 1 && own[length - 1] != '/')
			length--;
		length -= length > 1;
	}
	if (length > 0) {
		static const char *const places[] = { "/bin/dhow", "/dhow" };

		for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
			cleanup_free char *path =
				xasprintf("%.*s%s", length == 1 ? 0 : (int)length, own, places[i]);

			if (access(path, X_OK) == 0)
				return TAKE_PTR(path);
		}
	}
	return xstrdup("/usr/bin/dhow");
}

int main(int argc, char **argv)
{
	struct generator generator = { .dir_fd = -1, .log_fd = -1 };
	cleanup_free char *program = find_program();
	struct quadlet_set set = { .program = program, .report = report, .arg = &generator };

	(void)fd_ensure_stdio();

	/* systemd gives it no options: .../user-generators/dhow-user-generator */
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;

	generator.user = slash != NULL && strstr(slash, "user") != NULL;

	int status = read_words(&generator, argc, argv);

	if (status != 0)
		return status < 0;
	/* at boot nobody reads stderr yet */
	if (!generator.user && !generator.dry_run && !generator.no_kernel_log)
		generator.log_fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (!generator.dry_run) {
		generator.dir_fd = open(generator.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (generator.dir_fd < 0) {
			fail(&generator, "cannot open the folder", generator.dir, errno);
			return 1;
		}
	}
	set.user = generator.user;
	quadlet_dirs(generator.user, &set.dirs);
	quadlet_load(&set);
	quadlet_resolve(&set);
	for (size_t i = 0; i < set.count; i++)
		make(&generator, &set, set.items[i]);
	quadlet_set_release(&set);
	fd_close(&generator.dir_fd);
	fd_close(&generator.log_fd);
	return generator.failed || fflush(stdout) != 0;
}
