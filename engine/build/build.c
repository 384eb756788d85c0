/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/build.c - build_run(): context, parse, graph, pulls, steps, result
 */
#include "engine/build/remote.h"

#include "base/alloc.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "engine/build/lint.h"
#include "engine/build/platform.h"
#include "engine/build/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARG_FILE_LIMIT (1U << 20)

void build_result_release(struct build_result *result)
{
	free(result->id);
	*result = (struct build_result){ 0 };
}

void build_emit(struct build *build, const struct stage *stage, enum build_event_kind kind,
		const char *text, const char *id)
{
	const struct build_event event = {
		.kind = kind,
		.stage = stage != NULL ? stage->number : 0,
		.stage_count = build->needed_count,
		.step = stage != NULL ? stage->step : 0,
		.text = text,
		.id = id,
	};

	build->event(build->event_arg, &event);
}

void build_warn(struct build *build, const char *format, ...)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	va_list args;

	va_start(args, format);
	strbuf_vaddf(&text, format, args);
	va_end(args);
	build_emit(build, NULL, BUILD_WARNING, text.data, NULL);
}

static void release_secrets(struct secret *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(list[i].id);
		free(list[i].path);
		free(list[i].env);
	}
	free(list);
}

static void release_stage(struct stage *stage)
{
	free(stage->name);
	free(stage->base);
	free(stage->platform);
	image_free(stage->base_image);
	state_release(&stage->state);
	for (size_t i = 0; i < stage->trigger_count; i++)
		df_instruction_release(&stage->triggers[i]);
	free(stage->triggers);
}

/* What belongs to one platform. */
static void forget_platform(struct build *build)
{
	for (size_t i = 0; i < build->stage_count; i++)
		release_stage(&build->stages[i]);
	free(build->stages);
	build->stages = NULL;
	build->stage_count = build->needed_count = 0;
	for (size_t i = 0; i < build->image_names.count; i++)
		image_free(build->images[i]);
	free(build->images);
	build->images = NULL;
	strv_clear(&build->image_names);
	strv_clear(&build->global_args);
	build->failed = NULL;
}

void build_release(struct build *build)
{
	forget_platform(build);
	for (size_t i = 0; i < build->context_count; i++)
		context_release(build, &build->contexts[i]);
	free(build->contexts);
	strv_release(&build->made);
	strv_release(&build->image_names);
	strv_release(&build->args);
	strv_release(&build->used_args);
	strv_release(&build->global_args);
	release_secrets(build->secrets, build->secret_count);
	release_secrets(build->ssh, build->ssh_count);
	dockerfile_release(&build->file);
	fd_close(&build->userns_fd);
	free(build->os);
	free(build->arch);
	free(build->variant);
	free(build->stdin_text);
	remote_close(build);
}

/* ---- what the command line says ---- */

static int read_arg_file(struct build *build, const char *path, struct err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;
	cleanup_strv struct strv lines = STRV_INIT;
	int status = fd_read_file(AT_FDCWD, path, &text, ARG_FILE_LIMIT);

	if (status < 0)
		return err_sys(err, -status, "cannot read the file of build arguments '%s'", path);
	strv_split(&lines, text.data, '\n');
	for (size_t i = 0; i < lines.count; i++) {
		char *line = lines.items[i] + strspn(lines.items[i], " \t");
		size_t length = strlen(line);

		if (length > 0 && line[length - 1] == '\r')
			line[length - 1] = '\0';
		if (*line == '\0' || *line == '#')
			continue;
		if (strchr(line, '=') != NULL)
			strv_env_put(&build->args, line);
		else if (getenv(line) != NULL)
			strv_env_set(&build->args, line, getenv(line));
	}
	return 0;
}

static int read_args(struct build *build, struct err *err)
{
	const struct build_opts *opts = build->opts;

	for (size_t i = 0; i < opts->build_arg_files.count; i++)
		if (read_arg_file(build, opts->build_arg_files.items[i], err) < 0)
			return -1;
	for (size_t i = 0; i < opts->build_args.count; i++) {
		const char *text = opts->build_args.items[i];

		if (*text == '\0' || *text == '=')
			return err_set(err, ERR_USAGE,
				       "invalid --build-arg '%s': it must be NAME=VALUE or NAME",
				       text);
		if (strchr(text, '=') != NULL)
			strv_env_put(&build->args, text);
		else if (getenv(text) != NULL)
			strv_env_set(&build->args, text, getenv(text));
		else
			strv_env_unset(&build->args, text);
	}
	return 0;
}

/* id=NAME,src=FILE or id=NAME,env=VARIABLE or FILE */
static int read_secret(const char *text, struct secret *secret, struct err *err)
{
	cleanup_strv struct strv words = STRV_INIT;
	const char *type = NULL;

	strv_split(&words, text, ',');
	for (size_t i = 0; i < words.count; i++) {
		const char *word = words.items[i];
		const char *value;
		char **target = NULL;

		if ((value = str_after(word, "id=")) != NULL)
			target = &secret->id;
		else if ((value = str_after(word, "src=")) != NULL ||
			 (value = str_after(word, "source=")) != NULL)
			target = &secret->path;
		else if ((value = str_after(word, "env=")) != NULL)
			target = &secret->env;
		else if ((value = str_after(word, "type=")) != NULL)
			type = value;
		if (target == NULL && value == NULL)
			return err_set(err, ERR_USAGE,
				       "invalid --secret '%s': id=NAME,src=FILE or "
				       "id=NAME,env=VARIABLE is wanted",
				       text);
		if (target != NULL) {
			free(*target);
			*target = xstrdup(value);
		}
	}
	if (type != NULL && str_equal(type, "env") && secret->env == NULL) {
		secret->env = secret->path;
		secret->path = NULL;
	} else if (type != NULL && !str_equal(type, "env") && !str_equal(type, "file")) {
		return err_set(err, ERR_USAGE, "invalid --secret '%s': the type is file or env",
			       text);
	}
	if (str_is_empty(secret->id))
		return err_set(err, ERR_USAGE, "invalid --secret '%s': it has no id", text);
	if (secret->path == NULL && secret->env == NULL) {
		if (getenv(secret->id) != NULL)
			secret->env = xstrdup(secret->id);
		else
			secret->path = xstrdup(secret->id);
	}
	if (secret->path != NULL && access(secret->path, R_OK) < 0)
		return err_sys(err, errno, "cannot read the secret '%s' from '%s'", secret->id,
			       secret->path);
	return 0;
}

/* default, or NAME=SOCKET */
static int read_ssh(const char *text, struct secret *ssh, struct err *err)
{
	const char *equal = strchr(text, '=');

	ssh->id = equal != NULL ? xstrndup(text, (size_t)(equal - text)) : xstrdup(text);
	if (equal != NULL) {
		ssh->path = realpath(equal + 1, NULL);
		return ssh->path != NULL
			       ? 0
			       : err_sys(err, errno, "cannot use the ssh agent '%s'", equal + 1);
	}
	const char *agent = getenv("SSH_AUTH_SOCK");
	if (str_is_empty(agent)) {
		err_set(err, ERR_USAGE, "--ssh %s: there is no ssh agent: SSH_AUTH_SOCK is not set",
			text);
		return err_hint(err,
				"Start one with ssh-agent, or name its socket: --ssh %s=SOCKET.",
				text);
	}
	ssh->path = xstrdup(agent);
	return 0;
}

static int read_secrets(struct build *build, struct err *err)
{
	const struct build_opts *opts = build->opts;

	build->secrets = xcalloc(opts->secrets.count + 1, sizeof(*build->secrets));
	for (size_t i = 0; i < opts->secrets.count; i++)
		if (read_secret(opts->secrets.items[i], &build->secrets[build->secret_count++],
				err) < 0)
			return -1;
	build->ssh = xcalloc(opts->ssh.count + 1, sizeof(*build->ssh));
	for (size_t i = 0; i < opts->ssh.count; i++)
		if (read_ssh(opts->ssh.items[i], &build->ssh[build->ssh_count++], err) < 0)
			return -1;
	return 0;
}

int build_read_timestamp(struct build *build, struct err *err)
{
	const char *text = build->opts->timestamp;
	const char *option = "--timestamp";

	if (text == NULL) {
		text = build->opts->source_date_epoch;
		option = "--source-date-epoch";
	}
	if (text == NULL) {
		text = getenv("SOURCE_DATE_EPOCH");
		option = "SOURCE_DATE_EPOCH";
		if (str_is_empty(text))
			return 0;
	}
	if (parse_i64(text, &build->timestamp_s) < 0 || build->timestamp_s < 0 ||
	    build->timestamp_s > INT64_C(253402300799))
		return err_set(err, ERR_USAGE,
			       "invalid %s '%s': it must be a number of seconds since 1970", option,
			       text);
	build->has_timestamp = true;
	return 0;
}

int build_pull_policy(const char *text, enum pull_policy *ret_policy, struct err *err)
{
	int policy;
	bool on;

	if (text == NULL)
		policy = PULL_MISSING;
	else if (*text == '\0' || (parse_bool(text, &on) == 0 && on))
		policy = PULL_ALWAYS;
	else if (parse_bool(text, &on) == 0 || str_equal(text, "ifmissing"))
		policy = PULL_MISSING;
	else if (str_equal(text, "ifnewer"))
		policy = PULL_NEWER;
	else
		policy = pull_policy_parse(text);
	if (policy < 0) {
		err_set(err, ERR_USAGE, "invalid --pull '%s'", text);
		return err_hint(err, "Use always, missing, never or newer.");
	}
	*ret_policy = (enum pull_policy)policy;
	return 0;
}

/* ---- platforms and pulls ---- */

static int pull_base(struct build *build, struct stage *stage, struct err *err)
{
	struct image_pull_opts opts = build->opts->run.pull;
	const char *name = stage->base;
	cleanup_free char *platform = NULL;

	if (stage->base_stage >= 0)
		return 0;
	if (stage->base_context >= 0) {
		name = build->contexts[stage->base_context].image;
		/* a directory: begin_stage() copies it */
		if (name == NULL)
			return 0;
	}
	if (str_equal(name, "scratch"))
		return 0;
	opts.policy = (char *)pull_policy_name(build->pull);
	if (stage->platform != NULL)
		platform = xstrdup(stage->platform);
	else if (build->foreign || build->opts->platforms.count > 0)
		platform = platform_of_build(build);
	if (platform != NULL) {
		opts.platform = platform;
		opts.os = opts.arch = opts.variant = NULL;
	}
	return image_pull(build->engine, name, &opts, build->progress, build->progress_arg,
			  &stage->base_image, err);
}

static int pull_bases(struct build *build, struct err *err)
{
	for (size_t i = 0; i < build->stage_count; i++) {
		struct stage *stage = &build->stages[i];

		if (stage->needed && pull_base(build, stage, err) < 0)
			return build_wrap(build, stage->from, err);
	}
	return 0;
}

/* ---- the walk ---- */

static void warn_unused_args(struct build *build)
{
	static const char *const predefined[] = {
		"HTTP_PROXY",
		"http_proxy",
		"HTTPS_PROXY",
		"https_proxy",
		"FTP_PROXY",
		"ftp_proxy",
		"NO_PROXY",
		"no_proxy",
		"ALL_PROXY",
		"all_proxy",
		"BUILDKIT_INLINE_CACHE",
		"SOURCE_DATE_EPOCH",
		HOST_ARCH,
	};
	cleanup_strv struct strv unused = STRV_INIT;

	for (size_t i = 0; i < build->args.count; i++) {
		const char *text = build->args.items[i];
		cleanup_free char *name = xstrndup(text, strcspn(text, "="));
		bool known = strv_contains(&build->used_args, name) ||
			     str_after(name, "BUILDKIT_") != NULL;

		for (size_t k = 0; k < ARRAY_SIZE(predefined); k++)
			known |= str_equal(predefined[k], name);
		if (!known)
			strv_add(&unused, name);
	}
	if (unused.count == 0)
		return;
	strv_sort(&unused);
	cleanup_free char *names = strv_join(&unused, " ");
	build_warn(build, "one or more build args were not consumed: [%s]", names);
}

static int check_names(struct build *build, struct err *err)
{
	if (build->opts->manifest != NULL) {
		cleanup_free char *name =
			image_name_complete(build->engine, build->opts->manifest, err);

		if (name == NULL)
			return err_wrap(err, "--manifest");
	}
	if ((build->opts->manifest != NULL || platform_makes_list(build)) &&
	    build->opts->outputs.count > 0)
		return err_set(err, ERR_UNSUPPORTED,
			       "--output has the files of one platform: build once for each");
	for (size_t i = 0; i < build->opts->tags.count; i++) {
		cleanup_free char *name =
			image_name_complete(build->engine, build->opts->tags.items[i], err);

		if (name == NULL)
			return err_wrap(err, "--tag");
	}
	return 0;
}

#define EXCERPT_AROUND	  2
#define EXCERPT_LINES_MAX 20

/* As buildkit shows it: the lines of an instruction, marked, and some around them. */
static void emit_excerpt(struct build *build, const struct df_instruction *item)
{
	const struct strv *lines = &build->file.lines;
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	if (item == NULL || item < build->file.items ||
	    item >= build->file.items + build->file.count)
		return;
	size_t first = item->first_line > EXCERPT_AROUND ? item->first_line - EXCERPT_AROUND : 1;
	size_t last = item->last_line + EXCERPT_AROUND;

	strbuf_addf(&text, "%s:%u\n--------------------\n", build->file.name, item->first_line);
	for (size_t i = first; i <= last && i <= lines->count && i < first + EXCERPT_LINES_MAX;
	     i++) {
		cleanup_strbuf struct strbuf line = STRBUF_INIT;
		bool marked = i >= item->first_line && i <= item->last_line;

		strbuf_add_escaped(&line, lines->items[i - 1]);
		strbuf_addf(&text, "%4zu | %s %.200s\n", i, marked ? ">>>" : "   ", line.data);
	}
	strbuf_adds(&text, "--------------------\n");
	build_emit(build, NULL, BUILD_EXCERPT, text.data, NULL);
}

/* ---- checks ---- */

/* --check shows all; a build says what is wrong when its Dockerfile asks for it, or docker's user is used to it. */
static int check(struct build *build, struct build_result *result, struct err *err)
{
	cleanup_lint struct lint lint = { 0 };
	cleanup_strv struct strv rules = STRV_INIT;

	if (!build->opts->check && build->file.check == NULL && !build->engine->options.as_docker)
		return 0;
	if (lint_run(build, &lint, err) < 0)
		return -1;
	result->finding_count = lint.count;
	for (size_t i = 0; i < lint.count; i++) {
		const struct lint_finding *finding = &lint.findings[i];

		if (!strv_contains(&rules, finding->rule))
			strv_add(&rules, finding->rule);
		if (!build->opts->check) {
			build_warn(build, "%s:%u: %s: %s", build->file.name, finding->line,
				   finding->rule, finding->text);
			continue;
		}
		cleanup_free char *text = xasprintf("%s\n%s", finding->rule, finding->text);
		build_emit(build, NULL, BUILD_FINDING, text, NULL);
		emit_excerpt(build, finding->item);
	}
	if (lint.count == 0 || !lint.is_error || build->opts->check)
		return 0;
	cleanup_free char *names = strv_join(&rules, ", ");
	return err_set(err, ERR_FAILED, "lint violation found for rules: %s", names);
}

static int walk_stages(struct build *build, struct build_result *result, struct err *err)
{
	if (graph_read(build, err) < 0 || check(build, result, err) < 0)
		return -1;
	if (build->opts->check)
		return 0;
	if (pull_bases(build, err) < 0)
		return -1;
	if (schedule_run(build, err) < 0) {
		result->exit_status = build->exit_status;
		if (err->kind != ERR_INTERRUPTED)
			emit_excerpt(build, build->failed);
		return -1;
	}
	if (publish_result(build, result, err) < 0)
		return -1;
	return remote_send(build, err);
}

/* From the Dockerfile on: what is wrong there is no wrong use of the command. */
static int walk_file(struct build *build, const char *context, struct build_result *result,
		     struct err *err)
{
	const struct strv *platforms = &build->opts->platforms;

	if (context_read_dockerfile(build, context, err) < 0 || walk_stages(build, result, err) < 0)
		return -1;
	for (size_t i = 1; !build->opts->check && i < platforms->count; i++) {
		forget_platform(build);
		remote_forget_steps(build);
		if (platform_choose(build, platforms->items[i], err) < 0 ||
		    walk_stages(build, result, err) < 0)
			return -1;
	}
	if (build->opts->check)
		return 0;
	warn_unused_args(build);
	return platform_make_lists(build, &result->id, err);
}

static int walk(struct build *build, const char *context, struct build_result *result,
		struct err *err)
{
	const struct strv *platforms = &build->opts->platforms;

	if (check_names(build, err) < 0 || publish_check_outputs(build, err) < 0 ||
	    read_args(build, err) < 0 || read_secrets(build, err) < 0 ||
	    build_read_timestamp(build, err) < 0 ||
	    build_pull_policy(build->opts->pull, &build->pull, err) < 0)
		return -1;
	/* all of them, before anything is done for one */
	for (size_t i = platforms->count; i-- > 0;)
		if (platform_choose(build, platforms->items[i], err) < 0)
			return -1;
	if ((platforms->count == 0 && platform_choose(build, NULL, err) < 0) ||
	    remote_open(build, err) < 0 || context_open(build, context, err) < 0)
		return -1;
	int status = walk_file(build, context, result, err);

	if (status < 0 && err->kind == ERR_USAGE)
		err->kind = ERR_FAILED;
	return status;
}

int build_run(struct engine *engine, const struct build_opts *opts, const char *context,
	      build_function event, void *event_arg, progress_function progress, void *progress_arg,
	      struct build_result *ret_result, struct err *err)
{
	struct build build = {
		.engine = engine,
		.opts = opts,
		.event = event,
		.event_arg = event_arg,
		.progress = progress,
		.progress_arg = progress_arg,
		.file = DOCKERFILE_INIT,
		.userns_fd = -1,
	};
	int status = walk(&build, context, ret_result, err);

	build_release(&build);
	return status;
}
