-- 0010: what programmes are judged by: K01 to K20, counted from the rows and never
-- stored.
--
--   SELECT place, split, num, den FROM v_indicator
--    WHERE indicator = 'K05' AND period = '2026-09';
--
-- The indexes here must not tempt SQLite away from those by person: with one of
-- custody by site, v_dose_check took eighteen times as many steps.
--
-- How to read this file
--   Each view ind_NN_* gives period, place, split, num, den. A rate is num / den;
--   den is NULL where the figure is a count. v_indicator_list says what they are
--   of. A period is a month ('2026-09'), a quarter ('2026-Q3') or a year ('2026');
--   'now' is today. CROSS JOIN is SQLite's word for "in this order": period,
--   then site, then its rows by an index; +column is its word for "by another
--   index". Persons count once they were looked at by the rules
--   (sync_person_canon), moments after they came; linked persons count as one.
--   pub_indicator is for the public: small cells are hidden.

CREATE INDEX custody_kind_day ON custody_event(kind, occurred_at);
CREATE INDEX referral_offered ON referral(offered_on);
CREATE INDEX followup_due ON followup(due_on);
CREATE INDEX enrolment_ended ON enrolment(programme, ended_on);
CREATE INDEX placement_status ON placement(status_on);
CREATE INDEX training_completed ON training_record(completed_on);
CREATE INDEX sync_breach_rule ON sync_breach(rule, day);

-- ------------------------------------------------------------- foundations --

-- The business day here, and the one before it.
CREATE VIEW v_today AS
SELECT '@today' AS today, date('@today', '-1 day') AS yesterday;

CREATE VIEW v_period AS
WITH RECURSIVE month(day) AS (
  SELECT '2015-01-01'
  UNION ALL
  SELECT date(day, '+1 month') FROM month
   WHERE day < date('@today', 'start of month')
)
SELECT substr(day, 1, 7) AS period, 'month' AS kind, day AS first_day,
       date(day, '+1 month', '-1 day') AS last_day
  FROM month
UNION ALL
SELECT substr(day, 1, 4) || '-Q' || ((CAST(substr(day, 6, 2) AS INTEGER) + 2) / 3),
       'quarter', day, date(day, '+3 months', '-1 day')
  FROM month WHERE substr(day, 6, 2) IN ('01', '04', '07', '10')
UNION ALL
SELECT substr(day, 1, 4), 'year', day, date(day, '+1 year', '-1 day')
  FROM month WHERE substr(day, 6, 2) = '01';

-- Sites that were open on a day of the period.
CREATE VIEW v_site_open AS
SELECT p.period, p.kind AS period_kind, p.first_day, p.last_day,
       s.site_id, s.kind, s.department, s.district_code
  FROM v_period p
 CROSS JOIN ref_site s
 WHERE s.valid_from <= p.last_day
   AND coalesce(s.valid_to, '9999') >= p.first_day;

CREATE VIEW v_session AS
SELECT s.*
  FROM peer_session s
 WHERE NOT EXISTS (SELECT 1 FROM peer_session n WHERE n.supersedes_id = s.session_id);

-- Persons with a day covered by an agonist in the 28 days up to the end of the
-- period, by the district that dosed them; in two, where two did. Once for each
-- dose: count them DISTINCT (a DISTINCT here would keep SQLite from handing the
-- period down through the GROUP BY of who asks, and all months would be counted).
CREATE VIEW v_on_treatment AS
SELECT p.period, p.kind AS period_kind, p.last_day, s.district_code, c.canon_id
  FROM v_period p
 CROSS JOIN ref_site s
 CROSS JOIN v_dose d ON d.site_id = s.site_id
                    AND d.service_date BETWEEN date(p.last_day, '-62 days') AND p.last_day
 CROSS JOIN sync_person_canon c ON c.person_id = d.person_id
 WHERE d.opioid_agonist = 1
   AND d.covered_from <= p.last_day
   AND d.covered_until >= date(p.last_day, '-27 days');

-- The first agonist dose of each person, of all records that are linked.
CREATE VIEW v_start AS
SELECT c.canon_id, min(d.service_date) AS started_on, d.site_id
  FROM sync_person_canon c
 CROSS JOIN dose_event d ON d.dose_id =
       (SELECT x.dose_id FROM v_dose x
         WHERE x.person_id = c.person_id AND x.opioid_agonist = 1
         ORDER BY x.service_date, x.occurred_at, x.dose_id LIMIT 1)
 GROUP BY c.canon_id;

-- Work that a person has or had.
CREATE VIEW v_work AS
SELECT w.*
  FROM placement w
 WHERE w.kind IN ('job', 'self_employment')
   AND w.status IN ('placed', 'retained_3m', 'retained_6m');

-- ---------------------------------------------------------- peer support ---

CREATE VIEW ind_01_prison_peer_reach AS
SELECT s.period, s.district_code AS place, '' AS split,
       sum(EXISTS (SELECT 1 FROM v_session x
                    WHERE x.site_id = s.site_id AND x.outcome = 'held'
                      AND x.held_on BETWEEN s.first_day AND s.last_day)) AS num,
       count(*) AS den
  FROM v_site_open s
 WHERE s.kind = 'prison'
 GROUP BY s.period, s.district_code;

-- Of each group the mean attendance of its meetings, summed. Both of these ask for
-- each open site, so that a period is handed down to the meetings.
CREATE VIEW ind_02_peer_attendees AS
SELECT s.period, s.site_id AS place, w.column1 AS split,
       (SELECT CASE w.column1 WHEN 'women' THEN 0
                              ELSE CAST(round(sum(g.people)) AS INTEGER) END
             + CAST(round(sum(g.women)) AS INTEGER)
               * CASE w.column1 WHEN 'women' THEN 1 ELSE -1 END
          FROM (SELECT avg(x.headcount) AS people,
                       avg(coalesce(x.headcount_female, 0)) AS women
                  FROM v_session x
                 WHERE x.site_id = s.site_id
                   AND x.held_on BETWEEN s.first_day AND s.last_day
                   AND x.outcome = 'held' AND x.headcount IS NOT NULL
                 GROUP BY x.group_id) g) AS num,
       NULL AS den
  FROM v_site_open s
 CROSS JOIN (VALUES ('women'), ('others')) AS w
 WHERE EXISTS (SELECT 1 FROM v_session x
                WHERE x.site_id = s.site_id
                  AND x.held_on BETWEEN s.first_day AND s.last_day
                  AND x.outcome = 'held' AND x.headcount IS NOT NULL);

CREATE VIEW v_attempt AS
SELECT x.site_id, x.held_on, x.outcome IN ('denied_entry', 'cancelled_facility') AS refused,
       coalesce(x.denial_reason, 'no reason given') AS reason
  FROM v_session x
 WHERE x.outcome <> 'cancelled_team';

-- A row for each reason; one without where nothing was refused.
CREATE VIEW ind_03_gate_refusal AS
SELECT s.period, s.site_id AS place,
       CASE WHEN a.refused THEN a.reason ELSE '' END AS split,
       sum(a.refused) AS num,
       (SELECT count(*) FROM v_attempt y
         WHERE y.site_id = s.site_id
           AND y.held_on BETWEEN s.first_day AND s.last_day) AS den
  FROM v_site_open s
 CROSS JOIN v_attempt a ON a.site_id = s.site_id
                       AND a.held_on BETWEEN s.first_day AND s.last_day
 WHERE a.refused
    OR NOT EXISTS (SELECT 1 FROM v_attempt y
                    WHERE y.site_id = s.site_id AND y.refused
                      AND y.held_on BETWEEN s.first_day AND s.last_day)
 GROUP BY s.period, s.site_id, split;

CREATE VIEW ind_04_inmate_led AS
SELECT s.period, s.site_id AS place, '' AS split,
       sum(coalesce(x.led_by, '') = 'inmate_peers') AS num, count(*) AS den
  FROM v_site_open s
 CROSS JOIN v_session x ON x.site_id = s.site_id
                       AND x.held_on BETWEEN s.first_day AND s.last_day
 WHERE x.outcome = 'held'
 GROUP BY s.period, s.site_id;

-- --------------------------------------------------------------- treatment --

CREATE VIEW ind_05_on_treatment AS
SELECT t.period, t.district_code AS place,
       coalesce(n.sex, 'unknown') || ', ' ||
       CASE WHEN n.birth_year IS NULL THEN 'age unknown'
            WHEN CAST(substr(t.last_day, 1, 4) AS INTEGER) - n.birth_year < 25 THEN 'under 25'
            ELSE '25 and over' END AS split,
       count(DISTINCT t.canon_id) AS num, NULL AS den
  FROM v_on_treatment t
  LEFT JOIN person n ON n.person_id = t.canon_id
 GROUP BY t.period, t.district_code, split;

-- Estimates are parameters with their authority: est_opioid_dependent.
CREATE VIEW ind_06_oat_coverage AS
SELECT t.period, t.district_code AS place, '' AS split,
       count(DISTINCT t.canon_id) AS num,
       (SELECT CAST(q.value_num AS INTEGER) FROM v_param q
         WHERE q.key = 'est_opioid_dependent' AND q.scope_kind = 'district'
           AND q.scope_value = t.district_code
           AND t.last_day BETWEEN q.valid_from AND q.valid_to
         ORDER BY q.valid_from DESC LIMIT 1) AS den
  FROM v_on_treatment t
 GROUP BY t.period, t.district_code;

-- Who started in the period, and 3, 6 and 12 months later had a covered day in
-- the 28 days before, anywhere. Only who could: the day has come, and all is here
-- of the sites concerned.
CREATE VIEW ind_07_retention AS
WITH heard AS MATERIALIZED (SELECT site_id, complete_through FROM v_site_complete),
due AS (
  SELECT p.period, s.district_code, b.canon_id, m.column1 AS months,
         date(b.started_on, '+' || m.column1 || ' months') AS day
    FROM v_period p
   CROSS JOIN v_start b ON b.started_on BETWEEN p.first_day AND p.last_day
   CROSS JOIN ref_site s ON s.site_id = b.site_id
   CROSS JOIN (VALUES (3), (6), (12)) AS m
)
SELECT d.period, d.district_code AS place,
       d.months || ' months, ' || coalesce(n.sex, 'unknown') AS split,
       sum(EXISTS (SELECT 1 FROM v_agonist_dose x
                    WHERE x.canon_id = d.canon_id
                      AND x.service_date BETWEEN date(d.day, '-62 days') AND d.day
                      AND x.covered_from <= d.day
                      AND x.covered_until >= date(d.day, '-27 days'))) AS num,
       count(*) AS den
  FROM due d
  LEFT JOIN person n ON n.person_id = d.canon_id
 WHERE d.day <= '@today'
   AND NOT EXISTS (SELECT 1 FROM v_person_site v
                     LEFT JOIN heard h ON h.site_id = v.site_id
                    WHERE v.canon_id = d.canon_id
                      AND coalesce(h.complete_through, '') < d.day)
 GROUP BY d.period, d.district_code, split;

CREATE VIEW ind_08_release_continuity AS
WITH gone AS (
  SELECT p.period, e.site_id, c.canon_id, date(e.occurred_at) AS day
    FROM v_period p
   CROSS JOIN v_custody_live e ON e.kind = 'released'
         AND e.occurred_at BETWEEN p.first_day AND date(p.last_day, '+1 day')
   CROSS JOIN sync_person_canon c ON c.person_id = e.person_id
   WHERE EXISTS (SELECT 1 FROM v_agonist_dose d
                  WHERE d.canon_id = c.canon_id
                    AND d.service_date BETWEEN date(e.occurred_at, '-42 days')
                                           AND date(e.occurred_at)
                    AND d.covered_until >= date(e.occurred_at, '-7 days'))
)
SELECT g.period, g.site_id AS place, 'within ' || w.column1 || ' days' AS split,
       sum(EXISTS (SELECT 1 FROM v_agonist_dose d
                    JOIN ref_site t ON t.site_id = d.site_id AND t.kind <> 'prison'
                   WHERE d.canon_id = g.canon_id
                     AND d.service_date BETWEEN g.day
                                            AND date(g.day, '+' || w.column1 || ' days'))) AS num,
       count(*) AS den
  FROM gone g
 CROSS JOIN (VALUES (3), (21)) AS w
 GROUP BY g.period, g.site_id, w.column1;

CREATE VIEW ind_09_referral_completion AS
SELECT p.period, coalesce(r.to_department, t.department, 'unknown') AS place, r.kind AS split,
       sum(r.receiver_status IN ('attended', 'closed')
           AND r.receiver_on <= coalesce(r.due_on, r.receiver_on)) AS num,
       count(*) AS den
  FROM v_period p
 CROSS JOIN referral r ON r.offered_on BETWEEN p.first_day AND p.last_day
  LEFT JOIN ref_site t ON t.site_id = r.to_site
 WHERE +r.sender_status = 'offered'
 GROUP BY p.period, place, r.kind;

CREATE VIEW ind_10_followup_done AS
SELECT p.period, coalesce(s.district_code, 'unknown') AS place, f.department AS split,
       sum(f.result = 'contacted'
           AND coalesce(abs(julianday(f.done_on) - julianday(f.due_on)) <= 14, 0)) AS num,
       count(*) AS den
  FROM v_period p
 CROSS JOIN followup f ON f.due_on BETWEEN p.first_day AND p.last_day
  LEFT JOIN ref_site s ON s.site_id = f.origin_site
 WHERE NOT EXISTS (SELECT 1 FROM followup n WHERE n.supersedes_id = f.followup_id)
 GROUP BY p.period, place, f.department;

-- --------------------------------------------------------- work and training --

CREATE VIEW ind_11_labour_outcome AS
SELECT p.period, s.district_code AS place, coalesce(n.sex, 'unknown') AS split,
       count(DISTINCT CASE WHEN EXISTS (
           SELECT 1 FROM sync_person_canon k
            CROSS JOIN v_work w ON w.person_id = k.person_id
            WHERE k.canon_id = c.canon_id
              AND w.status_on BETWEEN coalesce(e.started_on, e.ended_on)
                                  AND date(e.ended_on, '+6 months')) THEN c.canon_id END) AS num,
       count(DISTINCT c.canon_id) AS den
  FROM v_period p
 CROSS JOIN enrolment e ON e.programme = 'labour_guidance'
                       AND e.ended_on BETWEEN p.first_day AND p.last_day
 CROSS JOIN sync_person_canon c ON c.person_id = e.person_id
 CROSS JOIN ref_site s ON s.site_id = e.owner_site
  LEFT JOIN person n ON n.person_id = c.canon_id
 WHERE e.status <> 'entered_in_error'
 GROUP BY p.period, s.district_code, split;

CREATE VIEW ind_12_job_in_trade AS
SELECT p.period, w.owner_site AS place, '' AS split,
       sum(coalesce(w.matches_training, 0)) AS num, count(*) AS den
  FROM v_period p
 CROSS JOIN v_work w ON w.status_on BETWEEN p.first_day AND p.last_day
 WHERE w.training_id IS NOT NULL OR w.course_id IS NOT NULL
 GROUP BY p.period, w.owner_site;

CREATE VIEW ind_13_mentors_qualified AS
SELECT p.period, coalesce(t.cohort, 'no cohort') AS place, '' AS split,
       sum(t.sessions_held > 0
           AND 1.0 * t.sessions_attended / t.sessions_held >= c.pass_attendance
           AND (NOT c.practical_required OR coalesce(t.practical, '') = 'pass')) AS num,
       count(*) AS den
  FROM v_period p
 CROSS JOIN training_record t ON t.completed_on BETWEEN p.first_day AND p.last_day
 CROSS JOIN ref_course c ON c.course_id = t.course_id AND c.kind IN ('mentor', 'peer')
 WHERE NOT EXISTS (SELECT 1 FROM training_record n WHERE n.supersedes_id = t.training_id)
 GROUP BY p.period, place;

CREATE VIEW ind_14_mentee_concentration AS
SELECT 'now' AS period, d.district_code AS place, '' AS split,
       (SELECT count(DISTINCT coalesce(c.canon_id, m.person_id))
          FROM mentor_assignment m
          LEFT JOIN sync_person_canon c ON c.person_id = m.person_id
         WHERE m.status = 'active' AND m.district_code = d.district_code) AS num,
       (SELECT count(*) FROM worker w
         WHERE w.kind = 'mentor' AND w.status = 'active'
           AND w.district_code = d.district_code) AS den
  FROM (SELECT DISTINCT district_code FROM ref_site) d;

-- ------------------------------------------------------- safety, stock, data --

CREATE VIEW ind_15_dose_safety AS
WITH given AS (
  SELECT s.period, s.district_code, s.first_day, s.last_day,
         sum((SELECT count(*) FROM v_dose d
               WHERE d.site_id = s.site_id
                 AND d.service_date BETWEEN s.first_day AND s.last_day)) AS doses
    FROM v_site_open s
   GROUP BY s.period, s.district_code
)
SELECT g.period, g.district_code AS place, '' AS split,
       (SELECT count(*) FROM sync_breach b
          JOIN ref_site t ON t.site_id = b.site_a
         WHERE b.rule IN ('01', '02') AND b.day BETWEEN g.first_day AND g.last_day
           AND t.district_code = g.district_code) AS num,
       g.doses AS den
  FROM given g
 WHERE g.doses > 0;

-- On the shelf, from the last count on; and what is used in a day, by the last 28.
CREATE VIEW ind_16_stock_days AS
WITH last AS (
  SELECT site_id, item_code,
         max(CASE kind WHEN 'count' THEN occurred_on END) AS counted_on
    FROM stock_event GROUP BY site_id, item_code
)
SELECT 'now' AS period, l.site_id AS place, l.item_code AS split,
       coalesce((SELECT c.qty FROM stock_event c
                  WHERE c.site_id = l.site_id AND c.item_code = l.item_code
                    AND c.kind = 'count' AND c.occurred_on = l.counted_on
                  ORDER BY c.stock_id DESC LIMIT 1), 0)
       + (SELECT coalesce(sum(CASE WHEN e.kind IN ('receipt', 'transfer_in', 'returned', 'printed')
                                   THEN e.qty WHEN e.kind = 'count' THEN 0
                                   ELSE -e.qty END), 0)
            FROM stock_event e
           WHERE e.site_id = l.site_id AND e.item_code = l.item_code
             AND e.occurred_on > coalesce(l.counted_on, ''))
       - (SELECT coalesce(sum(d.units), 0) FROM v_dose d
           WHERE d.site_id = l.site_id AND d.item_code = l.item_code
             AND d.service_date > coalesce(l.counted_on, '')) AS num,
       (SELECT sum(d.units) / 28.0 FROM v_dose d
         WHERE d.site_id = l.site_id AND d.item_code = l.item_code
           AND d.service_date BETWEEN date('@today', '-27 days') AND '@today') AS den
  FROM last l;

CREATE VIEW ind_17_sites_current AS
SELECT 'now' AS period, s.district_code AS place, '' AS split,
       sum(coalesce(h.complete_through, '') >= date('@today', '-1 day')) AS num,
       count(*) AS den
  FROM ref_site s
  LEFT JOIN v_site_complete h ON h.site_id = s.site_id
 WHERE s.valid_from <= '@today' AND coalesce(s.valid_to, '9999') >= '@today'
 GROUP BY s.district_code;

CREATE VIEW ind_18_admission_screening AS
SELECT p.period, e.site_id AS place, '' AS split,
       sum(EXISTS (SELECT 1 FROM sync_person_canon k
                    CROSS JOIN assessment a ON a.person_id = k.person_id
                    WHERE k.canon_id = c.canon_id AND a.instrument IN ('ASSIST', 'COWS')
                      AND a.performed_on BETWEEN date(e.occurred_at)
                                             AND date(e.occurred_at, '+2 days'))) AS num,
       count(*) AS den
  FROM v_period p
 CROSS JOIN v_custody_live e ON e.kind = 'admitted'
       AND e.occurred_at BETWEEN p.first_day AND date(p.last_day, '+1 day')
 CROSS JOIN sync_person_canon c ON c.person_id = e.person_id
 GROUP BY p.period, e.site_id;

-- A contact is a counselling note, which only its site holds until sealing is
-- built, or a person who came on a referral for counselling.
CREATE VIEW ind_19_three_pillars AS
SELECT s.period, s.district_code AS place, '' AS split,
       sum(EXISTS (SELECT 1 FROM v_dose d
                    WHERE d.site_id = s.site_id
                      AND d.service_date BETWEEN s.first_day AND s.last_day)
           AND EXISTS (SELECT 1 FROM v_session x
                        WHERE x.site_id = s.site_id AND x.outcome = 'held'
                          AND x.held_on BETWEEN s.first_day AND s.last_day)
           AND (EXISTS (SELECT 1 FROM counselling_note n
                         WHERE n.origin_site = s.site_id AND n.kind = 'counselling'
                           AND n.held_on BETWEEN s.first_day AND s.last_day)
                OR EXISTS (SELECT 1 FROM referral r
                            WHERE r.to_site = s.site_id AND r.kind = 'counselling'
                              AND r.receiver_status IN ('attended', 'closed')
                              AND r.receiver_on BETWEEN s.first_day AND s.last_day))) AS num,
       count(*) AS den
  FROM v_site_open s
 WHERE s.kind = 'ooat_clinic'
 GROUP BY s.period, s.district_code;

-- How many have a result, never which: rows that only their site holds until
-- sealing is built. Not by the month, and not below a district.
CREATE VIEW ind_20_bbv_tested AS
SELECT t.period, t.district_code AS place, '' AS split,
       count(DISTINCT CASE WHEN EXISTS (
           SELECT 1 FROM sync_person_canon k
            CROSS JOIN bbv_result r ON r.person_id = k.person_id
            WHERE k.canon_id = t.canon_id
              AND r.taken_on BETWEEN date(t.last_day, '-12 months', '+1 day')
                                 AND t.last_day) THEN t.canon_id END) AS num,
       count(DISTINCT t.canon_id) AS den
  FROM v_on_treatment t
 WHERE t.period_kind <> 'month'
 GROUP BY t.period, t.district_code;

-- ---------------------------------------------------------------- together --

-- periods: those it is meant for; people: 1, a small cell may point at somebody;
-- per: what num / den is multiplied by, 100 for a share.
CREATE VIEW v_indicator_list AS
SELECT column1 AS indicator, column2 AS title, column3 AS num_is, column4 AS den_is,
       column5 AS place_is, column6 AS periods, column7 AS people, column8 AS per
  FROM (VALUES
  ('K01', 'Prison peer reach', 'prisons with a meeting held', 'prisons open',
   'district', 'month quarter year', 0, 100),
  ('K02', 'Peer attendees', 'mean attendance of the groups, summed', NULL,
   'site', 'month quarter year', 1, NULL),
  ('K03', 'Refused at the gate', 'meetings refused or cancelled by the facility',
   'meetings attempted', 'site', 'month quarter year', 0, 100),
  ('K04', 'Led by inmates', 'meetings led by inmate peers', 'meetings held',
   'site', 'month quarter year', 0, 100),
  ('K05', 'On agonist treatment', 'people with a covered day in the last 28', NULL,
   'district', 'month quarter year', 1, NULL),
  ('K06', 'Coverage of agonist treatment', 'people on treatment',
   'people dependent on opioids, estimated', 'district', 'month quarter year', 1, 100),
  ('K07', 'Retention after 3, 6, 12 months', 'still on treatment, anywhere',
   'people who started and whose day has come', 'district', 'month quarter year', 1, 100),
  ('K08', 'Continuity after release', 'dosed in the community in time',
   'released on treatment', 'prison', 'month quarter year', 1, 100),
  ('K09', 'Referrals completed', 'attended by the day due', 'offered, not cancelled',
   'department', 'month quarter year', 1, 100),
  ('K10', 'Follow-up done', 'contacted within 14 days of the day due', 'due',
   'district', 'month quarter year', 1, 100),
  ('K11', 'In work after guidance', 'in work within 6 months',
   'people who ended guidance', 'district', 'month quarter year', 1, 100),
  ('K12', 'Work in the trade learned', 'in the trade', 'placed after a course',
   'site', 'month quarter year', 1, 100),
  ('K13', 'Mentors qualified', 'attended enough and passed', 'finished a course',
   'cohort', 'month quarter year', 1, 100),
  ('K14', 'Mentees for each mentor', 'people with a mentor', 'mentors',
   'district', 'now', 0, 1),
  ('K15', 'Dose safety', 'second doses and overlaps', 'doses',
   'district', 'month quarter year', 0, 10000),
  ('K16', 'Days of stock', 'in stock', 'used in a day', 'site', 'now', 0, 1),
  ('K17', 'Sites current', 'complete through yesterday', 'open sites',
   'district', 'now', 0, 100),
  ('K18', 'Screened on admission', 'screened within 2 days', 'admissions',
   'prison', 'month quarter year', 1, 100),
  ('K19', 'Three pillars present', 'clinics with doses, counselling and peers',
   'clinics open', 'district', 'month quarter year', 0, 100),
  ('K20', 'Tested for blood-borne viruses', 'with a result in 12 months',
   'people on treatment', 'district', 'quarter year', 1, 100));

CREATE VIEW v_indicator AS
          SELECT 'K01' AS indicator, * FROM ind_01_prison_peer_reach
UNION ALL SELECT 'K02', * FROM ind_02_peer_attendees
UNION ALL SELECT 'K03', * FROM ind_03_gate_refusal
UNION ALL SELECT 'K04', * FROM ind_04_inmate_led
UNION ALL SELECT 'K05', * FROM ind_05_on_treatment
UNION ALL SELECT 'K06', * FROM ind_06_oat_coverage
UNION ALL SELECT 'K07', * FROM ind_07_retention
UNION ALL SELECT 'K08', * FROM ind_08_release_continuity
UNION ALL SELECT 'K09', * FROM ind_09_referral_completion
UNION ALL SELECT 'K10', * FROM ind_10_followup_done
UNION ALL SELECT 'K11', * FROM ind_11_labour_outcome
UNION ALL SELECT 'K12', * FROM ind_12_job_in_trade
UNION ALL SELECT 'K13', * FROM ind_13_mentors_qualified
UNION ALL SELECT 'K14', * FROM ind_14_mentee_concentration
UNION ALL SELECT 'K15', * FROM ind_15_dose_safety
UNION ALL SELECT 'K16', * FROM ind_16_stock_days
UNION ALL SELECT 'K17', * FROM ind_17_sites_current
UNION ALL SELECT 'K18', * FROM ind_18_admission_screening
UNION ALL SELECT 'K19', * FROM ind_19_three_pillars
UNION ALL SELECT 'K20', * FROM ind_20_bbv_tested;

-- For the public. A cell from which 1 to suppress_below - 1 people could be
-- counted, or left over, shows NULL and hidden = 1 (suppress_below: a parameter, 11
-- where none is set). Where that hides one cell of a place, or one place of a
-- column, the next smallest is hidden too, or it could be worked out from a total.
CREATE VIEW pub_indicator AS
WITH least AS MATERIALIZED (
  SELECT coalesce((SELECT q.value_num FROM v_param q
                    WHERE q.key = 'suppress_below' AND q.scope_kind = 'all'
                      AND '@today' BETWEEN q.valid_from AND q.valid_to
                    ORDER BY q.valid_from DESC LIMIT 1), 11) - 1 AS most
), cell AS (
  SELECT v.*, l.people
         AND (v.num BETWEEN 1 AND most
              OR (l.per IS NOT NULL AND v.den IS NOT NULL
                  AND (v.den BETWEEN 1 AND most
                       OR v.den - v.num BETWEEN 1 AND most))) AS small
    FROM v_indicator v
    JOIN v_indicator_list l USING(indicator)
   CROSS JOIN least
), in_row AS (
  SELECT *, small
         OR (sum(small) OVER row = 1 AND num > 0
             AND row_number() OVER (PARTITION BY indicator, period, place, small
                                    ORDER BY num = 0, num, split) = 1) AS hides
    FROM cell
  WINDOW row AS (PARTITION BY indicator, period, place)
), in_column AS (
  SELECT *, hides
         OR (sum(hides) OVER down = 1 AND num > 0
             AND row_number() OVER (PARTITION BY indicator, period, split, hides
                                    ORDER BY num = 0, num, place) = 1) AS hidden
    FROM in_row
  WINDOW down AS (PARTITION BY indicator, period, split)
)
SELECT indicator, period, place, split,
       CASE WHEN NOT hidden THEN num END AS num,
       CASE WHEN NOT hidden THEN den END AS den,
       hidden
  FROM in_column;
