-- 0005: peer support: groups and their meetings, courses, credentials and
-- mentors.

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
  lead_worker       TEXT,                          -- -> worker: the volunteer who led, where agreed to be named
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
CREATE INDEX peer_session_lead ON peer_session(lead_worker)
  WHERE lead_worker IS NOT NULL;
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

-- A person came to a meeting and agreed to be named. Written only where a
-- consent of purpose `peer_attendance` is given; a rule finds those without.
CREATE TABLE session_attendance(
  attendance_id TEXT PRIMARY KEY NOT NULL          -- UUIDv7
                DEFAULT (printf('%08x-%04x-7%.3s-%.1s%.3s-%.12s',
                  cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) >> 16,
                  cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) & 65535,
                  lower(hex(randomblob(2))), substr('89ab', 1 + (random() & 3), 1),
                  lower(hex(randomblob(2))), lower(hex(randomblob(6))))),
  session_id    TEXT NOT NULL,                     -- -> peer_session
  person_id     TEXT NOT NULL,                     -- -> person
  consent_id    TEXT NOT NULL,                     -- -> consent
  reverses_id   TEXT,                              -- -> session_attendance: the row this one undoes
  origin_site   TEXT NOT NULL DEFAULT '@site',     -- -> ref_site: where the row was written
  recorded_at   TEXT NOT NULL                      -- when the row was written
                DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  recorded_by   TEXT                               -- who wrote it
) STRICT;
CREATE INDEX attendance_person ON session_attendance(person_id);
CREATE INDEX attendance_session ON session_attendance(session_id);
CREATE INDEX attendance_reversal ON session_attendance(reverses_id)
  WHERE reverses_id IS NOT NULL;

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (42, 'session_attendance', 'event', 13, 'person:person_id', NULL);
INSERT INTO sync_column(table_id, column_id, name, class_id, policy) VALUES
  (42,  1, 'attendance_id', 13, 'key'),
  (42,  2, 'session_id',    13, 'fixed'),
  (42,  3, 'person_id',     13, 'fixed'),
  (42,  4, 'consent_id',    13, 'fixed'),
  (42,  5, 'reverses_id',   13, 'fixed'),
  (42,  6, 'origin_site',   13, 'origin'),
  (42,  7, 'recorded_at',   13, 'fixed'),
  (42,  8, 'recorded_by',   13, 'fixed');

-- One course of one worker, or of one person under care. Never changed; corrected
-- by a row that supersedes it.
CREATE TABLE training_record(
  training_id       TEXT PRIMARY KEY NOT NULL      -- UUIDv7
                    DEFAULT (printf('%08x-%04x-7%.3s-%.1s%.3s-%.12s',
                      cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) >> 16,
                      cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) & 65535,
                      lower(hex(randomblob(2))), substr('89ab', 1 + (random() & 3), 1),
                      lower(hex(randomblob(2))), lower(hex(randomblob(6))))),
  worker_id         TEXT,                          -- -> worker; or
  person_id         TEXT,                          -- -> person
  course_id         TEXT NOT NULL,                 -- -> ref_course
  cohort            TEXT,                          -- the group that took it together
  sessions_held     INTEGER NOT NULL,              -- how many there were
  sessions_attended INTEGER NOT NULL,              -- of them attended
  practical         TEXT                           -- the practical test
                    CHECK(practical IN ('pass', 'fail', 'not_taken')),
  completed_on      TEXT,                          -- the day it was over; NULL: it is not
  assessor          TEXT,                          -- who judged
  supersedes_id     TEXT,                          -- -> training_record: the row this one corrects
  origin_site       TEXT NOT NULL DEFAULT '@site', -- -> ref_site: where the row was written
  recorded_at       TEXT NOT NULL                  -- when the row was written
                    DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  recorded_by       TEXT,                          -- who wrote it
  CHECK(sessions_attended BETWEEN 0 AND sessions_held),
  CHECK((worker_id IS NULL) <> (person_id IS NULL))
) STRICT;
CREATE INDEX training_worker ON training_record(worker_id)
  WHERE worker_id IS NOT NULL;
CREATE INDEX training_superseded ON training_record(supersedes_id)
  WHERE supersedes_id IS NOT NULL;

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (43, 'training_record', 'event', 18, 'district-of:origin_site', NULL);
INSERT INTO sync_column(table_id, column_id, name, class_id, policy) VALUES
  (43,  1, 'training_id',       18, 'key'),
  (43,  2, 'worker_id',         18, 'fixed'),
  (43,  3, 'person_id',         18, 'fixed'),
  (43,  4, 'course_id',         18, 'fixed'),
  (43,  5, 'cohort',            18, 'fixed'),
  (43,  6, 'sessions_held',     18, 'fixed'),
  (43,  7, 'sessions_attended', 18, 'fixed'),
  (43,  8, 'practical',         18, 'fixed'),
  (43,  9, 'completed_on',      18, 'fixed'),
  (43, 10, 'assessor',          18, 'fixed'),
  (43, 11, 'supersedes_id',     18, 'fixed'),
  (43, 12, 'origin_site',       18, 'origin'),
  (43, 13, 'recorded_at',       18, 'fixed'),
  (43, 14, 'recorded_by',       18, 'fixed');

-- A certificate of a worker, a clearance for one facility, a background check.
-- The site that issues it alone writes the row; it goes to the district of the
-- worker. That expires_on follows issued_on is a rule over two columns: no
-- CHECK.
CREATE TABLE worker_credential(
  credential_id    TEXT PRIMARY KEY NOT NULL       -- UUIDv7
                   DEFAULT (printf('%08x-%04x-7%.3s-%.1s%.3s-%.12s',
                     cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) >> 16,
                     cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) & 65535,
                     lower(hex(randomblob(2))), substr('89ab', 1 + (random() & 3), 1),
                     lower(hex(randomblob(2))), lower(hex(randomblob(6))))),
  worker_id        TEXT NOT NULL,                  -- -> worker
  kind             TEXT NOT NULL                   -- what it allows
                   CHECK(kind IN ('peer_cert', 'mentor_cert',
                                  'facility_clearance', 'background_check',
                                  'supervision')),
  scope_site       TEXT,                           -- -> ref_site: the facility of a clearance; NULL: everywhere
  home_site        TEXT NOT NULL DEFAULT '@site',  -- -> ref_site: the worker's, as worker.home_site
  issuer           TEXT NOT NULL,                  -- the office that decides
  issuer_site      TEXT NOT NULL DEFAULT '@site',  -- -> ref_site: owns the row
  training_id      TEXT,                           -- -> training_record it rests on
  supervised_hours REAL,                           -- hours under supervision so far
  issued_on        TEXT,                           -- first day
  expires_on       TEXT,                           -- last day; NULL: none
  status           TEXT NOT NULL                   -- only `active` allows anything
                   CHECK(status IN ('applied', 'active', 'expired', 'suspended',
                                    'refused', 'revoked')),
  reason_code      TEXT,                           -- -> ref_code (system credential_reason)
  decided_on       TEXT,                           -- the day of the decision
  origin_site      TEXT NOT NULL DEFAULT '@site',  -- -> ref_site: where the row was first written
  recorded_at      TEXT NOT NULL                   -- when the row was first written
                   DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  recorded_by      TEXT                            -- who first wrote it
) STRICT;
CREATE INDEX credential_worker ON worker_credential(worker_id, kind);

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (44, 'worker_credential', 'record', 14, 'district-of:home_site', 'issuer_site');
INSERT INTO sync_column(table_id, column_id, name, class_id, policy, group_name) VALUES
  (44,  1, 'credential_id',    14, 'key', NULL),
  (44,  2, 'worker_id',        14, 'fixed', NULL),
  (44,  3, 'kind',             14, 'fixed', NULL),
  (44,  4, 'scope_site',       14, 'fixed', NULL),
  (44,  5, 'home_site',        14, 'fixed', NULL),
  (44,  6, 'issuer',           14, 'owner', NULL),
  (44,  7, 'issuer_site',      14, 'fixed', NULL),
  (44,  8, 'training_id',      14, 'owner', NULL),
  (44,  9, 'supervised_hours', 14, 'owner', NULL),
  (44, 10, 'issued_on',        14, 'owner', 'decision'),
  (44, 11, 'expires_on',       14, 'owner', 'decision'),
  (44, 12, 'status',           14, 'owner', 'decision'),
  (44, 13, 'reason_code',      14, 'owner', 'decision'),
  (44, 14, 'decided_on',       14, 'owner', 'decision'),
  (44, 15, 'origin_site',      14, 'origin', NULL),
  (44, 16, 'recorded_at',      14, 'fixed', NULL),
  (44, 17, 'recorded_by',      14, 'fixed', NULL);

-- A mentor for a person, matched by the case manager's site.
CREATE TABLE mentor_assignment(
  assignment_id          TEXT PRIMARY KEY NOT NULL -- UUIDv7
                         DEFAULT (printf('%08x-%04x-7%.3s-%.1s%.3s-%.12s',
                           cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) >> 16,
                           cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) & 65535,
                           lower(hex(randomblob(2))), substr('89ab', 1 + (random() & 3), 1),
                           lower(hex(randomblob(2))), lower(hex(randomblob(6))))),
  worker_id              TEXT NOT NULL,            -- -> worker
  person_id              TEXT NOT NULL,            -- -> person
  site_id                TEXT NOT NULL DEFAULT '@site', -- -> ref_site: where it was matched; owns the row
  district_code          TEXT,                     -- where they meet: -> ref_code (system district)
  started_on             TEXT NOT NULL DEFAULT '@today' -- first day
                         CHECK(date(started_on, '+0 days') IS started_on),
  status                 TEXT NOT NULL             -- how it stands
                         CHECK(status IN ('proposed', 'active', 'ended',
                                          'entered_in_error')),
  ended_on               TEXT,                     -- last day, once ended
  end_reason             TEXT,                     -- -> ref_code (system end_reason)
  contact_goal_per_month INTEGER,                  -- how often they mean to meet
  origin_site            TEXT NOT NULL DEFAULT '@site', -- -> ref_site: where the row was first written
  recorded_at            TEXT NOT NULL             -- when the row was first written
                         DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  recorded_by            TEXT                      -- who first wrote it
) STRICT;
CREATE INDEX mentor_worker ON mentor_assignment(worker_id, status);
CREATE INDEX mentor_person ON mentor_assignment(person_id);

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (45, 'mentor_assignment', 'record', 5, 'person:person_id', 'site_id');
INSERT INTO sync_column(table_id, column_id, name, class_id, policy, group_name) VALUES
  (45,  1, 'assignment_id',          5, 'key', NULL),
  (45,  2, 'worker_id',              5, 'fixed', NULL),
  (45,  3, 'person_id',              5, 'fixed', NULL),
  (45,  4, 'site_id',                5, 'fixed', NULL),
  (45,  5, 'district_code',          5, 'owner', NULL),
  (45,  6, 'started_on',             5, 'fixed', NULL),
  (45,  7, 'status',                 5, 'owner', 'course'),
  (45,  8, 'ended_on',               5, 'owner', 'course'),
  (45,  9, 'end_reason',             5, 'owner', 'course'),
  (45, 10, 'contact_goal_per_month', 5, 'owner', NULL),
  (45, 11, 'origin_site',            5, 'origin', NULL),
  (45, 12, 'recorded_at',            5, 'fixed', NULL),
  (45, 13, 'recorded_by',            5, 'fixed', NULL);
