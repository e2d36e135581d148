/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "protocol/uuid.h"
#include "store/merge.h"
#include "support/dice.h"
#include "support/scratch.h"

enum { SITES = 4, LEAVES = 24, ORDERS = 12, ROUNDS = 600 };

/* --- a table with one column of each kind -------------------------------- */

enum {
    KEY = 1,
    ORIGIN,
    OWNER_SITE,
    FIXED,
    LWW,
    LWW_TOO,
    OWNED,
    OWNED_TOO,
    NAME,       /* lww, of the overlay class */
    NAME_FIXED, /* fixed, of the overlay class */
    COLUMNS = 10,
    NEWER, /* a column this version lacks */
    BASE = 3,
    OVERLAY = 4,
};

static struct column columns[COLUMNS] = {
    {.id = KEY, .class_id = BASE, .policy = POLICY_KEY},
    {.id = ORIGIN, .class_id = BASE, .policy = POLICY_ORIGIN},
    {.id = OWNER_SITE, .class_id = BASE, .policy = POLICY_FIXED},
    {.id = FIXED, .class_id = BASE, .policy = POLICY_FIXED},
    {.id = LWW, .class_id = BASE, .policy = POLICY_LWW},
    {.id = LWW_TOO, .class_id = BASE, .policy = POLICY_LWW},
    {.id = OWNED, .class_id = BASE, .policy = POLICY_OWNER},
    {.id = OWNED_TOO, .class_id = BASE, .policy = POLICY_OWNER},
    {.id = NAME, .class_id = OVERLAY, .policy = POLICY_LWW},
    {.id = NAME_FIXED, .class_id = OVERLAY, .policy = POLICY_FIXED},
};

static const struct table table = {
    .id = 30,
    .kind = TABLE_RECORD,
    .base_class = BASE,
    .route = SCOPE_PERSON,
    .route_column = &columns[FIXED - 1],
    .owner_column = &columns[OWNER_SITE - 1],
    .origin_column = &columns[ORIGIN - 1],
    .key = {&columns[0]},
    .key_count = 1,
    .columns = columns,
    .column_count = COLUMNS,
};

static const char *const sites[SITES] = {"S-0", "S-1", "S-2", "S-3"};
static struct origin origins[SITES];

/* The canonical bytes of the scopes person:a and person:b. */
static const uint8_t scopes[2][6] = {{SCOPE_PERSON, 0, 0, 0, 1, 'a'},
                                     {SCOPE_PERSON, 0, 0, 0, 1, 'b'}};

struct sample {
    struct leaf leaf;
    struct stamp stamp;
};

static struct slice slice_text(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

static void name_origins(struct dice *d)
{
    for (size_t i = 0; i < SITES; i++) {
        origins[i].no = (uint32_t)i + 1;
        dice_fill(d, origins[i].node.bytes, HASH_BYTES);
    }
}

/* Small numbers, so that ties are common. */
static struct stamp random_stamp(struct dice *d, size_t site)
{
    return (struct stamp){
        .hlc = 100 + dice_below(d, 6),
        .origin = &origins[site],
        .incarnation = 1 + dice_below(d, 2),
        .seq = 1 + dice_below(d, 3),
    };
}

static void add_cell(struct sample *s, uint16_t column, struct value value)
{
    s->leaf.cells[s->leaf.cell_count++] =
        (struct leaf_cell){.column = column, .value = value};
}

/* A leaf as a site might sign it, right or wrong. No two of one set are the
 * same class of one row in one changeset: `number` makes stamps differ. */
static void random_leaf(struct dice *d, size_t number, struct sample *s)
{
    static const uint32_t lengths[] = {1, 1, 1, 1, 1, 1, 2, 3};
    size_t site = dice_below(d, SITES);
    memset(s, 0, sizeof *s);
    s->stamp = random_stamp(d, site);
    s->stamp.seq += 10 * number;
    struct leaf *leaf = &s->leaf;
    size_t scope = dice_below(d, 8) == 0;
    leaf->scope_bytes = (struct slice){scopes[scope], sizeof scopes[scope]};
    leaf->cl = lengths[dice_below(d, 8)];
    leaf->class_id = dice_below(d, 3) == 0 ? OVERLAY : BASE;
    leaf->op = leaf->cl == 2           ? LEAF_DELETE
               : dice_below(d, 4) == 0 ? LEAF_INSERT
                                       : LEAF_UPDATE;
    bool birth = leaf->op == LEAF_INSERT && leaf->class_id == BASE;
    const char *claimed = sites[dice_below(d, 10) == 0 ? 0 : site];
    leaf->owner.site = slice_text(claimed);
    /* admission lets no row be made under a later epoch */
    leaf->owner.epoch = !birth && dice_below(d, 16) == 0 ? 2 : 1;
    if (leaf->op == LEAF_DELETE) {
        leaf->class_id = BASE;
        leaf->owned = true;
        return;
    }
    for (int id = ORIGIN; id <= NEWER; id++) {
        uint16_t c = (uint16_t)id;
        bool newer = c == NEWER;
        if (!newer && columns[c - 1].class_id != leaf->class_id) {
            continue;
        }
        bool fixed = !newer && policy_is_fixed(columns[c - 1].policy);
        if (birth && c == OWNER_SITE) {
            add_cell(s, c, value_text(claimed));
        } else if (birth
                       ? !newer
                       : !(fixed && leaf->op == LEAF_UPDATE) && dice_even(d)) {
            add_cell(s, c, value_integer((int64_t)(number * 100 + c)));
        }
        leaf->owned = leaf->owned || c == OWNED || c == OWNED_TOO;
    }
}

/* --- the oracle: docs/semantics.md section 5, word by word --------------- */

enum verdict_word { COUNTS, WAITS, REFUSED };

struct told {
    uint32_t cl;
    size_t life; /* index of the leaf */
    const struct sample *winner[NEWER + 1];
    enum verdict_word verdicts[LEAVES]; /* of leaves of the life */
};

static bool tells_life(const struct sample *s)
{
    return s->leaf.class_id == BASE && s->leaf.op != LEAF_UPDATE;
}

static bool has_owned_cells(const struct sample *s)
{
    return leaf_cell(&s->leaf, OWNED) != NULL ||
           leaf_cell(&s->leaf, OWNED_TOO) != NULL;
}

static bool owner_is(const struct sample *life, struct slice site)
{
    const struct value *v = leaf_cell(&life->leaf, OWNER_SITE);
    return v != NULL && slice_equal(v->bytes, site);
}

/* May this leaf be the life that follows `before` (none: NULL)? Who makes a row
 * names itself its owner; only the owner ends it. */
static bool may_follow(const struct sample *before, const struct sample *s)
{
    if (s->leaf.op == LEAF_DELETE) {
        return before != NULL && s->leaf.owner.epoch == 1 &&
               owner_is(before, s->leaf.owner.site);
    }
    return !has_owned_cells(s) ||
           (s->leaf.owner.epoch == 1 && owner_is(s, s->leaf.owner.site));
}

/* Life by life, each after the one before; of those that may be the next, the
 * first. */
static bool find_life(const struct sample *leaves, size_t count,
                      struct told *ret)
{
    const struct sample *before = NULL;
    bool more = true;
    while (more) {
        const struct sample *next = NULL;
        for (size_t i = 0; i < count; i++) {
            const struct sample *s = &leaves[i];
            if (tells_life(s) && s->leaf.cl == ret->cl + 1 &&
                may_follow(before, s) &&
                (next == NULL || stamp_compare(&s->stamp, &next->stamp) < 0)) {
                next = s;
            }
        }
        more = next != NULL;
        if (more) {
            before = next;
            ret->cl++;
            ret->life = (size_t)(next - leaves);
        }
    }
    return ret->cl > 0;
}

static enum verdict_word judge(const struct sample *life,
                               const struct sample *s)
{
    if (!slice_equal(s->leaf.scope_bytes, life->leaf.scope_bytes)) {
        return REFUSED;
    }
    if (has_owned_cells(s) && s->leaf.owner.epoch > 1) {
        return WAITS;
    }
    if (has_owned_cells(s) && !owner_is(life, s->leaf.owner.site)) {
        return REFUSED;
    }
    return COUNTS;
}

static void tell(const struct sample *leaves, size_t count, struct told *ret)
{
    *ret = (struct told){0};
    bool alive = find_life(leaves, count, ret);
    for (size_t i = 0; alive && i < count; i++) {
        const struct sample *s = &leaves[i];
        if (s->leaf.cl != ret->cl) {
            continue;
        }
        ret->verdicts[i] = judge(&leaves[ret->life], s);
        for (size_t k = 0; ret->verdicts[i] == COUNTS && k < s->leaf.cell_count;
             k++) {
            uint16_t c = s->leaf.cells[k].column;
            const struct sample *held = ret->winner[c];
            bool once = c <= COLUMNS && policy_is_fixed(columns[c - 1].policy);
            int order =
                held == NULL ? 1 : stamp_compare(&s->stamp, &held->stamp);
            if (held == NULL || (once ? order < 0 : order > 0)) {
                ret->winner[c] = s;
            }
        }
    }
}

/* --- merging as a replica does it ---------------------------------------- */

struct replica_row {
    struct row_state state;
    struct value values[NEWER + 1];
    bool waits; /* some leaf of it does */
    const struct sample *held[2 * LEAVES];
    size_t held_count;
};

static void forget(struct replica_row *row)
{
    state_clear(&row->state);
    memset(row, 0, sizeof *row);
}

static void take_cells(struct replica_row *row, const struct sample *s,
                       const struct merge_result *result)
{
    if (result->born || result->died) {
        memset(row->values, 0, sizeof row->values);
    }
    for (size_t i = 0; i < s->leaf.cell_count; i++) {
        if (result->won[i]) {
            row->values[s->leaf.cells[i].column] = s->leaf.cells[i].value;
        }
    }
}

static int compare_ranks(const void *a, const void *b)
{
    const struct sample *x = *(const struct sample *const *)a;
    const struct sample *y = *(const struct sample *const *)b;
    struct merge_rank p = merge_rank_of(&table, &x->leaf, &x->stamp);
    struct merge_rank q = merge_rank_of(&table, &y->leaf, &y->stamp);
    return merge_rank_compare(&p, &q);
}

/* Folds what the row holds; the verdicts go to `ret` by place in `base`. */
static void fold(struct replica_row *row, const struct sample *base,
                 enum merge_outcome *ret)
{
    struct merge_result result;
    qsort(row->held, row->held_count, sizeof(void *), compare_ranks);
    state_clear(&row->state);
    memset(row->values, 0, sizeof row->values);
    row->waits = false;
    for (size_t i = 0; i < row->held_count; i++) {
        const struct sample *s = row->held[i];
        merge_leaf(&row->state, &table, &s->leaf, &s->stamp, NULL, &result);
        assert_int_not_equal(result.outcome, MERGE_REFOLD);
        row->waits = row->waits || result.outcome == MERGE_WAITING;
        if (result.outcome == MERGE_WON) {
            take_cells(row, s, &result);
        }
        if (ret != NULL) {
            ret[s - base] = result.outcome;
        }
    }
}

static void merge_one(struct replica_row *row, const struct sample *s)
{
    struct merge_result result;
    row->held[row->held_count++] = s;
    merge_leaf(&row->state, &table, &s->leaf, &s->stamp, NULL, &result);
    bool life = result.born || result.died;
    if (result.outcome == MERGE_REFOLD || (life && row->waits)) {
        fold(row, NULL, NULL);
        return;
    }
    row->waits = row->waits || result.outcome == MERGE_WAITING;
    if (result.outcome == MERGE_WON) {
        take_cells(row, s, &result);
    }
}

static void shuffle(struct dice *d, const struct sample **list, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t k = dice_below(d, i);
        const struct sample *swap = list[k];
        list[k] = list[i - 1];
        list[i - 1] = swap;
    }
}

static void assert_row(const struct replica_row *row, const struct told *told,
                       const struct sample *leaves)
{
    assert_int_equal(row->state.cl, told->cl);
    if (told->cl == 0) {
        return;
    }
    const struct sample *life = &leaves[told->life];
    assert_int_equal(stamp_compare(&row->state.life, &life->stamp), 0);
    assert_int_equal(row->state.scope_len, life->leaf.scope_bytes.len);
    assert_memory_equal(row->state.scope, life->leaf.scope_bytes.data,
                        row->state.scope_len);
    size_t count = 0;
    for (int id = KEY; id < NEWER; id++) {
        uint16_t c = (uint16_t)id;
        const struct column_state *held = state_column(&row->state, c);
        const struct sample *winner = told->winner[c];
        assert_int_equal(held != NULL, winner != NULL);
        if (winner != NULL) {
            count++;
            assert_int_equal(stamp_compare(&held->stamp, &winner->stamp), 0);
            assert_true(
                value_equal(leaf_cell(&winner->leaf, c), &row->values[c]));
        }
    }
    assert_int_equal(row->state.column_count, count);
}

static void leaves_in_any_order_give_what_the_page_says(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    struct sample *leaves = calloc(LEAVES, sizeof *leaves);
    struct replica_row *row = calloc(1, sizeof *row);
    assert_non_null(leaves);
    assert_non_null(row);
    name_origins(&d);
    for (size_t round = 0; round < ROUNDS; round++) {
        const struct sample *order[2 * LEAVES];
        size_t count = 1 + dice_below(&d, LEAVES);
        struct told told;
        for (size_t i = 0; i < count; i++) {
            random_leaf(&d, i, &leaves[i]);
        }
        tell(leaves, count, &told);
        for (size_t turn = 0; turn < ORDERS; turn++) {
            size_t length = 0;
            for (size_t i = 0; i < count; i++) {
                order[length++] = &leaves[i];
                if (dice_below(&d, 4) == 0) {
                    order[length++] = &leaves[i]; /* told twice */
                }
            }
            shuffle(&d, order, length);
            forget(row);
            for (size_t i = 0; i < length; i++) {
                merge_one(row, order[i]);
            }
            assert_row(row, &told, leaves);
        }
    }
    forget(row);
    free(row);
    free(leaves);
}

static void a_fold_gives_each_leaf_the_verdict_the_page_says(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    struct sample *leaves = calloc(LEAVES, sizeof *leaves);
    struct replica_row *row = calloc(1, sizeof *row);
    assert_non_null(leaves);
    assert_non_null(row);
    name_origins(&d);
    for (size_t round = 0; round < ROUNDS; round++) {
        enum merge_outcome outcomes[LEAVES] = {MERGE_WON};
        size_t count = 1 + dice_below(&d, LEAVES);
        struct told told;
        forget(row);
        for (size_t i = 0; i < count; i++) {
            random_leaf(&d, i, &leaves[i]);
            row->held[row->held_count++] = &leaves[i];
        }
        tell(leaves, count, &told);
        fold(row, leaves, outcomes);
        assert_row(row, &told, leaves);
        for (size_t i = 0; i < count; i++) {
            if (leaves[i].leaf.cl > told.cl) {
                bool life = tells_life(&leaves[i]);
                assert_true(outcomes[i] == MERGE_WAITING ||
                            (life && outcomes[i] == MERGE_REFUSED));
            } else if (leaves[i].leaf.cl == told.cl && told.cl % 2 == 1) {
                assert_int_equal(outcomes[i] == MERGE_WAITING,
                                 told.verdicts[i] == WAITS);
                assert_int_equal(outcomes[i] == MERGE_REFUSED,
                                 told.verdicts[i] == REFUSED);
            }
        }
    }
    forget(row);
    free(row);
    free(leaves);
}

static void a_leaf_that_does_not_count_leaves_the_state_alone(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    struct sample *s = calloc(1, sizeof *s);
    struct row_state *row = calloc(1, sizeof *row);
    struct bytes before = {0};
    struct bytes after = {0};
    assert_non_null(s);
    assert_non_null(row);
    name_origins(&d);
    for (size_t round = 0; round < 200 * ROUNDS; round++) {
        struct merge_result result;
        if (round % 12 == 0) {
            state_clear(row);
        }
        random_leaf(&d, round % 12, s);
        bytes_clear(&before);
        bytes_clear(&after);
        state_encode(row, &before);
        merge_leaf(row, &table, &s->leaf, &s->stamp, NULL, &result);
        state_encode(row, &after);
        if (result.outcome != MERGE_WON) {
            assert_true(slice_equal(slice_of(&before), slice_of(&after)));
            assert_false(result.born);
            assert_false(result.died);
            assert_false(result.changed);
        } else {
            assert_string_equal(result.says, "");
        }
    }
    bytes_free(&before);
    bytes_free(&after);
    state_clear(row);
    free(row);
    free(s);
}

/* --- stamps -------------------------------------------------------------- */

static void stamps_are_totally_ordered(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    name_origins(&d);
    for (size_t round = 0; round < 100000; round++) {
        struct stamp s[3];
        for (size_t i = 0; i < 3; i++) {
            s[i] = random_stamp(&d, dice_below(&d, 2));
        }
        int ab = stamp_compare(&s[0], &s[1]);
        int ba = stamp_compare(&s[1], &s[0]);
        assert_int_equal((ab > 0) - (ab < 0), (ba < 0) - (ba > 0));
        bool same = s[0].hlc == s[1].hlc && s[0].origin == s[1].origin &&
                    s[0].incarnation == s[1].incarnation &&
                    s[0].seq == s[1].seq;
        assert_int_equal(ab == 0, same);
        if (ab <= 0 && stamp_compare(&s[1], &s[2]) <= 0) {
            assert_true(stamp_compare(&s[0], &s[2]) <= 0);
        }
    }
}

static void time_counts_before_the_writer_in_a_stamp(void **state)
{
    (void)state;
    struct origin low = {.node = {{1}}};
    struct origin high = {.node = {{2}}};
    const struct stamp stamps[] = {
        {.hlc = 1, .origin = &high, .incarnation = 9, .seq = 9},
        {.hlc = 2, .origin = &low, .incarnation = 9, .seq = 9},
        {.hlc = 2, .origin = &high, .incarnation = 1, .seq = 9},
        {.hlc = 2, .origin = &high, .incarnation = 2, .seq = 1},
        {.hlc = 2, .origin = &high, .incarnation = 2, .seq = 2},
    };
    for (size_t i = 1; i < sizeof stamps / sizeof stamps[0]; i++) {
        assert_true(stamp_compare(&stamps[i - 1], &stamps[i]) < 0);
    }
}

/* --- bytes of a state ---------------------------------------------------- */

struct desk {
    char *folder;
    char *path;
    struct database *db;
    struct packer *packer;
    struct registry *registry;
};

enum { NODES = 300 };

/* A registry of many nodes. */
static int open_desk(void **state)
{
    struct desk *desk = calloc(1, sizeof *desk);
    struct err e;
    struct hash network = {{7}};
    assert_non_null(desk);
    desk->folder = scratch_folder();
    desk->path = scratch_replica_of_clinic(desk->folder);
    desk->packer = packer_new();
    assert_int_equal(database_open(desk->path, DATABASE_NODE, DATABASE_EXISTING,
                                   &desk->db, &e),
                     0);
    assert_int_equal(registry_load(desk->db, desk->packer, &network, NULL,
                                   &desk->registry, &e),
                     0);
    assert_int_equal(database_begin(desk->db, &e), 0);
    while (registry_origin_count(desk->registry) < NODES) {
        size_t count = registry_origin_count(desk->registry);
        struct hash node = {{(uint8_t)(count >> 8), (uint8_t)count, 1}};
        struct origin *o;
        assert_int_equal(
            registry_add_origin(desk->registry, desk->db, &node, &o, &e), 0);
    }
    assert_int_equal(database_commit(desk->db, &e), 0);
    *state = desk;
    return 0;
}

static int close_desk(void **state)
{
    struct desk *desk = *state;
    registry_destroy(&desk->registry);
    packer_destroy(&desk->packer);
    database_close(&desk->db);
    scratch_remove(&desk->folder);
    free(desk->path);
    free(desk);
    return 0;
}

static struct stamp any_stamp(struct dice *d, const struct registry *r)
{
    struct stamp s = {
        .origin = registry_origin_at(r, dice_below(d, NODES)),
        .incarnation = dice_u64(d),
        .seq = dice_u64(d) >> (1 + dice_below(d, 63)),
    };
    s.hlc = dice_u64(d) >> dice_below(d, 64);
    return s;
}

static void random_state(struct dice *d, const struct registry *r,
                         struct row_state *ret)
{
    static const size_t stamp_counts[] = {1, 2, 5, COLUMNS_MAX + 1};
    struct stamp stamps[COLUMNS_MAX + 1];
    size_t stamp_count = stamp_counts[dice_below(d, 4)];
    size_t wanted = dice_below(d, COLUMNS_MAX + 1);
    state_clear(ret);
    for (size_t i = 0; i < stamp_count; i++) {
        stamps[i] = any_stamp(d, r);
    }
    ret->cl = (uint32_t)(1 + dice_below(d, 3));
    ret->life = stamps[dice_below(d, stamp_count)];
    size_t id_len = dice_below(d, SCOPE_ID_BYTES_MAX + 1);
    struct bytes scope = {0};
    bytes_put_u8(&scope, SCOPE_PERSON);
    bytes_put_u32(&scope, (uint32_t)id_len);
    memcpy(ret->scope, scope.data, scope.len);
    dice_fill(d, ret->scope + scope.len, id_len);
    ret->scope_len = scope.len + id_len;
    bytes_free(&scope);
    size_t owner_len = dice_below(d, SITE_BYTES_MAX + 1);
    struct owner owner = {.stamp = ret->life};
    memset(owner.site, 'S', owner_len);
    state_put_owner(ret, 1, &owner);
    if (dice_even(d)) {
        owner.stamp = stamps[dice_below(d, stamp_count)];
        owner.contested = dice_even(d);
        dice_fill(d, owner.offer, HASH_BYTES);
        state_put_owner(ret, 2, &owner);
    }
    for (size_t i = 0; i < wanted; i++) {
        uint16_t column = (uint16_t)(1 + dice_below(d, 2 * COLUMNS_MAX));
        struct column_state *c =
            state_set_column(ret, column, &stamps[dice_below(d, stamp_count)]);
        c->epoch = (uint32_t)dice_below(d, 3);
    }
}

static void a_state_comes_back_from_its_bytes(void **state)
{
    struct desk *desk = *state;
    struct dice d = dice_seeded();
    struct row_state *pair = calloc(2, sizeof *pair);
    struct bytes bytes = {0};
    struct bytes again = {0};
    struct err e;
    assert_non_null(pair);
    for (size_t round = 0; round < 2000; round++) {
        random_state(&d, desk->registry, &pair[0]);
        bytes_clear(&bytes);
        state_encode(&pair[0], &bytes);
        assert_int_equal(
            state_decode(slice_of(&bytes), desk->registry, &pair[1], &e), 0);
        assert_int_equal(pair[1].cl, pair[0].cl);
        assert_int_equal(stamp_compare(&pair[1].life, &pair[0].life), 0);
        assert_int_equal(pair[1].scope_len, pair[0].scope_len);
        assert_memory_equal(pair[1].scope, pair[0].scope, pair[0].scope_len);
        assert_int_equal(pair[1].owner_count, pair[0].owner_count);
        assert_string_equal(pair[1].owners[0].site, pair[0].owners[0].site);
        assert_int_equal(pair[1].column_count, pair[0].column_count);
        for (size_t i = 0; i < pair[0].column_count; i++) {
            assert_int_equal(pair[1].columns[i].column,
                             pair[0].columns[i].column);
            assert_int_equal(stamp_compare(&pair[1].columns[i].stamp,
                                           &pair[0].columns[i].stamp),
                             0);
        }
        bytes_clear(&again);
        state_encode(&pair[1], &again);
        assert_true(slice_equal(slice_of(&bytes), slice_of(&again)));
    }
    bytes_free(&bytes);
    bytes_free(&again);
    state_clear(&pair[0]);
    state_clear(&pair[1]);
    free(pair);
}

static void a_row_never_heard_of_has_a_state_too(void **state)
{
    struct desk *desk = *state;
    struct dice d = dice_seeded();
    struct row_state *pair = calloc(2, sizeof *pair);
    struct bytes bytes = {0};
    struct err e;
    assert_non_null(pair);
    state_encode(&pair[0], &bytes);
    random_state(&d, desk->registry, &pair[1]);
    assert_int_equal(
        state_decode(slice_of(&bytes), desk->registry, &pair[1], &e), 0);
    assert_int_equal(pair[1].cl, 0);
    assert_int_equal(pair[1].column_count, 0);
    assert_null(state_column(&pair[1], 1));
    bytes_free(&bytes);
    free(pair);
}

static void a_damaged_state_is_found_out_or_stays_within_bounds(void **state)
{
    struct desk *desk = *state;
    struct dice d = dice_seeded();
    struct row_state *s = calloc(1, sizeof *s);
    struct bytes bytes = {0};
    struct err e;
    assert_non_null(s);
    for (size_t round = 0; round < 20000; round++) {
        if (round % 20 == 0) {
            bytes_clear(&bytes);
            random_state(&d, desk->registry, s);
            state_encode(s, &bytes);
        }
        bytes.data[dice_below(&d, bytes.len)] ^=
            (uint8_t)(1u << dice_below(&d, 8));
        struct slice cut = slice_of(&bytes);
        cut.len -= dice_below(&d, 3) == 0 ? dice_below(&d, cut.len) : 0;
        int rc = state_decode(cut, desk->registry, s, &e);
        assert_true(rc == 0 || rc == ERR_CORRUPT);
        assert_true(s->column_count <= COLUMNS_MAX);
        assert_true(s->scope_len <= sizeof s->scope);
    }
    bytes_free(&bytes);
    state_clear(s);
    free(s);
}

/* --- keys ---------------------------------------------------------------- */

static void assert_key_comes_back(const struct value *key, size_t count)
{
    struct bytes canonical = {0};
    struct bytes name = {0};
    struct bytes memory = {0};
    struct bytes again = {0};
    struct value values[KEY_COLUMNS_MAX];
    size_t values_count = 0;
    struct err e;
    bytes_put_u8(&canonical, (uint8_t)count);
    for (size_t i = 0; i < count; i++) {
        value_encode(&key[i], &canonical);
    }
    row_key(slice_of(&canonical), &name);
    assert_int_equal(
        row_key_values(slice_of(&name), &memory, values, &values_count, &e), 0);
    assert_int_equal(values_count, count);
    bytes_put_u8(&again, (uint8_t)values_count);
    for (size_t i = 0; i < count; i++) {
        assert_true(value_equal(&values[i], &key[i]));
        value_encode(&values[i], &again);
    }
    /* so no two keys have one name */
    assert_true(slice_equal(slice_of(&again), slice_of(&canonical)));
    bytes_free(&canonical);
    bytes_free(&name);
    bytes_free(&memory);
    bytes_free(&again);
}

static struct value random_key(struct dice *d, uint8_t memory[KEY_BYTES_MAX])
{
    uint8_t raw[UUID_BYTES];
    struct bytes text = {0};
    size_t len = dice_below(d, KEY_BYTES_MAX + 1);
    dice_fill(d, memory, len);
    switch (dice_below(d, 5)) {
    case 0:
        return value_integer((int64_t)dice_u64(d));
    case 1:
        return value_blob(memory, len);
    case 2:
        dice_fill(d, raw, sizeof raw);
        uuid_print(raw, &text);
        memcpy(memory, text.data, text.len);
        len = text.len;
        bytes_free(&text);
        if (dice_below(d, 4) == 0) { /* another key, by one letter's case */
            memory[0] = 'A';
        }
        break;
    case 3: /* like the name of a UUID */
        len = 16;
        break;
    default:
        break;
    }
    return (struct value){.type = VALUE_TEXT, .bytes = {memory, len}};
}

static void a_key_comes_back_from_the_name_of_its_row(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    for (size_t round = 0; round < 5000; round++) {
        uint8_t memory[KEY_COLUMNS_MAX][KEY_BYTES_MAX];
        struct value key[KEY_COLUMNS_MAX];
        size_t count = 1 + dice_below(&d, KEY_COLUMNS_MAX);
        for (size_t i = 0; i < count; i++) {
            key[i] = random_key(&d, memory[i]);
        }
        assert_key_comes_back(key, count);
    }
}

static void a_damaged_name_of_a_row_is_refused(void **state)
{
    (void)state;
    static const uint8_t names[][6] = {
        {'x', 1, 1, 0, 0, 0}, /* no such tag */
        {'u', 1, 1, 0, 0, 0}, /* a short UUID */
        {'k', 1, 3, 0, 0, 9}, /* text longer than the name */
        {'k', 9, 0, 0, 0, 0}, /* nine columns */
        {'k', 1, 0, 0, 0, 0}, /* and something after it */
    };
    struct bytes memory = {0};
    struct value values[KEY_COLUMNS_MAX];
    size_t count;
    struct err e;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct slice name = {names[i], sizeof names[i]};
        assert_int_equal(row_key_values(name, &memory, values, &count, &e),
                         ERR_CORRUPT);
    }
    bytes_free(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_in_any_order_give_what_the_page_says),
        cmocka_unit_test(a_fold_gives_each_leaf_the_verdict_the_page_says),
        cmocka_unit_test(a_leaf_that_does_not_count_leaves_the_state_alone),
        cmocka_unit_test(stamps_are_totally_ordered),
        cmocka_unit_test(time_counts_before_the_writer_in_a_stamp),
        cmocka_unit_test_setup_teardown(a_state_comes_back_from_its_bytes,
                                        open_desk, close_desk),
        cmocka_unit_test_setup_teardown(a_row_never_heard_of_has_a_state_too,
                                        open_desk, close_desk),
        cmocka_unit_test_setup_teardown(
            a_damaged_state_is_found_out_or_stays_within_bounds, open_desk,
            close_desk),
        cmocka_unit_test(a_key_comes_back_from_the_name_of_its_row),
        cmocka_unit_test(a_damaged_name_of_a_row_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
