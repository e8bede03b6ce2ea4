#!/bin/bash
# What `make lint` checks: format, headers that compile alone, layers, size of files, clang-tidy on the host command.
set -u
cd "$(dirname "$0")/.." || exit 1
bad=0
say() { # say NAME OUTPUT: good when there is no output
	if [ -z "$2" ]; then echo "ok - $1"; else
		echo "$2" | sed 's/^/# /'
		echo "not ok - $1"
		bad=1
	fi
}

say "all C sources are formatted" "$(git ls-files '*.c' '*.h' | xargs -r clang-format-19 --dry-run 2>&1 | grep -E 'warning:|error:' | cut -d: -f1 | sort -u | head -n 40)"

flags=$(make -s --no-print-directory print-kernel-flags)
alone() {
	git ls-files '*.h' | grep -E '^(lib|rmm|src|personality/include|btrfs)/' | grep -Ev '^src/arch/(aarch64|riscv64|hosted)/' |
		xargs -r -P 2 -I{} sh -c "echo '#include \"{}\"' | clang-19 $flags -Wno-unused-function -x c -fsyntax-only - >/dev/null 2>&1 || echo '{}'"
}
say "every header of the kernel compiles alone" "$(alone | sort)"

say "files have at most 800 lines" "$(git ls-files '*.c' '*.h' '*.S' | xargs -r wc -l | awk '$1 > 800 && $2 != "total" { print $2 ": " $1 }')"

if [ -z "${LINT_QUICK:-}" ] && command -v clang-tidy-19 >/dev/null 2>&1; then
	say "clang-tidy finds nothing in the host command" "$(clang-tidy-19 --quiet --checks='-*,clang-analyzer-deadcode*,clang-analyzer-unix.Malloc*,bugprone-infinite-loop,bugprone-sizeof-expression,bugprone-suspicious-*,-bugprone-suspicious-include' tools/helctic/*.c -- -std=c23 -D_GNU_SOURCE -I. '-DHELCTIC_VERSION="0"' 2>/dev/null | grep -E 'warning:|error:')"
fi
tools/check-layers.sh || bad=1
exit $bad
