/* SPDX-License-Identifier: Apache-2.0 */
#include "node/fhir.h"

#include "node/fhir_part.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

struct fhir {
    struct database *db; /* borrowed */
    struct fhir_parts parts;
    const struct fhir_type *type;
    sqlite3_stmt *stmt;
};

static int read_self(struct fhir *f, int64_t now_ms, struct err *e)
{
    sqlite3_stmt *stmt;
    int rc = database_statement(
        f->db, "SELECT network, time_zone FROM sync_self", &stmt, e);
    if (rc != 0) {
        return rc;
    }
    rc = database_step(f->db, stmt, e);
    if (rc != 1) {
        return rc < 0 ? rc
                      : err_set(e, ERR_CORRUPT,
                                "sync_self is empty: this replica does not say "
                                "of which network it is");
    }
    if (sqlite3_column_bytes(stmt, 0) != HASH_BYTES) {
        rc = err_set(e, ERR_CORRUPT, "sync_self.network is no hash");
    } else {
        memcpy(f->parts.network.bytes, sqlite3_column_blob(stmt, 0),
               HASH_BYTES);
        rc = zone_load((const char *)sqlite3_column_text(stmt, 1), now_ms,
                       &f->parts.zone, e);
    }
    (void)sqlite3_reset(stmt);
    return rc;
}

int fhir_open(struct database *db, int64_t now_ms, struct fhir **ret,
              struct err *e)
{
    struct fhir *f = calloc(1, sizeof *f);
    if (f == NULL) {
        abort();
    }
    f->db = db;
    int rc = read_self(f, now_ms, e);
    if (rc == 0) {
        rc = fhir_part_install(db, &f->parts, e);
    }
    if (rc != 0) {
        fhir_close(&f);
        return rc;
    }
    *ret = f;
    return 0;
}

void fhir_close(struct fhir **f)
{
    if (*f != NULL) {
        zone_clear(&(*f)->parts.zone);
        free(*f);
        *f = NULL;
    }
}

int fhir_begin(struct fhir *f, const struct fhir_type *type, struct err *e)
{
    f->type = type;
    return database_statement(f->db, type->sql, &f->stmt, e);
}

/* 1, or ERR_CORRUPT: a text that is none in a row, which nobody could read. */
static int write_line(const char *text, FILE *out, struct err *e)
{
    cJSON *resource = cJSON_Parse(text);
    if (resource == NULL || fhir_part_prune(resource)) {
        cJSON_Delete(resource);
        return err_set(e, ERR_CORRUPT,
                       "a row cannot be written as JSON: "
                       "%.80s...",
                       text);
    }
    char *line = cJSON_PrintUnformatted(resource);
    if (line == NULL) {
        abort();
    }
    (void)fprintf(out, "%s\n", line);
    cJSON_free(line);
    cJSON_Delete(resource);
    return 1;
}

int fhir_next(struct fhir *f, FILE *out, struct err *e)
{
    int rc = database_step(f->db, f->stmt, e);
    if (rc == 1) {
        rc = write_line((const char *)sqlite3_column_text(f->stmt, 0), out, e);
    }
    return rc < 0 ? err_wrap(e, "%s", f->type->name) : rc;
}
