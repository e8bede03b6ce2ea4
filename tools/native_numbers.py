#!/usr/bin/env python3
"""Gives native.tbl the numbers of kernel_ops.def and a line for each op that it lacks. Only for use before a release:
native programs rely on the numbers."""
import re

ops = re.findall(r"^KERNEL_OP\((\w+),", open("personality/include/kernel_ops.def").read(), re.M)
path = "personality/src/native/native.tbl"
text = open(path).read()
head = [line for line in text.splitlines() if not line.startswith("SYSCALL(")]
lines = {m.group(1): m.group(2) for m in re.finditer(r"^SYSCALL\(\d+, (\w+), (.*)$", text, re.M)}
for number, op in enumerate(ops):
    rest = lines.get(op, 'NONE, TODO, KINDS(HEX, HEX, HEX, HEX, HEX), "no marshalling yet")')
    head.append(f"SYSCALL({number}, {op}, {rest}")
open(path, "w").write("\n".join(head) + "\n")
