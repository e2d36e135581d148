#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs at a hub and the hub's node do not starve each other.

First a month's backlog: the hub and two of its sites were off while programs
wrote tens of thousands of doses. They start at once, and while the hub signs
its own doses, takes in those of the sites and sends all of them on, the sqlite3
shell, Python and a C program write and read at the hub, with a busy timeout of
5 s, as the reader contract says. Nobody sees "database is locked".

Then the reverse: programs write at the hub in a tight loop, and the node
signs, takes in and sends on all the same, within seconds.

Prints how long programs waited, how fast a node that is alone catches up, and
how fast beside programs. SANGAM_LONG makes the backlog big.
"""
import os
import random
import subprocess
import threading
import time

import cluster
import writers
from cluster import check, say

LONG = bool(os.environ.get("SANGAM_LONG"))
BACKLOG = 100_000 if LONG else 8_000    # doses of each site
TIGHT_S = 60 if LONG else 6
TIGHT_PROGRAMS = 2
PAUSE_S = 0.02
LAG_S_MAX = 5          # of the node beside programs in a tight loop
WAIT_S = 1800 if LONG else cluster.WAIT_S
HUB, CLINIC, PRISON = "PB-LDH-H", "PB-LDH-C01", "PB-LDH-P01"
COUNT = "SELECT count(*) FROM dose_event"


def new_person(node, rng):
    return node.insert("person", cluster.person_row(rng, "Misal"))


def write_backlog(node, person, doses):
    """What programs write in a month in which the node is off."""
    rng = random.Random(3)
    row = cluster.dose_row(rng, person)
    sql = (f"INSERT INTO dose_event({', '.join(row)})"
           f" VALUES ({', '.join('?' * len(row))})")
    with node.connect() as db:
        for _ in range(0, doses, 1000):
            db.execute("BEGIN IMMEDIATE")
            db.executemany(sql, [list(row.values())] * 1000)
            db.execute("COMMIT")


class Waits:
    """How long one program waited for its statements."""

    def __init__(self, who):
        self.who = who
        self.times_s = []

    def tell(self):
        times = sorted(self.times_s)
        at = [times[min(len(times) - 1, int(len(times) * part))] * 1000
              for part in (0.5, 0.95, 1)]
        say(f"{self.who}: {len(times)} transactions, half within "
            f"{at[0]:.0f} ms, 95 % within {at[1]:.0f} ms, all within "
            f"{at[2]:.0f} ms")


def use_python(node, person, ending, waits, pause_s):
    """Writes and reads until told to end; an error ends the test."""
    rng = random.Random(4)
    with node.connect() as db:
        while not ending.is_set():
            start = time.monotonic()
            db.execute("BEGIN IMMEDIATE")
            writers.insert_checked(db, rng, person)
            db.execute("COMMIT")
            db.execute(COUNT + " WHERE person_id = ?", (person,)).fetchone()
            waits.times_s.append(time.monotonic() - start)
            time.sleep(pause_s)
    return waits.times_s


def use_shell(node, person, ending, waits):
    """A shell for each statement: it has nothing in its caches and nothing
    open before."""
    sql = writers.DOSE_SQL.format(person=person, by="Nakal")
    while not ending.is_set():
        start = time.monotonic()
        process = subprocess.Popen(
            writers.shell_command(node) + [sql + COUNT + ";"], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        writers.finish(process, "a sqlite3 shell")
        waits.times_s.append(time.monotonic() - start)
        time.sleep(PAUSE_S)
    return waits.times_s


def use_c(node, binary, ending, waits):
    """The C program, some doses at a time."""
    while not ending.is_set():
        start = time.monotonic()
        process = subprocess.Popen(
            [binary, node.home / "replica.db", "5"], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        doses = len(writers.finish(process, "the C program"))
        waits.times_s.append((time.monotonic() - start) / doses - PAUSE_S)
    return waits.times_s


def start_programs(node, person, binary, ending):
    waits = [Waits(who) for who in ("Python", "sqlite3 shells",
                                    "the C program, each dose")]
    programs = [
        writers.Program("Python", use_python, node, person, ending, waits[0],
                        PAUSE_S),
        writers.Program("sqlite3 shells", use_shell, node, person, ending,
                        waits[1]),
        writers.Program("the C program", use_c, node, binary, ending,
                        waits[2]),
    ]
    for program in programs:
        program.start()
    return programs, waits


def end_programs(programs, ending):
    ending.set()
    for program in programs:
        program.finish()


def wait_for_doses(node, site, doses):
    """Seconds until `node` holds so many doses of a site."""
    sql = COUNT + " WHERE origin_site = ?"
    return cluster.wait_until(
        f"{doses} doses of {site} are at {node.site}",
        lambda: node.value(sql, (site,)) >= doses or
        f"{node.value(sql, (site,))}", WAIT_S)


def take_in_a_backlog(tree, rng, binary):
    """Of the hub itself and of a site beside programs, of another alone."""
    hub, clinic, prison = tree[HUB], tree[CLINIC], tree[PRISON]
    for node in (hub, clinic, prison):
        person = new_person(node, rng)
        node.stop()
        write_backlog(node, person, BACKLOG)
    ending = threading.Event()
    programs, waits = start_programs(hub, new_person(hub, rng), binary, ending)
    start = time.monotonic()
    hub.start()
    clinic.start()
    for node in (hub, clinic):
        wait_for_doses(tree[cluster.ROOT], node.site, BACKLOG)
    beside_s = time.monotonic() - start
    end_programs(programs, ending)
    for wait in waits:
        check(wait.times_s, f"{wait.who} never got in")
        wait.tell()
    say(f"beside them {2 * BACKLOG / beside_s:.0f} doses/s reached "
        f"headquarters, half of them signed at the hub, half taken in there")
    start = time.monotonic()
    prison.start()
    wait_for_doses(tree[cluster.ROOT], PRISON, BACKLOG)
    say(f"alone {BACKLOG / (time.monotonic() - start):.0f} doses/s")


class Lag(threading.Thread):
    """Writes a dose at a site now and then and sees when it is at the hub."""

    def __init__(self, node, hub, person):
        super().__init__(daemon=True)
        self.node = node
        self.hub = hub
        self.person = person
        self.ending = threading.Event()
        self.lags_s = []
        self.error = None

    def run(self):
        rng = random.Random(5)
        try:
            while not self.ending.is_set():
                key = self.node.insert("dose_event",
                                       cluster.dose_row(rng, self.person))
                self.lags_s.append(cluster.wait_until(
                    "a dose is at the hub", lambda: self.hub.value(
                        COUNT + " WHERE dose_id = ?", (key,)) == 1,
                    every_s=0.01))
                time.sleep(0.1)
        except Exception as error:    # told by the main thread
            self.error = error


def oldest_pending_s(node):
    """How long a local write has not been signed."""
    at_ms = node.value("SELECT min(at_ms) FROM sync_pending")
    return 0 if at_ms is None else time.time() - at_ms / 1000


def write_in_a_tight_loop(tree, rng):
    hub, clinic = tree[HUB], tree[CLINIC]
    ending = threading.Event()
    lag = Lag(clinic, hub, new_person(clinic, rng))
    waits = [Waits(f"Python {i} in a tight loop")
             for i in range(TIGHT_PROGRAMS)]
    programs = [writers.Program(w.who, use_python, hub, new_person(hub, rng),
                                ending, w, 0) for w in waits]
    for thread in programs + [lag]:
        thread.start()
    end = time.monotonic() + TIGHT_S
    unsigned_s = 0.0
    while time.monotonic() < end:
        unsigned_s = max(unsigned_s, oldest_pending_s(hub))
        time.sleep(0.05)
    lag.ending.set()
    lag.join(cluster.WAIT_S)
    end_programs(programs, ending)
    check(lag.error is None, f"a dose did not come: {lag.error!r}")
    for wait in waits:
        wait.tell()
    say(f"meanwhile no write waited longer than {unsigned_s:.1f} s to be "
        f"signed, and {len(lag.lags_s)} doses of a site took at most "
        f"{max(lag.lags_s):.1f} s")
    check(unsigned_s < LAG_S_MAX, f"a write was not signed for {unsigned_s} s")
    check(max(lag.lags_s) < LAG_S_MAX, f"a dose took {max(lag.lags_s)} s")


def main():
    rng = random.Random(6)
    with cluster.Cluster("starve", [cluster.ROOT, HUB, CLINIC, PRISON]) as tree:
        binary = writers.build_writer(tree.folder)
        tree.grow()
        take_in_a_backlog(tree, rng, binary)
        write_in_a_tight_loop(tree, rng)
        say(f"in step after {tree.wait_until_equal(WAIT_S):.1f} s")
        for node in tree:
            node.verify()
        tree.stop()


if __name__ == "__main__":
    main()
