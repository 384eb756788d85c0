# fish completion for dhow: asks `dhow __complete`
function __dhow_complete
	set -l now (commandline -ct)
	set -l words (commandline -opc)
	set -l before (string match -r -- '^-[^=]*=' "$now")
	set -l directive 0
	for line in ($words[1] __complete $words[2..-1] "$now" 2>/dev/null)
		if string match -qr '^:[0-9]+$' -- $line
			set directive (string sub -s 2 -- $line)
		else
			echo "$before$line"
		end
	end
	if test (math "floor($directive / 4) % 2") = 0
		__fish_complete_path (string replace -r -- '^-[^=]*=' '' "$now") | string replace -r '^' -- "$before"
	end
end
complete -c dhow -f -a '(__dhow_complete)'
