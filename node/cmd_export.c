/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli.h"

#include "node/clock.h"
#include "node/csv.h"
#include "node/fhir.h"
#include "node/home.h"
#include "node/outfile.h"
#include "node/row.h"
#include "store/database.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A table, or a view, as a register: what `import` takes again, or an array of
 * objects; or the rows that have a place there as FHIR resources. All of one
 * moment. */
struct request {
    const char *table; /* or a type of resources; NULL: all of these */
    const char *out;   /* NULL: standard output */
    bool json;
    bool fhir;
    struct database *db;
    FILE *file;
    uint64_t rows;
};

/* Only names that the schema has get into a statement. */
static int find_columns(struct request *r, sqlite3_stmt **ret, struct err *e)
{
    static const char known[] =
        "SELECT format('SELECT * FROM \"%w\" ORDER BY 1', name)"
        " FROM sqlite_schema WHERE name = ?1 AND type IN ('table', 'view')"
        " AND name NOT GLOB 'sync_*' AND name NOT GLOB 'sqlite_*'";
    const struct value table = value_text(r->table);
    char select[200];
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, known, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind_at(stmt, 1, &table);
    rc = database_step(r->db, stmt, e);
    if (rc == 0) {
        return err_set(e, ERR_INPUT,
                       "there is no table or view '%s' for people here; "
                       "docs/domain.md lists them",
                       r->table);
    }
    if (rc == 1) {
        (void)snprintf(select, sizeof select, "%s",
                       (const char *)sqlite3_column_text(stmt, 0));
        (void)sqlite3_reset(stmt);
        rc = database_statement(r->db, select, ret, e);
    }
    return rc;
}

/* --- CSV ------------------------------------------------------------------ */

static int write_csv(struct request *r, sqlite3_stmt *stmt, struct err *e)
{
    int columns = sqlite3_column_count(stmt);
    char real[ROW_REAL_BYTES];
    int rc;
    for (int at = 0; at < columns; at++) {
        csv_put(r->file, sqlite3_column_name(stmt, at), at + 1 == columns);
    }
    while ((rc = database_step(r->db, stmt, e)) == 1) {
        for (int at = 0; at < columns; at++) {
            csv_put(r->file, row_exact(stmt, at, real), at + 1 == columns);
        }
        r->rows++;
    }
    return rc;
}

/* --- JSON ----------------------------------------------------------------- */

static void write_object(struct request *r, sqlite3_stmt *stmt)
{
    cJSON *object = row_json(stmt);
    char *text = cJSON_PrintUnformatted(object);
    if (text == NULL) {
        abort();
    }
    (void)fprintf(r->file, "%s%s", r->rows == 0 ? "" : ",\n", text);
    free(text);
    cJSON_Delete(object);
}

static int write_json(struct request *r, sqlite3_stmt *stmt, struct err *e)
{
    int rc;
    (void)fprintf(r->file, "[\n");
    while ((rc = database_step(r->db, stmt, e)) == 1) {
        write_object(r, stmt);
        r->rows++;
    }
    (void)fprintf(r->file, "\n]\n");
    return rc;
}

/* --- a table -------------------------------------------------------------- */

static int export_table(struct request *r, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int rc = find_columns(r, &stmt, e);
    if (rc == 0) {
        rc = outfile_open(r->out, &r->file, e);
    }
    if (rc != 0) {
        return rc;
    }
    rc = r->json ? write_json(r, stmt, e) : write_csv(r, stmt, e);
    rc = outfile_close(r->out, r->file, rc, e);
    if (rc == 0 && r->out != NULL) {
        printf("%s: %" PRIu64 " rows exported to %s\n", r->table, r->rows,
               r->out);
    }
    return rc;
}

/* --- FHIR ------------------------------------------------------------------ */

enum { STEP_ROWS = 1000, QUIET_MS = 1000 };

/* On a terminal, after a second; the line is wiped at the end. */
static void show_progress(const struct request *r, const char *type,
                          int64_t since_ms)
{
    if (r->rows % STEP_ROWS == 0 && isatty(STDERR_FILENO) != 0 &&
        clock_mono_ms() - since_ms >= QUIET_MS) {
        fprintf(stderr, "\r%s %" PRIu64 "%20s\r", type, r->rows, "");
        (void)fflush(stderr);
    }
}

static int export_type(struct request *r, struct fhir *fhir,
                       const struct fhir_type *type, const char *path,
                       struct err *e)
{
    int64_t since_ms = clock_mono_ms();
    int rc = outfile_open(path, &r->file, e);
    if (rc != 0) {
        return rc;
    }
    r->rows = 0;
    rc = fhir_begin(fhir, type, e);
    while (rc == 0 && ferror(r->file) == 0 &&
           (rc = fhir_next(fhir, r->file, e)) == 1) {
        r->rows++;
        show_progress(r, type->name, since_ms);
        rc = 0;
    }
    rc = outfile_close(path, r->file, rc, e);
    if (rc == 0 && path != NULL) {
        printf("%" PRIu64 " %s\n", r->rows, type->name);
    }
    return rc;
}

/* As files of a Bulk Data export, one a type. */
static int export_folder(struct request *r, struct fhir *fhir, struct err *e)
{
    char *aside = NULL;
    int rc = outfile_folder_open(r->out, &aside, e);
    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; rc == 0 && i < FHIR_TYPES; i++) {
        const char *name = fhir_types[i].name;
        size_t size = strlen(aside) + 1 + strlen(name) + sizeof ".ndjson";
        char *path = malloc(size);
        if (path == NULL) {
            abort();
        }
        (void)snprintf(path, size, "%s/%s.ndjson", aside, name);
        rc = export_type(r, fhir, &fhir_types[i], path, e);
        free(path);
    }
    rc = outfile_folder_close(r->out, &aside, rc, e);
    if (rc == 0) {
        printf("exported to %s\n", r->out);
    }
    return rc;
}

static int find_type(const char *name, const struct fhir_type **ret,
                     struct err *e)
{
    char known[ERR_TEXT_BYTES / 2] = "";
    *ret = fhir_type_of(name);
    for (size_t i = 0; i < FHIR_TYPES; i++) {
        size_t len = strlen(known);
        (void)snprintf(known + len, sizeof known - len, "%s%s",
                       i > 0 ? ", " : "", fhir_types[i].name);
    }
    return *ret != NULL ? 0
                        : err_set(e, ERR_INPUT,
                                  "'%s' is none of the resources written "
                                  "here: %s",
                                  name, known);
}

static int export_fhir(struct request *r, struct err *e)
{
    const struct fhir_type *type = NULL;
    struct fhir *fhir = NULL;
    int rc = r->table == NULL ? 0 : find_type(r->table, &type, e);
    if (rc == 0) {
        rc = fhir_open(r->db, clock_wall_ms(), &fhir, e);
    }
    if (rc == 0) {
        rc = type == NULL ? export_folder(r, fhir, e)
                          : export_type(r, fhir, type, r->out, e);
    }
    fhir_close(&fhir);
    return rc;
}

/* --- the command ---------------------------------------------------------- */

static int open_and_run(struct request *r, const struct cli *cli, struct err *e)
{
    struct home *home = NULL;
    int rc = home_open_replica(cli->home, DATABASE_READER, &home, &r->db, e);
    if (rc == 0) {
        rc = database_run(r->db, "BEGIN", e);
    }
    if (rc == 0) {
        rc = r->fhir ? export_fhir(r, e) : export_table(r, e);
    }
    database_close(&r->db);
    home_close(&home);
    return rc;
}

int cmd_export(const struct cli *cli, int argc, char **argv)
{
    struct request r = {.table = NULL};
    const struct cli_argument arguments[] = {
        {.kind = CLI_OPTIONAL,
         .name = "TABLE",
         .help = "a table, or a view; with --fhir Patient, EpisodeOfCare ...",
         .ret_value = &r.table},
        {.kind = CLI_OPTION,
         .name = "out",
         .takes = "FILE",
         .help = "a new file, for its owner alone; standard output if not "
                 "given",
         .ret_value = &r.out},
        {.kind = CLI_FLAG,
         .name = "json",
         .help = "an array of objects instead of CSV",
         .ret_flag = &r.json},
        {.kind = CLI_FLAG,
         .name = "fhir",
         .help = "HL7 FHIR R4, a resource a line; without TABLE all of them, "
                 "--out is a new folder",
         .ret_flag = &r.fhir},
    };
    struct err e = {0};
    int code = cli_arguments(cli, argc, argv, arguments,
                             sizeof arguments / sizeof arguments[0]);
    if (code != CLI_GO_ON) {
        return code;
    }
    if (r.fhir && r.json) {
        return cli_misused(cli, "--json is for tables: --fhir is JSON already");
    }
    if (r.table == NULL && !r.fhir) {
        return cli_misused(cli, "TABLE is missing");
    }
    if (r.table == NULL && r.out == NULL) {
        return cli_misused(cli, "--fhir writes a file for each kind of "
                                "resource: say where with --out FOLDER, or "
                                "name one kind");
    }
    return open_and_run(&r, cli, &e) == 0 ? CLI_DONE : cli_fail(cli, &e);
}
