# bash completion for dhow: asks `dhow __complete`
_dhow() {
	local IFS=$' \t\n' line directive=0 before words cur
	# words as the user sees them: bash would split them at : and =, too
	read -ra words <<<"${COMP_LINE:0:COMP_POINT}x"
	cur=${words[-1]%x} words[-1]=$cur COMPREPLY=()
	# the part of the word that bash does not replace; of --name=value the value is answered alone
	before=${cur%"$2"}
	[[ $cur != -*=* ]] || before=${before#*=}
	while IFS= read -r line; do
		if [[ $line =~ ^:[0-9]+$ ]]; then directive=${line#:}; continue; fi
		[[ $2 != -*=* ]] || line=${2%%=*}=$line
		COMPREPLY+=("${line#"$before"}")
	done < <("${words[0]}" __completeNoDesc "${words[@]:1}" 2>/dev/null)
	((directive & 2)) && compopt -o nospace
	((directive & 4)) && return
	compopt -o filenames
	mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen "-$( ((directive & 16)) && echo d || echo f)" -- "${2#-*=}")
}
complete -F _dhow dhow
