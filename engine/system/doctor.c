/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/system/doctor.c - the doctor: all checks in the order of a start, and a start at the end
 */
#include "engine/system/doctor_private.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "engine/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUN_AS_ROOT "Run as root: "

static const char *const doctor_level_names[] = {
	[DOCTOR_OK] = "ok",
	[DOCTOR_NOTE] = "note",
	[DOCTOR_WARN] = "warn",
	[DOCTOR_FAIL] = "fail",
};
NAME_TABLE(doctor_level, DOCTOR_LEVEL_COUNT)

void doctor_tell(struct doctor *doctor, enum doctor_level level, const char *check,
		 const char *cure, const char *format, ...)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	va_list args;

	va_start(args, format);
	strbuf_vaddf(&text, format, args);
	va_end(args);

	const struct doctor_finding finding = { level, check, text.data, cure };

	if (level > doctor->worst)
		doctor->worst = level;
	doctor->report(doctor->arg, &finding);
}

/* A hint that is a command for root is one to be typed. Yours. */
static char *cure_of(const char *hint)
{
	const char *command = str_after(hint, RUN_AS_ROOT);

	return command != NULL ? xasprintf("sudo %s", command) : xstrdup(hint);
}

void doctor_tell_err(struct doctor *doctor, enum doctor_level level, const char *check,
		     const struct err *err)
{
	cleanup_free char *cure = cure_of(err->hint);

	doctor_tell(doctor, level, check, cure, "%s", err->msg);
}

char *doctor_version(const char *program)
{
	cleanup_strv struct strv argv = STRV_INIT;
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	cleanup_strbuf struct strbuf complaint = STRBUF_INIT;
	cleanup_strbuf struct strbuf line = STRBUF_INIT;
	struct spawn spawn = SPAWN_INIT;
	struct err ignored; /* then it is not there */
	int status;

	strv_add(&argv, program);
	strv_add(&argv, "--version");
	spawn.path = program;
	spawn.argv = &argv;
	if (process_run(&spawn, &out, &complaint, &status, &ignored) < 0)
		return NULL;

	/* what it is built on may come first; a program's own line has its name, with the first letter of any case */
	const char *own = strstr(out.data, program + 1);
	const char *start = own != NULL ? own - 1 : out.data;
	cleanup_free char *first = xstrndup(start, strcspn(start, "\n"));

	strbuf_add_escaped(&line, first);
	return xstrdup(line.data);
}

/* ---- our own programs ------------------------------------------------------------------------------------------------- */

static void check_programs(struct doctor *doctor)
{
	static const char *const names[] = { "monitor", "transfer", "host", "init" };
	cleanup_strbuf struct strbuf missing = STRBUF_INIT;
	const char *dir = process_libexec_dir();

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		cleanup_free char *path = xasprintf("%s/%s", dir, names[i]);

		if (access(path, X_OK) < 0)
			strbuf_addf(&missing, "%s'%s'", missing.length > 0 ? ", " : "", path);
	}
	if (missing.length > 0)
		doctor_tell(doctor, DOCTOR_FAIL, "programs", "Install dhow again.",
			    "helpers of dhow are missing or cannot be executed: %s", missing.data);
	else
		doctor_tell(doctor, DOCTOR_OK, "programs", "", "helpers are in '%s'", dir);
}

/* ---- configuration ------------------------------------------------------------------------------------------------------ */

static void tell_config(void *arg, const struct config_finding *finding)
{
	struct doctor *doctor = arg;
	char line[16] = "";

	if (finding->line > 0)
		snprintf(line, sizeof(line), ":%u", finding->line);
	/* a broken file stops pulls, and what is pulled already runs */
	doctor_tell(doctor, finding->warning ? DOCTOR_NOTE : DOCTOR_WARN, "configuration",
		    finding->hint, "%s%s: %s", finding->file, line, finding->text);
}

static void check_config(struct doctor *doctor)
{
	const struct config_check check = { .report = tell_config, .arg = doctor };

	if (config_check_all(&check) == 0)
		doctor_tell(doctor, DOCTOR_OK, "configuration", "",
			    "registries, policy and credentials can be read");
}

/* ---- a start ------------------------------------------------------------------------------------------------------------ */

/* `dhow run` in a directory with nothing in it but ourselves; what it says on stderr is appended. Exit status, or -1. */
static int start_container(struct doctor *doctor, const char *root, const char *network,
			   struct strbuf *said)
{
	static const char self[] = "/proc/self/exe";
	cleanup_strv struct strv argv = STRV_INIT;
	cleanup_strv struct strv env = STRV_INIT;
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	struct spawn spawn = SPAWN_INIT;
	char program[4096];
	ssize_t length = readlink(self, program, sizeof(program) - 1);
	struct err err;
	int status;

	if (length <= 0)
		return -1;
	program[length] = '\0';
	strv_add(&argv, "dhow");
	if (doctor->options->root != NULL)
		strv_addf(&argv, "--root=%s", doctor->options->root);
	if (doctor->options->run_root != NULL)
		strv_addf(&argv, "--runroot=%s", doctor->options->run_root);
	strv_add(&argv, "run");
	strv_add(&argv, "--rm");
	strv_addf(&argv, "--network=%s", network);
	strv_addf(&argv, "--volume=%s:/dhow:ro", program);
	strv_add(&argv, "--rootfs");
	strv_add(&argv, root);
	strv_add(&argv, "/dhow");
	strv_add(&argv, "--version");
	for (char **item = environ; *item != NULL; item++)
		strv_add(&env, *item);
	spawn.path = program;
	spawn.argv = &argv;
	spawn.env = &env;
	if (process_run(&spawn, &out, said, &status, &err) < 0) {
		strbuf_adds(said, err.msg);
		return -1;
	}
	return status;
}

static void tell_start(struct doctor *doctor, const char *check, int status, struct strbuf *said)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	const char *message = said->data;
	const char *hint = "";

	/* "Error: MESSAGE" and a line with the hint; warnings stand before it */
	char *error = strstr(said->data, "Error: ");

	if (error != NULL)
		message = error + strlen("Error: ");

	char *newline = strchr(message, '\n');

	if (newline != NULL) {
		*newline = '\0';
		hint = newline + 1;
		newline[1 + strcspn(hint, "\n")] = '\0';
		hint += strspn(hint, " ");
	}
	strbuf_add_escaped(&text, message);

	cleanup_free char *cure = cure_of(hint);

	doctor_tell(doctor, DOCTOR_FAIL, check, cure, "%s (exit status %d)",
		    text.length > 0 ? text.data : "it failed without a word", status);
}

static void check_start(struct doctor *doctor)
{
	static const char *const networks[] = { "none", "slirp4netns" };
	static const char *const checks[] = { "start", "start, network" };
	/* in the store: there must be room for it anyway, and nobody else can enter */
	cleanup_free char *root = xasprintf("%s/doctor.XXXXXX", doctor->engine->store->run_path);

	if (mkdtemp(root) == NULL) {
		struct err err;

		err_sys(&err, errno, "cannot make a directory in '%s'",
			doctor->engine->store->run_path);
		doctor_tell_err(doctor, DOCTOR_FAIL, "start", &err);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(networks); i++) {
		cleanup_strbuf struct strbuf said = STRBUF_INIT;
		int status = start_container(doctor, root, networks[i], &said);

		if (status == 0) {
			doctor_tell(doctor, DOCTOR_OK, checks[i], "",
				    "a container starts and ends (--network=%s)", networks[i]);
			continue;
		}
		tell_start(doctor, checks[i], status, &said);
		break;
	}
	(void)path_remove_tree(doctor->engine->store->run_fd, strrchr(root, '/') + 1);
}

enum doctor_level doctor_run(const struct engine_options *options, doctor_report report, void *arg)
{
	struct doctor doctor = { .options = options, .report = report, .arg = arg };
	cleanup_engine struct engine *engine = NULL;
	struct err err;

	check_programs(&doctor);
	doctor_check_session(&doctor);
	if (engine_open(options, true, &engine, &err) < 0)
		doctor_tell_err(&doctor, DOCTOR_FAIL, "store", &err);
	doctor.engine = engine;
	doctor_check_namespaces(&doctor);
	if (engine != NULL) {
		doctor_check_store(&doctor);
		if (doctor.worst < DOCTOR_FAIL)
			doctor_check_driver(&doctor);
	}
	doctor_check_cgroups(&doctor);
	doctor_check_network(&doctor);
	check_config(&doctor);
	/* what fails already would only fail again */
	if (engine != NULL && doctor.worst < DOCTOR_FAIL)
		check_start(&doctor);
	return doctor.worst;
}
