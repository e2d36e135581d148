/* SPDX-License-Identifier: Apache-2.0 */
#include "store/gaps.h"

#include <stdlib.h>
#include <string.h>

#include "store/parts.h"

/* Is a leaf left out that is due here? Those of scope `all` always are, and stand
 * first. */
static bool hides(const struct changeset *cs, bool all_due)
{
    bool hidden = false;
    for (size_t i = 0; i < cs->header.leaf_count; i++) {
        const struct slot *slot = &cs->slots[i];
        if (slot->form == SLOT_WITHHELD) {
            hidden = true;
        } else if (hidden && slot_is_of_all(slot)) {
            return true;
        }
    }
    return hidden && all_due;
}

int gaps_check_shown(const struct changeset *cs, bool all_due, struct err *e)
{
    for (size_t i = 0; i < cs->header.leaf_count; i++) {
        if (cs->slots[i].form == SLOT_SEALED) {
            return err_set(e, ERR_CLASS,
                           "a leaf of it is sealed, and this version cannot "
                           "open it");
        }
    }
    return hides(cs, all_due)
               ? err_set(e, ERR_CHAIN,
                         "leaves of it are left out; something on the "
                         "way lost or hides them")
               : 0;
}

int gaps_check_chain(struct database *journal, const struct origin *o,
                     const struct changeset_header *h, struct err *e)
{
    struct held before = {.hlc = 0};
    int rc = 1;
    if (h->seq > 1) {
        rc = journal_held(journal, o->no, h->seq - 1, h->prev_incarnation,
                          &before, e);
    }
    if (rc == 0 && h->seq > o->head_seq + 1) {
        return err_set(e, ERR_CHAIN,
                       "number %llu is missing before it; something on the "
                       "way lost or hides it",
                       (unsigned long long)o->head_seq + 1);
    }
    if (rc == 0 || (rc == 1 && !hash_equal(&h->prev, &before.hash))) {
        return err_set(e, ERR_CHAIN, "it does not continue what is held");
    }
    if (rc == 1 && h->hlc <= before.hlc) {
        return err_set(e, ERR_CHAIN, "its stamp is not above the one before");
    }
    return rc < 0 ? rc : 0;
}

/* Does the question find anything of this number? 1, 0, or an error. */
static int is_there(struct database *journal, const char *sql,
                    const struct origin *o, uint64_t seq, struct err *e)
{
    sqlite3_stmt *stmt;
    int rc = database_statement(journal, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, o->no);
    sqlite3_bind_int64(stmt, 2, (int64_t)seq);
    rc = database_step(journal, stmt, e);
    (void)sqlite3_reset(stmt);
    return rc;
}

/* Any changeset of a number. */
static const char number_sql[] = "SELECT 1 FROM sync_changeset"
                                 " WHERE origin_no = ?1 AND seq = ?2 LIMIT 1";
/* One that is held whole. */
static const char whole_sql[] =
    "SELECT 1 FROM sync_changeset WHERE origin_no = ?1 AND seq = ?2"
    " AND held = leaf_count LIMIT 1";
/* A delivery with leaves for all. */
static const char all_sql[] = "SELECT 1 FROM sync_delivery WHERE origin_no = ?1"
                              " AND seq = ?2 AND reach & 1 LIMIT 1";

/* Where of the changesets of a number only parts are held: did leaves of this
 * (scope, class) come with them? Of one that is held whole there is no doubt; a
 * root that was put back from a copy has several of a number. */
static int is_part_held(struct database *journal, const struct origin *o,
                        const struct leaf *leaf, struct err *e)
{
    static const char sql[] =
        "SELECT scopes FROM sync_delivery"
        " WHERE origin_no = ?1 AND seq = ?2 AND reach & 8";
    uint8_t mark[JOURNAL_MARK_BYTES];
    sqlite3_stmt *stmt;
    int rc = is_there(journal, whole_sql, o, leaf->prior, e);
    if (rc != 0) {
        return rc;
    }
    rc = database_statement(journal, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    journal_mark(leaf->scope_bytes, leaf->class_id, mark);
    sqlite3_bind_int64(stmt, 1, o->no);
    sqlite3_bind_int64(stmt, 2, (int64_t)leaf->prior);
    bool parts = false;
    bool found = false;
    while (!found && (rc = database_step(journal, stmt, e)) == 1) {
        const struct value marks = database_column(stmt, 0);
        parts = true;
        for (size_t i = 0; i < marks.bytes.len; i += JOURNAL_MARK_BYTES) {
            found = found ||
                    memcmp(marks.bytes.data + i, mark, JOURNAL_MARK_BYTES) == 0;
        }
    }
    (void)sqlite3_reset(stmt);
    return rc < 0 ? rc : found || !parts;
}

int gaps_check_root_prior(struct database *journal, const struct origin *o,
                          const struct changeset *cs, struct err *e)
{
    struct leaf *leaf = malloc(sizeof *leaf);
    struct slice last = {0}; /* leaves of one scope and class stand together */
    uint16_t last_class = 0;
    int rc = 1;
    if (leaf == NULL) {
        abort();
    }
    for (size_t i = 0; rc == 1 && i < cs->header.leaf_count; i++) {
        const struct slot *slot = &cs->slots[i];
        if (slot->form == SLOT_WITHHELD ||
            leaf_decode_head(slot->head, leaf, NULL) != 0 ||
            (leaf->class_id == last_class &&
             slice_equal(leaf->scope_bytes, last))) {
            continue;
        }
        last = leaf->scope_bytes;
        last_class = leaf->class_id;
        rc = leaf->prior == 0 ? 1 : is_part_held(journal, o, leaf, e);
    }
    if (rc == 0) {
        rc = err_set(e, ERR_CHAIN,
                     "leaves of class %u are missing in number %llu before it; "
                     "something on the way hides them",
                     (unsigned)leaf->class_id, (unsigned long long)leaf->prior);
    }
    free(leaf);
    return rc < 0 ? rc : 0;
}

/* What stands before a leaf for all is held. Who holds the whole chain looks for
 * such a leaf there: others have only what is for all, and would wait for a number
 * that never comes to them. */
static int check_number(struct database *journal, const struct origin *o,
                        const struct leaf *leaf, bool whole_chain,
                        struct err *e)
{
    int rc = is_there(journal, whole_chain ? all_sql : number_sql, o,
                      leaf->prior, e);
    if (rc != 0) {
        return rc < 0 ? rc : 0;
    }
    return whole_chain
               ? err_set(e, ERR_CHAIN,
                         "it says that number %llu has leaves for all, which "
                         "it has not; what its node remembers is damaged",
                         (unsigned long long)leaf->prior)
               : err_set(e, ERR_CHAIN,
                         "number %llu with leaves for all of class %u is "
                         "missing before it; something on the way hides it",
                         (unsigned long long)leaf->prior,
                         (unsigned)leaf->class_id);
}

int gaps_check_prior(struct database *journal, const struct origin *o,
                     const struct changeset *cs, bool whole_chain,
                     struct err *e)
{
    struct leaf *leaf = malloc(sizeof *leaf);
    uint16_t last_class = 0;
    int rc = 0;
    if (leaf == NULL) {
        abort();
    }
    for (size_t i = 0; rc == 0 && i < cs->header.leaf_count; i++) {
        const struct slot *slot = &cs->slots[i];
        if (slot->form == SLOT_WITHHELD ||
            leaf_decode_head(slot->head, leaf, NULL) != 0 ||
            leaf->scope.kind != SCOPE_ALL || leaf->class_id == last_class) {
            continue;
        }
        last_class = leaf->class_id;
        rc = leaf->prior == 0 ? 0
                              : check_number(journal, o, leaf, whole_chain, e);
    }
    free(leaf);
    return rc;
}
