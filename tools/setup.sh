#!/bin/sh
# Installs the packages that Helctic's build and tests need (Debian 12, Debian 13, Ubuntu 24.04). Quick when all are there.
#   tools/setup.sh           install what is missing
#   tools/setup.sh --check   only say what is missing (status 1 when something is)
set -eu

toolchain="clang-19 lld-19 llvm-19 libclang-rt-19-dev clang-format-19 clang-tidy-19 make git"
machines="qemu-system-x86 qemu-system-arm"
guest="busybox-static bash-static musl-tools libc6-dev"
tests="libcmocka-dev libarchive-dev cpio expect tmux"
sources="dpkg-dev zstd xz-utils ca-certificates"

# One query for all: the names that are not fully installed.
missing_packages() {
	for package in $toolchain $machines $guest $tests $sources; do echo "$package"; done | sort >"$work/wanted"
	# shellcheck disable=SC2046
	dpkg-query -W -f '${Package} ${db:Status-Status}\n' $(cat "$work/wanted") 2>/dev/null |
		sed -n 's/ installed$//p' | sort -u >"$work/present"
	comm -23 "$work/wanted" "$work/present" | tr '\n' ' '
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1; then
		echo "setup: sudo $*" >&2
		sudo "$@"
	else
		echo "setup: run this as root, or install sudo: $*" >&2
		exit 1
	fi
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! command -v dpkg-query >/dev/null 2>&1; then
	echo "setup: this is not a Debian or Ubuntu system; needed: $toolchain $machines $guest $tests" >&2
	exit 0
fi
missing=$(missing_packages)
[ -n "$missing" ] || exit 0
if [ "${1:-}" = --check ]; then
	echo "setup: missing packages: $missing" >&2
	exit 1
fi

echo "setup: installing $missing" >&2
export DEBIAN_FRONTEND=noninteractive
# The lists may be absent (containers) or old: refresh them only when the first attempt fails.
# shellcheck disable=SC2086
if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >"$work/log" 2>&1; then
	as_root apt-get update -q >&2
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >&2
fi
missing=$(missing_packages)
[ -z "$missing" ] || { echo "setup: still missing: $missing" >&2; exit 1; }
