/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/template_parse.c - from the text of a template to its tree
 *
 * One pass without a separate lexer: text up to "{{", then an action read by recursive descent. Depth and length are limited, because a
 * template may come from a client of an API one day.
 */
#include "cli/template_parse.h"

#include "base/err.h"
#include "base/strbuf.h"

#include <ctype.h>

static struct template_place place_of(const struct template_parser *parser, const char *where)
{
	struct template_place place = { 1, 0 };

	for (const char *p = parser->text; p < where; p++) {
		place.column++;
		if (*p == '\n')
			place = (struct template_place){ place.line + 1, 0 };
	}
	return place;
}

int template_parse_fail(struct template_parser *parser, const char *what)
{
	struct template_place place = place_of(parser, parser->next);
	char near[24];
	size_t length = 0;

	while (length < sizeof(near) - 1 && parser->next[length] != '\0' &&
	       parser->next[length] != '\n') {
		near[length] = parser->next[length];
		length++;
	}
	near[length] = '\0';
	return err_set(parser->err, ERR_USAGE, "template: %u:%u: %s%s%s%s", place.line,
		       place.column, what, length > 0 ? " at '" : "", near, length > 0 ? "'" : "");
}

static void pipeline_free(struct pipeline *pipeline);

static void operand_release(struct operand *operand)
{
	free(operand->name);
	strv_release(&operand->fields);
	json_decref(operand->value);
	pipeline_free(operand->pipeline);
}

static void pipeline_free(struct pipeline *pipeline)
{
	if (pipeline == NULL)
		return;
	for (size_t i = 0; i < pipeline->count; i++) {
		for (size_t j = 0; j < pipeline->commands[i].count; j++)
			operand_release(&pipeline->commands[i].operands[j]);
		free(pipeline->commands[i].operands);
	}
	free(pipeline->commands);
	strv_release(&pipeline->variables);
	free(pipeline);
}

static void nodes_free(struct node *node)
{
	while (node != NULL) {
		struct node *next = node->next;

		free(node->text);
		pipeline_free(node->pipeline);
		nodes_free(node->body);
		nodes_free(node->otherwise);
		free(node);
		node = next;
	}
}

void template_free(struct template *template)
{
	if (template == NULL)
		return;
	nodes_free(template->nodes);
	free(template);
}

static void skip_blanks(struct template_parser *parser)
{
	while (isspace((unsigned char)*parser->next))
		parser->next++;
}

bool template_is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static size_t word_length(const char *text)
{
	size_t length = 0;

	while (template_is_word(text[length]))
		length++;
	return length;
}

static bool word_is(const char *text, const char *word)
{
	size_t length = strlen(word);

	return strncmp(text, word, length) == 0 && !template_is_word(text[length]);
}

/* The end of an action: "}}", or " -}}" which trims what follows. */
static bool at_end(const struct template_parser *parser)
{
	const char *p = parser->next;

	return (p[0] == '}' && p[1] == '}') || (p[0] == '-' && p[1] == '}' && p[2] == '}');
}

static int expect_end(struct template_parser *parser)
{
	skip_blanks(parser);
	if (!at_end(parser))
		return template_parse_fail(parser, *parser->next == '\0' ? "unclosed action"
									 : "unexpected text");

	bool trim = *parser->next == '-';

	parser->next += trim ? 3 : 2;
	if (trim)
		skip_blanks(parser);
	return 0;
}

/* ---- pipelines ------------------------------------------------------------------------------------------------------ */

static int parse_pipeline(struct template_parser *parser, bool in_range, struct pipeline **ret);

/* ".A.B" behind something. */
static int parse_fields(struct template_parser *parser, struct strv *fields)
{
	while (*parser->next == '.') {
		size_t length = word_length(parser->next + 1);

		if (length == 0)
			return template_parse_fail(parser, "a field has no name");
		strv_add_take(fields, xstrndup(parser->next + 1, length));
		parser->next += length + 1;
	}
	return 0;
}

static int parse_parentheses(struct template_parser *parser, struct operand *operand)
{
	parser->next++;
	if (++parser->depth > TEMPLATE_DEPTH_MAX)
		return template_parse_fail(parser, "too deeply nested");
	operand->kind = OPERAND_PIPELINE;
	if (parse_pipeline(parser, false, &operand->pipeline) < 0)
		return -1;
	skip_blanks(parser);
	if (*parser->next != ')')
		return template_parse_fail(parser, "unclosed left parenthesis");
	parser->next++;
	parser->depth--;
	return parse_fields(parser, &operand->fields);
}

static int parse_word(struct template_parser *parser, struct operand *operand)
{
	size_t length = word_length(parser->next);
	cleanup_free char *word = xstrndup(parser->next, length);

	operand->kind = OPERAND_VALUE;
	if (str_equal(word, "true") || str_equal(word, "false")) {
		operand->value = json_boolean(*word == 't');
	} else if (!str_equal(word, "nil")) {
		if (!template_function_exists(word)) {
			cleanup_free char *what = xasprintf("function \"%s\" not defined", word);

			return template_parse_fail(parser, what);
		}
		operand->kind = OPERAND_FUNCTION;
		operand->name = TAKE_PTR(word);
	}
	parser->next += length;
	if (*parser->next == '.')
		return template_parse_fail(parser, "unexpected field");
	return 0;
}

static int parse_operand(struct template_parser *parser, struct operand *operand)
{
	char c = *parser->next;

	operand->place = place_of(parser, parser->next);
	if (c == '.' && !isdigit((unsigned char)parser->next[1])) {
		operand->kind = OPERAND_DOT;
		if (word_length(parser->next + 1) == 0) {
			parser->next++;
			return 0;
		}
		return parse_fields(parser, &operand->fields);
	}
	if (c == '$') {
		size_t length = word_length(parser->next + 1) + 1;

		operand->kind = OPERAND_VARIABLE;
		operand->name = xstrndup(parser->next, length);
		parser->next += length;
		return parse_fields(parser, &operand->fields);
	}
	if (c == '(')
		return parse_parentheses(parser, operand);
	operand->kind = OPERAND_VALUE;
	if (c == '"' || c == '`' || c == '\'')
		return template_parse_string(parser, &operand->value);
	if (isdigit((unsigned char)c) || c == '.' ||
	    ((c == '-' || c == '+') && isdigit((unsigned char)parser->next[1])))
		return template_parse_number(parser, &operand->value);
	if (template_is_word(c))
		return parse_word(parser, operand);
	return template_parse_fail(parser, c == '\0' ? "unclosed action" : "unexpected text");
}

static bool at_command_end(const struct template_parser *parser)
{
	return at_end(parser) || *parser->next == '|' || *parser->next == ')';
}

static int parse_command(struct template_parser *parser, struct command *command)
{
	for (;;) {
		skip_blanks(parser);
		if (at_command_end(parser))
			break;
		command->operands = xreallocarray(command->operands, command->count + 1,
						  sizeof(*command->operands));

		struct operand *operand = &command->operands[command->count++];

		*operand = (struct operand){ .fields = STRV_INIT };
		if (parse_operand(parser, operand) < 0)
			return -1;
		/* operands are apart: ".A.B" is one, ".A 1" are two */
		if (!isspace((unsigned char)*parser->next) && !at_command_end(parser))
			return template_parse_fail(parser, *parser->next == '\0'
								   ? "unclosed action"
								   : "unexpected text");
	}
	if (command->count == 0)
		return template_parse_fail(parser, "missing value for command");
	if (command->count > 1 && command->operands[0].kind == OPERAND_VALUE)
		return template_parse_fail(parser, "can't give argument to non-function");
	return 0;
}

/* "$x :=", "$k, $v :=", "$x =" */
static int parse_declaration(struct template_parser *parser, bool in_range,
			     struct pipeline *pipeline)
{
	const char *start = parser->next;

	while (*parser->next == '$') {
		size_t length = word_length(parser->next + 1) + 1;

		strv_add_take(&pipeline->variables, xstrndup(parser->next, length));
		parser->next += length;
		skip_blanks(parser);
		if (*parser->next != ',')
			break;
		parser->next++;
		skip_blanks(parser);
	}
	if (pipeline->variables.count == 0)
		return 0;
	if (parser->next[0] == ':' && parser->next[1] == '=') {
		parser->next += 2;
	} else if (parser->next[0] == '=') {
		parser->next++;
		pipeline->assigns = true;
	} else if (pipeline->variables.count > 1) {
		return template_parse_fail(parser, "unexpected text behind variables");
	} else {
		/* it was only used */
		parser->next = start;
		strv_clear(&pipeline->variables);
		return 0;
	}
	if (pipeline->variables.count > (in_range ? 2 : 1))
		return template_parse_fail(parser, "too many declarations");
	return 0;
}

static int parse_pipeline(struct template_parser *parser, bool in_range, struct pipeline **ret)
{
	struct pipeline *pipeline = xcalloc(1, sizeof(*pipeline));

	/* the tree owns it, whatever happens */
	*ret = pipeline;
	skip_blanks(parser);
	if (parse_declaration(parser, in_range, pipeline) < 0)
		return -1;
	for (;;) {
		pipeline->commands = xreallocarray(pipeline->commands, pipeline->count + 1,
						   sizeof(*pipeline->commands));

		struct command *command = &pipeline->commands[pipeline->count++];

		*command = (struct command){ NULL, 0 };
		if (parse_command(parser, command) < 0)
			return -1;
		if (*parser->next != '|')
			return 0;
		parser->next++;
	}
}

/* ---- nodes ---------------------------------------------------------------------------------------------------------- */

enum block_end { END_OF_TEXT, END_END, END_ELSE };

static int parse_nodes(struct template_parser *parser, struct node **ret_nodes,
		       enum block_end *ret_end);

static struct node *node_new(const struct template_parser *parser, enum node_kind kind)
{
	struct node *node = xcalloc(1, sizeof(*node));

	node->kind = kind;
	node->place = place_of(parser, parser->next);
	return node;
}

/* Behind "if", "with", "range": the pipeline, the body, else, end. */
static int parse_block(struct template_parser *parser, struct node *node)
{
	enum block_end end;

	if (++parser->depth > TEMPLATE_DEPTH_MAX)
		return template_parse_fail(parser, "too deeply nested");
	if (parse_pipeline(parser, node->kind == NODE_RANGE, &node->pipeline) < 0 ||
	    expect_end(parser) < 0)
		return -1;
	parser->ranges += node->kind == NODE_RANGE;
	if (parse_nodes(parser, &node->body, &end) < 0)
		return -1;
	parser->ranges -= node->kind == NODE_RANGE;
	if (end == END_ELSE) {
		skip_blanks(parser);
		/* "else if" and "else with" are a block in the else branch that shares its end */
		if (node->kind != NODE_RANGE &&
		    (word_is(parser->next, "if") || word_is(parser->next, "with"))) {
			bool is_if = word_is(parser->next, "if");

			node->otherwise = node_new(parser, is_if ? NODE_IF : NODE_WITH);
			parser->next += is_if ? 2 : 4;
			if (parse_block(parser, node->otherwise) < 0)
				return -1;
			parser->depth--;
			return 0;
		}
		if (expect_end(parser) < 0 || parse_nodes(parser, &node->otherwise, &end) < 0)
			return -1;
		if (end == END_ELSE)
			return template_parse_fail(parser, "a second else");
	} else if (end == END_OF_TEXT) {
		return template_parse_fail(parser, "unexpected EOF: an {{end}} is missing");
	}
	if (end == END_OF_TEXT)
		return template_parse_fail(parser, "unexpected EOF: an {{end}} is missing");
	/* of "end" itself */
	parser->depth--;
	return expect_end(parser);
}

static int parse_comment(struct template_parser *parser)
{
	const char *end = strstr(parser->next, "*/");

	if (end == NULL)
		return template_parse_fail(parser, "unclosed comment");
	parser->next = end + 2;
	if (isspace((unsigned char)*parser->next) && parser->next[1] == '-')
		parser->next++;
	if (!at_end(parser))
		return template_parse_fail(parser, "comment ends before closing delimiter");
	return expect_end(parser);
}

static int parse_action(struct template_parser *parser, struct node **ret_node,
			enum block_end *ret_end, bool *ret_stop)
{
	static const struct {
		const char *word;
		enum node_kind kind;
	} words[] = { { "if", NODE_IF },
		      { "with", NODE_WITH },
		      { "range", NODE_RANGE },
		      { "break", NODE_BREAK },
		      { "continue", NODE_CONTINUE } };
	static const char *const refused[] = { "define", "template", "block" };

	if (parser->next[0] == '/' && parser->next[1] == '*')
		return parse_comment(parser);
	skip_blanks(parser);
	if (word_is(parser->next, "end") || word_is(parser->next, "else")) {
		*ret_end = parser->next[1] == 'n' ? END_END : END_ELSE;
		parser->next += *ret_end == END_END ? 3 : 4;
		*ret_stop = true;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		if (word_is(parser->next, refused[i]))
			return template_parse_fail(parser, "named templates are not supported");
	}
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!word_is(parser->next, words[i].word))
			continue;
		*ret_node = node_new(parser, words[i].kind);
		parser->next += strlen(words[i].word);
		if (words[i].kind != NODE_BREAK && words[i].kind != NODE_CONTINUE)
			return parse_block(parser, *ret_node);
		if (parser->ranges == 0)
			return template_parse_fail(parser, "break or continue outside of range");
		return expect_end(parser);
	}
	*ret_node = node_new(parser, NODE_ACTION);
	if (parse_pipeline(parser, false, &(*ret_node)->pipeline) < 0)
		return -1;
	return expect_end(parser);
}

/* Text up to the next action; "{{- " takes the blanks before it away. */
static struct node *parse_text(struct template_parser *parser)
{
	const char *open = strstr(parser->next, "{{");
	const char *end = open != NULL ? open : parser->next + strlen(parser->next);
	const char *after = end;

	if (open != NULL) {
		after = open + 2;
		if (open[2] == '-' && isspace((unsigned char)open[3])) {
			after += 2;
			while (end > parser->next && isspace((unsigned char)end[-1]))
				end--;
		}
	}

	struct node *node = NULL;

	if (end > parser->next) {
		node = node_new(parser, NODE_TEXT);
		node->length = (size_t)(end - parser->next);
		node->text = xstrndup(parser->next, node->length);
	}
	parser->next = after;
	return node;
}

static int parse_nodes(struct template_parser *parser, struct node **ret_nodes,
		       enum block_end *ret_end)
{
	struct node **tail = ret_nodes;

	while (*parser->next != '\0') {
		const char *start = parser->next;
		bool has_action = strstr(parser->next, "{{") != NULL;
		bool stop = false;

		*tail = parse_text(parser);
		if (*tail != NULL)
			tail = &(*tail)->next;
		if (!has_action)
			continue;

		int status = parse_action(parser, tail, ret_end, &stop);

		if (*tail != NULL)
			tail = &(*tail)->next;
		if (status < 0)
			return -1;
		if (stop)
			return 0;
		if (parser->next == start)
			BUG("the template parser does not move");
	}
	*ret_end = END_OF_TEXT;
	return 0;
}

int template_parse(const char *text, struct template **ret_template, struct err *err)
{
	cleanup_template struct template *template = xcalloc(1, sizeof(*template));
	struct template_parser parser = { .text = text, .next = text, .err = err };
	enum block_end end;

	if (strlen(text) > TEMPLATE_LIMIT_BYTES)
		return err_set(err, ERR_LIMIT, "template: longer than %u bytes",
			       TEMPLATE_LIMIT_BYTES);
	if (parse_nodes(&parser, &template->nodes, &end) < 0)
		return -1;
	if (end != END_OF_TEXT)
		return template_parse_fail(&parser, end == END_END ? "unexpected {{end}}"
								   : "unexpected {{else}}");
	*ret_template = TAKE_PTR(template);
	return 0;
}
