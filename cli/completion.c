/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli/completion.c - `completion SHELL`: the lines that make a shell ask `__complete`
 *
 * The same files are in completions/ and are installed where shells look for them; a test compares them.
 */
#include "cli/cmd.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/strbuf.h"

#include <stdio.h>

static const char bash_text[] =
	"# bash completion for dhow: asks `dhow __complete`\n"
	"_dhow() {\n"
	"\tlocal IFS=$' \\t\\n' line files= words cur\n"
	"\t# words as the user sees them: bash would split them at : and =, too\n"
	"\tread -ra words <<<\"${COMP_LINE:0:COMP_POINT}x\"\n"
	"\tcur=${words[-1]%x} words[-1]=$cur COMPREPLY=()\n"
	"\twhile IFS= read -r line; do\n"
	"\t\tline=${line%%$'\\t'*}\n"
	"\t\tif [ \"$line\" = :files ]; then files=1; else "
	"COMPREPLY+=(\"${line#\"${cur%\"$2\"}\"}\"); fi\n"
	"\tdone < <(\"${words[0]}\" __complete -- \"${words[@]:1}\" 2>/dev/null)\n"
	"\t[ -z \"$files\" ] || { compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "
	"\"$2\"); }\n"
	"}\n"
	"complete -F _dhow dhow\n";

static const char zsh_text[] =
	"#compdef dhow\n"
	"# zsh completion for dhow: asks `dhow __complete`\n"
	"_dhow() {\n"
	"\tlocal line files; local -a found\n"
	"\twhile IFS= read -r line; do\n"
	"\t\tif [[ $line == :files ]]; then files=1; continue; fi\n"
	"\t\tfound+=(\"${${line%%$'\\t'*}//:/\\\\:}${${(M)line%%*$'\\t'*}:+:${line#*$'\\t'}}\")\n"
	"\tdone < <(\"${words[1]}\" __complete -- \"${(@)words[2,CURRENT]}\" 2>/dev/null)\n"
	"\t(( ${#found} )) && _describe dhow found\n"
	"\t[[ -z $files ]] || _files\n"
	"}\n"
	"[[ ${funcstack[1]} == _dhow ]] && _dhow \"$@\" || compdef _dhow dhow\n";

static const char fish_text[] =
	"# fish completion for dhow: asks `dhow __complete`\n"
	"function __dhow_complete\n"
	"\tset -l words (commandline -opc) (commandline -ct)\n"
	"\tfor line in ($words[1] __complete -- $words[2..-1] 2>/dev/null)\n"
	"\t\tif test \"$line\" = :files\n"
	"\t\t\t__fish_complete_path (commandline -ct)\n"
	"\t\telse\n"
	"\t\t\techo $line\n"
	"\t\tend\n"
	"\tend\n"
	"end\n"
	"complete -c dhow -f -a '(__dhow_complete)'\n";

static const struct {
	const char *shell;
	const char *text;
} shells[] = { { "bash", bash_text }, { "zsh", zsh_text }, { "fish", fish_text } };

static int completion_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
		if (str_equal(shells[i].shell, args->items[0])) {
			(void)fputs(shells[i].text, stdout);
			return 0;
		}
	}
	err_set(err, ERR_UNSUPPORTED, "there is no completion for shell '%s'", args->items[0]);
	return err_hint(err, "It can be bash, zsh, fish.");
}

const struct cmd cmd_completion = {
	.paths = { "completion" },
	.synopsis = "SHELL",
	.help = "Print the completion file for bash, zsh or fish",
	.examples = "  . <(dhow completion bash)\n",
	.section = SECTION_OTHER,
	.min_args = 1,
	.max_args = 1,
	.run = completion_run,
};
