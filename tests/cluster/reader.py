#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A program that keeps a snapshot for long costs a warning that names it.

While it reads, other programs write more than the write-ahead log should hold.
The node goes on signing, the log of the node and `status` say which process is
in the way, `status` exits with 1, and the reader sees what it saw at first.
When it ends the write-ahead log is truncated within seconds, and all is well.
"""
import os
import random
import subprocess
import sys

import cluster
from cluster import check, say

WAL_MB = 70            # `status` wants someone from 64 MiB on
SHOWN_S = 20           # a reader is told of when it stays
ENDED_S = 10           # a lock is looked at every second
COUNT = "SELECT count(*) FROM person"

# Says what it sees at the beginning, and again before it ends.
READER = f"""
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN")
print(db.execute("{COUNT}").fetchone()[0], flush=True)
sys.stdin.readline()
print(db.execute("{COUNT}").fetchone()[0], flush=True)
"""


class Reader:
    def __init__(self, node):
        self.process = subprocess.Popen(
            [sys.executable, "-c", READER, str(node.home / "replica.db")],
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.saw = self.process.stdout.readline()

    def name(self):
        with open(f"/proc/{self.process.pid}/comm", encoding="utf-8") as comm:
            return f"process {self.process.pid} ({comm.read().strip()})"

    def end(self):
        """It still sees what it saw."""
        sees, _ = self.process.communicate("\n", timeout=cluster.WAIT_S)
        check(sees == self.saw, f"a snapshot changed from {self.saw} to {sees}")


def wal_bytes(node):
    return os.stat(node.home / "replica.db-wal").st_size


def fill_wal(node):
    """A table of a program's own; what is in it does not matter."""
    with node.connect() as db:
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.execute("CREATE TABLE local_scan(page BLOB)")
        for _ in range(WAL_MB):
            db.execute("INSERT INTO local_scan VALUES (zeroblob(1000000))")


def write_people(node, rng, count):
    """Not doses: without an order each is an alert, which `status` tells."""
    for _ in range(count):
        node.insert("person", cluster.person_row(rng, "Misal"))


def is_signed(node):
    return node.value("SELECT count(*) FROM sync_pending") == 0


def lines_with(node, text):
    return [line for line in node.log.read_text(errors="replace").splitlines()
            if text in line]


def main():
    rng = random.Random(9)
    with cluster.Cluster("reader", [cluster.ROOT]) as tree:
        tree.grow()
        node = tree[cluster.ROOT]
        write_people(node, rng, 5)
        node.sangam("status")
        reader = Reader(node)
        fill_wal(node)
        write_people(node, rng, 5)
        cluster.wait_until("people are signed beside a reader",
                           lambda: is_signed(node))
        took_s = cluster.wait_until(
            "the log names the reader",
            lambda: bool(lines_with(node, f"{reader.name()} holds a snapshot"))
            or node.log_tail(2), SHOWN_S)
        said = node.sangam("status", expect=1).stdout
        check(f"{reader.name()} holds a snapshot; close or restart it" in said,
              said)
        held_by = node.status()["snapshots_held_by"]
        check([h["process"] for h in held_by] == [reader.process.pid], held_by)
        say(f"named after {took_s:.1f} s, with {wal_bytes(node)} bytes of log")
        reader.end()
        took_s = cluster.wait_until(
            "the write-ahead log is truncated",
            lambda: wal_bytes(node) < 2**20 or wal_bytes(node), ENDED_S)
        say(f"truncated {took_s:.1f} s after the reader ended")
        cluster.wait_until("the log says so", lambda: bool(lines_with(
            node, "replica.db-wal truncated")), SHOWN_S)
        check(len(lines_with(node, "a snapshot, for")) == 1, node.log_tail())
        node.sangam("status")
        node.verify()
        tree.stop()


if __name__ == "__main__":
    main()
