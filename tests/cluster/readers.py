#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may read the file, and has no keys, may ask `why` and `verify`.

* While the daemon runs, and when it does not.
* Nothing in the home has changed afterwards.
"""
import contextlib
import json
import os
import random
import subprocess

import cluster
from cluster import check, say

STRANGER = 61234         # a user id that nobody has


def as_member(node, *arguments):
    """Runs a command as a user of the home's group who owns nothing; without
    the right to become one, as its owner with the keys locked away."""
    command = [cluster.BINARY, "-C", str(node.home), *arguments]
    if os.geteuid() == 0:
        group = node.home.stat().st_gid
        command = ["setpriv", f"--reuid={STRANGER}", f"--regid={group}",
                   "--clear-groups", *command]
    done = subprocess.run(command, text=True, capture_output=True,
                          timeout=cluster.WAIT_S, cwd="/")
    check(done.returncode == 0, f"{' '.join(command)} exits with "
          f"{done.returncode}: {done.stdout}{done.stderr}")
    return done


@contextlib.contextmanager
def keys_locked(node):
    """Nobody but root opens them meanwhile, and root is not asked."""
    folder = node.home / "keys"
    mode = folder.stat().st_mode & 0o777
    folder.chmod(0)
    try:
        yield
    finally:
        folder.chmod(mode)


def look(node, person):
    """What `why` and `verify` say of a healthy replica."""
    leaves = json.loads(as_member(node, "why", "person", person,
                                  "--json").stdout)
    check(leaves and all(l["signature_verifies"] for l in leaves),
          f"why says {leaves}")
    done = as_member(node, "verify", "--json")
    verified = json.loads(done.stdout)
    check(verified["well"] and verified["rows"] > 0, f"verify: {verified}")
    say(f"a member without keys: {len(leaves)} leaves of a person, "
        f"{verified['rows']} rows verify")
    return done.stderr


def main():
    with cluster.Cluster("readers", [cluster.ROOT]) as tree:
        tree.grow()
        tree.folder.chmod(0o711)
        root = tree[cluster.ROOT]
        person = root.insert("person", cluster.person_row(random.Random(5),
                                                          "Misal"))
        cluster.wait_until("all is signed", lambda: root.status()
                           ["writes_pending"] == 0)
        before = sorted(os.listdir(root.home))
        with keys_locked(root):
            look(root, person)
        check(sorted(os.listdir(root.home)) == before, "the home changed: "
              f"{sorted(os.listdir(root.home))}, before {before}")
        root.stop()
        with keys_locked(root):
            said = look(root, person)
        check("its keys are not readable here" in said,
              "verify does not say that nobody signs")
        root.start()
        root.wait_until_running()
        root.verify()
        tree.stop()


if __name__ == "__main__":
    main()
