#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`sangam export --fhir` writes HL7 FHIR R4, and says what the rows say.

* Every resource conforms to what the specification says of it (fhir_spec.py), and
  every reference leads to a resource of the export: of a life with every status
  there is, and of rows as they should not be (days that are none, keys that are no
  ids, controls, blanks, answers that are no JSON, parents that never came).
* That the look at them can fail: resources broken on purpose are found out.
* Each status, day, amount and link is what a program that knows nothing of the
  exporter's SQL computes from the exported tables.
* What this node may not read, and what must not leave it, is not there.
* Files are whole or not there, for their owner alone, and never over others.
* Memory does not grow with the rows.
"""
import contextlib
import copy
import datetime
import json
import os
import re
import subprocess

import cluster
import fhir_spec
from cluster import check, say, wait_until

HQ, HUB, CLINIC = SITES = ["PB-HQ", "PB-LDH-H", "PB-LDH-C01"]
INDIA = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
TODAY = datetime.datetime.now(INDIA).date()
A, B, C = (f"019a0000-0000-7000-8000-00000000000{x}" for x in "abc")
ODD = "case 7/b_" + "x" * 80     # no id that FHIR takes
GONE = "019a0000-0000-7000-8000-0000000000ff"  # names what is not here

EPISODE = {"screened": "planned", "waitlisted": "waitlist", "active": "active",
           "on_hold": "onhold", "transferred": "finished",
           "completed": "finished", "dropped_out": "finished",
           "ceased": "finished", "died": "finished",
           "entered_in_error": "entered-in-error"}
ORDER = {"draft": "draft", "active": "active", "superseded": "stopped",
         "stopped": "stopped", "entered_in_error": "entered-in-error"}
DOSE = {"observed": "completed", "take_home": "completed",
        "guest": "completed", "replacement": "completed",
        "missed": "cancelled", "refused": "declined"}
KEYS = {"Patient": ("person", "person_id"),
        "Practitioner": ("worker", "worker_id"),
        "EpisodeOfCare": ("enrolment", "enrolment_id"),
        "MedicationRequest": ("treatment_order", "order_id"),
        "MedicationDispense": ("dose_event", "dose_id"),
        "ServiceRequest": ("referral", "referral_id"),
        "Observation": ("assessment", "assessment_id")}


def day(ahead):
    return (TODAY + datetime.timedelta(ahead)).isoformat()


# ---- a life ------------------------------------------------------------------

def live_people(put):
    put("person", person_id=A, beneficiary_no="0TM-6DS-2VX",
        given_name="Namoona", family_name='Misal "Lal"', parent_name="Kalpit",
        alias_names='Nimmi, "N", ,back\\slash', sex="female",
        birth_date="1990-02-28", birth_year=1990, birth_precision="month",
        home_district="LDH", home_locality="Nakli\nChowk", phone="+91 0",
        preferred_language="pa", vital_status="alive")
    put("person", person_id=B, beneficiary_no="B", given_name="ਨਾਮ\x01ੂਨਾ",
        birth_year=1971, vital_status="dead", death_date="2026-03-04",
        sex="unknown", preferred_language="Punjabi")
    put("person", person_id=C, beneficiary_no="", given_name="  ",
        birth_date="31-12-1990", vital_status="dead", death_date="unknown",
        record_status="entered_in_error")
    put("person", person_id=ODD, beneficiary_no="odd")  # a node without names
    put("person", person_id="L" * 65, beneficiary_no="r",
        vital_status="reported_dead",
        birth_date="1999-05-06", birth_precision="day")
    for kind, status in (("prescriber", "active"), ("mentor", "left"),
                         ("trainer", "paused")):
        put("worker", worker_id=f"w_{kind}", kind=kind, display_name=kind,
            status=status, phone="0", person_id=A)
    for kind, status in (("mentor_cert", "active"), ("peer_cert", "revoked"),
                         ("background_check", "active")):
        put("worker_credential", worker_id="w_mentor", kind=kind, issuer="HQ",
            status=status, issued_on="2026-05-01", expires_on="2026-01-01")


def live_care(put):
    for i, status in enumerate(EPISODE):
        put("enrolment", enrolment_id=f"e{i}", person_id=(A, B, ODD, GONE)[i % 4],
            programme="OOAT", status=status, started_on="2026-01-05",
            ended_on=("2025-01-01", "2026-05-05", None, "soon")[i % 4],
            phase="tapering", primary_substance=("heroin", " odd  code", "\t")
            [i % 3], route="injected", injecting_ever=(1, 0, None)[i % 3],
            end_reason="moved", named_worker=("w_mentor", "Nurse", None)[i % 3])
    for i, status in enumerate(ORDER):
        for j, last in enumerate((None, day(0), day(-1), "for ever")):
            put("treatment_order", order_id=f"o{i}-{j}", person_id=A,
                enrolment_id=("e2", GONE)[j % 2], item_code=("BUP-NAL-2",
                "UNKNOWN", " ", "BUP-NAL-2")[j], daily_dose_mcg=8000 + i,
                mode="mixed", max_take_home_days=7 * (j % 2), status=status,
                valid_from="2026-01-01", valid_to=last, reason="new\x0bdose",
                prescriber=("Dr X", "w_prescriber")[j % 2],
                supersedes_id=(None, "o0-0", GONE, None)[j])
    put("referral", referral_id="guest", person_id=A, kind="guest_dosing",
        to_site="PB-LDH-P01", to_department="jails", valid_to="2026-02-20",
        offered_on="2026-02-10", enrolment_id="e2")
    for i, answer in enumerate(("pending", "declined", "accepted", "attended",
                                "closed")):
        for sender in ("offered", "cancelled"):
            put("referral", person_id=(A, GONE)[i % 2], to_site="NO-WHERE",
                kind="counselling", receiver_status=answer,
                sender_status=sender, due_on=(day(3), "soon")[i % 2],
                receiver_on="2026-02-11", take_home_until="x",
                enrolment_id=("e2", None, GONE)[i % 3])


def live_doses(put):
    for i, kind in enumerate([*DOSE, "observed", "take_home"]):
        put("dose_event", dose_id=f"d{i}", person_id=(A, GONE, ODD)[i % 3],
            kind=kind, item_code=("BUP-NAL-2", None, "")[i % 3],
            order_id=("o1-0", GONE, None)[i % 3], units=4, amount_mcg=8000,
            enrolment_id=("e2", GONE)[i % 2], days_covered=(1, 7, 0)[i % 3],
            occurred_at=("2026-02-03T20:00:00.500Z", "2019-12-31T23:59:59.999Z",
                         "yesterday")[i % 3], service_date="2026-02-04",
            covers_from=(None, "2026-02-05")[i % 2], verified_by="manual",
            dispensed_by=("w_prescriber", "n")[i % 2], batch_no=" ",
            witnessed_by=(None, "w_mentor", " ")[i % 3], reason="so")
    put("dose_event", person_id=A, kind="reversal", reverses_id="d6",
        reason="wrong person", verified_by="none", dispensed_by="n")
    put("dose_event", dose_id="back", person_id=A, kind="returned",
        returns_id="d7", service_date="2026-02-06", verified_by="none",
        dispensed_by="n")
    put("dose_event", dose_id="back2", person_id=A, kind="returned",
        returns_id="d1", service_date="2026-02-06", verified_by="none",
        dispensed_by="n")
    put("dose_event", person_id=A, kind="reversal", reverses_id="back2",
        verified_by="none", dispensed_by="n")


def live_findings(put):
    for i, items in enumerate((
            '{"q1": 3, "q2": true, "q3": "yes", "q4": null, "q5": [1],'
            ' "": 1, "q 6": 0.1, "q7": "", "q8": 1e999}',
            "no JSON", "[1, 2]", "{}", None, '{"deep": {"er": "a\\"b"}}')):
        put("assessment", assessment_id=f"a{i}", person_id=(A, ODD, GONE)[i % 3],
            instrument=("COWS", " ", "AUDIT C")[i % 3], band=("low", None)[i % 2],
            total_score=(13.5, None, 0.1 + 0.2)[i % 3], items=items,
            instrument_version=("2", None)[i % 2], dose_clearance=(1, None, 0)
            [i % 3], supersedes_id=("a1" if i == 2 else GONE if i == 3 else
                                    None), recorded_by="n")
    put("bbv_result", person_id=A, test="HIV", result="positive",
        recorded_by="SECRET")
    put("counselling_note", person_id=A, kind="peer", note="SECRET",
        recorded_by="n")
    put("local_identifier", identifier_id="i", value="SECRET")
    put("safety_flag", person_id=A, kind="SECRET", recorded_by="n")


def live(node):
    def put(table, **row):
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        db.execute(f"INSERT INTO {table}({names}) VALUES({marks})",
                   list(row.values()))
    with node.connect() as db:
        db.execute("BEGIN IMMEDIATE")
        live_people(put)
        live_care(put)
        live_doses(put)
        live_findings(put)
        for a, b in ((A, B), (B, GONE)):
            put("person_link", person_a=a, person_b=b, decision="same",
                basis="same_card", decided_by="d")
        db.execute("COMMIT")


# ---- reading -----------------------------------------------------------------

def no_constant(word):
    raise AssertionError(f"{word} is no JSON")


def once(pairs):
    names = [n for n, _ in pairs]
    check(len(set(names)) == len(names), f"one of {names} is there twice")
    return dict(pairs)


def read(text):
    """Each line a resource, and nothing else."""
    lines = text.split("\n")
    check(lines.pop() == "", "the last line has no end")
    return [json.loads(line, parse_constant=no_constant,
                       object_pairs_hook=once) for line in lines]


def export(node, tree, name):
    folder = tree.folder / name
    node.sangam("export", "--fhir", "--out", folder)
    files = sorted(f.name for f in folder.iterdir())
    check(files == sorted(f"{t}.ndjson" for t in fhir_spec.RESOURCES), files)
    check(folder.stat().st_mode & 0o777 == 0o700, "others may look in")
    found = {}
    for kind in fhir_spec.RESOURCES:
        file = folder / f"{kind}.ndjson"
        check(file.stat().st_mode & 0o777 == 0o600, oct(file.stat().st_mode))
        found[kind] = read(file.read_text("utf-8"))
    return found


def all_of(found):
    return [r for kind in fhir_spec.RESOURCES for r in found[kind]]


def ids_of(found):
    return {f"{r['resourceType']}/{r['id']}" for r in all_of(found)}


def key_of(resource):
    """The key of its row."""
    return resource["identifier"][0]["value"]


def rows(node, table):
    told = json.loads(node.sangam("export", table, "--json").stdout)
    return {next(iter(r.values())): r for r in told}


# ---- conforming --------------------------------------------------------------

def check_conforms(found):
    here = ids_of(found)
    check(len(here) == len(all_of(found)), "an id is there twice")
    faults = [f"{r['resourceType']} {r.get('id')}: {f}" for r in all_of(found)
              for f in fhir_spec.faults_of(r, here)]
    check(not faults, "\n".join(faults[:20]))


def break_status(r):
    r["status"] = "finished" if r["status"] != "finished" else "done"


BREAKS = {  # of a resource that conforms: how, and what is said of it
    "no id": (lambda r: r.pop("id"), "id is missing"),
    "no subject": (lambda r: r.pop("subject"), "subject is missing"),
    "no medication": (lambda r: r.pop("medicationCodeableConcept"),
                      "medication is missing"),
    "two medications": (lambda r: r.update(medicationReference={"display": "x"}),
                        "there 2 times"),
    "another status": (break_status, "is not in"),
    "unknown": (lambda r: r.update(colour="blue"), "no element colour"),
    "null": (lambda r: r.update(authoredOn=None), "is no dateTime"),
    "blank": (lambda r: r["identifier"][0].update(value=" "), "is no string"),
    "no list": (lambda r: r.update(identifier=r["identifier"][0]), "no list"),
    "empty list": (lambda r: r.update(identifier=[]), "list"),
    "empty": (lambda r: r["dosageInstruction"].append({}), "is no Dosage"),
    "a day that is none": (lambda r: r.update(authoredOn="2026-13-01"),
                           "is no dateTime"),
    "a time without zone": (
        lambda r: r.update(authoredOn="2026-11-01T10:00:00"), "is no dateTime"),
    "an id with a blank": (lambda r: r.update(id="a b"), "is no id"),
    "a text for a number": (
        lambda r: r["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]
        .update(value="8000"), "is no decimal"),
    "dangling": (lambda r: r.update(subject={"reference": "Patient/none"}),
                 "not in the export"),
    "to a wrong kind": (lambda r: r.update(subject={
        "reference": f"MedicationRequest/{r['id']}"}), "points to"),
    "a mute reference": (lambda r: r.update(subject={"type": "Patient"}),
                         "says nothing"),
    "code without system": (
        lambda r: r["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]
        .pop("system"), "qty-3"),
    "turned period": (lambda r: r["dispenseRequest"].update(validityPeriod={
        "start": "2026-02-01", "end": "2026-01-01"}), "per-1"),
    "bare extension": (lambda r: r.update(extension=[{"url": "urn:x"}]),
                       "ext-1"),
    "no display of a code": (lambda r: r["category"][0]["coding"][0].update(
        code="a  b"), "is no code"),
}


def test_breaks(found):
    here = ids_of(found)
    sound = next(r for r in found["MedicationRequest"]
                 if r["status"] == "active" and "priorPrescription" not in r)
    check(fhir_spec.faults_of(sound, here) == [], "not sound")
    for how, (spoil, sentence) in BREAKS.items():
        broken = copy.deepcopy(sound)
        spoil(broken)
        said = fhir_spec.faults_of(broken, here)
        check(len(said) >= 1 and any(sentence in s for s in said),
              f"{how}: '{sentence}' is not in {said}")


# ---- saying what the rows say ------------------------------------------------

def check_counts(node, found):
    for kind, (table, _) in KEYS.items():
        due = {k for k, r in rows(node, table).items() if table != "dose_event"
               or r["kind"] not in ("reversal", "returned")}
        check({key_of(r) for r in found[kind]} == due, f"{kind}: {due}")
        for r in found[kind]:
            fits = re.fullmatch(fhir_spec.PRIMITIVES["id"], key_of(r))
            check(r["id"] == key_of(r) if fits else
                  re.fullmatch("x-[0-9a-f]{32}", r["id"]),
                  f"{r['id']} of {key_of(r)}")


def local(instant):
    """In India; None where it is no instant."""
    with contextlib.suppress(ValueError):
        return datetime.datetime.fromisoformat(
            instant.replace("Z", "+00:00")).astimezone(INDIA).isoformat(
                timespec="milliseconds")
    return None


def more(resource, name):
    return next((next(v for k, v in x.items() if k != "url")
                 for x in resource.get("extension", [])
                 if x["url"] == f"urn:sangam:{name}"), None)


def check_people(node, found):
    who = {key_of(r): r for r in found["Patient"]}
    a, b, c, odd = (who[p] for p in (A, B, C, ODD))
    check(a["birthDate"] == "1990-02" and b["birthDate"] == "1971"
          and "birthDate" not in c, [a, b, c])
    check(a["name"][0] == {"text": 'Namoona Misal "Lal"', "given": ["Namoona"],
                           "family": 'Misal "Lal"'}, a["name"])
    check([n["text"] for n in a["name"][1:]] == ["Nimmi", '"N"', "back\\slash"],
          a["name"])
    check(b["name"][0]["text"] == "ਨਾਮ?ੂਨਾ", b["name"])
    check(a["address"] == [{"line": ["Nakli\nChowk"],
                            "district": "Ludhiana"}], a["address"])
    check("communication" in a and "communication" not in b, [a, b])
    check(b["deceasedDateTime"] == "2026-03-04" and c["deceasedBoolean"] is True
          and not any(k.startswith("deceased") for r in who.values()
                      for k in r if key_of(r) not in (B, C)), "who is dead")
    check([r["active"] for r in (a, b, c)] == [True, True, False], "active")
    check(set(odd) == {"resourceType", "id", "meta", "identifier", "active"}
          and odd["id"].startswith("x-"), odd)
    check(a["link"] == [
        {"other": {"reference": f"Patient/{B}"}, "type": "seealso"},
        {"other": {"type": "Patient", "identifier": {
            "system": a["identifier"][0]["system"], "value": GONE}},
         "type": "seealso"}], a["link"])
    check(b["link"] == [{"other": {"reference": f"Patient/{A}"},
                         "type": "refer"}], b["link"])
    mentor = next(r for r in found["Practitioner"] if key_of(r) == "w_mentor")
    check([q["code"]["coding"][0]["code"] for q in mentor["qualification"]] ==
          ["mentor_cert"] and mentor["active"] is False, mentor)
    check(mentor["qualification"][0]["period"] == {"end": "2026-01-01"}, mentor)
    text = json.dumps(found)
    for secret in ("SECRET", "positive"):
        check(secret not in text, f"{secret} is in the export")
    check(A not in json.dumps(found["Practitioner"]), "a peer is given away")


def check_care(node, found):
    table = rows(node, "enrolment")
    for r in found["EpisodeOfCare"]:
        row = table[key_of(r)]
        check(r["status"] == EPISODE[row["status"]], [r, row])
        check(more(r, "enrolment-status") == row["status"], r)
        check(more(r, "injecting-ever") == {1: True, 0: False, None: None}
              [row["injecting_ever"]], r)
        check(("reference" in r["patient"]) == (row["person_id"] != GONE), r)
        check(r.get("careManager", {}).get("reference", "").startswith(
            "Practitioner/") == (row["named_worker"] == "w_mentor"), r)
        ended = row["ended_on"]
        check(r.get("period") == ({"end": ended} if ended == "2025-01-01" else
                                  {"start": "2026-01-05"} | (
            {"end": ended} if ended == "2026-05-05" else {})), [r, row])
    check(more(found["EpisodeOfCare"][1], "primary-substance") ==
          {"text": " odd  code"}, found["EpisodeOfCare"][1])
    table = rows(node, "treatment_order")
    for r in found["MedicationRequest"]:
        row = table[key_of(r)]
        ended = row["valid_to"] in (day(-1), "for ever")
        due = ORDER[row["status"]]
        check(r["status"] == ("completed" if due == "active" and ended
                              else due), [r, row])
        dose = r["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]
        check((dose["value"], dose["code"]) == (row["daily_dose_mcg"], "ug"), r)
        code = r["medicationCodeableConcept"]["coding"][0]
        check(code["code"] == (row["item_code"].strip() or "unknown"), r)
        check(r["authoredOn"] == local(row["recorded_at"]), r)
        check(("priorPrescription" in r) == (row["supersedes_id"] == "o0-0"), r)
    table = rows(node, "referral")
    for r in found["ServiceRequest"]:
        row = table[key_of(r)]
        check(r["status"] == (
            "completed" if row["receiver_status"] in ("attended", "closed") else
            "revoked" if "cancelled" == row["sender_status"] or
            "declined" == row["receiver_status"] else "active"), [r, row])
        check(r["performer"][0]["identifier"]["value"] == row["to_site"], r)
        check(r.get("occurrenceDateTime") == (
            row["due_on"] if row["due_on"] == day(3) else None), r)
    guest = next(r for r in found["ServiceRequest"] if key_of(r) == "guest")
    check(guest["occurrencePeriod"] == {"start": "2026-02-10",
                                        "end": "2026-02-20"}, guest)


def check_doses(node, found):
    table = rows(node, "dose_event")
    undone = {r["reverses_id"] for r in table.values()}
    for r in found["MedicationDispense"]:
        row = table[key_of(r)]
        given = row["kind"] not in ("missed", "refused")
        check(r["status"] == ("entered-in-error" if key_of(r) in undone
                              else DOSE[row["kind"]]), [r, row])
        check(r["type"]["coding"][0]["code"] == row["kind"], r)
        check(r.get("whenHandedOver") == (
            local(row["occurred_at"]) if given else None), [r, row])
        check(r.get("quantity", {}).get("value") == (4 if given else None), r)
        check(r.get("daysSupply", {}).get("value") == (
            row["days_covered"] or None if given else None), [r, row])
        if given:
            first = datetime.date.fromisoformat(row["covers_from"] or
                                                row["service_date"])
            last = first + datetime.timedelta(max(row["days_covered"], 1) - 1)
            check(r["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"]
                  == {"start": str(first), "end": str(last)}, [r, row])
        check(more(r, "service-date") == row["service_date"], r)
        check(more(r, "returned-on") == (
            "2026-02-06" if key_of(r) == "d7" else None), r)
    wrong = next(r for r in found["MedicationDispense"] if key_of(r) == "d6")
    check(wrong["statusReasonCodeableConcept"]["text"] == "wrong person", wrong)


def check_findings(found):
    by = {key_of(r): r for r in found["Observation"]}
    check([by[f"a{i}"]["status"] for i in range(4)] ==
          ["final", "entered-in-error", "corrected", "corrected"], by)
    told = {p["code"].get("text") or p["code"]["coding"][0]["code"]:
            p.get("valueQuantity", {}).get("value", p.get("valueBoolean",
                                                          p.get("valueString")))
            for p in by["a0"]["component"]}
    check(told == {"q1": 3, "q2": True, "q3": "yes", "q5": "[1]", "q 6": 0.1,
                   "q7": None, "q8": None, "dose-clearance": True}, told)
    check(by["a0"]["valueQuantity"]["value"] == 13.5
          and by["a2"]["valueQuantity"]["value"] == 0.3,  # in 15 digits
          by)
    check(by["a1"]["note"] == [{"text": "no JSON"}]
          and by["a2"]["note"] == [{"text": "[1, 2]"}]
          and "note" not in by["a3"], by)
    check(by["a1"]["code"]["coding"][0]["code"] == "unknown", by["a1"])
    check(by["a0"]["effectiveDateTime"] == str(TODAY), by["a0"])


# ---- the command -------------------------------------------------------------

def test_command(tree, node, found):
    def said(*arguments, expect):
        return node.sangam("export", *arguments, expect=expect).stderr
    one = node.sangam("export", "Patient", "--fhir").stdout
    check(read(one) == found["Patient"], "standard output says something else")
    out = tree.folder / "one.ndjson"
    told = node.sangam("export", "--fhir", "Observation", "--out", out).stdout
    check(read(out.read_text("utf-8")) == found["Observation"], "nor a file")
    check(told == f"{len(found['Observation'])} Observation\n", told)
    folder = tree.folder / "first"
    before = sorted(folder.iterdir())
    check("File exists" in said("--fhir", "--out", folder, expect=1), "over it")
    check("File exists" in said("--fhir", "Patient", "--out", out, expect=1),
          "over it")
    check("No such file" in said("--fhir", "--out", "/no/such/place", expect=1),
          "where?")
    check("none of the resources written here: Patient, Practitioner" in
          said("--fhir", "person", expect=1), "no list")
    check("--out FOLDER" in said("--fhir", expect=2), "where?")
    check("TABLE is missing" in said(expect=2), "which?")
    check("JSON already" in said("--fhir", "Patient", "--json", expect=2), "?")
    check(sorted(folder.iterdir()) == before, "the folder was touched")
    left = [f.name for f in tree.folder.iterdir() if f.name.startswith(
        ("first.", "one.ndjson."))]
    check(left == [], f"left behind: {left}")


def test_full_disk(tree, node):
    """/dev/full fails at the first write that reaches it."""
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([cluster.BINARY, "-C", node.home, "export",
                               "--fhir", "MedicationDispense"], stdout=full,
                              stderr=subprocess.PIPE, text=True, check=False)
    check(done.returncode == 1 and "standard output" in done.stderr, done)


# ---- many --------------------------------------------------------------------

MANY = """
WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n
                         WHERE i + 1 < {last})
INSERT INTO dose_event(dose_id, person_id, kind, item_code, units, verified_by,
                       dispensed_by)
SELECT printf('m-%07d', i), 'p', 'observed', 'BUP-NAL-2', 4, 'manual', 'n' FROM n
"""


def peak_kib(node, count):
    """Memory that the export of so many doses took."""
    with open(os.devnull, "w", encoding="utf-8") as out:
        child = subprocess.Popen([cluster.BINARY, "-C", node.home, "export",
                                  "MedicationDispense", "--fhir"], stdout=out)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    check(child.returncode == 0, f"exits with {child.returncode}")
    say(f"{count} doses: {used.ru_maxrss} KiB, {used.ru_utime:.1f} s")
    return used.ru_maxrss


def test_many(tree):
    """On a node that does not run, so that nothing has to be signed."""
    node = cluster.Node(tree.folder, "PB-ASR-C01")
    node.sangam("init", "--site", "PB-ASR-C01")
    peaks = []
    for first, last in ((0, 2000), (2000, 30000)):
        with node.connect() as db:
            db.execute(MANY.format(first=first, last=last))
        peaks.append(peak_kib(node, last))
    check(peaks[1] < peaks[0] + 8 * 1024, f"memory grows: {peaks} KiB")


def main():
    with cluster.Cluster("fhir", SITES) as tree:
        tree.grow()
        clinic = tree[CLINIC]
        live(clinic)
        wait_until("the link counts", lambda: clinic.value(
            "SELECT count(*) FROM sync_person_canon WHERE canon_id = ?",
            (A,)) == 3)
        found = export(clinic, tree, "first")
        check_conforms(found)
        test_breaks(found)
        check_counts(clinic, found)
        check_people(clinic, found)
        check_care(clinic, found)
        check_doses(clinic, found)
        check_findings(found)
        test_command(tree, clinic, found)
        test_full_disk(tree, clinic)
        tree.wait_until_equal()
        above = tree[HQ]
        wait_until("headquarters has linked them", lambda: above.value(
            "SELECT count(*) FROM sync_person_canon WHERE canon_id = ?",
            (A,)) == 3)
        check(export(above, tree, "above") == found,
              "headquarters says something else")
        say(f"{len(all_of(found))} resources conform and say what rows say")
        test_many(tree)
        tree.stop()


if __name__ == "__main__":
    main()
