# bash completion for dhow: asks `dhow __complete`
_dhow() {
	local IFS=$' \t\n' line files= words cur
	# words as the user sees them: bash would split them at : and =, too
	read -ra words <<<"${COMP_LINE:0:COMP_POINT}x"
	cur=${words[-1]%x} words[-1]=$cur COMPREPLY=()
	while IFS= read -r line; do
		line=${line%%$'\t'*}
		if [ "$line" = :files ]; then files=1; else COMPREPLY+=("${line#"${cur%"$2"}"}"); fi
	done < <("${words[0]}" __complete -- "${words[@]:1}" 2>/dev/null)
	[ -z "$files" ] || { compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$2"); }
}
complete -F _dhow dhow
