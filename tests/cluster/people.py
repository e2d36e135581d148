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
* An ABHA number is enough, and a telephone with a given name and a birth year;
  what a family or a district shares is not.
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


def found(pair):
    """How much it says, and by what it was found."""
    return pair["weight"], set(pair["found_by"].split(", "))


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
    check(found(pair) == (8, {"beneficiary_no"}), pair)
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
        # of Zakir both names, of Gurpreet the given one alone
        check(done["written"] == 3 and done["keyless"] == 1, done)
        text = node.sangam("people", "tokens").stdout
        check(text.startswith("0 tokens written for 2 people"), text)
    for node in (hub, clinic, prison):
        wait_until(f"the pair at {node.site}",
                   lambda: len(duplicates(node)) == 1)
    pair, = duplicates(hub)
    check(pair["same_token"] == 1 and pair["same_number"] == 0, pair)
    check(found(pair) == (7, {"name_key", "name_key2"}), pair)
    check("no match tokens" not in
          clinic.sangam("people", "duplicates").stdout, "there are some")
    with prison.connect() as db:  # a slip: it was another father
        db.execute("UPDATE person SET parent_name = 'Gurdev' WHERE"
                   " parent_name = 'Ab. Rashid'")
    done = json.loads(prison.sangam("people", "tokens", "--json").stdout)
    check(done["written"] == 1 and done["replaced"] == 1, done)
    check(prison.query("SELECT status, count(*) FROM person_identifier WHERE"
                       " kind = 'name_key' AND origin_site = ? GROUP BY 1"
                       " ORDER BY 1", (PRISON,)) ==
          [("current", 1), ("old", 1)], "the tokens are others")
    hub.sangam("people", "unlink", pair["person_a"], pair["person_b"],
               "--reason", "father", "--by", "r 1")
    for node in (hub, clinic, prison):
        wait_until(f"no pair at {node.site}", lambda: not duplicates(node))


def put_person(node, abha=None, **facts):
    """One more, with a number of its own; returns its person_id."""
    person = node.insert("person", facts | {
        "beneficiary_no": node.sangam("number").stdout.strip()})
    if abha is not None:
        with node.connect() as db:
            db.execute("INSERT INTO local_identifier(identifier_id, person_id,"
                       " kind, value) VALUES(hex(randomblob(8)), ?, 'abha', ?)",
                       (person, abha))
    return person


def test_weights(tree):
    """Of five people at two sites: what each pair has in common, and whether
    somebody should look."""
    clinic, prison, hub = tree[CLINIC], tree[PRISON], tree[HUB]
    father = put_person(clinic, given_name="Harbans", birth_year=1960,
                        phone="+91 98765 43210", abha="12-3456-7890-1234")
    son = put_person(prison, given_name="Kalpit", birth_year=1990,
                     phone="098765 43210")            # the phone of the family
    same = put_person(prison, given_name="Harbans Singh", birth_year=1960,
                      phone="9876543210")             # and a name: look
    namesake = put_person(prison, given_name="Har Bans", birth_year=1960,
                          phone="0000000000")         # a name alone
    moved = put_person(prison, given_name="H.", birth_year=1961,
                       abha="12 3456 7890 1234")      # a number that one has
    for node in (clinic, prison):
        node.sangam("people", "tokens")
        text = node.sangam("people", "tokens").stdout
        check(text.startswith("0 tokens written") and "0 replaced" in text, text)

    def pairs(node):
        return {(p["person_a"], p["person_b"]): found(p)
                for p in duplicates(node)}
    due = {tuple(sorted((father, same))): (7, {"name_key2", "phone"}),
           tuple(sorted((father, moved))): (10, {"abha"})}
    for node in (hub, clinic, prison):
        wait_until(f"two pairs at {node.site}",
                   lambda: pairs(node) == due or pairs(node))
    check([p["weight"] for p in duplicates(hub)] == [10, 7], duplicates(hub))
    text = hub.sangam("people", "duplicates").stdout
    check("name_key2" in text and "abha" in text, text)
    shown = json.loads(hub.sangam("alerts", "--json").stdout)
    said = [a["says"] for a in shown if a["rule"] == "17"]
    check(sum("phone, given name and birth year" in s for s in said) == 1, said)
    for person in (son, namesake):
        check(not any(person in p for p in pairs(hub)), "a family is one")
    with prison.connect() as db:  # they wrote it down wrongly
        db.execute("UPDATE local_identifier SET value = '99-0000-0000-0001'")
    done = json.loads(prison.sangam("people", "tokens", "--json").stdout)
    check((done["written"], done["replaced"]) == (1, 1), done)
    for table in ("person_identifier", "local_identifier"):
        text = hub.sangam("export", table).stdout
        for clear in ("9876543210", "12345678901234", "12-3456"):
            check(clear not in text, f"{clear} is at the hub: {text}")


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
        test_weights(tree)
        say("found by what is enough together")
        tree.wait_until_equal()
        for node in tree:
            node.verify()


main()
