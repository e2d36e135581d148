#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second dose is found where both are held, and what is done about it is
seen by all.

* Two sites dose one person on one day: an alert at the hub and at both sites,
  within moments, with who must act and how.
* It is acknowledged at one site and resolved at the other; `status` says so.
* A reversal takes the alert away.
* `dose-check` says at the clinic that somebody was dosed elsewhere, and lets a
  first dose pass.
"""
import json

import cluster
from cluster import check, say, wait_until

HUB, CLINIC, PRISON = "PB-LDH-H", "PB-LDH-C01", "PB-LDH-P01"
PERSON = "019a0000-0000-7000-8000-000000000001"
OPEN = "SELECT status FROM v_breach WHERE rule = '01'"


def dose(node):
    return node.insert("dose_event", {
        "person_id": PERSON, "kind": "observed", "item_code": "BUP-NAL-2",
        "amount_mcg": 8000, "verified_by": "photo_card",
        "dispensed_by": "nurse 4"})


def test_both_are_told(tree):
    clinic, prison = tree[CLINIC], tree[PRISON]
    clinic.insert("person", {"person_id": PERSON, "beneficiary_no": "N"})
    first, second = sorted((dose(clinic), dose(prison)))
    for site in (HUB, CLINIC, PRISON, "PB-HQ"):
        wait_until(f"the alert at {site}",
                   lambda: tree[site].value(OPEN) == "open")
    listed = json.loads(clinic.sangam("alerts", "--json").stdout)
    found = [a for a in listed if a["rule"] == "01"][0]
    check(found["severity"] == "critical" and not found["provisional"], found)
    check({found["site_a"], found["site_b"]} == {CLINIC, PRISON}, found)
    check({found["row_a"], found["row_b"]} == {first, second}, found)
    text = clinic.sangam("alerts", "list").stdout
    check("two agonist doses on one day at two sites" in text, text)
    shown = clinic.sangam("alerts", "show", found["breach_id"][:30]).stdout
    check("Ring the other site now" in shown and PRISON in shown, shown)
    check(clinic.status()["critical_alerts"] >= 1, clinic.status())
    return found["breach_id"], first, second


def test_desk(tree):
    """What the desk asks before it hands over a tablet."""
    clinic, other = tree[CLINIC], "019a0000-0000-7000-8000-000000000002"
    done = clinic.sangam("dose-check", "N", expect=1)
    said = done.stdout + done.stderr
    check(said.startswith("already_dosed\n  dosed on "), repr(said))
    asked = json.loads(clinic.sangam("dose-check", PERSON, "--json",
                                     expect=1).stdout)
    check(asked["answer"] == "already_dosed", asked)
    check("two agonist doses on one day" in asked["reasons"], asked)
    said = clinic.sangam("dose-check", "nobody", expect=1).stderr
    check("nobody is known here as 'nobody'" in said, said)
    clinic.insert("person", {"person_id": other, "beneficiary_no": "M"})
    enrolment = clinic.insert("enrolment", {
        "person_id": other, "programme": "OOAT", "status": "active"})
    clinic.insert("treatment_order", {
        "enrolment_id": enrolment, "person_id": other,
        "item_code": "BUP-NAL-2", "daily_dose_mcg": 8000, "mode": "observed",
        "status": "active", "prescriber": "dr 2"})
    wait_until("a first dose may be given", lambda: json.loads(
        clinic.sangam("dose-check", "M", "--json", expect=None)
        .stdout)["answer"] == "ok")
    clinic.sangam("dose-check", "M")


def test_acts(tree, breach):
    clinic, prison, hub = tree[CLINIC], tree[PRISON], tree[HUB]
    clinic.sangam("alerts", "ack", breach, "--by", "nurse 4",
                  "--note", "rang the prison")
    wait_until("acknowledged at the prison",
               lambda: prison.value(OPEN) == "acknowledged")
    shown = prison.sangam("alerts", "show", breach).stdout
    check("acknowledged by nurse 4 at PB-LDH-C01" in shown
          and "rang the prison" in shown, shown)
    prison.sangam("alerts", "resolve", breach, "--by", "dr 2")
    wait_until("resolved at the hub", lambda: hub.value(OPEN) == "resolved")
    check(breach not in [a["breach_id"] for a in
                         json.loads(hub.sangam("alerts", "--json").stdout)],
          "what is settled is listed")
    acts = json.loads(hub.sangam("alerts", "show", breach,
                                 "--json").stdout)["acts"]
    check([a["act"] for a in acts] == ["acknowledged", "resolved"], acts)


def test_words(tree):
    clinic = tree[CLINIC]
    clinic.sangam("alerts", "show", "99:nothing", expect=1)
    clinic.sangam("alerts", "show", expect=2)
    clinic.sangam("alerts", "forget", expect=2)
    clinic.sangam("alerts", "ack", "0", "--by", "n", expect=1)


def test_put_right(tree, dose_id):
    site = tree[CLINIC].value("SELECT site_id FROM dose_event WHERE"
                              " dose_id = ?", (dose_id,))
    tree[site].insert("dose_event", {
        "person_id": PERSON, "kind": "reversal", "reverses_id": dose_id,
        "verified_by": "none", "dispensed_by": "nurse 4"})
    for site in (HUB, CLINIC, PRISON):
        wait_until(f"no alert at {site}", lambda: tree[site].value(
            "SELECT count(*) FROM v_breach WHERE rule = '01'") == 0)


def main():
    with cluster.Cluster("alerts", ["PB-HQ", HUB, CLINIC, PRISON]) as tree:
        tree.grow()
        with tree["PB-HQ"].connect() as db:
            db.execute("INSERT OR IGNORE INTO ref_item(item_code, kind, name,"
                       " unit, opioid_agonist) VALUES('BUP-NAL-2', 'medicine',"
                       " 'Buprenorphine', 'tablet', 1)")
        for site in (HUB, CLINIC, PRISON):
            wait_until(f"the item at {site}", lambda: tree[site].value(
                "SELECT count(*) FROM ref_item") >= 1)
        breach, first, _ = test_both_are_told(tree)
        test_desk(tree)
        test_acts(tree, breach)
        test_words(tree)
        test_put_right(tree, first)
        say("found, acknowledged, resolved, put right")


main()
