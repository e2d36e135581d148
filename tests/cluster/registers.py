#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The registers under deploy/registers, as a facility would import them, at a
clinic and a prison whose nodes run.

* Each comes in by its mapping file, says what its lines say, and reaches the hub
  and headquarters like anything else that is written.
* Each is imported again, and nothing is made twice; a line that is new comes in.
* What was changed in the list of patients is changed, at headquarters too; what
  was changed at the clinic since is left, and said.
* The same list at a machine that was enrolled anew makes the same events.
* Two people who look like one are not both made, unless it is asked for; then
  they are on the work list.
* What happens to lines without a key is said as they come in.
* What cannot be read is said with file, line and the column of the register.
"""
import os

import cluster
from cluster import check, say, wait_until

SITES = ["PB-HQ", "PB-LDH-H", "PB-LDH-P01", "PB-LDH-C01"]
HQ, HUB, PRISON, CLINIC = SITES
REGISTERS = cluster.SOURCE / "deploy/registers"
OOAT = [("person", "ooat-patients", "ooat-patients"),
        ("enrolment", "ooat-patients", "ooat-enrolments"),
        ("treatment_order", "ooat-patients", "ooat-orders"),
        ("dose_event", "ooat-doses", "ooat-doses")]


def take(node, table, file, map_name=None, *options, expect=0):
    """Imports; returns all that it says."""
    with_map = ["--map", REGISTERS / f"{map_name}.map"] if map_name else []
    done = node.sangam("import", table, file, *with_map, *options,
                       expect=expect)
    return done.stdout + done.stderr


def says(said, *sentences):
    for sentence in sentences:
        check(sentence in said, f"'{sentence}' is not in: {said}")


def counts(node):
    return {table: node.value(f"SELECT count(*) FROM {table}")
            for table, _, _ in OOAT}


# ---- the examples ------------------------------------------------------------

def test_clinic(tree):
    clinic = tree[CLINIC]
    wait_until("numbers at the clinic",
               lambda: clinic.value("SELECT count(*) FROM v_number_free") > 0)
    for table, file, map_name in OOAT:
        said = take(clinic, table, REGISTERS / f"{file}.csv", map_name,
                    "--dry-run")
        says(said, "5 rows", "can be imported; nothing was (--dry-run)")
        check(clinic.value(f"SELECT count(*) FROM {table}") == 0,
              "a dry run wrote something")
        says(take(clinic, table, REGISTERS / f"{file}.csv", map_name),
             f"{table}: 5 rows imported")
    rows = clinic.query(
        "SELECT given_name, sex, birth_year, programme, primary_substance,"
        "       started_on, daily_dose_mcg, max_take_home_days, kind, units,"
        "       amount_mcg, service_date, occurred_at"
        "  FROM person JOIN local_register USING(person_id)"
        "  JOIN enrolment USING(person_id)"
        "  JOIN treatment_order USING(enrolment_id)"
        "  JOIN dose_event d ON d.person_id = person.person_id"
        " ORDER BY entry")
    check([tuple(r) for r in rows] == [
        ("Namoonjit Farzi", "male", 1984, "OOAT", "heroin", "2025-01-05", 6000,
         7, "take_home", 21, 42000, "2025-05-12", "2025-05-12T04:10:00.000Z"),
        ("Kalpit Jot Misalsar", "female", 1991, "OOAT", "poppy_husk",
         "2025-01-05", 4000, 14, "take_home", 14, 28000, "2025-05-12",
         "2025-05-12T04:22:00.000Z"),
        ("Udahar Nakliwal", "male", 1979, "OOAT", "heroin", "2025-01-06", 8000,
         7, "missed", 0, 0, "2025-05-12", "2025-05-12T06:30:00.000Z"),
        ("Parmisal Kot", "male", 1988, "OOAT", "opium", "2025-01-07", 4000, 1,
         "observed", 2, 4000, "2025-05-13", "2025-05-13T09:00:00.000Z"),
        ("Aarzi Khayalgarh", "female", 1995, "OOAT", "heroin", "2025-01-08",
         6000, 7, "take_home", 3, 6000, "2025-05-13",
         "2025-05-13T09:15:00.000Z"),
    ], f"the clinic's registers became: {[tuple(r) for r in rows]}")


def test_prison(tree):
    prison = tree[PRISON]
    for again in (False, True):
        says(take(prison, "peer_group", REGISTERS / "prison-groups.csv",
                  "prison-groups"),
             "2 rows were already there" if again else "2 rows imported")
        says(take(prison, "peer_session", REGISTERS / "prison-sessions.csv",
                  "prison-sessions"),
             "4 rows were already there" if again else "4 rows imported")
    check(prison.value(
        "SELECT count(*) FROM peer_session JOIN peer_group USING(group_id)"
        " WHERE name = 'Umeed Namoona' AND outcome = 'denied_entry'"
        " AND denial_reason = 'alarm' AND held_on = '2025-05-05'") == 1,
        "the refusal at the gate is not there")
    check(prison.value("SELECT sum(headcount) FROM peer_session") == 41,
          "heads were counted wrongly")
    closed = tree.folder / "closed.csv"
    closed.write_text((REGISTERS / "prison-groups.csv").read_text().replace(
        "Inmates,,Meets", "Inmates,,Closed"))
    says(take(prison, "peer_group", closed, "prison-groups"),
         "1 the same, 1 changed to what the file says now, 0 left")
    check(prison.query("SELECT name, status FROM peer_group ORDER BY 1")
          == [("Saath Kalpit", "closed"), ("Umeed Namoona", "active")],
          "the group was not closed")


def test_no_key(tree):
    """Lines that nothing tells apart: what that means is said in time."""
    prison = tree[PRISON]
    rows = tree.folder / "shelf.csv"
    warning = ("nothing says which column tells the lines of " + str(rows) +
               " apart: a line that is corrected later will come in as "
               "another row")
    rows.write_text("item_code,kind,qty,occurred_on,counted_by\n"
                    "BUP-NAL-2,count,40,2025-05-01,Nurse Misal\n")
    says(take(prison, "stock_event", rows, None, "--dry-run"), warning)
    says(take(prison, "stock_event", rows), "1 row imported", warning)
    said = take(prison, "stock_event", rows)
    check(warning not in said, f"said of rows that are there: {said}")
    for with_map in ("prison-groups", "prison-sessions"):
        table = "peer_group" if with_map == "prison-groups" else "peer_session"
        said = take(prison, table, REGISTERS / f"{with_map}.csv", with_map)
        check("nothing says" not in said, f"of a register with a key: {said}")


# ---- again -------------------------------------------------------------------

def test_again(tree):
    clinic = tree[CLINIC]
    before = counts(clinic)
    for table, file, map_name in OOAT:
        says(take(clinic, table, REGISTERS / f"{file}.csv", map_name),
             f"{table}: no row", "5 rows were already there")
    check(counts(clinic) == before, "an import made rows twice")

    grown = tree.folder / "grown.csv"
    text = (REGISTERS / "ooat-doses.csv").read_bytes().decode()
    grown.write_bytes((text.replace("13-05-25", "13/05/2025") + "6,14-05-2025,"
                       "9:00,OP/1,DOT,3,1,NKL1,Nurse Misal,\r\n").encode())
    says(take(clinic, "dose_event", grown, "ooat-doses"),
         "dose_event: 1 row imported", "5 rows were already there")


def test_changed(tree):
    """The list is corrected, and so was a row at the clinic meanwhile."""
    clinic = tree[CLINIC]
    with clinic.connect() as db:
        db.execute("UPDATE person SET phone = '+91 00000 77777'"
                   " WHERE given_name = 'Udahar Nakliwal'")
    corrected = tree.folder / "corrected.csv"
    text = (REGISTERS / "ooat-patients.csv").read_text()
    corrected.write_text(text.replace("Namoonjit Farzi", "Namunjit Farzi")
                         .replace("00000 10003", "00000 20003"))
    shown = ("corrected.csv:4:3 'Name' (given_name): 'Namoonjit Farzi' becomes "
             "'Namunjit Farzi'")
    left = ("corrected.csv:6:7 'Mobile' (phone): the register said '+91 00000 "
            "10003' and says '+91 00000 20003' now, but here it was changed to "
            "'+91 00000 77777' since; it was left as it is")
    counted = ("5 rows were already there: 3 the same, 1 changed to what the "
               "file says now, 1 left where they differ")

    def names(of):
        return clinic.value("SELECT count(*) FROM person WHERE given_name = ?",
                            (of,))
    says(take(clinic, "person", corrected, "ooat-patients", "--dry-run"),
         shown, left, counted)
    check(names("Namoonjit Farzi") == 1, "a dry run changed a name")
    says(take(clinic, "person", corrected, "ooat-patients"), left, counted)
    check(names("Namunjit Farzi") == 1, "the name was not changed")
    tree.wait_until_equal()
    # the list as it was: all is put back
    with clinic.connect() as db:
        db.execute("UPDATE person SET phone = '+91 00000 10003'"
                   " WHERE given_name = 'Udahar Nakliwal'")
    says(take(clinic, "person", REGISTERS / "ooat-patients.csv",
              "ooat-patients"), "1 changed to what the file says now, 0 left")


def test_anew(tree):
    """What the machine remembered of registers is gone, as after an enrolment
    anew: people are known by who they are, and the rest by its ids."""
    clinic = tree[CLINIC]
    with clinic.connect() as db:
        db.execute("DELETE FROM local_register")
        db.execute("DELETE FROM local_import_row")
    before = counts(clinic)
    for table, file, map_name in OOAT:
        says(take(clinic, table, REGISTERS / f"{file}.csv", map_name),
             "5 rows were already there")
    check(counts(clinic) == before, "a register made rows twice")
    check(clinic.value("SELECT count(*) FROM local_register") == 5,
          "the numbers of the register are not remembered again")


# ---- doubles, and what is wrong ------------------------------------------------

HEAD = ",\n,\nReg. No.,Card No.,Name,Father's Name,Sex,Date of Birth,Mobile," \
       "Started on,Drug,Dose (mg),Up to (days),Doctor,Remarks\n"


def test_twins(tree):
    clinic = tree[CLINIC]
    twins = tree.folder / "twins.csv"
    card = clinic.value("SELECT beneficiary_no FROM person"
                        " WHERE given_name = 'Parmisal Kot'")
    twins.write_text(
        HEAD + "N/1,,Namunjit Farzi,Misal Farzi,M,1984,,,,,,,\n"
        f"N/2,{card.replace('-', '').lower()},Nakli Aarzi,Misal,M,1970,,,,,,,\n")
    said = take(clinic, "person", twins, "ooat-patients", expect=1)
    says(said, "twins.csv:4: has the name, parent, birth year and sex of",
         "twins.csv:5:2 'Card No.' (beneficiary_no): has the beneficiary "
         "number of", "2 of 2 rows bad", "match token")
    check(counts(clinic)["person"] == 5, "a double was made")
    says(take(clinic, "person", twins, "ooat-patients", "--duplicates"),
         "2 rows imported", "2 of them may be known already")
    wait_until("the two with one number on the list", lambda: card in
               clinic.sangam("people", "duplicates").stdout)


def test_faults(tree):
    clinic = tree[CLINIC]
    wrong = tree.folder / "wrong.csv"
    text = (REGISTERS / "ooat-doses.csv").read_bytes().decode()
    wrong.write_bytes(text.replace("12-05-2025,9:40", "31-02-2025,9:40")
                      .replace("op/2", "OP/99").replace("DOT", "Dot?")
                      .encode())
    says(take(clinic, "dose_event", wrong, "ooat-doses", expect=1),
         "wrong.csv:2:2 'Date' (service_date): '31-02-2025' is not a day",
         "wrong.csv:3:4 'Reg. No.' (person_id): nobody has the number 'OP/99'",
         "wrong.csv:5:5 'Status' (kind): 'Dot?' is none of P, Present, DOT",
         "3 of 5 rows bad")
    wrong.write_bytes(text.replace("Batch", "Lot").encode())
    says(take(clinic, "dose_event", wrong, "ooat-doses", expect=1),
         "has no column 'Batch'")
    wrong.write_bytes(text.replace("Sign", "Thumb").encode())
    says(take(clinic, "dose_event", wrong, "ooat-doses", expect=1),
         "says nothing of 'Thumb'", "ignore = Thumb")
    says(take(clinic, "worker", wrong, "ooat-doses", expect=1),
         "is for the table dose_event, not worker")
    says(take(clinic, "dose_event", wrong, "none", expect=1), "none.map")
    says(take(clinic, "ref_site", wrong, expect=1),
         "ref_site is written at headquarters")


def main():
    with cluster.Cluster("registers", SITES) as tree:
        tree.grow()
        test_clinic(tree)
        test_prison(tree)
        test_no_key(tree)
        test_again(tree)
        test_changed(tree)
        test_anew(tree)
        test_faults(tree)
        test_twins(tree)
        tree.wait_until_equal()
        check(tree[HQ].value("SELECT count(*) FROM dose_event") == 6,
              "headquarters does not have the clinic's doses")
        say("registers come in, once")
        tree.stop()


if __name__ == "__main__":
    os.environ.setdefault("USER", "a test")
    main()
