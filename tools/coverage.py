#!/usr/bin/env python3
"""The coverage page: every call of the Linux table with its status and what the guest tests showed of it.

usage: tools/coverage.py TABLE RESULTS… > page.md
RESULTS are TAP logs of the guest tests; a line is "ok - PROGRAM: CALL: text", and a text that names an errno checks an error. A call
is real when checks of its success and of its errors were run and all passed; a call that cannot fail needs the first only."""
import re
import sys

CANNOT_FAIL = {"getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "umask", "sync", "sched_yield", "getpgrp",
               "alarm", "setfsuid", "setfsgid", "exit", "exit_group", "set_tid_address", "rt_sigreturn", "brk", "vhangup",
               "pause", "personality"}


def table(path):
    pattern = re.compile(r'^SYSCALL\((\d+), (\w+), (NONE|\w+\(\w+\)), (\w+), KINDS\(.*?\), "(.*)"\)')
    for line in open(path):
        match = pattern.match(line)
        if match:
            yield int(match[1]), match[2], match[3] != "NONE", match[4], match[5]


ERRNO = re.compile(r"\b(" + "|".join(re.findall(r"^    X\((E\w+),", open("lib/errno.h").read(), re.M)) + r")\b")


def results(paths):
    """name -> [successes passed, errors passed, failed]"""
    counts = {}
    for path in paths:
        try:
            lines = open(path, errors="replace")
        except FileNotFoundError:
            continue
        for line in lines:
            match = re.match(r"(ok|not ok) - \w+: (\w+): (.*)", line)
            if not match:
                continue
            count = counts.setdefault(match[2], [0, 0, 0])
            count[2 if match[1] != "ok" else 1 if ERRNO.search(match[3]) else 0] += 1
    return counts


def main():
    calls = list(table(sys.argv[1]))
    counts = results(sys.argv[2:])
    rows, totals = [], {"handled": 0, "tested": 0, "failing": 0}
    by_status = {}
    for number, name, handled, status, note in calls:
        good, errors, failed = counts.get(name, (0, 0, 0))
        tested = handled and not failed and good and (errors or name in CANNOT_FAIL)
        totals["handled"] += handled
        totals["tested"] += bool(tested)
        totals["failing"] += bool(failed)
        by_status[status] = by_status.get(status, 0) + 1
        shown = "yes" if tested else "FAILS" if failed else "success only" if good else "errors only" if errors else ""
        rows.append(f"| {number} | {name} | {'yes' if handled else ''} | {status.lower()} | {shown} | "
                    f"{good + errors}/{good + errors + failed} | {note} |")
    print("# Linux calls on x86_64\n")
    print(f"{len(calls)} calls: {totals['handled']} have code, {totals['tested']} are shown by guest tests to succeed and to fail "
          f"as they should, {totals['failing']} fail a check.")
    print("Status in the table: " + ", ".join(f"{count} {status.lower()}" for status, count in sorted(by_status.items())) + ".\n")
    print("*tested* comes from the results of the last run of the guest tests, not from a word in a table.\n")
    print("| number | call | code | status | tested | checks | note |\n| ---: | --- | --- | --- | --- | ---: | --- |")
    print("\n".join(rows))
    if not counts:
        print("no results of guest tests were found: run `tests/run.sh guest` first", file=sys.stderr)


main()
