#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Nodes that are killed while everybody writes lose nothing and agree again.

Seven nodes, a program that writes at each of them, and SIGKILL for any of the
seven at any time. While that goes on, no acknowledgement is ahead of what the
acknowledger holds. In the end every row that a program committed is where it
belongs, every column shows a value that was committed, and all tables are as
their signed changes say.

SANGAM_SEED replays the choices (not the timing); SANGAM_KILLS says how often.
"""
import contextlib
import os
import random
import sqlite3
import threading
import time

import cluster
from cluster import check, say

KILLS = int(os.environ.get("SANGAM_KILLS", 50))
SEED = int(os.environ.get("SANGAM_SEED", random.randrange(10**9)))
KILL_EVERY_S = (0.1, 0.9)
DEAD_S = (0.0, 1.5)
WRITE_EVERY_S = (0.02, 0.15)
ROWS_PER_KILL = 120  # on a slow machine kills are rarer and rows are not


def tell(error):
    return ", ".join([repr(error), *getattr(error, "__notes__", ())])


def dose_row(rng, person):
    """Mostly refused: each that was given here is an alert, being the second
    of its day and without an order."""
    row = cluster.dose_row(rng, person)
    return row if rng.random() < 0.05 else row | {"kind": "refused", "units": 0}


class Writer(threading.Thread):
    """A local program at one site; remembers what it committed."""

    def __init__(self, node, shared, seed, may_write=lambda: True):
        super().__init__(name=f"writer at {node.site}", daemon=True)
        self.node = node
        self.shared = shared          # persons that others change too
        self.may_write = may_write
        self.rng = random.Random(seed)
        self.persons = []             # persons only this program changes
        self.groups = []
        self.keys = []                # (table, key) committed
        self.phones = {}              # own person: its last phone
        self.localities = []          # (shared person, locality) committed
        self.waited_s = 0.0           # the longest write
        self.error = None
        self.ending = threading.Event()

    def run(self):
        try:
            with self.node.connect() as db:
                self.begin(db)
                while not self.ending.wait(self.rng.uniform(*WRITE_EVERY_S)):
                    if self.may_write():
                        self.write(db)
        except Exception as error:    # told by the main thread
            self.error = error

    def end(self):
        self.ending.set()
        self.join(cluster.WAIT_S)
        check(not self.is_alive(), f"the {self.name} hangs")
        check(self.error is None, f"the {self.name} failed: {tell(self.error)}")

    # ---- transactions --------------------------------------------------

    def begin(self, db):
        with self.transaction(db) as done:
            self.insert_person(db, done)
            self.insert(db, done, "peer_group", {
                "name": "Nayi Savere", "model": "support_group",
                "led_by": "mixed"}, self.groups)

    def write(self, db):
        kinds = [self.insert_doses] * 4 + [
            self.insert_person, self.insert_session, self.update_own,
            self.update_shared]
        with self.transaction(db) as done:
            for _ in range(self.rng.choice((1, 1, 1, 2, 5))):
                self.rng.choice(kinds)(db, done)

    @contextlib.contextmanager
    def transaction(self, db):
        """What `done` collects is remembered once it is committed."""
        done = []
        start = time.monotonic()
        try:
            db.execute("BEGIN IMMEDIATE")
            yield done
            db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            error.add_note(f"{error.sqlite_errorname} after "
                           f"{time.monotonic() - start:.1f} s")
            raise
        self.waited_s = max(self.waited_s, time.monotonic() - start)
        for remember in done:
            remember()

    # ---- statements ----------------------------------------------------

    def insert(self, db, done, table, row, keep=None):
        key = cluster.insert_row(db, table, ", ".join(row),
                                 ", ".join("?" * len(row)),
                                 list(row.values()))
        done.append(lambda: self.keys.append((table, key)))
        if keep is not None:
            done.append(lambda: keep.append(key))

    def insert_person(self, db, done):
        row = cluster.person_row(self.rng, f"Misal{len(self.keys)}")
        self.insert(db, done, "person", row, self.persons)

    def insert_doses(self, db, done):
        for _ in range(self.rng.choice((1, 1, 1, 10))):
            person = self.rng.choice(self.persons + self.shared)
            self.insert(db, done, "dose_event", dose_row(self.rng, person))

    def insert_session(self, db, done):
        self.insert(db, done, "peer_session", cluster.session_row(
            self.rng, self.rng.choice(self.groups)))

    def update_own(self, db, done):
        person = self.rng.choice(self.persons)
        phone = f"+91 {self.rng.randrange(10**10):010}"
        db.execute("UPDATE person SET phone = ? WHERE person_id = ?",
                   (phone, person))
        done.append(lambda: self.phones.update({person: phone}))

    def update_shared(self, db, done):
        person = self.rng.choice(self.shared)
        locality = f"{self.node.site} lane {self.rng.randrange(10**6)}"
        db.execute("UPDATE person SET home_locality = ? WHERE person_id = ?",
                   (locality, person))
        done.append(lambda: self.localities.append((person, locality)))


# ---- acknowledgements --------------------------------------------------------

# What a node's journal holds up to where the neighbour has acknowledged it,
# and did not come from that neighbour; the newest are the ones in doubt.
ACKED_SQL = """
SELECT DISTINCT o.node, d.seq, d.incarnation
  FROM sync_delivery d
  JOIN sync_origin o ON o.origin_no = d.origin_no
  JOIN sync_certificate c ON c.node = o.node
 WHERE d.position <= (SELECT acked FROM sync_peer WHERE node = :peer)
   AND d.from_no IS NOT (SELECT origin_no FROM sync_origin WHERE node = :peer)
   AND c.site IN ({sites})
 ORDER BY d.position DESC LIMIT 300
"""


def check_acks(sender, receiver, sites):
    """The receiver holds what the sender believes it to hold."""
    peer = receiver.value("SELECT node FROM sync_self")
    quoted = ", ".join(f"'{s}'" for s in sites)
    acked = sender.query(ACKED_SQL.format(sites=quoted), {"peer": peer})
    with receiver.connect() as db:
        for name in acked:
            held = db.execute(
                "SELECT 1 FROM sync_changeset JOIN sync_origin"
                " USING (origin_no)"
                " WHERE node = ? AND seq = ? AND incarnation = ?",
                name).fetchone()
            check(held, f"{receiver.site} acknowledged changeset {name[1]} of "
                  f"{name[0].hex()[:8]} to {sender.site} and has it not")
    return len(acked)


def check_tokens(receiver, sender):
    """Nobody believes to have read further than there is."""
    node = sender.value("SELECT node FROM sync_self")
    mine = receiver.query("SELECT journal, position FROM sync_peer"
                          " WHERE node = ?", (node,))
    journal, head = sender.query(
        "SELECT journal, (SELECT coalesce(max(position), 0)"
        " FROM sync_delivery) FROM sync_self")[0]
    for token_journal, position in mine:
        check(token_journal in (0, journal) and position <= head,
              f"{receiver.site} holds {sender.site} up to {position}, which "
              f"ends at {head}")


def check_link(tree, node):
    parent = tree.parent_of(node)
    check_tokens(node, parent)
    check_tokens(parent, node)
    return (check_acks(node, parent, cluster.PARENTS) +
            check_acks(parent, node, tree.origins_due(node)))


# ---- the story ---------------------------------------------------------------

def start_writers(tree, rng):
    """Each district has a person whom all of its nodes change, and
    headquarters changes them too. (What a district writes about a person of
    headquarters stays in that district and at headquarters.)"""
    shared = {s: tree[s].insert("person", cluster.person_row(rng, "Sanjha"))
              for s in (cluster.ROOT, "PB-LDH-P01", "PB-ASR-P01")}
    tree.wait_until_equal()
    writers = []

    def may_write():
        rows = sum(len(w.keys) for w in writers)
        return rows < ROWS_PER_KILL * (1 + sum(n.kills for n in tree))

    for node in tree:
        here = cluster.district_of(node.site)
        theirs = [p for s, p in shared.items()
                  if here in ("HQ", cluster.district_of(s))]
        writers.append(Writer(node, theirs, rng.randrange(10**9), may_write))
    for writer in writers:
        writer.start()
    return writers


def kill_at_random(tree, rng, writers):
    """Returns how many acknowledgements were looked at."""
    looked = 0
    dead = {}                         # node: when it starts again
    while sum(n.kills for n in tree) < KILLS:
        time.sleep(rng.uniform(*KILL_EVERY_S))
        for node in [n for n, at in dead.items() if at <= time.monotonic()]:
            del dead[node]
            node.start()
        alive = [n for n in tree if n not in dead]
        if alive:
            node = rng.choice(alive)
            node.kill()
            dead[node] = time.monotonic() + rng.uniform(*DEAD_S)
        for writer in writers:
            check(writer.error is None,
                  f"the {writer.name} failed: {tell(writer.error)}")
        looked += check_link(tree, rng.choice(list(tree)[1:]))
    for node in dead:
        node.start()
    return looked


def check_rows(tree, writers):
    """Every committed row is at its site, at its hub and at headquarters."""
    for writer in writers:
        node = writer.node
        while node is not None:
            for table in {t for t, _ in writer.keys}:
                wanted = {k for t, k in writer.keys if t == table}
                held = {row[0] for row in node.query(f"SELECT * FROM {table}")}
                check(wanted <= held, f"{node.site} lost "
                      f"{len(wanted - held)} rows of {table} that were "
                      f"committed at {writer.node.site}")
            node = tree.parent_of(node)


def check_values(tree, writers):
    """A column shows the last value of its only writer, or one of those that
    its writers committed."""
    root = tree[cluster.ROOT]
    shown = dict(root.query("SELECT person_id, phone FROM person"))
    for writer in writers:
        for person, phone in writer.phones.items():
            check(shown[person] == phone, f"headquarters shows a phone of "
                  f"{person} that {writer.node.site} has overwritten")
    committed = {pair for w in writers for pair in w.localities}
    for pair in root.query("SELECT person_id, home_locality FROM person"
                           " WHERE home_locality IS NOT NULL"):
        check(pair in committed, f"nobody wrote {pair}")


def check_nothing_set_aside(tree):
    for node in tree:
        status = node.status()
        for what in ("parked", "refused", "unprojected"):
            check(status[what] == 0, f"{node.site}: {status[what]} {what}")


def main():
    rng = random.Random(SEED)
    say(f"SANGAM_SEED={SEED}")
    with cluster.Cluster("kills") as tree:
        tree.grow()
        writers = start_writers(tree, rng)
        start = time.monotonic()
        looked = kill_at_random(tree, rng, writers)
        took = time.monotonic() - start
        for writer in writers:
            writer.end()
        say(f"{KILLS} kills in {took:.0f} s while "
            f"{sum(len(w.keys) for w in writers)} rows were committed; "
            f"{looked} acknowledged changesets looked up; the longest write "
            f"took {max(w.waited_s for w in writers) * 1000:.0f} ms")
        say(f"all agree after {tree.wait_until_equal():.1f} s")
        check_rows(tree, writers)
        check_values(tree, writers)
        for node in list(tree)[1:]:
            check_link(tree, node)
        check_nothing_set_aside(tree)
        say(f"{sum(n.verify() for n in tree)} rows verify at "
            f"{len(tree.nodes)} nodes")
        tree.stop()


if __name__ == "__main__":
    main()
