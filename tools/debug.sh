#!/bin/sh
# Boots a shell in a machine that waits for gdb, with the console here.
top=$(cd "$(dirname "$0")/.." && pwd)
cat >&2 <<END
The machine waits. In another terminal:
  gdb $top/build/x86_64/helctic.elf -x $top/tools/gdb/helctic.py -ex 'target remote :1234'
then \`continue\`, ^C, helctic-ps, helctic-current, helctic-grants. Hardware breakpoints (hbreak kmain) work from the
start. ctrl-a x here ends the machine.
END
initrd=$(mktemp)
trap 'rm -f "$initrd"' EXIT
root=$(mktemp -d)
mkdir -p "$root/bin" "$root/dev" "$root/proc" "$root/sys" "$root/tmp" "$root/etc"
cp "$top/build/x86_64/init" "$root/init"
cp /bin/busybox "$root/bin/busybox"
ln -s busybox "$root/bin/sh"
(cd "$root" && find . | cpio -o -H newc --quiet) >"$initrd"
rm -rf "$root"
qemu-system-x86_64 -nodefaults -no-user-config -no-reboot -display none -machine q35 -cpu max -m 512M -serial mon:stdio -S -s \
	-kernel "$top/build/x86_64/helctic.elf" -initrd "$initrd" -append "console=ttyS0 ${APPEND:-}" -device isa-debug-exit,iobase=0xf4,iosize=4
