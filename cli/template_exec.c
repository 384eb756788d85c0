/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/template_exec.c - walk the tree of a template with data
 */
#include "cli/template_private.h"

#include "base/err.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"

#include <ctype.h>
#include <strings.h>

/* Keys that lead to a map of Go: what is not in it is no value and no error. */
static const char *const map_keys[] = {
	"Labels",	"Annotations",	"Networks",    "Options",
	"Volumes",	"ExposedPorts", "Ports",       "PortBindings",
	"Tmpfs",	"Data",		"DriverOpts",  "Sysctls",
	"GraphOptions", "graphOptions", "GraphStatus", "graphStatus",
	"registries",	"Namespaces",	NULL
};

/* Keys whose texts are times. */
static const char *const time_keys[] = { "Created",    "CreatedAt",  "CreatedTime",
					 "StartedAt",  "FinishedAt", "CheckpointedAt",
					 "RestoredAt", "UpdatedAt",  NULL };

/* R13: "range 3" is what somebody may want, an output without end is not */
#define RANGE_MAX 1000

struct variable {
	const char *name;
	struct value value;
};

struct run {
	const struct template_rules *rules;
	struct strbuf *out;
	struct value dot; /* borrowed by what evaluates */
	struct variable *variables;
	size_t variable_count;
	struct template_place place; /* of what is evaluated */
	size_t counted;		     /* rounds of ranges over numbers so far */
	struct err *err;
};

/* What a list of nodes ended with. */
enum flow { FLOW_FAILED = -1, FLOW_ON, FLOW_BREAK, FLOW_CONTINUE };

static struct value value_keep(struct value value)
{
	json_incref(value.json);
	return value;
}

static void value_release(struct value *value)
{
	json_decref(value->json);
	*value = (struct value){ NULL, false };
}
#define cleanup_value __attribute__((cleanup(value_release)))

static int fail(struct run *run, const char *what)
{
	return err_set(run->err, ERR_USAGE, "template: %u:%u: %s", run->place.line,
		       run->place.column, what);
}

/* ---- fields --------------------------------------------------------------------------------------------------------- */

/* "CreatedAt" is "CREATED AT", "ImageID" is "IMAGE ID". */
static json_t *heading_of(const struct template_rules *rules, const char *name)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT;

	for (const struct template_alias *alias = rules->heading;
	     alias != NULL && alias->name != NULL; alias++) {
		if (str_equal(alias->name, name))
			return json_text(alias->field);
	}
	for (const char *p = name; *p != '\0'; p++) {
		if (p > name && isupper((unsigned char)*p) &&
		    (islower((unsigned char)p[-1]) || islower((unsigned char)p[1])))
			strbuf_addc(&text, ' ');
		strbuf_addc(&text, (char)toupper((unsigned char)*p));
	}
	return json_text(text.data);
}

static bool leads_to_map(const char *key)
{
	return str_is_among(map_keys, key);
}

/* Borrowed member, by its name, an alias, or in another case; *key is the name that it has. */
static json_t *find_member(const struct run *run, const json_t *object, const char **key)
{
	json_t *member = json_object_get(object, *key);
	const char *other_key;
	json_t *other;

	if (member != NULL)
		return member;
	for (const struct template_alias *alias = run->rules->aliases;
	     alias != NULL && alias->name != NULL; alias++) {
		if (!str_equal(alias->name, *key))
			continue;
		member = json_object_get(object, alias->field);
		if (member != NULL) {
			*key = alias->field;
			return member;
		}
	}
	if (!run->rules->any_case)
		return NULL;
	json_object_foreach ((json_t *)object, other_key, other) {
		if (strcasecmp(other_key, *key) == 0) {
			*key = other_key;
			return other;
		}
	}
	return NULL;
}

/* Methods of a Go time that people call on one, such as {{.Created.Unix}}: the member is a text here. New reference, or NULL. */
static json_t *time_method(const json_t *value, const char *name)
{
	static const struct {
		const char *name;
		int64_t unit_ns;
	} methods[] = { { "Unix", 1000000000 }, { "UnixMilli", 1000000 }, { "UnixNano", 1 } };
	const char *text = json_string_value(value);
	int64_t ns;

	for (size_t i = 0; text != NULL && i < ARRAY_SIZE(methods); i++)
		if (str_equal(methods[i].name, name) && strchr(text, 'T') != NULL &&
		    parse_time(text, &ns) == 0)
			return json_integer(ns / methods[i].unit_ns);
	return NULL;
}

/* The empty value of a member that JSON leaves out: 1, or 0 when the struct has none of that name. */
static int get_absent(const struct run *run, const struct value *from, const char *parent,
		      const char *name, struct value *ret)
{
	const struct template_absent *absent = run->rules->absent;

	for (; absent != NULL && absent->name != NULL; absent++) {
		if (!str_equal(absent->name, name) ||
		    (absent->parent != NULL && !str_equal(absent->parent, parent)) ||
		    (absent->beside != NULL && json_object_get(from->json, absent->beside) == NULL))
			continue;
		*ret = (struct value){ NULL, absent->empty == '{' };
		switch (absent->empty) {
		case '"':
			ret->json = json_text("");
			break;
		case '0':
			ret->json = json_integer(0);
			break;
		case 'f':
			ret->json = json_false();
			break;
		case '[':
			ret->json = json_array();
			break;
		case '{':
			ret->json = json_object();
			break;
		}
		return 1;
	}
	return 0;
}

/* @param parent  the field that led to `from`, "" at the top */
static int get_field(struct run *run, const struct value *from, const char *parent,
		     const char *name, struct value *ret)
{
	const char *key = name;

	if (run->rules->headers) {
		*ret = (struct value){ heading_of(run->rules, name), false };
		return 0;
	}
	if (from->json == NULL || json_is_null(from->json)) {
		*ret = (struct value){ NULL, false };
		return 0;
	}

	json_t *member = json_is_object(from->json) ? find_member(run, from->json, &key) : NULL;
	json_t *method = time_method(from->json, name);

	if (method != NULL) {
		*ret = (struct value){ method, false };
		return 0;
	}

	if (member == NULL && json_is_object(from->json) &&
	    get_absent(run, from, parent, name, ret) > 0)
		return 0;
	if (member == NULL && !from->is_map)
		return err_set(run->err, ERR_USAGE,
			       "template: %u:%u: executing at <.%s>: can't evaluate field %s in "
			       "type %s",
			       run->place.line, run->place.column, name, name, template_type(from));
	*ret = (struct value){ json_incref(member), member != NULL && leads_to_map(key),
			       run->rules->go_times && str_is_among(time_keys, key) };
	return 0;
}

/* `.Label "name"`: the one method that podman and docker have. "" when there is no such label. */
static int call_label(struct run *run, const struct value *from, const struct value *args,
		      size_t count, struct value *ret)
{
	const char *name = count == 1 ? json_string_value(args[0].json) : NULL;

	if (name == NULL)
		return fail(run, "wrong number or type of arguments for Label: want 1 string");
	if (run->rules->headers) {
		*ret = (struct value){ json_text(name), false };
		return 0;
	}

	/* where Labels is docker's text of them all, they stand beside it */
	const json_t *whole = json_object_get(from->json, TEMPLATE_LABELS);
	const json_t *labels = whole != NULL ? whole : json_object_get(from->json, "Labels");

	*ret = (struct value){ json_text(json_get_string(labels, "", name, NULL)), false };
	return 0;
}

static int walk_fields(struct run *run, const struct value *from, const struct strv *fields,
		       const struct value *args, size_t arg_count, struct value *ret)
{
	cleanup_value struct value at = value_keep(*from);

	for (size_t i = 0; i < fields->count; i++) {
		struct value next = { NULL, false };
		bool last = i + 1 == fields->count;
		bool is_label = last && str_equal(fields->items[i], "Label") && arg_count > 0;

		if (last && arg_count > 0 && !is_label)
			return err_set(run->err, ERR_USAGE,
				       "template: %u:%u: %s has arguments but is not a function",
				       run->place.line, run->place.column, fields->items[i]);
		/* a map knows nothing of its keys, a pointer to nothing has no members */
		if (i > 0 && at.json == NULL && !run->rules->headers && run->rules->absent != NULL)
			return err_set(run->err, ERR_USAGE,
				       "template: %u:%u: nil pointer evaluating %s.%s",
				       run->place.line, run->place.column, fields->items[i - 1],
				       fields->items[i]);
		if ((is_label ? call_label(run, &at, args, arg_count, &next)
			      : get_field(run, &at, i > 0 ? fields->items[i - 1] : "",
					  fields->items[i], &next)) < 0)
			return -1;
		value_release(&at);
		at = next;
	}
	*ret = at;
	at = (struct value){ NULL, false };
	return 0;
}

/* ---- pipelines ------------------------------------------------------------------------------------------------------ */

static int eval_pipeline(struct run *run, const struct pipeline *pipeline, struct value *ret);

static int find_variable(struct run *run, const char *name, struct value *ret)
{
	for (size_t i = run->variable_count; i > 0; i--) {
		if (str_equal(run->variables[i - 1].name, name)) {
			*ret = run->variables[i - 1].value;
			return 0;
		}
	}
	return err_set(run->err, ERR_USAGE, "template: %u:%u: undefined variable \"%s\"",
		       run->place.line, run->place.column, name);
}

/* An operand with the arguments that stand behind it; *ret is owned by the caller. */
static int eval_operand(struct run *run, const struct operand *operand, const struct value *args,
			size_t arg_count, struct value *ret)
{
	cleanup_value struct value base = { NULL, false };

	run->place = operand->place;
	switch (operand->kind) {
	case OPERAND_DOT:
		base = value_keep(run->dot);
		break;
	case OPERAND_VARIABLE:
		if (find_variable(run, operand->name, &base) < 0)
			return -1;
		value_keep(base);
		break;
	case OPERAND_VALUE:
		*ret = (struct value){ json_incref(operand->value), false };
		return 0;
	case OPERAND_PIPELINE:
		if (eval_pipeline(run, operand->pipeline, &base) < 0)
			return -1;
		break;
	case OPERAND_FUNCTION:
		if (template_call(operand->name, args, arg_count, ret, run->err) < 0) {
			cleanup_free char *what = xstrdup(run->err->msg);

			run->place = operand->place;
			return fail(run, what);
		}
		return 0;
	}
	if (operand->fields.count == 0 && arg_count > 0)
		return fail(run, "can't give argument to non-function");
	return walk_fields(run, &base, &operand->fields, args, arg_count, ret);
}

/* and, or: the first argument that decides, the others are not looked at. */
static int eval_and_or(struct run *run, const struct command *command, const struct value *final,
		       struct value *ret)
{
	bool is_and = str_equal(command->operands[0].name, "and");
	size_t count = command->count - 1;

	if (count + (final != NULL) == 0)
		return fail(run, "wrong number of args for and or or: want at least 1 got 0");
	for (size_t i = 1; i <= count; i++) {
		cleanup_value struct value value = { NULL, false };

		if (eval_operand(run, &command->operands[i], NULL, 0, &value) < 0)
			return -1;
		if (template_is_true(&value) != is_and || (i == count && final == NULL)) {
			*ret = value_keep(value);
			return 0;
		}
	}
	*ret = value_keep(*final);
	return 0;
}

static int eval_command(struct run *run, const struct command *command, const struct value *final,
			struct value *ret)
{
	const struct operand *first = &command->operands[0];
	size_t count = command->count - 1;
	int status = 0;

	run->place = first->place;
	if (first->kind == OPERAND_FUNCTION &&
	    (str_equal(first->name, "and") || str_equal(first->name, "or")))
		return eval_and_or(run, command, final, ret);

	struct value *args = xcalloc(count + 1, sizeof(*args));

	for (size_t i = 0; i < count && status == 0; i++)
		status = eval_operand(run, &command->operands[i + 1], NULL, 0, &args[i]);
	if (status == 0 && final != NULL)
		args[count] = value_keep(*final);
	if (status == 0)
		status = eval_operand(run, first, args, count + (final != NULL), ret);
	for (size_t i = 0; i <= count; i++)
		value_release(&args[i]);
	free(args);
	return status;
}

static int eval_pipeline(struct run *run, const struct pipeline *pipeline, struct value *ret)
{
	cleanup_value struct value value = { NULL, false };

	for (size_t i = 0; i < pipeline->count; i++) {
		struct value next = { NULL, false };

		if (eval_command(run, &pipeline->commands[i], i > 0 ? &value : NULL, &next) < 0)
			return -1;
		value_release(&value);
		value = next;
	}
	*ret = value;
	value = (struct value){ NULL, false };
	return 0;
}

static void push_variable(struct run *run, const char *name, struct value value)
{
	run->variables =
		xreallocarray(run->variables, run->variable_count + 1, sizeof(*run->variables));
	run->variables[run->variable_count++] = (struct variable){ name, value_keep(value) };
}

static void pop_variables(struct run *run, size_t count)
{
	while (run->variable_count > count)
		value_release(&run->variables[--run->variable_count].value);
}

static int set_variable(struct run *run, const char *name, struct value value)
{
	for (size_t i = run->variable_count; i > 0; i--) {
		struct variable *variable = &run->variables[i - 1];

		if (!str_equal(variable->name, name))
			continue;
		value_keep(value);
		value_release(&variable->value);
		variable->value = value;
		return 0;
	}
	return fail(run, "undefined variable");
}

static int bind_variables(struct run *run, const struct pipeline *pipeline, struct value value)
{
	for (size_t i = 0; i < pipeline->variables.count; i++) {
		if (!pipeline->assigns)
			push_variable(run, pipeline->variables.items[i], value);
		else if (set_variable(run, pipeline->variables.items[i], value) < 0)
			return -1;
	}
	return 0;
}

/* ---- nodes ---------------------------------------------------------------------------------------------------------- */

static enum flow exec_nodes(struct run *run, const struct node *node);

static enum flow exec_body(struct run *run, const struct node *nodes, const struct value *dot)
{
	struct value before = run->dot;
	size_t variables = run->variable_count;

	if (dot != NULL)
		run->dot = *dot;

	enum flow flow = exec_nodes(run, nodes);

	run->dot = before;
	pop_variables(run, variables);
	return flow;
}

static enum flow exec_if(struct run *run, const struct node *node)
{
	cleanup_value struct value value = { NULL, false };
	size_t variables = run->variable_count;
	enum flow flow = FLOW_FAILED;

	if (eval_pipeline(run, node->pipeline, &value) == 0 &&
	    bind_variables(run, node->pipeline, value) == 0)
		flow = template_is_true(&value)
			       ? exec_body(run, node->body, node->kind == NODE_WITH ? &value : NULL)
			       : exec_body(run, node->otherwise, NULL);
	pop_variables(run, variables);
	return flow;
}

/* One round of range: key and element become the variables, the element the dot. */
static enum flow exec_round(struct run *run, const struct node *node, json_t *key, json_t *element)
{
	const struct strv *names = &node->pipeline->variables;
	size_t variables = run->variable_count;
	struct value value = { element, false };
	struct value key_value = { key, false };
	enum flow flow = FLOW_ON;

	if (node->pipeline->assigns) {
		if ((names->count > 1 && set_variable(run, names->items[0], key_value) < 0) ||
		    (names->count > 0 &&
		     set_variable(run, names->items[names->count - 1], value) < 0))
			flow = FLOW_FAILED;
	} else {
		if (names->count > 1)
			push_variable(run, names->items[0], key_value);
		if (names->count > 0)
			push_variable(run, names->items[names->count - 1], value);
	}
	if (flow == FLOW_ON)
		flow = exec_body(run, node->body, &value);
	pop_variables(run, variables);
	json_decref(key);
	return flow;
}

static enum flow exec_object_rounds(struct run *run, const struct node *node, json_t *object)
{
	const char **keys = template_sorted_keys(object);
	enum flow flow = FLOW_ON;

	for (size_t i = 0; keys[i] != NULL && flow != FLOW_FAILED && flow != FLOW_BREAK; i++)
		flow = exec_round(run, node, json_text(keys[i]), json_object_get(object, keys[i]));
	free(keys);
	return flow;
}

static enum flow exec_range(struct run *run, const struct node *node)
{
	cleanup_value struct value value = { NULL, false };
	enum flow flow = FLOW_ON;

	if (eval_pipeline(run, node->pipeline, &value) < 0)
		return FLOW_FAILED;
	if (!json_is_array(value.json) && !json_is_object(value.json) && value.json != NULL &&
	    !json_is_null(value.json) && !json_is_integer(value.json)) {
		run->place = node->place;
		return (enum flow)fail(run, "range can't iterate over this value");
	}
	if (!template_is_true(&value))
		return exec_body(run, node->otherwise, NULL);

	if (json_is_object(value.json)) {
		flow = exec_object_rounds(run, node, value.json);
	} else {
		size_t count = json_array_size(value.json);

		/* "range 3" counts */
		if (json_is_integer(value.json)) {
			json_int_t number = json_integer_value(value.json);

			run->place = node->place;
			if (number > RANGE_MAX || run->counted > RANGE_MAX)
				return (enum flow)fail(run, "range over too large a number");
			count = number > 0 ? (size_t)number : 0;
			run->counted += count;
		}
		for (size_t i = 0; i < count && flow != FLOW_FAILED && flow != FLOW_BREAK; i++) {
			json_t *key = json_integer((json_int_t)i);

			flow = exec_round(run, node, key,
					  json_is_array(value.json) ? json_array_get(value.json, i)
								    : key);
		}
	}
	return flow == FLOW_FAILED ? FLOW_FAILED : FLOW_ON;
}

static enum flow exec_action(struct run *run, const struct node *node)
{
	cleanup_value struct value value = { NULL, false };

	if (eval_pipeline(run, node->pipeline, &value) < 0 ||
	    bind_variables(run, node->pipeline, value) < 0)
		return FLOW_FAILED;
	if (node->pipeline->variables.count == 0)
		template_print(&value, run->out);
	return FLOW_ON;
}

static enum flow exec_nodes(struct run *run, const struct node *node)
{
	enum flow flow = FLOW_ON;

	for (; node != NULL && flow == FLOW_ON; node = node->next) {
		switch (node->kind) {
		case NODE_TEXT:
			strbuf_add(run->out, node->text, node->length);
			break;
		case NODE_ACTION:
			flow = exec_action(run, node);
			break;
		case NODE_IF:
		case NODE_WITH:
			flow = exec_if(run, node);
			break;
		case NODE_RANGE:
			flow = exec_range(run, node);
			break;
		case NODE_BREAK:
			return FLOW_BREAK;
		case NODE_CONTINUE:
			return FLOW_CONTINUE;
		}
	}
	return flow;
}

int template_run(const struct template *template, const json_t *data,
		 const struct template_rules *rules, struct strbuf *out, struct err *err)
{
	static const struct template_rules plain;
	struct run run = {
		.rules = rules != NULL ? rules : &plain,
		.out = out,
		.dot = { (json_t *)data, false },
		.err = err,
	};

	push_variable(&run, "$", run.dot);

	enum flow flow = exec_nodes(&run, template->nodes);

	pop_variables(&run, 0);
	free(run.variables);
	return flow == FLOW_FAILED ? -1 : 0;
}
