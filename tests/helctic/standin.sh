#!/bin/sh
# Prepares Debian's Linux as a stand-in for Helctic, to test the host command and /init by themselves:
# build/standin/vmlinuz and build/standin/root (an outer init, the modules of the multi-port console).
# Used as: helctic run --kernel build/standin/vmlinuz --volume build/standin/root:/ --append rdinit=/standin-init …
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
out=$top/build/standin
[ ! -f "$out/done" ] || exit 0
mkdir -p "$out/download" "$out/root"
cd "$out/download"
image=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p' | head -n 1)
[ -n "$image" ] || { echo "standin: no package linux-image-cloud-amd64" >&2; exit 1; }
ls ./*.deb >/dev/null 2>&1 || apt-get download -q "$image" >&2
rm -rf tree && mkdir tree && dpkg-deb -x ./*.deb tree
cp tree/boot/vmlinuz-* "$out/vmlinuz"
release=$(basename tree/lib/modules/* 2>/dev/null || basename tree/usr/lib/modules/*)
modules=$(find tree -type d -name "$release" -path '*modules*' | head -n 1)
mkdir -p "$out/root/standin"
for name in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_mmio virtio_console; do
	file=$(find "$modules" -name "$name.ko*" | head -n 1)
	[ -n "$file" ] || continue
	case $file in
	*.xz) xz -dc "$file" >"$out/root/standin/$name.ko" ;;
	*) cp "$file" "$out/root/standin/$name.ko" ;;
	esac
done
cp /bin/busybox "$out/root/standin/busybox"
cat >"$out/root/standin-init" <<'END'
#!/standin/busybox sh
b=/standin/busybox
$b mount -t devtmpfs dev /dev
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
for name in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_mmio virtio_console; do
	[ ! -f /standin/$name.ko ] || $b insmod /standin/$name.ko
done
$b mkdir -p /dev/virtio-ports
tries=0
while [ $tries -lt 50 ]; do
	for port in /sys/class/virtio-ports/*; do
		[ -f $port/name ] || continue
		read -r name <$port/name
		$b ln -sf ../${port##*/} /dev/virtio-ports/$name
	done
	[ ! -e /dev/virtio-ports/helctic.control ] || [ ! -e /dev/virtio-ports/helctic.stdin ] && [ ! -e /dev/hvc0 ] || break
	tries=$((tries + 1))
	$b usleep 20000
done
exec /init
END
chmod +x "$out/root/standin-init"
touch "$out/done"
