#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A trickle of lone writes costs a parent no commit and digest each.

* Digests and notes come at most every three seconds for a child.
* When the trickle ends, parent and child are in step within that time.
"""
import random
import time

import cluster
from cluster import check, say, wait_until

HUB = "PB-LDH-H"
SETTLED_S = 3            # SETTLED_MS of protocol/limits.h
ADVANCE_S = 1            # ADVANCE_MS
TRICKLE_S = 10
HEARD = "notes that the child was heard"
RNG = random.Random(7)


def peer(node, column, other):
    """A column of sync_peer about the node of another site."""
    return node.value(f"SELECT {column} FROM sync_peer JOIN sync_certificate"
                      " USING(node) WHERE site = ?", (other.site,))


class Seen:
    """How often each of these columns changed."""

    def __init__(self, root, hub):
        self.looks = {"digests that agree": (hub, "synced_ms", root),
                      HEARD: (root, "heard_ms", hub),
                      "notes of its acks": (root, "acked", hub)}
        self.values = {what: [peer(*look)]
                       for what, look in self.looks.items()}

    def look(self):
        for what, look in self.looks.items():
            value = peer(*look)
            if value != self.values[what][-1]:
                self.values[what].append(value)

    def changes(self):
        return {what: len(v) - 1 for what, v in self.values.items()}


def write_one(root, hub):
    key = root.insert("peer_group", {
        "name": "A group", "model": "NA_HI", "led_by": "mixed"})
    wait_until("it comes down", lambda: hub.value(
        "SELECT count(*) FROM peer_group WHERE group_id = ?", (key,)) == 1,
        every_s=0.01)


def in_step(root, hub, since_ms):
    """The hub has compared a digest that covers all there is."""
    synced = peer(hub, "synced_ms", root)
    behind = root.status()["children"][0]["changesets_behind"]
    return True if synced >= since_ms and behind == 0 else f"{synced} {behind}"


def test_trickle(root, hub):
    wait_until("the first digest", lambda: peer(hub, "synced_ms", root)
               is not None)
    time.sleep(SETTLED_S)
    seen = Seen(root, hub)
    writes, start = 0, time.monotonic()
    while time.monotonic() - start < TRICKLE_S:
        write_one(root, hub)
        writes += 1
        time.sleep(0.02)
        seen.look()
    took = time.monotonic() - start
    rare = took / SETTLED_S + 1
    say(f"{writes} lone writes in {took:.1f} s: {seen.changes()}")
    # the child says once a second how far it reads, which is heard and noted
    most = dict.fromkeys(seen.looks, rare) | {HEARD: rare + took / ADVANCE_S}
    check(writes > 2 * most[HEARD], "too few writes to tell: a slow machine?")
    for what, changes in seen.changes().items():
        check(0 < changes <= most[what],
              f"{changes} {what}, at most {most[what]:.0f}")


def test_end_of_trickle(root, hub):
    write_one(root, hub)
    there_ms = 1000 * time.time()
    took = wait_until("the hub is in step", lambda:
                      in_step(root, hub, there_ms - 50))
    check(took < SETTLED_S + 2, f"in step only {took:.1f} s later")
    say(f"in step {took:.1f} s after the last write came down")


def main():
    with cluster.Cluster("trickle", [cluster.ROOT, HUB]) as tree:
        tree.grow()
        root, hub = tree[cluster.ROOT], tree[HUB]
        tree.wait_until_equal()
        test_trickle(root, hub)
        test_end_of_trickle(root, hub)
        tree.stop()


if __name__ == "__main__":
    main()
