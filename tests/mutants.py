#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Changes one operator at a time and has the unit tests notice.

usage: tests/mutants.py [--count N] [--seed S] [--file FILE] [--again] [--list]

N mutants (120) are drawn by the seed from the files below, in proportion to the
places they have. Each is built optimised in build/mutants, with assertions on, and the file's
tests run, the quickest first, until one fails that passes without the mutant. One
that does not compile is drawn anew. Each is printed, unless tests/mutants.equal
says why no test can tell it from the original. Exit status 0: 95 % were killed.

Each outcome is a line of build/mutants/tried.csv at once. What was killed is not
tried again while its file reads the same, so that a run that was stopped goes on
where it was and new tests meet the survivors only; --again forgets all that.
"""
import argparse
import csv
import hashlib
import random
import re
import subprocess
import sys

from sources import SOURCE, Copy

# The quickest first.
TESTS = {
    "store/merge.c": ["test_merge", "test_model", "test_model_histories",
                      "test_policies", "test_histories"],
    "store/admit.c": ["test_admit", "test_receive", "test_policies"],
    "protocol/changeset.c": ["test_changeset", "test_pack"],
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


class Tests:
    """Runs tests of the copy as it is at the moment."""

    def __init__(self, copy):
        self.copy, self.sound = copy, set()

    def passes(self, test):
        try:
            done = subprocess.run([self.copy.tests / test], check=False,
                                  stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL,
                                  timeout=SECONDS_MAX)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def check_sound(self, test):
        """It passes without a mutant, so that it was the mutant that failed."""
        if test not in self.sound:
            if not self.copy.build(test) or not self.passes(test):
                sys.exit(f"mutants: {test} fails without a mutant")
            self.sound.add(test)


def try_one(copy, tests, mutant):
    """The test that killed it, "survived", or "not built"."""
    lines = source_lines(mutant.file)
    lines[mutant.number] = mutant.line(lines[mutant.number])
    killer = "survived"
    with copy.with_text(mutant.file, "\n".join(lines)):
        for test in TESTS[mutant.file]:
            if not copy.build(test):
                return "not built"
            if not tests.passes(test):
                killer = test
                break
    if killer != "survived":
        tests.check_sound(killer)
    return killer


class Tried:
    """What became of each mutant of the files as they read now."""

    def __init__(self, path, again):
        self.path = path
        if again:
            path.unlink(missing_ok=True)
        self.outcomes = {}
        if path.exists():
            with path.open(newline="") as f:
                self.outcomes = {tuple(row[:2]): row[2] for row in csv.reader(f)}

    @staticmethod
    def _key(mutant):
        text = (SOURCE / mutant.file).read_bytes()
        return hashlib.sha256(text).hexdigest()[:16], str(mutant)

    def get(self, mutant):
        outcome = self.outcomes.get(self._key(mutant))
        return None if outcome == "survived" else outcome

    def put(self, mutant, outcome):
        with self.path.open("a", newline="") as f:
            csv.writer(f).writerow([*self._key(mutant), outcome])


def try_all(mutants, count, again):
    copy = Copy("mutants")
    tests = Tests(copy)
    tried = Tried(copy.root / "tried.csv", again)
    same = equals()
    survived = equal = number = 0
    for mutant in mutants:
        if number == count:
            break
        if without_number(mutant) in same:
            equal += 1
            continue
        outcome = tried.get(mutant)
        if outcome is None:
            outcome = try_one(copy, tests, mutant)
            tried.put(mutant, outcome)
        if outcome == "not built":
            continue
        number += 1
        survived += outcome == "survived"
        how = outcome if outcome == "survived" else f"killed by {outcome}"
        print(f"{number}: {how}: {mutant}", flush=True)
    print(f"{number - survived} of {number} mutants killed;"
          f" {equal} are no other program")
    return number - survived, number


def main():
    parser = argparse.ArgumentParser(usage=__doc__.replace("%", "%%"))
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--file", choices=list(TESTS))
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--list", action="store_true")
    asked = parser.parse_args()
    files = [asked.file] if asked.file else list(TESTS)
    mutants = [mutant for file in files for mutant in places(file)]
    random.Random(asked.seed).shuffle(mutants)
    if asked.list:
        print("\n".join(map(str, mutants)))
        return 0
    killed, tried = try_all(mutants, asked.count, asked.again)
    return 0 if tried > 0 and killed >= SHARE_KILLED * tried else 1


if __name__ == "__main__":
    sys.exit(main())
