/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli.h"

#include "node/csv.h"
#include "node/home.h"
#include "store/database.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A table, or a view, as a register: what `import` takes again, or an array of
 * objects. All of one moment. */
struct request {
    const char *table;
    const char *out; /* NULL: standard output */
    bool json;
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

/* The shortest digits that are read as the same number again. */
static const char *real_text(double number, char out[40])
{
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(out, 40, "%.*g", digits, number);
        if (strtod(out, NULL) == number) {
            break;
        }
    }
    return out;
}

static const char *cell_text(sqlite3_stmt *stmt, int at, char real[40])
{
    if (sqlite3_column_type(stmt, at) == SQLITE_FLOAT) {
        return real_text(sqlite3_column_double(stmt, at), real);
    }
    const char *text = (const char *)sqlite3_column_text(stmt, at);
    return text == NULL ? "" : text;
}

/* --- CSV ------------------------------------------------------------------ */

static int write_csv(struct request *r, sqlite3_stmt *stmt, struct err *e)
{
    int columns = sqlite3_column_count(stmt);
    char real[40];
    int rc;
    for (int at = 0; at < columns; at++) {
        csv_put(r->file, sqlite3_column_name(stmt, at), at + 1 == columns);
    }
    while ((rc = database_step(r->db, stmt, e)) == 1) {
        for (int at = 0; at < columns; at++) {
            csv_put(r->file, cell_text(stmt, at, real), at + 1 == columns);
        }
        r->rows++;
    }
    return rc;
}

/* --- JSON ----------------------------------------------------------------- */

static cJSON *json_cell(sqlite3_stmt *stmt, int at)
{
    char text[40];
    switch (sqlite3_column_type(stmt, at)) {
    case SQLITE_NULL:
        return cJSON_CreateNull();
    case SQLITE_INTEGER:
        (void)snprintf(text, sizeof text, "%" PRId64,
                       (int64_t)sqlite3_column_int64(stmt, at));
        return cJSON_CreateRaw(text); /* cJSON has doubles only */
    case SQLITE_FLOAT:
        return cJSON_CreateRaw(
            real_text(sqlite3_column_double(stmt, at), text));
    default:
        return cJSON_CreateString((const char *)sqlite3_column_text(stmt, at));
    }
}

static void write_object(struct request *r, sqlite3_stmt *stmt)
{
    cJSON *object = cJSON_CreateObject();
    for (int at = 0; at < sqlite3_column_count(stmt); at++) {
        (void)cJSON_AddItemToObject(object, sqlite3_column_name(stmt, at),
                                    json_cell(stmt, at));
    }
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

/* --- the file ------------------------------------------------------------- */

static int refuse_file(const char *path, struct err *e)
{
    return err_set(e, errno == EEXIST ? ERR_INPUT : ERR_IO, "%s: %s%s", path,
                   strerror(errno),
                   errno == EEXIST ? "; name another, or remove it" : "");
}

/* It holds what people told in confidence: for its owner alone. Never over
 * another. */
static int open_file(struct request *r, struct err *e)
{
    r->file = stdout;
    if (r->out != NULL) {
        r->file = fopen(r->out, "wxe");
        if (r->file != NULL) {
            (void)fchmod(fileno(r->file), 0600);
        }
    }
    return r->file == NULL ? refuse_file(r->out, e) : 0;
}

/* Half a register is none. */
static int close_file(struct request *r, int rc, struct err *e)
{
    struct err why = {0};
    bool failed = ferror(r->file) != 0;
    failed =
        (r->out == NULL ? fflush(r->file) : fclose(r->file)) != 0 || failed;
    if (failed && rc == 0) {
        rc = refuse_file(r->out == NULL ? "standard output" : r->out, &why);
        (void)err_set(e, why.code, "%s", why.text);
    }
    if (rc != 0 && r->out != NULL) {
        (void)unlink(r->out);
    }
    return rc;
}

static int export_table(struct request *r, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int rc = find_columns(r, &stmt, e);
    if (rc == 0) {
        rc = open_file(r, e);
    }
    if (rc != 0) {
        return rc;
    }
    rc = r->json ? write_json(r, stmt, e) : write_csv(r, stmt, e);
    rc = close_file(r, rc, e);
    if (rc == 0 && r->out != NULL) {
        printf("%s: %" PRIu64 " rows exported to %s\n", r->table, r->rows,
               r->out);
    }
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
        rc = export_table(r, e);
    }
    database_close(&r->db);
    home_close(&home);
    return rc;
}

int cmd_export(const struct cli *cli, int argc, char **argv)
{
    struct request r = {.table = NULL};
    const struct cli_argument arguments[] = {
        {.kind = CLI_OPERAND,
         .name = "TABLE",
         .help = "a table, or a view",
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
    };
    struct err e = {0};
    int code = cli_arguments(cli, argc, argv, arguments,
                             sizeof arguments / sizeof arguments[0]);
    if (code != CLI_GO_ON) {
        return code;
    }
    return open_and_run(&r, cli, &e) == 0 ? CLI_DONE : cli_fail(cli, &e);
}
