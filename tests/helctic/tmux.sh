#!/bin/bash
# A shell in a real terminal (tmux): vi, job control, ^C, watch, top, a change of the window's size, the status.
# usage: tests/helctic/tmux.sh COMMAND     prints what went wrong; status 0 when all went well
set -u
# A user without a login shell or a locale has to do.
export SHELL=/bin/sh LC_ALL=C.UTF-8
terminal="tmux -u -L helctic-test-$$ -f /dev/null"
trap '$terminal kill-server 2>/dev/null' EXIT
$terminal new-session -d -x 100 -y 30 "$1; echo STATUS=\$?; sleep 30"

# Waits until the screen shows the text.
see() {
	for ((i = 0; i < 150; i++)); do
		$terminal capture-pane -p | grep -q -- "$1" && return
		sleep 0.1
	done
	echo "the screen does not show '$1':"
	$terminal capture-pane -p
	exit 1
}
keys() { $terminal send-keys "$@"; }

see '/ #'
keys 'stty size' Enter
see '30 100'
keys 'vi /tmp/file' Enter
see '/tmp/file'
keys i 'hello from vi' Enter 'second line'
sleep 0.3
keys Escape
sleep 0.5
keys ':wq' Enter
see '/ #'
keys 'clear; md5sum /tmp/file' Enter
see 4d2942a04d6a0059bbc4ef179b04b1a7
keys 'sleep 50' Enter
sleep 0.5
keys C-z
see Stopped
keys 'clear; fg' Enter
see 'sleep 50'
keys C-c
keys 'echo status $?' Enter
see 'status 130'
keys 'watch -n1 date' Enter
see 'Every 1'
keys C-c
keys 'clear; (sleep 0.2; echo from behind) & wait; echo $((40+2))' Enter
see 'from behind'
see 42
$terminal resize-window -x 120 -y 40
sleep 0.5
keys 'clear; stty size' Enter
see '40 120'
keys top Enter
see 'Mem:'
keys q
keys 'exit 7' Enter
see STATUS=7
