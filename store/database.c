/* SPDX-License-Identifier: Apache-2.0 */
#include "store/database.h"

#include "protocol/limits.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    /* STRICT tables: sqlite.org/stricttables.html */
    SQLITE_VERSION_MIN = 3037000,
    /* Statements kept. The program has about a hundred literal ones and five
     * for each table. */
    STATEMENTS_MAX = 512,
    /* Addresses remembered: a power of two, twice as many. */
    ADDRESSES = 2 * STATEMENTS_MAX,
    /* A frame of the WAL: a page and its header. */
    WAL_FRAME_BYTES = 4096 + 24,
    /* How often the lock is looked at while another program has it. SQLite's
     * own handler soon looks each 100 ms only, and meets a program that writes
     * without a pause in one of its transactions each time. A look costs some
     * 10 us. */
    BUSY_LOOK_MS = 1,
    /* How long a checkpoint waits. Local transactions take some 100 ms; a long
     * reader takes minutes, and writers wait as long as we wait for it. */
    CHECKPOINT_BUSY_MS = 500,
};

struct statement {
    sqlite3_stmt *stmt; /* owned; it keeps a copy of its text */
    uint64_t hash;      /* of the text */
    uint64_t used;      /* when, by the database's count of requests */
};

struct address {
    const char *sql; /* compared, never read */
    size_t at;       /* in statements */
};

struct database {
    sqlite3 *handle;
    int busy_ms; /* how long it waits for a lock */
    enum database_schema schema;
    struct statement statements[STATEMENTS_MAX];
    size_t statement_count;
    uint64_t requests;
    struct address addresses[ADDRESSES];
};

/* ---- errors --------------------------------------------------------------- */

static int code_of(int sqlite_code)
{
    switch (sqlite_code & 0xff) {
    case SQLITE_CONSTRAINT:
        return ERR_INPUT;
    case SQLITE_TOOBIG:
        return ERR_LIMIT;
    case SQLITE_FULL:
        return ERR_FULL;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_BUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERR_CORRUPT;
    case SQLITE_NOMEM:
        abort(); /* sizes were checked before: the supervisor restarts us */
    default:
        return ERR_IO;
    }
}

int database_error(struct database *db, struct err *e, const char *what)
{
    return err_set(e, code_of(sqlite3_extended_errcode(db->handle)), "%s: %s",
                   what, sqlite3_errmsg(db->handle));
}

/* ---- opening -------------------------------------------------------------- */

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (sqlite3_stricmp(name, *names) == 0) {
            return true;
        }
    }
    return false;
}

/* Pragmas that only read, whatever their argument. */
static const char *const pragmas_that_read[] = {
    "data_version", "foreign_key_list", "index_info",      "index_list",
    "index_xinfo",  "integrity_check",  "quick_check",     "table_info",
    "table_list",   "table_xinfo",      "compile_options", NULL,
};
/* Pragmas that read without an argument. */
static const char *const pragmas_that_show[] = {
    "application_id", "freelist_count", "page_count", "page_size",
    "schema_version", "user_version",   NULL,
};
static const char *const pragmas_of_schema[] = {
    "application_id",
    "user_version",
    "writable_schema", /* to change what stands in a DEFAULT, and then */
    "schema_version",  /* to read the tables anew */
    NULL,
};

static bool pragma_is_allowed(const struct database *db, const char *name,
                              const char *argument)
{
    return is_one_of(name, pragmas_that_read) ||
           (argument == NULL && is_one_of(name, pragmas_that_show)) ||
           (db->schema == DATABASE_SCHEMA_OPEN &&
            is_one_of(name, pragmas_of_schema));
}

static int authorize(void *context, int action, const char *a, const char *b,
                     const char *database, const char *trigger)
{
    const struct database *db = context;
    bool open = db->schema == DATABASE_SCHEMA_OPEN;
    bool allowed = true;
    (void)database;
    (void)trigger;
    switch (action) {
    case SQLITE_PRAGMA:
        allowed = pragma_is_allowed(db, a, b);
        break;
    case SQLITE_CREATE_TABLE:
    case SQLITE_CREATE_INDEX:
    case SQLITE_CREATE_TRIGGER:
    case SQLITE_CREATE_VIEW:
    case SQLITE_DROP_TABLE:
    case SQLITE_DROP_INDEX:
    case SQLITE_DROP_TRIGGER:
    case SQLITE_DROP_VIEW:
    case SQLITE_ALTER_TABLE:
    case SQLITE_REINDEX:
    case SQLITE_ANALYZE:
        allowed = open;
        break;
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
    case SQLITE_CREATE_VTABLE:
    case SQLITE_DROP_VTABLE:
    case SQLITE_CREATE_TEMP_TABLE:
    case SQLITE_CREATE_TEMP_INDEX:
    case SQLITE_CREATE_TEMP_TRIGGER:
    case SQLITE_CREATE_TEMP_VIEW:
    case SQLITE_DROP_TEMP_TABLE:
    case SQLITE_DROP_TEMP_INDEX:
    case SQLITE_DROP_TEMP_TRIGGER:
    case SQLITE_DROP_TEMP_VIEW:
        allowed = false;
        break;
    default:
        break;
    }
    return allowed ? SQLITE_OK : SQLITE_DENY;
}

/* What SQL may ask of us, whoever wrote it into the file
 * (sqlite.org/security.html). */
static void set_limits(sqlite3 *handle)
{
    static const struct {
        int id;
        int value;
    } limits[] = {
        /* the largest value is a packed changeset, PACKED_BYTES_MAX */
        {SQLITE_LIMIT_LENGTH, 1024 * 1024},
        /* the guards of a table with COLUMNS_MAX columns */
        {SQLITE_LIMIT_SQL_LENGTH, 256 * 1024},
        {SQLITE_LIMIT_COLUMN, 2 * COLUMNS_MAX},
        /* a guard compares COLUMNS_MAX columns in one expression */
        {SQLITE_LIMIT_EXPR_DEPTH, 4 * COLUMNS_MAX},
        {SQLITE_LIMIT_COMPOUND_SELECT, 50},
        {SQLITE_LIMIT_VDBE_OP, 100 * 1000},
        {SQLITE_LIMIT_ATTACHED, 0},
        {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000},
        {SQLITE_LIMIT_VARIABLE_NUMBER, 4 * COLUMNS_MAX},
        /* a write fires capture, and nothing after that */
        {SQLITE_LIMIT_TRIGGER_DEPTH, 10},
        {SQLITE_LIMIT_WORKER_THREADS, 0},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        (void)sqlite3_limit(handle, limits[i].id, limits[i].value);
    }
}

static int set_options(struct database *db, enum database_use use,
                       struct err *e)
{
    int fires = use == DATABASE_NODE ? 0 : 1;
    const struct {
        int option;
        int value;
    } options[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_DQS_DDL, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0},
        {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
        {SQLITE_DBCONFIG_ENABLE_FKEY, 0},
        {SQLITE_DBCONFIG_ENABLE_TRIGGER, fires},
        {SQLITE_DBCONFIG_ENABLE_VIEW, fires},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        int now = -1;
        int rc = sqlite3_db_config(db->handle, options[i].option,
                                   options[i].value, &now);
        if (rc != SQLITE_OK || now != options[i].value) {
            return err_set(e, ERR_IO,
                           "this SQLite library lacks option %d; install "
                           "SQLite 3.37 or later",
                           options[i].option);
        }
    }
    return 0;
}

/* Runs a pragma and compares what it answers. */
static int pragma_answers(struct database *db, const char *sql,
                          const char *wanted, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int code = 0;
    const char *answer = NULL;

    if (sqlite3_prepare_v2(db->handle, sql, -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW) {
        code = database_error(db, e, sql);
        goto out;
    }
    answer = (const char *)sqlite3_column_text(stmt, 0);
    if (answer == NULL || strcmp(answer, wanted) != 0) {
        code = err_set(e, ERR_IO, "%s: SQLite answers '%s', not '%s'", sql,
                       answer == NULL ? "" : answer, wanted);
    }
out:
    sqlite3_finalize(stmt);
    return code;
}

static int set_pragmas(struct database *db, enum database_use use,
                       struct err *e)
{
    /* Temporary structures go to files: a sort of a whole table must not fill
     * the memory. */
    int code = database_run(db,
                            "PRAGMA temp_store = FILE;"
                            "PRAGMA cache_size = -16384;"
                            "PRAGMA cell_size_check = ON;"
                            "PRAGMA synchronous = FULL;"
                            "PRAGMA recursive_triggers = OFF;",
                            e);
    if (code == 0) {
        code = pragma_answers(db, "PRAGMA mmap_size = 0", "0", e);
    }
    /* A quarter of the cache is enough to look; the daemon asks its rules with
     * such a connection all the time. */
    if (code == 0 && use == DATABASE_READER) {
        return database_run(db,
                            "PRAGMA query_only = ON;"
                            "PRAGMA cache_size = -4096;",
                            e);
    }
    if (code == 0) {
        code = pragma_answers(db, "PRAGMA journal_mode = WAL", "wal", e);
    }
    if (code == 0) {
        code = pragma_answers(db, "PRAGMA wal_autocheckpoint = 0", "0", e);
    }
    if (code == 0) {
        code = pragma_answers(db, "PRAGMA journal_size_limit = 16777216",
                              "16777216", e);
    }
    return code;
}

bool database_is_made(const char *path)
{
    sqlite3 *handle = NULL;
    sqlite3_stmt *stmt = NULL;
    if (access(path, F_OK) != 0) {
        return false;
    }
    int rc = sqlite3_open_v2(path, &handle,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_prepare_v2(handle, "SELECT 1 FROM sqlite_schema", -1,
                                &stmt, NULL);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);
    }
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(handle);
    return rc != SQLITE_DONE; /* what cannot be read is somebody's, too */
}

static int create_file(const char *path, struct err *e)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0660);
    if (fd < 0) {
        int why = errno;
        return why == EEXIST && !database_is_made(path)
                   ? 0
                   : err_set(e, ERR_IO, "%s: %s", path, strerror(why));
    }
    (void)close(fd); /* nothing was written, and no lock held, through it */
    return 0;
}

static int check_is_replica(struct database *db, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int code = database_statement(db, "PRAGMA application_id", &stmt, e);
    if (code == 0) {
        code = database_step(db, stmt, e);
    }
    if (code < 0) {
        return code;
    }
    int id = sqlite3_column_int(stmt, 0);
    (void)sqlite3_reset(stmt);
    if (id != SANGAM_APPLICATION_ID) {
        return err_set(e, ERR_INPUT,
                       "this SQLite database is not a sangam replica; name "
                       "the replica.db of a sangam home");
    }
    return 0;
}

static int wait_for_lock(void *context, int looks)
{
    const struct database *db = context;
    if (looks >= db->busy_ms / BUSY_LOOK_MS) {
        return 0;
    }
    (void)sqlite3_sleep(BUSY_LOOK_MS);
    return 1;
}

/* Everything after the handle is there. */
static int prepare_connection(struct database *db, enum database_use use,
                              enum database_mode mode, struct err *e)
{
    (void)sqlite3_extended_result_codes(db->handle, 1);
    db->busy_ms = BUSY_MS;
    (void)sqlite3_busy_handler(db->handle, wait_for_lock, db);
    set_limits(db->handle);
    int code = set_options(db, use, e);
    /* Looked at before anything is written: journal_mode would turn another
     * program's database into a WAL one. */
    if (code == 0 && mode == DATABASE_EXISTING) {
        code = check_is_replica(db, e);
    }
    if (code == 0) {
        code = set_pragmas(db, use, e);
    }
    if (code == 0) {
        (void)sqlite3_set_authorizer(db->handle, authorize, db);
    }
    return code;
}

/* Each temporary index gets memory for a page at first. SQLite's own measure is
 * twenty, which of the rules' dozens cost more than the rules do. It is one for
 * the whole process, and stays as it is where something else opened a database
 * first: that is slower, and nothing else. */
static void be_sparing(void)
{
    static bool done;
    if (!done) {
        done = true;
        (void)sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 1);
    }
}

int database_open(const char *path, enum database_use use,
                  enum database_mode mode, struct database **ret, struct err *e)
{
    struct database *db = NULL;
    int code = 0;
    bool created = false;
    int flags =
        use == DATABASE_READER ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;

    if (sqlite3_libversion_number() < SQLITE_VERSION_MIN) {
        return err_set(e, ERR_VERSION,
                       "SQLite %s is too old; install 3.37 or later",
                       sqlite3_libversion());
    }
    if (mode == DATABASE_CREATE) {
        assert(use != DATABASE_READER);
        code = create_file(path, e);
        if (code != 0) {
            return code;
        }
        created = true;
    }
    db = calloc(1, sizeof *db);
    if (db == NULL) {
        abort();
    }
    be_sparing();
    if (sqlite3_open_v2(path, &db->handle, flags | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK) {
        code = database_error(db, e, path);
        goto out;
    }
    code = prepare_connection(db, use, mode, e);
    if (code == ERR_CORRUPT && sqlite3_errcode(db->handle) == SQLITE_NOTADB) {
        code = err_set(e, ERR_INPUT, "this is no SQLite database");
    }
    if (code != 0) {
        (void)err_wrap(e, "%s", path);
        goto out;
    }
    *ret = db;
    db = NULL;
out:
    database_close(&db);
    if (code != 0 && created) {
        (void)unlink(path);
    }
    return code;
}

void database_close(struct database **db_p)
{
    struct database *db = *db_p;
    if (db == NULL) {
        return;
    }
    for (size_t i = 0; i < db->statement_count; i++) {
        (void)sqlite3_finalize(db->statements[i].stmt);
    }
    int rc = sqlite3_close(db->handle);
    assert(rc == SQLITE_OK); /* a statement that is not in our list */
    (void)rc;
    free(db);
    *db_p = NULL;
}

sqlite3 *database_handle(struct database *db)
{
    return db->handle;
}

enum database_schema database_schema(struct database *db,
                                     enum database_schema schema)
{
    enum database_schema was = db->schema;
    db->schema = schema;
    return was;
}

/* ---- running -------------------------------------------------------------- */

int database_run(struct database *db, const char *sql, struct err *e)
{
    if (sqlite3_exec(db->handle, sql, NULL, NULL, NULL) != SQLITE_OK) {
        return database_error(db, e, "SQLite");
    }
    return 0;
}

static int run_statement(struct database *db, const char *sql, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    int code = database_statement(db, sql, &stmt, e);
    return code != 0 ? code : database_done(db, stmt, e);
}

/* Ends what callers left standing on a row: such a statement holds a snapshot,
 * in which this connection can neither begin to write after another's commit
 * (SQLITE_BUSY_SNAPSHOT), nor see that commit, nor let a checkpoint finish. */
void database_rest(struct database *db)
{
    sqlite3_stmt *stmt = NULL;
    while ((stmt = sqlite3_next_stmt(db->handle, stmt)) != NULL) {
        if (sqlite3_stmt_busy(stmt)) {
            (void)sqlite3_reset(stmt);
        }
    }
}

int database_begin(struct database *db, struct err *e)
{
    database_rest(db);
    return run_statement(db, "BEGIN IMMEDIATE", e);
}

int database_begin_read(struct database *db, struct err *e)
{
    database_rest(db);
    int code = run_statement(db, "BEGIN", e);
    sqlite3_stmt *stmt = NULL;
    if (code != 0) {
        return code;
    }
    /* A deferred transaction sees what is there at its first read. */
    code =
        database_statement(db, "SELECT 1 FROM sqlite_schema LIMIT 1", &stmt, e);
    if (code == 0) {
        code = database_step(db, stmt, e);
    }
    if (code < 0) {
        database_rollback(db);
        return code;
    }
    (void)sqlite3_reset(stmt);
    return 0;
}

int database_commit(struct database *db, struct err *e)
{
    database_rest(db);
    return run_statement(db, "COMMIT", e);
}

void database_rollback(struct database *db)
{
    /* What was read halfway would keep this connection at what it sees now. */
    database_rest(db);
    /* Some errors (a full disk, an I/O error) have rolled back already. */
    if (sqlite3_get_autocommit(db->handle) == 0) {
        (void)run_statement(db, "ROLLBACK", NULL);
    }
    assert(sqlite3_get_autocommit(db->handle) != 0);
}

/* ---- statements ----------------------------------------------------------- */

/* FNV-1a. Texts are ours: nobody can choose colliding ones. */
static uint64_t hash_text(const char *text)
{
    uint64_t hash = 14695981039346656037u;
    for (; *text != '\0'; text++) {
        hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    }
    return hash;
}

static struct address *address_of(struct database *db, const char *sql)
{
    uint64_t spread = (uint64_t)(uintptr_t)sql * 0x9e3779b97f4a7c15u;
    return &db->addresses[(spread >> 32) % ADDRESSES];
}

static bool is_text_of(const struct statement *s, const char *sql)
{
    return strcmp(sqlite3_sql(s->stmt), sql) == 0;
}

/* An address may have been written anew since, so its text is compared too. */
static struct statement *find_by_address(struct database *db, const char *sql)
{
    const struct address *address = address_of(db, sql);
    if (address->sql != sql) {
        return NULL;
    }
    struct statement *s = &db->statements[address->at];
    return is_text_of(s, sql) ? s : NULL;
}

static struct statement *find_by_content(struct database *db, const char *sql,
                                         uint64_t hash)
{
    for (size_t i = 0; i < db->statement_count; i++) {
        struct statement *s = &db->statements[i];
        if (s->hash == hash && is_text_of(s, sql)) {
            return s;
        }
    }
    return NULL;
}

/* A place for a new statement: a free one, or the one longest unused. */
static struct statement *make_room(struct database *db)
{
    struct statement *oldest = NULL;
    if (db->statement_count < STATEMENTS_MAX) {
        return &db->statements[db->statement_count++];
    }
    for (size_t i = 0; i < STATEMENTS_MAX; i++) {
        struct statement *s = &db->statements[i];
        bool older = oldest == NULL || s->used < oldest->used;
        if (older && sqlite3_stmt_busy(s->stmt) == 0) {
            oldest = s;
        }
    }
    assert(oldest != NULL); /* nobody steps 512 statements at once */
    (void)sqlite3_finalize(oldest->stmt);
    return oldest;
}

static int prepare(struct database *db, const char *sql, sqlite3_stmt **ret,
                   struct err *e)
{
    const char *rest = NULL;
    int rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                ret, &rest);
    if (rc != SQLITE_OK) {
        int code = database_error(db, NULL, "");
        code = code == ERR_IO ? ERR_CORRUPT : code;
        if ((rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN) {
            code = ERR_IO;
        }
        return err_set(e, code, "%s: in: %.300s", sqlite3_errmsg(db->handle),
                       sql);
    }
    assert(*ret != NULL && *rest == '\0'); /* one statement, and no more */
    return 0;
}

int database_statement(struct database *db, const char *sql, sqlite3_stmt **ret,
                       struct err *e)
{
    struct statement *s = find_by_address(db, sql);
    if (s == NULL) {
        uint64_t hash = hash_text(sql);
        s = find_by_content(db, sql, hash);
        if (s == NULL) {
            sqlite3_stmt *stmt = NULL;
            int code = prepare(db, sql, &stmt, e);
            if (code != 0) {
                return code;
            }
            s = make_room(db);
            *s = (struct statement){.stmt = stmt, .hash = hash};
        }
        *address_of(db, sql) =
            (struct address){.sql = sql, .at = (size_t)(s - db->statements)};
    }
    s->used = ++db->requests;
    (void)sqlite3_reset(s->stmt);
    (void)sqlite3_clear_bindings(s->stmt);
    *ret = s->stmt;
    return 0;
}

int database_step(struct database *db, sqlite3_stmt *stmt, struct err *e)
{
    int code = 0;
    switch (sqlite3_step(stmt)) {
    case SQLITE_ROW:
        return 1;
    case SQLITE_DONE:
        break;
    default:
        code = database_error(db, e, "SQLite");
        break;
    }
    (void)sqlite3_reset(stmt);
    return code;
}

int database_done(struct database *db, sqlite3_stmt *stmt, struct err *e)
{
    int code = database_step(db, stmt, e);
    assert(code != 1);
    return code;
}

/* ---- values --------------------------------------------------------------- */

void database_bind(sqlite3_stmt *stmt, const char *name, const struct value *v)
{
    int at = sqlite3_bind_parameter_index(stmt, name);
    assert(at > 0);
    database_bind_at(stmt, at, v);
}

void database_bind_at(sqlite3_stmt *stmt, int at, const struct value *v)
{
    int rc = SQLITE_OK;
    /* A pointer of NULL would bind NULL, not the empty text. */
    const void *data = v->bytes.data == NULL ? "" : (const void *)v->bytes.data;
    switch (v->type) {
    case VALUE_NULL:
        rc = sqlite3_bind_null(stmt, at);
        break;
    case VALUE_INTEGER:
        rc = sqlite3_bind_int64(stmt, at, v->integer);
        break;
    case VALUE_REAL:
        rc = sqlite3_bind_double(stmt, at, v->real);
        break;
    case VALUE_TEXT:
        rc = sqlite3_bind_text64(stmt, at, data, v->bytes.len, SQLITE_STATIC,
                                 SQLITE_UTF8);
        break;
    case VALUE_BLOB:
        rc = sqlite3_bind_blob64(stmt, at, data, v->bytes.len, SQLITE_STATIC);
        break;
    }
    assert(rc == SQLITE_OK); /* sizes are below SQLITE_LIMIT_LENGTH */
    (void)rc;
}

struct value database_column(sqlite3_stmt *stmt, int column)
{
    struct value v = {.type = VALUE_NULL};
    switch (sqlite3_column_type(stmt, column)) {
    case SQLITE_INTEGER:
        v.type = VALUE_INTEGER;
        v.integer = sqlite3_column_int64(stmt, column);
        break;
    case SQLITE_FLOAT:
        v.type = VALUE_REAL;
        v.real = sqlite3_column_double(stmt, column);
        break;
    case SQLITE_TEXT:
        v.type = VALUE_TEXT;
        v.bytes.data = sqlite3_column_text(stmt, column);
        v.bytes.len = (size_t)sqlite3_column_bytes(stmt, column);
        break;
    case SQLITE_BLOB:
        v.type = VALUE_BLOB;
        v.bytes.data = sqlite3_column_blob(stmt, column);
        v.bytes.len = (size_t)sqlite3_column_bytes(stmt, column);
        break;
    default:
        break;
    }
    return v;
}

/* ---- other programs ------------------------------------------------------- */

int database_data_version(struct database *db, uint32_t *ret, struct err *e)
{
    sqlite3_stmt *stmt = NULL;
    database_rest(db);
    int code = database_statement(db, "PRAGMA data_version", &stmt, e);
    if (code == 0) {
        code = database_step(db, stmt, e);
    }
    if (code < 0) {
        return code;
    }
    assert(code == 1);
    *ret = (uint32_t)sqlite3_column_int64(stmt, 0);
    (void)sqlite3_reset(stmt);
    return 0;
}

/* The size of the file bounds the frames in it: only TRUNCATE makes it
 * smaller. Looked at by name, because closing a second descriptor of it would
 * drop SQLite's locks (sqlite.org/howtocorrupt.html section 2.2). */
static bool wal_is_long(sqlite3 *handle)
{
    const char *path =
        sqlite3_filename_wal(sqlite3_db_filename(handle, "main"));
    struct stat info;
    return stat(path, &info) == 0 &&
           info.st_size >= (off_t)CHECKPOINT_FRAMES * WAL_FRAME_BYTES;
}

int database_checkpoint(struct database *db, bool *ret_busy, struct err *e)
{
    *ret_busy = false;
    database_rest(db);
    if (!wal_is_long(db->handle)) {
        return 0;
    }
    db->busy_ms = CHECKPOINT_BUSY_MS;
    int rc = sqlite3_wal_checkpoint_v2(db->handle, "main",
                                       SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    db->busy_ms = BUSY_MS;
    if ((rc & 0xff) == SQLITE_BUSY) {
        *ret_busy = true;
        return 0;
    }
    return rc == SQLITE_OK ? 0 : database_error(db, e, "checkpoint");
}
