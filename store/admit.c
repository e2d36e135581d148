/* SPDX-License-Identifier: Apache-2.0 */
#include "store/admit.h"

#include <string.h>

const char admit_newer[] = "it is newer than this node";

static bool is_site(const struct value *v, const char *site)
{
    return v != NULL && v->type == VALUE_TEXT && v->bytes.len == strlen(site) &&
           memcmp(v->bytes.data, site, v->bytes.len) == 0;
}

/* The leaf that brings a row into being. */
static bool births(const struct table *table, const struct leaf *leaf)
{
    return leaf->op == LEAF_INSERT && leaf->class_id == table->base_class;
}

/* --- control ------------------------------------------------------------- */

static enum admission admit_control(struct registry *r,
                                    const struct certificate *origin,
                                    const struct leaf *leaf, struct err *says)
{
    struct certificate c;
    if (leaf->table != TABLE_CERTIFICATE) {
        return ADMISSION_UNKNOWN;
    }
    if (certificate_of_leaf(leaf, &c, says) != 0 ||
        registry_admit(r, &origin->node, &c, says) != 0) {
        return ADMISSION_REFUSED;
    }
    return ADMISSION_YES;
}

/* --- what the certificate allows ----------------------------------------- */

static bool may_write(const struct certificate *origin,
                      const struct table *table, const struct leaf *leaf,
                      struct err *says)
{
    if (!origin->all_tables &&
        !number_list_has(&origin->tables, (uint16_t)table->id)) {
        err_set(says, ERR_FORBIDDEN, "site %s may not write table %s",
                origin->site, table->name);
        return false;
    }
    if (!number_list_has(&origin->may_read, leaf->class_id)) {
        err_set(says, ERR_FORBIDDEN, "site %s may not write class %u",
                origin->site, (unsigned)leaf->class_id);
        return false;
    }
    return true;
}

/* --- the form of the leaf ------------------------------------------------ */

static bool table_has_class(const struct table *table, uint16_t class_id)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].class_id == class_id) {
            return true;
        }
    }
    return false;
}

/* The state of a row has room for COLUMNS_MAX columns, and ids are given from
 * 1 on. */
static bool ids_fit(const struct table *table, const struct leaf *leaf,
                    struct err *says)
{
    for (size_t i = 0; i < leaf->cell_count; i++) {
        uint16_t id = leaf->cells[i].column;
        if (id < 1 || id > COLUMNS_MAX) {
            err_set(says, ERR_LIMIT, "%s cannot have a column %u", table->name,
                    (unsigned)id);
            return false;
        }
    }
    return true;
}

/* A key is stored as it is: SQLite would make the text '5' of the number 5,
 * and leaves of two keys would write one row. */
static bool key_fits(const struct table *table, const struct leaf *leaf,
                     struct err *says)
{
    bool fits = leaf->key_count == table->key_count;
    for (size_t i = 0; fits && i < table->key_count; i++) {
        enum value_type type = leaf->key[i].type;
        fits = table->key[i]->varies ? type == VALUE_TEXT || type == VALUE_BLOB
                                     : type == VALUE_INTEGER;
    }
    if (!fits) {
        err_set(says, ERR_FORMAT, "%s has no such key", table->name);
    }
    return fits;
}

/* Each column is of the leaf's class, and an update changes only what may
 * change. Columns this version lacks are kept. */
static bool columns_fit(const struct table *table, const struct leaf *leaf,
                        struct err *says)
{
    for (size_t i = 0; i < leaf->cell_count; i++) {
        const struct column *c = table_column(table, leaf->cells[i].column);
        if (c == NULL) {
            continue;
        }
        if (c->class_id != leaf->class_id || c->policy == POLICY_KEY) {
            err_set(says, ERR_FORMAT, "column %s.%s is not of class %u",
                    table->name, c->name, (unsigned)leaf->class_id);
            return false;
        }
        if (leaf->op == LEAF_UPDATE && policy_is_fixed(c->policy)) {
            err_set(says, ERR_FORBIDDEN, "column %s.%s is written once",
                    table->name, c->name);
            return false;
        }
    }
    return true;
}

/* The value of the route column, which may be part of the key. */
static const struct value *route_value(const struct table *table,
                                       const struct leaf *leaf)
{
    for (size_t i = 0; i < table->key_count; i++) {
        if (table->key[i] == table->route_column) {
            return &leaf->key[i];
        }
    }
    return leaf_cell(leaf, table->route_column->id);
}

/* The leaf that brings a row says its scope in its route column too. */
static bool scope_fits(const struct table *table, const struct leaf *leaf,
                       struct err *says)
{
    bool fits = leaf->scope.kind == table->route;
    if (fits && births(table, leaf) && table->route_column != NULL) {
        const struct value *v = route_value(table, leaf);
        fits = v != NULL && v->type == VALUE_TEXT &&
               slice_equal(v->bytes, leaf->scope.id);
    }
    if (!fits) {
        err_set(says, ERR_FORMAT, "the scope is not what %s routes by",
                table->name);
    }
    return fits;
}

static bool form_fits(const struct table *table, const struct leaf *leaf,
                      struct err *says)
{
    /* no table allows deletion yet; a second life would take the row whole */
    if (leaf->op == LEAF_DELETE || leaf->cl > 1) {
        err_set(says, ERR_FORBIDDEN, "rows of %s are not deleted", table->name);
        return false;
    }
    return key_fits(table, leaf, says) && scope_fits(table, leaf, says) &&
           ids_fit(table, leaf, says) && columns_fit(table, leaf, says);
}

/* --- who wrote it -------------------------------------------------------- */

static bool claims_owner(const struct table *table, const struct leaf *leaf)
{
    for (size_t i = 0; i < leaf->cell_count; i++) {
        const struct column *c = table_column(table, leaf->cells[i].column);
        if (c != NULL && c->policy == POLICY_OWNER) {
            return true;
        }
    }
    return false;
}

static bool owner_fits(const struct table *table,
                       const struct certificate *origin,
                       const struct leaf *leaf, struct err *says)
{
    struct value claimed = {.type = VALUE_TEXT, .bytes = leaf->owner.site};
    if (claims_owner(table, leaf) &&
        (!leaf->owned || !is_site(&claimed, origin->site))) {
        err_set(says, ERR_FORBIDDEN,
                "site %s writes owned columns of %s without being the owner "
                "it claims",
                origin->site, table->name);
        return false;
    }
    if (births(table, leaf) && table->owner_column != NULL &&
        !is_site(leaf_cell(leaf, table->owner_column->id), origin->site)) {
        err_set(says, ERR_FORBIDDEN,
                "site %s makes a row of %s that another site owns",
                origin->site, table->name);
        return false;
    }
    return true;
}

static bool writer_fits(const struct table *table, const struct registry *r,
                        const struct certificate *origin,
                        const struct leaf *leaf, struct err *says)
{
    if (table->kind == TABLE_REFERENCE && !registry_is_root(r, &origin->node)) {
        err_set(says, ERR_FORBIDDEN,
                "%s is written at headquarters, not by site %s", table->name,
                origin->site);
        return false;
    }
    if (table->kind == TABLE_EVENT &&
        (leaf->op != LEAF_INSERT || leaf->cl != 1)) {
        err_set(says, ERR_FORBIDDEN, "rows of %s are never changed",
                table->name);
        return false;
    }
    if (births(table, leaf) && table->origin_column != NULL &&
        !is_site(leaf_cell(leaf, table->origin_column->id), origin->site)) {
        err_set(says, ERR_FORBIDDEN,
                "site %s writes a row of %s in another site's name",
                origin->site, table->name);
        return false;
    }
    return owner_fits(table, origin, leaf, says);
}

enum admission admit_leaf(const struct manifest *m, struct registry *r,
                          const struct certificate *origin,
                          const struct leaf *leaf, struct err *says)
{
    if (leaf->class_id == CLASS_CONTROL || leaf->table <= TABLE_CONTROL_MAX) {
        return admit_control(r, origin, leaf, says);
    }
    const struct table *table = manifest_table(m, leaf->table);
    if (table == NULL) {
        return ADMISSION_UNKNOWN;
    }
    if (!may_write(origin, table, leaf, says) ||
        !form_fits(table, leaf, says) ||
        !writer_fits(table, r, origin, leaf, says)) {
        return ADMISSION_REFUSED;
    }
    return table_has_class(table, leaf->class_id) ? ADMISSION_YES
                                                  : ADMISSION_UNKNOWN;
}
