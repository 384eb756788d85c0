#compdef dhow
# zsh completion for dhow: asks `dhow __complete`
_dhow() {
	local line files; local -a found
	while IFS= read -r line; do
		if [[ $line == :files ]]; then files=1; continue; fi
		found+=("${${line%%$'\t'*}//:/\\:}${${(M)line%%*$'\t'*}:+:${line#*$'\t'}}")
	done < <("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)
	(( ${#found} )) && _describe dhow found
	[[ -z $files ]] || _files
}
[[ ${funcstack[1]} == _dhow ]] && _dhow "$@" || compdef _dhow dhow
