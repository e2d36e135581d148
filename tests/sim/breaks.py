#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Breaks the program on purpose and has the simulator find it.

usage: tests/sim/breaks.py [NAME...]

Each break is one edit of a copy of the sources in build/breaks; the simulator is
built from it and lives through two hundred seeds until one fails with the words
expected; what else fails before is counted.
Exit status 0: every break was found.
"""
import os
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from sources import Copy, run

SEEDS = 200

# name: file, text, its replacement, what the simulator must say
BREAKS = {
    "a-start-is-no-new-incarnation": (
        "store/lineage.c",
        "randombytes_buf(&drawn, sizeof drawn);",
        "drawn = 4U * r->self.node.bytes[0];",
        r"\[I-4\]"),
    "only-a-run-that-goes-on-proves-a-clone": (
        "protocol/evidence.c", "    return !waited && !came_back;",
        "    return !waited && !came_back && !begins(third);",
        r"nobody proved"),
    "a-clone-that-starts-again-counts": (
        "store/clone.c", "    return p->seq > 1 && begins(p) &&",
        "    return p->seq == 1 && begins(p) &&", r"\[I-2\]|\[I-10\]|\[I-6\]"),
    "headquarters-keeps-another-signature": (
        "store/receive.c",
        "        c->header = c->changeset->header;\n",
        "        c->header = c->changeset->header;\n"
        "        c->changeset->signature[0] ^=\n"
        "            !in->r->self.has_parent && c->header.leaf_count > 3;\n", r"\[I-3\]"),
    "who-is-turned-away-stops-the-link": (
        "store/receive.c", "    return rc == 0 && !c->turned_away ?",
        "    if (rc == 0 && c->turned_away) {\n"
        "        return err_set(e, ERR_BUSY, \"its clock is ahead\");\n"
        "    }\n    return rc == 0 && !c->turned_away ?", r"\[I-7\]"),
    "what-was-newer-is-not-shown-after-the-upgrade": (
        "store/upgrade.c",
        'rc = database_run(r->db, "DELETE FROM sync_newer", e);',
        'rc = database_run(r->db, "DELETE FROM sync_newer", e);\n'
        '        count = 0;', r"\[I-2\]|\[I-10\]|\[I-6\]"),
    "what-comes-is-applied-before-the-drain": (
        "store/receive.c",
        "    int rc = replica_drain_some(in->r, in->now_ms, &drained, e);\n"
        "    return rc == 0 && !drained.more ?",
        "    int rc = 0;\n    return rc == 0 && !drained.more ?",
        r"\[I-6\] what a program changed"),
    "a-lost-ack-is-waited-for-for-ever": (
        "protocol/session.c", "is_silent(s) || session_send_is_stuck(s)",
        "is_silent(s)", r"not quiet"),
    "commits-are-not-durable": (
        "store/database.c", "PRAGMA synchronous = FULL;",
        "PRAGMA synchronous = OFF;",
        r"\[I-1\]|\[I-4\]|\[I-6\]|not quiet|does not start|ended:"),
    "who-comes-last-wins": (
        "store/merge.c", "    return order > 0;\n}\n\nstatic void show_cell",
        "    return true;\n}\n\nstatic void show_cell", r"\[I-2\]|\[I-10\]"),
    "the-smaller-of-two-maxima": (
        "store/merge.c", "return by_value != 0 ? by_value > 0 : order > 0;",
        "return by_value != 0 ? by_value < 0 : order > 0;", r"\[I-2\]"),
    "what-is-applied-is-captured": (
        "store/database.c", "int fires = use == DATABASE_NODE ? 0 : 1;",
        "int fires = use == DATABASE_NODE ? 1 : 1;", r"nobody wrote|not quiet|\[I-8\]|ended:|belongs to the node"),
    "a-fixed-column-changes": (
        "store/merge.c", "        return order < 0;\n", "        return order > 0;\n",
        r"\[I-2\]|\[I-10\]"),
    "who-waits-is-not-tried-again": (
        "store/batch.c", "    if (rc == 0 && r->opened && g->m->waiting) {",
        "    if (rc != 0 && r->opened && g->m->waiting) {",
        r"\[I-6\]|\[I-10\]|\[I-2\]"),
    "rows-of-other-districts-come-down": (
        "store/walk.c", "    return (d->reach & REACH_ALL) != 0 && !up ? DUE_ALL_SCOPE"
        " : DUE_NOTHING;", "    return DUE_WHOLE;",
        r"where it should not be"),
    "own-rows-do-not-go-up": (
        "store/walk.c",
        "    if (up && !back) {\n        return DUE_WHOLE;",
        "    if (up && !back) {\n"
        "        return d->position % 16 == 9 ? DUE_NOTHING : DUE_WHOLE;",
        r"\[I-1\]|\[I-6\]|not quiet"),
    "tokens-go-past-what-was-lost": (
        "protocol/session_receive.c",
        "if (changesets->from != receive->received) {",
        "if (changesets->position <= receive->received) {",
        r"\[I-1\]|not quiet"),
    "acks-before-the-commit": (
        "protocol/session_receive.c",
        "    receive->queue_count++;\n",
        "    receive->queue_count++;\n"
        "    say_ack(s, s->peer_start, receive->received, NULL, 0);\n",
        r"\[I-1\]|\[I-6\]|not quiet|ended by"),
    "the-time-is-not-asked-anew": (
        "node/link_work.c", "        if (l->took_back) {",
        "        if (l->took_back && l->closed) {", r"ended by|not quiet|\[I-12\] the log"),
    "who-was-ended-counts-on": (
        "store/standing.c",
        "    return is_said(o, KIND_REVOCATION, when, h) ||\n"
        "           stand_by_certificate(o, when, h) == STAND_CUT_OFF;",
        "    return stand_by_certificate(o, when, h) == STAND_CUT_OFF;",
        r"\[I-2\]|\[I-6\]"),
    "what-was-shown-stays": (
        "store/late.c", "rc = standing_turned(s, &h) ? append",
        "rc = standing_turned(s, &h) && h.seq == 0 ? append",
        r"\[I-(2|6|10|11)\]"),
    "of-two-doses-the-larger-shows": (
        "store/memory.c", "order = memory_compare_values(&y, &x);",
        "order = memory_compare_values(&x, &y);", r"\[I-2\]"),
    "what-a-write-covers-is-not-listened-to": (
        "store/memory.c", "        if (!vector_covers(&m->covered, &entry)) {",
        "        if (vector_covers(&m->covered, &entry)) {",
        r"\[I-2\]|\[I-11\]"),
    "two-that-disagree-are-no-review": (
        "store/memory.c",
        "    for (size_t i = 1; i < m->head_count; i++) {\n"
        "        if (!slice_equal(slice_of(&m->heads[0].value),",
        "    for (size_t i = 2; i < m->head_count; i++) {\n"
        "        if (!slice_equal(slice_of(&m->heads[0].value),",
        r"\[I-11\] a review that there is"),
    "of-disagreeing-values-one-is-not-kept": (
        "store/review.c", "    for (size_t i = 0; i < m->head_count; i++) {",
        "    for (size_t i = 1; i < m->head_count; i++) {",
        r"\[I-11\] a value that nobody settled"),
    "who-settles-covers-only-what-shows": (
        "store/draft_say.c", "d->settles[at] ? NULL : memory_shown",
        "d->settles[at] ? memory_shown(s->memory, lead) : memory_shown",
        r"\[I-11\] what a person settled"),
    "who-writes-covers-nothing": (
        "store/draft_say.c", "return put_context(d, lead, past, count);",
        "return put_context(d, lead, past, d->settles[at] ? count : 0);",
        r"\[I-11\] a review of what one site wrote"),
    "what-was-taken-away-stays": (
        "store/memory.c",
        "        if (!vector_covers(&e->removed, &e->adds.entries[i])) {",
        "        if (kept < e->adds.count) {", r"\[I-2\]"),
    "of-what-is-added-one-is-forgotten": (
        "store/memory.c",
        "    for (size_t i = 0; i < elements->added_count; i++) {",
        "    for (size_t i = 1; i < elements->added_count; i++) {", r"\[I-2\]"),
    "what-was-taken-away-never-comes-back": (
        "store/memory.c",
        "    return !vector_covers(&e->removed, name) &&",
        "    return e->removed.count == 0 &&", r"\[I-2\]|\[I-10\]"),
    "of-a-group-only-the-first-shows": (
        "store/merge.c", "        if (column_lead(c) != lead) {",
        "        if (c != lead) {", r"\[I-2\]|\[I-10\]"),
    "of-a-group-only-the-first-disagrees": (
        "store/merge.c",
        "    for (size_t i = 0; lead->group != NULL && i < m->leaf->cell_count; i++) {",
        "    for (size_t i = 0; lead->group == NULL && i < m->leaf->cell_count; i++) {",
        r"\[I-11\]|\[I-2\]"),
    "one-bad-list-stops-the-rest": (
        "store/draft_say.c", "    if (rc == ERR_INPUT) {\n",
        "    if (rc == ERR_INPUT && d->r == NULL) {\n",
        r"\[I-6\]|not quiet|ended:|does not start"),
    "one-column-names-a-row": (
        "store/sql.c", 'i == 0 ? "WHERE" : "AND"', 'i == 0 ? "WHERE" : "OR"',
        r"\[I-\d+\]|ended"),
    "what-is-sent-counts-as-acknowledged": (
        "protocol/session_send.c", "as.acked.position = send->acked;",
        "as.acked.position = send->sent;", r"\[I-1\] .* acknowledged"),
    "the-log-is-never-emptied": (
        "store/database.c",
        "info.st_size >= (off_t)CHECKPOINT_FRAMES * WAL_FRAME_BYTES;",
        "info.st_size < 0;", r"\[I-12\]"),
    "what-a-scrub-used-stays": (
        "store/scrub.c", "    database_close(&s.scratch);\n", "",
        r"\[I-12\] each machine"),
    "nothing-is-given-back": (
        "store/walk.c", "(back && d->position > w->to->return_until)",
        "back", r"\[I-1\] \[I-13\]|\[I-6\]"),
    "of-two-takers-who-is-heard-first-owns": (
        "store/merge.c", "        return MERGE_REFOLD;\n    }\n    if (order == 0 ||",
        "        return refuse_site(m, held);\n    }\n    if (order == 0 ||",
        r"\[I-2\]|\[I-10\]|\[I-6\] what a program"),
    "two-that-took-a-row-are-no-review": (
        "store/merge.c", "    if (!held->contested) {", "    if (held->contested) {",
        r"\[I-11\] a review that there is"),
    "who-owned-a-row-once-owns-it": (
        "store/merge.c", "return m->leaf->owner.epoch > held->epoch;",
        "return order > 0;", r"\[I-2\]"),
    "nobody-is-asked-whether-he-owns-it": (
        "store/merge.c",
        "    return slice_is_text(claim->site, owner->site) ? MERGE_WON\n"
        "                                                   : refuse_site(m, owner);",
        "    return MERGE_WON;", r"\[I-2\]|\[I-6\] a change counts"),
    "who-lost-a-row-is-not-told": (
        "store/merge.c", "    return refuse_site(m, held);\n}",
        "    return MERGE_SUPERSEDED;\n}", r"\[I-6\] a change counts"),
    "an-offer-is-for-anybody": (
        "store/sql.c", "    put(out, \"    WHEN OLD.\\\"%w\\\" IS NOT %Q\", t->owner_column->name,\n"
        "        site->site_id);\n    if (t->epoch_column != NULL) {",
        "    put(out, \"    WHEN OLD.\\\"%w\\\" IS NULL AND %Q\", t->owner_column->name,\n"
        "        site->site_id);\n    if (t->epoch_column != NULL) {",
        "no guard of .* refused"),
    "who-was-offered-a-row-may-not-take-it": (
        "store/sql.c", 'put(out, " AND NOT ");', 'put(out, " OR NOT ");',
        "refused what the site may write"),
    "an-epoch-that-is-left-out-is-said": (
        "store/draft.c", "    if (ours && differs(d, held, at)) {",
        "    if (!ours && differs(d, held, at)) {",
        r"\[I-6\] what a program was told"),
    "who-owned-a-row-once-ends-it": (
        "store/merge.c",
        "if (last != NULL && leaf->owner.epoch < m->state->owner_count) {",
        "if (last != NULL && leaf->owner.epoch > m->state->owner_count) {",
        r"\[I-2\]|\[I-6\] a change"),
    "a-late-taker-finds-the-row-gone": (
        "store/merge.c", "unmakes(&m) && leaf->cl < state->cl ? MERGE_REFOLD",
        "unmakes(&m) && leaf->cl > state->cl ? MERGE_REFOLD",
        r"\[I-2\]|\[I-10\]|\[I-6\]"),
    "the-life-before-is-forgotten": (
        "store/state.c",
        "    if (s->cl > 0) {\n        change_scopes(s, scope, before);",
        "    if (s->cl == 0) {\n        change_scopes(s, scope, before);",
        r"\[I-2\]|\[I-10\]"),
    "a-row-that-is-replaced-was-deleted": (
        "store/draft.c", "        return draft_replaced(d, row, e);",
        "        return d->state.owner_count == 0 ? draft_replaced(d, row, e)\n"
        "                                         : draft_delete(d, row, e);",
        r"\[I-8\]"),
    "what-a-life-said-is-said-in-the-next": (
        "store/state.c", "    clear_life(s);\n    s->cl = cl;",
        "    s->owner_count = 0;\n    s->cl = cl;",
        r"\[I-2\]|\[I-10\]|\[I-11\]|ended by"),
}


def failures(copy):
    """What seeds that fail say, each once; what runs beside them may say it first."""
    said = set()
    first = 1
    while first <= SEEDS:
        done = run(copy.tests / "sim", "--first", str(first),
                   "--seeds", str(SEEDS - first + 1), "--jobs",
                   str(os.cpu_count()), "--no-shrink", "--one-failure")
        failed = re.findall(r"^(seed (\d+) failed: .*)$", done.stdout, re.MULTILINE)
        if not failed:
            return
        yield from (says for says, _ in failed if says not in said)
        said.update(says for says, _ in failed)
        first = min(int(seed) for _, seed in failed) + 1


def is_found(copy, name):
    file, text, other, expected = BREAKS[name]
    sound = (copy.root / file).read_text()
    if sound.count(text) != 1:
        print(f"{name}: {file} has the text to break {sound.count(text)} times;"
              f" name one place", flush=True)
        return False
    with copy.with_text(file, sound.replace(text, other)):
        if not copy.build("sim"):
            print(f"{name}: it does not build", flush=True)
            return False
        others = []
        for failure in failures(copy):
            if re.search(expected, failure):
                print(f"{name}: found, {failure}" +
                      (f" ({len(others)} before it fail otherwise)"
                       if others else ""), flush=True)
                return True
            others.append(failure)
    print(f"{name}: found as something else, {others[0]}" if others else
          f"{name}: NOT FOUND in {SEEDS} seeds", flush=True)
    return False


def main():
    names = sys.argv[1:] or list(BREAKS)
    copy = Copy("breaks")
    missed = [name for name in names if not is_found(copy, name)]
    print(f"{len(names) - len(missed)} of {len(names)} breaks found")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
