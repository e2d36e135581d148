#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A disk that fills up stops its own machine's writes and nothing else, and all
is well once there is room again.

Headquarters, a hub and a clinic whose home is a disk of 64 MiB. Something else
takes all of it but a little while a program at the clinic writes and headquarters
sends.

* The program is told that the disk is full; what it was told is written stays.
* The hub and headquarters go on with each other.
* The daemon says what is wrong and where, and does not go round and round.
* With room again all agree, whoever had to be started anew.
"""
import os
import pathlib
import random
import sqlite3
import subprocess
import sys
import time

import cluster
import wire
from cluster import check, say, wait_until

SITES = ["PB-HQ", "PB-LDH-H", "PB-LDH-C01"]
HQ, HUB, CLINIC = SITES
DISK_MIB = 64
LEFT_BYTES = 2 * 1024 * 1024
ROWS = 20000
ITEMS = 300
FULL_S = 15
SEED = int(os.environ.get("SANGAM_SEED", random.randrange(10**9)))
OWN_MOUNTS = "SANGAM_TEST_OWN_MOUNTS"


def have_mounts_of_our_own():
    """They go with the last process that sees them."""
    if os.environ.get(OWN_MOUNTS):
        return
    if os.geteuid() != 0 or subprocess.run(
            ["unshare", "--mount", "true"], check=False,
            capture_output=True).returncode != 0:
        wire.skip("mounting a disk is not permitted", "no full disk")
    os.environ[OWN_MOUNTS] = "1"
    os.execvp("unshare", ["unshare", "--mount", sys.executable, *sys.argv])


def mount(folder):
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=700",
                    "tmpfs", folder], check=True)


def room(folder):
    st = os.statvfs(folder)
    return st.f_bavail * st.f_frsize


def fill(folder, leave):
    """Something else needs the disk."""
    ballast = pathlib.Path(folder) / "ballast"
    with ballast.open("wb") as f:
        os.posix_fallocate(f.fileno(), 0, max(1, room(folder) - leave))
    return ballast


def write_until_full(clinic, rng, person):
    """Keys of what was committed; that it is full is seen."""
    keys = []
    with clinic.connect() as db:
        for _ in range(ROWS):
            row = cluster.dose_row(rng, person)
            try:
                keys.append(cluster.insert_row(
                    db, "dose_event", ", ".join(row),
                    ", ".join("?" * len(row)), list(row.values())))
            except sqlite3.OperationalError as error:
                check("full" in str(error), f"not that it is full: {error}")
                return keys
    raise AssertionError(f"{ROWS} rows found room")


def write_items(root, first):
    for i in range(first, first + ITEMS):
        root.insert("ref_item", {"item_code": f"X-{i}", "kind": "medicine",
                                 "name": "x" * 2000, "unit": "tablet"})


def live_through(tree, rng, person):
    root, hub, clinic = (tree[s] for s in SITES)
    ballast = fill(clinic.home, LEFT_BYTES)
    mark = len(clinic.log.read_text())
    keys = write_until_full(clinic, rng, person)
    write_items(root, 0)
    took = wait_until("the hub has what headquarters writes", lambda: hub.value(
        "SELECT count(*) FROM ref_item WHERE item_code GLOB 'X-*'") == ITEMS)
    time.sleep(FULL_S)
    runs = clinic.is_running()
    said = clinic.log.read_text()[mark:].splitlines()
    full = [line for line in said if "full" in line]
    check(full, "the daemon does not say that the disk is full")
    check(len(said) < 20 * FULL_S, f"{len(said)} lines in the log")
    say(f"full after {len(keys)} rows; the hub was served after {took:.1f} s;"
        f" the daemon {'goes on' if runs else 'ended'} and said"
        f" {len(said)} lines, as: {full[-1]}")
    ballast.unlink()
    if not runs:                     # as systemd does
        clinic.end()
        clinic.start()
        clinic.wait_until_running()
    return keys


def main():
    have_mounts_of_our_own()
    rng = random.Random(SEED)
    say(f"SANGAM_SEED={SEED}")
    with cluster.Cluster("full-disk", SITES) as tree:
        clinic = tree[CLINIC]
        mount(clinic.home)
        try:
            tree.grow()
            person = clinic.insert("person", cluster.person_row(rng, "Misal"))
            keys = live_through(tree, rng, person)
            say(f"all agree {tree.wait_until_equal():.1f} s after there was "
                f"room")
            for node in tree:
                held = {k for k, in node.query("SELECT dose_id FROM dose_event")}
                check(set(keys) <= held, f"{node.site} lacks doses that were "
                      "committed")
                node.verify()
            tree.stop()
        finally:
            for node in tree:
                node.end()
            subprocess.run(["umount", "--lazy", clinic.home], check=False)


if __name__ == "__main__":
    main()
