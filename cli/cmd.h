/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/cmd.h - what a command is, and what it gets
 *
 * Each command is one `const struct cmd` at the end of its own file and one line in cli/commands.c. Its paths are the words
 * that name it ("rm", "container rm"); the first is the one that messages use. main() finds the command, fills a copy of its
 * defaults from the words, sets up what .needs says, calls .run, and prints the one error.
 *
 * .run returns the exit status (0 to 255), or -1 with err: then main() prints it and exits with its kind's status. A command
 * that works on several objects prints each failure with cli_error() and goes on.
 */
#ifndef CLI_CMD_H
#define CLI_CMD_H

#include "base/strv.h"
#include "cli/opt.h"
#include "engine/engine.h"

#include <stdbool.h>
#include <stddef.h>

struct err;

/** What completion offers for an argument. */
enum cmd_complete {
	COMPLETE_NOTHING,
	COMPLETE_CONTAINERS,
	COMPLETE_RUNNING,
	COMPLETE_STOPPED,
	COMPLETE_PAUSED,
	COMPLETE_IMAGES,
	COMPLETE_VOLUMES,
	COMPLETE_SECRETS,
	COMPLETE_OBJECTS, /* containers, images, volumes */
	COMPLETE_COPY,	  /* CONTAINER:PATH, or a file */
	COMPLETE_SHELLS,
	COMPLETE_FILES,
	COMPLETE_COMMANDS,
};

enum cmd_needs {
	NEEDS_STORE = 1 << 0,	/* an engine; nothing is made on disk */
	NEEDS_WRITING = 1 << 1, /* an engine that may write */
	NEEDS_SELF = 1 << 2,	/* it enters containers: runtime_protect_self() comes first (R5) */
};

/** The section of `dhow --help` that a command stands in. */
enum cmd_section {
	SECTION_RUN,
	SECTION_LOOK,
	SECTION_IMAGES,
	SECTION_OTHER,
	SECTION_NONE, /* only in the help of its noun */
	SECTION_COUNT
};

/** What every command gets. */
struct cli {
	const char *program; /* "dhow", "podman", "docker": the name it was called by */
	bool as_docker;
	struct engine_options options; /* from the global options */
	struct engine *engine;	       /* NULL unless .needs asks for it */
	const struct cmd *cmd;
	const char *path;	  /* the words it was called by: "container rm" */
	struct strv command_line; /* all words, the program's name first */
};

#define CMD_PATHS_MAX 8

struct cmd {
	const char *paths[CMD_PATHS_MAX];
	const char *synopsis; /* of the arguments: "CONTAINER [CONTAINER...]"; "" for none */
	const char *help;     /* one line, no full stop */
	const char *examples; /* lines for the end of --help, or NULL */
	enum cmd_section section;
	int min_args, max_args; /* max_args -1: any number */
	enum cmd_complete complete;
	bool complete_first_only; /* the arguments behind the first are something else */
	unsigned needs;		  /* enum cmd_needs */
	const struct opt *opts;
	size_t opts_size;
	const void *defaults;
	bool no_options; /* every word is an argument, also those that look like options */
	bool options_first; /* options end at the first argument: the rest belongs to another program */
	bool hidden;
	int (*run)(struct cli *cli, void *opts, const struct strv *args, struct err *err);
};

/** Print a failure on stderr, "Error: ..." and the hint, and return its exit status. */
int cli_error(const struct cli *cli, const struct err *err);
/** Print "Warning: text": the engine's callback for what is no failure. arg is not used. */
void cli_warning(void *arg, const char *text);
/** The greater of two exit statuses of one command. */
static inline int cli_worse(int status, int other)
{
	return other > status ? other : status;
}

#endif
