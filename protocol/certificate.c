/* SPDX-License-Identifier: Apache-2.0 */
#include "certificate.h"

#include "site.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Column numbers as the table in the header gives them. */
enum {
    NODE = 1,
    SIGN_PUBLIC,
    BOX_PUBLIC,
    CURVE_PUBLIC,
    PARENT,
    SITE,
    TABLES,
    MAY_READ,
    MAY_GRANT,
    MAY_ENROL,
};

enum { SERIAL_BYTES = 8 };

static_assert((int)MAY_ENROL == (int)CERTIFICATE_COLUMNS, "ten columns");
static_assert((int)CERTIFICATE_CLASSES_MAX <= (int)CERTIFICATE_TABLES_MAX,
              "a list of classes fits");

bool number_list_has(const struct number_list *list, uint16_t number)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->numbers[i] == number) {
            return true;
        }
    }
    return false;
}

/* --- to a leaf ----------------------------------------------------------- */

static void put_numbers(const struct number_list *list, size_t max,
                        struct bytes *out)
{
    assert(list->count <= max);
    for (size_t i = 0; i < list->count; i++) {
        char text[sizeof ",65535"];
        assert(list->numbers[i] > (i == 0 ? 0 : list->numbers[i - 1]));
        int len = snprintf(text, sizeof text, "%s%" PRIu16, i == 0 ? "" : ",",
                           list->numbers[i]);
        bytes_put(out, text, (size_t)len);
    }
}

/* The column's text is what stands in `memory` from `from` to `end`. */
static void set_text(struct leaf *leaf, uint16_t column,
                     const struct bytes *memory, size_t from, size_t end)
{
    leaf->cells[column - 1].value = (struct value){
        .type = VALUE_TEXT,
        .bytes = {.data = memory->data + from, .len = end - from},
    };
}

void certificate_leaf(const struct certificate *c, struct bytes *memory,
                      struct leaf *ret)
{
    assert(c->serial != 0);
    assert(!c->all_tables || c->tables.count == 0);
    size_t serial = memory->len;
    bytes_put_u64(memory, c->serial);
    size_t tables = memory->len;
    if (c->all_tables) {
        bytes_put(memory, "all", 3);
    } else {
        put_numbers(&c->tables, CERTIFICATE_TABLES_MAX, memory);
    }
    size_t may_read = memory->len;
    put_numbers(&c->may_read, CERTIFICATE_CLASSES_MAX, memory);
    size_t may_grant = memory->len;
    put_numbers(&c->may_grant, CERTIFICATE_CLASSES_MAX, memory);
    size_t end = memory->len;

    *ret = (struct leaf){
        .class_id = CLASS_CONTROL,
        .scope = {.kind = SCOPE_ALL},
        .table = TABLE_CERTIFICATE,
        .key_count = 1,
        .key[0] = value_blob(memory->data + serial, SERIAL_BYTES),
        .op = LEAF_INSERT,
        .cl = 1,
        .cell_count = CERTIFICATE_COLUMNS,
        .cells =
            {
                [NODE - 1].value = value_blob(c->node.bytes, HASH_BYTES),
                [SIGN_PUBLIC - 1].value =
                    value_blob(c->sign_public, KEY_PUBLIC_BYTES),
                [BOX_PUBLIC - 1].value =
                    value_blob(c->box_public, KEY_PUBLIC_BYTES),
                [CURVE_PUBLIC - 1].value =
                    value_blob(c->curve_public, KEY_PUBLIC_BYTES),
                [PARENT - 1].value = value_blob(c->parent.bytes, HASH_BYTES),
                [SITE - 1].value = value_text(c->site),
                [MAY_ENROL - 1].value = value_integer(c->may_enrol ? 1 : 0),
            },
    };
    for (size_t i = 0; i < CERTIFICATE_COLUMNS; i++) {
        ret->cells[i].column = (uint16_t)(i + 1);
    }
    set_text(ret, TABLES, memory, tables, may_read);
    set_text(ret, MAY_READ, memory, may_read, may_grant);
    set_text(ret, MAY_GRANT, memory, may_grant, end);
}

/* --- from a leaf --------------------------------------------------------- */

static bool is_certificate_row(const struct leaf *leaf)
{
    if (leaf->class_id != CLASS_CONTROL || leaf->scope.kind != SCOPE_ALL ||
        leaf->table != TABLE_CERTIFICATE || leaf->op != LEAF_INSERT ||
        leaf->cl != 1 || leaf->owned || leaf->named ||
        leaf->context_count != 0 || leaf->key_count != 1 ||
        leaf->cell_count != CERTIFICATE_COLUMNS) {
        return false;
    }
    for (size_t i = 0; i < CERTIFICATE_COLUMNS; i++) {
        if (leaf->cells[i].column != i + 1) {
            return false;
        }
    }
    return true;
}

static bool read_blob(const struct value *v, void *out, size_t bytes)
{
    if (v->type != VALUE_BLOB || v->bytes.len != bytes) {
        return false;
    }
    memcpy(out, v->bytes.data, bytes);
    return true;
}

/* One number of 1 to 65535 without leading zeros; 0 when there is none. */
static uint16_t read_number(struct slice *text)
{
    uint32_t number = 0;
    while (text->len > 0 && text->data[0] >= '0' && text->data[0] <= '9') {
        number = number * 10 + (uint32_t)(text->data[0] - '0');
        if (number == 0 || number > UINT16_MAX) {
            return 0;
        }
        text->data++;
        text->len--;
    }
    return (uint16_t)number;
}

static bool read_numbers(struct slice text, size_t max, struct number_list *ret)
{
    uint16_t last = 0;
    ret->count = 0;
    if (text.len == 0) {
        return true;
    }
    for (;;) {
        uint16_t number = read_number(&text);
        if (number <= last || ret->count == max) {
            return false;
        }
        ret->numbers[ret->count++] = number;
        last = number;
        if (text.len == 0) {
            return true;
        }
        if (text.data[0] != ',') {
            return false;
        }
        text.data++;
        text.len--;
    }
}

static bool read_lists(const struct leaf *leaf, struct certificate *c)
{
    const struct value *tables = &leaf->cells[TABLES - 1].value;
    const struct value *may_read = &leaf->cells[MAY_READ - 1].value;
    const struct value *may_grant = &leaf->cells[MAY_GRANT - 1].value;
    struct value all = value_text("all");
    if (tables->type != VALUE_TEXT || may_read->type != VALUE_TEXT ||
        may_grant->type != VALUE_TEXT) {
        return false;
    }
    c->all_tables = value_equal(tables, &all);
    if (!c->all_tables &&
        !read_numbers(tables->bytes, CERTIFICATE_TABLES_MAX, &c->tables)) {
        return false;
    }
    return read_numbers(may_read->bytes, CERTIFICATE_CLASSES_MAX,
                        &c->may_read) &&
           read_numbers(may_grant->bytes, CERTIFICATE_CLASSES_MAX,
                        &c->may_grant);
}

static bool read_site(const struct value *v, struct certificate *c)
{
    if (v->type != VALUE_TEXT || !site_name_is_valid(v->bytes)) {
        return false;
    }
    memcpy(c->site, v->bytes.data, v->bytes.len); /* the rest is zero */
    return true;
}

static bool read_keys(const struct leaf *leaf, struct certificate *c)
{
    const struct leaf_cell *cells = leaf->cells;
    uint8_t serial[SERIAL_BYTES];
    if (!read_blob(&leaf->key[0], serial, sizeof serial)) {
        return false;
    }
    c->serial = be64_get(serial);
    return c->serial != 0 &&
           read_blob(&cells[NODE - 1].value, c->node.bytes, HASH_BYTES) &&
           read_blob(&cells[SIGN_PUBLIC - 1].value, c->sign_public,
                     KEY_PUBLIC_BYTES) &&
           read_blob(&cells[BOX_PUBLIC - 1].value, c->box_public,
                     KEY_PUBLIC_BYTES) &&
           read_blob(&cells[CURVE_PUBLIC - 1].value, c->curve_public,
                     KEY_PUBLIC_BYTES) &&
           read_blob(&cells[PARENT - 1].value, c->parent.bytes, HASH_BYTES);
}

int certificate_of_leaf(const struct leaf *leaf, struct certificate *ret,
                        struct err *e)
{
    if (!is_certificate_row(leaf)) {
        return err_set(e, ERR_FORMAT, "a leaf is not a certificate's row");
    }
    struct certificate c = {0};
    if (!read_keys(leaf, &c)) {
        return err_set(e, ERR_FORMAT,
                       "a certificate has a serial or key of another form");
    }
    const struct value *enrol = &leaf->cells[MAY_ENROL - 1].value;
    if (!read_site(&leaf->cells[SITE - 1].value, &c) || !read_lists(leaf, &c) ||
        enrol->type != VALUE_INTEGER || enrol->integer < 0 ||
        enrol->integer > 1) {
        return err_set(e, ERR_FORMAT,
                       "certificate %016" PRIx64
                       " has a site, list or right of another form",
                       c.serial);
    }
    c.may_enrol = enrol->integer == 1;
    struct hash node = keys_node(c.sign_public);
    if (!hash_equal(&node, &c.node)) {
        return err_set(e, ERR_FORMAT,
                       "certificate %016" PRIx64
                       " names a node that is not its identity key's",
                       c.serial);
    }
    *ret = c;
    return 0;
}

/* --- who may issue what -------------------------------------------------- */

static bool may_someone_grant(const struct certificate *const *path,
                              size_t path_count, uint16_t class_id)
{
    for (size_t i = 0; i < path_count; i++) {
        if (number_list_has(&path[i]->may_grant, class_id)) {
            return true;
        }
    }
    return false;
}

/* An issuer that makes one of its own ancestors its child would bend the tree
 * into a ring. The root alone names itself: when it renews its certificate. */
static bool is_on_path(const struct certificate *const *path, size_t path_count,
                       const struct certificate *c)
{
    for (size_t i = 0; i < path_count; i++) {
        if (hash_equal(&path[i]->node, &c->node)) {
            return true;
        }
    }
    return false;
}

static int check_place(const struct certificate *const *path, size_t path_count,
                       const struct certificate *c, struct err *e)
{
    const struct certificate *issuer = path[0];
    if (!hash_equal(&c->parent, &issuer->node)) {
        char parent[HASH_SHORT_BYTES];
        char node[HASH_SHORT_BYTES];
        hash_print_short(&c->parent, parent);
        hash_print_short(&issuer->node, node);
        return err_set(e, ERR_FORBIDDEN,
                       "certificate of %s names %s as parent, but %s issued it",
                       c->site, parent, node);
    }
    bool renewal = path_count == 1 && hash_equal(&c->node, &issuer->node);
    if (!renewal && is_on_path(path, path_count, c)) {
        return err_set(e, ERR_FORBIDDEN,
                       "certificate of %s is for its issuer %s or a node "
                       "above it",
                       c->site, issuer->site);
    }
    if (!renewal && path_count >= TREE_DEPTH_MAX) {
        return err_set(e, ERR_FORBIDDEN,
                       "certificate of %s would make the tree more than %d "
                       "nodes deep",
                       c->site, TREE_DEPTH_MAX);
    }
    return 0;
}

static int check_rights(const struct certificate *const *path,
                        size_t path_count, const struct certificate *c,
                        struct err *e)
{
    const struct certificate *issuer = path[0];
    if (!issuer->may_enrol) {
        return err_set(e, ERR_FORBIDDEN,
                       "certificate of %s: its issuer %s may not enrol nodes",
                       c->site, issuer->site);
    }
    for (size_t i = 0; i < c->may_grant.count; i++) {
        uint16_t class_id = c->may_grant.numbers[i];
        if (!number_list_has(&issuer->may_grant, class_id)) {
            return err_set(e, ERR_FORBIDDEN,
                           "certificate of %s may grant class %d, which its "
                           "issuer %s may not grant",
                           c->site, class_id, issuer->site);
        }
    }
    for (size_t i = 0; i < c->may_read.count; i++) {
        uint16_t class_id = c->may_read.numbers[i];
        if (!may_someone_grant(path, path_count, class_id)) {
            return err_set(e, ERR_FORBIDDEN,
                           "certificate of %s may read class %d, which nobody "
                           "up to the root may grant",
                           c->site, class_id);
        }
    }
    return 0;
}

int certificate_may_issue(const struct certificate *const *path,
                          size_t path_count, const struct certificate *c,
                          struct err *e)
{
    assert(path_count >= 1);
    if (path_count == 1 && path[0]->serial == c->serial &&
        hash_equal(&path[0]->node, &c->node) &&
        hash_equal(&c->parent, &c->node)) {
        return 0; /* the root: it answers to nobody */
    }
    int rc = check_place(path, path_count, c, e);
    return rc != 0 ? rc : check_rights(path, path_count, c, e);
}
