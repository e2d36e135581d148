/* SPDX-License-Identifier: Apache-2.0 */
#include "node/import_inside.h"

#include "node/refusal.h"
#include "node/said.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What becomes of a cell of a row that is there. What the register said last
 * time, what it says and what stands here are compared. */
enum verdict {
    CELL_SAME,     /* what the register says stands here; or it says nothing */
    CELL_CHANGES,  /* the register says something else than last time */
    CELL_UNKNOWN,  /* what it said last time is not known */
    CELL_HERE,     /* changed here; the register says what it said */
    CELL_BOTH,     /* changed here and in the register */
    CELL_TOGETHER, /* it belongs together with one that was changed here */
    CELL_FIXED,    /* is written once */
    CELL_BACK,     /* goes one way only */
    CELL_SAFE,     /* a change of it is a new row */
};

struct again {
    struct import *i;
    uint64_t line;
    const struct table *manifest; /* NULL: the table is local */
    struct said *said;
    enum verdict verdicts[COLUMNS_MAX];
    struct bytes text;
};

/* --- judging ---------------------------------------------------------------- */

/* What the row at hand says; NULL: nothing. */
static const char *says(struct again *a, const struct target_column *c)
{
    cell_print(&c->cell.value, &a->text);
    return a->text.len > 0 ? (const char *)a->text.data : NULL;
}

static const char *stands(const struct target_column *c)
{
    return c->stands.len > 0 ? (const char *)c->stands.data : NULL;
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static const struct column *declared(const struct again *a,
                                     const struct target_column *c)
{
    return a->manifest == NULL ? NULL
                               : table_column_named(a->manifest, c->name);
}

/* Numbers, or texts such as days. */
static int compare(const struct target_column *c)
{
    const struct value *v = &c->cell.value;
    const char *old = stands(c);
    if (v->type == VALUE_INTEGER) {
        int64_t was = strtoll(old, NULL, 10);
        return (v->integer > was) - (v->integer < was);
    }
    size_t len = strlen(old);
    int order =
        memcmp(v->bytes.data, old, v->bytes.len < len ? v->bytes.len : len);
    return order != 0 ? order : (v->bytes.len > len) - (v->bytes.len < len);
}

/* Would merging show what stands there all the same? `min`, `max` and `rank`
 * (docs/semantics.md) never go back, and prefer any value to none. */
static bool goes_back(const struct column *column,
                      const struct target_column *c)
{
    struct value was = value_text(stands(c));
    bool one_way = column->policy == POLICY_MIN ||
                   column->policy == POLICY_MAX ||
                   column->policy == POLICY_RANK;
    if (!one_way || was.type == VALUE_NULL) {
        return false;
    }
    if (c->cell.value.type == VALUE_NULL) {
        return true;
    }
    return column->policy == POLICY_MIN ? compare(c) > 0
           : column->policy == POLICY_MAX
               ? compare(c) < 0
               : column_rank(column, &c->cell.value) <
                     column_rank(column, &was);
}

/* A cell that the register changed, by what its column takes. */
static enum verdict judge_change(const struct again *a,
                                 const struct target_column *c)
{
    const struct column *column = declared(a, c);
    if (column == NULL) {
        return CELL_CHANGES;
    }
    if (policy_is_fixed(column->policy)) {
        return CELL_FIXED;
    }
    /* of two values the safer one is shown: others rest on it */
    if (column->policy == POLICY_REVIEW && column->safe != SAFE_LATEST) {
        return CELL_SAFE;
    }
    return column_lead(column) == column && goes_back(column, c) ? CELL_BACK
                                                                 : CELL_CHANGES;
}

static enum verdict judge(struct again *a, const struct target_column *c)
{
    const char *before = NULL;
    if (!c->differs) {
        return CELL_SAME;
    }
    if (!said_column(a->said, c->name, &before)) {
        return CELL_UNKNOWN;
    }
    if (same_text(before, says(a, c))) {
        return CELL_HERE;
    }
    return same_text(before, stands(c)) ? judge_change(a, c) : CELL_BOTH;
}

/* Is there a column of the same group that stays as it is here? */
static bool group_stays(const struct again *a, const struct column *lead)
{
    const struct target *t = a->i->target;
    for (size_t n = 0; n < t->count; n++) {
        const struct column *other = declared(a, &t->columns[n]);
        if (other != NULL && column_lead(other) == lead &&
            a->verdicts[n] > CELL_CHANGES) {
            return true;
        }
    }
    return false;
}

/* Of all columns; true: the row is to be changed. Columns of one group are
 * written together, and win together. */
static bool judge_all(struct again *a)
{
    struct target *t = a->i->target;
    bool changes = false;
    for (size_t n = 0; n < t->count; n++) {
        a->verdicts[n] = judge(a, &t->columns[n]);
    }
    for (size_t n = 0; n < t->count; n++) {
        const struct column *column = declared(a, &t->columns[n]);
        if (a->verdicts[n] == CELL_CHANGES && column != NULL &&
            group_stays(a, column_lead(column))) {
            a->verdicts[n] = CELL_TOGETHER;
        }
        t->columns[n].changes = a->verdicts[n] == CELL_CHANGES;
        changes = changes || t->columns[n].changes;
    }
    return changes;
}

/* --- saying ------------------------------------------------------------------ */

enum { SHOWN_BYTES = 68 };

static const char *shown(const char *text, char out[SHOWN_BYTES])
{
    (void)snprintf(out, SHOWN_BYTES, text == NULL ? "nothing" : "'%.60s'",
                   text);
    return out;
}

/* Why a cell that the register changed was left. */
static const char *reason(const struct target_column *c, enum verdict verdict,
                          char out[ERR_TEXT_BYTES])
{
    static const char *const reasons[] = {
        [CELL_TOGETHER] = "it goes with what was left here as it is",
        [CELL_FIXED] = "here it is written once",
        [CELL_BACK] = "here it never goes back",
        [CELL_SAFE] = "here a change of it is a new row",
    };
    char here[SHOWN_BYTES];
    (void)snprintf(out, ERR_TEXT_BYTES, "here it was changed to %s since",
                   shown(stands(c), here));
    return verdict == CELL_BOTH ? out : reasons[verdict];
}

static void say_left(struct again *a, const struct target_column *c,
                     enum verdict verdict)
{
    char one[SHOWN_BYTES];
    char other[SHOWN_BYTES];
    char why[ERR_TEXT_BYTES];
    char what[ERR_TEXT_BYTES];
    const char *before = NULL;
    if (verdict == CELL_UNKNOWN) {
        (void)snprintf(what, sizeof what,
                       "the row is in %s already with %s here; it was left as "
                       "it is",
                       a->i->target->table, shown(stands(c), one));
    } else if (verdict == CELL_HERE) {
        (void)snprintf(what, sizeof what,
                       "was changed here to %s since; it was left as it is",
                       shown(stands(c), one));
    } else {
        (void)said_column(a->said, c->name, &before);
        (void)snprintf(what, sizeof what,
                       "the register said %s and says %s now, but %.120s; it "
                       "was left as it is",
                       shown(before, one), shown(says(a, c), other),
                       reason(c, verdict, why));
    }
    import_note(a->i, a->line, c, what);
}

static void say_change(struct again *a, const struct target_column *c)
{
    char here[SHOWN_BYTES];
    char now[SHOWN_BYTES];
    char what[ERR_TEXT_BYTES];
    (void)snprintf(what, sizeof what, "%s becomes %s", shown(stands(c), here),
                   shown(says(a, c), now));
    import_change(a->i, a->line, c, what);
}

/* A value for all rows is no word of the line: who finished a treatment here is
 * not told each month that the register has no column for it. */
static bool is_said(const struct target_column *c)
{
    return c->field != TARGET_NO_FIELD;
}

static void say_all(struct again *a)
{
    struct import_state *s = &a->i->state;
    const struct target *t = a->i->target;
    bool changed = false;
    bool left = false;
    for (size_t n = 0; n < t->count; n++) {
        const struct target_column *c = &t->columns[n];
        if (c->changes) {
            say_change(a, c);
            changed = true;
        } else if (a->verdicts[n] > CELL_CHANGES &&
                   (is_said(c) || a->verdicts[n] != CELL_HERE)) {
            say_left(a, c, a->verdicts[n]);
            left = true;
        }
    }
    s->there++;
    s->changed += changed;
    s->differing += left;
    s->same += !changed && !left;
}

/* --- writing ------------------------------------------------------------------ */

/* 1: written; 0: the table refused, and it was said. */
static int change_row(struct again *a, const struct value *key, struct err *e)
{
    struct import *i = a->i;
    struct row_refusal refusal;
    sqlite3_stmt *stmt = NULL;
    char what[ERR_TEXT_BYTES];
    int rc = target_update(i->target, key, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    if (database_step(i->db, stmt, e) == 0) {
        return 1;
    }
    if (!refusal_happened(i->target)) {
        return database_error(i->db, e, i->order.path);
    }
    refusal_read(i->target, &refusal);
    if (!refusal.guard) {
        import_fault(i, a->line, refusal.column, refusal.text);
        i->state.bad++;
        return 0;
    }
    /* who has moved to another site is theirs, and no mistake of the register */
    (void)snprintf(
        what, sizeof what,
        "the register changed, and the row was left as it is: %.400s",
        refusal.text);
    import_note(i, a->line, NULL, what);
    i->state.there++;
    i->state.differing++;
    return 0;
}

/* What the register and the row say alike is what the next import compares
 * with. */
static int keep(struct again *a, struct err *e)
{
    const struct target *t = a->i->target;
    for (size_t n = 0; n < t->count; n++) {
        const struct target_column *c = &t->columns[n];
        if (target_compares(c) && a->verdicts[n] <= CELL_CHANGES) {
            said_put(a->said, c->name, says(a, c));
        }
    }
    int rc = said_keep(a->said, a->i->db, e);
    a->i->state.remembered += rc == 1;
    return rc < 0 ? rc : 0;
}

static const char *register_name(const struct import *i)
{
    return i->order.map != NULL ? i->order.map->name : "";
}

int import_again(struct import *i, uint64_t line, const struct value *key,
                 const char *key_text, struct err *e)
{
    struct again a = {.i = i, .line = line};
    a.manifest = manifest_table_named(i->manifest, i->target->table);
    int rc = said_read(i->db, register_name(i), i->target->table, key_text,
                       &a.said, e);
    if (rc != 0) {
        return rc;
    }
    rc = judge_all(&a) ? change_row(&a, key, e) : 1;
    if (rc == 1) {
        say_all(&a);
        rc = keep(&a, e);
    }
    said_destroy(&a.said);
    bytes_free(&a.text);
    return rc;
}

int import_first(struct import *i, const char *key_text, struct err *e)
{
    struct again a = {.i = i}; /* every verdict is CELL_SAME */
    said_new(register_name(i), i->target->table, key_text, &a.said);
    int rc = keep(&a, e);
    said_destroy(&a.said);
    bytes_free(&a.text);
    return rc;
}

int import_is_ours(struct import *i, const char *key_text, bool *ret,
                   struct err *e)
{
    struct said *said = NULL;
    int rc = said_read(i->db, register_name(i), i->target->table, key_text,
                       &said, e);
    *ret = rc == 0 && said_any(said);
    said_destroy(&said);
    return rc;
}
