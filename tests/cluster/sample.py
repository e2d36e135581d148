#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Invented registers are taken whole, and the rules find what is wrong in them
and nothing else.

* The same seed and last day give the same bytes, another seed gives others.
* What a prison and two clinics would have entered in a year of history is
  imported at each, as the files are; nothing is refused, nothing parked.
* Treatments change hands as the sites answer; then headquarters finds exactly
  the breaches that follow from the mistakes the generator says it made.
* What is for a clinic's own eyes is at the clinic: notes of talks and blood
  tests, as many of them positive as in the jails of Punjab, more or less.
* Registers without mistakes have none.
* With the programme's key the pairs that were registered twice are found by
  their names.
* The same rows come by plain SQL.
"""
import filecmp
import os
import pathlib
import subprocess
import tempfile
import time

import cluster
import invented
from cluster import check, say, wait_until

CLINIC = "PB-LDH-C01"
SEED = os.environ.get("SANGAM_SEED", "34")
PLAN = ["--seed", SEED, "--clinics", "2", "--slots", "60", "--inmates", "40",
        "--days", "240", "--mistakes", "6"]


def files(folder):
    return sorted(p.relative_to(folder) for p in folder.rglob("*.*")
                  if p.is_file())


def test_same_bytes(scratch, until):
    def one(name, seed):
        return invented.generate(scratch / name, "--seed", seed, "--until",
                                 until, "--days", "100", "district",
                                 "--clinics", "3")
    first, again, other = one("a", 1), one("b", 1), one("c", 2)
    check(files(first) == files(again) and len(files(first)) > 50, "files")
    differ = [p for p in files(first)
              if not filecmp.cmp(first / p, again / p, shallow=False)]
    check(not differ, f"the same seed gives other bytes in {differ}")
    dose = pathlib.Path(CLINIC, "dose_event.csv")
    check(not filecmp.cmp(first / dose, other / dose, shallow=False),
          "another seed gives the same bytes")


def test_taken_whole(tree, folder):
    rows = invented.enter(tree, folder)
    took = tree.wait_until_equal()
    invented.answer(tree, folder)
    took += tree.wait_until_equal()
    for node in tree:
        parked = node.query("SELECT * FROM sync_parked LIMIT 3")
        check(not parked, f"{node.site}: parked {parked}")
    say(f"{rows} rows at all sites {took:.1f} s after they were entered")


def test_own_eyes(tree, folder):
    """Rows of tables that stay where they are; disclosures go up."""
    tested, positive = 0, 0
    for node in tree:
        for table in ("counselling_note", "bbv_result"):
            path = folder / node.site / f"{table}.csv"
            rows = path.read_text().count("\n") - 1 if path.exists() else 0
            held = node.value(f"SELECT count(*) FROM {table}")
            check(held == rows, f"{node.site}: {held} of {rows} in {table}")
            check((rows > 0) == (node.site[-3] in "CP"),
                  f"{node.site} has {rows} rows in {table}")
        seen = node.query("SELECT count(*), sum(result = 'positive') FROM"
                          " bbv_result WHERE test = 'HCV' AND result <>"
                          " 'indeterminate'")[0]
        tested, positive = tested + seen[0], positive + (seen[1] or 0)
    check(tested > 50 and 0.08 < positive / tested < 0.4,
          f"{positive} of {tested} have hepatitis C")
    told = tree[cluster.ROOT].query(
        "SELECT count(*), sum(consent_id IS NOT NULL), sum(break_glass)"
        " FROM disclosure_log")[0]
    check(told[0] > 100 and told[1] > 50, f"disclosures: {told}")
    say(f"{positive} of {tested} tests positive, {told[0]} disclosures")


def test_rules(tree, folder):
    made, expected = invented.summary(folder)
    root = tree[cluster.ROOT]
    wait_until("the rules have looked at all", lambda: root.value(
        "SELECT count(*) FROM sync_touched") == 0)
    twice = expected.pop("17", 0)  # needs tokens
    found = dict(root.query("SELECT rule, count(*) FROM v_breach GROUP BY 1"))
    check(found == expected, f"found {found}, made {expected}: {made}")
    say("breaches by rule: " + ", ".join(
        f"{rule} {count}" for rule, count in sorted(found.items())))
    silent = [name for name, count in made.items() if count == 0]
    say(f"mistakes not made with this seed: {', '.join(silent) or 'none'}")
    return twice


def test_twice(tree, twice):
    root = tree[cluster.ROOT]
    for node in tree:
        key = node.home / "keys" / "programme.key"
        key.write_text(f"match_key = {'ab' * 32}\n")
        key.chmod(0o600)
        node.sangam("people", "tokens")
    tree.wait_until_equal()
    # a pair may be found by name and by telephone: two alerts, one pair
    wait_until(f"{twice} pairs", lambda: root.value(
        "SELECT count(*) FROM v_duplicate WHERE same_token") == twice or
        root.query("SELECT * FROM v_duplicate WHERE same_token"))
    check(twice > 0, "nobody was registered twice")
    say(f"{twice} people registered twice are found by their names")


def test_by_sql(tree, scratch, until):
    """Another history, of another year, into a replica that runs."""
    node, plan = tree[CLINIC], ["--seed", SEED + "1", "--until", until, "clinic",
                                "--slots", "40", "--days", "60"]
    before = node.value("SELECT count(*) FROM dose_event")
    folder = invented.generate(scratch / "sql", *plan)
    began = time.monotonic()
    subprocess.run([invented.SAMPLE, *plan, "--site", CLINIC, "--into",
                    node.home / "replica.db"], check=True,
                   stdout=subprocess.DEVNULL)
    took = time.monotonic() - began
    rows = (folder / CLINIC / "dose_event.csv").read_text().count("\n") - 1
    now = node.value("SELECT count(*) FROM dose_event")
    check(now - before == rows > 300, (before, now, rows))
    tree.wait_until_equal()
    say(f"{rows} doses by plain SQL in {took:.2f} s, and at headquarters")


def main():
    until = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 19800))
    say(f"SANGAM_SEED={SEED}, until {until}")
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        test_same_bytes(scratch, until)
        folder = invented.generate(scratch / "r", *PLAN, "--until", until,
                                   "district")
        with invented.tree_of("sample", folder) as tree:
            tree.grow()
            test_taken_whole(tree, folder)
            test_own_eyes(tree, folder)
            test_twice(tree, test_rules(tree, folder))
            test_by_sql(tree, scratch, until)
            tree.stop()
        clean = invented.generate(scratch / "clean", *PLAN, "--until", until,
                                  "--mistakes", "0", "district")
        with invented.tree_of("clean", clean) as tree:
            tree.grow()
            test_taken_whole(tree, clean)
            check(test_rules(tree, clean) == 0 and
                  not any(invented.summary(clean)[0].values()),
                  "mistakes were made")
            tree.stop()


if __name__ == "__main__":
    main()
