#!/bin/bash
# Boots Debian's Linux and Helctic in the same QEMU with the same static binary as /init and prints the ratios:
# instructions (-icount shift=0, one processor), then the host's time without icount on one and on four processors.
#   bench/run.sh            everything
#   KVM=1 bench/run.sh      host time under KVM only
#   BENCH_WALL=0            instructions only
# The page that it writes is build/bench/report.md.
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
out=$top/build/bench
rm -rf "$out/root" && mkdir -p "$out/root" || exit 1
musl-gcc -static -O2 -o "$out/root/init" "$top/bench/measure.c" || exit 1
(cd "$out/root" && echo init | cpio -o -H newc --quiet >"$out/instructions.cpio") || exit 1
: >"$out/root/wall"
(cd "$out/root" && printf 'init\nwall\n' | cpio -o -H newc --quiet >"$out/wall.cpio") || exit 1
"$top/tests/helctic/standin.sh" || exit 1

# ERMS is off: under icount Linux's byte strings would count an instruction per byte, which flatters Helctic.
cpu=${BENCH_CPU:-max,-erms}
boot() { # NAME KERNEL COMMAND-LINE ARCHIVE QEMU-OPTIONS…
	local name=$1 kernel=$2 line=$3 archive=$4
	shift 4
	timeout "${BENCH_SECONDS:-900}" qemu-system-x86_64 -M q35 -m 256M -nographic -no-reboot \
		-device isa-debug-exit,iobase=0xf4,iosize=4 "$@" -kernel "$kernel" -initrd "$out/$archive.cpio" -append "$line" \
		</dev/null 2>&1 | tr -d '\r' >"$out/$name.log"
	grep -q '^done$' "$out/$name.log" || { echo "bench: $name did not finish:" >&2; tail -n 20 "$out/$name.log" >&2; return 1; }
}
both() { # NAME ARCHIVE QEMU-OPTIONS…
	local name=$1 archive=$2
	shift 2
	boot "linux-$name" "$out/../standin/vmlinuz" "console=ttyS0 quiet mitigations=off nokaslr" "$archive" "$@" &&
		boot "helctic-$name" "$top/build/x86_64/helctic.elf" "console=ttyS0 quiet" "$archive" "$@"
}

columns=()
if [ "${KVM:-0}" = 1 ]; then
	both kvm wall -enable-kvm -cpu host -smp 1 || exit 1
	columns+=(kvm)
else
	both instructions instructions -cpu "$cpu" -smp 1 -icount shift=0 || exit 1
	columns+=(instructions)
	if [ "${BENCH_WALL:-1}" = 1 ]; then
		both wall-1 wall -cpu "$cpu" -smp 1 && columns+=(wall-1)
		both wall-4 wall -cpu "$cpu" -smp 4 && columns+=(wall-4)
	fi
fi

{
	printf '%-22s %12s %12s' operation "Linux" "Helctic"
	for column in "${columns[@]}"; do printf ' %12s' "$column"; done
	[ "${columns[0]}" != instructions ] || printf ' %8s %8s %8s' flushes IPIs tables
	printf '\n'
	for name in init-reached memory-used-KiB $(sed -n 's/^    {"\([^"]*\)".*/\1/p' "$top/bench/measure.c"); do
		awk -v name="$name" -v columns="${columns[*]}" -v out="$out" '
			function value(system_name, column, key,    line, part, result) {
				result = ""
				while ((getline line < (out "/" system_name "-" column ".log")) > 0)
					if (split(line, part, " ") == 2 && part[1] == key) result = part[2]
				close(out "/" system_name "-" column ".log")
				return result
			}
			BEGIN {
				count = split(columns, column, " ")
				printf "%-22s %12s %12s", name, value("linux", column[1], name), value("helctic", column[1], name)
				for (i = 1; i <= count; i++) {
					linux = value("linux", column[i], name)
					printf " %12s", (linux > 0 ? sprintf("%.2f", value("helctic", column[i], name) / linux) : "-")
				}
				if (column[1] == "instructions")
					printf " %8.2f %8.2f %8.2f", value("helctic", column[1], name ":flushes") / 1000,
						value("helctic", column[1], name ":interrupts") / 1000, value("helctic", column[1], name ":tables") / 1000
				printf "\n"
			}' </dev/null
	done
} | tee "$out/ratios.txt"
{
	echo "# Helctic against Linux"
	echo
	echo "Debian's cloud kernel (mitigations=off) and Helctic in the same QEMU with the same static binary as /init."
	echo "\`instructions\` is the ratio Helctic / Linux under \`-icount shift=0\`; \`wall-1\` and \`wall-4\` the ratio of the host's"
	echo "time without icount on one and four processors (the least of seven runs: this machine may be shared). The last columns"
	echo "count for Helctic, per operation, what icount can't see: it prices TLB flushes, interrupts between processors, page-table"
	echo "switches, cache misses and device accesses at nothing, and each iteration of a \`rep\` instruction as an instruction."
	echo "In yield-round-trip Linux's fair scheduler mostly keeps the processor with the caller, Helctic switches every time."
	echo
	echo '```'
	cat "$out/ratios.txt"
	echo '```'
} >"$out/report.md"
