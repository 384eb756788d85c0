/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/builder_run.c - `builder run`, `builder copy` and `builder add`: steps in a working container
 */
#include "cli/builder.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "cli/rows.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void builder_output(void *arg, const char *text, size_t length, bool is_stderr)
{
	(void)arg;
	/* nobody reads any more: the step goes on */
	if (fd_write_full(is_stderr ? STDERR_FILENO : STDOUT_FILENO, text, length) < 0)
		return;
}

/* ---- run ---- */

struct run_opts {
	struct container_create_opts over; /* what `builder from` said, said anew */
	struct strv mounts;
	char *contextdir, *isolation;
	int terminal;
	bool add_history;
};

static void take_text(char **to, char **from)
{
	if (*from == NULL)
		return;
	free(*to);
	*to = TAKE_PTR(*from);
}

/* Single values replace, lists grow; a network replaces. */
static void merge(struct container_create_opts *opts, struct container_create_opts *over)
{
	take_text(&opts->user, &over->user);
	take_text(&opts->workdir, &over->workdir);
	take_text(&opts->hostname, &over->hostname);
	take_text(&opts->ipc, &over->ipc);
	take_text(&opts->pid, &over->pid);
	take_text(&opts->uts, &over->uts);
	take_text(&opts->cgroupns, &over->cgroupns);
	strv_add_all(&opts->env, &over->env);
	strv_add_all(&opts->volumes, &over->volumes);
	strv_add_all(&opts->mounts, &over->mounts);
	strv_add_all(&opts->devices, &over->devices);
	strv_add_all(&opts->cap_add, &over->cap_add);
	strv_add_all(&opts->cap_drop, &over->cap_drop);
	if (over->network.count > 0)
		strv_copy(&opts->network, &over->network);
	opts->no_hosts = over->no_hosts;
	opts->no_hostname = over->no_hostname;
}

static bool has_word(const struct strv *words, const char *name)
{
	for (size_t i = 0; i < words->count; i++) {
		const char *rest = str_after(words->items[i], name);

		if (rest != NULL && (*rest == '\0' || *rest == '='))
			return true;
	}
	return false;
}

/* A directory of the host is mounted as `run` does it, read-only unless asked otherwise; what only builds know goes to the step. */
static void sort_mounts(struct run_opts *opts, struct strv *of_step)
{
	for (size_t i = 0; i < opts->mounts.count; i++) {
		const char *text = opts->mounts.items[i];
		cleanup_strv struct strv words = STRV_INIT;
		bool bind, is_own;

		strv_split(&words, text, ',');
		bind = strv_contains(&words, "type=bind") || !has_word(&words, "type");
		is_own = strv_contains(&words, "type=cache") ||
			 strv_contains(&words, "type=secret") ||
			 strv_contains(&words, "type=ssh") || has_word(&words, "from") ||
			 (bind && opts->contextdir != NULL);
		if (is_own)
			strv_add(of_step, text);
		else if (bind && !has_word(&words, "rw") && !has_word(&words, "readwrite") &&
			 !has_word(&words, "ro") && !has_word(&words, "readonly"))
			strv_addf(&opts->over.mounts, "%s%s,ro",
				  has_word(&words, "type") ? "" : "type=bind,", text);
		else
			strv_add(&opts->over.mounts, text);
	}
}

static int run_run(struct cli *cli, void *opts_, const struct strv *args, struct err *err)
{
	struct run_opts *opts = opts_;
	cleanup_working struct working working = WORKING_INIT;
	cleanup_strv struct strv argv = STRV_INIT, mounts = STRV_INIT;
	struct builder_from_opts from = { 0 };
	bool terminal = opts->terminal != 0 && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	int status;

	for (size_t i = 1; i < args->count; i++)
		if (i > 1 || !str_equal(args->items[i], "--"))
			strv_add(&argv, args->items[i]);
	if (argv.count == 0)
		return err_set(err, ERR_USAGE, "a command to run is missing");
	if (opts->terminal > 0 && !terminal)
		return err_set(err, ERR_USAGE,
			       "--terminal: there is none: input and output are "
			       "to be a terminal");
	if (builder_check_isolation(opts->isolation, err) < 0 ||
	    working_open(cli->engine, args->items[0], &working, err) < 0)
		return -1;
	status = builder_read_from(working.container, &from, err);
	if (status == 0) {
		sort_mounts(opts, &mounts);
		merge(&from.create, &opts->over);
		const struct working_run run = {
			.step = { .context = opts->contextdir,
				  .add_history = opts->add_history,
				  .output = builder_output,
				  .warning = cli_warning },
			.opts = &from.create,
			.mounts = &mounts,
			.terminal = terminal,
			.interactive = true,
		};

		status = working_run(&working, &argv, &run, err);
		if (status > 0 && err->kind == ERR_FAILED)
			(void)cli_error(cli, err);
	}
	opts_release(builder_from_rows, &from);
	strv_release(&from.create.mounts);
	strv_release(&from.create.env);
	free(from.create.user);
	free(from.create.workdir);
	free(from.create.hostname);
	return status;
}

#define R struct run_opts
static const struct opt run_opts[] = {
	OPT_STRING(0, "user", R, over.user, "USER[:GROUP]", "run as this user"),
	OPT_STRING(0, "workingdir", R, over.workdir, "DIR", "run in this directory"),
	OPT_STRING(0, "hostname", R, over.hostname, "NAME", "host name"),
	OPT_LIST('e', "env", R, over.env, "NAME[=VALUE]", "set a variable, for this step only"),
	OPT_LIST('v', "volume", R, over.volumes, "DIR:TARGET[:OPTIONS]", "mount a directory"),
	OPT_LIST(0, "mount", R, mounts, "type=KIND,...",
		 "bind, tmpfs, cache; from=IMAGE: what is mounted is from there"),
	OPT_STRING(0, "contextdir", R, contextdir, "DIR", "sources of --mount are below it"),
	OPT_LIST(0, "device", R, over.devices, "HOST[:TARGET[:MODE]]", "add a device"),
	OPT_WORDS(0, "cap-add", R, over.cap_add, "CAPABILITY", "give it a capability"),
	OPT_WORDS(0, "cap-drop", R, over.cap_drop, "CAPABILITY", "take a capability from it"),
	OPT_LIST(0, "network", R, over.network, "MODE", "none, host, slirp4netns, private"),
	OPT_ALIAS("net", "network"),
	OPT_STRING(0, "cgroupns", R, over.cgroupns, "MODE", "cgroup namespace"),
	OPT_STRING(0, "ipc", R, over.ipc, "MODE", "IPC namespace"),
	OPT_STRING(0, "pid", R, over.pid, "MODE", "process namespace"),
	OPT_STRING(0, "uts", R, over.uts, "MODE", "host name namespace"),
	OPT_FLAG(0, "no-hosts", R, over.no_hosts, "keep the image's /etc/hosts"),
	OPT_FLAG(0, "no-hostname", R, over.no_hostname, "keep the image's /etc/hostname"),
	OPT_TRI('t', "terminal", R, terminal, "give it a terminal (when input and output are one)"),
	OPT_ALIAS("tty", "terminal"),
	OPT_FLAG(0, "add-history", R, add_history, "note it in the history of the image"),
	OPT_STRING(0, "isolation", R, isolation, "KIND",
		   "oci, rootless, default: a container (always)"),
	OPT_REFUSED(0, "no-pivot",
		    "the root is always changed: there is no other way that is safe"),
	OPT_REFUSED_VALUE(0, "runtime", "steps are run by dhow itself"),
	OPT_REFUSED_VALUE(0, "runtime-flag", "steps are run by dhow itself"),
	OPT_END
};

const struct cmd cmd_builder_run = {
	.paths = { "builder run" },
	.synopsis = "CONTAINER [--] COMMAND [ARG...]",
	.help = "Run a program in a working container",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = -1,
	.complete = COMPLETE_CONTAINERS,
	.complete_first_only = true,
	.needs = NEEDS_WRITING | NEEDS_SELF,
	.options_first = true,
	.opts = run_opts,
	.opts_size = sizeof(R),
	.defaults = &(const R){ .terminal = TRI_UNSET },
	.run = run_run,
};

/* ---- copy, add ---- */

struct copy_opts {
	struct image_pull_opts pull;
	struct strv exclude;
	char *chown, *chmod, *checksum, *contextdir, *from, *ignorefile, *timestamp;
	bool add_history, quiet, link, parents;
};

static int copy(struct cli *cli, const struct copy_opts *opts, const struct strv *args, bool is_add,
		struct err *err)
{
	cleanup_working struct working working = WORKING_INIT;
	cleanup_strv struct strv flags = STRV_INIT, words = STRV_INIT;
	const struct working_copy request = {
		.step = { .context = opts->contextdir,
			  .ignorefile = opts->ignorefile,
			  .add_history = opts->add_history,
			  .output = builder_output,
			  .warning = cli_warning },
		.is_add = is_add,
		.flags = &flags,
		.from = opts->from,
		.timestamp = opts->timestamp,
		.pull = &opts->pull,
	};
	const struct {
		const char *name, *value;
	} rows[] = { { "chown", opts->chown },
		     { "chmod", opts->chmod },
		     { "checksum", opts->checksum },
		     { "link", opts->link ? "true" : NULL },
		     { "parents", opts->parents ? "true" : NULL } };
	struct digest layer;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].value != NULL)
			strv_addf(&flags, "%s=%s", rows[i].name, rows[i].value);
	for (size_t i = 0; i < opts->exclude.count; i++)
		strv_addf(&flags, "exclude=%s", opts->exclude.items[i]);
	for (size_t i = 1; i < args->count; i++)
		strv_add(&words, args->items[i]);
	if (working_open(cli->engine, args->items[0], &working, err) < 0 ||
	    working_copy(&working, &words, &request, &layer, err) < 0)
		return -1;
	if (!opts->quiet && digest_is_set(&layer))
		(void)printf("%s\n", digest_hex(&layer));
	return 0;
}

static int copy_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	return copy(cli, opts, args, false, err);
}

static int add_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	return copy(cli, opts, args, true, err);
}

#define C struct copy_opts
static const struct opt common_rows[] = {
	OPT_STRING(0, "chown", C, chown, "USER[:GROUP]", "owner of what is copied (0:0)"),
	OPT_STRING(0, "chmod", C, chmod, "MODE", "mode of what is copied"),
	OPT_STRING(0, "from", C, from, "IMAGE", "copy from an image or a working container"),
	OPT_STRING(0, "contextdir", C, contextdir, "DIR", "sources are below this directory"),
	OPT_STRING(0, "ignorefile", C, ignorefile, "FILE", "what of --contextdir is left out"),
	OPT_LIST(0, "exclude", C, exclude, "PATTERN", "leave out what matches"),
	OPT_FLAG(0, "link", C, link, "do not look at what is there already"),
	OPT_STRING(0, "timestamp", C, timestamp, "SECONDS", "latest time of the files"),
	OPT_FLAG(0, "add-history", C, add_history, "note it in the history of the image"),
	OPT_FLAG('q', "quiet", C, quiet, "do not print the digest of what was copied"),
	OPT_INCLUDE(C, pull, struct image_pull_opts, registry_rows),
	OPT_REFUSED_VALUE(0, "decryption-key", BUILDER_NO_CRYPT),
	OPT_END
};

static const struct opt copy_rows[] = {
	OPT_ROWS(common_rows),
	OPT_FLAG(0, "parents", C, parents, "keep the directories of the sources"),
	OPT_REFUSED_VALUE(0, "checksum", "files have none: it is for what `builder add` fetches"),
	OPT_END
};

static const struct opt add_rows[] = {
	OPT_ROWS(common_rows),
	OPT_STRING(0, "checksum", C, checksum, "DIGEST", "of what is fetched: sha256:HEX"), OPT_END
};

const struct cmd cmd_builder_copy = {
	.paths = { "builder copy" },
	.synopsis = "CONTAINER SOURCE [SOURCE...] [TARGET]",
	.help = "Copy files into a working container",
	.section = SECTION_NONE,
	.min_args = 2,
	.max_args = -1,
	.complete = COMPLETE_COPY,
	.needs = NEEDS_WRITING | NEEDS_SELF,
	.opts = copy_rows,
	.opts_size = sizeof(C),
	.defaults = &(const C){ .pull = PULL_DEFAULTS },
	.run = copy_run,
};

const struct cmd cmd_builder_add = {
	.paths = { "builder add" },
	.synopsis = "CONTAINER SOURCE [SOURCE...] [TARGET]",
	.help = "Copy files, unpack archives, fetch URLs into a working container",
	.section = SECTION_NONE,
	.min_args = 2,
	.max_args = -1,
	.complete = COMPLETE_COPY,
	.needs = NEEDS_WRITING | NEEDS_SELF,
	.opts = add_rows,
	.opts_size = sizeof(C),
	.defaults = &(const C){ .pull = PULL_DEFAULTS },
	.run = add_run,
};
