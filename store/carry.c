/* SPDX-License-Identifier: Apache-2.0 */

/* Alerts, carried to the sites they name that cannot see all of what they rest
 * on (0012_told.sql). Of two sites that do not see each other's rows the
 * lowest node above both says it, and no other. */
#include "store/tell.h"

enum {
    CARRIED_TABLE = 86,
    CARRIED_COLUMNS = 22, /* up to act_note */
    CARRIED_ENDED = 16,   /* index of it */
    FOUND_COLUMNS = 13,   /* of v_carry, without breach_id */
    SITES_MAX = 64,       /* concerned, that are looked at */
};

/* A breach that is told, or was. */
struct breach {
    struct value id;
    bool is_one; /* today */
    struct value found[FOUND_COLUMNS];
    struct bytes row;       /* which `found` borrows from */
    struct bytes act;       /* five values, NULL where nothing was done */
    struct bytes concerned; /* which `sites` borrows from */
    struct value sites[SITES_MAX];
    size_t site_count;
};

enum { FOUND_SITE_A = 5, FOUND_SITE_B = 6, FOUND_PROVISIONAL = 12 };

static struct value next(struct cursor *c)
{
    return value_decode(c, SIZE_MAX); /* we wrote it */
}

/* --- who sees what ---------------------------------------------------------- */

/* What a site wrote goes to the nodes of its district; what headquarters wrote,
 * to all. */
static bool sees(const struct registry *registry, const struct hash *site,
                 const struct hash *other)
{
    const struct hash *here = registry_district(registry, site);
    const struct hash *there = registry_district(registry, other);
    return registry_is_root(registry, other) ||
           (here != NULL && there != NULL && hash_equal(here, there));
}

/* Does some machine of a site write what the other does not see, and this node
 * alone sees both? A site may have machines in two districts. */
static bool is_hidden(const struct telling *t, const struct hash *from,
                      struct slice site)
{
    const struct registry *registry = t->r->merger.registry;
    for (size_t i = 0; i < registry_certificate_count(registry); i++) {
        const struct certificate *c = registry_certificate_at(registry, i);
        const struct value named = value_text(c->site);
        const struct hash *meet = slice_equal(named.bytes, site)
                                      ? registry_meet(registry, from, &c->node)
                                      : NULL;
        if (meet != NULL && hash_equal(meet, &t->r->self.node) &&
            !sees(registry, from, &c->node)) {
            return true;
        }
    }
    return false;
}

/* Has this node to tell that site of it? */
static bool tells(const struct telling *t, const struct breach *b,
                  const struct hash *site)
{
    if (hash_equal(site, &t->r->self.node)) {
        return false; /* it has found it */
    }
    for (size_t i = 0; i < b->site_count; i++) {
        if (is_hidden(t, site, b->sites[i].bytes)) {
            return true;
        }
    }
    return false;
}

/* --- what is said ------------------------------------------------------------ */

static int read_said(struct telling *t, const struct value *id,
                     const struct value *site, struct bytes *ret, struct err *e)
{
    static const char sql[] =
        "SELECT * FROM v_breach_told WHERE breach_id = ?1 AND to_site = ?2";
    size_t count = 0;
    return tell_read(t, sql, id, site, ret, &count, e);
}

static int say(struct telling *t, const struct breach *b,
               const struct value *site, struct err *e)
{
    const struct value carrier = value_text(t->r->self.site);
    const struct value ended = value_integer(0);
    struct bytes row = {0};
    struct bytes said = {0};
    value_encode(&b->id, &row);
    value_encode(site, &row);
    value_encode(&carrier, &row);
    for (size_t i = 0; i < FOUND_COLUMNS; i++) {
        value_encode(&b->found[i], &row);
    }
    value_encode(&ended, &row);
    bytes_put(&row, b->act.data, b->act.len);
    int rc = read_said(t, &b->id, site, &said, e);
    if (rc == 0) {
        tell_row(t, CARRIED_TABLE, &row, CARRIED_COLUMNS, &said);
    }
    bytes_free(&row);
    bytes_free(&said);
    return rc;
}

/* What was said to a site is so no more. */
static int take_back(struct telling *t, const struct value *id,
                     const struct value *site, struct err *e)
{
    const struct value ended = value_integer(1);
    struct bytes row = {0};
    struct bytes said = {0};
    int rc = read_said(t, id, site, &said, e);
    struct cursor c = cursor_of(slice_of(&said));
    for (size_t i = 0; rc == 0 && i < CARRIED_COLUMNS; i++) {
        const struct value v = next(&c);
        value_encode(i == CARRIED_ENDED ? &ended : &v, &row);
    }
    if (rc == 0) {
        tell_row(t, CARRIED_TABLE, &row, CARRIED_COLUMNS, &said);
    }
    bytes_free(&row);
    bytes_free(&said);
    return rc;
}

/* --- one breach --------------------------------------------------------------- */

static int read_found(struct telling *t, struct breach *b, struct err *e)
{
    static const char sql[] = "SELECT rule, kind, about, day, since, site_a,"
                              " site_b, person_a, person_b, row_a, row_b, says,"
                              " provisional FROM v_carry WHERE breach_id = ?1";
    size_t count = 0;
    int rc = tell_read(t, sql, &b->id, NULL, &b->row, &count, e);
    struct cursor c = cursor_of(slice_of(&b->row));
    b->is_one = rc == 0 && count > 0;
    for (size_t i = 0; b->is_one && i < FOUND_COLUMNS; i++) {
        b->found[i] = next(&c);
    }
    return rc;
}

/* What decides is shown. */
static int read_act(struct telling *t, struct breach *b, struct err *e)
{
    static const char sql[] =
        "SELECT act, origin_site, recorded_at, recorded_by, note"
        " FROM v_breach_act WHERE breach_id = ?1"
        " ORDER BY act = 'acknowledged', recorded_at DESC, act_id DESC LIMIT 1";
    const struct value none = {.type = VALUE_NULL};
    size_t count = 0;
    int rc = tell_read(t, sql, &b->id, NULL, &b->act, &count, e);
    for (int i = 0; rc == 0 && count == 0 && i < 5; i++) {
        value_encode(&none, &b->act);
    }
    return rc;
}

static int read_sites(struct telling *t, struct breach *b, struct err *e)
{
    static const char sql[] = "SELECT DISTINCT site_id FROM v_breach_concern"
                              " WHERE breach_id = ?1 ORDER BY site_id";
    size_t count = 0;
    int rc = tell_read(t, sql, &b->id, NULL, &b->concerned, &count, e);
    struct cursor c = cursor_of(slice_of(&b->concerned));
    for (size_t i = 0; rc == 0 && i < count && i < SITES_MAX; i++) {
        b->sites[b->site_count++] = next(&c);
    }
    return rc;
}

/* Says it to one of the sites it names, if it is for this node to say: 1. A site
 * that no node writes for yet is told when it has one. */
static int say_if(struct telling *t, struct owed *o, const struct breach *b,
                  const struct value *site, struct err *e)
{
    const struct registry *registry = t->r->merger.registry;
    if (!b->is_one || site->type != VALUE_TEXT) {
        return 0;
    }
    const struct hash *node = registry_node_of(registry, site->bytes);
    if (node == NULL) {
        tell_again(o, &t->tomorrow);
        return 0;
    }
    if (!tells(t, b, node)) {
        return 0;
    }
    if (b->found[FOUND_PROVISIONAL].integer != 0) {
        tell_again(o, &t->tomorrow);
    }
    int rc = say(t, b, site, e);
    return rc == 0 ? 1 : rc;
}

/* Sites that were told and are not to be. */
static int take_back_others(struct telling *t, const struct breach *b,
                            const bool told[2], struct err *e)
{
    static const char sql[] = "SELECT to_site FROM v_breach_told"
                              " WHERE breach_id = ?1 AND ended = 0";
    struct bytes list = {0};
    size_t count = 0;
    int rc = tell_read(t, sql, &b->id, NULL, &list, &count, e);
    struct cursor c = cursor_of(slice_of(&list));
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct value site = next(&c);
        bool is_told =
            (told[0] && value_equal(&site, &b->found[FOUND_SITE_A])) ||
            (told[1] && value_equal(&site, &b->found[FOUND_SITE_B]));
        rc = is_told ? 0 : take_back(t, &b->id, &site, e);
    }
    bytes_free(&list);
    return rc;
}

static int tell_breach(struct telling *t, struct owed *o, struct breach *b,
                       struct err *e)
{
    int rc = read_found(t, b, e);
    if (rc == 0 && b->is_one) {
        rc = read_sites(t, b, e);
    }
    if (rc == 0 && b->is_one) {
        rc = read_act(t, b, e);
    }
    int first = rc == 0 ? say_if(t, o, b, &b->found[FOUND_SITE_A], e) : rc;
    int other =
        first >= 0 ? say_if(t, o, b, &b->found[FOUND_SITE_B], e) : first;
    const bool told[2] = {first == 1, other == 1};
    return other < 0 ? other : take_back_others(t, b, told, e);
}

/* --- somebody ------------------------------------------------------------------ */

/* Everything found of them, or told and not taken back; and from when on it is a
 * breach. */
static const char person_sql[] =
    "SELECT breach_id, max(since), max(since) >= ?2 FROM ("
    " SELECT b.breach_id, b.since FROM sync_person_canon c"
    "  CROSS JOIN sync_breach b ON b.person_a = c.person_id"
    "  WHERE c.canon_id = ?1 AND b.kind = 'person'"
    " UNION ALL SELECT b.breach_id, b.since FROM sync_person_canon c"
    "  CROSS JOIN sync_breach b ON b.person_b = c.person_id"
    "  WHERE c.canon_id = ?1 AND b.kind = 'person'"
    " UNION ALL SELECT k.breach_id, NULL FROM sync_person_canon c"
    "  CROSS JOIN v_breach_told k ON k.person_a = c.person_id"
    "  WHERE c.canon_id = ?1 AND k.kind = 'person' AND k.ended = 0"
    " UNION ALL SELECT k.breach_id, NULL FROM sync_person_canon c"
    "  CROSS JOIN v_breach_told k ON k.person_b = c.person_id"
    "  WHERE c.canon_id = ?1 AND k.kind = 'person' AND k.ended = 0"
    ") GROUP BY breach_id";

#define OF_KIND(kind)                                                          \
    "SELECT breach_id, max(since), max(since) >= ?2 FROM ("                    \
    " SELECT breach_id, since FROM sync_breach"                                \
    "  WHERE kind = '" kind "' AND about = ?1"                                 \
    " UNION ALL SELECT breach_id, NULL FROM v_breach_told"                     \
    "  WHERE about = ?1 AND kind = '" kind "' AND ended = 0"                   \
    ") GROUP BY breach_id"

static const struct {
    const char *kind;
    const char *sql;
} kinds[] = {
    {"person", person_sql},
    {"worker", OF_KIND("worker")},
    {"site", OF_KIND("site")},
};

static const char *sql_of(const struct owed *o)
{
    const struct value kind = {.type = VALUE_TEXT, .bytes = slice_of(&o->kind)};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct value v = value_text(kinds[i].kind);
        if (value_equal(&kind, &v)) {
            return kinds[i].sql;
        }
    }
    return NULL;
}

static void free_breach(struct breach *b)
{
    bytes_free(&b->row);
    bytes_free(&b->act);
    bytes_free(&b->concerned);
}

int carry_gather(struct telling *t, struct owed *o, struct err *e)
{
    const struct value id = {.type = VALUE_TEXT, .bytes = slice_of(&o->id)};
    const char *sql = sql_of(o);
    struct bytes list = {0};
    size_t count = 0;
    int rc = sql == NULL
                 ? 0
                 : tell_read(t, sql, &id, &t->tomorrow, &list, &count, e);
    struct cursor c = cursor_of(slice_of(&list));
    for (size_t i = 0; rc == 0 && i < count && t->row_count < TELL_ROWS_MAX;
         i++) {
        struct breach b = {.id = next(&c)};
        const struct value since = next(&c);
        const struct value later = next(&c);
        if (later.integer != 0) {
            tell_again(o, &since);
        }
        rc = tell_breach(t, o, &b, e);
        free_breach(&b);
    }
    bytes_free(&list);
    return rc;
}
