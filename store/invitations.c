/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Invitations: the rows of local_invite, which any program of the group can
 * write, and what of them the node believes.
 */
#include <stdlib.h>
#include <string.h>

#include "store/parts.h"

static const int64_t day_ms = INT64_C(24) * 60 * 60 * 1000;

/* --- rows ------------------------------------------------------------------ */

/* Columns of a statement: curve_public, site_id, may_enrol, expires_ms, proof,
 * state. What is not well formed is not proved. */
static void read_invitation(const struct replica *r, sqlite3_stmt *stmt,
                            struct invitation *ret)
{
    struct value curve = database_column(stmt, 0);
    struct value site = database_column(stmt, 1);
    struct value proof = database_column(stmt, 4);
    struct value state = database_column(stmt, 5);
    *ret = (struct invitation){
        .row = {.network = r->self.network,
                .may_enrol = sqlite3_column_int(stmt, 2) != 0,
                .expires_ms = sqlite3_column_int64(stmt, 3)}};
    if (curve.bytes.len != KEY_PUBLIC_BYTES ||
        site.bytes.len > SITE_BYTES_MAX || proof.bytes.len != SIGNATURE_BYTES ||
        state.bytes.len >= sizeof ret->state) {
        return;
    }
    memcpy(ret->row.curve_public, curve.bytes.data, KEY_PUBLIC_BYTES);
    memcpy(ret->row.site, site.bytes.data, site.bytes.len);
    memcpy(ret->state, state.bytes.data, state.bytes.len);
    ret->proved =
        invite_row_verify(&ret->row, r->keys.sign_public, proof.bytes.data);
}

int invitation_find(struct replica *r, const uint8_t *curve,
                    struct invitation *ret, struct err *e)
{
    static const char sql[] =
        "SELECT curve_public, site_id, may_enrol, expires_ms, proof, state"
        " FROM local_invite WHERE curve_public = ?1";
    sqlite3_stmt *stmt;
    *ret = (struct invitation){0};
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_blob(stmt, 1, curve, KEY_PUBLIC_BYTES, SQLITE_STATIC);
    rc = database_step(r->db, stmt, e);
    if (rc != 1) {
        return rc < 0 ? rc : err_set(e, ERR_UNKNOWN, "there is no such invite");
    }
    read_invitation(r, stmt, ret);
    sqlite3_reset(stmt);
    return 0;
}

/* --- opening ------------------------------------------------------------- */

static int refuse_row(struct replica *r, int64_t rowid, struct err *e)
{
    static const char sql[] =
        "UPDATE local_invite SET state = 'refused',"
        " says = 'it is not signed with this node''s key; only who can read its"
        " keys may invite, with sangam invite' WHERE rowid = ?1";
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, rowid);
    return database_done(r->db, stmt, e);
}

/* Whoever can write the table can ask; whoever can read the keys may. */
static int refuse_unproved(struct replica *r, uint64_t *ret_count,
                           struct err *e)
{
    static const char sql[] =
        "SELECT curve_public, site_id, may_enrol, expires_ms, proof, state,"
        " rowid FROM local_invite WHERE state = 'asked'";
    struct invitation invite;
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    while ((rc = database_step(r->db, stmt, e)) == 1) {
        read_invitation(r, stmt, &invite);
        if (invite.proved) {
            continue;
        }
        (*ret_count)++;
        rc = refuse_row(r, sqlite3_column_int64(stmt, 6), e);
        if (rc != 0) {
            break;
        }
    }
    sqlite3_reset(stmt);
    return rc;
}

/* Who may be invited: a site of the register, by a node that may enrol. */
static int open_invites(struct replica *r, int64_t now_ms,
                        uint64_t *ret_unproved, struct err *e)
{
    static const char expire[] =
        "UPDATE local_invite SET state = 'expired'"
        " WHERE state IN ('asked', 'open') AND expires_ms <= ?1";
    static const char refuse[] = "UPDATE local_invite SET state = 'refused',"
                                 " says = 'this node may not enrol others'"
                                 " WHERE state = 'asked' AND ?1 = 0";
    static const char unknown[] =
        "UPDATE local_invite SET state = 'refused',"
        " says = 'there is no such site in ref_site'"
        " WHERE state = 'asked'"
        " AND NOT EXISTS(SELECT 1 FROM ref_site"
        "  WHERE ref_site.site_id = local_invite.site_id)";
    static const char open[] =
        "UPDATE local_invite SET state = 'open' WHERE state = 'asked'";
    const struct certificate *own = registry_in_force(
        r->merger.registry, &r->self.node, r->self.certificate);
    const struct step {
        const char *sql;
        int64_t number;
    } steps[] = {
        {expire, now_ms}, {refuse, own->may_enrol}, {unknown, 0}, {open, 0}};
    int rc = refuse_unproved(r, ret_unproved, e);
    for (size_t i = 0; rc == 0 && i < sizeof steps / sizeof steps[0]; i++) {
        sqlite3_stmt *stmt;
        rc = database_statement(r->db, steps[i].sql, &stmt, e);
        if (rc == 0) {
            (void)sqlite3_bind_int64(stmt, 1, steps[i].number);
            rc = database_done(r->db, stmt, e);
        }
    }
    return rc;
}

static int read_invites(struct replica *r, int64_t now_ms, struct invites *ret,
                        struct err *e)
{
    /* spent ones too: the answer may have been lost on the way; and those
     * that are past, for a while, because a door that stays shut says nothing.
     * What opens is asked first, should there be too many. */
    static const char sql[] =
        "SELECT curve_public FROM local_invite"
        " WHERE state IN ('open', 'spent', 'expired') AND expires_ms > ?1"
        " ORDER BY state = 'open' DESC, expires_ms DESC";
    uint8_t(*keys)[KEY_PUBLIC_BYTES] = NULL;
    size_t count = 0;
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, now_ms - INVITE_GRACE_DAYS * day_ms);
    while ((rc = database_step(r->db, stmt, e)) == 1) {
        struct value key = database_column(stmt, 0);
        if (key.bytes.len != KEY_PUBLIC_BYTES || count >= NODES_MAX) {
            continue;
        }
        keys = realloc(keys, (count + 1) * sizeof *keys);
        if (keys == NULL) {
            abort();
        }
        memcpy(keys[count++], key.bytes.data, KEY_PUBLIC_BYTES);
    }
    if (rc < 0) {
        free(keys);
        return rc;
    }
    ret->keys = keys;
    ret->count = count;
    return 0;
}

static int any_asked(struct replica *r, int64_t now_ms, bool *ret,
                     struct err *e)
{
    static const char sql[] =
        "SELECT 1 FROM local_invite WHERE state = 'asked'"
        " OR (state = 'open' AND expires_ms <= ?1) LIMIT 1";
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, now_ms);
    rc = database_step(r->db, stmt, e);
    *ret = rc == 1;
    sqlite3_reset(stmt);
    return rc < 0 ? rc : 0;
}

int replica_invites(struct replica *r, int64_t now_ms, struct invites *ret,
                    struct err *e)
{
    bool asked = false;
    *ret = (struct invites){0};
    int rc = any_asked(r, now_ms, &asked, e);
    if (rc == 0 && asked) {
        rc = replica_begin(r, e);
        if (rc == 0) {
            rc = open_invites(r, now_ms, &ret->unproved, e);
            rc = replica_end(r, rc, e);
        }
    }
    return rc == 0 ? read_invites(r, now_ms, ret, e) : rc;
}
