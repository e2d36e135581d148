#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second dose in another district is found at headquarters, and shown at both
sites, which see nothing of each other.

* Two sites of two districts dose one person on one day, while a hub is off: each
  shows the alert once the way is open, once, with whom to ring. Nobody else in
  their districts has it.
* It is acknowledged at one, and the other sees by whom; headquarters is killed
  in between.
* A reversal at one takes it away at the other, though that one's hub was killed
  and slept through it.
* `dose-check` says at the clinic that an alert is open.
* Then nothing more is signed.
"""
import json
import time

import cluster
from cluster import check, say, wait_until

HQ, HUB, FAR_HUB = "PB-HQ", "PB-LDH-H", "PB-ASR-H"
CLINIC, FAR, OTHER = "PB-LDH-C01", "PB-ASR-P01", "PB-ASR-C01"
PERSON = "019a0000-0000-7000-8000-000000000001"
FIRST = "SELECT group_concat(status) FROM v_breach WHERE rule = '01'"


def dose(node):
    return node.insert("dose_event", {
        "person_id": PERSON, "kind": "observed", "item_code": "BUP-NAL-2",
        "amount_mcg": 8000, "verified_by": "photo_card",
        "dispensed_by": "nurse 4"})


def alert(node):
    """The alert of rule 01 as `sangam alerts` lists it; None, or one."""
    listed = json.loads(node.sangam("alerts", "--json").stdout)
    found = [a for a in listed if a["rule"] == "01"]
    check(len(found) <= 1, found)
    return found[0] if found else None


def test_both_are_told(tree):
    clinic, far = tree[CLINIC], tree[FAR]
    clinic.insert("person", {"person_id": PERSON, "beneficiary_no": "N"})
    tree[FAR_HUB].kill()
    first, second = dose(clinic), dose(far)
    tree[FAR_HUB].start()
    for site in (HQ, HUB, CLINIC, FAR_HUB, FAR):
        wait_until(f"the alert at {site}",
                   lambda: tree[site].value(FIRST) == "open")
    mine, theirs = alert(clinic), alert(far)
    for named in ("breach_id", "says", "site_a", "site_b", "row_a", "row_b",
                  "severity", "provisional"):
        check(mine[named] == theirs[named], (named, mine, theirs))
    check({mine["row_a"], mine["row_b"]} == {first, second}, mine)
    shown = clinic.sangam("alerts", "show", mine["breach_id"][:30]).stdout
    check("Ring the other site now" in shown and FAR in shown, shown)
    check(clinic.value("SELECT group_concat(dose_id) FROM dose_event") == first,
          "the clinic holds a dose of the other district")
    check(tree[OTHER].value("SELECT count(*) FROM breach_carried") == 0,
          "a site that is not named was told")
    asked = json.loads(clinic.sangam("dose-check", PERSON, "--json",
                                     expect=1).stdout)
    check("two agonist doses on one day" in asked["reasons"], asked)
    check(clinic.status()["critical_alerts"] >= 1, clinic.status())
    return mine["breach_id"], second


def test_acts(tree, breach):
    clinic, far = tree[CLINIC], tree[FAR]
    far.sangam("alerts", "ack", breach, "--by", "warder 2",
               "--note", "rang the clinic")
    tree[HQ].kill()
    tree[HQ].start()
    wait_until("acknowledged at the clinic",
               lambda: clinic.value(FIRST) == "acknowledged")
    shown = clinic.sangam("alerts", "show", breach).stdout
    check("acknowledged by warder 2 at PB-ASR-P01" in shown
          and "rang the clinic" in shown, shown)


def test_put_right(tree, dose_id):
    clinic, far = tree[CLINIC], tree[FAR]
    tree[HUB].kill()
    far.insert("dose_event", {
        "person_id": PERSON, "kind": "reversal", "reverses_id": dose_id,
        "verified_by": "none", "dispensed_by": "nurse 4"})
    wait_until("no alert at the prison", lambda: far.value(FIRST) is None)
    check(clinic.value(FIRST) == "acknowledged", "the clinic heard too early")
    tree[HUB].start()
    wait_until("no alert at the clinic", lambda: clinic.value(FIRST) is None)
    check(alert(clinic) is None, alert(clinic))


def test_quiet(tree):
    tree.wait_until_equal()
    last = "SELECT group_concat(head_seq) FROM sync_origin ORDER BY node"
    before = {node.site: node.value(last) for node in tree}
    time.sleep(3)
    for node in tree:
        check(node.value(last) == before[node.site],
              f"{node.site} still hears of changes")


def main():
    with cluster.Cluster("carried") as tree:
        tree.grow()
        with tree[HQ].connect() as db:
            db.execute("INSERT OR IGNORE INTO ref_item(item_code, kind, name,"
                       " unit, opioid_agonist) VALUES('BUP-NAL-2', 'medicine',"
                       " 'Buprenorphine', 'tablet', 1)")
        tree.wait_until_equal()
        breach, second = test_both_are_told(tree)
        test_acts(tree, breach)
        test_put_right(tree, second)
        test_quiet(tree)
        say("told to both, acknowledged, put right, quiet")


main()
