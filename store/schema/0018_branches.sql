-- 0018: where incarnations of a node began, to find where its branches part
-- (store/clone.c). One in some thousand changesets begins one.

CREATE INDEX sync_changeset_start ON sync_changeset(origin_no, incarnation)
  WHERE prev_incarnation IS NOT NULL;
