#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a person types, and what the program says: each command as it is meant, as
it is mistyped, and where there is nothing for it to work on.

A sentence that helps is part of the program: it says what happened, to what, and
what to do. Exit codes are 0, 1, 2 (usage) and 78 (configuration) everywhere.
"""
import csv
import json
import os

import cluster
from cluster import check, say, wait_until

SITES = ["PB-HQ", "PB-LDH-H", "PB-LDH-P01", "PB-LDH-C01"]
HUB, PRISON, CLINIC = SITES[1:]
USAGE, CONFIG = 2, 78
COMMANDS = ["run", "status", "import person x.csv", "rebuild", "why person k",
            "verify", "reviews", "parked", "alerts", "dose-check p", "report",
            "export person", "number", "people duplicates", "people find x",
            "invite PB-LDH-C01"]


def says(node, command, *sentences, expect=0):
    """Runs it; all sentences are in what it says."""
    done = node.sangam(*command.split(), expect=expect)
    return has_said(done, command, sentences)


def has_said(done, command, sentences):
    said = done.stdout + done.stderr
    for sentence in sentences:
        check(sentence in said, f"{command}: '{sentence}' is not in: {said}")
    return done.stdout


# ---- nothing to work on ------------------------------------------------------

def test_no_home(tree):
    nowhere = cluster.Node(tree.folder, "nowhere")
    for command in COMMANDS:
        done = nowhere.sangam(*command.split(), expect=None)
        check(done.returncode == CONFIG, f"{command}: exits with "
              f"{done.returncode}: {done.stderr}")
        check(str(nowhere.home) in done.stderr, f"{command}: {done.stderr}")
    says(nowhere, "", "which command?", "status", expect=USAGE)
    says(nowhere, "dance", "unknown command 'dance'", expect=USAGE)
    says(nowhere, "status --loud", "--loud", expect=USAGE)
    says(nowhere, "status extra", "extra", expect=USAGE)
    says(nowhere, "why person", "KEY", expect=USAGE)
    says(nowhere, "import person", "FILE.csv", expect=USAGE)
    for command in ("status", "why", "parked", "reviews", "verify"):
        says(nowhere, f"{command} --help", f"usage: sangam [-C HOME] {command}")


def test_damaged_home(tree):
    """Keys that others may read, a setting that is none, another's keys."""
    clinic, prison = tree[CLINIC], tree[PRISON]
    clinic.stop()
    key = clinic.home / "keys" / "node.key"
    conf = clinic.home / "sangam.conf"
    sound, settings = key.read_bytes(), conf.read_text()
    key.chmod(0o644)
    says(clinic, "run", "node.key", expect=CONFIG)
    key.chmod(0o600)
    key.write_bytes(sound[:-9] + b"00000000\n")
    done = clinic.sangam("run", expect=None)
    check(done.returncode in (1, CONFIG) and "node.key" in done.stderr, done)
    key.write_bytes((prison.home / "keys" / "node.key").read_bytes())
    done = clinic.sangam("run", expect=None)
    check(done.returncode in (1, CONFIG), done)
    key.write_bytes(sound)
    conf.write_text(settings + "\n[node]\ncolour = blue\n")
    says(clinic, "run", "sangam.conf", "colour", expect=CONFIG)
    conf.write_text(settings)
    clinic.start()
    clinic.wait_until_running()


# ---- what is parked ----------------------------------------------------------

def test_parked(tree):
    clinic = tree[CLINIC]
    says(clinic, "parked", "nothing is parked")
    with clinic.connect() as db:
        db.execute("INSERT INTO sync_pending(table_id, what, k1, at_ms)"
                   " VALUES(20, 99, 'k', 0)")
    wait_until("the nonsense is parked",
               lambda: clinic.status()["parked"] == 1)
    says(clinic, "parked list", "local write", "person", "dismiss NUMBER")
    listed = json.loads(says(clinic, "parked --json"))
    check(len(listed) == 1 and listed[0]["what"] == "local write", listed)
    number = listed[0]["number"]
    says(clinic, "parked dismiss", "dismiss takes a number", expect=USAGE)
    says(clinic, "parked list 1", "list takes none", expect=USAGE)
    says(clinic, "parked forget", "unknown action 'forget'", expect=USAGE)
    says(clinic, "parked dismiss x", "'x' is not a number", expect=1)
    says(clinic, "parked dismiss 999", "there is no local write 999", expect=1)
    says(clinic, f"parked dismiss {number}")
    says(clinic, f"parked dismiss {number}", "there is no local write",
         expect=1)
    says(clinic, "parked", "nothing is parked")


# ---- reviews -----------------------------------------------------------------

def test_reviews(tree):
    clinic, prison = tree[CLINIC], tree[PRISON]
    says(clinic, "reviews", "nothing")
    person = clinic.insert("person", {"beneficiary_no": "N-7"})
    tree.wait_until_equal()
    for node in (clinic, prison):
        node.stop()
    for year, node in ((1980, clinic), (1981, prison)):
        with node.connect() as db:
            db.execute("UPDATE person SET birth_year = ? WHERE person_id = ?",
                       (year, person))
    for node in (clinic, prison):
        node.start()
        node.wait_until_running()
    wait_until("both years wait for a person",
               lambda: clinic.status()["reviews"] == 1)
    listed = json.loads(says(clinic, "reviews --json"))
    check(listed[0]["key"] == person, listed)
    column = listed[0]["column"]
    says(clinic, "reviews list", person, column)
    says(clinic, f"reviews show person {person} {column}", "1980", "1981")
    shown = json.loads(says(
        clinic, f"reviews show person {person} {column} --json"))
    check(len(shown["values"] if isinstance(shown, dict) else shown) == 2,
          shown)
    for wrong, code in ((f"show person {person}", USAGE),
                        (f"settle person {person} {column}", USAGE),
                        ("dance", USAGE),
                        (f"show nobody {person} {column}", 1),
                        (f"show person {person} colour", 1),
                        (f"show person nobody {column}", 1),
                        (f"settle person {person} {column} 9", 1),
                        (f"settle person {person} {column} x", 1)):
        says(clinic, f"reviews {wrong}", expect=code)
    says(clinic, f"reviews settle person {person} {column} 1")
    wait_until("nothing waits at the prison",
               lambda: prison.status()["reviews"] == 0)
    return person


# ---- why, verify, rebuild ----------------------------------------------------

def test_why(tree, person):
    clinic = tree[CLINIC]
    says(clinic, f"why person {person}", CLINIC, "birth_year")
    told = json.loads(says(clinic, f"why person {person} --json"))
    check(told[0]["what"] == "insert" and told[0]["signature_verifies"]
          and "birth_year" in told[-1]["columns_that_show"], told)
    says(clinic, "why nothing k", "nothing", expect=1)
    says(clinic, "why person nobody", "person has no such row", expect=1)
    says(clinic, f"why person {person} more", expect=1)
    says(clinic, "why ref_code sex", expect=1)
    two = clinic.query("SELECT code_system, code FROM ref_code LIMIT 1")[0]
    says(clinic, f"why ref_code {two[0]} {two[1]}", "PB-HQ")


def test_verify(tree):
    clinic = tree[CLINIC]
    check(json.loads(says(clinic, "verify --json"))["well"], "not well")
    for how, code, *sentences in (
            ("--scrub", 0),
            ("--accept nothing", 1, "nothing"),
            ("--restore nothing", 1, "nothing"),
            ("--accept person --restore dose_event", 0)):
        done = clinic.scrub(*how.split())
        check(done.returncode == code, f"{how}: {done}")
        has_said(done, how, sentences)
    says(clinic, "verify --seen")
    says(clinic, "rebuild", "already running", expect=1)
    clinic.stop()
    says(clinic, "rebuild")
    says(clinic, "verify")
    says(clinic, "status", "not running: nothing is signed or sent", expect=1)
    clinic.start()
    clinic.wait_until_running()


# ---- invites, registers ------------------------------------------------------

def test_invite(tree):
    hub, clinic = tree[HUB], tree[CLINIC]
    out = tree.folder / "new.invite"
    says(hub, f"invite NOWHERE --out {out}", "NOWHERE", expect=1)
    says(hub, f"invite {CLINIC} --out {out} --expires never", "never", expect=1)
    says(hub, f"invite {CLINIC} --out {out} --expires 0", "from 1 to 366",
         expect=1)
    says(hub, f"invite {CLINIC} --out {out} --may-enrol perhaps", "perhaps",
         expect=1)
    says(hub, f"invite {CLINIC} --out {out} --expires 3 --may-enrol no")
    check(out.stat().st_mode & 0o777 == 0o600, oct(out.stat().st_mode))
    says(hub, f"invite {CLINIC} --out {out}", str(out), expect=1)
    says(hub, f"invite {CLINIC} --out {tree.folder}/no/such/file",
         "no/such/file", expect=1)
    says(clinic, f"invite {PRISON} --out {tree.folder}/c.invite",
         "takes no children: set listen", expect=CONFIG)


def test_import(tree):
    clinic = tree[CLINIC]
    register = tree.folder / "people.csv"
    register.write_text("beneficiary_no,given_name\nN-90,Misal\nN-91,Namoona\n")
    says(clinic, f"import person {register} --dry-run", "2")
    says(clinic, f"import nothing {register}", "nothing", expect=1)
    says(clinic, f"import person {tree.folder}/none.csv", "none.csv", expect=1)
    says(clinic, f"import person {register}", "2")
    register.write_text("beneficiary_no,colour\nN-92,blue\n")
    says(clinic, f"import person {register}", "colour", expect=1)
    register.write_text("beneficiary_no,birth_year\nN-93,1980\nN-94,soon\n")
    says(clinic, f"import person {register}", ":3:", expect=1)
    check(clinic.value("SELECT count(*) FROM person WHERE beneficiary_no ="
                       " 'N-93'") == 0, "half a register was taken")
    says(clinic, f"import person {register} --keep-good", ":3:", expect=1)
    check(clinic.value("SELECT count(*) FROM person WHERE beneficiary_no ="
                       " 'N-93'") == 1, "the good row was not kept")


def columns(node, table):
    return [r[0] for r in node.query(
        f"SELECT name FROM pragma_table_info('{table}')")]


def test_export(tree):
    """What is written is what is there, and can be read again."""
    clinic = tree[CLINIC]
    for name in ('a "b", c', "two\nlines", "ਨਾਮ", " spaces ", ""):
        clinic.insert("person", {"beneficiary_no": "N-e", "given_name": name})
    clinic.insert("assessment", {
        "person_id": "p", "instrument": "COWS", "total_score": 0.1 + 0.2,
        "recorded_by": "n"})
    rows = clinic.query("SELECT * FROM person ORDER BY 1")
    out = tree.folder / "person.csv"
    says(clinic, f"export person --out {out}", f"{len(rows)} rows exported")
    check(out.stat().st_mode & 0o777 == 0o600, oct(out.stat().st_mode))
    with out.open(newline="", encoding="utf-8") as f:
        read = list(csv.reader(f))
    check(read[0] == columns(clinic, "person"), read[0])
    check(read[1:] == [["" if v is None else str(v) for v in r]
                       for r in rows], "the CSV is not the table")
    told = json.loads(says(clinic, "export person --json"))
    check([tuple(r.values()) for r in told] == rows, "nor is the JSON")
    score = json.loads(says(clinic, "export assessment --json"))
    check(score[-1]["total_score"] == 0.1 + 0.2, score[-1])
    check(json.loads(says(clinic, "export bbv_result --json")) == [], "rows?")
    says(clinic, "export v_dose", "dose_id")
    says(clinic, f"export person --out {out}", "File exists", expect=1)
    says(clinic, f"export person --out {tree.folder}/no/file", "no/file",
         expect=1)
    says(clinic, "export sync_self", "no table or view 'sync_self'", expect=1)
    says(clinic, "export nothing;--", "no table or view", expect=1)


# ---- reports -----------------------------------------------------------------

def test_report(tree):
    root, prison = tree["PB-HQ"], tree[PRISON]
    prison.insert("peer_session", {"group_id": "g", "outcome": "held",
                                   "headcount": 40, "headcount_female": 15,
                                   "held_on": "2026-01-10"})
    tree.wait_until_equal()
    says(root, "report", "K01", "K20", "Retention after 3, 6, 12 months")
    check(len(json.loads(says(root, "report --json"))) == 20, "not twenty")
    says(root, "report k02 --period 2026-01", PRISON, "women", "15", "25",
         "data complete through 2026-01-31 for", "behind:")
    told = json.loads(says(root, "report K02 --period 2026-01 --json"))
    check({r["split"]: r["num"] for r in told["rows"]} ==
          {"women": 15, "others": 25} and told["sites"] == 7
          and not told["public"], told)
    lines = says(root, "report K02 --period 2026-Q1 --csv").splitlines()
    check(lines[0].startswith("indicator,period,place,split,num,den,rate")
          and len(lines) == 3 and lines[2].startswith(
              f"K02,2026-Q1,{PRISON},women,15,,,"), lines)
    prison.insert("peer_session", {"group_id": "h", "outcome": "held",
                                   "headcount": 3, "headcount_female": 0,
                                   "held_on": "2026-02-10"})
    tree.wait_until_equal()
    says(root, "report K02 --period 2026-02 --public", "hidden",
         "for the public")
    says(root, "report K17", "PB", "now")
    says(root, "report K99", "no indicator 'K99'", expect=1)
    says(root, "report K05 --period soon", "'soon' is none of them", expect=1)
    says(root, "report K16 --period 2026-01", "it has no period", expect=1)
    says(root, "report --public", "which indicator?", expect=USAGE)
    says(root, "report K05 --csv --json", "not both", expect=USAGE)


def main():
    with cluster.Cluster("commands", SITES) as tree:
        tree.grow()
        test_no_home(tree)
        test_damaged_home(tree)
        test_parked(tree)
        person = test_reviews(tree)
        test_why(tree, person)
        test_verify(tree)
        test_invite(tree)
        test_import(tree)
        test_export(tree)
        test_report(tree)
        say("every command says what it should")
        tree.stop()


if __name__ == "__main__":
    os.environ.setdefault("USER", "a test")
    main()
