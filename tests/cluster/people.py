#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Numbers for cards that sites give out without asking, and people who were
written down twice.

* Every node gets its number from headquarters and has others ready: by the
  command and in plain SQL, offline too, and no two are the same.
* `number --check` knows a mistyped one; `number --renew` gives a restored node
  another, and what the old one had ready is gone.
* Two sites register one person: headquarters sees the pair, links it, and every
  site counts them as one; it is taken back, nobody asks again, and that two
  people have one number stays an alert.
* `people find` finds by number in any form and by how a name sounds, and
  `dose-check` takes a number in any form.
* With the programme's key two sites find one person by name, though neither
  tells the other the name; without it they say that they do not.
"""
import json

import cluster
from cluster import check, say, wait_until

HQ, HUB, CLINIC, PRISON = "PB-HQ", "PB-LDH-H", "PB-LDH-C01", "PB-LDH-P01"
A = "019a0000-0000-7000-8000-00000000000a"
B = "019a0000-0000-7000-8000-00000000000b"
FREE = "SELECT count(*) FROM v_number_free"
CANON = "SELECT canon_id FROM sync_person_canon WHERE person_id = ?"


def test_numbers(tree):
    taken = []
    for node in tree:
        wait_until(f"numbers at {node.site}",
                   lambda: (node.value(FREE) or 0) >= 200)
        taken += node.sangam("number", "--count", "20").stdout.split()
        taken += json.loads(node.sangam("number", "--json").stdout)
        with node.connect() as db:  # as the schema says
            taken += db.execute(
                "UPDATE local_number SET taken_by = 'desk', taken_at ="
                " strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE number ="
                " (SELECT number FROM v_number_free LIMIT 1)"
                " RETURNING number").fetchone()
    check(len(set(taken)) == len(taken) == 22 * 4, taken)
    for number in taken[::7]:
        said = tree[HQ].sangam("number", "--check",
                               number.lower().replace("-", " ")).stdout
        check(said == f"{number} is well formed\n", said)
    wrong = taken[0][:-1] + ("2" if taken[0][-1] != "2" else "3")
    said = tree[HQ].sangam("number", "--check", wrong, expect=1).stderr
    check(f"{wrong} is mistyped" in said, said)
    return taken


def test_offline(tree):
    """The pool holds without the daemon, and says when it does not."""
    clinic = tree[CLINIC]
    clinic.stop()
    ready = clinic.value(FREE)
    clinic.sangam("number", "--count", "100")
    check(clinic.value(FREE) == ready - 100, clinic.value(FREE))
    clinic.sangam("number", "--count", "201", expect=1)
    while clinic.value(FREE) >= 50:
        clinic.sangam("number", "--count", "50")
    left = clinic.value(FREE)
    said = clinic.sangam("number", "--count", "50", expect=1).stderr
    check("none was taken" in said and "sangam run" in said, said)
    check(clinic.value(FREE) == left, "some were taken")
    clinic.start()
    clinic.wait_until_running()
    wait_until("more numbers", lambda: clinic.value(FREE) >= 200)


def test_renew(tree):
    clinic, hq = tree[CLINIC], tree[HQ]
    old = {n for (n,) in clinic.query("SELECT number FROM v_number_free")}
    said = clinic.sangam("number", "--renew", CLINIC, expect=1).stderr
    check("is written at headquarters" in said, said)
    said = hq.sangam("number", "--renew", "PB-NO-WHERE", expect=1).stderr
    check("no node of PB-NO-WHERE has a number" in said, said)
    hq.sangam("number", "--renew", CLINIC)
    hq.sangam("number", "--renew", "--count", "2", expect=2)
    wait_until("numbers of another node number", lambda: clinic.value(
        "SELECT count(*) FROM v_number_free") >= 200 and not old & {
            n for (n,) in clinic.query("SELECT number FROM v_number_free")})


def register(tree, number):
    tree[CLINIC].insert("person", {
        "person_id": A, "beneficiary_no": number, "given_name": "Gurpreet",
        "family_name": "Namoonawal", "birth_year": 1990})
    tree[PRISON].insert("person", {
        "person_id": B, "beneficiary_no": number, "given_name": "Gurprit",
        "family_name": "Kaur", "birth_year": 1991})


def duplicates(node):
    return json.loads(node.sangam("people", "duplicates", "--json").stdout)


def one(tree):
    return all(node.value(CANON, (B,)) == A for node in tree)


def test_duplicates(tree, number):
    hub = tree[HUB]
    register(tree, number)
    for node in tree:
        wait_until(f"the pair at {node.site}",
                   lambda: len(duplicates(node)) == 1)
    pair, = duplicates(hub)
    check((pair["person_a"], pair["person_b"]) == (A, B), pair)
    check(pair["same_number"] == 1 and pair["same_token"] == 0, pair)
    check("Namoonawal" in tree[CLINIC].sangam("people", "duplicates").stdout,
          "the list names nobody")
    for words, says in (
            ((A, B), "--reason"), ((A, B, "--reason", "Saw her"), "--reason"),
            ((A, A, "--reason", "seen"), "are one record"),
            ((number, A, "--reason", "seen"), "2 records have the number"),
            ((A, "nobody", "--reason", "seen"), "nobody is known here")):
        said = hub.sangam("people", "link", *words, expect=1).stderr
        check(says in said, said)
    hub.sangam("people", "link", B, A, "--reason", "same_card", "--by", "r 1")
    wait_until("one at all sites", lambda: one(tree))
    for node in tree:
        wait_until(f"no pair at {node.site}", lambda: not duplicates(node))
    said = tree[PRISON].sangam("people", "link", A, B, "--reason", "seen",
                               "--by", "r 2", expect=1).stderr
    check("has been said" in said, said)
    tree[PRISON].sangam("people", "unlink", A, B, "--reason", "photo", "--by",
                        "r 2")
    wait_until("two at all sites", lambda: all(
        node.value(CANON, (B,)) == B for node in tree))
    for node in tree:
        wait_until(f"the number is on two people at {node.site}", lambda:
                   node.value("SELECT count(*) FROM v_breach WHERE rule = '18'"
                              " AND status = 'open'") == 1)
        check(not duplicates(node), f"{node.site}: {duplicates(node)}")
    check(tree[CLINIC].query(
        "SELECT decision, basis, decided_by, supersedes_id IS NULL"
        " FROM person_link ORDER BY recorded_at") == [
            ("same", "same_card", "r 1", 1), ("different", "photo", "r 2", 0)],
        "the links are others")


def test_find(tree, number):
    clinic = tree[CLINIC]
    bare = number.replace("-", "").lower()
    for text in (number, bare, number.replace("-", " "), "gurpreet namunaval",
                 "Kaur Gurpreet", A):
        found = json.loads(clinic.sangam("people", "find", text,
                                         "--json").stdout)
        check(A in [p["person_id"] for p in found], f"{text}: {found}")
    text = clinic.sangam("people", "find", A).stdout
    check("Gurpreet Namoonawal" in text and number in text, text)
    said = clinic.sangam("people", "find", "Sukhdev", expect=1).stderr
    check("whose name sounds like 'Sukhdev'" in said, said)
    unused = clinic.sangam("number").stdout.strip()
    said = clinic.sangam("people", "find", unused, expect=1).stderr
    check(f"{unused} is well formed, but nobody here has it" in said, said)
    said = clinic.sangam("people", "find", "123", expect=1).stderr
    check("it has 3 characters" in said, said)
    # who has no number yet is not whoever is called what is none
    nameless = clinic.insert("person", {"beneficiary_no": ""})
    for command in (("find", "Sukhdev"), ("link", "Sukhdev", A, "--reason",
                                          "card", "--by", "r 1")):
        said = clinic.sangam("people", *command, expect=1).stderr
        check("nobody is known here" in said and nameless not in said, said)
    carded = clinic.insert("person", {"beneficiary_no": unused})
    for text in (unused, unused.lower(), unused.replace("-", ""),
                 f" {unused.replace('-', ' ').lower()} ",
                 unused.replace("0", "o").replace("1", "l"), carded):
        told = json.loads(clinic.sangam("dose-check", text, "--json",
                                        expect=None).stdout)
        check(told["person_id"] == carded, f"{text}: {told}")
    said = clinic.sangam("dose-check", bare, expect=1).stderr
    check("2 records have the number" in said, said)
    said = clinic.sangam("dose-check", "Sukhdev", expect=1).stderr
    check("nobody is known here as 'Sukhdev'" in said, said)
    with clinic.connect() as db:
        db.execute("UPDATE person SET record_status = 'entered_in_error'"
                   " WHERE person_id IN (?, ?)", (nameless, carded))
    said = clinic.sangam("dose-check", unused, expect=1).stderr
    check("nobody is known here as" in said, said)
    for words, says in (
            (("find",), "find takes one"), (("link", A), "link takes two"),
            (("dance",), "none of find"), ((), "ACTION is missing"),
            (("duplicates", A), "duplicates takes nobody")):
        said = clinic.sangam("people", *words, expect=2).stderr
        check(says in said, said)


def test_tokens(tree):
    """Spelled in two ways, under two numbers."""
    clinic, prison, hub = tree[CLINIC], tree[PRISON], tree[HUB]
    for node, given, parent in ((clinic, "Mohd. Zakir", "Abdul Rasheed"),
                                (prison, "Muhammad Jakir", "Ab. Rashid")):
        node.insert("person", {
            "beneficiary_no": node.sangam("number").stdout.strip(),
            "given_name": given, "parent_name": parent, "sex": "male",
            "birth_year": 1988})
    said = clinic.sangam("people", "tokens", expect=78).stderr
    check("ask headquarters for it" in said, said)
    check("no match tokens" in clinic.sangam("people", "duplicates").stdout,
          "it is not said that names are not compared")
    for node in (clinic, prison):
        key = node.home / "keys" / "programme.key"
        key.write_text("match_key = 12\n")
        key.chmod(0o600)
        said = node.sangam("people", "tokens", expect=78).stderr
        check("programme.key" in said and "match_key" in said, said)
        key.write_text(f"match_key = {'5a' * 32}\n")
        key.chmod(0o640)
        said = node.sangam("people", "tokens", expect=78).stderr
        check("may be read or written by others" in said, said)
        key.chmod(0o600)
        done = json.loads(node.sangam("people", "tokens", "--json").stdout)
        check(done["written"] == 1 and done["keyless"] == 1, done)
        text = node.sangam("people", "tokens").stdout
        check(text.startswith("0 tokens written for 2 people"), text)
    for node in (hub, clinic, prison):
        wait_until(f"the pair at {node.site}",
                   lambda: len(duplicates(node)) == 1)
    pair, = duplicates(hub)
    check(pair["same_token"] == 1 and pair["same_number"] == 0, pair)
    check("no match tokens" not in
          clinic.sangam("people", "duplicates").stdout, "there are some")
    with prison.connect() as db:  # a slip: it was another father
        db.execute("UPDATE person SET parent_name = 'Gurdev' WHERE"
                   " parent_name = 'Ab. Rashid'")
    done = json.loads(prison.sangam("people", "tokens", "--json").stdout)
    check(done["written"] == 1 and done["replaced"] == 1, done)
    check(prison.query("SELECT status, count(*) FROM person_identifier WHERE"
                       " origin_site = ? GROUP BY 1 ORDER BY 1", (PRISON,)) ==
          [("current", 1), ("old", 1)], "the tokens are others")
    hub.sangam("people", "unlink", pair["person_a"], pair["person_b"],
               "--reason", "father", "--by", "r 1")
    for node in (hub, clinic, prison):
        wait_until(f"no pair at {node.site}", lambda: not duplicates(node))


def main():
    with cluster.Cluster("people", [HQ, HUB, CLINIC, PRISON]) as tree:
        tree.grow()
        taken = test_numbers(tree)
        say("numbers are taken")
        test_offline(tree)
        test_renew(tree)
        say("a pool lasts, and is renewed")
        test_duplicates(tree, taken[-1])
        test_find(tree, taken[-1])
        say("found, linked, unlinked")
        test_tokens(tree)
        say("found by name")
        tree.wait_until_equal()
        for node in tree:
            node.verify()


main()
