/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/elements.h"

enum {
    SAMPLE_BYTES = 32 * 1024, /* contexts and lists of one leaf, at most */
    TABLES = 3,
    ENTRIES_MAX = 4,
    CONTEXT_COLUMNS_MAX = 12,
};

/* --- tables -------------------------------------------------------------- */

static char *ranks[] = {"low", "mid", "high"};
static char *colours[] = {"red", "green", "blue"};
static char group_name[] = "g";

#define COLUMN(name, way) [(name)-1] = {.id = (name), .policy = (way)}

static const struct column plain[M_COLUMNS] = {
    COLUMN(M_KEY, POLICY_KEY),           COLUMN(M_ORIGIN, POLICY_ORIGIN),
    COLUMN(M_PERSON, POLICY_FIXED),      COLUMN(M_OWNER, POLICY_FIXED),
    COLUMN(M_EPOCH, POLICY_LWW),         COLUMN(M_FIXED, POLICY_FIXED),
    COLUMN(M_LWW, POLICY_LWW),           COLUMN(M_OWNED, POLICY_OWNER),
    COLUMN(M_MAX, POLICY_MAX),           COLUMN(M_MIN, POLICY_MIN),
    COLUMN(M_RANK, POLICY_RANK),         COLUMN(M_UNION, POLICY_UNION),
    COLUMN(M_REVIEW, POLICY_REVIEW),     COLUMN(M_REVIEW_MIN, POLICY_REVIEW),
    COLUMN(M_REVIEW_MAX, POLICY_REVIEW), COLUMN(M_REVIEW_LISTED, POLICY_REVIEW),
    COLUMN(M_LWW_A, POLICY_LWW),         COLUMN(M_LWW_B, POLICY_LWW),
    COLUMN(M_OWNED_A, POLICY_OWNER),     COLUMN(M_OWNED_B, POLICY_OWNER),
    COLUMN(M_MAX_A, POLICY_MAX),         COLUMN(M_MAX_B, POLICY_MAX),
    COLUMN(M_MIN_A, POLICY_MIN),         COLUMN(M_MIN_B, POLICY_MIN),
    COLUMN(M_RANK_A, POLICY_RANK),       COLUMN(M_RANK_B, POLICY_RANK),
    COLUMN(M_REVIEW_A, POLICY_REVIEW),   COLUMN(M_REVIEW_B, POLICY_REVIEW),
    COLUMN(M_REVIEW_C, POLICY_REVIEW),   COLUMN(M_LISTED_A, POLICY_REVIEW),
    COLUMN(M_LISTED_B, POLICY_REVIEW),   COLUMN(M_NAME, POLICY_LWW),
    COLUMN(M_NAME_FIXED, POLICY_FIXED),  COLUMN(M_NAME_REVIEW, POLICY_REVIEW),
    COLUMN(M_NAME_UNION, POLICY_UNION),  COLUMN(M_NAME_OWNED, POLICY_OWNER),
};

static struct column columns[TABLES][M_COLUMNS];
static struct table tables[TABLES];

/* The columns from `first` on that go with it. */
static void make_group(struct column *c, uint16_t first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        c[first - 1 + i].group = group_name;
        c[first - 1 + i].lead = i == 0 ? NULL : &c[first - 1];
        c[first - 1 + i].safe = c[first - 1].safe;
    }
}

static void make_lists(struct column *c)
{
    static const uint16_t ranked[] = {M_RANK, M_RANK_A};
    static const uint16_t listed[] = {M_REVIEW_LISTED, M_LISTED_A};
    for (size_t i = 0; i < 2; i++) {
        c[ranked[i] - 1].list = ranks;
        c[ranked[i] - 1].list_count = 3;
        c[listed[i] - 1].list = colours;
        c[listed[i] - 1].list_count = 3;
        c[listed[i] - 1].safe = SAFE_LISTED;
        c[ranked[i] - 1].type = VALUE_TEXT;
        c[listed[i] - 1].type = VALUE_TEXT;
    }
    static const uint16_t numbers[] = {M_MAX, M_MAX_A, M_REVIEW_MIN,
                                       M_REVIEW_MAX, M_REVIEW_A};
    for (size_t i = 0; i < 5; i++) {
        c[numbers[i] - 1].type = VALUE_INTEGER;
    }
    c[M_MIN - 1].type = VALUE_TEXT;
    c[M_MIN_A - 1].type = VALUE_TEXT;
    c[M_REVIEW_MIN - 1].safe = SAFE_MIN;
    c[M_REVIEW_MAX - 1].safe = SAFE_MAX;
    c[M_REVIEW_A - 1].safe = SAFE_MIN;
}

static void make_table(size_t which)
{
    struct column *c = columns[which];
    struct table *t = &tables[which];
    memcpy(c, plain, sizeof plain);
    make_lists(c);
    make_group(c, M_LWW_A, 2);
    make_group(c, M_OWNED_A, 2);
    make_group(c, M_MAX_A, 2);
    make_group(c, M_MIN_A, 2);
    make_group(c, M_RANK_A, 2);
    make_group(c, M_REVIEW_A, 3);
    make_group(c, M_LISTED_A, 2);
    for (size_t i = 0; i < M_COLUMNS; i++) {
        c[i].class_id = c[i].id >= M_NAME ? M_OVERLAY : M_BASE;
        if (which == 2 && c[i].policy == POLICY_OWNER) {
            c[i].policy = POLICY_LWW;
        }
    }
    c[M_KEY - 1].varies = true;
    *t = (struct table){
        .id = 30 + (uint32_t)which,
        .kind = TABLE_RECORD,
        .deletes = true,
        .name = group_name,
        .base_class = M_BASE,
        .route = SCOPE_PERSON,
        .route_column = &c[M_PERSON - 1],
        .origin_column = &c[M_ORIGIN - 1],
        .key = {&c[M_KEY - 1]},
        .key_count = 1,
        .columns = c,
        .column_count = M_COLUMNS,
    };
    t->owner_column = which < 2 ? &c[M_OWNER - 1] : NULL;
    if (which == 0) {
        c[M_OWNER - 1].policy = POLICY_OWNER;
        c[M_EPOCH - 1].policy = POLICY_OWNER;
        t->epoch_column = &c[M_EPOCH - 1];
    }
}

const struct table *model_table(size_t which)
{
    if (tables[which].id == 0) {
        make_table(which);
    }
    return &tables[which];
}

bool model_in_class(uint16_t column, uint16_t class_id)
{
    bool overlay =
        (column >= M_NAME && column <= M_COLUMNS) || column == M_NAME_NEWER;
    return overlay == (class_id == M_OVERLAY);
}

/* --- names --------------------------------------------------------------- */

static const char *const sites[MODEL_SITES] = {"S-0", "S-1", "S-2", "S-3"};
static const uint8_t key_bytes[] = {1, VALUE_TEXT, 0, 0, 0, 1, 'k'};
static const uint8_t other_key[] = {1, VALUE_TEXT, 0, 0, 0, 1, 'o'};

/* The canonical bytes of the scopes person:a and person:b. */
static const uint8_t scopes[2][6] = {{SCOPE_PERSON, 0, 0, 0, 1, 'a'},
                                     {SCOPE_PERSON, 0, 0, 0, 1, 'b'}};

const char *model_site(size_t node)
{
    return sites[node % MODEL_SITES];
}

/* Ascending by their bytes: integers first. */
struct value model_element(size_t i)
{
    static const char *const texts[] = {"a", "b", "c"};
    return i < 2 ? value_integer((int64_t)i + 1) : value_text(texts[i - 2]);
}

struct value model_value(struct dice *d, uint16_t column)
{
    static const char *const of_ranks[] = {"low", "mid", "high", "odd", "old"};
    static const char *const of_colours[] = {"red", "green", "blue", "odd"};
    static const char *const days[] = {"2026-01-01", "2026-01-02", "2026"};
    if (dice_below(d, 5) == 0) {
        return (struct value){.type = VALUE_NULL};
    }
    switch (column) {
    case M_RANK:
    case M_RANK_A:
        return value_text(of_ranks[dice_below(d, 5)]);
    case M_REVIEW_LISTED:
    case M_LISTED_A:
        return value_text(of_colours[dice_below(d, 4)]);
    case M_MIN:
    case M_MIN_A:
        return value_text(days[dice_below(d, 3)]);
    default:
        return value_integer((int64_t)dice_below(d, 4) - 1);
    }
}

/* --- leaves -------------------------------------------------------------- */

struct model *model_new(struct dice *d)
{
    static struct origin origins[MODEL_NODES];
    struct model *m = calloc(1, sizeof *m);
    if (m == NULL) {
        abort();
    }
    for (size_t i = 0; i < MODEL_NODES; i++) {
        origins[i].no = (uint32_t)i + 1;
        dice_fill(d, origins[i].node.bytes, HASH_BYTES);
        m->nodes[i] = &origins[i];
    }
    for (size_t i = 0; i < MODEL_LEAVES; i++) {
        bytes_reserve(&m->leaves[i].memory, SAMPLE_BYTES);
    }
    m->table = model_table(0);
    m->most = MODEL_LEAVES;
    return m;
}

void model_free(struct model *m)
{
    for (size_t i = 0; i < MODEL_LEAVES; i++) {
        bytes_free(&m->leaves[i].memory);
    }
    free(m);
}

struct sample *model_add(struct model *m, size_t node, size_t scope)
{
    assert(m->count < MODEL_LEAVES);
    struct sample *s = &m->leaves[m->count];
    struct bytes memory = s->memory;
    bytes_clear(&memory);
    memset(s, 0, offsetof(struct sample, leaf) + offsetof(struct leaf, cells));
    s->leaf.owned = false;
    s->leaf.named = false;
    s->leaf.context_count = 0;
    s->leaf.contexts = (struct slice){0};
    s->memory = memory;
    s->stamp = (struct stamp){
        .hlc = 100,
        .origin = m->nodes[node],
        .incarnation = 1,
        .seq = 1 + 4 * m->count,
    };
    struct leaf *leaf = &s->leaf;
    leaf->class_id = M_BASE;
    leaf->op = LEAF_UPDATE;
    leaf->cl = 1;
    leaf->table = m->table->id;
    leaf->key_count = 1;
    leaf->key[0] = value_text("k");
    leaf->key_bytes = (struct slice){key_bytes, sizeof key_bytes};
    leaf->scope_bytes = (struct slice){scopes[scope], sizeof scopes[scope]};
    leaf->scope = (struct scope){SCOPE_PERSON, {&scopes[scope][5], 1}};
    leaf->owner =
        (struct leaf_owner){.site = slice_text(model_site(node)), .epoch = 1};
    m->count++;
    return s;
}

void sample_put(struct sample *s, uint16_t column, struct value value)
{
    s->leaf.cells[s->leaf.cell_count++] =
        (struct leaf_cell){.column = column, .value = value};
}

static size_t list_elements(unsigned bits, struct value ret[MODEL_ELEMENTS])
{
    size_t count = 0;
    for (size_t i = 0; i < MODEL_ELEMENTS; i++) {
        if ((bits >> i & 1) != 0) {
            ret[count++] = model_element(i);
        }
    }
    return count;
}

void sample_put_elements(struct sample *s, uint16_t column, unsigned added,
                         unsigned removed)
{
    struct value adds[MODEL_ELEMENTS];
    struct value gone[MODEL_ELEMENTS];
    size_t from = s->memory.len;
    size_t add_count = list_elements(added, adds);
    size_t gone_count = list_elements(removed, gone);
    elements_encode(adds, add_count, gone, gone_count, &s->memory);
    assert(s->memory.len <= SAMPLE_BYTES);
    sample_put(s, column,
               value_blob(s->memory.data + from, s->memory.len - from));
}

void sample_put_context(struct sample *s, uint16_t column,
                        const struct context_entry *entries, size_t count)
{
    size_t from = s->memory.len;
    if (s->leaf.context_count > 0) {
        from = (size_t)(s->leaf.contexts.data - s->memory.data);
    }
    context_put(column, entries, count, &s->memory);
    assert(s->memory.len <= SAMPLE_BYTES);
    s->leaf.context_count++;
    s->leaf.contexts =
        (struct slice){s->memory.data + from, s->memory.len - from};
}

const struct model_offer *model_offer_of(const struct model *m,
                                         const struct leaf *leaf)
{
    for (size_t i = 0; i < m->offer_count; i++) {
        if (memcmp(m->offers[i].hash, leaf->owner.offer, HASH_BYTES) == 0) {
            return &m->offers[i];
        }
    }
    return NULL;
}

/* --- random leaves ------------------------------------------------------- */

/* Offers along one chain of owners, each site to the next; to others; and of
 * another row, table, scope or epoch. */
static void random_offers(struct model *m, struct dice *d)
{
    m->offer_count = m->table->epoch_column == NULL ? 0 : MODEL_OFFERS;
    for (size_t i = 0; i < m->offer_count; i++) {
        struct model_offer *o = &m->offers[i];
        size_t epoch = 1 + i % 3;
        size_t from = epoch - 1;
        size_t to = i < 3 ? epoch : dice_below(d, MODEL_SITES);
        dice_fill(d, o->hash, HASH_BYTES);
        o->offer = (struct offer){
            .table = m->table->id,
            .key = {key_bytes, sizeof key_bytes},
            .scope = {scopes[0], sizeof scopes[0]},
            .from = slice_text(sites[from]),
            .to = slice_text(sites[to]),
            .epoch = (uint32_t)epoch,
        };
        switch (i < 6 ? 99 : dice_below(d, 6)) {
        case 0:
            o->offer.key.data = other_key;
            break;
        case 1:
            o->offer.table++;
            break;
        case 2:
            o->offer.scope.data = scopes[1];
            break;
        case 3:
            o->offer.epoch = (uint32_t)dice_below(d, 5);
            break;
        case 4:
            o->offer.from = slice_text(sites[dice_below(d, MODEL_SITES)]);
            break;
        default:
            break;
        }
    }
}

/* Leaves are about few columns, that they meet; now and then about all. */
void model_begin(struct model *m, struct dice *d)
{
    bool all = dice_below(d, 8) == 0;
    m->table = model_table(dice_below(d, TABLES));
    m->count = 0;
    for (int i = M_KEY; i < M_IDS; i++) {
        uint16_t c = (uint16_t)i;
        const struct column *column = table_column(m->table, c);
        bool follows = column != NULL && column->lead != NULL;
        m->writes[c] = all || (follows ? m->writes[column->lead->id]
                                       : dice_below(d, 8) == 0);
    }
    m->writes[M_KEY] = false;
    m->writes[M_OWNER] = false;
    m->writes[M_EPOCH] = m->writes[M_EPOCH] && m->table->epoch_column == NULL;
    random_offers(m, d);
}

static void insert_entry(struct context_entry *entries, size_t count,
                         const struct context_entry *e)
{
    size_t at = count;
    while (at > 0 && context_entry_compare(&entries[at - 1], e) > 0) {
        entries[at] = entries[at - 1];
        at--;
    }
    entries[at] = *e;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What its writer claims to cover: writes that are there, or come, or never
 * will, but none of its own that is not older. */
static void random_context(struct model *m, struct dice *d, struct sample *s,
                           uint16_t column)
{
    struct context_entry entries[ENTRIES_MAX];
    size_t count = 0;
    for (size_t node = 0; node < MODEL_NODES && count < ENTRIES_MAX; node++) {
        struct context_entry e = {.incarnation = 1 + dice_below(d, 2)};
        e.seq = 1 + dice_below(d, 4 * m->most + 4);
        if (dice_below(d, 16) == 0) {
            e.seq = UINT64_MAX;
        }
        bool own = m->nodes[node] == s->stamp.origin;
        if (own && e.incarnation == s->stamp.incarnation) {
            e.seq = least(e.seq, s->stamp.seq - 1);
        }
        if (own && s->leaf.named && e.incarnation == s->leaf.name.incarnation) {
            e.seq = least(e.seq, s->leaf.name.seq - 1);
        }
        memcpy(e.origin, m->nodes[node]->node.bytes, HASH_BYTES);
        if (dice_even(d)) {
            insert_entry(entries, count++, &e);
        }
    }
    sample_put_context(s, column, entries, count);
}

static bool keeps_context(const struct column *c)
{
    return c != NULL && c->lead == NULL &&
           (c->policy == POLICY_REVIEW || c->policy == POLICY_UNION);
}

/* As if it had been signed before, under another incarnation. */
static void random_name(struct dice *d, struct sample *s)
{
    s->leaf.named = dice_below(d, 4) == 0;
    s->leaf.name =
        (struct leaf_name){.incarnation = 2, .seq = s->stamp.seq + 1};
}

static void random_contexts(struct model *m, struct dice *d, struct sample *s)
{
    random_name(d, s);
    for (size_t i = 0; i < s->leaf.cell_count; i++) {
        uint16_t id = s->leaf.cells[i].column;
        if (keeps_context(table_column(m->table, id)) && dice_below(d, 3) > 0) {
            random_context(m, d, s, id);
        }
    }
}

static void random_cell(struct model *m, struct dice *d, struct sample *s,
                        uint16_t id)
{
    const struct column *c = table_column(m->table, id);
    if (c != NULL && c->policy == POLICY_UNION) {
        unsigned added = (unsigned)dice_below(d, 1u << MODEL_ELEMENTS);
        unsigned removed = (unsigned)dice_below(d, 1u << MODEL_ELEMENTS);
        sample_put_elements(s, id, added, dice_even(d) ? removed : 0);
    } else {
        sample_put(s, id, model_value(d, id));
    }
}

/* Does the leaf say anything of this column? */
static bool says(struct model *m, struct dice *d, const struct sample *s,
                 uint16_t id)
{
    const struct column *c = table_column(m->table, id);
    bool insert = s->leaf.op == LEAF_INSERT;
    if (!model_in_class(id, s->leaf.class_id) || !m->writes[id]) {
        return false;
    }
    if (c != NULL && policy_is_fixed(c->policy)) {
        return insert && (s->leaf.class_id == M_BASE || dice_even(d));
    }
    if (c != NULL && c->lead != NULL &&
        leaf_cell(&s->leaf, c->lead->id) == NULL) {
        return false;
    }
    return (insert && s->leaf.class_id == M_BASE) || dice_below(d, 3) > 0;
}

/* Columns that admission asks for when a row is made. */
static void put_birth(struct model *m, struct sample *s, uint16_t id)
{
    struct value site = {.type = VALUE_TEXT, .bytes = s->leaf.owner.site};
    bool owner = id == M_OWNER && m->table->owner_column != NULL;
    if (id == M_ORIGIN || owner) {
        sample_put(s, id, site);
    } else if (id == M_PERSON) {
        sample_put(
            s, id,
            (struct value){.type = VALUE_TEXT, .bytes = s->leaf.scope.id});
    } else if (id == M_EPOCH && m->table->epoch_column != NULL) {
        sample_put(s, id, value_integer(1));
    }
}

static void fill(struct model *m, struct dice *d, struct sample *s, bool takes)
{
    struct leaf *leaf = &s->leaf;
    struct value site = {.type = VALUE_TEXT, .bytes = leaf->owner.site};
    bool birth = leaf->op == LEAF_INSERT && leaf->class_id == M_BASE;
    for (int i = M_ORIGIN; i < M_IDS; i++) {
        uint16_t id = (uint16_t)i;
        size_t before = leaf->cell_count;
        if (birth) {
            put_birth(m, s, id);
        } else if (takes && id == M_OWNER) {
            sample_put(s, id, site);
        } else if (takes && id == M_EPOCH) {
            sample_put(s, id, value_integer(leaf->owner.epoch));
        }
        bool said =
            leaf->cell_count > before || id == M_ORIGIN || id == M_PERSON;
        if (!said && says(m, d, s, id)) {
            random_cell(m, d, s, id);
        }
        const struct column *c = table_column(m->table, id);
        leaf->owned = leaf->owned || (leaf->cell_count > before && c != NULL &&
                                      c->policy == POLICY_OWNER);
    }
}

/* What the owner of an epoch may claim; others claim it too. */
static void claim(struct model *m, struct dice *d, struct sample *s)
{
    struct leaf_owner *owner = &s->leaf.owner;
    bool by_epoch = m->table->epoch_column != NULL;
    if (by_epoch && dice_below(d, 3) > 0) {
        owner->epoch = 1 + (uint32_t)dice_below(d, 4);
        if (dice_below(d, 4) > 0) {
            owner->site = slice_text(sites[owner->epoch - 1]);
        }
    } else if (dice_below(d, 12) == 0) {
        owner->epoch = dice_even(d) ? 2 : UINT32_MAX;
    }
    if (owner->epoch > 1) { /* which one, nobody asks who owns the row */
        dice_fill(d, owner->offer, HASH_BYTES);
        owner->offer[0] |= 1;
    }
}

static void name_offer(struct model *m, struct dice *d, struct sample *s)
{
    struct leaf_owner *owner = &s->leaf.owner;
    size_t at = dice_below(d, MODEL_OFFERS);
    if (dice_below(d, 4) > 0) { /* one that fits, where there are as many */
        at = (owner->epoch - 2) % 3 + (dice_below(d, 3) == 0 ? 3 : 0);
    }
    if (at >= m->offer_count || dice_below(d, 12) == 0) {
        dice_fill(d, owner->offer, HASH_BYTES); /* one that there is not */
        return;
    }
    memcpy(owner->offer, m->offers[at].hash, HASH_BYTES);
    if (dice_below(d, 8) > 0) {
        owner->site = m->offers[at].offer.to;
    }
}

static struct sample *start_random(struct model *m, struct dice *d)
{
    static const uint32_t lengths[] = {1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4, 5};
    size_t node = dice_below(d, MODEL_NODES);
    if (m->table->owner_column != NULL && dice_even(d)) {
        node = 0; /* who makes the row, as a rule */
    }
    struct sample *s = model_add(m, node, dice_below(d, 10) == 0);
    s->stamp.hlc += dice_below(d, 6);
    s->stamp.incarnation += dice_below(d, 2);
    s->leaf.cl = lengths[dice_below(d, 12)];
    if (dice_below(d, 64) == 0) {
        s->leaf.cl = UINT32_MAX - (uint32_t)dice_below(d, 2);
    }
    return s;
}

struct sample *model_add_random(struct model *m, struct dice *d)
{
    struct sample *s = start_random(m, d);
    struct leaf *leaf = &s->leaf;
    if (leaf->cl % 2 == 0) {
        leaf->op = LEAF_DELETE;
        leaf->owned = m->table->owner_column != NULL;
        claim(m, d, s);
        return s;
    }
    leaf->class_id = dice_below(d, 4) == 0 ? M_OVERLAY : M_BASE;
    leaf->op = dice_below(d, 3) == 0 ? LEAF_INSERT : LEAF_UPDATE;
    bool base = leaf->class_id == M_BASE;
    bool birth = leaf->op == LEAF_INSERT && base;
    bool takes = !birth && base && m->table->epoch_column != NULL &&
                 leaf->op == LEAF_UPDATE && dice_below(d, 2) == 0;
    if (takes) {
        leaf->owner.epoch = 2 + (uint32_t)dice_below(d, 3);
        if (dice_below(d, 20) == 0) {
            leaf->owner.epoch = UINT32_MAX;
        }
        name_offer(m, d, s);
    } else if (!birth) {
        claim(m, d, s);
    }
    if (!base && m->count > 1 && dice_even(d)) {
        const struct sample *before = s - 1; /* of the same changeset */
        if (before->leaf.class_id == M_BASE && before->leaf.cl % 2 == 1) {
            s->stamp = before->stamp;
            leaf->owner.site = before->leaf.owner.site;
        }
    }
    fill(m, d, s, takes);
    random_contexts(m, d, s);
    return s;
}

size_t model_rounds(size_t quick, size_t optimised, size_t hours)
{
    if (getenv("SANGAM_LONG") != NULL) {
        return hours;
    }
    return getenv("SANGAM_MODEL") != NULL ? optimised : quick;
}
