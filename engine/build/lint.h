/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine/build/lint.h - build checks: what is allowed in a Dockerfile and yet seldom meant (private to engine/build)
 *
 * The rules have the names that BuildKit gives them, which `# check=skip=NAME,...;error=true` uses. lint.c has the rules that look at one
 * instruction or at a stage, lint_vars.c those about variables.
 */
#ifndef ENGINE_BUILD_LINT_H
#define ENGINE_BUILD_LINT_H

#include "engine/build/build_private.h"

struct lint_finding {
	const char *rule;
	const struct df_instruction *item; /* NULL: a line alone */
	unsigned line;
	char *text;
};
struct lint {
	struct build *build;
	struct strv skip; /* lower case */
	bool skip_all, is_error, experimental;
	struct lint_finding *findings; /* by line */
	size_t count;
};
void lint_release(struct lint *lint);
#define cleanup_lint __attribute__((cleanup(lint_release)))

/** Apply all rules to the Dockerfile, whose stages were read (graph.h). ERR_USAGE for a directive that makes no sense. */
int lint_run(struct build *build, struct lint *ret_lint, struct err *err);
void lint_add(struct lint *lint, const char *rule, const struct df_instruction *item, unsigned line,
	      const char *format, ...) __attribute__((format(printf, 5, 6)));
void lint_variables(struct lint *lint);

#endif
