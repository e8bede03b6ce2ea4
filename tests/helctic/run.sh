#!/bin/bash
# The host command end to end. usage: tests/helctic/run.sh [WORD]: only the tests whose name contains WORD.
# HELCTIC_STANDIN=1 runs them on Debian's Linux in place of Helctic: the command and /init by themselves.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
only=${1:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$top/build/logs"
export HELCTIC_LOG_DIR=$top/build/logs
failed=0
options=()
limit=${HELCTIC_TEST_SECONDS:-60}
if [ -n "${HELCTIC_STANDIN:-}" ]; then
	"$top/tests/helctic/standin.sh" || exit 1
	options=(--kernel "$top/build/standin/vmlinuz" --volume "$top/build/standin/root:/" --append "rdinit=/standin-init quiet")
fi

helctic() {
	local command=$1
	shift
	timeout -k 5 $((limit + 30)) "$top/helctic" "$command" "${options[@]}" --timeout "$limit" "$@"
}

quoted_options() { [ ${#options[@]} = 0 ] || printf '%q ' "${options[@]}"; }

# expect NAME STATUS OUTPUT COMMAND…: runs the command; its status and standard output must be these.
expect() {
	local name=$1 want_status=$2 want=$3
	shift 3
	case $name in *"$only"*) ;; *) return ;; esac
	local got status
	"$@" >"$work/out" 2>"$work/err"
	status=$?
	got=$(cat "$work/out"; echo x)
	if [ "$status" = "$want_status" ] && { [ "$want" = ANY ] || [ "${got%x}" = "$want" ]; }; then
		echo "ok - $name"
		return 0
	fi
	failed=1
	echo "# status $status, wanted $want_status"
	[ "$want" = ANY ] || { echo "# wanted: $want"; head -c 2000 "$work/out" | sed 's/^/# got: /'; }
	tail -n 30 "$work/err" | sed 's/^/# error: /'
	echo "not ok - $name"
	return 1
}

# expect_error NAME STATUS TEXT COMMAND…: the status, and TEXT on standard error.
expect_error() {
	local name=$1 status=$2 text=$3
	shift 3
	case $name in *"$only"*) ;; *) return ;; esac
	"$@" >"$work/out" 2>"$work/err"
	local got=$?
	if [ $got = "$status" ] && grep -q -- "$text" "$work/err"; then
		echo "ok - $name"
	else
		failed=1
		echo "# status $got, wanted $status; wanted in the messages: $text"
		tail -n 30 "$work/err" | sed 's/^/# error: /'
		echo "not ok - $name"
	fi
}

compiler=$(command -v clang-19 || command -v cc)
compile() { # compile NAME FLAGS… <source
	"$compiler" -x "${language:-c}" -o "$work/$1" - "${@:2}" 2>"$work/err" || { sed 's/^/# /' "$work/err"; return 1; }
}

#--- no machine needed
expect "version" 0 "helctic $(sed -n 's/^VERSION := //p' "$top/Makefile")
" "$top/helctic" --version
expect "help on standard output" 0 ANY "$top/helctic" --help
expect_error "no command" 125 "what shall I do" "$top/helctic"
expect_error "unknown option" 125 "no option" "$top/helctic" run --frobnicate /bin/true
expect_error "missing program" 127 "/no/such/program: not found" helctic run /no/such/program
expect_error "missing program by name" 127 "no-such-program: not found" helctic run no-such-program
expect_error "folder as program" 126 "Is a directory" helctic run /etc
expect_error "file without x" 126 "Permission denied" helctic run /etc/passwd
printf 'garbage' >"$work/garbage" && chmod +x "$work/garbage"
printf '\177ELFgarbage' >"$work/broken" && chmod +x "$work/broken"
expect_error "broken ELF file" 126 "cannot run" helctic run "$work/broken"
expect_error "missing kernel" 125 "cannot read the kernel" "$top/helctic" run --kernel /no/kernel /bin/true
expect_error "missing volume" 125 "no/such/volume" helctic run --volume /no/such/volume /bin/true
: >"$work/not-a-kernel"
expect_error "no kernel in the file" 125 "QEMU failed" "$top/helctic" run --kernel "$work/not-a-kernel" /bin/true

#--- status and streams
b=/bin/busybox
expect "output" 0 "hello
" helctic run $b echo hello
expect "exit status" 42 "" helctic run $b sh -c 'exit 42'
expect "false" 1 "" helctic run $b false
expect "killed by a signal" 139 "" helctic run $b sh -c 'kill -SEGV $$'
pipe_through() { printf 'b\na\n' | helctic run $b sort | cat; }
expect "input and pipes" 0 "a
b
" pipe_through
separate() { helctic run $b sh -c 'echo out; echo err >&2' 2>"$work/separate"; cat "$work/separate"; }
expect "standard error apart" 0 "out
err
" separate
head -c 3000000 /dev/urandom >"$work/random"
binary() { helctic run $b cat <"$work/random" | cmp - "$work/random"; }
expect "binary-clean" 0 "" binary
empty_input() { helctic run $b wc -c </dev/null; }
expect "empty input" 0 "0
" empty_input
closed_input() { helctic run $b echo x <&-; }
expect "closed input" 0 "x
" closed_input
broken_pipe() { helctic run $b yes | head -n 1; return "${PIPESTATUS[0]}"; }
expect "reader that leaves" 141 "y
" broken_pipe
expect "many lines" 0 "20000
" bash -c "$(declare -f helctic); options=($(quoted_options)); top=$top limit=$limit; helctic run $b seq 20000 | wc -l"
expect_error "time-out" 124 "timed out" bash -c "$(declare -f helctic); options=($(quoted_options)); top=$top limit=4; helctic run $b sleep 100"
interrupt() { # interrupt SIGNAL COMMAND…: sends it to the host command after the program said that it runs
	local signal=$1
	shift
	"$top/helctic" run "${options[@]}" --timeout "$limit" "$@" >"$work/running" 2>"$work/err" &
	local process=$! tries=0
	while ! grep -q running "$work/running" && [ $tries -lt 300 ]; do sleep 0.1; tries=$((tries + 1)); done
	kill -"$signal" $process
	wait $process
}
# The shell's background jobs ignore SIGINT; env gives it back its meaning.
expect "terminated" 143 "" interrupt TERM $b sh -c 'echo running; exec busybox sleep 60'
expect "hung up" 129 "" interrupt HUP $b sh -c 'echo running; exec busybox sleep 60'
interrupted() { env --default-signal=INT bash -c "$(declare -f interrupt); options=($(quoted_options)); top=$top limit=$limit work=$work; set -m; interrupt INT $b sh -c 'echo running; exec busybox sleep 60'"; }
expect "interrupted" 130 "" interrupted
trapped() { interrupt TERM $b sh -c 'trap "echo caught; exit 5" TERM; echo running; while :; do :; done'; local s=$?; cat "$work/running"; return $s; }
expect "a signal the program handles" 5 "running
caught
" trapped

#--- environment and files
expect "arguments" 0 "<a b><><*><'>
" helctic run $b sh -c 'for a; do printf "<%s>" "$a"; done; echo' sh "a b" "" "*" "'"
expect "environment" 0 "x y
" helctic run --env "A=x y" $b sh -c 'echo "$A"'
inherited() { FROM_HOST=1234 helctic run --env FROM_HOST $b sh -c 'echo $FROM_HOST'; }
expect "environment from the host" 0 "1234
" inherited
expect "workdir" 0 "/some/where
" helctic run --workdir /some/where $b pwd
elsewhere() { cd /usr/share && helctic run $b pwd; }
expect "current folder" 0 "/usr/share
" elsewhere
mkdir -p "$work/volume/sub" && echo data >"$work/volume/sub/file" && ln -s sub/file "$work/volume/link"
expect "volume" 0 "data
" helctic run --volume "$work/volume:/v" $b cat /v/link
expect "file named by an argument" 0 "data
" helctic run $b cat "$work/volume/sub/file"
printf '#!/bin/busybox sh\necho script $1\n' >"$work/script" && chmod +x "$work/script"
expect "script" 0 "script one
" helctic run "$work/script" one
expect_error "no program format" 126 "xec format" helctic run "$work/garbage"

#--- dynamic programs
expect "dynamic program of the host" 0 "$(/bin/uname -s)
" helctic run /bin/uname -s
compile hello <<'END' && expect "dynamic program just compiled" 7 "hello 3
" helctic run "$work/hello" a b
#include <stdio.h>
int main(int count, char **arguments) { printf("hello %d\n", count); return 7; }
END
compile null -O0 <<'END' && expect "null pointer" 139 "" helctic run "$work/null"
int main(void) { return *(volatile int *)0; }
END
compile threads -pthread <<'END' && expect "threads" 0 "4000
" helctic run "$work/threads"
#include <pthread.h>
#include <stdio.h>
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int sum;
static void *work(void *p) { for (int i = 0; i < 1000; i++) { pthread_mutex_lock(&lock); sum++; pthread_mutex_unlock(&lock); } return p; }
int main(void) {
    pthread_t t[4];
    for (int i = 0; i < 4; i++) pthread_create(&t[i], 0, work, 0);
    for (int i = 0; i < 4; i++) pthread_join(t[i], 0);
    printf("%d\n", sum);
}
END
language=c++ compile plus -lstdc++ <<'END' && expect "C++ with an exception" 3 "caught x
" helctic run "$work/plus"
#include <iostream>
#include <string>
int main() { try { throw std::string("x"); } catch (const std::string &s) { std::cout << "caught " << s << std::endl; } return 3; }
END
compile needs -Wl,--no-as-needed -L"$work" <<'END' >/dev/null && cp "$work/needs" "$work/needs-ok"
int main(void) { return 0; }
END
printf 'int f(void) { return 1; }' | "$compiler" -x c -shared -fPIC -o "$work/libgone.so" - 2>/dev/null
printf 'int f(void); int main(void) { return f(); }' | "$compiler" -x c -o "$work/orphan" - -L"$work" -lgone 2>/dev/null
expect_error "missing library" 127 "cannot find the library libgone.so" helctic run "$work/orphan"
expect "LD_LIBRARY_PATH" 1 "" helctic run --env LD_LIBRARY_PATH="$work" "$work/orphan"
if [ -x /usr/bin/python3 ]; then
	expect "python" 0 "42
" helctic run /usr/bin/python3 -c 'print(6*7)'
fi
if command -v musl-gcc >/dev/null; then
	printf '#include <stdio.h>\nint main(void) { puts("musl"); }' | musl-gcc -x c -o "$work/musl" - 2>/dev/null
	expect "dynamic program of musl" 0 "musl
" helctic run "$work/musl"
fi

#--- the machine
expect "four processors" 0 "4
" helctic run --smp 4 $b nproc
expect "shell command" 0 "/
" helctic shell pwd
shell_input() { echo 'echo $((6*7)) | tr 4 5' | helctic shell; }
expect "shell from a pipe" 0 "52
" shell_input
if command -v expect >/dev/null; then
	{
		echo '#!/bin/bash'
		printf 'exec %q shell ' "$top/helctic"
		quoted_options
	} >"$work/shell"
	chmod +x "$work/shell"
	terminal() {
		command expect -c "
			set timeout $limit
			spawn -noecho $work/shell
			expect \"# \"; send \"tty; stty size; echo A=\\\$((6*7))\\r\"
			expect \"A=42\" {} timeout { exit 101 }
			expect \"# \"; send \"sleep 100\\r\"; sleep 1; send \"\\003\"
			expect \"# \" {} timeout { exit 102 }
			send \"exit 3\\r\"; expect eof {} timeout { exit 103 }
			exit [lindex [wait] 3]" >"$work/terminal" 2>&1
		local status=$?
		[ $status = 3 ] || sed 's/^/# /' "$work/terminal" >&2
		return $status
	}
	expect "terminal: prompt, ^C, status" 3 "" terminal
fi
if command -v tmux >/dev/null && [ -n "$(tmux -V 2>/dev/null)" ]; then
	[ -f "$work/shell" ] || printf '#!/bin/bash\nexec %q shell %s\n' "$top/helctic" "$(quoted_options)" >"$work/shell"
	chmod +x "$work/shell"
	in_tmux() { "$top/tests/helctic/tmux.sh" "$work/shell" >&2; }
	expect "terminal: vi, job control, window size" 0 "" in_tmux
fi
if [ -z "${HELCTIC_STANDIN:-}" ]; then
	expect "microvm" 0 "hello
" helctic run --machine microvm $b echo hello
	expect_error "trace" 0 'write(1, "hello' helctic run --trace $b echo hello
	traced() { helctic run --trace="$work/trace" $b echo hello 2>&1 && grep -c 'exit_group(0' "$work/trace"; }
	expect "trace to a file" 0 "hello
1
" traced
	expect_error "trace summary" 0 'write' helctic run --trace-summary $b echo hello
	expect_error "a panic names its functions" 125 "store_sysrq" helctic run $b sh -c 'echo c >/proc/sysrq-trigger'
fi
exit $failed
