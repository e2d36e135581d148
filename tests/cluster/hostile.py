#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whoever lies to a hub changes nothing of others', and others are served.

Headquarters, a hub, a prison, and a clinic whose home somebody has got hold of. One
lie after the other is told with its valid keys (tests/hostile/liar.c), and
strangers without keys knock as they like. After each

* a dose that the prison writes is at headquarters within seconds;
* no table differs from what honest nodes wrote;
* the hub's memory has not grown past a bound;
* the hub's log names what was tried, and by whom.
"""
import os
import socket
import struct
import subprocess
import time

import cluster
from cluster import check, say, wait_until

SITES = ["PB-HQ", "PB-LDH-H", "PB-LDH-P01", "PB-LDH-C01"]
HQ, HUB, PRISON, CLINIC = SITES
LIAR = os.environ.get("SANGAM_LIAR", "build/dev/tests/liar")
SERVED_S = 20
LIE_S = 60
STRANGERS = 1500
MEMORY_MIB = 96 if "asan" not in cluster.BINARY else 700

# What is told, and what the hub's log must say of it.
LIES = {
    "forged": "certificate is not held",
    "gap": "number 2 is missing before it",
    "broken-chain": "it does not continue what is held",
    "count": "16383 leaves, at most 1000 are allowed",
    "bomb": "packed leaves unfold to over 262144 bytes",
    "other-node": "another node than the link's key",
    "other-network": "the child belongs to another network",
    "early": "changesets is out of turn",
    "garbage": "a frame is not a message",
    "giant": "the connection is gone",   # libzmq ends it, and does not say why
    "flood": "-> link closed",           # whichever is seen first
    "chatter": "link open",              # idle talk: nobody else minds
    "future": "turned away: stamped 36",
    "foreign": "1 leaves refused",
    "reused": "another content has this name",
}
STRANGER = "connections of no node of ours"


def memory_mib(node):
    with open(f"/proc/{node.process.pid}/status", encoding="ascii") as f:
        kib = next(line.split()[1] for line in f if line.startswith("VmRSS"))
    return int(kib) / 1024


class Story:
    def __init__(self, tree):
        self.tree = tree
        self.hub = tree[HUB]
        self.doses = set()
        self.most_mib = 0.0

    def dose(self, node, **more):
        key = node.insert("dose_event", {
            "person_id": self.person, "kind": "observed",
            "item_code": "BUP-NAL-2", "units": 4, "verified_by": "manual",
            "dispensed_by": "Nurse Namoona", **more})
        self.doses.add(key)
        return key

    def begin(self):
        self.person = self.tree[PRISON].insert(
            "person", {"beneficiary_no": "N-1", "given_name": "Misal"})
        self.dose(self.tree[PRISON])
        self.tree.wait_until_equal()
        self.dose(self.tree[CLINIC], dose_id="dose-of-clinic")
        self.tree.wait_until_equal()
        self.tree[CLINIC].stop()

    def check_served(self, what):
        """The honest are served, the others' rows are as they were."""
        self.most_mib = max(self.most_mib, memory_mib(self.hub))
        check(self.hub.is_running(), f"{what}: the hub ended")
        key = self.dose(self.tree[PRISON])
        wait_until(f"{what}: the prison's dose is at headquarters",
                   lambda: self.tree[HQ].value(
                       "SELECT count(*) FROM dose_event WHERE dose_id = ?",
                       (key,)) == 1, SERVED_S)
        for node in (self.hub, self.tree[HQ]):
            rows = node.query("SELECT dose_id, site_id, units FROM dose_event")
            check({r[0] for r in rows} == self.doses, f"{what}: {node.site} "
                  f"shows {rows}")
            check({r[2] for r in rows} == {4}, f"{what}: {rows}")

    # ---- with keys -----------------------------------------------------

    def tell(self, lie, words):
        mark = len(self.hub.log.read_text())
        told = subprocess.run([LIAR, self.tree[CLINIC].home, lie], text=True,
                              capture_output=True, timeout=LIE_S, check=False)
        check(told.returncode == 0, f"{lie}: {told.stderr}")
        self.check_served(lie)
        said = self.hub.log.read_text()[mark:]
        say(f"{lie}: {'; '.join(told.stdout.splitlines())}")
        check(words in said, f"{lie}: '{words}' is not in the log: {said}")

    # ---- without -------------------------------------------------------

    def knock(self, what, data, count=1, hold_s=1.0):
        knocks = []
        for _ in range(count):
            s = socket.create_connection((self.hub.host, self.hub.port), 5)
            s.sendall(data)
            knocks.append(s)
        time.sleep(hold_s)
        self.check_served(what)
        for s in knocks:
            s.close()
        say(f"{what}: the prison is served")


def main():
    with cluster.Cluster("hostile", SITES) as tree:
        tree.grow()
        story = Story(tree)
        story.begin()
        story.knock("silent connections", b"", STRANGERS)
        story.knock("garbage", os.urandom(100000))
        story.knock("HTTP", b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n")
        greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00"
        story.knock("half a greeting", greeting, STRANGERS)
        story.knock("a giant frame", greeting + b"NULL".ljust(20, b"\0")
                    + bytes(32) + b"\x06" + struct.pack(">Q", 1 << 62))
        for lie, words in LIES.items():
            story.tell(lie, words)
        wait_until("the hub's log names strangers, and where from", lambda: any(
            STRANGER in line and "127.0.0.1" in line
            for line in tree[HUB].log.read_text().splitlines()))
        say(f"the hub had at most {story.most_mib:.0f} MiB")
        check(story.most_mib < MEMORY_MIB, "that is too much")
        for node in (tree[HQ], tree[HUB], tree[PRISON]):
            node.verify()
        for node in (tree[PRISON], tree[HUB], tree[HQ]):
            node.stop()


if __name__ == "__main__":
    main()
