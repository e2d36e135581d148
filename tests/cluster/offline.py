#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What goes wrong with links and files is survived, or refused in words.

* Sites work on while their hub is away, and catch up, also when hub and site
  are killed while they do.
* A home that runs already, an invite that is not for this node, and a replica
  that is not ours are refused, and the sentence says why.
* What strangers send to the port of a hub does not disturb its sites.
"""
import os
import random
import shutil
import socket
import sqlite3
import subprocess
import time

import cluster
from cluster import check, say, wait_until

ROWS = 10000 if os.environ.get("SANGAM_LONG") else 2000
KILLS = 6                # during the catching up
STRANGERS = 60           # silent connections
HUB = "PB-LDH-H"
SITES = ["PB-LDH-P01", "PB-LDH-C01"]
RNG = random.Random(11)


# ---- away -------------------------------------------------------------------

def write_doses(node, rows):
    """In transactions of fifty; the keys."""
    keys = []
    with node.connect() as db:
        person = cluster.person_row(RNG, "Misal")
        key = insert(db, "person", person)
        for _ in range(rows // 50):
            db.execute("BEGIN IMMEDIATE")
            keys += [insert(db, "dose_event", cluster.dose_row(RNG, key))
                     for _ in range(50)]
            db.execute("COMMIT")
    return keys


def insert(db, table, row):
    return cluster.insert_row(db, table, ", ".join(row),
                              ", ".join("?" * len(row)), list(row.values()))


def held(node, keys):
    found = {row[0] for row in node.query("SELECT dose_id FROM dose_event")}
    return len(found & set(keys))


def kill_midway(tree, keys):
    """Kills now the hub, now a site, as soon as it holds more than before;
    returns how many of the kills met a half-done catching up."""
    victims = [tree[HUB]] + [tree[site] for site in SITES]
    before = {node: held(node, keys) for node in victims}
    midway = 0
    for i in range(KILLS):
        node = victims[i % len(victims)]
        wait_until(f"{node.site} catches up", lambda node=node:
                   held(node, keys) > before[node] or
                   before[node] == len(keys), every_s=0.001)
        node.kill()
        before[node] = held(node, keys)
        midway += before[node] < len(keys)
        node.start()
    return midway


def test_hub_away(tree):
    hub = tree[HUB]
    writers = [tree[cluster.ROOT]] + [tree[site] for site in SITES]
    hub.stop()
    keys = [key for node in writers for key in write_doses(node, ROWS)]
    for site in SITES:
        wait_until(f"{site} signs alone", lambda site=site:
                   tree[site].status()["writes_pending"] == 0)
        check(tree[site].status()["parent"]["changesets_behind"] > 0,
              f"{site} thinks that its hub has everything")
    start = time.monotonic()
    hub.start()
    midway = kill_midway(tree, keys)
    check(midway > 0, "no kill came before all was there: write more rows")
    tree.wait_until_equal()
    say(f"hub away: {len(keys)} doses were written meanwhile and are "
        f"everywhere {time.monotonic() - start:.1f} s later, in spite of "
        f"{KILLS} kills, {midway} of them halfway")
    for node in (tree[cluster.ROOT], hub):
        check(held(node, keys) == len(keys), f"{node.site} lost doses")
    for node in tree:
        node.verify()


# ---- refused ----------------------------------------------------------------

def refused(what, done, *sentences):
    """A command failed, and said so in these words."""
    said = done.stdout + done.stderr
    check(done.returncode in (1, 78), f"{what}: exits with {done.returncode}: "
          f"{said}")
    for sentence in sentences:
        check(sentence in said, f"{what}: '{sentence}' is not in: {said}")
    say(f"{what}: {said.strip().splitlines()[-1].split(': ', 1)[-1]}")


def test_home_that_runs(tree):
    hub = tree[HUB]
    holder = f"already running, held by process {hub.process.pid}"
    refused("a second daemon", hub.sangam("run", expect=None), holder)
    refused("a rebuild meanwhile", hub.sangam("rebuild", expect=None), holder)
    check(hub.is_running(), "the first daemon is gone")


def join(tree, name, invite):
    return cluster.run_sangam("-C", tree.folder / name, "join", invite)


def value_of(invite, name):
    lines = invite.read_text().splitlines()
    return next(line.removeprefix(f"{name} = ") for line in lines
                if line.startswith(f"{name} = "))


def edit(tree, invite, name, value):
    """A copy of an invite with another value."""
    copy = tree.folder / f"edited-{name}.invite"
    copy.write_text(invite.read_text().replace(
        f"{name} = {value_of(invite, name)}", f"{name} = {value}"))
    return copy


def test_invites(tree):
    root = tree[cluster.ROOT]
    invite = tree.invite(root, "PB-ASR-H")
    refused("an invite of another network",
            join(tree, "n1", edit(tree, invite, "network", "5a" * 32)),
            "of another network")
    refused("an invite with another key",
            join(tree, "n2", edit(tree, invite, "curve_public", "5a" * 32)),
            'does not belong to "curve_secret"')
    refused("a torn invite", join(tree, "n5", torn(tree, invite)), "torn")
    check(join(tree, "n6", invite).returncode == 0, "the invite is spoiled")


def torn(tree, invite):
    path = tree.folder / "torn.invite"
    path.write_text(invite.read_text()[:200])
    return path


def test_edited_site(tree):
    """An invite for a prison does not make a clinic."""
    invite = tree.invite(tree[HUB], "PB-ASR-P01")
    refused("an invite with another site",
            join(tree, "n9", edit(tree, invite, "site", "PB-ASR-C01")),
            "the grant is not for these keys and site PB-ASR-C01")


def write_other_sqlite(path):
    path.unlink()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE stock(item TEXT)")
    db.commit()
    db.close()


def test_replicas_of_others(tree):
    """The hub's home with something else in the place of its replica."""
    damages = {
        "a replica of another program": (
            write_other_sqlite, "not a sangam replica"),
        "a text file as replica": (
            lambda p: p.write_text("not a database\n" * 100),
            "no SQLite database"),
        "a replica cut short": (
            lambda p: os.truncate(p, p.stat().st_size // 3), "malformed"),
        "an empty replica": (
            lambda p: os.truncate(p, 0), "not a sangam replica"),
    }
    hub = tree[HUB]
    hub.stop()
    for number, (what, (damage, sentence)) in enumerate(damages.items()):
        home = tree.folder / f"damaged-{number}"
        shutil.copytree(hub.home, home)
        damage(home / "replica.db")
        before = (home / "replica.db").read_bytes()
        refused(what, cluster.run_sangam("-C", home, "run"), sentence)
        check((home / "replica.db").read_bytes() == before,
              f"{what} was changed")
    hub.start()
    hub.wait_until_running()


# ---- strangers --------------------------------------------------------------

GREETING = b"\xff" + b"\0" * 8 + b"\x7f\x03\x00"


def strangers_say():
    """What a stranger may send first, by name."""
    noise = random.Random(3).randbytes(64 * 1024)
    return {
        "noise": noise,
        "HTTP": b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n",
        "a greeting without security": GREETING + b"NULL" + b"\0" * 48,
        "a greeting and noise": GREETING + b"CURVE" + b"\0" * 47 + noise,
        "a frame of 2 GB": GREETING + b"CURVE" + b"\0" * 47 + b"\x06" +
                           (2**31).to_bytes(8, "big") + noise,
        "a command of 8 EB": GREETING + b"CURVE" + b"\0" * 47 + b"\x06" +
                             (2**63 - 1).to_bytes(8, "big") + noise,
    }


def call(port, text=b""):
    stranger = socket.create_connection(("127.0.0.1", port), 10)
    stranger.settimeout(10)
    try:
        stranger.sendall(text)
    except OSError:
        pass             # it hung up on us before we had finished
    return stranger


def memory_kb(node):
    with open(f"/proc/{node.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status
                    if line.startswith("VmRSS"))


def worst_latency_ms(tree, doses):
    """From a clinic's INSERT to headquarters' row, through the hub."""
    clinic, root, worst = tree["PB-LDH-C01"], tree[cluster.ROOT], 0.0
    for _ in range(doses):
        key = clinic.insert("dose_event", cluster.dose_row(RNG, "p"))
        start = time.monotonic()
        wait_until("a dose reaches headquarters", lambda key=key:
                   held(root, [key]) == 1, every_s=0.005)
        worst = max(worst, time.monotonic() - start)
    return 1000 * worst


def test_strangers(tree):
    hub = tree[HUB]
    tree.wait_until_equal()
    undisturbed = worst_latency_ms(tree, 5)
    before = memory_kb(hub)
    silent = [call(hub.port) for _ in range(STRANGERS)]
    for what, text in strangers_say().items():
        silent += [call(hub.port, text) for _ in range(5)]
        latency = worst_latency_ms(tree, 3)
        check(latency < 10000, f"{what} holds the sites up")
        say(f"strangers send {what}: a dose takes at most {latency:.0f} ms, "
            f"{undisturbed:.0f} without them")
    grown = memory_kb(hub) - before
    check(grown < 200 * 1024, f"strangers cost {grown} KB of memory")
    check(hub.is_running(), "the hub is gone")
    for stranger in silent:
        stranger.close()
    say(f"{len(silent)} strangers cost the hub {grown} KB of memory")


def scrub_as_child(node, daemon):
    """The scrub that a daemon of this process id would have started."""
    return subprocess.run([cluster.BINARY, "-C", node.home, "verify",
                           "--scrub"], capture_output=True, timeout=60,
                          env=dict(os.environ,
                                   SANGAM_SCRUBBER_OF=str(daemon)))


def test_scrubber_without_a_daemon(tree):
    """A daemon's scrub outlives it by no step, and never takes its home: the
    next daemon would not start."""
    node = tree[SITES[0]]
    node.stop()
    write_doses(node, 3)
    pending = node.status()["writes_pending"]
    check(pending > 0, "nothing waits to be signed")
    check(scrub_as_child(node, os.getpid() + 1).returncode == 1,
          "the scrub of a daemon that is gone goes on")
    scrub_as_child(node, os.getpid())
    check(node.status()["writes_pending"] == pending,
          "a daemon's scrub signed in its place")
    node.start()
    node.wait_until_running()
    tree.wait_until_equal()


def main():
    with cluster.Cluster("offline", [cluster.ROOT, HUB] + SITES) as tree:
        tree.grow()
        test_hub_away(tree)
        test_home_that_runs(tree)
        test_invites(tree)
        test_edited_site(tree)
        test_replicas_of_others(tree)
        test_scrubber_without_a_daemon(tree)
        test_strangers(tree)
        tree.wait_until_equal()
        for node in tree:
            node.verify()
        tree.stop()


if __name__ == "__main__":
    main()
