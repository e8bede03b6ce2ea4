#!/bin/bash
# The order of the layers, as the design has it, checked on the include lines:
#   lib <- rmm <- src (core) <- src/arch/*; personality and btrfs include their own and lib only; what the core and the
#   libraries share are personality.h and btrfs.h. No processor is named outside src/arch and rmm.
set -u
cd "$(dirname "$0")/.." || exit 1
bad=0

# check FOLDER ALLOWED…: every quoted include in FOLDER begins with one of the allowed prefixes.
check() {
	local folder=$1 good=1
	shift
	[ -d "$folder" ] || return 0
	local pattern
	pattern=$(printf '|%s' "$@")
	while IFS= read -r line; do
		echo "# $line"
		good=0
	done < <(git ls-files -co --exclude-standard "$folder" | grep -E '\.(c|h|S)$' | grep -Ev "${exclude:-^$}" | xargs -r grep -n '#include "' |
		grep -Ev "#include \"(${pattern:1})")
	if [ $good = 1 ]; then echo "ok - $folder includes only $*"; else echo "not ok - $folder includes only $*" && bad=1; fi
}

check lib lib/
# rmm takes its locks and the boot's memory map from these headers of the core.
check rmm lib/ rmm/ src/arch/arch.h src/kernel.h src/boot.h src/context/cpu.h src/context/lock.h
exclude='^src/arch/' check src lib/ rmm/ src/ personality.h kernel_ops btrfs.h abi/ personality/include/ symbols
shared='personality canonical.h user_frame.h kernel_ops abi'
# shellcheck disable=SC2086
check personality/src lib/ $shared linux_machine.h
# shellcheck disable=SC2086
check personality/include lib/ $shared
check btrfs lib/ btrfs

core_arch=$(git ls-files -co --exclude-standard src lib | grep -E '\.(c|h)$' | grep -v '^src/arch/' | xargs -r grep -nE '#include "src/arch/(x86_64|aarch64|riscv64)/|__x86_64__|__aarch64__|__riscv' | grep -v '^src/elf')
if [ -z "$core_arch" ]; then echo "ok - no processor is named outside src/arch"; else
	echo "$core_arch" | sed 's/^/# /'
	echo "not ok - no processor is named outside src/arch"
	bad=1
fi
exit $bad
