/* SPDX-License-Identifier: Apache-2.0 */

/* Registry cards: what dispensing sites of a district may know of who is treated
 * in it, kept by the district's hub (0012_told.sql, v_card). */
#include "store/tell.h"

enum {
    CARD_TABLE = 83,
    CARD_COLUMNS = 16,
    CARD_STATUS = 5, /* indexes */
    CARD_DATA_THROUGH = 12,
    CARD_RECORDED_AT = 14,
};

/* Of v_card, behind person_id. */
enum { FACTS = 13, FACT_DATA_THROUGH = 10, FACT_VITAL = 11, FACT_AGAIN = 12 };

static struct value next(struct cursor *c)
{
    return value_decode(c, SIZE_MAX); /* we wrote it */
}

/* The card of a record as it is said: 1 there is one. */
static int read_said(struct telling *t, const struct value *person,
                     struct bytes *ret, struct value cells[CARD_COLUMNS],
                     struct err *e)
{
    static const char sql[] = "SELECT * FROM v_card_told WHERE person_id = ?1";
    size_t count = 0;
    int rc = tell_read(t, sql, person, NULL, ret, &count, e);
    struct cursor c = cursor_of(slice_of(ret));
    for (size_t i = 0; rc == 0 && count > 0 && i < CARD_COLUMNS; i++) {
        cells[i] = next(&c);
    }
    return rc == 0 ? count > 0 : rc;
}

static void put(const struct value cells[CARD_COLUMNS], struct bytes *ret)
{
    bytes_clear(ret);
    for (size_t i = 0; i < CARD_COLUMNS; i++) {
        value_encode(&cells[i], ret);
    }
}

/* How far the sites concerned are known goes on by itself, and is said with
 * whatever else changes. */
static void say(struct telling *t, struct value cells[CARD_COLUMNS],
                const struct value *held, const struct bytes *said)
{
    const struct value through = cells[CARD_DATA_THROUGH];
    struct bytes row = {0};
    if (held != NULL) {
        cells[CARD_DATA_THROUGH] = held[CARD_DATA_THROUGH];
        cells[CARD_RECORDED_AT] = held[CARD_RECORDED_AT];
        put(cells, &row);
    }
    if (held == NULL || !slice_equal(slice_of(&row), slice_of(said))) {
        cells[CARD_DATA_THROUGH] = through;
        put(cells, &row);
        tell_row(t, CARD_TABLE, &row, CARD_COLUMNS, said);
    }
    bytes_free(&row);
}

static int tell_card(struct telling *t, const struct value *person,
                     const struct value facts[FACTS], struct err *e)
{
    const struct value here = value_text(t->r->self.site);
    struct value cells[CARD_COLUMNS];
    struct value held[CARD_COLUMNS];
    struct bytes said = {0};
    int rc = read_said(t, person, &said, held, e);
    if (rc >= 0) {
        cells[0] = *person;
        cells[1] = here;
        for (size_t i = 0; i <= FACT_DATA_THROUGH; i++) {
            cells[i + 2] = facts[i];
        }
        cells[CARD_DATA_THROUGH + 1] = here;
        cells[CARD_RECORDED_AT] = value_text(t->now);
        cells[CARD_RECORDED_AT + 1] = facts[FACT_VITAL];
        say(t, cells, rc == 1 ? held : NULL, &said);
    }
    bytes_free(&said);
    return rc < 0 ? rc : 0;
}

/* A card that should not be there says so: rows are not deleted. */
static int withdraw(struct telling *t, const struct value *person,
                    struct err *e)
{
    struct value held[CARD_COLUMNS];
    struct bytes said = {0};
    struct bytes row = {0};
    int rc = read_said(t, person, &said, held, e);
    if (rc == 1) {
        held[CARD_STATUS] = value_text("entered_in_error");
        put(held, &row);
        tell_row(t, CARD_TABLE, &row, CARD_COLUMNS, &said);
    }
    bytes_free(&row);
    bytes_free(&said);
    return rc < 0 ? rc : 0;
}

static int withdraw_others(struct telling *t, const struct value *id,
                           struct err *e)
{
    static const char sql[] =
        "SELECT s.person_id FROM sync_person_canon c"
        " CROSS JOIN v_card_told s ON s.person_id = c.person_id"
        " WHERE c.canon_id = ?1 AND s.status <> 'entered_in_error'"
        " AND NOT EXISTS(SELECT 1 FROM v_card k WHERE k.canon_id = ?1"
        "  AND k.person_id = s.person_id)";
    struct bytes list = {0};
    size_t count = 0;
    int rc = tell_read(t, sql, id, NULL, &list, &count, e);
    struct cursor c = cursor_of(slice_of(&list));
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct value person = next(&c);
        rc = withdraw(t, &person, e);
    }
    bytes_free(&list);
    return rc;
}

int card_gather(struct telling *t, struct owed *o, struct err *e)
{
    static const char sql[] =
        "SELECT person_id, owner_site, owner_epoch, programme, status,"
        " item_code, daily_dose_mcg, last_dose_on, covered_until, held_at_site,"
        " merged_into, data_through, vital_status, again FROM v_card"
        " WHERE canon_id = ?1";
    const struct value id = {.type = VALUE_TEXT, .bytes = slice_of(&o->id)};
    struct bytes list = {0};
    size_t count = 0;
    int rc = tell_read(t, sql, &id, NULL, &list, &count, e);
    struct cursor c = cursor_of(slice_of(&list));
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct value facts[FACTS];
        const struct value person = next(&c);
        for (size_t k = 0; k < FACTS; k++) {
            facts[k] = next(&c);
        }
        if (facts[FACT_AGAIN].type == VALUE_TEXT) {
            tell_again(o, &facts[FACT_AGAIN]);
        }
        rc = tell_card(t, &person, facts, e);
    }
    bytes_free(&list);
    return rc == 0 ? withdraw_others(t, &id, e) : rc;
}
