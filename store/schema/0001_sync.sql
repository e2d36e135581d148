-- 0001: the node's own tables, and the manifest that says what is replicated.
--
-- Tables named sync_* belong to the node: read them, never write them. The
-- signed truth is in sync_changeset and sync_delivery (the journal); every
-- other table, the domain's included, can be computed from it.

-- ---------------------------------------------------------------- manifest --

-- Disclosure classes of columns (docs/semantics.md section 1).
CREATE TABLE sync_class(
  class_id INTEGER PRIMARY KEY,
  name     TEXT NOT NULL,
  says     TEXT NOT NULL            -- what a reader of this class learns
) STRICT;

-- Replicated tables. Ids are never reused; up to 9 they are control tables.
CREATE TABLE sync_table(
  table_id     INTEGER PRIMARY KEY,
  name         TEXT NOT NULL,
  kind         TEXT NOT NULL        -- docs/semantics.md section 5
               CHECK(kind IN ('control', 'event', 'record', 'reference', 'local')),
  base_class   INTEGER,             -- -> sync_class: key, routing, existence; NULL for local
  route        TEXT                 -- scope of a row: all, site:COLUMN, district-of:COLUMN, person:COLUMN
               CHECK(route IS NULL OR route IN ('all') OR route GLOB 'site:?*'
                     OR route GLOB 'district-of:?*' OR route GLOB 'person:?*'),
  owner_column TEXT,                -- column that names the owning site, where a policy is owner
  deletes      INTEGER NOT NULL DEFAULT 0 -- 1: rows may be deleted; 0: they are marked instead
               CHECK(deletes IN (0, 1))
) STRICT;

-- Their columns. Ids count from 1 in each table and are never reused. Policies:
--   key, origin (the writing site), fixed    written once
--   lww            the last write
--   owner          the last write of the site that owns the row
--   max, min       the largest, the smallest value
--   rank(a,b,c)    the value furthest to the right; never goes back
--   union          a JSON list: what anyone added and nobody took away
--   review, review(min), review(max), review(a,b,c)
--                  two writes that did not know of each other wait for a
--                  person; shown meanwhile is the last, the smallest, the
--                  largest, or the one furthest to the left
CREATE TABLE sync_column(
  table_id   INTEGER NOT NULL,
  column_id  INTEGER NOT NULL,
  name       TEXT NOT NULL,
  class_id   INTEGER NOT NULL,
  policy     TEXT NOT NULL
             CHECK(policy IN ('key', 'origin', 'fixed', 'lww', 'owner', 'max', 'min',
                              'union', 'review')
                   OR policy GLOB 'rank(?*)' OR policy GLOB 'review(?*)'),
  group_name TEXT,                  -- columns of one group are written and win together; the first decides
  PRIMARY KEY(table_id, column_id)
) STRICT, WITHOUT ROWID;

-- Tables whose rows change hands: the owner offers a row to another site by a
-- row of the offer table, and that site takes it with the next epoch.
CREATE TABLE sync_handover(
  table_id     INTEGER PRIMARY KEY, -- its owner_column has the policy owner, and so has
  epoch_column TEXT NOT NULL,       -- the column that counts its owners, from 1
  offer_table  TEXT NOT NULL,       -- with the same route and base class, and of its columns
  row_column   TEXT NOT NULL,       -- names the row offered,
  to_column    TEXT NOT NULL,       -- the site it is offered to, and
  offer_epoch  TEXT NOT NULL        -- the epoch under which it is offered; all written once
) STRICT;

INSERT INTO sync_class(class_id, name, says) VALUES
  (1, 'control', 'Which nodes exist and what they may do.');

-- ---------------------------------------------------------------- identity --

-- One row: what this replica is.
CREATE TABLE sync_self(
  one         INTEGER PRIMARY KEY CHECK(one = 1),
  network     BLOB NOT NULL,        -- hash of the root's identity key
  node        BLOB NOT NULL,        -- hash of our identity key
  site_id     TEXT NOT NULL,        -- the site this node writes for
  time_zone   TEXT NOT NULL,        -- of its business days: Asia/Kolkata
  today       TEXT NOT NULL,        -- the expression for such a day that stands in DEFAULTs
  certificate INTEGER NOT NULL,     -- serial of our certificate, as a signed number
  parent      BLOB,                 -- node above; NULL at the root
  parent_address TEXT,              -- tcp://host:port of the parent; NULL at the root
  enrolment   BLOB,                 -- the grant that enrolled this node, as it came; NULL at the root
  journal     INTEGER NOT NULL,     -- id of this journal, random
  last_hlc    INTEGER NOT NULL      -- the highest stamp admitted or made
) STRICT;

-- Certificates, as their control leaves say. The node does not believe this
-- table: it verifies the leaves in the journal at start.
CREATE TABLE sync_certificate(
  serial      BLOB PRIMARY KEY NOT NULL, -- 8 bytes
  node        BLOB,                 -- hash of sign_public
  sign_public BLOB,
  box_public  BLOB,
  curve_public BLOB,
  parent      BLOB,                 -- issuer; the root is its own
  site        TEXT,                 -- -> ref_site
  tables      TEXT,                 -- 'all' or ids
  may_read    TEXT,                 -- class ids
  may_grant   TEXT,                 -- class ids
  may_enrol   INTEGER
) STRICT;
CREATE INDEX sync_certificate_site ON sync_certificate(site);
INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (1, 'sync_certificate', 'control', 1, 'all', NULL);
INSERT INTO sync_column(table_id, column_id, name, class_id, policy) VALUES
  (1, 0, 'serial', 1, 'key'),
  (1, 1, 'node', 1, 'fixed'), (1, 2, 'sign_public', 1, 'fixed'),
  (1, 3, 'box_public', 1, 'fixed'), (1, 4, 'curve_public', 1, 'fixed'),
  (1, 5, 'parent', 1, 'fixed'), (1, 6, 'site', 1, 'fixed'),
  (1, 7, 'tables', 1, 'fixed'), (1, 8, 'may_read', 1, 'fixed'),
  (1, 9, 'may_grant', 1, 'fixed'), (1, 10, 'may_enrol', 1, 'fixed');

-- Evidence against changesets, as its control leaves say
-- (protocol/evidence.h). Like certificates, read from the journal and not from
-- here.

-- Nodes that came to an end: nothing of them counts after a number.
CREATE TABLE sync_revocation(
  node  BLOB NOT NULL,
  after INTEGER NOT NULL,           -- the last number that counts
  kind  TEXT NOT NULL,              -- revoke, or retire (of its own will)
  PRIMARY KEY(node, after, kind)
) STRICT;

-- What nodes took back themselves and signed anew: their clock was ahead.
CREATE TABLE sync_void(
  node        BLOB NOT NULL,
  incarnation BLOB NOT NULL,        -- 8 bytes
  after       INTEGER NOT NULL,     -- the last number of it that counts
  PRIMARY KEY(node, incarnation, after)
) STRICT;

-- Nodes that ran twice, proved by headers they signed. From (node, incarnation,
-- seq) on, events are shown and everything else waits for a person.
CREATE TABLE sync_fork(
  first       BLOB NOT NULL,        -- hashes of the headers
  second      BLOB NOT NULL,
  node        BLOB,
  incarnation BLOB,                 -- 8 bytes
  seq         INTEGER,
  header_1    BLOB, signature_1 BLOB,
  header_2    BLOB, signature_2 BLOB,
  header_3    BLOB, signature_3 BLOB, -- NULL: two contents of one name
  PRIMARY KEY(first, second)
) STRICT;

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (3, 'sync_revocation', 'control', 1, 'all', NULL),
  (4, 'sync_void', 'control', 1, 'all', NULL),
  (5, 'sync_fork', 'control', 1, 'all', NULL);
INSERT INTO sync_column(table_id, column_id, name, class_id, policy) VALUES
  (3, 0, 'node', 1, 'key'), (3, 1, 'after', 1, 'key'), (3, 2, 'kind', 1, 'key'),
  (4, 0, 'node', 1, 'key'), (4, 1, 'incarnation', 1, 'key'),
  (4, 2, 'after', 1, 'key'),
  (5, 0, 'first', 1, 'key'), (5, 1, 'second', 1, 'key'),
  (5, 2, 'node', 1, 'fixed'), (5, 3, 'incarnation', 1, 'fixed'),
  (5, 4, 'seq', 1, 'fixed'),
  (5, 5, 'header_1', 1, 'fixed'), (5, 6, 'signature_1', 1, 'fixed'),
  (5, 7, 'header_2', 1, 'fixed'), (5, 8, 'signature_2', 1, 'fixed'),
  (5, 9, 'header_3', 1, 'fixed'), (5, 10, 'signature_3', 1, 'fixed');

-- Invites of this node. `sangam invite` writes a row, the daemon acts on it if
-- the proof is of its own key.
CREATE TABLE local_invite(
  invite_id    TEXT PRIMARY KEY NOT NULL, -- hexadecimal of curve_public
  site_id      TEXT NOT NULL,       -- -> ref_site: whom it is for
  curve_public BLOB NOT NULL,       -- public half of the one-time key
  may_enrol    INTEGER NOT NULL CHECK(may_enrol IN (0, 1)),
  expires_ms   INTEGER NOT NULL,
  proof        BLOB,                -- signature of the above with this node's identity key
  state        TEXT NOT NULL DEFAULT 'asked'
               CHECK(state IN ('asked', 'open', 'spent', 'expired', 'refused')),
  says         TEXT,                -- why it was refused
  node         BLOB,                -- who spent it
  certificate  INTEGER              -- serial it was spent for
) STRICT;
INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (2, 'local_invite', 'local', NULL, NULL, NULL);

-- ----------------------------------------------------------------- capture --

-- What programs wrote since the last drain, in order. Triggers append here.
CREATE TABLE sync_pending(
  pending_id INTEGER PRIMARY KEY,
  table_id   INTEGER NOT NULL,
  what       INTEGER NOT NULL,      -- 0: the row was inserted; else the column id updated, or CAPTURE_* of store/capture.h
  k1 ANY, k2 ANY, k3 ANY,           -- the key
  old ANY,                          -- the value before, of an update
  at_ms      INTEGER NOT NULL       -- wall clock of the writer
) STRICT;

-- Local writes this node was not entitled to make, or had lost and got back when
-- they might have been written over: never signed, never lost.
-- Rows of sync_pending that say what no trigger says are here too, as given.
CREATE TABLE sync_parked(
  parked_id INTEGER PRIMARY KEY,
  table_id  INTEGER NOT NULL,
  key       BLOB NOT NULL,
  column_id INTEGER NOT NULL,       -- 0: the row was deleted; an insert parks each column
  value     ANY,
  at_ms     INTEGER NOT NULL,
  says      TEXT NOT NULL,          -- why
  dismissed_ms INTEGER              -- when a person had dealt with it; NULL: nobody has
) STRICT;

-- The last scrub, which compares the tables with the journal (store/scrub.h).
-- These two are local, so that a scrub needs no keys to leave its result.
CREATE TABLE local_scrub(
  one        INTEGER PRIMARY KEY CHECK(one = 1),
  ended_ms   INTEGER NOT NULL,
  clean_ms   INTEGER,               -- when one last found nothing, NULL: never
  row_count  INTEGER NOT NULL,      -- compared
  differing  INTEGER NOT NULL       -- of them
) STRICT;
CREATE TABLE local_scrub_finding(
  table_name TEXT NOT NULL,
  did        TEXT NOT NULL          -- what became of the rows that differed
             CHECK(did IN ('signed', 'restored', 'held')),
  row_count  INTEGER NOT NULL,      -- restored: since a person last said that it was seen
  at_ms      INTEGER NOT NULL,
  says       TEXT NOT NULL,         -- the first of them, or why it is held
  PRIMARY KEY(table_name, did)
) STRICT;
INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (93, 'local_scrub', 'local', NULL, NULL, NULL),
  (94, 'local_scrub_finding', 'local', NULL, NULL, NULL);

-- ----------------------------------------------------------------- journal --

-- Every node whose changesets are held, this one included, and how far.
CREATE TABLE sync_origin(
  origin_no INTEGER PRIMARY KEY,    -- a small number for the node, of this replica only
  node      BLOB NOT NULL UNIQUE,
  head_seq  INTEGER NOT NULL DEFAULT 0,
  head_incarnation INTEGER NOT NULL DEFAULT 0,
  head_hash BLOB,                   -- of the header of head_seq
  head_hlc  INTEGER NOT NULL DEFAULT 0,
  leaves    INTEGER NOT NULL DEFAULT 0, -- visible leaves held, and
  sum       BLOB NOT NULL,          -- the sum of their hashes modulo 2^256
  all_leaves INTEGER NOT NULL DEFAULT 0, -- the same of leaves of scope `all`
  all_sum   BLOB NOT NULL
) STRICT;

-- Headers and signatures, once per changeset. What can be computed is left
-- out: the root from the leaves, `prev` where the one before is held.
CREATE TABLE sync_changeset(
  origin_no   INTEGER NOT NULL,
  seq         INTEGER NOT NULL,
  incarnation INTEGER NOT NULL,
  hlc         INTEGER NOT NULL,
  schema_version INTEGER NOT NULL,
  certificate INTEGER NOT NULL,
  leaf_count  INTEGER NOT NULL,
  held        INTEGER NOT NULL,     -- how many of its leaves are held in clear
  prev_incarnation INTEGER,         -- NULL: the same as incarnation
  prev        BLOB,                 -- NULL: hash of (origin_no, seq - 1)
  hash        BLOB NOT NULL,
  signature   BLOB NOT NULL,
  voided      INTEGER NOT NULL DEFAULT 0, -- 1: its origin took it back; it is in no digest, and its origin does not send it up while it is ahead of time; 2: that is this node, which has signed anew what is to be
  PRIMARY KEY(origin_no, seq, incarnation)
) STRICT, WITHOUT ROWID;
CREATE INDEX sync_changeset_voided ON sync_changeset(origin_no) WHERE voided = 1;

-- Arrivals, in order; never deleted, positions never used twice.
CREATE TABLE sync_delivery(
  position    INTEGER PRIMARY KEY,
  origin_no   INTEGER NOT NULL,
  seq         INTEGER NOT NULL,
  incarnation INTEGER NOT NULL,
  from_no     INTEGER NOT NULL,     -- origin_no of the node that sent it; our own: ours
  reach       INTEGER NOT NULL,     -- 1: has leaves of scope all; 2: has others; 4: has control leaves; 8: lacks some; 16: has leaves of scope site; 32: they stand in an earlier delivery too
  scopes      BLOB NOT NULL,        -- sorted 4-byte hashes of the (scope, class) of its leaves
  leaves      BLOB NOT NULL         -- packed (docs/protocol.md)
) STRICT;
CREATE INDEX sync_delivery_control ON sync_delivery(position) WHERE reach & 4;
CREATE INDEX sync_delivery_number ON sync_delivery(origin_no, seq);

-- Which deliveries have a mark (the hashes in `scopes`), in runs that follow
-- one another from the first delivery on (store/runs.h). Computed when the node
-- is idle, and only makes looking up faster: it can be deleted. `DELETE FROM
-- sync_run` is enough; what stands in sync_mark for no run is cleared away.
CREATE TABLE sync_run(
  run   INTEGER PRIMARY KEY,
  level INTEGER NOT NULL,           -- 0: of the journal's tail; else of runs of the level below
  last  INTEGER NOT NULL,           -- the last position it covers; it begins after the run before
  whole INTEGER NOT NULL            -- 0: being merged, the runs below still count
        CHECK(whole IN (0, 1))
) STRICT;
CREATE INDEX sync_run_last ON sync_run(last) WHERE whole = 1;

CREATE TABLE sync_mark(
  run      INTEGER NOT NULL,
  mark     INTEGER NOT NULL,        -- the hash as a signed number
  position INTEGER NOT NULL,        -- of a delivery that has it
  PRIMARY KEY(run, mark, position)
) STRICT, WITHOUT ROWID;

-- seq of this node's last changeset with a leaf of (scope, class): `prior`.
CREATE TABLE sync_prior(
  scope    BLOB NOT NULL,           -- canonical bytes
  class_id INTEGER NOT NULL,
  seq      INTEGER NOT NULL,
  PRIMARY KEY(scope, class_id)
) STRICT, WITHOUT ROWID;

-- Changesets of children that were turned away as stamped ahead of the clock,
-- and those that build on them; told again whenever the link opens, until the
-- child has signed them anew.
CREATE TABLE sync_refused(
  origin_no   INTEGER NOT NULL,
  seq         INTEGER NOT NULL,
  incarnation INTEGER NOT NULL,
  journal     INTEGER NOT NULL,     -- id of the child's journal, and
  position    INTEGER NOT NULL,     -- where in it
  code        INTEGER NOT NULL,     -- ERR_*
  says        TEXT NOT NULL,
  hash        BLOB NOT NULL,        -- of the header, to verify what builds on it
  PRIMARY KEY(origin_no, seq, incarnation)
) STRICT, WITHOUT ROWID;

-- What a neighbour brings of an origin and this node may not take: from there on
-- nothing of it comes in on this link. Told again whenever the link opens; asked
-- for again after a while.
CREATE TABLE sync_barred(
  node     BLOB NOT NULL,           -- the neighbour
  origin   BLOB NOT NULL,           -- a node, known or not
  journal  INTEGER NOT NULL,        -- id of the neighbour's journal, and
  position INTEGER NOT NULL,        -- where in it the first stands
  code     INTEGER NOT NULL,        -- ERR_*
  says     TEXT NOT NULL,
  tries    INTEGER NOT NULL,
  again_ms INTEGER NOT NULL,        -- when it is asked for again
  PRIMARY KEY(node, origin)
) STRICT, WITHOUT ROWID;

-- The same as neighbours say it of what this node sends them: from there on they
-- have nothing of the origin, whatever they acknowledge.
CREATE TABLE sync_barred_there(
  node      BLOB NOT NULL,          -- the neighbour
  origin_no INTEGER NOT NULL,
  position  INTEGER NOT NULL,       -- where in the journal here the first stands
  code      INTEGER NOT NULL,       -- ERR_*
  says      TEXT NOT NULL,
  PRIMARY KEY(node, origin_no)
) STRICT, WITHOUT ROWID;

-- ------------------------------------------------------------------- merge --

-- State of rows of `record` and `reference` tables: life, and who wrote which
-- column when (store/state.h). Events need none.
CREATE TABLE sync_row(
  table_id INTEGER NOT NULL,
  key      BLOB NOT NULL,
  state    BLOB NOT NULL,
  PRIMARY KEY(table_id, key)
) STRICT, WITHOUT ROWID;

-- Leaves held that do not count: waiting for something, or refused.
CREATE TABLE sync_verdict(
  position INTEGER NOT NULL,        -- of the delivery
  leaf     INTEGER NOT NULL,        -- index in the changeset
  table_id INTEGER NOT NULL,
  key      BLOB NOT NULL,
  verdict  TEXT NOT NULL CHECK(verdict IN ('waiting', 'refused')),
  code     INTEGER NOT NULL,        -- ERR_*
  says     TEXT NOT NULL,
  PRIMARY KEY(position, leaf)
) STRICT, WITHOUT ROWID;
CREATE INDEX sync_verdict_row ON sync_verdict(table_id, key);

-- Reviews: columns with values that no person has settled, by key of the row.
-- Computed from the states; the values are in them.
CREATE TABLE sync_review(
  table_id  INTEGER NOT NULL,
  key       BLOB NOT NULL,
  column_id INTEGER NOT NULL,       -- the owner column: two sites took the row
  row_key   TEXT AS (CASE substr(key, 1, 1) WHEN x'75' -- the key of one column, as the table has it
                     THEN lower(substr(hex(key), 3, 8) || '-' || substr(hex(key), 11, 4)
                       || '-' || substr(hex(key), 15, 4) || '-' || substr(hex(key), 19, 4)
                       || '-' || substr(hex(key), 23))
                     ELSE CAST(substr(key, 8) AS TEXT) END),
  PRIMARY KEY(table_id, key, column_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sync_review_key ON sync_review(table_id, row_key);

-- Offers of rows that count, by the hash of their leaf.
CREATE TABLE sync_offer(
  hash      BLOB PRIMARY KEY NOT NULL,
  table_id  INTEGER NOT NULL,       -- of the row offered, and
  key       BLOB NOT NULL,          -- its key
  scope     BLOB NOT NULL,          -- canonical bytes
  from_site TEXT NOT NULL,          -- the site that signed the offer
  to_site   TEXT NOT NULL,
  epoch     INTEGER NOT NULL,
  offer_key BLOB NOT NULL,          -- key of the offer's own row, canonical
  origin_no INTEGER NOT NULL,       -- the changeset that it lies in, which may be
  seq       INTEGER NOT NULL,       -- taken back: who takes the row names another
  incarnation INTEGER NOT NULL      -- offer if there is one
) STRICT, WITHOUT ROWID;
CREATE INDEX sync_offer_row ON sync_offer(table_id, key);
-- Deliveries with leaves that are newer than this version: of tables, classes
-- or columns it lacks. An upgrade folds the rows of those it brings.
CREATE TABLE sync_newer(
  position INTEGER PRIMARY KEY,     -- of the delivery
  leaves   INTEGER NOT NULL         -- how many of it
) STRICT;

-- Rows whose merged state the table could not take; it shows the last good one.
CREATE TABLE sync_unprojected(
  table_id INTEGER NOT NULL,
  key      BLOB NOT NULL,
  says     TEXT NOT NULL,
  PRIMARY KEY(table_id, key)
) STRICT, WITHOUT ROWID;

-- -------------------------------------------------------------------- feed --

-- What a program wants to be told of: one row for a table it derives something
-- from (docs/reader-contract.md). Written by programs, never sent.
CREATE TABLE local_feed(
  table_name TEXT NOT NULL,         -- a replicated table
  reader     TEXT NOT NULL,         -- the program, by a name of its own
  taken      INTEGER,               -- the last change_id it has dealt with; NULL: none
  PRIMARY KEY(table_name, reader)
) STRICT, WITHOUT ROWID;
INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (91, 'local_feed', 'local', NULL, NULL, NULL);

-- Rows of those tables that were written, by whomever, in order. Ids grow by
-- one; the oldest go when there are too many, the newest always stays. A gap
-- after what a reader has taken means that it has to start over.
CREATE TABLE sync_change(
  change_id INTEGER PRIMARY KEY,
  table_id  INTEGER NOT NULL,       -- -> sync_table; 0: none, every row may have changed
  k1 ANY, k2 ANY, k3 ANY            -- the key, as sync_pending has it
) STRICT;

-- ------------------------------------------------------------------- links --

-- Neighbours in the tree.
CREATE TABLE sync_peer(
  node       BLOB PRIMARY KEY NOT NULL,
  journal    INTEGER NOT NULL DEFAULT 0, -- id of its journal, and
  position   INTEGER NOT NULL DEFAULT 0, -- how far we hold it: our token
  again      INTEGER,               -- it is asked for again what was refused, and has come to here of it
  acked      INTEGER NOT NULL DEFAULT 0, -- how far it holds our journal
  heard_ms   INTEGER,               -- last message from it
  synced_ms  INTEGER,               -- last time nothing was due and digests agreed
  offset_ms  INTEGER,               -- its clock minus ours, when last greeted
  says       TEXT,                  -- the last thing that went wrong, NULL when well
  start      INTEGER NOT NULL DEFAULT 0, -- of our token
  -- What this node lost when it was put back is, as far as it is there, before
  -- this position of the neighbour's journal; we ask for it until we hold so much.
  lost_until INTEGER NOT NULL DEFAULT 0,
  lost_start INTEGER NOT NULL DEFAULT 0 -- drawn when it was found out
) STRICT, WITHOUT ROWID;

-- ------------------------------------------------------------------- views --

-- What a tool may ask of the file (docs/reader-contract.md). Instants are UTC.

-- One row: this node, and what of its work is safe at its parent.
CREATE VIEW v_sync_status AS
WITH own AS (
  SELECT s.site_id, s.parent IS NOT NULL AS has_parent, o.origin_no,
         o.head_seq, p.heard_ms, p.synced_ms,
         min(coalesce(p.acked, 0), coalesce(b.position - 1, p.acked, 0)) AS acked
    FROM sync_self s
    LEFT JOIN sync_origin o ON o.node = s.node
    LEFT JOIN sync_peer p ON p.node = s.parent
    LEFT JOIN sync_barred_there b ON b.node = s.parent
                                 AND b.origin_no = o.origin_no
), unsafe AS (
  SELECT count(*) AS changesets, min(c.hlc) AS hlc
    FROM own
    JOIN sync_delivery d ON d.origin_no = own.origin_no
                        AND d.position > coalesce(own.acked, 0)
    JOIN sync_changeset c ON c.origin_no = d.origin_no AND c.seq = d.seq
                         AND c.incarnation = d.incarnation
   WHERE own.has_parent
)
SELECT own.site_id,                                -- the site this file belongs to
       own.has_parent,                             -- 0 at headquarters
       own.head_seq AS last_changeset,             -- number of the last that this node signed
       (SELECT count(*) FROM sync_pending) AS pending, -- captures not signed yet
       unsafe.changesets AS not_at_parent,         -- signed, and not acknowledged by the parent
       own.has_parent AND unsafe.changesets = 0
         AND NOT EXISTS(SELECT 1 FROM sync_pending) AS all_safe, -- 1: the parent has all of it
       strftime('%Y-%m-%dT%H:%M:%fZ', (unsafe.hlc >> 16) / 1000.0, 'unixepoch')
         AS not_safe_since,                        -- when the oldest that the parent lacks was signed; NULL: it has all
       strftime('%Y-%m-%dT%H:%M:%fZ', own.heard_ms / 1000.0, 'unixepoch')
         AS parent_heard_at,                       -- last message of the parent
       strftime('%Y-%m-%dT%H:%M:%fZ', own.synced_ms / 1000.0, 'unixepoch')
         AS in_step_at,                            -- last time nothing was due and digests agreed
       (SELECT count(*) FROM sync_parked WHERE dismissed_ms IS NULL) AS parked,
       (SELECT count(*) FROM sync_verdict WHERE verdict = 'waiting') AS waiting,
       (SELECT count(*) FROM sync_verdict WHERE verdict = 'refused') AS refused,
       (SELECT count(*) FROM sync_unprojected) AS not_shown,
       (SELECT count(*) FROM sync_review) AS reviews -- columns that wait for a person
  FROM own CROSS JOIN unsafe;

-- One row a site that writes: how far this file knows its work. That nothing
-- later has come does not say that nothing later was written.
CREATE VIEW v_sync_site AS
SELECT c.site AS site_id,                          -- -> ref_site
       count(DISTINCT c.node) AS nodes,            -- installations, one after the other
       max(o.head_seq) AS last_changeset,          -- number of the last that is here
       strftime('%Y-%m-%dT%H:%M:%fZ', max(o.head_hlc >> 16) / 1000.0, 'unixepoch')
         AS data_through,                          -- when that was written; NULL: nothing is here
       coalesce(sum(o.leaves), 0) AS changes       -- changes of rows held here
  FROM sync_certificate c
  LEFT JOIN sync_origin o ON o.node = c.node AND o.head_seq > 0
 WHERE c.site IS NOT NULL
 GROUP BY c.site;

-- What programs wrote and the node has not signed yet, by table.
CREATE VIEW v_sync_pending AS
SELECT coalesce(t.name, 'table ' || p.table_id) AS table_name,
       count(*) AS writes,                         -- inserts, updated columns, and rows to be shown as they are signed
       strftime('%Y-%m-%dT%H:%M:%fZ', min(p.at_ms) / 1000.0, 'unixepoch') AS first_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', max(p.at_ms) / 1000.0, 'unixepoch') AS last_at
  FROM sync_pending p
  LEFT JOIN sync_table t USING(table_id)
 GROUP BY p.table_id;

-- A row of local_feed each: what is there for that reader.
CREATE VIEW v_sync_feed AS
WITH kept AS (
  SELECT coalesce((SELECT min(change_id) FROM sync_change), 0) AS first,
         coalesce((SELECT max(change_id) FROM sync_change), 0) AS last
)
SELECT f.reader, f.table_name, f.taken,
       c.last,                                     -- what to put into taken when all is done
       f.taken IS NULL OR f.taken + 1 < c.first OR f.taken > c.last
         AS start_over,                            -- 1: read the whole table
       (SELECT count(*) FROM sync_change r WHERE r.change_id > f.taken
                                             AND r.table_id = t.table_id)
         AS changes                                -- rows to look at; one may be named twice
  FROM kept c, local_feed f JOIN sync_table t ON t.name = f.table_name;
