#!/bin/sh
# A demonstration without a terminal: real commands of Debian's busybox in the guest, each shown with its output.
# usage: demo.sh HELCTIC [OPTIONS of helctic shell]
set -eu
helctic=$1
shift
exec "$helctic" shell --timeout 120 "$@" <<'END'
say() {
	echo "\$ $*"
	eval "$*"
	status=$?
	[ $status = 0 ] || { echo "(status $status)"; failed=1; }
	echo
}
failed=0
cd /tmp
say uname -a
say cat /proc/version
say ls -l /
say 'for n in 1 2 3; do echo "line $n"; done > numbers; cat numbers'
say 'sort -r numbers | head -n 2'
say "sed 's/line/item/' numbers | awk '{ sum += \$2; print } END { print \"sum\", sum }'"
say 'mkdir -p a/b; echo deep > a/b/c; find a; grep -r deep a'
say 'tar -cf - a | gzip -c | gunzip -c | tar -tf -'
say 'md5sum numbers'
say 'square() { echo $(($1 * $1)); }; square 12'
say 'sleep 0.1 & wait $!; echo "background job: $?"'
say ps
say 'nproc; free -m'
say 'rm -r a numbers; ls -A | wc -l'
exit $failed
END
