#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whatever a program does to a replica is captured, refused or found.

Each case is a script that an ordinary program runs on a replica whose daemon
runs, through the sqlite3 shell and again through Python's sqlite3, with fresh
rows: {p}, {q} are persons and {d} a dose that were signed before. Then one of

    captured   a query gives the wanted row here, and `sangam verify` agrees
    refused    the program gets a sentence, and nothing has changed
    found      nothing is captured; `sangam verify` says that rows differ, a
               scrub sees to it, and then the query gives the wanted row

At the end a second node holds the same rows as this one, so that what was
found has travelled too, and status says what was put back.
"""
import contextlib
import fcntl
import json
import re
import sqlite3
import subprocess

import cluster
from cluster import check, say, wait_until

CLINIC = "PB-LDH-C01"
OFF = ".dbconfig enable_trigger off\n"     # for the shell; Python drops ours
PHONE = "SELECT phone FROM person WHERE person_id = '{p}'"
DOSE = ("INSERT INTO dose_event(dose_id, person_id, kind, units, verified_by,"
        " dispensed_by) VALUES('{n}', '{p}', 'observed', 2, 'manual', 'N')")
UNITS = "SELECT units FROM dose_event WHERE dose_id = '{d}'"

# Local tables of the application and its triggers, which go with a table that a
# tool rebuilds, as ours do.
APPLICATION = """
CREATE TABLE IF NOT EXISTS app_audit(n INTEGER PRIMARY KEY, person TEXT, was TEXT) STRICT;
CREATE TRIGGER IF NOT EXISTS app_audit_person AFTER UPDATE OF alias_names ON person
BEGIN INSERT INTO app_audit(person, was)
      VALUES(NEW.person_id, OLD.alias_names); END;
CREATE TRIGGER IF NOT EXISTS app_stamp_person AFTER UPDATE OF home_locality ON person
BEGIN UPDATE person SET home_district = 'stamped'
       WHERE person_id = NEW.person_id; END;
CREATE TABLE IF NOT EXISTS app_folder(id TEXT PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS app_paper(id TEXT PRIMARY KEY, folder TEXT NOT NULL
  REFERENCES app_folder(id) ON DELETE CASCADE) STRICT;
CREATE TRIGGER IF NOT EXISTS app_paper_gone AFTER DELETE ON app_paper
BEGIN UPDATE person SET phone = 'cascade' WHERE person_id = OLD.id; END;
"""

# name, script, outcome, query or sentence, wanted
CASES = [
    ("an UPDATE", "UPDATE person SET phone = '9' WHERE person_id = '{p}'",
     "captured", PHONE, "9"),
    ("INSERT OR REPLACE of a record",
     "INSERT OR REPLACE INTO person(person_id, beneficiary_no, phone)"
     " SELECT person_id, beneficiary_no, 'r' FROM person"
     " WHERE person_id = '{p}'",
     "captured", "SELECT phone || coalesce(given_name, '-') FROM person"
     " WHERE person_id = '{p}'", "r-"),
    ("UPDATE OR REPLACE",
     "UPDATE OR REPLACE person SET phone = 'u' WHERE person_id = '{p}'",
     "captured", PHONE, "u"),
    ("UPDATE OR REPLACE of a key",
     "UPDATE OR REPLACE person SET person_id = '{q}' WHERE person_id = '{p}'",
     "refused", "person.person_id is written once", None),
    ("INSERT OR IGNORE", "INSERT OR IGNORE INTO person(person_id,"
     " beneficiary_no, phone) VALUES('{p}', 'N-{p}', 'x'),"
     " ('{n}', 'N', 'new')", "captured",
     "SELECT group_concat(phone) FROM (SELECT phone FROM person WHERE"
     " person_id IN ('{p}', '{n}') ORDER BY phone)", "1,new"),
    ("UPSERT", "INSERT INTO person(person_id, beneficiary_no, phone)"
     " VALUES('{p}', 'N-{p}', 'up') ON CONFLICT(person_id) DO UPDATE"
     " SET phone = excluded.phone", "captured", PHONE, "up"),
    ("a statement of many rows", "UPDATE person SET phone = '5' || person_id"
     " WHERE person_id IN ('{p}', '{q}')", "captured",
     "SELECT count(*) FROM person WHERE phone = '5' || person_id"
     " AND person_id IN ('{p}', '{q}')", "2"),
    ("savepoints rolled back and released",
     "BEGIN; SAVEPOINT a; UPDATE person SET phone = 'a' WHERE person_id ="
     " '{p}'; SAVEPOINT b; UPDATE person SET phone = 'b' WHERE person_id ="
     " '{p}'; ROLLBACK TO b; RELEASE b; RELEASE a; COMMIT", "captured",
     PHONE, "a"),
    ("a transaction rolled back", "BEGIN; UPDATE person SET phone = 'no'"
     " WHERE person_id = '{p}'; " + DOSE + "; ROLLBACK", "captured",
     PHONE + " AND NOT EXISTS(SELECT 1 FROM dose_event WHERE"
     " dose_id = '{n}')", "1"),
    ("a changed key", "UPDATE person SET person_id = 'k' WHERE person_id ="
     " '{p}'", "refused", "person.person_id is written once", None),
    ("a changed dose", "UPDATE dose_event SET units = 9 WHERE dose_id = '{d}'",
     "refused", "rows are never changed or deleted", None),
    ("a deleted person", "DELETE FROM person WHERE person_id = '{p}'",
     "refused", "rows are never deleted", None),
    ("INSERT OR REPLACE of a dose with other content",
     "INSERT OR REPLACE INTO dose_event(dose_id, person_id, kind, units,"
     " verified_by, dispensed_by) VALUES('{d}', '{p}', 'observed', 9,"
     " 'manual', 'N')", "refused", "a row with this key is there", None),
    ("a reference row away from headquarters",
     "UPDATE ref_site SET name = 'x'", "refused",
     "is written at headquarters", None),
    ("a cascade from a table of the application",
     "PRAGMA foreign_keys = ON; INSERT INTO app_folder VALUES('{n}');"
     " INSERT INTO app_paper VALUES('{p}', '{n}');"
     " DELETE FROM app_folder WHERE id = '{n}'", "captured", PHONE, "cascade"),
    ("an audit trigger of the application",
     "UPDATE person SET alias_names = '[\"A\"]' WHERE person_id = '{p}'",
     "captured", "SELECT count(*) || alias_names FROM person JOIN app_audit"
     " ON person = person_id WHERE person_id = '{p}'", '1["A"]'),
    ("an updated_at trigger of the application",
     "UPDATE person SET home_locality = 'W' WHERE person_id = '{p}'",
     "captured", "SELECT home_district || home_locality FROM person"
     " WHERE person_id = '{p}'", "stampedW"),
    ("1 to 1.0 in an INTEGER column", "UPDATE person SET birth_year = 1990.0"
     " WHERE person_id = '{p}'", "captured", "SELECT typeof(birth_year) ||"
     " birth_year FROM person WHERE person_id = '{p}'", "integer1990"),
    ("a change of case", "UPDATE person SET given_name = 'TESTA'"
     " WHERE person_id = '{p}'", "captured", "SELECT given_name FROM person"
     " WHERE person_id = '{p}'", "TESTA"),
    ("trailing blanks", "UPDATE person SET given_name = 'Testa  '"
     " WHERE person_id = '{p}'", "captured", "SELECT given_name || '.' FROM"
     " person WHERE person_id = '{p}'", "Testa  ."),
    ("ATTACH and INSERT ... SELECT",
     "ATTACH ':memory:' AS other; CREATE TABLE other.t(p);"
     " INSERT INTO other.t VALUES('{n}'), ('{n}2'); INSERT INTO"
     " main.person(person_id, beneficiary_no, phone) SELECT p, 'N', 'at' FROM"
     " other.t", "captured", "SELECT count(*) FROM person WHERE phone = 'at'"
     " AND person_id GLOB '{n}*'", "2"),
    ("VACUUM", "UPDATE person SET phone = 'v' WHERE person_id = '{p}'; VACUUM",
     "captured", PHONE, "v"),
    ("recursive triggers", "PRAGMA recursive_triggers = ON; INSERT INTO"
     " person(person_id, beneficiary_no) VALUES('{n}', 'N') ON CONFLICT DO"
     " NOTHING; UPDATE person SET phone = 'rt' WHERE person_id = '{p}'",
     "captured", PHONE, "rt"),
    ("REPLACE with recursive triggers", "PRAGMA recursive_triggers = ON;"
     " REPLACE INTO person(person_id, beneficiary_no) VALUES('{p}', 'N-{p}')",
     "refused", "nor replaced while recursive_triggers is on", None),
    ("an untrusted schema", "PRAGMA trusted_schema = OFF; PRAGMA foreign_keys"
     " = ON; " + DOSE + "; UPDATE person SET phone = 'ts' WHERE person_id ="
     " '{p}'", "captured", PHONE + " AND EXISTS(SELECT 1 FROM dose_event WHERE"
     " dose_id = '{n}')", "ts"),
    ("journal_mode beside the node", "PRAGMA busy_timeout = 0;"
     " PRAGMA journal_mode = DELETE", "refused", "locked", None),
    ("nonsense in sync_pending", "INSERT INTO sync_pending(table_id, what, k1,"
     " old, at_ms) VALUES(77, 1, NULL, 'x', -1), (20, 999, '{p}', 1, 0),"
     " (20, 13, 7, 1, 0); UPDATE person SET phone = 'ok' WHERE person_id ="
     " '{p}'", "captured", PHONE, "ok"),
    ("a lie in sync_pending", "INSERT INTO sync_pending(table_id, what, k1,"
     " old, at_ms) VALUES(20, 13, '{p}', 'lie', 0), (32, 10, '{d}', 99, 0),"
     " (20, 2, '{p}', 'lie', 0)", "captured", PHONE, "1"),
    ("our tables", "DELETE FROM sync_delivery", "refused",
     "belongs to the node", None),
    # past the triggers
    ("a change with triggers off", "{off}UPDATE person SET phone = 'off'"
     " WHERE person_id = '{p}'", "found", PHONE, "off"),
    ("a dose with triggers off", "{off}" + DOSE, "found",
     "SELECT units FROM dose_event WHERE dose_id = '{n}'", "2"),
    ("an altered dose with triggers off", "{off}UPDATE dose_event SET"
     " units = 9 WHERE dose_id = '{d}'", "found", UNITS, "2"),
    ("a deleted dose with triggers off", "{off}DELETE FROM dose_event"
     " WHERE dose_id = '{d}'", "found", UNITS, "2"),
    ("a deleted person with triggers off", "{off}DELETE FROM person"
     " WHERE person_id = '{p}'", "found", PHONE, "1"),
    ("a list of headquarters with triggers off", "{off}UPDATE ref_site SET"
     " name = 'x' WHERE site_id = 'PB-HQ'", "found",
     "SELECT name <> 'x' FROM ref_site WHERE site_id = 'PB-HQ'", "1"),
    ("dropped triggers", "BEGIN; DROP TRIGGER sync_person_update_13;"
     " UPDATE person SET phone = 'dt' WHERE person_id = '{p}'; COMMIT",
     "found", PHONE, "dt"),
    # tools that alter tables; {rebuild} is the 12-step way
    ("a table rebuilt", "{rebuild}", "captured", PHONE, "1"),
    ("after a table was rebuilt", "UPDATE person SET given_name = 'testa',"
     " family_name = 'X ' WHERE person_id = '{p}'", "captured",
     "SELECT given_name || family_name || '.' FROM person WHERE person_id ="
     " '{p}'", "testaX ."),
    ("an added column", "ALTER TABLE person ADD COLUMN {column} TEXT;"
     " UPDATE person SET {column} = 'A', phone = 'ac' WHERE person_id = '{p}'",
     "captured", "SELECT {column} || phone FROM person WHERE person_id ="
     " '{p}'", "Aac"),
    ("that column dropped", "ALTER TABLE person DROP COLUMN {column};"
     " UPDATE person SET phone = 'dc' WHERE person_id = '{p}'", "captured",
     PHONE, "dc"),
    ("one of ours dropped", "ALTER TABLE person DROP COLUMN phone", "refused",
     "error in trigger", None),
]


class Program:
    """Something that runs SQL on a replica; each run is a process or a
    connection of its own. Returns what it was refused with, or ""."""

    def __init__(self, name, node):
        self.name = name
        self.path = str(node.home / "replica.db")


class Shell(Program):
    def run(self, sql):
        done = subprocess.run(
            ["sqlite3", "-bail", "-cmd", f".timeout {cluster.BUSY_MS}",
             self.path], input=sql + ";\n", text=True, capture_output=True,
            timeout=cluster.WAIT_S)
        return done.stderr if done.returncode != 0 else ""

    def off(self, sql):
        return OFF + sql


class Python(Program):
    """Python's sqlite3 cannot switch triggers off before 3.12: it drops those
    of the table, and puts them back, in one transaction."""

    def run(self, sql):
        db = sqlite3.connect(self.path, timeout=cluster.BUSY_MS / 1000,
                             isolation_level=None)
        try:
            db.executescript(sql)
        except sqlite3.Error as error:
            return str(error)
        finally:
            db.close()
        return ""

    def off(self, sql):
        table = re.search("(?:UPDATE|INTO|FROM) (\\w+)", sql).group(1)
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            made = db.execute("SELECT name, sql FROM sqlite_schema WHERE type"
                              " = 'trigger' AND tbl_name = ? AND name GLOB"
                              " 'sync_*'", (table,)).fetchall()
        drops = "".join(f'DROP TRIGGER "{name}";' for name, _ in made)
        back = "".join(f"{text};" for _, text in made)
        return f"BEGIN IMMEDIATE;{drops}{sql};{back}COMMIT"


def rebuild_sql(node):
    """person anew, as sqlite.org/lang_altertable.html says, with collations
    that a tool may like; our triggers go with the old table."""
    text = node.value("SELECT sql FROM sqlite_schema WHERE name = 'person'")
    text = re.sub(r'^CREATE TABLE "?person"?', "CREATE TABLE person_new", text)
    for column, collation in (("given_name", "NOCASE"),
                              ("family_name", "RTRIM")):
        if f"COLLATE {collation}" not in text:
            text = re.sub(rf"({column} +TEXT)",
                          rf"\1 COLLATE {collation}", text)
    return ("PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON;"
            f"BEGIN IMMEDIATE; {text};"
            "INSERT INTO person_new SELECT * FROM person; DROP TABLE person;"
            "ALTER TABLE person_new RENAME TO person; COMMIT")


def signed(node):
    wait_until("everything is signed",
               lambda: node.value("SELECT count(*) FROM sync_pending") == 0)


class Bench:
    """A node and the rows that one case has for itself."""

    def __init__(self, node, program):
        self.node = node
        self.program = program
        self.count = 0

    def rows(self):
        self.count += 1
        tag = f"{self.program.name}-{self.count}"
        names = {"p": f"p-{tag}", "q": f"q-{tag}", "d": f"d-{tag}",
                 "n": f"n-{tag}", "column": f"shelf_{self.program.name}"}
        with self.node.connect() as db:
            for key in ("p", "q"):
                db.execute("INSERT INTO person(person_id, beneficiary_no,"
                           " given_name, birth_year, phone)"
                           " VALUES(?, ?, 'Testa', 1990, '1')",
                           (names[key], "N-" + names[key]))
            db.execute("INSERT INTO dose_event(dose_id, person_id, kind,"
                       " units, verified_by, dispensed_by) VALUES(?, ?,"
                       " 'observed', 2, 'manual', 'N')",
                       (names["d"], names["p"]))
        signed(self.node)
        return names

    def script(self, text, names):
        past = text.startswith("{off}")
        text = text.removeprefix("{off}")
        if text == "{rebuild}":
            return rebuild_sql(self.node)
        text = fill(text, names)
        return self.program.off(text) if past else text

    def run(self, case):
        name, text, outcome, query, wanted = case
        names = self.rows()
        with no_scrub(self.node):
            self.run_script(case, names)
        if outcome == "found":
            scrub(self.node)
        if outcome != "refused":
            shown = self.node.value(fill(query, names))
            check(str(shown) == wanted, f"{self.program.name}: {name} shows"
                  f" {shown!r}, not {wanted!r}")
        self.node.verify()

    def run_script(self, case, names):
        name, text, outcome, query, _ = case
        said = self.program.run(self.script(text, names))
        who = f"{self.program.name}: {name}"
        signed(self.node)
        if outcome == "refused":
            check(query in said, f"{who} is told {said!r}, not {query!r}")
            return
        check(said == "", f"{who} is refused: {said}")
        if outcome == "found":
            found = json.loads(self.node.sangam("verify", "--json",
                                                expect=1).stdout)
            check(found["differ"] == 1, f"{who}: {found}")


def fill(text, names):
    for name, value in names.items():
        text = text.replace("{" + name + "}", value)
    return text


@contextlib.contextmanager
def no_scrub(node):
    """As one that runs does: the daemon's own would find things first."""
    with open(node.home / "scrub.lock", "a") as lock:
        wait_until("no scrub runs", lambda: try_lock(lock))
        yield


def try_lock(lock):
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def scrub(node, *how):
    done = node.scrub(*(how or ["--scrub"]), "--json")
    signed(node)
    return json.loads(done.stdout)


# ---- single stories ---------------------------------------------------------

def a_large_transaction(node):
    with node.connect() as db:
        db.execute("BEGIN IMMEDIATE")
        db.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
            " WHERE i < 100000) INSERT INTO peer_group(name, model, led_by)"
            " SELECT 'G' || i, 'NA_HI', 'mixed' FROM n")
        db.execute("COMMIT")
    wait_until("100,000 rows are signed", lambda: node.value(
        "SELECT count(*) FROM sync_pending") == 0, 4 * cluster.WAIT_S)


def a_renamed_column_stops_its_table_alone(node):
    """Named in log and status; the node starts with it, and other tables go
    on; put right, what was written meanwhile is found without being asked."""
    with node.connect() as db:
        db.execute("ALTER TABLE peer_session RENAME COLUMN minutes TO mins")
        db.execute("INSERT INTO peer_session(session_id, group_id, outcome)"
                   " VALUES('s1', 'g', 'held')")
    node.stop()
    node.start()
    node.wait_until_running()
    says = node.status()["altered_table"]
    check("peer_session" in says and "minutes" in says, f"status: {says!r}")
    check("nothing of it is signed" in node.log.read_text(), "the log is mute")
    person = node.insert("person", {"beneficiary_no": "after"})
    signed(node)
    with node.connect() as db:
        db.execute("ALTER TABLE peer_session RENAME COLUMN mins TO minutes")
    wait_until("the daemon scrubs by itself", lambda: any(
        f["table"] == "peer_session" and f["did"] == "signed"
        for f in node.status()["scrub"]["findings"]))
    check(node.status()["altered_table"] == "", "it is whole again")
    signed(node)
    return person


def a_journal_mode_changed_while_the_node_is_down(node):
    node.stop()
    with node.connect() as db:
        mode = db.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
        check(mode == "delete", f"journal_mode is {mode}")
        db.execute("UPDATE person SET phone = 'down' WHERE"
                   " beneficiary_no = 'after'")
    node.start()
    wait_until("it is WAL again",
               lambda: node.value("PRAGMA journal_mode") == "wal")
    signed(node)


def much_is_asked_about(node):
    """Over a twentieth of a table: held, until a person says which is right."""
    shell = Shell("shell", node)
    said = shell.run(OFF + "UPDATE peer_group SET team_size = 3 WHERE"
                     " CAST(substr(name, 2) AS INTEGER) <= 6000")
    check(said == "", said)
    found = scrub(node)
    check(found["held"] == 6000, f"{found}")
    line = "sangam verify --accept peer_group"
    needs = node.status()["needs_someone"]
    check(any(line in text for text in needs), f"status: {needs}")
    check(scrub(node, "--accept", "person")["held"] == 6000, "another table")
    found = scrub(node, "--accept", "peer_group")
    check(found["signed"] == 6000, f"{found}")
    node.verify()


def alarms_stay_until_they_are_seen(node):
    scrub(node)
    rows = [f for f in node.status()["scrub"]["findings"]
            if f["did"] == "restored" and f["table"] == "dose_event"]
    check(len(rows) == 1 and rows[0]["rows"] == 4, f"findings: {rows}")
    node.sangam("verify", "--seen")
    check(node.status()["scrub"]["findings"] == [], "they are forgotten")
    check(node.status()["scrub"]["clean_at"] is not None, "the scrub was clean")


def main():
    with cluster.Cluster("captures", ["PB-HQ", "PB-LDH-H", CLINIC]) as tree:
        tree.grow()
        clinic = tree[CLINIC]
        for program in (Shell("shell", clinic), Python("python", clinic)):
            with clinic.connect() as db:
                db.executescript(APPLICATION)
            bench = Bench(clinic, program)
            for case in CASES:
                bench.run(case)
            say(f"{program.name}: {len(CASES)} cases")
        alarms_stay_until_they_are_seen(clinic)
        a_renamed_column_stops_its_table_alone(clinic)
        a_journal_mode_changed_while_the_node_is_down(clinic)
        say(f"in step after {tree.wait_until_equal():.1f} s")
        a_large_transaction(clinic)
        much_is_asked_about(clinic)
        say("100,000 rows at once are signed, and 6,000 asked about")
        for node in tree:
            node.stop()


if __name__ == "__main__":
    main()
