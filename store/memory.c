/* SPDX-License-Identifier: Apache-2.0 */
#include "store/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Room for one more of `size` bytes in a list of `count`. */
static void *grow(void *list, size_t count, size_t size)
{
    void *grown = realloc(list, (count + 1) * size);
    if (grown == NULL) {
        abort();
    }
    return grown;
}

/* --- vectors ------------------------------------------------------------- */

void vector_clear(struct vector *v)
{
    free(v->entries);
    *v = (struct vector){0};
}

static void insert_entry(struct vector *v, size_t at,
                         const struct context_entry *dot)
{
    if (v->count == v->cap) {
        v->cap = v->cap == 0 ? 4 : v->cap * 2;
        v->entries = realloc(v->entries, v->cap * sizeof *v->entries);
        if (v->entries == NULL) {
            abort();
        }
    }
    memmove(&v->entries[at + 1], &v->entries[at],
            (v->count - at) * sizeof *v->entries);
    v->entries[at] = *dot;
    v->count++;
}

/* The place of a writer and incarnation: found, or where it belongs. */
static size_t place_of(const struct vector *v, const struct context_entry *dot)
{
    size_t at = 0;
    while (at < v->count && context_entry_compare(&v->entries[at], dot) < 0) {
        at++;
    }
    return at;
}

static bool is_at(const struct vector *v, size_t at,
                  const struct context_entry *dot)
{
    return at < v->count && context_entry_compare(&v->entries[at], dot) == 0;
}

bool vector_covers(const struct vector *v, const struct context_entry *dot)
{
    size_t at = place_of(v, dot);
    return is_at(v, at, dot) && v->entries[at].seq >= dot->seq;
}

void vector_add(struct vector *v, const struct context_entry *dot)
{
    size_t at = place_of(v, dot);
    if (!is_at(v, at, dot)) {
        insert_entry(v, at, dot);
    } else if (v->entries[at].seq < dot->seq) {
        v->entries[at].seq = dot->seq;
    }
}

/* Additions are a set: one entry each, ascending with their numbers. */
static bool insert_addition(struct vector *adds,
                            const struct context_entry *dot)
{
    size_t at = place_of(adds, dot);
    while (is_at(adds, at, dot) && adds->entries[at].seq < dot->seq) {
        at++;
    }
    if (is_at(adds, at, dot) && adds->entries[at].seq == dot->seq) {
        return false;
    }
    insert_entry(adds, at, dot);
    return true;
}

static void encode_vector(const struct vector *v, struct bytes *out)
{
    bytes_put_varint(out, v->count);
    for (size_t i = 0; i < v->count; i++) {
        bytes_put(out, v->entries[i].origin, CONTEXT_ORIGIN_BYTES);
        bytes_put_u64(out, v->entries[i].incarnation);
        bytes_put_varint(out, v->entries[i].seq);
    }
}

static void decode_vector(struct cursor *c, struct vector *ret)
{
    uint64_t count = cursor_varint(c);
    for (uint64_t i = 0; i < count && !c->bad; i++) {
        struct context_entry entry = {.seq = 0};
        const uint8_t *origin = cursor_take(c, CONTEXT_ORIGIN_BYTES);
        entry.incarnation = cursor_u64(c);
        entry.seq = cursor_varint(c);
        if (!c->bad) {
            memcpy(entry.origin, origin, CONTEXT_ORIGIN_BYTES);
            insert_entry(ret, ret->count, &entry);
        }
    }
}

static void add_all(struct vector *v, const struct vector *more)
{
    for (size_t i = 0; i < more->count; i++) {
        vector_add(v, &more->entries[i]);
    }
}

/* Keeps of each writer the entry with the highest number, mostly the last: its
 * incarnations follow each other in its chain. The others are covered by writes
 * that are held (docs/semantics.md section 5). */
static void keep_last(struct vector *v)
{
    size_t kept = 0;
    for (size_t i = 0; i < v->count; i++) {
        const struct context_entry *entry = &v->entries[i];
        bool same =
            kept > 0 && memcmp(v->entries[kept - 1].origin, entry->origin,
                               CONTEXT_ORIGIN_BYTES) == 0;
        if (same && v->entries[kept - 1].seq < entry->seq) {
            v->entries[kept - 1] = *entry;
        } else if (!same) {
            v->entries[kept++] = *entry;
        }
    }
    v->count = kept;
}

/* --- life ---------------------------------------------------------------- */

struct memory *memory_new(void)
{
    struct memory *m = calloc(1, sizeof *m);
    if (m == NULL) {
        abort();
    }
    return m;
}

static void clear_head(struct head *h)
{
    vector_clear(&h->past);
    bytes_free(&h->value);
}

static void clear_element(struct element *e)
{
    vector_clear(&e->adds);
    vector_clear(&e->removed);
    bytes_free(&e->value);
}

void memory_destroy(struct memory **m_p)
{
    struct memory *m = *m_p;
    *m_p = NULL;
    if (m == NULL) {
        return;
    }
    for (size_t i = 0; i < m->head_count; i++) {
        clear_head(&m->heads[i]);
    }
    for (size_t i = 0; i < m->element_count; i++) {
        clear_element(&m->elements[i]);
    }
    clear_head(&m->last);
    bytes_free(&m->value);
    vector_clear(&m->covered);
    free(m->heads);
    free(m->elements);
    free(m);
}

/* --- bytes --------------------------------------------------------------- */

static void encode_bytes(const struct bytes *b, struct bytes *out)
{
    bytes_put_varint(out, b->len);
    bytes_put(out, b->data, b->len);
}

static void decode_bytes(struct cursor *c, struct bytes *ret)
{
    size_t len = (size_t)cursor_varint(c);
    const uint8_t *data = cursor_take(c, len);
    if (data != NULL) {
        bytes_put(ret, data, len);
    }
}

static void encode_head(const struct head *h, struct bytes *out)
{
    stamp_encode(&h->stamp, out);
    bytes_put_u64(out, h->name.incarnation);
    bytes_put_varint(out, h->name.seq);
    encode_vector(&h->past, out);
    encode_bytes(&h->value, out);
}

/* Must the last write be told, or is it the last head? */
static bool last_is_told(const struct memory *m)
{
    bool head =
        m->head_count > 0 &&
        stamp_compare(&m->heads[m->head_count - 1].stamp, &m->last.stamp) == 0;
    return m->last.value.len > 0 && !head;
}

void memory_encode(const struct memory *m, struct bytes *out)
{
    encode_bytes(&m->value, out);
    encode_vector(&m->covered, out);
    bytes_put_varint(out, m->head_count);
    for (size_t i = 0; i < m->head_count; i++) {
        encode_head(&m->heads[i], out);
    }
    bytes_put_u8(out, last_is_told(m));
    if (last_is_told(m)) {
        encode_head(&m->last, out);
    }
    bytes_put_varint(out, m->element_count);
    for (size_t i = 0; i < m->element_count; i++) {
        encode_bytes(&m->elements[i].value, out);
        encode_vector(&m->elements[i].adds, out);
        encode_vector(&m->elements[i].removed, out);
    }
}

static struct head *new_head(struct memory *m, size_t at)
{
    m->heads = grow(m->heads, m->head_count, sizeof *m->heads);
    memmove(&m->heads[at + 1], &m->heads[at],
            (m->head_count - at) * sizeof *m->heads);
    m->head_count++;
    m->heads[at] = (struct head){.stamp = {.hlc = 0}};
    return &m->heads[at];
}

static struct element *new_element(struct memory *m, size_t at)
{
    m->elements = grow(m->elements, m->element_count, sizeof *m->elements);
    memmove(&m->elements[at + 1], &m->elements[at],
            (m->element_count - at) * sizeof *m->elements);
    m->element_count++;
    m->elements[at] = (struct element){.value = {0}};
    return &m->elements[at];
}

/* A value, and of a head those that follow. */
static void check_value(struct cursor *c, const struct bytes *value)
{
    struct cursor v = cursor_of(slice_of(value));
    (void)value_decode(&v, CELL_BYTES_MAX);
    while (cursor_left(&v) > 0) {
        (void)cursor_u16(&v);
        (void)value_decode(&v, CELL_BYTES_MAX);
    }
    if (!cursor_done(&v)) {
        c->bad = true;
    }
}

static void decode_head(struct cursor *c, const struct registry *r,
                        struct head *ret)
{
    ret->stamp = stamp_decode(c, r);
    ret->name.incarnation = cursor_u64(c);
    ret->name.seq = cursor_varint(c);
    if (!c->bad) {
        memcpy(ret->name.origin, ret->stamp.origin->node.bytes, HASH_BYTES);
    }
    decode_vector(c, &ret->past);
    decode_bytes(c, &ret->value);
    check_value(c, &ret->value);
}

/* The past of the last write is of no use without it being a head. */
static void copy_last(struct memory *m, const struct head *h)
{
    m->last.stamp = h->stamp;
    m->last.name = h->name;
    bytes_clear(&m->last.value);
    bytes_put(&m->last.value, h->value.data, h->value.len);
}

struct memory *memory_decode(struct cursor *c, const struct registry *r)
{
    struct memory *m = memory_new();
    decode_bytes(c, &m->value);
    if (m->value.len > 0) {
        check_value(c, &m->value);
    }
    decode_vector(c, &m->covered);
    uint64_t heads = cursor_varint(c);
    for (uint64_t i = 0; i < heads && !c->bad; i++) {
        decode_head(c, r, new_head(m, m->head_count));
    }
    if (cursor_u8(c) != 0) {
        decode_head(c, r, &m->last);
    } else if (m->head_count > 0) {
        copy_last(m, &m->heads[m->head_count - 1]);
    }
    uint64_t elements = cursor_varint(c);
    for (uint64_t i = 0; i < elements && !c->bad; i++) {
        struct element *element = new_element(m, m->element_count);
        decode_bytes(c, &element->value);
        check_value(c, &element->value);
        decode_vector(c, &element->adds);
        decode_vector(c, &element->removed);
    }
    return m;
}

struct value memory_value(const struct bytes *canonical)
{
    struct cursor c = cursor_of(slice_of(canonical));
    return value_decode(&c, CELL_BYTES_MAX);
}

/* --- order of values ----------------------------------------------------- */

static int kind_of(const struct value *v)
{
    switch (v->type) {
    case VALUE_NULL:
        return 0;
    case VALUE_INTEGER:
    case VALUE_REAL:
        return 1;
    case VALUE_TEXT:
        return 2;
    case VALUE_BLOB:
        return 3;
    }
    return 0;
}

/* A column has one type, so two numbers are both integers or both real; where
 * a writer says otherwise, any order that is the same everywhere will do. */
int memory_compare_values(const struct value *a, const struct value *b)
{
    if (kind_of(a) != kind_of(b)) {
        return kind_of(a) - kind_of(b);
    }
    if (a->type != b->type) {
        return a->type > b->type ? 1 : -1;
    }
    switch (a->type) {
    case VALUE_INTEGER:
        return (a->integer > b->integer) - (a->integer < b->integer);
    case VALUE_REAL:
        return (a->real > b->real) - (a->real < b->real);
    case VALUE_TEXT:
    case VALUE_BLOB:
        return slice_compare(a->bytes, b->bytes);
    case VALUE_NULL:
        break;
    }
    return 0;
}

/* --- review -------------------------------------------------------------- */

/* Heads that the writes heard of cover are heads no more. */
static bool drop_covered(struct memory *m)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->head_count; i++) {
        if (vector_covers(&m->covered, &m->heads[i].name)) {
            clear_head(&m->heads[i]);
        } else {
            m->heads[kept++] = m->heads[i];
        }
    }
    bool dropped = kept < m->head_count;
    m->head_count = kept;
    return dropped;
}

static bool add_head(struct memory *m, const struct stamp *stamp,
                     const struct context_entry *name, struct context past,
                     struct slice value)
{
    struct context_entry entry;
    size_t at = 0;
    while (at < m->head_count &&
           stamp_compare(&m->heads[at].stamp, stamp) < 0) {
        at++;
    }
    bool known =
        at < m->head_count && stamp_compare(&m->heads[at].stamp, stamp) == 0;
    if (known || vector_covers(&m->covered, name)) {
        return false;
    }
    struct head *head = new_head(m, at);
    head->stamp = *stamp;
    head->name = *name;
    bytes_put(&head->value, value.data, value.len);
    while (context_next(&past, &entry)) {
        vector_add(&head->past, &entry);
    }
    return true;
}

static bool note_last(struct memory *m, const struct stamp *stamp,
                      const struct context_entry *name, struct slice value)
{
    bool later =
        m->last.value.len == 0 || stamp_compare(stamp, &m->last.stamp) > 0;
    if (later) {
        m->last.stamp = *stamp;
        m->last.name = *name;
        bytes_clear(&m->last.value);
        bytes_put(&m->last.value, value.data, value.len);
    }
    return later;
}

bool memory_write(struct memory *m, const struct stamp *stamp,
                  const struct context_entry *name, struct context past,
                  struct slice value)
{
    struct context walk = past;
    struct context_entry entry;
    bool changed = false;
    while (context_next(&walk, &entry)) {
        if (!vector_covers(&m->covered, &entry)) {
            vector_add(&m->covered, &entry);
            changed = true;
        }
    }
    changed = drop_covered(m) || changed;
    changed = note_last(m, stamp, name, value) || changed;
    return add_head(m, stamp, name, past, value) || changed;
}

bool memory_disputes(const struct memory *m)
{
    for (size_t i = 1; i < m->head_count; i++) {
        if (!slice_equal(slice_of(&m->heads[0].value),
                         slice_of(&m->heads[i].value))) {
            return true;
        }
    }
    return false;
}

/* Does `a` show rather than `b`? */
static bool is_safer(const struct column *lead, const struct head *a,
                     const struct head *b)
{
    struct value x = memory_value(&a->value);
    struct value y = memory_value(&b->value);
    int order = 0;
    switch (lead->safe) {
    case SAFE_MIN:
        order = memory_compare_values(&y, &x);
        break;
    case SAFE_MAX:
        order = memory_compare_values(&x, &y);
        break;
    case SAFE_LISTED: {
        /* what is not in the list is the least safe */
        size_t p = column_rank(lead, &x);
        size_t q = column_rank(lead, &y);
        order = p == q ? 0 : q == 0 || (p != 0 && p < q) ? 1 : -1;
        break;
    }
    case SAFE_LATEST:
        break;
    }
    return order != 0 ? order > 0 : stamp_compare(&a->stamp, &b->stamp) > 0;
}

const struct head *memory_shown(const struct memory *m,
                                const struct column *lead)
{
    const struct head *shown = NULL;
    for (size_t i = 0; i < m->head_count; i++) {
        if (shown == NULL || is_safer(lead, &m->heads[i], shown)) {
            shown = &m->heads[i];
        }
    }
    return shown == NULL ? &m->last : shown;
}

struct context_entry *memory_past(const struct memory *m,
                                  const struct head *seen, size_t *ret_count)
{
    struct vector past = {0};
    for (size_t i = 0; i < m->head_count; i++) {
        if (seen == NULL || seen == &m->heads[i]) {
            add_all(&past, &m->heads[i].past);
        }
    }
    keep_last(&past);
    for (size_t i = 0; i < m->head_count; i++) {
        if (seen == NULL || seen == &m->heads[i]) {
            vector_add(&past, &m->heads[i].name);
        }
    }
    *ret_count = past.count;
    return past.entries;
}

/* --- union --------------------------------------------------------------- */

static struct element *find_element(struct memory *m, const struct value *v)
{
    struct bytes bytes = {0};
    size_t at = 0;
    int order = -1;
    value_encode(v, &bytes);
    while (at < m->element_count) {
        order =
            slice_compare(slice_of(&m->elements[at].value), slice_of(&bytes));
        if (order >= 0) {
            break;
        }
        at++;
    }
    if (at == m->element_count || order != 0) {
        struct element *made = new_element(m, at);
        made->value = bytes;
        return made;
    }
    bytes_free(&bytes);
    return &m->elements[at];
}

static void drop_removed(struct element *e)
{
    size_t kept = 0;
    for (size_t i = 0; i < e->adds.count; i++) {
        if (!vector_covers(&e->removed, &e->adds.entries[i])) {
            e->adds.entries[kept++] = e->adds.entries[i];
        }
    }
    e->adds.count = kept;
}

static bool add_element(struct memory *m, const struct context_entry *name,
                        const struct value *v)
{
    struct element *e = find_element(m, v);
    return !vector_covers(&e->removed, name) && insert_addition(&e->adds, name);
}

static bool remove_element(struct memory *m, struct context removed,
                           const struct value *v)
{
    struct element *e = find_element(m, v);
    struct context_entry entry;
    bool changed = false;
    while (context_next(&removed, &entry)) {
        if (!vector_covers(&e->removed, &entry)) {
            vector_add(&e->removed, &entry);
            changed = true;
        }
    }
    drop_removed(e);
    return changed;
}

/* An element that nothing is known of is not remembered. */
static void drop_empty(struct memory *m)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->element_count; i++) {
        struct element *e = &m->elements[i];
        if (e->adds.count == 0 && e->removed.count == 0) {
            clear_element(e);
        } else {
            m->elements[kept++] = *e;
        }
    }
    m->element_count = kept;
}

bool memory_change(struct memory *m, const struct context_entry *name,
                   struct context removed, const struct elements *elements)
{
    bool changed = false;
    for (size_t i = 0; i < elements->removed_count; i++) {
        changed = remove_element(m, removed, &elements->removed[i]) || changed;
    }
    for (size_t i = 0; i < elements->added_count; i++) {
        changed = add_element(m, name, &elements->added[i]) || changed;
    }
    drop_empty(m);
    return changed;
}

bool element_is_there(const struct element *e)
{
    return e->adds.count > 0;
}

struct context_entry *memory_additions(const struct memory *m,
                                       const struct value *removed,
                                       size_t count, size_t *ret_count)
{
    struct vector past = {0};
    for (size_t i = 0; i < m->element_count; i++) {
        struct value v = memory_value(&m->elements[i].value);
        bool named = false;
        for (size_t k = 0; k < count; k++) {
            named = named || value_equal(&v, &removed[k]);
        }
        if (named) {
            add_all(&past, &m->elements[i].adds);
        }
    }
    *ret_count = past.count;
    return past.entries;
}
