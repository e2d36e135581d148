/* SPDX-License-Identifier: Apache-2.0 */
#include "claims.h"

#include "check.h"

/* Leaves of rows, each with the site its certificate names and its stamp as one
 * text that sorts; among them those that were withdrawn, of which offers count. */
static void find_sound(struct gathered *c)
{
    gathered_run(
        c,
        "CREATE TABLE heard AS SELECT l.leaf, l.machine, l.tbl, l.key, l.cl,"
        "  l.op, l.class, l.scope_id, l.hash, m.site, l.claims, l.epoch, l.offer,"
        "  l.hlc || l.node || l.incarnation || printf('%016x', l.seq)"
        "   AS stamp,"
        "  l.class = k.base AS base, k.kind,"
        /* what a column is, of which its program does not know, is not asked */
        "  EXISTS(SELECT 1 FROM cell JOIN col USING(col)"
        "   JOIN knows k ON k.machine = l.machine AND k.tbl = col.tbl"
        "    AND k.col = col.col"
        "   WHERE cell.leaf = l.leaf AND col.tbl = l.tbl"
        "    AND col.policy = 'owner') AS owned,"
        "  EXISTS(SELECT 1 FROM cell JOIN hand ON hand.owner = cell.col"
        "   WHERE cell.leaf = l.leaf AND hand.tbl = l.tbl"
        "    AND l.op = 2) AS takes"
        " FROM leaf l JOIN machine m USING(node)"
        " JOIN (SELECT DISTINCT tbl, base, kind FROM col) k USING(tbl)"
        " WHERE k.kind <> 'control'"
        "  AND (l.leaf NOT IN (SELECT leaf FROM taken)"
        "   OR l.leaf IN (SELECT leaf FROM withdrawn));"
        "CREATE INDEX heard_table ON heard(tbl);"
        "CREATE TABLE sound AS SELECT * FROM heard"
        " WHERE leaf NOT IN (SELECT leaf FROM taken);"
        "CREATE INDEX sound_row ON sound(machine, tbl, key, cl);"
        "CREATE UNIQUE INDEX sound_leaf ON sound(leaf)");
}

/* "Epoch n+1 names the leaf of the offer made under n", which is of this row, in
 * its scope and class, and counts "only for the site it names", "also when it was
 * taken back since". Who signed it is left to the owner before. */
static void find_taking(struct gathered *c)
{
    gathered_run(
        c, "CREATE TABLE offer AS SELECT o.machine, h.tbl, r.value AS key,"
           "  o.hash, o.site, t.value AS to_site, n.value AS epoch, o.scope_id,"
           "  o.class"
           " FROM heard o JOIN hand h ON h.offers = o.tbl"
           " JOIN cell r ON r.leaf = o.leaf AND r.col = h.row"
           " JOIN cell t ON t.leaf = o.leaf AND t.col = h.to_site"
           " JOIN cell n ON n.leaf = o.leaf AND n.col = h.offered"
           " WHERE o.op = 1 AND o.base;"
           "CREATE INDEX offer_hash ON offer(machine, hash);"
           "CREATE TABLE taking AS SELECT s.*, o.site AS from_site"
           " FROM sound s JOIN offer o ON o.machine = s.machine"
           "  AND o.hash = s.offer AND o.tbl = s.tbl AND o.key IS s.key"
           "  AND o.scope_id = s.scope_id AND o.class = s.class"
           "  AND o.to_site = s.site AND o.epoch = s.epoch - 1"
           " WHERE s.takes;"
           "CREATE INDEX taking_row ON taking(machine, tbl, key, cl)");
}

/* "Where a table has an owner, lives follow one another: the last owner ends
 * it"; of two that took one epoch, made a row or ended it, the lower stamp. Each
 * step goes to who took the row next, or, if nobody did, to its end; from an end
 * to who made it anew. */
static void find_owners(struct gathered *c)
{
    gathered_run(
        c,
        "CREATE TABLE owner AS"
        " WITH RECURSIVE o(machine, tbl, key, cl, epoch, site, scope_id) AS ("
        "  SELECT DISTINCT machine, tbl, key, 0, 0, '', '' FROM sound"
        "   WHERE tbl IN (SELECT tbl FROM hand)"
        "  UNION ALL SELECT o.machine, o.tbl, o.key, n.cl,"
        "   iif(n.op = 2, n.epoch, 1), n.site, n.scope_id"
        "  FROM o JOIN sound n ON n.leaf = CASE o.cl % 2"
        "   WHEN 0 THEN (SELECT i.leaf FROM sound i"
        "     WHERE i.machine = o.machine AND i.tbl = o.tbl AND i.key = o.key"
        "      AND i.cl = o.cl + 1 AND i.op = 1 AND i.base"
        "     ORDER BY i.stamp LIMIT 1)"
        "   ELSE coalesce((SELECT t.leaf FROM taking t"
        "     WHERE t.machine = o.machine AND t.tbl = o.tbl AND t.key = o.key"
        "      AND t.cl = o.cl AND t.scope_id = o.scope_id"
        "      AND t.epoch = o.epoch + 1 AND t.from_site = o.site"
        "     ORDER BY t.stamp LIMIT 1),"
        "    (SELECT e.leaf FROM sound e"
        "     WHERE e.machine = o.machine AND e.tbl = o.tbl AND e.key = o.key"
        "      AND e.cl = o.cl + 1 AND e.op = 3"
        "      AND e.epoch = o.epoch AND e.site = o.site"
        "     ORDER BY e.stamp LIMIT 1)) END)"
        " SELECT * FROM o WHERE cl > 0;"
        "CREATE INDEX owner_row ON owner(machine, tbl, key, cl, epoch)");
}

/* Elsewhere "higher cl wins whole". */
static void find_now(struct gathered *c)
{
    gathered_run(
        c, "CREATE TABLE now AS"
           " SELECT machine, tbl, key, cl, epoch, scope_id FROM"
           "  (SELECT *, row_number() OVER (PARTITION BY machine, tbl, key"
           "    ORDER BY cl DESC, epoch DESC) AS nth FROM owner) WHERE nth = 1"
           " UNION ALL SELECT machine, tbl, key, cl, NULL, scope_id FROM"
           "  (SELECT *, row_number() OVER (PARTITION BY machine, tbl, key"
           "    ORDER BY cl DESC, stamp) AS nth FROM sound"
           "   WHERE op <> 2 AND base AND tbl NOT IN (SELECT tbl FROM hand))"
           "  WHERE nth = 1;"
           "CREATE INDEX now_row ON now(machine, tbl, key)");
}

/* Who writes what is the owner's claims to be the site of its certificate, and
 * owns the row under the epoch claimed; who takes it was offered it by the owner
 * before. "Scope belongs to the life." */
static void find_barred(struct gathered *c)
{
    gathered_run(
        c, "CREATE TABLE took AS SELECT t.* FROM taking t JOIN owner o"
           " USING(machine, tbl, key, cl) WHERE o.epoch = t.epoch - 1"
           "  AND o.site = t.from_site AND o.scope_id = t.scope_id;"
           "CREATE INDEX took_leaf ON took(leaf);"
           "CREATE TABLE barred AS SELECT s.leaf FROM sound s"
           " JOIN now USING(machine, tbl, key)"
           " WHERE s.cl > now.cl OR s.cl = now.cl AND s.cl % 2 = 1"
           "  AND s.kind <> 'event' AND (s.scope_id <> now.scope_id"
           "  OR s.takes AND s.leaf NOT IN (SELECT leaf FROM took)"
           "  OR s.owned AND s.claims IS NOT s.site"
           "  OR s.owned AND NOT EXISTS(SELECT 1 FROM owner o"
           "   WHERE o.machine = s.machine AND o.tbl = s.tbl AND o.key = s.key"
           "    AND o.cl = s.cl AND o.epoch = s.epoch AND o.site = s.site));"
           "CREATE UNIQUE INDEX barred_leaf ON barred(leaf)");
}

/* "Two that took one epoch are a review of the owner column; the next hand-over
 * settles it." */
static void find_rivals(struct gathered *c)
{
    gathered_run(
        c,
        "CREATE TABLE rival AS SELECT t.machine, t.tbl, t.key,"
        "  h.owner AS col, t.leaf, t.site FROM took t"
        " JOIN now USING(machine, tbl, key, cl, epoch) JOIN hand h USING(tbl)"
        " WHERE EXISTS(SELECT 1 FROM took r WHERE r.machine = t.machine"
        "  AND r.tbl = t.tbl AND r.key = t.key AND r.cl = t.cl"
        "  AND r.epoch = t.epoch AND r.site <> t.site)");
}

void claims_find(struct gathered *c)
{
    find_sound(c);
    find_taking(c);
    find_owners(c);
    find_now(c);
    find_barred(c);
    find_rivals(c);
}

void claims_check(struct gathered *c)
{
    check_none(c, "[I-6] a change waits though its row is here, or is refused",
               "SELECT format('machine %d table %d key %s of %s %d', l.machine,"
               " l.tbl, l.key, l.node, l.seq) FROM leaf l"
               " JOIN sound s USING(leaf) JOIN now"
               "  ON now.machine = l.machine AND now.tbl = l.tbl"
               "   AND now.key = l.key"
               " WHERE NOT l.counts AND l.cl >= now.cl"
               "  AND EXISTS(SELECT 1 FROM knows k"
               "   WHERE k.machine = l.machine AND k.tbl = l.tbl)"
               /* of two ends one counts, of two events the first */
               "  AND l.op <> 3 AND l.leaf NOT IN (SELECT leaf FROM barred)"
               "  AND NOT EXISTS(SELECT 1 FROM sound f"
               "   WHERE s.kind = 'event' AND f.machine = s.machine"
               "    AND f.tbl = s.tbl AND f.key = s.key"
               "    AND f.stamp < s.stamp)");
    check_none(c, "[I-6] a change counts that should wait, or be refused",
               "SELECT format('machine %d table %d key %s of %s %d', l.machine,"
               " l.tbl, l.key, l.node, l.seq) FROM leaf l"
               " JOIN barred USING(leaf) WHERE l.counts"
               " AND EXISTS(SELECT 1 FROM knows k"
               "  WHERE k.machine = l.machine AND k.tbl = l.tbl)");
}
