#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A site whose clock is years ahead comes back to order by itself.

The prison's machine believes that it is eleven years later (libfaketime, for
its node and for the program that writes). What it signs is turned away by its
hub, which tells it the time; it takes that back and signs it anew. No row is
lost, and what other sites write afterwards wins.
"""
import os
import pathlib
import subprocess
import sys

import cluster
from cluster import check, say, wait_until

SITES = ["PB-HQ", "PB-LDH-H", "PB-LDH-P01", "PB-LDH-C01"]
LIBRARIES = [pathlib.Path(f"/usr/lib/{machine}-linux-gnu/faketime/"
                          "libfaketime.so.1")
             for machine in (os.uname().machine, "x86_64", "aarch64")]
DOSES = 40

WRITER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=5)
for statement in sys.argv[2:]:
    db.execute(statement)
    db.commit()
"""


def library():
    found = [path for path in LIBRARIES if path.exists()]
    check(found, "libfaketime is missing: deploy/install-deps --tests")
    return str(found[0])


def years_ahead(years):
    """Monotonic time goes on as it is: only the date is wrong. A program built
    with AddressSanitizer wants its own library first."""
    options = os.environ.get("ASAN_OPTIONS", "")
    return {"LD_PRELOAD": library(), "FAKETIME": f"+{years}y",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "ASAN_OPTIONS": f"{options}:verify_asan_link_order=0".strip(":")}


def write(node, *statements):
    """As a program on that machine does, with its clock."""
    subprocess.run([sys.executable, "-c", WRITER, node.home / "replica.db",
                    *statements], env=os.environ | node.clock, check=True)


def doses(first, count):
    return [f"INSERT INTO dose_event(dose_id, person_id, kind, item_code,"
            f" units, verified_by, dispensed_by) VALUES('dose-{n}', 'misal',"
            f" 'observed', 'BUP-NAL-2', 3, 'manual', 'Nurse Namoona')"
            for n in range(first, first + count)]


def phone(number):
    return f"UPDATE person SET phone = '{number}' WHERE person_id = 'misal'"


def phones(tree):
    return {node.site: node.value("SELECT phone FROM person WHERE"
                                  " person_id = 'misal'") for node in tree}


def wait_for_phone(tree, number):
    wait_until(f"all show {number}", lambda: set(phones(tree).values()) ==
               {number} or phones(tree))


def main():
    with cluster.Cluster("clocks", SITES) as tree:
        tree.grow()
        clinic, prison = tree["PB-LDH-C01"], tree["PB-LDH-P01"]
        clinic.insert("person", {
            "person_id": "misal", "beneficiary_no": "T1", "given_name":
            "Misal", "birth_year": 1980, "recorded_by": "a test"})
        tree.wait_until_equal()

        prison.stop()
        prison.clock = years_ahead(11)
        write(prison, phone("from 2037"), *doses(0, DOSES))
        prison.start()
        wait_until("the prison takes it back", lambda: prison.value(
            "SELECT count(*) FROM sync_void") >= 1)
        tree.wait_until_equal()
        wait_for_phone(tree, "from 2037")
        for node in tree:
            held = node.value("SELECT count(*) FROM dose_event")
            check(held == DOSES, f"{node.site} holds {held} of {DOSES} doses")
        ahead = tree["PB-HQ"].value(
            "SELECT count(*) FROM sync_changeset WHERE (hlc >> 16) / 1000 >"
            " unixepoch() + 3600")
        check(ahead == 0, f"{ahead} changesets from the future are at "
              "headquarters")
        say(f"{DOSES} doses signed eleven years ahead were signed anew")

        write(clinic, phone("the clinic"))
        wait_for_phone(tree, "the clinic")
        write(prison, phone("the prison"), *doses(DOSES, 5))
        wait_for_phone(tree, "the prison")
        write(clinic, phone("the clinic again"))
        wait_for_phone(tree, "the clinic again")
        tree.wait_until_equal()
        said = prison.log.read_text(errors="replace")
        check("taken back and signed anew" in said, "the log does not say so")
        check(prison.value("SELECT count(DISTINCT incarnation) FROM sync_void")
              == prison.value("SELECT count(*) FROM sync_void"),
              "something was taken back twice")
        for node in tree:
            node.verify()
        say("what others wrote afterwards won, and so did what the site "
            "itself wrote, though its clock is wrong still")


if __name__ == "__main__":
    main()
