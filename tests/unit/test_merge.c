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
#include "support/heard.h"
#include "support/scratch.h"

enum { SITES = 2 };

static struct origin origins[SITES];

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

/* --- stamps -------------------------------------------------------------- */

static void stamps_are_totally_ordered(void **state)
{
    (void)state;
    struct dice d = dice_seeded();
    name_origins(&d);
    for (size_t round = 0; round < 100000; round++) {
        struct stamp s[3];
        for (size_t i = 0; i < 3; i++) {
            s[i] = random_stamp(&d, dice_below(&d, SITES));
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
    for (size_t others = dice_below(d, 4); others > 0; others--) {
        uint8_t other[] = {SCOPE_PERSON, 0, 0, 0, 2, 0, 0};
        dice_fill(d, other + 5, 2);
        (void)state_note_scope(ret, (struct slice){other, sizeof other});
    }
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
        assert_true(
            slice_equal(slice_of(&pair[1].scopes), slice_of(&pair[0].scopes)));
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

/* Of states that leaves made, with all that policies remember. */
static void a_state_that_was_merged_comes_back_from_its_bytes(void **state)
{
    struct desk *desk = *state;
    struct dice d = dice_seeded();
    struct model *m = model_new(&d);
    struct heard *h = heard_new();
    struct row_state *again = calloc(1, sizeof *again);
    struct bytes bytes = {0};
    struct bytes twice = {0};
    struct err e;
    assert_non_null(again);
    for (size_t i = 0; i < MODEL_NODES; i++) {
        m->nodes[i] = registry_origin_at(desk->registry, i);
    }
    for (size_t round = 0; round < 2000; round++) {
        m->most = 12;
        model_begin(m, &d);
        heard_begin(h, m);
        while (m->count < m->most) {
            heard_take(h, model_add_random(m, &d));
        }
        heard_encode(h, &bytes);
        assert_int_equal(
            state_decode(slice_of(&bytes), desk->registry, again, &e), 0);
        bytes_clear(&twice);
        state_encode(again, &twice);
        assert_true(slice_equal(slice_of(&bytes), slice_of(&twice)));
        struct row_state kept = h->state;
        h->state = *again;
        *again = kept;
        heard_check(h); /* it says the same */
    }
    bytes_free(&bytes);
    bytes_free(&twice);
    state_clear(again);
    free(again);
    heard_free(h);
    model_free(m);
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

/* --- owners -------------------------------------------------------------- */

/* A table by hand, whose rows are owned: what admission lets in, and what it
 * would not. */
enum { OWNER = 2, EPOCH, NOTE };

static struct column owned_columns[] = {
    {.id = 1, .class_id = 2, .policy = POLICY_KEY, .name = "key"},
    {.id = OWNER, .class_id = 2, .policy = POLICY_OWNER, .name = "owner"},
    {.id = EPOCH, .class_id = 2, .policy = POLICY_OWNER, .name = "epoch"},
    {.id = NOTE, .class_id = 2, .policy = POLICY_OWNER, .name = "note"},
};
static const struct table owned = {
    .id = 20,
    .kind = TABLE_RECORD,
    .deletes = true,
    .name = "owned",
    .base_class = 2,
    .owner_column = &owned_columns[OWNER - 1],
    .epoch_column = &owned_columns[EPOCH - 1],
    .key = {&owned_columns[0]},
    .key_count = 1,
    .columns = owned_columns,
    .column_count = 4,
};

struct hand {
    struct row_state state;
    struct merge_result said;
    struct leaf leaf;
    uint64_t seq;
};

static void leaf_by(struct hand *h, enum leaf_op op, uint32_t cl,
                    const char *site, uint32_t epoch)
{
    static const uint8_t scope[] = {0, 0};
    h->leaf = (struct leaf){
        .class_id = 2,
        .table = owned.id,
        .key_count = 1,
        .key = {value_text("k")},
        .op = op,
        .cl = cl,
        .owned = true,
        .owner = {.site = slice_text(site), .epoch = epoch},
        .scope_bytes = {scope, sizeof scope},
    };
}

static void put(struct hand *h, uint16_t column, struct value v)
{
    h->leaf.cells[h->leaf.cell_count++] = (struct leaf_cell){column, v};
}

static enum merge_outcome merge(struct hand *h)
{
    struct stamp stamp = {.hlc = 100 + h->seq,
                          .origin = &origins[0],
                          .incarnation = 1,
                          .seq = ++h->seq};
    merge_leaf(&h->state, &owned, &h->leaf, &stamp, NULL, &h->said);
    return h->said.outcome;
}

/* An update by which `site` takes the row over under an epoch. */
static enum merge_outcome take_over(struct hand *h, const char *site,
                                    uint32_t epoch, const struct offer *offer)
{
    struct stamp stamp = {.hlc = 100 + h->seq,
                          .origin = &origins[0],
                          .incarnation = 1,
                          .seq = ++h->seq};
    leaf_by(h, LEAF_UPDATE, 1, site, epoch);
    put(h, OWNER, value_text(site));
    put(h, EPOCH, value_integer(epoch));
    merge_leaf(&h->state, &owned, &h->leaf, &stamp, offer, &h->said);
    return h->said.outcome;
}

static void begin_row(struct hand *h, const char *site)
{
    state_clear(&h->state);
    leaf_by(h, LEAF_INSERT, 1, site, 1);
    put(h, OWNER, value_text(site));
    put(h, EPOCH, value_integer(1));
    assert_int_equal(merge(h), MERGE_WON);
}

static void who_begins_a_life_names_itself(void **state)
{
    (void)state;
    static const char long_site[] =
        "a-site-of-a-name-that-is-far-longer-than-any-site-may-have-and-more-"
        "than-sixty-four-bytes-in-all-which-is-the-most";
    const struct value wrong[] = {
        value_text("LDH-D"),
        value_text("LDH-CC"),
        value_integer(1),
        value_text(long_site),
    };
    static struct hand h;
    assert_true(strlen(long_site) > SITE_BYTES_MAX);
    begin_row(&h, "LDH-C");
    assert_string_equal(state_owner(&h.state, 1)->site, "LDH-C");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        state_clear(&h.state);
        leaf_by(&h, LEAF_INSERT, 1, "LDH-C", 1);
        put(&h, OWNER, wrong[i]);
        assert_int_equal(merge(&h), MERGE_REFUSED);
        assert_int_equal(h.state.cl, 0);
    }
    /* owned columns, and no owner; a later epoch */
    leaf_by(&h, LEAF_INSERT, 1, "LDH-C", 1);
    put(&h, NOTE, value_text("n"));
    assert_int_equal(merge(&h), MERGE_REFUSED);
    leaf_by(&h, LEAF_INSERT, 1, "LDH-C", 2);
    put(&h, OWNER, value_text("LDH-C"));
    assert_int_equal(merge(&h), MERGE_REFUSED);
    /* nothing that is owned: nobody needs to */
    leaf_by(&h, LEAF_INSERT, 1, "LDH-C", 1);
    assert_int_equal(merge(&h), MERGE_WON);
    assert_null(state_last_owner(&h.state));
    state_clear(&h.state);
}

static void only_the_last_owner_ends_a_life(void **state)
{
    (void)state;
    static struct hand h;
    struct owner next = {.site = "LDH-D", .stamp = {.hlc = 200}};
    next.stamp.origin = &origins[0];
    begin_row(&h, "LDH-C");
    leaf_by(&h, LEAF_DELETE, 2, "LDH-D", 1);
    assert_int_equal(merge(&h), MERGE_REFUSED);
    leaf_by(&h, LEAF_DELETE, 2, "LDH-D", 2);
    assert_int_equal(merge(&h), MERGE_WAITING);
    state_put_owner(&h.state, 2, &next);
    leaf_by(&h, LEAF_DELETE, 2, "LDH-C", 1);
    assert_int_equal(merge(&h), MERGE_REFUSED);
    assert_non_null(strstr(h.said.says, "LDH-D does"));
    leaf_by(&h, LEAF_DELETE, 2, "LDH-D", 2);
    assert_int_equal(merge(&h), MERGE_WON);
    assert_true(h.said.died);
    /* and where nobody owns it, nobody can */
    state_clear(&h.state);
    leaf_by(&h, LEAF_INSERT, 1, "LDH-C", 1);
    assert_int_equal(merge(&h), MERGE_WON);
    leaf_by(&h, LEAF_DELETE, 2, "LDH-C", 1);
    assert_int_equal(merge(&h), MERGE_WAITING);
    state_clear(&h.state);
}

static void an_owned_column_is_its_owners(void **state)
{
    (void)state;
    static struct hand h;
    begin_row(&h, "LDH-C");
    leaf_by(&h, LEAF_UPDATE, 1, "LDH-D", 1);
    put(&h, NOTE, value_text("n"));
    assert_int_equal(merge(&h), MERGE_REFUSED);
    leaf_by(&h, LEAF_UPDATE, 1, "LDH-CC", 1);
    put(&h, NOTE, value_text("n"));
    assert_int_equal(merge(&h), MERGE_REFUSED);
    leaf_by(&h, LEAF_UPDATE, 1, "LDH-C", 1);
    put(&h, NOTE, value_text("n"));
    assert_int_equal(merge(&h), MERGE_WON);
    state_clear(&h.state);
}

/* People read which step is missing: the sentences name the epoch they lack. */
static void who_takes_over_waits_for_the_step_before(void **state)
{
    (void)state;
    static struct hand h;
    const struct offer offer = {.table = owned.id,
                                .scope = {(const uint8_t *)"\0", 2},
                                .from = slice_text("LDH-D"),
                                .to = slice_text("LDH-E"),
                                .epoch = 2};
    begin_row(&h, "LDH-C");
    assert_int_equal(take_over(&h, "LDH-E", 3, NULL), MERGE_WAITING);
    assert_string_equal(h.said.says, "the offer of epoch 3 is not held");
    assert_int_equal(take_over(&h, "LDH-E", 3, &offer), MERGE_WAITING);
    assert_string_equal(h.said.says, "the owner of epoch 2 is not known");
    assert_int_equal(take_over(&h, "LDH-F", 3, &offer), MERGE_REFUSED);
    assert_non_null(strstr(h.said.says, "under epoch 2 to site LDH-F"));
    state_clear(&h.state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stamps_are_totally_ordered),
        cmocka_unit_test(time_counts_before_the_writer_in_a_stamp),
        cmocka_unit_test_setup_teardown(a_state_comes_back_from_its_bytes,
                                        open_desk, close_desk),
        cmocka_unit_test_setup_teardown(
            a_state_that_was_merged_comes_back_from_its_bytes, open_desk,
            close_desk),
        cmocka_unit_test_setup_teardown(a_row_never_heard_of_has_a_state_too,
                                        open_desk, close_desk),
        cmocka_unit_test_setup_teardown(
            a_damaged_state_is_found_out_or_stays_within_bounds, open_desk,
            close_desk),
        cmocka_unit_test(a_key_comes_back_from_the_name_of_its_row),
        cmocka_unit_test(a_damaged_name_of_a_row_is_refused),
        cmocka_unit_test(who_begins_a_life_names_itself),
        cmocka_unit_test(only_the_last_owner_ends_a_life),
        cmocka_unit_test(an_owned_column_is_its_owners),
        cmocka_unit_test(who_takes_over_waits_for_the_step_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
