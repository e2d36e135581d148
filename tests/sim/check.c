/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "claims.h"

void check_none(struct gathered *c, const char *invariant, const char *sql)
{
    sqlite3_stmt *stmt = gathered_ask(c->db, sql);
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        sim_fail("%s: %s", invariant,
                 (const char *)sqlite3_column_text(stmt, 0));
    }
    if (rc != SQLITE_DONE) {
        sim_fail("check: %s: %s", sql, sqlite3_errmsg(c->db));
    }
    sqlite3_finalize(stmt);
}

/* --- what must be true ------------------------------------------------------------------ */

static void check_names(struct gathered *c)
{
    check_none(c, "[I-4] one name has two contents",
               "SELECT node || ' ' || seq FROM held"
               " GROUP BY node, incarnation, seq"
               " HAVING count(DISTINCT hash) > 1");
    check_none(c, "[I-3] a signature is not the same everywhere",
               "SELECT node || ' ' || seq FROM held"
               " GROUP BY node, incarnation, seq"
               " HAVING count(DISTINCT signature) > 1");
}

/* Headquarters has everything that anybody has, and everybody what routing
 * says: who was put back has its own from the others. What a node wrote that was
 * ended is looked for if it was taken before. */
static void check_holdings(struct gathered *c)
{
    gathered_run(
        c, "CREATE TABLE due AS SELECT DISTINCT l.node, l.incarnation, l.seq,"
           " l.class, l.scope, l.tbl, l.key, o.root, o.district,"
           " iif(o.root AND l.to_site <> o.site, l.to_site, NULL) AS to_site"
           " FROM leaf l JOIN machine o USING(node)"
           /* what two have lost that were put back is nowhere but in parts,
            * which other districts hand up to nobody (decision 20) */
           " JOIN machine b ON b.machine = l.machine"
           "  AND (b.root OR o.root OR b.district = o.district)"
           " JOIN held h ON h.machine = l.machine AND h.node = l.node"
           " AND h.incarnation = l.incarnation AND h.seq = l.seq"
           " WHERE NOT (o.ended AND l.machine = o.machine)"
           "  AND NOT EXISTS(SELECT 1 FROM void v WHERE v.node = l.node"
           "   AND v.incarnation = l.incarnation AND l.seq > v.after)");
    /* what headquarters addresses to a site goes to it and to those above */
    gathered_run(
        c, "CREATE TABLE leads AS WITH RECURSIVE up(machine, site) AS ("
           " SELECT machine, site FROM machine UNION"
           " SELECT m.parent, up.site FROM up JOIN machine m USING(machine)"
           " WHERE m.parent >= 0) SELECT * FROM up");
    check_none(
        c, "[I-1] [I-13] a change is not where it should be",
        "SELECT format('machine %d lacks table %d key %s of %s %d',"
        "  m.machine, d.tbl, d.key, d.node, d.seq)"
        " FROM due d, machine m"
        " WHERE NOT m.ended AND (m.root OR (d.root AND d.to_site IS NULL)"
        "        OR d.scope = 0"
        "        OR (d.to_site IS NULL AND d.district = m.district)"
        "        OR EXISTS(SELECT 1 FROM leads s"
        "            WHERE s.machine = m.machine"
        "              AND s.site = d.to_site))"
        "   AND NOT EXISTS(SELECT 1 FROM leaf l"
        "    WHERE l.machine = m.machine AND l.node = d.node"
        "      AND l.incarnation = d.incarnation AND l.seq = d.seq"
        "      AND l.class = d.class AND l.tbl = d.tbl"
        "      AND l.key IS d.key)");
    check_none(c, "a change is where it should not be",
               "SELECT format('machine %d has table %d key %s of %s %d',"
               "  m.machine, l.tbl, l.key, l.node, l.seq)"
               " FROM leaf l JOIN machine m USING(machine)"
               " JOIN machine o ON o.node = l.node"
               " WHERE NOT (m.root OR l.scope = 0"
               "  OR (NOT o.root AND o.district = m.district)"
               "  OR (o.root AND (l.to_site IS NULL OR l.to_site = o.site))"
               "  OR EXISTS(SELECT 1 FROM leads s"
               "      WHERE s.machine = m.machine AND s.site = l.to_site))");
}

/* For who looks at a failure with --trace: all that was said of the first row
 * that is not as expected. */
static void say_first_difference(struct gathered *c)
{
    sqlite3_stmt *stmt = gathered_ask(
        c->db,
        "SELECT format('machine %d: %s cl %d op %d class %d seq %d of %.8s %s"
        " hlc %s scope %s%s%s%s: %s', l.machine, l.key, l.cl, l.op, l.class,"
        "  l.seq, l.node, l.incarnation, l.hlc, l.scope_id,"
        "  coalesce(format(', claims %s %d by %.8s', claims, epoch, offer), ''),"
        "  iif(l.counts, '', ', does not count'),"
        "  iif(l.leaf IN (SELECT leaf FROM taken), ', taken', ''),"
        "  (SELECT group_concat(col || '=' || quote(value), ' ') FROM cell"
        "    WHERE cell.leaf = l.leaf))"
        " FROM leaf l JOIN (SELECT machine, tbl, key FROM"
        "  (SELECT * FROM (SELECT * FROM shown EXCEPT SELECT * FROM expected)"
        "   UNION ALL SELECT * FROM"
        "   (SELECT * FROM expected EXCEPT SELECT * FROM shown)) LIMIT 1)"
        "  USING(machine, tbl, key) ORDER BY l.hlc");
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        sim_say("%s", (const char *)sqlite3_column_text(stmt, 0));
    }
    sqlite3_finalize(stmt);
}

static void find_voids(struct gathered *c)
{
    gathered_run(
        c, "CREATE TABLE void AS SELECT v.leaf, v.machine, v.node,"
           "  lower(hex(i.value)) AS incarnation, a.value AS after FROM leaf v"
           "  JOIN cell n ON n.leaf = v.leaf AND n.col = 0"
           "  JOIN cell i ON i.leaf = v.leaf AND i.col = -1"
           "  JOIN cell a ON a.leaf = v.leaf AND a.col = -2"
           " WHERE v.tbl = 4 AND lower(hex(n.value)) = v.node");
}

/* What is said after the cut takes nothing back; what was taken back itself does.
 * Who says so on a branch that waits cuts nobody off. */
static void find_cut(struct gathered *c)
{
    gathered_run(c,
                 "CREATE TABLE cut AS SELECT l.leaf FROM leaf l"
                 " WHERE EXISTS(SELECT 1 FROM leaf v"
                 "  JOIN cell n ON n.leaf = v.leaf AND n.col = 0"
                 "  JOIN cell a ON a.leaf = v.leaf AND a.col = -1"
                 "  WHERE v.tbl = 3 AND v.machine = l.machine"
                 "    AND lower(hex(n.value)) = l.node AND l.seq > a.value"
                 "    AND NOT EXISTS(SELECT 1 FROM waits w"
                 "     WHERE w.machine = v.machine AND w.node = v.node"
                 "      AND w.incarnation = v.incarnation AND w.seq = v.seq));"
                 "CREATE INDEX cut_leaf ON cut(leaf);"
                 "DELETE FROM void WHERE leaf IN (SELECT leaf FROM cut)");
}

/* What hangs on the younger branch of a clone, by the chain and not by what nodes
 * said of it. Of a clone a void may cover the second header or the third, which say
 * incarnation and number. */
static void find_waiting(struct gathered *c)
{
    gathered_run(
        c,
        "CREATE TABLE chain AS SELECT DISTINCT node, incarnation, seq,"
        " prev_incarnation, hlc FROM held;"
        "CREATE INDEX chain_prev ON chain(node, prev_incarnation, seq);"
        "CREATE INDEX chain_name ON chain(node, incarnation, seq);"
        "CREATE TABLE clone AS SELECT v.machine, lower(hex(n.value)) AS node,"
        "  lower(hex(i.value)) AS incarnation, a.value AS seq FROM leaf v"
        "  JOIN cell n ON n.leaf = v.leaf AND n.col = 2"
        "  JOIN cell i ON i.leaf = v.leaf AND i.col = 3"
        "  JOIN cell a ON a.leaf = v.leaf AND a.col = 4"
        "  JOIN cell third ON third.leaf = v.leaf AND third.col = 9"
        " WHERE v.tbl = 5 AND third.value IS NOT NULL"
        "  AND NOT EXISTS(SELECT 1 FROM cell h JOIN void d"
        "     ON d.machine = v.machine AND d.node = lower(hex(n.value))"
        "      AND d.incarnation = lower(hex(substr(h.value, 65, 8)))"
        "      AND hex(substr(h.value, 73, 8)) > printf('%016X', d.after)"
        "     WHERE h.leaf = v.leaf AND h.col IN (7, 9));"
        "CREATE TABLE waits AS WITH RECURSIVE"
        " of(machine, node, incarnation, seq) AS ("
        "  SELECT k.machine, k.node, k.incarnation, c.seq FROM clone k"
        "   JOIN chain c ON c.node = k.node"
        "    AND c.incarnation = k.incarnation AND c.seq >= k.seq"
        "  UNION SELECT of.machine, c.node, c.incarnation, c.seq FROM of"
        "   JOIN chain c ON c.node = of.node"
        "    AND c.prev_incarnation = of.incarnation"
        "    AND c.seq = of.seq + 1)"
        " SELECT * FROM of;"
        "CREATE INDEX waits_name ON waits(machine, node, incarnation, seq)");
}

/* Two ran if one went on from where it had been, as if it had not written what
 * another wrote meanwhile. One of the two waits. */
static void check_clones(struct gathered *c)
{
    check_none(
        c, "[I-4] a node ran twice, and nobody proved it",
        "SELECT format('machine %d: %d and %d of it, and %d meanwhile',"
        "  m.machine, a.seq, z.seq, b.seq)"
        " FROM chain z JOIN machine m ON m.node = z.node AND NOT m.ended"
        " JOIN chain a ON a.node = z.node AND a.seq = z.seq - 1"
        "  AND a.incarnation = z.prev_incarnation"
        " JOIN chain b ON b.node = z.node AND b.seq <= a.seq"
        "  AND b.hlc > a.hlc AND b.hlc < z.hlc"
        /* what the lowest bits say of the first of an incarnation */
        " WHERE (z.incarnation = a.incarnation"
        "   OR substr(z.incarnation, 16) IN ('0','2','4','6','8','a','c','e'))"
        "  AND ((a.prev_incarnation = a.incarnation AND a.seq > 1)"
        "   OR substr(a.incarnation, 16) IN ('0','1','4','5','8','9','c','d'))"
        "  AND b.incarnation NOT IN (a.incarnation, z.incarnation)"
        /* not yet (docs/security.md): where branches part by one stamp */
        "  AND NOT EXISTS(SELECT 1 FROM chain s JOIN chain o ON o.node = s.node"
        "   AND o.seq = s.seq AND o.hlc = s.hlc AND o.incarnation > s.incarnation"
        "   WHERE s.node = z.node)"
        "  AND NOT EXISTS(SELECT 1 FROM void v WHERE v.machine = 0"
        "   AND v.node = z.node AND ("
        "    (v.incarnation = a.incarnation AND a.seq > v.after)"
        "    OR (v.incarnation = b.incarnation AND b.seq > v.after)"
        "    OR (v.incarnation = z.incarnation AND z.seq > v.after)))"
        "  AND NOT EXISTS(SELECT 1 FROM waits w WHERE w.machine = 0"
        "   AND w.node = z.node AND ("
        "    (w.incarnation = a.incarnation AND w.seq = a.seq)"
        "    OR (w.incarnation = b.incarnation AND w.seq = b.seq)))");
}

/* Leaves that do not count, by section 4 of semantics.md: taken back, of who
 * was cut off, of a clone. */
static void find_taken(struct gathered *c)
{
    /* of what is void and of a clone events count, and nothing else */
    gathered_run(
        c, "CREATE TABLE withdrawn AS SELECT l.leaf FROM leaf l"
           " WHERE l.leaf NOT IN (SELECT leaf FROM cut)"
           "  AND l.tbl NOT IN (SELECT tbl FROM col WHERE kind = 'event')"
           "  AND EXISTS(SELECT 1 FROM void v"
           "  WHERE v.machine = l.machine AND v.node = l.node"
           "    AND v.incarnation = l.incarnation AND l.seq > v.after);"
           "CREATE INDEX withdrawn_leaf ON withdrawn(leaf);"
           "CREATE TABLE taken AS SELECT l.leaf FROM leaf l"
           " WHERE l.leaf IN (SELECT leaf FROM cut)"
           " OR l.leaf IN (SELECT leaf FROM withdrawn)"
           " OR l.tbl NOT IN (SELECT tbl FROM col"
           "   WHERE kind IN ('event', 'control'))"
           "  AND EXISTS(SELECT 1 FROM waits w WHERE w.machine = l.machine"
           "   AND w.node = l.node AND w.incarnation = l.incarnation"
           "   AND w.seq = l.seq)");
    gathered_run(c, "CREATE INDEX taken_leaf ON taken(leaf)");
}

/* Rows that live, and the cells that have a say in what they show. */
static void find_lives(struct gathered *c)
{
    claims_find(c);
    gathered_run(
        c, "CREATE TABLE life AS SELECT now.*, min(leaf) AS first"
           " FROM now JOIN sound USING(machine, tbl, key)"
           " WHERE now.cl % 2 = 1 GROUP BY machine, tbl, key;"
           "CREATE INDEX life_row ON life(machine, tbl, key);"
           "CREATE TABLE says AS"
           " SELECT l.machine, l.tbl, l.key, l.leaf, l.hlc, l.node,"
           "  l.incarnation, l.seq, l.name_incarnation, l.name_seq, l.epoch,"
           "  c.col, c.value, k.policy, k.kind,"
           "  k.lead"
           " FROM leaf l JOIN sound USING(leaf) JOIN cell c USING(leaf)"
           " JOIN col k ON k.tbl = l.tbl AND k.col = c.col"
           " JOIN life ON life.machine = l.machine AND life.tbl = l.tbl"
           "  AND life.key = l.key AND life.cl = l.cl"
           " WHERE k.policy IS NOT NULL"
           "  AND l.leaf NOT IN (SELECT leaf FROM barred);"
           "CREATE INDEX says_row ON says(machine, tbl, key, lead);"
           "CREATE INDEX says_leaf ON says(leaf, lead);"
           "CREATE TABLE expected(machine, tbl, key, col, value BLOB)");
}

/* Columns of which one write shows, by its value, its epoch or its stamp, with
 * all that it said of the group; those of which none does, and keys. */
static void expect_values(struct gathered *c)
{
    gathered_run(
        c,
        "CREATE TABLE winner AS SELECT leaf, lead, machine, tbl, key FROM ("
        "  SELECT s.*, row_number() OVER ("
        "   PARTITION BY machine, tbl, key, col ORDER BY"
        /* no value yields to any */
        "    policy NOT IN ('fixed', 'origin', 'lww', 'owner')"
        "     AND value IS NULL,"
        "    CASE WHEN policy = 'max' THEN -value"
        "         WHEN policy = 'min' THEN value"
        "         WHEN policy = 'owner' THEN -epoch"
        "         WHEN policy GLOB 'rank*'"
        "           THEN -instr(replace(replace(policy, '(', ','), ')', ','),"
        "                       ',' || value || ',')"
        "         ELSE 0 END,"
        /* who wrote first: stamps of one millisecond go by the node */
        "    CASE WHEN kind = 'event' OR policy IN ('fixed', 'origin')"
        "         THEN hlc || node || incarnation END,"
        "    hlc DESC, node DESC, incarnation DESC, seq DESC) AS nth"
        "   FROM says s WHERE col = lead"
        "    AND policy NOT GLOB 'review*' AND policy <> 'union')"
        " WHERE nth = 1;"
        "INSERT INTO expected SELECT s.machine, s.tbl, s.key, s.col, s.value"
        " FROM winner w JOIN says s ON s.leaf = w.leaf AND s.lead = w.lead"
        " WHERE s.value IS NOT NULL");
    gathered_run(
        c, "INSERT INTO expected"
           " SELECT life.machine, k.tbl, life.key, k.col, k.missing"
           "  FROM life JOIN col k ON k.tbl = life.tbl"
           "  WHERE k.missing IS NOT NULL AND k.nth IS NULL"
           "  AND NOT EXISTS(SELECT 1 FROM says s"
           "   WHERE s.machine = life.machine AND s.tbl = k.tbl"
           "   AND s.key = life.key AND s.lead = k.lead AND s.col = k.col)");
    gathered_run(c, "INSERT INTO expected"
                    " SELECT life.machine, k.tbl, life.key, k.col, v.value"
                    "  FROM life JOIN col k ON k.tbl = life.tbl"
                    "  JOIN cell v ON v.leaf = life.first AND v.col = -k.nth"
                    "  WHERE k.nth IS NOT NULL");
}

/* `review`: heads are writes that no other write covers; the safe one of them
 * shows, with all that its write said of the group; where they say different
 * things a person is asked. */
static void expect_reviews(struct gathered *c)
{
    gathered_run(
        c, "CREATE TABLE head AS SELECT s.*,"
           "  (SELECT group_concat(col || '=' || quote(value)) FROM"
           "    (SELECT g.col, g.value FROM says g WHERE g.leaf = s.leaf"
           "      AND g.lead = s.lead ORDER BY g.col)) AS all_of_it"
           " FROM says s WHERE policy GLOB 'review*' AND col = lead"
           "  AND NOT EXISTS(SELECT 1 FROM says o"
           "   JOIN covers x ON x.leaf = o.leaf AND x.col = o.col"
           "   WHERE o.machine = s.machine AND o.tbl = s.tbl AND o.key = s.key"
           "    AND o.lead = s.lead AND o.col = s.col AND x.node = s.node"
           "    AND x.incarnation = s.name_incarnation"
           "    AND x.seq >= s.name_seq);"
           "CREATE INDEX head_row ON head(machine, tbl, key, col)");
    gathered_run(
        c,
        "CREATE TABLE shows AS SELECT leaf, lead, machine, tbl, key, hlc, seq"
        " FROM (SELECT h.*, row_number() OVER ("
        "  PARTITION BY machine, tbl, key, col ORDER BY"
        "   CASE WHEN policy = 'review(min)' THEN value"
        "        WHEN policy = 'review(max)' THEN -value"
        "        WHEN policy = 'review' THEN 0"
        /* furthest to the left; what is not in the list comes last */
        "        ELSE coalesce(nullif(instr("
        "          replace(replace(policy, '(', ','), ')', ','),"
        "          ',' || value || ','), 0), 100000) END,"
        "   hlc DESC, node DESC, incarnation DESC, seq DESC) AS nth"
        "  FROM head h) WHERE nth = 1;"
        "INSERT INTO expected SELECT s.machine, s.tbl, s.key, s.col, s.value"
        " FROM shows w JOIN says s ON s.leaf = w.leaf AND s.lead = w.lead"
        " WHERE s.value IS NOT NULL;"
        "CREATE TABLE open AS SELECT machine, tbl, key, col FROM head"
        " GROUP BY machine, tbl, key, col"
        " HAVING count(DISTINCT all_of_it) > 1"
        " UNION SELECT machine, tbl, key, col FROM rival");
}

/* `union`: what somebody added and nobody who knew of the addition took away.
 * In a list whole numbers come before texts, and short texts before long. */
static void expect_unions(struct gathered *c)
{
    gathered_run(
        c, "CREATE TABLE there AS SELECT DISTINCT s.machine, s.tbl, s.key,"
           "  s.col, e.value FROM says s"
           "  JOIN element e ON e.leaf = s.leaf AND e.col = s.col AND e.adds"
           " WHERE s.policy = 'union' AND NOT EXISTS(SELECT 1 FROM says o"
           "   JOIN element r ON r.leaf = o.leaf AND r.col = o.col"
           "    AND NOT r.adds AND r.value IS e.value"
           "   JOIN covers x ON x.leaf = o.leaf AND x.col = o.col"
           "   WHERE o.machine = s.machine AND o.tbl = s.tbl AND o.key = s.key"
           "    AND o.lead = s.lead AND o.col = s.col AND x.node = s.node"
           "    AND x.incarnation = s.name_incarnation"
           "    AND x.seq >= s.name_seq);"
           "INSERT INTO expected SELECT machine, tbl, key, col,"
           "  '[' || group_concat(json_quote(value)) || ']' FROM"
           "  (SELECT * FROM there ORDER BY typeof(value),"
           "    iif(typeof(value) = 'text', length(CAST(value AS BLOB)), 0),"
           "    value)"
           " GROUP BY machine, tbl, key, col");
}

/* Rows by the page: semantics.md, section 5, for what people write here. */
static void check_rows(struct gathered *c)
{
    find_taken(c);
    find_lives(c);
    expect_values(c);
    expect_reviews(c);
    expect_unions(c);
    gathered_run(c, "DELETE FROM expected WHERE (machine, tbl, col) NOT IN"
                    " (SELECT * FROM knows)");
    if (sim.traces) {
        say_first_difference(c);
    }
    check_none(c, "[I-2] a row shows what its changes do not say",
               "SELECT format('machine %d table %d key %s column %d shows %s',"
               " machine, tbl, key, col, quote(value)) FROM"
               " (SELECT * FROM shown EXCEPT SELECT * FROM expected)");
    check_none(c, "[I-2] a row does not show what its changes say",
               "SELECT format('machine %d table %d key %s column %d lacks %s',"
               " machine, tbl, key, col, quote(value)) FROM"
               " (SELECT * FROM expected EXCEPT SELECT * FROM shown)");
}

/* Who disagrees is asked, nobody else is, and every value is kept for them. */
static void check_reviews(struct gathered *c)
{
    check_none(c, "[I-11] a review that there is is not listed",
               "SELECT format('machine %d table %d key %s column %d', machine,"
               " tbl, key, col) FROM"
               " (SELECT * FROM open EXCEPT SELECT * FROM asks)");
    check_none(c, "[I-11] a review is listed that there is not",
               "SELECT format('machine %d table %d key %s column %d', machine,"
               " tbl, key, col) FROM"
               " (SELECT * FROM asks EXCEPT SELECT * FROM open)");
    gathered_run(c,
                 "CREATE TABLE keep AS SELECT h.machine, h.tbl, h.key, h.col,"
                 " h.hlc, h.seq, EXISTS(SELECT 1 FROM shows w"
                 "  WHERE w.leaf = h.leaf AND w.lead = h.lead) AS shows"
                 " FROM head h JOIN open USING(machine, tbl, key, col)"
                 " UNION SELECT r.machine, r.tbl, r.key, r.col, l.hlc, l.seq,"
                 "  EXISTS(SELECT 1 FROM winner w"
                 "   WHERE w.leaf = r.leaf AND w.lead = r.col)"
                 " FROM rival r JOIN leaf l USING(leaf)");
    check_none(c, "[I-11] a value that nobody settled is not kept, or another",
               "SELECT format('machine %d table %d key %s column %d: %s %d',"
               " machine, tbl, key, col, hlc, seq) FROM"
               " (SELECT * FROM (SELECT * FROM keep EXCEPT SELECT * FROM kept)"
               "  UNION ALL SELECT * FROM"
               "  (SELECT * FROM kept EXCEPT SELECT * FROM keep))");
}

/* A person who settled has seen all values, who writes has seen what shows:
 * so it is where everything is held. */
static void check_settled(struct gathered *c)
{
    check_none(c, "[I-11] what a person settled is asked again",
               "SELECT format('table %d key %s column %d: %s %d', h.tbl,"
               "  h.key, h.col, h.hlc, h.seq)"
               " FROM settled s JOIN head h USING(tbl, key, col, hlc, seq)"
               " JOIN machine o ON o.node = h.node AND o.site = s.site"
               " JOIN machine m ON m.machine = s.machine"
               " WHERE h.machine = 0 AND NOT m.put_back AND NOT m.ended"
               /* what waited on a disk that was copied both sign, by the time
                * it was written: site, stamp and number then name either */
               " AND NOT EXISTS(SELECT 1 FROM chain a WHERE a.node = h.node"
               "  AND a.seq = h.seq AND a.hlc = h.hlc"
               "  AND a.incarnation <> h.incarnation)");
    check_none(c, "[I-11] a review of what one site wrote",
               "SELECT format('table %d key %s column %d', o.tbl, o.key,"
               "  o.col) FROM open o JOIN machine m"
               "  ON m.node = (SELECT min(l.node) FROM leaf l"
               "   JOIN cell v ON v.leaf = l.leaf AND v.col = o.col"
               "   WHERE l.machine = o.machine AND l.tbl = o.tbl"
               "    AND l.key = o.key HAVING count(DISTINCT l.node) = 1)"
               " WHERE o.machine = 0 AND NOT m.put_back");
}

static void check_written(struct gathered *c)
{
    check_none(c, "[I-8] a deletion that nobody made",
               "SELECT format('table %d key %s of %s %d', l.tbl, l.key,"
               "  l.node, l.seq)"
               " FROM leaf l JOIN machine m USING(node) WHERE op = 3"
               "  AND NOT EXISTS(SELECT 1 FROM deleted d"
               "   WHERE d.machine = m.machine AND d.tbl = l.tbl"
               "    AND d.key = l.key)");
    check_none(c, "[I-6] a row that a program wrote is not at headquarters",
               "SELECT format('table %d key %s of machine %d', tbl, key,"
               " machine) FROM wrote JOIN machine USING(machine)"
               /* of what it wrote past the triggers a site may say what it
                * dispensed, and whom it met */
               " WHERE NOT (past AND (scrub_held OR tbl NOT IN (20, 32)))"
               " AND NOT lost AND NOT ended"
               " AND tbl IN (SELECT tbl FROM knows WHERE machine = 0)"
               " AND key NOT IN"
               "  (SELECT key FROM shown WHERE machine = 0)"
               " AND NOT EXISTS(SELECT 1 FROM deleted d"
               "  WHERE d.tbl = wrote.tbl AND d.key = wrote.key)"
               /* of a clone it waits for a person */
               " AND NOT (key IN (SELECT key FROM leaf JOIN taken USING(leaf)"
               "   WHERE leaf.machine = 0)"
               "  AND EXISTS(SELECT 1 FROM leaf v"
               "   JOIN cell n ON n.leaf = v.leaf AND n.col = 2"
               "   WHERE v.tbl = 5 AND v.machine = 0"
               "     AND lower(hex(n.value)) = machine.node))");
}

/* Also where somebody else wrote the cell before or after, and that shows. */
static void check_changed(struct gathered *c)
{
    check_none(c, "[I-6] what a program changed is neither signed nor parked",
               "SELECT format('machine %d table %d key %s column %d: %s',"
               "  c.machine, c.tbl, c.key, c.col, c.value)"
               " FROM changed c JOIN machine m USING(machine)"
               " WHERE NOT m.wrote_past AND NOT EXISTS(SELECT 1 FROM leaf l"
               "   JOIN cell v ON v.leaf = l.leaf AND v.col = c.col"
               "   WHERE l.machine = c.machine AND l.node = m.node"
               "    AND l.tbl = c.tbl AND l.key = c.key AND v.value = c.value)"
               "  AND NOT EXISTS(SELECT 1 FROM parked p"
               "   WHERE p.machine = c.machine AND p.tbl = c.tbl"
               "    AND p.col = c.col AND p.value = c.value)");
}

/* What a guard let through is signed, unless its node came to an end. One leaf
 * cannot say that a row was taken and then deleted: within one drain that (column
 * 0) is set aside. */
static void check_parked(struct gathered *c)
{
    check_none(c, "[I-6] what a program was told is written is set aside",
               "SELECT format('machine %d table %d column %d: %s', machine,"
               "  tbl, col, says) FROM parked"
               " JOIN hand USING(tbl) JOIN machine m USING(machine)"
               " WHERE col <> 0 AND NOT m.ended AND NOT m.put_back"
               "  AND NOT m.wrote_past");
}

static void check_replay(struct machine *m)
{
    struct verified v = {0};
    sim_must(replica_verify(m->replica, &v, said));
    if (v.differ != 0) {
        sim_fail("[I-10] %s: %llu rows are not as a replay makes them: %s",
                 m->site, (unsigned long long)v.differ, v.first);
    }
}

void check_names_at_any_time(struct world *w)
{
    struct gathered c;
    gather(w, &c);
    check_names(&c);
    gathered_close(&c);
}

void check_world(struct world *w)
{
    struct gathered c;
    gather(w, &c);
    for (int i = 0; i < w->count; i++) {
        sim.running = &w->machines[i];
        check_replay(&w->machines[i]);
    }
    sim.running = NULL;
    check_names(&c);
    find_voids(&c);
    find_waiting(&c);
    find_cut(&c);
    check_holdings(&c);
    check_clones(&c);
    check_rows(&c);
    claims_check(&c);
    check_reviews(&c);
    check_settled(&c);
    check_written(&c);
    check_changed(&c);
    check_parked(&c);
    gathered_close(&c);
}
