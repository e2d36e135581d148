/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "store/capture.h"
#include "store/parts.h"

/* Changes with every CREATE, ALTER and DROP, whoever does it. */
static int read_cookie(struct replica *r, int64_t *ret, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int rc = database_statement(r->db, "PRAGMA schema_version", &stmt, e);
    if (rc == 0) {
        rc = database_step(r->db, stmt, e);
    }
    if (rc < 0) {
        return rc;
    }
    *ret = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_reset(stmt);
    return 0;
}

/* --- what there is to tell ------------------------------------------------ */

/* Cut at the end if need be. */
static void say(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text);
}

static void note_triggers(struct shaped *s, const struct bytes *names)
{
    if (names->len > 0) {
        (void)snprintf(s->triggers, sizeof s->triggers, "%.*s", (int)names->len,
                       (const char *)names->data);
    }
}

static void note_tables(struct shaped *s, const struct manifest *m)
{
    s->broken[0] = '\0';
    s->extra[0] = '\0';
    for (size_t i = m->table_count; i-- > 0;) { /* the first one stays */
        const struct table *t = &m->tables[i];
        if (t->broken != NULL) {
            say(s->broken, sizeof s->broken, t->broken);
        }
        if (t->extra != NULL) {
            (void)snprintf(s->extra, sizeof s->extra, "%s.%s", t->name,
                           t->extra);
        }
    }
}

bool replica_shaped(struct replica *r, struct shaped *ret)
{
    bool news = r->shaped.changed;
    *ret = r->shaped;
    r->shaped.changed = false;
    r->shaped.triggers[0] = '\0';
    return news;
}

/* --- looking -------------------------------------------------------------- */

int replica_install_capture(struct replica *r, const struct manifest *m,
                            struct bytes *ret_names, struct err *e)
{
    const struct sql_site site = {
        .site_id = r->self.site,
        .root = !r->self.has_parent,
    };
    return capture_install(r->db, m, &site, ret_names, e);
}

int replica_shape(struct replica *r, struct err *e)
{
    struct manifest *m = NULL;
    struct bytes names = {0};
    int rc = manifest_load_lived_in(r->db, &m, e);
    if (rc == 0) {
        rc = replica_install_capture(r, m, &names, e);
    }
    if (rc == 0) {
        rc = read_cookie(r, &r->cookie, e);
    }
    if (rc != 0) {
        bytes_free(&names);
        manifest_destroy(&m);
        return rc;
    }
    note_triggers(&r->shaped, &names);
    note_tables(&r->shaped, m);
    r->shaped.changed = true;
    bytes_free(&names);
    manifest_destroy(&r->manifest);
    r->manifest = m;
    return 0;
}

int replica_shape_again(struct replica *r, struct err *e)
{
    int64_t cookie = 0;
    int rc = read_cookie(r, &cookie, e);
    if (rc != 0 || cookie == r->cookie) {
        return rc;
    }
    rc = replica_shape(r, e);
    if (rc == 0) {
        /* statements and what they name go with the old manifest */
        projector_destroy(&r->merger.projector);
        r->merger.projector = projector_new(r->db);
        r->merger.manifest = r->manifest;
    }
    return rc;
}

int replica_altered(struct replica *r, bool *ret, struct err *e)
{
    int64_t cookie = 0;
    int rc = read_cookie(r, &cookie, e);
    *ret = rc == 0 && cookie != r->cookie;
    return rc;
}
