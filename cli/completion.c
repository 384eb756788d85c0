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
#include <string.h>

static const char bash_text[] =
	"# bash completion for dhow: asks `dhow __complete`\n"
	"_dhow() {\n"
	"\tlocal IFS=$' \\t\\n' line directive=0 before words cur\n"
	"\t# words as the user sees them: bash would split them at : and =, too\n"
	"\tread -ra words <<<\"${COMP_LINE:0:COMP_POINT}x\"\n"
	"\tcur=${words[-1]%x} words[-1]=$cur COMPREPLY=()\n"
	"\t# the part of the word that bash does not replace; of --name=value the value is "
	"answered alone\n"
	"\tbefore=${cur%\"$2\"}\n"
	"\t[[ $cur != -*=* ]] || before=${before#*=}\n"
	"\twhile IFS= read -r line; do\n"
	"\t\tif [[ $line =~ ^:[0-9]+$ ]]; then directive=${line#:}; continue; fi\n"
	"\t\t[[ $2 != -*=* ]] || line=${2%%=*}=$line\n"
	"\t\tCOMPREPLY+=(\"${line#\"$before\"}\")\n"
	"\tdone < <(\"${words[0]}\" __completeNoDesc \"${words[@]:1}\" 2>/dev/null)\n"
	"\t((directive & 2)) && compopt -o nospace\n"
	"\t((directive & 4)) && return\n"
	"\tcompopt -o filenames\n"
	"\tmapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen \"-$( ((directive & 16)) && echo d "
	"|| echo f)\" -- \"${2#-*=}\")\n"
	"}\n"
	"complete -F _dhow dhow\n";

static const char zsh_text[] =
	"#compdef dhow\n"
	"# zsh completion for dhow: asks `dhow __complete`\n"
	"_dhow() {\n"
	"\tlocal line directive=0; local -a found space\n"
	"\twhile IFS= read -r line; do\n"
	"\t\tif [[ $line == :<-> ]]; then directive=${line#:}; continue; fi\n"
	"\t\tfound+=(\"${${line%%$'\\t'*}//:/\\\\:}${${(M)line%%*$'\\t'*}:+:${line#*$'\\t'}}\")\n"
	"\tdone < <(\"${words[1]}\" __complete \"${(@Q)words[2,CURRENT]}\" 2>/dev/null)\n"
	"\t(( directive & 2 )) && space=(-S '')\n"
	"\t[[ ${words[CURRENT]} != -*=* ]] || compset -P 1 '*='\n"
	"\t(( ${#found} )) && _describe dhow found $space\n"
	"\t(( directive & 4 )) && return\n"
	"\tif (( directive & 16 )); then _files -/; else _files; fi\n"
	"}\n"
	"[[ ${funcstack[1]} == _dhow ]] && _dhow \"$@\" || compdef _dhow dhow\n";

static const char fish_text[] =
	"# fish completion for dhow: asks `dhow __complete`\n"
	"function __dhow_complete\n"
	"\tset -l now (commandline -ct)\n"
	"\tset -l words (commandline -opc)\n"
	"\tset -l before (string match -r -- '^-[^=]*=' \"$now\")\n"
	"\tset -l directive 0\n"
	"\tfor line in ($words[1] __complete $words[2..-1] \"$now\" 2>/dev/null)\n"
	"\t\tif string match -qr '^:[0-9]+$' -- $line\n"
	"\t\t\tset directive (string sub -s 2 -- $line)\n"
	"\t\telse\n"
	"\t\t\techo \"$before$line\"\n"
	"\t\tend\n"
	"\tend\n"
	"\tif test (math \"floor($directive / 4) % 2\") = 0\n"
	"\t\t__fish_complete_path (string replace -r -- '^-[^=]*=' '' \"$now\") | string replace "
	"-r '^' -- \"$before\"\n"
	"\tend\n"
	"end\n"
	"complete -c dhow -f -a '(__dhow_complete)'\n";

static const struct {
	const char *shell;
	const char *text;
} shells[] = { { "bash", bash_text }, { "zsh", zsh_text }, { "fish", fish_text } };

/* for the name that we are called by: who links docker to dhow completes docker */
static void print_for(const char *program, const char *text)
{
	static const char name[] = "dhow";
	const char *found;

	while ((found = strstr(text, name)) != NULL) {
		printf("%.*s%s", (int)(found - text), text, program);
		text = found + strlen(name);
	}
	(void)fputs(text, stdout);
}

static int completion_run(struct cli *cli, void *opts, const struct strv *args, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(shells); i++) {
		if (str_equal(shells[i].shell, args->items[0])) {
			print_for(cli->program, shells[i].text);
			return 0;
		}
	}
	if (str_equal(args->items[0], "powershell"))
		return err_set(err, ERR_UNSUPPORTED,
			       "there is no completion for shell 'powershell': it has no files of "
			       "a user's on this system");
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
	.complete = COMPLETE_SHELLS,
	.run = completion_run,
};
