#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The indicators that `sangam report` prints at headquarters are what a program
that knows nothing of its SQL counts from the tables that `sangam export` writes.

A clinic and a prison of a district enter two years of invented registers
(sangam-sample), and beside them rows that no register would have, with all that
may be missing; both come to headquarters through their hub. The program below
reads the exported files and counts K01 to K20 in plain Python, for months,
quarters and years. SANGAM_SEED replays the life.
"""
import collections
import csv
import datetime
import io
import json
import os
import pathlib
import random
import tempfile

import cluster
import invented
from cluster import check, say, wait_until

HQ, PRISON, CLINIC = "PB-HQ", "PB-LDH-P01", "PB-LDH-C01"
SEED = int(os.environ.get("SANGAM_SEED", random.randrange(10**9)))
PEOPLE = 40
SLOTS, INMATES = 30, 12       # of the registers
FIRST = datetime.date(2024, 1, 1)
DAYS = 640                       # until autumn 2025: all of it is over
TABLES = ["ref_site", "ref_course", "person", "person_link", "dose_event",
          "peer_session", "custody_event", "referral", "followup", "enrolment",
          "placement", "training_record", "assessment", "worker",
          "mentor_assignment", "stock_event", "ref_item"]
TODAY = datetime.datetime.now(
    datetime.timezone(datetime.timedelta(hours=5, minutes=30))).date()


# ---- a life ------------------------------------------------------------------

class Life:
    """Rows for one site, as its programs would write them."""

    def __init__(self, node, rng, people):
        self.node, self.rng, self.people = node, rng, people
        self.rows = []

    def day(self, after=None, within=DAYS):
        start = FIRST if after is None else datetime.date.fromisoformat(after)
        return (start + datetime.timedelta(self.rng.randrange(within))
                ).isoformat()

    def put(self, table, **row):
        self.rows.append((table, row))

    def doses(self):
        for person in self.people:
            at = self.day(within=400)
            while self.rng.random() < 0.9:
                days = self.rng.choice((1, 1, 2, 7, 14, 28))
                self.put("dose_event", person_id=person, service_date=at,
                         kind=self.rng.choice(("observed", "take_home",
                                               "guest", "missed")),
                         item_code=self.rng.choice(("BUP-NAL-2", "NTX-50")),
                         units=self.rng.randrange(1, 9), days_covered=days,
                         verified_by="manual", dispensed_by="n")
                at = self.day(at, days + 20)

    def meetings(self):
        for _ in range(60):
            outcome = self.rng.choice(("held", "held", "denied_entry",
                                       "cancelled_facility", "cancelled_team",
                                       "no_show"))
            held = outcome == "held"
            people = self.rng.randrange(1, 60)
            self.put("peer_session", group_id=self.rng.choice("gh"),
                     held_on=self.day(), outcome=outcome,
                     headcount=people if held else None,
                     headcount_female=self.rng.choice(
                         (None, self.rng.randrange(people + 1)))
                     if held else None,
                     led_by=self.rng.choice(("mixed", "inmate_peers", None)),
                     denial_reason=self.rng.choice(("staff", None)))

    def care(self, other):
        for person in self.people:
            self.put("referral", person_id=person, to_site=other,
                     kind=self.rng.choice(("job", "counselling", "skill")),
                     to_department=self.rng.choice(("labour", None)),
                     offered_on=self.day(), due_on=self.rng.choice(
                         (None, self.day(within=DAYS))),
                     sender_status=self.rng.choice(
                         ("offered", "offered", "cancelled")))
            due = self.day()
            self.put("followup", person_id=person, due_on=due,
                     done_on=self.rng.choice((None, self.day(due, 20))),
                     result=self.rng.choice(("contacted", "missed")),
                     department=self.rng.choice(("health", "labour")))
            began = self.day(within=300)
            self.put("enrolment", person_id=person, started_on=began,
                     programme=self.rng.choice(("labour_guidance", "CCM")),
                     status=self.rng.choice(("completed", "entered_in_error",
                                             "completed")),
                     ended_on=self.day(began, 200))
            self.put("placement", person_id=person, department="labour",
                     kind=self.rng.choice(("job", "self_employment",
                                           "housing")),
                     status=self.rng.choice(("placed", "retained_3m",
                                             "planned")),
                     status_on=self.day(), matches_training=self.rng.choice(
                         (0, 1, None)),
                     course_id=self.rng.choice(("voc", None)))
            self.put("training_record", person_id=person,
                     course_id=self.rng.choice(("men", "voc")),
                     cohort=self.rng.choice(("A", "B", None)),
                     sessions_held=10,
                     sessions_attended=self.rng.randrange(11),
                     practical=self.rng.choice(("pass", "fail", None)),
                     completed_on=self.rng.choice((None, self.day())))
            self.put("assessment", person_id=person, performed_on=self.day(),
                     instrument=self.rng.choice(("ASSIST", "AUDIT")),
                     recorded_by="n")

    def custody(self):
        for person in self.people:
            at = self.day(within=300)
            for _ in range(3):
                self.put("custody_event", person_id=person, kind="admitted",
                         occurred_at=f"{at}T06:00:00.000Z")
                self.put("assessment", person_id=person, instrument="COWS",
                         performed_on=self.day(at, 4), recorded_by="n")
                at = self.day(at, 90)
                self.put("custody_event", person_id=person, kind="released",
                         occurred_at=f"{at}T06:00:00.000Z")
                at = self.day(at, 60)

    def work(self):
        worker = f"w-{self.node.site}"
        self.put("worker", worker_id=worker, kind="mentor", display_name="M",
                 district_code="LDH")
        for person in self.people[:5]:
            self.put("mentor_assignment", worker_id=worker, person_id=person,
                     district_code="LDH", status=self.rng.choice(
                         ("active", "ended")))
        for kind in ("receipt", "count", "wastage", "receipt", "transfer_in",
                     "transfer_out"):
            self.put("stock_event", item_code="BUP-NAL-2", kind=kind,
                     qty=self.rng.randrange(500), occurred_on=self.day(),
                     counted_by="n")

    def write(self):
        with self.node.connect() as db:
            db.execute("BEGIN IMMEDIATE")
            for table, row in self.rows:
                names = ", ".join(row)
                marks = ", ".join("?" * len(row))
                db.execute(f"INSERT INTO {table}({names}) VALUES ({marks})",
                           list(row.values()))
            db.execute("COMMIT")


def live(tree, rng):
    people = [f"p{i:02}" for i in range(PEOPLE)]
    clinic = tree[CLINIC]
    with tree[HQ].connect() as db:
        db.execute("INSERT INTO ref_item(item_code, kind, name, unit) VALUES"
                   "('NTX-50', 'medicine', 'Naltrexone 50 mg', 'tablet')")
        db.executemany(
            "INSERT INTO ref_course(course_id, kind, title, hours,"
            " pass_attendance, practical_required) VALUES(?,?,?,1,?,?)",
            [("men", "mentor", "M", 0.9, 1), ("voc", "vocational", "V", 0.8,
                                              0)])
        db.execute("UPDATE ref_site SET valid_from = '2024-02-10'")
        db.execute("INSERT INTO ref_parameter(parameter_id, key, scope_kind,"
                   " scope_value, value_num, valid_from, authority) VALUES"
                   "('e', 'est_opioid_dependent', 'district', 'LDH', 77,"
                   " '2020-01-01', 'x')")
    with clinic.connect() as db:
        db.executemany(
            "INSERT INTO person(person_id, beneficiary_no, sex, birth_year)"
            " VALUES(?, ?, ?, ?)",
            [(p, p, rng.choice(("female", "male", None)),
              rng.choice((None, 1970, 2000, 2001, 2005))) for p in people])
        for i in range(0, 8, 2):
            db.execute("INSERT INTO person_link(person_a, person_b, decision,"
                       " basis, decided_by) VALUES(?, ?, 'same', 'card', 'c')",
                       (people[i], people[i + 1]))
    tree.wait_until_equal()
    for site, other in ((CLINIC, "PB-LDH-P01"), (PRISON, "PB-LDH-C01")):
        life = Life(tree[site], rng, people)
        life.doses()
        life.meetings()
        life.care(other)
        life.work()
        if site == PRISON:
            life.custody()
        life.write()
    tree.wait_until_equal()
    for site in (CLINIC, PRISON):
        with tree[site].connect() as db:
            db.execute("UPDATE referral SET receiver_status = 'attended',"
                       " receiver_on = date(offered_on, '+' ||"
                       " (abs(random()) % 300) || ' days') WHERE to_site = ?"
                       " AND abs(random()) % 2", (site,))
    tree.wait_until_equal()


def registers(folder):
    last = FIRST + datetime.timedelta(DAYS - 1)
    return invented.generate(folder, "--seed", SEED, "--until", last, "--days",
                             DAYS, "--clinics", "1", "--slots", SLOTS,
                             "--inmates", INMATES, "district")


# ---- counting, again ---------------------------------------------------------

class Tables:
    def __init__(self, node):
        for table in TABLES:
            told = node.sangam("export", table).stdout
            setattr(self, table, list(csv.DictReader(io.StringIO(told))))
        self.site = {s["site_id"]: s for s in self.ref_site}
        self.person_by = {p["person_id"]: p for p in self.person}
        self.course = {c["course_id"]: c for c in self.ref_course}
        self.agonist = {i["item_code"] for i in self.ref_item
                        if i["opioid_agonist"] == "1"}
        self.find_canon()
        undone = {d["reverses_id"] for d in self.dose_event}
        self.dose = [d for d in self.dose_event
                     if d["kind"] in ("observed", "take_home", "guest")
                     and d["dose_id"] not in undone]
        for d in self.dose:
            begin = d["covers_from"] or d["service_date"]
            d["until"] = add(begin, max(int(d["days_covered"]), 1) - 1)
            d["canon"] = self.canon[d["person_id"]]
        self.opioid = [d for d in self.dose if d["item_code"] in self.agonist]
        self.of = collections.defaultdict(list)
        for d in self.opioid:
            self.of[d["canon"]].append(d)

    def find_canon(self):
        self.canon = {p: p for p in self.person_by}
        for link in sorted(self.person_link, key=lambda r: r["person_a"]):
            low = min(self.canon[link["person_a"]],
                      self.canon[link["person_b"]])
            for p, c in list(self.canon.items()):
                if c in (self.canon[link["person_a"]],
                         self.canon[link["person_b"]]):
                    self.canon[p] = low

    def open_sites(self, first, last):
        return [s for s in self.ref_site if s["valid_from"] <= last
                and (s["valid_to"] or "9999") >= first]

    def covered(self, canon, day):
        return any(d["service_date"] <= day and d["until"] >= add(day, -27)
                   for d in self.of[canon])

    def sex(self, person):
        return self.person_by[person]["sex"] or "unknown"


def add(day, days):
    return (datetime.date.fromisoformat(day)
            + datetime.timedelta(days)).isoformat()


def months_after(day, months):
    """As SQLite has it: the 31st of a short month is the 1st of the next, or
    later."""
    d = datetime.date.fromisoformat(day)
    month = d.month - 1 + months
    first = datetime.date(d.year + month // 12, month % 12 + 1, 1)
    return (first + datetime.timedelta(d.day - 1)).isoformat()


def half_up(number):
    return int(number + 0.5)


class Count(dict):
    """(place, split): [num, den]"""

    def note(self, place, split, counts, den=True):
        cell = self.setdefault((place, split), [0, 0 if den else None])
        cell[0] += bool(counts)
        if den:
            cell[1] += 1


def k01(t, first, last):
    c = Count()
    for s in t.open_sites(first, last):
        if s["kind"] == "prison":
            c.note(s["district_code"], "", any(
                x["site_id"] == s["site_id"] and x["outcome"] == "held"
                and first <= x["held_on"] <= last for x in t.peer_session))
    return c


def sessions(t, first, last):
    sites = {s["site_id"] for s in t.open_sites(first, last)}
    return [x for x in t.peer_session
            if x["site_id"] in sites and first <= x["held_on"] <= last]


def k02(t, first, last):
    groups = collections.defaultdict(list)
    for x in sessions(t, first, last):
        if x["outcome"] == "held":
            groups[x["site_id"], x["group_id"]].append(
                (int(x["headcount"]), int(x["headcount_female"] or 0)))
    sums = collections.defaultdict(lambda: [0.0, 0.0])
    for (site, _), met in groups.items():
        sums[site][0] += sum(m[0] for m in met) / len(met)
        sums[site][1] += sum(m[1] for m in met) / len(met)
    c = Count()
    for site, (people, women) in sums.items():
        c[site, "women"] = [half_up(women), None]
        c[site, "others"] = [half_up(people) - half_up(women), None]
    return c


def k03(t, first, last):
    c, tried = Count(), collections.Counter()
    for x in sessions(t, first, last):
        if x["outcome"] == "cancelled_team":
            continue
        tried[x["site_id"]] += 1
        if x["outcome"] in ("denied_entry", "cancelled_facility"):
            key = x["site_id"], x["denial_reason"] or "no reason given"
            c.setdefault(key, [0, 0])[0] += 1
    for site, den in tried.items():
        if not any(key[0] == site for key in c):
            c[site, ""] = [0, den]
        for key in c:
            if key[0] == site:
                c[key][1] = den
    return c


def k04(t, first, last):
    c = Count()
    for x in sessions(t, first, last):
        if x["outcome"] == "held":
            c.note(x["site_id"], "", x["led_by"] == "inmate_peers")
    return c


def on_treatment(t, last):
    return {(t.site[d["site_id"]]["district_code"], d["canon"])
            for d in t.opioid
            if d["service_date"] <= last and d["until"] >= add(last, -27)}


def k05(t, _, last):
    c = Count()
    for district, canon in on_treatment(t, last):
        year = t.person_by[canon]["birth_year"]
        age = ("age unknown" if not year else "under 25"
               if int(last[:4]) - int(year) < 25 else "25 and over")
        c.note(district, f"{t.sex(canon)}, {age}", True, den=False)
    return c


def k06(t, _, last):
    c = Count()
    for district, _ in on_treatment(t, last):
        c.setdefault((district, ""), [0, 77 if district == "LDH" else None]
                     )[0] += 1
    return c


def k07(t, first, last):
    """Sites that say nothing for days are not complete: nobody is waited for
    here, whose anniversary is long over."""
    c = Count()
    for canon, doses in t.of.items():
        start = min(doses, key=lambda d: (d["service_date"], d["occurred_at"],
                                          d["dose_id"]))
        if not first <= start["service_date"] <= last:
            continue
        for months in (3, 6, 12):
            day = months_after(start["service_date"], months)
            if day <= TODAY.isoformat():
                c.note(t.site[start["site_id"]]["district_code"],
                       f"{months} months, {t.sex(canon)}",
                       t.covered(canon, day))
    return c


def k08(t, first, last):
    c = Count()
    for e in t.custody_event:
        day, canon = e["occurred_at"][:10], t.canon[e["person_id"]]
        if e["kind"] != "released" or not first <= day <= last:
            continue
        if not any(d["service_date"] <= day and d["until"] >= add(day, -7)
                   for d in t.of[canon]):
            continue
        for days in (3, 21):
            c.note(e["site_id"], f"within {days} days", any(
                t.site[d["site_id"]]["kind"] != "prison"
                and day <= d["service_date"] <= add(day, days)
                for d in t.of[canon]))
    return c


def k09(t, first, last):
    c = Count()
    for r in t.referral:
        if first <= r["offered_on"] <= last and r["sender_status"] == "offered":
            c.note(r["to_department"] or t.site[r["to_site"]]["department"],
                   r["kind"], r["receiver_status"] == "attended" and
                   r["receiver_on"] <= (r["due_on"] or r["receiver_on"]))
    return c


def k10(t, first, last):
    c = Count()
    for f in t.followup:
        if first <= f["due_on"] <= last:
            c.note(t.site[f["origin_site"]]["district_code"], f["department"],
                   f["result"] == "contacted" and f["done_on"]
                   and f["done_on"] <= add(f["due_on"], 14))
    return c


def works(t):
    return [w for w in t.placement if w["kind"] != "housing"
            and w["status"] in ("placed", "retained_3m")]


def k11(t, first, last):
    people = collections.defaultdict(list)
    for e in t.enrolment:
        if e["programme"] == "labour_guidance" and e["status"] == "completed" \
                and first <= e["ended_on"] <= last:
            key = t.site[e["owner_site"]]["district_code"], \
                t.canon[e["person_id"]]
            people[key].append(e)
    c = Count()
    for (district, canon), ended in people.items():
        c.note(district, t.sex(canon), any(
            t.canon[w["person_id"]] == canon and
            e["started_on"] <= w["status_on"]
            <= months_after(e["ended_on"], 6)
            for e in ended for w in works(t)))
    return c


def k12(t, first, last):
    c = Count()
    for w in works(t):
        if first <= w["status_on"] <= last and w["course_id"]:
            c.note(w["owner_site"], "", w["matches_training"] == "1")
    return c


def k13(t, first, last):
    c = Count()
    for r in t.training_record:
        if r["completed_on"] and first <= r["completed_on"] <= last and \
                t.course[r["course_id"]]["kind"] == "mentor":
            c.note(r["cohort"] or "no cohort", "",
                   int(r["sessions_attended"]) >= 9
                   and r["practical"] == "pass")
    return c


def k14(t, *_):
    c = Count()
    for district in {s["district_code"] for s in t.ref_site}:
        people = {t.canon[m["person_id"]] for m in t.mentor_assignment
                  if m["status"] == "active"
                  and m["district_code"] == district}
        c[district, ""] = [len(people), sum(
            w["kind"] == "mentor" and w["district_code"] == district
            for w in t.worker)]
    return c


def k16(t, *_):
    c = Count()
    for site in {e["site_id"] for e in t.stock_event}:
        mine = sorted((e for e in t.stock_event if e["site_id"] == site),
                      key=lambda e: (e["occurred_on"], e["stock_id"]))
        counts = [e for e in mine if e["kind"] == "count"]
        since = counts[-1]["occurred_on"] if counts else ""
        have = int(counts[-1]["qty"]) if counts else 0
        for e in mine:
            if e["occurred_on"] > since and e["kind"] != "count":
                comes = e["kind"] in ("receipt", "transfer_in")
                have += int(e["qty"]) * (1 if comes else -1)
        have -= sum(int(d["units"]) for d in t.dose
                    if d["site_id"] == site and d["item_code"] == "BUP-NAL-2"
                    and d["service_date"] > since)
        used = [int(d["units"]) for d in t.dose
                if d["site_id"] == site and d["item_code"] == "BUP-NAL-2"
                and add(TODAY.isoformat(), -27) <= d["service_date"]
                <= TODAY.isoformat()]
        c[site, "BUP-NAL-2"] = [have, sum(used) / 28 if used else None]
    return c


def k18(t, first, last):
    c = Count()
    for e in t.custody_event:
        day = e["occurred_at"][:10]
        if e["kind"] == "admitted" and first <= day <= last:
            c.note(e["site_id"], "", any(
                a["instrument"] in ("ASSIST", "COWS")
                and t.canon[a["person_id"]] == t.canon[e["person_id"]]
                and day <= a["performed_on"] <= add(day, 2)
                for a in t.assessment))
    return c


def k19(t, first, last):
    c = Count()
    for s in t.open_sites(first, last):
        if s["kind"] != "ooat_clinic":
            continue
        here = s["site_id"]
        c.note(s["district_code"], "", any(
            d["site_id"] == here and first <= d["service_date"] <= last
            for d in t.dose) and any(
            x["site_id"] == here and x["outcome"] == "held"
            and first <= x["held_on"] <= last for x in t.peer_session) and any(
            r["to_site"] == here and r["kind"] == "counselling"
            and r["receiver_status"] == "attended"
            and first <= r["receiver_on"] <= last for r in t.referral))
    return c


def k20(t, _, last):
    c = Count()
    for district, _ in on_treatment(t, last):
        c.note(district, "", False)
    return c


COUNTED = {"K01": k01, "K02": k02, "K03": k03, "K04": k04, "K05": k05,
           "K06": k06, "K07": k07, "K08": k08, "K09": k09, "K10": k10,
           "K11": k11, "K12": k12, "K13": k13, "K18": k18, "K19": k19,
           "K20": k20}
NOW = {"K14": k14, "K16": k16}


def periods():
    for year in (2024, 2025):
        yield str(year), f"{year}-01-01", f"{year}-12-31"
        for month in (2, 9) if year == 2025 else ():
            first = datetime.date(year, month, 1)
            last = months_after(first.isoformat(), 1)
            yield f"{year}-{month:02}", first.isoformat(), add(last, -1)
        yield f"{year}-Q2", f"{year}-04-01", f"{year}-06-30"


def compare(name, period, told, counted):
    said = {(r["place"], r["split"]):
            [r["num"], None if r["den"] is None else r["den"]]
            for r in told["rows"]}
    check(said == counted, f"{name} of {period}: report says {said}, counted "
          f"are {counted}")
    return len(said)


def main():
    rng = random.Random(SEED)
    say(f"SANGAM_SEED={SEED}")
    with tempfile.TemporaryDirectory() as name, \
            invented.tree_of("indicators", registers(pathlib.Path(name))) as tree:
        tree.grow()
        invented.enter(tree, pathlib.Path(name))
        live(tree, rng)
        invented.answer(tree, pathlib.Path(name))
        tree.wait_until_equal()
        root = tree[HQ]
        wait_until("the rules have looked at all", lambda: root.value(
            "SELECT count(*) FROM sync_touched") == 0)
        t = Tables(root)
        say(f"{len(t.dose_event)} doses, {len(t.peer_session)} meetings")
        cells = 0
        for name, count in COUNTED.items():
            for period, first, last in periods():
                if name == "K20" and len(period) == 7 and "Q" not in period:
                    continue
                told = json.loads(root.sangam(
                    "report", name, "--period", period, "--json").stdout)
                cells += compare(name, period, told, count(t, first, last))
        for name, count in NOW.items():
            told = json.loads(root.sangam("report", name, "--json").stdout)
            cells += compare(name, "now", told, count(t))
        say(f"{cells} cells are as counted")
        tree.stop()


if __name__ == "__main__":
    main()
