#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which branches the tests take.

usage: tests/coverage.py [--no-run] [--missing FILE]

Builds the preset `coverage`, runs every test but the lints and benchmarks (half
an hour on two cores), and prints the share of the branches taken of each layer,
and of the files that decide what counts, which are to have all of theirs. Not
counted: generated code, what only an assert decides, and branches that do nothing
but abort(). --no-run looks at what earlier runs left; --missing lists the lines
of a file with a branch that nothing took. Exit status 0: the aims are reached.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parent.parent
BUILD = SOURCE / "build" / "coverage"
ALL_OF = ["protocol/leaf.c", "protocol/merkle.c", "protocol/changeset.c",
          "store/admit.c", "store/merge.c"]
OVERALL = 0.85
LAYERS = ["protocol", "store", "node"]


def run(*command, check=True, **more):
    return subprocess.run([str(w) for w in command], cwd=SOURCE, check=check,
                          text=True, **more)


def play_tests():
    run("cmake", "--preset", "coverage", stdout=subprocess.DEVNULL)
    run("cmake", "--build", "--preset", "coverage", stdout=subprocess.DEVNULL)
    for old in BUILD.rglob("*.gcda"):
        old.unlink()
    run("ctest", "--preset", "coverage", "--parallel", os.cpu_count() or 1,
        "--label-exclude", "^(lint|bench|sim|night)$", "--output-on-failure",
        check=False)


def read_counts():
    out = BUILD / "coverage.json"
    run("gcovr", "--root", SOURCE, "--object-directory", BUILD,
        *(f"--filter={layer}/" for layer in LAYERS), "--json", out,
        "--gcov-ignore-parse-errors", stderr=subprocess.DEVNULL)
    return json.loads(out.read_text())["files"]


def not_counted(path):
    """Numbers of lines whose branches are an assert's, or lead to abort()."""
    lines = (SOURCE / path).read_text().splitlines()
    found = set()
    for i, line in enumerate(lines):
        if re.match(r"\s*assert\(", line):
            end = i
            while not lines[end].rstrip().endswith(";"):
                end += 1
            found.update(range(i + 1, end + 2))
        if re.match(r"\s*abort\(\);", line):
            begin = i
            while not re.match(r"\s*(\} else )?(if|default|case|while)\b",
                               lines[begin]):
                begin -= 1
            found.update(range(begin + 1, i + 2))
    return found


def branches_of(file):
    """(taken, all), and the lines with one that was not."""
    skip = not_counted(file["file"])
    taken = total = 0
    missing = []
    for line in file["lines"]:
        if line["line_number"] in skip or line.get("gcovr/noncode"):
            continue
        counts = [b["count"] for b in line["branches"] if not b.get("throw")]
        taken += sum(count > 0 for count in counts)
        total += len(counts)
        if not all(counts):
            missing.append(line["line_number"])
    return taken, total, missing


def share(taken, total):
    return f"{taken:>6} of {total:>6} branches, {100 * taken / max(1, total):.1f} %"


def print_missing(path, missing):
    lines = (SOURCE / path).read_text().splitlines()
    for number in missing:
        print(f"{path}:{number}: {lines[number - 1].strip()}")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--no-run", action="store_true")
    parser.add_argument("--missing")
    args = parser.parse_args()
    if not args.no_run:
        play_tests()
    files = {f["file"]: branches_of(f) for f in read_counts()}
    if args.missing:
        print_missing(args.missing, files[args.missing][2])
        return
    for layer in LAYERS:
        mine = [v for k, v in files.items() if k.startswith(layer + "/")]
        print(f"{layer:24}{share(sum(v[0] for v in mine), sum(v[1] for v in mine))}")
    taken, total = (sum(v[i] for v in files.values()) for i in (0, 1))
    print(f"{'all (aim 85 %)':24}{share(taken, total)}")
    short = taken < OVERALL * total
    for path in ALL_OF:
        print(f"{path + ' (all)':24}{share(*files[path][:2])}")
        short = short or files[path][2] != []
    sys.exit(1 if short else 0)


if __name__ == "__main__":
    main()
