-- 0008: what merged data must not show: 23 rules, each a view inv_NN_*, and
-- what was found of them.
--
-- How to read a rule
--   Each gives one row a breach, with the same columns:
--     about               whom it is about: a canonical person, a worker, a site
--     day                 the day judged
--     since               the first day on which it is a breach; may lie ahead
--     site_a, site_b      the sites named, NULL: none
--     person_a, person_b  the persons named, as their rows say; never canonical
--     row_a, row_b        keys of the rows: with the rule they are the breach's id
--     says                the facts, for people; names nobody
--   A rule looks at one person (worker, site) through `about = ?`, and every
--   join goes from there along an index; read whole it looks at everybody.
--   CROSS JOIN is SQLite's word for "in this order", and +column for "by another
--   index": those of a person's rows are short, all of a site or a programme long.
--   What is not yet a breach but will be, if nothing happens, is in it too, so
--   that nothing has to be looked at again because a day has passed.
--   v_breach is the list to read: what is a breach today, how severe, who must
--   act, and what was done about it.

-- ----------------------------------------------------- what the node keeps --

-- Every person of whom a row is held, and who stands for all the rows that are
-- the same human being: the smallest id linked. Computed from person_link.
CREATE TABLE sync_person_canon(
  person_id TEXT PRIMARY KEY NOT NULL,
  canon_id  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sync_person_canon_all ON sync_person_canon(canon_id, person_id);

-- Whom the rules have to look at again (store/judge.h): persons, workers and
-- sites; or rows of a table, by which they are found; or everyone after an id.
CREATE TABLE sync_touched(
  about TEXT NOT NULL,              -- person, worker, site, everyone, or a table's name
  id    TEXT NOT NULL,              -- which; the key of a row
  PRIMARY KEY(about, id)
) STRICT, WITHOUT ROWID;
INSERT INTO sync_touched(about, id) VALUES('everyone', '');

-- What the rules found when they last looked. Computed; v_breach shows it.
CREATE TABLE sync_breach(
  breach_id TEXT PRIMARY KEY NOT NULL, -- the rule and the keys of its rows
  rule      TEXT NOT NULL,
  kind      TEXT NOT NULL,          -- what it is about: person, worker, site
  about     TEXT NOT NULL,
  day       TEXT NOT NULL,
  since     TEXT NOT NULL,
  site_a    TEXT, site_b TEXT,
  person_a  TEXT, person_b TEXT,
  row_a     TEXT NOT NULL, row_b TEXT,
  says      TEXT NOT NULL,
  sites     TEXT NOT NULL,          -- JSON array: sites linked to the person, of whom more may come
  found_at  TEXT NOT NULL,          -- when it was first found here
  found     INTEGER NOT NULL        -- 1: and still is; 2: for the first time
) STRICT;
CREATE INDEX sync_breach_about ON sync_breach(kind, about);
CREATE INDEX sync_breach_person ON sync_breach(person_a);
CREATE INDEX sync_breach_other ON sync_breach(person_b) WHERE person_b IS NOT NULL;
CREATE INDEX sync_breach_gone ON sync_breach(found) WHERE found = 0;

-- ------------------------------------------------------------- the rules ---

-- Their index. Of severities: critical can kill, today; high harms, this week;
-- normal is to be put right. `waits` is 1 where the rule rests on a row that is
-- missing: a breach is provisional until the sites concerned are complete
-- through its day.
CREATE VIEW v_rule(rule, view_name, severity, waits, title, who, todo) AS VALUES
  ('01', 'inv_01_two_sites_same_day', 'critical', 0,
   'two agonist doses on one day at two sites',
   'the prescriber of each site',
   'Ring the other site now. Watch the person for sedation; no further dose today. Find out which card was used.'),
  ('02', 'inv_02_supply_overlap', 'critical', 0,
   'dosed while an earlier take-home supply lasts',
   'the prescriber of the later site',
   'Ask for the tablets back, or record that they were returned (kind returned, returns_id). No take-home until it is clear.'),
  ('03', 'inv_03_take_home_over_limit', 'high', 0,
   'more take-home days than the order in force allows',
   'the site that handed over',
   'Call the person back for the rest, or record the order that allows it (ref_parameter, headquarters).'),
  ('04', 'inv_04_no_or_exceeded_order', 'critical', 1,
   'dosed without an order, or above it',
   'the prescriber of the site',
   'Check dose and order. Write the order that was given by word of mouth, or reverse what was entered wrongly.'),
  ('05', 'inv_05_dose_after_death_or_exit', 'critical', 0,
   'dosed after death, or after the treatment ended',
   'the site and its hub',
   'Find out who took the tablets. Put the date of death or end right if it is wrong.'),
  ('06', 'inv_06_community_dose_while_in_custody', 'critical', 1,
   'dosed at a clinic while in prison',
   'the clinic and the prison',
   'Ask the prison whether the person was out that day. If not, somebody else took the dose.'),
  ('07', 'inv_07_two_active_agonist_enrolments', 'critical', 0,
   'two agonist treatments at once',
   'both owner sites',
   'Agree who treats. The other hands over by a referral and ends its enrolment.'),
  ('08', 'inv_08_in_two_prisons', 'high', 1,
   'in custody at two prisons',
   'both prisons',
   'Enter the transfer or release that is missing.'),
  ('09', 'inv_09_gap_without_reassessment', 'critical', 1,
   'dosed again after missed days, without an assessment',
   'the prescriber of the site',
   'Tolerance is lost: assess before the next dose, and record it (assessment, dose_clearance).'),
  ('10', 'inv_10_mentor_over_caseload', 'normal', 0,
   'a mentor has more people than the limit',
   'the case manager of the mentor''s site',
   'Match some of them with another mentor.'),
  ('11', 'inv_11_lapsed_credential_in_use', 'high', 1,
   'a credential has lapsed and is in use',
   'the issuing office and the site',
   'Renew it, or end the assignment; nobody enters without a clearance.'),
  ('12', 'inv_12_competing_orders', 'critical', 0,
   'two orders in force that differ',
   'both prescribers',
   'Dose no more than the smaller one. Stop one order.'),
  ('13', 'inv_13_stock_mismatch', 'high', 1,
   'a count differs from what the books say',
   'whoever holds the keys, and the hub',
   'Count again with a witness. Enter what was forgotten, or the loss.'),
  ('14', 'inv_14_shipment_lost', 'high', 1,
   'a shipment has not fully arrived after a week',
   'the sending site',
   'Ring the receiver. Enter what arrived, or the loss.'),
  ('15', 'inv_15_release_not_picked_up', 'critical', 1,
   'sent to a site and not arrived there',
   'the receiving site, then the sender',
   'Ring the person today: after release the risk of an overdose is highest.'),
  ('16', 'inv_16_used_without_consent', 'high', 1,
   'named at a meeting without consent',
   'the site of the meeting',
   'Reverse the attendance, or enter the consent that was given.'),
  ('17', 'inv_17_possible_duplicate', 'normal', 0,
   'one number or name key on two people',
   'a registrar of either site',
   'Compare the two; decide that they are the same or different (person_link).'),
  ('18', 'inv_18_beneficiary_no_clash', 'high', 0,
   'one beneficiary number on two people',
   'a registrar of either site',
   'Link them if they are one. If not, one of them gets a new card.'),
  ('19', 'inv_19_contradictory_links', 'high', 0,
   'linked as one person though they were found to be two',
   'whoever decided, and the hub',
   'Look at every link of the group; take back the wrong one (supersedes_id).'),
  ('20', 'inv_20_clock_or_presigned', 'normal', 0,
   'dated after it was written, or written long after its date',
   'the site',
   'Set the clock. Signing ahead is forbidden: find out why.'),
  ('21', 'inv_21_followup_lapsed', 'normal', 1,
   'an aftercare contact is overdue for 30 days',
   'the owner site',
   'Contact the person, or record that it was tried.'),
  ('22', 'inv_22_owner_without_handover', 'high', 1,
   'care changed hands and no offer was accepted',
   'both sites',
   'The new owner accepts the referral; without one, agree who treats.'),
  ('23', 'inv_23_dose_at_unauthorised_site', 'critical', 1,
   'dosed where the person is neither treated, sent to nor held',
   'the site that dosed',
   'Ring the owner site. Ask for a referral for guest doses, or take the person over.');

-- ------------------------------------------------------------ foundations --

-- Who stands for a person. Of one whom the node has not looked at yet: itself.
CREATE VIEW v_person_canon AS
SELECT p.person_id, coalesce(c.canon_id, p.person_id) AS canon_id
  FROM person p
  LEFT JOIN sync_person_canon c USING(person_id);

-- Live doses of opioid agonists, with who stands for the person.
CREATE VIEW v_agonist_dose AS
SELECT c.canon_id, d.*
  FROM sync_person_canon c
 CROSS JOIN v_dose d ON d.person_id = c.person_id
 WHERE d.opioid_agonist = 1;

-- Enrolments that were not entered in error, with who stands for the person.
CREATE VIEW v_enrolment AS
SELECT c.canon_id, e.*
  FROM sync_person_canon c
 CROSS JOIN enrolment e ON e.person_id = c.person_id
 WHERE e.status <> 'entered_in_error';

-- Orders that could be dosed on, and their last day. One that was superseded
-- ends with the first day of the next; one that was stopped should have a
-- valid_to, and counts as open where it has none.
CREATE VIEW v_order_days AS
SELECT o.*,
       coalesce(o.valid_to,
                CASE o.status WHEN 'superseded' THEN
                  (SELECT min(n.valid_from) FROM treatment_order n
                    WHERE n.supersedes_id = o.order_id
                      AND n.status NOT IN ('draft', 'entered_in_error'))
                END,
                '9999-12-31') AS last_day
  FROM treatment_order o
 WHERE o.status IN ('active', 'superseded', 'stopped');

-- The same, with who stands for the person.
CREATE VIEW v_order AS
SELECT c.canon_id, o.*
  FROM sync_person_canon c
 CROSS JOIN v_order_days o ON o.person_id = c.person_id;

-- Custody events that were not undone, and which way they lead.
CREATE VIEW v_custody_live AS
SELECT e.*,
       e.kind IN ('admitted', 'transferred_in', 'parole_in', 'hospital_in') AS inward
  FROM custody_event e
 WHERE e.reverses_id IS NULL
   AND NOT EXISTS (SELECT 1 FROM custody_event r WHERE r.reverses_id = e.custody_id);

-- The same, with who stands for the person.
CREATE VIEW v_custody AS
SELECT c.canon_id, e.*
  FROM sync_person_canon c
 CROSS JOIN v_custody_live e ON e.person_id = c.person_id;

-- Stays in a prison, from the first inward event to the next outward one there.
CREATE VIEW v_stay AS
SELECT i.canon_id, i.person_id, i.custody_id, i.site_id, i.occurred_at AS came_at,
       (SELECT min(o.occurred_at) FROM v_custody o
         WHERE o.canon_id = i.canon_id AND o.site_id = i.site_id AND NOT o.inward
           AND (o.occurred_at, o.custody_id) > (i.occurred_at, i.custody_id)) AS left_at
  FROM v_custody i
 WHERE i.inward
   AND coalesce((SELECT NOT b.inward FROM v_custody b
                  WHERE b.canon_id = i.canon_id AND b.site_id = i.site_id
                    AND (b.occurred_at, b.custody_id) < (i.occurred_at, i.custody_id)
                  ORDER BY b.occurred_at DESC, b.custody_id DESC LIMIT 1), 1);

-- Where a person is held now.
CREATE VIEW v_custody_now AS
SELECT canon_id, person_id, custody_id, site_id, came_at
  FROM v_stay WHERE left_at IS NULL;

-- ------------------------------------------------------ rules about people --

CREATE VIEW inv_01_two_sites_same_day AS
SELECT a.canon_id AS about, a.service_date AS day, a.service_date AS since,
       a.site_id AS site_a, b.site_id AS site_b,
       a.person_id AS person_a, b.person_id AS person_b,
       a.dose_id AS row_a, b.dose_id AS row_b,
       a.amount_mcg || ' mcg at ' || a.site_id || ' and ' || b.amount_mcg
         || ' mcg at ' || b.site_id || ' on ' || a.service_date AS says
  FROM v_agonist_dose a
 CROSS JOIN v_agonist_dose b ON b.canon_id = a.canon_id
                            AND b.service_date = a.service_date
                            AND b.site_id > a.site_id;

-- Days of a supply count from covers_from. What was brought back by the day of
-- the later dose no longer covers.
CREATE VIEW inv_02_supply_overlap AS
SELECT a.canon_id AS about, b.service_date AS day, b.service_date AS since,
       a.site_id AS site_a, b.site_id AS site_b,
       a.person_id AS person_a, b.person_id AS person_b,
       a.dose_id AS row_a, b.dose_id AS row_b,
       a.days_covered || ' days handed over at ' || a.site_id || ' on '
         || a.service_date || ' last until ' || a.covered_until
         || '; dosed again at ' || b.site_id || ' on ' || b.service_date AS says
  FROM v_agonist_dose a
 CROSS JOIN v_agonist_dose b ON b.canon_id = a.canon_id
                            AND b.service_date BETWEEN a.service_date AND a.covered_until
 WHERE a.kind = 'take_home'
   AND (b.service_date, b.occurred_at, b.dose_id) > (a.service_date, a.occurred_at, a.dose_id)
   AND b.covered_from <= a.covered_until
   AND b.covered_until >= a.covered_from
   AND NOT EXISTS (SELECT 1 FROM dose_event r
                    WHERE r.returns_id = a.dose_id AND r.kind = 'returned'
                      AND r.service_date <= b.service_date);

-- The narrowest parameter counts: instr() gives the place of its scope.
CREATE VIEW inv_03_take_home_over_limit AS
SELECT about, day, day AS since, site_a, NULL AS site_b, person_a, NULL AS person_b,
       row_a, NULL AS row_b,
       days_covered || ' days at ' || site_a || ' on ' || day || '; the limit is '
         || CAST(limit_days AS INTEGER) AS says
  FROM (SELECT d.canon_id AS about, d.service_date AS day, d.site_id AS site_a,
               d.person_id AS person_a, d.dose_id AS row_a, d.days_covered,
               (SELECT p.value_num FROM v_param p
                 WHERE p.key = 'take_home_max_days'
                   AND d.service_date BETWEEN p.valid_from AND p.valid_to
                   AND (p.scope_kind = 'all' OR p.scope_value =
                        CASE p.scope_kind
                        WHEN 'site' THEN d.site_id
                        WHEN 'item' THEN d.item_code
                        WHEN 'programme' THEN (SELECT e.programme FROM enrolment e
                                                WHERE e.enrolment_id = d.enrolment_id)
                        WHEN 'district' THEN (SELECT s.district_code FROM ref_site s
                                               WHERE s.site_id = d.site_id) END)
                 ORDER BY instr('site item programme district all', p.scope_kind),
                          p.valid_from DESC
                 LIMIT 1) AS limit_days
          FROM v_agonist_dose d
         WHERE d.kind = 'take_home')
 WHERE days_covered > limit_days;

-- Of the orders that had begun the latest is looked at first: as a rule it is the
-- one in force, and it is enough.
CREATE VIEW inv_04_no_or_exceeded_order AS
SELECT about, day, day AS since, site_a, NULL AS site_b, person_a, NULL AS person_b,
       row_a, NULL AS row_b,
       amount_mcg || ' mcg of ' || item_code || ' at ' || site_a || ' on ' || day
         || CASE WHEN daily_mcg IS NULL THEN '; no order was in force'
                 ELSE '; the order allows ' || daily_mcg * days || ' mcg for '
                      || days || CASE days WHEN 1 THEN ' day' ELSE ' days' END
            END AS says
  FROM (SELECT d.canon_id AS about, d.service_date AS day, d.site_id AS site_a,
               d.person_id AS person_a, d.dose_id AS row_a, d.item_code,
               d.amount_mcg, max(d.days_covered, 1) AS days,
               (SELECT max(o.daily_dose_mcg) FROM v_order o
                 WHERE o.canon_id = d.canon_id AND o.item_code = d.item_code
                   AND d.service_date BETWEEN o.valid_from AND o.last_day) AS daily_mcg
          FROM v_agonist_dose d
         WHERE NOT EXISTS
               (SELECT 1 FROM sync_person_canon k
                 WHERE k.canon_id = d.canon_id
                   AND (SELECT 1 FROM v_order_days o
                         WHERE o.person_id = k.person_id AND o.item_code = d.item_code
                           AND o.valid_from <= d.service_date
                           AND o.last_day >= d.service_date
                           AND o.daily_dose_mcg * max(d.days_covered, 1) >= d.amount_mcg
                         ORDER BY o.valid_from DESC LIMIT 1)));

-- Of a death that was only reported nothing is said here. The day of death is
-- class `identity`: who may not read it finds only doses after the treatment.
CREATE VIEW inv_05_dose_after_death_or_exit AS
SELECT about, day, day AS since, site_a, NULL AS site_b, person_a, NULL AS person_b,
       row_a, NULL AS row_b,
       'dosed at ' || site_a || ' on ' || day
         || CASE WHEN day > died_on THEN '; died on ' || died_on
                 ELSE '; the treatment ended on ' || ended_on END AS says
  FROM (SELECT c.canon_id AS about, d.service_date AS day, d.site_id AS site_a,
               d.person_id AS person_a, d.dose_id AS row_a, e.ended_on,
               (SELECT min(p.death_date) FROM sync_person_canon k
                 CROSS JOIN person p ON p.person_id = k.person_id
                 WHERE k.canon_id = c.canon_id AND p.vital_status = 'dead') AS died_on
          FROM sync_person_canon c
         CROSS JOIN v_dose d ON d.person_id = c.person_id
          LEFT JOIN enrolment e ON e.enrolment_id = d.enrolment_id
                               AND e.status <> 'entered_in_error')
 WHERE day > died_on OR day > ended_on;

CREATE VIEW inv_06_community_dose_while_in_custody AS
SELECT d.canon_id AS about, d.service_date AS day, d.service_date AS since,
       d.site_id AS site_a, t.site_id AS site_b,
       d.person_id AS person_a, t.person_id AS person_b,
       d.dose_id AS row_a, t.custody_id AS row_b,
       'dosed at ' || d.site_id || ' on ' || d.service_date || '; in ' || t.site_id
         || ' since ' || substr(t.came_at, 1, 10) AS says
  FROM v_stay t
 CROSS JOIN v_agonist_dose d ON d.canon_id = t.canon_id
                            AND d.service_date >= date(t.came_at, '-1 day')
                            AND d.occurred_at >= t.came_at
                            AND d.occurred_at < coalesce(t.left_at, '9999')
 CROSS JOIN ref_site s ON s.site_id = d.site_id AND s.kind <> 'prison';

CREATE VIEW inv_07_two_active_agonist_enrolments AS
SELECT a.canon_id AS about,
       max(coalesce(a.started_on, substr(a.recorded_at, 1, 10)),
           coalesce(b.started_on, substr(b.recorded_at, 1, 10))) AS day,
       max(coalesce(a.started_on, substr(a.recorded_at, 1, 10)),
           coalesce(b.started_on, substr(b.recorded_at, 1, 10))) AS since,
       a.owner_site AS site_a, b.owner_site AS site_b,
       a.person_id AS person_a, b.person_id AS person_b,
       a.enrolment_id AS row_a, b.enrolment_id AS row_b,
       a.programme || ' at ' || a.owner_site || ' and ' || b.programme || ' at '
         || b.owner_site AS says
  FROM v_enrolment a
 CROSS JOIN v_enrolment b ON b.canon_id = a.canon_id
                         AND b.enrolment_id > a.enrolment_id
 WHERE a.programme IN ('OOAT', 'OST') AND b.programme IN ('OOAT', 'OST')
   AND a.status IN ('active', 'on_hold') AND b.status IN ('active', 'on_hold');

CREATE VIEW inv_08_in_two_prisons AS
SELECT a.canon_id AS about, substr(max(a.came_at, b.came_at), 1, 10) AS day,
       substr(max(a.came_at, b.came_at), 1, 10) AS since,
       a.site_id AS site_a, b.site_id AS site_b,
       a.person_id AS person_a, b.person_id AS person_b,
       a.custody_id AS row_a, b.custody_id AS row_b,
       'in ' || a.site_id || ' since ' || substr(a.came_at, 1, 10) || ' and in '
         || b.site_id || ' since ' || substr(b.came_at, 1, 10) AS says
  FROM v_custody_now a
 CROSS JOIN v_custody_now b ON b.canon_id = a.canon_id AND b.site_id > a.site_id;

-- Missed days are those between the last day covered and the dose. SQLite takes
-- `about = ?` into the window because it is what the window is parted by.
CREATE VIEW inv_09_gap_without_reassessment AS
SELECT about, day, day AS since, site_a, NULL AS site_b, person_a, NULL AS person_b,
       row_a, NULL AS row_b,
       'dosed at ' || site_a || ' on ' || day || '; ' || missed
         || ' days were missed after ' || covered_until AS says
  FROM (SELECT g.*,
               CAST(julianday(day) - julianday(covered_until) AS INTEGER) - 1 AS missed
          FROM (SELECT d.canon_id AS about, d.service_date AS day, d.site_id AS site_a,
                       d.person_id AS person_a, d.dose_id AS row_a, d.item_code,
                       d.enrolment_id,
                       max(d.covered_until) OVER (
                         PARTITION BY d.canon_id
                         ORDER BY d.service_date, d.occurred_at, d.dose_id
                         ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS covered_until
                  FROM v_agonist_dose d) AS g) AS m
 WHERE CASE WHEN missed >= 1 THEN missed >=
       (SELECT p.value_num FROM v_param p
         WHERE p.key = 'missed_days_reassess'
           AND m.day BETWEEN p.valid_from AND p.valid_to
           AND (p.scope_kind = 'all' OR p.scope_value =
                CASE p.scope_kind
                WHEN 'site' THEN m.site_a
                WHEN 'item' THEN m.item_code
                WHEN 'programme' THEN (SELECT e.programme FROM enrolment e
                                        WHERE e.enrolment_id = m.enrolment_id)
                WHEN 'district' THEN (SELECT s.district_code FROM ref_site s
                                       WHERE s.site_id = m.site_a) END)
         ORDER BY instr('site item programme district all', p.scope_kind),
                  p.valid_from DESC
         LIMIT 1) END
   AND NOT EXISTS (SELECT 1 FROM sync_person_canon k
                    CROSS JOIN assessment a ON a.person_id = k.person_id
                    WHERE k.canon_id = m.about AND a.dose_clearance = 1
                      AND a.performed_on > m.covered_until AND a.performed_on <= m.day
                      AND NOT EXISTS (SELECT 1 FROM assessment n
                                       WHERE n.supersedes_id = a.assessment_id));

CREATE VIEW inv_12_competing_orders AS
SELECT a.canon_id AS about, max(a.valid_from, b.valid_from) AS day,
       max(a.valid_from, b.valid_from) AS since,
       a.site_id AS site_a, b.site_id AS site_b,
       a.person_id AS person_a, b.person_id AS person_b,
       a.order_id AS row_a, b.order_id AS row_b,
       a.daily_dose_mcg || ' mcg of ' || a.item_code || ' by ' || a.site_id || ' and '
         || b.daily_dose_mcg || ' mcg of ' || b.item_code || ' by ' || b.site_id
         || '; until settled no more than ' || min(a.daily_dose_mcg, b.daily_dose_mcg)
         || ' mcg' AS says
  FROM v_order a
 CROSS JOIN v_order b ON b.canon_id = a.canon_id AND b.order_id > a.order_id
 WHERE a.status = 'active' AND b.status = 'active'
   AND a.valid_from <= b.last_day AND b.valid_from <= a.last_day
   AND (a.daily_dose_mcg <> b.daily_dose_mcg OR a.item_code <> b.item_code
        OR a.site_id <> b.site_id);

-- A dose at the receiving site shows as well that the person came.
CREATE VIEW inv_15_release_not_picked_up AS
SELECT about, day, date(day, '+1 day') AS since, site_a, site_b, person_a,
       NULL AS person_b, row_a, NULL AS row_b,
       kind || ' from ' || site_a || ' to ' || site_b || ', due on ' || day AS says
  FROM (SELECT c.canon_id AS about, r.kind,
               coalesce(r.due_on, date(r.offered_on, '+3 days')) AS day,
               r.from_site AS site_a, r.to_site AS site_b,
               r.person_id AS person_a, r.referral_id AS row_a
          FROM sync_person_canon c
         CROSS JOIN referral r ON r.person_id = c.person_id
         WHERE r.kind IN ('prison_release', 'transfer_of_care')
           AND r.sender_status = 'offered'
           AND r.receiver_status IN ('pending', 'accepted')
           AND NOT EXISTS (SELECT 1 FROM sync_person_canon k
                            CROSS JOIN v_dose d ON d.person_id = k.person_id
                            WHERE k.canon_id = c.canon_id AND +d.site_id = r.to_site
                              AND d.service_date >= r.offered_on));

CREATE VIEW inv_16_used_without_consent AS
SELECT about, day, day AS since, site_a, NULL AS site_b, person_a, NULL AS person_b,
       row_a, NULL AS row_b, 'named at a meeting at ' || site_a || ' on ' || day AS says
  FROM (SELECT c.canon_id AS about, a.person_id AS person_a, a.attendance_id AS row_a,
               a.consent_id, coalesce(s.site_id, a.origin_site) AS site_a,
               coalesce(s.held_on, substr(a.recorded_at, 1, 10)) AS day
          FROM sync_person_canon c
         CROSS JOIN session_attendance a ON a.person_id = c.person_id
          LEFT JOIN peer_session s ON s.session_id = a.session_id
         WHERE a.reverses_id IS NULL
           AND NOT EXISTS (SELECT 1 FROM session_attendance r
                            WHERE r.reverses_id = a.attendance_id)) AS named
 WHERE NOT EXISTS (SELECT 1 FROM consent g
                    WHERE g.consent_id = named.consent_id AND g.person_id = person_a
                      AND g.purpose = 'peer_attendance' AND g.decision = 'given'
                      AND day BETWEEN g.valid_from AND coalesce(g.valid_to, '9999')
                      AND NOT EXISTS (SELECT 1 FROM consent w
                                       WHERE w.person_id = g.person_id
                                         AND w.purpose = g.purpose
                                         AND w.decision IN ('withdrawn', 'refused')
                                         AND w.valid_from BETWEEN g.valid_from AND day));

-- Found from either of the two, with the same id.
CREATE VIEW inv_17_possible_duplicate AS
SELECT c.canon_id AS about,
       substr(max(i.recorded_at, j.recorded_at), 1, 10) AS day,
       substr(max(i.recorded_at, j.recorded_at), 1, 10) AS since,
       min(i.origin_site, j.origin_site) AS site_a,
       max(i.origin_site, j.origin_site) AS site_b,
       min(i.person_id, j.person_id) AS person_a,
       max(i.person_id, j.person_id) AS person_b,
       min(i.identifier_id, j.identifier_id) AS row_a,
       max(i.identifier_id, j.identifier_id) AS row_b,
       'the same ' || i.kind || ' on two records' AS says
  FROM sync_person_canon c
 CROSS JOIN person_identifier i ON i.person_id = c.person_id
 CROSS JOIN person_identifier j ON j.kind = i.kind AND j.match_token = i.match_token
                               AND j.person_id <> i.person_id
  LEFT JOIN sync_person_canon k ON k.person_id = j.person_id
 WHERE i.status IN ('current', 'old') AND j.status IN ('current', 'old')
   AND c.canon_id <> coalesce(k.canon_id, j.person_id)
   AND NOT EXISTS (SELECT 1 FROM person_link l
                    WHERE l.person_a = min(i.person_id, j.person_id)
                      AND l.person_b = max(i.person_id, j.person_id)
                      AND l.decision = 'different'
                      AND NOT EXISTS (SELECT 1 FROM person_link s
                                       WHERE s.supersedes_id = l.link_id));

CREATE VIEW inv_18_beneficiary_no_clash AS
SELECT c.canon_id AS about,
       substr(max(p.recorded_at, q.recorded_at), 1, 10) AS day,
       substr(max(p.recorded_at, q.recorded_at), 1, 10) AS since,
       min(p.origin_site, q.origin_site) AS site_a,
       max(p.origin_site, q.origin_site) AS site_b,
       min(p.person_id, q.person_id) AS person_a,
       max(p.person_id, q.person_id) AS person_b,
       min(p.person_id, q.person_id) AS row_a,
       max(p.person_id, q.person_id) AS row_b,
       'number ' || p.beneficiary_no || ' is on two records' AS says
  FROM sync_person_canon c
 CROSS JOIN person p ON p.person_id = c.person_id
 CROSS JOIN person q ON q.beneficiary_no = p.beneficiary_no
                    AND q.person_id <> p.person_id
  LEFT JOIN sync_person_canon k ON k.person_id = q.person_id
 WHERE p.record_status = 'active' AND q.record_status = 'active'
   AND c.canon_id <> coalesce(k.canon_id, q.person_id);

CREATE VIEW inv_19_contradictory_links AS
SELECT c.canon_id AS about, substr(l.recorded_at, 1, 10) AS day,
       substr(l.recorded_at, 1, 10) AS since,
       l.origin_site AS site_a, NULL AS site_b,
       l.person_a, l.person_b, l.link_id AS row_a, NULL AS row_b,
       'found to be two at ' || l.origin_site || ', and linked through others' AS says
  FROM sync_person_canon c
 CROSS JOIN person_link l ON l.person_a = c.person_id
 CROSS JOIN sync_person_canon k ON k.person_id = l.person_b AND k.canon_id = c.canon_id
 WHERE l.decision = 'different'
   AND NOT EXISTS (SELECT 1 FROM person_link s WHERE s.supersedes_id = l.link_id);

-- The part about doses; meetings are below. What happened before the person's
-- own row was written is history that somebody brought along, and not late.
CREATE VIEW inv_20_clock_or_presigned AS
SELECT c.canon_id AS about, d.service_date AS day,
       substr(d.recorded_at, 1, 10) AS since,
       d.site_id AS site_a, NULL AS site_b, d.person_id AS person_a, NULL AS person_b,
       d.dose_id AS row_a, NULL AS row_b,
       'a dose of ' || d.service_date || ' at ' || d.site_id || ' was written on '
         || substr(d.recorded_at, 1, 10) AS says
  FROM sync_person_canon c
 CROSS JOIN v_dose d ON d.person_id = c.person_id
  LEFT JOIN person p ON p.person_id = d.person_id
 WHERE d.service_date > date(d.recorded_at, '+1 day')
    OR d.occurred_at > strftime('%Y-%m-%dT%H:%M:%fZ', d.recorded_at, '+10 minutes')
    OR (julianday(d.recorded_at) - julianday(d.occurred_at) > 14
        AND d.occurred_at >= p.recorded_at);

CREATE VIEW inv_21_followup_lapsed AS
SELECT about, day, date(day, '+31 days') AS since, site_a, NULL AS site_b, person_a,
       NULL AS person_b, row_a, NULL AS row_b,
       'the next contact by ' || site_a || ' was due on ' || day AS says
  FROM (SELECT e.canon_id AS about, e.owner_site AS site_a, e.person_id AS person_a,
               e.enrolment_id AS row_a,
               coalesce((SELECT max(coalesce(f.next_due_on, f.done_on)) FROM followup f
                          WHERE f.enrolment_id = e.enrolment_id
                            AND NOT EXISTS (SELECT 1 FROM followup n
                                             WHERE n.supersedes_id = f.followup_id)),
                        e.started_on, substr(e.recorded_at, 1, 10)) AS day
          FROM v_enrolment e
         WHERE +e.programme = 'aftercare' AND e.status = 'active');

CREATE VIEW inv_22_owner_without_handover AS
SELECT e.canon_id AS about, coalesce(e.started_on, substr(e.recorded_at, 1, 10)) AS day,
       coalesce(e.started_on, substr(e.recorded_at, 1, 10)) AS since,
       e.owner_site AS site_a, e.origin_site AS site_b,
       e.person_id AS person_a, NULL AS person_b,
       e.enrolment_id AS row_a, NULL AS row_b,
       'owner ' || e.owner_epoch || ' is ' || e.owner_site
         || '; no referral to it was accepted' AS says
  FROM v_enrolment e
 WHERE e.owner_epoch > 1
   AND NOT EXISTS (SELECT 1 FROM referral r
                    WHERE r.enrolment_id = e.enrolment_id AND r.to_site = e.owner_site
                      AND r.offered_epoch = e.owner_epoch - 1
                      AND r.receiver_status IN ('accepted', 'attended', 'closed'));

-- A site may dose who is enrolled there; who was sent there and accepted; who
-- was sent away and has not been taken yet; and who is held there.
CREATE VIEW inv_23_dose_at_unauthorised_site AS
SELECT d.canon_id AS about, d.service_date AS day, d.service_date AS since,
       d.site_id AS site_a, NULL AS site_b, d.person_id AS person_a, NULL AS person_b,
       d.dose_id AS row_a, NULL AS row_b,
       'dosed at ' || d.site_id || ' on ' || d.service_date AS says
  FROM v_agonist_dose d
 WHERE NOT EXISTS (SELECT 1 FROM v_enrolment e
                    WHERE e.canon_id = d.canon_id AND e.owner_site = d.site_id
                      AND e.programme IN ('OOAT', 'OST', 'detox'))
   AND NOT EXISTS (SELECT 1 FROM sync_person_canon k
                    CROSS JOIN referral r ON r.person_id = k.person_id
                    WHERE k.canon_id = d.canon_id
                      AND ((r.to_site = d.site_id AND r.sender_status = 'offered'
                            AND r.receiver_status IN ('accepted', 'attended', 'closed')
                            AND d.service_date BETWEEN r.offered_on
                                                   AND coalesce(r.valid_to, '9999'))
                        OR (r.from_site = d.site_id
                            AND r.kind IN ('transfer_of_care', 'prison_release',
                                           'prison_admission')
                            AND d.service_date <= coalesce(r.receiver_on, '9999'))))
   AND NOT EXISTS (SELECT 1 FROM v_stay t
                    WHERE t.canon_id = d.canon_id AND t.site_id = d.site_id
                      AND t.came_at <= d.occurred_at
                      AND d.occurred_at <= coalesce(t.left_at, '9999'));

-- ----------------------------------------------------- rules about workers --

CREATE VIEW inv_10_mentor_over_caseload AS
SELECT about, day, day AS since, site_a, NULL AS site_b, NULL AS person_a,
       NULL AS person_b, about AS row_a, NULL AS row_b,
       mentees || ' people; the limit is ' || CAST(cap AS INTEGER) AS says
  FROM (SELECT w.about, w.site_a, w.day, w.mentees,
               coalesce(w.max_caseload,
                        (SELECT p.value_num FROM v_param p
                          WHERE p.key = 'mentor_max_caseload'
                            AND w.day BETWEEN p.valid_from AND p.valid_to
                            AND (p.scope_kind = 'all' OR p.scope_value =
                                 CASE p.scope_kind WHEN 'site' THEN w.site_a
                                                   WHEN 'district' THEN w.district_code END)
                          ORDER BY instr('site item programme district all', p.scope_kind),
                                   p.valid_from DESC
                          LIMIT 1)) AS cap
          FROM (SELECT w.worker_id AS about, w.home_site AS site_a, w.district_code,
                       w.max_caseload,
                       (SELECT max(m.started_on) FROM mentor_assignment m
                         WHERE m.worker_id = w.worker_id AND m.status = 'active') AS day,
                       (SELECT count(DISTINCT coalesce(c.canon_id, m.person_id))
                          FROM mentor_assignment m
                          LEFT JOIN sync_person_canon c ON c.person_id = m.person_id
                         WHERE m.worker_id = w.worker_id AND m.status = 'active') AS mentees
                  FROM worker w) AS w)
 WHERE mentees > cap;

-- An assignment is a breach from the day after its last credential ends; a
-- meeting in a prison, if there was no clearance that day.
CREATE VIEW inv_11_lapsed_credential_in_use AS
SELECT about, since AS day, since, site_a, NULL AS site_b, person_a, NULL AS person_b,
       row_a, NULL AS row_b,
       'a mentor at ' || site_a || ' without a valid certificate since ' || since AS says
  FROM (SELECT m.worker_id AS about, m.site_id AS site_a, m.person_id AS person_a,
               m.assignment_id AS row_a,
               (SELECT CASE WHEN count(*) = 0 THEN m.started_on
                            WHEN count(k.expires_on) = count(*)
                            THEN max(m.started_on, date(max(k.expires_on), '+1 day')) END
                  FROM worker_credential k
                 WHERE k.worker_id = m.worker_id AND k.status = 'active'
                   AND k.kind IN ('mentor_cert', 'peer_cert')) AS since
          FROM mentor_assignment m
         WHERE m.status = 'active')
 WHERE since IS NOT NULL
UNION ALL
SELECT s.lead_worker, s.held_on, s.held_on, s.site_id, NULL, NULL, NULL,
       s.session_id, NULL,
       'led a meeting at ' || s.site_id || ' on ' || s.held_on || ' without a clearance'
  FROM peer_session s
 CROSS JOIN ref_site t ON t.site_id = s.site_id AND t.kind = 'prison'
 WHERE s.lead_worker IS NOT NULL AND s.outcome = 'held'
   AND coalesce(s.led_by, '') <> 'inmate_peers'
   AND NOT EXISTS (SELECT 1 FROM peer_session n WHERE n.supersedes_id = s.session_id)
   AND NOT EXISTS (SELECT 1 FROM worker_credential k
                    WHERE k.worker_id = s.lead_worker AND k.kind = 'facility_clearance'
                      AND k.scope_site = s.site_id AND k.status IN ('active', 'expired')
                      AND s.held_on BETWEEN k.issued_on AND coalesce(k.expires_on, '9999'));

-- ------------------------------------------------------- rules about sites --

-- A count is held against the count before it and what happened in between, so
-- that one loss is told once. The first count is held against an empty shelf.
CREATE VIEW inv_13_stock_mismatch AS
SELECT about, day, day AS since, about AS site_a, NULL AS site_b, NULL AS person_a,
       NULL AS person_b, row_a, NULL AS row_b,
       item_code || ' at ' || about || ' on ' || day || ': counted ' || counted
         || ', by the books ' || expected AS says
  FROM (SELECT c.site_id AS about, c.occurred_on AS day, c.item_code, c.stock_id AS row_a,
               c.qty AS counted,
               coalesce(b.qty, 0)
               + (SELECT coalesce(sum(CASE WHEN l.kind IN ('receipt', 'transfer_in',
                                                           'returned', 'printed')
                                           THEN l.qty
                                           WHEN l.kind = 'count' THEN 0
                                           ELSE -l.qty END), 0)
                    FROM stock_event l
                   WHERE l.site_id = c.site_id AND l.item_code = c.item_code
                     AND l.occurred_on > coalesce(b.occurred_on, '')
                     AND l.occurred_on <= c.occurred_on)
               - (SELECT coalesce(sum(d.units), 0) FROM v_dose d
                   WHERE d.site_id = c.site_id AND d.item_code = c.item_code
                     AND d.service_date > coalesce(b.occurred_on, '')
                     AND d.service_date <= c.occurred_on) AS expected
          FROM stock_event c
          LEFT JOIN stock_event b ON b.stock_id =
               (SELECT p.stock_id FROM stock_event p
                 WHERE p.site_id = c.site_id AND p.item_code = c.item_code
                   AND p.kind = 'count'
                   AND (p.occurred_on, p.stock_id) < (c.occurred_on, c.stock_id)
                 ORDER BY p.occurred_on DESC, p.stock_id DESC LIMIT 1)
         WHERE c.kind = 'count')
 WHERE counted <> expected;

CREATE VIEW inv_14_shipment_lost AS
SELECT about, date(sent_on, '+7 days') AS day, date(sent_on, '+8 days') AS since,
       about AS site_a, site_b, NULL AS person_a, NULL AS person_b,
       row_a, NULL AS row_b,
       qty || ' of ' || item_code || ' sent on ' || sent_on || ' to '
         || coalesce(site_b, 'nobody named') || '; ' || received || ' arrived' AS says
  FROM (SELECT o.site_id AS about, o.occurred_on AS sent_on, o.counterparty_site AS site_b,
               o.stock_id AS row_a, o.item_code, o.qty,
               (SELECT coalesce(sum(i.qty), 0) FROM stock_event i
                 WHERE i.shipment_ref = o.shipment_ref AND i.kind = 'transfer_in'
                   AND i.item_code = o.item_code) AS received
          FROM stock_event o
         WHERE o.kind = 'transfer_out')
 WHERE received <> qty;

-- The part of rule 20 about meetings.
CREATE VIEW inv_20_session_presigned AS
SELECT s.site_id AS about, s.held_on AS day, substr(s.recorded_at, 1, 10) AS since,
       s.site_id AS site_a, NULL AS site_b, NULL AS person_a, NULL AS person_b,
       s.session_id AS row_a, NULL AS row_b,
       'a meeting of ' || s.held_on || ' at ' || s.site_id || ' was written on '
         || substr(s.recorded_at, 1, 10) AS says
  FROM peer_session s
 WHERE s.held_on > date(s.recorded_at, '+1 day')
   AND NOT EXISTS (SELECT 1 FROM peer_session n WHERE n.supersedes_id = s.session_id);

-- --------------------------------------------------------------- together ---

-- What the rules say of one person, worker or site: `about = ?`.
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
UNION ALL SELECT '23', * FROM inv_23_dose_at_unauthorised_site;

CREATE VIEW v_found_worker AS
          SELECT '10' AS rule, * FROM inv_10_mentor_over_caseload
UNION ALL SELECT '11', * FROM inv_11_lapsed_credential_in_use;

CREATE VIEW v_found_site AS
          SELECT '13' AS rule, * FROM inv_13_stock_mismatch
UNION ALL SELECT '14', * FROM inv_14_shipment_lost
UNION ALL SELECT '20', * FROM inv_20_session_presigned;

-- ----------------------------------------------------- whom to look at -----

-- Whom a touched row of a table is about, where its scope is no person: ask with
-- the table and the key. A link is followed in store/judge.c.
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
 WHERE t.about IN ('ref_item', 'ref_site', 'ref_parameter');

-- Sites from which more may come about a person, by who stands for it.
CREATE VIEW v_person_site AS
SELECT e.canon_id, e.owner_site AS site_id FROM v_enrolment e
UNION ALL
SELECT c.canon_id, r.from_site
  FROM sync_person_canon c CROSS JOIN referral r ON r.person_id = c.person_id
UNION ALL
SELECT c.canon_id, r.to_site
  FROM sync_person_canon c CROSS JOIN referral r ON r.person_id = c.person_id
UNION ALL
SELECT v.canon_id, v.site_id FROM v_custody v;

-- ----------------------------------------------------------------- to read --

-- The last day of which all that an installation wrote is here: it wrote
-- something after that day had ended everywhere. One's own site is complete
-- through today.
CREATE VIEW v_node_complete AS
SELECT c.site AS site_id,
       CASE WHEN c.site = (SELECT site_id FROM sync_self) THEN '@today'
            ELSE date((o.head_hlc >> 16) / 1000.0, 'unixepoch', '-36 hours')
            END AS complete_through
  FROM sync_certificate c
  LEFT JOIN sync_origin o ON o.node = c.node AND o.head_seq > 0
 WHERE c.site IS NOT NULL;

-- The same of a site, by the last of its installations that was heard of.
CREATE VIEW v_site_complete AS
SELECT site_id, max(complete_through) AS complete_through
  FROM v_node_complete GROUP BY site_id;

-- What people did about breaches.
CREATE VIEW v_breach_act AS
SELECT act_id, breach_id, person_id, NULL AS site_id, act, note, origin_site,
       recorded_at, recorded_by
  FROM breach_act
UNION ALL
SELECT act_id, breach_id, NULL, site_id, act, note, origin_site, recorded_at, recorded_by
  FROM site_breach_act;

-- What is a breach today. Resolved, and not a problem, go before acknowledged;
-- of two such acts the later one shows.
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
       r.waits = 1
         AND EXISTS (SELECT 1
                       FROM (SELECT value AS site_id FROM json_each(b.sites)
                             UNION SELECT b.site_a WHERE b.site_a IS NOT NULL
                             UNION SELECT b.site_b WHERE b.site_b IS NOT NULL) AS s
                       LEFT JOIN heard h ON h.site_id = s.site_id
                      WHERE coalesce(h.complete_through, '') < b.day) AS provisional,
                                                   -- 1: a row that is missing may still come
       coalesce((SELECT a.act FROM breach_act a WHERE a.breach_id = b.breach_id
                  ORDER BY a.act = 'acknowledged', a.recorded_at DESC, a.act_id DESC LIMIT 1),
                (SELECT a.act FROM site_breach_act a WHERE a.breach_id = b.breach_id
                  ORDER BY a.act = 'acknowledged', a.recorded_at DESC, a.act_id DESC LIMIT 1),
                'open') AS status,                 -- open, acknowledged, resolved, not_a_problem
       b.found_at                                  -- when this node first found it
  FROM sync_breach b
  JOIN v_rule r ON r.rule = b.rule
 WHERE b.since <= '@today';
