#!/bin/bash
# Boots Debian's Linux and Helctic in the same QEMU with the same static binary as /init and prints the ratios.
#   bench/run.sh            instructions under -icount shift=0, one processor
#   KVM=1 bench/run.sh      cycles under KVM
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
out=$top/build/bench
mkdir -p "$out/root" || exit 1
musl-gcc -static -O2 -o "$out/root/init" "$top/bench/measure.c" || exit 1
(cd "$out/root" && echo init | cpio -o -H newc --quiet >"$out/archive.cpio") || exit 1
"$top/tests/helctic/standin.sh" || exit 1

machine=(-M q35 -m 256M -smp 1 -nographic -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=4)
if [ "${KVM:-0}" = 1 ]; then machine+=(-enable-kvm -cpu host); else machine+=(-cpu ${BENCH_CPU:-max,-erms} -icount shift=0); fi

boot() { # NAME KERNEL COMMAND-LINE
	timeout "${BENCH_SECONDS:-900}" qemu-system-x86_64 "${machine[@]}" -kernel "$2" -initrd "$out/archive.cpio" \
		-append "$3" </dev/null 2>&1 | tr -d '\r' >"$out/$1.log"
	grep -q '^done$' "$out/$1.log" || { echo "bench: $1 did not finish:" >&2; tail -n 20 "$out/$1.log" >&2; return 1; }
}
boot linux "$out/../standin/vmlinuz" "console=ttyS0 quiet mitigations=off nokaslr" || exit 1
boot helctic "$top/build/x86_64/helctic.elf" "console=ttyS0 quiet" || exit 1
awk '
	FNR == NR { linux[$1] = $2; next }
	$1 in linux && $2 ~ /^[0-9]+$/ && NF == 2 { printf "%-22s %12d %12d %8.2f\n", $1, linux[$1], $2, $2 / linux[$1] }
	BEGIN { printf "%-22s %12s %12s %8s\n", "operation", "Linux", "Helctic", "ratio" }
' "$out/linux.log" "$out/helctic.log" | tee "$out/ratios.txt"
