-- 0004: care: programmes, assessments, prescriptions and doses, stock, referrals
-- from site to site, and custody.

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

-- A screening, a scale, a urine test, or a look at a person before a dose:
-- ASSIST, COWS, AUDIT, PHQ-9, TOP. Never changed; corrected by a row that
-- supersedes it.
CREATE TABLE assessment(
  assessment_id      TEXT PRIMARY KEY NOT NULL     -- UUIDv7
                     DEFAULT (printf('%08x-%04x-7%.3s-%.1s%.3s-%.12s',
                       cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) >> 16,
                       cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) & 65535,
                       lower(hex(randomblob(2))), substr('89ab', 1 + (random() & 3), 1),
                       lower(hex(randomblob(2))), lower(hex(randomblob(6))))),
  person_id          TEXT NOT NULL,                -- -> person
  enrolment_id       TEXT,                         -- -> enrolment
  instrument         TEXT NOT NULL,                -- -> ref_code (system instrument): ASSIST, COWS
  instrument_version TEXT,                         -- as printed on the form
  performed_on       TEXT NOT NULL DEFAULT '@today' -- the day
                     CHECK(date(performed_on, '+0 days') IS performed_on),
  site_id            TEXT NOT NULL DEFAULT '@site', -- -> ref_site: where
  total_score        REAL,                         -- what it came to
  band               TEXT,                         -- -> ref_code (system band): low, moderate, high
  items              TEXT,                         -- the answers, as a JSON object
  dose_clearance     INTEGER                       -- 1: fit to go on dosing after missed days, 0: not
                     CHECK(dose_clearance IN (0, 1)),
  supersedes_id      TEXT,                         -- -> assessment: the row this one corrects
  origin_site        TEXT NOT NULL DEFAULT '@site', -- -> ref_site: where the row was written
  recorded_at        TEXT NOT NULL                 -- when the row was written
                     DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  recorded_by        TEXT NOT NULL                 -- who wrote it
) STRICT;
CREATE INDEX assessment_person ON assessment(person_id, performed_on);
CREATE INDEX assessment_superseded ON assessment(supersedes_id)
  WHERE supersedes_id IS NOT NULL;

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (34, 'assessment', 'event', 11, 'person:person_id', NULL);
INSERT INTO sync_column(table_id, column_id, name, class_id, policy) VALUES
  (34,  1, 'assessment_id',      11, 'key'),
  (34,  2, 'person_id',          11, 'fixed'),
  (34,  3, 'enrolment_id',       11, 'fixed'),
  (34,  4, 'instrument',         11, 'fixed'),
  (34,  5, 'instrument_version', 11, 'fixed'),
  (34,  6, 'performed_on',       11, 'fixed'),
  (34,  7, 'site_id',            11, 'fixed'),
  (34,  8, 'total_score',        11, 'fixed'),
  (34,  9, 'band',               11, 'fixed'),
  (34, 10, 'items',              11, 'fixed'),
  (34, 11, 'dose_clearance',     11, 'fixed'),
  (34, 12, 'supersedes_id',      11, 'fixed'),
  (34, 13, 'origin_site',        11, 'origin'),
  (34, 14, 'recorded_at',        11, 'fixed'),
  (34, 15, 'recorded_by',        11, 'fixed');

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
CREATE INDEX treatment_order_person ON treatment_order(person_id, item_code, valid_from);
CREATE INDEX treatment_order_superseded ON treatment_order(supersedes_id)
  WHERE supersedes_id IS NOT NULL;

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
  returns_id   TEXT,                               -- -> dose_event: the take-home of which a `returned` brings back the rest
  CHECK((kind = 'reversal') = (reverses_id IS NOT NULL))
) STRICT;
CREATE INDEX dose_person_day ON dose_event(person_id, service_date, site_id);
CREATE INDEX dose_site_day ON dose_event(site_id, service_date);
CREATE INDEX dose_reversal ON dose_event(reverses_id) WHERE reverses_id IS NOT NULL;
CREATE INDEX dose_returned ON dose_event(returns_id) WHERE returns_id IS NOT NULL;

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
  (32, 22, 'recorded_at',  6, 'fixed'),
  (32, 23, 'returns_id',   6, 'fixed');

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

-- The ledger of medicines, kits and literature. What goes to a person is a row
-- of dose_event and not one here. Never changed; an error is undone by the
-- opposite row. A `count` is what somebody saw on the shelf.
CREATE TABLE stock_event(
  stock_id          TEXT PRIMARY KEY NOT NULL      -- UUIDv7
                    DEFAULT (printf('%08x-%04x-7%.3s-%.1s%.3s-%.12s',
                      cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) >> 16,
                      cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) & 65535,
                      lower(hex(randomblob(2))), substr('89ab', 1 + (random() & 3), 1),
                      lower(hex(randomblob(2))), lower(hex(randomblob(6))))),
  site_id           TEXT NOT NULL DEFAULT '@site', -- -> ref_site: whose shelf
  item_code         TEXT NOT NULL,                 -- -> ref_item
  batch_no          TEXT,                          -- batch on the box
  kind              TEXT NOT NULL                  -- what happened
                    CHECK(kind IN ('receipt', 'transfer_in', 'transfer_out',
                                   'issued', 'returned', 'wastage', 'loss_theft',
                                   'count', 'printed')),
  qty               INTEGER NOT NULL               -- in the unit of the item
                    CHECK(qty >= 0),
  counterparty_site TEXT,                          -- -> ref_site: the other end of a transfer
  shipment_ref      TEXT,                          -- on the papers of a transfer, the same at both ends
  occurred_on       TEXT NOT NULL DEFAULT '@today' -- the day; a count is taken at its end
                    CHECK(date(occurred_on, '+0 days') IS occurred_on),
  counted_by        TEXT NOT NULL,                 -- who counted
  witnessed_by      TEXT,                          -- the second pair of eyes
  note              TEXT,                          -- anything else
  origin_site       TEXT NOT NULL DEFAULT '@site', -- -> ref_site: where the row was written
  recorded_at       TEXT NOT NULL                  -- when the row was written
                    DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;
CREATE INDEX stock_site_item ON stock_event(site_id, item_code, occurred_on);
CREATE INDEX stock_shipment ON stock_event(shipment_ref)
  WHERE shipment_ref IS NOT NULL;

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (35, 'stock_event', 'event', 16, 'district-of:site_id', NULL);
INSERT INTO sync_column(table_id, column_id, name, class_id, policy) VALUES
  (35,  1, 'stock_id',          16, 'key'),
  (35,  2, 'site_id',           16, 'fixed'),
  (35,  3, 'item_code',         16, 'fixed'),
  (35,  4, 'batch_no',          16, 'fixed'),
  (35,  5, 'kind',              16, 'fixed'),
  (35,  6, 'qty',               16, 'fixed'),
  (35,  7, 'counterparty_site', 16, 'fixed'),
  (35,  8, 'shipment_ref',      16, 'fixed'),
  (35,  9, 'occurred_on',       16, 'fixed'),
  (35, 10, 'counted_by',        16, 'fixed'),
  (35, 11, 'witnessed_by',      16, 'fixed'),
  (35, 12, 'note',              16, 'fixed'),
  (35, 13, 'origin_site',       16, 'origin'),
  (35, 14, 'recorded_at',       16, 'fixed');

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
CREATE INDEX custody_reversal ON custody_event(reverses_id)
  WHERE reverses_id IS NOT NULL;

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

-- ------------------------------------------------- sealed one day, now local --

-- What was said in counselling. Read by its author and named clinicians. Sealed
-- one day; local until then (0002), and then an `event` of the scope of its
-- person.
CREATE TABLE counselling_note(
  note_id       TEXT PRIMARY KEY NOT NULL          -- UUIDv7
                DEFAULT (printf('%08x-%04x-7%.3s-%.1s%.3s-%.12s',
                  cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) >> 16,
                  cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) & 65535,
                  lower(hex(randomblob(2))), substr('89ab', 1 + (random() & 3), 1),
                  lower(hex(randomblob(2))), lower(hex(randomblob(6))))),
  person_id     TEXT NOT NULL,                     -- -> person
  enrolment_id  TEXT,                              -- -> enrolment
  kind          TEXT NOT NULL                      -- what sort
                CHECK(kind IN ('counselling', 'peer', 'court_privileged')),
  held_on       TEXT NOT NULL DEFAULT '@today'     -- the day of the talk
                CHECK(date(held_on, '+0 days') IS held_on),
  note          TEXT NOT NULL,                     -- to be sealed
  supersedes_id TEXT,                              -- -> counselling_note: the row this one corrects
  origin_site   TEXT NOT NULL DEFAULT '@site',     -- -> ref_site: where the row was written
  recorded_at   TEXT NOT NULL                      -- when the row was written
                DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  recorded_by   TEXT NOT NULL                      -- who wrote it
) STRICT;
CREATE INDEX counselling_note_person ON counselling_note(person_id, held_on);

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (36, 'counselling_note', 'local', NULL, NULL, NULL);

-- A blood test for HIV or hepatitis. Read by the treating provider. That a test
-- was made may be counted; what it found is sealed one day, and the table local
-- until then (0002).
CREATE TABLE bbv_result(
  result_id     TEXT PRIMARY KEY NOT NULL          -- UUIDv7
                DEFAULT (printf('%08x-%04x-7%.3s-%.1s%.3s-%.12s',
                  cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) >> 16,
                  cast((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) & 65535,
                  lower(hex(randomblob(2))), substr('89ab', 1 + (random() & 3), 1),
                  lower(hex(randomblob(2))), lower(hex(randomblob(6))))),
  person_id     TEXT NOT NULL,                     -- -> person
  enrolment_id  TEXT,                              -- -> enrolment
  taken_on      TEXT NOT NULL DEFAULT '@today'     -- the day of the sample
                CHECK(date(taken_on, '+0 days') IS taken_on),
  test          TEXT NOT NULL                      -- to be sealed: for what
                CHECK(test IN ('HIV', 'HCV', 'HBV')),
  result        TEXT                               -- to be sealed: what it found
                CHECK(result IN ('negative', 'positive', 'indeterminate')),
  supersedes_id TEXT,                              -- -> bbv_result: the row this one corrects
  origin_site   TEXT NOT NULL DEFAULT '@site',     -- -> ref_site: where the row was written
  recorded_at   TEXT NOT NULL                      -- when the row was written
                DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  recorded_by   TEXT NOT NULL                      -- who wrote it
) STRICT;
CREATE INDEX bbv_result_person ON bbv_result(person_id, taken_on);

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (37, 'bbv_result', 'local', NULL, NULL, NULL);
