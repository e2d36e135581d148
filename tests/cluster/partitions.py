#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Machines that a bad network connects agree once it is good again.

Headquarters, a hub, a prison and a clinic, each in a network namespace of its
own; this process carries their packets. While programs write at each of them,
ways between them are cut (one direction or both), slow, lossy, and out of order.

* A way that is cut is noticed at both ends in a little over a minute, though nothing says
  so, and work goes on.
* Once all ways are well, all agree within two minutes, and every row is there.

SANGAM_SEED replays the choices (not the timing).
"""
import os
import random
import time

import cluster
import wire
from cluster import check, say, wait_until
from kills import Writer, check_nothing_set_aside, check_rows

SITES = ["PB-HQ", "PB-LDH-H", "PB-LDH-P01", "PB-LDH-C01"]
SEED = int(os.environ.get("SANGAM_SEED", random.randrange(10**9)))
SHARED = "PB-LDH-P01"
BAD_S = 20
CHANGE_EVERY_S = 2
NOTICED_S = 90
AGREE_S = 120


def told_since(node, mark, peer, *endings):
    """Does its log say something of these since about the peer?"""
    lines = node.log.read_text()[mark:].splitlines()
    return any(f" {peer.site}: " in line and ending in line
               for line in lines for ending in endings)


def start_writers(tree, rng):
    shared = tree[SHARED].insert("person", cluster.person_row(rng, "Sanjha"))
    tree.wait_until_equal()
    writers = [Writer(n, [shared] if n.site != "PB-HQ" else [],
                      rng.randrange(10**9)) for n in tree]
    for writer in writers[1:]:
        writer.start()
    return writers[1:]


def test_noticed(tree, net):
    """Ways are cut between ends of which none is told: to the clinic only one,
    to the prison both."""
    hub, clinic, prison = (tree[s] for s in SITES[1:])
    marks = {n: len(n.log.read_text()) for n in (hub, clinic, prison)}
    net.way(hub.site, clinic.site).cut = True
    net.way(hub.site, prison.site).cut = True
    net.way(prison.site, hub.site).cut = True
    start = time.monotonic()
    for node, peer in ((clinic, hub), (prison, hub), (hub, clinic),
                       (hub, prison)):
        wait_until(f"{node.site} notices that {peer.site} is cut off",
                   lambda n=node, p=peer: told_since(
                       n, marks[n], p, "link closed", "calling again"),
                   NOTICED_S)
    say(f"cut off is noticed everywhere after "
        f"{time.monotonic() - start:.0f} s")
    marks = {n: len(n.log.read_text()) for n in (clinic, prison)}
    net.mend()
    for node in (clinic, prison):
        wait_until(f"{node.site} is back", lambda n=node: told_since(
            n, marks[n], hub, "link open"), AGREE_S)
    say(f"and back after {time.monotonic() - start:.0f} s")


def go_bad(rng, way):
    way.mend()
    kind = rng.choice(("well", "cut", "loss", "delay", "both"))
    way.cut = kind == "cut"
    if kind in ("loss", "both"):
        way.loss = rng.choice((0.02, 0.1, 0.3))
    if kind in ("delay", "both"):
        way.delay_s = (0.0, rng.choice((0.05, 0.3, 1.5)))


def test_bad_network(tree, net, rng):
    end = time.monotonic() + BAD_S
    links = [w for (a, b), w in net.ways.items()
             if cluster.PARENTS[a] == b or cluster.PARENTS[b] == a]
    while time.monotonic() < end:
        go_bad(rng, rng.choice(links))
        time.sleep(rng.uniform(0, CHANGE_EVERY_S))
        check(net.error is None, f"the wire: {net.error}")
    net.mend()


def main():
    wire.skip_unless_permitted()
    rng = random.Random(SEED)
    say(f"SANGAM_SEED={SEED}")
    with wire.Wire(SITES, SEED) as net, \
            cluster.Cluster("partitions", SITES) as tree:
        for node in tree:
            net.put(node, node.site)
        tree.grow()
        writers = start_writers(tree, rng)
        test_noticed(tree, net)
        test_bad_network(tree, net, rng)
        for writer in writers:
            writer.end()
        say(f"all agree after {tree.wait_until_equal(AGREE_S):.0f} s; "
            f"{net.carried} packets carried, {net.lost} lost, "
            f"{net.delayed} delayed; "
            f"{sum(len(w.keys) for w in writers)} rows were committed")
        check_rows(tree, writers)
        check_nothing_set_aside(tree)
        for node in tree:
            node.verify()
        tree.stop()


if __name__ == "__main__":
    main()
