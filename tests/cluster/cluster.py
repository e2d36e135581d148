# SPDX-License-Identifier: Apache-2.0
"""Trees of real nodes for tests: start, write, wait, compare, kill, clean up.

A test reads

    with cluster.Cluster("kills") as tree:
        tree.grow()
        clinic = tree["PB-LDH-C01"]
        with clinic.connect() as db:
            db.execute("INSERT ...")
        tree.wait_until_equal()

Everything lives in one temporary folder, and on the loopback. Every wait is
bounded and says what it waited for. When the block fails, the last lines of
each node's log are printed; in the end all nodes are stopped and the folder
is removed. A node dies with the process that started it.

Environment: SANGAM_BINARY is the program, SANGAM_SOURCE the checkout;
SANGAM_KEEP=1 leaves the folder of a failed test and says where it is.
"""
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = pathlib.Path(os.environ.get("SANGAM_SOURCE", HERE.parent.parent))
BINARY = os.environ.get("SANGAM_BINARY", str(SOURCE / "build/asan/sangam"))
REGISTERS = SOURCE / "tests/data/registers"

# Sites and their parents, parents first: the sites of the sample registers.
PARENTS = {
    "PB-HQ": None,
    "PB-LDH-H": "PB-HQ",
    "PB-ASR-H": "PB-HQ",
    "PB-LDH-P01": "PB-LDH-H",
    "PB-LDH-C01": "PB-LDH-H",
    "PB-ASR-P01": "PB-ASR-H",
    "PB-ASR-C01": "PB-ASR-H",
}
ROOT = "PB-HQ"
SITES = [site for site in PARENTS if site.endswith("01")]

REFERENCE = ["ref_site", "ref_code", "ref_item"]
DOMAIN = ["person", "enrolment", "treatment_order", "dose_event",
          "peer_group", "peer_session", "custody_event"]

WAIT_S = 90      # for what takes a second on an idle machine
BUSY_MS = 5000   # what the reader contract tells programs to set
LOG_LINES = 25


def district_of(site):
    """PB-LDH-P01 -> LDH; headquarters belongs to no district."""
    return site.split("-")[1]


def say(text):
    print(text, flush=True)


def check(condition, sentence):
    """Fails with what was expected; stays in `python3 -O`."""
    if not condition:
        raise AssertionError(sentence)


def wait_until(what, condition, timeout_s=WAIT_S, every_s=0.05):
    """Waits until `condition()` holds; it may return what it sees as text.

    True ends the wait; anything else is shown when time is up. Returns the
    seconds it took.
    """
    start = time.monotonic()
    seen = condition()
    while seen is not True:
        waited = time.monotonic() - start
        check(waited < timeout_s,
              f"{what}: not after {waited:.0f} s; seen: {seen}")
        time.sleep(every_s)
        seen = condition()
    return time.monotonic() - start


def free_port():
    """Below the range that outgoing connections take theirs from."""
    for _ in range(1000):
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise AssertionError("no free port on the loopback")


def run_sangam(*arguments, within=(), timeout_s=WAIT_S):
    """Runs one command to its end; returns the finished process."""
    return subprocess.run([*within, BINARY, *map(str, arguments)], text=True,
                          capture_output=True, timeout=timeout_s)


class Node:
    """One site's home and, while it runs, its daemon."""

    def __init__(self, folder, site):
        self.site = site
        self.home = folder / site
        self.log = folder / f"{site}.log"
        self.process = None
        self.host, self.port = "127.0.0.1", None
        self.within = []  # the command that runs a command on its machine
        self.kills = 0
        self.log_start = 0  # where the log of the present daemon begins
        self.clock = {}  # what libfaketime is told, for all that runs here

    # ---- commands ------------------------------------------------------

    def sangam(self, *arguments, expect=0):
        """Runs a command on this home; fails unless it exits with `expect`
        (None: with anything)."""
        done = run_sangam("-C", self.home, *arguments, within=self.within)
        check(expect is None or done.returncode == expect,
              f"{self.site}: sangam {' '.join(map(str, arguments))} exits "
              f"with {done.returncode}, not {expect}:\n"
              f"{done.stdout}{done.stderr}")
        return done

    def status(self):
        """`status --json`; its exit code only says that someone is needed."""
        return json.loads(self.sangam("status", "--json", expect=None).stdout)

    def verify(self):
        """Rows that verify; fails when one differs from its signed changes."""
        done = json.loads(self.sangam("verify", "--json").stdout)
        check(done["well"], f"{self.site}: {done}")
        return done["rows"]

    def scrub(self, *how):
        """`verify` with options that make it a scrub; once more for as long
        as the daemon's own is in the way. Exits with anything."""
        done = None

        def ended():
            nonlocal done
            done = self.sangam("verify", *how, expect=None)
            return "a scrub runs already" not in done.stderr or done.stderr
        wait_until(f"{self.site} scrubs", ended, 4 * WAIT_S)
        return done

    # ---- the daemon ----------------------------------------------------

    def start(self):
        check(not self.is_running(), f"{self.site} runs already")
        with self.log.open("ab") as log:
            self.log_start = log.tell()
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self.within, BINARY, "-C",
                 str(self.home), "run"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=os.environ | self.clock, start_new_session=True)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def wait_until_running(self):
        """Until the daemon holds its lock and has said that it runs."""
        mark = f"{self.site} is running".encode()
        wait_until(f"{self.site} runs", lambda: self._check_alive() and
                   mark in self.log.read_bytes()[self.log_start:])

    def _check_alive(self):
        check(self.is_running(), f"{self.site}: the daemon ended by itself "
              f"with {self.process.returncode}")
        return True

    def stop(self):
        """As systemd does; the daemon must end well."""
        if self.process is None:
            return
        self._check_alive()
        self.process.terminate()
        code = self.process.wait(WAIT_S)
        self.process = None
        check(code == 0, f"{self.site}: the daemon ended with {code}")

    def kill(self):
        """SIGKILL: nothing is flushed, no file is closed in order."""
        self._check_alive()
        self.process.kill()
        self.process.wait(WAIT_S)
        self.process = None
        self.kills += 1

    def end(self):
        """However it can be done."""
        if self.is_running():
            self.process.kill()
            self.process.wait()
        self.process = None

    # ---- the replica ---------------------------------------------------

    @contextlib.contextmanager
    def connect(self):
        """A connection as a local program would have it, autocommitting."""
        db = sqlite3.connect(self.home / "replica.db",
                             timeout=BUSY_MS / 1000, isolation_level=None)
        try:
            yield db
        finally:
            db.close()

    def query(self, sql, parameters=()):
        with self.connect() as db:
            return db.execute(sql, parameters).fetchall()

    def value(self, sql, parameters=()):
        rows = self.query(sql, parameters)
        return rows[0][0] if rows else None

    def insert(self, table, row):
        """One row; returns its key."""
        names = ", ".join(row)
        marks = ", ".join("?" * len(row))
        with self.connect() as db:
            return insert_row(db, table, names, marks, list(row.values()))

    def rows(self, table, origins):
        """The rows those sites wrote, in order of the key; of a reference
        table, all."""
        if table in REFERENCE:
            return self.query(f"SELECT * FROM {table} ORDER BY 1, 2")
        marks = ", ".join("?" * len(origins))
        return self.query(f"SELECT * FROM {table} WHERE origin_site IN"
                          f" ({marks}) ORDER BY 1", origins)

    def log_tail(self, lines=LOG_LINES):
        with contextlib.suppress(FileNotFoundError):
            return self.log.read_text(errors="replace").splitlines()[-lines:]
        return []


def insert_row(db, table, names, marks, values):
    key = db.execute(f"SELECT name FROM pragma_table_info('{table}')"
                     " WHERE pk = 1").fetchone()[0]
    return db.execute(f"INSERT INTO {table}({names}) VALUES ({marks})"
                      f" RETURNING {key}", values).fetchone()[0]


# ---- rows that look like the domain ----------------------------------------

def person_row(rng, name):
    return {"beneficiary_no": f"T{rng.randrange(10**6):06}",
            "given_name": name, "family_name": "Namoonawal",
            "birth_year": rng.randrange(1950, 2005), "recorded_by": "a test"}


def dose_row(rng, person):
    return {"person_id": person, "kind": "observed", "item_code": "BUP-NAL-2",
            "units": rng.randrange(1, 9), "verified_by": "manual",
            "dispensed_by": "Nurse Namoona"}


def session_row(rng, group):
    return {"group_id": group, "outcome": "held", "headcount":
            rng.randrange(1, 40), "led_by": "mixed"}


class Cluster:
    """A tree of nodes by site: headquarters, two hubs, four sites, or a part
    of them."""

    def __init__(self, name, sites=None):
        self.sites = [s for s in PARENTS if sites is None or s in sites]
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"sangam-{name}-"))
        self.nodes = {s: Node(self.folder, s) for s in self.sites}

    def __getitem__(self, site):
        return self.nodes[site]

    def __iter__(self):
        return iter(self.nodes.values())

    def __enter__(self):
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda n, _: sys.exit(128 + n))
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None:
            self.tell_logs()
        for node in self:
            node.end()
        if kind is not None and os.environ.get("SANGAM_KEEP"):
            say(f"kept in {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def tell_logs(self):
        for node in self:
            say(f"--- {node.site}, the end of its log")
            for line in node.log_tail():
                say(f"    {line}")

    def parent_of(self, node):
        return self.nodes.get(PARENTS[node.site])

    def children_of(self, node):
        return [n for n in self if PARENTS[n.site] == node.site]

    # ---- growing -------------------------------------------------------

    def grow(self):
        """Founds the network, imports the reference lists and enrols every
        node; all of them run in the end."""
        start = time.monotonic()
        for node in self:
            if PARENTS[node.site] is None:
                self._found(node)
            else:
                self.enrol(node)
        say(f"{len(self.nodes)} nodes run after "
            f"{time.monotonic() - start:.1f} s")

    def _found(self, node):
        node.port = free_port()
        node.sangam("init", "--site", node.site, "--listen",
                    f"tcp://{node.host}:{node.port}")
        for table in REFERENCE:
            node.sangam("import", table, REGISTERS / f"{table}.csv")
        node.start()
        node.wait_until_running()

    def invite(self, parent, site, name=None):
        """Writes an invite file; returns its path."""
        path = self.folder / (name or f"{site}.invite")
        parent.sangam("invite", site, "--out", path)
        return path

    def enrol(self, node):
        parent = self.parent_of(node)
        wait_until(f"{parent.site} knows {node.site}", lambda: parent.value(
            "SELECT count(*) FROM ref_site WHERE site_id = ?",
            (node.site,)) == 1)
        arguments = ["join", self.invite(parent, node.site)]
        if any(PARENTS[site] == node.site for site in self.sites):
            node.port = free_port()
            arguments += ["--listen", f"tcp://{node.host}:{node.port}"]
        node.sangam(*arguments)
        node.start()
        node.wait_until_running()

    def stop(self):
        for node in reversed(list(self)):
            node.stop()

    # ---- comparing -----------------------------------------------------

    def origins_due(self, node):
        """The sites whose rows a node below headquarters holds."""
        here = district_of(node.site)
        return [s for s in PARENTS
                if s == ROOT or here in ("HQ", district_of(s))]

    def difference(self, node):
        """What node and parent disagree about, over the rows that the node
        should hold; "" when they agree. It must hold no others."""
        parent = self.parent_of(node)
        due = self.origins_due(node)
        for table in REFERENCE + DOMAIN:
            ours, theirs = node.rows(table, due), parent.rows(table, due)
            if ours != theirs:
                only_one = sorted(set(ours) ^ set(theirs), key=repr)
                return (f"{table}: {node.site} has {len(ours)} rows, "
                        f"{parent.site} {len(theirs)}; {len(only_one)} are "
                        f"in one of them alone: {only_one[:2]}")
            held = node.value(f"SELECT count(*) FROM {table}")
            if held != len(ours):
                return (f"{table}: {held - len(ours)} rows at {node.site} "
                        f"belong elsewhere")
        return ""

    def agreement(self):
        """True, or the first disagreement."""
        below = [n for n in self if self.parent_of(n) is not None]
        return next((d for d in map(self.difference, below) if d), True)

    def wait_until_equal(self, timeout_s=WAIT_S):
        """Until every child holds what its parent has for it, all writes are
        signed, and each has acknowledged the other. Seconds it took."""
        took = wait_until("all nodes agree", self.agreement, timeout_s, 0.2)
        for node in self:
            took += wait_until(f"{node.site} is in step", lambda: in_step(
                node.status(), self.sites), timeout_s, 0.2)
        return took


def in_step(status, sites):
    """True, or what is outstanding between nodes of these sites."""
    peers = status["children"] + [p for p in [status["parent"]] if p]
    open_ends = [f"{p['changesets_behind']} to {p['site']}" for p in peers
                 if p["changesets_behind"] > 0 and p["site"] in sites]
    if status["writes_pending"] > 0:
        open_ends.append(f"{status['writes_pending']} not signed")
    return True if not open_ends else ", ".join(open_ends)
