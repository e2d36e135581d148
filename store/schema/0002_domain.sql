-- 0002: the domain's first slice: reference lists, persons, care, doses,
-- custody and peer support.
--
-- Applied after 0001, which makes the manifest tables sync_class, sync_table
-- and sync_column. Any sqlite3 shell (3.37 or later) can load this file. When
-- a node applies it, the store first replaces two literals in it:
--   @site   (quoted)  the id of the site this node writes for;
--   @today  (quoted)  an expression in parentheses that gives the local
--                     day in that site's time zone.
--
-- How to read the tables
--   Instants are UTC, 'YYYY-MM-DDThh:mm:ss.sssZ'. Business days are local,
--   'YYYY-MM-DD': the day as the people at the site would name it.
--   Keys are UUIDv7 text, minted by a DEFAULT in plain SQL, so that a row typed
--   by hand needs only facts. Reference lists have the keys people know.
--   A day that must be there is checked to be a real one; '+0 days' makes
--   SQLite refuse 31 February.
--   "-> table" in a comment is a reference. No replicated column carries a
--   FOREIGN KEY: a child may arrive before its parent, and stays if the parent
--   never comes.
--   No replicated table has a UNIQUE beside its key: two sites that were both
--   offline can break it, and the clash must be shown to a person, not refused.
--   A CHECK of an `event` may compare columns, because the row never changes.
--   In a `record` or `reference` table columns merge one by one, and a merged
--   row can hold a pair of values that nobody wrote; there a CHECK names one
--   column only, or those of one group, and any other rule over two is a
--   comment and a report.

INSERT INTO sync_class(class_id, name, says) VALUES
  (2, 'reference',  'Lists made at headquarters: sites, codes, items; no fact about a person.'),
  (3, 'routing',    'That a person is known, under which number and where; never a name.'),
  (4, 'identity',   'Who a person is: names, birth, home, phone, language, alerts, death.'),
  (5, 'care',       'Programme, status and course of a person''s treatment.'),
  (6, 'medication', 'What was prescribed and what was handed over, dose by dose.'),
  (7, 'custody',    'When a prison took a person in or let a person out.'),
  (8, 'peer',       'Peer groups and their meetings, with head counts and no names.');

-- ------------------------------------------------------------- reference --

-- The places that write. A site that closed keeps its row, with valid_to.
-- That valid_to comes after valid_from is a rule over two columns: no CHECK.
CREATE TABLE ref_site(
  site_id        TEXT PRIMARY KEY NOT NULL,        -- short and readable, never reused: PB-LDH-C01
  name           TEXT NOT NULL,                    -- as on the board at the gate
  kind           TEXT NOT NULL                     -- what the place is
                 CHECK(kind IN ('prison', 'ooat_clinic', 'deaddiction', 'rehab',
                                'ost_centre', 'drop_in', 'court_unit',
                                'vocational', 'district_hub', 'hq')),
  department     TEXT NOT NULL                     -- who runs it
                 CHECK(department IN ('jails', 'health', 'social_welfare',
                                      'skill', 'education', 'labour', 'police',
                                      'ngo', 'judiciary', 'private')),
  district_code  TEXT NOT NULL,                    -- LDH; -> ref_code (system district)
  parent_site_id TEXT,                             -- -> ref_site: the hub above; NULL at the top
  capacity       INTEGER,                          -- persons the place is made for
  valid_from     TEXT NOT NULL DEFAULT '@today'    -- first business day
                 CHECK(date(valid_from, '+0 days') IS valid_from),
  valid_to       TEXT                              -- last business day; NULL while open
) STRICT;

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (10, 'ref_site', 'reference', 2, 'all', NULL);
INSERT INTO sync_column(table_id, column_id, name, class_id, policy) VALUES
  (10, 1, 'site_id',        2, 'key'),
  (10, 2, 'name',           2, 'lww'),
  (10, 3, 'kind',           2, 'lww'),
  (10, 4, 'department',     2, 'lww'),
  (10, 5, 'district_code',  2, 'lww'),
  (10, 6, 'parent_site_id', 2, 'lww'),
  (10, 7, 'capacity',       2, 'lww'),
  (10, 8, 'valid_from',     2, 'lww'),
  (10, 9, 'valid_to',       2, 'lww');

-- Code lists: what a coded column may say, and how it reads in two languages.
-- A code is retired with active = 0; its old uses stay readable.
CREATE TABLE ref_code(
  code_system  TEXT NOT NULL,                      -- the list: substance, district, denial_reason
  code         TEXT NOT NULL,                      -- the value that other tables store
  label_en     TEXT NOT NULL,                      -- for people, in English
  label_local  TEXT,                               -- for people, in the local language and script
  external_map TEXT,                               -- the same code elsewhere: 'ICD-10:F11'
  active       INTEGER NOT NULL DEFAULT 1          -- 1 may be chosen, 0 only read
               CHECK(active IN (0, 1)),
  PRIMARY KEY(code_system, code)
) STRICT;

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (11, 'ref_code', 'reference', 2, 'all', NULL);
INSERT INTO sync_column(table_id, column_id, name, class_id, policy) VALUES
  (11, 1, 'code_system',  2, 'key'),
  (11, 2, 'code',         2, 'key'),
  (11, 3, 'label_en',     2, 'lww'),
  (11, 4, 'label_local',  2, 'lww'),
  (11, 5, 'external_map', 2, 'lww'),
  (11, 6, 'active',       2, 'lww');

-- What is prescribed, handed over or given away: medicines, test kits and the
-- literature of the jail press.
CREATE TABLE ref_item(
  item_code      TEXT PRIMARY KEY NOT NULL,        -- BUP-NAL-2; one strength, one code
  kind           TEXT NOT NULL                     -- what sort of thing
                 CHECK(kind IN ('medicine', 'test_kit', 'literature')),
  name           TEXT NOT NULL,                    -- as on the box
  inn            TEXT,                             -- international non-proprietary name of a medicine
  strength_mcg   INTEGER,                          -- micrograms in one unit of a medicine
  unit           TEXT NOT NULL,                    -- tablet, ml, kit, copy
  opioid_agonist INTEGER NOT NULL DEFAULT 0        -- 1: two in one day can kill
                 CHECK(opioid_agonist IN (0, 1)),
  controlled     INTEGER NOT NULL DEFAULT 0        -- 1: counted by law
                 CHECK(controlled IN (0, 1))
) STRICT;

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (12, 'ref_item', 'reference', 2, 'all', NULL);
INSERT INTO sync_column(table_id, column_id, name, class_id, policy) VALUES
  (12, 1, 'item_code',      2, 'key'),
  (12, 2, 'kind',           2, 'lww'),
  (12, 3, 'name',           2, 'lww'),
  (12, 4, 'inn',            2, 'lww'),
  (12, 5, 'strength_mcg',   2, 'lww'),
  (12, 6, 'unit',           2, 'lww'),
  (12, 7, 'opioid_agonist', 2, 'lww'),
  (12, 8, 'controlled',     2, 'lww');

-- ---------------------------------------------------------------- people --

-- A person under care. Two classes share the row: `routing` (the first and
-- last columns) goes wherever the row goes; `identity` (in the middle) only to
-- readers of names, and is NULL elsewhere, so it has no NOT NULL and no
-- DEFAULT, and no CHECK of it names another column.
-- That a death_date belongs to a death is a rule over two columns: no CHECK.
CREATE TABLE person(
  person_id          TEXT PRIMARY KEY NOT NULL     -- UUIDv7
                     DEFAULT (printf('%08x-%04x-7%.3s-%.1s%.3s-%.12s',
                       cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) >> 16,
                       cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) & 65535,
                       lower(hex(randomblob(2))), substr('89ab', 1 + (random() & 3), 1),
                       lower(hex(randomblob(2))), lower(hex(randomblob(6))))),
  beneficiary_no     TEXT NOT NULL,                -- the number on the card; a clash is shown, not refused
  given_name         TEXT,                         -- identity
  family_name        TEXT,                         -- identity
  parent_name        TEXT,                         -- identity: father's or mother's name
  alias_names        TEXT,                         -- identity: other names, with commas between
  sex                TEXT                          -- identity
                     CHECK(sex IN ('male', 'female', 'other', 'unknown')),
  birth_year         INTEGER,                      -- identity
  birth_date         TEXT,                         -- identity: a day, where it is known
  birth_precision    TEXT                          -- identity: how well the birth is known
                     CHECK(birth_precision IN ('day', 'month', 'year', 'estimated')),
  home_district      TEXT,                         -- identity: -> ref_code (system district)
  home_locality      TEXT,                         -- identity: village, ward or street
  phone              TEXT,                         -- identity
  preferred_language TEXT,                         -- identity: -> ref_code (system language)
  alerts             TEXT,                         -- identity: JSON array of -> ref_code (system alert); none is lost
  death_date         TEXT,                         -- identity: the day of death, where it is known
  vital_status       TEXT NOT NULL DEFAULT 'alive' -- a report narrows supply, the hub confirms
                     CHECK(vital_status IN ('alive', 'reported_dead', 'dead')),
  record_status      TEXT NOT NULL DEFAULT 'active' -- a row made by mistake is marked, not deleted
                     CHECK(record_status IN ('active', 'entered_in_error')),
  origin_site        TEXT NOT NULL DEFAULT '@site', -- -> ref_site: where the row was first written
  recorded_at        TEXT NOT NULL                 -- when the row was first written
                     DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  recorded_by        TEXT                          -- who first wrote it
) STRICT;
CREATE INDEX person_number ON person(beneficiary_no);

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (20, 'person', 'record', 3, 'person:person_id', NULL);
-- Sex and birth tell one person from another: two sites that disagree wait for
-- a person to look. A death or an error entered cannot be taken back by an
-- older tool; it is put right with a new row.
INSERT INTO sync_column(table_id, column_id, name, class_id, policy, group_name) VALUES
  (20,  1, 'person_id',          3, 'key', NULL),
  (20,  2, 'beneficiary_no',     3, 'fixed', NULL),
  (20,  3, 'given_name',         4, 'lww', NULL),
  (20,  4, 'family_name',        4, 'lww', NULL),
  (20,  5, 'parent_name',        4, 'lww', NULL),
  (20,  6, 'alias_names',        4, 'lww', NULL),
  (20,  7, 'sex',                4, 'review', NULL),
  (20,  8, 'birth_year',         4, 'review', 'birth'),
  (20,  9, 'birth_date',         4, 'review', 'birth'),
  (20, 10, 'birth_precision',    4, 'review', 'birth'),
  (20, 11, 'home_district',      4, 'lww', NULL),
  (20, 12, 'home_locality',      4, 'lww', NULL),
  (20, 13, 'phone',              4, 'lww', NULL),
  (20, 14, 'preferred_language', 4, 'lww', NULL),
  (20, 15, 'alerts',             4, 'union', NULL),
  (20, 16, 'death_date',         4, 'lww', NULL),
  (20, 17, 'vital_status',       3, 'rank(alive,reported_dead,dead)', NULL),
  (20, 18, 'record_status',      3, 'rank(active,entered_in_error)', NULL),
  (20, 19, 'origin_site',        3, 'origin', NULL),
  (20, 20, 'recorded_at',        3, 'fixed', NULL),
  (20, 21, 'recorded_by',        3, 'fixed', NULL);

-- ------------------------------------------------------------------ care --

-- A person in a programme, from screening to its end. Its facts are written
-- by the site that owns it.
-- That site hands it over by an offer (referral), which the other site takes
-- by writing itself into owner_site. Status, phase, days and reason are one
-- group: they are written and win together.
CREATE TABLE enrolment(
  enrolment_id      TEXT PRIMARY KEY NOT NULL      -- UUIDv7
                    DEFAULT (printf('%08x-%04x-7%.3s-%.1s%.3s-%.12s',
                      cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) >> 16,
                      cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) & 65535,
                      lower(hex(randomblob(2))), substr('89ab', 1 + (random() & 3), 1),
                      lower(hex(randomblob(2))), lower(hex(randomblob(6))))),
  person_id         TEXT NOT NULL,                 -- -> person
  programme         TEXT NOT NULL                  -- which programme
                    CHECK(programme IN ('OOAT', 'OST', 'detox', 'rehab', 'peer_support',
                                        'CCM', 'labour_guidance', 'aftercare')),
  owner_site        TEXT NOT NULL DEFAULT '@site', -- -> ref_site: the site that answers for the care
  owner_epoch       INTEGER NOT NULL DEFAULT 1,    -- how many owners so far
  status            TEXT NOT NULL                  -- where the person stands in it
                    CHECK(status IN ('screened', 'waitlisted', 'active', 'on_hold',
                                     'transferred', 'completed', 'dropped_out',
                                     'ceased', 'died', 'entered_in_error')),
  phase             TEXT                           -- phase of a treatment with medicines
                    CHECK(phase IN ('induction', 'stabilisation', 'maintenance',
                                    'tapering', 'aftercare')),
  primary_substance TEXT,                          -- -> ref_code (system substance)
  route             TEXT,                          -- how it was taken: -> ref_code (system route)
  injecting_ever    INTEGER                        -- 1 yes, 0 no, NULL not asked
                    CHECK(injecting_ever IN (0, 1)),
  referral_source   TEXT,                          -- -> ref_code (system referral_source)
  started_on        TEXT,                          -- first day; NULL while screened or waiting
  ended_on          TEXT,                          -- last day, once ended
  end_reason        TEXT,                          -- -> ref_code (system end_reason)
  named_worker      TEXT,                          -- the member of staff the person turns to
  origin_site       TEXT NOT NULL DEFAULT '@site', -- -> ref_site: where the row was first written
  recorded_at       TEXT NOT NULL                  -- when the row was first written
                    DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  recorded_by       TEXT                           -- who first wrote it
) STRICT;
CREATE INDEX enrolment_person ON enrolment(person_id, status);

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (30, 'enrolment', 'record', 5, 'person:person_id', 'owner_site');
INSERT INTO sync_column(table_id, column_id, name, class_id, policy, group_name) VALUES
  (30,  1, 'enrolment_id',      5, 'key', NULL),
  (30,  2, 'person_id',         5, 'fixed', NULL),
  (30,  3, 'programme',         5, 'fixed', NULL),
  (30,  4, 'owner_site',        5, 'owner', NULL),
  (30,  5, 'owner_epoch',       5, 'owner', NULL),
  (30,  6, 'status',            5, 'owner', 'course'),
  (30,  7, 'phase',             5, 'owner', 'course'),
  (30,  8, 'primary_substance', 5, 'owner', NULL),
  (30,  9, 'route',             5, 'owner', NULL),
  (30, 10, 'injecting_ever',    5, 'owner', NULL),
  (30, 11, 'referral_source',   5, 'owner', NULL),
  (30, 12, 'started_on',        5, 'owner', 'course'),
  (30, 13, 'ended_on',          5, 'owner', 'course'),
  (30, 14, 'end_reason',        5, 'owner', 'course'),
  (30, 15, 'named_worker',      5, 'owner', NULL),
  (30, 16, 'origin_site',       5, 'origin', NULL),
  (30, 17, 'recorded_at',       5, 'fixed', NULL),
  (30, 18, 'recorded_by',       5, 'fixed', NULL);

-- A prescription. Medicine and mode never change, and neither does the dose
-- once an order is active: a change of dose is a new order that names the old
-- one, so that each dose can be held against the order it was given under.
-- Should two sites correct one order without knowing of each other, the smaller
-- dose is shown until a person has looked. A status only goes forward, a last
-- day only comes nearer, and take-home days only grow fewer: any site may stop
-- an order, and none brings it back.
CREATE TABLE treatment_order(
  order_id           TEXT PRIMARY KEY NOT NULL     -- UUIDv7
                     DEFAULT (printf('%08x-%04x-7%.3s-%.1s%.3s-%.12s',
                       cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) >> 16,
                       cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) & 65535,
                       lower(hex(randomblob(2))), substr('89ab', 1 + (random() & 3), 1),
                       lower(hex(randomblob(2))), lower(hex(randomblob(6))))),
  enrolment_id       TEXT NOT NULL,                -- -> enrolment
  person_id          TEXT NOT NULL,                -- -> person
  item_code          TEXT NOT NULL,                -- -> ref_item
  daily_dose_mcg     INTEGER NOT NULL              -- micrograms a day
                     CHECK(daily_dose_mcg > 0),
  mode               TEXT NOT NULL                 -- taken before staff, at home, or both
                     CHECK(mode IN ('observed', 'take_home', 'mixed')),
  max_take_home_days INTEGER NOT NULL DEFAULT 0    -- days that may be handed over at once
                     CHECK(max_take_home_days >= 0),
  reason             TEXT,                         -- why this order, or why it was stopped
  valid_from         TEXT NOT NULL DEFAULT '@today' -- first day
                     CHECK(date(valid_from, '+0 days') IS valid_from),
  valid_to           TEXT,                         -- last day; NULL until changed
  status             TEXT NOT NULL                 -- only an active order may be dosed on
                     CHECK(status IN ('draft', 'active', 'superseded', 'stopped',
                                      'entered_in_error')),
  supersedes_id      TEXT,                         -- -> treatment_order: the order this one replaces
  prescriber         TEXT NOT NULL,                -- the doctor who answers for it
  site_id            TEXT NOT NULL DEFAULT '@site', -- -> ref_site: where it was written; owns the row
  origin_site        TEXT NOT NULL DEFAULT '@site', -- -> ref_site: where the row was first written
  recorded_at        TEXT NOT NULL                 -- when the row was first written
                     DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;
CREATE INDEX treatment_order_person ON treatment_order(person_id, status);

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (31, 'treatment_order', 'record', 6, 'person:person_id', 'site_id');
INSERT INTO sync_column(table_id, column_id, name, class_id, policy, group_name) VALUES
  (31,  1, 'order_id',           6, 'key', NULL),
  (31,  2, 'enrolment_id',       6, 'fixed', NULL),
  (31,  3, 'person_id',          6, 'fixed', NULL),
  (31,  4, 'item_code',          6, 'fixed', NULL),
  (31,  5, 'daily_dose_mcg',     6, 'review(min)', NULL),
  (31,  6, 'mode',               6, 'fixed', NULL),
  (31,  7, 'max_take_home_days', 6, 'min', NULL),
  (31,  8, 'reason',             6, 'owner', NULL),
  (31,  9, 'valid_from',         6, 'owner', NULL),
  (31, 10, 'valid_to',           6, 'min', NULL),
  (31, 11, 'status',             6, 'rank(draft,active,superseded,stopped,entered_in_error)', NULL),
  (31, 12, 'supersedes_id',      6, 'fixed', NULL),
  (31, 13, 'prescriber',         6, 'fixed', NULL),
  (31, 14, 'site_id',            6, 'fixed', NULL),
  (31, 15, 'origin_site',        6, 'origin', NULL),
  (31, 16, 'recorded_at',        6, 'fixed', NULL);

-- The dose register. A row is a fact and never changes; an error is undone by
-- a reversal that names it. Two true doses of one day both stay.
CREATE TABLE dose_event(
  dose_id      TEXT PRIMARY KEY NOT NULL           -- UUIDv7
               DEFAULT (printf('%08x-%04x-7%.3s-%.1s%.3s-%.12s',
                 cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) >> 16,
                 cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) & 65535,
                 lower(hex(randomblob(2))), substr('89ab', 1 + (random() & 3), 1),
                 lower(hex(randomblob(2))), lower(hex(randomblob(6))))),
  person_id    TEXT NOT NULL,                      -- -> person
  enrolment_id TEXT,                               -- -> enrolment
  order_id     TEXT,                               -- -> treatment_order: what it was given under
  site_id      TEXT NOT NULL DEFAULT '@site',      -- -> ref_site: where it was handed over
  service_date TEXT NOT NULL DEFAULT '@today'      -- the business day it counts for
               CHECK(date(service_date, '+0 days') IS service_date),
  occurred_at  TEXT NOT NULL                       -- the instant of handing over
               DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  kind         TEXT NOT NULL                       -- a dose, or what happened instead
               CHECK(kind IN ('observed', 'take_home', 'guest', 'missed', 'refused',
                              'replacement', 'returned', 'reversal')),
  item_code    TEXT,                               -- -> ref_item; NULL where nothing was handed over
  units        INTEGER NOT NULL DEFAULT 0,         -- tablets, or the unit of the item
  amount_mcg   INTEGER NOT NULL DEFAULT 0,         -- micrograms handed over in all
  days_covered INTEGER NOT NULL DEFAULT 1          -- days the supply is meant for
               CHECK(days_covered BETWEEN 0 AND 31),
  covers_from  TEXT,                               -- first of these days; NULL: service_date
  batch_no     TEXT,                               -- batch on the box
  verified_by  TEXT NOT NULL                       -- how staff knew who stood there
               CHECK(verified_by IN ('biometric', 'photo_card', 'known_to_staff',
                                     'manual', 'none')),
  dispensed_by TEXT NOT NULL,                      -- who handed it over
  witnessed_by TEXT,                               -- the second pair of eyes
  referral_id  TEXT,                               -- the referral that allows a guest dose
  reverses_id  TEXT,                               -- -> dose_event: the row this reversal undoes
  reason       TEXT,                               -- why missed, refused, replaced or reversed
  origin_site  TEXT NOT NULL DEFAULT '@site',      -- -> ref_site: where the row was written
  recorded_at  TEXT NOT NULL                       -- when the row was written
               DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  CHECK((kind = 'reversal') = (reverses_id IS NOT NULL))
) STRICT;
CREATE INDEX dose_person_day ON dose_event(person_id, service_date);
CREATE INDEX dose_site_day ON dose_event(site_id, service_date);
CREATE INDEX dose_reversal ON dose_event(reverses_id) WHERE reverses_id IS NOT NULL;

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (32, 'dose_event', 'event', 6, 'person:person_id', NULL);
INSERT INTO sync_column(table_id, column_id, name, class_id, policy) VALUES
  (32,  1, 'dose_id',      6, 'key'),
  (32,  2, 'person_id',    6, 'fixed'),
  (32,  3, 'enrolment_id', 6, 'fixed'),
  (32,  4, 'order_id',     6, 'fixed'),
  (32,  5, 'site_id',      6, 'fixed'),
  (32,  6, 'service_date', 6, 'fixed'),
  (32,  7, 'occurred_at',  6, 'fixed'),
  (32,  8, 'kind',         6, 'fixed'),
  (32,  9, 'item_code',    6, 'fixed'),
  (32, 10, 'units',        6, 'fixed'),
  (32, 11, 'amount_mcg',   6, 'fixed'),
  (32, 12, 'days_covered', 6, 'fixed'),
  (32, 13, 'covers_from',  6, 'fixed'),
  (32, 14, 'batch_no',     6, 'fixed'),
  (32, 15, 'verified_by',  6, 'fixed'),
  (32, 16, 'dispensed_by', 6, 'fixed'),
  (32, 17, 'witnessed_by', 6, 'fixed'),
  (32, 18, 'referral_id',  6, 'fixed'),
  (32, 19, 'reverses_id',  6, 'fixed'),
  (32, 20, 'reason',       6, 'fixed'),
  (32, 21, 'origin_site',  6, 'origin'),
  (32, 22, 'recorded_at',  6, 'fixed');

-- ------------------------------------------------------------- referrals --

-- A person is sent to another site: a hand-over of care, guest doses, release
-- from prison, a job. What the sender says is written once; the sender alone
-- withdraws it. The answer only goes forward, so that a late "pending" undoes
-- nothing. With an enrolment_id and offered_epoch it offers the enrolment to
-- to_site, which takes it by writing itself into enrolment.owner_site.
CREATE TABLE referral(
  referral_id     TEXT PRIMARY KEY NOT NULL        -- UUIDv7
                  DEFAULT (printf('%08x-%04x-7%.3s-%.1s%.3s-%.12s',
                    cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) >> 16,
                    cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) & 65535,
                    lower(hex(randomblob(2))), substr('89ab', 1 + (random() & 3), 1),
                    lower(hex(randomblob(2))), lower(hex(randomblob(6))))),
  person_id       TEXT NOT NULL,                   -- -> person
  enrolment_id    TEXT,                            -- -> enrolment that is offered; NULL where none is
  kind            TEXT NOT NULL                    -- what for
                  CHECK(kind IN ('transfer_of_care', 'guest_dosing', 'prison_release',
                                 'prison_admission', 'counselling', 'peer_support',
                                 'bbv_testing', 'rehab', 'skill', 'job', 'education',
                                 'welfare', 'court')),
  from_site       TEXT NOT NULL DEFAULT '@site',   -- -> ref_site: who sends; owns the row
  to_site         TEXT NOT NULL,                   -- -> ref_site: who is to receive
  to_department   TEXT,                            -- where a department is asked: as ref_site.department
  offered_epoch   INTEGER,                         -- enrolment.owner_epoch at the time of the offer
  offered_on      TEXT NOT NULL DEFAULT '@today'   -- the day of the offer
                  CHECK(date(offered_on, '+0 days') IS offered_on),
  due_on          TEXT,                            -- when the person should arrive
  valid_to        TEXT,                            -- last day of guest doses; only comes nearer
  sender_status   TEXT NOT NULL DEFAULT 'offered'  -- the sender may withdraw
                  CHECK(sender_status IN ('offered', 'cancelled')),
  receiver_status TEXT NOT NULL DEFAULT 'pending'  -- what the receiver makes of it
                  CHECK(receiver_status IN ('pending', 'declined', 'accepted',
                                            'attended', 'closed')),
  receiver_on     TEXT,                            -- the day of that
  last_dose_on    TEXT,                            -- day of the last dose at the sender
  last_dose_mcg   INTEGER,                         -- and how much, in micrograms
  last_item       TEXT,                            -- -> ref_item: and of what
  take_home_until TEXT,                            -- last day covered by what was handed over
  origin_site     TEXT NOT NULL DEFAULT '@site',   -- -> ref_site: where the row was first written
  recorded_at     TEXT NOT NULL                    -- when the row was first written
                  DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  recorded_by     TEXT                             -- who first wrote it
) STRICT;
CREATE INDEX referral_person ON referral(person_id);
CREATE INDEX referral_enrolment ON referral(enrolment_id)
  WHERE enrolment_id IS NOT NULL;

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (33, 'referral', 'record', 5, 'person:person_id', 'from_site');
INSERT INTO sync_column(table_id, column_id, name, class_id, policy, group_name) VALUES
  (33,  1, 'referral_id',     5, 'key', NULL),
  (33,  2, 'person_id',       5, 'fixed', NULL),
  (33,  3, 'enrolment_id',    5, 'fixed', NULL),
  (33,  4, 'kind',            5, 'fixed', NULL),
  (33,  5, 'from_site',       5, 'fixed', NULL),
  (33,  6, 'to_site',         5, 'fixed', NULL),
  (33,  7, 'to_department',   5, 'fixed', NULL),
  (33,  8, 'offered_epoch',   5, 'fixed', NULL),
  (33,  9, 'offered_on',      5, 'fixed', NULL),
  (33, 10, 'due_on',          5, 'owner', NULL),
  (33, 11, 'valid_to',        5, 'min', NULL),
  (33, 12, 'sender_status',   5, 'owner', NULL),
  (33, 13, 'receiver_status', 5, 'rank(pending,declined,accepted,attended,closed)', 'answer'),
  (33, 14, 'receiver_on',     5, 'rank(pending,declined,accepted,attended,closed)', 'answer'),
  (33, 15, 'last_dose_on',    5, 'owner', NULL),
  (33, 16, 'last_dose_mcg',   5, 'owner', NULL),
  (33, 17, 'last_item',       5, 'owner', NULL),
  (33, 18, 'take_home_until', 5, 'owner', NULL),
  (33, 19, 'origin_site',     5, 'origin', NULL),
  (33, 20, 'recorded_at',     5, 'fixed', NULL),
  (33, 21, 'recorded_by',     5, 'fixed', NULL);
INSERT INTO sync_handover(table_id, epoch_column, offer_table, row_column, to_column, offer_epoch) VALUES
  (30, 'owner_epoch', 'referral', 'enrolment_id', 'to_site', 'offered_epoch');

-- ---------------------------------------------------------- peer support --

-- A peer-support group that meets at one site and is run by it.
CREATE TABLE peer_group(
  group_id         TEXT PRIMARY KEY NOT NULL       -- UUIDv7
                   DEFAULT (printf('%08x-%04x-7%.3s-%.1s%.3s-%.12s',
                     cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) >> 16,
                     cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) & 65535,
                     lower(hex(randomblob(2))), substr('89ab', 1 + (random() & 3), 1),
                     lower(hex(randomblob(2))), lower(hex(randomblob(6))))),
  name             TEXT NOT NULL,                  -- what its members call it
  model            TEXT NOT NULL                   -- what sort of group
                   CHECK(model IN ('NA_HI', 'NA_community', 'support_group',
                                   'family_group', 'one_to_one')),
  site_id          TEXT NOT NULL DEFAULT '@site',  -- -> ref_site: where it meets; owns the row
  organisation     TEXT,                           -- who sends the volunteers
  planned_per_week INTEGER,                        -- meetings planned a week
  team_size        INTEGER,                        -- volunteers in the team
  led_by           TEXT NOT NULL                   -- who leads as a rule
                   CHECK(led_by IN ('outside_volunteers', 'mixed', 'inmate_peers')),
  status           TEXT NOT NULL DEFAULT 'active'  -- whether it meets
                   CHECK(status IN ('planned', 'active', 'suspended', 'closed')),
  started_on       TEXT,                           -- first meeting
  ended_on         TEXT,                           -- last meeting, once closed
  origin_site      TEXT NOT NULL DEFAULT '@site',  -- -> ref_site: where the row was first written
  recorded_at      TEXT NOT NULL                   -- when the row was first written
                   DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  recorded_by      TEXT                            -- who first wrote it
) STRICT;

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (40, 'peer_group', 'record', 8, 'site:site_id', 'site_id');
INSERT INTO sync_column(table_id, column_id, name, class_id, policy) VALUES
  (40,  1, 'group_id',         8, 'key'),
  (40,  2, 'name',             8, 'owner'),
  (40,  3, 'model',            8, 'owner'),
  (40,  4, 'site_id',          8, 'fixed'),
  (40,  5, 'organisation',     8, 'owner'),
  (40,  6, 'planned_per_week', 8, 'owner'),
  (40,  7, 'team_size',        8, 'owner'),
  (40,  8, 'led_by',           8, 'owner'),
  (40,  9, 'status',           8, 'owner'),
  (40, 10, 'started_on',       8, 'owner'),
  (40, 11, 'ended_on',         8, 'owner'),
  (40, 12, 'origin_site',      8, 'origin'),
  (40, 13, 'recorded_at',      8, 'fixed'),
  (40, 14, 'recorded_by',      8, 'fixed');

-- A meeting that was due: held, or why not. Heads are counted and nobody is
-- named. Never changed; corrected by a row that supersedes it.
CREATE TABLE peer_session(
  session_id        TEXT PRIMARY KEY NOT NULL      -- UUIDv7
                    DEFAULT (printf('%08x-%04x-7%.3s-%.1s%.3s-%.12s',
                      cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) >> 16,
                      cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) & 65535,
                      lower(hex(randomblob(2))), substr('89ab', 1 + (random() & 3), 1),
                      lower(hex(randomblob(2))), lower(hex(randomblob(6))))),
  group_id          TEXT NOT NULL,                 -- -> peer_group
  site_id           TEXT NOT NULL DEFAULT '@site', -- -> ref_site: where it met
  held_on           TEXT NOT NULL DEFAULT '@today' -- the day it was held or due
                    CHECK(date(held_on, '+0 days') IS held_on),
  minutes           INTEGER,                       -- how long it lasted
  outcome           TEXT NOT NULL                  -- a refusal at the gate is a row too
                    CHECK(outcome IN ('held', 'denied_entry', 'cancelled_facility',
                                      'cancelled_team', 'no_show')),
  denial_reason     TEXT,                          -- -> ref_code (system denial_reason)
  led_by            TEXT                           -- who led this one
                    CHECK(led_by IN ('outside_volunteers', 'mixed', 'inmate_peers')),
  lead_worker       TEXT,                          -- the volunteer who led, where agreed to be named
  facilitators      INTEGER,                       -- volunteers present
  headcount         INTEGER,                       -- people present, without the volunteers
  headcount_female  INTEGER,                       -- women among them
  headcount_new     INTEGER,                       -- first-timers among them
  literature_item   TEXT,                          -- -> ref_item: what was given out
  literature_copies INTEGER,                       -- and how many
  supersedes_id     TEXT,                          -- -> peer_session: the row this one corrects
  origin_site       TEXT NOT NULL DEFAULT '@site', -- -> ref_site: where the row was written
  recorded_at       TEXT NOT NULL                  -- when the row was written
                    DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  recorded_by       TEXT,                          -- who wrote it
  CHECK(headcount IS NULL OR headcount >= coalesce(headcount_female, 0))
) STRICT;
CREATE INDEX peer_session_group_day ON peer_session(group_id, held_on);
CREATE INDEX peer_session_site_day ON peer_session(site_id, held_on);
CREATE INDEX peer_session_superseded ON peer_session(supersedes_id)
  WHERE supersedes_id IS NOT NULL;

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (41, 'peer_session', 'event', 8, 'site:site_id', NULL);
INSERT INTO sync_column(table_id, column_id, name, class_id, policy) VALUES
  (41,  1, 'session_id',        8, 'key'),
  (41,  2, 'group_id',          8, 'fixed'),
  (41,  3, 'site_id',           8, 'fixed'),
  (41,  4, 'held_on',           8, 'fixed'),
  (41,  5, 'minutes',           8, 'fixed'),
  (41,  6, 'outcome',           8, 'fixed'),
  (41,  7, 'denial_reason',     8, 'fixed'),
  (41,  8, 'led_by',            8, 'fixed'),
  (41,  9, 'lead_worker',       8, 'fixed'),
  (41, 10, 'facilitators',      8, 'fixed'),
  (41, 11, 'headcount',         8, 'fixed'),
  (41, 12, 'headcount_female',  8, 'fixed'),
  (41, 13, 'headcount_new',     8, 'fixed'),
  (41, 14, 'literature_item',   8, 'fixed'),
  (41, 15, 'literature_copies', 8, 'fixed'),
  (41, 16, 'supersedes_id',     8, 'fixed'),
  (41, 17, 'origin_site',       8, 'origin'),
  (41, 18, 'recorded_at',       8, 'fixed'),
  (41, 19, 'recorded_by',       8, 'fixed');

-- --------------------------------------------------------------- custody --

-- In and out of prison, from the warrant register. Facts come in here;
-- nothing clinical goes out this way.
CREATE TABLE custody_event(
  custody_id          TEXT PRIMARY KEY NOT NULL    -- UUIDv7
                      DEFAULT (printf('%08x-%04x-7%.3s-%.1s%.3s-%.12s',
                        cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) >> 16,
                        cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) & 65535,
                        lower(hex(randomblob(2))), substr('89ab', 1 + (random() & 3), 1),
                        lower(hex(randomblob(2))), lower(hex(randomblob(6))))),
  person_id           TEXT NOT NULL,               -- -> person
  site_id             TEXT NOT NULL DEFAULT '@site', -- -> ref_site: the prison
  kind                TEXT NOT NULL                -- which way, and how
                      CHECK(kind IN ('admitted', 'transferred_in', 'transferred_out',
                                     'released', 'parole_out', 'parole_in',
                                     'hospital_out', 'hospital_in', 'escaped', 'died')),
  occurred_at         TEXT NOT NULL                -- the instant at the gate
                      DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  expected_release_on TEXT,                        -- the day on the warrant, where there is one
  counterparty_site   TEXT,                        -- -> ref_site: the other prison of a transfer
  prisoner_token      TEXT,                        -- keyed hash of the prisoner number, never the number
  reverses_id         TEXT,                        -- -> custody_event: the row this one undoes
  origin_site         TEXT NOT NULL DEFAULT '@site', -- -> ref_site: where the row was written
  recorded_at         TEXT NOT NULL                -- when the row was written
                      DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  recorded_by         TEXT                         -- who wrote it
) STRICT;
CREATE INDEX custody_person ON custody_event(person_id, occurred_at);

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (50, 'custody_event', 'event', 7, 'person:person_id', NULL);
INSERT INTO sync_column(table_id, column_id, name, class_id, policy) VALUES
  (50,  1, 'custody_id',          7, 'key'),
  (50,  2, 'person_id',           7, 'fixed'),
  (50,  3, 'site_id',             7, 'fixed'),
  (50,  4, 'kind',                7, 'fixed'),
  (50,  5, 'occurred_at',         7, 'fixed'),
  (50,  6, 'expected_release_on', 7, 'fixed'),
  (50,  7, 'counterparty_site',   7, 'fixed'),
  (50,  8, 'prisoner_token',      7, 'fixed'),
  (50,  9, 'reverses_id',         7, 'fixed'),
  (50, 10, 'origin_site',         7, 'origin'),
  (50, 11, 'recorded_at',         7, 'fixed'),
  (50, 12, 'recorded_by',         7, 'fixed');

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

-- ----------------------------------------------------------------- views --

-- Live doses: something was handed over, and nothing has reversed it. The
-- supply covers covered_from up to and including covered_until.
CREATE VIEW v_dose AS
SELECT d.dose_id,
       d.person_id,
       d.enrolment_id,
       d.order_id,
       d.site_id,
       d.service_date,
       d.occurred_at,
       d.kind,
       d.item_code,
       i.opioid_agonist,                           -- NULL while the item is not known here
       d.units,
       d.amount_mcg,
       d.days_covered,
       coalesce(d.covers_from, d.service_date) AS covered_from,
       date(coalesce(d.covers_from, d.service_date),
            '+' || (max(d.days_covered, 1) - 1) || ' days') AS covered_until,
       d.batch_no,
       d.verified_by,
       d.dispensed_by,
       d.witnessed_by,
       d.referral_id,
       d.reason,
       d.origin_site,
       d.recorded_at
  FROM dose_event d
  LEFT JOIN ref_item i ON i.item_code = d.item_code
 WHERE d.kind IN ('observed', 'take_home', 'guest', 'replacement')
   AND NOT EXISTS (SELECT 1 FROM dose_event r WHERE r.reverses_id = d.dose_id);

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
