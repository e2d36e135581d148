-- 0006: the way back: courses, work, schooling and housing, and the contacts of
-- the years after.

-- A course, work, schooling, housing or benefit found for a person, from plan to
-- end. Written by the office that found it.
CREATE TABLE placement(
  placement_id     TEXT PRIMARY KEY NOT NULL       -- UUIDv7
                   DEFAULT (printf('%08x-%04x-7%.3s-%.1s%.3s-%.12s',
                     cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) >> 16,
                     cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) & 65535,
                     lower(hex(randomblob(2))), substr('89ab', 1 + (random() & 3), 1),
                     lower(hex(randomblob(2))), lower(hex(randomblob(6))))),
  person_id        TEXT NOT NULL,                  -- -> person
  enrolment_id     TEXT,                           -- -> enrolment
  kind             TEXT NOT NULL                   -- what was found
                   CHECK(kind IN ('orientation', 'skill_course', 'apprenticeship',
                                  'internship', 'job', 'self_employment',
                                  'education', 'housing', 'benefit')),
  department       TEXT NOT NULL,                  -- who found it: as ref_site.department
  owner_site       TEXT NOT NULL DEFAULT '@site',  -- -> ref_site: owns the row
  course_id        TEXT,                           -- -> ref_course
  provider         TEXT,                           -- school, employer or landlord
  sector_code      TEXT,                           -- -> ref_code (system sector)
  matches_training INTEGER                         -- 1: the work is in the trade that was learned
                   CHECK(matches_training IN (0, 1)),
  training_id      TEXT,                           -- -> training_record of that trade
  status           TEXT NOT NULL                   -- how it stands
                   CHECK(status IN ('planned', 'started', 'completed',
                                    'left_early', 'placed', 'retained_3m',
                                    'retained_6m', 'ended', 'entered_in_error')),
  started_on       TEXT,                           -- first day
  status_on        TEXT,                           -- since when it stands so
  ended_on         TEXT,                           -- last day
  certificate_no   TEXT,                           -- of a course that was passed
  origin_site      TEXT NOT NULL DEFAULT '@site',  -- -> ref_site: where the row was first written
  recorded_at      TEXT NOT NULL                   -- when the row was first written
                   DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  recorded_by      TEXT                            -- who first wrote it
) STRICT;
CREATE INDEX placement_person ON placement(person_id);

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (80, 'placement', 'record', 17, 'person:person_id', 'owner_site');
INSERT INTO sync_column(table_id, column_id, name, class_id, policy, group_name) VALUES
  (80,  1, 'placement_id',     17, 'key', NULL),
  (80,  2, 'person_id',        17, 'fixed', NULL),
  (80,  3, 'enrolment_id',     17, 'fixed', NULL),
  (80,  4, 'kind',             17, 'fixed', NULL),
  (80,  5, 'department',       17, 'fixed', NULL),
  (80,  6, 'owner_site',       17, 'fixed', NULL),
  (80,  7, 'course_id',        17, 'owner', NULL),
  (80,  8, 'provider',         17, 'owner', NULL),
  (80,  9, 'sector_code',      17, 'owner', NULL),
  (80, 10, 'matches_training', 17, 'owner', NULL),
  (80, 11, 'training_id',      17, 'owner', NULL),
  (80, 12, 'status',           17, 'owner', 'course'),
  (80, 13, 'started_on',       17, 'owner', 'course'),
  (80, 14, 'status_on',        17, 'owner', 'course'),
  (80, 15, 'ended_on',         17, 'owner', 'course'),
  (80, 16, 'certificate_no',   17, 'owner', NULL),
  (80, 17, 'origin_site',      17, 'origin', NULL),
  (80, 18, 'recorded_at',      17, 'fixed', NULL),
  (80, 19, 'recorded_by',      17, 'fixed', NULL);

-- A contact that was due, in years of aftercare, and what came of it. Never
-- changed; corrected by a row that supersedes it. Use is an overlay of class
-- `clinical`, an arrest one of class `custody`: NULL to whoever may not read
-- them.
CREATE TABLE followup(
  followup_id   TEXT PRIMARY KEY NOT NULL          -- UUIDv7
                DEFAULT (printf('%08x-%04x-7%.3s-%.1s%.3s-%.12s',
                  cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) >> 16,
                  cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) & 65535,
                  lower(hex(randomblob(2))), substr('89ab', 1 + (random() & 3), 1),
                  lower(hex(randomblob(2))), lower(hex(randomblob(6))))),
  person_id     TEXT NOT NULL,                     -- -> person
  enrolment_id  TEXT,                              -- -> enrolment
  due_on        TEXT NOT NULL                      -- the day it was due
                CHECK(date(due_on, '+0 days') IS due_on),
  done_on       TEXT,                              -- the day it was tried
  channel       TEXT                               -- how
                CHECK(channel IN ('visit', 'phone', 'clinic', 'peer', 'prison',
                                  'none')),
  result        TEXT NOT NULL                      -- what came of it
                CHECK(result IN ('contacted', 'not_found', 'moved', 'refused',
                                 'in_custody', 'died', 'missed')),
  use_30d       TEXT                               -- clinical: use in the last 30 days
                CHECK(use_30d IN ('none', 'some', 'daily', 'unknown')),
  employed      INTEGER                            -- 1 yes, 0 no, NULL not asked
                CHECK(employed IN (0, 1)),
  in_education  INTEGER                            -- the same
                CHECK(in_education IN (0, 1)),
  housed        INTEGER                            -- the same
                CHECK(housed IN (0, 1)),
  rearrest      INTEGER                            -- custody: arrested again; the same
                CHECK(rearrest IN (0, 1)),
  next_due_on   TEXT,                              -- when the next contact is due
  supersedes_id TEXT,                              -- -> followup: the row this one corrects
  department    TEXT NOT NULL,                     -- whose task it was: as ref_site.department
  origin_site   TEXT NOT NULL DEFAULT '@site',     -- -> ref_site: where the row was written
  recorded_at   TEXT NOT NULL                      -- when the row was written
                DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  recorded_by   TEXT                               -- who wrote it
) STRICT;
CREATE INDEX followup_person ON followup(person_id, due_on);
CREATE INDEX followup_enrolment ON followup(enrolment_id)
  WHERE enrolment_id IS NOT NULL;
CREATE INDEX followup_superseded ON followup(supersedes_id)
  WHERE supersedes_id IS NOT NULL;

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (81, 'followup', 'event', 5, 'person:person_id', NULL);
INSERT INTO sync_column(table_id, column_id, name, class_id, policy) VALUES
  (81,  1, 'followup_id',   5, 'key'),
  (81,  2, 'person_id',     5, 'fixed'),
  (81,  3, 'enrolment_id',  5, 'fixed'),
  (81,  4, 'due_on',        5, 'fixed'),
  (81,  5, 'done_on',       5, 'fixed'),
  (81,  6, 'channel',       5, 'fixed'),
  (81,  7, 'result',        5, 'fixed'),
  (81,  8, 'use_30d',       11, 'fixed'),
  (81,  9, 'employed',      5, 'fixed'),
  (81, 10, 'in_education',  5, 'fixed'),
  (81, 11, 'housed',        5, 'fixed'),
  (81, 12, 'rearrest',      7, 'fixed'),
  (81, 13, 'next_due_on',   5, 'fixed'),
  (81, 14, 'supersedes_id', 5, 'fixed'),
  (81, 15, 'department',    5, 'fixed'),
  (81, 16, 'origin_site',   5, 'origin'),
  (81, 17, 'recorded_at',   5, 'fixed'),
  (81, 18, 'recorded_by',   5, 'fixed');
