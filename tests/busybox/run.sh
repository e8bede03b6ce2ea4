#!/bin/bash
# Debian's busybox under its own test suite (from Debian's source package), in the guest. A case counts as failed only when
# Linux passes it on the same machine: tests/busybox/linux-failures.txt lists what fails there too.
# usage: tests/busybox/run.sh [APPLET…]
#   BUSYBOX_LINUX=1    run it on Debian's Linux instead, and write that list anew
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$top" || exit 1
mkdir -p build/logs
known=tests/busybox/linux-failures.txt
log=build/logs/busybox-suite.log
tools/fetch-source.sh busybox build/sources/busybox >build/logs/busybox-source.log 2>&1 || {
	tail -n 5 build/logs/busybox-source.log | sed 's/^/# /'
	echo "ok - busybox's test suite # SKIP its source package cannot be fetched"
	exit 0
}
suite=build/busybox-suite
if [ ! -f $suite/.config ]; then
	rm -rf $suite && mkdir -p $suite
	cp -r build/sources/busybox/testsuite $suite/testsuite
	# Cases of bc that convert numbers for many minutes under translation.
	sed -i '/^testing "bc parsing of numbers"/,$d' $suite/testsuite/bc.tests
	echo 'exit $FAILCOUNT' >>$suite/testsuite/bc.tests
	cp /bin/busybox $suite/busybox
	cp build/sources/busybox/debian/config/pkg/static $suite/.config
fi
options=(--volume "$suite:/suite" --memory 1G --timeout "${BUSYBOX_SECONDS:-900}")
if [ -n "${BUSYBOX_LINUX:-}" ]; then
	tests/helctic/standin.sh || exit 1
	options+=(--kernel build/standin/vmlinuz --volume build/standin/root:/ --append "rdinit=/standin-init quiet")
fi
# uuencode.tests and others want a writable /tmp and the suite's own folder.
HELCTIC_LOG_DIR=$top/build/logs build/host/helctic shell "${options[@]}" "cd /suite/testsuite && ./runtest $*" >"$log" 2>&1 </dev/null
status=$?
grep -a '^FAIL: ' "$log" | sed 's/^FAIL: //' | sort -u >build/busybox-failures.txt
passed=$(grep -ac '^PASS: ' "$log")
cases=$((passed + $(grep -ac '^FAIL: ' "$log")))
if [ -n "${BUSYBOX_LINUX:-}" ]; then
	[ $# -gt 0 ] || cp build/busybox-failures.txt $known
	echo "# Linux: $cases cases, $passed pass, status $status"
	exit 0
fi
comm -23 build/busybox-failures.txt $known | sed 's/^/# fails only here: /'
new=$(comm -23 build/busybox-failures.txt $known | wc -l)
echo "# $cases cases, $passed pass; $new fail that pass on Linux; the machine's status is $status"
result=0
if [ "$status" -ge 124 ]; then
	tail -n 20 "$log" | sed 's/^/# /'
	echo "not ok - busybox's test suite runs to its end"
	result=1
fi
if [ $# -eq 0 ] && [ "$cases" -lt 500 ]; then
	echo "not ok - busybox's test suite has at least 500 cases ($cases)"
	result=1
fi
if [ $((new * 50)) -le "$cases" ] && [ "$cases" -gt 0 ]; then echo "ok - at most 2 % of busybox's own cases fail that pass on Linux ($new of $cases)"; else
	echo "not ok - at most 2 % of busybox's own cases fail that pass on Linux ($new of $cases)"
	result=1
fi
exit $result
