/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/template_parse.h - the parser's place in the text; shared by template_parse.c and template_constant.c only
 */
#ifndef CLI_TEMPLATE_PARSE_H
#define CLI_TEMPLATE_PARSE_H

#include "cli/template_private.h"

struct template_parser {
	const char *text; /* whole */
	const char *next;
	unsigned depth;	 /* of blocks and parentheses */
	unsigned ranges; /* around the present place: break and continue are allowed */
	struct err *err;
};

/** ERR_USAGE with the place and what stands there. -1 */
int template_parse_fail(struct template_parser *parser, const char *what);
/** True for what can be in a name. */
bool template_is_word(char c);
/** "..", `..` or 'c' at the present place. New reference. */
int template_parse_string(struct template_parser *parser, json_t **ret);
int template_parse_number(struct template_parser *parser, json_t **ret);

#endif
