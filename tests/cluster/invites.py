#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is wrong with an invite is said in words.

* One that is past its date, by the clock of the new machine or by the
  parent's, and one that was used.
* One that was written into the replica without the node's keys.
"""
import time

import cluster
from cluster import check, say, wait_until

HUBS = ["PB-LDH-H", "PB-ASR-H"]


def join(tree, name, invite):
    return cluster.run_sangam("-C", tree.folder / name, "join", invite)


def refused(what, done, *sentences):
    """A command failed, and said so in these words."""
    said = done.stdout + done.stderr
    check(done.returncode in (1, 78), f"{what}: exits with {done.returncode}: "
          f"{said}")
    for sentence in sentences:
        check(sentence in said, f"{what}: '{sentence}' is not in: {said}")
    say(f"{what}: {said.strip().splitlines()[-1].split(': ', 1)[-1]}")


# ---- dates ------------------------------------------------------------------

def test_date_by_own_clock(tree):
    """Before anything is sent, with both times."""
    text = tree.invite(tree[cluster.ROOT], HUBS[0], "own.invite").read_text()
    lines = [line for line in text.splitlines()
             if not line.startswith("expires")]
    copy = tree.folder / "old.invite"
    copy.write_text("\n".join(lines + ["expires = 2020-01-01T00:00:00Z", ""]))
    today = time.strftime("clock says %Y-%m-%dT", time.gmtime())
    refused("an invite past its date", join(tree, "own", copy),
            "the invite expired at 2020-01-01T00:00:00Z", today,
            "if the clock is right, ask for another invite", "set it")


def expire(root, set_what):
    """What a parent's clock does in two weeks."""
    with root.connect() as db:
        db.execute(f"UPDATE local_invite SET {set_what} WHERE state = 'open'")


def test_date_by_the_parent(tree):
    """The parent's clock decides, whatever the file says."""
    root = tree[cluster.ROOT]
    invite = tree.invite(root, HUBS[0], "late.invite")
    expire(root, "state = 'expired'")
    refused("an invite that the parent let expire", join(tree, "late", invite),
            "the parent says: the invite for site PB-LDH-H expired at ",
            "ask for another")


def test_date_long_past(tree):
    """After the grace the door is shut to its key."""
    root = tree[cluster.ROOT]
    invite = tree.invite(root, HUBS[0], "older.invite")
    expire(root, "state = 'expired', expires_ms = 1")
    refused("an invite of long ago", join(tree, "older", invite),
            "no handshake")


def test_row_without_keys(tree):
    """Who can write the replica cannot invite; who asks is told why."""
    root = tree[cluster.ROOT]
    with root.connect() as db:
        db.execute("INSERT INTO local_invite(invite_id, site_id, curve_public,"
                   " may_enrol, expires_ms, proof) VALUES ('mine', 'PB-LDH-H',"
                   " randomblob(32), 1, 4000000000000, randomblob(64))")
    wait_until("the row is refused", lambda: root.value(
        "SELECT state FROM local_invite WHERE invite_id = 'mine'")
        == "refused")
    check("only who can read its keys may invite" in root.value(
        "SELECT says FROM local_invite WHERE invite_id = 'mine'"),
        "the row does not say why")
    wait_until("the log says so", lambda: "1 asked for without this node's key"
               in root.log.read_text())


def test_invite_while_stopped(tree):
    """It opens when the node runs again."""
    root = tree[cluster.ROOT]
    root.stop()
    invite = tree.invite(root, HUBS[0], "stopped.invite")
    root.start()
    root.wait_until_running()
    check(join(tree, "stopped", invite).returncode == 0, "it does not join")


def test_used(tree):
    root = tree[cluster.ROOT]
    invite = tree.invite(root, HUBS[1])
    check(join(tree, "first", invite).returncode == 0, "it does not join")
    refused("an invite used twice", join(tree, "second", invite),
            "the parent says: the invite for site PB-ASR-H was used already")


def main():
    with cluster.Cluster("invites", [cluster.ROOT]) as tree:
        tree.grow()
        test_date_by_own_clock(tree)
        test_date_by_the_parent(tree)
        test_date_long_past(tree)
        test_row_without_keys(tree)
        test_invite_while_stopped(tree)
        test_used(tree)
        tree.stop()


if __name__ == "__main__":
    main()
