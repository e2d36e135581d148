/* SPDX-License-Identifier: Apache-2.0 */
#include "node/invitation.h"

#include "node/file.h"

#include <sodium.h>
#include <string.h>
#include <unistd.h>

enum { INVITE_FILE_MODE = 0600 };

/* --- facts --------------------------------------------------------------- */

static bool take_bytes(sqlite3_stmt *stmt, int column, uint8_t *out,
                       size_t bytes)
{
    struct value v = database_column(stmt, column);
    if (v.type != VALUE_BLOB || v.bytes.len != bytes) {
        return false;
    }
    memcpy(out, v.bytes.data, bytes);
    return true;
}

static int read_self(struct database *db, struct invitation_facts *ret,
                     struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int rc =
        database_statement(db,
                           "SELECT s.network, c.curve_public"
                           " FROM sync_self s JOIN sync_certificate c"
                           " ON hex(c.serial) = printf('%016X', s.certificate)",
                           &stmt, e);
    if (rc == 0) {
        rc = database_step(db, stmt, e);
    }
    if (rc < 0) {
        return rc;
    }
    bool good = rc == 1 &&
                take_bytes(stmt, 0, ret->network.bytes, HASH_BYTES) &&
                take_bytes(stmt, 1, ret->curve, KEY_PUBLIC_BYTES);
    (void)sqlite3_reset(stmt);
    return good ? 0
                : err_set(e, ERR_CORRUPT,
                          "the certificate of this node is not in the replica; "
                          "run 'sangam rebuild'");
}

static int read_site(struct database *db, const char *site,
                     struct invitation_facts *ret, struct err *e)
{
    struct value name = value_text(site);
    sqlite3_stmt *stmt = NULL;
    int rc = database_statement(db,
                                "SELECT kind = 'district_hub'"
                                " FROM ref_site WHERE site_id = :site",
                                &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind(stmt, ":site", &name);
    rc = database_step(db, stmt, e);
    if (rc < 0) {
        return rc;
    }
    if (rc == 0) {
        return err_set(e, ERR_INPUT,
                       "no site '%s' in ref_site here; headquarters imports "
                       "it, and other nodes get it when they are in step",
                       site);
    }
    ret->is_hub = database_column(stmt, 0).integer != 0;
    (void)sqlite3_reset(stmt);
    return 0;
}

int invitation_facts(struct database *db, const char *site,
                     struct invitation_facts *ret, struct err *e)
{
    int rc = read_site(db, site, ret, e);
    return rc == 0 ? read_self(db, ret, e) : rc;
}

/* --- asking -------------------------------------------------------------- */

static int insert(struct database *db, const struct invite *invite,
                  bool may_enrol, const struct keys *keys, struct err *e)
{
    uint8_t signature[SIGNATURE_BYTES];
    struct invite_row row = {
        .network = invite->network,
        .may_enrol = may_enrol,
        .expires_ms = invite->expires_ms,
    };
    memcpy(row.curve_public, invite->curve_public, KEY_PUBLIC_BYTES);
    memcpy(row.site, invite->site, sizeof row.site);
    invite_row_sign(&row, keys, signature);
    struct value proof = value_blob(signature, SIGNATURE_BYTES);
    struct value site = value_text(invite->site);
    struct value key = value_blob(invite->curve_public, KEY_PUBLIC_BYTES);
    struct value enrols = value_integer(may_enrol);
    struct value expires = value_integer(invite->expires_ms);
    sqlite3_stmt *stmt = NULL;
    int rc = database_statement(
        db,
        "INSERT INTO local_invite"
        " (invite_id, site_id, curve_public, may_enrol, expires_ms, proof)"
        " VALUES (lower(hex(:key)), :site, :key, :may_enrol, :expires_ms,"
        "  :proof)",
        &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind(stmt, ":key", &key);
    database_bind(stmt, ":site", &site);
    database_bind(stmt, ":may_enrol", &enrols);
    database_bind(stmt, ":expires_ms", &expires);
    database_bind(stmt, ":proof", &proof);
    return database_done(db, stmt, e);
}

static int write_file(const struct invite *invite, const char *file,
                      struct err *e)
{
    struct bytes text = {0};
    invite_print(invite, &text);
    int rc = file_write_new(file, slice_of(&text), INVITE_FILE_MODE, e);
    sodium_memzero(text.data, text.cap);
    bytes_free(&text);
    return rc;
}

int invitation_ask(struct database *db, const struct invite *invite,
                   bool may_enrol, const struct keys *keys, const char *file,
                   struct err *e)
{
    bool written = false;
    int rc = database_begin(db, e);
    if (rc != 0) {
        return rc;
    }
    rc = insert(db, invite, may_enrol, keys, e);
    if (rc == 0) {
        rc = write_file(invite, file, e);
        written = rc == 0;
    }
    if (rc == 0) {
        rc = database_commit(db, e);
    }
    if (rc != 0) {
        database_rollback(db);
        if (written) {
            (void)unlink(file);
        }
    }
    return rc;
}

/* --- waiting ------------------------------------------------------------- */

static bool is_text(const struct value *v, const char *text)
{
    return v->type == VALUE_TEXT && v->bytes.len == strlen(text) &&
           memcmp(v->bytes.data, text, v->bytes.len) == 0;
}

int invitation_state(struct database *db, const struct invite *invite,
                     enum invitation_state *ret, struct err *e)
{
    struct value key = value_blob(invite->curve_public, KEY_PUBLIC_BYTES);
    sqlite3_stmt *stmt = NULL;
    int rc = database_statement(db,
                                "SELECT state, coalesce(says, state)"
                                " FROM local_invite"
                                " WHERE invite_id = lower(hex(:key))",
                                &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind(stmt, ":key", &key);
    rc = database_step(db, stmt, e);
    if (rc < 0) {
        return rc;
    }
    if (rc == 0) {
        return err_set(e, ERR_CORRUPT, "the invite is gone from the replica");
    }
    struct value state = database_column(stmt, 0);
    struct value says = database_column(stmt, 1);
    if (is_text(&state, "asked")) {
        *ret = INVITATION_ASKED;
    } else if (is_text(&state, "open") || is_text(&state, "spent")) {
        *ret = INVITATION_OPEN;
    } else {
        *ret = INVITATION_REFUSED;
        (void)err_set(e, ERR_FORBIDDEN, "the invite was refused: %.*s",
                      (int)says.bytes.len, (const char *)says.bytes.data);
    }
    (void)sqlite3_reset(stmt);
    return 0;
}
