# Runs in the guest: native programs beside busybox. Prints TAP.
PATH=/bin:/usr/bin
here=/tests
served=/served
check() { # name condition
	if [ "$2" = "$3" ]; then echo "ok - $1"; else echo "not ok - $1: $2, not $3"; fi
}
serve() { # program arguments
	mkdir -p $served
	"$@" &
	server=$!
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		grep -q " $served user " /proc/mounts && return
		sleep 0.05
	done
	echo "not ok - $1 serves"
}
end() {
	kill "$server" 2>/dev/null
	wait "$server" 2>/dev/null
	ended=$?
}

$here/hello | sed 's/^ok [0-9]*/ok/; s/^not ok [0-9]*/not ok/; /^1\.\./d'

serve $here/greeting $served
check "a served file" "$(cat $served/hello)" "Hello from a program that serves a scheme."
check "its size" "$(stat -c %s $served/hello)" 43
check "the list" "$(ls $served | tr '\n' ' ')" "hello note "
echo text >$served/note
check "what was written" "$(cat $served/note)" text
cat $served/missing 2>/dev/null
check "a missing name" $? 1
echo x 2>/dev/null >$served/new
check "no name can be made" "$([ -e $served/new ] && echo there)" ""
check "the mount's flags" "$(grep $served /proc/mounts | cut -d' ' -f4)" rw,nosuid,nodev,relatime
(for i in 1 2 3 4 5 6 7 8; do cat $served/hello & done; wait) >/tmp/many
check "eight readers at once" "$(wc -l </tmp/many)" 8
dd if=/dev/zero of=$served/note bs=8192 count=1 2>/dev/null
check "what does not fit is refused" $? 1
end
check "the mount goes with its server" "$(grep -c $served /proc/mounts)" 0

serve $here/bad_server $served silent
timeout 0.3 cat $served/x 2>/dev/null
check "a reader of a silent server can be killed" $? 143
end

serve $here/bad_server $served dies
cat $served/x 2>/tmp/error
check "a reader of a dying server fails" $? 1
check "with an I/O error" "$(grep -c 'Input/output error' /tmp/error)" 1
wait "$server"
check "and nothing is mounted then" "$(grep -c $served /proc/mounts)" 0

serve $here/bad_server $served garbage
cat $served/x 2>/tmp/error
check "a file that cannot be is refused" "$(grep -c 'Input/output error' /tmp/error)" 1

check "so is a name with a slash" "$(ls $served 2>/dev/null)" ""
kill -0 "$server"
check "the server was told of its mistakes" $? 0
end
