#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Changes one operator at a time and has the unit tests notice.

usage: tests/mutants.py [--count N] [--seed S] [--file FILE] [--list]

N mutants (120) are drawn by the seed from the files below, in proportion to the
places they have. Each is built optimised in build/mutants, with assertions on,
and the file's tests run until one fails. One that does not compile is drawn
anew. What survives is printed, unless tests/mutants.equal says why no test can
tell it from the original. Exit status 0: 95 % were killed.
"""
import argparse
import random
import re
import subprocess
import sys

from sources import SOURCE, Copy

TESTS = {
    "store/merge.c": ["test_merge", "test_policies", "test_model",
                      "test_model_histories", "test_histories"],
    "store/admit.c": ["test_admit", "test_receive", "test_relay", "test_evidence",
                      "test_policies", "test_peers", "test_upgrade"],
    "protocol/changeset.c": ["test_changeset", "test_pack", "test_relay"],
    "protocol/session.c": ["test_session", "test_session_hostile"],
    "protocol/session_greeting.c": ["test_session", "test_session_hostile"],
    "protocol/session_receive.c": ["test_session", "test_session_hostile"],
    "protocol/session_send.c": ["test_session", "test_session_hostile"],
}
SECONDS_MAX = 300  # of one test: a mutant may never end
SHARE_KILLED = 0.95

# What is changed into what; spaces keep types and directives out of it.
CHANGES = [
    (" == ", " != "), (" != ", " == "), (" < ", " <= "), (" <= ", " < "),
    (" > ", " >= "), (" >= ", " > "), (" < ", " >= "), (" > ", " <= "),
    (" && ", " || "), (" || ", " && "), (" + 1", ""), (" - 1", ""),
    (" + ", " - "), (" - ", " + "), ("true;", "false;"), ("false;", "true;"),
    ("(!", "("), ("return 0;", "return 1;"), ("return rc;", "return 0;"),
    ("continue;", "break;"), ("++;", ";"), (" += ", " -= "), (" |= ", " &= "),
]


class Mutant:
    def __init__(self, file, number, at, change):
        self.file, self.number, self.at, self.change = file, number, at, change

    def line(self, text):
        return text[:self.at] + self.change[1] + \
            text[self.at + len(self.change[0]):]

    def __str__(self):
        text = source_lines(self.file)[self.number]
        return f"{self.file}:{self.number + 1}: {text.strip()}" \
               f"  ->  {self.line(text).strip()}"


def source_lines(file):
    return (SOURCE / file).read_text().split("\n")


def is_code(line):
    stripped = line.strip()
    return not stripped.startswith(("#", "*", "/*", "//", "assert(", "\"",
                                    "for (size_t"))


def code_end(line):
    """Comments and strings are no operators."""
    ends = [line.find(mark) for mark in ("/*", "\"") if mark in line]
    return min(ends, default=len(line))


def places(file):
    comment = False
    for number, line in enumerate(source_lines(file)):
        inside = comment or line.strip().startswith("/*")
        comment = inside and "*/" not in line
        if inside or not is_code(line):
            continue
        for change in CHANGES:
            for match in re.finditer(re.escape(change[0]),
                                     line[:code_end(line)]):
                yield Mutant(file, number, match.start(), change)


def equals():
    """Lines `FILE: CODE  ->  CODE  # why it is the same program`."""
    path = SOURCE / "tests" / "mutants.equal"
    lines = path.read_text().split("\n") if path.exists() else []
    return {line.split("  # ")[0] for line in lines if "  ->  " in line}


def without_number(mutant):
    file, _, change = str(mutant).split(":", 2)
    return f"{file}:{change}"


def is_killed(copy, mutant):
    """None: it does not compile."""
    lines = source_lines(mutant.file)
    lines[mutant.number] = mutant.line(lines[mutant.number])
    with copy.with_text(mutant.file, "\n".join(lines)):
        for test in TESTS[mutant.file]:
            if not copy.build(test):
                return None
            try:
                done = subprocess.run([copy.tests / test], check=False,
                                      stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL,
                                      timeout=SECONDS_MAX)
            except subprocess.TimeoutExpired:
                return True
            if done.returncode != 0:
                return True
    return False


def try_all(mutants, count):
    copy = Copy("mutants")
    same = equals()
    killed = equal = tried = 0
    for mutant in mutants:
        if tried == count:
            break
        if without_number(mutant) in same:
            equal += 1
            continue
        outcome = is_killed(copy, mutant)
        if outcome is None:
            continue
        tried += 1
        killed += outcome
        if not outcome:
            print(f"survived: {mutant}", flush=True)
    print(f"{killed} of {tried} mutants killed; {equal} are no other program")
    return killed, tried


def main():
    parser = argparse.ArgumentParser(add_help=True)
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--file", choices=list(TESTS))
    parser.add_argument("--list", action="store_true")
    asked = parser.parse_args()
    files = [asked.file] if asked.file else list(TESTS)
    mutants = [mutant for file in files for mutant in places(file)]
    random.Random(asked.seed).shuffle(mutants)
    if asked.list:
        print("\n".join(map(str, mutants)))
        return 0
    killed, tried = try_all(mutants, asked.count)
    return 0 if tried > 0 and killed >= SHARE_KILLED * tried else 1


if __name__ == "__main__":
    sys.exit(main())
