-- 0002: reference lists, made at headquarters; and how to read the domain's
-- files:
--   0002 reference     sites, codes, items, limits, courses
--   0003 people        persons, their numbers, links and consents; workers
--   0004 care          enrolments, assessments, orders, doses, stock, referrals,
--                      custody
--   0005 peer support  groups, meetings, training, credentials, mentors
--   0006 reintegration placements and follow-ups
--   0007 governance    disclosures, the registry card, acts on breaches
--   0008 rules         what merged data must not show
-- docs/domain.md says what each table is for and who writes it.
--
-- Applied after 0001, which makes the manifest tables sync_class, sync_table
-- and sync_column. Any sqlite3 shell (3.37 or later) can load these files. When
-- a node applies them, the store first replaces two literals in them:
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
--   An overlay column (of another class than its table) is nullable, without
--   default, and NULL to whoever may not read it.
--   What must be sealed (counselling notes, results of blood tests, flags for
--   safety, numbers in clear) has a table of kind `local` until sealing is
--   built: it is read and written at this site and never leaves it.

INSERT INTO sync_class(class_id, name, says) VALUES
  (2,  'reference',  'Lists made at headquarters: sites, codes, items; no fact about a person.'),
  (3,  'routing',    'That a person is known, under which number and where; never a name.'),
  (4,  'identity',   'Who a person is: names, birth, home, phone, language, alerts, death.'),
  (5,  'care',       'Programme, status and course of a person''s treatment.'),
  (6,  'medication', 'What was prescribed and what was handed over, dose by dose.'),
  (7,  'custody',    'When a prison took a person in or let a person out.'),
  (8,  'peer',       'Peer groups and their meetings, with head counts and no names.'),
  (9,  'token',      'Keyed hashes of numbers and names, by which sites find that they know one person.'),
  (10, 'registry',   'Where a person is treated with what and covered until when, for other dispensing sites.'),
  (11, 'clinical',   'Scores of screenings and tests, and what a person said of use.'),
  (12, 'consent',    'What a person agreed to, refused and took back.'),
  (13, 'attendance', 'Who came to a peer meeting, where the person agreed to be named.'),
  (14, 'workforce',  'Staff, volunteers and mentors, their credentials and clearances.'),
  (15, 'peer_link',  'That a volunteer or mentor is under care too.'),
  (16, 'stock',      'Medicines, kits and literature received, sent, counted and lost.'),
  (17, 'livelihood', 'Courses, work, schooling and housing found for a person.'),
  (18, 'training',   'Who attended which course and passed; persons by id alone.'),
  (19, 'governance', 'To whom data was disclosed and why; what was done about alerts.');

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

-- Limits of rules and denominators of indicators, each with the days it is in
-- force and the order it rests on. A limit is changed by closing its row
-- (valid_to) and adding one; the narrowest scope counts: site, then item,
-- programme, district, all.
CREATE TABLE ref_parameter(
  parameter_id TEXT PRIMARY KEY NOT NULL,          -- short and readable: take_home_max_days-2026
  key          TEXT NOT NULL,                      -- take_home_max_days, missed_days_reassess, mentor_max_caseload ...
  scope_kind   TEXT NOT NULL                       -- what it holds for
               CHECK(scope_kind IN ('all', 'district', 'site', 'item',
                                    'programme')),
  scope_value  TEXT NOT NULL DEFAULT '',           -- which of them; empty for all
  value_num    REAL NOT NULL,                      -- the limit, or the number
  unit         TEXT,                               -- days, persons
  valid_from   TEXT NOT NULL DEFAULT '@today'      -- first day
               CHECK(date(valid_from, '+0 days') IS valid_from),
  valid_to     TEXT,                               -- last day; NULL while in force
  authority    TEXT NOT NULL                       -- the order or source it rests on
) STRICT;
CREATE INDEX ref_parameter_key ON ref_parameter(key, valid_from);

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (13, 'ref_parameter', 'reference', 2, 'all', NULL);
INSERT INTO sync_column(table_id, column_id, name, class_id, policy) VALUES
  (13,  1, 'parameter_id', 2, 'key'),
  (13,  2, 'key',          2, 'lww'),
  (13,  3, 'scope_kind',   2, 'lww'),
  (13,  4, 'scope_value',  2, 'lww'),
  (13,  5, 'value_num',    2, 'lww'),
  (13,  6, 'unit',         2, 'lww'),
  (13,  7, 'valid_from',   2, 'lww'),
  (13,  8, 'valid_to',     2, 'lww'),
  (13,  9, 'authority',    2, 'lww');

-- Courses for peers, mentors and people under care, and what passing one takes.
CREATE TABLE ref_course(
  course_id          TEXT PRIMARY KEY NOT NULL,    -- short and readable: PEER-40
  kind               TEXT NOT NULL                 -- for whom, and what for
                     CHECK(kind IN ('peer', 'mentor', 'continuing_ed',
                                    'vocational', 'school')),
  title              TEXT NOT NULL,                -- for people
  hours              REAL NOT NULL,                -- in all
  sessions           INTEGER,                      -- how many
  pass_attendance    REAL NOT NULL DEFAULT 0.90    -- share of sessions that must be attended
                     CHECK(pass_attendance BETWEEN 0 AND 1),
  practical_required INTEGER NOT NULL DEFAULT 1    -- 1: the practical must be passed too
                     CHECK(practical_required IN (0, 1)),
  credential_kind    TEXT,                         -- what passing earns: as worker_credential.kind
  credential_months  INTEGER                       -- and for how long
) STRICT;

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (14, 'ref_course', 'reference', 2, 'all', NULL);
INSERT INTO sync_column(table_id, column_id, name, class_id, policy) VALUES
  (14,  1, 'course_id',          2, 'key'),
  (14,  2, 'kind',               2, 'lww'),
  (14,  3, 'title',              2, 'lww'),
  (14,  4, 'hours',              2, 'lww'),
  (14,  5, 'sessions',           2, 'lww'),
  (14,  6, 'pass_attendance',    2, 'lww'),
  (14,  7, 'practical_required', 2, 'lww'),
  (14,  8, 'credential_kind',    2, 'lww'),
  (14,  9, 'credential_months',  2, 'lww');

-- Parameters with an end to compare with.
CREATE VIEW v_param AS
SELECT key, scope_kind, scope_value, value_num, unit, valid_from,
       coalesce(valid_to, '9999-12-31') AS valid_to, authority
  FROM ref_parameter;
