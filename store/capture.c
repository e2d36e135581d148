/* SPDX-License-Identifier: Apache-2.0 */
#include "store/capture.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "store/parked.h"
#include "store/rows.h"
#include "store/state.h"

enum {
    /* Values a list holds: DRAIN_ROWS_MAX rows of 64 KiB would be 1 GiB. One
     * row more than this is always read. */
    CAPTURE_BYTES_MAX = 8 * 1024 * 1024,
    BLOCK_BYTES = 64 * 1024,
    /* A row that is put back is folded from the journal: 80 ms where 100,000
     * changes share its scope. So few of them share a transaction, each for as
     * many rows as else would. */
    PUT_BACKS_MAX = 8,
    PUT_BACK_ROWS = DRAIN_ROWS_MAX / PUT_BACKS_MAX,
};

/* Values are copied into blocks that never move. */
struct block {
    struct block *next;
    size_t len;
    size_t cap;
    uint8_t data[];
};

/* A row of sync_pending that says what no trigger says. */
struct stray {
    int64_t table_id;
    int64_t what;
    int64_t at_ms;
    struct value key[KEY_COLUMNS_MAX]; /* borrowed from the list */
    struct value old;
    const char *says; /* why it is one */
};

struct capture_list {
    struct capture *items; /* owned */
    size_t count;
    struct stray *strays; /* owned */
    size_t stray_count;
    size_t stray_cap;
    struct block *blocks; /* owned; the first has room */
    size_t bytes;         /* in all blocks */
    size_t rows_max;      /* it has room for */
    size_t rows;          /* read, strays among them: */
    size_t put_backs;     /* rows to be folded among them, */
    size_t fold_count;    /* and of those CAPTURE_FOLD: */
    struct capture folds[PUT_BACKS_MAX];
    int64_t first_id;
    int64_t last_id;
    int64_t last_at_ms; /* of the last capture read */
    int64_t at_ms;      /* the latest */
};

/* ---- installing ----------------------------------------------------------- */

/* Each table's name and our triggers on it in the form of sql_triggers(), both
 * with their NUL. In one pass: sqlite_schema has no index, and is read as a whole
 * for each question. What stands on a view is left out. */
static int read_triggers(struct database *db, struct bytes *out, struct err *e)
{
    static const char sql[] =
        "SELECT type = 'table', tbl_name, sql FROM sqlite_schema"
        " WHERE type = 'table' AND name NOT GLOB 'sqlite_*'"
        "  OR type = 'trigger' AND name GLOB 'sync_*'"
        " ORDER BY tbl_name, type, rowid"; /* a table before its triggers */
    sqlite3_stmt *stmt = NULL;
    size_t table_at = 0; /* where its name stands */
    int code = database_statement(db, sql, &stmt, e);
    while (code == 0 && (code = database_step(db, stmt, e)) == 1) {
        const struct slice name = database_column(stmt, 1).bytes;
        const struct slice trigger = database_column(stmt, 2).bytes;
        if (sqlite3_column_int(stmt, 0) != 0) {
            bytes_put(out, "", out->len == 0 ? 0 : 1);
            table_at = out->len;
            bytes_put(out, name.data, name.len);
            bytes_put_u8(out, 0);
        } else if (out->len > 0 && strcmp((const char *)out->data + table_at,
                                          (const char *)name.data) == 0) {
            bytes_put(out, trigger.data, trigger.len);
            bytes_put(out, ";\n", 2);
        }
        code = 0;
    }
    bytes_put_u8(out, 0);
    return code;
}

static int make_drops(struct database *db, const struct value *table,
                      struct bytes *out, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int code = database_statement(
        db,
        "SELECT printf('DROP TRIGGER \"%w\";', name) FROM sqlite_schema"
        " WHERE type = 'trigger' AND tbl_name = :table"
        " AND name GLOB 'sync_*'",
        &stmt, e);
    if (code != 0) {
        return code;
    }
    database_bind(stmt, ":table", table);
    while ((code = database_step(db, stmt, e)) == 1) {
        struct value sql = database_column(stmt, 0);
        bytes_put(out, sql.bytes.data, sql.bytes.len);
    }
    return code;
}

/* Replaces our triggers on a table by `wanted`. */
static int replace_triggers(struct database *db, const struct value *table,
                            const struct bytes *wanted, struct err *e)
{
    struct bytes script = {0};
    int code = make_drops(db, table, &script, e);
    if (code == 0) {
        bytes_put(&script, wanted->data, wanted->len);
        bytes_put_u8(&script, 0);
        enum database_schema was = database_schema(db, DATABASE_SCHEMA_OPEN);
        code = database_run(db, (const char *)script.data, e);
        (void)database_schema(db, was);
    }
    bytes_free(&script);
    return code;
}

/* Can the triggers of a table name what they need to? */
static bool is_whole(const struct table *t)
{
    const struct table *offers = t->handover.offers;
    return t->broken == NULL && (offers == NULL || offers->broken == NULL);
}

static int install_table(struct database *db, const struct manifest *m,
                         const struct sql_site *site, const char *name,
                         const char *present, struct bytes *ret_names,
                         struct err *e)
{
    const struct value table = value_text(name);
    const struct table *t = manifest_table_named(m, name);
    struct bytes wanted = {0};
    int code = 0;
    if (t != NULL && !is_whole(t)) {
        return 0; /* what is there may well work; what we want would not */
    }
    if (t != NULL) {
        sql_triggers(t, site, &wanted);
    } else if (strncmp(name, "sync_", 5) == 0) {
        sql_node_guards(name, &wanted);
    }
    if (!slice_equal(value_text(present).bytes, slice_of(&wanted))) {
        code = replace_triggers(db, &table, &wanted, e);
        bytes_put(ret_names, ", ", ret_names->len == 0 ? 0 : 2);
        bytes_put(ret_names, name, strlen(name));
    }
    if (code != 0) {
        (void)err_wrap(e, "triggers of table %s", name);
    }
    bytes_free(&wanted);
    return code;
}

int capture_install(struct database *db, const struct manifest *m,
                    const struct sql_site *site, struct bytes *ret_names,
                    struct err *e)
{
    struct bytes all = {0};
    assert(sqlite3_get_autocommit(database_handle(db)) == 0);
    int code = read_triggers(db, &all, e);
    for (size_t at = 0; code == 0 && at < all.len;) {
        const char *name = (const char *)all.data + at;
        const char *present = name + strlen(name) + 1;
        code = install_table(db, m, site, name, present, ret_names, e);
        at = (size_t)(present + strlen(present) + 1 - (const char *)all.data);
    }
    bytes_free(&all);
    return code;
}

/* ---- the list ------------------------------------------------------------- */

static struct block *make_block(size_t cap, struct block *next)
{
    struct block *block = malloc(sizeof *block + cap);
    if (block == NULL) {
        abort();
    }
    *block = (struct block){.next = next, .cap = cap};
    return block;
}

static const uint8_t *keep_bytes(struct capture_list *list, struct slice s)
{
    struct block *block = list->blocks;
    if (s.len == 0) {
        return (const uint8_t *)"";
    }
    if (block == NULL || block->cap - block->len < s.len) {
        size_t cap = s.len > BLOCK_BYTES ? s.len : (size_t)BLOCK_BYTES;
        block = make_block(cap, block);
        list->blocks = block;
    }
    uint8_t *kept = block->data + block->len;
    memcpy(kept, s.data, s.len);
    block->len += s.len;
    list->bytes += s.len;
    return kept;
}

static struct value keep_value(struct capture_list *list, struct value v)
{
    if (v.type == VALUE_TEXT || v.type == VALUE_BLOB) {
        v.bytes.data = keep_bytes(list, v.bytes);
    }
    return v;
}

void capture_list_destroy(struct capture_list **list_p)
{
    struct capture_list *list = *list_p;
    if (list == NULL) {
        return;
    }
    while (list->blocks != NULL) {
        struct block *next = list->blocks->next;
        free(list->blocks);
        list->blocks = next;
    }
    free(list->strays);
    free(list->items);
    free(list);
    *list_p = NULL;
}

const struct capture *capture_list_items(const struct capture_list *list,
                                         size_t *ret_count)
{
    *ret_count = list->count;
    return list->items;
}

int64_t capture_list_at_ms(const struct capture_list *list)
{
    return list->at_ms;
}

/* ---- order ---------------------------------------------------------------- */

static int compare_integers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* By type, then content. Keys are never REAL, and hardly ever NULL. */
static int compare_values(const struct value *a, const struct value *b)
{
    if (a->type != b->type) {
        return a->type < b->type ? -1 : 1;
    }
    switch (a->type) {
    case VALUE_INTEGER:
        return compare_integers(a->integer, b->integer);
    case VALUE_TEXT:
    case VALUE_BLOB:
        return slice_compare(a->bytes, b->bytes);
    case VALUE_NULL:
    case VALUE_REAL:
        break;
    }
    return 0;
}

/* Table, key, column. */
static int compare_cells(const struct capture *a, const struct capture *b)
{
    int order = compare_integers(a->table->id, b->table->id);
    for (size_t i = 0; order == 0 && i < a->table->key_count; i++) {
        order = compare_values(&a->key[i], &b->key[i]);
    }
    return order != 0 ? order : compare_integers(a->column, b->column);
}

static int compare_captures(const void *a_p, const void *b_p)
{
    const struct capture *a = a_p;
    const struct capture *b = b_p;
    int order = compare_cells(a, b);
    return order != 0 ? order : compare_integers(a->id, b->id);
}

/* Sorts, and keeps the first of each (row, column) with the time of the last. */
static void coalesce(struct capture_list *list)
{
    size_t kept = 0;
    if (list->count == 0) {
        return;
    }
    qsort(list->items, list->count, sizeof *list->items, compare_captures);
    for (size_t i = 1; i < list->count; i++) {
        if (compare_cells(&list->items[kept], &list->items[i]) == 0) {
            list->items[kept].at_ms = list->items[i].at_ms;
            list->items[kept].settles |= list->items[i].settles;
        } else {
            list->items[++kept] = list->items[i];
        }
    }
    list->count = kept + 1;
}

/* ---- reading -------------------------------------------------------------- */

enum {
    PENDING_ID,
    PENDING_TABLE,
    PENDING_WHAT,
    PENDING_AT,
    PENDING_KEY,
    PENDING_OLD = PENDING_KEY + KEY_COLUMNS_MAX,
};

/* A pause in the work, or a clock that was set. */
static bool is_gap(const struct capture_list *list, int64_t at_ms)
{
    int64_t before = list->last_at_ms;
    uint64_t gap = at_ms > before ? (uint64_t)at_ms - (uint64_t)before
                                  : (uint64_t)before - (uint64_t)at_ms;
    return list->count > 0 && gap > CAPTURE_GAP_MS;
}

static bool has_types(const struct table *t, const struct value *key)
{
    for (size_t i = 0; i < t->key_count; i++) {
        if (key[i].type != t->key[i]->type) {
            return false;
        }
    }
    return true;
}

bool capture_key_fits(const struct table *t, const struct value *key)
{
    for (size_t i = 0; i < t->key_count; i++) {
        size_t len = key[i].bytes.len;
        if (t->key[i]->varies && (len == 0 || len > KEY_BYTES_MAX)) {
            return false;
        }
    }
    return has_types(t, key);
}

/* Why a row of sync_pending is none that a trigger or the scrub writes; NULL:
 * it is one. Any program may write there. */
static const char *nonsense_of(const struct table *t, int64_t what,
                               const struct value key[KEY_COLUMNS_MAX])
{
    if (t == NULL || t->kind == TABLE_CONTROL) {
        return "sync_pending named a table that is not captured";
    }
    assert(t != NULL); /* or it would be nonsense */
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): see above */
    if (t->broken != NULL) {
        return NULL; /* what it looks like now says nothing */
    }
    if (what != CAPTURE_INSERT && what != CAPTURE_AGAIN &&
        what != CAPTURE_DELETE && what != CAPTURE_PUT_BACK &&
        what != CAPTURE_FOLD &&
        (what < 0 || what > UINT16_MAX ||
         table_column(t, (uint16_t)what) == NULL)) {
        return "sync_pending named a column that the table has not";
    }
    if (!has_types(t, key)) { /* of sizes the drain judges, with the row */
        return "sync_pending named a key that no row of the table can have";
    }
    for (size_t i = t->key_count; i < KEY_COLUMNS_MAX; i++) {
        if (key[i].type != VALUE_NULL) {
            return "sync_pending named a key of more columns than the table's";
        }
    }
    return NULL;
}

static void count_row(struct capture_list *list, int64_t id)
{
    list->first_id = list->rows == 0 ? id : list->first_id;
    list->last_id = id;
    list->rows++;
}

static void add_stray(struct capture_list *list, struct stray stray)
{
    if (list->stray_count == list->stray_cap) {
        list->stray_cap = list->stray_cap == 0 ? 16 : list->stray_cap * 2;
        list->strays =
            realloc(list->strays, list->stray_cap * sizeof *list->strays);
        if (list->strays == NULL) {
            abort();
        }
    }
    list->strays[list->stray_count++] = stray;
}

static void add_row(struct capture_list *list, const struct manifest *m,
                    sqlite3_stmt *stmt)
{
    struct stray row = {
        .table_id = sqlite3_column_int64(stmt, PENDING_TABLE),
        .what = sqlite3_column_int64(stmt, PENDING_WHAT),
        .at_ms = sqlite3_column_int64(stmt, PENDING_AT),
        .old = keep_value(list, database_column(stmt, PENDING_OLD)),
    };
    int64_t id = sqlite3_column_int64(stmt, PENDING_ID);
    int64_t what = row.what & ~(int64_t)CAPTURE_SETTLES;
    const struct table *t = NULL;

    for (size_t i = 0; i < KEY_COLUMNS_MAX; i++) {
        struct value key = database_column(stmt, PENDING_KEY + (int)i);
        row.key[i] = keep_value(list, key);
    }
    if (row.table_id >= 0 && row.table_id <= UINT32_MAX) {
        t = manifest_table(m, (uint32_t)row.table_id);
    }
    row.says = nonsense_of(t, what, row.key);
    count_row(list, id);
    if (t == NULL || row.says != NULL) {
        add_stray(list, row);
        return;
    }
    list->last_at_ms = row.at_ms;
    list->at_ms = row.at_ms > list->at_ms ? row.at_ms : list->at_ms;
    if (t->broken != NULL) {
        return; /* the row has what was written; the scrub will find it */
    }
    bool folds = what == CAPTURE_FOLD;
    struct capture *c =
        folds ? &list->folds[list->fold_count++] : &list->items[list->count++];
    *c = (struct capture){
        .id = id,
        .table = t,
        .column = (uint16_t)what,
        .settles = (row.what & CAPTURE_SETTLES) != 0,
        .old = row.old,
        .at_ms = row.at_ms,
    };
    memcpy(c->key, row.key, sizeof c->key);
    list->put_backs += folds || what == CAPTURE_PUT_BACK;
}

/* Reads what the list has room for, from a row on. ERR_LIMIT: the row after
 * the last one read has a value larger than this program reads. */
static int read_rows(struct database *db, const struct manifest *m,
                     struct capture_list *list, int64_t from, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int code = database_statement(
        db,
        "SELECT pending_id, table_id, what, at_ms, k1, k2, k3, old"
        " FROM sync_pending WHERE pending_id >= :from ORDER BY pending_id",
        &stmt, e);
    if (code != 0) {
        return code;
    }
    const struct value first = value_integer(from);
    database_bind(stmt, ":from", &first);
    while (list->rows < list->rows_max && list->bytes <= CAPTURE_BYTES_MAX &&
           list->put_backs < PUT_BACKS_MAX &&
           (code = database_step(db, stmt, e)) == 1 &&
           !is_gap(list, sqlite3_column_int64(stmt, PENDING_AT))) {
        add_row(list, m, stmt);
    }
    (void)sqlite3_reset(stmt);
    return code < 0 ? code : 0;
}

/* Passes over the row from `from` on that cannot be read; *ret is its id. */
static int skip_row(struct database *db, struct capture_list *list,
                    int64_t from, int64_t *ret, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int code = database_statement(
        db,
        "SELECT pending_id, table_id, what, at_ms FROM sync_pending"
        " WHERE pending_id >= :from ORDER BY pending_id LIMIT 1",
        &stmt, e);
    if (code != 0) {
        return code;
    }
    const struct value first = value_integer(from);
    database_bind(stmt, ":from", &first);
    code = database_step(db, stmt, e);
    if (code != 1) {
        return code < 0 ? code
                        : err_set(e, ERR_CORRUPT,
                                  "sync_pending has a row that "
                                  "cannot be found again");
    }
    *ret = sqlite3_column_int64(stmt, PENDING_ID);
    add_stray(list, (struct stray){
                        .table_id = sqlite3_column_int64(stmt, PENDING_TABLE),
                        .what = sqlite3_column_int64(stmt, PENDING_WHAT),
                        .at_ms = sqlite3_column_int64(stmt, PENDING_AT),
                        .says = "sync_pending had a value larger than can be "
                                "read; it is not kept",
                    });
    count_row(list, *ret);
    (void)sqlite3_reset(stmt);
    return 0;
}

static int read_list(struct database *db, const struct manifest *m,
                     struct capture_list *list, struct err *e)
{
    int64_t from = INT64_MIN;
    int code = read_rows(db, m, list, from, e);
    while (code == ERR_LIMIT) {
        if (list->rows > 0) {
            from = list->last_id + 1;
        }
        code = skip_row(db, list, from, &from, e);
        if (code == 0 && from < INT64_MAX) {
            code = read_rows(db, m, list, ++from, e);
        }
    }
    return code;
}

int capture_read(struct database *db, const struct manifest *m, size_t rows_max,
                 struct capture_list **ret, struct err *e)
{
    struct capture_list *list = calloc(1, sizeof *list);
    if (list == NULL) {
        abort();
    }
    list->rows_max = rows_max;
    list->items = malloc(rows_max * sizeof *list->items);
    if (list->items == NULL) {
        abort();
    }
    list->at_ms = INT64_MIN;
    int code = read_list(db, m, list, e);
    if (code != 0) {
        capture_list_destroy(&list);
        return code;
    }
    if (list->count == 0) {
        list->at_ms = 0;
    }
    coalesce(list);
    *ret = list;
    return 0;
}

size_t capture_list_rows(const struct capture_list *list)
{
    return list->rows + list->put_backs * PUT_BACK_ROWS;
}

const struct capture *capture_list_folds(const struct capture_list *list,
                                         size_t *ret_count)
{
    *ret_count = list->fold_count;
    return list->folds;
}

/* ---- what the node appends ------------------------------------------------ */

int capture_append(struct database *db, const struct table *t, int64_t what,
                   const struct value *key, const struct value *old,
                   int64_t at_ms, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int code = database_statement(
        db,
        "INSERT INTO sync_pending(table_id, what, k1, k2, k3, old, at_ms)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        &stmt, e);
    if (code != 0) {
        return code;
    }
    sqlite3_bind_int64(stmt, 1, t->id);
    sqlite3_bind_int64(stmt, 2, what);
    for (size_t i = 0; i < t->key_count; i++) {
        database_bind_at(stmt, (int)i + 3, &key[i]);
    }
    if (old != NULL) {
        database_bind_at(stmt, 6, old);
    }
    sqlite3_bind_int64(stmt, 7, at_ms);
    return database_done(db, stmt, e);
}

int capture_fold_later(struct database *db, const struct table *t,
                       struct slice key, struct slice scope, int64_t at_ms,
                       struct err *e)
{
    struct value values[KEY_COLUMNS_MAX];
    const struct value old = value_blob(scope.data, scope.len);
    int code = row_key_of(t, key, values, e);
    return code == 0
               ? capture_append(db, t, CAPTURE_FOLD, values, &old, at_ms, e)
               : code;
}

int capture_waits(struct database *db, const struct capture_list *list,
                  const struct capture *c, struct err *e)
{
    static const char sql[] =
        "SELECT max(what = ?6) FROM sync_pending WHERE pending_id > ?1"
        " AND table_id = ?2 AND k1 IS ?3 AND k2 IS ?4 AND k3 IS ?5";
    sqlite3_stmt *stmt = NULL;
    int waits = WAITS_NOTHING;
    int code = database_statement(db, sql, &stmt, e);
    if (code != 0) {
        return code;
    }
    sqlite3_bind_int64(stmt, 1, list->last_id);
    sqlite3_bind_int64(stmt, 2, c->table->id);
    for (size_t i = 0; i < c->table->key_count; i++) {
        database_bind_at(stmt, (int)i + 3, &c->key[i]);
    }
    sqlite3_bind_int64(stmt, 6, CAPTURE_FOLD);
    code = database_step(db, stmt, e);
    if (code == 1 && sqlite3_column_type(stmt, 0) != SQLITE_NULL) {
        waits = sqlite3_column_int(stmt, 0) != 0 ? WAITS_FOLD : WAITS_WRITES;
    }
    (void)sqlite3_reset(stmt);
    return code < 0 ? code : waits;
}

/* ---- setting aside -------------------------------------------------------- */

static int park_stray(struct database *db, const struct stray *stray,
                      struct err *e)
{
    struct bytes bytes = {0};
    struct bytes name = {0};
    size_t count = KEY_COLUMNS_MAX;
    while (count > 1 && stray->key[count - 1].type == VALUE_NULL) {
        count--;
    }
    bytes_put_u8(&bytes, (uint8_t)count);
    for (size_t i = 0; i < count; i++) {
        value_encode(&stray->key[i], &bytes);
    }
    row_key(slice_of(&bytes), &name);
    const struct parked parked = {
        .table_id = stray->table_id,
        .key = slice_of(&name),
        .column_id = stray->what,
        .value = stray->old,
        .at_ms = stray->at_ms,
        .says = stray->says,
    };
    int code = parked_add(db, &parked, e);
    bytes_free(&bytes);
    bytes_free(&name);
    return code;
}

int capture_set_aside(struct database *db, const struct capture_list *list,
                      uint64_t *ret_count, struct err *e)
{
    int code = 0;
    for (size_t i = 0; code == 0 && i < list->stray_count; i++) {
        code = park_stray(db, &list->strays[i], e);
    }
    *ret_count = list->stray_count;
    return code;
}

int capture_forget(struct database *db, const struct capture_list *list,
                   struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    if (list->rows == 0) {
        return 0;
    }
    int code = database_statement(
        db,
        "DELETE FROM sync_pending WHERE pending_id BETWEEN :first AND :last",
        &stmt, e);
    if (code != 0) {
        return code;
    }
    const struct value first = value_integer(list->first_id);
    const struct value last = value_integer(list->last_id);
    database_bind(stmt, ":first", &first);
    database_bind(stmt, ":last", &last);
    return database_done(db, stmt, e);
}

int capture_pending(struct database *db, int64_t *ret, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int code =
        database_statement(db, "SELECT count(*) FROM sync_pending", &stmt, e);
    if (code == 0) {
        code = database_step(db, stmt, e);
    }
    if (code < 0) {
        return code;
    }
    *ret = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_reset(stmt);
    return 0;
}
