/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/commands.h - all commands, how one is found, and their help
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/cmd.h"

struct strbuf;

/** All commands, ended by NULL. */
extern const struct cmd *const commands[];

/** A word that stands before commands: `dhow container rm`. */
struct noun {
	const char *name;
	const char *help;
};
/** All nouns, ended by one without a name. */
extern const struct noun nouns[];

/** The options that stand before every command; they fill a struct global_opts. */
extern const struct opt global_rows[];
struct global_opts {
	char *root, *run_root;
	int log_level;	    /* enum debug_level, -1: not given */
	int storage_driver; /* enum storage_driver */
	int cgroup_manager; /* enum cgroup_manager */
	char *runtime;
	struct strv storage_opts;
	char *registries_conf;
	struct strv cdi_spec_dirs;
	bool debug, version, no_out;
	int events_backend; /* there is one */
	char *out;
	/* docker's own: */
	char *docker_host, *docker_context, *docker_config;
};
/** The same as docker has them: -c, -H, -D and -l mean something else. */
extern const struct opt docker_global_rows[];
/** The table for this program's name. */
const struct opt *global_rows_of(const struct cli *cli);
extern const struct global_opts global_defaults;
/** What they mean for the engine; sets the level of debug(). The texts stay global's. */
int global_apply(const struct global_opts *global, struct engine_options *options, struct err *err);

/** The command that words begin with: how many words name it; 0 when there is none (ret_noun may still be set). Borrowed. */
size_t commands_find(char *const *words, const struct cmd **ret_cmd, const char **ret_path,
		     const struct noun **ret_noun);
/** ERR_USAGE "unrecognized command", with the nearest one as hint. noun may be NULL. */
int commands_unknown(const struct cli *cli, const struct noun *noun, const char *word,
		     struct err *err);

/** A command of other engines that is not carried; path may be a noun. */
struct refused_command {
	const char *path, *reason;
};
/** All of them, ended by one without a path. */
extern const struct refused_command refused_commands[];
/** 0, or -1 (ERR_UNSUPPORTED, with the reason) when words begin with a refused one. */
int commands_refused(char *const *words, struct err *err);

/** Texts of --help. */
void commands_help(const struct cli *cli, struct strbuf *out);
void noun_help(const struct cli *cli, const struct noun *noun, struct strbuf *out);
void cmd_help(const struct cli *cli, const struct cmd *cmd, const char *path, struct strbuf *out);

#endif
