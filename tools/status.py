#!/usr/bin/env python3
"""Writes docs/coverage.md and the status table of README.md from build/coverage.md and the logs of the last `make test`."""
import re
from pathlib import Path

SUITES = [
    ("unit", "hosted tests (ASan, UBSan)"),
    ("fuzz", "fuzz targets"),
    ("guest", "checks of programs in the guest"),
    ("native", "checks of native programs"),
    ("helctic", "checks of the host command"),
]
START, END = "<!-- status: written by make status -->", "<!-- end of status -->"


def count(suite):
    log = Path("build/logs") / f"{suite}.log"
    if not log.exists():
        return None
    lines = log.read_text(errors="replace").splitlines()
    return sum(line.startswith("ok ") for line in lines), sum(line.startswith("not ok") for line in lines)


def main():
    coverage = Path("build/coverage.md").read_text()
    Path("docs/coverage.md").write_text(coverage)
    calls = re.search(r"(\d+) calls: (\d+) have code, (\d+) are shown", coverage)
    rows = ["| what | passed | failed |", "| --- | ---: | ---: |"]
    for suite, text in SUITES:
        result = count(suite)
        if result:
            rows.append(f"| {text} | {result[0]} | {result[1]} |")
    rows.append("")
    rows.append(
        f"Of {calls[1]} Linux calls {calls[2]} have code; guest tests show {calls[3]} to succeed and to fail as Linux's do."
    )
    readme = Path("README.md")
    text = readme.read_text()
    head, rest = text.split(START)
    readme.write_text(head + START + "\n" + "\n".join(rows) + "\n" + END + rest.split(END)[1])


main()
