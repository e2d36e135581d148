/* SPDX-License-Identifier: Apache-2.0 */
#include "store/admit.h"

#include <assert.h>
#include <string.h>

#include "protocol/context.h"
#include "protocol/elements.h"
#include "store/evidence.h"

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

static int admit_certificate(struct registry *r,
                             const struct certificate *origin,
                             const struct changeset_header *header,
                             const struct leaf *leaf, struct err *says)
{
    struct certificate c;
    int rc = certificate_of_leaf(leaf, &c, says);
    if (rc == 0) {
        rc = registry_admit(r, &origin->node, &c, says);
    }
    if (rc == 0) {
        standing_add_certificate(registry_standing(r), &c, header);
    }
    return rc;
}

/* A proof speaks for itself, and nobody's end is undone by what follows it;
 * other control leaves count as far as their changeset does, and voids also
 * where that is void. */
static bool stands_alone(const struct changeset_header *header,
                         const struct leaf *leaf)
{
    struct revocation v;
    if (leaf->table != TABLE_REVOCATION) {
        return leaf->table == TABLE_FORK;
    }
    int rc = revocation_of_leaf(leaf, &v, NULL);
    assert(rc == 0); /* it was admitted */
    return hash_equal(&v.node, &header->origin);
}

static enum admission admission_of(int rc)
{
    if (rc == 0) {
        return ADMISSION_YES;
    }
    return rc == ERR_UNKNOWN || rc == ERR_FORK ? ADMISSION_WAITING
                                               : ADMISSION_REFUSED;
}

static enum admission admit_control(struct registry *r,
                                    const struct certificate *origin,
                                    const struct changeset_header *header,
                                    const struct leaf *leaf, struct err *says)
{
    int rc;
    if (leaf->table == TABLE_CERTIFICATE) {
        rc = admit_certificate(r, origin, header, leaf, says);
        rc = rc == 0 || rc == ERR_FORBIDDEN ? rc : ERR_FORMAT;
    } else if (evidence_is(leaf->table)) {
        rc = evidence_admit(r, origin, header, leaf, says);
    } else {
        return ADMISSION_UNKNOWN;
    }
    if (rc == 0 && !stands_alone(header, leaf)) {
        rc = evidence_verdict(r, header, says);
        /* what was taken back once stays so */
        rc = leaf->table == TABLE_VOID && rc == ERR_FUTURE ? 0 : rc;
    }
    return admission_of(rc);
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
bool admit_key(const struct table *table, const struct leaf *leaf,
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

/* The columns of a group come with the first, which decides for them. */
static bool groups_fit(const struct table *table, const struct leaf *leaf,
                       struct err *says)
{
    for (size_t i = 0; i < leaf->cell_count; i++) {
        const struct column *c = table_column(table, leaf->cells[i].column);
        if (c != NULL && c->lead != NULL &&
            leaf_cell(leaf, c->lead->id) == NULL) {
            err_set(says, ERR_FORMAT, "column %s.%s comes without %s",
                    table->name, c->name, c->lead->name);
            return false;
        }
    }
    return true;
}

/* Values that decide must be what they are compared as; a wrong one would win
 * for ever. Others that a table does not take are not shown, and no more. */
static bool value_fits(const struct column *c, const struct value *v)
{
    struct elements elements;
    bool sound = true;
    bool ordered = c->policy == POLICY_MAX || c->policy == POLICY_MIN ||
                   c->policy == POLICY_RANK || c->safe != SAFE_LATEST;
    if (c->policy == POLICY_UNION) {
        sound = elements_decode(v, &elements);
        elements_clear(&elements);
    } else if (c->lead == NULL && ordered) {
        sound = v->type == c->type || v->type == VALUE_NULL;
    }
    return sound;
}

static bool values_fit(const struct table *table, const struct leaf *leaf,
                       struct err *says)
{
    for (size_t i = 0; i < leaf->cell_count; i++) {
        const struct column *c = table_column(table, leaf->cells[i].column);
        if (c != NULL && !value_fits(c, &leaf->cells[i].value)) {
            err_set(says, ERR_FORMAT, "column %s.%s cannot hold such a value",
                    table->name, c->name);
            return false;
        }
    }
    return true;
}

/* Is this the write of the leaf itself, or one after it? */
static bool is_later(const struct context_entry *entry,
                     const struct changeset_header *header,
                     const struct leaf *leaf)
{
    bool after =
        entry->incarnation == header->incarnation && entry->seq >= header->seq;
    bool named = leaf->named && entry->incarnation == leaf->name.incarnation &&
                 entry->seq >= leaf->name.seq;
    return (after || named) &&
           memcmp(entry->origin, header->origin.bytes, HASH_BYTES) == 0;
}

/* Nobody covers what was not written yet. */
static bool contexts_fit(const struct table *table,
                         const struct changeset_header *header,
                         const struct leaf *leaf, struct err *says)
{
    for (size_t i = 0; header != NULL && i < leaf->cell_count; i++) {
        struct context context =
            context_of(leaf->contexts, leaf->cells[i].column);
        struct context_entry entry;
        while (context_next(&context, &entry)) {
            if (is_later(&entry, header, leaf)) {
                err_set(says, ERR_FORMAT,
                        "a write of %s covers what came after it", table->name);
                return false;
            }
        }
    }
    return true;
}

static bool form_fits(const struct table *table,
                      const struct changeset_header *header,
                      const struct leaf *leaf, struct err *says)
{
    if (!table->deletes && leaf->cl > 1) {
        err_set(says, ERR_FORBIDDEN, "rows of %s are not deleted", table->name);
        return false;
    }
    if (leaf->op == LEAF_DELETE && leaf->class_id != table->base_class) {
        err_set(says, ERR_FORMAT, "a row of %s ends in its base class",
                table->name);
        return false;
    }
    return admit_key(table, leaf, says) && scope_fits(table, leaf, says) &&
           ids_fit(table, leaf, says) && columns_fit(table, leaf, says) &&
           groups_fit(table, leaf, says) && values_fit(table, leaf, says) &&
           contexts_fit(table, header, leaf, says);
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
    return leaf->op == LEAF_DELETE && table->owner_column != NULL;
}

static bool is_epoch(const struct value *v, uint32_t epoch)
{
    return v != NULL && v->type == VALUE_INTEGER && v->integer == epoch;
}

/* Who makes a row, and owns it, does so under the first epoch; who takes it over
 * writes both its owner and its epoch, and nothing else does. */
static bool hands_fit(const struct table *table,
                      const struct certificate *origin, const struct leaf *leaf)
{
    const struct value *owner = leaf_cell(leaf, table->owner_column->id);
    const struct value *epoch = table->epoch_column == NULL
                                    ? NULL
                                    : leaf_cell(leaf, table->epoch_column->id);
    if (births(table, leaf)) {
        return (!leaf->owned || leaf->owner.epoch == 1) &&
               (table->epoch_column == NULL || is_epoch(epoch, 1));
    }
    if (owner == NULL && epoch == NULL) {
        return true;
    }
    return leaf->owner.epoch > 1 && is_site(owner, origin->site) &&
           is_epoch(epoch, leaf->owner.epoch);
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
    if (table->owner_column != NULL && births(table, leaf) &&
        !is_site(leaf_cell(leaf, table->owner_column->id), origin->site)) {
        err_set(says, ERR_FORBIDDEN,
                "site %s makes a row of %s that another site owns",
                origin->site, table->name);
        return false;
    }
    if (table->owner_column != NULL && !hands_fit(table, origin, leaf)) {
        err_set(says, ERR_FORBIDDEN,
                "site %s changes the owner of a row of %s without taking it "
                "over under the next epoch",
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

/* Events of both branches of a fork stay, and those of what was taken back: what
 * was dispensed was dispensed. Signed anew they are the same rows; and who says of
 * a register that it was ahead of its time withdraws nothing. */
static enum admission stands(const struct table *table, struct registry *r,
                             const struct changeset_header *header,
                             struct err *says)
{
    int rc = header == NULL ? 0 : evidence_verdict(r, header, says);
    bool stays =
        rc == ERR_FORK || (rc == ERR_FUTURE &&
                           !standing_is_cut_off(registry_standing(r), header));
    return stays && table->kind == TABLE_EVENT ? ADMISSION_YES
                                               : admission_of(rc);
}

enum admission admit_leaf(const struct manifest *m, struct registry *r,
                          const struct certificate *origin,
                          const struct changeset_header *header,
                          const struct leaf *leaf, struct err *says)
{
    if (leaf->class_id == CLASS_CONTROL || leaf->table <= TABLE_CONTROL_MAX) {
        return admit_control(r, origin, header, leaf, says);
    }
    const struct table *table = manifest_table(m, leaf->table);
    if (table == NULL) {
        return ADMISSION_UNKNOWN;
    }
    if (!may_write(origin, table, leaf, says) ||
        !form_fits(table, header, leaf, says) ||
        !writer_fits(table, r, origin, leaf, says)) {
        return ADMISSION_REFUSED;
    }
    return table_has_class(table, leaf->class_id)
               ? stands(table, r, header, says)
               : ADMISSION_UNKNOWN;
}
