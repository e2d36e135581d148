-- 0007: accounting for what is done with data, and what tools keep on this
-- machine alone.

-- To whom data of a person was shown and why, emergencies included: the
-- accounting that a person may ask for.
CREATE TABLE disclosure_log(
  disclosure_id TEXT PRIMARY KEY NOT NULL          -- UUIDv7
                DEFAULT (printf('%08x-%04x-7%.3s-%.1s%.3s-%.12s',
                  cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) >> 16,
                  cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) & 65535,
                  lower(hex(randomblob(2))), substr('89ab', 1 + (random() & 3), 1),
                  lower(hex(randomblob(2))), lower(hex(randomblob(6))))),
  person_id     TEXT NOT NULL,                     -- -> person
  data_class    TEXT NOT NULL,                     -- which data: as consent.data_class
  purpose       TEXT NOT NULL,                     -- what for: as consent.purpose
  recipient     TEXT NOT NULL,                     -- who saw it
  consent_id    TEXT,                              -- -> consent it rests on, or
  legal_basis   TEXT,                              -- the law or order
  break_glass   INTEGER NOT NULL DEFAULT 0         -- 1: in an emergency, past the usual rights
                CHECK(break_glass IN (0, 1)),
  reason        TEXT,                              -- what the emergency was
  origin_site   TEXT NOT NULL DEFAULT '@site',     -- -> ref_site: where the row was written
  recorded_at   TEXT NOT NULL                      -- when the row was written
                DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  recorded_by   TEXT NOT NULL                      -- who wrote it
) STRICT;
CREATE INDEX disclosure_person ON disclosure_log(person_id);

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (82, 'disclosure_log', 'event', 19, 'site:origin_site', NULL);
INSERT INTO sync_column(table_id, column_id, name, class_id, policy) VALUES
  (82,  1, 'disclosure_id', 19, 'key'),
  (82,  2, 'person_id',     19, 'fixed'),
  (82,  3, 'data_class',    19, 'fixed'),
  (82,  4, 'purpose',       19, 'fixed'),
  (82,  5, 'recipient',     19, 'fixed'),
  (82,  6, 'consent_id',    19, 'fixed'),
  (82,  7, 'legal_basis',   19, 'fixed'),
  (82,  8, 'break_glass',   19, 'fixed'),
  (82,  9, 'reason',        19, 'fixed'),
  (82, 10, 'origin_site',   19, 'origin'),
  (82, 11, 'recorded_at',   19, 'fixed'),
  (82, 12, 'recorded_by',   19, 'fixed');

-- What any dispensing site of a district may know of a person treated in it (42
-- CFR 2.34): identity by id, medicine and dose, dates. Written by the district's
-- hub from what it holds, one card of each hub that knows the person; nothing
-- writes it yet.
CREATE TABLE registry_card(
  person_id      TEXT NOT NULL,                    -- -> person
  hub_site       TEXT NOT NULL DEFAULT '@site',    -- -> ref_site: the hub that says so
  owner_site     TEXT NOT NULL,                    -- -> ref_site: as enrolment.owner_site
  owner_epoch    INTEGER NOT NULL,                 -- as enrolment.owner_epoch
  programme      TEXT NOT NULL,                    -- as enrolment.programme
  status         TEXT NOT NULL,                    -- as enrolment.status
  item_code      TEXT,                             -- -> ref_item: of the order in force
  daily_dose_mcg INTEGER,                          -- micrograms a day, the smaller of two orders
  last_dose_on   TEXT,                             -- day of the last dose
  covered_until  TEXT,                             -- last day covered by what was handed over
  held_at_site   TEXT,                             -- -> ref_site: the prison the person is in
  merged_into    TEXT,                             -- -> person: the row that stands for both
  data_through   TEXT NOT NULL,                    -- how far the hub knew the sites concerned
  origin_site    TEXT NOT NULL DEFAULT '@site',    -- -> ref_site: where the row was first written
  recorded_at    TEXT NOT NULL                     -- when the row was first written
                 DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  vital_status   TEXT,                             -- alive, reported_dead, dead: what a site must know first
  CHECK(hub_site = origin_site),
  PRIMARY KEY(person_id, hub_site)
) STRICT;

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (83, 'registry_card', 'record', 10, 'district-of:origin_site', 'origin_site');
INSERT INTO sync_column(table_id, column_id, name, class_id, policy) VALUES
  (83,  1, 'person_id',      10, 'key'),
  (83,  2, 'hub_site',       10, 'key'),
  (83,  3, 'owner_site',     10, 'owner'),
  (83,  4, 'owner_epoch',    10, 'owner'),
  (83,  5, 'programme',      10, 'owner'),
  (83,  6, 'status',         10, 'owner'),
  (83,  7, 'item_code',      10, 'owner'),
  (83,  8, 'daily_dose_mcg', 10, 'owner'),
  (83,  9, 'last_dose_on',   10, 'owner'),
  (83, 10, 'covered_until',  10, 'owner'),
  (83, 11, 'held_at_site',   10, 'owner'),
  (83, 12, 'merged_into',    10, 'owner'),
  (83, 13, 'data_through',   10, 'owner'),
  (83, 14, 'origin_site',    10, 'origin'),
  (83, 15, 'recorded_at',    10, 'fixed'),
  (83, 16, 'vital_status',   10, 'owner');

-- What people did about breaches of rules (0008) that concern a person. The
-- breach itself is computed wherever its rows are held; only the act travels,
-- with the person. A breach that names two persons gets an act for each.
CREATE TABLE breach_act(
  act_id      TEXT PRIMARY KEY NOT NULL            -- UUIDv7
              DEFAULT (printf('%08x-%04x-7%.3s-%.1s%.3s-%.12s',
                cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) >> 16,
                cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) & 65535,
                lower(hex(randomblob(2))), substr('89ab', 1 + (random() & 3), 1),
                lower(hex(randomblob(2))), lower(hex(randomblob(6))))),
  breach_id   TEXT NOT NULL,                       -- the rule and the rows: v_breach.breach_id
  person_id   TEXT NOT NULL,                       -- -> person
  act         TEXT NOT NULL                        -- what was done
              CHECK(act IN ('acknowledged', 'resolved', 'not_a_problem')),
  note        TEXT,                                -- what was found, for the others
  origin_site TEXT NOT NULL DEFAULT '@site',       -- -> ref_site: where the row was written
  recorded_at TEXT NOT NULL                        -- when the row was written
              DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  recorded_by TEXT NOT NULL                        -- who wrote it
) STRICT;
CREATE INDEX breach_act_breach ON breach_act(breach_id);

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (84, 'breach_act', 'event', 19, 'person:person_id', NULL);
INSERT INTO sync_column(table_id, column_id, name, class_id, policy) VALUES
  (84,  1, 'act_id',      19, 'key'),
  (84,  2, 'breach_id',   19, 'fixed'),
  (84,  3, 'person_id',   19, 'fixed'),
  (84,  4, 'act',         19, 'fixed'),
  (84,  5, 'note',        19, 'fixed'),
  (84,  6, 'origin_site', 19, 'origin'),
  (84,  7, 'recorded_at', 19, 'fixed'),
  (84,  8, 'recorded_by', 19, 'fixed');

-- The same of breaches that concern no person: stock, credentials, caseloads. It
-- travels with the site.
CREATE TABLE site_breach_act(
  act_id      TEXT PRIMARY KEY NOT NULL            -- UUIDv7
              DEFAULT (printf('%08x-%04x-7%.3s-%.1s%.3s-%.12s',
                cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) >> 16,
                cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) & 65535,
                lower(hex(randomblob(2))), substr('89ab', 1 + (random() & 3), 1),
                lower(hex(randomblob(2))), lower(hex(randomblob(6))))),
  breach_id   TEXT NOT NULL,                       -- the rule and the rows: v_breach.breach_id
  site_id     TEXT NOT NULL DEFAULT '@site',       -- -> ref_site: one that the breach names
  act         TEXT NOT NULL                        -- what was done
              CHECK(act IN ('acknowledged', 'resolved', 'not_a_problem')),
  note        TEXT,                                -- what was found, for the others
  origin_site TEXT NOT NULL DEFAULT '@site',       -- -> ref_site: where the row was written
  recorded_at TEXT NOT NULL                        -- when the row was written
              DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  recorded_by TEXT NOT NULL                        -- who wrote it
) STRICT;
CREATE INDEX site_breach_act_breach ON site_breach_act(breach_id);

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (85, 'site_breach_act', 'event', 19, 'district-of:site_id', NULL);
INSERT INTO sync_column(table_id, column_id, name, class_id, policy) VALUES
  (85,  1, 'act_id',      19, 'key'),
  (85,  2, 'breach_id',   19, 'fixed'),
  (85,  3, 'site_id',     19, 'fixed'),
  (85,  4, 'act',         19, 'fixed'),
  (85,  5, 'note',        19, 'fixed'),
  (85,  6, 'origin_site', 19, 'origin'),
  (85,  7, 'recorded_at', 19, 'fixed'),
  (85,  8, 'recorded_by', 19, 'fixed');

-- ----------------------------------------------------------------- local --

-- Which rows an import wrote here, so that a file imported twice says so and
-- an import can be looked over row by row. Local: it never leaves this node,
-- and has therefore no class, no route and no columns in the manifest.
CREATE TABLE local_import_row(
  import_id   TEXT NOT NULL,                       -- one run of the import command
  table_name  TEXT NOT NULL,                       -- the table written to
  key         TEXT NOT NULL,                       -- the row's key; several columns are joined by '/'
  file_line   INTEGER,                             -- line of the file it came from, from 1
  imported_at TEXT NOT NULL                        -- when
              DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  PRIMARY KEY(import_id, table_name, key)
) STRICT;

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (90, 'local_import_row', 'local', NULL, NULL, NULL);

-- Who may log in to the tools of this machine. Kept by the tools; the node reads
-- none of it.
CREATE TABLE local_user(
  user_id   TEXT PRIMARY KEY NOT NULL,             -- of the tool's choosing
  worker_id TEXT,                                  -- -> worker
  login     TEXT NOT NULL UNIQUE,                  -- what is typed
  pin_hash  BLOB,                                  -- a slow, salted hash of the PIN
  role      TEXT,                                  -- what the tool lets the user do
  disabled  INTEGER NOT NULL DEFAULT 0             -- 1: may not log in
            CHECK(disabled IN (0, 1))
) STRICT;

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (95, 'local_user', 'local', NULL, NULL, NULL);

-- Counters from which numbers are given out offline, in blocks: what lies below
-- reserved_to is on disk as used before it is handed out.
CREATE TABLE local_counter(
  name        TEXT PRIMARY KEY NOT NULL,           -- beneficiary
  node_no     INTEGER NOT NULL,                    -- the node number that goes into the number
  next_value  INTEGER NOT NULL,                    -- the next to be given
  reserved_to INTEGER NOT NULL                     -- the end of the block
) STRICT;

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (96, 'local_counter', 'local', NULL, NULL, NULL);

-- Fingerprint templates, at the site that took them and nowhere else.
CREATE TABLE local_biometric(
  person_id   TEXT PRIMARY KEY NOT NULL,           -- -> person
  template    BLOB NOT NULL,                       -- as the reader gave it
  algorithm   TEXT NOT NULL,                       -- which reader
  captured_at TEXT NOT NULL                        -- when
              DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (97, 'local_biometric', 'local', NULL, NULL, NULL);

-- ----------------------------------------------------------------- views --

-- What this file holds, by the site that wrote it: persons and enrolments not
-- entered in error, live doses, meetings held and not superseded. A site that
-- wrote nothing shows zeros; one not yet in ref_site shows without a district.
CREATE VIEW v_count_by_site AS
WITH tally(origin_site, persons, enrolments, doses, sessions) AS (
  SELECT site_id, 0, 0, 0, 0 FROM ref_site
  UNION ALL
  SELECT origin_site, count(*), 0, 0, 0 FROM person
   WHERE record_status = 'active' GROUP BY origin_site
  UNION ALL
  SELECT origin_site, 0, count(*), 0, 0 FROM enrolment
   WHERE status <> 'entered_in_error' GROUP BY origin_site
  UNION ALL
  SELECT origin_site, 0, 0, count(*), 0 FROM v_dose GROUP BY origin_site
  UNION ALL
  SELECT s.origin_site, 0, 0, 0, count(*) FROM peer_session s
   WHERE s.outcome = 'held'
     AND NOT EXISTS (SELECT 1 FROM peer_session n WHERE n.supersedes_id = s.session_id)
   GROUP BY s.origin_site
)
SELECT r.district_code,
       t.origin_site,
       r.name            AS site_name,
       sum(t.persons)    AS persons,
       sum(t.enrolments) AS enrolments,
       sum(t.doses)      AS doses,
       sum(t.sessions)   AS sessions
  FROM tally t
  LEFT JOIN ref_site r ON r.site_id = t.origin_site
 GROUP BY t.origin_site
 ORDER BY r.district_code, t.origin_site;
