#!/bin/bash
# Native programs in the guest: the interface by op index, a scheme that a program serves, and one that misbehaves.
set -u
cd "$(dirname "$0")/../.." || exit 1
make -s user || { echo "not ok - the native programs build"; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp build/x86_64/user/{hello,greeting,bad_server} tests/native/guest.sh "$work"
build/host/helctic run --volume "$work:/tests" --timeout 60 /bin/busybox sh /tests/guest.sh | tee "$work/output"
status=${PIPESTATUS[0]}
[ "$status" = 0 ] || echo "not ok - the guest ended with status $status"
! grep -q '^not ok' "$work/output" && [ "$status" = 0 ]
