#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What docs/reader-contract.md shows works as it stands: each block that names
a language is taken from the page and run against a running node.

The shell and Python always; with SANGAM_CLIENTS=1 (tests/run --clients) Node.js,
R and DB Browser for SQLite too.
"""
import os
import pathlib
import re
import subprocess
import sys
import time

import cluster

PAGE = cluster.SOURCE / "docs/reader-contract.md"
PERSON = "019a0000-0000-7000-8000-000000000001"
CLIENTS = os.environ.get("SANGAM_CLIENTS") == "1"


def blocks():
    """(language, text) of each block of the page, in order."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(),
                      re.MULTILINE | re.DOTALL)


def run(command, home, text):
    done = subprocess.run(command, cwd=home, text=True, capture_output=True,
                          timeout=120)
    cluster.check(done.returncode == 0,
                  f"{command[0]} exits with {done.returncode} at\n{text}\n"
                  f"{done.stdout}{done.stderr}")
    return done.stdout


def run_node(home, text):
    modules = pathlib.Path(os.environ["SANGAM_NODE_MODULES"])
    script = home / "snippet.js"
    script.write_text(text)
    environment = dict(os.environ, NODE_PATH=str(modules))
    done = subprocess.run(["node", script.name], cwd=home, text=True,
                          capture_output=True, timeout=120, env=environment)
    cluster.check(done.returncode == 0, f"node:\n{done.stdout}{done.stderr}")
    return done.stdout


def run_r(home, text):
    script = home / "snippet.R"
    script.write_text(text)
    return run(["Rscript", "--vanilla", script.name], home, text)


def run_browser(home, text):
    """The program without a window: -s runs the file, -q ends it."""
    script = home / "snippet.sql"
    script.write_text(text)
    return run(["xvfb-run", "-a", "sqlitebrowser", "-q", "-s", script.name,
                "replica.db"], home, text)


RUN = {
    "sh": lambda home, text: run(["bash", "-c", text], home, text),
    "python": lambda home, text: run([sys.executable, "-c", text], home, text),
    "js": run_node,
    "r": run_r,
    "sql": run_browser,
}
HEAVY = {"js", "r", "sql"}


def names_found(db):
    return db.execute("SELECT person_id FROM local_person_text"
                      " WHERE local_person_text MATCH 'Namoona'"
                      " ORDER BY 1").fetchall()


def feed_follows(tree, clinic, prison, feeds):
    """A search index kept from the feed finds what came from elsewhere."""
    with prison.connect() as db:
        db.execute("INSERT INTO person(beneficiary_no, given_name)"
                   " VALUES('N-77', 'Namoona')")
    tree.wait_until_equal()
    for text in feeds:
        RUN["python"](clinic.home, text)
    with clinic.connect() as db:
        found = names_found(db)
        (kept,) = db.execute("SELECT group_concat(person_id || name)"
                             " FROM (SELECT * FROM local_person_text"
                             " ORDER BY person_id)").fetchone()
        (anew,) = db.execute(
            "SELECT group_concat(person_id || coalesce(given_name, '') || ' '"
            " || coalesce(family_name, '')) FROM (SELECT * FROM person"
            " ORDER BY person_id)").fetchone()
    cluster.check(len(found) == 1, f"the index finds {found}")
    cluster.check(kept == anew, f"the index holds {kept}, not {anew}")


def naive_triggers_go_quiet(tree, clinic, prison):
    """An updated_at trigger at two sites makes replicas no more than agree."""
    for node in (clinic, prison):
        with node.connect() as db:
            db.execute("CREATE TRIGGER naive AFTER UPDATE OF phone ON person"
                       " BEGIN UPDATE person SET home_locality ="
                       " 'touched ' || strftime('%s', 'now')"
                       " WHERE person_id = NEW.person_id; END")
    for node in (clinic, prison):
        with node.connect() as db:
            db.execute("UPDATE person SET phone = ? WHERE person_id = ?",
                       (node.site, PERSON))
    tree.wait_until_equal()
    counts = []
    for node in (clinic, prison):
        with node.connect() as db:
            counts.append(db.execute(
                "SELECT last_changeset, pending FROM v_sync_status").fetchone())
    time.sleep(2)
    for node, before in zip((clinic, prison), counts):
        with node.connect() as db:
            after = db.execute(
                "SELECT last_changeset, pending FROM v_sync_status").fetchone()
        cluster.check(after == before and after[1] == 0,
                      f"{node.site} goes on signing: {before}, {after}")


def views_say_so(clinic):
    def safe():
        with clinic.connect() as db:
            seen = db.execute("SELECT all_safe, not_at_parent, pending,"
                              " not_safe_since FROM v_sync_status").fetchone()
        return True if seen == (1, 0, 0, None) else str(seen)

    cluster.wait_until("all of the clinic's work is safe", safe)
    with clinic.connect() as db:
        sites = dict(db.execute("SELECT site_id, data_through"
                                " FROM v_sync_site"))
    cluster.check(sites["PB-LDH-C01"] is not None, f"through {sites}")
    cluster.check(sites["PB-LDH-P01"] is not None, f"through {sites}")
    clinic.stop()
    with clinic.connect() as db:
        db.execute("UPDATE person SET alias_names = 'A'")
        pending = db.execute("SELECT table_name, writes FROM v_sync_pending"
                             ).fetchall()
        (all_safe,) = db.execute("SELECT all_safe FROM v_sync_status"
                                 ).fetchone()
    cluster.check(pending[0][0] == "person" and pending[0][1] >= 1,
                  f"pending: {pending}")
    cluster.check(all_safe == 0, "unsigned work is not safe")


def main():
    with cluster.Cluster("contract") as tree:
        tree.grow()
        clinic, prison = tree["PB-LDH-C01"], tree["PB-LDH-P01"]
        with clinic.connect() as db:
            db.execute("INSERT INTO person(person_id, beneficiary_no)"
                       " VALUES(?, 'N-1')", (PERSON,))
        tree.wait_until_equal()
        tried, left, feeds = [], [], []
        for language, text in blocks():
            if language in HEAVY and not CLIENTS:
                left.append(language)
                continue
            out = RUN[language](clinic.home, text)
            tried.append(language)
            cluster.say(f"--- {language}\n{out.strip()}")
            if "local_feed" in text:
                feeds.append(text)
        cluster.check({"sh", "python"} <= set(tried), f"only {tried} ran")
        tree.wait_until_equal()
        with clinic.connect() as db:
            doses = db.execute("SELECT count(*) FROM dose_event WHERE"
                               " dispensed_by = 'nurse 4'").fetchone()
            if CLIENTS:
                language = db.execute("SELECT preferred_language FROM person"
                                      " WHERE person_id = ?",
                                      (PERSON,)).fetchone()
                cluster.check(language == ("pa",),
                              f"Node.js wrote {language}")
        cluster.check(doses == (1,), f"the shell wrote {doses} doses")
        feed_follows(tree, clinic, prison, feeds)
        naive_triggers_go_quiet(tree, clinic, prison)
        views_say_so(clinic)
    left_text = f"; left to --clients: {', '.join(left)}" if left else ""
    cluster.say(f"ran {', '.join(tried)}{left_text}")


if __name__ == "__main__":
    main()
