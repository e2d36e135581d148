/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Numbers: those of nodes, which the root issues, and those for people, of
 * which every node that has one keeps some ready (protocol/number.h).
 *
 * A counter is behind local_counter in the transaction that shows its number,
 * so that no crash gives one out twice. What a crash cannot do a backup can:
 * a node that finds out that it was put back goes on far ahead, and one that got
 * another number leaves nothing of the old one to be given out.
 */
#include "store/numbers.h"

#include <sodium.h>

#include "protocol/number.h"

#include "store/capture.h"
#include "store/parts.h"

enum { COUNTER_END = NUMBER_COUNTER_MAX + 1 };

/* --- statements ----------------------------------------------------------- */

/* One number of one row; `a` is its first parameter, where it has any. */
static int ask(struct database *db, const char *sql, int64_t a, int64_t *ret,
               struct err *e)
{
    sqlite3_stmt *stmt;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    if (sqlite3_bind_parameter_count(stmt) > 0) {
        sqlite3_bind_int64(stmt, 1, a);
    }
    rc = database_step(db, stmt, e);
    *ret = rc == 1 ? sqlite3_column_int64(stmt, 0) : 0;
    (void)sqlite3_reset(stmt);
    return rc < 0 ? rc : 0;
}

static int run(struct database *db, const char *sql, int64_t a, int64_t b,
               struct err *e)
{
    sqlite3_stmt *stmt;
    int rc = database_statement(db, sql, &stmt, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3_bind_int64(stmt, 1, a);
    if (sqlite3_bind_parameter_count(stmt) > 1) {
        sqlite3_bind_int64(stmt, 2, b);
    }
    return database_done(db, stmt, e);
}

/* --- numbers of nodes ------------------------------------------------------ */

/* Nodes that nobody has given a number yet. What a program writes into
 * sync_certificate past the guards wastes a number, and no more. */
#define NAMELESS                                                               \
    "SELECT lower(hex(c.node)) FROM sync_certificate c"                        \
    " WHERE length(c.node) = 32 AND NOT EXISTS(SELECT 1"                       \
    " FROM ref_node_number n WHERE n.node = lower(hex(c.node)))"

static int insert_node_number(struct replica *r, const struct value *number,
                              const struct bytes *node, struct err *e)
{
    const struct value v = {.type = VALUE_TEXT, .bytes = slice_of(node)};
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db,
                                "INSERT INTO ref_node_number(number, node)"
                                " VALUES(?1, ?2)",
                                &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind_at(stmt, 1, number);
    database_bind_at(stmt, 2, &v);
    return database_done(r->db, stmt, e);
}

/* 1: there is one, and which. */
static int next_nameless(struct replica *r, struct bytes *ret, struct err *e)
{
    sqlite3_stmt *stmt;
    int rc = database_statement(r->db, NAMELESS " LIMIT 1", &stmt, e);
    if (rc == 0 && (rc = database_step(r->db, stmt, e)) == 1) {
        const struct value v = database_column(stmt, 0);
        bytes_put(ret, v.bytes.data, v.bytes.len);
        (void)sqlite3_reset(stmt);
    }
    return rc;
}

/* 1: one was issued, 0: every node has one, or there are no more numbers. */
static int issue(struct replica *r, const struct table *t, int64_t now_ms,
                 struct numbered *ret, struct err *e)
{
    struct bytes node = {0};
    int64_t last = 0;
    int rc = ask(r->db, "SELECT max(number) FROM ref_node_number", 0, &last, e);
    if (rc == 0) {
        rc = next_nameless(r, &node, e);
    }
    if (rc == 1 && last >= NUMBER_NODE_MAX) {
        ret->nodes_used_up = true;
        rc = 0;
    }
    if (rc == 1) {
        const struct value key = value_integer(last + 1);
        rc = insert_node_number(r, &key, &node, e);
        if (rc == 0) {
            rc =
                capture_append(r->db, t, CAPTURE_INSERT, &key, NULL, now_ms, e);
        }
        ret->issued += rc == 0;
        rc = rc == 0 ? 1 : rc;
    }
    bytes_free(&node);
    return rc;
}

static int issue_all(struct replica *r, int64_t now_ms, struct numbered *ret,
                     struct err *e)
{
    const struct table *t =
        manifest_table_named(r->manifest, "ref_node_number");
    int rc = t != NULL && t->broken == NULL; /* or else it is not signed */
    while (rc == 1 && ret->issued < NUMBER_NODES_ISSUED) {
        rc = issue(r, t, now_ms, ret, e);
    }
    return rc < 0 ? rc : 0;
}

/* --- numbers for people ---------------------------------------------------- */

/* The node's own number, 0: it has none. */
static int read_node_no(struct database *db, uint16_t *ret, struct err *e)
{
    int64_t number = 0;
    int rc = ask(db,
                 "SELECT max(n.number) FROM ref_node_number n, sync_self s"
                 " WHERE n.node = lower(hex(s.node))",
                 0, &number, e);
    bool sound = number > 0 && number <= NUMBER_NODE_MAX;
    *ret = sound ? (uint16_t)number : 0;
    return rc;
}

static int count_free(struct database *db, uint16_t node_no, int64_t *ret,
                      struct err *e)
{
    return ask(db,
               "SELECT count(*) FROM local_number n WHERE n.taken_at IS NULL"
               " AND n.node_no = ?1 AND NOT EXISTS(SELECT 1 FROM person p"
               " WHERE p.beneficiary_no = n.number)",
               node_no, ret, e);
}

/* As another node number, from the first counter on; and nothing that was made
 * as the one before can be taken any more. */
static int begin_counter(struct database *db, uint16_t node_no, struct err *e)
{
    int rc = run(db,
                 "INSERT INTO local_counter(name, node_no, next_value,"
                 " reserved_to) VALUES('beneficiary', ?1, 0, 0)"
                 " ON CONFLICT(name) DO UPDATE SET node_no = ?1,"
                 " next_value = 0, reserved_to = 0 WHERE node_no <> ?1",
                 node_no, 0, e);
    return rc == 0 ? run(db,
                         "DELETE FROM local_number WHERE taken_at IS NULL"
                         " AND node_no <> ?1",
                         node_no, 0, e)
                   : rc;
}

/* One that is there already was taken before. */
static int add(struct database *db, const char *number, uint16_t node_no,
               struct err *e)
{
    const struct value text = value_text(number);
    sqlite3_stmt *stmt;
    int rc = database_statement(db,
                                "INSERT OR IGNORE INTO local_number(number,"
                                " node_no) VALUES(?1, ?2)",
                                &stmt, e);
    if (rc != 0) {
        return rc;
    }
    database_bind_at(stmt, 1, &text);
    sqlite3_bind_int64(stmt, 2, node_no);
    return database_done(db, stmt, e);
}

/* The next block: 1, or 0 when no counter is left. */
static int add_block(struct database *db, const struct hash *network,
                     uint16_t node_no, struct err *e)
{
    uint8_t key[NUMBER_KEY_BYTES];
    int64_t from = 0;
    int rc = ask(db,
                 "SELECT max(next_value, reserved_to, 0) FROM local_counter"
                 " WHERE name = 'beneficiary'",
                 0, &from, e);
    if (rc != 0 || from >= COUNTER_END) {
        return rc;
    }
    int64_t to =
        from + NUMBER_BLOCK < COUNTER_END ? from + NUMBER_BLOCK : COUNTER_END;
    rc = run(db,
             "UPDATE local_counter SET next_value = ?1, reserved_to = ?1"
             " WHERE name = 'beneficiary'",
             to, 0, e);
    number_key(network, key);
    for (; rc == 0 && from < to; from++) {
        char number[NUMBER_TEXT_BYTES];
        if (number_print(key, node_no, (uint32_t)from, number)) {
            rc = add(db, number, node_no, e);
        }
    }
    return rc == 0 ? 1 : rc;
}

int numbers_fill(struct database *db, const struct hash *network,
                 int64_t wanted, struct numbered *ret, struct err *e)
{
    int64_t before = 0;
    int64_t now = 0;
    int rc = read_node_no(db, &ret->node_no, e);
    if (rc == 0 && ret->node_no != 0) {
        rc = begin_counter(db, ret->node_no, e);
    }
    if (rc == 0) {
        rc = count_free(db, ret->node_no, &before, e);
    }
    now = before;
    while (rc == 0 && ret->node_no != 0 && now < wanted && !ret->used_up) {
        rc = add_block(db, network, ret->node_no, e);
        ret->used_up = rc == 0;
        rc = rc < 0 ? rc : count_free(db, ret->node_no, &now, e);
    }
    ret->added = (uint64_t)(now - before);
    return rc;
}

int numbers_jump(struct database *db, struct err *e)
{
    int64_t jump = NUMBER_JUMP + (int64_t)randombytes_uniform(3 * NUMBER_JUMP);
    int rc = run(db,
                 "UPDATE local_counter SET next_value ="
                 " min(max(next_value, reserved_to) + ?1, ?2), reserved_to ="
                 " min(max(next_value, reserved_to) + ?1, ?2)"
                 " WHERE name = 'beneficiary'",
                 jump, COUNTER_END, e);
    return rc == 0 ? run(db,
                         "DELETE FROM local_number WHERE taken_at IS NULL"
                         " AND node_no <= ?1",
                         NUMBER_NODE_MAX, 0, e)
                   : rc;
}

/* --- the whole ------------------------------------------------------------ */

/* Is there anything to write? */
static int look(struct replica *r, bool *ret, struct err *e)
{
    static const char stale_sql[] =
        "SELECT EXISTS(SELECT 1 FROM local_number WHERE taken_at IS NULL"
        " AND node_no <> ?1)";
    int64_t nameless = 0;
    int64_t ready = NUMBER_POOL;
    int64_t stale = 0;
    uint16_t node_no = 0;
    int rc = 0;
    if (!r->self.has_parent) {
        rc = ask(r->db, "SELECT EXISTS(" NAMELESS ")", 0, &nameless, e);
    }
    if (rc == 0) {
        rc = read_node_no(r->db, &node_no, e);
    }
    if (rc == 0 && node_no != 0) {
        rc = count_free(r->db, node_no, &ready, e);
    }
    if (rc == 0 && node_no != 0) {
        rc = ask(r->db, stale_sql, node_no, &stale, e);
    }
    *ret = nameless != 0 || ready < NUMBER_POOL || stale != 0;
    return rc;
}

int replica_numbers(struct replica *r, int64_t now_ms, struct numbered *ret,
                    struct err *e)
{
    bool needed = false;
    *ret = (struct numbered){0};
    int rc = look(r, &needed, e);
    if (rc != 0 || !needed) {
        return rc;
    }
    rc = replica_begin(r, e);
    if (rc != 0) {
        return rc;
    }
    if (!r->self.has_parent) {
        rc = issue_all(r, now_ms, ret, e);
    }
    if (rc == 0) {
        rc = numbers_fill(r->db, &r->self.network, NUMBER_POOL, ret, e);
    }
    return replica_end(r, rc, e);
}
