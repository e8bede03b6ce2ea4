#!/bin/bash
# The long tests of `make test-all`: five minutes of stress on four processors, the cost of a big program that is not
# touched, busybox's own suite.   tests/long/run.sh [WORD]   only the tests whose name has the word
set -u
cd "$(dirname "$0")/../.." || exit 1
word=${1:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

wanted() {
	case $1 in *"$word"*) return 0 ;; esac
	return 1
}
result() { # STATUS NAME [TEXT]
	if [ "$1" = 0 ]; then echo "ok - $2"; else echo "not ok - $2${3:+: $3}"; fi
}

if wanted "stress on four processors"; then
	make -s guest-programs >build/logs/guest-build.log 2>&1
	build/host/helctic run --smp 4 --memory 512M --timeout 900 --env STRESS_SECONDS="${STRESS_SECONDS:-300}" \
		build/guest/stress_context >"$work/stress" 2>&1 </dev/null
	status=$?
	sed 's/^/# /' "$work/stress" | tail -n 20
	result $status "stress on four processors for ${STRESS_SECONDS:-300} s: no hang, no panic, memory back" "status $status"
fi

if wanted "a big program that is not touched"; then
	cat >"$work/program.c" <<'END'
	#include <stdio.h>
	__asm__(".section .rodata\n.balign 4096\n.fill SIZE, 1, 7\n.text");
	int main(void) {
		char line[100];
		long kib = 0;
		FILE *file = fopen("/proc/meminfo", "r");
		while (fgets(line, sizeof line, file)) sscanf(line, "MemFree: %ld", &kib);
		printf("%ld\n", kib);
	}
END
	for size in 4096 209715200; do
		sed "s/SIZE/$size/" "$work/program.c" >"$work/$size.c"
		musl-gcc -static -O1 -o "$work/program-$size" "$work/$size.c" || exit 1
	done
	free=$(build/host/helctic run --memory 1G --volume "$work:/programs" /bin/busybox sh -c \
		'/programs/program-4096; /programs/program-209715200; /programs/program-4096; /programs/program-209715200' \
		2>"$work/errors" | tail -n 2 | tr '\n' ' ')
	set -- $free
	difference=$((${1:-0} - ${2:-0}))
	[ $# = 2 ] && [ $difference -le 1024 ]
	result $? "a program with 200 MiB of untouched data costs at most 1 MiB more memory than one without" "$difference KiB: $free"
	echo "# $difference KiB more"
fi

if wanted "busybox suite"; then
	tests/busybox/run.sh
fi
