#!/bin/bash
# Runs tests/guest/*.c in the guest, many on one boot; prints one TAP line for each of their checks.
#   tests/guest/run.sh [NAME...]      only these programs
#   GUEST_LINUX=1                     under Debian's Linux instead of Helctic: shows that the tests themselves are right
#   GUEST_SECONDS=30                  the longest that one program may take
#   GUEST_OPTIONS="--smp 4"           more options for helctic run
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$top" || exit 1
seconds=${GUEST_SECONDS:-30}
mkdir -p build/logs
make -s guest-programs >build/logs/guest-build.log 2>&1 || { cat build/logs/guest-build.log; echo "not ok - the guest's test programs build"; exit 1; }
if [ $# -gt 0 ]; then names=("$@"); else
	names=()
	for source in tests/guest/*.c; do names+=("$(basename "$source" .c)"); done
fi
options=(--volume build/guest:/tests --memory 512M)
# shellcheck disable=SC2206
options+=(${GUEST_OPTIONS:-})
if [ -n "${GUEST_LINUX:-}" ]; then
	tests/helctic/standin.sh || exit 1
	options+=(--kernel build/standin/vmlinuz --volume build/standin/root:/ --append "rdinit=/standin-init quiet")
fi

# Turns the runner's output into TAP with the program's name; remembers in $state how far it came.
convert() {
	awk -v state="$1" '
	/^==> / { name = $2; print name > state; close(state); count = 0; failed = 0; skipped = 0; text = ""; next }
	/^<== / {
		ending = $3 " " $4
		if (ending == "exit 0" && !count && !skipped) print "not ok - " name ": no check ran"
		else if (ending == "exit 0" || (ending == "exit 1" && failed)) { }
		else print "not ok - " name ": ended by " ending
		if (failed || (ending != "exit 0")) printf "%s", text
		print name " done" > state; close(state)
		fflush(); next
	}
	/^ok / { sub(/^ok *[0-9]* *(- )?/, ""); print "ok - " name ": " $0; count++; fflush(); next }
	/^not ok / { sub(/^not ok *[0-9]* *(- )?/, ""); print "not ok - " name ": " $0; count++; failed++; fflush(); next }
	/^1\.\.0 # SKIP/ { sub(/^1\.\.0 # SKIP */, ""); print "ok - " name " # SKIP " $0; skipped = 1; next }
	/^1\.\./ { next }
	{ text = text "# " $0 "\n"; if ($0 ~ /^#/) { print; fflush() } }'
}

status=0
while [ ${#names[@]} -gt 0 ]; do
	state=$(mktemp)
	HELCTIC_LOG_DIR=$top/build/logs build/host/helctic run "${options[@]}" --timeout $((seconds * ${#names[@]} + 60)) \
		build/guest-runner "$seconds" "${names[@]}" 2>build/logs/guest-errors.log </dev/null | convert "$state"
	code=${PIPESTATUS[0]}
	last=$(cat "$state")
	rm -f "$state"
	[ "$code" != 0 ] || break
	# The machine died: blame the program that was running and go on behind it.
	status=1
	sed 's/^/# /' build/logs/guest-errors.log | tail -n 60
	if [ -z "$last" ]; then
		echo "not ok - the guest's test runner starts (status $code)"
		break
	fi
	case $last in *" done") echo "not ok - the machine survives ${last% done} (status $code)" ;;
	*) echo "not ok - $last: the machine died (status $code)" ;; esac
	while [ ${#names[@]} -gt 0 ]; do
		name=${names[0]}
		names=("${names[@]:1}")
		[ "$name" != "${last% done}" ] || break
	done
done
exit $status
