#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""err_uses - every code of err.def is raised or looked at somewhere in src/, and no other is."""
import pathlib
import re
import sys

SRC = pathlib.Path(__file__).resolve().parents[3] / "src"
RAISED = re.compile(r"\b(?:FAIL|FAIL_SYS)\((\w+)\)|\bENSURE\((?:[^;]*?), (\w+)\);|\bSUT_E_(\w+)\b", re.S)

listed = re.findall(r"^X\((\w+),", (SRC / "base/err.def").read_text(), re.M)
used = set()
for path in sorted(SRC.rglob("*.[ch]")):
    if path.parent.name == "base" and path.name in ("err.c", "err.h"):
        continue
    for found in RAISED.finditer(path.read_text()):
        used.update(word for word in found.groups() if word)

print(f"1..{len(listed)}")
for number, name in enumerate(listed, 1):
    print(f"{'ok' if name in used else 'not ok'} {number} - {name} is used")
sys.exit(any(name not in used for name in listed))
