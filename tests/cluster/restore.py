#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A backup is put back, as docs/operations.md says, and nothing that was sent is
lost.

One after the other a clinic, its hub and headquarters are put back to a copy that
was made while they ran. Each finds out by itself, gets back what others had heard
of it, and goes on; what it wrote before it met anybody counts as well. A hub that
was put back to before it enrolled a prison, of which headquarters had not heard,
lets it in by another invite.
"""
import random
import sqlite3

import cluster
from cluster import check, say, wait_until

SITES = ["PB-HQ", "PB-LDH-H", "PB-LDH-C01"]
LATE = "PB-LDH-P01"
FOUND_OUT = "this was put back from a copy"
RNG = random.Random(5)


def write(node, name):
    node.insert("person", cluster.person_row(RNG, name))


def names(node):
    return {n for n, in node.query("SELECT given_name FROM person")}


def back_up(node, path):
    """The online backup that the page names, with the daemon running."""
    with node.connect() as db, sqlite3.connect(path) as copy:
        db.backup(copy)
    copy.close()


def put_back(node, path):
    for end in ("", "-wal", "-shm"):
        (node.home / f"replica.db{end}").unlink(missing_ok=True)
    (node.home / "replica.db").write_bytes(path.read_bytes())


def round_of(tree, site):
    node, copy = tree[site], tree.folder / f"{site}.copy"
    back_up(node, copy)
    kept = {f"{site} {n}" for n in range(5)}
    for name in kept:
        write(node, name)
    tree.wait_until_equal()
    node.stop()
    write(node, f"{site} never sent")  # a tool writes, nobody signs
    put_back(node, copy)
    check(not kept & names(node), "the copy is no older than what was written")
    write(node, f"{site} again")
    node.start()
    node.wait_until_running()
    took = tree.wait_until_equal()
    check(kept | {f"{site} again"} <= names(node),
          f"{site} lacks {sorted(kept - names(node))}")
    check(f"{site} never sent" not in names(node), "that was nowhere else")
    check(FOUND_OUT in node.log.read_text(), f"{site} did not find out")
    check(node.value("SELECT count(*) FROM sync_fork") == 0,
          "it was taken for a clone")
    say(f"{site}: {len(kept)} rows came back, in step after {took:.1f} s")


def forgotten(tree):
    """The hub alone, a copy of it, and a prison that joins after the copy."""
    root, hub = tree["PB-HQ"], tree["PB-LDH-H"]
    copy = tree.folder / "hub.before"
    tree.wait_until_equal()
    late = tree.nodes[LATE] = cluster.Node(tree.folder, LATE)
    root.stop()
    back_up(hub, copy)
    tree.enrol(late)
    write(late, "of the late one")
    wait_until("it is at the hub", lambda: "of the late one" in names(hub))
    hub.stop()
    put_back(hub, copy)
    hub.start()
    hub.wait_until_running()
    root.start()
    root.wait_until_running()
    check(hub.value("SELECT count(*) FROM sync_certificate WHERE site = ?",
                    (LATE,)) == 0, "the copy knows the prison")
    wrong = tree.invite(hub, "PB-LDH-C01", "wrong.invite")
    done = late.sangam("join", "--again", wrong, expect=1)
    check(f"the invite is for site PB-LDH-C01 and this home is of {LATE}"
          in done.stdout + done.stderr, done.stdout + done.stderr)
    say(late.sangam("join", "--again", tree.invite(hub, LATE, "again.invite"))
        .stdout.replace("\n", " "))
    write(late, "after it")
    tree.wait_until_equal()
    for node in root, hub:
        check({"of the late one", "after it"} <= names(node),
              f"{node.site} lacks what the prison wrote")
    done = late.sangam("join", "--again", tree.invite(hub, LATE, "more.invite"),
                       expect=1)
    check("is enrolled already" in done.stdout + done.stderr,
          done.stdout + done.stderr)


def main():
    with cluster.Cluster("restore", SITES) as tree:
        tree.grow()
        tree.wait_until_equal()
        for site in reversed(SITES):
            round_of(tree, site)
        forgotten(tree)
        rows = {node.site: node.verify() for node in tree}
        write(tree["PB-LDH-C01"], "after all")
        wait_until("it is at headquarters",
                   lambda: "after all" in names(tree["PB-HQ"]))
        tree.stop()
        say(f"verified: {rows}")


if __name__ == "__main__":
    main()
