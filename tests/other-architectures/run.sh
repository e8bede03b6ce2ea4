#!/bin/bash
# Everything but src/arch/<arch> compiles without warnings for all three architectures.
set -u
cd "$(dirname "$0")/../.." || exit 1
bad=0
for arch in aarch64 riscv64; do
	if make -s -j2 ARCH=$arch portable-objects >build/logs/objects-$arch.log 2>&1; then
		echo "ok - all portable sources compile for $arch"
	else
		tail -n 20 build/logs/objects-$arch.log | sed 's/^/# /'
		echo "not ok - all portable sources compile for $arch"
		bad=1
	fi
done
exit $bad
