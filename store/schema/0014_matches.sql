-- 0014: more by which two records are found to be one person: a telephone, a
-- given name with a birth year, an ABHA number; and how much each of them says.

-- How much it says of two records that a token (or the number of their cards) is
-- the same. From 7 on, alone or together, somebody should look (rule 17): what a
-- family shares and what dozens of people of a district have is not enough.
CREATE VIEW v_match_weight(kind, weight) AS VALUES
  ('abha', 10),                     -- one person has one
  ('aadhaar_vault_ref', 10),
  ('beneficiary_no', 8),            -- issued once; may be copied from another's card
  ('ooat_no', 8), ('ost_no', 8), ('prisoner_no', 8), ('court_no', 8),
  ('name_key', 7),                  -- all of the name, a parent, sex, birth year
  ('phone', 4),                     -- a family has one
  ('name_key2', 3);                 -- a given name and a birth year; part of name_key

-- Found from either of the two, with the same id. As in 0008, and a telephone
-- only with the same given name and birth year.
DROP VIEW inv_17_possible_duplicate;
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
       'the same ' || CASE i.kind WHEN 'phone'
                           THEN 'phone, given name and birth year' ELSE i.kind END
         || ' on two records' AS says
  FROM sync_person_canon c
 CROSS JOIN person_identifier i ON i.person_id = c.person_id
 CROSS JOIN person_identifier j ON j.kind = i.kind AND j.match_token = i.match_token
                               AND j.person_id <> i.person_id
  LEFT JOIN sync_person_canon k ON k.person_id = j.person_id
 WHERE i.kind <> 'name_key2'
   AND i.status IN ('current', 'old') AND j.status IN ('current', 'old')
   AND c.canon_id <> coalesce(k.canon_id, j.person_id)
   AND (i.kind <> 'phone'
        OR EXISTS (SELECT 1 FROM person_identifier g
                    CROSS JOIN person_identifier h
                                  ON h.kind = g.kind AND h.match_token = g.match_token
                    WHERE g.person_id = i.person_id AND g.kind = 'name_key2'
                      AND h.person_id = j.person_id
                      AND g.status IN ('current', 'old')
                      AND h.status IN ('current', 'old')))
   AND NOT EXISTS (SELECT 1 FROM person_link l
                    WHERE l.person_a = min(i.person_id, j.person_id)
                      AND l.person_b = max(i.person_id, j.person_id)
                      AND l.decision = 'different'
                      AND NOT EXISTS (SELECT 1 FROM person_link s
                                       WHERE s.supersedes_id = l.link_id));

-- Tokens that a tool wrote before are looked at again.
INSERT OR IGNORE INTO sync_touched(about, id) VALUES('everyone', '');

-- As in 0011, and by what and how well each pair is found.
DROP VIEW v_duplicate;
CREATE VIEW v_duplicate AS
WITH pair AS (
  SELECT b.person_a, b.person_b,
         max(b.rule = '18') AS same_number,
         max(b.rule = '17') AS same_token,
         min(b.found_at) AS found_at
    FROM v_breach b
   WHERE b.rule IN ('17', '18') AND b.status IN ('open', 'acknowledged')
     AND NOT EXISTS (SELECT 1 FROM person_link l
                      WHERE l.person_a = b.person_a AND l.person_b = b.person_b
                        AND l.decision = 'different'
                        AND NOT EXISTS (SELECT 1 FROM person_link s
                                         WHERE s.supersedes_id = l.link_id))
   GROUP BY b.person_a, b.person_b
), evidence AS (
  SELECT p.*, 'beneficiary_no' AS kind FROM pair p WHERE p.same_number
  UNION
  SELECT p.*, i.kind
    FROM pair p
   CROSS JOIN person_identifier i ON i.person_id = p.person_a
   CROSS JOIN person_identifier j ON j.person_id = p.person_b AND j.kind = i.kind
                                 AND j.match_token = i.match_token
   WHERE i.status IN ('current', 'old') AND j.status IN ('current', 'old')
)
SELECT e.person_a, e.person_b,
       e.same_number,                              -- 1: both have one beneficiary number
       e.same_token,                               -- 1: rule 17 found them
       e.found_at,                                 -- when it was first found here
       sum(w.weight)
       - max(e.kind = 'name_key')
         * max(CASE e.kind WHEN 'name_key2' THEN w.weight ELSE 0 END)
       AS weight,                                  -- of all that is the same
       group_concat(e.kind, ', ') AS found_by      -- the kinds of it, in any order
  FROM evidence e
  JOIN v_match_weight w ON w.kind = e.kind
 GROUP BY e.person_a, e.person_b;
