/* SPDX-License-Identifier: Apache-2.0 */
#include "node/import_inside.h"

#include "node/twins.h"
#include "store/numbers.h"

#include <stdio.h>
#include <string.h>

/* --- the number in the register ------------------------------------------- */

/* Remembers which number a person has in the register. Who had it before was
 * entered in error. */
static int remember(struct import *i, const char *person, struct err *e)
{
    if (i->order.map == NULL || import_entry(i)[0] == '\0') {
        return 0;
    }
    struct value name = value_text(i->order.map->name);
    struct value entry = value_text(import_entry(i));
    struct value person_value = value_text(person);
    sqlite3_stmt *stmt = NULL;
    int rc = database_statement(
        i->db,
        "INSERT INTO local_register(register, entry, person_id)"
        " VALUES (:name, :entry, :person)"
        " ON CONFLICT DO UPDATE SET person_id = :person",
        &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind(stmt, ":name", &name);
    database_bind(stmt, ":entry", &entry);
    database_bind(stmt, ":person", &person_value);
    i->state.remembered++;
    return database_done(i->db, stmt, e);
}

/* Who has the entry of the row at hand: 1, or 0 for nobody. */
static int remembered(struct import *i, char ret[KEY_BYTES_MAX + 1],
                      struct err *e)
{
    if (i->order.map == NULL || import_entry(i)[0] == '\0') {
        return 0;
    }
    struct value name = value_text(i->order.map->name);
    struct value entry = value_text(import_entry(i));
    sqlite3_stmt *stmt = NULL;
    int rc = database_statement(i->db,
                                "SELECT r.person_id FROM local_register r"
                                " JOIN person p USING(person_id)"
                                " WHERE r.register = :name"
                                " AND r.entry = :entry"
                                " AND p.record_status = 'active'",
                                &stmt, e);
    if (rc == 0) {
        database_bind(stmt, ":name", &name);
        database_bind(stmt, ":entry", &entry);
        rc = database_step(i->db, stmt, e);
    }
    if (rc == 1) {
        (void)snprintf(ret, KEY_BYTES_MAX + 1, "%s",
                       (const char *)sqlite3_column_text(stmt, 0));
        (void)sqlite3_reset(stmt);
    }
    return rc;
}

/* --- people ----------------------------------------------------------------- */

/* What the row at hand says in a column, with an end; NULL: nothing. */
static const char *said(const struct target_column *c, struct bytes *out)
{
    if (!c->used || c->cell.value.type != VALUE_TEXT) {
        return NULL;
    }
    bytes_clear(out);
    bytes_put(out, c->cell.value.bytes.data, c->cell.value.bytes.len);
    bytes_put_u8(out, '\0');
    return (const char *)out->data;
}

/* Who the row at hand is about: texts are owned by `texts`. */
struct who {
    struct bytes texts[5];
    const char *number;
    struct name_facts facts;
    bool is_named; /* the file says which person it is; names say no more */
};

static void read_who(struct import *i, struct who *ret)
{
    struct target *t = i->target;
    const struct target_column *year = target_column_named(t, "birth_year");
    bool has_year = year->used && year->cell.value.type == VALUE_INTEGER;
    *ret = (struct who){.is_named = target_column_named(t, "person_id")->used};
    ret->number =
        said(target_column_named(t, "beneficiary_no"), &ret->texts[0]);
    ret->facts = (struct name_facts){
        .given = said(target_column_named(t, "given_name"), &ret->texts[1]),
        .family = said(target_column_named(t, "family_name"), &ret->texts[2]),
        .parent = said(target_column_named(t, "parent_name"), &ret->texts[3]),
        .sex = said(target_column_named(t, "sex"), &ret->texts[4]),
        .birth_year = has_year ? year->cell.value.integer : 0,
    };
}

static void free_who(struct who *w)
{
    for (size_t n = 0; n < sizeof w->texts / sizeof w->texts[0]; n++) {
        bytes_free(&w->texts[n]);
    }
}

static const char *duplicate_of(const struct twin *twin, char out[],
                                size_t size)
{
    static const char *const signs[] = {
        [TWIN_NONE] = "",
        [TWIN_NUMBER] = "the beneficiary number",
        [TWIN_NAME] = "the name, parent, birth year and sex",
        [TWIN_TOKEN] = "the match token (name, parent, birth year, sex)",
    };
    char where[48] = "";
    if (twin->line != 0) {
        (void)snprintf(where, sizeof where, " (line %llu)",
                       (unsigned long long)twin->line);
    }
    (void)snprintf(out, size, "has %s of %s%s", signs[twin->sign], twin->person,
                   where);
    return out;
}

/* Is the line that of a person whom the register named before? Then 1. By its
 * number in the register it would have been known: of lines without one, the
 * number on the card says so. A name that is the same may be somebody else's. */
static int is_known(struct import *i, const struct who *who,
                    const struct twin *twin, bool *ret, struct err *e)
{
    bool there = false;
    struct value person = value_text(twin->person);
    *ret = false;
    int rc = target_there(i->target, &person, &there, e);
    if (rc != 0 || !there || who->is_named) {
        return rc;
    }
    if (import_line_of_key(i, twin->person) != 0) {
        return 0;
    }
    *ret = target_difference(i->target) == NULL;
    return !*ret && twin->sign == TWIN_NUMBER && import_entry(i)[0] == '\0'
               ? import_is_ours(i, twin->person, ret, e)
               : 0;
}

/* Somebody like this is known: 1 when the row is to be inserted all the same.
 */
static int take_twin(struct import *i, uint64_t line, const struct who *who,
                     const struct twin *twin, struct err *e)
{
    const struct target_column *number =
        target_column_named(i->target, "beneficiary_no");
    const struct target_column *at = twin->sign == TWIN_NUMBER ? number : NULL;
    struct value person = value_text(twin->person);
    char what[ERR_TEXT_BYTES];
    bool known = false;
    int rc = is_known(i, who, twin, &known, e);
    if (rc == 0 && known) {
        rc = import_there(i, line, &person, twin->person, e);
        return rc == 0 ? remember(i, twin->person, e) : rc;
    }
    if (rc != 0) {
        return rc;
    }
    (void)duplicate_of(twin, what, sizeof what);
    if (i->order.takes_duplicates) {
        import_note(i, line, at, what);
        i->state.duplicates++;
        return 1;
    }
    import_bad_row(i, line, at,
                   "%s; --duplicates imports the line all the same", what);
    return 0;
}

/* A number from those that are ready; 0: there is none. */
static int take_ready_number(struct import *i, struct err *e)
{
    static const char sql[] =
        "UPDATE local_number"
        " SET taken_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), taken_by = :by"
        " WHERE number = (SELECT number FROM v_number_free LIMIT 1)"
        " RETURNING number";
    struct value by = value_text(i->state.id);
    sqlite3_stmt *stmt;
    int taken = 0;
    int rc = database_statement(i->db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind(stmt, ":by", &by);
    while ((rc = database_step(i->db, stmt, e)) == 1) {
        (void)snprintf(i->number, sizeof i->number, "%s",
                       (const char *)sqlite3_column_text(stmt, 0));
        taken = 1;
    }
    return rc < 0 ? rc : taken;
}

/* Where the register has none, the person gets a new number. */
static int take_number(struct import *i, struct err *e)
{
    struct target_column *c = target_column_named(i->target, "beneficiary_no");
    struct numbered made = {0};
    if (c->cell.value.type != VALUE_NULL) {
        return 0;
    }
    int rc = take_ready_number(i, e);
    if (rc == 0) {
        rc = numbers_fill(i->db, &i->network, NUMBER_POOL, &made, e);
        rc = rc == 0 ? take_ready_number(i, e) : rc;
    }
    if (rc == 0) {
        return err_set(e, ERR_STATE,
                       "there are no numbers for new people: this node has no "
                       "number of its own yet, or has used up all that it "
                       "can make; sangam number says which");
    }
    c->cell.value = value_text(i->number);
    return rc < 0 ? rc : 0;
}

static int insert_person(struct import *i, uint64_t line, const struct who *who,
                         struct err *e)
{
    char key[TARGET_KEY_BYTES];
    int rc = take_number(i, e);
    if (rc == 0) {
        rc = import_insert(i, line, key, e);
    }
    if (rc != 1) {
        return rc;
    }
    twins_add(i->twins, who->number, &who->facts, key, line);
    return remember(i, key, e);
}

/* The register's number of the row is known as somebody's. */
static int take_remembered(struct import *i, uint64_t line, const char *person,
                           struct err *e)
{
    struct value key = value_text(person);
    bool there = false;
    uint64_t first = import_line_of_key(i, person);
    if (first != 0) {
        import_bad_row(i, line, NULL, "'%.80s' is the key of line %llu already",
                       import_entry(i), (unsigned long long)first);
        return 0;
    }
    int rc = target_there(i->target, &key, &there, e);
    return rc == 0 ? import_there(i, line, &key, person, e) : rc;
}

static int take_new_person(struct import *i, uint64_t line, struct err *e)
{
    struct who who;
    struct twin twin;
    read_who(i, &who);
    int rc = twins_find(i->twins, who.number, who.is_named ? NULL : &who.facts,
                        &twin, e);
    i->state.compares_names = i->state.compares_names || twin.named;
    if (rc == 0 && twin.sign != TWIN_NONE && who.is_named) {
        const struct value *id =
            &target_column_named(i->target, "person_id")->cell.value;
        struct value person = value_text(twin.person);
        /* itself: the table says so, and whether it differs */
        twin.sign = value_equal(id, &person) ? TWIN_NONE : twin.sign;
    }
    if (rc == 0) {
        rc = twin.sign == TWIN_NONE ? 1 : take_twin(i, line, &who, &twin, e);
    }
    if (rc == 1) {
        rc = insert_person(i, line, &who, e);
    }
    free_who(&who);
    return rc;
}

int import_person(struct import *i, uint64_t line, struct err *e)
{
    char person[KEY_BYTES_MAX + 1];
    int rc = remembered(i, person, e);
    return rc < 0    ? rc
           : rc == 1 ? take_remembered(i, line, person, e)
                     : take_new_person(i, line, e);
}
