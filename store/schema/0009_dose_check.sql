-- 0009: what a dispensing desk asks before it hands over an opioid agonist:
--
--   SELECT answer, reasons FROM v_dose_check WHERE person_id = ?
--
-- No row: nobody is known here by that id. Any answer but 'ok' means: not before
-- somebody has looked; `reasons` says at what. Everything is read from the rows
-- as they are, of all records that are linked as one person, whether or not the
-- node has looked at them yet.
--
-- How to read this file
--   Each view takes what the one below it found and adds to it. DISTINCT makes
--   SQLite compute a view's columns once, however often the next names them; it
--   still hands `person_id = ?` down. CROSS JOIN is SQLite's word for "in this
--   order". `records`, `critical`, `sites` and `why` are JSON arrays, written as
--   text and read with json_each(): every other JSON function is refused in a view
--   where the schema is not trusted (SQLite 3.40).

-- --------------------------------------------------------- what may be dosed --

-- Doses of agonists that were handed over and not reversed. Of an item that is
-- not known here it is assumed to be one. What was brought back covers until the
-- day before. covered_until is NULL where a day is none that SQLite knows.
CREATE VIEW v_dose_supply AS
SELECT d.person_id, d.dose_id, d.site_id, d.service_date, d.occurred_at,
       min(d.covered_until,
           coalesce((SELECT date(min(r.service_date), '-1 day') FROM dose_event r
                      WHERE r.returns_id = d.dose_id AND r.kind = 'returned'
                        AND NOT EXISTS (SELECT 1 FROM dose_event x
                                         WHERE x.reverses_id = r.dose_id)),
                    '9999')) AS covered_until
  FROM v_dose d
 WHERE coalesce(d.opioid_agonist, 1) = 1;

-- Agonist treatments that have not ended, of records that count.
CREATE VIEW v_dose_treatment AS
SELECT e.*
  FROM enrolment e
 WHERE e.status IN ('active', 'on_hold')
   AND e.programme IN ('OOAT', 'OST', 'detox')
   AND NOT EXISTS (SELECT 1 FROM person p
                    WHERE p.person_id = e.person_id
                      AND p.record_status = 'entered_in_error');

-- Orders of agonists in force today, of records that count; only with a
-- treatment that is active. A last day that is no day is past.
CREATE VIEW v_dose_order AS
SELECT o.person_id, o.order_id, o.item_code, o.daily_dose_mcg, o.site_id, e.programme,
       CASE o.mode WHEN 'observed' THEN 0 ELSE o.max_take_home_days END AS take_home_days,
       i.strength_mcg, i.unit
  FROM treatment_order o
 CROSS JOIN enrolment e ON e.enrolment_id = o.enrolment_id AND e.status = 'active'
  LEFT JOIN ref_item i ON i.item_code = o.item_code
 WHERE o.status = 'active'
   AND o.valid_from <= '@today'
   AND (o.valid_to IS NULL OR date(o.valid_to) >= '@today')
   AND coalesce(i.opioid_agonist, 1) = 1
   AND NOT EXISTS (SELECT 1 FROM person p
                    WHERE p.person_id = o.person_id
                      AND p.record_status = 'entered_in_error');

-- Referrals by which a site may dose.
CREATE VIEW v_dose_referral AS
SELECT r.*
  FROM referral r
 WHERE r.kind IN ('transfer_of_care', 'guest_dosing', 'prison_release',
                  'prison_admission');

-- ------------------------------------------------------------- who is asked for --

-- A person, with every record that is linked to it, the smallest id first.
CREATE VIEW v_dose_person AS
SELECT DISTINCT
       p.person_id, p.beneficiary_no, p.record_status,
       '@site' AS here, '@today' AS today,
       (WITH RECURSIVE one(id) AS (
          SELECT p.person_id
          UNION
          SELECT CASE l.person_a WHEN o.id THEN l.person_b ELSE l.person_a END
            FROM one o
           CROSS JOIN v_link_live l ON l.person_a = o.id OR l.person_b = o.id)
        SELECT '[' || group_concat('"' || replace(replace(id, '\', '\\'), '"', '\"') || '"') || ']'
          FROM (SELECT id FROM one ORDER BY id)) AS records
  FROM person p;

-- What is known of them.
CREATE VIEW v_dose_fact AS
SELECT DISTINCT g.*,
       (SELECT d.dose_id
          FROM json_each(g.records) k
         CROSS JOIN v_dose_supply d ON d.person_id = k.value
         ORDER BY d.service_date DESC, d.occurred_at DESC, d.dose_id DESC
         LIMIT 1) AS last_dose,
       (SELECT CASE WHEN count(*) = count(d.covered_until) THEN max(d.covered_until)
                    ELSE '9999-12-31' END          -- a day that is none: who knows
          FROM json_each(g.records) k
         CROSS JOIN v_dose_supply d ON d.person_id = k.value
        HAVING count(*) > 0) AS covered_until,
       (SELECT min(o.daily_dose_mcg)
          FROM json_each(g.records) k
         CROSS JOIN v_dose_order o ON o.person_id = k.value) AS dose_ceiling_mcg,
       (SELECT o.daily_dose_mcg * 1.0 / o.strength_mcg
          FROM json_each(g.records) k
         CROSS JOIN v_dose_order o ON o.person_id = k.value
         ORDER BY o.daily_dose_mcg, o.order_id LIMIT 1) AS dose_ceiling_units,
       (SELECT o.unit
          FROM json_each(g.records) k
         CROSS JOIN v_dose_order o ON o.person_id = k.value
         ORDER BY o.daily_dose_mcg, o.order_id LIMIT 1) AS unit,
       (SELECT group_concat(item_code)
          FROM (SELECT DISTINCT o.item_code
                  FROM json_each(g.records) k
                 CROSS JOIN v_dose_order o ON o.person_id = k.value
                 ORDER BY o.item_code)) AS item_codes,
       (SELECT min(o.programme)
          FROM json_each(g.records) k
         CROSS JOIN v_dose_order o ON o.person_id = k.value) AS programme,
       (SELECT count(DISTINCT o.item_code || ' ' || o.daily_dose_mcg || ' ' || o.site_id)
          FROM json_each(g.records) k
         CROSS JOIN v_dose_order o ON o.person_id = k.value) AS orders,
       (SELECT min(o.take_home_days)
          FROM json_each(g.records) k
         CROSS JOIN v_dose_order o ON o.person_id = k.value) AS take_home_days,
       (SELECT group_concat(owner_site)
          FROM (SELECT DISTINCT e.owner_site
                  FROM json_each(g.records) k
                 CROSS JOIN v_dose_treatment e ON e.person_id = k.value
                 ORDER BY e.owner_site)) AS owner_sites,
       (SELECT min(e.status)                       -- active goes before on_hold
          FROM json_each(g.records) k
         CROSS JOIN v_dose_treatment e ON e.person_id = k.value) AS treatment,
       (SELECT group_concat(site_id)
          FROM (SELECT DISTINCT i.site_id
                  FROM json_each(g.records) k
                 CROSS JOIN v_custody_live i ON i.person_id = k.value
                 WHERE i.inward
                   AND NOT EXISTS (SELECT 1 FROM json_each(g.records) m
                                    CROSS JOIN v_custody_live o ON o.person_id = m.value
                                    WHERE o.site_id = i.site_id AND NOT o.inward
                                      AND (o.occurred_at, o.custody_id)
                                          > (i.occurred_at, i.custody_id))
                 ORDER BY i.site_id)) AS prison_now,
       CASE WHEN EXISTS (SELECT 1 FROM json_each(g.records) k
                          CROSS JOIN person p ON p.person_id = k.value
                          WHERE p.vital_status = 'dead' AND p.record_status = 'active')
            THEN 'dead'
            WHEN EXISTS (SELECT 1 FROM json_each(g.records) k
                          CROSS JOIN person p ON p.person_id = k.value
                          WHERE p.vital_status <> 'alive' AND p.record_status = 'active')
              OR EXISTS (SELECT 1 FROM json_each(g.records) k
                          CROSS JOIN enrolment e ON e.person_id = k.value
                          WHERE e.status = 'died')
              OR EXISTS (SELECT 1 FROM json_each(g.records) k
                          CROSS JOIN v_custody_live c ON c.person_id = k.value
                          WHERE c.kind = 'died')
            THEN 'reported_dead' ELSE 'alive' END AS vital_status,
       EXISTS (SELECT 1 FROM json_each(g.records) k
                CROSS JOIN v_dose_treatment e ON e.person_id = k.value
                WHERE e.owner_site = g.here
                  AND NOT EXISTS (SELECT 1 FROM v_dose_referral r -- handed over since
                                   WHERE r.enrolment_id = e.enrolment_id
                                     AND r.kind = 'transfer_of_care'
                                     AND r.offered_epoch = e.owner_epoch
                                     AND r.sender_status = 'offered'
                                     AND r.receiver_status <> 'declined'
                                     AND r.due_on < g.today))
         OR EXISTS (SELECT 1 FROM json_each(g.records) k
                     CROSS JOIN v_dose_referral r ON r.person_id = k.value
                     WHERE r.to_site = g.here AND r.sender_status = 'offered'
                       AND r.receiver_status IN ('accepted', 'attended')
                       AND r.offered_on <= g.today
                       AND (r.valid_to IS NULL OR date(r.valid_to) >= g.today))
         AS invited,                               -- owner, or sent here; custody is looked at later
       (SELECT count(*) FROM json_each(g.records) k
         WHERE NOT EXISTS (SELECT 1 FROM person p WHERE p.person_id = k.value))
         AS records_missing,
       (SELECT '[' || coalesce(group_concat('"' || v.rule || '"'), '') || ']'
          FROM (SELECT b.breach_id FROM json_each(g.records) k
                 CROSS JOIN sync_breach b ON b.person_a = k.value
                UNION
                SELECT b.breach_id FROM json_each(g.records) k
                 CROSS JOIN sync_breach b ON b.person_b = k.value) AS i
         CROSS JOIN v_breach v ON v.breach_id = i.breach_id
         WHERE v.severity = 'critical' AND v.status IN ('open', 'acknowledged'))
         AS critical
  FROM v_dose_person g;

-- What follows from that, and how much of it may be missing.
--   missed_days   days without a dose or supply since the last; NULL: never dosed
--   fit           the last assessment since then: 1 fit to go on, 0 not, NULL none
--   missed_limit  from how many missed days on an assessment is wanted (rule 09)
--   needed        the day through which every site concerned must be complete.
--                 By the parameter dose_check_days_behind; without one, the day
--                 before yesterday, which is as near as a site can be known
--   sites         of which a dose may be missing: those that treat, sent or were
--                 sent the person, hold it or dosed it, each until the last day it
--                 may have done so
CREATE VIEW v_dose_judged AS
SELECT DISTINCT f.*,
       (SELECT d.service_date FROM dose_event d WHERE d.dose_id = f.last_dose) AS last_dose_on,
       (SELECT d.site_id FROM dose_event d WHERE d.dose_id = f.last_dose) AS last_site,
       max(CAST(julianday(f.today) - julianday(f.covered_until) AS INTEGER) - 1, 0)
         AS missed_days,
       (SELECT a.dose_clearance
          FROM json_each(f.records) k
         CROSS JOIN assessment a ON a.person_id = k.value
         WHERE a.dose_clearance IS NOT NULL
           AND a.performed_on > coalesce(f.covered_until, '') AND a.performed_on <= f.today
           AND NOT EXISTS (SELECT 1 FROM assessment n WHERE n.supersedes_id = a.assessment_id)
         ORDER BY a.performed_on DESC, a.recorded_at DESC, a.dose_clearance LIMIT 1) AS fit,
       (SELECT p.value_num FROM v_param p
         WHERE p.key = 'missed_days_reassess'
           AND f.today BETWEEN p.valid_from AND p.valid_to
           AND (p.scope_kind = 'all' OR p.scope_value =
                CASE p.scope_kind WHEN 'site' THEN f.here
                                  WHEN 'item' THEN f.item_codes
                                  WHEN 'programme' THEN f.programme
                                  WHEN 'district' THEN
                                    (SELECT s.district_code FROM ref_site s
                                      WHERE s.site_id = f.here) END)
         ORDER BY instr('site item programme district all', p.scope_kind),
                  p.valid_from DESC
         LIMIT 1) AS missed_limit,
       coalesce(date(f.today, '-' || max(CAST(coalesce(
         (SELECT p.value_num FROM v_param p
           WHERE p.key = 'dose_check_days_behind'
             AND f.today BETWEEN p.valid_from AND p.valid_to
             AND (p.scope_kind = 'all' OR p.scope_value =
                  CASE p.scope_kind WHEN 'site' THEN f.here
                                    WHEN 'item' THEN f.item_codes
                                    WHEN 'programme' THEN f.programme
                                    WHEN 'district' THEN
                                      (SELECT s.district_code FROM ref_site s
                                        WHERE s.site_id = f.here) END)
           ORDER BY instr('site item programme district all', p.scope_kind),
                    p.valid_from DESC
           LIMIT 1), 2) AS INTEGER), 0) || ' days'), f.today) AS needed,
       (SELECT '[' || group_concat(                -- of each: the site, until, through
                 '[' || '"' || replace(replace(site_id, '\', '\\'), '"', '\"') || '"' || ','
                 || '"' || replace(replace(until, '\', '\\'), '"', '\"') || '"' || ','
                 || coalesce('"' || (SELECT max(c.complete_through) FROM v_node_complete c
                                      WHERE c.site_id = one.site_id) || '"', 'null')
                 || ']') || ']'
          FROM (SELECT site_id, max(until) AS until
                  FROM (SELECT f.here AS site_id, '9999' AS until
                        UNION ALL
                        SELECT e.owner_site,
                               CASE WHEN e.status IN ('transferred', 'completed', 'died',
                                                      'dropped_out', 'ceased')
                                    THEN coalesce(date(e.ended_on), '9999')
                                    ELSE '9999' END
                          FROM json_each(f.records) k
                         CROSS JOIN enrolment e ON e.person_id = k.value
                         WHERE e.programme IN ('OOAT', 'OST', 'detox')
                           AND e.status <> 'entered_in_error'
                        UNION ALL
                        SELECT r.from_site,
                               CASE WHEN r.receiver_status IN ('attended', 'closed')
                                    THEN coalesce(date(r.receiver_on), '9999')
                                    ELSE '9999' END
                          FROM json_each(f.records) k
                         CROSS JOIN v_dose_referral r ON r.person_id = k.value
                        UNION ALL
                        SELECT r.to_site,
                               CASE WHEN r.receiver_status IN ('declined', 'closed')
                                      OR (r.receiver_status = 'attended'
                                          AND r.kind <> 'guest_dosing')
                                    THEN coalesce(date(r.receiver_on), '9999')
                                    ELSE coalesce(date(r.valid_to), '9999') END
                          FROM json_each(f.records) k
                         CROSS JOIN v_dose_referral r ON r.person_id = k.value
                        UNION ALL
                        SELECT c.site_id,
                               CASE WHEN c.inward AND instr(',' || f.prison_now || ',',
                                                            ',' || c.site_id || ',')
                                    THEN '9999' ELSE substr(c.occurred_at, 1, 10) END
                          FROM json_each(f.records) k
                         CROSS JOIN v_custody_live c ON c.person_id = k.value
                        UNION ALL
                        SELECT d.site_id, max(d.service_date)
                          FROM json_each(f.records) k
                         CROSS JOIN dose_event d ON d.person_id = k.value
                         GROUP BY d.site_id)
                 GROUP BY site_id ORDER BY site_id) AS one) AS sites
  FROM v_dose_fact f;

-- What of it is missing: whose doses, and whether the rules have looked.
CREATE VIEW v_dose_known AS
SELECT DISTINCT j.*,
       coalesce(instr(',' || j.prison_now || ',', ',' || j.here || ',') > 0, 0) AS held_here,
       (SELECT CASE WHEN count(*) = count(through.value) THEN min(through.value) END
          FROM json_each(j.sites) s
         CROSS JOIN json_each(s.value) through ON through.key = 2) AS data_through,
       (SELECT group_concat(site.value)
          FROM json_each(j.sites) s
         CROSS JOIN json_each(s.value) site ON site.key = 0
         CROSS JOIN json_each(s.value) until ON until.key = 1
         CROSS JOIN json_each(s.value) through ON through.key = 2
          LEFT JOIN ref_site t ON t.site_id = site.value
         WHERE site.value <> j.here
           AND coalesce(date(t.valid_to), '9999') >= j.needed -- one that has closed says nothing more
           AND coalesce(through.value, '') < min(until.value, j.needed)) AS sites_behind,
       EXISTS (SELECT 1 FROM json_each(j.records) k
                CROSS JOIN sync_touched t ON t.about = 'person' AND t.id = k.value)
         OR EXISTS (SELECT 1 FROM sync_touched t
                     WHERE t.about = 'everyone'
                       AND t.id < (SELECT max(value) FROM json_each(j.records)))
         OR EXISTS (SELECT 1 FROM sync_touched t
                     WHERE t.about IN ('person_link', 'ref_item', 'ref_site',
                                       'ref_parameter')) AS unjudged,
       (SELECT count(*)
          FROM (SELECT 20 AS table_id, k.value AS row_key FROM json_each(j.records) k
                UNION ALL
                SELECT 30, e.enrolment_id FROM json_each(j.records) k
                 CROSS JOIN enrolment e ON e.person_id = k.value
                UNION ALL
                SELECT 31, o.order_id FROM json_each(j.records) k
                 CROSS JOIN treatment_order o ON o.person_id = k.value
                UNION ALL
                SELECT 33, r.referral_id FROM json_each(j.records) k
                 CROSS JOIN referral r ON r.person_id = k.value) AS i
         CROSS JOIN sync_review v ON v.table_id = i.table_id AND v.row_key = i.row_key)
         AS open_reviews,
       (SELECT strftime('%Y-%m-%dT%H:%M:%fZ', p.synced_ms / 1000.0, 'unixepoch')
          FROM sync_self s CROSS JOIN sync_peer p ON p.node = s.parent) AS in_step_at,
       (SELECT group_concat(title, ', ')           -- a dose is what rule 15 waits for
          FROM (SELECT DISTINCT r.rule, r.title
                  FROM json_each(j.critical) c
                 CROSS JOIN v_rule r ON r.rule = c.value
                 WHERE r.rule <> '15' ORDER BY r.rule)) AS alerts
  FROM v_dose_judged j;

-- -------------------------------------------------------------- the answer ----

-- Every reason against a dose, the first the most pressing: of each its answer
-- and a sentence.
CREATE VIEW v_dose_reason AS
SELECT DISTINCT k.*,
       (SELECT '[' || coalesce(group_concat(
                 '["' || answer || '",' || '"' || replace(replace(says, '\', '\\'), '"', '\"') || '"' || ']'), '') || ']'
          FROM (SELECT 'wrong_record' AS answer,
                       'this record was entered in error: find the right one' AS says
                 WHERE k.record_status <> 'active'
                UNION ALL
                SELECT 'dead', 'recorded as dead: find out who stands here'
                 WHERE k.vital_status = 'dead'
                UNION ALL
                SELECT 'already_dosed', 'dosed on ' || k.last_dose_on || ' at ' || k.last_site
                 WHERE k.last_dose_on >= k.today
                UNION ALL
                SELECT 'covered', 'what was handed over lasts until ' || k.covered_until
                 WHERE k.covered_until >= k.today
                   AND (k.last_dose_on < k.today OR k.covered_until > k.last_dose_on)
                UNION ALL
                SELECT 'in_custody', 'held in ' || k.prison_now || ': ring there'
                 WHERE k.prison_now IS NOT NULL AND k.prison_now <> k.here
                UNION ALL
                SELECT 'two_owners', 'treated by ' || k.owner_sites || ': agree who treats'
                 WHERE instr(k.owner_sites, ',') > 0
                UNION ALL
                SELECT 'not_treated', 'no agonist treatment is open'
                 WHERE k.treatment IS NULL
                UNION ALL
                SELECT 'on_hold', 'the treatment is on hold'
                 WHERE k.treatment = 'on_hold'
                UNION ALL
                SELECT 'no_order', 'no order is in force'
                 WHERE k.orders = 0
                UNION ALL
                SELECT 'two_orders', 'orders differ: until that is settled no more than '
                       || k.dose_ceiling_mcg || ' mcg'
                 WHERE k.orders > 1
                UNION ALL
                SELECT 'not_here', 'this site neither treats, receives nor holds the person: '
                       || coalesce('ring ' || k.owner_sites, 'nobody does')
                 WHERE NOT k.invited AND NOT k.held_here
                UNION ALL
                SELECT 'reassess', CASE k.fit WHEN 0 THEN 'assessed as not fit for a dose'
                       ELSE k.missed_days || ' days were missed: assess first' END
                 WHERE k.fit = 0 OR (k.missed_days >= k.missed_limit AND k.fit IS NULL)
                UNION ALL
                SELECT 'alert', 'alerts are open: ' || k.alerts
                 WHERE k.alerts IS NOT NULL
                UNION ALL
                SELECT 'review', k.open_reviews || ' values wait for a person to look'
                 WHERE k.open_reviews > 0
                UNION ALL
                SELECT 'incomplete', k.records_missing || ' linked records are not here: '
                       || 'ask headquarters'
                 WHERE k.records_missing > 0
                UNION ALL
                SELECT 'incomplete', 'not all is here of ' || k.sites_behind || ': ring there'
                 WHERE k.sites_behind IS NOT NULL
                UNION ALL
                SELECT 'incomplete', 'this file has never been in step with its parent'
                 WHERE k.in_step_at IS NULL
                   AND EXISTS (SELECT 1 FROM sync_self WHERE parent IS NOT NULL)
                UNION ALL
                SELECT 'incomplete', 'the rules have not looked at what came last: '
                       || 'ask again in a moment'
                 WHERE k.unjudged
                UNION ALL
                SELECT 'observed_only', 'reported dead: nothing to take home, tell the hub'
                 WHERE k.vital_status = 'reported_dead')) AS why
  FROM v_dose_known k;

-- One row a person.
CREATE VIEW v_dose_check AS
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
         AS reasons,                               -- sentences; empty: none
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
