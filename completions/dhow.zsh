#compdef dhow
# zsh completion for dhow: asks `dhow __complete`
_dhow() {
	local line directive=0; local -a found space
	while IFS= read -r line; do
		if [[ $line == :<-> ]]; then directive=${line#:}; continue; fi
		found+=("${${line%%$'\t'*}//:/\\:}${${(M)line%%*$'\t'*}:+:${line#*$'\t'}}")
	done < <("${words[1]}" __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)
	(( directive & 2 )) && space=(-S '')
	[[ ${words[CURRENT]} != -*=* ]] || compset -P 1 '*='
	(( ${#found} )) && _describe dhow found $space
	(( directive & 4 )) && return
	if (( directive & 16 )); then _files -/; else _files; fi
}
[[ ${funcstack[1]} == _dhow ]] && _dhow "$@" || compdef _dhow dhow
