/* SPDX-License-Identifier: Apache-2.0 */
#include "calls.h"

#include <assert.h>
#include <stddef.h>

#include "store/database.h"

enum { PLACES_MAX = 4096 };

static struct {
    const void *failed[PLACES_MAX]; /* return addresses */
    size_t failed_count;
    bool armed;
    bool did;
    void (*heard)(void *of);
    void *of;
} calls;

void calls_fail(void)
{
    calls.armed = true;
    calls.did = false;
}

bool calls_heal(void)
{
    calls.armed = false;
    return calls.did;
}

void calls_hear(void (*heard)(void *of), void *of)
{
    calls.heard = heard;
    calls.of = of;
}

/* Is it this call's turn? */
static bool fails(const void *place)
{
    if (!calls.armed) {
        return false;
    }
    for (size_t i = 0; i < calls.failed_count; i++) {
        if (calls.failed[i] == place) {
            return false;
        }
    }
    assert(calls.failed_count < PLACES_MAX);
    calls.failed[calls.failed_count++] = place;
    calls.armed = false;
    calls.did = true;
    return true;
}

static int failure(struct err *e)
{
    return err_set(e, ERR_IO, "SQLite: the disk fails, says the test");
}

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the
 * linker makes these names. */
extern const char __executable_start[];

size_t calls_place(void)
{
    const char *place =
        calls.failed_count == 0 ? NULL : calls.failed[calls.failed_count - 1];
    return place == NULL ? 0 : (size_t)(place - __executable_start);
}

#define REAL(name) __real_database_##name
#define WRAP(name) __wrap_database_##name
#define HERE __builtin_return_address(0)

int REAL(run)(struct database *db, const char *sql, struct err *e);
int WRAP(run)(struct database *db, const char *sql, struct err *e);
int WRAP(run)(struct database *db, const char *sql, struct err *e)
{
    return fails(HERE) ? failure(e) : REAL(run)(db, sql, e);
}

int REAL(begin)(struct database *db, struct err *e);
int WRAP(begin)(struct database *db, struct err *e);
int WRAP(begin)(struct database *db, struct err *e)
{
    return fails(HERE) ? failure(e) : REAL(begin)(db, e);
}

int REAL(begin_read)(struct database *db, struct err *e);
int WRAP(begin_read)(struct database *db, struct err *e);
int WRAP(begin_read)(struct database *db, struct err *e)
{
    return fails(HERE) ? failure(e) : REAL(begin_read)(db, e);
}

int REAL(commit)(struct database *db, struct err *e);
int WRAP(commit)(struct database *db, struct err *e);
int WRAP(commit)(struct database *db, struct err *e)
{
    int rc = fails(HERE) ? failure(e) : REAL(commit)(db, e);
    if (rc == 0 && calls.heard != NULL) {
        calls.heard(calls.of);
    }
    return rc;
}

int REAL(statement)(struct database *db, const char *sql, sqlite3_stmt **ret,
                    struct err *e);
int WRAP(statement)(struct database *db, const char *sql, sqlite3_stmt **ret,
                    struct err *e);
int WRAP(statement)(struct database *db, const char *sql, sqlite3_stmt **ret,
                    struct err *e)
{
    return fails(HERE) ? failure(e) : REAL(statement)(db, sql, ret, e);
}

/* As the real one does, a step that fails resets its statement. */
static int failed_step(sqlite3_stmt *stmt, struct err *e)
{
    (void)sqlite3_reset(stmt);
    return failure(e);
}

int REAL(step)(struct database *db, sqlite3_stmt *stmt, struct err *e);
int WRAP(step)(struct database *db, sqlite3_stmt *stmt, struct err *e);
int WRAP(step)(struct database *db, sqlite3_stmt *stmt, struct err *e)
{
    return fails(HERE) ? failed_step(stmt, e) : REAL(step)(db, stmt, e);
}

int REAL(done)(struct database *db, sqlite3_stmt *stmt, struct err *e);
int WRAP(done)(struct database *db, sqlite3_stmt *stmt, struct err *e);
int WRAP(done)(struct database *db, sqlite3_stmt *stmt, struct err *e)
{
    return fails(HERE) ? failed_step(stmt, e) : REAL(done)(db, stmt, e);
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
