-- 0003: people under care, how they are found to be one and what they agreed
-- to; and the people who work for them.

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

-- What other sites may hold of a person's numbers and names: a keyed hash of
-- each, the same at every site of the programme, by which two sites find that
-- they know one person. The value in clear is in local_identifier.
CREATE TABLE person_identifier(
  identifier_id TEXT PRIMARY KEY NOT NULL          -- UUIDv7
                DEFAULT (printf('%08x-%04x-7%.3s-%.1s%.3s-%.12s',
                  cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) >> 16,
                  cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) & 65535,
                  lower(hex(randomblob(2))), substr('89ab', 1 + (random() & 3), 1),
                  lower(hex(randomblob(2))), lower(hex(randomblob(6))))),
  person_id     TEXT NOT NULL,                     -- -> person
  kind          TEXT NOT NULL                      -- of what
                CHECK(kind IN ('abha', 'aadhaar_vault_ref', 'prisoner_no',
                               'ooat_no', 'ost_no', 'court_no', 'name_key',
                               'name_key2', 'phone')),
  match_token   TEXT NOT NULL,                     -- HMAC(programme key, value in its normal form)
  issuing_site  TEXT,                              -- -> ref_site: who gave out the number
  status        TEXT NOT NULL DEFAULT 'current'    -- only goes forward
                CHECK(status IN ('current', 'old', 'withdrawn',
                                 'entered_in_error')),
  origin_site   TEXT NOT NULL DEFAULT '@site',     -- -> ref_site: where the row was first written
  recorded_at   TEXT NOT NULL                      -- when the row was first written
                DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  recorded_by   TEXT                               -- who first wrote it
) STRICT;
CREATE INDEX person_identifier_token ON person_identifier(kind, match_token);
CREATE INDEX person_identifier_person ON person_identifier(person_id);

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (21, 'person_identifier', 'record', 9, 'district-of:origin_site', NULL);
INSERT INTO sync_column(table_id, column_id, name, class_id, policy) VALUES
  (21,  1, 'identifier_id', 9, 'key'),
  (21,  2, 'person_id',     9, 'fixed'),
  (21,  3, 'kind',          9, 'fixed'),
  (21,  4, 'match_token',   9, 'fixed'),
  (21,  5, 'issuing_site',  9, 'fixed'),
  (21,  6, 'status',        9, 'rank(current,old,withdrawn,entered_in_error)'),
  (21,  7, 'origin_site',   9, 'origin'),
  (21,  8, 'recorded_at',   9, 'fixed'),
  (21,  9, 'recorded_by',   9, 'fixed');

-- Numbers in clear, at the site that was told them. Sealed one day; local until
-- then (0002). `sangam people tokens` makes the token of a row that says whose it
-- is, so that a tool that registers people needs no key; else the tool made it.
CREATE TABLE local_identifier(
  identifier_id TEXT PRIMARY KEY NOT NULL,         -- -> person_identifier
  value         TEXT NOT NULL,                     -- to be sealed: the number as the person gave it
  person_id     TEXT,                              -- -> person
  kind          TEXT                               -- of what: abha
                CHECK(kind IN ('abha'))
) STRICT;
CREATE INDEX local_identifier_person ON local_identifier(person_id, kind);

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (26, 'local_identifier', 'local', NULL, NULL, NULL);

-- Two rows of `person` are one human being, or are not. Never changed: undone by
-- a row that supersedes it. It says no more than two random ids, and goes
-- everywhere, so that whoever holds either row counts them as one.
CREATE TABLE person_link(
  link_id       TEXT PRIMARY KEY NOT NULL          -- UUIDv7
                DEFAULT (printf('%08x-%04x-7%.3s-%.1s%.3s-%.12s',
                  cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) >> 16,
                  cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) & 65535,
                  lower(hex(randomblob(2))), substr('89ab', 1 + (random() & 3), 1),
                  lower(hex(randomblob(2))), lower(hex(randomblob(6))))),
  person_a      TEXT NOT NULL,                     -- -> person: the smaller id
  person_b      TEXT NOT NULL,                     -- -> person: the larger id
  decision      TEXT NOT NULL                      -- what was found
                CHECK(decision IN ('same', 'different')),
  basis         TEXT NOT NULL,                     -- -> ref_code (system link_basis): a code, never a name or number
  score         REAL,                              -- how alike, where a program proposed it
  supersedes_id TEXT,                              -- -> person_link: the decision this one takes back
  decided_by    TEXT NOT NULL,                     -- who answers for it
  origin_site   TEXT NOT NULL DEFAULT '@site',     -- -> ref_site: where the row was written
  recorded_at   TEXT NOT NULL                      -- when the row was written
                DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  CHECK(person_a < person_b)
) STRICT;
CREATE INDEX person_link_a ON person_link(person_a);
CREATE INDEX person_link_b ON person_link(person_b);
CREATE INDEX person_link_superseded ON person_link(supersedes_id)
  WHERE supersedes_id IS NOT NULL;

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (22, 'person_link', 'event', 3, 'all', NULL);
INSERT INTO sync_column(table_id, column_id, name, class_id, policy) VALUES
  (22,  1, 'link_id',       3, 'key'),
  (22,  2, 'person_a',      3, 'fixed'),
  (22,  3, 'person_b',      3, 'fixed'),
  (22,  4, 'decision',      3, 'fixed'),
  (22,  5, 'basis',         3, 'fixed'),
  (22,  6, 'score',         3, 'fixed'),
  (22,  7, 'supersedes_id', 3, 'fixed'),
  (22,  8, 'decided_by',    3, 'fixed'),
  (22,  9, 'origin_site',   3, 'origin'),
  (22, 10, 'recorded_at',   3, 'fixed');

-- One decision of a person about one use of one kind of data. Never changed: a
-- consent is taken back by a row that says so. Where decisions differ the most
-- restrictive counts.
CREATE TABLE consent(
  consent_id         TEXT PRIMARY KEY NOT NULL     -- UUIDv7
                     DEFAULT (printf('%08x-%04x-7%.3s-%.1s%.3s-%.12s',
                       cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) >> 16,
                       cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) & 65535,
                       lower(hex(randomblob(2))), substr('89ab', 1 + (random() & 3), 1),
                       lower(hex(randomblob(2))), lower(hex(randomblob(6))))),
  person_id          TEXT NOT NULL,                -- -> person
  purpose            TEXT NOT NULL                 -- what for
                     CHECK(purpose IN ('treatment', 'registry_dual_enrolment',
                                       'peer_attendance', 'reintegration',
                                       'research', 'court_report',
                                       'prison_admin')),
  data_class         TEXT NOT NULL                 -- which data
                     CHECK(data_class IN ('identity', 'enrolment', 'medication',
                                          'clinical', 'peer', 'livelihood',
                                          'sealed')),
  grantee_department TEXT,                         -- who may: as ref_site.department; NULL: any
  grantee_site       TEXT,                         -- -> ref_site: who may; NULL: any
  decision           TEXT NOT NULL                 -- what the person said
                     CHECK(decision IN ('given', 'refused', 'withdrawn')),
  valid_from         TEXT NOT NULL DEFAULT '@today' -- first day
                     CHECK(date(valid_from, '+0 days') IS valid_from),
  valid_to           TEXT,                         -- last day; NULL: until taken back
  evidence           TEXT NOT NULL                 -- how the person said it
                     CHECK(evidence IN ('signature', 'thumbprint',
                                        'witnessed_oral', 'otp', 'court_order')),
  witness            TEXT,                         -- who was there
  form_version       TEXT,                         -- of the form that was read out
  origin_site        TEXT NOT NULL DEFAULT '@site', -- -> ref_site: where the row was written
  recorded_at        TEXT NOT NULL                 -- when the row was written
                     DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  recorded_by        TEXT NOT NULL                 -- who wrote it
) STRICT;
CREATE INDEX consent_person ON consent(person_id, purpose);

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (23, 'consent', 'event', 12, 'person:person_id', NULL);
INSERT INTO sync_column(table_id, column_id, name, class_id, policy) VALUES
  (23,  1, 'consent_id',         12, 'key'),
  (23,  2, 'person_id',          12, 'fixed'),
  (23,  3, 'purpose',            12, 'fixed'),
  (23,  4, 'data_class',         12, 'fixed'),
  (23,  5, 'grantee_department', 12, 'fixed'),
  (23,  6, 'grantee_site',       12, 'fixed'),
  (23,  7, 'decision',           12, 'fixed'),
  (23,  8, 'valid_from',         12, 'fixed'),
  (23,  9, 'valid_to',           12, 'fixed'),
  (23, 10, 'evidence',           12, 'fixed'),
  (23, 11, 'witness',            12, 'fixed'),
  (23, 12, 'form_version',       12, 'fixed'),
  (23, 13, 'origin_site',        12, 'origin'),
  (23, 14, 'recorded_at',        12, 'fixed'),
  (23, 15, 'recorded_by',        12, 'fixed');

-- That a person may be in danger from others: an informant, a threat. Read by
-- named clinicians alone. Sealed one day; local until then (0002), and then an
-- `event` of the scope of its person.
CREATE TABLE safety_flag(
  flag_id       TEXT PRIMARY KEY NOT NULL          -- UUIDv7
                DEFAULT (printf('%08x-%04x-7%.3s-%.1s%.3s-%.12s',
                  cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) >> 16,
                  cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) & 65535,
                  lower(hex(randomblob(2))), substr('89ab', 1 + (random() & 3), 1),
                  lower(hex(randomblob(2))), lower(hex(randomblob(6))))),
  person_id     TEXT NOT NULL,                     -- -> person
  kind          TEXT NOT NULL,                     -- to be sealed: -> ref_code (system safety_flag)
  note          TEXT,                              -- to be sealed: what is known
  raised_on     TEXT NOT NULL DEFAULT '@today'     -- the day
                CHECK(date(raised_on, '+0 days') IS raised_on),
  supersedes_id TEXT,                              -- -> safety_flag: the row this one corrects or lifts
  origin_site   TEXT NOT NULL DEFAULT '@site',     -- -> ref_site: where the row was written
  recorded_at   TEXT NOT NULL                      -- when the row was written
                DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  recorded_by   TEXT NOT NULL                      -- who wrote it
) STRICT;
CREATE INDEX safety_flag_person ON safety_flag(person_id);

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (25, 'safety_flag', 'local', NULL, NULL, NULL);

-- Staff, volunteers, inmate peers and mentors. The home site alone writes the
-- row; who moves gets a new row there, and the old one is `left`. That a peer is
-- under care too is an overlay: NULL to whoever may not read it.
CREATE TABLE worker(
  worker_id     TEXT PRIMARY KEY NOT NULL          -- UUIDv7
                DEFAULT (printf('%08x-%04x-7%.3s-%.1s%.3s-%.12s',
                  cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) >> 16,
                  cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) & 65535,
                  lower(hex(randomblob(2))), substr('89ab', 1 + (random() & 3), 1),
                  lower(hex(randomblob(2))), lower(hex(randomblob(6))))),
  kind          TEXT NOT NULL                      -- what the worker does
                CHECK(kind IN ('prescriber', 'nurse_pharmacist', 'counsellor',
                               'case_manager', 'peer_volunteer', 'inmate_peer',
                               'certified_peer', 'mentor', 'trainer', 'officer')),
  display_name  TEXT NOT NULL,                     -- as the worker wants to be called
  organisation  TEXT,                              -- who sends the worker
  home_site     TEXT NOT NULL DEFAULT '@site',     -- -> ref_site: owns the row
  district_code TEXT,                              -- where the worker works: -> ref_code (system district)
  phone         TEXT,                              -- at work
  person_id     TEXT,                              -- peer_link: -> person, where the worker is under care too
  status        TEXT NOT NULL DEFAULT 'active'     -- whether the worker works
                CHECK(status IN ('active', 'paused', 'left')),
  max_caseload  INTEGER,                           -- of a mentor; NULL: the parameter mentor_max_caseload
  origin_site   TEXT NOT NULL DEFAULT '@site',     -- -> ref_site: where the row was first written
  recorded_at   TEXT NOT NULL                      -- when the row was first written
                DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  recorded_by   TEXT                               -- who first wrote it
) STRICT;
CREATE INDEX worker_home ON worker(home_site);

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (24, 'worker', 'record', 14, 'district-of:home_site', 'home_site');
INSERT INTO sync_column(table_id, column_id, name, class_id, policy) VALUES
  (24,  1, 'worker_id',     14, 'key'),
  (24,  2, 'kind',          14, 'owner'),
  (24,  3, 'display_name',  14, 'owner'),
  (24,  4, 'organisation',  14, 'owner'),
  (24,  5, 'home_site',     14, 'fixed'),
  (24,  6, 'district_code', 14, 'owner'),
  (24,  7, 'phone',         14, 'owner'),
  (24,  8, 'person_id',     15, 'owner'),
  (24,  9, 'status',        14, 'owner'),
  (24, 10, 'max_caseload',  14, 'owner'),
  (24, 11, 'origin_site',   14, 'origin'),
  (24, 12, 'recorded_at',   14, 'fixed'),
  (24, 13, 'recorded_by',   14, 'fixed');

-- Links that count.
CREATE VIEW v_link_live AS
SELECT l.*
  FROM person_link l
 WHERE l.decision = 'same'
   AND NOT EXISTS (SELECT 1 FROM person_link s WHERE s.supersedes_id = l.link_id);
