-- 0016: what tells a replica that was put back from a copy.

-- Each start of the node, with the position of the journal it began at
-- (docs/semantics.md section 3). Neighbours' tokens name the start under which
-- they were learnt: 0, before there were any.
CREATE TABLE sync_start(
  number   INTEGER PRIMARY KEY,
  start    INTEGER NOT NULL,        -- random, as a signed number
  position INTEGER NOT NULL
) STRICT;
INSERT INTO sync_start VALUES(1, 0, 0);

ALTER TABLE sync_peer ADD COLUMN start INTEGER NOT NULL DEFAULT 0; -- of our token
-- What this node lost when it was put back is, as far as it is there, before
-- this position of the neighbour's journal; we ask for it until we hold so much.
ALTER TABLE sync_peer ADD COLUMN lost_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sync_peer ADD COLUMN lost_start INTEGER NOT NULL DEFAULT 0; -- found out in this start
