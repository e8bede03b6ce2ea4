# Completion of helctic for bash.
_helctic() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} i
	local options="--trace --trace= --trace-summary --strict --smp --memory --env --workdir --volume --timeout --root
		--personality --machine --kernel --append --verbose --help"
	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "run shell bench --help --version" -- "$word")
		return
	fi
	case ${COMP_WORDS[1]} in run | shell) ;; *) return ;; esac
	case $before in
	--personality) mapfile -t COMPREPLY < <(compgen -W "native linux windows darwin freebsd netbsd openbsd" -- "$word") && return ;;
	--machine) mapfile -t COMPREPLY < <(compgen -W "q35 microvm" -- "$word") && return ;;
	--smp) mapfile -t COMPREPLY < <(compgen -W "1 2 4 8" -- "$word") && return ;;
	--memory) mapfile -t COMPREPLY < <(compgen -W "256M 512M 1G 2G 4G" -- "$word") && return ;;
	--env) mapfile -t COMPREPLY < <(compgen -v -- "$word") && return ;;
	--root | --workdir) mapfile -t COMPREPLY < <(compgen -d -- "$word") && return ;;
	--kernel | --volume) mapfile -t COMPREPLY < <(compgen -f -- "$word") && return ;;
	--timeout | --append) return ;;
	esac
	# Behind the program, everything is the program's.
	for ((i = 2; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--trace | --trace=* | --trace-summary | --strict | --verbose | --*=*) ;;
		--*) ((i++)) ;;
		*) mapfile -t COMPREPLY < <(compgen -f -- "$word") && return ;;
		esac
	done
	if [[ $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
	elif [ "${COMP_WORDS[1]}" = run ]; then
		mapfile -t COMPREPLY < <(compgen -c -f -- "$word")
	fi
}
complete -o filenames -F _helctic helctic
