#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""network.py [--quick] BINARY: headquarters, a hub and a clinic as real
`sangam run` processes on loopback. How long from a commit at the clinic until
a program at headquarters sees the row, what one dose costs on the link, how
fast a backlog travels, and what memory the nodes hold afterwards. Prints the
lines of tests/bench/run; floors are plain SQLite files in the same process.
"""

import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid

SITES = [
    ("PB-HQ", "hq", None),
    ("LDH-H", "district_hub", "PB-HQ"),
    ("LDH-C", "ooat_clinic", "LDH-H"),
]
WAIT_S = 30
DOSE = (
    "INSERT INTO dose_event(dose_id, person_id, kind, item_code, units,"
    " amount_mcg, batch_no, verified_by, dispensed_by)"
    " VALUES(?, ?, 'observed', 'BUP-NAL-2', 4, 8000, 'B26001', 'photo_card',"
    " 'nurse-01')"
)


def line(what, unit, floor, ours):
    """A figure that is not judged: there is no target for it."""
    def number(n):
        return f"{n:.{0 if n >= 100 else 1 if n >= 10 else 2}f}"

    ratio = number(ours / floor) if floor else "-"
    floor = number(floor) if floor else "-"
    print(f"{what}\t{unit}\t{floor}\t{number(ours)}\t{ratio}\t-\t-\t-\t-",
          flush=True)


def uuid7(dice):
    raw = int(time.time() * 1000) << 80 | dice.getrandbits(80)
    raw = raw & ~(0xF << 76) | 7 << 76
    raw = raw & ~(3 << 62) | 2 << 62
    return str(uuid.UUID(int=raw))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, condition, seconds=WAIT_S):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"network.py: {what}: not within {seconds} s")
        time.sleep(0.05)


def open_file(path):
    db = sqlite3.connect(path, isolation_level=None, timeout=30)
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA cache_size = -16384")
    return db


class Node:
    """One home and, while it runs, its process."""

    def __init__(self, binary, folder, site):
        self.binary = binary
        self.site = site
        self.home = os.path.join(folder, site)
        self.replica = os.path.join(self.home, "replica.db")
        self.port = free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.process = None

    def command(self, *words):
        done = subprocess.run([self.binary, "-C", self.home, *words],
                              capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"network.py: {self.site}: sangam {' '.join(words)}: "
                     f"{done.stderr.strip()}")

    def start(self):
        log = open(self.home + ".log", "a")
        self.process = subprocess.Popen([self.binary, "-C", self.home, "run"],
                                        stdout=log, stderr=log)
        log.close()

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(WAIT_S)
            self.process = None

    def count(self):
        db = open_file(self.replica)
        try:
            return db.execute("SELECT count(*) FROM dose_event").fetchone()[0]
        finally:
            db.close()

    def memory_mb(self, name):
        with open(f"/proc/{self.process.pid}/status") as status:
            for text in status:
                if text.startswith(name + ":"):
                    return int(text.split()[1]) / 1024
        return 0.0


def start_network(binary, folder):
    nodes = [Node(binary, folder, site) for site, _, _ in SITES]
    office, hub, clinic = nodes
    office.command("init", "--site", office.site, "--listen", office.address,
                   "--address", office.address)
    office.start()
    register = open_file(office.replica)
    for site, kind, parent in SITES:
        register.execute(
            "INSERT INTO ref_site(site_id, name, kind, department,"
            " district_code, parent_site_id) VALUES(?, ?, ?, 'health', ?, ?)",
            (site, site, kind, site[:3].rstrip("-"), parent))
    register.close()
    for parent, child in ((office, hub), (hub, clinic)):
        wait_for(f"{child.site} in the register of {parent.site}",
                 lambda: knows(parent, child.site))
        invite = os.path.join(folder, child.site + ".invite")
        parent.command("invite", child.site, "--out", invite)
        child.command("join", invite, "--listen", child.address, "--address",
                      child.address)
        child.start()
    return nodes


def knows(node, site):
    db = open_file(node.replica)
    try:
        found = db.execute("SELECT 1 FROM ref_site WHERE site_id = ?",
                           (site,)).fetchone()
        return found is not None
    finally:
        db.close()


def new_plain(path, like):
    """The same table without triggers."""
    source = open_file(like)
    plain = open_file(path)
    plain.execute("PRAGMA journal_mode = WAL")
    for (sql,) in source.execute(
            "SELECT sql FROM sqlite_schema WHERE tbl_name = 'dose_event'"
            " AND type IN ('table', 'index') AND sql IS NOT NULL"
            " ORDER BY type DESC"):
        plain.execute(sql)
    source.close()
    return plain


def at(times, part):
    return sorted(times)[min(len(times) - 1, int(len(times) * part))] * 1000


def measure_latency(nodes, plains, doses):
    office = open_file(nodes[0].replica)
    clinic = open_file(nodes[2].replica)
    dice = random.Random(1)
    floors, ours = [], []
    for _ in range(doses):
        row = (uuid7(dice), uuid7(dice))
        time.sleep(dice.uniform(0.02, 0.2))
        began = time.monotonic()
        for plain in plains:
            plain.execute(DOSE, row)
        floors.append(time.monotonic() - began)
        clinic.execute(DOSE, row)
        began = time.monotonic()
        while office.execute("SELECT 1 FROM dose_event WHERE dose_id = ?",
                             row[:1]).fetchone() is None:
            if time.monotonic() - began > WAIT_S:
                sys.exit("network.py: a dose did not reach headquarters")
            time.sleep(0.0002)
        ours.append(time.monotonic() - began)
    office.close()
    clinic.close()
    for name, part in (("p50", 0.5), ("p95", 0.95), ("max", 1)):
        line(f"clinic to headquarters, 2 hops, {name}", "ms", at(floors, part),
             at(ours, part))


def link_bytes(hub):
    """Bytes sent and received by the clinic on its link, as TCP counts."""
    text = subprocess.run(["ss", "-tinH", f"dport = :{hub.port}"],
                          capture_output=True, text=True).stdout
    counts = {}
    for word in text.split():
        name, _, value = word.partition(":")
        if name in ("bytes_acked", "bytes_received"):
            counts[name] = int(value)
    return counts.get("bytes_acked", 0), counts.get("bytes_received", 0)


def measure_link(nodes, doses):
    if shutil.which("ss") is None:
        print("network.py: no ss here: bytes on the link are not measured",
              file=sys.stderr)
        return
    clinic = open_file(nodes[2].replica)
    dice = random.Random(2)
    both = []
    for _ in range(doses):
        before = link_bytes(nodes[1])
        clinic.execute(DOSE, (uuid7(dice), uuid7(dice)))
        time.sleep(0.3)
        after = link_bytes(nodes[1])
        both.append((after[0] - before[0], after[1] - before[1]))
    clinic.close()
    sent, received = sorted(both, key=sum)[len(both) // 2]
    line("1 dose on the link, TCP payload, up", "B", 0, sent)
    line("its ack on the link, TCP payload, down", "B", 0, received)


def write_backlog(db, rows):
    began = time.monotonic()
    for first in range(0, len(rows), 1000):
        db.execute("BEGIN")
        db.executemany(DOSE, rows[first:first + 1000])
        db.execute("COMMIT")
    return time.monotonic() - began


def measure_backlog(nodes, plain, doses):
    office, hub, clinic = nodes
    dice = random.Random(3)
    persons = [uuid7(dice) for _ in range(2000)]
    rows = [(uuid7(dice), dice.choice(persons)) for _ in range(doses)]
    before = office.count()
    clinic.stop()
    floor_s = write_backlog(plain, rows)
    db = open_file(clinic.replica)
    write_backlog(db, rows)
    db.close()
    began = time.monotonic()
    clinic.start()
    wait_for("the backlog at headquarters",
             lambda: office.count() == before + doses, 600)
    ours_s = time.monotonic() - began
    line("backlog to headquarters, 2 hops", "rows/s", doses / floor_s,
         doses / ours_s)
    time.sleep(2)
    for name, node in (("clinic", clinic), ("hub", hub),
                       ("headquarters", office)):
        line(f"memory of the {name}, resident", "MB", 0,
             node.memory_mb("VmRSS"))
        line(f"memory of the {name}, peak", "MB", 0, node.memory_mb("VmHWM"))


def main():
    words = sys.argv[1:]
    quick = "--quick" in words
    words = [word for word in words if word != "--quick"]
    if len(words) != 1 or words[0].startswith("-"):
        print("usage: network.py [--quick] BINARY", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = tempfile.mkdtemp(prefix="sangam-bench-")
    nodes = []
    try:
        nodes = start_network(words[0], folder)
        wait_for("the clinic's register", lambda: knows(nodes[2], "LDH-C"))
        plains = [new_plain(os.path.join(folder, f"plain-{i}.db"),
                            nodes[2].replica) for i in range(3)]
        measure_latency(nodes, plains, 20 if quick else 300)
        measure_link(nodes, 3 if quick else 9)
        measure_backlog(nodes, plains[0], 5000 if quick else 100000)
    finally:
        for node in nodes:
            node.stop()
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
