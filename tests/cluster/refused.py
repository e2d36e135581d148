#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One writer whose changes cannot be taken stops nobody else [I-7].

* A hub's disk damages a clinic's changeset: headquarters refuses it and what
  follows of the clinic, and takes the prison's.
* Both ends say so; none calls the clinic's changes safe at headquarters.
* When the damage is mended they come by themselves.
"""
import sqlite3

import cluster
from cluster import check, say, wait_until

HUB, PRISON, CLINIC = "PB-LDH-H", "PB-LDH-P01", "PB-LDH-C01"
AGAIN_S = 60             # ASK_AGAIN_MIN_MS of protocol/limits.h
SERVED_S = 20


def write_person(node, number):
    return node.insert("person", {"beneficiary_no": number,
                                  "given_name": "Misal"})


def has(node, key):
    return lambda: node.value("SELECT count(*) FROM person WHERE person_id = ?",
                              (key,)) == 1


class Damage:
    """To the last changeset that the hub has of the clinic; as no program
    may."""
    WHERE = ("WHERE (origin_no, seq, incarnation) = (SELECT origin_no, seq,"
             " incarnation FROM sync_delivery WHERE position = ?)")

    def __init__(self, hub):
        self.hub = hub
        self.position = hub.value(
            "SELECT max(d.position) FROM sync_delivery d JOIN sync_origin o"
            " USING(origin_no) JOIN sync_certificate c USING(node)"
            " WHERE c.site = ?", (CLINIC,))
        self.signature = hub.value("SELECT signature FROM sync_changeset "
                                   + self.WHERE, (self.position,))
        self.write(bytes(64))

    def write(self, signature):
        db = sqlite3.connect(self.hub.home / "replica.db",
                             timeout=cluster.BUSY_MS / 1000)
        with db:
            db.execute("BEGIN IMMEDIATE")
            for (name,) in db.execute(
                    "SELECT name FROM sqlite_schema WHERE type = 'trigger'"
                    " AND tbl_name = 'sync_changeset'").fetchall():
                db.execute(f'DROP TRIGGER "{name}"')
            db.execute(f"UPDATE sync_changeset SET signature = ? {self.WHERE}",
                       (signature, self.position))
        db.close()

    def mend(self):
        self.write(self.signature)


def says(node, words):
    return lambda: any(words in line for line in
                       node.status()["needs_someone"])


def test_damage(tree):
    root, hub = tree[cluster.ROOT], tree[HUB]
    root.stop()
    key = write_person(tree[CLINIC], "N-1")
    wait_until("the hub has the clinic's row", has(hub, key))
    damage = Damage(hub)
    root.start()
    root.wait_until_running()
    return key, damage


def test_others_go_on(tree, key):
    root, hub = tree[cluster.ROOT], tree[HUB]
    theirs = write_person(tree[PRISON], "N-2")
    took = wait_until("the prison's row is at headquarters", has(root, theirs),
                      SERVED_S)
    say(f"the prison's row is at headquarters after {took:.1f} s")
    later = write_person(tree[CLINIC], "N-3")
    wait_until("the clinic's next row is at the hub", has(hub, later))
    wait_until("headquarters says it",
               says(root, "nothing more is taken of 1 writer"))
    wait_until("the hub says it", says(hub, "a neighbour refuses"))
    check(not has(root, key)() and not has(root, later)(),
          "headquarters has what it cannot verify")
    behind = hub.status()["parent"]["changesets_behind"]
    check(behind == 2, f"{behind} changesets are not at headquarters, not 2")
    check("the signature does not verify" in root.log.read_text(),
          "the log does not say why")


def test_mended(tree, damage):
    damage.mend()
    took = tree.wait_until_equal(AGAIN_S + SERVED_S)
    say(f"mended, and equal {took:.1f} s later")
    for node in tree[cluster.ROOT], tree[HUB]:
        wait_until("it is well", lambda: not says(node, "writer")())


def main():
    with cluster.Cluster("refused", [cluster.ROOT, HUB, PRISON,
                                     CLINIC]) as tree:
        tree.grow()
        tree.wait_until_equal()
        key, damage = test_damage(tree)
        test_others_go_on(tree, key)
        test_mended(tree, damage)
        tree.stop()


if __name__ == "__main__":
    main()
