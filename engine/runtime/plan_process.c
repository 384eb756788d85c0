/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/runtime/plan_process.c - config.json's process: the program, its identity and its limits
 *
 * Everything is checked here, before anything exists. What the configuration can say and we do not carry out is refused by name; what
 * the specification tells runtimes to leave out (capabilities that this kernel does not have) is left out.
 */
#include "engine/runtime/plan.h"

#include "base/err.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "engine/runtime/capabilities.h"

#include <linux/ioprio.h>
#include <sched.h>
#include <sys/personality.h>

static const char *const rlimit_names[RLIM_NLIMITS] = {
	[RLIMIT_AS] = "RLIMIT_AS",
	[RLIMIT_CORE] = "RLIMIT_CORE",
	[RLIMIT_CPU] = "RLIMIT_CPU",
	[RLIMIT_DATA] = "RLIMIT_DATA",
	[RLIMIT_FSIZE] = "RLIMIT_FSIZE",
	[RLIMIT_LOCKS] = "RLIMIT_LOCKS",
	[RLIMIT_MEMLOCK] = "RLIMIT_MEMLOCK",
	[RLIMIT_MSGQUEUE] = "RLIMIT_MSGQUEUE",
	[RLIMIT_NICE] = "RLIMIT_NICE",
	[RLIMIT_NOFILE] = "RLIMIT_NOFILE",
	[RLIMIT_NPROC] = "RLIMIT_NPROC",
	[RLIMIT_RSS] = "RLIMIT_RSS",
	[RLIMIT_RTPRIO] = "RLIMIT_RTPRIO",
	[RLIMIT_RTTIME] = "RLIMIT_RTTIME",
	[RLIMIT_SIGPENDING] = "RLIMIT_SIGPENDING",
	[RLIMIT_STACK] = "RLIMIT_STACK",
};

int rlimit_parse(const char *name)
{
	for (int i = 0; i < (int)RLIM_NLIMITS; i++) {
		if (str_equal(name, rlimit_names[i]))
			return i;
	}
	return -1;
}

const char *rlimit_name(int number)
{
	return number >= 0 && number < (int)RLIM_NLIMITS ? rlimit_names[number] : NULL;
}

void program_init(struct program *program)
{
	*program = (struct program){ .umask = -1, .cache_dir_fd = -1 };
}

void program_release(struct program *program)
{
	strv_release(&program->args);
	strv_release(&program->env);
	strv_release(&program->additional_gids);
	strv_release(&program->group_add);
	free(program->cwd);
	free(program->user);
	free(program->apparmor_profile);
	free(program->selinux_label);
	json_decref(program->seccomp);
	program_init(program);
}

int plan_get_text(const json_t *object, const char *key, const char **ret_text, struct err *err)
{
	const json_t *value = json_object_get(object, key);

	*ret_text = NULL;
	if (value == NULL || json_is_null(value))
		return 0;
	if (!json_is_string(value))
		return err_set(err, ERR_USAGE, "cannot use the configuration: '%s' is not a string",
			       key);

	*ret_text = json_string_value(value);
	return 1;
}

static int get_strings(const json_t *object, const char *key, struct strv *list, struct err *err)
{
	const json_t *array = json_object_get(object, key);
	size_t i;
	json_t *item;

	if (array == NULL || json_is_null(array))
		return 0;
	if (!json_is_array(array))
		return err_set(err, ERR_USAGE, "cannot use the configuration: '%s' is not a list",
			       key);

	json_array_foreach (array, i, item) {
		if (!json_is_string(item))
			return err_set(err, ERR_USAGE,
				       "cannot use the configuration: '%s' has an item that is not "
				       "a string",
				       key);
		strv_add(list, json_string_value(item));
	}
	return 0;
}

/* R7: 0..4294967294 */
static int get_id(const json_t *value, const char *what, uint32_t *ret, struct err *err)
{
	json_int_t number = json_integer_value(value);

	if (!json_is_integer(value) || number < 0 || number >= UINT32_MAX)
		return err_set(
			err, ERR_USAGE,
			"cannot use the configuration: '%s' must be a number from 0 to 4294967294",
			what);
	*ret = (uint32_t)number;
	return 0;
}

static int read_user(struct program *program, const json_t *user, struct err *err)
{
	const json_t *value = json_object_get(user, "uid");
	size_t i;

	if (value != NULL && get_id(value, "process.user.uid", &program->uid, err) < 0)
		return -1;
	value = json_object_get(user, "gid");
	if (value != NULL && get_id(value, "process.user.gid", &program->gid, err) < 0)
		return -1;

	json_array_foreach (json_object_get(user, "additionalGids"), i, value) {
		uint32_t gid = 0;

		if (get_id(value, "process.user.additionalGids", &gid, err) < 0)
			return -1;
		strv_addf(&program->additional_gids, "%u", gid);
	}

	value = json_object_get(user, "umask");
	if (value != NULL && !json_is_null(value)) {
		if (!json_is_integer(value) || json_integer_value(value) < 0 ||
		    json_integer_value(value) > 0777)
			return err_set(err, ERR_USAGE,
				       "cannot use the configuration: 'process.user.umask' must be "
				       "from 0 to 0777");
		program->umask = (int)json_integer_value(value);
	}
	return 0;
}

static int read_capabilities(struct program *program, const json_t *capabilities, struct err *err)
{
	static const char *const names[CAPABILITY_SETS] = {
		[CAPABILITY_EFFECTIVE] = "effective",	  [CAPABILITY_PERMITTED] = "permitted",
		[CAPABILITY_INHERITABLE] = "inheritable", [CAPABILITY_BOUNDING] = "bounding",
		[CAPABILITY_AMBIENT] = "ambient",
	};

	for (int set = 0; set < CAPABILITY_SETS; set++) {
		if (capabilities_from_json(json_object_get(capabilities, names[set]),
					   &program->capabilities[set], err) < 0)
			return -1;
	}
	return 0;
}

/* RLIM_INFINITY is 2^64-1, which jansson cannot hold: json_clamp_integers() made it the largest it can. -1 is taken for it, too. */
static int get_limit(const json_t *limit, const char *key, rlim_t *ret, struct err *err)
{
	const json_t *value = json_object_get(limit, key);

	if (json_is_integer(value)) {
		json_int_t number = json_integer_value(value);

		*ret = number < 0 || number == INT64_MAX ? RLIM_INFINITY : (rlim_t)number;
		return 0;
	}
	if (json_is_real(value) && json_real_value(value) >= 9.2e18) {
		*ret = RLIM_INFINITY;
		return 0;
	}
	return err_set(err, ERR_USAGE,
		       "cannot use the configuration: '%s' of a resource limit must be a number",
		       key);
}

static int read_rlimits(struct program *program, const json_t *rlimits, struct err *err)
{
	size_t i;
	json_t *item;

	json_array_foreach (rlimits, i, item) {
		const char *type = json_get_string(item, "", "type", NULL);
		int number = rlimit_parse(type);

		if (number < 0)
			return err_set(err, ERR_USAGE,
				       "cannot use the configuration: unknown resource limit '%s'",
				       type);
		struct rlimit_plan *plan = &program->rlimits[number];
		if (plan->is_set)
			return err_set(
				err, ERR_USAGE,
				"cannot use the configuration: resource limit '%s' is given twice",
				type);
		if (get_limit(item, "soft", &plan->limit.rlim_cur, err) < 0 ||
		    get_limit(item, "hard", &plan->limit.rlim_max, err) < 0)
			return -1;
		if (plan->limit.rlim_cur > plan->limit.rlim_max)
			return err_set(err, ERR_USAGE,
				       "cannot use the configuration: the soft limit of '%s' is "
				       "above the hard limit",
				       type);
		plan->is_set = true;
	}
	return 0;
}

static int read_io_priority(struct program *program, const json_t *priority, struct err *err)
{
	static const char *const classes[] = { "IOPRIO_CLASS_NONE", "IOPRIO_CLASS_RT",
					       "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE" };

	if (priority == NULL || json_is_null(priority))
		return 0;

	const char *class = json_get_string(priority, "", "class", NULL);
	int64_t level = json_get_int(priority, 0, "priority", NULL);
	if (level < 0 || level > 7)
		return err_set(
			err, ERR_USAGE,
			"cannot use the configuration: 'ioPriority.priority' must be from 0 to 7");

	for (int i = 1; i < (int)ARRAY_SIZE(classes); i++) {
		if (!str_equal(class, classes[i]))
			continue;
		program->has_io_priority = true;
		program->io_priority = IOPRIO_PRIO_VALUE(i, (int)level);
		return 0;
	}
	return err_set(err, ERR_USAGE,
		       "cannot use the configuration: unknown ioPriority class '%s'", class);
}

static int read_scheduler(struct program *program, const json_t *scheduler, struct err *err)
{
	static const struct {
		const char *name;
		int policy;
	} policies[] = {
		{ "SCHED_OTHER", SCHED_OTHER },
		{ "SCHED_BATCH", SCHED_BATCH },
		{ "SCHED_IDLE", SCHED_IDLE },
	};

	if (scheduler == NULL || json_is_null(scheduler))
		return 0;

	const char *name = json_get_string(scheduler, "", "policy", NULL);
	if (json_array_size(json_object_get(scheduler, "flags")) > 0)
		return err_set(err, ERR_UNSUPPORTED,
			       "cannot use the configuration: 'scheduler.flags' are not supported");

	for (size_t i = 0; i < ARRAY_SIZE(policies); i++) {
		if (!str_equal(name, policies[i].name))
			continue;
		program->has_scheduler = true;
		program->scheduler_policy = policies[i].policy;
		program->nice = (int)json_get_int(scheduler, 0, "nice", NULL);
		return 0;
	}
	return err_set(err, ERR_UNSUPPORTED,
		       "cannot use the configuration: scheduler policy '%s' is not supported (only "
		       "SCHED_OTHER, SCHED_BATCH, SCHED_IDLE)",
		       name);
}

/* R7: execve takes an item with a NUL or without '=' as it is; jansson refuses the first, the second is dropped (R16) */
static void add_env(struct strv *env, const struct strv *items)
{
	for (size_t i = 0; i < items->count; i++) {
		const char *equal = strchr(items->items[i], '=');

		if (equal != NULL && equal != items->items[i])
			strv_add(env, items->items[i]);
	}
}

static int read_words(struct program *program, const json_t *process, struct err *err)
{
	cleanup_strv struct strv env = STRV_INIT;
	const char *text;

	if (get_strings(process, "args", &program->args, err) < 0 ||
	    get_strings(process, "env", &env, err) < 0)
		return -1;
	add_env(&program->env, &env);

	if (plan_get_text(process, "cwd", &text, err) < 0)
		return -1;
	if (text == NULL || *text == '\0')
		text = "/";
	if (*text != '/' || strnlen(text, PATH_MAX) >= PATH_MAX)
		return err_set(err, ERR_USAGE,
			       "cannot use '%s' as the working directory: it must be an absolute "
			       "path of the container",
			       text);
	program->cwd = xstrdup(text);

	if (plan_get_text(process, "apparmorProfile", &text, err) < 0)
		return -1;
	if (!str_is_empty(text))
		program->apparmor_profile = xstrdup(text);
	if (plan_get_text(process, "selinuxLabel", &text, err) < 0)
		return -1;
	if (!str_is_empty(text))
		program->selinux_label = xstrdup(text);
	return 0;
}

int plan_process(struct program *program, const json_t *process, struct err *err)
{
	const json_t *value;

	if (!json_is_object(process))
		return err_set(err, ERR_USAGE, "cannot use the configuration: it has no 'process'");
	if (json_object_get(process, "execCPUAffinity") != NULL)
		return err_set(err, ERR_UNSUPPORTED,
			       "cannot use the configuration: 'execCPUAffinity' is not supported");

	if (read_words(program, process, err) < 0 ||
	    read_user(program, json_object_get(process, "user"), err) < 0 ||
	    read_capabilities(program, json_object_get(process, "capabilities"), err) < 0 ||
	    read_rlimits(program, json_object_get(process, "rlimits"), err) < 0 ||
	    read_io_priority(program, json_object_get(process, "ioPriority"), err) < 0 ||
	    read_scheduler(program, json_object_get(process, "scheduler"), err) < 0)
		return -1;

	program->terminal = json_get_bool(process, false, "terminal", NULL);
	program->rows = (uint16_t)json_get_int(process, 0, "consoleSize", "height", NULL);
	program->columns = (uint16_t)json_get_int(process, 0, "consoleSize", "width", NULL);
	program->no_new_privileges = json_get_bool(process, false, "noNewPrivileges", NULL);

	value = json_object_get(process, "oomScoreAdj");
	if (value != NULL && !json_is_null(value)) {
		json_int_t score = json_integer_value(value);

		if (!json_is_integer(value) || score < -1000 || score > 1000)
			return err_set(err, ERR_USAGE,
				       "cannot use the configuration: 'oomScoreAdj' must be from "
				       "-1000 to 1000");
		program->has_oom_score_adj = true;
		program->oom_score_adj = (int)score;
	}
	return 0;
}
