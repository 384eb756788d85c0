/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/unit_check.c - `unit check`: a Quadlet unit as the generator and the command that it becomes would read it
 *
 * The generator knows the keys; whether a value is any good knows only the command that gets it. So the words that each line has become are read by
 * that command's option table, and for a container by the checks that come before one is created. A word with a specifier or a variable
 * in it is known at the start only, and not judged.
 */
#include "cli/unit_check.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "cli/commands.h"
#include "engine/container.h"
#include "units/quadlet.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct finding {
	char *file, *text;
	unsigned line;
	size_t number; /* in the order of their discovery */
};
struct check {
	struct cli *cli;
	struct quadlet_set set;
	bool silent; /* what is wrong with units that nobody asked about */
	struct finding *findings;
	size_t finding_count;
	size_t count; /* of those that keep a unit from working */
};

static void report(void *arg, const struct unit_problem *problem)
{
	struct check *check = arg;
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (check->silent)
		return;
	unit_problem_place(problem, &text);
	if (problem->level == UNIT_WARNING)
		strbuf_adds(&text, "warning: ");
	strbuf_add_escaped(&text, problem->text);
	check->findings =
		xreallocarray(check->findings, check->finding_count + 1, sizeof(*check->findings));
	check->findings[check->finding_count] = (struct finding){
		.file = xstrdup(problem->file),
		.line = problem->line,
		.text = strbuf_take(&text),
		.number = check->finding_count,
	};
	check->finding_count++;
	check->count += problem->level != UNIT_WARNING;
}

static int compare_findings(const void *a_, const void *b_)
{
	const struct finding *a = a_, *b = b_;
	int order = strcmp(a->file, b->file);

	if (order != 0)
		return order;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

/* As somebody reads the files: from the top to the bottom. */
static void print_findings(struct check *check, struct strbuf *out)
{
	if (check->finding_count > 1)
		qsort(check->findings, check->finding_count, sizeof(*check->findings),
		      compare_findings);
	for (size_t i = 0; i < check->finding_count; i++) {
		strbuf_addf(out, "%s\n", check->findings[i].text);
		free(check->findings[i].file);
		free(check->findings[i].text);
	}
	free(check->findings);
}

static void report_option(struct check *check, const struct quadlet *quadlet,
			  const struct unit_line *line, enum unit_level level,
			  const struct err *err)
{
	cleanup_free char *text =
		xasprintf("%s%s%s", err->msg, err->hint[0] != '\0' ? ". " : "", err->hint);
	const struct unit_problem problem = {
		.level = level,
		.file = line != NULL ? line->file : quadlet->path,
		.line = line != NULL ? line->line : 0,
		.key = line != NULL ? line->key : NULL,
		.text = text,
	};

	report(check, &problem);
}

/* ---- values ----------------------------------------------------------------------------------------------------------- */

static bool is_known_now(const struct strv *words)
{
	for (size_t i = 0; i < words->count; i++) {
		if (strpbrk(words->items[i], "%$") != NULL)
			return false;
	}
	return true;
}

/* A line that refers to another unit names what that unit will have made. */
static bool refers(const struct unit_line *line)
{
	size_t length = strcspn(line->value, ":");
	cleanup_free char *name = xstrndup(line->value, length);

	return quadlet_type_of(name) >= 0 || str_equal(line->key, "Mount");
}

static void check_words(struct check *check, const struct quadlet *quadlet, const struct cmd *cmd,
			const struct unit_line *line, const struct strv *words)
{
	cleanup_free void *opts = xcalloc(1, cmd->opts_size + 1);
	cleanup_strv struct strv args = STRV_INIT;
	const struct opt_set set = { .rows = cmd->opts, .opts = opts };
	const struct opts_request request = {
		.sets = &set, .set_count = 1, .words = strv_argv(words), .interspersed = true
	};
	bool is_run = str_equal(cmd->paths[0], "run");
	struct err err = { 0 };

	opts_init(cmd->opts, opts, cmd->opts_size, cmd->defaults);
	if (opts_parse(&request, &args, NULL, &err) < 0)
		report_option(check, quadlet, line, UNIT_ERROR, &err);
	else if (is_run && !refers(line) &&
		 container_check_opts(check->cli->engine, opts, &err) < 0)
		report_option(check, quadlet, line,
			      err.kind == ERR_NOT_FOUND ? UNIT_WARNING : UNIT_ERROR, &err);
	opts_release(cmd->opts, opts);
}

/* Options that make sense with others only; those may be the image's. */
static void add_companions(const struct unit_line *line, struct strv *words)
{
	bool health = str_after(line->key, "Health") != NULL || str_equal(line->key, "Notify");

	if (health && !str_equal(line->key, "HealthCmd"))
		strv_add(words, "--health-cmd=true");
	if (health && !str_equal(line->key, "HealthStartupCmd"))
		strv_add(words, "--health-startup-cmd=true");
	if (str_equal(line->key, "ReadOnlyTmpfs"))
		strv_add(words, "--read-only");
}

static void check_image(struct check *check, const struct quadlet *quadlet,
			const struct unit_line *line, const char *name)
{
	cleanup_image_ref struct image_ref ref = { NULL };
	struct err err = { 0 };

	if (strstr(name, "://") == NULL && name[0] != '/' && strpbrk(name, "%$") == NULL &&
	    image_ref_parse(name, &ref, &err) < 0)
		report_option(check, quadlet, line, UNIT_ERROR, &err);
	else if (ref.path != NULL && ref.registry == NULL && strchr(name, '/') == NULL &&
		 quadlet->type == QUADLET_IMAGE) {
		err_set(&err, ERR_USAGE,
			"'%s' is a short name: say the registry, too, so that it is always the "
			"same image",
			name);
		report_option(check, quadlet, line, UNIT_WARNING, &err);
	}
}

static void check_values(struct check *check, const struct quadlet *quadlet)
{
	const struct cmd *cmd;
	const char *path;
	const struct noun *noun;
	const struct unit_line *seen = NULL;

	/* what is refused whole was said by the conversion */
	if (commands_find(strv_argv(&quadlet->words), &cmd, &path, &noun) == 0)
		return;
	for (size_t i = 0; i < quadlet->origin_count; i++) {
		const struct quadlet_origin *origin = &quadlet->origins[i];
		cleanup_strv struct strv words = STRV_INIT;

		for (size_t j = 0; j < origin->count; j++)
			strv_add(&words, quadlet->words.items[origin->first + j]);
		if (origin->line == NULL)
			continue;
		if (!origin->is_argument) {
			add_companions(origin->line, &words);
			if (is_known_now(&words))
				check_words(check, quadlet, cmd, origin->line, &words);
		} else if (str_equal(origin->line->key, "Image") && origin->line != seen) {
			check_image(check, quadlet, origin->line, words.items[0]);
		}
		seen = origin->line;
	}
}

/* ---- units ------------------------------------------------------------------------------------------------------------ */

static void add_folder(const char *path, struct strv *files)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.' && quadlet_type_of(entry->d_name) >= 0)
			strv_addf(files, "%s/%s", path, entry->d_name);
	}
	if (dir != NULL)
		closedir(dir);
}

size_t unit_check_files(struct cli *cli, const struct strv *paths, bool with_siblings,
			struct strbuf *out)
{
	struct check check = { .cli = cli, .silent = true };
	struct quadlet_set *set = &check.set;
	cleanup_strv struct strv files = STRV_INIT, siblings = STRV_INIT;

	set->program = "dhow";
	set->report = report;
	set->arg = &check;
	set->user = getuid() != 0;
	quadlet_dirs(set->user, &set->dirs);
	quadlet_load(set);
	for (size_t i = 0; i < paths->count; i++) {
		const char *path = paths->items[i], *slash = strrchr(path, '/');
		cleanup_free char *dir =
			slash != NULL ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
		struct stat st;

		if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
			add_folder(path, &files);
		} else {
			strv_add(&files, path);
			if (!with_siblings)
				continue;
			add_folder(*dir != '\0' ? dir : "/", &siblings);
		}
	}
	strv_sort(&files);
	for (size_t i = 0; i < siblings.count; i++)
		(void)quadlet_load_file(set, siblings.items[i]);
	check.silent = false;
	for (size_t i = 0; i < files.count; i++)
		(void)quadlet_load_file(set, files.items[i]);
	quadlet_resolve(set);
	for (size_t i = 0; i < files.count; i++) {
		const char *slash = strrchr(files.items[i], '/');
		struct quadlet *quadlet =
			quadlet_find(set, slash != NULL ? slash + 1 : files.items[i]);

		if (quadlet != NULL) {
			(void)quadlet_convert(set, quadlet);
			check_values(&check, quadlet);
		}
	}
	quadlet_set_release(set);
	print_findings(&check, out);
	return check.count;
}

static int unit_check_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	size_t count = unit_check_files(cli, args, true, &out);

	(void)fputs(out.data, stdout);
	return count > 0;
}

const struct cmd cmd_unit_check = {
	.paths = { "unit check" },
	.synopsis = "FILE|FOLDER...",
	.help = "Say what is wrong with Quadlet units",
	.examples = "  dhow unit check ~/.config/containers/systemd\n",
	.section = SECTION_NONE,
	.min_args = 1,
	.max_args = -1,
	.complete = COMPLETE_FILES,
	.needs = NEEDS_STORE,
	.run = unit_check_run,
};
