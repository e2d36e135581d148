#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whoever lies to a hub changes nothing of others', and others are served.

Headquarters, a hub, a prison, and a clinic whose home somebody has got hold of. One
lie after the other is told with its valid keys (tests/hostile/liar.c), and
strangers without keys knock as they like, each from an address of its own. After
each, and while those go on that last,

* a dose that the prison writes is at headquarters within seconds, and what
  headquarters writes is at the prison;
* no row of any table differs, in any column, at headquarters, hub and prison from
  what honest nodes wrote: each lie has a row of its own that would show;
* the hub's memory has not grown past a bound meanwhile, however briefly;
* the hub's log names what was tried, and by whom, in a few lines.
"""
import contextlib
import os
import re
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
NAMED_S = 40
LIE_S = 60
LAST_S = 1
STRANGERS = 1000
ASAN = "asan" in cluster.BINARY
# A bomb has 256, a giant frame 64.
GROWTH_MIB = 48 if ASAN else 24
LINES_MAX = 8  # beside as many for each link
LIED_UNITS = 9

# What the liar and this test both name (tests/hostile/liar.h).
PERSON, ENROLMENT = "person-of-prison", "enrolment-of-prison"
DOSE = "dose-of-prison"

# What is told, and what the hub's log must say of it with the clinic's name. What
# lasts goes on until others have been served meanwhile.
LIES = {
    "forged": rf"changeset \d+ of site {PRISON}: .*signature does not verify",
    "borrowed": rf"changeset \d+ of site {HUB}: its certificate is not held",
    "gap": rf"changeset \d+ of site {CLINIC}: number \d+ is missing before it",
    "broken-chain": rf"of site {CLINIC}: it does not continue what is held",
    "foreign-dose": r"1 leaves refused, the first because site \S+ writes a row "
                    r"of dose_event in another site's name",
    "foreign-event": r"the first because column dose_event.units is written once",
    "foreign-owner": r"the first because site \S+ writes owned columns of "
                     r"enrolment without being the owner it claims",
    "claimed-owner": rf"the first because site {CLINIC} does not own the row "
                     rf"under epoch 1; {PRISON} does",
    "foreign-person": r"the first because site \S+ writes a row of person in "
                      r"another site's name",
    "foreign-worker": r"the first because site \S+ makes a row of worker that "
                      r"another site owns",
    "reference": r"the first because ref_item is written at headquarters, not "
                 rf"by site {CLINIC}",
    "certificate": rf"the first because certificate of {PRISON}: its issuer "
                   rf"{CLINIC} may not enrol nodes",
    "revocation": rf"the first because site {CLINIC} may not revoke this node",
    "void": rf"the first because site {CLINIC} takes back what another node said",
    "other-node": r"another node than the link's key",
    "other-network": r"the child belongs to another network",
    "early": r"changesets is out of turn",
    "count": r"16383 leaves, at most 1000 are allowed",
    "bomb": r"packed leaves unfold to over 262144 bytes",
    "garbage": r"a frame is not a message",
    "giant": r"its connection ended: .* over 262144 bytes",
    "flood": r"more than the 16 messages of the credit are in flight",
    "chatter": r"more than 60 messages in a minute move nothing",
    "unknown-key": r"one from 127.0.0.1: nobody here knows their key",
    "future": r"turned away: stamped 36\d days ahead",
    "reused": rf"of site {CLINIC}: another content has this name",
    "fork": rf"the node of site {CLINIC} ran twice",
}
LASTING = ["bomb", "giant", "flood", "chatter"]
NAMELESS = ["unknown-key"]  # with no name but an address
# Doses that the clinic may say; of two contents the first, of a fork both.
TRUE = {"reused": ["dose-reused"], "fork": ["dose-fork-new", "dose-fork-old"]}

# What is said without keys, beside silence.
UNFINISHED = "they did not finish a greeting"
NO_GREETING = "what they said is no greeting"
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00"
FRAME = b"\x06" + struct.pack(">Q", 1 << 62)
KNOCKS = {
    "garbage": b"\x01" + os.urandom(100000),
    "HTTP": b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n",
    "a giant frame": GREETING + b"NULL".ljust(20, b"\0") + bytes(32) + FRAME,
    "a giant CURVE frame": GREETING + b"CURVE".ljust(20, b"\0") + bytes(32)
                           + FRAME,
}


# ---- memory -----------------------------------------------------------------

def memory_mib(node, what):
    with open(f"/proc/{node.process.pid}/status", encoding="ascii") as f:
        kib = next(line.split()[1] for line in f if line.startswith(what))
    return int(kib) / 1024


class Peak:
    """How far a node's memory rises above what it has now."""

    def __init__(self, node):
        with open(f"/proc/{node.process.pid}/clear_refs", "w",
                  encoding="ascii") as f:
            f.write("5")  # VmHWM begins anew (proc(5))
        self.node = node
        self.before = memory_mib(node, "VmRSS")

    def check(self, what):
        grown = memory_mib(self.node, "VmHWM") - self.before
        check(grown < GROWTH_MIB, f"{what}: the hub had {self.before:.0f} MiB, "
              f"and {grown:.0f} more meanwhile")
        return grown


# ---- rows -------------------------------------------------------------------

def tables_of(db):
    """All that is replicated, and who may sign."""
    named = db.execute("SELECT name FROM sync_table WHERE kind IN ('record',"
                       " 'event', 'reference') ORDER BY table_id")
    return [name for name, in named] + ["sync_certificate", "sync_revocation",
                                        "sync_void"]


def rows_of(db, tables):
    return {table: set(db.execute(f"SELECT * FROM {table}"))
            for table in tables}


def count_of(db, table, column, key):
    return db.execute(f"SELECT count(*) FROM {table} WHERE {column} = ?",
                      (key,)).fetchone()[0]


class Story:
    def __init__(self, tree, programs):
        self.tree = tree
        self.hub = tree[HUB]
        self.programs = programs  # by site, a connection to its replica
        self.rows = {}    # of each table, all that there should be
        self.number = 0   # of what was written to see who is served
        self.grown = 0.0  # at once, the most

    # ---- what is written -----------------------------------------------

    def insert(self, site, table, row):
        """An honest row, which is to be at all honest nodes as it is here."""
        db = self.programs[site]
        key = cluster.insert_row(db, table, ", ".join(row),
                                 ", ".join("?" * len(row)), list(row.values()))
        name = db.execute("SELECT name FROM pragma_table_info(?) WHERE pk = 1",
                          (table,)).fetchone()[0]
        self.rows.setdefault(table, set()).update(db.execute(
            f"SELECT * FROM {table} WHERE {name} = ?", (key,)))
        return key

    def dose(self, site, person, **more):
        return self.insert(site, "dose_event", {
            "person_id": person, "kind": "observed", "item_code": "BUP-NAL-2",
            "units": 4, "verified_by": "manual", "dispensed_by": "Nurse Namoona",
            **more})

    def begin(self):
        self.insert(PRISON, "person", {
            "person_id": PERSON, "beneficiary_no": "N-1", "given_name": "Misal"})
        self.insert(PRISON, "enrolment", {
            "enrolment_id": ENROLMENT, "person_id": PERSON, "programme": "OOAT",
            "status": "active", "named_worker": "Counsellor Namoona"})
        self.dose(PRISON, PERSON, dose_id=DOSE)
        for number in (1, 2):  # one changeset each
            key = self.insert(CLINIC, "person", {"beneficiary_no": f"C-{number}"})
            wait_until("the hub has the clinic's person", lambda: count_of(
                self.programs[HUB], "person", "person_id", key) == 1)
        self.tree.wait_until_equal()
        self.tree[CLINIC].stop()
        self.programs.pop(CLINIC).close()
        hub = self.programs[HUB]
        for table, rows in rows_of(hub, tables_of(hub)).items():
            check(self.rows.get(table, set()) <= rows, f"{table}: {rows}")
            self.rows[table] = rows
        self.check_rows("in the beginning")

    # ---- what is checked -----------------------------------------------

    def check_served(self, what):
        """Both ways, past the hub."""
        self.number += 1
        check(self.hub.is_running(), f"{what}: the hub ended")
        person = self.insert(PRISON, "person", {
            "beneficiary_no": f"P-{self.number}"})
        key = self.dose(PRISON, person)
        item = self.insert(HQ, "ref_item", {
            "item_code": f"served-{self.number}", "kind": "literature",
            "name": what, "unit": "copy"})
        wait_until(f"{what}: the prison's dose is at headquarters",
                   lambda: count_of(self.programs[HQ], "dose_event", "dose_id",
                                    key) == 1, SERVED_S)
        wait_until(f"{what}: what headquarters wrote is at the prison",
                   lambda: count_of(self.programs[PRISON], "ref_item",
                                    "item_code", item) == 1, SERVED_S)

    def check_rows(self, what):
        """After check_served(): what the hub took before is everywhere."""
        for site, db in self.programs.items():
            for table, rows in rows_of(db, self.rows).items():
                wanted = self.rows[table]
                check(rows == wanted, f"{what}: {table} at {site} has "
                      f"{list(rows - wanted)[:3]} and lacks "
                      f"{list(wanted - rows)[:3]}")

    def take_true(self, what):
        """The clinic's own doses are said to be so; the rest must not show."""
        for dose in TRUE.get(what, []):
            rows = self.programs[HUB].execute(
                "SELECT * FROM dose_event WHERE dose_id = ? AND site_id = ?"
                " AND origin_site = ? AND units = ?",
                (dose, CLINIC, CLINIC, LIED_UNITS)).fetchall()
            check(len(rows) == 1, f"{what}: {dose} is not at the hub")
            self.rows["dose_event"].update(rows)

    def said_since(self, mark):
        return self.hub.log.read_text()[mark:].splitlines()

    def check_named(self, lie, mark):
        subject = "children" if lie in NAMELESS else CLINIC
        named = re.compile(f" {subject}: .*{LIES[lie]}")
        wait_until(f"{lie}: the hub's log has '{named.pattern}'", lambda: any(
            map(named.search, self.said_since(mark))), NAMED_S)
        said = self.said_since(mark)
        links = sum("link open" in line for line in said)
        check(len(said) <= LINES_MAX * (1 + links), f"{len(said)} lines of "
              f"{links} links in the log")

    # ---- with keys -----------------------------------------------------

    def tell(self, lie):
        mark = len(self.hub.log.read_text())
        peak = Peak(self.hub)
        with subprocess.Popen([LIAR, self.tree[CLINIC].home, lie], text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as told:
            if lie in LASTING:
                self.serve_during(lie, told)
            out, errors = told.communicate(timeout=LIE_S)
        check(told.returncode == 0, f"{lie}: {out}{errors}")
        self.check_served(lie)
        self.take_true(lie)
        self.check_rows(lie)
        self.grown = max(self.grown, peak.check(lie))
        say(f"{lie}: {'; '.join(out.splitlines()[-2:])}")
        self.check_named(lie, mark)

    def serve_during(self, lie, told):
        while told.stdout.readline() not in ("it lasts\n", ""):
            pass
        end = time.monotonic() + LAST_S
        while time.monotonic() < end:
            self.check_served(f"during {lie}")
            check(told.poll() is None, f"{lie} ended by itself")

    # ---- without -------------------------------------------------------

    def knock(self, what, address, data, count=1):
        peak = Peak(self.hub)
        hub = (self.hub.host, self.hub.port)
        knocks = [socket.create_connection(hub, 5, (address, 0))
                  for _ in range(count)]
        time.sleep(0.5)  # of one that ends at once the hub learns no address
        for s in knocks:
            s.sendall(data)
        self.check_served(what)
        self.check_rows(what)
        self.grown = max(self.grown, peak.check(what))
        say(f"{what}: others are served")
        return knocks

    def strangers(self, did):
        """How many the log has of those who did this, and their addresses."""
        named = re.findall(r" children: (\d+) connections of no node of ours, "
                           rf"one from (\S+): {did} -> ended",
                           self.hub.log.read_text())
        return sum(int(count) for count, _ in named), {who for _, who in named}

    def wait_until_named(self, what, address, did):
        wait_until(f"{what}: the hub's log names {address}",
                   lambda: address in self.strangers(did)[1], NAMED_S)


def hang_up(knocks):
    for s in knocks:
        s.close()


def check_ended(knocks):
    """The hub ends by itself what says nothing."""
    for s in knocks:
        s.settimeout(SERVED_S)
        while s.recv(1000):
            pass
    hang_up(knocks)


def tell_all(story):
    hang_up(story.knock("half a greeting", "127.0.0.2", GREETING, STRANGERS))
    story.wait_until_named("half a greeting", "127.0.0.2", UNFINISHED)
    silent = story.knock("silence", "127.0.0.3", b"", STRANGERS)
    left = list(LIES)
    for number, (what, data) in enumerate(KNOCKS.items(), 4):
        address = f"127.0.0.{number}"
        hang_up(story.knock(what, address, data))
        for _ in range(len(LIES) // len(KNOCKS)):
            story.tell(left.pop(0))
        story.wait_until_named(what, address, NO_GREETING)
    for lie in left:
        story.tell(lie)
    story.wait_until_named("silence", "127.0.0.3", UNFINISHED)
    check_ended(silent)
    count = story.strangers(UNFINISHED)[0]  # what comes last is told later
    check(count > STRANGERS, f"the hub's log has only {count} strangers")


def main():
    with cluster.Cluster("hostile", SITES) as tree:
        tree.grow()
        with contextlib.ExitStack() as programs:
            story = Story(tree, {node.site: programs.enter_context(node.connect())
                                 for node in tree})
            story.begin()
            tell_all(story)
        for site in (PRISON, HUB, HQ):
            tree[site].verify()
        say(f"the hub grew by at most {story.grown:.0f} MiB at once")
        for site in (PRISON, HUB, HQ):
            tree[site].stop()


if __name__ == "__main__":
    main()
