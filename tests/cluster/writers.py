#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ordinary programs write at once beside a running node, and notice nothing.

At one clinic the sqlite3 shell, Python's sqlite3 and a C program (writer.c)
write for as long as it takes, while the node signs their rows and applies what
another site writes. All wait up to 5 s for a lock, as the reader contract
says. Nobody sees "database is locked", last_insert_rowid() and changes() tell
of the program's own rows, and every row is at headquarters in the end.

SQLite's locks are not fair: programs that write without any pause can keep
another waiting for seconds, with or without the node (2 to 4 s were seen where
a commit takes 4 ms). So these pause after each transaction, as long as it
takes some fast hands to type.
"""
import os
import random
import subprocess
import threading
import time

import cluster
from cluster import check, say

PAUSE_S = 0.02
ROWS = 5000 if os.environ.get("SANGAM_LONG") else 300
LONGEST_S = cluster.WAIT_S + ROWS * (PAUSE_S + 0.2)
CLINIC = "PB-LDH-C01"
NEIGHBOUR = "PB-LDH-P01"

DOSE_SQL = ("INSERT INTO dose_event(person_id, kind, item_code, units,"
            " verified_by, dispensed_by) VALUES"
            " ('{person}', 'observed', 'BUP-NAL-2', 2, 'manual', 'Nurse {by}')"
            " RETURNING dose_id;\n")


def finish(process, who):
    """The keys it printed; it must have ended well and said nothing else."""
    out, complaints = process.communicate(timeout=LONGEST_S)
    check(process.returncode == 0 and complaints == "",
          f"{who} ends with {process.returncode}: {complaints}")
    return (out or "").split()


def shell_command(node):
    return ["sqlite3", "-bail", "-cmd", f".timeout {cluster.BUSY_MS}",
            str(node.home / "replica.db")]


def write_by_one_shell(node, person):
    """One sqlite3 shell that is fed line by line, autocommitting."""
    printed = node.home.parent / "shell.out"
    with printed.open("w") as out:
        process = subprocess.Popen(
            shell_command(node), text=True, stdin=subprocess.PIPE, stdout=out,
            stderr=subprocess.PIPE)
        for _ in range(ROWS):
            process.stdin.write(DOSE_SQL.format(person=person, by="Khayal"))
            process.stdin.flush()
            time.sleep(PAUSE_S)
        finish(process, "the sqlite3 shell")
    return printed.read_text().split()


class Program(threading.Thread):
    """Something that returns the keys it wrote, in a thread of its own."""

    def __init__(self, who, function, *arguments):
        super().__init__(daemon=True)
        self.who = who
        self.function = function
        self.arguments = arguments
        self.keys = []
        self.error = None
        self.took_s = 0.0

    def run(self):
        start = time.monotonic()
        try:
            self.keys = self.function(*self.arguments)
        except Exception as error:    # told by the main thread
            self.error = error
        self.took_s = time.monotonic() - start

    def finish(self):
        self.join(LONGEST_S)
        check(not self.is_alive(), f"{self.who} hangs")
        check(self.error is None, f"{self.who} failed: {self.error!r}")
        say(f"{self.who}: {len(self.keys)} doses in {self.took_s:.1f} s")
        return self.keys


def write_by_many_shells(node, person):
    """A shell for each statement: it opens and closes the file each time, so
    that it may well be the last to close it."""
    keys = []
    for _ in range(ROWS // 10):
        process = subprocess.Popen(
            shell_command(node) + [DOSE_SQL.format(person=person, by="Nakal")],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        keys += finish(process, "a sqlite3 shell")
    return keys


def write_by_python(node, rng, person):
    """Single statements and transactions in turn, checking what Python's
    cursors tell."""
    keys = []
    with node.connect() as db:
        while len(keys) < ROWS:
            batch = rng.choice((1, 1, 1, 20))
            db.execute("BEGIN IMMEDIATE")
            for _ in range(batch):
                keys.append(insert_checked(db, rng, person))
            changed = db.execute("UPDATE person SET phone = ?"
                                 " WHERE person_id = ?",
                                 (str(len(keys)), person)).rowcount
            check(changed == 1, f"an UPDATE of one row changed {changed}")
            db.execute("COMMIT")
            time.sleep(PAUSE_S)
    return keys


def insert_checked(db, rng, person):
    row = cluster.dose_row(rng, person)
    cursor = db.execute(
        f"INSERT INTO dose_event({', '.join(row)})"
        f" VALUES ({', '.join('?' * len(row))})", list(row.values()))
    rowid = cursor.lastrowid
    check(db.execute("SELECT last_insert_rowid(), changes()").fetchone() ==
          (rowid, 1), "last_insert_rowid() and changes() are not of the row")
    key, held_person = db.execute(
        "SELECT dose_id, person_id FROM dose_event WHERE rowid = ?",
        (rowid,)).fetchone()
    check(held_person == person, "last_insert_rowid() is of another row")
    return key


def run_writer(binary, node):
    process = subprocess.Popen([binary, node.home / "replica.db", str(ROWS)],
                               text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    return finish(process, "the C program")


def longest_gap_ms(node):
    """Between two doses of one program."""
    return node.value(
        "SELECT cast(max(gap) AS INTEGER) FROM ("
        " SELECT 86400000 * (julianday(recorded_at) - lag(julianday("
        "  recorded_at)) OVER (PARTITION BY dispensed_by ORDER BY rowid))"
        "  AS gap FROM dose_event WHERE origin_site = ?)", (node.site,))


def build_writer(folder):
    binary = folder / "writer"
    subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-o",
                    binary, cluster.HERE / "writer.c", "-lsqlite3"],
                   check=True, timeout=cluster.WAIT_S)
    return binary


def main():
    rng = random.Random(7)
    sites = ["PB-HQ", "PB-LDH-H", NEIGHBOUR, CLINIC]
    with cluster.Cluster("writers", sites) as tree:
        writer = build_writer(tree.folder)
        tree.grow()
        clinic, neighbour = tree[CLINIC], tree[NEIGHBOUR]
        person = clinic.insert("person", cluster.person_row(rng, "Misal"))
        programs = [
            Program("one sqlite3 shell", write_by_one_shell, clinic, person),
            Program("many sqlite3 shells", write_by_many_shells, clinic,
                    person),
            Program("Python", write_by_python, clinic, rng, person),
            Program("the C program", run_writer, writer, clinic),
            Program("Python at the neighbour", write_by_python, neighbour,
                    random.Random(8),
                    neighbour.insert("person",
                                     cluster.person_row(rng, "Farzi"))),
        ]
        for program in programs:
            program.start()
        keys = [key for program in programs for key in program.finish()]
        check(len(keys) == len(set(keys)), "a key was given out twice")
        say(f"in step after {tree.wait_until_equal():.1f} s")
        for site in (cluster.ROOT, "PB-LDH-H", CLINIC):
            held = {row[0] for row in
                    tree[site].query("SELECT dose_id FROM dose_event")}
            check(held == set(keys), f"{site} holds {len(held)} doses of "
                  f"{len(keys)}")
        say(f"{len(keys)} doses are at headquarters; the longest anybody "
            f"waited for the next was {longest_gap_ms(clinic)} ms")
        for node in tree:
            node.verify()
        tree.stop()


if __name__ == "__main__":
    main()
