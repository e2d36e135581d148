#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tries for hours what tests/run tries for minutes, and keeps the sum.

usage: tests/campaign.py HOURS [--only PART[,PART...]]   (tests/run --long builds)
       tests/campaign.py --table

First, unless --only leaves it out, headquarters of a state: how long indicators
and rules take there (`volume`). Then in rounds of about ten minutes: seeds of the
simulator that nobody has lived through, power cuts at other sectors, each disk
and memory failure, processes that are killed, fuzzers from the corpora they have,
and a program broken on purpose that the simulator has to find. Each piece of work
is a line of tests/campaign.csv, with the commit it was done at; the table sums
them. So a campaign goes on where the last one ended, and may be interrupted. What
fails is kept in build/campaign. Exit status 0: nothing failed this time.
"""
import argparse
import collections
import concurrent.futures
import csv
import datetime
import os
import pathlib
import random
import re
import subprocess
import sys
import time

SOURCE = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(SOURCE / "tests" / "sim"))
import breaks  # noqa: E402, beside the simulator

RECORD = SOURCE / "tests" / "campaign.csv"
FIELDS = ["ended", "commit", "part", "first", "seconds", "failures", "counts"]
KEPT = SOURCE / "build" / "campaign"
MODEL = SOURCE / "build" / "model" / "tests"
FUZZ = SOURCE / "build" / "fuzz" / "tests"
FIRST_SEED = 100_000          # those below are tried by hand and by tests/run
ROUND_S = 600
HANGS_S = 4 * 3600            # any piece of work
FAULT_PARTS = 40              # of all operations that can fail; minutes each
CORES = os.cpu_count() or 1

# What the table is to reach, and what each line of it sums.
TARGETS = [
    ("seeds of the simulator", "seeds", 100_000),
    ("simulated machine-days", "machine_days", None),
    ("crash images", "images", 500_000),
    ("failures of disk and memory", "failing", None),
    ("parts of all such failures", "fault_parts", FAULT_PARTS),
    ("kills of real processes", "kills", 2_000),
    ("broken programs found", "broken", None),
    ("fuzz executions, parsers", "fuzz_parsers", 100_000_000),
    ("fuzz executions, whole ingress", "fuzz_ingress", 1_000_000),
    ("doses at headquarters, asked for", "doses", None),
]
# What stores what it reads; it is slow, and has so many times the others' time.
INGRESS, INGRESS_TIMES = "ingress", 6
# As in tests/CMakeLists.txt, and pages are not given back: else that is most of
# the time.
ASAN = ("quarantine_size_mb=1:thread_local_quarantine_size_kb=16:"
        "allocator_release_to_os_interval_ms=-1")


# ---- the record ----------------------------------------------------------------

def records():
    if not RECORD.exists():
        return []
    with RECORD.open(newline="") as f:
        return list(csv.DictReader(f))


def commit():
    def git(*args):
        return subprocess.run(["git", "-C", SOURCE, *args], check=True,
                              capture_output=True, text=True).stdout.strip()
    changed = git("status", "--porcelain", "--", "node", "protocol", "store",
                  "tests/sim", "tests/crash", "tests/fuzz")
    return git("rev-parse", "--short=10", "HEAD") + ("+" if changed else "")


def write_record(part, first, seconds, failures, counts):
    new = not RECORD.exists()
    with RECORD.open("a", newline="") as f:
        out = csv.DictWriter(f, FIELDS, lineterminator="\n")
        if new:
            out.writeheader()
        out.writerow({
            "ended": datetime.datetime.now().isoformat(timespec="seconds"),
            "commit": commit(), "part": part, "first": first,
            "seconds": round(seconds), "failures": failures,
            "counts": " ".join(f"{k}={v}" for k, v in counts.items() if v)})


def counts_of(record):
    pairs = (pair.split("=") for pair in record["counts"].split())
    return {name: float(count) for name, count in pairs}


def print_table():
    sums = collections.Counter()
    rows = records()
    for row in rows:
        sums.update(counts_of(row))
    print(f"{'':34}{'so far':>15}{'aim':>15}")
    for title, name, aim in TARGETS:
        wanted = f"{aim:>15,}" if aim else f"{'':>15}"
        print(f"{title:34}{round(sums[name]):>15,}{wanted}")
    faults = {k.removeprefix("fault:"): round(v) for k, v in sums.items()
              if k.startswith("fault:")}
    print("faults in the simulator: " + ", ".join(
        f"{name} {count:,}" for name, count in sorted(faults.items())))
    hours = sum(float(row["seconds"]) for row in rows) / 3600
    failed = sum(int(row["failures"]) for row in rows)
    commits = list(dict.fromkeys(row["commit"] for row in rows))
    print(f"failures: {failed} (docs/testing.md says what each was); "
          f"{len(rows)} pieces of work, {hours:.1f} h, of {len(commits)} "
          f"commits: {', '.join(commits)}")


# ---- pieces of work ------------------------------------------------------------

def keep(name, output):
    KEPT.mkdir(parents=True, exist_ok=True)
    path = KEPT / f"{name}-{time.time_ns()}.log"
    path.write_text(output)
    print(f"campaign: {name} FAILED, see {path.relative_to(SOURCE)}")
    print("\n".join(output.splitlines()[-15:]))


def play(name, command, **env):
    """Its output, and whether it went well."""
    try:
        done = subprocess.run([str(word) for word in command], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              errors="replace", env=os.environ | env, cwd=SOURCE,
                              check=False, timeout=HANGS_S)
    except subprocess.TimeoutExpired as late:
        keep(name, str(late))
        return str(late), False
    if done.returncode != 0:
        keep(name, done.stdout)
    return done.stdout, done.returncode == 0


def number(pattern, output):
    found = re.search(pattern, output, re.MULTILINE)
    return float(found[1]) if found else 0


def simulate(seconds):
    last = [int(r["first"]) + int(counts_of(r).get("seeds", 0))
            for r in records() if r["part"] == "sim"]
    first = max(last, default=FIRST_SEED)
    said, _ = play("sim", [MODEL / "sim", "--first", first, "--seconds", seconds,
                           "--jobs", CORES])
    counts = {"seeds": round(number(r"(\d+) seeds,", said)),
              "machine_days": round(number(r"([\d.]+) machine-days", said))}
    told = re.search(r"^faults:(.*)$", said, re.MULTILINE)
    words = told[1].split() if told else []
    counts |= {f"fault:{name}": int(count)
               for name, count in zip(words[::2], words[1::2])}
    # each by its name, for whoever plays it again
    counts |= {f"failed:{seed}": 1
               for seed in re.findall(r"^seed (\d+) failed:", said, re.MULTILINE)}
    return first, round(number(r"seeds, (\d+) failed", said)), counts


def at_once(work, things):
    """What `work` says of each; as many at once as there are cores."""
    with concurrent.futures.ThreadPoolExecutor(CORES) as pool:
        return list(pool.map(work, things))


def cut_power(seconds):
    """About a hundred images a second and core; there are some thousand moments,
    and each is cut in so many ways."""
    first = random.randrange(10**9)

    def cut(seed):
        said, well = play("power", [MODEL / "test_power"],
                          SANGAM_SEED=str(seed),
                          SANGAM_CUTS=str(max(1, round(seconds / 15))))
        return round(number(r"(\d+) in all", said)), well

    done = at_once(cut, range(first, first + CORES))
    return first, sum(not well for _, well in done), {
        "images": sum(images for images, _ in done)}


def fail_everything(_):
    """Each operation of the disk and each allocation of each act fails, in so many
    parts; each time as many of them as there are cores."""
    first = round(sum(counts_of(r).get("fault_parts", 0)
                      for r in records())) % FAULT_PARTS

    def fail(part):
        done = [play(test, [MODEL / test], SANGAM_PART=f"{part}/{FAULT_PARTS}")
                for test in ("test_faults", "test_shortage")]
        return (sum(number(r"(\d+) in all", said) for said, _ in done),
                all(well for _, well in done))

    parts = [(first + i) % FAULT_PARTS for i in range(CORES)]
    done = at_once(fail, parts)
    return first, sum(not well for _, well in done), {
        "failing": round(sum(count for count, _ in done)),
        "fault_parts": sum(well for _, well in done)}


def kill(seconds):
    seed = random.randrange(10**9)
    said, well = play(
        "kills", ["tests/cluster/kills.py"], SANGAM_SEED=str(seed),
        SANGAM_KILLS=str(max(10, round(seconds))), SANGAM_SOURCE=str(SOURCE),
        SANGAM_BINARY=str(SOURCE / "build" / "model" / "sangam"))
    return seed, not well, {"kills": round(number(r"(\d+) kills in", said))}


def fuzz_one(target, seconds):
    what = target.name.removeprefix("fuzz_")
    found = FUZZ / "corpus" / what
    found.mkdir(parents=True, exist_ok=True)
    said, well = play(target.name, [
        target, f"-max_total_time={seconds}", "-timeout=100",
        "-rss_limit_mb=1024", "-print_final_stats=1",
        f"-artifact_prefix={KEPT}/{target.name}-", found,
        SOURCE / "tests" / "fuzz" / "corpus" / what], ASAN_OPTIONS=ASAN)
    kind = "fuzz_ingress" if what == INGRESS else "fuzz_parsers"
    return kind, number(r"number_of_executed_units:\s+(\d+)", said), well


def fuzz(seconds):
    KEPT.mkdir(parents=True, exist_ok=True)
    counts = collections.Counter()
    targets = [p for p in FUZZ.glob("fuzz_*") if os.access(p, os.X_OK)]
    # the longest first
    targets.sort(key=lambda p: (not p.name.endswith(INGRESS), p.name))
    share = seconds * CORES / (len(targets) - 1 + INGRESS_TIMES)

    def run_one(target):
        times = INGRESS_TIMES if target.name.endswith(INGRESS) else 1
        return fuzz_one(target, max(5, round(times * share)))

    done = at_once(run_one, targets)
    for kind, count, _ in done:
        counts[kind] += round(count)
    return 0, sum(not well for _, _, well in done), counts


def weigh(_):
    """All indicators and the rules with ten million doses; no matter how long."""
    said, well = play("volume", [MODEL / "volume"])
    print("\n".join(line for line in said.splitlines() if line[:1] not in "["))
    return 1, not well, {"doses": round(number(r"^(\d+) doses of", said))}


def break_it(_):
    """In one way of breaks.py, the next each time."""
    names = list(breaks.BREAKS)
    at = sum(r["part"] == "breaks" for r in records()) % len(names)
    _, well = play("breaks", [SOURCE / "tests" / "sim" / "breaks.py", names[at]])
    return at, not well, {"broken": int(well)}


# The part of a round that each has; what has none is done once.
PARTS = {"sim": (simulate, 0.5), "power": (cut_power, 0.15),
         "faults": (fail_everything, 0.05), "kills": (kill, 0.05),
         "fuzz": (fuzz, 0.2), "breaks": (break_it, 0.05),
         "volume": (weigh, None)}


def do_part(part, seconds):
    began = time.monotonic()
    first, failures, counts = PARTS[part][0](round(seconds))
    write_record(part, first, time.monotonic() - began, int(failures), counts)
    print(f"campaign: {part}: "
          + ", ".join(f"{k} {v:,}" for k, v in counts.items()
                      if not k.startswith("fault:")), flush=True)
    return int(failures)


def run(hours, parts):
    end = time.monotonic() + hours * 3600
    failures = sum(do_part(part, 0) for part in parts if PARTS[part][1] is None)
    parts = [part for part in parts if PARTS[part][1] is not None]
    while parts and time.monotonic() < end:
        whole = sum(PARTS[part][1] for part in parts)
        for part in parts:
            left = end - time.monotonic()
            if left > 0:
                share = ROUND_S * PARTS[part][1] / whole
                failures += do_part(part, min(left, share))
    return failures


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("hours", type=float, nargs="?")
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args()
    parts = args.only.split(",")
    if args.table == (args.hours is not None) or set(parts) - set(PARTS):
        parser.error(f"HOURS or --table; parts are {', '.join(PARTS)}")
    failures = 0
    try:
        failures = 0 if args.table else run(args.hours, parts)
    except KeyboardInterrupt:
        print("campaign: interrupted; what was finished is kept")
        failures = 1
    print_table()
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
