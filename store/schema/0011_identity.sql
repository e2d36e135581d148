-- 0011: who is who: numbers for cards that a site gives out without asking, and
-- records that may be one human being.

-- ---------------------------------------------------------------- numbers --

-- The number of a node, which goes into every beneficiary number it makes
-- (protocol/number.h). Headquarters' node writes a row for each certificate of a
-- node it does not know, and `sangam number --renew` another one; the largest of a
-- node is the one in use, and none is ever issued again. INT and not INTEGER: a
-- key that SQLite would hand out itself is refused.
CREATE TABLE ref_node_number(
  number    INT PRIMARY KEY NOT NULL               -- sixteen bits
            CHECK(number BETWEEN 1 AND 65535),
  node      TEXT NOT NULL,                         -- hash of the node's identity key, in hexadecimal
  issued_at TEXT NOT NULL                          -- when
            DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;
CREATE INDEX ref_node_number_node ON ref_node_number(node, number);

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (15, 'ref_node_number', 'reference', 2, 'all', NULL);
INSERT INTO sync_column(table_id, column_id, name, class_id, policy) VALUES
  (15, 1, 'number',    2, 'key'),
  (15, 2, 'node',      2, 'fixed'),
  (15, 3, 'issued_at', 2, 'fixed');

-- Numbers of this node that nobody has, and those that were taken. The node keeps
-- some hundreds free; their counters are behind it (local_counter) in the
-- transaction that shows them. A tool takes one in plain SQL, best in the
-- transaction that writes the person:
--   UPDATE local_number SET taken_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
--          taken_by = 'desk 2'
--    WHERE number = (SELECT number FROM v_number_free LIMIT 1)
--   RETURNING number
CREATE TABLE local_number(
  number   TEXT PRIMARY KEY NOT NULL,              -- as it is printed: 0TM-6DS-2VX
  node_no  INTEGER NOT NULL,                       -- -> ref_node_number.number: as which it was made
  taken_at TEXT,                                   -- when; NULL: it is free
  taken_by TEXT                                    -- by whom, for people
) STRICT;
CREATE INDEX local_number_free ON local_number(number) WHERE taken_at IS NULL;

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (98, 'local_number', 'local', NULL, NULL, NULL);

-- Numbers to be taken. One that a person has, because the tool that gave it out
-- did not say so or this file was put back from a copy, is not among them.
CREATE VIEW v_number_free AS
SELECT n.number
  FROM local_number n
 WHERE n.taken_at IS NULL
   AND NOT EXISTS (SELECT 1 FROM person p WHERE p.beneficiary_no = n.number);

-- ----------------------------------------------------------------- people --

-- Records that may be one human being and wait for somebody to say whether they
-- are: a pair a row, whatever it was found by. `sangam people link` and `unlink`
-- settle it. Two who were found to be two and have one number stay an alert (18),
-- for one of them needs a new card.
CREATE VIEW v_duplicate AS
SELECT b.person_a, b.person_b,
       max(b.rule = '18') AS same_number,          -- 1: both have one beneficiary number
       max(b.rule = '17') AS same_token,           -- 1: a hash of another number, or of the name, is the same
       min(b.found_at) AS found_at                 -- when it was first found here
  FROM v_breach b
 WHERE b.rule IN ('17', '18') AND b.status IN ('open', 'acknowledged')
   AND NOT EXISTS (SELECT 1 FROM person_link l
                    WHERE l.person_a = b.person_a AND l.person_b = b.person_b
                      AND l.decision = 'different'
                      AND NOT EXISTS (SELECT 1 FROM person_link s
                                       WHERE s.supersedes_id = l.link_id))
 GROUP BY b.person_a, b.person_b;
