-- 0016: what tells a replica that was put back from a copy.

-- Each start of the node, with the position of the journal it began at
-- (docs/semantics.md section 3). Neighbours' tokens name the start under which
-- they were learnt: 0, before there were any. One that finds out that it was put
-- back takes another, and its run goes on.
CREATE TABLE sync_start(
  number   INTEGER PRIMARY KEY,
  start    INTEGER NOT NULL,        -- random, as a signed number
  position INTEGER NOT NULL,
  goes_on  INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO sync_start VALUES(1, 0, 0, 0);
