#!/bin/bash
# Boots a shell session again and again, each time with another allocation of a frame failing: the kernel must answer
# honestly and live. TAP.
#   tests/memory/fail_frame.sh [FIRST [STEP [LAST]]]     default: 140 10 300; smaller numbers fall into the kernel's boot
set -u
cd "$(dirname "$0")/../.." || exit 1
session='x=$(echo a b c | wc -w); (sleep 0.05; echo bg) & ls / | sort | head -3 >/tmp/f; cat /tmp/f | grep -c .; wait; echo $x'
status=0
for n in $(seq "${1:-140}" "${2:-10}" "${3:-300}"); do
	timeout 120 build/host/helctic run --timeout 60 --append "fail-frame=$n" /bin/busybox sh -c "$session" \
		>/dev/null 2>build/fail-frame.log </dev/null
	code=$?
	case $code in
	124 | 125) echo "not ok - allocation $n fails: status $code"; sed 's/^/# /' build/fail-frame.log; status=1 ;;
	*) echo "ok - allocation $n fails: status $code" ;;
	esac
done
exit $status
