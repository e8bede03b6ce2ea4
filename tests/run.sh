#!/bin/bash
# Runs test suites and counts. usage: tests/run.sh SUITE…; suites: unit, fuzz, layers, lint, and every folder tests/NAME with
# a run.sh. Each prints TAP lines ("ok …", "not ok …"); all output is kept in build/logs/SUITE.log.
# The last line is "N passed, N failed"; the status tells the same.
set -u
cd "$(dirname "$0")/.." || exit 1
mkdir -p build/logs
export HELCTIC_LOG_DIR=$PWD/build/logs
passed=0 failed=0 skipped=0

suite_command() {
	case $1 in
	unit) echo "make -s -k -j$(nproc) --no-print-directory unit" ;;
	fuzz) echo "make -s -k -j$(nproc) --no-print-directory fuzz" ;;
	layers) echo "tools/check-layers.sh" ;;
	lint) echo "tools/lint.sh" ;;
	*) echo "tests/$1/run.sh" ;;
	esac
}

for suite in "$@"; do
	command=$(suite_command "$suite")
	case $command in tests/*) [ -x "$command" ] || continue ;; esac
	start=$(date +%s)
	echo "== $suite"
	$command 2>&1 | tee "build/logs/$suite.log"
	status=${PIPESTATUS[0]}
	good=$(grep -c '^ok ' "build/logs/$suite.log")
	bad=$(grep -c '^not ok ' "build/logs/$suite.log")
	skip=$(grep -c '^ok .*# SKIP' "build/logs/$suite.log")
	if [ "$status" != 0 ] && [ "$bad" = 0 ]; then
		echo "not ok - the suite $suite ended with status $status"
		bad=1
	fi
	if [ "$good" = 0 ] && [ "$bad" = 0 ]; then
		echo "not ok - the suite $suite ran nothing"
		bad=1
	fi
	passed=$((passed + good - skip)) failed=$((failed + bad)) skipped=$((skipped + skip))
	echo "== $suite: $good passed, $bad failed, $(($(date +%s) - start)) s"
done
[ "$skipped" = 0 ] || echo "skipped (not counted): $skipped"
for suite in "$@"; do
	[ -f "build/logs/$suite.log" ] && grep '^not ok ' "build/logs/$suite.log" | sed "s/^not ok/failed: $suite/"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
