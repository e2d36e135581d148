-- 0012: what a node says of rows that others do not hold, in rows of its own:
-- alerts carried to the sites they concern, and registry cards.
--
-- A node that holds the rows of several districts finds breaches that none of the
-- sites concerned can see, because each holds its own side. It writes them down
-- for these sites (store/carry.c; docs/decisions/0016-carried-alerts.md). Rows of
-- this kind are computed: nothing in them is worth correcting by hand, and what
-- the node finds next is what they say next.

-- ------------------------------------------------------------ carried alerts --

-- A breach of a rule (0008), told to one of the sites it names by the lowest node
-- above all sites concerned. It says what v_breach says there: ids, days, sites,
-- and one sentence for people. One row for each breach, site and node that tells.
CREATE TABLE breach_carried(
  breach_id    TEXT NOT NULL,                      -- the rule and the rows: as v_breach has it
  to_site      TEXT NOT NULL,                      -- -> ref_site: whom it is told
  carrier_site TEXT NOT NULL DEFAULT '@site',      -- -> ref_site: whose node found it
  rule         TEXT NOT NULL,                      -- -> v_rule
  kind         TEXT NOT NULL                       -- what it is about
               CHECK(kind IN ('person', 'worker', 'site')),
  about        TEXT,                               -- the worker or the site; of persons: person_a, person_b
  day          TEXT NOT NULL,                      -- the day judged
  since        TEXT NOT NULL,                      -- a breach since
  site_a       TEXT,                               -- -> ref_site: the sites named
  site_b       TEXT,
  person_a     TEXT,                               -- -> person: the persons named
  person_b     TEXT,
  row_a        TEXT NOT NULL,                      -- keys of the rows
  row_b        TEXT,
  says         TEXT,                               -- the facts, for people; NULL to who may not read them
  provisional  INTEGER NOT NULL                    -- 1: a row that is missing may still come
               CHECK(provisional IN (0, 1)),
  ended        INTEGER NOT NULL                    -- 1: it was put right, and is a breach no more
               CHECK(ended IN (0, 1)),
  act          TEXT,                               -- what was done, as v_breach has it; NULL: nothing
  act_site     TEXT,                               -- -> ref_site: where
  act_at       TEXT,                               -- when
  act_by       TEXT,                               -- by whom
  act_note     TEXT,                               -- what was found
  origin_site  TEXT NOT NULL DEFAULT '@site',      -- -> ref_site: where the row was first written
  recorded_at  TEXT NOT NULL                       -- when the row was first written
               DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  CHECK(carrier_site = origin_site),
  PRIMARY KEY(breach_id, to_site, carrier_site)
) STRICT;
CREATE INDEX breach_carried_person ON breach_carried(person_a) WHERE person_a IS NOT NULL;
CREATE INDEX breach_carried_other ON breach_carried(person_b) WHERE person_b IS NOT NULL;
CREATE INDEX breach_carried_about ON breach_carried(about) WHERE about IS NOT NULL;

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (86, 'breach_carried', 'record', 19, 'site:to_site', 'origin_site');
INSERT INTO sync_column(table_id, column_id, name, class_id, policy) VALUES
  (86,  1, 'breach_id',    19, 'key'),
  (86,  2, 'to_site',      19, 'key'),
  (86,  3, 'carrier_site', 19, 'key'),
  (86,  4, 'rule',         19, 'owner'),
  (86,  5, 'kind',         19, 'owner'),
  (86,  6, 'about',        19, 'owner'),
  (86,  7, 'day',          19, 'owner'),
  (86,  8, 'since',        19, 'owner'),
  (86,  9, 'site_a',       19, 'owner'),
  (86, 10, 'site_b',       19, 'owner'),
  (86, 11, 'person_a',     19, 'owner'),
  (86, 12, 'person_b',     19, 'owner'),
  (86, 13, 'row_a',        19, 'owner'),
  (86, 14, 'row_b',        19, 'owner'),
  (86, 15, 'says',         10, 'owner'),
  (86, 16, 'provisional',  19, 'owner'),
  (86, 17, 'ended',        19, 'owner'),
  (86, 18, 'act',          19, 'owner'),
  (86, 19, 'act_site',     19, 'owner'),
  (86, 20, 'act_at',       19, 'owner'),
  (86, 21, 'act_by',       19, 'owner'),
  (86, 22, 'act_note',     19, 'owner'),
  (86, 23, 'origin_site',  19, 'origin'),
  (86, 24, 'recorded_at',  19, 'fixed');

-- --------------------------------------------------------- what the node keeps --

-- Leaves of headquarters that are addressed to one site (store/addressed.h): how
-- many of each are held, and the sum of their hashes.
CREATE TABLE sync_addressed(
  site     TEXT PRIMARY KEY NOT NULL,
  leaves   INTEGER NOT NULL,
  sum      BLOB NOT NULL,
  repeated INTEGER NOT NULL         -- position from which those written before the site had a node stand again; 0: none
) STRICT, WITHOUT ROWID;

-- Whom this node has to look at again for what it says of others (store/tell.h):
-- those the rules have looked at, and those of whom a day changes something.
CREATE TABLE sync_owed(
  what TEXT NOT NULL,               -- carry, card
  kind TEXT NOT NULL,               -- person, worker, site
  id   TEXT NOT NULL,               -- which; of a person, who stands for it
  day  TEXT NOT NULL,               -- not before; empty: now
  PRIMARY KEY(what, kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sync_owed_day ON sync_owed(day);

CREATE VIEW v_owed AS
SELECT what, kind, id, date('@today', '+1 day') AS tomorrow
  FROM sync_owed WHERE day <= '@today';

-- Everybody is looked at anew: what is there already was told to nobody.
INSERT OR IGNORE INTO sync_touched(about, id) VALUES('everyone', '');

-- ---------------------------------------------------------- what is carried ----

-- Sites concerned by a breach: those it names, those linked to the person, and
-- of a worker those where the worker is, was certified or works.
CREATE VIEW v_breach_concern AS
SELECT b.breach_id, b.site_a AS site_id FROM sync_breach b WHERE b.site_a IS NOT NULL
UNION ALL
SELECT b.breach_id, b.site_b FROM sync_breach b WHERE b.site_b IS NOT NULL
UNION ALL
SELECT b.breach_id, s.value FROM sync_breach b CROSS JOIN json_each(b.sites) s
UNION ALL
SELECT b.breach_id, w.home_site
  FROM sync_breach b CROSS JOIN worker w ON w.worker_id = b.about
 WHERE b.kind = 'worker'
UNION ALL
SELECT b.breach_id, m.site_id
  FROM sync_breach b CROSS JOIN mentor_assignment m ON m.worker_id = b.about
 WHERE b.kind = 'worker'
UNION ALL
SELECT b.breach_id, k.origin_site
  FROM sync_breach b CROSS JOIN worker_credential k ON k.worker_id = b.about
 WHERE b.kind = 'worker'
UNION ALL
SELECT b.breach_id, s.site_id
  FROM sync_breach b CROSS JOIN peer_session s ON s.lead_worker = b.about
 WHERE b.kind = 'worker';

-- ------------------------------------------------------- what came, and counts --

-- Alerts that were carried here, or through here to a site below. Only a node
-- that may enrol others is above anybody.
CREATE VIEW v_carried AS
SELECT k.*
  FROM breach_carried k
 WHERE k.ended = 0 AND k.carrier_site <> '@site'
   AND EXISTS (SELECT 1 FROM sync_certificate c
                WHERE c.site = k.carrier_site AND c.may_enrol = 1);

-- They are found as if a rule here had found them. What a rule here finds as well
-- has the same id; the carried one comes last, and so it is what is kept, because
-- whoever tells it sees more.
DROP VIEW v_found_person;
CREATE VIEW v_found_person AS
          SELECT '01' AS rule, * FROM inv_01_two_sites_same_day
UNION ALL SELECT '02', * FROM inv_02_supply_overlap
UNION ALL SELECT '03', * FROM inv_03_take_home_over_limit
UNION ALL SELECT '04', * FROM inv_04_no_or_exceeded_order
UNION ALL SELECT '05', * FROM inv_05_dose_after_death_or_exit
UNION ALL SELECT '06', * FROM inv_06_community_dose_while_in_custody
UNION ALL SELECT '07', * FROM inv_07_two_active_agonist_enrolments
UNION ALL SELECT '08', * FROM inv_08_in_two_prisons
UNION ALL SELECT '09', * FROM inv_09_gap_without_reassessment
UNION ALL SELECT '12', * FROM inv_12_competing_orders
UNION ALL SELECT '15', * FROM inv_15_release_not_picked_up
UNION ALL SELECT '16', * FROM inv_16_used_without_consent
UNION ALL SELECT '17', * FROM inv_17_possible_duplicate
UNION ALL SELECT '18', * FROM inv_18_beneficiary_no_clash
UNION ALL SELECT '19', * FROM inv_19_contradictory_links
UNION ALL SELECT '20', * FROM inv_20_clock_or_presigned
UNION ALL SELECT '21', * FROM inv_21_followup_lapsed
UNION ALL SELECT '22', * FROM inv_22_owner_without_handover
UNION ALL SELECT '23', * FROM inv_23_dose_at_unauthorised_site
UNION ALL SELECT k.rule, c.canon_id, k.day, k.since, k.site_a, k.site_b,
                 k.person_a, k.person_b, k.row_a, k.row_b, coalesce(k.says, '')
            FROM sync_person_canon c
           CROSS JOIN v_carried k ON k.person_a = c.person_id AND k.kind = 'person'
UNION ALL SELECT k.rule, c.canon_id, k.day, k.since, k.site_a, k.site_b,
                 k.person_a, k.person_b, k.row_a, k.row_b, coalesce(k.says, '')
            FROM sync_person_canon c
           CROSS JOIN v_carried k ON k.person_b = c.person_id AND k.kind = 'person';

DROP VIEW v_found_worker;
CREATE VIEW v_found_worker AS
          SELECT '10' AS rule, * FROM inv_10_mentor_over_caseload
UNION ALL SELECT '11', * FROM inv_11_lapsed_credential_in_use
UNION ALL SELECT k.rule, k.about, k.day, k.since, k.site_a, k.site_b, k.person_a,
                 k.person_b, k.row_a, k.row_b, coalesce(k.says, '')
            FROM v_carried k WHERE k.kind = 'worker';

DROP VIEW v_found_site;
CREATE VIEW v_found_site AS
          SELECT '13' AS rule, * FROM inv_13_stock_mismatch
UNION ALL SELECT '14', * FROM inv_14_shipment_lost
UNION ALL SELECT '20', * FROM inv_20_session_presigned
UNION ALL SELECT k.rule, k.about, k.day, k.since, k.site_a, k.site_b, k.person_a,
                 k.person_b, k.row_a, k.row_b, coalesce(k.says, '')
            FROM v_carried k WHERE k.kind = 'site';

-- As in 0008, and: whom a carried alert is about, where it came in; and whose
-- alert an act without a person is about.
DROP VIEW v_touched_next;
CREATE VIEW v_touched_next AS
SELECT t.about AS of_table, t.id AS of_id, 'person' AS about, x.person_id AS id
  FROM sync_touched t CROSS JOIN person_identifier x ON x.identifier_id = t.id
 WHERE t.about = 'person_identifier'
UNION ALL
SELECT t.about, t.id, 'worker', x.worker_id
  FROM sync_touched t CROSS JOIN worker_credential x ON x.credential_id = t.id
 WHERE t.about = 'worker_credential'
UNION ALL
SELECT t.about, t.id, 'worker', x.lead_worker
  FROM sync_touched t CROSS JOIN peer_session x ON x.session_id = t.id
 WHERE t.about = 'peer_session' AND x.lead_worker IS NOT NULL
UNION ALL
SELECT t.about, t.id, 'site', x.site_id
  FROM sync_touched t CROSS JOIN peer_session x ON x.session_id = t.id
 WHERE t.about = 'peer_session'
UNION ALL
SELECT t.about, t.id, 'person', a.person_id
  FROM sync_touched t CROSS JOIN session_attendance a ON a.session_id = t.id
 WHERE t.about = 'peer_session'
UNION ALL
SELECT t.about, t.id, 'site', x.site_id
  FROM sync_touched t CROSS JOIN stock_event x ON x.stock_id = t.id
 WHERE t.about = 'stock_event'
UNION ALL                                          -- what arrived was sent elsewhere
SELECT t.about, t.id, 'site', o.site_id
  FROM sync_touched t CROSS JOIN stock_event x ON x.stock_id = t.id
 CROSS JOIN stock_event o ON o.shipment_ref = x.shipment_ref AND o.kind = 'transfer_out'
 WHERE t.about = 'stock_event' AND x.kind = 'transfer_in'
UNION ALL                                          -- lists that rules read
SELECT t.about, t.id, 'everyone', ''
  FROM sync_touched t
 WHERE t.about IN ('ref_item', 'ref_site', 'ref_parameter')
UNION ALL
SELECT t.about, t.id, 'person', x.person_a
  FROM sync_touched t CROSS JOIN breach_carried x ON x.breach_id = t.id
 WHERE t.about = 'breach_carried' AND x.kind = 'person' AND x.person_a IS NOT NULL
   AND x.carrier_site <> '@site'                   -- its own is no news to a node
UNION ALL
SELECT t.about, t.id, 'person', x.person_b
  FROM sync_touched t CROSS JOIN breach_carried x ON x.breach_id = t.id
 WHERE t.about = 'breach_carried' AND x.kind = 'person' AND x.person_b IS NOT NULL
   AND x.carrier_site <> '@site'
UNION ALL
SELECT t.about, t.id, x.kind, x.about
  FROM sync_touched t CROSS JOIN breach_carried x ON x.breach_id = t.id
 WHERE t.about = 'breach_carried' AND x.kind <> 'person' AND x.about IS NOT NULL
   AND x.carrier_site <> '@site'
UNION ALL
SELECT t.about, t.id, b.kind, b.about
  FROM sync_touched t CROSS JOIN site_breach_act x ON x.act_id = t.id
 CROSS JOIN sync_breach b ON b.breach_id = x.breach_id AND b.kind <> 'person'
 WHERE t.about = 'site_breach_act';

-- What people did about breaches. Of what was done where this file does not see
-- it, a carried alert tells the act that decides.
DROP VIEW v_breach_act;
CREATE VIEW v_breach_act AS
SELECT act_id, breach_id, person_id, NULL AS site_id, act, note, origin_site,
       recorded_at, recorded_by
  FROM breach_act
UNION ALL
SELECT act_id, breach_id, NULL, site_id, act, note, origin_site, recorded_at, recorded_by
  FROM site_breach_act
UNION ALL
SELECT 'carried', breach_id, NULL, NULL, act, act_note, act_site, act_at, act_by
  FROM breach_carried
 WHERE act IS NOT NULL AND carrier_site <> '@site';

-- What is a breach today, as in 0008. Whether a row is missing is known to who
-- holds all sides.
DROP VIEW v_breach;
CREATE VIEW v_breach AS
WITH heard AS MATERIALIZED (SELECT site_id, complete_through FROM v_site_complete)
SELECT b.breach_id,
       b.rule,
       r.severity,
       r.title,
       b.says,                                     -- the facts
       b.day,                                      -- the day judged
       b.since,                                    -- a breach since
       b.site_a, b.site_b, b.person_a, b.person_b, b.row_a, b.row_b,
       r.who,                                      -- who must act
       r.todo,                                     -- and how
       coalesce((SELECT min(k.provisional) FROM v_carried k
                  WHERE k.breach_id = b.breach_id),
                r.waits = 1
         AND EXISTS (SELECT 1
                       FROM (SELECT value AS site_id FROM json_each(b.sites)
                             UNION SELECT b.site_a WHERE b.site_a IS NOT NULL
                             UNION SELECT b.site_b WHERE b.site_b IS NOT NULL) AS s
                       LEFT JOIN heard h ON h.site_id = s.site_id
                      WHERE coalesce(h.complete_through, '') < b.day)) AS provisional,
                                                   -- 1: a row that is missing may still come
       coalesce((SELECT a.act
                   FROM (SELECT act, recorded_at, act_id FROM breach_act
                          WHERE breach_id = b.breach_id
                         UNION ALL
                         SELECT act, recorded_at, act_id FROM site_breach_act
                          WHERE breach_id = b.breach_id
                         UNION ALL
                         SELECT act, act_at, 'carried' FROM breach_carried
                          WHERE breach_id = b.breach_id AND act IS NOT NULL
                            AND carrier_site <> '@site') AS a
                  ORDER BY a.act = 'acknowledged', a.recorded_at DESC, a.act_id DESC LIMIT 1),
                'open') AS status,                 -- open, acknowledged, resolved, not_a_problem
       b.found_at                                  -- when this node first found it
  FROM sync_breach b
  JOIN v_rule r ON r.rule = b.rule
 WHERE b.since <= '@today';

-- ----------------------------------------------------- what is to be carried ----

-- The breaches of today as breach_carried has them, from rule to provisional, for
-- the node that tells of them. Of a longer id there can be no row.
CREATE VIEW v_carry AS
SELECT v.breach_id, v.rule, b.kind,
       CASE b.kind WHEN 'person' THEN NULL ELSE b.about END AS about,
       v.day, v.since, v.site_a, v.site_b, v.person_a, v.person_b, v.row_a, v.row_b,
       v.says, v.provisional
  FROM sync_breach b
 CROSS JOIN v_breach v ON v.breach_id = b.breach_id
 WHERE length(CAST(b.breach_id AS BLOB)) <= 255;

-- What this node has told, up to act_note.
CREATE VIEW v_breach_told AS
SELECT breach_id, to_site, carrier_site, rule, kind, about, day, since, site_a, site_b,
       person_a, person_b, row_a, row_b, says, provisional, ended, act, act_site, act_at,
       act_by, act_note
  FROM breach_carried WHERE carrier_site = '@site';

-- ------------------------------------------------------------ registry cards --

-- The cards of a district as its hub would write them now, for each record with an
-- agonist treatment, whatever became of it; the facts are those of all records
-- that are one person. Ask with `canon_id = ?`.
CREATE VIEW v_card AS
SELECT c.canon_id, c.person_id,
       e.owner_site, e.owner_epoch, e.programme, e.status,
       (SELECT o.item_code
          FROM sync_person_canon k CROSS JOIN v_dose_order o ON o.person_id = k.person_id
         WHERE k.canon_id = c.canon_id
         ORDER BY o.daily_dose_mcg, o.order_id LIMIT 1) AS item_code,
       (SELECT min(o.daily_dose_mcg)
          FROM sync_person_canon k CROSS JOIN v_dose_order o ON o.person_id = k.person_id
         WHERE k.canon_id = c.canon_id) AS daily_dose_mcg,
       (SELECT max(d.service_date)
          FROM sync_person_canon k CROSS JOIN v_dose_supply d ON d.person_id = k.person_id
         WHERE k.canon_id = c.canon_id) AS last_dose_on,
       (SELECT max(d.covered_until)
          FROM sync_person_canon k CROSS JOIN v_dose_supply d ON d.person_id = k.person_id
         WHERE k.canon_id = c.canon_id) AS covered_until,
       (SELECT n.site_id FROM v_custody_now n WHERE n.canon_id = c.canon_id
         ORDER BY n.came_at DESC, n.custody_id DESC LIMIT 1) AS held_at_site,
       nullif(c.canon_id, c.person_id) AS merged_into,
       coalesce((SELECT coalesce((SELECT max(n.complete_through) FROM v_node_complete n
                                   WHERE n.site_id = s.site_id), '') AS complete_through
                   FROM v_person_site s
                  WHERE s.canon_id = c.canon_id
                  ORDER BY complete_through LIMIT 1), '') AS data_through,
       CASE WHEN EXISTS (SELECT 1 FROM sync_person_canon k
                          CROSS JOIN person p ON p.person_id = k.person_id
                          WHERE k.canon_id = c.canon_id AND p.vital_status = 'dead'
                            AND p.record_status = 'active')
            THEN 'dead'
            WHEN EXISTS (SELECT 1 FROM sync_person_canon k
                          CROSS JOIN person p ON p.person_id = k.person_id
                          WHERE k.canon_id = c.canon_id AND p.vital_status <> 'alive'
                            AND p.record_status = 'active')
              OR EXISTS (SELECT 1 FROM v_enrolment x
                          WHERE x.canon_id = c.canon_id AND x.status = 'died')
              OR EXISTS (SELECT 1 FROM v_custody x
                          WHERE x.canon_id = c.canon_id AND +x.kind = 'died')
            THEN 'reported_dead' ELSE 'alive' END AS vital_status,
       (SELECT min(day)                            -- when an order begins or ends
          FROM (SELECT CASE WHEN o.valid_from > '@today' THEN o.valid_from
                            ELSE date(o.valid_to, '+1 day') END AS day
                  FROM sync_person_canon k
                 CROSS JOIN treatment_order o ON o.person_id = k.person_id
                 WHERE k.canon_id = c.canon_id AND o.status = 'active')
         WHERE day > '@today') AS again
  FROM sync_person_canon c
 CROSS JOIN enrolment e ON e.enrolment_id =
       (SELECT x.enrolment_id FROM enrolment x
         WHERE x.person_id = c.person_id AND x.programme IN ('OOAT', 'OST', 'detox')
           AND x.status <> 'entered_in_error'
         ORDER BY x.status = 'active' DESC, x.status = 'on_hold' DESC,
                  x.started_on DESC, x.enrolment_id DESC LIMIT 1)
 WHERE NOT EXISTS (SELECT 1 FROM person p
                    WHERE p.person_id = c.person_id
                      AND p.record_status = 'entered_in_error');

-- What this node's cards say.
CREATE VIEW v_card_told AS
SELECT person_id, hub_site, owner_site, owner_epoch, programme, status, item_code,
       daily_dose_mcg, last_dose_on, covered_until, held_at_site, merged_into,
       data_through, origin_site, recorded_at, vital_status
  FROM registry_card WHERE hub_site = '@site';

-- ------------------------------------------------- a dose check with a card ----

-- Cards that count, as a sentence.
CREATE VIEW v_card_says AS
SELECT c.person_id, c.hub_site,
       'the registry card of ' || c.hub_site || ' says: '
         || CASE c.vital_status WHEN 'dead' THEN 'dead, '
                                WHEN 'reported_dead' THEN 'reported dead, ' ELSE '' END
         || c.programme || ' at ' || c.owner_site || ' ' || c.status
         || coalesce(', ' || c.daily_dose_mcg || ' mcg of ' || c.item_code, '')
         || coalesce(', dosed on ' || c.last_dose_on, ', never dosed')
         || coalesce(', covered until ' || c.covered_until, '')
         || coalesce(', held in ' || c.held_at_site, '')
         || CASE c.data_through WHEN '' THEN '' ELSE ' (known through ' || c.data_through || ')' END
         AS says
  FROM registry_card c
 WHERE c.status <> 'entered_in_error';

-- Of who has a card here and no record: what the cards say, and never that a dose
-- may be given.
CREATE VIEW v_dose_card AS
SELECT g.person_id,
       coalesce(g.merged_into, g.person_id) AS canon_id, g.here, g.today,
       CASE WHEN g.dead THEN 'dead'
            WHEN g.last_dose_on >= g.today THEN 'already_dosed'
            WHEN g.covered_until >= g.today THEN 'covered'
            WHEN g.prison_now <> g.here THEN 'in_custody'
            ELSE 'incomplete' END AS answer,
       'only a card is here, and not the record: ring ' || g.owner_sites || '; ' || g.says
         AS reasons,
       g.last_dose_on, g.covered_until, g.dose_ceiling_mcg, g.item_codes, g.prison_now,
       g.owner_sites, g.vital_status, g.data_through
  FROM (SELECT c.person_id, '@site' AS here, '@today' AS today,
               max(c.merged_into) AS merged_into,
               max(c.vital_status = 'dead') AS dead,
               max(c.last_dose_on) AS last_dose_on,
               max(c.covered_until) AS covered_until,
               min(c.daily_dose_mcg) AS dose_ceiling_mcg,
               group_concat(DISTINCT c.item_code) AS item_codes,
               max(c.held_at_site) AS prison_now,
               group_concat(DISTINCT c.owner_site) AS owner_sites,
               CASE WHEN max(c.vital_status = 'dead') THEN 'dead'
                    WHEN max(c.vital_status = 'reported_dead') THEN 'reported_dead'
                    ELSE 'alive' END AS vital_status,
               nullif(min(c.data_through), '') AS data_through,
               group_concat(s.says, '; ') AS says
          FROM registry_card c
         CROSS JOIN v_card_says s ON s.person_id = c.person_id AND s.hub_site = c.hub_site
         GROUP BY c.person_id) AS g
 WHERE NOT EXISTS (SELECT 1 FROM person p WHERE p.person_id = g.person_id);

-- As in 0009, with what cards say of linked records that are not here.
DROP VIEW v_dose_check;
CREATE VIEW v_dose_record AS
SELECT person_id,
       beneficiary_no,
       (SELECT value FROM json_each(r.records) WHERE key = 0) AS canon_id, -- smallest id of all linked records
       (SELECT count(*) FROM json_each(r.records)) AS records, -- how many they are
       here AS site_id,                            -- the site that asks: this file's
       today,                                      -- its business day
       CASE why WHEN '[]' THEN 'ok'
         ELSE coalesce((SELECT a.value FROM json_each(r.why) w
                         CROSS JOIN json_each(w.value) a ON a.key = 0
                         WHERE w.key = 0), 'unknown') END AS answer,
       coalesce((SELECT group_concat(s.value, '; ') FROM json_each(r.why) w
                  CROSS JOIN json_each(w.value) s ON s.key = 1), '')
       || CASE records_missing WHEN 0 THEN '' ELSE
            coalesce((SELECT group_concat('; ' || c.says, '')
                        FROM json_each(r.records) k
                       CROSS JOIN v_card_says c ON c.person_id = k.value
                       WHERE NOT EXISTS (SELECT 1 FROM person p
                                          WHERE p.person_id = k.value)), '')
          END AS reasons,                          -- sentences; empty: none
       last_dose_on,                               -- business day of the last dose, and
       last_site,                                  -- where; NULL: never dosed
       covered_until,                              -- last day of what was handed over
       missed_days,                                -- since then; NULL: never dosed
       dose_ceiling_mcg,                           -- micrograms a day: the smallest order in force
       dose_ceiling_units,                         -- the same in the unit of its medicine
       unit,                                       -- tablet, ml; NULL: not known
       item_codes,                                 -- medicines of the orders
       CASE vital_status WHEN 'alive' THEN take_home_days ELSE 0 END AS take_home_days, -- days the order lets be handed over
       prison_now,                                 -- where the person is held
       owner_sites,                                -- who treats; two are an alarm
       vital_status,                               -- alive, reported_dead, dead
       (SELECT count(*) FROM json_each(r.critical)) AS open_critical, -- critical breaches that nobody resolved
       open_reviews,                               -- values of two sites that wait for a person
       data_through,                               -- all of every site concerned is here through this day; NULL: of one nothing is
       sites_behind,                               -- those of which not enough is here
       in_step_at                                  -- when this file was last in step with its parent
  FROM v_dose_reason r;

-- One row a person: by the record, or else by the card.
CREATE VIEW v_dose_check AS
SELECT * FROM v_dose_record
UNION ALL
SELECT person_id, NULL, canon_id, 1, here, today, answer, reasons, last_dose_on, NULL,
       covered_until, NULL, dose_ceiling_mcg, NULL, NULL, item_codes, 0, prison_now,
       owner_sites, vital_status, 0, 0, data_through, NULL,
       (SELECT strftime('%Y-%m-%dT%H:%M:%fZ', p.synced_ms / 1000.0, 'unixepoch')
          FROM sync_self s CROSS JOIN sync_peer p ON p.node = s.parent)
  FROM v_dose_card;
